"""Fine-tune on anybody's CSV, beside baselines; evaluate and predict with what was fine-tuned.

What `socialai finetune`, `evaluate` and `predict` do:

    from socialai.apps.text_classification import finetune, predict
    from socialai.models.bert import BertTextClassifier
from socialai.models.encoders import release_encoders

    estimator = BertTextClassifier(epochs=3, seed=1)
    metrics = finetune(Path("train.csv"), Path("my_model"), Path("test.csv"), estimator)
    predict(Path("my_model"), Path("new.csv"))
"""

import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

import pandas as pd
from sklearn.base import ClassifierMixin
from sklearn.model_selection import train_test_split

from socialai import data, evaluation
from socialai.data.outputs import check_whole, checksums, claimed
from socialai.data.own_csv import read_csv, read_texts
from socialai.errors import UserError
from socialai.files import read_json, unfinished, write_json
from socialai.models.baselines import BASELINES, build_baseline
from socialai.models.bert import BertTextClassifier
from socialai.models.encoders import release_encoders
from socialai.validation import as_input_error, generator_seed

MAX_CLASSES = 50
MAX_VALIDATION = 2000  # texts
SHOWN = 5  # how many labels an error names


def finetune(
    train_csv: Path,
    out: Path,
    test_csv: Path | None = None,
    estimator: BertTextClassifier | None = None,
    baselines: Sequence[str] = BASELINES,
    text_column: str = "text",
    label_column: str = "label",
    max_train: int | None = None,
    tell: Callable[[str], object] = print,
) -> dict:
    """Fine-tune on a CSV; writes `out`/model and `out`/metrics.json, returns what the latter holds.

    estimator: an unfitted BertTextClassifier (None: one at its defaults), which is fitted; its seed
    also draws the validation texts. baselines: names for `socialai.models.baselines`. max_train:
    train on so many texts at most. tell: gets a line where something begins.

    metrics: "validation" and, with test_csv, "test", each as `socialai.evaluation.evaluate` gives
    it (accuracy and macro F1 are [value, low, high]); "baselines": the same for each of them;
    "seconds", "examples_per_second" of training; "recommended": what was best; "comparison": with
    the best baseline; and what was read and set.
    Raises UserError for whatever a user can mend; then nothing is left in `out`.
    """
    estimator = BertTextClassifier() if estimator is None else estimator
    frame = read_csv(train_csv, text_column, label_column)
    train, validation, counts = split_for_training(frame, max_train, estimator.seed)
    parts = {"validation": validation}
    if test_csv is not None:
        test = read_csv(test_csv, text_column, label_column)
        check_known_labels(test, set(train["label"]))
        parts["test"] = test
        seen = set(frame["text"].map(data.normalise))
        counts["test_texts_also_in_train"] = int(test["text"].map(data.normalise).isin(seen).sum())
    with claimed(out):
        tell(
            f"{counts['rows']} rows, {counts['after_deduplication']} after de-duplication: "
            f"{len(train)} to train on"
        )
        metrics = _train_and_score(estimator, baselines, train, parts, tell)
        metrics["counts"] = counts
        metrics["columns"] = {"text": text_column, "label": label_column}
        _write(out, estimator, metrics)
    return metrics


def _train_and_score(
    estimator: BertTextClassifier,
    baselines: Sequence[str],
    train: pd.DataFrame,
    parts: Mapping[str, pd.DataFrame],
    tell: Callable[[str], object],
) -> dict:
    """Fit the estimator and the baselines; what metrics.json holds of them."""
    predictions = {}

    def answer(name: str, model: ClassifierMixin) -> None:
        predictions[name] = {
            part: model.predict(texts["text"].tolist()) for part, texts in parts.items()
        }

    # The baselines come first, and go: their encoder isn't held while the other one is trained.
    for name in baselines:
        tell(f"baseline {name}")
        baseline = build_baseline(name, estimator.seed, estimator.encoder, estimator.device)
        answer(name, baseline.fit(train["text"].tolist(), train["label"]))
    release_encoders()

    tell("fine-tuning")
    validation = parts["validation"]
    begun = time.perf_counter()
    estimator.fit(
        train["text"], train["label"], validation=(validation["text"], validation["label"])
    )
    seconds = time.perf_counter() - begun
    answer("finetuned", estimator)

    scores = {
        name: {
            part: evaluation.evaluate(parts[part]["label"], y_pred)
            for part, y_pred in of_parts.items()
        }
        for name, of_parts in predictions.items()
    }
    settings = estimator.get_params()
    settings.pop("progress")
    training_seconds = sum(epoch["seconds"] for epoch in estimator.history_)
    return {
        **scores.pop("finetuned"),
        "baselines": scores,
        "seconds": seconds,
        "examples_per_second": len(train) * len(estimator.history_) / training_seconds,
        "epochs": [
            {key: epoch[key] for key in ("epoch", "validation", "seconds")}
            for epoch in estimator.history_
        ],
        "settings": settings,
        **recommend(parts, predictions),
    }


