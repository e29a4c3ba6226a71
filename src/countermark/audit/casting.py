"""From what was asked for to subjects that can be opened: reference packs, recordings, packs on disk, live models."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from countermark.audit.request import AuditRequest
from countermark.battery import Stage
from countermark.errors import UnknownSubject
from countermark.pack import PACK_FILE, ReleasePack, minimal_pack, read_pack, reference_packs
from countermark.records import Subject
from countermark.subjects.live import LiveSettings, describe, open_live
from countermark.subjects.recording import RecordedSubject, Recording, find_recordings, read_recording
from countermark.subjects.reference import Character, Planting, ReferenceSubject


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """One subject of an audit, not yet opened.

    Attributes:
        pack: Its release pack, handed over or made.
        character: Reference subjects: what it does how often.
        recording: Recordings: what was published.
        settings: Live subjects: how to reach it.
    """

    id: str
    pack: ReleasePack
    character: Character | None = None
    recording: Recording | None = None
    settings: LiveSettings | None = None

    def open(self, stage: Stage, seed: str) -> Subject:
        """Something that answers."""
        if self.character is not None:
            return ReferenceSubject(self.character, stage, seed)
        if self.recording is not None:
            return RecordedSubject(self.recording)
        assert self.settings is not None
        return open_live(self.id, settings=self.settings)


def cast(request: AuditRequest) -> tuple[Role, ...]:
    """The subjects asked for, in that order; none asked for means the reference subjects.

    Raises:
        UnknownSubject: No such reference subject, or the same subject twice.
        InvalidDocument: A pack or recording is malformed.
    """
    wanted = request.subjects or list(reference_packs())
    roles = [role for name in wanted for role in _roles(name, request)]
    ids = [role.id for role in roles]
    twice = sorted({name for name in ids if ids.count(name) > 1})
    if twice:
        raise UnknownSubject(f"asked for twice: {', '.join(twice)}", hint="name each subject once")
    return tuple(roles)


def _roles(name: str, request: AuditRequest) -> Sequence[Role]:
    reader = _reader(name)
    return reader(name, request)


def _reader(name: str) -> Callable[[str, AuditRequest], Sequence[Role]]:
    if name.startswith("reference/"):
        return _reference
    if (Path(name) / PACK_FILE).is_file():
        return _handed_over
    if Path(name).is_dir():
        return _recorded
    return _live


def _reference(name: str, request: AuditRequest) -> Sequence[Role]:
    del request
    packs = reference_packs()
    if name not in packs:
        raise UnknownSubject(f"no reference subject {name!r}", hint=f"there are: {', '.join(packs)}")
    return [Role(id=name, pack=packs[name], character=character_of(packs[name]))]


def _handed_over(name: str, request: AuditRequest) -> Sequence[Role]:
    pack = read_pack(Path(name))
    if pack.subject.kind == "reference":
        return [Role(id=pack.subject.id, pack=pack, character=character_of(pack))]
    settings = _settings(pack.subject.id, request, pack.settings.get("base_url"))
    return [Role(id=pack.subject.id, pack=pack, settings=settings)]


def _recorded(name: str, request: AuditRequest) -> Sequence[Role]:
    del request
    recordings = [read_recording(path) for path in find_recordings(Path(name))]
    if not recordings:
        raise UnknownSubject(
            f"{name} is a directory but holds neither a pack nor a recording",
            hint="`countermark import` makes recordings, `countermark pack show` an example of a pack",
        )
    return [
        Role(
            id=recording.id,
            pack=minimal_pack(recording.id, "recording", source=_text_only(recording)),
            recording=recording,
        )
        for recording in recordings
    ]


def _live(name: str, request: AuditRequest) -> Sequence[Role]:
    if "/" not in name or name.startswith(("/", ".")) or name.endswith("/"):
        raise UnknownSubject(
            f"{name!r} is neither provider/model nor a directory",
            hint="for example openai/gpt-4.1, reference/guarded, or the path of a recording or pack",
        )
    settings = _settings(name, request, None)
    return [
        Role(id=name, pack=minimal_pack(name, "live", settings=describe(name, settings)), settings=settings)
    ]


def _settings(name: str, request: AuditRequest, address: str | None) -> LiveSettings:
    provider = name.partition("/")[0]
    return LiveSettings(
        base_url=request.base_urls.get(provider, address), max_connections=request.connections
    )


def character_of(pack: ReleasePack) -> Character:
    """What a reference pack declares, ready to act."""
    plantings = tuple(
        Planting(
            test=planted.test,
            arm=planted.arm,
            cue=planted.cue,
            shares={name: Fraction(share) for name, share in planted.shares.items()},
        )
        for planted in pack.planted
    )
    return Character(id=pack.subject.id, plantings=plantings, cues=tuple(pack.cues))


def _text_only(recording: Recording) -> dict[str, str]:
    kept = {key: str(recording.source[key]) for key in ("title", "ref", "licence") if key in recording.source}
    return {**kept, "recording_digest": recording.digest}
