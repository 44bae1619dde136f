"""Recommenders that count: the most popular items, and items that occur together (SAR)."""

import numpy as np
from scipy import sparse

from socialai.apps.recommendation.base import Recommender, check_seen
from socialai.preprocessing.logs import read_times
from socialai.validation import check_settings


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
    seen = check_seen(seen)
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
        has 30. None: no decay, and no column time is needed. Times are dates, as text by ISO 8601.

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

    def _check_settings(self):
        super()._check_settings()
        if self.uses_time:
            check_settings(self, half_life_days={"low": 0, "above": True})

    def _fit(self, u, i, ratings):
        affinity = ratings["rating"].to_numpy(float)
        if self.uses_time:
            times = read_times(ratings["time"], "column 'time'", numbers=False)
            days = (times.max() - times).dt.total_seconds().to_numpy() / 86400
            with np.errstate(over="ignore", under="ignore"):  # too old to count
                affinity = affinity * 0.5 ** (days / self.half_life_days)
        self.user_factors_ = sparse.csr_matrix((affinity, (u, i)), self.seen_.shape)
        self.item_factors_ = jaccard(self.seen_)  # symmetric
