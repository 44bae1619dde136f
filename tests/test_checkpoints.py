"""A training that was stopped goes on to the same losses, and a checkpoint runs no code."""

import os

import numpy as np
import pytest
import torch
from small_task import adamw, loss, network, slices, task
from torch import nn

from socialai.errors import UserError
from socialai.models import optimizers
from socialai.models.training import train, warmup_linear


def run(epochs, checkpoint=None, seed=0, draws=0, validate=None):
    """A run with all that is random: dropout from torch's generator, batches from numpy's.

    Returns the losses of all steps, and the weights.
    """
    model = network(seed, dropout=0.3)
    rng = np.random.default_rng(seed)
    x, y = task()
    torch.manual_seed(seed)
    torch.rand(draws)

    def batches(epoch):
        order = torch.from_numpy(rng.permutation(64))
        return [(x[i], y[i]) for i in order.split(16)]

    history = train(
        model,
        batches,
        loss,
        adamw(model),
        epochs,
        schedule=lambda step, n_steps: warmup_linear(step, 24, 0.2),
        validate=validate,
        patience=2,
        checkpoint=checkpoint,
        rng=rng,
    )
    return [v for entry in history for v in entry["losses"]], [
        p.detach().clone() for p in model.parameters()
    ]


def test_a_run_that_was_stopped_goes_on_to_the_same_losses(tmp_path):
    losses, weights = run(6)
    run(2, tmp_path / "state.pt")
    # The second process starts with other weights and generators: all that counts comes from the
    # file.
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
