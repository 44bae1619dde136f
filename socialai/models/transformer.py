"""The Transformer by hand (Vaswani et al. 2017): layers, stacks, and the three families that are built from them.

Masks are True where a position may look, as in `socialai.models.attention`. Of the ids of a vocabulary 0 is PAD, which fills a
batch up, and 1 is BOS, which begins a target.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from socialai.models.attention import MultiHeadAttention, causal_mask, sinusoidal_positions

PAD, BOS = 0, 1


class FeedForward(nn.Sequential):
    """max(0, x W_1 + b_1) W_2 + b_2 at each position on its own, equation 2: (..., d_model) -> (..., d_model)."""

    def __init__(self, d_model: int, d_ff: int):
        super().__init__(nn.Linear(d_model, d_ff), nn.ReLU(), nn.Linear(d_ff, d_model))


class Residual(nn.Module):
    """x plus what a sublayer makes of it, normalised after the sum (the paper) or before the sublayer (norm_first).

    Normalised first, a path from output to input has no normalisation in it, which makes training steadier
    (Xiong et al. 2020). Dropout acts on the sublayer's output, section 5.4.
    """

    def __init__(self, d_model: int, dropout: float, norm_first: bool):
        super().__init__()
        self.norm, self.dropout, self.norm_first = (
            nn.LayerNorm(d_model),
            nn.Dropout(dropout),
            norm_first,
        )

    def forward(self, x: Tensor, sublayer: Callable[[Tensor], Tensor]) -> Tensor:
        """x (B, n, d_model) -> (B, n, d_model)."""
        if self.norm_first:
            return x + self.dropout(sublayer(self.norm(x)))
        return self.norm(x + self.dropout(sublayer(x)))


class EncoderLayer(nn.Module):
    """Self-attention, then feed-forward, each with its residual. Equal to `nn.TransformerEncoderLayer`."""

    def __init__(
        self, d_model: int, n_heads: int, d_ff: int, dropout: float = 0.1, norm_first: bool = True
    ):
        super().__init__()
        self.attention, self.feed_forward = (
            MultiHeadAttention(d_model, n_heads),
            FeedForward(d_model, d_ff),
        )
        self.residuals = nn.ModuleList(Residual(d_model, dropout, norm_first) for _ in range(2))

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """x (B, n, d_model), mask broadcasting to (B, nh, n, n) -> (B, n, d_model)."""
        x = self.residuals[0](x, lambda y: self.attention(y, mask=mask)[0])
        return self.residuals[1](x, self.feed_forward)


class DecoderLayer(nn.Module):
    """Masked self-attention, cross-attention to the memory, feed-forward. Equal to `nn.TransformerDecoderLayer`."""

    def __init__(
        self, d_model: int, n_heads: int, d_ff: int, dropout: float = 0.1, norm_first: bool = True
    ):
        super().__init__()
        self.attention, self.cross_attention = (
            MultiHeadAttention(d_model, n_heads) for _ in range(2)
        )
        self.feed_forward = FeedForward(d_model, d_ff)
        self.residuals = nn.ModuleList(Residual(d_model, dropout, norm_first) for _ in range(3))

    def forward(
        self,
        x: Tensor,
        memory: Tensor,
        mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """x (B, n, d_model), memory (B, m, d_model): (B, n, d_model) and cross-attention weights (B, nh, n, m)."""
        weights = None

        def cross(y: Tensor) -> Tensor:
            nonlocal weights
            context, weights = self.cross_attention(y, memory, memory_mask)
            return context

        x = self.residuals[0](x, lambda y: self.attention(y, mask=mask)[0])
        x = self.residuals[1](x, cross)
        return self.residuals[2](x, self.feed_forward), weights


class Encoder(nn.Module):
    """A stack of encoder layers and a last normalisation."""

    def __init__(self, n_layers: int, d_model: int, *layer):
        super().__init__()
        self.layers = nn.ModuleList(EncoderLayer(d_model, *layer) for _ in range(n_layers))
        self.norm = nn.LayerNorm(d_model)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """x (B, n, d_model) -> (B, n, d_model)."""
        for layer in self.layers:
            x = layer(x, mask)
        return self.norm(x)


class Decoder(nn.Module):
    """A stack of decoder layers and a last normalisation."""

    def __init__(self, n_layers: int, d_model: int, *layer):
        super().__init__()
        self.layers = nn.ModuleList(DecoderLayer(d_model, *layer) for _ in range(n_layers))
        self.norm = nn.LayerNorm(d_model)

    def forward(
        self, x: Tensor, memory: Tensor, mask=None, memory_mask=None
    ) -> tuple[Tensor, list[Tensor]]:
        """x (B, n, d_model), memory (B, m, d_model): (B, n, d_model) and each layer's cross-attention (B, nh, n, m)."""
        weights = []
        for layer in self.layers:
            x, w = layer(x, memory, mask, memory_mask)
            weights.append(w)
        return self.norm(x), weights


