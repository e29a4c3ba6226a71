"""Stage 5 on audits of handed-over packs: which level is shown, and claims of more than that."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from battery_factory import small_battery
from countermark.canonical import digest, encode
from countermark.cli import run_command
from countermark.errors import EvidenceError
from countermark.evidence import SigningKey, TrustPolicy, load_or_create_key, seal
from countermark.evidence.identity import IDENTITY, IDENTITY_SCHEMA, add_identity, hosted_subjects
from countermark.evidence.manifest import hash_file
from countermark.pack import FullPack, read_pack
from countermark.records import Exchange, Message, Plan, Reply
from countermark.verify import Verdict, identity, names, verify
from countermark.verify.state import State
from countermark.verify.verdict import Notes
from pack_factory import EXAMPLES, copied, edit
from servers.loopback import ChatRequest, WireAnswer
from servers.openai_wire import completion, openai_server

SERVED = "weights/example-tiny"


def swapped(chat: ChatRequest) -> WireAnswer:
    """Somebody else answers, and says so."""
    return completion(
        Reply(message=Message(role="assistant", content="No.")), replace(chat, model="another-model-entirely")
    )


def audited(
    root: Path, name: str, answer: Any = "No.", change: Callable[[Path], None] = lambda _: None
) -> Path:
    """A sealed audit of a worked example, asked over the loopback; the developer signed the pack."""
    pack = copied(name, root / "pack")
    with openai_server(answer) as server:
        if name == "api-model":
            edit(pack, "identity/endpoint.json", lambda value: value.update(base_url=server.base_url))
        change(pack)
        assert run_command(["pack", "sign", str(pack), "--home", str(root / "lab")]) == 0
        address = [] if name == "api-model" else ["--base-url", f"openai={server.base_url}"]
        asked = [
            "run",
            str(pack),
            *address,
            "--battery",
            small_battery(),
            "--limit",
            "1",
            "--home",
            str(root / "home"),
            "--out",
            str(root / "audit"),
        ]
        assert run_command(asked) in (0, 4)
    return root / "audit"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One audit of each kind, to be copied."""
    patch = pytest.MonkeyPatch()
    patch.setenv("OPENAI_API_KEY", "none")
    try:
        return {name: audited(tmp_path_factory.mktemp(name), name) for name in ("open-weights", "api-model")}
    finally:
        patch.undo()


class Bench:
    """A copy of an audit, and the auditor's own key: what an insider could sign."""

    def __init__(self, audit: Path, root: Path) -> None:
        self.audit = Path(shutil.copytree(audit, root / "audit"))
        self.key: SigningKey = load_or_create_key(audit.parent / "home", name="auditor")

    def reseal(self) -> None:
        evidence = json.loads((self.audit / "report/report.json").read_text())["evidence"]
        seal(self.audit, self.key, {name: evidence[name] for name in ("origin", "size", "root")})

    def verdict(self) -> Verdict:
        trust = TrustPolicy(roles={"auditor": frozenset({self.key.public.fingerprint})})
        return verify(self.audit, trust=trust)

    def identity(self) -> tuple[str, str]:
        stage = self.verdict().stages[5]
        return stage.state, "\n".join(stage.details)


@pytest.fixture
def bench(made: dict[str, Path], tmp_path: Path) -> Bench:
    return Bench(made["open-weights"], tmp_path)


def loaded(bench: Bench, **changes: Any) -> dict[str, Any]:
    """A line such as an auditor would write who had loaded the weights."""
    listed = next(bench.audit.glob("pack/*/identity/weights.sha256"), None)
    sums = listed.read_bytes() if listed else b""
    line = {
        "subject": SERVED,
        "level": "B3",
        "weights_sha256": digest(sums),
        "files": sums.count(b"\n"),
        "bytes": 1000,
        "loaded": ["config.json"],
        "software": {"torch": "2"},
        "settings": {"device": "cpu"},
        "at": "2026-01-01T00:00:00.000Z",
    }
    return line | changes


