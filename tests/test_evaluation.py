"""Scores by hand against scikit-learn, intervals against scipy, and the laws that all obey."""

import json
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics

from socialai import evaluation
from socialai.errors import UserError

LABELS = st.sampled_from(["ham", "spam", "广告"])


@pytest.mark.filterwarnings("ignore:A single label was found")
@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(LABELS, LABELS), min_size=1, max_size=40))
def test_scores_by_hand_equal_scikit_learn(pairs):
    y_true, y_pred = map(list, zip(*pairs, strict=True))
    ours = evaluation.scores_by_hand(y_true, y_pred)
    report = metrics.classification_report(y_true, y_pred, output_dict=True, zero_division=0)
    assert (
        ours["confusion"] == metrics.confusion_matrix(y_true, y_pred, labels=ours["labels"])
    ).all()
    assert ours["accuracy"] == pytest.approx(metrics.accuracy_score(y_true, y_pred))
    assert ours["macro_f1"] == pytest.approx(report["macro avg"]["f1-score"])
    assert ours["weighted_f1"] == pytest.approx(report["weighted avg"]["f1-score"])
    for label, scores in ours["per_class"].items():
        names = {
            "precision": "precision",
            "recall": "recall",
            "f1": "f1-score",
            "support": "support",
        }
        assert scores == pytest.approx({key: report[label][name] for key, name in names.items()})


def test_evaluate_goes_into_json_and_its_interval_is_the_binomial_one():
    rng = np.random.default_rng(0)
    y_true = rng.integers(0, 2, 1000)
    y_pred = np.where(rng.random(1000) < 0.8, y_true, 1 - y_true)
    scores = evaluation.evaluate(y_true, y_pred)
    assert json.loads(json.dumps(scores))["n"] == 1000
    p, low, high = scores["accuracy"]
    half = 1.96 * np.sqrt(p * (1 - p) / 1000)  # the normal approximation, good at n = 1000
    assert (low, high) == (pytest.approx(p - half, abs=0.004), pytest.approx(p + half, abs=0.004))
    assert scores["macro_f1"].low < scores["macro_f1"].value < scores["macro_f1"].high


def test_macro_f1_interval_is_the_one_of_resampling_cases_one_by_one():
    rng = np.random.default_rng(1)
    y_true = rng.integers(0, 3, 150)
    y_pred = np.where(rng.random(150) < 0.7, y_true, rng.integers(0, 3, 150))
    draws = rng.integers(0, 150, (600, 150))
    slow = [metrics.f1_score(y_true[i], y_pred[i], average="macro") for i in draws]
    fast = evaluation.evaluate(y_true, y_pred)["macro_f1"]
    assert fast[1:] == pytest.approx(np.quantile(slow, [0.025, 0.975]), abs=0.02)


def test_intervals_hold_the_truth_about_95_times_in_100():
    rng = np.random.default_rng(2)
    held = 0
    for seed in range(200):
        right = (rng.random(200) < 0.8).astype(int)
        held += evaluation.evaluate(np.ones(200, int), right, seed)["accuracy"].holds(0.8)
    assert 180 <= held <= 198  # 95 % of 200 is 190; three standard deviations are about 9


def test_an_interval_is_written_holds_and_is_a_row():
    interval = evaluation.Interval(0.8123, 0.78, 0.84)
    assert str(interval) == f"{interval}" == "0.812 [0.780, 0.840]"
    assert f"{interval:+.2f}" == "+0.81 [+0.78, +0.84]"
    assert interval.holds(0.78) and interval.holds(0.84) and not interval.holds(0.85)
    assert interval.as_row() == {"value": 0.8123, "low": 0.78, "high": 0.84}
    assert json.loads(json.dumps(interval)) == [0.8123, 0.78, 0.84]


def mean(values, axis=-1):
    return np.mean(values, axis=axis)


def one_by_one(values):
    return float(np.mean(values))


def difference(a, b, axis=-1):
    return a.mean(axis) - b.mean(axis)


DRAWN = np.random.default_rng(5).normal(size=(2, 60))


@pytest.mark.parametrize("statistic", [np.mean, mean, one_by_one])
def test_the_bootstrap_is_that_of_scipy(statistic):
    found = evaluation.bootstrap(statistic, DRAWN[0], n_resamples=500, seed=3)
    wanted = stats.bootstrap((DRAWN[0],), np.mean, n_resamples=500, method="percentile", rng=3)
    assert found.value == pytest.approx(DRAWN[0].mean())
    assert found[1:] == pytest.approx(tuple(wanted.confidence_interval))


