"""Whom to tell first: the greedy choice of seeds, and cheaper ones."""

from numbers import Integral

import numpy as np
from sklearn.base import BaseEstimator

from socialai.apps.network.cascades import Cascades, greedy
from socialai.apps.network.centrality import pagerank
from socialai.apps.network.graphs import adjacency, make_graph
from socialai.errors import UserError

SEED_METHODS = ("celf", "greedy", "degree", "pagerank", "random")


class InfluenceMaximizer(BaseEstimator):
    """k seeds from which a message reaches most people under the independent cascade.

    method: "celf" (greedy with lazy evaluation, Leskovec et al. 2007), "greedy" (the same seeds, every gain computed
    anew), "degree", "pagerank" (of the reversed graph: influence flows out), "random". p, n_cascades, seed, weighted:
    as in `Cascades`. After `fit`: seeds_, in order; evaluations_, gains computed; spread_, its mean on the cascades
    that chose (too good for greedy: judge on fresh ones, by `Cascades(..., seed=another).spread(seeds_)`).
    """

    def __init__(self, k=5, method="celf", p=0.1, n_cascades=500, seed=0, weighted=False):
        self.k, self.method, self.p = k, method, p
        self.n_cascades, self.seed, self.weighted = n_cascades, seed, weighted

    def fit(self, edges, y=None) -> "InfluenceMaximizer":
        """edges: as in `make_graph`; direction is that of influence. UserError for another method or k above n."""
        if self.method not in SEED_METHODS:
            raise UserError(f"no method {self.method!r}; there are {', '.join(SEED_METHODS)}")
        graph = make_graph(edges)
        if not isinstance(self.k, Integral) or not 1 <= self.k <= len(graph):
            raise UserError(f"k must be from 1 to the number of nodes, {len(graph)}; got {self.k}")
        cascades, self.evaluations_ = (
            Cascades(graph, self.p, self.n_cascades, self.seed, self.weighted),
            0,
        )
        if self.method in ("celf", "greedy"):
            self.seeds_, self.evaluations_ = greedy(cascades, self.k, lazy=self.method == "celf")
        elif self.method == "random":
            chosen = np.random.default_rng(self.seed).permutation(len(graph))[: self.k]
            self.seeds_ = [list(graph)[i] for i in chosen]
        else:
            A = adjacency(graph)
            score = A.astype(bool).sum(1) if self.method == "degree" else pagerank(A.T.tocsr())
            self.seeds_ = [list(graph)[i] for i in np.argsort(-score, kind="stable")[: self.k]]
        self.spread_ = float(cascades.spread(self.seeds_).mean())
        return self
