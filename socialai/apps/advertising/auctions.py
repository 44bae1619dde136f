"""Auctions by the second price, and campaigns under a budget."""

import numpy as np
import pandas as pd

from socialai.validation import check_number, check_numbers


def second_price(bids, prices) -> tuple[np.ndarray, np.ndarray]:
    """(won, cost) of sealed bids against the highest rival bid: the winner pays the rival's (Vickrey 1961).

    bids, prices: (n,) amounts, none negative or missing.
    """
    bids = check_numbers(bids, "bids", 0)
    prices = check_numbers(prices, "prices", 0, n=len(bids))
    return _auctions(bids, prices)


def _auctions(bids: np.ndarray, prices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    won = bids > prices
    return won, np.where(won, prices, 0.0)


def run_campaign(
    interval,
    values,
    prices,
    budget: float,
    multiplier: float = 1.0,
    gain: float = 0.0,
    stop: bool = True,
) -> pd.DataFrame:
    """A simulated day of second-price auctions under a budget, one row an interval: multiplier, spend, value.

    interval (n,): number of the interval of each impression, from 0; values (n,): worth of showing the ad; prices (n,):
    highest rival bid; all in the same money. The bid is multiplier * value. Spending is known only at the end of an
    interval; `stop`: then bidding ends once the budget is spent, so the last interval can overspend. gain > 0 paces
    (Balseiro and Gur 2019): after each interval the multiplier is multiplied by exp(gain * (planned - spent) / mean
    planned), never above 1; what is planned for an interval follows its known share of the impressions.
    """
    interval = check_numbers(interval, "interval", 0, whole=True).astype(int)
    given = ((values, "values"), (prices, "prices"))
    values, prices = (check_numbers(amounts, name, 0, n=len(interval)) for amounts, name in given)
    check_number(budget, "budget", 0, above=True)
    check_number(multiplier, "multiplier", 0), check_number(gain, "gain", 0)
    planned = budget * np.bincount(interval) / len(interval)
    spent, rows = 0.0, []
    for t in range(len(planned)):
        here, bid = interval == t, 0.0 if stop and spent >= budget else multiplier
        won, cost = _auctions(bid * values[here], prices[here])
        spent += cost.sum()
        rows.append((t, bid, cost.sum(), values[here][won].sum(), planned[t]))
        if gain:
            multiplier = min(
                1.0, multiplier * np.exp(gain * (planned[t] - cost.sum()) * len(planned) / budget)
            )
    return pd.DataFrame(rows, columns=["interval", "multiplier", "spend", "value", "planned"])
