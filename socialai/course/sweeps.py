"""A sweep: notebooks over a grid of parameters, read from YAML, tabled and drawn over its seeds.

    notebook: 10_bert_finetuning      # or a list of them, or `all`
    grid: {seed: [0, 1, 2], methods: [tfidf, finetuned], n_train: [200, 800]}
    fixed: {n_seeds: 1}               # optional: other parameters
    results: [accuracy]               # optional: which recorded results are shown; all without it
    labels: {split: [test]}           # optional: which values of a label are shown; all without it
    baselines: [tfidf]                # optional: values that are drawn in grey
    title: Fine-tuning pays late      # optional: the lesson, over the figure

It is read as YAML 1.2 has it: `no` and `1:30` are text, and so are numbers that begin with a zero,
which older YAML takes as octal. Relative paths among the parameters count from the folder of the
file. Results of one name that differ in a label stand side by side. `--update` keeps a sweep in
figures/experiments/NAME.json; `committed(NAME)` gives it to a notebook as a frame.
"""

import hashlib
import itertools
import json
import os
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from socialai import files, results
from socialai.course import sweep_figures
from socialai.course.runs import (
    Run,
    convert,
    default_parameters,
    find_notebook,
    make_run,
    named_path,
)
from socialai.course.yaml_files import read_yaml
from socialai.data import inputs
from socialai.errors import UserError
from socialai.validation import check_choice

LOOKS = {"results": list, "labels": dict, "baselines": list, "title": str}
KEYS = ("notebook", "grid", "fixed", *LOOKS)
MEASURED = ["value", "published", "source"]


@dataclass
class Sweep:
    """A checked sweep: the name of its file, its notebooks, its grid, what is fixed, its looks."""

    name: str
    notebook: list[str]
    grid: dict[str, list]
    fixed: dict = field(default_factory=dict)
    results: list[str] = field(default_factory=list)
    labels: dict[str, list] = field(default_factory=dict)
    baselines: list = field(default_factory=list)
    title: str = ""
    several: bool = False  # over more than one notebook
    folder: Path = Path()  # of its file

    def points(self) -> list[tuple[dict, Run]]:
        """Every point of the grid with its run; parameters are checked as by `socialai run`."""
        points = [
            dict(zip(self.grid, values, strict=True))
            for values in itertools.product(*self.grid.values())
        ]
        return [
            (point, make_run(notebook, self.fixed | point, self.folder))
            for notebook in self.notebook
            for point in points
        ]

    def written(self) -> dict:
        """What its file says, with absolute paths, so that the file may lie elsewhere."""
        placed = {}
        for point, run in self.points():
            for key, value in (self.fixed | point).items():
                placed[key, str(value)] = run.parameters.get(key, value)
        said = {key: value for key, value in vars(self).items() if key in KEYS}
        return said | {
            "grid": {k: [placed[k, str(v)] for v in values] for k, values in self.grid.items()},
            "fixed": {key: placed[key, str(value)] for key, value in self.fixed.items()},
        }

    @property
    def axes(self) -> list[str]:
        """The grid's parameters but the seed: what is compared."""
        return [name for name in self.grid if name != "seed"]

    @property
    def kept(self) -> Path:
        """Where `--update` keeps it."""
        return files.FIGURES / "experiments" / f"{self.name}.json"


def read(name: str | Path, only: str | None = None) -> Sweep:
    """The sweep of a YAML file, given by path or by its name in notebooks/experiments.

    only: one of its notebooks, by name or number; the sweep is of that one alone. Mistakes in the
    file are UserErrors of one line.
    """
    path = _find(str(name))
    content = read_yaml(path)
    if not isinstance(content, dict):
        raise UserError(f"{path.name} holds no keys; it takes {', '.join(KEYS)}")
    for key in content:
        check_choice(key, KEYS, f"key of {path.name}")

    # The notebooks, by name or number; `all` are those there are.
    wanted = content.get("notebook")
    if wanted == "all":
        wanted = [path.stem for path in sorted(files.NOTEBOOKS.glob("*.ipynb"))]
    wanted = wanted if isinstance(wanted, list) else [wanted]
    if not wanted or not all(isinstance(one, str | int) for one in wanted):
        raise UserError(f"{path.name} names no notebook")
    notebooks = [find_notebook(str(one)).stem for one in wanted]
    if twice := [stem for stem in notebooks if notebooks.count(stem) > 1]:
        raise UserError(f"{path.name} names {twice[0]} twice")
    several = len(notebooks) > 1 or content["notebook"] == "all"
    if only is not None:
        if find_notebook(only).stem not in notebooks:
            raise UserError(f"sweep {path.stem} is over {', '.join(notebooks)}, not {only}")
        notebooks = [find_notebook(only).stem]

    grid, fixed = _parameters(path, content, notebooks)
    looks = {key: content[key] for key in LOOKS if content.get(key)}
    for key, value in looks.items():
        listed = value.values() if isinstance(value, dict) else ()
        if not isinstance(value, LOOKS[key]) or not all(isinstance(one, list) for one in listed):
            takes = {"labels": "labels with lists of their values", "title": "text"}
            raise UserError(f"{path.name}: {key} takes {takes.get(key, 'a list')}, not {value!r}")
    looks["results"] = [str(name) for name in looks.get("results", [])]
    sweep = Sweep(
        path.stem, notebooks, grid, fixed, **looks, several=several, folder=path.absolute().parent
    )
    sweep.points()
    return sweep


