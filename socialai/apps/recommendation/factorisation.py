"""Matrix factorisation: SVD, ALS, BPR, and the library implicit."""

import numpy as np
import torch
from scipy import sparse
from threadpoolctl import threadpool_limits

from socialai.apps.recommendation.base import RatingModel, Recommender, estimator
from socialai.errors import UserError


@estimator
class SVD(RatingModel):
    """Funk's matrix factorisation with biases, by stochastic gradient descent on the squared error of the ratings.

    Defaults are those of the published row. batch_size: ratings that share a step, their updates summed, for speed;
    1 is the sequential algorithm. Source: Koren, Bell and Volinsky 2009.
    """

    n_factors: int = 150
    epochs: int = 15
    learning_rate: float = 0.005
    regularization: float = 0.02
    batch_size: int = 256
    seed: int = 0

    def _fit(self, u, i, ratings):
        generator = torch.Generator().manual_seed(self.seed)
        y = torch.tensor(ratings["rating"].to_numpy(np.float32))
        self.mean_ = float(y.mean())
        p, q = (0.1 * torch.randn(n, self.n_factors, generator=generator) for n in self.seen_.shape)
        b, c = torch.zeros(len(p)), torch.zeros(len(q))  # biases of users and of items
        u, i, penalty = torch.tensor(u), torch.tensor(i), self.regularization
        for _ in range(self.epochs):
            for rows in torch.randperm(len(y), generator=generator).split(self.batch_size):
                user, item = u[rows], i[rows]
                p_u, q_i, b_u, c_i = (
                    p[user],
                    q[item],
                    b[user],
                    c[item],
                )  # (B, f), (B, f), (B,), (B,)
                error = y[rows] - self.mean_ - b_u - c_i - (p_u * q_i).sum(1)  # (B,)
                b.index_add_(0, user, error - penalty * b_u, alpha=self.learning_rate)
                c.index_add_(0, item, error - penalty * c_i, alpha=self.learning_rate)
                p.index_add_(
                    0, user, error[:, None] * q_i - penalty * p_u, alpha=self.learning_rate
                )
                q.index_add_(
                    0, item, error[:, None] * p_u - penalty * q_i, alpha=self.learning_rate
                )
        self.user_factors_, self.item_factors_, self.user_bias_, self.item_bias_ = (
            x.numpy() for x in (p, q, b, c)
        )


def least_squares(other: np.ndarray, rows: sparse.csr_matrix, penalty: float) -> np.ndarray:
    """Half a step of ALS: for each row r the factors x that minimise sum (r_j - x . other_j)^2 + penalty n_r |x|^2.

    other: (m, f). rows: (n, m), of which the n_r stored numbers of a row are its ratings. Source: Zhou et al. 2008.
    """
    solved = np.zeros((rows.shape[0], other.shape[1]))
    for r, (start, end) in enumerate(zip(rows.indptr[:-1], rows.indptr[1:], strict=True)):
        if end > start:
            z = other[rows.indices[start:end]]  # (n_r, f)
            solved[r] = np.linalg.solve(
                z.T @ z + penalty * (end - start) * np.eye(z.shape[1]), z.T @ rows.data[start:end]
            )
    return solved


@estimator
class ALS(RatingModel):
    """Explicit alternating least squares: users' factors given the items', then the reverse, each in closed form.

    Defaults are those of the published row (Spark's: no biases, penalty times the number of ratings).
    """

    n_factors: int = 10
    epochs: int = 15
    regularization: float = 0.05
    seed: int = 0

    def _fit(self, u, i, ratings):
        observed = sparse.csr_matrix((ratings["rating"].to_numpy(float), (u, i)), self.seen_.shape)
        start = np.random.default_rng(self.seed).normal(size=(len(self.items_), self.n_factors))
        self.item_factors_ = start / np.linalg.norm(start, axis=1, keepdims=True)
        for _ in range(self.epochs):
            self.user_factors_ = least_squares(self.item_factors_, observed, self.regularization)
            self.item_factors_ = least_squares(
                self.user_factors_, observed.T.tocsr(), self.regularization
            )
        self.mean_, self.user_bias_, self.item_bias_ = (
            0.0,
            np.zeros(len(self.users_)),
            np.zeros(len(self.items_)),
        )


@estimator
class BPR(Recommender):
    """Bayesian personalised ranking: a rated item should score above another one (Rendle et al. 2009), by SGD.

    Defaults are those of the published row. popular_negatives: draw the other item as often as it is rated, as the
    library implicit does, rather than each alike. batch_size: triples that share a step, their updates summed.
    """

    n_factors: int = 200
    epochs: int = 15
    learning_rate: float = 0.075
    regularization: float = 1e-3
    popular_negatives: bool = False
    batch_size: int = 256
    seed: int = 0

    def _fit(self, u, i, ratings):
        rng, generator = np.random.default_rng(self.seed), torch.Generator().manual_seed(self.seed)
        p, q = (
            (torch.rand(n, self.n_factors + 1, generator=generator) - 0.5) / self.n_factors
            for n in self.seen_.shape
        )
        p[:, -1], q[:, -1] = 1, 0  # the last factor is the item's bias
        seen, rate, penalty = self.seen_.toarray() > 0, self.learning_rate, self.regularization
        for _ in range(self.epochs * len(u) // self.batch_size):
            rows = rng.integers(len(u), size=self.batch_size)
            j = rng.integers(len(u) if self.popular_negatives else len(q), size=len(rows))
            j = i[j] if self.popular_negatives else j
            new = ~seen[u[rows], j]
            user, liked, other = (torch.from_numpy(x[new]) for x in (u[rows], i[rows], j))
            p_u, q_i, q_j = p[user], q[liked], q[other]  # (B, f) each
            z = torch.sigmoid(
                -(p_u * (q_i - q_j)).sum(1, keepdim=True)
            )  # (B, 1): how wrong the order is
            p.index_add_(0, user, z * (q_i - q_j) - penalty * p_u, alpha=rate)
            q.index_add_(0, liked, z * p_u - penalty * q_i, alpha=rate)
            q.index_add_(0, other, -z * p_u - penalty * q_j, alpha=rate)
            p[:, -1] = 1
        self.user_factors_, self.item_factors_ = p.numpy(), q.numpy()


@estimator
class Implicit(Recommender):
    """The library implicit: method "als" (whether a user rated, not how: Hu, Koren and Volinsky 2008) or "bpr".

    options: further arguments of its class, as (name, value) pairs. One thread, so that a seed reproduces.
    """

    method: str = "als"
    n_factors: int = 16
    epochs: int = 15
    options: tuple = ()
    seed: int = 0

    def _fit(self, u, i, ratings):
        from implicit.cpu.als import AlternatingLeastSquares
        from implicit.cpu.bpr import BayesianPersonalizedRanking

        methods = {"als": AlternatingLeastSquares, "bpr": BayesianPersonalizedRanking}
        if self.method not in methods:
            raise UserError(f"method {self.method!r} is unknown: als or bpr")
        sizes = {
            "factors": self.n_factors,
            "iterations": self.epochs,
            "num_threads": 1,
            "random_state": self.seed,
        }
        with threadpool_limits(
            1, "blas"
        ):  # implicit brings its own threads, and warns when BLAS adds more
            model = methods[self.method](**sizes, **dict(self.options))
            model.fit(self.seen_, show_progress=False)
        self.user_factors_, self.item_factors_ = (
            np.asarray(model.user_factors),
            np.asarray(model.item_factors),
        )
