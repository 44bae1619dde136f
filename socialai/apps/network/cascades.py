"""Spreading on a graph: the independent cascade (独立级联) and lazy greedy choice of seeds (Kempe et al. 2003)."""

import heapq
from collections.abc import Mapping

import networkx as nx
import numpy as np
import pandas as pd

from socialai.errors import UserError
from socialai.validation import as_input_error, check_list, check_number


def check_nodes(nodes, network) -> list:
    """The nodes as a list; UserError, one line, for none and for nodes that the network doesn't have."""
    nodes = check_list(nodes, "nodes")
    with as_input_error("nodes"):  # a list, say, can't be one
        unknown = [v for v in nodes if v not in network]
    if unknown:
        raise UserError(f"{len(unknown)} nodes are not in the network, the first is {unknown[0]!r}")
    return nodes


def check_graph(graph: nx.Graph, edges: bool = True) -> nx.Graph:
    """The graph itself, if it has nodes, single edges of finite weights from 0 up, and edges, unless it needs none."""
    if not isinstance(graph, nx.Graph):
        raise UserError(f"a networkx graph is needed, not one {type(graph).__name__}")
    if graph.is_multigraph():
        raise UserError("the graph has several edges between one pair: add their weights up first")
    if not len(graph):
        raise UserError("the graph has no nodes and no edges")
    weights = [weight for _, _, weight in graph.edges(data="weight", default=1)]
    try:
        good = all(
            [0 <= weight < np.inf for weight in weights]
        )  # each is looked at: is one of them no number?
    except TypeError:
        raise UserError("the graph has an edge whose weight is no number") from None
    if not good:
        raise UserError(
            "the graph has an edge of negative, infinite or missing weight: ties count from 0 up"
        )
    if edges and not any(weights):
        raise UserError(
            "the graph has no edges: at least one tie between two different nodes is needed"
        )
    return graph


def check_communities(graph: nx.Graph, labels) -> nx.Graph:
    """The graph itself, if it is one with edges, and labels names each node's community: {node: community}."""
    if not isinstance(labels, (Mapping, pd.Series)):
        raise UserError(
            f"a community for each node is needed, {{node: community}}, not one {type(labels).__name__}"
        )
    named = {
        v for v, label in labels.items() if label is not None and label == label
    }  # NaN is unlike itself
    if missing := [v for v in check_graph(graph) if v not in named]:
        raise UserError(f"{len(missing)} nodes have no community, the first is {missing[0]!r}")
    return graph


class Cascades:
    """n_cascades runs of the independent cascade on a graph, their coins tossed beforehand.

    Who is reached passes it on to each neighbour once, with probability p (1 - (1 - p)^weight if `weighted`). Tossing
    all coins first gives the same spread (Kempe et al. 2003, theorem 2.4's proof): a seed reaches what live edges
    join it to. All cascades are one graph of n_cascades * n cells, so that one search follows a seed through all.
    Raises UserError for a graph that isn't one, a p that is no probability, and for no cascades.
    """

    def __init__(
        self,
        graph: nx.Graph,
        p: float = 0.1,
        n_cascades: int = 500,
        seed: int = 0,
        weighted: bool = False,
    ):
        check_number(p, "the probability p", 0, 1)
        check_number(n_cascades, "n_cascades", 1, whole=True)
        check_graph(graph, edges=False)
        A = nx.to_scipy_sparse_array(graph, weight="weight", dtype=float, format="csr").tocoo()
        sources, targets = A.coords  # by rows: sorted by source
        chance = 1 - (1 - p) ** A.data if weighted else np.full(A.nnz, p)
        rng = np.random.default_rng(seed)
        self.nodes, self.n, self.n_cascades = (
            {v: i for i, v in enumerate(graph)},
            len(graph),
            n_cascades,
        )
        live = [
            np.flatnonzero(rng.random(A.nnz) < chance) for _ in range(n_cascades)
        ]  # edges that pass it on
        self._heads = np.concatenate([c * self.n + targets[edges] for c, edges in enumerate(live)])
        tails = np.concatenate([c * self.n + sources[edges] for c, edges in enumerate(live)])
        self._start = np.searchsorted(tails, np.arange(n_cascades * self.n + 1))

    def _reach(self, place: int, reached: np.ndarray) -> np.ndarray:
        """Cells (cascade * n + place) that a node, by its place, adds to the mask `reached` (n_cascades * n,).

        The mask is left unchanged.
        """
        new = np.arange(self.n_cascades) * self.n + place
        found = []
        while len(new := np.unique(new[~reached[new]])):
            reached[new] = True
            found.append(new)
            first, count = self._start[new], self._start[new + 1] - self._start[new]
            offset = np.arange(count.sum()) - np.repeat(count.cumsum() - count, count)
            new = self._heads[
                np.repeat(first, count) + offset
            ]  # all live neighbours of all cells found last
        cells = np.concatenate(found) if found else new
        reached[cells] = False
        return cells

    def spread(self, seeds) -> np.ndarray:
        """(n_cascades,) number of nodes that the seeds reach, themselves included. UserError for unknown nodes."""
        reached = np.zeros(self.n_cascades * self.n, bool)
        for node in check_nodes(seeds, self.nodes):
            reached[self._reach(self.nodes[node], reached)] = True
        return reached.reshape(self.n_cascades, self.n).sum(1)


def greedy(cascades: Cascades, k: int, lazy: bool = True) -> tuple[list, int]:
    """(seeds in order, gains computed): k times the node that adds most to the mean spread on these cascades.

    Spread is submodular: a node's gain only shrinks as seeds are added. So an old gain is an upper bound, and lazily
    (CELF, Leskovec et al. 2007) only nodes whose bound could still win are computed anew. Of equal gains the earlier
    node is taken, lazily or not. At least 1 - 1/e of the best spread on these cascades (Nemhauser et al. 1978).
    UserError for a k that isn't from 1 to the number of nodes.
    """
    check_number(k, "k", 1, cascades.n, whole=True)
    nodes, reached, seeds, computed = (
        list(cascades.nodes),
        np.zeros(cascades.n_cascades * cascades.n, bool),
        [],
        0,
    )
    bounds = [
        (-np.inf, i, -1) for i in range(len(nodes))
    ]  # (minus gain, node, number of seeds when computed)
    while len(seeds) < k:
        bound, i, when = heapq.heappop(bounds)
        if when < len(seeds):
            computed += 1
            heapq.heappush(bounds, (-len(cascades._reach(i, reached)), i, len(seeds)))
            continue
        seeds.append(nodes[i])  # up to date and still first: no other can pass it
        reached[cascades._reach(i, reached)] = True
        if not lazy:
            bounds = [(-np.inf, j, -1) for _, j, _ in bounds]
            heapq.heapify(bounds)
    return seeds, computed
