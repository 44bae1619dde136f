"""BG/NBD and gamma-gamma give the published values; churn, hazards, next items obey their laws."""

import doctest

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.optimize import approx_fprime
from scipy.stats import CensoredData, beta, ecdf
from sklearn.exceptions import NotFittedError

from socialai import data
from socialai.apps import behaviour
from socialai.apps.behaviour.next_item import MarkovNextItem, TransformerNextItem
from socialai.errors import UserError

X = pd.DataFrame(
    {"frequency": [2, 0, 7, 1], "recency": [30.4, 0, 37.0, 1.7], "T": [38.9, 38.9, 38.0, 31.0]}
)
X["monetary_value"] = [22.35, 0.0, 73.7, 11.8]
POSITIVE = st.floats(0.05, 20)


@pytest.fixture(scope="module")
def sample():
    return data.load("cdnow_sample")


def test_the_example_of_the_docstring_runs():
    tested = doctest.testmod(behaviour)
    assert tested.attempted >= 4 and tested.failed == 0


def test_the_summary_is_the_one_that_the_papers_fit(sample):
    ours = behaviour.summarize(sample, "1997-09-30").sort_index()
    order = sample.drop_duplicates("customer_id").set_index("customer_id")["sample_id"].sort_index()
    theirs = data.load("cdnow_summary").set_index("sample_id").loc[order]
    assert (ours["frequency"].to_numpy() == theirs["frequency"].to_numpy()).all()
    for column in ("recency", "T", "monetary_value"):  # theirs are rounded to cents
        assert np.abs(ours[column].to_numpy() - theirs[column].to_numpy()).max() <= 0.0051, column


def test_bgnbd_gives_the_published_parameters():
    """Fader, Hardie and Lee 2005, table 2."""
    model = behaviour.BetaGeometricNBD().fit(data.load("cdnow_summary"))
    assert [round(value, 3) for value in (model.r_, model.a_, model.b_)] == [0.243, 0.793, 2.426]
    assert abs(model.alpha_ - 4.414) <= 0.001 and abs(model.log_likelihood_ - -9582.4) <= 0.05


def test_gamma_gamma_gives_the_published_parameters(sample):
    """Fader and Hardie 2013: 946 customers with a repeat purchase."""
    model = behaviour.GammaGamma().fit(behaviour.summarize(sample, "1997-09-30"))
    assert [round(value, 2) for value in (model.p_, model.q_, model.gamma_)] == [6.25, 3.74, 15.44]


def torch_bgnbd(theta, x, t_x, T):
    """Equation 3 of the paper in torch, for its gradient: A1 A2 (A3 + [x > 0] A4)."""
    r, alpha, a, b = theta
    log_a1 = torch.lgamma(r + x) + r * torch.log(alpha) - torch.lgamma(r)
    log_a2 = torch.lgamma(a + b) + torch.lgamma(b + x) - torch.lgamma(b) - torch.lgamma(a + b + x)
    a3 = (alpha + T) ** -(r + x)
    a4 = torch.where(x > 0, a / torch.where(x > 0, b + x - 1, 1) * (alpha + t_x) ** -(r + x), 0)
    return (log_a1 + log_a2 + torch.log(a3 + a4)).sum()


@settings(max_examples=50, deadline=None)
@given(st.tuples(POSITIVE, POSITIVE, POSITIVE, POSITIVE))
def test_the_bgnbd_gradient_is_exact(theta):
    rows = X[behaviour.PURCHASE_HISTORY].to_numpy(float).T
    value, gradient = behaviour.bgnbd_log_likelihood(theta, *rows)
    parameters = torch.tensor(theta, dtype=torch.float64, requires_grad=True)
    theirs = torch_bgnbd(parameters, *(torch.tensor(row) for row in rows))
    theirs.backward()
    assert value == pytest.approx(theirs.item(), rel=1e-9)
    assert gradient == pytest.approx(parameters.grad.numpy(), rel=1e-6, abs=1e-8)
    step = 1e-6 * np.array(theta)
    finite = [
        approx_fprime(theta, lambda t: behaviour.bgnbd_log_likelihood(t, *rows)[0], s * step)
        for s in (1, -1)
    ]
    assert gradient == pytest.approx(np.mean(finite, axis=0), rel=1e-3, abs=1e-3)


