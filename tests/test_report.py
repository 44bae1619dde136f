"""Sweeps and reports: what YAML may say, what a table and a figure show, what is kept, compared."""

import json
import math

import pandas as pd
import pytest
from small_course import write_notebook

from socialai import figures, files, results
from socialai.course import build, report, runs, sweep_figures, sweeps
from socialai.course.tables import RESULT, cell, result_row
from socialai.errors import UserError

YAML = """
notebook: 01_a
grid:
  seed: [0, 1, 2]
  name: [tfidf, majority]
fixed: {rate: 0.25}
baselines: [majority]
results: [score]
"""
ALL = "notebook: all\ngrid: {seed: [0, 1]}\n"
SCORE = "results.record('score', seed + rate, model=name)\nresults.record('other', 1)"


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A repository with one notebook and one sweep of it."""
    for name in ("NOTEBOOKS", "BUILD", "FIGURES"):
        monkeypatch.setattr(files, name, tmp_path / name.lower())
    monkeypatch.setattr(files, "RESULTS", tmp_path / "figures" / "results.json")
    write_notebook(files.NOTEBOOKS, "01_a", SCORE)
    (files.NOTEBOOKS / "experiments").mkdir()
    (files.NOTEBOOKS / "experiments" / "two.yaml").write_text(YAML)
    return tmp_path


def pretend(sweep, plus=0.0):
    """The rows that the runs of a sweep over names would give."""
    return [
        {"notebook": run.notebook.stem, "parameters": point}
        | {"name": "score", "labels": {"model": point["name"]}, "value": point["seed"] + plus}
        for point, run in sweep.points()
    ]


def frame_of(*rows, seeds=(0, 1), **columns):
    """A frame as a sweep of one notebook gives: rows (result, value), for each seed the same."""
    found = []
    for seed in seeds:
        for number, (result, value) in enumerate(rows):
            named = {name: values[number] for name, values in columns.items()}
            measured = {"value": value + 0.1 * seed, "published": None, "source": None}
            found.append({"notebook": "01_a", "seed": seed, "result": result} | named | measured)
    return pd.DataFrame(found)


def test_a_parameter_that_a_label_repeats_is_not_shown_twice(repository):
    sweep = sweeps.read("two")
    assert len(sweep.points()) == 6 and sweep.axes == ["name"]
    sweeps.write(sweep, pretend(sweep))
    frame = sweeps.committed("two")
    assert list(frame) == ["notebook", "seed", "name", "result", "model", *sweeps.MEASURED]
    table = sweeps.summary(sweeps.shown(sweep, frame))
    assert list(table) == ["result", "model", "mean", "spread", "count", "published"]
    assert table.drop(columns="published").to_numpy().tolist() == [
        ["score", "tfidf", 1.0, 1.0, 3],
        ["score", "majority", 1.0, 1.0, 3],
    ]


def test_a_parameter_that_changes_numbers_stays(repository):
    path = repository / "rates.yaml"
    path.write_text("notebook: 01_a\ngrid: {rate: [0.25, 0.5]}\n")
    rows = [("score", 0.25), ("other", 1.0), ("score", 0.5), ("other", 1.0)]
    frame = frame_of(*rows, seeds=[0], rate=[0.25, 0.25, 0.5, 0.5])
    # The rate says something, though `other` doesn't change with it.
    table = sweeps.summary(sweeps.shown(sweeps.read(path), frame))
    assert table[["rate", "result", "mean"]].to_numpy().tolist() == [
        [0.25, "score", 0.25],
        [0.25, "other", 1.0],
        [0.5, "score", 0.5],
        [0.5, "other", 1.0],
    ]


def test_the_file_picks_results_and_values_of_labels(repository):
    frame = frame_of(("f1", 1.0), ("f1", 2.0), ("time", 3.0), split=["test", "train", None])
    path = repository / "picked.yaml"
    path.write_text("notebook: 01_a\ngrid: {seed: [0, 1]}\nlabels: {split: [test]}\n")
    shown = sweeps.shown(sweeps.read(path), frame)
    # What hasn't got the label stays.
    assert set(zip(shown["result"], shown["value"], strict=True)) == {
        ("f1", 1.0),
        ("f1", 1.1),
        ("time", 3.0),
        ("time", 3.1),
    }
    path.write_text("notebook: 01_a\ngrid: {seed: [0, 1]}\nlabels: {splits: [test]}\n")
    with pytest.raises(UserError, match="no result has the label splits"):
        sweeps.shown(sweeps.read(path), frame)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("notebook: 01_a", "notebook: 01_b", "no notebook '01_b'.*01_a"),
        ("notebook: 01_a", "notebook: [01_a, 02_b]", "no notebook '02_b'.*01_a"),
        ("  name:", "  nam:", "no parameter of 01_a 'nam'.*name"),
        ("[0, 1, 2]", "[0, many]", "seed takes int"),
        ("[0, 1, 2]", "[]", "seed takes a list"),
        ("[0, 1, 2]", "3", "seed takes a list"),
        ("[0, 1, 2]", "[1, 1]", "different values"),
        ("fixed:", "fixd:", "no key of bad.yaml 'fixd': did you mean 'fixed'"),
        ("{rate: 0.25}", "{seed: 1}", "seed is both"),
        ("{rate: 0.25}", "{rate: [0.25", "not readable YAML in line"),
        ("notebook: 01_a", "", "names no notebook"),
        ("notebook: 01_a", "notebook: []", "names no notebook"),
        ("notebook: 01_a", "notebook: 012", "there is no notebook '012'"),
        ("notebook: 01_a", "notebook: [01, 1]", "bad.yaml names 01_a twice"),
        ("notebook: 01_a", "notebook: 1.0", "names no notebook"),
        ("notebook: 01_a", "notebook: mine/01_a.ipynb", "only notebooks of this repository"),
        ("  name:", "  seed:", "in line 5: the key seed stands twice"),
        ("fixed: {rate: 0.25}", "fixed: {rate: 0.25, rate: 0.5}", "the key rate stands twice"),
        ("[0, 1, 2]", "[0, 012]", "parameter seed takes int .*, not '012'"),
        ("[0, 1, 2]", "[0, 1:30]", "parameter seed takes int .*, not '1:30'"),
        ("[0, 1, 2]", "[0, yes]", "parameter seed takes int .*, not 'yes'"),
        ("[0, 1, 2]", "[1000, 1_000]", "different values"),
        ("{rate: 0.25}", "{rate: [0.25]}", "rate takes float"),
        ("{rate: 0.25}", "{rate: .inf}", "rate takes float"),
        ("{rate: 0.25}", "{rate: }", "rate takes float"),
        ("[majority]", "majority", "baselines takes a list, not 'majority'"),
        ("[score]", "score", "results takes a list, not 'score'"),
        ("[score]", "[score]\nlabels: {split: test}", "labels takes labels with lists"),
        ("[score]", "[score]\ntitle: 12", "title takes text, not 12"),
    ],
)
def test_what_yaml_may_not_say(repository, old, new, message):
    path = repository / "bad.yaml"
    path.write_text(YAML.replace(old, new))
    with pytest.raises(UserError, match=message) as error:
        sweeps.read(path)
    assert "\n" not in str(error.value)


def test_an_unknown_sweep_names_the_nearest(repository):
    with pytest.raises(UserError, match="did you mean 'two'"):
        sweeps.read("twoo.yaml")


@pytest.mark.parametrize("notebook", ["01", "1", "'01'", "01_a", "[01]"])
def test_a_number_of_a_lesson_is_read_as_it_stands_there(repository, notebook):
    path = repository / "mine.yaml"
    path.write_text(YAML.replace("notebook: 01_a", f"notebook: {notebook}"))
    assert sweeps.read(path).notebook == ["01_a"]


def test_values_come_out_in_the_types_of_the_parameters(repository):
    path = repository / "mine.yaml"
    path.write_text("notebook: 1\ngrid: {name: [no, on, 012], rate: [1, 1e-3]}\nfixed: {seed: 1_0}")
    sweep = sweeps.read(path)
    assert sweep.grid == {"name": ["no", "on", "012"], "rate": [1.0, 0.001]}
    assert sweep.fixed == {"seed": 10} and type(sweep.grid["rate"][0]) is float
    assert [run.parameters["name"] for _, run in sweep.points()[::2]] == sweep.grid["name"]


def test_paths_of_a_sweep_count_from_its_file_wherever_it_is_read(repository, monkeypatch):
    deep = repository / "deep"
    deep.mkdir()
    (deep / "my.csv").touch()
    (deep / "mine.yaml").write_text("notebook: 1\ngrid: {seed: [1]}\nfixed: {name: my.csv}\n")
    monkeypatch.chdir(deep)
    for path in (deep / "mine.yaml", "mine.yaml", "../deep/mine.yaml"):
        sweep = sweeps.read(path)
        ((_, run),) = sweep.points()
        assert run.parameters == {"seed": 1, "name": str(deep / "my.csv")}
        assert sweep.fixed == {"name": "my.csv"}
    assert sweep.written()["fixed"] == {"name": str(deep / "my.csv")}
    (repository / "copy.yaml").write_text(json.dumps(sweep.written()))
    ((_, again),) = sweeps.read(repository / "copy.yaml").points()
    assert again.name == run.name


def test_a_path_to_a_sweep_is_that_file_or_none(repository, monkeypatch):
    monkeypatch.chdir(repository)
    (repository / "mine").mkdir()
    with pytest.raises(UserError, match="there is no file .*mine/two.yaml"):
        sweeps.read("mine/two.yaml")
    # Its results would stand for those of the repository's.
    for path in ("mine/two.yaml", "two.yaml"):
        (repository / path).write_text(YAML.replace("01_a", "01"))
        with pytest.raises(UserError, match="a sweep of the repository is called two"):
            sweeps.read(path)
    ours = files.NOTEBOOKS / "experiments" / "two.yaml"
    for path in ("two", ours, "notebooks/experiments/two.yaml"):
        assert sweeps.read(path).notebook == ["01_a"]


def test_a_result_that_no_run_recorded_is_named(repository):
    path = repository / "other.yaml"
    path.write_text(YAML.replace("[score]", "[accuracy]"))
    with pytest.raises(UserError, match="no run recorded accuracy; recorded: f1"):
        sweeps.shown(sweeps.read(path), frame_of(("f1", 1.0)))


def pretend_runs(sweep, name, **labels):
    """Finished runs of a sweep that recorded their seed; pytask knows nothing of them."""
    for point, run in sweep.points():
        results.start(run.notebook.stem, run.folder)
        results.record(name, point["seed"], **labels)


def drawn(sweep, frame, monkeypatch):
    """The axes of a sweep's picture."""
    kept = []
    monkeypatch.setattr(figures.plt, "close", kept.append)
    assert sweep_figures.draw(sweep, frame).startswith(b"<?xml")
    return kept[0].axes


