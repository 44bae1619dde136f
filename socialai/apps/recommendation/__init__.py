"""Recommendation: models with one interface, the splits and the metric of the published MovieLens table.

>>> import pandas as pd
>>> from socialai.apps.recommendation import SAR
>>> rows = [("ann", "tea"), ("ann", "jam"), ("bob", "tea"), ("bob", "jam"), ("bob", "pie"), ("cyd", "tea")]
>>> ratings = pd.DataFrame(rows, columns=["user_id", "item_id"]).assign(rating=1)
>>> SAR(half_life_days=None).fit(ratings).recommend(["cyd"], k=2)["item_id"].tolist()
['jam', 'pie']

A frame of ratings has user_id, item_id and rating (larger is better), and time where a model or a split uses it. Every
model ranks the items that a user has not rated. SVD and ALS learn the ratings as numbers and can `predict` them; the
others take any rating for interest, as the published table does. Neural ones are in recommendation_neural.
"""

from socialai.apps.recommendation.base import RatingModel, Recommender
from socialai.apps.recommendation.factorisation import ALS, BPR, SVD, Implicit, least_squares
from socialai.apps.recommendation.metrics import (
    beyond_accuracy,
    evaluate_lists,
    mean_interval,
    ndcg,
)
from socialai.apps.recommendation.neighbours import SAR, Popularity, jaccard
from socialai.apps.recommendation.neural import (
    LightGCN,
    TwoTower,
    bipartite_adjacency,
    propagate,
    to_torch,
)
from socialai.apps.recommendation.splits import KEYS, check_ratings, split_by_time, split_per_user

__all__ = [
    "ALS",
    "BPR",
    "Implicit",
    "KEYS",
    "LightGCN",
    "Popularity",
    "RatingModel",
    "Recommender",
    "SAR",
    "SVD",
    "TwoTower",
    "beyond_accuracy",
    "bipartite_adjacency",
    "check_ratings",
    "evaluate_lists",
    "jaccard",
    "least_squares",
    "mean_interval",
    "ndcg",
    "propagate",
    "split_by_time",
    "split_per_user",
    "to_torch",
]
