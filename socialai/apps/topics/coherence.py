"""How good topics are: coherence by NPMI, and diversity."""

import math
from itertools import combinations

import numpy as np

from socialai.errors import UserError
from socialai.validation import check_word_lists


def npmi(topics, documents) -> np.ndarray:
    """Coherence of each topic: mean over its pairs of words of log(p_ij / (p_i p_j)) / -log p_ij, from -1 to 1.

    topics: lists of words. documents: an iterable of collections of words, the reference; p is a share of documents.
    Words that never meet count -1; two words in all documents tell nothing and count 0; a word unknown to the
    reference never meets any. Source: Bouma 2009, equation 2; as a measure of topics, Aletras and Stevenson 2013.
    """
    topics = check_word_lists(topics, "topics")
    known = sorted({word for topic in topics for word in topic})
    column = {word: j for j, word in enumerate(known)}
    documents = check_word_lists(documents, "documents")
    rows = [[column[word] for word in set(words) if word in column] for words in documents]
    present = np.zeros((len(rows), len(known)))
    for i, row in enumerate(rows):
        present[i, row] = 1
    p_ij = present.T @ present / len(rows)  # (V, V), p_i on the diagonal
    p = np.diagonal(p_ij)
    values = []
    for topic in topics:
        if len(topic) < 2:
            raise UserError("a topic of fewer than two words has no coherence")
        pairs = [(column[a], column[b]) for a, b in combinations(topic, 2)]
        values.append(np.mean([_npmi_of_pair(p_ij[i, j], p[i], p[j]) for i, j in pairs]))
    return np.array(values)


def _npmi_of_pair(together: float, p_i: float, p_j: float) -> float:
    if together == 0:
        return -1.0
    return 0.0 if together == 1 else math.log(together / (p_i * p_j)) / -math.log(together)


def diversity(topics) -> float:
    """Share of different words among all words of all topics: 1 when no topic repeats another's."""
    words = [word for topic in check_word_lists(topics, "topics") for word in topic]
    if not words:
        raise UserError("the topics have no words")
    return len(set(words)) / len(words)
