"""The loop trains, stops, accumulates and resumes as it says; the hand-written parts equal torch's."""

import math
import os

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.functional import cross_entropy

from socialai.errors import UserError
from socialai.models import optimizers
from socialai.models.profiling import step_parts
from socialai.models.training import autocast, supports_bf16, train, warmup_cosine, warmup_linear

CPU = torch.device("cpu")


def task(n=64, d=6, dtype=torch.float32):
    """Inputs (n, d) and classes (n,) that a linear rule gives."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(n, d, generator=generator, dtype=dtype)
    return x, (x[:, 0] + 0.5 * x[:, 1] > 0).long()


def network(seed=0, dropout=0.0, dtype=torch.float32):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Dropout(dropout), nn.Linear(8, 2)).to(dtype)


def slices(size, n=64, dtype=torch.float32):
    x, y = task(n, dtype=dtype)
    return lambda epoch: [(x[i : i + size], y[i : i + size]) for i in range(0, n, size)]


def loss(model, batch):
    return cross_entropy(model(batch[0]), batch[1])


def adamw(model, lr=1e-2):
    return torch.optim.AdamW(model.parameters(), lr=lr)


# The loop


def test_the_loop_learns_a_linear_rule():
    model = network()
    history = train(model, slices(16), loss, adamw(model), epochs=30)
    x, y = task()
    assert (model(x).argmax(1) == y).float().mean() >= 0.95
    assert [entry["epoch"] for entry in history] == list(range(1, 31)) and len(
        history[0]["losses"]
    ) == 4
    assert history[0]["validation"] is None and all(entry["seconds"] > 0 for entry in history)


def test_early_stopping_restores_the_best_weights():
    model, scripted, seen = network(), iter([0.5, 0.3, 0.4, 0.6, 0.1]), []

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


def test_progress_is_told_each_step_and_the_schedule_reaches_the_optimizer():
    model, told, rates = network(), [], []
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)

    def progress(step, n_steps, value):
        told.append((step, n_steps))
        rates.append(optimizer.param_groups[0]["lr"])

    schedule = lambda step, n: warmup_linear(step, n, 0.25)  # noqa: E731
    train(model, slices(16), loss, optimizer, epochs=2, factor=schedule, progress=progress)
    assert told == [(i, 8) for i in range(1, 9)]
    assert rates == pytest.approx([0.25, 0.5, 0.5, 5 / 12, 4 / 12, 3 / 12, 2 / 12, 1 / 12])


# Schedules


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


# Precision


def test_autocast_knows_three_precisions():
    with pytest.raises(ValueError, match="auto, bf16 or fp32, not 'fp16'"):
        autocast(CPU, "fp16")
    layer = nn.Linear(4, 4)
    wanted = {"bf16": torch.bfloat16, "fp32": torch.float32}
    wanted["auto"] = wanted["bf16" if supports_bf16(CPU) else "fp32"]
    for precision, dtype in wanted.items():
        with autocast(CPU, precision):
            assert layer(torch.ones(1, 4)).dtype == dtype


# Accumulation


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


# Checkpoints


def run(epochs, checkpoint=None, seed=0, draws=0, validate=None):
    """A run with all that is random: dropout from torch's generator, batches from a numpy generator."""
    model, rng, (x, y) = network(seed, dropout=0.3), np.random.default_rng(seed), task()
    torch.manual_seed(seed)
    torch.rand(draws)

    def batches(epoch):
        order = torch.from_numpy(rng.permutation(64))
        return [(x[i], y[i]) for i in order.split(16)]

    schedule = lambda step, n_steps: warmup_linear(step, 24, 0.2)  # noqa: E731
    history = train(
        model,
        batches,
        loss,
        adamw(model),
        epochs,
        schedule,
        validate,
        2,
        checkpoint=checkpoint,
        rng=rng,
    )
    return [v for entry in history for v in entry["losses"]], [
        p.detach().clone() for p in model.parameters()
    ]


def test_a_run_that_was_stopped_goes_on_to_the_same_losses(tmp_path):
    losses, weights = run(6)
    run(2, tmp_path / "state.pt")
    # The second process starts with other weights and generators: all that counts comes from the file.
    resumed, resumed_weights = run(6, tmp_path / "state.pt", seed=5, draws=17)
    assert resumed == losses, "equal to the last bit"
    assert all(torch.equal(p, q) for p, q in zip(weights, resumed_weights, strict=True))
    assert run(6, tmp_path / "state.pt", seed=9)[0] == losses, (
        "a finished run is read, not trained again"
    )


@pytest.mark.parametrize("forgotten", ["optimizer", "generators", "rng"])
def test_each_part_of_a_checkpoint_is_needed(tmp_path, forgotten):
    losses, _ = run(4)
    run(2, tmp_path / "state.pt")
    content = torch.load(tmp_path / "state.pt", weights_only=True)
    if forgotten == "optimizer":
        content["optimizer"]["state"] = {}
    elif forgotten == "generators":
        content["generators"]["cpu"] = torch.Generator().manual_seed(1).get_state()
    else:
        content["rng"] = np.random.default_rng(1).bit_generator.state
    torch.save(content, tmp_path / "state.pt")
    resumed = run(4, tmp_path / "state.pt")[0]
    assert resumed[:8] == losses[:8] and resumed[8:] != losses[8:]


