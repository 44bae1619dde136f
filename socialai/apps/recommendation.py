"""Recommendation: models with one interface, the splits and the metric of the published MovieLens table.

>>> import pandas as pd
>>> from socialai.apps.recommendation import SAR
>>> rows = [("ann", "tea"), ("ann", "jam"), ("bob", "tea"), ("bob", "jam"), ("bob", "pie"), ("cyd", "tea")]
>>> ratings = pd.DataFrame(rows, columns=["user_id", "item_id"]).assign(rating=1)
>>> SAR(half_life_days=None).fit(ratings).recommend(["cyd"], k=2)["item_id"].tolist()
['jam', 'pie']

A frame of ratings has user_id, item_id and rating (larger is better), and time where a model or a split uses it. Every
model ranks the items that a user has not rated. SVD and ALS learn the ratings as numbers and can `predict` them; the
others take any rating for interest, as the published table does. Neural ones are in recommendation_neural.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from pandas.api.types import is_datetime64_any_dtype
from scipy import sparse
from scipy.stats import bootstrap
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted
from threadpoolctl import threadpool_limits

from socialai.apps import check_frame, check_matrix, check_number, check_numbers, one_line, positions, sorted_ids
from socialai.errors import UserError

KEYS = ["user_id", "item_id"]
estimator = dataclass(eq=False, repr=False)  # writes the __init__ that scikit-learn's get_params and clone read


def check_ratings(ratings: pd.DataFrame, time: bool = False) -> pd.DataFrame:
    """The frame itself if it is one of ratings, a pair of user and item at most once; else UserError, one line."""
    return check_frame(ratings, [*KEYS, "rating"] + ["time"] * time, numeric=("rating",), once=KEYS)


def split_per_user(ratings: pd.DataFrame, train: float = 0.75, seed: int = 42) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(train, test): of each user a random share `train` of the ratings is for training.

    Each user's rows are shuffled by the same seed, as recommenders' python_stratified_split did when its table was
    made: with seed 42 and the rows in the order of the file this is the very split of the published SAR row.
    """
    check_number(train, "train", 0, 1)
    parts = [rows.sample(frac=1, random_state=seed) for _, rows in check_ratings(ratings).groupby("user_id")]
    sides = zip(*((p[: round(train * len(p))], p[round(train * len(p)) :]) for p in parts), strict=True)
    return tuple(pd.concat(side) for side in sides)


def split_by_time(ratings: pd.DataFrame, train: float = 0.75, per_user: bool = False):
    """(train, test): the past and the future; one date for everybody, or of each user the last ratings (per_user)."""
    check_number(train, "train", 0, 1)
    with one_line("columns time, user_id and item_id"):
        ordered = check_ratings(ratings, time=True).sort_values(["time", *KEYS])
    if not per_user:
        return ordered[: round(train * len(ordered))], ordered[round(train * len(ordered)) :]
    by_user = ordered.groupby("user_id")
    past = by_user.cumcount() < (train * by_user["user_id"].transform("size")).round()
    return ordered[past], ordered[~past]


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
    check_numbers(check_frame(lists, [*KEYS, "rank"], once=KEYS)["rank"], "column 'rank'", 1, whole=True)
    n_test = check_frame(test, KEYS, once=KEYS).groupby("user_id").size()
    with one_line("lists and test"):  # ids of different types can't be compared
        found = lists[lists["rank"] <= k].merge(test[KEYS], on=KEYS)
    hits = np.zeros((len(n_test), check_number(k, "k", 1, whole=True)))
    hits[n_test.index.get_indexer(found["user_id"]), found["rank"].to_numpy(int) - 1] = 1
    n = n_test.to_numpy()
    scores = {"ndcg": ndcg(hits, n), "precision": hits.mean(1), "recall": hits.sum(1) / n, "n_test": n}
    return pd.DataFrame(scores, index=n_test.index)


def mean_interval(values, seed: int = 0) -> tuple[float, float, float]:
    """(mean, low, high): the mean over users with the 95 % percentile bootstrap over users."""
    values = check_numbers(values, "values")
    if len(values) < 2:
        raise UserError(f"an interval needs two values at least; got {len(values)}")
    interval = bootstrap((values,), np.mean, n_resamples=2000, method="percentile", rng=seed).confidence_interval
    return float(values.mean()), float(interval.low), float(interval.high)


