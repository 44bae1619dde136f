"""Optimizers and clipping by hand equal torch's."""

import pytest
import torch
from small_task import loss, network, slices
from torch import nn

from socialai.models import optimizers
from socialai.models.training import train

PAIRS = [
    (optimizers.SGD, torch.optim.SGD, {"lr": 0.1}),
    (optimizers.SGD, torch.optim.SGD, {"lr": 0.1, "momentum": 0.9}),
    (optimizers.SGD, torch.optim.SGD, {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.1}),
    (optimizers.Adam, torch.optim.Adam, {"lr": 0.01}),
    (optimizers.Adam, torch.optim.Adam, {"lr": 0.01, "betas": (0.8, 0.95), "weight_decay": 0.1}),
    (optimizers.AdamW, torch.optim.AdamW, {"lr": 0.01}),
    (optimizers.AdamW, torch.optim.AdamW, {"lr": 0.01, "weight_decay": 0.3}),
]


@pytest.mark.parametrize(("ours", "theirs", "options"), PAIRS)
def test_optimizers_equal_torch_over_100_steps(ours, theirs, options):
    models = network(dtype=torch.float64), network(dtype=torch.float64)
    for model, kind in zip(models, (ours, theirs), strict=True):
        train(
            model,
            slices(16, dtype=torch.float64),
            loss,
            kind(model.parameters(), **options),
            epochs=25,
            clip=None,
        )
    a, b = (torch.cat([p.detach().flatten() for p in m.parameters()]) for m in models)
    start = torch.cat([p.detach().flatten() for p in network(dtype=torch.float64).parameters()])
    assert (a - b).abs().max() <= 1e-7 and (a - start).abs().max() > 0.1


def test_decay_inside_the_gradient_is_not_decay_of_the_weights():
    weights = []
    for kind in (optimizers.Adam, optimizers.AdamW):
        p = torch.ones(1, requires_grad=True)
        optimizer = kind([p], lr=0.1, weight_decay=0.1)
        p.grad = torch.full((1,), 5.0)
        optimizer.step()
        weights.append(p.item())
    assert weights == pytest.approx([0.9, 0.89]), (
        "Adam scales the decay away: its step is lr; AdamW decays by lr times 0.1"
    )


def test_a_parameter_without_gradient_stays():
    p, q = torch.ones(1, requires_grad=True), torch.ones(1, requires_grad=True)
    for kind in (optimizers.SGD, optimizers.AdamW):
        p.grad = torch.ones(1)
        kind([p, q], lr=0.1).step()
    assert p.item() < 1 and q.item() == 1


@pytest.mark.parametrize("largest", [0.1, 1.0, 1e6])
def test_clip_equals_torch(largest):
    generator = torch.Generator().manual_seed(0)
    gradients = [torch.randn(4, 3, generator=generator), torch.randn(5, generator=generator)]
    parameters = [nn.Parameter(torch.zeros_like(g)) for g in gradients]
    for p, g in zip(parameters, gradients, strict=True):
        p.grad = g.clone()
    theirs = nn.utils.clip_grad_norm_(parameters, largest)
    ours, norm = optimizers.clip_gradients(gradients, largest)
    assert norm.item() == pytest.approx(theirs.item(), rel=1e-6)
    assert all(torch.allclose(g, p.grad, rtol=1e-5) for g, p in zip(ours, parameters, strict=True))
