"""Convolution by loops, by unfolding and by torch, pooling, receptive fields, and networks for images and for text."""

import itertools
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, pad

from socialai.models import batching
from socialai.models.training import train, warmup_linear
from socialai.preprocessing import images as image_tools

PAD, UNKNOWN = 0, 1  # word numbers of the TextCNN that stand for no word of its vocabulary


def output_size(n: int, kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> int:
    """How many places a window of `kernel` entries, `dilation` apart, has on n entries with padding at both ends.

    Raises ValueError when it has none. Source: Dumoulin and Visin 2016, relationship 15.
    """
    reach = dilation * (kernel - 1) + 1
    if n + 2 * padding < reach:
        raise ValueError(
            f"a window that reaches over {reach} does not fit into {n} with padding {padding}"
        )
    return (n + 2 * padding - reach) // stride + 1


def conv2d_by_loops(
    x: Tensor, w: Tensor, b: Tensor, stride: int = 1, padding: int = 0, dilation: int = 1
) -> Tensor:
    """The convolution sum, one product at a time: y[n,o,i,j] = b[o] + sum over c,u,v of w[o,c,u,v] x[n,c,si+du,sj+dv].

    x (B, C_in, H, W), w (C_out, C_in, K, L), b (C_out,) -> (B, C_out, H', W'); s is the stride, d the dilation. As in
    every library the kernel is not flipped, so strictly this is a cross-correlation.
    """
    height = output_size(x.shape[2], w.shape[2], stride, padding, dilation)
    width = output_size(x.shape[3], w.shape[3], stride, padding, dilation)
    x = pad(x, (padding,) * 4)
    y = x.new_zeros(len(x), len(w), height, width)
    for n, o, i, j in np.ndindex(*y.shape):
        total = b[o]
        for c, u, v in np.ndindex(*w.shape[1:]):
            total = (
                total
                + w[o, c, u, v] * x[n, c, stride * i + dilation * u, stride * j + dilation * v]
            )
        y[n, o, i, j] = total
    return y


def _windows(
    shape, kernel: tuple[int, int], stride: int, padding: int, dilation: int
) -> tuple[Tensor, Tensor]:
    """Row and column in the padded image of each entry of each window: (H', 1, K, 1) and (1, W', 1, L)."""
    starts = [
        stride * torch.arange(output_size(n, k, stride, padding, dilation))
        for n, k in zip(shape, kernel, strict=True)
    ]
    offsets = [dilation * torch.arange(k) for k in kernel]
    rows = starts[0][:, None] + offsets[0]  # (H', K)
    columns = starts[1][:, None] + offsets[1]  # (W', L)
    return rows[:, None, :, None], columns[None, :, None, :]


def unfold(
    x: Tensor, kernel: tuple[int, int], stride: int = 1, padding: int = 0, dilation: int = 1
) -> Tensor:
    """Every window as one row, "im2col": (B, C, H, W) -> (B, H', W', C, K, L) for a kernel (K, L)."""
    rows, columns = _windows(x.shape[2:], kernel, stride, padding, dilation)
    return pad(x, (padding,) * 4)[:, :, rows, columns].permute(0, 2, 3, 1, 4, 5)


def fold(
    windows: Tensor, size: tuple[int, int], stride: int = 1, padding: int = 0, dilation: int = 1
) -> Tensor:
    """The transpose of `unfold`: each entry is added where it came from, (B, H', W', C, K, L) -> (B, C, H, W)."""
    rows, columns = _windows(size, windows.shape[4:], stride, padding, dilation)
    height, width = size
    x = windows.new_zeros(
        windows.shape[0], windows.shape[3], height + 2 * padding, width + 2 * padding
    )
    batch = torch.arange(x.shape[0])[:, None, None, None, None, None]
    channel = torch.arange(x.shape[1])[:, None, None, None, None]
    index = (batch, channel, rows, columns)
    x.index_put_(
        index, windows.permute(0, 3, 1, 2, 4, 5), accumulate=True
    )  # windows overlap: add, don't overwrite
    return x[:, :, padding : padding + height, padding : padding + width]


def conv2d_by_unfolding(
    x: Tensor, w: Tensor, b: Tensor, stride: int = 1, padding: int = 0, dilation: int = 1
) -> Tensor:
    """The same sum as one matrix product: windows (B H' W', C_in K L) times kernels (C_in K L, C_out), plus b."""
    windows = unfold(x, w.shape[2:], stride, padding, dilation)  # (B, H', W', C_in, K, L)
    return (windows.flatten(3) @ w.flatten(1).T + b).permute(0, 3, 1, 2)  # (B, C_out, H', W')


def conv2d_gradients(
    x: Tensor, w: Tensor, dy: Tensor, stride: int = 1, padding: int = 0, dilation: int = 1
) -> tuple[Tensor, Tensor, Tensor]:
    """The backward pass by hand: gradients for x, w and b, given dy (B, C_out, H', W'), that of the output."""
    windows = unfold(x, w.shape[2:], stride, padding, dilation)  # (B, H', W', C_in, K, L)
    dw = torch.einsum("nohw,nhwckl->ockl", dy, windows)
    dx = fold(torch.einsum("nohw,ockl->nhwckl", dy, w), x.shape[2:], stride, padding, dilation)
    return dx, dw, dy.sum((0, 2, 3))


def article_sum(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    """The article's sum, literally: over j = 1 to C, "the number of output channels", of w[k, j] x[j], plus b[k].

    x (B, C_in, H, W), w (C_out, C_out), b (C_out,). No offset u, v occurs in it: each place sees itself alone.
    Raises IndexError where C_out exceeds C_in, because x has no such channel.
    """
    return torch.stack(
        [sum(w[k, j] * x[:, j] for j in range(len(w))) + b[k] for k in range(len(w))], 1
    )


def pool2d(x: Tensor, size: int, kind: str = "max", stride: int | None = None) -> Tensor:
    """Maximum or mean ("average") of each window of size by size, channel by channel; stride defaults to the size.

    (B, C, H, W) -> (B, C, H', W'). Raises ValueError for another kind.
    """
    windows = unfold(x, (size, size), size if stride is None else stride).flatten(
        4
    )  # (B, H', W', C, size size)
    if kind not in ("max", "average"):
        raise ValueError(f"pooling is max or average, not {kind!r}")
    return (windows.amax(4) if kind == "max" else windows.mean(4)).permute(0, 3, 1, 2)


def receptive_field(layers: nn.Module) -> tuple[int, int]:
    """(size, jump) of one unit after the convolutions and poolings of `layers`, in pixels, from their settings alone.

    size: side of the square of input pixels that it can see. jump: pixels between neighbouring units. Each layer adds
    dilation (kernel - 1) jumps and multiplies the jump by its stride (Araujo, Norris and Sim 2019, equation 2).
    """
    size, jump = 1, 1
    for layer in _spatial(layers):
        kernel, stride, dilation = (
            _side(v) for v in (layer.kernel_size, layer.stride, getattr(layer, "dilation", 1))
        )
        size, jump = size + dilation * (kernel - 1) * jump, jump * stride
    return size, jump


def measured_receptive_field(layers: nn.Module) -> int:
    """The same size measured: side of the input area with a gradient for one unit in the middle of a large image.

    On a copy with positive weights and mean pooling, so that nothing cancels out and no pixel loses to a larger one.
    """
    side = 4 * receptive_field(layers)[0]
    x = torch.ones(1, 1, side, side, dtype=torch.float64, requires_grad=True)
    y = x
    for layer in _spatial(layers):
        stride, dilation = _side(layer.stride), _side(getattr(layer, "dilation", 1))
        kernel = torch.full(
            (1, 1, _side(layer.kernel_size), _side(layer.kernel_size)), 0.1, dtype=torch.float64
        )
        y = nn.functional.conv2d(
            y, kernel, stride=stride, padding=_side(layer.padding), dilation=dilation
        )
    y[0, 0, y.shape[2] // 2, y.shape[3] // 2].backward()
    return int((x.grad[0, 0].amax(0) > 0).sum())


def _spatial(layers: nn.Module) -> list[nn.Module]:
    return [m for m in layers.modules() if isinstance(m, nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d)]


def _side(value) -> int:
    return value[0] if isinstance(value, tuple) else value


class ImageCNN(nn.Module):
    """A small network for grey images of 28 by 28: three times convolution, pooling, ReLU, then two dense layers.

    Takes pixels 0 to 1 and normalises them with the mean and standard deviation that `fit_images` measured on its
    training images. Pooling stands before ReLU: the maximum of ReLU is the ReLU of the maximum, on a quarter as many
    numbers. Batch normalisation is that of Ioffe and Szegedy 2015.
    """

    def __init__(
        self, n_classes: int = 10, channels: Sequence[int] = (16, 32, 64), n_features: int = 64
    ):
        super().__init__()
        blocks = []
        for c_in, c_out in itertools.pairwise((1, *channels)):
            convolution = nn.Conv2d(
                c_in, c_out, 3, padding=1, bias=False
            )  # batch normalisation has the bias
            blocks.append(
                nn.Sequential(convolution, nn.MaxPool2d(2), nn.BatchNorm2d(c_out), nn.ReLU())
            )
        self.blocks = nn.Sequential(*blocks)  # (B, 1, 28, 28) -> (B, 64, 3, 3)
        self.dense = nn.Sequential(
            nn.Flatten(), nn.Dropout(0.2), nn.Linear(channels[-1] * 9, n_features), nn.ReLU()
        )
        self.classifier = nn.Linear(n_features, n_classes)
        self.register_buffer("mean", torch.zeros(1))
        self.register_buffer("std", torch.ones(1))

    def features(self, x: Tensor) -> Tensor:
        """What the last layer sees of images (B, 1, 28, 28): (B, n_features)."""
        x = image_tools.normalise(x, self.mean, self.std)
        return self.dense(self.blocks(x.contiguous(memory_format=torch.channels_last)))

    def forward(self, x: Tensor) -> Tensor:
        """Images (B, 1, 28, 28), pixels 0 to 1, to logits (B, n_classes)."""
        return self.classifier(self.features(x))


def fit_images(
    X: Tensor,
    y: Tensor,
    X_validation: Tensor,
    y_validation: Tensor,
    augment: bool = True,
    epochs: int = 12,
    seed: int = 0,
    lr: float = 3e-3,
    batch_size: int = 64,
    device: torch.device | str = "cpu",
    progress: Callable[[int, int, float], None] | None = None,
) -> tuple[ImageCNN, list[dict]]:
    """An ImageCNN trained on images X (n, 1, 28, 28), pixels 0 to 1, labels y (n,), and its history.

    augment: turn, scale and shift each image anew in each epoch. The weights of the epoch with the lowest validation
    loss are kept. Seeds torch's generators with `seed`.
    """
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    model = ImageCNN(n_classes=int(y.max()) + 1)
    model.mean, model.std = image_tools.mean_and_std(X)
    model = model.to(device, memory_format=torch.channels_last)

    def batches(epoch: int):
        for i in torch.randperm(len(X), generator=generator).split(batch_size):
            images = image_tools.augment(X[i], generator, shift=1.5) if augment else X[i]
            yield images.to(device), y[i].to(device)

    def validate(model: nn.Module) -> float:
        return cross_entropy(outputs(model, X_validation), y_validation).item()

    history = train(
        model,
        batches,
        lambda model, batch: cross_entropy(model(batch[0]), batch[1]),
        torch.optim.Adam(model.parameters(), lr=lr, fused=True),
        epochs,
        factor=lambda step, n_steps: warmup_linear(step, n_steps, 0.1),
        validate=validate,
        patience=epochs,
        precision="fp32",
        progress=progress,
    )
    return model, history


@torch.inference_mode()
def outputs(model: nn.Module, X: Tensor, of: str = "forward", batch_size: int = 500) -> Tensor:
    """What model.forward, or its method `of` such as "features", gives for all rows of X; on the CPU, (n, ...)."""
    device = next(model.parameters()).device
    model.eval()
    return torch.cat(
        [getattr(model, of)(part.to(device)).float().cpu() for part in X.split(batch_size)]
    )


class TextCNN(nn.Module):
    """Convolutions of several widths over word vectors, and the maximum of each over the text (Kim 2014).

    The word vectors, of d dimensions, start at random in +-0.25 ("CNN-rand"). Word numbers 0 and 1 are padding and
    unknown words.
    """

    def __init__(
        self,
        n_words: int,
        d: int = 100,
        widths: Sequence[int] = (1, 2, 3),
        n_filters: int = 64,
        n_classes: int = 2,
        dropout: float = 0.5,
    ):
        super().__init__()
        self.embedding = nn.Embedding(n_words + 2, d, padding_idx=PAD)
        with torch.no_grad():
            self.embedding.weight.uniform_(-0.25, 0.25)[PAD] = 0.0
        self.convolutions = nn.ModuleList(nn.Conv1d(d, n_filters, width) for width in widths)
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(n_filters * len(widths), n_classes)

    def forward(self, ids: Tensor) -> Tensor:
        """Word numbers (B, n), 0 after the end of a text, to logits (B, n_classes)."""
        missing = max(c.kernel_size[0] for c in self.convolutions) - ids.shape[1]
        ids = pad(ids, (0, max(0, missing)), value=PAD)
        x = self.dropout(self.embedding(ids)).transpose(1, 2)  # (B, d, n)
        lengths = (ids != PAD).sum(1, keepdim=True)  # (B, 1)
        found = []
        for convolution in self.convolutions:
            y = torch.relu(convolution(x))  # (B, n_filters, n - width + 1)
            start = torch.arange(y.shape[2], device=ids.device)
            # Only windows inside the text count, else the padding of a batch would change the result of a text.
            outside = start > (lengths - convolution.kernel_size[0]).clamp_min(
                0
            )  # (B, n - width + 1)
            found.append(
                y.masked_fill(outside[:, None], 0.0).amax(2)
            )  # ReLU's outputs are never below 0
        return self.classifier(self.dropout(torch.cat(found, 1)))


def word_ids(documents, vocabulary: dict[str, int], longest: int = 50) -> list[list[int]]:
    """Each list of words as numbers, cut at `longest`: row in the vocabulary plus 2, or UNKNOWN; [UNKNOWN] if empty."""
    return [
        [vocabulary.get(word, UNKNOWN - 2) + 2 for word in d[:longest]] or [UNKNOWN]
        for d in documents
    ]


def fit_texts(
    model: TextCNN,
    ids: list[list[int]],
    y,
    ids_validation: list[list[int]],
    y_validation,
    epochs: int = 5,
    seed: int = 0,
    lr: float = 2e-3,
    batch_size: int = 32,
    progress: Callable[[int, int, float], None] | None = None,
) -> list[dict]:
    """Train a TextCNN on word numbers with labels 0, 1, ...; returns the history. The best epoch's weights are kept."""
    rng, device = np.random.default_rng(seed), next(model.parameters()).device
    y, y_validation = (torch.as_tensor(np.array(labels)) for labels in (y, y_validation))

    def batches(epoch: int):
        for i in batching.similar_lengths([len(row) for row in ids], batch_size, rng):
            yield batching.pad([ids[k] for k in i], PAD, device)["input_ids"], y[i].to(device)

    return train(
        model,
        batches,
        lambda model, batch: cross_entropy(model(batch[0]), batch[1]),
        torch.optim.Adam(model.parameters(), lr=lr, fused=True),
        epochs,
        validate=lambda model: cross_entropy(
            text_logits(model, ids_validation), y_validation
        ).item(),
        patience=2,
        precision="fp32",
        progress=progress,
    )


def text_logits(model: TextCNN, ids: list[list[int]]) -> Tensor:
    """Logits (n, n_classes) of texts as word numbers, in their order, on the CPU."""
    model.eval()
    device = next(model.parameters()).device
    return torch.from_numpy(
        batching.forward_in_batches(
            lambda batch: model(batch["input_ids"]), ids, PAD, device, "fp32"
        )
    )
