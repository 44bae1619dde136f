"""The applications of the article's section 2.8, one module each, usable on anybody's own frame.

moderation, sentiment, topics, recommendation, advertising, network, behaviour. Here: the check of a user's frame that
all of them share.
"""

from difflib import get_close_matches

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from socialai.errors import UserError


def check_frame(
    frame: pd.DataFrame, columns: list[str], numeric: tuple[str, ...] = (), not_negative: tuple[str, ...] = ()
) -> pd.DataFrame:
    """The frame itself if it has rows and the columns, without missing values in them; else UserError, one line.

    numeric: columns that must hold finite numbers. not_negative: columns that must hold finite numbers of at least 0.
    """
    if not isinstance(frame, pd.DataFrame):
        raise UserError(
            f"a pandas DataFrame is needed, with the columns {', '.join(columns)}; got {type(frame).__name__}"
        )
    for column in columns:
        if column not in frame.columns:
            near = get_close_matches(column, map(str, frame.columns), 1)
            hint = (
                f"; did you mean {near[0]!r}?" if near else f"; it has {', '.join(map(str, frame.columns)) or 'none'}"
            )
            raise UserError(f"the frame has no column {column!r}{hint}")
    if frame.empty:
        raise UserError(f"the frame has no rows (columns {', '.join(columns)})")
    for column in columns:
        missing = frame[column].isna()
        if missing.any():
            raise UserError(f"column {column!r} misses {missing.sum()} values, the first in row {missing.idxmax()!r}")
    for column in (*numeric, *not_negative):
        values = frame[column]
        if not is_numeric_dtype(values) and not is_bool_dtype(values):
            raise UserError(f"column {column!r} must hold numbers; it holds {values.dtype}")
        bad = ~np.isfinite(values.to_numpy(float)) | ((values < 0).to_numpy() if column in not_negative else False)
        if bad.any():
            rule = "finite and not negative" if column in not_negative else "finite"
            raise UserError(
                f"column {column!r} must be {rule}; row {frame.index[bad.argmax()]!r} is {values[bad].iloc[0]}"
            )
    return frame
