"""Recommenders against formulas and libraries, the metric against scikit-learn, users' mistakes."""

import doctest
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.metrics import ndcg_score

from socialai.apps import recommendation
from socialai.apps.recommendation import neural
from socialai.errors import UserError


def two_tastes(n_users=40, n_items=30, seed=0):
    """Even users rate even items, odd users odd ones: half of their kind each."""
    rng = np.random.default_rng(seed)
    rows = [(u, i) for u in range(n_users) for i in range(u % 2, n_items, 2) if rng.random() < 0.5]
    frame = pd.DataFrame(rows, columns=["user_id", "item_id"])
    frame["time"] = pd.Timestamp("2020-01-01") + pd.to_timedelta(
        rng.integers(0, 1000, len(frame)), "h"
    )
    return frame.assign(rating=rng.integers(3, 6, len(frame)))


RATINGS = two_tastes()
TITLES = pd.DataFrame(
    np.random.default_rng(1).normal(size=(32, 4)) + 4 * (np.arange(32) % 2)[:, None]
)
MODELS = [
    recommendation.Popularity(),
    recommendation.SAR(),
    recommendation.SVD(dim=8),
    recommendation.ALS(dim=4),
    recommendation.BPR(dim=8, epochs=60, batch_size=16),
    recommendation.Implicit("als", dim=4),
    recommendation.Implicit("bpr", dim=8, epochs=200, options={"learning_rate": 0.1}),
    neural.LightGCN(dim=8, epochs=60),
    neural.TwoTower(dim=8, epochs=100, batch_size=64),
]
names = [f"{type(m).__name__}{getattr(m, 'method', '')}" for m in MODELS]


def test_the_docstring_runs():
    outcome = doctest.testmod(recommendation)
    assert outcome.attempted >= 3 and outcome.failed == 0


# --- the metric and the splits ---
@settings(max_examples=50, deadline=None)
@given(st.integers(2, 30), st.integers(1, 12), st.integers(0, 999))
def test_ndcg_equals_scikit_learn(n_items, k, seed):
    rng = np.random.default_rng(seed)
    relevant = rng.random((5, n_items)) < 0.4
    relevant[:, 0] = True
    scores = rng.permuted(np.tile(np.arange(n_items), (5, 1)), axis=1)
    hits = np.take_along_axis(relevant, np.argsort(-scores, 1)[:, :k], 1).astype(float)
    ours = recommendation.ndcg(hits, relevant.sum(1))
    assert ours.mean() == pytest.approx(ndcg_score(relevant, scores, k=k), abs=1e-12)
    assert ((ours >= 0) & (ours <= 1)).all()


def test_lists_are_judged_by_rank_and_a_user_without_a_list_scores_zero():
    test = pd.DataFrame({"user_id": ["a", "a", "b"], "item_id": [1, 2, 3]})
    lists = pd.DataFrame({"user_id": ["a", "a", "a"], "item_id": [9, 1, 2], "rank": [1, 2, 3]})
    scores = recommendation.evaluate_lists(lists, test, k=2)
    ideal = 1 + 1 / np.log2(3)
    assert scores.loc["a"].tolist() == pytest.approx([1 / np.log2(3) / ideal, 0.5, 0.5, 2])
    assert scores.loc["b"].tolist() == [0, 0, 0, 1]


@pytest.mark.parametrize(
    "split",
    [
        recommendation.split_per_user,
        recommendation.split_by_time,
        lambda r: recommendation.split_by_time(r, per_user=True),
    ],
)
def test_a_split_loses_nothing_and_shares_nothing(split):
    train, test = split(RATINGS)
    assert sorted([*train.index, *test.index]) == list(RATINGS.index) and len(train) / len(
        RATINGS
    ) == pytest.approx(0.75, abs=0.03)


def test_the_future_is_not_in_training():
    train, test = recommendation.split_by_time(RATINGS)
    assert train["time"].max() <= test["time"].min()
    train, test = recommendation.split_by_time(RATINGS, per_user=True)
    last, first = train.groupby("user_id")["time"].max(), test.groupby("user_id")["time"].min()
    assert (last <= first).all()


def test_coverage_popularity_and_novelty_of_a_list_known_by_heart():
    train = pd.DataFrame({"user_id": [1, 2, 3, 4, 1], "item_id": ["a", "a", "a", "a", "b"]})
    lists = pd.DataFrame({"user_id": [2, 3], "item_id": ["b", "b"], "rank": [1, 1]})
    assert recommendation.beyond_accuracy(lists, train) == pytest.approx(
        {"coverage": 0.5, "popularity": 0.25, "novelty": 2.0}
    )


