"""One grammar for all estimators of the package: see CONTRIBUTING.md, "An estimator".

Whoever writes an estimator adds it to ESTIMATORS; a test fails as long as it isn't there.
"""

import doctest
import importlib
import inspect
import pickle
import pkgutil
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import NotFittedError
from sklearn.utils.estimator_checks import parametrize_with_checks

import socialai
from socialai.apps import advertising, behaviour, network, recommendation
from socialai.apps.moderation import KeywordList, Prototypes, ThreeWayDecision
from socialai.apps.sentiment import (
    LexiconSentiment,
    OrdinalRegression,
    SentimentClassifier,
    SoftLabelClassifier,
)
from socialai.apps.topics import TopicModel
from socialai.models.bert import BertTextClassifier
from socialai.models.count_model import CountModel
from socialai.models.encoders import FrozenEncoder
from socialai.preprocessing.word_vectors import WordVectors

TINY_ENCODER = tempfile.mkdtemp(prefix="tiny_encoder_")


@pytest.fixture(scope="module", autouse=True)
def tiny_encoder():
    """A BERT of random weights in the folder TINY_ENCODER, so small that it trains in no time."""
    import transformers

    folder = Path(TINY_ENCODER)
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"很好喜欢太差失望了的"]
    (folder / "vocab.txt").write_text("\n".join(words), encoding="utf-8")
    transformers.BertTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
    config = transformers.BertConfig(
        vocab_size=len(words),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=128,
    )
    transformers.BertModel(config).save_pretrained(folder)
    yield
    shutil.rmtree(folder)


class Data(NamedTuple):
    """What a kind of estimator is fitted with, and a question to the fitted one."""

    fit: tuple
    ask: Callable


