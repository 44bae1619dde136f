"""Times as ratios, in one run on one machine: contenders take turns, and medians are compared.

A machine whose speed drifts slows all contenders that take turns, so that their ratios stand; times
measured on another day don't compare.
"""

import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import Annotated

import torch
import typer
from rich.console import Console
from rich.table import Table

Repeats = Annotated[int, typer.Option(min=1, help="turns of each contender")]
AsJson = Annotated[bool, typer.Option("--json", help="print JSON only")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or mps")]
REPEATS = 7


def alternate(
    contenders: dict[str, Callable[[], float]], repeats: int = REPEATS
) -> dict[str, list[float]]:
    """{name: [what each of its turns gave]}; a contender gives its texts a second."""
    rates: dict[str, list[float]] = {name: [] for name in contenders}
    for turn in range(1, repeats + 1):
        for name, run in contenders.items():
            rates[name].append(run())
            said = f"{turn}/{repeats} {name}: {rates[name][-1]:.1f} a second"
            print(said, file=sys.stderr, flush=True)
    return rates


def compare(rates: dict[str, list[float]], ours: str = "socialai") -> list[dict]:
    """A row a contender: median, lower and upper quartile of its rates, how many times ours is it.

    Rows are {"name", "median", "low", "high", "ratio"}; of a single turn the quartiles are itself.
    """
    mine = statistics.median(rates[ours])
    rows = []
    for name, turns in rates.items():
        middle = statistics.median(turns)
        low, _, high = statistics.quantiles(turns, method="inclusive") if turns[1:] else turns * 3
        rows.append({"name": name, "median": middle, "low": low, "high": high})
        rows[-1]["ratio"] = mine / middle
    return rows


def seconds_of(work: Callable[[], object], device: torch.device) -> float:
    """Seconds that some work takes, until a GPU has done what was asked."""
    wait(device)
    begun = time.perf_counter()
    work()
    wait(device)
    return time.perf_counter() - begun


def wait(device: torch.device) -> None:
    """Wait until a GPU has done what was asked."""
    if device.type == "cuda":
        torch.cuda.synchronize()


def matmul_peak(device: torch.device, dtype: torch.dtype, n: int = 2048) -> float:
    """Operations a second of an (n, n) matrix product, the best of five."""
    a = torch.randn(n, n, device=device, dtype=dtype)

    def three_products() -> None:
        for _ in range(3):
            a @ a

    return 3 * 2 * n**3 / min(seconds_of(three_products, device) for _ in range(5))


def show(found: dict, as_json: bool) -> None:
    """Print what a benchmark found: {"rows": as of `compare`, "notes": lines}, or all as JSON."""
    if as_json:
        print(json.dumps(found))
        return
    table = Table("", "texts a second (median)", "quartiles", "socialai is faster by")
    for row in found["rows"]:
        quartiles = f"{row['low']:.1f} to {row['high']:.1f}"
        table.add_row(row["name"], f"{row['median']:.1f}", quartiles, f"{row['ratio']:.2f}x")
    Console().print(table)
    for note in found["notes"]:
        print(note)
