"""Where things are, in the repository and its cache; files written whole, as JSON, by checksum."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import platformdirs

# Environment variables that name folders.
FOLDERS = [f"SOCIALAI_{name}" for name in ("ROOT", "CACHE", "DATA", "RUN_DIR", "RUNS_DIR")]


def absolute(path: str | Path, folder: str | Path = "") -> Path:
    """A path as its user means it: ~ is the home, a relative one counts from where he is.

    folder: what it counts from instead.
    """
    return Path(folder, os.path.expanduser(path)).absolute()


def named_folder(variable: str) -> Path | None:
    """The folder that an environment variable names; None when it isn't set, or empty."""
    name = os.environ.get(variable)
    return absolute(name) if name else None


# As its user means them for all that this process starts, too: kernels work in another folder.
os.environ.update({name: str(folder) for name in FOLDERS if (folder := named_folder(name))})

ROOT = named_folder("SOCIALAI_ROOT") or Path(__file__).resolve().parents[1]
NOTEBOOKS = ROOT / "notebooks"
FIGURES = ROOT / "figures"
BUILD = ROOT / "build"
RESULTS = FIGURES / "results.json"
MANIFEST = FIGURES / "manifest.json"


def cache_folder() -> Path:
    """Folder for downloads and converted weights: `SOCIALAI_CACHE`, or the platform's own."""
    return named_folder("SOCIALAI_CACHE") or Path(platformdirs.user_cache_dir("socialai"))


def output_folder(notebook: str) -> Path | None:
    """Folder for the figures and results of a running notebook; None when nobody asked for them.

    The engine names one run's folder in `SOCIALAI_RUN_DIR`; a test of all notebooks names a parent
    in `SOCIALAI_RUNS_DIR`, under which each notebook gets a folder of its own name.
    """
    if run := named_folder("SOCIALAI_RUN_DIR"):
        return run
    parent = named_folder("SOCIALAI_RUNS_DIR")
    return parent and parent / notebook


@contextmanager
def unfinished(path: Path) -> Iterator[Path]:
    """Write a file or a folder beside its place; it comes to `path` when the block ends whole.

    So a reader never sees half of it, and after an error nothing is left. Yields a path of the same
    name, with nothing there yet, in a folder of its own next to `path`; that of `path` is made. A
    folder that stands at `path` is replaced in two steps: for a moment there is none. Raises
    OSError where one can't write, FileNotFoundError when the block wrote nothing.

        with unfinished(folder / "table.parquet") as aside:
            frame.to_parquet(aside)
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=".part-", dir=path.parent))
    whole = beside / path.name
    try:
        yield whole
        if not whole.exists():
            raise FileNotFoundError(f"nothing was written for {path}")
        if path.is_dir():
            os.replace(path, beside / ".before")
        os.replace(whole, path)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def write_json(path: Path, content: object) -> None:
    """Write JSON, for people to read too, whole or not at all.

    Half of a surrogate pair, which UTF-8 can't hold, is written as JSON's escape of it.
    """
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    with unfinished(path) as aside:
        aside.write_text(text, encoding="utf-8", errors="backslashreplace")


def read_json(path: Path) -> dict:
    """What a JSON file holds; an empty dictionary when there is no such file."""
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def sha256(path: Path) -> str:
    """The sha256 of a file, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
