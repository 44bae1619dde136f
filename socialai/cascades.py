"""Spreading on a graph: the independent cascade (独立级联) and lazy greedy choice of seeds (Kempe et al. 2003)."""

import heapq
from collections.abc import Hashable

import networkx as nx
import numpy as np

from socialai.errors import UserError


def check_nodes(nodes, network) -> None:
    """UserError, one line, for nodes that the network doesn't have."""
    if unknown := [v for v in nodes if v not in network]:
        raise UserError(f"{len(unknown)} nodes are not in the network, the first is {unknown[0]!r}")


class Cascades:
    """n_cascades runs of the independent cascade on a graph, their coins tossed beforehand.

    Who is reached passes it on to each neighbour once, with probability p (1 - (1 - p)^weight if `weighted`). Tossing
    all coins first gives the same spread (Kempe et al. 2003, theorem 2.4's proof): a seed reaches what live edges
    join it to. All cascades are one graph of n_cascades * n cells, so that one search follows a seed through all.
    Raises UserError for a p that is no probability and for no cascades.
    """

    def __init__(self, graph: nx.Graph, p: float = 0.1, n_cascades: int = 500, seed: int = 0, weighted: bool = False):
        if not 0 <= p <= 1 or n_cascades < 1:
            raise UserError(f"a probability from 0 to 1 and at least one cascade are needed, got {p} and {n_cascades}")
        A = nx.to_scipy_sparse_array(graph, weight="weight", dtype=float, format="csr").tocoo()
        sources, targets = A.coords  # by rows: sorted by source
        chance = 1 - (1 - p) ** A.data if weighted else np.full(A.nnz, p)
        rng = np.random.default_rng(seed)
        self.nodes, self.n, self.n_cascades = {v: i for i, v in enumerate(graph)}, len(graph), n_cascades
        live = [np.flatnonzero(rng.random(A.nnz) < chance) for _ in range(n_cascades)]  # edges that pass it on
        self._heads = np.concatenate([c * self.n + targets[edges] for c, edges in enumerate(live)])
        tails = np.concatenate([c * self.n + sources[edges] for c, edges in enumerate(live)])
        self._start = np.searchsorted(tails, np.arange(n_cascades * self.n + 1))

    def reach(self, node: Hashable, reached: np.ndarray) -> np.ndarray:
        """Cells (cascade * n + node) that `node` adds to the mask `reached` (n_cascades * n,), left unchanged."""
        new = np.arange(self.n_cascades) * self.n + self.nodes[node]
        found = []
        while len(new := np.unique(new[~reached[new]])):
            reached[new] = True
            found.append(new)
            first, count = self._start[new], self._start[new + 1] - self._start[new]
            offset = np.arange(count.sum()) - np.repeat(count.cumsum() - count, count)
            new = self._heads[np.repeat(first, count) + offset]  # all live neighbours of all cells found last
        cells = np.concatenate(found) if found else new
        reached[cells] = False
        return cells

    def spread(self, seeds) -> np.ndarray:
        """(n_cascades,) number of nodes that the seeds reach, themselves included. UserError for unknown nodes."""
        check_nodes(seeds, self.nodes)
        reached = np.zeros(self.n_cascades * self.n, bool)
        for node in seeds:
            reached[self.reach(node, reached)] = True
        return reached.reshape(self.n_cascades, self.n).sum(1)


def greedy(cascades: Cascades, k: int, lazy: bool = True) -> tuple[list, int]:
    """(seeds in order, gains computed): k times the node that adds most to the mean spread on these cascades.

    Spread is submodular: a node's gain only shrinks as seeds are added. So an old gain is an upper bound, and lazily
    (CELF, Leskovec et al. 2007) only nodes whose bound could still win are computed anew. Of equal gains the earlier
    node is taken, lazily or not. At least 1 - 1/e of the best spread on these cascades (Nemhauser et al. 1978).
    """
    nodes, reached, seeds, computed = list(cascades.nodes), np.zeros(cascades.n_cascades * cascades.n, bool), [], 0
    bounds = [(-np.inf, i, -1) for i in range(len(nodes))]  # (minus gain, node, number of seeds when computed)
    while len(seeds) < k:
        bound, i, when = heapq.heappop(bounds)
        if when < len(seeds):
            computed += 1
            heapq.heappush(bounds, (-len(cascades.reach(nodes[i], reached)), i, len(seeds)))
            continue
        seeds.append(nodes[i])  # up to date and still first: no other can pass it
        reached[cascades.reach(nodes[i], reached)] = True
        if not lazy:
            bounds = [(-np.inf, j, -1) for _, j, _ in bounds]
            heapq.heapify(bounds)
    return seeds, computed
