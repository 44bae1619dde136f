"""Speed as ratios in one run: fine-tuning and scoring beside what one would otherwise write, on the same real texts.

Every contender gets the same encoder, the same Chinese reviews and the same longest length; repetitions alternate, so
that a machine whose speed drifts slows all of them; what is printed are medians and the ratios of the medians.
"""

import logging
import statistics
import tempfile
import time
from collections.abc import Callable

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import (
    AutoTokenizer,
    BertForSequenceClassification,
    DataCollatorWithPadding,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainingArguments,
    pipeline,
)

from socialai import data
from socialai.models.batching import encode, pad, similar_lengths
from socialai.models.bert import BertClassifier, BertTextClassifier, folder_of
from socialai.models.device import choose_device
from socialai.models.training import autocast, supports_bf16

MAX_LENGTH = 128
N_FINETUNE, N_PREDICT = 128, 256


def reviews(n: int, seed: int = 0) -> tuple[list[str], np.ndarray]:
    """n de-duplicated Chinese reviews and their labels."""
    frame = data.deduplicate(data.load("chinese_reviews")).sample(n, random_state=seed)
    return frame["text"].tolist(), frame["label"].to_numpy()


def article_loop(
    texts: list[str], labels: np.ndarray, device: torch.device, max_length: int
) -> float:
    """Examples a second of the article's loop: all texts padded to max_length, batches of 8, Adam, float32."""
    tokenizer = AutoTokenizer.from_pretrained(folder_of("default"))
    model = BertForSequenceClassification.from_pretrained(folder_of("default"), num_labels=2).to(
        device
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-5)
    batch = tokenizer(
        texts, padding="max_length", truncation=True, max_length=max_length, return_tensors="pt"
    )
    targets = torch.tensor(labels)
    model.train()
    begun = time.perf_counter()
    for i in range(0, len(texts), 8):
        ids, mask = (batch[key][i : i + 8].to(device) for key in ("input_ids", "attention_mask"))
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(
            model(ids, mask).logits, targets[i : i + 8].to(device)
        )
        loss.backward()
        optimizer.step()
    finish(device)
    return len(texts) / (time.perf_counter() - begun)


class _Clock(TrainerCallback):
    def on_train_begin(self, args, state, control, **_):
        self.begun = time.perf_counter()

    def on_train_end(self, args, state, control, **_):
        self.seconds = time.perf_counter() - self.begun


def hf_trainer(texts: list[str], labels: np.ndarray, device: torch.device, bf16: bool) -> float:
    """Examples a second of transformers' Trainer at its defaults (batches of 8, padded to their longest), one epoch."""
    tokenizer = AutoTokenizer.from_pretrained(folder_of("default"))
    model = BertForSequenceClassification.from_pretrained(folder_of("default"), num_labels=2)
    rows = tokenizer(texts, truncation=True, max_length=MAX_LENGTH)["input_ids"]
    items = [
        {"input_ids": row, "labels": int(label)} for row, label in zip(rows, labels, strict=True)
    ]
    clock = _Clock()
    with tempfile.TemporaryDirectory() as folder:
        options = TrainingArguments(
            folder,
            num_train_epochs=1,
            bf16=bf16,
            use_cpu=device.type == "cpu",
            save_strategy="no",
            logging_strategy="no",
            report_to=[],
            disable_tqdm=True,
        )
        collator = DataCollatorWithPadding(tokenizer)
        trainer = Trainer(
            model, options, data_collator=collator, train_dataset=items, callbacks=[clock]
        )
        trainer.remove_callback(PrinterCallback)
        trainer.train()
    return len(texts) / clock.seconds


def ours(texts: list[str], labels: np.ndarray, device: torch.device) -> float:
    """Examples a second of BertTextClassifier at its defaults, three epochs (one is too short to time)."""
    model = BertTextClassifier(epochs=3, max_length=MAX_LENGTH, device=str(device)).fit(
        texts, labels
    )
    return len(texts) * 3 / sum(epoch["seconds"] for epoch in model.history_)


def matmul_peak(device: torch.device, dtype: torch.dtype, n: int = 2048) -> float:
    """Operations a second of an (n, n) matrix product, the best of five."""
    a, best = torch.randn(n, n, device=device, dtype=dtype), 0.0
    for _ in range(5):
        begun = time.perf_counter()
        for _ in range(3):
            a @ a
        finish(device)
        best = max(best, 3 * 2 * n**3 / (time.perf_counter() - begun))
    return best


def training_flops(texts: list[str], device: torch.device) -> float:
    """Counted operations of a fine-tuning epoch of ours over the texts, for one text."""
    tokenizer = AutoTokenizer.from_pretrained(folder_of("default"))
    model = BertTextClassifier(device=str(device))
    model.classes_ = np.array([0, 1])
    network = model._make_model(device).to(device)
    ids = encode(tokenizer, texts, "query: ", MAX_LENGTH)
    with FlopCounterMode(display=False) as counter, autocast(device):
        for rows in similar_lengths(
            [len(row) for row in ids], model.batch_size, np.random.default_rng(0)
        ):
            network(
                **pad([ids[i] for i in rows], tokenizer.pad_token_id, device)
            ).logits.sum().backward()
    return counter.get_total_flops() / len(texts)


