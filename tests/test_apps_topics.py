"""Topics: three methods on plain topics, coherence by hand, bursts against all paths."""

import doctest
import math
from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from socialai.apps import topics
from socialai.apps.topics import (
    TopicModel,
    burst_costs,
    burst_states,
    class_tfidf,
    diversity,
    find_bursts,
    npmi,
)
from socialai.errors import UserError
from socialai.preprocessing import words

SPORT = "ball goal team match player".split()
LAW = "vote party law court senate".split()


@pytest.fixture
def posts():
    rng = np.random.default_rng(0)
    return [" ".join(rng.choice(words, 6)) for words in (SPORT, LAW) for _ in range(30)]


def test_the_docstring_works():
    ran = doctest.testmod(topics)
    assert ran.attempted >= 4 and not ran.failed


@pytest.mark.parametrize("method", topics.METHODS)
def test_every_method_finds_two_plain_topics(posts, method):
    embeddings = np.repeat([[1.0, 0.0], [0.0, 1.0]], 30, axis=0)  # stands for an encoder's
    given_ = {"embeddings": embeddings} if method == "clusters" else {}
    model = TopicModel(method, n_topics=2, n_words=5, max_df=1.0).fit(posts, **given_)
    assert sorted(map(sorted, model.topics_)) == sorted([sorted(SPORT), sorted(LAW)])
    assert (
        len(set(model.labels_[:30])) == len(set(model.labels_[30:])) == 1 < len(set(model.labels_))
    )
    if method != "clusters":
        assert (model.predict(posts) == model.labels_).all()
        assert model.transform(posts[:3]).shape == (3, 2)


def test_chinese_words_by_an_analyzer():
    posts = ["酒店 房间 干净", "房间 酒店 干净", "手机 屏幕 电池", "电池 手机 屏幕"]
    model = TopicModel("nmf", n_topics=2, n_words=3, analyzer=words.words).fit(posts)
    assert {"酒店", "房间", "干净"} in map(set, model.topics_)


@pytest.mark.parametrize(
    ("frame", "options", "says"),
    [
        (pd.DataFrame({"texts": ["a"]}), {}, "no column 'text'"),
        (
            pd.DataFrame({"text": ["ball goal", "ball team"]}),
            {"n_topics": 3},
            "2 texts are fewer than 3 topics",
        ),
        (pd.DataFrame({"text": ["a b", "c d"]}), {"n_topics": 2}, "no words are left"),
        (
            pd.DataFrame({"text": ["ball goal", "ball team"]}),
            {"method": "x", "n_topics": 2},
            "no method 'x'",
        ),
    ],
)
def test_a_bad_frame_is_told_in_one_line(frame, options, says):
    with pytest.raises(UserError, match=says):
        TopicModel(**options).fit_frame(frame)


FITTED = TopicModel("nmf", n_topics=2, n_words=3).fit(
    ["ball goal", "goal ball", "vote law", "law vote"]
)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: TopicModel(n_topics=1).fit(["a", None]), "text 1 is None: a string is needed"),
        (lambda: TopicModel(n_topics=1).fit("ball goal"), "a list of texts is needed, not one str"),
        (lambda: TopicModel(n_topics=1).fit([]), "there are no texts"),
        (
            lambda: TopicModel(n_topics=0).fit(["ball goal"]),
            "n_topics must be whole and at least 1",
        ),
        (lambda: FITTED.transform([np.nan]), "text 0 is nan: a string is needed"),
        (lambda: FITTED.predict("ball"), "a list of texts is needed"),
        (
            lambda: TopicModel("clusters", 1, min_df=1, max_df=1.0).fit(
                ["ball"], embeddings=[[np.nan]]
            ),
            "embeddings: Input contains NaN",
        ),
        (
            lambda: TopicModel("clusters", 1, min_df=1, max_df=1.0).fit(
                ["ball"], embeddings=np.eye(2)
            ),
            "embeddings has 2 rows: 1 are needed",
        ),
        (lambda: class_tfidf(-np.eye(2), [0, 1], 2), "counts must be at least 0"),
        (
            lambda: class_tfidf(np.eye(2), [0, 2], 2),
            "labels must be whole and at least 0 and at most 1",
        ),
        (lambda: class_tfidf(np.eye(2), [0], 2), "labels: 2 are needed"),
        (lambda: npmi([["a", "b"]], ["a b"]), "a list of words is needed, not one str"),
        (lambda: npmi([["a", None]], [["a"]]), "word 1 is None"),
        (lambda: npmi([], [["a"]]), "there are no topics"),
        (lambda: npmi([["a"]], [["a"]]), "fewer than two words"),
        (lambda: diversity([]), "there are no topics"),
        (lambda: diversity([[]]), "the topics have no words"),
        (lambda: find_bursts([np.nan, 2], [3, 4]), "hits must be at least 0; place 0 holds nan"),
    ],
)
def test_what_users_get_wrong_is_told_in_one_line(call, says):
    with pytest.raises(UserError, match=says) as error:
        call()
    assert "\n" not in str(error.value)


