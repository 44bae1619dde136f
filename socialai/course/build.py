"""Run notebooks: papermill executes, pytask decides what has to be executed.

A run is a pytask task. It depends on its notebook, its parameters, the modules of the package that
the notebook imports (and those that they import) and what it read the last time (`inputs.json`).
Its product is a readable run folder, `build/runs/10_bert_finetuning/seed=3,epochs=2/`, written
aside and renamed when whole.
"""

import hashlib
import json
import os
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import filelock
import pytask
from pytask_parallel import ParallelBackend, WorkerType, registry

from socialai import files
from socialai.course import workers
from socialai.course.execution import execute
from socialai.course.progress import Display
from socialai.course.runs import Run, cells, runs_folder, sources
from socialai.data import inputs
from socialai.errors import UserError

FULL_DISK = "No space left on device"


@dataclass
class Outcome:
    """How a run ended: passed, unchanged, failed or skipped.

    reason: why it failed or was skipped, or what had changed so that it ran.
    """

    run: Run
    status: str
    reason: str = ""


# Runs as tasks of pytask


@dataclass
class InputsNode:
    """What a run read, as a dependency for pytask: the names come from the run's `inputs.json`.

    Before the first run there are none. Once it has run, its state is the same as long as all that
    it read is as it was then, which is also the state that pytask stores right after the run.
    """

    name: str
    folder: Path
    attributes: dict = field(default_factory=dict)

    @property
    def signature(self) -> str:
        """Its key in pytask's database."""
        return hashlib.sha256(self.name.encode()).hexdigest()

    def state(self) -> str:
        """Never the state that is stored when something changed, even while the run was going."""
        changed = inputs.changed(self.folder)
        return f"{changed} changed, seen at {time.time_ns()}" if changed else "as it was read"

    def load(self, is_product: bool = False) -> None:
        """The notebook reads for itself."""

    def save(self, value: object) -> None:
        """The notebook writes for itself."""


def make_task(run: Run):
    """The pytask task of a run."""
    # Its cells without their outputs: writing outputs back doesn't make a notebook another one.
    parts = [(c.get("id"), c["source"], c["metadata"].get("tags")) for c in cells(run.notebook)]
    # A worker on another machine needs the settings of this project as well.
    settings = {name: value for name, value in os.environ.items() if name.startswith("SOCIALAI_")}

    def task_run(
        notebook: Annotated[str, pytask.PythonNode(value=json.dumps(parts), hash=True)],
        parameters: Annotated[str, pytask.PythonNode(value=json.dumps(run.parameters), hash=True)],
        data: Annotated[None, InputsNode(f"{run.name}::inputs", run.folder)],
        package: list[Path] = sources(run.notebook),  # noqa: B008 - pytask reads the defaults
        finished: Annotated[Path, pytask.Product] = run.folder / "run.json",
        executed: Annotated[Path, pytask.Product] = run.folder / "notebook.ipynb",
        recorded: Annotated[Path, pytask.Product] = run.folder / "metrics.json",
        read: Annotated[Path, pytask.Product] = run.folder / inputs.NAME,
    ) -> None:
        execute(run, settings)

    return pytask.task(name=run.name)(task_run)


def plan(runs: list[Run]) -> dict[str, str]:
    """{name of a run: what changed since it was last finished}; "" when nothing did."""
    folders = {run.name: run.folder for run in runs}
    found = {}
    for report in _pytask(runs, explain=True).execution_reports:
        name = _name(report.task)
        reasons = report.task.attributes["explanation"].reasons
        if any(r.node_type == "source" and r.reason != "changed" for r in reasons):
            found[name] = "not finished before"
            continue
        changed = []
        for reason in reasons:
            node = Path(reason.node_name.split("::")[-1]).name
            changed += inputs.changed(folders[name]) if node == "inputs" else [node]
        found[name] = f"{', '.join(dict.fromkeys(changed))} changed" if changed else ""
    return found


def _pytask(runs: list[Run], plugin: object = None, **options):
    """pytask's session over the runs, its state in build/runs."""
    root = runs_folder()
    root.mkdir(parents=True, exist_ok=True)
    (root / "pytask.toml").write_text("[tool.pytask.ini_options]\n")
    pytask.console.quiet = True
    manager = pytask.get_plugin_manager()
    if plugin is not None:
        manager.register(plugin)
    session = pytask.build(
        tasks=[make_task(run) for run in {run.name: run for run in runs}.values()],
        paths=root,
        config=root / "pytask.toml",
        # Beside its configuration: no part of this path is read as a part of a URL.
        database_url="sqlite:///pytask.sqlite3",
        pm=manager,
        capture="no",
        verbose=0,
        show_traceback=False,
        **options,
    )
    # pytask makes the folders of products before there are any; those that stayed empty go.
    for folder in root.glob("*/*/"):
        with suppress(OSError):  # not empty: a run
            folder.rmdir()
    return session


