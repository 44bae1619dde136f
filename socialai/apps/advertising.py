"""Advertising (广告投放): what a log of clicks can tell, and what a bid should be.

On your own log of impressions, one row each, of a policy whose propensities were kept:

>>> import pandas as pd
>>> from socialai.apps.advertising import OffPolicyValue
>>> log = pd.DataFrame({"item_id": [0, 1] * 50, "position": 1, "click": [0, 1, 0, 0] * 25, "propensity": 0.5})
>>> policy = pd.DataFrame({"item_id": [0, 1], "position": 1, "probability": [0.2, 0.8]})
>>> round(OffPolicyValue("snips").fit(log, policy).value_, 2)  # item 1 is clicked every second time, item 0 never
0.4

Click rates with intervals, off-policy values, learning by replay, response models, and a second-price auction.
"""

import numpy as np
import pandas as pd
import torch
from scipy.special import expit
from scipy.stats import betabinom, binomtest, norm
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.feature_extraction import FeatureHasher
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn
from torch.nn import functional as F

from socialai.apps import check_frame, check_labels, check_number, check_numbers, check_scored, one_line
from socialai.bandits import Learner
from socialai.device import pick
from socialai.errors import UserError

METHODS = ("dm", "ips", "snips", "dr")
KINDS = ("linear", "fm", "deep")
_CELL = ["position", "item_id"]


def click_rates(log: pd.DataFrame, by: list[str], method: str = "wilson") -> pd.DataFrame:
    """Clicks per impression in each group, with 95 % intervals: columns impressions, clicks, rate, low, high.

    log: columns `by` and click (0 or 1). method: "wilson", or "exact" (Clopper and Pearson 1934), which is never too
    short. Raises UserError on a wrong frame.
    """
    if not isinstance(by, list | tuple) or not by or method not in ("wilson", "exact"):
        raise UserError(f"`by` is a list of columns, and the method wilson or exact; got {by!r} and {method!r}")
    check_labels(check_frame(log, [*by, "click"])["click"], allowed=(0, 1), name="column 'click'")
    groups = log.groupby(by)["click"]
    table = pd.DataFrame({"impressions": groups.size(), "clicks": groups.sum()})
    table["rate"] = table["clicks"] / table["impressions"]
    table[["low", "high"]] = _intervals(table["clicks"], table["impressions"], method)
    return table


def impressions_needed(rate: float, other: float, power: float = 0.8) -> int:
    """Impressions in each of two arms to tell click rates `rate` and `other` apart (two-sided 5 %, given power).

    The normal approximation of the test of two proportions (Fleiss, Levin and Paik 2003, section 4.2).
    """
    if not (0 < rate < 1 and 0 < other < 1 and 0.025 < power < 1) or rate == other:  # by chance alone power is 2.5 %
        raise UserError(f"two different rates from 0 to 1 and a power above 0.025, not {rate}, {other} and {power}")
    z = norm.ppf(0.975) + norm.ppf(power)
    return int(np.ceil(z**2 * (rate * (1 - rate) + other * (1 - other)) / (rate - other) ** 2))


