"""What runs leave behind, for people: the HTML report, summary.json, and the committed outputs that `update` renews."""

import base64
import json
import shutil
from pathlib import Path

import jinja2
import nbformat
import pandas as pd

from socialai import figures, paths, results
from socialai.experiments import Outcome

PAGE = jinja2.Environment(autoescape=True).from_string("""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>socialai: course report</title>
<style>body{font:16px/1.5 sans-serif;max-width:960px;margin:2em auto;padding:0 1em}img{max-width:100%}
table{border-collapse:collapse}td,th{border-bottom:1px solid #ccc;padding:.2em .8em;text-align:left}
.failed{color:#a00}.skipped{color:#777}</style></head><body>
<h1>Course report</h1>
{% for n in notebooks %}<h2 class="{{ n.status }}">{{ n.notebook }}: {{ n.status }}</h2>
<p>{{ "%.0f"|format(n.seconds) }} s {{ n.reason }}</p>
{% if n.results %}<table><tr><th>result</th><th>value</th><th>band over seeds</th><th>published</th><th>source</th></tr>
{% for name, r in n.results.items() %}<tr><td>{{ name }}</td><td>{{ number(r.value) }}</td>
<td>{% if r.band %}{{ "%.3g"|format(r.band[0]) }} to {{ "%.3g"|format(r.band[1]) }}{% else %}exact{% endif %}</td>
<td>{{ "" if r.published is none else number(r.published) }}</td><td>{{ r.source or "" }}</td></tr>{% endfor %}
</table>{% endif %}
{% for f in n.figures %}<p><img alt="{{ f.name }}" src="{{ f.source }}"></p>{% endfor %}
{% endfor %}</body></html>
""")


def summarise(outcomes: list[Outcome]) -> list[dict]:
    """One entry a notebook: notebook, status (passed, failed, skipped), seconds, reason, results."""
    entries = []
    for outcome in outcomes:
        whole = outcome.run.folder / "run.json"
        kept = outcome.status in ("passed", "unchanged") and whole.is_file()
        entries.append(
            {
                "notebook": outcome.run.notebook.stem,
                "status": "passed" if kept else outcome.status,
                "seconds": json.loads(whole.read_text())["seconds"] if kept else 0.0,
                "reason": "unchanged since the last run" if outcome.status == "unchanged" else outcome.reason,
                "results": results.read(outcome.run.folder) if kept else {},
            }
        )
    return entries


def write_course(outcomes: list[Outcome]) -> Path:
    """Write build/course/summary.json and index.html (figures inside, so that it can be sent on); path of the page."""
    folder = paths.BUILD / "course"
    folder.mkdir(parents=True, exist_ok=True)
    entries = summarise(outcomes)
    results.write_json(folder / "summary.json", {"notebooks": entries})
    shown = [e | {"figures": pictures(o.run.folder / "figures")} for e, o in zip(entries, outcomes, strict=True)]
    (folder / "index.html").write_text(PAGE.render(notebooks=shown, number=results.number), encoding="utf-8")
    return folder / "index.html"


def pictures(folder: Path) -> list[dict]:
    """Name and data URI of each figure of a run."""
    kinds = {".svg": "image/svg+xml", ".png": "image/png"}
    return [
        {"name": name, "source": f"data:{kinds[path.suffix]};base64,{base64.b64encode(path.read_bytes()).decode()}"}
        for name, entry in figures.read_manifest(folder).items()
        for path in [folder / entry["picture"]]
    ]


def publish(outcomes: list[Outcome]) -> None:
    """Write what runs at defaults gave back into the repository: outputs, figures, results, README."""
    shutil.rmtree(paths.FIGURES, ignore_errors=True)
    paths.FIGURES.mkdir()
    manifest, kept = {}, {}
    for entry, outcome in zip(summarise(outcomes), outcomes, strict=True):
        drawn = figures.read_manifest(outcome.run.folder / "figures")
        for figure in drawn.values():
            for file in (figure["picture"], figure["data"]):
                shutil.copyfile(outcome.run.folder / "figures" / file, paths.FIGURES / file)
        manifest |= drawn
        kept[entry["notebook"]] = {"seconds": entry["seconds"], "results": entry["results"]}
        copy_outputs(outcome.run.folder / "notebook.ipynb", outcome.run.notebook)
    results.write_json(paths.MANIFEST, manifest)
    results.write_json(paths.RESULTS, kept)
    readme = paths.ROOT / "README.md"
    text = results.replace_between(readme.read_text(encoding="utf-8"), "results", results.table(kept))
    readme.write_text(text, encoding="utf-8")


def copy_outputs(executed: Path, notebook: Path) -> None:
    """Copy the outputs of an executed notebook into its source; nothing of the run's own metadata comes along."""
    source, run = nbformat.read(notebook, as_version=4), nbformat.read(executed, as_version=4)
    ran = {cell.id: cell for cell in run.cells if cell.cell_type == "code"}
    for count, cell in enumerate((c for c in source.cells if c.cell_type == "code"), 1):
        cell.outputs, cell.execution_count = ran[cell.id].outputs, count
        for output in cell.outputs:
            if "execution_count" in output:
                output["execution_count"] = count
    source.metadata.pop("jupytext", None)
    nbformat.write(source, notebook)


def collect(folder: Path | None = None) -> pd.DataFrame:
    """All finished runs: notebook, run, result, value; one row a recorded result."""
    folder = folder or paths.BUILD / "runs"
    rows = [
        {"notebook": path.parent.parent.name, "run": path.parent.name, "result": name, "value": r["value"]}
        for path in sorted(folder.glob("*/*/metrics.json"))
        if not path.parent.name.endswith(".unfinished")
        for name, r in results.read(path.parent).items()
    ]
    return pd.DataFrame(rows, columns=["notebook", "run", "result", "value"])
