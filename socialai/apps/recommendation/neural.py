"""Neural recommenders: LightGCN on the graph of users and items, and two towers."""

import warnings

import numpy as np
import pandas as pd
import torch
from scipy import sparse
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize, softplus

from socialai.apps.recommendation.base import Recommender, check_seen
from socialai.errors import UserError
from socialai.models.device import choose_device
from socialai.models.training import train
from socialai.preprocessing.logs import plain_values
from socialai.validation import (
    check_matrix,
    check_number,
    check_settings,
    find_ids,
    generator_seed,
    sorted_ids,
)


def bipartite_adjacency(seen: sparse.csr_matrix) -> sparse.csr_matrix:
    """D^-1/2 A D^-1/2 of the graph of users and items, (n, n) with n = users + items.

    seen: (users, items), 0 or 1. No node is tied to itself here, unlike in
    `socialai.models.gcn.normalised_adjacency`. Source: LightGCN, equation 8.
    """
    seen = check_seen(seen)
    adjacency = sparse.bmat([[None, seen], [seen.T, None]]).tocsr()
    scale = sparse.diags(1 / np.sqrt(np.maximum(np.asarray(adjacency.sum(1)).ravel(), 1)))
    return (scale @ adjacency @ scale).astype(np.float32).tocsr()


def to_torch_csr(matrix: sparse.csr_matrix, device: torch.device = "cpu") -> Tensor:
    """A scipy matrix as torch's CSR, whose products are twice as fast as COO's.

    torch calls CSR beta, aloud; that warning is silenced.
    """
    matrix = sparse.csr_matrix(check_matrix(matrix, "matrix", sparse=True))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        parts = (torch.tensor(part) for part in (matrix.indptr, matrix.indices, matrix.data))
        return torch.sparse_csr_tensor(*parts, matrix.shape).to(device)


class _Symmetric(torch.autograd.Function):
    """Product with a constant symmetric sparse matrix.

    Its gradient is the same product, where torch would transpose.
    """

    @staticmethod
    def forward(ctx, matrix: Tensor, x: Tensor) -> Tensor:
        ctx.matrix = matrix
        return matrix @ x

    @staticmethod
    def backward(ctx, grad: Tensor):
        return None, ctx.matrix @ grad


def propagate(adjacency: Tensor, embeddings: Tensor, n_layers: int) -> Tensor:
    """Mean of E, AE, ... A^n E, the light graph convolution (LightGCN, equation 8).

    A: (n, n), symmetric. E: (n, dim).
    """
    n_layers = check_number(n_layers, "n_layers", 0, whole=True)
    if not isinstance(adjacency, Tensor) or not isinstance(embeddings, Tensor):
        raise UserError("adjacency and embeddings must be tensors")
    n = len(embeddings)
    if embeddings.ndim != 2 or adjacency.shape != (n, n):
        raise UserError(
            f"adjacency has the shape {tuple(adjacency.shape)} and embeddings "
            f"{tuple(embeddings.shape)}: (n, n) and (n, dim) are needed"
        )
    layers = [embeddings]
    for _ in range(n_layers):
        layers.append(_Symmetric.apply(adjacency, layers[-1]))  # (n, d): no weights, no activation
    return torch.stack(layers).mean(0)


class NodeEmbeddings(nn.Module):
    """An embedding of each node, which travels along the graph before it is used.

    sizes: users and items. adjacency (n, n), n being their sum.
    """

    def __init__(self, sizes: tuple[int, int], dim: int, adjacency: Tensor, n_layers: int):
        super().__init__()
        tables = [nn.init.xavier_uniform_(torch.empty(n, dim)) for n in sizes]
        self.weights = nn.Parameter(torch.cat(tables))  # (users + items, dim)
        self.adjacency = adjacency
        self.n_layers = n_layers

    def forward(self) -> Tensor:
        """The smoothed embeddings, (users + items, dim)."""
        return propagate(self.adjacency, self.weights, self.n_layers)


