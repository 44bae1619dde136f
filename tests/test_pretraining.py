"""The masking rule and small language models do what the papers say."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from socialai.errors import UserError
from socialai.models import pretraining, tokenization
from socialai.models.bert import BertTextClassifier
from socialai.models.count_model import CountModel

CHINESE = [
    "酒店很干净,服务也很好",
    "酒店不干净,服务很差",
    "房间很大,很干净",
    "服务很好,房间也很大",
] * 3


@pytest.fixture(scope="module")
def characters():
    return tokenization.train_tokenizer(CHINESE, "characters", max_length=32)


def ids_of(tokenizer, texts):
    return tokenizer(list(texts))["input_ids"]


def test_masking_follows_the_rule_of_bert(characters):
    ordinary = np.setdiff1d(np.arange(len(characters)), characters.all_special_ids)
    rng = np.random.default_rng(0)
    ids = torch.from_numpy(rng.choice(ordinary, (400, 100)))
    inputs, labels = pretraining.mask_tokens(ids, characters, rng)
    chosen = labels != pretraining.IGNORED
    assert torch.equal(labels[chosen], ids[chosen]) and torch.equal(inputs[~chosen], ids[~chosen])
    masked = inputs[chosen] == characters.mask_token_id
    other = ~masked & (inputs[chosen] != ids[chosen])
    # 40,000 tokens, 6,000 chosen: four standard errors are 0.007 and 0.02. One random token in V
    # is the true one.
    assert chosen.double().mean() == pytest.approx(0.15, abs=0.007)
    assert masked.double().mean() == pytest.approx(0.8, abs=0.02)
    assert other.double().mean() == pytest.approx(0.1 * (1 - 1 / len(ordinary)), abs=0.02)
    assert not np.isin(inputs[chosen][other].numpy(), characters.all_special_ids).any()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 999), st.integers(1, 12), st.floats(0.0, 1.0))
def test_special_tokens_are_never_masked_and_something_always_is(characters, seed, n, share):
    ids = torch.tensor([[2] + [7] * n + [3] + [0] * 3])  # [CLS] ... [SEP] and padding
    inputs, labels = pretraining.mask_tokens(ids, characters, np.random.default_rng(seed), share)
    special = ids < 5
    assert (labels[special] == pretraining.IGNORED).all() and torch.equal(
        inputs[special], ids[special]
    )
    assert (labels != pretraining.IGNORED).any()


def test_hidden_tokens_are_scored_only_where_nothing_can_be_copied(characters):
    ids = ids_of(characters, CHINESE * 10)
    batches = list(pretraining.masked_batches(characters, ids, share=0.3, seed=1))
    true = [
        row[row != characters.pad_token_id].tolist()
        for batch in batches
        for row in batch["true_ids"]
    ]
    assert true == ids
    for batch in batches:
        hidden = batch["labels"] != pretraining.IGNORED
        assert torch.equal(hidden, batch["input_ids"] == characters.mask_token_id), (
            "labels stand at [MASK], only there"
        )
        assert torch.equal(batch["labels"][hidden], batch["true_ids"][hidden])
    # 1,170 characters, of which 0.8 x 0.3 are hidden; four standard errors are 0.05.
    n = sum(int((batch["labels"] != pretraining.IGNORED).sum()) for batch in batches)
    assert n / sum(len(row) - 2 for row in ids) == pytest.approx(0.24, abs=0.05)
    again, other = (
        next(iter(pretraining.masked_batches(characters, ids, share=0.3, seed=seed)))
        for seed in (1, 2)
    )
    assert torch.equal(again["input_ids"], batches[0]["input_ids"])
    assert not torch.equal(other["input_ids"], batches[0]["input_ids"])


class Copies(torch.nn.Module):
    """Stands in for the layers of a masked model that has learnt only to say again what it sees."""

    def __init__(self, n_vocab):
        super().__init__()
        self.n_vocab = n_vocab

    def forward(self, input_ids, attention_mask):
        return SimpleNamespace(
            last_hidden_state=20.0 * torch.nn.functional.one_hot(input_ids, self.n_vocab)
        )


def test_a_model_that_only_copies_gains_nothing_on_hidden_tokens(characters):
    model = pretraining.masked_model(characters, d_model=16, n_layers=1, n_heads=2)
    model.bert, model.cls = Copies(len(characters)), torch.nn.Identity()
    model.dummy = torch.nn.Parameter(torch.zeros(1))
    ids = ids_of(characters, CHINESE * 10)
    # It puts all on [MASK], which is never the answer: ln of e^20 + V - 1 against e^0.
    assert pretraining.held_out_loss(model, characters, ids, share=0.3) == pytest.approx(
        20, abs=1e-3
    )
    batch = next(iter(pretraining.masked_batches(characters, ids, share=0.3)))
    batch["labels"] = pretraining.mask_tokens(
        batch["true_ids"], characters, np.random.default_rng(0), 0.3
    )[1]
    assert pretraining.masked_loss(model, batch).item() < 20 * 0.97, (
        "counted over all chosen tokens it seems to know something"
    )


def test_training_learns_from_all_chosen_tokens_and_tells_the_loss_at_masks(characters):
    torch.manual_seed(0)
    model = pretraining.masked_model(characters, d_model=16, n_layers=1, n_heads=2).eval()
    ids = ids_of(characters, CHINESE)
    batch = next(pretraining.masked_batches(characters, ids, share=0.5))
    at_masks = pretraining.masked_loss(model, batch)
    rng = np.random.default_rng(0)
    batch["labels"] = pretraining.mask_tokens(batch["true_ids"], characters, rng, 0.5)[1]
    everywhere = pretraining.masked_loss(model, batch)
    minimised, told = pretraining._masked_training_loss(model, batch, characters.mask_token_id)
    assert minimised.item() == everywhere.item()
    assert told.item() == pytest.approx(at_masks.item(), rel=1e-6) != everywhere.item()


def test_losses_equal_those_of_transformers(characters):
    torch.manual_seed(0)
    batch = characters(CHINESE[:3], padding=True, return_tensors="pt")
    batch = {key: batch[key] for key in ("input_ids", "attention_mask")}
    model = pretraining.causal_model(characters, d_model=16, n_layers=1, n_heads=2).eval()
    theirs = model(
        **batch,
        labels=batch["input_ids"].masked_fill(batch["attention_mask"] == 0, pretraining.IGNORED),
    ).loss
    assert pretraining.causal_loss(model, batch).item() == pytest.approx(theirs.item(), rel=1e-5)
    model = pretraining.masked_model(characters, d_model=16, n_layers=1, n_heads=2).eval()
    batch["input_ids"], batch["labels"] = pretraining.mask_tokens(
        batch["input_ids"], characters, np.random.default_rng(0)
    )
    assert pretraining.masked_loss(model, batch).item() == pytest.approx(
        model(**batch).loss.item(), rel=1e-5
    )


@pytest.mark.parametrize("make", [pretraining.masked_model, pretraining.causal_model])
def test_pretraining_beats_counting_single_characters(characters, make):
    ids = ids_of(characters, CHINESE)
    torch.manual_seed(0)
    model = make(characters, d_model=32, n_layers=1, n_heads=2)
    before = pretraining.held_out_loss(model, characters, ids)
    history = pretraining.pretrain(
        model, characters, ids, epochs=60, learning_rate=1e-2, batch_size=6
    )
    counted = CountModel(len(characters)).fit(ids, validation=ids)
    assert before == pytest.approx(math.log(len(characters)), abs=0.5), (
        "an untrained model knows nothing"
    )
    assert pretraining.held_out_loss(model, characters, ids) < counted.losses(ids)["unigram"] / 2
    assert len(history) == 60


def test_a_causal_model_does_not_see_what_it_predicts(characters):
    torch.manual_seed(0)
    model = pretraining.causal_model(characters, d_model=16, n_layers=2, n_heads=2).eval()
    ids = torch.tensor([characters("酒店很干净")["input_ids"]])
    changed = ids.clone()
    changed[0, 4] = characters.convert_tokens_to_ids("大")
    a, b = model(input_ids=ids).logits[0], model(input_ids=changed).logits[0]
    assert torch.allclose(a[:4], b[:4], atol=1e-6) and not torch.allclose(a[4], b[4], atol=1e-3)


def test_a_causal_model_can_learn_from_a_share_of_the_tokens(characters, monkeypatch):
    ids, seen = ids_of(characters, CHINESE * 20), []
    spied = pretraining.causal_loss
    monkeypatch.setattr(
        pretraining, "causal_loss", lambda model, batch: seen.append(batch) or spied(model, batch)
    )
    model = pretraining.causal_model(characters, d_model=16, n_layers=1, n_heads=2)
    pretraining.pretrain(model, characters, ids, epochs=1, share=0.3)
    learnt = torch.cat([batch["learnt"][batch["attention_mask"].bool()] for batch in seen])
    # 2,820 tokens: four standard errors are 0.035; the first of each batch of 8 is always learnt.
    assert learnt.double().mean() == pytest.approx(0.3, abs=0.04)
    model.eval()
    batch = seen[0] | {"learnt": torch.zeros_like(seen[0]["learnt"])}
    batch["learnt"][2, 3] = True
    logits = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
    one = -logits[2, 2].log_softmax(-1)[batch["input_ids"][2, 3]].item()
    assert spied(model, batch).item() == pytest.approx(one, rel=1e-5), (
        "the loss is that of the one token learnt"
    )


def test_a_shown_neighbour_reaches_the_next_position_only(characters):
    model = pretraining.add_previous_token(
        pretraining.masked_model(characters, d_model=16, n_layers=1, n_heads=2)
    ).eval()
    words = model.bert.embeddings.word_embeddings
    ids = torch.tensor([characters("酒店很干净")["input_ids"]])
    wanted = words.weight[ids].clone()
    wanted[:, 1:] += words.weight[ids[:, :-1]]
    assert torch.allclose(words(ids), wanted)


def test_pretraining_resumes_to_the_same_losses(characters, tmp_path):
    def run(epochs, checkpoint=None):
        torch.manual_seed(0)
        model = pretraining.masked_model(characters, d_model=16, n_layers=1, n_heads=2)
        history = pretraining.pretrain(
            model,
            characters,
            ids_of(characters, CHINESE),
            epochs,
            batch_size=4,
            checkpoint=checkpoint,
        )
        return [value for entry in history for value in entry["losses"]]

    whole = run(2)
    run(2, tmp_path / "state.pt")
    assert run(2, tmp_path / "state.pt") == whole


def test_a_trained_model_fills_the_mask_and_goes_on_with_a_text(characters):
    torch.manual_seed(0)
    model = pretraining.masked_model(characters, d_model=32, n_layers=1, n_heads=2)
    pretraining.pretrain(
        model, characters, ids_of(characters, CHINESE), epochs=150, learning_rate=3e-3, batch_size=6
    )
    (guesses,) = pretraining.fill_masks(model, characters, "酒[MASK]很干净", k=3)
    assert guesses[0][0] == "店" and guesses[0][1] > 0.3
    assert [p for _, p in guesses] == sorted((p for _, p in guesses), reverse=True)
    with pytest.raises(UserError, match="has none"):
        pretraining.fill_masks(model, characters, "酒店很干净")
    causal = pretraining.causal_model(characters, d_model=32, n_layers=1, n_heads=2)
    pretraining.pretrain(
        causal,
        characters,
        ids_of(characters, CHINESE),
        epochs=150,
        learning_rate=3e-3,
        batch_size=6,
    )
    text = pretraining.continue_text(causal, characters, "酒店", n=20).replace(" ", "")
    assert text.startswith("酒店") and len(text) > 4


def test_own_weights_become_an_encoder_for_the_classifier(characters, tmp_path):
    torch.manual_seed(0)
    model = pretraining.masked_model(characters, d_model=16, n_layers=1, n_heads=2)
    model.save_pretrained(tmp_path)
    characters.save_pretrained(tmp_path)
    labels = [1, 0, 1, 1] * 3
    classifier = BertTextClassifier(
        str(tmp_path),
        learning_rate=0.01,
        epochs=15,
        max_length=32,
        freeze_embeddings=False,
        device="cpu",
    ).fit(CHINESE, labels)
    assert (classifier.predict(CHINESE) == labels).all()
    untouched = BertTextClassifier(
        str(tmp_path), learning_rate=0.0, epochs=1, max_length=32, device="cpu"
    ).fit(CHINESE, labels)
    mine, theirs = model.bert.state_dict(), untouched.model_.bert.state_dict()
    assert all(torch.equal(mine[name], theirs[name]) for name in theirs), (
        "it begins with the weights that were saved"
    )
