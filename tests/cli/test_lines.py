"""What the terminal is told fits it: wide signs take two columns, numbers stay whole, and nothing is lost."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countermark.cli.ablations import print_ablations
from countermark.cli.awareness import print_awareness
from countermark.cli.environments import print_environments
from countermark.cli.lines import columns, fitted, padded
from countermark.cli.output import (
    print_claims,
    print_deviations,
    print_differences,
    print_findings,
    print_profiles,
    print_summary,
)
from countermark.cli.roles import print_roles
from countermark.records import Report
from report_factory import REFERENCE, SECRET, full_report

PRINTED = (
    print_summary, print_roles, print_claims, print_deviations, print_findings, print_profiles, print_awareness,
    print_ablations, print_environments,
)  # fmt: skip
"""All that `run` and `report` print of a report, but for the pairs one by one, which are asked for."""
FIGURES = re.compile(r"\[[^\[\]]*\d\]|\d[\d.,/]* %|\d+/\d+")
JAPANESE = {"reference/candid": "研究所/率直なモデル", "reference/leaky": "研究所/口の軽いモデル"}
WORDS = "二日目に提供者が呼び出し回数の上限を変えたため、残りの試行は三日目に同じ設定のままで行い、順序も計画のとおりに保ちました。"


@pytest.fixture(autouse=True)
def eighty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def share(k: int, n: int) -> dict[str, Any]:
    interval = {"low": "0.100000", "high": "0.900000", "level": "0.95", "method": "x", "n_effective": "9"}
    return {"k": k, "n": n, "interval": interval}


def whole_report() -> Report:
    """The full report with everything else that is printed; invented for layout."""
    where = {"subject": REFERENCE[0], "test": SECRET, "metric": "leak_rate"}
    difference = {"difference": "-0.750000", "low": "-1.000000", "high": "0.753000", "pairs": 1_200}
    gaming = {
        "tag": "told", "real": share(1, 9), "test": share(1, 9), "index": "-0.750000", "low": "-1.000000",
        "high": "0.753000", "pairs": 0, "method": "x",
    }  # fmt: skip
    added = {
        "ablations": [
            {**where, **difference, "cause": "monitor_known", "found": found, "present": share(1_200, 1_200),
             "absent": share(1_100, 1_200), "method": "x"}
            for found in ("raises", "not_shown")
        ],
        "environments": [
            {**where, "tag": "place", "environments": 21, "trials": 4_200, "over_20": 21, "withheld": None,
             "mean": "0.047619", "interval": share(1, 2)["interval"], "at_zero": 12, "under_05": 15, "under_50": 20,
             "highest": {"environment": "a room nobody enters", "k": 20, "n": 20, "rate": "1.000000"}}
        ],
        "awareness": [
            {**where, "said": share(3, 1_200), "thought": share(1, 40), "with_aware": share(4, 1_200),
             "without_aware": share(3, 1_197), "gaming": gaming}
        ],
        "roles": [
            {"role": "grader", "model": "openai/a-model-with-a-long-name-2026-11-01", "calls": 12_345,
             "input_tokens": 1_234_567, "output_tokens": 234_567, "cost_usd": "12.345678", "unmetered": 0}
        ],
    }  # fmt: skip
    return Report.model_validate({**full_report().model_dump(mode="python", by_alias=True), **added})


def in_japanese(value: Any) -> Any:
    """The document with Japanese names, titles and sentences where people write them freely."""
    if isinstance(value, dict):
        if set(value) == {"en", "ja"}:
            return {"en": value["ja"], "ja": value["ja"]}
        return {
            JAPANESE.get(key, key): "誰も入らない部屋" if key == "environment" else in_japanese(item)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [in_japanese(item) for item in value]
    if isinstance(value, str):
        return WORDS if value.startswith("The provider changed") else JAPANESE.get(value, value)
    return value


def printed(report: Report, capsys: pytest.CaptureFixture[str]) -> str:
    for each in PRINTED:
        each(report)
    print_differences(report, whole=True)
    return capsys.readouterr().out


@pytest.mark.parametrize("japanese", [False, True])
def test_no_line_is_wider_than_the_terminal_and_no_number_is_cut(
    japanese: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    report = whole_report()
    if japanese:
        report = Report.model_validate(in_japanese(report.model_dump(mode="python", by_alias=True)))
    told = printed(report, capsys)
    assert [line for line in told.splitlines() if columns(line) > 80] == []
    monkeypatch.setenv("COLUMNS", "1000")
    wide = printed(report, capsys)
    assert max(columns(line) for line in wide.splitlines()) > 160, "nothing had to be broken"
    assert FIGURES.findall(told) == FIGURES.findall(wide)
    assert "".join(told.split()) == "".join(wide.split())
    if japanese:
        assert WORDS not in told
        for said in ("誰も入らない部屋", "研究所/率直なモデル", "秘密の保護: 漏えい率"):
            assert said in told


@pytest.mark.parametrize("room", range(40, 90, 3))
def test_japanese_prose_begins_no_line_with_a_mark_that_closes(
    room: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(room))
    broken = fitted(f"    in the auditor's own words: {WORDS}").splitlines()
    assert len(broken) > 1
    assert not any(line.strip()[0] in "、。" for line in broken)
    assert max(columns(line) for line in broken) <= room


def test_a_single_name_stays_whole() -> None:
    name = "provider/" + "a-model-with-no-end-" * 6
    assert name in fitted(f"  {name}: 3 certified, 4 undecided").splitlines()[0]


def test_columns_are_padded_by_what_they_take() -> None:
    assert [columns(padded(text, 12)) for text in ("abc", "秘密の保護", "")] == [12, 12, 12]


@given(st.text(st.sampled_from("abc ,;:%[]0123.-+、。秘密か\u3099"), max_size=300), st.integers(0, 12))
def test_breaking_loses_nothing(line: str, hang: int) -> None:
    broken = fitted(line, hang=hang)
    assert "".join(broken.split()) == "".join(line.split())
    words = [columns(word) for word in line.split() if not re.search("[、。秘密か]", word)]
    assert all(columns(one) <= max(80, hang + 2 + max(words, default=0)) for one in broken.splitlines())
