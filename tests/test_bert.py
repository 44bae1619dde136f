"""Encoders, batches and the fine-tuned classifier: shapes, parity with transformers, and scikit-learn's manners."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from socialai.errors import DataUnavailable, UserError
from socialai.models import batching, bert

TEXTS = [f"{mood}，第{i}次来" for i in range(20) for mood in ("非常满意", "太差了")]
Y = np.array(["好", "差"] * 20)


@pytest.fixture(scope="module")
def fitted():
    """A classifier after three epochs on 40 short texts."""
    return bert.BertTextClassifier(epochs=3, learning_rate=5e-4, warmup=None).fit(TEXTS, Y)


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


def test_pooling_by_hand():
    states, mask = torch.arange(12.0).reshape(1, 3, 4), torch.tensor([[1, 1, 0]])
    assert bert.pool(states, mask, "cls").tolist() == [[0, 1, 2, 3]]
    assert bert.pool(states, mask, "mean").tolist() == [[2, 3, 4, 5]]


def test_frozen_embeddings_do_not_depend_on_the_company_they_keep():
    frozen = bert.FrozenEncoder(precision="fp32", device="cpu").fit(TEXTS)
    together = frozen.transform([*TEXTS[:6], "x" * 500])
    assert together.shape == (7, 384) and np.allclose(
        np.linalg.norm(together, axis=1), 1, atol=1e-5
    )
    assert np.allclose(together[3], frozen.transform(TEXTS[3:4])[0], atol=1e-5)


def test_bf16_embeddings_point_where_fp32_ones_do():
    a, b = (bert.FrozenEncoder(precision=p).fit_transform(TEXTS) for p in ("fp32", "bf16"))
    assert (a * b).sum(1).min() > 0.999 and abs(a - b).max() > 0


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
    table = bert.load_encoder()[0].embeddings.word_embeddings.weight
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
        (["a", None], [0, 1], "text 1 is None, not a string"),
    ],
)
def test_what_cannot_be_learned_from_is_one_line(X, y, message):
    with pytest.raises(UserError, match=message):
        bert.BertTextClassifier().fit(X, y)


def test_an_encoder_that_is_nowhere_and_one_of_another_kind(tmp_path):
    with pytest.raises(DataUnavailable, match="neither a folder nor reachable"):
        bert.load_encoder("nobody/no-such-bert")
    (tmp_path / "config.json").write_text('{"model_type": "gpt2"}')
    with pytest.raises(UserError):
        bert.BertTextClassifier(encoder=str(tmp_path)).fit(TEXTS, Y)


def test_the_articles_settings_are_settings():
    model = bert.BertTextClassifier(**bert.ARTICLE)
    assert (model.dropout, model.learning_rate, model.epochs, model.batch_size) == (0.3, 1e-5, 3, 8)
