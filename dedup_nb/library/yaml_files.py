"""YAML files <-> plain data: untrusted files are read safely, ours are written portably."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.composer import Composer
from ruamel.yaml.constructor import SafeConstructor
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import AliasEvent
from ruamel.yaml.nodes import MappingNode, SequenceNode

MOST_ALIASES = 1_000


class _PlainConstructor(SafeConstructor):  # type: ignore[misc]
    """Builds plain data only: ignores unknown tags and never merges keys."""

    def flatten_mapping(self, node: Any) -> None:
        """Do not expand `<<`: nested merges grow without bound."""

    def check_mapping_key(self, *args: Any) -> bool:
        """Accept duplicate keys; the last one counts."""
        return True

    def construct_plain(self, node: Any) -> Any:
        if isinstance(node, MappingNode):
            return self.construct_mapping(node, deep=True)
        if isinstance(node, SequenceNode):
            return self.construct_sequence(node, deep=True)
        return self.construct_scalar(node)


_PlainConstructor.add_constructor(None, _PlainConstructor.construct_plain)


class _BoundedComposer(Composer):  # type: ignore[misc]
    """Refuses too many aliases."""

    aliases = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.parser.check_event(AliasEvent):
            self.aliases += 1
            if self.aliases > MOST_ALIASES:
                raise YAMLError("too many aliases")
        return super().compose_node(parent, index)


def read_plain(data: bytes) -> Any:
    """Read untrusted YAML as plain data; unknown tags are ignored and nothing is run.

    YAML 1.1, which most programs write.

    Raises
    ------
    ValueError
        If it cannot be read for any reason.
    """
    reader = YAML(typ="safe", pure=True)
    reader.version = (1, 1)
    reader.Constructor, reader.Composer = _PlainConstructor, _BoundedComposer
    try:
        return reader.load(data)
    except Exception as error:  # untrusted YAML raises far more than YAMLError
        words = " ".join(str(error).split()) or "it is nested too deeply"
        raise ValueError(words[:200]) from error


def read_flat(text: str) -> dict[str, Any]:
    """Read a parameter file written by `written_flat` or an earlier version."""
    reader = YAML(typ="safe", pure=True)
    reader.version = (1, 1)
    values: dict[str, Any] = reader.load(text)
    return values


def written_flat(values: Mapping[str, Any]) -> str:
    """Format parameters as YAML that every YAML version reads the same: one JSON value per line."""
    lines = (f"{key}: {_json(value)}\n" for key, value in sorted(values.items()))
    return "".join(lines)


def _json(value: Any) -> str:
    if isinstance(value, float):
        mantissa, e, exponent = repr(value).partition("e")  # YAML 1.1 reads 1.0e-05 but not 1e-05
        return f"{mantissa}{'' if '.' in mantissa else '.0'}{e}{exponent}"
    text = json.dumps(value, ensure_ascii=False)
    # escape what YAML does not allow, such as bytes of a file name that are not UTF-8
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)
