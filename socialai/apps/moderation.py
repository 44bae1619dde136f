"""Content moderation (内容审核): which posts to show, to send to a person, or to reject, and what evasion does to that.

On your own frame with the columns text and label (1: against the rules), in five lines:

>>> import pandas as pd
>>> from socialai import baselines
>>> from socialai.apps.moderation import ThreeWay, posts
>>> frame = pd.DataFrame({"text": ["buy now", "win now", "good day", "nice day"] * 5, "label": [1, 1, 0, 0] * 5})
>>> scores = baselines.make("tfidf").fit(*posts(frame)).predict_proba(frame["text"])[:, 1]
>>> ThreeWay(miss=10, wrong_reject=4, review=1).fit(scores, frame["label"]).predict([0.1, 0.9]).tolist()
['show', 'reject']

There the thresholds are chosen on the training texts for brevity; choose yours on texts that no model has seen.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import cache

import numpy as np
import pandas as pd
import regex
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.metrics import f1_score
from sklearn.preprocessing import normalize
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from socialai.apps import (
    InputError,
    check_frame,
    check_labels,
    check_matrix,
    check_number,
    check_numbers,
    check_scored,
    check_text,
    check_texts,
    one_line,
)
from socialai.errors import UserError
from socialai.text import clean, words

HAN = regex.compile(r"\p{Han}")
WORD = regex.compile(r"\p{L}{2,}$")  # a single character is part of too many harmless words
# Characters made of a left and a right part that are characters too: what writers take apart (拆字) to hide a word.
PARTS = {
    "好": "女子", "林": "木木", "明": "日月", "你": "亻尔", "他": "亻也", "她": "女也", "们": "亻门", "的": "白勺",
    "粉": "米分", "加": "力口", "和": "禾口", "胡": "古月", "胖": "月半", "课": "讠果", "说": "讠兑", "红": "纟工",
    "钱": "钅戋", "骂": "马叩", "狗": "犭句", "猪": "犭者", "奶": "女乃", "妈": "女马", "娘": "女良", "仔": "亻子",
    "如": "女口", "嫁": "女家", "姑": "女古", "低": "亻氐", "优": "亻尤", "脑": "月囟", "什": "亻十", "性": "忄生",
    "滚": "氵衮", "洗": "氵先", "江": "氵工", "汉": "氵又", "河": "氵可", "黑": "里灬", "种": "禾中", "歧": "止支",
    "视": "礻见", "话": "讠舌", "让": "讠上", "认": "讠人", "吃": "口乞", "吗": "口马", "叫": "口丩", "地": "土也",
    "域": "土或", "坏": "土不", "杀": "乂木", "死": "歹匕", "打": "扌丁", "拍": "扌白", "推": "扌隹", "鬼": "白厶",
    "男": "田力", "歌": "哥欠", "欧": "区欠", "非": "丨三", "国": "囗玉", "蠢": "春虫", "败": "贝攵", "账": "贝长",
}  # fmt: skip
WHOLE = {parts: character for character, parts in PARTS.items() if parts[0] not in "女日土口木古田"}
JOINED = regex.compile("|".join(WHOLE))
BETWEEN = regex.compile(r"(?<=\p{Han})[\p{Extended_Pictographic}\p{Emoji_Modifier}\ufe0f\u200d]+(?=\p{Han})")


def posts(frame: pd.DataFrame) -> tuple[list[str], np.ndarray]:
    """(texts, labels) of a frame with the columns text and label (0 or 1); UserError for any other frame."""
    check_frame(frame, ["text", "label"], not_negative=("label",))
    if not frame["label"].isin([0, 1]).all():
        raise UserError("column 'label' must hold 0 (within the rules) and 1 (against them)")
    return check_texts(frame["text"]), frame["label"].to_numpy().astype(int)


class KeywordList(ClassifierMixin, BaseEstimator):
    """The oldest filter: a text with a word of the list is positive. The list is given, or learned from labels.

    listed: your own words; None: of the words (jieba) of two letters or more in at least min_count texts, those whose
    texts have label 1 with a share of at least min_share, the n_words most frequent of them.
    After fit: words_, the list; classes_, [0, 1]. Labels are 0 and 1.
    """

    def __init__(
        self, listed: Sequence[str] | None = None, n_words: int = 50, min_count: int = 5, min_share: float = 0.8
    ):
        self.listed = listed
        self.n_words = n_words
        self.min_count = min_count
        self.min_share = min_share

    def fit(self, X, y):
        """Learn the list from texts X and labels y (0, 1), or take the given one."""
        texts = check_texts(X)
        y = check_labels(y, len(texts), (0, 1)).astype(int)
        self.classes_ = np.array([0, 1])
        if self.listed is not None:
            self.words_ = check_texts(self.listed, "listed word")
            return self
        pairs = [(word, label) for text, label in zip(texts, y, strict=True) for word in sorted(set(words(text)))]
        found = pd.DataFrame(pairs, columns=["word", "label"])
        found = found[found["word"].map(lambda word: bool(WORD.match(word)))]
        counts = pd.crosstab(found["word"], found["label"]).reindex(columns=[0, 1], fill_value=0)  # texts with the word
        counts = counts[counts.sum(axis=1) >= self.min_count]
        typical = counts[counts[1] >= self.min_share * counts.sum(axis=1)]
        self.words_ = typical[1].sort_values(ascending=False, kind="stable").index[: self.n_words].tolist()
        return self

    def decision_function(self, X) -> np.ndarray:
        """How many different words of the list each text contains, (n,)."""
        check_is_fitted(self, "words_")
        return np.array([sum(word in text for word in self.words_) for text in check_texts(X)], dtype=float)

    def predict(self, X) -> np.ndarray:
        """1 where a text contains a word of the list, (n,)."""
        return (self.decision_function(X) > 0).astype(int)


class Prototypes(ClassifierMixin, BaseEstimator):
    """Few-shot classes: the mean of a class's few vectors stands for it; a vector belongs to the nearest by cosine.

    Vectors X (n, d), such as those of `socialai.bert.FrozenEncoder`. centre: subtract the mean of the training vectors
    first, as embeddings of one encoder share a large common part that says nothing. temperature: of the softmax over
    cosines in `predict_proba`. Source: Snell et al. 2017, Prototypical Networks, with cosine for distance.
    After fit: classes_, prototypes_ (K, d), mean_ (d,).
    """

    def __init__(self, centre: bool = True, temperature: float = 0.1):
        self.centre = centre
        self.temperature = temperature

    def fit(self, X, y):
        """Average the vectors X (n, d) of each class of y (n,)."""
        check_matrix(X)
        with one_line():
            X, y = validate_data(self, X, y)
            check_classification_targets(y)
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise InputError("one class only: prototypes need examples of two classes or more")
        self.mean_ = X.mean(axis=0) if self.centre else np.zeros(X.shape[1])
        vectors = normalize(X - self.mean_)
        means = np.stack([vectors[codes == k].mean(axis=0) for k in range(len(self.classes_))])  # (K, d)
        self.prototypes_ = normalize(means)
        return self

    def predict_proba(self, X) -> np.ndarray:
        """Softmax of cosine / temperature, (n, K)."""
        check_is_fitted(self, "prototypes_")
        check_matrix(X)
        with one_line():
            X = validate_data(self, X, reset=False)
        cosine = normalize(X - self.mean_) @ self.prototypes_.T
        return softmax(cosine / self.temperature, axis=1)

    def predict(self, X) -> np.ndarray:
        """The class of the nearest prototype, (n,)."""
        nearest = self.predict_proba(X).argmax(axis=1)
        return self.classes_[nearest]


class ThreeWay(BaseEstimator):
    """Two thresholds from three costs: show below low_, reject from high_ on, a person reviews between them.

    miss: what it costs to show a post that breaks the rules; wrong_reject: to reject one that doesn't; review: to have
    a person look, who is taken to decide rightly. capacity: largest share of posts that people can review (None: any).
    `fit` finds the pair of least mean cost on the cases given, exactly; of equal pairs the one that rejects, then
    reviews, fewest. With calibrated probabilities it tends to low = review / miss, high = 1 - review / wrong_reject
    (Chow 1970). After fit: low_, high_, cost_ (mean cost a case on those cases).
    """

    def __init__(
        self, miss: float = 10.0, wrong_reject: float = 4.0, review: float = 1.0, capacity: float | None = None
    ):
        self.miss = miss
        self.wrong_reject = wrong_reject
        self.review = review
        self.capacity = capacity

    def fit(self, scores, y):
        """Choose low_ and high_ for scores (n,), larger: worse, and truth y (n,) of 0 and 1: validation, not test."""
        check_numbers([self.miss, self.wrong_reject, self.review], "the costs miss, wrong_reject and review", 0)
        if self.capacity is not None:
            check_number(self.capacity, "capacity", 0, 1)
        y, scores = check_scored(y, scores)
        order = np.argsort(scores, kind="stable")
        ranked, bad = scores[order], y[order]
        n = len(ranked)
        # Show the first i, reject from j on: cost(i, j) = shown(i) + review (j - i) + rejected(j), i <= j.
        shown = self.miss * np.concatenate([[0], np.cumsum(bad)])  # (n + 1,)
        rejected = self.wrong_reject * ((1 - bad).sum() - np.concatenate([[0], np.cumsum(1 - bad)]))
        places = np.arange(n + 1)
        between = np.concatenate([[True], ranked[1:] != ranked[:-1], [True]])  # equal scores stay together
        left = pd.Series(np.where(between, shown - self.review * places, np.nan))
        right = np.where(between, rejected + self.review * places, np.nan)
        width = n + 1 if self.capacity is None else int(self.capacity * n) + 1
        best_left = left.rolling(width, min_periods=1).min().to_numpy()  # of i from j - width + 1 to j
        total = best_left + right
        j = int(places[total <= np.nanmin(total) + 1e-9][-1])
        window = left.to_numpy()[max(0, j - width + 1) : j + 1]
        i = j - len(window) + 1 + int(np.flatnonzero(window <= best_left[j] + 1e-9)[-1])
        edges = np.concatenate([[-np.inf], (ranked[1:] + ranked[:-1]) / 2, [np.inf]])  # halfway between neighbours
        self.low_, self.high_, self.cost_ = float(edges[i]), float(edges[j]), float(total[j] / n)
        return self

    def predict(self, scores) -> np.ndarray:
        """ "show", "review" or "reject" for each score, (n,)."""
        check_is_fitted(self, "low_")
        scores = check_numbers(scores, "scores")
        return np.where(scores >= self.high_, "reject", np.where(scores >= self.low_, "review", "show"))

    def costs(self, scores, y) -> np.ndarray:
        """What each decision costs, (n,): its mean is the cost a post."""
        y, scores = check_scored(y, scores)
        decision, bad = self.predict(scores), y.astype(bool)
        wrong = np.where(decision == "show", self.miss * bad, self.wrong_reject * ~bad)
        return np.where(decision == "review", self.review, wrong)


def precision_at_recall(y, scores, recall: float = 0.9, seed: int = 0, resamples: int = 500) -> dict:
    """Precision where the threshold is as high as `recall` of the positives allows, with a 95 % interval.

    y (n,) of 0 and 1, scores (n,). Returns {"precision", "interval_95", "threshold", "flagged"}, the last being the
    share of all cases at or above the threshold. The interval is a bootstrap of cases with the threshold found anew.
    """
    y, scores = check_scored(y, scores)
    check_number(recall, "recall", 0, 1, above=True), check_number(resamples, "resamples", 1, whole=True)
    if not y.any():
        raise UserError("precision at a recall needs positive cases: there are none")

    def at(rows: np.ndarray) -> tuple[float, float, float]:
        positive = np.sort(scores[rows][y[rows] == 1])[::-1]
        if not len(positive):
            return np.nan, np.nan, np.nan
        threshold = positive[int(np.ceil(recall * len(positive) - 1e-9)) - 1]
        flagged = scores[rows] >= threshold
        return y[rows][flagged].mean(), threshold, flagged.mean()

    rng = np.random.default_rng(seed)
    precision, threshold, flagged = map(float, at(np.arange(len(y))))
    drawn = [at(rng.integers(len(y), size=len(y)))[0] for _ in range(resamples)]
    low, high = np.nanquantile(drawn, [0.025, 0.975])
    interval = [float(low), float(high)]
    return {"precision": precision, "interval_95": interval, "threshold": threshold, "flagged": flagged}


def review_queue(
    model,
    X,
    y,
    X_test,
    y_test,
    strategy="uncertainty",
    start: int = 40,
    batch: int = 20,
    rounds: int = 10,
    seed: int = 0,
) -> pd.DataFrame:
    """A simulated queue: people label `batch` posts a round, by `strategy`, and the model learns from all so far.

    model: an unfitted classifier with predict_proba on vectors X (n, d); y (n,) of 0 and 1 plays the people. strategy:
    "uncertainty" takes the posts nearest to 0.5 (Lewis and Gale 1994), "likely" the most probable violations, as a
    queue sorted by risk does, "random" any. All begin with the same `start` random posts of a seed.
    Returns a frame: strategy, seed, labels, macro_f1 (on the test vectors), found (violations labelled so far).
    """
    X, X_test = check_matrix(X), check_matrix(X_test, "X_test")
    y, y_test = (check_labels(side, n, (0, 1)).astype(int) for side, n in ((y, len(X)), (y_test, len(X_test))))
    for size, name, least in ((start, "start", 1), (batch, "batch", 1), (rounds, "rounds", 0)):
        check_number(size, name, least, whole=True)
    order = np.random.default_rng(seed).permutation(len(X))
    if start + rounds * batch > len(X):
        raise UserError(f"the queue runs dry: {start} + {rounds} x {batch} posts asked for, there are {len(X)}")
    ways = {"uncertainty": lambda p: np.abs(p - 0.5), "likely": lambda p: -p, "random": lambda p: np.arange(len(p))}
    if strategy not in ways:
        raise UserError(f"there is no strategy {strategy!r}: choose from {', '.join(ways)}")
    labelled, waiting, rows = order[:start], order[start:], []
    for _ in range(rounds + 1):
        if len(np.unique(y[labelled])) < 2:
            raise UserError(f"the {len(labelled)} posts labelled so far are of one class: start with more")
        fitted = clone(model).fit(X[labelled], y[labelled])
        score = f1_score(y_test, fitted.predict(X_test), average="macro")
        rows.append((strategy, seed, len(labelled), score, int(y[labelled].sum())))
        if not len(waiting):  # after the last round nothing may be left to rank
            break
        ranked = waiting[np.argsort(ways[strategy](fitted.predict_proba(X[waiting])[:, 1]), kind="stable")]
        labelled, waiting = np.concatenate([labelled, ranked[:batch]]), ranked[batch:]
    return pd.DataFrame(rows, columns=["strategy", "seed", "labels", "macro_f1", "found"])


@cache
def _same_sound() -> dict[str, list[str]]:
    """Toneless syllable -> frequent characters with it, of the 3,755 of GB2312's first level."""
    from pypinyin import lazy_pinyin

    level = (bytes([row, cell]) for row in range(0xB0, 0xD8) for cell in range(0xA1, 0xFF))
    table: dict[str, list[str]] = {}
    for character in "".join(code.decode("gb2312", "ignore") for code in level):
        table.setdefault(lazy_pinyin(character)[0], []).append(character)
    return table


