"""Whatever a user gives a text estimator: the right result, or one line that says what is wrong."""

import tempfile
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from tiny_encoder import write_tiny_encoder

from socialai import files
from socialai.apps import pinyin
from socialai.apps.moderation import KeywordList, evade, texts_and_labels
from socialai.apps.sentiment import LexiconSentiment, SentimentClassifier
from socialai.apps.topics import TopicModel
from socialai.errors import UserError
from socialai.models import cnn, e5, pretraining, tokenization
from socialai.models.baselines import build_baseline
from socialai.models.bert import BertTextClassifier
from socialai.models.count_model import CountModel
from socialai.models.encoders import FrozenEncoder
from socialai.preprocessing.cleaning import clean, fold_width
from socialai.preprocessing.duplicates import jaccard
from socialai.preprocessing.word_vectors import WordVectors, cooccurrences, ppmi
from socialai.validation import generator_seed

FOLDER = tempfile.TemporaryDirectory(prefix="tiny_encoder_")
ENCODER = write_tiny_encoder(Path(FOLDER.name))
TEXTS = ["很好，喜欢", "太差了，失望"] * 8
Y = [1, 0] * 8
NAN = float("nan")

ESTIMATORS = {
    "bert": BertTextClassifier(ENCODER, epochs=1, device="cpu"),
    "frozen_encoder": FrozenEncoder(ENCODER, device="cpu"),
    "majority": build_baseline("majority"),
    "tfidf": build_baseline("tfidf"),
    "frozen": build_baseline("frozen", encoder=ENCODER, device="cpu"),
    "sentiment": SentimentClassifier("tfidf"),
    "finetuned": SentimentClassifier("finetuned", ENCODER, "cpu", options={"epochs": 1}),
    "keywords": KeywordList(min_count=2),
    "lexicon": LexiconSentiment({"很好，喜欢": 1.0, "太差了，失望": -1.0}),
    "topics": TopicModel(n_topics=2, analyzer=list, max_df=0.9),
}
LEARN_FROM_TEXTS = [name for name in ESTIMATORS if name not in ("frozen_encoder", "lexicon")]
CLASSIFIERS = [name for name in LEARN_FROM_TEXTS if name != "topics"]
FITTED = {}


def fitted(name):
    """The estimator of this name, fitted once."""
    if name not in FITTED:
        FITTED[name] = clone(ESTIMATORS[name]).fit(TEXTS, Y)
    return FITTED[name]


def methods(name):
    """The names of the methods that answer about texts."""
    known = ("predict", "predict_proba", "transform", "decision_function")
    return [method for method in known if hasattr(fitted(name), method)]


def answers(model, name, texts):
    """What the first of these methods says: an array of a row a text."""
    return np.asarray(getattr(model, methods(name)[-1])(texts))


every_estimator = pytest.mark.parametrize("name", ESTIMATORS)
every_learner = pytest.mark.parametrize("name", LEARN_FROM_TEXTS)
every_classifier = pytest.mark.parametrize("name", CLASSIFIERS)

COLLECTIONS = {
    "tuple": tuple,
    "array": np.array,
    "array of objects": lambda texts: np.array(texts, dtype=object),
    "generator": iter,
    "dictionary's values": lambda texts: dict(enumerate(texts)).values(),
    "odd index": lambda texts: pd.Series(texts, index=[7] * len(texts)),
    "category": lambda texts: pd.Series(texts, dtype="category"),
    "string dtype": lambda texts: pd.Series(texts, dtype="string"),
}
every_collection = pytest.mark.parametrize("collect", COLLECTIONS.values(), ids=COLLECTIONS)

NO_TEXTS = {
    "frame": pd.DataFrame({"text": TEXTS}),
    "two columns": pd.DataFrame({"text": TEXTS, "label": Y}),
    "one text": "很好",
    "bytes": "很好".encode(),
    "texts by id": {"a": "很好", "b": "太差"},
    "rows of one": [[text] for text in TEXTS],
    "table": np.array(TEXTS)[:, None],
    "None among": [*TEXTS[:-1], None],
    "NaN among": [*TEXTS[:-1], NAN],
    "NA among": pd.Series([*TEXTS[:-1], None], dtype="string"),
    "number among": [*TEXTS[:-1], 3],
    "bytes among": [*TEXTS[:-1], b"a"],
    "number": 3,
    "None": None,
}
every_wrong = pytest.mark.parametrize("texts", NO_TEXTS.values(), ids=NO_TEXTS)


