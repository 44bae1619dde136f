"""Pre-trained encoders: where they come from, and texts to embeddings without training."""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted
from torch import Tensor
from torch.nn.functional import normalize
from transformers import AutoTokenizer, BertModel

from socialai.data import inputs
from socialai.errors import DataUnavailable, UserError
from socialai.models import e5
from socialai.models.batching import encode, forward_in_batches
from socialai.models.device import choose_device

POOLINGS = ("mean", "cls")


def folder_of(name_or_path: str) -> str:
    """What `from_pretrained` takes for an encoder: a folder, or a name on the hub.

    "default" and "full" are prepared where they aren't yet, see `socialai.models.e5`.
    """
    if name_or_path in e5.PREPARED:
        return str(e5.prepare(name_or_path))
    if Path(name_or_path).is_dir():
        inputs.record_file(name_or_path)
    return name_or_path


def load_pretrained(load: Callable, name_or_path: str, **options):
    """What load, a `from_pretrained` of transformers, gives for an encoder.

    DataUnavailable for what is neither a folder nor a reachable name, UserError for a folder that
    holds no whole model.
    """
    try:
        return load(folder_of(name_or_path), **options)
    except OSError as error:
        reason = str(error).splitlines()[0]
        if Path(name_or_path).exists():
            raise UserError(f"{name_or_path} holds no whole model: {reason}") from None
        raise DataUnavailable(
            f"encoder {name_or_path!r} is neither a folder nor reachable on the hub: {reason}"
        ) from None


def load_encoder(name_or_path: str = "default", **options):
    """(model, tokenizer) of an encoder: "default" or "full", a folder, or a name on the hub.

    model: transformers' BertModel without pooler, in evaluation mode. options go to
    `from_pretrained`. Raises DataUnavailable when a name on the hub can't be reached.
    """
    tokenizer = load_pretrained(AutoTokenizer.from_pretrained, name_or_path)
    options = {"add_pooling_layer": False} | options
    model = load_pretrained(BertModel.from_pretrained, name_or_path, **options)
    return model.eval(), tokenizer


def attention_for(device: torch.device) -> str:
    """The implementation of attention that is fastest for short texts on a device."""
    return "eager" if device.type == "cpu" else "sdpa"


def pool(states: Tensor, attention_mask: Tensor, pooling: str) -> Tensor:
    """One vector a text (B, d) from its states (B, n, d) and attention_mask (B, n).

    That of the first token ("cls"), or the mean of all real ones ("mean").
    """
    if pooling == "cls":
        return states[:, 0]  # (B, d)
    mask = attention_mask[..., None].to(states.dtype)  # (B, n, 1)
    return (states * mask).sum(1) / mask.sum(1)  # (B, d)


@lru_cache(maxsize=2)
def _cached_encoder(name_or_path: str, device: torch.device):
    model, tokenizer = load_encoder(name_or_path, attn_implementation=attention_for(device))
    return model.to(device), tokenizer


class FrozenEncoder(TransformerMixin, BaseEstimator):
    """Texts to embeddings of an encoder that is not trained, mean-pooled and of length 1.

    Parameters
    ----------
    encoder : str
        "default" or "full" (see `socialai.models.e5`), a folder, or a name on the hub.
    max_length : int
        Tokens at which a text is cut.
    device : str
        "auto", or a device of torch.
    precision : str
        "auto", "bf16" or "fp32", see `socialai.models.device.autocast`.

    Attributes
    ----------
    dim_ : int
        d, the numbers of an embedding.

    Examples
    --------
    >>> from socialai.models.encoders import FrozenEncoder
    >>> FrozenEncoder().fit_transform(["服务很好", "the room was dirty"]).shape
    (2, 384)
    """

    def __init__(
        self,
        encoder: str = "default",
        max_length: int = 128,
        device: str = "auto",
        precision: str = "auto",
    ):
        self.encoder = encoder
        self.max_length = max_length
        self.device = device
        self.precision = precision

    def fit(self, X=None, y=None) -> "FrozenEncoder":
        """Nothing is learned; the encoder is loaded so that a wrong name shows here."""
        model, _ = _cached_encoder(self.encoder, choose_device(self.device))
        self.dim_ = model.config.hidden_size
        return self

    def transform(self, X) -> np.ndarray:
        """Embeddings (n, d), each of length 1, of a sequence of texts."""
        check_is_fitted(self)
        device = choose_device(self.device)
        model, tokenizer = _cached_encoder(self.encoder, device)
        ids = encode(tokenizer, X, getattr(model.config, "text_prefix", ""), self.max_length)

        def embed(batch: dict[str, Tensor]) -> Tensor:
            states = model(**batch).last_hidden_state.float()  # (B, n, d)
            return normalize(pool(states, batch["attention_mask"], "mean"), dim=1)  # (B, d)

        return forward_in_batches(embed, ids, tokenizer.pad_token_id, device, self.precision)
