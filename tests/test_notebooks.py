"""The rules of the course's notebooks, and references to lessons; nbval runs the notebooks."""

import ast
import re
import shlex

import pytest

from socialai import files
from socialai.course import sweeps
from socialai.course.runs import cells, default_parameters, make_run
from socialai.course.tables import lessons_here
from socialai.errors import UserError

NOTEBOOKS = sorted(files.NOTEBOOKS.glob("*.ipynb"))
NOISE = re.compile(
    r"\w*Warning\b|Traceback \(most recent|(/root|/home/\w+|/tmp|/Users/\w+)/[\w.-]+"
)


def tags(cell):
    return set(cell["metadata"].get("tags", []))


@pytest.fixture(params=NOTEBOOKS, ids=[path.stem for path in NOTEBOOKS])
def notebook(request):
    return request.param


@pytest.fixture
def code(notebook):
    return [cell for cell in cells(notebook) if cell["cell_type"] == "code"]


def test_it_opens_with_what_the_reader_gets(notebook):
    first = cells(notebook)[0]
    assert first["cell_type"] == "markdown" and first["source"].startswith(
        f"# {notebook.stem[:2]} "
    )
    for heading in ("**You will be able to**", "**You need**", "**It takes**"):
        assert heading in first["source"], f"the first cell has no {heading}"


def test_its_second_cell_holds_parameters_each_with_a_comment(notebook):
    second = cells(notebook)[1]
    assert "parameters" in tags(second)
    assert {"seed", "device"} < default_parameters(notebook).keys(), "seed, device and a size"
    for statement in ast.parse(second["source"]).body:
        assert "  # " in second["source"].splitlines()[statement.end_lineno - 1], (
            f"line {statement.lineno}: no comment"
        )


def test_it_starts_with_its_own_name_and_records(notebook, code):
    text = "\n".join(cell["source"] for cell in code)
    assert f'socialai.start("{notebook.stem}", seed' in text
    assert "record(" in text, "no result is recorded"


def calls(code, name):
    """Every call of `results.record`, say, in the cells, with the names of its keywords."""
    for cell in code:
        lines = cell["source"].splitlines()
        text = "\n".join(line for line in lines if not line.lstrip().startswith(("%", "!")))
        found = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
        for node in found:
            if ast.unparse(node.func) == name:
                yield ast.unparse(node.args[0]) if node.args else "", {k.arg for k in node.keywords}


def test_every_figure_says_what_it_shows_to_who_cannot_see_it(code):
    for name, keywords in calls(code, "figures.save"):
        assert "alt" in keywords, f"figure {name} has no alternative text"


def test_no_result_carries_a_band_of_its_own(code):
    for name, keywords in calls(code, "results.record"):
        assert "band" not in keywords, f"{name}: rerun= is measured, seeds come from their sweep"


def test_its_three_commands_to_try_have_parameters_that_exist(notebook):
    last = next(
        cell["source"] for cell in reversed(cells(notebook)) if "## Try it" in cell["source"]
    )
    commands = re.findall(r"`(socialai run [^`]+)`", last)
    assert len(commands) == 3
    for command in commands:
        _, _, name, *options = shlex.split(command)
        assert options[::2] == ["-p"] * (len(options) // 2) and options, command
        run = make_run(name, dict(pair.split("=", 1) for pair in options[1::2]))
        assert run.notebook == notebook and run.parameters, f"{command} changes nothing"


def test_it_was_run_from_top_to_bottom(code):
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))


def test_at_most_a_quarter_of_its_outputs_is_not_compared(code):
    assert sum("nbval-ignore-output" in tags(cell) for cell in code) <= len(code) / 4
    assert not any(tags(cell) & {"nbval-skip", "nbval-ignore"} for cell in code)


def test_it_prints_no_warning_and_no_path_of_a_machine(code):
    for number, cell in enumerate(code, 1):
        raises = "raises-exception" in tags(cell)
        for output in cell["outputs"]:
            said = [
                "".join(output.get("text", "")),
                "".join(output.get("data", {}).get("text/plain", "")),
            ]
            assert raises or output["output_type"] != "error", f"cell {number} ends in an error"
            assert output.get("name") != "stderr", f"cell {number} writes to stderr"
            # The trace of an error that the lesson wants may say Traceback, but no folder.
            said += [
                line for line in output.get("traceback", []) if not line.startswith("Traceback")
            ]
            for text in said:
                found = NOISE.search(text)
                assert not found or (raises and "Traceback" in found[0]), (
                    f"cell {number} prints {found[0]!r}"
                )


PAGES = [
    *(files.ROOT / name for name in ("README.md", "CONTRIBUTING.md", "RESULTS.md")),
    files.ROOT / "data" / "README.md",
    *NOTEBOOKS,
    *sorted((files.NOTEBOOKS / "experiments").glob("*.yaml")),
    *sorted((files.ROOT / "socialai").rglob("*.py")),
]
LINK = re.compile(r"\]\(([^)#\s]+)")
LESSONS = re.compile(r"\b[Ll]essons? (\d\d(?:(?:, | and | or | to )\d\d)*)\b")
RUN = re.compile(r"""socialai run (\d\w*)((?: -p [^\s`'"]+)*)""")
SWEEP = re.compile(
    r"socialai sweep ([a-z][\w./]*\w)|committed\(\"([a-z]\w*)\"\)|\b[Ss]weep `(\w+)`"
)


def broken(text, folder):
    """References in a text, seen from a folder, to what isn't there."""
    found = []
    for target in LINK.findall(text):
        inside = not target.startswith(("http:", "https:", "mailto:", "data:"))
        if inside and re.search(r"\.\w+$|/|^\w+$", target) and not (folder / target).exists():
            found.append(target)
    for numbers in LESSONS.findall(text):
        missing = set(re.findall(r"\d\d", numbers)) - lessons_here().keys()
        found += [f"lesson {number}" for number in sorted(missing)]
    for name, options in RUN.findall(text):
        try:
            make_run(name, dict(pair.split("=", 1) for pair in shlex.split(options)[1::2]))
        except UserError as error:
            found.append(f"socialai run {name}: {error}")
    for names in SWEEP.findall(text):
        try:
            sweeps.read(next(filter(None, names)))
        except UserError as error:
            found.append(str(error))
    return found


@pytest.mark.parametrize(
    "page", PAGES, ids=lambda path: path.relative_to(files.ROOT).with_suffix("").as_posix()
)
def test_what_a_page_refers_to_exists(page):
    if page.suffix == ".ipynb":
        parts = [(cell["source"], cell["cell_type"] == "code") for cell in cells(page)]
    else:
        parts = [(page.read_text(encoding="utf-8"), page.suffix == ".py")]
    # In code the signs of a link mean something else.
    text = "\n".join(part.replace("](", "] (") if is_code else part for part, is_code in parts)
    assert broken(text, page.parent) == []


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("see [01](01_attention_math.ipynb) and [this](https://x.org/a.html)", 0),
        ("see [99](99_nothing.ipynb)", 1),
        ("as in lesson 01, lessons 02 and 03, Lessons 12 to 18", 0),
        ("as in lesson 99, and lessons 01, 77 and 88", 3),
        ("`socialai run 01 -p n_samples=500`", 0),
        ("`socialai run 01 -p n_sample=500`, `socialai run 99_x`", 2),
        ("`socialai sweep bert_methods -j 2`, the sweep `seeds`", 0),
        ('`socialai sweep bert_method`, sweeps.committed("nothing")', 2),
    ],
)
def test_a_reference_to_nothing_is_noticed(text, missing):
    assert len(broken(text, files.NOTEBOOKS)) == missing