def _find(name: str) -> Path:
    """The YAML file of a sweep, by path or name."""
    known = {p.stem: p for p in sorted((files.NOTEBOOKS / "experiments").glob("*.yaml"))}
    path = None if name in known else named_path(name, "")
    if path is None:
        return known[check_choice(name.removesuffix(".yaml"), known, "sweep")]
    if not os.path.isfile(path):
        raise UserError(f"there is no file {path}")
    if path.stem in known and not path.samefile(known[path.stem]):
        raise UserError(
            f"a sweep of the repository is called {path.stem}: give {path} another name"
        )
    return path


def _parameters(path: Path, content: dict, notebooks: list[str]) -> tuple[dict, dict]:
    """(grid, fixed): lists of different values, and one value each, in the parameters' types."""
    grid = content.get("grid") or {}
    fixed = content.get("fixed") or {}
    if not isinstance(grid, dict) or not isinstance(fixed, dict) or not grid:
        raise UserError(f"{path.name}: grid takes parameters with lists, fixed with one value each")
    if both := grid.keys() & fixed.keys():
        raise UserError(f"{path.name}: {', '.join(sorted(both))} is both in grid and in fixed")
    defaults = {}
    for stem in notebooks:
        defaults = default_parameters(find_notebook(stem)) | defaults

    def typed(key: str, value: object) -> object:
        return convert(key, value, defaults[key]) if key in defaults else value

    for key, values in grid.items():
        listed = [typed(key, value) for value in values] if isinstance(values, list) else []
        if not listed or any(listed.count(value) > 1 for value in listed):
            raise UserError(
                f"{path.name}: grid's {key} takes a list of different values, not {values!r}"
            )
        grid[key] = listed
    return grid, {key: typed(key, value) for key, value in fixed.items()}


def finished(sweep: Sweep, fresh: set[str] | None = None) -> pd.DataFrame:
    """The frame (see `committed`) of the sweep's runs here; fresh: of those of these names only."""
    return _frame(sweep, _recorded(sweep, fresh))


def committed(sweep: Sweep | str) -> pd.DataFrame:
    """All that the runs of a committed sweep recorded: one row a result of a run.

    Columns: notebook, the grid's parameters (seed among them), result (its name), a column for each
    label (empty where a result hasn't got it), value, published, source. A label that is called as
    a parameter takes its place. A sweep over several notebooks has no columns of labels; there
    `result` is the full name, "ndcg_at_10[model=sar]". No rows when the sweep was never run.
    """
    sweep = sweep if isinstance(sweep, Sweep) else read(sweep)
    inputs.record_file(sweep.kept)
    return _frame(sweep, files.read_json(sweep.kept).get("rows", []))


def shown(sweep: Sweep, frame: pd.DataFrame) -> pd.DataFrame:
    """The rows that the sweep's file picks, without columns that say nothing.

    A column says nothing when it is empty, or a parameter that changes no number: the one that
    chooses among methods, where a label names the method.
    """
    if not len(frame):
        return frame
    if missing := sorted(set(sweep.results) - set(frame["result"])):
        recorded = ", ".join(sorted(set(frame["result"])))
        raise UserError(
            f"sweep {sweep.name}: no run recorded {', '.join(missing)}; recorded: {recorded}"
        )
    if sweep.results:
        frame = frame[frame["result"].isin(sweep.results)]
    for label, values in sweep.labels.items():
        if label not in frame:
            raise UserError(f"sweep {sweep.name}: no result has the label {label}")
        frame = frame[frame[label].isna() | frame[label].isin(values)]
    keys = [name for name in frame if name not in MEASURED]
    frame = frame.drop(columns=[name for name in keys if frame[name].isna().all()])
    for axis in sweep.axes:
        others = [name for name in frame if name not in (axis, *MEASURED)]
        if frame.groupby(others, dropna=False)["value"].nunique().max() == 1:
            frame = frame.drop(columns=axis).drop_duplicates(others)
    return frame.reset_index(drop=True).infer_objects()


def summary(frame: pd.DataFrame, by: list[str] | None = None) -> pd.DataFrame:
    """Mean, spread (sample standard deviation), count and published value of each result.

    by: columns; without them all that tell the rows apart but the seed.
    """
    if by is None:
        by = [name for name in frame if name not in ("seed", *MEASURED)]
        by = by if frame["notebook"].nunique() > 1 else by[1:]
    grouped = frame.groupby(by, sort=False, dropna=False)
    table = grouped["value"].agg(mean="mean", spread="std", count="count")
    return table.assign(published=grouped["published"].first()).reset_index()


