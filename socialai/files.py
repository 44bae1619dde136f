"""Where things are: the repository, and the cache outside it."""

import os
from pathlib import Path

import platformdirs

ROOT = Path(os.environ.get("SOCIALAI_ROOT", Path(__file__).resolve().parents[1]))
NOTEBOOKS = ROOT / "notebooks"
FIGURES = ROOT / "figures"
BUILD = ROOT / "build"
RESULTS = FIGURES / "results.json"
MANIFEST = FIGURES / "manifest.json"


def cache_folder() -> Path:
    """Folder for downloads and converted weights: `SOCIALAI_CACHE`, or the platform's cache folder."""
    return Path(os.environ.get("SOCIALAI_CACHE") or platformdirs.user_cache_dir("socialai"))


def output_folder(notebook: str) -> Path | None:
    """Folder that a running notebook writes its figures and results to; None when nobody asked for them.

    The engine names one run's folder in `SOCIALAI_RUN_DIR`; a test of all notebooks names a parent in
    `SOCIALAI_RUNS_DIR`, under which each notebook gets a folder of its own name.
    """
    if run := os.environ.get("SOCIALAI_RUN_DIR"):
        return Path(run)
    if parent := os.environ.get("SOCIALAI_RUNS_DIR"):
        return Path(parent) / notebook
    return None
