"""Charts as inline SVG: pure functions from positions and words to one drawing. They place things; they compute nothing.

Colours come from the page's style sheet through `currentColor`, so light, dark and print need one drawing. Every chart
is drawn 360 units wide and laid in columns by the page: its text keeps its size on a phone.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from countermark.report import svg

WIDTH = 360.0
_LEFT, _RIGHT, _PITCH = 5.0, WIDTH - 5.0, 48.0
_TOPS = (0.1, 0.25, 0.5, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """How one subject looks everywhere on the page: number, shape, colour class, hollow where it is a simulation."""

    number: int
    name: str
    shape: str
    colour: str
    hollow: bool
    tag: str
    """`simulation`, `recording` or nothing, in the page's language."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A rate with its bounds, all in [0, 1]."""

    rate: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One subject's row: `span` is None where the number is withheld and `reading` says so."""

    mark: Mark
    span: Span | None
    reading: str
    planted: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One subject on two axes."""

    mark: Mark
    x: Span
    y: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """A stretch of [0, 1] with labelled ticks."""

    start: float
    end: float
    ticks: tuple[tuple[float, str], ...]
    label: str = ""

    def place(self, value: float, zero: float, full: float) -> float:
        """Where `value` lies between the positions `zero` (start) and `full` (end); what lies outside stays at the rim."""
        share = (value - self.start) / (self.end - self.start)
        return zero + (full - zero) * min(max(share, 0.0), 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Guide:
    """A rate fixed in the plan. `kind`: limit or target."""

    kind: str
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Caption:
    """What a chart is called and what it says to those who do not see it."""

    name: str
    title: str
    desc: str


def reach(highest: float) -> float:
    """The end of an axis from zero that holds `highest`: 10, 25, 50 or 100 %."""
    return next((top for top in _TOPS if highest <= top), 1.0)


def bars(rows: Sequence[Bar], axis: Axis, caption: Caption, guides: Sequence[Guide] = ()) -> Markup:
    """Horizontal bars with interval whiskers; a planted rate is a tall tick with a triangle on top.

    Guides are lines across all rows, each in its own dashes.
    """
    bottom = _PITCH * len(rows)
    labels = [
        svg.text(label, x, bottom + 13, class_="tick", text_anchor=_anchor(x))
        for value, label in axis.ticks
        for x in (axis.place(value, _LEFT, _RIGHT),)
    ]
    drawn = [_bar(row, axis, _PITCH * place) for place, row in enumerate(rows)]
    lines = [
        svg.line(x, _PITCH * place + 19, x, _PITCH * place + 45, f"guide {guide.kind}")
        for place in range(len(rows))
        for guide in guides
        for x in (axis.place(guide.value, _LEFT, _RIGHT),)
    ]
    return svg.drawing(
        *drawn,
        *lines,
        *labels,
        width=WIDTH,
        height=bottom + 18,
        name=caption.name,
        title=caption.title,
        desc=caption.desc,
    )


def _bar(row: Bar, axis: Axis, top: float) -> Markup:
    middle = top + 32.0
    room = WIDTH - 30 - svg.extent(row.reading, 12)
    parts = [
        svg.rect(_LEFT, middle - 5, _RIGHT - _LEFT, 10, "track" if row.span else "track void"),
        *(svg.line(x, middle - 8, x, middle + 8, "grid") for x in _ticks(axis)),
        svg.marker(row.mark.shape, 7.5, top + 9, 5, hollow=row.mark.hollow),
        _name(row.mark, room, top + 13),
        svg.text(
            row.reading, _RIGHT, top + 13, class_="reading" if row.span else "reading none", text_anchor="end"
        ),
    ]
    if row.span is not None:
        parts += _measured(row.span, axis, middle, hollow=row.mark.hollow)
    if row.planted is not None:
        parts.append(planted_sign(axis.place(row.planted, _LEFT, _RIGHT), middle))
    return svg.group(*parts, class_=row.mark.colour)


def _name(mark: Mark, room: float, y: float) -> Markup:
    tag = f" {mark.tag}" if mark.tag else ""
    name = svg.fitted(mark.name, max(room - svg.extent(tag, 10), 60.0), 12.5)
    return svg.element(
        "text", name, svg.element("tspan", tag, class_="tag") if tag else "", x=20, y=y, class_="name"
    )


def _measured(span: Span, axis: Axis, middle: float, *, hollow: bool) -> list[Markup]:
    rate, low, high = (axis.place(value, _LEFT, _RIGHT) for value in (span.rate, span.low, span.high))
    return [
        svg.rect(_LEFT, middle - 5, max(rate - _LEFT, 1.5), 10, "bar hollow" if hollow else "bar"),
        _whisker(low, high, middle, 4.5),
    ]


def _whisker(low: float, high: float, y: float, cap: float) -> Markup:
    path = f"M{low:.1f},{y:.1f}H{high:.1f}M{low:.1f},{y - cap:.1f}V{y + cap:.1f}M{high:.1f},{y - cap:.1f}V{y + cap:.1f}"
    return svg.group(
        svg.element("path", d=path, class_="halo"), svg.element("path", d=path, class_="whisker")
    )


def planted_sign(x: float, middle: float) -> Markup:
    """The sign of a planted rate."""
    top = middle - 9
    points = f"{x - 4.5:.1f},{top - 4:.1f} {x + 4.5:.1f},{top - 4:.1f} {x:.1f},{top + 3:.1f}"
    return svg.group(
        svg.line(x, top, x, middle + 9, "planted"), svg.element("polygon", points=points, class_="planted")
    )


def glyph(span: Span, mark: Mark) -> Markup:
    """A number's interval in small, on an axis from 0 to 100 %; for a cell that says the same in words."""
    axis = Axis(start=0, end=1, ticks=())
    rate, low, high = (axis.place(value, 6.0, 114.0) for value in (span.rate, span.low, span.high))
    return svg.sign(
        svg.line(6, 9, 114, 9, "grid"),
        svg.line(6, 5, 6, 13, "grid"),
        svg.line(114, 5, 114, 13, "grid"),
        svg.element("path", d=f"M{low:.1f},9H{high:.1f}", class_="reach"),
        svg.marker(mark.shape, rate, 9, 4.2, hollow=mark.hollow),
        width=120,
        height=18,
        class_=f"glyph {mark.colour}",
    )


