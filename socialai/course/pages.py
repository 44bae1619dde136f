"""The pages that numbers are filled into: RESULTS.md, and the generated parts of README.md.

In README.md, `<!-- map -->` ... `<!-- /map -->` holds the map of the course, and a number within a
sentence stands between a comment that names it and an empty one:

    <!-- 10_bert_finetuning: accuracy[method=finetuned] -->0.823<!-- -->

The name before the colon is a notebook's or a committed sweep's, of whose runs it is the mean.
After the result may stand ` range` (over seeds) or ` percent`; `finding ID` is a whole sentence.
"""

import re
from pathlib import Path

from socialai import figures, files, results
from socialai.course import sweeps
from socialai.course.runs import cells
from socialai.course.tables import (
    RESULT,
    cell,
    course_map,
    lessons,
    lessons_here,
    markdown_table,
    number,
    plain,
    result_row,
)
from socialai.errors import UserError

WORDS_A_MINUTE = 200
SECONDS_A_CELL = 20
NUMBER = re.compile(r"(<!-- (\w+): ([^>]+?) -->).*?(<!-- -->)", re.DOTALL)
INTRODUCTION = """# Results

Every number and finding that the lessons record at their defaults, written by `make update` and
compared with new runs by `make test` and `socialai report --check`. *Again*: how far the same seed
on the same kind of machine may be from the value; where nothing stands, the same three decimals
come out. *Seeds*: what [seeds 0 to 4](notebooks/experiments/seeds.yaml) gave, lowest to highest;
for a lesson that this sweep doesn't hold yet, the band that was measured over five seeds before,
widened by about its width. A run on another kind of machine is compared with it. A published value
stands beside ours under the same protocol only.
"""


def readme(text: str) -> str:
    """README with its map and the numbers in its sentences renewed."""
    opening, closing = "<!-- map -->", "<!-- /map -->"
    if opening not in text or closing not in text:
        raise UserError(f"README.md has no place marked {opening} ... {closing}")
    before, rest = text.split(opening, 1)
    text = f"{before}{opening}\n{full_map()}\n{closing}{rest.split(closing, 1)[1]}"
    return NUMBER.sub(lambda m: m[1] + filled(m[2], m[3]) + m[4], text)


def filled(where: str, what: str) -> str:
    """The text of a reference: a recorded number, its range over seeds, or a finding's sentence."""
    entry = results.committed().get(where, {"results": [], "findings": []})
    if what.startswith("finding "):
        found = results.by_name(entry["findings"]).get(what.removeprefix("finding "))
        if found is None:
            raise UserError(f"README.md: {where} has no {what}")
        return found["sentence"]

    name = what.removesuffix(" range").removesuffix(" percent")
    if result := results.by_name(entry["results"]).get(name):
        values = [result["value"], *(result["seeds"] or [])]
    else:
        values = _of_sweep(where, name)
    if not values:
        raise UserError(f"README.md: {where} has recorded no {name}")
    if what.endswith(" range"):
        return f"{number(min(values))} to {number(max(values))}"
    return f"{100 * values[0]:.0f} %" if what.endswith(" percent") else number(values[0])


def _of_sweep(name: str, result: str) -> list[float]:
    """Mean, lowest and highest value of a result in a committed sweep; none when it isn't there."""
    if not (files.NOTEBOOKS / "experiments" / f"{name}.yaml").is_file():
        return []
    sweep = sweeps.read(name)
    frame = sweeps.shown(sweep, sweeps.committed(sweep))
    labels = frame.drop(columns=["notebook", "seed", "result", *sweeps.MEASURED], errors="ignore")
    names = [
        results.full_name({"name": name, "labels": {k: plain(v) for k, v in row.dropna().items()}})
        for name, (_, row) in zip(frame["result"], labels.iterrows(), strict=True)
    ]
    values = frame["value"][[one == result for one in names]]
    return [values.mean(), values.min(), values.max()] if len(values) else []


def full_map() -> str:
    """The map of the course, with what a lesson takes and where its parts are."""
    manifest = figures.read_manifest(files.FIGURES)
    first = {figure["notebook"]: name for name, figure in reversed(manifest.items())}
    more = {"reads in": {}, "runs in": {}, "modules": {}, "figure": {}}
    for path in lessons_here().values():
        more["reads in"][path.stem] = f"{reading_minutes(path)} min"
    for stem, entry in results.committed().items():
        more["runs in"][stem] = f"{entry['seconds'] / 60:.1f} min"
    for lesson in lessons().values():
        stem = lesson["stem"]
        links = [f"[{Path(name).name}](socialai/{name})" for name in lesson.get("modules", [])]
        more["modules"][stem] = ", ".join(links)
        name = lesson.get("figure", first.get(stem))
        if name in manifest:
            more["figure"][stem] = f"[{name[3:]}](figures/{manifest[name]['picture']})"
    return course_map("notebooks/", more)


def reading_minutes(notebook: Path) -> int:
    """Minutes to read a notebook: its words, and a look at each cell of code."""
    found = cells(notebook)
    words = sum(len(c["source"].split()) for c in found if c["cell_type"] == "markdown")
    code = sum(c["cell_type"] == "code" for c in found)
    return round(words / WORDS_A_MINUTE + code * SECONDS_A_CELL / 60)


def results_page() -> str:
    """RESULTS.md: findings, the results of each notebook, the tables of the committed sweeps."""
    kept = dict(sorted(results.committed().items()))
    kinds = [entry["machine"].items() for entry in kept.values()]
    told = [", ".join(f"{what} {value}" for what, value in kind) for kind in kinds if kind]
    machines = " and ".join(dict.fromkeys(told))
    parts = [INTRODUCTION, f"The kind of machine: {machines}.\n"]
    rows = [
        (finding["sentence"], f"[{stem}](notebooks/{stem}.ipynb)", finding["source"])
        for stem, entry in kept.items()
        for finding in entry["findings"]
    ]
    if rows:
        parts += ["## Findings\n", markdown_table(["finding", "lesson", "measured by"], rows), ""]
    for stem, entry in kept.items():
        parts += [
            f"## [{stem}](notebooks/{stem}.ipynb)\n",
            markdown_table(RESULT, [result_row(r) for r in entry["results"]]),
            "",
        ]
    parts.append("## Sweeps\n")
    for path in sorted((files.NOTEBOOKS / "experiments").glob("*.yaml")):
        sweep = sweeps.read(path)
        if sweep.several:  # its ranges stand beside the results
            continue
        link = f"[{sweep.name}](notebooks/experiments/{path.name})"
        parts.append(f"### {link}: {sweep.title or sweep.notebook[0]}\n")
        parts += [sweep_table(sweep), ""]
    return "\n".join(parts).rstrip() + "\n"


def sweep_table(sweep: sweeps.Sweep) -> str:
    """Markdown table of a committed sweep: what was varied, mean, spread over seeds and count."""
    if not sweep.kept.is_file():
        return f"Not run yet: `socialai sweep {sweep.name} -j 2 --update`"
    table = sweeps.summary(sweeps.shown(sweep, sweeps.committed(sweep)))
    table = table.drop(columns="published").rename(columns={"count": "runs"})
    rows = [tuple(map(cell, row)) for row in table.to_numpy().tolist()]
    return markdown_table(list(table.columns), rows)
