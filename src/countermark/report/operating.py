"""The operating characteristic of stopping rules as one SVG file: chance of each verdict, and trials, by the true rate."""

from collections.abc import Sequence

from markupsafe import Markup

from countermark.analysis.power import OperatingCurve, PowerRow, operating_curve
from countermark.report import svg

_WIDTH, _HEIGHT, _GAP = 330.0, 130.0, 60.0
_LEFT, _TOP, _ROW = 46.0, 58.0, 230.0
_STYLE = """
text{font:12px "Noto Sans CJK JP",system-ui,sans-serif;fill:#222}.title{font-weight:600;font-size:13px}.note{fill:#555;font-size:11px}
.paper{fill:#fff}.axis{stroke:#888}.guide{stroke:#888;stroke-dasharray:2 3}path{fill:none;stroke-width:2}
.certified{stroke:#0b6e4f}.exceeded{stroke:#b3261e;stroke-dasharray:7 3}.undecided{stroke:#555;stroke-dasharray:2 3}
.calls{stroke:#1f4e9c}.most{stroke:#1f4e9c;stroke-dasharray:7 3}.fixed{stroke:#555;stroke-dasharray:2 3}
"""
"""Colours differ in lightness too, and every line in its dashes: the picture holds in grey and for the colour-blind."""


def operating_picture(rows: Sequence[PowerRow]) -> bytes:
    """A page of panels, two for each metric that has a limit; metrics without one stop on precision and are left out.

    Args:
        rows: From `analysis.power.power_table`.
    """
    limited = [row for row in rows if row.rule.limit is not None]
    width = 2 * (_LEFT + _WIDTH) + _GAP
    height = _TOP + _ROW * max(1, len(limited))
    drawn = [_row(row, _TOP + _ROW * place) for place, row in enumerate(limited)]
    head = svg.text("What the plan can tell, by the true rate of the bad outcome", _LEFT, 24, class_="title")
    legend = svg.text(
        "Left, the chance of each verdict: — certified, – – target exceeded, ··· undecided. "
        "Right, trials: — on average, – – in nine runs of ten, ··· fixed design.",
        _LEFT,
        42,
        class_="note",
    )  # fmt: skip
    body = svg.element(
        "svg", svg.element("style", Markup(_STYLE)), svg.rect(0, 0, width, height, "paper"), head, legend, *drawn,  # noqa: S704
        viewBox=f"0 0 {width:g} {height:g}", xmlns="http://www.w3.org/2000/svg",
    )  # fmt: skip
    return body.encode()


def _row(row: PowerRow, top: float) -> Markup:
    curve = operating_curve(row.rule)
    most = max(row.fixed, *curve.calls_90)
    chances = [
        _line(curve.rate, curve.certified, "certified"),
        _line(curve.rate, curve.target_exceeded, "exceeded"),
        _line(curve.rate, curve.undecided, "undecided"),
    ]
    calls = [
        _line(curve.rate, [value / most for value in curve.calls], "calls"),
        _line(curve.rate, [value / most for value in curve.calls_90], "most"),
        _line(curve.rate, [row.fixed / most] * len(curve.rate), "fixed"),
    ]
    right = _LEFT + _WIDTH + _GAP
    return svg.group(
        svg.text(row.name, _LEFT, top + 12, class_="title"),
        _panel(curve, row, (_LEFT, top + 24), ("0 %", "100 %"), chances),
        _panel(curve, row, (right, top + 24), ("0", f"{most:,}"), calls),
    )


def _panel(
    curve: OperatingCurve,
    row: PowerRow,
    corner: tuple[float, float],
    ends: tuple[str, str],
    lines: Sequence[Markup],
) -> Markup:
    """Axes, the target and the limit as guides, and the lines, in a box whose upper left corner is `corner`."""
    x, y = corner
    end = curve.rate[-1]
    guides = []
    for name, rate in (("target", row.rule.target), ("limit", row.rule.limit)):
        place = _WIDTH * (rate or 0) / end
        guides += [
            svg.line(place, 0, place, _HEIGHT, "guide"),
            svg.text(f"{name} {rate:g}", place, _HEIGHT + 28, class_="note", text_anchor="middle"),
        ]
    ticks = [
        svg.text(f"{end * share:.0%}", _WIDTH * share, _HEIGHT + 14, class_="note", text_anchor="middle")
        for share in (0, 1)
    ]
    return svg.group(
        svg.line(0, _HEIGHT, _WIDTH, _HEIGHT, "axis"),
        svg.line(0, 0, 0, _HEIGHT, "axis"),
        svg.text(ends[1], -6, 10, class_="note", text_anchor="end"),
        svg.text(ends[0], -6, _HEIGHT, class_="note", text_anchor="end"),
        *ticks,
        *guides,
        *lines,
        transform=f"translate({x:g} {y:g})",
    )


def _line(rates: Sequence[float], shares: Sequence[float], class_: str) -> Markup:
    points = [
        f"{_WIDTH * rate / rates[-1]:.1f},{_HEIGHT * (1 - share):.1f}"
        for rate, share in zip(rates, shares, strict=True)
    ]
    return svg.element("path", d="M" + " L".join(points), class_=class_)
