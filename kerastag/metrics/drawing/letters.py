"""Letters that a picture can show: names come in any script, and a machine has some fonts."""

import functools
import unicodedata

FALLBACK = "\u25a1"  # what stands for a letter that no font here has
_FAMILY = "DejaVu Sans"  # comes with matplotlib
_OTHERS = (  # that have what it lacks, where they are installed
    *("Noto Sans CJK JP", "Noto Sans CJK SC", "Noto Sans JP", "Noto Sans SC", "Noto Sans KR", "Source Han Sans"),
    *("Hiragino Sans", "Yu Gothic", "Microsoft YaHei", "Malgun Gothic", "PingFang SC", "Apple SD Gothic Neo"),
    *("WenQuanYi Zen Hei", "WenQuanYi Micro Hei", "IPAGothic", "Droid Sans Fallback", "Unifont"),
    *("Noto Sans Devanagari", "Noto Sans Bengali", "Noto Sans Tamil", "Noto Sans Thai", "Noto Sans Symbols 2"),
)


@functools.cache
def families() -> tuple[str, ...]:
    """Names of the fonts that are here, in the order in which a letter is looked for."""
    from matplotlib import font_manager

    there = {font.name for font in font_manager.fontManager.ttflist}
    return (_FAMILY, *(name for name in _OTHERS if name in there))


def drawable(text: str) -> str:
    """Text with FALLBACK in the place of each letter that none of these fonts has; marks without one are left out."""
    known = _letters()
    shown = []
    for letter in unicodedata.normalize("NFC", text):
        if ord(letter) in known:
            shown.append(letter)
        elif unicodedata.category(letter) not in ("Mn", "Me", "Cf"):
            shown.append(FALLBACK)
    return "".join(shown)


@functools.cache
def _letters() -> frozenset[int]:
    """The code points that the fonts have."""
    from matplotlib import font_manager

    points: set[int] = set()
    for family in families():
        font = font_manager.get_font(font_manager.findfont(font_manager.FontProperties(family=family)))
        points.update(font.get_charmap())
    return frozenset(points)
