"""Anybody's own texts: what is read is what was written, and one clear line for each bad file."""

import csv
import io
import os
import threading
import tracemalloc

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from socialai.data import inputs, own_csv
from socialai.errors import UserError

# Signs that a CSV file, a line or a Unicode table treats in a way of its own.
ODD = "a好,;\t\"'\\ \n\r\u3000\xa0\u2028\x85\x0b\x1c\ufeff😀"


def write(folder, content, name="own.csv"):
    path = folder / name
    path.write_text(content, encoding="utf-8", newline="")
    return path


def told(path, *columns):
    """The one line that a file is refused with."""
    with pytest.raises(UserError) as caught:
        own_csv.read_csv(path, *columns)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        ("\n\r\n", "is empty"),
        ("text,label\n", "a header but no rows"),
        ("text,label", "a header but no rows"),
        ("content,label\na,1\n", "no column 'text'; it has 'content', 'label'"),
        ("text\na\n", "no column 'label'; it has 'text'"),
        ("text,label\na,1\n,0\n  ,1\n", "empty text in row 2, 3"),
        ("text,label\n" + ",1\n" * 8, "empty text in row 1, 2, 3, 4, 5 and 3 more"),
        ("text,label\na,1\nb,\n", "empty label in row 2"),
        ("text,label\na,1\n\u3000\xa0,1\n", "empty text in row 2"),
        ("text,label\na\0b,1\n", "row 1 holds a NUL byte"),
    ],
)
def test_a_bad_file_is_told_in_one_line(tmp_path, content, message):
    assert message in told(write(tmp_path, content))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("a,b,1\nc,2\n", "row 1 has more cells than the header (3, not 2)"),
        ("a,1\nb,c,2\nd,e,3\n", "row 2 has more cells than the header (3, not 2)"),
        ("a,1\n\nb\nc,2\n", "row 2 has fewer cells than the header (1, not 2)"),
        ("a,1\nb", "row 2 has fewer cells"),
        ('"a\nb",1\nc,2,\n', "row 2 has more cells"),
        ("a,1,\nb,2\n", "row 2 has fewer cells"),
        ("a,1,\nb,2,3\n", "row 2 has more cells"),
        ('a,1\n"b,2\n', "row 2: unexpected end of data; is a quote not closed"),
        ('a,1\nb,"2', "row 2: unexpected end of data"),
        ('a,1\n"say "hi"",2\n', "row 2: ',' expected after '\"'"),
    ],
)
def test_a_row_that_is_not_like_the_header_is_named(tmp_path, rows, message):
    assert f"is not a CSV file: {message}" in told(write(tmp_path, "text,label\n" + rows))


def test_a_row_that_is_not_like_the_header_is_named_in_a_long_file(tmp_path):
    rows = ["好,1\n"] * 50_000
    rows[43_210] = "好,1,2\n"
    path = write(tmp_path, "text,label\n" + "".join(rows))
    assert "row 43211 has more cells than the header (3, not 2)" in told(path)


def test_one_empty_cell_too_many_at_the_end_of_every_row_is_dropped(tmp_path):
    frame = own_csv.read_csv(write(tmp_path, "text,label\na,1,\n\nb,2,\n"))
    assert frame.to_numpy().tolist() == [["a", "1"], ["b", "2"]]


@pytest.mark.parametrize(
    "header", ["text,label,label", "text, label,label ", "text,text,label", "text,\tlabel,label,"]
)
def test_a_column_that_is_asked_for_stands_once_in_the_header(tmp_path, header):
    path = write(tmp_path, f"{header}\n" + ",".join("abcd"[: header.count(",") + 1]) + "\n")
    assert "stands 2 times in the header" in told(path)
    # One that nobody asks for may stand there as often as it likes.
    path = write(tmp_path, "text,label,,,x,x\na,1,2,3,4,5\n")
    assert own_csv.read_csv(path).to_numpy().tolist() == [["a", "1"]]


@pytest.mark.parametrize(
    ("name", "content", "hint"),
    [
        ("own.csv", "Text,LABEL\na,1\n", "it has 'Text', 'LABEL'; did you mean 'Text'?"),
        ("own.csv", "texts,label\na,1\n", "did you mean 'texts'?"),
        ("own.csv", "text;label\na;1\n", "the separator seems to be ';'"),
        ("own.csv", '"Text"|"label"\na|1\n', "the separator seems to be '|'"),
        ("own.csv", "text\tlabel\na\t1\n", "the separator seems to be '\\t'"),
        ("own.tsv", "text,label\na,1\n", "the separator seems to be ',', and must be '\\t'"),
    ],
)
def test_a_header_that_nearly_fits_is_told_with_the_likely_cause(tmp_path, name, content, hint):
    assert hint in told(write(tmp_path, content, name))


