"""Checks of what a user gives: a frame, texts, numbers, labels, a matrix, ids, a choice.

What is wrong (a column that isn't there, nothing at all, a missing or negative value, an unknown
id) raises UserError, in one line, in every function of the package that calls these, whether its
docstring says so or not.
"""

# longer than 250 lines of code because all checks of what a user gives stand in one place

from collections.abc import Iterable, Mapping
from contextlib import contextmanager
from difflib import get_close_matches
from numbers import Integral, Real

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype
from sklearn.utils import check_array

from socialai.errors import UserError


class UserTypeError(UserError, TypeError):
    """A UserError where scikit-learn asks an estimator for a TypeError."""


@contextmanager
def as_input_error(name: str = ""):
    """What a library says of wrong data inside this block becomes a UserError of one short line.

    It begins with `name`, if there is one. A TypeError stays one as well (`UserTypeError`), and a
    UserError stays as it is.
    """
    try:
        yield
    except UserError:
        raise
    except (ValueError, TypeError) as error:
        kind = UserTypeError if isinstance(error, TypeError) else UserError
        said = " ".join(str(error).split())[:160]
        raise kind(f"{name}: {said}" if name else said) from None


def check_choice(value, choices: Iterable, name: str):
    """The value itself if it is one of the choices, a list or the keys of a dictionary.

    Else UserError: its message names the nearest choice, if one is near, and all of them.
    """
    choices = list(choices)
    # Not `value in choices`, which an array can't be asked, and where 1.0 would be 1.
    if any(isinstance(value, type(choice)) and value == choice for choice in choices):
        return value
    names = [choice for choice in choices if isinstance(choice, str)]
    near = get_close_matches(value, names, 1) if isinstance(value, str) else []
    hint = f"did you mean {near[0]!r}? " if near else ""
    known = ", ".join(map(str, choices))
    raise UserError(f"there is no {name} {_short(value)}: {hint}choose from {known}")


def check_frame(
    frame: pd.DataFrame,
    columns: list[str],
    numeric: tuple[str, ...] = (),
    not_negative: tuple[str, ...] = (),
    once: tuple[str, ...] = (),
) -> pd.DataFrame:
    """The frame, if it has rows and the columns, with no value missing; else UserError.

    Its rows come back numbered from 0: whoever goes on with what is returned need not care what
    the index holds or is called. Messages name a row by the index as it was given.

    numeric: columns that must hold finite numbers. not_negative: columns that must hold finite
    numbers of at least 0. once: columns whose values together must not occur twice.
    """
    if not isinstance(frame, pd.DataFrame):
        wanted = ", ".join(map(str, columns))
        raise UserError(
            f"a pandas DataFrame is needed, with the columns {wanted}; got {type(frame).__name__}"
        )
    for column in columns:
        _check_column(frame, column)
    if frame.empty:
        raise UserError(f"the frame has no rows (columns {', '.join(map(str, columns))})")
    for column in columns:
        missing = frame[column].isna()
        if missing.any():
            first = _row(frame.index, missing.argmax())
            raise UserError(
                f"column {column!r} misses {missing.sum()} values, the first in row {first}"
            )
    for column in (*numeric, *not_negative):
        _check_number_column(frame[column], column in not_negative)
    with as_input_error(f"columns {' and '.join(once)}"):  # a list, say, can't be compared
        twice = int(frame.duplicated(list(once)).sum()) if once else 0
    if twice:
        raise UserError(
            f"{twice} rows repeat a pair of {' and '.join(once)}: "
            f"keep one of each (drop_duplicates)"
        )
    numbered = frame.index.identical(pd.RangeIndex(len(frame)))
    return frame if numbered else frame.reset_index(drop=True)


def _row(index: pd.Index, place: int) -> str:
    """A row by its label; with its place, counted from 0, where the label doesn't say which."""
    label = repr(index.tolist()[place])
    return label if index.is_unique else f"{label} (place {place})"


