"""The repository's own promises: one list of dependencies, and nothing that a run made can be edited by hand unseen."""

import shutil
import tomllib

import nbformat
import pytest
from packaging.requirements import Requirement
from small_course import command, copy_package, write_notebook

from socialai import files, results
from socialai.course import publish

PROJECT = tomllib.loads((files.ROOT / "pyproject.toml").read_text())["project"]
LOCK = (files.ROOT / "requirements.lock").read_text().splitlines()
DRAW = """import pandas as pd
from socialai import figures
figures.start('01_small', files.output_folder('01_small'))
frame = pd.DataFrame({'x': [1, 2], 'y': [0.25, 0.5]})
fig, ax = figures.subplots()
ax.plot(frame['x'], frame['y'])
figures.save(fig, '01_line', frame)"""
README = "# Small\n\n<!-- map -->\n<!-- /map -->\n\n<!-- results -->\n<!-- /results -->\n"


def test_the_lock_pins_a_version_inside_each_range():
    pins = dict(line.lower().replace("_", "-").split("==") for line in LOCK)
    wanted = [
        Requirement(r) for r in PROJECT["dependencies"] + PROJECT["optional-dependencies"]["dev"]
    ]
    assert {r.name for r in wanted} <= pins.keys()
    assert all(r.specifier.contains(pins[r.name]) for r in wanted)


def test_the_conda_environment_installs_the_lock_and_this_project():
    environment = (files.ROOT / "environment.yml").read_text()
    assert "-r requirements.lock" in environment and "-e .[dev]" in environment
    assert f"python{PROJECT['requires-python']}" in environment


def edit(path, old, new):
    """Replace text that must be there once or more."""
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A copy of the repository with one small notebook, published by `course --update`."""
    root = copy_package(tmp_path_factory.mktemp("copy") / "repository")
    write_notebook(
        root / "notebooks", "01_small", DRAW, "print('a half')", "results.record('half', 0.5)"
    )
    (root / "README.md").write_text(README)
    (root / "tests").mkdir()
    (root / "tests" / "test_one.py").write_text("def test_one():\n    assert True\n")
    (root / "pyproject.toml").write_text(
        (files.ROOT / "pyproject.toml").read_text(encoding="utf-8"), encoding="utf-8"
    )
    code, out, err = command(root, "course", "--update")
    assert code == 0, out + err
    return root


EDITS = {
    "a committed output": ("notebooks/01_small.ipynb", "a half\\n", "a third\\n"),
    "a figure's data": ("figures/01_line.csv", "2,0.5", "2,0.6"),
    "a number in the README": ("README.md", "| half | 0.500 |", "| half | 0.700 |"),
}
FINER_EDITS = {
    "a figure's data, a little": ("figures/01_line.csv", "2,0.5", "2,0.50001"),
    "a picture": ("figures/01_line.svg", "<svg", "<svg "),
    "a result, a little": ("figures/results.json", '"value": 0.5', '"value": 0.50001'),
}


def test_editing_what_a_run_made_makes_make_test_fail(small, tmp_path):
    root = shutil.copytree(small, tmp_path / "copy")
    code, out, _ = command(root, module="socialai.course.verify")
    assert code == 0 and out.splitlines()[-2:] == ["every part passed", "10 passed, 0 failed"]
    for file, old, new in EDITS.values():
        edit(root / file, old, new)
    code, out, _ = command(root, module="socialai.course.verify")
    # Each edit is found by a part of its own, and any part that fails makes the whole fail.
    assert code == 1 and out.splitlines()[-2:] == [
        "failed: notebooks, figures, results",
        "7 passed, 3 failed",
    ]
    assert "Cell outputs differ" in out
    assert "01_small: figure 01_line: 'y' in row 2 is 0.6 in the repository, 0.5 in a run" in out
    assert "README.md: a generated part is not what" in out


@pytest.mark.parametrize("what", EDITS | FINER_EDITS)
def test_each_edit_alone_breaks_the_seal_or_the_readme(small, monkeypatch, tmp_path, what):
    root = shutil.copytree(small, tmp_path / "copy")
    for name, place in {"ROOT": ".", "NOTEBOOKS": "notebooks", "FIGURES": "figures"}.items():
        monkeypatch.setattr(files, name, root / place)
    monkeypatch.setattr(files, "RESULTS", root / "figures" / "results.json")
    assert publish.differences() == []
    edit(root / (EDITS | FINER_EDITS)[what][0], *(EDITS | FINER_EDITS)[what][1:])
    assert len(publish.differences()) == 1


def test_outputs_are_copied_by_cell_whatever_the_run_injected(tmp_path):
    source = write_notebook(tmp_path, "01_a", "print(seed)", "1 / 0")
    run = nbformat.read(source, as_version=4)
    run.cells.insert(
        2,
        nbformat.v4.new_code_cell(
            "seed = 3", id="injected", metadata={"tags": ["injected-parameters"]}
        ),
    )
    run.cells[-2].outputs = [nbformat.v4.new_output("stream", text="3\n")]
    trace = [
        "Cell In[5], line 1\n----> 1 1 / 0",
        "File ~/lib/x.py:3, in f",
        "ZeroDivisionError: division by zero",
    ]
    error = {"ename": "ZeroDivisionError", "evalue": "division by zero", "traceback": trace}
    run.cells[-1].outputs = [nbformat.v4.new_output("error", **error)]
    nbformat.write(run, tmp_path / "run.ipynb")
    publish.copy_outputs(tmp_path / "run.ipynb", source)
    code = [cell for cell in nbformat.read(source, as_version=4).cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == [1, 2, 3, 4]
    assert code[2].outputs[0].text == "3\n" and "File" not in "".join(code[3].outputs[0].traceback)


def test_the_map_says_what_a_notebook_is_for_and_what_it_takes(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "NOTEBOOKS", tmp_path / "notebooks")
    monkeypatch.setattr(files, "RESULTS", tmp_path / "results.json")
    path = write_notebook(
        tmp_path / "notebooks", "01_a", "from socialai import attention as A, figures"
    )
    book = nbformat.read(path, as_version=4)
    book.cells[
        0
    ].source = "# 01 A lesson (课)\n\n**You will be able to** do this\nand that. **You need** little. **It takes**"
    nbformat.write(book, path)
    results.write_json(files.RESULTS, {"01_a": {"seconds": 90.0, "results": {}}})
    row = publish.course_map().splitlines()[-1]
    link = "[attention.py](socialai/attention.py)"
    assert row == f"| [01 A lesson](notebooks/01_a.ipynb) | do this and that | {link} | 1.5 |"


def test_the_table_of_a_sweep_over_one_seed_shows_no_spread():
    rows = publish.sweep_table("search_1m").splitlines()[2:]
    assert rows and all(row.endswith(" |  | 1 |") for row in rows)


def test_the_citation_names_this_version():
    citation = (files.ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"version: {PROJECT['version']}" in citation and "license: MIT" in citation


def test_every_module_can_be_held_in_the_head():
    lines = {
        path: len(path.read_text(encoding="utf-8").splitlines())
        for path in (files.ROOT / "socialai").rglob("*.py")
    }
    assert not {path: n for path, n in lines.items() if n > 350}, (
        "a module has at most 350 lines: split it"
    )