def _homophone(character: str, rng: np.random.Generator) -> str:
    others = [c for c in _same_sound().get(sounds(character), []) if c != character]
    return others[rng.integers(len(others))] if others else character


@cache
def _variants():
    import opencc

    return opencc.OpenCC("s2t")


# What writers do to a character to get past a filter while people still read it; each takes (character, generator).
EVASIONS: dict[str, Callable[[str, np.random.Generator], str]] = {
    "zero width": lambda c, rng: c + "\u200b",
    "variant": lambda c, rng: _variants().convert(c),  # traditional Chinese
    "split": lambda c, rng: PARTS.get(c, c),
    "emoji": lambda c, rng: c + "🌸🐶✨🔥"[rng.integers(4)],
    "homophone": _homophone,
    "pinyin": lambda c, rng: sounds(c),
}


def evade(text: str, kind: str, targets: Iterable[str] = (), share: float = 1.0, seed: int = 0) -> str:
    """The text with Chinese characters disguised by an evasion of EVASIONS.

    targets: words whose characters are changed, where they occur; none given: any Chinese character may be. share: of
    those characters, that are changed at random. UserError for an unknown kind.
    """
    if kind not in EVASIONS:
        raise UserError(f"there is no evasion {kind!r}: choose from {', '.join(EVASIONS)}")
    check_text(text), check_number(share, "share", 0, 1)
    rng, targets = np.random.default_rng(seed), map(regex.escape, check_texts(targets, "target", empty=True))
    spans = regex.finditer("|".join(targets) or r"\p{Han}", text, overlapped=True)
    chosen = {place for span in spans for place in range(*span.span())}
    return "".join(
        EVASIONS[kind](c, rng) if place in chosen and HAN.match(c) and rng.random() < share else c
        for place, c in enumerate(text)
    )


def undisguise(text: str) -> str:
    """`socialai.text.clean`, then emoji between two Chinese characters dropped and characters taken apart rejoined.

    What it costs: an emoji inside a sentence is lost. 女子 is not rejoined to 好, nor any pair that starts with a
    character of daily use as this one: far more texts mean the two characters than hide the one.
    """
    return JOINED.sub(lambda found: WHOLE[found[0]], BETWEEN.sub("", clean(check_text(text))))


def sounds(text: str) -> str:
    """The text as it sounds: toneless pinyin without spaces, other signs as they are; homophones become equal."""
    from pypinyin import lazy_pinyin

    return "".join(lazy_pinyin(check_text(text)))
