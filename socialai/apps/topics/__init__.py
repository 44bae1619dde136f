"""Topics: NMF, LDA or clustered embeddings, judged by coherence, and bursts over time.

On your own frame, in five lines ("lda" or "clusters" in place of "nmf"; for Chinese give `analyzer=text.words`):

>>> import pandas as pd
>>> from socialai.apps.topics import TopicModel
>>> posts = pd.DataFrame({"text": ["ball goal team", "team ball goal", "vote party law", "law vote party"]})
>>> model = TopicModel("nmf", n_topics=2, n_words=3).fit_frame(posts)
>>> sorted(sorted(words) for words in model.topics_)
[['ball', 'goal', 'team'], ['law', 'party', 'vote']]
"""

from socialai.apps.topics.bursts import burst_costs, burst_states, bursts
from socialai.apps.topics.coherence import diversity, npmi
from socialai.apps.topics.topic_model import METHODS, TopicModel, class_tfidf, vectorizer

__all__ = [
    "METHODS",
    "TopicModel",
    "burst_costs",
    "burst_states",
    "bursts",
    "class_tfidf",
    "diversity",
    "npmi",
    "vectorizer",
]
