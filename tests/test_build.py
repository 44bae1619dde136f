"""One engine: what is unchanged is skipped, what is killed goes on, a failure stops nothing."""

import dataclasses
import os
import re
import signal
from pathlib import Path

import nbformat
import pytest
from small_course import command, copy_package, start, summary, write_notebook

from socialai import data, files
from socialai.course import build, execution, runs, workers
from socialai.data import inputs
from socialai.errors import UserError

RECORD_SEED = "results.record('x', seed)"
READ = "from socialai.data import inputs\n" + RECORD_SEED + "\n"


@pytest.fixture
def notebooks(tmp_path, monkeypatch):
    """The folder of notebooks of an otherwise empty repository."""
    monkeypatch.setattr(files, "NOTEBOOKS", tmp_path / "notebooks")
    monkeypatch.setattr(files, "BUILD", tmp_path / "build")
    write_notebook(tmp_path / "notebooks", "01_a", RECORD_SEED)
    return tmp_path / "notebooks"


def built(*wanted, workers=1):
    """(status, reason) of each run, given as (notebook, parameters)."""
    outcomes = build.build([runs.make_run(n, p) for n, p in wanted], workers)
    return [(outcome.status, outcome.reason) for outcome in outcomes]


def test_a_run_is_done_once_for_each_set_of_parameters(notebooks):
    two = [("01_a", {}), ("01_a", {"seed": "3"})]
    assert built(*two, workers=2) == [("passed", "not finished before")] * 2
    assert built(*two, ("01_a", {"seed": 4})) == [("unchanged", "")] * 2 + [
        ("passed", "not finished before")
    ]
    assert {p.name for p in (files.BUILD / "runs" / "01_a").iterdir()} == {
        "defaults",
        "seed=3",
        "seed=4",
    }


def test_any_folder_will_do_and_any_text_as_a_value(notebooks, tmp_path, monkeypatch):
    """Signs that mean something in an address, in a pattern, in a shell; names as long as a disk's.

    All that is written lies in that folder.
    """
    place = tmp_path / "a b 课程?x=1#%41&'\"[1]*"
    monkeypatch.setattr(files, "NOTEBOOKS", place / "notebooks")
    monkeypatch.setattr(files, "BUILD", place / "build")
    write_notebook(place / "notebooks", "01_a", RECORD_SEED)
    before = set(tmp_path.iterdir())
    name = "房间很[MASK]净，" + "早餐丰富服务周到位置方便价格实惠" * 5 + "/?#%"
    wanted = ("01_a", {"name": name})
    assert built(wanted) == [("passed", "not finished before")]
    assert built(wanted) == [("unchanged", "")]
    assert set(tmp_path.iterdir()) == before
    assert (place / "build" / "runs" / "pytask.sqlite3").is_file()


def test_outputs_written_back_do_not_make_a_notebook_another_one(notebooks):
    built(("01_a", {}))
    book = nbformat.read(notebooks / "01_a.ipynb", as_version=4)
    book.cells[-1].outputs = [nbformat.v4.new_output("stream", text="hello")]
    nbformat.write(book, notebooks / "01_a.ipynb")
    assert build.plan([runs.make_run("01_a")]) == {"01_a/defaults": ""}


def test_failed_and_skipped_runs_stop_nothing_and_say_why(notebooks):
    write_notebook(notebooks, "02_b", "raise ValueError('boom\\nlast line')")
    write_notebook(
        notebooks,
        "03_c",
        "from socialai.errors import DataUnavailable\nraise DataUnavailable('cold: not here')",
    )
    write_notebook(notebooks, "04_d", "import os; os._exit(3)")
    write_notebook(notebooks, "05_e", "1 / 0", RECORD_SEED, tags={0: ["raises-exception"]})
    wanted = [(name, {}) for name in ("02", "03", "04", "05", "01")]
    found = built(*wanted, workers=2)
    assert [status for status, _ in found] == ["failed", "skipped", "failed", "passed", "passed"]
    assert found[0][1] == "02_b, cell 3: ValueError: last line"
    assert found[1][1] == "cold: not here"
    assert found[2][1].startswith("04_d, cell 3: DeadKernelError")
    kept = runs.make_run("02").failed / "notebook.ipynb"
    assert "boom" in kept.read_text() and not (kept.parent.parent / "defaults").exists()
    clean = nbformat.read(runs.make_run("05").folder / "notebook.ipynb", as_version=4)
    assert not any(
        "papermill-error-cell-tag" in cell.metadata.get("tags", []) for cell in clean.cells
    )