def refused(call, *arguments):
    """The message of the UserError that the call raises: one line."""
    with pytest.raises(UserError) as error:
        call(*arguments)
    assert "\n" not in str(error.value) and len(str(error.value)) < 300
    return str(error.value)


@every_estimator
@pytest.mark.parametrize("texts", [TEXTS[:2], [], None, "很好"], ids=repr)
def test_what_is_not_fitted_says_so_before_it_looks_at_texts(name, texts):
    for method in methods(name):
        with pytest.raises(NotFittedError):
            getattr(clone(ESTIMATORS[name]), method)(texts)


@every_estimator
def test_no_texts_give_no_rows_of_the_width_of_others(name):
    for method in methods(name):
        ask = getattr(fitted(name), method)
        for none in ([], iter(()), pd.Series([], dtype=object), np.array([])):
            assert ask(none).shape == (0, *ask(TEXTS).shape[1:])


@every_estimator
def test_one_text_gives_the_row_that_it_has_among_others(name):
    model = fitted(name)
    alone = answers(model, name, TEXTS[1:2])
    assert np.allclose(alone, answers(model, name, TEXTS)[1:2], atol=1e-5)


@every_estimator
@every_collection
def test_any_collection_of_texts_is_asked_about(name, collect):
    model = fitted(name)
    assert (answers(model, name, collect(TEXTS)) == answers(model, name, TEXTS)).all()


@every_learner
@every_collection
def test_any_collection_of_texts_is_learned_from(name, collect):
    model = clone(ESTIMATORS[name]).fit(collect(TEXTS), pd.Series(Y, index=[3] * len(Y)))
    assert (answers(model, name, TEXTS) == answers(fitted(name), name, TEXTS)).all()


@every_estimator
@every_wrong
def test_what_are_no_texts_is_told_when_asked(name, texts):
    for method in methods(name):
        refused(getattr(fitted(name), method), texts)


@every_learner
@every_wrong
def test_what_are_no_texts_is_told_when_learning(name, texts):
    refused(clone(ESTIMATORS[name]).fit, texts, Y)


@every_learner
def test_learning_needs_texts(name):
    assert refused(clone(ESTIMATORS[name]).fit, [], []) == "there are no texts"


@every_classifier
@pytest.mark.parametrize(
    ("y", "says"),
    [
        (Y * 2, "16 rows but 32 labels"),
        (Y[:-1], "16 rows but 15 labels"),
        ([*Y[:-1], NAN], "1 are missing, the first in place 15"),
        ([*Y[:-1], None], "1 are missing, the first in place 15"),
        (pd.array([*Y[:-1], None], dtype="Int64"), "1 are missing, the first in place 15"),
        (np.array(Y)[:, None], "a list of them is needed"),
        (pd.DataFrame({"label": Y}), "a list of them is needed"),
        ("1010101010101010", "a list of them is needed"),
        ([*Y[:-1], "1"], "can't be mixed"),
        (None, "a list of them is needed"),
    ],
    ids=str,
)
def test_what_are_no_labels_is_told(name, y, says):
    if y is None or (name == "keywords" and says == "can't be mixed"):
        says = ""
    assert says in refused(clone(ESTIMATORS[name]).fit, TEXTS, y)


@every_classifier
def test_one_class_is_told_or_always_said(name):
    model = clone(ESTIMATORS[name])
    if name in ("majority", "keywords"):
        assert set(model.fit(TEXTS, [1] * len(Y)).predict(TEXTS)) <= {0, 1}
    else:
        message = refused(model.fit, TEXTS, [1] * len(Y))
        assert "one class" in message or "one label" in message


@every_classifier
def test_labels_of_any_type_come_back(name):
    if name == "keywords":
        return
    for y in (["好", "差"] * 8, pd.Series(["好", "差"] * 8, dtype="category"), [True, False] * 8):
        model = clone(ESTIMATORS[name]).fit(TEXTS, y)
        assert set(model.predict(TEXTS).tolist()) <= set(y)


@every_estimator
def test_half_a_surrogate_pair_is_dropped_and_a_whole_one_is_its_sign(name):
    model = fitted(name)
    whole = answers(model, name, ["很好，喜欢", "好😀"])
    assert (answers(model, name, ["很好\ud83d，喜欢", "好\ud83d\ude00"]) == whole).all()
    again = clone(ESTIMATORS[name]).fit([f"{text}\ud83d" for text in TEXTS], Y)
    assert (answers(again, name, TEXTS) == answers(model, name, TEXTS)).all()