# --- the models ---
@pytest.mark.parametrize("model", MODELS, ids=names)
def test_every_model_clones_and_reproduces_and_never_repeats_what_was_rated(model):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        lists = clone(model).fit(RATINGS).recommend(k=5)
        again = clone(model).fit(RATINGS).recommend(k=5)
    pd.testing.assert_frame_equal(lists, again)
    assert (
        lists.groupby("user_id")["rank"]
        .apply(list)
        .map(lambda ranks: ranks == [1, 2, 3, 4, 5])
        .all()
    )
    assert lists.merge(RATINGS, on=["user_id", "item_id"]).empty


@pytest.mark.parametrize(
    "model",
    [
        m
        for m in MODELS
        if not isinstance(m, recommendation.Popularity | recommendation.RatingModel)
    ],
    ids=lambda m: f"{type(m).__name__}{getattr(m, 'method', '')}",
)
def test_models_of_interest_tell_two_tastes_apart(model):
    lists = clone(model).fit(RATINGS).recommend(k=3)
    own = (lists["user_id"] % 2 == lists["item_id"] % 2).mean()
    assert own > 0.9, "half would be chance"


def test_jaccard_and_sar_equal_loops_over_sets():
    model = recommendation.SAR(half_life_days=10).fit(RATINGS)
    raters = RATINGS.groupby("item_id")["user_id"].apply(set)
    rows = RATINGS[RATINGS["user_id"] == 3]
    age = (RATINGS["time"].max() - rows["time"]).dt.total_seconds() / 86400
    affinity = rows["rating"] * 0.5 ** (age / 10)
    for item in model.items_:
        jaccard = [
            len(raters[item] & raters[j]) / len(raters[item] | raters[j]) for j in rows["item_id"]
        ]
        expected = float((affinity * jaccard).sum())
        assert model._scores(np.array([3]))[
            0, np.flatnonzero(model.items_ == item)[0]
        ] == pytest.approx(expected)


def test_svd_with_batches_of_one_equals_the_sequential_loop():
    model = recommendation.SVD(dim=3, epochs=2, batch_size=1, seed=5).fit(RATINGS)
    generator = torch.Generator().manual_seed(5)
    p, q = (
        0.1 * torch.randn(len(x), 3, generator=generator).numpy()
        for x in (model.users_, model.items_)
    )
    b, c, y = np.zeros(len(p)), np.zeros(len(q)), RATINGS["rating"].to_numpy(float)
    for _ in range(2):
        for row in torch.randperm(len(y), generator=generator).tolist():
            u, i = RATINGS["user_id"][row], RATINGS["item_id"][row]
            e = y[row] - y.mean() - b[u] - c[i] - p[u] @ q[i]
            b[u], c[i] = b[u] + 0.005 * (e - 0.02 * b[u]), c[i] + 0.005 * (e - 0.02 * c[i])
            p[u], q[i] = (
                p[u] + 0.005 * (e * q[i] - 0.02 * p[u]),
                q[i] + 0.005 * (e * p[u] - 0.02 * q[i]),
            )
    pairs = RATINGS.head(20)
    expected = (
        y.mean()
        + b[pairs["user_id"]]
        + c[pairs["item_id"]]
        + (p[pairs["user_id"]] * q[pairs["item_id"]]).sum(1)
    )
    assert model.predict(pairs) == pytest.approx(expected, abs=1e-5)


def test_the_half_step_of_als_equals_ridge_regression():
    rng = np.random.default_rng(0)
    other, ratings = rng.normal(size=(12, 3)), rng.integers(1, 6, 8).astype(float)
    columns = rng.choice(12, 8, replace=False)
    solved = recommendation.least_squares(
        other, sparse.csr_matrix((ratings, (np.zeros(8, int), columns)), (2, 12)), 0.1
    )
    ridge = Ridge(alpha=0.1 * 8, fit_intercept=False).fit(other[columns], ratings)
    assert solved[0] == pytest.approx(ridge.coef_) and not solved[1].any(), (
        "a row without ratings stays at zero"
    )