@settings(max_examples=50, deadline=None)
@given(st.tuples(POSITIVE, POSITIVE, POSITIVE))
def test_the_gamma_gamma_gradient_is_exact(theta):
    x, m = np.array([1.0, 2, 9]), np.array([8.0, 35, 120])
    value, gradient = behaviour.gamma_gamma_log_likelihood(theta, x, m)
    p, q, gamma = parameters = [
        torch.tensor(t, dtype=torch.float64, requires_grad=True) for t in theta
    ]
    X_, M = torch.tensor(x), torch.tensor(m)
    theirs = (
        torch.lgamma(p * X_ + q) - torch.lgamma(p * X_) - torch.lgamma(q) + q * torch.log(gamma)
    )
    theirs = (
        theirs
        + (p * X_ - 1) * torch.log(M)
        + p * X_ * torch.log(X_)
        - (p * X_ + q) * torch.log(gamma + M * X_)
    )
    theirs.sum().backward()
    assert value == pytest.approx(theirs.sum().item(), rel=1e-9)
    assert gradient == pytest.approx([t.grad.item() for t in parameters], rel=1e-6, abs=1e-8)


TRUTH = {"r": 0.6, "alpha": 5.0, "a": 0.9, "b": 3.0}


def test_simulated_customers_give_back_their_parameters_and_their_future():
    customers = behaviour.simulate_customers(**TRUTH, T=np.full(20_000, 52.0), seed=1)
    model = behaviour.BetaGeometricNBD().fit(customers)
    found = np.array([model.r_, model.alpha_, model.a_, model.b_])
    assert (np.abs(found - list(TRUTH.values())) <= 3.5 * model.standard_errors_).all()
    assert (model.standard_errors_ < 0.25 * found).all(), (
        "and the errors are small enough for this to mean something"
    )
    assert model.probability_alive(customers).mean() == pytest.approx(
        customers["alive"].mean(), abs=0.015
    )
    assert model.expected_purchases(52.0) == pytest.approx(customers["frequency"].mean(), rel=0.03)


def test_what_is_expected_and_silent_is_what_the_simulation_does_next():
    """The future is simulated from the posterior of one customer, which conjugacy gives."""
    model = behaviour.BetaGeometricNBD()
    model.r_, model.alpha_, model.a_, model.b_ = TRUTH.values()
    row, rng, n = X.iloc[[0]], np.random.default_rng(0), 400_000
    x, _, T = row[behaviour.PURCHASE_HISTORY].to_numpy(float)[0]
    # Given that the customer is alive: rate ~ Gamma(r + x, alpha + T), leaving ~ Beta(a, b + x).
    rate, leaves = (
        rng.gamma(TRUTH["r"] + x, 1 / (TRUTH["alpha"] + T), n),
        rng.beta(TRUTH["a"], TRUTH["b"] + x, n),
    )
    alive = rng.random(n) < model.probability_alive(row)[0]
    clock, bought = np.zeros(n), np.zeros(n)
    while alive.any():
        clock += rng.standard_exponential(n) / rate
        alive &= clock <= 20
        bought += alive
        alive &= rng.random(n) >= leaves
    assert model.predict(row, 20)[0] == pytest.approx(bought.mean(), rel=0.02)
    assert model.probability_silent(row, 20)[0] == pytest.approx((bought == 0).mean(), abs=0.005)


def test_lifetime_value_is_purchases_times_value_and_falls_with_the_discount():
    customers = data.load("cdnow_summary")
    model, value = (
        behaviour.BetaGeometricNBD().fit(customers),
        behaviour.GammaGamma().fit(customers),
    )
    full = behaviour.lifetime_value(model, value, X, weeks=39)
    assert full == pytest.approx(model.predict(X, 39) * value.predict(X))
    assert (behaviour.lifetime_value(model, value, X, weeks=39, discount=0.1) < full).all()
    assert value.predict(X)[1] == pytest.approx(value.p_ * value.gamma_ / (value.q_ - 1)), (
        "the population's mean"
    )


