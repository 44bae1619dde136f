"""Ratings, and how to split them into what is known and what is to be foretold."""

import pandas as pd

from socialai.validation import (
    as_input_error,
    check_frame,
    check_number,
)

KEYS = ["user_id", "item_id"]


def check_ratings(ratings: pd.DataFrame, time: bool = False) -> pd.DataFrame:
    """The frame itself if it is one of ratings, a pair of user and item at most once; else UserError, one line."""
    return check_frame(ratings, [*KEYS, "rating"] + ["time"] * time, numeric=("rating",), once=KEYS)


def split_per_user(
    ratings: pd.DataFrame, train: float = 0.75, seed: int = 42
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(train, test): of each user a random share `train` of the ratings is for training.

    Each user's rows are shuffled by the same seed, as recommenders' python_stratified_split did when its table was
    made: with seed 42 and the rows in the order of the file this is the very split of the published SAR row.
    """
    check_number(train, "train", 0, 1)
    parts = [
        rows.sample(frac=1, random_state=seed)
        for _, rows in check_ratings(ratings).groupby("user_id")
    ]
    sides = zip(
        *((p[: round(train * len(p))], p[round(train * len(p)) :]) for p in parts), strict=True
    )
    return tuple(pd.concat(side) for side in sides)


def split_by_time(ratings: pd.DataFrame, train: float = 0.75, per_user: bool = False):
    """(train, test): the past and the future; one date for everybody, or of each user the last ratings (per_user)."""
    check_number(train, "train", 0, 1)
    with as_input_error("columns time, user_id and item_id"):
        ordered = check_ratings(ratings, time=True).sort_values(["time", *KEYS])
    if not per_user:
        return ordered[: round(train * len(ordered))], ordered[round(train * len(ordered)) :]
    by_user = ordered.groupby("user_id")
    past = by_user.cumcount() < (train * by_user["user_id"].transform("size")).round()
    return ordered[past], ordered[~past]
