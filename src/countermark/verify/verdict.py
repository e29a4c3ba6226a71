"""What verification found: twelve stages, an exit code, and seven closing lines."""

import re
from dataclasses import dataclass, field
from typing import Any, Literal

State = Literal["ok", "failed", "not checked", "not reached", "partial"]
Cause = Literal["", "integrity", "malformed", "signer", "partial"]

NOT_PROVEN = (
    "NOT PROVEN: which model or weights answered; that the subject did not recognise a test; that auditor and developer "
    "did not together invent transcripts; that the tests measure what they claim. Signatures give authorship and "
    "integrity, never truth, and nothing here says that a model is safe."
)
_EXIT_CODES: tuple[tuple[Cause, int], ...] = (
    ("integrity", 1),
    ("malformed", 2),
    ("signer", 3),
    ("partial", 4),
)
_UNPRINTABLE = re.compile(r"[^ -~\u00a0-\u167f\u2010-\u2027\u2030-\u205e\u3000-\ud7ff]")
_LONGEST = 1500
_LAST_ABOUT_SIGNERS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One stage's outcome; `cause` says what kind of fault decides the exit code, if one was found."""

    number: int
    name: str
    state: State
    details: list[str]
    cause: Cause = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """The counts that the closing lines show: transcripts disclosed of those recorded, numbers recomputed of those due."""

    disclosed: int = 0
    in_part: int = 0
    records: int = 0
    recomputed: int = 0
    bounded: int = 0
    numbers: int = 0
    binding: str = "not checked"
    lacking: str = ""
    """The witnesses that the reader's policy asks for in vain."""
    witnessed: str = ""
    """Which witness saw the log when, by its own clock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The outcome of all stages, in order."""

    stages: list[Stage]
    figures: Figures = field(default_factory=Figures)

    @property
    def exit_code(self) -> int:
        """0 all holds and policy met, 1 integrity failure, 2 malformed, 3 signer unknown, 4 valid but partial."""
        causes = {stage.cause for stage in self.stages}
        return next((code for cause, code in _EXIT_CODES if cause in causes), 0)

    def closing_lines(self) -> list[str]:
        """CRYPTO, POLICY, IDENTITY-BINDING, TIME, DISCLOSED, NUMBERS, NOT PROVEN; one line each."""
        figures = self.figures
        return [
            f"CRYPTO: {self._crypto()}",
            f"POLICY: {self._policy()}",
            f"IDENTITY-BINDING: {figures.binding}",
            f"TIME: the signers' own clocks; {figures.witnessed or 'no outside anchor'}",
            f"DISCLOSED: {figures.disclosed}/{figures.records} transcripts"
            + (f", {figures.in_part} more in part" if figures.in_part else ""),
            f"NUMBERS: recomputed {figures.recomputed}/{figures.numbers}"
            + (f" bounded {figures.bounded}" if figures.bounded else ""),
            NOT_PROVEN,
        ]

    def to_json(self) -> dict[str, Any]:
        """The verdict as plain JSON values."""
        return {
            "exit_code": self.exit_code,
            "stages": [
                {"number": stage.number, "name": stage.name, "state": stage.state, "details": stage.details}
                for stage in self.stages
            ],
            "closing": self.closing_lines(),
        }

    def _crypto(self) -> str:
        checked = [stage for stage in self.stages if stage.number in (0, 2, 3, 4, 6)]
        if any(stage.cause in ("integrity", "malformed") for stage in checked):
            return "does not hold"
        if any(stage.state == "not reached" for stage in checked):
            return "not established"
        return "files, signatures, chain and log hold"

    def _policy(self) -> str:
        state = next((stage.state for stage in self.stages if stage.number == 1), "not reached")
        if state == "ok" and self.figures.lacking:
            return f"not met, {self.figures.lacking}"
        unmet = any(stage.cause == "signer" for stage in self.stages)
        known = {
            "ok": "signer unknown in part" if unmet else "met",
            "not checked": "none given, signer unknown",
        }
        return known.get(state, "not met" if state == "failed" else "not reached")


@dataclass(slots=True)
class Notes:
    """What a stage writes down as it goes; the gravest fault decides its state."""

    details: list[str] = field(default_factory=list)
    cause: Cause = ""
    unchecked: bool = False

    def say(self, text: str) -> None:
        """A plain remark."""
        self.details.append(one_line(text))

    def wrong(self, text: str) -> None:
        """Something does not hold: integrity."""
        self._blame("integrity", text)

    def malformed(self, text: str) -> None:
        """Something cannot be read at all."""
        self._blame("malformed", text)

    def stranger(self, text: str) -> None:
        """A signer the reader does not know."""
        self._blame("signer", text)

    def partial(self, text: str) -> None:
        """Something is there and went unchecked."""
        self._blame("partial", text)

    def not_checked(self, text: str) -> None:
        """There was nothing to check, or nothing to check it with."""
        self.unchecked = True
        self.say(text)

    @property
    def broken(self) -> bool:
        """Whether later stages cannot build on this one."""
        return self.cause in ("integrity", "malformed")

    def stage(self, number: int, name: str) -> Stage:
        """The stage as it stands."""
        return Stage(
            number=number, name=name, state=self._state(number), details=self.details, cause=self.cause
        )

    def _state(self, number: int) -> State:
        if self.unchecked and not self.broken:
            return "not checked"
        if self.broken or (self.cause == "signer" and number <= _LAST_ABOUT_SIGNERS):
            return "failed"
        return "partial" if self.cause else "ok"

    def _blame(self, cause: Cause, text: str) -> None:
        order = [name for name, _ in _EXIT_CODES]
        if not self.cause or order.index(cause) < order.index(self.cause):
            self.cause = cause
        self.say(text)


def one_line(text: str) -> str:
    """The text on one line, safe for a terminal: what is neither ASCII nor plain letters is escaped, the rest cut."""
    safe = _UNPRINTABLE.sub(lambda found: found[0].encode("unicode_escape").decode(), text[:_LONGEST])
    return safe + (" ..." if len(text) > _LONGEST else "")