# --- data that can't tell, numbers at the edge ---
def history(frequency, recency, T, value=10.0):
    columns = {"frequency": frequency, "recency": recency, "T": T, "monetary_value": value}
    return pd.DataFrame(columns)


def test_nobody_bought_twice_is_told_not_fitted():
    """The likelihood is then the same for every a and b: they'd stay at 1, where a - 1 is 0."""
    once = history(0, 0.0, np.linspace(1, 40, 50))
    with pytest.raises(UserError, match="nobody bought twice"):
        behaviour.BetaGeometricNBD().fit(once)


@pytest.mark.parametrize(
    "customers",
    [
        history([1], [2.0], [3.0]),
        history([1], [3.0], [3.0]),
        history([1, 0], [2.0, 0], [3.0, 3]),
        history([4] * 30, [8.0] * 30, [9.0] * 30),
        history([5000, 1, 0], [100.0, 1, 0], [100.0, 100, 100]),
        history([100_000], [1e-3], [1e6]),
        history([2, 3], [1e9, 2e9], [3e9, 4e9], [1e12, 2e12]),
        history([2, 3], [1e-9, 2e-9], [3e-9, 4e-9], [1e-9, 2e-9]),
    ],
    ids=lambda frame: f"{len(frame)} customers, {frame['frequency'].max()} purchases",
)
def test_few_or_odd_customers_give_finite_numbers(customers):
    model = behaviour.BetaGeometricNBD().fit(customers)
    assert not np.isnan(model.standard_errors_).any(), "inf where the data leave one open"
    for weeks in (0, 1, 52, 1e6):
        bought = model.predict(customers, weeks)
        assert np.isfinite(bought).all() and (bought >= 0).all()
        silent = model.probability_silent(customers, weeks)
        assert ((silent >= 0) & (silent <= 1 + 1e-12)).all()
        assert np.isfinite(model.expected_purchases([weeks, 0.5])).all()
    value = behaviour.GammaGamma().fit(customers)
    assert not np.isnan(value.standard_errors_).any()
    if value.q_ > 1:
        assert np.isfinite(value.predict(customers)).all()


@pytest.mark.parametrize(
    ("a", "b", "x"),
    [
        (1.0, 2.5, 0),
        (1.0, 2.5, 3),
        (1 + 1e-9, 2.5, 3),
        (0.4, 0.6, 0),
        (0.4, 0.6, 2),
        (1.0, 1e-7, 0),
        (0.8, 2.4, 1000),
        (2.0, 2.4, 30_000),
        (0.793, 2.426, 5),
    ],
)
def test_what_is_expected_is_the_mean_over_the_probability_of_leaving(a, b, x):
    """Where the closed form has a pole (a = 1, a + b = 1) or overflows, too."""
    model = behaviour.BetaGeometricNBD()
    model.r_, model.alpha_, model.a_, model.b_ = 0.6, 5.0, a, b
    row = history([x], [30.0 * (x > 0)], [31.0])

    def bought(p):
        return -np.expm1(-(0.6 + x) * np.log1p(p * 20 / 36)) / p

    by_quantile = quad(lambda u: bought(max(beta.ppf(u, a, b + x), 1e-200)), 0, 1, limit=500)[0]
    expected = by_quantile * model.probability_alive(row)[0]
    assert model.predict(row, 20)[0] == pytest.approx(expected, rel=1e-4)
    if x == 0:
        model.alpha_ = 36.0
        assert model.expected_purchases(20) == pytest.approx(by_quantile, rel=1e-4)


