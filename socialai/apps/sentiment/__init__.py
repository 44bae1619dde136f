"""Sentiment: what raters agree on, a lexicon, soft labels, stars, and a classifier for any frame.

On your own frame, in five lines ("frozen" or "finetuned" in place of "tfidf": the large model):

>>> import pandas as pd
>>> from socialai.apps.sentiment import SentimentClassifier
>>> texts = ["很好喜欢", "好 喜欢", "太差失望"]
>>> posts = pd.DataFrame({"text": texts, "label": ["good", "good", "bad"]})
>>> model = SentimentClassifier("tfidf").fit_frame(posts)
>>> model.predict(["喜欢", "失望"]).tolist()
['good', 'bad']

classifier: any labels on any texts
    SentimentClassifier     by counting, by a frozen encoder or by a fine-tuned one
    METHODS                 the names of its methods
lexicon: rules, nothing learned
    LexiconSentiment        rated words, changed by five rules
    vader_lexicon           the rated words of VADER's authors
raters: what people agree on
    krippendorff_alpha      how far they agree, beyond chance
    single_ratings          each rating beside those of the others
    rating_shares           which share of them reads a text as negative, neutral, positive
    three_classes           negative, neutral or positive, by a threshold
    vader_measures          the four measures of the paper on VADER
soft_labels: disagreement as a target
    SoftLabelClassifier     learns shares of raters instead of a winner
ordinal: stars, whose order counts
    OrdinalRegression       proportional odds
"""

from socialai.apps.sentiment.classifier import METHODS, SentimentClassifier
from socialai.apps.sentiment.lexicon import LexiconSentiment, vader_lexicon
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
    "OrdinalRegression",
    "SentimentClassifier",
    "SoftLabelClassifier",
    "krippendorff_alpha",
    "rating_shares",
    "single_ratings",
    "three_classes",
    "vader_lexicon",
    "vader_measures",
]
