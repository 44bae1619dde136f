"""Names of categories: one for each, whatever type a frame keeps it in."""

from collections.abc import Collection, Mapping
from datetime import date, timedelta
from decimal import Decimal
from numbers import Integral, Real

import numpy as np
import pandas as pd
from pandas.api.types import is_float_dtype, is_list_like

from socialai.errors import UserError

LONG_NUMBER = "a float of that size has lost digits, so that it may be another: give whole numbers"


def category_names(column: pd.Series) -> tuple[list[list[str]], set[str]]:
    """(names, kinds): the names of the categories of each cell, and what kinds they are of.

    A cell is one category, or a list, tuple, set or array of several. A whole number is written
    without a point, so 2, 2.0, np.int64(2) and the text "2" are one category, and so are True and
    1; other numbers are told apart by the digits that float32 has. Kinds: "numbers", "text",
    "dates", "dates with a time zone", "spans of time", "ranges", "others". UserError for what has
    no name.
    """
    known: dict = {}
    rows = []
    # numpy's own floats: Python's hide how many digits they have.
    for row, cell in enumerate(column.to_numpy() if is_float_dtype(column) else column):
        several = is_list_like(cell) and isinstance(cell, Collection)
        names = []
        for category in cell if several and not isinstance(cell, Mapping) else [cell]:
            try:
                if category not in known:
                    known[category] = _kind_and_name(category)
                names.append(known[category][1])
            except (TypeError, UserError) as error:
                said = error if isinstance(error, UserError) else "it is no category"
                value = " ".join(repr(category).split())[:40]
                raise UserError(f"column {column.name!r}, row {row}: {value}: {said}") from None
        rows.append(names)
    return rows, {kind for kind, _ in known.values()}


def _kind_and_name(category) -> tuple[str, str]:
    """What kind a category is of, and its name."""
    if isinstance(category, str):
        return "text", str(category)
    if pd.isna(category):
        raise UserError("a category is missing")
    if isinstance(category, (Real, Decimal, np.bool_)):
        return "numbers", _number_name(category)
    if isinstance(category, (date, np.datetime64)):
        time = pd.Timestamp(category)
        if time.tz is None:
            return "dates", str(time)
        return "dates with a time zone", str(time.tz_convert("UTC"))
    if isinstance(category, (timedelta, np.timedelta64)):
        return "spans of time", str(pd.Timedelta(category))
    if isinstance(category, pd.Interval):
        ends = f"{_kind_and_name(category.left)[1]}, {_kind_and_name(category.right)[1]}"
        left = "[" if category.closed_left else "("
        return "ranges", f"{left}{ends}{']' if category.closed_right else ')'}"
    if type(category).__str__ is object.__str__ and type(category).__repr__ is object.__repr__:
        raise TypeError("its name would be its place in memory")
    hash(category)
    return "others", str(category)


def _number_name(number) -> str:
    """A number as it is written in the shortest way, the same for all its types."""
    is_float = isinstance(number, (float, np.floating))
    if is_float and np.isfinite(number) and abs(number) >= 2.0 ** (np.finfo(number).nmant + 1):
        raise UserError(LONG_NUMBER)
    if isinstance(number, (Integral, np.bool_)) or number % 1 == 0:
        return str(int(number))
    # 0.1 of float64, which isn't 0.1 of float32, is so once it is rounded to the latter.
    return str(number if isinstance(number, np.float16) else np.float32(number))
