"""Who matters in a network: PageRank, betweenness."""

import heapq
import itertools
from collections.abc import Hashable
from numbers import Real

import networkx as nx
import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from socialai.apps.network.cascades import check_graph
from socialai.apps.network.communities import to_igraph
from socialai.apps.network.graphs import adjacency, make_graph
from socialai.errors import UserError
from socialai.validation import check_matrix, check_number


def pagerank(
    A: sparse.csr_array, damping: float = 0.85, tol: float = 1e-10, max_iter: int = 500
) -> np.ndarray:
    """(n,) share of time that a random surfer spends on each node of the adjacency A (n, n); sums to 1.

    With probability `damping` the surfer follows an edge out (by weight), else, or where there is none, jumps
    anywhere (Page et al. 1999). Power iteration until the change is below tol in sum. UserError if it doesn't settle.
    """
    check_number(damping, "damping", 0, 1), check_number(max_iter, "max_iter", 1, whole=True)
    A = sparse.csr_array(check_matrix(A, "A", sparse=True, low=0, square=True))
    n, out = A.shape[0], A.sum(1)
    dangling = out == 0
    step = (
        sparse.diags_array(1 / np.where(dangling, 1, out)) @ A
    ).T.tocsr()  # (n, n): column sums 1, or 0 if dangling
    rank = np.full(n, 1 / n)
    for _ in range(max_iter):
        following = damping * (step @ rank + rank[dangling].sum() / n) + (1 - damping) / n  # (n,)
        if abs(following - rank).sum() < tol:
            return following
        rank = following
    raise UserError(f"PageRank did not settle in {max_iter} iterations at damping {damping}")


def betweenness(graph: nx.Graph, distance: str | None = None) -> dict[Hashable, float]:
    """Share of shortest paths between other pairs through each node (Brandes 2001), normalised as networkx does.

    distance: edge attribute that is a length (a strong tie is a short one: 1 / weight), None for 1 an edge. One
    Dijkstra search a node, then shares are handed back from the farthest node inwards: O(n m log n). Pairs that no
    path joins count nothing. Raises UserError for lengths that are not positive.
    """
    check_graph(graph, edges=False)
    length = {
        u: {v: data.get(distance) if distance else 1 for v, data in graph.adj[u].items()}
        for u in graph
    }
    if any(
        not isinstance(d, Real) or not 0 < d < np.inf
        for ends in length.values()
        for d in ends.values()
    ):
        raise UserError(f"edge attribute {distance!r} must be a positive length on every edge")
    through = dict.fromkeys(graph, 0.0)
    tie = itertools.count()  # the heap must never compare two nodes
    for s in graph:
        order, before, sigma = (
            [],
            {v: [] for v in graph},
            dict.fromkeys(graph, 0),
        )  # sigma: number of shortest paths
        sigma[s], found, done, queue = 1, {s: 0}, set(), [(0, 0, s)]
        while queue:
            d, _, v = heapq.heappop(queue)
            if v in done:
                continue
            done.add(v)
            order.append(v)
            for w, step in length[v].items():
                if w not in found or d + step < found[w]:
                    found[w], before[w], sigma[w] = d + step, [v], sigma[v]
                    heapq.heappush(queue, (d + step, next(tie), w))
                elif d + step == found[w] and w not in done:
                    before[w].append(v)
                    sigma[w] += sigma[v]
        share = dict.fromkeys(graph, 0.0)
        for w in reversed(order):
            for v in before[w]:
                share[v] += sigma[v] / sigma[w] * (1 + share[w])
            if w != s:
                through[w] += share[w]
    n = len(graph)
    return {
        v: total / max((n - 1) * (n - 2), 1) for v, total in through.items()
    }  # each ordered pair counted once


class KeyNodes(BaseEstimator):
    """Who matters in a network, by degree, strength, PageRank and betweenness.

    After `fit`: scores_, a frame of one row a node. `top(k, by)` names the k first. Betweenness by igraph, on hops;
    directed networks keep in-degree and in-strength: the attention that a node receives.
    """

    def __init__(self, damping: float = 0.85):
        self.damping = damping

    def fit(self, edges, y=None) -> "KeyNodes":
        """edges: as in `make_graph`."""
        graph = make_graph(edges)
        degree = graph.in_degree if graph.is_directed() else graph.degree
        pairs = max((len(graph) - 1) * (len(graph) - 2) / (1 if graph.is_directed() else 2), 1)
        self.scores_ = pd.DataFrame(
            {
                "degree": [d for _, d in degree()],
                "strength": [d for _, d in degree(weight="weight")],
                "pagerank": pagerank(adjacency(graph), self.damping),
                "betweenness": np.array(to_igraph(graph).betweenness()) / pairs,
            },
            index=list(graph),
        )
        return self

    def top(self, k: int = 5, by: str = "pagerank") -> list:
        """The k nodes with the largest score; of equal ones the earlier."""
        check_is_fitted(self), check_number(k, "k", 1, whole=True)
        if by not in self.scores_:
            raise UserError(f"no score {by!r}; there are {', '.join(self.scores_)}")
        return self.scores_[by].sort_values(ascending=False, kind="stable").index[:k].tolist()
