"""Click rates with intervals, and how many impressions tell two of them apart."""

import numpy as np
import pandas as pd
from scipy.stats import binomtest, norm

from socialai.errors import UserError
from socialai.validation import check_frame, check_labels

CELL = ["position", "item_id"]


def click_rates(log: pd.DataFrame, by: list[str], method: str = "wilson") -> pd.DataFrame:
    """Clicks per impression in each group, with 95 % intervals: columns impressions, clicks, rate, low, high.

    log: columns `by` and click (0 or 1). method: "wilson", or "exact" (Clopper and Pearson 1934), which is never too
    short. Raises UserError on a wrong frame.
    """
    if not isinstance(by, list | tuple) or not by or method not in ("wilson", "exact"):
        raise UserError(
            f"`by` is a list of columns, and the method wilson or exact; got {by!r} and {method!r}"
        )
    check_labels(check_frame(log, [*by, "click"])["click"], allowed=(0, 1), name="column 'click'")
    groups = log.groupby(by)["click"]
    table = pd.DataFrame({"impressions": groups.size(), "clicks": groups.sum()})
    table["rate"] = table["clicks"] / table["impressions"]
    table[["low", "high"]] = rate_intervals(table["clicks"], table["impressions"], method)
    return table


def impressions_needed(rate: float, other: float, power: float = 0.8) -> int:
    """Impressions in each of two arms to tell click rates `rate` and `other` apart (two-sided 5 %, given power).

    The normal approximation of the test of two proportions (Fleiss, Levin and Paik 2003, section 4.2).
    """
    if (
        not (0 < rate < 1 and 0 < other < 1 and 0.025 < power < 1) or rate == other
    ):  # by chance alone power is 2.5 %
        raise UserError(
            f"two different rates from 0 to 1 and a power above 0.025, not {rate}, {other} and {power}"
        )
    z = norm.ppf(0.975) + norm.ppf(power)
    return int(np.ceil(z**2 * (rate * (1 - rate) + other * (1 - other)) / (rate - other) ** 2))


def shown_shares(log: pd.DataFrame) -> pd.DataFrame:
    """The average policy behind a log: how often each item was shown at each position (item_id, position, probability).

    The average of the logged propensities is NOT that: a policy that changes logs an item mostly while it likes it.
    """
    shares = (
        check_frame(log, ["item_id", "position"])
        .groupby("position")["item_id"]
        .value_counts(normalize=True)
    )
    return shares.rename("probability").reset_index()[["item_id", "position", "probability"]]


def check_log(log: pd.DataFrame, columns: list[str]) -> None:
    check_frame(log, columns, not_negative=("propensity",))
    check_labels(log["click"], allowed=(0, 1), name="column 'click'")
    if not log["propensity"].between(0, 1, inclusive="right").all():
        raise UserError(
            "column 'propensity' must lie above 0 and not above 1: each row was shown with it"
        )


def rate_intervals(clicks, impressions, method: str = "wilson") -> np.ndarray:
    """(groups, 2) ends of 95 % intervals."""
    ends = [
        binomtest(k, n).proportion_ci(method=method)
        for k, n in zip(clicks, impressions, strict=True)
    ]
    return np.array([(e.low, e.high) for e in ends])
