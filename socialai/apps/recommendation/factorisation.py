"""Matrix factorisation: SVD, ALS, BPR by hand, and the library implicit."""

import numpy as np
import torch
from scipy import sparse
from threadpoolctl import threadpool_limits

from socialai.apps.recommendation.base import RatingModel, Recommender
from socialai.errors import UserError
from socialai.validation import (
    as_input_error,
    check_choice,
    check_matrix,
    check_number,
    generator_seed,
)

IMPLICIT_METHODS = ("als", "bpr")


class SVD(RatingModel):
    """Funk's matrix factorisation with biases, by stochastic gradient descent on squared errors.

    The defaults are those of the published row. The update is written by hand, gradients and step,
    so it is not the loop of `socialai.models.training`. Source: Koren, Bell and Volinsky 2009.

    Parameters
    ----------
    dim : int
        Numbers in the vector of a user and of an item.
    epochs : int
        Passes over the ratings.
    learning_rate : float
    regularization : float
        Penalty on the square of every number that is learned.
    batch_size : int
        Ratings that share a step, their updates summed, for speed; 1 is the sequential algorithm.
    seed : int

    Examples
    --------
    >>> import pandas as pd
    >>> rows = [("ann", "tea", 5), ("ann", "jam", 1), ("bob", "tea", 4), ("bob", "jam", 2)]
    >>> ratings = pd.DataFrame(rows, columns=["user_id", "item_id", "rating"])
    >>> model = SVD(dim=2, epochs=50).fit(ratings)
    >>> bool(model.predict(ratings)[0] > model.predict(ratings)[1])
    True
    """

    def __init__(
        self,
        dim: int = 150,
        epochs: int = 15,
        learning_rate: float = 0.005,
        regularization: float = 0.02,
        batch_size: int = 256,
        seed: int = 0,
    ):
        self.dim = dim
        self.epochs = epochs
        self.learning_rate = learning_rate
        self.regularization = regularization
        self.batch_size = batch_size
        self.seed = seed

    def _fit(self, u, i, ratings):
        generator = torch.Generator().manual_seed(generator_seed(self.seed))
        n_users, n_items = self.seen_.shape
        p = 0.1 * torch.randn(n_users, self.dim, generator=generator)
        q = 0.1 * torch.randn(n_items, self.dim, generator=generator)
        b = torch.zeros(n_users)  # biases of users
        c = torch.zeros(n_items)  # biases of items
        u = torch.tensor(u)
        i = torch.tensor(i)
        y = torch.tensor(ratings["rating"].to_numpy(np.float32))
        self.mean_ = float(y.mean())

        rate = self.learning_rate
        penalty = self.regularization
        for _ in range(self.epochs):
            for rows in torch.randperm(len(y), generator=generator).split(self.batch_size):
                # All values before the step, so that each update sees the same ones.
                user = u[rows]
                item = i[rows]
                p_u, q_i = p[user], q[item]  # (B, dim)
                b_u, c_i = b[user], c[item]  # (B,)
                error = y[rows] - self.mean_ - b_u - c_i - (p_u * q_i).sum(1)  # (B,)

                b.index_add_(0, user, error - penalty * b_u, alpha=rate)
                c.index_add_(0, item, error - penalty * c_i, alpha=rate)
                p.index_add_(0, user, error[:, None] * q_i - penalty * p_u, alpha=rate)
                q.index_add_(0, item, error[:, None] * p_u - penalty * q_i, alpha=rate)

        self.user_factors_ = p.numpy()
        self.item_factors_ = q.numpy()
        self.user_bias_ = b.numpy()
        self.item_bias_ = c.numpy()


