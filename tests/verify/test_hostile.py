"""Whatever a stranger puts into a directory, the answer is a verdict."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit_factory import TRUST, log_pairs, make_audit, rebuild_log, render, reseal
from countermark.canonical import InvalidJson
from countermark.errors import CountermarkError
from countermark.files import walk
from countermark.verify import Verdict, verify

CALM = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
JUNK: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from([None, True, False, -1, 0, 2**31, 2**53, "", "x" * 3000, "\u0000", "\ud7ff", [], {}, 0.5, 1e300]),
    st.text(max_size=8),
    st.recursive(st.none() | st.integers(-3, 3), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5),
)  # fmt: skip


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_audit(tmp_path_factory.mktemp("hostile") / "audit")


@pytest.fixture
def audit(original: Path, tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "audit"
    shutil.rmtree(tmp_path / "audit", ignore_errors=True)


def fresh(original: Path, audit: Path) -> Path:
    shutil.rmtree(audit, ignore_errors=True)
    return Path(shutil.copytree(original, audit))


def check(audit: Path) -> Verdict:
    verdict = verify(audit, trust=TRUST, render=render)
    assert len(verdict.stages) == 12
    assert len(verdict.closing_lines()) == 7
    json.dumps(verdict.to_json())
    return verdict


@CALM
@given(data=st.data())
def test_bytes_of_any_file(original: Path, audit: Path, data: st.DataObject) -> None:
    fresh(original, audit)
    for name in data.draw(
        st.lists(st.sampled_from(sorted(walk(audit))), min_size=1, max_size=3, unique=True)
    ):
        whole = (audit / name).read_bytes()
        start = data.draw(st.integers(0, len(whole)))
        end = data.draw(st.integers(start, min(len(whole), start + 40)))
        new = data.draw(st.binary(max_size=40))
        (audit / name).write_bytes(whole[:start] + new + whole[end:])
    same = all((audit / name).read_bytes() == (original / name).read_bytes() for name in walk(original))
    assert check(audit).exit_code == (0 if same else 1)


def replace_somewhere(value: Any, data: st.DataObject) -> Any:
    """The value with one part of it, however deep, replaced by junk, or removed."""
    if isinstance(value, dict) and value and data.draw(st.integers(0, 5)):
        key = data.draw(st.sampled_from(sorted(value)))
        if not data.draw(st.integers(0, 9)):
            return {name: item for name, item in value.items() if name != key}
        return value | {key: replace_somewhere(value[key], data)}
    if isinstance(value, list) and value and data.draw(st.integers(0, 5)):
        place = data.draw(st.integers(0, len(value) - 1))
        return [*value[:place], replace_somewhere(value[place], data), *value[place + 1 :]]
    return data.draw(JUNK)


@CALM
@given(data=st.data())
def test_signed_junk_in_plan_and_report(original: Path, audit: Path, data: st.DataObject) -> None:
    fresh(original, audit)
    name = data.draw(st.sampled_from(["plan/plan.json", "report/report.json"]))
    value = replace_somewhere(json.loads((audit / name).read_text()), data)
    (audit / name).write_text(json.dumps(value))
    reseal(audit)
    check(audit)


@CALM
@given(data=st.data())
def test_signed_junk_in_records_and_transcripts(original: Path, audit: Path, data: st.DataObject) -> None:
    fresh(original, audit)
    pairs = log_pairs(audit)
    place = data.draw(st.integers(0, len(pairs) - 1))
    record, parts = pairs[place]
    if data.draw(st.booleans()):
        record = replace_somewhere(record, data)
    else:
        which = data.draw(st.integers(0, len(parts) - 1))
        changed = json.dumps(replace_somewhere(json.loads(parts[which]), data), separators=(",", ":"))
        parts = [*parts[:which], changed.encode(), *parts[which + 1 :]]
    pairs[place] = (record if isinstance(record, dict) else {"record": record}, parts)
    try:
        rebuild_log(audit, pairs)
    except (CountermarkError, InvalidJson):
        return  # the writer refuses it already
    reseal(audit)
    check(audit)


@pytest.mark.parametrize("name", ["plan/plan.json", "report/report.json", "evidence/run-1/records.jsonl"])
@pytest.mark.parametrize(
    "content",
    [b"", b"[" * 100_000, b'{"a":' * 5000, b"\xff\xfe", b"null", b"[]", b'"x"', b"1" * 5000, b"\n\n", b"\x00" * 5000],
    ids=range(10),
)  # fmt: skip
def test_signed_rubbish(original: Path, audit: Path, name: str, content: bytes) -> None:
    fresh(original, audit)
    (audit / name).write_bytes(content)
    reseal(audit)
    assert check(audit).exit_code in (1, 2)


@pytest.mark.parametrize("name", ["MANIFEST.sha256", "signatures.intoto.jsonl", "keys/auditor.pub.pem"])
@pytest.mark.parametrize(
    "content", [b"", b"{}\n", b"\xff" * 100, b"[" * 5000, b"A" * 5_000_000, b"0" * 64 + b"  ../../etc/passwd\n"], ids=range(6)
)  # fmt: skip
def test_rubbish_where_trust_begins(original: Path, audit: Path, name: str, content: bytes) -> None:
    fresh(original, audit)
    (audit / name).write_bytes(content)
    verdict = check(audit)
    assert verdict.exit_code == 1
    assert any(name in detail for stage in verdict.stages for detail in stage.details)


def test_a_device_or_a_deep_path_is_refused(original: Path, audit: Path) -> None:
    import os

    fresh(original, audit)
    os.mkfifo(audit / "report" / "pipe")
    deep = audit.joinpath(*["d"] * 40)
    deep.mkdir(parents=True)
    (deep / "file").write_text("x")
    verdict = check(audit)
    assert verdict.exit_code == 1
    assert "report/pipe: is a link or a device, not a plain file" in verdict.stages[0].details
