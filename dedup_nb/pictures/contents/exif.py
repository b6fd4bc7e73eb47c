"""EXIF data, IPTC data and texts of a picture -> the words that they hold."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator

from dedup_nb.library import tiff, words, xmp
from dedup_nb.library.tiff import Directory, Tiff
from dedup_nb.pictures.contents import frames
from dedup_nb.pictures.contents.parts import Parts

EXIF_DIRECTORY, GPS_DIRECTORY = 0x8769, 0x8825
MAKE, MODEL = 0x010F, 0x0110
TAKEN, SUB_SECOND, OFFSET = 0x9003, 0x9291, 0x9011
MODE, BIAS, DISTANCE, SERIAL, RENDERED = 0xA402, 0x9204, 0x9206, 0xA431, 0xA401
EXPOSURE_TIME, F_NUMBER, ISO, FOCAL_LENGTH = 0x829A, 0x829D, 0x8827, 0x920A
USER_COMMENT = 0x9286
XMP_TAG, IPTC_TAG, PHOTOSHOP_TAG = 700, 33723, 34377

TEXTS = {0x010E: "caption", 0x013B: "author", 0x8298: "copyright"}
# Texts of Windows, in UTF-16.
WIDE_TEXTS = {
    0x9C9B: "title", 0x9C9C: "caption", 0x9C9D: "author", 0x9C9E: "keywords", 0x9C9F: "caption",
}  # fmt: skip
RATING, RATING_PERCENT = 0x4746, 0x4749

# Number of an IPTC dataset of record 2 -> kind of words.
IPTC = {
    5: "title", 25: "keywords", 20: "keywords", 55: "time", 80: "author", 90: "place", 92: "place",
    95: "place", 101: "place", 105: "title", 110: "copyright", 115: "copyright", 116: "copyright",
    120: "caption", 40: "other metadata",
}  # fmt: skip
FACEBOOK = "FBMD"  # begins what it writes into "special instructions" of every picture
MOST_DATASETS = 2_000

# Keyword of a text in a PNG -> kind of words; the others are "other metadata".
PNG_KEYWORDS = {
    "parameters": "prompt", "prompt": "prompt", "workflow": "workflow", "dream": "prompt",
    "sd-metadata": "prompt", "invokeai_metadata": "prompt", "invokeai_graph": "workflow",
    "invokeai_workflow": "workflow", "generation_data": "prompt", "sui_image_params": "prompt",
    "fooocus_scheme": "", "postprocessing": "prompt", "extras": "prompt", "comment": "caption",
    "description": "caption", "title": "title", "author": "author", "artist": "author",
    "copyright": "copyright", "keywords": "keywords", "usercomment": "caption",
}  # fmt: skip
TECHNICAL_TEXTS = (
    "software", "source", "date:", "png:", "exif:", "tiff:", "icc:", "jpeg:", "xmp:", "thumb::",
    "creation time", "signature", "warning", "disclaimer", "dpi", "raw profile type", "url",
    "generation time", "creationtime", "modify", "create-date", "modify-date", "svg:", "pdf:",
)  # fmt: skip

Words = dict[str, str]


def add(held: Words, kind: str, text: str) -> None:
    """Add words of a kind, unless they say nothing or the kind is there."""
    kind, text = words.settled(kind, text)
    if kind:
        held.setdefault(kind, text)


def of_exif(data: bytes, parts: Parts) -> list[str]:
    """Add what EXIF data says, and return how the picture was taken; see `Contents.shot`."""
    content = tiff.of_bytes(data.removeprefix(b"Exif\0\0"))
    first = next(content.chain(), None)
    return [] if first is None else of_directory(content, first, parts)


def of_directory(content: Tiff, first: Directory, parts: Parts) -> list[str]:
    """Add what the first directory of a TIFF says; see `of_exif`."""
    held = parts.words
    for tag, kind in TEXTS.items():
        add(held, kind, content.text(first, tag))
    for tag, kind in WIDE_TEXTS.items():
        add(held, kind, content.bytes(first, tag, 65_536).decode("utf-16-le", "replace"))
    if content.number(first, RATING) > 0 or content.number(first, RATING_PERCENT) > 0:
        held.setdefault("rating", f"{content.number(first, RATING):g}")
    camera = _camera(content, first, held)
    shot = next(iter(content.below(first, EXIF_DIRECTORY)), None) or first
    frames.of_exif(content, first, shot, camera, parts.frame)
    add(
        held, "caption", _comment(content.bytes(shot, USER_COMMENT, words.MOST_JSON), content.order)
    )
    taken = content.text(shot, TAKEN)
    add(held, "time", taken)
    for gps in content.below(first, GPS_DIRECTORY)[:1]:
        if place := _place(content, gps):
            held.setdefault("place", place)
    settings = [content.number(shot, tag) for tag in (EXPOSURE_TIME, F_NUMBER, ISO, FOCAL_LENGTH)]
    if any(value > 0 for value in settings):
        held.setdefault("exposure", exposure_text(settings))
    if "time" not in held:
        return []
    fraction = content.text(shot, SUB_SECOND).strip()
    moment = words.time(taken) + (f".{fraction}" if fraction.isdigit() else "")
    numbers = [content.number(shot, tag) for tag in (MODE, BIAS)] + settings
    numbers += [content.number(shot, tag) for tag in (DISTANCE, RENDERED)]
    camera = " ".join([camera, content.text(shot, SERIAL)]).strip()
    return [moment, camera, *("" if math.isnan(v) else f"{v:.6g}" for v in numbers)]


def _camera(content: Tiff, first: Directory, held: Words) -> str:
    """Return make and model; ComfyUI stores its workflow and prompt in these tags of a WebP."""
    names = []
    for tag in range(0x0100, 0x0120):
        if tag not in first:
            continue
        text = content.text(first, tag, words.MOST_JSON)
        word, separator, rest = text.partition(":")
        if separator and word.lower() in ("workflow", "prompt") and rest[:1] in ("{", "["):
            add(held, word.lower(), rest)
        elif tag in (MAKE, MODEL) and text:
            names.append(text)
    if names:
        held.setdefault("camera", " ".join(names)[: words.SHOWN])
    return " ".join(names)


def _comment(data: bytes, order: str) -> str:
    """Return a user comment as text, by the eight bytes that name its encoding."""
    code, text = data[:8], data[8:]
    if code.startswith(b"UNICODE"):
        return _wide(text, order).strip("\0")
    if code.startswith(b"JIS"):
        return text.decode("euc_jp", "replace")
    if code.startswith(b"ASCII") or not code.strip(b"\0"):
        return text.decode("utf-8", "replace").strip("\0")
    return data.decode("utf-8", "replace").strip("\0")


def _wide(text: bytes, order: str) -> str:
    """Decode UTF-16 whose byte order is often not that of the EXIF data."""
    if text[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return text.decode("utf-16", "replace")
    high, low = text[:400:2].count(0), text[1:400:2].count(0)
    big = high > low if high != low else order == ">"
    return text.decode("utf-16-be" if big else "utf-16-le", "replace")


def _place(content: Tiff, gps: Directory) -> str:
    """Return latitude and longitude in degrees, or "" if there are none, or only zeros."""
    degrees = []
    for reference, tag in ((1, 2), (3, 4)):
        values = content.numbers(gps, tag)
        parts = [v for v in values if not math.isnan(v)]
        if not parts:
            return ""
        angle = sum(value / 60**power for power, value in enumerate(parts[:3]))
        degrees.append(-angle if content.text(gps, reference)[:1] in ("S", "W") else angle)
    return f"{degrees[0]:.5f}, {degrees[1]:.5f}" if any(degrees) else ""


def exposure_text(settings: list[float]) -> str:
    """Return exposure time, aperture, ISO and focal length, as `1/250 s f/2.8 ISO 100 35 mm`."""
    seconds, aperture, iso, focal = settings
    parts = []
    if seconds > 0:
        parts.append(f"1/{1 / seconds:.0f} s" if seconds < 0.4 else f"{seconds:g} s")
    parts += [f"f/{aperture:g}"] if aperture > 0 else []
    parts += [f"ISO {iso:g}"] if iso > 0 else []
    parts += [f"{focal:g} mm"] if focal > 0 else []
    return " ".join(parts)


def of_iptc(data: bytes, held: Words) -> None:
    """Add the words of IPTC data (IIM)."""
    for number, text in _datasets(data):
        kind = IPTC.get(number)
        if kind and not text.startswith(FACEBOOK):
            if number == 55:
                text = f"{text[:4]}:{text[4:6]}:{text[6:8]}"
            add(held, kind, text)


def _datasets(data: bytes) -> Iterator[tuple[int, str]]:
    at = 0
    for _ in range(MOST_DATASETS):
        if data[at : at + 1] != b"\x1c" or at + 5 > len(data):
            return
        record, number, size = struct.unpack_from(">BBH", data, at + 1)
        if size & 0x8000:  # an extended dataset, which no text is
            return
        body = data[at + 5 : at + 5 + size]
        if record == 2:
            try:
                yield number, body.decode("utf-8")
            except UnicodeDecodeError:
                yield number, body.decode("latin-1")
        at += 5 + size


def of_photoshop(data: bytes, held: Words) -> None:
    """Add the words of Photoshop's image resources, which hold IPTC data."""
    at = 0
    while data[at : at + 4] == b"8BIM" and at + 8 < len(data):
        (kind,) = struct.unpack_from(">H", data, at + 4)
        at += 6 + (data[at + 6] + 2) // 2 * 2  # a name, padded to an even length
        size = int.from_bytes(data[at : at + 4], "big")
        if kind == 0x0404:
            of_iptc(data[at + 4 : at + 4 + size], held)
        at += 4 + size + size % 2


def of_xmp(packet: bytes, parts: Parts) -> xmp.Properties:
    """Add what an XMP packet says, and return its properties."""
    found, held = xmp.properties(packet), parts.words
    frames.of_xmp(found, parts.frame)
    for kind, text in xmp.words(found).items():
        add(held, kind, text)
    return found


def of_text(keyword: str, text: str, held: Words) -> None:
    """Add the words of a text that a PNG stores under a keyword."""
    name = keyword.strip().lower()
    if name.startswith(TECHNICAL_TEXTS) or not text.strip().strip("\0"):
        return
    kind = PNG_KEYWORDS.get(name, "other metadata")
    if kind == "other metadata":
        kind = {"prompt": "prompt", "workflow": "workflow"}.get(words.of_text(text), kind)
    add(held, kind, text)
