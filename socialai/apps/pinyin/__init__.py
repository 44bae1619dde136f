"""Pinyin to characters, the job of an input method: sentence pairs from reviews, and the n-gram models to beat."""

from socialai.apps.pinyin.conversion import (
    CONVERTED_AT_ONCE,
    Codec,
    batches,
    character_errors,
    convert,
    equal_lengths,
    error_rate,
    make_loss,
    mix,
)
from socialai.apps.pinyin.lexicon import (
    BETWEEN,
    COMMONEST,
    SENTENCE,
    covered,
    lexicon,
    pairs,
    sentences,
)
from socialai.apps.pinyin.ngram import NGram, viterbi

__all__ = [
    "BETWEEN",
    "COMMONEST",
    "CONVERTED_AT_ONCE",
    "Codec",
    "NGram",
    "SENTENCE",
    "batches",
    "convert",
    "covered",
    "equal_lengths",
    "lexicon",
    "make_loss",
    "mix",
    "pairs",
    "error_rate",
    "sentences",
    "viterbi",
    "character_errors",
]