def beyond_accuracy(lists: pd.DataFrame, train: pd.DataFrame) -> dict[str, float]:
    """What accuracy hides. coverage: share of the training items that appear in any list; popularity: mean share of
    training users who rated a recommended item; novelty: mean of -log2 of that share, bits (Vargas and Castells 2011).
    """
    check_frame(train, KEYS)
    share = train.groupby("item_id").size() / train["user_id"].nunique()
    positions(share.index, check_frame(lists, KEYS)["item_id"], "item")
    of_lists, coverage = lists["item_id"].map(share), lists["item_id"].nunique() / len(share)
    return {"coverage": coverage, "popularity": of_lists.mean(), "novelty": -np.log2(of_lists).mean()}


class Recommender(BaseEstimator):
    """fit(ratings), then recommend(users, k). A model fills in `_fit`, which here leaves user_ and item_factors_.

    Fitted: users_, items_ (sorted ids), seen_ (users, items) sparse 0/1.
    """

    uses_time = False

    def fit(self, ratings: pd.DataFrame, y=None):
        """Learn from a frame user_id, item_id, rating (and time where the model uses it)."""
        check_ratings(ratings, self.uses_time)
        users, items = (sorted_ids(ratings[key], f"column {key!r}") for key in KEYS)
        self.users_, self.items_ = users, self._items(items)
        u, i = np.searchsorted(self.users_, ratings["user_id"]), np.searchsorted(self.items_, ratings["item_id"])
        self.seen_ = sparse.csr_matrix((np.ones(len(u), np.float32), (u, i)), (len(self.users_), len(self.items_)))
        self._fit(u, i, ratings)
        if not np.isfinite(self.user_factors_.sum() + self.item_factors_.sum()):
            raise UserError(
                "learning diverged: give ratings or features of a smaller scale, or a smaller learning_rate"
            )
        return self

    def recommend(self, users=None, k: int = 10, candidates=None) -> pd.DataFrame:
        """The k best items that each user has not rated: user_id, item_id, rank (from 1), score.

        users: ids; candidates: ids of the items to choose from. All known ones by default, UserError for unknown ones.
        """
        check_is_fitted(self, "items_"), check_number(k, "k", 1, whole=True)
        rows = np.arange(len(self.users_)) if users is None else positions(self.users_, users, "user")
        scores = np.array(self._scores(rows), float)  # (users, items)
        scores[self.seen_[rows].toarray() > 0] = -np.inf
        if candidates is not None:
            scores[:, ~np.isin(np.arange(len(self.items_)), positions(self.items_, candidates, "item"))] = -np.inf
        best = np.argsort(-scores, axis=1, kind="stable")[:, :k]  # of equal scores the first item, on every machine
        frame = pd.DataFrame(
            {"user_id": np.repeat(self.users_[rows], best.shape[1]), "item_id": self.items_[best.ravel()]}
        )
        frame["rank"] = np.tile(np.arange(best.shape[1]) + 1, len(rows))
        frame["score"] = np.take_along_axis(scores, best, 1).ravel()
        return frame[np.isfinite(frame["score"])].reset_index(drop=True)

    def _items(self, rated: np.ndarray) -> np.ndarray:
        return rated

    def _scores(self, rows: np.ndarray) -> np.ndarray:
        return self.user_factors_[rows] @ self.item_factors_.T


class RatingModel(Recommender):
    """A recommender whose scores are predicted ratings: mean_ + biases of user and item + dot product of factors."""

    def _scores(self, rows):
        return self.mean_ + self.user_bias_[rows, None] + self.item_bias_ + super()._scores(rows)

    def predict(self, pairs: pd.DataFrame) -> np.ndarray:
        """Predicted ratings (n,) of a frame user_id, item_id; UserError for a user or item not seen in training."""
        check_is_fitted(self, "items_")
        check_frame(pairs, KEYS)
        u, i = positions(self.users_, pairs["user_id"], "user"), positions(self.items_, pairs["item_id"], "item")
        dot = (self.user_factors_[u] * self.item_factors_[i]).sum(1)
        return self.mean_ + self.user_bias_[u] + self.item_bias_[i] + dot


class Popularity(Recommender):
    """The same list for everybody: the items that most users rated. The baseline that every table needs."""

    def _fit(self, u, i, ratings):
        self.user_factors_, self.item_factors_ = np.ones((len(self.users_), 1)), np.asarray(self.seen_.sum(0)).T


