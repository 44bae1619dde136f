"""Run notebooks: papermill executes, pytask decides what has to be executed.

A run is a pytask task. It depends on its notebook, its parameters, the modules of the package that the notebook imports
(and those that they import) and the checksums of the data that these name; its product is a readable run folder,
`build/runs/10_bert_finetuning/seed=3,epochs=2/`, written aside and renamed when whole.
"""

import functools
import json
import os
import shutil
import signal
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import filelock
import loky
import pytask
from pytask_parallel import ParallelBackend, WorkerType, registry

from socialai import files
from socialai.course.progress import Display
from socialai.course.runs import Run, cells, default_parameters, dependencies
from socialai.errors import DataUnavailable, UserError
from socialai.results import write_json

TRIES_FOR_PORTS = (
    3  # a kernel can lose the race for its ZMQ ports to another that starts at the same time
)
LONGEST_CELL = 1800  # seconds that a cell may take at defaults; runs with parameters have no limit


@dataclass
class Outcome:
    """How a run ended: passed, unchanged, failed or skipped.

    reason: why it failed or was skipped, or what had changed so that it ran.
    """

    run: Run
    status: str
    reason: str = ""


def prepare(runs: list[Run]) -> list[str]:
    """Fetch once what many runs share: data named by their parameters, the default encoder, the font for Chinese.

    Returns a line for each that can't be had; the notebooks that need it will say so themselves.
    """
    from socialai import data, figures

    wanted = {"font": figures.chinese_font}
    for run in runs:
        values = default_parameters(run.notebook) | run.parameters
        wanted |= {
            v: functools.partial(data.fetch, v)
            for v in values.values()
            if v in list(data.entries())
        }
        if any(path.name == "weights.py" for path in dependencies(run)[0]):
            from socialai.models import e5

            wanted["encoder"] = functools.partial(e5.prepare, "default")
    problems = []
    for fetch in wanted.values():
        try:
            fetch()
        except DataUnavailable as error:
            problems.append(f"not reachable: {error}")
    return problems


def execute(run: Run, folder: Path, aside: Path) -> None:
    """Execute one run with papermill, written to `aside` and renamed to `folder` when whole; a failure stays aside."""
    import nbformat
    import papermill
    from papermill.exceptions import PapermillExecutionError
    from papermill.execute import remove_error_markers

    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    os.environ["SOCIALAI_RUN_DIR"] = str(aside)
    write_json(aside / "params.json", run.parameters)
    begun, written = time.time(), aside / "notebook.ipynb"
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
            break
        except PapermillExecutionError:
            # papermill also objects to cells that are tagged to raise; only a cell that it stopped at is a failure.
            book = nbformat.read(written, as_version=4)
            if any(cell.metadata.get("papermill", {}).get("exception") for cell in book.cells):
                raise
            nbformat.write(remove_error_markers(book), written)
            break
        except RuntimeError as error:
            if "Kernel died before replying" not in str(error) or attempt == TRIES_FOR_PORTS:
                raise
    if not (aside / "metrics.json").is_file():
        raise RuntimeError("the notebook never called socialai.start, so nothing of it was kept")
    write_json(
        aside / "run.json",
        {"notebook": run.notebook.stem, "seconds": round(time.time() - begun, 1)},
    )
    shutil.rmtree(folder, ignore_errors=True)
    os.replace(aside, folder)


