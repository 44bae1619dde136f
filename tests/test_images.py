"""Images move as scipy moves them, randomness is the generator's, no image sees another."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from socialai.preprocessing import images as image_tools


def random_images(n=3, channels=2, height=9, width=12, seed=0):
    return torch.randn(
        n,
        channels,
        height,
        width,
        generator=torch.Generator().manual_seed(seed),
        dtype=torch.float64,
    )


def one_map(degrees=0.0, scale=1.0, shift=(0.0, 0.0), n=3):
    as_tensor = [torch.tensor(value, dtype=torch.float64) for value in (degrees, scale)]
    return image_tools.affine_matrices(
        *(t.expand(n) for t in as_tensor), torch.tensor(shift, dtype=torch.float64).expand(n, 2)
    )


def scipy_warp(image, matrix, fill):
    """One channel (H, W) moved by a map (2, 3) in x, y from the centre.

    scipy counts rows and columns from the corner.
    """
    swap = np.array([[0, 1], [1, 0]])
    linear, shift = swap @ matrix[:, :2] @ swap, swap @ matrix[:, 2]
    centre = (np.array(image.shape) - 1) / 2
    inverse = np.linalg.inv(linear)
    return ndimage.affine_transform(
        image,
        inverse,
        offset=centre - inverse @ (centre + shift),
        order=1,
        mode="grid-constant",
        cval=fill,
    )


@settings(max_examples=60, deadline=None)
@given(
    st.floats(-180, 180),
    st.floats(0.5, 2),
    st.floats(-4, 4),
    st.floats(-4, 4),
    st.sampled_from([0.0, -0.4]),
    st.sampled_from([(9, 12), (12, 9), (8, 8)]),
)
def test_any_affine_map_is_scipys(degrees, scale, right, down, fill, size):
    images = random_images(1, 1, *size)
    matrices = one_map(degrees, scale, (right, down), n=1)
    expected = scipy_warp(images[0, 0].numpy(), matrices[0].numpy(), fill)
    np.testing.assert_allclose(
        image_tools.warp(images, matrices, fill)[0, 0].numpy(), expected, atol=1e-9
    )


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_quarter_turns_are_exact_and_counter_clockwise(turns):
    images = random_images(height=8, width=8)
    expected = torch.rot90(images, turns, dims=(2, 3))
    assert (image_tools.warp(images, one_map(90.0 * turns)) - expected).abs().max() < 1e-12
    scipys = ndimage.rotate(images[0, 0].numpy(), 90 * turns, order=1)
    np.testing.assert_allclose(
        image_tools.warp(images, one_map(90.0 * turns))[0, 0].numpy(), scipys, atol=1e-12
    )


@pytest.mark.parametrize(("right", "down"), [(0, 0), (3, 0), (0, -2), (-4, 1), (20, 0)])
def test_whole_shifts_move_pixels_and_fill_the_rest(right, down):
    images = random_images()
    expected = ndimage.shift(
        images.numpy(), (0, 0, down, right), order=0, mode="constant", cval=7.0
    )
    moved = image_tools.warp(images, one_map(shift=(float(right), float(down))), fill=7.0)
    np.testing.assert_allclose(moved.numpy(), expected, atol=1e-9)


def test_enlarging_a_constant_changes_nothing_and_shrinking_shows_the_fill():
    ones = torch.ones(1, 1, 10, 10, dtype=torch.float64)
    assert (image_tools.warp(ones, one_map(scale=1.5, n=1)) - 1).abs().max() < 1e-12
    shrunk = image_tools.warp(ones, one_map(scale=0.5, n=1), fill=-1.0)
    assert shrunk[0, 0, 0, 0] == -1 and shrunk[0, 0, 5, 5] == 1


def test_each_image_has_its_own_draw_and_the_seed_decides_it():
    images = random_images(2, 1).expand(2, 1, 9, 12).clone()
    images[1] = images[0]
    again = [image_tools.augment(images, torch.Generator().manual_seed(s)) for s in (3, 3, 4)]
    assert again[0].shape == images.shape and again[0].dtype == images.dtype
    assert torch.equal(again[0], again[1]) and not torch.allclose(again[0], again[2])
    assert not torch.allclose(again[0][0], again[0][1])


def test_an_image_never_depends_on_its_neighbours():
    images = random_images()
    changed = images.clone()
    changed[1:] = 5.0
    draw = [image_tools.augment(x, torch.Generator().manual_seed(0)) for x in (images, changed)]
    assert torch.equal(draw[0][0], draw[1][0])


def test_no_strength_is_no_change():
    images = random_images()
    still = image_tools.augment(
        images, torch.Generator().manual_seed(0), degrees=0, scale=0, shift=0
    )
    assert torch.allclose(still, images, atol=1e-12)


def test_draws_stay_in_their_ranges():
    maps = image_tools.random_affine(
        2000, torch.Generator().manual_seed(0), degrees=20, scale=0.3, shift=4
    )
    factor = maps[:, :, :2].det().sqrt()
    angle = torch.rad2deg(torch.atan2(maps[:, 0, 1], maps[:, 0, 0]))
    assert 0.7 <= factor.min() < 0.72 and 1.28 < factor.max() <= 1.3001
    assert angle.abs().max() <= 20.001 and angle.min() < -19 and angle.max() > 19
    assert 3.9 < maps[:, :, 2].abs().max() <= 4
    with pytest.raises(ValueError, match="vanish"):
        image_tools.random_affine(1, torch.Generator(), scale=1.0)


def test_the_gradient_goes_through_to_the_pixels():
    images = random_images(1, 1, 4, 4).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda x: image_tools.warp(x, one_map(30.0, 1.2, (0.5, 0.0), n=1)), images
    )


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 9), st.integers(1, 12), st.integers(0, 3), st.integers(0, 99))
def test_a_crop_is_a_window_of_its_own_image(h, w, padding, seed):
    images = random_images(n=4)
    windows = image_tools.random_crop(
        images, (h, w), torch.Generator().manual_seed(seed), padding, fill=9.0
    )
    assert windows.shape == (4, 2, h, w)
    padded = np.pad(
        images.numpy(), ((0, 0), (0, 0), (padding,) * 2, (padding,) * 2), constant_values=9.0
    )
    places = np.lib.stride_tricks.sliding_window_view(
        padded, (h, w), axis=(2, 3)
    )  # (4, 2, rows, columns, h, w)
    for i in range(4):
        same = (places[i] == windows[i].numpy()[:, None, None]).all((0, 3, 4))
        assert same.any()


def test_crops_reach_every_place_and_refuse_to_leave_the_image():
    images = torch.arange(16.0).reshape(1, 1, 4, 4).expand(400, 1, 4, 4)
    corners = image_tools.random_crop(images, (3, 3), torch.Generator().manual_seed(0))[:, 0, 0, 0]
    assert sorted(corners.unique().tolist()) == [0, 1, 4, 5]
    with pytest.raises(ValueError, match="leaves the image"):
        image_tools.crop(images[:1], torch.tensor([2]), torch.tensor([0]), (3, 3))
    with pytest.raises(ValueError, match="does not fit"):
        image_tools.random_crop(images, (5, 3), torch.Generator())


def test_pixels_become_channels_first_between_0_and_1():
    grey = np.array([[[0, 51], [255, 102]]], dtype=np.uint8)
    assert torch.allclose(image_tools.to_tensor(grey), torch.tensor([[[[0, 0.2], [1, 0.4]]]]))
    colour = np.arange(24).reshape(1, 2, 4, 3)
    assert (
        image_tools.to_tensor(colour).shape == (1, 3, 2, 4)
        and image_tools.to_tensor(colour)[0, 2, 1, 3] == 23 / 255
    )
    assert image_tools.to_tensor(np.zeros((0, 28, 28))).shape == (0, 1, 28, 28)


@pytest.mark.parametrize(
    "wrong",
    [np.zeros((2, 784)), np.full((1, 2, 2), 0.5), np.full((1, 2, 2), 256), -np.ones((1, 2, 2))],
)
def test_what_is_no_image_is_refused(wrong):
    with pytest.raises(ValueError, match="images of shape|pixels"):
        image_tools.to_tensor(wrong)


def test_normalised_training_images_have_mean_0_and_deviation_1():
    images = 3 + 5 * random_images(n=20)
    normal = image_tools.normalise(images, *image_tools.mean_and_std(images))
    assert (
        normal.mean((0, 2, 3)).abs().max() < 1e-12
        and (normal.std((0, 2, 3), correction=0) - 1).abs().max() < 1e-12
    )
    flat = torch.ones(2, 1, 3, 3)
    assert (image_tools.normalise(flat, *image_tools.mean_and_std(flat)) == 0).all()


def test_tiles_put_images_row_by_row():
    images = torch.arange(3.0)[:, None, None, None].expand(3, 1, 2, 2) + 1
    assert image_tools.tile(images, 2).tolist() == [
        [1, 1, 2, 2],
        [1, 1, 2, 2],
        [3, 3, 0, 0],
        [3, 3, 0, 0],
    ]