def test_a_run_that_was_given_up_leaves_nothing(notebooks):
    """One that was left on a cluster goes on writing when another process makes it again."""
    clear = "import shutil\nshutil.rmtree(files.output_folder('02'))\n"
    write_notebook(notebooks, "02_given_up", clear + RECORD_SEED)
    ((status, reason),) = built(("02", {}))
    assert status == "failed" and "another process cleared it away" in reason
    run = runs.make_run("02")
    assert not run.folder.exists() and not run.failed.exists() and not run.under_way()


def test_another_build_at_the_same_time_is_refused(notebooks):
    (files.BUILD / "runs").mkdir(parents=True)
    with build.filelock.FileLock(files.BUILD / "runs" / ".lock"):
        with pytest.raises(UserError, match="another socialai"):
            built(("01_a", {}))


@pytest.mark.parametrize(
    ("notebook", "parameters", "message"),
    [
        ("01_aa", {}, "no notebook '01_aa': did you mean '01_a'"),
        ("01_a", {"sed": 1}, "no parameter of 01_a 'sed': did you mean 'seed'"),
        ("01_a", {"seed": "many"}, "seed takes int"),
        ("01_a", {"seed": 1.5}, "seed takes int"),
        ("01_a", {"rate": "fast"}, "rate takes float"),
        ("01_a", {"name": 3}, "name takes str"),
    ],
)
def test_bad_names_and_values_are_one_line(notebooks, notebook, parameters, message):
    with pytest.raises(UserError, match=message):
        runs.make_run(notebook, parameters)


@pytest.mark.parametrize(
    ("parameters", "name"),
    [
        ({}, "01_a/defaults"),
        ({"seed": 0}, "01_a/defaults"),
        ({"rate": "1", "seed": "3"}, "01_a/seed=3,rate=1.0"),
    ],
)
def test_run_folders_have_readable_names(notebooks, parameters, name):
    assert runs.make_run("01", parameters).name == name


def test_text_that_is_no_file_name_is_told_apart_by_a_digest(notebooks):
    names = {runs.make_run("01", {"name": text}).name for text in ("a/b", "a_b", "a:b", "x" * 300)}
    assert len(names) == 4 and all(len(name) < 130 and name.count("/") == 1 for name in names)


def plan_of(*names):
    """What the engine would run, and why."""
    return build.plan([runs.make_run(*name) for name in names])


def test_a_run_depends_on_what_it_read_the_last_time(notebooks, monkeypatch):
    """The checksum of one data set changes: exactly the runs that read it are made again."""
    write_notebook(notebooks, "02_movies", READ + "inputs.record('vader_movies')")
    built_name = "for name in ['ratings']:\n    inputs.record(f'ml100k_{name}')"
    write_notebook(notebooks, "03_built", READ + built_name)
    write_notebook(notebooks, "04_named", "wanted = 'vader_movies'\n" + RECORD_SEED)
    names = [("02",), ("03",), ("04",), ("02", {"seed": 3})]
    assert set(plan_of(*names).values()) == {"not finished before"}
    assert [status for status, _ in built(*[(*n, {})[:2] for n in names])] == ["passed"] * 4
    read = inputs.read(runs.make_run("02").folder)
    assert read == {"vader_movies": data.entries()["vader_movies"].checksum}
    assert inputs.read(runs.make_run("04").folder) == {}
    assert set(plan_of(*names).values()) == {""}

    def change(name):
        changed = dataclasses.replace(data.entries()[name], sha256="0" * 64)
        monkeypatch.setitem(data.entries(), name, changed)

    change("vader_movies")
    assert plan_of(*names) == {
        "02_movies/defaults": "vader_movies changed",
        "02_movies/seed=3": "vader_movies changed",
        "03_built/defaults": "",
        "04_named/defaults": "",
    }
    change("ml100k_ratings")
    assert plan_of(("03",), ("04",)) == {
        "03_built/defaults": "ml100k_ratings changed",
        "04_named/defaults": "",
    }
    # A data set that the registry no longer has counts as changed.
    # (In a copy: a name that is put back afterwards would stand last in the registry.)
    others = {name: e for name, e in data.entries().items() if name != "ml100k_ratings"}
    monkeypatch.setattr(inputs, "entries", lambda: others)
    assert plan_of(("03",)) == {"03_built/defaults": "ml100k_ratings changed"}


