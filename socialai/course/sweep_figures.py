"""The picture of a sweep: means and intervals over its seeds, results of one kind in one panel."""

import io
import itertools
from os.path import commonprefix

import numpy as np
import pandas as pd

from socialai import figures
from socialai.errors import DataUnavailable


def draw(sweep, frame: pd.DataFrame) -> bytes:
    """SVG of a `socialai.course.sweeps.Sweep` and its rows: mean and 95 % interval (t) over the seeds, and the single runs.

    Across goes the numeric axis with the most values, else the first one; the other axes are lines. With one axis the
    results that `panels` puts together are lines too; with none, each is a row.
    """
    try:
        figures.style()
    except DataUnavailable:  # only Chinese labels need the font
        pass
    axes = [axis for axis in sweep.axes if len(sweep.grid[axis]) > 1]
    numeric = [axis for axis in axes if all(isinstance(v, int | float) for v in sweep.grid[axis])]
    across = max(numeric or axes[:1], key=lambda axis: len(sweep.grid[axis]), default=None)
    others = [axis for axis in axes if axis != across]
    means = frame.groupby("result", sort=False)["value"].mean()
    groups = [[name] for name in means.index] if others else panels(means)
    heights = [3 if across else 0.7 + 0.35 * len(group) for group in groups]
    fig, places = figures.subplots(
        len(groups), 1, width=7, height=0.6 + sum(heights), squeeze=False, height_ratios=heights
    )
    for ax, group in zip(places[:, 0], groups, strict=True):
        parts = {name: frame[frame["result"] == name] for name in group}
        prefix = (
            commonprefix([f"{name}_" for name in group]).rpartition("_")[0]
            if len(group) > 1
            else ""
        )
        short = {name: name.removeprefix(f"{prefix}_") for name in group}
        if across is None:
            _rows(ax, {short[name]: part["value"] for name, part in parts.items()}, sweep.baselines)
            ax.set(xlabel=prefix)
            continue
        lines = {}
        for name, part in parts.items():
            for values in itertools.product(*(sweep.grid[axis] for axis in others)):
                chosen = part[(part[others] == list(values)).all(axis=1)]
                label = [short[name]] * (len(group) > 1) + [str(value) for value in values]
                lines[tuple(label)] = [
                    chosen[chosen[across] == tick]["value"] for tick in sweep.grid[across]
                ]
        _lines(ax, sweep.grid[across], lines, sweep.baselines)
        ax.set(xlabel=across, ylabel=prefix or group[0])
    n_seeds = len(sweep.grid.get("seed", [0]))
    note = (
        f"mean and 95 % interval over {n_seeds} seeds" if n_seeds > 1 else "one seed: no interval"
    )
    fig.suptitle(sweep.title or sweep.name, x=0.01, ha="left", fontweight="bold", fontsize=11)
    places[0, 0].set_title(note, loc="left", fontsize=9, fontweight="normal", color="#555555")
    buffer = io.BytesIO()
    fig.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    figures.plt.close(fig)
    return buffer.getvalue()


def panels(means: pd.Series) -> list[list[str]]:
    """Results (the index) that share a panel: names that begin with the same words, no mean twenty times another."""
    groups: list[list[str]] = []
    for name in means.index:
        for group in groups:
            values = means[[*group, name]]
            if (
                group[0].split("_")[:2] == name.split("_")[:2]
                and 0 < values.max() < 20 * values.min()
            ):
                group.append(name)
                break
        else:
            groups.append([name])
    return groups


def half_interval(values) -> float:
    """Half the width of the 95 % t interval of a mean; 0 for a single value, which has none."""
    from scipy import stats

    n = len(values)
    return float(stats.t.ppf(0.975, n - 1) * np.std(values, ddof=1) / np.sqrt(n)) if n > 1 else 0.0


def apart(values, gap: float) -> np.ndarray:
    """Heights for labels at rising values: `gap` or more between neighbours, else as near the values as can be."""
    from sklearn.isotonic import isotonic_regression

    steps = gap * np.arange(len(values))
    return isotonic_regression(np.asarray(values) - steps) + steps


def _rows(ax, rows: dict[str, pd.Series], baselines: list) -> None:
    """A row a result: its mean, its interval, its runs."""
    for y, (label, values) in enumerate(rows.items()):
        color = figures.GREY if label in baselines else figures.COLORS[0]
        ax.errorbar(values.mean(), y, xerr=half_interval(values), fmt="o", capsize=3, color=color)
        ax.plot(values, [y] * len(values), ".", color=color, alpha=0.4, ms=4)
    ax.set(yticks=range(len(rows)), yticklabels=list(rows), ylim=(len(rows) - 0.5, -0.5))


def _lines(ax, ticks: list, lines: dict[tuple, list[pd.Series]], baselines: list) -> None:
    """A line a label: at each tick the mean, the interval and the runs; some ticks may have none.

    Ticks that are no numbers have no order: their marks are not joined.
    """
    ends, joined = {}, pd.to_numeric(pd.Series(ticks), errors="coerce").notna().all()
    for number, (label, groups) in enumerate(lines.items()):
        offset = 0.06 * (number - (len(lines) - 1) / 2)  # so that intervals stand beside each other
        grey = any(value in map(str, baselines) for value in label)
        look = {"color": figures.GREY if grey else figures.COLORS[number % len(figures.COLORS)]}
        look |= {
            "marker": "os^Dv*"[number % 6],
            "ls": ("--" if grey else "-") if joined else "none",
        }
        drawn = {k + offset: group for k, group in enumerate(groups) if len(group)}
        if not drawn:
            continue
        means = [group.mean() for group in drawn.values()]
        ax.errorbar(
            list(drawn),
            means,
            [half_interval(group) for group in drawn.values()],
            capsize=3,
            **look,
        )
        for x, group in drawn.items():
            ax.plot([x] * len(group), group, ".", color=look["color"], alpha=0.4, ms=4)
        ends[", ".join(label)] = (means[-1], look["color"])
    ax.set(
        xticks=range(len(ticks)),
        xticklabels=[str(tick) for tick in ticks],
        xlim=(-0.3, len(ticks) - 0.7),
    )
    _label(ax, len(ticks) - 0.68, ends)


def _label(ax, x: float, ends: dict[str, tuple[float, str]]) -> None:
    """Labels of lines at their right ends, moved apart where they would overlap."""
    gap = 0.085 * (ax.get_ylim()[1] - ax.get_ylim()[0])
    labels = sorted(ends, key=lambda label: ends[label][0])
    for label, y in zip(labels, apart([ends[label][0] for label in labels], gap), strict=True):
        ax.text(x, y, label, color=ends[label][1], va="center")
