"""Sentences, n-grams and the search over them, and conversion with the three families."""

import doctest
import itertools
import math

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from socialai.apps import pinyin
from socialai.errors import UserError
from socialai.models import transformer

TEXTS = ["酒店很好服务好", "服务很差", "很好很好用", "好用的酒店", "这是事实", "世事难料是的"]
FRAME = pinyin.sentence_pairs(pd.DataFrame({"text": TEXTS}))


def test_the_docstring_works():
    ran = doctest.testmod(pinyin)
    assert ran.attempted >= 5 and not ran.failed


def test_sentences_are_pieces_of_chinese_only():
    text = "房间很大，WIFI很慢！服务员态度很好。好 价格300元太贵\n下次还会再来"
    assert pinyin.split_sentences(text) == ["房间很大", "服务员态度很好", "下次还会再来"]
    assert pinyin.split_sentences(text, longest=4) == ["房间很大"]


@settings(max_examples=50, deadline=None)
@given(st.text(alphabet="酒店很好，。a1 \n", max_size=60))
def test_sentences_never_hold_anything_else(text):
    assert all(
        4 <= len(s) <= 20 and set(s) <= set("酒店很好") for s in pinyin.split_sentences(text)
    )


def test_pairs_are_distinct_aligned_and_read_by_phrase():
    frame = pinyin.sentence_pairs(
        pd.DataFrame({"text": ["我去银行取钱，我去银行取钱", "他的行为很好"]})
    )
    assert frame["characters"].tolist() == ["我去银行取钱", "他的行为很好"]
    assert frame["syllables"].tolist() == [
        "wo qu yin hang qu qian".split(),
        "ta de xing wei hen hao".split(),
    ]
    assert len(pinyin.sentence_pairs(pd.DataFrame({"text": TEXTS}), limit=3)) == 3


def test_the_lexicon_puts_the_most_frequent_character_first():
    characters = pinyin.build_lexicon(FRAME)["shi"]
    assert list(characters)[0] == "是" and set(characters) == set("是事实世")
    assert all(p == 1 for p in characters.values())  # none of them is read otherwise here


def test_a_sentence_in_the_lexicon_has_every_character_under_its_own_syllable():
    frame = pd.DataFrame(
        {
            "characters": ["很好", "好店", "恨好"],
            "syllables": [["hen", "hao"], ["hao", "never"], ["hen", "hao"]],
        }
    )
    assert pinyin.in_lexicon(frame, pinyin.build_lexicon(FRAME)).tolist() == [True, False, False]


@pytest.mark.parametrize("order", [1, 2, 3])
def test_an_n_gram_model_is_a_distribution_over_any_context(order):
    model = pinyin.NGram(order, TEXTS)
    contexts = np.random.default_rng(0).integers(0, model.n_characters, (20, order - 1))
    assert np.allclose(model.probability(contexts, np.arange(model.n_characters)).sum(1), 1)


def test_kneser_ney_by_hand():
    # Sentences ab, ab, cb: bigrams <s>a 2, <s>c 1, ab 2, cb 1, b</s> 3, so n1 = n2 = 2 and the
    # discount is 2 / 6.
    model = pinyin.NGram(2, ["ab", "ab", "cb"])
    # Left contexts: of a 1, of c 1, of b 2, of </s> 1: five types, three once, one twice: discount
    # 3 / 5.
    p_a = (1 - 3 / 5) / 5 + 3 / 5 * 4 / 5 / model.n_characters
    # P(a | <s>): <s> was followed 3 times, by 2 types
    expected = (2 - 1 / 3) / 3 + 1 / 3 * 2 / 3 * p_a
    found = model.probability(np.array([[0]]), np.array([model.character_id["a"]]))
    assert found.item() == pytest.approx(expected)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_viterbi_finds_the_best_of_all_sentences(order):
    model = pinyin.NGram(order, TEXTS)
    emissions = [
        {"是": 0.5, "事": 1.0, "世": 0.3},
        {"好": 0.2, "很": 1.0},
        {"的": 0.9, "用": 0.1, "店": 0.5},
        {"好": 1.0, "差": 1.0},
    ]

    def score(sentence):
        row = [0] * (order - 1) + [model.character_id[c] for c in sentence] + [1]
        steps = [
            model.probability(
                np.array([row[i : i + order - 1]], dtype=np.int64), np.array([row[i + order - 1]])
            ).item()
            for i in range(len(sentence) + 1)
        ]
        return sum(map(math.log, steps)) + sum(
            math.log(e[c]) for e, c in zip(emissions, sentence, strict=True)
        )

    best = max(itertools.product(*emissions), key=score)
    assert pinyin.viterbi(model, emissions) == "".join(best)


