"""Moderation: thresholds against brute force, few-shot classes, keywords, the queue, evasions."""

import doctest
import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from socialai.apps import moderation
from socialai.apps.moderation import (
    CHARACTER_OF_PARTS,
    EVASIONS,
    PARTS_OF_CHARACTER,
    KeywordList,
    Prototypes,
    ThreeWayDecision,
    evade,
    precision_at_recall,
    review_queue,
    texts_and_labels,
    to_pinyin,
    undisguise,
)
from socialai.errors import UserError


def test_the_docstring_works():
    ran = doctest.testmod(moderation)
    assert ran.attempted >= 5 and not ran.failed


# The user's own frame

GOOD = pd.DataFrame({"text": ["buy now", "good day"], "label": [1, 0]})


def test_a_good_frame_gives_texts_and_labels():
    texts, labels = texts_and_labels(GOOD.assign(label=[True, False]))
    assert texts == ["buy now", "good day"] and labels.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("frame", "says"),
    [
        (GOOD.rename(columns={"text": "texts"}), "no column 'text'"),
        (GOOD.head(0), "no rows"),
        (GOOD.assign(text=["a", None]), "misses 1 values"),
        (GOOD.assign(label=[0, 2]), "must hold 0 .* and 1"),
        (GOOD.assign(label=[0, -1]), "not negative"),
        (GOOD.assign(label=["bad", "good"]), "must hold numbers"),
    ],
)
def test_a_bad_frame_is_told_in_one_line(frame, says):
    with pytest.raises(UserError, match=says) as error:
        texts_and_labels(frame)
    assert "\n" not in str(error.value)


# Three outcomes


def brute_force(scores, y, miss, wrong_reject, review, capacity):
    """The least mean cost over all pairs of cuts between different scores."""
    edges = [-np.inf, *np.unique(scores), np.inf]
    found = []
    for low, high in itertools.combinations_with_replacement(edges, 2):
        shown = scores < low
        rejected = scores >= high
        reviewed = ~shown & ~rejected
        if capacity is not None and reviewed.sum() > int(capacity * len(y)):
            continue
        mistakes = miss * (shown & (y == 1)) + wrong_reject * (rejected & (y == 0))
        found.append(np.mean(mistakes + review * reviewed))
    return min(found)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 1)), min_size=1, max_size=25),
    st.tuples(st.integers(0, 12), st.integers(0, 6), st.integers(0, 3)),
    st.sampled_from([None, 0.0, 0.2, 0.5]),
)
def test_the_thresholds_are_the_cheapest_there_are(cases, costs, capacity):
    scores, y = (np.array(side) for side in zip(*cases, strict=True))
    fitted = ThreeWayDecision(*costs, capacity=capacity).fit(scores, y)
    assert fitted.low_ <= fitted.high_
    assert fitted.cost_ == pytest.approx(brute_force(scores, y, *costs, capacity))
    assert fitted.costs(scores, y).mean() == pytest.approx(fitted.cost_)
    if capacity is not None:
        assert (fitted.predict(scores) == "review").mean() <= capacity


def test_with_calibrated_scores_the_thresholds_are_those_of_chow():
    rng = np.random.default_rng(0)
    p = rng.random(200_000)
    fitted = ThreeWayDecision(miss=10, wrong_reject=4, review=1).fit(p, rng.random(len(p)) < p)
    assert fitted.low_ == pytest.approx(1 / 10, abs=0.02)
    assert fitted.high_ == pytest.approx(1 - 1 / 4, abs=0.02)


def test_nobody_reviews_when_a_review_costs_more_than_any_mistake():
    fitted = ThreeWayDecision(miss=1, wrong_reject=1, review=2).fit(
        [0.1, 0.4, 0.6, 0.9], [0, 1, 0, 1]
    )
    assert fitted.low_ == fitted.high_ and set(fitted.predict([0.1, 0.9])) == {"show", "reject"}


