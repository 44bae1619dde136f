"""Numbers and findings: what is recorded, how a later run is compared, what another machine may."""

import json
import math

import pytest

from socialai import files, results
from socialai.evaluation import Interval

KIND = {"device": "cpu", "instructions": "AVX2", "precision": "fp32", "torch": "2.9.1"}


def run(folder, exact=0.5, trained=0.8, lead=0.03, wide=0.02):
    """A run that records a number, one with a tolerance of a rerun, and a finding."""
    results.start("01_x", folder / "runs" / "01_x")
    results.record("exact", exact)
    results.record(
        "accuracy", trained, rerun=0.01, published=0.75, source="somebody 2020", model="tuned"
    )
    effect = Interval(lead, lead - wide, lead + wide)
    return results.finding("pays", "Tuning pays in accuracy", effect, n=800)


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """An empty repository with one notebook and its committed results; seeds gave 0.7 to 0.9."""
    monkeypatch.setattr(files, "RESULTS", tmp_path / "results.json")
    monkeypatch.setattr(results, "machine", lambda device="auto": KIND)
    run(tmp_path)
    entry = results.read(tmp_path / "runs" / "01_x")
    entry["results"][1]["seeds"] = [0.7, 0.9]
    files.write_json(files.RESULTS, {"01_x": {"seconds": 1} | entry})
    return tmp_path


def differences(repository):
    return results.differences({"01_x": repository / "runs" / "01_x"})


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({}, None),
        ({"exact": 0.5004}, None),
        ({"exact": 0.502}, "exact is 0.5 in the repository, 0.502 in a run"),
        ({"trained": 0.809}, None),
        ({"trained": 0.815}, "accuracy[model=tuned] is 0.8 in the repository, 0.815 in a run"),
        ({"lead": 0.0304}, None),
        ({"wide": 0.0204}, None),
        (
            {"wide": 0.025},
            "pays is 0.03 [0.01, 0.05] in the repository, 0.03 [0.005, 0.055] in a run",
        ),
        (
            {"lead": 0.035},
            "pays is 0.03 [0.01, 0.05] in the repository, 0.035 [0.015, 0.055] in a run",
        ),
        ({"lead": 0.015}, "pays holds in the repository, not told apart in a run"),
        ({"lead": -0.05}, "pays holds in the repository, does not hold in a run"),
    ],
)
def test_the_same_seed_on_the_same_kind_of_machine_gives_the_same(repository, values, named):
    run(repository, **values)
    assert differences(repository) == ([] if named is None else [f"01_x: {named}"])


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"trained": 0.69}, None),  # the seeds' range, and the tolerance of a rerun around it
        ({"trained": 0.685}, "its seeds gave 0.7 to 0.9"),
        ({"trained": 0.915}, "its seeds gave 0.7 to 0.9"),
        ({"exact": 0.502}, "exact"),  # no seeds: three decimals anywhere
        ({"lead": 0.045}, None),  # inside the interval of the effect
        ({"lead": 0.055}, "pays"),
        ({"lead": 0.0199}, "pays holds in the repository, not told apart"),  # the verdict, anywhere
    ],
)
def test_another_kind_of_machine_is_told_and_compared_with_the_seeds(
    repository, monkeypatch, values, named
):
    monkeypatch.setattr(results, "machine", lambda device="auto": KIND | {"precision": "bf16"})
    run(repository, **values)
    found = differences(repository)
    assert (found == []) if named is None else (len(found) == 1 and named in found[0])
    (line,) = results.other_machines({"01_x": repository / "runs" / "01_x"})
    assert "another kind of machine (precision bf16 instead of fp32)" in line and "01_x" in line


def test_the_same_kind_of_machine_is_not_spoken_of(repository):
    assert results.other_machines({"01_x": repository / "runs" / "01_x"}) == []


def test_the_machine_is_described_by_what_changes_numbers():
    import torch

    found = results.machine("cpu")
    assert found["device"] == "cpu" and found["torch"] == torch.__version__.split("+")[0]
    assert found["precision"] in ("bf16", "fp32") and found["instructions"]


def test_a_number_edited_by_hand_is_found(repository):
    text = files.RESULTS.read_text().replace("0.8,", "0.95,")
    files.RESULTS.write_text(text)
    assert "accuracy" in differences(repository)[0]


@pytest.mark.parametrize(
    ("kind", "what", "value"),
    [
        ("results", "rerun", 0.2),
        ("results", "published", 0.8),
        ("findings", "n", 8000),
        ("findings", "claim", "Tuning always pays"),
        ("findings", "against", -0.01),
    ],
)
def test_what_stands_around_a_number_is_compared_too(repository, kind, what, value):
    content = json.loads(files.RESULTS.read_text())
    content["01_x"][kind][-1][what] = value
    files.RESULTS.write_text(json.dumps(content))
    assert len(differences(repository)) == 1


def test_a_result_that_vanished_and_one_that_is_new_are_named(repository):
    results.start("01_x", repository / "runs" / "01_x")
    results.record("accuracy", 0.8, model="counting")
    assert differences(repository) == [
        "01_x: accuracy[model=counting] is recorded but not committed",
        "01_x: accuracy[model=tuned] is committed but no longer recorded",
        "01_x: exact is committed but no longer recorded",
        "01_x: pays is committed but no longer recorded",
    ]


def test_a_notebook_that_was_not_run_counts_unless_it_is_left_out(repository):
    assert results.differences({}) == ["01_x: there is no run to compare with"]
    assert results.differences({}, left_out={"01_x": "its data are not here"}) == []


