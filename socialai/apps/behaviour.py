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

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from pandas.api.types import is_datetime64_dtype, is_numeric_dtype
from scipy.optimize import approx_fprime, minimize
from scipy.special import betaln, digamma, gammaln, hyp2f1
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted

from socialai.apps import check_frame, check_labels, check_matrix, check_number, check_numbers, one_line
from socialai.errors import UserError

RFM = ["frequency", "recency", "T"]


def summarize(purchases: pd.DataFrame, until: str | pd.Timestamp) -> pd.DataFrame:
    """What each customer did up to and including the day `until`, one row a customer who had bought by then.

    purchases: columns customer_id, date, value. Returns, indexed by customer_id: frequency, days with a repeat
    purchase; recency, weeks from the first purchase to the last; T, weeks from the first purchase to `until`;
    monetary_value, mean value of a repeat day, 0 without one. Fader, Hardie and Lee 2005, section 2.
    """
    check_frame(purchases, ["customer_id", "date", "value"], not_negative=("value",))
    until = _day(until)
    days = purchases.assign(date=_days(purchases["date"])).query("date <= @until")
    if days.empty:
        raise UserError(f"nobody bought by {until.date()}: the first purchase is of {purchases['date'].min()}")
    days = days.groupby(["customer_id", "date"])["value"].sum().reset_index()
    first = days.groupby("customer_id")["date"].agg(["min", "max"])
    repeats = days[days["date"] != days["customer_id"].map(first["min"])].groupby("customer_id")["value"]
    return pd.DataFrame(
        {
            "frequency": repeats.size().reindex(first.index, fill_value=0),
            "recency": (first["max"] - first["min"]).dt.days / 7,
            "T": (until - first["min"]).dt.days / 7,
            "monetary_value": repeats.mean().reindex(first.index, fill_value=0.0),
        }
    )


def retention(purchases: pd.DataFrame) -> pd.DataFrame:
    """Share of each monthly cohort that buys again, rows the month of the first purchase, columns months since then.

    purchases: columns customer_id, date. Column 0 is 1 by definition; NaN where the data end before that month.
    """
    check_frame(purchases, ["customer_id", "date"])
    month = _days(purchases["date"]).dt.to_period("M").astype("int64")
    cohort = month.groupby(purchases["customer_id"]).transform("min")
    frame = pd.DataFrame({"customer": purchases["customer_id"], "cohort": cohort, "age": month - cohort})
    active = frame.drop_duplicates().groupby(["cohort", "age"]).size().unstack(fill_value=0)
    active = active.reindex(columns=range(int(month.max() - month.min()) + 1), fill_value=0)
    seen = active.index.to_numpy()[:, None] + active.columns.to_numpy() <= month.max()
    share = active.div(active[0], axis=0).where(seen)
    return share.set_axis(pd.PeriodIndex.from_ordinals(share.index, freq="M").astype(str), axis=0)


def _days(dates: pd.Series, name: str = "column 'date'") -> pd.Series:
    """Dates, without a time zone, as days; UserError for what is none (a number might count days or nanoseconds)."""
    if is_numeric_dtype(dates):
        raise UserError(f"{name} must hold dates; it holds {dates.dtype}")
    with one_line(name):
        days = pd.to_datetime(dates)
    if not is_datetime64_dtype(days) or days.isna().any():
        raise UserError(f"{name} must hold dates without a time zone; the first is {dates.iloc[0]}")
    return days.dt.normalize()


def _day(until: str | pd.Timestamp) -> pd.Timestamp:
    return _days(pd.Series([until]), "until").iloc[0]


