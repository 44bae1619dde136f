"""Graph convolution (图卷积) by hand (Kipf and Welling 2017)."""

import numpy as np
import torch
from scipy import sparse
from torch import Tensor, nn
from torch.nn import functional as F

from socialai.validation import check_matrix


def normalised_adjacency(A: sparse.csr_array) -> Tensor:
    """A_hat = D^-1/2 (A + I) D^-1/2 as a sparse (n, n) tensor, D the degrees of A + I (equation 2).

    A (n, n): weights, none negative or missing.
    """
    A = sparse.csr_array(check_matrix(A, "A", sparse=True, low=0, square=True))
    looped = A + sparse.eye_array(A.shape[0])
    scale = sparse.diags_array(looped.sum(1) ** -0.5)
    made = (scale @ looped @ scale).tocoo()
    where = torch.from_numpy(np.stack(made.coords).astype(np.int64))
    values = torch.from_numpy(made.data).float()
    return torch.sparse_coo_tensor(where, values, made.shape, check_invariants=False).coalesce()


class GraphConvolution(nn.Module):
    """H' = A_hat H W + b: each node averages its neighbours' features, then a linear map that all nodes share."""

    def __init__(self, d_in: int, d_out: int):
        super().__init__()
        self.weight, self.bias = (
            nn.Parameter(torch.empty(d_in, d_out)),
            nn.Parameter(torch.zeros(d_out)),
        )
        nn.init.xavier_uniform_(self.weight)

    def forward(self, A_hat: Tensor, H: Tensor | None = None) -> Tensor:
        """A_hat (n, n) sparse, H (n, d_in), or None for the identity (the feature is who it is): (n, d_out)."""
        return A_hat @ (self.weight if H is None else H @ self.weight) + self.bias


class GCN(nn.Module):
    """Two graph convolutions: A_hat relu(A_hat X W0) W1 (equation 9, without the softmax), dropout between them."""

    def __init__(self, d_in: int, hidden: int, n_classes: int, dropout: float = 0.5):
        super().__init__()
        self.first, self.second = (
            GraphConvolution(d_in, hidden),
            GraphConvolution(hidden, n_classes),
        )
        self.dropout = dropout

    def forward(self, A_hat: Tensor, X: Tensor | None = None) -> Tensor:
        """A_hat (n, n) sparse, X (n, d_in) or None for the identity: logits (n, n_classes)."""
        hidden = F.dropout(F.relu(self.first(A_hat, X)), self.dropout, self.training)  # (n, hidden)
        return self.second(A_hat, hidden)  # (n, n_classes)
