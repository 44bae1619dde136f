"""One engine: what is unchanged is skipped, a failure is named and stops nothing, bad parameters are one line."""

import nbformat
import pytest

from socialai import data, experiments, paths
from socialai.errors import UserError

RECORDS = (
    "from socialai import paths, results\nresults.start('01_a', paths.output_folder('01_a'))\nresults.record('x', seed)"
)


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A repository with one notebook that records its seed and one that fails."""
    monkeypatch.setattr(paths, "NOTEBOOKS", tmp_path / "notebooks")
    monkeypatch.setattr(paths, "BUILD", tmp_path / "build")
    (tmp_path / "notebooks").mkdir()
    write(tmp_path / "notebooks" / "01_a.ipynb", RECORDS)
    write(tmp_path / "notebooks" / "02_b.ipynb", "raise ValueError('boom')")
    return tmp_path


def write(path, code):
    parameters = nbformat.v4.new_code_cell("seed = 0  # any integer\nrate = 0.5  # above 0\nname = 'chinese_reviews'")
    parameters.metadata["tags"] = ["parameters"]
    book = nbformat.v4.new_notebook(cells=[parameters, nbformat.v4.new_code_cell(code)])
    nbformat.write(book, path)


def statuses(*runs):
    return [
        outcome.reason or outcome.status for outcome in experiments.build([experiments.make_run(n, p) for n, p in runs])
    ]


def test_only_what_changed_runs_again(course):
    runs = [("01_a", {}), ("01_a", {"seed": "3"})]
    assert statuses(*runs) == ["passed", "passed"]
    assert statuses(*runs) == ["unchanged", "unchanged"]
    assert statuses(*runs, ("01_a", {"seed": 4})) == ["unchanged", "unchanged", "passed"]
    write(course / "notebooks" / "01_a.ipynb", RECORDS + "\n# another line")
    assert statuses(("01_a", {})) == ["passed"]
    assert (course / "build" / "runs" / "01_a" / "seed=3" / "metrics.json").is_file()


def test_a_failure_is_named_keeps_its_notebook_and_stops_nothing(course):
    outcomes = experiments.build([experiments.make_run("02"), experiments.make_run("01")])
    assert [o.status for o in outcomes] == ["failed", "passed"]
    assert outcomes[0].reason == "02_b, cell 2: ValueError: boom"
    assert (outcomes[0].run.aside / "notebook.ipynb").is_file()
    assert not (outcomes[0].run.folder / "run.json").exists()


def test_data_that_cannot_be_reached_skip_a_run(course, monkeypatch):
    def fetch(name):
        raise data.registry.DataUnavailable(f"{name}: not here")

    monkeypatch.setattr(data, "fetch", fetch)
    outcome = experiments.build([experiments.make_run("01")])[0]
    assert (outcome.status, outcome.reason) == ("skipped", "chinese_reviews: not here")


@pytest.mark.parametrize(
    ("notebook", "parameters", "message"),
    [
        ("01_aa", {}, "the nearest: 01_a"),
        ("01_a", {"sed": 1}, "no parameter 'sed'; the nearest: seed"),
        ("01_a", {"seed": "many"}, "seed takes int"),
        ("01_a", {"rate": "fast"}, "rate takes float"),
    ],
)
def test_bad_names_and_values_are_one_line(course, notebook, parameters, message):
    with pytest.raises(UserError, match=message):
        experiments.make_run(notebook, parameters)


def test_a_run_depends_on_what_its_notebook_imports_and_names(course):
    run = experiments.make_run("01")
    sources, names, _ = experiments.dependencies(run)
    assert {p.name for p in sources} >= {"results.py", "figures.py", "paths.py"}
    assert "weights.py" not in {p.name for p in sources} and names == ["chinese_reviews"]
