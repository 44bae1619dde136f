"""The command line: thin names over the package. A user's error is one line and exit status 2."""

import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from socialai.errors import UserError

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Run, check and reproduce the course.")
data_app = typer.Typer(no_args_is_help=True, help="Data sets of the registry.")
models_app = typer.Typer(no_args_is_help=True, help="The default encoder.")
app.add_typer(data_app, name="data")
app.add_typer(models_app, name="models")
console = Console()


@data_app.command("list")
def data_list() -> None:
    """List the data sets. Example: socialai data list"""
    from socialai import data

    table = Table("name", "rows", "language", "licence", "title")
    for name, e in data.entries().items():
        table.add_row(name, e.rows, e.language, e.licence, e.title)
    console.print(table)


@data_app.command("fetch")
def data_fetch(names: Annotated[list[str] | None, typer.Argument(help="names; all when none is given")] = None) -> None:
    """Download, verify and keep data sets. Example: socialai data fetch cold"""
    from socialai import data

    for name in names or data.entries():
        data.fetch(name)
        console.print(f"{name}: here and verified")


@data_app.command("verify")
def data_verify(
    names: Annotated[list[str] | None, typer.Argument(help="names; all when none is given")] = None,
) -> None:
    """Compare what is here with the registry's checksums. Example: socialai data verify cold"""
    from socialai import data

    for name in names or data.entries():
        console.print(f"{name}: {data.verify(name)}")


@models_app.command("prepare")
def models_prepare(
    name: Annotated[str, typer.Argument(help="default (trimmed vocabulary) or full")] = "default",
) -> None:
    """Make the encoder's Hugging Face folder in the cache. Example: socialai models prepare"""
    from socialai import weights

    console.print(str(weights.prepare(name)), soft_wrap=True)


@app.command()
def run(
    notebook: Annotated[str, typer.Argument(help="name or number of a notebook")],
    p: Annotated[list[str] | None, typer.Option("-p", help="key=value, once for each parameter")] = None,
    force: Annotated[bool, typer.Option(help="run even when nothing changed")] = False,
) -> None:
    """Run one notebook with parameters. Example: socialai run 01_attention_math -p d_model=32"""
    from socialai import experiments

    parameters = {}
    for pair in p or []:
        if "=" not in pair:
            raise UserError(f"-p takes key=value, not {pair!r}")
        key, value = pair.split("=", 1)
        parameters[key] = value
    finish(experiments.build([experiments.make_run(notebook, parameters)], force=force))


@app.command()
def course(
    j: Annotated[int, typer.Option("-j", help="notebooks at a time")] = 1,
    force: Annotated[bool, typer.Option(help="run even what is unchanged")] = False,
    update: Annotated[bool, typer.Option(help="write outputs, figures, results and README back")] = False,
) -> None:
    """Run every notebook at its defaults and write the report. Example: socialai course -j 2"""
    from socialai import experiments, paths, report

    runs = [experiments.make_run(n.stem) for n in sorted(paths.NOTEBOOKS.glob("*.ipynb"))]
    outcomes = experiments.build(runs, j, force)
    if update and all(outcome.status in ("passed", "unchanged") for outcome in outcomes):
        report.publish(outcomes)
    page = report.write_course(outcomes)
    finish(outcomes)
    console.print(f"report: {page}", soft_wrap=True)


@app.command("report")
def report_command(
    check: Annotated[bool, typer.Option("--check", help="compare with the runs of make test")] = False,
) -> None:
    """Show mean, spread and count of what the runs recorded. Example: socialai report"""
    from socialai import checks, report, results

    if check:
        tell(results.differences(checks.RUNS) + checks.readme_differences())
        return
    runs = report.collect()
    if runs.empty:
        raise UserError("there are no finished runs yet; socialai course makes them")
    spread = runs.groupby(["notebook", "result"])["value"].agg(["mean", "std", "count"]).reset_index()
    table = Table(*spread.columns)
    for row in spread.itertuples(index=False):
        table.add_row(row[0], row[1], results.number(row[2]), f"{row[3]:.3g}", str(row[4]))
    console.print(table)


@app.command("figures")
def figures_command(
    check: Annotated[bool, typer.Option("--check", help="compare with the runs of make test")] = False,
) -> None:
    """List the committed figures, or compare their data with a run. Example: socialai figures --check"""
    from socialai import checks, figures, paths

    if check:
        tell(figures.differences(checks.RUNS))
        return
    for name, entry in figures.read_manifest(paths.FIGURES).items():
        console.print(f"{name}: figures/{entry['picture']}, drawn by {entry['notebook']}")


@app.command()
def lab() -> None:
    """Open JupyterLab on the notebooks. Example: socialai lab"""
    import subprocess

    from socialai import paths

    raise SystemExit(subprocess.call([sys.executable, "-m", "jupyterlab", str(paths.NOTEBOOKS)]))


def tell(differences: list[str]) -> None:
    """Print what differs; exit status 1 when something does."""
    for line in differences:
        console.print(line, soft_wrap=True)
    if differences:
        raise SystemExit(1)
    console.print("nothing differs")


def finish(outcomes) -> None:
    """Print how each run ended and where it lies; exit status 1 when one failed."""
    for outcome in outcomes:
        where = outcome.run.aside if outcome.status == "failed" else outcome.run.folder
        console.print(f"{outcome.run.name}: {outcome.status} {outcome.reason}".rstrip(), soft_wrap=True)
        if outcome.status != "skipped":
            console.print(f"  {where}", soft_wrap=True)
    if any(outcome.status == "failed" for outcome in outcomes):
        raise SystemExit(1)


def main() -> None:
    """Entry point of the command `socialai`."""
    try:
        app()
    except UserError as error:
        print(f"socialai: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
