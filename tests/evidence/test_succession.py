"""Keys that hand over or are withdrawn: statements by the keys themselves, followed by a reader who trusted them."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from audit_factory import KEY, make_audit, render
from countermark.canonical import digest, encode
from countermark.cli import run_command
from countermark.errors import EvidenceError, SignerUnknown
from countermark.evidence import SigningKey, read_trust, remember, sign_statement
from countermark.evidence.dsse import NS
from countermark.evidence.late import keep
from countermark.evidence.succession import (
    WITHDRAWAL_TYPE,
    Rotation,
    Withdrawal,
    read_statement,
    rotate,
    withdraw,
)
from countermark.evidence.timestamps import query
from countermark.evidence.trust import follow, remember_time_root
from countermark.verify import verify
from servers.authority import DAY, Authority, needs_openssl

NEW = SigningKey.from_seed(b"a successor's key for tests.....")
THIRD = SigningKey.from_seed(b"a third key, of nobody known....")
SINCE = 1_800_000_000


def test_a_rotation_is_signed_by_both() -> None:
    assert read_statement(rotate(KEY, NEW)) == Rotation(old=KEY.public, new=NEW.public)
    assert read_statement(withdraw(KEY, SINCE, "lost")) == Withdrawal(
        key=KEY.public, since=SINCE, reason="lost"
    )


def _lines(data: bytes) -> list[bytes]:
    return data.splitlines(keepends=True)


FORGED: dict[str, Callable[[], bytes]] = {
    "nothing": lambda: b"",
    "junk": lambda: b"junk\n",
    "the successor's line alone": lambda: _lines(rotate(KEY, NEW))[1],
    "the old key's line alone": lambda: _lines(rotate(KEY, NEW))[0],
    "the old key signs twice": lambda: _lines(rotate(KEY, NEW))[0] * 2,
    "lines the wrong way round": lambda: b"".join(reversed(_lines(rotate(KEY, NEW)))),
    "a successor that did not agree": lambda: _lines(rotate(KEY, NEW))[0] + _lines(rotate(KEY, THIRD))[1],
    "an old key that did not agree": lambda: _lines(rotate(THIRD, NEW))[0] + _lines(rotate(KEY, NEW))[1],
    "its own successor": lambda: rotate(KEY, KEY),
    "three lines": lambda: rotate(KEY, NEW) + withdraw(KEY, SINCE, ""),
    "two withdrawals": lambda: withdraw(KEY, SINCE, "") * 2,
    "withdrawn by another": lambda: _by_another(withdraw(KEY, SINCE, "")),
    "a line without its end": lambda: withdraw(KEY, SINCE, "")[:-1],
    "no time": lambda: sign_statement(
        KEY,
        WITHDRAWAL_TYPE,
        {"key.pub.pem": digest(KEY.public.pem)},
        {"key": KEY.public.pem.decode(), "reason": "", "since": "yesterday"},
    ),
    "a statement of another kind": lambda: sign_statement(
        KEY, f"{NS}/audit-plan/v0.1", {"key.pub.pem": "0" * 64}, {"key": KEY.public.pem.decode()}
    ),
}


def _by_another(line: bytes) -> bytes:
    """The same payload under a stranger's signature."""
    own = json.loads(sign_statement(THIRD, f"{NS}/x/v0.1", {"a": "0" * 64}, {}))
    return encode(json.loads(line) | {"signatures": own["signatures"]}) + b"\n"


@pytest.mark.parametrize("name", FORGED)
def test_what_is_forged_is_refused(name: str) -> None:
    with pytest.raises(EvidenceError):
        read_statement(FORGED[name]())


def test_a_successor_gains_the_roles_and_no_others(tmp_path: Path) -> None:
    remember(tmp_path, KEY.public)
    remember(tmp_path, KEY.public, "witness", required=1)
    remember(tmp_path, THIRD.public, "developer")
    policy = follow(tmp_path, Rotation(old=KEY.public, new=NEW.public))
    assert policy == read_trust(tmp_path)
    assert [policy.trusts(NEW.public.fingerprint, role) for role in ("auditor", "witness", "developer")] == [
        True,
        True,
        False,
    ]
    assert policy.trusts(KEY.public.fingerprint, "auditor")
    assert policy.witnesses is not None


