"""Anybody's own texts: the one way to read a CSV file, and files with a text a line.

A file means what Python's csv module, at its strictest, reads from it. pyarrow reads it in a tenth
of the time where it is known to read the same; any other file, and any mistake, goes row by row.
"""

import codecs
import csv
import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import csv as arrow_csv

from socialai.data import inputs
from socialai.errors import UserError

SEPARATORS = {".csv": ",", ".tsv": "\t", ".tab": "\t"}  # by the suffix, in any case
OTHER_SEPARATORS = (",", ";", "\t", "|")  # that a file may turn out to have
SHOWN = 5  # how many row numbers an error names
SHOWN_NAMES = 10  # and how many columns
BLOCK = 2**20  # bytes
LONGEST_CELL = 2**31 - 1  # characters: the most that Python's csv module can be told
# What a file begins with that is no text in UTF-8.
BEGINNINGS = {
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
    b"\x1f\x8b": "a gzip archive",
    b"PK\x03\x04": "a zip archive or a spreadsheet",
}


def is_csv(name: str | Path) -> bool:
    """Whether a file of this name holds a table (.csv, .tsv or .tab, in upper case too)."""
    return Path(name).suffix.lower() in SEPARATORS


def read_csv(
    path: Path, text_column: str = "text", label_column: str | None = "label"
) -> pd.DataFrame:
    """Columns text and label of a CSV file in UTF-8, both as the text in their cells.

    label_column None: text only. A file that is called .tsv or .tab is separated by tabs. Names of
    columns and labels are stripped of white space, texts are not. So a label "1" is the same in
    every file, and words such as "NA" and "null" are texts like any other; only an empty cell, or
    one of blanks, is missing. Empty lines are left out; one empty cell too many is dropped if it
    ends every row.
    Raises UserError, in one line, for a file that is missing, empty or not UTF-8 (with the offset),
    a column that is missing (with those there are) or stands twice, a row with more or fewer cells
    than the header, a quote that isn't closed, and for empty texts or labels (with row numbers; row
    1 is the first after the header).
    """
    wanted = {"text": text_column}
    if label_column is not None:
        wanted["label"] = label_column
    separator = SEPARATORS.get(path.suffix.lower(), ",")
    with _opened(path) as file, _text(file, str(path)) as text, _long_cells():
        _check_separator(text, path, separator, wanted.values())
        header = next((cells for _, cells, _ in _rows(text, path, separator) if cells), None)
        if header is None:
            raise UserError(f"{path} is empty")
        names = [name.strip() for name in header]
        places = {name: _place(names, column, path) for name, column in wanted.items()}
        frame = _read_fast(file, len(names), places, separator)
        if frame is None:
            frame = _read_by_row(text, path, places, separator)
    if frame.empty:
        raise UserError(f"{path} has a header but no rows")
    if "label" in frame:
        frame["label"] = frame["label"].str.strip()
        _check_filled(frame["label"] == "", path)
    _check_filled((frame["text"] == "") | frame["text"].str.isspace(), path)
    return frame


def read_texts(file: Path | BinaryIO, text_column: str = "text") -> list[str]:
    r"""Texts of a CSV file (its text column) or of any other file or stream, one a line.

    Lines end at \n, \r\n or \r only; those of nothing but white space are left out.
    """
    if isinstance(file, Path) and is_csv(file):
        return read_csv(file, text_column, None)["text"].tolist()
    name = str(file) if isinstance(file, Path) else "what was read"
    texts = []
    with _opened(file) as opened, _text(opened, name, newline=None) as text:
        for number, line in enumerate(text, 1):
            _check_no_null(line, f"{name}: line {number}")
            if line.strip():
                texts.append(line.removesuffix("\n"))
    return texts


@contextmanager
def _opened(file: Path | BinaryIO) -> Iterator[BinaryIO]:
    """The file at a path, or the stream itself, in bytes that can be read more than once."""
    name = str(file) if isinstance(file, Path) else "what was read"
    try:
        if not isinstance(file, Path):
            yield file if file.seekable() else io.BytesIO(file.read())
            return
        with open(file, "rb") as opened:
            inputs.record_file(file)
            yield opened if opened.seekable() else io.BytesIO(opened.read())
    except OSError as error:
        raise UserError(f"{name} can't be read: {error.strerror or error}") from None


