"""Near duplicates are those that comparing all pairs finds."""

import numpy as np

from socialai.preprocessing import duplicates


def test_near_duplicates_are_the_chains_of_pairs_that_brute_force_finds():
    rng = np.random.default_rng(0)
    base = ["".join(rng.choice(list("abcdefghij"), 60)) for _ in range(30)]
    # One or two changed letters leave a Jaccard similarity of 0.8 or more; other texts share
    # almost nothing.
    texts = (
        base
        + [t[:i] + "zz"[: 1 + i % 2] + t[i + 1 :] for i, t in enumerate(base[:20])]
        + base[:5]
        + ["", "", "ab"]
    )
    sets = [duplicates.shingles(t) for t in texts]
    group = duplicates.near_duplicates(texts, threshold=0.7)
    for i in range(len(texts)):
        for j in range(i):
            assert (group[i] == group[j]) == (duplicates.jaccard(sets[i], sets[j]) >= 0.7)
    assert group[:30].tolist() == list(range(30))
    assert duplicates.near_duplicates([]).tolist() == []


def test_a_chain_joins_what_is_not_alike_itself():
    texts = ["abcdefghijklmnopqrst", "abcdefghijklmnopq123", "abcdefghijklmn456123"]
    assert duplicates.jaccard(*(duplicates.shingles(texts[i]) for i in (0, 2))) < 0.55
    assert duplicates.near_duplicates(texts, threshold=0.55).tolist() == [0, 0, 0]
