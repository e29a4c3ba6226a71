"""Stage 10: clocks and names that are not the auditor's. They count from the reader's roots alone, and never break an audit."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from audit_factory import KEY, OTHER_KEY, RUN, TRUST, make_audit, render, reseal, sealed_facts
from countermark.canonical import digest, encode
from countermark.errors import UsageError
from countermark.evidence import SigningKey, TrustPolicy, WitnessRule, add_cosignature, cosign, timestamps
from countermark.evidence.dsse import PLAN_TYPE, REPORT_TYPE, STATEMENT_TYPE
from countermark.evidence.keyless import Identity
from countermark.evidence.late import add_late_cosignature, keep, stems
from countermark.evidence.timestamps import query
from countermark.evidence.trust import KeylessRule, TimestampRule
from countermark.verify import Verdict, verify
from countermark.verify.stamps import read_anchors
from countermark.verify.state import State
from servers.authority import DAY, Authority, needs_openssl
from servers.keyless import IDENTITY, ISSUER, Instance

pytestmark = needs_openssl
WITNESS = SigningKey.from_seed(b"a witness's key for tests.......")
LONG = (-4000 * DAY, 4000 * DAY)
RAN = int(datetime(2026, 11, 23, 10, 0, tzinfo=UTC).timestamp())
"""When the factory's audit says it ran."""


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tsa") / "authority")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_audit(tmp_path_factory.mktemp("whole") / "audit")


@pytest.fixture
def audit(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "audit"))


def last(audit: Path) -> tuple[str, int]:
    size = int(sealed_facts(audit)["size"])
    return f"checkpoint-{size:08d}", size


def stamp(audit: Path, authority: Authority, *stems_: str, at: int | None = None) -> list[str]:
    """Stamps as an authority gives them; `at` another time than now."""
    made = []
    for stem in stems_:
        reply = authority.reply(query((audit / stems(audit)[stem]).read_bytes()))
        made.append(keep(audit, stem, "tsr", reply if at is None else authority.resigned(reply, seconds=at)))
    return made


def policy(authority: Authority | None = None, *required: str, **more: object) -> TrustPolicy:
    rule = TimestampRule(roots={"tsa.pem": authority.root}, required=required) if authority else None
    return replace(TRUST, timestamps=rule, **more)


def check(audit: Path, trust: TrustPolicy) -> Verdict:
    return verify(audit, trust=trust, render=render)


def told(verdict: Verdict) -> str:
    return "\n".join(verdict.stages[10].details)


def line(verdict: Verdict, name: str) -> str:
    return next(line for line in verdict.closing_lines() if line.startswith(name))


# what is believed


def test_a_stamp_beside_the_seal_is_believed_from_the_readers_root(audit: Path, authority: Authority) -> None:
    assert stamp(audit, authority, "plan", "seal") == ["timestamps/plan.tsr", "timestamps/seal.tsr"]
    verdict = check(audit, policy(authority, "plan", "seal"))
    assert verdict.exit_code == 0, verdict.stages
    assert verdict.stages[10].state == "ok"
    assert "CN=A keeper of time stamped the whole audit, which existed by" in told(verdict)
    assert "came after the seal" in "\n".join(verdict.stages[3].details)
    assert "the whole audit existed by" in line(verdict, "TIME")


def test_without_a_root_it_is_not_checked_and_breaks_nothing(
    audit: Path, authority: Authority, tmp_path: Path
) -> None:
    stamp(audit, authority, "seal")
    other = Authority(tmp_path / "other")
    for trust in (policy(), policy(other)):
        verdict = check(audit, trust)
        assert verdict.exit_code == 0
        assert verdict.stages[10].state == "not checked"
        assert "timestamps/seal.tsr: not checked" in told(verdict)
        assert "no outside anchor" in line(verdict, "TIME")


def test_without_the_extra_it_is_not_checked(
    audit: Path, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    stamp(audit, authority, "seal")
    monkeypatch.setattr(timestamps, "find_spec", lambda _: None)
    verdict = check(audit, policy(authority))
    assert (verdict.exit_code, verdict.stages[10].state) == (0, "not checked")
    assert "extra tsa" in told(verdict)
    assert check(audit, policy(authority, "seal")).exit_code == 3


def test_a_stamp_that_was_there_is_sealed_along(tmp_path: Path, authority: Authority) -> None:
    audit = make_audit(tmp_path / "audit")
    stamp(audit, authority, "plan")
    reseal(audit)
    assert "timestamps/plan.tsr" in (audit / "MANIFEST.sha256").read_text()
    verdict = check(audit, policy(authority, "plan"))
    assert verdict.exit_code == 0, verdict.stages
    assert "came after the seal" not in "\n".join(verdict.stages[3].details)
    (audit / "timestamps/plan.tsr").write_bytes(b"another")
    verdict = check(audit, policy(authority, "plan"))
    assert verdict.exit_code == 1
    assert "timestamps/plan.tsr" in "\n".join(verdict.stages[3].details)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda data: data[:-1] + bytes([data[-1] ^ 1]), "its signature does not hold"),
        (lambda _: b"junk", "is not a time stamp reply"),
        (lambda data: data + b" " * 70_000, "over"),
    ],
)
def test_a_broken_stamp_counts_for_nothing_and_is_named(
    audit: Path, authority: Authority, change: Callable[[bytes], bytes], expected: str
) -> None:
    [name] = stamp(audit, authority, "seal")
    (audit / name).write_bytes(change((audit / name).read_bytes()))
    verdict = check(audit, policy(authority))
    assert verdict.exit_code == 4
    assert f"{name}: counts for nothing" in told(verdict)
    assert expected in told(verdict)
    assert check(audit, policy(authority, "seal")).exit_code == 3


