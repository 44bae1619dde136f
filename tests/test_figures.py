"""Figures keep the data that they draw, and the check compares data."""

import base64
import json

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib import pyplot as plt

from socialai import figures

ALT = "A line that rises from 1 to 4 as d_k does."


@pytest.fixture
def drawn(tmp_path, monkeypatch):
    """A run that drew one figure."""
    monkeypatch.setattr(figures, "chinese_font", list)
    figures.start("01_x", tmp_path / "runs" / "01_x")
    frame = pd.DataFrame({"d_k": [1, 2, 4], "variance": [1.0, 2.0, 4.0], "what": ["a", "b", "c"]})
    fig, ax = figures.subplots()
    ax.plot(frame["d_k"], frame["variance"])
    figures.save(fig, "01_variance", frame, alt=ALT)
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
        figures.save(figures.subplots()[0], "01_a", frame, alt=ALT, atol=atol)
        folders[kind] = tmp_path / kind
    found = figures.differences({"01_x": folders["now"]}, folders["then"] / "figures")
    assert len(found) == (column is not None) and all(
        f"{column!r} in row 2" in line for line in found
    )


def test_a_tolerance_for_a_column_that_is_not_there_is_refused(drawn):
    fig = figures.subplots()[0]
    with pytest.raises(ValueError, match="no columns.*variance"):
        figures.save(fig, "01_b", pd.DataFrame({"d_k": [1]}), alt=ALT, atol={"variance": 0.1})


@pytest.mark.parametrize("alt", [None, "", "too short", " " * 30, "x" * 601, 20 * ["word"]])
def test_an_alternative_text_of_a_sentence_or_two_is_required(drawn, alt):
    fig = figures.subplots()[0]
    with pytest.raises(ValueError, match="figure 01_b: alt must tell"):
        figures.save(fig, "01_b", pd.DataFrame(), alt=alt)
    with pytest.raises(TypeError, match="alt"):
        figures.save(fig, "01_b", pd.DataFrame())


@pytest.mark.parametrize("picture", ["svg", "png"])
def test_the_alternative_text_goes_with_the_picture(drawn, monkeypatch, picture):
    shown = []
    monkeypatch.setattr(figures, "display", shown.append)
    alt = "Two <boxes> & one arrow:\n   训练 before 评估."
    figures.save(figures.subplots()[0], "01_b", pd.DataFrame(), alt=alt, picture=picture)
    folder = drawn["01_x"] / "figures"
    assert figures.read_manifest(folder)["01_b"]["alt"] == " ".join(alt.split())
    content = (folder / f"01_b.{picture}").read_bytes()
    if picture == "svg":
        assert "<title>Two &lt;boxes&gt; &amp; one arrow: 训练 before" in content.decode()
    else:
        assert "Two <boxes> & one arrow: 训练".encode() in content
    (image,) = shown
    content, metadata = image._repr_mimebundle_()
    assert metadata["image/png"]["alt"] == " ".join(alt.split())
    assert base64.b64decode(content["image/png"]).startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("alt", "same"),
    [
        ("A line that rises from 1 to 3.95 as d_k does.", True),
        ("A line that falls from 1 to 4 as d_k does.", False),
    ],
)
def test_words_of_the_alternative_text_are_compared_and_numbers_are_not(drawn, tmp_path, alt, same):
    committed = tmp_path / "committed"
    (drawn["01_x"] / "figures").rename(committed)
    figures.start("01_x", drawn["01_x"])
    frame = pd.read_csv(committed / "01_variance.csv")
    figures.save(figures.subplots()[0], "01_variance", frame, alt=alt)
    assert (figures.differences(drawn, committed) == []) == same


