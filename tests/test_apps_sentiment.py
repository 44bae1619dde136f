"""Sentiment: agreement, the lexicon's rules, soft labels, ordinal ratings, any frame."""

import doctest
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import check_grad
from sklearn.linear_model import LogisticRegression

from socialai.apps import sentiment
from socialai.apps.sentiment import (
    LexiconSentiment,
    OrdinalRegression,
    SentimentClassifier,
    SoftLabelClassifier,
    krippendorff_alpha,
    ordinal,
    rating_shares,
    single_ratings,
    three_classes,
    vader_measures,
)
from socialai.errors import UserError

NAN = float("nan")
# The worked example of Krippendorff 2011, section C: four observers, twelve units, with gaps.
OBSERVERS = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, NAN, NAN, NAN],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NAN, 3],
    [NAN, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NAN],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NAN],
]


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_the_docstring_works():
    ran = doctest.testmod(sentiment)
    assert ran.attempted >= 5 and not ran.failed


@pytest.mark.parametrize(
    ("level", "alpha"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)]
)
def test_alpha_is_that_of_the_published_example(level, alpha):
    assert krippendorff_alpha(np.array(OBSERVERS).T, level) == pytest.approx(alpha, abs=5e-4)


def test_alpha_is_one_in_agreement_and_near_zero_for_dice(rng):
    assert krippendorff_alpha([[1, 1], [2, 2, 2], [4, 4]]) == 1
    dice = rng.integers(-4, 5, (3000, 5))
    for level in ("nominal", "ordinal", "interval"):
        assert abs(krippendorff_alpha(dice, level)) < 0.02


@pytest.mark.parametrize(
    ("ratings", "level", "says"),
    [
        ([[1, 1], [1, 1]], "interval", "not defined"),
        ([[1], [2]], "interval", "not defined"),
        ([[1, 2]], "x", "level 'x'"),
    ],
)
def test_what_has_no_alpha_is_told(ratings, level, says):
    with pytest.raises(UserError, match=says):
        krippendorff_alpha(ratings, level)


def test_single_ratings_leave_their_own_out():
    frame = single_ratings([[1, 2, 3], [0, 4]])
    assert frame["text"].tolist() == [0, 0, 0, 1, 1]
    assert frame["mean"].tolist() == [2, 2, 2, 2, 2]
    assert frame["others"].tolist() == [2.5, 2, 1.5, 4, 0]
    with pytest.raises(UserError, match="text 1 has 1 ratings"):
        single_ratings([[1, 2], [3]])


def test_shares_and_classes():
    assert rating_shares([[-3, -1, 0, 4]]).tolist() == [[0.5, 0.25, 0.25]]
    assert three_classes([-1, -0.05, 0, 0.05, 0.06], 0.05).tolist() == [-1, 0, 0, 0, 1]


def test_vader_measures_by_hand():
    # Truth: 2 positive, 1 negative, 1 neutral. Precision 1, 1, 1/2; recall 1/2, 1, 1; weights 2, 1,
    # 1.
    found = vader_measures([2, 1, -1, 0], [0.5, 0.01, -0.5, 0.0])
    assert found["precision"] == pytest.approx((2 * 1 + 1 + 0.5) / 4)
    assert found["recall"] == pytest.approx((2 * 0.5 + 1 + 1) / 4)
    assert found["f1"] == pytest.approx((2 * 2 / 3 + 1 + 2 / 3) / 4)


def test_with_an_answer_that_never_varies_there_is_no_correlation():
    with warnings.catch_warnings(action="error"):
        found = vader_measures([2, 1, -1, 0], [0.5] * 4)
    assert np.isnan(found["r"]) and found["recall"] == 0.5


LEXICON = {"good": 1.9, "horrible": -2.5, "funny": 1.9, ":)": 2.0}


def compound(total):
    return total / np.sqrt(total**2 + 15)


@pytest.mark.parametrize(
    ("text", "total"),
    [
        ("the book was good.", 1.9),
        ("the book was good!!", 1.9 + 2 * 0.292),
        ("the book was good!!!!!!", 1.9 + 4 * 0.292),
        ("the book was GOOD.", 1.9 + 0.733),
        ("GOOD", 1.9),  # all in capitals: no emphasis
        ("very good", 1.9 + 0.293),
        ("very very good", 1.9 + 0.293 * 1.95),
        ("slightly horrible", -2.5 + 0.293),
        ("not a good book", -0.74 * 1.9),
        ("it isn't that funny", -0.74 * 1.9),
        ("I want good", 1.9),  # ends in "nt" but denies nothing
        ("good but horrible", 0.5 * 1.9 - 1.5 * 2.5),
        ("ok :)", 2.0),
        ("a table", 0.0),
        ("", 0.0),
    ],
)
def test_each_rule_of_the_lexicon(text, total):
    assert LexiconSentiment(LEXICON).fit().decision_function([text])[0] == pytest.approx(
        compound(total)
    )


