"""Runs on a Dask cluster of separate processes: the same results, and a death costs one run."""

import os
import re
import signal
import threading

import dask
import pytest
from distributed import LocalCluster
from small_course import command, copy_package, start, write_notebook

from socialai import files, results
from socialai.cli import course
from socialai.course import build, runs, workers
from socialai.errors import UserError

RECORD_SEED = "results.record('x', seed)"
# The parent of a kernel is its worker.
KILL_WORKER = "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)\n"


@pytest.fixture(scope="module")
def cluster():
    """Two workers with a process each; a run whose worker died twice is given up."""
    settings = {"distributed.scheduler.allowed-failures": 1}
    options = {"n_workers": 2, "threads_per_worker": 1, "processes": True}
    with dask.config.set(settings), LocalCluster(dashboard_address=":0", **options) as cluster:
        yield cluster.scheduler_address


@pytest.fixture
def notebooks(tmp_path, monkeypatch):
    """The folder of notebooks of an otherwise empty repository."""
    monkeypatch.setattr(files, "NOTEBOOKS", tmp_path / "notebooks")
    monkeypatch.setattr(files, "BUILD", tmp_path / "build")
    write_notebook(tmp_path / "notebooks", "01_a", RECORD_SEED)
    return tmp_path / "notebooks"


def seeds(*wanted):
    return [runs.make_run("01_a", {"seed": seed}) for seed in wanted]


def statuses(outcomes):
    return [outcome.status for outcome in outcomes]


def test_what_loky_finished_is_skipped_there_and_the_other_way_round(notebooks, cluster):
    assert statuses(build.build(seeds(1, 2), 2)) == ["passed"] * 2
    assert statuses(build.build(seeds(1, 2, 3), dask=cluster)) == ["unchanged"] * 2 + ["passed"]
    assert statuses(build.build(seeds(1, 2, 3))) == ["unchanged"] * 3
    by_loky, by_dask = (results.read(run.folder)["results"] for run in seeds(1, 3))
    assert by_dask[0]["value"] == 3 and by_dask == [by_loky[0] | {"value": 3.0}]
    # Made again on the cluster, a run gives the same.
    (made_again,) = build.build(seeds(1), force=True, dask=cluster)
    assert made_again.status == "passed"
    assert results.read(made_again.run.folder)["results"] == by_loky


def test_a_worker_that_dies_loses_only_its_run_which_is_tried_again(notebooks, cluster, tmp_path):
    once = tmp_path / "died"
    die_once = f"from pathlib import Path\nif not Path({str(once)!r}).exists():\n"
    die_once += f"    Path({str(once)!r}).touch()\n    " + KILL_WORKER.replace("\n", "\n    ")
    write_notebook(notebooks, "02_dies_once", die_once, RECORD_SEED)
    write_notebook(notebooks, "03_dies_always", KILL_WORKER, RECORD_SEED)
    wanted = [runs.make_run("02"), runs.make_run("03"), *seeds(1, 2)]
    outcomes = build.build(wanted, dask=cluster)
    assert statuses(outcomes) == ["passed", "failed", "passed", "passed"] and once.exists()
    assert outcomes[1].reason.startswith("03_dies_always, KilledWorker: ")
    assert not runs.make_run("03").folder.exists()
    # What the dead ones left is cleared away when their run is made again.
    write_notebook(notebooks, "03_dies_always", RECORD_SEED)
    assert (
        statuses(build.build(wanted, dask=cluster)) == ["unchanged", "passed"] + ["unchanged"] * 2
    )
    assert not any(run.under_way() for run in wanted)


def test_a_stopped_sweep_on_a_cluster_goes_on_where_it_was(tmp_path, cluster):
    root = copy_package(tmp_path / "repository")
    write_notebook(root / "notebooks", "01_slow", "import time; time.sleep(1)\n" + RECORD_SEED)
    (root / "four.yaml").write_text("notebook: 01_slow\ngrid:\n  seed: [1, 2, 3, 4]\n")
    process = start(root, "sweep", "four.yaml", "--dask", cluster)
    for line in process.stdout:
        if re.match(r"\[1/4\] 01_slow/seed=\d: passed", line):
            break
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    code, out, _ = command(root, "sweep", "four.yaml", "--dask", cluster)
    assert code == 0 and re.search(r"[123] passed, [123] unchanged", out)
    assert len(list((root / "build" / "runs" / "01_slow").glob("seed=?/run.json"))) == 4


def test_a_dry_run_counts_the_workers_of_the_cluster(notebooks, cluster, monkeypatch, capsys):
    monkeypatch.setattr(files, "RESULTS", notebooks / "results.json")
    files.write_json(files.RESULTS, {"01_a": {"seconds": 240.0, "results": []}})
    monkeypatch.setattr(course, "show", print)
    course.rehearse(seeds(1, 2, 3, 4), 1, cluster, force=False)
    said = " ".join(capsys.readouterr().out.split())
    assert "4 of 4 to run, about 8 minutes, 2 at a time" in said
    assert not any(run.folder.exists() for run in seeds(1, 2, 3, 4))


def test_a_cluster_that_can_not_be_used_is_one_line(notebooks, cluster, monkeypatch):
    monkeypatch.setattr(workers, "CONNECT", "1s")
    with pytest.raises(UserError, match="no Dask scheduler answers at tcp://127.0.0.1:9"):
        build.build(seeds(1), dask="tcp://127.0.0.1:9")
    with LocalCluster(n_workers=0, dashboard_address=":0") as empty:
        with pytest.raises(UserError, match="has no workers; `dask worker"):
            build.build(seeds(1), dask=empty.scheduler_address)
    stopped = threading.Event()
    monkeypatch.setattr(workers, "_sees", lambda path: False)
    (files.BUILD / "runs").mkdir(parents=True, exist_ok=True)
    with pytest.raises(UserError, match="have to share the folder of the repository"):
        workers.Cluster(cluster, stopped)
