"""Sentiment by a lexicon of rated words."""

import re
from functools import lru_cache

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from socialai import data
from socialai.apps.sentiment.raters import three_classes
from socialai.errors import UserError
from socialai.validation import (
    check_numbers,
    check_texts,
)

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
    path = data.fetch_member(
        "vader_tweets", "vaderSentiment-3.3.2/vaderSentiment/vader_lexicon.txt"
    )
    rows = (
        line.split("\t") for line in path.read_text(encoding="utf-8").splitlines() if line.strip()
    )
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
            raise UserError(
                f"a lexicon is {{word: valence}}, not one {type(self.lexicon).__name__}"
            )
        self.lexicon_ = vader_lexicon() if self.lexicon is None else self.lexicon
        (
            check_texts(self.lexicon_, "word"),
            check_numbers([*self.lexicon_.values()], "valences of the lexicon"),
        )
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
        tokens = [
            t if t.lower() in self.lexicon_ else t.strip(".,!?:;\"'()[]*~-") or t
            for t in text.split()
        ]
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
