"""Classes of nodes from the company they keep: a graph convolutional network."""

from collections.abc import Mapping

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted
from torch import Tensor
from torch.nn import functional as F

from socialai.apps.network.graphs import adjacency, check_nodes, make_graph
from socialai.errors import UserError
from socialai.models.device import choose_device
from socialai.models.gcn import GCN, normalised_adjacency
from socialai.models.training import train
from socialai.validation import check_labels, check_settings, generator_seed


class GCNClassifier(ClassifierMixin, BaseEstimator):
    """Classes of all nodes of an undirected network from a few labelled ones.

    By two graph convolutions, whose only feature is who a node is. Ties count alike, whatever their
    weight. The defaults are those of Kipf and Welling 2017, section 5.2.

    Parameters
    ----------
    dim : int
        Numbers that the first convolution makes of a node.
    dropout : float
        Share of them that is left out in training.
    learning_rate : float
    weight_decay : float
        Penalty on the squared weights of the first convolution.
    epochs : int
        Steps, each on the whole graph.
    seed : int
    device : str
        "auto", "cpu", "cuda" or "mps".

    Attributes
    ----------
    nodes_ : dict
        {node: its number}, in the graph's order.
    classes_ : ndarray of shape (K,)
        The classes, sorted.
    losses_ : list of float
        Cross-entropy on the labelled nodes in each epoch.

    Examples
    --------
    >>> import networkx as nx
    >>> two_triangles = nx.Graph([(0, 1), (1, 2), (2, 0), (2, 3), (3, 4), (4, 5), (5, 3)])
    >>> GCNClassifier().fit(two_triangles, {0: "left", 5: "right"}).predict([1, 4]).tolist()
    ['left', 'right']
    """

    def __init__(
        self,
        dim: int = 16,
        dropout: float = 0.5,
        learning_rate: float = 0.01,
        weight_decay: float = 5e-4,
        epochs: int = 200,
        seed: int = 0,
        device: str = "auto",
    ):
        self.dim = dim
        self.dropout = dropout
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.epochs = epochs
        self.seed = seed
        self.device = device

    def fit(self, edges, y: dict) -> "GCNClassifier":
        """edges: as in `make_graph`. y: {node: class} of the labelled nodes.

        UserError for unknown nodes, and for labels of one class.
        """
        check_settings(
            self,
            dim={"low": 1, "whole": True},
            dropout={"low": 0, "high": 1},
            learning_rate={"low": 0, "above": True},
            weight_decay={"low": 0},
            epochs={"low": 1, "whole": True},
        )
        graph = make_graph(edges)
        if graph.is_directed():
            raise UserError(
                "a graph convolution needs an undirected network: give graph.to_undirected()"
            )
        if not isinstance(y, Mapping):
            raise UserError(
                f"the classes of labelled nodes are needed, {{node: class}}, not {type(y).__name__}"
            )
        check_nodes(list(y), graph)
        self.nodes_ = {v: i for i, v in enumerate(graph)}
        self.classes_, codes = np.unique(check_labels(list(y.values())), return_inverse=True)
        if len(self.classes_) < 2:
            raise UserError("labelled nodes of at least two classes are needed")

        # the graph, and what is known of it
        device = choose_device(self.device)
        torch.manual_seed(generator_seed(self.seed))
        self._A_hat = normalised_adjacency(adjacency(graph).astype(bool).astype(float)).to(device)
        labelled = torch.tensor([self.nodes_[v] for v in y], device=device)
        target = torch.tensor(codes, device=device)

        # the weights of the first layer alone decay
        model = GCN(len(graph), self.dim, len(self.classes_), self.dropout).to(device)
        decayed = {"params": model.first.parameters(), "weight_decay": self.weight_decay}
        free = {"params": model.second.parameters()}
        optimizer = torch.optim.Adam([decayed, free], lr=self.learning_rate)

        def loss(model: GCN, A_hat: Tensor) -> Tensor:
            return F.cross_entropy(model(A_hat)[labelled], target)

        # the whole graph is the only batch
        history = train(
            model,
            lambda epoch: [self._A_hat],
            loss,
            optimizer,
            self.epochs,
            clip=None,
            precision="fp32",
        )
        self.losses_ = [epoch["losses"][0] for epoch in history]
        self._model = model.eval()
        return self

    @torch.no_grad()
    def predict_proba(self, nodes=None) -> np.ndarray:
        """(n, K) probabilities of the classes of the nodes, or of all in the order of nodes_."""
        check_is_fitted(self)
        nodes = check_nodes(list(self.nodes_) if nodes is None else nodes, self.nodes_)
        return F.softmax(self._model(self._A_hat), 1).cpu().numpy()[[self.nodes_[v] for v in nodes]]

    def predict(self, nodes=None) -> np.ndarray:
        """(n,) the likeliest class of the given nodes, or of all in the order of nodes_."""
        likeliest = self.predict_proba(nodes).argmax(1)
        return self.classes_[likeliest]
