"""Commands on anybody's own texts, without the repository: finetune, evaluate, predict."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from socialai.cli.screen import say, show, training
from socialai.errors import UserError

app = typer.Typer()
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or mps")]


@app.command()
def finetune(
    train: Annotated[Path, typer.Argument(help="CSV file in UTF-8 with a header")],
    out: Annotated[
        Path, typer.Option(help="folder to write model/ and metrics.json to; new or empty")
    ],
    test: Annotated[Path | None, typer.Option(help="CSV file to score once, at the end")] = None,
    text_column: Annotated[str, typer.Option(help="column with the texts")] = "text",
    label_column: Annotated[
        str, typer.Option(help="column with the labels, 2 to 50 different ones")
    ] = "label",
    encoder: Annotated[
        str, typer.Option(help="default, full, a folder, or a hub name such as bert-base-chinese")
    ] = "default",
    epochs: Annotated[
        int, typer.Option(min=1, help="most epochs; validation may stop earlier")
    ] = 3,
    max_train: Annotated[
        int | None, typer.Option(min=1, help="train on so many texts at most")
    ] = None,
    learning_rate: Annotated[
        float, typer.Option(min=1e-8, help="peak of the learning rate")
    ] = 1e-4,
    batch_size: Annotated[int, typer.Option(min=1, help="texts a step")] = 16,
    max_length: Annotated[
        int, typer.Option(min=8, max=512, help="longest text in tokens; the rest is cut")
    ] = 128,
    train_embeddings: Annotated[bool, typer.Option(help="train the word table too")] = False,
    seed: Annotated[int, typer.Option(help="any integer")] = 0,
    device: Device = "auto",
) -> None:
    """Fine-tune BERT on a CSV, beside its baselines.

    Example: socialai finetune train.csv --out my_model --test test.csv --epochs 2
    """
    from socialai.apps import text_classification
    from socialai.models.bert import BertTextClassifier

    with training() as (tell, step):
        estimator = BertTextClassifier(
            encoder=encoder,
            learning_rate=learning_rate,
            epochs=epochs,
            batch_size=batch_size,
            max_length=max_length,
            freeze_embeddings=not train_embeddings,
            device=device,
            seed=seed,
            progress=step,
        )
        metrics = text_classification.finetune(
            train,
            out,
            test,
            estimator,
            text_column=text_column,
            label_column=label_column,
            max_train=max_train,
            tell=tell,
        )
    for line in text_classification.summary(metrics):
        say(line)
    say(f"{out / 'model'} and {out / 'metrics.json'} written")


@app.command()
def evaluate(
    model: Annotated[Path, typer.Argument(help="folder that finetune wrote")],
    test: Annotated[Path, typer.Argument(help="CSV file in UTF-8 with texts and labels")],
    as_json: Annotated[bool, typer.Option("--json", help="print JSON only")] = False,
    text_column: Annotated[
        str | None, typer.Option(help="default: that of the training file")
    ] = None,
    label_column: Annotated[
        str | None, typer.Option(help="default: that of the training file")
    ] = None,
    device: Device = "auto",
) -> None:
    """Score a fine-tuned model on a CSV. Example: socialai evaluate my_model test.csv --json"""
    from socialai.apps import text_classification

    scores = text_classification.evaluate(model, test, device, text_column, label_column)
    if as_json:
        print(json.dumps(scores, ensure_ascii=False))
        return
    for key in ("accuracy", "macro_f1"):
        say(f"{key} {scores[key]}")
    columns = ["precision", "recall", "f1"]
    rows = [
        [label, *(f"{found[column]:.3f}" for column in columns), found["support"]]
        for label, found in scores["per_class"].items()
    ]
    show(["label", *columns, "texts"], rows)


@app.command()
def predict(
    model: Annotated[Path, typer.Argument(help="folder that finetune wrote")],
    file: Annotated[
        str, typer.Argument(help="a CSV file, a file with a text a line, or - for standard input")
    ] = "-",
    device: Device = "auto",
) -> None:
    """Print a JSON line a text: label, probability. Example: echo 很好 | socialai predict model"""
    from socialai.apps import text_classification

    if file == "-" and sys.stdin is None:
        raise UserError("standard input is closed: name a file")
    source = sys.stdin.buffer if file == "-" else Path(file)
    for row in text_classification.predict(model, source, device):
        print(json.dumps(row, ensure_ascii=False))
