"""A sentiment classifier by any of the course's methods."""

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from socialai import data
from socialai.errors import UserError
from socialai.models import baselines
from socialai.validation import check_frame, check_labels, check_texts

METHODS = (*baselines.BASELINES, "finetuned")


class SentimentClassifier(ClassifierMixin, BaseEstimator):
    """Any labels on any texts: sentiment, emotion, stance. After `fit`: model_, classes_.

    method: "majority", "tfidf", "frozen" (see socialai.models.baselines) or "finetuned" (see BertTextClassifier, which gets
    `options`). Raises UserError for another method and for fewer than two labels.
    """

    def __init__(
        self,
        method: str = "frozen",
        encoder: str = "default",
        device: str = "auto",
        seed: int = 0,
        options=None,
    ):
        self.method = method
        self.encoder = encoder
        self.device = device
        self.seed = seed
        self.options = options

    def fit(self, X, y):
        """Learn from texts X (n,) and labels y (n,)."""
        if self.method not in METHODS:
            raise UserError(f"there is no method {self.method!r}: choose from {', '.join(METHODS)}")
        texts = check_texts(X)
        y = check_labels(y, len(texts))
        if len(set(y.tolist())) < 2:
            raise UserError("one label only: a classifier needs two or more")
        where = {"encoder": self.encoder, "device": self.device, "seed": self.seed}
        if self.method == "finetuned":
            from socialai.models.bert import BertTextClassifier

            self.model_ = BertTextClassifier(**where, **(self.options or {}))
        else:
            self.model_ = baselines.build_baseline(self.method, **{**where, "seed": self.seed})
        self.model_.fit(texts, y)
        self.classes_ = self.model_.classes_
        return self

    def fit_frame(self, frame: pd.DataFrame, text: str = "text", label: str = "label"):
        """Learn from two columns of a frame, de-duplicated; UserError for what is wrong with it."""
        check_texts(check_frame(frame, [text, label])[text])
        clean = data.deduplicate(frame, text, label)
        if clean.empty:
            raise UserError("no rows are left: every text occurs with contradicting labels")
        return self.fit(clean[text], clean[label])

    def predict(self, X) -> np.ndarray:
        """The most probable label of each text, (n,)."""
        check_is_fitted(self, "model_")
        return self.model_.predict(check_texts(X))

    def predict_proba(self, X) -> np.ndarray:
        """Probabilities (n, K), columns in the order of `classes_`."""
        check_is_fitted(self, "model_")
        return self.model_.predict_proba(check_texts(X))
