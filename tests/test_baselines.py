"""Baselines learn what they should on texts whose labels one character decides."""

import numpy as np
import pytest
from sklearn.model_selection import cross_val_score

from socialai.errors import UserError
from socialai.models import baselines

TEXTS = [
    f"{mood} number {i} {word}"
    for i in range(20)
    for mood, word in (("很好", "good"), ("很差", "bad"))
]
Y = np.array(["pos", "neg"] * 20)


@pytest.mark.parametrize(("name", "expected"), [("majority", 0.5), ("tfidf", 1.0)])
def test_cross_validated_accuracy(name, expected):
    assert cross_val_score(baselines.build_baseline(name), TEXTS, Y, cv=4).mean() == pytest.approx(
        expected
    )


def test_majority_says_the_most_frequent_class():
    model = baselines.build_baseline("majority").fit(["a", "b", "c"], ["x", "y", "y"])
    assert model.predict(["a", "z"]).tolist() == ["y", "y"]
    assert model.predict_proba(["z"]).tolist() == [[0.0, 1.0]]


def test_frozen_embeddings_separate_praise_from_blame():
    model = baselines.build_baseline("frozen").fit(TEXTS[:30], Y[:30])
    assert (model.predict(TEXTS[30:]) == Y[30:]).all()


def test_an_unknown_baseline_names_the_known_ones():
    with pytest.raises(UserError, match="majority, tfidf, frozen"):
        baselines.build_baseline("svm")