@every_estimator
@pytest.mark.parametrize("text", ["很好，喜欢" * 20_000, "", " \n\t\u3000", "\x00\ufeff"], ids=len)
def test_a_very_long_or_an_empty_text_has_an_answer(name, text):
    assert np.isfinite(answers(fitted(name), name, [text, TEXTS[0]]).astype(float)).all()


@every_learner
def test_texts_of_blanks_only_are_learned_or_told(name):
    model = clone(ESTIMATORS[name])
    try:
        model.fit(["", " "] * 8, Y)
    except UserError as error:
        assert "\n" not in str(error)
    else:
        assert len(answers(model, name, TEXTS)) == len(TEXTS)


def test_labels_and_texts_with_half_a_surrogate_pair_are_saved(tmp_path):
    y = ["好\ud83d", "差"] * 8
    model = clone(ESTIMATORS["bert"]).fit(TEXTS, y)
    model.save(tmp_path / "model")
    assert BertTextClassifier.load(tmp_path / "model").classes_.tolist() == sorted(set(y))
    files.write_json(tmp_path / "texts.json", {"text": "\ud83d 好\udc00"})
    assert files.read_json(tmp_path / "texts.json") == {"text": "\ud83d 好\udc00"}


def test_frames_may_hold_half_a_surrogate_pair():
    texts = pd.Series([f"{text}{i}\ud83d" for i, text in enumerate(TEXTS)], dtype=object)
    frame = pd.DataFrame({"text": texts, "label": Y})
    assert len(SentimentClassifier("tfidf").fit_frame(frame).predict(TEXTS)) == 16
    assert texts_and_labels(frame)[0][0] == "很好，喜欢0"
    assert len(TopicModel(n_topics=2, analyzer=list, max_df=0.9).fit_frame(frame).labels_) == 16
    assert "labels must be 0 or 1" in refused(KeywordList().fit, TEXTS, ["好\ud83d", "差"] * 8)


def with_seed(name, seed):
    """The estimator with this seed."""
    if name in ("majority", "tfidf"):
        return build_baseline(name, seed)
    return clone(ESTIMATORS[name]).set_params(seed=seed)


SEEDED = pytest.mark.parametrize("name", ["bert", "majority", "tfidf", "sentiment", "topics"])


@SEEDED
@pytest.mark.parametrize("seed", [-1, 2**40, -(2**70), np.int64(-3), np.uint8(3)], ids=repr)
def test_any_integer_is_a_seed(name, seed):
    model = with_seed(name, seed).fit(TEXTS, Y)
    same = with_seed(name, generator_seed(seed)).fit(TEXTS, Y)
    assert (answers(model, name, TEXTS) == answers(same, name, TEXTS)).all()


@SEEDED
@pytest.mark.parametrize("seed", [True, 1.5, "1", None, NAN], ids=repr)
def test_what_is_no_integer_is_no_seed(name, seed):
    message = refused(lambda: with_seed(name, seed).fit(TEXTS, Y))
    assert message.startswith("seed must be a whole number")


@pytest.mark.parametrize(
    ("name", "settings", "says"),
    [
        ("frozen_encoder", {"max_length": 2}, "max_length .* at least 3 and at most 128"),
        ("frozen_encoder", {"max_length": 129}, r"the encoder has 128 positions"),
        ("frozen_encoder", {"precision": "bf61"}, "did you mean 'bf16'"),
        ("frozen_encoder", {"device": "gpu"}, "device 'gpu' is not available"),
        ("frozen_encoder", {"encoder": None}, "an encoder is a name or a folder"),
        ("sentiment", {"method": "tfdif"}, "did you mean 'tfidf'"),
        ("sentiment", {"options": ["epochs"]}, "options are {name: value}, not one list"),
        ("finetuned", {"options": {"epoch": 1}}, "did you mean 'epochs'"),
        ("finetuned", {"options": {"epochs": 0}}, "epochs must be whole and at least 1"),
        ("keywords", {"n_words": -1}, "n_words must be whole and at least 0"),
        ("keywords", {"min_count": 0}, "min_count must be whole and at least 1"),
        ("keywords", {"min_share": 80}, "min_share must be at least 0 and at most 1"),
        ("lexicon", {"threshold": -1}, "threshold must be at least 0"),
        ("topics", {"n_topics": 2.0}, "n_topics: a whole number is needed, not 2.0"),
        ("topics", {"n_words": 0}, "n_words must be whole and at least 1"),
        ("topics", {"min_df": -1}, "min_df must be whole and at least 1"),
        ("topics", {"max_df": 1.5}, "max_df must be at least 0 and at most 1"),
        ("topics", {"max_features": 0}, "max_features must be whole"),
        ("topics", {"max_iter": 0}, "max_iter must be whole"),
        ("topics", {"analyzer": "word"}, "analyzer must be None or a function"),
        ("topics", {"method": "nmff"}, "did you mean 'nmf'"),
    ],
)
def test_a_setting_that_can_not_be_is_told(name, settings, says):
    with pytest.raises(UserError, match=says) as error:
        clone(ESTIMATORS[name]).set_params(**settings).fit(TEXTS, Y)
    assert "\n" not in str(error.value)


