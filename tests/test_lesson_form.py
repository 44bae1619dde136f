"""The form of a lesson: what it teaches stands in it, and it says what it asks of its reader."""

import ast
import re

import pytest

from socialai import files
from socialai.course import source_cells
from socialai.course.pages import reading_minutes
from socialai.course.runs import cells

# Lessons that are written in this form; the others follow one by one.
LESSONS = ["01_attention_math"]
MOST_CODE_CELLS = 60
MOST_MINUTES = 45
MOST_PLUMBING = 0.2  # of the lines of code


@pytest.fixture(params=LESSONS)
def lesson(request):
    return files.NOTEBOOKS / f"{request.param}.ipynb"


@pytest.fixture
def code(lesson):
    return [cell for cell in cells(lesson) if cell["cell_type"] == "code"]


def test_what_it_teaches_stands_in_it_as_in_the_package(lesson):
    assert len(source_cells.shown(lesson)) >= 5
    assert source_cells.differences(lesson) == []


def test_each_mechanism_is_short_and_stands_after_its_formula(lesson):
    before = None
    for cell in cells(lesson):
        if name := cell["metadata"].get("source"):
            assert 5 <= len(cell["source"].splitlines()) <= 30, name
            assert before["cell_type"] == "markdown" and before["source"].count("$$") >= 2, (
                f"{name} has no formula before it"
            )
        before = cell


def test_cells_after_a_mechanism_use_the_name_that_it_defines(code):
    for number, cell in enumerate(code):
        if name := cell["metadata"].get("source", "").rpartition(":")[2]:
            later = "\n".join(c["source"] for c in code[number + 1 :])
            assert re.search(rf"(?<![.\w]){name}\(", later), f"no later cell calls {name}"


def test_it_says_how_long_it_takes_to_read_and_that_is_not_too_long(lesson, code):
    minutes = reading_minutes(lesson)
    assert f"**It takes** {minutes} minutes to read" in " ".join(cells(lesson)[0]["source"].split())
    assert minutes <= MOST_MINUTES and len(code) <= MOST_CODE_CELLS


def test_it_opens_with_three_sentences_for_who_reads_no_further(lesson):
    lead = cells(lesson)[0]["source"].split("\n\n")[1]
    assert len(re.findall(r"[.?!](?= |\n|$)", lead)) == 3, lead


def test_it_ends_with_three_to_five_sources_and_its_exercises(lesson):
    last = cells(lesson)[-1]["source"]
    sources = last.split("## Read further")[1].split("**Exercises**")[0]
    assert 3 <= len(re.findall(r"\]\(https?://", sources)) <= 5
    assert f"(exercises/{lesson.name})" in last


def plumbing(source):
    """Lines of a cell that draw or keep books, and all its lines of code."""
    drawing = {"figures", "plt"}

    def lines_of(statement):
        names = {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)}
        calls = {ast.unparse(n.func) for n in ast.walk(statement) if isinstance(n, ast.Call)}
        if names & drawing and isinstance(statement, ast.Assign):
            targets = [node for target in statement.targets for node in ast.walk(target)]
            drawing.update(node.id for node in targets if isinstance(node, ast.Name))
        inner = [*getattr(statement, "body", []), *getattr(statement, "orelse", [])]
        if inner and not isinstance(statement, ast.FunctionDef | ast.ClassDef):
            return sum(map(lines_of, inner))
        if names & drawing or calls & {"results.record", "socialai.start"}:
            return statement.end_lineno - statement.lineno + 1
        return 0

    written = [line for line in source.splitlines() if line.strip() and line.strip()[0] != "#"]
    return sum(map(lines_of, ast.parse(source).body)), len(written)


def test_at_most_a_fifth_of_its_code_draws_or_keeps_books(code):
    counted = [plumbing(cell["source"]) for cell in code]
    drawn = sum(lines for lines, _ in counted)
    assert drawn <= MOST_PLUMBING * sum(lines for _, lines in counted), counted


@pytest.mark.parametrize(
    ("source", "drawn"),
    [
        ("x = 1\ny = x + 1", 0),
        ("fig, ax = figures.subplots()\nax.plot(\n    x\n)\nx = 1", 4),
        ("for name in names:\n    results.record(name, 1)\n    print(name)", 1),
        ("found = results.finding('a', 'A beats B', effect, n=3)", 0),
    ],
)
def test_lines_that_draw_or_keep_books_are_told_from_others(source, drawn):
    assert plumbing(source)[0] == drawn
