"""Cells of a lesson that hold the source of the package: one source, seen where it is taught.

A code cell whose metadata say `"source": "socialai.models.attention:softmax"` holds exactly the
lines of that function or class. They are written from the module (`renew`, by `make update`), and
`differences` says where they differ. Later cells use the name that such a cell has just defined, so
a reader who edits it sees what follows from it.
"""

import ast
from pathlib import Path

import socialai
from socialai import files
from socialai.course.runs import all_notebooks, cells
from socialai.errors import UserError


def source_of(name: str) -> str:
    """The lines of `module:object`, a function or class of the package; nothing is imported."""
    module, _, wanted = name.partition(":")
    text = module_file(module).read_text(encoding="utf-8")
    for node in ast.parse(text).body:
        if getattr(node, "name", None) == wanted:
            first = min(part.lineno for part in [node, *node.decorator_list])
            return "\n".join(text.splitlines()[first - 1 : node.end_lineno])
    raise UserError(f"there is no {wanted} in {module}, of which a cell shows the source")


def module_file(module: str) -> Path:
    """The file of a module of the package; UserError when there is none."""
    package, *parts = module.split(".")
    path = Path(socialai.__file__).parent.joinpath(*parts)
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    if package != socialai.__name__ or not path.is_file():
        raise UserError(f"there is no module {module}, of which a cell shows the source")
    return path


def shown(notebook: Path) -> dict[str, str]:
    """{object: source of its cell} of the cells of a notebook that show the package's source."""
    return {
        cell["metadata"]["source"]: cell["source"]
        for cell in cells(notebook)
        if cell["cell_type"] == "code" and "source" in cell["metadata"]
    }


def differences(notebook: Path) -> list[str]:
    """Which cells of a notebook hold other lines than the package."""
    return [
        f"{notebook.stem}: its cell of {name} is not the source of the package: make update"
        for name, source in shown(notebook).items()
        if source != source_of(name)
    ]


def renew(notebook: Path) -> bool:
    """Write the package's lines into a notebook's cells; whether one had others."""
    import nbformat

    if not differences(notebook):
        return False
    book = nbformat.read(notebook, as_version=4)
    for cell in book.cells:
        if cell.cell_type == "code" and "source" in cell.metadata:
            cell.source = source_of(cell.metadata["source"])
    with files.unfinished(notebook) as aside:
        nbformat.write(book, aside)
    return True


def renew_all() -> list[str]:
    """Renew all lessons; the names of those that held other lines."""
    return [notebook.stem for notebook in all_notebooks() if renew(notebook)]
