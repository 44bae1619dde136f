"""BERT encoders: load one by name."""

from pathlib import Path

from socialai import weights
from socialai.errors import DataUnavailable


def load_encoder(name_or_path: str = "default", **options):
    """(model, tokenizer) of an encoder: "default" or "full" (see socialai.weights), a folder, or a name on the hub.

    model: transformers BertModel without pooler, in evaluation mode. options go to `from_pretrained`.
    Raises DataUnavailable when a hub name can't be reached.
    """
    from transformers import AutoTokenizer, BertModel

    folder = weights.prepare(name_or_path) if name_or_path in ("default", "full") else name_or_path
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder)
        model = BertModel.from_pretrained(folder, add_pooling_layer=False, **options)
    except OSError as error:
        if Path(folder).exists():
            raise
        reason = str(error).splitlines()[0]
        raise DataUnavailable(
            f"encoder {name_or_path!r} is neither a folder nor reachable on the hub: {reason}"
        ) from None
    return model.eval(), tokenizer
