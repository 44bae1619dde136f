"""The value of a policy from the log of another one.

An action is an item at a position. With w the probability of the action under the policy over its
propensity in the log, r the click, and q the click rate of an action, drawn to the overall rate:

    direct method    mean over impressions of the sum over items of probability times q
    IPS              mean of w r
    SNIPS            sum of w r over sum of w
    doubly robust    the direct method plus the mean of w (r - q)

Sources: Horvitz and Thompson 1952 (IPS); Swaminathan and Joachims 2015 (SNIPS); Dudik, Langford and
Li 2011 (doubly robust).
"""

import warnings
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.stats import betabinom

from socialai.apps.advertising.click_rates import check_bandit_log
from socialai.errors import UserError
from socialai.evaluation import Interval, bootstrap
from socialai.validation import (
    as_input_error,
    check_choice,
    check_frame,
    check_number,
    check_numbers,
    generator_seed,
)

ACTION = ["position", "item_id"]
OFF_POLICY_METHODS = ("dm", "ips", "snips", "dr")


def off_policy_value(
    log: pd.DataFrame,
    policy: pd.DataFrame,
    method: str = "dr",
    smoothing: float | str = "auto",
    n_resamples: int = 500,
    seed: int = 0,
) -> Interval:
    """Click rate that another policy would have had, with a 95 % interval.

    log: item_id, position, click, propensity. policy: item_id, position, probability, which sums to
    1 at each position. method: "dm" (direct method), "ips", "snips", or "dr" (doubly robust, whose
    click rates come from the other half of the log). smoothing: impressions that the overall rate
    counts for in the click rate of an action; "auto" takes the likeliest. The interval is the
    percentile bootstrap over impressions, the policy held fixed.

    Raises UserError when the policy shows what the log never shows: of that the log knows nothing.
    """
    check_choice(method, OFF_POLICY_METHODS, "method")
    log = check_bandit_log(log, ACTION)
    actions = _actions(log, policy)
    weights = _weights(actions, log)
    clicks = log["click"].to_numpy(float)
    if smoothing == "auto":
        smoothing = _likeliest_smoothing(actions, clicks)
    smoothing = float(check_number(smoothing, "smoothing", 0))

    # Each estimator is a function of impressions, which the bootstrap draws anew. The two that have
    # a model of click rates need only sums over the impressions of each action, (A,).
    n_actions = len(actions.probability)

    def direct_method(action, click):
        shown = np.bincount(action, minlength=n_actions)
        q = _click_rates(shown, np.bincount(action, click, n_actions), smoothing)
        return shown @ _values(actions, q) / len(action)

    def doubly_robust(action, click, weight, half):
        def by_half(amounts=None):
            return np.bincount(half * n_actions + action, amounts, 2 * n_actions).reshape(2, -1)

        # The click rates of one half correct the other: never the clicks that they have seen.
        shown = by_half()  # (2, A)
        clicked = by_half(click)
        weights = by_half(weight)
        weighted_clicks = by_half(weight * click)
        total = 0.0
        for this, other in ((0, 1), (1, 0)):
            q = _click_rates(shown[other], clicked[other], smoothing)
            total += shown[this] @ _values(actions, q)
            total += weighted_clicks[this].sum() - weights[this] @ q
        return total / len(action)

    half = np.random.default_rng(generator_seed(seed)).permutation(len(log)) % 2
    statistic, arrays = {
        "dm": (direct_method, (actions.of_row, clicks)),
        "ips": (_ips, (weights, clicks)),
        "snips": (_snips, (weights, clicks)),
        "dr": (doubly_robust, (actions.of_row, clicks, weights, half)),
    }[method]
    return bootstrap(statistic, *arrays, n_resamples=n_resamples, seed=seed)


def importance_weights(log: pd.DataFrame, policy: pd.DataFrame) -> np.ndarray:
    """(n,) w of each impression: its probability under the policy over its propensity in the log.

    Arguments and errors as in `off_policy_value`. Where the propensities are right, the mean is 1
    but for luck.
    """
    log = check_bandit_log(log, ACTION)
    return _weights(_actions(log, policy), log)


def effective_sample_size(weights: ArrayLike) -> float:
    """Impressions' worth that is left after weighting, (sum w)^2 / sum w^2 (Kong 1992).

    weights (n,): none negative or missing.
    """
    weights = check_numbers(weights, "weights", 0)
    weights = np.ldexp(weights, -np.frexp(weights.max())[1])  # squares of huge ones overflow
    return float(weights.sum() ** 2 / max(np.square(weights).sum(), 1e-300))


