"""`make test`: every part runs, then what failed is named; last comes "N passed, N failed"."""

import os
import shutil
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path
from xml.etree import ElementTree

from socialai import data, figures, files, results
from socialai.course import exercises, publish, sweeps
from socialai.course.execution import LONGEST_CELL
from socialai.course.runs import default_parameters

RUNS = files.BUILD / "test" / "runs"


def run_tool(name: str, *command: str) -> tuple[int, int]:
    """Run a tool as one check; (passed, failed)."""
    print(f"== {name}", flush=True)
    failed = subprocess.run([sys.executable, *command], cwd=files.ROOT).returncode != 0
    return int(not failed), int(failed)


def run_pytest(name: str, targets: list[Path], *options: str) -> tuple[int, int]:
    """Run pytest over targets, two at a time; (passed, failed) of its own report.

    Without a report that is one failure.
    """
    print(f"== {name}", flush=True)
    report = files.BUILD / "test" / f"{name.replace(' ', '_')}.xml"
    report.unlink(missing_ok=True)
    env = os.environ | {"SOCIALAI_RUNS_DIR": str(RUNS), "OMP_NUM_THREADS": "1"}
    env |= {"SOCIALAI_STRICT": "1"}  # a solution that its check refuses is an error
    two = ["-n", "2", "--dist", "loadscope"] if len(targets) > 1 else []
    pytest = [sys.executable, "-m", "pytest", "-q", *two, f"--junitxml={report}", *options]
    code = subprocess.run([*pytest, *map(str, targets)], cwd=files.ROOT, env=env).returncode
    if not report.is_file():
        return 0, 1
    suite = ElementTree.parse(report).getroot().find("testsuite")
    count = {key: int(suite.get(key, 0)) for key in ("tests", "failures", "errors", "skipped")}
    failed = count["failures"] + count["errors"]
    passed = count["tests"] - failed - count["skipped"]
    return passed, failed or int(code not in (0, 5))


def report_differences(name: str, differences: list[str]) -> tuple[int, int]:
    """Print what differs as one check; (passed, failed)."""
    print(f"== {name}", flush=True)
    for line in differences:
        print(line)
    return int(not differences), int(bool(differences))


def without_data(notebooks: list[Path]) -> dict[str, str]:
    """{notebook: why the data set that its parameter `dataset` names can't be had here}.

    What stands in for it gives other numbers: there is nothing to compare with the committed ones.
    """
    wanted = {notebook.stem: default_parameters(notebook).get("dataset") for notebook in notebooks}
    reasons = {
        name: data.unavailable(dataset)
        for name, dataset in wanted.items()
        if dataset in data.entries()
    }
    return {name: reason for name, reason in reasons.items() if reason}


def result_differences(folders: dict[str, Path], left_out: Collection[str] = ()) -> list[str]:
    """All that binds numbers: results and findings against runs, pages, seals, committed sweeps.

    On another kind of machine than that of the committed results it prints so.
    """
    for line in results.other_machines(folders):
        print(line, flush=True)
    return results.differences(folders, left_out) + publish.differences() + sweeps.differences()


def main() -> int:
    """Run all parts; exit status 1 when one failed."""
    shutil.rmtree(files.BUILD / "test", ignore_errors=True)
    RUNS.mkdir(parents=True)
    notebooks = sorted(files.NOTEBOOKS.glob("*.ipynb"))
    left_out = without_data(notebooks)
    notebooks = [notebook for notebook in notebooks if notebook.stem not in left_out]
    folders = {notebook.stem: RUNS / notebook.stem for notebook in notebooks}  # nbval's runs
    tests = sorted(files.ROOT.glob("tests/test_*.py"))
    read = [*notebooks, *exercises.solutions()]
    parts = {
        "lint": run_tool("lint", "-m", "ruff", "check", "."),
        "format": run_tool("format", "-m", "ruff", "format", "--check", "."),
        "unit tests": run_pytest("unit tests", tests, "-p", "no:nbval"),
        "notebooks": run_pytest(
            "notebooks", read, "--nbval", f"--nbval-cell-timeout={LONGEST_CELL}"
        ),
    }
    drawn = figures.differences(folders, left_out=left_out)
    parts["figures"] = report_differences("figures", drawn)
    recorded = result_differences(folders, left_out)
    parts["results and findings"] = report_differences("results and findings", recorded)
    for name, reason in left_out.items():
        print(f"{name} was left out, neither run nor compared: {reason}")
    failed = [name for name, (_, failures) in parts.items() if failures]
    print(f"failed: {', '.join(failed)}" if failed else "every part passed")
    print(f"{sum(p for p, _ in parts.values())} passed, {sum(f for _, f in parts.values())} failed")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
