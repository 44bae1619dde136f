"""Bursts: the days on which people suddenly talk of something (Kleinberg 2002)."""

import math

import numpy as np
import pandas as pd

from socialai.errors import UserError
from socialai.validation import check_number, check_numbers

LEAST_RATE = 1e-12  # keeps the logarithms finite


def burst_costs(hits, totals, ratio: float = 2.0) -> np.ndarray:
    """(n, 2): minus log-likelihood of hits[t] among totals[t], at the usual rate and at a burst's.

    The usual rate p0 is that over the whole time, a burst's is ratio * p0. The binomial coefficient
    is left out: it is the same for both states.
    Raises UserError for counts that are negative or missing, more hits than totals, or sides of
    different length.
    """
    totals = check_numbers(totals, "totals", 0)
    hits = check_numbers(hits, "hits", 0, n=len(totals))
    too_many = hits > totals
    if too_many.any():
        worst = int(np.argmax(too_many))
        raise UserError(
            f"period {worst} has {hits[worst]:g} hits of {totals[worst]:g}: hits are 0 to the total"
        )
    ratio = check_number(ratio, "ratio (a burst's rate over the usual one)", 1, above=True)

    usual = hits.sum() / max(totals.sum(), 1)
    rates = np.clip([usual, ratio * usual], LEAST_RATE, 1 - LEAST_RATE)  # (2,)
    misses = totals - hits
    return -(hits[:, None] * np.log(rates) + misses[:, None] * np.log1p(-rates))


def burst_states(hits, totals, ratio: float = 2.0, gamma: float = 1.0) -> np.ndarray:
    """(n,) 0 or 1: the cheapest path through Kleinberg's two-state automaton, found by Viterbi.

    Going up to the burst costs gamma * ln n, going down nothing, and the path starts below.
    Source: Kleinberg 2002, Bursty and Hierarchical Structure in Streams, section 4.
    """
    costs = burst_costs(hits, totals, ratio)
    gamma = check_number(gamma, "gamma", 0)
    n = len(costs)
    up = gamma * math.log(n)

    # The cheapest way to each state, and where it came from; of equal ways from the lower state.
    best = np.array([0.0, math.inf])
    came_from = np.zeros((n, 2), dtype=int)
    for t in range(n):
        reach = np.array([[best[0], best[1]], [best[0] + up, best[1]]])  # rows: to, columns: from
        came_from[t] = reach.argmin(1)
        best = reach.min(1) + costs[t]

    # Back along it from the cheaper end.
    states = np.zeros(n, dtype=int)
    states[-1] = best.argmin()
    for t in range(n - 1, 0, -1):
        states[t - 1] = came_from[t, states[t]]
    return states


def find_bursts(hits, totals, ratio: float = 2.0, gamma: float = 1.0) -> pd.DataFrame:
    """One row a burst: start, end, weight. Arguments as in `burst_states`.

    start and end are positions, both inside; weight is how much cheaper the burst is than none, in
    nats.
    """
    costs = burst_costs(hits, totals, ratio)
    states = burst_states(hits, totals, ratio, gamma)
    edges = np.diff(np.concatenate([[0], states, [0]]))
    starts = np.flatnonzero(edges == 1)
    ends = np.flatnonzero(edges == -1)
    rows = []
    for start, end in zip(starts, ends, strict=True):
        saved = costs[start:end, 0] - costs[start:end, 1]
        rows.append((int(start), int(end) - 1, float(saved.sum())))
    return pd.DataFrame(rows, columns=["start", "end", "weight"])