def make_task(run: Run):
    """The pytask task of a run."""
    from socialai.data import entries

    sources, names, own = dependencies(run)
    folder, aside = run.folder, run.aside
    # Its cells without their outputs: writing outputs back doesn't make a notebook another one.
    text = json.dumps(
        [
            (cell.get("id"), cell["source"], cell["metadata"].get("tags"))
            for cell in cells(run.notebook)
        ]
    )
    known = {name: entries()[name].checksum for name in names}
    if any(path.name == "overview.py" for path in sources):  # it draws the map of the course
        known["notebooks"] = sorted(path.name for path in files.NOTEBOOKS.glob("*.ipynb"))
    checksums = json.dumps(known)

    def task_run(
        notebook: Annotated[str, pytask.PythonNode(value=text, hash=True)],
        parameters: Annotated[str, pytask.PythonNode(value=json.dumps(run.parameters), hash=True)],
        data: Annotated[str, pytask.PythonNode(value=checksums, hash=True)],
        files: list[Path] = sources + own,  # noqa: B008 - pytask reads dependencies from defaults
        finished: Annotated[Path, pytask.Product] = folder / "run.json",
        executed: Annotated[Path, pytask.Product] = folder / "notebook.ipynb",
        recorded: Annotated[Path, pytask.Product] = folder / "metrics.json",
    ) -> None:
        execute(run, folder, aside)

    return pytask.task(name=run.name)(task_run)


def plan(runs: list[Run]) -> dict[str, str]:
    """{name of a run: what changed since it was last finished}, in pytask's judgement; "" when nothing did."""
    session = _pytask(runs, explain=True)
    found = {}
    for report in session.execution_reports:
        reasons = report.task.attributes["explanation"].reasons
        if any(r.node_type == "source" and r.reason != "changed" for r in reasons):
            found[_name(report)] = "not finished before"
        else:
            changed = [Path(r.node_name.split("::")[-1]).name for r in reasons]
            found[_name(report)] = f"{', '.join(dict.fromkeys(changed))} changed" if changed else ""
    return found


def build(
    runs: list[Run], workers: int = 1, force: bool = False, show: bool = False
) -> list[Outcome]:
    """Bring all runs up to date, in order, `workers` at a time; show: with progress.

    One that fails doesn't stop the others; one that stops at data that can't be had is skipped. Ctrl-C ends the runs in
    hand, keeps the finished ones and raises KeyboardInterrupt.
    """
    (files.BUILD / "runs").mkdir(parents=True, exist_ok=True)
    try:
        with filelock.FileLock(files.BUILD / "runs" / ".lock", timeout=0):
            changes = {run.name: "forced" for run in runs} if force else plan(runs)
            progress = Display([run for run in runs if changes[run.name]], workers, show)
            with _stoppable() as stopped, progress:
                session = _pytask(
                    runs,
                    Plugin(runs, progress),
                    workers,
                    force=force,
                    parallel_backend="custom",
                    stopped=stopped,
                )
            for folder in (files.BUILD / "runs").glob("*/*/"):
                with suppress(OSError):  # not empty: a run
                    folder.rmdir()  # pytask makes the folders of products before there are any
            if stopped.is_set():
                raise KeyboardInterrupt
    except filelock.Timeout:
        raise UserError(
            f"another socialai is at work in {files.BUILD}; wait for it, or stop it"
        ) from None
    reports = {_name(report): report for report in session.execution_reports}
    complete = session.exit_code in (pytask.ExitCode.OK, pytask.ExitCode.FAILED) and len(
        reports
    ) == len(changes)
    outcomes = (
        [_outcome(run, reports[run.name], changes[run.name]) for run in runs] if complete else []
    )
    stopped_by_disk = any(
        "No space left on device" in o.reason for o in outcomes if o.status == "failed"
    )
    # A disk that is full leaves half written files, and errors that don't name it.
    bad = not complete or any(o.status == "failed" for o in outcomes)
    if stopped_by_disk or (bad and shutil.disk_usage(files.BUILD).free < 2**20):
        raise UserError(
            f"no space left on the disk of {files.BUILD}; finished runs are kept, free some and run again"
        )
    if not complete:
        raise RuntimeError(f"pytask could not run the tasks (exit code {session.exit_code})")
    return outcomes


