"""The record that only grows: hashing, signing, witnessing, withholding; no network, no model."""

from countermark.evidence.codec import from_json, to_bytes, to_json
from countermark.evidence.cosigned import (
    add_cosignature,
    cosigned_sizes,
    read_cosignatures,
    read_witness_keys,
)
from countermark.evidence.directory import log_origin, seal, sign_part
from countermark.evidence.dsse import NS, Statement, open_statement, sign_statement
from countermark.evidence.growth import Growth, LogGrowth
from countermark.evidence.items import format_leaves, item_leaf, item_leaves, items_root
from countermark.evidence.keys import PublicKey, SigningKey, load_or_create_key, parse_public_key
from countermark.evidence.lines import LogLine, read_blob, read_log, root_of_log
from countermark.evidence.log import EvidenceLog
from countermark.evidence.manifest import check_manifest, manifest_of, write_manifest
from countermark.evidence.notes import (
    Checkpoint,
    Cosignature,
    cosign,
    open_cosignature,
    open_note,
    sign_note,
)
from countermark.evidence.parts import read_transcript, to_parts
from countermark.evidence.seed import Nonce, Seed, parse_seed, sample_key
from countermark.evidence.trust import TrustPolicy, WitnessRule, read_trust, remember
from countermark.evidence.witness import Refused, Seen, Submission, Witness, parse_submission
from countermark.evidence.witness_state import WitnessState

__all__ = [
    "NS",
    "Checkpoint",
    "Cosignature",
    "EvidenceLog",
    "Growth",
    "LogGrowth",
    "LogLine",
    "Nonce",
    "PublicKey",
    "Refused",
    "Seed",
    "Seen",
    "SigningKey",
    "Statement",
    "Submission",
    "TrustPolicy",
    "Witness",
    "WitnessRule",
    "WitnessState",
    "add_cosignature",
    "check_manifest",
    "cosign",
    "cosigned_sizes",
    "format_leaves",
    "from_json",
    "item_leaf",
    "item_leaves",
    "items_root",
    "load_or_create_key",
    "log_origin",
    "manifest_of",
    "open_cosignature",
    "open_note",
    "open_statement",
    "parse_public_key",
    "parse_seed",
    "parse_submission",
    "read_blob",
    "read_cosignatures",
    "read_log",
    "read_transcript",
    "read_trust",
    "read_witness_keys",
    "remember",
    "root_of_log",
    "sample_key",
    "seal",
    "sign_note",
    "sign_part",
    "sign_statement",
    "to_bytes",
    "to_json",
    "to_parts",
    "write_manifest",
]