def test_a_row_a_label_with_its_dot_and_its_interval():
    frame = pd.DataFrame(
        {
            "model": ["BERT", "TF-IDF", "none"],
            "value": [0.9, 0.8, 0.5],
            "low": [0.85, 0.75, np.nan],
            "high": [0.95, 0.85, np.nan],
        }
    )
    ax = plt.figure().add_subplot()
    figures.interval_rows(ax, frame, grey=["none"])
    assert [label.get_text() for label in ax.get_yticklabels()] == ["BERT", "TF-IDF", "none"]
    assert ax.get_ylim() == (2.5, -0.5)  # the first on top
    lines, dots = ax.collections
    drawn = [segment.tolist() for segment in lines.get_segments()]
    assert drawn[:2] == [[[0.85, 0], [0.95, 0]], [[0.75, 1], [0.85, 1]]]
    assert dots.get_offsets().tolist() == [[0.9, 0], [0.8, 1], [0.5, 2]]
    blue = list(mpl.colors.to_rgba(figures.COLORS[0]))
    grey = list(mpl.colors.to_rgba(figures.GREY))
    assert dots.get_facecolors().tolist() == [blue, blue, grey]
    plt.close()


def test_intervals_of_a_second_call_stand_beside_the_first_ones():
    frame = pd.DataFrame({"model": ["a", "b", 3], "value": 1.0, "low": 0.0, "high": 2.0})
    ax = plt.figure().add_subplot()
    figures.interval_rows(ax, frame)
    figures.interval_rows(ax, frame[::-2], color="red", offset=0.25)
    first, second = (dots.get_offsets()[:, 1].tolist() for dots in ax.collections[1::2])
    assert first == [0, 1, 2] and second == [2.25, 0.25]
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["a", "b", "3"]
    plt.close()


def test_axes_that_share_y_share_their_rows():
    frame = pd.DataFrame({"model": ["a", "b", 3], "value": 1.0, "low": 0.0, "high": 2.0})
    _, axes = plt.subplots(1, 2, sharey=True)
    for ax, part in zip(axes, (frame[:2], frame[::-1]), strict=True):
        figures.interval_rows(ax, part)
        figures.interval_rows(ax, frame[::-2], color="red", offset=0.25)
    drawn = [[dots.get_offsets()[:, 1].tolist() for dots in ax.collections[1::2]] for ax in axes]
    assert drawn == [[[0, 1], [2.25, 0.25]], [[2, 1, 0], [2.25, 0.25]]]
    assert [tick.get_text() for tick in axes[0].get_yticklabels()] == ["a", "b", "3"]
    assert axes[0].get_ylim() == axes[1].get_ylim() == (2.5, -0.5)
    plt.close()


def test_what_was_drawn_before_the_rows_is_no_row():
    ax = plt.figure().add_subplot()
    ax.axvline(0.5)
    ax.plot([0, 1], [0, 1])
    figures.interval_rows(ax, pd.DataFrame({"model": ["a"], "value": 1.0, "low": 0, "high": 2}))
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["a"]
    plt.close()


CURVES = pd.DataFrame(
    {
        "method": ["a", "a", "b", "b", "base", "base"],
        "n": [1, 10, 1, 10, 1, 10],
        "score": [0.1, 0.5, 0.2, 0.501, 0.3, np.nan],
        "low": [0.0, 0.4, 0.1, 0.4, 0.2, np.nan],
        "high": [0.2, 0.6, 0.3, 0.6, 0.4, np.nan],
    }
)


@pytest.mark.parametrize("scale", ["linear", "log"])
def test_each_line_carries_its_name_at_its_end_and_no_name_covers_another(scale):
    fig, ax = plt.subplots()
    ax.set(xscale=scale, yscale=scale)
    figures.lines(ax, CURVES, "n", "score", "method", "low", "high", grey=["base"])
    assert [line.get_ydata().tolist() for line in ax.lines[:2]] == [[0.1, 0.5], [0.2, 0.501]]
    assert [line.get_linestyle() for line in ax.lines] == ["-", "-", "--"]
    assert ax.lines[2].get_color() == figures.GREY and len(ax.collections) == 3
    names = {text.get_text(): text for text in ax.texts}
    assert names["base"].xy == (1, 0.3)  # where it ends: the last value is missing
    fig.draw_without_rendering()
    boxes = sorted((text.get_window_extent() for text in ax.texts), key=lambda box: box.y0)
    assert len(boxes) == 3
    assert all(low.y1 <= high.y0 + 1 for low, high in zip(boxes, boxes[1:], strict=False))
    plt.close()


