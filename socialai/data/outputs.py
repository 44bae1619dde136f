"""A folder that the user names for what is made: new or empty, and one process's alone."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import filelock

from socialai.errors import UserError

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