def test_each_result_is_a_panel_and_numbers_go_across(repository, monkeypatch):
    sweep = sweeps.Sweep("s", ["01_a"], {"seed": [0, 1], "n": [10, 300]}, baselines=["tfidf"])
    rows = [("f1", 0.1), ("f1", 0.3), ("f1", 0.2), ("f1", 0.2), ("time", 5.0), ("time", 6.0)]
    models = ["bert", "bert", "tfidf", "tfidf", None, None]
    frame = frame_of(*rows, n=[10, 300] * 3, model=models)
    first, second = drawn(sweep, frame, monkeypatch)
    assert [ax.get_ylabel() for ax in (first, second)] == ["f1", "time"]
    assert first.get_xlabel() == "n"
    assert [tick.get_text() for tick in first.get_xticklabels()] == ["10", "300"]
    assert {text.get_text() for text in first.texts} == {"bert", "tfidf"}
    color = {text.get_text(): text.get_color() for text in first.texts}
    assert color == {"bert": figures.COLORS[0], "tfidf": figures.GREY}


def test_what_has_no_numbers_to_go_across_is_rows(repository, monkeypatch):
    sweep = sweeps.Sweep("s", ["01_a"], {"seed": [0, 1]})
    frame = frame_of(("f1", 0.1), ("f1", 0.3), ("lead", 0.2), model=["bert", "tfidf", None])
    first, second = drawn(sweep, frame, monkeypatch)
    assert [tick.get_text() for tick in first.get_yticklabels()] == ["bert", "tfidf"]
    assert first.get_xlabel() == "f1"
    assert [tick.get_text() for tick in second.get_yticklabels()] == ["lead"]
    assert first.get_title(loc="left") == "mean and 95 % interval over 2 seeds"