def test_a_run_depends_on_files_and_folders_of_the_user(notebooks, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.csv").write_text("text,label\n")
    (tmp_path / "encoder").mkdir()
    (tmp_path / "encoder" / "weights").write_text("1")
    temporary = "import tempfile\nwith tempfile.NamedTemporaryFile() as file:\n    "
    write_notebook(
        notebooks,
        "02_own",
        READ + "inputs.record_file(name)",
        f"inputs.record_file({str(tmp_path / 'encoder')!r})",
        temporary + "inputs.record_file(file.name)",
        "own = files.output_folder('02') / 'own.csv'\nown.write_text('')\ninputs.record_file(own)",
    )
    mine = ("02", {"name": "mine.csv"})
    assert built(mine) == [("passed", "not finished before")]
    run = runs.make_run(*mine)
    assert run.parameters["name"] == str(tmp_path / "mine.csv")
    # What the run made for itself is no input of it.
    assert list(inputs.read(run.folder)) == [str(tmp_path / "mine.csv"), str(tmp_path / "encoder")]
    assert built(mine) == [("unchanged", "")]

    (tmp_path / "mine.csv").write_text("text,label\na,b\n")
    assert built(mine) == [("passed", f"{tmp_path / 'mine.csv'} changed")]
    (tmp_path / "encoder" / "weights").write_text("2")
    assert plan_of(mine) == {run.name: f"{tmp_path / 'encoder'} changed"}
    (tmp_path / "mine.csv").unlink()
    assert "mine.csv" in build.plan([run])[run.name]


def test_a_file_that_changes_while_it_is_read_has_the_run_made_again(notebooks, tmp_path):
    file = tmp_path / "mine.csv"
    file.write_text("1")
    write = f"from pathlib import Path\nPath({str(file)!r}).write_text('2')"
    write_notebook(notebooks, "02_own", READ + f"inputs.record_file({str(file)!r})", write)
    assert built(("02", {}), ("02", {})) == [("passed", "not finished before")] * 2
    assert plan_of(("02",)) == {"02_own/defaults": f"{file} changed"}
    assert built(("02", {})) == [("passed", f"{file} changed")]
    assert plan_of(("02",)) == {"02_own/defaults": ""}


def test_a_run_depends_on_which_notebooks_there_are_if_it_lists_them(notebooks):
    listing = f"inputs.record_listing(files.Path({str(notebooks)!r}), '*.ipynb')"
    write_notebook(notebooks, "02_map", READ + listing)
    built(("02", {}))
    write_notebook(notebooks, "01_a", RECORD_SEED + "  # changed")
    assert plan_of(("02",)) == {"02_map/defaults": ""}
    write_notebook(notebooks, "03_new", RECORD_SEED)
    assert plan_of(("02",))["02_map/defaults"].endswith("*.ipynb changed")


def test_nothing_is_written_down_outside_a_run(tmp_path, monkeypatch):
    monkeypatch.delenv("SOCIALAI_RUN_DIR", raising=False)
    monkeypatch.chdir(tmp_path)
    data.load("karate")
    assert list(tmp_path.iterdir()) == []


def test_loaders_write_down_what_they_read(tmp_path, monkeypatch):
    """Data of each kind, from the cache too, a member of an archive, a CSV of the user's own."""
    from socialai.data import own_csv

    monkeypatch.setenv("SOCIALAI_RUN_DIR", str(tmp_path / "run"))
    own = tmp_path / "own.csv"
    own.write_text("text,label\ngood,1\n")
    for _ in range(2):
        data.load("karate")
        data.load("policy_posts")
        own_csv.read_csv(own)
    if not data.unavailable("noto_cjk"):
        data.fetch_members("noto_cjk")
    read = inputs.read(tmp_path / "run")
    assert read["karate"].startswith("networkx ") and len(read["policy_posts"]) == 64
    assert read[str(own)] == files.sha256(own)
    assert data.unavailable("noto_cjk") or len(read["noto_cjk"]) == 64


def test_the_engine_names_no_module_of_the_subject():
    known = {path.stem for path in Path(runs.files.__file__).parent.rglob("[a-z]*.py")}
    for module in (runs, build, execution, workers):
        text = Path(module.__file__).read_text(encoding="utf-8")
        assert not [name for name in known if f"{name}.py" in text]


def test_exactly_what_depends_on_a_change_runs_again(tmp_path):
    root = copy_package(tmp_path / "repository")
    (root / "socialai" / "extra.py").write_text("VALUE = 1\n")
    write_notebook(root / "notebooks", "01_notebook", RECORD_SEED)
    write_notebook(
        root / "notebooks",
        "02_source",
        "from socialai import extra\nresults.record('x', extra.VALUE)",
    )
    write_notebook(root / "notebooks", "03_data", READ + "inputs.record('chinese_reviews')")
    write_notebook(root / "notebooks", "04_nothing", RECORD_SEED)
    code, out, _ = command(root, "course", "-j", "2")
    assert code == 0 and "4 passed" in out

    write_notebook(root / "notebooks", "01_notebook", RECORD_SEED + "  # changed")
    (root / "socialai" / "extra.py").write_text("VALUE = 2\n")
    registry = root / "socialai" / "data" / "registry.toml"
    registry.write_text(
        registry.read_text("utf-8").replace('sha256 = "70fe', 'sha256 = "0000'), "utf-8"
    )
    code, out, _ = command(root, "course", "-j", "2")
    said = dict(re.findall(r"^(0\d_\w+): (.*)$", out, re.MULTILINE))
    assert said["01_notebook"].endswith("(notebook changed)")
    assert said["02_source"].endswith("(extra.py changed)")
    # The registry lies in the package, but is no source of it: only what is read counts.
    assert said["03_data"].endswith("(chinese_reviews changed)")
    assert said["04_nothing"] == "unchanged since its last run"
    found = summary(root)
    assert found["02_source"]["results"][0]["value"] == 2
    assert (
        found["04_nothing"]["status"] == "passed" and "unchanged" in found["04_nothing"]["reason"]
    )


def test_what_is_stopped_or_killed_goes_on_where_it_was(tmp_path):
    root = copy_package(tmp_path / "repository")
    write_notebook(root / "notebooks", "01_slow", "import time; time.sleep(1.5)\n" + RECORD_SEED)
    (root / "six.yaml").write_text("notebook: 01_slow\ngrid:\n  seed: [1, 2, 3, 4, 5, 6]\n")

    def finished():
        return {
            p.parent.name: p.stat().st_mtime
            for p in (root / "build" / "runs").glob("01_slow/seed=?/run.json")
        }

    def stop_after(n, number):
        """Start the sweep, stop its group when n runs passed; what had been finished then."""
        process = start(root, "sweep", "six.yaml", "-j", "2")
        done = {}
        for line in process.stdout:
            if said := re.match(r"\[\d/\d\] 01_slow/(seed=\d): passed", line):
                done[said[1]] = finished()[said[1]]
            if len(done) == n:
                break
        os.killpg(process.pid, number)
        _, err = process.communicate(timeout=60)
        return process.returncode, err, done

    code, err, first = stop_after(1, signal.SIGINT)
    assert (code, err) == (
        130,
        "socialai: stopped; finished runs are kept, and the next one goes on from there\n",
    )
    code, _, second = stop_after(2, signal.SIGKILL)
    assert code == -signal.SIGKILL and len(first | second) == 3, "a finished run was run again"
    code, out, _ = command(root, "sweep", "six.yaml", "-j", "2")
    assert code == 0 and len(finished()) == 6 and (first | second).items() <= finished().items()
    unchanged = int(re.search(r"(\d) unchanged", out)[1])
    assert 3 <= unchanged < 6 and f"{6 - unchanged} passed" in out
