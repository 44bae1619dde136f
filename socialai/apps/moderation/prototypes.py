"""Classes from a few examples each."""

import numpy as np
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.preprocessing import normalize
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from socialai.errors import UserError
from socialai.validation import as_input_error, check_labels, check_matrix, check_settings


class Prototypes(ClassifierMixin, BaseEstimator):
    """The mean of a class's few vectors stands for it; a vector belongs to the nearest by cosine.

    Vectors X (n, d), such as those of `socialai.models.encoders.FrozenEncoder`.
    Source: Snell et al. 2017, Prototypical Networks, with cosine for distance.

    Parameters
    ----------
    centre : bool
        Subtract the mean of the training vectors first, as embeddings of one encoder share a large
        common part that says nothing.
    temperature : float
        That of the softmax over cosines in `predict_proba`.

    Attributes
    ----------
    classes_ : array (K,)
        The labels.
    prototypes_ : array (K, d)
        One for each class, each of length 1.
    mean_ : array (d,)
        What is subtracted.

    Examples
    --------
    >>> few = Prototypes().fit([[1.0, 0.1], [0.9, 0.0], [0.0, 1.0]], ["spam", "spam", "ham"])
    >>> few.predict([[0.8, 0.3]]).tolist()
    ['spam']
    """

    def __init__(self, centre: bool = True, temperature: float = 0.1):
        self.centre = centre
        self.temperature = temperature

    def fit(self, X, y) -> "Prototypes":
        """Average the vectors X (n, d) of each class of y (n,)."""
        check_settings(self, temperature={"low": 0, "above": True})
        check_matrix(X)
        if isinstance(y, (list, tuple, np.ma.MaskedArray)):  # numpy would make text of a mix
            y = check_labels(y)
        with as_input_error():
            X, y = validate_data(self, X, y)
            check_classification_targets(y)
        self.classes_, class_of = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise UserError("one class only: prototypes need examples of two classes or more")

        with np.errstate(over="ignore"):
            self.mean_ = X.mean(axis=0) if self.centre else np.zeros(X.shape[1])
        vectors = _of_length_1(X - self.mean_)  # (n, d)
        means = [vectors[class_of == k].mean(axis=0) for k in range(len(self.classes_))]
        self.prototypes_ = _of_length_1(np.stack(means))
        return self

    def predict_proba(self, X) -> np.ndarray:
        """Softmax of cosine / temperature, (n, K)."""
        check_is_fitted(self)
        check_matrix(X, empty=True)
        with as_input_error():
            X = validate_data(self, X, reset=False, ensure_min_samples=0)
        if not len(X):
            return np.zeros((0, len(self.classes_)))
        cosine = _of_length_1(X - self.mean_) @ self.prototypes_.T
        return softmax(cosine / self.temperature, axis=1)

    def predict(self, X) -> np.ndarray:
        """The class of the nearest prototype, (n,)."""
        check_is_fitted(self)
        nearest = self.predict_proba(X).argmax(axis=1)
        return self.classes_[nearest]


def _of_length_1(X: np.ndarray) -> np.ndarray:
    """Rows (n, d) divided by their lengths; those that are 0 stay so."""
    if not np.isfinite(X).all():
        raise UserError("X: the numbers are too large to subtract their mean: scale them")
    # By a power of two first, which changes no digit: squares of huge and tiny numbers are lost.
    exponent = np.frexp(abs(X).max(axis=1, keepdims=True))[1]
    return normalize(np.ldexp(X, -exponent))
