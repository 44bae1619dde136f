"""How good lists of recommendations are: ranking metrics, and what lies beyond accuracy.

Every metric is one number a user or a list, so that `evaluation.bootstrap(np.mean, values)` says
how far the mean over users can be trusted.
"""

import numpy as np
import pandas as pd

from socialai.apps.recommendation.splits import USER_ITEM
from socialai.errors import UserError
from socialai.preprocessing.logs import plain_columns
from socialai.validation import (
    as_input_error,
    check_frame,
    check_number,
    check_numbers,
    find_ids,
)


def ndcg(hits: np.ndarray, n_relevant: np.ndarray) -> np.ndarray:
    """Normalised discounted cumulative gain of ranked lists with binary relevance, one a list.

    hits: (n, k), 1 where the item at that rank is relevant. n_relevant: (n,) how many items are,
    anywhere, at least 1. DCG = sum of hit / log2(1 + rank); the ideal list has its
    min(n_relevant, k) hits first (Jarvelin and Kekalainen 2002).
    """
    hits = check_numbers(hits, "hits", 0, 1, ndim=2, whole=True)
    n_relevant = check_numbers(n_relevant, "n_relevant", 1, n=len(hits), whole=True).astype(int)
    if (hits.sum(1) > n_relevant).any():
        raise UserError("a list has more hits than there are relevant items")
    k = hits.shape[1]
    discount = 1 / np.log2(np.arange(k) + 2)  # (k,)
    ideal = np.cumsum(discount)[np.minimum(n_relevant, k) - 1]  # (n,)
    return hits @ discount / ideal


def evaluate_lists(lists: pd.DataFrame, test: pd.DataFrame, k: int = 10) -> pd.DataFrame:
    """Per test user (index user_id): ndcg, precision and recall of the first k, and n_test.

    lists: user_id, item_id, rank from 1 (what `recommend` gives). test: user_id, item_id; each row
    counts as relevant, whatever its rating. A test user without a list scores 0.
    """
    k = check_number(k, "k", 1, whole=True)
    lists = check_frame(lists, [*USER_ITEM, "rank"], numeric=("rank",), once=USER_ITEM)
    rank = check_numbers(lists["rank"], "column 'rank'", 1, whole=True)
    lists = plain_columns(lists, USER_ITEM).assign(rank=rank)
    if twice := int(lists.duplicated(["user_id", "rank"]).sum()):
        raise UserError(f"{twice} rows repeat a pair of user_id and rank: a rank has one item")
    test = plain_columns(check_frame(test, USER_ITEM, once=USER_ITEM), USER_ITEM)
    n_test = test.groupby("user_id").size()
    n = n_test.to_numpy()

    # A hit is a row of both frames; ids of different types can't be compared.
    with as_input_error("lists and test"):
        found = lists[lists["rank"] <= k].merge(test, on=USER_ITEM)
    place = found["rank"].to_numpy(int) - 1
    hits = np.zeros((len(n), min(k, max(n.max(), place.max(initial=0) + 1))))
    hits[n_test.index.get_indexer(found["user_id"]), place] = 1
    scores = {
        "ndcg": ndcg(hits, n),
        "precision": hits.sum(1) / k,
        "recall": hits.sum(1) / n,
        "n_test": n,
    }
    return pd.DataFrame(scores, index=n_test.index)


def beyond_accuracy(lists: pd.DataFrame, train: pd.DataFrame) -> dict[str, float]:
    """What accuracy hides: coverage, popularity and novelty of the recommended items.

    coverage: share of the training items that appear in any list. popularity: mean share of
    training users who rated a recommended item. novelty: mean of -log2 of that share, in bits
    (Vargas and Castells 2011). lists: user_id, item_id; train: user_id, item_id.
    """
    with as_input_error("columns user_id and item_id"):  # a list, say, can't be an id
        train = plain_columns(check_frame(train, USER_ITEM), USER_ITEM).drop_duplicates()
    lists = plain_columns(check_frame(lists, USER_ITEM), USER_ITEM)
    share = train.groupby("item_id").size() / train["user_id"].nunique()
    find_ids(share.index, lists["item_id"], "item")
    of_lists = lists["item_id"].map(share)
    return {
        "coverage": lists["item_id"].nunique() / len(share),
        "popularity": of_lists.mean(),
        "novelty": -np.log2(of_lists).mean(),
    }
