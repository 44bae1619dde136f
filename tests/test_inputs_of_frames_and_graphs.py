"""Frames, graphs, logs and matrices as users have them: the right result, or a line that says why.

A case is a function of one argument, clean data for it, and what else may be given: what means the
same gives the same, and what can't be used raises UserError.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import NamedTuple

import igraph
import networkx as nx
import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from socialai import evaluation
from socialai.apps import advertising, moderation, network, sentiment
from socialai.apps.behaviour import DiscreteHazard
from socialai.errors import UserError
from socialai.models import (
    backpropagation,
    convolution,
    gcn,
    generator_quality,
    initialisation,
    optimizers,
    sizes,
)
from socialai.preprocessing import images
from socialai.validation import generator_seed


class Case(NamedTuple):
    """A function of one argument, and clean data for it."""

    call: Callable
    clean: object


def told(call: Callable, says: str = "") -> None:
    """The call raises UserError, in one line that is none of a library's."""
    with pytest.raises(UserError, match=says or ".") as error:
        call()
    assert "\n" not in str(error.value) and str(error.value)


def numbers(result) -> np.ndarray:
    """What a function gave as numbers, to compare."""
    if isinstance(result, nx.Graph):
        return nx.to_numpy_array(result)
    if isinstance(result, pd.DataFrame | pd.Series):
        return result.reset_index().to_numpy(float)
    return np.asarray(result, dtype=float)


rng = np.random.default_rng(0)
LOG = pd.DataFrame(
    {
        "item_id": np.arange(120) % 3,
        "position": 1 + np.arange(120) // 3 % 2,
        "click": rng.integers(0, 2, 120),
        "propensity": 0.25,
    }
)
POLICY = pd.DataFrame(
    {"item_id": [0, 1, 2] * 2, "position": [1] * 3 + [2] * 3, "probability": [0.2, 0.3, 0.5] * 2}
)
TIES = pd.DataFrame(
    [(1, 2), (1, 3), (2, 3), (3, 4), (4, 5), (4, 6), (5, 6)], columns=["source", "target"]
).assign(weight=[1, 2, 1, 1, 1, 1, 3])
ADS = LOG[["item_id", "position"]]
LEARNED = advertising.ResponseModel(n_buckets=64).fit(ADS, LOG["click"])


def off_policy(method):
    return lambda log: advertising.off_policy_value(log, POLICY, method, n_resamples=5)


FRAMES = {
    "click_rates": Case(lambda f: advertising.click_rates(f, ["item_id", "position"]), LOG),
    "shown_shares": Case(
        lambda f: advertising.shown_shares(f).sort_values(["item_id", "position"]).to_numpy(float),
        LOG,
    ),
    **{f"off_policy_value {m}": Case(off_policy(m), LOG) for m in advertising.OFF_POLICY_METHODS},
    "policy": Case(lambda f: advertising.off_policy_value(LOG, f, n_resamples=5), POLICY),
    "importance_weights": Case(lambda f: advertising.importance_weights(f, POLICY), LOG),
    "replay": Case(lambda f: advertising.replay(advertising.LinUCB(), f).history_, LOG),
    "ResponseModel.fit": Case(
        lambda f: advertising.ResponseModel(n_buckets=64).fit(f, LOG["click"]).predict_proba(ADS),
        ADS,
    ),
    "ResponseModel.predict": Case(LEARNED.predict_proba, ADS),
    "make_graph": Case(lambda f: network.make_graph(f, weight="weight"), TIES),
    "Communities": Case(lambda f: network.Communities().fit(f).labels_, TIES),
    "key_nodes": Case(network.key_nodes, TIES),
    "choose_seeds": Case(lambda f: network.choose_seeds(f, 2, n_cascades=20).seeds, TIES),
    "GCNClassifier": Case(
        lambda f: (
            network.GCNClassifier(epochs=2, device="cpu").fit(f, {1: 0, 6: 1}).predict_proba()
        ),
        TIES,
    ),
}
IDS = ["item_id", "position", "source", "target"]


def ids_as(dtype):
    return lambda f: f.astype({name: dtype for name in IDS if name in f.columns})


SAME_FRAMES = {
    "an index named like a column": lambda f: f.set_index(f.columns[0], drop=False),
    "an index that repeats": lambda f: f.set_axis([7] * len(f)),
    "an index of two levels": lambda f: f.set_axis(
        pd.MultiIndex.from_arrays([f.iloc[:, 0], f.iloc[:, 1]], names=f.columns[:2])
    ),
    "columns in another order": lambda f: f[f.columns[::-1]],
    "ids as float": ids_as("float64"),
    "ids as Int64": ids_as("Int64"),
    "ids as Float64": ids_as("Float64"),
    "ids as categories": ids_as("category"),
    "ids as objects": ids_as(object),
    "ids in few bits": ids_as("int8"),
    "all numbers as Float64": lambda f: f.astype("Float64"),
}
WRONG_FRAMES = {
    "a list": lambda f: f.to_numpy().tolist(),
    "a generator": lambda f: iter(f.to_numpy().tolist()),
    "a dictionary": lambda f: f.to_dict("list"),
    "None": lambda f: None,
    "a text": lambda f: "log.csv",
    "no rows": lambda f: f.head(0),
    "nothing at all": lambda f: pd.DataFrame(),
    "a column less": lambda f: f.drop(columns=f.columns[0]),
    "a column twice": lambda f: pd.concat([f, f.iloc[:, :1]], axis=1),
    "a missing id": lambda f: f.assign(**{f.columns[0]: f.iloc[:, 0].where(f.index != 3)}),
    "ids that are lists": lambda f: f.assign(**{f.columns[0]: [[{}]] * len(f)}),
}


