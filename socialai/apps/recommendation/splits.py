"""Ratings, and how to split them into what is known and what is to be foretold."""

import pandas as pd

from socialai.validation import as_input_error, check_frame, check_number

USER_ITEM = ["user_id", "item_id"]


def check_ratings(ratings: pd.DataFrame, time: bool = False) -> pd.DataFrame:
    """The frame itself if it is one of ratings, a pair of user and item at most once.

    time: whether the column time is needed too. Else UserError, one line.
    """
    columns = [*USER_ITEM, "rating"]
    if time:
        columns.append("time")
    return check_frame(ratings, columns, numeric=("rating",), once=USER_ITEM)


def split_per_user(
    ratings: pd.DataFrame, train: float = 0.75, seed: int = 42
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(train, test): of each user a random share `train` of the ratings is for training.

    Each user's rows are shuffled by the same seed, as recommenders' python_stratified_split did
    when its table was made: with seed 42 and the rows in the order of the file this is the very
    split of the published SAR row.
    """
    check_number(train, "train", 0, 1)
    train_parts = []
    test_parts = []
    for _, rows in check_ratings(ratings).groupby("user_id"):
        shuffled = rows.sample(frac=1, random_state=seed)
        cut = round(train * len(shuffled))
        train_parts.append(shuffled[:cut])
        test_parts.append(shuffled[cut:])
    return pd.concat(train_parts), pd.concat(test_parts)


def split_by_time(
    ratings: pd.DataFrame, train: float = 0.75, per_user: bool = False
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(train, test): the past and the future, `train` being the share of the past.

    One date divides for everybody, or (per_user) the last ratings of each user are the future.
    """
    check_number(train, "train", 0, 1)
    with as_input_error("columns time, user_id and item_id"):
        ordered = check_ratings(ratings, time=True).sort_values(["time", *USER_ITEM])
    if not per_user:
        cut = round(train * len(ordered))
        return ordered[:cut], ordered[cut:]

    by_user = ordered.groupby("user_id")
    past = by_user.cumcount() < (train * by_user["user_id"].transform("size")).round()
    return ordered[past], ordered[~past]
