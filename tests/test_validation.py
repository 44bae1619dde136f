"""What a user gives is checked: right data come back, wrong ones are told in one line."""

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array

from socialai.errors import UserError
from socialai.validation import (
    as_input_error,
    check_choice,
    check_frame,
    check_labels,
    check_matrix,
    check_number,
    check_numbers,
    check_scored,
    check_text,
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
        (pd.concat([GOOD, GOOD]), "2 rows repeat a pair of user and amount"),
    ],
)
def test_a_bad_frame_is_told_in_one_line(frame, says):
    with pytest.raises(UserError, match=says.replace("?", r"\?")) as error:
        check_frame(frame, ["user", "amount"], not_negative=("amount",), once=("user", "amount"))
    assert "\n" not in str(error.value)


def test_numbers_may_be_negative_where_only_numbers_are_asked_for():
    frame = GOOD.assign(amount=[-1.0, 2.0])
    assert check_frame(frame, ["amount"], numeric=("amount",)) is frame


def test_texts_come_back_as_lists():
    assert check_text("") == ""
    assert check_texts(pd.Series(["a", ""])) == ["a", ""]
    assert check_texts((), empty=True) == []
    assert check_word_lists([{"a"}, []], "topics") == [["a"], []]


def test_numbers_come_back_as_floats_and_a_whole_one_as_int():
    numbers = check_numbers([1, np.nan], "x", missing=True)
    assert numbers.dtype == float and np.isnan(numbers[1])
    assert check_numbers(0.5, "p", 0, 1, ndim=None) == 0.5
    whole = check_number(np.int64(3), "k", 3, 3, whole=True)
    assert whole == 3 and type(whole) is int


def test_labels_scores_and_matrices_come_back_as_arrays():
    assert check_labels(["b", "a"], 2).tolist() == ["b", "a"]
    y, scores = check_scored([True, False], [1, 2])
    assert y.tolist() == [1, 0] and scores.tolist() == [1.0, 2.0]
    for given in (np.eye(2, dtype=np.float32), csr_array(np.eye(2))):
        assert check_matrix(given, sparse=True, square=True).dtype == given.dtype


def test_ids_are_found_where_they_stand():
    known = np.array(["a", "b", "c"])
    assert find_ids(known, ["c", "a", "c"], "user").tolist() == [2, 0, 2]


@pytest.mark.parametrize("value", ["ips", np.str_("dm"), None, 2])
def test_a_choice_that_there_is_comes_back(value):
    assert check_choice(value, {"dm": 0, "ips": 1, None: 2, 2: 3}, "method") is value


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("ipw", "there is no method 'ipw': did you mean 'ips'? choose from dm, ips"),
        ("xyz", "there is no method 'xyz': choose from dm, ips"),
        (None, "there is no method None: choose from dm, ips"),
        (np.zeros(9), "there is no method array([0., 0., 0., 0., 0., 0., 0., 0., 0: choose from"),
        (["dm"], "there is no method ['dm']: choose from dm, ips"),
    ],
)
def test_a_choice_that_there_is_not_is_told_the_nearest(value, says):
    with pytest.raises(UserError) as error:
        check_choice(value, ["dm", "ips"], "method")
    assert str(error.value).startswith(says)


@pytest.mark.parametrize("kind", [ValueError, TypeError])
def test_what_a_library_says_becomes_one_line_of_the_kind_it_was(kind):
    with pytest.raises(UserError, match="^X: two lines$") as error, as_input_error("X"):
        raise kind("two\n  lines")
    assert isinstance(error.value, kind)


def test_what_is_told_already_is_left_and_other_errors_too():
    with pytest.raises(UserError, match="^told$"), as_input_error("X"):
        raise UserError("told")
    with pytest.raises(KeyError), as_input_error("X"):
        raise KeyError


def test_a_user_error_is_a_value_error():
    assert issubclass(UserError, ValueError)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: check_text(1), "a text is needed, not 1"),
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
        (lambda: find_ids(np.array([1, 2]), [], "user"), "no user was named"),
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
