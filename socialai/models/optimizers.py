"""Optimizers by hand, with the interface of torch.optim: SGD, Adam, AdamW, and clipping.

Their settings have torch's names (`lr`, `betas`, `eps`), so that either can stand for the other.
"""

import torch
from torch import Tensor

from socialai.errors import UserError
from socialai.validation import check_list, check_number, check_numbers


def clip_gradients(gradients: list[Tensor], largest: float) -> tuple[list[Tensor], Tensor]:
    """(gradients, their common norm before): scaled by one factor so that it is at most `largest`.

    The direction stays (Pascanu et al. 2013, algorithm 1). torch adds 1e-6 to the norm; this does
    not. UserError for no gradients, and where `largest` isn't above 0.
    """
    gradients = check_list(gradients, "gradients")
    check_number(largest, "largest", 0, above=True)
    norm = torch.stack([g.square().sum() for g in gradients]).sum().sqrt()
    scale = (largest / norm).clamp(max=1.0)
    return [g * scale for g in gradients], norm


class SGD(torch.optim.Optimizer):
    """Gradient descent, v = momentum v + g, p = p - lr v (Polyak 1964).

    weight_decay adds weight_decay p to g.
    """

    def __init__(self, params, lr: float, momentum: float = 0.0, weight_decay: float = 0.0):
        settings = {"lr": lr, "momentum": momentum, "weight_decay": weight_decay}
        for name, value in settings.items():
            check_number(value, name, 0)
        super().__init__(params, settings)

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
    """Adam: a step of about lr in each weight, whatever the gradient's scale.

    m and v are running means of the gradient and of its square; both start at 0 and are divided by
    what they lack. weight_decay adds weight_decay p to the gradient, where v then scales it away:
    AdamW doesn't. Source: Kingma and Ba 2015, algorithm 1.
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
        settings = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        for name in ("lr", "eps", "weight_decay"):
            check_number(settings[name], name, 0)
        if (check_numbers(betas, "betas", 0, 1, n=2) == 1).any():
            raise UserError("betas must be below 1: a mean that forgets nothing never begins")
        super().__init__(params, settings)

    @torch.no_grad()
    def step(self, closure=None) -> None:
        """Update every parameter that has a gradient."""
        for group in self.param_groups:
            beta1, beta2 = group["betas"]
            lr = group["lr"]
            for p in group["params"]:
                if p.grad is None:
                    continue

                # weight decay, of the weights themselves or through the gradient
                if self.decoupled:
                    p *= 1 - lr * group["weight_decay"]
                    g = p.grad
                else:
                    g = p.grad + group["weight_decay"] * p

                # running means
                state = self.state[p]
                if not state:
                    state["t"] = torch.zeros(())
                    state["m"] = torch.zeros_like(p)
                    state["v"] = torch.zeros_like(p)
                state["t"] += 1
                state["m"] = beta1 * state["m"] + (1 - beta1) * g
                state["v"] = beta2 * state["v"] + (1 - beta2) * g * g

                # the step
                t = state["t"].item()
                m = state["m"] / (1 - beta1**t)
                v = state["v"] / (1 - beta2**t)
                p -= lr * m / (v.sqrt() + group["eps"])


class AdamW(Adam):
    """Adam with weight decay applied to the weights themselves.

    Source: Loshchilov and Hutter 2019, algorithm 2.
    """

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
