"""Known pitfalls of signing, hashing and hiding, one test each; docs/reference/tamper-matrix.md lists where the others are."""

import base64
import hashlib
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from audit_factory import KEY, OTHER_KEY, SEED, TEST, attempts, scenarios
from countermark import canonical
from countermark.canonical import digest, encode
from countermark.errors import EvidenceError, InvalidDocument, SignerUnknown
from countermark.evidence import (
    EvidenceLog,
    PublicKey,
    check_manifest,
    items_root,
    manifest_of,
    open_statement,
    parse_public_key,
    read_log,
    sign_statement,
    to_json,
    write_manifest,
)
from countermark.evidence.dsse import PAYLOAD_TYPE, PLAN_TYPE, STATEMENT_TYPE, pae
from countermark.evidence.merkle import leaf_hash, root_of
from countermark.evidence.notes import open_note
from countermark.evidence.parts import to_parts

SUBJECTS = {"MANIFEST.sha256": "ab" * 32}
STATEMENT = json.dumps(
    {
        "_type": STATEMENT_TYPE,
        "predicateType": PLAN_TYPE,
        "subject": [{"name": "MANIFEST.sha256", "digest": {"sha256": "ab" * 32}}],
        "predicate": {"size": 3},
    }
)


def signed(payload: bytes) -> bytes:
    """An envelope whose signature holds, whatever the payload says."""
    signature = base64.b64encode(KEY.sign(pae(payload))).decode()
    return envelope(payload=base64.b64encode(payload).decode(), sig=signature)


def envelope(*, payload: str, sig: str, keyid: str = KEY.public.fingerprint) -> bytes:
    value = {
        "payload": payload,
        "payloadType": PAYLOAD_TYPE,
        "signatures": [{"keyid": keyid, "sig": sig}],
    }
    return encode(value) + b"\n"


def test_a_directory_is_known_by_names_and_contents() -> None:
    """A digest over contents alone gives {config.json, w.bin} and {evil.py, w2.bin} one identity."""
    honest, renamed = {"config.json": b"{}", "w.bin": b"w"}, {"evil.py": b"{}", "w2.bin": b"w"}
    assert digest(manifest_of(honest)) != digest(manifest_of(renamed))
    exchanged = {"config.json": b"w", "w.bin": b"{}"}
    assert digest(manifest_of(honest)) != digest(manifest_of(exchanged))


def test_bytes_are_hashed_as_they_are_stored(tmp_path: Path) -> None:
    """Readers need no canonicaliser: a signed document may be laid out as its writer likes, and no space may change."""
    (tmp_path / "terms.json").write_text(json.dumps({"b": 1, "a": [1, 2]}, indent=3))
    data = write_manifest(tmp_path)
    assert not len(check_manifest(tmp_path, data))
    (tmp_path / "terms.json").write_bytes(encode({"b": 1, "a": [1, 2]}))
    assert [issue.code for issue in check_manifest(tmp_path, data)] == ["file-changed"]


def test_canonical_json_is_not_sorted_dumps() -> None:
    value = {"\ufb33": 1.0, "\U0001f600": 1e-07}
    theirs = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    assert encode(value).decode() == '{"\U0001f600":1e-7,"\ufb33":1}'
    assert theirs == '{"\ufb33":1.0,"\U0001f600":1e-07}'


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ('"size": 3', '"size": 3, "size": 4', "stands twice"),
        ('"predicate"', '"predicateType": "x", "predicate"', "stands twice"),
        ('"size": 3', '"size": NaN', "not JSON"),
        ('"size": 3', '"size": 1e400', "not an integer"),
        ('"size": 3', '"size": 3.0', "not an integer"),
        ('"size": 3', '"size": "\\ud800"', "surrogate"),
        ('"size": 3', '"size": ' + "[" * 70 + "]" * 70, "nested"),
        ('"size": 3', '"size": ' + "[" * 100_000, "nested"),
    ],
)
def test_a_signature_that_holds_does_not_excuse_the_payload(old: str, new: str, why: str) -> None:
    """What two readers could read differently is refused, although its signature is good."""
    assert open_statement(signed(STATEMENT.encode()), [KEY.public]).predicate == {"size": 3}
    assert old in STATEMENT
    with pytest.raises(EvidenceError, match=why):
        open_statement(signed(STATEMENT.replace(old, new).encode()), [KEY.public])


def test_a_key_id_is_no_proof() -> None:
    """It is unsigned: the key that it names is tried, and nothing else is concluded from it."""
    line = json.loads(sign_statement(KEY, PLAN_TYPE, SUBJECTS, {}))
    payload, sig = line["payload"], line["signatures"][0]["sig"]
    other = envelope(payload=payload, sig=sig, keyid=OTHER_KEY.public.fingerprint)
    with pytest.raises(EvidenceError, match="does not hold"):
        open_statement(other, [OTHER_KEY.public])
    with pytest.raises(EvidenceError):
        open_statement(other, [KEY.public, OTHER_KEY.public])
    for keyid in ("", "auditor", KEY.public.fingerprint.upper()):
        with pytest.raises(EvidenceError, match="not that of the key that signed"):
            open_statement(envelope(payload=payload, sig=sig, keyid=keyid), [KEY.public])
    with pytest.raises(SignerUnknown):
        open_statement(envelope(payload=payload, sig=sig), [])


