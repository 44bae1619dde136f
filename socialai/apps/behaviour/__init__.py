"""What customers will do next: who comes back, how often, for how much, and whose silence goes on.

On your own purchases, one row each with a customer, a date and a value:

>>> import pandas as pd
>>> from socialai.apps import behaviour
>>> days = pd.to_datetime(["2024-01-01", "2024-01-20", "2024-02-03", "2024-01-05", "2024-01-09", "2024-02-20"])
>>> mine = pd.DataFrame({"customer_id": list("aaabbc"), "date": days, "value": [9.0, 20, 30, 5, 8, 7]})
>>> customers = behaviour.summarize(mine, until="2024-03-01")
>>> model = behaviour.BetaGeometricNBD().fit(customers)
>>> model.predict(customers, weeks=4).shape  # purchases expected in the next four weeks, one number a customer
(3,)

All times are weeks. Users here don't say that they leave, so nobody's churn is ever observed: a model can only say how
likely a silence is to go on.
"""

from socialai.apps.behaviour.bgnbd import (
    BetaGeometricNBD,
    bgnbd_log_likelihood,
    maximise_likelihood,
    simulate_customers,
)
from socialai.apps.behaviour.gamma_gamma import (
    GammaGamma,
    gamma_gamma_log_likelihood,
    lifetime_value,
)
from socialai.apps.behaviour.hazard import DiscreteHazard
from socialai.apps.behaviour.next_item import MarkovNextItem, TransformerNextItem
from socialai.apps.behaviour.purchases import (
    RFM,
    check_rfm,
    mean_interval,
    retention,
    snapshot,
    summarize,
)

__all__ = [
    "BetaGeometricNBD",
    "DiscreteHazard",
    "GammaGamma",
    "MarkovNextItem",
    "RFM",
    "TransformerNextItem",
    "bgnbd_log_likelihood",
    "check_rfm",
    "gamma_gamma_log_likelihood",
    "lifetime_value",
    "maximise_likelihood",
    "mean_interval",
    "retention",
    "simulate_customers",
    "snapshot",
    "summarize",
]
