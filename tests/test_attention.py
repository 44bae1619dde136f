"""Hand-written attention equals torch's, in values and gradients, and obeys its laws."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import scaled_dot_product_attention

from socialai.errors import UserError
from socialai.models import attention

TOLERANCE = [(torch.float64, 1e-12), (torch.float32, 1e-6)]


def tensors(dtype, *shape, count=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [
        torch.randn(*shape, generator=generator, dtype=dtype).requires_grad_() for _ in range(count)
    ]


@pytest.mark.parametrize(("dtype", "tolerance"), TOLERANCE)
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("shape", [(3, 4), (2, 7, 8), (2, 4, 5, 16)])
def test_attention_equals_torch_in_values_and_gradients(dtype, tolerance, masked, shape):
    mask = attention.causal_mask(shape[-2]) if masked else None
    ours, theirs = tensors(dtype, *shape), tensors(dtype, *shape)
    a, b = (
        attention.attention(*ours, mask)[0],
        scaled_dot_product_attention(*theirs, attn_mask=mask),
    )
    assert (a - b).abs().max() <= tolerance
    a.square().mean().backward()
    b.square().mean().backward()
    assert all(
        (x.grad - y.grad).abs().max() <= tolerance for x, y in zip(ours, theirs, strict=True)
    )


@pytest.mark.parametrize(("dtype", "tolerance"), TOLERANCE)
def test_many_heads_equal_torch_with_copied_weights(dtype, tolerance):
    torch.manual_seed(0)
    ours = attention.MultiHeadAttention(24, 4).to(dtype)
    theirs = torch.nn.MultiheadAttention(24, 4, batch_first=True, dtype=dtype)
    with torch.no_grad():
        parts = (ours.query, ours.key, ours.value)
        theirs.in_proj_weight.copy_(torch.cat([p.weight for p in parts]))
        theirs.in_proj_bias.copy_(torch.cat([p.bias for p in parts]))
    theirs.out_proj.load_state_dict(ours.output.state_dict())
    (x,), (y,) = tensors(dtype, 2, 6, 24, count=1), tensors(dtype, 2, 6, 24, count=1)
    a, weights_a = ours(x)
    b, weights_b = theirs(y, y, y, average_attn_weights=False)
    assert (a - b).abs().max() <= tolerance and (weights_a - weights_b).abs().max() <= tolerance
    a.square().mean().backward()
    b.square().mean().backward()
    assert (x.grad - y.grad).abs().max() <= tolerance


def test_loops_equal_the_matrix_product():
    q, k = tensors(torch.float64, 5, 3, count=2)
    assert torch.allclose(
        attention.scores_by_loops(q.detach(), k.detach()), (q @ k.T / 3**0.5).detach(), atol=1e-12
    )


def test_loops_plain_and_masked_attention_are_one():
    q, k, v = (t.detach() for t in tensors(torch.float64, 5, 3))
    context, weights = attention.plain_attention(q, k, v)
    by_loops = attention.softmax(attention.scores_by_loops(q, k))
    everyone = torch.ones(5, 5, dtype=torch.bool)
    assert torch.allclose(weights, by_loops, atol=1e-12)
    assert torch.allclose(context, attention.average_by_loops(by_loops, v), atol=1e-12)
    for mask in (None, everyone):
        assert torch.equal(context, attention.attention(q, k, v, mask)[0])


def test_values_that_no_weight_is_for_are_refused():
    with pytest.raises(UserError, match="weights for 3 values, and 2 values"):
        attention.average_by_loops(torch.ones(3, 3), torch.ones(2, 4))


def test_heads_take_neighbouring_numbers_of_every_word():
    x = torch.arange(12.0).reshape(1, 2, 6)  # one text, two words, d_model 6
    first, second = attention.split_heads(x, 2)[0]
    assert first.tolist() == [[0, 1, 2], [6, 7, 8]]
    assert second.tolist() == [[3, 4, 5], [9, 10, 11]]


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 6), st.integers(1, 6), st.floats(0.1, 300), st.integers(0, 99))
def test_softmax_rows_sum_to_one_at_any_scale(rows, columns, scale, seed):
    (x,) = tensors(torch.float64, rows, columns, count=1, seed=seed)
    p = attention.softmax(scale * x)
    assert torch.allclose(p.sum(-1), torch.ones(rows, dtype=torch.float64)) and (p >= 0).all()


@settings(max_examples=25, deadline=None)
@given(st.permutations(range(6)), st.integers(0, 99))
def test_permuting_the_words_permutes_the_output(order, seed):
    q, k, v = (t.detach() for t in tensors(torch.float64, 6, 4, seed=seed))
    order = list(order)
    assert torch.allclose(
        attention.attention(q[order], k[order], v[order])[0],
        attention.attention(q, k, v)[0][order],
        atol=1e-12,
    )


def test_a_padded_token_never_changes_a_real_one():
    torch.manual_seed(0)
    heads, x = attention.MultiHeadAttention(8, 2), torch.randn(2, 5, 8)
    mask = attention.padding_mask(torch.tensor([[7, 8, 9, 0, 0], [5, 4, 3, 2, 1]]))
    changed = x.clone()
    changed[0, 3:] = 99.0
    assert torch.allclose(
        heads(x, mask=mask)[0][0, :3], heads(changed, mask=mask)[0][0, :3], atol=1e-6
    )


def test_flops_are_those_that_torch_counts():
    from torch.utils.flop_counter import FlopCounterMode

    q, k, v = (t.detach() for t in tensors(torch.float32, 32, 8))
    with FlopCounterMode(display=False) as counter:
        attention.attention(q, k, v)
    assert counter.get_total_flops() == attention.attention_flops(32, 8)


def test_flops_of_a_layer_are_those_that_torch_counts():
    from torch.utils.flop_counter import FlopCounterMode

    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        layer = torch.nn.Sequential(torch.nn.Linear(16, 64), torch.nn.Linear(64, 16))
        x = torch.randn(1, 10, 16)
        layer(attention.MultiHeadAttention(16, 2)(x)[0])
    assert counter.get_total_flops() == attention.layer_flops(10, 16)


def test_heads_must_divide_the_model():
    with pytest.raises(ValueError, match="not divisible"):
        attention.MultiHeadAttention(10, 3)
