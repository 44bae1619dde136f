"""The command line: thin names over the package. What a user can mend is one line and exit status 2."""

import errno
import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from socialai import cli_own_data
from socialai.errors import DataUnavailable, UserError

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Run, check and reproduce the course.")
data_app = typer.Typer(no_args_is_help=True, help="Data sets of the registry. Example: socialai data list")
models_app = typer.Typer(no_args_is_help=True, help="The default encoder. Example: socialai models prepare")
app.add_typer(data_app, name="data")
app.add_typer(models_app, name="models")
app.add_typer(cli_own_data.app)
console = Console(highlight=False)

Workers = Annotated[int, typer.Option("-j", min=1, help="notebooks at a time, one thread each")]
Force = Annotated[bool, typer.Option("--force", help="run even what is unchanged")]


@data_app.command("list")
def data_list() -> None:
    """List the data sets. Example: socialai data list"""
    from socialai import data

    show(
        ["name", "rows", "licence"],
        [[name, e.rows, e.licence] for name, e in data.entries().items()],
    )


@data_app.command("fetch")
def data_fetch(names: Annotated[list[str] | None, typer.Argument(help="names; all when none is given")] = None) -> None:
    """Download, verify and keep data sets. Example: socialai data fetch cold"""
    from socialai import data

    for_each(names, lambda name: data.fetch(name) and "here and verified")


@data_app.command("verify")
def data_verify(
    names: Annotated[list[str] | None, typer.Argument(help="names; all when none is given")] = None,
) -> None:
    """Compare what is here with the registry's checksums. Example: socialai data verify cold"""
    from socialai import data

    for_each(names, data.verify)


def for_each(names: list[str] | None, act) -> None:
    """Say what `act` gives for each data set, all without names; one that can't be had doesn't stop the others."""
    from socialai import data

    missing = 0
    for name in names or data.entries():
        try:
            say(f"{name}: {act(name)}")
        except DataUnavailable as error:
            missing += 1
            say(str(error))
    if missing:
        raise UserError(f"{missing} can't be had now")


@models_app.command("prepare")
def models_prepare(
    name: Annotated[str, typer.Argument(help="default (trimmed vocabulary) or full")] = "default",
) -> None:
    """Make the encoder's Hugging Face folder in the cache. Example: socialai models prepare"""
    from socialai import weights

    say(str(weights.prepare(name)))


@app.command()
def run(
    notebook: Annotated[str, typer.Argument(help="name or number of a notebook")],
    p: Annotated[list[str] | None, typer.Option("-p", help="key=value, once for each parameter")] = None,
    force: Force = False,
) -> None:
    """Run one notebook with parameters. Example: socialai run 01_attention_math -p seed=3 -p n_samples=500"""
    from socialai.runs import make_run

    parameters = {}
    for pair in p or []:
        key, equals, value = pair.partition("=")
        if not equals:
            raise UserError(f"-p takes key=value, not {pair!r}")
        parameters[key] = value
    one = make_run(notebook, parameters)
    from socialai import experiments, results

    outcomes = experiments.build([one], force=force, show=True)
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
    update: Annotated[bool, typer.Option("--update", help="write outputs, figures, results and README back")] = False,
) -> None:
    """Run every notebook at its defaults and write the report. Example: socialai course -j 2"""
    from socialai import experiments, paths, publish, report
    from socialai.runs import make_run

    runs = [make_run(n.stem) for n in sorted(paths.NOTEBOOKS.glob("*.ipynb"))]
    if not runs:
        raise UserError(f"there are no notebooks in {paths.NOTEBOOKS}")
    for line in experiments.prepare(runs):
        say(line)
    outcomes = experiments.build(runs, j, force, show=True)
    page = report.write_course(outcomes)
    whole = all(outcome.status in ("passed", "unchanged") for outcome in outcomes)
    if update and whole:
        publish.publish(outcomes)
    code = finish(outcomes, stop=False)
    if update:
        say(
            "written back: outputs, figures, results, README" if whole else "nothing written back: not every run passed"
        )
    say(f"report: {page}")
    raise SystemExit(code or int(update and not whole))


@app.command()
def sweep(
    file: Annotated[str, typer.Argument(help="YAML file, or the name of one in notebooks/experiments")],
    j: Workers = 1,
    force: Force = False,
    update: Annotated[bool, typer.Option("--update", help="keep its table in figures/experiments")] = False,
) -> None:
    """Run a notebook over a grid of parameters. Example: socialai sweep notebooks/experiments/bert_methods.yaml -j 2"""
    from socialai import sweeps

    grid = sweeps.read(file)
    from socialai import experiments, report, results

    points = grid.points()
    outcomes = experiments.build([run for _, run in points], j, force, show=True)
    code = finish(outcomes, stop=False, each=False)
    page, shown, _ = report.write_runs([grid])
    for entry in shown:
        if entry["name"] == grid.name:
            say(entry["what"])
            show(list(entry["table"].columns), entry["table"].map(report.cell).values.tolist())
    if update and code == 0 and all(o.status in ("passed", "unchanged") for o in outcomes):
        say(f"kept: {sweeps.keep(grid, [(point, results.read(run.folder)) for point, run in points])}")
    elif update:
        say("not kept: not every run passed")
    say(f"report: {page}")
    raise SystemExit(code)


