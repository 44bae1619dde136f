"""The picture of a sweep: means and intervals over its seeds, one panel a result."""

import io
from collections.abc import Collection

import pandas as pd

from socialai import figures
from socialai.course.tables import plain
from socialai.errors import DataUnavailable
from socialai.evaluation import t_interval

# Columns of a sweep's frame that don't tell what was varied.
APART = ("notebook", "seed", "result", "value", "published", "source")


def draw(sweep, frame: pd.DataFrame) -> bytes:
    """SVG of a `socialai.course.sweeps.Sweep` and its rows: mean, 95 % interval (t), single runs.

    Each result is a panel. Across it goes the numeric parameter, or else label, with the most
    values; what else differs are its lines. Where nothing numeric differs, they are rows.
    """
    try:
        figures.style()
    except DataUnavailable:  # only Chinese labels need the font
        pass
    panels = [
        (name.replace("_", " "), *_panel(part, sweep.grid))
        for name, part in frame.groupby("result", sort=False)
    ]
    heights = [3 if across else 0.7 + 0.35 * part["line"].nunique() for _, part, across in panels]
    size = {"width": 7, "height": 0.6 + sum(heights), "height_ratios": heights}
    fig, places = figures.subplots(len(panels), 1, squeeze=False, **size)
    for ax, (name, part, across) in zip(places[:, 0], panels, strict=True):
        # A line is grey when one of its values is a baseline.
        known = set(map(str, sweep.baselines))
        grey = [line for line in part["line"].unique() if known & set(line.split(", "))]
        if across:
            _draw_lines(ax, part, across, grey)
            ax.set(xlabel=across, ylabel=name)
        else:
            _draw_rows(ax, part, grey)
            ax.set(xlabel=name)
            if list(part["line"].unique()) == [""]:  # the only row is the result itself
                ax.set(xlabel="", yticklabels=[name])

    # What is drawn, under the lesson.
    n_seeds = frame["seed"].nunique() if "seed" in frame else 1
    note = f"mean and 95 % interval over {n_seeds} seeds" if n_seeds > 1 else "one seed"
    fig.suptitle(sweep.title or sweep.name, x=0.01, ha="left", fontweight="bold", fontsize=11)
    places[0, 0].set_title(note, loc="left", fontsize=9, fontweight="normal", color="#555555")
    buffer = io.BytesIO()
    fig.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    figures.plt.close(fig)
    return buffer.getvalue()


def _panel(part: pd.DataFrame, grid: Collection) -> tuple[pd.DataFrame, str | None]:
    """The rows of one result with the column `line`, and the column that goes across (or None)."""
    differ = [c for c in part if c not in APART and part[c].nunique(dropna=False) > 1]
    numeric = [
        c for c in differ if pd.api.types.is_numeric_dtype(part[c]) and part[c].notna().all()
    ]
    varied = [c for c in numeric if c in grid]
    across = max(varied or numeric, key=lambda c: part[c].nunique(), default=None)
    named = [c for c in differ if c != across]
    texts = [
        ", ".join(str(plain(value)) for value in values if pd.notna(value))
        for values in part[named].to_numpy()
    ]
    return part.assign(line=texts), across


def _means(part: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Mean and interval of each group; a single run is its own interval."""
    means = [
        dict(zip(by, group, strict=True)) | t_interval(values).as_row()
        for group, values in part.groupby(by, sort=False)["value"]
    ]
    frame = pd.DataFrame(means)
    return frame.fillna({"low": frame["value"], "high": frame["value"]})


def _draw_rows(ax, part: pd.DataFrame, grey: list[str]) -> None:
    means = _means(part, ["line"])
    figures.interval_rows(ax, means, label="line", grey=grey)
    row_of = {line: row for row, line in enumerate(means["line"])}
    ax.plot(part["value"], part["line"].map(row_of), ".", color="black", alpha=0.4, ms=4)


def _draw_lines(ax, part: pd.DataFrame, across: str, grey: list[str]) -> None:
    # Ticks stand evenly, and lines a little apart, so that their intervals stand beside each other.
    ticks = sorted(part[across].unique())
    lines = list(part["line"].unique())
    step = {line: 0.06 * (i - (len(lines) - 1) / 2) for i, line in enumerate(lines)}
    at = part[across].map({tick: place for place, tick in enumerate(ticks)})
    part = part.assign(at=at + part["line"].map(step))
    ax.plot(part["at"], part["value"], ".", color="black", alpha=0.25, ms=4)
    means = _means(part.sort_values("at", kind="stable"), ["line", "at"])
    ax.set(xticks=range(len(ticks)), xticklabels=[str(plain(tick)) for tick in ticks])
    drawn = {"bars": True, "label_ends": False, "grey": grey}
    figures.lines(ax, means, "at", "value", "line", "low", "high", **drawn)
    ax.set(xlim=(-0.3, len(ticks) - 0.7))

    # Names stand in a column of their own, beside the last interval.
    last = means.groupby("line", sort=False)["value"].last()
    gap = 0.085 * (ax.get_ylim()[1] - ax.get_ylim()[0])
    heights = figures.spread_labels(last, gap)
    for line, drawn, height in zip(last.index, ax.containers, heights, strict=True):
        ax.text(len(ticks) - 0.68, height, line, color=drawn[0].get_color(), va="center")
