"""The command line: help with examples, one line for what the user can mend, and the progress that it shows."""

import errno
import io
import sys
import time

import pytest
from rich.console import Console
from small_course import write_notebook

from socialai import files, results
from socialai.cli import __main__, screen
from socialai.course import build, progress, runs
from socialai.errors import UserError

COMMANDS = (
    "run",
    "course",
    "sweep",
    "report",
    "figures",
    "lab",
    "data list",
    "data fetch",
    "models prepare",
)


def socialai(monkeypatch, capsys, *arguments):
    """(exit status, stdout, stderr) of the entry point."""
    monkeypatch.setattr(sys, "argv", ["socialai", *arguments])
    monkeypatch.setattr(screen, "console", Console(width=200, highlight=False))
    with pytest.raises(SystemExit) as stopped:
        __main__.main()
    said = capsys.readouterr()
    return stopped.value.code or 0, said.out, said.err


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A repository with one notebook."""
    for name in ("NOTEBOOKS", "BUILD", "FIGURES"):
        monkeypatch.setattr(files, name, tmp_path / name.lower())
    write_notebook(files.NOTEBOOKS, "01_a", "results.record('x', seed)")
    return tmp_path


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_help_with_an_example(monkeypatch, capsys, command):
    monkeypatch.setenv("COLUMNS", "200")
    code, out, _ = socialai(monkeypatch, capsys, *command.split(), "--help")
    assert code == 0 and f"Example: socialai {command}" in " ".join(out.split())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "01_aa"], "the nearest: 01_a"),
        (["run", "01", "-p", "sed=1"], "the nearest: seed"),
        (["run", "01", "-p", "seed=many"], "takes int"),
        (["run", "01", "-p", "seed"], "-p takes key=value"),
        (["sweep", "nothing.yaml"], "there is no sweep"),
        (["report"], "no finished runs"),
        (["rum"], "No such command"),
        (["course", "-j", "0"], "-j"),
        (["course", "--fast"], "--fast"),
    ],
)
def test_a_mistake_is_one_line_and_exit_status_2(
    repository, monkeypatch, capsys, arguments, message
):
    code, out, err = socialai(monkeypatch, capsys, *arguments)
    assert code == 2 and err.startswith("socialai: ") and err.count("\n") == 1 and message in err
    assert out == ""


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (
            OSError(errno.ENOSPC, "No space left on device", "/there"),
            2,
            "socialai: No space left on device: /there\n",
        ),
        (
            PermissionError(errno.EACCES, "Permission denied", "/there"),
            2,
            "socialai: Permission denied: /there\n",
        ),
        (UserError("of two\nlines"), 2, "socialai: of two lines\n"),
    ],
)
def test_a_full_disk_is_one_line_too(repository, monkeypatch, capsys, error, code, message):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(build, "build", fail)
    assert socialai(monkeypatch, capsys, "run", "01") == (code, "", message)


def test_a_disk_that_fills_up_inside_a_notebook(repository, monkeypatch, capsys):
    write_notebook(files.NOTEBOOKS, "01_a", "raise OSError(28, 'No space left on device')")
    code, _, err = socialai(monkeypatch, capsys, "run", "01")
    assert (code, err.count("\n")) == (2, 1) and "no space left" in err


def test_a_run_says_what_it_recorded_and_where_it_lies(repository, monkeypatch, capsys):
    code, out, err = socialai(monkeypatch, capsys, "run", "01", "-p", "seed=7")
    assert (code, err) == (0, "") and "[1/1] 01_a/seed=7: passed after" in out
    assert "│ x      │ 7" in out and str(files.BUILD / "runs" / "01_a" / "seed=7") in out


def test_a_course_names_the_failure_and_ends_with_the_report(repository, monkeypatch, capsys):
    write_notebook(files.NOTEBOOKS, "02_b", "raise ValueError('boom')")
    code, out, _ = socialai(monkeypatch, capsys, "course", "-j", "2", "--update")
    assert (
        code == 1
        and "02_b: failed: 02_b, cell 3: ValueError: boom" in out
        and "nothing written back" in out
    )
    assert out.splitlines()[-1] == f"report: {files.BUILD / 'course' / 'index.html'}"


@pytest.mark.parametrize(
    ("todo", "running", "ratio", "workers", "left"),
    [
        ({"a": 10.0, "b": 30.0}, {}, 1.0, 1, 40.0),
        ({"a": 10.0, "b": 30.0}, {"a": (4.0, 0.1)}, 1.0, 1, 36.0),
        ({"a": 10.0, "b": 30.0}, {"a": (4.0, 0.1)}, 2.0, 1, 76.0),
        ({"a": 10.0, "b": 30.0}, {}, 1.0, 2, 30.0),  # the longest alone takes that long
        ({"a": 10.0, "b": None}, {}, 1.0, 1, 20.0),  # an unknown one is taken as the mean
        ({"a": 10.0}, {"a": (15.0, 0.0)}, 1.0, 1, 0.0),
        (
            {"a": 10.0},
            {"a": (15.0, 0.75)},
            1.0,
            1,
            5.0,
        ),  # longer than expected: three quarters took 15 seconds
        ({"a": None}, {}, 1.0, 1, None),
        ({}, {}, 1.0, 2, 0.0),
    ],
)
def test_the_estimate(todo, running, ratio, workers, left):
    assert progress.remaining(todo, running, ratio, workers) == pytest.approx(left)


def test_the_display_shows_notebook_cell_elapsed_and_estimate(repository, monkeypatch):
    monkeypatch.setattr(progress, "expected_seconds", lambda: {"01_a": 60.0})
    run = runs.make_run("01")
    run.aside.mkdir(parents=True)
    states = ("completed", "running", "pending")
    cells = [
        {"cell_type": "code", "source": "", "metadata": {"papermill": {"status": state}}}
        for state in states
    ]
    results.write_json(run.aside / "notebook.ipynb", {"cells": cells})
    assert progress.cell_of(run) == (2, 3)
    screen = io.StringIO()
    with progress.Display(
        [run], 1, True, Console(file=screen, force_terminal=True, width=120)
    ) as display:
        display.start(run.name)
        time.sleep(1.5)
        display.end(run.name, "success")
    for part in ("01_a", "cell 2/3", "elapsed, about 0:5", "[1/1] 01_a: passed after 0:01"):
        assert part in screen.getvalue()


def test_a_log_gets_few_lines(repository, monkeypatch):
    monkeypatch.setattr(progress, "LOG_EVERY", 1.5)
    log = io.StringIO()
    with progress.Display([runs.make_run("01")], 1, True, Console(file=log, width=120)) as display:
        display.start("01_a/defaults")
        time.sleep(2.3)
        display.end("01_a/defaults", "fail")
    first, second = log.getvalue().splitlines()
    assert first == "  at 01_a cell 0/0; 0:02 elapsed, time left not known yet"
    assert second == "[1/1] 01_a: stopped after 0:02; 0:02 elapsed"
