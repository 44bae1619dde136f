"""A pandera schema for every data set: the columns, in order, and what each value may be.

The archives are pinned by checksum, so that a failure here is one of a loader.
"""

from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd
import pandera.pandas as pa

from socialai.data.registry import entry
from socialai.errors import UserError

Check, Column = pa.Check, pa.Column


def _text(*checks: Check, **options) -> Column:
    blank = Check(lambda values: values.str.strip() != "", name="not blank")
    return Column(str, [blank, *checks], **options)


def _one_of(*allowed) -> Column:
    return Column(type(allowed[0]), Check.isin(allowed))


def _whole(low: int, high: int | None = None, **options) -> Column:
    within = Check.ge(low) if high is None else Check.between(low, high)
    return Column(int, within, **options)


def _number(low: float, high: float, **options) -> Column:
    return Column(float, Check.between(low, high), **options)


def _time(first: str, last: str, **options) -> Column:
    """Times from the day `first` until before the day `last`, with a time zone or without."""

    def within(values: pd.Series) -> pd.Series:
        plain = values.dt.tz_localize(None)
        return (plain >= pd.Timestamp(first)) & (plain < pd.Timestamp(last))

    return Column(None, Check(within, name=f"from {first} until before {last}"), **options)


def _table(
    columns: dict[str, Column], *checks: Check, unique: list[str] | None = None
) -> pa.DataFrameSchema:
    return pa.DataFrameSchema(columns, list(checks), strict=True, ordered=True, unique=unique)


def _law(name: str, holds: Callable[[pd.DataFrame], pd.Series | bool]) -> Check:
    """A check between columns: what must hold, in words, and where it does, of the frame."""
    return Check(holds, name=name)


def _labelled(labels: Column, *parts: str) -> pa.DataFrameSchema:
    columns = {"text": _text(), "label": labels}
    return _table(columns | ({"split": _one_of(*parts)} if parts else {}))


def _cold(columns: dict[str, Column], *parts: str) -> pa.DataFrameSchema:
    described = {"topic": _one_of("race", "region", "gender"), "split": _one_of(*parts)}
    return _table({"text": _text(), "label": _one_of(0, 1)} | columns | described)


def _policy_posts() -> pa.DataFrameSchema:
    return _table(
        {
            "id": _text(unique=True),
            "language": _one_of("zh", "en"),
            "policy": _one_of("sexual", "violent", "false_information", "spam", "abuse", "none"),
            "text": _text(unique=True),
            "split": _one_of("train", "test"),
        },
        _law(
            "the id tells language and policy",
            lambda f: (
                f.id.str.replace(r"^(\w+-\w+)-.*", r"\1", regex=True) == f.language + "-" + f.policy
            ),
        ),
    )


def _womens_clothing() -> pa.DataFrameSchema:
    named = partial(_text, nullable=True)
    return _table(
        {
            "item_id": _whole(0),
            "age": _whole(18, 99),
            "title": named(),
            "text": named(),
            "rating": _whole(1, 5),
            "recommended": _one_of(0, 1),
            "positive_feedback": _whole(0),
            "division": named(Check.isin(["General", "General Petite", "Initmates"])),
            "department": named(),
            "category": named(),
        }
    )


def _election_tweets() -> pa.DataFrameSchema:
    return _table(
        {
            "text": _text(),
            "author": _one_of("HillaryClinton", "realDonaldTrump"),
            "time": _time("2016-01-01", "2016-10-01"),
            "language": _text(Check.str_length(2, 3)),
            "is_retweet": Column(bool),
            "original_author": _text(nullable=True),
            "retweets": _whole(0),
            "favourites": _whole(0),
            "source_url": _text(Check.str_startswith("http")),
            "place": _text(nullable=True),
            "longitude": _number(-180, 180, nullable=True),
            "latitude": _number(-90, 90, nullable=True),
        },
        _law(
            "a retweet, and nothing else, has an original author",
            lambda f: f.is_retweet == f.original_author.notna(),
        ),
    )


