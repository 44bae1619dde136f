"""Word vectors from counts: co-occurrences, positive pointwise mutual information, an SVD."""

from collections.abc import Iterable, Sequence

import numpy as np
from scipy.sparse import coo_matrix, csr_matrix
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.decomposition import TruncatedSVD
from sklearn.preprocessing import normalize
from sklearn.utils.validation import check_is_fitted

from socialai.errors import UserError
from socialai.validation import (
    check_list,
    check_matrix,
    check_number,
    check_numbers,
    check_settings,
    check_text,
    check_word_lists,
    generator_seed,
)


def cooccurrences(documents: Iterable[Sequence[int]], n_words: int, window: int = 4) -> csr_matrix:
    """(n_words, n_words) counts of how often two words stand near each other, symmetric.

    documents: sequences of word numbers; -1 is a word outside the vocabulary, which keeps its place
    but isn't counted. window: how many places apart is near.
    """
    n_words = check_number(n_words, "n_words", 1, whole=True)
    window = check_number(window, "window", 1, whole=True)
    gap = [-1] * window  # no pair reaches over it into the next document
    documents = [
        check_list(document, "word numbers", empty=True)
        for document in check_list(documents, "documents", empty=True)
    ]
    ids = [number for document in documents for number in (*document, *gap)]
    ids = check_numbers(ids, "word numbers", -1, n_words - 1, whole=True, empty=True).astype(int)
    counts = csr_matrix((n_words, n_words))
    for distance in range(1, window + 1):
        left = ids[:-distance]
        right = ids[distance:]
        both = (left >= 0) & (right >= 0)
        pairs = (np.ones(both.sum()), (left[both], right[both]))
        counts += coo_matrix(pairs, shape=counts.shape).tocsr()
    return counts + counts.T


def ppmi(counts: csr_matrix) -> csr_matrix:
    """Positive pointwise mutual information of a matrix of counts, of the same shape.

    max(0, log p(a, b) / (p(a) p(b)))
    """
    counts = csr_matrix(check_matrix(counts, "counts", sparse=True, low=0))
    pairs = counts.tocoo()
    total = counts.sum()
    of_row = np.asarray(counts.sum(1)).ravel()[pairs.row]
    of_column = np.asarray(counts.sum(0)).ravel()[pairs.col]
    values = np.log(pairs.data * total / (of_row * of_column))
    positive = values > 0
    entries = (values[positive], (pairs.row[positive], pairs.col[positive]))
    return coo_matrix(entries, shape=counts.shape).tocsr()


class WordVectors(TransformerMixin, BaseEstimator):
    """Vectors of words from the words around them: PPMI of co-occurrences, reduced by SVD.

    A document's vector is the mean of its words', each weighted by smoothing / (smoothing + its
    frequency) (Arora et al. 2017), scaled to length 1. Source: Levy and Goldberg 2014.

    Parameters
    ----------
    dim : int
        Numbers of a vector.
    window : int
        How many places apart two words still count as neighbours.
    min_count : int
        Words that occur less often are left out.
    smoothing : float
        Frequency at which a word has half the weight of a rare one.
    seed : int
        Decides the SVD.

    Attributes
    ----------
    vocabulary_ : dict
        Word to row.
    vectors_ : ndarray (n_words, dim)
    weights_ : ndarray (n_words,)
        Of each word in a document's mean.

    Examples
    --------
    >>> from socialai.preprocessing.word_vectors import WordVectors
    >>> documents = [["the", "cat", "sleeps"], ["the", "kitten", "sleeps"], ["a", "car", "stops"]]
    >>> vectors = WordVectors(dim=3, min_count=1).fit(documents)
    >>> vectors.nearest("cat", k=1)[0][0]
    'kitten'
    """

    def __init__(
        self,
        dim: int = 100,
        window: int = 4,
        min_count: int = 3,
        smoothing: float = 1e-3,
        seed: int = 0,
    ):
        self.dim = dim
        self.window = window
        self.min_count = min_count
        self.smoothing = smoothing
        self.seed = seed

    def fit(self, X, y=None) -> "WordVectors":
        """Learn from documents X, lists of words, without labels.

        UserError when the vocabulary isn't larger than dim, or when no two words are neighbours.
        """
        at_least_one = {"low": 1, "whole": True}
        check_settings(self, dim=at_least_one, window=at_least_one, min_count=at_least_one)
        check_settings(self, smoothing={"low": 0, "above": True})
        seed = generator_seed(self.seed)

        # the vocabulary and its weights
        documents = check_word_lists(X, "documents")
        found, counts = np.unique(
            [word for document in documents for word in document], return_counts=True
        )
        frequent = counts >= self.min_count
        if frequent.sum() <= self.dim:
            raise UserError(
                f"{frequent.sum()} words occur {self.min_count} times: "
                f"too few for {self.dim} dimensions"
            )
        self.vocabulary_ = {str(word): i for i, word in enumerate(found[frequent])}
        self.weights_ = self.smoothing / (self.smoothing + counts[frequent] / counts.sum())

        # their vectors
        numbers = ([self.vocabulary_.get(word, -1) for word in document] for document in documents)
        table = ppmi(cooccurrences(numbers, len(self.vocabulary_), self.window))
        if not table.nnz:
            raise UserError("no two words stand near each other more often than by chance")
        svd = TruncatedSVD(self.dim, random_state=seed)
        # U S^(1/2): with the full S the first dimensions, which tell frequent from rare, would
        # drown the rest. Where there are fewer dimensions than asked for, the others hold nothing.
        scaled = svd.fit_transform(table)  # (n_words, dim)
        root = np.sqrt(svd.singular_values_)
        self.vectors_ = np.divide(scaled, root, out=np.zeros_like(scaled), where=root > 0)
        return self

    def transform(self, X) -> np.ndarray:
        """Vectors (n, dim) of documents (lists of words), of length 1.

        A document without a known word is all zeros.
        """
        check_is_fitted(self)
        means = []
        for document in check_word_lists(X, "documents", empty=True):
            rows = [self.vocabulary_[word] for word in document if word in self.vocabulary_]
            means.append(self.weights_[rows] @ self.vectors_[rows])
        if not means:
            return np.zeros((0, self.vectors_.shape[1]))
        return normalize(np.array(means))

    def nearest(self, word: str, k: int = 5) -> list[tuple[str, float]]:
        """The k words whose vectors point most nearly the same way, with their cosine.

        UserError for an unknown word.
        """
        check_is_fitted(self)
        k = check_number(k, "k", 0, whole=True)
        if check_text(word) not in self.vocabulary_:
            raise UserError(f"{word!r} is none of the {len(self.vocabulary_)} words")
        unit = normalize(self.vectors_)
        cosine = unit @ unit[self.vocabulary_[word]]  # (n_words,)
        names = list(self.vocabulary_)
        others = [i for i in np.argsort(-cosine, kind="stable") if names[i] != word]
        return [(names[i], float(cosine[i])) for i in others[:k]]