def least_squares(other: np.ndarray, rows: sparse.csr_matrix, penalty: float) -> np.ndarray:
    """Half a step of ALS: the factors of one side, given those of the other, in closed form.

    For each row r the x that minimise sum_j (r_j - x . other_j)^2 + penalty n_r |x|^2, (n, dim).
    other: (m, dim). rows: (n, m), of which the n_r stored numbers of a row are its ratings; a row
    without any stays 0. UserError where the ratings of a row don't tell its factors, which a
    penalty above 0 prevents. Source: Zhou et al. 2008.
    """
    if not sparse.issparse(rows):
        raise UserError("rows must be a sparse matrix: which numbers are stored matters")
    other = check_matrix(other, "other")
    rows = sparse.csr_matrix(check_matrix(rows, "rows", True, shape=(None, len(other))))
    penalty = check_number(penalty, "penalty", 0)
    solved = np.zeros((rows.shape[0], other.shape[1]))
    for r in range(rows.shape[0]):
        start, end = rows.indptr[r : r + 2]
        if end > start:
            z = other[rows.indices[start:end]]  # (n_r, dim)
            ridge = penalty * (end - start) * np.eye(z.shape[1])
            try:
                if penalty == 0 and len(z) < z.shape[1]:
                    raise np.linalg.LinAlgError
                solved[r] = np.linalg.solve(z.T @ z + ridge, z.T @ rows.data[start:end])
            except np.linalg.LinAlgError:
                raise UserError(
                    f"{len(z)} ratings in row {r} don't tell {z.shape[1]} factors: "
                    "give a penalty (regularization) above 0, or a larger one"
                ) from None
    return solved


class ALS(RatingModel):
    """Explicit alternating least squares: users' factors given the items', then the reverse.

    Each half is solved in closed form. The defaults are those of the published row (Spark's: no
    biases, and a penalty times the number of ratings).

    Parameters
    ----------
    dim : int
        Numbers in the vector of a user and of an item.
    epochs : int
        Times that both sides are solved.
    regularization : float
        Penalty on squared factors, times the number of ratings of the row.
    seed : int

    Examples
    --------
    >>> import pandas as pd
    >>> rows = [("ann", "tea", 5), ("ann", "jam", 1), ("bob", "tea", 4), ("bob", "jam", 2)]
    >>> ratings = pd.DataFrame(rows, columns=["user_id", "item_id", "rating"])
    >>> ALS(dim=2).fit(ratings).predict(ratings).round().tolist()
    [5.0, 1.0, 4.0, 2.0]
    """

    def __init__(
        self,
        dim: int = 10,
        epochs: int = 15,
        regularization: float = 0.05,
        seed: int = 0,
    ):
        self.dim = dim
        self.epochs = epochs
        self.regularization = regularization
        self.seed = seed

    def _fit(self, u, i, ratings):
        observed = sparse.csr_matrix((ratings["rating"].to_numpy(float), (u, i)), self.seen_.shape)
        turned = observed.T.tocsr()

        # The items begin as random directions of length 1.
        rng = np.random.default_rng(generator_seed(self.seed))
        start = rng.normal(size=(len(self.items_), self.dim))
        self.item_factors_ = start / np.linalg.norm(start, axis=1, keepdims=True)
        for _ in range(self.epochs):
            self.user_factors_ = least_squares(self.item_factors_, observed, self.regularization)
            self.item_factors_ = least_squares(self.user_factors_, turned, self.regularization)

        self.mean_ = 0.0
        self.user_bias_ = np.zeros(len(self.users_))
        self.item_bias_ = np.zeros(len(self.items_))


