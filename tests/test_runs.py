"""A run is what was asked for: that notebook, those values, files seen from where the user is."""

import shutil
import string
import sys

import nbformat
import pytest
from small_course import write_notebook

from socialai import files
from socialai.course import runs
from socialai.errors import UserError

# Each takes a path in its own way: or a name of its own, never a name, never a path.
PARAMETERS = {
    "dataset": "dataset = 'chinese_reviews'  # chinese_reviews, or the path of a CSV file",
    "encoder": "encoder = 'default'  # default, a folder, or a hub's name",
    "checkpoints": "checkpoints = ''  # a folder where all is kept; empty: nowhere",
    "sentence": "sentence = 'none'  # any text",
    "dropout": "dropout = 0.1  # 0 to 0.5",
    "whole": "whole = False  # whether all is read",
}


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A user's folder, which is not that of the notebooks."""
    monkeypatch.setattr(files, "NOTEBOOKS", tmp_path / "course" / "notebooks")
    monkeypatch.setattr(files, "BUILD", tmp_path / "course" / "build")
    for stem in ("01_a", "08_b", "12_c"):
        path = write_notebook(files.NOTEBOOKS, stem)
        book = nbformat.read(path, as_version=4)
        book.cells[1].source += "\n" + "\n".join(PARAMETERS.values())
        nbformat.write(book, path)
    (tmp_path / "mine").mkdir()
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path / "mine")
    return tmp_path / "mine"


# Which notebook


@pytest.mark.parametrize(
    ("name", "stem"),
    [("1", "01_a"), ("01", "01_a"), ("8", "08_b"), ("12", "12_c"), ("08_b.ipynb", "08_b")],
)
def test_a_number_with_and_without_its_zero_is_one_lesson(here, name, stem):
    assert runs.find_notebook(name).stem == stem


@pytest.mark.parametrize("name", ["012", "001", "0", "10", "１", "", "-1", "1.0"])
def test_what_is_no_number_of_a_lesson_is_none(here, name):
    with pytest.raises(UserError, match="there is no notebook"):
        runs.find_notebook(name)


def test_a_path_to_a_notebook_of_the_repository_is_that_notebook(here):
    ours = files.NOTEBOOKS / "01_a.ipynb"
    (here / "link.ipynb").symlink_to(ours)
    (here / "notebooks").symlink_to(files.NOTEBOOKS)
    (here.parent / "home" / "link.ipynb").symlink_to(ours)
    paths = [ours, "../course/notebooks/01_a.ipynb", "link.ipynb", "./link.ipynb"]
    for path in [*paths, "notebooks/01_a.ipynb", "~/link.ipynb"]:
        assert runs.find_notebook(str(path)) == ours


@pytest.mark.parametrize(
    "path", ["mine.ipynb", "01_a.ipynb", "./01_a.ipynb", "deep/01_a.ipynb", "~/01_a.ipynb"]
)
def test_a_path_to_another_notebook_is_refused_though_it_is_called_as_one_of_ours(here, path):
    (here / "deep").mkdir()
    copy = files.absolute(path)
    shutil.copy(files.NOTEBOOKS / "01_a.ipynb", copy)
    with pytest.raises(UserError, match=f"only notebooks of this repository can be run: {path}"):
        runs.find_notebook(path)


@pytest.mark.parametrize(
    "path", ["no/01_a.ipynb", "no/01_a", "01_a/", "x" * 5000 + "/01_a", "\0/a"]
)
def test_a_path_where_nothing_lies_is_refused_too(here, path):
    with pytest.raises(UserError, match="only notebooks of this repository can be run"):
        runs.find_notebook(path)


# The name of a run


SIGNS = [
    "房间很[MASK]净，" + "早餐丰富服务周到位置方便价格实惠" * 5,
    "👩\u200d💻" * 100,
    "x" * 10_000,
    "两\n行\r\nand\ta tab",
    "/",
    "..",
    "../../etc/passwd",
    "a:b*c?d<e>f|g\\h\"i'j",
    "dot.",
    "blank ",
    "CON",
    "con",
    "e\u0301",
    "\u00e9",
    "%2F#?&",
    "-rf",
    " ",
    "=,",
    string.printable,
]


def test_every_value_gives_a_folder_of_its_own_that_every_disk_takes(here):
    names = [runs.make_run("01", {"sentence": value}).name for value in SIGNS]
    # As a disk compares them that doesn't tell case apart.
    assert len({name.lower() for name in names}) == len(SIGNS)
    for name in names:
        stem, _, folder = name.partition("/")
        assert stem == "01_a" and len(folder.encode()) <= runs.LONGEST_NAME <= 200
        assert not set(folder) & set('/\\:*?"<>|[] \n\r\t\0') and folder[-1] not in ". "
        (files.BUILD / folder).mkdir(parents=True)
        (files.BUILD / f"{folder}.unfinished").mkdir()


