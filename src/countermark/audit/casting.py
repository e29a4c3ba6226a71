"""From what was asked for to subjects that can be opened: reference packs, recordings, packs on disk, live models."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from countermark.audit.copies import RECEIVED, unpacked
from countermark.audit.request import AuditRequest
from countermark.battery import Stage
from countermark.canonical import digest
from countermark.errors import UnknownSubject, UsageError
from countermark.evidence import manifest_of
from countermark.evidence.countersign import SEED_COMMITMENT
from countermark.files import inside, read_capped, slug
from countermark.pack import (
    PACK_FILE,
    PACK_MANIFEST,
    PACK_SIGNATURES,
    WEIGHTS_FILE,
    FullPack,
    ReleasePack,
    encode_pack,
    minimal_pack,
    public_names,
    read_pack,
    received_files,
    reference_packs,
)
from countermark.records import Subject
from countermark.subjects.live import LiveSettings, describe, known, open_live
from countermark.subjects.recording import RecordedSubject, Recording, find_recordings, read_recording
from countermark.subjects.reference import Character, Planting, ReferenceSubject
from countermark.subjects.settings import PROVIDER
from countermark.subjects.weights import HostedWeights, WeightsGiven
from countermark.verify.packs import signatures_in


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """One subject of an audit, not yet opened.

    Attributes:
        pack: Its release pack, handed over or made.
        character: Reference subjects: what it does how often.
        recording: Recordings: what was published.
        settings: Live subjects: how to reach it.
        door: Live subjects: `provider/model` to ask, where that is not the id.
        received: Packs handed over: the files that go into the audit, name to content; several subjects may share them.
        folder: Where under `pack/` they go; by default a folder of the subject's own.
        hosted: Weights that the auditor runs itself.
        source: Packs handed over: the directory, as it was asked for.
        commitment: Packs handed over: what its developer committed to as a part of the seed; empty where it did not.
    """

    id: str
    pack: ReleasePack
    character: Character | None = None
    recording: Recording | None = None
    settings: LiveSettings | None = None
    door: str = ""
    received: Mapping[str, bytes] | None = None
    folder: str = ""
    source: str = ""
    commitment: str = ""
    hosted: HostedWeights | None = None

    @property
    def pack_files(self) -> Mapping[str, bytes]:
        """The pack's files in the audit, but for the manifest over them."""
        return {PACK_FILE: encode_pack(self.pack)} if self.received is None else self.received

    @property
    def pack_folder(self) -> str:
        """Their folder under `pack/`."""
        return self.folder or slug(self.id)

    def open(self, stage: Stage, seed: str) -> Subject:
        """Something that answers."""
        if self.character is not None:
            return ReferenceSubject(self.character, stage, seed)
        if self.recording is not None:
            return RecordedSubject(self.recording)
        if self.hosted is not None:
            return self.hosted
        assert self.settings is not None
        return open_live(self.door or self.id, settings=self.settings)


def cast(request: AuditRequest, *, on: str = "0000-00-00", copies: Path | None = None) -> tuple[Role, ...]:
    """The subjects asked for, in that order; none asked for means the reference subjects.

    Args:
        request: Names them.
        on: The day (YYYY-MM-DD) that decides which files of a pack under embargo go into the audit.
        copies: pack/ of an audit begun earlier: packs are read from there, where they are kept whole.

    Raises:
        UnknownSubject: No such reference subject, or the same subject twice.
        InvalidDocument: A pack or recording is malformed.
    """
    wanted = request.subjects or list(reference_packs())
    roles = [role for name in wanted for role in _roles(name, request, on, copies)]
    ids = [role.id for role in roles]
    twice = sorted({name for name in ids if ids.count(name) > 1})
    if twice:
        raise UnknownSubject(f"asked for twice: {', '.join(twice)}", hint="name each subject once")
    _own_folders(roles)
    _check_all_weights_used(roles, request)
    return tuple(roles)


