"""Trust policies: strict on reading, remembered one key at a time."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from countermark.errors import InvalidDocument
from countermark.evidence import SigningKey, TrustPolicy, WitnessRule, read_trust, remember
from countermark.evidence.keyless import Identity
from countermark.evidence.trust import TimestampRule, remember_identity, remember_time_root

KEY = SigningKey.from_seed(bytes(32)).public
OTHER = SigningKey.from_seed(bytes(range(32))).public


def test_remembered_keys_are_trusted_in_their_role_only(tmp_path: Path) -> None:
    home = tmp_path / "new" / "home"
    remember(home, KEY)
    remember(home, OTHER, role="developer")
    remember(home, KEY)
    policy = read_trust(home)
    assert policy == read_trust(home / "trust.json")
    assert policy.trusts(KEY.fingerprint, "auditor")
    assert not policy.trusts(KEY.fingerprint, "developer")
    assert policy.trusts(OTHER.fingerprint, "developer")
    assert policy.roles["auditor"] == {KEY.fingerprint}


def test_a_home_without_policy_trusts_nobody(tmp_path: Path) -> None:
    assert read_trust(tmp_path) == read_trust(tmp_path / "not made yet") == TrustPolicy()
    assert not TrustPolicy().trusts(KEY.fingerprint, "auditor")


def test_a_file_named_must_exist(tmp_path: Path) -> None:
    with pytest.raises(InvalidDocument, match="does not exist"):
        read_trust(tmp_path / "missing.json")


def test_unknown_roles_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidDocument, match="not among auditor, developer, witness"):
        remember(tmp_path, KEY, role="king")
    assert not (tmp_path / "trust.json").exists()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"schema":"countermark/trust/v9","roles":{}}',
        '{"schema":"countermark/trust/v0.1","roles":[]}',
        '{"schema":"countermark/trust/v0.1","roles":{"king":[]}}',
        '{"schema":"countermark/trust/v0.1","roles":{"auditor":"x"}}',
        '{"schema":"countermark/trust/v0.1","roles":{"auditor":["ABC"]}}',
        '{"schema":"countermark/trust/v0.1","roles":{"auditor":[],"auditor":[]}}',
        '{"schema":"countermark/trust/v0.1","roles":{},"more":1}',
    ],
)
def test_malformed_policies_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "trust.json").write_text(text)
    with pytest.raises(InvalidDocument, match="trust-malformed"):
        read_trust(tmp_path)


# anchors in the policy


ROOTED = {"schema": "countermark/trust/v0.1", "roles": {}}


@pytest.fixture(scope="module")
def pem() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "A root of time")])
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(begin).not_valid_after(begin + timedelta(days=9))
    return made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def test_what_is_demanded_survives_each_key_that_is_added(tmp_path: Path, pem: bytes) -> None:
    remember(tmp_path, KEY, role="witness", required=1, max_delay_s=60)
    remember_time_root(tmp_path, pem, required=("seal",), for_witness=True)
    who = Identity(identity="a@lab.example", issuer="https://login.example")
    remember_identity(tmp_path, b"{}", who, required=("plan",))
    before = read_trust(tmp_path)
    assert before.witnesses == WitnessRule(required=1, of=("timestamp", "witness"), max_delay_s=60)
    assert before.timestamps is not None
    assert (list(before.timestamps.roots.values()), before.timestamps.required) == ([pem], ("seal",))
    assert before.sigstore is not None
    assert (before.sigstore.identities, before.sigstore.required) == ((who,), ("plan",))
    assert before.sigstore.trusted_root.read_bytes() == b"{}"
    after = remember(tmp_path, OTHER)
    assert after == read_trust(tmp_path)
    assert (after.witnesses, after.timestamps, after.sigstore) == (
        before.witnesses,
        before.timestamps,
        before.sigstore,
    )
    remember_time_root(tmp_path, pem, required=("plan",))
    again = read_trust(tmp_path).timestamps
    assert again is not None
    assert (len(again.roots), again.required) == (1, ("plan", "seal"))


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("timestamps", []),
        ("timestamps", {"roots": []}),
        ("timestamps", {"roots": "tsa.pem"}),
        ("timestamps", {"roots": ["missing.pem"]}),
        ("timestamps", {"roots": ["text.pem"]}),
        ("timestamps", {"roots": ["../tsa.pem"]}),
        ("timestamps", {"roots": ["/etc/passwd"]}),
        ("timestamps", {"roots": ["link.pem"]}),
        ("timestamps", {"roots": ["tsa.pem"], "required": ["everything"]}),
        ("timestamps", {"roots": ["tsa.pem"], "required": "seal"}),
        ("timestamps", {"roots": ["tsa.pem"], "more": 1}),
        ("sigstore", {}),
        ("sigstore", {"trusted_root": "text.pem", "identities": []}),
        ("sigstore", {"trusted_root": "missing.json", "identities": [{"identity": "a", "issuer": "b"}]}),
        ("sigstore", {"trusted_root": "text.pem", "identities": [{"identity": "a"}]}),
        ("sigstore", {"trusted_root": "text.pem", "identities": [{"identity": "", "issuer": "b"}]}),
        (
            "sigstore",
            {
                "trusted_root": "text.pem",
                "identities": [{"identity": "a", "issuer": "b"}],
                "required": ["checkpoint"],
            },
        ),
        ("witnesses", {"required": 1, "of": ["witness"], "max_delay_s": -1}),
        ("witnesses", {"required": 1, "of": ["witness"], "max_delay_s": "60"}),
        ("witnesses", {"required": 1, "of": ["witness"], "max_delay_s": True}),
        ("witnesses", {"required": 1, "of": ["auditor"]}),
        ("withdrawn", []),
        ("withdrawn", {"a key": 1}),
        ("withdrawn", {"0" * 64: -1}),
        ("withdrawn", {"0" * 64: "1"}),
        ("witnesses", {"required": 1, "of": ["witness"], "more": 1}),
    ],
)
def test_malformed_anchors_are_refused(tmp_path: Path, pem: bytes, part: str, value: object) -> None:
    (tmp_path / "tsa.pem").write_bytes(pem)
    (tmp_path / "text.pem").write_text("hello")
    (tmp_path / "link.pem").symlink_to("tsa.pem")
    (tmp_path / "trust.json").write_text(json.dumps({**ROOTED, part: value}))
    with pytest.raises(InvalidDocument, match="trust-malformed"):
        read_trust(tmp_path)


def test_well_formed_anchors_are_read(tmp_path: Path, pem: bytes) -> None:
    (tmp_path / "tsa.pem").write_bytes(pem)
    (tmp_path / "trust.json").write_text(json.dumps({**ROOTED, "timestamps": {"roots": ["tsa.pem"]}}))
    assert read_trust(tmp_path).timestamps == TimestampRule(roots={"tsa.pem": pem})
