"""Topics: NMF, LDA or clustered embeddings, judged by coherence, and bursts over time.

On your own frame, in five lines ("lda" or "clusters" in place of "nmf"; for Chinese give
`analyzer=socialai.preprocessing.words.words`):

>>> import pandas as pd
>>> from socialai.apps.topics import TopicModel
>>> texts = ["ball goal team", "team ball goal", "vote party law", "law vote party"]
>>> model = TopicModel("nmf", n_topics=2, n_words=3).fit_frame(pd.DataFrame({"text": texts}))
>>> sorted(sorted(words) for words in model.topics_)
[['ball', 'goal', 'team'], ['law', 'party', 'vote']]

topic_model: topics as lists of words, and the topic of each text
    TopicModel              fit(texts), topics_, labels_, predict(texts)
    METHODS                 the names of its methods
    build_vectorizer        the counter of words that all methods share
    class_tfidf             the words that set a cluster apart
coherence: how good topics are
    npmi                    whether the words of a topic meet in texts
    diversity               whether topics differ
bursts: when people suddenly talk of something
    find_bursts             the bursts as rows
    burst_states            Kleinberg's automaton: in a burst or not
    burst_costs             how badly each state explains each period
"""

from socialai.apps.topics.bursts import burst_costs, burst_states, find_bursts
from socialai.apps.topics.coherence import diversity, npmi
from socialai.apps.topics.topic_model import METHODS, TopicModel, build_vectorizer, class_tfidf

__all__ = [
    "METHODS",
    "TopicModel",
    "build_vectorizer",
    "burst_costs",
    "burst_states",
    "class_tfidf",
    "diversity",
    "find_bursts",
    "npmi",
]
