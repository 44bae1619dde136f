"""Recording, comparing and tabulating results."""

import math

import pytest

from socialai import files, results


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """An empty repository with one notebook, one committed result with a band and one without."""
    monkeypatch.setattr(files, "RESULTS", tmp_path / "results.json")
    run(tmp_path, exact=0.5, banded=0.8)
    results.write_json(
        files.RESULTS, {"01_x": {"seconds": 1, "results": results.read(tmp_path / "runs" / "01_x")}}
    )
    return tmp_path


def run(folder, exact, banded):
    results.start("01_x", folder / "runs" / "01_x")
    results.record("exact", exact)
    results.record("banded", banded, band=(0.7, 0.9), published=0.75, source="somebody 2020")


@pytest.mark.parametrize(
    ("exact", "banded", "named"), [(0.5, 0.8, None), (0.5, 0.71, None), (0.502, 0.8, "exact")]
)
def test_a_rerun_is_compared_with_what_is_committed(repository, exact, banded, named):
    run(repository, exact, banded)
    found = results.differences({"01_x": repository / "runs" / "01_x"})
    assert (found == []) if named is None else (len(found) == 1 and named in found[0])


def test_a_number_edited_by_hand_is_found_even_inside_nothing_else(repository):
    text = files.RESULTS.read_text().replace("0.8,", "0.95,")
    files.RESULTS.write_text(text)
    assert "banded" in results.differences({"01_x": repository / "runs" / "01_x"})[0]


def test_a_result_that_vanished_and_one_that_is_new_are_named(repository):
    results.start("01_x", repository / "runs" / "01_x")
    results.record("new", 1.0)
    found = "\n".join(results.differences({"01_x": repository / "runs" / "01_x"}))
    assert (
        "new is recorded but not committed" in found
        and "exact is committed but no longer recorded" in found
    )


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"value": math.nan}, "finite"),
        ({"value": 2.0, "band": (0.0, 1.0)}, "outside its band"),
        ({"value": 1.0, "published": 1.0}, "without its source"),
    ],
)
def test_what_may_not_be_recorded(arguments, reason):
    results.start("01_x", None)
    with pytest.raises(ValueError, match=reason):
        results.record("bad", **arguments)


@pytest.mark.parametrize(
    ("given", "kept"), [({}, [0, 1]), ({"seed": 3, "device": "cpu"}, [0, 1]), ({"n": 5}, None)]
)
def test_a_band_holds_at_defaults_over_seeds_and_not_for_other_parameters(tmp_path, given, kept):
    results.write_json(tmp_path / "params.json", given)
    results.start("01_x", tmp_path)
    results.record("inside", 0.5, band=(0, 1))
    assert results.read(tmp_path)["inside"]["band"] == kept
    if kept:
        with pytest.raises(ValueError, match="outside its band"):
            results.record("outside", 2.0, band=(0, 1))
    else:
        results.record("outside", 2.0, band=(0, 1))


@pytest.mark.parametrize(
    ("value", "shown"), [(0.12345, "0.123"), (102267648.0, "102,267,648"), (3.2e-15, "3.2e-15")]
)
def test_numbers_are_shown_with_at_most_three_decimals(value, shown):
    assert results.number(value) == shown


def test_the_tables_state_value_band_and_published_value_by_notebook(repository):
    lines = results.table(results.committed()).splitlines()
    assert lines[0] == "**[01_x](notebooks/01_x.ipynb)**"
    assert lines[4:] == [
        "| exact | 0.500 | the same |  |",
        "| banded | 0.800 | 0.7 to 0.9 | 0.750 (somebody 2020) |",
    ]


def test_a_notebook_that_was_not_run_counts_as_a_difference(repository):
    assert results.differences({}) == ["01_x: there is no run to compare with"]


def test_the_committed_value_stands_beside_a_run_with_its_band_only_if_it_has_one():
    assert results.at_defaults({"value": 0.8123, "band": [0.78, 0.84]}) == "0.812 (0.78 to 0.84)"
    assert results.at_defaults({"value": 0.5, "band": None}) == "0.500"
    assert results.at_defaults(None) == ""


def test_results_of_a_notebook_that_is_left_out_are_not_missed(monkeypatch, tmp_path):
    monkeypatch.setattr(results, "committed", lambda: {"10_small": {"seconds": 1, "results": {}}})
    assert results.differences({}) == ["10_small: there is no run to compare with"]
    assert results.differences({}, left_out={"10_small": "its data are not here"}) == []


def test_a_notebook_whose_data_set_is_not_here_is_left_out_with_the_reason(monkeypatch):
    from socialai import data, files
    from socialai.course import verify

    notebooks = sorted(files.NOTEBOOKS.glob("*.ipynb"))
    monkeypatch.setattr(
        data, "unavailable", lambda name: "cold: not here" if name == "cold" else None
    )
    assert verify.without_data(notebooks) == {"12_moderation": "cold: not here"}
