"""Purchases of customers: what is known of each, who stays, and what came after a day."""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from pandas.api.types import is_datetime64_dtype, is_numeric_dtype

from socialai.errors import UserError
from socialai.validation import (
    as_input_error,
    check_frame,
    check_labels,
    check_number,
    check_numbers,
)

RFM = ["frequency", "recency", "T"]


def summarize(purchases: pd.DataFrame, until: str | pd.Timestamp) -> pd.DataFrame:
    """What each customer did up to and including the day `until`, one row a customer who had bought by then.

    purchases: columns customer_id, date, value. Returns, indexed by customer_id: frequency, days with a repeat
    purchase; recency, weeks from the first purchase to the last; T, weeks from the first purchase to `until`;
    monetary_value, mean value of a repeat day, 0 without one. Fader, Hardie and Lee 2005, section 2.
    """
    check_frame(purchases, ["customer_id", "date", "value"], not_negative=("value",))
    until = _day(until)
    days = purchases.assign(date=_days(purchases["date"])).query("date <= @until")
    if days.empty:
        raise UserError(
            f"nobody bought by {until.date()}: the first purchase is of {purchases['date'].min()}"
        )
    days = days.groupby(["customer_id", "date"])["value"].sum().reset_index()
    first = days.groupby("customer_id")["date"].agg(["min", "max"])
    repeats = days[days["date"] != days["customer_id"].map(first["min"])].groupby("customer_id")[
        "value"
    ]
    return pd.DataFrame(
        {
            "frequency": repeats.size().reindex(first.index, fill_value=0),
            "recency": (first["max"] - first["min"]).dt.days / 7,
            "T": (until - first["min"]).dt.days / 7,
            "monetary_value": repeats.mean().reindex(first.index, fill_value=0.0),
        }
    )


def retention(purchases: pd.DataFrame) -> pd.DataFrame:
    """Share of each monthly cohort that buys again, rows the month of the first purchase, columns months since then.

    purchases: columns customer_id, date. Column 0 is 1 by definition; NaN where the data end before that month.
    """
    check_frame(purchases, ["customer_id", "date"])
    month = _days(purchases["date"]).dt.to_period("M").astype("int64")
    cohort = month.groupby(purchases["customer_id"]).transform("min")
    frame = pd.DataFrame(
        {"customer": purchases["customer_id"], "cohort": cohort, "age": month - cohort}
    )
    active = frame.drop_duplicates().groupby(["cohort", "age"]).size().unstack(fill_value=0)
    active = active.reindex(columns=range(int(month.max() - month.min()) + 1), fill_value=0)
    seen = active.index.to_numpy()[:, None] + active.columns.to_numpy() <= month.max()
    share = active.div(active[0], axis=0).where(seen)
    return share.set_axis(pd.PeriodIndex.from_ordinals(share.index, freq="M").astype(str), axis=0)


def _days(dates: pd.Series, name: str = "column 'date'") -> pd.Series:
    """Dates, without a time zone, as days; UserError for what is none (a number might count days or nanoseconds)."""
    if is_numeric_dtype(dates):
        raise UserError(f"{name} must hold dates; it holds {dates.dtype}")
    with as_input_error(name):
        days = pd.to_datetime(dates)
    if not is_datetime64_dtype(days) or days.isna().any():
        raise UserError(f"{name} must hold dates without a time zone; the first is {dates.iloc[0]}")
    return days.dt.normalize()


def _day(until: str | pd.Timestamp) -> pd.Timestamp:
    return _days(pd.Series([until]), "until").iloc[0]


def check_rfm(X: pd.DataFrame) -> np.ndarray:
    """Columns frequency, recency, T as (3, n), checked."""
    check_frame(X, RFM, not_negative=tuple(RFM))
    x, t_x, T = values = X[RFM].to_numpy(float).T
    bad = (t_x > T) | (x % 1 != 0) | ((x == 0) != (t_x == 0))
    if bad.any():
        rule = "frequency is whole, recency at most T, and 0 without a repeat purchase only"
        raise UserError(
            f"{rule}: row {X.index[bad.argmax()]!r} has frequency, recency, T = {values[:, bad][:, 0]}"
        )
    return values


def snapshot(purchases: pd.DataFrame, until: str | pd.Timestamp, weeks: float) -> pd.DataFrame:
    """What was known on the day `until` and what the next `weeks` brought, one row a customer, to learn churn from.

    Adds to `summarize`: idle, weeks since the last purchase; event, whether a purchase followed; duration, weeks until
    it, or `weeks` where none came (censored); silent, 1 where none came. UserError where the data end before that.
    """
    frame, until, weeks = (
        summarize(purchases, until),
        _day(until),
        check_number(weeks, "weeks", 1 / 7),
    )
    dates, end = _days(purchases["date"]), until + pd.Timedelta(days=round(7 * weeks))
    if dates.max() < end:
        raise UserError(
            f"the data end on {dates.max().date()}, before {end.date()}: what followed isn't known yet"
        )
    following = (
        dates[(dates > until) & (dates <= end)]
        .groupby(purchases["customer_id"])
        .min()
        .reindex(frame.index)
    )
    duration, event = ((following - until).dt.days / 7).fillna(weeks), following.notna()
    return frame.assign(
        idle=frame["T"] - frame["recency"],
        event=event,
        duration=duration,
        silent=1 - event.astype(int),
    )


def mean_interval(
    values: ArrayLike, groups: ArrayLike | None = None, seed: int = 0, resamples: int = 1000
) -> np.ndarray:
    """95 % bootstrap interval of the mean of values (n,) or of each column (n, k): (2,) or (2, k).

    groups (n,): whole groups are drawn, all of a user's events say, since events of one user are alike.
    """
    values = check_numbers(values, "values", ndim=2 if np.ndim(values) == 2 else 1)
    resamples = check_number(resamples, "resamples", 1, whole=True)
    groups = (
        np.arange(len(values))
        if groups is None
        else check_labels(groups, len(values), name="groups")
    )
    _, group = np.unique(groups, return_inverse=True)
    sums, sizes = pd.DataFrame(values).groupby(group).sum().to_numpy(), np.bincount(group)
    drawn = np.random.default_rng(seed).multinomial(
        len(sizes), np.full(len(sizes), 1 / len(sizes)), resamples
    )
    means = drawn @ sums / (drawn @ sizes)[:, None]  # (resamples, k)
    return np.quantile(means if values.ndim == 2 else means[:, 0], [0.025, 0.975], axis=0)
