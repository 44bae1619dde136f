"""Near duplicates are those that comparing all pairs finds."""

import numpy as np
import pandas as pd
import pytest

from socialai.errors import UserError
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


def test_each_distinct_text_is_hashed_once_however_many_copies_there_are(monkeypatch):
    hashed = []
    make = duplicates.MinHash.generator

    def count(encoded, **options):
        for sketch in make(encoded, **options):
            hashed.append(sketch)
            yield sketch

    monkeypatch.setattr(duplicates.MinHash, "generator", count)
    texts = ["转发微博", "好", *["转发微博"] * 3000, "好", "差"]
    assert duplicates.near_duplicates(texts).tolist() == [0, 1, *[0] * 3000, 1, 2]
    assert len(hashed) == 3


def test_copies_change_no_group():
    rng = np.random.default_rng(0)
    for letters in ("ab", "abcdef"):
        base = ["".join(rng.choice(list(letters), rng.integers(0, 25))) for _ in range(40)]
        near = [text[:-1] + "z" for text in base]
        group = duplicates.near_duplicates([*base, *near], threshold=0.5)
        rows = np.concatenate([np.arange(80), rng.integers(0, 80, 200)])
        copied = duplicates.near_duplicates([[*base, *near][i] for i in rows], threshold=0.5)
        assert (copied == group[rows]).all()


def test_any_collection_of_texts_has_groups_and_half_a_surrogate_pair_is_dropped():
    odd = pd.Series(["a", "b", "a"], index=[7, 7, 7], dtype="category")
    assert duplicates.near_duplicates(odd).tolist() == [0, 1, 0]
    assert duplicates.near_duplicates(text for text in "aba").tolist() == [0, 1, 0]
    assert duplicates.near_duplicates(["bad \ud83d", "bad ", "\ud83d\ude00", "😀"]).tolist() == [
        0,
        0,
        1,
        1,
    ]


@pytest.mark.parametrize(
    ("texts", "options", "says"),
    [
        ("aba", {}, "a list of texts is needed, not one str"),
        (pd.DataFrame({"text": ["a"]}), {}, "a list of texts is needed, not one DataFrame"),
        (["a", None], {}, "text 1 is None: a string is needed"),
        (["a"], {"threshold": 70}, "threshold must be at least 0 and at most 1"),
        (["a"], {"threshold": 1.0}, "threshold 1.0 with 64 hashes: "),
        (["a"], {"size": 0}, "size must be whole and at least 1"),
        (["a"], {"n_hashes": 0}, "n_hashes must be whole and at least 2"),
    ],
)
def test_what_users_get_wrong_is_told_in_one_line(texts, options, says):
    with pytest.raises(UserError, match=says) as error:
        duplicates.near_duplicates(texts, **options)
    assert "\n" not in str(error.value)