def test_labels_that_would_overlap_are_moved_apart(repository, monkeypatch):
    sweep = sweeps.Sweep("s", ["01_a"], {"n": [10, 300]})
    rows = [("f1", 0.0), ("f1", 0.5), ("f1", 1.0), ("f1", 0.5)]
    frame = frame_of(*rows, seeds=[0], n=[10, 300] * 2, model=["a", "a", "b", "b"])
    (ax,) = drawn(sweep, frame.drop(columns="seed"), monkeypatch)
    heights = [text.get_position()[1] for text in ax.texts]
    assert abs(heights[0] - heights[1]) >= 0.08 and sum(heights) == pytest.approx(1.0)
    assert ax.get_title(loc="left") == "one seed"


def test_a_kept_sweep_is_compared_with_its_file_and_its_runs(repository):
    sweep = sweeps.read("two")
    assert sweeps.differences() == ["sweep two was never run: socialai sweep two --update"]
    assert len(sweeps.committed("two")) == 0
    path = sweeps.write(sweep, pretend(sweep))
    assert sweeps.differences() == [] and path.with_suffix(".svg").is_file()
    content = json.loads(path.read_text())
    assert content["defaults"]["01_a"] == {"seed": 0, "rate": 0.5, "name": "none"}
    assert content["fixed"] == {"rate": 0.25}
    for edit in (
        lambda c: c["rows"][0].update(value=1.1),
        lambda c: c["rows"][1]["labels"].update(model="other"),
        lambda c: c["rows"].pop(),
        lambda c: c["fixed"].update(rate=0.5),
    ):
        changed = json.loads(json.dumps(content))
        edit(changed)
        files.write_json(path, changed)
        assert len(sweeps.differences()) == 1


