"""Sigstore bundles, under a trusted root of our own: believed for the identity pinned, refused otherwise, no network."""

import copy
import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from countermark.canonical import digest, encode
from countermark.errors import EvidenceError, SignerUnknown, UsageError
from countermark.evidence import keyless
from countermark.evidence.dsse import NS, REPORT_TYPE, STATEMENT_TYPE
from countermark.evidence.keyless import Identity, KeylessSignature, check_bundle, claimed_digest
from servers.keyless import IDENTITY, ISSUER, LIFE, Instance

DATA = b"0" * 64 + b"  a manifest\n"
WHO = Identity(identity=IDENTITY, issuer=ISSUER)


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.fixture(scope="module")
def instance() -> Instance:
    return Instance()


@pytest.fixture(scope="module")
def root(instance: Instance, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("root") / "trusted_root.json"
    path.write_bytes(instance.trusted_root())
    return path


@pytest.fixture(scope="module")
def signed(instance: Instance) -> bytes:
    return json.dumps(instance.sign(DATA)).encode()


def statement(data: bytes = DATA, kind: str = REPORT_TYPE) -> bytes:
    subject = [{"digest": {"sha256": digest(data)}, "name": "MANIFEST.sha256"}]
    return encode({"_type": STATEMENT_TYPE, "predicate": {}, "predicateType": kind, "subject": subject})


def check(bundle: dict[str, Any], root: Path, *who: Identity, data: bytes = DATA) -> KeylessSignature:
    return check_bundle(json.dumps(bundle).encode(), data, REPORT_TYPE, root, who or (WHO,))


def test_a_signature_of_the_pinned_identity_holds(instance: Instance, root: Path) -> None:
    found = check(instance.sign(DATA), root)
    assert found == KeylessSignature(who=WHO, time=int((instance.now + LIFE).timestamp()))
    assert check(instance.attest(statement()), root) == found
    other = Identity(identity="someone@else.example", issuer=ISSUER)
    assert check(instance.sign(DATA), root, other, WHO).who == WHO


@pytest.mark.parametrize(
    "who",
    [
        Identity(identity="someone@else.example", issuer=ISSUER),
        Identity(identity=IDENTITY, issuer="https://other.example"),
    ],
)
def test_another_identity_or_issuer_is_a_stranger(instance: Instance, root: Path, who: Identity) -> None:
    for bundle in (instance.sign(DATA), instance.attest(statement())):
        with pytest.raises(SignerUnknown, match=IDENTITY):
            check(bundle, root, who)
    with pytest.raises(SignerUnknown):
        check(instance.sign(DATA, identity=who.identity, issuer=who.issuer), root)


def test_a_signature_is_of_its_bytes_alone(instance: Instance, root: Path) -> None:
    for bundle in (instance.sign(DATA), instance.attest(statement())):
        with pytest.raises(EvidenceError):
            check(bundle, root, data=DATA + b"\n")


def test_a_statement_of_another_kind_is_refused(instance: Instance, root: Path) -> None:
    with pytest.raises(EvidenceError, match="another kind"):
        check(instance.attest(statement(kind=f"{NS}/withdrawal/v0.1")), root)
    with pytest.raises(EvidenceError, match="lacks its type"):
        check(instance.attest(b"{}"), root)


def test_another_instance_is_not_this_one(instance: Instance, root: Path, tmp_path: Path) -> None:
    """A stranger can run the same software and write the same names: its keys are others."""
    with pytest.raises(EvidenceError, match="does not hold under your trusted root"):
        check(Instance().sign(DATA), root)
    mixed = json.loads(instance.trusted_root())
    mixed["ctlogs"] = json.loads(Instance().trusted_root())["ctlogs"]
    (tmp_path / "mixed.json").write_text(json.dumps(mixed))
    with pytest.raises(EvidenceError, match="SCT"):
        check(instance.sign(DATA), tmp_path / "mixed.json")
    mixed["ctlogs"], mixed["tlogs"] = (
        json.loads(instance.trusted_root())["ctlogs"],
        json.loads(Instance().trusted_root())["tlogs"],
    )
    (tmp_path / "mixed.json").write_text(json.dumps(mixed))
    with pytest.raises(EvidenceError):
        check(instance.sign(DATA), tmp_path / "mixed.json")


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, child in items:
        yield (*path, name)
        yield from _places(child, (*path, name))


def _changed(value: Any) -> Any:
    if isinstance(value, str) and value:
        middle = len(value) // 2
        return value[:middle] + ("A" if value[middle] != "A" else "B") + value[middle + 1 :]
    return {} if value else "1"


# What may vary is unsigned, and nothing that is believed comes from it.
LOOSE: dict[str, list[tuple[str, str]]] = {"sign": [("remove", "messageDigest")], "attest": []}


@pytest.mark.parametrize("kind", ["sign", "attest"])
def test_nothing_in_a_bundle_can_be_changed_or_left_out(instance: Instance, root: Path, kind: str) -> None:
    bundle = instance.sign(DATA) if kind == "sign" else instance.attest(statement())
    whole, loose = check(bundle, root), []
    for place in list(_places(bundle)):
        for change in ("change", "remove"):
            other = copy.deepcopy(bundle)
            holder = other
            for step in place[:-1]:
                holder = holder[step]
            if change == "remove":
                del holder[place[-1]]
            else:
                holder[place[-1]] = _changed(holder[place[-1]])
            try:
                assert check(other, root) == whole
                loose.append((change, place[-1]))
            except (EvidenceError, SignerUnknown):
                continue
    assert loose == LOOSE[kind]


@pytest.mark.parametrize(
    "junk",
    [
        lambda _: b"",
        lambda _: b"[]",
        lambda _: b'{"messageSignature":{},"dsseEnvelope":{}}',
        lambda whole: whole.replace(b'"mediaType"', b'"mediaType": "", "mediaType"', 1),
        lambda whole: whole + b" " * 300_000,
        lambda whole: whole.replace(b"bundle.v0.3", b"bundle.v9.9"),
        lambda _: b'{"messageSignature":' + b"[" * 3000 + b"]" * 3000 + b"}",
    ],
)
def test_what_is_no_bundle_is_refused(instance: Instance, root: Path, junk: Callable[[bytes], bytes]) -> None:
    data = junk(json.dumps(instance.sign(DATA)).encode())
    with pytest.raises(EvidenceError):
        check_bundle(data, DATA, REPORT_TYPE, root, [WHO])


@given(data=st.data())
@settings(max_examples=150)
def test_a_flipped_byte_is_refused_or_says_the_same(signed: bytes, root: Path, data: st.DataObject) -> None:
    whole = bytearray(signed)
    whole[data.draw(st.integers(0, len(whole) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        found = check_bundle(bytes(whole), DATA, REPORT_TYPE, root, [WHO])
    except (EvidenceError, SignerUnknown):
        return
    assert found.who == WHO


def test_a_root_that_is_none_is_told(instance: Instance, tmp_path: Path) -> None:
    for text in ("{}", "[", json.dumps({"mediaType": "x"})):
        (tmp_path / "root.json").write_text(text)
        with pytest.raises(UsageError, match="no sigstore trusted root"):
            check(instance.sign(DATA), tmp_path / "root.json")


def test_what_a_bundle_claims_to_be_of(instance: Instance) -> None:
    assert claimed_digest(json.dumps(instance.sign(DATA)).encode()) == digest(DATA)
    assert claimed_digest(json.dumps(instance.attest(statement())).encode()) == digest(DATA)
    silent = instance.sign(DATA)
    del silent["messageSignature"]["messageDigest"]
    assert claimed_digest(json.dumps(silent).encode()) == ""
    with pytest.raises(EvidenceError):
        claimed_digest(b"{}")


def test_without_the_extra_it_is_said(
    instance: Instance, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyless, "find_spec", lambda _: None)
    with pytest.raises(UsageError, match="extra sigstore"):
        check(instance.sign(DATA), root)