def jaccard(seen: sparse.csr_matrix) -> np.ndarray:
    """(items, items): users who rated both, over users who rated either. seen: (users, items), 0/1."""
    seen = check_matrix(seen, "seen", sparse=True, low=0)
    both = (seen.T @ seen).toarray().astype(float)  # (items, items)
    count = both.diagonal()
    either = count[:, None] + count - both
    return np.divide(both, either, out=np.zeros_like(both), where=either > 0)


@estimator
class SAR(Recommender):
    """Item k-nearest neighbours: score of an item = sum over the user's items of affinity x Jaccard similarity.

    half_life_days: a rating counts half as much for each such span before the newest one (the published row: 30);
    None: no decay, and no column time. Source: recommenders' SAR, "simple algorithm for recommendation".
    """

    half_life_days: float | None = 30.0
    uses_time = property(lambda self: self.half_life_days is not None)

    def _fit(self, u, i, ratings):
        affinity = ratings["rating"].to_numpy(float)
        if self.uses_time:
            check_number(self.half_life_days, "half_life_days", 0, above=True)
            if not is_datetime64_any_dtype(ratings["time"]):
                raise UserError(f"column 'time' must hold dates; it holds {ratings['time'].dtype}")
            days = (ratings["time"].max() - ratings["time"]).dt.total_seconds().to_numpy() / 86400
            affinity = affinity * 0.5 ** (days / self.half_life_days)
        self.user_factors_ = sparse.csr_matrix((affinity, (u, i)), self.seen_.shape)
        self.item_factors_ = jaccard(self.seen_)  # symmetric


@estimator
class SVD(RatingModel):
    """Funk's matrix factorisation with biases, by stochastic gradient descent on the squared error of the ratings.

    Defaults are those of the published row. batch_size: ratings that share a step, their updates summed, for speed;
    1 is the sequential algorithm. Source: Koren, Bell and Volinsky 2009.
    """

    n_factors: int = 150
    epochs: int = 15
    learning_rate: float = 0.005
    regularization: float = 0.02
    batch_size: int = 256
    seed: int = 0

    def _fit(self, u, i, ratings):
        generator = torch.Generator().manual_seed(self.seed)
        y = torch.tensor(ratings["rating"].to_numpy(np.float32))
        self.mean_ = float(y.mean())
        p, q = (0.1 * torch.randn(n, self.n_factors, generator=generator) for n in self.seen_.shape)
        b, c = torch.zeros(len(p)), torch.zeros(len(q))  # biases of users and of items
        u, i, penalty = torch.tensor(u), torch.tensor(i), self.regularization
        for _ in range(self.epochs):
            for rows in torch.randperm(len(y), generator=generator).split(self.batch_size):
                user, item = u[rows], i[rows]
                p_u, q_i, b_u, c_i = p[user], q[item], b[user], c[item]  # (B, f), (B, f), (B,), (B,)
                error = y[rows] - self.mean_ - b_u - c_i - (p_u * q_i).sum(1)  # (B,)
                b.index_add_(0, user, error - penalty * b_u, alpha=self.learning_rate)
                c.index_add_(0, item, error - penalty * c_i, alpha=self.learning_rate)
                p.index_add_(0, user, error[:, None] * q_i - penalty * p_u, alpha=self.learning_rate)
                q.index_add_(0, item, error[:, None] * p_u - penalty * q_i, alpha=self.learning_rate)
        self.user_factors_, self.item_factors_, self.user_bias_, self.item_bias_ = (x.numpy() for x in (p, q, b, c))


def least_squares(other: np.ndarray, rows: sparse.csr_matrix, penalty: float) -> np.ndarray:
    """Half a step of ALS: for each row r the factors x that minimise sum (r_j - x . other_j)^2 + penalty n_r |x|^2.

    other: (m, f). rows: (n, m), of which the n_r stored numbers of a row are its ratings. Source: Zhou et al. 2008.
    """
    solved = np.zeros((rows.shape[0], other.shape[1]))
    for r, (start, end) in enumerate(zip(rows.indptr[:-1], rows.indptr[1:], strict=True)):
        if end > start:
            z = other[rows.indices[start:end]]  # (n_r, f)
            solved[r] = np.linalg.solve(
                z.T @ z + penalty * (end - start) * np.eye(z.shape[1]), z.T @ rows.data[start:end]
            )
    return solved


