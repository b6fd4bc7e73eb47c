"""Pictures saved in formats that Pillow does not write: HEIC, JPEG XL, Photoshop, camera raw."""

import io
import struct

import numpy as np
import pillow_heif
import pillow_jxl  # noqa: F401  # registers JPEG XL for saving
from PIL import Image

pillow_heif.register_heif_opener()


def saved(picture, kind, **options):
    """The bytes of a picture in a format that Pillow, or a plugin of it, writes."""
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def exif(orientation=None, taken="2020:05:01 12:00:00"):
    """EXIF data; a HEIC that is saved with them is turned by its container as well."""
    return tags(orientation, taken).tobytes()


def tags(orientation=None, taken="2020:05:01 12:00:00"):
    tags = Image.Exif()
    tags[0x010F], tags[0x0110] = "Lumen", "L-20"
    if orientation:
        tags[0x0112] = orientation
    tags.get_ifd(0x8769)[0x9003] = taken
    return tags


def heic(picture, **options):
    return saved(picture, "HEIF", **{"quality": 90, **options})


def jxl(picture, **options):
    return saved(picture, "JXL", **options)


def jxl_of_jpeg(data, path):
    """A JPEG XL that gives back a JPEG bit by bit; the encoder wants a file."""
    path.write_bytes(data)
    return saved(Image.open(path), "JXL", lossless_jpeg=True)


def psd(picture, layers=0, flattened=True, version=1, bits=8, resources=b""):
    """A Photoshop file of an RGB picture, without compression."""
    width, height = picture.size
    head = b"8BPS" + struct.pack(">H6xHIIHH", version, 3, height, width, bits, 3)
    told = struct.pack(">I", 1) + bytes([flattened]) + bytes(11)
    resources += b"8BIM" + struct.pack(">HHI", 0x0421, 0, len(told)) + told
    info = struct.pack(">h", layers) if layers else b""
    section = struct.pack(">I", len(info)) + info if info else b""
    planes = np.asarray(picture.convert("RGB")).transpose(2, 0, 1).tobytes()
    parts = [b"", resources, section]
    return head + b"".join(struct.pack(">I", len(p)) + p for p in parts) + b"\0\0" + planes


def raw(picture, preview=b"", orientation=1, make="Lumen"):
    """A camera raw file (DNG): each pixel of the sensor sees one colour.

    Parameters
    ----------
    preview : bytes
        A JPEG that lies in it.
    orientation : int
        As in EXIF; the picture is stored as the sensor saw it.
    """
    linear = (np.asarray(picture.convert("RGB")) / 255.0) ** 2.2 * 60000
    mosaic = linear[..., 1].copy()
    mosaic[::2, ::2], mosaic[1::2, 1::2] = linear[::2, ::2, 0], linear[1::2, 1::2, 2]
    strip = mosaic.astype("<u2").tobytes()
    height, width = mosaic.shape
    matrix = [3.2406, -1.5372, -0.4986, -0.9689, 1.8758, 0.0415, 0.0557, -0.2040, 1.0570]
    sensor = {
        254: (4, [0]), 256: (4, [width]), 257: (4, [height]), 258: (3, [16]), 259: (3, [1]),
        262: (3, [32803]), 277: (3, [1]), 278: (4, [height]), 279: (4, [len(strip)]),
        33421: (3, [2, 2]), 33422: (1, [0, 1, 1, 2]), 50717: (4, [60000]), 273: (4, [0]),
    }  # fmt: skip
    first = {
        271: (2, make.encode() + b"\0"), 272: (2, b"L-20\0"), 274: (3, [orientation]),
        50706: (1, [1, 4, 0, 0]), 50708: (2, b"Lumen L-20\0"), 50721: (10, matrix),
        50728: (5, [1.0, 1.0, 1.0]), 50778: (3, [21]), 34665: (4, [0]),
    }  # fmt: skip
    taken = {36867: (2, b"2020:05:01 12:00:00\0")}
    if preview:
        first |= {
            254: (4, [1]), 256: (4, [Image.open(io.BytesIO(preview)).width]),
            257: (4, [Image.open(io.BytesIO(preview)).height]), 258: (3, [8, 8, 8]),
            259: (3, [7]), 262: (3, [6]), 277: (3, [3]), 273: (4, [0]), 278: (4, [height]),
            279: (4, [len(preview)]), 330: (4, [0]),
        }  # fmt: skip
        return _tiff(first, taken, sensor, strip, preview)
    return _tiff(first | sensor, taken, {}, strip, b"")


def _tiff(first, taken, below, strip, preview):
    """Lay out up to three directories, then the data that they point to."""
    for _ in range(2):  # the second time with the offsets that the first found
        at_taken = 8 + len(_directory(first, 8))
        at_below = at_taken + len(_directory(taken, at_taken))
        at_strip = at_below + (len(_directory(below, at_below)) if below else 0)
        first[34665] = (4, [at_taken])
        if below:
            first[330], below[273] = (4, [at_below]), (4, [at_strip])
            first[273] = (4, [at_strip + len(strip)])
        else:
            first[273] = (4, [at_strip])
    parts = _directory(first, 8) + _directory(taken, at_taken)
    return (
        b"II*\0\x08\0\0\0"
        + parts
        + (_directory(below, at_below) if below else b"")
        + strip
        + preview
    )


def _directory(tags, start):
    letters = {1: "B", 3: "H", 4: "I"}
    entries, rest, after = b"", b"", start + 2 + 12 * len(tags) + 4
    for tag, (kind, values) in sorted(tags.items()):
        if kind == 2:
            body = values
        elif kind in (5, 10):
            body = b"".join(struct.pack("<iI", round(v * 10000), 10000) for v in values)
        else:
            body = struct.pack(f"<{len(values)}{letters[kind]}", *values)
        entries += struct.pack("<HHI", tag, kind, len(values))
        if len(body) > 4:
            entries += struct.pack("<I", after + len(rest))
            rest += body + bytes(len(body) % 2)
        else:
            entries += body.ljust(4, b"\0")
    return struct.pack("<H", len(tags)) + entries + bytes(4) + rest
