"""What all recommenders share: ids, candidates, the best k."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from socialai.apps.recommendation.splits import KEYS, check_ratings
from socialai.errors import UserError
from socialai.validation import (
    check_frame,
    check_number,
    find_ids,
    sorted_ids,
)

estimator = dataclass(
    eq=False, repr=False
)  # writes the __init__ that scikit-learn's get_params and clone read


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
        u, i = (
            np.searchsorted(self.users_, ratings["user_id"]),
            np.searchsorted(self.items_, ratings["item_id"]),
        )
        self.seen_ = sparse.csr_matrix(
            (np.ones(len(u), np.float32), (u, i)), (len(self.users_), len(self.items_))
        )
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
        rows = (
            np.arange(len(self.users_)) if users is None else find_ids(self.users_, users, "user")
        )
        scores = np.array(self._scores(rows), float)  # (users, items)
        scores[self.seen_[rows].toarray() > 0] = -np.inf
        if candidates is not None:
            scores[
                :, ~np.isin(np.arange(len(self.items_)), find_ids(self.items_, candidates, "item"))
            ] = -np.inf
        best = np.argsort(-scores, axis=1, kind="stable")[
            :, :k
        ]  # of equal scores the first item, on every machine
        frame = pd.DataFrame(
            {
                "user_id": np.repeat(self.users_[rows], best.shape[1]),
                "item_id": self.items_[best.ravel()],
            }
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
        u, i = (
            find_ids(self.users_, pairs["user_id"], "user"),
            find_ids(self.items_, pairs["item_id"], "item"),
        )
        dot = (self.user_factors_[u] * self.item_factors_[i]).sum(1)
        return self.mean_ + self.user_bias_[u] + self.item_bias_[i] + dot
