"""Bursts: the days on which people suddenly talk of something (Kleinberg 2002)."""

import math

import numpy as np
import pandas as pd

from socialai.errors import UserError
from socialai.validation import check_number, check_numbers


def burst_costs(hits, totals, ratio: float = 2.0) -> np.ndarray:
    """(n, 2): minus log-likelihood of hits[t] among totals[t] at the usual rate p0, and at the burst's, ratio * p0.

    p0 is the rate over the whole time. The binomial coefficient is left out: it is the same for both states.
    Raises UserError for counts that are negative or missing, more hits than totals, or sides of different length.
    """
    totals = check_numbers(totals, "totals", 0)
    hits = check_numbers(hits, "hits", 0, n=len(totals))
    if (more := hits > totals).any():
        worst = int(np.argmax(more))
        raise UserError(
            f"period {worst} has {hits[worst]:g} hits of {totals[worst]:g}: hits are 0 to the total"
        )
    check_number(ratio, "ratio (a burst's rate over the usual one)", 1, above=True)
    usual = hits.sum() / max(totals.sum(), 1)
    rates = np.clip([usual, ratio * usual], 1e-12, 1 - 1e-12)
    return -(hits[:, None] * np.log(rates) + (totals - hits)[:, None] * np.log1p(-rates))


def burst_states(hits, totals, ratio: float = 2.0, gamma: float = 1.0) -> np.ndarray:
    """(n,) 0 or 1: the cheapest path through Kleinberg's two-state automaton, found by Viterbi.

    Going up to the burst costs gamma * ln n, going down nothing, and the path starts below.
    Source: Kleinberg 2002, Bursty and Hierarchical Structure in Streams, section 4 (batched arrivals).
    """
    costs, gamma = burst_costs(hits, totals, ratio), check_number(gamma, "gamma", 0)
    n, up = len(costs), gamma * math.log(len(costs))
    best, came_from = np.array([0.0, math.inf]), np.zeros((n, 2), dtype=int)
    for t in range(n):
        reach = np.array([[best[0], best[1]], [best[0] + up, best[1]]])  # rows: to, columns: from
        came_from[t] = reach.argmin(1)  # of equals the lower state
        best = reach.min(1) + costs[t]
    states = np.zeros(n, dtype=int)
    states[-1] = best.argmin()
    for t in range(n - 1, 0, -1):
        states[t - 1] = came_from[t, states[t]]
    return states


def bursts(hits, totals, ratio: float = 2.0, gamma: float = 1.0) -> pd.DataFrame:
    """The bursts as rows: start, end (positions, both inside), weight (how much cheaper than no burst, in nats)."""
    costs, states = burst_costs(hits, totals, ratio), burst_states(hits, totals, ratio, gamma)
    edges = np.diff(np.concatenate([[0], states, [0]]))
    rows = [
        (int(a), int(b) - 1, float((costs[a:b, 0] - costs[a:b, 1]).sum()))
        for a, b in zip(np.flatnonzero(edges == 1), np.flatnonzero(edges == -1), strict=True)
    ]
    return pd.DataFrame(rows, columns=["start", "end", "weight"])
