"""The seed: committed to beforehand, made of every party's part, opened to nothing else."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countermark.errors import EvidenceError
from countermark.evidence import Nonce, Seed, parse_seed, sample_key
from countermark.evidence.seed import keep, recall, signed_with

digits = st.text("0123456789abcdef", min_size=1, max_size=64)
salts = st.binary(min_size=32, max_size=32).map(bytes.hex)
parts = st.builds(Nonce, value=digits, salt=salts)


def test_known_commitment() -> None:
    """`(printf '\\002'; head -c32 /dev/zero; printf 5eed) | sha256sum`."""
    part = Nonce(value="5eed", salt="00" * 32)
    assert part.commitment == "03daf4a961428177c50bf2e2ec2e91d9c86abbe87ba37fb006969b31c1ade94f"


@given(parts)
def test_an_auditor_alone_is_the_seed(part: Nonce) -> None:
    assert Seed(auditor=part).value == part.value


@given(parts, st.lists(parts, min_size=1, max_size=4, unique_by=lambda part: part.commitment))
def test_every_part_changes_a_joint_seed_and_no_order_does(auditor: Nonce, others: list[Nonce]) -> None:
    seed = Seed(auditor=auditor, developers=tuple(others))
    assert seed.value == Seed(auditor=auditor, developers=tuple(reversed(others))).value
    for place, part in enumerate(others):
        changed = [*others]
        changed[place] = Nonce(value=("0" if part.value[0] != "0" else "1") + part.value[1:], salt=part.salt)
        assert Seed(auditor=auditor, developers=tuple(changed)).value != seed.value
    assert parse_seed(seed.to_bytes()).value == seed.value
    assert parse_seed(seed.to_bytes()).commitments == seed.commitments
    assert len(sample_key(seed.value)) == 64


@pytest.mark.parametrize(
    "change",
    [
        {"seed": "ff"},
        {"schema": "countermark/seed/v9"},
        {"auditor": {"salt": "00", "value": "5eed"}},
        {"auditor": {"salt": "00" * 32, "value": "5EED"}},
        {"auditor": {"salt": "00" * 32, "value": "5eed", "more": 1}},
        {"developers": [None]},
        {"more": 1},
    ],
)
def test_a_seed_that_does_not_fit_is_refused(change: dict[str, object]) -> None:
    value = json.loads(Seed(auditor=Nonce(value="5eed", salt="00" * 32)).to_bytes())
    with pytest.raises(EvidenceError, match=r"seed"):
        parse_seed(json.dumps({**value, **change}).encode())


def test_a_part_is_kept_for_its_owner_alone(tmp_path: Path) -> None:
    part = Nonce.random()
    keep(tmp_path, part, "0" * 64)
    assert signed_with(tmp_path, part.commitment) == "0" * 64
    assert signed_with(tmp_path, "0" * 64) is None
    path = tmp_path / "parts" / f"{part.commitment}.json"
    assert path.stat().st_mode & 0o777 == 0o600
    assert recall(tmp_path, part.commitment) == part
    assert recall(tmp_path, "0" * 64) is None
    assert recall(tmp_path, "../../etc/passwd") is None
    path.write_text(path.read_text().replace(part.value, "0" * 64))
    with pytest.raises(EvidenceError, match="commits"):
        recall(tmp_path, part.commitment)
