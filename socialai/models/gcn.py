"""Graph convolution (图卷积) by hand (Kipf and Welling 2017)."""

import numpy as np
import torch
from scipy import sparse
from torch import Tensor, nn
from torch.nn.functional import dropout, relu

from socialai.errors import UserError
from socialai.validation import check_matrix


def normalised_adjacency(A: sparse.csr_array) -> Tensor:
    """A_hat = D^-1/2 (A + I) D^-1/2 as a sparse (n, n) tensor, D the degrees of A + I (equation 2).

    A (n, n): weights, none negative or missing.
    """
    A = sparse.csr_array(check_matrix(A, "A", sparse=True, low=0, square=True))
    looped = A + sparse.eye_array(A.shape[0])
    with np.errstate(over="ignore"):
        degrees = looped.sum(1)
    if not np.isfinite(degrees).all():
        raise UserError("A: the weights are too large to be added up: scale them")
    scale = sparse.diags_array(degrees**-0.5)
    A_hat = (scale @ looped @ scale).tocoo()

    # the same numbers at the same places as a tensor
    where = torch.from_numpy(np.stack(A_hat.coords).astype(np.int64))  # (2, number of entries)
    values = torch.from_numpy(A_hat.data).float()
    return torch.sparse_coo_tensor(where, values, A_hat.shape, check_invariants=False).coalesce()


class GraphConvolution(nn.Module):
    """H' = A_hat H W + b: each node averages its neighbours' features, then a shared linear map."""

    def __init__(self, d_in: int, d_out: int):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(d_in, d_out))
        self.bias = nn.Parameter(torch.zeros(d_out))
        nn.init.xavier_uniform_(self.weight)

    def forward(self, A_hat: Tensor, H: Tensor | None = None) -> Tensor:
        """A_hat (n, n) sparse, H (n, d_in): (n, d_out).

        H None is the identity: the only feature of a node is who it is.
        """
        return A_hat @ (self.weight if H is None else H @ self.weight) + self.bias


class GCN(nn.Module):
    """Two graph convolutions, A_hat relu(A_hat X W0) W1, dropout between them.

    Equation 9, without the softmax.
    """

    def __init__(self, d_in: int, hidden: int, n_classes: int, dropout: float = 0.5):
        super().__init__()
        self.first = GraphConvolution(d_in, hidden)
        self.second = GraphConvolution(hidden, n_classes)
        self.dropout = dropout

    def forward(self, A_hat: Tensor, X: Tensor | None = None) -> Tensor:
        """A_hat (n, n) sparse, X (n, d_in) or None for the identity: logits (n, n_classes)."""
        hidden = relu(self.first(A_hat, X))  # (n, hidden)
        return self.second(A_hat, dropout(hidden, self.dropout, self.training))  # (n, n_classes)