def _check_column(frame: pd.DataFrame, column: str) -> None:
    """The frame has the column, once."""
    times = list(frame.columns).count(column)
    if not times:
        names = list(map(str, frame.columns))
        near = get_close_matches(str(column), names, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(names) or 'none'}"
        raise UserError(f"the frame has no column {column!r}; {hint}")
    if times > 1:
        raise UserError(f"the frame has {times} columns {column!r}: one is needed")


def _check_number_column(values: pd.Series, not_negative: bool) -> None:
    """The column holds finite numbers, and none below 0 where it may not be negative."""
    if not is_numeric_dtype(values) or values.dtype.kind == "c":
        raise UserError(f"column {values.name!r} must hold numbers; it holds {values.dtype}")
    wrong = ~np.isfinite(values.to_numpy(float))
    if not_negative:
        wrong |= (values < 0).to_numpy()
    if wrong.any():
        rule = "finite and not negative" if not_negative else "finite"
        row = _row(values.index, wrong.argmax())
        raise UserError(
            f"column {values.name!r} must be {rule}; row {row} is {values[wrong].iloc[0]}"
        )


def encodable(text: str) -> str:
    """The text as it can be written: pairs of surrogates joined, halves of broken pairs dropped.

    Scraped or cut JSON has such halves; no encoding, and so no tokenizer and no file, takes them.
    """
    try:
        text.encode()  # nearly every text: it has no halves, and is itself
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "ignore")
    return text


def check_text(text: str) -> str:
    """The text, `encodable`, if it is one."""
    if not isinstance(text, str):
        raise UserError(f"a text is needed, not {_short(text)}")
    return encodable(text)


def check_list(values: Iterable, what: str, empty: bool = False) -> list:
    """The values as a list, one at least, unless it may be empty.

    A text is no list: it would be taken for letters.
    """
    no_list = isinstance(values, (str, bytes, pd.DataFrame)) or getattr(values, "ndim", 1) == 0
    if no_list or not isinstance(values, Iterable):
        raise UserError(f"a list of {what} is needed, not one {type(values).__name__}")
    values = list(values)
    if not values and not empty:
        raise UserError(f"there are no {what}")
    return values


def check_texts(
    texts: Iterable[str], name: str = "text", empty: bool = False, ordered: bool = False
) -> list[str]:
    """The texts as a list, each a string, `encodable`; one at least, unless it may be empty.

    The keys of a mapping, such as {id: text}, are not taken for texts. ordered: something else,
    such as labels, stands beside them, so that a set, which has no order, won't do.
    """
    if isinstance(texts, Mapping) or (ordered and isinstance(texts, (set, frozenset))):
        raise UserError(f"a list of {name}s is needed, not one {type(texts).__name__}")
    texts = check_list(texts, f"{name}s", empty)
    for place, text in enumerate(texts):
        if not isinstance(text, str):
            raise UserError(f"{name} {place} is {_short(text)}: a string is needed")
    return list(map(encodable, texts))


def check_wanted_words(words: Iterable[str], name: str, empty: bool = False) -> list[str]:
    """Words to look for, as `check_texts` gives them; a blank one is in every text."""
    words = check_texts(words, name, empty)
    for place, word in enumerate(words):
        if not word.strip():
            raise UserError(f"{name} {place} is blank: leave it out")
    return words


def check_word_lists(
    lists: Iterable[Iterable[str]], what: str, empty: bool = False
) -> list[list[str]]:
    """Collections of words as lists, one at least, unless there may be none."""
    return [check_texts(words, "word", empty=True) for words in check_list(lists, what, empty)]


def unmasked(values):
    """The values themselves, or None for those that a mask hides: numpy would forget the mask."""
    hidden = isinstance(values, np.ma.MaskedArray) and values.mask
    return np.where(hidden, None, values.data) if np.any(hidden) else values