def test_codec_there_and_back():
    codec = pinyin.Codec(pinyin.build_lexicon(FRAME))
    ids = codec.encode_characters(FRAME["characters"])
    assert codec.decode(ids) == FRAME["characters"].tolist()
    source = codec.encode_syllables(FRAME["syllables"])
    among = (codec.candidates[source] == ids[..., None]).any(-1)
    assert among.all(), "each character is among its syllable's"
    assert codec.encode_syllables([["never"]]).item() == 1
    assert codec.decode(codec.candidates[1:2, :1]) == ["的"]


def test_errors_are_counted_by_character_and_refuses_other_lengths():
    assert pinyin.character_errors(["他的书", "好"], ["她的书", "好"]).tolist() == [1, 0]
    with pytest.raises(ValueError, match="shorter|longer"):
        pinyin.character_errors(["好的"], ["好"])


def test_the_rate_weights_sentences_by_length_and_its_interval_is_as_wide_as_a_share_s():
    rng = np.random.default_rng(0)
    lengths = rng.integers(4, 21, 2000)
    errors = rng.binomial(lengths, 0.1)
    found = pinyin.error_rate(errors, lengths)
    assert found.value == errors.sum() / lengths.sum()
    # The standard error of a share of independent characters: sqrt(0.1 * 0.9 / 24,000) = 0.0019.
    width = found.high - found.low
    assert width == pytest.approx(2 * 1.96 * math.sqrt(0.09 / lengths.sum()), rel=0.2)


# A language model can't know which of six sentences begins: 6 ln 6 over 37 characters and ends,
# 0.29, remain.
@pytest.mark.parametrize(
    ("family", "limit"),
    [
        (transformer.EncoderOnly, 0.1),
        (transformer.DecoderOnly, 0.4),
        (transformer.EncoderDecoder, 0.1),
    ],
)
def test_every_family_learns_six_sentences_by_heart_and_answers_in_order(family, limit):
    from socialai.models.training import train

    torch.manual_seed(0)
    codec = pinyin.Codec(pinyin.build_lexicon(FRAME))
    sizes = {"d_model": 32, "n_heads": 2, "n_layers": 1, "d_ff": 64, "dropout": 0.0}
    config = transformer.TransformerConfig(
        n_source=codec.n_source, n_target=codec.n_target, **sizes
    )
    model = family(config)
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    history = train(
        model,
        pinyin.make_batches(codec, FRAME, 3, 0, "cpu"),
        pinyin.make_loss(0.0),
        optimizer,
        60,
        precision="fp32",
    )
    assert np.mean(history[-1]["losses"]) < limit
    for width in (1, 3):
        found = pinyin.convert(model, codec, FRAME["syllables"].tolist(), width)
        assert found == FRAME["characters"].tolist()


@pytest.mark.parametrize("order", [2, 3])
def test_a_mixture_goes_from_the_counts_alone_to_the_network_alone(order):
    torch.manual_seed(0)
    lexicon = pinyin.build_lexicon(FRAME)
    codec = pinyin.Codec(lexicon)
    counts = pinyin.NGram(order, FRAME["characters"].to_list())
    sizes = {"d_model": 16, "n_heads": 2, "n_layers": 1, "d_ff": 32, "dropout": 0.0}
    config = transformer.TransformerConfig(
        n_source=codec.n_source, n_target=codec.n_target, **sizes
    )
    model = transformer.DecoderOnly(config)
    rows = FRAME["syllables"].to_list()
    counted = [pinyin.viterbi(counts, [lexicon[s] for s in row]) for row in rows]
    assert pinyin.convert(model, codec, rows, 200, counts, share=0.0) == counted
    assert pinyin.convert(model, codec, rows, 200, counts, share=1.0) == pinyin.convert(
        model, codec, rows, 200
    )