DOCUMENTS = [list(text) for text in TEXTS]


@pytest.mark.parametrize(
    "documents",
    [TEXTS, "很好", [["很", None]], [["很", 3]], [None], pd.DataFrame({"text": DOCUMENTS}), 3],
    ids=str,
)
def test_what_are_no_documents_is_told(documents):
    refused(WordVectors(dim=3, min_count=2).fit, documents)
    refused(WordVectors(dim=3, min_count=2).fit(DOCUMENTS).transform, documents)


def test_documents_are_any_collection_and_none_have_no_vectors():
    expected = WordVectors(dim=3, min_count=2).fit(DOCUMENTS)
    half = [[f"{word}\ud83d" for word in words] for words in DOCUMENTS]
    for documents in (iter(map(tuple, DOCUMENTS)), pd.Series(DOCUMENTS, index=[1] * 16), half):
        model = WordVectors(dim=3, min_count=2).fit(documents)
        assert (model.transform(DOCUMENTS) == expected.transform(DOCUMENTS)).all()
    assert expected.transform([]).shape == (0, 3)
    assert WordVectors(dim=3, min_count=2, seed=-1).fit(DOCUMENTS).vectors_.shape[1] == 3


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"dim": 0}, "dim must be whole and at least 1"),
        ({"window": 1.5}, "window: a whole number is needed"),
        ({"min_count": 0}, "min_count must be whole and at least 1"),
        ({"smoothing": 0}, "smoothing must be above 0"),
        ({"seed": 0.5}, "seed must be a whole number"),
    ],
)
def test_settings_of_word_vectors_are_checked(settings, says):
    with pytest.raises(UserError, match=says):
        WordVectors(**{"dim": 3, "min_count": 2, **settings}).fit(DOCUMENTS)


