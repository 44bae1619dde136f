"""Click rates with intervals, how many impressions tell two apart, and the checks of a log."""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.stats import binomtest, norm

from socialai.errors import UserError
from socialai.validation import (
    as_input_error,
    check_choice,
    check_frame,
    check_labels,
    check_numbers,
)

INTERVAL_METHODS = ("wilson", "exact")


def check_bandit_log(log: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """The frame, if it is a log of impressions whose propensities were kept.

    It needs the columns, click (0 or 1) and propensity (above 0, at most 1): the probability with
    which the item of the row was shown. Its rows come back numbered from 0. Else UserError.
    """
    log = check_frame(log, [*columns, "click", "propensity"], not_negative=("propensity",))
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

    method: "wilson", or "exact" (Clopper and Pearson 1934), which is never too short. UserError for
    what are no counts, and for more successes than trials.
    """
    check_choice(method, INTERVAL_METHODS, "method")
    trials = check_numbers(trials, "trials", 1, whole=True)
    successes = check_numbers(successes, "successes", 0, n=len(trials), whole=True)
    if (successes > trials).any():
        place = int(np.argmax(successes > trials))
        raise UserError(
            f"there can't be more successes than trials: place {place} holds "
            f"{successes[place]:g} of {trials[place]:g}"
        )
    ends = []
    for k, n in zip(successes, trials, strict=True):
        interval = binomtest(int(k), int(n)).proportion_ci(method=method)
        ends.append((interval.low, interval.high))
    return np.array(ends)


def click_rates(log: pd.DataFrame, by: list[str], method: str = "wilson") -> pd.DataFrame:
    """Clicks per impression in each group, with 95 % intervals.

    log: columns `by` and click (0 or 1). method: as in `proportion_intervals`. Returns, indexed by
    the groups: impressions, clicks, value (the rate), low, high. UserError on a wrong frame.
    """
    if not isinstance(by, list | tuple) or not by:
        raise UserError(f"`by` is a list of columns, not {by!r}")
    by = list(by)
    if "click" in by or any(by.count(name) > 1 for name in by):
        raise UserError(f"`by` names different columns, and not 'click'; it is {by}")
    check_choice(method, INTERVAL_METHODS, "method")
    log = check_frame(log, [*by, "click"])
    clicks = check_labels(log["click"], allowed=(0, 1), name="column 'click'").astype(int)

    with as_input_error("groups"):  # a list, say, can't be one
        groups = log.assign(click=clicks).groupby(by, observed=True)["click"]
        sizes = groups.size()
    table = pd.DataFrame({"impressions": sizes, "clicks": groups.sum()})
    table["value"] = table["clicks"] / table["impressions"]
    table[["low", "high"]] = proportion_intervals(table["clicks"], table["impressions"], method)
    return table


def impressions_needed(rate: float, other: float, power: float = 0.8) -> int:
    """Impressions in each of two arms to tell two click rates apart, at 5 % and the given power.

    The normal approximation of the two-sided test of two proportions (Fleiss, Levin and Paik 2003,
    section 4.2). UserError for equal rates, and for a power of 2.5 %, which chance alone has.
    """
    rate, other, power = check_numbers([rate, other, power], "the rates and the power").tolist()
    if not (0 < rate < 1 and 0 < other < 1 and 0.025 < power < 1) or rate == other:
        raise UserError(
            "two different rates from 0 to 1 and a power above 0.025 are needed, "
            f"not {rate}, {other} and {power}"
        )
    z = norm.ppf(0.975) + norm.ppf(power)
    with np.errstate(over="ignore", divide="ignore"):
        n = np.ceil(z**2 * (rate * (1 - rate) + other * (1 - other)) / (rate - other) ** 2)
    if not np.isfinite(n):
        raise UserError(f"{rate} and {other} are too near to each other to be told apart")
    return int(n)


def shown_shares(log: pd.DataFrame) -> pd.DataFrame:
    """The average policy behind a log: how often each item was shown at each position.

    log: item_id, position. Returns item_id, position, probability. The average of the logged
    propensities is NOT that: a policy that changes logs an item mostly while it likes it.
    """
    log = check_frame(log, ["item_id", "position"])
    with as_input_error("item_id and position"):  # a list, say, can't be one
        by_position = log.groupby("position", observed=True)
        shares = by_position["item_id"].value_counts(normalize=True)
    shares = shares[shares > 0]  # a categorical column counts what isn't there, too
    return shares.rename("probability").reset_index()[["item_id", "position", "probability"]]
