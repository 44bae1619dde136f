"""Spreading on a graph: the independent cascade (独立级联), and the greedy choice of seeds.

Sources: Kempe, Kleinberg and Tardos 2003; Leskovec et al. 2007 (lazy evaluation).
"""

import heapq

import networkx as nx
import numpy as np

from socialai.apps.network.graphs import check_graph, check_nodes
from socialai.errors import UserError
from socialai.validation import check_number, generator_seed


class Cascades:
    """n_cascades runs of the independent cascade on a graph, their coins tossed beforehand.

    Who is reached passes it on to each neighbour once, with probability p. Tossing all coins first
    gives the same spread (Kempe et al. 2003, theorem 2.4's proof): a seed reaches what live edges
    join it to. All cascades are one graph of n_cascades * n cells, so that one search follows a
    seed through all. Raises UserError for a graph that isn't one, a p that is no probability, and
    for no cascades.

    Parameters
    ----------
    graph : networkx graph
    p : float
        Probability that a neighbour is told.
    n_cascades : int
        Runs.
    seed : int
        Of the coins.
    weighted : bool
        Each unit of an edge's weight is a chance of its own: 1 - (1 - p)^weight.

    Attributes
    ----------
    nodes : dict
        {node: its number}, in the graph's order.
    n : int
        Number of nodes.
    """

    def __init__(
        self,
        graph: nx.Graph,
        p: float = 0.1,
        n_cascades: int = 500,
        seed: int = 0,
        weighted: bool = False,
    ):
        p = check_number(p, "the probability p", 0, 1)
        n_cascades = check_number(n_cascades, "n_cascades", 1, whole=True)
        check_graph(graph, edges=False)
        self.nodes = {v: i for i, v in enumerate(graph)}
        self.n = len(graph)
        self.n_cascades = n_cascades

        # The edges that pass it on in each cascade, by their places among the stored ones.
        A = nx.to_scipy_sparse_array(graph, weight="weight", dtype=float, format="csr").tocoo()
        sources, targets = A.coords  # by rows: sorted by source
        chance = 1 - (1 - p) ** A.data if weighted else np.full(A.nnz, p)
        rng = np.random.default_rng(generator_seed(seed))
        live = [np.flatnonzero(rng.random(A.nnz) < chance) for _ in range(n_cascades)]

        # Their heads by tail, as in a CSR matrix: cell t has heads[start[t] : start[t + 1]].
        self._heads = np.concatenate([c * self.n + targets[edges] for c, edges in enumerate(live)])
        tails = np.concatenate([c * self.n + sources[edges] for c, edges in enumerate(live)])
        self._start = np.searchsorted(tails, np.arange(n_cascades * self.n + 1))

    def spread(self, seeds) -> np.ndarray:
        """(n_cascades,) number of nodes that the seeds reach, themselves included.

        UserError for unknown nodes.
        """
        reached = np.zeros(self.n_cascades * self.n, bool)
        for node in check_nodes(seeds, self.nodes):
            reached[self._reach(self.nodes[node], reached)] = True
        return reached.reshape(self.n_cascades, self.n).sum(1)

    def _reach(self, number: int, reached: np.ndarray) -> np.ndarray:
        """Cells (cascade * n + number) that a node adds to the mask `reached` (n_cascades * n,).

        The mask is left unchanged.
        """
        new = np.arange(self.n_cascades) * self.n + number
        found = []
        while len(new := np.unique(new[~reached[new]])):
            reached[new] = True
            found.append(new)
            # All live neighbours of all cells found last: from `first` on, `count` of each.
            first = self._start[new]
            count = self._start[new + 1] - first
            offset = np.arange(count.sum()) - np.repeat(count.cumsum() - count, count)
            new = self._heads[np.repeat(first, count) + offset]
        cells = np.concatenate(found) if found else new
        reached[cells] = False
        return cells


def greedy_seeds(cascades: Cascades, k: int, lazy: bool = True) -> tuple[list, int]:
    """(seeds in order, gains computed): k times the node that adds most to the mean spread.

    Spread is submodular: a node's gain only shrinks as seeds are added. So an old gain is an upper
    bound, and lazily (CELF, Leskovec et al. 2007) only nodes whose bound could still win are
    computed anew. Of equal gains the earlier node is taken, lazily or not. At least 1 - 1/e of the
    best spread on these cascades (Nemhauser et al. 1978). UserError for a k that isn't from 1 to
    the number of nodes.
    """
    if not isinstance(cascades, Cascades):
        raise UserError(f"Cascades of a graph are needed, not one {type(cascades).__name__}")
    k = check_number(k, "k", 1, cascades.n, whole=True)
    nodes = list(cascades.nodes)
    reached = np.zeros(cascades.n_cascades * cascades.n, bool)
    seeds = []
    n_computed = 0
    # (minus the gain, the node's number, how many seeds there were when it was computed)
    bounds = [(-np.inf, i, -1) for i in range(len(nodes))]
    while len(seeds) < k:
        _, i, when = heapq.heappop(bounds)
        if when < len(seeds):
            n_computed += 1
            heapq.heappush(bounds, (-len(cascades._reach(i, reached)), i, len(seeds)))
            continue

        # Up to date and still first: no other can pass it.
        seeds.append(nodes[i])
        reached[cascades._reach(i, reached)] = True
        if not lazy:
            bounds = [(-np.inf, j, -1) for _, j, _ in bounds]
            heapq.heapify(bounds)
    return seeds, n_computed