class Plugin:
    """What pytask tells and asks us: the order of the runs, and which one starts and ends."""

    def __init__(self, runs: list[Run], progress: Display, pool):
        self.order = {run.name: -number for number, run in enumerate(runs)}
        self.progress = progress
        self.pool = pool

    @pytask.hookimpl(tryfirst=True)
    def pytask_execute_build(self, session):
        """Of the runs that are ready the first comes first; pytask's own order would vary."""
        session.scheduler.priorities = {
            task.signature: self.order[_name(task)] for task in session.tasks
        }

    @pytask.hookimpl(tryfirst=True)
    def pytask_execute_task_log_start(self, task):
        """A run starts."""
        self.progress.start(_name(task))

    @pytask.hookimpl(tryfirst=True)
    def pytask_execute_task_log_end(self, session, report):
        """A run ended; workers may have joined a cluster, or left it, meanwhile."""
        self.progress.workers = session.config["n_workers"] = max(1, self.pool.count())
        self.progress.end(_name(report.task), report.outcome.name.lower())


def _name(task) -> str:
    return task.name.split("::")[-1]


# Bringing runs up to date


def build(
    runs: list[Run],
    n_workers: int = 1,
    force: bool = False,
    show: bool = False,
    dask: str | None = None,
) -> list[Outcome]:
    """Bring all runs up to date, in order, `n_workers` at a time or on the Dask cluster at `dask`.

    show: with progress. A run that fails doesn't stop the others; one that stops at data that can't
    be had is skipped. Ctrl-C ends the runs in hand, keeps the finished ones and raises
    KeyboardInterrupt.
    """
    with _alone(), _stoppable() as stopped:
        changes = {run.name: "forced" for run in runs} if force else plan(runs)
        pool = workers.Cluster(dask, stopped) if dask else workers.Local(n_workers, stopped)
        progress = Display([run for run in runs if changes[run.name]], pool.count(), show)
        with pool, progress:
            registry.register_parallel_backend(
                ParallelBackend.CUSTOM, lambda n_workers: pool, worker_type=WorkerType.PROCESSES
            )
            session = _pytask(
                runs,
                Plugin(runs, progress, pool),
                n_workers=pool.count(),
                parallel_backend="custom",
                force=force,
            )
        if stopped.is_set():
            raise KeyboardInterrupt

    reports = {_name(report.task): report for report in session.execution_reports}
    ended = session.exit_code in (pytask.ExitCode.OK, pytask.ExitCode.FAILED)
    complete = ended and len(reports) == len(changes)
    outcomes = []
    if complete:
        outcomes = [_outcome(run, reports[run.name], changes[run.name]) for run in runs]
    _tell_of_full_disk(outcomes, complete)
    if not complete:
        raise RuntimeError(f"pytask could not run the tasks (exit code {session.exit_code})")
    return outcomes


@contextmanager
def _alone() -> Iterator[None]:
    """Refuse to work beside another build of this repository."""
    runs_folder().mkdir(parents=True, exist_ok=True)
    try:
        with filelock.FileLock(runs_folder() / ".lock", timeout=0):
            yield
    except filelock.Timeout:
        raise UserError(
            f"another socialai is at work in {files.BUILD}; wait for it, or stop it"
        ) from None


@contextmanager
def _stoppable() -> Iterator[threading.Event]:
    """Notice SIGINT and SIGTERM: pytask swallows the KeyboardInterrupt that they raise."""
    stopped = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stopped
        return

    def stop(*_):
        stopped.set()
        raise KeyboardInterrupt

    kept = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopped
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


def _tell_of_full_disk(outcomes: list[Outcome], complete: bool) -> None:
    """A disk that is full leaves half written files, and errors that don't name it."""
    failed = [outcome.reason for outcome in outcomes if outcome.status == "failed"]
    named = any(FULL_DISK in reason for reason in failed)
    nearly = shutil.disk_usage(files.BUILD).free < 2**20
    if named or (nearly and (failed or not complete)):
        raise UserError(
            f"no space left on the disk of {files.BUILD}; finished runs are kept, "
            "free some and run again"
        )


def _outcome(run: Run, report, change: str) -> Outcome:
    if report.outcome == pytask.TaskOutcome.SUCCESS:
        return Outcome(run, "passed", change)
    if report.outcome == pytask.TaskOutcome.SKIP_UNCHANGED:
        return Outcome(run, "unchanged")
    where, kind, last = explain(run, report.exc_info[1] if report.exc_info else None)
    if kind == "DataUnavailable":
        return Outcome(run, "skipped", last)
    return Outcome(run, "failed", f"{run.notebook.stem}, {where}{kind}: {last}")


def explain(run: Run, error: BaseException | None) -> tuple[str, str, str]:
    """("cell 3: " or "", kind of the error, its last line) of a failed run, from its notebook."""
    kind = type(error).__name__
    last = _last_line(str(error))
    with suppress(OSError, ValueError):  # no notebook yet, or half of one
        code = [c for c in cells(run.failed / "notebook.ipynb") if c["cell_type"] == "code"]
        states = [cell["metadata"].get("papermill", {}) for cell in code]
        begun = [number for number, state in enumerate(states, 1) if state.get("start_time")]
        stopped = [number for number, state in enumerate(states, 1) if state.get("exception")]
        # A kernel that died leaves no error in its cell; it is the last one that was begun.
        at = stopped or (begun if kind == "DeadKernelError" else [])
        if at:
            for output in code[at[-1] - 1]["outputs"]:
                if output["output_type"] == "error":
                    kind = output["ename"]
                    last = _last_line(output["evalue"])
            return f"cell {at[-1]}: ", kind, last
    return "", kind, last


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or [""])[-1]