class _Actions(NamedTuple):
    """The A different actions of a log and a policy, by number."""

    of_row: np.ndarray  # (n,) the action of each impression
    probability: np.ndarray  # (A,) under the policy
    position: np.ndarray  # (A,) the number of its position


def _weights(actions: _Actions, log: pd.DataFrame) -> np.ndarray:
    """(n,) probability over propensity of each impression."""
    with np.errstate(over="ignore"):
        weights = actions.probability[actions.of_row] / log["propensity"].to_numpy(float)
    if not np.isfinite(weights).all():
        raise UserError(
            f"a weight is infinite: column 'propensity' holds {log['propensity'].min():g}"
        )
    return weights


def _actions(log: pd.DataFrame, policy: pd.DataFrame) -> _Actions:
    """Number the actions of log and policy; the log must hold all that the policy shows."""
    policy = check_frame(policy, [*ACTION, "probability"], not_negative=("probability",))
    with as_input_error("item_id and position"), warnings.catch_warnings():
        # Ids of mixed types have no order, and need none: only their numbers are used.
        warnings.filterwarnings("ignore", "The values in the array are unorderable")
        return _numbered(log, policy.set_index(ACTION)["probability"].astype(float))


def _numbered(log: pd.DataFrame, probability: pd.Series) -> _Actions:
    """The actions of a log, and of a policy: its probabilities by position and item."""
    sums = probability.groupby(level="position", observed=True).sum()
    if probability.index.has_duplicates or not np.allclose(sums, 1, atol=1e-6):
        raise UserError(
            "the probabilities of the policy must sum to 1 at each position, each item named once"
        )

    # A position that the log doesn't have is left out; the reverse is an error.
    if lacking := set(log["position"]) - set(sums.index):
        position = min(lacking, key=str)
        hint = _type_hint(position, sums.index)
        raise UserError(
            f"the policy says nothing of position {position}, which is in the log{hint}"
        )
    probability = probability[probability.index.get_level_values("position").isin(log["position"])]
    logged = pd.MultiIndex.from_frame(log[ACTION])
    never = probability.index[probability > 0].difference(logged)
    if len(never):
        position, item = never[0]
        hint = _type_hint(item, log["item_id"].unique())
        raise UserError(
            f"the policy shows item {item} at position {position}, the log never does{hint}"
        )

    known = probability.index.union(logged.unique())
    return _Actions(
        of_row=known.get_indexer(logged),
        probability=probability.reindex(known, fill_value=0).to_numpy(),
        position=pd.factorize(known.get_level_values("position"))[0],
    )


def _type_hint(name, others) -> str:
    """What to add where others hold the same name in another type, 2 for "2" say."""
    alike = any(str(other) == str(name) and other != name for other in others)
    return ": one side has it as text, the other as a number" if alike else ""


def _ips(weight, click, axis=-1):
    return (weight * click).mean(axis)


def _snips(weight, click, axis=-1):
    return (weight * click).sum(axis) / np.maximum(weight.sum(axis), 1e-300)


def _click_rates(shown: np.ndarray, clicked: np.ndarray, smoothing: float) -> np.ndarray:
    """q (A,): clicks per impression of each action, drawn towards the overall rate."""
    overall = clicked.sum() / max(shown.sum(), 1)
    return (clicked + smoothing * overall) / np.maximum(shown + smoothing, 1e-300)


def _values(actions: _Actions, q: np.ndarray) -> np.ndarray:
    """(A,) sum over items of probability times q, at the position of each action."""
    return np.bincount(actions.position, actions.probability * q)[actions.position]


def _likeliest_smoothing(actions: _Actions, clicks: np.ndarray) -> float:
    """The smoothing under which the clicks of the actions are likeliest, beta-binomial, of a grid.

    At its upper end, 100,000 impressions, the actions are all the same, as far as the log can tell.
    """
    n_actions = len(actions.probability)
    n = np.bincount(actions.of_row, minlength=n_actions)
    k = np.bincount(actions.of_row, clicks, n_actions)
    rate = np.clip(k.sum() / n.sum(), 1e-6, 1 - 1e-6)
    grid = np.geomspace(1, 1e5, 51)
    likelihoods = [betabinom.logpmf(k, n, s * rate, s * (1 - rate)).sum() for s in grid]
    return float(grid[np.argmax(likelihoods)])
