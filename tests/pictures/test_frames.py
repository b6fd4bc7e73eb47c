"""What tells frames of a burst apart, read from EXIF, maker notes and XMP of many makers."""

import struct

import pytest
from PIL import Image
from test_contents import exif_of, packet, saved

from dedup_nb.pictures.contents import contents_of

MAKE, MODEL, CAPTURE, NOTE = 0x010F, 0x0110, 0x8769, 0x927C
TAKEN, FRACTION, OFFSET = 0x9003, 0x9291, 0x9011
CAMERA = {MAKE: "Canon", MODEL: "EOS R5"}
NOON, AT_NOON = {TAKEN: "2021:05:01 12:00:00"}, "time=2021-05-01T12:00:00"
CHANGED = {0x0132: "2021:05:01 12:00:00"}
KNOWN = "camera=Canon EOS R5"


def facts(base=CAMERA, inner=(), kind="JPEG", **more):
    picture = saved(kind=kind, exif=exif_of(base, inner), **more)
    return contents_of(picture, kind).frame


@pytest.mark.parametrize(
    ("base", "inner", "wanted"),
    [
        (CAMERA, {TAKEN: "2021:05:01 12:00:00"}, (KNOWN, "time=2021-05-01T12:00:00")),
        (CAMERA, {TAKEN: "2021:05:01 12:00:00", FRACTION: "05"}, (KNOWN, "time=2021-05-01T12:00:00.05")),
        (CAMERA, {TAKEN: "2021:05:01 12:00:00", FRACTION: "x"}, (KNOWN, "time=2021-05-01T12:00:00")),
        (CAMERA, {TAKEN: "1980:01:01 00:00:00"}, (KNOWN, "time=1980-01-01T00:00:00")),  # never set
        (CAMERA, {TAKEN: "0000:00:00 00:00:00"}, (KNOWN,)),
        (CAMERA, NOON | {OFFSET: "+02:00"}, (KNOWN, "offset=+02:00", AT_NOON)),
        (CAMERA | CHANGED, NOON | {0x9290: "25", 0x9010: "-01:00"}, (KNOWN, "offset=-01:00", f"{AT_NOON}.25")),
        (CAMERA, NOON | {0x9290: "25", 0x9010: "-01:00"}, (KNOWN, AT_NOON)),  # written later
        (CAMERA, {0xA431: " 0123 "}, (KNOWN, "serial=0123")),
        (CAMERA, {0xA431: "0000"}, (KNOWN,)),
        (CAMERA, {0xA420: "af01"}, (KNOWN, "unique=af01")),
        (CAMERA, {0xA420: "h"}, (KNOWN,)),
        ({MAKE: "SAMSUNG", MODEL: "S"}, {0xA420: "C13QSGJ02SB"}, ("camera=SAMSUNG S",)),  # of its lens
        (CAMERA, {0x9211: 12}, (KNOWN, "number=12")),
        (CAMERA, {0x9211: 0}, (KNOWN,)),
        (CAMERA | {0x9211: 12}, {}, (KNOWN, "number=12")),  # in the first directory
        (CAMERA, {0xA300: b"\3"}, (KNOWN,)),
        (CAMERA, {0xA300: b"\2"}, (KNOWN, "source=scanner")),
        ({}, {TAKEN: "2021:05:01 12:00:00", 0x9211: 12}, ()),  # no camera
    ],
)  # fmt: skip
def test_exif_tells_camera_time_and_number(base, inner, wanted):
    assert facts(base, inner) == wanted


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_every_format_tells_them(kind):
    assert facts(inner={TAKEN: "2021:05:01 12:00:00"}, kind=kind) == (
        KNOWN,
        "time=2021-05-01T12:00:00",
    )


def directory(order, *entries, after=b""):
    """A directory of entries (tag, type, count, four bytes), and what follows it."""
    body = b"".join(struct.pack(f"{order}HHI4s", *entry) for entry in entries)
    return struct.pack(f"{order}H", len(entries)) + body + bytes(4) + after


