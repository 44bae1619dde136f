import numpy as np
import pandas as pd
import pytest

from socialai.apps import check_frame
from socialai.errors import UserError

GOOD = pd.DataFrame({"user": ["a", "b"], "amount": [1.0, 2.5]})


def test_a_good_frame_comes_back_as_it_is():
    assert check_frame(GOOD, ["user", "amount"], not_negative=("amount",)) is GOOD


@pytest.mark.parametrize(
    ("frame", "says"),
    [
        ([1, 2], "a pandas DataFrame is needed, with the columns user, amount; got list"),
        (GOOD.rename(columns={"user": "users"}), "no column 'user'; did you mean 'users'?"),
        (GOOD.drop(columns="amount"), "no column 'amount'; it has user"),
        (GOOD.head(0), "no rows"),
        (GOOD.assign(user=["a", None]), "column 'user' misses 1 values, the first in row 1"),
        (GOOD.assign(amount=["1", "x"]), "column 'amount' must hold numbers"),
        (GOOD.assign(amount=[1, -2.0]), "column 'amount' must be finite and not negative; row 1 is -2.0"),
        (GOOD.assign(amount=[np.inf, 2.0]), "column 'amount' must be finite and not negative; row 0 is inf"),
    ],
)
def test_a_bad_frame_is_told_in_one_line(frame, says):
    with pytest.raises(UserError, match=says.replace("?", r"\?")) as error:
        check_frame(frame, ["user", "amount"], not_negative=("amount",))
    assert "\n" not in str(error.value)


def test_numbers_may_be_negative_where_only_numbers_are_asked_for():
    frame = GOOD.assign(amount=[-1.0, 2.0])
    assert check_frame(frame, ["amount"], numeric=("amount",)) is frame
