"""Part of stage 7: what an attacking model is recorded to have said is what was put to the subject, turn by turn."""

from countermark.drivers.attacker import ATTACKER, message_in
from countermark.errors import EvidenceError
from countermark.graders.judged import said
from countermark.records import Transcript


def is_led(transcript: Transcript) -> bool:
    """Whether the state says that a model led the user's side; else the scenario's script was put."""
    return "attack" in transcript.state


def check_led(transcript: Transcript) -> None:
    """Raise `EvidenceError` where a user turn is not the one in the attacker's recorded answer."""
    answers = [said(one) for one in transcript.exchanges if one.role == ATTACKER]
    written = [turn for turn in map(message_in, answers) if turn]
    put = [message.content for message in transcript.messages if message.role == "user"]
    if put != written:
        raise EvidenceError("what was put to the subject is not what the attacker is recorded to have said")