def _vader() -> pa.DataFrameSchema:
    def plausible(ratings: pd.Series) -> pd.Series:
        return ratings.map(lambda row: len(row) >= 10 and np.abs(row).max() <= 4)

    def agrees(frame: pd.DataFrame) -> pd.Series:
        gap = frame["mean"] - frame.ratings.map(np.mean)
        return (
            gap.abs() < 1.2
        )  # 196 tweets differ by up to 1.13 in the source itself, all others by rounding

    ratings = Column(object, Check(plausible, name="10 ratings or more, from -4 to 4"))
    columns = {
        "id": _text(unique=True),
        "text": _text(),
        "mean": _number(-4, 4),
        "ratings": ratings,
    }
    return _table(columns, _law("the mean is near that of the ratings", agrees))


def _ml100k_items() -> pa.DataFrameSchema:
    genres = entry("ml100k_items").column_names[4:]
    return _table(
        {
            "item_id": _whole(1, 1682, unique=True),
            "title": _text(),
            "release_date": _time("1922-01-01", "1999-01-01", nullable=True),
            "imdb_url": _text(nullable=True),
        }
        | {genre: _one_of(0, 1) for genre in genres},
        _law("each film has a genre", lambda f: f[genres].sum(axis=1) > 0),
    )


def _adult() -> pa.DataFrameSchema:
    named = partial(_text, nullable=True)
    return _table(
        {
            "age": _whole(16, 90),
            "workclass": named(),
            "fnlwgt": _whole(1),
            "education": _text(),
            "education_num": _whole(1, 16),
            "marital_status": _text(),
            "occupation": named(),
            "relationship": _text(),
            "race": _text(),
            "gender": _one_of("Female", "Male"),
            "capital_gain": _whole(0),
            "capital_loss": _whole(0),
            "hours_per_week": _whole(1, 99),
            "native_country": named(),
            "label": _one_of(0, 1),
        },
        _law(
            "education and its number say the same",
            lambda f: f.groupby("education").education_num.transform("nunique") == 1,
        ),
    )


def _open_bandit_logs() -> pa.DataFrameSchema:
    affinities = [
        name for name in entry("open_bandit_logs").column_names if name.startswith("affinity_")
    ]
    columns = {
        "policy": _one_of("random", "bts"),
        "campaign": _one_of("all", "men", "women"),
        "time": _time("2019-11-24", "2019-12-01"),
        "item_id": _whole(0, 79),
        "position": _whole(1, 3),
        "click": _one_of(0, 1),
        "propensity": Column(
            float, [Check.gt(0), Check.le(1)]
        ),  # 0 would divide by zero in every weighted estimate
    }
    columns |= {f"user_feature_{i}": _text() for i in range(4)}
    columns |= {name: Column("float32", nullable=True) for name in affinities}
    return _table(
        columns, _law("no affinity is negative", lambda f: ~(f[affinities] < 0).any(axis=1))
    )


def _open_bandit_items() -> pa.DataFrameSchema:
    columns = {
        "policy": _one_of("random", "bts"),
        "campaign": _one_of("all", "men", "women"),
        "item_id": _whole(0, 79),
        "item_feature_0": Column(float),
    }
    columns |= {f"item_feature_{i}": _text() for i in range(1, 4)}
    return _table(columns, unique=["policy", "campaign", "item_id"])


def _purchases(*numbers: str) -> pa.DataFrameSchema:
    bought = {
        "date": _time("1997-01-01", "1998-07-01"),
        "quantity": _whole(1),
        "value": _number(0, 10_000),
    }
    return _table({name: _whole(1, 23570) for name in numbers} | bought)


def _cdnow_summary() -> pa.DataFrameSchema:
    return _table(
        {
            "sample_id": _whole(1, 2357, unique=True),
            "frequency": _whole(0),
            "recency": _number(0, 39),
            "T": _number(0, 39),
            "monetary_value": _number(0, 10_000),
        },
        _law("the last purchase lies inside the time observed", lambda f: f.recency <= f["T"]),
        _law(
            "recency is 0 exactly without a repeat purchase",
            lambda f: (f.frequency == 0) == (f.recency == 0),
        ),
    )


