"""The command line: help with examples, one line for mistakes, and the progress that it shows."""

import errno
import io
import json
import os
import re
import sys
import time

import pytest
from rich.console import Console
from small_course import command, copy_package, write_notebook

from socialai import files
from socialai.apps import text_classification
from socialai.cli import __main__, screen
from socialai.course import build, progress, runs
from socialai.errors import UserError

COMMANDS = (
    "run",
    "course",
    "sweep",
    "report",
    "figures",
    "exercise",
    "faults",
    "lab",
    "finetune",
    "evaluate",
    "data list",
    "data fetch",
    "data verify",
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
        (["run", "01_aa"], "did you mean '01_a'"),
        (["run", "01", "-p", "sed=1"], "did you mean 'seed'"),
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
    ("expected", "running", "ratio", "workers", "left"),
    [
        ({"a": 10.0, "b": 30.0}, {}, 1.0, 1, 40.0),
        ({"a": 10.0, "b": 30.0}, {"a": 4.0}, 1.0, 1, 36.0),
        ({"a": 10.0, "b": 30.0}, {"a": 4.0}, 2.0, 1, 76.0),
        ({"a": 10.0, "b": 30.0}, {}, 1.0, 2, 30.0),  # the longest alone takes that long
        ({"a": 10.0, "b": 20.0, "c": 5.0}, {"a": 8.0}, 1.0, 2, 20.0),  # c after a, beside b
        ({"a": 10.0, "b": 20.0, "c": 20.0}, {"a": 8.0, "b": 0.0}, 1.0, 2, 22.0),
        ({"a": 10.0}, {"a": 15.0}, 1.0, 1, 0.0),
        ({}, {}, 1.0, 2, 0.0),
    ],
)
def test_the_estimate(expected, running, ratio, workers, left):
    assert progress.remaining(expected, running, ratio, workers) == pytest.approx(left)


def test_a_notebook_without_committed_seconds_is_taken_as_the_mean(repository, monkeypatch):
    monkeypatch.setattr(files, "RESULTS", repository / "results.json")
    write_notebook(files.NOTEBOOKS, "02_b", "")
    two = [runs.make_run("01"), runs.make_run("01", {"seed": 1}), runs.make_run("02")]
    assert progress.expected_seconds(two) == {}
    files.write_json(files.RESULTS, {"01_a": {"seconds": 12.0}})
    assert set(progress.expected_seconds(two).values()) == {12.0}