@pytest.mark.parametrize("n_layers", [0, 1, 3])
def test_propagation_equals_the_dense_formula_in_values_and_gradients(n_layers):
    seen = recommendation.Popularity().fit(RATINGS).seen_
    sparse_a, full = neural.bipartite_adjacency(seen), seen.toarray()
    a = np.block([[np.zeros((len(full),) * 2), full], [full.T, np.zeros((full.shape[1],) * 2)]])
    degree = a.sum(1)
    dense = torch.tensor(a / np.sqrt(np.outer(degree, degree)), dtype=torch.float32)
    x, y = (
        torch.randn(len(a), 5, generator=torch.Generator().manual_seed(0)).requires_grad_()
        for _ in "xy"
    )
    ours = neural.propagate(neural.to_torch_csr(sparse_a), x, n_layers)
    theirs = sum(torch.linalg.matrix_power(dense, n) @ y for n in range(n_layers + 1)) / (
        n_layers + 1
    )
    assert (ours - theirs).abs().max() < 1e-6
    ours.pow(3).sum().backward(), theirs.pow(3).sum().backward()
    assert (x.grad - y.grad).abs().max() < 1e-5


def test_a_new_item_is_recommended_by_its_features_alone():
    model = neural.TwoTower(item_features=TITLES, item_ids=False, dim=8, epochs=30).fit(RATINGS)
    assert set(model.items_) > set(RATINGS["item_id"])
    best = model.recommend(k=1, candidates=[30, 31])  # nobody rated these two
    assert (best["user_id"] % 2 == best["item_id"] % 2).mean() > 0.9


# --- small and odd data ---
FEW = pd.DataFrame(
    [(u, i) for u, items in enumerate(["pqr", "pqs", "prs", "xyz", "xyw", "xy"]) for i in items],
    columns=["user_id", "item_id"],
).assign(rating=1.0)


@pytest.mark.parametrize(
    ("n", "batch_size", "epochs", "steps"),
    [(17, 256, 15, 15), (17, 17, 3, 3), (17, 16, 10, 10), (17, 4, 10, 42), (1, 8, 2, 2)],
)
def test_bpr_takes_a_step_an_epoch_or_more_of_no_more_triples_than_ratings(
    monkeypatch, n, batch_size, epochs, steps
):
    sizes = []
    sigmoid = torch.sigmoid
    monkeypatch.setattr(torch, "sigmoid", lambda x: sizes.append(len(x)) or sigmoid(x))
    recommendation.BPR(dim=4, epochs=epochs, batch_size=batch_size).fit(FEW.head(n))
    assert len(sizes) == steps and max(sizes) <= min(n, batch_size)


def test_bpr_learns_from_few_ratings_what_every_seed_learns():
    best = [
        recommendation.BPR(dim=8, epochs=200, seed=seed).fit(FEW).recommend([5], k=2)
        for seed in range(4)
    ]
    assert all(set(lists["item_id"]) == {"z", "w"} for lists in best)


@pytest.mark.parametrize("model", MODELS, ids=names)
def test_who_has_rated_all_but_one_gets_one(model):
    rows = [(u, i) for u in range(3) for i in "abcd"[: 4 - u]]
    log = pd.DataFrame(rows, columns=["user_id", "item_id"]).assign(
        rating=[1 + n % 3 for n in range(len(rows))], time=pd.Timestamp("2024-01-01")
    )
    model = clone(model).fit(log)
    lists = model.recommend(k=10**6)
    assert lists["user_id"].tolist() == [1, 2, 2] and set(lists["item_id"]) == {"c", "d"}
    assert model.recommend([0], k=2).empty
    assert model.recommend([2, 1], candidates=["a", "d"])["item_id"].tolist() == ["d", "d"]
    assert model.recommend([2], candidates=["a", "b"]).empty


@pytest.mark.parametrize("model", MODELS, ids=names)
def test_one_rating_is_learned_from(model):
    one = RATINGS.head(1)
    if isinstance(model, neural.LightGCN):
        with pytest.raises(UserError, match="nothing left to recommend"):
            clone(model).fit(one)
    else:
        assert clone(model).fit(one).recommend(k=3).empty


def test_what_diverged_recommends_nothing():
    for model in (
        recommendation.SVD(dim=2, learning_rate=1e6),
        neural.TwoTower(dim=2, temperature=1e-300),
        recommendation.Implicit("bpr", dim=2, options={"learning_rate": 1e30}),
    ):
        with pytest.raises(UserError, match="learning diverged"):
            model.fit(RATINGS)
        with pytest.raises(NotFittedError):
            model.recommend(k=1)


