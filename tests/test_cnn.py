"""The networks for images and texts learn, repeat themselves and obey their laws."""

import numpy as np
import torch

from socialai.models import cnn
from socialai.preprocessing import images


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
        cnn.fit_images(X, y, (X_test, y_test), augment=False, epochs=3, batch_size=32, seed=5)[0]
        for _ in range(2)
    ]
    logits = [cnn.outputs(model, X_test) for model in models]
    assert (logits[0].argmax(1) == y_test).float().mean() > 0.95
    assert torch.equal(logits[0], logits[1])
    assert cnn.outputs(models[0], X_test, "features").shape == (100, 64)


def test_the_image_network_normalises_with_its_training_images():
    X, y = bars(64, 0)
    model, _ = cnn.fit_images(X, y, (X, y), augment=False, epochs=1)
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
    validation = (ids[:8], [0, 1] * 4)
    cnn.fit_texts(model, ids, [0, 1] * 64, validation, epochs=12, learning_rate=1e-2)
    assert cnn.text_logits(model, ids).argmax(1).tolist() == [0, 1] * 64


def test_word_numbers():
    assert cnn.word_ids([["好", "坏", "好"], [], ["好"] * 9], {"好": 0}, longest=3) == [
        [2, 1, 2],
        [1],
        [2, 2, 2],
    ]
    weight = cnn.TextCNN(3, d=2).embedding.weight
    assert weight.shape == (5, 2) and (weight[cnn.PAD] == 0).all() and weight.abs().max() <= 0.25
