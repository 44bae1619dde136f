"""A frame of posts with what people decided on them."""

import numpy as np
import pandas as pd

from socialai.errors import UserError
from socialai.validation import check_frame, check_texts


def texts_and_labels(frame: pd.DataFrame) -> tuple[list[str], np.ndarray]:
    """(texts, labels) of a frame with the columns text and label.

    label is 0 (within the rules) or 1 (against them). Raises UserError for any other frame.
    """
    frame = check_frame(frame, ["text", "label"], not_negative=("label",))
    if not frame["label"].isin([0, 1]).all():
        raise UserError("column 'label' must hold 0 (within the rules) and 1 (against them)")
    return check_texts(frame["text"]), frame["label"].to_numpy().astype(int)
