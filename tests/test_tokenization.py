"""Tokenizers cut texts into characters or into frequent pieces."""

import pytest

from socialai.errors import UserError
from socialai.models import tokenization

CHINESE = [
    "酒店很干净,服务也很好",
    "酒店不干净,服务很差",
    "房间很大,很干净",
    "服务很好,房间也很大",
] * 3

ENGLISH = [
    "The hotel was clean and the staff was friendly",
    "The hotel was dirty and the room was small",
] * 3


@pytest.fixture(scope="module")
def characters():
    return tokenization.train_tokenizer(CHINESE, "characters", max_length=32)


def test_chinese_is_cut_into_characters(characters):
    assert characters.tokenize("酒店 很Ａ干净") == ["酒", "店", "很", "[UNK]", "干", "净"]
    ids = characters("酒店[MASK]好")["input_ids"]
    assert characters.convert_ids_to_tokens(ids) == ["[CLS]", "酒", "店", "[MASK]", "好", "[SEP]"]
    assert characters.convert_ids_to_tokens(range(5)) == list(tokenization.SPECIAL.values())


def test_subwords_merge_what_is_frequent_and_spell_out_what_is_not():
    tokenizer = tokenization.train_tokenizer(ENGLISH, "subwords", n_vocab=120)
    assert tokenizer.tokenize("THE Hotel") == ["the", "hotel"]
    pieces = tokenizer.tokenize("cleandirty")
    assert len(pieces) > 1 and "".join(pieces) == "cleandirty"


def test_the_vocabulary_is_capped_and_long_texts_are_cut():
    tokenizer = tokenization.train_tokenizer(CHINESE, "characters", n_vocab=9, max_length=6)
    assert len(tokenizer) == 9
    assert len(tokenizer("酒店" * 20, truncation=True)["input_ids"]) == 6


def test_any_texts_are_counted_but_for_halves_of_surrogate_pairs():
    broken = tokenization.train_tokenizer((f"{text}\ud83d" for text in CHINESE), "characters")
    assert broken.get_vocab() == tokenization.train_tokenizer(CHINESE, "characters").get_vocab()


@pytest.mark.parametrize(
    ("texts", "options", "says"),
    [
        ("酒店", {}, "a list of texts is needed, not one str"),
        ([], {}, "there are no texts"),
        (["酒店", None], {}, "text 1 is None"),
        (CHINESE, {"n_vocab": 4}, "n_vocab must be whole and at least 5"),
        (CHINESE, {"max_length": 2}, "max_length must be whole and at least 3"),
    ],
)
def test_what_can_not_be_counted_is_told(texts, options, says):
    with pytest.raises(UserError, match=says):
        tokenization.train_tokenizer(texts, "characters", **options)


def test_another_kind_of_tokenizer_is_refused():
    with pytest.raises(UserError, match="'words'.*choose from characters, subwords"):
        tokenization.train_tokenizer(CHINESE, "words")
