"""The witness's rules, its memory on disk, and the form of what it signs."""

import base64
import hashlib
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_factory import KEY, RUN, make_audit
from countermark.errors import EvidenceError, InvalidDocument, SignerUnknown, UsageError
from countermark.evidence import (
    Checkpoint,
    EvidenceLog,
    Growth,
    LogGrowth,
    Refused,
    Seen,
    SigningKey,
    Submission,
    Witness,
    WitnessRule,
    WitnessState,
    add_cosignature,
    cosign,
    open_cosignature,
    parse_submission,
    read_cosignatures,
    read_trust,
    read_witness_keys,
    remember,
    sign_note,
)
from countermark.evidence.merkle import consistency_proof, leaf_hash, root_of
from countermark.evidence.notes import join_cosigned, split_cosigned

WITNESS = SigningKey.from_seed(b"a witness's key for tests.......")
STRANGER = SigningKey.from_seed(b"a stranger's key for tests......")
ORIGIN = "0123456789abcdef" * 2
NAME = "lab.example/witness"
LEAVES = [leaf_hash(bytes(32), b"%d" % index) for index in range(40)]
OTHER_LEAVES = [*LEAVES[:5], leaf_hash(bytes(32), b"edited"), *LEAVES[6:]]


def note(size: int, leaves: list[bytes] = LEAVES, key: SigningKey = KEY, origin: str = ORIGIN) -> bytes:
    return sign_note(key, Checkpoint(origin=origin, size=size, root_hex=root_of(leaves[:size]).hex()))


def submission(old: int, size: int, leaves: list[bytes] = LEAVES) -> Submission:
    return Submission(old=old, proof=tuple(consistency_proof(leaves[:size], old)), note=note(size, leaves))


def witness(**options: frozenset[str]) -> Witness:
    return Witness(WITNESS, NAME, {}, **options)


def refusal(asked: Witness, sent: Submission, sender: SigningKey | None = KEY) -> Refused:
    before = dict(asked.logs)
    with pytest.raises(Refused) as caught:
        asked.add(sent, sender.public if sender else None, time=1)
    assert dict(asked.logs) == before
    return caught.value


# the form of a cosignature


def test_the_form_is_c2sps() -> None:
    line = cosign(WITNESS, NAME, note(7), 1_700_000_000)
    dash, name, signed = line.decode().removesuffix("\n").split(" ")
    assert (dash, name) == ("—", NAME)
    raw = base64.b64decode(signed)
    assert raw[:4] == hashlib.sha256(NAME.encode() + b"\n\x04" + WITNESS.public.raw).digest()[:4]
    assert int.from_bytes(raw[4:12]) == 1_700_000_000
    text = note(7).partition(b"\n\n")[0] + b"\n"
    assert WITNESS.public.verify(raw[12:], b"cosignature/v1\ntime 1700000000\n" + text)
    found = open_cosignature(line, note(7), [KEY.public, WITNESS.public])
    assert (found.name, found.signer, found.time) == (NAME, WITNESS.public.fingerprint, 1_700_000_000)


def test_every_flipped_byte_of_a_cosignature_is_refused() -> None:
    line = cosign(WITNESS, NAME, note(7), 1_700_000_000)
    for place in range(len(line)):
        for flip in (0x01, 0x10, 0x80):
            changed = bytearray(line)
            changed[place] ^= flip
            with pytest.raises((EvidenceError, SignerUnknown)):
                open_cosignature(bytes(changed), note(7), [WITNESS.public])


def test_a_cosignature_is_of_one_checkpoint_only() -> None:
    line = cosign(WITNESS, NAME, note(7), 1)
    for other in (note(8), note(7, OTHER_LEAVES), note(7, origin="another")):
        with pytest.raises(EvidenceError):
            open_cosignature(line, other, [WITNESS.public])


def test_cosigned_notes_have_one_spelling() -> None:
    lines = [cosign(key, name, note(7), 5) for key, name in ((WITNESS, "b"), (WITNESS, "a"), (STRANGER, "a"))]
    whole = join_cosigned(note(7), lines)
    assert sorted(split_cosigned(whole, note(7))) == sorted(lines)
    assert join_cosigned(note(7), [*lines, lines[0]]) == whole
    renewed = join_cosigned(note(7), [*lines, cosign(WITNESS, "b", note(7), 6)])
    assert len(renewed) == len(whole)
    assert renewed != whole
    bad = [
        note(7),
        whole[:-1],
        whole + b"\n",
        whole + lines[0],
        note(8) + lines[0],
        note(7) + lines[0] + lines[1],
    ]
    for data in bad:
        with pytest.raises(EvidenceError):
            split_cosigned(data, note(7))