def test_the_unit_of_time_or_money_is_the_users_choice():
    customers = data.load("cdnow_summary")
    weeks, dollars = (
        behaviour.BetaGeometricNBD().fit(customers),
        behaviour.GammaGamma().fit(customers),
    )
    minutes = customers.assign(
        recency=customers["recency"] * 10_080,
        T=customers["T"] * 10_080,
        monetary_value=customers["monetary_value"] * 25_000,
    )
    model, dong = behaviour.BetaGeometricNBD().fit(minutes), behaviour.GammaGamma().fit(minutes)
    assert [model.r_, model.alpha_ / 10_080, model.a_, model.b_] == pytest.approx(
        [weeks.r_, weeks.alpha_, weeks.a_, weeks.b_], rel=1e-3
    )
    assert model.predict(minutes, 39 * 10_080) == pytest.approx(
        weeks.predict(customers, 39), rel=1e-3
    )
    found = [dong.p_, dong.q_, dong.gamma_ / 25_000]
    assert found == pytest.approx([dollars.p_, dollars.q_, dollars.gamma_], rel=1e-3)
    assert dong.predict(minutes) / 25_000 == pytest.approx(dollars.predict(customers), rel=1e-3)
    theta = [model.r_, model.alpha_, model.a_, model.b_]
    rows = behaviour.check_purchase_history(minutes)
    assert model.log_likelihood_ == pytest.approx(behaviour.bgnbd_log_likelihood(theta, *rows)[0])
    theta = [dong.p_, dong.q_, dong.gamma_]
    rows = minutes.loc[minutes["frequency"] > 0, ["frequency", "monetary_value"]].to_numpy().T
    likelihood = behaviour.gamma_gamma_log_likelihood(theta, *rows)[0]
    assert dong.log_likelihood_ == pytest.approx(likelihood)


PURCHASES = pd.DataFrame(
    {
        "customer_id": ["a", "a", "a", "b", "b", "c"],
        "date": pd.to_datetime(
            ["2024-01-01", "2024-01-15", "2024-03-01", "2024-02-02", "2024-02-02", "2024-03-05"]
        ),
        "value": [1.0, 2, 4, 3, 5, 9],
    }
)


def test_likelihoods_of_one_parameter_are_maximised_too():
    def exponential(theta, x):
        return float((np.log(theta) - theta * x).sum()), np.array([(1 / theta[0] - x).sum()])

    found = behaviour.maximum_likelihood(exponential, 1, np.array([1.0, 2, 3, 10]))
    assert found.parameters == pytest.approx([1 / 4])
    assert found.standard_errors == pytest.approx([1 / 8], rel=1e-3)


def test_two_purchases_of_a_day_are_one_and_the_future_is_not_seen():
    frame = behaviour.summarize(PURCHASES, "2024-02-12")
    assert frame.index.tolist() == ["a", "b"], "c came later"
    assert frame["frequency"].tolist() == [1, 0] and frame["recency"].tolist() == [2.0, 0.0]
    assert frame["T"].tolist() == [6.0, 10 / 7] and frame["monetary_value"].tolist() == [2.0, 0.0]


def test_retention_counts_each_customer_once_a_month():
    table = behaviour.retention(PURCHASES)
    assert table.index.tolist() == ["2024-01", "2024-02", "2024-03"]
    assert table.loc["2024-01"].tolist() == [1, 0, 1]
    assert table.loc["2024-02"].tolist()[:2] == [1, 0] and np.isnan(table.loc["2024-02", 2])


def test_a_snapshot_tells_what_followed_and_what_is_censored():
    frame = behaviour.snapshot(PURCHASES, "2024-02-12", weeks=3)
    assert frame["event"].tolist() == [True, False] and frame["silent"].tolist() == [0, 1]
    assert frame["duration"].tolist() == [18 / 7, 3.0] and frame["idle"].tolist() == [4.0, 10 / 7]
    with pytest.raises(UserError, match="the data end on 2024-03-05, before 2024-04-22"):
        behaviour.snapshot(PURCHASES, "2024-02-12", weeks=10)


def test_a_hazard_without_information_is_kaplan_and_meier():
    rng = np.random.default_rng(0)
    duration = np.minimum(rng.geometric(0.3, 500), rng.integers(1, 9, 500)).astype(float)
    event = rng.random(500) < 0.7
    ours = (
        behaviour.DiscreteHazard(C=1e6)
        .fit(np.zeros((500, 1)), duration, event)
        .predict_survival(np.zeros((1, 1)))[0]
    )
    theirs = ecdf(CensoredData(uncensored=duration[event], right=duration[~event])).sf
    assert ours == pytest.approx(theirs.evaluate(np.arange(1, len(ours) + 1)), abs=1e-3)


