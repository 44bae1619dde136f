"""Fine-tune, evaluate and predict on anybody's CSV: what `socialai finetune`, `evaluate` and `predict` do."""

import io
import json
import os
import shutil
import time
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

from socialai import data, evaluation
from socialai.data.fetching import sha256
from socialai.errors import UserError
from socialai.models import baselines
from socialai.models.bert import BertTextClassifier
from socialai.results import write_json

MAX_CLASSES = 50
SHOWN = 5  # how many row numbers or labels an error names


def read_csv(
    path: Path, text_column: str = "text", label_column: str | None = "label"
) -> pd.DataFrame:
    """Columns text and label of a CSV file in UTF-8; label_column None: text only.

    Raises UserError, in one line, for a file that is missing, empty or not UTF-8 (with the offset), a missing column
    (with those there are) and for empty texts or labels (with row numbers; row 1 is the first after the header).
    """
    try:
        content = (
            path.read_bytes().decode("utf-8").removeprefix("\ufeff")
        )  # the mark that spreadsheets put in front
        # Only an empty cell is missing: words such as "NA" and "null" are texts like any other.
        frame = pd.read_csv(
            io.StringIO(content), keep_default_na=False, na_values=[""], dtype={text_column: str}
        )
    except UnicodeDecodeError as error:
        raise UserError(
            f"{path} is not UTF-8: byte {error.start} is 0x{error.object[error.start]:02x}"
        ) from None
    except pd.errors.EmptyDataError:
        raise UserError(f"{path} is empty") from None
    except pd.errors.ParserError as error:
        raise UserError(f"{path} is not a CSV file: {str(error).strip()}") from None
    except OSError as error:
        raise UserError(f"{path} can't be read: {error.strerror}") from None
    wanted = [text_column] + ([label_column] if label_column else [])
    for column in wanted:
        if column not in frame.columns:
            raise UserError(
                f"{path} has no column {column!r}; it has {', '.join(map(str, frame.columns))}"
            )
    frame = frame[wanted].set_axis(["text", "label"][: len(wanted)], axis=1)
    if frame.empty:
        raise UserError(f"{path} has a header but no rows")
    for column, wrong in (
        ("text", frame["text"].fillna("").str.strip() == ""),
        *_missing_labels(frame),
    ):
        if wrong.any():
            rows = (np.flatnonzero(wrong) + 1).tolist()
            more = f" and {len(rows) - SHOWN} more" if len(rows) > SHOWN else ""
            raise UserError(
                f"{path}: empty {column} in row {', '.join(map(str, rows[:SHOWN]))}{more}"
            )
    return frame


def _missing_labels(frame: pd.DataFrame):
    return [("label", frame["label"].isna())] if "label" in frame else []


def prepare(
    frame: pd.DataFrame, max_train: int | None = None, seed: int = 0
) -> tuple[pd.DataFrame, pd.DataFrame, dict]:
    """(train, validation, counts): duplicates and contradictions out, then a tenth (at most 2,000) for validation.

    Raises UserError for fewer than 2 or more than 50 classes, a class with a single text, or nothing left.
    """
    clean = data.deduplicate(frame)
    if clean.empty:
        raise UserError(
            f"no rows are left of {len(frame)}: every text occurs with contradicting labels"
        )
    sizes = clean["label"].value_counts()
    if not 2 <= len(sizes) <= MAX_CLASSES:
        known = ", ".join(map(repr, sizes.index[:SHOWN].tolist()))
        raise UserError(
            f"{len(sizes)} different labels ({known}{', ...' if len(sizes) > SHOWN else ''}): 2 to 50 work"
        )
    if sizes.min() < 2:
        rarest = sizes.index.tolist()[-1]
        raise UserError(
            f"label {rarest!r} has a single text: training and validation need one each"
        )
    n_validation = max(len(sizes), min(2000, round(0.1 * len(clean))))
    try:
        train, validation = train_test_split(
            clean, test_size=n_validation, random_state=seed, stratify=clean["label"]
        )
    except ValueError as error:
        raise UserError(
            f"{len(clean)} texts are too few to split off {n_validation} for validation: {error}"
        ) from None
    if max_train is not None and max_train < len(train):
        if max_train < len(sizes):
            raise UserError(
                f"--max-train {max_train} is less than one text for each of {len(sizes)} labels"
            )
        train, _ = train_test_split(
            train, train_size=max_train, random_state=seed, stratify=train["label"]
        )
    counts = {
        "rows": len(frame),
        "after_deduplication": len(clean),
        "train": len(train),
        "validation": n_validation,
    }
    return train.reset_index(drop=True), validation.reset_index(drop=True), counts


