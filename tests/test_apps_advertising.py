"""Estimators against known truths, identities and libraries; wrong frames are told in one line."""

import doctest
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import log_loss

from socialai.apps import advertising
from socialai.apps.advertising import bandits
from socialai.apps.advertising.categories import category_names
from socialai.errors import UserError

PROPENSITY = np.array([0.5, 0.3, 0.2])
TARGET = np.array([0.1, 0.3, 0.6])
RATES = np.array([[0.1, 0.2, 0.3], [0.05, 0.1, 0.5]])  # position, item
POLICY = pd.DataFrame(
    {"item_id": [0, 1, 2] * 2, "position": [1] * 3 + [2] * 3, "probability": [*TARGET, *TARGET]}
)
TRUTH = (RATES @ TARGET).mean()  # both positions are as frequent


def log_of(n, seed, propensity=PROPENSITY):
    rng = np.random.default_rng(seed)
    item, position = rng.choice(3, n, p=propensity), rng.integers(1, 3, n)
    click = (rng.random(n) < RATES[position - 1, item]).astype(int)
    return pd.DataFrame(
        {"item_id": item, "position": position, "click": click, "propensity": propensity[item]}
    )


def value(method, log, policy=POLICY, **options):
    return advertising.off_policy_value(log, policy, method, n_resamples=2, **options).value


def test_the_docstring_works():
    outcome = doctest.testmod(advertising)
    assert outcome.attempted >= 5 and outcome.failed == 0


@pytest.mark.parametrize("method", ["ips", "dr"])
@pytest.mark.parametrize("smoothing", [1.0, 1e5])
def test_ips_and_doubly_robust_are_unbiased_whatever_the_model(method, smoothing):
    values = np.array(
        [value(method, log_of(300, seed), smoothing=smoothing) for seed in range(300)]
    )
    assert abs(values.mean() - TRUTH) < 4 * values.std() / len(values) ** 0.5


def test_a_model_that_sees_no_items_makes_the_direct_method_biased():
    values = np.array([value("dm", log_of(300, seed), smoothing=1e5) for seed in range(100)])
    logged = (RATES @ PROPENSITY).mean()
    assert abs(values.mean() - TRUTH) > 10 * values.std() / len(values) ** 0.5
    assert abs(values.mean() - logged) < 0.01, "it says that the new policy is the old one"


def test_snips_is_consistent_and_inside_the_range_of_the_clicks():
    assert abs(value("snips", log_of(100_000, 0)) - TRUTH) < 0.01
    certain = log_of(50, 1).assign(click=1)
    assert np.isclose(value("snips", certain), 1.0) and value("ips", certain) != 1.0


@pytest.mark.parametrize("method", advertising.OFF_POLICY_METHODS)
def test_a_policy_judged_on_its_own_log_has_the_click_rate_of_the_log(method):
    log = log_of(4000, 3, TARGET)
    options = {"smoothing": 1e5} if method in ("dm", "dr") else {}  # the model: one rate for all
    assert abs(value(method, log, **options) - log["click"].mean()) < (
        1e-12 if "ips" in method else 2e-3
    )


def test_the_direct_method_without_smoothing_is_ips_with_the_propensities_that_happened():
    log = log_of(2000, 4)
    happened = log.groupby(["position", "item_id"])["click"].transform("size") / log.groupby(
        "position"
    )["click"].transform("size")
    assert np.isclose(
        value("dm", log, smoothing=0), value("ips", log.assign(propensity=happened)), atol=1e-12
    )


def test_doubly_robust_with_one_rate_is_ips_corrected_by_the_mean_weight():
    log = log_of(2000, 5)
    log = pd.concat([log, log], ignore_index=True)
    half = np.random.default_rng(0).permutation(len(log)) % 2
    rate = np.empty(len(log))
    for this in (0, 1):
        rate[half == this] = log["click"][half != this].mean()
    weights = advertising.importance_weights(log, POLICY)
    expected = np.mean(weights * log["click"] + rate * (1 - weights))
    assert np.isclose(value("dr", log, smoothing=1e12), expected, atol=1e-9)


