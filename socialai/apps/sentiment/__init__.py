"""Sentiment: what raters agree on, a lexicon with rules, soft labels, ordinal ratings, and a classifier for any frame.

On your own frame, in five lines ("frozen" or "finetuned" in place of "tfidf" for the large model):

>>> import pandas as pd
>>> from socialai.apps.sentiment import SentimentClassifier
>>> posts = pd.DataFrame({"text": ["很好喜欢", "好 喜欢", "太差失望"], "label": ["good", "good", "bad"]})
>>> model = SentimentClassifier("tfidf").fit_frame(posts)
>>> model.predict(["喜欢", "失望"]).tolist()
['good', 'bad']
"""

from socialai.apps.sentiment.classifier import METHODS, SentimentClassifier
from socialai.apps.sentiment.lexicon import (
    NEGATIONS,
    STRONGER,
    WEAKER,
    LexiconSentiment,
    vader_lexicon,
)
from socialai.apps.sentiment.ordinal import OrdinalRegression
from socialai.apps.sentiment.raters import (
    krippendorff_alpha,
    rating_shares,
    single_ratings,
    three_classes,
    vader_measures,
)
from socialai.apps.sentiment.soft_labels import SoftLabelClassifier

__all__ = [
    "LexiconSentiment",
    "METHODS",
    "NEGATIONS",
    "OrdinalRegression",
    "STRONGER",
    "SentimentClassifier",
    "SoftLabelClassifier",
    "WEAKER",
    "krippendorff_alpha",
    "rating_shares",
    "single_ratings",
    "three_classes",
    "vader_lexicon",
    "vader_measures",
]
