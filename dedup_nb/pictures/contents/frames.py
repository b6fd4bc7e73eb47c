"""EXIF data, maker notes and XMP of a photograph -> what tells the frames of a burst apart.

Of the notes that cameras write in formats of their own, only a few numbers are read: counters of
pictures, places in a burst and names of bursts, each where its maker is known to keep it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from dedup_nb.library import tiff, words
from dedup_nb.library.tiff import Directory, Tiff
from dedup_nb.library.xmp import Properties

TAKEN, SUB_SECOND, OFFSET = 0x9003, 0x9291, 0x9011
# the same of when the file was written, which cameras do at once
CHANGED, SUB_SECOND_CHANGED, OFFSET_CHANGED = 0x0132, 0x9290, 0x9010
SERIAL, SOURCE, MAKER_NOTE = 0xA431, 0xA300, 0x927C
NUMBER, UNIQUE = 0x9211, 0xA420
SCANNER_SOURCES = (b"\1", b"\2")  # FileSource: a scanner of films, of prints
MOST_NOTE_BYTES = 2**20
MOST_TEXT = 80
MOST_NUMBER = 2**32 - 2
LEAST_UNIQUE = 4  # characters of an id
OF_A_LENS = ("samsung",)  # makers whose "unique id" is that of a lens and its program
NO_SEQUENCE = 65_535  # of a single picture
ROOM = 4  # bytes of a value that lies in its entry itself

# Properties of XMP -> the fact that they hold.
OF_XMP = {
    ("GCamera", "BurstID"): "burst",
    ("aux", "ImageNumber"): "number",
    ("exif", "ImageUniqueID"): "unique",
}

Facts = dict[str, str]
Opener = Callable[[Tiff, int, bytes], tuple[Tiff, Directory]]


class Note(NamedTuple):
    """Where a maker's note has its directory, and which entries are read."""

    opener: Opener
    numbers: Mapping[int, str] = {}
    texts: Mapping[int, str] = {}


@dataclass(frozen=True)
class _Inside:
    """A note with offsets of its own: bytes that replace its head make it a TIFF."""

    skip: int
    head: Callable[[bytes], bytes]

    def __call__(self, content: Tiff, at: int, note: bytes) -> tuple[Tiff, Directory]:
        head = self.head(note)
        inner = tiff.of_bytes(head + note[self.skip + len(head) :])
        return inner, next(inner.chain(), {})


def _after(skip: int) -> Opener:
    """Return the opener of a note whose offsets are those of the EXIF data."""
    return lambda content, at, note: (content, content.at(at + skip))


# First bytes of a note -> what it holds; Canon's has none.
NOTES: Mapping[bytes, Note] = {
    b"Apple iOS\0": Note(_Inside(0, lambda note: b"MM\0*\0\0\0\x0e"), texts={0x000B: "burst"}),
    b"Nikon\0\x02": Note(_Inside(10, lambda note: b""), numbers={0x00A7: "counter"}),
    b"FUJIFILM": Note(_Inside(0, lambda note: b"II*\0" + note[8:12]), numbers={0x1101: "sequence"}),
    b"Panasonic\0\0\0": Note(_after(12), numbers={0x002B: "sequence"}),
    b"SONY DSC \0\0\0": Note(_after(12), numbers={0xB04A: "sequence"}),
}
CANON = Note(_after(0), numbers={0x0008: "counter"})


def of_exif(content: Tiff, first: Directory, shot: Directory, camera: str, facts: Facts) -> None:
    """Add the facts of EXIF data.

    Parameters
    ----------
    content : Tiff
        The EXIF data.
    first, shot : Directory
        Its first directory, and the one with the capture data.
    camera : str
        Make and model.
    facts : dict
        What is known already; it is kept.
    """
    if not camera.strip():
        return
    add(facts, "camera", camera)
    if moment := words.moment(taken := content.text(shot, TAKEN)):
        fraction, offset = content.text(shot, SUB_SECOND), content.text(shot, OFFSET)
        if taken == content.text(first, CHANGED):
            fraction = fraction or content.text(shot, SUB_SECOND_CHANGED)
            offset = offset or content.text(shot, OFFSET_CHANGED)
        add(facts, "time", f"{moment}.{fraction}" if _is_digits(fraction) else moment)
        add(facts, "offset", offset)
    add(facts, "serial", content.text(shot, SERIAL))
    unique = content.text(shot, UNIQUE)
    if len(unique) >= LEAST_UNIQUE and not camera.casefold().startswith(OF_A_LENS):
        add(facts, "unique", unique)
    if content.bytes(shot, SOURCE)[:1] in SCANNER_SOURCES:
        add(facts, "source", "scanner")
    _add_number(facts, "number", content.number(shot if NUMBER in shot else first, NUMBER))
    _of_note(content, shot, camera, facts)


def of_xmp(found: Properties, facts: Facts) -> None:
    """Add the facts of an XMP packet."""
    for key, name in OF_XMP.items():
        add(facts, name, found.get(key, [""])[0])


def add(facts: Facts, name: str, text: str) -> None:
    """Add a fact, unless it says nothing or is there."""
    text = " ".join(text.split())[:MOST_TEXT]
    if text.strip("0 ") and text.isprintable():
        facts.setdefault(name, text)


def _is_digits(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _add_number(facts: Facts, name: str, number: float) -> None:
    if 0 < number <= MOST_NUMBER:
        add(facts, name, f"{int(number)}")


def _of_note(content: Tiff, shot: Directory, camera: str, facts: Facts) -> None:
    entry = shot.get(MAKER_NOTE)
    if entry is None:
        return
    data = content.bytes(shot, MAKER_NOTE, MOST_NOTE_BYTES)
    found = next((note for start, note in NOTES.items() if data.startswith(start)), None)
    if found is None and camera.casefold().startswith("canon"):
        found = CANON
    if found is None:
        return
    inner, directory = found.opener(content, entry.at, data)
    for tag, name in found.numbers.items():
        one = directory.get(tag)
        # a value elsewhere may be wrong in a file that was edited
        if one is not None and one.count == 1 and tiff.SIZES.get(one.kind, 8) <= ROOM:
            value = inner.number(directory, tag)
            if name != "sequence" or value != NO_SEQUENCE:
                _add_number(facts, name, value)
    for tag, name in found.texts.items():
        add(facts, name, inner.text(directory, tag, MOST_TEXT))
