"""Synthetic networks whose communities are known: methods that find communities are judged here."""

import networkx as nx
import numpy as np

from socialai.apps.network.graphs import check_communities
from socialai.errors import UserError
from socialai.validation import check_number, generator_seed


def mixing_parameter(graph: nx.Graph, labels) -> float:
    """LFR's mu as it came out: mean over nodes of the share of edges that leave the community.

    labels: {node: community}. UserError for a node without a community and for a graph without
    edges.
    """
    check_communities(graph, labels)
    labels = dict(labels.items())
    if graph.is_directed():
        raise UserError("the mixing is that of an undirected network: give graph.to_undirected()")
    shares = [np.mean([labels[u] != labels[v] for v in graph[u]]) for u in graph if graph.degree(u)]
    return float(np.mean(shares))


def lfr_graph(n: int = 1000, mu: float = 0.3, seed: int = 0, **options) -> tuple[nx.Graph, dict]:
    """An LFR graph by networkx, without loops, and its true {node: community}.

    Degrees and sizes of communities follow power laws (Lancichinetti et al. 2008); options override
    networkx's arguments. networkx overshoots: measure the true `mixing_parameter` of what comes
    back. Raises UserError where it finds no such graph.
    """
    settings = {
        "tau1": 2.5,
        "tau2": 1.5,
        "average_degree": 15,
        "max_degree": 50,
        "min_community": 20,
        "max_community": 100,
        "max_iters": 1000,
    }
    try:
        seed = generator_seed(seed)
        graph = nx.LFR_benchmark_graph(n, mu=mu, seed=seed, **settings | options)
    except (
        nx.NetworkXError,
        nx.ExceededMaxIterations,
        TypeError,
        ValueError,
        ZeroDivisionError,
    ) as error:
        said = " ".join(str(error).split())
        raise UserError(f"no LFR graph with n={n}, mu={mu}, {options}: {said}") from None

    # A plain graph: networkx's carries the communities on its nodes, and loops.
    truth = {v: min(graph.nodes[v]["community"]) for v in graph}
    graph.remove_edges_from(list(nx.selfloop_edges(graph)))
    plain = nx.Graph()
    plain.add_nodes_from(graph)
    plain.add_edges_from(graph.edges)
    return plain, truth


def planted_edges(
    n: int, m: int, size: int, mu: float, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """m different edges (m, 2) among n nodes, and their communities (n,) of `size` nodes each.

    Fast at any size. An edge starts at a random node and ends inside its community with probability
    1 - mu, else anywhere. Repetitions are dropped, more of them inside, so the share that leaves
    comes out a little above mu. UserError: too many edges.
    """
    for number, name in ((n, "n"), (m, "m"), (size, "size")):
        check_number(number, name, 1, whole=True)
    check_number(mu, "mu", 0, 1)
    rng = np.random.default_rng(generator_seed(seed))
    draws = m + m // 2

    # Both ends of each edge, drawn half as often again as needed.
    u = rng.integers(n, size=draws)
    community = np.arange(n) // size
    low = community[u] * size
    inside = low + rng.integers(np.minimum(size, n - low))
    v = np.where(rng.random(draws) < mu, rng.integers(n, size=draws), inside)

    # One number an edge: much faster than unique rows.
    first = np.minimum(u, v)
    second = np.maximum(u, v)
    different = np.unique((first * n + second)[first != second])
    if len(different) < m:
        raise UserError(
            f"{m} edges are too many for {n} nodes in communities of {size}: "
            f"{len(different)} were found"
        )
    chosen = rng.permutation(different)[:m]
    return np.stack([chosen // n, chosen % n], axis=1), community