def test_a_mixture_is_the_weighted_mean_of_both_probabilities():
    codec = pinyin.Codec(pinyin.build_lexicon(FRAME))
    counts = pinyin.NGram(3, FRAME["characters"].to_list())
    every = torch.arange(codec.n_target)[None, None]  # (1, 1, K): all characters and the end
    logits = torch.randn(1, codec.n_target)
    prefix = torch.tensor([[transformer.BOS]])
    mixed = pinyin.mix_with_ngram(lambda _: logits, counts, codec, every, share=0.25)(prefix).exp()
    ids = np.array(
        [counts.character_id[pinyin.END], *(counts.character_id[c] for c in codec.character[2:])]
    )
    counted = counts.probability(np.array([[0, 0]]), ids)
    wanted = 0.25 * logits.softmax(-1)[:, 1:] + 0.75 * torch.from_numpy(counted).float()
    assert torch.allclose(mixed[:, 1:], wanted, atol=1e-6)
    assert torch.allclose(mixed.sum(), torch.tensor(1.0))


BIGRAM = pinyin.NGram(2, TEXTS)
CODEC = pinyin.Codec(pinyin.build_lexicon(FRAME))


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: pinyin.split_sentences(None), "a text is needed, not None"),
        (lambda: pinyin.sentence_pairs(TEXTS), "a pandas DataFrame is needed"),
        (lambda: pinyin.sentence_pairs(pd.DataFrame({"text": ["好", 3]})), "text 1 is 3"),
        (lambda: pinyin.sentence_pairs(pd.DataFrame({"text": TEXTS}), limit=0), "limit must be"),
        (lambda: pinyin.build_lexicon(FRAME.head(0)), "the frame has no rows"),
        (lambda: pinyin.NGram(4, TEXTS), "order must be whole and at least 1 and at most 3"),
        (lambda: pinyin.NGram(2, "很好"), "a list of sentences is needed, not one str"),
        (lambda: pinyin.NGram(2, []), "there are no sentences"),
        (
            lambda: pinyin.viterbi(BIGRAM, [{"好": 1.0}, {}]),
            "candidates of place 1: there are none",
        ),
        (lambda: pinyin.viterbi(BIGRAM, [{"x": 1.0}]), "place 0: 'x' is unknown to the model"),
        (lambda: pinyin.Codec({}), "the lexicon has no syllables"),
        (lambda: CODEC.encode_characters(["好x"]), "1 characters are not in the lexicon: 'x'"),
        (lambda: CODEC.encode_syllables(["hao"]), "a list of words is needed, not one str"),
        (lambda: pinyin.convert(None, CODEC, ["hao"]), "a list of words is needed, not one str"),
        (lambda: pinyin.character_errors(["好"], []), "1 predicted but 0 expected sentences"),
        (lambda: pinyin.error_rate([1.0], [0]), "lengths must be at least 1"),
    ],
)
def test_what_users_get_wrong_is_told_in_one_line(call, says):
    with pytest.raises(UserError, match=says) as error:
        call()
    assert "\n" not in str(error.value)


def test_no_sentences_have_no_characters_and_no_errors():
    assert CODEC.encode_syllables([]).shape == (0, 0)
    assert CODEC.decode(CODEC.encode_characters([])) == []
    assert pinyin.character_errors([], []).tolist() == []
    assert pinyin.viterbi(BIGRAM, []) == ""


def test_any_integer_draws_sentences_whatever_the_index_of_their_frame():
    reviews = pd.DataFrame({"text": TEXTS}, index=[5] * len(TEXTS))
    drawn = pinyin.sentence_pairs(reviews, limit=3, seed=-1)
    assert drawn.equals(pinyin.sentence_pairs(reviews, limit=3, seed=2**32 - 1))
    half = pd.DataFrame({"text": pd.Series([f"{text}\ud83d" for text in TEXTS], dtype=object)})
    assert pinyin.sentence_pairs(half).equals(FRAME)