def test_a_stamp_of_something_else_under_this_name(audit: Path, authority: Authority) -> None:
    [plan] = stamp(audit, authority, "plan")
    (audit / plan).rename(audit / "timestamps/seal.tsr")
    verdict = check(audit, policy(authority))
    assert verdict.exit_code == 4
    assert "timestamps/seal.tsr: counts for nothing: is a time stamp of other bytes" in told(verdict)
    (audit / "timestamps/seal.tsr").rename(audit / "timestamps/checkpoint-00000099.tsr")
    assert "which it is of, is not there" in told(check(audit, policy(authority)))


@pytest.mark.parametrize(
    "name",
    ["timestamps/notes.txt", "timestamps/plan.tsr.sh", "timestamps/plan.1.tsr", "timestamps/deep/plan.tsr", "plan/plan.tsr",
     "timestamps/checkpoint-1.tsr", "timestamps/checkpoint-00000021.sigstore.json", "timestamps/witness-00.pub.pem"],
)  # fmt: skip
def test_nothing_else_may_come_after_the_seal(audit: Path, name: str) -> None:
    (audit / name).parent.mkdir(parents=True, exist_ok=True)
    (audit / name).write_bytes(b"x")
    verdict = check(audit, policy())
    assert verdict.exit_code == 1
    assert name in "\n".join(verdict.stages[3].details)


def test_links_are_refused_there_too(audit: Path) -> None:
    (audit / "timestamps").mkdir()
    (audit / "timestamps/seal.tsr").symlink_to("../plan/plan.json")
    assert check(audit, policy()).exit_code == 1


# order


def test_order_is_told_by_clocks_that_are_not_the_auditors(audit: Path, authority: Authority) -> None:
    stamp(audit, authority, "plan", "seal")
    verdict = check(audit, policy(authority))
    assert "the plan was seen" in told(verdict)
    assert "first seen by clocks you trust: plan" in told(verdict)


def test_a_plan_seen_after_the_log_is_no_plan_beforehand(audit: Path, tmp_path: Path) -> None:
    long = Authority(tmp_path / "long", valid=LONG)
    checkpoint, _ = last(audit)
    stamp(audit, long, checkpoint, at=RAN + 10)
    stamp(audit, long, "plan", at=RAN + 20)
    verdict = check(audit, policy(long))
    assert verdict.exit_code == 0
    assert "no clock you trust shows that the plan came first" in told(verdict)


def test_a_plan_seen_before_the_first_call(audit: Path, tmp_path: Path) -> None:
    long = Authority(tmp_path / "long", valid=LONG)
    stamp(audit, long, "plan", at=RAN - 1000)
    stamp(audit, long, "seal", at=RAN + 500)
    verdict = check(audit, policy(long))
    assert "the plan was seen before the first call" in told(verdict)
    assert "plan 2026-11-23T09:43:21Z, report 2026-11-23T10:08:21Z" in told(verdict)
    assert "plan existed by 2026-11-23T09:43:21Z" in line(verdict, "TIME")


def test_a_record_seen_before_it_ended_gives_the_auditors_clock_away(audit: Path, tmp_path: Path) -> None:
    long = Authority(tmp_path / "long", valid=LONG)
    stamp(audit, long, "seal", at=RAN - 100)
    assert "the auditor's clock is ahead: a record ends" in told(check(audit, policy(long)))


# instead of a witness


def demanding(authority: Authority | None, **rule: object) -> TrustPolicy:
    roles = {**TRUST.roles, "witness": frozenset({WITNESS.public.fingerprint})}
    given = {"required": 1, "of": ("witness", "timestamp"), **rule}
    return policy(authority, roles=roles, witnesses=WitnessRule(**given))