def test_a_hazard_finds_the_effect_that_made_the_data():
    rng = np.random.default_rng(1)
    x = rng.standard_normal(4000)
    hazard = 1 / (1 + np.exp(2 - x))
    waited = rng.geometric(hazard)
    model = behaviour.DiscreteHazard(C=100).fit(x[:, None], np.minimum(waited, 10), waited <= 10)
    survival = model.predict_survival(x[:, None])
    assert model.model_.coef_[0, 0] / model.scaler_.scale_[0] == pytest.approx(1, abs=0.08)
    assert survival.shape == (4000, 10) and (np.diff(survival, axis=1) < 0).all()
    assert survival[:, 4] == pytest.approx((1 - hazard) ** 5, abs=0.06)


def test_a_hazard_knows_its_columns_by_name():
    X = pd.DataFrame({"often": [1.0, 2, 3, 1], "idle": [4.0, 0, 1, 2]})
    hazard = behaviour.DiscreteHazard().fit(X, [1, 2, 2, 1], [1, 1, 0, 1])
    assert (hazard.predict_survival(X) == hazard.predict_survival(X.to_numpy())).all()
    with pytest.raises(UserError, match="X has the columns .*'idle', 'often'.*; in training"):
        hazard.predict_survival(X[["idle", "often"]])


FITTED, VALUES = behaviour.BetaGeometricNBD(), behaviour.GammaGamma()
FITTED.r_, FITTED.alpha_, FITTED.a_, FITTED.b_ = TRUTH.values()
VALUES.p_, VALUES.q_, VALUES.gamma_ = 6.25, 3.74, 15.44
HAZARD = behaviour.DiscreteHazard().fit([[1.0], [2], [3]], [1, 2, 2], [True, True, False])