def again(name: str, **changes: Any) -> dict[str, Any]:
    line = {
        "subject": SERVED,
        "binding": name,
        "files": 2,
        "faults": [],
        "touched": [],
        "at": "2026-01-02T00:00:00.000Z",
    }
    return line | changes


def closing(verdict: Verdict) -> str:
    return next(line for line in verdict.closing_lines() if line.startswith("IDENTITY-BINDING"))


def test_served_weights_are_bound_by_name_only(bench: Bench) -> None:
    state, said = bench.identity()
    assert state == "not checked"
    assert f"{SERVED}: B0, by name only" in said
    assert closing(bench.verdict()) == "IDENTITY-BINDING: 1 by name only (B0)"


def test_an_insider_claims_b3_afterwards(bench: Bench) -> None:
    """The line is well-formed and sealed, but no answer in the log names it."""
    bench_line = add_identity(bench.audit, "loaded", loaded(bench))
    add_identity(bench.audit, "hashed again", again(bench_line))
    bench.reseal()
    verdict = bench.verdict()
    assert verdict.exit_code == 1
    assert verdict.stages[5].state == "ok"
    assert any("blobs/" in line and IDENTITY in line for line in verdict.stages[7].details)
    assert "1 by name only (B0)" in closing(verdict)


FALSE_CLAIMS: list[tuple[dict[str, Any], str]] = [
    ({"weights_sha256": "0" * 64}, "another list than pack/example-tiny/identity/weights.sha256"),
    ({"files": 3}, "are not those of pack/example-tiny/identity/weights.sha256"),
    ({"loaded": ["config.json", "more.safetensors"]}, "are not those of"),
    ({"level": "B4"}, "claims B4"),
    ({"subject": "weights/other"}, "no such live subject"),
]


@pytest.mark.parametrize(("change", "said"), FALSE_CLAIMS)
def test_claims_that_the_pack_does_not_bear_out(bench: Bench, change: dict[str, Any], said: str) -> None:
    add_identity(bench.audit, "loaded", loaded(bench, **change))
    bench.reseal()
    state, details = bench.identity()
    assert state == "failed"
    assert IDENTITY in details
    assert said in details
    assert bench.verdict().exit_code == 1


def test_b3_without_weights_in_the_pack(made: dict[str, Path], tmp_path: Path) -> None:
    bench = Bench(made["api-model"], tmp_path)
    subject = json.loads((bench.audit / "plan/plan.json").read_text())["subjects"][0]["id"]
    add_identity(bench.audit, "loaded", loaded(bench, subject=subject))
    bench.reseal()
    state, details = bench.identity()
    assert state == "failed"
    assert f"{IDENTITY}: claims B3 for {subject}" in details


