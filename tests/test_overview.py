"""Counts equal formulas, the diagram is the notebook's, and the map shows only what exists."""

import json
import re

import networkx as nx
import pytest
from transformers import BertConfig, BertModel, GPT2Config, GPT2LMHeadModel

from socialai import files
from socialai.apps import platform_flow
from socialai.course import tables
from socialai.errors import DataUnavailable
from socialai.models import machine, sizes

NOTEBOOK = files.NOTEBOOKS / "00_overview.ipynb"


def sources(kind):
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == kind]


@pytest.mark.parametrize(
    ("n_layers", "d_model", "n_vocab", "n_positions"), [(1, 8, 11, 5), (3, 24, 50, 16)]
)
def test_the_formula_counts_what_a_real_model_has(n_layers, d_model, n_vocab, n_positions):
    config = GPT2Config(
        n_layer=n_layers, n_embd=d_model, n_head=4, vocab_size=n_vocab, n_positions=n_positions
    )
    real = sum(
        p.numel() for p in GPT2LMHeadModel(config).parameters()
    )  # with storage, not on the meta device
    counted = sizes.count_parameters(GPT2LMHeadModel, config)
    formula = sizes.gpt_parameters(n_layers, d_model, n_vocab, n_positions)
    assert counted["parameters"] == real == formula["total"]
    assert counted["embeddings"] == formula["embeddings"]
    assert (
        counted["repeated"] - real == n_vocab * d_model
    )  # the output layer is the word table once more


def test_an_encoder_without_output_layer_shares_nothing():
    config = BertConfig(
        vocab_size=20,
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
    )
    counted = sizes.count_parameters(BertModel, config)
    assert counted["parameters"] == counted["repeated"]
    assert counted["embeddings"] == (20 + 512 + 2) * 8


def test_the_vocabulary_written_in_the_notebook_is_that_of_the_default_encoder():
    found = sorted((files.cache_folder() / "models").glob("e5-small-default-*/config.json"))
    if not found:
        pytest.skip("the default encoder is not prepared here")
    config = json.loads(found[-1].read_text())
    line = next(
        s
        for cell in sources("code")
        for s in cell.splitlines()
        if '"default encoder": (encoder' in s
    )
    assert f"vocab_size={config['vocab_size']}," in line
    assert (config["hidden_size"], config["num_hidden_layers"], config["intermediate_size"]) == (
        384,
        12,
        1536,
    )


def test_training_flops_of_gpt3_are_those_of_its_paper():
    assert sizes.training_flops(174.6e9, 300e9) == pytest.approx(
        3.14e23, rel=0.005
    )  # Brown et al. 2020, appendix D


def test_the_diagram_in_the_text_is_the_one_that_is_drawn():
    text = "".join(sources("markdown"))
    lines = text.split("```mermaid\ngraph TD\n")[1].split("\n```")[0].splitlines()
    arrows = {}
    for line in lines:
        start, label, end = re.match(r" +(\S+) -->(?:\|(.+)\|)? (\S+)$", line).groups()
        arrows[start[0], end[0]] = label or ""
        for part in (start, end):
            if len(part) > 1:  # named where it comes first
                opening, closing = "{}" if part[0] == platform_flow.DECISION else "[]"
                name = platform_flow.PARTS[part[0]].chinese
                assert part[1:] == f"{opening}{name}{closing}"
    assert arrows == platform_flow.ARROWS
    assert {letter for arrow in arrows for letter in arrow} == set(platform_flow.PARTS)


def test_the_flow_has_no_way_back_without_what_is_missing():
    assert nx.is_directed_acyclic_graph(nx.DiGraph([*platform_flow.ARROWS]))
    assert not set(platform_flow.MISSING) & set(platform_flow.ARROWS)


def test_every_label_and_box_of_the_drawing_is_inside_it():
    from matplotlib import pyplot as plt

    fig, ax = plt.subplots()
    platform_flow.draw_flow(ax)
    shown = {text.get_text().split("\n")[0] for text in ax.texts}
    assert {part.chinese for part in platform_flow.PARTS.values()} <= shown
    assert {"通过", "拒绝", "反馈", "申诉"} <= shown
    (left, right), (low, high) = ax.get_xlim(), ax.get_ylim()
    assert all(left < x < right and low < y < high for x, y in (t.get_position() for t in ax.texts))
    plt.close(fig)


def test_only_lessons_that_exist_are_linked(tmp_path, monkeypatch):
    known = (files.NOTEBOOKS / "lessons.yaml").read_text(encoding="utf-8")
    monkeypatch.setattr(files, "NOTEBOOKS", tmp_path)
    (tmp_path / "lessons.yaml").write_text(known, encoding="utf-8")
    (tmp_path / "08_x.ipynb").write_text("{}")
    assert tables.lesson_links(("08", "12")) == "[08](08_x.ipynb), 12 (not yet)"
    table = tables.course_map("notebooks/", {"minutes": {"08_training_speed": "0.8"}})
    assert "](notebooks/08_x.ipynb)" in table and "| minutes |" in table.splitlines()[0]
    assert table.count(", not yet |") == len(tables.lessons()) - 1 and table.count("| 0.8 |") == 1


def test_the_map_knows_every_notebook_of_the_repository():
    lessons = {lesson["stem"] for lesson in tables.lessons().values()}
    assert {path.stem for path in tables.lessons_here().values()} <= lessons
    parts = platform_flow.PARTS.values()
    assert {number for part in parts for number in part.lessons} <= tables.lessons().keys()


def test_a_bar_would_break_a_table():
    with pytest.raises(ValueError, match="bar"):
        tables.markdown_table(["a"], [("x | y",)])


def test_a_machine_without_a_chinese_font_is_told_so(monkeypatch):
    def unreachable():
        raise DataUnavailable("no font")

    monkeypatch.setattr(machine.figures, "chinese_font", unreachable)
    assert machine.describe_machine("cpu")["Chinese font"] == "none"
    monkeypatch.setattr(machine.figures, "chinese_font", lambda: ["Noto Sans SC", "PingFang SC"])
    assert machine.describe_machine("cpu")["Chinese font"] == "Noto Sans SC"


def test_the_machine_is_described_without_a_path():
    described = machine.describe_machine("cpu")
    assert described["device"] == "cpu" and described["cache"].startswith("writable")
    assert not any(str(files.cache_folder()) in value for value in described.values())


def test_a_cache_that_cannot_be_made_is_told(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("a file where a folder is needed")
    monkeypatch.setenv("SOCIALAI_CACHE", str(tmp_path / "file" / "cache"))
    assert machine.describe_machine("cpu")["cache"].startswith("not writable")