class Plugin:
    """What pytask tells and asks us: the order of the runs, and which one starts and ends (for the display)."""

    def __init__(self, runs: list[Run], progress: Display):
        self.order = {run.name: -number for number, run in enumerate(runs)}
        self.progress = progress

    @pytask.hookimpl(tryfirst=True)
    def pytask_execute_build(self, session):
        """Of the runs that are ready the first comes first; pytask's own order would differ from time to time."""
        session.scheduler.priorities = {
            t.signature: self.order[t.name.split("::")[-1]] for t in session.tasks
        }

    @pytask.hookimpl(tryfirst=True)
    def pytask_execute_task_log_start(self, task):
        """A run starts."""
        self.progress.start(task.name.split("::")[-1])

    @pytask.hookimpl(tryfirst=True)
    def pytask_execute_task_log_end(self, report):
        """A run ended."""
        self.progress.end(_name(report), report.outcome.name.lower())


def _pytask(
    runs: list[Run], plugin: Plugin | None = None, workers: int = 1, stopped=None, **options
):
    """pytask's session over the runs, its state in build/runs."""
    root = files.BUILD / "runs"
    root.mkdir(parents=True, exist_ok=True)
    (root / "pytask.toml").write_text("[tool.pytask.ini_options]\n")
    pytask.console.quiet = True
    manager = pytask.get_plugin_manager()
    if plugin:
        manager.register(plugin)
        registry.register_parallel_backend(
            ParallelBackend.CUSTOM,
            lambda n_workers: Workers(n_workers, stopped),
            worker_type=WorkerType.PROCESSES,
        )
    return pytask.build(
        tasks=[make_task(run) for run in {run.name: run for run in runs}.values()],
        paths=root,
        config=root / "pytask.toml",
        database_url=f"sqlite:///{root / 'pytask.sqlite3'}",
        pm=manager,
        n_workers=workers,
        capture="no",
        verbose=0,
        show_traceback=False,
        **options,
    )


class Workers(loky.ProcessPoolExecutor):
    """Worker processes that end with this one, at once when it was stopped. Each run computes with one thread."""

    def __init__(self, n_workers: int, stopped: threading.Event):
        one = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")}
        log = files.BUILD / "runs" / "workers.log"
        log.write_text("")
        super().__init__(
            n_workers, initializer=_start_worker, initargs=(os.getpid(), str(log)), env=one
        )
        self.stopped = stopped

    def __exit__(self, *error):
        self.shutdown(wait=True, kill_workers=self.stopped.is_set())


def _start_worker(parent: int, log: str) -> None:
    """Keep a worker quiet, and let it end when its parent was killed: it must not write beside a later process."""
    with open(log, "a") as file:  # what kernels say of themselves belongs into no progress display
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    # Ctrl-C reaches the whole group of processes; it is the parent's to answer.
    signal.signal(signal.SIGINT, lambda *_: None)

    def watch():
        while os.getppid() == parent:
            time.sleep(0.2)
        os._exit(1)

    if os.name == "posix":
        threading.Thread(target=watch, daemon=True).start()


@contextmanager
def _stoppable():
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


def _name(report) -> str:
    return report.task.name.split("::")[-1]


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
    """("cell 3: " or "", kind of the error, its last line) of a failed run, as its kept notebook tells."""
    kind, last, where = type(error).__name__, (str(error).strip().splitlines() or [""])[-1], ""
    with suppress(OSError, ValueError):  # no notebook yet, or half of one
        code = [cell for cell in cells(run.aside / "notebook.ipynb") if cell["cell_type"] == "code"]
        states = [cell["metadata"].get("papermill", {}) for cell in code]
        begun = [number for number, state in enumerate(states, 1) if state.get("start_time")]
        stopped = [number for number, state in enumerate(states, 1) if state.get("exception")]
        # A kernel that died leaves no error in its cell; it is the last one that was begun.
        if number := (stopped or (begun if kind == "DeadKernelError" else []) or [0])[-1]:
            where = f"cell {number}: "
            for output in code[number - 1]["outputs"]:
                if output["output_type"] == "error":
                    kind, last = (
                        output["ename"],
                        (output["evalue"].strip().splitlines() or [""])[-1],
                    )
    return where, kind, last
