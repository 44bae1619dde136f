"""Neural recommenders in the manner of `socialai.apps.recommendation`: LightGCN on the graph, and two towers.

>>> import pandas as pd
>>> from socialai.apps.recommendation import LightGCN
>>> rows = [("ann", "tea"), ("ann", "jam"), ("bob", "tea"), ("bob", "jam"), ("bob", "pie"), ("cyd", "tea")]
>>> ratings = pd.DataFrame(rows, columns=["user_id", "item_id"]).assign(rating=1)
>>> LightGCN(dim=8, epochs=50).fit(ratings).recommend(["cyd"], k=1)["item_id"].tolist()
['jam']
"""

import warnings

import numpy as np
import pandas as pd
import torch
from scipy import sparse
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize, softplus

from socialai.apps.recommendation.base import Recommender, estimator
from socialai.errors import UserError
from socialai.models.device import choose_device
from socialai.validation import check_matrix, find_ids, sorted_ids


def bipartite_adjacency(seen: sparse.csr_matrix) -> sparse.csr_matrix:
    """D^-1/2 A D^-1/2 of the graph of users and items, (n, n) with n = users + items (LightGCN, equation 8).

    seen: (users, items), 0/1. No node is tied to itself here, unlike in `socialai.models.gcn.normalised_adjacency`.
    """
    seen = check_matrix(seen, "seen", sparse=True, low=0)
    adjacency = sparse.bmat([[None, seen], [seen.T, None]]).tocsr()
    scale = sparse.diags(1 / np.sqrt(np.maximum(np.asarray(adjacency.sum(1)).ravel(), 1)))
    return (scale @ adjacency @ scale).astype(np.float32).tocsr()


def to_torch(matrix: sparse.csr_matrix, device: torch.device = "cpu") -> Tensor:
    """A scipy matrix as torch's CSR, whose products are twice as fast as COO's; torch calls CSR beta, aloud."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        parts = (torch.tensor(part) for part in (matrix.indptr, matrix.indices, matrix.data))
        return torch.sparse_csr_tensor(*parts, matrix.shape).to(device)


class _Symmetric(torch.autograd.Function):
    """Product with a constant symmetric sparse matrix: its gradient is the same product (torch would transpose)."""

    @staticmethod
    def forward(ctx, matrix: Tensor, x: Tensor) -> Tensor:
        ctx.matrix = matrix
        return matrix @ x

    @staticmethod
    def backward(ctx, grad: Tensor):
        return None, ctx.matrix @ grad


def propagate(adjacency: Tensor, embeddings: Tensor, n_layers: int) -> Tensor:
    """Mean of E, AE, ... A^n E, the light graph convolution. A (n, n) symmetric, E (n, d). LightGCN, equation 8."""
    layers = [embeddings]
    for _ in range(n_layers):
        layers.append(_Symmetric.apply(adjacency, layers[-1]))  # (n, d): no weights, no activation
    return torch.stack(layers).mean(0)


@estimator
class LightGCN(Recommender):
    """Embeddings smoothed over the graph of users and items, trained by the loss of BPR (He et al. 2020).

    Defaults are those of the published row; an epoch draws as many triples (user, rated item, other item) as there
    are ratings, users alike. Fitted also: losses_, the mean loss of each epoch without the penalty.
    """

    dim: int = 64
    n_layers: int = 3
    epochs: int = 15
    learning_rate: float = 0.005
    decay: float = 1e-4
    batch_size: int = 1024
    seed: int = 0
    device: str = "auto"

    def _fit(self, u, i, ratings):
        device, rng, n_users = (
            choose_device(self.device),
            np.random.default_rng(self.seed),
            len(self.users_),
        )
        adjacency = to_torch(bipartite_adjacency(self.seen_), device)
        torch.manual_seed(self.seed)
        tables = [nn.init.xavier_uniform_(torch.empty(n, self.dim)) for n in self.seen_.shape]
        weights = nn.Parameter(torch.cat(tables).to(device))  # (users + items, d)
        optimizer = torch.optim.Adam([weights], self.learning_rate)
        steps = len(u) // self.batch_size + 1
        losses = []
        for _ in range(self.epochs * steps):
            triples = torch.from_numpy(self._triples(rng)).to(device)  # (3, B)
            user, liked, other = propagate(adjacency, weights, self.n_layers)[
                triples
            ]  # (B, d) each
            loss = softplus((user * (other - liked)).sum(1)).mean()  # -log sigmoid of the margin
            losses.append(loss.detach())
            optimizer.zero_grad()
            (loss + self.decay * weights[triples].square().sum() / 2 / self.batch_size).backward()
            optimizer.step()
        self.losses_ = torch.stack(losses).view(-1, steps).mean(1).tolist()
        with torch.no_grad():
            final = propagate(adjacency, weights, self.n_layers).cpu().numpy()
        self.user_factors_, self.item_factors_ = final[:n_users], final[n_users:]

    def _triples(self, rng) -> np.ndarray:
        """Nodes (3, B): users, an item each has rated, and one that they haven't."""
        n_users, n_items = self.seen_.shape
        rated = np.diff(self.seen_.indptr)
        choosy = np.flatnonzero(rated < n_items)  # whoever rated everything has no other item
        if len(choosy) == 0:
            raise UserError("every user rated every item: there is nothing left to recommend")
        user = choosy[rng.integers(len(choosy), size=self.batch_size)]
        start, count = self.seen_.indptr[user], rated[user]
        liked = self.seen_.indices[start + rng.integers(count)]
        other = rng.integers(n_items, size=self.batch_size)
        while (again := np.asarray(self.seen_[user, other]).ravel() > 0).any():
            other[again] = rng.integers(n_items, size=again.sum())
        return np.stack([user, n_users + liked, n_users + other])


