"""Social networks (社交网络): key nodes, communities, influence, and a graph convolution.

On your own frame of ties, one row each; `make_graph(ties, weight="column", directed=True)` keeps weight and direction:

>>> import pandas as pd
>>> from socialai.apps.network import Communities, InfluenceMaximizer
>>> ties = pd.DataFrame({"source": ["a", "a", "b", "c", "d", "d", "e"], "target": ["b", "c", "c", "d", "e", "f", "f"]})
>>> Communities("leiden").fit(ties).labels_.to_dict()
{'a': 0, 'b': 0, 'c': 0, 'd': 1, 'e': 1, 'f': 1}
>>> sorted(InfluenceMaximizer(k=2, p=0.3).fit(ties).seeds_)  # whom to tell first, so that most people hear it
['c', 'f']

PageRank, betweenness and modularity are written by hand here, and tested against networkx.
"""

import heapq
import itertools
import random
from collections.abc import Hashable, Mapping
from numbers import Integral, Real

import igraph
import leidenalg
import networkx as nx
import numpy as np
import pandas as pd
import torch
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin, ClusterMixin
from sklearn.cluster import SpectralClustering
from sklearn.utils.validation import check_is_fitted
from torch.nn import functional as F

from socialai.apps import check_frame, check_labels, check_matrix, check_number, check_numbers
from socialai.cascades import Cascades, check_communities, check_graph, check_nodes, greedy
from socialai.device import pick
from socialai.errors import UserError
from socialai.gcn import GCN, normalised_adjacency

COMMUNITY_METHODS = ("louvain", "leiden", "label_propagation", "spectral")
SEED_METHODS = ("celf", "greedy", "degree", "pagerank", "random")


def make_graph(
    edges, source: str = "source", target: str = "target", weight: str | None = None, directed: bool = False
) -> nx.Graph:
    """The graph of a frame of ties: nodes in order of appearance, attribute "weight" the sum of a column, or of rows.

    Ties of somebody with themselves and ties of weight 0 are left out. A networkx graph comes back as it is, once it
    is checked. Raises UserError on a wrong frame, negative weights, several edges between a pair, or an empty graph.
    """
    if isinstance(edges, nx.Graph):
        return check_graph(edges)
    check_frame(edges, [source, target, *([weight] if weight else [])], not_negative=(weight,) if weight else ())
    amounts = edges[weight].tolist() if weight else [1] * len(edges)
    graph = nx.DiGraph() if directed else nx.Graph()
    for u, v, amount in zip(edges[source].tolist(), edges[target].tolist(), amounts, strict=True):
        if u != v and amount > 0:
            graph.add_edge(u, v, weight=graph.get_edge_data(u, v, {"weight": 0})["weight"] + amount)
    return check_graph(graph)


def adjacency(graph: nx.Graph) -> sparse.csr_array:
    """(n, n) weights, row source, column target, nodes in the graph's order; symmetric when it has no direction."""
    check_graph(graph, edges=False)
    return nx.to_scipy_sparse_array(graph, weight="weight", dtype=float, format="csr")


def largest_component(graph: nx.Graph) -> nx.Graph:
    """The largest (weakly) connected part, nodes in the graph's order."""
    check_graph(graph, edges=False)
    parts = nx.weakly_connected_components(graph) if graph.is_directed() else nx.connected_components(graph)
    keep, part = max(parts, key=len), type(graph)()
    part.add_nodes_from(v for v in graph if v in keep)  # networkx's subgraph would follow the order of a set
    part.add_edges_from((u, v, data) for u, v, data in graph.edges(data=True) if u in keep)
    return part


def pagerank(A: sparse.csr_array, damping: float = 0.85, tol: float = 1e-10, max_iter: int = 500) -> np.ndarray:
    """(n,) share of time that a random surfer spends on each node of the adjacency A (n, n); sums to 1.

    With probability `damping` the surfer follows an edge out (by weight), else, or where there is none, jumps
    anywhere (Page et al. 1999). Power iteration until the change is below tol in sum. UserError if it doesn't settle.
    """
    check_number(damping, "damping", 0, 1), check_number(max_iter, "max_iter", 1, whole=True)
    A = sparse.csr_array(check_matrix(A, "A", sparse=True, low=0, square=True))
    n, out = A.shape[0], A.sum(1)
    dangling = out == 0
    step = (sparse.diags_array(1 / np.where(dangling, 1, out)) @ A).T.tocsr()  # (n, n): column sums 1, or 0 if dangling
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
    length = {u: {v: data.get(distance) if distance else 1 for v, data in graph.adj[u].items()} for u in graph}
    if any(not isinstance(d, Real) or not 0 < d < np.inf for ends in length.values() for d in ends.values()):
        raise UserError(f"edge attribute {distance!r} must be a positive length on every edge")
    through = dict.fromkeys(graph, 0.0)
    tie = itertools.count()  # the heap must never compare two nodes
    for s in graph:
        order, before, sigma = [], {v: [] for v in graph}, dict.fromkeys(graph, 0)  # sigma: number of shortest paths
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
    return {v: total / max((n - 1) * (n - 2), 1) for v, total in through.items()}  # each ordered pair counted once


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
    inside, total = (member.T @ A @ member).diagonal(), A.sum()  # (C,): 2 L_c, or L_c of a directed graph
    return float((inside / total - resolution * (member.T @ A.sum(1)) * (member.T @ A.sum(0)) / total**2).sum())


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


