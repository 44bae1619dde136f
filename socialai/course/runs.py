"""A run is one notebook at one set of parameters: its name, its folder, and what it depends on."""

import ast
import difflib
import functools
import hashlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path

import socialai
from socialai import files
from socialai.errors import UserError


@dataclass(frozen=True)
class Run:
    """One notebook at one set of parameters (those that differ from its defaults)."""

    notebook: Path
    parameters: dict = field(default_factory=dict, hash=False)

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
        return files.BUILD / "runs" / self.name

    @property
    def aside(self) -> Path:
        """Where it is written until it is whole; a failed run's notebook stays here."""
        return self.folder.with_name(self.folder.name + ".unfinished")


def find_notebook(name: str) -> Path:
    """The notebook of that name (`10_bert_finetuning`, `08`, or a path); an unknown one names the nearest."""
    known = {p.stem: p for p in sorted(files.NOTEBOOKS.glob("*.ipynb"))}
    stem = Path(name).stem if name.endswith(".ipynb") else name
    matches = [path for key, path in known.items() if key == stem or key.split("_")[0] == stem]
    if len(matches) == 1:
        return matches[0]
    near = difflib.get_close_matches(stem, known, n=3, cutoff=0.3) or list(known)
    raise UserError(f"there is no notebook {name!r}; the nearest: {', '.join(near)}")


def cells(notebook: Path) -> list[dict]:
    """The cells of a notebook, each source one string."""
    found = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return [cell | {"source": "".join(cell["source"])} for cell in found]


def default_parameters(notebook: Path) -> dict:
    """{parameter: default} of the cell tagged `parameters`."""
    for cell in cells(notebook):
        if "parameters" in cell["metadata"].get("tags", []):
            body = ast.parse(cell["source"]).body
            return {
                s.targets[0].id: ast.literal_eval(s.value)
                for s in body
                if isinstance(s, ast.Assign)
            }
    raise UserError(f"{notebook.name} has no cell tagged parameters")


def make_run(name: str, parameters: dict | None = None) -> Run:
    """A run with its parameters checked: names must exist in the notebook, values must have the default's type."""
    notebook = find_notebook(name)
    defaults, checked = default_parameters(notebook), {}
    for key, value in (parameters or {}).items():
        if key not in defaults:
            near = difflib.get_close_matches(key, defaults, n=3, cutoff=0.4) or list(defaults)
            raise UserError(
                f"{notebook.stem} has no parameter {key!r}; the nearest: {', '.join(near)}"
            )
        checked[key] = convert(key, value, defaults[key])
    # In the order of the notebook, so that the order on the command line doesn't make another run.
    return Run(
        notebook,
        {key: checked[key] for key in defaults if key in checked and checked[key] != defaults[key]},
    )


def convert(key: str, value: object, default: object) -> object:
    """A value, possibly given as text, in the type of the parameter's default; a wrong type is a UserError."""
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
        return str(Path(value).resolve())  # the kernel works in another folder than the user
    return value


def dependencies(run: Run) -> tuple[list[Path], list[str], list[Path]]:
    """What a run depends on beside its notebook: (sources of the package, names of data, the user's own files)."""
    from socialai import data  # here, so that the workers, which fetch nothing, start without it

    lines = [
        line
        for c in cells(run.notebook)
        if c["cell_type"] == "code"
        for line in c["source"].splitlines()
    ]
    sources, literals = _sources(
        "\n".join(line for line in lines if not line.lstrip().startswith(("%", "!")))
    )
    values = {v for v in run.parameters.values() if isinstance(v, str)}
    own = [
        file
        for v in values
        if os.path.isabs(v)
        for file in (Path(v), *Path(v).rglob("*"))
        if file.is_file()
    ]
    return (
        list(sources),
        [name for name in data.entries() if name in literals | values],
        sorted(own),
    )


@functools.cache
def _sources(code: str) -> tuple[list[Path], set[str]]:
    """Sources of the package that code imports, at any depth, and the string literals in it and them."""
    import grimp

    tree = ast.parse(code)
    imported = {"socialai", "socialai.figures", "socialai.results"}  # socialai.start imports these
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            imported |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    graph = grimp.build_graph("socialai", cache_dir=None)
    modules = imported & graph.modules
    for module in set(modules):
        modules |= graph.find_upstream_modules(module)
    package, sources, trees = Path(socialai.__file__).parent, [], [tree]
    for module in sorted(modules):
        path = package.joinpath(*module.split(".")[1:])
        sources.append(path / "__init__.py" if path.is_dir() else path.with_suffix(".py"))
        if not module.startswith(
            "socialai.data"
        ):  # the loaders know all data; who calls them names one
            trees.append(ast.parse(sources[-1].read_text(encoding="utf-8")))
    literals = {
        n.value
        for t in trees
        for n in ast.walk(t)
        if isinstance(n, ast.Constant) and isinstance(n.value, str)
    }
    return sources, literals
