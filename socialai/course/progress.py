"""One display of runs under way: notebook, cell, time elapsed, time estimated.

The cell comes from the notebook that papermill saves before and after each cell, the estimate from the seconds that
`figures/results.json` and finished runs hold. A terminal sees bars; a log gets a line as each run ends, and one every
half minute.
"""

import json
import threading
import time

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from socialai import results

LOG_EVERY = 30.0  # seconds between lines about what is running, in a log


def clock(seconds: float) -> str:
    """Seconds as minutes:seconds."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def expected_seconds() -> dict[str, float]:
    """{notebook: seconds at defaults} of the committed results."""
    return {notebook: entry["seconds"] for notebook, entry in results.committed().items()}


def remaining(
    todo: dict[str, float | None],
    running: dict[str, tuple[float, float]],
    ratio: float,
    workers: int,
) -> float | None:
    """Seconds left, or None when nothing is known.

    todo: {run: expected seconds, None when unknown} of all not finished; running: {run: (seconds since its start, share
    of its cells that is done)}; ratio: how much longer the finished ones took than was expected of them. A run that
    already took longer than expected is judged by its cells.
    """
    known = [seconds for seconds in todo.values() if seconds is not None]
    if todo and not known:
        return None
    lefts = []
    for run, expected in todo.items():
        elapsed, share = running.get(run, (0.0, 0.0))
        left = (sum(known) / len(known) if expected is None else expected) * ratio - elapsed
        lefts.append(left if left > 0 else elapsed * (1 / share - 1) if share else 0.0)
    return max([sum(lefts) / workers, *lefts])


def cell_of(run) -> tuple[int, int]:
    """(cell that a run is at, cells in all), counting code cells; (0, 0) before papermill's first save."""
    try:
        found = json.loads((run.aside / "notebook.ipynb").read_text(encoding="utf-8"))["cells"]
    except (OSError, ValueError):  # not there yet, or half written
        return 0, 0
    code = [
        cell["metadata"].get("papermill", {}).get("status")
        for cell in found
        if cell["cell_type"] == "code"
    ]
    return sum(status not in (None, "pending") for status in code), len(code)


class Display:
    """The progress of `runs`, as a context."""

    def __init__(self, runs: list, workers: int, show: bool, console: Console | None = None):
        self.runs = {run.name: run for run in runs}
        self.workers, self.show = workers, show and bool(runs)
        self.console = console or Console()
        expected = expected_seconds()
        self.todo = {run.name: expected.get(run.notebook.stem) for run in runs}
        self.began, self.running, self.rows = time.time(), {}, {}
        self.took, self.foreseen = (
            0.0,
            0.0,
        )  # seconds of finished runs, and what was expected of them
        self.lock, self.done = threading.Lock(), threading.Event()
        self.live = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[what]} {task.completed:.0f}/{task.total:.0f}"),
            TextColumn("{task.fields[times]}"),
            console=self.console,
            transient=True,
        )

    def __enter__(self):
        if self.show:
            if self.console.is_terminal:
                self.live.start()
                self.all = self.live.add_task("all", total=len(self.runs), what="run", times="")
            self.thread = threading.Thread(target=self._watch, daemon=True)
            self.thread.start()
        return self

    def __exit__(self, *error):
        if self.show:
            self.done.set()
            self.thread.join()
            if self.console.is_terminal:
                self.live.stop()

    def start(self, name: str) -> None:
        """A run starts."""
        with self.lock:
            if name in self.todo:
                self.running[name] = time.time()

    def end(self, name: str, outcome: str) -> None:
        """A run ended: `outcome` is pytask's word for how."""
        with self.lock:
            if name not in self.running:
                return
            seconds, expected = time.time() - self.running.pop(name), self.todo.pop(name)
            if outcome == "success":
                self.took, self.foreseen = self.took + seconds, self.foreseen + (expected or 0.0)
                # What this one took is the best guess for the same notebook at other parameters, and for the unknown.
                stem, ratio = name.split("/")[0], self._ratio()
                same = [
                    n for n, guess in self.todo.items() if n.split("/")[0] == stem or guess is None
                ]
                self.todo |= {n: seconds / ratio for n in same}
            if name in self.rows:
                self.live.remove_task(self.rows.pop(name))
            if self.show:
                ended = "passed" if outcome == "success" else "stopped"
                count = f"[{len(self.runs) - len(self.todo)}/{len(self.runs)}]"
                line = f"{count} {name.removesuffix('/defaults')}: {ended} after {clock(seconds)}; {self._times()}"
                self.live.console.print(line, soft_wrap=True, markup=False, highlight=False)

    def _ratio(self) -> float:
        return self.took / self.foreseen if self.foreseen else 1.0

    def _times(self) -> str:
        now, running = time.time(), {}
        for name, begun in self.running.items():
            cell, cells = cell_of(self.runs[name])
            running[name] = (now - begun, max(0, cell - 1) / cells if cells else 0.0)
        left = remaining(self.todo, running, self._ratio(), self.workers)
        if not self.todo:
            return f"{clock(now - self.began)} elapsed"
        guess = (
            "time left not known yet"
            if left is None
            else f"about {clock(left)} left"
            if left >= 1
            else "nearly done"
        )
        return f"{clock(now - self.began)} elapsed, {guess}"

    def _watch(self) -> None:
        logged = time.time()
        while not self.done.wait(1.0):
            with self.lock:
                at = {
                    name: (*cell_of(self.runs[name]), time.time() - begun)
                    for name, begun in self.running.items()
                }
                if self.console.is_terminal:
                    self.live.update(
                        self.all, completed=len(self.runs) - len(self.todo), times=self._times()
                    )
                    for name, (cell, cells, seconds) in at.items():
                        if name not in self.rows:
                            self.rows[name] = self.live.add_task(
                                name.removesuffix("/defaults"), what="cell", times=""
                            )
                        self.live.update(
                            self.rows[name], completed=cell, total=cells, times=clock(seconds)
                        )
                elif time.time() - logged >= LOG_EVERY:
                    logged = time.time()
                    where = ", ".join(
                        f"{n.removesuffix('/defaults')} cell {c}/{k}" for n, (c, k, _) in at.items()
                    )
                    self.console.print(
                        f"  at {where}; {self._times()}",
                        soft_wrap=True,
                        markup=False,
                        highlight=False,
                    )