def key(mark: Mark) -> Markup:
    """A subject's sign alone, for tables and lists."""
    return svg.sign(
        svg.marker(mark.shape, 8, 8, 5.2, hollow=mark.hollow),
        width=16,
        height=16,
        class_=f"key {mark.colour}",
    )


def guide_key(kind: str) -> Markup:
    """The line of a limit or target alone, for legends."""
    return svg.sign(svg.line(8, 1, 8, 17, f"guide {kind}"), width=16, height=18, class_="key guided")


def planted_key() -> Markup:
    """The sign of a planted rate alone, for legends."""
    return svg.sign(planted_sign(8, 14), width=16, height=24, class_="key tall")


def scatter(points: Sequence[Point], x_axis: Axis, y_axis: Axis, caption: Caption) -> Markup:
    """Crosses of two intervals, each with its subject's shape and number; up and to the left is better on both."""
    left, right, top, bottom = 46.0, WIDTH - 16.0, 10.0, 262.0
    grid = [
        svg.group(svg.line(x, top, x, bottom, "grid"), svg.text(label, x, bottom + 15, class_="tick", text_anchor="middle"))
        for value, label in x_axis.ticks
        for x in (x_axis.place(value, left, right),)
    ] + [
        svg.group(svg.line(left, y, right, y, "grid"), svg.text(label, left - 6, y + 4, class_="tick", text_anchor="end"))
        for value, label in y_axis.ticks
        for y in (y_axis.place(value, bottom, top),)
    ]  # fmt: skip
    names = [
        svg.text(
            svg.fitted(x_axis.label, 300, 12),
            (left + right) / 2,
            bottom + 34,
            class_="axis",
            text_anchor="middle",
        ),
        svg.text(
            svg.fitted(y_axis.label, 250, 12),
            0,
            0,
            class_="axis",
            text_anchor="middle",
            transform=f"translate(11 {(top + bottom) / 2:.0f}) rotate(-90)",
        ),
    ]
    spots = [
        (x_axis.place(p.x.rate, left, right), y_axis.place(p.y.rate, bottom, top), p.mark) for p in points
    ]
    crosses = [
        _cross(
            spot,
            (x_axis.place(p.x.low, left, right), x_axis.place(p.x.high, left, right)),
            (y_axis.place(p.y.low, bottom, top), y_axis.place(p.y.high, bottom, top)),
        )
        for p, spot in zip(points, spots, strict=True)
    ]
    return svg.drawing(
        *grid,
        *names,
        *crosses,
        *_numbers(spots, (left, right, top, bottom)),
        width=WIDTH,
        height=bottom + 42,
        name=caption.name,
        title=caption.title,
        desc=caption.desc,
    )


