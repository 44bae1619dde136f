"""Where the time of a training step goes."""

import time
from collections.abc import Callable

from torch.utils._python_dispatch import TorchDispatchMode

# Parts of a step by the beginnings of the names of torch's operators; what fits none is element-wise work.
PARTS = {
    "matrix products": ("mm", "addmm", "bmm", "baddbmm"),
    "fused attention": ("_scaled_dot_product", "_flash_attention", "_efficient_attention"),
    "dropout": ("bernoulli", "native_dropout"),
    "optimizer": ("_fused_", "_foreach_", "addcmul", "addcdiv", "lerp"),
    "casts and copies": ("copy", "_to_copy", "clone"),
}


class _Clock(TorchDispatchMode):
    """Adds up the processor time of each of torch's operators that runs below autograd and autocast."""

    def __init__(self):
        super().__init__()
        self.seconds = dict.fromkeys([*PARTS, "element-wise"], 0.0)

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        begun = time.process_time()
        out = func(*args, **(kwargs or {}))
        name = func.overloadpacket.__name__
        part = next(
            (part for part, names in PARTS.items() if name.startswith(names)), "element-wise"
        )
        self.seconds[part] += time.process_time() - begun
        return out


def step_parts(step: Callable[[], object], repeats: int = 2) -> dict[str, float]:
    """Seconds of processor time that `step` spends on each of PARTS and on element-wise work; the fastest of `repeats`.

    For the CPU: on a GPU, operators return before their work is done. torch.profiler sees the same operators, but by
    the clock on the wall, which on a busy machine counts other processes too.
    """
    measured = []
    for _ in range(repeats):
        with _Clock() as clock:
            step()
        measured.append(clock.seconds)
    return min(measured, key=lambda seconds: sum(seconds.values()))
