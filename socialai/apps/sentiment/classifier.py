"""A sentiment classifier by any of the course's methods."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from socialai import data
from socialai.errors import UserError
from socialai.models import baselines
from socialai.validation import (
    as_input_error,
    check_choice,
    check_frame,
    check_labels,
    check_texts,
)

METHODS = (*baselines.BASELINES, "finetuned")


class SentimentClassifier(ClassifierMixin, BaseEstimator):
    """Any labels on any texts: sentiment, emotion, stance.

    Parameters
    ----------
    method : str
        "majority", "tfidf", "frozen" (see `socialai.models.baselines`) or "finetuned" (see
        `socialai.models.bert.BertTextClassifier`).
    encoder : str
        That of "frozen" and "finetuned": "default", "full", a folder, or a name on the hub.
    device : str
        auto, cpu, cuda or mps.
    seed : int
        Any integer.
    options : mapping or None
        Further parameters of BertTextClassifier, for "finetuned".

    Attributes
    ----------
    model_ : Pipeline or BertTextClassifier
        What was fitted.
    classes_ : array (K,)
        The labels.

    Examples
    --------
    >>> model = SentimentClassifier("tfidf").fit(["很好喜欢", "太差失望"], ["good", "bad"])
    >>> model.predict(["喜欢"]).tolist()
    ['good']
    """

    def __init__(
        self,
        method: str = "frozen",
        encoder: str = "default",
        device: str = "auto",
        seed: int = 0,
        options: Mapping | None = None,
    ):
        self.method = method
        self.encoder = encoder
        self.device = device
        self.seed = seed
        self.options = options

    def fit(self, X, y) -> "SentimentClassifier":
        """Learn from texts X (n,) and labels y (n,); UserError for fewer than two labels."""
        check_choice(self.method, METHODS, "method")
        if not isinstance(self.options, Mapping | None):
            raise UserError(f"options are {{name: value}}, not one {type(self.options).__name__}")
        texts = check_texts(X, ordered=True)
        y = check_labels(y, len(texts))
        if len(set(y.tolist())) < 2:
            raise UserError("one label only: a classifier needs two or more")
        if self.method == "finetuned":
            from socialai.models.bert import BertTextClassifier

            options = self.options or {}
            for name in options:
                check_choice(
                    name, BertTextClassifier().get_params(), "option of BertTextClassifier"
                )
            model = BertTextClassifier(
                **{"encoder": self.encoder, "device": self.device, "seed": self.seed, **options}
            )
        else:
            model = baselines.build_baseline(
                self.method, seed=self.seed, encoder=self.encoder, device=self.device
            )
        self.model_ = model.fit(texts, y)
        self.classes_ = self.model_.classes_
        return self

    def fit_frame(
        self, frame: pd.DataFrame, text: str = "text", label: str = "label"
    ) -> "SentimentClassifier":
        """Learn from two columns of a frame, de-duplicated; UserError for what is wrong with it."""
        frame = check_frame(frame, [text, label])
        pairs = pd.DataFrame({"text": check_texts(frame[text]), "label": frame[label]})
        with as_input_error(f"column {label!r}"):  # a list, say, can't be a label
            distinct = data.deduplicate(pairs)
        if distinct.empty:
            raise UserError("no rows are left: every text occurs with contradicting labels")
        return self.fit(distinct["text"], distinct["label"])

    def predict(self, X) -> np.ndarray:
        """The most probable label of each text, (n,)."""
        check_is_fitted(self)
        return self.model_.predict(X)

    def predict_proba(self, X) -> np.ndarray:
        """Probabilities (n, K), columns in the order of `classes_`."""
        check_is_fitted(self)
        return self.model_.predict_proba(X)
