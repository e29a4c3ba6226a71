"""Part of stage 7: a model in a role is the one in the plan, asked as the plan has it, with nothing put in beside its own words.

A judge's whole request is made again where its verdict is read (`graders.judged`). What another role is told depends on what
went before, and on options of its driver that no plan holds: its turns are counted, and looked at for what no driver sends.
"""

from collections import Counter
from collections.abc import Sequence

from countermark.drivers.prompts import is_filled
from countermark.errors import EvidenceError
from countermark.graders.judged import said
from countermark.graders.wires import Asked, read_asked
from countermark.records import Exchange, Plan, PlannedRole, PlannedTest
from countermark.verify.verdict import Notes

_NOT_SENT = "not sent"
_OPERATOR = ("system", "developer")
_WITH_TOOLS = "auditor"
_FRAMES = {"attacker": "attacker_system.md", "auditor": "auditor_system.md", "world": "person_system.md"}
_LEADS_ITSELF = "petri"


class Roles:
    """Holds every call of a role against the plan, and counts what cannot be."""

    def __init__(self, plan: Plan) -> None:
        self._roles: dict[str, PlannedRole] = {one.role: one for one in plan.roles}
        self._unread: Counter[str] = Counter()
        self._strange: Counter[str] = Counter()

    def hear(self, test: PlannedTest, exchanges: Sequence[Exchange]) -> None:
        """Look at the calls of one attempt; the subject's own are left out.

        Raises:
            EvidenceError: A role that the plan has not, another model or setting, another system text, tools, or a beginning put
                into the model's mouth.
        """
        before: dict[str, list[Exchange]] = {}
        for one in exchanges:
            if one.role:
                planned = self._roles.get(one.role)
                if planned is None:
                    raise EvidenceError(
                        f"a model was asked as {one.role[:60]!r}, a role that the plan has not"
                    )
                self._hear(test, one, planned, before.setdefault(one.role, []))
                before[one.role].append(one)

    def say(self, notes: Notes) -> None:
        """How many calls are of no form that is read, or begin with words that another version may have had."""
        for role, count in sorted(self._unread.items()):
            notes.partial(
                f"{count} calls of the {role} are in a form that is not read: model and settings are not seen"
            )
        for role, count in sorted(self._strange.items()):
            if count:
                notes.partial(
                    f"{count} calls of the {role} were made under another system text than this version's"
                )

    def _hear(
        self, test: PlannedTest, exchange: Exchange, planned: PlannedRole, before: Sequence[Exchange]
    ) -> None:
        asked = read_asked(exchange.request)
        # A call that failed before anything came back left its turns alone, which name no model.
        if asked is None or (not asked.model and said(exchange)):
            self._unread[planned.role] += 1
            return
        fault = _other_settings(asked, planned) if asked.model else ""
        if test.driver != _LEADS_ITSELF:
            fault = fault or _other_words(asked, planned)
            # A door may leave a blank answer out of what it sends next, so that turns cannot be counted any more.
            if all(said(one).strip() for one in before):
                fault = fault or _other_turns(asked, planned, len(before))
            frame = _FRAMES.get(planned.role)
            self._strange[planned.role] += bool(
                frame and asked.turns and not is_filled(frame, asked.turns[0][1])
            )
        if fault:
            raise EvidenceError(f"the {planned.role} was asked {fault}")


def _other_settings(asked: Asked, planned: PlannedRole) -> str:
    if asked.model not in (planned.model, planned.model.partition("/")[2]):
        return f"as the model {asked.model[:200]!r}, the plan says {planned.model!r}"
    temperature, reasoning = planned.settings.get("temperature"), planned.settings.get("reasoning")
    if temperature is not None and asked.temperature != _sent(temperature):
        return f"at temperature {asked.temperature}, the plan says {temperature}"
    if reasoning is not None and asked.reasoning != (None if reasoning.startswith(_NOT_SENT) else reasoning):
        return f"with reasoning {asked.reasoning}, the plan says {reasoning}"
    return ""


def _other_words(asked: Asked, planned: PlannedRole) -> str:
    by = [role for role, _ in asked.turns]
    if by[:1] != ["system"] or any(role in _OPERATOR for role in by[1:]):
        return "under no system text, or under more than one"
    if by[-1] == "assistant":
        return "with the beginning of its answer put into its mouth"
    if asked.tools and planned.role != _WITH_TOOLS:
        return "with tools, which it has not"
    return f"with {', '.join(asked.more)[:200]}, which no runner sends" if asked.more else ""


def _other_turns(asked: Asked, planned: PlannedRole, before: int) -> str:
    """Who is asked on sees the system text, one turn, and two more for each answer; a mail is asked for once more at most."""
    due = {"attacker": [2 * before + 2], "world": [2, 4]}.get(planned.role)
    spoken = [role for role, _ in asked.turns[1:]]
    if due is None or (
        len(asked.turns) in due and spoken == (["user", "assistant"] * len(spoken))[: len(spoken)]
    ):
        return ""
    return "with more or fewer turns than there were"


def _sent(temperature: str) -> float | None:
    try:
        return float(temperature)
    except ValueError:
        return None  # "not sent: ..."
