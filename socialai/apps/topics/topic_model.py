"""Topics of texts by NMF, LDA or clusters of embeddings."""

import warnings
from collections.abc import Callable, Iterable
from numbers import Integral

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.cluster import KMeans
from sklearn.decomposition import NMF, LatentDirichletAllocation
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer
from sklearn.utils.validation import check_is_fitted

from socialai.errors import UserError
from socialai.validation import (
    check_choice,
    check_frame,
    check_matrix,
    check_number,
    check_numbers,
    check_settings,
    check_texts,
    generator_seed,
)

METHODS = ("nmf", "lda", "clusters")
MAX_ITER = {"nmf": 500, "lda": 20}


class TopicModel(TransformerMixin, BaseEstimator):
    """Topics of texts, each as a list of words, and the topic of each text.

    Parameters
    ----------
    method : str
        "nmf" (of TF-IDF), "lda" (of counts) or "clusters" (k-means on embeddings of `encoder`,
        words by `class_tfidf`).
    n_topics : int
        How many topics.
    n_words : int
        Words of each topic in `topics_`.
    analyzer : callable or None
        A text to its words. None: lower-case words of three or more letters, without English stop
        words.
    min_df : int
        Texts that a word must occur in.
    max_df : float
        Share of the texts that a word may occur in.
    max_features : int
        Words at most, the most frequent ones.
    max_iter : int or None
        Passes after which NMF (None: 500) and LDA (None: 20) stop, settled or not;
        `model_.n_iter_` of them ran.
    encoder : str
        That of "clusters": "default", "full", a folder, or a name on the hub.
    max_length : int
        Tokens of a text that the encoder reads.
    device : str
        auto, cpu, cuda or mps.
    seed : int
        Any integer.

    Attributes
    ----------
    topics_ : list of lists of str
        The n_words strongest words of each topic, the strongest first.
    labels_ : array (n,)
        The topic of each training text.
    words_ : array (V,)
        All words that count.
    topic_word_ : array (n_topics, V)
        The weights of the words in the topics.
    model_ : NMF, LatentDirichletAllocation or KMeans
        What was fitted.

    Examples
    --------
    >>> texts = ["ball goal team", "team ball goal", "vote party law", "law vote party"]
    >>> model = TopicModel("nmf", n_topics=2, n_words=3).fit(texts)
    >>> model.predict(["goal", "party law"]).tolist() == [model.labels_[0], model.labels_[2]]
    True
    """

    def __init__(
        self,
        method: str = "nmf",
        n_topics: int = 10,
        n_words: int = 10,
        analyzer: Callable[[str], Iterable[str]] | None = None,
        min_df: int = 2,
        max_df: float = 0.5,
        max_features: int = 10_000,
        max_iter: int | None = None,
        encoder: str = "default",
        max_length: int = 64,
        device: str = "auto",
        seed: int = 0,
    ):
        self.method = method
        self.n_topics = n_topics
        self.n_words = n_words
        self.analyzer = analyzer
        self.min_df = min_df
        self.max_df = max_df
        self.max_features = max_features
        self.max_iter = max_iter
        self.encoder = encoder
        self.max_length = max_length
        self.device = device
        self.seed = seed

    def fit(self, X, y=None, embeddings: np.ndarray | None = None) -> "TopicModel":
        """Learn from texts X (n,).

        embeddings (n, d): those of X where they are known already, for "clusters" only.
        Raises UserError for fewer texts than topics, or when no words are left.
        """
        texts = check_texts(X)
        self._check_settings()
        seed = generator_seed(self.seed)
        if len(texts) < self.n_topics:
            raise UserError(f"{len(texts)} texts are fewer than {self.n_topics} topics")
        if embeddings is not None:
            embeddings = check_matrix(embeddings, "embeddings", shape=(len(texts), None))

        # Count words.
        self.vectorizer_ = build_vectorizer(
            self.analyzer, self.min_df, self.max_df, self.max_features
        )
        try:
            counts = self.vectorizer_.fit_transform(texts)  # (n, V)
        except TypeError as error:
            raise UserError(f"analyzer must give the words of a text: {error}") from None
        except ValueError:
            raise UserError(
                f"no words are left of {len(texts)} texts: lower min_df={self.min_df} "
                f"or raise max_df={self.max_df}"
            ) from None
        self.words_ = self.vectorizer_.get_feature_names_out()
        if self.method == "nmf" and len(self.words_) < self.n_topics:
            raise UserError(f"{len(self.words_)} words are fewer than {self.n_topics} topics")

        # Find topics, by vectors or by words.
        if self.method == "clusters":
            embeddings = self._embed(texts) if embeddings is None else embeddings
            self.model_ = KMeans(self.n_topics, n_init=5, random_state=seed)
            self.labels_ = self.model_.fit_predict(embeddings)
            self.topic_word_ = class_tfidf(counts, self.labels_, self.n_topics)
        else:
            self._fit_words(counts, seed)
            self.labels_ = self.model_.transform(self._weighted(counts)).argmax(1)
            self.topic_word_ = self.model_.components_
        self.topics_ = [self._strongest_words(weights) for weights in self.topic_word_]
        return self

    def _check_settings(self) -> None:
        check_choice(self.method, METHODS, "method")
        at_least_one = {"low": 1, "whole": True}
        check_settings(self, n_topics=at_least_one, n_words=at_least_one)
        for name in ("min_df", "max_df"):  # a whole number of texts, or a share of them
            whole = isinstance(getattr(self, name), Integral)
            check_settings(self, **{name: at_least_one if whole else {"low": 0, "high": 1}})
        if self.max_features is not None:
            check_settings(self, max_features=at_least_one)
        if self.max_iter is not None:
            check_settings(self, max_iter=at_least_one)
        if self.analyzer is not None and not callable(self.analyzer):
            raise UserError("analyzer must be None or a function of a text that gives its words")

    def _strongest_words(self, weights: np.ndarray) -> list[str]:
        # Ties by the alphabet, so that equal weights give the same words on every machine.
        order = np.lexsort((np.arange(len(weights)), -weights.round(9)))
        return self.words_[order[: self.n_words]].tolist()

    def _fit_words(self, counts, seed: int) -> None:
        max_iter = self.max_iter or MAX_ITER[self.method]
        if self.method == "nmf":
            self.tfidf_ = TfidfTransformer(sublinear_tf=True).fit(counts)
            self.model_ = NMF(self.n_topics, init="nndsvda", max_iter=max_iter, random_state=seed)
        else:
            self.model_ = LatentDirichletAllocation(
                self.n_topics,
                max_iter=max_iter,
                learning_method="batch",
                random_state=seed,
            )
        with warnings.catch_warnings():
            # max_iter bounds the time; model_.n_iter_ tells whether it was enough.
            warnings.simplefilter("ignore", ConvergenceWarning)
            self.model_.fit(self._weighted(counts))

    def _weighted(self, counts):
        return self.tfidf_.transform(counts) if self.method == "nmf" else counts

    def _embed(self, texts: list[str]) -> np.ndarray:
        from socialai.models.encoders import FrozenEncoder

        return FrozenEncoder(self.encoder, self.max_length, self.device).fit_transform(texts)

    def fit_frame(self, frame: pd.DataFrame, text: str = "text") -> "TopicModel":
        """Learn from a column of a frame; UserError for what is wrong with it."""
        return self.fit(check_frame(frame, [text])[text])

    def transform(self, X) -> np.ndarray:
        """(n, n_topics): weights of the topics; for "clusters" minus the distances to centres."""
        check_is_fitted(self, "topics_")
        texts = check_texts(X, empty=True)
        if not texts:
            return np.zeros((0, len(self.topics_)))
        if self.method == "clusters":
            embeddings = self._embed(texts)
            if embeddings.shape[1] != self.model_.n_features_in_:
                raise UserError(
                    f"the topics are of embeddings of {self.model_.n_features_in_} numbers, the "
                    f"encoder gives {embeddings.shape[1]}: set `encoder` to theirs"
                )
            return -self.model_.transform(embeddings)
        return self.model_.transform(self._weighted(self.vectorizer_.transform(texts)))

    def predict(self, X) -> np.ndarray:
        """The strongest topic of each text, (n,)."""
        check_is_fitted(self, "topics_")
        return self.transform(X).argmax(1)


