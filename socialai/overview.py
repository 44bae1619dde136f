"""What notebook 00 shows: model sizes, the article's platform as a graph, the map of the course, its bibliography."""

import os
import platform
import re
import shutil
from pathlib import Path

import matplotlib as mpl
import networkx as nx
import torch
from matplotlib import font_manager, patches
from torch import nn

from socialai import figures, paths
from socialai.device import pick

BYTES_PER_PARAMETER = {"fp32": 4.0, "bf16": 2.0, "4-bit": 18 / 32}  # 4-bit: blocks of 32 weights in 18 bytes


def count_parameters(model_class: type[nn.Module], config) -> dict[str, int]:
    """Sizes of `model_class(config)`, built on the meta device: shapes without storage, so any size fits.

    Returns parameters (a shared tensor counted once), repeated (counted again wherever it is used) and embeddings
    (the look-up tables among the parameters: words, positions, segments).
    """
    with torch.device("meta"):
        model = model_class(config)
    tables = {m.weight for m in model.modules() if isinstance(m, nn.Embedding)}
    return {
        "parameters": sum(p.numel() for p in model.parameters()),
        "repeated": sum(p.numel() for _, p in model.named_parameters(remove_duplicate=False)),
        "embeddings": sum(p.numel() for p in tables),
    }


def gpt_parameters(n_layers: int, d_model: int, n_vocab: int, n_positions: int) -> dict[str, int]:
    """Parameters of a GPT-2-style decoder by formula (Radford et al. 2019), tied output layer, d_ff = 4 d_model.

    matrices: 12 n_layers d_model^2 (Kaplan et al. 2020, section 2.1); vectors: biases and LayerNorms; embeddings.
    """
    parts = {
        "matrices": 12 * n_layers * d_model**2,
        "vectors": (13 * n_layers + 2) * d_model,
        "embeddings": (n_vocab + n_positions) * d_model,
    }
    return parts | {"total": sum(parts.values())}


def training_flops(parameters: float, tokens: float) -> float:
    """Estimated operations of training, 6 N D (Kaplan et al. 2020, section 2.1): 2 N a token forward, 4 N backward."""
    return 6.0 * parameters * tokens


MERMAID = """graph TD
    A[用户生成内容] --> B[内容存储]
    B --> C{内容审核}
    C -->|通过| D[用户接口展示]
    C -->|拒绝| E[内容删除]
    F[用户行为数据] --> G[数据分析]
    G --> H[推荐系统]
    H --> I[内容推荐]
    I --> D"""  # the article, section 2.4
# node: (English, place in the drawing, lessons that build it)
PARTS = {
    "A": ("user content", (0, 1), ("05",)),
    "B": ("storage", (1, 1), ("22",)),
    "C": ("moderation", (2, 1), ("10",)),
    "D": ("shown to users", (3, 1), ("22",)),
    "E": ("deleted", (2, 2), ("22",)),
    "F": ("behaviour data", (2, 0), ("15",)),
    "G": ("analysis", (3, 0), ("11", "15")),
    "H": ("recommender", (4, 0), ("12",)),
    "I": ("recommended", (4, 1), ("12", "13")),
}
# What the diagram leaves out: what is shown makes the behaviour data, and a deletion can be wrong.
MISSING = {("D", "F"): "反馈", ("E", "C"): "申诉"}
ENGLISH = {"通过": "passed", "拒绝": "rejected", "反馈": "feedback", "申诉": "appeal"}
LABEL_AT = {("C", "D"): (4.74, 1.42), ("C", "E"): (3.2, 1.88), ("E", "C"): (4.4, 1.88), ("D", "F"): (4.35, 0.72)}
_NODE = r"(\w+)(?:\[(.+?)\]|\{(.+?)\})?"
_EDGE = re.compile(rf"^\s*{_NODE}\s*-->\s*(?:\|(.+?)\|\s*)?{_NODE}\s*$")