def test_intervals_may_be_bars_and_lines_may_have_neither_intervals_nor_names():
    ax = plt.figure().add_subplot()
    figures.lines(ax, CURVES, "n", "score", "method", "low", "high", bars=True)
    assert len(ax.containers) == 3 and len(ax.texts) == 3
    plt.close()
    ax = plt.figure().add_subplot()
    figures.lines(ax, CURVES, "n", "score", "method", label_ends=False)
    assert len(ax.lines) == 3 and not ax.texts and not ax.collections
    plt.close()


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(-100, 100), max_size=12), st.floats(0, 20))
def test_labels_are_spread_no_closer_than_the_gap_and_keep_their_order(values, gap):
    spread = figures.spread_labels(values, gap)
    order = np.argsort(values, kind="stable")
    assert spread.shape == (len(values),)
    assert (np.diff(spread[order]) >= gap - 1e-9 * (100 + gap * len(values))).all()
    if (np.diff(np.asarray(values)[order]) >= gap).all():
        assert spread == pytest.approx(values)  # with room enough none is moved
    if values:
        assert spread.mean() == pytest.approx(
            np.mean(values), abs=1e-6
        )  # and all around their middle


@pytest.mark.parametrize(
    ("values", "gap", "spread"),
    [([0.5, 0.5, 0.9], 0.085, [0.4575, 0.5425, 0.9]), ([3, 1, 1], 1, [3, 0.5, 1.5])],
)
def test_labels_that_would_overlap_are_moved_around_their_middle(values, gap, spread):
    assert figures.spread_labels(values, gap) == pytest.approx(spread)


@pytest.mark.parametrize("installed", [["Noto Sans CJK SC", "DejaVu Sans"], ["DejaVu Sans"]])
def test_chinese_is_shown_by_a_font_of_the_system_else_by_a_fetched_one(monkeypatch, installed):
    fonts = [
        font for font in figures.font_manager.fontManager.ttflist if font.name == "DejaVu Sans"
    ]
    monkeypatch.setattr(
        figures.font_manager.fontManager,
        "ttflist",
        [mpl.font_manager.FontEntry(name=name) for name in installed],
    )
    asked = []

    def fetch_member(*wanted):
        asked.append(wanted)
        return fonts[0].fname

    monkeypatch.setattr(figures, "fetch_member", fetch_member)
    found = figures.chinese_font()
    assert found == [installed[0]] and bool(asked) == (len(installed) == 1)


def test_maps_share_one_scale_from_zero_and_keep_the_order_of_their_labels():
    rows = [(m, a, b, w) for m, w in (("one", 0.2), ("two", 0.4)) for a in "ba" for b in "dc"]
    frame = pd.DataFrame(rows, columns=["map", "from", "to", "weight"])
    fig = figures.heat_maps(frame, *frame.columns, high=0.5, mark=0.25, numbers=True)
    first, second, bar = fig.axes
    assert [image.get_clim() for ax in (first, second) for image in ax.images] == [(0, 0.5)] * 2
    assert [label.get_text() for label in first.get_yticklabels()] == ["b", "a"]
    assert [label.get_text() for label in first.get_xticklabels()] == ["d", "c"]
    assert {text.get_text() for text in second.texts} == {"0.40"}
    assert (first.get_xlabel(), first.get_ylabel(), bar.get_ylabel()) == ("to", "from", "weight")
    assert 0.25 in [line.get_ydata()[0] for line in bar.lines]
