"""YAML companions and text in PNGs -> whether two pictures have the same prompts and settings.

The files are untrusted: YAML is read as plain data, whatever its tags, and nothing in it is run.
"""

from __future__ import annotations

import itertools
import json
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from dedup_nb.library import yaml_files

SAME, DIFFERS, INCONCLUSIVE = "same", "differs", "inconclusive"

# The keys of a YAML companion that describe the picture, unlike file names, states and times.
COMPARED = ("prompt", "negative_prompt", "seed", "model", "sampler", "steps", "cfg_scale", "stage")
LORAS = "loras"
PNG_TEXTS = ("parameters", "prompt")  # written by AUTOMATIC1111 and by ComfyUI
YAML_SUFFIXES = (".yaml", ".yml")

MOST_BYTES = 2**20  # largest YAML companion or PNG text that is read
MOST_LORAS = 1_000
PNG_HEAD = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class Told:
    """The prompts and settings stored for one picture.

    Attributes
    ----------
    yaml : dict of str -> str
        The compared keys of its YAML companion; empty if there is none.
    texts : dict of str -> str
        Prompts stored in the PNG itself, by keyword.
    problem : str
        Why the companion or the text cannot be read, or "".
    """

    yaml: Mapping[str, str] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
    problem: str = ""


def told(image: bytes, companion: bytes | None) -> Told:
    """Read the prompts and settings from an image and its YAML companion.

    Parameters
    ----------
    image : bytes
        Content of the file; only PNGs store prompts.
    companion : bytes, optional
        Content of the YAML beside it, or None if there is none.
    """
    try:
        texts = {word: _settled(word, text) for word, text in png_texts(image).items()}
    except ValueError as error:
        return Told(problem=f"text in the PNG cannot be read: {error}")
    if companion is None:
        return Told(texts=texts)
    try:
        return Told(compared(read_yaml(companion)), texts)
    except ValueError as error:
        return Told(texts=texts, problem=f"YAML cannot be read: {error}")


def compare(one: Told, other: Told) -> tuple[str, str]:
    """Compare the prompts and settings of two pictures.

    Returns
    -------
    verdict : str
        `same`: both have the same values, and at least one. `differs`: a value differs.
        `inconclusive`: a value is missing or unreadable on either side.
    why : str
        What differs or is missing; "" for `same`.
    """
    differing = [
        f"{source} {key}"
        for source, mine, yours in (
            ("YAML", one.yaml, other.yaml),
            ("PNG", one.texts, other.texts),
        )
        for key in mine
        if key in yours and mine[key] != yours[key]
    ]
    if differing:
        return DIFFERS, ", ".join(differing)
    if problem := one.problem or other.problem:
        return INCONCLUSIVE, problem
    if bool(one.yaml) != bool(other.yaml):
        return INCONCLUSIVE, "YAML is missing on one side"
    if bool(one.yaml) and ("prompt" in one.yaml) != ("prompt" in other.yaml):
        return INCONCLUSIVE, "the prompt is missing in one YAML"
    if set(one.texts) != set(other.texts):
        return INCONCLUSIVE, "the prompt in the PNG is missing on one side"
    if "prompt" not in one.yaml and not one.texts:
        return INCONCLUSIVE, "no prompt in YAML or PNG"
    return SAME, ""


# ---------------------------------------------------------------- YAML


def read_yaml(data: bytes) -> dict[str, Any]:
    """Read a YAML mapping as plain data; unknown tags are ignored and nothing is run.

    Raises
    ------
    ValueError
        If it is not a mapping, too large, or not YAML.
    """
    content = yaml_files.read_plain(data)
    if not isinstance(content, dict):
        raise ValueError("it is not a mapping")
    return content


def compared(content: Mapping[str, Any]) -> dict[str, str]:
    """Return the compared values of a YAML mapping, as text."""
    values = {
        key: _text(content[key])
        for key in COMPARED
        if isinstance(content.get(key), str | int | float) and _text(content[key])
    }
    paths = sorted(set(itertools.islice(_paths(content.get(LORAS)), MOST_LORAS)))
    return values | ({LORAS: "\n".join(paths)} if paths else {})


def _text(value: Any) -> str:
    return " ".join(str(value).split())


def _paths(loras: Any) -> Iterator[str]:
    """Yield the `path` of each LoRA, from `loras: {character: {path: ...}}` or a list of these."""
    entries = list(loras.values()) if isinstance(loras, dict) else loras
    for entry in entries if isinstance(entries, list) else ():
        path = entry.get("path") if isinstance(entry, dict) else entry
        if isinstance(path, str):
            yield _text(path)


# ---------------------------------------------------------------- PNG


def png_texts(data: bytes) -> dict[str, str]:
    """Return the prompts stored in a PNG, by keyword; empty for other formats.

    Raises
    ------
    ValueError
        If a chunk with one of the keywords is malformed or too large.
    """
    texts: dict[str, str] = {}
    for kind, chunk in _chunks(data):
        keyword, _, rest = chunk.partition(b"\0")
        word = keyword.decode("latin-1")
        if kind in (b"tEXt", b"zTXt", b"iTXt") and word in PNG_TEXTS:
            texts[word] = _chunk_text(kind, rest)
    return texts


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(PNG_HEAD)
    while data.startswith(PNG_HEAD) and at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        yield kind, data[at + 8 : at + 8 + length] if kind != b"IDAT" else b""
        at += length + 12


def _chunk_text(kind: bytes, rest: bytes) -> str:
    if kind == b"tEXt":
        return rest.decode("latin-1")
    if kind == b"zTXt":
        return _inflated(rest[1:]).decode("latin-1")
    compressed = rest[:1] == b"\1"
    _, _, after = rest[2:].partition(b"\0")  # the language
    _, _, text = after.partition(b"\0")  # the keyword, translated
    return (_inflated(text) if compressed else text).decode("utf-8", "replace")


def _inflated(data: bytes) -> bytes:
    try:
        text = zlib.decompressobj().decompress(data, MOST_BYTES)
    except zlib.error as error:
        raise ValueError(str(error)) from error
    if len(text) == MOST_BYTES:
        raise ValueError(f"more than {MOST_BYTES:,} bytes")
    return text


def _settled(word: str, text: str) -> str:
    """Return a prompt without the parts that change when it is saved: blanks and file names."""
    if word == "prompt":
        try:
            graph = json.loads(text)
        except (ValueError, RecursionError):
            return _text(text)
        if isinstance(graph, dict):
            for node in graph.values():
                inputs = node.get("inputs") if isinstance(node, dict) else None
                if isinstance(inputs, dict):
                    inputs.pop("filename_prefix", None)
            return json.dumps(graph, sort_keys=True)
    return _text(text)
