"""The rules of the course's notebooks, read from the committed files; nbval runs them."""

import ast
import re
import shlex

import pytest

from socialai import files
from socialai.course.runs import cells, default_parameters, make_run

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
            # The trace of an error that the lesson wants may say Traceback, but nowhere may a folder be named.
            said += [
                line for line in output.get("traceback", []) if not line.startswith("Traceback")
            ]
            for text in said:
                found = NOISE.search(text)
                assert not found or (raises and "Traceback" in found[0]), (
                    f"cell {number} prints {found[0]!r}"
                )
