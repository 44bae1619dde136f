"""How good topics are: coherence by NPMI, and diversity."""

import math
from itertools import combinations

import numpy as np

from socialai.errors import UserError
from socialai.validation import check_word_lists


def npmi(topics, documents) -> np.ndarray:
    """Coherence of each topic: the mean NPMI of its pairs of words, from -1 to 1.

    NPMI of words i and j is log(p_ij / (p_i p_j)) / -log p_ij, where p is a share of documents.
    Words that never meet count -1; two words in all documents tell nothing and count 0; a word
    unknown to the reference never meets any.
    topics: lists of words. documents: an iterable of collections of words, the reference.
    Source: Bouma 2009, equation 2; as a measure of topics, Aletras and Stevenson 2013.
    """
    topics = check_word_lists(topics, "topics")
    vocabulary = sorted({word for topic in topics for word in topic})
    column = {word: j for j, word in enumerate(vocabulary)}

    # Which words of the topics each document has.
    documents = check_word_lists(documents, "documents")
    present = np.zeros((len(documents), len(vocabulary)))
    for i, words in enumerate(documents):
        present[i, [column[word] for word in set(words) if word in column]] = 1

    together = present.T @ present / len(documents)  # (V, V) shares p_ij
    alone = np.diagonal(together)  # (V,) shares p_i
    coherence = []
    for topic in topics:
        if len(topic) < 2:
            raise UserError("a topic of fewer than two words has no coherence")
        pairs = [(column[a], column[b]) for a, b in combinations(topic, 2)]
        of_pairs = [_npmi_of_pair(together[i, j], alone[i], alone[j]) for i, j in pairs]
        coherence.append(np.mean(of_pairs))
    return np.array(coherence)


def _npmi_of_pair(together: float, p_i: float, p_j: float) -> float:
    if together == 0:
        return -1.0
    if together == 1:
        return 0.0
    return math.log(together / (p_i * p_j)) / -math.log(together)


def diversity(topics) -> float:
    """Share of different words among all words of all topics: 1 when no topic repeats another's."""
    words = [word for topic in check_word_lists(topics, "topics") for word in topic]
    if not words:
        raise UserError("the topics have no words")
    return len(set(words)) / len(words)
