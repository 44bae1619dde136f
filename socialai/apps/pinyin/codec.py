"""Syllables and characters as ids, and batches of them."""

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from socialai.apps.pinyin.lexicon import COMMONEST_CHARACTER, check_lexicon, check_pairs
from socialai.errors import UserError
from socialai.models.batching import pad, similar_lengths
from socialai.models.transformer import PAD
from socialai.validation import check_number, check_texts, check_word_lists, generator_seed

UNKNOWN_SYLLABLE = 1  # the id that is BOS on the side of the characters
FIRST_ID = 2


class Codec:
    """Syllables and characters as ids, and each syllable's characters, from a lexicon.

    n_source, n_target: sizes of the vocabularies. Ids 0 and 1 are PAD and BOS of
    `socialai.models.transformer`; on the source side 1 stands for a syllable never seen, whose only
    character is the most frequent one.
    candidates (n_source, K): character ids of each syllable, most frequent first, filled up with
    PAD. channel (n_source, K): log P(syllable | candidate), 0 on what is filled up.
    """

    def __init__(self, lexicon: dict[str, dict[str, float]]):
        check_lexicon(lexicon)
        characters = sorted({c for options in lexicon.values() for c in options})
        self.syllable_id = {s: i for i, s in enumerate(sorted(lexicon), FIRST_ID)}
        self.character_id = {c: i for i, c in enumerate(characters, FIRST_ID)}
        self.character = ["", "", *characters]
        self.n_source = len(lexicon) + FIRST_ID
        self.n_target = len(characters) + FIRST_ID

        n_candidates = max(map(len, lexicon.values()))
        self.candidates = torch.zeros(self.n_source, n_candidates, dtype=torch.long)
        self.channel = torch.zeros(self.n_source, n_candidates)
        commonest = self.character_id.get(COMMONEST_CHARACTER, FIRST_ID)
        self.candidates[UNKNOWN_SYLLABLE, 0] = commonest
        for syllable, options in lexicon.items():
            row = self.syllable_id[syllable]
            ids = [self.character_id[character] for character in options]
            self.candidates[row, : len(ids)] = torch.tensor(ids)
            self.channel[row, : len(ids)] = torch.tensor([float(p) for p in options.values()]).log()

    def encode_syllables(self, rows: list[list[str]]) -> Tensor:
        """(B, n) ids of rows of syllables, padded."""
        rows = check_word_lists(rows, "rows of syllables", empty=True)
        ids = [[self.syllable_id.get(s, UNKNOWN_SYLLABLE) for s in row] for row in rows]
        return pad(ids, PAD, "cpu")["input_ids"]

    def encode_characters(self, rows: list[str]) -> Tensor:
        """(B, n) ids of sentences, padded; UserError for a character that the lexicon hasn't."""
        rows = check_texts(rows, "sentence", empty=True)
        if unknown := sorted(set("".join(rows)) - self.character_id.keys()):
            raise UserError(f"{len(unknown)} characters are not in the lexicon: {unknown[0]!r} ...")
        ids = [[self.character_id[character] for character in row] for row in rows]
        return pad(ids, PAD, "cpu")["input_ids"]

    def decode(self, ids: Tensor) -> list[str]:
        """Sentences of ids of characters (B, n)."""
        return ["".join(self.character[i] for i in row) for row in ids.tolist()]


def make_batches(
    codec: Codec, pairs: pd.DataFrame, batch_size: int, seed: int, device: torch.device | str
) -> Callable[[int], Iterator[tuple[Tensor, Tensor]]]:
    """For `training.train`: epoch -> batches (source, target) of sentences of similar length.

    source, target (B, n), B is batch_size at most; each epoch draws its batches anew.
    """
    batch_size = check_number(batch_size, "batch_size", 1, whole=True)
    lengths = [len(sentence) for sentence in check_pairs(pairs)[0]]
    rng = np.random.default_rng(generator_seed(seed))

    def batches_of_epoch(epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        for rows in similar_lengths(lengths, batch_size, rng):
            part = pairs.iloc[rows]
            source = codec.encode_syllables(part["syllables"])
            target = codec.encode_characters(part["characters"])
            yield source.to(device), target.to(device)

    return batches_of_epoch
