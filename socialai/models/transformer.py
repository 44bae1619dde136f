"""The Transformer by hand: layers, stacks, and the three families that are built from them.

Masks are True where a position may look, as in `socialai.models.attention`. Of the ids of a
vocabulary 0 is PAD, which fills a batch up, and 1 is BOS, which begins a target.
Source of the sections named below: Vaswani et al. 2017.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from socialai.models.attention import (
    MultiHeadAttention,
    causal_mask,
    padding_mask,
    sinusoidal_positions,
)

PAD = 0
BOS = 1


@dataclass(frozen=True, kw_only=True)
class TransformerConfig:
    """All sizes of a Transformer; the whole hands it down to its stacks, and they to their layers.

    Parameters
    ----------
    n_source, n_target : sizes of the two vocabularies; a stack or a layer alone needs none.
    d_model : numbers of each token's vector.
    n_heads : heads of each attention; d_model is divisible by it.
    n_layers : layers of a stack.
    d_ff : numbers of the hidden layer of the feed-forward part.
    dropout : share of a sublayer's outputs that is dropped in training, section 5.4.
    norm_first : normalise before each sublayer, or (False, the paper) after the sum.
    """

    n_source: int = 0
    n_target: int = 0
    d_model: int = 128
    n_heads: int = 4
    n_layers: int = 2
    d_ff: int = 512
    dropout: float = 0.1
    norm_first: bool = True


class FeedForward(nn.Sequential):
    """max(0, x W_1 + b_1) W_2 + b_2 at each position on its own, equation 2.

    (..., d_model) -> (..., d_model)
    """

    def __init__(self, config: TransformerConfig):
        super().__init__(
            nn.Linear(config.d_model, config.d_ff),
            nn.ReLU(),
            nn.Linear(config.d_ff, config.d_model),
        )


class Residual(nn.Module):
    """x plus what a sublayer makes of it, normalised after the sum or before the sublayer.

    After the sum is the paper's way. Normalised first, a path from output to input has no
    normalisation in it, which makes training steadier (Xiong et al. 2020). Dropout acts on the
    sublayer's output, section 5.4.
    """

    def __init__(self, config: TransformerConfig):
        super().__init__()
        self.norm = nn.LayerNorm(config.d_model)
        self.dropout = nn.Dropout(config.dropout)
        self.norm_first = config.norm_first

    def forward(self, x: Tensor, sublayer: Callable[[Tensor], Tensor]) -> Tensor:
        """x (B, n, d_model) -> (B, n, d_model)."""
        if self.norm_first:
            return x + self.dropout(sublayer(self.norm(x)))
        return self.norm(x + self.dropout(sublayer(x)))


class EncoderLayer(nn.Module):
    """Self-attention, then feed-forward, each with its residual.

    Equal to `nn.TransformerEncoderLayer`.
    """

    def __init__(self, config: TransformerConfig):
        super().__init__()
        self.attention = MultiHeadAttention(config.d_model, config.n_heads)
        self.feed_forward = FeedForward(config)
        self.residuals = nn.ModuleList(Residual(config) for _ in range(2))

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """x (B, n, d_model), mask broadcasting to (B, nh, n, n) -> (B, n, d_model)."""
        x = self.residuals[0](x, lambda y: self.attention(y, mask=mask)[0])
        return self.residuals[1](x, self.feed_forward)


class DecoderLayer(nn.Module):
    """Masked self-attention, cross-attention to the memory, feed-forward.

    Equal to `nn.TransformerDecoderLayer`.
    """

    def __init__(self, config: TransformerConfig):
        super().__init__()
        self.attention = MultiHeadAttention(config.d_model, config.n_heads)
        self.cross_attention = MultiHeadAttention(config.d_model, config.n_heads)
        self.feed_forward = FeedForward(config)
        self.residuals = nn.ModuleList(Residual(config) for _ in range(3))

    def forward(
        self,
        x: Tensor,
        memory: Tensor,
        mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """x (B, n, d_model), memory (B, m, d_model).

        Returns the output (B, n, d_model) and the weights of the cross-attention (B, nh, n, m).
        """
        weights = None

        def look_at_memory(y: Tensor) -> Tensor:
            nonlocal weights
            context, weights = self.cross_attention(y, memory, memory_mask)
            return context

        x = self.residuals[0](x, lambda y: self.attention(y, mask=mask)[0])
        x = self.residuals[1](x, look_at_memory)
        return self.residuals[2](x, self.feed_forward), weights


class Encoder(nn.Module):
    """A stack of encoder layers and a last normalisation."""

    def __init__(self, config: TransformerConfig):
        super().__init__()
        self.layers = nn.ModuleList(EncoderLayer(config) for _ in range(config.n_layers))
        self.norm = nn.LayerNorm(config.d_model)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """x (B, n, d_model) -> (B, n, d_model)."""
        for layer in self.layers:
            x = layer(x, mask)
        return self.norm(x)


class Decoder(nn.Module):
    """A stack of decoder layers and a last normalisation."""

    def __init__(self, config: TransformerConfig):
        super().__init__()
        self.layers = nn.ModuleList(DecoderLayer(config) for _ in range(config.n_layers))
        self.norm = nn.LayerNorm(config.d_model)

    def forward(
        self,
        x: Tensor,
        memory: Tensor,
        mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
    ) -> tuple[Tensor, list[Tensor]]:
        """x (B, n, d_model), memory (B, m, d_model).

        Returns the output (B, n, d_model) and each layer's cross-attention (B, nh, n, m).
        """
        weights = []
        for layer in self.layers:
            x, cross_attention = layer(x, memory, mask, memory_mask)
            weights.append(cross_attention)
        return self.norm(x), weights


class Embedding(nn.Embedding):
    """sqrt(d_model) times a learned vector, plus the sinusoidal position, sections 3.4 and 3.5."""

    def __init__(self, n_tokens: int, config: TransformerConfig):
        super().__init__(n_tokens, config.d_model)
        nn.init.normal_(self.weight, std=config.d_model**-0.5)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, ids: Tensor) -> Tensor:
        """ids (B, n) -> (B, n, d_model)."""
        d_model = self.embedding_dim
        positions = sinusoidal_positions(ids.shape[1], d_model).to(ids.device)  # (n, d_model)
        return self.dropout(super().forward(ids) * math.sqrt(d_model) + positions)


class EncoderDecoder(nn.Module):
    """The whole of figure 1, as T5 uses it: reads a source, writes the target.

    The target's embedding and the output layer share one matrix, section 3.4.
    """

    def __init__(self, config: TransformerConfig):
        super().__init__()
        self.source = Embedding(config.n_source, config)
        self.target = Embedding(config.n_target, config)
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)
        self.output = nn.Linear(config.d_model, config.n_target)
        self.output.weight = self.target.weight

    def encode(self, source: Tensor) -> Tensor:
        """source ids (B, m) -> memory (B, m, d_model)."""
        return self.encoder(self.source(source), padding_mask(source, PAD))

    def decode(self, target: Tensor, memory: Tensor, source: Tensor) -> tuple[Tensor, list[Tensor]]:
        """target ids (B, n) that begin with BOS, and what `encode` made of the source.

        Returns the last layer (B, n, d_model) and each layer's cross-attention.
        """
        causal = causal_mask(target.shape[1]).to(target.device)  # (n, n)
        mask = padding_mask(target, PAD) & causal  # (B, 1, n, n)
        return self.decoder(self.target(target), memory, mask, padding_mask(source, PAD))

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        """source (B, m), target (B, n) that begins with BOS.

        Returns the logits (B, n, n_target) of the next tokens.
        """
        return self.output(self.decode(target, self.encode(source), source)[0])

    def next_logits(self, source: Tensor) -> Callable[[Tensor], Tensor]:
        """For `beam_search`: prefixes (B W, t) give logits (B W, n_target).

        The source (B, m) is read once.
        """
        memory = self.encode(source)

        def logits_after(prefix: Tensor) -> Tensor:
            width = len(prefix) // len(source)  # prefixes of one source stand beside each other
            wide_memory = memory.repeat_interleave(width, 0)  # (B W, m, d_model)
            wide_source = source.repeat_interleave(width, 0)  # (B W, m)
            x, _ = self.decode(prefix, wide_memory, wide_source)  # (B W, t, d_model)
            return self.output(x[:, -1])

        return logits_after


class EncoderOnly(nn.Module):
    """As BERT: every position sees both sides at once, and gives one answer for its own token."""

    def __init__(self, config: TransformerConfig):
        super().__init__()
        self.source = Embedding(config.n_source, config)
        self.encoder = Encoder(config)
        self.output = nn.Linear(config.d_model, config.n_target)

    def forward(self, source: Tensor) -> Tensor:
        """source ids (B, n) -> logits (B, n, n_target)."""
        return self.output(self.encoder(self.source(source), padding_mask(source, PAD)))


class DecoderOnly(nn.Module):
    """As GPT: one causal stack over source and target; without a source, a language model.

    Positions are counted from 0 in both parts, so that a longer padding between them doesn't move
    the target. The embedding and the output layer share one matrix.
    """

    def __init__(self, config: TransformerConfig):
        super().__init__()
        self.n_source = config.n_source
        self.tokens = Embedding(config.n_source + config.n_target, config)
        # A decoder without an encoder has no cross-attention: its layer is an encoder's layer
        # under a causal mask.
        self.decoder = Encoder(config)
        self.bias = nn.Parameter(torch.zeros(config.n_target))

    def decode(self, source: Tensor, target: Tensor) -> Tensor:
        """source (B, m), m >= 0, target (B, n) that begins with BOS.

        Returns the last layer on the target (B, n, d_model).
        """
        # the target's tokens have the numbers after those of the source's
        embedded = [self.tokens(source), self.tokens(target + self.n_source)]
        x = torch.cat(embedded, 1)  # (B, m + n, d_model)

        # real tokens only, and none that comes later
        real = padding_mask(torch.cat([source, target], 1), PAD)  # (B, 1, 1, m + n)
        mask = real & causal_mask(x.shape[1]).to(x.device)  # (B, 1, m + n, m + n)
        return self.decoder(x, mask)[:, source.shape[1] :]

    def output(self, x: Tensor) -> Tensor:
        """Last layer (..., d_model) -> logits (..., n_target)."""
        return nn.functional.linear(x, self.tokens.weight[self.n_source :], self.bias)

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        """source (B, m), target (B, n) that begins with BOS.

        Returns the logits (B, n, n_target) of the next tokens.
        """
        return self.output(self.decode(source, target))

    def next_logits(self, source: Tensor) -> Callable[[Tensor], Tensor]:
        """For `beam_search`: prefixes (B W, t) give logits (B W, n_target)."""

        def logits_after(prefix: Tensor) -> Tensor:
            width = len(prefix) // len(source)  # prefixes of one source stand beside each other
            x = self.decode(source.repeat_interleave(width, 0), prefix)  # (B W, t, d_model)
            return self.output(x[:, -1])

        return logits_after


def copy_from_torch(ours: nn.Module, theirs: nn.Module) -> None:
    """Copy the weights of torch's layer, stack or `nn.Transformer` into the same part here.

    ours: EncoderLayer, DecoderLayer, Encoder, Decoder, or any module with `encoder` and `decoder`.
    """
    if isinstance(ours, EncoderLayer | DecoderLayer):
        _copy_layer(ours, theirs)
    elif isinstance(ours, Encoder | Decoder):
        ours.norm.load_state_dict(theirs.norm.state_dict())
        for mine, other in zip(ours.layers, theirs.layers, strict=True):
            copy_from_torch(mine, other)
    else:
        copy_from_torch(ours.encoder, theirs.encoder)
        copy_from_torch(ours.decoder, theirs.decoder)


def _copy_layer(ours: EncoderLayer | DecoderLayer, theirs: nn.Module) -> None:
    """Copy one layer's weights; torch keeps those of queries, keys and values in one matrix."""
    attentions = [(ours.attention, theirs.self_attn)]
    if isinstance(ours, DecoderLayer):
        attentions.append((ours.cross_attention, theirs.multihead_attn))
    for mine, other in attentions:
        weights = other.in_proj_weight.chunk(3)
        biases = other.in_proj_bias.chunk(3)
        parts = (mine.query, mine.key, mine.value)
        for part, weight, bias in zip(parts, weights, biases, strict=True):
            part.load_state_dict({"weight": weight, "bias": bias})
        mine.output.load_state_dict(other.out_proj.state_dict())

    # the feed-forward part, and the normalisations, which torch numbers from 1
    ours.feed_forward[0].load_state_dict(theirs.linear1.state_dict())
    ours.feed_forward[2].load_state_dict(theirs.linear2.state_dict())
    for number, residual in enumerate(ours.residuals, 1):
        residual.norm.load_state_dict(getattr(theirs, f"norm{number}").state_dict())


def label_smoothing_loss(logits: Tensor, target: Tensor, smoothing: float = 0.1) -> Tensor:
    """Mean cross-entropy against (1 - smoothing) on the target plus smoothing / K on each class.

    Section 5.4. logits (..., K), target (...) class numbers; those that are PAD don't count.
    Equal to torch's `cross_entropy` with label_smoothing.
    """
    real = target != PAD
    logits = logits[real]  # (N, K)
    target = target[real]  # (N,)
    log_p = logits.log_softmax(-1)
    log_p_target = log_p.gather(-1, target[:, None]).squeeze(-1)  # (N,)
    return -((1 - smoothing) * log_p_target + smoothing * log_p.mean(-1)).mean()


def warmup_inverse_sqrt(step: int, d_model: int, warmup: int) -> float:
    """Learning rate d_model^-0.5 min(step^-0.5, step warmup^-1.5), equation 3.

    Steps count from 1.
    """
    return d_model**-0.5 * min(step**-0.5, step * warmup**-1.5)
