"""Own data: what is written, that reloading changes nothing, one clear line for each bad input."""

import io
import json
import multiprocessing
import os
import shutil
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tiny_encoder import write_tiny_encoder
from typer.testing import CliRunner

from socialai import data
from socialai.apps import text_classification
from socialai.cli import screen
from socialai.cli.__main__ import app, main
from socialai.data import outputs
from socialai.errors import UserError
from socialai.models.bert import BertTextClassifier

REVIEWS = (
    data.deduplicate(data.load("chinese_reviews"))
    .groupby("label")
    .head(60)
    .sample(frac=1, random_state=0)
)


def write(path, frame):
    frame.to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """(folder, metrics) of a model fine-tuned on 80 reviews with words for labels, tested on 40."""
    folder = tmp_path_factory.mktemp("finetuned")
    named = REVIEWS.assign(label=np.where(REVIEWS["label"] == 1, "good", "bad"))
    metrics = text_classification.finetune(
        write(folder / "train.csv", named[:80]),
        folder / "out",
        write(folder / "test.csv", named[80:]),
        BertTextClassifier(epochs=1),
        tell=silent,
    )
    return folder, metrics


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """What makes an estimator that is fine-tuned in no time."""
    encoder = write_tiny_encoder(tmp_path_factory.mktemp("encoder"))
    return lambda seed=0: BertTextClassifier(encoder, epochs=1, max_length=16, seed=seed)


def two_kinds(labels, n=20, text="很好{i}"):
    """A CSV file's content: n texts of each label in turn."""
    rows = [f"{text.format(i=i)},{labels[i % len(labels)]}\n" for i in range(n * len(labels))]
    return "text,label\n" + "".join(rows)


def silent(line):
    """Where nobody reads what `finetune` tells."""


def as_json(content):
    return json.loads(json.dumps(content))


def test_what_is_written(done):
    folder, metrics = done
    assert {p.name for p in (folder / "out").iterdir()} == {"model", "metrics.json"}
    files = {p.name for p in (folder / "out" / "model").iterdir()}
    assert files >= {"model.safetensors", "tokenizer.json"}
    written = json.loads((folder / "out" / "metrics.json").read_text())
    assert written == as_json(metrics)
    of_baselines = written["baselines"]
    assert of_baselines.keys() == {"majority", "tfidf", "frozen"}
    tested = [written["test"], *(scores["test"] for scores in of_baselines.values())]
    for scores in (written["validation"], *tested):
        assert scores.keys() == {"accuracy", "macro_f1", "per_class", "n"}
        value, low, high = scores["accuracy"]
        assert low <= value <= high
    sizes = (written["test"]["n"], written["validation"]["n"], written["counts"]["train"])
    assert sizes == (40, 8, 72)
    assert written["test"]["per_class"].keys() == {"bad", "good"}
    assert written["settings"]["epochs"] == 1 and "progress" not in written["settings"]
    assert written["seconds"] > 0 and written["examples_per_second"] > 0


def test_evaluating_and_predicting_repeat_what_was_measured(done):
    folder, metrics = done
    assert text_classification.evaluate(folder / "out", folder / "test.csv") == metrics["test"]
    texts = pd.read_csv(folder / "test.csv")["text"].tolist()
    by_file = text_classification.predict(folder / "out", folder / "test.csv")
    by_stream = text_classification.predict(folder / "out", io.BytesIO("\n".join(texts).encode()))
    assert by_file == by_stream and len(by_file) == 40
    assert all(p["label"] in ("good", "bad") and 0.5 <= p["probability"] <= 1 for p in by_file)


def test_it_says_when_a_baseline_is_as_good():
    y = np.array([0, 1] * 20)
    parts = {"validation": pd.DataFrame({"label": y})}
    four_wrong = np.where(np.arange(40) < 4, 1 - y, y)
    predictions = {"finetuned": four_wrong, "majority": 0 * y, "tfidf": y, "frozen": 1 - y}
    found = text_classification.recommend(
        parts, {name: {"validation": p} for name, p in predictions.items()}
    )
    assert found["recommended"] == "tfidf"
    assert found["comparison"]["difference"].value == pytest.approx(-0.1)
    scores = {"accuracy": [0.5, 0.4, 0.6], "macro_f1": [0.5, 0.4, 0.6], "n": 40}
    rest = {
        "baselines": {"tfidf": {"validation": scores}},
        "seconds": 1.0,
        "examples_per_second": 2.0,
    }
    told = "\n".join(text_classification.summary({"validation": scores, **rest, **found}))
    assert "does not beat its baseline tfidf" in told and "use tfidf" in told


