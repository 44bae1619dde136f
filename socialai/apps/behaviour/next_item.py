"""Which item comes next in a user's history: a Markov chain, and a causal Transformer."""

from abc import ABC, abstractmethod
from collections.abc import Iterable

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.nn.utils.rnn import pad_sequence

from socialai.errors import UserError
from socialai.models.device import choose_device
from socialai.models.training import train, warmup_linear
from socialai.models.transformer import BOS, PAD, DecoderOnly, TransformerConfig
from socialai.preprocessing.logs import plain_columns, read_times
from socialai.validation import (
    as_input_error,
    check_frame,
    check_list,
    check_number,
    check_settings,
    generator_seed,
    sorted_ids,
)


class NextItemModel(BaseEstimator, ABC):
    """What both models share: items as tokens, the next item of a history, and its rank.

    Each item is a token id: those of items_ come after PAD and BOS, which the Transformer needs. A
    subclass fills in `fit`, which calls `_tokens`, and `_scores`.

    Attributes
    ----------
    items_ : ndarray of shape (n_items,)
        The items, sorted.
    token_ids_ : dict
        {item: its token id}.
    """

    @abstractmethod
    def fit(self, events: pd.DataFrame, y=None) -> "NextItemModel":
        """events: columns user_id, item_id, time."""

    def predict(self, histories: list[list], k: int = 10) -> np.ndarray:
        """The k items likeliest to come next, best first, (n, k), never one of the history.

        Where fewer are left, None fills a row up; where fewer are left to all, there are fewer
        columns. UserError for items unknown to training.
        """
        check_is_fitted(self, "items_")
        k = check_number(k, "k", 1, whole=True)
        histories = _histories(histories)
        items = {item for history in histories for item in history}
        if unknown := items - self.token_ids_.keys():
            least = min(unknown, key=str)
            raise UserError(
                f"item {least!r} wasn't in training; {len(unknown)} of the histories' items "
                "were not"
            )
        scores = self._unseen_scores(histories)
        order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        left = np.take_along_axis(scores, order, 1) > -np.inf  # (n, k), the first of each row
        if left.all():
            return self.items_[order]
        best = pd.Series(list(self.token_ids_), dtype=object).to_numpy()[order]
        return np.where(left, best, None)[:, : left.sum(1).max()]

    def ranks(self, histories: list[list], following: list) -> np.ndarray:
        """Rank from 1 of the item that followed each history, (n,).

        inf where it is unknown, and where the history holds it: it would never be in a list. Items
        unknown to training are left out of the histories. A tie counts against the model: equal
        scores stand before.
        """
        check_is_fitted(self, "items_")
        histories, following = _cases((histories, following))
        scores = self._unseen_scores(histories)
        own = np.array([self.token_ids_.get(item, PAD) for item in following]) - BOS - 1
        score = scores[np.arange(len(own)), own, None]
        before = scores >= score  # (n, n_items)
        return np.where((own >= 0) & (score[:, 0] > -np.inf), before.sum(1), np.inf)

    def _tokens(self, events: pd.DataFrame) -> pd.Series:
        """The token id of each event, in order of time, by user_id; sets items_ and token_ids_."""
        events = check_frame(events, ["user_id", "item_id", "time"])
        times = read_times(events["time"], "column 'time'")
        events = plain_columns(events, ["user_id", "item_id"])
        with as_input_error("columns user_id and item_id"):  # a list, say, can't be one
            events["user_id"].nunique()
            items = events["item_id"].unique()
        self.items_ = sorted_ids(items, "column 'item_id'")
        known = pd.Series(self.items_).tolist()
        self.token_ids_ = {item: number for number, item in enumerate(known, BOS + 1)}
        tokens = events.set_index("user_id")["item_id"].map(self.token_ids_)
        return tokens.iloc[times.sort_values(kind="stable").index]

    def _known(self, history: list) -> list[int]:
        return [self.token_ids_[item] for item in history if item in self.token_ids_]

    def _unseen_scores(self, histories: list[list]) -> np.ndarray:
        """(n, n_items), -inf for what a history holds: nobody rates a film twice."""
        known = [self._known(history) for history in histories]
        scores = self._scores(known)
        for row, tokens in zip(scores, known, strict=True):
            row[np.array(tokens, int) - BOS - 1] = -np.inf
        return scores

    @abstractmethod
    def _scores(self, histories: list[list[int]]) -> np.ndarray:
        """(n, n_items): the larger, the likelier comes the item after the token ids."""


