"""One display of runs under way: notebook, cell, time elapsed, time left.

The cell comes from the notebook that papermill saves before and after each cell, the time left from
the seconds that `figures/results.json` holds. A terminal sees bars; a log gets a line as each run
ends, and one every half minute.
"""

import heapq
import json
import threading
import time

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from socialai import results

LOG_EVERY = 30.0  # seconds between lines about what is running, in a log
# Seconds of work that weigh as much as the first ones done: one slow start makes no slow course.
PRIOR = 30.0


def clock(seconds: float) -> str:
    """Seconds as minutes:seconds."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def expected_seconds(runs: list) -> dict[str, float]:
    """{name of a run: the seconds that its notebook took at its defaults, as committed}.

    A notebook that has none is taken to be as long as the others' mean; nothing without any.
    """
    committed = {stem: entry["seconds"] for stem, entry in results.committed().items()}
    known = [committed[run.notebook.stem] for run in runs if run.notebook.stem in committed]
    if not known:
        return {}
    mean = sum(known) / len(known)
    return {run.name: committed.get(run.notebook.stem, mean) for run in runs}


def remaining(
    expected: dict[str, float], running: dict[str, float], ratio: float, workers: int
) -> float:
    """Seconds until the last worker is done, each taking the next run when it is free.

    expected: {run: seconds} of all that aren't finished, in order; running: {run: seconds since its
    start} of those under way; ratio: how much longer runs take here than was expected of them.
    """
    free_in = [max(0.0, expected[run] * ratio - elapsed) for run, elapsed in running.items()]
    free_in += [0.0] * (workers - len(free_in))
    heapq.heapify(free_in)
    for run, seconds in expected.items():
        if run not in running:
            heapq.heappush(free_in, heapq.heappop(free_in) + seconds * ratio)
    return max(free_in)


def cell_of(run) -> tuple[int, int]:
    """(cell that a run is at, cells in all), counting code cells; (0, 0) before papermill saves."""
    for folder in run.under_way():
        try:
            book = json.loads((folder / "notebook.ipynb").read_text(encoding="utf-8"))
        except (OSError, ValueError):  # not there yet, or half written
            continue
        code = [cell["metadata"] for cell in book["cells"] if cell["cell_type"] == "code"]
        states = [metadata.get("papermill", {}).get("status") for metadata in code]
        return sum(state not in (None, "pending") for state in states), len(code)
    return 0, 0


class Display:
    """The progress of `runs`, as a context; pytask's hooks call `start` and `end`."""

    def __init__(self, runs: list, workers: int, show: bool, console: Console | None = None):
        self.runs = {run.name: run for run in runs}
        self.workers = workers
        self.show = show and bool(runs)
        self.console = console or Console()

        # What is left to do, what is under way since when, and how the finished ones compared.
        self.expected = expected_seconds(runs)
        self.left = dict.fromkeys(self.runs)
        self.running: dict[str, float] = {}
        self.took = 0.0
        self.foreseen = 0.0

        self.began = time.time()
        self.rows: dict[str, int] = {}
        self.lock = threading.Lock()
        self.done = threading.Event()
        self.bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[what]}"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}"),
            console=self.console,
            transient=True,
        )

    def __enter__(self):
        if self.show:
            if self.console.is_terminal:
                self.bars.start()
                self.all = self._add_row("all", "runs", len(self.runs))
            self.thread = threading.Thread(target=self._watch, daemon=True)
            self.thread.start()
        return self

    def __exit__(self, *error):
        if self.show:
            self.done.set()
            self.thread.join()
            if self.console.is_terminal:
                self.bars.stop()

    def start(self, name: str) -> None:
        """A run starts."""
        with self.lock:
            if name in self.left:
                self.running[name] = time.time()

    def end(self, name: str, outcome: str) -> None:
        """A run ended: `outcome` is pytask's word for how."""
        with self.lock:
            if name not in self.running:
                return
            seconds = time.time() - self.running.pop(name)
            del self.left[name]
            if outcome == "success" and self.expected:
                self.took += seconds
                self.foreseen += self.expected[name]
            if name in self.rows:
                self.bars.remove_task(self.rows.pop(name))
            if self.show:
                ended = "passed" if outcome == "success" else "stopped"
                count = f"[{len(self.runs) - len(self.left)}/{len(self.runs)}]"
                self._print(
                    f"{count} {_short(name)}: {ended} after {clock(seconds)}; {self._times()}"
                )

    def seconds_left(self) -> float:
        """Seconds until all is done, as far as committed runs and the finished ones tell."""
        return remaining(
            {name: self.expected[name] for name in self.left},
            {name: time.time() - begun for name, begun in self.running.items()},
            self._ratio(),
            self.workers,
        )

    def words_left(self) -> str:
        """The time left, in words; nothing when all is done."""
        if not self.left:
            return ""
        if not self.expected:
            return "time left not known yet"
        if (seconds := self.seconds_left()) >= 1:
            return f"about {clock(seconds)} left"
        now = time.time()
        late = any(now - at > 2 * self.expected[name] for name, at in self.running.items())
        return "longer than usual" if late else "nearly done"

    def _times(self) -> str:
        elapsed = f"{clock(time.time() - self.began)} elapsed"
        return f"{elapsed}, {self.words_left()}" if self.left else elapsed

    def _ratio(self) -> float:
        return (PRIOR + self.took) / (PRIOR + self.foreseen)

    def _watch(self) -> None:
        """Every second renew the bars, or every half minute write a line."""
        logged = time.time()
        while not self.done.wait(1.0):
            with self.lock:
                at = {name: cell_of(self.runs[name]) for name in self.running}
                if self.console.is_terminal:
                    self._renew(at)
                elif time.time() - logged >= LOG_EVERY:
                    logged = time.time()
                    where = [f"{_short(name)} cell {k}/{n}" for name, (k, n) in at.items()]
                    self._print(f"  at {', '.join(where)}; {self._times()}")

    def _renew(self, at: dict[str, tuple[int, int]]) -> None:
        done = len(self.runs) - len(self.left)
        self.bars.update(self.all, completed=done, left=self.words_left())
        for name, (cell, cells) in at.items():
            if name not in self.rows:
                self.rows[name] = self._add_row(_short(name), "cells")
            self.bars.update(self.rows[name], completed=cell, total=cells)

    def _add_row(self, name: str, what: str, total: int | None = None) -> int:
        return self.bars.add_task(name, total=total, what=what, left="")

    def _print(self, line: str) -> None:
        self.bars.console.print(line, soft_wrap=True, markup=False, highlight=False)


def _short(name: str) -> str:
    return name.removesuffix("/defaults")