def test_the_weights_are_of_mean_one_and_their_sample_size_is_counted():
    weights = advertising.importance_weights(log_of(20_000, 6), POLICY)
    assert weights.mean() == pytest.approx(1, abs=0.03)
    assert advertising.effective_sample_size(np.ones(7)) == pytest.approx(7)
    assert advertising.effective_sample_size(np.array([0.0, 0, 5])) == pytest.approx(1)


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    hits = 0
    for seed in range(60):
        log = log_of(600, seed)
        hits += advertising.off_policy_value(log, POLICY, n_resamples=150, seed=seed).holds(TRUTH)
    assert hits >= 51, "95 % of 60 is 57; fewer than 51 happens once in 1,350 times"


def test_shares_undo_the_bias_of_mean_propensities():
    rng = np.random.default_rng(0)
    p = np.where(
        rng.random(20_000) < 0.5, 0.9, 0.1
    )  # a policy that changes its mind: half the time 0.9 for item 0
    item = (rng.random(20_000) > p).astype(int)
    log = pd.DataFrame(
        {"item_id": item, "position": 1, "propensity": np.where(item == 0, p, 1 - p)}
    )
    shares = advertising.shown_shares(log).set_index("item_id")["probability"]
    assert abs(shares[0] - 0.5) < 0.02 and abs(shares.sum() - 1) < 1e-12
    assert abs(log["propensity"][item == 0].mean() - 0.82) < 0.02, "0.9 * 0.9 + 0.1 * 0.1"


def test_click_rates_are_those_of_scipy_and_exact_intervals_are_wider():
    log = pd.DataFrame({"campaign": ["a"] * 1000 + ["b"] * 500, "click": [1] * 4 + [0] * 1496})
    wilson = advertising.click_rates(log, ["campaign"])
    exact = advertising.click_rates(log, ["campaign"], "exact")
    assert wilson.loc["a", "value"] == 0.004
    assert wilson.loc["b", ["clicks", "low"]].tolist() == [0, 0]
    assert exact.loc["a", "high"] == binomtest(4, 1000).proportion_ci(method="exact").high
    assert (exact["high"] - exact["low"])["a"] > (wilson["high"] - wilson["low"])["a"]


def test_the_number_of_impressions_gives_the_power_it_promises():
    n, rng = advertising.impressions_needed(0.04, 0.06), np.random.default_rng(0)
    assert n == 1861  # z^2 (0.04 * 0.96 + 0.06 * 0.94) / 0.02^2 with z = 1.95996 + 0.84162
    a, b = rng.binomial(n, 0.04, 4000) / n, rng.binomial(n, 0.06, 4000) / n
    found = abs(a - b) / np.sqrt((a * (1 - a) + b * (1 - b)) / n) > 1.95996
    assert abs(found.mean() - 0.8) < 0.03


def test_calibration_of_perfect_and_of_inflated_probabilities():
    rng = np.random.default_rng(0)
    p = rng.beta(1, 20, 50_000)
    y = rng.random(50_000) < p
    table = advertising.calibration_table(y, p)
    boast = advertising.calibration_table(y, np.minimum(1.5 * p, 1))
    assert table["n"].tolist() == [5000] * 10 and table["claimed"].is_monotonic_increasing
    inside = ((table["low"] <= table["claimed"]) & (table["claimed"] <= table["high"])).sum()
    assert inside >= 8 and (boast["claimed"] > boast["high"])[3:].all()


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 6), st.integers(0, 99))
def test_the_factorisation_machine_equals_the_sum_over_pairs(n, seed):
    torch.manual_seed(seed)
    model = advertising.FactorizationMachine(10, 3).double()
    torch.nn.init.normal_(model.v)
    torch.nn.init.normal_(model.w)
    index, x = (
        torch.randint(0, 10, (n,)),
        torch.randn(n, dtype=torch.float64),
    )  # the same feature may come twice
    expected = model.w0 + sum(model.w[i, 0] * a for i, a in zip(index, x, strict=True))
    for i in range(n):
        for j in range(i + 1, n):
            expected = expected + model.v[index[i]] @ model.v[index[j]] * x[i] * x[j]
    # Rendle's x has one entry a feature: a repeated one would be its own square and not a pair.
    if len(set(index.tolist())) == n:
        assert torch.isclose(model(index, torch.tensor([0]), x)[0], expected, atol=1e-10)


