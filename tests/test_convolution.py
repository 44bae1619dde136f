"""Convolution and pooling by hand equal torch's, forward and backward."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from socialai.errors import UserError
from socialai.models import convolution

SETTINGS = [(1, 0, 1), (2, 1, 1), (1, 2, 2), (3, 0, 1), (2, 3, 3)]  # stride, padding, dilation

TOLERANCE = [(torch.float64, 1e-12), (torch.float32, 1e-5)]


def tensors(dtype, c_in, c_out, kernel, seed=0):
    """x, w, b that need gradients.

    Sides of image and kernel differ, so that swapping them can't go unseen.
    """
    g = torch.Generator().manual_seed(seed)
    shapes = [(2, c_in, 9, 8), (c_out, c_in, *kernel), (c_out,)]
    return [torch.randn(s, generator=g, dtype=dtype).requires_grad_() for s in shapes]


@pytest.mark.parametrize(("dtype", "tolerance"), TOLERANCE)
@pytest.mark.parametrize(("stride", "padding", "dilation"), SETTINGS)
@pytest.mark.parametrize("by", [convolution.conv2d_by_loops, convolution.conv2d_by_unfolding])
def test_convolution_equals_torch_in_values_and_gradients(
    by, stride, padding, dilation, dtype, tolerance
):
    for (c_in, c_out), kernel in itertools.product([(1, 1), (3, 2)], [(1, 1), (3, 2)]):
        ours, theirs = tensors(dtype, c_in, c_out, kernel), tensors(dtype, c_in, c_out, kernel)
        a = by(*ours, stride, padding, dilation)
        b = F.conv2d(*theirs, stride=stride, padding=padding, dilation=dilation)
        assert a.shape == b.shape and (a - b).abs().max() <= tolerance
        a.square().mean().backward()
        b.square().mean().backward()
        assert all(
            (s.grad - t.grad).abs().max() <= tolerance for s, t in zip(ours, theirs, strict=True)
        )


@pytest.mark.parametrize(("stride", "padding", "dilation"), SETTINGS)
def test_gradients_by_hand_equal_autograd(stride, padding, dilation):
    x, w, b = tensors(torch.float64, 3, 4, (3, 2))
    y = F.conv2d(x, w, b, stride, padding, dilation)
    dy = torch.randn(y.shape, generator=torch.Generator().manual_seed(1), dtype=y.dtype)
    y.backward(dy)
    by_hand = convolution.conv2d_gradients(x.detach(), w.detach(), dy, stride, padding, dilation)
    assert all((g - t.grad).abs().max() < 1e-12 for g, t in zip(by_hand, (x, w, b), strict=True))


def test_unfold_holds_what_torch_unfolds():
    x = torch.randn(2, 3, 9, 8, dtype=torch.float64)
    ours = convolution.unfold(x, (3, 2), stride=2, padding=1, dilation=2)
    theirs = F.unfold(x, (3, 2), stride=2, padding=1, dilation=2)  # (B, C K L, H' W')
    assert torch.equal(ours.flatten(3).flatten(1, 2).transpose(1, 2), theirs)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 3), st.integers(0, 3), st.integers(1, 3), st.integers(0, 99))
def test_fold_is_the_transpose_of_unfold(stride, padding, dilation, seed):
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(1, 2, 8, 9, generator=g, dtype=torch.float64)
    windows = convolution.unfold(x, (2, 3), stride, padding, dilation)
    z = torch.randn(windows.shape, generator=g, dtype=torch.float64)
    back = convolution.fold(z, (8, 9), stride, padding, dilation)
    assert torch.allclose(
        (windows * z).sum(), (x * back).sum(), atol=1e-10
    )  # <unfold x, z> = <x, fold z>


@pytest.mark.parametrize(
    ("n", "kernel", "stride", "padding", "dilation"),
    list(itertools.product((5, 8), (1, 3), (1, 2), (0, 2), (1, 2))),
)
def test_output_size_is_torchs(n, kernel, stride, padding, dilation):
    y = F.conv2d(
        torch.zeros(1, 1, n, n), torch.zeros(1, 1, kernel, kernel), None, stride, padding, dilation
    )
    assert convolution.output_size(n, kernel, stride, padding, dilation) == y.shape[2]


def test_a_window_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="reaches over 5"):
        convolution.output_size(4, 3, dilation=2)


@pytest.mark.parametrize(("size", "stride"), [(2, None), (3, 2), (2, 1)])
def test_pooling_equals_torch_in_values_and_gradients(size, stride):
    for kind, theirs in (("max", F.max_pool2d), ("average", F.avg_pool2d)):
        x, y = (
            torch.randn(2, 3, 7, 9, generator=torch.Generator().manual_seed(0)).requires_grad_()
            for _ in range(2)
        )
        a, b = convolution.pool2d(x, size, kind, stride), theirs(y, size, stride)
        assert torch.allclose(a, b, atol=1e-6)
        a.square().mean().backward()
        b.square().mean().backward()
        assert torch.allclose(x.grad, y.grad, atol=1e-6)
    with pytest.raises(UserError, match="choose from max, average"):
        convolution.pool2d(x, size, "median")


@settings(max_examples=25, deadline=None)
@given(st.integers(-2, 2), st.integers(-2, 2), st.integers(0, 99))
def test_a_shifted_image_gives_a_shifted_feature_map(down, right, seed):
    g = torch.Generator().manual_seed(seed)
    x, w = (
        torch.zeros(1, 1, 14, 14, dtype=torch.float64),
        torch.randn(2, 1, 3, 3, generator=g, dtype=torch.float64),
    )
    x[..., 5:9, 5:9] = torch.randn(
        4, 4, generator=g, dtype=torch.float64
    )  # far enough from the border
    b = torch.zeros(2, dtype=torch.float64)
    shifted = convolution.conv2d_by_unfolding(x.roll((down, right), (2, 3)), w, b, padding=1)
    assert torch.allclose(
        shifted,
        convolution.conv2d_by_unfolding(x, w, b, padding=1).roll((down, right), (2, 3)),
        atol=1e-12,
    )


def test_the_articles_sum_is_a_convolution_of_one_pixel_and_needs_as_many_channels():
    x, w, b = torch.randn(2, 3, 5, 5), torch.randn(3, 3), torch.randn(3)
    assert torch.allclose(
        convolution.article_sum(x, w, b), F.conv2d(x, w[:, :, None, None], b), atol=1e-6
    )
    with pytest.raises(IndexError):
        convolution.article_sum(x[:, :1], w, b)


@pytest.mark.parametrize(
    ("layers", "expected"),
    [  # worked out by hand: size grows by dilation (kernel - 1) jumps, the jump by the stride
        ([nn.Conv2d(1, 1, 3)], 3),
        ([nn.Conv2d(1, 1, 3), nn.Conv2d(1, 1, 3)], 5),
        ([nn.Conv2d(1, 1, 3, dilation=2), nn.Conv2d(1, 1, 3)], 7),
        ([nn.Conv2d(1, 1, 5, stride=2), nn.MaxPool2d(2), nn.Conv2d(1, 1, 3, padding=1)], 15),
    ],
)
def test_receptive_field_computed_and_measured(layers, expected):
    model = nn.Sequential(*layers)
    assert (
        convolution.receptive_field(model)[0]
        == expected
        == convolution.measured_receptive_field(model)
    )
