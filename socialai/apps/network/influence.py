"""Whom to tell first (影响力最大化): the greedy choice of seeds, and cheaper ones."""

from numbers import Integral
from typing import NamedTuple

import numpy as np

from socialai.apps.network.cascades import Cascades, greedy_seeds
from socialai.apps.network.centrality import EQUAL, pagerank
from socialai.apps.network.graphs import adjacency, make_graph
from socialai.errors import UserError
from socialai.validation import check_choice, generator_seed

SEED_METHODS = ("celf", "greedy", "degree", "pagerank", "random")


class ChosenSeeds(NamedTuple):
    """Whom `choose_seeds` chose, and what it saw."""

    seeds: list  # in order of choice
    spread: float  # mean number of nodes reached on the cascades that chose
    n_computed: int  # gains that greedy computed


def choose_seeds(
    edges,
    k: int = 5,
    method: str = "celf",
    p: float = 0.1,
    n_cascades: int = 500,
    seed: int = 0,
    weighted: bool = False,
) -> ChosenSeeds:
    """k seeds from which a message reaches most people under the independent cascade.

    edges: as in `make_graph`; direction is that of influence. method: "celf" (greedy with lazy
    evaluation, Leskovec et al. 2007), "greedy" (the same seeds, every gain computed anew),
    "degree", "pagerank" (of the reversed graph: influence flows out), "random". p, n_cascades,
    seed, weighted: as in `Cascades`. The spread that comes back is too good for greedy, which chose
    on these cascades: judge on fresh ones, by `Cascades(..., seed=another).spread(seeds)`.

    UserError for another method, and for a k that isn't from 1 to the number of nodes.
    """
    check_choice(method, SEED_METHODS, "method")
    graph = make_graph(edges)
    if not isinstance(k, Integral) or not 1 <= k <= len(graph):
        raise UserError(f"k must be from 1 to the number of nodes, {len(graph)}; got {k}")
    nodes = list(graph)
    cascades = Cascades(graph, p, n_cascades, seed, weighted)

    n_computed = 0
    if method in ("celf", "greedy"):
        seeds, n_computed = greedy_seeds(cascades, k, lazy=method == "celf")
    elif method == "random":
        order = np.random.default_rng(generator_seed(seed)).permutation(len(graph))
        seeds = [nodes[i] for i in order[:k]]
    else:
        A = adjacency(graph)
        score = A.astype(bool).sum(1) if method == "degree" else pagerank(A.T.tocsr())
        seeds = [nodes[i] for i in _largest(score, k)]
    return ChosenSeeds(seeds, float(cascades.spread(seeds).mean()), n_computed)


def _largest(score: np.ndarray, k: int) -> np.ndarray:
    """(k,) places of the largest scores; of equal ones the earlier, however they are rounded."""
    order = np.argsort(-score, kind="stable")
    falls = np.diff(score[order], prepend=score[order[0]]) < -EQUAL * score.max()
    rank = np.empty(len(score), int)
    rank[order] = falls.cumsum()
    return np.argsort(rank, kind="stable")[:k]
