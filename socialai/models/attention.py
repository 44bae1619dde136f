"""Scaled dot-product and multi-head attention, by hand.

Source: Vaswani et al. 2017, equation 1 and section 3.2.2.
"""

import math

import torch
from torch import Tensor, nn

from socialai.errors import UserError
from socialai.validation import check_number


def softmax(x: Tensor, dim: int = -1) -> Tensor:
    """exp(x) / sum exp(x) along `dim`, shifted by the maximum so that it can't overflow.

    The same shape as x.
    """
    shifted = torch.exp(x - x.amax(dim, keepdim=True))
    return shifted / shifted.sum(dim, keepdim=True)


def scores_by_loops(q: Tensor, k: Tensor) -> Tensor:
    """Scores q_i . k_j / sqrt(d_k), one pair at a time. q (n, d_k), k (m, d_k) -> (n, m)."""
    n, d_k = q.shape
    if k.shape[1] != d_k:
        raise UserError(f"q has {d_k} numbers a row, k {k.shape[1]}: as many are needed")
    scores = q.new_zeros(n, k.shape[0])
    for i in range(n):
        for j in range(k.shape[0]):
            for c in range(d_k):
                scores[i, j] += q[i, c] * k[j, c]
    return scores / math.sqrt(d_k)


def average_by_loops(weights: Tensor, v: Tensor) -> Tensor:
    """Context c_i = sum_j a_ij v_j. weights (n, m), v (m, d_v) -> (n, d_v)."""
    n, m = weights.shape
    if len(v) != m:
        raise UserError(f"weights for {m} values, and {len(v)} values: as many are needed")
    context = v.new_zeros(n, v.shape[1])
    for i in range(n):
        for j in range(m):
            context[i] += weights[i, j] * v[j]
    return context


def plain_attention(q: Tensor, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    """Scaled dot-product attention, equation 1: (context, weights).

    q (..., n, d_k), k (..., m, d_k), v (..., m, d_v) -> (..., n, d_v), (..., n, m).
    """
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])  # (..., n, m)
    weights = softmax(scores)  # over the keys j: each query's weights sum to one
    return weights @ v, weights


def attention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """`plain_attention` under a mask: (context, weights).

    mask broadcasts to (..., n, m), True where a query may look. Each row needs at least one True.
    """
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])  # (..., n, m)
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf)  # before the softmax, so that exp gives 0
    weights = softmax(scores)
    return weights @ v, weights  # (..., n, d_v), (..., n, m)


def causal_mask(n: int) -> Tensor:
    """(n, n) mask, True where position i may look at position j, j <= i."""
    i = torch.arange(n)[:, None]  # the position that looks
    j = torch.arange(n)  # the position that it looks at
    return j <= i


def padding_mask(ids: Tensor, pad_id: int = 0) -> Tensor:
    """(B, 1, 1, n) mask, True on the tokens of ids (B, n) that are no padding."""
    is_token = ids != pad_id  # (B, n)

    # One mask for all heads and all queries of a text.
    return is_token[:, None, None, :]


def split_heads(x: Tensor, n_heads: int) -> Tensor:
    """(B, n, d_model) -> (B, nh, n, d_k), where d_model = nh d_k."""
    parts = x.unflatten(-1, (n_heads, -1))  # (B, n, nh, d_k): each vector cut into nh parts

    # The heads beside the batch: one matrix product then does all of them.
    return parts.transpose(1, 2)


class MultiHeadAttention(nn.Module):
    """Attention in `n_heads` subspaces of d_k = d_model / n_heads dimensions, then a projection.

    UserError where n_heads doesn't divide d_model. torch keeps the first three layers as one.
    """

    def __init__(self, d_model: int, n_heads: int):
        super().__init__()
        check_number(n_heads, "n_heads", 1, whole=True)
        check_number(d_model, "d_model", 1, whole=True)
        if d_model % n_heads:
            raise UserError(f"d_model {d_model} is not divisible by n_heads {n_heads}")
        self.n_heads = n_heads
        self.query = nn.Linear(d_model, d_model)
        self.key = nn.Linear(d_model, d_model)
        self.value = nn.Linear(d_model, d_model)
        self.output = nn.Linear(d_model, d_model)

    def forward(self, x: Tensor, memory: Tensor | None = None, mask: Tensor | None = None):
        """x (B, n, d_model) looks at memory (B, m, d_model), or itself: (context, weights)."""
        memory = x if memory is None else memory
        q = split_heads(self.query(x), self.n_heads)  # (B, nh, n, d_k)
        k = split_heads(self.key(memory), self.n_heads)  # (B, nh, m, d_k)
        v = split_heads(self.value(memory), self.n_heads)  # (B, nh, m, d_k)
        context, weights = attention(q, k, v, mask)  # (B, nh, n, d_k), (B, nh, n, m)
        joined = context.transpose(1, 2).flatten(2)  # (B, n, d_model)
        return self.output(joined), weights


def sinusoidal_positions(n: int, d_model: int) -> Tensor:
    """(n, d_model) position encodings, section 3.5: sine on even, cosine on odd dimensions."""
    position = torch.arange(n)[:, None]  # (n, 1)
    frequency = torch.exp(-math.log(10_000.0) * torch.arange(0, d_model, 2) / d_model)
    table = torch.zeros(n, d_model)
    table[:, 0::2] = torch.sin(position * frequency)
    table[:, 1::2] = torch.cos(position * frequency[: d_model // 2])
    return table


def attention_flops(n: int, d_k: int) -> int:
    """Multiplications and additions of the two matrix products of one head over n tokens.

    Each product is 2 n n d_k.
    """
    return 2 * 2 * n * n * d_k


def layer_flops(n: int, d_model: int) -> int:
    """The same of an encoder layer, whose inner layer is 4 d_model wide: 24 n d^2 + 4 n^2 d.

    8 n d^2 are the four projections, 16 n d^2 the feed-forward part, and 4 n^2 d attention's two
    products; softmax, normalisation and biases are left out.
    """
    return 24 * n * d_model**2 + 4 * n**2 * d_model


def weights_bytes(n: int, n_heads: int, bytes_per_number: int = 4) -> int:
    """Memory of the attention weights (n_heads, n, n)."""
    return n_heads * n * n * bytes_per_number