def test_names_that_are_readable_stay_as_they_are(here):
    run = runs.make_run("01", {"sentence": "房间很好", "seed": 3, "whole": "true"})
    assert run.name == "01_a/seed=3,sentence=房间很好,whole=True"


@pytest.mark.parametrize("value", ["half \udc80", "a\0b"])
def test_what_is_no_text_is_refused(here, value):
    with pytest.raises(UserError, match="sentence takes text that is UTF-8"):
        runs.make_run("01", {"sentence": value})


# Values


@pytest.mark.parametrize(
    ("key", "value", "read"),
    [
        ("seed", "1_000", 1000),
        ("seed", "-7", -7),
        ("dropout", "1e-3", 0.001),
        ("dropout", "00.5", 0.5),
        ("whole", "TRUE", True),
        ("sentence", "no", "no"),
        ("sentence", "2014-08-03", "2014-08-03"),
        ("sentence", "012", "012"),
    ],
)
def test_text_becomes_the_type_of_the_parameter(here, key, value, read):
    assert runs.make_run("01", {key: value}).parameters == {key: read}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("seed", "012"),
        ("seed", "1:30"),
        ("seed", "yes"),
        ("seed", "1.0"),
        ("seed", "9" * 5000),
        ("seed", "{[]: 1}"),
        ("seed", "(" * 5000),
        ("seed", True),
        ("seed", None),
        ("dropout", "nan"),
        ("dropout", "1e999"),
        ("dropout", 10**400),
        ("whole", "yes"),
        ("whole", "1"),
        ("sentence", 12),
    ],
)
def test_what_is_of_another_type_is_refused(here, key, value):
    with pytest.raises(UserError, match=f"^parameter {key} takes ") as error:
        runs.make_run("01", {key: value})
    assert "\n" not in str(error.value)


# Paths among the parameters


def value_of(key, value, **options):
    """What the kernel is given."""
    return runs.make_run("01", {key: value}, **options).parameters.get(key)


def test_only_what_its_comment_calls_so_takes_a_path(here):
    notebook = files.NOTEBOOKS / "01_a.ipynb"
    # `name` is that of tests/small_course.py.
    assert runs.path_parameters(notebook) == {"dataset", "encoder", "checkpoints", "name"}
    (here / "text.csv").touch()
    assert value_of("sentence", "text.csv") == "text.csv"


@pytest.mark.parametrize("key", ["dataset", "encoder", "checkpoints"])
@pytest.mark.parametrize(
    "name",
    ["my_bert", "my_bert/", "./my_bert", "org/model", "模型 1", "~/there", "../mine/my_bert"],
)
def test_what_lies_in_the_users_folder_is_meant(here, key, name):
    files.absolute(name).mkdir(parents=True)
    path = here.parent / "home" / "there" if name == "~/there" else (here / name).resolve()
    assert value_of(key, name) == str(path)


@pytest.mark.parametrize("key", ["dataset", "encoder"])
def test_a_name_stays_one_where_no_such_file_lies(here, key):
    for name in ("bert-base-chinese", "org/model-v1.5", "cold", "full"):
        assert value_of(key, name) == name


def test_the_name_of_a_data_set_wins_over_a_file_and_a_file_over_a_name_on_a_hub(here):
    for name in ("cold", "bert-base-chinese", "default"):
        (here / name).mkdir()
    assert value_of("dataset", "cold") == "cold"
    assert value_of("dataset", "./cold") == str(here / "cold")
    assert value_of("encoder", "bert-base-chinese") == str(here / "bert-base-chinese")
    assert value_of("encoder", "default") is None, "the default is no other run"


@pytest.mark.parametrize(
    "name", ["./new", "../new", "~/new", "a/b/c", "my model", "新", "new/", "."]
)
def test_what_can_be_no_name_is_a_path_before_anything_lies_there(here, name):
    assert value_of("encoder", name) == str(files.absolute(name).resolve())


def test_where_no_name_is_possible_all_is_a_path(here):
    for name in ("new", "cp/new", "..", "bert-base-chinese"):
        assert value_of("checkpoints", name) == str((here / name).resolve())
    assert value_of("checkpoints", "") is None


def test_what_lies_beside_the_notebook_alone_is_not_meant(here):
    (files.NOTEBOOKS / "my.csv").touch()
    assert value_of("dataset", "my.csv") == str(here / "my.csv")
    assert value_of("dataset", "../notebooks/my.csv") == str(here.parent / "notebooks" / "my.csv")


def test_paths_may_count_from_another_folder(here):
    (here / "deep").mkdir()
    (here / "deep" / "my.csv").touch()
    assert value_of("dataset", "my.csv", folder=here / "deep") == str(here / "deep" / "my.csv")
    assert value_of("dataset", "my.csv") == "my.csv"


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right there")
def test_a_path_that_ends_nowhere_is_no_crash(here):
    (here / "loop").symlink_to(here / "loop")
    for value in ("loop", "x" * 10_000, "./" + "长" * 300):
        assert value_of("encoder", value)