def check_numbers(
    values,
    name: str,
    low: float = -np.inf,
    high: float = np.inf,
    n: int | None = None,
    ndim: int | None = 1,
    whole: bool = False,
    missing: bool = False,
    above: bool = False,
    empty: bool = False,
) -> np.ndarray:
    """values as an array of floats, one at least, all of them finite and from low to high.

    n: how many there must be. ndim: how many axes (None: any). whole: none has a fraction.
    missing: some may be NaN. above: all are larger than low, none equal. empty: there may be none.
    """
    values = unmasked(values)
    try:
        array = np.asarray(values)
        if array.dtype.kind in "cmM":
            raise TypeError("numpy would cut imaginary parts off, and count the units of times")
        # A missing value of pandas becomes NaN only where it is asked for numbers at once.
        array = np.asarray(array if isinstance(values, list) else values, dtype=float)
    except (TypeError, ValueError, OverflowError):
        raise UserError(
            f"{name}: numbers are needed, in rows of one length; got {_short(values)}"
        ) from None
    if ndim is not None and array.ndim != ndim:
        kind = {0: "one number is", 1: "a list of numbers is", 2: "a table of numbers is"}[ndim]
        raise UserError(f"{name}: {kind} needed, got one of shape {array.shape}")
    if not array.size and not (missing or empty):
        raise UserError(f"{name}: there are none")
    if n is not None and len(array) != n:
        raise UserError(f"{name}: {n} are needed, one for each; there are {len(array)}")

    # Every number keeps the rules; one that is missing keeps them where it may be missing.
    good = np.isfinite(array) & (array <= high)
    good &= (array > low) if above else (array >= low)
    if whole:
        good &= np.trunc(array) == array
    if missing:
        good |= np.isnan(array)
    if not good.all():
        rules = ["whole"] if whole else []
        if low > -np.inf:
            rules.append(f"{'above' if above else 'at least'} {low:g}")
        if high < np.inf:
            rules.append(f"at most {high:g}")
        if low == -np.inf and high == np.inf:
            rules.append("finite")
        which = f"place {int(np.argmin(good))} holds" if array.ndim else "it is"
        raise UserError(f"{name} must be {' and '.join(rules)}; {which} {array[~good][0]:g}")
    return array


def check_number(
    value: float,
    name: str,
    low: float = -np.inf,
    high: float = np.inf,
    whole: bool = False,
    above: bool = False,
) -> float:
    """The number itself (an int, if it must be whole); arguments as in `check_numbers`."""
    if isinstance(value, (str, bytes)):
        raise UserError(f"{name}: a number is needed, not {_short(value)}")
    check_numbers(value, name, low, high, ndim=0, whole=whole, above=above)
    if whole:
        return int(value)
    return value if isinstance(value, Real) else float(value)


def check_settings(estimator, **rules: dict) -> None:
    """The settings of these names are numbers within their rules, the arguments of `check_number`.

    A whole one is an int: nothing else can be a size or count a loop. One of numpy becomes
    Python's, which has no last number: 50 * np.int8(8) overflows.
    """
    for name, rule in rules.items():
        value = getattr(estimator, name)
        wanted = Integral if rule.get("whole") else Real
        if not isinstance(value, wanted) or isinstance(value, bool):
            kind = "a whole number" if rule.get("whole") else "a number"
            raise UserError(f"{name}: {kind} is needed, not {_short(value)}")
        check_number(value, name, **rule)
        if isinstance(value, np.integer):
            setattr(estimator, name, int(value))


def generator_seed(seed: int) -> int:
    """The seed of a random generator, from 0 to 2**32 - 1, that stands for any whole number.

    Those in the range stay as they are; others are taken modulo 2**32. UserError for anything else.
    """
    if not isinstance(seed, Integral) or isinstance(seed, bool):
        raise UserError(f"seed must be a whole number; it is {_short(seed)}")
    return int(seed) % 2**32


def check_labels(
    labels, n: int | None = None, allowed: tuple | None = None, name: str = "labels"
) -> np.ndarray:
    """labels (n,) as an array, none missing; all of one type, or `allowed` ones only."""
    given = labels = unmasked(labels)
    with as_input_error(name):
        labels = np.asarray(labels)
    if labels.ndim != 1 or not len(labels):
        got = f"got one of shape {labels.shape}"
        raise UserError(f"{name}: a list of them is needed, and there must be some; {got}")
    if n is not None and len(labels) != n:
        raise UserError(f"{n} rows but {len(labels)} {name}")

    # Looked for in the labels as given: numpy makes text of a mix, and NaN would be "nan".
    if not hasattr(given, "dtype"):
        given = np.asarray(list(given), dtype=object)
    missing = pd.isna(given) | pd.isna(labels)
    if missing.any():
        raise UserError(
            f"{name}: {missing.sum()} are missing, the first in place {missing.argmax()}"
        )
    if allowed is None:
        sorted_ids(given, name)
    else:
        odd = ~pd.Series(labels, dtype=object).isin(allowed).to_numpy()
        if odd.any():
            one = _short(labels[odd].tolist()[0])
            raise UserError(f"{name} must be {' or '.join(map(str, allowed))}; one is {one}")
    return labels