def _write(out: Path, estimator: BertTextClassifier, metrics: dict) -> None:
    """Model and metrics, both or neither; the metrics get the checksums of the model's files."""
    try:
        with unfinished(out / "model") as aside:
            estimator.save(aside)
            metrics["model_sha256"] = checksums(aside)
        write_json(out / "metrics.json", metrics)
    except BaseException as error:
        shutil.rmtree(out / "model", ignore_errors=True)
        if isinstance(error, OSError):
            raise UserError(f"{out} can't be written: {error.strerror or error}") from None
        raise


def split_for_training(
    frame: pd.DataFrame, max_train: int | None = None, seed: int = 0
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, int]]:
    """(train, validation, counts): duplicates and contradictions out, then a tenth for validation.

    Validation has 2,000 texts at most. Raises UserError for fewer than 2 or more than 50 classes, a
    class with a single text, one that has none left, or nothing left.
    """
    seed = generator_seed(seed)
    distinct = data.deduplicate(frame)
    if distinct.empty:
        raise UserError(
            f"no rows are left of {len(frame)}: every text occurs with contradicting labels"
        )
    sizes = distinct["label"].value_counts()
    if not 2 <= len(sizes) <= MAX_CLASSES:
        named = ", ".join(map(repr, sizes.index[:SHOWN].tolist()))
        more = ", ..." if len(sizes) > SHOWN else ""
        raise UserError(f"{len(sizes)} different labels ({named}{more}): 2 to {MAX_CLASSES} work")
    if gone := sorted(set(frame["label"]) - set(sizes.index)):
        raise UserError(f"every text of label {gone[0]!r} occurs with another label as well")
    if sizes.min() < 2:
        rarest = sizes.index.tolist()[-1]
        raise UserError(
            f"label {rarest!r} has a single text: training and validation need one each"
        )

    # A tenth for validation, each class in its share.
    n_validation = max(len(sizes), min(MAX_VALIDATION, round(0.1 * len(distinct))))
    with as_input_error(
        f"{len(distinct)} texts are too few to split off {n_validation} for validation"
    ):
        train, validation = train_test_split(
            distinct, test_size=n_validation, random_state=seed, stratify=distinct["label"]
        )
    if max_train is not None and max_train < len(train):
        if max_train < len(sizes):
            raise UserError(
                f"max_train {max_train} is less than one text for each of {len(sizes)} labels"
            )
        # What isn't drawn must hold a text of each label too.
        n_train = min(max_train, len(train) - len(sizes))
        drawn = f"{max_train} of {len(train)} texts to train on, each label in its share"
        with as_input_error(f"can't draw {drawn}"):
            train, _ = train_test_split(
                train, train_size=n_train, random_state=seed, stratify=train["label"]
            )
    if missing := sorted(set(sizes.index) - set(train["label"])):
        raise UserError(
            f"among {len(train)} texts to train on there is none of label {missing[0]!r}: "
            f"more are needed"
        )
    counts = {
        "rows": len(frame),
        "after_deduplication": len(distinct),
        "train": len(train),
        "validation": n_validation,
    }
    return train.reset_index(drop=True), validation.reset_index(drop=True), counts


def check_known_labels(test: pd.DataFrame, known: set[str]) -> None:
    """Refuse a test set with labels that training never saw: no model could get them right."""
    if unknown := sorted(set(test["label"]) - known):
        named = ", ".join(map(repr, unknown[:SHOWN]))
        raise UserError(f"labels seen only in the test file: {named}")


