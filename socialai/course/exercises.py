"""Exercises that check themselves; their student edition, made from the solutions.

`notebooks/solutions/NN_name.ipynb` is the one source: tagged cells in this order for each exercise,

    [exercise]  markdown, "## Exercise 1.2: a mask (difficulty 2 of 3, 10 minutes)": the task,
                folded hints
    [solution]  code; `# BEGIN SOLUTION` ... `# END SOLUTION`, or `x = 3  # SOLUTION`
    [wrong]     raw, any number: a typical wrong answer to put in place of the solution. Its first
                line: `# what is wrong -> words that the check's message must hold`
    [check]     code: `with check("1.2"): assert ..., "what it means, and what to look at"`
    [why]       markdown: why the solution is right, and what the typical mistakes do

and cells without such a tag, which every edition has. `make update` writes the student edition
`notebooks/exercises/NN_name.ipynb`: solutions blank, no wrong answers, no reasons, no outputs.
`prove` runs each exercise blank, with each wrong answer and with the solution; nbval runs the
solutions in a kernel of their own.
"""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path

from socialai import files
from socialai.course.execution import environment
from socialai.course.runs import all_notebooks, cells, find_notebook
from socialai.errors import UserError

PARTS = ("exercise", "solution", "wrong", "check", "why")
TITLE = re.compile(r"## Exercise (\d+\.\d+): (.+) \(difficulty (\d) of 3, (\d+) minutes\)")
BLOCK = re.compile(r"^( *)# BEGIN SOLUTION\n.*?^ *# END SOLUTION$", re.DOTALL | re.MULTILINE)
VALUE = re.compile(r"^(.*?=).*  # SOLUTION$", re.MULTILINE)
BLANK = 'raise NotImplementedError("write this")'
PASSED = "passed"
WORK = "work"  # ignored by git: a learner's own copies

_said: list[tuple[str, str]] = []


@contextmanager
def check(number: str) -> Iterator[None]:
    """Say whether an exercise is solved, and go on either way.

    A message is all that is said of a mistake: no trace, and none of the check's own code. With
    `SOCIALAI_STRICT` set, what isn't solved raises.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, NotImplementedError) or _is_blank(error):
            said = "not yet: there is still something to write"
        elif isinstance(error, AssertionError):
            said = f"not yet: {error}"
        else:
            said = f"not yet: your code stops with {type(error).__name__}: {error}"
        _tell(number, said)
        if os.environ.get("SOCIALAI_STRICT"):
            raise
    else:
        _tell(number, PASSED)


def _is_blank(error: Exception) -> bool:
    """Whether an error comes of a value that is still `...`, or of a name that a blank left out."""
    return isinstance(error, NameError) or "ellipsis" in str(error)


def _tell(number: str, said: str) -> None:
    _said.append((number, said))
    print(f"exercise {number}: {said}")


@dataclass
class Exercise:
    """One exercise: its title, difficulty (of 3), minutes, and its cells by their part."""

    number: str
    title: str
    difficulty: int
    minutes: int
    parts: dict[str, list[dict]] = field(default_factory=lambda: {part: [] for part in PARTS})

    def source(self, part: str) -> str:
        """The source of its first cell of a part."""
        return self.parts[part][0]["source"]


def part_of(cell: dict) -> str | None:
    """Which part of an exercise a cell is, by its tag."""
    return next((tag for tag in cell["metadata"].get("tags", []) if tag in PARTS), None)


def read(notebook: Path) -> list[Exercise]:
    """The exercises of a notebook of solutions; UserError for one that lacks a part."""
    found = []
    for cell in cells(notebook):
        part = part_of(cell)
        if part == "exercise":
            title = TITLE.match(cell["source"])
            if not title:
                raise UserError(f"{notebook.name}: no title as {TITLE.pattern}: {cell['source']}")
            found.append(Exercise(title[1], title[2], int(title[3]), int(title[4])))
        if part:
            found[-1].parts[part].append(cell)
    for one in found:
        if missing := [part for part in PARTS if not one.parts[part]]:
            raise UserError(f"{notebook.name}: exercise {one.number} has no {', '.join(missing)}")
    return found


# The student edition


def solutions() -> list[Path]:
    """The notebooks of solutions, in the order of their lessons."""
    return sorted((files.NOTEBOOKS / "solutions").glob("*.ipynb"))


def student_path(notebook: Path) -> Path:
    """Where the student edition of a notebook of solutions stands."""
    return files.NOTEBOOKS / "exercises" / notebook.name


def blank(source: str) -> str:
    """A solution without its answer: signature and docstring stay."""
    source = BLOCK.sub(lambda found: found[1] + BLANK, source)
    return VALUE.sub(lambda found: f"{found[1]} ...", source)


def student_edition(notebook: Path) -> str:
    """The text of the student notebook."""
    import nbformat

    book = nbformat.read(notebook, as_version=4)
    book.cells = [cell for cell in book.cells if part_of(cell) not in ("wrong", "why")]
    for cell in book.cells:
        if cell.cell_type == "code":
            cell.outputs = []
            cell.execution_count = None
        if part_of(cell) == "solution":
            cell.source = blank(cell.source)
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    book.metadata = nbformat.from_dict({"kernelspec": kernel})
    return nbformat.writes(book) + "\n"


def run_solutions(notebook: Path) -> None:
    """Write into a notebook of solutions what its cells print, run in this process."""
    import nbformat

    book = nbformat.read(notebook, as_version=4)
    names: dict = {"__name__": "exercises"}
    for count, cell in enumerate((c for c in book.cells if c.cell_type == "code"), 1):
        printed = StringIO()
        with redirect_stdout(printed):
            _run(cell.source, names)
        text = printed.getvalue()
        cell.outputs = [nbformat.v4.new_output("stream", text=text)] if text else []
        cell.execution_count = count
    with files.unfinished(notebook) as aside:
        nbformat.write(book, aside)


def write_all() -> None:
    """Run every notebook of solutions, and write its student edition."""
    for notebook in solutions():
        run_solutions(notebook)
        with files.unfinished(student_path(notebook)) as aside:
            aside.write_text(student_edition(notebook), encoding="utf-8")


def differences() -> list[str]:
    """Student notebooks that aren't what their solutions give."""
    wanted = {student_path(notebook): student_edition(notebook) for notebook in solutions()}
    there = set((files.NOTEBOOKS / "exercises").glob("*.ipynb"))
    return [
        f"notebooks/exercises/{path.name} is not what its solutions give: make update"
        for path in sorted(wanted.keys() | there)
        if path not in there or path.read_text(encoding="utf-8") != wanted.get(path)
    ]


