"""Scoring texts beside the text-classification pipeline of transformers, with the same model.

    python -m benchmarks.predict
    python -m benchmarks.predict --repeats 3 --json

The pipeline gets our fine-tuned model, our tokenizer and the same longest length.
"""

import logging
import tempfile
from functools import partial

import numpy as np
import typer
from transformers import pipeline

from benchmarks import timing
from benchmarks.texts import MAX_LENGTH, peak_note, reviews, share_of_peak, training_flops
from socialai import quiet
from socialai.models.bert import BertClassifier, BertTextClassifier
from socialai.models.device import choose_device

N_TEXTS = 256


def measure(repeats: int = timing.REPEATS, device: str = "auto") -> dict:
    """What `timing.show` takes, with "equal_labels": the share on which ours and theirs agree."""
    where = choose_device(device)
    all_texts, labels = reviews(2 * N_TEXTS)
    texts = all_texts[:N_TEXTS]
    model = BertTextClassifier(epochs=1, max_length=MAX_LENGTH, device=device)
    model.fit(all_texts[N_TEXTS:], labels[N_TEXTS:])
    with tempfile.TemporaryDirectory() as folder:
        model.save(folder)
        network = BertClassifier.from_pretrained(folder).to(where)
    logging.getLogger("transformers.pipelines").setLevel(logging.CRITICAL)  # it lists all it knows
    classify = pipeline(
        "text-classification", model=network, tokenizer=model.tokenizer_, device=where
    )
    said: dict[str, list[str]] = {}

    def theirs(batch_size: int) -> float:
        def score() -> None:
            prefixed = ["query: " + text for text in texts]
            options = {"batch_size": batch_size, "truncation": True, "max_length": MAX_LENGTH}
            said["theirs"] = [answer["label"] for answer in classify(prefixed, **options)]

        return len(texts) / timing.seconds_of(score, where)

    def ours() -> float:
        def score() -> None:
            said["ours"] = [str(label) for label in model.predict(texts)]

        return len(texts) / timing.seconds_of(score, where)

    contenders = {
        "socialai": ours,
        "pipeline, batch 32": partial(theirs, 32),
        "pipeline, batch 1": partial(theirs, 1),
    }
    rows = timing.compare(timing.alternate(contenders, repeats))
    # A step of training is three passes forward.
    found = share_of_peak(rows[0]["median"], training_flops(texts, where) / 3, where)
    equal = float(np.mean(np.array(said["ours"]) == np.array(said["theirs"])))
    agree = f"{equal:.1%} of the labels are those of the pipeline in fp32"
    return {"rows": rows, "notes": [peak_note(found), agree], "equal_labels": equal, **found}


def main(
    repeats: timing.Repeats = timing.REPEATS,
    as_json: timing.AsJson = False,
    device: timing.Device = "auto",
) -> None:
    """Compare speeds of scoring in one run, as ratios of medians."""
    quiet()
    timing.show(measure(repeats, device), as_json)


if __name__ == "__main__":
    typer.run(main)