@pytest.mark.parametrize("damaged", ["model.safetensors", "config.json", "tokenizer.json"])
@pytest.mark.parametrize("how", ["changed", "missing"])
def test_a_model_with_a_damaged_file_is_not_loaded(done, tmp_path, damaged, how):
    folder, _ = done
    shutil.copytree(folder / "out", tmp_path / "out")
    path = tmp_path / "out" / "model" / damaged
    content = bytearray(path.read_bytes())
    content[-10] ^= 1
    path.write_bytes(content) if how == "changed" else path.unlink()
    with pytest.raises(UserError, match=f"{damaged} is missing or damaged"):
        text_classification.load(tmp_path / "out")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"columns": ', "metrics.json can't be read"),
        (b'{"a": "\xff"}', "metrics.json can't be read"),
        (b"[1]", "not one that socialai finetune wrote"),
        (b'{"acc": 1}', "not one that socialai finetune wrote"),
        (b"", "metrics.json can't be read"),
    ],
)
def test_metrics_that_finetune_did_not_write_are_told(tmp_path, content, message):
    (tmp_path / "metrics.json").write_bytes(content)
    with pytest.raises(UserError, match=message) as caught:
        text_classification.load(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_folder_of_a_name_that_no_disk_takes_is_told():
    with pytest.raises(UserError, match=r"metrics.json can't be read|holds no fine-tuned model"):
        text_classification.load(Path("m" * 300))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("text,label\n", "no rows"),
        ("text,label\na,1\na,0\n", "no rows are left of 2"),
        (
            "text,label\n" + "".join(f"t{i},1\n" for i in range(20)),
            r"1 different labels \('1'\): 2 to 50",
        ),
        ("text,label\n" + "".join(f"t{i},{i % 51}\n" for i in range(102)), "51 different labels"),
        ("text;label\na;1\n", "the separator seems to be ';'"),
        ("text,label\nwell, a,1\nb,2\n", "row 1 has more cells than the header"),
        (
            "text,label\n" + "".join(f"t{i},1\n" for i in range(20)) + "x,2\n",
            "label '2' has a single text",
        ),
    ],
)
def test_a_bad_training_file_is_one_line_and_nothing_is_written(tmp_path, content, message):
    (tmp_path / "train.csv").write_text(content, encoding="utf-8")
    with pytest.raises(UserError, match=message) as caught:
        text_classification.finetune(tmp_path / "train.csv", tmp_path / "out")
    assert "\n" not in str(caught.value) and not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("labels", "shown"),
    [
        (["007", "7"], ["007", "7"]),
        (["1", "True", "1.0"], ["1", "1.0", "True"]),
        ([" 差评", "差评 ", "好评\u3000", "\xa0好评"], ["好评", "差评"]),
        (["[spam]", "[/ham]", ":smile:", "😀"], ["[/ham]", "[spam]", ":smile:", "😀"]),
        (["NA", "null"], ["NA", "null"]),
    ],
)
def test_a_label_is_the_text_in_its_cell_from_training_to_prediction(tmp_path, tiny, labels, shown):
    train, test = (tmp_path / "train.csv", tmp_path / "test.csv")
    train.write_text(two_kinds(labels), encoding="utf-8")
    test.write_text(two_kinds(labels[:1], 3), encoding="utf-8")
    out = tmp_path / "out"
    metrics = text_classification.finetune(train, out, test, tiny(), ["tfidf"], tell=silent)
    assert sorted(metrics["validation"]["per_class"]) == sorted(shown)
    for options in ([], ["--json"]):
        said = CliRunner().invoke(app, ["evaluate", str(out), str(train), *options])
        assert said.exit_code == 0 and all(label in said.stdout for label in shown), said.output
    said = CliRunner().invoke(app, ["predict", str(out)], input="很好\u2028太差\r\n\n喜欢\r失望")
    lines = [json.loads(line) for line in said.stdout.splitlines()]
    assert len(lines) == 3 and {line["label"] for line in lines} <= set(shown)


