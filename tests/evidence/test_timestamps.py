"""Time stamps: queries as openssl makes them, replies believed only from a root that the reader names."""

import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given, settings
from hypothesis import strategies as st

from countermark.errors import EvidenceError, SignerUnknown, UsageError
from countermark.evidence import timestamps
from countermark.evidence.timestamps import check_stamp, is_of, query, require_extra
from servers.authority import DAY, Authority, needs_openssl

pytestmark = needs_openssl
DATA = b"0" * 64 + b"  a manifest\n"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tsa") / "authority")


@pytest.fixture(scope="module")
def reply(authority: Authority) -> bytes:
    return authority.reply(query(DATA))


def openssl(*arguments: object) -> str:
    done = subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, text=True)
    return done.stdout


def test_the_query_is_openssls(tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(DATA)
    openssl(
        "ts",
        "-query",
        "-data",
        tmp_path / "data",
        "-sha256",
        "-cert",
        "-no_nonce",
        "-out",
        tmp_path / "query",
    )
    assert query(DATA) == (tmp_path / "query").read_bytes()


@given(nonce=st.integers(0, 2**64))
@settings(max_examples=10)
def test_openssl_reads_the_nonce(nonce: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("nonce") / "query"
    path.write_bytes(query(DATA, nonce=nonce))
    shown = openssl("ts", "-query", "-in", path, "-text")
    [line] = [line for line in shown.splitlines() if line.startswith("Nonce:")]
    assert int(line.removeprefix("Nonce: "), 0) == nonce


def test_a_stamp_holds_under_its_root(authority: Authority, reply: bytes) -> None:
    found = check_stamp(reply, DATA, [authority.root])
    assert found.authority == "CN=A keeper of time"
    # One second of accuracy is added: the data existed by then at the latest.
    assert abs(found.time - 1 - time.time()) < 3600


def test_a_stamp_is_of_its_bytes_alone(authority: Authority, reply: bytes) -> None:
    assert is_of(reply, DATA)
    assert not is_of(reply, DATA + b"\n")
    with pytest.raises(EvidenceError, match="of other bytes"):
        check_stamp(reply, DATA + b"\n", [authority.root])


@pytest.mark.parametrize("algorithm", ["sha384", "sha512"])
def test_longer_hashes_count_and_are_not_confused(
    authority: Authority, tmp_path: Path, algorithm: str
) -> None:
    (tmp_path / "data").write_bytes(DATA)
    openssl("ts", "-query", "-data", tmp_path / "data", f"-{algorithm}", "-cert", "-out", tmp_path / "query")
    made = authority.reply((tmp_path / "query").read_bytes())
    assert check_stamp(made, DATA, [authority.root]).authority
    assert not is_of(made, DATA[1:])


def test_no_root_no_belief(tmp_path: Path, authority: Authority, reply: bytes) -> None:
    other = Authority(tmp_path / "other")
    with pytest.raises(SignerUnknown, match="no root is trusted"):
        check_stamp(reply, DATA, [])
    with pytest.raises(SignerUnknown, match="no root that you trust"):
        check_stamp(reply, DATA, [other.root])
    assert check_stamp(reply, DATA, [other.root, authority.root])
    # The signer's own certificate is no root, though it travels with every reply.
    with pytest.raises(SignerUnknown):
        check_stamp(reply, DATA, [(authority.folder / "signer.pem").read_bytes()])


@pytest.mark.parametrize(
    ("usage", "critical"),
    [
        ([ExtendedKeyUsageOID.CODE_SIGNING], True),
        ([ExtendedKeyUsageOID.TIME_STAMPING], False),
        ([ExtendedKeyUsageOID.TIME_STAMPING, ExtendedKeyUsageOID.CODE_SIGNING], True),
    ],
)
def test_a_certificate_for_something_else_stamps_nothing(
    tmp_path: Path, reply: bytes, usage: list, critical: bool
) -> None:
    wrong = Authority(tmp_path / "wrong", usage=usage, critical=critical)
    with pytest.raises(EvidenceError, match="not for stamping time alone"):
        check_stamp(wrong.resigned(reply), DATA, [wrong.root])
    proper = Authority(tmp_path / "proper")
    assert check_stamp(proper.resigned(reply), DATA, [proper.root])


@pytest.mark.parametrize("valid", [(-20 * DAY, -10 * DAY), (10 * DAY, 20 * DAY)], ids=["past", "future"])
def test_the_chain_holds_at_the_time_of_stamping(tmp_path: Path, valid: tuple[timedelta, timedelta]) -> None:
    made = (late := Authority(tmp_path / "late", valid=valid)).reply(query(DATA))
    with pytest.raises(SignerUnknown, match="for its time"):
        check_stamp(made, DATA, [late.root])


def test_a_certificate_that_has_run_out_since_is_no_harm(tmp_path: Path, reply: bytes) -> None:
    past = Authority(tmp_path / "past", valid=(-20 * DAY, -10 * DAY))
    now = int(time.time())
    then = now - 15 * 86400
    assert check_stamp(past.resigned(reply, seconds=then), DATA, [past.root]).time == then + 1
    for outside in (now, now - 25 * 86400):
        with pytest.raises(SignerUnknown, match="for its time"):
            check_stamp(past.resigned(reply, seconds=outside), DATA, [past.root])


def test_the_nonce_is_the_one_asked_for(authority: Authority) -> None:
    made = authority.reply(query(DATA, nonce=7))
    assert check_stamp(made, DATA, [authority.root], nonce=7)
    for other in (8, 0):
        with pytest.raises(EvidenceError, match="nonce"):
            check_stamp(made, DATA, [authority.root], nonce=other)
    with pytest.raises(EvidenceError, match="nonce"):
        check_stamp(authority.reply(query(DATA)), DATA, [authority.root], nonce=7)


def test_a_refusal_is_told(authority: Authority) -> None:
    asked = bytearray(query(DATA))
    asked[4] = 9  # a version that no authority knows
    with pytest.raises(EvidenceError, match="was not granted"):
        check_stamp(authority.reply(bytes(asked)), DATA, [authority.root])


def test_certificates_out_of_order_are_explained(tmp_path: Path, authority: Authority) -> None:
    """openssl writes the SET as it is given; DER wants it sorted, and one of the two orders is not."""
    replies = []
    for number in range(12):
        chain = tmp_path / f"{number}.pem"
        chain.write_bytes(Authority(tmp_path / f"a{number}").root + authority.root)
        replies.append(authority.reply(query(DATA), "-chain", str(chain)))
    refused = []
    for made in replies:
        try:
            check_stamp(made, DATA, [authority.root])
        except EvidenceError as error:
            refused.append(error)
    assert refused
    assert all("certificates are not in order" in error.message and error.hint for error in refused)


@given(data=st.data())
@settings(max_examples=300)
def test_no_byte_of_a_reply_can_change(data: st.DataObject, authority: Authority, reply: bytes) -> None:
    """A changed reply is refused, or says the very same: what is unsigned in it changes nothing that is believed."""
    place = data.draw(st.integers(0, len(reply) - 1))
    changed = bytearray(reply)
    changed[place] ^= data.draw(st.integers(1, 255))
    try:
        found = check_stamp(bytes(changed), DATA, [authority.root])
    except (EvidenceError, SignerUnknown):
        return
    assert found == check_stamp(reply, DATA, [authority.root])


@given(junk=st.binary(max_size=300))
def test_junk_is_refused(junk: bytes) -> None:
    with pytest.raises(EvidenceError):
        is_of(junk, DATA)


def test_too_long_is_refused() -> None:
    with pytest.raises(EvidenceError, match="over"):
        is_of(bytes(70_000), DATA)


def test_without_the_extra_it_is_said(monkeypatch: pytest.MonkeyPatch, reply: bytes) -> None:
    monkeypatch.setattr(timestamps, "find_spec", lambda _: None)
    with pytest.raises(UsageError, match="extra tsa"):
        require_extra()
    with pytest.raises(UsageError, match="extra tsa"):
        is_of(reply, DATA)


def test_the_extra_is_loaded_only_when_a_stamp_is_read() -> None:
    code = "import countermark.evidence.timestamps, countermark.verify, sys; print('rfc3161_client' in sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert shown == "False\n"
