"""The repository's promises: one list of dependencies, nothing edited by hand, small modules."""

import ast
import io
import re
import shutil
import tokenize
import tomllib

import nbformat
import pytest
import yaml
from packaging.requirements import Requirement
from small_course import command, copy_package, write_notebook

from socialai import files
from socialai.course import pages, publish, sweeps
from socialai.errors import UserError

PROJECT = tomllib.loads((files.ROOT / "pyproject.toml").read_text())["project"]
LOCK = (files.ROOT / "requirements.lock").read_text().splitlines()
DRAW = """import pandas as pd
from socialai import figures
figures.start('01_small', files.output_folder('01_small'))
frame = pd.DataFrame({'x': [1, 2], 'y': [0.25, 0.5]})
fig, ax = figures.subplots()
ax.plot(frame['x'], frame['y'])
figures.save(fig, '01_line', frame, alt='A line that rises from a quarter to a half.')"""
FINDING = """from collections import namedtuple
effect = namedtuple('Interval', 'value low high')(0.3, 0.1, 0.5)
finding = results.finding('pays', 'Tuning pays', effect, n=20)"""
README = """# Small

<!-- map -->
<!-- /map -->

It found <!-- 01_small: half -->?<!-- --> and that <!-- 01_small: finding pays -->?<!-- -->.
"""
LIMIT = 250
ARGUED = re.compile(rf"^# longer than {LIMIT} lines of code because \w+", re.MULTILINE)


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
    record = "results.record('half', 0.5)\nresults.record('trained', 1.0, rerun=0.1, model='tuned')"
    write_notebook(root / "notebooks", "01_small", DRAW, "print('a half')", record, FINDING)
    (root / "README.md").write_text(README)
    (root / "tests").mkdir()
    (root / "tests" / "test_one.py").write_text("def test_one():\n    assert True\n")
    shutil.copyfile(files.ROOT / "pyproject.toml", root / "pyproject.toml")
    code, out, err = command(root, "course", "--update")
    assert code == 0, out + err
    return root


@pytest.fixture
def here(small, monkeypatch, tmp_path):
    """A copy of the small repository that `files` speaks of."""
    root = shutil.copytree(small, tmp_path / "copy")
    for name, place in {"ROOT": ".", "NOTEBOOKS": "notebooks", "FIGURES": "figures"}.items():
        monkeypatch.setattr(files, name, root / place)
    monkeypatch.setattr(files, "RESULTS", root / "figures" / "results.json")
    monkeypatch.setattr(files, "MANIFEST", root / "figures" / "manifest.json")
    return root


def test_the_pages_hold_what_the_run_recorded(small):
    readme = (small / "README.md").read_text(encoding="utf-8")
    assert "found <!-- 01_small: half -->0.500<!-- --> and" in readme
    assert "Tuning pays: holds, +0.30 [+0.10, +0.50], n = 20<!-- -->." in readme
    page = (small / "RESULTS.md").read_text(encoding="utf-8")
    for row in (
        "| Tuning pays: holds, +0.30 [+0.10, +0.50], n = 20 "
        "| [01_small](notebooks/01_small.ipynb) | this run |",
        "| half |  | 0.500 |  |  |  |",
        "| trained | model = tuned | 1 | ± 0.1 |  |  |",
    ):
        assert row in page.splitlines()


EDITS = {
    "a committed output": ("notebooks/01_small.ipynb", "a half\\n", "a third\\n"),
    "a figure's data": ("figures/01_line.csv", "2,0.5", "2,0.6"),
    "a number in the README": ("README.md", "half -->0.500", "half -->0.700"),
}
FINER_EDITS = {
    "a figure's data, a little": ("figures/01_line.csv", "2,0.5", "2,0.50001"),
    "a picture": ("figures/01_line.svg", "<svg", "<svg "),
    "an alternative text": ("figures/manifest.json", "A line that rises", "A line that falls"),
    "a result, a little": ("figures/results.json", '"value": 0.5', '"value": 0.50001'),
    "a finding's end": ("figures/results.json", '"low": 0.1', '"low": 0.11'),
    "a number in RESULTS.md": ("RESULTS.md", "| 0.500 |", "| 0.501 |"),
    "a finding in the README": ("README.md", "Tuning pays: holds", "Tuning pays: always holds"),
}


def test_editing_what_a_run_made_makes_make_test_fail(small, tmp_path):
    root = shutil.copytree(small, tmp_path / "copy")
    code, out, _ = command(root, module="socialai.course.verify")
    assert code == 0, out
    assert out.splitlines()[-2:] == ["every part passed", "11 passed, 0 failed"]
    for file, old, new in EDITS.values():
        edit(root / file, old, new)
    edit(root / "figures" / "results.json", '"verdict": "holds"', '"verdict": "does not hold"')
    code, out, _ = command(root, module="socialai.course.verify")
    # Each edit is found by a part of its own, and any part that fails makes the whole fail.
    assert code == 1 and out.splitlines()[-2:] == [
        "failed: notebooks, figures, results and findings",
        "8 passed, 3 failed",
    ]
    assert "Cell outputs differ" in out
    assert "01_small: figure 01_line: 'y' in row 2 is 0.6 in the repository, 0.5 in a run" in out
    assert "01_small: pays does not hold in the repository, holds in a run" in out
    assert "README.md is not what" in out


@pytest.mark.parametrize("what", EDITS | FINER_EDITS)
def test_each_edit_alone_breaks_the_seal_or_a_page(here, what):
    assert publish.differences() == []
    edit(here / (EDITS | FINER_EDITS)[what][0], *(EDITS | FINER_EDITS)[what][1:])
    assert publish.differences() != []


