"""Social networks (社交网络): key nodes, communities, influence, and a graph convolution.

On your own frame of ties, one row each; `make_graph` keeps weights and direction:

>>> import pandas as pd
>>> from socialai.apps.network import Communities, choose_seeds
>>> ties = pd.DataFrame({"source": list("aabcdde"), "target": list("bccdeff")})
>>> Communities("leiden").fit(ties).labels_.to_dict()
{'a': 0, 'b': 0, 'c': 0, 'd': 1, 'e': 1, 'f': 1}
>>> sorted(choose_seeds(ties, k=2, p=0.3).seeds)  # whom to tell first, so that most people hear it
['c', 'f']

graphs: from tables of ties
    make_graph              the graph of a frame
    adjacency               its matrix
    to_igraph               the same graph for igraph
    largest_component       its largest connected part
    check_graph, check_nodes, check_communities
centrality: who matters
    key_nodes               degree, strength, PageRank and betweenness of each node
    pagerank                by hand
    betweenness             by hand
communities: who belongs together
    Communities             fit(edges), labels_
    find_communities        the same on a graph of igraph, for a million edges
    modularity              by hand
    COMMUNITY_METHODS
cascades: how a message spreads
    Cascades                runs of the independent cascade
    greedy_seeds            lazily or not
influence: whom to tell first
    choose_seeds            by greedy, degree, PageRank or at random
    ChosenSeeds             what it gives
    SEED_METHODS
node_classification: a class for each node from a few labels
    GCNClassifier           by two graph convolutions
benchmark_graphs: synthetic networks of known communities
    lfr_graph               of Lancichinetti, Fortunato and Radicchi
    mixing_parameter        share of edges that leave their community
    planted_edges           fast at any size
"""

from socialai.apps.network.benchmark_graphs import lfr_graph, mixing_parameter, planted_edges
from socialai.apps.network.cascades import Cascades, greedy_seeds
from socialai.apps.network.centrality import betweenness, key_nodes, pagerank
from socialai.apps.network.communities import (
    COMMUNITY_METHODS,
    Communities,
    find_communities,
    modularity,
)
from socialai.apps.network.graphs import (
    adjacency,
    check_communities,
    check_graph,
    check_nodes,
    largest_component,
    make_graph,
    to_igraph,
)
from socialai.apps.network.influence import SEED_METHODS, ChosenSeeds, choose_seeds
from socialai.apps.network.node_classification import GCNClassifier

__all__ = [
    "COMMUNITY_METHODS",
    "Cascades",
    "ChosenSeeds",
    "Communities",
    "GCNClassifier",
    "SEED_METHODS",
    "adjacency",
    "betweenness",
    "check_communities",
    "check_graph",
    "check_nodes",
    "choose_seeds",
    "find_communities",
    "greedy_seeds",
    "key_nodes",
    "largest_component",
    "lfr_graph",
    "make_graph",
    "mixing_parameter",
    "modularity",
    "pagerank",
    "planted_edges",
    "to_igraph",
]