class BPR(Recommender):
    """Bayesian personalised ranking: a rated item should score above another one, by SGD.

    The defaults are those of the published row. The update is written by hand, gradients and step,
    so it is not the loop of `socialai.models.training`. Source: Rendle et al. 2009.

    Parameters
    ----------
    dim : int
        Numbers in the vector of a user and of an item, beside the item's bias.
    epochs : int
        Passes, of as many triples (user, rated item, other item) as there are ratings.
    learning_rate : float
    regularization : float
        Penalty on the square of every factor.
    popular_negatives : bool
        Draw the other item as often as it is rated, as the library implicit does, rather than
        each alike.
    batch_size : int
        Triples that share a step, their updates summed; no more than there are ratings.
    seed : int

    Examples
    --------
    >>> import pandas as pd
    >>> rows = [("ann", "tea"), ("ann", "jam"), ("bob", "tea"), ("bob", "jam"), ("cyd", "tea")]
    >>> ratings = pd.DataFrame(rows, columns=["user_id", "item_id"]).assign(rating=1)
    >>> BPR(dim=4, batch_size=1).fit(ratings).recommend(["cyd"])["item_id"].tolist()
    ['jam']
    """

    def __init__(
        self,
        dim: int = 200,
        epochs: int = 15,
        learning_rate: float = 0.075,
        regularization: float = 1e-3,
        popular_negatives: bool = False,
        batch_size: int = 256,
        seed: int = 0,
    ):
        self.dim = dim
        self.epochs = epochs
        self.learning_rate = learning_rate
        self.regularization = regularization
        self.popular_negatives = popular_negatives
        self.batch_size = batch_size
        self.seed = seed

    def _fit(self, u, i, ratings):
        seed = generator_seed(self.seed)
        rng = np.random.default_rng(seed)
        generator = torch.Generator().manual_seed(seed)
        n_users, n_items = self.seen_.shape
        p = (torch.rand(n_users, self.dim + 1, generator=generator) - 0.5) / self.dim
        q = (torch.rand(n_items, self.dim + 1, generator=generator) - 0.5) / self.dim
        p[:, -1] = 1  # the last factor is the item's bias
        q[:, -1] = 0

        seen = self.seen_.toarray() > 0
        rate = self.learning_rate
        penalty = self.regularization
        size = min(self.batch_size, len(u))  # so that an epoch has a step, or more
        for _ in range(self.epochs * len(u) // size):
            # Triples (user, rated item, other item), but those whose other item is rated too.
            rows = rng.integers(len(u), size=size)
            if self.popular_negatives:
                j = i[rng.integers(len(u), size=size)]
            else:
                j = rng.integers(n_items, size=size)
            new = ~seen[u[rows], j]
            user, liked, other = (torch.from_numpy(x[new]) for x in (u[rows], i[rows], j))

            # z: how wrong the order is. All values before the step, as in SVD.
            p_u, q_i, q_j = p[user], q[liked], q[other]  # (B, dim + 1)
            z = torch.sigmoid(-(p_u * (q_i - q_j)).sum(1, keepdim=True))  # (B, 1)
            p.index_add_(0, user, z * (q_i - q_j) - penalty * p_u, alpha=rate)
            q.index_add_(0, liked, z * p_u - penalty * q_i, alpha=rate)
            q.index_add_(0, other, -z * p_u - penalty * q_j, alpha=rate)
            p[:, -1] = 1
        self.user_factors_ = p.numpy()
        self.item_factors_ = q.numpy()


class Implicit(Recommender):
    """Factorisation by the library implicit, which asks whether a user rated, and not how.

    One thread, so that a seed reproduces.

    Parameters
    ----------
    method : {"als", "bpr"}
        Alternating least squares on rated or not (Hu, Koren and Volinsky 2008), or BPR.
    dim : int
        Numbers in the vector of a user and of an item.
    epochs : int
        The library's iterations.
    options : dict or None
        Further arguments of the library's class, learning_rate for instance.
    seed : int

    Examples
    --------
    >>> import pandas as pd
    >>> rows = [("ann", "tea"), ("ann", "jam"), ("bob", "tea"), ("bob", "jam"), ("cyd", "tea")]
    >>> ratings = pd.DataFrame(rows, columns=["user_id", "item_id"]).assign(rating=1)
    >>> Implicit("als", dim=2).fit(ratings).recommend(["cyd"])["item_id"].tolist()
    ['jam']
    """

    def __init__(
        self,
        method: str = "als",
        dim: int = 16,
        epochs: int = 15,
        options: dict | None = None,
        seed: int = 0,
    ):
        self.method = method
        self.dim = dim
        self.epochs = epochs
        self.options = options
        self.seed = seed

    def _check_settings(self):
        super()._check_settings()
        check_choice(self.method, IMPLICIT_METHODS, "method")
        if not isinstance(self.options, dict | None):
            raise UserError("options is a dictionary of arguments, or None")

    def _fit(self, u, i, ratings):
        from implicit.cpu.als import AlternatingLeastSquares
        from implicit.cpu.bpr import BayesianPersonalizedRanking
        from implicit.recommender_base import ModelFitError

        kind = AlternatingLeastSquares if self.method == "als" else BayesianPersonalizedRanking
        # implicit brings its own threads, and warns when BLAS adds more.
        with threadpool_limits(1, "blas"), as_input_error("options"):
            model = kind(
                factors=self.dim,
                iterations=self.epochs,
                num_threads=1,
                random_state=generator_seed(self.seed),
                **(self.options or {}),
            )
            try:
                model.fit(self.seen_, show_progress=False)
            except ModelFitError as error:
                raise FloatingPointError(str(error)) from None
        self.user_factors_ = np.asarray(model.user_factors)
        self.item_factors_ = np.asarray(model.item_factors)
