"""Loaders of ratings, people, clicks, purchases, images and networks: files in, a frame out."""

from collections.abc import Mapping
from typing import BinaryIO

import networkx as nx
import numpy as np
import pandas as pd

Files = Mapping[str, BinaryIO]
BANDIT_ITEMS = 80  # of the largest campaign, "all"


def ml100k_ratings(files: Files) -> pd.DataFrame:
    """MovieLens-100k: one rating a row."""
    frame = pd.read_parquet(*files.values()).rename(columns={"movie_id": "item_id"})
    frame["time"] = pd.to_datetime(frame.pop("timestamp"), unit="s")
    return frame[["user_id", "item_id", "rating", "time"]]


def ml100k_users(files: Files) -> pd.DataFrame:
    """MovieLens-100k: one user a row."""
    return pd.read_parquet(*files.values())[["user_id", "age", "gender", "occupation", "zip_code"]]


def ml100k_items(files: Files) -> pd.DataFrame:
    """MovieLens-100k: one film a row, its 19 genres as columns of 0 and 1."""
    frame = pd.read_parquet(*files.values()).drop(columns="video_release_date")  # empty in all rows
    names = {"movie_id": "item_id", "movie_title": "title", "Children's": "children"}
    frame = frame.rename(columns=names).rename(columns=lambda name: name.lower().replace("-", "_"))
    frame["release_date"] = pd.to_datetime(frame["release_date"], format="%d-%b-%Y")
    return frame


def adult(files: Files) -> pd.DataFrame:
    """Adult: one person a row; "?" of the source is missing here, income is `label`."""
    frame = pd.read_parquet(*files.values()).rename(columns={"educational-num": "education_num"})
    frame = frame.rename(columns=lambda name: name.replace("-", "_")).replace("?", None)
    frame["label"] = (frame.pop("income") == ">50K").astype("int64")
    return frame


def open_bandit_logs(files: Files) -> pd.DataFrame:
    """Open Bandit sample: one impression a row, the six logs in the order of the source."""
    parts = []
    for path, opened in files.items():
        policy, campaign = path.split("/")[-3:-1]
        frame = pd.read_csv(opened, index_col=0)
        frame = frame.rename(columns={"timestamp": "time", "propensity_score": "propensity"})
        frame = frame.rename(columns=lambda name: name.replace("user-item_", ""))
        frame["time"] = pd.to_datetime(frame["time"], format="ISO8601", utc=True)
        affinity = frame.filter(like="affinity_").astype("float32")
        affinity = affinity.reindex(columns=[f"affinity_{i}" for i in range(BANDIT_ITEMS)])
        features = [f"user_feature_{i}" for i in range(4)]
        frame = frame[["time", "item_id", "position", "click", "propensity", *features]]
        frame.insert(0, "policy", policy)
        frame.insert(1, "campaign", campaign)
        parts.append(pd.concat([frame, affinity], axis=1))
    return pd.concat(parts, ignore_index=True)


def open_bandit_items(files: Files) -> pd.DataFrame:
    """Open Bandit sample: one item a row, as described for each policy and campaign."""
    parts = []
    for path, opened in files.items():
        policy, campaign = path.split("/")[-3:-1]
        frame = pd.read_csv(opened, index_col=0)
        frame.insert(0, "policy", policy)
        frame.insert(1, "campaign", campaign)
        parts.append(frame)
    return pd.concat(parts, ignore_index=True)


def cdnow_master(files: Files) -> pd.DataFrame:
    """CDNOW: all transactions, a row each."""
    names = ["customer_id", "date", "quantity", "value"]
    return _purchases(pd.read_csv(*files.values(), sep=r"\s+", header=0, names=names))


def cdnow_sample(files: Files) -> pd.DataFrame:
    """CDNOW: the transactions of one customer in ten."""
    names = ["customer_id", "sample_id", "date", "quantity", "value"]
    return _purchases(pd.read_csv(*files.values(), sep=r"\s+", header=None, names=names))


def cdnow_summary(files: Files) -> pd.DataFrame:
    """CDNOW: one customer of the sample a row, weeks 1 to 39."""
    names = ["sample_id", "frequency", "recency", "T", "monetary_value"]
    return pd.read_csv(*files.values(), header=0, names=names)


def mnist_5k(files: Files) -> pd.DataFrame:
    """MNIST sample: one image a row, uint8; reshape its 784 pixels to (-1, 28, 28)."""
    values = pd.read_csv(*files.values(), compression="gzip", header=None).to_numpy()
    return _images(values[:, :-1], values[:, -1])


def digits(files: Files) -> pd.DataFrame:
    """Digits of scikit-learn: one image a row, uint8; reshape its 64 pixels to (-1, 8, 8)."""
    from sklearn.datasets import load_digits  # here: it takes a second to import

    bunch = load_digits()
    return _images(bunch.data, bunch.target)


def karate(files: Files) -> pd.DataFrame:
    """Zachary's karate club from networkx: one edge a row, with the true group of both ends."""
    graph = nx.karate_club_graph()
    edges = nx.to_pandas_edgelist(graph)
    clubs = nx.get_node_attributes(graph, "club")
    edges["source_group"] = edges["source"].map(clubs)
    edges["target_group"] = edges["target"].map(clubs)
    return edges[["source", "target", "weight", "source_group", "target_group"]]


def les_miserables(files: Files) -> pd.DataFrame:
    """Les Miserables from networkx: one edge a row."""
    return nx.to_pandas_edgelist(nx.les_miserables_graph())[["source", "target", "weight"]]


def davis(files: Files) -> pd.DataFrame:
    """Davis's Southern women from networkx: one attendance a row."""
    graph = nx.davis_southern_women_graph()
    pairs = [(woman, event) for woman in graph.graph["top"] for event in graph[woman]]
    return pd.DataFrame(pairs, columns=["woman", "event"])


def _purchases(frame: pd.DataFrame) -> pd.DataFrame:
    frame["date"] = pd.to_datetime(frame["date"].astype(str), format="%Y%m%d")
    return frame


def _images(pixels: np.ndarray, label: np.ndarray) -> pd.DataFrame:
    frame = pd.DataFrame(
        pixels.astype(np.uint8), columns=[f"pixel_{i}" for i in range(pixels.shape[1])]
    )
    return frame.assign(label=label.astype("int64"))
