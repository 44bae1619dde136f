"""One training loop for every model of the course: forward, loss, backward, update, early stopping, resuming."""

import contextlib
import copy
import math
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from socialai.errors import UserError


def supports_bf16(device: torch.device) -> bool:
    """Whether matrix products in bfloat16 are fast on this device (not merely emulated)."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "cpu":
        found = torch.cpu.get_capabilities()
        return bool(found.get("avx512_bf16") or found.get("amx_bf16"))
    return False


def autocast(device: torch.device, precision: str = "auto"):
    """Context in which matrix products run in `precision`: "bf16", "fp32", or "auto" (bf16 where it is fast).

    Weights and optimizer stay in float32: mixed precision (Micikevicius et al. 2018). The exponent of bfloat16 is as
    wide as that of float32, so no loss scaling is needed.
    """
    if precision not in ("auto", "bf16", "fp32"):
        raise ValueError(f"precision is auto, bf16 or fp32, not {precision!r}")
    if precision == "bf16" or precision == "auto" and supports_bf16(device):
        return torch.autocast(device.type, torch.bfloat16)
    return contextlib.nullcontext()


def warmup_linear(step: int, n_steps: int, warmup: float) -> float:
    """Factor of the learning rate at `step`: up to 1 over the first `warmup` share of n_steps, then down to 0."""
    rising = max(1, round(warmup * n_steps))
    if step < rising:
        return (step + 1) / rising
    return max(0.0, (n_steps - step) / max(1, n_steps - rising))


def warmup_cosine(step: int, n_steps: int, warmup: float) -> float:
    """As `warmup_linear`, but down along half a cosine (Loshchilov and Hutter 2017, equation 5, without restarts)."""
    rising = max(1, round(warmup * n_steps))
    if step < rising:
        return (step + 1) / rising
    return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - rising) / max(1, n_steps - rising))))


def train(
    model: nn.Module,
    batches: Callable[[int], Iterable],
    loss: Callable[[nn.Module, object], Tensor],
    optimizer: torch.optim.Optimizer,
    epochs: int,
    factor: Callable[[int, int], float] | None = None,
    validate: Callable[[nn.Module], float] | None = None,
    patience: int = 1,
    clip: float | None = 1.0,
    precision: str = "auto",
    progress: Callable[[int, int, float], None] | None = None,
    accumulate: int = 1,
    checkpoint: Path | str | None = None,
    rng: np.random.Generator | None = None,
) -> list[dict]:
    """Train in place; returns one entry an epoch: {"epoch", "losses" of each step, "validation", "seconds"}.

    batches(epoch): the batches of an epoch, equally many in each; loss(model, batch): a scalar. factor(step, n_steps)
    scales the learning rate. validate(model): a loss measured after each epoch; with it the weights of the best epoch
    are put back at the end, and training stops after `patience` epochs without a better one. clip: largest gradient
    norm. progress(step, n_steps, loss) is called after each step. accumulate: batches whose mean gradient makes one
    step; batches of equal size give what one large batch gives.
    checkpoint: a file written after each epoch. Where it exists, training goes on after its last epoch, to the same
    losses as if it had never stopped, as far as batches(epoch) draws from torch's generator or from `rng`.
    Raises FloatingPointError, the weights still those of the step before, when a loss is not finite: the learning rate
    is too high, or the data hold an overflow. UserError when the checkpoint is of another model or optimizer.
    """
    device = next(model.parameters()).device
    base = [group["lr"] for group in optimizer.param_groups]
    trained = [p for group in optimizer.param_groups for p in group["params"]]
    state = {"history": [], "best": math.inf, "best_weights": None, "waited": 0}
    if checkpoint is not None and Path(checkpoint).is_file():
        state = load_checkpoint(checkpoint, model, optimizer, rng)
    history = state["history"]
    step = sum(len(entry["losses"]) for entry in history)
    for epoch in range(len(history), epochs):
        if state["waited"] >= max(1, patience):
            break
        begun, losses, todo = time.perf_counter(), [], list(batches(epoch))
        parts = [todo[i : i + accumulate] for i in range(0, len(todo), accumulate)]
        model.train()
        for part in parts:
            if factor is not None:
                for group, lr in zip(optimizer.param_groups, base, strict=True):
                    group["lr"] = lr * factor(step, epochs * len(parts))
            optimizer.zero_grad(set_to_none=True)
            losses.append(_backward(model, part, loss, device, precision))
            if not math.isfinite(losses[-1]):
                raise FloatingPointError(
                    f"the loss is {losses[-1]} at step {step + 1}: try a lower learning rate"
                )
            if clip is not None:
                nn.utils.clip_grad_norm_(trained, clip)
            optimizer.step()
            step += 1
            if progress is not None:
                progress(step, epochs * len(parts), losses[-1])
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
            state |= {
                "best": measured,
                "best_weights": copy.deepcopy(model.state_dict()),
                "waited": 0,
            }
        elif measured is not None:
            state["waited"] += 1
        if checkpoint is not None:
            save_checkpoint(checkpoint, state, model, optimizer, base, rng)
    if state["best_weights"] is not None:
        model.load_state_dict(state["best_weights"])
    return history


def _backward(
    model: nn.Module, part: list, loss: Callable, device: torch.device, precision: str
) -> float:
    """Add the gradients of the mean loss over some batches to the parameters'; the mean loss itself."""
    total = 0.0
    for batch in part:
        with autocast(device, precision):
            value = loss(model, batch) / len(part)
        value.backward()
        total += value.item()
    return total


