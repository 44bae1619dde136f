"""Every packaged data set obeys its schema, and a schema notices each kind of damage."""

import pandas as pd
import pytest

from socialai import data
from socialai.data.loaders import LOADERS
from socialai.data.registry import entry
from socialai.errors import UserError
from tests import schemas

NAMES = list(LOADERS)


@pytest.fixture(scope="module", params=NAMES)
def loaded(request):
    if reason := data.unavailable(request.param):
        pytest.skip(reason)
    return request.param, data.load(request.param)


def test_every_loader_has_a_schema_with_the_columns_of_the_registry():
    assert list(schemas.SCHEMAS) == NAMES
    assert all(list(schemas.schema(name).columns) == entry(name).column_names for name in NAMES)


def test_the_data_set_obeys_its_schema(loaded):
    name, frame = loaded
    assert schemas.check(name, frame) is frame


def test_damage_is_noticed_in_every_column(loaded):
    name, frame = loaded
    head = frame.head(50)
    with pytest.raises(UserError, match=f"{name}: "):
        schemas.check(name, head.drop(columns=head.columns[0]))
    with pytest.raises(UserError, match="surplus"):
        schemas.check(name, head.assign(surplus=1))
    with pytest.raises(UserError):
        schemas.check(name, head[[*head.columns[1:], head.columns[0]]])
    for column in head.columns[:14].union(head.columns[-1:], sort=False):
        with pytest.raises(UserError, match=column):
            schemas.check(name, head.assign(**{column: [object()] * 50}))


NONSENSE = [
    ("chinese_reviews", "text", "  "),
    ("chinese_reviews", "text", None),
    ("chinese_reviews", "label", 2),
    ("policy_posts", "policy", "hate"),
    ("policy_posts", "id", "en-spam-99"),
    ("womens_clothing", "rating", 6),
    ("election_tweets", "time", pd.Timestamp("2017-01-01")),
    ("election_tweets", "original_author", "somebody"),
    ("vader_tweets", "mean", -3.9),
    ("vader_tweets", "ratings", [5] * 20),
    ("vader_tweets", "id", "2"),
    ("ml100k_ratings", "rating", 0),
    ("adult", "education_num", 16),
    ("open_bandit_logs", "propensity", 0.0),
    ("open_bandit_logs", "affinity_79", -1.0),
    ("cdnow_summary", "recency", 0.0),
    ("cdnow_summary", "recency", 38.99),
    ("digits", "pixel_7", 17),
    ("mnist_5k", "label", 10),
    ("karate", "target", 0),
]


@pytest.mark.parametrize(("name", "column", "value"), NONSENSE)
def test_one_wrong_value_is_noticed_and_told_in_one_line(name, column, value):
    if reason := data.unavailable(name):
        pytest.skip(reason)
    frame = data.load(name).head(100).copy()
    schemas.check(name, frame)
    frame.at[0, column] = value
    with pytest.raises(UserError) as error:
        schemas.check(name, frame)
    assert "\n" not in str(error.value) and str(error.value).startswith(f"{name}: ")


def test_what_is_no_table_has_no_schema():
    with pytest.raises(UserError, match="not a table"):
        schemas.schema("e5_small")
    with pytest.raises(UserError, match="no data set"):
        schemas.schema("nowhere")
