"""Models of the response to an advertisement: logistic regression, factorisation machine, deep."""

from itertools import chain

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

from socialai.apps.advertising.categories import category_names
from socialai.apps.advertising.click_rates import proportion_intervals
from socialai.errors import UserError
from socialai.models.device import choose_device
from socialai.models.training import train
from socialai.validation import (
    as_input_error,
    check_choice,
    check_frame,
    check_labels,
    check_list,
    check_number,
    check_numbers,
    check_scored,
    check_settings,
    generator_seed,
)

RESPONSE_METHODS = ("linear", "fm", "deep")
BATCH_SIZE = 1024


def calibration_table(y, p, bins: int = 10) -> pd.DataFrame:
    """Claimed against found rate of positives in `bins` groups of equal size, ordered by p.

    y (n,) 0 or 1, p (n,) probabilities. Returns claimed (mean p), value (the rate found) with low
    and high (Wilson's interval), n. Equal sizes, because probabilities of clicks crowd.
    """
    y, p = check_scored(y, p, 0, 1)
    bins = check_number(bins, "bins", 1, whole=True)
    frame = pd.DataFrame({"y": y, "p": p})
    rank = frame["p"].rank(method="first").to_numpy() - 1
    groups = frame.groupby((rank * bins // len(frame)).astype(int))
    positives = groups["y"].sum()
    n = groups.size()

    table = pd.DataFrame({"claimed": groups["p"].mean(), "value": groups["y"].mean()})
    table[["low", "high"]] = proportion_intervals(positives, n)
    table["n"] = n
    return table.reset_index(drop=True)


class FactorizationMachine(nn.Module):
    """logit = w0 + sum_i w_i x_i + sum_{i<j} <v_i, v_j> x_i x_j in O(dim n).

    dim: length of the v_i. hidden_dims: sizes of layers that read the `dim` sums instead of adding
    them up; () is the factorisation machine itself. Sources: Rendle 2010, lemma 3.1; He and Chua
    2017 (with layers: neural FM).
    """

    def __init__(self, n_features: int, dim: int = 8, hidden_dims: tuple[int, ...] = ()):
        super().__init__()
        self.w0 = nn.Parameter(torch.zeros(()))
        self.w = nn.Parameter(torch.zeros(n_features, 1))
        self.v = nn.Parameter(0.01 * torch.randn(n_features, dim))
        self.top = _layers(dim, hidden_dims) if hidden_dims else None

    def forward(self, index: Tensor, offset: Tensor, x: Tensor) -> Tensor:
        """Logits (B,) of rows that stand end to end.

        index: (m,) features; x: (m,) their values; offset: (B,) where each row begins.
        """

        def total(table, values):
            return F.embedding_bag(index, table, offset, mode="sum", per_sample_weights=values)

        # (sum_i v_i x_i)^2 holds each pair twice and each square once: (B, k)
        pairs = (total(self.v, x).square() - total(self.v.square(), x.square())) / 2
        second_order = pairs.sum(1) if self.top is None else self.top(pairs).squeeze(1)
        return self.w0 + total(self.w, x).squeeze(1) + second_order


def _layers(d_in: int, hidden_dims: tuple[int, ...]) -> nn.Sequential:
    """Linear layers with ReLU between them, from d_in over the hidden dims to 1."""
    layers = []
    for size in hidden_dims:
        layers += [nn.Linear(d_in, size), nn.ReLU()]
        d_in = size
    return nn.Sequential(*layers, nn.Linear(d_in, 1))


class ResponseModel(ClassifierMixin, BaseEstimator):
    """Probability of a response from categories of any number, which are hashed into buckets.

    A cell of the frame is one category, or a list of several. One category has one name whatever
    its type: 2, 2.0 and np.int64(2) are the same, and so are True and 1; where a column mixes
    numbers and text, the text "2" is the number 2. A column keeps its kind: one that held numbers
    in training and holds text at prediction, or the reverse, is refused. A category never seen in
    training isn't an error: it falls into a bucket, mostly an empty one, and then says nothing.
    Source of the hashing: Weinberger et al. 2009.

    Parameters
    ----------
    method : {"linear", "fm", "deep"}
        Logistic regression, a factorisation machine, or one with hidden layers.
    n_buckets : int
        Numbers that a category can be hashed to.
    C : float
        Inverse ridge of "linear".
    dim : int
        Length of the vector of a category, of "fm" and "deep".
    hidden_dims : tuple of int
        Sizes of the hidden layers of "deep".
    epochs : int
        Most passes of "fm" and "deep" over the training data.
    learning_rate, weight_decay : float
        Of Adam, which trains "fm" and "deep".
    device : str
        "auto", "cpu", "cuda" or "mps".
    seed : int

    Attributes
    ----------
    columns_ : list of str
        The columns of the frame that was learned from. Others have the same, in any order.
    kinds_ : dict
        {column: the kinds of its categories, such as "numbers" and "text"}.
    classes_ : ndarray
        0 and 1.
    losses_ : list of float
        Of "fm" and "deep": the log-loss on the validation data after each epoch.

    Examples
    --------
    >>> import pandas as pd
    >>> X = pd.DataFrame({"who": ["ann", "bob"] * 20, "ad": ["tea"] * 20 + ["jam"] * 20})
    >>> ResponseModel(C=10).fit(X, [1, 0] * 20).predict(X[:2]).tolist()
    [1, 0]
    """

    def __init__(
        self,
        method: str = "linear",
        n_buckets: int = 2**16,
        C: float = 1.0,
        dim: int = 8,
        hidden_dims: tuple[int, ...] = (32,),
        epochs: int = 8,
        learning_rate: float = 0.002,
        weight_decay: float = 1e-4,
        device: str = "auto",
        seed: int = 0,
    ):
        self.method = method
        self.n_buckets = n_buckets
        self.C = C
        self.dim = dim
        self.hidden_dims = hidden_dims
        self.epochs = epochs
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.device = device
        self.seed = seed

    def fit(self, X: pd.DataFrame, y, validation: tuple | None = None) -> "ResponseModel":
        """X: a frame of categories; y (n,) 0 or 1.

        validation: (X, y), whose log-loss chooses the epoch to keep, of "fm" and "deep".
        """
        self._check_settings()
        self.columns_ = list(check_frame(X, []).columns)
        self.kinds_ = {}
        self.classes_ = np.array([0, 1])
        y = check_labels(y, len(X), (0, 1), "responses").astype(int)
        rows = self._hash(X)
        if self.method == "linear":
            with as_input_error("responses"):
                self.model_ = LogisticRegression(C=self.C, max_iter=300).fit(rows, y)
            return self

        torch.manual_seed(generator_seed(self.seed))
        hidden_dims = tuple(self.hidden_dims) if self.method == "deep" else ()
        self.model_ = FactorizationMachine(self.n_buckets, self.dim, hidden_dims)
        self.model_.to(choose_device(self.device))
        target = torch.tensor(y, dtype=torch.float32, device=self.model_.w0.device)

        def loss(model: FactorizationMachine, batch: Tensor) -> Tensor:
            logits = self._logits(rows[batch.numpy()])  # (B,)
            return F.binary_cross_entropy_with_logits(logits, target[batch])

        history = train(
            self.model_,
            lambda epoch: torch.randperm(len(y)).split(BATCH_SIZE),
            loss,
            torch.optim.Adam(
                self.model_.parameters(), self.learning_rate, weight_decay=self.weight_decay
            ),
            self.epochs,
            validate=self._validation_loss(validation) if validation is not None else None,
            patience=self.epochs,
            clip=None,
            precision="fp32",
        )
        judged = validation is not None
        self.losses_ = [epoch["validation"] for epoch in history] if judged else []
        return self

    def predict_proba(self, X: pd.DataFrame) -> np.ndarray:
        """(n, 2): probabilities of no response and of a response."""
        check_is_fitted(self)
        if isinstance(X, pd.DataFrame) and X.empty and list(X.columns) == self.columns_:
            return np.zeros((0, 2))
        rows = self._hash(X)
        p = self.model_.predict_proba(rows)[:, 1] if self.method == "linear" else self._proba(rows)
        return np.column_stack([1 - p, p])

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        """(n,) 1 where a response is likelier than not."""
        return (self.predict_proba(X)[:, 1] > 0.5).astype(int)

    def _check_settings(self) -> None:
        """Raise UserError for a setting outside its range."""
        check_choice(self.method, RESPONSE_METHODS, "method")
        check_settings(
            self,
            n_buckets={"low": 1, "high": 2**31 - 1, "whole": True},
            C={"low": 0, "above": True},
            dim={"low": 1, "whole": True},
            epochs={"low": 1, "whole": True},
            learning_rate={"low": 0, "above": True},
            weight_decay={"low": 0},
        )
        sizes = check_list(self.hidden_dims, "hidden_dims", empty=self.method != "deep")
        check_numbers(sizes or [1], "hidden_dims", 1, whole=True)
        generator_seed(self.seed)

    def _hash(self, X):
        """(n, n_buckets) sparse: how many categories of each row fell into each bucket.

        The first frame sets the kinds of the columns, which others have to keep.
        """
        X = check_frame(X, self.columns_)
        if extra := [name for name in X.columns if name not in self.columns_]:
            raise UserError(f"the frame has columns that training didn't: {str(extra)[1:-1]}")
        columns = []
        for name in self.columns_:
            names, kinds = category_names(X[name])
            if new := kinds - self.kinds_.setdefault(name, kinds):
                before = " and ".join(sorted(self.kinds_[name])) or "nothing"
                raise UserError(
                    f"column {name!r} held {before} in training and holds {min(new)} now: "
                    f"give it the type that it had"
                )
            columns.append([[f"{name}={category}" for category in cell] for cell in names])
        rows = (list(chain.from_iterable(row)) for row in zip(*columns, strict=True))
        hasher = FeatureHasher(
            self.n_buckets, input_type="string", alternate_sign=False, dtype=np.float32
        )
        return hasher.transform(rows)

    def _logits(self, rows) -> Tensor:
        """(B,) logits of sparse rows (B, n_buckets), as FactorizationMachine takes them."""
        index = rows.indices.astype(np.int64)
        offset = rows.indptr[:-1].astype(np.int64)
        device = self.model_.w0.device
        return self.model_(*(torch.from_numpy(x).to(device) for x in (index, offset, rows.data)))

    def _validation_loss(self, validation):
        """For `train`: a function that measures the log-loss on these data, (X, y)."""
        if not isinstance(validation, (tuple, list)) or len(validation) != 2:
            raise UserError("validation is a pair (X, y): a frame of categories and its responses")
        X, y = validation
        rows = self._hash(X)
        y = check_labels(y, len(X), (0, 1), "responses")
        return lambda model: log_loss(y, self._proba(rows), labels=[0, 1])

    @torch.no_grad()
    def _proba(self, rows):
        return expit(self._logits(rows).double().cpu().numpy())