def check_output(out: Path) -> None:
    """Refuse, before any work is done, an output folder that holds something or can't be made."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(
            f"{out} exists already and is not an empty folder: name another, or remove it"
        )
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{out} can't be made: {error.strerror}") from None
    if not os.access(out, os.W_OK):
        raise UserError(f"{out} can't be written to")


def check_labels(test: pd.DataFrame, known: set) -> None:
    """Refuse a test set with labels that training never saw: no model could get them right."""
    if unknown := sorted(set(test["label"].tolist()) - known, key=str):
        raise UserError(
            f"labels seen only in the test file: {', '.join(map(repr, unknown[:SHOWN]))}"
        )


def finetune(
    train_csv: Path,
    out: Path,
    test_csv: Path | None = None,
    text_column: str = "text",
    label_column: str = "label",
    max_train: int | None = None,
    seed: int = 0,
    tell=print,
    **settings,
) -> dict:
    """Fine-tune on a CSV; writes `out`/model and `out`/metrics.json and returns what the latter holds.

    settings are those of BertTextClassifier. metrics: "validation" and, with test_csv, "test", each as
    `socialai.evaluation.evaluate` gives it; "baselines": the same for majority, tfidf and frozen; "seconds",
    "examples_per_second" of training; "recommended": what was best; and what was read and set.
    Raises UserError for whatever a user can mend; then nothing is left in `out`.
    """
    read = read_csv(train_csv, text_column, label_column)
    train, validation, counts = prepare(read, max_train, seed)
    parts = {"validation": validation}
    if test_csv is not None:
        parts["test"] = read_csv(test_csv, text_column, label_column)
        check_labels(parts["test"], set(train["label"].tolist()))
        seen = set(read["text"].map(data.normalise))
        counts["test_texts_also_in_train"] = int(
            parts["test"]["text"].map(data.normalise).isin(seen).sum()
        )
    check_output(out)
    tell(
        f"{counts['rows']} rows, {counts['after_deduplication']} after de-duplication: {len(train)} to train on"
    )
    model = BertTextClassifier(seed=seed, **settings)
    begun = time.perf_counter()
    model.fit(train["text"], train["label"], validation=(validation["text"], validation["label"]))
    seconds = time.perf_counter() - begun
    predictions = {"finetuned": {name: model.predict(part["text"]) for name, part in parts.items()}}
    for name in baselines.BASELINES:
        tell(f"baseline {name}")
        fitted = baselines.build_baseline(name, seed, model.encoder, model.device).fit(
            train["text"].tolist(), train["label"]
        )
        predictions[name] = {
            part: fitted.predict(frame["text"].tolist()) for part, frame in parts.items()
        }
    scores = {
        name: {
            part: evaluation.evaluate(parts[part]["label"], y_pred)
            for part, y_pred in predicted.items()
        }
        for name, predicted in predictions.items()
    }
    metrics = {
        **scores.pop("finetuned"),
        "baselines": scores,
        "seconds": seconds,
        "examples_per_second": len(train)
        * len(model.history_)
        / sum(epoch["seconds"] for epoch in model.history_),
        "epochs": [
            {key: e[key] for key in ("epoch", "validation", "seconds")} for e in model.history_
        ],
        "counts": counts,
        "columns": {"text": text_column, "label": label_column},
        "settings": {k: v for k, v in model.get_params().items() if k != "progress"},
        **verdict(parts, predictions),
    }
    aside = out / "model.part"
    try:
        model.save(aside)
        metrics["weights_sha256"] = sha256(aside / "model.safetensors")
        os.replace(aside, out / "model")
        write_json(out / "metrics.json", metrics)
    except OSError as error:
        shutil.rmtree(aside, ignore_errors=True)
        raise UserError(f"{out} can't be written: {error.strerror}") from None
    return metrics


def verdict(parts: dict, predictions: dict) -> dict:
    """{"recommended", "comparison"}: fine-tuned against its best baseline, paired, on test where there is one."""
    part = "test" if "test" in parts else "validation"
    y_true = parts[part]["label"].to_numpy()
    accuracy = {name: float((p[part] == y_true).mean()) for name, p in predictions.items()}
    best = max(baselines.BASELINES, key=accuracy.get)
    paired = evaluation.compare(y_true, predictions["finetuned"][part], predictions[best][part])
    wins = paired["difference"] > 0
    return {
        "recommended": "finetuned" if wins else best,
        "comparison": {"part": part, "baseline": best, **paired},
    }


def describe(metrics: dict) -> list[str]:
    """What metrics.json says, in a few lines for people; says so when the model does not beat its baselines."""
    comparison = metrics["comparison"]
    part, best = comparison["part"], comparison["baseline"]
    rows = {"finetuned": metrics[part]} | {
        name: scores[part] for name, scores in metrics["baselines"].items()
    }
    lines = [f"on {part} ({metrics[part]['n']} texts), accuracy [95 % interval], macro F1:"]
    for name, scores in rows.items():
        low, high = scores["interval_95"]["accuracy"]
        lines.append(
            f"  {name:10} {scores['accuracy']:.3f} [{low:.3f}, {high:.3f}]  {scores['macro_f1']:.3f}"
        )
    low, high = comparison["interval_95"]
    gain = f"{comparison['difference']:+.3f} [{low:+.3f}, {high:+.3f}], p = {comparison['p_value']:.3g}"
    if metrics["recommended"] != "finetuned":
        lines.append(
            f"fine-tuning does not beat its baseline {best} ({gain}): use {best}, it is cheaper"
        )
    elif low <= 0:
        lines.append(
            f"fine-tuning is ahead of {best} by {gain}: that may be luck; {best} is cheaper"
        )
    else:
        lines.append(f"fine-tuning beats {best} by {gain}")
    lines.append(
        f"trained in {metrics['seconds']:.0f} s, {metrics['examples_per_second']:.1f} examples a second"
    )
    return lines


def load(folder: Path, device: str = "auto") -> tuple[BertTextClassifier, dict]:
    """(classifier, metrics) that `finetune` wrote into `folder`; a folder without them is a UserError."""
    path = folder / "metrics.json"
    if not path.is_file():
        raise UserError(
            f"{folder} holds no fine-tuned model (no metrics.json): make one with socialai finetune"
        )
    metrics, kept = (
        json.loads(path.read_text(encoding="utf-8")),
        folder / "model" / "model.safetensors",
    )
    if not kept.is_file() or sha256(kept) != metrics["weights_sha256"]:
        raise UserError(
            f"{kept} is missing or damaged: its checksum is not the one in metrics.json"
        )
    return BertTextClassifier.load(folder / "model", device), metrics


def evaluate(folder: Path, test_csv: Path, device: str = "auto", **columns) -> dict:
    """Scores of a fine-tuned model on a CSV, as `socialai.evaluation.evaluate` gives them.

    columns: text_column, label_column where they differ from those of the training file.
    """
    model, metrics = load(folder, device)
    names = {
        f"{kind}_column": columns.get(f"{kind}_column") or metrics["columns"][kind]
        for kind in ("text", "label")
    }
    test = read_csv(test_csv, **names)
    check_labels(test, set(model.classes_.tolist()))
    return evaluation.evaluate(test["label"], model.predict(test["text"]))


def read_texts(file, text_column: str) -> list[str]:
    """Texts of a CSV file (its text column) or of any other file or stream, one a line; empty lines are left out."""
    if isinstance(file, Path) and file.suffix.lower() == ".csv":
        return read_csv(file, text_column, None)["text"].tolist()
    try:
        content = file.read_bytes() if isinstance(file, Path) else file.read()
        lines = content.decode("utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise UserError(
            f"the texts are not UTF-8: byte {error.start} is 0x{content[error.start]:02x}"
        ) from None
    except OSError as error:
        raise UserError(f"{file} can't be read: {error.strerror}") from None
    return [line for line in lines if line.strip()]


def predict(folder: Path, file, device: str = "auto") -> list[dict]:
    """One {"label", "probability"} a text of `file` (a path, or a binary stream)."""
    model, metrics = load(folder, device)
    proba = model.predict_proba(read_texts(file, metrics["columns"]["text"]))  # (n, K)
    labels = model.classes_.tolist()
    return [{"label": labels[row.argmax()], "probability": float(row.max())} for row in proba]