@pytest.mark.parametrize("variant", SAME_FRAMES)
@pytest.mark.parametrize("name", FRAMES)
def test_a_frame_means_what_its_columns_hold_whatever_its_index_and_types(name, variant):
    case = FRAMES[name]
    found = case.call(SAME_FRAMES[variant](case.clean))
    np.testing.assert_allclose(numbers(found), numbers(case.call(case.clean)), rtol=1e-12)


@pytest.mark.parametrize("variant", WRONG_FRAMES)
@pytest.mark.parametrize("name", FRAMES)
def test_what_is_no_frame_of_this_kind_is_told(name, variant):
    case = FRAMES[name]
    if name == "ResponseModel.fit" and variant == "a column less":
        pytest.skip("it learns from the columns that there are")
    if name.endswith(".predict") and variant == "no rows":
        pytest.skip("no rows have no answers")
    told(lambda: case.call(WRONG_FRAMES[variant](case.clean)))


@pytest.mark.parametrize("name", [name for name in FRAMES if FRAMES[name].clean is LOG])
@pytest.mark.parametrize(
    ("column", "value"),
    [("click", 2), ("click", "1"), ("click", np.nan), ("click", -1)]
    + [("propensity", value) for value in (0, -0.1, 1.1, np.nan, np.inf, "half")],
)
def test_clicks_are_0_or_1_and_propensities_above_0_up_to_1(name, column, value):
    if name == "shown_shares" or (name == "click_rates" and column == "propensity"):
        pytest.skip("it doesn't read this column")
    told(lambda: FRAMES[name].call(LOG.assign(**{column: value})), column)


@pytest.mark.parametrize("probability", [-0.1, 1.1, np.nan, np.inf, "all"])
def test_a_policy_is_made_of_probabilities(probability):
    told(lambda: advertising.off_policy_value(LOG, POLICY.assign(probability=probability)))


@pytest.mark.parametrize("column", ["item_id", "position"])
def test_a_policy_whose_ids_are_text_where_the_log_has_numbers_is_told_so(column):
    told(
        lambda: advertising.importance_weights(LOG, POLICY.astype({column: str})),
        "one side has it as text, the other as a number",
    )


def test_ids_may_be_of_any_types_that_can_be_compared():
    names = {0: "a", 1: 1, 2: (2, 3)}
    log = LOG.assign(item_id=LOG["item_id"].map(names))
    policy = POLICY.assign(item_id=POLICY["item_id"].map(names))
    weights = advertising.importance_weights(log, policy)
    assert weights.tolist() == advertising.importance_weights(LOG, POLICY).tolist()


COMMUNITY = dict.fromkeys(range(5), 0)

# Graphs: a call, and whether a graph without edges is something that it has an answer to.
GRAPHS = {
    "betweenness": (network.betweenness, True),
    "key_nodes": (network.key_nodes, False),
    "adjacency": (network.adjacency, True),
    "largest_component": (network.largest_component, True),
    "to_igraph": (network.to_igraph, True),
    "make_graph": (network.make_graph, False),
    "Communities": (lambda g: network.Communities().fit(g), False),
    "choose_seeds": (lambda g: network.choose_seeds(g, 1, n_cascades=5), False),
    "Cascades": (lambda g: network.Cascades(g, n_cascades=5), True),
    "modularity": (lambda g: network.modularity(g, COMMUNITY), False),
    "mixing_parameter": (lambda g: network.mixing_parameter(g, COMMUNITY), False),
    "GCNClassifier": (lambda g: network.GCNClassifier(epochs=1).fit(g, {0: 0, 1: 1}), False),
}


def weighing(weight):
    return nx.Graph([(0, 1, {"weight": weight}), (1, 2)])


WRONG_GRAPHS = {
    "a list of edges": [(0, 1)],
    "a matrix": np.eye(2),
    "None": None,
    "no nodes": nx.Graph(),
    "several edges between a pair": nx.MultiGraph([(0, 1), (0, 1)]),
    "a negative weight": weighing(-1),
    "a missing weight": weighing(np.nan),
    "an infinite weight": weighing(np.inf),
    "a weight beyond all floats": weighing(10**400),
    "a weight of text": weighing("1"),
    "a weight of None": weighing(None),
    "a weight of several numbers": weighing([1, 2]),
}


@pytest.mark.parametrize("variant", WRONG_GRAPHS)
@pytest.mark.parametrize("name", GRAPHS)
def test_what_is_no_graph_of_this_kind_is_told(name, variant):
    told(lambda: GRAPHS[name][0](WRONG_GRAPHS[variant]))


