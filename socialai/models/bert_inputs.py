"""What the fine-tuned classifier is given besides texts: settings, labels, validation.

All of it is checked before anything is trained, and the settings are kept with a saved model.
"""

import os
from pathlib import Path

import numpy as np
from sklearn.base import BaseEstimator

from socialai.errors import UserError
from socialai.models.device import PRECISIONS
from socialai.models.encoders import POOLINGS
from socialai.validation import check_choice, check_labels, check_settings, check_texts

PLAIN = (str, int, float, np.number, np.bool_)
SHARE = {"low": 0, "high": 1}
AT_LEAST_ONE = {"low": 1, "whole": True}


def check_bert_settings(model: BaseEstimator) -> None:
    """UserError for a setting of BertTextClassifier that neither encoder nor machine could bear."""
    check_choice(model.pooling, POOLINGS, "pooling")
    check_choice(model.precision, PRECISIONS, "precision")
    check_choice(model.freeze_embeddings, (True, False), "freeze_embeddings")
    check_settings(
        model,
        dropout=SHARE,
        encoder_dropout=SHARE,
        learning_rate={"low": 0},
        epochs=AT_LEAST_ONE,
        batch_size=AT_LEAST_ONE,
        patience={"low": 0, "whole": True},
    )
    if model.warmup is not None:
        check_settings(model, warmup=SHARE)
    if model.progress is not None and not callable(model.progress):
        raise UserError("progress must be None or a function of (step, n_steps, loss)")


def check_bert_labels(y, n: int, name: str = "labels") -> np.ndarray:
    """Labels (n,) that the configuration of a saved model can hold."""
    labels = check_labels(y, n, name=name)
    plain = all(isinstance(label, PLAIN) for label in labels.tolist())
    if labels.dtype.kind in "mM" or not plain:
        raise UserError(f"{name} must be text, numbers, or True and False")
    return labels


def check_validation(validation: tuple, classes: np.ndarray) -> tuple[list[str], np.ndarray]:
    """(texts, labels) to validate on, if each label is one of the classes."""
    if not isinstance(validation, (tuple, list)) or len(validation) != 2:
        raise UserError("validation: a pair (texts, labels) is needed")
    texts = check_texts(validation[0], "validation text", ordered=True)
    labels = check_bert_labels(validation[1], len(texts), "validation labels")
    if unknown := sorted(set(labels.tolist()) - set(classes.tolist()), key=str):
        raise UserError(f"labels in validation that training doesn't have: {unknown}")
    return texts, labels


def settings_to_save(model: BaseEstimator) -> dict:
    """All settings as JSON can hold them, but for the device and progress; a folder with its path.

    So that `load` finds them again from wherever it is called.
    """
    settings = model.get_params()
    del settings["device"], settings["progress"]
    encoder = settings["encoder"]
    settings["encoder"] = os.path.abspath(encoder) if Path(encoder).is_dir() else str(encoder)
    return {
        name: value.item() if isinstance(value, np.generic) else value
        for name, value in settings.items()
    }
