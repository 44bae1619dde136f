"""Pinyin to characters, the job of an input method.

>>> import pandas as pd
>>> from socialai.apps import pinyin
>>> pairs = pinyin.sentence_pairs(pd.DataFrame({"text": ["酒店很好用，服务很好", "很好的酒店"]}))
>>> bigram = pinyin.NGram(2, pairs["characters"].to_list())
>>> lexicon = pinyin.build_lexicon(pairs)
>>> pinyin.viterbi(bigram, [lexicon[syllable] for syllable in ["hen", "hao", "yong"]])
'很好用'

lexicon: sentences, and the characters of a syllable
    split_sentences         the sentences of a review that are Chinese characters only
    sentence_pairs          sentences with their syllables, from a frame of reviews
    build_lexicon           which characters a syllable may be, and how likely it is each one's
    in_lexicon              which sentences a lexicon can write
    COMMONEST_CHARACTER     what stands for a syllable never seen
ngram: models that only count
    NGram                   a Kneser-Ney model of characters
    viterbi                 the most probable sentence of an n-gram model
    START, END              what goes before and after a sentence
codec: syllables and characters as ids
    Codec                   there and back
    make_batches            batches of sentences for the training loop
conversion: what a Transformer learns and writes
    make_loss               the loss by which each family learns the job
    convert                 a trained network's sentences
    mix_with_ngram          a network and an n-gram model together
    equal_lengths           rows in groups of one length
error_rates: how much is wrong
    character_errors        wrong characters of each sentence
    error_rate              wrong characters of all sentences, with an interval
"""

from socialai.apps.pinyin.codec import Codec, make_batches
from socialai.apps.pinyin.conversion import convert, equal_lengths, make_loss, mix_with_ngram
from socialai.apps.pinyin.error_rates import character_errors, error_rate
from socialai.apps.pinyin.lexicon import (
    COMMONEST_CHARACTER,
    build_lexicon,
    in_lexicon,
    sentence_pairs,
    split_sentences,
)
from socialai.apps.pinyin.ngram import END, START, NGram, viterbi

__all__ = [
    "COMMONEST_CHARACTER",
    "Codec",
    "END",
    "NGram",
    "START",
    "build_lexicon",
    "character_errors",
    "convert",
    "equal_lengths",
    "error_rate",
    "in_lexicon",
    "make_batches",
    "make_loss",
    "mix_with_ngram",
    "sentence_pairs",
    "split_sentences",
    "viterbi",
]
