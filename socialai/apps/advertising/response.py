"""Models of the response to an advertisement: logistic regression, factorisation machine, deep."""

import numpy as np
import pandas as pd
import torch
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.feature_extraction import FeatureHasher
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn
from torch.nn import functional as F

from socialai.apps.advertising.click_rates import rate_intervals
from socialai.errors import UserError
from socialai.models.device import choose_device
from socialai.validation import (
    as_input_error,
    check_frame,
    check_labels,
    check_number,
    check_scored,
)

KINDS = ("linear", "fm", "deep")


def calibration_table(y, p, bins: int = 10) -> pd.DataFrame:
    """Claimed against found rate of positives in `bins` groups of equal size by p: claimed, found, low, high, n.

    y (n,) 0 or 1, p (n,) probabilities. The interval is Wilson's. Equal sizes, because probabilities of clicks crowd.
    """
    y, p = check_scored(y, p, 0, 1)
    check_number(bins, "bins", 1, whole=True)
    frame = pd.DataFrame({"y": y, "p": p})
    rank = frame["p"].rank(method="first").to_numpy() - 1
    groups = frame.groupby((rank * bins // len(frame)).astype(int))
    table = groups.agg(
        claimed=("p", "mean"), found=("y", "mean"), positives=("y", "sum"), n=("y", "size")
    )
    table[["low", "high"]] = rate_intervals(table.pop("positives"), table["n"])
    return table.reset_index(drop=True)


class FactorizationMachine(nn.Module):
    """logit = w0 + sum_i w_i x_i + sum_{i<j} <v_i, v_j> x_i x_j in O(k n) (Rendle 2010, lemma 3.1).

    hidden: sizes of layers that read the k sums instead of adding them up (He and Chua 2017, neural FM); () is the FM.
    """

    def __init__(self, n_features: int, k: int = 8, hidden: tuple[int, ...] = ()):
        super().__init__()
        self.w0, self.w = nn.Parameter(torch.zeros(())), nn.Parameter(torch.zeros(n_features, 1))
        self.v = nn.Parameter(0.01 * torch.randn(n_features, k))
        layers = [
            m
            for a, b in zip((k, *hidden), hidden, strict=False)
            for m in (nn.Linear(a, b), nn.ReLU())
        ]
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
        self.epochs, self.lr, self.weight_decay, self.device, self.seed = (
            epochs,
            lr,
            weight_decay,
            device,
            seed,
        )

    def fit(self, X: pd.DataFrame, y, validation: tuple | None = None) -> "ResponseModel":
        """X: a frame of categories; y (n,) 0 or 1. validation: (X, y), whose log-loss chooses the epoch to keep."""
        if self.kind not in KINDS:
            raise UserError(f"there is no kind {self.kind!r}: choose from {', '.join(KINDS)}")
        self.columns_, self.classes_ = list(check_frame(X, []).columns), np.array([0, 1])
        y = check_labels(y, len(X), (0, 1), "responses")
        rows = self._hash(X)
        if self.kind == "linear":
            with as_input_error("responses"):
                self.model_ = LogisticRegression(C=self.C, max_iter=300).fit(rows, y)
            return self
        torch.manual_seed(self.seed)
        self.model_ = FactorizationMachine(
            self.n_buckets, self.k, tuple(self.hidden) if self.kind == "deep" else ()
        )
        self.model_.to(choose_device(self.device))
        optimizer = torch.optim.Adam(
            self.model_.parameters(), self.lr, weight_decay=self.weight_decay
        )
        target = torch.tensor(y, dtype=torch.float32, device=self.model_.w0.device)
        held = self._hash(validation[0]) if validation else None
        held_y = (
            check_labels(validation[1], len(validation[0]), (0, 1), "responses")
            if validation
            else None
        )
        self.losses_, best, kept = [], np.inf, None
        for _ in range(self.epochs):
            for batch in torch.randperm(len(y)).split(1024):
                loss = F.binary_cross_entropy_with_logits(
                    self._logits(rows[batch.numpy()]), target[batch]
                )
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            if held is not None:
                self.losses_.append(log_loss(held_y, self._proba(held), labels=[0, 1]))
                if self.losses_[-1] < best:
                    best, kept = (
                        self.losses_[-1],
                        {k: v.clone() for k, v in self.model_.state_dict().items()},
                    )
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
        hasher = FeatureHasher(
            self.n_buckets, input_type="string", alternate_sign=False, dtype=np.float32
        )
        return hasher.transform(rows)

    def _logits(self, rows):
        parts = rows.indices.astype(np.int64), rows.indptr[:-1].astype(np.int64), rows.data
        return self.model_(*(torch.from_numpy(part).to(self.model_.w0.device) for part in parts))

    @torch.no_grad()
    def _proba(self, rows):
        return expit(self._logits(rows).double().cpu().numpy())