@pytest.mark.parametrize("n", [1, 3])
@pytest.mark.parametrize("name", GRAPHS)
def test_a_graph_without_edges_has_an_answer_or_is_told(name, n):
    call, answers = GRAPHS[name]
    if answers:
        call(nx.empty_graph(n))
    else:
        told(lambda: call(nx.empty_graph(n)), "edges|edge")


@pytest.mark.parametrize("name", ["Communities", "GCNClassifier", "mixing_parameter"])
def test_a_directed_graph_is_refused_where_direction_has_no_meaning(name):
    told(lambda: GRAPHS[name][0](nx.DiGraph([(0, 1), (1, 2)])), "undirected")


@pytest.mark.parametrize("method", ["louvain", "spectral"])
def test_methods_for_undirected_graphs_refuse_directed_ones(method):
    directed = igraph.Graph(4, [(0, 1), (1, 2), (2, 3)], directed=True)
    told(lambda: network.find_communities(directed, method, k=2), "undirected")


@pytest.mark.parametrize(
    "nodes",
    [
        [1, "a", (2,), (3, 4)],
        [(1,), (2, 3), (4, 5, 6), (7,)],
        [2**53 + 1, 0.5, True, "0.5"],
        [pd.Timestamp("2024-01-01"), "2024-01-01", 2024, None.__class__],
        [(0, 0), (0, 1), (1, 0), (1, 1)],
    ],
    ids=["mixed", "tuples of several lengths", "numbers", "times and types", "a grid"],
)
def test_nodes_are_what_they_are_whatever_their_types(nodes):
    path = nx.path_graph(4)
    graph = nx.relabel_nodes(path, dict(enumerate(nodes)))
    assert network.key_nodes(graph).index.tolist() == nodes
    found = network.Communities().fit(graph)
    assert list(found.labels_.to_dict()) == nodes
    assert found.predict(nodes[::-1]).tolist() == found.labels_.tolist()[::-1]
    assert network.modularity(graph, found.labels_) == pytest.approx(found.modularity_)
    assert list(network.betweenness(graph).values()) == list(network.betweenness(path).values())
    assert network.choose_seeds(graph, 1, "degree").seeds == [nodes[1]]


@pytest.mark.parametrize(
    "nodes", [[], "0", 3, [[0]], [None], [np.nan], [7], pd.DataFrame({"node": [0]}), iter([8])]
)
@pytest.mark.parametrize("name", ["predict", "spread", "predict_proba"])
def test_nodes_that_are_not_there_are_told(name, nodes):
    path = nx.path_graph(3)
    calls = {
        "predict": network.Communities().fit(path).predict,
        "spread": network.Cascades(path, n_cascades=2).spread,
        "predict_proba": network.GCNClassifier(epochs=1).fit(path, {0: 0, 2: 1}).predict_proba,
    }
    told(lambda: calls[name](nodes))


@pytest.mark.parametrize(
    "nodes", [(0, 2), np.array([0, 2]), iter([0, 2]), [0.0, 2.0], pd.Series([0, 2], [5, 5])]
)
def test_nodes_may_be_any_collection_of_them(nodes):
    found = network.Communities().fit(nx.path_graph(3))
    assert found.predict(nodes).tolist() == found.predict([0, 2]).tolist()


@pytest.mark.parametrize(
    "labels",
    [
        {0: [0], 1: [1], 2: [2]},
        {0: pd.NA, 1: 0, 2: 0},
        pd.Series([0, 1, 1, 0], [0, 1, 2, 2]),
        "abc",
        None,
    ],
    ids=["lists", "NA", "a node twice", "text", "None"],
)
def test_communities_are_one_for_each_node(labels):
    told(lambda: network.modularity(nx.path_graph(3), labels))


def test_communities_may_be_named_by_tuples():
    path = nx.path_graph(4)
    by_number = network.modularity(path, {0: 0, 1: 0, 2: 1, 3: 1})
    assert network.modularity(path, {0: (0, 1), 1: (0, 1), 2: (0, 2), 3: (0, 2)}) == by_number


@pytest.mark.parametrize("k", [0, -1, 4, 1.5, None, "2", np.nan])
@pytest.mark.parametrize("method", network.SEED_METHODS)
def test_as_many_seeds_as_there_are_nodes_at_most(method, k):
    told(lambda: network.choose_seeds(nx.path_graph(3), k, method, n_cascades=2), "k must be")


