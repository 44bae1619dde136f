"""Characters and words are cut where a reader would cut them."""

import os
import subprocess
import sys

import pytest

from socialai import files
from socialai.errors import UserError
from socialai.preprocessing import words


def test_characters_are_what_a_reader_counts():
    assert words.characters("好 é👩\u200d💻") == ["好", "é", "👩\u200d💻"]


def test_words_are_found_without_spaces():
    found = words.words("这家酒店的服务太差了 OK")
    assert found == ["这家", "酒店", "的", "服务", "太差", "了", "OK"]


@pytest.mark.parametrize("blocked", ["", "words", "words/jieba"])
def test_what_jieba_keeps_lies_in_the_cache_and_a_place_that_cannot_be_written_is_no_matter(
    tmp_path, blocked
):
    """The common folder for temporary files is not looked at: there another's may lie."""
    (tmp_path / "tmp" / "jieba.cache").mkdir(parents=True)
    kept = tmp_path / "cache" / "words" / f"jieba-{words._jieba().cache_file.split('-')[1]}"
    if blocked == "words":
        (tmp_path / "cache").mkdir()
        (tmp_path / "cache" / "words").touch()
    elif blocked:
        (kept / "full").mkdir(parents=True)
    named = {"TMPDIR": str(tmp_path / "tmp"), "SOCIALAI_CACHE": str(tmp_path / "cache")}
    code = "from socialai.preprocessing import words; print(words.words('我来到北京'))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | named | {"PYTHONPATH": str(files.ROOT)},
        capture_output=True,
        text=True,
    )
    assert (done.stdout, done.stderr) == ("['我', '来到', '北京']\n", "")
    assert kept.is_file() == (not blocked)
    assert list((tmp_path / "tmp").iterdir()) == [tmp_path / "tmp" / "jieba.cache"]


def test_what_is_no_text_is_told_and_half_a_surrogate_pair_is_dropped():
    assert words.words("好\ud83d 的") == words.words("好 的")
    assert words.characters("好\ud83d") == ["好"]
    for count in (words.words, words.characters):
        with pytest.raises(UserError, match="a text is needed, not None"):
            count(None)