def test_a_stranger_hands_over_nothing(tmp_path: Path) -> None:
    remember(tmp_path, KEY.public)
    before = (tmp_path / "trust.json").read_bytes()
    for statement in (read_statement(rotate(THIRD, NEW)), read_statement(withdraw(THIRD, SINCE, ""))):
        with pytest.raises(SignerUnknown, match="in no role"):
            follow(tmp_path, statement)
    assert (tmp_path / "trust.json").read_bytes() == before


def test_a_withdrawn_key_names_nobody_and_is_trusted_no_more(tmp_path: Path) -> None:
    remember(tmp_path, KEY.public)
    remember(tmp_path, KEY.public, "witness")
    follow(tmp_path, Withdrawal(key=KEY.public, since=SINCE, reason=""))
    # Whoever stole it cannot make the time later again.
    policy = follow(tmp_path, Withdrawal(key=KEY.public, since=SINCE + 9, reason=""))
    assert policy.withdrawn == {KEY.public.fingerprint: SINCE}
    assert not policy.trusts(KEY.public.fingerprint, "witness")
    with pytest.raises(SignerUnknown, match="was withdrawn"):
        follow(tmp_path, Rotation(old=KEY.public, new=NEW.public))


@needs_openssl
def test_what_was_seen_before_the_withdrawal_holds(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "tsa", valid=(-4000 * DAY, 4000 * DAY))
    audit, home = make_audit(tmp_path / "audit"), tmp_path / "home"
    remember(home, KEY.public)
    remember_time_root(home, authority.root)
    assert verify(audit, trust=read_trust(home), render=render).exit_code == 0
    seen = SINCE - 1000
    follow(home, Withdrawal(key=KEY.public, since=seen, reason="lost"))
    verdict = verify(audit, trust=read_trust(home), render=render)
    assert verdict.exit_code == 3
    assert "no clock you trust saw this sealed before" in str(verdict.closing_lines())
    reply = authority.reply(query((audit / "MANIFEST.sha256").read_bytes()))
    # A second of accuracy is added to each.
    keep(audit, "seal", "tsr", authority.resigned(reply, seconds=seen))
    assert verify(audit, trust=read_trust(home), render=render).exit_code == 3
    keep(audit, "seal", "tsr", authority.resigned(reply, seconds=seen - 1))
    verdict = verify(audit, trust=read_trust(home), render=render)
    assert verdict.exit_code == 0, verdict.stages
    assert "this was sealed before" in "\n".join(verdict.stages[10].details)


def test_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home, reader = ["--home", str(tmp_path / "home")], ["--home", str(tmp_path / "reader")]
    out, later = str(tmp_path / "rotation.jsonl"), str(tmp_path / "withdrawal.jsonl")
    for name in ("auditor", "next"):
        assert run_command(["key", "new", "--name", name, "--no-passphrase", *home]) == 0
    assert run_command(["key", "rotate", "--to", "missing", "--out", out, *home]) == 2
    assert not (tmp_path / "home/keys/missing.pem").exists()
    assert run_command(["key", "rotate", "--to", "next", "--out", out, *home, "--json"]) == 0
    assert run_command(["key", "rotate", "--to", "next", "--out", out, *home]) == 2
    since = ["--since", "2026-11-01T00:00:00Z", "--reason", "a laptop\x1b[31m lost"]
    assert run_command(["key", "withdraw", *since, "--out", later, *home]) == 0
    assert run_command(["key", "follow", out, *reader]) == 3
    public = str(tmp_path / "home/keys/auditor.pub.pem")
    assert run_command(["key", "trust", public, "--role", "auditor", *reader]) == 0
    capsys.readouterr()
    assert run_command(["key", "follow", out, *reader, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["roles"] == ["auditor"]
    assert run_command(["key", "follow", later, *reader]) == 0
    said = capsys.readouterr().out
    assert "not believed from 2026-11-01T00:00:00Z on" in said
    assert "\x1b" not in said
    assert len(read_trust(tmp_path / "reader").roles["auditor"]) == 2
    assert run_command(["key", "follow", public, *reader]) == 2
    assert (
        run_command(["key", "withdraw", "--since", "yesterday", "--reason", "", "--out", later, *home]) == 2
    )
