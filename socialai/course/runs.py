"""A run is one notebook at one set of parameters: its name, its folder, the sources it uses."""

import ast
import functools
import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path

import grimp

import socialai
from socialai import files
from socialai.errors import UserError


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
        if readable != values or len(readable) > 120:
            readable = f"{readable[:110]}-{hashlib.sha256(values.encode()).hexdigest()[:8]}"
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
    """The notebook of that name (`10_bert_finetuning`, `10`, or a path).

    An unknown one is a UserError that names the nearest.
    """
    known = {path.stem: path for path in all_notebooks()}
    stem = Path(name).stem if name.endswith(".ipynb") else name
    numbered = [key for key in known if key.split("_")[0] == stem]
    if len(numbered) == 1:
        return known[numbered[0]]
    return known[_choose(stem, known, "notebook")]


def cells(notebook: Path) -> list[dict]:
    """The cells of a notebook, each source one string."""
    found = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return [cell | {"source": "".join(cell["source"])} for cell in found]


def default_parameters(notebook: Path) -> dict:
    """{parameter: default} of the cell tagged `parameters`."""
    for cell in cells(notebook):
        if "parameters" in cell["metadata"].get("tags", []):
            assigned = [s for s in ast.parse(cell["source"]).body if isinstance(s, ast.Assign)]
            return {s.targets[0].id: ast.literal_eval(s.value) for s in assigned}
    raise UserError(f"{notebook.name} has no cell tagged parameters")


def make_run(name: str, parameters: dict | None = None) -> Run:
    """A run with its parameters checked: they exist in the notebook, with the default's type."""
    notebook = find_notebook(name)
    defaults = default_parameters(notebook)
    given = {}
    for key, value in (parameters or {}).items():
        _choose(key, defaults, f"parameter of {notebook.stem}")
        given[key] = convert(key, value, defaults[key])
    # In the order of the notebook: the order on the command line doesn't make another run.
    return Run(
        notebook,
        {key: given[key] for key in defaults if key in given and given[key] != defaults[key]},
    )


def _choose(value: str, choices: dict, name: str) -> str:
    """`validation.check_choice`, whose module takes a second to import, for mistakes only."""
    if value in choices:
        return value
    from socialai.validation import check_choice

    return check_choice(value, choices, name)


def convert(key: str, value: object, default: object) -> object:
    """A value, possibly given as text, in the type of the parameter's default.

    A path that exists becomes absolute: the kernel works in another folder than the user. A wrong
    type is a UserError.
    """
    wanted = type(default)
    if isinstance(value, str) and wanted is not str:
        try:
            value = ast.literal_eval(value.capitalize() if wanted is bool else value)
        except (ValueError, SyntaxError):
            pass
    if wanted is float and type(value) is int:
        value = float(value)
    if default is not None and type(value) is not wanted:
        raise UserError(
            f"parameter {key} takes {wanted.__name__} (default {default!r}), not {value!r}"
        )
    if isinstance(value, str) and (Path(value).suffix or "/" in value) and Path(value).exists():
        return str(Path(value).resolve())
    return value


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
