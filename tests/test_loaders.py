"""Each data set is what its registry entry and its source say: rows, columns, types, classes.

Where no source is named beside a number, it was counted from the archive whose sha256 the registry
holds.
"""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pytest

from socialai import data
from socialai.data.loaders import LOADERS

GENRES = list(data.entries()["ml100k_items"].columns)[4:]
PIXELS_28, PIXELS_8 = ([f"pixel_{i}" for i in range(n)] for n in (784, 64))


@dataclass
class Expected:
    """What a table has to hold.

    rows; counts: column -> class -> rows, or column -> number of distinct values; kinds: dtype kind
    -> columns, those not named hold text; missing: column -> rows without a value, others none.
    """

    rows: int
    counts: dict = field(default_factory=dict)
    kinds: dict = field(default_factory=dict)
    missing: dict = field(default_factory=dict)


def cachopo(train: int, test: int, topics: int, **counts) -> Expected:
    return Expected(
        train + test, {"split": {"train": train, "test": test}, "label": topics, **counts}
    )


EXPECTED = {
    "chinese_reviews": Expected(
        35_123, {"label": {1: 16_548, 0: 18_575}, "text": 17_410}, {"i": ["label"]}
    ),
    # Deng et al. 2022, table of the parts; the labels as counted.
    "cold": Expected(
        32_157,
        {"split": {"train": 25_726, "dev": 6_431}, "label": {0: 16_223, 1: 15_934}, "topic": 3},
        {"i": ["label"]},
    ),
    "cold_test": Expected(
        5_323, {"label": 2, "fine_label": 4, "topic": 3}, {"i": ["label", "fine_label"]}
    ),
    "policy_posts": Expected(
        240,
        {
            "language": {"zh": 120, "en": 120},
            "policy": 6,
            "split": {"train": 104, "test": 136},
            "text": 240,
        },
    ),
    # 23,486 rows: the page of the data on Kaggle.
    "womens_clothing": Expected(
        23_486,
        {
            "rating": {1: 842, 2: 1_565, 3: 2_871, 4: 5_077, 5: 13_131},
            "recommended": {1: 19_314, 0: 4_172},
        },
        {"i": ["item_id", "age", "rating", "recommended", "positive_feedback"]},
        {"title": 3_810, "text": 845, "division": 14, "department": 14, "category": 14},
    ),
    "election_tweets": Expected(
        6_444,
        {
            "author": {"HillaryClinton": 3_226, "realDonaldTrump": 3_218},
            "is_retweet": {True: 722, False: 5_722},
            "original_author": 278,
        },
        {
            "i": ["retweets", "favourites"],
            "M": ["time"],
            "b": ["is_retweet"],
            "f": ["longitude", "latitude"],
        },
        {"original_author": 5_722, "place": 6_240, "longitude": 6_432, "latitude": 6_432},
    ),
    # Cardoso-Cachopo's page of single-label data sets; there R52 has 6,532 training documents.
    "newsgroups": cachopo(11_293, 7_528, 20),
    "reuters_r8": cachopo(5_485, 2_189, 8),
    "reuters_r52": cachopo(6_532, 2_568, 52),
    # The README in the archive: tweets 4,000 + 200, films 10,605, products 3,708, editorials 5,190.
    "vader_tweets": Expected(4_200, {"id": 4_200}, {"f": ["mean"], "O": ["ratings"]}),
    "vader_movies": Expected(10_605, {"id": 10_605}, {"f": ["mean"], "O": ["ratings"]}),
    "vader_products": Expected(3_708, {"id": 3_708}, {"f": ["mean"], "O": ["ratings"]}),
    "vader_editorials": Expected(5_190, {"id": 5_190}, {"f": ["mean"], "O": ["ratings"]}),
    # GroupLens's README: 100,000 ratings by 943 users on 1,682 items, 21 occupations, 19 genres.
    "ml100k_ratings": Expected(
        100_000,
        {
            "rating": {1: 6_110, 2: 11_370, 3: 27_145, 4: 34_174, 5: 21_201},
            "user_id": 943,
            "item_id": 1_682,
        },
        {"i": ["user_id", "item_id", "rating"], "M": ["time"]},
    ),
    "ml100k_users": Expected(
        943,
        {"gender": {"M": 670, "F": 273}, "occupation": 21, "user_id": 943},
        {"i": ["user_id", "age"]},
    ),
    "ml100k_items": Expected(
        1_682,
        {"item_id": 1_682, "drama": {1: 725, 0: 957}, "western": {1: 27, 0: 1_655}},
        {"i": ["item_id", *GENRES], "M": ["release_date"]},
        {"release_date": 1, "imdb_url": 3},
    ),
    # UCI's adult.names: 48,842 people, 23.93 % above 50,000 dollars; missing values as counted.
    "adult": Expected(
        48_842,
        {
            "label": {1: 11_687, 0: 37_155},
            "gender": {"Male": 32_650, "Female": 16_192},
            "race": 5,
            "native_country": 41,
        },
        {"i": "age fnlwgt education_num capital_gain capital_loss hours_per_week label".split()},
        {"workclass": 2_799, "occupation": 2_809, "native_country": 857},
    ),
    # Saito et al. 2021: the small version has 10,000 impressions for each policy and campaign, and
    # 80, 34 and 46 items.
    "open_bandit_logs": Expected(
        60_000,
        {
            "policy": {"random": 30_000, "bts": 30_000},
            "campaign": {"all": 20_000, "men": 20_000, "women": 20_000},
            "click": {1: 287, 0: 59_713},
            "position": 3,
        },
        {
            "i": ["item_id", "position", "click"],
            "M": ["time"],
            "f": ["propensity", *(f"affinity_{i}" for i in range(80))],
        },
        {f"affinity_{i}": 0 if i < 34 else 20_000 if i < 46 else 40_000 for i in range(80)},
    ),
    "open_bandit_items": Expected(
        320,
        {"campaign": {"all": 160, "men": 68, "women": 92}},
        {"i": ["item_id"], "f": ["item_feature_0"]},
    ),
    # Fader and Hardie's notes on the data: 23,570 customers with 69,659 transactions, 2,357 with
    # 6,919 in the sample.
    "cdnow_master": Expected(
        69_659,
        {"customer_id": 23_570},
        {"i": ["customer_id", "quantity"], "M": ["date"], "f": ["value"]},
    ),
    "cdnow_sample": Expected(
        6_919,
        {"customer_id": 2_357, "sample_id": 2_357},
        {"i": ["customer_id", "sample_id", "quantity"], "M": ["date"], "f": ["value"]},
    ),
    "cdnow_summary": Expected(
        2_357,
        {"sample_id": 2_357},
        {"i": ["sample_id", "frequency"], "f": ["recency", "T", "monetary_value"]},
    ),
    "mnist_5k": Expected(
        5_000, {"label": dict.fromkeys(range(10), 500)}, {"i": ["label"], "u": PIXELS_28}
    ),
    # scikit-learn's load_digits: 1,797 samples, about 180 a class.
    "digits": Expected(
        1_797,
        {"label": dict(enumerate([178, 182, 177, 183, 181, 182, 181, 179, 174, 180]))},
        {"i": ["label"], "u": PIXELS_8},
    ),
    # Zachary 1977: 34 members, 78 ties. Knuth 1993: 77 characters, 254 ties. Davis et al. 1941:
    # 18 women, 14 events.
    "karate": Expected(78, {"source_group": 2}, {"i": ["source", "target", "weight"]}),
    "les_miserables": Expected(254, {}, {"i": ["weight"]}),
    "davis": Expected(89, {"woman": 18, "event": 14}),
}


