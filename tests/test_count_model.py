"""Counting gives the probabilities that one works out by hand."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.exceptions import NotFittedError

from socialai.errors import UserError
from socialai.models.count_model import CountModel
from socialai.models.pretraining import IGNORED
from socialai.models.tokenization import train_tokenizer

CHINESE = [
    "酒店很干净,服务也很好",
    "酒店不干净,服务很差",
    "房间很大,很干净",
    "服务很好,房间也很大",
] * 3


def test_counting_by_hand():
    # After the first token: 1 2, 1 1, so 1 is seen 3 times, 2 once, 0 never; add one over V = 3:
    # 4/7, 2/7, 1/7.
    model = CountModel().fit([[0, 1, 2], [0, 1, 1]], validation=[[0, 1]])
    assert model.n_vocab_ == 3 and model.unigram_ == pytest.approx([1 / 7, 4 / 7, 2 / 7])
    # 0 is always followed by 1, so the pair deserves all the weight on offer
    assert model.weight_ == 0.95
    halves = CountModel(weight=0.5).fit([[0, 1, 2], [0, 1, 1]])
    # 1 is followed by 2 once and by 1 once; 2 was never a context
    assert halves.probability([1], [2]) == pytest.approx([0.5 * 1 / 2 + 0.5 * 2 / 7])
    assert halves.probability([2], [1]) == pytest.approx([4 / 7])
    assert model.losses([[0, 1, 2]])["unigram"] == pytest.approx(
        -(math.log(4 / 7) + math.log(2 / 7)) / 2
    )


def test_counting_where_tokens_were_hidden_by_hand():
    # p = 1/7, 4/7, 2/7 of 0, 1, 2 as above. Hidden: the 2 after a 1. 0 is special, never hidden:
    # 2/7 over 6/7 is left.
    model = CountModel().fit([[0, 1, 2], [0, 1, 1]], validation=[[0, 1]])
    labels = torch.tensor([[IGNORED, IGNORED, 2]])
    batch = {"true_ids": torch.tensor([[0, 1, 2]]), "labels": labels}
    found = model.losses_at_masks([batch], special=[0])
    after_1 = {w: 0.95 * share + 0.05 * p for w, share, p in [(0, 0, 1 / 7), (2, 1 / 2, 2 / 7)]}
    assert found["unigram"] == pytest.approx(-math.log(1 / 3))
    assert found["bigram"] == pytest.approx(-math.log(after_1[2] / (1 - after_1[0])))


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.lists(st.integers(0, 5), min_size=2, max_size=8), min_size=1, max_size=6),
    st.integers(0, 5),
)
def test_probabilities_sum_to_one_after_any_token(ids, previous):
    model = CountModel(n_vocab=6).fit(ids, validation=ids)
    p = model.probability(np.full(6, previous), np.arange(6))
    assert (p > 0).all() and p.sum() == pytest.approx(1)


def test_pairs_help_on_text_like_the_counted():
    characters = train_tokenizer(CHINESE, "characters", max_length=32)
    ids = characters(CHINESE)["input_ids"]
    losses = CountModel(len(characters)).fit(ids, validation=ids).losses(ids)
    assert losses["bigram"] < losses["unigram"] < math.log(len(characters))


def test_a_weight_is_given_or_chosen_on_validation_texts():
    with pytest.raises(UserError, match="validation texts"):
        CountModel().fit([[0, 1]])
    with pytest.raises(NotFittedError):
        CountModel().losses([[0, 1]])