def test_in_no_time_nothing_is_bought():
    assert (FITTED.predict(X, 0) == 0).all() and FITTED.probability_silent(X, 0) == pytest.approx(1)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (
            lambda: behaviour.summarize(PURCHASES.drop(columns="value"), "2024-03-01"),
            "no column 'value'",
        ),
        (
            lambda: behaviour.summarize(PURCHASES.assign(value=-1.0), "2024-03-01"),
            "must be finite and not negative",
        ),
        (lambda: behaviour.summarize(PURCHASES, "2023-01-01"), "nobody bought by 2023-01-01"),
        (lambda: behaviour.retention(PURCHASES.head(0)), "no rows"),
        (lambda: behaviour.BetaGeometricNBD().fit(X.assign(recency=99.0)), "recency at most T"),
        (lambda: behaviour.BetaGeometricNBD().fit(X.assign(frequency=0.5)), "frequency is whole"),
        (lambda: behaviour.BetaGeometricNBD().fit(X.assign(frequency=np.nan)), "misses 4 values"),
        (lambda: behaviour.GammaGamma().fit(X.assign(frequency=0)), "nobody bought twice"),
        (lambda: behaviour.BetaGeometricNBD().fit(X.assign(T=1e308)), "the numbers are too large"),
        (lambda: VALUES.predict(X.assign(monetary_value=1e200)), "at most 1e.100"),
        (lambda: behaviour.snapshot(PURCHASES, "2024-02-12", "3"), "a number is needed, not '3'"),
        (lambda: behaviour.snapshot(PURCHASES, "2024-02-12", 1e9), "at most 5200; it is 1e.09"),
        (lambda: behaviour.snapshot(PURCHASES, "9999-12-31", 5000), "the data end on 2024-03-05"),
        (lambda: FITTED.predict(X, 1e300), "at most 1e.06; it is 1e.300"),
        (lambda: behaviour.lifetime_value(FITTED, VALUES, X, 10**9), "at most 5200"),
        (lambda: behaviour.lifetime_value(VALUES, FITTED, X, 3), "a BetaGeometricNBD and a Gamma"),
        (lambda: behaviour.simulate_customers(1, 1e-9, 1, 1, [9.0]), "can't be simulated"),
        (
            lambda: behaviour.bgnbd_log_likelihood([1, 1, 1, 1], [0.5], [1], [2]),
            "frequency is whole",
        ),
        (
            lambda: behaviour.bgnbd_log_likelihood([1, 1, 1, 1], [1], [3], [2]),
            "recency at most T",
        ),
        (
            lambda: behaviour.DiscreteHazard(period=1e-9).fit([[1.0], [2]], [1, 2], [True, False]),
            "durations of up to 2e.09 periods of 2 customers are too many",
        ),
        (
            lambda: behaviour.DiscreteHazard().fit([[1e200], [2]], [1, 2], [True, False]),
            "X must be at least -1e.100",
        ),
        (
            lambda: MarkovNextItem().fit(EVENTS.assign(item_id=[["x"]] * 320)),
            "columns user_id and item_id: unhashable",
        ),
        (
            lambda: TransformerNextItem(d_model=5).fit(EVENTS),
            "d_model must be even, for the two heads; it is 5",
        ),
        (
            lambda: TransformerNextItem().fit(EVENTS, validation=[["x"]]),
            "validation is a pair",
        ),
        (
            lambda: TransformerNextItem().fit(EVENTS, validation=([["x"]], ["a", "b"])),
            "1 histories but 2 following items",
        ),
        (lambda: behaviour.GammaGamma().fit(X.assign(monetary_value=0.0)), "cost nothing"),
        (
            lambda: behaviour.DiscreteHazard().fit([[1.0]], [0.0], [True]),
            "duration must be above 0; place 0 holds 0",
        ),
        (
            lambda: behaviour.DiscreteHazard().fit([[1.0], [2]], [2.0, 2], [False, False]),
            "with the event and",
        ),
        (
            lambda: behaviour.summarize(PURCHASES.assign(date="soon"), "2024-03-01"),
            "column 'date' must hold dates, as text by ISO 8601 .*; row 0 is 'soon'",
        ),
        (
            lambda: behaviour.summarize(PURCHASES.assign(date=20240101), "2024-03-01"),
            "must hold dates; it holds int64",
        ),
        (
            lambda: behaviour.summarize(PURCHASES, "soon"),
            "until must hold dates, as text by ISO 8601 .*; row 0 is 'soon'",
        ),
        (lambda: behaviour.summarize(PURCHASES, None), "until must hold dates"),
        (
            lambda: behaviour.summarize(PURCHASES, pd.Timestamp("2024-03-01", tz="UTC")),
            "without a time zone",
        ),
        (
            lambda: behaviour.retention(PURCHASES.assign(date="soon")),
            "column 'date' must hold dates, as text by ISO 8601 .*; row 0 is 'soon'",
        ),
        (
            lambda: behaviour.snapshot(PURCHASES, "2024-02-12", np.nan),
            "weeks must be at least 0.14.*; it is nan",
        ),
        (lambda: FITTED.predict(X, -4), "weeks must be at least 0 and .*; it is -4"),
        (lambda: FITTED.probability_silent(X, -3), "weeks must be at least 0 and .*; it is -3"),
        (
            lambda: FITTED.expected_purchases([1, np.nan]),
            "weeks must be at least 0 and .*; place 1 holds nan",
        ),
        (lambda: FITTED.probability_alive(X.drop(columns="T")), "no column 'T'"),
        (
            lambda: behaviour.lifetime_value(FITTED, VALUES, X, -3),
            "weeks must be whole and at least 1 and .*; it is -3",
        ),
        (
            lambda: behaviour.lifetime_value(FITTED, VALUES, X, 3, np.nan),
            "discount must be at least 0; it is nan",
        ),
        (lambda: VALUES.predict(X.assign(monetary_value=-1.0)), "finite and not negative"),
        (
            lambda: behaviour.simulate_customers(1, 1, 1, 1, [np.inf]),
            "T must be at least 0; place 0 holds inf",
        ),
        (
            lambda: behaviour.simulate_customers(1, -1, 1, 1, [1.0]),
            "must be above 0; place 1 holds -1",
        ),
        (
            lambda: behaviour.bgnbd_log_likelihood([1, 1, 1, 0], [1], [1], [2]),
            "theta must be above 0; place 3 holds 0",
        ),
        (
            lambda: behaviour.bgnbd_log_likelihood([1, 1, 1, 1], [1, 2], [1], [2]),
            "in rows of one length",
        ),
        (
            lambda: behaviour.gamma_gamma_log_likelihood([1, 1, 1], [1], [np.nan]),
            "x and m must be above 0",
        ),
        (
            lambda: behaviour.DiscreteHazard().fit([[np.nan], [2]], [1, 2], [True, False]),
            "X: Input contains NaN",
        ),
        (
            lambda: behaviour.DiscreteHazard().fit([[1.0], [2]], [1, np.nan], [True, False]),
            "place 1 holds nan",
        ),
        (
            lambda: behaviour.DiscreteHazard().fit([[1.0], [2]], [1, 2], [True, None]),
            "events: 1 are missing",
        ),
        (
            lambda: behaviour.DiscreteHazard().fit([[1.0], [2]], [1], [True, False]),
            "duration: 2 are needed",
        ),
        (lambda: HAZARD.predict_survival([[np.nan]]), "X: Input contains NaN"),
        (lambda: HAZARD.predict_survival([[1.0, 2]]), "X has 2 columns: 1 are needed"),
        (lambda: MarkovNextItem(smoothing=-1).fit(EVENTS), "smoothing must be at least 0"),
        (lambda: MarkovNextItem(newest=-3).fit(EVENTS), "newest must be whole and at least 1"),
        (
            lambda: MarkovNextItem().fit(EVENTS.assign(item_id=["x", 1] * 160)),
            "text and numbers can't be mixed",
        ),
        (
            lambda: MarkovNextItem().fit(EVENTS).predict(["x"]),
            "a list of items is needed, not one str",
        ),
        (lambda: MarkovNextItem().fit(EVENTS).predict([]), "there are no histories"),
        (
            lambda: MarkovNextItem().fit(EVENTS).predict([["x"]], k=0),
            "k must be whole and at least 1",
        ),
        (
            lambda: MarkovNextItem().fit(EVENTS).predict([[None, "zz"]]),
            "2 of the histories' items were not",
        ),
        (
            lambda: MarkovNextItem().fit(EVENTS).ranks([["x"]], ["a", "b"]),
            "1 histories but 2 following items",
        ),
        (lambda: MarkovNextItem().fit(EVENTS.drop(columns="time")), "no column 'time'"),
        (
            lambda: MarkovNextItem().fit(EVENTS).predict([["x", "zz"]]),
            "item 'zz' wasn't in training",
        ),
    ],
)
def test_what_users_get_wrong_is_told_in_one_line(call, says):
    with pytest.raises(UserError, match=says) as error:
        call()
    assert "\n" not in str(error.value)


