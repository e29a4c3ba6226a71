"""YAML as strangers write it: PyYAML's safe loader without aliases (a billion laughs), tags, or keys that stand twice.

Values are made from the parser's events as they come, with no tree of nodes between, so that a battery of thousands of small
files is read at once. The events are libyaml's where PyYAML was built with it, else PyYAML's own; both give the same values.
"""

import re
from typing import TYPE_CHECKING, Any

import yaml
from yaml.constructor import ConstructorError, SafeConstructor
from yaml.resolver import Resolver

MAX_DEPTH = 64
_SURROGATE = re.compile("[\ud800-\udfff]")
_MARK = re.compile("(?:\\A\ufeff|[\n\r\x85\u2028\u2029])\ufeff")
"""A byte order mark at the beginning of a line: libyaml passes over it, PyYAML reads it as text."""
_TEXT = "tag:yaml.org,2002:str"


class PythonEvents(yaml.reader.Reader, yaml.scanner.Scanner, yaml.parser.Parser):
    """The parser that is always there."""

    def __init__(self, text: str) -> None:
        yaml.reader.Reader.__init__(self, text)
        yaml.scanner.Scanner.__init__(self)
        yaml.parser.Parser.__init__(self)


class StrictValues(SafeConstructor, Resolver):
    """What the events of one document mean; every fault is a `YAMLError` or `ValueError`. To be mixed with a source of events."""

    def __init__(self, text: str) -> None:
        if _MARK.search(text):
            raise ConstructorError(None, None, "a byte order mark within the text")
        SafeConstructor.__init__(self)
        Resolver.__init__(self)

    if TYPE_CHECKING:

        def get_event(self) -> Any: ...

        def peek_event(self) -> Any: ...

    def get_single_data(self) -> Any:
        r"""The one document's value, None where there is none.

        PyYAML's own events raise `OverflowError` on an escape such as \UFFFFFFFF.
        """
        try:
            self.get_event()
            value = None if isinstance(self.peek_event(), yaml.StreamEndEvent) else self._document()
            last: Any = self.get_event()
        except OverflowError as error:
            raise ConstructorError(None, None, "an escape names no character") from error
        if not isinstance(last, yaml.StreamEndEvent):
            raise ConstructorError(None, None, "a second document begins here", last.start_mark)
        return value

    def key_of(self, key: Any) -> Any:
        """What a key is read as; loaders of raw values may make text of more."""
        return key

    def _document(self) -> Any:
        self.get_event()
        value = self._value(self.get_event(), 0)
        self.get_event()
        return value

    def _value(self, event: Any, depth: int) -> Any:
        """The value that begins with `event`.

        A tag can put a text where a number's reader, say, expects digits: PyYAML then raises whatever comes.
        """
        mark = event.start_mark
        if isinstance(event, yaml.AliasEvent):
            raise ConstructorError(None, None, "aliases are not read here", mark)
        if event.tag is not None:
            raise ConstructorError(None, None, "tags are not read here", mark)
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event)
        if depth == MAX_DEPTH:
            raise ConstructorError(None, None, f"is nested deeper than {MAX_DEPTH}", mark)
        return (
            self._mapping(depth + 1)
            if isinstance(event, yaml.MappingStartEvent)
            else self._sequence(depth + 1)
        )

    def _scalar(self, event: Any) -> Any:
        """A text, checked for lone surrogates, which no UTF-8 can hold; or what its plain form is resolved to."""
        text = event.value
        if not text.isascii() and _SURROGATE.search(text):
            raise ConstructorError(None, None, "a lone surrogate in a text", event.start_mark)
        tag = self.resolve(yaml.ScalarNode, text, event.implicit) if event.implicit[0] else _TEXT  # type: ignore[no-untyped-call]
        if tag == _TEXT:
            return text
        return self.construct_object(yaml.ScalarNode(tag, text, event.start_mark, event.end_mark))

    def _sequence(self, depth: int) -> list[Any]:
        values = []
        while not isinstance(event := self.get_event(), yaml.SequenceEndEvent):
            values.append(self._value(event, depth))
        return values

    def _mapping(self, depth: int) -> dict[str, Any]:
        """Refuses a key that stands twice or is no text."""
        values: dict[str, Any] = {}
        while not isinstance(event := self.get_event(), yaml.MappingEndEvent):
            key = self.key_of(self._value(event, depth))
            if not isinstance(key, str) or key in values:
                raise ConstructorError(
                    None, None, f"key {key!r} is no text or stands twice", event.start_mark
                )
            values[key] = self._value(self.get_event(), depth)
        return values


_PARSER: Any = yaml.cyaml.CParser if yaml.__with_libyaml__ else PythonEvents  # type: ignore[attr-defined]


class PythonStrictLoader(StrictValues, PythonEvents):
    """The strict loader on PyYAML's own parser: slow, and the same everywhere."""

    def __init__(self, text: str) -> None:
        PythonEvents.__init__(self, text)
        StrictValues.__init__(self, text)


class StrictLoader(StrictValues, _PARSER):  # type: ignore[misc]  # which of the two depends on how PyYAML was built
    """The strict loader on libyaml's parser where there is one: ten times faster."""

    def __init__(self, text: str) -> None:
        _PARSER.__init__(self, text)
        StrictValues.__init__(self, text)


def load(text: str) -> Any:
    """The value of a text's one document, by the strict loader. Raises `YAMLError` or `ValueError`."""
    return StrictLoader(text).get_single_data()