def finish(device: torch.device) -> None:
    """Wait until a GPU has done what was asked."""
    if device.type == "cuda":
        torch.cuda.synchronize()


def alternate(
    contenders: dict[str, Callable[[], float]], repetitions: int, tell=lambda line: None
) -> dict:
    """{name: [rate of each repetition]}, the contenders taking turns."""
    rates: dict[str, list[float]] = {name: [] for name in contenders}
    for repetition in range(repetitions):
        for name, run in contenders.items():
            rates[name].append(run())
            tell(f"{repetition + 1}/{repetitions} {name}: {rates[name][-1]:.1f} a second")
    return rates


def summarise(rates: dict[str, list[float]], ours_name: str) -> list[dict]:
    """One row a contender: name, median, lowest and highest rate, and how many times as fast ours is."""
    mine = statistics.median(rates[ours_name])
    return [
        {
            "name": name,
            "median": statistics.median(r),
            "low": min(r),
            "high": max(r),
            "ratio": mine / statistics.median(r),
        }
        for name, r in rates.items()
    ]


def bench_finetune(
    repetitions: int = 3, device: str = "auto", full: bool = False, tell=print
) -> dict:
    """{"rows", "peak_share", "flops_per_text"} of fine-tuning; full: the article's loop padded to 512 as well."""
    where = choose_device(device)
    texts, labels = reviews(N_FINETUNE)
    contenders = {
        "socialai": lambda: ours(texts, labels, where),
        f"article's loop, padded to {MAX_LENGTH}": lambda: article_loop(
            texts, labels, where, MAX_LENGTH
        ),
        "HF Trainer, defaults": lambda: hf_trainer(texts, labels, where, False),
        "HF Trainer, bf16": lambda: hf_trainer(texts, labels, where, True),
    }
    if full:
        contenders["article's loop, padded to 512"] = lambda: article_loop(
            texts[:16], labels[:16], where, 512
        )
    rows = summarise(alternate(contenders, repetitions, tell), "socialai")
    flops, peak = training_flops(texts, where), matmul_peak(where, best_dtype(where))
    return {
        "rows": rows,
        "flops_per_text": flops,
        "peak": peak,
        "peak_share": rows[0]["median"] * flops / peak,
    }


def best_dtype(device: torch.device) -> torch.dtype:
    """The type that precision "auto" computes matrix products in."""
    return torch.bfloat16 if supports_bf16(device) else torch.float32


def bench_predict(repetitions: int = 3, device: str = "auto", tell=print) -> dict:
    """{"rows", "equal_labels", "peak_share"} of scoring against the text-classification pipeline at batch 1 and 32."""
    where = choose_device(device)
    texts, labels = reviews(N_PREDICT + 256)
    known, texts = texts[N_PREDICT:], texts[:N_PREDICT]
    model = BertTextClassifier(epochs=1, max_length=MAX_LENGTH, device=device).fit(
        known, labels[N_PREDICT:]
    )
    with tempfile.TemporaryDirectory() as folder:
        model.save(folder)
        network = BertClassifier.from_pretrained(folder).to(where)
    logging.getLogger("transformers.pipelines").setLevel(
        logging.CRITICAL
    )  # it lists all classes that it knows
    classify = pipeline(
        "text-classification", model=network, tokenizer=model.tokenizer_, device=where
    )
    said: dict[str, list[str]] = {}

    def piped(batch_size: int) -> float:
        begun = time.perf_counter()
        answers = classify(
            ["query: " + t for t in texts],
            batch_size=batch_size,
            truncation=True,
            max_length=MAX_LENGTH,
        )
        seconds = time.perf_counter() - begun
        said[f"pipeline, batch {batch_size}"] = [a["label"] for a in answers]
        return len(texts) / seconds

    def mine() -> float:
        begun = time.perf_counter()
        predicted = model.predict(texts)
        seconds = time.perf_counter() - begun
        said["socialai"] = [str(label) for label in predicted.tolist()]
        return len(texts) / seconds

    contenders = {
        "socialai": mine,
        "pipeline, batch 1": lambda: piped(1),
        "pipeline, batch 32": lambda: piped(32),
    }
    rows = summarise(alternate(contenders, repetitions, tell), "socialai")
    equal = np.mean(
        [a == b for a, b in zip(said["socialai"], said["pipeline, batch 1"], strict=True)]
    )
    flops, peak = (
        training_flops(texts, where) / 3,
        matmul_peak(where, best_dtype(where)),
    )  # a step is 3 forward passes
    return {
        "rows": rows,
        "equal_labels": float(equal),
        "peak": peak,
        "peak_share": rows[0]["median"] * flops / peak,
    }
