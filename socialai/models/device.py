"""Where a model computes, and in what precision."""

import contextlib

import torch

from socialai.errors import UserError
from socialai.validation import check_choice

PRECISIONS = ("auto", "bf16", "fp32")


def choose_device(device: str = "auto") -> torch.device:
    """The torch device for a name; "auto" takes CUDA, then MPS, then CPU.

    Raises UserError for a device that isn't there.
    """
    if device == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        chosen = torch.device(device)
        torch.empty(0, device=chosen)
    except (RuntimeError, AssertionError, TypeError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"device {device!r} is not available here: {reason}") from None
    return chosen


def supports_bf16(device: torch.device) -> bool:
    """Whether matrix products in bfloat16 are fast on this device (not merely emulated)."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "cpu":
        found = torch.cpu.get_capabilities()
        return bool(found.get("avx512_bf16") or found.get("amx_bf16"))
    return False


def autocast(device: torch.device, precision: str = "auto"):
    """Context in which matrix products run in `precision`: "bf16", "fp32" or "auto".

    "auto" is bf16 where it is fast. Weights and optimizer stay in float32: mixed precision
    (Micikevicius et al. 2018). The exponent of bfloat16 is as wide as that of float32, so no loss
    scaling is needed. Raises UserError for another precision.
    """
    check_choice(precision, PRECISIONS, "precision")
    if precision == "bf16" or (precision == "auto" and supports_bf16(device)):
        return torch.autocast(device.type, torch.bfloat16)
    return contextlib.nullcontext()
