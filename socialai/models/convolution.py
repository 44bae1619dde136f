"""Convolution by loops, by unfolding and as the article has it, pooling, receptive fields.

Images are batches (B, C, H, W), and H', W' the sizes after an operation. s is the stride, d the
dilation.
"""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from socialai.errors import UserError
from socialai.validation import check_choice, check_number


def output_size(n: int, kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> int:
    """How many places a window of `kernel` entries, `dilation` apart, has on n padded entries.

    The padding is at both ends. Raises UserError when it has none, and for sizes that can't be.
    Source: Dumoulin and Visin 2016, relationship 15.
    """
    for size, name in ((n, "n"), (kernel, "kernel"), (stride, "stride"), (dilation, "dilation")):
        check_number(size, name, 1, whole=True)
    check_number(padding, "padding", 0, whole=True)
    reach = dilation * (kernel - 1) + 1
    if n + 2 * padding < reach:
        raise UserError(
            f"a window that reaches over {reach} does not fit into {n} with padding {padding}"
        )
    return (n + 2 * padding - reach) // stride + 1


def conv2d_by_loops(
    x: Tensor, w: Tensor, b: Tensor, stride: int = 1, padding: int = 0, dilation: int = 1
) -> Tensor:
    """The convolution sum, one product at a time.

    y[n, o, i, j] = b[o] + sum over c, u, v of w[o, c, u, v] x[n, c, s i + d u, s j + d v].
    x (B, C_in, H, W), w (C_out, C_in, K, L), b (C_out,) -> (B, C_out, H', W'). As in every library
    the kernel is not flipped, so strictly this is a cross-correlation.
    """
    _check_channels(x, w, b)
    height = output_size(x.shape[2], w.shape[2], stride, padding, dilation)
    width = output_size(x.shape[3], w.shape[3], stride, padding, dilation)
    x = pad(x, (padding,) * 4)
    y = x.new_zeros(len(x), len(w), height, width)
    for n, o, i, j in np.ndindex(*y.shape):
        total = b[o]
        for c, u, v in np.ndindex(*w.shape[1:]):
            row = stride * i + dilation * u
            column = stride * j + dilation * v
            total = total + w[o, c, u, v] * x[n, c, row, column]
        y[n, o, i, j] = total
    return y


def _check_channels(x: Tensor, w: Tensor, b: Tensor) -> None:
    """The kernels w have the channels of the images x, and b has a number for each kernel."""
    if x.dim() != 4 or w.dim() != 4 or w.shape[1] != x.shape[1] or b.shape != w.shape[:1]:
        raise UserError(
            "images (B, C_in, H, W), kernels (C_out, C_in, K, L) and b (C_out,) are needed, "
            f"not {tuple(x.shape)}, {tuple(w.shape)} and {tuple(b.shape)}"
        )


def _window_places(
    size: tuple[int, int], kernel: tuple[int, int], stride: int, padding: int, dilation: int
) -> tuple[Tensor, Tensor]:
    """Row and column in the padded image of each entry of each window.

    Of the shapes (H', 1, K, 1) and (1, W', 1, L).
    """
    starts = [
        stride * torch.arange(output_size(n, k, stride, padding, dilation))
        for n, k in zip(size, kernel, strict=True)
    ]
    offsets = [dilation * torch.arange(k) for k in kernel]
    rows = starts[0][:, None] + offsets[0]  # (H', K)
    columns = starts[1][:, None] + offsets[1]  # (W', L)
    return rows[:, None, :, None], columns[None, :, None, :]


def unfold(
    x: Tensor, kernel: tuple[int, int], stride: int = 1, padding: int = 0, dilation: int = 1
) -> Tensor:
    """Every window as one row, "im2col", for a kernel (K, L).

    (B, C, H, W) -> (B, H', W', C, K, L)
    """
    rows, columns = _window_places(x.shape[2:], kernel, stride, padding, dilation)
    return pad(x, (padding,) * 4)[:, :, rows, columns].permute(0, 2, 3, 1, 4, 5)


def fold(
    windows: Tensor, size: tuple[int, int], stride: int = 1, padding: int = 0, dilation: int = 1
) -> Tensor:
    """The transpose of `unfold`: each entry is added where it came from.

    (B, H', W', C, K, L) -> (B, C, H, W), size being (H, W).
    """
    rows, columns = _window_places(size, windows.shape[4:], stride, padding, dilation)
    height, width = size
    n_images, channels = windows.shape[0], windows.shape[3]
    x = windows.new_zeros(n_images, channels, height + 2 * padding, width + 2 * padding)

    # windows overlap: add, don't overwrite
    image = torch.arange(n_images)[:, None, None, None, None, None]
    channel = torch.arange(channels)[:, None, None, None, None]
    where = (image, channel, rows, columns)
    x.index_put_(where, windows.permute(0, 3, 1, 2, 4, 5), accumulate=True)
    return x[:, :, padding : padding + height, padding : padding + width]


def conv2d_by_unfolding(
    x: Tensor, w: Tensor, b: Tensor, stride: int = 1, padding: int = 0, dilation: int = 1
) -> Tensor:
    """The same sum as one matrix product.

    Windows (B H' W', C_in K L) times kernels (C_in K L, C_out), plus b -> (B, C_out, H', W').
    """
    _check_channels(x, w, b)
    windows = unfold(x, w.shape[2:], stride, padding, dilation)  # (B, H', W', C_in, K, L)
    y = windows.flatten(3) @ w.flatten(1).T + b  # (B, H', W', C_out)
    return y.permute(0, 3, 1, 2)


def conv2d_gradients(
    x: Tensor, w: Tensor, dy: Tensor, stride: int = 1, padding: int = 0, dilation: int = 1
) -> tuple[Tensor, Tensor, Tensor]:
    """The backward pass by hand: gradients for x, w and b.

    dy (B, C_out, H', W'): the gradient for the output.
    """
    windows = unfold(x, w.shape[2:], stride, padding, dilation)  # (B, H', W', C_in, K, L)
    dw = torch.einsum("nohw,nhwckl->ockl", dy, windows)
    dx = fold(torch.einsum("nohw,ockl->nhwckl", dy, w), x.shape[2:], stride, padding, dilation)
    return dx, dw, dy.sum((0, 2, 3))


def article_sum(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    """The article's sum, literally: over j = 1 to C, "the number of output channels".

    Of w[k, j] x[j], plus b[k]. x (B, C_in, H, W), w (C_out, C_out), b (C_out,). No offset u, v
    occurs in it: each place sees itself alone. Raises IndexError where C_out exceeds C_in, because
    x has no such channel.
    """
    channels = [sum(w[k, j] * x[:, j] for j in range(len(w))) + b[k] for k in range(len(w))]
    return torch.stack(channels, 1)


def pool2d(x: Tensor, size: int, kind: str = "max", stride: int | None = None) -> Tensor:
    """Maximum or mean ("average") of each window of size by size, channel by channel.

    stride defaults to the size. (B, C, H, W) -> (B, C, H', W'). Raises UserError for another kind.
    """
    check_choice(kind, ("max", "average"), "pooling")
    windows = unfold(x, (size, size), size if stride is None else stride)  # (B, H', W', C, K, L)
    windows = windows.flatten(4)  # (B, H', W', C, size size)
    pooled = windows.amax(4) if kind == "max" else windows.mean(4)
    return pooled.permute(0, 3, 1, 2)


def receptive_field(layers: nn.Module) -> tuple[int, int]:
    """(size, jump) of one unit after the convolutions and poolings of `layers`, in pixels.

    From their settings alone. size: side of the square of input pixels that it can see. jump:
    pixels between neighbouring units. Each layer adds dilation (kernel - 1) jumps and multiplies
    the jump by its stride (Araujo, Norris and Sim 2019, equation 2).
    """
    size = 1
    jump = 1
    for layer in _spatial_layers(layers):
        kernel = _side(layer.kernel_size)
        dilation = _side(getattr(layer, "dilation", 1))
        size += dilation * (kernel - 1) * jump
        jump *= _side(layer.stride)
    return size, jump


def measured_receptive_field(layers: nn.Module) -> int:
    """The same size measured: side of the input area with a gradient for one unit in the middle.

    On a large image, with positive weights and mean pooling in place of the layers' own, so that
    nothing cancels out and no pixel loses to a larger one.
    """
    side = 4 * receptive_field(layers)[0]
    x = torch.ones(1, 1, side, side, dtype=torch.float64, requires_grad=True)
    y = x
    for layer in _spatial_layers(layers):
        kernel_side = _side(layer.kernel_size)
        y = nn.functional.conv2d(
            y,
            torch.full((1, 1, kernel_side, kernel_side), 0.1, dtype=torch.float64),
            stride=_side(layer.stride),
            padding=_side(layer.padding),
            dilation=_side(getattr(layer, "dilation", 1)),
        )
    y[0, 0, y.shape[2] // 2, y.shape[3] // 2].backward()
    return int((x.grad[0, 0].amax(0) > 0).sum())


def _spatial_layers(layers: nn.Module) -> list[nn.Module]:
    """The convolutions and poolings, in their order."""
    return [m for m in layers.modules() if isinstance(m, nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d)]


def _side(value: int | tuple[int, int]) -> int:
    """A layer's setting as one number, where it is the same for rows and columns."""
    return value[0] if isinstance(value, tuple) else value
