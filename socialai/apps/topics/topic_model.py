"""Topics of texts by NMF, LDA or clusters of embeddings."""

import warnings

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.cluster import KMeans
from sklearn.decomposition import NMF, LatentDirichletAllocation
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer
from sklearn.utils.validation import check_is_fitted

from socialai.errors import UserError
from socialai.validation import check_frame, check_matrix, check_number, check_numbers, check_texts

METHODS = ("nmf", "lda", "clusters")


class TopicModel(TransformerMixin, BaseEstimator):
    """Topics of texts, each as a list of words, and the topic of each text.

    method: "nmf" (of TF-IDF), "lda" (of counts) or "clusters" (k-means on embeddings of `encoder`, words by
    `class_tfidf`). n_words a topic. analyzer: text to words (None: lower-case words of three or more letters, without
    English stop words). min_df, max_df: texts that a word must, and share of texts that it may, occur in.
    max_iter: passes after which NMF (None: 500) and LDA (None: 20) stop, settled or not; `model_.n_iter_` of them ran.
    After `fit`: words_ (V,), topic_word_ (n_topics, V), topics_ (lists of words), labels_ (n,).
    Raises UserError for another method, fewer texts than topics, or when no words are left.
    """

    def __init__(
        self,
        method: str = "nmf",
        n_topics: int = 10,
        n_words: int = 10,
        analyzer=None,
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

    def fit(self, X, y=None, embeddings: np.ndarray | None = None):
        """Learn from texts X (n,). embeddings (n, d): those of X where they are known already ("clusters" only)."""
        texts = check_texts(X)
        if self.method not in METHODS:
            raise UserError(f"there is no method {self.method!r}: choose from {', '.join(METHODS)}")
        (
            check_number(self.n_topics, "n_topics", 1, whole=True),
            check_number(self.n_words, "n_words", 1, whole=True),
        )
        if len(texts) < self.n_topics:
            raise UserError(f"{len(texts)} texts are fewer than {self.n_topics} topics")
        self.vectorizer_ = vectorizer(self.analyzer, self.min_df, self.max_df, self.max_features)
        try:
            counts = self.vectorizer_.fit_transform(texts)
        except ValueError:
            raise UserError(
                f"no words are left of {len(texts)} texts: lower min_df={self.min_df} or raise max_df={self.max_df}"
            ) from None
        self.words_ = self.vectorizer_.get_feature_names_out()
        if self.method == "clusters":
            kmeans = KMeans(self.n_topics, n_init=5, random_state=self.seed)
            embeddings = self._embed(texts) if embeddings is None else embeddings
            self.labels_ = kmeans.fit_predict(
                check_matrix(embeddings, "embeddings", shape=(len(texts), None))
            )
            self.model_, self.topic_word_ = kmeans, class_tfidf(counts, self.labels_, self.n_topics)
        else:
            self._fit_words(counts)
            self.labels_ = self.model_.transform(self._weighted(counts)).argmax(1)
            self.topic_word_ = self.model_.components_
        # Ties by the alphabet, so that equal weights give the same words on every machine.
        order = [
            np.lexsort((np.arange(len(row)), -row.round(9)))[: self.n_words]
            for row in self.topic_word_
        ]
        self.topics_ = [self.words_[best].tolist() for best in order]
        return self

    def _fit_words(self, counts) -> None:
        if self.method == "nmf":
            self.tfidf_ = TfidfTransformer(sublinear_tf=True).fit(counts)
            self.model_ = NMF(
                self.n_topics, init="nndsvda", max_iter=self.max_iter or 500, random_state=self.seed
            )
        else:
            self.model_ = LatentDirichletAllocation(
                self.n_topics,
                max_iter=self.max_iter or 20,
                learning_method="batch",
                random_state=self.seed,
            )
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore", ConvergenceWarning
            )  # max_iter bounds the time; model_.n_iter_ tells
            self.model_.fit(self._weighted(counts))

    def _weighted(self, counts):
        return self.tfidf_.transform(counts) if self.method == "nmf" else counts

    def _embed(self, texts) -> np.ndarray:
        from socialai.models.bert import FrozenEncoder

        return FrozenEncoder(self.encoder, self.max_length, self.device).fit_transform(texts)

    def fit_frame(self, frame: pd.DataFrame, text: str = "text"):
        """Learn from a column of a frame; UserError for what is wrong with it."""
        check_frame(frame, [text])
        return self.fit(frame[text])

    def transform(self, X) -> np.ndarray:
        """(n, n_topics): weights of the topics; for "clusters" minus the distances to the centres."""
        check_is_fitted(self, "topics_")
        texts = check_texts(X)
        if self.method == "clusters":
            return -self.model_.transform(self._embed(texts))
        return self.model_.transform(self._weighted(self.vectorizer_.transform(texts)))

    def predict(self, X) -> np.ndarray:
        """The strongest topic of each text, (n,)."""
        return self.transform(X).argmax(1)


def vectorizer(analyzer=None, min_df=2, max_df=0.5, max_features=10_000) -> CountVectorizer:
    """The counter of words that all topic models here share."""
    limits = {"min_df": min_df, "max_df": max_df, "max_features": max_features}
    if analyzer is not None:
        return CountVectorizer(analyzer=analyzer, **limits)
    # No word is a part of an address or of a name: what follows /, . or @, or goes before / or ://, is skipped.
    return CountVectorizer(
        stop_words="english", token_pattern=r"(?<![\w/.@])[a-zA-Z]{3,}(?!\w|/|://)", **limits
    )


def class_tfidf(counts, labels: np.ndarray, n_classes: int) -> np.ndarray:
    """Words that set a cluster apart: tf_(t,c) * log(1 + A / f_t), (n_classes, V).

    counts (n, V) of words in texts; tf_(t,c) the count of word t in class c, f_t in all, A the mean number of words a
    class. Source: Grootendorst 2022, BERTopic, section 3.3.
    """
    counts = check_matrix(counts, "counts", sparse=True, low=0)
    n_classes = check_number(n_classes, "n_classes", 1, whole=True)
    labels = check_numbers(labels, "labels", 0, n_classes - 1, n=counts.shape[0], whole=True)
    tf = np.vstack(
        [np.asarray(counts[labels == c].sum(0)).ravel() for c in range(n_classes)]
    ).astype(float)  # (C, V)
    return tf * np.log(1 + tf.sum() / n_classes / np.maximum(tf.sum(0), 1))
