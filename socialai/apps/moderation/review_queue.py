"""A review queue that feeds the training set."""

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.metrics import f1_score

from socialai.errors import UserError
from socialai.validation import (
    check_labels,
    check_matrix,
    check_number,
)


def review_queue(
    model,
    X,
    y,
    X_test,
    y_test,
    strategy="uncertainty",
    start: int = 40,
    batch: int = 20,
    rounds: int = 10,
    seed: int = 0,
) -> pd.DataFrame:
    """A simulated queue: people label `batch` posts a round, by `strategy`, and the model learns from all so far.

    model: an unfitted classifier with predict_proba on vectors X (n, d); y (n,) of 0 and 1 plays the people. strategy:
    "uncertainty" takes the posts nearest to 0.5 (Lewis and Gale 1994), "likely" the most probable violations, as a
    queue sorted by risk does, "random" any. All begin with the same `start` random posts of a seed.
    Returns a frame: strategy, seed, labels, macro_f1 (on the test vectors), found (violations labelled so far).
    """
    X, X_test = check_matrix(X), check_matrix(X_test, "X_test")
    y, y_test = (
        check_labels(side, n, (0, 1)).astype(int)
        for side, n in ((y, len(X)), (y_test, len(X_test)))
    )
    for size, name, least in ((start, "start", 1), (batch, "batch", 1), (rounds, "rounds", 0)):
        check_number(size, name, least, whole=True)
    order = np.random.default_rng(seed).permutation(len(X))
    if start + rounds * batch > len(X):
        raise UserError(
            f"the queue runs dry: {start} + {rounds} x {batch} posts asked for, there are {len(X)}"
        )
    ways = {
        "uncertainty": lambda p: np.abs(p - 0.5),
        "likely": lambda p: -p,
        "random": lambda p: np.arange(len(p)),
    }
    if strategy not in ways:
        raise UserError(f"there is no strategy {strategy!r}: choose from {', '.join(ways)}")
    labelled, waiting, rows = order[:start], order[start:], []
    for _ in range(rounds + 1):
        if len(np.unique(y[labelled])) < 2:
            raise UserError(
                f"the {len(labelled)} posts labelled so far are of one class: start with more"
            )
        fitted = clone(model).fit(X[labelled], y[labelled])
        score = f1_score(y_test, fitted.predict(X_test), average="macro")
        rows.append((strategy, seed, len(labelled), score, int(y[labelled].sum())))
        if not len(waiting):  # after the last round nothing may be left to rank
            break
        ranked = waiting[
            np.argsort(ways[strategy](fitted.predict_proba(X[waiting])[:, 1]), kind="stable")
        ]
        labelled, waiting = np.concatenate([labelled, ranked[:batch]]), ranked[batch:]
    return pd.DataFrame(rows, columns=["strategy", "seed", "labels", "macro_f1", "found"])