def calibration_table(y, p, bins: int = 10) -> pd.DataFrame:
    """Claimed against found rate of positives in `bins` groups of equal size by p: claimed, found, low, high, n.

    y (n,) 0 or 1, p (n,) probabilities. The interval is Wilson's. Equal sizes, because probabilities of clicks crowd.
    """
    y, p = check_scored(y, p, 0, 1)
    check_number(bins, "bins", 1, whole=True)
    frame = pd.DataFrame({"y": y, "p": p})
    rank = frame["p"].rank(method="first").to_numpy() - 1
    groups = frame.groupby((rank * bins // len(frame)).astype(int))
    table = groups.agg(claimed=("p", "mean"), found=("y", "mean"), positives=("y", "sum"), n=("y", "size"))
    table[["low", "high"]] = _intervals(table.pop("positives"), table["n"])
    return table.reset_index(drop=True)


def shown_shares(log: pd.DataFrame) -> pd.DataFrame:
    """The average policy behind a log: how often each item was shown at each position (item_id, position, probability).

    The average of the logged propensities is NOT that: a policy that changes logs an item mostly while it likes it.
    """
    shares = check_frame(log, ["item_id", "position"]).groupby("position")["item_id"].value_counts(normalize=True)
    return shares.rename("probability").reset_index()[["item_id", "position", "probability"]]


class OffPolicyValue(BaseEstimator):
    """Click rate that another policy would have had, from the log of one that kept its propensities.

    method: "dm" (direct method: smoothed click rates of item and position), "ips" (clicks weighted by
    w = probability / propensity), "snips" (divided by the sum of w), "dr" (doubly robust, with two-fold
    cross-fitting). Sources: Horvitz and Thompson 1952; Swaminathan and Joachims 2015; Dudik, Langford and Li 2011.
    smoothing: impressions that the overall rate counts for in each cell; "auto" takes the likeliest under a
    beta-binomial model. After `fit`: value_, interval_ (95 %, percentile bootstrap of the log, the policy held
    fixed), weights_ (n,), effective_n_ = (sum w)^2 / sum w^2, smoothing_.
    """

    def __init__(self, method: str = "dr", smoothing: float | str = "auto", n_resamples: int = 500, seed: int = 0):
        self.method, self.smoothing, self.n_resamples, self.seed = method, smoothing, n_resamples, seed

    def fit(self, log: pd.DataFrame, policy: pd.DataFrame) -> "OffPolicyValue":
        """log: item_id, position, click, propensity. policy: item_id, position, probability (sums to 1 a position).

        Raises UserError when the policy shows what the log never shows: of that the log knows nothing.
        """
        if self.method not in METHODS:
            raise UserError(f"there is no method {self.method!r}: choose from {', '.join(METHODS)}")
        _check_log(log, ["item_id", "position", "click", "propensity"])
        self._index(log, check_frame(policy, ["item_id", "position", "probability"], not_negative=("probability",)))
        rng, n = np.random.default_rng(self.seed), len(log)
        self._fold = rng.permutation(n) % 2
        auto = isinstance(self.smoothing, str) and self.smoothing == "auto"
        self.smoothing_ = self._likeliest_smoothing() if auto else float(check_number(self.smoothing, "smoothing", 0))
        self.value_ = self._estimate(np.ones(n))
        draws = [self._estimate(np.bincount(rng.integers(0, n, n), minlength=n)) for _ in range(self.n_resamples)]
        self.interval_ = tuple(np.quantile(draws, [0.025, 0.975]).tolist()) if draws else None
        self.effective_n_ = float(self.weights_.sum() ** 2 / max(np.square(self.weights_).sum(), 1e-300))
        return self

    def _index(self, log: pd.DataFrame, policy: pd.DataFrame) -> None:
        """Number the C cells (position, item_id) of log and policy; the log must hold all that the policy shows."""
        table, logged = policy.set_index(_CELL)["probability"], pd.MultiIndex.from_frame(log[_CELL])
        sums = table.groupby(level=0).sum()
        if table.index.has_duplicates or not np.allclose(sums, 1, atol=1e-6):
            raise UserError("the probabilities of the policy must sum to 1 at each position, each item named once")
        if lacking := set(log["position"]) - set(sums.index):
            raise UserError(f"the policy says nothing of position {min(lacking, key=str)}, which is in the log")
        table = table[table.index.get_level_values(0).isin(log["position"])]
        if len(never := table.index[table > 0].difference(logged)):
            raise UserError(f"the policy shows item {never[0][1]} at position {never[0][0]}, the log never does")
        cells = table.index.union(logged.unique())
        self._cell, self._probability = cells.get_indexer(logged), table.reindex(cells, fill_value=0).to_numpy()
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
        for fold in (0, 1):  # the model of one half corrects on the other: never on the clicks that it has seen
            inside = times * (self._fold == fold)
            q = self._rates(times - inside)
            total += inside @ (self._value(q) + w * (r - q[self._cell]))
        return float(total / n)

    def _rates(self, times: np.ndarray) -> np.ndarray:
        """q (C,): click rate of each cell, drawn towards the overall rate."""
        n, k = (np.bincount(self._cell, v, len(self._probability)) for v in (times, times * self._click))
        overall = k.sum() / max(n.sum(), 1)
        return (k + self.smoothing_ * overall) / np.maximum(n + self.smoothing_, 1e-300)

    def _value(self, q: np.ndarray) -> np.ndarray:
        """(n,) sum over items of probability times q, at the position of each row."""
        return np.bincount(self._position_of, self._probability * q)[self._position]

    def _likeliest_smoothing(self) -> float:
        n = np.bincount(self._cell, minlength=len(self._probability))
        k = np.bincount(self._cell, self._click, len(self._probability))
        rate = np.clip(k.sum() / n.sum(), 1e-6, 1 - 1e-6)
        grid = np.geomspace(1, 1e5, 51)  # 1e5 impressions: the cells are all the same, as far as the log can tell
        return float(max(grid, key=lambda s: betabinom.logpmf(k, n, s * rate, s * (1 - rate)).sum()))


def replay(learner: Learner, log: pd.DataFrame, contexts=None) -> Learner:
    """Fit a learner of `socialai.bandits` on the log of a uniformly random policy: item_id, click, propensity.

    contexts: (n, d) numbers known before each choice. Raises UserError on a log of any other policy.
    """
    _check_log(log, ["item_id", "click", "propensity"])
    if np.ptp(log["propensity"].to_numpy()) > 1e-9:
        raise UserError("replay needs the log of a uniformly random policy: these propensities differ")
    return learner.fit(log["item_id"], log["click"], contexts)


class FactorizationMachine(nn.Module):
    """logit = w0 + sum_i w_i x_i + sum_{i<j} <v_i, v_j> x_i x_j in O(k n) (Rendle 2010, lemma 3.1).

    hidden: sizes of layers that read the k sums instead of adding them up (He and Chua 2017, neural FM); () is the FM.
    """

    def __init__(self, n_features: int, k: int = 8, hidden: tuple[int, ...] = ()):
        super().__init__()
        self.w0, self.w = nn.Parameter(torch.zeros(())), nn.Parameter(torch.zeros(n_features, 1))
        self.v = nn.Parameter(0.01 * torch.randn(n_features, k))
        layers = [m for a, b in zip((k, *hidden), hidden, strict=False) for m in (nn.Linear(a, b), nn.ReLU())]
        self.top = nn.Sequential(*layers, nn.Linear(hidden[-1], 1)) if hidden else None

    def forward(self, index: Tensor, offset: Tensor, x: Tensor) -> Tensor:
        """Logits (B,) of rows end to end: features index (m,), values x (m,), and where rows begin, offset (B,)."""

        def total(table, values):
            return F.embedding_bag(index, table, offset, mode="sum", per_sample_weights=values)

        # (sum_i v_i x_i)^2 holds each pair twice and each square once: (B, k)
        pairs = (total(self.v, x).square() - total(self.v.square(), x.square())) / 2
        second_order = pairs.sum(1) if self.top is None else self.top(pairs).squeeze(1)
        return self.w0 + total(self.w, x).squeeze(1) + second_order


class ResponseModel(ClassifierMixin, BaseEstimator):
    """Probability of a response from categories of any number, hashed into `n_buckets` (Weinberger et al. 2009).

    kind: "linear" (logistic regression), "fm" or "deep" (a FactorizationMachine, the deep one with a hidden layer).
    A cell of the frame is one category, or a list of several. A category never seen in training isn't an error: it
    falls into a bucket, mostly an empty one, and then says nothing. C: inverse ridge of "linear".
    """

    def __init__(
        self,
        kind="linear",
        n_buckets=2**16,
        C=1.0,
        k=8,
        hidden=(32,),
        epochs=8,
        lr=0.002,
        weight_decay=1e-4,
        device="auto",
        seed=0,
    ):
        self.kind, self.n_buckets, self.C, self.k, self.hidden = kind, n_buckets, C, k, hidden
        self.epochs, self.lr, self.weight_decay, self.device, self.seed = epochs, lr, weight_decay, device, seed

    def fit(self, X: pd.DataFrame, y, validation: tuple | None = None) -> "ResponseModel":
        """X: a frame of categories; y (n,) 0 or 1. validation: (X, y), whose log-loss chooses the epoch to keep."""
        if self.kind not in KINDS:
            raise UserError(f"there is no kind {self.kind!r}: choose from {', '.join(KINDS)}")
        self.columns_, self.classes_ = list(check_frame(X, []).columns), np.array([0, 1])
        y = check_labels(y, len(X), (0, 1), "responses")
        rows = self._hash(X)
        if self.kind == "linear":
            with one_line("responses"):
                self.model_ = LogisticRegression(C=self.C, max_iter=300).fit(rows, y)
            return self
        torch.manual_seed(self.seed)
        self.model_ = FactorizationMachine(self.n_buckets, self.k, tuple(self.hidden) if self.kind == "deep" else ())
        self.model_.to(pick(self.device))
        optimizer = torch.optim.Adam(self.model_.parameters(), self.lr, weight_decay=self.weight_decay)
        target = torch.tensor(y, dtype=torch.float32, device=self.model_.w0.device)
        held = self._hash(validation[0]) if validation else None
        held_y = check_labels(validation[1], len(validation[0]), (0, 1), "responses") if validation else None
        self.losses_, best, kept = [], np.inf, None
        for _ in range(self.epochs):
            for batch in torch.randperm(len(y)).split(1024):
                loss = F.binary_cross_entropy_with_logits(self._logits(rows[batch.numpy()]), target[batch])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            if held is not None:
                self.losses_.append(log_loss(held_y, self._proba(held), labels=[0, 1]))
                if self.losses_[-1] < best:
                    best, kept = self.losses_[-1], {k: v.clone() for k, v in self.model_.state_dict().items()}
        if kept:
            self.model_.load_state_dict(kept)
        return self

    def predict_proba(self, X: pd.DataFrame) -> np.ndarray:
        """(n, 2): probabilities of no response and of a response."""
        check_is_fitted(self)
        rows = self._hash(X)
        p = self.model_.predict_proba(rows)[:, 1] if self.kind == "linear" else self._proba(rows)
        return np.column_stack([1 - p, p])

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        """(n,) 1 where a response is likelier than not."""
        return (self.predict_proba(X)[:, 1] > 0.5).astype(int)

    def _hash(self, X):
        check_frame(X, self.columns_)
        columns = [[c if isinstance(c, list) else [c] for c in X[name]] for name in self.columns_]
        rows = (
            [f"{name}={c}" for name, cell in zip(self.columns_, row, strict=True) for c in cell]
            for row in zip(*columns, strict=True)
        )
        hasher = FeatureHasher(self.n_buckets, input_type="string", alternate_sign=False, dtype=np.float32)
        return hasher.transform(rows)

    def _logits(self, rows):
        parts = rows.indices.astype(np.int64), rows.indptr[:-1].astype(np.int64), rows.data
        return self.model_(*(torch.from_numpy(part).to(self.model_.w0.device) for part in parts))

    @torch.no_grad()
    def _proba(self, rows):
        return expit(self._logits(rows).double().cpu().numpy())


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
    interval, values, prices, budget: float, multiplier: float = 1.0, gain: float = 0.0, stop: bool = True
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
            multiplier = min(1.0, multiplier * np.exp(gain * (planned[t] - cost.sum()) * len(planned) / budget))
    return pd.DataFrame(rows, columns=["interval", "multiplier", "spend", "value", "planned"])


def _check_log(log: pd.DataFrame, columns: list[str]) -> None:
    check_frame(log, columns, not_negative=("propensity",))
    check_labels(log["click"], allowed=(0, 1), name="column 'click'")
    if not log["propensity"].between(0, 1, inclusive="right").all():
        raise UserError("column 'propensity' must lie above 0 and not above 1: each row was shown with it")


def _intervals(clicks, impressions, method: str = "wilson") -> np.ndarray:
    """(groups, 2) ends of 95 % intervals."""
    ends = [binomtest(k, n).proportion_ci(method=method) for k, n in zip(clicks, impressions, strict=True)]
    return np.array([(e.low, e.high) for e in ends])
