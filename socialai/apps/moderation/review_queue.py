"""A review queue that feeds the training set."""

import numpy as np
import pandas as pd
from sklearn.base import ClassifierMixin, clone
from sklearn.metrics import f1_score

from socialai.errors import UserError
from socialai.validation import (
    check_choice,
    check_labels,
    check_matrix,
    check_number,
    generator_seed,
)

STRATEGIES = ("uncertainty", "likely", "random")


def review_queue(
    model: ClassifierMixin,
    X,
    y,
    X_test,
    y_test,
    strategy: str = "uncertainty",
    start: int = 40,
    batch: int = 20,
    rounds: int = 10,
    seed: int = 0,
) -> pd.DataFrame:
    """A simulated queue: people label `batch` posts a round, and the model learns from all so far.

    model: an unfitted classifier with predict_proba on vectors X (n, d); y (n,) of 0 and 1 plays
    the people. strategy: "uncertainty" takes the posts nearest to 0.5 (Lewis and Gale 1994),
    "likely" the most probable violations, as a queue sorted by risk does, "random" any. All begin
    with the same `start` random posts of a seed.
    Returns a frame: strategy, seed, labels, macro_f1 (on the test vectors), found (violations
    labelled so far).
    """
    wanted = ("fit", "predict_proba", "get_params")
    if isinstance(model, type) or not all(hasattr(model, name) for name in wanted):
        raise UserError(f"a classifier with predict_proba is needed, not {type(model).__name__}")
    X = check_matrix(X)
    X_test = check_matrix(X_test, "X_test", shape=(None, X.shape[1]))
    y = check_labels(y, len(X), (0, 1)).astype(int)
    y_test = check_labels(y_test, len(X_test), (0, 1)).astype(int)
    start = check_number(start, "start", 1, whole=True)
    batch = check_number(batch, "batch", 1, whole=True)
    rounds = check_number(rounds, "rounds", 0, whole=True)
    check_choice(strategy, STRATEGIES, "strategy")
    if start + rounds * batch > len(X):
        raise UserError(
            f"the queue runs dry: {start} + {rounds} x {batch} posts asked for, there are {len(X)}"
        )

    order = np.random.default_rng(generator_seed(seed)).permutation(len(X))
    labelled = order[:start]
    waiting = order[start:]
    rows = []
    for _ in range(rounds + 1):
        # Learn from what is labelled so far.
        if len(np.unique(y[labelled])) < 2:
            raise UserError(
                f"the {len(labelled)} posts labelled so far are of one class: start with more"
            )
        fitted = clone(model).fit(X[labelled], y[labelled])
        macro_f1 = f1_score(y_test, fitted.predict(X_test), average="macro")
        rows.append((strategy, seed, len(labelled), macro_f1, int(y[labelled].sum())))

        # Choose the next batch; after the last round nothing may be left to rank.
        if not len(waiting):
            break
        ranked = waiting[_rank(fitted.predict_proba(X[waiting])[:, 1], strategy)]
        labelled = np.concatenate([labelled, ranked[:batch]])
        waiting = ranked[batch:]
    return pd.DataFrame(rows, columns=["strategy", "seed", "labels", "macro_f1", "found"])


def _rank(p: np.ndarray, strategy: str) -> np.ndarray:
    """Places of the posts in the order in which people get them, from their probabilities (n,)."""
    if strategy == "uncertainty":
        return np.argsort(abs(p - 0.5), kind="stable")
    if strategy == "likely":
        return np.argsort(-p, kind="stable")
    return np.arange(len(p))  # they wait in random order
