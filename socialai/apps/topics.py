"""Topics: NMF, LDA or clustered embeddings, judged by coherence, and bursts over time.

On your own frame, in five lines ("lda" or "clusters" in place of "nmf"; for Chinese give `analyzer=text.words`):

>>> import pandas as pd
>>> from socialai.apps.topics import TopicModel
>>> posts = pd.DataFrame({"text": ["ball goal team", "team ball goal", "vote party law", "law vote party"]})
>>> model = TopicModel("nmf", n_topics=2, n_words=3).fit_frame(posts)
>>> sorted(sorted(words) for words in model.topics_)
[['ball', 'goal', 'team'], ['law', 'party', 'vote']]
"""

import math
import warnings
from itertools import combinations

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.cluster import KMeans
from sklearn.decomposition import NMF, LatentDirichletAllocation
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer
from sklearn.utils.validation import check_is_fitted

from socialai.apps import check_frame, check_matrix, check_number, check_numbers, check_texts, check_word_lists
from socialai.errors import UserError

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
        check_number(self.n_topics, "n_topics", 1, whole=True), check_number(self.n_words, "n_words", 1, whole=True)
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
            self.labels_ = kmeans.fit_predict(check_matrix(embeddings, "embeddings", shape=(len(texts), None)))
            self.model_, self.topic_word_ = kmeans, class_tfidf(counts, self.labels_, self.n_topics)
        else:
            self._fit_words(counts)
            self.labels_ = self.model_.transform(self._weighted(counts)).argmax(1)
            self.topic_word_ = self.model_.components_
        # Ties by the alphabet, so that equal weights give the same words on every machine.
        order = [np.lexsort((np.arange(len(row)), -row.round(9)))[: self.n_words] for row in self.topic_word_]
        self.topics_ = [self.words_[best].tolist() for best in order]
        return self

    def _fit_words(self, counts) -> None:
        if self.method == "nmf":
            self.tfidf_ = TfidfTransformer(sublinear_tf=True).fit(counts)
            self.model_ = NMF(self.n_topics, init="nndsvda", max_iter=self.max_iter or 500, random_state=self.seed)
        else:
            self.model_ = LatentDirichletAllocation(
                self.n_topics, max_iter=self.max_iter or 20, learning_method="batch", random_state=self.seed
            )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # max_iter bounds the time; model_.n_iter_ tells
            self.model_.fit(self._weighted(counts))

    def _weighted(self, counts):
        return self.tfidf_.transform(counts) if self.method == "nmf" else counts

    def _embed(self, texts) -> np.ndarray:
        from socialai.bert import FrozenEncoder

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
    return CountVectorizer(stop_words="english", token_pattern=r"(?<![\w/.@])[a-zA-Z]{3,}(?!\w|/|://)", **limits)


def class_tfidf(counts, labels: np.ndarray, n_classes: int) -> np.ndarray:
    """Words that set a cluster apart: tf_(t,c) * log(1 + A / f_t), (n_classes, V).

    counts (n, V) of words in texts; tf_(t,c) the count of word t in class c, f_t in all, A the mean number of words a
    class. Source: Grootendorst 2022, BERTopic, section 3.3.
    """
    counts = check_matrix(counts, "counts", sparse=True, low=0)
    n_classes = check_number(n_classes, "n_classes", 1, whole=True)
    labels = check_numbers(labels, "labels", 0, n_classes - 1, n=counts.shape[0], whole=True)
    tf = np.vstack([np.asarray(counts[labels == c].sum(0)).ravel() for c in range(n_classes)]).astype(float)  # (C, V)
    return tf * np.log(1 + tf.sum() / n_classes / np.maximum(tf.sum(0), 1))


