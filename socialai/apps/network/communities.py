"""Communities (社群): modularity by hand, and Louvain, Leiden, label propagation, spectral."""

import random
from numbers import Integral

import igraph
import leidenalg
import networkx as nx
import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.cluster import SpectralClustering
from sklearn.utils.validation import check_is_fitted

from socialai.apps.network.graphs import (
    adjacency,
    check_communities,
    check_nodes,
    make_graph,
    node_index,
    to_igraph,
)
from socialai.errors import UserError
from socialai.validation import check_choice, check_number, check_numbers, generator_seed

COMMUNITY_METHODS = ("louvain", "leiden", "label_propagation", "spectral")


def modularity(graph: nx.Graph, labels, resolution: float = 1.0) -> float:
    """Weight inside communities minus what chance would put there.

    Q = sum_c [L_c / m - resolution (K_c / 2m)^2]: L_c the weight inside community c, K_c the sum of
    its degrees, m all weight; of a directed graph out-degrees times in-degrees over m^2. labels:
    {node: community}, every node once. UserError for a node without a community and for a graph
    without edges, of which Q isn't defined. Sources: Newman 2004, equation 5; Leicht and Newman
    2008.
    """
    resolution = check_number(resolution, "resolution", 0)
    A = adjacency(check_communities(graph, labels))
    labels = dict(labels.items())
    codes = pd.factorize(pd.Series([labels[v] for v in graph], dtype=object))[0]
    member = sparse.csr_array((np.ones(len(codes)), (np.arange(len(codes)), codes)))  # (n, C)
    if not graph.is_directed():
        A = A + sparse.diags_array(A.diagonal())  # a loop has both its ends here

    inside = (member.T @ A @ member).diagonal()  # (C,): 2 L_c, or L_c of a directed graph
    total = A.sum()
    by_chance = (member.T @ A.sum(1)) * (member.T @ A.sum(0)) / total**2  # (C,)
    return float((inside / total - resolution * by_chance).sum())


def find_communities(
    graph: igraph.Graph, method: str = "leiden", seed: int = 0, k: int | None = None
) -> np.ndarray:
    """(n,) community of each vertex of an igraph graph. Fast enough for a million edges.

    The edge attribute "weight" counts where there is one. method: "louvain" (Blondel et al. 2008)
    and "leiden" (Traag et al. 2019) maximise modularity; in "label_propagation" (Raghavan et al.
    2007) each node takes its neighbours' commonest label; "spectral" (Ng et al. 2001) is told k,
    the number of communities. UserError for another method, a graph without edges, and for spectral
    without k; Louvain and spectral clustering have undirected graphs only.
    """
    check_choice(method, COMMUNITY_METHODS, "method")
    seed = generator_seed(seed)
    if not isinstance(graph, igraph.Graph) or not graph.ecount():
        raise UserError("an igraph graph with edges is needed: make it by network.to_igraph")
    if graph.is_directed() and method in ("louvain", "spectral"):
        raise UserError(f"{method} needs an undirected graph: give graph.as_undirected()")
    if method == "spectral" and (not isinstance(k, Integral) or not 1 < k < graph.vcount()):
        raise UserError(f"spectral clustering needs k, from 2 to {graph.vcount() - 1}; got {k}")
    weights = "weight" if "weight" in graph.es.attributes() else None
    if weights:
        amounts = check_numbers(graph.es[weights], "weights", 0)
        if not amounts.any():
            raise UserError("all weights are 0: at least one tie is needed")
        graph = graph.copy()
        graph.es[weights] = amounts.tolist()

    if method == "leiden":
        kind = leidenalg.ModularityVertexPartition
        partition = leidenalg.find_partition(
            graph,
            kind,
            weights=weights,
            n_iterations=2,
            seed=seed % 2**31,  # a C int
        )
        return np.array(partition.membership)
    if method == "spectral":
        A = graph.get_adjacency_sparse(weights).astype(float)
        model = SpectralClustering(
            k, affinity="precomputed", assign_labels="kmeans", n_init=10, random_state=seed
        )
        return model.fit_predict(A)

    # igraph draws from Python's generator unless it is given one of its own.
    run = graph.community_multilevel if method == "louvain" else graph.community_label_propagation
    igraph.set_random_number_generator(random.Random(seed))
    try:
        return np.array(run(weights).membership)
    finally:
        igraph.set_random_number_generator(random)


class Communities(ClusterMixin, BaseEstimator):
    """Communities of an undirected network.

    Raises UserError for another method, a directed graph, and for spectral without k or on a
    network in several parts.

    Parameters
    ----------
    method : {"louvain", "leiden", "label_propagation", "spectral"}
        As in `find_communities`.
    k : int or None
        Number of communities, for "spectral" alone.
    seed : int

    Attributes
    ----------
    labels_ : Series
        The community of each node, the largest community 0.
    modularity_ : float
        Of that division.

    Examples
    --------
    >>> two_triangles = nx.Graph([(0, 1), (1, 2), (2, 0), (2, 3), (3, 4), (4, 5), (5, 3)])
    >>> Communities().fit(two_triangles).labels_.tolist()
    [0, 0, 0, 1, 1, 1]
    """

    def __init__(self, method: str = "leiden", k: int | None = None, seed: int = 0):
        self.method = method
        self.k = k
        self.seed = seed

    def fit(self, edges, y=None) -> "Communities":
        """edges: as in `make_graph`."""
        graph = make_graph(edges)
        if graph.is_directed():
            raise UserError(
                "communities are found in undirected networks: give graph.to_undirected()"
            )
        if self.method == "spectral" and (parts := nx.number_connected_components(graph)) > 1:
            raise UserError(
                f"the graph is in {parts} parts: take network.largest_component(graph) for spectral"
            )
        found = pd.Series(find_communities(to_igraph(graph), self.method, self.seed, self.k))

        # Numbered by size, the largest 0; of equal sizes the one that appears first.
        sizes = found.value_counts(sort=False).sort_values(ascending=False, kind="stable")
        numbers = pd.Categorical(found, sizes.index).codes.astype(int)
        self.labels_ = pd.Series(numbers, index=node_index(graph))
        self.modularity_ = modularity(graph, self.labels_.to_dict())
        return self

    def predict(self, nodes) -> np.ndarray:
        """(n,) community of nodes that were in the network; UserError for others."""
        check_is_fitted(self)
        community = self.labels_.to_dict()
        return np.array([community[v] for v in check_nodes(nodes, community)])