# Matrices
X = np.random.default_rng(1).normal(size=(40, 3)).round(3)
X[:, 0] += np.arange(40) % 2
Y = np.arange(40) % 2
SHARES = np.column_stack([0.8 - 0.6 * Y, 0.2 + 0.6 * Y])
A = np.array([[0.0, 1, 1], [1, 0, 0], [1, 0, 0]])
HAZARD = DiscreteHazard().fit(X, 1 + np.arange(40) % 4, Y)
MODELS = {
    "Prototypes": moderation.Prototypes().fit(X, Y),
    "OrdinalRegression": sentiment.OrdinalRegression().fit(X, Y),
    "SoftLabelClassifier": sentiment.SoftLabelClassifier().fit(X, SHARES),
    "LinUCB": advertising.LinUCB().fit(Y, Y, X),
}
MATRICES = {
    "Prototypes.fit": Case(lambda x: moderation.Prototypes().fit(x, Y).predict_proba(X), X),
    "OrdinalRegression.fit": Case(
        lambda x: sentiment.OrdinalRegression().fit(x, Y).predict_proba(X), X
    ),
    "SoftLabelClassifier.fit": Case(
        lambda x: sentiment.SoftLabelClassifier().fit(x, SHARES).predict_proba(X), X
    ),
    "LinUCB.fit": Case(lambda x: advertising.LinUCB().fit(Y, Y, x).theta_, X),
    "DiscreteHazard.fit": Case(
        lambda x: DiscreteHazard().fit(x, 1 + np.arange(40) % 4, Y).predict_survival(X), X
    ),
    **{f"{name}.predict": Case(model.predict, X) for name, model in MODELS.items()},
    "DiscreteHazard.predict": Case(HAZARD.predict_survival, X),
    "review_queue": Case(
        lambda x: moderation.review_queue(
            LogisticRegression(), x, Y, X, Y, "likely", 10, 5, 2
        ).drop(columns="strategy"),
        X,
    ),
    "review_queue of test": Case(
        lambda x: moderation.review_queue(
            LogisticRegression(), X, Y, x, Y, "random", 10, 5, 2
        ).drop(columns="strategy"),
        X,
    ),
    "frechet_distance": Case(lambda x: generator_quality.frechet_distance(x, X[:9] + 1), X),
    "frechet_distance to": Case(lambda x: generator_quality.frechet_distance(X[:9] + 1, x), X),
    "neighbourhood_scores": Case(
        lambda x: list(generator_quality.neighbourhood_scores(x, X[:9]).values()), X
    ),
    "normalised_adjacency": Case(lambda x: gcn.normalised_adjacency(x).to_dense(), A),
    "pagerank": Case(network.pagerank, A),
}
SAME_MATRICES = {
    "a list of lists": lambda x: x.tolist(),
    "a frame": lambda x: pd.DataFrame(x, columns=list("abc"), index=[0] * len(x)),
    "a frame of Float64": lambda x: pd.DataFrame(x, columns=list("abc")).astype("Float64"),
    "by columns": np.asfortranarray,
    "objects": lambda x: x.astype(object),
}
WRONG_MATRICES = {
    "nothing": lambda x: [],
    "no rows": lambda x: x[:0],
    "no columns": lambda x: x[:, :0],
    "None": lambda x: None,
    "a list of numbers": lambda x: x[:, 0],
    "three axes": lambda x: x[None],
    "a missing number": lambda x: np.where(np.arange(x.size).reshape(x.shape) == 4, np.nan, x),
    "an infinite number": lambda x: np.where(x == x[1, 1], np.inf, x),
    "text": lambda x: x.astype(str).tolist() + [["a", "b", "c"]],
    "a text": lambda x: "matrix.csv",
    "rows of different lengths": lambda x: [*x.tolist()[:-1], [1.0]],
    "complex numbers": lambda x: x + 1j,
    "a generator": lambda x: iter(x.tolist()),
}


@pytest.mark.parametrize("variant", SAME_MATRICES)
@pytest.mark.parametrize("name", MATRICES)
@pytest.mark.filterwarnings("ignore:X has feature names", "ignore:X does not have valid feature")
def test_a_matrix_is_its_numbers_however_they_are_kept(name, variant):
    case = MATRICES[name]
    found = case.call(SAME_MATRICES[variant](case.clean))
    np.testing.assert_allclose(numbers(found), numbers(case.call(case.clean)), rtol=1e-6)


@pytest.mark.parametrize("variant", WRONG_MATRICES)
@pytest.mark.parametrize("name", MATRICES)
def test_what_is_no_matrix_of_numbers_is_told(name, variant):
    case = MATRICES[name]
    if (name, variant) == ("LinUCB.fit", "None"):
        pytest.skip("contexts may be left out")
    if name.endswith(".predict") and variant == "no rows":
        pytest.skip("no rows have no answers")
    told(lambda: case.call(WRONG_MATRICES[variant](case.clean)))


@pytest.mark.parametrize("name", MODELS)
def test_no_rows_have_no_answers(name):
    assert MODELS[name].predict(X[:0]).shape == (0,)
    assert moderation.ThreeWayDecision().fit(X[:, 0], Y).predict([]).shape == (0,)
    assert LEARNED.predict_proba(ADS[:0]).shape == (0, 2) and LEARNED.predict(ADS[:0]).size == 0


@pytest.mark.parametrize("name", [n for n in MATRICES if n.endswith((".predict", " of test"))])
def test_a_matrix_has_the_columns_of_training(name):
    told(lambda: MATRICES[name].call(X[:, :2]))
    told(lambda: MATRICES[name].call(np.hstack([X, X])))


@pytest.mark.parametrize("name", [n for n in MATRICES if n.endswith(".fit")])
def test_a_matrix_has_a_row_for_each_answer(name):
    told(lambda: MATRICES[name].call(X[:-1]))
    told(lambda: MATRICES[name].call(X[:1]))


@pytest.mark.parametrize("name", ["Prototypes.fit", "frechet_distance", "LinUCB.fit"])
@pytest.mark.parametrize("factor", [1e120, 1e308])
def test_huge_numbers_have_an_answer_or_are_told(name, factor):
    case = MATRICES[name]
    try:
        found = numbers(case.call(X / abs(X).max() * factor))
    except UserError as error:
        assert "too large" in str(error)
    else:
        assert np.isfinite(found).all()