TOKENIZER = tokenization.train_tokenizer(TEXTS, "characters", max_length=32)
IDS = [TOKENIZER(text)["input_ids"] for text in TEXTS]
MASKED = pretraining.masked_model(TOKENIZER, d_model=8, n_layers=1, n_heads=1)
CAUSAL = pretraining.causal_model(TOKENIZER, d_model=8, n_layers=1, n_heads=1)
COUNTED = CountModel(n_vocab=5, weight=0.5).fit([[0, 1, 2], [0, 4]])
NETWORK = cnn.TextCNN(9, d=4, widths=(1,), n_filters=2)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: CountModel(weight=0.5).fit(TEXTS), "a list of token ids is needed, not one str"),
        (lambda: CountModel(weight=0.5).fit([]), "there are no texts"),
        (lambda: CountModel(weight=0.5).fit([[1], []]), "no text has two tokens"),
        (lambda: CountModel(weight=0.5).fit([[0, -1]]), "token ids must be whole and at least 0"),
        (lambda: CountModel(weight=0.5).fit([[0, 1.5]]), "place 1 holds 1.5"),
        (lambda: CountModel(n_vocab=2, weight=0.5).fit([[0, 2]]), "at most 1; place 1 holds 2"),
        (lambda: CountModel(weight=50).fit([[0, 2]]), "weight must be at least 0 and at most 1"),
        (lambda: CountModel().fit([[0, 2]], validation=[[0, 3]]), "at most 2; place 1 holds 3"),
        (lambda: COUNTED.probability([1], [5]), "following tokens must be .* at most 4"),
        (lambda: COUNTED.losses([[0, 9]]), "token ids must be .* at most 4"),
        (lambda: pretraining.pretrain(MASKED, TOKENIZER, TEXTS, 1), "texts as lists of token ids"),
        (lambda: pretraining.held_out_loss(MASKED, TOKENIZER, []), "at least one"),
        (lambda: pretraining.held_out_loss(CAUSAL, TOKENIZER, [[2]]), "the texts are too short"),
        (lambda: pretraining.fill_masks(MASKED, TOKENIZER, None), "a text is needed, not None"),
        (lambda: pretraining.fill_masks(MASKED, TOKENIZER, "[MASK]", k=0), "k must be whole"),
        (lambda: pretraining.continue_text(CAUSAL, TOKENIZER, 3), "a text is needed, not 3"),
        (lambda: cnn.word_ids(TEXTS, {}), "a list of words is needed, not one str"),
        (lambda: cnn.word_ids([["a"]], {}, longest=0), "longest must be whole and at least 1"),
        (lambda: cnn.fit_texts(NETWORK, IDS, Y * 2, (IDS, Y)), "labels: 16 are needed"),
        (lambda: cnn.fit_texts(NETWORK, IDS, Y, (IDS, Y[1:])), "validation labels: 16 are needed"),
        (lambda: cnn.fit_texts(NETWORK, IDS, [2] * 16, (IDS, Y)), "labels must be .* at most 1"),
        (lambda: e5.subwords(None), "a text is needed, not None"),
    ],
)
def test_what_other_functions_of_texts_can_not_take_is_told(call, says):
    with pytest.raises(UserError, match=says) as error:
        call()
    assert "\n" not in str(error.value)


def test_other_functions_of_texts_take_none_half_a_pair_and_any_seed():
    assert cnn.word_ids([], {}) == [] and cnn.text_logits(NETWORK, []).shape == (0, 2)
    assert COUNTED.probability([], []).shape == (0,)
    whole = pretraining.fill_masks(MASKED, TOKENIZER, "很[MASK]")
    assert pretraining.fill_masks(MASKED, TOKENIZER, "很[MASK]\ud83d") == whole
    drawn = pretraining.continue_text(CAUSAL, TOKENIZER, "很\ud83d", n=5, seed=-1)
    assert drawn == pretraining.continue_text(CAUSAL, TOKENIZER, "很", n=5, seed=2**32 - 1)


@pytest.mark.parametrize("texts", [np.array("很好"), np.array("很好", dtype=object)])
def test_one_text_in_an_array_is_no_list(texts):
    assert "a list of texts is needed" in refused(fitted("keywords").predict, texts)


@every_classifier
def test_a_set_of_texts_has_no_order_that_labels_could_follow(name):
    says = refused(clone(ESTIMATORS[name]).fit, set(TEXTS), [0, 1])
    assert says == "a list of texts is needed, not one set"


def test_a_blank_word_is_looked_for_in_no_text():
    model = KeywordList(words=["红包", ""])
    assert refused(model.fit, TEXTS, Y) == "listed word 1 is blank: leave it out"
    assert refused(evade, "领红包", "zero width", [" "]) == "target 0 is blank: leave it out"


def test_a_lexicon_is_read_in_lower_case_and_its_valences_are_numbers():
    expected = LexiconSentiment({"good": 1.9}).fit().decision_function(["good", "Very GOOD"])
    for lexicon in ({"Good": 1.9}, {"good": "1.9"}, {"good": Decimal("1.9")}):
        found = LexiconSentiment(lexicon).fit().decision_function(["good", "Very GOOD"])
        assert found.tolist() == expected.tolist()


def test_columns_of_any_name_are_learned_from_and_lists_are_no_labels():
    frame = pd.DataFrame({"text": TEXTS, "label": Y})
    names = pd.MultiIndex.from_tuples([("a", "text"), ("a", "label")])
    model = SentimentClassifier("tfidf").fit_frame(frame.set_axis(names, axis=1), *names)
    assert model.predict(TEXTS[:2]).tolist() == Y[:2]
    lists = frame.assign(label=[[y] for y in Y])
    assert "'label'" in refused(SentimentClassifier("tfidf").fit_frame, lists)


@pytest.mark.parametrize("analyzer", [lambda text: None, lambda text: [[text]]])
def test_an_analyzer_gives_words(analyzer):
    model = TopicModel(n_topics=2, analyzer=analyzer)
    assert "analyzer must give the words" in refused(model.fit, TEXTS)