# Compound scores that the read-me file in the archive of VADER's authors prints for them.
@pytest.mark.parametrize(
    ("text", "score"),
    [
        ("VADER is smart, handsome, and funny.", 0.8316),
        ("VADER is smart, handsome, and funny!", 0.8439),
        ("VADER is very smart, handsome, and funny.", 0.8545),
        ("VADER is VERY SMART, handsome, and FUNNY!!!", 0.9342),
        ("The book was kind of good.", 0.3832),
        (
            "The plot was good, but the characters are uncompelling and the dialog is not great.",
            -0.7042,
        ),
        ("At least it isn't a horrible book.", 0.431),
        ("Today sux!", -0.4199),
    ],
)
def test_scores_are_near_the_authors(text, score):
    found = LexiconSentiment().fit().decision_function([text])[0]
    assert found == pytest.approx(score, abs=0.02)


def test_soft_labels_with_one_hot_rows_are_logistic_regression(rng):
    X, y = rng.normal(size=(200, 4)), rng.integers(0, 3, 200)
    soft = SoftLabelClassifier(C=2.0).fit(X, np.eye(3)[y])
    hard = LogisticRegression(C=2.0, max_iter=2000).fit(X, y)
    assert np.allclose(soft.predict_proba(X), hard.predict_proba(X), atol=1e-4)


def test_soft_labels_learn_shares_where_hard_ones_learn_the_winner(rng):
    X = np.zeros((500, 1))
    shares = np.tile([0.1, 0.3, 0.6], (500, 1))
    assert SoftLabelClassifier().fit(X, shares).predict_proba(X[:1])[0] == pytest.approx(
        [0.1, 0.3, 0.6], abs=1e-3
    )
    with pytest.raises(UserError, match="sum 1"):
        SoftLabelClassifier().fit(X, shares * 2)


def test_ordinal_regression_of_two_classes_is_logistic_regression(rng):
    X = rng.normal(size=(300, 3))
    y = (X @ [1.0, -2.0, 0.5] + rng.logistic(size=300) > 0.3).astype(int)
    ours = OrdinalRegression(C=0.7).fit(X, y)
    logistic = LogisticRegression(C=0.7, tol=1e-8).fit(X, y)
    assert np.allclose(ours.coef_, logistic.coef_[0], atol=1e-3)
    assert ours.thresholds_[0] == pytest.approx(-logistic.intercept_[0], abs=1e-3)
    assert np.allclose(ours.predict_proba(X), logistic.predict_proba(X), atol=1e-3)


def test_ordinal_regression_recovers_what_made_the_data(rng):
    X = rng.normal(size=(4000, 2))
    latent = X @ [1.5, -1.0] + rng.logistic(size=4000)
    y = np.searchsorted([-2.0, 0.0, 1.0], latent) + 1
    model = OrdinalRegression(C=100).fit(X, y)
    assert np.allclose(model.coef_, [1.5, -1.0], atol=0.15) and np.allclose(
        model.thresholds_, [-2, 0, 1], atol=0.15
    )


def test_the_ordinal_gradient_is_that_of_the_loss(rng):
    X = rng.normal(size=(50, 2))
    codes = rng.integers(0, 4, 50)
    parameters = rng.normal(size=5)

    def loss(parameters):
        return ordinal.proportional_odds_loss(parameters, X, codes, 3, 2.0)[0]

    def gradient(parameters):
        return ordinal.proportional_odds_loss(parameters, X, codes, 3, 2.0)[1]

    error = check_grad(loss, gradient, parameters)
    assert error < 1e-3 * np.linalg.norm(gradient(parameters))


def test_ordinal_rules_differ_as_they_should(rng):
    X = np.zeros((100, 1))
    y = np.repeat([1, 2, 5], [30, 30, 40])  # mode 5, median 2
    assert OrdinalRegression(rule="mode").fit(X, y).predict(X[:1]) == [5]
    assert OrdinalRegression(rule="median").fit(X, y).predict(X[:1]) == [2]
    with pytest.raises(UserError, match="one class only"):
        OrdinalRegression().fit(X, np.ones(100))


FRAME = pd.DataFrame(
    {
        "text": ["so happy", "very happy", "so sad", "very sad"],
        "label": ["joy", "joy", "grief", "grief"],
    }
)


