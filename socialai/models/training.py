"""One training loop for every model: forward, loss, backward, update, early stopping, resuming."""

import math
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from socialai.errors import Diverged
from socialai.models.checkpoints import load_checkpoint, save_checkpoint
from socialai.models.device import autocast


def warmup_linear(step: int, n_steps: int, warmup: float) -> float:
    """Factor of the learning rate at `step`: up to 1 over the first `warmup` share, then to 0."""
    rising = max(1, round(warmup * n_steps))
    if step < rising:
        return (step + 1) / rising
    return max(0.0, (n_steps - step) / max(1, n_steps - rising))


def warmup_cosine(step: int, n_steps: int, warmup: float) -> float:
    """As `warmup_linear`, but down along half a cosine.

    Source: Loshchilov and Hutter 2017, equation 5, without restarts.
    """
    rising = max(1, round(warmup * n_steps))
    if step < rising:
        return (step + 1) / rising
    return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - rising) / max(1, n_steps - rising))))


def train(
    model: nn.Module,
    batches: Callable[[int], Iterable],
    loss: Callable[[nn.Module, object], Tensor | tuple[Tensor, Tensor]],
    optimizer: torch.optim.Optimizer,
    epochs: int,
    schedule: Callable[[int, int], float] | None = None,
    validate: Callable[[nn.Module], float] | None = None,
    patience: int = 1,
    clip: float | None = 1.0,
    precision: str = "auto",
    progress: Callable[[int, int, float], None] | None = None,
    accumulate: int = 1,
    checkpoint: Path | str | None = None,
    rng: np.random.Generator | None = None,
) -> list[dict]:
    """Train a model in place.

    Parameters
    ----------
    batches : batches(epoch) gives the batches of an epoch, equally many in each.
    loss : loss(model, batch) is a scalar to be minimised; or a pair, the scalar to be minimised and
        the one to be told, where a penalty, say, is no part of what one wants to watch.
    optimizer : of torch, or one that has its interface.
    schedule : schedule(step, n_steps) scales the learning rate; None leaves it constant.
    validate : validate(model) is a loss measured after each epoch. With it the weights of the best
        epoch are put back at the end, and training stops after `patience` epochs without a better.
    clip : largest norm of the gradient; None for any.
    precision : as in `socialai.models.device.autocast`.
    progress : progress(step, n_steps, loss) is called after each step.
    accumulate : batches whose mean gradient makes one step; batches of equal size give what one
        large batch gives.
    checkpoint : a file written after each epoch. Where it exists, training goes on after its last
        epoch, to the same losses as if it had never stopped, as far as batches(epoch) draws from
        torch's generator or from `rng`.

    Returns
    -------
    One entry an epoch: {"epoch", "losses" of each step, "validation", "seconds"}.

    Raises
    ------
    FloatingPointError, the weights still those of the step before, when a loss is not finite: the
    learning rate is too high, or the data hold an overflow. UserError when the checkpoint is of
    another model or optimizer.
    """
    device = next(model.parameters()).device
    base_rates = [group["lr"] for group in optimizer.param_groups]
    trained = [p for group in optimizer.param_groups for p in group["params"]]

    # begin, or go on where the checkpoint ends
    state = {"history": [], "best": math.inf, "best_weights": None, "waited": 0}
    if checkpoint is not None and Path(checkpoint).is_file():
        state = load_checkpoint(checkpoint, model, optimizer, rng)
    history = state["history"]
    step = sum(len(entry["losses"]) for entry in history)

    for epoch in range(len(history), epochs):
        if state["waited"] >= max(1, patience):
            break
        begun = time.perf_counter()
        losses = []
        todo = list(batches(epoch))
        parts = [todo[i : i + accumulate] for i in range(0, len(todo), accumulate)]
        n_steps = epochs * len(parts)
        model.train()
        for part in parts:
            # the learning rate of this step
            if schedule is not None:
                for group, base_rate in zip(optimizer.param_groups, base_rates, strict=True):
                    group["lr"] = base_rate * schedule(step, n_steps)

            # forward and backward
            optimizer.zero_grad(set_to_none=True)
            minimised, told = _backward(model, part, loss, device, precision)
            if not math.isfinite(minimised):
                raise Diverged(
                    f"the loss is {minimised} at step {step + 1}: try a lower learning rate"
                )

            # update
            if clip is not None:
                nn.utils.clip_grad_norm_(trained, clip)
            optimizer.step()
            step += 1
            losses.append(told)
            if progress is not None:
                progress(step, n_steps, told)

        # how good the model is now, and whether it was never better
        measured = None if validate is None else validate(model)
        history.append(
            {
                "epoch": epoch + 1,
                "losses": losses,
                "validation": measured,
                "seconds": time.perf_counter() - begun,
            }
        )
        if measured is not None and measured < state["best"]:
            state["best"] = measured
            state["best_weights"] = None  # two copies at a time are never needed
            state["best_weights"] = _copy_changing(model, trained)
            state["waited"] = 0
        elif measured is not None:
            state["waited"] += 1
        if checkpoint is not None:
            save_checkpoint(checkpoint, state, model, optimizer, base_rates, rng)

    if state["best_weights"] is not None:
        model.load_state_dict(state["best_weights"], strict=False)
    return history


def _copy_changing(model: nn.Module, trained: list[nn.Parameter]) -> dict[str, Tensor]:
    """A copy of what training changes: the trained parameters and the buffers, by name.

    Frozen parameters, such as the word table that is four fifths of an encoder, are not copied.
    """
    in_training = set(map(id, trained))
    frozen = {name for name, p in model.named_parameters() if id(p) not in in_training}
    return {name: p.clone() for name, p in model.state_dict().items() if name not in frozen}


def _backward(
    model: nn.Module, part: list, loss: Callable, device: torch.device, precision: str
) -> tuple[float, float]:
    """Add the gradients of the mean loss over some batches to the parameters'.

    Returns that mean loss and the mean of the one to be told.
    """
    minimised = 0.0
    told = 0.0
    for batch in part:
        with autocast(device, precision):
            value = loss(model, batch)
            value, shown = value if isinstance(value, tuple) else (value, value)
            value = value / len(part)
            shown = shown / len(part)
        value.backward()
        minimised += value.item()
        told += shown.item()
    return minimised, told
