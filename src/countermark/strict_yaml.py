"""YAML as strangers write it: PyYAML's safe loader without aliases (a billion laughs), tags, or keys that stand twice."""

import re
from typing import Any

import yaml
from yaml.constructor import ConstructorError

_SURROGATE = re.compile("[\ud800-\udfff]")


class StrictLoader(yaml.SafeLoader):
    """The Python safe loader: unlike the C one, its hooks can be overridden. Every fault is a `YAMLError` or `ValueError`."""

    def get_single_data(self) -> Any:
        r"""As the parent class, which raises `OverflowError` on an escape such as \UFFFFFFFF."""
        try:
            return super().get_single_data()
        except OverflowError as error:
            raise ConstructorError(None, None, "an escape names no character", self.get_mark()) from error

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Refuse aliases and tags; otherwise as the parent class.

        A tag can put a text where a number's reader, say, expects digits: PyYAML then raises whatever comes.
        """
        if self.check_event(yaml.AliasEvent):
            raise ConstructorError(None, None, "aliases are not read here", self.get_mark())
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if getattr(event, "tag", None) is not None:
            raise ConstructorError(None, None, "tags are not read here", event.start_mark)
        return super().compose_node(parent, index)

    def construct_scalar(self, node: yaml.ScalarNode | yaml.MappingNode) -> Any:
        """Refuse lone surrogates, which no UTF-8 can hold; otherwise as the parent class."""
        text = super().construct_scalar(node)
        if isinstance(text, str) and _SURROGATE.search(text):
            raise ConstructorError(None, None, "a lone surrogate in a text", node.start_mark)
        return text

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Refuse a key that stands twice or is no text."""
        mapping: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            key = self.key_of(self.construct_object(key_node, deep=True))
            if not isinstance(key, str) or key in mapping:
                raise ConstructorError(
                    None, None, f"key {key!r} is no text or stands twice", key_node.start_mark
                )
            mapping[key] = self.construct_object(value_node, deep=deep)
        return mapping

    def key_of(self, key: Any) -> Any:
        """What a key is read as; loaders of raw values may make text of more."""
        return key
