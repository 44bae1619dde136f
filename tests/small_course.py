"""A small repository for tests: a copy of the package, and notebooks that run in a second."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import yaml

import socialai
from socialai import files

PARAMETERS = """seed = 0  # any integer
rate = 0.5  # above 0
name = 'none'  # any text, or the path of a file"""
RECORD = "from socialai import files, results\nresults.start('{0}', files.output_folder('{0}'))\n"


def write_notebook(
    folder: Path, stem: str, *code: str, tags: dict[int, list[str]] | None = None
) -> Path:
    """A notebook with the parameters seed, rate and name, then the given cells.

    tags: by the number of a given cell. The course's table of lessons gets an entry.
    """
    cells = [nbformat.v4.new_markdown_cell(f"# {stem[:2]} {stem}", id="first")]
    cells += [
        nbformat.v4.new_code_cell(PARAMETERS, id="parameters", metadata={"tags": ["parameters"]})
    ]
    cells += [nbformat.v4.new_code_cell(RECORD.format(stem), id="start")]
    for number, source in enumerate(code):
        cell = nbformat.v4.new_code_cell(source, id=f"cell{number}")
        cell.metadata["tags"] = (tags or {}).get(number, [])
        cells.append(cell)
    folder.mkdir(parents=True, exist_ok=True)
    nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / f"{stem}.ipynb")
    write_lessons(folder)
    return folder / f"{stem}.ipynb"


def write_lessons(folder: Path) -> None:
    """The table of lessons of a folder of notebooks."""
    entry = {"title": "A lesson (课)", "does": "one thing", "article": 1}
    lessons = {path.stem: entry for path in sorted(folder.glob("*.ipynb"))}
    (folder / "lessons.yaml").write_text(yaml.safe_dump(lessons), encoding="utf-8")


def copy_package(root: Path) -> Path:
    """A repository at `root` with the package and no notebooks."""
    source = Path(socialai.__file__).parent
    shutil.copytree(source, root / "socialai", ignore=shutil.ignore_patterns("__pycache__"))
    return root


def environment(root: Path) -> dict:
    """The environment in which `socialai` is the copy at `root`."""
    return os.environ | {
        "PYTHONPATH": str(root),
        "SOCIALAI_ROOT": str(root),
        "COLUMNS": "200",
        "OMP_NUM_THREADS": "1",
    }


def start(root: Path, *arguments: str, module: str = "socialai") -> subprocess.Popen:
    """Start the command line of the copy in a process group of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        cwd=root,
        env=environment(root),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def command(root: Path, *arguments: str, module: str = "socialai") -> tuple[int, str, str]:
    """Run the command line of the copy: (exit status, stdout, stderr)."""
    process = start(root, *arguments, module=module)
    out, err = process.communicate(timeout=240)
    return process.returncode, out, err


def summary(root: Path) -> dict:
    """build/course/summary.json by notebook."""
    content = files.read_json(root / "build" / "course" / "summary.json")
    return {entry["notebook"]: entry for entry in content["notebooks"]}
