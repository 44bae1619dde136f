import doctest
import random
from fractions import Fraction

import igraph
import networkx as nx
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.metrics import normalized_mutual_info_score as nmi

from socialai.apps import network
from socialai.apps.network.benchmark_graphs import lfr_graph, mixing_parameter, planted_edges
from socialai.apps.network.cascades import Cascades, greedy_seeds
from socialai.apps.network.influence import _largest
from socialai.errors import UserError


def weighted(graph, seed=0):
    rng = random.Random(seed)
    for _, _, data in graph.edges(data=True):
        data["weight"] = rng.choice(
            [1, 2, 4]
        )  # few and exact in binary: equally long paths are common
        data["length"] = 1 / data["weight"]
    return graph


def looped():
    graph = weighted(nx.path_graph(4))
    graph.add_edge(0, 0, weight=3)
    return graph


GRAPHS = {
    "karate": weighted(nx.karate_club_graph()),
    "Les Miserables": weighted(nx.les_miserables_graph()),
    "path": weighted(nx.path_graph(5)),
    "directed with dangling nodes": weighted(nx.gnp_random_graph(40, 0.06, seed=1, directed=True)),
    "two parts and an isolated node": weighted(
        nx.disjoint_union_all([nx.cycle_graph(4), nx.star_graph(3), nx.Graph([(0, 1)])])
    ),
}
GRAPHS["two parts and an isolated node"].add_node("alone")


@pytest.fixture(params=GRAPHS)
def graph(request):
    return GRAPHS[request.param]


@pytest.fixture
def bridge():
    """Two cliques of five with one edge between them: what is right needs no library."""
    return nx.barbell_graph(5, 0)


def test_the_docstring_runs():
    assert doctest.testmod(network).failed == 0 < doctest.testmod(network).attempted


@pytest.mark.parametrize("damping", [0.5, 0.85, 0.99])
def test_pagerank_is_networkx(graph, damping):
    expected = nx.pagerank(graph, alpha=damping, tol=1e-12, max_iter=10_000)
    ours = network.pagerank(network.adjacency(graph), damping, tol=1e-12, max_iter=10_000)
    assert ours == pytest.approx(
        np.array(list(expected.values())), abs=1e-9
    ) and ours.sum() == pytest.approx(1)


def test_the_directed_graph_has_dangling_nodes():
    assert 0 in dict(GRAPHS["directed with dangling nodes"].out_degree()).values()


def test_pagerank_says_when_it_has_not_settled():
    with pytest.raises(UserError, match="did not settle in 2 iterations"):
        network.pagerank(network.adjacency(GRAPHS["karate"]), max_iter=2)


@pytest.mark.parametrize("distance", [None, "length"])
def test_betweenness_is_networkx(graph, distance):
    expected = nx.betweenness_centrality(graph, weight=distance)
    assert network.betweenness(graph, distance) == pytest.approx(expected, abs=1e-12)


def test_betweenness_of_mixed_nodes_and_of_a_bad_length():
    assert network.betweenness(nx.Graph([(1, "a"), ("a", (2,))])) == {
        1: 0,
        "a": 1,
        (2,): 0,
    }  # nodes need no order
    with pytest.raises(UserError, match="positive length"):
        network.betweenness(nx.Graph([(0, 1, {"length": 0})]), "length")


def two_ways(lengths, graph=None):
    """From a to c by b, and by x."""
    graph = nx.Graph() if graph is None else graph
    for (u, v), length in zip(("ab", "bc", "ax", "xc"), lengths, strict=True):
        graph.add_edge(u, v, length=length)
    return graph


