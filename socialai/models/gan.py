"""Generative adversarial networks: the game, its losses, networks for points, images and texts, and honest measures."""

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from sklearn.neighbors import NearestNeighbors
from torch import Tensor, nn
from torch.nn.functional import gumbel_softmax as torch_gumbel_softmax
from torch.nn.functional import one_hot, softplus
from torch.nn.utils.parametrizations import spectral_norm

LOSSES = (
    "minimax",
    "non-saturating",
    "wasserstein",
    "article: swapped roles",
    "article: sum of minimax losses",
    "article: sum of non-saturating losses",
)


def losses(kind: str, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    """(loss of the discriminator, loss of the generator) from the discriminator's logits on real and generated data.

    With D = sigmoid(logit): "minimax" is the game of Goodfellow et al. 2014, equation 1; "non-saturating" gives the
    generator -log D(G(z)) (section 3 there); "wasserstein" takes the logits as they are (Arjovsky et al. 2017).
    The three that begin with "article" are the sentences of the article taken literally, to be seen failing: the
    generator minimises D(G(z)) while the discriminator maximises it; or both minimise the sum of the two losses.
    """
    says_real, says_fake = (
        softplus(-real).mean(),
        softplus(fake).mean(),
    )  # -log D(x), -log(1 - D(G(z)))
    fooled = softplus(-fake).mean()  # -log D(G(z))
    pairs = {
        "minimax": lambda: (says_real + says_fake, -says_fake),
        "non-saturating": lambda: (says_real + says_fake, fooled),
        "wasserstein": lambda: (fake.mean() - real.mean(), -fake.mean()),
        "article: swapped roles": lambda: (says_real + fooled, -fooled),
        "article: sum of minimax losses": lambda: (says_real + says_fake - says_fake,) * 2,
        "article: sum of non-saturating losses": lambda: (says_real + says_fake + fooled,) * 2,
    }
    if kind not in pairs:
        raise ValueError(f"a loss is one of {', '.join(LOSSES)}, not {kind!r}")
    return pairs[kind]()


def gradient_penalty(
    discriminator: nn.Module, real: Tensor, fake: Tensor, generator: torch.Generator
) -> Tensor:
    """Mean squared distance of the slope from 1, at random points between real and fake (Gulrajani et al. 2017)."""
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
    lr: float = 1e-3,
    lr_discriminator: float | None = None,
    betas: tuple[float, float] = (0.5, 0.99),
    n_discriminator: int = 1,
    penalty: float = 0.0,
    seed: int = 0,
    watch: Callable[[int], None] | None = None,
) -> list[tuple[float, float]]:
    """Train both networks in turn, in place; returns the pair of losses at each step.

    sample(n, random): n real examples. generator maps noise (n, z_dim) to fakes, discriminator gives logits (n,) or
    (n, 1). n_discriminator: its steps for each step of the generator. penalty: weight of `gradient_penalty`.
    watch(step) is called before step 0, 1, ..., n_steps. Reproducible by `seed` and torch's global seed at the start.
    """
    random, device = torch.Generator().manual_seed(seed), next(generator.parameters()).device
    g_step = torch.optim.Adam(generator.parameters(), lr, betas)
    d_step = torch.optim.Adam(
        discriminator.parameters(), lr if lr_discriminator is None else lr_discriminator, betas
    )
    history = []
    for step in range(n_steps):
        if watch is not None:
            watch(step)
        for _ in range(n_discriminator):
            real = sample(batch_size, random).to(device)
            with torch.no_grad():
                fake = generator(torch.randn(batch_size, z_dim, generator=random).to(device))
            d_loss = losses(kind, discriminator(real), discriminator(fake))[0]
            if penalty:
                d_loss = d_loss + penalty * gradient_penalty(discriminator, real, fake, random)
            d_step.zero_grad(set_to_none=True)
            d_loss.backward()
            d_step.step()
        discriminator.requires_grad_(
            False
        )  # its gradients are not needed now: a third of the work is saved
        fake = generator(torch.randn(batch_size, z_dim, generator=random).to(device))
        g_loss = losses(kind, discriminator(real), discriminator(fake))[1]
        g_step.zero_grad(set_to_none=True)
        g_loss.backward()
        g_step.step()
        discriminator.requires_grad_(True)
        history.append((d_loss.item(), g_loss.item()))
    if watch is not None:
        watch(n_steps)
    return history


def fit_discriminator(
    discriminator: nn.Module,
    real: Callable,
    fake: Callable,
    n_steps: int,
    batch_size: int = 512,
    lr: float = 3e-3,
) -> None:
    """Train a discriminator alone against a fixed forger: real(n), fake(n) -> (n, d). The rate falls to 0."""
    optimizer = torch.optim.Adam(discriminator.parameters(), lr)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, n_steps)
    for _ in range(n_steps):
        loss = losses("minimax", discriminator(real(batch_size)), discriminator(fake(batch_size)))[
            0
        ]
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()