@pytest.mark.parametrize("name", ["", "with space", "with+plus", "with\nline", "n" * 201])
def test_names_no_note_can_bear(name: str) -> None:
    with pytest.raises(UsageError, match="name"):
        cosign(WITNESS, name, note(1), 1)


# proofs of a growing log


@given(size=st.integers(0, 200), old=st.integers(0, 200), new=st.integers(0, 200))
def test_growth_proves_what_the_whole_tree_proves(size: int, old: int, new: int) -> None:
    leaves = [leaf_hash(bytes(32), b"%d" % index) for index in range(size)]
    growth = Growth()
    for leaf in leaves:
        growth.append(leaf)
    assert growth.size == size
    if old <= new <= size:
        assert growth.root(new) == root_of(leaves[:new])
        assert growth.proof(old, new) == consistency_proof(leaves[:new], old)
    else:
        with pytest.raises(IndexError):
            growth.proof(old, new)


def test_growth_is_read_while_the_log_is_written(tmp_path: Path) -> None:
    growth = LogGrowth(tmp_path)
    log = EvidenceLog.create(tmp_path, origin=ORIGIN, key=KEY)
    for seq in range(9):
        log.append({"slot": seq, "attempt": 1}, [b"{}"])
        if seq % 4 == 0:
            growth.read_to(seq + 1)
    assert (growth.size, growth.root(9).hex()) == (9, log.close().root_hex)
    with pytest.raises(EvidenceError, match="line 10"):
        growth.read_to(10)


# rules


def test_consistent_growth_is_cosigned_and_remembered() -> None:
    asked = witness()
    for old, size in ((0, 0), (0, 3), (3, 4), (4, 4), (4, 29), (29, 40), (40, 40)):
        line = asked.add(submission(old, size), KEY.public, time=size)
        assert open_cosignature(line, note(size), [WITNESS.public]).time == size
        assert asked.logs[ORIGIN] == Seen(
            size=size, root_hex=root_of(LEAVES[:size]).hex(), key=KEY.public.raw
        )


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40), st.booleans()), max_size=12))
def test_never_two_histories(requests: list[tuple[int, int, bool]]) -> None:
    """Whatever is asked in whatever order, all that was cosigned lies in one history."""
    asked = witness()
    cosigned: list[tuple[int, bool]] = []
    for old, size, edited in requests:
        leaves = OTHER_LEAVES if edited else LEAVES
        proof = tuple(consistency_proof(leaves[:size], old)) if old <= size else ()
        try:
            asked.add(Submission(old=old, proof=proof, note=note(size, leaves)), KEY.public, time=1)
        except Refused:
            continue
        cosigned.append((size, edited))
    assert [size for size, _ in cosigned] == sorted(size for size, _ in cosigned)
    assert len({edited for size, edited in cosigned if size > 5}) <= 1


def test_refusals() -> None:
    asked = witness()
    asked.add(submission(0, 20), KEY.public, time=1)
    fork = Submission(old=20, proof=(), note=note(20, OTHER_LEAVES))
    cases = {
        "another root at the same size": (fork, 409, 20),
        "another history, from the size known": (submission(20, 30, OTHER_LEAVES), 422, None),
        "from a size not the one known": (submission(8, 30), 409, 20),
        "from nothing": (submission(0, 30), 409, 20),
        "shrinking": (Submission(old=20, proof=(), note=note(10)), 400, None),
        "a proof too short": (Submission(old=20, proof=submission(20, 30).proof[:-1], note=note(30)), 422, None),
        "a proof too long": (Submission(old=20, proof=(*submission(20, 30).proof, bytes(32)), note=note(30)), 422, None),
        "a proof where none is due": (Submission(old=20, proof=(bytes(32),), note=note(20)), 422, None),
        "no note": (Submission(old=20, proof=(), note=b"hello"), 400, None),
        "a note by another key": (Submission(old=20, proof=(), note=note(20, key=STRANGER)), 403, None),
    }  # fmt: skip
    for what, (sent, status, size) in cases.items():
        refused = refusal(asked, sent)
        assert (refused.status, refused.size) == (status, size), what