def interactions(n=3000, seed=0):
    """Responses that depend on the pair alone: no feature says anything by itself."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame({"user": rng.choice(list("abcd"), n), "ad": rng.integers(0, 4, n)})
    same = X["user"].isin(["a", "b"]) == X["ad"].isin([0, 1])
    return X, (rng.random(n) < np.where(same, 0.8, 0.2)).astype(int)


@pytest.mark.parametrize(
    ("method", "low", "high"), [("linear", 0.4, 0.6), ("fm", 0.75, 0.83), ("deep", 0.75, 0.83)]
)
def test_only_models_of_pairs_learn_pairs(method, low, high):
    X, y = interactions()
    model = advertising.ResponseModel(
        method, n_buckets=1024, epochs=30, learning_rate=0.03, device="cpu"
    )
    model.fit(X[:2000], y[:2000])
    assert low < model.score(X[2000:], y[2000:]) < high, "0.8 is the best possible"
    assert np.allclose(model.predict_proba(X).sum(1), 1)
    unseen = pd.DataFrame({"user": ["nobody"], "ad": [77]})
    assert 0.3 < model.predict_proba(unseen)[0, 1] < 0.7, "a category never seen says nothing"


def test_hashing_without_collisions_is_one_hot_encoding():
    X, y = interactions()
    model = advertising.ResponseModel("linear", n_buckets=2**20).fit(X, y)
    columns = pd.get_dummies(X.astype(str)).astype(float)
    ours = model.predict_proba(X)[:, 1]
    assert np.allclose(
        ours,
        LogisticRegression(C=1.0, max_iter=300).fit(columns, y).predict_proba(columns)[:, 1],
        atol=1e-3,
    )


IDS = np.random.default_rng(3).integers(0, 5, 600)
RESPONSES = (np.random.default_rng(4).random(600) < np.array([0.02, 0.1, 0.3, 0.6, 0.9])[IDS]) * 1


def response_model(cells):
    return advertising.ResponseModel(n_buckets=256).fit(pd.DataFrame({"ad": cells}), RESPONSES)


@pytest.mark.parametrize(
    "kept",
    [
        IDS.astype(float),
        IDS.astype(np.float32),
        IDS.astype(np.float16),
        IDS.astype(np.uint8),
        pd.array(IDS, dtype="Int64"),
        pd.array(IDS, dtype="Float64"),
        pd.Categorical(IDS),
        pd.Categorical(IDS.astype(float)),
        IDS.astype(object),
        [np.int64(i) for i in IDS],
        [Decimal(int(i)) for i in IDS],
        [[i] for i in IDS.tolist()],
        [(i,) for i in IDS.tolist()],
        [{i} for i in IDS.tolist()],
        [np.array([i]) for i in IDS],
        [np.array([i], np.float32) for i in IDS],
        [pd.array([i], dtype="Int64") for i in IDS],
    ],
    ids=lambda kept: f"{getattr(kept, 'dtype', type(kept[0]).__name__)}",
)
def test_a_category_has_one_name_whatever_keeps_it(kept):
    learned = response_model(IDS)
    same = learned.predict_proba(pd.DataFrame({"ad": kept}))
    assert (same == learned.predict_proba(pd.DataFrame({"ad": IDS}))).all()
    assert (same == response_model(kept).predict_proba(pd.DataFrame({"ad": IDS}))).all()


STAMPS = pd.Timestamp("2024-01-01") + pd.to_timedelta(IDS, "D")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (IDS < 2, (IDS < 2).astype(int)),
        (IDS < 2, pd.array(IDS < 2, dtype="boolean")),
        (IDS / 10, (IDS / 10).astype(np.float32)),
        (IDS / 3, (IDS / 3).astype(np.float32)),
        (IDS * 0.1, IDS * 0.3 / 3),
        (IDS.astype(str), pd.array(IDS.astype(str), dtype="string")),
        (IDS.astype(str), pd.Categorical(IDS.astype(str))),
        (STAMPS, STAMPS.astype("datetime64[s]")),
        (STAMPS, [stamp.date() for stamp in STAMPS]),
        (STAMPS.tz_localize("UTC"), STAMPS.tz_localize("UTC").tz_convert("Asia/Shanghai")),
        (pd.cut(IDS, [-1, 1, 4]), pd.cut(IDS, [-1.0, 1.0, 4.0])),
        ([["a", "b"]] * 600, [np.array(["b", "a"])] * 600),
        ([[2, "a"]] * 600, [["a", "2"]] * 600),
        ([[]] * 600, [()] * 600),
    ],
)
def test_equal_categories_have_one_name(one, other):
    names = [
        [sorted(cell) for cell in category_names(pd.Series(cells))[0]] for cells in (one, other)
    ]
    assert names[0] == names[1]


@pytest.mark.parametrize(
    ("before", "now", "says"),
    [
        (IDS, IDS.astype(str), "held numbers in training and holds text now"),
        (IDS.astype(str), IDS, "held text in training and holds numbers now"),
        (IDS.astype(str), IDS.astype(float), "held text in training and holds numbers now"),
        (IDS, pd.Categorical(IDS.astype(str)), "holds text now"),
        (IDS, STAMPS, "holds dates now"),
        (STAMPS, STAMPS.tz_localize("UTC"), "holds dates with a time zone now"),
        (IDS, [[str(i)] for i in IDS], "holds text now"),
        (IDS, pd.cut(IDS, [-1, 1, 4]), "holds ranges now"),
        (IDS, [{"id": 1}] * 600, "row 0: {'id': 1}: it is no category"),
        (IDS, [[[1]]] * 600, r"row 0: \[1\]: it is no category"),
        (IDS, [[1, None]] * 600, "row 0: None: a category is missing"),
        (IDS, [object()] * 600, "it is no category"),
        (IDS, np.where(IDS == 3, 2.0**53, IDS), "has lost digits"),
        (IDS, np.where(IDS == 3, 2**24, IDS).astype(np.float32), "has lost digits"),
        (IDS, [[1e300]] * 600, "has lost digits"),
    ],
)
def test_a_column_of_another_kind_than_in_training_is_refused(before, now, says):
    with pytest.raises(UserError, match=says) as error:
        response_model(before).predict_proba(pd.DataFrame({"ad": now}))
    assert "\n" not in str(error.value) and "'ad'" in str(error.value)


def test_ids_beyond_the_digits_of_a_float_are_whole_numbers_or_text():
    for kind in (np.int64, str, object):
        names, _ = category_names(pd.Series((IDS + 2**60).astype(kind)))
        assert {name for (name,) in names} == {str(2**60 + i) for i in range(5)}


def test_a_mixed_column_takes_either_kind():
    mixed = [i if i % 2 else str(i) for i in IDS.tolist()]
    learned = response_model(mixed)
    expected = learned.predict_proba(pd.DataFrame({"ad": mixed}))
    for kept in (IDS, IDS.astype(str)):
        assert (learned.predict_proba(pd.DataFrame({"ad": kept})) == expected).all()


def test_columns_more_or_less_than_in_training_are_told():
    learned = response_model(IDS)
    with pytest.raises(UserError, match="the frame has columns that training didn't: 'user'"):
        learned.predict(pd.DataFrame({"ad": IDS, "user": 1}))
    with pytest.raises(UserError, match="the frame has no column 'ad'; did you mean 'ads'"):
        learned.predict(pd.DataFrame({"ads": IDS}))


def test_the_epoch_that_validation_likes_best_is_kept():
    X, y = interactions(400)
    model = advertising.ResponseModel(
        "fm", n_buckets=256, epochs=15, learning_rate=0.1, device="cpu"
    )
    model.fit(X[:100], y[:100], validation=(X[100:], y[100:]))
    assert np.isclose(
        log_loss(y[100:], model.predict_proba(X[100:])), min(model.losses_), atol=1e-6
    )


def arms(n, seed, rates, contexts=None):
    rng = np.random.default_rng(seed)
    item = rng.integers(0, rates.shape[-1], n)
    rate = rates[item] if contexts is None else rates[contexts[:, 1].astype(int), item]
    return pd.DataFrame(
        {
            "item_id": item,
            "click": (rng.random(n) < rate).astype(int),
            "propensity": 1 / rates.shape[-1],
        }
    )


LEARNERS = [
    bandits.EpsilonGreedy(0.1),
    bandits.UCB(),
    bandits.ThompsonSampling(),
    bandits.LinUCB(1.0),
]


@pytest.mark.parametrize("learner", LEARNERS, ids=lambda learner: type(learner).__name__)
def test_learners_find_the_best_arm_by_replay(learner):
    log = arms(20_000, 0, np.array([0.1, 0.2, 0.6]))
    advertising.replay(learner, log)
    assert abs(learner.matched_ - 20_000 / 3) < 300, (
        "one impression in three is one that the learner would have made"
    )
    assert learner.rate_ > 0.5 and (learner.shown_[-1000:] == 2).mean() > 0.8
    assert learner.clicks_ == learner.history_.sum() == round(learner.rate_ * learner.matched_)
    contexts = np.ones((200, 1))
    assert (learner.predict(contexts) == 2).mean() > 0.8 and learner.predict().shape == (1,)
    assert (learner.predict(contexts) == learner.predict(contexts)).all(), "the same every time"


def test_replay_gives_the_rate_that_the_policy_has_online():
    rates, seeds = np.array([0.2, 0.5]), range(300)
    replayed = [
        advertising.replay(bandits.EpsilonGreedy(0.2, seed), arms(400, seed, rates))
        .history_[:150]
        .mean()
        for seed in seeds
    ]
    online = []
    for seed in seeds:
        rng, n, k, clicks = np.random.default_rng(1000 + seed), np.zeros(2), np.zeros(2), 0
        for _ in range(150):
            means = np.where(n > 0, k / np.maximum(n, 1), np.inf)
            best = rng.choice(np.flatnonzero(means == means.max()))
            arm = rng.integers(2) if rng.random() < 0.2 else best
            reward = rng.random() < rates[arm]
            n[arm], k[arm], clicks = n[arm] + 1, k[arm] + reward, clicks + reward
        online.append(clicks / 150)
    error = np.hypot(np.std(replayed), np.std(online)) / len(seeds) ** 0.5
    assert abs(np.mean(replayed) - np.mean(online)) < 4 * error


def test_only_linucb_uses_who_is_looking():
    contexts = np.column_stack([np.ones(10_000), np.random.default_rng(1).integers(0, 2, 10_000)])
    log = arms(10_000, 0, np.array([[0.6, 0.1], [0.1, 0.6]]), contexts)
    linear = advertising.replay(bandits.LinUCB(0.5), log, contexts)
    assert linear.rate_ > 0.55 and advertising.replay(bandits.ThompsonSampling(), log).rate_ < 0.4


def test_linucb_holds_the_ridge_regression_of_each_arm():
    rng = np.random.default_rng(0)
    X, clicks = rng.normal(size=(200, 3)), rng.integers(0, 2, 200)
    learner = bandits.LinUCB().fit(
        np.zeros(200, int), clicks, X
    )  # one arm only: every impression counts
    ridge = Ridge(alpha=1.0, fit_intercept=False).fit(X, clicks)
    assert learner.matched_ == 200 and np.allclose(learner.theta_[0], ridge.coef_, atol=1e-10)
    assert np.allclose(learner.inverse_[0], np.linalg.inv(np.eye(3) + X.T @ X), atol=1e-10)


@settings(max_examples=50, deadline=None)
@given(st.floats(0.01, 5), st.integers(0, 99))
def test_no_bid_beats_the_truth_in_a_second_price_auction(bid, seed):
    prices = np.random.default_rng(seed).lognormal(0, 1, 50)

    def profit(b):
        won, cost = advertising.second_price(np.full(50, b), prices)
        return np.where(won, 1.0, 0.0) - cost

    assert (profit(1.0) >= profit(bid)).all(), "auction by auction, not only on average"


def day(n=20_000, seed=0):
    rng = np.random.default_rng(seed)
    return np.sort(rng.integers(0, 100, n)), rng.lognormal(0, 0.5, n), rng.lognormal(0, 1, n)


def test_pacing_spends_the_budget_over_the_day_and_buys_more_with_it():
    day_of, budget = day(), 3000.0
    plain, paced = (
        advertising.run_campaign(*day_of, budget),
        advertising.run_campaign(*day_of, budget, gain=0.2),
    )
    assert budget <= plain["spend"].sum() and (plain["spend"] > 0).sum() <= 55, "spent by noon"
    assert abs(paced["spend"].sum() / budget - 1) < 0.1 and (paced["spend"] > 0).sum() > 95
    assert paced["value"].sum() > 1.1 * plain["value"].sum()
    free = advertising.run_campaign(*day_of, budget, stop=False)
    won, cost = advertising.second_price(day_of[1], day_of[2])
    assert advertising.run_campaign([0, 2], [2.0, 2.0], [1.0, 1.0], 9.0)["spend"].tolist() == [
        1,
        0,
        1,
    ], "an hour without posts"
    assert np.isclose(free["spend"].sum(), cost.sum()) and np.isclose(
        free["value"].sum(), day_of[1][won].sum()
    )


GOOD = log_of(100, 0)
UNIFORM = GOOD.assign(propensity=1 / 3)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (
            lambda: advertising.click_rates(GOOD.rename(columns={"click": "clicks"}), ["item_id"]),
            "did you mean 'clicks'",
        ),
        (
            lambda: advertising.click_rates(GOOD.assign(click=2), ["item_id"]),
            "'click' must be 0 or 1; one is 2",
        ),
        (lambda: advertising.click_rates(GOOD.head(0), ["item_id"]), "no rows"),
        (
            lambda: advertising.off_policy_value(GOOD, POLICY, "ipw"),
            "there is no method 'ipw': did you mean 'ips'",
        ),
        (
            lambda: advertising.off_policy_value(GOOD.assign(propensity=0.0), POLICY),
            "must lie above 0",
        ),
        (
            lambda: advertising.off_policy_value(GOOD.assign(click=np.nan), POLICY),
            "misses 100 values",
        ),
        (
            lambda: advertising.off_policy_value(GOOD, POLICY.assign(probability=0.1)),
            "must sum to 1 at each position",
        ),
        (
            lambda: advertising.off_policy_value(GOOD, POLICY[:3]),
            "the policy says nothing of position 2",
        ),
        (
            lambda: advertising.off_policy_value(GOOD[GOOD["item_id"] < 2], POLICY),
            "shows item 2 at position 1",
        ),
        (lambda: advertising.replay(bandits.UCB(), GOOD), "uniformly random policy"),
        (
            lambda: advertising.replay(bandits.UCB(), GOOD.assign(propensity=0.5), np.ones((3, 1))),
            "contexts has 3 rows: 100 are needed",
        ),
        (
            lambda: advertising.ResponseModel("xgb").fit(GOOD[["item_id"]], GOOD["click"]),
            "there is no method 'xgb'",
        ),
        (
            lambda: (
                advertising.ResponseModel()
                .fit(GOOD[["item_id"]], GOOD["click"])
                .predict(GOOD[["click"]])
            ),
            "no column 'item_id'",
        ),
        (lambda: advertising.impressions_needed(0.1, 0.1), "two different rates"),
        (lambda: advertising.impressions_needed(0.1, 0.2, power=0.0), "a power above 0.025"),
        (
            lambda: advertising.run_campaign([0], [1.0], [1.0], budget=-1),
            "budget must be above 0; it is -1",
        ),
        (
            lambda: advertising.run_campaign([0], [np.nan], [1.0], budget=1),
            "values must be at least 0; place 0 holds nan",
        ),
        (
            lambda: advertising.run_campaign([-1], [1.0], [1.0], budget=1),
            "interval must be whole and at least 0",
        ),
        (
            lambda: advertising.run_campaign([0, 1], [1.0, 1.0], [1.0], budget=1),
            "prices: 2 are needed",
        ),
        (
            lambda: advertising.run_campaign([0], [1.0], [1.0], budget=1, gain=np.nan),
            "gain must be at least 0; it is nan",
        ),
        (
            lambda: advertising.second_price([1.0], [np.nan]),
            "prices must be at least 0; place 0 holds nan",
        ),
        (lambda: advertising.second_price([-1.0], [1.0]), "bids must be at least 0"),
        (
            lambda: advertising.calibration_table([0, 1], [0.5, 2]),
            "scores must be at least 0 and at most 1; place 1 holds 2",
        ),
        (lambda: advertising.calibration_table([0, 1], [0.5, np.nan]), "place 1 holds nan"),
        (lambda: advertising.calibration_table([0, np.nan], [0.5, 0.5]), "labels: 1 are missing"),
        (
            lambda: advertising.calibration_table([0], [0.5], bins=0),
            "bins must be whole and at least 1",
        ),
        (lambda: advertising.click_rates(GOOD, "item_id"), "`by` is a list of columns"),
        (lambda: advertising.click_rates(GOOD, ["item_id"], "wald"), "there is no method 'wald'"),
        (
            lambda: advertising.shown_shares(GOOD.assign(item_id=None)),
            "'item_id' misses 100 values",
        ),
        (
            lambda: advertising.off_policy_value(GOOD, POLICY, smoothing=-1),
            "smoothing must be at least 0",
        ),
        (
            lambda: advertising.replay(bandits.UCB(), GOOD.assign(propensity=2)),
            "must lie above 0 and not above 1",
        ),
        (
            lambda: advertising.replay(bandits.LinUCB(), UNIFORM, np.full((100, 1), np.nan)),
            "contexts: Input contains NaN",
        ),
        (lambda: bandits.UCB().fit([0, 1], [1]), "2 rows but 1 clicks"),
        (lambda: bandits.UCB().fit([0, None], [0, 1]), "items: 1 are missing"),
        (
            lambda: bandits.ThompsonSampling().fit([0, 1], [0, -1]),
            "clicks must be 0 or 1; one is -1",
        ),
        (lambda: bandits.ThompsonSampling().fit([], []), "there must be some"),
        (lambda: advertising.ResponseModel().fit(None, [0]), "a pandas DataFrame is needed"),
        (
            lambda: advertising.ResponseModel().fit(GOOD[["item_id"]], [0, 1]),
            "100 rows but 2 responses",
        ),
        (
            lambda: advertising.ResponseModel().fit(GOOD[["item_id"]], [0] * 100),
            "responses: .* one class",
        ),
        (
            lambda: advertising.ResponseModel().fit(
                GOOD[["item_id"]].assign(item_id=None), GOOD["click"]
            ),
            "misses 100 values",
        ),
        (
            lambda: advertising.ResponseModel("fm").fit(
                GOOD[["item_id"]], GOOD["click"], (GOOD[["item_id"]], [2] * 100)
            ),
            "responses must be 0 or 1; one is 2",
        ),
    ],
)
def test_what_a_user_can_get_wrong_is_told_in_one_line(call, says):
    with pytest.raises(UserError, match=says) as error:
        call()
    assert "\n" not in str(error.value)
