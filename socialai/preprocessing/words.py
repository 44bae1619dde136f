"""Units that a model can count: characters and words of Chinese and English texts.

Subwords are those of a model: `socialai.models.e5.subwords`.
"""

import logging
from contextlib import suppress
from functools import cache

import regex

from socialai import files
from socialai.validation import check_text


def characters(text: str) -> list[str]:
    """What a reader calls characters, without white space: 👩‍💻 is one, é is one."""
    return [cluster for cluster in regex.findall(r"\X", check_text(text)) if not cluster.isspace()]


@cache
def _jieba():
    import jieba  # it reads its dictionary, which takes a second

    # A traceback would say that it can't keep what it read, which only makes the next start slow.
    jieba.setLogLevel(logging.CRITICAL)
    tokenizer = jieba.Tokenizer()
    # Not in the folder for temporary files, where another user's, or another version's, may lie.
    folder = files.cache_folder() / "words"
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
    tokenizer.tmp_dir = str(folder)
    tokenizer.cache_file = f"jieba-{jieba.__version__}.cache"
    return tokenizer


def words(text: str) -> list[str]:
    """Words by jieba, Chinese and others, without white space.

    Punctuation and emoji are words of their own.
    """
    return [word for word in _jieba().lcut(check_text(text)) if not word.isspace()]
