"""What the command line shows: lines, tables, differences."""

from rich.console import Console
from rich.table import Table

console = Console(highlight=False)


def say(line: str) -> None:
    """Print a line as it is, however long."""
    console.print(line, soft_wrap=True, markup=False)


def show(columns: list[str], rows: list[list]) -> None:
    """Print a table."""
    table = Table(*columns)
    for row in rows:
        table.add_row(*map(str, row))
    console.print(table)


def tell(differences: list[str]) -> None:
    """Print what differs; exit status 1 when something does."""
    for line in differences:
        say(line)
    if differences:
        raise SystemExit(1)
    say("nothing differs")
