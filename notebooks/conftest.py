"""`pytest --nbval` compares a lesson in the kernel that `socialai run` runs it in."""

import os
from contextlib import ExitStack

from socialai.course.kernels import own_kernel

_own = ExitStack()
os.environ.update(_own.enter_context(own_kernel()))


def pytest_unconfigure():
    """What the kernel needs goes when the last one has ended."""
    _own.close()
