"""Drawing primitives: elements, markers and text cut to fit. Everything that enters an element is escaped here."""

import unicodedata

from markupsafe import Markup, escape

from countermark.report.strangers import shown

SHAPES = ("circle", "square", "triangle", "diamond", "down", "hexagon", "plus")


def element(name: str, *children: str, **attributes: str | float) -> Markup:
    """One SVG element; underscores in attribute names become hyphens, a trailing one is dropped, numbers are rounded."""
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_value(value))}"' for key, value in attributes.items()
    )
    inner = "".join(escape(child) for child in children)
    return Markup(f"<{name}{written}>{inner}</{name}>")  # noqa: S704  (every value and child is escaped above)


def group(*children: str, **attributes: str | float) -> Markup:
    """A group of elements."""
    return element("g", *children, **attributes)


def text(content: str, x: float, y: float, **attributes: str | float) -> Markup:
    """A line of selectable text."""
    return element("text", shown(content), x=x, y=y, **attributes)


def line(x1: float, y1: float, x2: float, y2: float, class_: str) -> Markup:
    """A straight line."""
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=class_)


def rect(x: float, y: float, width: float, height: float, class_: str) -> Markup:
    """A rectangle."""
    return element("rect", x=x, y=y, width=width, height=height, class_=class_)


def marker(shape: str, x: float, y: float, size: float, *, hollow: bool = False) -> Markup:
    """A subject's sign, centred on (x, y), about `size` from centre to edge; hollow for simulations."""
    class_ = "mark hollow" if hollow else "mark"
    if shape == "circle":
        return element("circle", cx=x, cy=y, r=size, class_=class_)
    points = _POINTS.get(shape, _POINTS["square"])
    path = " ".join(f"{_number(x + dx * size)},{_number(y + dy * size)}" for dx, dy in points)
    return element("polygon", points=path, class_=class_)


def fitted(content: str, width: float, size: float) -> str:
    """`content` cut with an ellipsis to about `width` at font size `size`; wide characters count double."""
    clean = shown(content, 240)
    room = width / size
    used = 0.0
    for place, sign in enumerate(clean):
        used += advance(sign)
        if used > room:
            return clean[: max(place - 1, 1)] + "…"
    return clean


def advance(sign: str) -> float:
    """Rough width of a character in ems, a little generous."""
    if unicodedata.east_asian_width(sign) in "WF":
        return 1.0
    if sign in "iljtfrI.,:;/|()[]!' \u00a0":
        return 0.36
    return 0.72 if sign.isupper() or sign in "mw%" else 0.56


def extent(content: str, size: float) -> float:
    """Rough width of a line at font size `size`."""
    return sum(advance(sign) for sign in content) * size


def drawing(*children: str, width: float, height: float, name: str, title: str, desc: str) -> Markup:
    """A whole chart that scales with its box and has an accessible name; `name` makes the ids unique on the page."""
    return element(
        "svg",
        element("title", shown(title), id=f"{name}-t"),
        element("desc", shown(desc, 8_000), id=f"{name}-d"),
        *children,
        viewBox=f"0 0 {_number(width)} {_number(height)}",
        role="img",
        class_="chart",
        aria_labelledby=f"{name}-t",
        aria_describedby=f"{name}-d",
    )


def sign(*children: str, width: float, height: float, class_: str) -> Markup:
    """A small drawing beside the words that say the same; hidden from screen readers."""
    return element(
        "svg", *children, viewBox=f"0 0 {_number(width)} {_number(height)}", class_=class_, aria_hidden="true"
    )


_POINTS = {
    "square": ((-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)),
    "triangle": ((0, -1.15), (1.1, 0.85), (-1.1, 0.85)),
    "diamond": ((0, -1.25), (1.25, 0), (0, 1.25), (-1.25, 0)),
    "down": ((0, 1.15), (1.1, -0.85), (-1.1, -0.85)),
    "hexagon": ((-1.1, 0), (-0.55, -0.95), (0.55, -0.95), (1.1, 0), (0.55, 0.95), (-0.55, 0.95)),
    "plus": (
        *((-0.4, -1.15), (0.4, -1.15), (0.4, -0.4), (1.15, -0.4), (1.15, 0.4), (0.4, 0.4)),
        *((0.4, 1.15), (-0.4, 1.15), (-0.4, 0.4), (-1.15, 0.4), (-1.15, -0.4), (-0.4, -0.4)),
    ),
}


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _value(value: str | float) -> str:
    return _number(value) if isinstance(value, int | float) else shown(value)
