"""Sweeps and reports: what YAML may say, what a table and a figure show, what is kept and compared."""

import json

import pandas as pd
import pytest
from small_course import write_notebook

from socialai import files, results
from socialai.course import build, report, runs, sweep_figures, sweeps
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


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A repository with one notebook and one sweep of it."""
    for name in ("NOTEBOOKS", "BUILD", "FIGURES"):
        monkeypatch.setattr(files, name, tmp_path / name.lower())
    write_notebook(
        files.NOTEBOOKS,
        "01_a",
        "results.record(f'score_{name}', seed + rate)\nresults.record('other', 1)",
    )
    (files.NOTEBOOKS / "experiments").mkdir()
    (files.NOTEBOOKS / "experiments" / "two.yaml").write_text(YAML)
    return tmp_path


def pretend(*points, plus=0.0):
    """(point, recorded results) as runs at these points would give."""
    return [
        (
            p,
            {
                f"score_{p['name']}": {
                    "value": p["seed"] + plus,
                    "band": None,
                    "published": None,
                    "source": None,
                }
            },
        )
        for p in points
    ]


def test_a_name_that_ends_in_a_grid_value_is_the_result_for_that_value(repository):
    sweep = sweeps.read("two")
    assert len(sweep.points()) == 6 and sweep.axes == ["name"]
    table = sweeps.summary(
        sweeps.rows(sweep, pretend(*(p for p, _ in sweep.points()))), ["name", "result"]
    )
    assert table.values.tolist() == [
        ["tfidf", "score", 1.0, 1.0, 3, None],
        ["majority", "score", 1.0, 1.0, 3, None],
    ]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("notebook: 01_a", "notebook: 01_b", "no notebook '01_b'; the nearest: 01_a"),
        ("  name:", "  nam:", "no parameter 'nam'; the nearest: name"),
        ("[0, 1, 2]", "[0, many]", "seed takes int"),
        ("[0, 1, 2]", "[]", "seed takes a list"),
        ("[0, 1, 2]", "3", "seed takes a list"),
        ("[0, 1, 2]", "[1, 1]", "different values"),
        ("fixed:", "fixd:", "no key 'fixd'; the nearest: fixed"),
        ("{rate: 0.25}", "{seed: 1}", "seed is both"),
        ("{rate: 0.25}", "{rate: [0.25", "not readable YAML in line"),
        ("notebook: 01_a", "", "names no notebook"),
    ],
)
def test_what_yaml_may_not_say(repository, old, new, message):
    path = repository / "bad.yaml"
    path.write_text(YAML.replace(old, new))
    with pytest.raises(UserError, match=message) as error:
        sweeps.read(path)
    assert "\n" not in str(error.value)


def test_an_unknown_sweep_names_the_nearest(repository):
    with pytest.raises(UserError, match="the nearest: two"):
        sweeps.read("twoo.yaml")


def test_a_result_that_no_run_recorded_is_named(repository):
    path = repository / "other.yaml"
    path.write_text(YAML.replace("[score]", "[accuracy]"))
    sweep = sweeps.read(path)
    with pytest.raises(UserError, match="no run recorded accuracy; recorded: score"):
        sweeps.rows(sweep, pretend(*(p for p, _ in sweep.points())))


def test_the_interval_of_a_mean_is_the_one_of_student():
    # t(0.975, 2) = 4.3027; the sample standard deviation of 1, 2, 3 is 1.
    assert sweep_figures.half_interval([1, 2, 3]) == pytest.approx(4.3027 / 3**0.5, abs=1e-4)
    assert sweep_figures.half_interval([1]) == 0


def test_results_of_one_kind_and_size_share_a_panel():
    means = pd.Series(
        {"m_ndcg_a": 0.4, "m_seconds_a": 0.5, "m_ndcg_b": 0.03, "m_ndcg_c": 0.01, "m_ndcg_d": -0.1}
    )
    assert sweep_figures.panels(means) == [
        ["m_ndcg_a", "m_ndcg_b"],
        ["m_seconds_a"],
        ["m_ndcg_c"],
        ["m_ndcg_d"],
    ]


def test_labels_that_would_overlap_are_moved_apart_around_their_middle():
    ax = sweep_figures.figures.subplots()[1]
    ax.set_ylim(0, 1)
    sweep_figures._label(ax, 1, {"a": (0.5, "black"), "b": (0.5, "red"), "c": (0.9, "blue")})
    at = {text.get_text(): text.get_position()[1] for text in ax.texts}
    assert sorted(at[label] for label in "ab") == pytest.approx([0.4575, 0.5425]) and at["c"] == 0.9


@pytest.mark.parametrize(
    ("ticks", "style"),
    [(["100", "300"], "-"), ([1e-05, 2e-05], "-"), (["encoder", "decoder"], "None")],
)
def test_marks_are_joined_along_numbers_only(ticks, style):
    ax = sweep_figures.figures.subplots()[1]
    sweep_figures._lines(ax, ticks, {("a",): [pd.Series([1.0]), pd.Series([2.0])]}, [])
    assert ax.lines[0].get_linestyle() == style


def test_a_kept_sweep_is_compared_with_its_file_and_its_runs(repository):
    sweep = sweeps.read("two")
    assert sweeps.differences() == ["sweep two was never run: socialai sweep two --update"]
    path = sweeps.keep(sweep, pretend(*(p for p, _ in sweep.points())))
    assert sweeps.differences() == [] and path.with_suffix(".svg").is_file()
    content = json.loads(path.read_text())
    assert content["defaults"] == {} and content["fixed"] == {"rate": 0.25}
    for edit in (
        lambda c: c["table"][0].update(mean=1.1),
        lambda c: c["runs"][0]["results"]["score_tfidf"].update(value=9),
        lambda c: c["runs"].pop(),
        lambda c: c["fixed"].update(rate=0.5),
    ):
        changed = json.loads(json.dumps(content))
        edit(changed)
        results.write_json(path, changed)
        assert len(sweeps.differences()) == 1


def test_the_report_shows_finished_runs_or_else_the_committed_ones(repository):
    with pytest.raises(UserError, match="no finished runs"):
        report.write_runs()
    sweep = sweeps.read("two")
    sweeps.keep(sweep, pretend(*(p for p, _ in sweep.points())))
    page, shown, table = report.write_runs()
    assert "committed" in shown[0]["what"] and table is None
    build.build([run for _, run in sweep.points()[:2]], 2)
    page, shown, table = report.write_runs()
    assert "2 of 6 runs, finished here" in shown[0]["what"]
    assert ["rate=0.25, name=tfidf", "score_tfidf", 0.25] in table[
        ["parameters", "result", "mean"]
    ].values.tolist()
    text = page.read_text(encoding="utf-8")
    assert "data:image/svg+xml;base64," in text and "left out" not in text
    write_notebook(files.NOTEBOOKS, "01_a", "results.record('another', 1)")
    assert "2 finished runs are left out" in report.write_runs()[0].read_text(encoding="utf-8")


def test_the_summary_of_a_course_is_exactly_as_documented(repository):
    write_notebook(files.NOTEBOOKS, "02_b", "raise ValueError('<b>')")
    outcomes = build.build([runs.make_run("01"), runs.make_run("02")], 2)
    page = report.write_course(outcomes)
    passed, failed = json.loads((page.parent / "summary.json").read_text())["notebooks"]
    assert list(passed) == ["notebook", "status", "seconds", "reason", "results"]
    assert passed["status"] == "passed" and passed["seconds"] > 0 and passed["reason"] == ""
    assert passed["results"]["other"] == {
        "value": 1.0,
        "band": None,
        "published": None,
        "source": None,
    }
    assert (failed["status"], failed["reason"], failed["results"]) == (
        "failed",
        "02_b, cell 3: ValueError: <b>",
        {},
    )
    assert "&lt;b&gt;" in page.read_text(encoding="utf-8"), "text from a notebook is escaped"