def test_a_sweep_over_all_notebooks_keeps_the_others_when_one_is_run_again(repository):
    write_notebook(files.NOTEBOOKS, "02_b")
    path = files.NOTEBOOKS / "experiments" / "seeds.yaml"
    path.write_text(ALL)
    sweep = sweeps.read("seeds")
    assert [run.notebook.stem for _, run in sweep.points()] == ["01_a"] * 2 + ["02_b"] * 2
    pretend_runs(sweep, "score", model="none")
    kept = sweeps.keep(sweep)
    assert not kept.with_suffix(".svg").exists()
    ranges = {("01_a", "score[model=none]"): (0.0, 1.0)}
    assert sweeps.seeds() == ranges | {("02_b", "score[model=none]"): (0.0, 1.0)}

    # The second lesson changes, and it alone is run again.
    one = sweeps.read("seeds", only="02")
    assert [run.notebook.stem for _, run in one.points()] == ["02_b"] * 2
    pretend_runs(one, "b")
    sweeps.keep(one)
    assert sweeps.seeds() == ranges | {("02_b", "b"): (0.0, 1.0)}
    assert [line for line in sweeps.differences() if "seeds" in line] == []

    # A lesson that is new has no seeds yet; one that is no more mustn't stay.
    write_notebook(files.NOTEBOOKS, "03_c", SCORE)
    assert [line for line in sweeps.differences() if "seeds" in line] == []
    (files.NOTEBOOKS / "02_b.ipynb").unlink()
    assert [line for line in sweeps.differences() if "just the runs" in line] != []
    with pytest.raises(UserError, match="sweep two is over 01_a, not 03"):
        sweeps.read("two", only="03")


