"""BERT fine-tuned as a classifier of texts, in the manner of scikit-learn.

Speed on a CPU comes from five choices, each measured by `python -m benchmarks.finetune`: texts of
like length share a batch (little padding), matrix products in bfloat16, the word table frozen, no
dropout inside the encoder (drawing its masks costs a fifth of a step), and attention as two plain
products, which beats the fused kernel on short texts.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from transformers import AutoConfig, AutoTokenizer, BertModel, BertPreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput

from socialai.errors import UserError
from socialai.models.batching import encode, forward_in_batches, pad, similar_lengths
from socialai.models.bert_inputs import (
    check_bert_labels,
    check_bert_settings,
    check_validation,
    settings_to_save,
)
from socialai.models.device import choose_device
from socialai.models.encoders import (
    POOLINGS,
    attention_for,
    check_max_length,
    load_config,
    load_pretrained,
    load_weights,
    pool,
)
from socialai.models.training import train, warmup_linear
from socialai.validation import check_choice, check_number, check_texts, generator_seed

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
OPTIMIZERS = {"adamw": torch.optim.AdamW, "adam": torch.optim.Adam}


class BertClassifier(BertPreTrainedModel):
    """BERT, pooled, dropout, one linear layer: the article's network, the pooling as a choice.

    `build_classifier` makes one. The configuration carries `pooling`, `classifier_dropout`,
    `num_labels`, `text_prefix`, `max_length_tokens` and `classes`, so that `save_pretrained` and
    `from_pretrained` keep all that prediction needs, and `settings`, those it was fitted with.
    """

    def __init__(self, config):
        super().__init__(config)
        self.bert = BertModel(config, add_pooling_layer=False)
        self.drop = nn.Dropout(config.classifier_dropout)
        self.classifier = nn.Linear(config.hidden_size, config.num_labels)
        self.post_init()

    def forward(self, input_ids: Tensor, attention_mask: Tensor, labels: Tensor | None = None, **_):
        """input_ids, attention_mask (B, n), labels (B,) or None.

        Returns logits (B, K) and, with labels, the loss.
        """
        output = self.bert(input_ids=input_ids, attention_mask=attention_mask)
        states = output.last_hidden_state  # (B, n, d)
        pooled = pool(states, attention_mask, self.config.pooling)  # (B, d)
        logits = self.classifier(self.drop(pooled))  # (B, K)
        loss = None if labels is None else cross_entropy(logits.float(), labels)
        return SequenceClassifierOutput(loss=loss, logits=logits)


def build_classifier(
    encoder: str = "default",
    classes: Sequence = (0, 1),
    pooling: str = "mean",
    dropout: float = 0.1,
    encoder_dropout: float = 0.0,
    max_length: int = 128,
    freeze_embeddings: bool = True,
    attention: str = "eager",
) -> BertClassifier:
    """The network that `BertTextClassifier` fine-tunes, before its first step, on the CPU.

    Pre-trained weights, and a new linear layer drawn from torch's generator, also where the encoder
    is a fine-tuned classifier with one of its own. classes: the labels, in the order of the logits.
    attention: its implementation in transformers, "eager" or "sdpa". The other parameters are those
    of `BertTextClassifier`. Raises UserError when the encoder isn't a whole BERT model,
    DataUnavailable when it can't be reached.
    """
    check_choice(pooling, POOLINGS, "pooling")
    dropout = float(check_number(dropout, "dropout", 0, 1))
    encoder_dropout = float(check_number(encoder_dropout, "encoder_dropout", 0, 1))
    config = load_config(encoder)

    # the encoder's own configuration, and what prediction needs beside it
    classes = np.asarray(classes).tolist()
    config.update(
        {
            "num_labels": len(classes),
            "pooling": pooling,
            "classifier_dropout": dropout,
            "hidden_dropout_prob": encoder_dropout,
            "attention_probs_dropout_prob": encoder_dropout,
            "text_prefix": getattr(config, "text_prefix", ""),
            "max_length_tokens": int(max_length),
            "classes": classes,
        }
    )
    config.id2label = {i: str(label) for i, label in enumerate(classes)}
    config.label2id = {label: i for i, label in config.id2label.items()}

    options = {"config": config, "attn_implementation": attention}
    model = load_weights(BertClassifier, encoder, new="classifier", **options)
    model.bert.embeddings.requires_grad_(not freeze_embeddings)
    return model


class BertTextClassifier(ClassifierMixin, BaseEstimator):
    """Fine-tuned BERT as a scikit-learn classifier of texts.

    `BertTextClassifier(**ARTICLE)` makes the article's choices.

    Parameters
    ----------
    encoder : str
        "default" or "full" (see `socialai.models.e5`), a folder, or a name on the hub. The folder
        of a fine-tuned model gives its encoder; the linear layer is always a new one.
    pooling : str
        "mean" of all tokens, or "cls", the first one.
    dropout, encoder_dropout : float
        Before the linear layer, and inside the encoder; shares from 0 to 1.
    optimizer : str
        "adamw" or "adam".
    learning_rate : float
        The largest one of the training.
    warmup : float or None
        Share of the steps over which the rate rises before it falls to 0; None or 0: it is
        constant.
    epochs, batch_size : int
        Passes over the texts, and texts a step.
    max_length : int
        Tokens at which a text is cut; at most the positions that the encoder has.
    freeze_embeddings : bool
        Whether the tables of words and positions stay as they are.
    patience : int
        Epochs without a better validation loss after which training stops.
    precision : str
        "auto", "bf16" or "fp32", see `socialai.models.device.autocast`.
    device : str
        "auto", or a device of torch.
    seed : int
        Any integer. Decides the linear layer at the start, dropout, and the order of the texts.
    progress : callable or None
        progress(step, n_steps, loss) is called after each step.

    Attributes
    ----------
    classes_ : ndarray (K,)
        The labels, sorted.
    model_, tokenizer_ : BertClassifier and its tokenizer
    history_ : list of dict
        One entry an epoch, see `socialai.models.training.train`.

    Examples
    --------
    >>> from socialai.models.bert import BertTextClassifier
    >>> texts = ["非常满意", "太差了"] * 8
    >>> model = BertTextClassifier(epochs=4, learning_rate=5e-4).fit(texts, ["good", "bad"] * 8)
    >>> model.predict(["服务很满意"]).tolist()
    ['good']
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
        progress: Callable[[int, int, float], None] | None = None,
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

    def fit(self, X, y, validation: tuple | None = None) -> "BertTextClassifier":
        """Fine-tune on texts X and labels y: text, numbers, or True and False.

        validation: (texts, labels) for early stopping. Raises UserError with fewer than two
        classes, when a label occurs in validation only, and for a setting that can't be.
        """
        check_choice(self.optimizer, OPTIMIZERS, "optimizer")
        check_bert_settings(self)
        seed = generator_seed(self.seed)
        texts = check_texts(X, ordered=True)
        classes, targets = np.unique(check_bert_labels(y, len(texts)), return_inverse=True)
        if len(classes) < 2:
            raise UserError(f"one class only ({classes.tolist()}): a classifier needs two or more")
        if validation is not None:
            validation = check_validation(validation, classes)
        device = choose_device(self.device)
        tokenizer = load_pretrained(AutoTokenizer.from_pretrained, self.encoder)
        check_max_length(self.max_length, tokenizer, load_config(self.encoder))

        # the network; its linear layer and all dropout come from this seed
        torch.manual_seed(seed)
        model = build_classifier(
            self.encoder,
            classes,
            pooling=self.pooling,
            dropout=self.dropout,
            encoder_dropout=self.encoder_dropout,
            max_length=self.max_length,
            freeze_embeddings=self.freeze_embeddings,
            attention=attention_for(device),
        ).to(device)
        model.config.settings = settings_to_save(self)
        self.classes_ = classes
        self.tokenizer_ = tokenizer
        self.model_ = model
        trained = [p for p in self.model_.parameters() if p.requires_grad]
        optimizer = OPTIMIZERS[self.optimizer](trained, lr=self.learning_rate, fused=True)

        # batches of texts of like length
        ids = self._encode(texts)
        lengths = [len(row) for row in ids]
        targets = torch.tensor(targets, device=device)
        rng = np.random.default_rng(seed)

        def batches(epoch: int):
            for indices in similar_lengths(lengths, self.batch_size, rng):
                batch = pad([ids[i] for i in indices], self.tokenizer_.pad_token_id, device)
                yield batch | {"labels": targets[torch.from_numpy(indices)]}

        def rise_and_fall(step: int, n_steps: int) -> float:
            return warmup_linear(step, n_steps, self.warmup)

        self.history_ = train(
            self.model_,
            batches,
            lambda model, batch: model(**batch).loss,
            optimizer,
            self.epochs,
            schedule=rise_and_fall if self.warmup else None,
            validate=None if validation is None else self._validation_loss(*validation),
            patience=self.patience,
            precision=self.precision,
            progress=self.progress,
        )
        self.model_.eval()
        return self

    def predict_proba(self, X) -> np.ndarray:
        """Probabilities (n, K), columns in the order of `classes_`."""
        check_is_fitted(self, "model_")
        logits = self._logits(self._encode(X))
        return torch.from_numpy(logits).double().softmax(1).numpy()

    def predict(self, X) -> np.ndarray:
        """The most probable class of each text, (n,)."""
        check_is_fitted(self, "model_")
        return self.classes_[self.predict_proba(X).argmax(1)]

    def save(self, folder: Path) -> None:
        """Write weights (safetensors), configuration with the label names, and tokenizer.

        A folder as Hugging Face's libraries write and read it.
        """
        check_is_fitted(self, "model_")
        if Path(folder).exists() and not Path(folder).is_dir():
            raise UserError(f"{folder} is a file: name a folder to write the model to")
        self.model_.save_pretrained(folder)
        self.tokenizer_.save_pretrained(folder)

    @classmethod
    def load(
        cls, folder: Path, device: str = "auto", precision: str | None = None
    ) -> "BertTextClassifier":
        """A classifier that `save` wrote; it gives the probabilities that the saved one gave.

        Its settings are those of the fitted one, so that `clone` gives what was fitted: `encoder`,
        too, names what it began from, and a new `fit` begins there again. To go on from what was
        learned, set `encoder` to the folder. Not saved are `device`, as another machine has others,
        and `progress`. precision: None for the saved one. A folder of before settings were saved
        gives those that its weights tell, and itself as `encoder`.
        """
        config = load_pretrained(AutoConfig.from_pretrained, str(folder))
        if not hasattr(config, "classes"):
            raise UserError(f"{folder} holds a model that socialai did not fine-tune")
        told = {
            "encoder": str(folder),
            "pooling": config.pooling,
            "dropout": config.classifier_dropout,
            "encoder_dropout": config.hidden_dropout_prob,
            "max_length": config.max_length_tokens,
        }
        settings = told | getattr(config, "settings", {})
        if precision is not None:
            settings["precision"] = precision
        loaded = cls(**settings, device=device)
        where = choose_device(device)
        options = {"attn_implementation": attention_for(where)}
        model = load_weights(BertClassifier, str(folder), **options)
        loaded.model_ = model.to(where).eval()
        loaded.tokenizer_ = load_pretrained(AutoTokenizer.from_pretrained, str(folder))
        loaded.classes_ = np.array(config.classes)
        return loaded

    def _encode(self, texts) -> list[list[int]]:
        config = self.model_.config
        longest = min(self.max_length, config.max_position_embeddings)
        return encode(self.tokenizer_, texts, config.text_prefix, longest)

    def _logits(self, ids: list[list[int]]) -> np.ndarray:
        """Logits (n, K) of texts as token ids."""
        model = self.model_
        pad_id = self.tokenizer_.pad_token_id
        return forward_in_batches(
            lambda batch: model(**batch).logits, ids, pad_id, model.device, self.precision
        )

    def _validation_loss(self, texts, labels) -> Callable[[nn.Module], float]:
        """For `train`: a function that measures the loss of the model on these texts."""
        ids = self._encode(texts)
        known = {label: i for i, label in enumerate(self.classes_.tolist())}
        targets = torch.tensor([known[label] for label in np.asarray(labels).tolist()])

        def loss(model: nn.Module) -> float:
            model.eval()
            return cross_entropy(torch.from_numpy(self._logits(ids)), targets).item()

        return loss
