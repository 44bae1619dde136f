"""Evasion of filters, and the normalisation that takes it back."""

from collections.abc import Callable, Iterable
from functools import cache

import numpy as np
import regex

from socialai.preprocessing.cleaning import clean
from socialai.validation import (
    check_choice,
    check_number,
    check_text,
    check_wanted_words,
    generator_seed,
)

CHINESE_CHARACTER = regex.compile(r"\p{Han}")

# Characters made of a left and a right part that are characters too: what writers take apart (拆字)
# to hide a word.
PARTS_OF_CHARACTER = {
    "好": "女子", "林": "木木", "明": "日月", "你": "亻尔", "他": "亻也", "她": "女也",
    "们": "亻门", "的": "白勺", "粉": "米分", "加": "力口", "和": "禾口", "胡": "古月",
    "胖": "月半", "课": "讠果", "说": "讠兑", "红": "纟工", "钱": "钅戋", "骂": "马叩",
    "狗": "犭句", "猪": "犭者", "奶": "女乃", "妈": "女马", "娘": "女良", "仔": "亻子",
    "如": "女口", "嫁": "女家", "姑": "女古", "低": "亻氐", "优": "亻尤", "脑": "月囟",
    "什": "亻十", "性": "忄生", "滚": "氵衮", "洗": "氵先", "江": "氵工", "汉": "氵又",
    "河": "氵可", "黑": "里灬", "种": "禾中", "歧": "止支", "视": "礻见", "话": "讠舌",
    "让": "讠上", "认": "讠人", "吃": "口乞", "吗": "口马", "叫": "口丩", "地": "土也",
    "域": "土或", "坏": "土不", "杀": "乂木", "死": "歹匕", "打": "扌丁", "拍": "扌白",
    "推": "扌隹", "鬼": "白厶", "男": "田力", "歌": "哥欠", "欧": "区欠", "非": "丨三",
    "国": "囗玉", "蠢": "春虫", "败": "贝攵", "账": "贝长",
}  # fmt: skip

# Of two parts that both are characters of daily use, far more texts mean the two than hide the one:
# 女子 is not rejoined to 好, nor any pair that starts with one of these.
OF_DAILY_USE = "女日土口木古田"
CHARACTER_OF_PARTS = {
    parts: character
    for character, parts in PARTS_OF_CHARACTER.items()
    if parts[0] not in OF_DAILY_USE
}
PARTS_BESIDE_EACH_OTHER = regex.compile("|".join(CHARACTER_OF_PARTS))
EMOJI_BETWEEN_CHARACTERS = regex.compile(
    r"(?<=\p{Han})[\p{Extended_Pictographic}\p{Emoji_Modifier}\ufe0f\u200d]+(?=\p{Han})"
)
DECORATIONS = "🌸🐶✨🔥"


def _zero_width(character: str, rng: np.random.Generator) -> str:
    return character + "\u200b"


@cache
def _to_traditional():
    import opencc

    return opencc.OpenCC("s2t")


def _variant(character: str, rng: np.random.Generator) -> str:
    return _to_traditional().convert(character)


def _split(character: str, rng: np.random.Generator) -> str:
    return PARTS_OF_CHARACTER.get(character, character)


def _emoji(character: str, rng: np.random.Generator) -> str:
    return character + DECORATIONS[rng.integers(len(DECORATIONS))]


@cache
def _characters_of_sound() -> dict[str, list[str]]:
    """Toneless syllable -> frequent characters with it, of the 3,755 of GB2312's first level."""
    codes = (bytes([row, cell]) for row in range(0xB0, 0xD8) for cell in range(0xA1, 0xFF))
    table: dict[str, list[str]] = {}
    for character in "".join(code.decode("gb2312", "ignore") for code in codes):
        table.setdefault(to_pinyin(character), []).append(character)
    return table


def _homophone(character: str, rng: np.random.Generator) -> str:
    same_sound = _characters_of_sound().get(to_pinyin(character), [])
    others = [other for other in same_sound if other != character]
    return others[rng.integers(len(others))] if others else character


def _pinyin(character: str, rng: np.random.Generator) -> str:
    return to_pinyin(character)


# What writers do to a character to get past a filter while people still read it. A variant is the
# traditional form.
EVASIONS: dict[str, Callable[[str, np.random.Generator], str]] = {
    "zero width": _zero_width,
    "variant": _variant,
    "split": _split,
    "emoji": _emoji,
    "homophone": _homophone,
    "pinyin": _pinyin,
}


def evade(
    text: str, kind: str, targets: Iterable[str] = (), share: float = 1.0, seed: int = 0
) -> str:
    """The text with Chinese characters disguised by an evasion of EVASIONS.

    targets: words whose characters are changed, where they occur; none given: any Chinese character
    may be. share: of those characters, that are changed at random. UserError for an unknown kind.
    """
    check_choice(kind, EVASIONS, "evasion")
    text = check_text(text)
    share = check_number(share, "share", 0, 1)
    words = check_wanted_words(targets, "target", empty=True)

    # The places that may be changed: those of the words, which may overlap.
    pattern = "|".join(map(regex.escape, words)) or CHINESE_CHARACTER.pattern
    spans = regex.finditer(pattern, text, overlapped=True)
    places = {place for span in spans for place in range(*span.span())}

    rng = np.random.default_rng(generator_seed(seed))
    written = []
    for place, character in enumerate(text):
        may_change = place in places and CHINESE_CHARACTER.match(character)
        if may_change and rng.random() < share:
            character = EVASIONS[kind](character, rng)
        written.append(character)
    return "".join(written)


def undisguise(text: str) -> str:
    """`cleaning.clean`, then emoji between characters dropped and parts of characters rejoined.

    What it costs: an emoji inside a sentence of Chinese is lost. Pairs of parts that both are
    characters of daily use stay as they are.
    """
    text = EMOJI_BETWEEN_CHARACTERS.sub("", clean(check_text(text)))
    return PARTS_BESIDE_EACH_OTHER.sub(lambda parts: CHARACTER_OF_PARTS[parts[0]], text)


def to_pinyin(text: str) -> str:
    """The text as it sounds: toneless pinyin without spaces, other signs as they are.

    Homophones become equal.
    """
    from pypinyin import lazy_pinyin

    return "".join(lazy_pinyin(check_text(text)))