def keep(sweep: Sweep) -> Path:
    """Write a finished sweep to figures/experiments/NAME.json, and its picture; the path."""
    return write(sweep, _recorded(sweep))


def write(sweep: Sweep, recorded: list[dict]) -> Path:
    """As `keep`, from rows {"notebook", "parameters", "name", "labels", "value"} that are given.

    Of a sweep over several notebooks the file keeps what it holds of notebooks not in `sweep`.
    """
    before = files.read_json(sweep.kept)
    now = {stem: default_parameters(find_notebook(stem)) for stem in sweep.notebook}
    rows = [row for row in before.get("rows", []) if row["notebook"] not in sweep.notebook]
    rows += recorded
    stems = sorted({row["notebook"] for row in rows})
    content = {
        "grid": sweep.grid,
        "fixed": sweep.fixed,
        "defaults": {stem: (before.get("defaults", {}) | now)[stem] for stem in stems},
        "seal": _seal(rows),
    }
    # A row a line: readable, and a change shows as the lines that changed.
    lines = ",\n".join(f"    {json.dumps(row, ensure_ascii=False)}" for row in rows)
    head = json.dumps(content, indent=2, ensure_ascii=False).removesuffix("\n}")
    with files.unfinished(sweep.kept) as aside:
        aside.write_text(f'{head},\n  "rows": [\n{lines}\n  ]\n}}\n', encoding="utf-8")
    if not sweep.several:
        picture = sweep_figures.draw(sweep, shown(sweep, _frame(sweep, rows)))
        sweep.kept.with_suffix(".svg").write_bytes(picture)
    return sweep.kept


def seeds() -> dict[tuple[str, str], tuple[float, float]]:
    """{(notebook, full name of a result): (lowest, highest)} of the committed sweep `seeds`."""
    if not (files.NOTEBOOKS / "experiments" / "seeds.yaml").is_file():
        return {}
    grouped = committed("seeds").groupby(["notebook", "result"])["value"]
    return dict(zip(grouped.groups, zip(grouped.min(), grouped.max(), strict=True), strict=True))


def differences() -> list[str]:
    """What is wrong with the committed sweeps: missing, of another grid, incomplete, or edited."""
    found = []
    for path in sorted((files.NOTEBOOKS / "experiments").glob("*.yaml")):
        sweep = read(path)
        content = files.read_json(sweep.kept)
        name = f"figures/experiments/{sweep.name}.json"
        if not content:
            found.append(f"sweep {sweep.name} was never run: socialai sweep {sweep.name} --update")
            continue
        # A sweep over all notebooks may lack one that is new; it holds whole grids of the others.
        here = [(row["notebook"], row["parameters"]) for row in content["rows"]]
        some = {stem for stem, _ in here}
        wanted = [
            (run.notebook.stem, point)
            for point, run in sweep.points()
            if not sweep.several or run.notebook.stem in some
        ]
        if content["grid"] != sweep.grid or content["fixed"] != sweep.fixed:
            found.append(f"sweep {sweep.name}: its file and {name} differ in the grid")
        elif any(point not in here for point in wanted) or any(p not in wanted for p in here):
            found.append(f"sweep {sweep.name}: {name} doesn't hold just the runs of its grid")
        elif content["seal"] != _seal(content["rows"]):
            found.append(f"sweep {sweep.name}: {name} is not what its runs gave")
    return found


def _recorded(sweep: Sweep, fresh: set[str] | None = None) -> list[dict]:
    """{"notebook", "parameters", "name", "labels", "value", ...} of each result of each run."""
    kept = ("name", "labels", *MEASURED)
    return [
        {"notebook": run.notebook.stem, "parameters": point}
        | {name: result[name] for name in kept if result[name] is not None}
        for point, run in sweep.points()
        if fresh is None or run.name in fresh
        for result in results.read(run.folder)["results"]
    ]


def _frame(sweep: Sweep, rows: list[dict]) -> pd.DataFrame:
    found = []
    labels = {}  # in the order in which they were met
    for row in rows:
        one = {"notebook": row["notebook"]} | row["parameters"]
        if sweep.several:
            one["result"] = results.full_name(row)
        else:
            one |= {"result": row["name"]} | row["labels"]
            labels |= dict.fromkeys(row["labels"])
        found.append(one | {name: row.get(name) for name in MEASURED})
    columns = dict.fromkeys(["notebook", *sweep.grid, "result", *labels, *MEASURED])
    frame = pd.DataFrame(found, columns=list(columns), dtype=object).infer_objects()
    return frame.astype({"value": float, "published": float})


def _seal(rows: list[dict]) -> str:
    return hashlib.sha256(json.dumps(rows, sort_keys=True).encode()).hexdigest()
