"""Auctions by the second price, and campaigns under a budget."""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from socialai.validation import check_number, check_numbers

MOST_INTERVALS = 10_000_000  # a row each: more is a time and no number of an interval


def second_price(bids: ArrayLike, prices: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """(won, cost) of sealed bids against the highest rival bid, (n,) each.

    The winner pays the rival's bid (Vickrey 1961). bids, prices: (n,) amounts, none negative or
    missing.
    """
    bids = check_numbers(bids, "bids", 0)
    prices = check_numbers(prices, "prices", 0, n=len(bids))
    return _auctions(bids, prices)


def _auctions(bids: np.ndarray, prices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    won = bids > prices
    return won, np.where(won, prices, 0.0)


def run_campaign(
    interval: ArrayLike,
    values: ArrayLike,
    prices: ArrayLike,
    budget: float,
    multiplier: float = 1.0,
    gain: float = 0.0,
    stop: bool = True,
) -> pd.DataFrame:
    """A simulated day of second-price auctions under a budget, one row an interval of time.

    interval (n,): number of the interval of each impression, from 0. values (n,): worth of showing
    the ad. prices (n,): highest rival bid; all in the same money. The bid is multiplier * value.
    Spending is known only at the end of an interval; `stop`: then bidding ends once the budget is
    spent, so the last interval can overspend. gain > 0 paces (Balseiro and Gur 2019): after each
    interval the multiplier is multiplied by exp(gain * (planned - spent) / mean planned), never
    above 1; what is planned for an interval follows its known share of the impressions.

    Returns columns interval, multiplier, spend, value, planned.
    """
    interval = check_numbers(interval, "interval", 0, MOST_INTERVALS, whole=True).astype(int)
    values = check_numbers(values, "values", 0, n=len(interval))
    prices = check_numbers(prices, "prices", 0, n=len(interval))
    budget = check_number(budget, "budget", 0, above=True)
    multiplier = check_number(multiplier, "multiplier", 0)
    gain = check_number(gain, "gain", 0)

    planned = budget * np.bincount(interval) / len(interval)
    spent = 0.0
    rows = []
    for t in range(len(planned)):
        # Bid on every impression of the interval with the multiplier that stood at its beginning.
        here = interval == t
        bid = 0.0 if stop and spent >= budget else multiplier
        won, cost = _auctions(bid * values[here], prices[here])
        spent += cost.sum()
        rows.append((t, bid, cost.sum(), values[here][won].sum(), planned[t]))

        # Then steer: less was spent than planned, bid more.
        if gain:
            off = (planned[t] - cost.sum()) * len(planned) / budget
            multiplier = min(1.0, multiplier * np.exp(gain * off))
    return pd.DataFrame(rows, columns=["interval", "multiplier", "spend", "value", "planned"])