class LightGCN(Recommender):
    """Embeddings smoothed over the graph of users and items, trained by the loss of BPR.

    The defaults are those of the published row. Source: He et al. 2020.

    Parameters
    ----------
    dim : int
        Numbers in an embedding.
    n_layers : int
        Steps that an embedding travels along the graph.
    epochs : int
        Passes, of as many triples (user, rated item, other item) as there are ratings, users
        alike.
    learning_rate : float
    regularization : float
        Penalty on the squared embeddings of a batch.
    batch_size : int
        Triples a step.
    seed : int
    device : str
        "auto", "cpu", "cuda" or "mps".

    Attributes
    ----------
    losses_ : list of float
        The mean loss of each epoch, without the penalty.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = [("ann", "tea"), ("ann", "jam"), ("bob", "tea"), ("bob", "jam"), ("cyd", "tea")]
    >>> ratings = pd.DataFrame(rows, columns=["user_id", "item_id"]).assign(rating=1)
    >>> LightGCN(dim=8, epochs=5).fit(ratings).recommend(["cyd"])["item_id"].tolist()
    ['jam']
    """

    def __init__(
        self,
        dim: int = 64,
        n_layers: int = 3,
        epochs: int = 15,
        learning_rate: float = 0.005,
        regularization: float = 1e-4,
        batch_size: int = 1024,
        seed: int = 0,
        device: str = "auto",
    ):
        self.dim = dim
        self.n_layers = n_layers
        self.epochs = epochs
        self.learning_rate = learning_rate
        self.regularization = regularization
        self.batch_size = batch_size
        self.seed = seed
        self.device = device

    def _fit(self, u, i, ratings):
        device = choose_device(self.device)
        seed = generator_seed(self.seed)
        rng = np.random.default_rng(seed)
        adjacency = to_torch_csr(bipartite_adjacency(self.seen_), device)
        torch.manual_seed(seed)
        model = NodeEmbeddings(self.seen_.shape, self.dim, adjacency, self.n_layers).to(device)

        def batches(epoch: int):
            for _ in range(len(u) // self.batch_size + 1):
                yield torch.from_numpy(self._triples(rng)).to(device)  # (3, B)

        def loss(model: NodeEmbeddings, triples: Tensor) -> tuple[Tensor, Tensor]:
            user, liked, other = model()[triples]  # (B, dim) each
            ranking = softplus((user * (other - liked)).sum(1)).mean()  # -log sigmoid of the margin
            squares = model.weights[triples].square().sum()
            return ranking + self.regularization * squares / 2 / self.batch_size, ranking

        history = train(
            model,
            batches,
            loss,
            torch.optim.Adam(model.parameters(), self.learning_rate),
            self.epochs,
            clip=None,
            precision="fp32",
        )
        self.losses_ = torch.tensor([epoch["losses"] for epoch in history]).mean(1).tolist()
        with torch.no_grad():
            final = model().cpu().numpy()
        n_users = len(self.users_)
        self.user_factors_ = final[:n_users]
        self.item_factors_ = final[n_users:]

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


class Towers(nn.Module):
    """A network for users and one for items, whose vectors have the length 1.

    sizes: users and items. features (items, f): numbers of each item. item_ids: whether an item
    also has an embedding of its own.
    """

    def __init__(self, sizes: tuple[int, int], features: Tensor, item_ids: bool, dim: int):
        super().__init__()
        n_users, n_items = sizes
        self.users = nn.Embedding(n_users, dim)
        self.items = nn.Embedding(n_items, dim * item_ids)
        self.user_tower = self._tower(dim, dim)
        self.item_tower = self._tower(self.items.embedding_dim + features.shape[1], dim)
        self.features = features

    @staticmethod
    def _tower(d_in: int, dim: int) -> nn.Sequential:
        return nn.Sequential(nn.Linear(d_in, 2 * dim), nn.ReLU(), nn.Linear(2 * dim, dim))

    def forward(self, user: Tensor, item: Tensor) -> tuple[Tensor, Tensor]:
        """Numbers of users (B,) and of items (B',) to their vectors (B, dim) and (B', dim)."""
        described = torch.cat([self.items(item), self.features[item]], 1)
        return (
            normalize(self.user_tower(self.users(user))),
            normalize(self.item_tower(described)),
        )


class TwoTower(Recommender):
    """Two networks, one for users and one for items, whose vectors are compared by cosine.

    So the search for the best items is one by vectors. The loss is the softmax over the items of
    the batch, corrected for their frequency (Yi et al. 2019).

    Parameters
    ----------
    item_features : DataFrame or None
        Numbers of each item (title vectors, genres), indexed by item_id; items in it can be
        recommended without a single rating.
    item_ids : bool
        Whether an item also has an embedding of its own, which a new item cannot learn.
    dim : int
        Numbers in the vector of a user and of an item.
    epochs : int
        Passes over the ratings.
    learning_rate : float
    temperature : float
        Divides the cosines in the softmax: the smaller, the more the closest items count.
    batch_size : int
        Ratings a step; their items are each other's rivals.
    seed : int
    device : str
        "auto", "cpu", "cuda" or "mps".

    Examples
    --------
    >>> import pandas as pd
    >>> rows = [("ann", "tea"), ("ann", "jam"), ("bob", "tea"), ("bob", "jam"), ("cyd", "tea")]
    >>> ratings = pd.DataFrame(rows, columns=["user_id", "item_id"]).assign(rating=1)
    >>> TwoTower(dim=8).fit(ratings).recommend(["cyd"])["item_id"].tolist()
    ['jam']
    """

    def __init__(
        self,
        item_features: pd.DataFrame | None = None,
        item_ids: bool = True,
        dim: int = 64,
        epochs: int = 10,
        learning_rate: float = 0.003,
        temperature: float = 0.2,
        batch_size: int = 256,
        seed: int = 0,
        device: str = "auto",
    ):
        self.item_features = item_features
        self.item_ids = item_ids
        self.dim = dim
        self.epochs = epochs
        self.learning_rate = learning_rate
        self.temperature = temperature
        self.batch_size = batch_size
        self.seed = seed
        self.device = device

    def _items(self, rated):
        if self.item_features is None:
            return rated
        is_frame = isinstance(self.item_features, pd.DataFrame)
        if not is_frame or self.item_features.index.has_duplicates or self._feature_ids().hasnans:
            raise UserError(
                "item_features must be a DataFrame with one row an item, indexed by item_id"
            )
        check_matrix(self.item_features, "item_features")
        known = sorted_ids(self._feature_ids(), "item_features")
        find_ids(known, rated, "item", "item_features")
        return known

    def _feature_ids(self) -> pd.Index:
        """The item_id of each row of item_features."""
        return pd.Index(plain_values(self.item_features.index.to_series()), tupleize_cols=False)

    def _check_settings(self):
        super()._check_settings()
        check_settings(self, batch_size={"low": 2, "whole": True})  # one alone has no rival
        if self.item_features is None and not self.item_ids:
            raise UserError(
                "an item needs item_features or an embedding of its own (item_ids=True)"
            )

    def _fit(self, u, i, ratings):
        if len(self.items_) > 1 and len(np.unique(i)) < 2:
            raise UserError("one item only was rated: two are needed, each the other's rival")

        # the two networks
        torch.manual_seed(generator_seed(self.seed))
        device = choose_device(self.device)
        n_users, n_items = self.seen_.shape
        inputs = np.zeros((n_items, 0))
        if self.item_features is not None:
            rows = self._feature_ids().get_indexer(self.items_)
            inputs = check_matrix(self.item_features, "item_features")[rows]
        with np.errstate(over="ignore"):  # told when learning diverges
            features = torch.tensor(inputs.astype(np.float32), device=device)  # (items, f)
        model = Towers((n_users, n_items), features, self.item_ids, self.dim).to(device)

        # what is rated, and how often
        share = np.bincount(i, minlength=n_items) / len(i)
        log_frequency = torch.tensor(share, device=device).log().float()  # (items,)
        u = torch.tensor(u, device=device)
        i = torch.tensor(i, device=device)

        def batches(epoch: int):
            for rows in torch.randperm(len(u)).to(device).split(self.batch_size):
                yield u[rows], i[rows]

        def loss(model: Towers, batch: tuple[Tensor, Tensor]) -> Tensor:
            user, item = batch
            user_vectors, item_vectors = model(user, item)  # (B, dim) each
            # Popular items are more often among the others of the batch: without the correction
            # they'd be punished.
            logits = (
                user_vectors @ item_vectors.T / self.temperature - log_frequency[item]
            )  # (B, B)
            truth = torch.arange(len(user), device=device)
            twice = (item[:, None] == item) & (truth[:, None] != truth)  # no rival of itself
            return cross_entropy(logits.masked_fill(twice, -torch.inf), truth)

        train(
            model,
            batches,
            loss,
            torch.optim.Adam(model.parameters(), self.learning_rate),
            self.epochs,
            clip=None,
            precision="fp32",
        )
        with torch.no_grad():
            vectors = model(*(torch.arange(n, device=device) for n in (n_users, n_items)))
        self.user_factors_, self.item_factors_ = (v.cpu().numpy() for v in vectors)
