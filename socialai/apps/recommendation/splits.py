"""Ratings, and how to split them into what is known and what is to be foretold."""

import numpy as np
import pandas as pd

from socialai.errors import UserError
from socialai.preprocessing.logs import plain_columns, read_times
from socialai.validation import as_input_error, check_frame, check_number, generator_seed

USER_ITEM = ["user_id", "item_id"]


def check_ratings(ratings: pd.DataFrame, time: bool = False) -> pd.DataFrame:
    """The frame if it is one of ratings, a pair of user and item at most once.

    time: whether the column time is needed too. Its rows come back numbered from 0. Else UserError,
    one line.
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
    train = check_number(train, "train", 0, 1)
    seed = generator_seed(seed)
    users = plain_columns(check_ratings(ratings), USER_ITEM)["user_id"]
    train_rows = []
    test_rows = []
    for _, rows in users.groupby(users):
        shuffled = rows.sample(frac=1, random_state=seed).index
        cut = round(train * len(shuffled))
        train_rows.append(shuffled[:cut])
        test_rows.append(shuffled[cut:])
    return ratings.iloc[np.concatenate(train_rows)], ratings.iloc[np.concatenate(test_rows)]


def split_by_time(
    ratings: pd.DataFrame, train: float = 0.75, per_user: bool = False
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(train, test): the past and the future, `train` being the share of the past.

    One date divides for everybody, or (per_user) the last ratings of each user are the future. The
    column time holds dates, as text by ISO 8601, or numbers.
    """
    train = check_number(train, "train", 0, 1)
    if not isinstance(per_user, bool | np.bool_):
        raise UserError(f"per_user is True or False, not {per_user!r}")
    checked = check_ratings(ratings, time=True)
    keys = plain_columns(checked, USER_ITEM)
    keys["time"] = read_times(checked["time"], "column 'time'")
    with as_input_error("columns user_id and item_id"):
        keys = keys.sort_values(["time", *USER_ITEM])
    ordered = ratings.iloc[keys.index]
    if not per_user:
        cut = round(train * len(ordered))
        return ordered[:cut], ordered[cut:]

    by_user = keys.groupby("user_id")["user_id"]
    past = (by_user.cumcount() < (train * by_user.transform("size")).round()).to_numpy()
    return ordered[past], ordered[~past]
