"""The oldest filter of offensive posts: a list of words."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import regex
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from socialai.preprocessing.words import words as split_words
from socialai.validation import check_labels, check_settings, check_texts, check_wanted_words

TWO_LETTERS = regex.compile(r"\p{L}{2,}$")  # one character is part of too many harmless words


class KeywordList(ClassifierMixin, BaseEstimator):
    """A text that contains a word of the list is positive. The list is given, or learned.

    It is learned from texts with labels 0 and 1: of the words (jieba) of two letters or more, those
    that are typical of label 1, the most frequent of them.

    Parameters
    ----------
    words : list of str or None
        Your own list. None: learn one.
    n_words : int
        Length of a learned list, at most.
    min_count : int
        Texts that a learned word occurs in, at least.
    min_share : float
        Share of these texts that have label 1, at least.

    Attributes
    ----------
    words_ : list of str
        The list.
    classes_ : array (2,)
        0 and 1.

    Examples
    --------
    >>> texts = ["加群领红包", "今天天气好", "快来领红包", "明天天气差"]
    >>> KeywordList(min_count=2).fit(texts, [1, 0, 1, 0]).words_
    ['红包']
    """

    def __init__(
        self,
        words: Sequence[str] | None = None,
        n_words: int = 50,
        min_count: int = 5,
        min_share: float = 0.8,
    ):
        self.words = words
        self.n_words = n_words
        self.min_count = min_count
        self.min_share = min_share

    def fit(self, X, y) -> "KeywordList":
        """Learn the list from texts X (n,) and labels y (n,) of 0 and 1, or take the given one."""
        check_settings(
            self,
            n_words={"low": 0, "whole": True},
            min_count={"low": 1, "whole": True},
            min_share={"low": 0, "high": 1},
        )
        texts = check_texts(X, ordered=True)
        y = check_labels(y, len(texts), (0, 1)).astype(int)
        self.classes_ = np.array([0, 1])
        if self.words is not None:
            self.words_ = check_wanted_words(self.words, "listed word")
            return self

        # In how many texts of each label does each word occur?
        rows = [
            (word, label)
            for text, label in zip(texts, y, strict=True)
            for word in sorted(set(split_words(text)))
            if TWO_LETTERS.match(word)
        ]
        found = pd.DataFrame(rows, columns=["word", "label"])
        counts = pd.crosstab(found["word"], found["label"])
        counts = counts.reindex(columns=[0, 1], fill_value=0)

        # Frequent enough, typical of label 1, and of these the most frequent.
        total = counts.sum(axis=1)
        typical = (total >= self.min_count) & (counts[1] >= self.min_share * total)
        ranked = counts.loc[typical, 1].sort_values(ascending=False, kind="stable")
        self.words_ = ranked.index[: self.n_words].tolist()
        return self

    def decision_function(self, X) -> np.ndarray:
        """How many different words of the list each text contains, (n,)."""
        check_is_fitted(self)
        texts = check_texts(X, empty=True)
        counts = [sum(word in text for word in self.words_) for text in texts]
        return np.array(counts, dtype=float)

    def predict(self, X) -> np.ndarray:
        """1 where a text contains a word of the list, else 0: (n,)."""
        check_is_fitted(self)
        return (self.decision_function(X) > 0).astype(int)
