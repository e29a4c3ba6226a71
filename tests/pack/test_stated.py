"""What the packs of an audit claim, read from the audit's own copies."""

import json
from pathlib import Path
from typing import Any

import pytest

from countermark.canonical import digest
from countermark.errors import CountermarkError, InvalidDocument, UnsafePath
from countermark.evidence import write_manifest
from countermark.pack import check_pack, stated_claims
from pack_factory import copied, edit

DEPLOYED = "openai/example-4@deployed"


@pytest.fixture
def packs(tmp_path: Path) -> Path:
    """`pack/` of an audit with two packs, one of which claims something."""
    for name in ("api-model", "open-weights"):
        copied(name, tmp_path / "pack" / name)
        write_manifest(tmp_path / "pack" / name)
    return tmp_path / "pack"


def claims_in(packs: Path, change: Any) -> None:
    edit(packs / "api-model", "claims.json", lambda value: change(value["claims"][0]))
    write_manifest(packs / "api-model")


def test_each_claim_comes_with_the_pack_it_stands_in(packs: Path) -> None:
    found = stated_claims(packs)
    assert [one.id for one in found.claims] == ["keeps_secrets", "serves_ordinary_work"]
    first = found.claims[0]
    assert (first.pack, first.subject, first.threshold) == ("api-model", DEPLOYED, "0.05")
    assert first.pack_digest == digest((packs / "api-model" / "MANIFEST.sha256").read_bytes())
    assert first.void_if == ["another snapshot", "a system message that allows the secret to be told"]
    assert found.withheld == []


def test_settings_are_told_as_they_were_claimed_and_as_the_variant_is_asked(packs: Path) -> None:
    under = {
        "temperature": "1.00",
        "reasoning": "default",
        "safeguards_on": ["output_filter", "input_filter"],
        "max_tokens": 512,
    }
    claims_in(packs, lambda claim: claim.update(under=under))

    def settings(cover: dict[str, Any]) -> None:
        cover["variants"][0]["settings"] = {"temperature": "1.0", "reasoning": "high"}

    edit(packs / "api-model", "pack.json", settings)
    first, second = stated_claims(packs).claims
    assert first.under == {
        "temperature": "1", "reasoning": "default", "safeguards_on": "input_filter output_filter", "max_tokens": "512",
    }  # fmt: skip
    assert first.asked["temperature"] == "1"
    assert first.asked["reasoning"] == "high"
    assert first.asked["safeguards_on"] == "input_filter output_filter"
    assert second.under == {}


@pytest.mark.parametrize("temperature", ["0", "0.0", "2", "0.30"])
def test_a_temperature_is_the_number_however_it_is_spelt(packs: Path, temperature: str) -> None:
    claims_in(packs, lambda claim: claim.update(under={"temperature": temperature}))
    [under] = [one.under for one in stated_claims(packs).claims if one.under]
    assert float(under["temperature"]) == float(temperature)
    assert not under["temperature"].endswith((".", ".0", "30"))


@pytest.mark.parametrize(
    ("under", "code"),
    [
        ({"temperature": "3"}, "string_pattern_mismatch"),
        ({"temperature": 1}, "string_type"),
        ({"reasoning": "plenty"}, "string_pattern_mismatch"),
        ({"max_tokens": 0}, "greater_than_equal"),
        ({"weather": "fine"}, "extra_forbidden"),
    ],
)
def test_conditions_that_make_no_sense_are_faults(packs: Path, under: dict[str, Any], code: str) -> None:
    claims_in(packs, lambda claim: claim.update(under=under))
    assert code in [issue.code for issue in check_pack(packs / "api-model", manifest=False).issues]
    with pytest.raises(InvalidDocument):
        stated_claims(packs)


def test_claims_that_the_manifest_names_and_that_are_not_there_are_withheld(packs: Path) -> None:
    (packs / "api-model" / "received").mkdir()
    (packs / "api-model" / "MANIFEST.sha256").rename(packs / "api-model" / "received" / "MANIFEST.sha256")
    (packs / "api-model" / "claims.json").unlink()
    write_manifest(packs / "api-model")
    found = stated_claims(packs)
    assert (found.claims, found.withheld) == ([], ["api-model"])


def test_a_pack_that_never_claimed_anything_withholds_nothing(packs: Path) -> None:
    (packs / "api-model" / "claims.json").unlink()
    found = stated_claims(packs)
    assert (found.claims, found.withheld) == ([], [])


def test_no_packs_at_all(tmp_path: Path) -> None:
    assert stated_claims(tmp_path / "pack").claims == []


@pytest.mark.parametrize(
    "content", ["", "[]", '{"claims": []}', '{"claims": 1, "claims": 2}', "\ud800", "[" * 100_000]
)
def test_strangers_bytes_are_faults_and_never_anything_else(packs: Path, content: str) -> None:
    (packs / "api-model" / "claims.json").write_bytes(content.encode("utf-8", "surrogatepass"))
    with pytest.raises(CountermarkError):
        stated_claims(packs)


def test_a_link_is_not_followed(packs: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere.json"
    (packs / "api-model" / "claims.json").rename(elsewhere)
    (packs / "api-model" / "claims.json").symlink_to(elsewhere)
    with pytest.raises((UnsafePath, InvalidDocument)):
        stated_claims(packs)


def test_claims_beside_a_short_pack_claim_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "pack" / "short"
    folder.mkdir(parents=True)
    (folder / "pack.json").write_text(
        json.dumps(
            {
                "schema": "countermark/release-pack/v0.1",
                "subject": {"id": "reference/x", "kind": "reference", "version": "1", "description": "x"},
            }
        )
    )
    (folder / "claims.json").write_text("{}")
    assert stated_claims(tmp_path / "pack").claims == []


def test_a_claim_under_a_safeguard_that_nobody_described_is_a_fault(packs: Path) -> None:
    claims_in(packs, lambda claim: claim.update(under={"safeguards_on": ["moat"]}))
    found = [(one.code, one.place) for one in check_pack(packs / "api-model", manifest=False).issues]
    assert found == [("unknown-name", "/claims/0/under/safeguards_on")]
