"""A learner replayed on a log of random impressions."""

import numpy as np
import pandas as pd

from socialai.apps.advertising.bandits import Learner
from socialai.apps.advertising.click_rates import check_log
from socialai.errors import UserError


def replay(learner: Learner, log: pd.DataFrame, contexts=None) -> Learner:
    """Fit a learner of `socialai.apps.advertising.bandits` on the log of a uniformly random policy: item_id, click, propensity.

    contexts: (n, d) numbers known before each choice. Raises UserError on a log of any other policy.
    """
    check_log(log, ["item_id", "click", "propensity"])
    if np.ptp(log["propensity"].to_numpy()) > 1e-9:
        raise UserError(
            "replay needs the log of a uniformly random policy: these propensities differ"
        )
    return learner.fit(log["item_id"], log["click"], contexts)