def _own_folders(roles: Sequence[Role]) -> None:
    held: dict[str, Mapping[str, bytes]] = {}
    for role in roles:
        folder = role.pack_folder.casefold()
        if held.setdefault(folder, role.pack_files) != role.pack_files:
            raise UsageError(
                f"the packs of {role.id} and of another subject would both lie in pack/{folder}",
                hint="audit them in runs of their own",
            )


def _roles(name: str, request: AuditRequest, on: str, copies: Path | None) -> Sequence[Role]:
    if name.startswith("reference/"):
        return _reference(name, request)
    folder = request.copies.get(name)
    if folder is not None and copies is not None:
        with unpacked(inside(copies, folder)) as copy:
            if copy is not None:
                return _of_pack(copy, request, on)
    if (Path(name) / PACK_FILE).is_file():
        return [replace(role, source=name) for role in _of_pack(Path(name), request, on)]
    if folder is not None:
        raise UsageError(
            f"{name} holds no pack any more, and the audit keeps only the part of it that is public",
            hint="put the pack back there: what it says beyond that part is needed to go on",
        )
    if Path(name).is_dir():
        return _recorded(name, request)
    if name.startswith("/"):
        raise UnknownSubject(f"{name} does not exist", hint="the pack or recording has to be there")
    return _live(name, request)


def _of_pack(directory: Path, request: AuditRequest, on: str) -> Sequence[Role]:
    commitment = _commitment(directory)
    return [replace(role, commitment=commitment) for role in _handed_over(directory, request, on)]


def _reference(name: str, request: AuditRequest) -> Sequence[Role]:
    del request
    packs = reference_packs()
    if name not in packs:
        raise UnknownSubject(f"no reference subject {name!r}", hint=f"there are: {', '.join(packs)}")
    return [Role(id=name, pack=packs[name], character=character_of(packs[name]))]


def _handed_over(directory: Path, request: AuditRequest, on: str) -> Sequence[Role]:
    pack = read_pack(directory)
    files = _as_received(directory, pack, on)
    if isinstance(pack, FullPack):
        roles = [_variant(pack, subject, request, files) for subject in pack.subjects]
        return [_run_here(role, pack, directory, request) for role in roles]
    if pack.subject.kind == "reference":
        return [Role(id=pack.subject.id, pack=pack, character=character_of(pack), received=files)]
    settings = _settings(pack.subject.id, request, pack.settings.get("base_url"))
    return [Role(id=pack.subject.id, pack=pack, settings=settings, received=files)]


def _commitment(directory: Path) -> str:
    """What the developer committed to when it signed the pack; empty where it did not sign or commit."""
    signed, _ = signatures_in(directory)
    given = [one.predicate.get(SEED_COMMITMENT) for one in signed if one.role == "developer"]
    return next((one for one in given if isinstance(one, str)), "")


def _as_received(directory: Path, pack: FullPack | ReleasePack, on: str) -> Mapping[str, bytes]:
    """A pack's files as an audit keeps them: by its terms the whole or the public subset, manifest and signatures as
    they came under `received/`, because the audit's own manifest is over what the audit holds.
    """
    files = received_files(directory)
    outer = {name: files.pop(name) for name in (PACK_MANIFEST, PACK_SIGNATURES) if name in files}
    if isinstance(pack, ReleasePack) and not outer:
        return {PACK_FILE: encode_pack(pack)}
    outer.setdefault(PACK_MANIFEST, manifest_of(files))
    whole = isinstance(pack, ReleasePack) or pack.terms.audit_copy == "whole"
    kept = files.keys() if whole else public_names(pack, files, on)
    return {name: files[name] for name in kept} | {f"{RECEIVED}{name}": data for name, data in outer.items()}