def test_topics_of_embeddings_ask_for_as_wide_ones():
    model = TopicModel("clusters", 2, analyzer=list, max_df=0.9, encoder=ENCODER, device="cpu")
    model.fit(TEXTS, embeddings=np.eye(16)[:, :8])
    assert "8 numbers, the encoder gives 16" in refused(model.predict, TEXTS)


@pytest.mark.parametrize(
    "call",
    [
        lambda: cooccurrences([[0, 5]], 2),
        lambda: cooccurrences([[0, 0.5]], 2),
        lambda: cooccurrences(["ab"], 2),
        lambda: cooccurrences([[0, 1]], 2, window=0),
        lambda: ppmi(np.array([[-1.0, 1], [1, 0]])),
        lambda: ppmi(np.array([[np.nan, 1], [1, 0]])),
        lambda: WordVectors(1, min_count=1).fit([["a", "b", "c"]]).nearest(["a"]),
        lambda: jaccard(["a"], ["a"]),
        lambda: clean("a", rules=["fold_width"]),
        lambda: clean("a", rules=fold_width),
        lambda: COUNTED.probability([0, 1], [0, 1, 2]),
    ],
)
def test_what_tools_of_texts_would_take_for_something_else_is_told(call):
    refused(call)


def test_counts_may_be_kept_in_any_matrix():
    counts = cooccurrences([[0, 1, 1]], 2)
    assert (ppmi(counts.toarray()) != ppmi(counts)).nnz == 0


def test_settings_of_numpy_are_saved(tmp_path):
    settings = {"max_length": np.int64(16), "dropout": np.float32(0.5), "batch_size": np.int8(8)}
    model = BertTextClassifier(ENCODER, epochs=1, device="cpu", **settings).fit(TEXTS, Y)
    model.save(tmp_path)
    assert BertTextClassifier.load(tmp_path, "cpu").get_params()["max_length"] == 16


def test_labels_that_can_not_be_saved_are_told_and_those_of_a_tensor_are_numbers():
    model = clone(ESTIMATORS["bert"])
    assert "labels must be text" in refused(model.fit, TEXTS, [Fraction(y + 1, 3) for y in Y])
    assert model.fit(TEXTS, torch.tensor(Y)).classes_.tolist() == [0, 1]
    assert "missing" in refused(model.fit, TEXTS, torch.tensor([NAN, *Y[1:]]))


def test_a_longest_text_is_checked_when_asked_too():
    model = FrozenEncoder(ENCODER, device="cpu").fit().set_params(max_length=1000)
    assert "at most 128" in refused(model.transform, TEXTS)
    assert "a whole number is needed" in refused(FrozenEncoder(ENCODER, max_length=9.0).fit)


PAIRS = pd.DataFrame({"characters": ["很好"], "syllables": [["hen", "hao"]]})


@pytest.mark.parametrize(
    "call",
    [
        lambda: pinyin.build_lexicon(PAIRS.assign(syllables=[["hen"]])),
        lambda: pinyin.build_lexicon(PAIRS.assign(syllables=["hen hao"])),
        lambda: pinyin.build_lexicon(PAIRS.assign(characters=[3])),
        lambda: pinyin.in_lexicon(PAIRS[["characters"]], {"hen": {"很": 1.0}}),
        lambda: pinyin.in_lexicon(PAIRS, ["hen"]),
        lambda: pinyin.Codec({"hen": "很"}),
        lambda: pinyin.Codec({"hen": {}}),
        lambda: pinyin.Codec({"hen": {"很": -1.0}}),
        lambda: pinyin.viterbi(pinyin.NGram(2, ["很好"]), [["很"]]),
        lambda: pinyin.viterbi(pinyin.NGram(2, ["很好"]), [{"很": NAN}]),
        lambda: pinyin.character_errors({"很好"}, {"很好"}),
        lambda: pinyin.split_sentences("很好", shortest="1"),
    ],
)
def test_what_is_no_sentence_with_its_pinyin_is_told(call):
    refused(call)


def test_reviews_without_sentences_give_no_pairs():
    pairs = pinyin.sentence_pairs(pd.DataFrame({"text": ["abc"]}))
    assert pairs.shape == (0, 2) and len(pinyin.in_lexicon(pairs, {"hen": {"很": 1.0}})) == 0