@pytest.mark.parametrize(("slower", "off_by"), [(0.7, 0.5), (1.0, 0.1), (2.0, 0.5)])
def test_the_time_left_of_the_course_is_near_from_its_first_line_on(monkeypatch, slower, off_by):
    """The course as committed, two at a time, each kernel 3 seconds slow to start.

    It once said 38 minutes at the second notebook of ten. On another machine the first lines can
    but guess; the later half knows.
    """
    now = [0.0]
    monkeypatch.setattr(progress.time, "time", lambda: now[0])
    course = [runs.make_run(path.stem) for path in runs.all_notebooks()]
    seconds = progress.expected_seconds(course)
    display = progress.Display(course, 2, show=False)
    todo = list(course)
    ends = []
    said = []
    while todo or ends:
        while todo and len(ends) < 2:
            run = todo.pop(0)
            display.start(run.name)
            ends.append((now[0] + seconds[run.name] * slower + 3, run.name))
        ends.sort()
        now[0], name = ends.pop(0)
        display.end(name, "success")
        if display.left:
            said.append((now[0], display.seconds_left()))
    total = now[0]
    off = [abs(at + left - total) / total for at, left in said]
    assert max(off) < off_by
    assert max(off[len(off) // 2 :]) < 0.05


def test_the_display_shows_notebook_cell_elapsed_and_estimate(repository, monkeypatch):
    monkeypatch.setattr(progress, "expected_seconds", lambda runs: {"01_a/defaults": 60.0})
    run = runs.make_run("01")
    attempt = run.folder.parent / ".part-1" / "defaults"
    attempt.mkdir(parents=True)
    states = ("completed", "running", "pending")
    cells = [
        {"cell_type": "code", "source": "", "metadata": {"papermill": {"status": state}}}
        for state in states
    ]
    files.write_json(attempt / "notebook.ipynb", {"cells": cells})
    assert progress.cell_of(run) == (2, 3)
    screen = io.StringIO()
    with progress.Display(
        [run], 1, True, Console(file=screen, force_terminal=True, width=120)
    ) as display:
        display.start(run.name)
        time.sleep(1.5)
        display.end(run.name, "success")
    said = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", screen.getvalue())
    for part in ("01_a", "2/3 cells", "about 0:5", "[1/1] 01_a: passed after 0:01"):
        assert part in said


@pytest.mark.parametrize(("elapsed", "words"), [(59.8, "nearly done"), (200, "longer than usual")])
def test_a_run_past_its_time_is_no_wrong_promise(repository, monkeypatch, elapsed, words):
    monkeypatch.setattr(progress, "expected_seconds", lambda runs: {"01_a/defaults": 60.0})
    display = progress.Display([runs.make_run("01")], 1, show=False)
    display.running["01_a/defaults"] = time.time() - elapsed
    assert display.words_left() == words


def test_a_dry_run_says_what_would_run_and_for_how_long(repository, monkeypatch, capsys):
    monkeypatch.setattr(files, "RESULTS", repository / "results.json")
    files.write_json(files.RESULTS, {"01_a": {"seconds": 240.0, "results": []}})
    (repository / "four.yaml").write_text("notebook: 01_a\ngrid:\n  seed: [1, 2, 3, 4]\n")
    build.build([runs.make_run("01", {"seed": 2})])
    arguments = ["sweep", str(repository / "four.yaml"), "--dry-run", "-j", "2"]
    code, out, err = socialai(monkeypatch, capsys, *arguments)
    assert (code, err) == (0, "")
    assert "01_a/seed=1 │ not finished before │ 4:00" in out and "01_a/seed=2 │ unchanged" in out
    assert "3 of 4 to run, about 8 minutes, 2 at a time" in out
    assert not runs.make_run("01", {"seed": 1}).folder.exists()


def test_the_package_is_a_command(tmp_path):
    root = copy_package(tmp_path / "repository")
    code, out, _ = command(root, "data", "list", module="socialai")
    assert code == 0 and "policy_posts" in out


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "latin-1", "gbk", "utf-16"])
def test_what_is_printed_is_utf8_whatever_the_encoding_of_the_output(monkeypatch, encoding):
    row = {"label": "差评 😀 é", "probability": 0.9}
    monkeypatch.setattr(text_classification, "predict", lambda *_: [row])
    monkeypatch.setattr(sys, "argv", ["socialai", "predict", "model", "file"])
    out, err = (io.BytesIO(), io.BytesIO())
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(out, encoding))
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(err, encoding))
    with pytest.raises(SystemExit) as stopped:
        __main__.main()
    assert not stopped.value.code and json.loads(out.getvalue().decode()) == row
    monkeypatch.setattr(sys, "argv", ["socialai", "run", "差评\udcff"])
    with pytest.raises(SystemExit) as stopped:
        __main__.main()
    sys.stderr.flush()
    assert stopped.value.code == 2 and "差评" in err.getvalue().decode()


@pytest.mark.parametrize("command", ["predict", "evaluate"])
def test_a_closed_pipe_ends_the_command_without_a_word(monkeypatch, capsys, command):
    scores = {"accuracy": [0.5, 0.4, 0.6], "macro_f1": [0.5, 0.4, 0.6], "per_class": {}}
    monkeypatch.setattr(text_classification, "predict", lambda *_: [{"label": "a"}])
    monkeypatch.setattr(text_classification, "evaluate", lambda *_: scores)
    monkeypatch.setattr(sys, "argv", ["socialai", command, "model", "file"])
    # Of its own, since rich silences for ever a console whose pipe was closed.
    monkeypatch.setattr(screen, "console", Console(highlight=False))
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "w") as pipe:
        monkeypatch.setattr(sys, "stdout", pipe)
        with pytest.raises(SystemExit) as stopped:
            __main__.main()
    assert stopped.value.code == 1 and capsys.readouterr().err == ""


def test_a_standard_input_that_is_closed_is_told(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", None)
    code, _, err = socialai(monkeypatch, capsys, "predict", "model")
    assert (code, err) == (2, "socialai: standard input is closed: name a file\n")


def test_what_a_user_wrote_is_shown_as_it_is(capsys, monkeypatch):
    odd = ["[spam]", "[/ham]", "[bold]x", ":smile:", "a\\", "[link=x]", "好评"]
    monkeypatch.setattr(screen, "console", Console(width=200))
    screen.show(odd, [odd])
    for text in odd:
        screen.say(text)
    said = capsys.readouterr().out
    assert all(said.count(text) >= 3 for text in odd)
    with screen.training() as (tell, _):
        for text in odd:
            tell(text)
    assert capsys.readouterr().err.splitlines() == odd


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


def test_a_long_cell_of_a_table_is_shown_whole(capsys, monkeypatch):
    monkeypatch.setattr(screen, "console", Console(width=30))
    labels = ["x" * 40 + end for end in "ab"]
    screen.show(["label"], [[label] for label in labels])
    shown = "".join(c for c in capsys.readouterr().out if c.isalnum())
    assert all(label in shown for label in labels)
