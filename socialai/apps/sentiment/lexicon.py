"""Sentiment by a lexicon of rated words."""

import re
from collections.abc import Mapping
from functools import lru_cache

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from socialai import data
from socialai.apps.sentiment.raters import three_classes
from socialai.errors import UserError
from socialai.validation import check_number, check_numbers, check_texts

NEGATIONS = set(
    "not no never none nor neither nothing nowhere without cannot rarely dont cant wont isnt aint "
    "didnt doesnt".split()
)
STRONGER = set(
    "very really so extremely absolutely completely incredibly totally especially highly quite too "
    "more most".split()
)
WEAKER = set("slightly somewhat kinda sorta barely almost little less marginally partly".split())
MODIFIERS = STRONGER | WEAKER

# The sizes of the rules: Hutto and Gilbert 2014, table 3, and their program.
EXCLAMATION = 0.292  # what each of up to four exclamation marks adds
CAPITALS = 0.733  # what capitals add
MODIFIER = 0.293  # what a word such as "very" adds, or "slightly" takes away
NEARNESS = (1.0, 0.95, 0.9)  # of a modifier one, two, three words before
BEFORE_BUT = 0.5  # factors of what stands before and after "but"
AFTER_BUT = 1.5
NEGATED = -0.74  # the factor of a word that is denied
NORMALISER = 15.0  # a sum of valences x becomes x / sqrt(x^2 + 15)


@lru_cache(maxsize=1)
def vader_lexicon() -> dict[str, float]:
    """{word or emoticon: mean valence of ten raters, -4 to 4}, about 7,500.

    From the archive of VADER's authors.
    """
    path = data.fetch_member(
        "vader_tweets", "vaderSentiment-3.3.2/vaderSentiment/vader_lexicon.txt"
    )
    lines = path.read_text(encoding="utf-8").splitlines()
    rows = [line.split("\t") for line in lines if line.strip()]
    return {row[0]: float(row[1]) for row in rows}


class LexiconSentiment(ClassifierMixin, BaseEstimator):
    """Valences of words changed by five rules; nothing is learned.

    The rules and their sizes are those of Hutto and Gilbert 2014, section 3.2. The short word lists
    here are our own, so the scores are near to but not those of their program.

    Parameters
    ----------
    lexicon : mapping of str to float, or None
        {word: valence}. None: VADER's.
    threshold : float
        A text is neutral where |score| is at most this.

    Attributes
    ----------
    lexicon_ : mapping of str to float
        The lexicon in use.
    classes_ : array (3,)
        -1, 0 and 1.

    Examples
    --------
    >>> model = LexiconSentiment({"good": 1.9, "bad": -2.5}).fit()
    >>> model.predict(["very good", "not good", "a table"]).tolist()
    [1, -1, 0]
    """

    def __init__(self, lexicon: Mapping[str, float] | None = None, threshold: float = 0.05):
        self.lexicon = lexicon
        self.threshold = threshold

    def fit(self, X=None, y=None) -> "LexiconSentiment":
        """Load the lexicon."""
        if not isinstance(self.lexicon, Mapping | None):
            raise UserError(
                f"a lexicon is {{word: valence}}, not one {type(self.lexicon).__name__}"
            )
        check_number(self.threshold, "threshold", 0)
        lexicon = vader_lexicon() if self.lexicon is None else self.lexicon
        words = check_texts([*lexicon], "word")
        valences = check_numbers([*lexicon.values()], "valences of the lexicon").tolist()
        if self.lexicon is not None:  # texts are read in lower case
            words, valences = [*map(str.lower, words), *words], valences * 2
        self.lexicon_ = dict(zip(words, valences, strict=True))
        self.classes_ = np.array([-1, 0, 1])
        return self

    def decision_function(self, X) -> np.ndarray:
        """Scores (n,) of texts X, -1 most negative to 1 most positive."""
        check_is_fitted(self)
        return np.array([self._score(text) for text in check_texts(X, empty=True)], dtype=float)

    def predict(self, X) -> np.ndarray:
        """-1, 0 or 1 for each text, (n,)."""
        check_is_fitted(self)
        return three_classes(self.decision_function(X), self.threshold)

    def _score(self, text: str) -> float:
        text = re.sub(r"\b(kind|sort) of\b", r"\1a", text)  # two words that weaken like one
        tokens = [self._strip_marks(token) for token in text.split()]
        words = [token.lower() for token in tokens]
        valences = self._valences(tokens, words)

        # Rule 4: what follows "but" counts more than what precedes.
        if "but" in words:
            but = words.index("but")
            valences[:but] *= BEFORE_BUT
            valences[but + 1 :] *= AFTER_BUT

        # Rule 1: exclamation marks.
        total = valences.sum()
        total += np.sign(total) * EXCLAMATION * min(text.count("!"), 4)
        return float(total / np.sqrt(total**2 + NORMALISER))

    def _strip_marks(self, token: str) -> str:
        """A token without marks around it, unless it is of the lexicon or only marks."""
        if token.lower() in self.lexicon_:
            return token
        return token.strip(".,!?:;\"'()[]*~-") or token

    def _valences(self, tokens: list[str], words: list[str]) -> np.ndarray:
        """(n,) the valence of each word, changed by the rules that look at its neighbours."""
        # Rule 2: a word in capitals among others that are not.
        capitals = [token.isupper() and len(token) > 1 for token in tokens]
        some_capitals = any(capitals) and not all(token.isupper() for token in tokens)
        shouted = [some_capitals and capital for capital in capitals]

        valences = np.zeros(len(words))
        for i, word in enumerate(words):
            valence = self.lexicon_.get(word, 0.0)
            if not valence or word in MODIFIERS:
                continue
            sign = np.sign(valence)
            if shouted[i]:
                valence += sign * CAPITALS
            for distance, nearness in enumerate(NEARNESS, 1):
                j = i - distance
                if j < 0:
                    break
                # Rule 3: modifiers of degree.
                if words[j] in MODIFIERS:
                    change = MODIFIER if words[j] in STRONGER else -MODIFIER
                    emphasis = CAPITALS if shouted[j] else 0.0
                    valence += sign * nearness * (emphasis + change)
                # Rule 5: a negation among the three words before.
                if words[j] in NEGATIONS or words[j].replace("’", "'").endswith("n't"):
                    valence *= NEGATED
            valences[i] = valence
        return valences
