"""Classes of nodes from the company they keep: a graph convolutional network."""

from collections.abc import Mapping

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted
from torch.nn import functional as F

from socialai.apps.network.cascades import check_nodes
from socialai.apps.network.graphs import adjacency, make_graph
from socialai.errors import UserError
from socialai.models.device import choose_device
from socialai.models.gcn import GCN, normalised_adjacency
from socialai.validation import check_labels


class GCNClassifier(ClassifierMixin, BaseEstimator):
    """Classes of all nodes of an undirected network from a few labelled ones, by two graph convolutions.

    Features: who a node is, nothing else. Size, dropout, rate and decay are those of Kipf and Welling 2017, section
    5.2. Ties count alike, whatever their weight. After `fit`: nodes_, classes_, losses_ (epochs,).
    """

    def __init__(
        self, hidden=16, dropout=0.5, lr=0.01, weight_decay=5e-4, epochs=200, seed=0, device="auto"
    ):
        self.hidden, self.dropout, self.lr, self.weight_decay = hidden, dropout, lr, weight_decay
        self.epochs, self.seed, self.device = epochs, seed, device

    def fit(self, edges, y: dict) -> "GCNClassifier":
        """edges: as in `make_graph`. y: {node: class} of the labelled nodes. UserError: unknown nodes, one class."""
        graph = make_graph(edges)
        if graph.is_directed():
            raise UserError(
                "a graph convolution needs an undirected network: give graph.to_undirected()"
            )
        if not isinstance(y, Mapping):
            raise UserError(
                f"the classes of labelled nodes are needed, {{node: class}}, not {type(y).__name__}"
            )
        check_nodes(y, graph)
        self.nodes_ = {v: i for i, v in enumerate(graph)}
        self.classes_, codes = np.unique(check_labels(list(y.values())), return_inverse=True)
        if len(self.classes_) < 2:
            raise UserError("labelled nodes of at least two classes are needed")
        device = choose_device(self.device)
        torch.manual_seed(self.seed)
        self._A_hat = normalised_adjacency(adjacency(graph).astype(bool).astype(float)).to(device)
        labelled, target = (
            torch.tensor([self.nodes_[v] for v in y], device=device),
            torch.tensor(codes, device=device),
        )
        model = self._model = GCN(len(graph), self.hidden, len(self.classes_), self.dropout).to(
            device
        )
        decayed = {
            "params": model.first.parameters(),
            "weight_decay": self.weight_decay,
        }  # the first layer alone
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
