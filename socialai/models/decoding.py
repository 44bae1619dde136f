"""Decoding: what a model writes, candidate by candidate, with a beam."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from socialai.models.transformer import BOS, PAD


def candidate_scores(scores: Tensor, candidates: Tensor) -> Tensor:
    """Of the scores (..., V) of all tokens those of the candidates (..., K).

    -inf where a candidate is PAD, so is none.
    """
    return scores.gather(-1, candidates).masked_fill(candidates == PAD, -math.inf)


def beam_search(
    next_logits: Callable[[Tensor], Tensor],
    candidates: Tensor,
    width: int = 1,
    channel: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """The best target found for each source, and its score: ids (B, n), (B,).

    Width 1 is greedy search.
    next_logits: prefixes (B W, t) that begin with BOS, W beside each other for one source -> logits
    (B W, V). candidates (B, n, K): the ids that may stand at each position, filled up with PAD.
    Without channel the score is log P(target | source). With it, (B, n, K) log P(source |
    candidate), the network is a language model and the score log P(target) + log P(source |
    target): Bayes' rule.
    """
    B, n, K = candidates.shape
    prefix = torch.full((B, 1, 1), BOS, device=candidates.device)  # (B, W, t)
    scores = torch.zeros(B, 1, device=candidates.device)  # (B, W)
    for t in range(n):
        # log-probability of each candidate after each prefix
        W = prefix.shape[1]
        allowed = candidates[:, t, None].expand(-1, W, -1)  # (B, W, K)
        logits = next_logits(prefix.flatten(0, 1)).float().unflatten(0, (B, W))  # (B, W, V)
        log_p = candidate_scores(logits.log_softmax(-1), allowed)  # (B, W, K)
        if channel is not None:
            log_p = log_p + channel[:, t, None]

        # the best of all continuations, W' of them, become the next prefixes
        scores, best = (scores[..., None] + log_p).flatten(1).topk(min(width, W * K))  # (B, W')
        token = allowed.flatten(1).gather(1, best)  # (B, W')
        continued = (best // K)[..., None].expand(-1, -1, t + 1)  # which prefix each one continues
        prefix = torch.cat([prefix.gather(1, continued), token[..., None]], -1)  # (B, W', t + 2)
    return prefix[:, 0, 1:], scores[:, 0]
