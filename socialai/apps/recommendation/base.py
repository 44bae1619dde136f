"""What all recommenders share: fit and recommend, the ids, the candidates, the best k."""

from abc import ABC, abstractmethod

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from socialai.apps.recommendation.splits import USER_ITEM, check_ratings
from socialai.errors import UserError
from socialai.validation import check_frame, check_number, find_ids, sorted_ids


class Recommender(BaseEstimator, ABC):
    """A model that ranks for each user the items that the user has not rated: fit, then recommend.

    A subclass fills in `_fit`, which leaves user_factors_ (users, d) and item_factors_ (items, d);
    the score of an item is the product of the two rows, unless `_scores` says otherwise.

    Attributes
    ----------
    users_, items_ : ndarray
        The ids, sorted.
    seen_ : sparse matrix of shape (users, items)
        1 where the user has rated the item.
    """

    uses_time = False

    def fit(self, ratings: pd.DataFrame, y=None) -> "Recommender":
        """Learn from a frame user_id, item_id, rating (and time where the model uses it)."""
        check_ratings(ratings, self.uses_time)
        self.users_ = sorted_ids(ratings["user_id"], "column 'user_id'")
        self.items_ = self._items(sorted_ids(ratings["item_id"], "column 'item_id'"))

        # Each rating by its numbers: u (n,) is its row among the users, i (n,) among the items.
        u = np.searchsorted(self.users_, ratings["user_id"])
        i = np.searchsorted(self.items_, ratings["item_id"])
        shape = (len(self.users_), len(self.items_))
        self.seen_ = sparse.csr_matrix((np.ones(len(u), np.float32), (u, i)), shape)

        self._fit(u, i, ratings)
        if not np.isfinite(self.user_factors_.sum() + self.item_factors_.sum()):
            raise UserError(
                "learning diverged: give ratings or features of a smaller scale, "
                "or a smaller learning_rate"
            )
        return self

    def recommend(self, users=None, k: int = 10, candidates=None) -> pd.DataFrame:
        """The k best items that each user has not rated: user_id, item_id, rank (from 1), score.

        users: ids; candidates: ids of the items to choose from. All known ones by default;
        UserError for unknown ones.
        """
        check_is_fitted(self, "items_")
        check_number(k, "k", 1, whole=True)
        if users is None:
            rows = np.arange(len(self.users_))
        else:
            rows = find_ids(self.users_, users, "user")

        # What was rated, and what is no candidate, is not ranked.
        scores = np.array(self._scores(rows), float)  # (users, items)
        scores[self.seen_[rows].toarray() > 0] = -np.inf
        if candidates is not None:
            allowed = find_ids(self.items_, candidates, "item")
            scores[:, ~np.isin(np.arange(len(self.items_)), allowed)] = -np.inf

        # Of equal scores the first item, on every machine.
        best = np.argsort(-scores, axis=1, kind="stable")[:, :k]  # (users, k)
        frame = pd.DataFrame(
            {
                "user_id": np.repeat(self.users_[rows], best.shape[1]),
                "item_id": self.items_[best.ravel()],
                "rank": np.tile(np.arange(best.shape[1]) + 1, len(rows)),
                "score": np.take_along_axis(scores, best, 1).ravel(),
            }
        )
        return frame[np.isfinite(frame["score"])].reset_index(drop=True)

    @abstractmethod
    def _fit(self, u: np.ndarray, i: np.ndarray, ratings: pd.DataFrame) -> None:
        """Learn user_factors_ and item_factors_ from the ratings, whose numbers are u and i."""

    def _items(self, rated: np.ndarray) -> np.ndarray:
        """The sorted ids of the items that can be recommended; those that were rated."""
        return rated

    def _scores(self, rows: np.ndarray) -> np.ndarray:
        """(rows, items) scores for the users of these rows."""
        return self.user_factors_[rows] @ self.item_factors_.T


class RatingModel(Recommender):
    """A recommender whose scores are predicted ratings, so that it can `predict` them too.

    A predicted rating is mean_ + bias of the user + bias of the item + product of their factors.

    Attributes
    ----------
    mean_ : float
        What is predicted before anything is known of user or item.
    user_bias_, item_bias_ : ndarray of shape (users,) and (items,)
        How far each lies from the mean.
    """

    def predict(self, pairs: pd.DataFrame) -> np.ndarray:
        """Predicted ratings (n,) of a frame user_id, item_id; UserError for unknown ids."""
        check_is_fitted(self, "items_")
        check_frame(pairs, USER_ITEM)
        u = find_ids(self.users_, pairs["user_id"], "user")
        i = find_ids(self.items_, pairs["item_id"], "item")
        dot = (self.user_factors_[u] * self.item_factors_[i]).sum(1)
        return self.mean_ + self.user_bias_[u] + self.item_bias_[i] + dot

    def _scores(self, rows):
        return self.mean_ + self.user_bias_[rows, None] + self.item_bias_ + super()._scores(rows)