@pytest.mark.parametrize("factor", [1e-200, 1e-20, 1e20, 1e200])
def test_prototypes_look_at_directions_and_not_at_sizes(factor):
    scaled = moderation.Prototypes().fit(X * factor, Y).predict_proba(X * factor)
    np.testing.assert_allclose(scaled, MODELS["Prototypes"].predict_proba(X), rtol=1e-9)


WRONG_ANSWERS = [
    *([], None, "ab", Y[:-1], [np.nan, *Y[1:]], [None, *Y[1:]], ["a", *Y[1:]], np.ones(40, int)),
    [[0, 1]] * 20 + [[1]] * 20,
]


@pytest.mark.parametrize("y", WRONG_ANSWERS, ids=range(len(WRONG_ANSWERS)))
@pytest.mark.parametrize(
    "fit",
    [
        lambda y: moderation.Prototypes().fit(X, y),
        lambda y: sentiment.OrdinalRegression().fit(X, y),
        lambda y: sentiment.SoftLabelClassifier().fit(X, y),
        lambda y: advertising.ResponseModel().fit(ADS[:40], y),
        lambda y: moderation.review_queue(LogisticRegression(), X, y, X, Y, rounds=1),
    ],
    ids=["Prototypes", "OrdinalRegression", "SoftLabelClassifier", "ResponseModel", "review_queue"],
)
def test_answers_are_one_for_each_row_and_of_two_kinds_at_least(fit, y):
    told(lambda: fit(y))


@pytest.mark.parametrize(
    "shares", [SHARES - 0.5, SHARES * 2, np.where(SHARES > 0.5, np.nan, SHARES), SHARES[:, :1], Y]
)
def test_soft_labels_are_rows_of_shares(shares):
    told(lambda: sentiment.SoftLabelClassifier().fit(X, shares))


def test_an_ordered_categorical_keeps_its_order():
    stars = pd.Categorical.from_codes(
        np.digitize(X[:, 0], [0, 1]), ["low", "middle", "high"], ordered=True
    )
    named = sentiment.OrdinalRegression().fit(X, stars)
    numbered = sentiment.OrdinalRegression().fit(X, stars.codes)
    assert named.classes_.tolist() == ["low", "middle", "high"]
    assert (named.predict_proba(X) == numbered.predict_proba(X)).all()
    assert (named.predict(X) == stars.categories[numbered.predict(X)]).all()


def test_ratings_as_text_must_have_the_order_of_their_numbers():
    told(lambda: sentiment.OrdinalRegression().fit(X, np.where(Y, "10", "9")), "give numbers")
    assert sentiment.OrdinalRegression().fit(X, np.where(Y, "5", "4")).classes_[0] == "4"


# Lists of numbers: a call with one of them, and what it may not hold.
def campaign(**changed):
    given = {"interval": [0, 0, 1], "values": [1.0, 2, 3], "prices": [1.0, 1, 1], "budget": 2}
    return advertising.run_campaign(**given | changed)


HALF = [0.5, 0.5, 0.5]
NUMBERS = {
    "bids": (lambda v: advertising.second_price(v, HALF), [-1]),
    "prices": (lambda v: advertising.second_price(HALF, v), [-1]),
    "interval": (lambda v: campaign(interval=v), [-1, 0.5, 1_700_000_000, 1e300]),
    "values": (lambda v: campaign(values=v), [-1]),
    "scores": (lambda v: moderation.ThreeWayDecision().fit(v, [0, 1, 1]), []),
    "scores, to predict": (moderation.ThreeWayDecision().fit(HALF, [0, 1, 1]).predict, []),
    "scores of recall": (lambda v: moderation.precision_at_recall([0, 1, 1], v), []),
    "truth": (lambda v: moderation.ThreeWayDecision().fit(HALF, v), [-1, 2, 0.5]),
    "probabilities": (lambda v: advertising.calibration_table([0, 1, 1], v), [-0.1, 1.1]),
    "probabilities of bins": (lambda v: evaluation.reliability([0, 1, 1], v), [-0.1, 1.1]),
    "scores of a threshold": (lambda v: evaluation.threshold_by_cost([0, 1, 1], v, 1, 1), []),
    "truth of a threshold": (lambda v: evaluation.threshold_by_cost(v, HALF, 1, 1), [-1, 2]),
    "successes": (lambda v: advertising.proportion_intervals(v, [2, 2, 2]), [-1, 0.5, 3]),
    "trials": (lambda v: advertising.proportion_intervals([0, 0, 0], v), [-1, 0.5, 0]),
    "weights": (advertising.effective_sample_size, [-1]),
    "classes": (lambda v: generator_quality.class_entropy(v, 3), [-1, 0.5, 3]),
    "densities": (lambda v: generator_quality.jensen_shannon(v, HALF, 0.1), [-1]),
    "values of seeds": (evaluation.t_interval, []),
    "ratings": (lambda v: sentiment.single_ratings([v, HALF]), []),
    "ratings of agreement": (lambda v: sentiment.krippendorff_alpha([v, [1, 1, 0]]), []),
    "answers": (lambda v: sentiment.vader_measures([1, 0, -1], v), []),
}
WRONG_NUMBERS = [
    *([], None, "abc", 1, {"a": 1}, [[1, 2], [3]], ["a", "b", "c"], [None, 1, 1], [1j, 1, 1]),
    *([np.inf, 1, 1], [np.nan, 1, 1], pd.DataFrame({"a": [1, 1, 1]}), np.ones((3, 3, 3))),
]


