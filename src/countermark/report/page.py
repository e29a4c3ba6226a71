"""The web page: one self-contained file a language, no script, no network, the same bytes for the same report."""

import base64
import hashlib
from functools import cache
from importlib.resources import files

import jinja2
from markupsafe import Markup

from countermark.records import Report
from countermark.report import (
    ablating,
    aware,
    by_environment,
    charts,
    claims,
    comparing,
    sections,
    stops,
    transcripts,
)
from countermark.report.book import Book, headline, open_book, span
from countermark.report.strangers import SHORT, shown
from countermark.report.words import LANGUAGES, Words

_NAMES = {"en": "index.html", "ja": "index.ja.html"}


def render(report: Report) -> dict[str, bytes]:
    """The page in each of its languages, by file name: `index.html` and `index.ja.html`, which link to each other.

    Lays out what the report holds and computes nothing but positions and notation. Every string of the report is taken
    for a stranger's: escaped, hidden characters spelt out, overlong text cut with the loss counted.
    """
    return {_NAMES[language]: _page(report, Words(language)).encode("utf-8") for language in LANGUAGES}


def _page(report: Report, words: Words) -> str:
    book = open_book(report, words)
    style = _style()
    context = {
        "names": _NAMES,
        "style": style,
        "style_hash": base64.b64encode(hashlib.sha256(style.encode("utf-8")).digest()).decode("ascii"),
        "stamp": charts.stamp(str(report.evidence.get("root", ""))),
        "summary": sections.summary(book),
        "matrix": sections.matrix(book),
        "chapters": sections.chapters(book),
        "ablated": ablating.causes(book),
        "environs": by_environment.by_environment(book),
        "aware": aware.blocks(book),
        "unjudged": sections.unjudged(book),
        "max_open": sections.MAX_OPEN,
        "panels": sections.panels(book),
        "saved": stops.saved(book, report.saving, whole=True),
        "compared": comparing.headline(book),
        "others": comparing.exploratory(book),
        "counts": comparing.counts(book),
        "ranked": comparing.ranked(book),
        "claims": claims.claims(book),
        "tally": claims.tally(book),
        "deviations": claims.rows(book),
        "declared": claims.declared(book),
        "racks": transcripts.racks(book),
        "events_hidden": max(len(report.events) - transcripts.MAX_EVENTS, 0),
        "uncovered": [finding for finding in report.findings if finding.covered is False],
        "totals": [
            code for code in words.members("total") if any(code in row for row in report.totals.values())
        ],
        "methods": sorted({f.interval.method for f in report.findings if f.interval is not None}),
        **_tools(book),
    }
    return _templates().get_template("page.html").render(context)


def _tools(book: Book) -> dict[str, object]:
    return {
        "book": book,
        "report": book.report,
        "plan": book.report.plan,
        "t": book.words,
        "fig": book.figures,
        "headline": headline,
        "span": span,
        "key": charts.key,
        "sign": stops.sign,
        "planted_key": charts.planted_key,
        "guide_key": charts.guide_key,
        "fronts": comparing.fronts,
        "resistance": sections.resistance,
    }


@cache
def _style() -> Markup:
    text = files("countermark.report").joinpath("templates", "style.css").read_text("utf-8")
    return Markup(text)  # noqa: S704  (our own file; its digest stands in the page's policy)


@cache
def _templates() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("countermark.report", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _finalize(value: object) -> object:
    """The one door through which values enter the page: strings that are not ours are made visible and bounded."""
    if value is None:
        return ""
    if type(value) is str and len(value) <= SHORT and value.isascii() and value.isprintable():
        return value  # nothing hidden in it and nothing to cut: most values, and much faster
    return value if isinstance(value, Markup | int) else shown(str(value))
