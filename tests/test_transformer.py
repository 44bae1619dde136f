"""The hand-written Transformer equals torch's, never looks ahead, and ignores padding."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import cross_entropy

from socialai.models import transformer
from socialai.models.attention import causal_mask, padding_mask
from socialai.models.transformer import TransformerConfig

TOLERANCE = [(torch.float64, 1e-12), (torch.float32, 1e-5)]

PARTS = pytest.mark.parametrize("norm_first", [False, True], ids=["post_norm", "pre_norm"])

SIZES = {"d_model": 16, "n_heads": 4, "d_ff": 32, "dropout": 0.0}
FAMILIES = [transformer.EncoderOnly, transformer.DecoderOnly, transformer.EncoderDecoder]


def inputs(dtype, *shape, seed=0):
    """Two equal leaves, one for either side."""
    x = torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)
    return x.clone().requires_grad_(), x.clone().requires_grad_()


def ids_of_lengths(*lengths):
    """Token ids (B, n) of sequences of these lengths, padded with 0."""
    return torch.tensor([[1] * length + [0] * (max(lengths) - length) for length in lengths])


def weight_gradients(module):
    """Gradients of all parameters in one vector, sorted by size.

    torch stacks q, k and v, so names don't match.
    """
    return torch.cat([p.grad.flatten() for p in module.parameters()]).sort().values


@PARTS
@pytest.mark.parametrize(("dtype", "tolerance"), TOLERANCE)
def test_an_encoder_layer_equals_torch_with_padding(norm_first, dtype, tolerance):
    torch.manual_seed(0)
    theirs = torch.nn.TransformerEncoderLayer(
        16, 4, 32, dropout=0.0, batch_first=True, norm_first=norm_first, dtype=dtype
    )
    ours = transformer.EncoderLayer(TransformerConfig(**SIZES, norm_first=norm_first)).to(dtype)
    transformer.copy_from_torch(ours, theirs)
    x, y = inputs(dtype, 3, 6, 16)
    real = padding_mask(ids_of_lengths(6, 4, 2))
    a, b = ours(x, real), theirs(y, src_key_padding_mask=~real[:, 0, 0])
    kept = real[:, 0, 0]  # what stands on padding is not compared: nobody reads it
    assert (a - b)[kept].abs().max() <= tolerance
    a[kept].square().mean().backward()
    b[kept].square().mean().backward()
    assert (x.grad - y.grad).abs().max() <= tolerance
    assert (weight_gradients(ours) - weight_gradients(theirs)).abs().max() <= tolerance


@PARTS
@pytest.mark.parametrize(("dtype", "tolerance"), TOLERANCE)
def test_a_decoder_layer_equals_torch_with_causal_and_padding_masks(norm_first, dtype, tolerance):
    torch.manual_seed(0)
    theirs = torch.nn.TransformerDecoderLayer(
        16, 4, 32, dropout=0.0, batch_first=True, norm_first=norm_first, dtype=dtype
    )
    ours = transformer.DecoderLayer(TransformerConfig(**SIZES, norm_first=norm_first)).to(dtype)
    transformer.copy_from_torch(ours, theirs)
    x, y = inputs(dtype, 2, 5, 16)
    m, n = inputs(dtype, 2, 7, 16, seed=1)
    real = padding_mask(ids_of_lengths(7, 3))
    a, weights = ours(x, m, causal_mask(5), real)
    b = theirs(y, n, tgt_mask=~causal_mask(5), memory_key_padding_mask=~real[:, 0, 0])
    assert (a - b).abs().max() <= tolerance
    a.square().mean().backward()
    b.square().mean().backward()
    assert max((x.grad - y.grad).abs().max(), (m.grad - n.grad).abs().max()) <= tolerance
    assert (weight_gradients(ours) - weight_gradients(theirs)).abs().max() <= tolerance
    assert weights.shape == (2, 4, 5, 7) and (weights[1, ..., 3:] == 0).all()


@PARTS
@pytest.mark.parametrize(("dtype", "tolerance"), TOLERANCE)
# torch speaks of a fast path that it doesn't take here
@pytest.mark.filterwarnings("ignore:enable_nested_tensor")
def test_the_whole_equals_nn_transformer(norm_first, dtype, tolerance):
    torch.manual_seed(0)
    theirs = torch.nn.Transformer(
        16, 4, 2, 3, 32, dropout=0.0, batch_first=True, norm_first=norm_first, dtype=dtype
    ).train()
    config = TransformerConfig(**SIZES, norm_first=norm_first)
    ours = torch.nn.Module()
    ours.encoder = transformer.Encoder(replace(config, n_layers=2))
    ours.decoder = transformer.Decoder(replace(config, n_layers=3))
    ours = ours.to(dtype)
    transformer.copy_from_torch(ours, theirs)
    s, u = inputs(dtype, 2, 7, 16)
    t, v = inputs(dtype, 2, 5, 16, seed=1)
    real = padding_mask(ids_of_lengths(7, 4))
    a, weights = ours.decoder(t, ours.encoder(s, real), causal_mask(5), real)
    hidden = ~real[:, 0, 0]
    b = theirs(
        u,
        v,
        tgt_mask=~causal_mask(5),
        src_key_padding_mask=hidden,
        memory_key_padding_mask=hidden,
        tgt_is_causal=False,
    )
    assert (a - b).abs().max() <= tolerance and len(weights) == 3
    a.square().mean().backward()
    b.square().mean().backward()
    assert max((s.grad - u.grad).abs().max(), (t.grad - v.grad).abs().max()) <= tolerance
    assert (weight_gradients(ours) - weight_gradients(theirs)).abs().max() <= tolerance


def small(family, **options):
    """A small network of the family, in evaluation mode."""
    torch.manual_seed(0)
    sizes = {"d_model": 16, "n_heads": 2, "n_layers": 2, "d_ff": 32}
    return family(TransformerConfig(n_source=11, n_target=13, **sizes, **options)).eval()


def run(model, source, target):
    return model(source) if isinstance(model, transformer.EncoderOnly) else model(source, target)


@pytest.mark.parametrize("family", [transformer.DecoderOnly, transformer.EncoderDecoder])
@pytest.mark.parametrize("norm_first", [False, True])
def test_changing_a_token_never_changes_what_came_before(family, norm_first):
    model = small(family, norm_first=norm_first)
    source, target = torch.randint(2, 11, (1, 6)), torch.randint(2, 13, (1, 8))
    before = model(source, target)
    for t in range(8):
        changed = target.clone()
        changed[0, t] = 2 + (changed[0, t] - 1) % 11  # another token that is no padding
        moved = (model(source, changed) - before).abs().amax(-1)[0]
        assert (moved[:t] == 0).all() and (moved[t:] > 0).all()


def test_an_encoder_sees_both_sides():
    model, source = small(transformer.EncoderOnly), torch.randint(2, 11, (1, 6))
    changed = source.clone()
    changed[0, 3] = 2 + (changed[0, 3] - 1) % 9
    assert ((model(changed) - model(source)).abs().amax(-1) > 0).all()


@pytest.mark.parametrize("family", FAMILIES)
def test_padding_changes_nothing(family):
    model = small(family)
    source = torch.randint(2, 11, (1, 4))
    target = torch.randint(2, 13, (1, 4))
    padded = torch.cat([source, torch.zeros(1, 3, dtype=torch.long)], 1)
    longer = torch.cat([target, torch.zeros(1, 3, dtype=torch.long)], 1)
    assert torch.allclose(run(model, padded, longer)[:, :4], run(model, source, target), atol=1e-6)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.3])
def test_label_smoothing_equals_torch(smoothing):
    (a, b), target = inputs(torch.float64, 4, 5, 7), torch.randint(0, 7, (4, 5))
    target[0, 0], target[0, 1] = transformer.PAD, 3
    ours = transformer.label_smoothing_loss(a, target, smoothing)
    theirs = cross_entropy(
        b.flatten(0, 1), target.flatten(), ignore_index=transformer.PAD, label_smoothing=smoothing
    )
    assert abs(ours - theirs) <= 1e-12
    ours.backward()
    theirs.backward()
    assert (a.grad - b.grad).abs().max() <= 1e-12


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 2048), st.integers(1, 8000))
def test_the_schedule_rises_to_its_peak_at_the_end_of_the_warm_up(d_model, warmup):
    rates = [
        transformer.warmup_inverse_sqrt(step, d_model, warmup)
        for step in (1, warmup, warmup + 1, 4 * warmup)
    ]
    assert max(rates) == rates[1] == pytest.approx((d_model * warmup) ** -0.5)
    assert rates[0] == pytest.approx(rates[1] / warmup) and rates[3] == pytest.approx(rates[1] / 2)


def test_the_schedule_of_the_paper():
    # Vaswani et al. 2017: d_model 512, 4,000 warm-up steps; the peak is 1 / sqrt(512 * 4000).
    assert transformer.warmup_inverse_sqrt(4000, 512, 4000) == pytest.approx(6.988e-4, rel=1e-3)


@pytest.mark.parametrize("family", FAMILIES)
def test_each_family_learns_what_depends_on_another_place(family):
    torch.manual_seed(0)
    sizes = {"d_model": 32, "n_heads": 2, "n_layers": 1, "d_ff": 64, "dropout": 0.0}
    model = family(TransformerConfig(n_source=8, n_target=8, **sizes))
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    source = torch.randint(2, 8, (64, 5))
    target = source.flip(1)  # the last comes first
    shifted = torch.cat([torch.full((64, 1), transformer.BOS), target[:, :-1]], 1)
    for _ in range(200):
        loss = transformer.label_smoothing_loss(run(model, source, shifted), target, 0.0)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert (run(model, source, shifted).argmax(-1) == target).float().mean() > 0.95
