"""Execute one run with papermill, written aside and renamed when whole."""

import os
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from socialai import files
from socialai.course.kernels import own_kernel
from socialai.course.runs import Run
from socialai.data import inputs

LONGEST_CELL = 1800  # seconds that a cell may take at defaults; runs with parameters have no limit
TRIES_FOR_PORTS = 3  # kernels that start at the same time can lose the race for their ZMQ ports
ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")}

# A run sets environment and working folder of its process, so a worker of several threads waits.
_one_run = threading.Lock()


def execute(run: Run, settings: dict[str, str]) -> None:
    """Execute one run with papermill; its folder is there when it is whole.

    settings: environment variables for the kernel. The notebook of a failed run stays in
    `run.failed`.
    """
    # What a killed process left, or one on the cluster that was given up and may still write there.
    for left in run.under_way():
        shutil.rmtree(left.parent, ignore_errors=True)
    shutil.rmtree(run.failed, ignore_errors=True)

    with _one_run, files.unfinished(run.folder) as attempt:
        attempt.mkdir()
        parameters = attempt / "params.json"
        files.write_json(parameters, run.parameters)
        files.write_json(attempt / inputs.NAME, {})
        begun = time.time()
        try:
            settings = settings | ONE_THREAD | {"SOCIALAI_RUN_DIR": str(attempt)}
            with own_kernel() as own, environment(settings | own):
                _execute_notebook(run, attempt / "notebook.ipynb")
            if not (attempt / "metrics.json").is_file():
                raise RuntimeError("the notebook never called socialai.start: nothing was kept")
            if not parameters.is_file():
                raise RuntimeError("another process cleared it away, to run it itself")
        except BaseException:
            if parameters.is_file():
                os.replace(attempt, run.failed)
            raise
        inputs.close(attempt)
        seconds = round(time.time() - begun, 1)
        files.write_json(attempt / "run.json", {"notebook": run.notebook.stem, "seconds": seconds})


def _execute_notebook(run: Run, written: Path) -> None:
    # Here, so that a process that only looks at runs starts without them.
    import nbformat
    import papermill
    from papermill.exceptions import PapermillExecutionError
    from papermill.execute import remove_error_markers

    for attempt in range(1, TRIES_FOR_PORTS + 1):
        try:
            papermill.execute_notebook(
                run.notebook,
                written,
                parameters=run.parameters,
                cwd=run.notebook.parent,
                progress_bar=False,
                execution_timeout=None if run.parameters else LONGEST_CELL,
                kernel_name="python3",
                language="python",
            )
            return
        except PapermillExecutionError:
            # papermill also objects to cells that are tagged to raise; only a cell that it stopped
            # at is a failure.
            book = nbformat.read(written, as_version=4)
            if any(cell.metadata.get("papermill", {}).get("exception") for cell in book.cells):
                raise
            nbformat.write(remove_error_markers(book), written)
            return
        except RuntimeError as error:
            if "Kernel died before replying" not in str(error) or attempt == TRIES_FOR_PORTS:
                raise


@contextmanager
def environment(settings: dict[str, str | None]) -> Iterator[None]:
    """Environment variables for as long as a block takes; None: it isn't set."""
    before = {name: os.environ.get(name) for name in settings}
    _set(settings)
    try:
        yield
    finally:
        _set(before)


def _set(settings: dict[str, str | None]) -> None:
    for name, value in settings.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
