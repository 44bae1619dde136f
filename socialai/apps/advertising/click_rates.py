"""Click rates with intervals, how many impressions tell two apart, and the checks of a log."""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.stats import binomtest, norm

from socialai.errors import UserError
from socialai.validation import check_choice, check_frame, check_labels

INTERVAL_METHODS = ("wilson", "exact")


def check_bandit_log(log: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """The frame itself if it is a log of impressions whose propensities were kept.

    It needs the columns, click (0 or 1) and propensity (above 0, at most 1): the probability with
    which the item of the row was shown. Else UserError, one line.
    """
    check_frame(log, [*columns, "click", "propensity"], not_negative=("propensity",))
    check_labels(log["click"], allowed=(0, 1), name="column 'click'")
    if not log["propensity"].between(0, 1, inclusive="right").all():
        raise UserError(
            "column 'propensity' must lie above 0 and not above 1: each row was shown with it"
        )
    return log


def proportion_intervals(
    successes: ArrayLike, trials: ArrayLike, method: str = "wilson"
) -> np.ndarray:
    """(groups, 2): the ends of the 95 % intervals of successes / trials, both (groups,) counts.

    method: "wilson", or "exact" (Clopper and Pearson 1934), which is never too short.
    """
    check_choice(method, INTERVAL_METHODS, "method")
    ends = []
    for k, n in zip(successes, trials, strict=True):
        interval = binomtest(k, n).proportion_ci(method=method)
        ends.append((interval.low, interval.high))
    return np.array(ends)


def click_rates(log: pd.DataFrame, by: list[str], method: str = "wilson") -> pd.DataFrame:
    """Clicks per impression in each group, with 95 % intervals.

    log: columns `by` and click (0 or 1). method: as in `proportion_intervals`. Returns, indexed by
    the groups: impressions, clicks, value (the rate), low, high. UserError on a wrong frame.
    """
    if not isinstance(by, list | tuple) or not by:
        raise UserError(f"`by` is a list of columns, not {by!r}")
    check_choice(method, INTERVAL_METHODS, "method")
    check_frame(log, [*by, "click"])
    check_labels(log["click"], allowed=(0, 1), name="column 'click'")

    groups = log.groupby(by)["click"]
    table = pd.DataFrame({"impressions": groups.size(), "clicks": groups.sum()})
    table["value"] = table["clicks"] / table["impressions"]
    table[["low", "high"]] = proportion_intervals(table["clicks"], table["impressions"], method)
    return table


def impressions_needed(rate: float, other: float, power: float = 0.8) -> int:
    """Impressions in each of two arms to tell two click rates apart, at 5 % and the given power.

    The normal approximation of the two-sided test of two proportions (Fleiss, Levin and Paik 2003,
    section 4.2). UserError for equal rates, and for a power of 2.5 %, which chance alone has.
    """
    if not (0 < rate < 1 and 0 < other < 1 and 0.025 < power < 1) or rate == other:
        raise UserError(
            "two different rates from 0 to 1 and a power above 0.025 are needed, "
            f"not {rate}, {other} and {power}"
        )
    z = norm.ppf(0.975) + norm.ppf(power)
    return int(np.ceil(z**2 * (rate * (1 - rate) + other * (1 - other)) / (rate - other) ** 2))


def shown_shares(log: pd.DataFrame) -> pd.DataFrame:
    """The average policy behind a log: how often each item was shown at each position.

    log: item_id, position. Returns item_id, position, probability. The average of the logged
    propensities is NOT that: a policy that changes logs an item mostly while it likes it.
    """
    by_position = check_frame(log, ["item_id", "position"]).groupby("position")
    shares = by_position["item_id"].value_counts(normalize=True)
    return shares.rename("probability").reset_index()[["item_id", "position", "probability"]]
