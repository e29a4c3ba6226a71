"""Merkle trees as in RFC 6962 and RFC 9162, with salted leaves.

Three prefixes keep the kinds of hash apart: 0x00 a leaf, 0x01 a node, 0x02 a blob. Hashes are 32 bytes.
"""

from collections.abc import Iterable, Sequence
from hashlib import sha256

EMPTY_ROOT = sha256(b"").digest()


def leaf_hash(salt: bytes, record: bytes) -> bytes:
    """SHA-256 of 0x00, the 32-byte salt and the record: a leaf nobody can guess back to a record."""
    return sha256(b"\x00" + salt + record).digest()


def blob_commitment(salt: bytes, data: bytes) -> bytes:
    """SHA-256 of 0x02, the 32-byte salt and the data: binds a transcript without showing it."""
    return sha256(b"\x02" + salt + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256 of 0x01 and both children."""
    return sha256(b"\x01" + left + right).digest()


class Frontier:
    """The right edge of a growing tree: all that is needed to append and to know the root, at most 64 hashes."""

    __slots__ = ("_peaks", "_size")

    def __init__(self) -> None:
        self._size = 0
        self._peaks: list[bytes] = []

    @property
    def size(self) -> int:
        """How many leaves were appended."""
        return self._size

    @property
    def state(self) -> tuple[bytes, ...]:
        """Roots of the complete subtrees from the left, one for each bit set in `size`."""
        return tuple(self._peaks)

    def append(self, leaf: bytes) -> None:
        """Add one leaf hash."""
        peaks, low = self._peaks, self._size
        while low & 1:
            leaf = sha256(b"\x01" + peaks.pop() + leaf).digest()
            low >>= 1
        peaks.append(leaf)
        self._size += 1

    def root(self) -> bytes:
        """The root over all leaves so far; the hash of nothing for an empty tree."""
        if not self._peaks:
            return EMPTY_ROOT
        root = self._peaks[-1]
        for peak in reversed(self._peaks[:-1]):
            root = node_hash(peak, root)
        return root


def root_of(leaves: Iterable[bytes]) -> bytes:
    """The root over leaf hashes."""
    level = list(leaves)
    while len(level) > 1:  # level by level; a last one without a neighbour goes up as it is
        odd = level[-1:] if len(level) % 2 else []
        pairs = zip(level[::2], level[1::2], strict=False)
        level = [sha256(b"\x01" + left + right).digest() for left, right in pairs] + odd
    return level[0] if level else EMPTY_ROOT


def inclusion_proof(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """The audit path of leaf `index`, from the leaf up (RFC 6962, 2.1.1). Raises `IndexError`."""
    if not 0 <= index < len(leaves):
        raise IndexError(f"leaf {index} of {len(leaves)}")
    if len(leaves) == 1:
        return []
    split = _split(len(leaves))
    left, right = leaves[:split], leaves[split:]
    if index < split:
        return [*inclusion_proof(left, index), root_of(right)]
    return [*inclusion_proof(right, index - split), root_of(left)]


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether `proof` shows that `leaf` stands at `index` in the tree of `size` leaves under `root` (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    here, last, value = index, size - 1, leaf
    for step in proof:
        if last == 0:
            return False
        if here & 1 or here == last:
            value = node_hash(step, value)
            here, last = _skip_even(here, last)
        else:
            value = node_hash(value, step)
        here, last = here >> 1, last >> 1
    return last == 0 and value == root


def consistency_proof(leaves: Sequence[bytes], old: int) -> list[bytes]:
    """Hashes that show the first `old` leaves to be a prefix of all (RFC 6962, 2.1.2). Raises `IndexError`."""
    if not 0 <= old <= len(leaves):
        raise IndexError(f"{old} of {len(leaves)} leaves")
    return _subproof(leaves, old, whole=True) if 0 < old < len(leaves) else []


def verify_consistency(old: int, new: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes) -> bool:
    """Whether `proof` shows that the tree of `new` leaves only grew from the one of `old` leaves (RFC 9162, 2.1.4.2)."""
    if not 0 <= old <= new:
        return False
    if old == new:
        return not proof and old_root == new_root
    if old == 0:
        return not proof and old_root == EMPTY_ROOT
    path = list(proof) if old & (old - 1) else [old_root, *proof]
    if not path:
        return False
    here, last = _skip_odd(old - 1, new - 1)
    first = second = path[0]
    for step in path[1:]:
        if last == 0:
            return False
        if here & 1 or here == last:
            first, second = node_hash(step, first), node_hash(step, second)
            here, last = _skip_even(here, last)
        else:
            second = node_hash(second, step)
        here, last = here >> 1, last >> 1
    return last == 0 and first == old_root and second == new_root


def _split(size: int) -> int:
    return 1 << (size - 1).bit_length() - 1


def _skip_odd(here: int, last: int) -> tuple[int, int]:
    """Both places one level up while `here` is odd: the old tree's edge is a whole subtree on those levels."""
    while here & 1:
        here, last = here >> 1, last >> 1
    return here, last


def _skip_even(here: int, last: int) -> tuple[int, int]:
    """Both places one level up while `here` is even and not 0: on those levels the edge node has no sibling."""
    while here and not here & 1:
        here, last = here >> 1, last >> 1
    return here, last


def _subproof(leaves: Sequence[bytes], old: int, *, whole: bool) -> list[bytes]:
    if old == len(leaves):
        return [] if whole else [root_of(leaves)]
    split = _split(len(leaves))
    left, right = leaves[:split], leaves[split:]
    if old <= split:
        return [*_subproof(left, old, whole=whole), root_of(right)]
    return [*_subproof(right, old - split, whole=False), root_of(left)]
