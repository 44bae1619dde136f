"""Commands on notebooks take what was named and refuse the rest in one line."""

import os
import shutil
import subprocess
import sys

import matplotlib as mpl
import pytest
from small_course import write_notebook

from socialai import figures, files
from socialai.cli import __main__


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A repository with one notebook."""
    for name in ("NOTEBOOKS", "BUILD", "FIGURES"):
        monkeypatch.setattr(files, name, tmp_path / name.lower())
    write_notebook(files.NOTEBOOKS, "08_a", "results.record('x', seed)")
    monkeypatch.setenv("MPLBACKEND", "TkAgg")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def socialai(monkeypatch, capsys, *arguments):
    """(exit status, stderr) of the entry point."""
    monkeypatch.setattr(sys, "argv", ["socialai", *arguments])
    with pytest.raises(SystemExit) as stopped:
        __main__.main()
    return stopped.value.code or 0, capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "8", "-p", "seed=1", "-p", "seed=2"], "-p seed stands twice"),
        (["run", "8", "-p", "seed=012"], "parameter seed takes int (default 0), not '012'"),
        (["run", "9"], "there is no notebook '9': choose from 08_a"),
        (["run", "mine/08_a.ipynb"], "only notebooks of this repository can be run: mine/08_a"),
        (["sweep", "mine/octal.yaml"], "there is no notebook '010'"),
        (["sweep", "mine/twice.yaml"], "twice.yaml is not readable YAML in line 2: the key"),
        (["sweep", "mine/none.yaml"], "there is no file"),
    ],
)
def test_what_was_not_meant_is_not_run(repository, monkeypatch, capsys, arguments, message):
    (repository / "mine").mkdir()
    shutil.copy(files.NOTEBOOKS / "08_a.ipynb", repository / "mine")
    (repository / "mine" / "octal.yaml").write_text("notebook: 010\ngrid: {seed: [1]}\n")
    (repository / "mine" / "twice.yaml").write_text("notebook: 8\nnotebook: 8\n")
    code, err = socialai(monkeypatch, capsys, *arguments)
    assert code == 2 and err.startswith(f"socialai: {message}") and err.count("\n") == 1
    assert not files.BUILD.exists()


def test_notebooks_of_another_package_are_no_checkout(repository, monkeypatch, capsys):
    (files.NOTEBOOKS / "lessons.yaml").unlink()
    for name, *rest in (["run", "8"], ["course"], ["report"], ["lab"]):
        code, err = socialai(monkeypatch, capsys, name, *rest)
        assert code == 2 and err.startswith(f"socialai: {name} needs a checkout") and "clone" in err


def test_jupyterlab_has_the_kernel_that_runs_the_lessons(repository, monkeypatch, capsys):
    opened = []

    def call(command, env):
        place = env["JUPYTER_PATH"].split(os.pathsep)[0]
        opened.append(
            (command[1:3], files.read_json(files.Path(place, "kernels/python3/kernel.json")))
        )
        return 0

    monkeypatch.setattr(subprocess, "call", call)
    monkeypatch.setenv("JUPYTER_PATH", str(repository / "theirs"))
    assert socialai(monkeypatch, capsys, "lab") == (0, "")
    ((command, spec),) = opened
    assert command == ["-m", "jupyterlab"] and spec["argv"][0] == sys.executable


def test_pictures_that_a_command_draws_need_no_window(repository, monkeypatch, capsys):
    socialai(monkeypatch, capsys, "figures")
    assert os.environ["MPLBACKEND"] == "agg"


def test_figures_look_the_same_whatever_a_matplotlibrc_says():
    figures.style()
    before = dict(mpl.rcParams)
    with mpl.rc_context({"text.usetex": True, "axes.grid": True, "lines.linewidth": 9}):
        figures.style()
        assert {key: value for key, value in mpl.rcParams.items() if before[key] != value} == {}