def loaded(name: str) -> pd.DataFrame:
    """The frame, or a skip where it can't be reached; what is installed has to be there."""
    if data.entries()[name].kind != "bundled" and (reason := data.unavailable(name)):
        pytest.skip(reason)
    return data.load(name)


def kind(column: pd.Series) -> str:
    return "text" if pd.api.types.is_string_dtype(column) else column.dtype.kind


def test_every_table_of_the_registry_has_a_loader_and_an_expectation():
    tables = {name for name, entry in data.entries().items() if entry.columns}
    assert tables == LOADERS.keys() == EXPECTED.keys()


@pytest.mark.parametrize("name", EXPECTED)
def test_a_table_is_what_its_source_says(name):
    frame, expected = loaded(name), EXPECTED[name]
    assert len(frame) == expected.rows
    assert list(frame.columns) == data.entries()[name].column_names
    wanted = dict.fromkeys(frame.columns, "text")
    wanted |= {column: kind_ for kind_, columns in expected.kinds.items() for column in columns}
    assert {column: kind(frame[column]) for column in frame} == wanted
    for column, count in expected.counts.items():
        if isinstance(count, dict):
            assert frame[column].value_counts().to_dict() == count, column
        else:
            assert frame[column].nunique() == count, column
    missing = frame.isna().sum()
    assert missing[missing > 0].to_dict() == {
        column: n for column, n in expected.missing.items() if n
    }


def test_no_user_rated_an_item_twice_and_all_are_described():
    ratings, users, items = (loaded(f"ml100k_{part}") for part in ("ratings", "users", "items"))
    assert not ratings.duplicated(["user_id", "item_id"]).any()
    assert set(ratings["user_id"]) == set(users["user_id"]) and set(ratings["item_id"]) == set(
        items["item_id"]
    )
    # GroupLens's README: from 19 September 1997 (the 20th in UTC) to 22 April 1998, 20 ratings a
    # user or more.
    assert ratings["time"].min() > pd.Timestamp("1997-09-19") and ratings[
        "time"
    ].max() < pd.Timestamp("1998-04-23")
    assert ratings.groupby("user_id").size().min() == 20


