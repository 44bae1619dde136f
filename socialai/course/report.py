"""What runs leave behind, for people: the report of a course, and that over all finished runs."""

import base64
from pathlib import Path

import jinja2
import pandas as pd

from socialai import figures, files, results
from socialai.course import sweep_figures, sweeps
from socialai.course.build import Outcome, plan
from socialai.course.runs import Run, make_run
from socialai.course.tables import RESULT, cell, result_row
from socialai.errors import UserError

templates = jinja2.Environment(
    autoescape=True, loader=jinja2.FileSystemLoader(Path(__file__).parent), trim_blocks=True
)
templates.filters["row"] = result_row


def summarise(outcomes: list[Outcome]) -> list[dict]:
    """One entry a notebook: notebook, status, seconds, reason, results, findings.

    status: passed, failed or skipped.
    """
    entries = []
    for outcome in outcomes:
        kept = outcome.status in ("passed", "unchanged")
        said = {"passed": "", "unchanged": "unchanged since the last run"}
        recorded = results.read(outcome.run.folder) if kept else {"results": [], "findings": []}
        entries.append(
            {
                "notebook": outcome.run.notebook.stem,
                "status": "passed" if kept else outcome.status,
                "seconds": seconds(outcome),
                "reason": said.get(outcome.status, outcome.reason),
                "results": recorded["results"],
                "findings": recorded["findings"],
            }
        )
    return entries


def seconds(outcome: Outcome) -> float:
    """How long a run took; of one that stopped, how long until then."""
    if outcome.status in ("passed", "unchanged"):
        return files.read_json(outcome.run.folder / "run.json")["seconds"]
    written = files.read_json(outcome.run.failed / "notebook.ipynb")
    return round(written.get("metadata", {}).get("papermill", {}).get("duration") or 0.0, 1)


def write_course(outcomes: list[Outcome]) -> Path:
    """Write build/course/summary.json and index.html; the path of the page.

    The figures stand inside the page, so that it can be sent on.
    """
    folder = files.BUILD / "course"
    entries = summarise(outcomes)
    files.write_json(folder / "summary.json", {"notebooks": entries})
    shown = [
        entry | {"figures": pictures(outcome.run.folder) if entry["status"] == "passed" else []}
        for entry, outcome in zip(entries, outcomes, strict=True)
    ]
    return _write(folder, title="Course report", notebooks=shown, head=RESULT)


def pictures(run: Path) -> list[dict]:
    """Alternative text and data URI of each figure of a run folder."""
    kinds = {".svg": "svg+xml", ".png": "png"}
    return [
        {"alt": entry["alt"], "source": data_uri(path.read_bytes(), kinds[path.suffix])}
        for entry in figures.read_manifest(run / "figures").values()
        for path in [run / "figures" / entry["picture"]]
    ]


def data_uri(content: bytes, kind: str) -> str:
    """An image as the address of itself, so that a page needs no other file."""
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def finished_runs() -> tuple[list[Run], int]:
    """(finished runs that are up to date in pytask's judgement, how many finished ones aren't)."""
    runs = []
    old = 0
    for path in sorted((files.BUILD / "runs").glob("*/*/params.json")):
        if path.parent.name.endswith(".unfinished"):
            continue
        try:
            runs.append(make_run(path.parent.parent.name, files.read_json(path)))
        except UserError:  # the notebook or one of its parameters is no more
            old += 1
    changes = plan(runs) if runs else {}
    fresh = [run for run in runs if not changes[run.name]]
    return fresh, old + len(runs) - len(fresh)


def collect(runs: list[Run]) -> pd.DataFrame:
    """Mean, spread, count and published value of each result over runs that differ in seed."""
    rows = []
    for run in runs:
        other = [f"{key}={value}" for key, value in run.parameters.items() if key != "seed"]
        named = {"notebook": run.notebook.stem, "parameters": ", ".join(other) or "defaults"}
        for result in results.read(run.folder)["results"]:
            measured = {name: result[name] for name in sweeps.MEASURED}
            rows.append(named | {"result": results.full_name(result)} | measured)
    columns = ["notebook", "parameters", "result", *sweeps.MEASURED]
    return sweeps.summary(pd.DataFrame(rows, columns=columns), ["notebook", "parameters", "result"])


def write_runs(extra: list[sweeps.Sweep] = ()) -> tuple[Path, list[dict], pd.DataFrame | None]:
    """Write build/report/index.html over all finished runs, with a table and a figure each sweep.

    The sweeps are those of notebooks/experiments, those of `extra`, and those once given as
    `extra`. One without finished runs here shows the committed ones. Returns (path of the page,
    [{"name", "what", "table", "picture", "alt"}], table of all runs).
    """
    folder = files.BUILD / "report"
    for sweep in extra:
        files.write_json(folder / "sweeps" / f"{sweep.name}.yaml", sweep.written())
    runs, old = finished_runs()
    fresh = {run.name for run in runs}
    places = (folder / "sweeps", files.NOTEBOOKS / "experiments")
    sources = {path.stem: path for place in places for path in sorted(place.glob("*.yaml"))}
    shown = []
    for path in sources.values():
        try:
            sweep = sweeps.read(path)
        except UserError:  # of a notebook that is no more
            continue
        if entry := sweep_entry(sweep, fresh):
            shown.append(entry)
    if not runs and not shown:
        raise UserError("there are no finished runs yet; socialai course makes them")
    table = collect(runs) if runs else None
    page = _write(folder, title="Report", sweeps=shown, runs=table, old=old, cell=cell)
    return page, shown, table


def sweep_entry(sweep: sweeps.Sweep, fresh: set[str]) -> dict | None:
    """Name, description, table and picture of a sweep; None without finished or committed runs."""
    frame = sweeps.finished(sweep, fresh)
    where = "finished here"
    if not len(frame):
        frame = sweeps.committed(sweep)
        where = "committed in figures/experiments"
    if not len(frame):
        return None
    done = len(frame[["notebook", *sweep.grid]].drop_duplicates())
    fixed = ", ".join(f"{key}={value}" for key, value in sweep.fixed.items())
    over = f"{', '.join(sweep.notebook)} over {', '.join(sweep.grid)}"
    over += f" with {fixed}" if fixed else ""
    frame = sweeps.shown(sweep, frame)
    picture = "" if sweep.several else data_uri(sweep_figures.draw(sweep, frame), "svg+xml")
    return {
        "name": sweep.name,
        "what": f"{over}: {done} of {len(sweep.points())} runs, {where}.",
        "table": sweeps.summary(frame),
        "picture": picture,
        "alt": f"{sweep.title or sweep.name}: the means of the table below, with their intervals.",
    }


def _write(folder: Path, **content) -> Path:
    page = folder / "index.html"
    page.parent.mkdir(parents=True, exist_ok=True)
    text = templates.get_template("report.html").render(**content)
    page.write_text(text, encoding="utf-8")
    return page