def save_checkpoint(
    path: Path | str,
    state: dict,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    base: list[float],
    rng: np.random.Generator | None,
) -> None:
    """Write all that `train` needs to go on: weights, optimizer, generators, history. Written aside and renamed.

    base: the learning rates before a schedule scales them, one a group.
    """
    content = state | {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "settings": _settings(optimizer, base),
        "generators": _generators(next(model.parameters()).device),
        "rng": None if rng is None else rng.bit_generator.state,
    }
    aside = Path(f"{path}.{os.getpid()}.part")
    torch.save(content, aside)
    os.replace(aside, path)


def load_checkpoint(
    path: Path | str,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    rng: np.random.Generator | None,
) -> dict:
    """Put back what `save_checkpoint` wrote; returns {"history", "best", "best_weights", "waited"}.

    Only tensors and plain values are read, no code (weights_only). UserError when the file is no checkpoint, or one of
    another model, optimizer, or settings of it.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        kept = {
            key: content.pop(key) for key in ("model", "optimizer", "settings", "generators", "rng")
        }
    except Exception as error:  # torch.load raises whatever a damaged archive provokes
        raise UserError(
            f"{path} is not a checkpoint of train: {str(error).splitlines()[0]}"
        ) from None
    if kept["settings"] != _settings(optimizer, [group["lr"] for group in optimizer.param_groups]):
        raise UserError(
            f"{path} was written with other settings of the optimizer: give it those, or delete the file"
        )
    if (kept["rng"] is None) != (rng is None):
        raise UserError(
            f"{path} was written {'without' if rng is not None else 'with'} rng: pass the same to go on"
        )
    try:
        model.load_state_dict(kept["model"])
        optimizer.load_state_dict(kept["optimizer"])
    except (RuntimeError, ValueError) as error:
        raise UserError(
            f"{path} is a checkpoint of another model: {str(error).splitlines()[0]}"
        ) from None
    for group, settings in zip(optimizer.param_groups, kept["settings"], strict=True):
        group["lr"] = settings["lr"]
    torch.set_rng_state(kept["generators"]["cpu"])
    device = next(model.parameters()).device.type
    if device in kept["generators"] and device != "cpu":
        getattr(torch, device).set_rng_state(kept["generators"][device])
    if rng is not None:
        rng.bit_generator.state = kept["rng"]
    return content


def _settings(optimizer: torch.optim.Optimizer, base: list[float]) -> list[dict]:
    """The settings of each group, the learning rate being the one that no schedule has scaled."""
    groups = [{k: v for k, v in group.items() if k != "params"} for group in optimizer.param_groups]
    return [group | {"lr": lr} for group, lr in zip(groups, base, strict=True)]


def _generators(device: torch.device) -> dict[str, Tensor]:
    states = {"cpu": torch.get_rng_state()}
    if device.type != "cpu":
        states[device.type] = getattr(torch, device.type).get_rng_state()
    return states
