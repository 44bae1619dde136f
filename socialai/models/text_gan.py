"""A recurrent generator of texts and its discriminator: how a GAN can be trained on characters."""

import torch
from torch import Tensor, nn
from torch.nn.functional import gumbel_softmax as torch_gumbel_softmax
from torch.nn.functional import leaky_relu, one_hot
from torch.nn.utils.parametrizations import spectral_norm


def gumbel_softmax(logits: Tensor, temperature: float, noise: Tensor) -> Tensor:
    """A draw of a class that gradients can pass: softmax((logits + g) / temperature).

    g = -log(-log u). logits and noise u, uniform in (0, 1), are (..., K); small temperatures come
    close to one-hot rows. torch.nn.functional.gumbel_softmax draws its own noise and does the same.
    Source: Jang, Gu and Poole 2017, equation 2.
    """
    return ((logits - torch.log(-torch.log(noise))) / temperature).softmax(-1)


class TextGenerator(nn.Module):
    """A recurrent network over characters: as a language model, or as the generator of a GAN.

    `logits` and `draw` are the language model's, `forward` is the generator's. Both uses share
    every weight's shape, so that they can be compared. Character 0 is the start of a text.
    """

    def __init__(self, n_characters: int, length: int, d: int = 64, temperature: float = 1.0):
        super().__init__()
        self.length = length
        self.temperature = temperature
        self.embedding = nn.Embedding(n_characters, d)
        self.cell = nn.GRUCell(d, d)
        self.output = nn.Linear(d, n_characters)

    def logits(self, ids: Tensor) -> Tensor:
        """Scores (B, length, n_characters) of each character of texts, given those before it.

        ids: (B, length)
        """
        before = torch.cat([torch.zeros_like(ids[:, :1]), ids[:, :-1]], 1)  # (B, length)
        state = None
        scores = []
        for x in self.embedding(before).unbind(1):
            state = self.cell(x, state)  # (B, d)
            scores.append(self.output(state))
        return torch.stack(scores, 1)

    def forward(self, z: Tensor) -> Tensor:
        """Noise (B, d), the first state, to texts as one-hot rows (B, length, n_characters).

        The rows have soft gradients.
        """
        state = z
        x = self.embedding(torch.zeros(len(z), dtype=torch.long, device=z.device))  # (B, d)
        rows = []
        for _ in range(self.length):
            state = self.cell(x, state)
            # straight-through: one-hot forward, the gradient of the soft row backward
            row = torch_gumbel_softmax(self.output(state), self.temperature, hard=True)
            x = row @ self.embedding.weight
            rows.append(row)
        return torch.stack(rows, 1)

    @torch.no_grad()
    def draw(self, n: int, generator: torch.Generator) -> Tensor:
        """n texts (n, length) drawn character by character from the language model."""
        ids = torch.zeros(n, dtype=torch.long)
        state = None
        columns = []
        for _ in range(self.length):
            state = self.cell(self.embedding(ids), state)
            p = self.output(state).softmax(1)  # (n, n_characters)
            ids = torch.multinomial(p, 1, generator=generator)[:, 0]  # (n,)
            columns.append(ids)
        return torch.stack(columns, 1)


class TextDiscriminator(nn.Module):
    """One-hot texts to logits: convolutions over pairs and triples, the largest output of each."""

    def __init__(self, n_characters: int, d: int = 64):
        super().__init__()
        self.embedding = nn.Linear(n_characters, d, bias=False)
        self.convolutions = nn.ModuleList(spectral_norm(nn.Conv1d(d, d, width)) for width in (2, 3))
        self.output = nn.Linear(2 * d, 1)

    def forward(self, texts: Tensor) -> Tensor:
        """texts (B, length, n_characters) -> logits (B,) that they are real."""
        x = self.embedding(texts).transpose(1, 2)  # (B, d, length)
        largest = [leaky_relu(convolution(x), 0.2).amax(2) for convolution in self.convolutions]
        return self.output(torch.cat(largest, 1))[:, 0]


def as_one_hot(ids: Tensor, n_characters: int) -> Tensor:
    """Texts (B, length) as float one-hot rows (B, length, n_characters)."""
    return one_hot(ids, n_characters).float()