class Embedding(nn.Embedding):
    """sqrt(d_model) times a learned vector, plus the sinusoidal position, sections 3.4 and 3.5."""

    def __init__(self, size: int, d_model: int, dropout: float = 0.1):
        super().__init__(size, d_model)
        nn.init.normal_(self.weight, std=d_model**-0.5)
        self.dropout = nn.Dropout(dropout)

    def forward(self, ids: Tensor) -> Tensor:
        """ids (B, n) -> (B, n, d_model)."""
        positions = sinusoidal_positions(ids.shape[1], self.embedding_dim).to(ids.device)
        return self.dropout(super().forward(ids) * math.sqrt(self.embedding_dim) + positions)


def looks(ids: Tensor) -> Tensor:
    """(B, 1, 1, n) mask, True on the tokens that are no padding."""
    return (ids != PAD)[:, None, None, :]


class EncoderDecoder(nn.Module):
    """The whole of figure 1, as T5 uses it: reads a source with the encoder, writes the target with the decoder.

    The target's embedding and the output layer share one matrix, section 3.4.
    """

    def __init__(
        self,
        n_source: int,
        n_target: int,
        d_model=128,
        n_heads=4,
        n_layers=2,
        d_ff=512,
        dropout=0.1,
        norm_first=True,
    ):
        super().__init__()
        layer = (n_heads, d_ff, dropout, norm_first)
        self.source, self.target = (
            Embedding(n_source, d_model, dropout),
            Embedding(n_target, d_model, dropout),
        )
        self.encoder, self.decoder = (
            Encoder(n_layers, d_model, *layer),
            Decoder(n_layers, d_model, *layer),
        )
        self.output = nn.Linear(d_model, n_target)
        self.output.weight = self.target.weight

    def encode(self, source: Tensor) -> Tensor:
        """source ids (B, m) -> memory (B, m, d_model)."""
        return self.encoder(self.source(source), looks(source))

    def decode(self, target: Tensor, memory: Tensor, source: Tensor) -> tuple[Tensor, list[Tensor]]:
        """target ids (B, n) that begin with BOS: last layer (B, n, d_model), each layer's cross-attention."""
        mask = looks(target) & causal_mask(target.shape[1]).to(target.device)
        return self.decoder(self.target(target), memory, mask, looks(source))

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        """source (B, m), target (B, n) that begins with BOS -> logits (B, n, n_target) of the next tokens."""
        return self.output(self.decode(target, self.encode(source), source)[0])

    def next_logits(self, source: Tensor) -> Callable[[Tensor], Tensor]:
        """For `beam_search`: the source (B, m) is read once, then prefixes (B W, t) give logits (B W, n_target)."""
        memory = self.encode(source)

        def following(prefix: Tensor) -> Tensor:
            W = len(prefix) // len(source)
            x = self.decode(prefix, memory.repeat_interleave(W, 0), source.repeat_interleave(W, 0))[
                0
            ]
            return self.output(x[:, -1])

        return following


class EncoderOnly(nn.Module):
    """As BERT: every position sees both sides at once, and gives one answer for its own token."""

    def __init__(
        self,
        n_source: int,
        n_target: int,
        d_model=128,
        n_heads=4,
        n_layers=2,
        d_ff=512,
        dropout=0.1,
        norm_first=True,
    ):
        super().__init__()
        self.source = Embedding(n_source, d_model, dropout)
        self.encoder = Encoder(n_layers, d_model, n_heads, d_ff, dropout, norm_first)
        self.output = nn.Linear(d_model, n_target)

    def forward(self, source: Tensor) -> Tensor:
        """source ids (B, n) -> logits (B, n, n_target)."""
        return self.output(self.encoder(self.source(source), looks(source)))


