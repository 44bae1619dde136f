"""What a training needs to go on after it was stopped, in one file."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from socialai.errors import UserError
from socialai.files import unfinished


def save_checkpoint(
    path: Path | str,
    state: dict,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    base_rates: list[float],
    rng: np.random.Generator | None,
) -> None:
    """Write all that `train` needs to go on: weights, optimizer, generators, history.

    state: {"history", "best", "best_weights", "waited"}. base_rates: the learning rates before a
    schedule scales them, one a group. The file is never seen half written.
    """
    content = state | {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "settings": _settings(optimizer, base_rates),
        "generators": _generators(next(model.parameters()).device),
        "rng": None if rng is None else rng.bit_generator.state,
    }
    with unfinished(Path(path)) as aside:
        torch.save(content, aside)


def load_checkpoint(
    path: Path | str,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    rng: np.random.Generator | None,
) -> dict:
    """Put back what `save_checkpoint` wrote; returns {"history", "best", "best_weights", "waited"}.

    Only tensors and plain values are read, no code (weights_only). UserError when the file is no
    checkpoint, or one of another model, optimizer, or settings of it.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        parts = ("model", "optimizer", "settings", "generators", "rng")
        saved = {part: content.pop(part) for part in parts}
    except Exception as error:  # torch.load raises whatever a damaged archive provokes
        reason = str(error).splitlines()[0]
        raise UserError(f"{path} is not a checkpoint of train: {reason}") from None

    # it has to be of this model, this optimizer and this way of drawing batches
    if saved["settings"] != _settings(optimizer, [group["lr"] for group in optimizer.param_groups]):
        raise UserError(
            f"{path} was written with other settings of the optimizer: "
            "give it those, or delete the file"
        )
    if (saved["rng"] is None) != (rng is None):
        written = "without" if rng is not None else "with"
        raise UserError(f"{path} was written {written} rng: pass the same to go on")
    try:
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
    except (RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"{path} is a checkpoint of another model: {reason}") from None
    for group, settings in zip(optimizer.param_groups, saved["settings"], strict=True):
        group["lr"] = settings["lr"]

    # all that draws goes on drawing where it stopped
    torch.set_rng_state(saved["generators"]["cpu"])
    device = next(model.parameters()).device.type
    if device in saved["generators"] and device != "cpu":
        getattr(torch, device).set_rng_state(saved["generators"][device])
    if rng is not None:
        rng.bit_generator.state = saved["rng"]
    return content


def _settings(optimizer: torch.optim.Optimizer, base_rates: list[float]) -> list[dict]:
    """The settings of each group, the learning rate being the one that no schedule has scaled."""
    groups = []
    for group, rate in zip(optimizer.param_groups, base_rates, strict=True):
        settings = {name: value for name, value in group.items() if name != "params"}
        groups.append(settings | {"lr": rate})
    return groups


def _generators(device: torch.device) -> dict[str, Tensor]:
    """The states of torch's generators, of the CPU and of the device."""
    states = {"cpu": torch.get_rng_state()}
    if device.type != "cpu":
        states[device.type] = getattr(torch, device.type).get_rng_state()
    return states