def test_jaccard_counts_alike_in_every_type():
    seen = np.ones((300, 2))
    seen[:100, 1] = 0
    for kind in (float, np.float32, bool, np.int8, int):
        for matrix in (seen.astype(kind), sparse.csr_matrix(seen.astype(kind))):
            assert recommendation.jaccard(matrix)[0].tolist() == pytest.approx([1, 2 / 3])


def test_lists_are_judged_to_any_depth():
    scores = recommendation.evaluate_lists(LISTS, RATINGS, k=10**9)
    assert (scores["precision"] <= scores["recall"]).all()
    expected = recommendation.evaluate_lists(LISTS, RATINGS, k=30)
    assert scores[["ndcg", "recall"]].equals(expected[["ndcg", "recall"]])


def test_a_user_who_rated_twice_counts_once():
    train = pd.DataFrame({"user_id": [1, 1, 2], "item_id": ["a", "a", "b"]})
    lists = pd.DataFrame({"user_id": [2], "item_id": ["a"]})
    found = recommendation.beyond_accuracy(lists, train)
    assert found == pytest.approx({"coverage": 0.5, "popularity": 0.5, "novelty": 1.0})


# --- what users get wrong ---
FITTED = recommendation.SVD(dim=2, epochs=1).fit(RATINGS)
LISTS = recommendation.Popularity().fit(RATINGS).recommend(k=2)


