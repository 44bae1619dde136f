"""Frames by name: each data set's loader, and the Parquet cache of what was read once."""

import hashlib
import inspect
from pathlib import Path

import pandas as pd

from socialai import files
from socialai.data import inputs, tables, texts
from socialai.data.cache import cached_file
from socialai.data.fetching import open_files
from socialai.data.registry import entry
from socialai.errors import UserError

LOADERS = {
    "chinese_reviews": texts.chinese_reviews,
    "cold": texts.cold,
    "cold_test": texts.cold_test,
    "policy_posts": texts.policy_posts,
    "womens_clothing": texts.womens_clothing,
    "election_tweets": texts.election_tweets,
    "newsgroups": texts.labelled_posts,
    "reuters_r8": texts.labelled_posts,
    "reuters_r52": texts.labelled_posts,
    "vader_tweets": texts.vader,
    "vader_movies": texts.vader,
    "vader_products": texts.vader,
    "vader_editorials": texts.vader,
    "ml100k_ratings": tables.ml100k_ratings,
    "ml100k_users": tables.ml100k_users,
    "ml100k_items": tables.ml100k_items,
    "adult": tables.adult,
    "open_bandit_logs": tables.open_bandit_logs,
    "open_bandit_items": tables.open_bandit_items,
    "cdnow_master": tables.cdnow_master,
    "cdnow_sample": tables.cdnow_sample,
    "cdnow_summary": tables.cdnow_summary,
    "mnist_5k": tables.mnist_5k,
    "digits": tables.digits,
    "karate": tables.karate,
    "les_miserables": tables.les_miserables,
    "davis": tables.davis,
}


def load(name: str) -> pd.DataFrame:
    """The frame of a data set, with the columns that its entry lists (see data/README.md).

    Kept as Parquet, under the checksum of the data and of the loader's source. Raises UserError for
    an unknown name, and DataUnavailable, in one line with what to do, when it can't be had.
    """
    found = entry(name)
    if name not in LOADERS:
        raise UserError(f"{name} is not a table; with a loader: {', '.join(LOADERS)}")
    loader = LOADERS[name]
    read_by = f"{found.checksum} {found.members} {loader.__name__}".encode()
    source = Path(inspect.getsourcefile(loader)).read_bytes()
    key = hashlib.sha256(read_by + source).hexdigest()[:16]
    table = cached_file(
        files.cache_folder() / "tables" / f"{name}-{key}.parquet",
        lambda aside: loader(open_files(name)).to_parquet(aside),
    )
    inputs.record(name)
    return pd.read_parquet(table)
