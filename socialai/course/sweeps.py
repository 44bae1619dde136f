"""A sweep: one notebook over a grid of parameters, read from YAML, tabled and drawn over its seeds.

    notebook: 10_bert_finetuning
    grid: {seed: [0, 1, 2], methods: [tfidf, finetuned], n_train: [200, 800]}
    fixed: {n_seeds: 1}               # optional: other parameters
    results: [bert_test_accuracy]     # optional: which recorded results are shown; all without it
    baselines: [tfidf]                # optional: values that are drawn in grey
    title: Fine-tuning pays late      # optional: the lesson, over the figure

A recorded name that ends in a grid value of its own run (`bert_test_accuracy_tfidf` in a run with methods=tfidf) is
that result for that value, so that the values stand side by side. `--update` keeps a sweep in
figures/experiments/NAME.json.
"""

import difflib
import itertools
import json
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import yaml

from socialai import files, results
from socialai.course import sweep_figures
from socialai.course.runs import Run, default_parameters, find_notebook, make_run
from socialai.errors import UserError

KEYS = ("notebook", "grid", "fixed", "results", "baselines", "title")


@dataclass
class Sweep:
    """A checked sweep: its file's name, its notebook, grid {parameter: values}, fixed {parameter: value}, its looks."""

    name: str
    notebook: str
    grid: dict[str, list]
    fixed: dict = field(default_factory=dict)
    results: list[str] = field(default_factory=list)
    baselines: list = field(default_factory=list)
    title: str = ""

    def points(self) -> list[tuple[dict, Run]]:
        """Every point of the grid with its run; the parameters are checked as those of `socialai run`."""
        points = [
            dict(zip(self.grid, values, strict=True))
            for values in itertools.product(*self.grid.values())
        ]
        return [(point, make_run(self.notebook, self.fixed | point)) for point in points]

    @property
    def axes(self) -> list[str]:
        """The grid's parameters but the seed: what is compared."""
        return [key for key in self.grid if key != "seed"]

    @property
    def committed(self) -> Path:
        """Where `--update` keeps it."""
        return files.FIGURES / "experiments" / f"{self.name}.json"


def read(name: str | Path) -> Sweep:
    """The sweep of a YAML file, given by path or by its name in notebooks/experiments; mistakes are UserErrors."""
    path = Path(name)
    known = {p.stem: p for p in sorted((files.NOTEBOOKS / "experiments").glob("*.yaml"))}
    if not path.is_file():
        if path.stem not in known:
            near = (
                difflib.get_close_matches(path.stem, known, n=3, cutoff=0.3)
                or list(known)
                or ["none"]
            )
            raise UserError(f"there is no sweep {str(name)!r}; the nearest: {', '.join(near)}")
        path = known[path.stem]
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        line = (
            f" in line {error.problem_mark.line + 1}"
            if getattr(error, "problem_mark", None)
            else ""
        )
        raise UserError(f"{path.name} is not readable YAML{line}") from None
    if not isinstance(content, dict):
        raise UserError(f"{path.name} holds no keys; it takes {', '.join(KEYS)}")
    for key in content:
        if key not in KEYS:
            near = difflib.get_close_matches(str(key), KEYS, n=1, cutoff=0.4) or KEYS
            raise UserError(f"{path.name} has no key {key!r}; the nearest: {', '.join(near)}")
    if not isinstance(content.get("notebook"), str | int):
        raise UserError(f"{path.name} names no notebook")
    grid, fixed = content.get("grid") or {}, content.get("fixed") or {}
    if not isinstance(grid, dict) or not isinstance(fixed, dict) or not grid:
        raise UserError(
            f"{path.name}: grid maps parameters to lists of values, fixed maps parameters to one value"
        )
    for key, values in grid.items():
        if (
            not isinstance(values, list)
            or not values
            or any(values.count(value) > 1 for value in values)
        ):
            raise UserError(
                f"{path.name}: grid's {key} takes a list of different values, not {values!r}"
            )
    if both := grid.keys() & fixed.keys():
        raise UserError(f"{path.name}: {', '.join(sorted(both))} is both in grid and in fixed")
    notebook = find_notebook(str(content["notebook"])).stem
    looks = {key: content[key] for key in ("results", "baselines", "title") if content.get(key)}
    sweep = Sweep(path.stem, notebook, grid, fixed, **looks)
    sweep.points()
    return sweep


