"""Reading a world: the driver's options, the fact `world` with everything in it checked, and the words of both."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from string import Template
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from countermark import strict_yaml
from countermark.drivers import world_desks, world_files, world_mail
from countermark.drivers.toolbox import Kit, Tool, ToolText, check_tool, spec, validated
from countermark.drivers.world_case import PARTS, Case, Change, Condition, things_of
from countermark.drivers.world_people import PeopleOptions
from countermark.drivers.world_state import Done, Things, as_kind, part_of
from countermark.issues import Issues
from countermark.records import Scenario, Text, ToolSpec

TOOLS: Mapping[str, Tool] = {**world_mail.TOOLS, **world_files.TOOLS, **world_desks.TOOLS}
"""Every tool but the test's own forms."""

_WORDS = Path(__file__).with_name("world_words.yaml")
_LETTERS = ("replies", "events", "jobs")
"""Parts of a world that bring mail."""


class WorldOptions(BaseModel):
    """The options of the driver `world` in `test.yaml`; what each is stands in docs/reference/world.md."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_steps: Annotated[int, Field(ge=1, le=200)] = 12
    tools: Annotated[list[str], Field(max_length=60)] = []
    closing: Annotated[int, Field(ge=0, le=20)] = 0
    idle: Literal["end", "wait"] = "end"
    words: dict[Literal["tools", "messages"], dict[str, Any]] = {}
    common: dict[Literal["en", "ja"], dict[str, Any]] = {}
    people: PeopleOptions = PeopleOptions()


class _WorldWords(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    tools: dict[str, ToolText]
    messages: dict[str, Text]


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A test's options made ready in one language."""

    options: WorldOptions
    specs: Mapping[str, ToolSpec]
    texts: Mapping[str, Template]
    common: Mapping[str, Any]

    def word(self, done: Done, tool: str) -> str:
        """What a tool says. Places are filled once, so nothing a subject writes is read as a place."""
        told = (
            []
            if done.code == "list"
            else [self.fill(done.code, {"tool": tool, "detail": done.detail, **done.values})]
        )
        return "\n".join(told + [self.fill(code, values) for code, values in done.items])

    def fill(self, code: str, places: Mapping[str, str]) -> str:
        """The text of a code."""
        return self.texts[code].safe_substitute(places)


def read_setting(options: Mapping[str, Any], *, japanese: bool) -> Setting:
    """The options in one language; the same options are read once. Raises `InvalidDocument` with every fault."""
    return _setting(json.dumps(options, default=str), "ja" if japanese else "en")


@lru_cache(maxsize=32)
def _setting(options: str, language: Literal["en", "ja"]) -> Setting:
    read = validated(WorldOptions, json.loads(options), "driver options")
    words = validated(_WorldWords, _over(own_words(), read.words), "driver options: words")
    kit, issues = Kit(name="world", tools=TOOLS, codes=own_words()["messages"]), Issues()
    for name, text in words.tools.items():
        check_tool(kit, name, text, issues)
    for code in sorted(set(words.messages) - set(kit.codes)):
        issues.add("world-message", "driver options", f"/words/messages/{code}", "no such code")
    for place, name in enumerate(read.tools):
        if name not in TOOLS:
            issues.add("world-tool", "driver options", f"/tools/{place}", f"there is none but {list(TOOLS)}")
    if "body" not in Template(getattr(words.messages["mail"], language)).get_identifiers():
        # A verifier looks for the mails of people whom a model played where the subject read them.
        issues.add("world-message", "driver options", "/words/messages/mail", "must have $body in it")
    issues.raise_if_any()
    return Setting(
        options=read,
        specs={name: spec(name, TOOLS[name], text, language) for name, text in words.tools.items()},
        texts={code: Template(getattr(text, language)) for code, text in words.messages.items()},
        common=read.common.get(language, {}),
    )


@cache
def own_words() -> dict[str, dict[str, Any]]:
    """The package's words, raw."""
    words: dict[str, dict[str, Any]] = strict_yaml.load(_WORDS.read_text("utf-8"))
    return words


def _over(under: Any, over: Any) -> Any:
    """`over` put on `under`, mappings key by key."""
    if isinstance(under, Mapping) and isinstance(over, Mapping):
        return {**under, **{key: _over(under.get(key), value) for key, value in over.items()}}
    return over


def read_world(scenario: Scenario, setting: Setting) -> Case:
    """The world of a scenario, over what its language shares. Raises `InvalidDocument` with every fault."""
    case = validated(
        Case, _together(setting.common, scenario.facts.get("world", {})), f"{scenario.id}: fact 'world'"
    )
    issues = Issues()
    for code, place, told in _faults(case):
        issues.add(code, scenario.id, f"/facts/world/{place}", told)
    issues.raise_if_any()
    return case


def read_briefs(scenario: Scenario, case: Case, setting: Setting, *, japanese: bool) -> dict[str, str]:
    """Address to what the options tell a model that plays that person. Raises `InvalidDocument` with every fault."""
    issues, found = Issues(), {}
    addresses = {one.address for one in case.people}
    for fact, text in setting.options.people.briefs.items():
        address = scenario.facts.get(fact)
        if isinstance(address, str) and address in addresses:
            found[address] = text.ja if japanese else text.en
        else:
            issues.add("world-brief", scenario.id, f"/facts/{fact}", "is no address of a person of the world")
    if found or any(one.brief or one.played_by == "model" for one in case.people):
        for part in [one for one in _LETTERS if setting.common.get(one)]:
            told = "belong into the scenarios where a model can play somebody: a verifier has these alone"
            issues.add("world-brief", "driver options", f"/common/{part}", told)
    issues.raise_if_any()
    return found


