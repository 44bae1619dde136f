"""Evasion of filters, and the normalisation that takes it back."""

from collections.abc import Callable, Iterable
from functools import cache

import numpy as np
import regex

from socialai.apps.moderation.filters import HAN
from socialai.errors import UserError
from socialai.preprocessing.cleaning import clean
from socialai.validation import check_number, check_text, check_texts

# Characters made of a left and a right part that are characters too: what writers take apart (拆字) to hide a word.
PARTS = {
    "好": "女子", "林": "木木", "明": "日月", "你": "亻尔", "他": "亻也", "她": "女也", "们": "亻门", "的": "白勺",
    "粉": "米分", "加": "力口", "和": "禾口", "胡": "古月", "胖": "月半", "课": "讠果", "说": "讠兑", "红": "纟工",
    "钱": "钅戋", "骂": "马叩", "狗": "犭句", "猪": "犭者", "奶": "女乃", "妈": "女马", "娘": "女良", "仔": "亻子",
    "如": "女口", "嫁": "女家", "姑": "女古", "低": "亻氐", "优": "亻尤", "脑": "月囟", "什": "亻十", "性": "忄生",
    "滚": "氵衮", "洗": "氵先", "江": "氵工", "汉": "氵又", "河": "氵可", "黑": "里灬", "种": "禾中", "歧": "止支",
    "视": "礻见", "话": "讠舌", "让": "讠上", "认": "讠人", "吃": "口乞", "吗": "口马", "叫": "口丩", "地": "土也",
    "域": "土或", "坏": "土不", "杀": "乂木", "死": "歹匕", "打": "扌丁", "拍": "扌白", "推": "扌隹", "鬼": "白厶",
    "男": "田力", "歌": "哥欠", "欧": "区欠", "非": "丨三", "国": "囗玉", "蠢": "春虫", "败": "贝攵", "账": "贝长",
}  # fmt: skip
WHOLE = {parts: character for character, parts in PARTS.items() if parts[0] not in "女日土口木古田"}
JOINED = regex.compile("|".join(WHOLE))
BETWEEN = regex.compile(
    r"(?<=\p{Han})[\p{Extended_Pictographic}\p{Emoji_Modifier}\ufe0f\u200d]+(?=\p{Han})"
)


@cache
def _same_sound() -> dict[str, list[str]]:
    """Toneless syllable -> frequent characters with it, of the 3,755 of GB2312's first level."""
    from pypinyin import lazy_pinyin

    level = (bytes([row, cell]) for row in range(0xB0, 0xD8) for cell in range(0xA1, 0xFF))
    table: dict[str, list[str]] = {}
    for character in "".join(code.decode("gb2312", "ignore") for code in level):
        table.setdefault(lazy_pinyin(character)[0], []).append(character)
    return table


def _homophone(character: str, rng: np.random.Generator) -> str:
    others = [c for c in _same_sound().get(sounds(character), []) if c != character]
    return others[rng.integers(len(others))] if others else character


@cache
def _variants():
    import opencc

    return opencc.OpenCC("s2t")


# What writers do to a character to get past a filter while people still read it; each takes (character, generator).
EVASIONS: dict[str, Callable[[str, np.random.Generator], str]] = {
    "zero width": lambda c, rng: c + "\u200b",
    "variant": lambda c, rng: _variants().convert(c),  # traditional Chinese
    "split": lambda c, rng: PARTS.get(c, c),
    "emoji": lambda c, rng: c + "🌸🐶✨🔥"[rng.integers(4)],
    "homophone": _homophone,
    "pinyin": lambda c, rng: sounds(c),
}


def evade(
    text: str, kind: str, targets: Iterable[str] = (), share: float = 1.0, seed: int = 0
) -> str:
    """The text with Chinese characters disguised by an evasion of EVASIONS.

    targets: words whose characters are changed, where they occur; none given: any Chinese character may be. share: of
    those characters, that are changed at random. UserError for an unknown kind.
    """
    if kind not in EVASIONS:
        raise UserError(f"there is no evasion {kind!r}: choose from {', '.join(EVASIONS)}")
    check_text(text), check_number(share, "share", 0, 1)
    rng, targets = (
        np.random.default_rng(seed),
        map(regex.escape, check_texts(targets, "target", empty=True)),
    )
    spans = regex.finditer("|".join(targets) or r"\p{Han}", text, overlapped=True)
    chosen = {place for span in spans for place in range(*span.span())}
    return "".join(
        EVASIONS[kind](c, rng) if place in chosen and HAN.match(c) and rng.random() < share else c
        for place, c in enumerate(text)
    )


def undisguise(text: str) -> str:
    """`socialai.preprocessing.cleaning.clean`, then emoji between two Chinese characters dropped and characters taken apart rejoined.

    What it costs: an emoji inside a sentence is lost. 女子 is not rejoined to 好, nor any pair that starts with a
    character of daily use as this one: far more texts mean the two characters than hide the one.
    """
    return JOINED.sub(lambda found: WHOLE[found[0]], BETWEEN.sub("", clean(check_text(text))))


def sounds(text: str) -> str:
    """The text as it sounds: toneless pinyin without spaces, other signs as they are; homophones become equal."""
    from pypinyin import lazy_pinyin

    return "".join(lazy_pinyin(check_text(text)))
