"""The fine-tuned classifier: parity with its parts, and scikit-learn's manners."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
import transformers
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from tiny_encoder import write_tiny_encoder

from socialai.errors import UserError
from socialai.models import batching, bert, encoders

TEXTS = [f"{mood}，第{i}次来" for i in range(20) for mood in ("非常满意", "太差了")]

Y = np.array(["好", "差"] * 20)


@pytest.fixture(scope="module")
def fitted():
    """A classifier after three epochs on 40 short texts."""
    return bert.BertTextClassifier(epochs=3, learning_rate=5e-4, warmup=None).fit(TEXTS, Y)


def test_logits_are_those_of_the_parts(fitted):
    batch = batching.pad(
        batching.encode(fitted.tokenizer_, ["query: 太差了", "query: 好"]), 1, torch.device("cpu")
    )
    with torch.no_grad():
        states = fitted.model_.bert(**batch).last_hidden_state
        mask = batch["attention_mask"][..., None]
        expected = fitted.model_.classifier((states * mask).sum(1) / mask.sum(1))
        assert torch.allclose(fitted.model_(**batch).logits, expected, atol=1e-6)


def test_it_learns_reloads_to_the_same_probabilities_and_names_its_labels(fitted, tmp_path):
    assert fitted.score(TEXTS, Y) == 1.0
    fitted.save(tmp_path)
    assert {p.suffix for p in tmp_path.iterdir()} == {".json", ".safetensors"}
    again = bert.BertTextClassifier.load(tmp_path)
    assert again.classes_.tolist() == ["好", "差"] or again.classes_.tolist() == ["差", "好"]
    assert (again.predict_proba(TEXTS) == fitted.predict_proba(TEXTS)).all()
    assert again.model_.config.id2label == {i: str(c) for i, c in enumerate(fitted.classes_)}


def test_the_same_seed_gives_the_same_model_and_embeddings_stay_frozen(fitted):
    table = encoders.load_encoder()[0].embeddings.word_embeddings.weight
    assert torch.equal(fitted.model_.bert.embeddings.word_embeddings.weight, table)
    again = clone(fitted).fit(TEXTS, Y)
    assert (again.predict_proba(TEXTS[:4]) == fitted.predict_proba(TEXTS[:4])).all()


def test_it_works_in_cross_validation_and_in_a_pipeline():
    model = make_pipeline(
        FunctionTransformer(list),
        bert.BertTextClassifier(epochs=3, learning_rate=5e-4, warmup=None),
    )
    assert cross_val_score(model, TEXTS, Y, cv=2).mean() > 0.9


def test_early_stopping_keeps_the_best_epoch():
    model = bert.BertTextClassifier(epochs=4, learning_rate=5e-4, patience=1)
    wrong = [
        "差" if y == "好" else "好" for y in Y[:8]
    ]  # the better it learns, the worse its loss on these
    model.fit(TEXTS, Y, validation=(TEXTS[:8], wrong))
    losses = [epoch["validation"] for epoch in model.history_]
    assert len(losses) == 2 and losses[1] > losses[0]
    assert model._validation_loss(TEXTS[:8], wrong)(model.model_) == pytest.approx(
        losses[0], abs=1e-6
    )


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        (["a", "b"], [1, 1], "one class only"),
        (["a", None], [0, 1], "text 1 is None: a string is needed"),
    ],
)
def test_what_cannot_be_learned_from_is_one_line(X, y, message):
    with pytest.raises(UserError, match=message):
        bert.BertTextClassifier().fit(X, y)


def test_the_network_is_built_as_it_is_said():
    network = bert.build_classifier(classes=["b", "a", "c"], pooling="cls", encoder_dropout=0.2)
    assert network.config.id2label == {0: "b", 1: "a", 2: "c"} and network.config.pooling == "cls"
    assert network.classifier.out_features == 3 and not network.training
    assert {m.p for m in network.bert.modules() if isinstance(m, torch.nn.Dropout)} == {0.2}
    frozen = {name for name, p in network.named_parameters() if not p.requires_grad}
    assert frozen == {name for name, _ in network.named_parameters() if ".embeddings." in name}
    free = bert.build_classifier(freeze_embeddings=False)
    assert all(p.requires_grad for p in free.parameters())


@pytest.mark.parametrize("wrong", [{"optimizer": "adm"}, {"pooling": "max"}, {"precision": "fp16"}])
def test_a_setting_that_does_not_exist_is_told(wrong):
    with pytest.raises(UserError, match="choose from"):
        bert.BertTextClassifier(epochs=1, **wrong).fit(TEXTS, Y)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """The folder of an encoder that is fine-tuned in no time."""
    return write_tiny_encoder(tmp_path_factory.mktemp("tiny_encoder"))


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"pooling": "meen"}, "did you mean 'mean'"),
        ({"freeze_embeddings": "no"}, "choose from True, False"),
        ({"dropout": 1.5}, "dropout must be at least 0 and at most 1; it is 1.5"),
        ({"encoder_dropout": -0.1}, "encoder_dropout must be at least 0"),
        ({"learning_rate": -1e-4}, "learning_rate must be at least 0"),
        ({"learning_rate": "1e-4"}, "learning_rate: a number is needed, not '1e-4'"),
        ({"warmup": 10}, "warmup must be at least 0 and at most 1"),
        ({"epochs": 0}, "epochs must be whole and at least 1"),
        ({"epochs": 2.0}, "epochs: a whole number is needed"),
        ({"batch_size": 0}, "batch_size must be whole and at least 1"),
        ({"patience": -1}, "patience must be whole and at least 0"),
        ({"max_length": 129}, "the encoder has 128 positions.* at most 128; it is 129"),
        ({"max_length": 2}, "max_length .* at least 3"),
        ({"device": "gpu"}, "device 'gpu' is not available"),
        ({"seed": 0.5}, "seed must be a whole number"),
        ({"progress": True}, "progress must be None or a function"),
        ({"encoder": 3}, "an encoder is a name or a folder, not one int"),
    ],
    ids=str,
)
def test_a_setting_that_can_not_be_is_told_before_training(tiny, wrong, says):
    with pytest.raises(UserError, match=says) as error:
        bert.BertTextClassifier(**{"encoder": tiny, "device": "cpu", **wrong}).fit(TEXTS, Y)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("validation", "says"),
    [
        (3, "validation: a pair"),
        (pd.DataFrame({"text": TEXTS, "label": Y}), "validation: a pair"),
        ((TEXTS[0], Y[:1]), "a list of validation texts is needed, not one str"),
        (([], []), "there are no validation texts"),
        ((["好", None], Y[:2]), "validation text 1 is None"),
        ((TEXTS[:3], Y[:2]), "3 rows but 2 validation labels"),
        ((TEXTS[:2], ["好", None]), "validation labels: 1 are missing"),
        ((TEXTS[:2], ["好", "无"]), "labels in validation that training doesn't have: .*无"),
    ],
    ids=["number", "frame", "one text", "empty", "None", "lengths", "missing", "unknown"],
)
def test_what_validation_lacks_is_told_as_such(tiny, validation, says):
    with pytest.raises(UserError, match=says):
        bert.BertTextClassifier(tiny, device="cpu").fit(TEXTS, Y, validation)


@pytest.mark.parametrize("y", [[b"a", b"b"], pd.to_datetime(["2024-01-01", "2024-01-02"])])
def test_labels_that_a_saved_model_can_not_hold_are_told(tiny, y):
    with pytest.raises(UserError, match="labels must be text, numbers, or True and False"):
        bert.BertTextClassifier(tiny, device="cpu").fit(TEXTS[:2], y)


SETTINGS = {"pooling": "cls", "seed": 7, "epochs": 1, "learning_rate": 0.01, "precision": "fp32"}


def test_what_is_loaded_has_the_settings_that_were_fitted(tiny, tmp_path, monkeypatch):
    monkeypatch.chdir(tiny)
    model = bert.BertTextClassifier(
        ".", **SETTINGS, warmup=np.float64(0.2), batch_size=np.int64(4), device="cpu"
    ).fit(TEXTS, Y)
    model.save(tmp_path)
    monkeypatch.chdir(tmp_path)
    loaded = bert.BertTextClassifier.load(tmp_path, device="cpu")
    assert loaded.get_params() == model.get_params() | {"encoder": tiny}
    expected = model.predict_proba(TEXTS)
    assert (loaded.predict_proba(TEXTS) == expected).all()
    assert (clone(loaded).fit(TEXTS, Y).predict_proba(TEXTS) == expected).all()


def test_a_model_saved_without_its_settings_loads(tiny, tmp_path):
    model = bert.BertTextClassifier(tiny, **SETTINGS, device="cpu").fit(TEXTS, Y)
    model.save(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    del config["settings"]
    (tmp_path / "config.json").write_text(json.dumps(config))
    loaded = bert.BertTextClassifier.load(tmp_path, device="cpu", precision="fp32")
    assert (loaded.predict_proba(TEXTS) == model.predict_proba(TEXTS)).all()
    assert (loaded.encoder, loaded.pooling, loaded.max_length) == (str(tmp_path), "cls", 128)


def test_a_fine_tuned_model_is_a_start_with_a_linear_layer_of_its_own(tiny, tmp_path):
    model = bert.BertTextClassifier(tiny, **SETTINGS, device="cpu").fit(TEXTS, Y)
    model.save(tmp_path / "model")
    table = {name: weight for name, weight in model.model_.bert.state_dict().items()}
    for encoder in (tmp_path, str(tmp_path), tmp_path / "model"):
        for classes in ("ab", "abc"):
            network = bert.build_classifier(encoder, list(classes))
            started = network.bert.state_dict()
            assert all(torch.equal(started[name], table[name]) for name in table)
            assert network.config.classes == list(classes)
            head = network.classifier.weight
            assert head.shape == (len(classes), 16) and 0.005 < head.std() < 0.05
            assert not torch.equal(head[:2], model.model_.classifier.weight)
    again = bert.BertTextClassifier(str(tmp_path), epochs=1, device="cpu")
    assert set(again.fit(TEXTS[:6], ["a", "b", "c"] * 2).classes_) == set("abc")


def test_a_head_of_somebody_else_is_not_taken_over(tmp_path):
    write_tiny_encoder(tmp_path, transformers.BertForSequenceClassification, num_labels=2)
    old = transformers.BertForSequenceClassification.from_pretrained(tmp_path).classifier.weight
    assert not torch.equal(bert.build_classifier(str(tmp_path)).classifier.weight, old)


def test_a_fit_that_fails_leaves_what_was_fitted(tiny):
    model = bert.BertTextClassifier(tiny, epochs=1, device="cpu").fit(TEXTS, Y)
    expected = model.predict(TEXTS)
    for wrong in ((TEXTS[:3], ["a", "b", None]), (TEXTS, Y, (TEXTS, ["a"] * len(TEXTS)))):
        with pytest.raises(UserError):
            model.fit(*wrong)
        assert (model.predict(TEXTS) == expected).all()


def test_a_model_is_not_saved_into_a_file(tiny, tmp_path):
    model = bert.BertTextClassifier(tiny, epochs=1, device="cpu").fit(TEXTS, Y)
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="is a file"):
        model.save(tmp_path / "file")


def test_what_is_not_fitted_says_so(tmp_path):
    model = bert.BertTextClassifier()
    for ask in (model.predict, model.predict_proba, model.save):
        with pytest.raises(NotFittedError):
            ask(tmp_path)


def test_an_encoder_of_another_kind_is_refused(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "gpt2"}')
    with pytest.raises(UserError):
        bert.BertTextClassifier(encoder=str(tmp_path)).fit(TEXTS, Y)


def test_the_articles_settings_are_settings():
    model = bert.BertTextClassifier(**bert.ARTICLE)
    assert (model.dropout, model.learning_rate, model.epochs, model.batch_size) == (0.3, 1e-5, 3, 8)
