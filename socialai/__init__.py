"""socialai: the shared package of a course on large models in social media platforms."""

import logging
import os
import random
import warnings

__version__ = "0.1.0"

# Set before torch, transformers or tokenizers are imported: they read these once. A thread that
# waits for another one sleeps at once. One that spins first takes the core, beside other work, from
# the very thread that it waits for: see the rows with busy processes of benchmarks/finetune.py.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")

# Notes of libraries about themselves. All else is for the reader: a fit that didn't converge, a
# division by zero.
DRIFTING = (DeprecationWarning, PendingDeprecationWarning, FutureWarning)
SELF_TALK = ("enable_nested_tensor",)  # torch speaks of a fast path that it doesn't take
CHATTY_LOGGERS = (
    "matplotlib",
    "matplotlib.font_manager",
    "transformers",
    "jieba",
    "papermill",
    "fontTools",
)


def quiet() -> None:
    """Silence what drifts between versions of libraries, and no other warning.

    That is notes on deprecations, font caches and weights, and bars of loading.
    """
    for category in DRIFTING:
        warnings.filterwarnings("ignore", category=category)
    for message in SELF_TALK:
        warnings.filterwarnings("ignore", f".*{message}", UserWarning)
    for name in CHATTY_LOGGERS:
        logging.getLogger(name).setLevel(logging.ERROR)
    from transformers.utils import logging as transformers_logging

    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()


def start(notebook: str, seed: int = 0, threads: int = 1) -> None:
    """Begin a lesson: fix seeds and threads, be quiet, set the style of figures, open its folder.

    A kernel has one thread, so that results don't depend on how many notebooks run beside it.
    """
    import numpy as np
    import torch

    from socialai import figures, files, results

    quiet()
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    torch.set_num_threads(threads)
    folder = files.output_folder(notebook)
    figures.start(notebook, folder)
    results.start(notebook, folder)