def _cross(
    spot: tuple[float, float, Mark], across: tuple[float, float], upright: tuple[float, float]
) -> Markup:
    x, y, mark = spot
    path = f"M{across[0]:.1f},{y:.1f}H{across[1]:.1f}M{x:.1f},{upright[0]:.1f}V{upright[1]:.1f}"
    return svg.group(
        svg.element("path", d=path, class_="reach"),
        svg.marker(mark.shape, x, y, 6, hollow=mark.hollow),
        class_=mark.colour,
    )


def _numbers(
    spots: Sequence[tuple[float, float, Mark]], box: tuple[float, float, float, float]
) -> list[Markup]:
    """A number beside each point, where it covers no point and no other number."""
    taken = [(x, y) for x, y, _ in spots]
    written = []
    for x, y, mark in spots:
        dx, dy = next((step for step in _STEPS if _free((x + step[0], y + step[1]), taken, box)), _STEPS[0])
        taken.append((x + dx, y + dy))
        written.append(svg.text(str(mark.number), x + dx, y + dy + 4, class_="number", text_anchor="middle"))
    return written


_STEPS = tuple((dx * far, dy * far) for far in (18.0, 25.0, 34.0, 46.0) for dx, dy in (
    (0.75, -0.75), (0.75, 0.75), (-0.75, -0.75), (-0.75, 0.75), (1, 0.15), (0.15, -1), (-1, 0.15), (0.15, 1),
))  # fmt: skip


def _free(
    spot: tuple[float, float], taken: Sequence[tuple[float, float]], box: tuple[float, float, float, float]
) -> bool:
    left, right, top, bottom = box
    inside = left + 6 <= spot[0] <= right - 2 and top + 6 <= spot[1] <= bottom - 6
    return inside and all(abs(spot[0] - x) > 12 or abs(spot[1] - y) > 12 for x, y in taken)


def _ticks(axis: Axis) -> list[float]:
    return [axis.place(value, _LEFT, _RIGHT) for value, _ in axis.ticks]


def _anchor(x: float) -> str:
    if x < 20:
        return "start"
    return "end" if x > WIDTH - 20 else "middle"


def stamp(root: str) -> Markup:
    """A ring of one stroke for each hexadecimal digit of the log's root, longer for larger digits: another record, another ring."""
    digits = [int(sign, 16) for sign in root if sign in "0123456789abcdef"][:64]
    turn = 360 / max(len(digits), 1)
    strokes = [
        svg.element(
            "path",
            d=f"M0,-34V{-37 - digit * 1.35:.2f}",
            transform=f"rotate({place * turn:.2f})",
            class_="stroke",
        )
        for place, digit in enumerate(digits)
    ]
    return svg.sign(
        svg.group(
            svg.element("circle", r=61, class_="rim"),
            *strokes,
            svg.element("circle", r=30, class_="rim"),
            svg.text("CM", 0, 7.5, class_="letters", text_anchor="middle"),
            transform="translate(64 64)",
        ),
        width=128,
        height=128,
        class_="stamp",
    )
