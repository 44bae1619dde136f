"""Pre-trained encoders: where they come from, and texts to embeddings without training."""

import os
from collections.abc import Callable
from difflib import get_close_matches
from functools import lru_cache
from numbers import Integral
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn
from torch.nn.functional import normalize
from transformers import AutoConfig, AutoTokenizer, BertModel

from socialai.data import inputs
from socialai.errors import DataUnavailable, UserError
from socialai.models import e5
from socialai.models.batching import encode, forward_in_batches
from socialai.models.device import PRECISIONS, choose_device
from socialai.validation import check_choice, check_number

POOLINGS = ("mean", "cls")


def check_name(name_or_path: str) -> str:
    """The name or path of an encoder itself, if it can be one."""
    if not isinstance(name_or_path, (str, os.PathLike)):
        raise UserError(f"an encoder is a name or a folder, not one {type(name_or_path).__name__}")
    return name_or_path


def folder_of(name_or_path: str) -> str:
    """What `from_pretrained` takes for an encoder: a folder, or a name on the hub.

    "default" and "full" are prepared where they aren't yet, see `socialai.models.e5`. Of a folder
    that `socialai finetune` wrote, the folder "model" inside is meant.
    """
    if check_name(name_or_path) in e5.PREPARED:
        return str(e5.prepare(name_or_path))
    folder = Path(name_or_path)
    if not folder.is_dir():
        return str(name_or_path)
    if not (folder / "config.json").exists() and (folder / "model" / "config.json").exists():
        folder = folder / "model"
    inputs.record_file(folder)
    return str(folder)


def load_pretrained(load: Callable, name_or_path: str, **options):
    """What load, a `from_pretrained` of transformers, gives for an encoder.

    DataUnavailable for what is neither a folder nor a reachable name, UserError for a folder that
    holds no whole model.
    """
    folder = folder_of(name_or_path)
    try:
        return load(folder, **options)
    except (OSError, ValueError, SafetensorError) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        if Path(folder).exists():
            raise UserError(f"{name_or_path} holds no whole model: {reason}") from None
        near = get_close_matches(folder, e5.PREPARED, 1)
        hint = f" (did you mean {near[0]!r}?)" if near else ""
        raise DataUnavailable(
            f"encoder {folder!r} is neither a folder nor reachable on the hub{hint}: {reason}"
        ) from None


def load_config(name_or_path: str):
    """The configuration of an encoder; UserError where it isn't a BERT model."""
    config = load_pretrained(AutoConfig.from_pretrained, name_or_path)
    if config.model_type != "bert":
        raise UserError(
            f"encoder {name_or_path!r} is a {config.model_type} model; BERT models are supported"
        )
    return config


def load_weights(model_class, name_or_path: str, new: str | None = None, **options):
    """A model of this class with the weights of an encoder; options go to `from_pretrained`.

    new: a linear layer of the model that is drawn at random, even where the encoder has its own.
    UserError where the encoder lacks any other weight, which would be drawn at random too.
    """
    options |= {"output_loading_info": True, "ignore_mismatched_sizes": True}
    model, found = load_pretrained(model_class.from_pretrained, name_or_path, **options)
    drawn = {*found["missing_keys"], *(key for key, *_ in found["mismatched_keys"])}
    lacking = sorted(key for key in drawn if key.split(".")[0] != new)
    if lacking:
        raise UserError(
            f"{name_or_path} holds no whole model: {len(lacking)} of its weights are missing or "
            f"of another size, the first is {lacking[0]}"
        )
    if new is not None and f"{new}.weight" not in drawn:
        part = getattr(model, new)
        nn.init.normal_(part.weight, std=model.config.initializer_range)
        nn.init.zeros_(part.bias)
    return model


def check_max_length(max_length: int, tokenizer, config) -> int:
    """max_length, if it leaves a text one token at least, and the encoder has so many positions."""
    taken = len(encode(tokenizer, [""], getattr(config, "text_prefix", ""))[0])
    positions = config.max_position_embeddings
    if not isinstance(max_length, Integral):
        raise UserError(f"max_length: a whole number is needed, not {max_length!r}")
    name = f"max_length (the encoder has {positions} positions)"
    return check_number(max_length, name, taken + 1, positions, whole=True)


def load_encoder(name_or_path: str = "default", **options):
    """(model, tokenizer) of an encoder: "default" or "full", a folder, or a name on the hub.

    model: transformers' BertModel without pooler, in evaluation mode. options go to
    `from_pretrained`. Raises DataUnavailable when a name on the hub can't be reached, UserError
    when it isn't a whole BERT model.
    """
    load_config(name_or_path)
    tokenizer = load_pretrained(AutoTokenizer.from_pretrained, name_or_path)
    options = {"add_pooling_layer": False} | options
    model = load_weights(BertModel, name_or_path, **options)
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


def release_encoders() -> None:
    """Free the encoders that FrozenEncoder keeps between calls, for whom memory is short."""
    _cached_encoder.cache_clear()


class FrozenEncoder(TransformerMixin, BaseEstimator):
    """Texts to embeddings of an encoder that is not trained, mean-pooled and of length 1.

    Parameters
    ----------
    encoder : str
        "default" or "full" (see `socialai.models.e5`), a folder, or a name on the hub.
    max_length : int
        Tokens at which a text is cut; at most the positions that the encoder has.
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
        """Nothing is learned; the encoder is loaded so that a wrong name or setting shows here."""
        check_choice(self.precision, PRECISIONS, "precision")
        model, tokenizer = _cached_encoder(check_name(self.encoder), choose_device(self.device))
        check_max_length(self.max_length, tokenizer, model.config)
        self.dim_ = model.config.hidden_size
        return self

    def transform(self, X) -> np.ndarray:
        """Embeddings (n, d), each of length 1, of texts in any collection."""
        check_is_fitted(self)
        device = choose_device(self.device)
        model, tokenizer = _cached_encoder(self.encoder, device)
        check_max_length(self.max_length, tokenizer, model.config)
        ids = encode(tokenizer, X, getattr(model.config, "text_prefix", ""), self.max_length)

        def embed(batch: dict[str, Tensor]) -> Tensor:
            states = model(**batch).last_hidden_state.float()  # (B, n, d)
            return normalize(pool(states, batch["attention_mask"], "mean"), dim=1)  # (B, d)

        return forward_in_batches(embed, ids, tokenizer.pad_token_id, device, self.precision)
