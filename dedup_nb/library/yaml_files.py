"""YAML files <-> plain data: untrusted files are read safely, ours are written portably."""

from __future__ import annotations

import json
import unicodedata
import warnings
from collections.abc import Mapping
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.composer import Composer
from ruamel.yaml.constructor import SafeConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent
from ruamel.yaml.nodes import MappingNode, SequenceNode

MOST_BYTES = 2**18  # largest file; reading it takes about 3 s at worst
MOST_ALIASES = 1_000
MOST_VALUES = 200_000  # each alias counts all values that it stands for
MOST_DEPTH = 50  # of lists and mappings inside each other
WORDS = frozenset("y n yes no on off true false null".split())  # no text in YAML 1.1
MOST_DIGITS = 400  # longer numbers are text: Python takes quadratic time for them


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

    def construct_number(self, node: Any) -> Any:
        if len(node.value) > MOST_DIGITS:
            return self.construct_scalar(node)
        if node.tag == INT:
            return self.construct_yaml_int(node)
        return self.construct_yaml_float(node)


INT, FLOAT, TIME = (f"tag:yaml.org,2002:{name}" for name in ("int", "float", "timestamp"))
_PlainConstructor.add_constructor(INT, _PlainConstructor.construct_number)
_PlainConstructor.add_constructor(FLOAT, _PlainConstructor.construct_number)
_PlainConstructor.add_constructor(TIME, _PlainConstructor.construct_scalar)  # dates stay text
_PlainConstructor.add_constructor(None, _PlainConstructor.construct_plain)


class _StrictConstructor(_PlainConstructor):
    """Refuses duplicate keys."""

    def check_mapping_key(self, *args: Any) -> bool:
        """Refuse a duplicate key, naming its line."""
        return bool(SafeConstructor.check_mapping_key(self, *args))


class _BoundedComposer(Composer):  # type: ignore[misc]
    """Refuses too many aliases and too much depth."""

    aliases = depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        event = self.parser.peek_event()
        if isinstance(event, AliasEvent):
            self.aliases += 1
            if self.aliases > MOST_ALIASES:
                raise YAMLError(f"it has more than {MOST_ALIASES:,} aliases")
        self._look_at(event)
        self.depth += 1
        try:
            if self.depth > MOST_DEPTH:
                raise YAMLError(f"it is nested more than {MOST_DEPTH} levels deep")
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1

    def _look_at(self, event: Any) -> None:
        """Check one more event."""


class _StrictComposer(_BoundedComposer):
    """Refuses tags as well."""

    def _look_at(self, event: Any) -> None:
        if getattr(event, "tag", None) is not None:
            line = event.start_mark.line + 1
            raise YAMLError(f"line {line} has the tag {str(event.tag)[:60]}; remove it")


def read_plain(data: bytes) -> Any:
    """Read untrusted YAML as plain data; unknown tags are ignored and nothing is run.

    YAML 1.1, which most programs write. Dates and very long numbers stay text.

    Raises
    ------
    ValueError
        If it cannot be read for any reason, or exceeds one of the bounds above.
    """
    _refuse_large(data)
    return _loaded(data, (1, 1), _PlainConstructor, _BoundedComposer)


def read_strict(data: bytes) -> Any:
    """Read a parameter file that a person wrote: YAML 1.2, without tags and duplicate keys.

    UTF-8, with or without a byte order mark, or UTF-16 with one.

    Raises
    ------
    ValueError
        What is wrong, and in which line where that is known.
    """
    _refuse_large(data)
    try:
        utf16 = data[:2] in (b"\xff\xfe", b"\xfe\xff")
        text = data.decode("utf-16" if utf16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        place = f"line {data[: error.start].count(10) + 1}"
        name = "UTF-16" if utf16 else "UTF-8"
        raise ValueError(f"{place} is not {name} text; save the file as UTF-8") from error
    for number, line in enumerate(text.split("\n"), 1):
        if odd := next(
            (c for c in line if c not in "\t\r" and unicodedata.category(c) == "Cc"), ""
        ):
            raise ValueError(f"line {number} has a control character (U+{ord(odd):04X}); remove it")
    return _loaded(text, (1, 2), _StrictConstructor, _StrictComposer)


def _is_control(character: str) -> bool:
    return unicodedata.category(character) == "Cc"


def _refuse_large(data: bytes) -> None:
    if len(data) > MOST_BYTES:
        raise ValueError(f"it has {len(data):,} bytes; at most {MOST_BYTES:,} are read")


def _loaded(data: bytes | str, version: tuple[int, int], constructor: Any, composer: Any) -> Any:
    reader = YAML(typ="safe", pure=True)
    reader.version = version
    reader.Constructor, reader.Composer = constructor, composer
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            value = reader.load(data)
    except MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"line {mark.line + 1}: " if mark else ""
        raise ValueError(_one_line(f"{where}{error.problem or error.context}")) from error
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    except Exception as error:  # untrusted YAML raises far more than YAMLError
        raise ValueError(_one_line(str(error)) or "it is damaged") from error
    _refuse_vast(value)
    return value


def _one_line(words: str) -> str:
    return " ".join(words.split())[:200]


def _refuse_vast(value: Any) -> None:
    """Count the values as a reader that follows every alias would meet them."""
    left, count = [value], 0
    while left:
        item = left.pop()
        count += 1
        if count > MOST_VALUES:
            raise ValueError(
                f"it holds more than {MOST_VALUES:,} values, counting each alias in full"
            )
        if isinstance(item, dict):
            left += [*item, *item.values()]
        elif isinstance(item, list | tuple | set):
            left += item


def read_flat(text: str) -> dict[str, Any]:
    """Read a parameter file written by `written_flat` or an earlier version.

    Raises
    ------
    ValueError
        If it was damaged since.
    """
    values = _loaded(text, (1, 1), _PlainConstructor, _BoundedComposer)
    if not isinstance(values, dict):
        raise ValueError("it holds no parameters")
    return values


def written_flat(values: Mapping[str, Any]) -> str:
    """Format parameters as YAML that every YAML version reads the same: one JSON value per line."""
    lines = (f"{_key(key)}: {_json(value)}\n" for key, value in sorted(values.items()))
    return "".join(lines)


def _key(key: str) -> str:
    return json.dumps(key) if key.lower() in WORDS else key


def _json(value: Any) -> str:
    if isinstance(value, float):
        mantissa, e, exponent = repr(value).partition("e")  # YAML 1.1 reads 1.0e-05 but not 1e-05
        return f"{mantissa}{'' if '.' in mantissa else '.0'}{e}{exponent}"
    text = json.dumps(value, ensure_ascii=False)
    # escape what YAML does not allow, such as bytes of a file name that are not UTF-8
    return "".join(c if c.isprintable() else _escaped(ord(c)) for c in text)


def _escaped(code: int) -> str:
    return f"\\u{code:04x}" if code < 2**16 else f"\\U{code:08x}"