class DecoderOnly(nn.Module):
    """As GPT: one causal stack over one sequence, source then target; without a source, a language model.

    Positions are counted from 0 in both parts, so that a longer padding between them doesn't move the target. The
    embedding and the output layer share one matrix.
    """

    def __init__(
        self,
        n_source: int,
        n_target: int,
        d_model=128,
        n_heads=4,
        n_layers=2,
        d_ff=512,
        dropout=0.1,
        norm_first=True,
    ):
        super().__init__()
        self.n_source = n_source
        self.tokens = Embedding(n_source + n_target, d_model, dropout)
        # A decoder without an encoder has no cross-attention: its layer is an encoder's layer under a causal mask.
        self.decoder = Encoder(n_layers, d_model, n_heads, d_ff, dropout, norm_first)
        self.bias = nn.Parameter(torch.zeros(n_target))

    def decode(self, source: Tensor, target: Tensor) -> Tensor:
        """source (B, m), m >= 0, target (B, n) that begins with BOS -> last layer on the target (B, n, d_model)."""
        real = looks(torch.cat([source, target], 1))
        x = torch.cat(
            [self.tokens(source), self.tokens(target + self.n_source)], 1
        )  # (B, m + n, d_model)
        return self.decoder(x, real & causal_mask(x.shape[1]).to(x.device))[:, source.shape[1] :]

    def output(self, x: Tensor) -> Tensor:
        """Last layer (..., d_model) -> logits (..., n_target)."""
        return nn.functional.linear(x, self.tokens.weight[self.n_source :], self.bias)

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        """source (B, m), target (B, n) that begins with BOS -> logits (B, n, n_target) of the next tokens."""
        return self.output(self.decode(source, target))

    def next_logits(self, source: Tensor) -> Callable[[Tensor], Tensor]:
        """For `beam_search`: prefixes (B W, t) give logits (B W, n_target)."""
        return lambda prefix: self.output(
            self.decode(source.repeat_interleave(len(prefix) // len(source), 0), prefix)[:, -1]
        )


def copy_from_torch(ours: nn.Module, theirs: nn.Module) -> None:
    """Copy the weights of torch's layer, stack or `nn.Transformer` into the module here that has the same part.

    ours: EncoderLayer, DecoderLayer, Encoder, Decoder, or any module with `encoder` and `decoder`.
    """
    if isinstance(ours, EncoderLayer | DecoderLayer):
        attentions = [(ours.attention, theirs.self_attn)]
        if isinstance(ours, DecoderLayer):
            attentions.append((ours.cross_attention, theirs.multihead_attn))
        for mine, other in attentions:
            weights, biases = other.in_proj_weight.chunk(3), other.in_proj_bias.chunk(3)
            for part, weight, bias in zip(
                (mine.query, mine.key, mine.value), weights, biases, strict=True
            ):
                part.load_state_dict({"weight": weight, "bias": bias})
            mine.output.load_state_dict(other.out_proj.state_dict())
        ours.feed_forward[0].load_state_dict(theirs.linear1.state_dict())
        ours.feed_forward[2].load_state_dict(theirs.linear2.state_dict())
        for number, residual in enumerate(ours.residuals, 1):
            residual.norm.load_state_dict(getattr(theirs, f"norm{number}").state_dict())
    elif isinstance(ours, Encoder | Decoder):
        ours.norm.load_state_dict(theirs.norm.state_dict())
        for mine, other in zip(ours.layers, theirs.layers, strict=True):
            copy_from_torch(mine, other)
    else:
        copy_from_torch(ours.encoder, theirs.encoder)
        copy_from_torch(ours.decoder, theirs.decoder)


def label_smoothing_loss(logits: Tensor, target: Tensor, smoothing: float = 0.1) -> Tensor:
    """Mean cross-entropy against (1 - smoothing) on the target plus smoothing / K on each of K classes, section 5.4.

    logits (..., K), target (...) class numbers; those that are PAD don't count. Equal to torch's `cross_entropy` with
    label_smoothing.
    """
    real = target != PAD
    logits, target = logits[real], target[real]  # (N, K), (N,)
    log_p = logits.log_softmax(-1)
    hit = log_p.gather(-1, target[:, None]).squeeze(-1)
    return -((1 - smoothing) * hit + smoothing * log_p.mean(-1)).mean()


def warmup_inverse_sqrt(step: int, d_model: int, warmup: int) -> float:
    """Learning rate d_model^-0.5 min(step^-0.5, step warmup^-1.5), equation 3; steps count from 1."""
    return d_model**-0.5 * min(step**-0.5, step * warmup**-1.5)