@pytest.mark.parametrize(
    "lengths",
    [
        (1, 2, 1.5, 1.5),
        (0.1, 0.2, 0.15, 0.15),
        (0.2, 0.1, 0.15, 0.15),
        (1e-20, 2e-20, 1.5e-20, 1.5e-20),
        (0.1e20, 0.2e20, 0.15e20, 0.15e20),
        (1 / 10, 1 / 5, 3 / 20, 3 / 20),
        (Fraction(1, 10), Fraction(1, 5), 0.15, 0.15),
        (np.float64(0.1), np.float64(0.2), 0.15, 0.15),
    ],
)
def test_paths_of_equal_length_share_though_their_sums_are_rounded(lengths):
    shares = network.betweenness(two_ways(lengths), "length")
    assert shares["b"] == shares["x"] == pytest.approx(1 / 6)
    directed = network.betweenness(two_ways(lengths, nx.DiGraph()), "length")
    assert directed["b"] == directed["x"] == pytest.approx(1 / 12)


@pytest.mark.parametrize("longer", [1e-8, 1e-6, 0.1])
def test_a_path_that_is_longer_by_more_than_rounding_is_longer(longer):
    shares = network.betweenness(two_ways((0.1, 0.2 + longer, 0.15, 0.15)), "length")
    assert shares["b"] == 0 and shares["x"] == pytest.approx(1 / 3)


@given(st.integers(0, 999), st.sampled_from([0.1, 1 / 3, 1e-9, 7e8]), st.booleans())
@settings(deadline=None, max_examples=40)
def test_the_unit_of_a_length_changes_no_betweenness(seed, unit, directed):
    graph = nx.gnp_random_graph(12, 0.3, seed=seed, directed=directed)
    graph.add_edge(0, 0)
    draw = random.Random(seed)
    for _, _, data in graph.edges(data=True):
        data["whole"] = draw.randint(1, 4)  # whole numbers are added exactly
        data["length"] = unit * data["whole"]
    expected = nx.betweenness_centrality(graph, weight="whole")
    assert network.betweenness(graph, "length") == pytest.approx(expected, abs=1e-12)
    assert network.betweenness(graph, "whole") == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    "length", [0, -1, np.nan, np.inf, None, "1", 1j, [1], 10**400, pd.NA, np.array([1, 2])]
)
def test_what_is_no_length_is_told_with_its_edge(length):
    with pytest.raises(UserError, match="positive length on every edge; that of 'b' and 'c' is"):
        network.betweenness(two_ways((1, length, 1, 1)), "length")


def test_lengths_whose_sum_is_infinite_are_told():
    with pytest.raises(UserError, match="too large to be added up"):
        network.betweenness(two_ways((1.7e308, 1.7e308, 1, 1)), "length")


def test_seeds_of_equal_pagerank_are_taken_in_the_order_of_the_graph():
    # Ends of a path have one rank, whose last digits depend on the order of the sums.
    for n in range(3, 40):
        scores = np.array([0.3, 0.1 + 0.2, 0.3 + 1e-16, 0.2]) * n
        assert _largest(scores, 4).tolist() == [0, 1, 2, 3]
    assert _largest(np.array([1, 3, 2, 3]), 3).tolist() == [1, 3, 2]


@pytest.mark.parametrize("resolution", [0.5, 1, 2])
def test_modularity_is_networkx(graph, resolution):
    labels = {v: i % 3 for i, v in enumerate(graph)}
    groups = [{v for v in graph if labels[v] == c} for c in range(3)]
    expected = nx.community.modularity(graph, groups, weight="weight", resolution=resolution)
    assert network.modularity(graph, labels, resolution) == pytest.approx(expected, abs=1e-12)


def test_modularity_counts_loops_as_networkx_does():
    expected = nx.community.modularity(looped(), [{0, 1}, {2, 3}])
    assert network.modularity(looped(), {0: "a", 1: "a", 2: "b", 3: "b"}) == pytest.approx(
        expected, abs=1e-12
    )


@given(
    st.lists(
        st.tuples(st.integers(0, 8), st.integers(0, 8)).filter(lambda e: e[0] != e[1]), min_size=1
    ),
    st.data(),
)
@settings(deadline=None)
def test_laws_of_modularity(edges, data):
    graph = nx.Graph(edges)
    labels = {v: data.draw(st.integers(0, 3)) for v in graph}
    assert -0.5 <= network.modularity(graph, labels) < 1
    assert network.modularity(graph, dict.fromkeys(graph, 0)) == pytest.approx(
        0, abs=1e-12
    )  # one community explains nothing


