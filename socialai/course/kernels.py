"""The kernel of the lessons: this interpreter's own, whatever the user has set for himself.

A kernelspec of his, startup files of IPython and of Python, a matplotlibrc, a backend for pictures,
a switch that turns asserts off: each would stop a lesson, or give it other numbers or pictures.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import socialai

# Python takes an empty one as one that isn't set.
UNSET = ("PYTHONSTARTUP", "PYTHONOPTIMIZE", "PYTHONWARNINGS", "PYTHONINSPECT")
SITES = ("site-packages", "dist-packages")


@contextmanager
def own_kernel() -> Iterator[dict[str, str]]:
    """Environment variables under which Jupyter starts it, for as long as the block takes."""
    # Here, so that a process that only looks at runs starts without it.
    from ipykernel.kernelspec import KERNEL_NAME, write_kernel_spec

    # What a kernel leaves open on Windows is removed with the system's temporary files.
    with tempfile.TemporaryDirectory(prefix="socialai-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        write_kernel_spec(folder / "kernels" / KERNEL_NAME)
        (folder / "matplotlibrc").touch()
        yield dict.fromkeys(UNSET, "") | {
            "JUPYTER_PATH": _search(folder, os.environ.get("JUPYTER_PATH")),
            "IPYTHONDIR": str(folder / "ipython"),
            "MATPLOTLIBRC": str(folder / "matplotlibrc"),
            "MPLBACKEND": "module://matplotlib_inline.backend_inline",
            "PYTHONPATH": _python_path(),
        }


def _python_path() -> str:
    """PYTHONPATH as this process had it, and the checkout that this package was imported from."""
    package = Path(socialai.__file__).resolve().parents[1]
    return _search("" if package.name in SITES else package, os.environ.get("PYTHONPATH"))


def _search(first: Path | str, then: str | None) -> str:
    """A search path; folders of the user are named from where he is, not from the kernel's."""
    folders = [str(first), *(then or "").split(os.pathsep)]
    return os.pathsep.join(os.path.abspath(folder) for folder in folders if folder)