def jensen_shannon(p: np.ndarray, q: np.ndarray, dx: float) -> float:
    """Jensen-Shannon divergence in nats of two densities given on a grid of step dx; between 0 and log 2."""
    middle = (p + q) / 2

    def kullback_leibler(a: np.ndarray) -> float:
        inside = a > 0
        return float((a[inside] * np.log(a[inside] / middle[inside])).sum() * dx)

    return (kullback_leibler(p) + kullback_leibler(q)) / 2


def mlp(sizes: Sequence[int], spectral: bool = False) -> nn.Sequential:
    """Dense layers of the given sizes with leaky ReLU between; spectral: with spectral norm (Miyato et al. 2018)."""
    wrap = spectral_norm if spectral else (lambda layer: layer)
    layers = [
        m
        for a, b in zip(sizes, sizes[1:], strict=False)
        for m in (wrap(nn.Linear(a, b)), nn.LeakyReLU(0.2))
    ]
    return nn.Sequential(*layers[:-1])


def ring(n: int, generator: torch.Generator, modes: int = 8, spread: float = 0.05) -> Tensor:
    """n points (n, 2) of `modes` small normal clouds on the unit circle."""
    angle = 2 * math.pi * torch.randint(modes, (n,), generator=generator) / modes
    return torch.stack([angle.cos(), angle.sin()], 1) + spread * torch.randn(
        n, 2, generator=generator
    )


def modes_covered(points: Tensor, modes: int = 8, spread: float = 0.05) -> int:
    """How many clouds of `ring` hold at least 1 % of the points within 4 spreads of their centre."""
    angle = 2 * math.pi * torch.arange(modes) / modes
    near = (
        torch.cdist(points, torch.stack([angle.cos(), angle.sin()], 1)) < 4 * spread
    )  # (n, modes)
    return int((near.float().mean(0) >= 0.01).sum())


def image_generator(z_dim: int = 32, width: int = 32) -> nn.Sequential:
    """Noise (B, z_dim) to images (B, 1, 28, 28), pixels 0 to 1, by transposed convolutions (Radford et al. 2016)."""
    return nn.Sequential(
        nn.Linear(z_dim, 2 * width * 49, bias=False),
        nn.Unflatten(1, (2 * width, 7, 7)),
        nn.BatchNorm2d(2 * width),
        nn.ReLU(),
        nn.ConvTranspose2d(
            2 * width, width, 4, stride=2, padding=1, bias=False
        ),  # (B, width, 14, 14)
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.ConvTranspose2d(width, 1, 4, stride=2, padding=1),  # (B, 1, 28, 28)
        nn.Sigmoid(),
    )


def image_discriminator(width: int = 32, spectral: bool = True) -> nn.Sequential:
    """Images (B, 1, 28, 28) to logits (B, 1) by strided convolutions, with or without spectral norm."""
    wrap = spectral_norm if spectral else (lambda layer: layer)
    return nn.Sequential(
        wrap(nn.Conv2d(1, width, 4, stride=2, padding=1)),  # (B, width, 14, 14)
        nn.LeakyReLU(0.2),
        wrap(nn.Conv2d(width, 2 * width, 4, stride=2, padding=1)),  # (B, 2 width, 7, 7)
        nn.LeakyReLU(0.2),
        nn.Flatten(),
        wrap(nn.Linear(2 * width * 49, 1)),
    )


def gumbel_softmax(logits: Tensor, temperature: float, noise: Tensor) -> Tensor:
    """A draw of a class that gradients can pass: softmax((logits + g) / temperature), g = -log(-log u).

    logits and noise u, uniform in (0, 1), are (..., K); small temperatures come close to one-hot rows. Source: Jang,
    Gu and Poole 2017, equation 2. torch.nn.functional.gumbel_softmax draws its own noise and does the same.
    """
    return ((logits - torch.log(-torch.log(noise))) / temperature).softmax(-1)


