"""A run is one notebook at one set of parameters: its name, its folder, the sources it uses.

A parameter whose comment speaks of a folder, path or file takes one of the user's. What its value
means is said in `located`.
"""

import ast
import functools
import hashlib
import io
import json
import math
import os
import re
import tokenize
from dataclasses import dataclass, field
from pathlib import Path

import grimp

import socialai
from socialai import files
from socialai.errors import UserError

LONGEST_NAME = 120  # bytes of a run's name: file systems take 255, and the paths to it add up
PATH = re.compile(r"\b(folder|path|file)\b")
# A choice, a data set or a model of a hub, with its owner: what isn't one is a path.
NAME = re.compile(r"[\w-][\w.-]*(/[\w.-]+)?", re.ASCII)


def runs_folder() -> Path:
    """Where all runs are kept."""
    return files.BUILD / "runs"


@dataclass(frozen=True)
class Run:
    """One notebook at one set of parameters (those that differ from its defaults).

    It carries the place where runs are kept to the process, or machine, that computes it.
    """

    notebook: Path
    parameters: dict = field(default_factory=dict, hash=False)
    kept_in: Path = field(default_factory=runs_folder)

    @property
    def name(self) -> str:
        """`notebook/key=value,...`, or `notebook/defaults`."""
        values = ",".join(f"{key}={value}" for key, value in self.parameters.items()) or "defaults"
        readable = "".join(c if c.isalnum() or c in "=,.-_+" else "_" for c in values)
        # Case may not count on this disk, nor a dot at the end.
        texts = [value for value in self.parameters.values() if isinstance(value, str)]
        same = readable == values and "".join(texts) == "".join(texts).lower()
        if not same or values.endswith(".") or len(readable.encode()) > LONGEST_NAME:
            digest = hashlib.sha256(values.encode()).hexdigest()[:8]
            short = readable.encode()[: LONGEST_NAME - len(digest) - 1].decode(errors="ignore")
            readable = f"{short}-{digest}"
        return f"{self.notebook.stem}/{readable}"

    @property
    def folder(self) -> Path:
        """Where the finished run is kept."""
        return self.kept_in / self.name

    @property
    def failed(self) -> Path:
        """Where a failed run's notebook stays, to be looked at."""
        return self.folder.with_name(f"{self.folder.name}.unfinished")

    def under_way(self) -> list[Path]:
        """Folders that it is being written to, or was when its process was killed."""
        return list(self.folder.parent.glob(f".part-*/{self.folder.name}"))


def all_notebooks() -> list[Path]:
    """The lessons in their order; none is a UserError that says what to do."""
    found = sorted(files.NOTEBOOKS.glob("*.ipynb"))
    if not found:
        raise UserError(f"there are no notebooks in {files.NOTEBOOKS}")
    return found


def find_notebook(name: str) -> Path:
    """The notebook of that name (`10_bert_finetuning`, `10`, `8` for 08, or its path).

    An unknown one is a UserError that names the nearest, another's notebook one that says so.
    """
    known = {path.stem: path for path in all_notebooks()}
    if path := named_path(name, ".ipynb"):
        for ours in known.values():
            if os.path.exists(path) and path.samefile(ours):
                return ours
        raise UserError(
            f"only notebooks of this repository can be run: {name} is not one of {files.NOTEBOOKS}"
        )
    stem = name.removesuffix(".ipynb")
    number = stem.zfill(2) if stem.isdecimal() else stem
    numbered = [key for key in known if key.split("_")[0] == number]
    if len(numbered) == 1:
        return known[numbered[0]]
    return known[_choose(stem, known, "notebook")]


def named_path(name: str, suffix: str) -> Path | None:
    """The file that is meant where one gives a name or a path; None for a name.

    A path has a folder in it, or is a file of that suffix in the folder where the user is.
    """
    path = files.absolute(name)
    if os.path.basename(name) != name or (name.endswith(suffix) and os.path.isfile(path)):
        return path
    return None


def cells(notebook: Path) -> list[dict]:
    """The cells of a notebook, each source one string."""
    found = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return [cell | {"source": "".join(cell["source"])} for cell in found]


def default_parameters(notebook: Path) -> dict:
    """{parameter: default} of the cell tagged `parameters`."""
    return {s.targets[0].id: ast.literal_eval(s.value) for s in _assignments(notebook)[0]}


