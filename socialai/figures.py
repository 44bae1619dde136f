"""One style for the whole course, and figures that keep the data they draw.

`save` writes the picture, its data as CSV and an entry of the manifest into the run folder and
shows the picture. `differences` compares the data of a run with the committed ones, never pixels.
`interval_rows`, `lines` and `heat_maps` draw what most lessons draw: estimates with their
intervals, and matrices.
"""

import io
import logging
import re
import shutil
from collections.abc import Collection
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from IPython.display import Image, display
from matplotlib import font_manager
from matplotlib.ticker import FixedLocator
from numpy.typing import ArrayLike
from sklearn.isotonic import isotonic_regression

from socialai import files
from socialai.data import fetch_member

# longer than 250 lines of code because lessons reach style, keeping and the recurring forms by one
# name.

# Okabe and Ito's colour-blind safe palette, darkest hues first so that greyscale keeps them apart.
COLORS = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9"]
MARKERS = "os^Dv*"
GREY = "#8c8c8c"
CJK_FONTS = (
    "Noto Sans CJK SC",
    "Noto Sans SC",
    "Source Han Sans SC",
    "WenQuanYi Zen Hei",
    "PingFang SC",
    "Microsoft YaHei",
)
ATOL = 1e-3
ALT_LENGTH = range(20, 601)  # characters of an alternative text: a sentence or two
_run: dict = {"notebook": None, "folder": None}


def start(notebook: str, folder: Path | None) -> None:
    """Set the style; figures from now on are those of `notebook`, kept in `folder`/figures."""
    _run.update(notebook=notebook, folder=folder)
    if folder is not None:
        shutil.rmtree(folder / "figures", ignore_errors=True)
        (folder / "figures").mkdir(parents=True)
    style()


def style() -> None:
    """Set matplotlib up: Chinese, no top or right spine, readable at 800 pixels, SVG undated."""
    # The Chinese font has no bold: known, and said at every title.
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)
    mpl.rcdefaults()  # whatever a matplotlibrc says
    mpl.rcParams.update(
        {
            "font.family": ["DejaVu Sans", *chinese_font()],
            "font.size": 10,
            "axes.titlesize": 11,
            "axes.titleweight": "bold",
            "axes.titlelocation": "left",
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.prop_cycle": mpl.cycler(color=COLORS),
            "axes.unicode_minus": False,
            "figure.constrained_layout.use": True,
            "legend.frameon": False,
            "savefig.dpi": 130,
            "svg.hashsalt": "socialai",
            "svg.fonttype": "path",
        }
    )


def chinese_font() -> list[str]:
    """Names of fonts with Chinese glyphs: those of the system, else Noto Sans CJK, fetched.

    Raises DataUnavailable where the system has none of them and the registry's can't be had.
    """
    installed = {font.name for font in font_manager.fontManager.ttflist}
    if found := [name for name in CJK_FONTS if name in installed]:
        return found
    path = fetch_member("noto_cjk", "mplfonts/fonts/NotoSansCJKsc-Regular.otf")
    font_manager.fontManager.addfont(path)
    return [font_manager.FontProperties(fname=path).get_name()]


def subplots(nrows: int = 1, ncols: int = 1, width: float = 7, height: float = 3.2, **options):
    """matplotlib's `subplots` with the size in inches; returns (figure, axes)."""
    return plt.subplots(nrows, ncols, figsize=(width, height), **options)


def interval_rows(
    ax,
    frame: pd.DataFrame,
    label: str = "model",
    value: str = "value",
    low: str = "low",
    high: str = "high",
    grey: Collection = (),
    color: str = COLORS[0],
    offset: float = 0.0,
) -> None:
    """A row a label, the first on top: a dot at the value, a line from low to high.

    grey: labels drawn in grey, baselines say. A second call, on these axes or on others that share
    their y, draws on the rows of the first and adds what is new below; with another colour, and an
    offset, how far below the middle of its row, in rows.
    """
    # The axis itself knows the rows: the labels of axes that share y are hidden, and then empty.
    ticks = ax.yaxis.get_major_locator()
    before = []
    if isinstance(ticks, FixedLocator):
        before = ax.yaxis.get_major_formatter().format_ticks(ticks())
    labels = list(dict.fromkeys([*before, *map(str, frame[label])]))
    rows = np.array([labels.index(str(name)) for name in frame[label]]) + offset
    colors = [GREY if name in grey else color for name in frame[label]]
    ax.hlines(rows, frame[low], frame[high], colors, lw=2)
    ax.scatter(frame[value], rows, c=colors, s=36, zorder=3)
    ax.set(yticks=range(len(labels)), yticklabels=labels, ylim=(len(labels) - 0.5, -0.5))


