"""The value of a policy from the log of another one."""

import numpy as np
import pandas as pd
from scipy.stats import betabinom
from sklearn.base import BaseEstimator

from socialai.apps.advertising.click_rates import CELL, check_log
from socialai.errors import UserError
from socialai.validation import check_frame, check_number

METHODS = ("dm", "ips", "snips", "dr")


class OffPolicyValue(BaseEstimator):
    """Click rate that another policy would have had, from the log of one that kept its propensities.

    method: "dm" (direct method: smoothed click rates of item and position), "ips" (clicks weighted by
    w = probability / propensity), "snips" (divided by the sum of w), "dr" (doubly robust, with two-fold
    cross-fitting). Sources: Horvitz and Thompson 1952; Swaminathan and Joachims 2015; Dudik, Langford and Li 2011.
    smoothing: impressions that the overall rate counts for in each cell; "auto" takes the likeliest under a
    beta-binomial model. After `fit`: value_, interval_ (95 %, percentile bootstrap of the log, the policy held
    fixed), weights_ (n,), effective_n_ = (sum w)^2 / sum w^2, smoothing_.
    """

    def __init__(
        self,
        method: str = "dr",
        smoothing: float | str = "auto",
        n_resamples: int = 500,
        seed: int = 0,
    ):
        self.method, self.smoothing, self.n_resamples, self.seed = (
            method,
            smoothing,
            n_resamples,
            seed,
        )

    def fit(self, log: pd.DataFrame, policy: pd.DataFrame) -> "OffPolicyValue":
        """log: item_id, position, click, propensity. policy: item_id, position, probability (sums to 1 a position).

        Raises UserError when the policy shows what the log never shows: of that the log knows nothing.
        """
        if self.method not in METHODS:
            raise UserError(f"there is no method {self.method!r}: choose from {', '.join(METHODS)}")
        check_log(log, ["item_id", "position", "click", "propensity"])
        self._index(
            log,
            check_frame(
                policy, ["item_id", "position", "probability"], not_negative=("probability",)
            ),
        )
        rng, n = np.random.default_rng(self.seed), len(log)
        self._fold = rng.permutation(n) % 2
        auto = isinstance(self.smoothing, str) and self.smoothing == "auto"
        self.smoothing_ = (
            self._likeliest_smoothing()
            if auto
            else float(check_number(self.smoothing, "smoothing", 0))
        )
        self.value_ = self._estimate(np.ones(n))
        draws = [
            self._estimate(np.bincount(rng.integers(0, n, n), minlength=n))
            for _ in range(self.n_resamples)
        ]
        self.interval_ = tuple(np.quantile(draws, [0.025, 0.975]).tolist()) if draws else None
        self.effective_n_ = float(
            self.weights_.sum() ** 2 / max(np.square(self.weights_).sum(), 1e-300)
        )
        return self

    def _index(self, log: pd.DataFrame, policy: pd.DataFrame) -> None:
        """Number the C cells (position, item_id) of log and policy; the log must hold all that the policy shows."""
        table, logged = policy.set_index(CELL)["probability"], pd.MultiIndex.from_frame(log[CELL])
        sums = table.groupby(level=0).sum()
        if table.index.has_duplicates or not np.allclose(sums, 1, atol=1e-6):
            raise UserError(
                "the probabilities of the policy must sum to 1 at each position, each item named once"
            )
        if lacking := set(log["position"]) - set(sums.index):
            raise UserError(
                f"the policy says nothing of position {min(lacking, key=str)}, which is in the log"
            )
        table = table[table.index.get_level_values(0).isin(log["position"])]
        if len(never := table.index[table > 0].difference(logged)):
            raise UserError(
                f"the policy shows item {never[0][1]} at position {never[0][0]}, the log never does"
            )
        cells = table.index.union(logged.unique())
        self._cell, self._probability = (
            cells.get_indexer(logged),
            table.reindex(cells, fill_value=0).to_numpy(),
        )
        self._position_of = pd.factorize(cells.get_level_values(0))[0]  # (C,)
        self._position = self._position_of[self._cell]  # (n,)
        self._click = log["click"].to_numpy(float)
        self.weights_ = self._probability[self._cell] / log["propensity"].to_numpy(float)  # (n,)

    def _estimate(self, times: np.ndarray) -> float:
        """The value when row i is in the log `times[i]` times."""
        w, r, n = self.weights_, self._click, times.sum()
        if self.method == "ips":
            return float(times @ (w * r) / n)
        if self.method == "snips":
            return float(times @ (w * r) / max(times @ w, 1e-300))
        if self.method == "dm":
            return float(times @ self._value(self._rates(times)) / n)
        total = 0.0
        for fold in (
            0,
            1,
        ):  # the model of one half corrects on the other: never on the clicks that it has seen
            inside = times * (self._fold == fold)
            q = self._rates(times - inside)
            total += inside @ (self._value(q) + w * (r - q[self._cell]))
        return float(total / n)

    def _rates(self, times: np.ndarray) -> np.ndarray:
        """q (C,): click rate of each cell, drawn towards the overall rate."""
        n, k = (
            np.bincount(self._cell, v, len(self._probability)) for v in (times, times * self._click)
        )
        overall = k.sum() / max(n.sum(), 1)
        return (k + self.smoothing_ * overall) / np.maximum(n + self.smoothing_, 1e-300)

    def _value(self, q: np.ndarray) -> np.ndarray:
        """(n,) sum over items of probability times q, at the position of each row."""
        return np.bincount(self._position_of, self._probability * q)[self._position]

    def _likeliest_smoothing(self) -> float:
        n = np.bincount(self._cell, minlength=len(self._probability))
        k = np.bincount(self._cell, self._click, len(self._probability))
        rate = np.clip(k.sum() / n.sum(), 1e-6, 1 - 1e-6)
        grid = np.geomspace(
            1, 1e5, 51
        )  # 1e5 impressions: the cells are all the same, as far as the log can tell
        return float(
            max(grid, key=lambda s: betabinom.logpmf(k, n, s * rate, s * (1 - rate)).sum())
        )
