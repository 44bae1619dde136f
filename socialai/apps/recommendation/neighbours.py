"""Recommenders that count: the most popular items, and items that occur together (SAR)."""

import numpy as np
from pandas.api.types import is_datetime64_any_dtype
from scipy import sparse

from socialai.apps.recommendation.base import Recommender
from socialai.errors import UserError
from socialai.validation import check_matrix, check_number


class Popularity(Recommender):
    """The same list for everybody: the items that most users rated.

    The baseline that every table of recommenders needs.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = [("ann", "tea"), ("bob", "tea"), ("bob", "jam"), ("cyd", "jam"), ("dan", "jam")]
    >>> ratings = pd.DataFrame(rows, columns=["user_id", "item_id"]).assign(rating=1)
    >>> Popularity().fit(ratings).recommend(["ann"], k=1)["item_id"].tolist()
    ['jam']
    """

    def _fit(self, u, i, ratings):
        self.user_factors_ = np.ones((len(self.users_), 1))
        self.item_factors_ = np.asarray(self.seen_.sum(0)).T  # (items, 1)


def jaccard(seen: sparse.csr_matrix) -> np.ndarray:
    """(items, items): users who rated both, over users who rated either.

    seen: (users, items), 0 or 1.
    """
    seen = check_matrix(seen, "seen", sparse=True, low=0)
    both = (seen.T @ seen).toarray().astype(float)  # (items, items)
    count = both.diagonal()
    either = count[:, None] + count - both
    return np.divide(both, either, out=np.zeros_like(both), where=either > 0)


class SAR(Recommender):
    """Item k-nearest neighbours: an item's score is the sum of affinity times Jaccard similarity.

    The sum runs over the items that the user has rated. Source: the "simple algorithm for
    recommendation" of the repository recommenders.

    Parameters
    ----------
    half_life_days : float or None
        A rating counts half as much for each such span before the newest one. The published row
        has 30. None: no decay, and no column time is needed.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = [("ann", "tea"), ("ann", "jam"), ("bob", "tea"), ("bob", "jam"), ("cyd", "tea")]
    >>> ratings = pd.DataFrame(rows, columns=["user_id", "item_id"]).assign(rating=1)
    >>> SAR(half_life_days=None).fit(ratings).recommend(["cyd"], k=1)["item_id"].tolist()
    ['jam']
    """

    def __init__(self, half_life_days: float | None = 30.0):
        self.half_life_days = half_life_days

    @property
    def uses_time(self) -> bool:
        """Whether ratings decay, so that the column time is needed."""
        return self.half_life_days is not None

    def _fit(self, u, i, ratings):
        affinity = ratings["rating"].to_numpy(float)
        if self.uses_time:
            check_number(self.half_life_days, "half_life_days", 0, above=True)
            if not is_datetime64_any_dtype(ratings["time"]):
                raise UserError(f"column 'time' must hold dates; it holds {ratings['time'].dtype}")
            age = ratings["time"].max() - ratings["time"]
            days = age.dt.total_seconds().to_numpy() / 86400
            affinity = affinity * 0.5 ** (days / self.half_life_days)
        self.user_factors_ = sparse.csr_matrix((affinity, (u, i)), self.seen_.shape)
        self.item_factors_ = jaccard(self.seen_)  # symmetric