@estimator
class TwoTower(Recommender):
    """Two networks, one for users and one for items, whose vectors are compared by cosine; so search is by vectors.

    item_features: frame indexed by item_id of numbers (title vectors, genres); items in it can be recommended without
    a single rating. item_ids: whether an item also has an embedding of its own, which a new item cannot learn.
    The loss is the softmax over the items of the batch, corrected for their frequency (Yi et al. 2019).
    """

    item_features: pd.DataFrame | None = None
    item_ids: bool = True
    dim: int = 64
    epochs: int = 10
    learning_rate: float = 0.003
    temperature: float = 0.2
    batch_size: int = 256
    seed: int = 0
    device: str = "auto"

    def _items(self, rated):
        if self.item_features is None:
            return rated
        if (
            not isinstance(self.item_features, pd.DataFrame)
            or self.item_features.index.has_duplicates
        ):
            raise UserError(
                "item_features must be a DataFrame with one row an item, indexed by item_id"
            )
        check_matrix(self.item_features, "item_features")
        known = sorted_ids(self.item_features.index, "item_features")
        find_ids(known, rated, "item", "item_features")
        return known

    def _fit(self, u, i, ratings):
        if self.item_features is None and not self.item_ids:
            raise UserError(
                "an item needs item_features or an embedding of its own (item_ids=True)"
            )
        torch.manual_seed(self.seed)
        device, (n_users, n_items) = choose_device(self.device), self.seen_.shape
        inputs = (
            np.zeros((n_items, 0))
            if self.item_features is None
            else self.item_features.loc[self.items_]
        )
        features = torch.tensor(np.asarray(inputs, np.float32), device=device)  # (items, f)
        users, items = (
            nn.Embedding(n_users, self.dim),
            nn.Embedding(n_items, self.dim * self.item_ids),
        )
        towers = [
            nn.Sequential(
                nn.Linear(width, 2 * self.dim), nn.ReLU(), nn.Linear(2 * self.dim, self.dim)
            )
            for width in (self.dim, items.embedding_dim + features.shape[1])
        ]
        model = nn.ModuleList([users, items, *towers]).to(device)

        def vectors(user, item):  # (B, d) and (B, d), of length 1
            return normalize(towers[0](users(user))), normalize(
                towers[1](torch.cat([items(item), features[item]], 1))
            )

        optimizer = torch.optim.Adam(model.parameters(), self.learning_rate)
        log_frequency = (
            torch.tensor(np.bincount(i, minlength=n_items) / len(i), device=device).log().float()
        )
        u, i = torch.tensor(u, device=device), torch.tensor(i, device=device)
        for _ in range(self.epochs):
            for rows in torch.randperm(len(u)).to(device).split(self.batch_size):
                user, item = vectors(u[rows], i[rows])
                # Popular items are more often among the others of the batch: without the correction they'd be punished.
                logits = user @ item.T / self.temperature - log_frequency[i[rows]]  # (B, B)
                truth = torch.arange(len(rows), device=device)
                twice = (i[rows][:, None] == i[rows]) & (truth[:, None] != truth)
                optimizer.zero_grad()
                cross_entropy(logits.masked_fill(twice, -torch.inf), truth).backward()
                optimizer.step()
        with torch.no_grad():
            nodes = [torch.arange(n, device=device) for n in (n_users, n_items)]
            self.user_factors_, self.item_factors_ = (x.cpu().numpy() for x in vectors(*nodes))
