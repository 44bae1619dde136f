"""YAML is read as its version 1.2 has it: what looks like text to its writer is text."""

import pytest

from socialai.course.yaml_files import read_yaml
from socialai.errors import UserError


@pytest.mark.parametrize(
    ("written", "value"),
    [
        # A number that begins with a zero is what stands there; older YAML takes 012 as 10.
        ("01", "01"),
        ("012", "012"),
        ("-07", "-07"),
        ("0o12", "0o12"),
        ("0x1F", "0x1F"),
        ("0b11", "0b11"),
        ("1_000", "1_000"),
        # In older YAML 90, true and false, a date, and numbers of which one is none.
        ("1:30", "1:30"),
        ("yes", "yes"),
        ("No", "No"),
        ("on", "on"),
        ("OFF", "OFF"),
        ("2014-08-03", "2014-08-03"),
        (".inf", ".inf"),
        ("=", "="),
        # What is a number, true, false or nothing.
        ("0", 0),
        ("-12", -12),
        ("+3", 3),
        ("1e-3", 0.001),
        ("2.", 2.0),
        (".5", 0.5),
        ("-1.5E+3", -1500.0),
        ("true", True),
        ("FALSE", False),
        ("null", None),
        ("", None),
        ("'12'", "12"),
        ("[a, 1, b c]", ["a", 1, "b c"]),
    ],
)
def test_a_scalar_is_what_its_writer_sees(tmp_path, written, value):
    path = tmp_path / "a.yaml"
    path.write_text(f"key: {written}\n")
    read = read_yaml(path)["key"]
    assert read == value and type(read) is type(value)


def test_keys_are_text_whatever_they_look_like(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text("on: 1\n012: 2\ntrue: 3\n2: 4\n<<: 5\n")
    assert read_yaml(path) == {"on": 1, "012": 2, "true": 3, "2": 4, "<<": 5}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: 1\nb: 2\na: 3\n", "in line 3: the key a stands twice"),
        ("a:\n  b: 1\n  'b': 2\n", "in line 3: the key b stands twice"),
        ("a: {b: 1,\n b: 2}\n", "in line 2: the key b stands twice"),
        ("? [a]\n: 1\n", "in line 1: a key is no text"),
        ("a: [1\n", "in line 2: "),
        ("a: !!python/name:os.system\n", "in line 1: could not determine a constructor"),
        ("a: 1\n---\nb: 2\n", "YAML"),
        (b"a: \xff\n", "not readable YAML"),
        ("[" * 5000, "not readable YAML"),
    ],
)
def test_what_cannot_be_read_is_one_line_that_says_where(tmp_path, text, problem):
    path = tmp_path / "a.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UserError, match=problem) as error:
        read_yaml(path)
    assert str(error.value).startswith("a.yaml is not") and "\n" not in str(error.value)


def test_a_mark_at_the_start_of_the_file_is_no_text(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text("\ufeffa: 房\n", encoding="utf-8")
    assert read_yaml(path) == {"a": "房"}