def test_modularity_needs_every_node():
    with pytest.raises(UserError, match="33 nodes have no community, the first is 1"):
        network.modularity(GRAPHS["karate"], {0: 0})


def test_a_graph_of_a_frame_adds_up_rows_and_drops_loops():
    frame = pd.DataFrame(
        {"who": ["a", "b", "a", "c"], "whom": ["b", "a", "c", "c"], "times": [1, 2, 3, 9]}
    )
    graph = network.make_graph(frame, "who", "whom", "times")
    assert list(graph.edges(data="weight")) == [("a", "b", 3), ("a", "c", 3)]
    directed = network.make_graph(frame, "who", "whom", directed=True)
    assert list(directed.edges(data="weight")) == [("a", "b", 1), ("a", "c", 1), ("b", "a", 1)]


FRAME = pd.DataFrame({"source": ["a", "b"], "target": ["b", "c"], "weight": [1.0, 2.0]})


@pytest.mark.parametrize(
    ("edges", "options", "message"),
    [
        (
            FRAME.rename(columns={"target": "targets"}),
            {},
            "no column 'target'; did you mean 'targets'",
        ),
        (FRAME.iloc[:0], {}, "no rows"),
        (FRAME.assign(weight=[1, -2]), {"weight": "weight"}, "finite and not negative"),
        (FRAME.assign(target=["b", None]), {}, "misses 1 values"),
        (FRAME.assign(target=["a", "b"]), {}, "no edges"),
        (FRAME.assign(weight=0), {"weight": "weight"}, "no edges"),
        (nx.Graph(), {}, "no edges"),
        (nx.Graph([(0, 1, {"weight": -1})]), {}, "negative, infinite or missing weight"),
        (nx.Graph([(0, 1, {"weight": np.nan})]), {}, "negative, infinite or missing weight"),
        (nx.Graph([(0, 1, {"weight": "x"})]), {}, "whose weight is no number"),
        (nx.Graph([(0, 1, {"weight": 0})]), {}, "no edges"),
        (nx.empty_graph(3), {}, "no edges"),
        (nx.MultiGraph([(0, 1), (0, 1)]), {}, "several edges"),
        ([(0, 1)], {}, "a pandas DataFrame is needed"),
    ],
)
def test_bad_networks_are_one_clear_line(edges, options, message):
    with pytest.raises(UserError, match=message) as raised:
        network.make_graph(edges, **options)
    assert "\n" not in str(raised.value)


def test_the_largest_component_keeps_the_order():
    graph = nx.Graph([("x", "y"), ("c", "b"), ("b", "a")])
    assert (
        list(network.largest_component(graph)) == ["c", "b", "a"]
        and network.largest_component(graph).number_of_edges() == 2
    )


def test_key_nodes_are_those_of_the_parts():
    for name in (
        "Les Miserables",
        "directed with dangling nodes",
        "two parts and an isolated node",
    ):
        graph = GRAPHS[name]
        scores = network.key_nodes(graph)
        degree = graph.in_degree if graph.is_directed() else graph.degree
        assert scores["degree"].to_dict() == dict(degree) and scores["strength"].to_dict() == dict(
            degree(weight="weight")
        )
        assert scores["betweenness"].to_dict() == pytest.approx(
            network.betweenness(graph), abs=1e-12
        )
        assert scores["pagerank"].sum() == pytest.approx(1)


def test_the_ends_of_a_bridge_are_the_key_nodes(bridge):
    scores = network.key_nodes(bridge)
    for by in ("betweenness", "pagerank"):
        assert set(scores[by].nlargest(2).index) == {4, 5}


@pytest.mark.parametrize("method", network.COMMUNITY_METHODS)
def test_every_method_finds_two_cliques(bridge, method):
    model = clone(network.Communities(method, k=2, seed=3)).fit(bridge)
    assert (
        model.labels_.nunique() == 2
        and model.labels_[:5].nunique() == model.labels_[5:].nunique() == 1
    )
    assert model.modularity_ == pytest.approx(
        network.modularity(bridge, {v: v < 5 for v in bridge})
    )
    assert (model.predict([0, 9]) == model.labels_[[0, 9]]).all()
    with pytest.raises(UserError, match="1 nodes are not in the network, the first is 10"):
        model.predict([10])