def test_white_space_around_a_name_of_a_column_does_not_matter(tmp_path):
    frame = own_csv.read_csv(write(tmp_path, " text,\xa0label \na,1\n"), label_column="label ")
    assert frame.to_dict("list") == {"text": ["a"], "label": ["1"]}


@pytest.mark.parametrize("name", ["own.TSV", "own.tab", "own.CSV", "own.txt"])
def test_what_is_called_tsv_is_separated_by_tabs(tmp_path, name):
    separator = "," if name in ("own.CSV", "own.txt") else "\t"
    path = write(tmp_path, f'text{separator}label\n"a{separator}b"{separator}1\n', name)
    assert own_csv.read_csv(path).to_numpy().tolist() == [[f"a{separator}b", "1"]]


def test_a_table_is_known_by_its_suffix_in_any_case():
    names = ["a.csv", "b/A.CSV", "a.Tsv", "a.tab", "a.csv.gz", "csv", "chinese_reviews", "a.txt"]
    assert [own_csv.is_csv(name) for name in names] == [True] * 4 + [False] * 4


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(UserError, match="none.csv can't be read: No such file"):
        own_csv.read_csv(tmp_path / "none.csv")


def test_bytes_that_are_not_utf8_are_located(tmp_path):
    path = tmp_path / "own.csv"
    path.write_bytes(b"text,label\nab,1\n" + "很好,0\n".encode("gbk"))
    assert "not UTF-8: byte 16 is 0xba" in told(path)
    rows = "text,label\n" + "很好,1\n" * 20_000
    path.write_bytes(b"\xef\xbb\xbf" + rows.encode() + "很好,0\n".encode("gbk"))
    assert f"not UTF-8: byte {3 + len(rows.encode())} is 0xba" in told(path)
    with pytest.raises(UserError, match=r"what was read is not UTF-8: byte 0 is 0xba"):
        own_csv.read_texts(io.BytesIO("很".encode("gbk")))


@pytest.mark.parametrize(
    ("content", "hint"),
    [
        ("text,label\n很好,1\n".encode("utf-16"), "byte 0 is 0xff (it looks like UTF-16)"),
        ("text,label\na,1\n".encode("utf-16-le"), "the header holds a NUL byte"),
        (b"\x1f\x8b\x08\0", "byte 1 is 0x8b (it looks like a gzip archive)"),
        (b"PK\3\4\x14\0\6\0\x08\0\xff", "it looks like a zip archive or a spreadsheet"),
    ],
)
def test_a_file_that_is_no_text_in_utf8_is_told_by_what_it_looks_like(tmp_path, content, hint):
    (tmp_path / "own.csv").write_bytes(content)
    assert hint in told(tmp_path / "own.csv")


def test_words_that_look_like_missing_values_are_texts(tmp_path):
    frame = own_csv.read_csv(write(tmp_path, "text,label\nNA,None\nnull,nan\n"))
    assert frame.to_numpy().tolist() == [["NA", "None"], ["null", "nan"]]


def test_a_label_is_the_text_in_its_cell(tmp_path):
    whole = own_csv.read_csv(write(tmp_path, "text,label\na,1\nb,01\nc,true\n"))
    assert whole["label"].tolist() == ["1", "01", "true"]
    mixed = own_csv.read_csv(write(tmp_path, "text,label\na,1\nb,good\n"))
    assert mixed["label"].tolist() == ["1", "good"]


def test_white_space_around_a_label_is_no_part_of_it_and_that_around_a_text_is(tmp_path):
    rows = " a , 1\nb\u3000,\xa01 \nc,\u30001\t\nd,a b\ne,a  b\n"
    frame = own_csv.read_csv(write(tmp_path, "text,label\n" + rows))
    assert frame["text"].tolist() == [" a ", "b\u3000", "c", "d", "e"]
    assert frame["label"].tolist() == ["1", "1", "1", "a b", "a  b"]


@pytest.mark.parametrize("blank", ["", " ", "\xa0", "\u3000", "\t", '"\n"', "\u2028"])
def test_a_label_of_nothing_but_white_space_is_empty(tmp_path, blank):
    path = write(tmp_path, f"text,label\na,1\nb,{blank}\n")
    assert "empty label in row 2" in told(path)


TABLES = st.integers(1, 3).flatmap(
    lambda n: st.lists(st.lists(st.text(ODD, max_size=6), min_size=n, max_size=n), max_size=5)
)


