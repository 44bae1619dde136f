"""A lesson's kernel is this interpreter's own, whatever the user has set for himself."""

import json
import os
import shutil
import subprocess
import sys

import nbformat
import pytest
from small_course import write_notebook

from socialai import files, results
from socialai.course import build, kernels, runs

STARTUP = "open({!r}, 'a').write('ran')\nimport builtins\nbuiltins.changed = 1\n"
# What a lesson may count on; asserts are switched on.
CHECK = f"""
import os, sys, builtins
import matplotlib as mpl
import socialai
from socialai import figures
assert sys.executable == {sys.executable!r} and socialai.__file__ == {kernels.socialai.__file__!r}
assert not hasattr(builtins, "changed")
assert "inline" in mpl.get_backend() and not mpl.rcParams["text.usetex"]
results.record("asserts", int(__debug__))
"""


@pytest.fixture
def hostile(tmp_path, monkeypatch):
    """What users set: each would stop a lesson, or change it. The file that startup files write."""
    home = tmp_path / "home"
    mark = tmp_path / "mark"
    spec = {"argv": ["/no/python"], "display_name": "theirs", "language": "python"}
    for folder in (tmp_path / "jupyter", home / ".local" / "share" / "jupyter"):
        files.write_json(folder / "kernels" / "python3" / "kernel.json", spec)
    for folder in (tmp_path / "ipython", home / ".ipython"):
        startup = folder / "profile_default" / "startup"
        startup.mkdir(parents=True)
        (startup / "00.py").write_text(STARTUP.format(str(mark)))
        (startup.parent / "ipython_kernel_config.py").write_text("raise SystemExit\n")
    (tmp_path / "startup.py").write_text(STARTUP.format(str(mark)))
    settings = home / ".config" / "matplotlib" / "matplotlibrc"
    settings.parent.mkdir(parents=True)
    settings.write_text("text.usetex: True\nbackend: TkAgg\nno.such.key: 1\n")
    set_by_user = {
        "HOME": home,
        "JUPYTER_PATH": tmp_path / "jupyter",
        "IPYTHONDIR": tmp_path / "ipython",
        "PYTHONSTARTUP": tmp_path / "startup.py",
        "MATPLOTLIBRC": settings,
        "MPLBACKEND": "TkAgg",
        "PYTHONOPTIMIZE": "1",
        "PYTHONWARNINGS": "error::UserWarning",
        "PYTHONPATH": os.path.relpath(files.ROOT),
    }
    for name, value in set_by_user.items():
        monkeypatch.setenv(name, str(value))
    return mark


@pytest.fixture
def lesson(tmp_path, monkeypatch):
    """The notebook of an otherwise empty repository."""
    monkeypatch.setattr(files, "NOTEBOOKS", tmp_path / "notebooks")
    monkeypatch.setattr(files, "BUILD", tmp_path / "build")
    return write_notebook(files.NOTEBOOKS, "01_a", CHECK)


def test_the_engine_runs_a_lesson_in_it(lesson, hostile):
    (outcome,) = build.build([runs.make_run("01")])
    assert (outcome.status, outcome.reason) == ("passed", "not finished before")
    assert results.read(outcome.run.folder)["results"][0]["value"] == 1
    executed = nbformat.read(outcome.run.folder / "notebook.ipynb", as_version=4)
    # No warning among the outputs either.
    assert not any(cell.get("outputs") for cell in executed.cells)
    assert not hostile.exists()


def test_nbval_compares_it_in_it(lesson, hostile, tmp_path):
    shutil.copy(files.ROOT / "notebooks" / "conftest.py", lesson.parent)
    environment = os.environ | {"SOCIALAI_RUNS_DIR": str(tmp_path / "runs"), "PYTHONOPTIMIZE": ""}
    command = [sys.executable, "-m", "pytest", "-q", "--nbval", str(lesson)]
    run = {"env": environment, "cwd": tmp_path, "capture_output": True, "text": True}
    done = subprocess.run(command, **run)
    assert done.returncode == 0, done.stdout
    assert results.read(tmp_path / "runs" / "01_a")["results"][0]["value"] == 1
    assert not hostile.exists()


def test_nothing_of_it_stays(hostile):
    with kernels.own_kernel() as settings:
        mine, theirs = settings["JUPYTER_PATH"].split(os.pathsep)
        spec = json.loads((files.Path(mine) / "kernels" / "python3" / "kernel.json").read_text())
    assert spec["argv"][0] == sys.executable and theirs == os.environ["JUPYTER_PATH"]
    assert not os.path.exists(mine)