def test_labels_tell_results_of_one_name_apart_in_any_order():
    results.start("01_x", None)
    results.record("ndcg", 0.4, model="sar", split="user")
    results.record("ndcg", 0.5, model="als", split="user")
    with pytest.raises(ValueError, match=r"ndcg\[model=sar, split=user\] is recorded twice"):
        results.record("ndcg", 0.4, split="user", model="sar")


def test_an_interval_is_recorded_with_its_ends(tmp_path):
    results.start("01_x", tmp_path)
    results.record("accuracy", Interval(0.8, 0.75, 0.85))
    results.record("plain", 1)
    first, second = results.read(tmp_path)["results"]
    assert (first["value"], first["low"], first["high"]) == (0.8, 0.75, 0.85)
    assert (second["value"], second["low"], second["high"]) == (1.0, None, None)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"value": math.nan}, "finite"),
        ({"value": Interval(0.5, 0.1, math.inf)}, "finite"),
        ({"value": 1.0, "published": 1.0}, "without a source"),
        ({"value": 1.0, "model": ["a"]}, "a label is a short text or a number"),
        ({"value": 1.0, "rerun": (0.5, 1.5)}, "rerun is how far another run may be"),
    ],
)
def test_what_may_not_be_recorded(arguments, reason):
    results.start("01_x", None)
    with pytest.raises(ValueError, match=reason):
        results.record("bad", **arguments)


@pytest.mark.parametrize(
    ("effect", "against", "verdict", "amount"),
    [
        (Interval(0.0312, 0.0119, 0.0491), 0, "holds", "+0.031 [+0.012, +0.049]"),
        (Interval(-0.0312, -0.0491, -0.0119), 0, "does not hold", "-0.031 [-0.049, -0.012]"),
        (Interval(0.0312, -0.0119, 0.0491), 0, "not told apart", "+0.031 [-0.012, +0.049]"),
        (Interval(0.0312, 0.0, 0.0491), 0, "not told apart", "+0.031 [+0.000, +0.049]"),
        (Interval(0.912, 0.905, 0.919), 0.9, "holds", "0.912 [0.905, 0.919] against 0.9"),
        (Interval(1500.0, 1000.0, 2000.0), 0, "holds", "+1,500 [+1,000, +2,000]"),
        (Interval(0.0, 0.0, 0.0), 0, "not told apart", "+0.000 [+0.000, +0.000]"),
    ],
)
def test_the_verdict_is_computed_and_stands_in_the_sentence(effect, against, verdict, amount):
    results.start("01_x", None)
    found = results.finding("a", "Tuning pays.", effect, n=1200, against=against)
    assert found.verdict == verdict
    assert str(found) == found.sentence == f"Tuning pays: {verdict}, {amount}, n = 1,200"
    assert found.title.splitlines() == ["Tuning pays:", f"{verdict}, {amount}, n = 1,200"]


def test_a_finding_leaves_the_run_with_its_verdict(repository):
    (found,) = results.read(repository / "runs" / "01_x")["findings"]
    assert found["verdict"] == "holds" and found["sentence"].startswith("Tuning pays in accuracy:")
    assert (found["value"], found["n"], found["source"]) == (0.03, 800, "this run")


def test_a_finding_needs_an_interval_cases_and_a_source_that_exists(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "FIGURES", tmp_path)
    files.write_json(tmp_path / "experiments" / "large.json", {})
    results.start("01_x", None)
    effect = Interval(0.1, 0.0, 0.2)
    results.finding("a", "A beats B", effect, n=5, source="large")
    for arguments, reason in [
        ({"source": "larger"}, "no committed sweep 'larger'"),
        ({"effect": 0.1}, "takes an interval"),
        ({"effect": Interval(0.1, math.nan, math.nan)}, "takes an interval"),
        ({"n": 0}, "takes an interval and how many"),
        ({"id": "a"}, "recorded twice"),
    ]:
        given = {"id": "b", "claim": "A beats B", "effect": effect, "n": 5} | arguments
        with pytest.raises(ValueError, match=reason):
            results.finding(**given)


@pytest.mark.parametrize(
    ("kernel", "at_defaults"),
    [
        ({"seed": 0, "n": 100}, True),
        ({"seed": 3, "device": "cpu", "n": 100}, True),
        ({"seed": 0, "n": 5}, False),
        (None, True),  # no kernel: a test, say
    ],
)
def test_a_run_knows_whether_it_is_at_its_defaults(tmp_path, monkeypatch, kernel, at_defaults):
    class Kernel:
        user_ns = {"device": "auto"} | (kernel or {})

    cell = {"metadata": {"tags": ["parameters"]}, "source": ["seed = 0\n", "n = 100  # texts"]}
    monkeypatch.setattr(files, "NOTEBOOKS", tmp_path)
    files.write_json(tmp_path / "01_x.ipynb", {"cells": [{"metadata": {}, "source": []}, cell]})
    monkeypatch.setattr(results, "get_ipython", lambda: None if kernel is None else Kernel())
    results.start("01_x", tmp_path / "run")
    results.record("trained", 0.5, rerun=0.1)
    assert results.at_defaults() == at_defaults
    # A tolerance was measured at the defaults and says nothing elsewhere.
    assert results.read(tmp_path / "run")["results"][0]["rerun"] == (0.1 if at_defaults else None)


def test_without_a_folder_nothing_is_written(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    results.start("01_x", None)
    results.record("a", 1.0)
    assert list(tmp_path.iterdir()) == []


def test_a_notebook_whose_data_set_is_not_here_is_left_out_with_the_reason(monkeypatch):
    from socialai import data
    from socialai.course import verify

    notebooks = sorted(files.NOTEBOOKS.glob("*.ipynb"))
    monkeypatch.setattr(
        data, "unavailable", lambda name: "cold: not here" if name == "cold" else None
    )
    assert verify.without_data(notebooks) == {"12_moderation": "cold: not here"}
