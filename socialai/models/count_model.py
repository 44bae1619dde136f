"""Language models by counting, the baseline that a pre-trained network has to beat."""

from collections.abc import Iterable

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from socialai.errors import UserError
from socialai.models.pretraining import IGNORED
from socialai.validation import as_input_error, check_list, check_number, check_numbers

WEIGHTS = tuple(np.round(np.arange(0.05, 1.0, 0.05), 2))


class CountModel(BaseEstimator):
    """Unigram and bigram language models by counting, smoothed so that no token is impossible.

    p(w) = (count + 1) / (N + V), and p(w | previous) = weight * count(previous, w) /
    count(previous) + (1 - weight) * p(w), linear interpolation (Jelinek and Mercer 1980). After a
    word never seen before another, p(w) alone counts.

    Parameters
    ----------
    n_vocab : int or None
        V, the size of the vocabulary; None: as many as the largest token id asks for.
    weight : float or None
        Share of the bigram; None: chosen from WEIGHTS on the validation texts of `fit`.

    Attributes
    ----------
    n_vocab_ : int
        The size that is used.
    unigram_ : ndarray (V,)
        p(w).
    weight_ : float
        The weight that is used.

    Examples
    --------
    >>> from socialai.models.count_model import CountModel
    >>> model = CountModel(n_vocab=3, weight=0.5).fit([[0, 1, 2], [0, 1, 1]])
    >>> model.probability([1], [2]).round(3).tolist()  # 0.5 * 1 / 2 + 0.5 * 2 / 7
    [0.393]
    """

    def __init__(self, n_vocab: int | None = None, weight: float | None = None):
        self.n_vocab = n_vocab
        self.weight = weight

    def fit(
        self, X: list[list[int]], y=None, validation: list[list[int]] | None = None
    ) -> "CountModel":
        """Count the tokens and pairs of texts X, lists of token ids.

        Every text begins with its first token, which is never predicted. validation: texts as X on
        which the weight is chosen; UserError where there are none and no weight was given.
        """
        if self.weight is None and validation is None:
            raise UserError("a weight, or validation texts that it is chosen on, are needed")
        if self.weight is not None:
            check_number(self.weight, "weight", 0, 1)
        if self.n_vocab is not None:
            check_number(self.n_vocab, "n_vocab", 1, whole=True)

        # single tokens
        previous, following = _neighbours(X, self.n_vocab)
        largest = max(previous.max(), following.max())
        self.n_vocab_ = int(largest) + 1 if self.n_vocab is None else int(self.n_vocab)
        self.unigram_ = np.bincount(following, minlength=self.n_vocab_) + 1.0
        self.unigram_ /= self.unigram_.sum()  # (V,)

        # pairs, each as one number, and how often a token stands before another
        keys = previous.astype(np.int64) * self.n_vocab_ + following
        self._keys, self._counts = np.unique(keys, return_counts=True)
        self._contexts = np.bincount(previous, minlength=self.n_vocab_)  # (V,)

        self.weight_ = self.weight if self.weight is None else float(self.weight)
        if self.weight is None:
            pairs = _neighbours(validation, self.n_vocab_, "validation text")
            self.weight_ = min(WEIGHTS, key=lambda weight: self._bigram_loss(*pairs, weight))
        return self

    def probability(self, previous, following) -> np.ndarray:
        """p(following | previous) for arrays of token ids of one shape."""
        check_is_fitted(self)
        rule = {"low": 0, "high": self.n_vocab_ - 1, "whole": True, "ndim": None, "empty": True}
        previous = check_numbers(previous, "previous tokens", **rule).astype(np.int64)
        following = check_numbers(following, "following tokens", **rule).astype(np.int64)
        with as_input_error("previous and following tokens"):
            previous, following = np.broadcast_arrays(previous, following)
        return self._probability(previous, following, self.weight_)

    def losses(self, ids: list[list[int]]) -> dict[str, float]:
        """{"unigram", "bigram"}: cross-entropy in nats a token on texts."""
        check_is_fitted(self)
        previous, following = _neighbours(ids, self.n_vocab_)
        return {
            "unigram": float(-np.log(self.unigram_[following]).mean()),
            "bigram": self._bigram_loss(previous, following, self.weight_),
        }

    def losses_at_masks(self, batches: Iterable[dict], special: list[int]) -> dict[str, float]:
        """{"unigram", "bigram"}: the same on the tokens that `masked_batches` hid.

        special: ids that are never hidden. The bigram is told the true token before each, where a
        masked model may see another [MASK].
        """
        check_is_fitted(self)

        # the hidden tokens, and what stands before each
        pairs = []
        for batch in batches:
            true = batch["true_ids"].cpu()
            hidden = batch["labels"][:, 1:].cpu() != IGNORED
            pairs.append(torch.stack([true[:, :-1][hidden], true[:, 1:][hidden]]))
        previous, following = torch.cat(pairs, dim=1).numpy()

        # what special tokens would take of the probability is shared out among the others
        unigram = self.unigram_[following] / (1 - self.unigram_[special].sum())
        ruled_out = sum(
            self.probability(previous, np.full_like(previous, token)) for token in special
        )
        bigram = self.probability(previous, following) / (1 - ruled_out)
        return {"unigram": float(-np.log(unigram).mean()), "bigram": float(-np.log(bigram).mean())}

    def _probability(
        self, previous: np.ndarray, following: np.ndarray, weight: float
    ) -> np.ndarray:
        keys = previous.astype(np.int64) * self.n_vocab_ + following
        place = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
        together = np.where(self._keys[place] == keys, self._counts[place], 0)
        alone = self.unigram_[following]
        context = self._contexts[previous]
        mixed = weight * together / np.maximum(context, 1) + (1 - weight) * alone
        return np.where(context > 0, mixed, alone)

    def _bigram_loss(self, previous: np.ndarray, following: np.ndarray, weight: float) -> float:
        return float(-np.log(self._probability(previous, following, weight)).mean())


def _neighbours(
    ids: list[list[int]], n_vocab: int | None = None, name: str = "text"
) -> tuple[np.ndarray, np.ndarray]:
    """Every token but each text's last, and the token after it: (N,), (N,).

    UserError where a text isn't a list of token ids below n_vocab, or none has two tokens.
    """
    largest = np.inf if n_vocab is None else n_vocab - 1
    texts = [check_list(row, "token ids", empty=True) for row in check_list(ids, f"{name}s")]
    n = np.cumsum([len(row) for row in texts])
    flat = [token for row in texts for token in row]
    flat = check_numbers(flat, "token ids", 0, largest, whole=True, empty=True).astype(np.int64)
    rows = np.split(flat, n[:-1])
    previous = np.concatenate([row[:-1] for row in rows])
    if not len(previous):
        raise UserError(f"no {name} has two tokens: there is nothing to count")
    return previous, np.concatenate([row[1:] for row in rows])