def test_early_stopping_goes_on_from_a_checkpoint(tmp_path):
    values = [0.5, 0.3, 0.4, 0.6, 0.1]

    def scripted(values):
        left = iter(values)
        return lambda model: next(left)

    whole = run(5, validate=scripted(values))
    run(3, tmp_path / "state.pt", validate=scripted(values))
    resumed = run(5, tmp_path / "state.pt", validate=scripted(values[3:]))
    assert len(resumed[0]) == 16 and resumed[0] == whole[0], (
        "one more epoch, then patience is spent"
    )
    assert all(torch.equal(p, q) for p, q in zip(resumed[1], whole[1], strict=True)), (
        "the weights of epoch 2"
    )


def test_a_checkpoint_that_does_not_fit_is_one_clear_line(tmp_path):
    path = tmp_path / "state.pt"
    model = network()
    train(model, slices(16), loss, adamw(model), 1, checkpoint=path)
    with pytest.raises(UserError, match="other settings of the optimizer"):
        train(model, slices(16), loss, adamw(model, lr=1.0), 2, checkpoint=path)
    with pytest.raises(UserError, match="without rng"):
        train(
            model, slices(16), loss, adamw(model), 2, checkpoint=path, rng=np.random.default_rng(0)
        )
    other = nn.Sequential(nn.Linear(6, 2))
    with pytest.raises(UserError, match="another model"):
        train(other, slices(16), loss, adamw(other), 2, checkpoint=path)
    path.write_bytes(b"not a checkpoint")
    with pytest.raises(UserError, match="not a checkpoint"):
        train(model, slices(16), loss, adamw(model), 2, checkpoint=path)


def test_a_checkpoint_can_run_no_code(tmp_path):
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "made"),)

    torch.save({"model": Evil()}, tmp_path / "state.pt")
    model = network()
    with pytest.raises(UserError, match="not a checkpoint"):
        train(model, slices(16), loss, adamw(model), 1, checkpoint=tmp_path / "state.pt")
    assert not (tmp_path / "made").exists()


# Where the time goes


def test_the_parts_of_a_step_are_found():
    x, layer, words = torch.randn(512, 512), nn.Linear(512, 512), nn.Dropout(0.5)
    optimizer = torch.optim.AdamW(layer.parameters(), fused=True)

    def step():
        words(layer(x)).square().mean().backward()
        optimizer.step()

    step()
    parts = step_parts(step)
    assert all(
        parts[name] > 0 for name in ("matrix products", "dropout", "optimizer", "element-wise")
    )
    assert parts["fused attention"] == 0
    assert max(step_parts(lambda: x @ x).items(), key=lambda item: item[1])[0] == "matrix products"


# The parts by hand

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


def test_a_hand_written_optimizer_resumes_too(tmp_path):
    def go(epochs, path=None):
        model = network()
        history = train(
            model,
            slices(16),
            loss,
            optimizers.AdamW(model.parameters(), lr=0.01),
            epochs,
            checkpoint=path,
        )
        return [v for entry in history for v in entry["losses"]]

    whole = go(4)
    go(2, tmp_path / "state.pt")
    assert go(4, tmp_path / "state.pt") == whole


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
    ours, gradients = optimizers.two_layer_gradients(
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
    assert optimizers.cross_entropy(logits, y).item() == pytest.approx(
        cross_entropy(logits, y).item(), rel=1e-12, abs=1e-12
    )


@pytest.mark.parametrize("largest", [0.1, 1.0, 1e6])
def test_clip_equals_torch(largest):
    generator = torch.Generator().manual_seed(0)
    gradients = [torch.randn(4, 3, generator=generator), torch.randn(5, generator=generator)]
    parameters = [nn.Parameter(torch.zeros_like(g)) for g in gradients]
    for p, g in zip(parameters, gradients, strict=True):
        p.grad = g.clone()
    theirs = nn.utils.clip_grad_norm_(parameters, largest)
    ours, norm = optimizers.clip(gradients, largest)
    assert norm.item() == pytest.approx(theirs.item(), rel=1e-6)
    assert all(torch.allclose(g, p.grad, rtol=1e-5) for g, p in zip(ours, parameters, strict=True))


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
        optimizers.weight_std(kind, fan_in=500, fan_out=300), rel=0.01
    )


@pytest.mark.parametrize("seed", range(3))
def test_he_keeps_the_signal_through_50_layers_and_the_others_lose_it(seed):
    def last(kind):
        generator = torch.Generator().manual_seed(seed)
        x = torch.randn(64, 256, generator=generator, dtype=torch.float64)
        forward, backward = optimizers.signal(x, kind, 50, torch.relu, generator)
        assert len(forward) == len(backward) == 50
        return math.log10(forward[-1]), math.log10(backward[0])

    # Expected: each layer multiplies by std * sqrt(width / 2); over 50 layers -47.3, 52.7, -7.5, 0 powers of ten.
    for kind, expected in {"too small": -47.3, "too large": 52.7, "Xavier": -7.53, "He": 0}.items():
        assert last(kind) == pytest.approx((expected, expected), abs=1.0)


@pytest.mark.parametrize(("kind", "expected"), [("too small", -189.3), ("too large", 210.7)])
def test_a_signal_whose_square_is_no_number_is_still_measured(kind, expected):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(64, 256, generator=generator, dtype=torch.float64)
    forward, backward = optimizers.signal(x, kind, 200, torch.relu, generator)
    assert (math.log10(forward[-1]), math.log10(backward[0])) == pytest.approx(
        (expected, expected), abs=4
    )


def test_an_unknown_initialisation_is_named():
    with pytest.raises(ValueError, match="Glorot"):
        optimizers.weight_std("Glorot", 1, 1)
