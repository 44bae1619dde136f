"""Units that a model can count: characters and words of Chinese and English texts.

Subwords are those of a model: `socialai.models.e5.subwords`.
"""

import logging
from functools import cache

import regex


def characters(text: str) -> list[str]:
    """What a reader calls characters, without white space: 👩‍💻 is one, é is one."""
    return [cluster for cluster in regex.findall(r"\X", text) if not cluster.isspace()]


@cache
def _jieba():
    import jieba  # it reads its dictionary, which takes a second

    jieba.setLogLevel(logging.ERROR)
    return jieba.Tokenizer()


def words(text: str) -> list[str]:
    """Words by jieba, Chinese and others, without white space.

    Punctuation and emoji are words of their own.
    """
    return [word for word in _jieba().lcut(text) if not word.isspace()]
