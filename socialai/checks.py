"""`make test`: every part runs, then every part that failed is named; the last line is "N passed, N failed"."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

from socialai import figures, paths, results

RUNS = paths.BUILD / "test" / "runs"


def run_tool(name: str, *command: str) -> tuple[int, int]:
    """Run a tool as one check; (passed, failed)."""
    print(f"== {name}", flush=True)
    failed = subprocess.run([sys.executable, "-m", *command], cwd=paths.ROOT).returncode != 0
    return int(not failed), int(failed)


def run_pytest(name: str, *options: str) -> tuple[int, int]:
    """Run pytest; (passed, failed) counted from its own report. A run without a report counts as one failure."""
    print(f"== {name}", flush=True)
    report = paths.BUILD / "test" / f"{name.replace(' ', '_')}.xml"
    report.unlink(missing_ok=True)
    env = os.environ | {"SOCIALAI_RUNS_DIR": str(RUNS), "OMP_NUM_THREADS": "1"}
    code = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n", "2", "--dist", "loadscope", f"--junitxml={report}", *options],
        cwd=paths.ROOT,
        env=env,
    ).returncode
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


def readme_differences(readme: Path | None = None) -> list[str]:
    """What README.md says differently from the committed results."""
    text = (readme or paths.ROOT / "README.md").read_text(encoding="utf-8")
    if results.replace_between(text, "results", results.table(results.committed())) == text:
        return []
    return ["README.md: the results table is not the one that figures/results.json gives"]


def main() -> int:
    """Run all parts; exit status 1 when one failed."""
    shutil.rmtree(paths.BUILD / "test", ignore_errors=True)
    RUNS.mkdir(parents=True)
    parts = {
        "lint": run_tool("lint", "ruff", "check", "."),
        "format": run_tool("format", "ruff", "format", "--check", "."),
        "unit tests": run_pytest("unit tests", "tests"),
    }
    if any(paths.NOTEBOOKS.glob("*.ipynb")):
        parts["notebooks"] = run_pytest("notebooks", "--nbval", "--nbval-cell-timeout=600", "notebooks")
    parts["figures"] = report_differences("figures", figures.differences(RUNS))
    parts["results"] = report_differences("results", results.differences(RUNS) + readme_differences())
    failed = [name for name, (_, failures) in parts.items() if failures]
    print(f"failed: {', '.join(failed)}" if failed else "every part passed")
    print(f"{sum(p for p, _ in parts.values())} passed, {sum(f for _, f in parts.values())} failed")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
