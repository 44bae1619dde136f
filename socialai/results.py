"""Results: the only way a number gets into the README or a report.

A notebook records; the run folder keeps; `update` writes what a run at defaults recorded to `figures/results.json`;
`check` compares a later run with it.
"""

import json
import math
import os
from collections.abc import Collection
from pathlib import Path

from socialai import files
from socialai.errors import UserError

_run: dict = {"notebook": None, "folder": None, "results": {}, "at_defaults": True}
DECIMALS = 3


def start(notebook: str, folder: Path | None) -> None:
    """Forget earlier results; later ones belong to `notebook` and go to `folder`/metrics.json, if there is a folder."""
    given = read_json(folder / "params.json") if folder is not None else {}
    _run.update(
        notebook=notebook, folder=folder, results={}, at_defaults=given.keys() <= {"seed", "device"}
    )
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / "metrics.json", {})


def record(
    name: str,
    value: float,
    band: tuple[float, float] | None = None,
    published: float | None = None,
    source: str | None = None,
) -> None:
    """Record a measured number under a name of its own.

    band: (low, high), measured over seeds, that a rerun must stay in; None: it must reproduce to 3 decimals. A run with
    other parameters than seed and device has left the setting that its bands were measured in: it gets none.
    published, source: the value that a paper gives under the same protocol, and which paper.
    Raises ValueError when the value is not finite, outside its own band, or published without source.
    """
    value = float(value)
    if not math.isfinite(value):
        raise ValueError(f"result {name} is {value}: only finite numbers are recorded")
    if not _run["at_defaults"]:
        band = None
    if band is not None and not band[0] <= value <= band[1]:
        raise ValueError(
            f"result {name} = {value:.4g} is outside its band [{band[0]:.4g}, {band[1]:.4g}]"
        )
    if published is not None and not source:
        raise ValueError(f"result {name} stands beside a published value without its source")
    if name in _run["results"]:
        raise ValueError(f"result {name} is recorded twice")
    _run["results"][name] = {
        "value": value,
        "band": None if band is None else [float(band[0]), float(band[1])],
        "published": published,
        "source": source,
    }
    if _run["folder"] is not None:
        write_json(_run["folder"] / "metrics.json", _run["results"])


def write_json(path: Path, content: object) -> None:
    """Write JSON aside and rename it, so that a reader never sees half a file."""
    aside = path.with_name(path.name + ".part")
    aside.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    os.replace(aside, path)


def read_json(path: Path) -> dict:
    """What a JSON file holds; an empty dictionary when there is none."""
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def read(folder: Path) -> dict:
    """The results that a run recorded: {name: {value, band, published, source}}."""
    return read_json(folder / "metrics.json")


def committed() -> dict:
    """The committed results: {notebook: {"seconds": s, "results": {name: ...}}}."""
    return read_json(files.RESULTS)


def differences(runs: dict[str, Path], left_out: Collection[str] = ()) -> list[str]:
    """What runs at defaults ({notebook: its folder}) recorded differently from the committed results.

    left_out: notebooks whose committed results are not looked at.
    """
    kept, found = committed(), []
    for notebook in sorted((runs.keys() | kept) - set(left_out)):
        if not (folder := runs.get(notebook)) or not folder.is_dir():
            found.append(f"{notebook}: there is no run to compare with")
            continue
        then, now = kept.get(notebook, {}).get("results", {}), read(folder)
        found += [
            f"{notebook}: {name} is committed but no longer recorded"
            for name in then.keys() - now.keys()
        ]
        found += [
            f"{notebook}: {name} is recorded but not committed" for name in now.keys() - then.keys()
        ]
        found += filter(
            None,
            (_differs(notebook, name, then[name], now[name]) for name in then.keys() & now.keys()),
        )
    return found


def _differs(notebook: str, name: str, then: dict, now: dict) -> str | None:
    if {k: v for k, v in then.items() if k != "value"} != {
        k: v for k, v in now.items() if k != "value"
    }:
        return f"{notebook}: band, published value or source of {name} changed"
    if then["band"] is None:
        same = abs(then["value"] - now["value"]) <= 0.5 * 10**-DECIMALS * max(
            1.0, abs(then["value"])
        )
    else:
        same = all(then["band"][0] <= side["value"] <= then["band"][1] for side in (then, now))
    return (
        None
        if same
        else f"{notebook}: {name} is {then['value']:.4g} in the repository, {now['value']:.4g} in a run"
    )


def table(entries: dict) -> str:
    """Markdown tables of results, one a notebook: value, the band that a rerun has to stay in, published value."""
    parts = []
    for notebook, entry in sorted(entries.items()):
        if not entry["results"]:
            continue
        parts.append(
            f"**[{notebook}](notebooks/{notebook}.ipynb)**\n\n"
            "| result | value | a rerun gives | published |\n| --- | --- | --- | --- |\n"
            + "\n".join(
                f"| {name} | {number(r['value'])} | {band(r)} | {published(r)} |"
                for name, r in entry["results"].items()
            )
        )
    return "\n\n".join(parts)


def band(result: dict) -> str:
    """The stated band of a result in words: "0.78 to 0.84", or "the same" for what has to reproduce."""
    if result["band"] is None:
        return "the same"
    low, high = result["band"]
    return f"{low:.3g} to {high:.3g}"


def at_defaults(result: dict | None) -> str:
    """A committed result with its band, "0.812 (0.78 to 0.84)"; nothing for a name that isn't committed."""
    if result is None:
        return ""
    return number(result["value"]) + ("" if result["band"] is None else f" ({band(result)})")


def published(result: dict) -> str:
    """The published value with its source, or nothing."""
    return (
        "" if result["published"] is None else f"{number(result['published'])} ({result['source']})"
    )


def number(value: float) -> str:
    """A number as the tables show it: thousands separated, at most three decimals, tiny ones in powers of ten."""
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:,.3f}" if abs(value) >= 1e-3 else f"{value:.1e}"


def replace_between(text: str, marker: str, content: str) -> str:
    """Text with what stands between `<!-- marker -->` and `<!-- /marker -->` replaced."""
    opening, closing = f"<!-- {marker} -->", f"<!-- /{marker} -->"
    if opening not in text or closing not in text:
        raise UserError(f"README.md has no place marked {opening} ... {closing}")
    before, rest = text.split(opening, 1)
    return f"{before}{opening}\n{content}\n{closing}{rest.split(closing, 1)[1]}"
