"""Part of stage 7: a live subject's turns and the bytes at its provider's boundary say the same. Simulations cost nothing.

Only for drivers that never take a turn back: there each answer is one call, and each call holds all turns before it.
"""

from countermark.errors import EvidenceError
from countermark.graders.wires import Asked, plain_turns, read_asked, read_told
from countermark.records import Exchange, Message, Plan, PlannedTest, Status, TrialRecord
from countermark.verify.opening import Opened
from countermark.verify.turns import SCRIPTED
from countermark.verify.verdict import Notes

_READ = (*SCRIPTED, "world")
_WITHHELD = "[key withheld]"


class Wires:
    """Holds turns and bytes against each other, and counts the answers of which the bytes are not read."""

    def __init__(self, plan: Plan) -> None:
        self._live = frozenset(one.id for one in plan.subjects if one.kind == "live")
        self._cap = plan.rules.max_tokens
        self._answers = self._unread = 0

    def hear(self, test: PlannedTest, record: TrialRecord, opened: Opened) -> None:
        """Look at one attempt that was answered.

        Args:
            test: From the plan.
            record: The attempt's.
            opened: Its transcript, the exchanges disclosed.

        Raises:
            EvidenceError: The bytes lack, or hold another answer, another question or another cap than the turns and the plan.
        """
        if (
            record.subject not in self._live
            or record.status is not Status.OK
            or test.driver not in _READ
            or "messages" in opened.withheld
        ):
            return
        messages = opened.transcript.messages
        places = [place for place, turn in enumerate(messages) if turn.role == "assistant"]
        calls = [one for one in opened.transcript.exchanges if not one.role]
        self._answers += len(places)
        if len(places) != len(calls):  # every door gives the bytes of a call that was answered
            raise EvidenceError(
                f"{len(places)} answers of a live subject, and the bytes of {len(calls)} calls"
            )
        for place, call in zip(places, calls, strict=True):
            self._unread += not self._agrees(call, messages[:place], messages[place])

    def say(self, notes: Notes) -> None:
        """How many answers could be held against their bytes."""
        if self._answers:
            notes.say(
                f"{self._answers - self._unread} of {self._answers} answers of live subjects are those in the bytes beside "
                "them; bytes of other forms are not read"
            )

    def _agrees(self, call: Exchange, before: tuple[Message, ...], turn: Message) -> bool:
        """Whether both sides could be read; raises where they differ."""
        asked, told = read_asked(call.request), read_told(call.response)
        if asked is None or told is None or _WITHHELD in call.response:
            return False
        if told != turn.content:
            raise EvidenceError("an answer of the subject is not the one in the bytes beside it")
        self._check_put(asked, before)
        return True

    def _check_put(self, asked: Asked, before: tuple[Message, ...]) -> None:
        if plain_turns(asked.turns) != plain_turns([(turn.role, turn.content) for turn in before]):
            raise EvidenceError("what was put to the subject is not what the bytes of its request hold")
        if asked.cap != self._cap:
            raise EvidenceError(
                f"the subject was asked for {asked.cap} tokens at most, the plan says {self._cap}"
            )