def test_a_list_that_the_terms_withhold_is_known_by_its_digest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A public copy of a pack lacks the list of weights; the manifest it came with still names it."""
    monkeypatch.setenv("OPENAI_API_KEY", "none")

    def withhold(pack: Path) -> None:
        rules = {"identity/weights.sha256": {"class": "auditor"}}
        edit(pack, "terms.json", lambda terms: terms.update(audit_copy="public", classes=rules))

    bench = Bench(audited(tmp_path, "open-weights", change=withhold), tmp_path / "copy")
    assert not list(bench.audit.glob("pack/*/identity/weights.sha256"))
    listed = digest((tmp_path / "pack/identity/weights.sha256").read_bytes())
    name = add_identity(bench.audit, "loaded", loaded(bench, weights_sha256=listed, files=2))
    add_identity(bench.audit, "hashed again", again(name))
    bench.reseal()
    assert bench.identity()[0] == "ok", bench.identity()
    add_identity(bench.audit, "loaded", loaded(bench, weights_sha256="0" * 64, files=2))
    bench.reseal()
    assert bench.identity()[0] == "failed"


AGAIN: list[tuple[dict[str, Any], str, str]] = [
    ({"binding": "0" * 64}, "failed", "of which there is no line"),
    ({"files": 1}, "failed", "fewer or more files"),
    (
        {"faults": ["model.safetensors: [weights-changed] was changed"]},
        "not checked",
        "the weights changed while",
    ),
    ({"touched": ["config.json"]}, "partial", "touched during the run"),
    ({}, "ok", "hashed again after the last call"),
]


@pytest.mark.parametrize(("change", "state", "said"), AGAIN)
def test_hashing_again(bench: Bench, change: dict[str, Any], state: str, said: str) -> None:
    binding = add_identity(bench.audit, "loaded", loaded(bench))
    add_identity(bench.audit, "hashed again", again(binding, **change))
    bench.reseal()
    assert bench.identity()[0] == state
    assert said in bench.identity()[1]


def test_a_last_hashing_that_is_missing_is_told(bench: Bench) -> None:
    add_identity(bench.audit, "loaded", loaded(bench))
    bench.reseal()
    state, said = bench.identity()
    assert state == "partial"
    assert "were not hashed again" in said


@pytest.mark.parametrize(
    "line",
    [b"{}", b"[]", b"not JSON", b'{"schema":"countermark/identity/v0.1","event":"loaded"}', b"\xff", b"1.5"],
)
def test_malformed_lines(bench: Bench, line: bytes) -> None:
    (bench.audit / IDENTITY).write_bytes(encode(loaded(bench)) + b"\n" + line + b"\n")
    bench.reseal()
    assert bench.identity()[0] == "failed"
    assert f"{IDENTITY}: line 2" in bench.identity()[1]
    assert bench.verdict().exit_code in (1, 2)


SCRAPS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**53) + 1, 2**53 - 1),
    st.text(max_size=8),
    st.lists(st.text(max_size=4), max_size=3),
)
EVENTS = st.sampled_from(["loaded", "hashed again", "other"])


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_no_line_of_a_stranger_stops_the_reader(bench: Bench, data: st.DataObject) -> None:
    """Sound lines with some fields replaced by anything: told as faults, never raised."""
    state = State(root=bench.audit, trust=None, render=None)
    state.digests = {IDENTITY: ""} | {
        path.relative_to(bench.audit).as_posix(): hash_file(path)
        for path in (bench.audit / "pack").rglob("*")
        if path.is_file()
    }
    state.files = dict.fromkeys(state.digests, 0)
    state.plan = Plan.model_validate(json.loads((bench.audit / "plan/plan.json").read_text()))
    sound = {"schema": IDENTITY_SCHEMA, **loaded(bench), **again("0" * 64)}
    lines = [
        {
            **sound,
            "event": data.draw(EVENTS),
            **data.draw(st.dictionaries(st.sampled_from(sorted(sound)), SCRAPS, max_size=3)),
        }
        for _ in range(2)
    ]
    raw = data.draw(st.binary(max_size=30))
    (bench.audit / IDENTITY).write_bytes(b"\n".join([*map(encode, lines), raw]))
    identity.check(state, Notes())
    hosted_subjects((bench.audit / IDENTITY).read_bytes())
    assert identity.in_words(state) == "1 by name only (B0)"


REQUESTS = st.one_of(SCRAPS, st.dictionaries(st.sampled_from(["model", "binding"]), SCRAPS))


@given(REQUESTS, REQUESTS)
def test_no_exchange_of_a_stranger_stops_the_reader(request: object, response: object) -> None:
    shown = identity.Shown(part="pack/x/", pack=None, loadings={"0" * 64: {"at": "2026"}})
    heard = identity.Identity(subjects={SERVED: shown})
    record = SimpleNamespace(subject=SERVED, started="2027")
    exchange = Exchange(request=json.dumps(request), response=json.dumps(response))
    with pytest.raises(EvidenceError):
        heard.hear(record, [exchange])  # type: ignore[arg-type]
    heard.conclude(Notes())
    assert shown.level == "B0"


def test_an_answer_before_its_loading_is_told() -> None:
    shown = identity.Shown(part="pack/x/", pack=None, loadings={"0" * 64: {"at": "2026-05"}})
    heard = identity.Identity(subjects={SERVED: shown})
    exchange = Exchange(request=json.dumps({"binding": "0" * 64}), response="{}")
    with pytest.raises(EvidenceError, match="before the weights it names were loaded"):
        heard.hear(SimpleNamespace(subject=SERVED, started="2026-04"), [exchange])  # type: ignore[arg-type]
    assert shown.level == "B0"
    heard.hear(SimpleNamespace(subject=SERVED, started="2026-06"), [exchange])  # type: ignore[arg-type]
    assert shown.level == "B3"


def test_a_model_is_asked_for_by_its_door_and_no_other(made: dict[str, Path]) -> None:
    """Another variant's door, a name that only the answers bear, and a request without a name are told apart."""
    pack = read_pack(made["api-model"].parent / "pack")
    assert isinstance(pack, FullPack)
    subject, door = next(iter(pack.doors.items()))
    asked = names.asked_for(subject, pack)
    assert asked == {subject, door, door.partition("/")[2]}
    assert names.asked_for(subject, None) == frozenset()
    shown = identity.Shown(part="pack/x/", pack=pack, names=asked)
    heard = identity.Identity(subjects={subject: shown})
    record: Any = SimpleNamespace(subject=subject, started="2027")
    for name in asked:
        heard.hear(record, [Exchange(request=json.dumps({"model": name}), response="{}")])
    other = Exchange(
        request=json.dumps({"model": "other-model"}), response=json.dumps({"model": "other-model"})
    )
    with pytest.raises(EvidenceError, match="the model 'other-model' was asked for"):
        heard.hear(record, [other])
    heard.hear(record, [replace(other, role="grader")])
    heard.hear(record, [Exchange(request="{}", response="{}")])
    heard.conclude(notes := Notes())
    assert notes.cause == "partial"
    assert any("1 of its requests name no model" in line for line in notes.details)