@contextmanager
def _text(file: BinaryIO, name: str, newline: str | None = "") -> Iterator[io.TextIOWrapper]:
    """The text in a file; UserError at the first byte that isn't UTF-8."""
    text = io.TextIOWrapper(file, "utf-8-sig", newline=newline)
    try:
        yield text
    except UnicodeDecodeError as error:
        offset = file.tell() - len(error.object) + error.start
        file.seek(0)
        beginning = file.read(4)
        kinds = [kind for mark, kind in BEGINNINGS.items() if beginning.startswith(mark)]
        hint = f" (it looks like {kinds[0]})" if kinds else ""
        byte = error.object[error.start]
        raise UserError(
            f"{name} is not UTF-8: byte {offset} is 0x{byte:02x}{hint}; save it as text in UTF-8"
        ) from None
    finally:
        text.detach()


@contextmanager
def _long_cells() -> Iterator[None]:
    """Python's csv module, which stops at 131,072 characters, takes cells of any length here."""
    limit = csv.field_size_limit(LONGEST_CELL)
    try:
        yield
    finally:
        csv.field_size_limit(limit)


def _check_no_null(line: str, place: str) -> None:
    if "\0" in line:
        raise UserError(f"{place} holds a NUL byte: save the file as text in UTF-8")


def _check_separator(
    text: io.TextIOWrapper, path: Path, separator: str, columns: Iterable[str]
) -> None:
    """UserError when the first line holds one of the columns only if it is cut in another way."""
    line = next((line for line in text if line.strip()), "")

    def cut(at: str) -> set[str]:
        return {name.strip().lower() for name in next(csv.reader([line], delimiter=at), ())}

    columns = {column.strip().lower() for column in columns}
    for other in OTHER_SEPARATORS:
        if columns & cut(other) and not columns & cut(separator):
            raise UserError(
                f"{path}: the separator seems to be {other!r}, and must be {separator!r}"
            )


