"""BERT encoders as text classifiers: frozen under a linear model, or fine-tuned, in scikit-learn's manner.

Speed on a CPU comes from five choices, each measured by `socialai bench`: texts of like length share a batch (little
padding), matrix products in bfloat16, the word table frozen, no dropout inside the encoder (drawing its masks costs a
fifth of a step), and attention as two plain products, which beats the fused kernel on short texts.
"""

from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize
from transformers import AutoConfig, AutoTokenizer, BertModel, BertPreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput

from socialai.errors import DataUnavailable, UserError
from socialai.models import e5
from socialai.models.batching import encode, forward_in_batches, pad, similar_lengths
from socialai.models.device import choose_device
from socialai.models.training import train, warmup_linear

# The settings of the article's listing (section 2.7), as parameters of BertTextClassifier.
ARTICLE = {
    "encoder": "bert-base-chinese",
    "pooling": "cls",
    "dropout": 0.3,
    "encoder_dropout": 0.1,
    "optimizer": "adam",
    "learning_rate": 1e-5,
    "warmup": None,
    "epochs": 3,
    "batch_size": 8,
    "max_length": 512,
    "freeze_embeddings": False,
    "precision": "fp32",
}


def folder_of(name_or_path: str) -> str:
    """What `from_pretrained` takes for "default" and "full" (see socialai.weights), a folder, or a name on the hub."""
    return str(e5.prepare(name_or_path)) if name_or_path in ("default", "full") else name_or_path


def _pretrained(load, name_or_path: str, **options):
    """Call a `from_pretrained`; a name that is neither a folder nor on a reachable hub is DataUnavailable."""
    try:
        return load(folder_of(name_or_path), **options)
    except OSError as error:
        if Path(name_or_path).exists():
            raise UserError(
                f"{name_or_path} holds no whole model: {str(error).splitlines()[0]}"
            ) from None
        raise DataUnavailable(
            f"encoder {name_or_path!r} is neither a folder nor reachable on the hub: {str(error).splitlines()[0]}"
        ) from None


def load_encoder(name_or_path: str = "default", **options):
    """(model, tokenizer) of an encoder: "default" or "full" (see socialai.weights), a folder, or a name on the hub.

    model: transformers BertModel without pooler, in evaluation mode. options go to `from_pretrained`.
    Raises DataUnavailable when a hub name can't be reached.
    """
    tokenizer = _pretrained(AutoTokenizer.from_pretrained, name_or_path)
    return _pretrained(
        BertModel.from_pretrained, name_or_path, add_pooling_layer=False, **options
    ).eval(), tokenizer


def pool(states: Tensor, attention_mask: Tensor, pooling: str) -> Tensor:
    """One vector a text from its states (B, n, d): of the first token ("cls") or the mean of all real ones ("mean")."""
    if pooling == "cls":
        return states[:, 0]  # (B, d)
    mask = attention_mask[..., None].to(states.dtype)  # (B, n, 1)
    return (states * mask).sum(1) / mask.sum(1)  # (B, d)


class BertClassifier(BertPreTrainedModel):
    """BERT, pooled, dropout, one linear layer: the article's classifier with the pooling as a choice.

    The configuration carries `pooling`, `classifier_dropout`, `num_labels`, `text_prefix` and `max_length`, so that
    `save_pretrained` and `from_pretrained` keep all that prediction needs.
    """

    def __init__(self, config):
        super().__init__(config)
        self.bert = BertModel(config, add_pooling_layer=False)
        self.drop = nn.Dropout(config.classifier_dropout)
        self.classifier = nn.Linear(config.hidden_size, config.num_labels)
        self.post_init()

    def forward(self, input_ids: Tensor, attention_mask: Tensor, labels: Tensor | None = None, **_):
        """input_ids, attention_mask (B, n), labels (B,) or None: logits (B, K) and, with labels, the loss."""
        states = self.bert(
            input_ids=input_ids, attention_mask=attention_mask
        ).last_hidden_state  # (B, n, d)
        logits = self.classifier(
            self.drop(pool(states, attention_mask, self.config.pooling))
        )  # (B, K)
        loss = None if labels is None else cross_entropy(logits.float(), labels)
        return SequenceClassifierOutput(loss=loss, logits=logits)


def attention_for(device: torch.device) -> str:
    """The implementation of attention that is fastest for short texts on a device."""
    return "eager" if device.type == "cpu" else "sdpa"