@pytest.mark.parametrize("change", ["!", "\n", " ", "=", "-", "_", "é", "\0"])
@pytest.mark.parametrize("place", [0, 8, -1])
def test_base64_has_one_alphabet(change: str, place: int) -> None:
    """The standard library skips what is not in it unless it is told not to."""
    line = json.loads(sign_statement(KEY, PLAN_TYPE, SUBJECTS, {}))
    payload, sig = line["payload"], line["signatures"][0]["sig"]
    loose = payload[:place] + change + payload[place:]
    with pytest.raises(EvidenceError):
        open_statement(envelope(payload=loose, sig=sig), [KEY.public])
    with pytest.raises(EvidenceError):
        open_statement(envelope(payload=payload, sig=sig[:place] + change + sig[place:]), [KEY.public])


def test_a_key_of_small_order_would_sign_anything() -> None:
    """The library takes it, and one fixed signature holds for every message; so such keys are refused when read."""
    raw, universal = (1).to_bytes(32, "little"), (1).to_bytes(32, "little") + bytes(32)
    for message in (b"a good model", b"a bad model"):
        Ed25519PublicKey.from_public_bytes(raw).verify(universal, message)
    with pytest.raises(InvalidDocument, match="weak key"):
        parse_public_key(PublicKey(raw=raw).pem)


def test_a_record_cannot_be_guessed_from_its_leaf(tmp_path: Path) -> None:
    """A bare hash of a record with few unknown fields is opened by trying them all; a salted leaf is not."""
    record, transcript = attempts()[0]
    log = EvidenceLog.create(tmp_path / "run", origin="guess/1", key=KEY)
    log.append(to_json(record), to_parts(transcript))
    log.close()
    line = next(iter(read_log(tmp_path / "run")))
    guesses = [
        line.data.replace(b'"leaked":false', b'"leaked":true'),
        line.data,
    ]
    bare = hashlib.sha256(line.data).digest()
    assert [hashlib.sha256(guess).digest() == bare for guess in guesses] == [False, True]
    assert all(leaf_hash(b"", guess) != line.leaf for guess in guesses)
    assert all(leaf_hash(bytes(32), guess) != line.leaf for guess in guesses)
    assert leaf_hash(line.leaf_salt, line.data) == line.leaf


def test_equal_records_have_unequal_leaves(tmp_path: Path) -> None:
    """Salts are fresh for each line; with one salt for all, equal answers would show."""
    record, transcript = attempts()[0]
    log = EvidenceLog.create(tmp_path / "run", origin="fresh/1", key=KEY)
    for _ in range(20):
        log.append(to_json(record), to_parts(transcript))
    log.close()
    lines = list(read_log(tmp_path / "run"))
    salts = {line.leaf_salt for line in lines}
    assert len(salts) == len({line.leaf for line in lines}) == 20
    assert all(len(salt) == 32 for salt in salts)
    assert len({line.record["transcript"] for line in lines}) == 20


def test_scenarios_cannot_be_guessed_from_the_plan() -> None:
    """Public templates make few scenarios: their root is over salted leaves, and the salts need the seed."""
    drawn = [to_json(one) for one in scenarios()]
    committed = items_root(SEED.value, TEST, drawn)
    assert root_of(hashlib.sha256(encode(one)).digest() for one in drawn).hex() != committed
    assert root_of(leaf_hash(bytes(32), encode(one)) for one in drawn).hex() != committed
    assert items_root("00", TEST, drawn) != committed


def test_a_log_cut_short_is_a_sound_log(tmp_path: Path) -> None:
    """Nothing inside it says that it was longer: only who saw it longer can, and the last checkpoint."""
    record, transcript = attempts()[0]
    log = EvidenceLog.create(tmp_path / "run", origin="cut/1", key=KEY, checkpoint_every=4)
    for _ in range(7):
        log.append(to_json(record), to_parts(transcript))
    log.close()
    early = open_note((tmp_path / "run/checkpoints/00000004.note").read_bytes(), KEY.public)
    late = open_note((tmp_path / "run/checkpoints/00000007.note").read_bytes(), KEY.public)
    records = tmp_path / "run/records.jsonl"
    records.write_bytes(b"".join(records.read_bytes().splitlines(keepends=True)[:4]))
    leaves = [line.leaf for line in read_log(tmp_path / "run")]
    assert root_of(leaves).hex() == early.root_hex
    assert (late.size, late.root_hex) != (4, early.root_hex)


def test_counts_are_whole_and_exact() -> None:
    """A reader that takes all numbers for floating point turns 7 into 7.0 and loses the last digit of a large one."""
    line = sign_statement(KEY, PLAN_TYPE, SUBJECTS, {"n": 7, "large": 2**53 - 1})
    predicate = open_statement(line, [KEY.public]).predicate
    assert predicate == {"n": 7, "large": 2**53 - 1}
    assert all(type(value) is int for value in predicate.values())
    with pytest.raises(canonical.InvalidJson):
        sign_statement(KEY, PLAN_TYPE, SUBJECTS, {"large": 2**53})