def test_a_stamp_of_the_whole_log_stands_for_a_witness(audit: Path, authority: Authority) -> None:
    verdict = check(audit, demanding(authority))
    assert verdict.exit_code == 3
    assert "or a time stamp" in line(verdict, "POLICY")
    checkpoint, _ = last(audit)
    stamp(audit, authority, checkpoint)
    verdict = check(audit, demanding(authority))
    assert verdict.exit_code == 0, verdict.stages
    assert check(audit, demanding(None)).exit_code == 3
    assert check(audit, demanding(authority, of=("witness",))).exit_code == 3
    assert check(audit, demanding(authority, required=2)).exit_code == 3


def test_the_seals_stamp_covers_the_log_and_an_early_checkpoints_does_not(
    audit: Path, authority: Authority
) -> None:
    early = min(stem for stem in stems(audit) if stem.startswith("checkpoint"))
    stamp(audit, authority, early)
    assert check(audit, demanding(authority)).exit_code == 3
    stamp(audit, authority, "seal")
    assert check(audit, demanding(authority)).exit_code == 0


def test_a_checkpoint_demanded_is_the_last_one(audit: Path, authority: Authority) -> None:
    early = min(stem for stem in stems(audit) if stem.startswith("checkpoint"))
    stamp(audit, authority, early)
    assert check(audit, policy(authority, "checkpoint")).exit_code == 3
    stamp(audit, authority, last(audit)[0])
    assert check(audit, policy(authority, "checkpoint")).exit_code == 0


def test_no_record_may_stand_unseen_for_too_long(tmp_path: Path) -> None:
    long = Authority(tmp_path / "long", valid=LONG)
    audit = make_audit(tmp_path / "audit")
    stamp(audit, long, last(audit)[0], at=RAN + 600)
    assert check(audit, demanding(long, max_delay_s=601)).exit_code == 0
    verdict = check(audit, demanding(long, max_delay_s=599))
    assert verdict.exit_code == 3
    assert "a record stood unseen for 600 s, and 599 s are allowed" in line(verdict, "POLICY")


def test_early_sightings_shorten_the_delay_of_what_they_saw(audit: Path) -> None:
    note = (audit / RUN / "checkpoints/00000008.note").read_bytes()
    add_cosignature(audit, 8, cosign(WITNESS, "lab", note, RAN + 30), WITNESS.public)
    _, size = last(audit)
    note = (audit / RUN / f"checkpoints/{size:08d}.note").read_bytes()
    add_cosignature(audit, size, cosign(WITNESS, "lab", note, RAN + 90), WITNESS.public)
    reseal(audit)
    verdict = check(audit, demanding(None, max_delay_s=60))
    assert "stood unseen for 89 s" in line(verdict, "POLICY")
    assert check(audit, demanding(None, max_delay_s=89)).exit_code == 0


# late witnesses


def cosigned_late(audit: Path, *, time: int = RAN + 3600, key: SigningKey = WITNESS) -> str:
    _, size = last(audit)
    note = (audit / RUN / f"checkpoints/{size:08d}.note").read_bytes()
    return add_late_cosignature(audit, size, cosign(key, "lab.example/witness", note, time), key.public)


def test_a_late_cosignature_counts_with_its_own_clock(audit: Path) -> None:
    assert check(audit, demanding(None)).exit_code == 3
    name = cosigned_late(audit)
    verdict = check(audit, demanding(None))
    assert verdict.exit_code == 0, verdict.stages
    assert "after the seal, cosigned by lab.example/witness" in "\n".join(verdict.stages[6].details)
    assert "2026-11-23T11:00:00Z, by its own clock, after the seal" in told(verdict)
    assert "none later than 3599 s after it ended" in line(verdict, "TIME")
    assert check(audit, demanding(None, max_delay_s=3000)).exit_code == 3
    # Two cosignatures of one key are one witness.
    cosigned_late(audit, time=RAN + 7200)
    assert check(audit, demanding(None, required=2)).exit_code == 3
    assert name == "timestamps/cosigned-00000021.note"


def test_a_late_cosignature_of_a_stranger_or_the_auditor_counts_for_nothing(audit: Path) -> None:
    for key in (OTHER_KEY, KEY):
        cosigned_late(audit, key=key)
        roles = {**TRUST.roles, "witness": frozenset({WITNESS.public.fingerprint, KEY.public.fingerprint})}
        verdict = check(audit, replace(demanding(None), roles=roles))
        assert verdict.exit_code == 3
        assert "which you do not trust as a witness" in "\n".join(verdict.stages[6].details)


def test_a_broken_late_cosignature_is_named(audit: Path) -> None:
    name = cosigned_late(audit)
    data = (audit / name).read_bytes()
    (audit / name).write_bytes(data.replace(data[-20:-10], b"AAAAAAAAAA"))
    verdict = check(audit, demanding(None))
    assert verdict.exit_code == 3
    assert name in told(verdict)
    assert "counts for nothing" in told(verdict)
    [key] = (audit / "timestamps").glob("witness-*")
    key.write_bytes(OTHER_KEY.public.pem)
    assert "is not named by its fingerprint" in told(check(audit, demanding(None)))


