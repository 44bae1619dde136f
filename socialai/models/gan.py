"""Generative adversarial networks: the game, its losses, and networks for points and images.

`text_gan` has the networks for texts, `generator_quality` the measures of what a generator makes.
"""

import itertools
import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus
from torch.nn.utils.parametrizations import spectral_norm

from socialai.models.training import train
from socialai.validation import check_choice

LOSSES = (
    "minimax",
    "non-saturating",
    "wasserstein",
    "article: swapped roles",
    "article: sum of minimax losses",
    "article: sum of non-saturating losses",
)


def losses(kind: str, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    """(loss of the discriminator, loss of the generator), kind being one of LOSSES.

    real and fake are the discriminator's logits on real and on generated data. With D =
    sigmoid(logit): "minimax" is the game of Goodfellow et al. 2014, equation 1; "non-saturating"
    gives the generator -log D(G(z)) (section 3 there); "wasserstein" takes the logits as they are
    (Arjovsky et al. 2017). The three that begin with "article" are the sentences of the article
    taken literally, to be seen failing: the generator minimises D(G(z)) while the discriminator
    maximises it; or both minimise the sum of the two losses.
    """
    check_choice(kind, LOSSES, "loss")
    if kind == "wasserstein":
        return fake.mean() - real.mean(), -fake.mean()

    doubts_real = softplus(-real).mean()  # -log D(x)
    trusts_fake = softplus(fake).mean()  # -log(1 - D(G(z)))
    doubts_fake = softplus(-fake).mean()  # -log D(G(z))
    if kind == "minimax":
        return doubts_real + trusts_fake, -trusts_fake
    if kind == "non-saturating":
        return doubts_real + trusts_fake, doubts_fake
    if kind == "article: swapped roles":
        return doubts_real + doubts_fake, -doubts_fake
    if kind == "article: sum of minimax losses":
        both = doubts_real + trusts_fake - trusts_fake
    else:
        both = doubts_real + trusts_fake + doubts_fake
    return both, both


def gradient_penalty(
    discriminator: nn.Module, real: Tensor, fake: Tensor, generator: torch.Generator
) -> Tensor:
    """Mean squared distance of the slope from 1, at random points between real and fake.

    Source: Gulrajani et al. 2017.
    """
    share = torch.rand(len(real), *[1] * (real.dim() - 1), generator=generator).to(real.device)
    between = (share * real + (1 - share) * fake).requires_grad_()
    slope = torch.autograd.grad(discriminator(between).sum(), between, create_graph=True)[0]
    return (slope.flatten(1).norm(dim=1) - 1).square().mean()


def fit_gan(
    generator: nn.Module,
    discriminator: nn.Module,
    sample: Callable[[int, torch.Generator], Tensor],
    n_steps: int,
    kind: str = "non-saturating",
    z_dim: int = 8,
    batch_size: int = 64,
    learning_rate: float = 1e-3,
    discriminator_rate: float | None = None,
    betas: tuple[float, float] = (0.5, 0.99),
    discriminator_steps: int = 1,
    penalty: float = 0.0,
    seed: int = 0,
    watch: Callable[[int], None] | None = None,
) -> list[tuple[float, float]]:
    """Train both networks in turn, in place; returns the pair of losses at each step.

    Two players with a loss and an optimizer each: not the loop of `training.train`.
    sample(n, random): n real examples. generator maps noise (n, z_dim) to fakes, discriminator
    gives logits (n,) or (n, 1). discriminator_rate: its learning rate, where it differs.
    discriminator_steps: its steps for each step of the generator. penalty: weight of
    `gradient_penalty`. watch(step) is called before step 0, 1, ..., n_steps. Reproducible by `seed`
    and torch's global seed at the start.
    """
    random = torch.Generator().manual_seed(seed)
    device = next(generator.parameters()).device
    if discriminator_rate is None:
        discriminator_rate = learning_rate
    g_optimizer = torch.optim.Adam(generator.parameters(), learning_rate, betas)
    d_optimizer = torch.optim.Adam(discriminator.parameters(), discriminator_rate, betas)

    def forge() -> Tensor:
        return generator(torch.randn(batch_size, z_dim, generator=random).to(device))

    history = []
    for step in range(n_steps):
        if watch is not None:
            watch(step)

        # the discriminator's turn
        for _ in range(discriminator_steps):
            real = sample(batch_size, random).to(device)
            with torch.no_grad():
                fake = forge()
            d_loss, _ = losses(kind, discriminator(real), discriminator(fake))
            if penalty:
                d_loss = d_loss + penalty * gradient_penalty(discriminator, real, fake, random)
            d_optimizer.zero_grad(set_to_none=True)
            d_loss.backward()
            d_optimizer.step()

        # the generator's turn; the discriminator's gradients are not needed: a third less work
        discriminator.requires_grad_(False)
        fake = forge()
        _, g_loss = losses(kind, discriminator(real), discriminator(fake))
        g_optimizer.zero_grad(set_to_none=True)
        g_loss.backward()
        g_optimizer.step()
        discriminator.requires_grad_(True)
        history.append((d_loss.item(), g_loss.item()))
    if watch is not None:
        watch(n_steps)
    return history


def fit_discriminator(
    discriminator: nn.Module,
    real: Callable[[int], Tensor],
    fake: Callable[[int], Tensor],
    n_steps: int,
    batch_size: int = 512,
    learning_rate: float = 3e-3,
) -> list[dict]:
    """Train a discriminator alone against a fixed forger; the history of `training.train`.

    real(n), fake(n) -> (n, d). The learning rate falls to 0 along a line.
    """

    def batches(epoch: int):
        for _ in range(n_steps):
            yield real(batch_size), fake(batch_size)

    def loss(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        on_real, on_fake = (model(part) for part in batch)
        return losses("minimax", on_real, on_fake)[0]

    return train(
        discriminator,
        batches,
        loss,
        torch.optim.Adam(discriminator.parameters(), learning_rate),
        epochs=1,
        schedule=lambda step, n_steps: 1 - step / n_steps,
        clip=None,
        precision="fp32",
    )


def _spectral(layer: nn.Module, spectral: bool) -> nn.Module:
    """The layer, with spectral normalisation (Miyato et al. 2018) if that is wanted."""
    return spectral_norm(layer) if spectral else layer


def mlp(sizes: Sequence[int], spectral: bool = False) -> nn.Sequential:
    """Dense layers of the given sizes with leaky ReLU between; spectral: with spectral norm."""
    layers = []
    for n_in, n_out in itertools.pairwise(sizes):
        layers.append(_spectral(nn.Linear(n_in, n_out), spectral))
        layers.append(nn.LeakyReLU(0.2))
    return nn.Sequential(*layers[:-1])


def _ring_centres(modes: int) -> Tensor:
    """(modes, 2) points on the unit circle, evenly apart."""
    return _on_circle(2 * math.pi * torch.arange(modes) / modes)


def _on_circle(angle: Tensor) -> Tensor:
    """Points (n, 2) of the unit circle at angles (n,)."""
    return torch.stack([angle.cos(), angle.sin()], 1)


def ring_of_clouds(
    n: int, generator: torch.Generator, modes: int = 8, spread: float = 0.05
) -> Tensor:
    """n points (n, 2) of `modes` small normal clouds on the unit circle."""
    angle = 2 * math.pi * torch.randint(modes, (n,), generator=generator) / modes
    return _on_circle(angle) + spread * torch.randn(n, 2, generator=generator)


def modes_covered(points: Tensor, modes: int = 8, spread: float = 0.05) -> int:
    """How many clouds of the ring hold at least 1 % of the points (n, 2).

    A point belongs to a cloud within 4 spreads of its centre.
    """
    near = torch.cdist(points, _ring_centres(modes)) < 4 * spread  # (n, modes)
    return int((near.float().mean(0) >= 0.01).sum())


def image_generator(z_dim: int = 32, width: int = 32) -> nn.Sequential:
    """Noise (B, z_dim) to images (B, 1, 28, 28), pixels 0 to 1, by transposed convolutions.

    Source: Radford et al. 2016.
    """
    return nn.Sequential(
        nn.Linear(z_dim, 2 * width * 49, bias=False),
        nn.Unflatten(1, (2 * width, 7, 7)),
        nn.BatchNorm2d(2 * width),
        nn.ReLU(),
        nn.ConvTranspose2d(2 * width, width, 4, stride=2, padding=1, bias=False),  # 14 by 14
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.ConvTranspose2d(width, 1, 4, stride=2, padding=1),  # (B, 1, 28, 28)
        nn.Sigmoid(),
    )


def image_discriminator(width: int = 32, spectral: bool = True) -> nn.Sequential:
    """Images (B, 1, 28, 28) to logits (B, 1) by strided convolutions, spectral norm or not."""
    return nn.Sequential(
        _spectral(nn.Conv2d(1, width, 4, stride=2, padding=1), spectral),  # (B, width, 14, 14)
        nn.LeakyReLU(0.2),
        _spectral(nn.Conv2d(width, 2 * width, 4, stride=2, padding=1), spectral),  # 7 by 7
        nn.LeakyReLU(0.2),
        nn.Flatten(),
        _spectral(nn.Linear(2 * width * 49, 1), spectral),
    )
