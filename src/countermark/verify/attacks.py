"""Part of stage 7: what an attacking model is recorded to have said is what was put to the subject, turn by turn."""

from countermark.drivers.attacker import ATTACKER, message_in
from countermark.errors import EvidenceError
from countermark.graders.judged import said
from countermark.records import Plan, Transcript


def check_led(plan: Plan, transcript: Transcript, *, ended: bool) -> bool:
    """Whether a model led the user's side, and then turn by turn as its recorded answers have it; else a script was put.

    Args:
        plan: Whether anybody holds the role.
        transcript: Its state says that a model led, where the attempt came to its end; else the model's answers do.
        ended: The attempt did not fail.

    Raises:
        EvidenceError: A user turn is not the one in the attacker's recorded answer; or nobody can have led.
    """
    answers = [said(one) for one in transcript.exchanges if one.role == ATTACKER]
    if "attack" not in transcript.state and (ended or not answers):
        if answers:
            raise EvidenceError("an attacker was asked, and the state says nothing of it")
        return False
    if plan.role(ATTACKER) is None:
        raise EvidenceError("an attacker is said to have led, and the plan has none")
    written = [turn for turn in map(message_in, answers) if turn]
    put = [message.content for message in transcript.messages if message.role == "user"]
    if put != (written if ended else written[: len(put)]):
        raise EvidenceError("what was put to the subject is not what the attacker is recorded to have said")
    if ended and not put:
        raise EvidenceError("an attacker is said to have led, and put nothing to the subject")
    return True
