"""Word vectors from counts: co-occurrences, positive pointwise mutual information, a truncated SVD."""

from collections.abc import Iterable, Sequence

import numpy as np
from scipy.sparse import coo_matrix, csr_matrix
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.decomposition import TruncatedSVD
from sklearn.preprocessing import normalize
from sklearn.utils.validation import check_is_fitted


def cooccurrences(documents: Iterable[Sequence[int]], n_words: int, window: int = 4) -> csr_matrix:
    """(n_words, n_words) counts of how often two words stand within `window` places of each other, symmetric.

    documents: sequences of word numbers; -1 is a word outside the vocabulary, which keeps its place but isn't counted.
    """
    gap = [-1] * window  # no pair reaches over it into the next document
    ids = np.array([number for document in documents for number in (*document, *gap)], dtype=int)
    counts = csr_matrix((n_words, n_words))
    for distance in range(1, window + 1):
        left, right = ids[:-distance], ids[distance:]
        both = (left >= 0) & (right >= 0)
        counts += coo_matrix(
            (np.ones(both.sum()), (left[both], right[both])), shape=counts.shape
        ).tocsr()
    return counts + counts.T


def ppmi(counts: csr_matrix) -> csr_matrix:
    """Positive pointwise mutual information, max(0, log p(a, b) / (p(a) p(b))), of a matrix of counts. Same shape."""
    pairs = counts.tocoo()
    total, rows, columns = (
        counts.sum(),
        np.asarray(counts.sum(1)).ravel(),
        np.asarray(counts.sum(0)).ravel(),
    )
    values = np.log(pairs.data * total / (rows[pairs.row] * columns[pairs.col]))
    positive = values > 0
    entries = (values[positive], (pairs.row[positive], pairs.col[positive]))
    return coo_matrix(entries, shape=counts.shape).tocsr()


class WordVectors(TransformerMixin, BaseEstimator):
    """Vectors of words from the words around them: PPMI of co-occurrences, reduced by SVD (Levy and Goldberg 2014).

    fit(documents) learns from lists of words, without labels. transform(documents) gives (n, n_dimensions): the mean of
    a document's vectors, each word weighted by a / (a + its frequency) (Arora et al. 2017), scaled to length 1; a
    document without a known word is all zeros. After fit: vocabulary_ (word -> row), vectors_ (n_words, n_dimensions).
    """

    def __init__(
        self,
        n_dimensions: int = 100,
        window: int = 4,
        min_count: int = 3,
        a: float = 1e-3,
        seed: int = 0,
    ):
        self.n_dimensions = n_dimensions
        self.window = window
        self.min_count = min_count
        self.a = a
        self.seed = seed

    def fit(self, X, y=None):
        """Learn from documents X (lists of words). ValueError when the vocabulary isn't larger than n_dimensions."""
        documents = [list(document) for document in X]
        found, counts = np.unique(
            [word for document in documents for word in document], return_counts=True
        )
        kept = counts >= self.min_count
        if kept.sum() <= self.n_dimensions:
            raise ValueError(
                f"{kept.sum()} words occur {self.min_count} times: too few for {self.n_dimensions} dimensions"
            )
        self.vocabulary_ = {str(word): i for i, word in enumerate(found[kept])}
        self.weights_ = self.a / (self.a + counts[kept] / counts.sum())
        numbers = ([self.vocabulary_.get(word, -1) for word in document] for document in documents)
        table = ppmi(cooccurrences(numbers, len(self.vocabulary_), self.window))
        svd = TruncatedSVD(self.n_dimensions, random_state=self.seed)
        # U S^(1/2): with the full S the first dimensions, which tell frequent from rare, would drown the rest.
        self.vectors_ = svd.fit_transform(table) / np.sqrt(svd.singular_values_)
        return self

    def transform(self, X) -> np.ndarray:
        """Vectors (n, n_dimensions) of documents (lists of words), of length 1."""
        check_is_fitted(self, "vectors_")
        rows = [
            [self.vocabulary_[word] for word in document if word in self.vocabulary_]
            for document in X
        ]
        means = [self.weights_[row] @ self.vectors_[row] for row in rows]
        return normalize(np.array(means).reshape(len(rows), self.n_dimensions))

    def nearest(self, word: str, k: int = 5) -> list[tuple[str, float]]:
        """The k words whose vectors point most nearly the same way, with their cosine. KeyError for an unknown word."""
        check_is_fitted(self, "vectors_")
        unit = normalize(self.vectors_)
        cosine = unit @ unit[self.vocabulary_[word]]
        names = list(self.vocabulary_)
        return [
            (names[i], float(cosine[i]))
            for i in np.argsort(-cosine, kind="stable")
            if names[i] != word
        ][:k]
