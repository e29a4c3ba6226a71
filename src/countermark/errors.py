"""The one tree of errors; the command line maps each branch to an exit code and prints no traceback for any of them.

CountermarkError
├── UsageError            2   the command or its arguments make no sense
├── InvalidDocument       2   a pack, battery, recording or audit directory is malformed: every fault at once
│   └── UnsafePath        2   a path climbs out, is a link, is not a plain file, or is too large
├── SubjectError          2   a subject cannot be reached or used at all
│   ├── MissingKey            no key in the environment
│   ├── MissingExtra          the library for this provider is not installed
│   ├── UnknownSubject        no such provider, pack, recording or reference subject
│   ├── SubjectUnreachable    nothing answers at the address
│   ├── SubjectRefusedUs      the provider rejects the key or the model's name (401, 403, 404)
│   ├── CallFailed            one call failed: the trial's outcome, not the audit's end; may be tried again
│   └── Unsupported           the subject cannot do what the driver asks (tools, say): an outcome of its own
├── GradingError          2   a grader does not exist or was asked for what it cannot see
├── AnalysisError         2   numbers asked of data that cannot give them
├── EvidenceError         1   evidence does not hold
├── SignerUnknown         3   evidence holds, but the reader's policy trusts none of its signers
└── AuditIncomplete       4   the audit stopped before its plan was carried out; `resume` goes on
"""

import shlex
from collections.abc import Sequence
from pathlib import PurePath


class CountermarkError(Exception):
    """Base of every error a user can cause or meet; `hint` says what to do next."""

    exit_code = 2

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def to_paste(*words: object) -> str:
    """A command for a hint or a next step, each word quoted for a shell, so that it can be pasted as it stands.

    `to_paste("verify", Path("my audits/one"))` is `countermark verify 'my audits/one'`.
    """
    return shlex.join(["countermark", *map(_word, words)])


def _word(word: object) -> str:
    """A path that would be taken for an option is named from the directory one is in."""
    text = str(word)
    return f"./{text}" if isinstance(word, PurePath) and text.startswith("-") else text


class UsageError(CountermarkError):
    """The command or its arguments make no sense."""


class InvalidDocument(CountermarkError):
    """A document is malformed; `faults` holds one printable line for each fault, `codes` their stable codes."""

    def __init__(self, faults: Sequence[str], codes: Sequence[str] = ()) -> None:
        self.faults = list(faults)
        self.codes = list(codes)
        count = len(self.faults)
        super().__init__(f"{count} fault{'s' if count != 1 else ''}\n" + "\n".join(self.faults))


class UnsafePath(InvalidDocument):
    """A path climbs out of its directory, is a link, is not a plain file, or what it names is too large."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__([f"{path}: [path-unsafe] {why}"], ["path-unsafe"])


class SubjectError(CountermarkError):
    """A subject cannot be reached or used; `exchange` holds the bytes that crossed the boundary, where some did."""

    exchange: object | None = None


class MissingKey(SubjectError):
    """No key for the provider in the environment."""


class MissingExtra(SubjectError):
    """The library that reaches this provider is not installed."""


class UnknownSubject(SubjectError):
    """No such provider, pack, recording or reference subject."""


class SubjectUnreachable(SubjectError):
    """Nothing answers at the subject's address."""


class SubjectRefusedUs(SubjectError):
    """The provider rejects the key, the permission or the model's name."""


class CallFailed(SubjectError):
    """One call failed. `retryable` says whether the same call may succeed later, `retry_after_s` when the server said."""

    def __init__(self, message: str, *, retryable: bool, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retryable = retryable
        self.retry_after_s = retry_after_s


class Unsupported(SubjectError):
    """The subject cannot do what the driver asks; an outcome of its own, neither pass nor fail."""


class GradingError(CountermarkError):
    """A grader does not exist or was asked for what it cannot see."""


class AnalysisError(CountermarkError):
    """Numbers were asked of data that cannot give them."""


class EvidenceError(CountermarkError):
    """Evidence does not hold."""

    exit_code = 1


class SignerUnknown(CountermarkError):
    """Evidence holds, but the reader's policy trusts none of its signers."""

    exit_code = 3


class AuditIncomplete(CountermarkError):
    """The audit stopped before its plan was carried out."""

    exit_code = 4