class TextGenerator(nn.Module):
    """A recurrent network over characters: as a language model (`forward`, `draw`), or as the generator of a GAN.

    Both uses share every weight's shape, so that they can be compared. Character 0 is the start of a text.
    """

    def __init__(self, n_characters: int, length: int, d: int = 64, temperature: float = 1.0):
        super().__init__()
        self.length, self.temperature = length, temperature
        self.embedding = nn.Embedding(n_characters, d)
        self.cell = nn.GRUCell(d, d)
        self.output = nn.Linear(d, n_characters)

    def logits(self, ids: Tensor) -> Tensor:
        """Scores (B, length, n_characters) of each character of texts ids (B, length), given those before it."""
        start = torch.zeros_like(ids[:, :1])
        state, found = None, []
        for x in self.embedding(torch.cat([start, ids[:, :-1]], 1)).unbind(1):
            state = self.cell(x, state)
            found.append(self.output(state))
        return torch.stack(found, 1)

    def forward(self, z: Tensor) -> Tensor:
        """Noise (B, d), the first state, to texts as one-hot rows (B, length, n_characters) with soft gradients."""
        state, x, rows = (
            z,
            self.embedding(torch.zeros(len(z), dtype=torch.long, device=z.device)),
            [],
        )
        for _ in range(self.length):
            state = self.cell(x, state)
            row = torch_gumbel_softmax(
                self.output(state), self.temperature, hard=True
            )  # straight-through
            x = row @ self.embedding.weight
            rows.append(row)
        return torch.stack(rows, 1)

    @torch.no_grad()
    def draw(self, n: int, generator: torch.Generator) -> Tensor:
        """n texts (n, length) drawn character by character from the language model."""
        ids, state, rows = torch.zeros(n, dtype=torch.long), None, []
        for _ in range(self.length):
            state = self.cell(self.embedding(ids), state)
            ids = torch.multinomial(self.output(state).softmax(1), 1, generator=generator)[:, 0]
            rows.append(ids)
        return torch.stack(rows, 1)


class TextDiscriminator(nn.Module):
    """One-hot texts (B, length, n_characters) to logits (B,): convolutions over pairs and triples, largest of each."""

    def __init__(self, n_characters: int, d: int = 64):
        super().__init__()
        self.embedding = nn.Linear(n_characters, d, bias=False)
        self.convolutions = nn.ModuleList(spectral_norm(nn.Conv1d(d, d, width)) for width in (2, 3))
        self.output = nn.Linear(2 * d, 1)

    def forward(self, texts: Tensor) -> Tensor:
        """Logits that the texts are real."""
        x = self.embedding(texts).transpose(1, 2)  # (B, d, length)
        found = [nn.functional.leaky_relu(c(x), 0.2).amax(2) for c in self.convolutions]
        return self.output(torch.cat(found, 1))[:, 0]


def as_one_hot(ids: Tensor, n_characters: int) -> Tensor:
    """Texts (B, length) as float one-hot rows (B, length, n_characters)."""
    return one_hot(ids, n_characters).float()


def frechet_distance(real: np.ndarray, fake: np.ndarray) -> float:
    """Distance of two normal distributions fitted to features (n, d), (m, d) (Heusel et al. 2017, equation 6).

    |mu1 - mu2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)). With few samples it is too large even between halves of one set, so
    compare only values of the same n, beside the value of real against real.
    """
    mean = real.mean(0) - fake.mean(0)
    cov_real, cov_fake = (np.atleast_2d(np.cov(x, rowvar=False)) for x in (real, fake))
    # tr (S1 S2)^(1/2) is the sum of the singular values of S1^(1/2) S2^(1/2), which also holds where S1 is singular.
    root = np.linalg.norm(_root(cov_real) @ _root(cov_fake), "nuc")
    return float(mean @ mean + np.trace(cov_real) + np.trace(cov_fake) - 2 * root)


def _root(covariance: np.ndarray) -> np.ndarray:
    """The symmetric square root of a covariance matrix."""
    values, vectors = np.linalg.eigh(covariance)
    return vectors * np.sqrt(values.clip(min=0)) @ vectors.T


def neighbourhood_scores(real: np.ndarray, fake: np.ndarray, k: int = 3) -> dict[str, float]:
    """{"precision", "recall", "coverage"} of generated features (m, d) against real ones (n, d).

    precision: share of fakes within the k-th neighbour's distance of some real one, that is, believable; recall: the
    same with the sides exchanged (Kynkaanniemi et al. 2019, equation 2). coverage: share of real ones that have a
    fake within their own k-th neighbour's distance (Naeem et al. 2020, equation 9), less fooled by outliers.
    """

    def radii(x: np.ndarray) -> np.ndarray:
        return (
            NearestNeighbors(n_neighbors=k).fit(x).kneighbors()[0][:, -1]
        )  # a point is not its own neighbour

    gap = torch.cdist(
        torch.from_numpy(real).double(), torch.from_numpy(fake).double()
    ).numpy()  # (n, m)
    near_real, near_fake = gap <= radii(real)[:, None], gap <= radii(fake)
    return {
        "precision": float(near_real.any(0).mean()),
        "recall": float(near_fake.any(1).mean()),
        "coverage": float(near_real.any(1).mean()),
    }


def class_entropy(classes: np.ndarray, n_classes: int) -> float:
    """Entropy of how often each class occurs, as a share of the largest possible: 1 all alike, 0 one class only."""
    share = np.bincount(classes, minlength=n_classes) / len(classes)
    share = share[share > 0]
    return float(-(share * np.log(share)).sum() / math.log(n_classes)) + 0.0