def _variant(pack: FullPack, subject: ReleasePack, request: AuditRequest, files: Mapping[str, bytes]) -> Role:
    name, folder = subject.subject.id, slug(pack.cover.model.id)
    if subject.subject.kind == "reference":
        return Role(id=name, pack=subject, character=character_of(subject), received=files, folder=folder)
    door = pack.doors.get(name, "")
    settings = _handed_settings(subject, request, door)
    here = _directory_of(name, folder, request) is not None
    if name.startswith("weights/") and not here and (not door or settings.base_url is None):
        raise UsageError(
            f"{name} is handed over as weights, and nothing says where they lie or by which server to ask it",
            hint="--weights DIR runs them here; or serve them: a door in the variant, and --base-url openai=URL",
        )
    return Role(id=name, pack=subject, settings=settings, received=files, folder=folder, door=door)


def _directory_of(subject: str, folder: str, request: AuditRequest) -> str | None:
    """Where a subject's weights lie on this machine, by its id, its model, or because there is but one such pack."""
    given = request.weights
    by_model = [directory for name, directory in given.items() if name and slug(name) == folder]
    return given.get(subject) or next(iter(by_model), given.get(""))


def _run_here(role: Role, pack: FullPack, directory: Path, request: AuditRequest) -> Role:
    """The role with its weights, to be run by the auditor itself, where it said where they lie."""
    where = _directory_of(role.id, role.folder, request)
    if where is None or role.settings is None or not role.id.startswith("weights/"):
        return role
    if not pack.weights:
        raise UsageError(f"{role.id}: its pack lists no weights to hold {where} against")
    sums = read_capped(inside(directory, WEIGHTS_FILE), name=WEIGHTS_FILE)
    given = WeightsGiven(
        subject=role.id,
        directory=Path(where),
        listed=pack.weights,
        list_digest=digest(sums),
        settings=role.settings,
    )
    return replace(role, hosted=HostedWeights(given), settings=None, door="")


def _check_all_weights_used(roles: Sequence[Role], request: AuditRequest) -> None:
    hosted = [role for role in roles if role.hosted is not None]
    idle = [
        name or directory
        for name, directory in request.weights.items()
        if not any(name in ("", role.id) or slug(name) == role.folder for role in hosted)
    ]
    if idle:
        raise UsageError(
            f"--weights {', '.join(idle)}: no subject asked for is handed over as these weights",
            hint="name a subject or model of a pack of kind weights: --weights weights/NAME=DIR",
        )
    if "" in request.weights and len({role.folder for role in hosted}) > 1:
        raise UsageError("several packs have weights", hint="say whose: --weights weights/NAME=DIR")


def _handed_settings(subject: ReleasePack, request: AuditRequest, door: str) -> LiveSettings:
    """What is tested is what was handed over: a variant's settings hold, and the command line cannot change them."""
    given = subject.settings
    address = request.base_urls.get(door.partition("/")[0])
    asked = {
        "base_url": address if "base_url" in given else None,
        "temperature": request.temperature,
        "reasoning": request.reasoning,
    }
    for name, value in asked.items():
        if value is not None and value != given.get(name):
            raise UsageError(
                f"{subject.subject.id}: {name} {value!r} is not what its pack says, {given.get(name, 'nothing')!r}",
                hint="a pack is audited as it was handed over: ask the developer for another variant",
            )
    return LiveSettings(
        base_url=given.get("base_url", address),
        timeout_s=request.timeout_s,
        max_connections=request.connections,
        temperature=given.get("temperature"),
        reasoning=given.get("reasoning"),
        token_field=given.get("token_field"),
    )


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
    provider = name.partition("/")[0]
    if provider not in known() and (Path(provider).is_dir() or not re.fullmatch(PROVIDER, provider)):
        raise UnknownSubject(
            f"{name} does not exist, and {provider!r} is no provider",
            hint="name the directory of a pack or recordings, or provider/model, such as openai/gpt-4.1",
        )
    settings = _settings(name, request, None)
    return [
        Role(id=name, pack=minimal_pack(name, "live", settings=describe(name, settings)), settings=settings)
    ]


def _settings(name: str, request: AuditRequest, address: str | None) -> LiveSettings:
    return LiveSettings(
        base_url=request.base_urls.get(name.partition("/")[0], address),
        timeout_s=request.timeout_s,
        max_connections=request.connections,
        temperature=request.temperature,
        reasoning=request.reasoning,
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
