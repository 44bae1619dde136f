"""Sentiment: what raters agree on, a lexicon with rules, soft labels, ordinal ratings, and a classifier for any frame.

On your own frame, in five lines ("frozen" or "finetuned" in place of "tfidf" for the large model):

>>> import pandas as pd
>>> from socialai.apps.sentiment import SentimentClassifier
>>> posts = pd.DataFrame({"text": ["很好喜欢", "好 喜欢", "太差失望"], "label": ["good", "good", "bad"]})
>>> model = SentimentClassifier("tfidf").fit_frame(posts)
>>> model.predict(["喜欢", "失望"]).tolist()
['good', 'bad']
"""

import re
from functools import lru_cache

import numpy as np
import pandas as pd
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import precision_recall_fscore_support
from sklearn.utils.validation import check_is_fitted

from socialai import baselines, data
from socialai.apps import check_frame, check_labels, check_list, check_matrix, check_number, check_numbers, check_texts
from socialai.errors import UserError

METHODS = (*baselines.BASELINES, "finetuned")


class SentimentClassifier(ClassifierMixin, BaseEstimator):
    """Any labels on any texts: sentiment, emotion, stance. After `fit`: model_, classes_.

    method: "majority", "tfidf", "frozen" (see socialai.baselines) or "finetuned" (see BertTextClassifier, which gets
    `options`). Raises UserError for another method and for fewer than two labels.
    """

    def __init__(
        self, method: str = "frozen", encoder: str = "default", device: str = "auto", seed: int = 0, options=None
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
            from socialai.bert import BertTextClassifier

            self.model_ = BertTextClassifier(**where, **(self.options or {}))
        else:
            self.model_ = baselines.make(self.method, **{**where, "seed": self.seed})
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


# Raters


def single_ratings(ratings) -> pd.DataFrame:
    """One row a single rating: text (its position), rating, mean of all its raters, others (mean without this one).

    ratings: one array a text, of any lengths of at least 2. UserError for a text with fewer, or for a missing rating.
    """
    ratings = _each(ratings)
    if short := [i for i, r in enumerate(ratings) if len(r) < 2]:
        raise UserError(f"text {short[0]} has {len(ratings[short[0]])} ratings: agreement needs at least two")
    rating = np.concatenate(ratings)
    counts = np.array([len(r) for r in ratings])
    total, n = (np.repeat(values, counts) for values in (np.array([r.sum() for r in ratings]), counts))
    return pd.DataFrame(
        {
            "text": np.repeat(np.arange(len(ratings)), counts),
            "rating": rating,
            "mean": total / n,
            "others": (total - rating) / (n - 1),
        }
    )


def krippendorff_alpha(ratings, level: str = "interval") -> float:
    """Agreement beyond chance: 1 when all raters of each text agree, 0 when texts tell nothing about ratings.

    ratings: one array a text (NaN: missing); texts with a single rating don't count. level: "nominal" (same or not),
    "ordinal" (ranks) or "interval" (squared distance). UserError for another level, or when nothing varies.
    Source: Krippendorff 2011, Computing Krippendorff's Alpha-Reliability, section E.
    """
    ratings = [r[~np.isnan(r)] for r in _each(ratings, missing=True)]
    ratings = [r for r in ratings if len(r) > 1]
    if not ratings or len(values := np.unique(np.concatenate(ratings))) < 2:
        raise UserError("alpha is not defined: the ratings don't vary, or no text has two")
    coincidences = np.zeros((len(values), len(values)))
    for r in ratings:
        counts = np.bincount(np.searchsorted(values, r), minlength=len(values))
        coincidences += (np.outer(counts, counts) - np.diag(counts)) / (len(r) - 1)  # pairs of different raters
    n_c = coincidences.sum(1)
    if level == "nominal":
        delta = 1.0 - np.eye(len(values))
    elif level == "interval":
        delta = (values[:, None] - values[None, :]) ** 2
    elif level == "ordinal":
        rank = np.cumsum(n_c) - n_c / 2  # mid-rank: the ranks between two values are those of the raters between
        delta = (rank[:, None] - rank[None, :]) ** 2
    else:
        raise UserError(f"there is no level {level!r}: nominal, ordinal or interval")
    observed, expected = (coincidences * delta).sum(), (np.outer(n_c, n_c) * delta).sum() / (n_c.sum() - 1)
    return float(1 - observed / expected)


def rating_shares(ratings) -> np.ndarray:
    """(n, 3): which share of a text's raters read it as negative, neutral, positive."""
    return np.array([[np.mean(np.sign(r) == sign) for sign in (-1, 0, 1)] for r in _each(ratings)])


def _each(ratings, missing: bool = False) -> list[np.ndarray]:
    """The ratings of each text as an array; there must be texts, and each must have one."""
    ratings = check_list(ratings, "texts with ratings")
    return [check_numbers(r, f"ratings of text {i}", missing=missing) for i, r in enumerate(ratings)]


def three_classes(score, threshold: float) -> np.ndarray:
    """-1, 0 or 1: neutral where |score| <= threshold, which is 0 or more."""
    score = check_numbers(score, "scores", ndim=None)
    check_number(threshold, "threshold", 0)
    return np.where(abs(score) <= threshold, 0, np.sign(score)).astype(int)


def vader_measures(truth, answer, threshold: float = 0.05, neutral: float = 0.0) -> dict[str, float]:
    """The four measures of table 4 of Hutto and Gilbert 2014: r, precision, recall, f1.

    truth: mean rating; neutral up to `neutral`. answer: a score; neutral up to `threshold`. The paper says "overall"
    without more; the means of the three classes weighted by cases, with only a mean of exactly 0 counted as neutral,
    reproduce its rows for single raters.
    """
    truth = check_numbers(truth, "truth")
    answer = check_numbers(answer, "answer", n=len(truth))
    y_true, y_pred = three_classes(truth, neutral), three_classes(answer, threshold)
    p, r, f1, _ = precision_recall_fscore_support(y_true, y_pred, average="weighted", zero_division=0)
    return {"r": float(np.corrcoef(truth, answer)[0, 1]), "precision": float(p), "recall": float(r), "f1": float(f1)}


# A lexicon with rules

NEGATIONS = set(
    "not no never none nor neither nothing nowhere without cannot rarely dont cant wont isnt aint didnt doesnt".split()
)
STRONGER = set(
    "very really so extremely absolutely completely incredibly totally especially highly quite too more most".split()
)
WEAKER = set("slightly somewhat kinda sorta barely almost little less marginally partly".split())


@lru_cache(maxsize=1)
def vader_lexicon() -> dict[str, float]:
    """{word or emoticon: mean valence of ten raters, -4 to 4}, about 7,500, from the archive of VADER's authors."""
    path = data.fetch_member("vader_tweets", "vaderSentiment-3.3.2/vaderSentiment/vader_lexicon.txt")
    rows = (line.split("\t") for line in path.read_text(encoding="utf-8").splitlines() if line.strip())
    return {row[0]: float(row[1]) for row in rows}


class LexiconSentiment(BaseEstimator):
    """Valences of words changed by five rules (Hutto and Gilbert 2014, section 3.2); nothing is learned.

    lexicon: {word: valence}; None: VADER's. `decision_function` gives a score in [-1, 1], `predict` -1, 0 or 1.
    The rules' sizes are the paper's (table 3) and those of its program; the short word lists here are our own, so the
    scores are near to but not those of the package.
    """

    def __init__(self, lexicon: dict | None = None, threshold: float = 0.05):
        self.lexicon = lexicon
        self.threshold = threshold

    def fit(self, X=None, y=None):
        """Load the lexicon."""
        if not isinstance(self.lexicon, dict | None):
            raise UserError(f"a lexicon is {{word: valence}}, not one {type(self.lexicon).__name__}")
        self.lexicon_ = vader_lexicon() if self.lexicon is None else self.lexicon
        check_texts(self.lexicon_, "word"), check_numbers([*self.lexicon_.values()], "valences of the lexicon")
        return self

    def decision_function(self, X) -> np.ndarray:
        """Scores (n,), -1 most negative to 1 most positive, of texts X."""
        check_is_fitted(self, "lexicon_")
        return np.array([self._score(text) for text in check_texts(X)])

    def predict(self, X) -> np.ndarray:
        """-1, 0 or 1 for each text, (n,)."""
        return three_classes(self.decision_function(X), self.threshold)

    def _score(self, text: str) -> float:
        text = re.sub(r"\b(kind|sort) of\b", r"\1a", text)  # two words that weaken like one
        tokens = [t if t.lower() in self.lexicon_ else t.strip(".,!?:;\"'()[]*~-") or t for t in text.split()]
        words = [t.lower() for t in tokens]
        shouts = [t.isupper() and len(t) > 1 for t in tokens]
        some_shout = any(shouts) and not all(t.isupper() for t in tokens)
        valences = np.zeros(len(words))
        for i, word in enumerate(words):
            v = self.lexicon_.get(word, 0.0)
            if not v or word in STRONGER | WEAKER:
                continue
            sign = np.sign(v)
            if some_shout and shouts[i]:  # rule 2: a word in capitals among others that are not
                v += sign * 0.733
            for distance, fade in ((1, 1.0), (2, 0.95), (3, 0.9)):
                before = words[i - distance] if i >= distance else ""
                if before in STRONGER | WEAKER:  # rule 3: degree modifiers
                    shouted = 0.733 if some_shout and shouts[i - distance] else 0.0
                    v += sign * fade * (shouted + (0.293 if before in STRONGER else -0.293))
                if before in NEGATIONS or before.replace("’", "'").endswith("n't"):
                    v *= -0.74  # rule 5: a negation among the three words before
            valences[i] = v
        if "but" in words:  # rule 4: what follows counts more than what precedes
            where = words.index("but")
            valences[:where] *= 0.5
            valences[where + 1 :] *= 1.5
        total = valences.sum()
        total += np.sign(total) * 0.292 * min(text.count("!"), 4)  # rule 1: exclamation marks
        return float(total / np.sqrt(total**2 + 15))


# Heads on features


class SoftLabelClassifier(ClassifierMixin, BaseEstimator):
    """Multinomial logistic regression on distributions of labels: sum_k q_k log p_k in place of log p_y.

    Each row becomes K rows, one a class, weighted by its share q_k: the same loss, so any solver with weights does it.
    With one-hot rows it is LogisticRegression. C as there, for one weight a text.
    """

    def __init__(self, C: float = 10.0, max_iter: int = 2000):
        self.C = C
        self.max_iter = max_iter

    def fit(self, X, Y):
        """X (n, d), Y (n, K) rows that sum to one; UserError where they don't."""
        X = check_matrix(X)
        Y = check_numbers(Y, "soft labels", 0, n=len(X), ndim=2)
        if not np.allclose(Y.sum(1), 1):
            raise UserError("soft labels are one row of shares a text, not negative and with sum 1")
        rows, classes = np.nonzero(Y)
        if len(set(classes)) < 2:
            raise UserError("one label only: a classifier needs two or more")
        model = LogisticRegression(C=self.C, max_iter=self.max_iter)
        self.model_ = model.fit(X[rows], classes, sample_weight=Y[rows, classes])
        self.classes_ = np.arange(Y.shape[1])
        return self

    def predict_proba(self, X) -> np.ndarray:
        """(n, K); a class that no training text had gets 0."""
        check_is_fitted(self, "model_")
        X = check_matrix(X, shape=(None, self.model_.n_features_in_))
        proba = np.zeros((len(X), len(self.classes_)))
        proba[:, self.model_.classes_] = self.model_.predict_proba(X)
        return proba

    def predict(self, X) -> np.ndarray:
        """The class with the largest share, (n,)."""
        return self.predict_proba(X).argmax(1)


class OrdinalRegression(ClassifierMixin, BaseEstimator):
    """Proportional odds: P(y <= k) = sigmoid(theta_k - w x), one direction w and K - 1 rising thresholds.

    Fits C * negative log-likelihood + |w|^2 / 2 by L-BFGS with the gradient by hand; with two classes it is
    LogisticRegression. predict: "median" (least absolute error) or "mode". After fit: classes_, coef_, thresholds_.
    X may be sparse. Source: McCullagh 1980, equation 2.3 with the logit.
    """

    def __init__(self, C: float = 1.0, rule: str = "median", max_iter: int = 500):
        self.C = C
        self.rule = rule
        self.max_iter = max_iter

    def fit(self, X, y):
        """X (n, d), y (n,) labels whose sorted order is their order."""
        if self.rule not in ("median", "mode"):
            raise UserError(f"there is no rule {self.rule!r}: median or mode")
        X = check_matrix(X, sparse=True)
        y = check_labels(y, X.shape[0])
        self.classes_, codes = np.unique(y, return_inverse=True)
        k = len(self.classes_) - 1
        if k < 1:
            raise UserError("one rating only: an ordinal model needs two or more")
        below = np.cumsum(np.bincount(codes))[:-1] / len(codes)
        theta = np.log(below / (1 - below))  # the thresholds of a model without features
        start = np.concatenate([np.zeros(X.shape[1]), theta[:1], np.log(np.diff(theta))])
        options = {"maxiter": self.max_iter, "gtol": 1e-6}
        found = minimize(self._loss, start, (X, codes, k), jac=True, method="L-BFGS-B", options=options)
        self.coef_, self.thresholds_ = found.x[: X.shape[1]], self._thresholds(found.x[X.shape[1] :])
        return self

    @staticmethod
    def _thresholds(free: np.ndarray) -> np.ndarray:
        return np.cumsum(np.concatenate([free[:1], np.exp(free[1:])]))  # steps are exp: they rise whatever L-BFGS tries

    def _loss(self, free, X, codes, k):
        w, steps = free[:-k], free[-k:]
        edges = np.concatenate([[-np.inf], self._thresholds(steps), [np.inf]])
        score = X @ w
        upper, lower = expit(edges[codes + 1] - score), expit(edges[codes] - score)
        likelihood = np.maximum(upper - lower, 1e-12)
        d_upper, d_lower = upper * (1 - upper) / likelihood, lower * (1 - lower) / likelihood
        g_theta = np.bincount(codes, -d_upper, k + 1)[:k] + np.bincount(codes, d_lower, k + 1)[1:]
        g_steps = np.cumsum(g_theta[::-1])[::-1]  # a step moves its own threshold and all above it
        g_steps[1:] *= np.exp(steps[1:])
        g_w = self.C * (X.T @ (d_upper - d_lower)) + w
        return -self.C * np.log(likelihood).sum() + w @ w / 2, np.concatenate([g_w, self.C * g_steps])

    def predict_proba(self, X) -> np.ndarray:
        """(n, K)."""
        check_is_fitted(self, "coef_")
        X = check_matrix(X, sparse=True, shape=(None, len(self.coef_)))
        below = expit(self.thresholds_[None, :] - np.asarray(X @ self.coef_)[:, None])  # (n, K - 1)
        return np.diff(below, axis=1, prepend=0.0, append=1.0)

    def predict(self, X) -> np.ndarray:
        """One label a row, (n,), by `rule`."""
        proba = self.predict_proba(X)
        best = (proba.cumsum(1) < 0.5).sum(1) if self.rule == "median" else proba.argmax(1)
        return self.classes_[np.minimum(best, len(self.classes_) - 1)]