@estimator
class ALS(RatingModel):
    """Explicit alternating least squares: users' factors given the items', then the reverse, each in closed form.

    Defaults are those of the published row (Spark's: no biases, penalty times the number of ratings).
    """

    n_factors: int = 10
    epochs: int = 15
    regularization: float = 0.05
    seed: int = 0

    def _fit(self, u, i, ratings):
        observed = sparse.csr_matrix((ratings["rating"].to_numpy(float), (u, i)), self.seen_.shape)
        start = np.random.default_rng(self.seed).normal(size=(len(self.items_), self.n_factors))
        self.item_factors_ = start / np.linalg.norm(start, axis=1, keepdims=True)
        for _ in range(self.epochs):
            self.user_factors_ = least_squares(self.item_factors_, observed, self.regularization)
            self.item_factors_ = least_squares(self.user_factors_, observed.T.tocsr(), self.regularization)
        self.mean_, self.user_bias_, self.item_bias_ = 0.0, np.zeros(len(self.users_)), np.zeros(len(self.items_))


@estimator
class BPR(Recommender):
    """Bayesian personalised ranking: a rated item should score above another one (Rendle et al. 2009), by SGD.

    Defaults are those of the published row. popular_negatives: draw the other item as often as it is rated, as the
    library implicit does, rather than each alike. batch_size: triples that share a step, their updates summed.
    """

    n_factors: int = 200
    epochs: int = 15
    learning_rate: float = 0.075
    regularization: float = 1e-3
    popular_negatives: bool = False
    batch_size: int = 256
    seed: int = 0

    def _fit(self, u, i, ratings):
        rng, generator = np.random.default_rng(self.seed), torch.Generator().manual_seed(self.seed)
        p, q = (
            (torch.rand(n, self.n_factors + 1, generator=generator) - 0.5) / self.n_factors for n in self.seen_.shape
        )
        p[:, -1], q[:, -1] = 1, 0  # the last factor is the item's bias
        seen, rate, penalty = self.seen_.toarray() > 0, self.learning_rate, self.regularization
        for _ in range(self.epochs * len(u) // self.batch_size):
            rows = rng.integers(len(u), size=self.batch_size)
            j = rng.integers(len(u) if self.popular_negatives else len(q), size=len(rows))
            j = i[j] if self.popular_negatives else j
            new = ~seen[u[rows], j]
            user, liked, other = (torch.from_numpy(x[new]) for x in (u[rows], i[rows], j))
            p_u, q_i, q_j = p[user], q[liked], q[other]  # (B, f) each
            z = torch.sigmoid(-(p_u * (q_i - q_j)).sum(1, keepdim=True))  # (B, 1): how wrong the order is
            p.index_add_(0, user, z * (q_i - q_j) - penalty * p_u, alpha=rate)
            q.index_add_(0, liked, z * p_u - penalty * q_i, alpha=rate)
            q.index_add_(0, other, -z * p_u - penalty * q_j, alpha=rate)
            p[:, -1] = 1
        self.user_factors_, self.item_factors_ = p.numpy(), q.numpy()


@estimator
class Implicit(Recommender):
    """The library implicit: method "als" (whether a user rated, not how: Hu, Koren and Volinsky 2008) or "bpr".

    options: further arguments of its class, as (name, value) pairs. One thread, so that a seed reproduces.
    """

    method: str = "als"
    n_factors: int = 16
    epochs: int = 15
    options: tuple = ()
    seed: int = 0

    def _fit(self, u, i, ratings):
        from implicit.cpu.als import AlternatingLeastSquares
        from implicit.cpu.bpr import BayesianPersonalizedRanking

        methods = {"als": AlternatingLeastSquares, "bpr": BayesianPersonalizedRanking}
        if self.method not in methods:
            raise UserError(f"method {self.method!r} is unknown: als or bpr")
        sizes = {"factors": self.n_factors, "iterations": self.epochs, "num_threads": 1, "random_state": self.seed}
        with threadpool_limits(1, "blas"):  # implicit brings its own threads, and warns when BLAS adds more
            model = methods[self.method](**sizes, **dict(self.options))
            model.fit(self.seen_, show_progress=False)
        self.user_factors_, self.item_factors_ = np.asarray(model.user_factors), np.asarray(model.item_factors)