@pytest.mark.parametrize("method", network.COMMUNITY_METHODS)
def test_a_seed_gives_the_same_communities_and_leaves_the_random_module_alone(method):
    random.seed(5)
    first, state = (
        network.Communities(method, k=3, seed=1).fit(GRAPHS["karate"]).labels_,
        random.getstate(),
    )
    random.seed(99)
    again = network.Communities(method, k=3, seed=1).fit(GRAPHS["karate"]).labels_
    random.seed(5)
    assert first.equals(again) and random.getstate() == state


@pytest.mark.parametrize(
    ("model", "edges", "message"),
    [
        (network.Communities("girvan"), FRAME, "no method 'girvan': choose from louvain"),
        (network.Communities("spectral"), FRAME, "needs k"),
        (
            network.Communities("spectral", k=3),
            nx.Graph([(0, 1), (1, 2), (3, 4)]),
            "the graph is in 2 parts",
        ),
        (network.Communities(), nx.DiGraph([(0, 1)]), "undirected"),
    ],
)
def test_communities_refuse_in_one_line(model, edges, message):
    with pytest.raises(UserError, match=message):
        model.fit(edges)


EMPTY, KARATE, PAIR = nx.Graph(), GRAPHS["karate"], nx.Graph([(0, 1)])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: network.modularity(EMPTY, {}), "no nodes"),
        (lambda: network.modularity(nx.empty_graph(2), {0: 0, 1: 0}), "no edges"),
        (
            lambda: network.modularity(PAIR, {0: 0, 1: None}),
            "1 nodes have no community, the first is 1",
        ),
        (lambda: network.modularity(PAIR, {0: 0, 1: np.nan}), "1 nodes have no community"),
        (lambda: network.modularity(PAIR, [0, 1]), "a community for each node is needed"),
        (
            lambda: network.modularity(PAIR, {0: 0, 1: 0}, np.nan),
            "resolution must be at least 0; it is nan",
        ),
        (lambda: mixing_parameter(EMPTY, {}), "no nodes"),
        (lambda: mixing_parameter(PAIR, {0: 0}), "1 nodes have no community"),
        (lambda: network.adjacency(EMPTY), "no nodes"),
        (lambda: network.adjacency([(0, 1)]), "a networkx graph is needed, not one list"),
        (lambda: network.largest_component(EMPTY), "no nodes"),
        (lambda: network.betweenness(EMPTY), "no nodes"),
        (lambda: network.betweenness(PAIR, "length"), "must be a positive length on every edge"),
        (lambda: network.to_igraph(EMPTY), "no nodes"),
        (lambda: network.pagerank(np.ones((2, 3))), "2 rows and 3 columns"),
        (lambda: network.pagerank(-np.eye(2)), "A must be at least 0; one number is -1"),
        (lambda: network.pagerank(np.full((2, 2), np.nan)), "A: Input contains NaN"),
        (
            lambda: network.pagerank(network.adjacency(KARATE), damping=1.5),
            "damping must be at least 0 and at most 1",
        ),
        (lambda: network.key_nodes(KARATE, damping=2), "damping must be at least 0 and at most 1"),
        (lambda: network.find_communities(igraph.Graph(3)), "an igraph graph with edges is needed"),
        (
            lambda: network.find_communities(network.to_igraph(KARATE), "girvan"),
            "no method 'girvan'",
        ),
        (
            lambda: network.find_communities(network.to_igraph(KARATE), "spectral"),
            "spectral clustering needs k, from 2 to 33",
        ),
        (
            lambda: network.Communities().fit(KARATE).predict("ab"),
            "a list of nodes is needed, not one str",
        ),
        (lambda: network.Communities().fit(KARATE).predict([]), "there are no nodes"),
        (lambda: network.choose_seeds(FRAME, method="best"), "there is no method 'best'"),
        (
            lambda: network.choose_seeds(FRAME, k=4),
            "k must be from 1 to the number of nodes, 3; got 4",
        ),
        (lambda: network.choose_seeds(KARATE, k=1.5), "k must be from 1 to the number of nodes"),
        (
            lambda: network.choose_seeds(FRAME, k=1, p=1.5),
            "probability p must be at least 0 and at most 1",
        ),
        (
            lambda: network.choose_seeds(FRAME, k=1, n_cascades=0),
            "n_cascades must be whole and at least 1",
        ),
        (lambda: Cascades(EMPTY), "no nodes"),
        (lambda: Cascades(PAIR).spread([]), "there are no nodes"),
        (
            lambda: greedy_seeds(Cascades(PAIR), 3),
            "k must be whole and at least 1 and at most 2; it is 3",
        ),
        (lambda: planted_edges(0, 1, 1, 0.1), "n must be whole and at least 1"),
        (lambda: planted_edges(10, 5, 2, np.nan), "mu must be at least 0 and at most 1; it is nan"),
        (lambda: lfr_graph(-1), "no LFR graph with n=-1"),
        (lambda: lfr_graph(100, degree=3), "unexpected keyword argument 'degree'"),
    ],
)
def test_what_users_get_wrong_is_told_in_one_line(call, message):
    with pytest.raises(UserError, match=message) as error:
        call()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("method", ["louvain", "leiden", "label_propagation"])
