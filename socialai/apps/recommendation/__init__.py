"""Recommendation (个性化推荐): models with one interface, splits, metrics.

>>> import pandas as pd
>>> from socialai.apps.recommendation import SAR
>>> rows = [("ann", "tea"), ("ann", "jam"), ("bob", "tea"), ("bob", "pie"), ("cyd", "tea")]
>>> ratings = pd.DataFrame(rows, columns=["user_id", "item_id"]).assign(rating=1)
>>> SAR(half_life_days=None).fit(ratings).recommend(["cyd"], k=2)["item_id"].tolist()
['jam', 'pie']

A frame of ratings has user_id, item_id and rating (larger is better), and time where a model or a
split uses it. Every model ranks the items that a user has not rated. SVD and ALS learn the ratings
as numbers and can `predict` them; the others take any rating for interest.

base: what all models share
    Recommender             fit(ratings), recommend(users, k)
    RatingModel             a Recommender that also predicts ratings
neighbours: models that count
    Popularity              the same list for everybody
    SAR                     items that occur with those of the user
    jaccard                 how often two items occur together
factorisation: a vector for each user and each item
    SVD                     ratings, by stochastic gradient descent
    ALS                     ratings, each side in closed form
    BPR                     the order of a rated and of another item
    Implicit                rated or not, by the library implicit
    least_squares           half a step of ALS
neural: networks
    LightGCN                embeddings smoothed over the graph of users and items
    TwoTower                a network a side; items may have features
    bipartite_adjacency     that graph as a normalised matrix
    propagate               the light graph convolution
    to_torch_csr            a scipy matrix for torch
splits: what is known, what is to be foretold
    split_per_user          a random share of each user's ratings
    split_by_time           the past and the future
    check_ratings           whether a frame is one of ratings
metrics: how good lists are
    ndcg                    of ranked hits, one number a list
    evaluate_lists          nDCG, precision and recall of each user
    beyond_accuracy         coverage, popularity, novelty
"""

from socialai.apps.recommendation.base import RatingModel, Recommender
from socialai.apps.recommendation.factorisation import ALS, BPR, SVD, Implicit, least_squares
from socialai.apps.recommendation.metrics import beyond_accuracy, evaluate_lists, ndcg
from socialai.apps.recommendation.neighbours import SAR, Popularity, jaccard
from socialai.apps.recommendation.neural import (
    LightGCN,
    TwoTower,
    bipartite_adjacency,
    propagate,
    to_torch_csr,
)
from socialai.apps.recommendation.splits import check_ratings, split_by_time, split_per_user

__all__ = [
    "ALS",
    "BPR",
    "Implicit",
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
    "ndcg",
    "propagate",
    "split_by_time",
    "split_per_user",
    "to_torch_csr",
]
