"""Recommenders that count: the most popular items, and items that occur together (SAR)."""

import numpy as np
from pandas.api.types import is_datetime64_any_dtype
from scipy import sparse

from socialai.apps.recommendation.base import Recommender, estimator
from socialai.errors import UserError
from socialai.validation import check_matrix, check_number


class Popularity(Recommender):
    """The same list for everybody: the items that most users rated. The baseline that every table needs."""

    def _fit(self, u, i, ratings):
        self.user_factors_, self.item_factors_ = (
            np.ones((len(self.users_), 1)),
            np.asarray(self.seen_.sum(0)).T,
        )


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