def test_a_network_in_parts_is_no_mistake(method):
    parts = nx.Graph([(0, 1), (2, 3)])
    assert network.Communities(method).fit(parts).labels_.tolist() == [0, 0, 1, 1]
    assert network.key_nodes(parts)["pagerank"].tolist() == pytest.approx([0.25] * 4)
    assert len(network.choose_seeds(parts, 2, p=1.0, n_cascades=2).seeds) == 2


@pytest.mark.parametrize("p", [0.2, 0.7])
def test_the_spread_of_cascades_is_that_of_the_formula(p):
    path, n = nx.path_graph(4), 40_000
    spread = Cascades(path, p, n_cascades=n, seed=1).spread([0])
    expected = 1 + p + p**2 + p**3  # node i is reached with probability p^i
    assert abs(spread.mean() - expected) < 4 * spread.std() / n**0.5
    ends = Cascades(path, p, n_cascades=n, seed=2).spread([0, 3])
    assert abs(ends.mean() - (2 + 2 * (1 - (1 - p) * (1 - p**2)))) < 4 * ends.std() / n**0.5


def test_weights_are_repeated_chances_and_direction_is_kept():
    n, graph = 40_000, nx.DiGraph([(0, 1, {"weight": 3})])
    spread = Cascades(graph, 0.3, n, seed=0, weighted=True).spread([0])
    assert abs(spread.mean() - (2 - 0.7**3)) < 4 * spread.std() / n**0.5
    assert (Cascades(graph, 1.0, 5).spread([1]) == 1).all() and (
        Cascades(graph, 1.0, 5).spread([0]) == 2
    ).all()
    assert (Cascades(graph, 0.0, 5).spread([0, 1]) == 2).all()
    with pytest.raises(UserError, match="not in the network, the first is 7"):
        Cascades(graph).spread([7])


def test_spread_is_what_networkx_reaches_on_the_live_edges():
    graph = GRAPHS["directed with dangling nodes"]
    cascades = Cascades(graph, 0.4, n_cascades=20, seed=3)
    live = nx.DiGraph()
    live.add_nodes_from(range(20 * cascades.n))
    for tail in range(20 * cascades.n):
        live.add_edges_from(
            (tail, head)
            for head in cascades._heads[cascades._start[tail] : cascades._start[tail + 1]]
        )
    for c, spread in enumerate(cascades.spread([0, 5])):
        cells = [c * cascades.n + v for v in (0, 5)]
        assert spread == len(set(cells).union(*(nx.descendants(live, cell) for cell in cells)))


