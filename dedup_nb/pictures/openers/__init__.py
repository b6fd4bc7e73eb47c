"""The bytes of a picture and its format -> the opened picture, which is not decoded yet.

Only for watched processes. A decoder that is imported late costs nothing to those who have no such
files. To add a format that Pillow does not read, add a module with a function `opened` here and its
name to `MODULES`.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from dedup_nb.library import formats
from dedup_nb.library.formats import Format
from dedup_nb.pictures.openers.base import Opened, Refused, TooLarge

__all__ = [
    "Opened", "Refused", "TooLarge", "decoders_of", "every_decoder", "missing_extras", "opened",
]  # fmt: skip

# Format -> the module that opens it; Pillow opens the others.
MODULES: Mapping[str, str] = {"HEIF": "heif", "JXL": "jxl", "RAW": "raw"}
UNKNOWN = "the content is not a known image format"
MISSING = "missing"


@cache
def decoders_of(image_format: str) -> str:
    """Return the decoders of an image format with their versions.

    Only unreadable files are tried again when this changes. For files of an unknown format it names
    the formats that are known.
    """
    entry = formats.FORMATS.get(image_format)
    if entry is None:
        return f"none of {' '.join(formats.FORMATS)}"
    return ", ".join(f"{name} {_version(name)}" for name in entry.packages)


@cache
def every_decoder() -> str:
    """Return the decoders of all formats with their versions."""
    names = {name for entry in formats.FORMATS.values() for name in entry.packages}
    return ", ".join(f"{name} {_version(name)}" for name in sorted(names))


@cache
def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return MISSING


@cache
def missing_extras() -> dict[str, str]:
    """Return what to add to `pip install` for each format that cannot be read without it."""
    return {
        name: entry.extra
        for name, entry in formats.FORMATS.items()
        if entry.extra and _version(entry.packages[-1]) == MISSING
    }


def opened(data: bytes, image_format: str, max_pixels: float) -> Opened:
    """Open a picture by its header.

    Parameters
    ----------
    data : bytes
        Content of the file.
    image_format : str
        A name of `formats.FORMATS`, or `unknown`.
    max_pixels : float
        A picture with more pixels is refused before it is decoded.

    Raises
    ------
    TooLarge
        If it has too many pixels.
    Refused
        If it cannot be decoded here, with the reason in a sentence.
    Exception
        Whatever decoders raise on malformed data.
    """
    if not data:
        raise Refused("the file is empty")
    entry = formats.FORMATS.get(image_format)
    if entry is None:
        raise Refused(UNKNOWN)
    if entry.extra and image_format in missing_extras():
        raise Refused(_how_to_install(entry))
    name = MODULES.get(image_format, "by_pillow")
    module = importlib.import_module(f"dedup_nb.pictures.openers.{name}")
    made: Opened = module.opened(data, entry, max_pixels)
    return made


def _how_to_install(entry: Format) -> str:
    return f"{entry.help} is not read yet; pip install '{entry.extra}' adds it"
