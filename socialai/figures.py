"""One style for the whole course, and figures that keep the data they draw.

`save` writes the picture, its data as CSV and an entry of the manifest into the run folder and shows the picture
inline. `differences` compares the data of a run with the committed data, never pixels.
"""

import logging
import shutil
from collections.abc import Collection
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from IPython.display import Image, display
from matplotlib import font_manager

from socialai import files
from socialai.results import read_json, write_json

# Okabe and Ito's colour-blind safe palette, darkest hues first so that greyscale keeps them apart.
COLORS = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9"]
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
_run: dict = {"notebook": None, "folder": None}


def start(notebook: str, folder: Path | None) -> None:
    """Set the style; later figures belong to `notebook` and are written to `folder`/figures, if there is a folder."""
    _run.update(notebook=notebook, folder=folder)
    if folder is not None:
        shutil.rmtree(folder / "figures", ignore_errors=True)
        (folder / "figures").mkdir(parents=True)
    style()


def style() -> None:
    """Set matplotlib up: font with Chinese, no top or right spine, readable at 800 pixels, reproducible SVG."""
    logging.getLogger("matplotlib.font_manager").setLevel(
        logging.ERROR
    )  # the Chinese font has no bold: known
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
    """Names of fonts with Chinese glyphs: those of the system, else Noto Sans CJK from the data registry."""
    installed = {font.name for font in font_manager.fontManager.ttflist}
    if found := [name for name in CJK_FONTS if name in installed]:
        return found
    from socialai import data

    path = data.fetch_member("noto_cjk", "mplfonts/fonts/NotoSansCJKsc-Regular.otf")
    font_manager.fontManager.addfont(path)
    return [font_manager.FontProperties(fname=path).get_name()]


def subplots(nrows: int = 1, ncols: int = 1, width: float = 7, height: float = 3.2, **options):
    """matplotlib's `subplots` with the size in inches; returns (figure, axes)."""
    return plt.subplots(nrows, ncols, figsize=(width, height), **options)


def save(
    fig, name: str, data: pd.DataFrame, atol: float | dict[str, float] = ATOL, picture: str = "svg"
) -> None:
    """Show a figure and keep it with the data that it draws.

    data: the tidy frame that was drawn. atol: how far a number may be from it in a later run, absolute; measured over
    seeds where training is involved; a dictionary has one for each column named, and 0.001 for the others. picture:
    "svg", or "png" for pictures of many pixels. Raises ValueError when `atol` names a column that `data` lacks.
    """
    if isinstance(atol, dict) and (missing := atol.keys() - set(map(str, data.columns))):
        raise ValueError(
            f"figure {name} has no columns {sorted(missing)} that a tolerance could be for"
        )
    inline = fig_to_png(fig)
    if (folder := _run["folder"]) is not None:
        target = folder / "figures"
        metadata = {"Date": None, "Creator": None} if picture == "svg" else {"Software": None}
        fig.savefig(target / f"{name}.{picture}", metadata=metadata)
        data.to_csv(target / f"{name}.csv", index=False, float_format="%.10g", lineterminator="\n")
        manifest = read_manifest(target)
        manifest[name] = {
            "notebook": _run["notebook"],
            "picture": f"{name}.{picture}",
            "data": f"{name}.csv",
            "atol": atol,
        }
        write_json(target / "manifest.json", manifest)
    plt.close(fig)
    display(Image(inline))


def fig_to_png(fig) -> bytes:
    """The figure as PNG bytes."""
    from io import BytesIO

    buffer = BytesIO()
    fig.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def read_manifest(folder: Path) -> dict:
    """{figure: {notebook, picture, data, atol}} of a folder of figures."""
    return read_json(folder / "manifest.json")


def differences(
    runs: dict[str, Path], committed: Path | None = None, left_out: Collection[str] = ()
) -> list[str]:
    """What runs at defaults ({notebook: its folder}) draw differently from the committed figures.

    left_out: notebooks whose committed figures are not looked at.
    """
    committed = committed or files.FIGURES
    then = {
        name: entry
        for name, entry in read_manifest(committed).items()
        if entry["notebook"] not in left_out
    }
    now, found = {}, []
    for notebook, run in sorted(runs.items()):
        if run.is_dir():
            now |= {
                name: (run / "figures", entry)
                for name, entry in read_manifest(run / "figures").items()
            }
        else:
            found.append(f"{notebook}: there is no run to compare with")
    found += [
        f"{then[name]['notebook']}: figure {name} is committed but no longer drawn"
        for name in then.keys() - now.keys()
    ]
    found += [
        f"{now[name][1]['notebook']}: figure {name} is drawn but not committed"
        for name in now.keys() - then.keys()
    ]
    for name in sorted(then.keys() & now.keys()):
        folder, entry = now[name]
        if entry != then[name]:
            found.append(f"{entry['notebook']}: the manifest's entry of figure {name} changed")
        elif not (committed / entry["picture"]).is_file():
            found.append(f"{entry['notebook']}: picture {entry['picture']} is missing")
        elif reason := data_differs(
            committed / entry["data"], folder / entry["data"], entry["atol"]
        ):
            found.append(f"{entry['notebook']}: figure {name}: {reason}")
    return found


def data_differs(then: Path, now: Path, atol: float | dict[str, float]) -> str | None:
    """Why two CSV files of figure data differ, or None when they agree within `atol`, see `save`."""
    if not then.is_file():
        return f"{then.name} is missing"
    a, b = pd.read_csv(then), pd.read_csv(now)
    if list(a.columns) != list(b.columns) or len(a) != len(b):
        return f"{len(a)} rows of {list(a.columns)} in the repository, {len(b)} rows of {list(b.columns)} in a run"
    for column in a.columns:
        within = atol.get(column, ATOL) if isinstance(atol, dict) else atol
        if pd.api.types.is_numeric_dtype(a[column]) and pd.api.types.is_numeric_dtype(b[column]):
            close = np.isclose(a[column], b[column], rtol=1e-4, atol=within, equal_nan=True)
        else:
            close = (
                a[column].fillna("").astype(str) == b[column].fillna("").astype(str)
            ).to_numpy()
        if not close.all():
            row = int(np.flatnonzero(~close)[0])
            return f"{column!r} in row {row + 1} is {a[column][row]} in the repository, {b[column][row]} in a run"
    return None
