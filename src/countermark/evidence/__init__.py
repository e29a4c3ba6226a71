"""The record that only grows: hashing, signing, witnessing, withholding; no network, no model."""

from countermark.evidence.codec import from_json, to_bytes, to_json
from countermark.evidence.directory import seal, sign_part
from countermark.evidence.dsse import NS, Statement, open_statement, sign_statement
from countermark.evidence.items import item_leaf, items_root
from countermark.evidence.keys import PublicKey, SigningKey, load_or_create_key, parse_public_key
from countermark.evidence.lines import LogLine, read_blob, read_log, root_of_log
from countermark.evidence.log import EvidenceLog
from countermark.evidence.manifest import check_manifest, manifest_of, write_manifest
from countermark.evidence.notes import Checkpoint, open_note, sign_note
from countermark.evidence.trust import TrustPolicy, read_trust, remember

__all__ = [
    "NS",
    "Checkpoint",
    "EvidenceLog",
    "LogLine",
    "PublicKey",
    "SigningKey",
    "Statement",
    "TrustPolicy",
    "check_manifest",
    "from_json",
    "item_leaf",
    "items_root",
    "load_or_create_key",
    "manifest_of",
    "open_note",
    "open_statement",
    "parse_public_key",
    "read_blob",
    "read_log",
    "read_trust",
    "remember",
    "root_of_log",
    "seal",
    "sign_note",
    "sign_part",
    "sign_statement",
    "to_bytes",
    "to_json",
    "write_manifest",
]
