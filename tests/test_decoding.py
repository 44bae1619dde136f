"""A beam finds the best of all sentences when it is wide, and is greedy when it is narrow."""

import itertools

import pytest
import torch

from socialai.models import decoding, transformer
from socialai.models.transformer import TransformerConfig


def small(family, **options):
    """A small network of the family, in evaluation mode."""
    torch.manual_seed(0)
    sizes = {"d_model": 16, "n_heads": 2, "n_layers": 2, "d_ff": 32}
    return family(TransformerConfig(n_source=11, n_target=13, **sizes, **options)).eval()


CANDIDATES = torch.tensor([[[2, 3, 4], [5, 6, 0], [7, 8, 9]]])


def log_p(model, source, sentence):
    """log P(sentence | source) by teacher forcing."""
    rows = model(source, torch.tensor([[transformer.BOS, *sentence[:-1]]])).log_softmax(-1)[0]
    return sum(rows[t, c].item() for t, c in enumerate(sentence))


@pytest.mark.parametrize("family", [transformer.DecoderOnly, transformer.EncoderDecoder])
@torch.no_grad()
def test_a_wide_beam_finds_the_best_of_all_sentences(family):
    model, source = small(family), torch.randint(2, 11, (1, 3))
    # a sharper output: greedy and best differ
    list(model.parameters())[0 if family is transformer.DecoderOnly else 1].mul_(20)
    options = [[c for c in row if c] for row in CANDIDATES[0].tolist()]
    best = max(itertools.product(*options), key=lambda sentence: log_p(model, source, sentence))
    ids, score = decoding.beam_search(model.next_logits(source), CANDIDATES, width=18)
    assert ids[0].tolist() == list(best) and score.item() == pytest.approx(
        log_p(model, source, best), abs=1e-4
    )


@torch.no_grad()
def test_with_a_channel_the_beam_maximises_prior_times_likelihood():
    model, nothing = small(transformer.DecoderOnly), torch.zeros(1, 0, dtype=torch.long)
    channel = torch.rand(1, 3, 3).log()

    def score(sentence):
        rows = model(nothing, torch.tensor([[transformer.BOS, *sentence[:-1]]])).log_softmax(-1)[0]
        at = [CANDIDATES[0, t].tolist().index(c) for t, c in enumerate(sentence)]
        return sum(
            (rows[t, c] + channel[0, t, k]).item()
            for t, (c, k) in enumerate(zip(sentence, at, strict=True))
        )

    best = max(itertools.product([2, 3, 4], [5, 6], [7, 8, 9]), key=score)
    ids, found = decoding.beam_search(model.next_logits(nothing), CANDIDATES, 18, channel)
    assert ids[0].tolist() == list(best) and found.item() == pytest.approx(score(best), abs=1e-4)


@pytest.mark.parametrize("family", [transformer.DecoderOnly, transformer.EncoderDecoder])
@torch.no_grad()
def test_width_one_is_greedy(family):
    model, source = small(family), torch.randint(2, 11, (2, 3))
    ids, _ = decoding.beam_search(model.next_logits(source), CANDIDATES.expand(2, -1, -1), width=1)
    for row in range(2):
        written = [transformer.BOS]
        for t in range(3):
            logits = model(source[row : row + 1], torch.tensor([written]))[0, -1]
            written.append(
                max((c for c in CANDIDATES[0, t].tolist() if c), key=lambda c: logits[c].item())
            )
        assert ids[row].tolist() == written[1:]