def lines(
    ax,
    frame: pd.DataFrame,
    x: str,
    y: str,
    by: str,
    low: str | None = None,
    high: str | None = None,
    label_ends: bool = True,
    grey: Collection = (),
    bars: bool = False,
) -> None:
    """A line a group of the column `by`, its interval shaded, its name at its right end.

    low, high: columns of the interval, if there is one. grey: groups drawn grey and dashed,
    baselines say. bars: the intervals as bars, for few values of x that are far apart. Names are
    moved up and down until none covers another, for the limits and the scale that `ax` has now: set
    those first.
    """
    names = list(dict.fromkeys(frame[by]))
    coloured = [name for name in names if name not in grey]
    ends = {}
    for number, name in enumerate(names):
        part = frame[frame[by] == name]
        color = GREY if name in grey else COLORS[coloured.index(name) % len(COLORS)]
        look = {"color": color, "ls": "--" if name in grey else "-"}
        look |= {"marker": MARKERS[number % len(MARKERS)], "ms": 5}
        if bars and low is not None:
            reach = [part[y] - part[low], part[high] - part[y]]
            ax.errorbar(part[x], part[y], reach, capsize=3, **look)
        else:
            ax.plot(part[x], part[y], **look)
            if low is not None:
                ax.fill_between(part[x], part[low], part[high], color=color, alpha=0.15, lw=0)
        shown = part[part[y].notna()]
        if len(shown):
            ends[str(name)] = (*shown[[x, y]].iloc[-1], color)
    if label_ends:
        _label_ends(ax, ends)


def _label_ends(ax, ends: dict[str, tuple]) -> None:
    """Write each name to the right of the end (x, y, colour) of its line."""
    # In points, so that a gap is a line of text whatever the scale of the axis.
    per_point = ax.figure.dpi / 72
    heights = [ax.transData.transform((x, y))[1] / per_point for x, y, _ in ends.values()]
    spread = spread_labels(heights, 1.2 * mpl.rcParams["font.size"])
    for (name, (x, y, color)), height, moved in zip(ends.items(), heights, spread, strict=True):
        ax.annotate(
            name,
            (x, y),
            xytext=(8, moved - height),
            textcoords="offset points",
            color=color,
            va="center",
        )


def spread_labels(values: ArrayLike, gap: float) -> np.ndarray:
    """Heights (n,) for labels at these values: `gap` or more apart, else as near as can be.

    Neighbours keep their order. It is isotonic regression: of heights whose steps are `gap` or more
    it finds those with the least sum of squared moves.
    """
    values = np.asarray(values, dtype=float)
    order = np.argsort(values, kind="stable")
    steps = gap * np.arange(len(values))
    spread = np.empty(len(values))
    if len(values):
        spread[order] = isotonic_regression(values[order] - steps) + steps
    return spread


def heat_maps(
    frame: pd.DataFrame,
    panel: str,
    row: str,
    column: str,
    value: str,
    high: float,
    mark: float | None = None,
    numbers: bool = False,
    width: float = 7,
    height: float = 3.2,
):
    """A map a group of the column `panel`, all on one scale of blue from 0 to `high`; the figure.

    frame: tidy, a row a square; squares stand in the order in which their labels come. The columns'
    names are the names of the axes. mark: a value drawn on the colour bar, uniform weights say.
    numbers: written into the squares, in two decimals.
    """
    panels = list(dict.fromkeys(frame[panel]))
    fig, axes = subplots(1, len(panels), width, height, squeeze=False)
    for ax, name in zip(axes[0], panels, strict=True):
        part = frame[frame[panel] == name]
        rows = list(dict.fromkeys(part[row]))
        columns = list(dict.fromkeys(part[column]))
        grid = part.pivot(index=row, columns=column, values=value).loc[rows, columns].to_numpy()
        image = ax.imshow(grid, cmap="Blues", vmin=0, vmax=high)
        ax.set(title=name, xlabel=column, ylabel=row)
        ax.spines[:].set_visible(False)
        ax.set_yticks(range(len(rows)), rows)
        ax.set_xticks(range(len(columns)), columns)
        if max(map(len, map(str, columns))) > 2:
            ax.tick_params(axis="x", rotation=60)
            for label in ax.get_xticklabels():
                label.set(ha="right", rotation_mode="anchor")
        for (i, j), one in np.ndenumerate(grid if numbers else np.empty((0, 0))):
            color = "white" if one > 0.55 * high else "black"
            ax.text(j, i, f"{one:.2f}", ha="center", va="center", color=color)
    bar = fig.colorbar(image, ax=list(axes[0]), label=value, shrink=0.8)
    bar.outline.set_visible(False)
    if mark is not None:
        bar.ax.axhline(mark, color=COLORS[4], lw=2)
    return fig


