"""Scores by hand against scikit-learn, and the laws that intervals, tests, calibration and thresholds obey."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from socialai import evaluation

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
    low, high = scores["interval_95"]["accuracy"]
    p = scores["accuracy"]
    half = 1.96 * np.sqrt(p * (1 - p) / 1000)  # the normal approximation, good at n = 1000
    assert (low, high) == (pytest.approx(p - half, abs=0.004), pytest.approx(p + half, abs=0.004))
    low, high = scores["interval_95"]["macro_f1"]
    assert low < scores["macro_f1"] < high


def test_macro_f1_interval_is_the_one_of_resampling_cases_one_by_one():
    rng = np.random.default_rng(1)
    y_true = rng.integers(0, 3, 150)
    y_pred = np.where(rng.random(150) < 0.7, y_true, rng.integers(0, 3, 150))
    draws = rng.integers(0, 150, (600, 150))
    slow = [metrics.f1_score(y_true[i], y_pred[i], average="macro") for i in draws]
    fast = evaluation.evaluate(y_true, y_pred)["interval_95"]["macro_f1"]
    assert fast == pytest.approx(np.quantile(slow, [0.025, 0.975]), abs=0.02)


def test_intervals_hold_the_truth_about_95_times_in_100():
    rng = np.random.default_rng(2)
    held = 0
    for seed in range(200):
        right = (rng.random(200) < 0.8).astype(int)
        low, high = evaluation.evaluate(np.ones(200, int), right, seed)["interval_95"]["accuracy"]
        held += low <= 0.8 <= high
    assert 180 <= held <= 198  # 95 % of 200 is 190; three standard deviations are about 9


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
    assert result["difference"] == pytest.approx((only_a - only_b) / 100)
    assert result["interval_95"][0] <= result["difference"] <= result["interval_95"][1]


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