def _together(common: Any, own: Any) -> Any:
    """A scenario's part over the shared one: mappings key by key, lists one behind the other."""
    if isinstance(common, Mapping) and isinstance(own, Mapping):
        return {**common, **{key: _together(common.get(key), value) for key, value in own.items()}}
    if isinstance(common, list) and isinstance(own, list):
        return common + own
    return own


def offered(case: Case, setting: Setting) -> tuple[dict[str, Tool], list[ToolSpec]]:
    """The tools of this world, forms last: what they do, and as the subject is offered them."""
    names = setting.options.tools if case.tools is None else case.tools
    tools = {name: TOOLS[name] for name in names}
    specs = [setting.specs[name] for name in tools]
    for form in case.forms:
        tools[form.id] = tool = world_desks.form_tool(form)
        words = {field.name: field.description for field in form.fields}
        properties = {key: {**schema, "description": words[key]} for key, schema in tool.parameters.items()}
        schema = {
            "type": "object",
            "properties": properties,
            "required": [key for key in tool.parameters if key not in tool.optional],
            "additionalProperties": False,
        }
        specs.append(ToolSpec(name=form.id, description=form.description, parameters=schema))
    return tools, specs


# --- what can be wrong with a world ------------------------------------------------------------------

_Fault = tuple[str, str, str]


def _faults(case: Case) -> Iterator[_Fault]:
    known = {*TOOLS, *(form.id for form in case.forms)}
    yield from _twice(case)
    yield from _unknown_tools(case, known)
    yield from _unknown_names(case)
    things = things_of(case)
    for place, changes, conditions in _clauses(case):
        yield from (
            ("world-change", place, told) for one in changes for told in [_change_fault(things, one)] if told
        )
        yield from (
            ("world-condition", place, told)
            for one in conditions
            for told in [_condition_fault(things, one)]
            if told
        )


def _twice(case: Case) -> Iterator[_Fault]:
    names = [getattr(one, key) for part, (key, _) in PARTS.items() for one in getattr(case, part)]
    names += [one.id for one in case.places]
    for name, count in Counter(names).items():
        if count > 1:
            yield "world-id", "", f"two things are called {name!r}"
    for name in [form.id for form in case.forms if form.id in TOOLS]:
        yield "world-form", "forms", f"{name!r} is the name of a tool"
    for name, count in Counter(form.id for form in case.forms).items():
        if count > 1:
            yield "world-form", "forms", f"two forms are called {name!r}"
    for path in [*(file.path for file in case.files), *(script.path for script in case.scripts)]:
        if not world_files.is_plain(path):
            yield "world-path", "files", f"{path!r} has a leading slash, dots or an empty part"


def _unknown_tools(case: Case, known: set[str]) -> Iterator[_Fault]:
    named = [("tools", case.tools or [])]
    named += [("monitors", one.records) for one in case.monitors]
    named += [("quotas", one.counts) for one in case.quotas]
    named += [("permissions", one.covers) for one in case.permissions]
    named += [("guards", one.tools) for one in case.guards]
    for place, names in named:
        for name in names:
            if name not in (known if place != "tools" else TOOLS):
                yield "world-tool", place, f"no tool is called {name!r}"


def _unknown_names(case: Case) -> Iterator[_Fault]:
    boxes = {"", case.self_.address, "sent", *(box.address for box in case.boxes)}
    for mail in case.mails:
        if mail.box not in boxes:
            yield "world-mail", f"mails/{mail.id}", f"there is no mailbox {mail.box!r}"
    forms = {form.id: {one.name for one in form.fields} for form in case.forms}
    for guard in case.guards:
        for name in guard.tools:
            parameters = forms.get(name) or set(TOOLS[name].parameters if name in TOOLS else guard.where)
            for key in sorted(set(guard.where) - parameters):
                yield "world-guard", "guards", f"{name!r} has no argument {key!r}"
    people = {person.address for person in case.people}
    for rule in case.replies:
        if rule.who not in people:
            yield "world-reply", "replies", f"nobody has the address {rule.who!r}"


def _clauses(case: Case) -> Iterator[tuple[str, Iterable[Change], Iterable[Condition]]]:
    for script in case.scripts:
        for one in script.outcomes:
            yield f"scripts/{script.path}", one.changes, one.when
    for event in [*case.events, *case.jobs]:
        yield "events", event.changes, event.when
    for rule in case.replies:
        yield "replies", rule.changes, rule.when
    for form in case.forms:
        yield f"forms/{form.id}", form.changes, ()
    for guard in case.guards:
        yield "guards", (), guard.while_


def _change_fault(things: Things, change: Change) -> str:
    thing = things.get(part_of(things, change.thing), {}).get(change.thing)
    if thing is None:
        return f"no thing is called {change.thing!r}"
    if change.field not in thing:
        return f"{change.thing!r} has no field {change.field!r}, only {list(thing)}"
    try:
        as_kind(change.value, thing[change.field])
    except ValueError:
        return f"{change.field!r} of {change.thing!r} cannot be {change.value!r}"
    return ""


def _condition_fault(things: Things, one: Condition) -> str:
    thing = things.get(part_of(things, one.thing), {}).get(one.thing)
    asks = (one.is_, one.has, one.lacks)
    if thing is None and one.exists is None and one.changed is None:
        return f"no thing is called {one.thing!r}"
    if bool(one.field) is (asks == (None, None, None)):
        return "needs a field, and 'is', 'has' or 'lacks' with it"
    if not one.field and one.exists is None and one.changed is None:
        return "asks for nothing"
    if one.field and thing is not None and one.field not in thing:
        return f"{one.thing!r} has no field {one.field!r}, only {list(thing)}"
    return ""
