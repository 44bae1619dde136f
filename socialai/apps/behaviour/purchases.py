"""Purchases of customers: what is known of each, who stays, and what came after a day."""

import numpy as np
import pandas as pd

from socialai.errors import UserError
from socialai.preprocessing.logs import plain_columns, read_times
from socialai.validation import as_input_error, check_frame, check_number

PURCHASE_HISTORY = ["frequency", "recency", "T"]
A_CENTURY = 5200.0  # weeks


def check_purchase_history(X: pd.DataFrame) -> np.ndarray:
    """(3, n): the columns frequency, recency and T of a frame as numbers, checked.

    UserError for a frequency that isn't whole, a recency above T, and for a recency without a
    repeat purchase or the reverse.
    """
    frame = check_frame(X, PURCHASE_HISTORY, not_negative=tuple(PURCHASE_HISTORY))
    values = frame[PURCHASE_HISTORY].to_numpy(float).T
    check_histories(*values, names=X.index)
    return values


def check_histories(x: np.ndarray, t_x: np.ndarray, T: np.ndarray, names=None) -> None:
    """Histories that there can be: x repeat purchases, the last in week t_x, of T weeks, (n,) each.

    names: what the message calls the customers; their numbers from 0 by default.
    """
    bad = (t_x > T) | (x % 1 != 0) | ((x == 0) != (t_x == 0))
    if bad.any():
        place = int(bad.argmax())
        raise UserError(
            "frequency is whole, recency at most T, and 0 without a repeat purchase only: "
            f"row {place if names is None else names[place]!r} has frequency, recency, T = "
            f"{np.array([x[place], t_x[place], T[place]])}"
        )


def summarize(purchases: pd.DataFrame, until: str | pd.Timestamp) -> pd.DataFrame:
    """What each customer did up to and including a day, one row each who had bought by then.

    purchases: columns customer_id, date, value; dates, as text by ISO 8601, without a time zone.
    Returns, indexed by customer_id: frequency, days with a repeat purchase; recency, weeks from the
    first purchase to the last; T, weeks from the first purchase to `until`; monetary_value, mean
    value of a repeat day, 0 without one. Source: Fader, Hardie and Lee 2005, section 2.
    """
    columns = ["customer_id", "date", "value"]
    days = _with_days(check_frame(purchases, columns, not_negative=("value",)), columns)
    return _summary(days, _day(until))


def _summary(days: pd.DataFrame, until: pd.Timestamp) -> pd.DataFrame:
    """What `summarize` returns; of the columns customer_id, date (a day) and value."""
    first = days["date"].min()
    days = days[days["date"] <= until]
    if days.empty:
        raise UserError(f"nobody bought by {until.date()}: the first purchase is of {first.date()}")

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

    purchases: columns customer_id, date, as in `summarize`. A cohort is the month of the first
    purchase. Column 0 is 1 by definition; NaN where the data end before that month.
    """
    columns = ["customer_id", "date"]
    days = _with_days(check_frame(purchases, columns), columns)
    month = days["date"].dt.to_period("M").astype("int64")
    cohort = month.groupby(days["customer_id"]).transform("min")
    frame = pd.DataFrame({"customer": days["customer_id"], "cohort": cohort, "age": month - cohort})

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
    columns = ["customer_id", "date", "value"]
    days = _with_days(check_frame(purchases, columns, not_negative=("value",)), columns)
    until = _day(until)
    weeks = check_number(weeks, "weeks", 1 / 7, A_CENTURY)
    frame = _summary(days, until)
    waited = (days["date"] - until).dt.days
    n_days = round(7 * weeks)
    if waited.max() < n_days:
        end = until.to_numpy().astype("datetime64[D]") + n_days  # maybe after Python's last year
        raise UserError(
            f"the data end on {days['date'].max().date()}, before {end}: "
            "what followed isn't known yet"
        )

    # The first purchase that followed, of those who made one.
    after = waited[(waited > 0) & (waited <= n_days)]
    following = after.groupby(days["customer_id"]).min().reindex(frame.index)
    event = following.notna()
    return frame.assign(
        idle=frame["T"] - frame["recency"],
        event=event,
        duration=(following / 7).fillna(float(weeks)),
        silent=1 - event.astype(int),
    )


def _with_days(purchases: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """The columns with plain values, the dates as days; UserError for a customer_id of parts."""
    days = plain_columns(purchases, columns).assign(date=_days(purchases["date"], "column 'date'"))
    with as_input_error("column 'customer_id'"):  # a list, say, can't be one
        days["customer_id"].nunique()
    return days


def _days(dates: pd.Series, name: str) -> pd.Series:
    """Dates as days; a number might count days or nanoseconds, and a zone moves a day's end."""
    dates = read_times(dates, name, numbers=False)
    if dates.dt.tz is not None:
        raise UserError(f"{name} must hold dates without a time zone; the first is {dates.iloc[0]}")
    return dates.dt.normalize()


def _day(until: str | pd.Timestamp) -> pd.Timestamp:
    return _days(pd.Series([until]), "until").iloc[0]
