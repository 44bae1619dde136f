"""A lesson's own checks catch what someone breaks in the package."""

import nbformat
import pytest
from small_course import write_notebook

from socialai import files
from socialai.course import faults, source_cells
from socialai.errors import UserError

SMALL = "socialai.models.attention:causal_mask"


@pytest.mark.parametrize("lesson", faults.lists())
def test_the_checks_of_a_lesson_catch_every_planted_fault(lesson):
    sound, *trials = faults.tried(lesson)
    assert sound.caught, f"without a fault: {sound.said}"
    assert len(trials) >= 5
    missed = [f"{trial.fault.why}: {trial.said}" for trial in trials if not trial.caught]
    assert missed == []


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A lesson that shows a mask, uses it, and checks one thing of it."""
    monkeypatch.setattr(files, "NOTEBOOKS", tmp_path)
    source = source_cells.source_of(SMALL)
    start = "import torch\nfrom torch import Tensor"
    check = "mask = causal_mask(3)\nassert not mask[0, 1], 'the future is hidden'"
    path = write_notebook(tmp_path, "01_small", start, source, check, "unrelated = 1 / 0")
    book = nbformat.read(path, as_version=4)
    book.cells[4].metadata["source"] = SMALL
    nbformat.write(book, path)
    (tmp_path / "faults").mkdir()
    return tmp_path / "faults" / "01_small.yaml"


def listed(path, was, becomes):
    path.write_text(f"- {{object: '{SMALL}', was: '{was}', becomes: '{becomes}', why: w}}\n")


@pytest.mark.parametrize(
    ("was", "becomes", "caught", "said"),
    [
        ("return j <= i", "return j >= i", True, "the future is hidden"),
        ("return j <= i", "return j < i", False, "every check passed"),
        ("return j <= i", "return nothing", False, "stops: NameError"),
    ],
)
def test_only_a_check_catches(small, was, becomes, caught, said):
    listed(small, was, becomes)
    sound, trial = faults.tried("01")
    assert sound.caught, sound.said
    assert trial.caught == caught and said in trial.said


def test_a_fault_that_no_longer_fits_is_said(small):
    listed(small, "gone", "x")
    with pytest.raises(UserError, match="holds 0 times: gone"):
        faults.tried("01")
    with pytest.raises(UserError, match="has no list of faults"):
        faults.read("02_none")


@pytest.mark.parametrize(
    ("source", "defined", "used"),
    [
        ("x = 1\ny = x", {"x", "y"}, set()),
        ("x = x + 1", {"x"}, {"x"}),
        ("total += part", {"total"}, {"total", "part"}),
        ("frame['a'] = b", {"frame"}, {"frame", "b"}),
        ("for i in items:\n    rows = [i]\n    rows.append(i)", {"i", "rows"}, {"items"}),
        ("def f(x):\n    y = x + z\n    return y", {"f"}, {"z"}),
        ("a = [b for b in c]", {"a"}, {"c"}),
        ("import numpy as np\nnp.ones(n)", {"np"}, {"n"}),
        ("class A(B):\n    def f(self):\n        return g(self)", {"A"}, {"B", "g"}),
    ],
)
def test_names_that_a_cell_defines_and_takes(source, defined, used):
    assert faults.names_of(source) == (defined, used)
