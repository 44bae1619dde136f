"""Anybody's own texts: what is read is what was written, and one clear line for each bad file."""

import io

import pytest

from socialai.data import inputs, own_csv
from socialai.errors import UserError


def write(folder, content):
    path = folder / "own.csv"
    path.write_text(content, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        ("text,label\n", "a header but no rows"),
        ("content,label\na,1\n", "no column 'text'; it has content, label"),
        ("text,label\na,1\n,0\n  ,1\n", "empty text in row 2, 3"),
        ("text,label\n" + ",1\n" * 8, "empty text in row 1, 2, 3, 4, 5 and 3 more"),
        ("text,label\na,1\nb,\n", "empty label in row 2"),
        ("text,label\na,1\nb\n", "empty label in row 2"),
        ("text,label\na,1\nb, \n", "empty label in row 2"),
        ('text,label\n"a,1\n', "not a CSV file"),
        ("text,label\na,1\nb,1,2\n", "not a CSV file"),
        ("text,label\na,1,2\nb,1,2\n", "row 1 has more cells than the header"),
    ],
)
def test_a_bad_file_is_told_in_one_line(tmp_path, content, message):
    with pytest.raises(UserError, match=message) as caught:
        own_csv.read_csv(write(tmp_path, content))
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(UserError, match="none.csv can't be read: No such file"):
        own_csv.read_csv(tmp_path / "none.csv")


def test_bytes_that_are_not_utf8_are_located(tmp_path):
    path = tmp_path / "own.csv"
    path.write_bytes(b"text,label\nab,1\n" + "很好,0\n".encode("gbk"))
    with pytest.raises(UserError, match=r"not UTF-8: byte 16 is 0xba"):
        own_csv.read_csv(path)
    with pytest.raises(UserError, match=r"what was read is not UTF-8: byte 0 is 0xba"):
        own_csv.read_texts(io.BytesIO("很".encode("gbk")))


def test_words_that_look_like_missing_values_are_texts(tmp_path):
    frame = own_csv.read_csv(write(tmp_path, "text,label\nNA,None\nnull,nan\n"))
    assert frame.to_numpy().tolist() == [["NA", "None"], ["null", "nan"]]


def test_a_label_is_the_text_in_its_cell(tmp_path):
    whole = own_csv.read_csv(write(tmp_path, "text,label\na,1\nb,01\nc,true\n"))
    assert whole["label"].tolist() == ["1", "01", "true"]
    mixed = own_csv.read_csv(write(tmp_path, "text,label\na,1\nb,good\n"))
    assert mixed["label"].tolist() == ["1", "good"]


def test_other_names_of_columns_and_the_mark_of_spreadsheets(tmp_path):
    path = write(tmp_path, "\ufeffsays,stars,more\n很好,5,x\n")
    frame = own_csv.read_csv(path, "says", "stars")
    assert frame.to_dict("list") == {"text": ["很好"], "label": ["5"]}
    assert own_csv.read_csv(path, "says", None).columns.tolist() == ["text"]


def test_texts_come_from_a_column_or_line_by_line(tmp_path):
    lines = tmp_path / "lines.txt"
    lines.write_text("first, whole\n\n second\n", encoding="utf-8")
    assert own_csv.read_texts(lines) == ["first, whole", " second"]
    assert own_csv.read_texts(io.BytesIO("很好\n".encode())) == ["很好"]
    assert own_csv.read_texts(write(tmp_path, "text,label\na,1\n")) == ["a"]


def test_a_run_writes_down_which_file_it_read(tmp_path, monkeypatch):
    monkeypatch.setenv("SOCIALAI_RUN_DIR", str(tmp_path / "run"))
    path = write(tmp_path, "text,label\na,1\n")
    own_csv.read_csv(path)
    assert list(inputs.read(tmp_path / "run")) == [str(path)]
