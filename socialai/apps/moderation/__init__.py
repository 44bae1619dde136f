"""Content moderation (内容审核): which posts to show, to send to a person, or to reject.

On your own frame with the columns text and label (1: against the rules), in five lines:

>>> import pandas as pd
>>> from socialai.apps import moderation
>>> from socialai.models.baselines import build_baseline
>>> texts = ["buy now", "win now", "good day", "nice day"] * 5
>>> frame = pd.DataFrame({"text": texts, "label": [1, 1, 0, 0] * 5})
>>> model = build_baseline("tfidf").fit(*moderation.texts_and_labels(frame))
>>> scores = model.predict_proba(frame["text"])[:, 1]
>>> policy = moderation.ThreeWayDecision(miss=10, wrong_reject=4, review=1)
>>> policy.fit(scores, frame["label"]).predict([0.1, 0.9]).tolist()
['show', 'reject']

There the thresholds are chosen on the training texts for brevity; choose yours on texts that no
model has seen.

frames: your own posts
    texts_and_labels        the two columns of a frame, checked
keywords: the oldest filter
    KeywordList             a list of words, given or learned
prototypes: classes from a few examples
    Prototypes              the mean vector of each class stands for it
decisions: from scores to outcomes
    ThreeWayDecision        show, review or reject, by what each mistake costs
    precision_at_recall     how precise a filter is that misses few
review_queue: people in the loop
    review_queue            what a model learns from the posts that people label
    STRATEGIES              which posts they get first
evasion: getting past a filter, and normalisation
    EVASIONS                what writers do to get past a filter
    evade                   a text disguised by one of them
    undisguise              what normalisation takes back
    to_pinyin               a text as it sounds
    PARTS_OF_CHARACTER      characters and the two parts they are made of
    CHARACTER_OF_PARTS      the parts that are rejoined
    CHINESE_CHARACTER       the pattern of one
"""

from socialai.apps.moderation.decisions import ThreeWayDecision, precision_at_recall
from socialai.apps.moderation.evasion import (
    CHARACTER_OF_PARTS,
    CHINESE_CHARACTER,
    EVASIONS,
    PARTS_OF_CHARACTER,
    evade,
    to_pinyin,
    undisguise,
)
from socialai.apps.moderation.frames import texts_and_labels
from socialai.apps.moderation.keywords import KeywordList
from socialai.apps.moderation.prototypes import Prototypes
from socialai.apps.moderation.review_queue import STRATEGIES, review_queue

__all__ = [
    "CHARACTER_OF_PARTS",
    "CHINESE_CHARACTER",
    "EVASIONS",
    "KeywordList",
    "PARTS_OF_CHARACTER",
    "Prototypes",
    "STRATEGIES",
    "ThreeWayDecision",
    "evade",
    "precision_at_recall",
    "review_queue",
    "texts_and_labels",
    "to_pinyin",
    "undisguise",
]