def _place(names: list[str], column: str, path: Path) -> int:
    """Where in the header a column stands; UserError, with a hint, unless it stands there once."""
    column = column.strip()
    if names.count(column) == 1:
        return names.index(column)
    if column in names:
        raise UserError(
            f"{path}: column {column!r} stands {names.count(column)} times in the header: "
            f"one is needed"
        )
    near = [name for name in names if name.lower() == column.lower()]
    near = near or get_close_matches(column, names, 1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    if names[0].startswith("sep="):
        hint = "; delete the line sep=, that Excel put before the header"
    known = ", ".join(repr(name)[:40] for name in names[:SHOWN_NAMES])
    more = f" and {len(names) - SHOWN_NAMES} more" if len(names) > SHOWN_NAMES else ""
    raise UserError(f"{path} has no column {column!r}; it has {known}{more}{hint}")


def _read_fast(
    file: BinaryIO, n_columns: int, places: dict[str, int], separator: str
) -> pd.DataFrame | None:
    """The columns at these places by pyarrow; None where it may differ from Python's csv module."""
    file.seek(0)
    plain = _PlainFile(file, separator, places["text"] == n_columns - 1)
    names = [str(place) for place in range(n_columns)]
    types = {names[place]: pa.large_string() for place in places.values()}
    try:
        table = arrow_csv.read_csv(
            pa.PythonFile(plain, "r"),
            arrow_csv.ReadOptions(use_threads=False, block_size=BLOCK, column_names=names),
            arrow_csv.ParseOptions(delimiter=separator, newlines_in_values=True),
            arrow_csv.ConvertOptions(include_columns=list(types), column_types=types),
        )
    except pa.ArrowInvalid:  # rows of different lengths, or one that is very long
        return None
    if not plain.to_its_end():
        return None
    table = table.slice(1)  # without the header
    return pd.DataFrame({name: table[names[place]].to_pandas() for name, place in places.items()})


class _PlainFile:
    r"""A CSV file for pyarrow, which ends where another parser might read other rows from it.

    Every first, third, ... quote must stand at the beginning of a cell and every second one at its
    end, or each beside another quote; \r must not stand alone; and where the text ends its row,
    lines must end in one way, or a \r could belong to it.
    """

    closed = False

    def __init__(self, file: BinaryIO, separator: str, text_is_last: bool):
        self.file = file
        self.separator = separator.encode()
        self.text_is_last = text_is_last
        self.outside = np.zeros(256, dtype=bool)  # the bytes that may stand outside of a quote
        self.outside[list(b'\r\n"' + self.separator)] = True
        self.carry = b"\n"  # the byte before what comes, and one that waits for its neighbour
        self.held = b""
        self.is_plain = True
        self.open_quote = self.n_feeds = self.n_returns = 0

    def read(self, size: int) -> bytes:
        """The next bytes, none of them any more once the file is not plain."""
        block = self.held + self.file.read(size - len(self.held))
        # pyarrow loses a \n inside a quote that begins a block, behind a \r that ended the last.
        self.held = b"\r" if len(block) > 1 and block.endswith(b"\r") else b""
        block = block[: len(block) - len(self.held)]
        first = len(self.carry) == 1
        if block and self.is_plain:
            self._look_at(block.removeprefix(codecs.BOM_UTF8) if first else block)
        return block if self.is_plain else b""

    def to_its_end(self) -> bool:
        """Whether the whole file, which has been read, is plain."""
        self._look_at(self.separator)
        one_end = not self.text_is_last or self.n_returns in (0, self.n_feeds)
        return self.is_plain and not self.open_quote and one_end

    def _look_at(self, block: bytes) -> None:
        content = self.carry + block
        data = np.frombuffer(content, np.uint8)
        self.is_plain &= b"\0" not in content
        if b'"' in content:
            quotes = np.flatnonzero(data[1:-1] == ord('"')) + 1
            before = data[quotes[self.open_quote :: 2] - 1]
            after = data[quotes[1 - self.open_quote :: 2] + 1]
            self.is_plain &= bool(self.outside[before].all() and self.outside[after].all())
            self.open_quote = (self.open_quote + len(quotes)) % 2
        if b"\r" in content:
            returns = np.flatnonzero(data[1:-1] == ord("\r")) + 1
            self.is_plain &= bool((data[returns + 1] == ord("\n")).all())
            self.n_returns += len(returns)
        if self.text_is_last:
            self.n_feeds += block.count(b"\n")
        self.carry = content[-2:]


def _rows(
    text: io.TextIOWrapper, path: Path, separator: str
) -> Iterator[tuple[int, list[str], str]]:
    """(number, cells, line end) of each row by Python's csv module; the header is row 0.

    No cells: an empty line, which has the number of the row after it.
    """
    text.seek(0)
    number = 0
    end = ""

    def watched() -> Iterator[str]:
        nonlocal end
        for line in text:
            _check_no_null(line, f"{path}: {_named(number)}")
            end = line[len(line.rstrip("\r\n")) :]
            yield line

    try:
        for cells in csv.reader(watched(), delimiter=separator, strict=True):
            yield number, cells, end
            number += bool(cells)
    except csv.Error as error:
        raise UserError(
            f"{path} is not a CSV file: {_named(number)}: {error}; is a quote not closed, "
            f"or one inside a text not doubled?"
        ) from None


def _named(number: int) -> str:
    return f"row {number}" if number else "the header"


def _read_by_row(
    text: io.TextIOWrapper, path: Path, places: dict[str, int], separator: str
) -> pd.DataFrame:
    """The columns at these places; UserError for the first row that isn't like the others."""
    kept = {name: [] for name in places}
    ends = set()
    for number, cells, end in _rows(text, path, separator):
        if cells and not number:
            n_columns = width = len(cells)  # of the header, and of the rows
        elif cells:
            if number == 1 and len(cells) == n_columns + 1 and not cells[-1]:
                width += 1
            if len(cells) != width or (width > n_columns and cells[-1]):
                more = len(cells) > n_columns
                raise UserError(
                    f"{path} is not a CSV file: row {number} has {'more' if more else 'fewer'} "
                    f"cells than the header ({len(cells)}, not {n_columns}): a text with "
                    f"{repr(separator) if more else 'a line break'} in it belongs in quotes"
                )
            for name, place in places.items():
                kept[name].append(cells[place])

        # Python up to 3.12 wrote a \r without quotes where lines end in \n, and the other way.
        if end:
            ends.add(end)
        if len(ends) > 1 and ("\r" in ends or places["text"] + 1 == n_columns == width):
            raise UserError(
                f"{path}: {_named(number)} ends its line otherwise than the rows before it: "
                f"save the file with one kind of line end"
            )
    return pd.DataFrame(kept, dtype=str)


def _check_filled(empty: pd.Series, path: Path) -> None:
    """UserError that names the first rows where a cell holds nothing, or nothing but blanks."""
    if not empty.any():
        return
    rows = (np.flatnonzero(empty) + 1).tolist()
    named = ", ".join(map(str, rows[:SHOWN]))
    more = f" and {len(rows) - SHOWN} more" if len(rows) > SHOWN else ""
    raise UserError(f"{path}: empty {empty.name} in row {named}{more}")