@app.command("report")
def report_command(
    check: Annotated[bool, typer.Option("--check", help="compare committed numbers with runs at defaults")] = False,
    j: Workers = 1,
) -> None:
    """Mean, spread and count of what all finished runs recorded, and their sweeps. Example: socialai report --check"""
    from socialai import checks, report

    if check:
        tell(checks.result_differences(default_runs(j)))
        return
    page, shown, runs = report.write_runs()
    for title, table in [(f"sweep {entry['name']}: {entry['what']}", entry["table"]) for entry in shown] + [
        ("all finished runs", runs)
    ]:
        if table is not None:
            say(title)
            show(list(table.columns), table.map(report.cell).values.tolist())
    say(f"report: {page}")


@app.command("figures")
def figures_command(
    check: Annotated[bool, typer.Option("--check", help="compare committed data with runs at defaults")] = False,
    j: Workers = 1,
) -> None:
    """List the committed figures, or compare their data with runs. Example: socialai figures --check"""
    from socialai import figures, paths

    if check:
        tell(figures.differences(default_runs(j)))
        return
    for name, entry in figures.read_manifest(paths.FIGURES).items():
        say(f"{name}: figures/{entry['picture']}, drawn by {entry['notebook']}")


@app.command()
def lab() -> None:
    """Open JupyterLab on the notebooks. Example: socialai lab"""
    import subprocess

    from socialai import paths

    raise SystemExit(subprocess.call([sys.executable, "-m", "jupyterlab", str(paths.NOTEBOOKS)]))


def say(line: str) -> None:
    """Print a line as it is, however long."""
    console.print(line, soft_wrap=True, markup=False)


def show(columns: list[str], rows: list[list]) -> None:
    """Print a table."""
    table = Table(*columns)
    for row in rows:
        table.add_row(*map(str, row))
    console.print(table)


def tell(differences: list[str]) -> None:
    """Print what differs; exit status 1 when something does."""
    for line in differences:
        say(line)
    if differences:
        raise SystemExit(1)
    say("nothing differs")


def default_runs(workers: int) -> dict:
    """{notebook: folder of its run at defaults}, run now where there is none that is up to date."""
    from socialai import experiments, paths
    from socialai.runs import make_run

    outcomes = experiments.build(
        [make_run(n.stem) for n in sorted(paths.NOTEBOOKS.glob("*.ipynb"))], workers, show=True
    )
    finish(outcomes, stop=False)
    # A folder that isn't there counts as a difference: what could not be run could not be compared.
    done = ("passed", "unchanged")
    return {o.run.notebook.stem: o.run.folder if o.status in done else o.run.aside / "nothing" for o in outcomes}


def finish(outcomes: list, stop: bool = True, each: bool = True) -> int:
    """Say how each run ended; the exit status, 1 when one failed. stop: exit with it unless it is 0."""
    from socialai import report

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
    words = [f"{ended.count(word)} {word}" for word in ("passed", "unchanged", "failed", "skipped") if word in ended]
    say(", ".join(words))
    code = int("failed" in ended)
    if stop and (code or "skipped" in ended):
        raise SystemExit(code or 2)
    return code


def main() -> None:
    """Entry point of the command `socialai`: exit status 2 with one line for what the user can mend, 130 for Ctrl-C."""
    try:
        code = app(standalone_mode=False)
        if code == 130:  # what newer versions of typer make of Ctrl-C
            raise KeyboardInterrupt
        sys.exit(code)
    except typer.BadParameter.__base__ as error:  # UsageError: an unknown command or option, a missing argument
        if type(error).__name__ == "NoArgsIsHelpError":
            error.show()
            sys.exit(2)
        problem = error.format_message()
    except UserError as error:
        problem = str(error)
    except KeyboardInterrupt:
        print("socialai: stopped; finished runs are kept, and the next one goes on from there", file=sys.stderr)
        sys.exit(130)
    except OSError as error:
        known = (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS)
        if error.errno not in known:
            raise
        problem = f"{error.strerror}: {error.filename}" if error.filename else str(error.strerror)
    print(f"socialai: {' '.join(problem.split())}", file=sys.stderr)
    sys.exit(2)


if __name__ == "__main__":
    main()