@pytest.mark.parametrize("paired", [True, False])
def test_pairs_are_drawn_together_and_samples_each_for_itself(paired):
    a = DRAWN[0]
    b = a + 1 + 0.01 * DRAWN[1]
    found = evaluation.bootstrap(difference, a, b if paired else b[:40], paired=paired)
    assert (found.high - found.low < 0.02) == paired
    wanted = stats.bootstrap(
        (a, b if paired else b[:40]),
        difference,
        n_resamples=2000,
        method="percentile",
        paired=paired,
        rng=0,
    )
    assert found[1:] == pytest.approx(tuple(wanted.confidence_interval))


def test_the_confidence_widens_the_interval():
    narrow = evaluation.bootstrap(np.mean, DRAWN[0], confidence=0.5)
    wide = evaluation.bootstrap(np.mean, DRAWN[0], confidence=0.99)
    assert wide.low < narrow.low < narrow.high < wide.high


def test_many_resamples_at_once_are_the_same_as_few(monkeypatch):
    at_once = evaluation.bootstrap(np.mean, DRAWN[0])
    monkeypatch.setattr(evaluation, "BATCH", 777)
    assert evaluation.bootstrap(np.mean, DRAWN[0]) == pytest.approx(at_once)


def test_rows_of_a_table_are_drawn_whole():
    table = DRAWN.T  # (60, 2)
    found = evaluation.bootstrap(lambda rows: np.corrcoef(rows.T)[0, 1], table, n_resamples=300)
    wanted = evaluation.bootstrap(lambda a, b: np.corrcoef(a, b)[0, 1], *DRAWN, n_resamples=300)
    assert found == pytest.approx(wanted)
    assert evaluation.bootstrap(np.mean, table, n_resamples=9).value == pytest.approx(table.mean())


def test_whole_groups_are_drawn():
    rng = np.random.default_rng(6)
    of_user = rng.normal(size=40)
    groups = rng.integers(0, 40, 600)
    groups[:40] = np.arange(40)
    values = of_user[groups]  # rows of a user are equal: only other users bring something new
    found = evaluation.bootstrap(np.mean, values, groups=groups)
    assert found == pytest.approx(evaluation.bootstrap(one_by_one, values, groups=groups))
    alone = evaluation.bootstrap(np.mean, values)
    assert found.high - found.low > 2 * (alone.high - alone.low)
    names = np.array([f"user {group}" for group in groups])
    assert evaluation.bootstrap(np.median, values, groups=names, n_resamples=50).holds(
        np.median(values)
    )


def test_each_row_its_own_group_is_no_group():
    rows = np.arange(60)
    for statistic in (np.mean, one_by_one):
        found = evaluation.bootstrap(statistic, DRAWN[0], groups=rows)
        assert found == pytest.approx(evaluation.bootstrap(statistic, DRAWN[0]))


def test_rows_of_drawn_groups_come_with_each_draw():
    rows_of = evaluation._rows_of_groups(np.array([1, 0, 1, 2]))
    assert rows_of(np.array([2, 1, 1])).tolist() == [3, 0, 2, 0, 2]
    assert rows_of(np.array([0])).tolist() == [1]


@pytest.mark.filterwarnings("error")
def test_resamples_where_the_statistic_is_undefined_are_left_out():
    values = np.array([0.0, 0.0, 1.0])

    def share(drawn):
        return 1.0 if drawn.any() else np.nan

    assert evaluation.bootstrap(share, values) == (1, 1, 1)


