"""Near duplicates among texts: shingles, Jaccard similarity, and MinHash instead of all pairs."""

from collections.abc import Sequence

import numpy as np
from datasketch import MinHash, MinHashLSH
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components


def shingles(text: str, size: int = 3) -> set[str]:
    """All substrings of `size` characters; a shorter text is its own only shingle."""
    return {text[i : i + size] for i in range(max(1, len(text) - size + 1))}


def jaccard(a: set, b: set) -> float:
    """Size of the intersection over size of the union; two empty sets are equal."""
    return len(a & b) / len(a | b) if a or b else 1.0


def near_duplicates(
    texts: Sequence[str], threshold: float = 0.7, size: int = 3, n_hashes: int = 64
) -> np.ndarray:
    """Group number of each text, (n,), in order of first appearance.

    Texts share a group when a chain of pairs with a Jaccard similarity of at least threshold joins
    them. MinHash with locality-sensitive hashing proposes pairs (Broder 1997), the exact similarity
    of the shingles confirms them: no pair is wrong, a few near the threshold may be missed.
    """
    sets = [shingles(text, size) for text in texts]
    # the weights: rather propose too many pairs than miss one
    index = MinHashLSH(threshold=threshold, num_perm=n_hashes, weights=(0.2, 0.8))

    # each text against those before it
    pairs = []
    encoded = ([gram.encode("utf-8", "ignore") for gram in grams] for grams in sets)
    for i, sketch in enumerate(MinHash.generator(encoded, num_perm=n_hashes)):
        pairs += [(i, j) for j in index.query(sketch) if jaccard(sets[i], sets[j]) >= threshold]
        index.insert(i, sketch)

    # the groups are the connected parts of the graph of pairs
    rows, columns = np.array(pairs, dtype=int).reshape(-1, 2).T
    joined = coo_matrix((np.ones(len(rows)), (rows, columns)), shape=(len(texts), len(texts)))
    return connected_components(joined, directed=False)[1]