class MarkovNextItem(NextItemModel):
    """A first-order Markov chain: how often an item came right after another, and popularity.

    The score of j after i is the count of i, j plus `smoothing` times the popularity of j.

    Parameters
    ----------
    smoothing : float
        Weight of popularity; inf is popularity alone.
    newest : int or None
        Only so many of the last events count for popularity; None: all of them.

    Attributes
    ----------
    popularity_ : ndarray of shape (n_items,)
        Share of the events.
    follows_ : ndarray of shape (tokens, n_items)
        Counts of what came after each token.

    Examples
    --------
    >>> mine = pd.DataFrame({"user_id": [1, 1, 1, 2, 2], "item_id": list("abcab")})
    >>> model = MarkovNextItem(smoothing=0.1).fit(mine.assign(time=[1, 2, 3, 1, 2]))
    >>> model.predict([["a"]], k=1).tolist()  # after a came b, both times
    [['b']]
    """

    def __init__(self, smoothing: float = 1.0, newest: int | None = None):
        self.smoothing = smoothing
        self.newest = newest

    def fit(self, events: pd.DataFrame, y=None) -> "MarkovNextItem":
        """events: columns user_id, item_id, time; of one time in the order of their rows."""
        if self.smoothing != np.inf:
            check_settings(self, smoothing={"low": 0})
        if self.newest is not None:
            check_settings(self, newest={"low": 1, "whole": True})
        ordered = self._tokens(events)
        n_items = len(self.items_)
        n_tokens = n_items + BOS + 1

        newest = ordered.iloc[-min(self.newest or len(ordered), len(ordered)) :]
        self.popularity_ = np.bincount(newest, minlength=n_tokens)[BOS + 1 :] / len(newest)

        # After PAD, the token of an empty history, nothing came: popularity alone.
        self.follows_ = np.zeros((n_tokens, n_items))
        for tokens in _sequences(ordered):
            np.add.at(self.follows_, (tokens[:-1], tokens[1:] - BOS - 1), 1)
        return self

    def _scores(self, histories):
        if np.isinf(self.smoothing):
            return np.tile(self.popularity_, (len(histories), 1))
        last = [tokens[-1] if tokens else PAD for tokens in histories]
        return self.follows_[last] + self.smoothing * self.popularity_