def test_addresses_are_no_words():
    analyze = topics.build_vectorizer().build_analyzer()
    assert analyze("Vote now https://t.co/XreEYoicG or @anna") == ["vote"]


def test_class_tfidf_by_hand():
    counts = csr_matrix([[2, 1, 0], [0, 1, 0], [0, 1, 3]])
    weights = class_tfidf(counts, np.array([0, 0, 1]), 2)
    # Cluster 0 has counts 2, 2, 0; cluster 1 has 0, 1, 3; in all 2, 3, 3, so 4 words a cluster.
    expected = np.array([[2, 2, 0], [0, 1, 3]]) * np.log(1 + 4 / np.array([2, 3, 3]))
    assert np.allclose(weights, expected)


def test_npmi_by_hand():
    documents = [{"a", "b"}, {"a", "b"}, {"a", "c"}, {"d"}]
    together = math.log((2 / 4) / ((3 / 4) * (2 / 4))) / -math.log(2 / 4)
    assert npmi([["a", "b"]], documents)[0] == pytest.approx(together)
    assert npmi([["c", "d"]], documents)[0] == -1  # never together
    assert npmi([["a", "nowhere"]], documents)[0] == -1
    with_c = math.log((1 / 4) / ((3 / 4) * (1 / 4))) / -math.log(1 / 4)
    assert npmi([["a", "b", "c"]], documents)[0] == pytest.approx((together + with_c - 1) / 3)
    always_and_only_together = npmi([["a", "b"]], [{"a", "b"}, {"d"}])[0]
    assert always_and_only_together == pytest.approx(1)
    assert npmi([["a", "b"]], [{"a", "b"}])[0] == 0


def test_npmi_of_independent_words_is_near_zero():
    rng = np.random.default_rng(0)
    documents = [{w for w in "abcd" if rng.random() < 0.3} for _ in range(20_000)]
    assert abs(npmi([list("abcd")], documents)[0]) < 0.02
    with pytest.raises(UserError, match="no documents|none"):
        npmi([["a", "b"]], [])


def test_diversity():
    assert diversity([["a", "b"], ["a", "c"]]) == 0.75


counts = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), min_size=1, max_size=9)


@settings(max_examples=80, deadline=None)
@given(counts, st.sampled_from([1.5, 2.0, 4.0]), st.sampled_from([0.0, 0.5, 1.0, 2.0]))
def test_the_path_is_the_cheapest_of_all_paths(pairs, ratio, gamma):
    hits = [h for h, _ in pairs]
    totals = [h + more for h, more in pairs]
    costs = burst_costs(hits, totals, ratio)
    n = len(pairs)

    def cost(states):
        rises = sum(b > a for a, b in zip((0, *states), states, strict=False))
        return costs[range(n), list(states)].sum() + gamma * math.log(n) * rises

    cheapest = min(cost(states) for states in product((0, 1), repeat=n))
    assert cost(tuple(burst_states(hits, totals, ratio, gamma))) == pytest.approx(
        cheapest, abs=1e-9
    )


def test_a_planted_burst_is_found_with_its_edges():
    hits = np.full(40, 2)
    totals = np.full(40, 100)
    hits[15:20] = 12
    found = find_bursts(hits, totals)
    assert found[["start", "end"]].to_numpy().tolist() == [[15, 19]]
    assert found["weight"][0] > 5
    assert find_bursts(np.full(40, 2), totals).empty
    assert find_bursts(np.zeros(40), totals).empty
    assert len(find_bursts(hits, totals, gamma=20)) == 0  # too dear to rise


@pytest.mark.parametrize(
    ("hits", "totals", "options", "says"),
    [
        ([1, 2], [3], {}, "hits: 1 are needed, one for each; there are 2"),
        ([], [], {}, "totals: there are none"),
        ([np.nan, 2], [3, 4], {}, "hits must be at least 0; place 0 holds nan"),
        ([1, 2], [3, np.nan], {}, "totals must be at least 0; place 1 holds nan"),
        ([1, 2], [3, 4], {"ratio": np.nan}, "ratio .* must be above 1; it is nan"),
        ([1, 2], [3, 4], {"gamma": -1.0}, "gamma must be at least 0"),
        ([1, 5], [3, 4], {}, "period 1 has 5 hits of 4"),
        ([-1], [3], {}, "hits must be at least 0; place 0 holds -1"),
        ([1], [3], {"ratio": 1.0}, "ratio .* must be above 1; it is 1"),
    ],
)
def test_wrong_counts_are_told(hits, totals, options, says):
    with pytest.raises(UserError, match=says):
        burst_states(hits, totals, **options)
