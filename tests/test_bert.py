"""The fine-tuned classifier: parity with its parts, and scikit-learn's manners."""

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

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