@pytest.mark.parametrize("place", range(len(WRONG_NUMBERS)))
@pytest.mark.parametrize("name", NUMBERS)
def test_what_is_no_list_of_numbers_is_told(name, place):
    if name == "ratings of agreement" and place in (0, 7, 10):
        pytest.skip("a rating may be missing there")
    if name == "scores, to predict" and place == 0:
        pytest.skip("no scores have no answers")
    told(lambda: NUMBERS[name][0](WRONG_NUMBERS[place]))


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, (_, wrong) in NUMBERS.items() for value in wrong]
)
def test_a_number_outside_its_range_is_told(name, value):
    told(lambda: NUMBERS[name][0]([value, 0, 1]))


@pytest.mark.parametrize("name", [name for name in NUMBERS if name != "trials"])
@pytest.mark.parametrize(
    "kept",
    [
        lambda v: pd.Series(v, index=[3, 3, 0]),
        lambda v: pd.Series(v, dtype="Float64"),
        lambda v: pd.array(v, dtype="Int64"),
        tuple,
        lambda v: np.array(v, dtype=object),
    ],
    ids=["odd index", "Float64", "Int64", "tuple", "objects"],
)
def test_a_list_of_numbers_is_its_numbers_however_they_are_kept(name, kept):
    call = NUMBERS[name][0]
    found, clean = (
        str(vars(r) if hasattr(r, "low_") else r) for r in (call(kept([0, 1, 1])), call([0, 1, 1]))
    )
    assert found == clean


SEEDED = {
    "bootstrap": lambda s: evaluation.bootstrap(np.mean, X[:, 0], n_resamples=5, seed=s),
    "evaluate": lambda s: evaluation.evaluate(Y, Y[::-1], seed=s)["accuracy"],
    "compare": lambda s: evaluation.compare(Y, Y, Y[::-1], seed=s)["difference"],
    "off_policy_value": lambda s: advertising.off_policy_value(LOG, POLICY, n_resamples=5, seed=s),
    "EpsilonGreedy": lambda s: advertising.EpsilonGreedy(0.9, s).fit(Y, Y).history_,
    "ResponseModel": lambda s: (
        advertising.ResponseModel("fm", n_buckets=16, epochs=1, device="cpu", seed=s)
        .fit(ADS, LOG["click"])
        .predict_proba(ADS)
    ),
    "precision_at_recall": lambda s: moderation.precision_at_recall(Y, X[:, 0], seed=s)[
        "precision"
    ],
    "review_queue": lambda s: moderation.review_queue(
        LogisticRegression(), X, Y, X, Y, "random", 10, 5, 1, seed=s
    )["macro_f1"],
    "Cascades": lambda s: network.Cascades(nx.path_graph(4), 0.5, 9, s).spread([0]),
    "choose_seeds": lambda s: [network.choose_seeds(nx.path_graph(4), 1, seed=s).spread],
    "GCNClassifier": lambda s: (
        network.GCNClassifier(epochs=1, seed=s, device="cpu")
        .fit(nx.path_graph(4), {0: 0, 3: 1})
        .predict_proba()
    ),
    "planted_edges": lambda s: network.planted_edges(30, 40, 10, 0.2, s)[0],
    "lfr_graph": lambda s: nx.to_numpy_array(network.lfr_graph(250, 0.1, s)[0]),
    **{
        method: lambda s, method=method: (
            network.Communities(method, k=2, seed=s).fit(nx.barbell_graph(5, 0)).labels_
        )
        for method in network.COMMUNITY_METHODS
    },
}


@pytest.mark.parametrize("name", SEEDED)
def test_a_seed_is_any_whole_number(name):
    for seed in (-1, 2**40 + 3, np.int64(3)):
        found = np.asarray(SEEDED[name](seed), float)
        assert (found == np.asarray(SEEDED[name](generator_seed(seed)), float)).all()
    assert [generator_seed(seed) for seed in (0, 3, 2**32 - 1)] == [0, 3, 2**32 - 1]
    for wrong in (1.5, "1", None, np.nan):
        told(lambda wrong=wrong: SEEDED[name](wrong), "seed must be a whole number")


