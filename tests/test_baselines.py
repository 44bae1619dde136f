"""Baselines learn what they should on texts whose labels one character decides."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import Pipeline

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


def test_it_is_a_pipeline_of_scikit_learn_in_all_its_manners():
    model = baselines.build_baseline("tfidf").set_params(tfidfvectorizer__ngram_range=(1, 1))
    assert isinstance(model, Pipeline) and list(model.named_steps) == [
        "tfidfvectorizer",
        "logisticregression",
    ]
    again = pickle.loads(pickle.dumps(clone(model).fit(TEXTS, Y)))
    assert again.score(pd.Series(TEXTS), pd.Series(Y)) == 1.0
    features = baselines.build_baseline("tfidf")[:-1]
    assert not hasattr(features, "predict") and not hasattr(model, "transform")
    vectors = features.fit(TEXTS).transform(iter(TEXTS))
    assert (vectors != features.fit_transform(iter(TEXTS))).nnz == 0
    assert features.transform([]).shape == (0, vectors.shape[1])


@pytest.mark.parametrize("name", ["majority", "tfidf"])
def test_scores_need_a_label_for_each_text(name):
    model = baselines.build_baseline(name).fit(TEXTS, Y)
    with pytest.raises(UserError, match="40 rows but 39 labels"):
        model.score(TEXTS, Y[1:])


def test_an_unknown_baseline_names_the_known_ones():
    with pytest.raises(UserError, match="majority, tfidf, frozen"):
        baselines.build_baseline("svm")
