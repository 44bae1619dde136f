"""The loss of a classifier and its gradients by hand, the chain rule written out."""

import torch
from torch import Tensor

from socialai.errors import UserError


def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Mean of -log softmax(logits)[target] in nats. logits (B, K), targets (B,) -> scalar.

    The maximum is subtracted first, so that no exponential overflows. UserError for targets that
    are no classes, from 0 to K - 1, one for each row.
    """
    K = logits.shape[1]
    if targets.shape != logits.shape[:1] or not ((targets >= 0) & (targets < K)).all():
        raise UserError(f"targets: {len(logits)} classes from 0 to {K - 1} are needed")
    shifted = logits - logits.amax(1, keepdim=True)  # (B, K)
    log_p = shifted - shifted.exp().sum(1, keepdim=True).log()  # (B, K)
    return -log_p[torch.arange(len(targets)), targets].mean()


def two_layer_gradients(
    x: Tensor, y: Tensor, W1: Tensor, b1: Tensor, W2: Tensor, b2: Tensor
) -> tuple[Tensor, dict[str, Tensor]]:
    """(loss, gradients by name) of cross-entropy on relu(x W1 + b1) W2 + b2, without autograd.

    x (B, d), y (B,) classes, W1 (d, h), b1 (h,), W2 (h, K), b2 (K,).
    """
    # forward
    a = x @ W1 + b1  # (B, h)
    h = a.clamp_min(0)  # (B, h)
    z = h @ W2 + b2  # (B, K)
    loss = cross_entropy(z, y)

    # backward: softmax minus one-hot is the whole derivative of softmax with cross-entropy
    dz = z.softmax(1)  # (B, K)
    dz[torch.arange(len(y)), y] -= 1
    dz /= len(y)

    # ReLU lets the gradient through where it let the signal through
    da = (dz @ W2.T) * (a > 0)  # (B, h)
    return loss, {"W1": x.T @ da, "b1": da.sum(0), "W2": h.T @ dz, "b2": dz.sum(0)}
