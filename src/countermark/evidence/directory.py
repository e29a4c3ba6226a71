"""The audit directory's parts, and sealing them: manifest over every file, one signature over the manifest, last."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from countermark.canonical import InvalidJson, decode, digest, encode
from countermark.evidence.dsse import REPORT_TYPE, sign_statement
from countermark.evidence.keys import PublicKey, SigningKey
from countermark.evidence.manifest import MANIFEST, OUTSIDE, SIGNATURES, hash_file, write_manifest
from countermark.files import read_capped, write_atomic

PLAN = "plan/plan.json"
DRAW = "draw/draw.json"
RUN = "evidence/run-1"
REPORT = "report/report.json"
PAGE = "report/index.html"
TRIALS = "trials.parquet"
HOW_TO_CHECK = "VERIFY.txt"
AUDITOR_KEY = "keys/auditor.pub.pem"
PLANNER_KEY = "auditor.pub.pem"
"""In plan/, which goes to the developer alone: whose signature it bears. The same key as `AUDITOR_KEY`."""
_MAX_REPORT = 256 * 1024 * 1024
_TEMPLATE = Path(__file__).parent / HOW_TO_CHECK


def log_origin(audit: str, draw: bytes) -> str:
    """The log's name: the audit's and the digest of draw.json, so that a witness who has seen it holds both fixed."""
    return f"{audit}/{digest(draw)}"


def sign_part(
    directory: Path,
    key: SigningKey,
    predicate_type: str,
    predicate: Mapping[str, Any],
    *,
    passing: Iterable[str] = (),
) -> str:
    """Fix one part (plan/, pack/<subject>/): its MANIFEST.sha256, then one signature over it.

    Args:
        directory: The part.
        key: Signs it.
        predicate_type: What kind of statement.
        predicate: The statement.
        passing: Files the manifest leaves out because the caller removes them once the signature stands.

    Returns:
        SHA-256 of the manifest: the part's identity, `pack_digest` for a pack.

    Raises:
        InvalidDocument: The part holds a link, a name no audit may hold, or nothing.
    """
    _remove_leftovers(directory)
    subject = digest(write_manifest(directory, (*OUTSIDE, *passing)))
    write_atomic(directory / SIGNATURES, sign_statement(key, predicate_type, {MANIFEST: subject}, predicate))
    return subject


def seal(
    audit_dir: Path, key: SigningKey, predicate: Mapping[str, Any], *, passing: Iterable[str] = ()
) -> None:
    """Seal an audit: VERIFY.txt, the auditor's claimed key, the manifest over all files, then the signature over it.

    Sealing again gives the same bytes. Empty directories and drafts of a stopped writer are removed first.

    Args:
        audit_dir: With plan/plan.json, evidence/run-1 (closed) and report/report.json in place.
        key: The auditor's, the same that signed the plan and the checkpoints.
        predicate: `origin`, `size` and `root` of the log, and what else the auditor declares; `plan_sha256` and
            `report_sha256` are added here, and `numbers_sha256`, which holds in redacted copies too.
        passing: As for `sign_part`.

    Raises:
        InvalidDocument: A part is missing, or a link or unusable name lies in the directory.
    """
    bound = {
        "plan_sha256": hash_file(audit_dir / PLAN, name=PLAN),
        "report_sha256": hash_file(audit_dir / REPORT, name=REPORT),
        "numbers_sha256": numbers_digest(read_capped(audit_dir / REPORT, max_bytes=_MAX_REPORT)),
    }
    write_atomic(audit_dir / HOW_TO_CHECK, how_to_check(key.public))
    write_atomic(audit_dir / AUDITOR_KEY, key.public.pem)
    sign_part(audit_dir, key, REPORT_TYPE, {**predicate, **bound}, passing=passing)


def numbers_digest(report: bytes) -> str:
    """SHA-256 of the report's canonical JSON without its events: what no withholding of transcripts may change."""
    try:
        value = decode(report, max_bytes=_MAX_REPORT, floats=False)
        return digest(encode(value | {"events": []} if isinstance(value, dict) else value))
    except InvalidJson:
        return digest(report)


def how_to_check(key: PublicKey) -> bytes:
    """The text of VERIFY.txt: checking the seal with sha256sum and openssl alone."""
    return _TEMPLATE.read_bytes().replace(b"{fingerprint}", key.fingerprint.encode())


def _remove_leftovers(directory: Path) -> None:
    """Drafts that a stopped `write_atomic` left, and directories that hold nothing: a manifest could not name them."""
    for path in sorted(directory.rglob("*"), reverse=True):
        if path.is_symlink():
            continue  # left for the manifest to refuse
        draft = path.name.startswith(".") and path.name.endswith(".tmp") and path.is_file()
        if draft:
            path.unlink()
        elif path.is_dir() and not any(path.iterdir()):
            path.rmdir()