def recommend(
    parts: Mapping[str, pd.DataFrame], predictions: Mapping[str, Mapping[str, Sequence]]
) -> dict:
    """{"recommended", "comparison"}: fine-tuned against its best baseline, paired.

    parts: {"validation" or "test": frame}; the test part counts where there is one. predictions:
    {method: {part: labels}}. With no baseline there is nothing to compare with.
    """
    part = "test" if "test" in parts else "validation"
    y_true = parts[part]["label"].to_numpy()
    accuracy = {
        name: float((of_parts[part] == y_true).mean())
        for name, of_parts in predictions.items()
        if name != "finetuned"
    }
    if not accuracy:
        return {"recommended": "finetuned", "comparison": None}
    best = max(accuracy, key=accuracy.get)
    paired = evaluation.compare(y_true, predictions["finetuned"][part], predictions[best][part])
    return {
        "recommended": "finetuned" if paired["difference"].value > 0 else best,
        "comparison": {"part": part, "baseline": best, **paired},
    }


def summary(metrics: Mapping) -> list[str]:
    """What `finetune` returned, or metrics.json holds, in a few lines.

    They say when a baseline is as good.
    """
    part = "test" if "test" in metrics else "validation"
    rows = {"finetuned": metrics[part]}
    for name, scores in metrics["baselines"].items():
        rows[name] = scores[part]
    lines = [f"on {part} ({metrics[part]['n']} texts), accuracy [95 % interval], macro F1:"]
    for name, scores in rows.items():
        accuracy = evaluation.Interval(*scores["accuracy"])
        macro_f1 = evaluation.Interval(*scores["macro_f1"])
        lines.append(f"  {name:10} {accuracy}  {macro_f1.value:.3f}")

    comparison = metrics["comparison"]
    if comparison is not None:
        best = comparison["baseline"]
        difference = evaluation.Interval(*comparison["difference"])
        gain = f"{difference:+.3f}, p = {comparison['p_value']:.3g}"
        if metrics["recommended"] != "finetuned":
            lines.append(
                f"fine-tuning does not beat its baseline {best} ({gain}): use {best}, it is cheaper"
            )
        elif difference.low <= 0:
            lines.append(
                f"fine-tuning is ahead of {best} by {gain}: that may be luck; {best} is cheaper"
            )
        else:
            lines.append(f"fine-tuning beats {best} by {gain}")
    lines.append(
        f"trained in {metrics['seconds']:.0f} s, "
        f"{metrics['examples_per_second']:.1f} examples a second"
    )
    return lines


def load(folder: Path, device: str = "auto") -> tuple[BertTextClassifier, dict]:
    """(classifier, metrics) that `finetune` wrote into `folder`; UserError for any other folder."""
    try:
        metrics = read_json(folder / "metrics.json")
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"{folder}: metrics.json can't be read: {reason}") from None
    if not metrics:
        raise UserError(
            f"{folder} holds no fine-tuned model (no metrics.json): make one with socialai finetune"
        )
    if not isinstance(metrics, dict) or "columns" not in metrics:
        raise UserError(f"{folder}: metrics.json is not one that socialai finetune wrote")
    only_weights = {"model.safetensors": metrics.get("weights_sha256")}  # as it was written before
    check_whole(folder / "model", metrics.get("model_sha256", only_weights))
    return BertTextClassifier.load(folder / "model", device), metrics


def evaluate(
    folder: Path,
    test_csv: Path,
    device: str = "auto",
    text_column: str | None = None,
    label_column: str | None = None,
) -> dict:
    """Scores of a fine-tuned model on a CSV, as `socialai.evaluation.evaluate` gives them.

    text_column, label_column: None: those of the training file.
    """
    model, metrics = load(folder, device)
    columns = metrics["columns"]
    test = read_csv(test_csv, text_column or columns["text"], label_column or columns["label"])
    check_known_labels(test, set(model.classes_.tolist()))
    return evaluation.evaluate(test["label"], model.predict(test["text"]))


def predict(folder: Path, file: Path | BinaryIO, device: str = "auto") -> list[dict]:
    """One {"label", "probability"} a text of `file`, a path or a binary stream (`read_texts`)."""
    model, metrics = load(folder, device)
    proba = model.predict_proba(read_texts(file, metrics["columns"]["text"]))  # (n, K)
    labels = model.classes_.tolist()
    return [{"label": labels[row.argmax()], "probability": float(row.max())} for row in proba]