@pytest.mark.parametrize(
    ("counting", "as_float"),
    [
        (lambda a: int((a > 0).sum()), lambda a: float((a > 0).sum())),
        (lambda a, axis=-1: (a > 0).sum(axis), lambda a, axis=-1: (a > 0).sum(axis) * 1.0),
        (lambda a: bool(a[0] > 0), lambda a: float(a[0] > 0)),
        (lambda a, axis=-1: (a > 2).any(axis), lambda a, axis=-1: (a > 2).any(axis) * 1.0),
        (lambda a: Fraction(int((a > 0).sum()), 3), lambda a: (a > 0).sum() / 3),
        (max, np.max),
    ],
)
@pytest.mark.parametrize("groups", [None, np.arange(60) // 3])
def test_a_statistic_may_count_or_say_yes_and_no(counting, as_float, groups):
    found, wanted = (
        evaluation.bootstrap(statistic, DRAWN[0], groups=groups, n_resamples=99)
        for statistic in (counting, as_float)
    )
    assert found == pytest.approx(wanted)


def test_rows_may_be_any_list_of_them():
    wanted = evaluation.bootstrap(np.mean, [1, 2, 4], n_resamples=99)
    for rows in (pd.Series([1, 2, 4], [7, 7, 0]), pd.array([1, 2, 4]), iter([1, 2, 4]), (1, 2, 4)):
        assert evaluation.bootstrap(np.mean, rows, n_resamples=99) == wanted


def test_of_costs_that_are_equal_but_for_rounding_the_highest_threshold_wins():
    # Three misses at 0.1 cost what one false alarm at 0.3 does, though a little more as floats.
    y = [0, 1, 1, 1]
    scores = [0.9, 0.8, 0.7, 0.6]
    assert evaluation.threshold_by_cost(y, scores, 3, 1)[0] == np.nextafter(0.9, 1)
    assert evaluation.threshold_by_cost(y, scores, 0.3, 0.1)[0] == np.nextafter(0.9, 1)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: evaluation.bootstrap(lambda a: None, [1, 2]), "one finite number.*not None"),
        (lambda: evaluation.bootstrap(lambda a: "x", [1, 2]), "one finite number.*not 'x'"),
        (lambda: evaluation.bootstrap(lambda a, axis=0: 1.0, [1, 2]), "one finite number"),
        (lambda: evaluation.bootstrap(np.mean, []), "needs two rows.*there is 0"),
        (lambda: evaluation.bootstrap(np.mean), "one array at least"),
        (lambda: evaluation.bootstrap(3, [1, 2]), "a statistic"),
        (lambda: evaluation.bootstrap(np.mean, 3), "array 0: a list is needed, not one int"),
        (lambda: evaluation.bootstrap(np.mean, ["a", "b"]), "the statistic: "),
        (lambda: evaluation.bootstrap(np.mean, pd.array([1, None])), "one finite number"),
        (lambda: evaluation.bootstrap(np.mean, [1, 2, 3], groups=[1, None, 2]), "1 are missing"),
        (lambda: evaluation.bootstrap(np.mean, [1, 2, 3], groups=[1, "a", 2]), "can't be mixed"),
        (lambda: evaluation.evaluate([[1], [2]], [[1], [2]]), "not a table"),
        (lambda: evaluation.evaluate("ab", "ab"), "a list is needed"),
        (lambda: evaluation.reliability([0, 1], [0.1, 0.2], bins=0), "bins must be whole"),
        (lambda: evaluation.reliability([0, None], [0.1, 0.2]), "1 are missing"),
        (lambda: evaluation.threshold_by_cost([0, 1], [0.1, 0.2], -1, 1), "the two costs"),
        (lambda: evaluation.mean_cost([0, 1], [0.1, 0.2], np.nan, 1, 1), "threshold must be"),
        (lambda: evaluation.t_interval([1, 2], confidence=95), "confidence"),
        (lambda: evaluation.bootstrap(np.mean, [1.0]), "needs two rows.*there is 1"),
        (lambda: evaluation.bootstrap(np.mean, [1, 2], groups=["a", "a"]), "there is 1"),
        (lambda: evaluation.bootstrap(np.mean, [1, 2], groups=["a"]), "2 rows but 1 groups"),
        (lambda: evaluation.bootstrap(difference, [1, 2], [1]), "one length"),
        (
            lambda: evaluation.bootstrap(difference, [1, 2], [1, 2], paired=False, groups=[1, 2]),
            "groups are of paired arrays",
        ),
        (lambda: evaluation.bootstrap(np.mean, [1, np.nan]), "one finite number"),
        (lambda: evaluation.bootstrap(lambda a: a, [1, 2]), "one finite number"),
        (lambda: evaluation.bootstrap(np.mean, [1, 2], n_resamples=1), "n_resamples"),
        (lambda: evaluation.bootstrap(np.mean, [1, 2], confidence=95), "confidence"),
        (lambda: evaluation.t_interval([]), "there are none"),
    ],
)
def test_what_has_no_interval_says_why(call, says):
    with pytest.raises(UserError, match=says):
        call()


def test_the_interval_of_a_mean_is_the_one_of_student():
    # t(0.975, 2) = 4.3027; the sample standard deviation of 1, 2, 3 is 1.
    found = evaluation.t_interval([1, 2, 3])
    half = 4.3027 / 3**0.5
    assert found == pytest.approx((2, 2 - half, 2 + half), abs=1e-4)
    wanted = stats.ttest_1samp(DRAWN[0], 0).confidence_interval(0.8)
    assert evaluation.t_interval(DRAWN[0], 0.8)[1:] == pytest.approx(tuple(wanted))
    single = evaluation.t_interval([1])
    assert single.value == 1 and np.isnan(single.low) and np.isnan(single.high)


