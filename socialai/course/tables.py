"""Tables in Markdown, and what stands in their cells: the map of the course, results, numbers."""

from collections.abc import Mapping
from pathlib import Path

from socialai import files
from socialai.course.yaml_files import read_yaml
from socialai.data import inputs

RESULT = ["result", "labels", "value", "again", "seeds", "published"]
LESSON = "[0-9][0-9]_*.ipynb"


def lessons() -> dict[str, dict]:
    """{number: {"stem", "title", "does", "article", ...}} of notebooks/lessons.yaml, in order.

    Among them are lessons that are still to come.
    """
    path = files.NOTEBOOKS / "lessons.yaml"
    inputs.record_file(path)
    return {stem[:2]: {"stem": stem} | entry for stem, entry in read_yaml(path).items()}


def lessons_here() -> dict[str, Path]:
    """{number: notebook} of the lessons that exist in this repository."""
    inputs.record_listing(files.NOTEBOOKS, LESSON)
    return {path.stem[:2]: path for path in sorted(files.NOTEBOOKS.glob(LESSON))}


def lesson_links(numbers: tuple[str, ...]) -> str:
    """Links in Markdown to lessons, by number; the plain number marked for one that isn't there."""
    here = lessons_here()
    return ", ".join(f"[{n}]({here[n].name})" if n in here else f"{n} (not yet)" for n in numbers)


def course_map(folder: str = "", more: Mapping[str, Mapping[str, str]] | None = None) -> str:
    """Markdown table of all lessons: title (a link where it exists), what it does, article.

    folder: of the notebooks, seen from the page that shows the table. more: further columns,
    {heading: {lesson's stem: cell}}.
    """
    more = more or {}
    here = lessons_here()
    rows = []
    for number, lesson in lessons().items():
        title = f"{number} {lesson['title']}"
        shown = f"[{title}]({folder}{here[number].name})" if number in here else f"{title}, not yet"
        cells = [column.get(lesson["stem"], "") for column in more.values()]
        rows.append((shown, lesson["does"], str(lesson["article"]), *cells))
    return markdown_table(["lesson", "what it does", "article", *more], rows)


def markdown_table(header: list[str], rows: list[tuple[str, ...]]) -> str:
    """A Markdown table; a cell with a bar in it would break the table and raises ValueError."""
    if bad := [cell for row in rows for cell in row if "|" in cell]:
        raise ValueError(f"a bar in a cell of a table: {bad[0]!r}")
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def result_row(result: dict) -> tuple[str, ...]:
    """A recorded result as cells under the headings `RESULT`.

    Again is how far the same seed on the same kind of machine may be from the value (else the same
    three decimals come out), seeds the range that other draws gave.
    """
    labels = ", ".join(f"{name} = {value}" for name, value in result["labels"].items())
    value = number(result["value"])
    if result["low"] is not None:
        value += f" [{number(result['low'])}, {number(result['high'])}]"
    again = "" if result["rerun"] is None else f"± {result['rerun']:g}"
    seeds = " to ".join(number(end) for end in result["seeds"] or [])
    published = result["published"]
    published = "" if published is None else f"{number(published)} ({result['source']})"
    return result["name"], labels, value, again, seeds, published


def cell(value: object) -> str:
    """A value as a table shows it: numbers rounded, nothing for what isn't there."""
    if value is None or value != value:
        return ""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return number(value)
    return str(value)


def number(value: float) -> str:
    """A number in three decimals, small ones in two digits, tiny ones in powers of ten."""
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    if abs(value) >= 0.01:
        return f"{value:,.3f}"
    return f"{value:.2g}" if abs(value) >= 1e-4 else f"{value:.1e}"


def plain(value: object) -> object:
    """A whole number as what it was before its column held numbers that are missing."""
    return int(value) if isinstance(value, float) and value == int(value) else value
