"""Near duplicates among texts: shingles, Jaccard similarity, and MinHash instead of all pairs."""

from collections.abc import Iterable, Set

import numpy as np
import pandas as pd
from datasketch import MinHash, MinHashLSH
from scipy.cluster.hierarchy import DisjointSet

from socialai.errors import UserError
from socialai.validation import as_input_error, check_number, check_text, check_texts


def shingles(text: str, size: int = 3) -> set[str]:
    """All substrings of `size` characters; a shorter text is its own only shingle."""
    text = check_text(text)
    size = check_number(size, "size", 1, whole=True)
    return {text[i : i + size] for i in range(max(1, len(text) - size + 1))}


def jaccard(a: set, b: set) -> float:
    """Size of the intersection over size of the union; two empty sets are equal."""
    if not isinstance(a, Set) or not isinstance(b, Set):
        raise UserError(f"two sets are needed, not {type(a).__name__} and {type(b).__name__}")
    return len(a & b) / len(a | b) if a or b else 1.0


def near_duplicates(
    texts: Iterable[str], threshold: float = 0.7, size: int = 3, n_hashes: int = 64
) -> np.ndarray:
    """Group number of each text, (n,), in order of first appearance.

    Texts share a group when a chain of pairs with a Jaccard similarity of at least threshold joins
    them. MinHash with locality-sensitive hashing proposes pairs (Broder 1997), the exact similarity
    of the shingles confirms them: no pair is wrong, a few near the threshold may be missed. Each
    distinct text is hashed once, so that copies cost next to nothing.
    """
    text_of, distinct = pd.factorize(np.array(check_texts(texts, empty=True), dtype=object))
    threshold = check_number(threshold, "threshold", 0, 1)
    n_hashes = check_number(n_hashes, "n_hashes", 2, whole=True)
    sets = [shingles(text, size) for text in distinct]
    # the weights: rather propose too many pairs than miss one
    with as_input_error(f"threshold {threshold} with {n_hashes} hashes"):
        index = MinHashLSH(threshold=threshold, num_perm=n_hashes, weights=(0.2, 0.8))

    # each text against those before it; whom a chain joins already need not be compared
    groups = DisjointSet(range(len(sets)))
    encoded = ([gram.encode() for gram in grams] for grams in sets)
    for i, sketch in enumerate(MinHash.generator(encoded, num_perm=n_hashes)):
        for j in index.query(sketch):
            if not groups.connected(i, j) and jaccard(sets[i], sets[j]) >= threshold:
                groups.merge(i, j)
        index.insert(i, sketch)

    # of each text the number of its distinct text's group
    number, _ = pd.factorize(np.array([groups[i] for i in range(len(sets))], dtype=int))
    return number[text_of]