def test_a_late_cosignature_of_another_log_is_refused(audit: Path, tmp_path: Path) -> None:
    other = make_audit(tmp_path / "other")
    cosigned_late(other)
    shutil.copytree(other / "timestamps", audit / "timestamps")
    verdict = check(audit, demanding(None))
    assert verdict.exit_code == 3
    assert "does not begin with the checkpoint note" in told(verdict)


# identities


@pytest.fixture(scope="module")
def instance() -> Instance:
    return Instance()


def naming(instance: Instance, folder: Path, *required: str, identity: str = IDENTITY) -> TrustPolicy:
    (folder / "root.json").write_bytes(instance.trusted_root())
    who = (Identity(identity=identity, issuer=ISSUER),)
    return policy(sigstore=KeylessRule(trusted_root=folder / "root.json", identities=who, required=required))


def test_an_identity_signs_the_seal(audit: Path, instance: Instance, tmp_path: Path) -> None:
    bundle = instance.sign((audit / "MANIFEST.sha256").read_bytes())
    keep(audit, "seal", "sigstore.json", json.dumps(bundle).encode())
    verdict = check(audit, naming(instance, tmp_path, "seal"))
    assert verdict.exit_code == 0, verdict.stages
    assert f"{IDENTITY} (by {ISSUER}) signed the whole audit" in told(verdict)
    stranger = naming(instance, tmp_path, identity="someone@else.example")
    assert (check(audit, stranger).exit_code, check(audit, stranger).stages[10].state) == (0, "not checked")
    assert check(audit, naming(instance, tmp_path, "plan")).exit_code == 3
    assert check(audit, policy()).stages[10].state == "not checked"
    assert check(audit, naming(Instance(), tmp_path)).exit_code == 4


@pytest.mark.parametrize(("kind", "code"), [(PLAN_TYPE, 0), (REPORT_TYPE, 4)])
def test_a_statement_about_the_plan_is_of_the_plans_kind(
    audit: Path, instance: Instance, tmp_path: Path, kind: str, code: int
) -> None:
    manifest = (audit / "plan/MANIFEST.sha256").read_bytes()
    subject = [{"digest": {"sha256": digest(manifest)}, "name": "MANIFEST.sha256"}]
    payload = encode({"_type": STATEMENT_TYPE, "predicate": {}, "predicateType": kind, "subject": subject})
    keep(audit, "plan", "sigstore.json", json.dumps(instance.attest(payload)).encode())
    assert check(audit, naming(instance, tmp_path)).exit_code == code


def test_a_signature_is_no_time_stamp(
    audit: Path, instance: Instance, authority: Authority, tmp_path: Path
) -> None:
    """An identity's certificate bounds its time, but the rule that lets a stamp stand for a witness means authorities."""
    bundle = instance.sign((audit / "MANIFEST.sha256").read_bytes())
    keep(audit, "seal", "sigstore.json", json.dumps(bundle).encode())
    trust = replace(
        naming(instance, tmp_path), witnesses=WitnessRule(required=1, of=("witness", "timestamp"))
    )
    assert check(audit, trust).exit_code == 3


def test_what_verifies_is_kept_once_and_nine_at_most(audit: Path) -> None:
    names = {keep(audit, "seal", "tsr", b"%d" % number) for number in range(9)}
    assert len(names) == 9
    assert keep(audit, "seal", "tsr", b"4") == "timestamps/seal.5.tsr"
    with pytest.raises(UsageError, match="nine stamps"):
        keep(audit, "seal", "tsr", b"another")


def test_a_redacted_copy_keeps_stamps_of_the_seal_it_came_from(audit: Path, authority: Authority) -> None:
    stamp(audit, authority, "seal")
    kept = audit / "redaction/original"
    (kept / "timestamps").mkdir(parents=True)
    shutil.copy(audit / "MANIFEST.sha256", kept)
    (audit / "timestamps/seal.tsr").rename(kept / "timestamps/seal.tsr")
    (audit / "timestamps").rmdir()
    (audit / "MANIFEST.sha256").write_bytes(b"another seal")
    names = [path.relative_to(audit).as_posix() for path in audit.rglob("*") if path.is_file()]
    state = State(root=audit, trust=policy(authority), render=None, files=dict.fromkeys(names, 0))
    [held] = read_anchors(state).held
    assert (held.name, held.target) == ("redaction/original/timestamps/seal.tsr", "seal")
    (kept / "MANIFEST.sha256").write_bytes(b"another")
    state.anchors = None
    assert "of other bytes" in read_anchors(state).broken[0]
