"""YAML companions and text in PNGs -> whether two pictures have the same prompts and settings.

The files are untrusted: YAML is read as plain data, whatever its tags, and nothing in it is run.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from dedup_nb.library import png_chunks, yaml_files

SAME, DIFFERS, INCONCLUSIVE = "same", "differs", "inconclusive"

# The keys of a YAML companion that describe the picture, unlike file names, states and times.
COMPARED = ("prompt", "negative_prompt", "seed", "model", "sampler", "steps", "cfg_scale", "stage")
LORAS = "loras"
PNG_TEXTS = ("parameters", "prompt")  # written by AUTOMATIC1111 and by ComfyUI
YAML_SUFFIXES = (".yaml", ".yml")

MOST_BYTES = 2**20  # largest PNG text that is read
MOST_LORAS = 1_000


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
    for each in png_chunks.texts(data, MOST_BYTES):
        if each.keyword in PNG_TEXTS:
            if each.problem or each.cut:
                problem = each.problem or f"more than {MOST_BYTES:,} bytes"
                raise ValueError(f"{each.keyword}: {problem}")
            texts[each.keyword] = each.text
    return texts


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
