"""Exercises check themselves: blanks and typical mistakes fail, solutions pass, none leaks."""

import shutil

import nbformat
import pytest

from socialai import files
from socialai.course import exercises
from socialai.course.exercises import check
from socialai.errors import UserError

SOLUTIONS = exercises.solutions()


@pytest.fixture(params=SOLUTIONS, ids=[path.stem for path in SOLUTIONS])
def solutions(request):
    return request.param


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A repository with the solutions of lesson 01 only, their student edition, and the lesson."""
    notebooks = tmp_path / "notebooks"
    monkeypatch.setattr(files, "NOTEBOOKS", notebooks)
    monkeypatch.setattr(files, "ROOT", tmp_path)
    (notebooks / "solutions").mkdir(parents=True)
    for path in (SOLUTIONS[0].parents[1] / SOLUTIONS[0].name, SOLUTIONS[0]):
        shutil.copyfile(path, notebooks / path.relative_to(SOLUTIONS[0].parents[1]))
    exercises.write_all()
    return exercises.solutions()[0]


def change(notebook, old, new):
    text = notebook.read_text(encoding="utf-8")
    assert old in text
    notebook.write_text(text.replace(old, new), encoding="utf-8")


def test_blanks_and_wrong_answers_are_refused_with_a_message_that_helps(solutions):
    verdicts = exercises.prove(solutions)
    assert [verdict for verdict in verdicts if verdict.fault] == []
    tried = {verdict.answer.split()[0] for verdict in verdicts}
    assert tried == {"blank", "wrong", "right"}


def test_there_are_two_to_four_from_easy_to_hard_with_hints(solutions):
    found = exercises.read(solutions)
    assert 2 <= len(found) <= 4 and sum(one.minutes for one in found) <= 45
    assert [one.difficulty for one in found] == sorted(one.difficulty for one in found)
    for number, one in enumerate(found, 1):
        assert one.number == f"{int(solutions.stem[:2])}.{number}"
        assert "<summary>Hint 1</summary>\n\n" in one.source("exercise"), one.number
        assert one.parts["wrong"], f"{one.number} has no typical wrong answer"


def test_the_student_edition_is_written_from_the_solutions_and_holds_none(solutions):
    assert exercises.differences() == []
    assert exercises.leaks(solutions) == []


def test_a_blank_keeps_signature_and_docstring():
    solution = 'def f(x):\n    """Doc."""\n    # BEGIN SOLUTION\n    return x\n    # END SOLUTION\n'
    assert exercises.blank(solution) == (
        'def f(x):\n    """Doc."""\n    raise NotImplementedError("write this")\n'
    )
    assert exercises.blank("y = 2 * 3  # SOLUTION\nz = y") == "y = ...\nz = y"


MUTATIONS = {
    "a marker is removed": ("    # BEGIN SOLUTION\\n", ""),
    "a check is emptied": ("assert (given > 0).all()", "assert True"),
    "a wrong answer is made right": (
        "weights = [1 / 3, 1 / 3, 1 / 3]",
        "weights = [0.25, 0.25, 0.5]",
    ),
}


@pytest.mark.parametrize("what", MUTATIONS)
def test_what_spoils_an_exercise_is_found(here, what):
    change(here, *MUTATIONS[what])
    assert any(verdict.fault for verdict in exercises.prove(here))


def test_a_leaked_solution_and_an_output_left_in_are_found(here):
    student = exercises.student_path(here)
    book = nbformat.read(student, as_version=4)
    blank = next(cell for cell in book.cells if "NotImplementedError" in cell.source)
    blank.source = blank.source.replace("raise", "return weights @ v\n    raise")
    check_cell = next(cell for cell in book.cells if "check(" in cell.source)
    check_cell.outputs = [nbformat.v4.new_output("stream", text="exercise 1.1: passed\n")]
    nbformat.write(book, student)
    assert len(exercises.leaks(here)) == 2 and exercises.differences() != []


def test_an_exercise_without_a_part_or_a_title_is_refused(here):
    change(here, '"why"', '"reason"')
    with pytest.raises(UserError, match="exercise 1.1 has no why"):
        exercises.read(here)
    change(here, "(difficulty 1 of 3, 5 minutes)", "(easy)")
    with pytest.raises(UserError, match="no title"):
        exercises.read(here)


def test_a_check_says_what_is_missing_and_goes_on(monkeypatch, capsys):
    monkeypatch.delenv("SOCIALAI_STRICT", raising=False)
    with check("9.1"):
        raise AssertionError("one is not two")
    with check("9.2"):
        raise NotImplementedError
    with check("9.3"):
        [][0]
    with check("9.4"):
        pass
    assert capsys.readouterr().out.splitlines() == [
        "exercise 9.1: not yet: one is not two",
        "exercise 9.2: not yet: there is still something to write",
        "exercise 9.3: not yet: your code stops with IndexError: list index out of range",
        "exercise 9.4: passed",
    ]
    monkeypatch.setenv("SOCIALAI_STRICT", "1")
    with pytest.raises(AssertionError), check("9.5"):
        raise AssertionError("no")


def test_a_copy_is_the_learners_own_and_shows_how_far_they_are(here):
    assert {state for *_, state in exercises.progress()} == {"not begun"}
    path, new = exercises.copy("01")
    assert new and path.parent.name == "work"
    path.write_text(path.read_text(encoding="utf-8") + "exercise 1.1: passed", encoding="utf-8")
    assert exercises.copy("01") == (path, False)
    assert [state for *_, state in exercises.progress()][:2] == ["passed", "open"]