def rows(sweep: Sweep, runs: list[tuple[dict, dict]]) -> pd.DataFrame:
    """One row a recorded result of a run: the grid's parameters, result, value, published, source.

    runs: (point of the grid, {name: recorded}) of each finished run.
    """
    found = []
    for point, recorded in runs:
        suffixes = [f"_{value}" for key, value in point.items() if key != "seed"]
        for name, r in recorded.items():
            for suffix in suffixes:
                name = name.removesuffix(suffix)
            found.append(
                point | {"result": name, **{k: r[k] for k in ("value", "published", "source")}}
            )
    frame = pd.DataFrame(found, columns=[*sweep.grid, "result", "value", "published", "source"])
    if missing := [
        name for name in sweep.results if len(frame) and name not in set(frame["result"])
    ]:
        recorded = ", ".join(sorted(set(frame["result"])))
        raise UserError(
            f"sweep {sweep.name}: no run recorded {', '.join(missing)}; recorded: {recorded}"
        )
    return frame[frame["result"].isin(sweep.results)] if sweep.results else frame


def summary(frame: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Mean, spread (sample standard deviation), count and published value of each group of rows."""
    grouped = frame.groupby(by, sort=False, dropna=False)
    table = grouped["value"].agg(mean="mean", spread="std", count="count")
    return table.assign(published=grouped["published"].first()).reset_index()


def finished(sweep: Sweep, fresh: set[str]) -> list[tuple[dict, dict]]:
    """(point, recorded results) of the sweep's runs that are among the fresh ones, by name."""
    return [(point, results.read(run.folder)) for point, run in sweep.points() if run.name in fresh]


def keep(sweep: Sweep, runs: list[tuple[dict, dict]]) -> Path:
    """Write a complete sweep to figures/experiments/NAME.json, with what produced it, and its picture; the path."""
    defaults = default_parameters(find_notebook(sweep.notebook))
    content = {
        "notebook": sweep.notebook,
        "grid": sweep.grid,
        "fixed": sweep.fixed,
        "defaults": {k: v for k, v in defaults.items() if k not in sweep.grid | sweep.fixed},
        "runs": [{"parameters": point, "results": recorded} for point, recorded in runs],
        "table": _records(summary(rows(sweep, runs), [*sweep.axes, "result"])),
    }
    sweep.committed.parent.mkdir(parents=True, exist_ok=True)
    results.write_json(sweep.committed, content)
    sweep.committed.with_suffix(".svg").write_bytes(sweep_figures.draw(sweep, rows(sweep, runs)))
    return sweep.committed


def kept(sweep: Sweep) -> list[tuple[dict, dict]]:
    """The runs of the committed sweep; none when there is none."""
    if not sweep.committed.is_file():
        return []
    return [
        (run["parameters"], run["results"])
        for run in json.loads(sweep.committed.read_text("utf-8"))["runs"]
    ]


def differences() -> list[str]:
    """What is wrong with the committed sweeps: missing, of another grid, or with a table that its runs don't give."""
    found = []
    for path in sorted((files.NOTEBOOKS / "experiments").glob("*.yaml")):
        sweep = read(path)
        if not sweep.committed.is_file():
            found.append(f"sweep {sweep.name} was never run: socialai sweep {sweep.name} --update")
            continue
        content = json.loads(sweep.committed.read_text("utf-8"))
        if any(content[key] != getattr(sweep, key) for key in ("notebook", "grid", "fixed")):
            found.append(
                f"sweep {sweep.name}: its file and figures/experiments/{sweep.name}.json differ in the grid"
            )
        elif [run["parameters"] for run in content["runs"]] != [
            point for point, _ in sweep.points()
        ]:
            found.append(
                f"sweep {sweep.name}: figures/experiments/{sweep.name}.json doesn't hold every run"
            )
        elif (
            _records(summary(rows(sweep, kept(sweep)), [*sweep.axes, "result"])) != content["table"]
        ):
            found.append(f"sweep {sweep.name}: its table is not what its runs give")
    return found


def _records(table: pd.DataFrame) -> list[dict]:
    return json.loads(table.to_json(orient="records", double_precision=10))
