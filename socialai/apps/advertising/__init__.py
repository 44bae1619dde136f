"""Advertising (广告投放): what a log of clicks can tell, and what a bid should be.

On your own log of impressions, one row each, of a policy whose propensities were kept:

>>> import pandas as pd
>>> from socialai.apps.advertising import OffPolicyValue
>>> log = pd.DataFrame({"item_id": [0, 1] * 50, "position": 1, "click": [0, 1, 0, 0] * 25, "propensity": 0.5})
>>> policy = pd.DataFrame({"item_id": [0, 1], "position": 1, "probability": [0.2, 0.8]})
>>> round(OffPolicyValue("snips").fit(log, policy).value_, 2)  # item 1 is clicked every second time, item 0 never
0.4

Click rates with intervals, off-policy values, learning by replay, response models, and a second-price auction.
"""

from socialai.apps.advertising.auctions import run_campaign, second_price
from socialai.apps.advertising.bandits import UCB, EpsilonGreedy, Learner, LinUCB, Thompson
from socialai.apps.advertising.click_rates import (
    CELL,
    check_log,
    click_rates,
    impressions_needed,
    rate_intervals,
    shown_shares,
)
from socialai.apps.advertising.off_policy import METHODS, OffPolicyValue
from socialai.apps.advertising.replay import replay
from socialai.apps.advertising.response import (
    KINDS,
    FactorizationMachine,
    ResponseModel,
    calibration_table,
)

__all__ = [
    "CELL",
    "EpsilonGreedy",
    "FactorizationMachine",
    "KINDS",
    "Learner",
    "LinUCB",
    "METHODS",
    "OffPolicyValue",
    "ResponseModel",
    "Thompson",
    "UCB",
    "calibration_table",
    "check_log",
    "click_rates",
    "impressions_needed",
    "rate_intervals",
    "replay",
    "run_campaign",
    "second_price",
    "shown_shares",
]
