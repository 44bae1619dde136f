"""Choose the device: CUDA, then MPS, then CPU."""

import torch

from socialai.errors import UserError


def choose_device(device: str = "auto") -> torch.device:
    """The torch device for a name; "auto" takes CUDA, then MPS, then CPU. A device that isn't there is a UserError."""
    if device == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise UserError(
            f"device {device!r} is not available here: {str(error).splitlines()[0]}"
        ) from None
    return torch.device(device)
