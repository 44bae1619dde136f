"""Cleaning rules, from raw posts to text: what a post means must survive.

A rule is a function from text to text that is idempotent, never raises and never makes a text more
than three times as long; UserError for what is no text. `clean` composes rules. A link, a person
addressed, a topic, a feeling, a shout: none may be lost.
"""

import html
import sys
import unicodedata
from collections.abc import Callable, Sequence
from functools import cache

import emoji
import regex

from socialai.errors import UserError
from socialai.validation import check_choice, check_list, check_text

Rule = Callable[[str], str]
PASSES = 8  # of a rule over its own result
# Names of tags that people or editors really leave in posts: <孩子慢慢来> is a book and "I <3 you"
# a feeling.
TAG = regex.compile(
    r"</?(?:a|b|br|code|div|em|font|h[1-6]|hr|i|img|li|ol|p|pre|s|span|strong|sub|sup|table|td|tr"
    r"|u|ul)(?:\s[^<>]*|\s*/)?>",
    regex.IGNORECASE,
)
BREAKING = regex.compile(r"</?(?:br|div|h[1-6]|hr|li|p|pre|table|td|tr)\b", regex.IGNORECASE)
# escaped once or many times
AMPERSANDS = regex.compile(r"&(?:(?:amp|#0*38|#x0*26);)+", regex.IGNORECASE)
ENTITY = regex.compile(r"&(?:#\d{1,7}|#x[\da-f]{1,6}|[a-z][a-z\d]{1,31});", regex.IGNORECASE)
CONTROL = regex.compile(r"(?![\t\n\r])\p{Cc}")
BIDI = regex.compile(r"[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
# Kept: the tags that spell a flag after 🏴, a selector after an emoji, and joiners inside emoji
# sequences and inside words of Arabic and Indic scripts. Anywhere else they only hide words from a
# filter, or whole texts from the reader.
ZERO_WIDTH = regex.compile(
    r"\U0001f3f4[\U000e0020-\U000e007e]{2,6}\U000e007f(*SKIP)(*FAIL)"
    r"|[\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180e\u200b\u2060-\u2065\u3164\ufeff\uffa0]"
    r"|[\ufff0-\ufffb]|[\U000e0000-\U000e01ef]|(?<!\p{Emoji})[\ufe00-\ufe0f]"
    r"|(?<![\p{Extended_Pictographic}\p{Emoji_Modifier}\ufe0f\u0600-\u0dff])[\u200c\u200d]"
    r"|[\u200c\u200d](?![\p{Extended_Pictographic}\u0600-\u0dff])"
)
URL = regex.compile(
    r"(?:https?://|(?<![a-z0-9])www\.(?=[a-z0-9-]+\.))[!#-;=?-\[\]_a-z~]*[#$%&*+/0-9=@_a-z~-]",
    regex.IGNORECASE,
)
MENTION = regex.compile(r"(?<![A-Za-z0-9_@])@(?=[\w-]*[^\W_])[\w-]+")
TOPIC = regex.compile(r"#(?=[^#\n]*\p{Han})([^#\s](?:[^#\n]{0,60}[^#\s])?)#")
HASHTAGS = regex.compile(r"(?<![&A-Za-z0-9_])(?:#(?=\w*\p{L})\w+)+")
HUMP = regex.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
# What a reader calls one character, in bounds: \X would be simpler, but takes quadratic time on a
# hostile text.
MARKS = r"[\p{M}\p{Emoji_Modifier}]{0,8}"
SIGN = rf"\p{{Regional_Indicator}}{{2}}|[^\d\s\p{{M}}\u200d]{MARKS}(?:\u200d\S{MARKS}){{0,8}}"
RUN = regex.compile(rf"((?>{SIGN}))\1{{3,}}")


def _until_stable(rule: Rule, text: str, last: Rule | None = None) -> str:
    """Repeat a rule until it changes nothing.

    What still changes after PASSES is an attack, and `last` disarms it.
    """
    for _ in range(PASSES):
        if (changed := rule(text)) == text:
            return text
        text = changed
    return text if last is None else last(text)


def strip_controls(text: str) -> str:
    """Drop control characters and halves of broken pairs, which no writing contains.

    Tabs and line ends stay.
    """
    return CONTROL.sub("", check_text(text))


def unescape_html(text: str) -> str:
    """HTML entities to characters (even escaped twice), known tags away.

    Tags that break a line leave a space.
    """

    def once(text: str) -> str:
        text = AMPERSANDS.sub("&", text)
        text = ENTITY.sub(lambda entity: fold_width(html.unescape(entity[0])), text)
        return TAG.sub(lambda tag: " " if BREAKING.match(tag[0]) else "", text)

    return _until_stable(once, check_text(text), last=_without_markup)


def _without_markup(text: str) -> str:
    """The text without the characters that entities and tags begin with."""
    return fold_width(text).replace("&", "").replace("<", "")


def strip_bidi(text: str) -> str:
    """Drop the marks that turn the direction of writing; letters stay.

    With them a post can show one text and hold another.
    """
    return BIDI.sub("", check_text(text))


def strip_zero_width(text: str) -> str:
    """Drop what has no width and hides words from a filter.

    Joiners stay where they hold a sign together.
    """
    return _until_stable(lambda text: ZERO_WIDTH.sub("", text), check_text(text))


@cache
def _plain_forms() -> dict[int, str]:
    """The plain form of each full-width, half-width and styled character, for str.translate."""
    forms = {}
    for code in range(sys.maxunicode + 1):
        kind, _, plain = unicodedata.decomposition(chr(code)).partition(" ")
        if kind in ("<wide>", "<narrow>", "<font>"):
            forms[code] = "".join(chr(int(c, 16)) for c in plain.split())
    return forms


def fold_width(text: str) -> str:
    """Full-width and styled letters (ＡＢＣ, 𝓯𝓻𝓮𝓮) to plain ones, composed (NFC).

    Differences of look alone. NFKC goes further and loses meaning: 10² becomes 102, ½ becomes 1⁄2,
    one Arabic sign becomes 18 letters.
    """

    def once(text: str) -> str:
        return unicodedata.normalize("NFC", text.translate(_plain_forms()))

    return _until_stable(once, check_text(text))


def mask_urls(text: str) -> str:
    """Each address becomes "http": that there is a link matters, its random letters don't.

    As in TweetEval.
    """
    return URL.sub(" http ", check_text(text))


def mask_mentions(text: str) -> str:
    """Each @name becomes "@user": somebody is addressed, nobody is named.

    Mail addresses and @_@ are no mentions.
    """
    return MENTION.sub("@user", check_text(text))


def open_hashtags(text: str) -> str:
    """#话题# and #MakeItSo become their words, 话题 and Make It So; "#1" and "C#" stay."""

    def once(text: str) -> str:
        text = TOPIC.sub(r" \1 ", text)
        return HASHTAGS.sub(lambda tags: HUMP.sub(" ", tags[0]).replace("#", " ") + " ", text)

    return _until_stable(once, check_text(text))


@cache
def _opencc():
    import opencc

    return opencc.OpenCC("t2s")


def to_simplified(text: str) -> str:
    """Traditional to simplified Chinese by OpenCC.

    Many to one (後 and 后 are 后), so no rule can lead back.
    """

    return _until_stable(_opencc().convert, check_text(text))


def shorten_runs(text: str) -> str:
    """A sign four or more times in a row, three times; digits stay (10000).

    好好好好好 and sooooo stay shouts, but one word each. Source: Brody and Diakopoulos 2011,
    lengthening carries sentiment.
    """
    return RUN.sub(r"\1\1\1", check_text(text))


def collapse_spaces(text: str) -> str:
    """Runs of white space to one space, none at the ends."""
    return " ".join(check_text(text).split())


def name_emoji(text: str, language: str = "en") -> str:
    """Each emoji as its name (😂 :face_with_tears_of_joy:), for models that don't know it.

    language: "en", "zh" and others of the package emoji. A name is up to some 60 letters, so this
    one does lengthen, and is not among the RULES.
    """
    check_choice(language, (*emoji.LANGUAGES, "alias"), "language of emoji names")
    return emoji.demojize(check_text(text), language=language)


# The order matters: entities hide everything, zero width and full width hide @ and #, addresses
# contain #.
RULES: tuple[Rule, ...] = (
    strip_controls,
    unescape_html,
    strip_bidi,
    strip_zero_width,
    fold_width,
    mask_urls,
    mask_mentions,
    open_hashtags,
    to_simplified,
    shorten_runs,
    collapse_spaces,
)


def clean(text: str, rules: Sequence[Rule] = RULES) -> str:
    """Text after all rules in order, repeated until nothing changes: clean(clean(t)) == clean(t).

    Repeated because idempotent rules do not compose to an idempotent whole: dropping a zero-width
    space may complete an entity, which belonged to an earlier rule.
    """

    rules = check_list(rules, "rules", empty=True)
    for rule in rules:
        if not callable(rule):
            raise UserError(f"a rule is a function from text to text, not {rule!r}")

    def once(text: str) -> str:
        for rule in rules:
            text = rule(text)
        return text

    def disarm(text: str) -> str:
        return _until_stable(once, _without_markup(text))

    return _until_stable(once, check_text(text), last=disarm)
