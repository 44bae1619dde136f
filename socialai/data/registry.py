"""What data and weights exist, from where, under which licence: `registry.toml` as entries."""

import importlib.metadata
import re
import tomllib
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from socialai.errors import DataUnavailable, UserError


@dataclass(frozen=True)
class Entry:
    """One data set or set of weights of `registry.toml`; the fields carry that file's keys."""

    name: str
    title: str
    rows: str
    language: str
    labels: str
    licence: str
    citation: str
    problems: str
    # Of its frame, in order: {name: what it holds}.
    columns: dict = field(default_factory=dict, hash=False)
    package: str = ""
    version: str = ""
    file: str = ""  # the archive's name on the package index
    sha256: str = ""  # of that archive
    members: tuple = ()  # the files of the archive that are read
    # {file name: {sha256, and url where kind is url}}.
    files: dict = field(default_factory=dict, hash=False)
    folder: str = ""  # of the files in the mirror, where it isn't called `name`

    @property
    def kind(self) -> str:
        """Where it comes from: "package", "url", "bundled" or "own".

        That is: an archive from the package index; files by address; inside a dependency; files of
        this repository's folder data.
        """
        if self.package:
            return "package" if self.file else "bundled"
        return "url" if all("url" in known for known in self.files.values()) else "own"

    @property
    def checksum(self) -> str:
        """What changes when the data do: sha256 of the archive or files, or a package's version."""
        if known := self.sha256 or " ".join(f["sha256"] for f in self.files.values()):
            return known
        try:
            return f"{self.package} {importlib.metadata.version(self.package)}"
        except importlib.metadata.PackageNotFoundError:
            raise DataUnavailable(
                f"{self.name}: package {self.package} is not installed; pip install {self.package}"
            ) from None

    @property
    def column_names(self) -> list[str]:
        """Names of the frame's columns, "pixel_0 to pixel_63" spelt out."""
        names = []
        for name in self.columns:
            if span := re.fullmatch(r"(\w+_)(\d+) to \1(\d+)", name):
                names += [f"{span[1]}{i}" for i in range(int(span[2]), int(span[3]) + 1)]
            else:
                names.append(name)
        return names


@cache
def entries() -> dict[str, Entry]:
    """All entries of the registry by name."""
    table = tomllib.loads(Path(__file__).with_name("registry.toml").read_text(encoding="utf-8"))
    archives = table.pop("archives")
    found = {}
    for name, fields in table.items():
        for suffix, own in fields.pop("tables", {"": {}}).items():
            known = fields | own
            if package := known.pop("archive", None):
                known = {"package": package} | archives[package] | known
            known["members"] = tuple(known.get("members", ()))
            full = f"{name}_{suffix}" if suffix else name
            found[full] = Entry(name=full, **known)
    return found


def entry(name: str) -> Entry:
    """One entry; an unknown name is a UserError that lists the known ones."""
    if name not in entries():
        raise UserError(f"there is no data set {name!r}; known: {', '.join(entries())}")
    return entries()[name]


def data_sheet() -> str:
    """The text of data/README.md, generated from the registry."""
    parts = [
        "# Data and weights\n\nGenerated from `socialai/data/registry.toml`; of what is listed "
        "only `policy_posts` is committed, here. `socialai.data.load(name)` returns the frame "
        "whose columns are listed.\n"
    ]
    for found in entries().values():
        sums = found.sha256 or "<br>".join(file["sha256"] for file in found.files.values())
        rows = {
            "rows": found.rows,
            "language": found.language,
            "labels": found.labels,
            "licence": found.licence,
            "citation": found.citation,
            "known problems": found.problems,
            "from": _origin(found),
            "sha256": sums or "none: made by the package",
        }
        lines = "\n".join(f"| {key} | {value} |" for key, value in rows.items())
        parts.append(f"## {found.name}\n\n{found.title}\n\n| | |\n| --- | --- |\n{lines}\n")
        if found.columns:
            parts.append("".join(f"- `{name}`: {what}\n" for name, what in found.columns.items()))
    return "\n".join(parts)


def _origin(found: Entry) -> str:
    if found.kind == "url":
        return "<br>".join(file["url"] for file in found.files.values())
    if found.kind == "own":
        return "<br>".join(f"`data/{file}`" for file in found.files)
    if found.kind == "bundled":
        return f"package {found.package}, installed with this project"
    archive = f"package {found.package} {found.version}, {found.file}"
    return "<br>".join([archive, *(f"`{member}`" for member in found.members)])