def test_the_fast_intervals_of_evaluate_and_compare_are_those_of_the_bootstrap():
    rng = np.random.default_rng(7)
    y = rng.integers(0, 3, 400)
    a = np.where(rng.random(400) < 0.8, y, (y + 1) % 3)
    b = np.where(rng.random(400) < 0.7, y, (y + 1) % 3)
    accuracy = evaluation.bootstrap(np.mean, (a == y).astype(float))
    assert evaluation.evaluate(y, a)["accuracy"] == pytest.approx(accuracy, abs=0.006)
    lead = evaluation.bootstrap(difference, (a == y).astype(float), (b == y).astype(float))
    assert evaluation.compare(y, a, b)["difference"] == pytest.approx(lead, abs=0.006)


@pytest.mark.parametrize(
    ("only_a", "only_b", "p_value"), [(0, 0, 1.0), (5, 5, 1.0), (10, 0, 2 / 2**10), (0, 1, 1.0)]
)
def test_compare_is_the_exact_mcnemar_test(only_a, only_b, p_value):
    y_true = np.ones(100, int)
    a, b = np.ones(100, int), np.ones(100, int)
    b[:only_a] = 0
    a[only_a : only_a + only_b] = 0
    result = evaluation.compare(y_true, a, b)
    assert result["p_value"] == pytest.approx(p_value)
    assert result["difference"].value == pytest.approx((only_a - only_b) / 100)
    assert result["difference"].holds(result["difference"].value)


def test_calibration_error_of_an_honest_and_of_a_boastful_model():
    rng = np.random.default_rng(3)
    p = rng.uniform(0, 1, 20_000)
    y = (rng.random(20_000) < p).astype(int)
    assert evaluation.expected_calibration_error(y, p) < 0.02
    assert evaluation.expected_calibration_error(
        [0, 1, 0, 1], [1.0, 1.0, 1.0, 1.0]
    ) == pytest.approx(0.5)
    assert evaluation.reliability(y, p)["n"].sum() == 20_000


def test_calibration_takes_named_classes():
    proba = [[0.9, 0.05, 0.05], [0.1, 0.8, 0.1]]
    error = evaluation.expected_calibration_error(["b", "c"], proba, classes=["b", "c", "d"])
    assert error == pytest.approx(0.15)  # both right; confidences .9 and .8
    with pytest.raises(ValueError, match="3 columns of probabilities for 2 classes"):
        evaluation.expected_calibration_error(["b", "c"], proba)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=1, max_size=30),
    st.floats(0.1, 10),
    st.floats(0.1, 10),
)
def test_no_threshold_is_cheaper(cases, false_positive, false_negative):
    y, scores = (np.array(column) for column in zip(*cases, strict=True))
    threshold, cost = evaluation.threshold_by_cost(y, scores, false_positive, false_negative)

    def cost_at(t):
        return (
            false_positive * ((scores >= t) & ~y).sum() + false_negative * ((scores < t) & y).sum()
        ) / len(y)

    assert cost == pytest.approx(cost_at(threshold))
    assert cost == pytest.approx(
        evaluation.mean_cost(y, scores, threshold, false_positive, false_negative)
    )
    assert cost <= min(cost_at(t) for t in np.arange(-0.5, 6)) + 1e-12


def test_the_threshold_of_calibrated_probabilities_is_the_ratio_of_costs():
    rng = np.random.default_rng(4)
    p = rng.uniform(0, 1, 50_000)
    threshold, cost = evaluation.threshold_by_cost(rng.random(50_000) < p, p, 1, 4)
    assert threshold == pytest.approx(
        1 / (1 + 4), abs=0.03
    )  # Elkan 2001; the cost is flat around its minimum
    assert cost == pytest.approx(
        0.4, abs=0.01
    )  # integral of 4p up to 1/5, and of 1 - p from there: 0.08 + 0.32


@pytest.mark.parametrize(
    ("y_true", "y_pred", "message"),
    [
        ([], [], "no cases"),
        ([1, 0], [1], "2 true labels but 1"),
        ([1, 0], ["1", "0"], "some labels are text"),
        (["spam", None], ["spam", "ham"], "missing"),
        ([1.0, float("nan")], [1.0, 0.0], "missing"),
    ],
)
def test_what_cannot_be_evaluated_says_why(y_true, y_pred, message):
    with pytest.raises(ValueError, match=message):
        evaluation.evaluate(y_true, y_pred)
    with pytest.raises(ValueError, match=message):
        evaluation.compare(y_true, y_pred, y_pred)


def test_scores_that_are_no_probabilities_and_text_that_is_no_truth_are_refused():
    with pytest.raises(ValueError, match="between 0 and 1"):
        evaluation.reliability([0, 1], [-1.3, 2.0])
    with pytest.raises(ValueError, match=r"labels \['c'\] are not among the classes"):
        evaluation.reliability(["a", "c"], [0.2, 0.3], classes=["a", "b"])
    with pytest.raises(ValueError, match="say which class is positive"):
        evaluation.threshold_by_cost(["ham", "spam"], [0.1, 0.9], 1, 1)