class TransformerNextItem(NextItemModel):
    """A causal Transformer that reads a user's last items and gives the next.

    In training each place of a window predicts its own next item. Source: SASRec (Kang and McAuley
    2018).

    Parameters
    ----------
    d_model : int
        Width, even.
    n_layers : int
    max_length : int
        Places of a window, 2 or more: the last items of a history that are read, and the next.
    dropout : float
    epochs : int
        Most passes over the events; fewer with validation.
    learning_rate : float
    seed : int
    device : str
        "auto", "cpu", "cuda" or "mps".

    Attributes
    ----------
    model_ : DecoderOnly
        The network.
    history_ : list of dict
        What `models.training.train` tells of each epoch.

    Examples
    --------
    >>> mine = pd.DataFrame({"user_id": [1] * 4 + [2] * 4, "item_id": list("abcdabcd")})
    >>> model = TransformerNextItem(d_model=16, n_layers=1, max_length=4, epochs=40)
    >>> model.fit(mine.assign(time=range(8))).predict([["a", "b"]], k=1).tolist()
    [['c']]
    """

    def __init__(
        self,
        d_model: int = 64,
        n_layers: int = 2,
        max_length: int = 50,
        dropout: float = 0.2,
        epochs: int = 10,
        learning_rate: float = 2e-3,
        seed: int = 0,
        device: str = "auto",
    ):
        self.d_model = d_model
        self.n_layers = n_layers
        self.max_length = max_length
        self.dropout = dropout
        self.epochs = epochs
        self.learning_rate = learning_rate
        self.seed = seed
        self.device = device

    def fit(
        self,
        events: pd.DataFrame,
        y=None,
        validation: tuple[list[list], ArrayLike] | None = None,
    ) -> "TransformerNextItem":
        """events: columns user_id, item_id, time; of one time in the order of their rows.

        validation: (histories, following items): the epoch with the best nDCG@10 on them is kept,
        and training stops after two epochs without a better one.
        """
        check_settings(
            self,
            d_model={"low": 2, "high": 1e5, "whole": True},
            n_layers={"low": 1, "high": 1000, "whole": True},
            max_length={"low": 2, "high": 1e5, "whole": True},
            dropout={"low": 0, "high": 1},
            epochs={"low": 1, "high": 1e6, "whole": True},
            learning_rate={"low": 0, "high": 1e6, "above": True},
        )
        if self.d_model % 2:
            raise UserError(f"d_model must be even, for the two heads; it is {self.d_model}")
        seed = generator_seed(self.seed)
        if validation is not None:
            validation = _cases(validation)
        sequences = _sequences(self._tokens(events))
        rng = np.random.default_rng(seed)
        torch.manual_seed(seed)
        config = TransformerConfig(
            n_target=len(self.items_) + BOS + 1,
            d_model=self.d_model,
            n_heads=2,
            n_layers=self.n_layers,
            d_ff=4 * self.d_model,
            dropout=self.dropout,
        )
        self.model_ = DecoderOnly(config).to(choose_device(self.device))
        n_batches = max(1, sum(-(-len(s) // self.max_length) for s in sequences) // 32)

        def batches(epoch: int) -> list[Tensor]:
            # Each epoch cuts the sequences at other places.
            shift = rng.integers(self.max_length) - self.max_length
            windows = [
                tokens[max(start, 0) : start + self.max_length]
                for tokens in sequences
                for start in range(shift, len(tokens), self.max_length)
            ]
            windows = [window for window in windows if len(window)]
            rng.shuffle(windows)
            return [self._padded(windows[i::n_batches]) for i in range(n_batches)]

        def loss(model: DecoderOnly, tokens: Tensor) -> Tensor:
            logits = model(tokens[:, :0], tokens[:, :-1])  # (B, length, n_tokens)
            return cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten(), ignore_index=PAD)

        def minus_ndcg(model: DecoderOnly) -> float:
            ranks = self.ranks(*validation)
            return -float(np.where(ranks <= 10, 1 / np.log2(1 + ranks), 0).mean())

        optimizer = torch.optim.AdamW(
            self.model_.parameters(), lr=self.learning_rate, weight_decay=0.01
        )
        try:
            self.history_ = train(
                self.model_,
                batches,
                loss,
                optimizer,
                self.epochs,
                schedule=lambda step, n_steps: warmup_linear(step, n_steps, 0.1),
                validate=None if validation is None else minus_ndcg,
                patience=2,
            )
        except FloatingPointError as error:
            del self.items_  # what is half learned predicts nothing
            raise UserError(f"learning diverged: {error}") from None
        return self

    def _padded(self, rows: list) -> Tensor:
        """BOS and a row's tokens, filled up with PAD: (B, longest + 1)."""
        rows = [torch.as_tensor([BOS, *tokens]) for tokens in rows]
        return pad_sequence(rows, batch_first=True).to(next(self.model_.parameters()).device)

    @torch.no_grad()
    def _scores(self, histories):
        self.model_.eval()
        parts = []
        for start in range(0, len(histories), 256):
            batch = histories[start : start + 256]
            tokens = self._padded([history[-(self.max_length - 1) :] for history in batch])
            x = self.model_.decode(tokens[:, :0], tokens)  # (B, n, d_model)
            last = (tokens != PAD).sum(1) - 1  # the last place that isn't filled up
            end = x[torch.arange(len(tokens)), last]  # (B, d_model)
            parts.append(self.model_.output(end)[:, BOS + 1 :].float().cpu().numpy())
        return np.concatenate(parts)


def _sequences(tokens: pd.Series) -> list[np.ndarray]:
    """The tokens of each user, whose ids are the index, in their order."""
    return [own.to_numpy() for _, own in tokens.groupby(level=0)]


def _histories(histories: Iterable[Iterable]) -> list[list]:
    """Lists of items, one at least; a history may be empty."""
    histories = check_list(histories, "histories")
    histories = [check_list(history, "items", empty=True) for history in histories]
    with as_input_error("items"):  # a list, say, can't be one
        set().union(*histories)
    return histories


def _cases(cases: tuple) -> tuple[list[list], list]:
    """(histories, following items), as many of each."""
    if not isinstance(cases, tuple | list) or len(cases) != 2:
        raise UserError("validation is a pair: histories, and the item that followed each")
    histories = _histories(cases[0])
    (following,) = _histories([cases[1]])
    if len(histories) != len(following):
        raise UserError(f"{len(histories)} histories but {len(following)} following items")
    return histories, following
