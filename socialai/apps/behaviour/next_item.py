"""Which item comes next in a user's history: a first-order Markov chain, and a causal Transformer used the same way.

>>> import pandas as pd
>>> from socialai.apps.behaviour import MarkovNextItem
>>> mine = pd.DataFrame({"user_id": [1, 1, 1, 2, 2], "item_id": list("abcab"), "time": [1, 2, 3, 1, 2]})
>>> model = MarkovNextItem(smoothing=0.1).fit(mine)
>>> model.predict([["a"]], k=1).tolist()  # after a came b, both times
[['b']]
"""

import numpy as np
import pandas as pd
import torch
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.nn.utils.rnn import pad_sequence

from socialai.errors import UserError
from socialai.models.device import choose_device
from socialai.models.training import train, warmup_linear
from socialai.models.transformer import BOS, PAD, DecoderOnly
from socialai.validation import as_input_error, check_frame, check_list, check_number, sorted_ids


class MarkovNextItem(BaseEstimator):
    """First-order Markov: how often item j came right after item i, plus `smoothing` times the popularity of j.

    smoothing=inf is popularity alone; with `newest`=n only the last n events count for it. After fit: items_.
    """

    def __init__(self, smoothing: float = 1.0, newest: int | None = None):
        self.smoothing, self.newest = smoothing, newest

    def fit(self, events: pd.DataFrame, y=None) -> "MarkovNextItem":
        """events: columns user_id, item_id, time; events of one time count in the order of their rows."""
        if self.smoothing != np.inf:
            check_number(self.smoothing, "smoothing", 0)
        if self.newest is not None:
            check_number(self.newest, "newest", 1, whole=True)
        sequences, size = self._sequences(events), len(self.items_)
        newest = events.sort_values("time", kind="stable")["item_id"].iloc[
            -(self.newest or len(events)) :
        ]
        self.popularity_ = np.bincount(self._known(newest), minlength=size + BOS + 1)[
            BOS + 1 :
        ] / len(newest)
        self.follows_ = np.zeros((size + BOS + 1, size))  # no item follows PAD: popularity alone
        for s in sequences:
            np.add.at(self.follows_, (s[:-1], s[1:] - BOS - 1), 1)
        return self

    def predict(self, histories: list[list], k: int = 10) -> np.ndarray:
        """The k items likeliest to come next, best first, (n, k). UserError for items unknown to training."""
        check_is_fitted(self), check_number(k, "k", 1, whole=True)
        if (
            unknown := {item for history in _histories(histories) for item in history}
            - self.position_.keys()
        ):
            least = min(unknown, key=str)
            raise UserError(
                f"item {least!r} wasn't in training; {len(unknown)} of the histories' items were not"
            )
        return self.items_[
            np.argsort(-self._unseen_scores(histories), axis=1, kind="stable")[:, :k]
        ]

    def ranks(self, histories: list[list], following: list) -> np.ndarray:
        """Rank from 1 of the item that followed each history, (n,); inf where training didn't know it.

        Items unknown to training are left out of the histories. A tie counts against: equal scores stand before.
        """
        check_is_fitted(self)
        scores, following = self._unseen_scores(histories), _histories([following])[0]
        if len(scores) != len(following):
            raise UserError(f"{len(scores)} histories but {len(following)} following items")
        own = np.array([self.position_.get(item, PAD) for item in following]) - BOS - 1
        return np.where(own >= 0, (scores >= scores[np.arange(len(own)), own, None]).sum(1), np.inf)

    def _sequences(self, events: pd.DataFrame) -> list[np.ndarray]:
        """Each user's items in order of time, as ids: those of items_, which this sets, come after PAD and BOS."""
        check_frame(events, ["user_id", "item_id", "time"])
        self.items_ = sorted_ids(events["item_id"].unique(), "column 'item_id'")
        self.position_ = {item: place for place, item in enumerate(self.items_.tolist(), BOS + 1)}
        with as_input_error("column 'time'"):
            events = events.sort_values("time", kind="stable")
        return [
            ids.to_numpy()
            for _, ids in events["item_id"].map(self.position_).groupby(events["user_id"])
        ]

    def _known(self, history: list) -> list[int]:
        return [self.position_[item] for item in history if item in self.position_]

    def _unseen_scores(self, histories: list[list]) -> np.ndarray:
        """(n, n_items), -inf for what a history holds: nobody rates a film twice."""
        known = [self._known(history) for history in _histories(histories)]
        scores = self._scores(known)
        for row, ids in zip(scores, known, strict=True):
            row[np.array(ids, int) - BOS - 1] = -np.inf
        return scores

    def _scores(self, histories: list[list[int]]) -> np.ndarray:
        if np.isinf(self.smoothing):
            return np.tile(self.popularity_, (len(histories), 1))
        return (
            self.follows_[[ids[-1] if ids else PAD for ids in histories]]
            + self.smoothing * self.popularity_
        )


