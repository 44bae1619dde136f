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
    assert figures.differences(drawn, committed) == ["01_x: figure 01_variance is committed but no longer drawn"]
    for path in committed.iterdir():
        (drawn["01_x"] / "figures" / path.name).write_bytes(path.read_bytes())
    assert figures.differences(drawn, committed) == []
    data = committed / "01_variance.csv"
    data.write_text(data.read_text().replace("2,2,b", "2,2.1,b"))
    assert "variance" in figures.differences(drawn, committed)[0]


def test_the_picture_is_reproducible(drawn):
    folder = drawn["01_x"] / "figures"
    assert {p.name for p in folder.iterdir()} == {"01_variance.svg", "01_variance.csv", "manifest.json"}
    assert "dc:date" not in (folder / "01_variance.svg").read_text()


def test_figures_of_a_notebook_that_is_left_out_are_not_missed(tmp_path):
    entry = {"notebook": "10_small", "picture": "10_a.svg", "data": "10_a.csv", "atol": 0}
    (tmp_path / "manifest.json").write_text(json.dumps({"10_a": entry}))
    assert figures.differences({}, tmp_path) == ["10_small: figure 10_a is committed but no longer drawn"]
    assert figures.differences({}, tmp_path, left_out=["10_small"]) == []