def leaks(notebook: Path) -> list[str]:
    """Lines of an answer, outputs and parts that must not be seen in a student notebook."""
    student = cells(student_path(notebook))
    source = "\n".join(cell["source"] for cell in student)
    lines = {line.strip() for line in source.splitlines()}
    found = [f"outputs of cell {cell['id']}" for cell in student if cell.get("outputs")]
    found += [f"a cell tagged {part_of(c)}" for c in student if part_of(c) in ("wrong", "why")]
    for one in read(notebook):
        answer = one.source("solution")
        for block in BLOCK.finditer(answer):
            inner = [line.strip() for line in block[0].splitlines()[1:-1]]
            found += [line for line in inner if len(line) > 12 and line in lines]
        found += [line[0] for line in VALUE.finditer(answer) if line[0] in source]
    return found


# Proving that a check refuses what is wrong


@dataclass(frozen=True)
class Verdict:
    """What a check said of one answer: blank, wrong or right; `fault` where it should not have."""

    number: str
    answer: str
    said: str
    fault: str = ""


def prove(notebook: Path) -> list[Verdict]:
    """Try each exercise of a notebook blank, with each wrong answer, and with the solution.

    The cells run in this process, in their order, in a namespace that goes on with the solution.
    """
    exercises = {one.source("exercise"): one for one in read(notebook)}
    names: dict = {"__name__": "exercises"}
    verdicts = []
    current = None
    for cell in cells(notebook):
        part = part_of(cell)
        if part == "exercise":
            current = exercises[cell["source"]]
        elif part == "check":
            verdicts += _tried(current, names)
            _run(current.source("solution"), names)
        elif part is None and cell["cell_type"] == "code":
            _run(cell["source"], names)
    return verdicts


def _tried(exercise: Exercise, names: dict) -> list[Verdict]:
    """The verdicts on one exercise."""
    solution = exercise.source("solution")
    answers = [("blank", blank(solution), "still something to write")]
    for number, cell in enumerate(exercise.parts["wrong"], 1):
        first, _, rest = cell["source"].partition("\n")
        _, arrow, words = first.partition("->")
        if not arrow:
            raise UserError(f"exercise {exercise.number}: wrong answer {number} names no words")
        answers.append((f"wrong {number}", rest, words.strip()))
    answers.append(("right", solution, PASSED))
    verdicts = []
    for answer, source, words in answers:
        said = _checked(exercise, source, dict(names))
        fault = ""
        if (said == PASSED) != (answer == "right"):
            fault = "accepted" if said == PASSED else "refused"
        elif words not in said:
            fault = f"the message lacks the words {words!r}"
        verdicts.append(Verdict(exercise.number, answer, said, fault))
    return verdicts


def _checked(exercise: Exercise, source: str, names: dict) -> str:
    """What the check says of a source that stands in the place of the solution."""
    before = len(_said)
    with environment({"SOCIALAI_STRICT": None}), redirect_stdout(StringIO()):
        try:
            _run(source, names)
        except Exception:  # the check then misses the name, or finds it as it was
            pass
        _run(exercise.source("check"), names)
    said = [text for number, text in _said[before:] if number == exercise.number]
    if len(said) != 1:
        raise UserError(f"the check of exercise {exercise.number} spoke {len(said)} times")
    return said[0]


def _run(source: str, names: dict) -> None:
    exec(compile(source, "<exercise>", "exec"), names)


# A learner's copies


def copy(name: str) -> tuple[Path, bool]:
    """A learner's copy of a lesson's exercises, in work/; whether it is new. Never overwritten."""
    stem = find_notebook(name).stem
    source = files.NOTEBOOKS / "exercises" / f"{stem}.ipynb"
    if not source.is_file():
        raise UserError(f"lesson {stem} has no exercises yet")
    path = files.ROOT / WORK / source.name
    if path.exists():
        return path, False
    path.parent.mkdir(exist_ok=True)
    shutil.copyfile(source, path)
    return path, True


def progress() -> list[tuple[str, str, str, str]]:
    """Rows (exercise, title, minutes, state) of all exercises: passed, open, or not begun.

    The state is what the check last printed in the learner's copy, as it was saved.
    """
    rows = []
    having = {path.stem: path for path in solutions()}
    for lesson in all_notebooks():
        if lesson.stem not in having:
            continue
        copied = files.ROOT / WORK / f"{lesson.stem}.ipynb"
        text = copied.read_text(encoding="utf-8") if copied.is_file() else None
        for one in read(having[lesson.stem]):
            passed = text is not None and f"exercise {one.number}: {PASSED}" in text
            state = "not begun" if text is None else PASSED if passed else "open"
            rows.append((one.number, one.title, str(one.minutes), state))
    return rows