@lru_cache(maxsize=2)
def _cached_encoder(name_or_path: str, device: torch.device):
    model, tokenizer = load_encoder(name_or_path, attn_implementation=attention_for(device))
    return model.to(device), tokenizer


class FrozenEncoder(TransformerMixin, BaseEstimator):
    """Texts to embeddings of an encoder that is not trained: mean-pooled, of length 1; `transform` gives (n, d)."""

    def __init__(
        self,
        encoder: str = "default",
        max_length: int = 128,
        device: str = "auto",
        precision: str = "auto",
    ):
        self.encoder = encoder
        self.max_length = max_length
        self.device = device
        self.precision = precision

    def fit(self, X, y=None):
        """Nothing is learned; the encoder is loaded so that a wrong name shows here."""
        _cached_encoder(self.encoder, choose_device(self.device))
        self.fitted_ = True
        return self

    def transform(self, X) -> np.ndarray:
        """Embeddings (n, d), each of length 1, of a sequence of texts."""
        device = choose_device(self.device)
        model, tokenizer = _cached_encoder(self.encoder, device)
        ids = encode(tokenizer, X, getattr(model.config, "text_prefix", ""), self.max_length)

        def embed(batch):
            states = model(**batch).last_hidden_state.float()
            return normalize(pool(states, batch["attention_mask"], "mean"), dim=1)

        return forward_in_batches(embed, ids, tokenizer.pad_token_id, device, self.precision)


