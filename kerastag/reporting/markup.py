"""HTML out of small parts. Text is escaped where it enters; what is built already is `Safe`."""

import html
from collections.abc import Iterable, Sequence

_EMPTY = ("img", "meta", "br", "line", "path", "circle", "rect", "polyline")  # without content they need no end


class Safe(str):
    """Markup that needs no escaping any more."""

    __slots__ = ()


Section = tuple[str, str, Safe]  # its name in the page's address, its title, its markup


def escaped(value: object) -> Safe:
    """Text as markup; markup as it is."""
    return value if isinstance(value, Safe) else Safe(html.escape(str(value)))


def element(name: str, /, *content: object, **attributes: object) -> Safe:
    """An element; a trailing underscore of an attribute is dropped and others become hyphens, None leaves it out."""
    named = {key.rstrip("_").replace("_", "-"): value for key, value in attributes.items() if value is not None}
    opening = "".join([f"<{name}", *(f' {key}="{html.escape(str(value))}"' for key, value in named.items())])
    if not content and name in _EMPTY:
        return Safe(f"{opening}/>")
    return Safe(f"{opening}>{joined(content)}</{name}>")


def joined(parts: Iterable[object], separator: str = "") -> Safe:
    """Parts one after the other."""
    return Safe(separator.join(map(escaped, parts)))


def table(
    caption: object, header: Sequence[object], rows: Iterable[Sequence[object]], class_: str | None = None
) -> Safe:
    """A table in a box of its own, which scrolls where the page is narrow; the first cell of a row is its heading."""
    head = element("tr", *(element("th", title, scope="col") for title in header))
    body = [
        element("tr", element("th", row[0], scope="row"), *(element("td", cell) for cell in row[1:])) for row in rows
    ]
    content = (element("caption", caption), element("thead", head), element("tbody", *body))
    return element("div", element("table", *content, class_=class_), class_="scroll", tabindex=0)


def section(identifier: str, title: str, *content: object) -> Section:
    """A section with a heading."""
    heading = element("h2", title, id=f"{identifier}-title")
    made = element("section", heading, *content, id=identifier, aria_labelledby=f"{identifier}-title")
    return identifier, title, made


def number(value: float | None, decimals: int = 4) -> str:
    """A figure for people; a dash where there is none."""
    return "–" if value is None else f"{value:.{decimals}f}"


def interval(value: float | None, bounds: dict[str, float] | None, decimals: int = 4) -> str:
    """A figure with its interval: 0.1234 [0.1000, 0.1500]."""
    if value is None or not bounds or bounds.get("low") is None:
        return number(value, decimals)
    return f"{value:.{decimals}f} [{bounds['low']:.{decimals}f}, {bounds['high']:.{decimals}f}]"
