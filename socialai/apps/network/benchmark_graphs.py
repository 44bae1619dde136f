"""Synthetic networks whose communities are known: the ground on which methods that find communities are judged."""

import networkx as nx
import numpy as np

from socialai.apps.network.cascades import check_communities
from socialai.errors import UserError
from socialai.validation import check_number


def mixing(graph: nx.Graph, labels) -> float:
    """Mean over nodes of the share of their edges that leave their community, LFR's mu. labels: {node: community}.

    UserError for a node without a community and for a graph without edges.
    """
    check_communities(graph, labels)
    return float(
        np.mean(
            [np.mean([labels[u] != labels[v] for v in graph[u]]) for u in graph if graph.degree(u)]
        )
    )


def lfr_graph(n: int = 1000, mu: float = 0.3, seed: int = 0, **options) -> tuple[nx.Graph, dict]:
    """An LFR graph (Lancichinetti et al. 2008) by networkx, without loops, and its true {node: community}.

    Degrees and sizes of communities follow power laws; options override networkx's arguments. networkx overshoots:
    measure the true `mixing` of what comes back. Raises UserError where it finds no such graph.
    """
    settings = {
        "tau1": 2.5,
        "tau2": 1.5,
        "average_degree": 15,
        "max_degree": 50,
        "min_community": 20,
    }
    settings |= {"max_community": 100, "max_iters": 1000} | options
    try:
        graph = nx.LFR_benchmark_graph(n, mu=mu, seed=seed, **settings)
    except (
        nx.NetworkXError,
        nx.ExceededMaxIterations,
        TypeError,
        ValueError,
        ZeroDivisionError,
    ) as error:
        raise UserError(f"no LFR graph with n={n}, mu={mu}, {options}: {error}") from None
    graph.remove_edges_from(list(nx.selfloop_edges(graph)))
    truth = {v: min(graph.nodes[v]["community"]) for v in graph}
    plain = nx.Graph()
    plain.add_nodes_from(graph)
    plain.add_edges_from(graph.edges)
    return plain, truth


def planted_edges(
    n: int, m: int, size: int, mu: float, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """m different edges (m, 2) among n nodes, and their communities (n,) of `size` nodes each: fast at any size.

    An edge starts at a random node and ends inside its community with probability 1 - mu, else anywhere. Repetitions
    are dropped, more of them inside, so the share that leaves comes out a little above mu. UserError: too many edges.
    """
    for number, name in ((n, "n"), (m, "m"), (size, "size")):
        check_number(number, name, 1, whole=True)
    check_number(mu, "mu", 0, 1)
    rng = np.random.default_rng(seed)
    draws = m + m // 2
    u, community = rng.integers(n, size=draws), np.arange(n) // size
    low = community[u] * size
    inside = low + rng.integers(np.minimum(size, n - low))
    v = np.where(rng.random(draws) < mu, rng.integers(n, size=draws), inside)
    u, v = np.minimum(u, v), np.maximum(u, v)
    different = np.unique(
        u[u != v] * n + v[u != v]
    )  # one number an edge: much faster than unique rows
    if len(different) < m:
        raise UserError(
            f"{m} edges are too many for {n} nodes in communities of {size}: {len(different)} were found"
        )
    kept = rng.permutation(different)[:m]
    return np.stack([kept // n, kept % n], axis=1), community
