"""User behaviour (用户行为): who comes back, how often, for how much, whose silence goes on.

On your own purchases, one row each with a customer, a date and a value:

>>> import pandas as pd
>>> from socialai.apps import behaviour
>>> dates = ["2024-01-01", "2024-01-20", "2024-02-03", "2024-01-05", "2024-01-09", "2024-02-20"]
>>> mine = pd.DataFrame({"customer_id": list("aaabbc"), "date": dates, "value": 9.0})
>>> customers = behaviour.summarize(mine.assign(date=pd.to_datetime(dates)), until="2024-03-01")
>>> model = behaviour.BetaGeometricNBD().fit(customers)
>>> model.predict(customers, weeks=4).shape  # purchases expected, one number a customer
(3,)

All times are weeks. Users here don't say that they leave, so nobody's churn is ever observed: a
model can only say how likely a silence is to go on.

purchases: what is known of each customer
    summarize               frequency, recency, T and mean value up to a day
    retention               share of each cohort that buys again
    snapshot                what was known on a day, and what followed: to learn churn from
    check_purchase_history  whether a frame is one of summaries
    PURCHASE_HISTORY        the columns frequency, recency, T
bgnbd: how often they will buy
    BetaGeometricNBD        fit, predict, probability_alive, probability_silent
    bgnbd_log_likelihood    with its gradient by hand
    simulate_customers      who behave as the model says
gamma_gamma: what they will spend
    GammaGamma              value of a purchase
    gamma_gamma_log_likelihood
    lifetime_value          money of the coming weeks
likelihood: how both are fitted
    maximum_likelihood      of positive parameters, with standard errors
    MaximumLikelihood       what it gives
hazard: when they leave
    DiscreteHazard          a logistic regression for each period
next_item: what they choose next
    MarkovNextItem          counts what followed the last item
    TransformerNextItem     reads the last items
    NextItemModel           what both share
"""

from socialai.apps.behaviour.bgnbd import (
    BetaGeometricNBD,
    bgnbd_log_likelihood,
    simulate_customers,
)
from socialai.apps.behaviour.gamma_gamma import (
    GammaGamma,
    gamma_gamma_log_likelihood,
    lifetime_value,
)
from socialai.apps.behaviour.hazard import DiscreteHazard
from socialai.apps.behaviour.likelihood import MaximumLikelihood, maximum_likelihood
from socialai.apps.behaviour.next_item import MarkovNextItem, NextItemModel, TransformerNextItem
from socialai.apps.behaviour.purchases import (
    PURCHASE_HISTORY,
    check_purchase_history,
    retention,
    snapshot,
    summarize,
)

__all__ = [
    "BetaGeometricNBD",
    "DiscreteHazard",
    "GammaGamma",
    "MarkovNextItem",
    "MaximumLikelihood",
    "NextItemModel",
    "PURCHASE_HISTORY",
    "TransformerNextItem",
    "bgnbd_log_likelihood",
    "check_purchase_history",
    "gamma_gamma_log_likelihood",
    "lifetime_value",
    "maximum_likelihood",
    "retention",
    "simulate_customers",
    "snapshot",
    "summarize",
]
