"""Commands on notebooks, from run and course to exercise and lab. They need the repository."""

import functools
import os
import sys
from collections.abc import Callable
from typing import Annotated

import typer

from socialai.cli.screen import say, show, tell
from socialai.errors import UserError

app = typer.Typer()
Workers = Annotated[int, typer.Option("-j", min=1, help="notebooks at a time, one thread each")]
Dask = Annotated[
    str | None,
    typer.Option(help="address of a Dask scheduler: on its workers, instead of -j here"),
]
Force = Annotated[bool, typer.Option("--force", help="run even what is unchanged")]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="say what would run, and for how long; run nothing")
]
Check = Annotated[bool, typer.Option("--check", help="compare what is committed with runs")]
PARAMETERS = (
    "key=value, once for each parameter. Of one that takes a path (the comment beside it in the "
    "notebook says so) the name of a data set is that data set; else it is what lies there, seen "
    "from the folder you are in, with ~ for your home; else a name on a hub. ./NAME is a path"
)


def command(name: str) -> Callable:
    """Register a command that first makes sure of the notebooks, which a wheel doesn't have."""

    def register(function: Callable) -> Callable:
        @functools.wraps(function)
        def checked(**options):
            from socialai import files

            if not (files.NOTEBOOKS / "lessons.yaml").is_file():
                raise UserError(
                    f"{name} needs a checkout of the repository, with its notebooks (they are not "
                    f"in {files.NOTEBOOKS}): git clone it and pip install -e it, or name its "
                    "folder in SOCIALAI_ROOT"
                )
            os.environ["MPLBACKEND"] = "agg"  # pictures go into files, whatever a user has set
            return function(**options)

        return app.command(name)(checked)

    return register


@command("run")
def run(
    notebook: Annotated[str, typer.Argument(help="name or number of a notebook")],
    p: Annotated[list[str] | None, typer.Option("-p", help=PARAMETERS)] = None,
    force: Force = False,
) -> int:
    """Run one notebook with parameters. Example: socialai run 01_attention_math -p seed=3"""
    from socialai.course.runs import make_run

    parameters = {}
    for pair in p or []:
        key, equals, value = pair.partition("=")
        if not equals:
            raise UserError(f"-p takes key=value, not {pair!r}")
        if key in parameters:
            raise UserError(f"-p {key} stands twice")
        parameters[key] = value
    one = make_run(notebook, parameters)  # before what is slow to import: mistakes show at once

    from socialai import results
    from socialai.course import build
    from socialai.course.tables import RESULT, result_row

    if code := finish(build.build([one], force=force, show=True)):
        return code
    kept = results.by_name(results.committed().get(one.notebook.stem, {}).get("results", []))
    value = RESULT.index("value")
    rows = []
    recorded = results.read(one.folder)
    for name, result in results.by_name(recorded["results"]).items():
        committed = result_row(kept[name])[value] if name in kept else ""
        rows.append([name, result_row(result)[value], committed])
    show(["result", "value", "committed, at defaults"], rows)
    for finding in recorded["findings"]:
        say(finding["sentence"])
    say(f"executed notebook and figures: {one.folder}")
    return 0


@command("course")
def course(
    j: Workers = 1,
    dask: Dask = None,
    force: Force = False,
    dry_run: DryRun = False,
    update: Annotated[
        bool, typer.Option("--update", help="write outputs, figures, results and README back")
    ] = False,
) -> int:
    """Run every notebook at its defaults and write the report. Example: socialai course -j 2"""
    from socialai.course import build, publish, report
    from socialai.course.runs import all_notebooks, make_run

    runs = [make_run(notebook.stem) for notebook in all_notebooks()]
    if dry_run:
        return rehearse(runs, j, dask, force)
    if update:
        publish.prepare()
    outcomes = build.build(runs, j, force, show=True, dask=dask)
    page = report.write_course(outcomes)
    whole = all(outcome.status in ("passed", "unchanged") for outcome in outcomes)
    if update and whole:
        publish.publish(outcomes)
    code = finish(outcomes, stop_at_skipped=False)
    if update:
        written = "written back: outputs, figures, results, README"
        say(written if whole else "nothing written back: not every run passed")
    say(f"report: {page}")
    return code or int(update and not whole)


@command("sweep")
def sweep(
    file: Annotated[
        str, typer.Argument(help="YAML file, or the name of one in notebooks/experiments")
    ],
    j: Workers = 1,
    dask: Dask = None,
    force: Force = False,
    dry_run: DryRun = False,
    only: Annotated[
        str | None, typer.Option(help="one notebook of a sweep over several, name or number")
    ] = None,
    update: Annotated[
        bool, typer.Option("--update", help="keep its runs in figures/experiments")
    ] = False,
) -> int:
    """Run notebooks over a grid of parameters. Example: socialai sweep bert_methods -j 2"""
    from socialai.course import sweeps

    grid = sweeps.read(file, only)

    from socialai.course import build, report

    runs = [run for _, run in grid.points()]
    if dry_run:
        return rehearse(runs, j, dask, force)
    outcomes = build.build(runs, j, force, show=True, dask=dask)
    code = finish(outcomes, stop_at_skipped=False, each=False)
    page, shown, _ = report.write_runs([grid])
    for entry in shown:
        if entry["name"] == grid.name:
            say(entry["what"])
            show_frame(entry["table"])
    if update:
        whole = all(outcome.status in ("passed", "unchanged") for outcome in outcomes)
        say(f"kept: {sweeps.keep(grid)}" if whole else "not kept: not every run passed")
    say(f"report: {page}")
    return code


