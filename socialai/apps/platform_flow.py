"""The article's platform as a graph: its parts, what flows between them, what the article omits.

The article draws it in section 2.4; lesson 00 shows that text, and the picture that `draw_flow`
makes of the same parts and arrows.
"""

from typing import NamedTuple

from matplotlib import patches
from matplotlib.axes import Axes

from socialai import figures


class Part(NamedTuple):
    """A part of the platform."""

    chinese: str
    english: str
    place: tuple[int, int]  # column and row in the drawing
    lessons: tuple[str, ...]  # that build it


PARTS = {
    "A": Part("用户生成内容", "user content", (0, 1), ("05",)),
    "B": Part("内容存储", "storage", (1, 1), ("28",)),
    "C": Part("内容审核", "moderation", (2, 1), ("12",)),
    "D": Part("用户接口展示", "shown to users", (3, 1), ("28",)),
    "E": Part("内容删除", "deleted", (2, 2), ("28",)),
    "F": Part("用户行为数据", "behaviour data", (2, 0), ("18",)),
    "G": Part("数据分析", "analysis", (3, 0), ("13", "14", "18")),
    "H": Part("推荐系统", "recommender", (4, 0), ("15",)),
    "I": Part("内容推荐", "recommended", (4, 1), ("15", "16")),
}
DECISION = "C"  # drawn as a diamond
ARROWS = {
    ("A", "B"): "",
    ("B", "C"): "",
    ("C", "D"): "通过",
    ("C", "E"): "拒绝",
    ("F", "G"): "",
    ("G", "H"): "",
    ("H", "I"): "",
    ("I", "D"): "",
}
# What the article leaves out: what is shown makes the behaviour data, and a deletion can be wrong.
MISSING = {("D", "F"): "反馈", ("E", "C"): "申诉"}
ENGLISH = {"通过": "passed", "拒绝": "rejected", "反馈": "feedback", "申诉": "appeal"}

LABEL_AT = {
    ("C", "D"): (4.74, 1.42),
    ("C", "E"): (3.2, 1.88),
    ("E", "C"): (4.4, 1.88),
    ("D", "F"): (4.35, 0.72),
}


def draw_flow(ax: Axes) -> None:
    """Draw the flow: boxes, a diamond for the decision, and dashed what the article leaves out."""
    shapes = {letter: _draw_part(ax, letter) for letter in PARTS}
    arrows = ARROWS | MISSING
    for (start, end), label in arrows.items():
        missing = (start, end) in MISSING
        colour = "#777777" if missing else "#222222"
        arrow = patches.FancyArrowPatch(
            _centre(start),
            _centre(end),
            patchA=shapes[start],
            patchB=shapes[end],
            shrinkA=2,
            shrinkB=2,
            arrowstyle="-|>",
            mutation_scale=11,
            # An arrow there and one back would lie on each other: both are bent.
            connectionstyle=f"arc3,rad={-0.4 if (end, start) in arrows else 0}",
            color=colour,
            linestyle="--" if missing else "-",
            lw=1.3,
        )
        ax.add_patch(arrow)
        if label:
            x, y = LABEL_AT[start, end]
            text = f"{label}\n{ENGLISH[label]}"
            ax.text(x, y, text, ha="center", va="center", fontsize=8, color=colour)
    ax.set(xlim=(-0.75, 8.35), ylim=(-0.4, 2.8), aspect="equal")
    ax.axis("off")


def _centre(letter: str) -> tuple[float, float]:
    column, row = PARTS[letter].place
    return 1.9 * column, 1.2 * row


def _draw_part(ax: Axes, letter: str) -> patches.Patch:
    x, y = _centre(letter)
    if letter == DECISION:
        shape = patches.Polygon(
            [(x - 0.78, y), (x, y + 0.42), (x + 0.78, y), (x, y - 0.42)],
            facecolor="#fdf1d8",
            edgecolor=figures.COLORS[1],
            lw=1.4,
        )
    else:
        shape = patches.FancyBboxPatch(
            (x - 0.64, y - 0.29),
            1.28,
            0.58,
            patches.BoxStyle("round", pad=0, rounding_size=0.08),
            facecolor="#e8f1f8",
            edgecolor=figures.COLORS[0],
        )
    part = PARTS[letter]
    ax.text(x, y + 0.1, part.chinese, ha="center", va="center", fontsize=9)
    ax.text(x, y - 0.12, part.english, ha="center", va="center", fontsize=8, color="#444444")
    return ax.add_patch(shape)