def to_igraph(graph: nx.Graph) -> igraph.Graph:
    """The same graph for igraph: vertex i is the i-th node, edge attribute "weight"."""
    at = {v: i for i, v in enumerate(check_graph(graph, edges=False))}
    edges = [(at[u], at[v], w) for u, v, w in graph.edges(data="weight", default=1)]
    made = igraph.Graph(len(at), [edge[:2] for edge in edges], directed=graph.is_directed())
    made.es["weight"] = [edge[2] for edge in edges]
    return made


def find_communities(graph: igraph.Graph, method: str = "leiden", seed: int = 0, k: int | None = None) -> np.ndarray:
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
        return np.array(leidenalg.find_partition(graph, kind, weights=weights, n_iterations=2, seed=seed).membership)
    if method == "spectral":
        A = graph.get_adjacency_sparse(weights).astype(float)
        model = SpectralClustering(k, affinity="precomputed", assign_labels="kmeans", n_init=10, random_state=seed)
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
            raise UserError("communities are found in undirected networks: give graph.to_undirected()")
        if self.method == "spectral" and (parts := nx.number_connected_components(graph)) > 1:
            raise UserError(f"the graph is in {parts} parts: take network.largest_component(graph) for spectral")
        found = find_communities(to_igraph(graph), self.method, self.seed, self.k)
        rank = pd.Series(found).value_counts(sort=False).sort_values(ascending=False, kind="stable").index
        self.labels_ = pd.Series(pd.Categorical(found, rank).codes.astype(int), index=list(graph))
        self.modularity_ = modularity(graph, self.labels_.to_dict())
        return self

    def predict(self, nodes) -> np.ndarray:
        """(n,) community of nodes that were in the network; UserError for others."""
        check_is_fitted(self)
        return self.labels_.loc[check_nodes(nodes, self.labels_.index)].to_numpy()


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
        cascades, self.evaluations_ = Cascades(graph, self.p, self.n_cascades, self.seed, self.weighted), 0
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


class GCNClassifier(ClassifierMixin, BaseEstimator):
    """Classes of all nodes of an undirected network from a few labelled ones, by two graph convolutions.

    Features: who a node is, nothing else. Size, dropout, rate and decay are those of Kipf and Welling 2017, section
    5.2. Ties count alike, whatever their weight. After `fit`: nodes_, classes_, losses_ (epochs,).
    """

    def __init__(self, hidden=16, dropout=0.5, lr=0.01, weight_decay=5e-4, epochs=200, seed=0, device="auto"):
        self.hidden, self.dropout, self.lr, self.weight_decay = hidden, dropout, lr, weight_decay
        self.epochs, self.seed, self.device = epochs, seed, device

    def fit(self, edges, y: dict) -> "GCNClassifier":
        """edges: as in `make_graph`. y: {node: class} of the labelled nodes. UserError: unknown nodes, one class."""
        graph = make_graph(edges)
        if graph.is_directed():
            raise UserError("a graph convolution needs an undirected network: give graph.to_undirected()")
        if not isinstance(y, Mapping):
            raise UserError(f"the classes of labelled nodes are needed, {{node: class}}, not {type(y).__name__}")
        check_nodes(y, graph)
        self.nodes_ = {v: i for i, v in enumerate(graph)}
        self.classes_, codes = np.unique(check_labels(list(y.values())), return_inverse=True)
        if len(self.classes_) < 2:
            raise UserError("labelled nodes of at least two classes are needed")
        device = pick(self.device)
        torch.manual_seed(self.seed)
        self._A_hat = normalised_adjacency(adjacency(graph).astype(bool).astype(float)).to(device)
        labelled, target = torch.tensor([self.nodes_[v] for v in y], device=device), torch.tensor(codes, device=device)
        model = self._model = GCN(len(graph), self.hidden, len(self.classes_), self.dropout).to(device)
        decayed = {"params": model.first.parameters(), "weight_decay": self.weight_decay}  # the first layer alone
        optimizer = torch.optim.Adam([decayed, {"params": model.second.parameters()}], lr=self.lr)
        self.losses_ = []
        for _ in range(self.epochs):
            loss = F.cross_entropy(model(self._A_hat)[labelled], target)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            self.losses_.append(loss.item())
        model.eval()
        return self

    @torch.no_grad()
    def predict_proba(self, nodes=None) -> np.ndarray:
        """(n, K) probabilities of the classes of the given nodes, or of all in the order of nodes_."""
        check_is_fitted(self)
        nodes = check_nodes(self.nodes_ if nodes is None else nodes, self.nodes_)
        return F.softmax(self._model(self._A_hat), 1).cpu().numpy()[[self.nodes_[v] for v in nodes]]

    def predict(self, nodes=None) -> np.ndarray:
        """(n,) the likeliest class of the given nodes, or of all in the order of nodes_."""
        return self.classes_[self.predict_proba(nodes).argmax(1)]