def _maximise(log_likelihood, n_parameters: int, *data: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """(theta, their standard errors, log-likelihood) of positive parameters, found along the exact gradient.

    log_likelihood(theta, *data) gives its value and gradient. The search is over log theta, which keeps theta positive;
    errors are from the curvature at the maximum (infinite where the data leave a direction open).
    """

    def loss(log_theta):
        theta = np.exp(log_theta)
        value, gradient = log_likelihood(theta, *data)
        return -value / len(data[0]), -gradient * theta / len(data[0])

    box = [(-12, 12)] * n_parameters
    found = minimize(loss, np.zeros(n_parameters), jac=True, method="L-BFGS-B", bounds=box, tol=1e-12)
    theta = np.exp(found.x)
    hessian = approx_fprime(theta, lambda t: -log_likelihood(t, *data)[1], 1e-6 * theta)
    variance = np.diag(np.linalg.pinv((hessian + hessian.T) / 2))
    return theta, np.sqrt(np.where(variance > 0, variance, np.inf)), -found.fun * len(data[0])


def bgnbd_log_likelihood(theta: ArrayLike, x: ArrayLike, t_x: ArrayLike, T: ArrayLike) -> tuple[float, np.ndarray]:
    """Log-likelihood of BG/NBD and its gradient by hand, in (r, alpha, a, b): Fader, Hardie and Lee 2005, equation 6.

    x: repeat purchases, t_x: week of the last one, T: weeks observed, each (n,) from 0 up.
    """
    r, alpha, a, b = check_numbers(theta, "theta", 0, above=True, n=4)
    x, t_x, T = check_numbers([x, t_x, T], "x, t_x and T", 0, ndim=2)
    repeated = x > 0
    again = np.where(repeated, b + x - 1, 1.0)
    log_alive = -(r + x) * np.log(alpha + T)
    log_lost = np.where(repeated, np.log(a / again) - (r + x) * np.log(alpha + t_x), -np.inf)
    log_either = np.logaddexp(log_alive, log_lost)
    value = gammaln(r + x) - gammaln(r) + r * np.log(alpha) + betaln(a, b + x) - betaln(a, b) + log_either
    lost = np.exp(log_lost - log_either)  # how likely this customer left right after the last purchase
    either = digamma(a + b) - digamma(a + b + x)
    gradient = np.stack(
        [
            digamma(r + x) - digamma(r) + np.log(alpha) - (1 - lost) * np.log(alpha + T) - lost * np.log(alpha + t_x),
            r / alpha - (r + x) * ((1 - lost) / (alpha + T) + lost / (alpha + t_x)),
            either + lost / a,
            either + digamma(b + x) - digamma(b) - lost / again,
        ]
    )
    return float(value.sum()), gradient.sum(1)


class BetaGeometricNBD(BaseEstimator):
    """BG/NBD: a customer buys at random at a rate of his own, and after each repeat purchase leaves with a
    probability of his own; rates are Gamma(r, alpha), probabilities Beta(a, b) (Fader, Hardie and Lee 2005).

    Every method takes a frame with the columns of `summarize`. After fit: r_, alpha_, a_, b_, standard_errors_ (of the
    four), log_likelihood_. Leaving happens at a repeat purchase only: one who never bought again counts as alive.
    """

    def fit(self, X: pd.DataFrame, y=None) -> "BetaGeometricNBD":
        """Maximum likelihood on columns frequency, recency, T."""
        theta, self.standard_errors_, self.log_likelihood_ = _maximise(bgnbd_log_likelihood, 4, *_rfm(X))
        self.r_, self.alpha_, self.a_, self.b_ = theta.tolist()
        return self

    def probability_alive(self, X: pd.DataFrame) -> np.ndarray:
        """P(the customer hasn't left by T), (n,)."""
        x, t_x, T = _rfm(X)
        longer = ((self.alpha_ + T) / (self.alpha_ + t_x)) ** (self.r_ + x)
        return 1 / (1 + np.where(x > 0, self.a_ / np.where(x > 0, self.b_ + x - 1, 1) * longer, 0))

    def predict(self, X: pd.DataFrame, weeks: float) -> np.ndarray:
        """Purchases expected in the `weeks` (0 or more) after T given what was seen, (n,): equation 10."""
        (x, _, T), weeks = _rfm(X), check_number(weeks, "weeks", 0)
        r, alpha, a, b = self.r_, self.alpha_, self.a_, self.b_
        hyper = hyp2f1(r + x, b + x, a + b + x - 1, weeks / (alpha + T + weeks))
        bought = 1 - ((alpha + T) / (alpha + T + weeks)) ** (r + x) * hyper
        return (a + b + x - 1) / (a - 1) * bought * self.probability_alive(X)

    def expected_purchases(self, weeks: ArrayLike) -> np.ndarray:
        """Repeat purchases that a new customer is expected to have made after so many weeks: equation 9."""
        t, (r, alpha, a, b) = check_numbers(weeks, "weeks", 0, ndim=None), (self.r_, self.alpha_, self.a_, self.b_)
        return (a + b - 1) / (a - 1) * (1 - (alpha / (alpha + t)) ** r * hyp2f1(r, b, a + b - 1, t / (alpha + t)))

    def probability_silent(self, X: pd.DataFrame, weeks: float) -> np.ndarray:
        """P(no purchase in the `weeks` (0 or more) after T), (n,): has left, or is alive and waits longer.

        The rate of one who is alive is Gamma(r + x, alpha + T) given the data, so the wait has a Pareto tail.
        """
        (x, _, T), weeks = _rfm(X), check_number(weeks, "weeks", 0)
        waits = ((self.alpha_ + T) / (self.alpha_ + T + weeks)) ** (self.r_ + x)
        alive = self.probability_alive(X)
        return 1 - alive + alive * waits


def simulate_customers(r: float, alpha: float, a: float, b: float, T: ArrayLike, seed: int = 0) -> pd.DataFrame:
    """Customers who behave as BG/NBD says, each watched for T weeks: frequency, recency, T, alive (truth at T)."""
    r, alpha, a, b = check_numbers([r, alpha, a, b], "r, alpha, a and b", 0, above=True)
    rng, T = np.random.default_rng(seed), check_numbers(T, "T", 0)
    rate, leaves = rng.gamma(r, 1 / alpha, len(T)), rng.beta(a, b, len(T))
    clock, frequency, recency = np.zeros_like(T), np.zeros(len(T), int), np.zeros_like(T)
    alive, watched = np.ones(len(T), bool), np.ones(len(T), bool)
    while watched.any():
        with np.errstate(divide="ignore"):  # a rate that underflows to 0 waits for ever
            clock += rng.standard_exponential(len(T)) / rate
        watched &= clock <= T
        frequency, recency = frequency + watched, np.where(watched, clock, recency)
        alive &= ~(watched & (rng.random(len(T)) < leaves))
        watched &= alive
    return pd.DataFrame({"frequency": frequency, "recency": recency, "T": T, "alive": alive})


def gamma_gamma_log_likelihood(theta: ArrayLike, x: ArrayLike, m: ArrayLike) -> tuple[float, np.ndarray]:
    """Log-likelihood of means m (n,) of x purchases (n,), its gradient in (p, q, gamma): Fader and Hardie 2013.

    UserError for a mean or a number of purchases that isn't above 0.
    """
    p, q, gamma = check_numbers(theta, "theta", 0, above=True, n=3)
    x, m = check_numbers([x, m], "x and m", 0, above=True, ndim=2)
    total = np.log(gamma + m * x)
    value = gammaln(p * x + q) - gammaln(p * x) - gammaln(q) + q * np.log(gamma)
    value = value + (p * x - 1) * np.log(m) + p * x * np.log(x) - (p * x + q) * total
    gradient = np.stack(
        [
            x * (digamma(p * x + q) - digamma(p * x) + np.log(m * x) - total),
            digamma(p * x + q) - digamma(q) + np.log(gamma) - total,
            q / gamma - (p * x + q) / (gamma + m * x),
        ]
    )
    return float(value.sum()), gradient.sum(1)


class GammaGamma(BaseEstimator):
    """Value of a purchase: Gamma(p, nu) around a mean of the customer's own, nu being Gamma(q, gamma).

    It assumes that how much one spends doesn't depend on how often one buys. After fit: p_, q_, gamma_,
    standard_errors_, log_likelihood_.
    """

    def fit(self, X: pd.DataFrame, y=None) -> "GammaGamma":
        """Maximum likelihood on frequency and monetary_value of the customers with a repeat purchase."""
        check_frame(X, ["frequency", "monetary_value"], not_negative=("frequency", "monetary_value"))
        x, m = X.loc[X["frequency"] > 0, ["frequency", "monetary_value"]].to_numpy(float).T
        if not len(x):
            raise UserError("nobody bought twice: there is no repeat purchase to learn a value from")
        if (m == 0).any():
            raise UserError(
                f"{(m == 0).sum()} customers' repeat purchases cost nothing: leave them out, values are > 0"
            )
        theta, self.standard_errors_, self.log_likelihood_ = _maximise(gamma_gamma_log_likelihood, 3, x, m)
        self.p_, self.q_, self.gamma_ = theta.tolist()
        return self

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        """Expected mean value of a purchase, (n,); it shrinks towards the population as x falls.

        Raises UserError when the fitted q is 1 or below: then the population has no finite mean.
        """
        check_frame(X, ["frequency", "monetary_value"], not_negative=("frequency", "monetary_value"))
        if self.q_ <= 1:
            raise UserError(
                f"q = {self.q_:.2f} <= 1: the population's mean is infinite; more repeat customers are needed"
            )
        x, m = X["frequency"].to_numpy(float), X["monetary_value"].to_numpy(float)
        return self.p_ * (self.gamma_ + m * x) / (self.p_ * x + self.q_ - 1)


def lifetime_value(
    purchases: BetaGeometricNBD, value: GammaGamma, X: pd.DataFrame, weeks: int, discount: float = 0.0
) -> np.ndarray:
    """Money expected of each customer in the coming `weeks`, (n,), 1 or more; discount: yearly rate, 0.1 is 10 %."""
    weeks = check_number(weeks, "weeks", 1, whole=True)
    check_number(discount, "discount", 0)
    totals = np.stack([purchases.predict(X, week) for week in range(1, weeks + 1)])  # (weeks, n)
    each_week = np.diff(totals, axis=0, prepend=0)
    return (1 + discount) ** (-np.arange(1, weeks + 1) / 52) @ each_week * value.predict(X)


def _rfm(X: pd.DataFrame) -> np.ndarray:
    """Columns frequency, recency, T as (3, n), checked."""
    check_frame(X, RFM, not_negative=tuple(RFM))
    x, t_x, T = values = X[RFM].to_numpy(float).T
    bad = (t_x > T) | (x % 1 != 0) | ((x == 0) != (t_x == 0))
    if bad.any():
        rule = "frequency is whole, recency at most T, and 0 without a repeat purchase only"
        raise UserError(f"{rule}: row {X.index[bad.argmax()]!r} has frequency, recency, T = {values[:, bad][:, 0]}")
    return values


def snapshot(purchases: pd.DataFrame, until: str | pd.Timestamp, weeks: float) -> pd.DataFrame:
    """What was known on the day `until` and what the next `weeks` brought, one row a customer, to learn churn from.

    Adds to `summarize`: idle, weeks since the last purchase; event, whether a purchase followed; duration, weeks until
    it, or `weeks` where none came (censored); silent, 1 where none came. UserError where the data end before that.
    """
    frame, until, weeks = summarize(purchases, until), _day(until), check_number(weeks, "weeks", 1 / 7)
    dates, end = _days(purchases["date"]), until + pd.Timedelta(days=round(7 * weeks))
    if dates.max() < end:
        raise UserError(f"the data end on {dates.max().date()}, before {end.date()}: what followed isn't known yet")
    following = dates[(dates > until) & (dates <= end)].groupby(purchases["customer_id"]).min().reindex(frame.index)
    duration, event = ((following - until).dt.days / 7).fillna(weeks), following.notna()
    return frame.assign(
        idle=frame["T"] - frame["recency"], event=event, duration=duration, silent=1 - event.astype(int)
    )


class DiscreteHazard(BaseEstimator):
    """Survival as classification (Singer and Willett 1993): of those still waiting, who has the event in this period?

    Logistic regression on one row a customer and period, with a level of its own for each period, so that the hazard
    may have any shape. Censored customers (event False) count for the whole periods that they were watched.
    """

    def __init__(self, period: float = 1.0, C: float = 1.0):
        self.period, self.C = period, C

    def fit(self, X: ArrayLike, duration: ArrayLike, event: ArrayLike) -> "DiscreteHazard":
        """X (n, k) numbers; duration (n,) above 0, in the unit of `period`; event (n,) False where censored."""
        X = check_matrix(X).astype(float)
        duration = check_numbers(duration, "duration", 0, above=True, n=len(X))
        event = check_labels(event, len(X), (0, 1), "events").astype(bool)
        period = check_number(self.period, "period", 0, above=True)
        periods = np.round(duration / period, 9)  # whole numbers of periods survive the division
        watched = np.where(event, np.ceil(periods), np.floor(periods)).astype(int)
        row = np.repeat(np.arange(len(X)), watched)
        number = np.arange(len(row)) - np.repeat(np.cumsum(watched) - watched, watched)  # 0, 1, ... of each customer
        happened = event[row] & (number == watched[row] - 1)
        if len(np.unique(happened)) < 2:
            raise UserError("a hazard needs periods with the event and periods without it")
        self.scaler_ = StandardScaler().fit(X)
        Z = np.hstack([self.scaler_.transform(X)[row], np.eye(watched.max())[number]])
        self.model_ = LogisticRegression(C=self.C, fit_intercept=False, max_iter=1000).fit(Z, happened)
        return self

    def survival(self, X: ArrayLike) -> np.ndarray:
        """P(no event by the end of period 1, 2, ...), (n, periods seen in training): the product of 1 - hazard."""
        check_is_fitted(self)
        k = self.scaler_.n_features_in_
        Z = self.scaler_.transform(check_matrix(X, shape=(None, k)).astype(float))
        log_odds = Z @ self.model_.coef_[0, :k, None] + self.model_.coef_[0, k:]
        return np.cumprod(1 / (1 + np.exp(log_odds)), axis=1)


def mean_interval(
    values: ArrayLike, groups: ArrayLike | None = None, seed: int = 0, resamples: int = 1000
) -> np.ndarray:
    """95 % bootstrap interval of the mean of values (n,) or of each column (n, k): (2,) or (2, k).

    groups (n,): whole groups are drawn, all of a user's events say, since events of one user are alike.
    """
    values = check_numbers(values, "values", ndim=2 if np.ndim(values) == 2 else 1)
    resamples = check_number(resamples, "resamples", 1, whole=True)
    groups = np.arange(len(values)) if groups is None else check_labels(groups, len(values), name="groups")
    _, group = np.unique(groups, return_inverse=True)
    sums, sizes = pd.DataFrame(values).groupby(group).sum().to_numpy(), np.bincount(group)
    drawn = np.random.default_rng(seed).multinomial(len(sizes), np.full(len(sizes), 1 / len(sizes)), resamples)
    means = drawn @ sums / (drawn @ sizes)[:, None]  # (resamples, k)
    return np.quantile(means if values.ndim == 2 else means[:, 0], [0.025, 0.975], axis=0)
