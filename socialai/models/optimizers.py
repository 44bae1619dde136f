"""What a training loop is made of, by hand: initialisation, loss, backpropagation, clipping, and the optimizers."""

import math

import torch
from torch import Tensor

INITIALISATIONS = ("too small", "too large", "Xavier", "He")


def weight_std(kind: str, fan_in: int, fan_out: int) -> float:
    """Standard deviation of the weights of a layer that has fan_in inputs and fan_out outputs.

    "too small" 0.01 and "too large" 1 whatever the size; "Xavier" keeps variance forward and backward on average
    (Glorot and Bengio 2010, equation 12); "He" makes up for the half that ReLU cuts off (He et al. 2015, equation 10).
    """
    stds = {
        "too small": 0.01,
        "too large": 1.0,
        "Xavier": math.sqrt(2 / (fan_in + fan_out)),
        "He": math.sqrt(2 / fan_in),
    }
    if kind not in stds:
        raise ValueError(f"initialisation is one of {INITIALISATIONS}, not {kind!r}")
    return stds[kind]


def signal(
    x: Tensor, kind: str, depth: int, activation, generator: torch.Generator
) -> tuple[list[float], list[float]]:
    """Root mean square of the activations after each of `depth` square layers, and of the gradients at their inputs.

    x (B, d); activation: torch.relu, torch.tanh or another function of a tensor. The gradient sent back from the
    last layer has root mean square 1. Both lists run from the first layer to the last.
    """

    def root_mean_square(x: Tensor) -> float:
        largest = (
            x.abs().max().clamp_min(torch.finfo(x.dtype).tiny)
        )  # squares of 1e-200 would underflow
        return (largest * (x / largest).square().mean().sqrt()).item()

    d = x.shape[1]
    inputs, forward = [x.clone().requires_grad_()], []
    for _ in range(depth):
        w = weight_std(kind, d, d) * torch.randn(d, d, generator=generator, dtype=x.dtype)
        h = activation(inputs[-1] @ w)  # (B, d)
        forward.append(root_mean_square(h))
        inputs.append(h)
    sent_back = torch.randn(x.shape, generator=generator, dtype=x.dtype)
    gradients = torch.autograd.grad(inputs[-1], inputs[:-1], sent_back)
    return forward, [root_mean_square(g) for g in gradients]


def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Mean of -log softmax(logits)[target] in nats. logits (B, K), targets (B,) -> scalar.

    The maximum is subtracted first, so that no exponential overflows.
    """
    shifted = logits - logits.amax(1, keepdim=True)  # (B, K)
    log_p = shifted - shifted.exp().sum(1, keepdim=True).log()  # (B, K)
    return -log_p[torch.arange(len(targets)), targets].mean()


def two_layer_gradients(
    x: Tensor, y: Tensor, W1: Tensor, b1: Tensor, W2: Tensor, b2: Tensor
) -> tuple[Tensor, dict]:
    """(loss, gradients by name) of cross-entropy on relu(x W1 + b1) W2 + b2, the chain rule written out, no autograd.

    x (B, d), y (B,) classes, W1 (d, h), b1 (h,), W2 (h, K), b2 (K,).
    """
    a = x @ W1 + b1  # (B, h)
    h = a.clamp_min(0)  # (B, h)
    z = h @ W2 + b2  # (B, K)
    loss = cross_entropy(z, y)
    dz = z.softmax(1)  # (B, K)
    dz[torch.arange(len(y)), y] -= (
        1  # softmax minus one-hot: the whole derivative of softmax with cross-entropy
    )
    dz /= len(y)
    da = (dz @ W2.T) * (
        a > 0
    )  # (B, h): ReLU lets the gradient through where it let the signal through
    return loss, {"W1": x.T @ da, "b1": da.sum(0), "W2": h.T @ dz, "b2": dz.sum(0)}


def clip(gradients: list[Tensor], largest: float) -> tuple[list[Tensor], Tensor]:
    """(gradients, their common norm before): all scaled by one factor so that the norm is at most `largest`.

    The direction stays (Pascanu et al. 2013, algorithm 1). torch adds 1e-6 to the norm; this does not.
    """
    norm = torch.stack([g.square().sum() for g in gradients]).sum().sqrt()
    scale = (largest / norm).clamp(max=1.0)
    return [g * scale for g in gradients], norm


class SGD(torch.optim.Optimizer):
    """Gradient descent, v = momentum v + g, p = p - lr v (Polyak 1964); weight_decay adds weight_decay p to g."""

    def __init__(self, params, lr: float, momentum: float = 0.0, weight_decay: float = 0.0):
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure=None) -> None:
        """Update every parameter that has a gradient."""
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                g = p.grad + group["weight_decay"] * p
                state = self.state[p]
                state["v"] = group["momentum"] * state["v"] + g if "v" in state else g
                p -= group["lr"] * state["v"]


class Adam(torch.optim.Optimizer):
    """Adam (Kingma and Ba 2015, algorithm 1): a step of about lr in each weight, whatever the gradient's scale.

    m and v are running means of the gradient and of its square; both start at 0 and are divided by what they lack.
    weight_decay adds weight_decay p to the gradient, where v then scales it away: AdamW doesn't.
    """

    decoupled = False

    def __init__(
        self,
        params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ):
        super().__init__(
            params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        )

    @torch.no_grad()
    def step(self, closure=None) -> None:
        """Update every parameter that has a gradient."""
        for group in self.param_groups:
            (beta1, beta2), lr = group["betas"], group["lr"]
            for p in group["params"]:
                if p.grad is None:
                    continue
                if self.decoupled:
                    p *= 1 - lr * group["weight_decay"]
                    g = p.grad
                else:
                    g = p.grad + group["weight_decay"] * p
                state = self.state[p]
                if not state:
                    state |= {
                        "t": torch.zeros(()),
                        "m": torch.zeros_like(p),
                        "v": torch.zeros_like(p),
                    }
                state["t"] += 1
                state["m"] = beta1 * state["m"] + (1 - beta1) * g
                state["v"] = beta2 * state["v"] + (1 - beta2) * g * g
                m = state["m"] / (1 - beta1 ** state["t"].item())
                v = state["v"] / (1 - beta2 ** state["t"].item())
                p -= lr * m / (v.sqrt() + group["eps"])


class AdamW(Adam):
    """Adam with weight decay applied to the weights themselves (Loshchilov and Hutter 2019, algorithm 2)."""

    decoupled = True

    def __init__(
        self,
        params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
    ):
        super().__init__(params, lr, betas, eps, weight_decay)
