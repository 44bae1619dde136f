"""Convolutional networks for images and for texts, and how they are trained."""

import itertools
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, pad

from socialai.models import batching
from socialai.models.training import train, warmup_linear
from socialai.preprocessing import images as image_tools
from socialai.validation import check_number, check_numbers, check_word_lists, generator_seed

# Word numbers of the TextCNN that stand for no word of its vocabulary.
PAD = 0
UNKNOWN = 1


class ImageCNN(nn.Module):
    """A small network for grey images of 28 by 28: three blocks, then two dense layers.

    A block is convolution, pooling, batch normalisation (Ioffe and Szegedy 2015), ReLU. Takes
    pixels 0 to 1 and normalises them with the mean and standard deviation that `fit_images`
    measured on its training images. Pooling stands before ReLU: the maximum of ReLU is the ReLU of
    the maximum, on a quarter as many numbers.
    """

    def __init__(
        self, n_classes: int = 10, channels: Sequence[int] = (16, 32, 64), n_features: int = 64
    ):
        super().__init__()
        blocks = []
        for c_in, c_out in itertools.pairwise((1, *channels)):
            # batch normalisation has the bias
            convolution = nn.Conv2d(c_in, c_out, 3, padding=1, bias=False)
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
    validation: tuple[Tensor, Tensor],
    augment: bool = True,
    epochs: int = 12,
    seed: int = 0,
    learning_rate: float = 3e-3,
    batch_size: int = 64,
    device: torch.device | str = "cpu",
    progress: Callable[[int, int, float], None] | None = None,
) -> tuple[ImageCNN, list[dict]]:
    """An ImageCNN trained on images X (n, 1, 28, 28), pixels 0 to 1, and its history.

    y (n,): labels. validation: (X, y); the weights of the epoch with the lowest loss on it are
    kept. augment: turn, scale and shift each image anew in each epoch. Seeds torch's generators
    with `seed`.
    """
    seed = generator_seed(seed)
    y = _class_numbers(y, len(X), "labels")
    y_validation = _class_numbers(
        validation[1], len(validation[0]), "validation labels", int(y.max()) + 1
    )
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
        return cross_entropy(outputs(model, validation[0]), y_validation).item()

    history = train(
        model,
        batches,
        _batch_loss,
        torch.optim.Adam(model.parameters(), lr=learning_rate, fused=True),
        epochs,
        schedule=lambda step, n_steps: warmup_linear(step, n_steps, 0.1),
        validate=validate,
        patience=epochs,
        precision="fp32",
        progress=progress,
    )
    return model, history


def _class_numbers(y, n: int, name: str, n_classes: int | None = None) -> Tensor:
    """y (n,) as a tensor of the numbers of classes, 0 to n_classes - 1."""
    given = y.cpu().numpy() if isinstance(y, Tensor) else np.array(y)
    largest = np.inf if n_classes is None else n_classes - 1
    check_numbers(given, name, 0, largest, n=n, whole=True)
    return torch.as_tensor(given).long()


def _batch_loss(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    """Cross-entropy of a batch (inputs, labels)."""
    inputs, labels = batch
    return cross_entropy(model(inputs), labels)


@torch.inference_mode()
def outputs(model: nn.Module, X: Tensor, method: str = "forward", batch_size: int = 500) -> Tensor:
    """What a method of the model, such as "features", gives for all rows of X.

    On the CPU, (n, ...). The model is left in evaluation mode.
    """
    device = next(model.parameters()).device
    model.eval()
    compute = getattr(model, method)
    return torch.cat([compute(part.to(device)).float().cpu() for part in X.split(batch_size)])


class TextCNN(nn.Module):
    """Convolutions of several widths over word vectors, and the maximum of each over the text.

    The word vectors, of d dimensions, start at random in +-0.25 ("CNN-rand"). Word numbers 0 and 1
    are padding and unknown words. Source: Kim 2014.
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
        # at least as long as the widest convolution
        missing = max(c.kernel_size[0] for c in self.convolutions) - ids.shape[1]
        ids = pad(ids, (0, max(0, missing)), value=PAD)
        x = self.dropout(self.embedding(ids)).transpose(1, 2)  # (B, d, n)
        lengths = (ids != PAD).sum(1, keepdim=True)  # (B, 1)

        # the largest output of each filter
        largest = []
        for convolution in self.convolutions:
            width = convolution.kernel_size[0]
            y = torch.relu(convolution(x))  # (B, n_filters, n - width + 1)
            # Only windows inside the text count, else the padding of a batch would change the
            # result of a text; 0 does for them, because ReLU's outputs are never below.
            start = torch.arange(y.shape[2], device=ids.device)
            outside = start > (lengths - width).clamp_min(0)  # (B, n - width + 1)
            largest.append(y.masked_fill(outside[:, None], 0.0).amax(2))  # (B, n_filters)
        return self.classifier(self.dropout(torch.cat(largest, 1)))


def word_ids(documents, vocabulary: dict[str, int], longest: int = 50) -> list[list[int]]:
    """Each list of words as numbers, cut at `longest`: row in the vocabulary plus 2, or UNKNOWN.

    An empty document is one unknown word.
    """
    documents = check_word_lists(documents, "documents", empty=True)
    longest = check_number(longest, "longest", 1, whole=True)
    number = {word: row + 2 for word, row in vocabulary.items()}
    return [
        [number.get(word, UNKNOWN) for word in words[:longest]] or [UNKNOWN] for words in documents
    ]


def fit_texts(
    model: TextCNN,
    ids: list[list[int]],
    y,
    validation: tuple,
    epochs: int = 5,
    seed: int = 0,
    learning_rate: float = 2e-3,
    batch_size: int = 32,
    progress: Callable[[int, int, float], None] | None = None,
) -> list[dict]:
    """Train a TextCNN on word numbers with labels 0, 1, ...; returns the history.

    validation: (ids, y); the weights of the epoch with the lowest loss on it are kept.
    """
    rng = np.random.default_rng(generator_seed(seed))
    device = next(model.parameters()).device
    lengths = [len(row) for row in ids]
    n_classes = model.classifier.out_features
    y = _class_numbers(y, len(ids), "labels", n_classes)
    ids_validation, y_validation = validation
    y_validation = _class_numbers(y_validation, len(ids_validation), "validation labels", n_classes)

    def batches(epoch: int):
        for rows in batching.similar_lengths(lengths, batch_size, rng):
            padded = batching.pad([ids[row] for row in rows], PAD, device)
            yield padded["input_ids"], y[rows].to(device)

    def validate(model: nn.Module) -> float:
        return cross_entropy(text_logits(model, ids_validation), y_validation).item()

    return train(
        model,
        batches,
        _batch_loss,
        torch.optim.Adam(model.parameters(), lr=learning_rate, fused=True),
        epochs,
        validate=validate,
        patience=2,
        precision="fp32",
        progress=progress,
    )


def text_logits(model: TextCNN, ids: list[list[int]]) -> Tensor:
    """Logits (n, n_classes) of texts as word numbers, in their order, on the CPU."""
    model.eval()
    device = next(model.parameters()).device

    def forward(batch: dict[str, Tensor]) -> Tensor:
        return model(batch["input_ids"])

    return torch.from_numpy(batching.forward_in_batches(forward, ids, PAD, device, "fp32"))
