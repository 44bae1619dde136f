"""Graphs from tables of ties, their matrices, and the checks of a graph and of its nodes."""

from collections.abc import Mapping

import igraph
import networkx as nx
import numpy as np
import pandas as pd
from scipy import sparse

from socialai.errors import UserError
from socialai.validation import as_input_error, check_frame, check_list


def check_graph(graph: nx.Graph, edges: bool = True) -> nx.Graph:
    """The graph itself, if it has nodes, single edges and finite weights from 0 up.

    edges: it must have some, too. Else UserError, one line.
    """
    if not isinstance(graph, nx.Graph):
        raise UserError(f"a networkx graph is needed, not one {type(graph).__name__}")
    if graph.is_multigraph():
        raise UserError("the graph has several edges between one pair: add their weights up first")
    if not len(graph):
        raise UserError("the graph has no nodes and no edges")

    some = False
    for u, v, weight in graph.edges(data="weight", default=1):
        try:
            good = bool(0 <= weight < np.inf and float(weight) < np.inf)
        except OverflowError:  # a whole number beyond all floats
            good = False
        except (TypeError, ValueError):
            raise UserError(
                f"the graph has an edge whose weight is no number: that of {u!r} and {v!r}"
            ) from None
        if not good:
            raise UserError(
                f"the graph has an edge of negative, infinite or missing weight, that of {u!r} "
                f"and {v!r}: ties count from 0 up"
            )
        some = some or weight > 0
    if edges and not some:
        raise UserError(
            "the graph has no edges: at least one tie between two different nodes is needed"
        )
    return graph


def check_nodes(nodes, network) -> list:
    """The nodes as a list; UserError for none, and for nodes that the network doesn't have.

    network: a graph, or anything else that says by `in` which nodes it has.
    """
    nodes = check_list(nodes, "nodes")
    with as_input_error("nodes"):  # a list, say, can't be one
        unknown = [v for v in nodes if v not in network]
    if unknown:
        raise UserError(f"{len(unknown)} nodes are not in the network, the first is {unknown[0]!r}")
    return nodes


def check_communities(graph: nx.Graph, labels) -> nx.Graph:
    """The graph itself, if it has edges, and labels names each node's community.

    labels: {node: community}, a dictionary or a Series. Else UserError, one line.
    """
    if not isinstance(labels, (Mapping, pd.Series)):
        raise UserError(
            "a community for each node is needed, {node: community}, "
            f"not one {type(labels).__name__}"
        )
    if isinstance(labels, pd.Series) and not labels.index.is_unique:
        node = labels.index[labels.index.duplicated()].tolist()[0]
        raise UserError(f"node {node!r} has several communities: one each is needed")
    of_node = dict(labels.items())
    with as_input_error("communities"):  # a list, say, can't be one
        unnamed = {label for label in set(of_node.values()) if pd.isna(label) is True}
    missing = [v for v in check_graph(graph) if v not in of_node or of_node[v] in unnamed]
    if missing:
        raise UserError(f"{len(missing)} nodes have no community, the first is {missing[0]!r}")
    return graph


def make_graph(
    edges,
    source: str = "source",
    target: str = "target",
    weight: str | None = None,
    directed: bool = False,
) -> nx.Graph:
    """The graph of a frame of ties: nodes in order of appearance, attribute "weight".

    edges: a frame with columns `source` and `target`, one row a tie; the weight of an edge is the
    sum of the column `weight` over its rows, or their number. Ties of somebody with themselves and
    ties of weight 0 are left out. A networkx graph comes back as it is, once it is checked. Raises
    UserError on a wrong frame, negative weights, several edges between a pair, or an empty graph.
    """
    if isinstance(edges, nx.Graph):
        return check_graph(edges)
    weights = (weight,) if weight else ()
    edges = check_frame(edges, [source, target, *weights], not_negative=weights)

    amounts = edges[weight].tolist() if weight else [1] * len(edges)
    graph = nx.DiGraph() if directed else nx.Graph()
    for u, v, amount in zip(edges[source].tolist(), edges[target].tolist(), amounts, strict=True):
        with as_input_error(f"columns {source!r} and {target!r}"):  # a list, say, is no node
            if u != v and amount > 0:
                before = graph.get_edge_data(u, v, {"weight": 0})["weight"]
                graph.add_edge(u, v, weight=before + amount)
    return check_graph(graph)


def node_index(graph: nx.Graph) -> pd.Index:
    """The nodes as an index, in the graph's order, each as it is.

    pandas would fill tuples of different lengths up, and round whole numbers that stand beside
    fractions.
    """
    nodes = list(graph)
    index = pd.Index(nodes)
    return index if index.tolist() == nodes else pd.Index(nodes, dtype=object, tupleize_cols=False)


def adjacency(graph: nx.Graph) -> sparse.csr_array:
    """(n, n) weights, row source, column target, nodes in the graph's order.

    Symmetric when the graph has no direction.
    """
    check_graph(graph, edges=False)
    return nx.to_scipy_sparse_array(graph, weight="weight", dtype=float, format="csr")


def to_igraph(graph: nx.Graph) -> igraph.Graph:
    """The same graph for igraph: vertex i is the i-th node, edge attribute "weight"."""
    number = {v: i for i, v in enumerate(check_graph(graph, edges=False))}
    edges = [(number[u], number[v], w) for u, v, w in graph.edges(data="weight", default=1)]
    same = igraph.Graph(len(number), [edge[:2] for edge in edges], directed=graph.is_directed())
    same.es["weight"] = [edge[2] for edge in edges]
    return same


def largest_component(graph: nx.Graph) -> nx.Graph:
    """The largest (weakly) connected part, nodes in the graph's order."""
    check_graph(graph, edges=False)
    if graph.is_directed():
        components = nx.weakly_connected_components(graph)
    else:
        components = nx.connected_components(graph)
    largest = max(components, key=len)

    # networkx's subgraph would follow the order of a set.
    part = type(graph)()
    part.add_nodes_from(v for v in graph if v in largest)
    part.add_edges_from((u, v, data) for u, v, data in graph.edges(data=True) if u in largest)
    return part
