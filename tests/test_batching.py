"""Batches hold each text once, of like length, with little padding."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from socialai.errors import UserError
from socialai.models import batching


@given(st.lists(st.integers(1, 512), min_size=1, max_size=200), st.integers(0, 9))
def test_batches_hold_each_text_once(lengths, seed):
    for batches in (
        batching.similar_lengths(lengths, 16, np.random.default_rng(seed)),
        batching.by_token_budget(lengths, 600),
    ):
        assert sorted(np.concatenate(batches).tolist()) == list(range(len(lengths)))
        assert all(len(b) <= 16 or max(lengths[i] for i in b) * len(b) <= 600 for b in batches)


def test_batches_of_like_length_need_little_padding():
    lengths = np.random.default_rng(0).integers(5, 128, 3200).tolist()
    computed = sum(
        len(b) * max(lengths[i] for i in b)
        for b in batching.similar_lengths(lengths, 16, np.random.default_rng(0))
    )
    assert (
        computed / sum(lengths) < 1.05
    )  # random batches of 16 would compute about twice the tokens


def test_no_texts_are_no_rows_of_the_width_of_others():
    cpu = torch.device("cpu")
    assert batching.encode(None, []) == []
    assert batching.pad([], 0, cpu)["input_ids"].shape == (0, 0)

    def three(batch):
        return batch["input_ids"][:, :1].expand(-1, 3)

    assert batching.forward_in_batches(three, [], 0, cpu).shape == (0, 3)
    assert batching.forward_in_batches(three, [[5], [7, 8]], 0, cpu)[:, 0].tolist() == [5, 7]


def test_a_text_that_is_none_is_told():
    with pytest.raises(UserError, match="text 1 is None"):
        batching.encode(None, ["a", None])
