"""Benchmarks: contenders take turns, and ratios are of medians."""

import json

import psutil
import torch

from benchmarks import finetune, timing


def test_contenders_take_turns_and_medians_are_compared(capsys):
    turns = []
    rates = {"socialai": iter([4.0, 8.0, 6.0]), "other": iter([2.0, 3.0, 1.0])}

    def contender(name):
        def run():
            turns.append(name)
            return next(rates[name])

        return run

    found = timing.alternate({name: contender(name) for name in rates}, repeats=3)
    assert turns == ["socialai", "other"] * 3
    ours, other = timing.compare(found)
    assert ours == {"name": "socialai", "median": 6.0, "low": 5.0, "high": 7.0, "ratio": 1.0}
    assert other == {"name": "other", "median": 2.0, "low": 1.5, "high": 2.5, "ratio": 3.0}
    assert "3/3 other: 1.0 a second" in capsys.readouterr().err


def test_one_turn_has_no_spread():
    (row,) = timing.compare({"socialai": [4.0]})
    assert (row["low"], row["median"], row["high"]) == (4.0, 4.0, 4.0)


def test_seven_turns_unless_told_otherwise():
    assert [len(r) for r in timing.alternate({"socialai": lambda: 1.0}).values()] == [7]


def test_what_was_found_is_shown_as_a_table_or_as_json(capsys):
    found = {"rows": timing.compare({"socialai": [4.0], "other": [2.0]}), "notes": ["a note"]}
    timing.show(found, as_json=False)
    said = capsys.readouterr().out
    assert "2.00x" in said and said.endswith("a note\n")
    timing.show(found, as_json=True)
    assert json.loads(capsys.readouterr().out) == found


def test_the_peak_is_a_rate_of_operations():
    peak = timing.matmul_peak(torch.device("cpu"), torch.float32, n=64)
    assert 1e6 < peak < 1e15


def test_busy_processes_run_only_beside_what_is_timed():
    def children():
        return len(psutil.Process().children())

    before = children()
    assert finetune.beside(2, children) == before + 2
    assert children() == before


def test_a_fair_share_is_that_of_the_threads_among_all_that_want_a_core(monkeypatch):
    monkeypatch.setattr(finetune.os, "cpu_count", lambda: 2)
    monkeypatch.setattr(finetune.torch, "get_num_threads", lambda: 2)
    assert finetune.share_note(2, alone=10.0, shared=4.0) == (
        "beside 2 busy processes: 80% of a fair share of the cores"
    )
    monkeypatch.setattr(finetune.torch, "get_num_threads", lambda: 1)
    assert "beside 1 busy processes: 50%" in finetune.share_note(1, alone=10.0, shared=5.0)
