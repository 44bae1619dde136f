"""What this machine offers the course."""

import os
import platform
import shutil

import torch

from socialai import figures, files
from socialai.errors import DataUnavailable
from socialai.models.device import choose_device


def describe_machine(device: str = "auto") -> dict[str, str]:
    """What this machine offers the course, as text.

    Python, torch, device, cores, memory, a font with Chinese signs, the cache, the default encoder.
    """
    prepared = any((files.cache_folder() / "models").glob("e5-small-default-*/config.json"))
    return {
        "Python": platform.python_version(),
        "torch": torch.__version__,
        "device": str(choose_device(device)),
        "cores": str(os.cpu_count()),
        "memory": _memory(),
        "Chinese font": _chinese_font(),
        "cache": _cache(),
        "default encoder": "prepared" if prepared else "not yet: socialai models prepare",
    }


def _memory() -> str:
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 1e9:.1f} GB"
    return "not known on this system"


def _cache() -> str:
    folder = files.cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK):
            return f"writable, {shutil.disk_usage(folder).free / 1e9:.0f} GB free"
    except OSError:
        pass  # said in the result: a reader without a cache still wants to see the rest
    return "not writable: name another folder in SOCIALAI_CACHE"


def _chinese_font() -> str:
    try:
        return figures.chinese_font()[0]
    except DataUnavailable:
        return "none"
