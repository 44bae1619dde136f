"""What the command line shows: lines, tables, differences, steps of training."""

import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

LOG_EVERY = 30.0  # seconds between lines about training, where there is no terminal

console = Console(highlight=False)


def as_it_is(value: object) -> Text:
    """What rich prints sign by sign: it knows no markup ([bold]) and no emoji (:smile:) in it."""
    return Text(str(value))


def say(line: str) -> None:
    """Print a line as it is, however long."""
    console.print(as_it_is(line), soft_wrap=True)


def show(columns: list[str], rows: list[list]) -> None:
    """Print a table, its cells as they are; one too long for its column goes over lines."""
    table = Table()
    for column in columns:
        table.add_column(as_it_is(column), overflow="fold")
    for row in rows:
        table.add_row(*map(as_it_is, row))
    console.print(table)


def tell(differences: list[str]) -> int:
    """Print what differs; the exit status, 1 when something does."""
    for line in differences or ["nothing differs"]:
        say(line)
    return int(bool(differences))


@contextmanager
def training() -> Iterator[tuple[Callable[[str], None], Callable[[int, int, float], None]]]:
    """(print a line, show a step) beside each other on stderr.

    A step is (its number, steps in all, loss). A terminal sees a bar; a log gets a line every half
    minute, whatever is being done.
    """
    errors = Console(stderr=True, highlight=False)
    columns = (TextColumn("training"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    columns += (TimeRemainingColumn(), TextColumn("loss {task.fields[loss]:.3f}"))
    doing = "reading"  # None while steps come
    with Progress(*columns, console=errors, disable=not errors.is_terminal) as bars:
        bar = bars.add_task("training", total=None, loss=math.nan)
        task = bars.tasks[bar]

        def tell(line: str) -> None:
            nonlocal doing
            doing = line
            errors.print(as_it_is(line), soft_wrap=True)

        def step(number: int, total: int, loss: float) -> None:
            nonlocal doing
            doing = None
            bars.update(bar, completed=number, total=total, loss=loss)

        def log() -> None:
            line = doing or f"step {task.completed}/{task.total}, loss {task.fields['loss']:.3f}"
            line += f"; {task.elapsed:.0f} s elapsed"
            if doing is None and task.time_remaining is not None:
                line += f", about {task.time_remaining:.0f} s left"
            errors.print(as_it_is(line), soft_wrap=True)

        with nullcontext() if errors.is_terminal else every(LOG_EVERY, log):
            yield tell, step
        bars.update(bar, total=task.completed)  # training may stop early


@contextmanager
def every(seconds: float, act: Callable[[], None]) -> Iterator[None]:
    """Call `act` again and again, in a thread of its own, until the block ends."""
    ended = threading.Event()

    def repeat() -> None:
        while not ended.wait(seconds):
            act()

    thread = threading.Thread(target=repeat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