def read_flow(text: str = MERMAID) -> nx.DiGraph:
    """The graph of a Mermaid flow chart of this small kind: node attributes name and decision, edge attribute label.

    A line that is neither the head nor an arrow raises ValueError.
    """
    graph = nx.DiGraph()
    for line in text.splitlines()[1:]:
        if not (found := _EDGE.match(line)):
            raise ValueError(f"not an arrow of a flow chart: {line.strip()!r}")
        start, box1, diamond1, label, end, box2, diamond2 = found.groups()
        for node, box, diamond in ((start, box1, diamond1), (end, box2, diamond2)):
            graph.add_node(node, **({"name": box or diamond, "decision": bool(diamond)} if box or diamond else {}))
        graph.add_edge(start, end, label=label or "")
    return graph


def draw_flow(ax, graph: nx.DiGraph) -> None:
    """Draw the article's flow: boxes in Chinese and English, a diamond for the decision, what is missing dashed."""
    at = {node: (1.9 * x, 1.2 * y) for node, (_, (x, y), _) in PARTS.items()}
    shapes = {}
    for node, data in graph.nodes(data=True):
        x, y = at[node]
        if data["decision"]:
            corners = [(x - 0.78, y), (x, y + 0.42), (x + 0.78, y), (x, y - 0.42)]
            shape = patches.Polygon(corners, facecolor="#fdf1d8", edgecolor=figures.COLORS[1], lw=1.4)
        else:
            box = patches.BoxStyle("round", pad=0, rounding_size=0.08)
            shape = patches.FancyBboxPatch((x - 0.64, y - 0.29), 1.28, 0.58, box, fc="#e8f1f8", ec=figures.COLORS[0])
        shapes[node] = ax.add_patch(shape)
        ax.text(x, y + 0.1, data["name"], ha="center", va="center", fontsize=9)
        ax.text(x, y - 0.12, PARTS[node][0], ha="center", va="center", fontsize=8, color="#444444")
    solid = {(a, b): d["label"] for a, b, d in graph.edges(data=True)}
    for (a, b), label in (solid | MISSING).items():
        missing, back = (a, b) in MISSING, (b, a) in solid or (b, a) in MISSING
        colour, line = ("#777777", "--") if missing else ("#222222", "-")
        arrow = patches.FancyArrowPatch(
            at[a],
            at[b],
            patchA=shapes[a],
            patchB=shapes[b],
            shrinkA=2,
            shrinkB=2,
            arrowstyle="-|>",
            mutation_scale=11,
            connectionstyle=f"arc3,rad={-0.4 if back else 0}",
            color=colour,
            linestyle=line,
            lw=1.3,
        )
        ax.add_patch(arrow)
        if label:
            ax.text(*LABEL_AT[a, b], f"{label}\n{ENGLISH[label]}", ha="center", va="center", fontsize=8, color=colour)
    ax.set(xlim=(-0.75, 8.35), ylim=(-0.4, 2.8), aspect="equal")
    ax.axis("off")


