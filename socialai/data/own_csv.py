"""Anybody's own texts: the one way to read a CSV file, and files with a text a line."""

import io
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pandas as pd

from socialai.data import inputs
from socialai.errors import UserError

SHOWN = 5  # how many row numbers an error names
BYTE_ORDER_MARK = "\ufeff"  # what spreadsheets put in front


def read_csv(
    path: Path, text_column: str = "text", label_column: str | None = "label"
) -> pd.DataFrame:
    """Columns text and label of a CSV file in UTF-8, both as the text in their cells.

    label_column None: text only. So a label "1" is the same in every file, and words such as "NA"
    and "null" are texts like any other; only an empty cell, or one of blanks, is missing.
    Raises UserError, in one line, for a file that is missing, empty or not UTF-8 (with the offset),
    a missing column (with those there are) and for empty texts or labels (with row numbers; row 1
    is the first after the header).
    """
    content = _decode(_read(path), str(path)).removeprefix(BYTE_ORDER_MARK)
    try:
        table = pd.read_csv(io.StringIO(content), dtype=str, keep_default_na=False)
    except pd.errors.EmptyDataError:
        raise UserError(f"{path} is empty") from None
    except pd.errors.ParserError as error:
        raise UserError(f"{path} is not a CSV file: {str(error).strip()}") from None
    if not isinstance(table.index, pd.RangeIndex):  # pandas took the first cells for an index
        raise UserError(f"{path}: row 1 has more cells than the header")

    # The columns that were asked for, under the names that all else uses.
    columns = {"text": text_column}
    if label_column is not None:
        columns["label"] = label_column
    for column in columns.values():
        if column not in table.columns:
            known = ", ".join(map(str, table.columns))
            raise UserError(f"{path} has no column {column!r}; it has {known}")
    frame = pd.DataFrame({name: table[column] for name, column in columns.items()})

    if frame.empty:
        raise UserError(f"{path} has a header but no rows")
    for name in columns:
        _check_filled(frame[name], path)
    return frame


def read_texts(file: Path | BinaryIO, text_column: str = "text") -> list[str]:
    """Texts of a CSV file (its text column) or of any other file or stream, one a line.

    Empty lines are left out.
    """
    if isinstance(file, Path) and file.suffix.lower() == ".csv":
        return read_csv(file, text_column, None)["text"].tolist()
    content = _read(file) if isinstance(file, Path) else file.read()
    name = str(file) if isinstance(file, Path) else "what was read"
    return [line for line in _decode(content, name).splitlines() if line.strip()]


def _read(path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path} can't be read: {error.strerror}") from None
    inputs.record_file(path)
    return content


def _decode(content: bytes, name: str) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        byte = content[error.start]
        raise UserError(f"{name} is not UTF-8: byte {error.start} is 0x{byte:02x}") from None


def _check_filled(cells: pd.Series, path: Path) -> None:
    """UserError where a cell holds nothing, or nothing but blanks."""
    empty = cells.fillna("").str.strip() == ""
    if not empty.any():
        return
    rows = (np.flatnonzero(empty) + 1).tolist()
    named = ", ".join(map(str, rows[:SHOWN]))
    more = f" and {len(rows) - SHOWN} more" if len(rows) > SHOWN else ""
    raise UserError(f"{path}: empty {cells.name} in row {named}{more}")