@pytest.mark.parametrize(
    ("options", "scores", "y", "says"),
    [
        ({"miss": -1}, [0.1], [1], "miss must be at least 0; it is -1"),
        ({"miss": np.nan}, [0.1], [1], "miss must be at least 0; it is nan"),
        ({"capacity": 2}, [0.1], [1], "capacity must be at least 0 and at most 1"),
        ({}, [0.1], [2], "labels must be 0 or 1; one is 2"),
        ({}, [0.1, 0.2], [1], "2 rows but 1 labels"),
        ({}, [np.nan], [1], "scores must be finite; place 0 holds nan"),
        ({}, [], [], "scores: there are none"),
    ],
)
def test_wrong_costs_and_cases_are_told(options, scores, y, says):
    with pytest.raises(UserError, match=says):
        ThreeWayDecision(**options).fit(scores, y)


SCORES = [0.1, 0.4, 0.6, 0.9]
LABELS = [0, 1, 0, 1]
WAY = ThreeWayDecision().fit(SCORES, LABELS)
FEW = Prototypes().fit(np.eye(4), LABELS)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: WAY.predict([np.nan]), "scores must be finite; place 0 holds nan"),
        (lambda: WAY.predict([[0.1]]), "a list of numbers is needed"),
        (lambda: WAY.costs([0.1, 0.2], [1]), "2 rows but 1 labels"),
        (lambda: WAY.costs([0.1], [2]), "labels must be 0 or 1"),
        (lambda: precision_at_recall(LABELS, [0.1, 0.2, 0.3, np.nan]), "place 3 holds nan"),
        (
            lambda: precision_at_recall(LABELS, SCORES, recall=0),
            "recall must be above 0 and at most 1",
        ),
        (lambda: KeywordList().fit(["a", None], [0, 1]), "text 1 is None: a string is needed"),
        (lambda: KeywordList().fit(["a", "b"], [0, None]), "labels: 1 are missing"),
        (lambda: KeywordList(words="spam").fit(["a"], [0]), "a list of listed words is needed"),
        (lambda: KeywordList(words=["a"]).fit(["a"], [0]).predict([np.nan]), "text 0 is nan"),
        (
            lambda: KeywordList(words=["a"]).fit(["a"], [0]).predict("spam"),
            "a list of texts is needed",
        ),
        (lambda: Prototypes().fit([[np.nan], [1]], [0, 1]), "X: Input contains NaN"),
        (lambda: Prototypes().fit([[0.0], [1]], [0, 0]), "one class only"),
        (lambda: Prototypes().fit([[0.0], [1]], [0]), "inconsistent numbers of samples"),
        (lambda: FEW.predict(np.full((1, 4), np.nan)), "X: Input contains NaN"),
        (lambda: FEW.predict(np.eye(3)), "X has 3 features, but Prototypes is expecting 4"),
        (lambda: evade(None, "pinyin"), "a text is needed, not None"),
        (lambda: evade("你", "pinyin", targets="你"), "a list of targets is needed, not one str"),
        (lambda: evade("你", "pinyin", share=2), "share must be at least 0 and at most 1"),
        (lambda: undisguise(np.nan), "a text is needed, not nan"),
        (lambda: to_pinyin(None), "a text is needed, not None"),
        (lambda: texts_and_labels(GOOD.assign(text=["a", 3])), "text 1 is 3: a string is needed"),
    ],
)
def test_what_users_get_wrong_is_told_in_one_line(call, says):
    with pytest.raises(UserError, match=says) as error:
        call()
    assert "\n" not in str(error.value)


def test_no_cases_have_no_answers():
    assert WAY.predict([]).tolist() == []
    assert KeywordList(words=["a"]).fit(["a"], [0]).predict([]).tolist() == []
    none = np.zeros((0, 4))
    assert FEW.predict(none).tolist() == [] and FEW.predict_proba(none).shape == (0, 2)


@pytest.mark.parametrize("seed", [-1, 2**40])
def test_any_integer_draws_an_evasion_and_a_queue(seed):
    assert evade("你好", "homophone", seed=seed) == evade("你好", "homophone", seed=seed % 2**32)
    X, y = two_clouds(60)
    found = review_queue(LogisticRegression(), X, y, X, y, start=20, batch=5, rounds=1, seed=seed)
    assert found["labels"].tolist() == [20, 25]


