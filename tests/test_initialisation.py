"""Weights have the spread of their formula, and a signal the size that it predicts."""

import math

import pytest
import torch
from torch import nn

from socialai.errors import UserError
from socialai.models import initialisation


@pytest.mark.parametrize(
    ("kind", "initialise"),
    [
        ("Xavier", nn.init.xavier_normal_),
        ("He", lambda w: nn.init.kaiming_normal_(w, nonlinearity="relu")),
    ],
)
def test_initialisations_have_the_spread_that_torch_draws(kind, initialise):
    torch.manual_seed(0)
    w = initialise(torch.empty(300, 500))  # torch keeps weights as (fan_out, fan_in)
    # 150,000 draws: the sample deviation's own error is 1 / sqrt(300,000), 0.2 %.
    assert w.std().item() == pytest.approx(
        initialisation.weight_std(kind, fan_in=500, fan_out=300), rel=0.01
    )


@pytest.mark.parametrize("seed", range(3))
def test_he_keeps_the_signal_through_50_layers_and_the_others_lose_it(seed):
    def last(kind):
        generator = torch.Generator().manual_seed(seed)
        x = torch.randn(64, 256, generator=generator, dtype=torch.float64)
        forward, backward = initialisation.signal_sizes(x, kind, 50, torch.relu, generator)
        assert len(forward) == len(backward) == 50
        return math.log10(forward[-1]), math.log10(backward[0])

    # Each layer multiplies by std * sqrt(width / 2): these are powers of ten over 50 layers.
    for kind, expected in {"too small": -47.3, "too large": 52.7, "Xavier": -7.53, "He": 0}.items():
        assert last(kind) == pytest.approx((expected, expected), abs=1.0)


@pytest.mark.parametrize(("kind", "expected"), [("too small", -189.3), ("too large", 210.7)])
def test_a_signal_whose_square_is_no_number_is_still_measured(kind, expected):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(64, 256, generator=generator, dtype=torch.float64)
    forward, backward = initialisation.signal_sizes(x, kind, 200, torch.relu, generator)
    assert (math.log10(forward[-1]), math.log10(backward[0])) == pytest.approx(
        (expected, expected), abs=4
    )


def test_an_unknown_initialisation_is_named():
    with pytest.raises(UserError, match="Glorot"):
        initialisation.weight_std("Glorot", 1, 1)