# Forty users who walk in a circle of 12 letters, each from a place of their own; x is most popular.
LETTERS = np.array(list("xabcdefghijk"))
EVENTS = pd.DataFrame(
    [(u, LETTERS[(u + t) % 12], t) for u in range(40) for t in range(8)],
    columns=["user_id", "item_id", "time"],
).sample(frac=1, random_state=0)


def test_markov_counts_what_follows_and_never_repeats():
    model = MarkovNextItem(smoothing=0.1).fit(EVENTS)
    assert model.predict([["x"], ["b", "c"], ["k"]], k=1)[:, 0].tolist() == ["a", "d", "x"]
    assert "x" not in model.predict([["x", "k"]], k=11)[0]
    assert model.ranks([["x"], ["x"], ["x", "unknown"]], ["a", "unknown", "a"]).tolist() == [
        1,
        np.inf,
        1,
    ]


def test_popularity_is_markov_with_endless_smoothing_and_may_count_the_newest_only():
    events = pd.DataFrame({"user_id": 1, "item_id": list("aaaabbc"), "time": range(7)})
    assert MarkovNextItem(np.inf).fit(events).predict([[]], k=3)[0].tolist() == ["a", "b", "c"]
    assert MarkovNextItem(np.inf, newest=3).fit(events).predict([[]], k=1)[0].tolist() == ["b"]


def test_ties_count_against_a_model_that_knows_nothing():
    events = pd.DataFrame({"user_id": 1, "item_id": list("abc"), "time": range(3)})
    assert MarkovNextItem(np.inf).fit(events).ranks([[]], ["a"]).tolist() == [3]


