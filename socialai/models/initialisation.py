"""How large the weights are at the start, and what it does to a signal through many layers."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from socialai.validation import check_choice, check_number

INITIALISATIONS = ("too small", "too large", "Xavier", "He")


def weight_std(kind: str, fan_in: int, fan_out: int) -> float:
    """Standard deviation of the weights of a layer that has fan_in inputs and fan_out outputs.

    "too small" 0.01 and "too large" 1 whatever the size; "Xavier" keeps variance forward and
    backward on average (Glorot and Bengio 2010, equation 12); "He" makes up for the half that ReLU
    cuts off (He et al. 2015, equation 10). UserError for another kind.
    """
    check_choice(kind, INITIALISATIONS, "initialisation")
    check_number(fan_in, "fan_in", 1, whole=True)
    check_number(fan_out, "fan_out", 1, whole=True)
    stds = {
        "too small": 0.01,
        "too large": 1.0,
        "Xavier": math.sqrt(2 / (fan_in + fan_out)),
        "He": math.sqrt(2 / fan_in),
    }
    return stds[kind]


def signal_sizes(
    x: Tensor,
    kind: str,
    depth: int,
    activation: Callable[[Tensor], Tensor],
    generator: torch.Generator,
) -> tuple[list[float], list[float]]:
    """Sizes of the activations after each of `depth` square layers, and of the gradients before.

    A size is a root mean square. x (B, d); activation: torch.relu, torch.tanh or another. The
    gradient sent back from the last layer has size 1. Both lists run from the first layer to the
    last.
    """
    check_number(depth, "depth", 1, whole=True)
    d = x.shape[1]
    inputs = [x.clone().requires_grad_()]
    forward = []
    for _ in range(depth):
        w = weight_std(kind, d, d) * torch.randn(d, d, generator=generator, dtype=x.dtype)
        h = activation(inputs[-1] @ w)  # (B, d)
        forward.append(_root_mean_square(h))
        inputs.append(h)
    sent_back = torch.randn(x.shape, generator=generator, dtype=x.dtype)
    gradients = torch.autograd.grad(inputs[-1], inputs[:-1], sent_back)
    return forward, [_root_mean_square(g) for g in gradients]


def _root_mean_square(x: Tensor) -> float:
    """As by the formula, but scaled by the largest number: the square of 1e-200 would underflow."""
    largest = x.abs().max().clamp_min(torch.finfo(x.dtype).tiny)
    return (largest * (x / largest).square().mean().sqrt()).item()