def long(order, value):
    return struct.pack(f"{order}I", value)


BURST = b"5A8C6B0E-0001-4000-8000-0123456789AB\0"
NIKON = b"II*\0\x08\0\0\0" + directory("<", (0x00A7, 4, 1, long("<", 34567)))
NOTES = {
    "Apple": b"Apple iOS\0\0\1MM"
    + directory(">", (0x000B, 2, len(BURST), long(">", 14 + 2 + 12 + 4)), after=BURST),
    "NIKON CORPORATION": b"Nikon\0\x02\x10\0\0" + NIKON,
    "Canon": directory("<", (0x0008, 4, 1, long("<", 1001234))),
    "FUJIFILM": b"FUJIFILM" + long("<", 12) + directory("<", (0x1101, 3, 1, b"\2\0\0\0")),
    "Panasonic": b"Panasonic\0\0\0" + directory("<", (0x002B, 4, 1, long("<", 3))),
    "SONY": b"SONY DSC \0\0\0" + directory("<", (0xB04A, 3, 1, b"\4\0\0\0")),
}


def with_note(make, note):
    """EXIF data, Intel order, with a make, a model and a maker's note."""
    base = 8 + 2 + 3 * 12 + 4
    texts = make.encode() + b"\0"
    inner_at = base + len(texts) + 2
    note_at = inner_at + 2 + 12 + 4
    first = directory(
        "<",
        (MAKE, 2, len(texts), long("<", base) if len(texts) > 4 else texts.ljust(4, b"\0")),
        (MODEL, 2, 2, b"X\0\0\0"),
        (CAPTURE, 4, 1, long("<", inner_at)),
    )
    inner = directory("<", (NOTE, 7, len(note), long("<", note_at)))
    data = b"II*\0\x08\0\0\0" + first + texts + bytes(2) + inner
    assert len(data) == note_at
    return b"Exif\0\0" + data + note


@pytest.mark.parametrize(
    ("make", "wanted"),
    [
        ("Apple", "burst=5A8C6B0E-0001-4000-8000-0123456789AB"),
        ("NIKON CORPORATION", "counter=34567"),
        ("Canon", "counter=1001234"),
        ("FUJIFILM", "sequence=2"),
        ("Panasonic", "sequence=3"),
        ("SONY", "sequence=4"),
    ],
)
def test_the_notes_of_makers_tell_counters_and_bursts(make, wanted):
    found = contents_of(saved(exif=with_note(make, NOTES[make])), "JPEG").frame
    assert set(found) == {f"camera={make} X", wanted}


@pytest.mark.parametrize("make", NOTES)
def test_every_cut_of_a_note_gives_fewer_facts_and_never_an_error(make):
    whole = NOTES[make]
    for n in range(len(whole)):
        found = contents_of(saved(exif=with_note(make, whole[:n])), "JPEG").frame
        assert f"camera={make} X" in found


def test_a_note_of_another_maker_is_not_read_as_canons():
    found = contents_of(saved(exif=with_note("Ricoh", NOTES["Canon"])), "JPEG").frame
    assert found == ("camera=Ricoh X",)


SPACES = (
    'xmlns:GCamera="http://ns.google.com/photos/1.0/camera/" '
    'xmlns:aux="http://ns.adobe.com/exif/1.0/aux/"'
)


@pytest.mark.parametrize(
    ("attribute", "wanted"),
    [('GCamera:BurstID="b-1"', "burst=b-1"), ('aux:ImageNumber="77"', "number=77")],
)
def test_xmp_tells_bursts_and_numbers(attribute, wanted):
    made = packet("", f"{SPACES} {attribute}")
    picture = saved(exif=exif_of(CAMERA), xmp=made)
    assert set(contents_of(picture, "JPEG").frame) == {KNOWN, wanted}


def test_a_picture_without_a_camera_has_no_facts():
    assert contents_of(saved(Image.new("RGB", (8, 8))), "JPEG").frame == ()
