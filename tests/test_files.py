"""Files come whole or not at all, and JSON and checksums are those of the standard tools."""

import hashlib
import json
import os
import subprocess
import sys
import threading

import pytest

from socialai import files


def write_folder(path, content):
    path.mkdir()
    (path / "inside.txt").write_text(content)


def test_a_file_appears_when_it_is_whole_under_its_own_name(tmp_path):
    target = tmp_path / "new" / "table.csv"
    with files.unfinished(target) as aside:
        aside.write_text("half")
        assert aside.name == "table.csv" and not target.exists()
    assert target.read_text() == "half" and list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize("before", [None, "old"])
def test_an_error_leaves_what_was_there_and_nothing_else(tmp_path, before):
    target = tmp_path / "table.csv"
    if before:
        target.write_text(before)
    with pytest.raises(KeyError), files.unfinished(target) as aside:
        aside.write_text("half")
        raise KeyError
    assert (target.read_text() if before else target.exists()) == (before or False)
    assert len(list(tmp_path.iterdir())) == bool(before)


def test_a_folder_replaces_the_one_before_it(tmp_path):
    target = tmp_path / "model"
    for content in ("old", "new"):
        with files.unfinished(target) as aside:
            write_folder(aside, content)
            (aside / content).touch()
    assert {path.name for path in target.iterdir()} == {"inside.txt", "new"}
    assert (target / "inside.txt").read_text() == "new" and list(tmp_path.iterdir()) == [target]
    with pytest.raises(KeyError), files.unfinished(target) as aside:
        write_folder(aside, "third")
        raise KeyError
    assert (target / "inside.txt").read_text() == "new"


def test_a_block_that_writes_nothing_is_an_error_and_what_was_there_stays(tmp_path):
    target = tmp_path / "model"
    write_folder(target, "old")
    with pytest.raises(FileNotFoundError), files.unfinished(target):
        pass
    assert (target / "inside.txt").read_text() == "old" and list(tmp_path.iterdir()) == [target]


def test_a_killed_writer_leaves_no_file(tmp_path):
    code = (
        "import os, pathlib, sys; from socialai import files\n"
        "with files.unfinished(pathlib.Path(sys.argv[1])) as aside:\n"
        "    aside.write_text('half'); os._exit(9)"
    )
    target = tmp_path / "table.csv"
    done = subprocess.run([sys.executable, "-c", code, str(target)], cwd=files.ROOT)
    assert done.returncode == 9 and not target.exists()


def test_two_writers_at_once_leave_one_whole_file(tmp_path):
    target = tmp_path / "table.json"
    both = threading.Barrier(2)

    def write(number):
        both.wait()
        for _ in range(50):
            files.write_json(target, [number] * 2000)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        if target.exists():
            assert len(set(json.loads(target.read_text()))) == 1
    assert list(tmp_path.iterdir()) == [target]


def test_json_comes_back_and_is_written_for_people(tmp_path):
    path = tmp_path / "a.json"
    assert files.read_json(path) == {}
    files.write_json(path, {"词": [1, 2.5]})
    assert files.read_json(path) == {"词": [1, 2.5]}
    assert path.read_text(encoding="utf-8") == '{\n  "词": [\n    1,\n    2.5\n  ]\n}\n'
    with pytest.raises(TypeError):
        files.write_json(path, {"no JSON": object()})
    assert files.read_json(path) == {"词": [1, 2.5]}


def test_the_checksum_is_that_of_the_content(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert files.sha256(tmp_path / "a") == hashlib.sha256(b"abc").hexdigest()


@pytest.mark.parametrize(
    ("variables", "folder"),
    [
        ({}, None),
        ({"SOCIALAI_RUNS_DIR": "/runs"}, "/runs/01_a"),
        ({"SOCIALAI_RUNS_DIR": "/runs", "SOCIALAI_RUN_DIR": "/one"}, "/one"),
    ],
)
def test_where_a_notebook_writes(monkeypatch, variables, folder):
    for name in ("SOCIALAI_RUN_DIR", "SOCIALAI_RUNS_DIR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    found = files.output_folder("01_a")
    assert (found and found.as_posix()) == folder


def test_the_cache_is_where_the_variable_says(monkeypatch, tmp_path):
    monkeypatch.setenv("SOCIALAI_CACHE", str(tmp_path))
    assert files.cache_folder() == tmp_path
    monkeypatch.setenv("SOCIALAI_CACHE", "")
    assert files.cache_folder().name == "socialai"


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("data", "{here}/data"),
        ("./a b/课程", "{here}/a b/课程"),
        ("~/data", "{home}/data"),
        ("~", "{home}"),
        ("/data", "/data"),
        ("a~b", "{here}/a~b"),
    ],
)
@pytest.mark.parametrize("variable", files.FOLDERS)
def test_a_folder_that_a_variable_names_is_the_one_that_its_user_means(
    monkeypatch, tmp_path, variable, path, meant
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv(variable, path)
    meant = meant.format(here=tmp_path, home=tmp_path / "home")
    assert str(files.named_folder(variable)) == meant


def test_what_is_started_in_another_folder_is_handed_the_same_folders(tmp_path):
    """As a kernel is, which works in the folder of its notebook."""
    code = (
        "import os, subprocess, sys; from socialai import files; os.chdir('/')\n"
        "child = 'import os; print(*(os.environ[name] for name in sys.argv[1:]), sep=chr(10))'\n"
        "subprocess.run([sys.executable, '-c', 'import sys; ' + child, *files.FOLDERS])"
    )
    named = {name: f"my {name}" for name in files.FOLDERS} | {"SOCIALAI_CACHE": "~/mine"}
    environment = os.environ | named | {"HOME": "/home/me", "PYTHONPATH": str(files.ROOT)}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    meant = [str(tmp_path / f"my {name}") for name in files.FOLDERS]
    meant[files.FOLDERS.index("SOCIALAI_CACHE")] = "/home/me/mine"
    assert done.stdout.splitlines() == meant
