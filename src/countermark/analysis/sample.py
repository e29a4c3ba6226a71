"""The random sample of transcripts: fixed by a key before the first call, whatever the transcripts say.

The slots of a subject and test are put in the order of HMAC-SHA256(sample key, slot), both as text (the key's 64
hexadecimal digits, the slot's number in decimal), and the first so many with an attempt are shown. Anybody replays it:
`printf 17 | openssl dgst -sha256 -hmac KEY`.
"""

import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence

from countermark.records import Status, TrialRecord

Cell = tuple[str, str]
"""Test and subject."""


def rank(sample_key: str, slot: int) -> bytes:
    """A slot's place in the order of the sample: 32 bytes that sort."""
    return hmac.digest(sample_key.encode(), str(slot).encode(), hashlib.sha256)


def sampled(
    finals: Mapping[Cell, Sequence[tuple[int, TrialRecord]]], sample_key: str, count: int
) -> dict[Cell, list[tuple[int, TrialRecord]]]:
    """The random sample of each cell.

    Args:
        finals: The final attempt of each slot with its place in the log, by test and subject.
        sample_key: From the draw.
        count: How many a cell.

    Returns:
        At most `count` a cell, whatever their outcome; slots that were never attempted are passed over.
    """
    return {
        cell: sorted(_attempted(pairs), key=lambda pair: rank(sample_key, pair[1].slot))[:count]
        for cell, pairs in finals.items()
    }


def _attempted(pairs: Iterable[tuple[int, TrialRecord]]) -> Iterable[tuple[int, TrialRecord]]:
    return (pair for pair in pairs if pair[1].status is not Status.NOT_RUN)