@pytest.mark.parametrize(
    "part, fewest, most", [("movies", 15, 29), ("products", 20, 20), ("editorials", 20, 20)]
)
def test_the_mean_sentiment_is_the_mean_of_the_ratings(part, fewest, most):
    frame = loaded(f"vader_{part}")
    sizes = frame["ratings"].map(len)
    assert (sizes.min(), sizes.max()) == (fewest, most)
    assert np.allclose(frame["mean"], frame["ratings"].map(np.mean), atol=1e-9)


def test_196_tweets_have_a_published_mean_other_than_that_of_their_ratings():
    frame = loaded("vader_tweets")
    sizes = frame["ratings"].map(len)
    own = frame["ratings"].map(np.mean)
    differ = (frame["mean"] - own).abs() > 0.01
    assert (sizes == 20).sum() == 3_200 and sizes[sizes > 20].between(92, 99).all()
    assert (
        differ.sum() == 196
        and (sizes[differ] > 20).all()
        and (np.sign(own) == np.sign(frame["mean"])).all()
    )


def test_the_random_policy_shows_each_item_of_a_campaign_equally_often():
    logs, items = loaded("open_bandit_logs"), loaded("open_bandit_items")
    random = logs[logs["policy"] == "random"]
    n_items = items[items["policy"] == "random"].groupby("campaign").size()
    assert n_items.to_dict() == {"all": 80, "men": 34, "women": 46}
    assert np.allclose(random["propensity"], 1 / random["campaign"].map(n_items))
    clicks = logs.groupby(["policy", "campaign"])["click"].sum().to_dict()
    assert clicks["random", "all"] == 38 and clicks["bts", "all"] == 42


def test_the_cdnow_sample_is_part_of_all_transactions_and_its_summary_is_theirs():
    master, sample, summary = (loaded(f"cdnow_{part}") for part in ("master", "sample", "summary"))
    columns = ["customer_id", "date", "quantity", "value"]
    part = master[master["customer_id"].isin(sample["customer_id"])]
    assert np.array_equal(
        part[columns].sort_values(columns).to_numpy(),
        sample[columns].sort_values(columns).to_numpy(),
    )
    # Fader, Hardie and Lee 2005: weeks 1 to 39 end on 30 September 1997; x counts days with a
    # repeat purchase.
    end = pd.Timestamp("1997-09-30")
    days = sample[sample["date"] <= end].groupby("sample_id")["date"].agg(["min", "max", "nunique"])
    assert np.array_equal(days["nunique"] - 1, summary["frequency"])
    assert np.allclose((end - days["min"]).dt.days / 7, summary["T"], atol=0.005)
    assert np.allclose((days["max"] - days["min"]).dt.days / 7, summary["recency"], atol=0.005)


def test_pixels_are_images_of_their_digit():
    for name, side, top in (("mnist_5k", 28, 255), ("digits", 8, 16)):
        frame = loaded(name)
        images = frame.filter(like="pixel_").to_numpy().reshape(-1, side, side)
        assert images.min() == 0 and images.max() == top
        middle = images[:, side // 2 - 1 : side // 2 + 1, side // 2 - 1 : side // 2 + 1].mean(
            (1, 2)
        )
        means = pd.Series(middle).groupby(frame["label"].to_numpy()).mean()
        assert means.idxmin() == 0, "a nought has a hole in the middle"


def test_the_karate_club_split_into_two_halves():
    edges = loaded("karate")
    ends = pd.concat(
        [
            edges[["source", "source_group"]],
            edges[["target", "target_group"]].set_axis(["source", "source_group"], axis=1),
        ]
    )
    assert ends.drop_duplicates()["source_group"].value_counts().to_dict() == {
        "Mr. Hi": 17,
        "Officer": 17,
    }
    assert (edges["source_group"] != edges["target_group"]).sum() == 11


def test_minilm_loads_offline_and_knows_like_from_unlike():
    if reason := data.unavailable("minilm"):
        pytest.skip(reason)
    import torch
    from transformers import AutoModel, AutoTokenizer

    folder = data.fetch_members("minilm")
    tokenizer, model = (
        AutoTokenizer.from_pretrained(folder),
        AutoModel.from_pretrained(folder).eval(),
    )
    # The model card of all-MiniLM-L6-v2: 22.7M parameters, 384 numbers a text, mean pooling.
    assert model.num_parameters() == 22_713_216 and model.config.hidden_size == 384
    batch = tokenizer(
        ["A cat sits outside", "A kitten is in the garden", "Stocks fell today"],
        padding=True,
        return_tensors="pt",
    )
    with torch.no_grad():
        states, mask = model(**batch).last_hidden_state, batch["attention_mask"][..., None]
    embeddings = torch.nn.functional.normalize((states * mask).sum(1) / mask.sum(1), dim=1)
    near, far = embeddings[0] @ embeddings[1], embeddings[0] @ embeddings[2]
    assert near > 0.4 > 0.2 > far
