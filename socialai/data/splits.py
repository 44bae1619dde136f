"""De-duplicate before splitting, and splits that never share a text."""

import re
import unicodedata

import pandas as pd

from socialai.errors import UserError


def normalise(text: str) -> str:
    """The form in which two texts count as the same: NFKC, lower case, single spaces."""
    return re.sub(r"\s+", " ", unicodedata.normalize("NFKC", text)).strip().lower()


def deduplicate(
    frame: pd.DataFrame, text: str = "text", label: str | None = "label"
) -> pd.DataFrame:
    """The frame with one row for each distinct text.

    Texts that carry contradicting labels are dropped altogether. Raises UserError that names the
    rows where a text is missing.
    """
    if missing := frame.index[frame[text].isna()].tolist():
        raise UserError(
            f"{len(missing)} rows have no {text}, the first in row {missing[0]}: drop them before"
        )
    key = frame[text].map(normalise)
    if label is not None:
        contradicted = frame.groupby(key)[label].nunique() > 1
        keep = ~key.isin(contradicted.index[contradicted])
        frame, key = frame[keep], key[keep]
    return frame[~key.duplicated()].reset_index(drop=True)


def split(
    frame: pd.DataFrame,
    test: float | int = 0.2,
    validation: float | int = 0.1,
    seed: int = 0,
    label: str = "label",
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """(train, validation, test), stratified by `label`; sizes are fractions of the whole or counts.

    seed: any integer. Raises UserError when a text occurs twice (de-duplicate first), or a class
    has too few rows.
    """
    # Here: they take a second to import, and who only loads data doesn't need them.
    from sklearn.model_selection import train_test_split

    from socialai.validation import generator_seed

    seed = generator_seed(seed)
    if frame["text"].map(normalise).duplicated().any():
        raise UserError(
            "a text occurs more than once: call deduplicate before split, or the parts share texts"
        )
    n_test = round(test * len(frame)) if isinstance(test, float) else test
    n_validation = round(validation * len(frame)) if isinstance(validation, float) else validation
    try:
        rest, test_part = train_test_split(
            frame, test_size=n_test, random_state=seed, stratify=frame[label]
        )
        train_part, validation_part = train_test_split(
            rest, test_size=n_validation, random_state=seed, stratify=rest[label]
        )
    except ValueError as error:
        raise UserError(
            f"can't split {len(frame)} rows into train, {n_validation} and {n_test}: {error}"
        ) from None
    parts = (train_part, validation_part, test_part)
    return tuple(part.reset_index(drop=True) for part in parts)