def _images(name: str, brightest: int) -> pa.DataFrameSchema:
    pixels = entry(name).column_names[:-1]
    columns = {pixel: Column("uint8") for pixel in pixels} | {"label": _whole(0, 9)}
    law = _law(
        f"no pixel is above {brightest}",
        lambda f: pd.Series(f[pixels].to_numpy().max(1) <= brightest, f.index),
    )
    return _table(columns, law)


def _edges(*, groups: bool) -> pa.DataFrameSchema:
    node = partial(_whole, 0, 33) if groups else _text
    columns = {"source": node(), "target": node(), "weight": _whole(1)}
    if groups:
        columns |= {f"{end}_group": _one_of("Mr. Hi", "Officer") for end in ("source", "target")}
    law = _law("no edge joins a node to itself", lambda f: f.source != f.target)
    return _table(columns, law, unique=["source", "target"])


def _ml100k_ratings() -> pa.DataFrameSchema:
    numbers = {"user_id": _whole(1, 943), "item_id": _whole(1, 1682), "rating": _whole(1, 5)}
    return _table(
        numbers | {"time": _time("1997-09-01", "1998-05-01")}, unique=["user_id", "item_id"]
    )


def _ml100k_users() -> pa.DataFrameSchema:
    return _table(
        {
            "user_id": _whole(1, 943, unique=True),
            "age": _whole(1, 120),
            "gender": _one_of("M", "F"),
            "occupation": _text(),
            "zip_code": _text(Check.str_length(5, 5)),
        }
    )


SCHEMAS: dict[str, Callable[[], pa.DataFrameSchema]] = {
    "chinese_reviews": lambda: _labelled(_one_of(0, 1)),
    "cold": lambda: _cold({}, "train", "dev"),
    "cold_test": lambda: _cold({"fine_label": _whole(0, 3)}, "test"),
    "policy_posts": _policy_posts,
    "womens_clothing": _womens_clothing,
    "election_tweets": _election_tweets,
    "newsgroups": lambda: _labelled(_text(), "train", "test"),
    "reuters_r8": lambda: _labelled(_text(), "train", "test"),
    "reuters_r52": lambda: _labelled(_text(), "train", "test"),
    "vader_tweets": _vader,
    "vader_movies": _vader,
    "vader_products": _vader,
    "vader_editorials": _vader,
    "ml100k_ratings": _ml100k_ratings,
    "ml100k_users": _ml100k_users,
    "ml100k_items": _ml100k_items,
    "adult": _adult,
    "open_bandit_logs": _open_bandit_logs,
    "open_bandit_items": _open_bandit_items,
    "cdnow_master": lambda: _purchases("customer_id"),
    "cdnow_sample": lambda: _purchases("customer_id", "sample_id"),
    "cdnow_summary": _cdnow_summary,
    "mnist_5k": lambda: _images("mnist_5k", 255),
    "digits": lambda: _images("digits", 16),
    "karate": lambda: _edges(groups=True),
    "les_miserables": lambda: _edges(groups=False),
    "davis": lambda: _table({"woman": _text(), "event": _text()}, unique=["woman", "event"]),
}


def schema(name: str) -> pa.DataFrameSchema:
    """The pandera schema of a data set's frame; UserError for a name that is no table's."""
    entry(name)
    if name not in SCHEMAS:
        raise UserError(f"{name} is not a table; with a schema: {', '.join(SCHEMAS)}")
    return SCHEMAS[name]()


def check(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    """The frame itself if it obeys the schema; else UserError: column, rule, the first row."""
    try:
        schema(name).validate(frame, lazy=True)
        return frame
    except pa.errors.SchemaErrors as error:
        cases = error.failure_cases
    # A wrong column breaks the laws between columns as well.
    of_columns = cases[cases["schema_context"] == "Column"]
    first = (of_columns if len(of_columns) else cases).iloc[0]
    rows = cases.loc[cases["check"] == first["check"], "index"].dropna().nunique()
    where = f", first in row {first['index']}, rows in all: {rows}" if rows else ""
    if first["schema_context"] == "Column":
        broken = f"{first['failure_case']} breaks {first['check']!r}"
        raise UserError(f"{name}: column {first['column']}: {broken}{where}")
    what = f": {first['failure_case']}" if not rows else ""
    raise UserError(f"{name}: the table breaks {first['check']!r}{what}{where}")
