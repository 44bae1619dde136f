"""What this machine offers the course."""

import os
import platform
import shutil

import matplotlib as mpl
import torch
from matplotlib import font_manager

from socialai import files
from socialai.models.device import choose_device


def describe_machine(device: str = "auto") -> dict[str, str]:
    """What this machine offers the course, as text: Python, torch, device, cores, memory, Chinese font, cache."""
    folder, cache = files.cache_folder(), "not writable: name another folder in SOCIALAI_CACHE"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK):
            cache = f"writable, {shutil.disk_usage(folder).free / 1e9:.0f} GB free"
    except OSError:
        pass  # said in the result: a reader without a cache still wants to see the rest
    prepared = any((folder / "models").glob("e5-small-default-*/config.json"))
    memory = "not known on this system"
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        memory = f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 1e9:.1f} GB"
    return {
        "Python": platform.python_version(),
        "torch": torch.__version__,
        "device": str(choose_device(device)),
        "cores": str(os.cpu_count()),
        "memory": memory,
        "Chinese font": chinese_font() or "none",
        "cache": cache,
        "default encoder": "prepared" if prepared else "not yet: socialai models prepare",
    }


def chinese_font(character: str = "大") -> str | None:
    """The first font of the current style that has a glyph for the character; None when all would draw a box."""
    for family in mpl.rcParams["font.family"]:
        path = font_manager.findfont(
            font_manager.FontProperties(family=[family])
        )  # the default when it isn't there
        if font_manager.get_font(path).get_char_index(ord(character)):
            return family
    return None
