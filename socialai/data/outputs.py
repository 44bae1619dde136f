"""A folder that the user names for what is made: new or empty, one process's alone, whole."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import filelock

from socialai.errors import UserError
from socialai.files import sha256

LOCK = ".lock"  # in the folder as long as somebody writes into it


@contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Keep an output folder for this process until the block ends; it is made where it isn't there.

    Raises UserError, before any work is done, when it isn't empty, can't be made or written to, or
    is another process's at this time.
    """
    lock = filelock.FileLock(folder / LOCK, timeout=0)
    try:
        _check_empty(folder)
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except filelock.Timeout:
        raise UserError(f"{folder} is being written by another process: name another") from None
    except NotImplementedError:  # a disk without locks
        pass
    except OSError as error:
        reason = error.strerror or error
        raise UserError(f"{folder} can't be made or written to: {reason}") from None
    try:
        _check_empty(folder)  # another process may have ended since
        yield
    finally:
        with suppress(OSError):
            (folder / LOCK).unlink()
        lock.release()


def _check_empty(folder: Path) -> None:
    if not folder.exists():
        return
    if not folder.is_dir() or any(path.name != LOCK for path in folder.iterdir()):
        raise UserError(
            f"{folder} exists already and is not an empty folder: name another, or remove it"
        )


def checksums(folder: Path) -> dict[str, str]:
    """{name: sha256} of the files in a folder."""
    return {path.name: sha256(path) for path in sorted(folder.iterdir())}


def check_whole(folder: Path, known: dict[str, str]) -> None:
    """UserError for the first file, by its known checksum, that is missing or another one."""
    for name, checksum in known.items():
        path = folder / name
        if not path.is_file() or sha256(path) != checksum:
            raise UserError(
                f"{path} is missing or damaged: its checksum is not the one that was written down"
            )