class BertTextClassifier(ClassifierMixin, BaseEstimator):
    """Fine-tuned BERT as a scikit-learn classifier of texts; `BertTextClassifier(**ARTICLE)` has the article's choices.

    Parameters: encoder as in `load_encoder`; pooling "mean" or "cls"; dropout before the linear layer, encoder_dropout
    inside the encoder; optimizer "adamw" or "adam"; learning_rate; warmup, the share of steps over which the rate rises
    before it falls to 0 (None: constant); epochs; batch_size; max_length in tokens; freeze_embeddings; patience, the
    epochs without a better validation loss after which training stops; precision "auto", "bf16" or "fp32"; device;
    seed; progress(step, n_steps, loss).
    After `fit`: model_, tokenizer_, classes_, history_ (see socialai.training.train).
    """

    def __init__(
        self,
        encoder: str = "default",
        pooling: str = "mean",
        dropout: float = 0.1,
        encoder_dropout: float = 0.0,
        optimizer: str = "adamw",
        learning_rate: float = 1e-4,
        warmup: float | None = 0.1,
        epochs: int = 2,
        batch_size: int = 16,
        max_length: int = 128,
        freeze_embeddings: bool = True,
        patience: int = 1,
        precision: str = "auto",
        device: str = "auto",
        seed: int = 0,
        progress=None,
    ):
        self.encoder = encoder
        self.pooling = pooling
        self.dropout = dropout
        self.encoder_dropout = encoder_dropout
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.warmup = warmup
        self.epochs = epochs
        self.batch_size = batch_size
        self.max_length = max_length
        self.freeze_embeddings = freeze_embeddings
        self.patience = patience
        self.precision = precision
        self.device = device
        self.seed = seed
        self.progress = progress

    def fit(self, X, y, validation: tuple | None = None):
        """Fine-tune on texts X and labels y (any type that sorts); validation: (texts, labels) for early stopping.

        Raises UserError with fewer than two classes, or when a label occurs in validation only.
        """
        texts, y = list(X), np.asarray(y)
        self.classes_, targets = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise UserError(
                f"one class only ({self.classes_.tolist()}): a classifier needs two or more"
            )
        device = choose_device(self.device)
        torch.manual_seed(self.seed)
        self.tokenizer_ = _pretrained(AutoTokenizer.from_pretrained, self.encoder)
        self.model_ = self._make_model(device).to(device)
        ids = encode(self.tokenizer_, texts, self.model_.config.text_prefix, self.max_length)
        trained = [p for p in self.model_.parameters() if p.requires_grad]
        kinds = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}
        optimizer = kinds[self.optimizer](trained, lr=self.learning_rate, fused=True)
        rng, targets = np.random.default_rng(self.seed), torch.tensor(targets, device=device)
        pad_id, lengths = self.tokenizer_.pad_token_id, [len(row) for row in ids]

        def batches(epoch):
            for indices in similar_lengths(lengths, self.batch_size, rng):
                yield pad([ids[i] for i in indices], pad_id, device) | {
                    "labels": targets[torch.from_numpy(indices)]
                }

        self.history_ = train(
            self.model_,
            batches,
            lambda model, batch: model(**batch).loss,
            optimizer,
            self.epochs,
            factor=self.warmup
            and (lambda step, n_steps: warmup_linear(step, n_steps, self.warmup)),
            validate=validation and self._validation_loss(*validation),
            patience=self.patience,
            precision=self.precision,
            progress=self.progress,
        )
        self.model_.eval()
        return self

    def _make_model(self, device: torch.device) -> BertClassifier:
        config = _pretrained(AutoConfig.from_pretrained, self.encoder)
        if config.model_type != "bert":
            raise UserError(
                f"encoder {self.encoder!r} is a {config.model_type} model; BERT models are supported"
            )
        config.update(
            {
                "num_labels": len(self.classes_),
                "pooling": self.pooling,
                "classifier_dropout": self.dropout,
                "hidden_dropout_prob": self.encoder_dropout,
                "attention_probs_dropout_prob": self.encoder_dropout,
                "text_prefix": getattr(config, "text_prefix", ""),
                "max_length_tokens": self.max_length,
                "classes": self.classes_.tolist(),
            }
        )
        config.id2label = {i: str(label) for i, label in enumerate(self.classes_.tolist())}
        config.label2id = {label: i for i, label in config.id2label.items()}
        model = _pretrained(
            BertClassifier.from_pretrained,
            self.encoder,
            config=config,
            attn_implementation=attention_for(device),
        )
        model.bert.embeddings.requires_grad_(not self.freeze_embeddings)
        return model

    def _validation_loss(self, texts, labels):
        ids = encode(self.tokenizer_, texts, self.model_.config.text_prefix, self.max_length)
        known = {label: i for i, label in enumerate(self.classes_.tolist())}
        labels = np.asarray(labels).tolist()
        if unknown := sorted(set(labels) - known.keys(), key=str):
            raise UserError(f"labels in validation that training doesn't have: {unknown}")
        targets = torch.tensor([known[label] for label in labels])

        def loss(model) -> float:
            model.eval()
            return cross_entropy(torch.from_numpy(self._logits(ids)), targets).item()

        return loss

    def _logits(self, ids) -> np.ndarray:
        model = self.model_
        return forward_in_batches(
            lambda b: model(**b).logits,
            ids,
            self.tokenizer_.pad_token_id,
            model.device,
            self.precision,
        )  # (n, K)

    def predict_proba(self, X) -> np.ndarray:
        """Probabilities (n, K), columns in the order of `classes_`."""
        check_is_fitted(self, "model_")
        if len(X) == 0:
            return np.zeros((0, len(self.classes_)))
        ids = encode(self.tokenizer_, X, self.model_.config.text_prefix, self.max_length)
        return torch.from_numpy(self._logits(ids)).double().softmax(1).numpy()

    def predict(self, X) -> np.ndarray:
        """The most probable class of each text, (n,)."""
        return self.classes_[self.predict_proba(X).argmax(1)]

    def save(self, folder: Path) -> None:
        """Write weights (safetensors), configuration with the label names, and tokenizer: a Hugging Face folder."""
        check_is_fitted(self, "model_")
        self.model_.save_pretrained(folder)
        self.tokenizer_.save_pretrained(folder)

    @classmethod
    def load(
        cls, folder: Path, device: str = "auto", precision: str = "auto"
    ) -> "BertTextClassifier":
        """A classifier that `save` wrote; it gives the probabilities that the saved one gave."""
        where = choose_device(device)
        config = _pretrained(AutoConfig.from_pretrained, str(folder))
        if not hasattr(config, "classes"):
            raise UserError(f"{folder} holds a model that socialai did not fine-tune")
        loaded = cls(
            encoder=str(folder),
            max_length=config.max_length_tokens,
            device=device,
            precision=precision,
        )
        loaded.tokenizer_ = _pretrained(AutoTokenizer.from_pretrained, str(folder))
        loaded.model_ = _pretrained(
            BertClassifier.from_pretrained, str(folder), attn_implementation=attention_for(where)
        ).to(where)
        loaded.model_.eval()
        loaded.classes_ = np.array(config.classes)
        return loaded
