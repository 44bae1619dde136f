"""Logs of what people did, as users have them: behaviour and recommendation give the right result.

Whatever pandas keeps a log in (its index, its types, its order), the answer is that of the clean
frame; what can't be answered is told in one line.
"""

import datetime
import functools
import inspect
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from socialai.apps import behaviour, recommendation
from socialai.errors import UserError
from socialai.preprocessing.logs import plain_values, read_times

RATINGS = pd.DataFrame(
    [(user, item) for user in range(12) for item in range(user % 2, 10, 2) if (user + item) % 5],
    columns=["user_id", "item_id"],
)
RATINGS["rating"] = 1.0 + RATINGS.index % 5
RATINGS["time"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(RATINGS.index * 7 % 31, "D")
EVENTS = pd.DataFrame(
    [(user, (user + t) % 6, 10 * t + user % 3) for user in range(9) for t in range(4)],
    columns=["user_id", "item_id", "time"],
)
PURCHASES = pd.DataFrame(
    [(c, 3 * n * (c + 2) % 97, 1.0 + n) for c in range(12) for n in range(c % 4 + 1)],
    columns=["customer_id", "day", "value"],
)
PURCHASES["date"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(PURCHASES.pop("day"), "D")
CUSTOMERS = behaviour.simulate_customers(r=0.6, alpha=5, a=0.9, b=3, T=np.full(60, 52.0), seed=1)
CUSTOMERS["monetary_value"] = np.where(CUSTOMERS["frequency"], 10.0 + CUSTOMERS.index % 7, 0)
LISTS = recommendation.Popularity().fit(RATINGS).recommend(k=3)
TITLES = pd.DataFrame(np.random.default_rng(0).normal(size=(11, 3)))
HISTORIES = [[0], [1, 2], []]
UNTIL = "2024-02-20"

MODELS = [
    recommendation.Popularity(),
    recommendation.SAR(),
    recommendation.SVD(dim=3, epochs=2),
    recommendation.ALS(dim=2, epochs=2),
    recommendation.BPR(dim=3, epochs=2),
    recommendation.Implicit("als", dim=3, epochs=2),
    recommendation.Implicit("bpr", dim=3, epochs=2),
    recommendation.LightGCN(dim=4, epochs=1, batch_size=16, device="cpu"),
    recommendation.TwoTower(dim=4, epochs=1, device="cpu"),
]
NEXT_ITEM = [
    behaviour.MarkovNextItem(),
    behaviour.TransformerNextItem(4, 1, max_length=4, epochs=1, device="cpu"),
]
names = {"ids": lambda value: type(value).__name__ if hasattr(value, "fit") else None}


@functools.cache
def expected(asked):
    """The answer to the log as it is."""
    log, ask = ASKED[asked]
    return ask(log)


# What is asked of a log: {name: (the log, the question)}.
ASKED = {
    "summarize": (PURCHASES, lambda log: behaviour.summarize(log, UNTIL)),
    "snapshot": (PURCHASES, lambda log: behaviour.snapshot(log, UNTIL, 2)),
    "retention": (PURCHASES, behaviour.retention),
    "check_purchase_history": (CUSTOMERS, behaviour.check_purchase_history),
    "BG/NBD": (CUSTOMERS, lambda log: behaviour.BetaGeometricNBD().fit(log).predict(log, 9)),
    "gamma-gamma": (CUSTOMERS, lambda log: behaviour.GammaGamma().fit(log).predict(log)),
    "split_per_user": (RATINGS, lambda log: places(log, recommendation.split_per_user(log))),
    "split_by_time": (RATINGS, lambda log: places(log, recommendation.split_by_time(log))),
    "last of each": (
        RATINGS,
        lambda log: places(log, recommendation.split_by_time(log, per_user=True)),
    ),
    "evaluate_lists": (RATINGS, lambda log: recommendation.evaluate_lists(LISTS, log)),
    "judged lists": (LISTS, lambda log: recommendation.evaluate_lists(log, RATINGS)),
    "beyond_accuracy": (RATINGS, lambda log: pd.Series(recommendation.beyond_accuracy(LISTS, log))),
    "listed": (LISTS, lambda log: pd.Series(recommendation.beyond_accuracy(log, RATINGS))),
    "predict": (
        RATINGS,
        lambda log: recommendation.ALS(dim=2, epochs=1).fit(RATINGS).predict(log),
    ),
}
for each in MODELS:
    ASKED[f"{type(each).__name__} {getattr(each, 'method', '')}"] = (
        RATINGS,
        lambda log, model=each: clone(model).fit(log).recommend(k=4),
    )
for each in NEXT_ITEM:
    ASKED[type(each).__name__] = (
        EVENTS,
        lambda log, model=each: clone(model).fit(log).ranks(HISTORIES, [1, 4, 0]),
    )


def places(log, parts):
    """The rows of the log that each part holds, by their places."""
    numbered = log.assign(place=np.arange(len(log)))
    keys = ["user_id", "item_id"]
    whole = numbered.set_index([numbered[key].astype(int) for key in keys])["place"]
    return [whole[list(zip(part["user_id"], part["item_id"], strict=True))] for part in parts]


# The same log, kept in another way.
FORMS = {
    "an index that bears a column's name": lambda log: log.set_index(log.columns[0], drop=False),
    "an index named as a number's column": lambda log: log.rename_axis(index=log.columns[-1]),
    "repeated row numbers": lambda log: log.set_axis([0] * len(log)),
    "row numbers in reverse": lambda log: log.set_axis(np.arange(len(log))[::-1]),
    "an index of texts": lambda log: log.set_axis([f"row {i}" for i in range(len(log))]),
    "an index of two levels": lambda log: log.set_index(list(log.columns[:2]), drop=False),
    "categories, one without a row": lambda log: log.assign(
        **{
            name: pd.Categorical(log[name], [*log[name].unique()[::-1], -7])
            for name in log.columns
            if name.endswith("_id")
        }
    ),
    "types that know missing values": lambda log: log.convert_dtypes(),
    "ids as objects": lambda log: log.astype(
        {name: object for name in log.columns if name.endswith("_id")}
    ),
    "columns in another order, and one more": lambda log: log[log.columns[::-1]].assign(more="x"),
    "small types": lambda log: log.astype(
        {name: "int32" for name in log.columns if name.endswith("_id")}
    ),
}


def assert_same(answer, expected):
    """Equal values, whatever type they are kept in."""
    if isinstance(expected, pd.DataFrame):
        pd.testing.assert_frame_equal(
            answer, expected, check_dtype=False, check_index_type=False, check_column_type=False
        )
    elif isinstance(expected, list):
        for one, other in zip(answer, expected, strict=True):
            assert one.tolist() == other.tolist()
    else:
        np.testing.assert_array_equal(np.asarray(answer), np.asarray(expected))


@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize("form", FORMS)
def test_how_pandas_keeps_a_log_never_matters(asked, form):
    log, ask = ASKED[asked]
    given = FORMS[form](log)
    before = given.copy()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        answer = ask(given)
    pd.testing.assert_frame_equal(given, before)
    assert_same(answer, expected(asked))


@pytest.mark.parametrize("asked", list(ASKED))
def test_the_order_of_the_rows_never_matters(asked):
    """But to what draws at random, and to equal times, which keep the order of their rows."""
    if asked.startswith(("SVD", "BPR", "LightGCN", "TwoTower", "Transformer", "split_per_user")):
        return
    log, ask = ASKED[asked]
    turned = ask(log[::-1])
    answer = expected(asked)
    if asked in {"check_purchase_history", "predict", "BG/NBD", "gamma-gamma"}:
        np.testing.assert_allclose(turned[..., ::-1], answer, rtol=1e-4)
    elif isinstance(turned, list):
        assert [sorted(len(log) - 1 - part) for part in turned] == [sorted(p) for p in answer]
    elif isinstance(turned, pd.DataFrame):
        pd.testing.assert_frame_equal(turned, answer, rtol=1e-4)
    else:
        np.testing.assert_allclose(turned, answer, rtol=1e-9)


# --- ids ---
@pytest.mark.parametrize("model", [*MODELS, *NEXT_ITEM], **names)
@pytest.mark.parametrize(
    "of_number",
    [lambda i: f"{i:02}", lambda i: (int(i), "x"), lambda i: i / 4],
    ids=["text", "tuple", "float"],
)
def test_an_id_may_be_anything_that_can_be_sorted(model, of_number):
    number_of = {of_number(i): i for i in range(12)}
    log = EVENTS if model in NEXT_ITEM else RATINGS
    named = log.assign(
        user_id=pd.Series([of_number(i) for i in log["user_id"]]),
        item_id=pd.Series([of_number(i) for i in log["item_id"]]),
    )
    fitted = clone(model).fit(named)
    same = clone(model).fit(log)
    if model in NEXT_ITEM:
        answer = fitted.predict([[of_number(0)]], k=3)[0]
        assert [number_of[item] for item in answer] == same.predict([[0]], k=3)[0].tolist()
    else:
        answer = fitted.recommend(k=2)
        expected = same.recommend(k=2)
        assert [number_of[item] for item in answer["item_id"]] == expected["item_id"].tolist()
        assert [number_of[item] for item in answer["user_id"]] == expected["user_id"].tolist()


@pytest.mark.parametrize("column", ["user_id", "item_id"])
@pytest.mark.parametrize("model", MODELS, **names)
@pytest.mark.parametrize("odd", ["a", [1]], ids=["a text", "a list"])
def test_ids_that_cannot_be_compared_are_refused(model, column, odd):
    ids = pd.Series([odd, *RATINGS[column][1:]], dtype=object)
    with pytest.raises(UserError, match="mixed|unhashable") as error:
        clone(model).fit(RATINGS.assign(**{column: ids}))
    assert "\n" not in str(error.value)


def test_customers_of_mixed_ids_are_counted_each():
    ids = {c: c if c % 2 else f"c{c}" for c in range(12)}
    mixed = PURCHASES.assign(customer_id=PURCHASES["customer_id"].map(ids))
    summary = behaviour.summarize(mixed, UNTIL)
    clean = behaviour.summarize(PURCHASES, UNTIL)
    pd.testing.assert_frame_equal(
        summary.loc[list(map(ids.get, clean.index))].reset_index(drop=True),
        clean.reset_index(drop=True),
    )


# --- times ---
TIMES = {
    "text": lambda t: t.dt.strftime("%Y-%m-%d"),
    "text, some with a time": lambda t: t.dt.strftime("%Y-%m-%d").where(
        t.index % 2 == 0, t.dt.strftime("%Y-%m-%dT%H:%M:%S")
    ),
    "text with blanks around": lambda t: " " + t.dt.strftime("%Y-%m-%d") + " ",
    "compact text": lambda t: t.dt.strftime("%Y%m%d"),
    "categories of text": lambda t: t.dt.strftime("%Y-%m-%d").astype("category"),
    "dates of Python": lambda t: t.dt.date,
    "objects": lambda t: t.astype(object),
    "dates and text": lambda t: t.dt.date.where(t.index % 2 == 0, t.dt.strftime("%Y-%m-%d")),
    "seconds": lambda t: t.astype("datetime64[s]"),
    "nanoseconds": lambda t: t.astype("datetime64[ns]"),
    "periods": lambda t: t.dt.to_period("D"),
}
DATED_EVENTS = EVENTS.assign(time=pd.Timestamp("2024-01-01") + pd.to_timedelta(EVENTS["time"], "D"))
TIMED = {
    "summarize": (PURCHASES, "date"),
    "snapshot": (PURCHASES, "date"),
    "retention": (PURCHASES, "date"),
    "split_by_time": (RATINGS, "time"),
    "last of each": (RATINGS, "time"),
    "SAR ": (RATINGS, "time"),
    "MarkovNextItem": (DATED_EVENTS, "time"),
    "TransformerNextItem": (DATED_EVENTS, "time"),
}


@pytest.mark.parametrize("asked", TIMED)
@pytest.mark.parametrize("form", TIMES)
def test_a_time_is_the_same_in_every_form(asked, form):
    log, column = TIMED[asked]
    ask = ASKED[asked][1]
    assert_same(ask(log.assign(**{column: TIMES[form](log[column])})), ask(log))


@pytest.mark.parametrize("asked", ["split_by_time", "last of each", "SAR ", "MarkovNextItem"])
def test_times_of_one_zone_are_compared(asked):
    log, column = TIMED[asked]
    ask = ASKED[asked][1]
    for zone in ("UTC", "Asia/Shanghai"):
        assert_same(ask(log.assign(**{column: log[column].dt.tz_localize(zone)})), ask(log))


@pytest.mark.parametrize("asked", ["split_by_time", "last of each", "MarkovNextItem"])
@pytest.mark.parametrize("kind", [int, float, "timedelta64[s]", object, "category", "Int64"])
def test_numbers_are_times_where_only_their_order_counts(asked, kind):
    log, column = TIMED[asked]
    ask = ASKED[asked][1]
    number = (log[column] - log[column].min()).dt.days
    assert_same(ask(log.assign(**{column: number.astype(kind)})), ask(log))


@pytest.mark.parametrize("asked", TIMED)
def test_a_cell_that_is_no_time_is_told_with_its_row(asked):
    log, column = TIMED[asked]
    says = f"column '{column}' must hold dates.*ISO 8601.*row 3 is"
    for odd in ("31/12/2014", "08/03/2014", "soon", "now", "9", "1.5", "", b"2024", (2024, 1), 7):
        cells = log[column].dt.strftime("%Y-%m-%d").tolist()
        cells[3] = odd
        with pytest.raises(UserError, match=says):
            ASKED[asked][1](log.assign(**{column: pd.Series(cells, dtype=object)}))


@pytest.mark.parametrize("asked", TIMED)
@pytest.mark.parametrize("kind", [str, object])
def test_times_of_several_zones_are_refused(asked, kind):
    log, column = TIMED[asked]
    zones = [None, "UTC", "Asia/Shanghai"]
    cells = [time.tz_localize(zones[i % 3]) for i, time in enumerate(log[column])]
    cells = pd.Series([str(cell) if kind is str else cell for cell in cells], dtype=object)
    with pytest.raises(UserError, match=f"column '{column}': all times must have one time zone"):
        ASKED[asked][1](log.assign(**{column: cells}))


@pytest.mark.parametrize("column", ["date", "until"])
def test_a_day_has_no_time_zone(column):
    zoned = PURCHASES["date"].dt.tz_localize("UTC")
    until = pd.Timestamp(UNTIL, tz="UTC") if column == "until" else UNTIL
    log = PURCHASES if column == "until" else PURCHASES.assign(date=zoned)
    with pytest.raises(UserError, match=f"{column}'? must hold dates without a time zone"):
        behaviour.summarize(log, until)


@pytest.mark.parametrize(
    "until",
    [
        UNTIL,
        f"{UNTIL} 18:30",
        f" {UNTIL}T00:00:00 ",
        "20240220",
        pd.Timestamp(UNTIL),
        datetime.date(2024, 2, 20),
        datetime.datetime(2024, 2, 20, 23, 59),
        np.datetime64(UNTIL),
        pd.Period(UNTIL),
    ],
    ids=repr,
)
def test_until_is_read_as_the_dates_are(until):
    expected = behaviour.snapshot(PURCHASES, pd.Timestamp(UNTIL), 2)
    pd.testing.assert_frame_equal(behaviour.snapshot(PURCHASES, until, 2), expected)


@pytest.mark.parametrize(
    "until", ["20/02/2024", "today", 20240220, None, pd.NaT, np.nan, ["2024-02-20"], ""], ids=repr
)
def test_until_is_refused_as_dates_are(until):
    with pytest.raises(UserError, match="until must hold dates"):
        behaviour.summarize(PURCHASES, until)


def test_plain_values_are_those_that_a_list_of_them_has():
    for values in ([1, 2], ["a", "b"], [1.5, 2.0], [(1, 2), (3,)], [True, False], [1, "a"]):
        clean = pd.Series(values)
        kinds = [object, "category"] + (
            [] if clean.dtype == object else [clean.convert_dtypes().dtype]
        )
        for kind in kinds:
            pd.testing.assert_series_equal(plain_values(clean.astype(kind)), clean)


def test_times_keep_their_nanoseconds():
    text = pd.Series(["2024-01-01 10:30:00.123456789"])
    assert read_times(text, "time")[0].nanosecond == 789


# --- what is no log ---
WRONG = {
    "a list": lambda log: log.to_numpy().tolist(),
    "an array": lambda log: log.to_numpy(),
    "a dictionary": lambda log: log.to_dict("list"),
    "a generator": lambda log: (row for row in log.to_numpy()),
    "a column": lambda log: log[log.columns[0]],
    "nothing": lambda log: None,
    "a text": lambda log: "log.csv",
    "no rows": lambda log: log.head(0),
    "no columns": lambda log: log[[]],
    "a column twice": lambda log: pd.concat([log, log[log.columns[:2]]], axis=1),
    "columns of two levels": lambda log: pd.concat({"log": log}, axis=1),
    "ids that are missing": lambda log: log.assign(**{log.columns[0]: np.nan}),
    "a number that is missing": lambda log: log.assign(
        **{name: log[name].where(log.index != 1) for name in log.columns[:3]}
    ),
}


@pytest.mark.parametrize("asked", ASKED)
def test_what_is_no_log_is_told_in_one_line(asked):
    log, ask = ASKED[asked]
    for name, make_wrong in WRONG.items():
        with pytest.raises(UserError) as error:
            ask(make_wrong(log))
        assert "\n" not in str(error.value) and len(str(error.value)) < 250, name


@pytest.mark.parametrize(
    ("asked", "column"),
    [
        ("summarize", "value"),
        ("BG/NBD", "T"),
        ("BG/NBD", "frequency"),
        ("gamma-gamma", "frequency"),
        ("gamma-gamma", "monetary_value"),
        ("judged lists", "rank"),
        ("ALS ", "rating"),
        ("SVD ", "rating"),
        ("SAR ", "rating"),
        ("Popularity ", "rating"),
    ],
)
def test_a_number_that_is_none_is_refused(asked, column):
    log, ask = ASKED[asked]
    for odd, kind in [
        (np.inf, float),
        (-np.inf, float),
        (1 + 2j, complex),
        ("1", object),
        ("many", object),
        (None, object),
        ([1], object),
    ]:
        cells = pd.Series(log[column].tolist(), dtype=kind)
        cells[2] = odd
        with pytest.raises(UserError, match=f"column '{column}'"):
            ask(log.assign(**{column: cells}))


@pytest.mark.parametrize("asked", ["BG/NBD", "gamma-gamma"])
@pytest.mark.parametrize("frequency", [-1, 0.5])
def test_purchases_are_counted_in_whole_numbers(asked, frequency):
    log, ask = ASKED[asked]
    with pytest.raises(UserError, match="negative|whole"):
        ask(log.assign(frequency=frequency))


# --- settings ---
HAZARD = ([[0.0], [1], [0], [1]], [3, 1, 2, 1], [True, True, False, True])

# What a setting may be, of the values tried below; for a device, choose_device tells.
VALID = {
    "device": Ellipsis,
    "item_features": Ellipsis,
    "method": Ellipsis,
    "options": (None,),
    "seed": (-1, 0, 10**30),
    "newest": (None, 10**30),
    "half_life_days": (None, 2.5, 10**30),
    "smoothing": (0, 2.5, np.inf, 10**30),
    "C": (2.5, np.inf, 10**30),
    "period": (2.5,),
    "dropout": (0,),
    "learning_rate": (2.5,),
    "temperature": (2.5,),
    "regularization": (0, 2.5),
}


SETTINGS = [
    pytest.param(estimator, name, id=f"{type(estimator).__name__}-{name}")
    for estimator in [*MODELS, *NEXT_ITEM, behaviour.DiscreteHazard()]
    for name in inspect.signature(type(estimator)).parameters
    if VALID.get(name) is not Ellipsis
]


@pytest.mark.parametrize(("estimator", "name"), SETTINGS)
def test_a_setting_that_cannot_be_is_told_by_fit(estimator, name):
    log = (RATINGS,) if estimator in MODELS else (EVENTS,) if estimator in NEXT_ITEM else HAZARD
    valid = VALID.get(name, ())
    if name == "n_layers" and estimator in MODELS:
        valid = (0,)
    if name in {"popular_negatives", "item_ids"}:
        valid = (True,)
    for value in (-1, 0, 2.5, "2", None, np.nan, np.inf, [2], True, 10**30):
        if any(value is one or value == one for one in valid):
            continue
        model = clone(estimator).set_params(**{name: value})
        with pytest.raises(UserError, match=name) as error:
            model.fit(*log)
        assert "\n" not in str(error.value)
        with pytest.raises(NotFittedError):
            if estimator in MODELS:
                model.recommend(k=1)
            elif estimator in NEXT_ITEM:
                model.predict([[0]], k=1)
            else:
                model.predict_survival(HAZARD[0])


@pytest.mark.parametrize("seed", [-1, -(2**40), 2**40, 2**70, np.int64(3), np.uint8(3)])
@pytest.mark.parametrize(
    "model", [m for m in [*MODELS, *NEXT_ITEM] if "seed" in m.get_params()], **names
)
def test_any_whole_number_is_a_seed(model, seed):
    log = EVENTS if model in NEXT_ITEM else RATINGS
    ask = (lambda m: m.predict([[0]], k=2)) if model in NEXT_ITEM else (lambda m: m.recommend(k=2))
    fitted = [clone(model).set_params(seed=seed).fit(log) for _ in "ab"]
    assert_same(*map(ask, fitted))


def test_functions_take_any_whole_number_as_a_seed():
    for seed in (-1, 2**40):
        parts = [recommendation.split_per_user(RATINGS, seed=seed)[0] for _ in "ab"]
        pd.testing.assert_frame_equal(*parts)
        made = [behaviour.simulate_customers(1, 1, 1, 1, [9.0] * 5, seed) for _ in "ab"]
        pd.testing.assert_frame_equal(*made)
    for seed in (1.5, "1", None, [1]):
        with pytest.raises(UserError, match="seed must be a whole number"):
            recommendation.split_per_user(RATINGS, seed=seed)
        with pytest.raises(UserError, match="seed must be a whole number"):
            behaviour.simulate_customers(1, 1, 1, 1, [9.0], seed)


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.int64])
@pytest.mark.parametrize("model", [*MODELS, *NEXT_ITEM], **names)
def test_a_whole_number_of_numpy_is_a_setting_like_any_other(model, kind):
    settings = {
        name: kind(value)
        for name, value in model.get_params().items()
        if type(value) is int and value <= np.iinfo(kind).max
    }
    log, ask = (EVENTS, "ranks") if model in NEXT_ITEM else (RATINGS, "recommend")
    arguments = (HISTORIES, [1, 4, 0]) if model in NEXT_ITEM else ()
    expected = getattr(clone(model).fit(log), ask)(*arguments)
    found = getattr(clone(model).set_params(**settings).fit(log), ask)(*arguments)
    assert_same(found, expected)
