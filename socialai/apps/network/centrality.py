"""Who matters in a network: PageRank and betweenness by hand, and a table of key nodes."""

import heapq
import itertools
from collections.abc import Hashable
from numbers import Real

import networkx as nx
import numpy as np
import pandas as pd
from scipy import sparse

from socialai.apps.network.graphs import (
    adjacency,
    check_graph,
    make_graph,
    node_index,
    to_igraph,
)
from socialai.errors import UserError
from socialai.validation import check_matrix, check_number

EQUAL = 1e-9  # sums that differ by a smaller share are equal: they are rounded


def pagerank(
    A: sparse.csr_array, damping: float = 0.85, tol: float = 1e-10, max_iter: int = 500
) -> np.ndarray:
    """(n,) share of time that a random surfer spends on each node of the adjacency A (n, n).

    With probability `damping` the surfer follows an edge out (by weight), else, or where there is
    none, jumps anywhere (Page et al. 1999). Power iteration until the change is below tol in sum.
    The shares sum to 1. UserError if it doesn't settle.
    """
    damping = check_number(damping, "damping", 0, 1)
    tol = check_number(tol, "tol", 0, above=True)
    max_iter = check_number(max_iter, "max_iter", 1, whole=True)
    A = sparse.csr_array(check_matrix(A, "A", sparse=True, low=0, square=True))
    n = A.shape[0]
    with np.errstate(over="ignore"):
        out = A.sum(1)
        dangling = out == 0
        per_weight = 1 / np.where(dangling, 1, out)
    if not np.isfinite(out).all() or not np.isfinite(per_weight).all():
        raise UserError("A: the weights are too large or too small to be added up: scale them")

    # P^T (n, n): its columns sum to 1, or to 0 where nothing leads out.
    step = (sparse.diags_array(per_weight) @ A).T.tocsr()
    rank = np.full(n, 1 / n)
    for _ in range(max_iter):
        following = damping * (step @ rank + rank[dangling].sum() / n) + (1 - damping) / n  # (n,)
        if abs(following - rank).sum() < tol:
            return following
        rank = following
    raise UserError(f"PageRank did not settle in {max_iter} iterations at damping {damping}")


def betweenness(graph: nx.Graph, distance: str | None = None) -> dict[Hashable, float]:
    """Share of shortest paths between other pairs that run through each node (Brandes 2001).

    distance: edge attribute that is a length (a strong tie is a short one: 1 / weight), None for 1
    an edge. One Dijkstra search a node, then shares are handed back from the farthest node inwards:
    O(n m log n). Paths are equally long when their lengths differ by a share of 1e-9 or less: 0.1 +
    0.2 is 0.15 + 0.15, though not in floating point. Pairs that no path joins count nothing;
    normalised as networkx does. Raises UserError for lengths that are not positive.
    """
    check_graph(graph, edges=False)
    lengths = {
        u: {v: _length(u, v, data, distance) for v, data in graph.adj[u].items()} for u in graph
    }
    if sum(itertools.chain.from_iterable(ends.values() for ends in lengths.values())) == np.inf:
        raise UserError(f"edge attribute {distance!r}: the lengths are too large to be added up")

    through = dict.fromkeys(graph, 0.0)
    for s in graph:
        order, before, sigma = _shortest_paths(lengths, s)
        share = dict.fromkeys(graph, 0.0)
        for w in reversed(order):
            for v in before[w]:
                share[v] += sigma[v] / sigma[w] * (1 + share[w])
            if w != s:
                through[w] += share[w]

    # Each ordered pair of other nodes was counted once.
    n = len(graph)
    pairs = max((n - 1) * (n - 2), 1)
    return {v: total / pairs for v, total in through.items()}


def _length(u: Hashable, v: Hashable, data: dict, distance: str | None) -> float:
    """How long the edge from u to v is, by its attributes."""
    if distance is None:
        return 1
    length = data.get(distance)
    try:
        good = isinstance(length, Real) and 0 < float(length) < np.inf
    except OverflowError:  # a whole number beyond all floats
        good = False
    if not good:
        raise UserError(
            f"edge attribute {distance!r} must be a positive length on every edge; "
            f"that of {u!r} and {v!r} is {repr(length):.40}"
        )
    return float(length)


def _shortest_paths(lengths: dict, s: Hashable) -> tuple[list, dict, dict]:
    """Dijkstra's search from s: nodes by distance, {node: nodes before it}, {node: paths to it}."""
    order = []
    before = {v: [] for v in lengths}
    sigma = dict.fromkeys(lengths, 0)  # number of shortest paths
    sigma[s] = 1
    found = {s: 0}  # the smallest distance so far
    done = set()
    tie = itertools.count()  # the heap must never compare two nodes
    queue = [(0, next(tie), s)]
    while queue:
        d, _, v = heapq.heappop(queue)
        if v in done:
            continue
        done.add(v)
        order.append(v)
        for w, step in lengths[v].items():
            if w in done:
                continue
            if w in found and abs(d + step - found[w]) <= EQUAL * found[w]:
                before[w].append(v)
                sigma[w] += sigma[v]
            elif w not in found or d + step < found[w]:
                found[w] = d + step
                before[w] = [v]
                sigma[w] = sigma[v]
                heapq.heappush(queue, (d + step, next(tie), w))
    return order, before, sigma


def key_nodes(edges, damping: float = 0.85) -> pd.DataFrame:
    """Who matters in a network, one row a node: degree, strength, pagerank, betweenness.

    edges: as in `make_graph`. Betweenness by igraph, on hops; in directed networks degree and
    strength are those of the edges in: the attention that a node receives. The k first by a column
    are `key_nodes(edges)["pagerank"].nlargest(k)`.
    """
    graph = make_graph(edges)
    degree = graph.in_degree if graph.is_directed() else graph.degree
    pairs = max((len(graph) - 1) * (len(graph) - 2) / (1 if graph.is_directed() else 2), 1)
    scores = {
        "degree": [d for _, d in degree()],
        "strength": [d for _, d in degree(weight="weight")],
        "pagerank": pagerank(adjacency(graph), damping),
        "betweenness": np.array(to_igraph(graph).betweenness()) / pairs,
    }
    return pd.DataFrame(scores, index=node_index(graph))
