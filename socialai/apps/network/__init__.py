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

from socialai.apps.network.benchmark_graphs import lfr_graph, mixing, planted_edges
from socialai.apps.network.cascades import (
    Cascades,
    check_communities,
    check_graph,
    check_nodes,
    greedy,
)
from socialai.apps.network.centrality import KeyNodes, betweenness, pagerank
from socialai.apps.network.communities import (
    COMMUNITY_METHODS,
    Communities,
    find_communities,
    modularity,
    to_igraph,
)
from socialai.apps.network.graphs import adjacency, largest_component, make_graph
from socialai.apps.network.influence import SEED_METHODS, InfluenceMaximizer
from socialai.apps.network.node_classification import GCNClassifier

__all__ = [
    "COMMUNITY_METHODS",
    "Cascades",
    "Communities",
    "GCNClassifier",
    "InfluenceMaximizer",
    "KeyNodes",
    "SEED_METHODS",
    "adjacency",
    "betweenness",
    "check_communities",
    "check_graph",
    "check_nodes",
    "find_communities",
    "greedy",
    "largest_component",
    "lfr_graph",
    "make_graph",
    "mixing",
    "modularity",
    "pagerank",
    "planted_edges",
    "to_igraph",
]
