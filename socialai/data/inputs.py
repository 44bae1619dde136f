"""What a run read, written down by what read it: `inputs.json` in the folder of the run.

    {"ml100k_ratings": "b3dd4f34...",             a data set: its checksum in the registry
     "/home/me/posts.csv": "70fe0a1c...",         a file of the user's own, or a folder
     "/home/me/course/notebooks/*.ipynb": "5a"}   which files a pattern finds, whatever they hold

The loaders of this package record by themselves; who opens a user's file calls `record_file`. A run
of the engine has such a file (`socialai run`, `course`, `sweep`); elsewhere nothing is written. The
engine asks `changed` before it calls a run finished.
"""

import hashlib
import os
from pathlib import Path

from socialai import files
from socialai.data.registry import entries
from socialai.errors import DataUnavailable

NAME = "inputs.json"


def record(name: str) -> None:
    """Write down that the running notebook read a data set, or weights, of the registry."""
    _write(name)


def record_file(path: str | Path) -> None:
    """Write down that it read a file of the user's own, or all files of a folder, or found none."""
    _write(str(Path(path).resolve()))


def record_listing(folder: Path, pattern: str) -> None:
    """Write down that it read which files of a folder a pattern, such as "*.ipynb", finds."""
    _write(str(folder.resolve() / pattern))


def read(folder: Path) -> dict[str, str]:
    """{name or path: checksum when it was read} of a run."""
    return files.read_json(folder / NAME)


def changed(folder: Path) -> list[str]:
    """Names and paths that no longer are what the run in this folder read, or are gone."""
    return [name for name, then in read(folder).items() if checksum(name) != then]


def close(folder: Path) -> None:
    """End the writing of a run: what it made for itself and removed again was no input."""
    before = read(folder)
    gone = {name for name in before if os.path.isabs(name) and before[name] and not checksum(name)}
    files.write_json(folder / NAME, {name: before[name] for name in before if name not in gone})


def checksum(name: str) -> str:
    """What changes when a data set, a file, a folder or a listing does; "" when it is gone."""
    if not os.path.isabs(name):
        try:
            return entries()[name].checksum
        except (KeyError, DataUnavailable):
            return ""
    path = Path(name)
    if path.is_file():
        return files.sha256(path)
    # Of a folder the files count by content, of a pattern those that it finds by name.
    if path.is_dir():
        inside = sorted(file for file in path.rglob("*") if file.is_file())
        known = [f"{file.relative_to(path).as_posix()} {files.sha256(file)}" for file in inside]
    elif "*" in path.name and path.parent.is_dir():
        known = sorted(file.name for file in path.parent.glob(path.name))
    else:
        return ""
    return hashlib.sha256("\n".join(known).encode()).hexdigest()


def _write(name: str) -> None:
    """Add one input to those of the run under way, unless it is the run's own work."""
    if not (folder := files.named_folder("SOCIALAI_RUN_DIR")):
        return
    known = read(folder)
    own = os.path.isabs(name) and Path(name).is_relative_to(folder.resolve())
    # The first reading counts: a file that changes under a run has it run again.
    if name not in known and not own:
        files.write_json(folder / NAME, known | {name: checksum(name)})