def test_the_report_shows_finished_runs_or_else_the_committed_ones(repository):
    with pytest.raises(UserError, match="no finished runs"):
        report.write_runs()
    sweep = sweeps.read("two")
    sweeps.write(sweep, pretend(sweep))
    page, shown, table = report.write_runs()
    assert "committed" in shown[0]["what"] and table is None
    build.build([run for _, run in sweep.points()[:2]], 2)
    page, shown, table = report.write_runs()
    assert "2 of 6 runs, finished here" in shown[0]["what"]
    assert ["rate=0.25, name=tfidf", "score[model=tfidf]", 0.25] in table[
        ["parameters", "result", "mean"]
    ].values.tolist()
    text = page.read_text(encoding="utf-8")
    assert "data:image/svg+xml;base64," in text and "left out" not in text
    assert 'alt="two: the means of the table below' in text
    write_notebook(files.NOTEBOOKS, "01_a", "results.record('another', 1)")
    assert "2 finished runs are left out" in report.write_runs()[0].read_text(encoding="utf-8")


def test_a_sweep_of_a_file_elsewhere_is_shown_again_without_it(repository):
    path = repository / "mine.yaml"
    path.write_text(YAML)
    sweep = sweeps.read(path)
    sweeps.write(sweep, pretend(sweep))
    report.write_runs([sweep])
    path.unlink()
    assert [entry["name"] for entry in report.write_runs()[1]] == ["mine"]


FINDING = """from collections import namedtuple
effect = namedtuple('Interval', 'value low high')(0.3, 0.1, 0.5)
print(results.finding('pays', 'Tuning <pays>', effect, n=20))"""
DRAW = """import pandas as pd
from socialai import figures
figures.start('01_a', files.output_folder('01_a'))
fig, ax = figures.subplots()
figures.save(fig, '01_b', pd.DataFrame({'x': [1]}), alt='A figure that shows "nothing" at all.')"""


def test_the_summary_of_a_course_is_exactly_as_documented(repository):
    write_notebook(files.NOTEBOOKS, "01_a", SCORE, FINDING, DRAW)
    write_notebook(files.NOTEBOOKS, "02_b", "raise ValueError('<b>')")
    outcomes = build.build([runs.make_run("01"), runs.make_run("02")], 2)
    page = report.write_course(outcomes)
    passed, failed = json.loads((page.parent / "summary.json").read_text())["notebooks"]
    assert list(passed) == ["notebook", "status", "seconds", "reason", "results", "findings"]
    assert passed["status"] == "passed" and passed["seconds"] > 0 and passed["reason"] == ""
    other = {"name": "other", "labels": {}, "value": 1.0, "low": None, "high": None}
    other |= {"rerun": None, "seeds": None, "published": None, "source": None}
    assert passed["results"][1] == other
    assert passed["findings"][0]["verdict"] == "holds"
    assert list(failed.values())[:2] == ["02_b", "failed"]
    assert failed["reason"] == "02_b, cell 3: ValueError: <b>" and failed["results"] == []
    text = page.read_text(encoding="utf-8")
    assert "&lt;b&gt;" in text, "text from a notebook is escaped"
    assert "<li>Tuning &lt;pays&gt;: holds, +0.30 [+0.10, +0.50], n = 20</li>" in text
    assert "<td>model = none</td>" in text
    assert 'alt="A figure that shows &#34;nothing&#34; at all."' in text


def test_numbers_are_shown_with_at_most_three_decimals():
    shown = {0.12345: "0.123", 102267648.0: "102,267,648", 3.2e-15: "3.2e-15", None: "", "a": "a"}
    assert {value: cell(value) for value in shown} == shown and cell(math.nan) == ""


def test_a_row_of_the_tables_says_all_that_is_known_of_a_result():
    result = {"name": "f1", "labels": {"model": "sar"}, "value": 0.81234, "low": 0.78, "high": 0.84}
    result |= {"rerun": 0.002, "seeds": [0.79, 0.83], "published": 0.8, "source": "Author 2020"}
    assert dict(zip(RESULT, result_row(result), strict=True)) == {
        "result": "f1",
        "labels": "model = sar",
        "value": "0.812 [0.780, 0.840]",
        "again": "± 0.002",
        "seeds": "0.790 to 0.830",
        "published": "0.800 (Author 2020)",
    }
    bare = result | dict.fromkeys(("low", "high", "rerun", "seeds", "published")) | {"labels": {}}
    assert result_row(bare) == ("f1", "", "0.812", "", "", "")
