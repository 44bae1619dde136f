"""Content moderation (内容审核): which posts to show, to send to a person, or to reject, and what evasion does to that.

On your own frame with the columns text and label (1: against the rules), in five lines:

>>> import pandas as pd
>>> from socialai import baselines
>>> from socialai.apps.moderation import ThreeWayDecision, posts
>>> frame = pd.DataFrame({"text": ["buy now", "win now", "good day", "nice day"] * 5, "label": [1, 1, 0, 0] * 5})
>>> scores = build_baseline("tfidf").fit(*posts(frame)).predict_proba(frame["text"])[:, 1]
>>> ThreeWayDecision(miss=10, wrong_reject=4, review=1).fit(scores, frame["label"]).predict([0.1, 0.9]).tolist()
['show', 'reject']

There the thresholds are chosen on the training texts for brevity; choose yours on texts that no model has seen.
"""

from socialai.apps.moderation.decisions import ThreeWayDecision, precision_at_recall
from socialai.apps.moderation.evasion import (
    BETWEEN,
    EVASIONS,
    JOINED,
    PARTS,
    WHOLE,
    evade,
    sounds,
    undisguise,
)
from socialai.apps.moderation.filters import HAN, WORD, KeywordList, Prototypes, posts
from socialai.apps.moderation.review_queue import review_queue

__all__ = [
    "BETWEEN",
    "EVASIONS",
    "HAN",
    "JOINED",
    "KeywordList",
    "PARTS",
    "Prototypes",
    "ThreeWayDecision",
    "WHOLE",
    "WORD",
    "evade",
    "posts",
    "precision_at_recall",
    "review_queue",
    "sounds",
    "undisguise",
]
