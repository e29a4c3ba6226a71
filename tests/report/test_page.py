"""The page as text: what it says, what it never says, and that nothing of a stranger's acts in it."""

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from string import Formatter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countermark.evidence.lines import blob_name
from countermark.records import Report
from countermark.report import claims, render
from countermark.report.book import open_book
from countermark.report.strangers import cut, shown, visible
from countermark.report.transcripts import MAX_EVENTS, racks
from countermark.report.words import Words, catalogue
from report_factory import (
    BYPASS,
    REFERENCE,
    bare_report,
    full_report,
    hostile_report,
    mixed_report,
    said,
    simulated_report,
)

SOURCE = Path(__file__).parents[2] / "src" / "countermark" / "report"
REPORTS = {
    "simulated": simulated_report,
    "mixed": mixed_report,
    "bare": bare_report,
    "full": full_report,
}


class Reader(HTMLParser):
    """Text, tags with attributes, and headings of a page."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self._style = False
        self.feed(page.decode("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._style = tag == "style"

    def handle_endtag(self, tag: str) -> None:
        self._style = self._style and tag != "style"

    def handle_data(self, data: str) -> None:
        if not self._style:
            self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"[ \t\n]+", " ", "".join(self.words))


def page(report: Report, language: str = "en") -> Reader:
    return Reader(render(report)["index.html" if language == "en" else "index.ja.html"])


@pytest.mark.parametrize("make", REPORTS.values(), ids=REPORTS)
def test_same_report_gives_same_bytes(make: Any) -> None:
    assert render(make()) == render(make())


def test_order_of_keys_read_back_does_not_matter() -> None:
    report = simulated_report()
    again = Report.model_validate(json.loads(report.model_dump_json(by_alias=True)))
    assert render(again) == render(report)


@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize("make", [*REPORTS.values(), hostile_report], ids=[*REPORTS, "hostile"])
def test_page_is_self_contained(make: Any, language: str) -> None:
    reader = page(make(), language)
    for tag, attributes in reader.tags:
        assert tag not in (
            "script",
            "iframe",
            "object",
            "embed",
            "form",
            "base",
            "img",
            "video",
            "audio",
            "use",
        )
        for name, value in attributes.items():
            assert not name.startswith("on")
            assert name not in ("style", "src", "srcset", "action", "xlink:href")
            if name == "href":
                assert value is not None
                assert value.startswith("#") or value in ("index.html", "index.ja.html", "data:,")
    policy = next(a["content"] for t, a in reader.tags if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert policy.startswith("default-src 'none'; style-src 'sha256-")


def test_hostile_strings_are_shown_and_not_obeyed() -> None:
    pages = render(hostile_report())
    for content in pages.values():
        text = content.decode("utf-8")
        assert "<script" not in text
        assert "<img" not in text
        assert "&lt;script&gt;" in text
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069]", text)
        assert "[U+202E]" in text
        assert "[U+0000]" in text
        assert "49{%" not in text


@pytest.mark.parametrize("language", ["en", "ja"])
def test_long_turns_are_cut_with_the_loss_counted_and_the_file_named(language: str) -> None:
    text = page(hostile_report(), language).text
    lost = 100_000 - 3_000
    assert f"{lost:,}" in text
    assert f"evidence/run-1/{blob_name(41)}" in text


def test_blob_is_named_as_the_evidence_names_it() -> None:
    assert page(simulated_report()).text.count(f"evidence/run-1/{blob_name(41)}") == 1


def test_large_report_stays_small() -> None:
    report = simulated_report(events=60)
    long = [
        event.model_copy(
            update={"messages": [{"role": "user", "content": "長い話 <b>&" * 2_000} for _ in range(80)]}
        )
        for event in report.events
    ]
    pages = render(report.model_copy(update={"events": long}))
    assert sum(map(len, pages.values())) < 1_500_000


def test_events_beyond_the_page_are_counted() -> None:
    text = page(simulated_report(events=135)).text
    assert "15 more events are in report.json" in text


@pytest.mark.parametrize(
    ("language", "banner"),
    [("en", "None of these numbers is a model's"), ("ja", "いずれも実在のモデルのものではありません")],
)
def test_simulations_are_labelled_wherever_they_stand(language: str, banner: str) -> None:
    reader = page(simulated_report(), language)
    assert banner in reader.text
    tag = Words(language)("tag.simulation")
    named = [match.end() for match in re.finditer(r"reference/(candid|leaky|prudish|shortcut) ", reader.text)]
    outside_sentences = [end for end in named if not re.match(r"[:：]", reader.text[end:])]
    assert outside_sentences
    assert all(reader.text[end:].startswith(tag) for end in outside_sentences)


def test_no_banner_without_simulations() -> None:
    assert "banner" not in {attributes.get("class") for _, attributes in page(bare_report()).tags}


def test_withheld_is_never_a_zero() -> None:
    reader = page(bare_report())
    assert "withheld" in reader.text
    assert "0 of 220 trials have a verdict" in reader.text
    assert not re.search("\u00a0% \\(|\\([0-9.]+\u00a0%", reader.text)
    classes = {name for _, attributes in reader.tags for name in (attributes.get("class") or "").split()}
    assert not classes & {"rate", "glyph", "bar", "whisker"}
    assert "No headline metric could be measured" in reader.text


def test_absent_and_withheld_are_told_apart() -> None:
    text = page(mixed_report()).text
    assert "no such test for this subject" in text
    assert "4 of 120 trials have a verdict, under the 20 the plan asks for" in text


def test_missing_finding_is_named() -> None:
    report = simulated_report()
    rest = [one for one in report.findings if one.subject != "reference/candid"]
    assert (
        "planned, but the report holds no finding" in page(report.model_copy(update={"findings": rest})).text
    )


def test_reasons_are_said_in_japanese() -> None:
    text = page(simulated_report(), "ja").text
    assert "120件の試行のうち判定に至ったのは9件で、計画が求める20件に満たない" in text
    assert "under the 20" not in text


def test_recordings_show_published_counts() -> None:
    text = page(mixed_report()).text
    assert "as published, all runs" in text
    assert "61 of 130 (46.9\u00a0%;" in text
    assert "recording/some-model-2024-08 recording" in text
    assert "as published" not in page(simulated_report()).text


def test_coverage_is_counted_and_misses_are_named() -> None:
    report = simulated_report()
    text = page(report).text
    covered, planted = report.coverage["covered"], report.coverage["planted"]
    assert f"{covered} of {planted} intervals cover their planted rate" in text
    assert "planted 15.0\u00a0%" in text
    assert "intervals cover their planted rate" not in page(bare_report()).text


def test_trade_off_is_drawn_or_said_to_be_missing() -> None:
    assert "resistance = 1 − Leak rate" in page(simulated_report()).text
    assert "Not shown: the plan holds no pair" in page(bare_report()).text


@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize("make", REPORTS.values(), ids=REPORTS)
def test_no_verdict_of_safety(make: Any, language: str) -> None:
    text = page(make(), language).text
    assert not re.search(r"\bsafe\b(?![”」])|安全(?!策)|\bpass(ed)?\b", text, re.IGNORECASE)


def test_unknown_codes_are_shown_as_they_are() -> None:
    assert "a_code_of_tomorrow" in page(simulated_report()).text


@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize("make", REPORTS.values(), ids=REPORTS)
def test_headings_go_down_one_step_at_a_time_and_tables_are_described(make: Any, language: str) -> None:
    tags = page(make(), language).tags
    levels = [int(tag[1]) for tag, _ in tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(deeper - level <= 1 for level, deeper in pairwise(levels))
    assert sum(tag == "table" for tag, _ in tags) == sum(tag == "caption" for tag, _ in tags)
    assert all("scope" in attributes for tag, attributes in tags if tag == "th")
    ids = [attributes["id"] for _, attributes in tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {a["href"][1:] for _, a in tags if (a.get("href") or "").startswith("#")} <= set(ids)  # type: ignore[index]


def test_the_two_pages_link_to_each_other() -> None:
    pages = render(bare_report())
    assert list(pages) == ["index.html", "index.ja.html"]
    assert b'href="index.ja.html"' in pages["index.html"]
    assert b'href="index.html"' in pages["index.ja.html"]
    assert b'<html lang="ja">' in pages["index.ja.html"]


def test_more_subjects_than_shapes_still_differ() -> None:
    report = simulated_report()
    many = [
        report.plan.subjects[0].model_copy(update={"id": f"reference/number-{place}"}) for place in range(49)
    ]
    book = open_book(
        report.model_copy(update={"plan": report.plan.model_copy(update={"subjects": many})}), Words("en")
    )
    assert len({(mark.shape, mark.colour) for mark in book.marks.values()}) == 49


def test_catalogues_have_the_same_keys_and_places() -> None:
    english, japanese = catalogue("en"), catalogue("ja")
    assert list(english) == list(japanese)
    for key, text in english.items():
        assert places(text) == places(japanese[key]), key
        assert text
        assert not re.search(r"[<>&]", text + japanese[key]), f"{key}: markup stands in templates"


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def test_every_text_is_used() -> None:
    sources = "\n".join(
        path.read_text() for path in sorted(SOURCE.rglob("*")) if path.suffix in (".py", ".html")
    )
    literal = set(re.findall(r'"([a-z_]+\.[a-z_]+)"', sources))
    families = set(re.findall(r'(?:of|members|translated|explains)\("([a-z_]+)"', sources))
    families |= set(re.findall(r't\("([a-z_]+)\." ~', sources))
    titles = set(re.findall(r"section in \[([^\]]*)\]", sources))
    literal |= {f"{name}.title" for group in titles for name in re.findall(r'"(\w+)"', group)}
    unused = {key for key in catalogue("en") if key not in literal and key.partition(".")[0] not in families}
    assert unused <= {"matrix.absent", "matrix.missing", "nav.en", "nav.ja"}


def test_no_prose_in_templates() -> None:
    for path in (SOURCE / "templates").glob("*.html"):
        bare = re.sub(r"{%.*?%}|{{.*?}}|<[^>]*>", " ", path.read_text(), flags=re.DOTALL)
        assert not re.findall(
            r"[A-Za-z]{3,}", bare.replace("countermark verify DIR", "").replace("countermark", "")
        ), path.name


def strings() -> Iterator[Any]:
    yield st.text()
    yield st.text(alphabet="\u202e\u200b\x00\r\n\ud800a<&\U000e0041\ufe0f", max_size=40)


@given(st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=80))
def test_printable_ascii_is_shown_as_it_is(text: str) -> None:
    assert shown(text) == text  # what lets the page put such values in without a look


@given(st.one_of(*strings()), st.integers(min_value=4, max_value=60))
def test_visible_text_hides_nothing_and_counts_what_it_drops(text: str, limit: int) -> None:
    seen = visible(text)
    seen.encode("utf-8")
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f]", seen)
    assert visible(seen) == seen
    piece = cut(text, limit)
    assert piece.left_out == max(len(text) - limit, 0)
    assert len(shown(text, limit)) <= 16 * limit + 40


def test_plain_text_in_any_script_is_left_alone() -> None:
    for text in ("日本語と English", "naïve café", "👩 ok", "tab\tand\nline", "עברית"):
        assert visible(text) == text


def test_a_test_not_in_any_pair_is_not_plotted() -> None:
    report = mixed_report()
    only = [one for one in report.findings if one.test == BYPASS]
    assert "Not shown" in page(report.model_copy(update={"findings": only})).text


def section(language: str, name: str, report: Report | None = None) -> str:
    """The text of one section of the page, white space as one blank."""
    pages = render(report or full_report())
    text = pages["index.html" if language == "en" else "index.ja.html"].decode()
    found = re.search(rf'<section id="{name}".*?</section>', text, re.DOTALL)
    assert found
    return Reader(found[0].encode()).text


@pytest.mark.parametrize("language", ["en", "ja"])
def test_each_verdict_is_said_in_a_word_and_has_a_sign_of_its_own(language: str) -> None:
    words = Words(language)
    text = section(language, "claims")
    for verdict in words.members("verdict"):
        assert str(words.of("verdict", verdict)) in text
        assert str(words.of("verdict_meaning", verdict)) in text
    assert len({claims.sign(verdict) for verdict in words.members("verdict")}) == 5


@pytest.mark.parametrize("language", ["en", "ja"])
def test_each_reason_of_a_verdict_is_a_sentence_with_what_was_claimed_and_found(language: str) -> None:
    text = section(language, "claims")
    for code in Words(language).members("claim_reason"):
        said_so = Words(language)(f"claim_reason.{code}", claimed="\0", found="\1", beyond="\2").unescape()
        longest = max(re.split(r"\[U\+[^\]]*\]|\x00|\x01|\x02|\[[^\]]*\]", said_so), key=len).strip()
        assert longest in text, code
    assert Words(language)("claim_reason.straddles", claimed="", found="", beyond="2.1") in text


def test_a_claim_is_shown_with_its_words_its_number_and_its_subject_labelled() -> None:
    text = section("en", "claims")
    assert "The deployed model gives a secret of its system message away" in text
    assert "Secret protection · Leak rate ≤ 12.5\u00a0%" in text
    assert "41 of 220 (18.6\u00a0%" in text
    assert "claim claim_refuted of pack invented-model" in text
    assert f"{REFERENCE[1]} simulation claim claim_refuted" in text
    assert "9 of 120 trials have a verdict, under the 20 the plan asks for" in text
    assert "not measured in this audit" in text
    assert "a system message that allows the secret to be told" in text
    assert "so that nothing is said of them here: 1." in text


def test_no_claim_and_no_deviation_are_said() -> None:
    report = simulated_report()
    assert "No pack of these subjects makes a claim" in section("en", "claims", report)
    assert "None." in section("en", "deviations", report)
    withheld = report.model_copy(update={"claims_withheld": ["some-model"]})
    assert "No pack of these subjects" not in section("en", "claims", withheld)
    assert "withheld by the pack's terms" in section("en", "claims", withheld)


@pytest.mark.parametrize("language", ["en", "ja"])
def test_each_deviation_is_a_sentence_and_the_auditors_words_stand_apart(language: str) -> None:
    words = Words(language)
    text = section(language, "deviations")
    for code in words.members("deviation"):
        assert (
            words(f"deviation.{code}", words="alpha: unreachable" if code == "unwitnessed" else "").strip()
            in text
        )
    assert text.index(str(words("deviations.declared"))) < text.index("changed its rate limit")


@pytest.mark.parametrize("language", ["en", "ja"])
def test_the_sample_and_the_chosen_stand_apart_with_their_method(language: str) -> None:
    words = Words(language)
    text = section(language, "events")
    sample, chosen = (
        text.index(str(words.of("shown", code))) for code in ("random_sample", "first_in_queue")
    )
    assert sample < text.index(full_report().draw.sample_key) < chosen
    assert text.index(str(words.of("chosen", "random_sample"))) < chosen
    assert str(words.of("outcome", "errored")) in text
    assert str(words("events.untold")) in text
    assert str(words("events.also")) in text


def test_transcripts_are_folded_and_each_rack_begins_with_one_open_shelf() -> None:
    details = [attributes for tag, attributes in page(full_report()).tags if tag == "details"]
    shelves = ["open" in one for one in details if one.get("class") == "shelf"]
    assert shelves == [True, False, False, True, False, False]
    assert not any("open" in one for one in details if one.get("class") == "event")


def test_cuts_made_in_the_report_are_counted_on_the_page() -> None:
    long = {"head": "beginning" * 400, "left_out": 50_000, "tail": "the end"}
    call = {"id": "c", "name": "write", "arguments": long, "fault": None}
    messages = [
        said("user", "short"),
        {"turns_left_out": 1_234},
        said("assistant", "", tool_calls=[call, {"calls_left_out": 77}]),
        said("assistant", "x") | {"content": long},
    ]
    report = simulated_report(events=1)
    event = report.events[0].model_copy(update={"messages": messages})
    text = section("en", "events", report.model_copy(update={"events": [event]}))
    assert "1234 turns left out here" in text
    assert "77 more tool calls" in text
    assert "beginningbeginning" in text
    assert "the end" in text
    dropped = 50_000 + len("beginning" * 400) - 2_250
    assert f"{dropped:,} characters left out here" in text
    assert "turns_left_out" not in text
    assert "calls_left_out" not in text


def test_marks_of_a_cut_that_no_report_writes_are_shown_as_they_are() -> None:
    odd = [
        said("user", "x") | {"content": {"head": "a", "left_out": -1, "tail": "b"}},
        {"turns_left_out": True},
        said("user", "y", tool_calls=[{"calls_left_out": "many"}]),
    ]
    report = simulated_report(events=1)
    event = report.events[0].model_copy(update={"messages": odd})
    text = section("en", "events", report.model_copy(update={"events": [event]}))
    assert '"left_out": -1' in text


def test_a_crowded_page_shows_some_of_every_subject_and_test() -> None:
    report = simulated_report(events=1)
    one = report.events[0]
    many = [
        one.model_copy(update={"subject": subject, "test": test.id, "seq": place, "chosen": code})
        for test in report.plan.tests
        for subject in REFERENCE
        for code in ("random_sample", "first_in_queue")
        for place in range(20)
    ]
    shown_here = racks(open_book(report.model_copy(update={"events": many}), Words("en")))
    cells = {
        (rack.code, card.event.test, card.event.subject)
        for rack in shown_here
        for shelf in rack.shelves
        for card in shelf.cards
    }
    assert len(cells) == 24
    assert sum(len(shelf.cards) for rack in shown_here for shelf in rack.shelves) == MAX_EVENTS