def test_a_log_belongs_to_its_first_key() -> None:
    asked = witness()
    asked.add(submission(0, 5), KEY.public, time=1)
    taken = Submission(old=5, proof=submission(5, 9).proof, note=note(9, key=STRANGER))
    for sender in (STRANGER, KEY, None):
        assert refusal(asked, taken, sender).status == 403
    assert refusal(asked, submission(5, 9), STRANGER).status == 403
    assert asked.add(submission(5, 9), None, time=1)  # known logs need not send the key again


def test_a_new_log_needs_a_good_first_note() -> None:
    asked = witness()
    assert refusal(asked, submission(0, 5), None).status == 404
    assert refusal(asked, submission(0, 5), STRANGER).status == 403
    assert refusal(asked, Submission(old=0, proof=(), note=note(5)[:-5])).status == 400
    wrong_empty = sign_note(KEY, Checkpoint(origin=ORIGIN, size=0, root_hex="00" * 32))
    assert refusal(asked, Submission(old=0, proof=(), note=wrong_empty)).status == 409
    assert not asked.logs


def test_only_trusted_auditors_and_never_itself() -> None:
    asked = witness(auditors=frozenset({STRANGER.public.fingerprint}))
    assert refusal(asked, submission(0, 5)).status == 403
    own = Submission(old=0, proof=(), note=note(5, key=WITNESS))
    assert refusal(witness(), own, WITNESS).status == 403


def test_full() -> None:
    from countermark.evidence import witness as rules

    asked = witness()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rules, "MAX_LOGS", 1)
        asked.add(submission(0, 5), KEY.public, time=1)
        other = Submission(old=0, proof=(), note=note(5, origin="another"))
        assert refusal(asked, other).status == 503
        assert asked.add(submission(5, 6), KEY.public, time=1)


def test_submissions_read_back() -> None:
    sent = submission(5, 23)
    assert parse_submission(sent.to_bytes()) == sent
    assert sent.to_bytes().startswith(b"old 5\n")


@pytest.mark.parametrize(
    "body",
    [b"", b"\n\n", b"old\n\nx", b"old 05\n\nx", b"old -1\n\nx", b"old 1\nnot base64\n\nx", b"old 1",
     b"old 1\n" + b"A" * 43 + b"=\n" * 1, b"old 1\n" + (b"A" * 43 + b"=\n") * 64 + b"\nx", b"old 0\n\n" + b"x" * 20_000],
)  # fmt: skip
def test_malformed_submissions(body: bytes) -> None:
    with pytest.raises(Refused) as caught:
        parse_submission(body)
    assert caught.value.status == 400


@given(st.binary(max_size=300))
def test_any_bytes_are_refused_politely(body: bytes) -> None:
    with pytest.raises(Refused):
        witness().add(parse_submission(body), KEY.public, time=1)


# memory


def test_the_memory_outlives_the_process(tmp_path: Path) -> None:
    first = WitnessState(tmp_path / "state")
    Witness(WITNESS, NAME, first).add(submission(0, 20), KEY.public, time=1)
    first.close()
    (tmp_path / "state" / "logs" / ".draft.json.7.tmp").write_bytes(b"half")
    again = WitnessState(tmp_path / "state")
    assert dict(again) == {ORIGIN: Seen(size=20, root_hex=root_of(LEAVES[:20]).hex(), key=KEY.public.raw)}
    assert refusal(Witness(WITNESS, NAME, again), submission(0, 30, OTHER_LEAVES)).status == 409
    with pytest.raises(TypeError):
        del again[ORIGIN]
    again.close()


def test_one_process_at_a_time(tmp_path: Path) -> None:
    first = WitnessState(tmp_path)
    with pytest.raises(UsageError, match="another witness"):
        WitnessState(tmp_path)
    first.close()
    WitnessState(tmp_path).close()


@pytest.mark.parametrize("damage", ["cut", "empty", "renamed", "another size", "short root"])
def test_a_damaged_memory_is_no_memory(tmp_path: Path, damage: str) -> None:
    state = WitnessState(tmp_path)
    state[ORIGIN] = Seen(size=20, root_hex="0f" * 32, key=KEY.public.raw)
    state.close()
    [path] = (tmp_path / "logs").iterdir()
    whole = path.read_bytes()
    if damage == "renamed":
        path.rename(path.with_name("0" * 64 + ".json"))
    else:
        path.write_bytes({
            "cut": whole[:-9], "empty": b"", "another size": whole.replace(b":20", b":-1"),
            "short root": whole.replace(b"0f" * 32, b"0f"),
        }[damage])  # fmt: skip
    with pytest.raises(InvalidDocument, match="forget"):
        WitnessState(tmp_path)


