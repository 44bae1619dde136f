"""The loop trains, stops, accumulates and tells what it says; schedules rise and fall."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small_task import adamw, loss, network, slices, task
from torch import nn

from socialai.models.training import train, warmup_cosine, warmup_linear


def test_the_loop_learns_a_linear_rule():
    model = network()
    history = train(model, slices(16), loss, adamw(model), epochs=30)
    x, y = task()
    assert (model(x).argmax(1) == y).float().mean() >= 0.95
    assert [entry["epoch"] for entry in history] == list(range(1, 31))
    assert len(history[0]["losses"]) == 4 and history[0]["validation"] is None
    assert all(entry["seconds"] > 0 for entry in history)


def test_early_stopping_restores_the_best_weights():
    model = network()
    scripted = iter([0.5, 0.3, 0.4, 0.6, 0.1])
    seen = []

    def validate(m):
        seen.append([p.detach().clone() for p in m.parameters()])
        return next(scripted)

    history = train(model, slices(16), loss, adamw(model), epochs=5, validate=validate, patience=2)
    assert [entry["validation"] for entry in history] == [0.5, 0.3, 0.4, 0.6], (
        "it stops after two epochs without gain"
    )
    assert all(torch.equal(p, q) for p, q in zip(model.parameters(), seen[1], strict=True))
    assert not all(torch.equal(p, q) for p, q in zip(model.parameters(), seen[3], strict=True))


def test_a_loss_that_is_not_finite_stops_training_and_spoils_no_weight():
    model = network()
    before = [p.detach().clone() for p in model.parameters()]
    with pytest.raises(FloatingPointError, match="nan at step 1"):
        train(model, slices(16), lambda m, b: loss(m, b) * math.nan, adamw(model), epochs=1)
    assert all(torch.equal(p, q) for p, q in zip(model.parameters(), before, strict=True))


@pytest.mark.parametrize("largest", [1e-3, 0.1, None])
def test_the_clip_bounds_the_step(largest):
    model = network()
    before = torch.cat([p.detach().flatten() for p in model.parameters()])
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    train(model, slices(64), lambda m, b: 100 * loss(m, b), optimizer, epochs=1, clip=largest)
    moved = (torch.cat([p.detach().flatten() for p in model.parameters()]) - before).norm()
    assert moved > 1 if largest is None else moved == pytest.approx(largest, rel=1e-3)


def test_of_the_best_weights_only_what_training_changes_is_kept(tmp_path):
    model = nn.Sequential(nn.Linear(6, 6), nn.BatchNorm1d(6), nn.Linear(6, 2))
    model[0].requires_grad_(False)
    trained = [p for p in model.parameters() if p.requires_grad]
    frozen = model[0].weight.clone()
    measured = iter([1.0, 2.0])
    at_best = {}

    def validate(model):
        value = next(measured)
        if value == 1.0:
            at_best.update({name: p.clone() for name, p in model.state_dict().items()})
        return value

    path = tmp_path / "checkpoint"
    optimizer = torch.optim.SGD(trained, lr=0.5)
    train(model, slices(16), loss, optimizer, 2, validate=validate, checkpoint=path)
    kept = torch.load(path, weights_only=True)["best_weights"]
    assert "0.weight" not in kept and "1.running_mean" in kept and "2.weight" in kept
    assert torch.equal(model[0].weight, frozen)
    for name, value in model.state_dict().items():
        assert torch.equal(value, at_best[name]), name


def test_progress_is_told_each_step_and_the_schedule_reaches_the_optimizer():
    model = network()
    told = []
    rates = []
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)

    def progress(step, n_steps, value):
        told.append((step, n_steps))
        rates.append(optimizer.param_groups[0]["lr"])

    def schedule(step, n_steps):
        return warmup_linear(step, n_steps, 0.25)

    train(model, slices(16), loss, optimizer, epochs=2, schedule=schedule, progress=progress)
    assert told == [(i, 8) for i in range(1, 9)]
    assert rates == pytest.approx([0.25, 0.5, 0.5, 5 / 12, 4 / 12, 3 / 12, 2 / 12, 1 / 12])


@pytest.mark.parametrize("accumulate", [1, 2])
def test_of_a_pair_the_first_is_minimised_and_the_second_told(accumulate):
    plain = network()
    pair = network()

    def penalised(model, batch):
        return loss(model, batch) + 0.1 * model[0].weight.square().sum()

    def both(model, batch):
        return penalised(model, batch), loss(model, batch)

    train(plain, slices(16), penalised, adamw(plain), 3, accumulate=accumulate)
    told = []
    history = train(
        pair,
        slices(16),
        both,
        adamw(pair),
        3,
        accumulate=accumulate,
        progress=lambda step, n_steps, value: told.append(value),
    )
    assert all(
        torch.equal(p, q) for p, q in zip(plain.parameters(), pair.parameters(), strict=True)
    )
    assert told == [value for entry in history for value in entry["losses"]]
    # before the first step both networks are the same
    first = slices(16)(0)[:accumulate]
    expected = np.mean([loss(network(), batch).item() for batch in first])
    assert told[0] == pytest.approx(expected, rel=1e-6)


def test_the_loss_that_is_minimised_is_the_one_that_has_to_be_finite():
    model = network()
    with pytest.raises(FloatingPointError, match="inf at step 1"):
        train(model, slices(16), lambda m, b: (loss(m, b) * math.inf, loss(m, b)), adamw(model), 1)


@pytest.mark.parametrize("parts", [2, 4, 8])
def test_accumulation_equals_the_large_batch(parts):
    large, small = network(dtype=torch.float64), network(dtype=torch.float64)
    a = train(large, slices(32, dtype=torch.float64), loss, adamw(large), epochs=3)
    b = train(
        small,
        slices(32 // parts, dtype=torch.float64),
        loss,
        adamw(small),
        epochs=3,
        accumulate=parts,
        precision="fp32",
    )
    assert [len(entry["losses"]) for entry in b] == [2, 2, 2]
    assert np.allclose([e["losses"] for e in a], [e["losses"] for e in b], atol=1e-12)
    assert all(
        torch.allclose(p, q, atol=1e-12)
        for p, q in zip(large.parameters(), small.parameters(), strict=True)
    )


@pytest.mark.parametrize("schedule", [warmup_linear, warmup_cosine])
@pytest.mark.parametrize(
    ("step", "expected"), [(0, 0.1), (4, 0.5), (9, 1.0), (10, 1.0), (55, 0.5), (100, 0.0)]
)
def test_schedules_at_the_corners(schedule, step, expected):
    assert schedule(step, 100, 0.1) == pytest.approx(expected, abs=1e-12)


def test_the_cosine_is_that_of_transformers():
    from transformers import get_cosine_schedule_with_warmup

    optimizer = torch.optim.SGD(network().parameters(), lr=1.0)
    theirs = get_cosine_schedule_with_warmup(optimizer, num_warmup_steps=10, num_training_steps=100)
    # Theirs starts at 0 and is one step behind while it rises, so the falling part is compared.
    assert all(
        theirs.lr_lambdas[0](s) == pytest.approx(warmup_cosine(s, 100, 0.1)) for s in range(10, 101)
    )


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 500), st.floats(0, 1), st.sampled_from([warmup_linear, warmup_cosine]))
def test_a_schedule_stays_between_0_and_1_and_rises_before_it_falls(n_steps, warmup, schedule):
    factors = [schedule(step, n_steps, warmup) for step in range(n_steps)]
    top = int(np.argmax(factors))
    assert 0 <= min(factors) and factors[top] == 1
    assert factors[: top + 1] == sorted(factors[: top + 1]) and factors[top:] == sorted(
        factors[top:], reverse=True
    )
