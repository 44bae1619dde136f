"""Figures keep the data that they draw, and the check compares data."""

import json

import pandas as pd
import pytest

from socialai import figures


@pytest.fixture
def drawn(tmp_path, monkeypatch):
    """A run that drew one figure."""
    monkeypatch.setattr(figures, "chinese_font", list)
    figures.start("01_x", tmp_path / "runs" / "01_x")
    frame = pd.DataFrame({"d_k": [1, 2, 4], "variance": [1.0, 2.0, 4.0], "what": ["a", "b", "c"]})
    fig, ax = figures.subplots()
    ax.plot(frame["d_k"], frame["variance"])
    figures.save(fig, "01_variance", frame)
    return {"01_x": tmp_path / "runs" / "01_x"}


def test_the_same_data_agree_and_a_changed_number_is_named(drawn, tmp_path):
    committed = tmp_path / "committed"
    (drawn["01_x"] / "figures").rename(committed)
    figures.start("01_x", drawn["01_x"])
    assert figures.differences(drawn, committed) == [
        "01_x: figure 01_variance is committed but no longer drawn"
    ]
    for path in committed.iterdir():
        (drawn["01_x"] / "figures" / path.name).write_bytes(path.read_bytes())
    assert figures.differences(drawn, committed) == []
    data = committed / "01_variance.csv"
    data.write_text(data.read_text().replace("2,2,b", "2,2.1,b"))
    assert "variance" in figures.differences(drawn, committed)[0]


def test_the_picture_is_reproducible(drawn):
    folder = drawn["01_x"] / "figures"
    assert {p.name for p in folder.iterdir()} == {
        "01_variance.svg",
        "01_variance.csv",
        "manifest.json",
    }
    assert "dc:date" not in (folder / "01_variance.svg").read_text()


def test_figures_of_a_notebook_that_is_left_out_are_not_missed(tmp_path):
    entry = {"notebook": "10_small", "picture": "10_a.svg", "data": "10_a.csv", "atol": 0}
    (tmp_path / "manifest.json").write_text(json.dumps({"10_a": entry}))
    assert figures.differences({}, tmp_path) == [
        "10_small: figure 10_a is committed but no longer drawn"
    ]
    assert figures.differences({}, tmp_path, left_out=["10_small"]) == []


@pytest.mark.parametrize(
    ("atol", "column"),
    [
        (0.2, None),
        (0.05, "steady"),
        ({"loose": 0.2}, "steady"),
        ({"loose": 0.2, "steady": 0.2}, None),
        ({}, "steady"),
    ],
)
def test_a_tolerance_for_all_columns_or_one_for_each(tmp_path, monkeypatch, atol, column):
    monkeypatch.setattr(figures, "chinese_font", list)
    folders = {}
    for kind, (steady, loose) in {"then": (0.5, 1.0), "now": (0.6, 1.1)}.items():
        figures.start("01_x", tmp_path / kind)
        frame = pd.DataFrame({"steady": [0.1, steady], "loose": [1.0, loose]})
        figures.save(figures.subplots()[0], "01_a", frame, atol=atol)
        folders[kind] = tmp_path / kind
    found = figures.differences({"01_x": folders["now"]}, folders["then"] / "figures")
    assert len(found) == (column is not None) and all(
        f"{column!r} in row 2" in line for line in found
    )


def test_a_tolerance_for_a_column_that_is_not_there_is_refused(drawn):
    with pytest.raises(ValueError, match="no columns.*variance"):
        figures.save(
            figures.subplots()[0], "01_b", pd.DataFrame({"d_k": [1]}), atol={"variance": 0.1}
        )
