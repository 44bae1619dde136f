"""What all recommenders share: fit and recommend, the ids, the candidates, the best k."""

from abc import ABC, abstractmethod

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from socialai.apps.recommendation.splits import USER_ITEM, check_ratings
from socialai.errors import UserError
from socialai.preprocessing.logs import plain_columns
from socialai.validation import (
    check_frame,
    check_matrix,
    check_number,
    check_settings,
    find_ids,
    sorted_ids,
)

# The rules of the settings, by their names, which are the same in every model.
RULES = {
    "dim": {"low": 1, "high": 1e5, "whole": True},
    "epochs": {"low": 1, "high": 1e6, "whole": True},
    "batch_size": {"low": 1, "high": 1e7, "whole": True},
    "n_layers": {"low": 0, "high": 1000, "whole": True},
    "learning_rate": {"low": 0, "high": 1e6, "above": True},
    "temperature": {"low": 0, "high": 1e6, "above": True},
    "regularization": {"low": 0, "high": 1e10},
}
SWITCHES = ("popular_negatives", "item_ids")


def check_seen(seen) -> sparse.csr_matrix:
    """(users, items) of 0 and 1 as a sparse matrix of floats."""
    seen = sparse.csr_matrix(check_matrix(seen, "seen", sparse=True, low=0))
    if not np.isin(seen.data, (0, 1)).all():
        raise UserError("seen must hold 0 and 1, whether a user rated an item, and nothing else")
    return seen if seen.dtype.kind == "f" else seen.astype(float)


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
        self._check_settings()
        ratings = check_ratings(ratings, self.uses_time)
        ids = plain_columns(ratings, USER_ITEM)
        users = sorted_ids(ids["user_id"], "column 'user_id'")
        items = self._items(sorted_ids(ids["item_id"], "column 'item_id'"))
        vars(self).pop("user_factors_", None)  # if this fails, nothing is fitted
        self.users_ = users
        self.items_ = items

        # Each rating by its numbers: u (n,) is its row among the users, i (n,) among the items.
        u = np.searchsorted(self.users_, ids["user_id"])
        i = np.searchsorted(self.items_, ids["item_id"])
        shape = (len(self.users_), len(self.items_))
        self.seen_ = sparse.csr_matrix((np.ones(len(u), np.float32), (u, i)), shape)

        try:
            self._fit(u, i, ratings)
            good = np.isfinite(self.user_factors_.sum() + self.item_factors_.sum())
        except FloatingPointError:
            good = False
        if not good:
            vars(self).pop("user_factors_", None)
            raise UserError(
                "learning diverged: give ratings or features of a smaller scale, "
                "or a smaller learning_rate"
            )
        return self

    def recommend(self, users=None, k: int = 10, candidates=None) -> pd.DataFrame:
        """The k best items that each user has not rated: user_id, item_id, rank (from 1), score.

        users: ids; candidates: ids of the items to choose from. All known ones by default;
        UserError for unknown ones. Whoever has rated all but a few gets fewer.
        """
        check_is_fitted(self, "user_factors_")
        k = check_number(k, "k", 1, whole=True)
        if users is None:
            rows = np.arange(len(self.users_))
        else:
            rows = find_ids(self.users_, users, "user")

        # What was rated, and what is no candidate, is not ranked.
        scores = np.array(self._scores(rows), float)  # (users, items)
        if not np.isfinite(scores).all():
            raise UserError("a score isn't finite: give ratings or features of a smaller scale")
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

    def _check_settings(self) -> None:
        """The settings keep the rules; a subclass adds those of its own."""
        given = self.get_params(deep=False)
        check_settings(self, **{name: rule for name, rule in RULES.items() if name in given})
        for name in SWITCHES:
            if not isinstance(given.get(name, True), bool | np.bool_):
                raise UserError(f"{name} is True or False, not {given[name]!r}")

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
        check_is_fitted(self, "user_factors_")
        pairs = plain_columns(check_frame(pairs, USER_ITEM), USER_ITEM)
        u = find_ids(self.users_, pairs["user_id"], "user")
        i = find_ids(self.items_, pairs["item_id"], "item")
        dot = (self.user_factors_[u] * self.item_factors_[i]).sum(1)
        return self.mean_ + self.user_bias_[u] + self.item_bias_[i] + dot

    def _scores(self, rows):
        return self.mean_ + self.user_bias_[rows, None] + self.item_bias_ + super()._scores(rows)
