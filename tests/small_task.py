"""A small task for the tests of what trains: classes that a linear rule gives."""

import torch
from torch import nn
from torch.nn.functional import cross_entropy


def task(n=64, d=6, dtype=torch.float32):
    """Inputs (n, d) and classes (n,) that a linear rule gives."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(n, d, generator=generator, dtype=dtype)
    return x, (x[:, 0] + 0.5 * x[:, 1] > 0).long()


def network(seed=0, dropout=0.0, dtype=torch.float32):
    """A network of one hidden layer for it."""
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Dropout(dropout), nn.Linear(8, 2)).to(dtype)


def slices(size, n=64, dtype=torch.float32):
    """For `train`: batches of the first n inputs, in their order."""
    x, y = task(n, dtype=dtype)

    def batches(epoch):
        return [(x[i : i + size], y[i : i + size]) for i in range(0, n, size)]

    return batches


def loss(model, batch):
    """For `train`: cross-entropy."""
    return cross_entropy(model(batch[0]), batch[1])


def adamw(model, lr=1e-2):
    """An optimizer of torch."""
    return torch.optim.AdamW(model.parameters(), lr=lr)