def path_parameters(notebook: Path) -> set[str]:
    """The parameters that take a folder or file of the user: the comments beside them say so."""
    assigned, source = _assignments(notebook)
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    comments = {t.start[0]: t.string for t in tokens if t.type == tokenize.COMMENT}
    return {s.targets[0].id for s in assigned if PATH.search(comments.get(s.end_lineno, ""))}


def _assignments(notebook: Path) -> tuple[list[ast.Assign], str]:
    """The assignments of the cell tagged `parameters`, and its source."""
    for cell in cells(notebook):
        if "parameters" in cell["metadata"].get("tags", []):
            body = ast.parse(cell["source"]).body
            return [s for s in body if isinstance(s, ast.Assign)], cell["source"]
    raise UserError(f"{notebook.name} has no cell tagged parameters")


def make_run(name: str, parameters: dict | None = None, folder: str | Path = "") -> Run:
    """A run with its parameters checked: they exist in the notebook, with the default's type.

    folder: from where paths among them count; without it from where the user is.
    """
    notebook = find_notebook(name)
    defaults = default_parameters(notebook)
    paths = path_parameters(notebook)
    given = {}
    for key, value in (parameters or {}).items():
        _choose(key, defaults, f"parameter of {notebook.stem}")
        value = convert(key, value, defaults[key])
        if value == defaults[key]:
            continue
        given[key] = located(value, defaults[key], notebook, folder) if key in paths else value
    # In the order of the notebook: the order on the command line doesn't make another run.
    return Run(notebook, {key: given[key] for key in defaults if key in given})


def _choose(value: str, choices: dict, name: str) -> str:
    """`validation.check_choice`, whose module takes a second to import, for mistakes only."""
    if value in choices:
        return value
    from socialai.validation import check_choice

    return check_choice(value, choices, name)


def convert(key: str, value: object, default: object) -> object:
    """A value, possibly given as text, in the type of the parameter's default.

    One of a wrong type is a UserError, as are numbers without end and text that can't be written.
    """
    wanted = type(default)
    if isinstance(value, str) and wanted is not str:
        try:
            value = ast.literal_eval(value.capitalize() if wanted is bool else value)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            pass
    if wanted is float and type(value) is int:
        value = float(value) if abs(value) < 2**1023 else math.inf
    if default is not None and type(value) is not wanted:
        raise UserError(
            f"parameter {key} takes {wanted.__name__} (default {default!r}), not {value!r}"
        )
    if isinstance(value, float) and not math.isfinite(value):
        raise UserError(f"parameter {key} takes a number, not {value!r}")
    if isinstance(value, str) and (not _is_unicode(value) or "\0" in value):
        raise UserError(f"parameter {key} takes text that is UTF-8, without zeros, not {value!r}")
    return value


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def located(value: str, default: str, notebook: Path, folder: str | Path = "") -> str:
    """What a parameter that may be a path means, as the kernel, in its own folder, has to have it.

    First come the names of data sets, then what is there in the user's folder, then other names,
    those of a hub. What can't be a name is a path, whether something is there or not; so is
    everything where the default is empty. Paths come back absolute.
    """
    from socialai.data.registry import entries  # here: with pandas it takes a second

    if value in entries():
        return value
    path = files.absolute(value, folder)
    # What lies beside the notebook alone is not what the user meant.
    there = os.path.exists(path) or os.path.exists(notebook.parent / value)
    if default and NAME.fullmatch(value) and not there:
        return value
    return os.path.realpath(path)


def sources(notebook: Path) -> list[Path]:
    """Files of the package that a notebook imports, directly or through others."""
    code = [cell["source"] for cell in cells(notebook) if cell["cell_type"] == "code"]
    lines = [line for source in code for line in source.splitlines()]
    plain = [line for line in lines if not line.lstrip().startswith(("%", "!"))]

    # The package itself is imported by whatever imports a part of it.
    imported = {socialai.__name__}
    for node in ast.walk(ast.parse("\n".join(plain))):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            imported |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}

    used = imported & _imports().modules
    for module in list(used):
        used |= _imports().find_upstream_modules(module)
    return [_file_of(module) for module in sorted(used)]


@functools.cache
def _imports() -> grimp.ImportGraph:
    """Which module of the package imports which."""
    return grimp.build_graph(socialai.__name__, cache_dir=None)


def _file_of(module: str) -> Path:
    path = Path(socialai.__file__).parent.joinpath(*module.split(".")[1:])
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
