"""Loss and gradients by hand equal torch's."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import cross_entropy

from socialai.models import backpropagation


@pytest.mark.parametrize("shape", [(1, 2, 3, 2), (5, 4, 7, 3), (16, 10, 20, 10)])
def test_backpropagation_by_hand_equals_autograd(shape):
    n, d, h, k = shape
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(n, d, generator=generator, dtype=torch.float64)
    y = torch.randint(k, (n,), generator=generator)
    sizes = {"W1": (d, h), "b1": (h,), "W2": (h, k), "b2": (k,)}
    weights = {
        name: torch.randn(size, generator=generator, dtype=torch.float64, requires_grad=True)
        for name, size in sizes.items()
    }
    theirs = cross_entropy(
        (x @ weights["W1"] + weights["b1"]).relu() @ weights["W2"] + weights["b2"], y
    )
    theirs.backward()
    ours, gradients = backpropagation.two_layer_gradients(
        x, y, **{name: w.detach() for name, w in weights.items()}
    )
    assert ours.item() == pytest.approx(theirs.item(), abs=1e-12)
    assert all((gradients[name] - w.grad).abs().max() <= 1e-12 for name, w in weights.items())


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 5), st.integers(2, 6), st.floats(0.1, 5000), st.integers(0, 99))
def test_cross_entropy_equals_torch_at_any_scale(n, k, scale, seed):
    generator = torch.Generator().manual_seed(seed)
    logits = scale * torch.randn(n, k, generator=generator, dtype=torch.float64)
    y = torch.randint(k, (n,), generator=generator)
    assert backpropagation.cross_entropy(logits, y).item() == pytest.approx(
        cross_entropy(logits, y).item(), rel=1e-12, abs=1e-12
    )
