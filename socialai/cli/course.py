"""Commands on notebooks: run, course, sweep, report, figures, lab."""

import sys
from typing import Annotated

import typer

from socialai.cli.screen import say, show, tell
from socialai.errors import UserError

app = typer.Typer()
Workers = Annotated[int, typer.Option("-j", min=1, help="notebooks at a time, one thread each")]
Force = Annotated[bool, typer.Option("--force", help="run even what is unchanged")]


@app.command()
def run(
    notebook: Annotated[str, typer.Argument(help="name or number of a notebook")],
    p: Annotated[
        list[str] | None, typer.Option("-p", help="key=value, once for each parameter")
    ] = None,
    force: Force = False,
) -> None:
    """Run one notebook with parameters. Example: socialai run 01_attention_math -p seed=3 -p n_samples=500"""
    from socialai.course.runs import make_run

    parameters = {}
    for pair in p or []:
        key, equals, value = pair.partition("=")
        if not equals:
            raise UserError(f"-p takes key=value, not {pair!r}")
        parameters[key] = value
    one = make_run(notebook, parameters)
    from socialai import results
    from socialai.course import build

    outcomes = build.build([one], force=force, show=True)
    finish(outcomes)
    kept = results.committed().get(one.notebook.stem, {"results": {}})["results"]
    rows = [
        [name, results.number(r["value"]), results.at_defaults(kept.get(name))]
        for name, r in results.read(one.folder).items()
    ]
    show(["result", "value", "committed, at defaults"], rows)
    say(f"executed notebook and figures: {one.folder}")


@app.command()
def course(
    j: Workers = 1,
    force: Force = False,
    update: Annotated[
        bool, typer.Option("--update", help="write outputs, figures, results and README back")
    ] = False,
) -> None:
    """Run every notebook at its defaults and write the report. Example: socialai course -j 2"""
    from socialai import files
    from socialai.course import build, publish, report
    from socialai.course.runs import make_run

    runs = [make_run(n.stem) for n in sorted(files.NOTEBOOKS.glob("*.ipynb"))]
    if not runs:
        raise UserError(f"there are no notebooks in {files.NOTEBOOKS}")
    for line in build.prepare(runs):
        say(line)
    outcomes = build.build(runs, j, force, show=True)
    page = report.write_course(outcomes)
    whole = all(outcome.status in ("passed", "unchanged") for outcome in outcomes)
    if update and whole:
        publish.publish(outcomes)
    code = finish(outcomes, stop=False)
    if update:
        say(
            "written back: outputs, figures, results, README"
            if whole
            else "nothing written back: not every run passed"
        )
    say(f"report: {page}")
    raise SystemExit(code or int(update and not whole))


@app.command()
def sweep(
    file: Annotated[
        str, typer.Argument(help="YAML file, or the name of one in notebooks/experiments")
    ],
    j: Workers = 1,
    force: Force = False,
    update: Annotated[
        bool, typer.Option("--update", help="keep its table in figures/experiments")
    ] = False,
) -> None:
    """Run a notebook over a grid of parameters. Example: socialai sweep notebooks/experiments/bert_methods.yaml -j 2"""
    from socialai.course import sweeps

    grid = sweeps.read(file)
    from socialai import results
    from socialai.course import build, report

    points = grid.points()
    outcomes = build.build([run for _, run in points], j, force, show=True)
    code = finish(outcomes, stop=False, each=False)
    page, shown, _ = report.write_runs([grid])
    for entry in shown:
        if entry["name"] == grid.name:
            say(entry["what"])
            show(list(entry["table"].columns), entry["table"].map(report.cell).values.tolist())
    if update and code == 0 and all(o.status in ("passed", "unchanged") for o in outcomes):
        say(
            f"kept: {sweeps.keep(grid, [(point, results.read(run.folder)) for point, run in points])}"
        )
    elif update:
        say("not kept: not every run passed")
    say(f"report: {page}")
    raise SystemExit(code)


@app.command("report")
def report_command(
    check: Annotated[
        bool, typer.Option("--check", help="compare committed numbers with runs at defaults")
    ] = False,
    j: Workers = 1,
) -> None:
    """Mean, spread and count of what all finished runs recorded, and their sweeps. Example: socialai report --check"""
    from socialai.course import report, verify

    if check:
        tell(verify.result_differences(default_runs(j)))
        return
    page, shown, runs = report.write_runs()
    for title, table in [
        (f"sweep {entry['name']}: {entry['what']}", entry["table"]) for entry in shown
    ] + [("all finished runs", runs)]:
        if table is not None:
            say(title)
            show(list(table.columns), table.map(report.cell).values.tolist())
    say(f"report: {page}")


@app.command("figures")
def figures_command(
    check: Annotated[
        bool, typer.Option("--check", help="compare committed data with runs at defaults")
    ] = False,
    j: Workers = 1,
) -> None:
    """List the committed figures, or compare their data with runs. Example: socialai figures --check"""
    from socialai import figures, files

    if check:
        tell(figures.differences(default_runs(j)))
        return
    for name, entry in figures.read_manifest(files.FIGURES).items():
        say(f"{name}: figures/{entry['picture']}, drawn by {entry['notebook']}")


@app.command()
def lab() -> None:
    """Open JupyterLab on the notebooks. Example: socialai lab"""
    import subprocess

    from socialai import files

    raise SystemExit(subprocess.call([sys.executable, "-m", "jupyterlab", str(files.NOTEBOOKS)]))


def default_runs(workers: int) -> dict:
    """{notebook: folder of its run at defaults}, run now where there is none that is up to date."""
    from socialai import files
    from socialai.course import build
    from socialai.course.runs import make_run

    outcomes = build.build(
        [make_run(n.stem) for n in sorted(files.NOTEBOOKS.glob("*.ipynb"))], workers, show=True
    )
    finish(outcomes, stop=False)
    # A folder that isn't there counts as a difference: what could not be run could not be compared.
    done = ("passed", "unchanged")
    return {
        o.run.notebook.stem: o.run.folder if o.status in done else o.run.aside / "nothing"
        for o in outcomes
    }


def finish(outcomes: list, stop: bool = True, each: bool = True) -> int:
    """Say how each run ended; the exit status, 1 when one failed. stop: exit with it unless it is 0."""
    from socialai.course import report

    for outcome in outcomes:
        name = outcome.run.name.removesuffix("/defaults")
        if outcome.status == "failed":
            say(f"{name}: failed: {outcome.reason}")
            say(f"  kept: {outcome.run.aside / 'notebook.ipynb'}")
        elif outcome.status == "skipped":
            say(f"{name}: skipped: {outcome.reason}")
        elif each and outcome.status == "passed":
            say(f"{name}: passed in {report.seconds(outcome):.0f} s ({outcome.reason})")
        elif each:
            say(f"{name}: unchanged since its last run")
    ended = [outcome.status for outcome in outcomes]
    words = [
        f"{ended.count(word)} {word}"
        for word in ("passed", "unchanged", "failed", "skipped")
        if word in ended
    ]
    say(", ".join(words))
    code = int("failed" in ended)
    if stop and (code or "skipped" in ended):
        raise SystemExit(code or 2)
    return code