def test_an_outsider_who_adds_or_changes_the_file_is_named(bench: Bench) -> None:
    add_identity(bench.audit, "loaded", loaded(bench))
    verdict = bench.verdict()
    assert verdict.exit_code == 1
    assert any(line.startswith(IDENTITY) for line in verdict.stages[3].details)


def test_a_model_signature_over_other_files_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Such a pack is never audited; an insider could still seal one in."""
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    audit = audited(tmp_path, "open-weights")
    bench = Bench(audit, tmp_path / "copy")
    (bench.audit / "pack/example-tiny/identity/model.sig").write_text("{}")
    bench.reseal()
    assert any("identity/model.sig" in line for stage in bench.verdict().stages for line in stage.details)
    assert bench.verdict().exit_code in (1, 2)


def test_stage_5_compares_a_model_signature_itself() -> None:
    """Packs with such faults are refused before, so this is told here in case one gets so far."""
    for signature, fault in ((b"{}", True), (b"", False)):
        pack = read_pack(EXAMPLES / "open-weights")
        assert isinstance(pack, FullPack)
        shown = identity.Shown(part="pack/x/", pack=replace(pack, model_signature=signature))
        identity._check_signature(shown, notes := Notes())
        assert notes.broken is fault
        assert all(line.startswith("pack/x/identity/model.sig") for line in notes.details)


def test_answers_that_name_another_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    bench = Bench(audited(tmp_path, "api-model", swapped), tmp_path / "copy")
    verdict = bench.verdict()
    said = "\n".join(verdict.stages[7].details)
    assert "answers call the model another-model-entirely, which its pack does not declare" in said
    assert verdict.exit_code == 4


def test_answers_in_the_name_asked_for(made: dict[str, Path], tmp_path: Path) -> None:
    said = "\n".join(Bench(made["api-model"], tmp_path).verdict().stages[7].details)
    assert "as asked for or as its pack declares" in said
