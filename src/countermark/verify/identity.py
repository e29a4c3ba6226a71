"""Stage 5: what is known of which weights or endpoint answered, subject by subject, and never above what is shown.

Weights that the auditor ran itself leave lines in identity.jsonl; they are held against the pack here, and against every
disclosed exchange when stage 7 reads it (`Identity.hear`). Importing this module costs nothing; the checks need pydantic.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from countermark.canonical import InvalidJson, decode, digest
from countermark.errors import EvidenceError, InvalidDocument
from countermark.evidence.identity import IDENTITY, IDENTITY_SCHEMA, MAX_IDENTITY
from countermark.evidence.manifest import MANIFEST, MAX_MANIFEST, parse_manifest
from countermark.files import read_capped
from countermark.issues import Issues
from countermark.verify import names
from countermark.verify.packs import RECEIVED
from countermark.verify.state import State
from countermark.verify.verdict import Notes

if TYPE_CHECKING:
    from countermark.pack import FullPack, ReleasePack
    from countermark.records import Exchange, TrialRecord

_SHA256 = re.compile(r"[0-9a-f]{64}")
_WEIGHTS = "identity/weights.sha256"
_MOST_NAMES = 20
NOTHING_BOUND = "what answered is not bound to what a pack names: nothing was hashed at load, no endpoint left a fingerprint"


@dataclass(slots=True, kw_only=True)
class Shown:
    """What is shown of one live subject.

    Attributes:
        part: Its pack's folder in the audit, `pack/<name>/`.
        pack: That pack, as far as the audit holds it.
        loadings: Lines under which its weights were loaded, by their SHA-256.
        again: Names of loadings after which every file was hashed once more and found equal.
        doubt: Why it is bound by name only in spite of its lines; empty where nothing speaks against them.
        heard: Disclosed exchanges that name one of its loadings.
        names: Names under which the runner asks for it, by its id or the door in its pack; empty where no pack is at hand.
        unnamed: Disclosed exchanges whose request names no model that can be read.
        asked: Names under which the model was asked for.
        answered: Names that the answers give the model.
    """

    part: str
    pack: "FullPack | ReleasePack | None"
    loadings: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    again: list[str] = field(default_factory=list)
    doubt: str = ""
    heard: int = 0
    names: frozenset[str] = frozenset()
    unnamed: int = 0
    asked: set[str] = field(default_factory=set)
    answered: set[str] = field(default_factory=set)

    @property
    def hosted(self) -> bool:
        """Whether its lines say that the auditor ran hashed weights, and nothing in them speaks against it."""
        return bool(self.loadings) and not self.doubt

    @property
    def level(self) -> str:
        """B3 where it was hosted and at least one disclosed answer names its loading, else B0."""
        return "B3" if self.hosted and self.heard else "B0"


@dataclass(slots=True, kw_only=True)
class Identity:
    """What stage 5 made of every live subject, and what stage 7 hears of it."""

    subjects: dict[str, Shown]
    concluded: bool = False

    def hear(self, record: "TrialRecord", exchanges: "Sequence[Exchange]") -> None:
        """Hold the exchanges of one attempt against the subject's loadings, and note the model's names in them.

        Raises:
            EvidenceError: An exchange asks for a model that the pack does not name for this subject; or it names no loading of
                its subject, another's, or one that came later.
        """
        shown = self.subjects.get(record.subject)
        if shown is None:
            return
        for exchange in exchanges:
            if exchange.role:
                continue  # a judge or an attacker: not the subject
            request = _object(exchange.request)
            names.check_asked(record.subject, shown, request.get("model"))
            _note(shown.asked, request.get("model"))
            _note(shown.answered, _object(exchange.response).get("model"))
            named = request.get("binding")
            if not shown.loadings and named is None:
                continue
            line = shown.loadings.get(named) if isinstance(named, str) else None
            if line is None:
                raise EvidenceError(
                    f"an exchange names no line of {IDENTITY} under which {record.subject} was loaded"
                )
            if record.started < str(line["at"]):
                raise EvidenceError(f"{record.subject} answered before the weights it names were loaded")
            shown.heard += 1

    def conclude(self, notes: Notes) -> None:
        """Say by what names the models called themselves, against what their packs declare."""
        self.concluded = True
        for subject, shown in self.subjects.items():
            if shown.hosted and not shown.heard:
                notes.partial(
                    f"{subject}: B0, by name only: no disclosed answer names the weights that {IDENTITY} says"
                )
            if shown.unnamed:
                notes.partial(f"{subject}: {shown.unnamed} of its requests name no model that can be read")
            if shown.answered and not shown.loadings:
                names.compare(subject, shown, notes)


def check(state: State, notes: Notes) -> None:
    """Identity lines and model signatures against packs; the level of each live subject."""
    assert state.plan is not None
    live = [subject for subject in state.plan.subjects if subject.kind == "live"]
    parts = {
        state.digests[name]: name.removesuffix(MANIFEST) for name in state.digests if _is_pack_manifest(name)
    }
    identity = Identity(
        subjects={
            one.id: _shown(state, one.id, parts[one.pack_digest]) for one in live if one.pack_digest in parts
        }
    )
    for line, name in _lines(state, notes):
        _take(state, identity, line, name, notes)
    for part in sorted({shown.part for shown in identity.subjects.values()}):
        _check_signature(next(one for one in identity.subjects.values() if one.part == part), notes)
    for subject, shown in identity.subjects.items():
        _say(state, subject, shown, notes)
    state.identity = identity
    if not any(shown.hosted for shown in identity.subjects.values()):
        notes.not_checked(NOTHING_BOUND)


def _shown(state: State, subject: str, part: str) -> Shown:
    pack = _pack(state, part)
    return Shown(part=part, pack=pack, names=names.asked_for(subject, pack))


def in_words(state: State) -> str:
    """The closing line: how many subjects of each kind, and the level of the live ones."""
    if state.plan is None:
        return "not established"
    kinds = [subject.kind for subject in state.plan.subjects]
    hosted = _hosted(state)
    counted = {
        "by name only (B0)": kinds.count("live") - len(hosted),
        "simulations, no model behind them": kinds.count("reference"),
        "recordings, as published": kinds.count("recording"),
    }
    said = [f"{count} {text}" for text, count in counted.items() if count]
    bound = [f"{subject} run by the auditor from weights hashed against its pack (B3)" for subject in hosted]
    return "; ".join([*bound, *said])


def _hosted(state: State) -> list[str]:
    """Subjects that are shown to have been run by the auditor from hashed weights (B3)."""
    identity = state.identity
    if identity is None or not identity.concluded:
        return []
    return [subject for subject, shown in identity.subjects.items() if shown.level == "B3"]


def _is_pack_manifest(name: str) -> bool:
    return name.startswith("pack/") and name.endswith(f"/{MANIFEST}") and name.count("/") == 2


def _pack(state: State, part: str) -> "FullPack | ReleasePack | None":
    from countermark.pack import check_pack

    return check_pack(state.root / part.rstrip("/"), manifest=False).pack


def _lines(state: State, notes: Notes) -> Iterator[tuple[dict[str, Any], str]]:
    """Every well-formed line with its name, the SHA-256 of its bytes."""
    if IDENTITY not in state.files:
        return
    data = read_capped(state.root / IDENTITY, max_bytes=MAX_IDENTITY, name=IDENTITY)
    for number, raw in enumerate(data.splitlines(), 1):
        try:
            value = decode(raw, floats=False)
        except InvalidJson as error:
            notes.malformed(f"{IDENTITY}: line {number}: {error}")
            continue
        if not isinstance(value, dict) or value.get("schema") != IDENTITY_SCHEMA or not _is_whole(value):
            notes.malformed(f"{IDENTITY}: line {number}: is no line of {IDENTITY_SCHEMA}")
            continue
        yield value, digest(raw)


def _is_whole(line: Mapping[str, Any]) -> bool:
    match line:
        case {
            "event": "loaded",
            "subject": str(),
            "level": str(),
            "weights_sha256": str(sha),
            "files": int(),
            "bytes": int(),
            "loaded": [*files],
            "software": dict(),
            "settings": dict(),
            "at": str(),
        }:
            return _SHA256.fullmatch(sha) is not None and all(isinstance(name, str) for name in files)
        case {
            "event": "hashed again",
            "subject": str(),
            "binding": str(),
            "files": int(),
            "faults": [*faults],
            "touched": [*touched],
            "at": str(),
        }:
            return all(isinstance(one, str) for one in [*faults, *touched])
    return False


def _take(state: State, identity: Identity, line: dict[str, Any], name: str, notes: Notes) -> None:
    subject = line["subject"]
    shown = identity.subjects.get(subject)
    if shown is None:
        notes.wrong(
            f"{IDENTITY}: says that {subject} was loaded, and the plan has no such live subject with a pack"
        )
    elif line["event"] == "loaded":
        _check_loading(state, subject, shown, line, notes)
        shown.loadings[name] = line
    else:
        _check_again(subject, shown, line, notes)


def _check_loading(state: State, subject: str, shown: Shown, line: Mapping[str, Any], notes: Notes) -> None:
    from countermark.pack import FullPack

    declared = _declared_list(state, shown.part)
    if line["level"] != "B3" or not subject.startswith("weights/"):
        notes.wrong(f"{IDENTITY}: claims {line['level']} for {subject}, which such a line cannot show")
    elif declared is None:
        notes.wrong(f"{IDENTITY}: claims B3 for {subject}, and its pack has no {shown.part}{_WEIGHTS}")
    elif line["weights_sha256"] != declared:
        notes.wrong(f"{IDENTITY}: {subject} was loaded by another list than {shown.part}{_WEIGHTS}")
    elif isinstance(shown.pack, FullPack) and shown.pack.weights:
        weights = shown.pack.weights
        if line["files"] != len(weights) or not set(line["loaded"]) <= weights.keys():
            notes.wrong(f"{IDENTITY}: the files loaded for {subject} are not those of {shown.part}{_WEIGHTS}")


def _check_again(subject: str, shown: Shown, line: Mapping[str, Any], notes: Notes) -> None:
    loading = shown.loadings.get(line["binding"])
    if loading is None:
        notes.wrong(f"{IDENTITY}: {subject} was hashed again after a loading of which there is no line")
    elif line["faults"]:
        shown.doubt = "the weights changed while the audit ran"
        notes.partial(
            f"{IDENTITY}: {subject}: when hashed again after the calls: {'; '.join(line['faults'][:5])}"
        )
    elif line["files"] != loading["files"]:
        notes.wrong(f"{IDENTITY}: {subject}: fewer or more files were hashed again than were loaded")
    else:
        shown.again.append(line["binding"])
        if line["touched"]:
            touched = ", ".join(line["touched"][:5])
            notes.partial(
                f"{IDENTITY}: {subject}: touched during the run, with the same content after it: {touched}"
            )


def _declared_list(state: State, part: str) -> str | None:
    """SHA-256 of the pack's list of weights: of the file held, else by the manifest the pack came with; None without."""
    if f"{part}{_WEIGHTS}" in state.digests:
        return state.digests[f"{part}{_WEIGHTS}"]
    name = f"{part}{RECEIVED}{MANIFEST}"
    if name not in state.digests:
        return None
    try:
        return parse_manifest(read_capped(state.root / name, max_bytes=MAX_MANIFEST, name=name)).get(_WEIGHTS)
    except InvalidDocument:
        return None  # stage 4 has said so