def build_vectorizer(
    analyzer: Callable[[str], Iterable[str]] | None = None,
    min_df: int = 2,
    max_df: float = 0.5,
    max_features: int = 10_000,
) -> CountVectorizer:
    """The counter of words that all topic models here share; arguments as in `TopicModel`."""
    limits = {"min_df": min_df, "max_df": max_df, "max_features": max_features}
    if analyzer is not None:
        return CountVectorizer(analyzer=analyzer, **limits)
    # No word is a part of an address or of a name: what follows /, . or @, or goes before / or
    # ://, is skipped.
    word = r"(?<![\w/.@])[a-zA-Z]{3,}(?!\w|/|://)"
    return CountVectorizer(stop_words="english", token_pattern=word, **limits)


def class_tfidf(counts, labels: np.ndarray, n_classes: int) -> np.ndarray:
    """Words that set a cluster apart: tf_(t,c) * log(1 + A / f_t), (n_classes, V).

    counts (n, V) of words in texts; labels (n,) the class of each text. tf_(t,c) is the count of
    word t in class c, f_t in all, A the mean number of words a class.
    Source: Grootendorst 2022, BERTopic, section 3.3.
    """
    counts = check_matrix(counts, "counts", sparse=True, low=0)
    n_classes = check_number(n_classes, "n_classes", 1, whole=True)
    labels = check_numbers(labels, "labels", 0, n_classes - 1, n=counts.shape[0], whole=True)
    in_class = [np.asarray(counts[labels == c].sum(0)).ravel() for c in range(n_classes)]
    tf = np.vstack(in_class).astype(float)  # (C, V)
    mean_words = tf.sum() / n_classes
    return tf * np.log(1 + mean_words / np.maximum(tf.sum(0), 1))
