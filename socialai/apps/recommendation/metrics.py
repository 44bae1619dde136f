"""How good lists of recommendations are: ranking metrics, and what lies beyond accuracy."""

import numpy as np
import pandas as pd
from scipy.stats import bootstrap

from socialai.apps.recommendation.splits import KEYS
from socialai.errors import UserError
from socialai.validation import (
    as_input_error,
    check_frame,
    check_number,
    check_numbers,
    find_ids,
)


def ndcg(hits: np.ndarray, n_relevant: np.ndarray) -> np.ndarray:
    """Normalised discounted cumulative gain of ranked lists with binary relevance, one value a list.

    hits: (n, k), 1 where the item at that rank is relevant. n_relevant: (n,) how many items are, anywhere, at least 1.
    DCG = sum of hit / log2(1 + rank); the ideal list has its min(n_relevant, k) hits first (Jarvelin, Kekalainen 2002).
    """
    hits = check_numbers(hits, "hits", 0, 1, ndim=2, whole=True)
    n_relevant = check_numbers(n_relevant, "n_relevant", 1, n=len(hits), whole=True).astype(int)
    if (hits.sum(1) > n_relevant).any():
        raise UserError("a list has more hits than there are relevant items")
    discount = 1 / np.log2(np.arange(hits.shape[1]) + 2)  # (k,)
    ideal = np.cumsum(discount)[np.minimum(n_relevant, hits.shape[1]) - 1]  # (n,)
    return hits @ discount / ideal


def evaluate_lists(lists: pd.DataFrame, test: pd.DataFrame, k: int = 10) -> pd.DataFrame:
    """Per test user (index user_id): ndcg, precision and recall of the first k of the list, and n_test.

    lists: user_id, item_id, rank from 1 (what `recommend` gives). test: user_id, item_id; each row counts as relevant,
    whatever its rating. A test user without a list scores 0.
    """
    check_numbers(
        check_frame(lists, [*KEYS, "rank"], once=KEYS)["rank"], "column 'rank'", 1, whole=True
    )
    n_test = check_frame(test, KEYS, once=KEYS).groupby("user_id").size()
    with as_input_error("lists and test"):  # ids of different types can't be compared
        found = lists[lists["rank"] <= k].merge(test[KEYS], on=KEYS)
    hits = np.zeros((len(n_test), check_number(k, "k", 1, whole=True)))
    hits[n_test.index.get_indexer(found["user_id"]), found["rank"].to_numpy(int) - 1] = 1
    n = n_test.to_numpy()
    scores = {
        "ndcg": ndcg(hits, n),
        "precision": hits.mean(1),
        "recall": hits.sum(1) / n,
        "n_test": n,
    }
    return pd.DataFrame(scores, index=n_test.index)


def mean_interval(values, seed: int = 0) -> tuple[float, float, float]:
    """(mean, low, high): the mean over users with the 95 % percentile bootstrap over users."""
    values = check_numbers(values, "values")
    if len(values) < 2:
        raise UserError(f"an interval needs two values at least; got {len(values)}")
    interval = bootstrap(
        (values,), np.mean, n_resamples=2000, method="percentile", rng=seed
    ).confidence_interval
    return float(values.mean()), float(interval.low), float(interval.high)


def beyond_accuracy(lists: pd.DataFrame, train: pd.DataFrame) -> dict[str, float]:
    """What accuracy hides. coverage: share of the training items that appear in any list; popularity: mean share of
    training users who rated a recommended item; novelty: mean of -log2 of that share, bits (Vargas and Castells 2011).
    """
    check_frame(train, KEYS)
    share = train.groupby("item_id").size() / train["user_id"].nunique()
    find_ids(share.index, check_frame(lists, KEYS)["item_id"], "item")
    of_lists, coverage = lists["item_id"].map(share), lists["item_id"].nunique() / len(share)
    return {
        "coverage": coverage,
        "popularity": of_lists.mean(),
        "novelty": -np.log2(of_lists).mean(),
    }
