"""How data and weights get here: mirror, cache, then network; sha256 before anything is opened, whole files or none."""

import ast
import errno
import hashlib
import html
import importlib.util
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urljoin

import pooch

from socialai import files
from socialai.data.registry import Entry, entry
from socialai.errors import DataUnavailable, UserError

# The simple index as JSON (PEP 691), or as HTML (PEP 503) where a private index knows only that.
INDEX_FORMATS = "application/vnd.pypi.simple.v1+json, text/html;q=0.1"
DISK_ERRORS = (errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EIO)

pooch.get_logger().setLevel("ERROR")  # it would announce each download among a notebook's outputs


def mirror() -> Path | None:
    """The folder named in `SOCIALAI_DATA`, looked at before any network; None when it isn't set."""
    folder = os.environ.get("SOCIALAI_DATA")
    return Path(folder) if folder else None


def sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fetch(name: str) -> Path:
    """The verified archive of an entry (package), or the folder of its verified files (URL, bundled, own).

    Raises DataUnavailable, in one line with what to do, when it can't be had or is not what the registry says, and
    UserError when the cache can't be written.
    """
    found = entry(name)
    ways = {
        "package": _fetch_archive,
        "url": _fetch_files,
        "bundled": _find_bundled,
        "own": _find_own,
    }
    return ways[found.kind](found)


def unavailable(name: str) -> str | None:
    """Why an entry can't be had now, in one line; None when it is here."""
    try:
        fetch(name)
    except DataUnavailable as error:
        return str(error)
    return None


def verify(name: str) -> str:
    """The sha256 of an entry as it lies here, after comparing it with the registry; DataUnavailable when it differs."""
    path = fetch(name)
    return sha256(path) if path.is_file() else entry(name).checksum


def fetch_member(name: str, member: str) -> Path:
    """One file of an entry's archive, read only after the archive is verified, kept in the cache."""
    target = (
        files.cache_folder() / "members" / f"{name}-{entry(name).checksum[:16]}" / Path(member).name
    )
    return cached_file(target, lambda aside: aside.write_bytes(read_member(fetch(name), member)))


def fetch_members(name: str) -> Path:
    """The folder with all files that an entry reads of its archive, such as weights beside their tokenizer."""
    return [fetch_member(name, member) for member in entry(name).members][0].parent


def open_files(name: str) -> dict[str, io.BytesIO]:
    """The verified files of an entry by the names that the registry gives them, open for reading."""
    found, source = entry(name), fetch(name)
    if found.kind == "package":
        return {member: io.BytesIO(read_member(source, member)) for member in found.members}
    return {file: io.BytesIO((source / file).read_bytes()) for file in found.files}


def read_member(archive: Path | io.BytesIO, member: str) -> bytes:
    """The bytes of one file of a wheel or a tar archive; "outer!inner" is a file of a tar archive inside the archive.

    Nothing is extracted to the disk, and nothing else of the archive is read.
    """
    outer, _, inner = member.partition("!")
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as wheel:
            content = wheel.read(outer)
    else:
        source = (
            {"name": archive}
            if isinstance(archive, Path)
            else {"fileobj": io.BytesIO(archive.getvalue())}
        )
        with tarfile.open(**source) as tar:
            content = tar.extractfile(outer).read()
    return read_member(io.BytesIO(content), inner) if inner else content


def cached_file(target: Path, write: Callable[[Path], object]) -> Path:
    """`target` of the cache, made by `write` where it is missing or is not what was written.

    It is written aside and renamed, so that a killed or a second process leaves no half file, and its sha256 is kept
    beside it, so that damage on the disk is mended, not read.
    """
    seal = target.with_name(f"{target.name}.sha256")
    if target.is_file() and seal.is_file() and seal.read_text() == sha256(target):
        return target
    with _folder_aside(target.parent) as folder:
        aside, seal_aside = folder / target.name, folder / seal.name
        write(aside)
        seal_aside.write_text(sha256(aside))
        os.replace(aside, target)
        os.replace(seal_aside, seal)
    return target


@contextmanager
def _told_of_disk(folder: Path) -> Iterator[None]:
    """A full disk, or a folder that can't be written, as one line."""
    try:
        yield
    except OSError as error:
        raise UserError(
            f"can't write to {folder} ({error.strerror or error}); "
            f"make room there, or name another folder in SOCIALAI_CACHE"
        ) from None


@contextmanager
def _folder_aside(folder: Path) -> Iterator[Path]:
    """A folder of this process alone on the same disk as `folder`, gone afterwards."""
    with _told_of_disk(folder):
        folder.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=".part-", dir=folder))
        try:
            yield aside
        finally:
            shutil.rmtree(aside, ignore_errors=True)


def _unavailable(found: Entry, source: str, reason: str) -> DataUnavailable:
    if found.kind == "url":
        how = f"put {', '.join(found.files)} into a folder {found.folder or found.name}/ and name its parent"
    else:
        how = f"put {found.file} into a folder and name the folder"
    return DataUnavailable(
        f"{found.name}: {source} can't be had ({reason}); {how} in SOCIALAI_DATA"
    )


def _fetch_archive(found: Entry) -> Path:
    folder = files.cache_folder() / "archives"
    for place in (mirror(), folder):
        candidate = place / found.file if place else None
        if candidate and candidate.is_file() and sha256(candidate) == found.sha256:
            return candidate
    with _folder_aside(folder) as aside:
        download = _download_wheel if found.file.endswith(".whl") else _download_source
        download(found, aside)
        archive = aside / found.file
        source = f"package {found.package} {found.version}"
        if not archive.is_file():
            raise _unavailable(found, source, f"the index has no {found.file}")
        if sha256(archive) != found.sha256:
            raise _unavailable(found, source, "what came fails its sha256 check")
        os.replace(archive, folder / found.file)
    return folder / found.file