@pytest.mark.parametrize("p", [0.05, 0.2])
def test_lazy_greedy_chooses_what_greedy_chooses_with_less_work(p):
    graph = GRAPHS["Les Miserables"]
    lazy = network.choose_seeds(graph, 5, "celf", p, 200)
    plain = network.choose_seeds(graph, 5, "greedy", p, 200)
    assert lazy.seeds == plain.seeds and lazy.spread == plain.spread
    assert plain.n_computed == 77 + 76 + 75 + 74 + 73 > 1.5 * lazy.n_computed


def test_greedy_seeds_both_cliques_where_degree_takes_two_neighbours(bridge):
    chosen = {m: network.choose_seeds(bridge, 2, m, 0.4, 500) for m in network.SEED_METHODS}
    assert {v < 5 for v in chosen["celf"].seeds} == {True, False}
    assert set(chosen["degree"].seeds) == {4, 5}
    assert all(chosen["celf"].spread >= each.spread for each in chosen.values())
    assert len(set(chosen["random"].seeds)) == 2


def test_pagerank_seeds_follow_the_direction_of_influence():
    star = nx.DiGraph([("source", v) for v in range(4)])
    assert network.choose_seeds(star, 1, "pagerank").seeds == ["source"]


def test_a_graph_convolution_learns_two_cliques_from_two_labels(bridge):
    model = network.GCNClassifier(epochs=60, device="cpu").fit(bridge, {0: "left", 9: "right"})
    assert (model.predict() == ["left"] * 5 + ["right"] * 5).all() and model.losses_[
        -1
    ] < model.losses_[0] / 2
    assert model.predict_proba([9, 0]).argmax(1).tolist() == [1, 0] and model.predict(
        [9]
    ).tolist() == ["right"]
    again = network.GCNClassifier(epochs=60, device="cpu").fit(bridge, {0: "left", 9: "right"})
    assert (again.predict_proba() == model.predict_proba()).all()
    for nodes, message in (([10], "1 nodes are not in the network"),):
        with pytest.raises(UserError, match=message):
            model.predict(nodes)


@pytest.mark.parametrize(
    ("edges", "y", "message"),
    [
        (FRAME, {"a": 0, "z": 1}, "the first is 'z'"),
        (FRAME, {"a": 0, "b": 0}, "at least two classes"),
        (FRAME, {"a": 0, "b": np.nan}, "labels: 1 are missing"),
        (FRAME, ["a", "b"], "the classes of labelled nodes are needed"),
        (FRAME, {}, "there are no nodes"),
        (nx.DiGraph([(0, 1)]), {0: 0, 1: 1}, "undirected"),
    ],
)
def test_a_graph_convolution_refuses_in_one_line(edges, y, message):
    with pytest.raises(UserError, match=message):
        network.GCNClassifier().fit(edges, y)


def test_synthetic_graphs_have_the_communities_that_they_claim():
    graph, truth = lfr_graph(250, 0.1, seed=0)
    assert list(graph) == list(truth) == list(range(250)) and not list(nx.selfloop_edges(graph))
    assert nmi(list(truth.values()), network.Communities().fit(graph).labels_) > 0.9
    # More than the mu asked for: how networkx builds it.
    assert 0.1 < mixing_parameter(graph, truth) < 0.25
    edges, community = planted_edges(1000, 8000, 50, 0.2, seed=1)
    assert len(edges) == 8000 and (edges[:, 0] < edges[:, 1]).all()
    assert (
        len(np.unique(edges, axis=0)) == len(edges) and np.bincount(community).tolist() == [50] * 20
    )
    assert abs((community[edges[:, 0]] != community[edges[:, 1]]).mean() - 0.2) < 0.04
    assert nmi(community, network.find_communities(igraph.Graph(1000, edges), "leiden")) > 0.9
    with pytest.raises(UserError, match="too many for 20 nodes"):
        planted_edges(20, 300, 10, 0.1)
    with pytest.raises(UserError, match="no LFR graph with n=50"):
        lfr_graph(50, 0.1, min_community=60)


def test_mixing_is_the_share_of_edges_that_leave(bridge):
    # Two nodes, one of five edges each.
    assert mixing_parameter(bridge, {v: v < 5 for v in bridge}) == pytest.approx(2 / 5 / 10)