def test_of_two_finetunings_into_one_folder_the_second_is_refused(tmp_path, tiny):
    train = tmp_path / "train.csv"
    train.write_text(two_kinds("ab"), encoding="utf-8")
    out = tmp_path / "out"
    with outputs.claimed(out):
        with pytest.raises(UserError, match="out is being written by another process"):
            text_classification.finetune(train, out, None, tiny(), [], tell=silent)
        with pytest.raises(UserError, match="no fine-tuned model"):
            text_classification.load(out)
    text_classification.finetune(train, out, None, tiny(), [], tell=silent)
    assert {path.name for path in out.iterdir()} == {"model", "metrics.json"}
    with pytest.raises(UserError, match="not an empty folder"):
        text_classification.finetune(train, out, None, tiny(), [], tell=silent)


def claim(folder, start):
    """Whether this process got the folder and wrote into it."""
    start.wait()
    try:
        with outputs.claimed(folder):
            time.sleep(0.05)
            (folder / str(os.getpid())).touch()
    except UserError:
        os._exit(1)
    os._exit(0)


def test_a_folder_is_one_processs_own_from_the_check_on(tmp_path):
    fork = multiprocessing.get_context("fork")
    for turn in range(5):
        folder = tmp_path / str(turn)
        start = fork.Event()
        claims = [fork.Process(target=claim, args=(folder, start)) for _ in range(6)]
        for process in claims:
            process.start()
        start.set()
        for process in claims:
            process.join()
        assert sorted(process.exitcode for process in claims) == [0, 1, 1, 1, 1, 1]
        assert len(list(folder.iterdir())) == 1