# number: (name, what it does, section of the article)
COURSE = {
    "00": (
        "Overview (概览)",
        "sizes of models, the platform's flow, this map, the bibliography",
        "1, 2.1 to 2.4, 7, 10",
    ),
    "01": ("Attention mathematics (自注意力)", "Q, K, V, scaling, masks, heads, by hand", "2.5.1"),
    "02": ("Transformer (Transformer 架构)", "encoder, decoder, feed-forward, from scratch", "2.5.1"),
    "03": ("Convolution (卷积神经网络)", "convolution, pooling, images and text", "2.5.2"),
    "04": ("Adversarial networks (生成对抗网络)", "generator against discriminator", "2.5.3"),
    "05": ("Data preparation (数据预处理)", "cleaning, encoding, normalising, augmenting", "2.6.1"),
    "06": ("Training (模型训练)", "initialisation, loss, SGD and Adam", "2.6.2"),
    "07": ("Pre-training (预训练)", "masked and causal language modelling", "2.5.1, 7.3"),
    "08": ("Fine-tuning BERT (微调)", "the article's project, its errors mended", "2.7"),
    "09": ("Evaluation (模型评估)", "splits, scores, intervals, tuning", "2.6.3"),
    "10": ("Moderation (内容审核)", "finding what breaks the rules", "2.8.1"),
    "11": ("Sentiment and topics (情感与主题)", "opinions, emotions, themes", "1.2.1, 2.8.2"),
    "12": ("Recommendation (个性化推荐)", "who might like what", "2.8.3, 8.1.3"),
    "13": ("Advertising (广告投放)", "response, clicks, conversion", "2.8.4"),
    "14": ("Social networks (社交网络分析)", "communities, key nodes, influence", "2.8.5"),
    "15": ("Behaviour (用户行为预测)", "retention and churn", "2.8.6"),
    "16": ("Generalisation (泛化)", "overfitting and what helps against it", "8.2.3, 9.3"),
    "17": ("Privacy (数据隐私)", "encryption, differential privacy, federated learning", "8.1.5, 8.2.2, 9.4"),
    "18": ("Interpretability (模型解释性)", "why a model decided so", "8.2.4"),
    "19": ("Fairness (公平与伦理)", "bias, rights of users", "8.2.5"),
    "20": ("Cross-modal fusion (跨模态融合)", "text with images", "8.1.2"),
    "21": ("Scale and cost (规模与成本)", "size, speed, compute", "2.1, 8.1.1, 8.1.4, 8.2.1"),
    "22": ("The platform (平台)", "the flow as a running service", "2.2, 2.4"),
}


def lessons_here() -> dict[str, Path]:
    """{number: notebook} of the lessons that exist in this repository."""
    return {p.stem[:2]: p for p in sorted(paths.NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))}


def lesson_links(numbers: tuple[str, ...]) -> str:
    """Numbers of lessons in Markdown: a link for one that exists, the plain number marked for one that doesn't."""
    here = lessons_here()
    return ", ".join(f"[{n}]({here[n].name})" if n in here else f"{n} (not yet)" for n in numbers)


def markdown_table(header: list[str], rows: list[tuple[str, ...]]) -> str:
    """A Markdown table; a cell with a bar in it would break the table and raises ValueError."""
    if bad := [cell for row in rows for cell in row if "|" in cell]:
        raise ValueError(f"a bar in a cell of a table: {bad[0]!r}")
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def course_map() -> str:
    """Markdown table of all lessons: number (a link where it exists), name, what, section of the article."""
    rows = [(lesson_links((n,)), *entry) for n, entry in COURSE.items()]
    return markdown_table(["lesson", "name", "what it does", "article"], rows)


def flow_table(graph: nx.DiGraph) -> str:
    """Markdown table of the parts of the platform and the lessons that build them."""
    rows = [(graph.nodes[n]["name"], english, lesson_links(ns)) for n, (english, _, ns) in PARTS.items()]
    return markdown_table(["part", "in English", "built in"], rows)


def machine(device: str = "auto") -> dict[str, str]:
    """What this machine offers the course, as text: Python, torch, device, cores, memory, Chinese font, cache."""
    folder, cache = paths.CACHE(), "not writable: name another folder in SOCIALAI_CACHE"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK):
            cache = f"writable, {shutil.disk_usage(folder).free / 1e9:.0f} GB free"
    except OSError:
        pass  # said in the result: a reader without a cache still wants to see the rest
    prepared = any((folder / "models").glob("e5-small-default-*/config.json"))
    memory = "not known on this system"
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        memory = f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 1e9:.1f} GB"
    return {
        "Python": platform.python_version(),
        "torch": torch.__version__,
        "device": str(pick(device)),
        "cores": str(os.cpu_count()),
        "memory": memory,
        "Chinese font": chinese_font() or "none",
        "cache": cache,
        "default encoder": "prepared" if prepared else "not yet: socialai models prepare",
    }


def chinese_font(character: str = "大") -> str | None:
    """The first font of the current style that has a glyph for the character; None when all would draw a box."""
    for family in mpl.rcParams["font.family"]:
        path = font_manager.findfont(font_manager.FontProperties(family=[family]))  # the default when it isn't there
        if font_manager.get_font(path).get_char_index(ord(character)):
            return family
    return None
