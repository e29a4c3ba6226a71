"""Trust policies: strict on reading, remembered one key at a time."""

from pathlib import Path

import pytest

from countermark.errors import InvalidDocument
from countermark.evidence import SigningKey, TrustPolicy, read_trust, remember

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
