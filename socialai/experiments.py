"""Run notebooks: papermill executes, pytask decides what has to be executed.

A run is one notebook at one set of parameters. As a pytask task it depends on the notebook, the parameters, the modules
of the package that the notebook imports (and those that they import) and the checksums of the data that it names; its
product is a readable run folder, `build/runs/08_bert_finetuning/seed=3,epochs=2/`, written aside, renamed when whole.
"""

import ast
import difflib
import hashlib
import json
import os
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import grimp
import nbformat
import papermill
import pytask
from papermill.exceptions import PapermillExecutionError

from socialai import data, paths
from socialai.errors import DataUnavailable, UserError
from socialai.results import write_json

TRIES_FOR_PORTS = 3  # a kernel can lose the race for its ZMQ ports to another that starts at the same time


@dataclass(frozen=True)
class Run:
    """One notebook at one set of parameters (those that differ from its defaults)."""

    notebook: Path
    parameters: dict = field(default_factory=dict, hash=False)

    @property
    def name(self) -> str:
        """`notebook/key=value,...`, or `notebook/defaults`."""
        values = ",".join(f"{key}={value}" for key, value in self.parameters.items()) or "defaults"
        readable = "".join(c if c.isalnum() or c in "=,.-_+" else "_" for c in values)
        if readable != values or len(readable) > 120:
            readable = f"{readable[:110]}-{hashlib.sha256(values.encode()).hexdigest()[:8]}"
        return f"{self.notebook.stem}/{readable}"

    @property
    def folder(self) -> Path:
        """Where the finished run is kept."""
        return paths.BUILD / "runs" / self.name

    @property
    def aside(self) -> Path:
        """Where it is written until it is whole; a failed run's notebook stays here."""
        return self.folder.with_name(self.folder.name + ".unfinished")


def find_notebook(name: str) -> Path:
    """The notebook of that name (`08_bert_finetuning`, `08`, or a path); an unknown one names the nearest."""
    known = {p.stem: p for p in sorted(paths.NOTEBOOKS.glob("*.ipynb"))}
    stem = Path(name).stem if name.endswith(".ipynb") else name
    matches = [path for key, path in known.items() if key == stem or key.split("_")[0] == stem]
    if len(matches) == 1:
        return matches[0]
    near = difflib.get_close_matches(stem, known, n=3, cutoff=0.3) or list(known)
    raise UserError(f"there is no notebook {name!r}; the nearest: {', '.join(near)}")


def default_parameters(notebook: Path) -> dict:
    """{parameter: default} of the cell tagged `parameters`."""
    for cell in nbformat.read(notebook, as_version=4).cells:
        if "parameters" in cell.metadata.get("tags", []):
            body = ast.parse(cell.source).body
            return {s.targets[0].id: ast.literal_eval(s.value) for s in body if isinstance(s, ast.Assign)}
    raise UserError(f"{notebook.name} has no cell tagged parameters")


def make_run(name: str, parameters: dict | None = None) -> Run:
    """A run with its parameters checked: names must exist in the notebook, values must have the default's type."""
    notebook = find_notebook(name)
    defaults, checked = default_parameters(notebook), {}
    for key, value in (parameters or {}).items():
        if key not in defaults:
            near = difflib.get_close_matches(key, defaults, n=3, cutoff=0.4) or list(defaults)
            raise UserError(f"{notebook.stem} has no parameter {key!r}; the nearest: {', '.join(near)}")
        checked[key] = convert(key, value, defaults[key])
    return Run(notebook, {key: value for key, value in checked.items() if value != defaults[key]})


def convert(key: str, value: object, default: object) -> object:
    """A value, possibly given as text, in the type of the parameter's default; a wrong type is a UserError."""
    wanted = type(default)
    if isinstance(value, str) and wanted is not str:
        try:
            value = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            pass
    if wanted is float and type(value) is int:
        value = float(value)
    if default is not None and type(value) is not wanted:
        raise UserError(f"parameter {key} takes {wanted.__name__} (default {default!r}), not {value!r}")
    return value


def dependencies(run: Run) -> tuple[list[Path], list[str], list[Path]]:
    """What a run depends on beside its notebook: (sources of the package, names of data, the user's own files)."""
    code = "\n".join(
        line
        for cell in nbformat.read(run.notebook, as_version=4).cells
        if cell.cell_type == "code"
        for line in cell.source.splitlines()
        if not line.lstrip().startswith(("%", "!"))
    )
    tree = ast.parse(code)
    imported = {"socialai"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            imported |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    graph = grimp.build_graph("socialai", cache_dir=None)
    modules = imported & graph.modules
    # Every notebook calls socialai.start, which imports these.
    modules |= {"socialai.figures", "socialai.results"}
    for module in set(modules):
        modules |= graph.find_upstream_modules(module)
    literals = {n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)}
    literals |= {str(v) for v in run.parameters.values()}
    entries = data.entries()
    names = {name for name in entries if name in literals}
    if "socialai.bert" in modules:
        names.add("e5_small")
    own = [Path(v) for v in run.parameters.values() if isinstance(v, str) and Path(v).is_file()]
    return sorted(_source(m) for m in modules), sorted(names), own


