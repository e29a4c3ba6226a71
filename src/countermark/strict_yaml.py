"""YAML as strangers write it: PyYAML's safe loader without aliases (a billion laughs) and without keys that stand twice."""

from typing import Any

import yaml
from yaml.constructor import ConstructorError


class StrictLoader(yaml.SafeLoader):
    """The Python safe loader: unlike the C one, its hooks can be overridden."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Refuse aliases; otherwise as the parent class."""
        if self.check_event(yaml.AliasEvent):
            raise ConstructorError(None, None, "aliases are not read here", self.get_mark())
        return super().compose_node(parent, index)

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
