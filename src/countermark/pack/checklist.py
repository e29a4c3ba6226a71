"""The checklist of what a pack says (items I, A and D): each is given, declared absent with a reason, or withheld."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal, get_args

from countermark.issues import Issues
from countermark.pack.document import ReleasePack
from countermark.pack.fields import ItemId
from countermark.pack.full import PACK_FILE, PROMPTS, FullPack


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One item: where it stands (`file`, and `field` of it) and what it asks for."""

    id: str
    title: str
    file: str
    field: str = ""

    @property
    def place(self) -> str:
        """File and field, for people."""
        return f"{self.file} /{self.field}" if self.field else self.file


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What a pack says to one item; `reason` where it is absent."""

    item: Item
    state: Literal["given", "absent", "withheld", "missing"]
    reason: str = ""


ITEMS = (
    Item(id="I1", title="exact model and version; served endpoint or weights", file="identity/"),
    Item(id="I2", title="what is tested against what is shipped", file=PACK_FILE, field="release"),
    Item(id="I3", title="variants, safeguards and their switches", file="safeguards.json"),
    Item(id="I4", title="system prompt, model specification, roles", file=PROMPTS),
    Item(id="I5", title="settings that apply where none is sent", file="sampling.json", field="defaults"),
    Item(id="I6", title="tool calls; reasoning between turns", file="sampling.json", field="tool_calls"),
    Item(id="I7", title="what the API cannot do", file="sampling.json", field="unsupported"),
    Item(id="A1", title="asking: limits and credits", file="access.json", field="query"),
    Item(id="A2", title="reasoning traces", file="access.json", field="reasoning_traces"),
    Item(id="A3", title="log-probabilities, internals, weights", file="access.json", field="internals"),
    Item(id="A4", title="dates and days of access", file="access.json", field="dates"),
    Item(id="A5", title="what happens to the auditor's data", file="access.json", field="data_handling"),
    Item(id="A6", title="safe harbour and exemptions", file="access.json", field="safe_harbour"),
    Item(id="D1", title="intended behaviour, known vulnerabilities", file="card.json", field="behaviour"),
    Item(id="D2", title="training and contamination", file="card.json", field="training"),
    Item(id="D3", title="the developer's own results", file="card.json", field="internal_results"),
    Item(id="D4", title="written assurances", file="card.json", field="assurances"),
    Item(id="D5", title="claims to be held against the findings", file="claims.json"),
)
assert tuple(item.id for item in ITEMS) == get_args(ItemId)

_BY_KIND = {
    "live": "a public model that nobody handed over",
    "recording": "a recording of a published run: there is nothing to hand over",
    "reference": "a simulation: there is no model",
}


def checklist(pack: FullPack | ReleasePack) -> tuple[Entry, ...]:
    """Every item with what the pack says to it. A short pack gives I1 and is absent by kind in the rest."""
    if isinstance(pack, ReleasePack):
        why = _BY_KIND[pack.subject.kind]
        return tuple(
            Entry(item=item, state="given")
            if item.id == "I1"
            else Entry(item=item, state="absent", reason=why)
            for item in ITEMS
        )
    reasons = {str(item): reason for item, reason in pack.cover.absent.items()}
    return tuple(_entry(pack, item, reasons) for item in ITEMS)


def check_items(pack: FullPack, issues: Issues, unread: Collection[str] = ()) -> None:
    """Codes `item-missing` (neither given nor declared absent) and `item-both`; what lies in a file unread is not missing."""
    for entry in checklist(pack):
        item = entry.item
        if entry.state == "missing" and not any(name.startswith(item.file) for name in unread):
            issues.add(
                "item-missing",
                PACK_FILE,
                f"/absent/{item.id}",
                f"{item.id} ({item.title}) is neither given nor declared absent",
                f"give it in {item.place}, or the reason here",
            )
        elif entry.state == "given" and entry.reason:
            issues.add(
                "item-both",
                PACK_FILE,
                f"/absent/{item.id}",
                f"{item.id} is declared absent, yet {item.place} gives it",
                "remove one of the two",
            )


def _entry(pack: FullPack, item: Item, reasons: dict[str, str]) -> Entry:
    reason = reasons.get(item.id, "")
    if _given(pack, item):
        return Entry(item=item, state="given", reason=reason)
    if reason:
        return Entry(item=item, state="absent", reason=reason)
    hidden = any(name == item.file or name.startswith(item.file) for name in pack.withheld)
    return Entry(item=item, state="withheld" if hidden else "missing")


def _given(pack: FullPack, item: Item) -> bool:
    if item.id == "I1":
        return _identified(pack)
    if item.file == PACK_FILE:
        return getattr(pack.cover, item.field) is not None
    if item.file == PROMPTS:
        return bool(pack.prompts)
    part = pack.part(item.file)
    return part is not None and (not item.field or getattr(part, item.field) is not None)


def _identified(pack: FullPack) -> bool:
    kinds = {variant.kind for variant in pack.cover.variants}
    endpoint = "endpoint" not in kinds or pack.part("identity/endpoint.json") is not None
    return endpoint and ("weights" not in kinds or bool(pack.weights))
