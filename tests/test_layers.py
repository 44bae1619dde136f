"""Rooms of the package import downwards only; import-linter notices who does not."""

import shutil
import subprocess
import sys

import pytest

from socialai import files

LINT = "from importlinter.cli import lint_imports; raise SystemExit(lint_imports(no_cache=True))"


def lint(root):
    """(exit status, what was said) of import-linter on the package in a folder."""
    done = subprocess.run([sys.executable, "-c", LINT], cwd=root, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def copy(tmp_path):
    """A copy of the package's sources with the contracts."""
    ignore = shutil.ignore_patterns("__pycache__", "*.toml")
    shutil.copytree(files.ROOT / "socialai", tmp_path / "socialai", ignore=ignore)
    shutil.copy(files.ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_contracts_hold_here():
    status, said = lint(files.ROOT)
    assert status == 0, said


@pytest.mark.parametrize(
    ("path", "line", "says"),
    [
        ("files.py", "from socialai import results", "files is not allowed to import socialai.res"),
        ("models/gcn.py", "from socialai.apps import network", "models is not allowed to import"),
        ("validation.py", "from socialai import data", "validation is not allowed to import"),
        (
            "evaluation.py",
            "def late():\n    from socialai import course",
            "evaluation is not allowed to import socialai.course",
        ),
        ("new.py", "", "The following modules are not listed as layers"),
        ("course/runs.py", "import socialai.models.bert", "course is not allowed to import"),
        (
            "apps/topics/bursts.py",
            "from socialai.apps import sentiment",
            "socialai.apps.topics is not allowed to import socialai.apps.sentiment",
        ),
    ],
)
def test_an_import_upwards_or_aside_is_noticed(copy, path, line, says):
    with open(copy / "socialai" / path, "a", encoding="utf-8") as module:
        module.write(f"\n{line}\n")
    status, said = lint(copy)
    assert status == 1 and says in said, said