def test_half_a_surrogate_pair_is_dropped():
    assert evade("你\ud83d", "pinyin") == "ni" and undisguise("你\ud83d\ude00") == "你😀"
    assert to_pinyin("你\ud83d") == "ni"


# Precision at a recall


def test_precision_at_recall_by_hand():
    y, scores = np.array([1, 1, 0, 1, 0, 0, 1, 0]), np.arange(8, 0, -1)
    found = precision_at_recall(y, scores, recall=0.75)  # three of four: the first four cases
    assert (found["precision"].value, found["threshold"], found["flagged"]) == (0.75, 5, 0.5)
    whole = precision_at_recall(y, scores, recall=1.0)["precision"]
    assert whole.value == pytest.approx(4 / 7)


def test_the_interval_finds_the_threshold_anew_in_each_resample():
    rng = np.random.default_rng(0)
    y = np.repeat([1, 0], 40)
    scores = y + rng.normal(size=80)
    found = precision_at_recall(y, scores)["precision"]
    drawn = []
    for _ in range(2000):
        rows = rng.integers(80, size=80)
        caught = np.quantile(scores[rows][y[rows] == 1], 0.1, method="lower")
        drawn.append(y[rows][scores[rows] >= caught].mean())
    assert found[1:] == pytest.approx(np.quantile(drawn, [0.025, 0.975]), abs=0.03)


def test_precision_at_recall_needs_positives():
    with pytest.raises(UserError, match="positive cases"):
        precision_at_recall([0, 0], [0.1, 0.2])


# Few-shot classes and keywords


def test_prototypes_of_vectors_of_length_one_are_nearest_centroids():
    """Among vectors of length 1 the largest cosine is the smallest distance."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 5))
    y = np.repeat(["a", "b", "c"], 20)
    X[y == "b", 0] += 2
    fitted = Prototypes(centre=False).fit(X, y)
    unit = X / np.linalg.norm(X, axis=1, keepdims=True)
    centroids = KNeighborsClassifier(n_neighbors=1).fit(fitted.prototypes_, fitted.classes_)
    assert (fitted.predict(X) == centroids.predict(unit)).all()
    assert np.allclose(fitted.predict_proba(X).sum(axis=1), 1)


def test_keywords_are_learned_and_found():
    texts = ["加群领红包", "今天天气好", "加群看价格", "明天天气差"] * 5
    fitted = KeywordList(n_words=2, min_count=5).fit(texts, [1, 0, 1, 0] * 5)
    assert "加群" in fitted.words_ and not {"今天", "天气"} & set(fitted.words_)
    assert fitted.predict(["快来加群", "天气很好"]).tolist() == [1, 0]


def test_a_given_list_is_used_as_it_is():
    fitted = KeywordList(words=["spam", "scam"]).fit(["a"], [0])
    assert fitted.decision_function(["spam or scam", "ham"]).tolist() == [2, 0]


def test_texts_without_words_give_an_empty_list():
    assert KeywordList().fit(["!!", "??"], [1, 0]).predict(["!!"]).tolist() == [0]


# The queue


def two_clouds(n=400, seed=0):
    """Vectors (n, 3) of two classes that overlap, and their labels (n,)."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    return rng.normal(size=(n, 3)) + 1.5 * y[:, None], y


@pytest.mark.parametrize("strategy", ["uncertainty", "likely", "random"])
def test_the_queue_labels_what_it_says(strategy):
    X, y = two_clouds()
    table = review_queue(
        LogisticRegression(), X, y, *two_clouds(200, 1), strategy, start=20, batch=10, rounds=4
    )
    assert (
        table["labels"].tolist() == [20, 30, 40, 50, 60] and table["found"].is_monotonic_increasing
    )
    assert table["macro_f1"].between(0.5, 1).all()


def test_a_queue_sorted_by_risk_finds_more_violations_than_chance():
    X, y = two_clouds()
    found = {
        strategy: review_queue(LogisticRegression(), X, y, X, y, strategy, 20, 10, 5)["found"].iloc[
            -1
        ]
        for strategy in ("likely", "random")
    }
    assert found["likely"] >= found["random"] + 15