def test_the_range_of_the_seeds_stands_beside_a_result_and_is_compared(here):
    experiments = here / "notebooks" / "experiments"
    experiments.mkdir()
    (experiments / "seeds.yaml").write_text("notebook: all\ngrid: {seed: [0, 1]}\n")
    sweep = sweeps.read("seeds")
    row = {"notebook": "01_small", "name": "trained", "labels": {"model": "tuned"}}
    rows = [row | {"parameters": {"seed": seed}, "value": 1.0 - seed / 10} for seed in (0, 1)]
    sweeps.write(sweep, rows)
    (said,) = publish.differences()
    assert said == "01_small: the sweep seeds gave trained[model=tuned] another range"
    kept = files.read_json(files.RESULTS)
    kept["01_small"]["results"][1]["seeds"] = [0.9, 1.0]
    files.write_json(files.RESULTS, kept)
    assert "| trained | model = tuned | 1 | ± 0.1 | 0.900 to 1 |  |" in pages.results_page()
    assert pages.filled("01_small", "trained[model=tuned] range") == "0.900 to 1"


def test_a_number_of_a_sentence_comes_from_a_lesson_or_a_sweep_or_is_missed(here):
    experiments = here / "notebooks" / "experiments"
    experiments.mkdir()
    (experiments / "large.yaml").write_text("notebook: 01_small\ngrid: {seed: [0, 1]}\n")
    row = {"notebook": "01_small", "name": "f1"}
    rows = [
        row | {"parameters": {"seed": seed}, "labels": {"model": model}, "value": value + seed / 10}
        for seed in (0, 1)
        for model, value in (("a", 0.5), ("b", 0.2))
    ]
    sweeps.write(sweeps.read("large"), rows)
    assert pages.filled("large", "f1[model=b]") == "0.250"
    assert pages.filled("large", "f1[model=b] percent") == "25 %"
    assert pages.filled("large", "f1[model=a] range") == "0.500 to 0.600"
    assert "### [large](notebooks/experiments/large.yaml)" in pages.results_page()
    for where, what in [
        ("large", "f1"),
        ("01_small", "hal"),
        ("01_small", "finding pay"),
        ("smaller", "f1"),
    ]:
        with pytest.raises(UserError, match=f"README.md: {where} has"):
            pages.filled(where, what)


def test_what_other_lessons_published_stays_and_what_a_lesson_that_is_gone_had_goes(here):
    publish.publish([])
    assert publish.differences() == [] and (here / "figures" / "01_line.svg").is_file()
    (here / "notebooks" / "01_small.ipynb").unlink()
    (here / "README.md").write_text("<!-- map --><!-- /map -->")
    publish.publish([])
    assert files.read_json(files.RESULTS) == {} and not (here / "figures" / "01_line.svg").exists()


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


def test_the_map_says_what_a_lesson_takes_and_where_its_parts_are(here):
    path = write_notebook(here / "notebooks", "02_two")
    book = nbformat.read(path, as_version=4)
    book.cells[0].source = "# 02 Two\n\n" + "word " * 995  # 5 minutes, and 40 s for two cells
    nbformat.write(book, path)
    kept = files.read_json(files.RESULTS) | {"02_two": {"seconds": 90.0}}
    files.write_json(files.RESULTS, kept)
    table = here / "notebooks" / "lessons.yaml"
    lessons = yaml.safe_load(table.read_text(encoding="utf-8"))
    lessons["02_two"] = lessons["02_two"] | {"modules": ["models/cnn.py", "apps/topics"]}
    table.write_text(yaml.safe_dump(lessons), encoding="utf-8")
    head, _, first, second = pages.full_map().splitlines()
    assert head == "| lesson | what it does | article | reads in | runs in | modules | figure |"
    assert first.startswith(
        "| [01 A lesson (课)](notebooks/01_small.ipynb) | one thing | 1 | 2 min"
    )
    assert first.endswith(" |  | [line](figures/01_line.svg) |")
    links = "[cnn.py](socialai/models/cnn.py), [topics](socialai/apps/topics)"
    assert second.endswith(f" | 6 min | 1.5 min | {links} |  |")


def test_the_citation_names_this_version():
    citation = (files.ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"version: {PROJECT['version']}" in citation and "license: MIT" in citation


def code_lines(text):
    """How many lines hold code: docstrings, comments and blanks are not counted."""
    aside = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}
    lines = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in aside | {tokenize.ENDMARKER}:
            lines |= set(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            if ast.get_docstring(node) is not None:
                lines -= set(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    return len(lines)


def test_only_lines_of_code_are_counted():
    text = '"""What.\n\nMore."""\n\nx = """a\nb"""  # why\n# no code\n\n'
    assert code_lines(text) == 2
    assert code_lines(text + 'def f():\n    """Does."""\n') == 3
    assert code_lines("def f(\n    a,\n):\n    return a\n") == 4


@pytest.mark.parametrize(
    "path",
    sorted((files.ROOT / "socialai").rglob("*.py")),
    ids=lambda path: path.relative_to(files.ROOT / "socialai").as_posix(),
)
def test_a_module_has_one_job_and_a_longer_one_says_why(path):
    text = path.read_text(encoding="utf-8")
    assert code_lines(text) <= LIMIT or ARGUED.search(text), (
        f"{code_lines(text)} lines of code: split it, or say why not in a comment that begins "
        f"'# longer than {LIMIT} lines of code because'"
    )
