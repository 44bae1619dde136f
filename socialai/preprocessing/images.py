"""Images to tensors, normalisation, and augmentation by rotation, scaling, shifting, cropping.

Everything works on batches (B, C, H, W). Randomness comes from a torch.Generator on the CPU, so
that a batch is augmented the same on any device; each image of a batch gets a draw of its own.
"""

import math
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample, pad

from socialai.errors import UserError
from socialai.validation import as_input_error, check_number, check_numbers

MOST_CHANNELS = 4  # grey, with or without opacity, to colour with it


def to_tensor(images) -> Tensor:
    """Images of whole numbers 0 to 255 as float32 (B, C, H, W) in 0 to 1.

    Grey images (B, H, W) or colour images (B, H, W, C). Raises UserError for another shape, or for
    numbers that aren't such pixels (already scaled ones, say).
    """
    with as_input_error("images"):
        images = np.asarray(list(images) if isinstance(images, Iterator) else images)
    if images.ndim not in (3, 4) or images.dtype.kind not in "biuf":
        raise UserError(
            f"images of shape {images.shape} and type {images.dtype}: "
            "numbers (B, H, W) or (B, H, W, C) are needed"
        )
    if images.ndim == 4 and images.shape[3] > MOST_CHANNELS >= images.shape[1]:
        raise UserError(
            f"images of shape {images.shape}: the channels stand last here, (B, H, W, C)"
        )
    if images.size:
        whole = (images == np.floor(images)).all()
        if not whole or images.min() < 0 or images.max() > 255:
            raise UserError(
                "pixels are whole numbers from 0 to 255 here: "
                "these are something else, perhaps already scaled"
            )
    images = images[:, None] if images.ndim == 3 else images.transpose(0, 3, 1, 2)  # (B, C, H, W)
    return torch.from_numpy(np.ascontiguousarray(images, dtype=np.float32)) / 255