def _histories(histories: list[list]) -> list[list]:
    """Lists of items, one at least; a history may be empty."""
    histories = [
        check_list(history, "items", empty=True) for history in check_list(histories, "histories")
    ]
    with as_input_error("items"):  # a list, say, can't be one
        set().union(*histories)
    return histories


class TransformerNextItem(MarkovNextItem):
    """A causal Transformer that reads a user's last `length` items and gives the next (SASRec, Kang and McAuley 2018).

    Same use as the Markov model. In training each place of a window predicts its own next item. After fit: model_.
    """

    def __init__(
        self,
        d_model=64,
        n_layers=2,
        length=50,
        dropout=0.2,
        epochs=10,
        lr=2e-3,
        seed=0,
        device="auto",
    ):
        self.d_model, self.n_layers, self.length, self.dropout = d_model, n_layers, length, dropout
        self.epochs, self.lr, self.seed, self.device = epochs, lr, seed, device

    def fit(self, events: pd.DataFrame, y=None, validate=None) -> "TransformerNextItem":
        """As Markov's. validate(self): a loss after each epoch; the best epoch is kept. self.history_: train's."""
        sequences, rng = self._sequences(events), np.random.default_rng(self.seed)
        torch.manual_seed(self.seed)
        size, d_ff = len(self.items_) + BOS + 1, 4 * self.d_model
        self.model_ = DecoderOnly(0, size, self.d_model, 2, self.n_layers, d_ff, self.dropout).to(
            choose_device(self.device)
        )
        n_batches = max(1, sum(-(-len(s) // self.length) for s in sequences) // 32)

        def batches(epoch: int) -> list[Tensor]:
            shift = (
                rng.integers(self.length) - self.length
            )  # each epoch cuts the sequences at other places
            windows = [
                s[max(i, 0) : i + self.length]
                for s in sequences
                for i in range(shift, len(s), self.length)
            ]
            rng.shuffle(windows := [w for w in windows if len(w)])
            return [self._ids(windows[i::n_batches]) for i in range(n_batches)]

        def loss(model: DecoderOnly, ids: Tensor) -> Tensor:
            logits = model(ids[:, :0], ids[:, :-1])  # (B, length, n_items + 2)
            return cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten(), ignore_index=PAD)

        self.history_ = train(
            self.model_,
            batches,
            loss,
            torch.optim.AdamW(self.model_.parameters(), lr=self.lr, weight_decay=0.01),
            self.epochs,
            factor=lambda step, n_steps: warmup_linear(step, n_steps, 0.1),
            validate=None if validate is None else lambda model: validate(self),
            patience=2,
        )
        return self

    def _ids(self, rows: list) -> Tensor:
        """BOS and a row's ids, filled up with PAD: (B, longest + 1)."""
        rows = [torch.as_tensor([BOS, *ids]) for ids in rows]
        return pad_sequence(rows, batch_first=True).to(next(self.model_.parameters()).device)

    @torch.no_grad()
    def _scores(self, histories: list[list[int]]) -> np.ndarray:
        self.model_.eval()
        parts = []
        for i in range(0, len(histories), 256):
            ids = self._ids([h[-(self.length - 1) :] for h in histories[i : i + 256]])
            x = self.model_.decode(ids[:, :0], ids)  # (B, n, d_model)
            end = x[
                torch.arange(len(ids)), (ids != PAD).sum(1) - 1
            ]  # (B, d_model), at the last real place
            parts.append(self.model_.output(end)[:, BOS + 1 :].float().cpu().numpy())
        return np.concatenate(parts)