def npmi(topics, documents) -> np.ndarray:
    """Coherence of each topic: mean over its pairs of words of log(p_ij / (p_i p_j)) / -log p_ij, from -1 to 1.

    topics: lists of words. documents: an iterable of collections of words, the reference; p is a share of documents.
    Words that never meet count -1; two words in all documents tell nothing and count 0; a word unknown to the
    reference never meets any. Source: Bouma 2009, equation 2; as a measure of topics, Aletras and Stevenson 2013.
    """
    topics = check_word_lists(topics, "topics")
    known = sorted({word for topic in topics for word in topic})
    column = {word: j for j, word in enumerate(known)}
    documents = check_word_lists(documents, "documents")
    rows = [[column[word] for word in set(words) if word in column] for words in documents]
    present = np.zeros((len(rows), len(known)))
    for i, row in enumerate(rows):
        present[i, row] = 1
    p_ij = present.T @ present / len(rows)  # (V, V), p_i on the diagonal
    p = np.diagonal(p_ij)
    values = []
    for topic in topics:
        if len(topic) < 2:
            raise UserError("a topic of fewer than two words has no coherence")
        pairs = [(column[a], column[b]) for a, b in combinations(topic, 2)]
        values.append(np.mean([_npmi_of_pair(p_ij[i, j], p[i], p[j]) for i, j in pairs]))
    return np.array(values)


def _npmi_of_pair(together: float, p_i: float, p_j: float) -> float:
    if together == 0:
        return -1.0
    return 0.0 if together == 1 else math.log(together / (p_i * p_j)) / -math.log(together)


def diversity(topics) -> float:
    """Share of different words among all words of all topics: 1 when no topic repeats another's."""
    words = [word for topic in check_word_lists(topics, "topics") for word in topic]
    if not words:
        raise UserError("the topics have no words")
    return len(set(words)) / len(words)


# Bursts


def burst_costs(hits, totals, ratio: float = 2.0) -> np.ndarray:
    """(n, 2): minus log-likelihood of hits[t] among totals[t] at the usual rate p0, and at the burst's, ratio * p0.

    p0 is the rate over the whole time. The binomial coefficient is left out: it is the same for both states.
    Raises UserError for counts that are negative or missing, more hits than totals, or sides of different length.
    """
    totals = check_numbers(totals, "totals", 0)
    hits = check_numbers(hits, "hits", 0, n=len(totals))
    if (more := hits > totals).any():
        worst = int(np.argmax(more))
        raise UserError(f"period {worst} has {hits[worst]:g} hits of {totals[worst]:g}: hits are 0 to the total")
    check_number(ratio, "ratio (a burst's rate over the usual one)", 1, above=True)
    usual = hits.sum() / max(totals.sum(), 1)
    rates = np.clip([usual, ratio * usual], 1e-12, 1 - 1e-12)
    return -(hits[:, None] * np.log(rates) + (totals - hits)[:, None] * np.log1p(-rates))


def burst_states(hits, totals, ratio: float = 2.0, gamma: float = 1.0) -> np.ndarray:
    """(n,) 0 or 1: the cheapest path through Kleinberg's two-state automaton, found by Viterbi.

    Going up to the burst costs gamma * ln n, going down nothing, and the path starts below.
    Source: Kleinberg 2002, Bursty and Hierarchical Structure in Streams, section 4 (batched arrivals).
    """
    costs, gamma = burst_costs(hits, totals, ratio), check_number(gamma, "gamma", 0)
    n, up = len(costs), gamma * math.log(len(costs))
    best, came_from = np.array([0.0, math.inf]), np.zeros((n, 2), dtype=int)
    for t in range(n):
        reach = np.array([[best[0], best[1]], [best[0] + up, best[1]]])  # rows: to, columns: from
        came_from[t] = reach.argmin(1)  # of equals the lower state
        best = reach.min(1) + costs[t]
    states = np.zeros(n, dtype=int)
    states[-1] = best.argmin()
    for t in range(n - 1, 0, -1):
        states[t - 1] = came_from[t, states[t]]
    return states


def bursts(hits, totals, ratio: float = 2.0, gamma: float = 1.0) -> pd.DataFrame:
    """The bursts as rows: start, end (positions, both inside), weight (how much cheaper than no burst, in nats)."""
    costs, states = burst_costs(hits, totals, ratio), burst_states(hits, totals, ratio, gamma)
    edges = np.diff(np.concatenate([[0], states, [0]]))
    rows = [
        (int(a), int(b) - 1, float((costs[a:b, 0] - costs[a:b, 1]).sum()))
        for a, b in zip(np.flatnonzero(edges == 1), np.flatnonzero(edges == -1), strict=True)
    ]
    return pd.DataFrame(rows, columns=["start", "end", "weight"])
