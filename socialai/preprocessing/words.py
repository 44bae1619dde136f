"""Units that a model can count: characters, words and sub-words of Chinese and English texts."""

from functools import cache

import regex


def characters(text: str) -> list[str]:
    """What a reader calls characters, without white space: 👩‍💻 is one, é is one."""
    return [cluster for cluster in regex.findall(r"\X", text) if not cluster.isspace()]


@cache
def _jieba():
    import logging

    import jieba

    jieba.setLogLevel(logging.ERROR)
    return jieba.Tokenizer()


def words(text: str) -> list[str]:
    """Words by jieba, Chinese and others, without white space; punctuation and emoji are words of their own."""
    return [word for word in _jieba().lcut(text) if not word.isspace()]


@cache
def _tokenizer():
    from transformers import AutoTokenizer

    from socialai.models.bert import folder_of

    return AutoTokenizer.from_pretrained(folder_of("default"))


def subwords(text: str) -> list[str]:
    """Pieces of words as the tokenizer of the default encoder cuts them; ▁ marks the start of a word."""
    return _tokenizer().tokenize(text)
