"""An audit's own copy of a pack: read in its place wherever it is the whole of it."""

import shutil
from pathlib import Path

import pytest

from countermark.audit.casting import Role, cast
from countermark.audit.copies import placed, unpacked
from countermark.audit.request import AuditRequest
from countermark.errors import UnknownSubject, UnsafePath, UsageError
from countermark.evidence import SigningKey, sign_part, write_manifest
from countermark.evidence.dsse import PACK_TYPE
from countermark.files import write_atomic
from pack_factory import copied


def kept(request: AuditRequest, copies: Path) -> tuple[AuditRequest, Role]:
    """The request as an audit keeps it, its packs copied as an audit copies them."""
    role = cast(request)[0]
    for name, data in role.pack_files.items():
        write_atomic(copies / role.pack_folder / name, data)
    write_manifest(copies / role.pack_folder)
    return placed(request, {role.source: role.pack_folder}), role


def signed(name: str, directory: Path) -> Path:
    key = SigningKey.generate()
    write_atomic(copied(name, directory) / "keys" / "developer.pub.pem", key.public.pem)
    sign_part(directory, key, PACK_TYPE, {"seed_commitment": "0" * 64})
    return directory


@pytest.mark.parametrize("make", [copied, signed])
def test_a_whole_copy_stands_for_the_pack(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: object
) -> None:
    assert callable(make)
    make("reference-subject", tmp_path / "pack")
    monkeypatch.chdir(tmp_path)
    request, before = kept(AuditRequest(subjects=["pack"], seed="01"), tmp_path / "copies")
    assert request.subjects == [str(tmp_path / "pack")]
    shutil.rmtree(tmp_path / "pack")
    monkeypatch.chdir("/")
    [again] = cast(request, copies=tmp_path / "copies")
    assert (again.id, again.pack, again.character) == (before.id, before.pack, before.character)
    assert (dict(again.pack_files), again.commitment) == (dict(before.pack_files), before.commitment)
    with pytest.raises(UsageError, match="holds no pack any more"):
        cast(request)


def test_a_copy_in_part_does_not(tmp_path: Path) -> None:
    """What is not public says how the subject is asked: without it nothing can go on, and the pack's place is named."""
    pack = signed("api-model", tmp_path / "pack")
    request, before = kept(AuditRequest(subjects=[str(pack)], seed="01"), tmp_path / "copies")
    assert "access.json" not in before.pack_files
    assert cast(request, copies=tmp_path / "copies")[0].settings == before.settings
    shutil.rmtree(pack)
    with pytest.raises(UsageError, match="only the part of it that is public") as raised:
        cast(request, copies=tmp_path / "copies")
    assert str(pack) in raised.value.message


def test_a_copy_that_lost_a_file_is_no_whole_one(tmp_path: Path) -> None:
    copied("reference-subject", tmp_path / "pack")
    _, role = kept(AuditRequest(subjects=[str(tmp_path / "pack")], seed="01"), tmp_path / "copies")
    copy = tmp_path / "copies" / role.pack_folder
    (copy / "received" / "MANIFEST.sha256").write_text("nothing")
    with unpacked(copy) as found:
        assert found is None
    with unpacked(tmp_path / "nosuch") as found:
        assert found is None
    (copy / "link").symlink_to("/etc/passwd")
    with pytest.raises(UnsafePath), unpacked(copy):
        pass


def test_recordings_and_batteries_are_kept_by_their_whole_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("mine", "runs", "core"):
        (tmp_path / name).mkdir()
    request = placed(
        AuditRequest(subjects=["runs", "openai/x", "reference/guarded"], battery="mine", seed="01"), {}
    )
    assert request.subjects == [str(tmp_path / "runs"), "openai/x", "reference/guarded"]
    assert request.battery == str(tmp_path / "mine")
    assert placed(AuditRequest(subjects=[], seed="01"), {}).battery == "core"
    shutil.rmtree(tmp_path / "runs")
    with pytest.raises(UnknownSubject, match="runs does not exist"):
        cast(request)