def test_the_transformer_learns_the_circle_the_same_for_the_same_seed():
    models = [
        TransformerNextItem(
            16, 1, max_length=6, dropout=0.0, epochs=60, learning_rate=1e-2, seed=3, device="cpu"
        ).fit(EVENTS)
        for _ in "ab"
    ]
    histories = [["x"], ["b", "c"], ["h", "i", "j"]]
    assert models[0].predict(histories, k=1)[:, 0].tolist() == ["a", "d", "k"]
    assert (models[0]._scores([[2], [3, 4]]) == models[1]._scores([[2], [3, 4]])).all()
    assert len(models[0].history_) == 60


def test_the_transformer_keeps_the_epoch_that_validates_best():
    histories = [["x"], ["b", "c"], ["h", "i", "j"]]
    following = ["a", "d", "k"]
    model = TransformerNextItem(
        16, 1, max_length=6, dropout=0.0, epochs=12, learning_rate=0.02, device="cpu"
    )
    model.fit(EVENTS, validation=(histories, following))
    losses = [entry["validation"] for entry in model.history_]
    best = losses.index(min(losses))
    assert len(losses) < 12 and best == len(losses) - 3, "it waits two epochs, then stops"

    # The loss is minus nDCG@10, and the weights are those of the best epoch.
    ranks = model.ranks(histories, following)
    assert (ranks <= 10).all() and losses[best] == pytest.approx(-(1 / np.log2(1 + ranks)).mean())


# --- what is ruled out is never given ---
THREE = pd.DataFrame({"user_id": [1, 1, 1, 2, 2], "item_id": list("abcab"), "time": range(5)})


def test_an_item_of_the_history_is_never_predicted():
    model = MarkovNextItem(0.1).fit(THREE)
    assert model.predict([["a", "b"]], k=3).tolist() == [["c"]], "fewer, where fewer are left"
    some = model.predict([["a", "b"], [], ["b", "a", "a"], ["a", "b", "c"]], k=9).tolist()
    assert some == [["c", None, None], ["a", "b", "c"], ["c", None, None], [None] * 3]
    assert model.predict([["a", "b", "c"]], k=2).shape == (1, 0)


def test_where_enough_is_left_the_answer_keeps_the_type_of_the_items():
    numbers = THREE.assign(item_id=[10, 20, 30, 10, 20])
    model = MarkovNextItem(0.1).fit(numbers)
    assert model.predict([[10], []], k=2).dtype == model.items_.dtype
    padded = model.predict([[10, 20], []], k=2).tolist()
    assert padded == [[30, None], [10, 20]] and type(padded[0][0]) is int


def test_an_item_of_the_history_has_no_rank():
    model = MarkovNextItem(0.1).fit(THREE)
    histories = [["a", "b"], ["a", "b"], ["a", "b", "c"], []]
    assert model.ranks(histories, ["c", "a", "c", "zz"]).tolist() == [1, np.inf, np.inf, np.inf]


def test_histories_may_be_any_iterable():
    model = MarkovNextItem(0.1).fit(THREE)
    expected = model.predict([["a"], ["a", "b"]], k=2).tolist()
    assert model.predict((iter(h) for h in (["a"], ["a", "b"])), k=2).tolist() == expected
    assert model.predict(pd.Series([["a"], ("a", "b")]), k=np.int64(2)).tolist() == expected
    assert model.ranks(iter([["a"]]), iter(["b"])).tolist() == [1]


@pytest.mark.parametrize("model", [MarkovNextItem(), TransformerNextItem(4, 1, 2, epochs=1)])
def test_one_event_of_one_user_is_enough(model):
    model.fit(THREE.head(1))
    assert model.predict([[]], k=3).tolist() == [["a"]] and model.predict([["a"]]).shape == (1, 0)


def test_what_diverged_predicts_nothing():
    model = TransformerNextItem(4, 1, max_length=4, epochs=30, learning_rate=1e6, device="cpu")
    with pytest.raises(UserError, match="learning diverged: the loss is nan") as error:
        model.fit(EVENTS)
    assert "\n" not in str(error.value)
    with pytest.raises(NotFittedError):
        model.predict([["x"]])