def save(
    fig,
    name: str,
    data: pd.DataFrame,
    *,
    alt: str,
    atol: float | dict[str, float] = ATOL,
    picture: str = "svg",
) -> None:
    """Show a figure and keep it with the data that it draws.

    data: the tidy frame that was drawn. alt: one or two sentences (20 to 600 characters) that tell
    who can't see the picture what it shows. atol: how far a number may be from it in a later run,
    absolute; measured over seeds where training is involved; a dictionary has one for each column
    named, and 0.001 for the others. picture: "svg", or "png" for pictures of many pixels. Raises
    ValueError for an alt of another length, and when `atol` names a column that `data` lacks.
    """
    alt = " ".join(alt.split()) if isinstance(alt, str) else ""
    if len(alt) not in ALT_LENGTH:
        raise ValueError(
            f"figure {name}: alt must tell who can't see it what it shows, "
            f"in {ALT_LENGTH[0]} to {ALT_LENGTH[-1]} characters; it has {len(alt)}"
        )
    if isinstance(atol, dict) and (missing := atol.keys() - set(map(str, data.columns))):
        raise ValueError(
            f"figure {name} has no columns {sorted(missing)} that a tolerance could be for"
        )
    inline = fig_to_png(fig)
    if _run["folder"] is not None:
        folder = _run["folder"] / "figures"
        if picture == "svg":  # its title is what a screen reader reads
            metadata = {"Date": None, "Creator": None, "Title": alt}
        else:
            metadata = {"Software": None, "Description": alt}
        fig.savefig(folder / f"{name}.{picture}", metadata=metadata)
        data.to_csv(folder / f"{name}.csv", index=False, float_format="%.10g", lineterminator="\n")
        manifest = read_manifest(folder)
        manifest[name] = {
            "notebook": _run["notebook"],
            "picture": f"{name}.{picture}",
            "data": f"{name}.csv",
            "alt": alt,
            "atol": atol,
        }
        files.write_json(folder / "manifest.json", manifest)
    plt.close(fig)
    display(Image(inline, alt=alt))


def fig_to_png(fig) -> bytes:
    """The figure as PNG bytes."""
    buffer = io.BytesIO()
    fig.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def read_manifest(folder: Path) -> dict:
    """{figure: {notebook, picture, data, alt, atol}} of a folder of figures."""
    return files.read_json(folder / "manifest.json")


def differences(
    runs: dict[str, Path], committed: Path | None = None, left_out: Collection[str] = ()
) -> list[str]:
    """What runs at defaults ({notebook: its folder}) draw differently from the committed figures.

    left_out: notebooks whose committed figures are not looked at.
    """
    committed = committed or files.FIGURES
    before = {
        name: entry
        for name, entry in read_manifest(committed).items()
        if entry["notebook"] not in left_out
    }
    now = {}
    found = []
    for notebook, run in sorted(runs.items()):
        if not run.is_dir():
            found.append(f"{notebook}: there is no run to compare with")
            continue
        for name, entry in read_manifest(run / "figures").items():
            now[name] = (run / "figures", entry)

    # Figures on one side only, then those on both.
    for name in before.keys() - now.keys():
        found.append(f"{before[name]['notebook']}: figure {name} is committed but no longer drawn")
    for name in now.keys() - before.keys():
        found.append(f"{now[name][1]['notebook']}: figure {name} is drawn but not committed")
    for name in sorted(before.keys() & now.keys()):
        folder, entry = now[name]
        if reason := _figure_differs(committed, before[name], folder, entry):
            found.append(f"{entry['notebook']}: figure {name}: {reason}")
    return found


def _figure_differs(committed: Path, before: dict, folder: Path, entry: dict) -> str | None:
    """Why a figure of a run is not the committed one, or None."""
    if _without_numbers(entry) != _without_numbers(before):
        return "its entry of the manifest changed"
    if not (committed / entry["picture"]).is_file():
        return f"picture {entry['picture']} is missing"
    return data_differs(committed / entry["data"], folder / entry["data"], entry["atol"])


def _without_numbers(entry: dict) -> dict:
    """An entry of the manifest with # for each number of its alternative text: they may move."""
    return entry | {"alt": re.sub(r"[-+]?\d+([.,]\d+)*", "#", entry.get("alt", ""))}


def data_differs(committed: Path, drawn: Path, atol: float | dict[str, float]) -> str | None:
    """Why two CSV files of figure data differ, or None where they agree within `atol` of `save`."""
    if not committed.is_file():
        return f"{committed.name} is missing"
    before = pd.read_csv(committed)
    now = pd.read_csv(drawn)
    if list(before.columns) != list(now.columns) or len(before) != len(now):
        return (
            f"{len(before)} rows of {list(before.columns)} in the repository, "
            f"{len(now)} rows of {list(now.columns)} in a run"
        )
    for column in before.columns:
        a = before[column]
        b = now[column]
        if pd.api.types.is_numeric_dtype(a) and pd.api.types.is_numeric_dtype(b):
            within = atol.get(column, ATOL) if isinstance(atol, dict) else atol
            close = np.isclose(a, b, rtol=1e-4, atol=within, equal_nan=True)
        else:
            close = (a.fillna("").astype(str) == b.fillna("").astype(str)).to_numpy()
        if not close.all():
            row = int(np.flatnonzero(~close)[0])
            return f"{column!r} in row {row + 1} is {a[row]} in the repository, {b[row]} in a run"
    return None