@pytest.mark.parametrize(
    ("frame", "method", "says"),
    [
        (FRAME.rename(columns={"label": "labels"}), "tfidf", "no column 'label'"),
        (FRAME.head(0), "tfidf", "no rows"),
        (FRAME.assign(label=None), "tfidf", "misses 4 values"),
        (FRAME.assign(label="joy"), "tfidf", "one label only"),
        (FRAME.assign(text="same"), "tfidf", "contradicting"),
        (FRAME, "oracle", "no method 'oracle'"),
    ],
)
def test_a_bad_frame_or_method_is_told_in_one_line(frame, method, says):
    with pytest.raises(UserError, match=says):
        SentimentClassifier(method).fit_frame(frame)


TEXTS = SentimentClassifier("tfidf").fit_frame(FRAME)
LEXED = LexiconSentiment({"good": 1.9}).fit()
SOFT = SoftLabelClassifier().fit(np.eye(2), np.eye(2))
ORDERED = OrdinalRegression().fit(np.eye(2), [1, 2])


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (
            lambda: SentimentClassifier("tfidf").fit(["a", None], [0, 1]),
            "text 1 is None: a string is needed",
        ),
        (lambda: SentimentClassifier("tfidf").fit(["a", "b"], [0]), "2 rows but 1 labels"),
        (lambda: SentimentClassifier("tfidf").fit(["a", "b"], ["x", NAN]), "labels: 1 are missing"),
        (
            lambda: SentimentClassifier("tfidf").fit_frame(FRAME.assign(text=3)),
            "text 0 is 3: a string is needed",
        ),
        (lambda: TEXTS.predict([NAN]), "text 0 is nan: a string is needed"),
        (lambda: TEXTS.predict("happy"), "a list of texts is needed, not one str"),
        (lambda: TEXTS.fit([], []), "there are no texts"),
        (lambda: LEXED.decision_function([None]), "text 0 is None: a string is needed"),
        (lambda: LEXED.predict("good"), "a list of texts is needed"),
        (lambda: LexiconSentiment({"good": NAN}).fit(), "valences of the lexicon must be finite"),
        (lambda: LexiconSentiment(["good"]).fit(), "a lexicon is {word: valence}, not one list"),
        (lambda: single_ratings([[1, NAN]]), "ratings of text 0 must be finite; place 1 holds nan"),
        (lambda: single_ratings([]), "there are no texts with ratings"),
        (lambda: krippendorff_alpha([["a", "b"]]), "ratings of text 0: numbers are needed"),
        (lambda: rating_shares([[1], []]), "ratings of text 1: there are none"),
        (lambda: three_classes([NAN], 0.1), "scores must be finite"),
        (lambda: three_classes([1], -1), "threshold must be at least 0"),
        (lambda: vader_measures([1, 2], [1]), "answer: 2 are needed, one for each; there are 1"),
        (lambda: SoftLabelClassifier().fit([[NAN], [1]], np.eye(2)), "X: Input contains NaN"),
        (
            lambda: SoftLabelClassifier().fit(np.eye(2), np.eye(2) * NAN),
            "soft labels must be at least 0",
        ),
        (lambda: SoftLabelClassifier().fit(np.eye(2), [[1, 0], [1, 0]]), "one label only"),
        (lambda: SOFT.predict(np.eye(3)), "X has 3 columns: 2 are needed"),
        (lambda: OrdinalRegression().fit([[NAN], [1]], [1, 2]), "X: Input contains NaN"),
        (lambda: OrdinalRegression().fit(np.eye(2), [1, NAN]), "labels: 1 are missing"),
        (lambda: OrdinalRegression().fit(np.eye(2), [1]), "inconsistent numbers of samples"),
        (
            lambda: OrdinalRegression(rule="mean").fit(np.eye(2), [1, 2]),
            "no rule 'mean': did you mean 'median'",
        ),
        (lambda: ORDERED.predict([[NAN, 0]]), "X: Input contains NaN"),
        (lambda: ORDERED.predict(np.eye(3)), "X has 3 features, .* expecting 2"),
    ],
)
def test_what_users_get_wrong_is_told_in_one_line(call, says):
    with pytest.raises(UserError, match=says) as error:
        call()
    assert "\n" not in str(error.value)


def test_no_cases_have_no_answers():
    assert TEXTS.predict([]).tolist() == [] and TEXTS.predict_proba([]).shape == (0, 2)
    assert LEXED.predict([]).tolist() == [] and three_classes([], 0.05).tolist() == []
    none = np.zeros((0, 2))
    assert SOFT.predict_proba(none).shape == (0, 2) and SOFT.predict(none).tolist() == []
    assert ORDERED.predict_proba(none).shape == (0, 2) and ORDERED.predict(none).tolist() == []


def test_emotions_are_labels_like_others():
    model = SentimentClassifier("tfidf").fit_frame(FRAME)
    assert model.predict(["happy", "sad"]).tolist() == ["joy", "grief"]
    assert model.predict_proba(["happy"]).shape == (1, 2)
