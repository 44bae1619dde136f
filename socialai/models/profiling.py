"""Where the time of a training step goes."""

import time
from collections.abc import Callable

from torch.utils._python_dispatch import TorchDispatchMode

from socialai.validation import check_number

# Parts of a step by the beginnings of the names of torch's operators; what fits none is
# element-wise work.
PARTS = {
    "matrix products": ("mm", "addmm", "bmm", "baddbmm"),
    "fused attention": ("_scaled_dot_product", "_flash_attention", "_efficient_attention"),
    "dropout": ("bernoulli", "native_dropout"),
    "optimizer": ("_fused_", "_foreach_", "addcmul", "addcdiv", "lerp"),
    "casts and copies": ("copy", "_to_copy", "clone"),
}
REST = "element-wise"


class _OperatorClock(TorchDispatchMode):
    """Adds up the processor time of each of torch's operators, below autograd and autocast."""

    def __init__(self):
        super().__init__()
        self.seconds = dict.fromkeys([*PARTS, REST], 0.0)

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        begun = time.process_time()
        output = func(*args, **(kwargs or {}))
        self.seconds[_part_of(func.overloadpacket.__name__)] += time.process_time() - begun
        return output


def _part_of(operator: str) -> str:
    """The part of a step that an operator of this name belongs to."""
    for part, beginnings in PARTS.items():
        if operator.startswith(beginnings):
            return part
    return REST


def step_parts(step: Callable[[], object], repeats: int = 2) -> dict[str, float]:
    """Seconds of processor time that `step` spends on each of PARTS and on element-wise work.

    Those of the fastest of `repeats`. For the CPU: on a GPU, operators return before their work is
    done. torch.profiler sees the same operators, but by the clock on the wall, which on a busy
    machine counts other processes too.
    """
    check_number(repeats, "repeats", 1, whole=True)
    measured = []
    for _ in range(repeats):
        with _OperatorClock() as clock:
            step()
        measured.append(clock.seconds)
    return min(measured, key=lambda seconds: sum(seconds.values()))
