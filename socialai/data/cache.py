"""The cache outside the repository: made once, whole, by one process; mended where damaged."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock

from socialai import files
from socialai.errors import UserError
from socialai.files import sha256


def cached_file(target: Path, write: Callable[[Path], object]) -> Path:
    """`target` of the cache, made by `write` where it is missing or is not what was written.

    Its sha256 is kept beside it, so that damage on the disk is mended, not read. Of two processes
    one makes it and the other waits.
    """
    seal = target.with_name(f"{target.name}.sha256")

    def is_whole() -> bool:
        return target.is_file() and seal.is_file() and seal.read_bytes() == sha256(target).encode()

    if is_whole():
        return target
    with told_of_disk(target.parent), one_at_a_time(target):
        if not is_whole():
            with files.unfinished(target) as aside:
                write(aside)
                made = sha256(aside)
            with files.unfinished(seal) as aside:
                aside.write_text(made)
    return target


def cached_folder(target: Path, file: str, write: Callable[[Path], object]) -> Path:
    """The same for a folder, whose damage shows in the sha256 of one of its files."""
    seal = target / "SHA256"

    def is_whole() -> bool:
        if not (target / file).is_file() or not seal.is_file():
            return False
        return seal.read_bytes() == sha256(target / file).encode()

    if is_whole():
        return target
    with told_of_disk(target.parent), one_at_a_time(target):
        if not is_whole():
            with files.unfinished(target) as aside:
                write(aside)
                (aside / seal.name).write_text(sha256(aside / file))
    return target


@contextmanager
def one_at_a_time(target: Path) -> Iterator[None]:
    """Let one process of this machine make a file or folder of the cache; the others wait here."""
    name = target.relative_to(files.cache_folder()).as_posix().replace("/", "-")
    folder = files.cache_folder() / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(folder / name)
    try:
        lock.acquire()
    except NotImplementedError:  # a disk without locks: then two may do the same work
        pass
    try:
        yield
    finally:
        lock.release()


@contextmanager
def told_of_disk(folder: Path) -> Iterator[None]:
    """A full disk, or a folder that can't be written, as one line."""
    try:
        yield
    except OSError as error:
        raise UserError(
            f"can't write to {folder} ({error.strerror or error}); "
            f"make room there, or name another folder in SOCIALAI_CACHE"
        ) from None
