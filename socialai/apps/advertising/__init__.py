"""Advertising (广告投放): what a log of clicks can tell, and what a bid should be.

On your own log of impressions, one row each, of a policy whose propensities were kept:

>>> import pandas as pd
>>> from socialai.apps.advertising import off_policy_value
>>> log = pd.DataFrame({"item_id": [0, 1] * 50, "click": [0, 1, 0, 0] * 25})
>>> log = log.assign(position=1, propensity=0.5)
>>> policy = pd.DataFrame({"item_id": [0, 1], "position": 1, "probability": [0.2, 0.8]})
>>> value = off_policy_value(log, policy, "snips").value  # item 1 is clicked every second time
>>> round(value, 2)
0.4

click_rates: rates and the logs that they come from
    click_rates             clicks per impression of each group, with intervals
    proportion_intervals    Wilson's interval, or the exact one
    impressions_needed      to tell two click rates apart
    shown_shares            the average policy behind a log
    check_bandit_log        whether a frame is a log whose propensities were kept
off_policy: the value of a policy from the log of another one
    off_policy_value        by direct method, IPS, SNIPS or doubly robust
    importance_weights      probability over propensity, of each impression
    effective_sample_size   impressions' worth that the weights leave
    OFF_POLICY_METHODS
bandits: policies that learn
    BanditPolicy            fit is replay, predict what is shown now
    EpsilonGreedy, UCB, ThompsonSampling, LinUCB
replay: a learner on a random log
    replay
response: the probability of a response
    ResponseModel           linear, factorisation machine or deep, on hashed categories
    FactorizationMachine    the network behind it
    calibration_table       claimed against found rates
    RESPONSE_METHODS
auctions: bids
    second_price            who wins, and what it costs
    run_campaign            a simulated day under a budget
"""

from socialai.apps.advertising.auctions import run_campaign, second_price
from socialai.apps.advertising.bandits import (
    UCB,
    BanditPolicy,
    EpsilonGreedy,
    LinUCB,
    ThompsonSampling,
)
from socialai.apps.advertising.click_rates import (
    check_bandit_log,
    click_rates,
    impressions_needed,
    proportion_intervals,
    shown_shares,
)
from socialai.apps.advertising.off_policy import (
    OFF_POLICY_METHODS,
    effective_sample_size,
    importance_weights,
    off_policy_value,
)
from socialai.apps.advertising.replay import replay
from socialai.apps.advertising.response import (
    RESPONSE_METHODS,
    FactorizationMachine,
    ResponseModel,
    calibration_table,
)

__all__ = [
    "BanditPolicy",
    "EpsilonGreedy",
    "FactorizationMachine",
    "LinUCB",
    "OFF_POLICY_METHODS",
    "RESPONSE_METHODS",
    "ResponseModel",
    "ThompsonSampling",
    "UCB",
    "calibration_table",
    "check_bandit_log",
    "click_rates",
    "effective_sample_size",
    "importance_weights",
    "impressions_needed",
    "off_policy_value",
    "proportion_intervals",
    "replay",
    "run_campaign",
    "second_price",
    "shown_shares",
]
