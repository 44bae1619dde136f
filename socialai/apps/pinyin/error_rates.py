"""How many characters a conversion gets wrong."""

import numpy as np

from socialai.evaluation import Interval, bootstrap


def character_errors(predicted: list[str], expected: list[str]) -> np.ndarray:
    """Wrong characters of each sentence (N,).

    Both sides have the same lengths (else ValueError), so nothing is inserted.
    """
    errors = []
    for answer, truth in zip(predicted, expected, strict=True):
        errors.append(sum(a != b for a, b in zip(answer, truth, strict=True)))
    return np.array(errors)


def error_rate(errors: np.ndarray, lengths: np.ndarray, seed: int = 0) -> Interval:
    """Sum of errors over sum of lengths, with its 95 % interval by a bootstrap over sentences.

    errors (N,): wrong characters, or the difference of two methods' wrong characters, of sentences
    of `lengths` (N,).
    """

    def ratio(errors: np.ndarray, lengths: np.ndarray, axis: int = -1) -> np.ndarray:
        return errors.sum(axis) / lengths.sum(axis)

    return bootstrap(ratio, errors, lengths, seed=seed)