def test_what_cannot_be_written_is_not_cosigned(tmp_path: Path) -> None:
    state = WitnessState(tmp_path)
    asked = Witness(WITNESS, NAME, state)
    (tmp_path / "logs").rename(tmp_path / "gone")
    (tmp_path / "logs").write_text("no directory")
    with pytest.raises(OSError, match=r"directory|exists"):
        asked.add(submission(0, 20), KEY.public, time=1)
    assert not state
    state.close()


@pytest.mark.parametrize("step", ["os.fsync", "pathlib.Path.replace"])
def test_killed_while_remembering(tmp_path: Path, step: str) -> None:
    """Killed inside the write: either the old size or the new one stands, and the memory opens."""
    code = (
        "import os, pathlib, signal\n"
        "from pathlib import Path\n"
        "from countermark.evidence import Seen, WitnessState\n"
        f"state = WitnessState(Path({str(tmp_path)!r}))\n"
        f"state['a'] = Seen(size=1, root_hex='0f' * 32, key=bytes(32))\n"
        f"def die(*_, **__): os.kill(os.getpid(), signal.SIGKILL)\n"
        f"{step} = die\n"
        f"state['a'] = Seen(size=2, root_hex='0f' * 32, key=bytes(32))\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -signal.SIGKILL
    state = WitnessState(tmp_path)
    assert state["a"].size == 1
    state.close()


# in an audit


def test_cosignatures_are_kept_beside_the_checkpoints(tmp_path: Path) -> None:
    audit = make_audit(tmp_path / "audit")
    path = audit / RUN / "checkpoints" / "00000008.note"
    line = cosign(WITNESS, NAME, path.read_bytes(), 9)
    add_cosignature(audit, 8, line, WITNESS.public)
    add_cosignature(audit, 8, cosign(STRANGER, "other", path.read_bytes(), 9), STRANGER.public)
    keys = read_witness_keys(audit)
    found, strangers = read_cosignatures(audit, 8, keys)
    assert [one.name for one in found] == [NAME, "other"]
    assert not strangers
    found, strangers = read_cosignatures(audit, 8, [WITNESS.public])
    assert [one.name for one in found] == [NAME]
    assert "other" in strangers[0]
    (audit / "keys/witness" / f"{'0' * 64}.pub.pem").write_bytes(WITNESS.public.pem)
    with pytest.raises(EvidenceError, match="not named by its fingerprint"):
        read_witness_keys(audit)


# whether a reader asks for witnesses


def test_a_policy_keeps_its_demand(tmp_path: Path) -> None:
    rule = WitnessRule(required=1, of=("witness",))
    assert remember(tmp_path, WITNESS.public, "witness", required=1).witnesses == rule
    remember(tmp_path, KEY.public)
    assert read_trust(tmp_path).witnesses == rule
    assert read_trust(tmp_path).trusts(KEY.public.fingerprint, "auditor")


@pytest.mark.parametrize(
    "rule",
    ["null", "1", "[]", "{}", '{"required":1}', '{"required":0,"of":["witness"]}', '{"required":true,"of":["witness"]}',
     '{"required":17,"of":["witness"]}', '{"required":"1","of":["witness"]}', '{"required":1,"of":[]}',
     '{"required":1,"of":["auditor"]}', '{"required":1,"of":[[]]}', '{"required":1,"of":"witness"}',
     '{"required":1,"of":["witness"],"more":1}'],
)  # fmt: skip
def test_malformed_demands(tmp_path: Path, rule: str) -> None:
    (tmp_path / "trust.json").write_text(
        f'{{"roles":{{}},"schema":"countermark/trust/v0.1","witnesses":{rule}}}'
    )
    with pytest.raises(InvalidDocument, match="trust-malformed"):
        read_trust(tmp_path)


def test_an_audit_is_drawn_and_run_once() -> None:
    """A log's name ends in the digest of its draw: a second draw of one audit is a second log, and is refused."""
    witness = Witness(WITNESS, "lab.example/witness", {})
    for origin, expected in (
        (f"{'0' * 32}/{'1' * 64}", None),
        (f"{'0' * 32}/{'2' * 64}", 403),
        (f"{'3' * 32}/{'1' * 64}", None),
    ):
        log = note(0, [], origin=origin)
        asked = Submission(old=0, proof=(), note=log)
        if expected is None:
            assert witness.add(asked, KEY.public, time=1)
        else:
            with pytest.raises(Refused, match="once") as refused:
                witness.add(asked, KEY.public, time=1)
            assert refused.value.status == expected
