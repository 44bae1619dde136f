"""Planted faults: a lesson's own checks must catch what someone breaks in the package.

`notebooks/faults/NN_name.yaml` lists changes of one object each:

    - object: socialai.models.attention:attention
      was: scores = scores.masked_fill(~mask, -math.inf)
      becomes: scores = scores
      why: the mask is forgotten

Each is planted in the module and in the cell of the lesson that shows it. Then the cells with a
check that depend on it run, in this process, with all that they need, until a check fails. Caught
is what an assert of the lesson stops; a lesson that crashes, or ends, has not caught it.
"""

import ast
import builtins
import importlib
import symtable
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from socialai import files
from socialai.course.execution import environment
from socialai.course.runs import cells, find_notebook
from socialai.course.source_cells import source_of
from socialai.course.yaml_files import read_yaml
from socialai.errors import UserError

# What a lesson records and draws with a fault in it goes nowhere.
NO_RUN = {"SOCIALAI_RUN_DIR": None, "SOCIALAI_RUNS_DIR": None}


@dataclass(frozen=True)
class Fault:
    """A change of one object of the package, and why it is wrong."""

    object: str
    was: str
    becomes: str
    why: str

    @property
    def source(self) -> str:
        """The source of the object with the fault in it."""
        sound = source_of(self.object)
        if sound.count(self.was) != 1:
            raise UserError(f"{self.object} holds {sound.count(self.was)} times: {self.was}")
        return sound.replace(self.was, self.becomes)


@dataclass(frozen=True)
class Trial:
    """What became of a fault: caught, or not, and what stopped the lesson."""

    fault: Fault | None
    caught: bool
    said: str


def lists() -> list[str]:
    """The lessons that have a list of faults."""
    return sorted(path.stem for path in (files.NOTEBOOKS / "faults").glob("*.yaml"))


def read(lesson: str) -> list[Fault]:
    """The faults that a lesson must catch."""
    path = files.NOTEBOOKS / "faults" / f"{lesson}.yaml"
    if not path.is_file():
        raise UserError(f"lesson {lesson} has no list of faults; there are {', '.join(lists())}")
    return [Fault(**entry) for entry in read_yaml(path)]


def tried(name: str) -> list[Trial]:
    """Run a lesson without a fault, then with each; the first trial has none, and must pass.

    Where nothing is planted all cells that depend on one of the objects run.
    """
    notebook = find_notebook(name)
    planted = read(notebook.stem)
    trials = [_try(notebook, None, {fault.object for fault in planted})]
    return trials + [_try(notebook, fault, {fault.object}) for fault in planted]


def _try(notebook: Path, fault: Fault | None, objects: set[str]) -> Trial:
    code = [cell for cell in cells(notebook) if cell["cell_type"] == "code"]
    wanted = dependent(code, {name.rpartition(":")[2] for name in objects})
    names: dict = {"__name__": "lesson"}
    with _planted(fault), environment(NO_RUN), redirect_stdout(StringIO()):
        for number, cell in enumerate(code, 1):
            if number - 1 not in wanted:
                continue
            source = cell["source"]
            if fault and cell["metadata"].get("source") == fault.object:
                source = fault.source
            try:
                exec(compile(source, f"<cell {number}>", "exec"), names)
            except AssertionError as error:
                return Trial(fault, fault is not None, f"cell {number}: {error}")
            except Exception as error:
                if "raises-exception" in cell["metadata"].get("tags", []):
                    continue
                return Trial(fault, False, f"cell {number} stops: {type(error).__name__}: {error}")
    return Trial(fault, fault is None, "every check passed")


@contextmanager
def _planted(fault: Fault | None) -> Iterator[None]:
    """The fault in its module, for as long as a block takes."""
    if fault is None:
        yield
        return
    module = importlib.import_module(fault.object.partition(":")[0])
    top = fault.object.partition(":")[2]
    sound = getattr(module, top)
    exec(compile(fault.source, f"<fault in {fault.object}>", "exec"), vars(module))
    try:
        yield
    finally:
        setattr(module, top, sound)


def dependent(code: list[dict], names: set[str]) -> set[int]:
    """Which cells run: those with a check that what is named affects, and all that these need.

    A cell needs the last cell before it that defines a name which it uses. The first two, the
    parameters and the imports, always run.
    """
    defined, used = zip(*(names_of(cell["source"]) for cell in code), strict=True)
    needs = []
    for number in range(len(code)):
        last = {}
        for earlier in range(number):
            last |= dict.fromkeys(defined[earlier], earlier)
        needs.append({last[name] for name in used[number] if name in last})

    affected = set()
    for number in range(2, len(code)):
        if names & (defined[number] | used[number]) or needs[number] & affected:
            affected.add(number)
    wanted = {number for number in affected if "assert " in code[number]["source"]} | {0, 1}
    for number in reversed(range(len(code))):
        if number in wanted:
            wanted |= needs[number]
    return wanted


def names_of(source: str) -> tuple[set[str], set[str]]:
    """Names that a cell defines or changes, and names that it takes from the cells before it."""
    table = symtable.symtable(source, "<cell>", "exec")
    defined = {s.get_name() for s in table.get_symbols() if s.is_assigned() or s.is_imported()}
    statements = list(_flat(ast.parse(source).body))
    used = _free(table) - set(dir(builtins))
    used -= {name for name in defined if _is_new(name, statements)}

    # A frame that gets a column is another frame afterwards, a sum that grows was one before.
    for statement in statements:
        if isinstance(statement, ast.AugAssign) and isinstance(statement.target, ast.Name):
            used.add(statement.target.id)
        for node in ast.walk(statement):
            changed = isinstance(node, ast.Subscript | ast.Attribute)
            if changed and isinstance(node.ctx, ast.Store) and isinstance(node.value, ast.Name):
                defined.add(node.value.id)
    return defined, used


def _free(table: symtable.SymbolTable) -> set[str]:
    """Names that a scope, and those within it, read from the cell's own."""
    top = table.get_type() == "module"
    read = [s for s in table.get_symbols() if s.is_referenced() and (top or s.is_global())]
    found = {symbol.get_name() for symbol in read}
    return found.union(*map(_free, table.get_children()))


def _flat(body: list[ast.stmt]) -> Iterator[ast.AST]:
    """Statements in their order; of a loop or a block the head, then what it holds."""
    for statement in body:
        inner = getattr(statement, "body", None)
        if inner is None or isinstance(statement, ast.FunctionDef | ast.ClassDef):
            yield statement
            continue
        for head in ("iter", "target", "test", "items"):
            part = getattr(statement, head, [])
            yield from part if isinstance(part, list) else [part]
        yield from _flat([*inner, *getattr(statement, "orelse", [])])


def _is_new(name: str, statements: list[ast.AST]) -> bool:
    """Whether the first statement that mentions a name gives it a value without reading it."""
    for statement in statements:
        if isinstance(statement, ast.FunctionDef | ast.ClassDef):
            if statement.name == name:
                return True
            continue
        imported = getattr(statement, "names", []) if "Import" in type(statement).__name__ else []
        if any((alias.asname or alias.name).split(".")[0] == name for alias in imported):
            return True
        how = {type(n.ctx) for n in ast.walk(statement) if isinstance(n, ast.Name) and n.id == name}
        if how:
            return how == {ast.Store}
    return False