ESTIMATORS = {
    advertising.ResponseModel("deep"): ((ADS, LOG["click"]), ["n_buckets", "C", "dim", "epochs"]),
    advertising.ResponseModel("fm"): ((ADS, LOG["click"]), ["learning_rate", "weight_decay"]),
    advertising.EpsilonGreedy(): ((Y, Y), ["epsilon"]),
    advertising.UCB(): ((Y, Y), ["width"]),
    advertising.ThompsonSampling(): ((Y, Y), ["a", "b"]),
    advertising.LinUCB(): ((Y, Y), []),
    network.GCNClassifier(): (
        (nx.path_graph(3), {0: 0, 2: 1}),
        ["dim", "dropout", "learning_rate", "weight_decay", "epochs"],
    ),
    moderation.Prototypes(): ((X, Y), ["temperature"]),
    moderation.ThreeWayDecision(): ((X[:, 0], Y), ["miss", "wrong_reject", "review", "capacity"]),
    sentiment.OrdinalRegression(): ((X, Y), ["C", "max_iter"]),
    sentiment.SoftLabelClassifier(): ((X, SHARES), ["C", "max_iter"]),
}


@pytest.mark.parametrize(
    ("estimator", "setting", "value"),
    [
        (estimator, setting, value)
        for estimator, (_, settings) in ESTIMATORS.items()
        for setting in settings
        for value in (-1, np.nan, np.inf, "2", [1], *([None] if setting != "capacity" else []))
    ]
    + [(advertising.LinUCB(), "alpha", value) for value in (np.nan, np.inf, "1")]
    + [
        (advertising.ResponseModel("deep"), "hidden_dims", value) for value in ((0,), 8, (), ("a",))
    ],
)
def test_a_setting_outside_its_range_is_told_by_fit(estimator, setting, value):
    fit = next(fit for other, (fit, _) in ESTIMATORS.items() if type(other) is type(estimator))
    told(lambda: type(estimator)(**estimator.get_params() | {setting: value}).fit(*fit), setting)


@pytest.mark.parametrize("validation", [(ADS,), 3, (ADS, LOG["click"][:5]), (ADS[:0], [])])
def test_validation_is_a_pair_of_a_frame_and_its_responses(validation):
    told(lambda: advertising.ResponseModel("fm").fit(ADS, LOG["click"], validation=validation))


@pytest.mark.parametrize("items", [[1, "a"], [[1], [2]], "ab", None, [1, np.nan], [1, None], [1]])
def test_items_of_a_bandit_are_one_list_of_one_type(items):
    told(lambda: advertising.UCB().fit(items, [0, 1]))


def test_items_of_a_bandit_come_back_as_they_were():
    for items in (["a", "b"] * 20, pd.Categorical(["a", "b"] * 20), iter(["a", "b"] * 20)):
        assert advertising.UCB().fit(items, [1, 0] * 20).predict().tolist() == ["a"]


def test_a_learner_of_contexts_asks_for_as_many_numbers_as_it_learned_from():
    told(lambda: MODELS["LinUCB"].predict(), "contexts has 1 columns: 3 are needed")
    assert advertising.UCB().fit(Y, Y, X).predict().tolist() == [1]  # it counts them alone


IMAGES = torch.zeros(4, 1, 6, 6)
CORNERS = torch.zeros(4, dtype=torch.long)


@pytest.mark.parametrize(
    "call",
    [
        lambda: images.to_tensor("picture.png"),
        lambda: images.to_tensor([["a"]]),
        lambda: images.to_tensor(np.full((2, 4, 4), "1")),
        lambda: images.to_tensor(np.full((2, 4, 4), np.nan)),
        lambda: images.to_tensor(np.zeros((2, 3, 32, 32))),
        lambda: images.to_tensor([[[1, 2], [3]]]),
        lambda: images.normalise(IMAGES, torch.zeros(3), torch.ones(3)),
        lambda: images.crop(IMAGES, CORNERS[:1], CORNERS, (2, 2)),
        lambda: images.crop(IMAGES, CORNERS, CORNERS, (0, 2)),
        lambda: images.random_crop(IMAGES, (2, 2), torch.Generator(), padding=-1),
        lambda: images.random_crop(IMAGES, (2,), torch.Generator()),
        lambda: images.tile(IMAGES, 0),
        lambda: images.tile(IMAGES.expand(4, 3, 6, 6), 2),
        lambda: generator_quality.neighbourhood_scores(X, X[:4], k=0),
        lambda: generator_quality.neighbourhood_scores(X, X[:4], k=4),
        lambda: generator_quality.frechet_distance(X[:1], X),
        lambda: generator_quality.class_entropy([0, 0], 1),
        lambda: generator_quality.jensen_shannon([1.0], [1.0, 1.0], 0.1),
        lambda: generator_quality.jensen_shannon([1.0], [1.0], 0),
        lambda: initialisation.weight_std("He", 0, 1),
        lambda: sizes.gpt_parameters(-1, 2, 3, 4),
        lambda: sizes.training_flops(np.nan, 1),
        lambda: optimizers.clip_gradients([], 1.0),
        lambda: optimizers.clip_gradients([torch.ones(2)], -1.0),
        lambda: optimizers.SGD([torch.ones(2)], lr=-1),
        lambda: optimizers.Adam([torch.ones(2)], betas=(0.9, 1.0)),
        lambda: convolution.output_size(5, 3, stride=0),
        lambda: convolution.conv2d_by_loops(
            torch.ones(1, 3, 4, 4), torch.ones(2, 2, 2, 2), torch.ones(2)
        ),
        lambda: backpropagation.cross_entropy(torch.ones(2, 3), torch.tensor([0, -1])),
        lambda: backpropagation.cross_entropy(torch.ones(2, 3), torch.tensor([[0], [1]])),
    ],
)
def test_what_a_formula_would_take_for_something_else_is_told(call):
    told(call)


