"""Word vectors are their formula, and words in the same places point the same way."""

import math

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.exceptions import NotFittedError

from socialai.errors import UserError
from socialai.preprocessing import word_vectors


def test_cooccurrences_equal_the_loops():
    documents, window = [[0, 1, 2, 1, -1, 0], [], [3], [2, 2, 0]], 2
    expected = np.zeros((4, 4))
    for document in documents:
        for i, a in enumerate(document):
            for j, b in enumerate(document):
                if i != j and abs(i - j) <= window and a >= 0 and b >= 0:
                    expected[a, b] += 1
    assert (word_vectors.cooccurrences(documents, 4, window).toarray() == expected).all()


def test_ppmi_is_its_formula_and_zero_for_independent_words():
    counts = np.array([[0, 4, 1], [4, 0, 0], [1, 0, 2]])
    p = counts / counts.sum()
    for i in range(3):
        for j in range(3):
            pmi = math.log(p[i, j] / (p[i].sum() * p[:, j].sum())) if p[i, j] else 0
            assert word_vectors.ppmi(csr_matrix(counts))[i, j] == pytest.approx(
                max(0, pmi), abs=1e-12
            )
    assert (
        abs(word_vectors.ppmi(csr_matrix(np.outer([1, 2, 3], [4, 5, 6]))).toarray()).max() < 1e-12
    )


def test_words_in_the_same_places_get_the_same_direction():
    rng = np.random.default_rng(0)
    frames = [("the", "{}", "purrs", "softly"), ("a", "{}", "drives", "fast")]
    nouns = [("cat", "kitten"), ("car", "truck")]
    documents = [
        [word.format(rng.choice(nouns[k])) for word in (*frames[k], f"x{rng.integers(6)}")]
        for k in rng.integers(2, size=400)
    ]
    vectors = word_vectors.WordVectors(dim=4, window=2).fit(documents)
    assert (
        vectors.nearest("cat", 1)[0][0] == "kitten" and vectors.nearest("car", 1)[0][0] == "truck"
    )
    rows = vectors.transform([["cat", "purrs"], ["unknown"], []])
    assert np.linalg.norm(rows, axis=1) == pytest.approx([1, 0, 0])
    assert (
        rows
        == word_vectors.WordVectors(dim=4, window=2)
        .fit(documents)
        .transform([["cat", "purrs"], [], []])
    ).all()


def test_word_vectors_need_more_words_than_dimensions():
    with pytest.raises(UserError, match="too few"):
        word_vectors.WordVectors(dim=50).fit([["a", "b"]] * 5)


def test_word_vectors_say_what_they_do_not_know():
    with pytest.raises(NotFittedError):
        word_vectors.WordVectors().transform([["a"]])
    vectors = word_vectors.WordVectors(dim=2, min_count=1).fit([["a", "b"], ["b", "c"], ["c", "d"]])
    with pytest.raises(UserError, match="'z' is none of the 4 words"):
        vectors.nearest("z")


def test_words_that_never_meet_have_no_vectors_and_say_so():
    with pytest.raises(UserError, match="no two words stand near each other"):
        word_vectors.WordVectors(dim=2, min_count=1).fit([["a"], ["b"], ["c"]] * 3)


def test_more_dimensions_than_the_words_fill_are_zero_not_missing():
    vectors = word_vectors.WordVectors(dim=3, min_count=1).fit([["a", "b"], ["c", "d"]])
    assert np.isfinite(vectors.vectors_).all()
