"""A companion's name and bytes -> the kinds of words that it holds about its picture."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from dedup_nb.library import formats, takeout, words, xmp, yaml_files

MOST_BYTES = 2**20  # of a companion that is read
TEXTS = (".txt", ".caption", ".md")
EDITS = (".aae", ".pp3", ".dop", ".on1", ".cos", ".nksc")  # develop settings of raw converters
# Keys of a mapping in YAML or JSON -> kind of words.
KEYS = {
    "prompt": "prompt", "negative_prompt": "prompt", "seed": "prompt", "workflow": "workflow",
    "caption": "caption", "description": "caption", "keywords": "keywords", "tags": "keywords",
    "rating": "rating", "people": "people", "author": "author", "copyright": "copyright",
}  # fmt: skip


def words_of_companion(name: str, data: bytes) -> set[str]:
    """Return the kinds of words that a companion holds; empty if it cannot be read. Never raises.

    Parameters
    ----------
    name : str
        Its file name; the last suffix tells how it is read.
    data : bytes
        Its content. Of more than `MOST_BYTES` only texts are read, to there.

    Returns
    -------
    set of str
        Kinds as in `words.KINDS`.
    """
    ending = formats.suffix(name)
    if ending in EDITS:
        return {"edits"} if data.strip() else set()
    if ending in TEXTS:
        return _kinds({"caption": data[:MOST_BYTES].decode("utf-8", "replace")})
    if len(data) > MOST_BYTES:
        return set()
    if ending == ".xmp":
        return _kinds(xmp.words(xmp.properties(data)))
    if ending == ".json":
        return _of_json(data)
    if ending in (".yaml", ".yml"):
        return _of_yaml(data)
    return set()


def _kinds(held: Mapping[str, str]) -> set[str]:
    return {kind for kind, _ in (words.settled(*one) for one in held.items()) if kind}


def _of_yaml(data: bytes) -> set[str]:
    try:
        content = yaml_files.read_plain(data)
    except ValueError:
        return set()
    return set(_of_mapping(content))


def _of_json(data: bytes) -> set[str]:
    try:
        text = data.decode("utf-8-sig")
        content = json.loads(text)
    except (ValueError, RecursionError):
        return set()
    kind = words.of_text(text)
    of_text = {kind} if kind in ("prompt", "workflow") else set()
    told = takeout.read(data)
    return of_text | set(_of_mapping(content)) | (told.kinds if told else set())


def _of_mapping(content: Any) -> Iterator[str]:
    """Yield the kinds that the keys of a mapping name, unless their value is empty."""
    if isinstance(content, dict):
        for key, value in content.items():
            if isinstance(key, str) and key.lower() in KEYS and value not in (None, "", [], {}, 0):
                yield KEYS[key.lower()]