def mean_and_std(images: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each channel, (C,) each.

    Take them from the training images only.
    """
    return images.mean((0, 2, 3)), images.std((0, 2, 3), correction=0)


def normalise(images: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """(x - mean) / std for each channel, of which there are C in images (B, C, H, W).

    A channel without any spread is only shifted: nothing can scale it.
    """
    if len(mean) != images.shape[1] or len(std) != images.shape[1]:
        raise UserError(
            f"the images have {images.shape[1]} channels, mean {len(mean)} and std {len(std)}"
        )
    std = torch.where(std > 0, std, torch.ones_like(std))
    return (images - mean[:, None, None]) / std[:, None, None]


def affine_matrices(degrees: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """(B, 2, 3) maps in pixels from the image's centre: rotate and scale, then shift.

    x to the right and y down. degrees (B,), counter-clockwise on the screen; scale (B,), above 1
    enlarges; shift (B, 2), right and down in pixels.
    """
    angle = torch.deg2rad(degrees)
    cos = scale * torch.cos(angle)
    sin = scale * torch.sin(angle)
    # y points down, so the signs of sin are the other way round than in a textbook
    to_x = torch.stack([cos, sin, shift[:, 0]], 1)  # (B, 3)
    to_y = torch.stack([-sin, cos, shift[:, 1]], 1)
    return torch.stack([to_x, to_y], 1)  # (B, 2, 3)


def warp(images: Tensor, matrices: Tensor, fill: float = 0.0) -> Tensor:
    """Images (B, C, H, W) moved by maps (B, 2, 3) as `affine_matrices` gives them, bilinear.

    The same shape. fill: the value outside the image; on normalised images that is the
    background's, not 0. The same numbers as scipy.ndimage.affine_transform with order 1 and mode
    "grid-constant".
    """
    matrices = matrices.to(images.device, images.dtype)
    height, width = images.shape[-2:]

    # torch asks where each output pixel comes from, so the inverse map, and measures both sides
    # from -1 to 1: without the change of units a rotation of an image that isn't square would
    # shear it.
    inverse = torch.linalg.inv(matrices[:, :, :2])  # (B, 2, 2)
    origin = -inverse @ matrices[:, :, 2:]  # (B, 2, 1)
    half = images.new_tensor([width / 2, height / 2])
    theta = torch.cat([inverse * half, origin], 2) / half[:, None]  # (B, 2, 3)
    grid = affine_grid(theta, images.shape, align_corners=False)  # (B, H, W, 2)
    return grid_sample(images - fill, grid, padding_mode="zeros", align_corners=False) + fill


def random_affine(
    n: int,
    generator: torch.Generator,
    degrees: float = 10.0,
    scale: float = 0.1,
    shift: float = 2.0,
) -> Tensor:
    """(n, 2, 3) random maps: an angle in +-degrees, a factor in 1 +- scale, a shift in +-shift.

    scale is below 1, shift in pixels.
    """
    if not 0 <= scale < 1:
        raise UserError(
            f"scale {scale} is not from 0 up to 1: images would vanish or turn inside out"
        )
    u = torch.rand(n, 4, generator=generator) * 2 - 1  # (n, 4), uniform in -1 to 1
    return affine_matrices(degrees * u[:, 0], 1 + scale * u[:, 1], shift * u[:, 2:])


def augment(
    images: Tensor,
    generator: torch.Generator,
    degrees: float = 10.0,
    scale: float = 0.1,
    shift: float = 2.0,
    fill: float = 0.0,
) -> Tensor:
    """Each image (B, C, H, W) rotated, scaled and shifted at random. The same shape.

    See `random_affine` and `warp`. The defaults suit digits of 28 pixels. Use them on training
    batches only, and only as far as they keep the label: at 180 degrees a 6 is a 9.
    """
    return warp(images, random_affine(len(images), generator, degrees, scale, shift), fill)


def crop(images: Tensor, top: Tensor, left: Tensor, size: tuple[int, int]) -> Tensor:
    """A window of size (h, w) out of each image (B, C, H, W): (B, C, h, w).

    Its corner is at top (B,), left (B,). Raises UserError when a window doesn't fit.
    """
    height, width = images.shape[-2:]
    h, w = _size(size)
    if not len(images) == len(top) == len(left):
        raise UserError(f"{len(images)} images need as many corners: {len(top)} and {len(left)}")
    if len(images):
        inside = min(top.min(), left.min()) >= 0
        if not inside or top.max() + h > height or left.max() + w > width:
            raise UserError(f"a window of {h} by {w} leaves the image of {height} by {width}")

    # all windows as a view, of which nothing is copied but those that are wanted
    windows = images.unfold(2, h, 1).unfold(3, w, 1)  # (B, C, rows, columns, h, w)
    image = torch.arange(len(images), device=images.device)  # (B,)
    return windows[image, :, top.to(images.device), left.to(images.device)]  # (B, C, h, w)


def random_crop(
    images: Tensor,
    size: tuple[int, int],
    generator: torch.Generator,
    padding: int = 0,
    fill: float = 0.0,
) -> Tensor:
    """A random window of size (h, w) out of each image: (B, C, h, w).

    The images have `padding` pixels of `fill` around them. Raises UserError for a larger window.
    """
    check_number(padding, "padding", 0, whole=True)
    images = pad(images, (padding,) * 4, value=fill)
    height, width = images.shape[-2:]
    h, w = _size(size)
    if h > height or w > width:
        raise UserError(f"a window of {h} by {w} does not fit into {height} by {width}")
    top = torch.randint(height - h + 1, (len(images),), generator=generator)
    left = torch.randint(width - w + 1, (len(images),), generator=generator)
    return crop(images, top, left, size)


def _size(size: tuple[int, int]) -> tuple[int, int]:
    """(h, w) of a window, each 1 at least."""
    h, w = check_numbers(size, "the size (h, w)", 1, n=2, whole=True)
    return int(h), int(w)


def tile(images: Tensor, columns: int) -> np.ndarray:
    """Images (B, 1, H, W) beside each other, row by row, as one picture to show.

    The last row is filled up with zeros. UserError for images of several channels.
    """
    check_number(columns, "columns", 1, whole=True)
    if images.shape[1] != 1:
        raise UserError(f"grey images are needed: these have {images.shape[1]} channels")
    n, _, height, width = images.shape
    rows = math.ceil(n / columns)
    tiles = images.new_zeros(rows * columns, height, width)
    tiles[:n] = images[:, 0]
    table = tiles.reshape(rows, columns, height, width).transpose(1, 2)
    return table.reshape(rows * height, columns * width).numpy()
