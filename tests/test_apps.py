import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array

from socialai.errors import UserError
from socialai.validation import (
    check_frame,
    check_labels,
    check_matrix,
    check_number,
    check_numbers,
    check_scored,
    check_texts,
    check_word_lists,
    find_ids,
)

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
        (
            GOOD.assign(amount=[1, -2.0]),
            "column 'amount' must be finite and not negative; row 1 is -2.0",
        ),
        (
            GOOD.assign(amount=[np.inf, 2.0]),
            "column 'amount' must be finite and not negative; row 0 is inf",
        ),
        (pd.concat([GOOD, GOOD["user"]], axis=1), "the frame has 2 columns 'user'"),
    ],
)
def test_a_bad_frame_is_told_in_one_line(frame, says):
    with pytest.raises(UserError, match=says.replace("?", r"\?")) as error:
        check_frame(frame, ["user", "amount"], not_negative=("amount",))
    assert "\n" not in str(error.value)


def test_numbers_may_be_negative_where_only_numbers_are_asked_for():
    frame = GOOD.assign(amount=[-1.0, 2.0])
    assert check_frame(frame, ["amount"], numeric=("amount",)) is frame


def test_what_is_right_comes_back():
    texts, numbers = pd.Series(["a", ""]), check_numbers([1, np.nan], "x", missing=True)
    assert check_texts(texts) == ["a", ""] and check_texts((), empty=True) == []
    assert check_word_lists([{"a"}, []], "topics") == [["a"], []]
    assert numbers.dtype == float and np.isnan(numbers[1])
    assert (
        check_number(np.int64(3), "k", 3, 3, whole=True) == 3
        and check_numbers(0.5, "p", 0, 1, ndim=None) == 0.5
    )
    assert check_labels(["b", "a"], 2).tolist() == ["b", "a"]
    y, scores = check_scored([True, False], [1, 2])
    assert y.tolist() == [1, 0] and scores.tolist() == [1.0, 2.0]
    for given in (np.eye(2, dtype=np.float32), csr_array(np.eye(2))):
        assert check_matrix(given, sparse=True, square=True).dtype == given.dtype
    assert find_ids(np.array(["a", "b", "c"]), ["c", "a", "c"], "user").tolist() == [2, 0, 2]


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: check_texts("abc"), "a list of texts is needed, not one str"),
        (lambda: check_texts(pd.DataFrame({"text": ["a"]})), "not one DataFrame"),
        (lambda: check_texts(None), "not one NoneType"),
        (lambda: check_texts([]), "there are no texts"),
        (lambda: check_texts(["a", np.nan]), "text 1 is nan: a string is needed"),
        (lambda: check_word_lists(["ab"], "topics"), "a list of words is needed, not one str"),
        (lambda: check_numbers(["a"], "scores"), "scores: numbers are needed"),
        (lambda: check_numbers([[1], [2, 3]], "scores"), "in rows of one length"),
        (
            lambda: check_numbers([[1, 2]], "scores"),
            "scores: a list of numbers is needed, got one of shape",
        ),
        (lambda: check_numbers([], "scores"), "scores: there are none"),
        (
            lambda: check_numbers([1, 2], "scores", n=3),
            "scores: 3 are needed, one for each; there are 2",
        ),
        (lambda: check_numbers([0, np.nan], "scores"), "scores must be finite; place 1 holds nan"),
        (
            lambda: check_numbers([0, 2], "p", 0, 1),
            "p must be at least 0 and at most 1; place 1 holds 2",
        ),
        (lambda: check_number(None, "weeks", 0), "weeks must be at least 0; it is nan"),
        (lambda: check_number(0, "weeks", 0, above=True), "weeks must be above 0; it is 0"),
        (
            lambda: check_number(1.5, "k", 1, whole=True),
            "k must be whole and at least 1; it is 1.5",
        ),
        (lambda: check_labels([]), "there must be some"),
        (lambda: check_labels([0, 1], 3), "3 rows but 2 labels"),
        (lambda: check_labels(["a", np.nan]), "labels: 1 are missing, the first in place 1"),
        (lambda: check_labels(["a", 1]), "text and numbers can't be mixed"),
        (lambda: check_labels([0, 2], 2, (0, 1)), "labels must be 0 or 1; one is 2"),
        (lambda: check_labels(["0", "1"], 2, (0, 1)), "labels must be 0 or 1; one is '0'"),
        (lambda: check_matrix([1, 2]), "X: numbers in rows and columns are needed"),
        (lambda: check_matrix([[np.nan]]), "X: Input contains NaN"),
        (lambda: check_matrix([["a"]]), "X: dtype='numeric' is not compatible"),
        (lambda: check_matrix(np.zeros((0, 2))), r"X: Found array with 0 sample\(s\)"),
        (lambda: check_matrix(np.eye(2), shape=(None, 3)), "X has 2 columns: 3 are needed"),
        (lambda: check_matrix(np.ones((2, 3)), square=True), "2 rows and 3 columns"),
        (
            lambda: check_matrix(-csr_array(np.eye(2)), sparse=True, low=0),
            "must be at least 0; one number is -1",
        ),
        (lambda: check_matrix([[1j]]), "Complex data not supported"),
        (lambda: find_ids(np.array([1, 2]), "1", "user"), "a list of users is needed"),
        (
            lambda: find_ids(np.array([1, 2]), ["1"], "user"),
            r"user 1 was not in training \(1 of the 1",
        ),
    ],
)
def test_other_wrong_data_are_told_in_one_line(call, says):
    with pytest.raises(UserError, match=says) as error:
        call()
    assert "\n" not in str(error.value) and len(str(error.value)) < 200
