"""From pinyin to characters by a Transformer of each family: what it learns, how it answers."""

from collections.abc import Callable, Iterator
from itertools import groupby

import numpy as np
import torch
from torch import Tensor, nn

from socialai.apps.pinyin.codec import Codec
from socialai.apps.pinyin.ngram import END, START, NGram
from socialai.models.decoding import beam_search, candidate_scores
from socialai.models.transformer import BOS, PAD, DecoderOnly, EncoderOnly, label_smoothing_loss
from socialai.validation import check_number, check_word_lists

CONVERTED_AT_ONCE = 100  # sentences


def make_loss(smoothing: float) -> Callable[[nn.Module, tuple[Tensor, Tensor]], Tensor]:
    """For `training.train`: label-smoothed cross-entropy of a batch (source, target).

    Each family learns the job its own way: the encoder P(y_i | x); the encoder-decoder
    P(y_i | y_<i, x), with the right characters before (teacher forcing); the decoder alone
    P(y_i | y_<i) and where a sentence ends, BOS: it never sees pinyin.
    """

    def loss(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        source, target = batch  # (B, n) each
        begin = torch.full_like(target[:, :1], BOS)
        if isinstance(model, EncoderOnly):
            logits = model(source)
        elif isinstance(model, DecoderOnly):
            # (B, 1): the place after the last character, where BOS tells that the sentence ends
            ends = (target != PAD).sum(1, keepdim=True)
            logits = model(source[:, :0], torch.cat([begin, target], 1))
            target = nn.functional.pad(target, (0, 1)).scatter(1, ends, BOS)
        else:
            logits = model(source, torch.cat([begin, target[:, :-1]], 1))
        return label_smoothing_loss(logits.float(), target, smoothing)

    return loss


def mix_with_ngram(
    next_logits: Callable[[Tensor], Tensor],
    ngram: NGram,
    codec: Codec,
    candidates: Tensor,
    share: float,
) -> Callable[[Tensor], Tensor]:
    """For `beam_search`: share * P_network(next character) + (1 - share) * P_ngram, as logits.

    candidates (B, n, K), as `beam_search` has them: probabilities are mixed for these ids only.
    What the others have together stands on PAD, which is never chosen, so that the candidates keep
    their probabilities.
    """
    # The n-gram's id of each id of the codec: as what goes before, and as what comes next. BOS,
    # which begins a sentence for the network, also ends one.
    start = ngram.character_id[START]
    before = np.array([start, start] + [ngram.character_id[c] for c in codec.character[2:]])
    after = before.copy()  # (n_target,)
    after[BOS] = ngram.character_id[END]

    def mixed_logits(prefix: Tensor) -> Tensor:
        t = prefix.shape[1] - 1
        allowed = candidates[:, t].repeat_interleave(len(prefix) // len(candidates), 0)  # (B W, K)

        # The last order - 1 characters are what the n-gram looks at.
        missing = max(0, ngram.order - 1 - prefix.shape[1])
        context = nn.functional.pad(prefix, (missing, 0), value=BOS)[:, 1 - ngram.order :]
        counted = ngram.probability(
            before[context.cpu().numpy()], after[allowed.cpu().numpy()]
        )  # (B W, K)

        logits = next_logits(prefix).float()  # (B W, V)
        by_network = logits.softmax(-1).gather(-1, allowed)
        p = share * by_network + (1 - share) * torch.from_numpy(counted).to(logits)
        p = p.masked_fill(allowed == PAD, 0.0)
        rest = (1 - p.sum(-1, keepdim=True)).clamp_min(0.0)  # (B W, 1)
        mixed = torch.zeros_like(logits).scatter(-1, allowed, p)
        return mixed.index_copy(-1, allowed.new_tensor([PAD]), rest).log()

    return mixed_logits


@torch.inference_mode()
def convert(
    model: nn.Module,
    codec: Codec,
    rows: list[list[str]],
    width: int = 1,
    ngram: NGram | None = None,
    share: float = 0.5,
) -> list[str]:
    """The model's sentence for each row of syllables.

    width: beams of the families that write from left to right. ngram: for the decoder alone, a
    model of order 2 or 3 to mix with (`mix_with_ngram`), the network having the share.
    In float32: on a CPU the casts of a beam's many small steps cost more than bfloat16's products
    save.
    """
    rows = check_word_lists(rows, "rows of syllables", empty=True)
    width = check_number(width, "width", 1, whole=True)
    share = check_number(share, "share", 0, 1)
    device = next(model.parameters()).device
    model.eval()
    sentences = {}
    for indices in equal_lengths(rows):
        source = codec.encode_syllables([rows[i] for i in indices])  # (B, n)
        candidates = codec.candidates[source].to(device)  # (B, n, K)
        channel = codec.channel[source].to(device)  # (B, n, K)
        source = source.to(device)
        if isinstance(model, EncoderOnly):
            best = candidate_scores(model(source), candidates).argmax(-1, keepdim=True)
            ids = candidates.gather(-1, best).squeeze(-1)
        elif isinstance(model, DecoderOnly):
            ids = _convert_by_bayes(model, codec, candidates, channel, width, ngram, share)
        else:
            ids, _ = beam_search(model.next_logits(source), candidates, width)
        sentences |= dict(zip(indices, codec.decode(ids), strict=True))
    return [sentences[i] for i in range(len(rows))]


def _convert_by_bayes(
    model: DecoderOnly,
    codec: Codec,
    candidates: Tensor,
    channel: Tensor,
    width: int,
    ngram: NGram | None,
    share: float,
) -> Tensor:
    """Ids (B, n) of the largest P(sentence) by the model times P(syllables | sentence)."""
    # One position more, (B, 1, K): the sentence ends after the last syllable.
    end = torch.zeros_like(candidates[:, :1])
    end[..., 0] = BOS
    candidates = torch.cat([candidates, end], 1)
    channel = nn.functional.pad(channel, (0, 0, 0, 1))

    no_source = candidates.new_zeros((len(candidates), 0))
    next_logits = model.next_logits(no_source)
    if ngram is not None:
        next_logits = mix_with_ngram(next_logits, ngram, codec, candidates, share)
    ids, _ = beam_search(next_logits, candidates, width, channel)
    return ids[:, :-1]


def equal_lengths(rows: list[list[str]]) -> Iterator[list[int]]:
    """Indices of the rows in groups of one length, CONVERTED_AT_ONCE at most."""

    def length(index: int) -> int:
        return len(rows[index])

    for _, group in groupby(sorted(range(len(rows)), key=length), key=length):
        indices = list(group)
        for begin in range(0, len(indices), CONVERTED_AT_ONCE):
            yield indices[begin : begin + CONVERTED_AT_ONCE]
