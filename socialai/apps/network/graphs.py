"""Graphs from tables of contacts."""

import networkx as nx
from scipy import sparse

from socialai.apps.network.cascades import check_graph
from socialai.validation import check_frame


def make_graph(
    edges,
    source: str = "source",
    target: str = "target",
    weight: str | None = None,
    directed: bool = False,
) -> nx.Graph:
    """The graph of a frame of ties: nodes in order of appearance, attribute "weight" the sum of a column, or of rows.

    Ties of somebody with themselves and ties of weight 0 are left out. A networkx graph comes back as it is, once it
    is checked. Raises UserError on a wrong frame, negative weights, several edges between a pair, or an empty graph.
    """
    if isinstance(edges, nx.Graph):
        return check_graph(edges)
    check_frame(
        edges,
        [source, target, *([weight] if weight else [])],
        not_negative=(weight,) if weight else (),
    )
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
    parts = (
        nx.weakly_connected_components(graph)
        if graph.is_directed()
        else nx.connected_components(graph)
    )
    keep, part = max(parts, key=len), type(graph)()
    part.add_nodes_from(
        v for v in graph if v in keep
    )  # networkx's subgraph would follow the order of a set
    part.add_edges_from((u, v, data) for u, v, data in graph.edges(data=True) if u in keep)
    return part
