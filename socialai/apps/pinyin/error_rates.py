"""How many characters a conversion gets wrong."""

import numpy as np

from socialai.errors import UserError
from socialai.evaluation import Interval, bootstrap
from socialai.validation import check_numbers, check_texts


def character_errors(predicted: list[str], expected: list[str]) -> np.ndarray:
    """Wrong characters of each sentence (N,).

    Both sides have the same lengths (else UserError), so nothing is inserted.
    """
    predicted = check_texts(predicted, "predicted sentence", empty=True, ordered=True)
    expected = check_texts(expected, "expected sentence", empty=True, ordered=True)
    if len(predicted) != len(expected):
        raise UserError(f"{len(predicted)} predicted but {len(expected)} expected sentences")
    errors = []
    for place, (answer, truth) in enumerate(zip(predicted, expected, strict=True)):
        if len(answer) != len(truth):
            kind = "longer" if len(answer) > len(truth) else "shorter"
            raise UserError(f"predicted sentence {place} is {kind} than the expected one")
        errors.append(sum(a != b for a, b in zip(answer, truth, strict=True)))
    return np.array(errors, dtype=int)


def error_rate(errors: np.ndarray, lengths: np.ndarray, seed: int = 0) -> Interval:
    """Sum of errors over sum of lengths, with its 95 % interval by a bootstrap over sentences.

    errors (N,): wrong characters, or the difference of two methods' wrong characters, of sentences
    of `lengths` (N,).
    """
    errors = check_numbers(errors, "errors")
    lengths = check_numbers(lengths, "lengths", 1, n=len(errors))

    def ratio(errors: np.ndarray, lengths: np.ndarray, axis: int = -1) -> np.ndarray:
        return errors.sum(axis) / lengths.sum(axis)

    return bootstrap(ratio, errors, lengths, seed=seed)