def test_a_queue_that_runs_dry_or_is_misnamed_is_told():
    X, y = two_clouds(100)
    with pytest.raises(UserError, match="runs dry"):
        review_queue(LogisticRegression(), X, y, X, y, start=50, batch=20, rounds=10)
    with pytest.raises(UserError, match="uncertainty, likely, random"):
        review_queue(LogisticRegression(), X, y, X, y, "best", start=10, batch=5, rounds=2)
    for name, value in {"start": 0, "batch": -1, "rounds": -1}.items():
        sizes = {"start": 10, "batch": 5, "rounds": 2} | {name: value}
        with pytest.raises(UserError, match=f"{name} must be"):
            review_queue(LogisticRegression(), X, y, X, y, **sizes)
    with pytest.raises(UserError, match="X: Input contains NaN"):
        review_queue(LogisticRegression(), X * np.nan, y, X, y, start=10, batch=5, rounds=2)
    with pytest.raises(UserError, match="100 rows but 99 labels"):
        review_queue(LogisticRegression(), X, y, X, y[1:], start=10, batch=5, rounds=2)


def test_a_queue_may_be_worked_off_to_its_end():
    X, y = two_clouds(100)
    table = review_queue(LogisticRegression(), X, y, X, y, start=50, batch=25, rounds=2)
    assert table["labels"].tolist() == [50, 75, 100] and table["found"].iloc[-1] == y.sum()


# Evasion

TEXT = "你这个骗子说的话 谁信 ok"


@pytest.mark.parametrize(
    ("kind", "shape"),
    [
        ("zero width", "你\u200b这个骗子说的话 谁信 ok"),
        ("variant", "你這個騙子說的話 誰信 ok"),
        ("split", "亻尔这个骗子讠兑白勺讠舌 谁信 ok"),
        ("pinyin", "nizhegepianzishuodehua shuixin ok"),
    ],
)
def test_what_an_evasion_does(kind, shape):
    assert evade(TEXT, kind, targets=["你"] if kind == "zero width" else ()) == shape


@pytest.mark.parametrize("kind", ["zero width", "variant"])
def test_cleaning_undoes_what_is_a_difference_of_look(kind):
    assert undisguise(evade(TEXT, kind)) == undisguise(TEXT) == TEXT


def test_emoji_between_characters_are_dropped_and_those_at_the_end_stay():
    assert undisguise("骗🌸子说🐶话 👍🏽") == "骗子说话 👍🏽"
    assert undisguise(evade("说的话", "split")) == "说的话"


def test_a_homophone_sounds_the_same():
    hidden = evade(TEXT, "homophone", seed=1)
    assert hidden != TEXT and len(hidden) == len(TEXT)
    assert to_pinyin(hidden) == to_pinyin(TEXT)
    assert to_pinyin(evade(TEXT, "pinyin")) == to_pinyin(TEXT)


def test_only_targets_are_changed_and_only_the_share():
    assert evade("骗子说骗子", "pinyin", targets=["骗子"]) == "pianzi说pianzi"
    text = "骗" * 400
    assert 80 < evade(text, "pinyin", share=0.3).count("pian") < 160
    assert evade(text, "emoji", share=0.0) == text


def test_an_unknown_evasion_names_the_known():
    with pytest.raises(UserError, match="did you mean 'homophone'.*homophone, pinyin"):
        evade("你", "homophon")


def test_the_table_of_parts_can_be_read_backwards():
    assert len(set(PARTS_OF_CHARACTER.values())) == len(PARTS_OF_CHARACTER)
    assert all(len(parts) == 2 for parts in PARTS_OF_CHARACTER.values())
    for parts, character in CHARACTER_OF_PARTS.items():
        assert PARTS_OF_CHARACTER[character] == parts
    assert undisguise("男女也爱土地") == "男女也爱土地"


@settings(deadline=None, max_examples=60)
@given(st.text(alphabet="你好骗子abc 。🌸\u200b", max_size=30), st.sampled_from(sorted(EVASIONS)))
def test_evasion_and_its_undoing_never_raise(text, kind):
    assert isinstance(undisguise(evade(text, kind)), str)
