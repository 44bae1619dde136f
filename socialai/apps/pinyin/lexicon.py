"""Sentences with their pinyin, and which characters each syllable may be."""

import re
from collections import Counter, defaultdict

import numpy as np
import pandas as pd
from pypinyin import lazy_pinyin

SENTENCE = re.compile(r"[一-鿿]+")
BETWEEN = re.compile(r"[\s，。！？；：、,.!?;:~～…]+")
COMMONEST = "的"


def sentences(text: str, shortest: int = 4, longest: int = 20) -> list[str]:
    """The sentences of a review that consist of Chinese characters only, `shortest` to `longest` of them.

    A piece between two marks that holds a digit or a Latin letter is left out whole: its pinyin would have a gap.
    """
    return [
        s for s in BETWEEN.split(text) if shortest <= len(s) <= longest and SENTENCE.fullmatch(s)
    ]


def pairs(reviews: pd.DataFrame, limit: int | None = None, seed: int = 0) -> pd.DataFrame:
    """Columns characters (str) and syllables (list of str without tones), one row a distinct sentence of the reviews.

    pypinyin reads a character by the phrase it stands in (heteronyms). limit: so many sentences, drawn at random.
    """
    found = pd.Series(list(dict.fromkeys(s for text in reviews["text"] for s in sentences(text))))
    if limit is not None and limit < len(found):
        found = found.sample(limit, random_state=seed)
    frame = pd.DataFrame({"characters": found.to_list()})
    frame["syllables"] = [lazy_pinyin(s) for s in frame["characters"]]
    return frame[frame["characters"].str.len() == frame["syllables"].str.len()].reset_index(
        drop=True
    )


def lexicon(train: pd.DataFrame) -> dict[str, dict[str, float]]:
    """{syllable: {character: P(syllable | character)}} of the training sentences, the most frequent character first."""
    counts, total = defaultdict(Counter), Counter("".join(train["characters"]))
    for characters, syllables in zip(train["characters"], train["syllables"], strict=True):
        for c, s in zip(characters, syllables, strict=True):
            counts[s][c] += 1
    return {s: {c: n / total[c] for c, n in counter.most_common()} for s, counter in counts.items()}


def covered(frame: pd.DataFrame, words: dict[str, dict[str, float]]) -> np.ndarray:
    """(N,) True for the sentences whose every character is among its syllable's in the lexicon."""
    rows = zip(frame["characters"], frame["syllables"], strict=True)
    return np.array([all(c in words.get(s, {}) for c, s in zip(*row, strict=True)) for row in rows])
