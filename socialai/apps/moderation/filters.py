"""Filters of offensive posts that need no large model: a keyword list, and classes from a few examples each."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import regex
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.preprocessing import normalize
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from socialai.errors import UserError
from socialai.preprocessing.words import words
from socialai.validation import (
    InputError,
    as_input_error,
    check_frame,
    check_labels,
    check_matrix,
    check_texts,
)

HAN = regex.compile(r"\p{Han}")
WORD = regex.compile(r"\p{L}{2,}$")  # a single character is part of too many harmless words


def posts(frame: pd.DataFrame) -> tuple[list[str], np.ndarray]:
    """(texts, labels) of a frame with the columns text and label (0 or 1); UserError for any other frame."""
    check_frame(frame, ["text", "label"], not_negative=("label",))
    if not frame["label"].isin([0, 1]).all():
        raise UserError("column 'label' must hold 0 (within the rules) and 1 (against them)")
    return check_texts(frame["text"]), frame["label"].to_numpy().astype(int)


class KeywordList(ClassifierMixin, BaseEstimator):
    """The oldest filter: a text with a word of the list is positive. The list is given, or learned from labels.

    listed: your own words; None: of the words (jieba) of two letters or more in at least min_count texts, those whose
    texts have label 1 with a share of at least min_share, the n_words most frequent of them.
    After fit: words_, the list; classes_, [0, 1]. Labels are 0 and 1.
    """

    def __init__(
        self,
        listed: Sequence[str] | None = None,
        n_words: int = 50,
        min_count: int = 5,
        min_share: float = 0.8,
    ):
        self.listed = listed
        self.n_words = n_words
        self.min_count = min_count
        self.min_share = min_share

    def fit(self, X, y):
        """Learn the list from texts X and labels y (0, 1), or take the given one."""
        texts = check_texts(X)
        y = check_labels(y, len(texts), (0, 1)).astype(int)
        self.classes_ = np.array([0, 1])
        if self.listed is not None:
            self.words_ = check_texts(self.listed, "listed word")
            return self
        pairs = [
            (word, label)
            for text, label in zip(texts, y, strict=True)
            for word in sorted(set(words(text)))
        ]
        found = pd.DataFrame(pairs, columns=["word", "label"])
        found = found[found["word"].map(lambda word: bool(WORD.match(word)))]
        counts = pd.crosstab(found["word"], found["label"]).reindex(
            columns=[0, 1], fill_value=0
        )  # texts with the word
        counts = counts[counts.sum(axis=1) >= self.min_count]
        typical = counts[counts[1] >= self.min_share * counts.sum(axis=1)]
        self.words_ = (
            typical[1].sort_values(ascending=False, kind="stable").index[: self.n_words].tolist()
        )
        return self

    def decision_function(self, X) -> np.ndarray:
        """How many different words of the list each text contains, (n,)."""
        check_is_fitted(self, "words_")
        return np.array(
            [sum(word in text for word in self.words_) for text in check_texts(X)], dtype=float
        )

    def predict(self, X) -> np.ndarray:
        """1 where a text contains a word of the list, (n,)."""
        return (self.decision_function(X) > 0).astype(int)


class Prototypes(ClassifierMixin, BaseEstimator):
    """Few-shot classes: the mean of a class's few vectors stands for it; a vector belongs to the nearest by cosine.

    Vectors X (n, d), such as those of `socialai.models.bert.FrozenEncoder`. centre: subtract the mean of the training vectors
    first, as embeddings of one encoder share a large common part that says nothing. temperature: of the softmax over
    cosines in `predict_proba`. Source: Snell et al. 2017, Prototypical Networks, with cosine for distance.
    After fit: classes_, prototypes_ (K, d), mean_ (d,).
    """

    def __init__(self, centre: bool = True, temperature: float = 0.1):
        self.centre = centre
        self.temperature = temperature

    def fit(self, X, y):
        """Average the vectors X (n, d) of each class of y (n,)."""
        check_matrix(X)
        with as_input_error():
            X, y = validate_data(self, X, y)
            check_classification_targets(y)
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise InputError("one class only: prototypes need examples of two classes or more")
        self.mean_ = X.mean(axis=0) if self.centre else np.zeros(X.shape[1])
        vectors = normalize(X - self.mean_)
        means = np.stack(
            [vectors[codes == k].mean(axis=0) for k in range(len(self.classes_))]
        )  # (K, d)
        self.prototypes_ = normalize(means)
        return self

    def predict_proba(self, X) -> np.ndarray:
        """Softmax of cosine / temperature, (n, K)."""
        check_is_fitted(self, "prototypes_")
        check_matrix(X)
        with as_input_error():
            X = validate_data(self, X, reset=False)
        cosine = normalize(X - self.mean_) @ self.prototypes_.T
        return softmax(cosine / self.temperature, axis=1)

    def predict(self, X) -> np.ndarray:
        """The class of the nearest prototype, (n,)."""
        nearest = self.predict_proba(X).argmax(axis=1)
        return self.classes_[nearest]
