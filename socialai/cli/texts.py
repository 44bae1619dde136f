"""Commands on anybody's own texts: finetune, evaluate, predict, bench. `socialai.cli.course` takes them in."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

app = typer.Typer()
console = Console()
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
    ] = ("default"),
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

    columns = (
        TextColumn("training"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(
        *columns, TextColumn("loss {task.fields[loss]:.3f}"), console=Console(stderr=True)
    ) as bar:
        task = bar.add_task("training", total=None, loss=float("nan"))
        metrics = text_classification.finetune(
            train,
            out,
            test,
            text_column,
            label_column,
            max_train,
            seed,
            tell=bar.console.print,
            encoder=encoder,
            epochs=epochs,
            learning_rate=learning_rate,
            batch_size=batch_size,
            max_length=max_length,
            freeze_embeddings=not train_embeddings,
            device=device,
            progress=lambda step, n, loss: bar.update(task, completed=step, total=n, loss=loss),
        )
        bar.update(task, total=bar.tasks[0].completed)
    for line in text_classification.describe(metrics):
        print(line)
    print(f"{out / 'model'} and {out / 'metrics.json'} written")


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

    scores = text_classification.evaluate(
        model, test, device, text_column=text_column, label_column=label_column
    )
    if as_json:
        print(json.dumps(scores, ensure_ascii=False))
        return
    for key in ("accuracy", "macro_f1"):
        low, high = scores["interval_95"][key]
        print(f"{key} {scores[key]:.3f} [{low:.3f}, {high:.3f}]")
    table = Table("label", "precision", "recall", "f1", "texts")
    for label, s in scores["per_class"].items():
        table.add_row(
            str(label),
            *(f"{s[key]:.3f}" for key in ("precision", "recall", "f1")),
            str(s["support"]),
        )
    console.print(table)


@app.command()
def predict(
    model: Annotated[Path, typer.Argument(help="folder that finetune wrote")],
    file: Annotated[
        str, typer.Argument(help="a CSV file, a file with a text a line, or - for standard input")
    ] = "-",
    device: Device = "auto",
) -> None:
    """Print one JSON line a text: label and probability. Example: echo 很好 | socialai predict my_model"""
    from socialai.apps import text_classification

    for row in text_classification.predict(
        model, sys.stdin.buffer if file == "-" else Path(file), device
    ):
        print(json.dumps(row, ensure_ascii=False))


@app.command()
def bench(
    what: Annotated[str, typer.Argument(help="finetune or predict")],
    repetitions: Annotated[int, typer.Option(min=1, help="turns of each contender")] = 3,
    full: Annotated[
        bool, typer.Option(help="also the article's loop padded to 512 tokens (minutes)")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON only")] = False,
    device: Device = "auto",
) -> None:
    """Compare speeds in one run, as ratios of medians. Example: socialai bench finetune --repetitions 5"""
    from socialai import bench as benches
    from socialai import quiet
    from socialai.errors import UserError

    quiet()
    if what not in ("finetune", "predict"):
        raise UserError(f"there is no bench {what!r}: finetune or predict")

    def tell(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    if what == "finetune":
        found = benches.bench_finetune(repetitions, device, full, tell)
    else:
        found = benches.bench_predict(repetitions, device, tell)
    if as_json:
        print(json.dumps(found))
        return
    table = Table("", "texts a second (median)", "lowest", "highest", "socialai is faster by")
    for row in found["rows"]:
        table.add_row(
            row["name"],
            *(f"{row[key]:.1f}" for key in ("median", "low", "high")),
            f"{row['ratio']:.2f}x",
        )
    console.print(table)
    print(
        f"{found['peak_share']:.0%} of the measured matrix-multiplication peak, {found['peak'] / 1e9:,.0f} GFLOP/s"
    )
    if "equal_labels" in found:
        print(f"{found['equal_labels']:.1%} of the labels are those of the pipeline in fp32")
