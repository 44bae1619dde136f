"""What `make update` writes into the repository, and what a check finds edited by hand there.

Outputs of the notebooks, figures and their data, results, and the generated parts of README.md come from runs at
defaults and are written together, so that one commit holds them all.
"""

import ast
import hashlib
import json
import re
import shutil
from pathlib import Path

from socialai import figures, files, results
from socialai.course import sweeps
from socialai.course.build import Outcome
from socialai.course.runs import cells

# What every notebook imports; the course map names what is particular to one.
COMMON = {"figures", "results", "data", "device", "paths", "errors"}
ANSI = re.compile(r"\x1b\[[0-9;]*m")


def publish(outcomes: list[Outcome]) -> None:
    """Write what runs at defaults gave back into the repository: outputs, figures, results, README."""
    files.FIGURES.mkdir(exist_ok=True)
    for path in files.FIGURES.iterdir():
        if path.is_file():  # figures/experiments is the sweeps'
            path.unlink()
    manifest, kept = {}, {}
    for outcome in outcomes:
        folder, notebook = outcome.run.folder, outcome.run.notebook
        drawn = figures.read_manifest(folder / "figures")
        for figure in drawn.values():
            for file in (figure["picture"], figure["data"]):
                shutil.copyfile(folder / "figures" / file, files.FIGURES / file)
        manifest |= drawn
        results.write_json(files.MANIFEST, manifest)
        copy_outputs(folder / "notebook.ipynb", notebook)
        seconds = json.loads((folder / "run.json").read_text())["seconds"]
        kept[notebook.stem] = {"seconds": seconds, "results": results.read(folder)}
        kept[notebook.stem]["seal"] = seal(notebook, kept[notebook.stem])
    results.write_json(files.RESULTS, kept)
    readme = files.ROOT / "README.md"
    readme.write_text(generated(readme.read_text(encoding="utf-8")), encoding="utf-8")


def copy_outputs(executed: Path, notebook: Path) -> None:
    """Copy the outputs of an executed notebook into its source; nothing of the run's own metadata comes along.

    Cells are numbered as in the source: a run with parameters has one cell more. Frames of a traceback that lie in
    files are left out: they name folders of this machine.
    """
    import nbformat

    source, run = nbformat.read(notebook, as_version=4), nbformat.read(executed, as_version=4)
    ran = {cell.id: cell for cell in run.cells if cell.cell_type == "code"}
    for count, cell in enumerate((c for c in source.cells if c.cell_type == "code"), 1):
        cell.outputs, cell.execution_count = ran[cell.id].outputs, count
        for output in cell.outputs:
            if "execution_count" in output:
                output["execution_count"] = count
            if output.output_type == "error":
                output["traceback"] = [
                    t for t in output["traceback"] if not ANSI.sub("", t).startswith("File ")
                ]
    source.metadata.pop("jupytext", None)
    nbformat.write(source, notebook)


def seal(notebook: Path, entry: dict) -> str:
    """SHA-256 over what the repository holds of one notebook's run: outputs, pictures, drawn data, results.

    nbval and the comparisons have tolerances and ignored cells; this has none, so that no edit by hand goes unseen.
    """
    digest = hashlib.sha256(json.dumps(entry["results"], sort_keys=True).encode())
    for cell in cells(notebook):
        if cell["cell_type"] == "code":
            digest.update(json.dumps(cell["outputs"], sort_keys=True).encode())
    for figure in figures.read_manifest(files.FIGURES).values():
        if figure["notebook"] == notebook.stem:
            for file in (figure["picture"], figure["data"]):
                path = files.FIGURES / file
                # Line ends may be the checkout's; PNG is binary.
                content = path.read_bytes() if path.is_file() else b""
                digest.update(content if path.suffix == ".png" else content.replace(b"\r\n", b"\n"))
    return digest.hexdigest()


def differences() -> list[str]:
    """What the repository holds differently from what `make update` wrote: seals and the generated parts of README."""
    found, kept = [], results.committed()
    for notebook in sorted(files.NOTEBOOKS.glob("*.ipynb")):
        entry = kept.get(notebook.stem, {})
        if entry.get("seal") != seal(notebook, entry | {"results": entry.get("results", {})}):
            found.append(
                f"{notebook.stem}: outputs, figures or results are not those that make update wrote"
            )
    text = (files.ROOT / "README.md").read_text(encoding="utf-8")
    if generated(text) != text:
        found.append(
            "README.md: a generated part is not what figures/results.json and the notebooks give"
        )
    return found


def generated(text: str) -> str:
    """README with its generated parts renewed: `<!-- map -->`, `<!-- results -->`, any `<!-- sweep NAME -->`."""
    text = results.replace_between(text, "map", course_map())
    text = results.replace_between(text, "results", results.table(results.committed()))
    for name in re.findall(r"<!-- sweep (\w+) -->", text):
        text = results.replace_between(text, f"sweep {name}", sweep_table(name))
    return text


def course_map() -> str:
    """Markdown table of the notebooks: link, what the reader will be able to do, modules, minutes of a run."""
    kept = results.committed()
    lines = [
        "| notebook | what you will be able to do | module | minutes |",
        "| --- | --- | --- | --- |",
    ]
    for notebook in sorted(files.NOTEBOOKS.glob("*.ipynb")):
        first = cells(notebook)[0]["source"]
        title = first.splitlines()[0].lstrip("# ").split(" (")[0]
        promise = re.search(r"\*\*You will be able to\*\*(.*?)\*\*You need\*\*", first, re.DOTALL)
        does = " ".join(promise[1].split()).strip(" .:").replace("|", "\\|") if promise else ""
        modules = ", ".join(f"[{Path(m).name}]({m})" for m in modules_of(notebook))
        seconds = kept.get(notebook.stem, {}).get("seconds")
        minutes = "" if seconds is None else f"{max(seconds / 60, 0.1):.1f}"
        lines.append(f"| [{title}](notebooks/{notebook.name}) | {does} | {modules} | {minutes} |")
    return "\n".join(lines)


def modules_of(notebook: Path) -> list[str]:
    """Paths of the package's modules that a notebook imports by name, without those that all import."""
    found = []
    for cell in cells(notebook):
        if cell["cell_type"] != "code" or "socialai" not in cell["source"]:
            continue
        lines = [
            line for line in cell["source"].splitlines() if not line.lstrip().startswith(("%", "!"))
        ]
        for node in ast.walk(ast.parse("\n".join(lines))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "socialai":
                for name in [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]:
                    path = Path(*name.split(".")).with_suffix(".py").as_posix()
                    if (
                        (files.ROOT / path).is_file()
                        and name.split(".")[1] not in COMMON
                        and path not in found
                    ):
                        found.append(path)
    return found


def sweep_table(name: str) -> str:
    """Markdown table of a committed sweep: its axes, mean, spread over seeds and count."""
    sweep = sweeps.read(name)
    if not sweep.committed.is_file():
        return f"Not run yet: `socialai sweep {name} -j 2 --update`"
    table = sweeps.summary(sweeps.rows(sweep, sweeps.kept(sweep)), [*sweep.axes, "result"])
    lines = [
        f"| {' | '.join([*sweep.axes, 'result', 'mean', 'spread', 'runs'])} |",
        "| --- " * (len(sweep.axes) + 4) + "|",
    ]
    for row in table.to_dict("records"):
        spread = results.number(row["spread"]) if row["count"] > 1 else ""
        named = [str(row[key]) for key in (*sweep.axes, "result")]
        lines.append(
            f"| {' | '.join([*named, results.number(row['mean']), spread])} | {row['count']} |"
        )
    return "\n".join(lines)
