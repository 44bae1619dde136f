"""Fine-tuning BERT beside the article's loop and the Trainer of transformers.

    python -m benchmarks.finetune
    python -m benchmarks.finetune --repeats 3 --full --json

Every contender gets the same encoder, the same Chinese reviews and the same longest length. Ours
runs beside other work too: as many processes that only compute as there are cores, and twice as
many.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import numpy as np
import torch
import typer
from transformers import (
    AutoTokenizer,
    BertForSequenceClassification,
    DataCollatorWithPadding,
    PrinterCallback,
    Trainer,
    TrainingArguments,
)

from benchmarks import timing
from benchmarks.texts import MAX_LENGTH, peak_note, reviews, share_of_peak, training_flops
from socialai import quiet
from socialai.models.bert import BertTextClassifier
from socialai.models.device import choose_device
from socialai.models.encoders import folder_of

N_TEXTS = 128
N_FULL = 16  # texts of the loop that pads to 512 tokens: it is slow


def article_loop(
    texts: list[str], labels: np.ndarray, device: torch.device, max_length: int
) -> float:
    """Texts a second of the article's loop: all padded to max_length, batches of 8, Adam, fp32."""
    tokenizer = AutoTokenizer.from_pretrained(folder_of("default"))
    model = BertForSequenceClassification.from_pretrained(folder_of("default"), num_labels=2)
    model = model.to(device).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-5)
    batch = tokenizer(
        texts, padding="max_length", truncation=True, max_length=max_length, return_tensors="pt"
    )
    targets = torch.tensor(labels)

    def epoch() -> None:
        for i in range(0, len(texts), 8):
            ids = batch["input_ids"][i : i + 8].to(device)
            mask = batch["attention_mask"][i : i + 8].to(device)
            optimizer.zero_grad()
            logits = model(ids, mask).logits
            torch.nn.functional.cross_entropy(logits, targets[i : i + 8].to(device)).backward()
            optimizer.step()

    return len(texts) / timing.seconds_of(epoch, device)


def hf_trainer(texts: list[str], labels: np.ndarray, device: torch.device, bf16: bool) -> float:
    """Texts a second of the Trainer at its defaults: batches of 8, padded to their longest."""
    tokenizer = AutoTokenizer.from_pretrained(folder_of("default"))
    model = BertForSequenceClassification.from_pretrained(folder_of("default"), num_labels=2)
    rows = tokenizer(texts, truncation=True, max_length=MAX_LENGTH)["input_ids"]
    items = [{"input_ids": row, "labels": int(y)} for row, y in zip(rows, labels, strict=True)]
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
        trainer = Trainer(model, options, data_collator=collator, train_dataset=items)
        trainer.remove_callback(PrinterCallback)
        return len(texts) / trainer.train().metrics["train_runtime"]


def ours(texts: list[str], labels: np.ndarray, device: torch.device) -> float:
    """Texts a second of BertTextClassifier, over three epochs: one is too short to time."""
    model = BertTextClassifier(epochs=3, max_length=MAX_LENGTH, device=str(device))
    model.fit(texts, labels)
    return 3 * len(texts) / sum(epoch["seconds"] for epoch in model.history_)


@contextmanager
def busy(n: int) -> Iterator[None]:
    """n processes that only compute, for as long as a block takes."""
    command = [sys.executable, "-S", "-c", "while True: pass"]
    running = [subprocess.Popen(command) for _ in range(n)]
    try:
        yield
    finally:
        for process in running:
            process.kill()
            process.wait()


def beside(n: int, contender: Callable[[], float]) -> float:
    """What a contender gives beside n busy processes."""
    with busy(n):
        return contender()


def share_note(n: int, alone: float, shared: float) -> str:
    """The rate beside n busy processes, in words, as a part of a fair share of the cores."""
    fair = alone * min(1.0, os.cpu_count() / (torch.get_num_threads() + n))
    return f"beside {n} busy processes: {shared / fair:.0%} of a fair share of the cores"


def measure(repeats: int = timing.REPEATS, device: str = "auto", full: bool = False) -> dict:
    """What `timing.show` takes; full: the article's loop padded to 512 tokens as well."""
    where = choose_device(device)
    texts, labels = reviews(N_TEXTS)
    contenders = {
        "socialai": partial(ours, texts, labels, where),
        f"article's loop, padded to {MAX_LENGTH}": partial(
            article_loop, texts, labels, where, MAX_LENGTH
        ),
        "HF Trainer, defaults": partial(hf_trainer, texts, labels, where, bf16=False),
        "HF Trainer, bf16": partial(hf_trainer, texts, labels, where, bf16=True),
    }
    if full:
        few = partial(article_loop, texts[:N_FULL], labels[:N_FULL], where, 512)
        contenders["article's loop, padded to 512"] = few
    loads = [os.cpu_count(), 2 * os.cpu_count()] if where.type == "cpu" else []
    for n in loads:
        contenders[f"socialai beside {n} busy processes"] = partial(
            beside, n, contenders["socialai"]
        )
    rows = timing.compare(timing.alternate(contenders, repeats))
    found = share_of_peak(rows[0]["median"], training_flops(texts, where), where)
    notes = [peak_note(found)]
    if loads:
        for n, row in zip(loads, rows[-len(loads) :], strict=True):
            notes.append(share_note(n, rows[0]["median"], row["median"]))
    return {"rows": rows, "notes": notes, **found}


def main(
    repeats: timing.Repeats = timing.REPEATS,
    full: bool = typer.Option(False, help="also the article's loop padded to 512 tokens (minutes)"),
    as_json: timing.AsJson = False,
    device: timing.Device = "auto",
) -> None:
    """Compare speeds of fine-tuning in one run, as ratios of medians."""
    quiet()
    timing.show(measure(repeats, device, full), as_json)


if __name__ == "__main__":
    typer.run(main)
