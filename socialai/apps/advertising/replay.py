"""A learner replayed on a log of random impressions."""

import numpy as np
import pandas as pd

from socialai.apps.advertising.bandits import BanditPolicy
from socialai.apps.advertising.click_rates import check_bandit_log
from socialai.errors import UserError


def replay(learner: BanditPolicy, log: pd.DataFrame, contexts=None) -> BanditPolicy:
    """Fit a learner of `bandits` on the log of a uniformly random policy, and return it.

    log: item_id, click, propensity. contexts: (n, d) numbers known before each choice. Raises
    UserError on a log of any other policy.
    """
    log = check_bandit_log(log, ["item_id"])
    if np.ptp(log["propensity"].to_numpy(float)) > 1e-9:
        raise UserError(
            "replay needs the log of a uniformly random policy: these propensities differ"
        )
    return learner.fit(log["item_id"], log["click"], contexts)
