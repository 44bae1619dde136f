"""The article's platform as a graph: its parts, what flows between them, and what its diagram leaves out."""

import re

import networkx as nx
from matplotlib import patches

from socialai import figures

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
LABEL_AT = {
    ("C", "D"): (4.74, 1.42),
    ("C", "E"): (3.2, 1.88),
    ("E", "C"): (4.4, 1.88),
    ("D", "F"): (4.35, 0.72),
}
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
            graph.add_node(
                node,
                **({"name": box or diamond, "decision": bool(diamond)} if box or diamond else {}),
            )
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
            shape = patches.Polygon(
                corners, facecolor="#fdf1d8", edgecolor=figures.COLORS[1], lw=1.4
            )
        else:
            box = patches.BoxStyle("round", pad=0, rounding_size=0.08)
            shape = patches.FancyBboxPatch(
                (x - 0.64, y - 0.29), 1.28, 0.58, box, fc="#e8f1f8", ec=figures.COLORS[0]
            )
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
            ax.text(
                *LABEL_AT[a, b],
                f"{label}\n{ENGLISH[label]}",
                ha="center",
                va="center",
                fontsize=8,
                color=colour,
            )
    ax.set(xlim=(-0.75, 8.35), ylim=(-0.4, 2.8), aspect="equal")
    ax.axis("off")
