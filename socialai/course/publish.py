"""What `make update` writes into the repository, and what a check finds edited by hand there.

Outputs of the notebooks, figures and their data, results, findings, RESULTS.md and the generated
parts of README.md come from runs at defaults and are written together, so that one commit holds
them all. Tables and the numbers within sentences are made in `pages`. What is made from other
sources, cells that show the package's source and the student editions, `prepare` writes before.
"""

import hashlib
import json
import re
import shutil
from pathlib import Path

from socialai import figures, files, results
from socialai.course import exercises, pages, source_cells, sweeps
from socialai.course.build import Outcome
from socialai.course.runs import cells

ANSI = re.compile(r"\x1b\[[0-9;]*m")


def prepare() -> None:
    """Write what a run needs to find: source in the lessons' cells, students' exercises."""
    source_cells.renew_all()
    exercises.write_all()


def publish(outcomes: list[Outcome]) -> None:
    """Write what runs at defaults gave back into the repository.

    What lessons that are not among them have there stays; what lessons that are gone had, goes.
    """
    before = results.committed()
    files.FIGURES.mkdir(exist_ok=True)
    staying = {notebook.stem for notebook in files.NOTEBOOKS.glob("*.ipynb")}
    staying -= {outcome.run.notebook.stem for outcome in outcomes}
    drawn_before = figures.read_manifest(files.FIGURES)
    manifest = {name: one for name, one in drawn_before.items() if one["notebook"] in staying}
    kept_files = {one[what] for one in manifest.values() for what in ("picture", "data")}
    for path in files.FIGURES.iterdir():
        if path.is_file() and path.name not in kept_files:  # figures/experiments is the sweeps'
            path.unlink()
    files.write_json(files.MANIFEST, manifest)
    seeds = sweeps.seeds()
    kept = {stem: entry for stem, entry in before.items() if stem in staying}
    for outcome in outcomes:
        folder = outcome.run.folder
        notebook = outcome.run.notebook

        # Pictures with their data, then the outputs of the cells.
        drawn = figures.read_manifest(folder / "figures")
        for figure in drawn.values():
            for file in (figure["picture"], figure["data"]):
                shutil.copyfile(folder / "figures" / file, files.FIGURES / file)
        manifest |= drawn
        # In the order of the lessons, and within one as they were drawn.
        ordered = sorted(manifest.items(), key=lambda figure: figure[1]["notebook"])
        files.write_json(files.MANIFEST, dict(ordered))
        copy_outputs(folder / "notebook.ipynb", notebook)

        # Results, each with what other seeds gave, and findings.
        entry = {"seconds": files.read_json(folder / "run.json")["seconds"], **results.read(folder)}
        known = results.by_name(before.get(notebook.stem, {}).get("results", []))
        for result in entry["results"]:
            name = results.full_name(result)
            of_seeds = seeds.get((notebook.stem, name))
            # A range that was measured stays until the sweep of this lesson is run again.
            result["seeds"] = result["seeds"] or of_seeds or known.get(name, {}).get("seeds")
        kept[notebook.stem] = entry | {"seal": seal(notebook, entry)}
    files.write_json(files.RESULTS, dict(sorted(kept.items())))
    for path, text in written_pages().items():
        path.write_text(text, encoding="utf-8")


def copy_outputs(executed: Path, notebook: Path) -> None:
    """Copy the outputs of an executed notebook into its source, and nothing of the run's metadata.

    Cells are numbered as in the source: a run with parameters has one cell more. Frames of a
    traceback that lie in files are left out: they name folders of this machine.
    """
    import nbformat

    source = nbformat.read(notebook, as_version=4)
    run = nbformat.read(executed, as_version=4)
    ran = {cell.id: cell for cell in run.cells if cell.cell_type == "code"}
    for count, cell in enumerate((c for c in source.cells if c.cell_type == "code"), 1):
        cell.outputs = ran[cell.id].outputs
        cell.execution_count = count
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
    """SHA-256 over what the repository holds of one notebook's run.

    That is outputs, pictures, drawn data, results and findings. nbval and the comparisons have
    tolerances and ignored cells; this has none, so that no edit by hand goes unseen.
    """
    recorded = {what: entry.get(what) for what in ("machine", "results", "findings")}
    digest = hashlib.sha256(json.dumps(recorded, sort_keys=True).encode())
    for cell in cells(notebook):
        if cell["cell_type"] == "code":
            digest.update(json.dumps(cell["outputs"], sort_keys=True).encode())
    for figure in figures.read_manifest(files.FIGURES).values():
        if figure["notebook"] == notebook.stem:
            digest.update(figure.get("alt", "").encode())
            for file in (figure["picture"], figure["data"]):
                path = files.FIGURES / file
                # Line ends may be the checkout's; PNG is binary.
                content = path.read_bytes() if path.is_file() else b""
                digest.update(content if path.suffix == ".png" else content.replace(b"\r\n", b"\n"))
    return digest.hexdigest()


def written_pages() -> dict[Path, str]:
    """README.md with its generated parts renewed, and RESULTS.md."""
    readme = files.ROOT / "README.md"
    return {
        readme: pages.readme(readme.read_text(encoding="utf-8")),
        files.ROOT / "RESULTS.md": pages.results_page(),
    }


def differences() -> list[str]:
    """What the repository holds differently from what `make update` wrote."""
    found = []
    kept = results.committed()
    seeds = sweeps.seeds()
    for notebook in sorted(files.NOTEBOOKS.glob("*.ipynb")):
        entry = kept.get(notebook.stem, {})
        found += source_cells.differences(notebook)
        if entry.get("seal") != seal(notebook, entry):
            found.append(
                f"{notebook.stem}: outputs, figures or results are not those that make update wrote"
            )
        for result in entry.get("results", []):
            name = results.full_name(result)
            of_seeds = seeds.get((notebook.stem, name))
            if of_seeds and list(of_seeds) != result["seeds"]:
                found.append(f"{notebook.stem}: the sweep seeds gave {name} another range")
    found += exercises.differences()
    for path, text in written_pages().items():
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            found.append(f"{path.name} is not what figures/results.json and the notebooks give")
    return found