@pytest.mark.parametrize(
    ("act", "says"),
    [
        (
            lambda: recommendation.SAR().fit(RATINGS.rename(columns={"user_id": "user"})),
            "no column 'user_id'; did you mean 'user'",
        ),
        (lambda: recommendation.SAR().fit(RATINGS.drop(columns="time")), "no column 'time'"),
        (lambda: recommendation.SVD().fit(RATINGS.head(0)), "the frame has no rows"),
        (
            lambda: recommendation.SVD().fit(RATINGS.assign(rating="good")),
            "column 'rating' must hold numbers",
        ),
        (lambda: recommendation.SVD().fit(RATINGS.assign(rating=np.nan)), "column 'rating' misses"),
        (
            lambda: recommendation.SVD().fit(pd.concat([RATINGS, RATINGS.head(2)])),
            "2 rows repeat a pair of user_id and item_id",
        ),
        (lambda: FITTED.recommend([1, 77]), "user 77 was not in training"),
        (lambda: FITTED.recommend([]), "no user was named"),
        (lambda: FITTED.recommend([1], candidates=[99]), "item 99 was not in training"),
        (
            lambda: FITTED.predict(pd.DataFrame({"user_id": [1], "item_id": [99]})),
            "item 99 was not in training",
        ),
        (
            lambda: recommendation.Implicit("pls").fit(RATINGS),
            "there is no method 'pls': did you mean 'als'?",
        ),
        (
            lambda: neural.TwoTower(item_features=TITLES.head(3)).fit(RATINGS),
            "item 3 was not in item_features",
        ),
        (
            lambda: neural.TwoTower(item_ids=False).fit(RATINGS),
            "needs item_features or an embedding",
        ),
        (lambda: recommendation.split_per_user(RATINGS.head(0)), "the frame has no rows"),
        (
            lambda: recommendation.split_per_user(RATINGS, 2),
            "train must be at least 0 and at most 1; it is 2",
        ),
        (
            lambda: recommendation.split_by_time(RATINGS, per_user="no"),
            "per_user is True or False, not 'no'",
        ),
        (
            lambda: recommendation.split_by_time(RATINGS, np.nan),
            "train must be at least 0 and at most 1; it is nan",
        ),
        (
            lambda: recommendation.SVD().fit(
                RATINGS.assign(user_id=["a", *RATINGS["user_id"][1:]])
            ),
            "can't be mixed",
        ),
        (
            lambda: recommendation.SAR().fit(RATINGS.assign(time=3)),
            "column 'time' must hold dates; it holds int64",
        ),
        (
            lambda: recommendation.SAR(half_life_days=0).fit(RATINGS),
            "half_life_days must be above 0",
        ),
        (
            lambda: recommendation.SVD(2, 5).fit(RATINGS.assign(rating=RATINGS.index * 1e20)),
            "learning diverged",
        ),
        (lambda: FITTED.recommend("ann"), "a list of users is needed"),
        (lambda: FITTED.recommend([1], k=0), "k must be whole and at least 1"),
        (lambda: FITTED.recommend([1], k=-1), "k must be whole and at least 1"),
        (lambda: FITTED.recommend([1], k="3"), "k: a number is needed, not '3'"),
        (lambda: FITTED.recommend([1, [2]]), "users: setting an array element"),
        (lambda: FITTED.recommend(user for user in [1]), "a list of users is needed"),
        (lambda: FITTED.recommend([1], candidates="ab"), "a list of items is needed"),
        (
            lambda: FITTED.predict(pd.DataFrame({"user_id": [[1]], "item_id": [2]})),
            r"user \[1\] was not in training",
        ),
        (
            lambda: recommendation.evaluate_lists(LISTS.assign(rank=1), RATINGS),
            "rows repeat a pair of user_id and rank",
        ),
        (lambda: recommendation.jaccard([[2, 0]]), "seen must hold 0 and 1"),
        (lambda: neural.bipartite_adjacency([[0.5]]), "seen must hold 0 and 1"),
        (lambda: neural.to_torch_csr("abc"), "matrix: numbers in rows and columns are needed"),
        (
            lambda: neural.propagate(torch.eye(3), torch.ones(2, 2), 1),
            r"adjacency has the shape \(3, 3\) and embeddings \(2, 2\)",
        ),
        (lambda: neural.propagate(np.eye(2), np.eye(2), 1), "must be tensors"),
        (
            lambda: recommendation.ALS(regularization=0).fit(RATINGS.head(9)),
            "ratings in row 0 don't tell 10 factors",
        ),
        (
            lambda: recommendation.least_squares(np.ones((2, 2)), np.ones((1, 2)), 0.1),
            "rows must be a sparse matrix",
        ),
        (
            lambda: recommendation.least_squares(np.ones((2, 2)), sparse.eye(3), 0.1),
            "rows has 3 columns: 2 are needed",
        ),
        (
            lambda: recommendation.Implicit(options={"factors": 3}).fit(RATINGS),
            "options: .* multiple values for keyword argument 'factors'",
        ),
        (lambda: recommendation.Implicit(options={"colour": 3}).fit(RATINGS), "options: .*colour"),
        (lambda: recommendation.Implicit(options=[3]).fit(RATINGS), "options is a dictionary"),
        (lambda: neural.TwoTower(batch_size=1).fit(RATINGS), "batch_size must be whole and at"),
        (
            lambda: neural.TwoTower(TITLES).fit(RATINGS[RATINGS["item_id"] == 4]),
            "one item only was rated",
        ),
        (
            lambda: neural.TwoTower(TITLES.set_axis([np.nan, *range(1, 32)])).fit(RATINGS),
            "one row an item",
        ),
        (lambda: FITTED.recommend([None]), "user None was not in training"),
        (
            lambda: recommendation.evaluate_lists(LISTS.assign(rank=0), RATINGS),
            "column 'rank' must be whole and at least 1",
        ),
        (
            lambda: recommendation.evaluate_lists(pd.concat([LISTS, LISTS]), RATINGS),
            "repeat a pair of user_id and item_id",
        ),
        (
            lambda: recommendation.evaluate_lists(LISTS.astype({"user_id": str}), RATINGS),
            "lists and test: You are trying to merge",
        ),
        (
            lambda: recommendation.evaluate_lists(LISTS, RATINGS, k=0),
            "k must be whole and at least 1",
        ),
        (lambda: recommendation.ndcg([[1, 0]], [0]), "n_relevant must be whole and at least 1"),
        (lambda: recommendation.ndcg([[1, 1]], [1]), "more hits than there are relevant items"),
        (
            lambda: recommendation.beyond_accuracy(LISTS.assign(item_id=99), RATINGS),
            "item 99 was not in training",
        ),
        (lambda: recommendation.jaccard(np.full((2, 2), np.nan)), "seen: Input contains NaN"),
        (lambda: neural.bipartite_adjacency(-np.eye(2)), "seen must be at least 0"),
        (
            lambda: neural.TwoTower(item_features=TITLES * np.nan).fit(RATINGS),
            "item_features: Input contains NaN",
        ),
        (
            lambda: neural.TwoTower(item_features=pd.concat([TITLES, TITLES])).fit(RATINGS),
            "one row an item",
        ),
        (
            lambda: neural.LightGCN().fit(RATINGS.assign(item_id=RATINGS.index, user_id=1)),
            "nothing left to recommend",
        ),
    ],
)
def test_mistakes_are_told_in_one_line(act, says):
    with pytest.raises(UserError, match=says) as error:
        act()
    assert "\n" not in str(error.value)
