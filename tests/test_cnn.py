"""Convolution and pooling by hand equal torch's, forward and backward, and the networks obey their laws."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from socialai.models import cnn
from socialai.preprocessing import images

SETTINGS = [(1, 0, 1), (2, 1, 1), (1, 2, 2), (3, 0, 1), (2, 3, 3)]  # stride, padding, dilation
TOLERANCE = [(torch.float64, 1e-12), (torch.float32, 1e-5)]


def tensors(dtype, c_in, c_out, kernel, seed=0):
    """x, w, b that need gradients; sides of image and kernel differ, so that swapping them can't go unseen."""
    g = torch.Generator().manual_seed(seed)
    shapes = [(2, c_in, 9, 8), (c_out, c_in, *kernel), (c_out,)]
    return [torch.randn(s, generator=g, dtype=dtype).requires_grad_() for s in shapes]


@pytest.mark.parametrize(("dtype", "tolerance"), TOLERANCE)
@pytest.mark.parametrize(("stride", "padding", "dilation"), SETTINGS)
@pytest.mark.parametrize("by", [cnn.conv2d_by_loops, cnn.conv2d_by_unfolding])
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
    by_hand = cnn.conv2d_gradients(x.detach(), w.detach(), dy, stride, padding, dilation)
    assert all((g - t.grad).abs().max() < 1e-12 for g, t in zip(by_hand, (x, w, b), strict=True))


def test_unfold_holds_what_torch_unfolds():
    x = torch.randn(2, 3, 9, 8, dtype=torch.float64)
    ours = cnn.unfold(x, (3, 2), stride=2, padding=1, dilation=2)
    theirs = F.unfold(x, (3, 2), stride=2, padding=1, dilation=2)  # (B, C K L, H' W')
    assert torch.equal(ours.flatten(3).flatten(1, 2).transpose(1, 2), theirs)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 3), st.integers(0, 3), st.integers(1, 3), st.integers(0, 99))
def test_fold_is_the_transpose_of_unfold(stride, padding, dilation, seed):
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(1, 2, 8, 9, generator=g, dtype=torch.float64)
    windows = cnn.unfold(x, (2, 3), stride, padding, dilation)
    z = torch.randn(windows.shape, generator=g, dtype=torch.float64)
    back = cnn.fold(z, (8, 9), stride, padding, dilation)
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
    assert cnn.output_size(n, kernel, stride, padding, dilation) == y.shape[2]


def test_a_window_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="reaches over 5"):
        cnn.output_size(4, 3, dilation=2)


@pytest.mark.parametrize(("size", "stride"), [(2, None), (3, 2), (2, 1)])
def test_pooling_equals_torch_in_values_and_gradients(size, stride):
    for kind, theirs in (("max", F.max_pool2d), ("average", F.avg_pool2d)):
        x, y = (
            torch.randn(2, 3, 7, 9, generator=torch.Generator().manual_seed(0)).requires_grad_()
            for _ in range(2)
        )
        a, b = cnn.pool2d(x, size, kind, stride), theirs(y, size, stride)
        assert torch.allclose(a, b, atol=1e-6)
        a.square().mean().backward()
        b.square().mean().backward()
        assert torch.allclose(x.grad, y.grad, atol=1e-6)
    with pytest.raises(ValueError, match="max or average"):
        cnn.pool2d(x, size, "median")


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
    shifted = cnn.conv2d_by_unfolding(x.roll((down, right), (2, 3)), w, b, padding=1)
    assert torch.allclose(
        shifted, cnn.conv2d_by_unfolding(x, w, b, padding=1).roll((down, right), (2, 3)), atol=1e-12
    )


def test_the_articles_sum_is_a_convolution_of_one_pixel_and_needs_as_many_channels():
    x, w, b = torch.randn(2, 3, 5, 5), torch.randn(3, 3), torch.randn(3)
    assert torch.allclose(cnn.article_sum(x, w, b), F.conv2d(x, w[:, :, None, None], b), atol=1e-6)
    with pytest.raises(IndexError):
        cnn.article_sum(x[:, :1], w, b)


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
    assert cnn.receptive_field(model)[0] == expected == cnn.measured_receptive_field(model)


def bars(n, seed):
    """n images of a bright bar, upright (0) or lying (1), at a random place in noise."""
    rng = np.random.default_rng(seed)
    X, y = rng.random((n, 1, 28, 28)) * 0.5, rng.integers(0, 2, n)
    for image, label, at in zip(X, y, rng.integers(4, 24, n), strict=True):
        (image[0].T if label == 0 else image[0])[at] = 1.0
    return torch.tensor(X, dtype=torch.float32), torch.tensor(y)


def test_the_image_network_learns_and_repeats_itself():
    X, y = bars(256, 0)
    X_test, y_test = bars(100, 1)
    models = [
        cnn.fit_images(X, y, X_test, y_test, augment=False, epochs=3, batch_size=32, seed=5)[0]
        for _ in range(2)
    ]
    logits = [cnn.outputs(model, X_test) for model in models]
    assert (logits[0].argmax(1) == y_test).float().mean() > 0.95
    assert torch.equal(logits[0], logits[1])
    assert cnn.outputs(models[0], X_test, "features").shape == (100, 64)


def test_the_image_network_normalises_with_its_training_images():
    X, y = bars(64, 0)
    model, _ = cnn.fit_images(X, y, X, y, augment=False, epochs=1)
    mean, std = images.mean_and_std(X)
    assert torch.equal(model.mean, mean) and torch.equal(model.std, std)


def test_padding_never_changes_the_logits_of_a_text():
    torch.manual_seed(0)
    model = cnn.TextCNN(20, d=8, widths=(2, 3)).eval()
    for ids in ([5], [5, 6], [2, 9, 9, 4]):
        alone, padded = torch.tensor([ids]), torch.tensor([ids + [cnn.PAD] * 5])
        assert torch.allclose(model(alone), model(padded), atol=1e-6)


def test_the_text_network_sees_order_and_bags_of_words_do_not():
    texts = [["a", "b", "c"], ["b", "a", "c"]] * 64
    ids = cnn.word_ids(texts, {"a": 0, "b": 1, "c": 2})
    torch.manual_seed(0)
    model = cnn.TextCNN(3, d=16, n_filters=16)
    cnn.fit_texts(model, ids, [0, 1] * 64, ids[:8], [0, 1] * 4, epochs=12, lr=1e-2)
    assert cnn.text_logits(model, ids).argmax(1).tolist() == [0, 1] * 64


def test_word_numbers():
    assert cnn.word_ids([["好", "坏", "好"], [], ["好"] * 9], {"好": 0}, longest=3) == [
        [2, 1, 2],
        [1],
        [2, 2, 2],
    ]
    weight = cnn.TextCNN(3, d=2).embedding.weight
    assert weight.shape == (5, 2) and (weight[cnn.PAD] == 0).all() and weight.abs().max() <= 0.25
