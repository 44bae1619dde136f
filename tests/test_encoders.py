"""Encoders are found by name, and their embeddings depend on one text only."""

import json

import numpy as np
import pytest
import torch
from sklearn.exceptions import NotFittedError
from tiny_encoder import write_tiny_encoder

from socialai.errors import DataUnavailable, UserError
from socialai.models import encoders

TEXTS = [f"{mood}，第{i}次来" for i in range(20) for mood in ("非常满意", "太差了")]


def test_pooling_by_hand():
    states, mask = torch.arange(12.0).reshape(1, 3, 4), torch.tensor([[1, 1, 0]])
    assert encoders.pool(states, mask, "cls").tolist() == [[0, 1, 2, 3]]
    assert encoders.pool(states, mask, "mean").tolist() == [[2, 3, 4, 5]]


def test_frozen_embeddings_do_not_depend_on_the_company_they_keep():
    frozen = encoders.FrozenEncoder(precision="fp32", device="cpu").fit(TEXTS)
    together = frozen.transform([*TEXTS[:6], "x" * 500])
    assert together.shape == (7, 384) and np.allclose(
        np.linalg.norm(together, axis=1), 1, atol=1e-5
    )
    assert np.allclose(together[3], frozen.transform(TEXTS[3:4])[0], atol=1e-5)


def test_bf16_embeddings_point_where_fp32_ones_do():
    a, b = (encoders.FrozenEncoder(precision=p).fit_transform(TEXTS) for p in ("fp32", "bf16"))
    assert (a * b).sum(1).min() > 0.999 and abs(a - b).max() > 0


def test_an_encoder_is_loaded_before_it_is_asked():
    with pytest.raises(NotFittedError):
        encoders.FrozenEncoder().transform(["好"])


@pytest.mark.parametrize("n_layers", [1, 3])
def test_weights_that_a_folder_lacks_are_told_not_drawn(tmp_path, n_layers):
    write_tiny_encoder(tmp_path, num_hidden_layers=2)
    config = json.loads((tmp_path / "config.json").read_text())
    changed = {"num_hidden_layers": n_layers} if n_layers > 2 else {"intermediate_size": 48}
    (tmp_path / "config.json").write_text(json.dumps(config | changed))
    with pytest.raises(UserError, match="of its weights are missing or of another size"):
        encoders.FrozenEncoder(str(tmp_path)).fit()


def test_a_damaged_folder_and_one_of_another_kind_are_told(tmp_path):
    write_tiny_encoder(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"cut")
    with pytest.raises(UserError, match="holds no whole model"):
        encoders.load_encoder(str(tmp_path))
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(UserError, match="holds no whole model: Unrecognized model"):
        encoders.load_encoder(str(tmp_path))
    (tmp_path / "config.json").write_text('{"model_type": "roberta"}')
    with pytest.raises(UserError, match="is a roberta model; BERT models are supported"):
        encoders.FrozenEncoder(str(tmp_path)).fit()


def test_no_texts_have_embeddings_of_the_same_width(tmp_path):
    frozen = encoders.FrozenEncoder(write_tiny_encoder(tmp_path)).fit()
    assert frozen.transform([]).shape == (0, 16) and frozen.dim_ == 16


def test_an_encoder_that_is_nowhere_is_told():
    with pytest.raises(DataUnavailable, match="neither a folder nor reachable"):
        encoders.load_encoder("nobody/no-such-bert")
