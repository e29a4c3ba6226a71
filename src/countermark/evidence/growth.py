"""A growing log with all its complete subtrees, so that a proof of consistency costs a few look-ups, not a re-hash."""

from pathlib import Path

from countermark.canonical import InvalidJson
from countermark.evidence.lines import MAX_LINE, damaged, open_records, split_line
from countermark.evidence.merkle import EMPTY_ROOT, leaf_hash, node_hash


class Growth:
    """Leaves and nodes of a tree by level: 64 bytes a leaf. Roots and proofs for any earlier size."""

    def __init__(self) -> None:
        self._levels = [bytearray()]

    @property
    def size(self) -> int:
        """How many leaves were appended."""
        return len(self._levels[0]) // 32

    def append(self, leaf: bytes) -> None:
        """Add one leaf hash."""
        value = leaf
        for level in range(len(self._levels)):
            row = self._levels[level]
            row += value
            if len(row) % 64:
                return
            value = node_hash(bytes(row[-64:-32]), bytes(row[-32:]))
        self._levels.append(bytearray(value))

    def root(self, size: int) -> bytes:
        """The root over the first `size` leaves. Raises `IndexError` where there are fewer."""
        if not 0 <= size <= self.size:
            raise IndexError(f"{size} of {self.size} leaves")
        return self._range(0, size) if size else EMPTY_ROOT

    def proof(self, old: int, new: int) -> list[bytes]:
        """As `merkle.consistency_proof`, from the first `old` leaves to the first `new`. Raises `IndexError`."""
        if not 0 <= old <= new <= self.size:
            raise IndexError(f"{old} and {new} of {self.size} leaves")
        return self._steps(old, 0, new, whole=True) if 0 < old < new else []

    def _range(self, start: int, count: int) -> bytes:
        """The root over `count` leaves from `start`, which is where a subtree of at least that size begins."""
        if count & (count - 1) == 0:
            row, place = self._levels[count.bit_length() - 1], 32 * (start // count)
            return bytes(row[place : place + 32])
        split = _split(count)
        return node_hash(self._range(start, split), self._range(start + split, count - split))

    def _steps(self, old: int, start: int, count: int, *, whole: bool) -> list[bytes]:
        if old == count:
            return [] if whole else [self._range(start, count)]
        split = _split(count)
        if old <= split:
            rest = self._range(start + split, count - split)
            return [*self._steps(old, start, split, whole=whole), rest]
        steps = self._steps(old - split, start + split, count - split, whole=False)
        return [*steps, self._range(start, split)]


class LogGrowth(Growth):
    """The growth of a run's records.jsonl, read as far as it is asked for while another thread writes it."""

    def __init__(self, run_dir: Path) -> None:
        super().__init__()
        self._dir = run_dir
        self._offset = 0

    def read_to(self, size: int) -> None:
        """Read on until `size` leaves are known. Raises `EvidenceError` where the log holds fewer whole lines."""
        if size <= self.size:
            return
        with open_records(self._dir) as file:
            file.seek(self._offset)
            while self.size < size:
                line = file.readline(MAX_LINE + 1)
                try:
                    salt, record = split_line(line)
                except (InvalidJson, ValueError) as error:
                    raise damaged(self.size, str(error)) from error
                self.append(leaf_hash(salt, record))
                self._offset += len(line)


def _split(count: int) -> int:
    return 1 << (count - 1).bit_length() - 1