def _source(module: str) -> Path:
    path = paths.ROOT.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def execute(run: Run, folder: Path, aside: Path, timeout: int = 3600) -> None:
    """Execute one run with papermill, written to `aside` and renamed to `folder` when whole; a failure stays aside."""
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    os.environ["SOCIALAI_RUN_DIR"] = str(aside)
    write_json(aside / "params.json", run.parameters)
    begun = time.time()
    for attempt in range(1, TRIES_FOR_PORTS + 1):
        try:
            papermill.execute_notebook(
                run.notebook,
                aside / "notebook.ipynb",
                parameters=run.parameters,
                cwd=run.notebook.parent,
                progress_bar=False,
                log_output=False,
                execution_timeout=timeout,
                kernel_name="python3",
                language="python",
            )
            break
        except RuntimeError as error:
            if "Kernel died before replying" not in str(error) or attempt == TRIES_FOR_PORTS:
                raise
    write_json(aside / "run.json", {"notebook": run.notebook.stem, "seconds": round(time.time() - begun, 1)})
    shutil.rmtree(folder, ignore_errors=True)
    os.replace(aside, folder)


def make_task(run: Run):
    """The pytask task of a run."""
    sources, names, own = dependencies(run)
    entries, folder, aside = data.entries(), run.folder, run.aside
    checksums = json.dumps({name: entries[name].checksum for name in names})

    def task_run(
        state: Annotated[str, pytask.PythonNode(value=checksums + json.dumps(run.parameters), hash=True)],
        notebook: Path = run.notebook,
        files: list[Path] = sources + own,  # noqa: B008 - pytask reads dependencies from defaults
        finished: Annotated[Path, pytask.Product] = run.folder / "run.json",
        executed: Annotated[Path, pytask.Product] = run.folder / "notebook.ipynb",
        recorded: Annotated[Path, pytask.Product] = run.folder / "metrics.json",
    ) -> None:
        execute(run, folder, aside)

    return pytask.task(name=run.name)(task_run)


@dataclass
class Outcome:
    """How a run ended: passed, unchanged, failed or skipped; `reason` says why for the last two."""

    run: Run
    status: str
    reason: str = ""


def unreachable(run: Run) -> str | None:
    """Why the data of a run can't be had, in one line; None when they can."""
    for name in dependencies(run)[1]:
        try:
            data.fetch(name)
        except DataUnavailable as error:
            return str(error)
    return None


def build(runs: list[Run], workers: int = 1, force: bool = False) -> list[Outcome]:
    """Bring all runs up to date; one that fails doesn't stop the others, one whose data can't be had is skipped."""
    reasons = {run.name: unreachable(run) for run in runs}
    tasks = {run.name: make_task(run) for run in runs if reasons[run.name] is None}
    pytask.console.quiet = True
    (paths.BUILD / "runs").mkdir(parents=True, exist_ok=True)
    session = pytask.build(
        tasks=list(tasks.values()),
        paths=paths.BUILD / "runs",
        database_url=f"sqlite:///{paths.BUILD / 'runs' / 'pytask.sqlite3'}",
        n_workers=workers,
        force=force,
        capture="no",
        verbose=0,
        show_traceback=False,
    )
    reports = {report.task.name.split("::")[-1]: report for report in session.execution_reports}
    if session.exit_code not in (pytask.ExitCode.OK, pytask.ExitCode.FAILED) or len(reports) < len(tasks):
        raise RuntimeError(f"pytask could not run the tasks (exit code {session.exit_code})")
    return [_outcome(run, reasons[run.name], reports.get(run.name)) for run in runs]


def _outcome(run: Run, reason: str | None, report) -> Outcome:
    if report is None:
        return Outcome(run, "skipped", reason or "not run")
    if report.outcome == pytask.TaskOutcome.SUCCESS:
        return Outcome(run, "passed")
    if report.outcome == pytask.TaskOutcome.SKIP_UNCHANGED:
        return Outcome(run, "unchanged")
    return Outcome(run, "failed", explain(run, report.exc_info[1] if report.exc_info else None))


def explain(run: Run, error: BaseException | None) -> str:
    """Notebook, cell and the error's last line of a failed run."""
    if isinstance(error, PapermillExecutionError):
        last = (error.evalue.splitlines() or [""])[-1]
        return f"{run.notebook.stem}, cell {error.exec_count}: {error.ename}: {last}"
    kept = run.aside / "notebook.ipynb"
    if kept.is_file():
        for cell in nbformat.read(kept, as_version=4).cells:
            for output in cell.get("outputs", []):
                if output.output_type == "error" and "raises-exception" not in cell.metadata.get("tags", []):
                    last = (output.evalue.splitlines() or [""])[-1]
                    return f"{run.notebook.stem}, cell {cell.execution_count}: {output.ename}: {last}"
    return f"{run.notebook.stem}: {str(error).splitlines()[-1] if str(error) else type(error).__name__}"
