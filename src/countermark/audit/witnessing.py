"""Having the log witnessed while the run goes on: a thread for each witness, which no trial ever waits for.

A witness that is away, slow or unwilling cannot stop an audit: the fact is noted in the evidence with the size it last
cosigned, and the run goes on.
"""

import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from countermark.audit.observer import Observer
from countermark.audit.planning import now
from countermark.audit.witness_client import NotWitnessed, WitnessClient
from countermark.canonical import encode
from countermark.errors import CountermarkError
from countermark.evidence import LogGrowth, PublicKey, add_cosignature
from countermark.evidence.cosigned import UNWITNESSED
from countermark.evidence.directory import RUN
from countermark.evidence.notes import MAX_NOTE
from countermark.evidence.recovery import CHECKPOINTS
from countermark.files import read_capped

_LOOK_EVERY_S = 0.2
_LONGEST_PAUSE_S = 30.0
_LAST_WAIT_S = 10.0
"""After the last record: how long the seal waits for the last cosignature."""
_NOTE = re.compile(r"[0-9]{8,}\.note")


@contextmanager
def witnessed(audit_dir: Path, urls: Sequence[str], auditor: PublicKey, observer: Observer) -> Iterator[None]:
    """Ask every witness for its cosignature at each checkpoint, and at the end, when the log is closed, at the last one.

    Args:
        audit_dir: The audit, whose log exists.
        urls: The witnesses' addresses; none at all does nothing.
        auditor: The key that signs the checkpoints.
        observer: Told when a witness fails and when it is back.
    """
    desk = _Desk(audit_dir, observer)
    following = [_Follower(desk, WitnessClient(url, auditor), place) for place, url in enumerate(urls, 1)]
    for one in following:
        one.start()
    try:
        yield
    finally:
        for one in following:
            one.ending.set()
        for one in following:
            one.join(_LAST_WAIT_S)
        for one in following:
            one.give_up()
        desk.close()


class _Desk:
    """What the threads share: the directory they write to, one at a time, and not at all once it is being sealed."""

    def __init__(self, audit_dir: Path, observer: Observer) -> None:
        self.audit_dir = audit_dir
        self._observer = observer
        self._lock = threading.Lock()
        self._closed = False

    def sizes(self) -> list[int]:
        """Sizes of the checkpoints that are durable, in order."""
        names = [path.name for path in (self.audit_dir / RUN / CHECKPOINTS).iterdir()]
        return sorted(int(name.removesuffix(".note")) for name in names if _NOTE.fullmatch(name))

    def note(self, size: int) -> bytes:
        """The checkpoint at that size."""
        return read_capped(self.audit_dir / RUN / CHECKPOINTS / f"{size:08d}.note", max_bytes=MAX_NOTE)

    def keep(self, size: int, line: bytes, key: PublicKey) -> None:
        """Keep a cosignature, unless it comes too late."""
        with self._lock:
            if not self._closed:
                add_cosignature(self.audit_dir, size, line, key)

    def complain(self, size: int, failure: NotWitnessed, client: WitnessClient, label: str) -> None:
        """Write down that a checkpoint was not cosigned, and why."""
        line = encode(
            {
                "cosigned": client.cosigned,
                "key": client.key.fingerprint if client.key else "",
                "outcome": failure.outcome,
                "size": size,
                "time": now(),
                "why": failure.message,
                "witness": label,
            }
        )
        with self._lock, suppress(OSError):  # a full disk is the run's to report
            if not self._closed:
                with (self.audit_dir / UNWITNESSED).open("ab") as file:
                    file.write(line + b"\n")

    def say(self, text: str) -> None:
        """Tell whoever is watching."""
        with self._lock:
            if not self._closed:
                self._observer.note(text)

    def close(self) -> None:
        """No thread writes or speaks from now on."""
        with self._lock:
            self._closed = True


class _Follower(threading.Thread):
    """Follows the log's checkpoints for one witness. `ending` is set once the log is closed."""

    def __init__(self, desk: _Desk, client: WitnessClient, place: int) -> None:
        super().__init__(name=f"countermark-witness-{place}", daemon=True)
        self.ending = threading.Event()
        self._desk = desk
        self._client = client
        self._place = place
        self._growth = LogGrowth(desk.audit_dir / RUN)
        self._asked = max(desk.sizes(), default=-1)
        self._last_complaint = ""
        self._pause_s = _LOOK_EVERY_S

    @property
    def label(self) -> str:
        """The witness's name, or its place in the command line until it has told its name."""
        return self._client.name or str(self._place)

    @property
    def _shown(self) -> str:
        """The same with its address, for who is watching: the evidence, which is published, does not name it."""
        return f"{self.label} at {self._client.url}"

    def run(self) -> None:
        """Ask at each new checkpoint; at the end at the last one only, whatever is still due."""
        while not self.ending.wait(self._pause_s):
            for size in [size for size in self._desk.sizes() if size > self._asked]:
                if self.ending.is_set() or not self._ask(size):
                    break
        last = max(self._desk.sizes(), default=None)
        if last is not None and last != self._client.cosigned:
            self._last_complaint = ""  # the last one is always written down
            self._ask(last)

    def give_up(self) -> None:
        """Note that the thread waits for an answer still, if it does; what comes now is too late."""
        if self.is_alive():
            late = NotWitnessed("unreachable", "unreachable (no answer before the end)")
            self._failed(max(self._desk.sizes(), default=0), late)

    def _ask(self, size: int) -> bool:
        client = self._client
        try:
            note = self._desk.note(size)
            self._growth.read_to(size)
            line = client.ask(note, self._growth, size)
            assert client.key is not None
            self._desk.keep(size, line, client.key)
        except NotWitnessed as failure:
            self._failed(size, failure)
            return False
        except (CountermarkError, OSError) as error:
            self._failed(
                size, NotWitnessed("unusable", f"its cosignature could not be kept ({type(error).__name__})")
            )
            return False
        if self._last_complaint:
            self._desk.say(f"witness {self._shown}: cosigns again, at {size} records")
        self._asked, self._last_complaint, self._pause_s = size, "", _LOOK_EVERY_S
        return True

    def _failed(self, size: int, failure: NotWitnessed) -> None:
        if failure.outcome != "unreachable":
            self._asked = size  # what was refused once is not asked again; a later checkpoint may be
        self._pause_s = min(_LONGEST_PAUSE_S, 2 * self._pause_s)
        if failure.message != self._last_complaint:
            self._desk.complain(size, failure, self._client, self.label)
            self._desk.say(
                f"witness {self._shown}: {failure.message}; the run goes on, cosigned so far: {self._client.cosigned} records"
            )
        self._last_complaint = failure.message
