"""Purchases of customers: what is known of each, who stays, and what came after a day."""

import numpy as np
import pandas as pd
from pandas.api.types import is_datetime64_dtype, is_numeric_dtype

from socialai.errors import UserError
from socialai.validation import as_input_error, check_frame, check_number

PURCHASE_HISTORY = ["frequency", "recency", "T"]


def check_purchase_history(X: pd.DataFrame) -> np.ndarray:
    """(3, n): the columns frequency, recency and T of a frame as numbers, checked.

    UserError for a frequency that isn't whole, a recency above T, and for a recency without a
    repeat purchase or the reverse.
    """
    check_frame(X, PURCHASE_HISTORY, not_negative=tuple(PURCHASE_HISTORY))
    values = X[PURCHASE_HISTORY].to_numpy(float).T
    x, t_x, T = values
    bad = (t_x > T) | (x % 1 != 0) | ((x == 0) != (t_x == 0))
    if bad.any():
        raise UserError(
            "frequency is whole, recency at most T, and 0 without a repeat purchase only: "
            f"row {X.index[bad.argmax()]!r} has frequency, recency, T = {values[:, bad][:, 0]}"
        )
    return values


def summarize(purchases: pd.DataFrame, until: str | pd.Timestamp) -> pd.DataFrame:
    """What each customer did up to and including a day, one row each who had bought by then.

    purchases: columns customer_id, date, value. Returns, indexed by customer_id: frequency, days
    with a repeat purchase; recency, weeks from the first purchase to the last; T, weeks from the
    first purchase to `until`; monetary_value, mean value of a repeat day, 0 without one. Source:
    Fader, Hardie and Lee 2005, section 2.
    """
    check_frame(purchases, ["customer_id", "date", "value"], not_negative=("value",))
    until = _day(until)
    days = purchases.assign(date=_days(purchases["date"])).query("date <= @until")
    if days.empty:
        raise UserError(
            f"nobody bought by {until.date()}: the first purchase is of {purchases['date'].min()}"
        )

    # Purchases of one day are one; a repeat is one on a later day than the first.
    days = days.groupby(["customer_id", "date"])["value"].sum().reset_index()
    ends = days.groupby("customer_id")["date"].agg(["min", "max"])
    later = days[days["date"] != days["customer_id"].map(ends["min"])]
    repeats = later.groupby("customer_id")["value"]
    return pd.DataFrame(
        {
            "frequency": repeats.size().reindex(ends.index, fill_value=0),
            "recency": (ends["max"] - ends["min"]).dt.days / 7,
            "T": (until - ends["min"]).dt.days / 7,
            "monetary_value": repeats.mean().reindex(ends.index, fill_value=0.0),
        }
    )


def retention(purchases: pd.DataFrame) -> pd.DataFrame:
    """Share of each monthly cohort that buys again: rows cohorts, columns months since then.

    purchases: columns customer_id, date. A cohort is the month of the first purchase. Column 0 is 1
    by definition; NaN where the data end before that month.
    """
    check_frame(purchases, ["customer_id", "date"])
    month = _days(purchases["date"]).dt.to_period("M").astype("int64")
    cohort = month.groupby(purchases["customer_id"]).transform("min")
    frame = pd.DataFrame(
        {"customer": purchases["customer_id"], "cohort": cohort, "age": month - cohort}
    )

    # Each customer once a month, at every age that the data could show.
    active = frame.drop_duplicates().groupby(["cohort", "age"]).size().unstack(fill_value=0)
    active = active.reindex(columns=range(int(month.max() - month.min()) + 1), fill_value=0)
    seen = active.index.to_numpy()[:, None] + active.columns.to_numpy() <= month.max()
    share = active.div(active[0], axis=0).where(seen)
    return share.set_axis(pd.PeriodIndex.from_ordinals(share.index, freq="M").astype(str), axis=0)


def snapshot(purchases: pd.DataFrame, until: str | pd.Timestamp, weeks: float) -> pd.DataFrame:
    """What was known on a day and what the next `weeks` brought, to learn churn from.

    One row a customer. Adds to `summarize`: idle, weeks since the last purchase; event, whether a
    purchase followed; duration, weeks until it, or `weeks` where none came (censored); silent, 1
    where none came. UserError where the data end before that.
    """
    frame = summarize(purchases, until)
    check_number(weeks, "weeks", 1 / 7)
    until = _day(until)
    end = until + pd.Timedelta(days=round(7 * weeks))
    dates = _days(purchases["date"])
    if dates.max() < end:
        raise UserError(
            f"the data end on {dates.max().date()}, before {end.date()}: "
            "what followed isn't known yet"
        )

    # The first purchase that followed, of those who made one.
    after = dates[(dates > until) & (dates <= end)]
    following = after.groupby(purchases["customer_id"]).min().reindex(frame.index)
    event = following.notna()
    return frame.assign(
        idle=frame["T"] - frame["recency"],
        event=event,
        duration=((following - until).dt.days / 7).fillna(weeks),
        silent=1 - event.astype(int),
    )


def _days(dates: pd.Series, name: str = "column 'date'") -> pd.Series:
    """Dates, without a time zone, as days.

    UserError for what is none; a number might count days or nanoseconds.
    """
    if is_numeric_dtype(dates):
        raise UserError(f"{name} must hold dates; it holds {dates.dtype}")
    with as_input_error(name):
        days = pd.to_datetime(dates)
    if not is_datetime64_dtype(days) or days.isna().any():
        raise UserError(f"{name} must hold dates without a time zone; the first is {dates.iloc[0]}")
    return days.dt.normalize()


def _day(until: str | pd.Timestamp) -> pd.Timestamp:
    return _days(pd.Series([until]), "until").iloc[0]
