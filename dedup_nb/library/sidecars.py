"""What YAML companions and the text inside PNGs tell of a picture -> do two pictures tell the same?

Strangers' files: YAML is read as plain data, whatever tags it carries, and nothing in it is run.
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

# what of a YAML companion describes the picture; names of files, states and times do not
COMPARED = ("prompt", "negative_prompt", "seed", "model", "sampler", "steps", "cfg_scale", "stage")
LORAS = "loras"
PNG_TEXTS = ("parameters", "prompt")  # of AUTOMATIC1111, of ComfyUI
YAML_SUFFIXES = (".yaml", ".yml")

MOST_BYTES = 2**20  # of a YAML companion, or of one text in a PNG
MOST_LORAS = 1_000
PNG_HEAD = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class Told:
    """What is told of one picture.

    Attributes
    ----------
    yaml : dict of str -> str
        The compared keys of its YAML companion; empty where there is none.
    texts : dict of str -> str
        Prompts stored in the PNG itself, by keyword.
    problem : str
        Why the companion or the text cannot be read, or "".
    """

    yaml: Mapping[str, str] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
    problem: str = ""


def told(image: bytes, companion: bytes | None) -> Told:
    """Return what the content of an image and of its YAML companion tell.

    Parameters
    ----------
    image : bytes
        The whole file; only PNGs hold prompts.
    companion : bytes, optional
        The YAML beside it, or None where there is none.
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
    """Say whether two pictures tell the same, and what does not agree.

    Returns
    -------
    verdict : str
        `same`: whatever is told of either is told of both, alike, and something is. `differs`:
        a value differs. `inconclusive`: missing or unreadable on either side.
    why : str
        "" for `same`.
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
    """Return a YAML mapping as plain data; unknown tags are tolerated, nothing is run.

    Raises
    ------
    ValueError
        If it is not a mapping, too large, or not YAML.
    """
    if len(data) > MOST_BYTES:
        raise ValueError(f"{len(data):,} bytes; at most {MOST_BYTES:,} are read")
    content = yaml_files.read_plain(data)
    if not isinstance(content, dict):
        raise ValueError("it is not a mapping")
    return content


def compared(content: Mapping[str, Any]) -> dict[str, str]:
    """Return of a YAML mapping what is compared, as text."""
    found = {
        key: _text(content[key])
        for key in COMPARED
        if isinstance(content.get(key), str | int | float) and _text(content[key])
    }
    paths = sorted(set(itertools.islice(_paths(content.get(LORAS)), MOST_LORAS)))
    return found | ({LORAS: "\n".join(paths)} if paths else {})


def _text(value: Any) -> str:
    return " ".join(str(value).split())


def _paths(loras: Any) -> Iterator[str]:
    """Yield the `path` of each LoRA: `loras: {character: {path: ...}}`, or a list of such."""
    entries = list(loras.values()) if isinstance(loras, dict) else loras
    for entry in entries if isinstance(entries, list) else ():
        path = entry.get("path") if isinstance(entry, dict) else entry
        if isinstance(path, str):
            yield _text(path)


# ---------------------------------------------------------------- PNG


def png_texts(data: bytes) -> dict[str, str]:
    """Return the prompts stored in a PNG, by keyword; nothing for another format.

    Raises
    ------
    ValueError
        If a chunk with one of the keywords is malformed or too large.
    """
    found: dict[str, str] = {}
    for kind, chunk in _chunks(data):
        keyword, _, rest = chunk.partition(b"\0")
        word = keyword.decode("latin-1")
        if kind in (b"tEXt", b"zTXt", b"iTXt") and word in PNG_TEXTS:
            found[word] = _chunk_text(kind, rest)
    return found


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
    """Return a prompt without what differs from save to save: blanks, and names of files."""
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
