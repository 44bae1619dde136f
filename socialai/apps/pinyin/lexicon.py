"""Sentences with their pinyin, and which characters each syllable may be."""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from numbers import Real

import numpy as np
import pandas as pd
from pypinyin import lazy_pinyin

from socialai.errors import UserError
from socialai.validation import (
    check_frame,
    check_number,
    check_numbers,
    check_text,
    check_texts,
    check_word_lists,
    generator_seed,
)

CHINESE_ONLY = re.compile(r"[一-鿿]+")
BETWEEN_SENTENCES = re.compile(r"[\s，。！？；：、,.!?;:~～…]+")
COMMONEST_CHARACTER = "的"


def check_pairs(pairs: pd.DataFrame) -> tuple[list[str], list[list[str]]]:
    """(sentences, rows of syllables) of a frame characters, syllables, one of each a character."""
    pairs = check_frame(pairs, ["characters", "syllables"])
    sentences = check_texts(pairs["characters"], "sentence")
    rows = check_word_lists(pairs["syllables"], "rows of syllables")
    for place, (sentence, row) in enumerate(zip(sentences, rows, strict=True)):
        if len(sentence) != len(row):
            raise UserError(
                f"sentence {place} has {len(sentence)} characters, but {len(row)} syllables"
            )
    return sentences, rows


def check_lexicon(lexicon: Mapping) -> Mapping:
    """The lexicon itself, if it is {syllable: {character: a probability above 0}}."""
    if not isinstance(lexicon, Mapping) or not lexicon:
        raise UserError("the lexicon has no syllables: {syllable: {character: probability}}")
    check_texts([*lexicon], "syllable")
    for syllable, options in lexicon.items():
        if not isinstance(options, Mapping) or not options:
            raise UserError(f"the characters of {syllable!r} are {{character: probability}}")
        check_texts([*options], "character")
        check_numbers([*options.values()], f"probabilities of {syllable!r}", 0, 1, above=True)
    return lexicon


def split_sentences(text: str, shortest: int = 4, longest: int = 20) -> list[str]:
    """The sentences of a review of Chinese characters only, `shortest` to `longest` of them.

    A piece between two marks that holds a digit or a Latin letter is left out whole: its pinyin
    would have a gap.
    """
    if not isinstance(shortest, Real) or not isinstance(longest, Real):
        raise UserError(f"shortest and longest are numbers, not {shortest!r} and {longest!r}")
    return [
        piece
        for piece in BETWEEN_SENTENCES.split(check_text(text))
        if shortest <= len(piece) <= longest and CHINESE_ONLY.fullmatch(piece)
    ]


def sentence_pairs(reviews: pd.DataFrame, limit: int | None = None, seed: int = 0) -> pd.DataFrame:
    """One row a distinct sentence of the reviews: characters (str), syllables (list, no tones).

    pypinyin reads a character by the phrase it stands in (heteronyms).
    limit: so many sentences, drawn at random.
    """
    reviews = check_frame(reviews, ["text"])
    texts = check_texts(reviews["text"])
    if limit is not None:
        limit = check_number(limit, "limit", 1, whole=True)
    seed = generator_seed(seed)
    found = [sentence for text in texts for sentence in split_sentences(text)]
    distinct = pd.Series(list(dict.fromkeys(found)))
    if limit is not None and limit < len(distinct):
        distinct = distinct.sample(limit, random_state=seed)

    # A sentence whose pinyin has not one syllable a character can't be aligned.
    pairs = pd.DataFrame({"characters": distinct.to_list()})
    pairs["syllables"] = [lazy_pinyin(sentence) for sentence in pairs["characters"]]
    aligned = pairs["characters"].map(len) == pairs["syllables"].map(len)
    return pairs[aligned].reset_index(drop=True)


def build_lexicon(pairs: pd.DataFrame) -> dict[str, dict[str, float]]:
    """{syllable: {character: P(syllable | character)}} of the training sentences.

    The characters of a syllable stand in the order of their frequency, the most frequent first.
    UserError where there are no sentences.
    """
    sentences, rows = check_pairs(pairs)
    counts = defaultdict(Counter)
    for characters, syllables in zip(sentences, rows, strict=True):
        for character, syllable in zip(characters, syllables, strict=True):
            counts[syllable][character] += 1
    total = Counter("".join(sentences))
    return {
        syllable: {character: n / total[character] for character, n in counter.most_common()}
        for syllable, counter in counts.items()
    }


def in_lexicon(pairs: pd.DataFrame, lexicon: dict[str, dict[str, float]]) -> np.ndarray:
    """(N,) True for the sentences whose every character is among its syllable's in the lexicon."""
    check_lexicon(lexicon)
    if isinstance(pairs, pd.DataFrame) and not len(pairs):
        return np.zeros(0, bool)
    rows = zip(*check_pairs(pairs), strict=True)
    return np.array(
        [
            all(
                character in lexicon.get(syllable, {})
                for character, syllable in zip(characters, syllables, strict=True)
            )
            for characters, syllables in rows
        ]
    )