@command("report")
def report_command(check: Check = False, j: Workers = 1) -> int:
    """Mean and spread of what finished runs recorded. Example: socialai report --check"""
    from socialai.course import report, verify

    if check:
        return tell(verify.result_differences(default_runs(j)))
    page, shown, runs = report.write_runs()
    for entry in shown:
        say(f"sweep {entry['name']}: {entry['what']}")
        show_frame(entry["table"])
    if runs is not None:
        say("all finished runs")
        show_frame(runs)
    say(f"report: {page}")
    return 0


@command("figures")
def figures_command(check: Check = False, j: Workers = 1) -> int:
    """List the committed figures, or compare them with runs. Example: socialai figures --check"""
    from socialai import figures, files

    if check:
        return tell(figures.differences(default_runs(j)))
    for name, entry in figures.read_manifest(files.FIGURES).items():
        say(f"{name}: figures/{entry['picture']}, drawn by {entry['notebook']}")
    return 0


@command("exercise")
def exercise(
    lesson: Annotated[str | None, typer.Argument(help="name or number of a lesson")] = None,
) -> int:
    """Your own copy of a lesson's exercises, or the state of all. Example: socialai exercise 01"""
    from socialai.course import exercises

    if lesson is None:
        show(["exercise", "what it asks", "minutes", "state"], exercises.progress())
        return 0
    path, new = exercises.copy(lesson)
    say(f"{'copied to' if new else 'there is already'} {path}: open it with jupyter lab {path}")
    return 0


@command("faults")
def faults_command(
    lesson: Annotated[str, typer.Argument(help="name or number of a lesson")],
) -> int:
    """Break what a lesson shows and see its checks catch it. Example: socialai faults 01"""
    from socialai.course import faults

    sound, *trials = faults.tried(lesson)
    show(["fault", "caught", "by"], [[t.fault.why, t.caught, t.said] for t in trials])
    caught = sum(trial.caught for trial in trials)
    say(f"{caught} of {len(trials)} faults caught; without a fault: {sound.said}")
    return int(caught < len(trials) or not sound.caught)


@command("lab")
def lab() -> int:
    """Open JupyterLab on the notebooks, with the kernel that runs them. Example: socialai lab"""
    import subprocess

    from socialai import files
    from socialai.course.kernels import own_kernel

    with own_kernel() as settings:
        opened = [sys.executable, "-m", "jupyterlab", str(files.NOTEBOOKS)]
        return subprocess.call(opened, env=os.environ | settings)


def rehearse(runs: list, j: int, dask: str | None, force: bool) -> int:
    """Show what a build would run and why, and for how long, as far as committed runs tell."""
    from socialai.course import build, progress, workers

    changes = {run.name: "forced" for run in runs} if force else build.plan(runs)
    todo = [run for run in runs if changes[run.name]]
    expected = progress.expected_seconds(todo)
    rows = []
    for run in runs:
        minutes = progress.clock(expected[run.name]) if run.name in expected else ""
        rows.append([run.name, changes[run.name] or "unchanged", minutes])
    show(["run", "why", "minutes"], rows)
    at_a_time = workers.cluster_size(dask) if dask else j
    minutes = progress.remaining(expected, {}, 1.0, at_a_time) / 60
    say(
        f"{len(todo)} of {len(runs)} to run, about {minutes:.0f} minutes, {at_a_time} at a time, "
        "if each takes as long as at its defaults when results were committed"
    )
    return 0


def default_runs(j: int) -> dict:
    """{notebook: folder of its run at defaults}, run now where there is none that is up to date."""
    from socialai.course import build
    from socialai.course.runs import all_notebooks, make_run

    runs = [make_run(notebook.stem) for notebook in all_notebooks()]
    outcomes = build.build(runs, j, show=True)
    finish(outcomes, stop_at_skipped=False)
    # What could not be run could not be compared: a folder that isn't there is a difference.
    return {
        outcome.run.notebook.stem: outcome.run.folder
        if outcome.status in ("passed", "unchanged")
        else outcome.run.failed / "nothing"
        for outcome in outcomes
    }


def finish(outcomes: list, stop_at_skipped: bool = True, each: bool = True) -> int:
    """Say how each run ended, and how many of each; the exit status.

    1 when one failed, 2 when one was skipped, unless that is no reason to stop. each: name also
    those that passed or are unchanged.
    """
    from socialai.course import report

    for outcome in outcomes:
        name = outcome.run.name.removesuffix("/defaults")
        if outcome.status == "failed":
            say(f"{name}: failed: {outcome.reason}")
            say(f"  kept: {outcome.run.failed / 'notebook.ipynb'}")
        elif outcome.status == "skipped":
            say(f"{name}: skipped: {outcome.reason}")
        elif each and outcome.status == "passed":
            say(f"{name}: passed in {report.seconds(outcome):.0f} s ({outcome.reason})")
        elif each:
            say(f"{name}: unchanged since its last run")
    ended = [outcome.status for outcome in outcomes]
    counts = {word: ended.count(word) for word in ("passed", "unchanged", "failed", "skipped")}
    say(", ".join(f"{count} {word}" for word, count in counts.items() if count))
    if counts["failed"]:
        return 1
    return 2 if counts["skipped"] and stop_at_skipped else 0


def show_frame(frame) -> None:
    """Print a frame as a table, its numbers rounded."""
    from socialai.course.tables import cell

    show(list(frame.columns), frame.map(cell).values.tolist())
