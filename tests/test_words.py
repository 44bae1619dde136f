"""Characters and words are cut where a reader would cut them."""

from socialai.preprocessing import words


def test_characters_are_what_a_reader_counts():
    assert words.characters("好 é👩\u200d💻") == ["好", "é", "👩\u200d💻"]


def test_words_are_found_without_spaces():
    found = words.words("这家酒店的服务太差了 OK")
    assert found == ["这家", "酒店", "的", "服务", "太差", "了", "OK"]