def test_a_folder_that_was_filled_since_it_was_looked_at_is_refused(tmp_path, monkeypatch):
    class LateLock(outputs.filelock.FileLock):
        def acquire(self):
            (tmp_path / "model").mkdir()  # by a process that ended just now
            return super().acquire()

    monkeypatch.setattr(outputs.filelock, "FileLock", LateLock)
    with pytest.raises(UserError, match="not an empty folder"), outputs.claimed(tmp_path):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_folder_holds_model_and_metrics_or_neither(tmp_path, tiny, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(text_classification, "write_json", full)
    train = tmp_path / "train.csv"
    train.write_text(two_kinds("ab"), encoding="utf-8")
    with pytest.raises(UserError, match="out can't be written: No space left on device"):
        text_classification.finetune(train, tmp_path / "out", None, tiny(), [], tell=silent)
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize("seed", [-1, 99_999_999_999, -(10**30)])
def test_a_seed_may_be_any_integer(tmp_path, tiny, seed):
    train = tmp_path / "train.csv"
    train.write_text(two_kinds("ab"), encoding="utf-8")
    encoder = tiny().encoder
    arguments = ["finetune", str(train), "--out", str(tmp_path / "out"), "--seed", str(seed)]
    said = CliRunner().invoke(app, [*arguments, "--encoder", encoder, "--epochs", "1"])
    assert said.exit_code == 0, said.output
    written = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert written["settings"]["seed"] == seed
    in_range = text_classification.split_for_training(REVIEWS, 50, seed % 2**32)[0]
    assert text_classification.split_for_training(REVIEWS, 50, seed)[0].equals(in_range)
    parts = zip(data.split(REVIEWS, seed=seed), data.split(REVIEWS, seed=seed % 2**32), strict=True)
    assert all(part.equals(same) for part, same in parts)


@pytest.mark.parametrize("max_train", [2, 30, 35, 36, 37])
def test_training_takes_so_many_texts_at_most(max_train):
    frame = pd.DataFrame({"text": [f"t{i}" for i in range(40)], "label": ["a", "b"] * 20})
    train, _, counts = text_classification.split_for_training(frame, max_train)
    assert len(train) == counts["train"] <= max_train and set(train["label"]) == {"a", "b"}


@pytest.mark.parametrize(
    ("labels", "max_train", "message"),
    [
        (["a", "b"] * 200 + ["c"] * 6, 5, "among 5 texts to train on there is none of label 'c'"),
        (["a", "b"] * 5 + ["c"] * 2, 4, "can't draw 4 of 9 texts to train on"),
    ],
)
def test_each_label_is_trained_on_or_it_is_said_that_one_is_not(labels, max_train, message):
    frame = pd.DataFrame({"text": [f"t{i}" for i in range(len(labels))], "label": labels})
    with pytest.raises(UserError, match=message):
        text_classification.split_for_training(frame, max_train)
    lost = pd.DataFrame({"text": ["x", "x"], "label": ["a", "d"]})
    with pytest.raises(UserError, match="every text of label 'd' occurs with another label"):
        text_classification.split_for_training(pd.concat([frame, lost]))


def test_a_label_seen_only_in_test_and_a_full_output_folder(tmp_path):
    train = write(tmp_path / "train.csv", REVIEWS)
    test = write(tmp_path / "test.csv", pd.DataFrame({"text": ["x", "y"], "label": [1, 7]}))
    with pytest.raises(UserError, match="labels seen only in the test file: '7'"):
        text_classification.finetune(train, tmp_path / "out", test)
    with pytest.raises(UserError, match="not an empty folder"):
        text_classification.finetune(train, tmp_path)
    with pytest.raises(UserError, match="can't be made"):
        text_classification.finetune(train, tmp_path / "train.csv" / "out")
    with pytest.raises(UserError, match="max_train 1 is less"):
        text_classification.finetune(train, tmp_path / "out", max_train=1)


def test_cold_is_briefly_trained_on(tmp_path):
    if reason := data.unavailable("cold"):
        pytest.skip(reason)
    comments = data.load("cold")
    train = write(tmp_path / "train.csv", comments[comments["split"] == "train"].head(600))
    test = write(tmp_path / "test.csv", comments[comments["split"] == "dev"].head(200))
    metrics = text_classification.finetune(
        train,
        tmp_path / "out",
        test,
        BertTextClassifier(epochs=1),
        baselines=["frozen"],
        max_train=160,
        tell=silent,
    )
    assert metrics["test"]["n"] == 200 and metrics["counts"]["train"] == 160
    # Over three seeds the frozen encoder had 0.815 to 0.850 right, the most frequent class 0.530.
    assert metrics["baselines"].keys() == {"frozen"}
    assert metrics["baselines"]["frozen"]["test"]["accuracy"].value > 0.7


def test_splitting_keeps_texts_apart_and_counts():
    doubled = pd.concat([REVIEWS, REVIEWS])
    train, validation, counts = text_classification.split_for_training(doubled, max_train=50)
    assert not set(train["text"]) & set(validation["text"])
    assert counts == {"rows": 240, "after_deduplication": 120, "train": 50, "validation": 12}


def test_what_holds_no_model(tmp_path):
    with pytest.raises(UserError, match="no fine-tuned model"):
        text_classification.load(tmp_path)


def test_the_commands_say_the_same(done, monkeypatch, capsys):
    folder, metrics = done
    runner = CliRunner()
    scored = runner.invoke(
        app, ["evaluate", str(folder / "out"), str(folder / "test.csv"), "--json"]
    )
    assert json.loads(scored.stdout) == as_json(metrics["test"])
    said = runner.invoke(app, ["predict", str(folder / "out"), "-"], input="太差了\n\n非常满意\n")
    lines = [json.loads(line) for line in said.stdout.splitlines()]
    assert len(lines) == 2 and all(line.keys() == {"label", "probability"} for line in lines)
    monkeypatch.setattr(
        "sys.argv", ["socialai", "finetune", str(folder / "none.csv"), "--out", str(folder / "new")]
    )
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2 and not (folder / "new").exists()
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert last.endswith("none.csv can't be read: No such file or directory")


def test_the_command_builds_the_estimator(monkeypatch, tmp_path):
    called = {}

    def finetune(train, out, test, estimator, **options):
        called.update(options, estimator=estimator, test=test)
        raise UserError("enough")

    monkeypatch.setattr(text_classification, "finetune", finetune)
    options = "--out new --epochs 5 --seed 7 --device cpu --train-embeddings --max-train 90"
    CliRunner().invoke(app, ["finetune", "train.csv", *options.split()])
    estimator = called["estimator"]
    assert (estimator.epochs, estimator.seed, estimator.device) == (5, 7, "cpu")
    assert not estimator.freeze_embeddings and estimator.learning_rate == 1e-4
    assert (called["max_train"], called["text_column"], called["test"]) == (90, "text", None)


def test_without_a_terminal_there_is_a_line_every_half_minute(monkeypatch, capsys):
    assert screen.LOG_EVERY == 30
    monkeypatch.setattr(screen, "LOG_EVERY", 0.05)
    with screen.training() as (tell, step):
        tell("baseline frozen")
        time.sleep(0.2)
        step(3, 12, 0.5)
        time.sleep(0.2)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "baseline frozen"
    assert "baseline frozen; 0 s elapsed" in lines
    assert lines[-1].startswith("step 3/12, loss 0.500; 0 s elapsed")
    time.sleep(0.2)
    assert not capsys.readouterr().err, "and none after the end"