@settings(max_examples=200, deadline=None)
@given(
    rows=TABLES,
    place=st.integers(0, 2),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig"]),
    block=st.sampled_from([own_csv.BLOCK, 12, 31]),
)
@example([["1", "a\r"], ["1", "a"]], 1, csv.QUOTE_MINIMAL, "\n", "utf-8", own_csv.BLOCK)
@example([["\ra", "1"]], 0, csv.QUOTE_MINIMAL, "\n", "utf-8", own_csv.BLOCK)
@example([["b\r\na", "1"]], 0, csv.QUOTE_ALL, "\n", "utf-8", 15)  # a block ends behind the \r
def test_what_the_csv_module_writes_comes_back_or_is_refused(
    tmp_path_factory, rows, place, quoting, end, encoding, block
):
    columns = ["one", "two", "three"][: len(rows[0]) if rows else 2]
    column = columns[place % len(columns)]
    label = columns[(place + 1) % len(columns)]
    path = tmp_path_factory.getbasetemp() / "written.csv"
    with open(path, "w", encoding=encoding, newline="") as file:
        writer = csv.writer(file, quoting=quoting, lineterminator=end)
        writer.writerows([columns, *rows])
    texts = [row[columns.index(column)] for row in rows]
    labels = [row[columns.index(label)].strip() for row in rows]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(own_csv, "BLOCK", block)
        try:
            frame = own_csv.read_csv(path, column, label)
        except UserError as error:
            blank = not rows or not all(labels) or not all(text.strip() for text in texts)
            loose = any(sign in cell for row in rows for cell in row for sign in "\r\n")
            assert "\n" not in str(error) and (blank or loose)
            assert not rows or " row " in str(error)
        else:
            assert frame["text"].tolist() == texts and frame["label"].tolist() == labels


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(["a", "1", ",", '"', '""', "\n", "\r\n", "\r", " "]), max_size=20))
def test_both_ways_of_reading_agree_on_any_file(tmp_path_factory, signs):
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(("text,label\n" + "".join(signs)).encode())

    def read():
        try:
            return own_csv.read_csv(path).to_numpy().tolist()
        except UserError as error:
            return str(error)

    either_way = read()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(own_csv, "_read_fast", lambda *_: None)
        assert read() == either_way


def test_a_plain_file_is_read_fast_and_in_little_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(own_csv, "_read_by_row", None)
    for end in ("\n", "\r\n"):
        content = "text,label" + end + f'"房间很""干净"", {end}下次还来",1{end}' * 50_000
        path = write(tmp_path, content)
        tracemalloc.start()
        frame = own_csv.read_csv(path)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert len(frame) == 50_000 and set(frame["text"]) == {f'房间很"干净", {end}下次还来'}
        assert set(frame["label"]) == {"1"} and peak < 8 * own_csv.BLOCK


def test_a_text_may_be_long(tmp_path):
    long = "好" * 200_000
    for row in (f"{long},1\n", f'"{long}",1,\n'):  # the second is read row by row
        frame = own_csv.read_csv(write(tmp_path, "text,label\n" + row))
        assert frame["text"].tolist() == [long]
    assert csv.field_size_limit() == 131_072


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


def test_lines_end_at_line_ends_only(tmp_path):
    content = "a\u2028b\r\nc\x85d\x0be\rf\x1cg\n \n\u3000\n\nh"
    texts = ["a\u2028b", "c\x85d\x0be", "f\x1cg", "h"]
    assert own_csv.read_texts(io.BytesIO(content.encode())) == texts
    assert own_csv.read_texts(io.BytesIO(content.encode("utf-8-sig"))) == texts
    assert own_csv.read_texts(write(tmp_path, content, "lines.txt")) == texts
    assert own_csv.read_texts(io.BytesIO(b"")) == []
    with pytest.raises(UserError, match="line 2 holds a NUL byte"):
        own_csv.read_texts(io.BytesIO(b"a\nb\0\n"))


def test_a_stream_is_read_from_where_it_stands_and_a_pipe_once(tmp_path):
    stream = io.BytesIO("first\nsecond\n很".encode() + b"\xff")
    stream.readline()
    with pytest.raises(UserError, match="byte 16 is 0xff"):
        own_csv.read_texts(stream)
    pipe = tmp_path / "pipe.csv"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_text, args=("text,label\na,1\n",))
    writer.start()
    assert own_csv.read_csv(pipe).to_numpy().tolist() == [["a", "1"]]
    writer.join()


def test_a_folder_is_no_file(tmp_path):
    (tmp_path / "own.csv").mkdir()
    assert "own.csv can't be read: Is a directory" in told(tmp_path / "own.csv")
    with pytest.raises(UserError, match="can't be read"):
        own_csv.read_texts(tmp_path / "own.csv")


def test_a_run_writes_down_which_file_it_read(tmp_path, monkeypatch):
    monkeypatch.setenv("SOCIALAI_RUN_DIR", str(tmp_path / "run"))
    path = write(tmp_path, "text,label\na,1\n")
    own_csv.read_csv(path)
    assert list(inputs.read(tmp_path / "run")) == [str(path)]


def test_the_line_that_excel_puts_before_the_header_is_told(tmp_path):
    with pytest.raises(UserError, match="delete the line sep=, that Excel put before the header"):
        own_csv.read_csv(write(tmp_path, "sep=,\ntext,label\na,1\n"))