TEXTS = ["很好，喜欢", "太差了，失望"] * 8
MATRIX = np.random.default_rng(0).normal(size=(30, 4))
RATINGS = pd.DataFrame(
    [(user, item) for user in range(12) for item in range(user % 2, 10, 2) if (user + item) % 5],
    columns=["user_id", "item_id"],
)
RATINGS["rating"] = 1 + RATINGS.index % 5
RATINGS["time"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(RATINGS.index, "D")
CUSTOMERS = behaviour.simulate_customers(r=0.6, alpha=5, a=0.9, b=3, T=np.full(300, 52.0))
CUSTOMERS["monetary_value"] = 10.0 + CUSTOMERS.index % 7
EVENTS = pd.DataFrame(
    [(user, "abcdef"[(user + t) % 6], t) for user in range(12) for t in range(5)],
    columns=["user_id", "item_id", "time"],
)
IMPRESSIONS = pd.DataFrame({"user": list("abcd") * 20, "ad": ["x", "y"] * 40})
TWO_CLIQUES = nx.barbell_graph(5, 0)

DATA = {
    "texts": Data((TEXTS, [1, 0] * 8), lambda m: m.predict(TEXTS[:3])),
    "embedded texts": Data((TEXTS,), lambda m: m.transform(TEXTS[:3])),
    "token ids": Data(([[0, 1, 2, 1], [0, 2, 2]],), lambda m: m.probability([0, 1, 2], [1, 1, 2])),
    "documents": Data(([list(text) for text in TEXTS],), lambda m: m.transform([list("很好")])),
    "matrix": Data((MATRIX, np.arange(30) % 3), lambda m: m.predict(MATRIX)),
    "shares": Data((MATRIX, np.full((30, 2), 0.5)), lambda m: m.predict_proba(MATRIX)),
    "scores": Data((MATRIX[:, 0], np.arange(30) % 2), lambda m: m.predict(MATRIX[:, 0])),
    "survival": Data(
        (MATRIX, 1 + np.arange(30) % 4, np.arange(30) % 3 > 0),
        lambda m: m.predict_survival(MATRIX),
    ),
    "ratings": Data((RATINGS,), lambda m: m.recommend(k=2)["score"]),
    "customers": Data((CUSTOMERS,), lambda m: m.predict(CUSTOMERS, 4)),
    "spending customers": Data((CUSTOMERS,), lambda m: m.predict(CUSTOMERS)),
    "events": Data((EVENTS,), lambda m: m.ranks([["a"], ["c", "d"]], ["b", "e"])),
    "impressions": Data((IMPRESSIONS, [0, 1, 1, 0] * 20), lambda m: m.predict_proba(IMPRESSIONS)),
    "clicks": Data((["x", "y"] * 40, [1, 0] * 40), lambda m: m.predict()),
    "ties": Data((TWO_CLIQUES,), lambda m: m.predict([0, 9])),
    "labelled ties": Data((TWO_CLIQUES, {0: "l", 9: "r"}), lambda m: m.predict_proba()),
}

# (an estimator small enough to be fitted here, the kind of data it is fitted with); a class that
# has several methods may stand here several times.
ESTIMATORS = [
    (KeywordList(min_count=2), "texts"),
    (Prototypes(), "matrix"),
    (ThreeWayDecision(), "scores"),
    (LexiconSentiment({"好": 1.0, "差": -1.0}), "texts"),
    (OrdinalRegression(), "matrix"),
    (SentimentClassifier("tfidf"), "texts"),
    (SoftLabelClassifier(), "shares"),
    (TopicModel(n_topics=2, analyzer=list, max_df=0.9), "texts"),
    (WordVectors(dim=3, min_count=2), "documents"),
    (FrozenEncoder(TINY_ENCODER, device="cpu"), "embedded texts"),
    (BertTextClassifier(TINY_ENCODER, epochs=1, device="cpu"), "texts"),
    (CountModel(weight=0.5), "token ids"),
    (recommendation.Popularity(), "ratings"),
    (recommendation.SAR(), "ratings"),
    (recommendation.SVD(dim=3), "ratings"),
    (recommendation.ALS(dim=3), "ratings"),
    (recommendation.BPR(dim=3, batch_size=8), "ratings"),
    (recommendation.Implicit("als", dim=3), "ratings"),
    (recommendation.Implicit("bpr", dim=3, options={"learning_rate": 0.1}), "ratings"),
    (recommendation.LightGCN(dim=4, epochs=2), "ratings"),
    (recommendation.TwoTower(dim=4, epochs=2), "ratings"),
    (advertising.ResponseModel("linear"), "impressions"),
    (advertising.ResponseModel("fm", n_buckets=64, epochs=2, device="cpu"), "impressions"),
    (advertising.ResponseModel("deep", n_buckets=64, epochs=2, device="cpu"), "impressions"),
    (advertising.EpsilonGreedy(), "clicks"),
    (advertising.UCB(), "clicks"),
    (advertising.ThompsonSampling(), "clicks"),
    (advertising.LinUCB(), "clicks"),
    (network.Communities(), "ties"),
    (network.GCNClassifier(epochs=5, device="cpu"), "labelled ties"),
    (behaviour.BetaGeometricNBD(), "customers"),
    (behaviour.GammaGamma(), "spending customers"),
    (behaviour.DiscreteHazard(), "survival"),
    (behaviour.MarkovNextItem(), "events"),
    (
        behaviour.TransformerNextItem(16, n_layers=1, max_length=4, epochs=2, device="cpu"),
        "events",
    ),
]
every_estimator = pytest.mark.parametrize(
    ("estimator", "kind"), ESTIMATORS, ids=lambda value: type(value).__name__
)
every_class = pytest.mark.parametrize(
    "cls", list(dict.fromkeys(type(e) for e, _ in ESTIMATORS)), ids=lambda cls: cls.__name__
)


def public_methods(cls) -> dict[str, Callable]:
    """Methods that answer from what was learned: {name: method}."""
    inherited = set(dir(BaseEstimator))
    members = inspect.getmembers(cls, inspect.isfunction)
    return {
        name: method
        for name, method in members
        if not name.startswith(("_", "fit", "set_")) and name not in inherited
    }


def test_every_estimator_of_the_package_is_listed():
    found = set()
    for module in pkgutil.walk_packages(socialai.__path__, "socialai."):
        if module.name.endswith("__main__"):
            continue
        for _, cls in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            if issubclass(cls, BaseEstimator) and cls.__module__.startswith("socialai."):
                if not inspect.isabstract(cls) and not cls.__name__.startswith("_"):
                    found.add(cls)
    assert found == {type(estimator) for estimator, _ in ESTIMATORS}


@every_class
def test_its_init_is_explicit_typed_and_has_defaults(cls):
    """What scikit-learn's get_params and clone read; names are those of CONTRIBUTING.md."""
    given = {}
    for name, parameter in list(inspect.signature(cls.__init__).parameters.items())[1:]:
        if cls.__init__ is object.__init__:
            break
        assert parameter.kind == parameter.POSITIONAL_OR_KEYWORD, f"{name} is *args or **kwargs"
        assert parameter.annotation is not parameter.empty, f"{name} has no type"
        assert parameter.default is not parameter.empty, f"{name} has no default"
        assert name not in {"lr", "hidden", "random_state", "n_factors", "n_dimensions", "kind"}
        given[name] = parameter.default
    assert cls().get_params(deep=False) == given


@every_class
def test_its_docstring_has_parameters_attributes_and_an_example_that_runs(cls):
    text = inspect.getdoc(cls)
    for name in inspect.signature(cls).parameters:
        assert name in text.split("Parameters\n----------")[1].split("Examples\n--------")[0], name
    module = importlib.import_module(cls.__module__)
    runner = doctest.DocTestRunner()
    for test in doctest.DocTestFinder(recurse=False).find(
        cls, cls.__name__, module, globs=vars(module).copy()
    ):
        runner.run(test)
    assert runner.tries > 0 and runner.failures == 0


@every_class
def test_it_says_that_it_is_not_fitted(cls):
    methods = public_methods(cls)
    assert methods, "what has no method beside fit is a function"
    for name, method in methods.items():
        required = [
            parameter
            for parameter in list(inspect.signature(method).parameters.values())[1:]
            if parameter.default is parameter.empty
        ]
        with pytest.raises(NotFittedError):
            getattr(cls(), name)(*[None] * len(required))


@every_estimator
def test_it_clones_prints_and_pickles_before_it_is_fitted(estimator, kind):
    parameters = estimator.get_params()
    for copy in (clone(estimator), pickle.loads(pickle.dumps(estimator))):
        assert copy is not estimator and copy.get_params() == parameters
    assert type(estimator).__name__ in repr(estimator)
    assert type(estimator)().set_params(**parameters).get_params() == parameters


@every_estimator
def test_fit_returns_itself_changes_no_parameter_and_survives_a_pickle(estimator, kind):
    data = DATA[kind]
    model = clone(estimator)
    assert model.fit(*data.fit) is model
    assert model.get_params() == estimator.get_params()
    answer = data.ask(model)
    for again in (pickle.loads(pickle.dumps(model)), clone(estimator).fit(*data.fit)):
        np.testing.assert_array_equal(np.asarray(data.ask(again)), np.asarray(answer))


# Others with a matrix have something else beside it, which these checks can't give: shares of
# raters (SoftLabelClassifier), durations and events (DiscreteHazard), shown items and clicks
# (LinUCB); ThreeWayDecision has one score a row, ResponseModel a frame of categories. What users
# give to those is tried in test_inputs_of_frames_and_graphs.py.
@parametrize_with_checks(
    [
        Prototypes(),
        Prototypes(centre=False),
        OrdinalRegression(),
        OrdinalRegression(rule="mode"),
    ],
    expected_failed_checks=lambda estimator: (
        {"check_classifiers_train": "the median of a distribution isn't always its likeliest class"}
        if getattr(estimator, "rule", None) == "median"
        else {}
    ),
)
def test_those_on_matrices_pass_the_checks_of_scikit_learn(estimator, check):
    check(estimator)