def check_scored(
    y, scores, low: float = -np.inf, high: float = np.inf
) -> tuple[np.ndarray, np.ndarray]:
    """(y, scores), each (n,): labels 0 and 1 as integers, and numbers from low to high."""
    scores = check_numbers(scores, "scores", low, high)
    return check_labels(y, len(scores), (0, 1)).astype(int), scores


def check_matrix(
    X,
    name: str = "X",
    sparse: bool = False,
    low: float | None = None,
    shape: tuple[int | None, int | None] = (None, None),
    square: bool = False,
    empty: bool = False,
):
    """X (n, d) as an array (or a CSR one, where it may be sparse) of finite numbers.

    low: the least that a number may be. shape: (n, d) where they are given. square: n is d.
    empty: n may be 0.
    """
    X = unmasked(X)
    with as_input_error(name):
        axes = X.ndim if hasattr(X, "ndim") else np.asarray(X).ndim
    if axes != 2:  # "Reshape your data" are the words that scikit-learn's own check looks for
        raise UserError(
            f"{name}: numbers in rows and columns are needed. Reshape your data: it has {axes} axes"
        )
    with as_input_error(name):
        kind = "csr" if sparse else False
        X = check_array(X, accept_sparse=kind, ensure_min_samples=0 if empty else 1)
    if X.dtype.kind in "mM":
        raise UserError(f"{name} must hold numbers; it holds {X.dtype}")
    for size, wanted, what in zip(X.shape, shape, ("rows", "columns"), strict=True):
        if wanted is not None and size != wanted:
            raise UserError(f"{name} has {size} {what}: {wanted} are needed")
    if square and X.shape[0] != X.shape[1]:
        raise UserError(
            f"{name} has {X.shape[0]} rows and {X.shape[1]} columns: as many are needed"
        )
    if low is not None and X.min() < low:
        raise UserError(f"{name} must be at least {low:g}; one number is {X.min():g}")
    return X


def column_names(X, known: list | None = None) -> list | None:
    """The names of the columns of X, where it is a frame.

    UserError where they aren't the known ones, those of training, in their order.
    """
    names = list(X.columns) if hasattr(X, "columns") else None
    if None not in (names, known) and names != known:
        raise UserError(f"X has the columns {names}; in training it had {known}")
    return names


def sorted_ids(ids, name: str) -> np.ndarray:
    """The different ids, sorted; UserError where text and numbers are mixed."""
    try:
        return np.unique(ids)
    except TypeError:
        raise UserError(
            f"{name}: text and numbers can't be mixed; give all of them one type"
        ) from None


def find_ids(known: np.ndarray, wanted, kind: str, place: str = "training") -> np.ndarray:
    """(m,) where each of the wanted ids (m,) stands among the known ones (sorted).

    UserError when none is wanted, or one that isn't known; kind ("user") and place name it there.
    """
    with as_input_error(f"{kind}s"):  # lists in a list, say, can't be ids
        if np.ndim(wanted) != 1:
            raise UserError(f"a list of {kind}s is needed, not {_short(wanted)}")
        wanted = pd.Series(wanted)
        unknown = ~wanted.isin(known)
    if wanted.empty:
        raise UserError(f"no {kind} was named")
    if unknown.any():
        raise UserError(
            f"{kind} {wanted[unknown].iloc[0]!s} was not in {place} "
            f"({unknown.sum()} of the {wanted.size} are unknown)"
        )
    return np.searchsorted(known, wanted)


def _short(value) -> str:
    """The beginning of what Python writes for a value, in one line."""
    return " ".join(repr(value).split())[:40]