def _check_signature(shown: Shown, notes: Notes) -> None:
    """An OpenSSF model signature lists exactly the pack's weights; who signed it, nobody here can know."""
    from countermark.pack import FullPack
    from countermark.pack.model_signature import check_model_signature

    pack = shown.pack
    if not isinstance(pack, FullPack) or not pack.model_signature:
        return
    if not pack.weights:
        notes.say(
            f"{shown.part}identity/model.sig: its list of weights is withheld, so it was compared with nothing"
        )
        return
    check_model_signature(pack.model_signature, pack.weights, issues := Issues())
    for issue in issues:
        notes.wrong(f"{shown.part}{issue}")
    if not issues:
        notes.say(
            f"{shown.part}identity/model.sig: lists exactly the pack's weights; its signer's key is not at hand"
        )


def _say(state: State, subject: str, shown: Shown, notes: Notes) -> None:
    from countermark.pack import FullPack
    from countermark.pack.parts import Endpoint

    if shown.loadings:
        _say_hosted(subject, shown, notes)
    elif subject.startswith("weights/"):
        notes.say(
            f"{subject}: B0, by name only: weights, served by somebody; nothing shows that they were hashed at load"
        )
    elif isinstance(shown.pack, FullPack):
        endpoint = shown.pack.part(names.ENDPOINT)
        if isinstance(endpoint, Endpoint):
            notes.say(
                f"{subject}: B0, by name only: served at {endpoint.base_url}, declared as {endpoint.snapshot}"
            )
        elif f"{shown.part}{RECEIVED}{MANIFEST}" in state.digests:
            notes.say(f"{subject}: B0, by name only: {shown.part}{names.ENDPOINT} is not in this audit")


def _say_hosted(subject: str, shown: Shown, notes: Notes) -> None:
    last = list(shown.loadings)[-1]
    line = shown.loadings[last]
    what = f"{line['files']} files, {line['bytes']} bytes, list {line['weights_sha256'][:16]}"
    if shown.doubt:
        notes.say(f"{subject}: B0, by name only: {shown.doubt}")
        return
    notes.say(
        f"{subject}: B3, by the auditor's signed word: it ran the weights itself, every file hashed before ({what})"
    )
    if last in shown.again:
        notes.say(f"{subject}: and every file hashed again after the last call")
    else:
        notes.partial(f"{IDENTITY}: {subject}: the weights were not hashed again after the last call")


def _note(found: set[str], value: object) -> None:
    if isinstance(value, str) and len(found) < _MOST_NAMES:
        found.add(value[:200])


def _object(text: str) -> Mapping[str, Any]:
    """The JSON object in a text, or an empty one: providers answer errors as they like."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
