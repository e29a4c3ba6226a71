"""`countermark pack` and `key` given the wrong thing: what is wrong is said, nothing is signed, and no key is made."""

import json
from pathlib import Path

import pytest

from cli.test_pack import Desk
from countermark.evidence import SigningKey
from pack_factory import copied


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Desk:
    copied("reference-subject", tmp_path / "pack")
    return Desk(tmp_path, capsys)


def everything(root: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_another_keys_signature_is_not_replaced_unasked(desk: Desk) -> None:
    desk.sign()
    desk.trust()
    assert desk("pack", "accept", desk.pack, "--out", desk.pack, "--home", desk.institute).code == 0
    before = everything(desk.root)
    for options in (
        ("--home", desk.institute),
        ("--home", desk.root / "mistyped"),
        ("--home", desk.institute, "--key", "auditor"),
    ):
        ended = desk("pack", "sign", desk.pack, *options)
        assert ended.code == 2, options
        assert "is signed by" in ended.err
        assert f"countermark pack accept {desk.pack}" in ended.err
        assert "--replace" in ended.err
        assert everything(desk.root) == before
    assert not (desk.root / "mistyped").exists()
    assert "nothing changed" in desk.sign().out, "the key that signed it may sign again"
    assert everything(desk.root) == before
    (desk.pack / "keys" / "developer.pub.pem").write_text("no key")
    assert desk("pack", "sign", desk.pack, "--home", desk.lab).code == 2


def test_a_developer_with_another_key_says_so(desk: Desk) -> None:
    desk.sign()
    ended = desk("pack", "sign", desk.pack, "--home", desk.root / "new", "--replace", "--json")
    assert json.loads(ended.out)["signed"] is True
    assert [one["signer"] for one in desk.shown()["signatures"]] == [json.loads(ended.out)["signer"]]


@pytest.mark.parametrize("words", ["check", "sign", "accept --out a", "publish --out a", "show"])
def test_what_is_no_directory_is_one_fault(desk: Desk, words: str) -> None:
    command, *options = words.split()
    home = () if command in ("check", "publish") else ("--home", desk.root / "nobody")
    for given, said in ((desk.root / "nosuch", ""), (desk.pack / "pack.json", f"in: {desk.pack}")):
        ended = desk("pack", command, given, *options, *home)
        assert ended.code == 2
        assert str(given) in ended.err
        assert said in ended.err
        assert len(ended.err.splitlines()) == 2
    assert not (desk.root / "nobody").exists()
    assert "nosuch: [path-unsafe] does not exist; name the directory" in desk("pack", "check", "nosuch").err


def test_init_refuses_what_no_pack_is_made_of(desk: Desk) -> None:
    variants = ("--variant", "deployed", "--variant", "deployed", "--variant", "foo")
    ended = desk("pack", "init", desk.root / "new", "--model", "openai/x", "--developer", "", *variants)
    assert ended.code == 2
    for said in ("'' names no developer", "no variant 'foo'", "variant deployed stands twice"):
        assert said in ended.err
    assert not (desk.root / "new").exists()


def test_names_that_no_list_of_weights_holds(desk: Desk) -> None:
    folder, weights = copied("open-weights", desk.root / "open"), desk.root / "weights"
    weights.mkdir()
    names = ("a b.bin", "重み.safetensors", "-x", "/etc/passwd", "a/../b")
    (folder / "identity" / "weights.sha256").write_text("".join(f"{'a' * 64}  {name}\n" for name in names))
    ended = desk("pack", "check", folder, "--weights", weights)
    assert ended.code == 2
    said = ended.err.splitlines()[1:]
    assert len(said) == len(names), "and none that follows from these"
    assert "line 1: [sums-name] names 'a b.bin': ' ' cannot stand in a name; rename" in said[0]
    assert "line 2: [sums-ascii] names '重み.safetensors'" in said[1]
    assert "begins with a letter, a digit or _" in said[2]
    assert "from the directory" in said[3]
    assert "no `..`" in said[4]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda key: key.pem(), ["is a private key; give its public part, NAME.pub.pem"]),
        (lambda key: key.public.pem.replace(b"\n", b"\r\n"), ["its lines end in CR LF"]),
        (
            lambda key: b"Hello,\n\n" + key.public.pem + b"\nYours\n",
            ["has text, spaces or empty lines around"],
        ),
        (lambda key: key.public.pem[:-1], ["has text, spaces or empty lines around"]),
        (lambda key: key.public.pem * 2, ["holds 2 keys"]),
        (lambda key: b"Hello\r\n" + key.public.pem * 2, ["holds 2 keys", "CR LF", "has text"]),
    ],
)
def test_what_keeps_a_file_from_being_a_key(desk: Desk, change: object, said: list[str]) -> None:
    assert callable(change)
    file = desk.root / "sent.pem"
    file.write_bytes(change(SigningKey.generate()))
    commands = (
        ("key", "trust", file, "--role", "developer", "--home", desk.institute),
        ("key", "fingerprint", file),
    )
    for command in commands:
        ended = desk(*command)
        assert ended.code == 2
        faults = [line for line in ended.err.splitlines() if line.startswith(f"{file}: [key-refused] ")]
        assert len(faults) == len(said)
        assert all(word in fault for word, fault in zip(said, faults, strict=True))
    assert not desk.institute.exists()


def test_a_fingerprint_is_printed_before_anything_is_trusted(desk: Desk) -> None:
    desk.sign()
    key = desk.pack / "keys" / "developer.pub.pem"
    ended = desk("key", "fingerprint", key)
    assert ended.code == 0
    assert ended.out.strip() == desk.shown()["signatures"][0]["signer"]
    assert json.loads(desk("key", "fingerprint", key, "--json").out)["kind"] == "ed25519"
    assert not desk.institute.exists()


def test_ones_own_acceptance_is_checked_with_ones_own_key(desk: Desk) -> None:
    desk.sign()
    desk.trust()
    desk("pack", "accept", desk.pack, "--out", desk.pack, "--home", desk.institute)
    assert "accepted (B0) by" in (said := desk("pack", "show", desk.pack, "--home", desk.institute).out)
    assert "your own key" in said
    assert "not checked" in desk("pack", "show", desk.pack, "--home", desk.root / "reader").out


def test_an_acceptance_that_has_no_place_makes_no_key(desk: Desk) -> None:
    desk.sign()
    desk.trust()
    (desk.root / "taken.jsonl").write_text("mine")
    ended = desk("pack", "accept", desk.pack, "--out", desk.root / "taken.jsonl", "--home", desk.institute)
    assert ended.code == 2
    assert not (desk.institute / "keys").exists()
