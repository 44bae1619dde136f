"""Logs of what people did: ids and times as plain values, whatever pandas keeps them in."""

from datetime import date

import numpy as np
import pandas as pd
from pandas.api.types import (
    is_datetime64_any_dtype,
    is_numeric_dtype,
    is_object_dtype,
    is_timedelta64_dtype,
)

from socialai.errors import UserError
from socialai.validation import check_numbers


def plain_values(values: pd.Series) -> pd.Series:
    """The values in the type that pandas gives to a list of them.

    So a category of texts is text, an Int64 without a missing value int64, an object column of
    whole numbers too, and two logs of the same values are the same log. Categories, above all,
    would bring back ids that no row holds.
    """
    kept = (np.dtype, pd.DatetimeTZDtype, pd.PeriodDtype)
    if isinstance(values.dtype, kept) and not is_object_dtype(values):
        return values
    return pd.Series(values.tolist(), index=values.index, name=values.name)


def plain_columns(frame: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """These columns of a frame, each with plain values."""
    return pd.DataFrame({column: plain_values(frame[column]) for column in columns})


def read_times(times: pd.Series, name: str, numbers: bool = True) -> pd.Series:
    """Times that can be compared: dates, or finite numbers where they may be such; else UserError.

    Text is read by ISO 8601 only, each cell by itself, with or without a time (2024-12-31,
    2024-12-31 18:30): 08/03/2014 could be two dates. A period of pandas is its beginning. All have
    a time zone, the same one, or none has.
    """
    times = plain_values(times)
    wanted = "dates, or numbers only" if numbers else "dates"
    if is_numeric_dtype(times) or is_timedelta64_dtype(times):
        if not numbers:
            raise UserError(f"{name} must hold {wanted}; it holds {times.dtype}")
        if is_numeric_dtype(times):
            check_numbers(times, name)
        return times

    if isinstance(times.dtype, pd.PeriodDtype):
        read = times.dt.to_timestamp()
    elif is_datetime64_any_dtype(times):
        read = times
    else:
        # Python writes its dates by ISO 8601 too. Without a year in front pandas would take "now".
        is_time = times.map(lambda time: isinstance(time, (str, date, np.datetime64)))
        text = times.where(is_time, "").map(lambda time: str(time).strip())
        text = text.where(text.str.match(r"\d{4}"), None)
        try:
            read = pd.to_datetime(text, format="ISO8601", errors="coerce")
        except ValueError:
            raise UserError(
                f"{name}: all times must have one time zone, or none of them any; "
                "pd.to_datetime(..., utc=True) makes them so"
            ) from None
    if read.isna().any():
        row = int(read.isna().argmax())
        raise UserError(
            f"{name} must hold {wanted}, as text by ISO 8601 (2024-12-31 or 2024-12-31 18:30); "
            f"row {row} is {' '.join(repr(times.iloc[row]).split())[:40]}"
        )
    return read
