"""The scenarios that transcripts show, held against what the draw committed to."""

from collections import Counter
from collections.abc import Mapping, Sequence
from hashlib import sha256

from countermark.errors import EvidenceError
from countermark.evidence.items import item_salt
from countermark.evidence.merkle import leaf_hash, root_of
from countermark.evidence.reveal import RevealedItem
from countermark.records import PlannedTest
from countermark.verify.verdict import Notes


class Items:
    """The scenario of each item, by its leaf; all subjects that ran an item must have met the same one.

    Args:
        seed: The audit's, or None where it is withheld.
        revealed: What reveal/items.jsonl says of items, by test and item.
        leaves: Those of the draw, by test, in item order.
    """

    def __init__(
        self,
        seed: str | None,
        revealed: Mapping[tuple[str, int], RevealedItem],
        leaves: Mapping[str, Sequence[bytes]],
    ) -> None:
        self._seed = seed
        self._revealed = revealed
        self._seen: dict[tuple[str, int], bytes] = {}
        self._unsalted: Counter[str] = Counter()
        self._leaves = {test: dict(enumerate(own)) for test, own in leaves.items()}
        for (test, item), one in revealed.items():
            if one.leaf is not None:
                self._leaves.setdefault(test, {}).setdefault(item, one.leaf)

    def take(self, test: str, item: int, scenario: bytes) -> None:
        """Note the scenario, given as its exact bytes.

        Raises:
            EvidenceError: It is not the one seen before, or not the one of the leaf given for it.
        """
        spelling = sha256(scenario).digest()
        before = self._seen.setdefault((test, item), spelling)
        if before is not spelling:
            if before != spelling:
                raise EvidenceError(f"item {item} of {test} was another scenario in an earlier transcript")
            return
        salt = self._salt(test, item)
        if salt is None:
            self._unsalted[test] += 1
            return
        leaf = leaf_hash(salt, scenario)
        if self._leaves.setdefault(test, {}).setdefault(item, leaf) != leaf:
            raise EvidenceError(f"item {item} of {test} is another scenario than was drawn")

    def check(self, test: PlannedTest, root: str, notes: Notes) -> None:
        """Whether the test's scenarios are those that the draw committed to, once all their leaves are known."""
        leaves = self._leaves.get(test.id, {})
        if len(leaves) < test.items:
            notes.partial(
                f"{test.id}: {len(leaves)} of {test.items} scenarios are disclosed, so their root stays unchecked"
            )
        elif root_of(leaves[index] for index in sorted(leaves)).hex() != root:
            notes.wrong(f"{test.id}: its scenarios are not those that the plan committed to")
        if self._unsalted[test.id]:
            notes.partial(
                f"{test.id}: {self._unsalted[test.id]} scenarios that transcripts show are not held against what was drawn: "
                "neither the seed nor their salts are disclosed"
            )

    def _salt(self, test: str, item: int) -> bytes | None:
        if self._seed is not None:
            return item_salt(self._seed, test, item)
        one = self._revealed.get((test, item))
        return one.salt if one else None