MASKED = np.ma.array([1.0, 0.0, 1.0], mask=[0, 1, 0])
SPANS = pd.Series(pd.to_timedelta([1, 2, 3], "D"))
DAYS = pd.Series(pd.date_range("2024-01-01", periods=3))


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("values", [MASKED, SPANS, DAYS], ids=["masked", "spans", "days"])
def test_neither_masked_numbers_nor_times_are_numbers(name, values):
    if name != "ratings of agreement" or values is not MASKED:
        told(lambda: NUMBERS[name][0](values))


def test_a_masked_rating_is_a_missing_one():
    ratings = np.array([[1, 1, 9], [2, 2, 9], [3, 2, 9]])
    masked = np.ma.array(ratings, mask=ratings == 9)
    expected = sentiment.krippendorff_alpha(ratings[:, :2])
    assert sentiment.krippendorff_alpha(masked) == expected


@pytest.mark.parametrize("name", MATRICES)
def test_masked_numbers_and_times_are_no_matrix(name):
    case = MATRICES[name]
    told(lambda: case.call(np.ma.array(case.clean, mask=case.clean == case.clean[0, 0])))
    told(lambda: case.call(case.clean.astype("m8[D]")))


@pytest.mark.parametrize("y", [np.ma.array([0, 1, 0, 1], mask=[1, 0, 0, 0])])
def test_a_masked_label_is_missing(y):
    square = np.array([[0.0, 1], [1, 0], [0, 2], [2, 0]])
    told(lambda: moderation.Prototypes().fit(square, y))
    told(lambda: sentiment.OrdinalRegression().fit(square, y))
    told(lambda: evaluation.evaluate(y, [0, 1, 0, 1]))
    told(lambda: evaluation.bootstrap(np.mean, y))


COLUMNS = pd.DataFrame({"a": [0.0, 1, 2, 3], "b": [3.0, 1, 2, 0]})


@pytest.mark.parametrize(
    "ask",
    [
        moderation.Prototypes().fit(COLUMNS, [0, 1, 0, 1]).predict,
        sentiment.OrdinalRegression().fit(COLUMNS, [0, 1, 0, 1]).predict,
        sentiment.SoftLabelClassifier().fit(COLUMNS, [[0.5, 0.5], [0.1, 0.9]] * 2).predict,
        advertising.LinUCB().fit(["x", "y"] * 2, [1, 0, 0, 1], COLUMNS).predict,
        DiscreteHazard().fit(COLUMNS, [3, 1, 2, 1], [1, 0, 1, 1]).predict_survival,
    ],
)
def test_columns_in_another_order_than_in_training_are_told(ask):
    assert len(ask(COLUMNS)) == 4
    told(lambda: ask(COLUMNS[["b", "a"]]))


def test_whole_numbers_may_be_floats_and_numbers_decimals():
    graph = network.make_graph(TIES)
    A = network.adjacency(graph)
    assert (network.pagerank(A, Decimal("0.85"), max_iter=500.0) == network.pagerank(A)).all()
    cascades = network.Cascades(graph, Decimal("0.5"), 20.0, weighted=True)
    expected = network.Cascades(graph, 0.5, 20, weighted=True)
    assert (cascades.spread([1]) == expected.spread([1])).all()
    labels = dict.fromkeys(graph, 0)
    assert network.modularity(graph, labels, Decimal(1)) == network.modularity(graph, labels)
    table = evaluation.threshold_by_cost([1, 0, 1], [0.1, 0.2, 0.3], Decimal(1), Decimal(2))
    assert table == evaluation.threshold_by_cost([1, 0, 1], [0.1, 0.2, 0.3], 1, 2)
    X = np.random.default_rng(0).normal(size=(40, 2))
    y = (X[:, 0] > 0).astype(int)
    queue = moderation.review_queue(
        LogisticRegression(), X, y, X, y, start=20.0, batch=5.0, rounds=2.0
    )
    assert queue["labels"].tolist() == [20, 25, 30]


@pytest.mark.parametrize("method", network.COMMUNITY_METHODS)
def test_weights_of_igraph_are_the_numbers_that_they_say(method):
    graph = network.to_igraph(network.make_graph(TIES, weight="weight"))
    expected = network.find_communities(graph, method, k=2)
    graph.es["weight"] = [str(weight) for weight in graph.es["weight"]]
    assert (network.find_communities(graph, method, k=2) == expected).all()


@pytest.mark.parametrize("classes", [2, ["a", None], "ab", {"a", "b"}])
def test_classes_of_probabilities_are_a_list_of_labels(classes):
    told(lambda: evaluation.reliability(["a", "b"], np.eye(2), classes=classes), "classes")


def test_the_mean_of_groups_is_one_of_numbers():
    told(lambda: evaluation.bootstrap(np.mean, ["x", "y"], groups=[0, 1]), "numbers are needed")


def test_training_that_diverges_is_told():
    ties = {1: "a", 6: "b"}
    model = network.GCNClassifier(learning_rate=1e30, epochs=20, device="cpu")
    told(lambda: model.fit(TIES, ties), "lower learning rate")
