"""The course's own tables in Markdown: the map of its lessons, and links to them."""

from pathlib import Path

import networkx as nx

from socialai import files
from socialai.apps.platform_flow import PARTS

# number: (name, what it does, section of the article)
COURSE = {
    "00": (
        "Overview (概览)",
        "sizes of models, the platform's flow, this map, the bibliography",
        "1, 2.1 to 2.4, 7, 10",
    ),
    "01": ("Attention mathematics (自注意力)", "Q, K, V, scaling, masks, heads, by hand", "2.5.1"),
    "02": (
        "Transformer (Transformer 架构)",
        "encoder, decoder, feed-forward, from scratch",
        "2.5.1",
    ),
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
    "17": (
        "Privacy (数据隐私)",
        "encryption, differential privacy, federated learning",
        "8.1.5, 8.2.2, 9.4",
    ),
    "18": ("Interpretability (模型解释性)", "why a model decided so", "8.2.4"),
    "19": ("Fairness (公平与伦理)", "bias, rights of users", "8.2.5"),
    "20": ("Cross-modal fusion (跨模态融合)", "text with images", "8.1.2"),
    "21": ("Scale and cost (规模与成本)", "size, speed, compute", "2.1, 8.1.1, 8.1.4, 8.2.1"),
    "22": ("The platform (平台)", "the flow as a running service", "2.2, 2.4"),
}


def lessons_here() -> dict[str, Path]:
    """{number: notebook} of the lessons that exist in this repository."""
    return {p.stem[:2]: p for p in sorted(files.NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))}


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
    rows = [
        (graph.nodes[n]["name"], english, lesson_links(ns)) for n, (english, _, ns) in PARTS.items()
    ]
    return markdown_table(["part", "in English", "built in"], rows)
