"""What runs leave behind, for people: the course's report with summary.json, and the report over all finished runs."""

import base64
import json
from pathlib import Path

import jinja2
import pandas as pd

from socialai import figures, files, results
from socialai.course import sweep_figures, sweeps
from socialai.course.build import Outcome, plan
from socialai.course.runs import Run, make_run
from socialai.errors import UserError

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{{ title }}</title>
<style>body{font:16px/1.5 sans-serif;max-width:960px;margin:2em auto;padding:0 1em}img{max-width:100%}
table{border-collapse:collapse}td,th{border-bottom:1px solid #ccc;padding:.2em .8em;text-align:left}
.failed{color:#a00}.skipped,.note{color:#666}</style></head><body>
<h1>{{ title }}</h1>
"""
COURSE = """<p>{{ notebooks|selectattr("status", "eq", "passed")|list|length }} of {{ notebooks|length }} passed.</p>
{% for n in notebooks %}<h2 class="{{ n.status }}">{{ n.notebook }}: {{ n.status }}</h2>
<p>{{ "%.0f"|format(n.seconds) }} s. {{ n.reason }}</p>
{% if n.results %}<table><tr><th>result</th><th>value</th><th>a rerun gives</th><th>published</th></tr>
{% for name, r in n.results.items() %}<tr><td>{{ name }}</td><td>{{ number(r.value) }}</td><td>{{ band(r) }}</td>
<td>{{ published(r) }}</td></tr>
{% endfor %}</table>{% endif %}
{% for f in n.figures %}<p><img alt="{{ f.name }}" src="{{ f.source }}"></p>
{% endfor %}{% endfor %}</body></html>
"""
RUNS = """{% macro table(frame) %}<table><tr>{% for c in frame.columns %}<th>{{ c }}</th>{% endfor %}</tr>
{% for row in frame.values.tolist() %}<tr>{% for v in row %}<td>{{ cell(v) }}</td>{% endfor %}</tr>
{% endfor %}</table>{% endmacro %}
{% for s in sweeps %}<h2>Sweep {{ s.name }}</h2><p>{{ s.what }}</p>
{% if s.picture %}<p><img alt="{{ s.name }}" src="{{ s.picture }}"></p>{% endif %}
{{ table(s.table) }}
{% endfor %}
{% if runs is not none %}<h2>All finished runs</h2>{{ table(runs) }}{% endif %}
<p class="note">Spread is the sample standard deviation over the runs of a row, which differ in their seed.
{% if old %}{{ old }} finished runs are left out: their notebook, package or data have changed since.{% endif %}</p>
</body></html>
"""
templates = jinja2.Environment(autoescape=True)


def summarise(outcomes: list[Outcome]) -> list[dict]:
    """One entry a notebook: notebook, status (passed, failed, skipped), seconds, reason, results."""
    entries = []
    for outcome in outcomes:
        kept = outcome.status in ("passed", "unchanged")
        reason = "" if outcome.status == "passed" else outcome.reason
        entries.append(
            {
                "notebook": outcome.run.notebook.stem,
                "status": "passed" if kept else outcome.status,
                "seconds": seconds(outcome),
                "reason": "unchanged since the last run"
                if outcome.status == "unchanged"
                else reason,
                "results": results.read(outcome.run.folder) if kept else {},
            }
        )
    return entries


def seconds(outcome: Outcome) -> float:
    """How long a run took; of one that stopped, how long until then."""
    if outcome.status in ("passed", "unchanged"):
        return json.loads((outcome.run.folder / "run.json").read_text(encoding="utf-8"))["seconds"]
    written = outcome.run.aside / "notebook.ipynb"
    if not written.is_file():
        return 0.0
    found = (
        json.loads(written.read_text(encoding="utf-8"))["metadata"]
        .get("papermill", {})
        .get("duration")
    )
    return round(found or 0.0, 1)


def write_course(outcomes: list[Outcome]) -> Path:
    """Write build/course/summary.json and index.html (figures inside, so that it can be sent on); path of the page."""
    folder = files.BUILD / "course"
    folder.mkdir(parents=True, exist_ok=True)
    entries = summarise(outcomes)
    results.write_json(folder / "summary.json", {"notebooks": entries})
    shown = [
        e | {"figures": pictures(o.run.folder) if e["results"] else []}
        for e, o in zip(entries, outcomes, strict=True)
    ]
    page = templates.from_string(PAGE + COURSE).render(
        title="Course report",
        notebooks=shown,
        number=results.number,
        band=results.band,
        published=results.published,
    )
    (folder / "index.html").write_text(page, encoding="utf-8")
    return folder / "index.html"


def pictures(run: Path) -> list[dict]:
    """Name and data URI of each figure of a run folder."""
    kinds = {".svg": "svg+xml", ".png": "png"}
    return [
        {"name": name, "source": data_uri(path.read_bytes(), kinds[path.suffix])}
        for name, entry in figures.read_manifest(run / "figures").items()
        for path in [run / "figures" / entry["picture"]]
    ]


def data_uri(content: bytes, kind: str) -> str:
    """An image as the address of itself, so that a page needs no other file."""
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def finished_runs() -> tuple[list[Run], int]:
    """(finished runs that are up to date in pytask's judgement, number of finished ones that aren't)."""
    runs, old = [], 0
    for path in sorted((files.BUILD / "runs").glob("*/*/params.json")):
        if path.parent.name.endswith(".unfinished"):
            continue
        try:
            runs.append(
                make_run(path.parent.parent.name, json.loads(path.read_text(encoding="utf-8")))
            )
        except UserError:  # the notebook or one of its parameters is no more
            old += 1
    changes = plan(runs) if runs else {}
    fresh = [run for run in runs if not changes[run.name]]
    return fresh, old + len(runs) - len(fresh)


def collect(runs: list[Run]) -> pd.DataFrame:
    """Mean, spread, count and published value of each result over runs that differ in their seed only."""
    rows = []
    for run in runs:
        other = {key: value for key, value in run.parameters.items() if key != "seed"}
        shown = ", ".join(f"{key}={value}" for key, value in other.items()) or "defaults"
        for name, r in results.read(run.folder).items():
            rows.append({"notebook": run.notebook.stem, "parameters": shown, "result": name} | r)
    frame = pd.DataFrame(rows, columns=["notebook", "parameters", "result", "value", "published"])
    return sweeps.summary(frame, ["notebook", "parameters", "result"])


def write_runs(extra: list[sweeps.Sweep] = ()) -> tuple[Path, list[dict], pd.DataFrame | None]:
    """Write build/report/index.html over all finished runs, with a table and a figure for each sweep.

    The sweeps are those of notebooks/experiments, those of `extra`, and those once given as `extra`. One without
    finished runs here shows the committed ones. Returns (path, [{"name", "what", "table"}], table of all runs).
    """
    folder = files.BUILD / "report"
    (folder / "sweeps").mkdir(parents=True, exist_ok=True)
    for sweep in extra:
        results.write_json(
            folder / "sweeps" / f"{sweep.name}.yaml",
            {k: v for k, v in vars(sweep).items() if k != "name"},
        )
    runs, old = finished_runs()
    fresh = {run.name for run in runs}
    sources = [
        *(files.NOTEBOOKS / "experiments").glob("*.yaml"),
        *(folder / "sweeps").glob("*.yaml"),
    ]
    shown = []
    for path in {path.stem: path for path in sources}.values():
        try:
            sweep = sweeps.read(path)
        except UserError:  # of a notebook that is no more
            continue
        if entry := sweep_entry(sweep, fresh):
            shown.append(entry)
    if not runs and not shown:
        raise UserError("there are no finished runs yet; socialai course makes them")
    table = collect(runs) if runs else None
    page = templates.from_string(PAGE + RUNS).render(
        title="Report", sweeps=shown, runs=table, old=old, cell=cell
    )
    (folder / "index.html").write_text(page, encoding="utf-8")
    return folder / "index.html", shown, table


def sweep_entry(sweep: sweeps.Sweep, fresh: set[str]) -> dict | None:
    """Name, description, table and picture of a sweep; None when it has neither finished nor committed runs."""
    done, of, where = sweeps.finished(sweep, fresh), len(sweep.points()), "finished here"
    if not done:
        done, where = sweeps.kept(sweep), "committed in figures/experiments"
    if not done:
        return None
    frame = sweeps.rows(sweep, done)
    fixed = ", ".join(f"{key}={value}" for key, value in sweep.fixed.items())
    what = f"{sweep.notebook} over {', '.join(sweep.grid)}" + (f" with {fixed}" if fixed else "")
    return {
        "name": sweep.name,
        "what": f"{what}: {len(done)} of {of} runs, {where}.",
        "table": sweeps.summary(frame, [*sweep.axes, "result"]),
        "picture": data_uri(sweep_figures.draw(sweep, frame), "svg+xml") if len(frame) else "",
    }


def cell(value: object) -> str:
    """A value as a table shows it: numbers rounded, nothing for what isn't there."""
    if value is None or value != value:
        return ""
    return (
        results.number(value)
        if isinstance(value, int | float) and not isinstance(value, bool)
        else str(value)
    )
