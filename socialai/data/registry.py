"""What data and weights exist, from where, under which licence: `data/registry.toml` as entries, and the data sheet."""

import importlib.metadata
import re
import tomllib
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from socialai.errors import DataUnavailable, UserError


@dataclass(frozen=True)
class Entry:
    """One data set or set of weights of `data/registry.toml`; the fields carry that file's keys."""

    name: str
    title: str
    rows: str
    language: str
    labels: str
    licence: str
    citation: str
    problems: str
    columns: dict = field(
        default_factory=dict, hash=False
    )  # of its frame, in order: name -> what it holds
    package: str = ""
    version: str = ""
    file: str = ""  # the archive's name on the package index
    sha256: str = ""  # of that archive
    members: tuple = ()  # the files of the archive that are read
    files: dict = field(
        default_factory=dict, hash=False
    )  # file name -> {sha256, and url where kind is url}
    folder: str = ""  # of the files in the mirror, where it isn't called `name`

    @property
    def kind(self) -> str:
        """ "package": an archive from the package index; "url": files by address; "bundled": inside a dependency;
        "own": files of this repository's folder data."""
        if self.package:
            return "package" if self.file else "bundled"
        return "url" if all("url" in known for known in self.files.values()) else "own"

    @property
    def checksum(self) -> str:
        """What changes when the data do: sha256 of the archive or of the files, or the version of the dependency."""
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
        "# Data and weights\n\nGenerated from `registry.toml`; of what is listed only `policy_posts` is committed. "
        "`socialai.data.load(name)` returns the frame whose columns are listed.\n"
    ]
    for e in entries().values():
        rows = {
            "rows": e.rows,
            "language": e.language,
            "labels": e.labels,
            "licence": e.licence,
            "citation": e.citation,
            "known problems": e.problems,
            "from": _origin(e),
            "sha256": e.sha256
            or "<br>".join(f["sha256"] for f in e.files.values())
            or "none: made by the package",
        }
        lines = "\n".join(f"| {key} | {value} |" for key, value in rows.items())
        parts.append(f"## {e.name}\n\n{e.title}\n\n| | |\n| --- | --- |\n{lines}\n")
        if e.columns:
            parts.append("".join(f"- `{name}`: {what}\n" for name, what in e.columns.items()))
    return "\n".join(parts)


def _origin(e: Entry) -> str:
    if e.kind == "url":
        return "<br>".join(f["url"] for f in e.files.values())
    if e.kind == "own":
        return "<br>".join(f"`data/{file}`" for file in e.files)
    if e.kind == "bundled":
        return f"package {e.package}, installed with this project"
    return "<br>".join(
        [f"package {e.package} {e.version}, {e.file}", *(f"`{member}`" for member in e.members)]
    )