def _download_wheel(found: Entry, folder: Path) -> None:
    # A wheel is only read as an archive, so its platform and Python are named: any system gets the same file.
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--dest",
        str(folder),
    ]
    command += ["--only-binary=:all:", "--platform=manylinux2014_x86_64", "--python-version=3.11"]
    done = subprocess.run(
        [*command, f"{found.package}=={found.version}"], capture_output=True, text=True
    )
    if done.returncode:
        said = done.stderr.strip().splitlines()
        reason = ([line for line in said if line.startswith("ERROR")] or said or ["pip failed"])[-1]
        if (full := os.strerror(errno.ENOSPC)) in done.stderr:
            raise OSError(errno.ENOSPC, full)
        raise _unavailable(found, f"package {found.package} {found.version}", reason)


def _download_source(found: Entry, folder: Path) -> None:
    """A source archive, taken from the index that pip is set to: `pip download` would run its setup.py."""
    source = f"package {found.package} {found.version}"
    settings = _pip_settings()
    if settings.get("no-index", "").lower() in ("1", "true", "yes", "on"):
        raise _unavailable(found, source, "pip is set to no-index")
    indexes = [
        settings.get("index-url") or _default_index(),
        *settings.get("extra-index-url", "").split(),
    ]
    name = re.sub(r"[-_.]+", "-", found.package).lower()
    reason = "no index that pip is set to can be read"
    for index in (i for i in indexes if i.startswith("http")):
        page = f"{index.rstrip('/')}/{name}/"
        options = {"progressbar": False, "verify": settings.get("cert", True)}
        reader = pooch.HTTPDownloader(headers={"Accept": INDEX_FORMATS}, **options)
        try:
            text = Path(
                pooch.retrieve(page, None, fname="index", path=folder, downloader=reader)
            ).read_text("utf-8")
            (folder / "index").unlink()
            if address := _address(text, found.file):
                reader = pooch.HTTPDownloader(**options)
                pooch.retrieve(
                    urljoin(page, address), found.sha256, found.file, folder, downloader=reader
                )
                return
            reason = f"the index has no {found.file}"
        except Exception as error:
            reason = _reason(error)
    raise _unavailable(found, source, reason)


def _pip_settings() -> dict[str, str]:
    """What pip is set to by its files and the environment, for `pip download`; the later of two settings wins."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    listed = subprocess.run(command, capture_output=True, text=True).stdout
    order = {"global": 0, "download": 1, ":env:": 2}
    lines = re.findall(r"^(global|download|:env:)\.([a-z-]+)=(.*)$", listed, re.MULTILINE)
    return {
        key: ast.literal_eval(value)
        for _, key, value in sorted(lines, key=lambda line: order[line[0]])
    }


def _default_index() -> str:
    from pip._internal.models.index import PyPI  # where pip itself looks when nothing is set

    return PyPI.simple_url


def _address(page: str, file: str) -> str | None:
    """Address of a file on a package's page of an index, JSON or HTML."""
    try:
        return next((f["url"] for f in json.loads(page)["files"] if f["filename"] == file), None)
    except json.JSONDecodeError:
        found = re.search(rf'href="([^"]+)"[^>]*>\s*{re.escape(file)}\s*<', page)
        return html.unescape(found[1]) if found else None


def _reason(error: Exception) -> str:
    """Why a download failed, in a few words; a disk's error is raised on."""
    if isinstance(error, PermissionError) or getattr(error, "errno", None) in DISK_ERRORS:
        raise error
    if isinstance(error, ValueError) and "hash" in str(error):
        return "what came fails its sha256 check"
    return f"not reached, {type(error).__name__}"


def _fetch_files(found: Entry) -> Path:
    beside = mirror() / (found.folder or found.name) if mirror() else None
    if beside and all(
        (beside / f).is_file() and sha256(beside / f) == v["sha256"] for f, v in found.files.items()
    ):
        return beside
    folder = files.cache_folder() / "files" / found.name
    with _told_of_disk(folder):
        folder.mkdir(parents=True, exist_ok=True)
    for file, source in found.files.items():
        try:
            # It looks at what is there, checks its hash, downloads aside and renames.
            pooch.retrieve(
                source["url"],
                known_hash=source["sha256"],
                fname=file,
                path=folder,
                progressbar=False,
            )
        except Exception as error:  # pooch passes on whatever its transport raises
            with _told_of_disk(folder):
                reason = _reason(error)
            raise _unavailable(found, source["url"], reason) from None
    return folder


def _find_bundled(found: Entry) -> Path:
    module = {"scikit-learn": "sklearn"}.get(found.package, found.package)
    spec = importlib.util.find_spec(module)
    if spec is None:
        raise DataUnavailable(
            f"{found.name}: package {found.package} is not installed; pip install {found.package}"
        )
    how = "pip install --force-reinstall the version in requirements.lock"
    return _with_whole_files(found, Path(spec.origin).parent, f"the installed {found.package}", how)


def _find_own(found: Entry) -> Path:
    how = f"git checkout -- {' '.join(f'data/{file}' for file in found.files)}"
    return _with_whole_files(found, files.ROOT / "data", "this repository's folder data", how)


def _with_whole_files(found: Entry, folder: Path, source: str, how: str) -> Path:
    for file, known in found.files.items():
        if not (folder / file).is_file() or sha256(folder / file) != known["sha256"]:
            raise DataUnavailable(f"{found.name}: {file} of {source} fails its sha256 check; {how}")
    return folder
