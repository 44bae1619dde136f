"""Communities: modularity, Louvain, Leiden, label propagation, spectral."""

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

from socialai.apps.network.cascades import check_communities, check_graph, check_nodes
from socialai.apps.network.graphs import adjacency, make_graph
from socialai.errors import UserError
from socialai.validation import check_number, check_numbers

COMMUNITY_METHODS = ("louvain", "leiden", "label_propagation", "spectral")


def modularity(graph: nx.Graph, labels, resolution: float = 1.0) -> float:
    """Weight inside communities minus what chance would put there: Q = sum_c [L_c / m - resolution (K_c / 2m)^2].

    labels: {node: community}, every node once. L_c weight inside c, K_c the sum of its degrees; of a directed graph
    out-degrees times in-degrees over m^2 (Newman 2004, equation 5; Leicht and Newman 2008). UserError for a node
    without a community and for a graph without edges, of which Q isn't defined.
    """
    check_number(resolution, "resolution", 0)
    A = adjacency(check_communities(graph, labels))
    codes = pd.factorize(np.array([labels[v] for v in graph], dtype=object))[0]
    member = sparse.csr_array((np.ones(len(codes)), (np.arange(len(codes)), codes)))  # (n, C)
    if not graph.is_directed():
        A = A + sparse.diags_array(A.diagonal())  # a loop has both its ends here
    inside, total = (
        (member.T @ A @ member).diagonal(),
        A.sum(),
    )  # (C,): 2 L_c, or L_c of a directed graph
    return float(
        (
            inside / total - resolution * (member.T @ A.sum(1)) * (member.T @ A.sum(0)) / total**2
        ).sum()
    )


def to_igraph(graph: nx.Graph) -> igraph.Graph:
    """The same graph for igraph: vertex i is the i-th node, edge attribute "weight"."""
    at = {v: i for i, v in enumerate(check_graph(graph, edges=False))}
    edges = [(at[u], at[v], w) for u, v, w in graph.edges(data="weight", default=1)]
    made = igraph.Graph(len(at), [edge[:2] for edge in edges], directed=graph.is_directed())
    made.es["weight"] = [edge[2] for edge in edges]
    return made


def find_communities(
    graph: igraph.Graph, method: str = "leiden", seed: int = 0, k: int | None = None
) -> np.ndarray:
    """(n,) community of each vertex; edge attribute "weight" counts where there is one. Fast enough for 1M edges.

    louvain (Blondel et al. 2008), leiden (Traag et al. 2019): maximise modularity. label_propagation (Raghavan et al.
    2007): each node takes its neighbours' commonest label. spectral (Ng et al. 2001): k must be given.
    UserError for another method, a graph without edges, and for spectral without k.
    """
    if method not in COMMUNITY_METHODS:
        raise UserError(f"no method {method!r}; there are {', '.join(COMMUNITY_METHODS)}")
    if not isinstance(graph, igraph.Graph) or not graph.ecount():
        raise UserError("an igraph graph with edges is needed: make it by network.to_igraph")
    if method == "spectral" and (not isinstance(k, Integral) or not 1 < k < graph.vcount()):
        raise UserError(f"spectral clustering needs k, from 2 to {graph.vcount() - 1}; got {k}")
    weights = "weight" if "weight" in graph.es.attributes() else None
    if weights:
        check_numbers(graph.es[weights], "weights", 0)
    if method == "leiden":
        kind = leidenalg.ModularityVertexPartition
        return np.array(
            leidenalg.find_partition(
                graph, kind, weights=weights, n_iterations=2, seed=seed
            ).membership
        )
    if method == "spectral":
        A = graph.get_adjacency_sparse(weights).astype(float)
        model = SpectralClustering(
            k, affinity="precomputed", assign_labels="kmeans", n_init=10, random_state=seed
        )
        return model.fit_predict(A)
    run = graph.community_multilevel if method == "louvain" else graph.community_label_propagation
    igraph.set_random_number_generator(random.Random(seed))
    try:
        return np.array(run(weights).membership)
    finally:
        igraph.set_random_number_generator(random)


class Communities(ClusterMixin, BaseEstimator):
    """Communities (社群) of an undirected network; methods as in `find_communities`.

    k: number of communities, for "spectral" alone. After `fit`: labels_, a Series {node: community}, the largest
    community 0; modularity_. Raises UserError for another method, a directed graph, and for spectral without k or on
    a network in several parts.
    """

    def __init__(self, method: str = "leiden", k: int | None = None, seed: int = 0):
        self.method, self.k, self.seed = method, k, seed

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
        found = find_communities(to_igraph(graph), self.method, self.seed, self.k)
        rank = (
            pd.Series(found)
            .value_counts(sort=False)
            .sort_values(ascending=False, kind="stable")
            .index
        )
        self.labels_ = pd.Series(pd.Categorical(found, rank).codes.astype(int), index=list(graph))
        self.modularity_ = modularity(graph, self.labels_.to_dict())
        return self

    def predict(self, nodes) -> np.ndarray:
        """(n,) community of nodes that were in the network; UserError for others."""
        check_is_fitted(self)
        return self.labels_.loc[check_nodes(nodes, self.labels_.index)].to_numpy()
