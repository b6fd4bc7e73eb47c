"""A file's first bytes and its name -> its image format, if any.

Camera raw files are often TIFF inside, whose first picture is a small preview; `image_format` looks
further into a TIFF if it may read more than the first bytes.

Standard library only, because staging uses it too and must start fast.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from dedup_nb.library import tiff

HEAD_BYTES = 64  # bytes that `image_format` needs

# Brands of `ftyp` boxes: of the codec inside, then those that tell no codec.
HEVC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs")
AVIF_BRANDS = (b"avif", b"avis")
HEIF_BRANDS = (*HEVC_BRANDS, b"mif1", b"msf1", b"mif2", b"miaf")
BMP_HEADERS = (12, 16, 40, 52, 56, 64, 108, 124)  # valid sizes of the second header
# A map of grey levels needs no depth; the others have a depth and the size of both sides.
PNM = re.compile(rb"P[1-6]\s(\s*#[^\n]*\n)*\s*(\d+\s+\d+\s|#[^\n\0]*$)")
PFM = re.compile(rb"P[Ff]\n\d+ \d+\n[+-]?[\d.]+\n")
TGA_SUFFIX = ".tga"


@dataclass(frozen=True)
class Format:
    """One image format.

    Attributes
    ----------
    name : str
        Value of the catalogue's column `format`.
    help : str
        A short description, as the beginning of a sentence.
    suffixes : str
        File suffixes with their dots, separated by spaces.
    starts : callable
        Whether the first `HEAD_BYTES` bytes of a file declare this format.
    pillow : str
        The only format of Pillow's own that may open it; "" if it has an opener of its own, see
        `pictures.openers`.
    packages : tuple of str
        Packages that decode it; files they could not read are tried again when they change.
    extra : str
        What to add to `pip install` where the last of the packages is missing; "" if it is always
        installed.
    by_suffix : bool
        Recognised by suffix where the content tells nothing or TIFF, as most raw files are inside.
    """

    name: str
    help: str
    suffixes: str
    starts: Callable[[bytes], bool]
    pillow: str = ""
    packages: tuple[str, ...] = ("pillow",)
    extra: str = ""
    by_suffix: bool = False


def _with(*starts: bytes) -> Callable[[bytes], bool]:
    return lambda head: head.startswith(starts)


def brands(head: bytes) -> list[bytes]:
    """Return the brands of a file that begins with an `ftyp` box, the major one first."""
    if head[4:8] != b"ftyp":
        return []
    end = min(max(int.from_bytes(head[:4], "big"), 12), len(head))
    return [head[8:12], *(head[at : at + 4] for at in range(16, end - 3, 4))]


def _is_avif(head: bytes) -> bool:
    """Return whether the first brand that tells a codec is that of AVIF."""
    codecs = (brand for brand in brands(head) if brand in AVIF_BRANDS + HEVC_BRANDS)
    return next(codecs, b"") in AVIF_BRANDS


def _is_heif(head: bytes) -> bool:
    return any(brand in HEIF_BRANDS for brand in brands(head)) and not _is_avif(head)


def _is_bmp(head: bytes) -> bool:
    return head.startswith(b"BM") and len(head) >= 18 and head[14] in BMP_HEADERS


def _is_webp(head: bytes) -> bool:
    return head.startswith(b"RIFF") and head[8:12] == b"WEBP"


def _is_raw(head: bytes) -> bool:
    """Whether the first bytes are those of a raw file; of many, only its directories tell."""
    if head.startswith(TIFF_HEADS):
        return head[8:10] == b"CR" or head[8:12] in (b"IIII", b"MMMM")  # Canon; Phase One
    return head.startswith(RAW_HEADS) or head[4:12] == b"ftypcrx " or head[6:14] == b"HEAPCCDR"


def _is_pnm(head: bytes) -> bool:
    return PNM.match(head) is not None or PFM.match(head) is not None


def _is_ico(head: bytes) -> bool:
    """Whether a Windows icon begins here, whose first four bytes alone say little."""
    if not head.startswith(b"\0\0\1\0") or len(head) < 22:
        return False
    count, planes, bits, size, at = struct.unpack_from("<H4xHHII", head, 4)
    sound = head[9] == 0 and planes <= 1 and bits in (0, 1, 4, 8, 16, 24, 32)
    return sound and 1 <= count <= 256 and size > 0 and at >= 6 + 16 * count


def is_tga(head: bytes) -> bool:
    """Return whether first bytes can be the header of a TGA, which has no magic number."""
    if len(head) < 18:
        return False
    has_map, kind, length, entry_bits = head[1], head[2], *struct.unpack_from("<2xHB", head, 3)
    width, height, bits, flags = struct.unpack_from("<HHBB", head, 12)
    if kind in (1, 9):
        sound = has_map == 1 and length > 0 and entry_bits in (15, 16, 24, 32) and bits in (8, 16)
    elif kind in (2, 10):
        sound = has_map <= 1 and bits in (15, 16, 24, 32)
    else:
        sound = kind in (3, 11) and has_map == 0 and bits in (8, 16)
    return sound and width > 0 and height > 0 and not flags & 0xC0


TIFF_HEADS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
# Olympus, Panasonic, Fujifilm, Sigma, Minolta
RAW_HEADS = (b"IIRO", b"IIRS", b"MMOR", b"IIU\0", b"FUJIFILMCCD-RAW", b"FOVb", b"\0MRM")
RAW = (
    ".3fr .arw .cr2 .cr3 .crw .dcr .dng .erf .fff .gpr .iiq .kdc .mef .mos .mrw .nef .nrw .orf "
    ".ori .pef .raf .raw .rw2 .rwl .sr2 .srf .srw .x3f"
)

# In the order in which the first bytes are compared. To add a format, add an entry; if Pillow does
# not read it, add an opener to `pictures/openers`. EPS is excluded on purpose: a PostScript file
# named .jpg would run Ghostscript.
FORMATS: Mapping[str, Format] = {
    entry.name: entry
    for entry in (
        Format(
            "JPEG", "JPEG", ".jpg .jpeg .jpe .jfif", _with(b"\xff\xd8\xff"), "JPEG",
            ("pillow", "simplejpeg"),
        ),
        Format("PNG", "PNG, animated or not", ".png .apng", _with(b"\x89PNG\r\n\x1a\n"), "PNG"),
        Format("GIF", "GIF", ".gif", _with(b"GIF87a", b"GIF89a"), "GIF"),
        Format("WEBP", "WebP", ".webp", _is_webp, "WEBP"),
        Format("BMP", "Windows bitmap", ".bmp .dib", _is_bmp, "BMP"),
        Format(
            "RAW", "camera raw", RAW, _is_raw, packages=("pillow", "simplejpeg", "rawpy"),
            extra="dedup_nb[raw]", by_suffix=True,
        ),
        Format("TIFF", "TIFF", ".tif .tiff", _with(*TIFF_HEADS), "TIFF"),
        Format("AVIF", "AVIF", ".avif .avifs", _is_avif, "AVIF"),
        Format(
            "HEIF", "HEIC and HEIF", ".heic .heif .hif .heics .heifs", _is_heif,
            packages=("pillow", "pillow-heif"), extra="pillow-heif",
        ),
        Format(
            "JXL", "JPEG XL", ".jxl", _with(b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n"),
            packages=("pillow", "simplejpeg", "pillow-jxl-plugin"), extra="dedup_nb[jxl]",
        ),
        Format(
            "JPEG2000", "JPEG 2000", ".jp2 .j2k .j2c .jpc .jpf .jpx",
            _with(b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51"), "JPEG2000",
        ),
        Format("PSD", "Photoshop", ".psd .psb", _with(b"8BPS"), "PSD"),
        Format("DDS", "DirectDraw surface", ".dds", _with(b"DDS \x7c\0\0\0"), "DDS"),
        Format("QOI", "QOI", ".qoi", _with(b"qoif"), "QOI"),
        Format("PPM", "PPM, PGM, PBM and PFM", ".ppm .pgm .pbm .pnm .pfm", _is_pnm, "PPM"),
        Format("ICO", "Windows icon", ".ico", _is_ico, "ICO"),
        # only by its suffix and a sound header
        Format("TGA", "Targa", TGA_SUFFIX, lambda head: False, "TGA"),
    )
}  # fmt: skip

# The formats of Pillow's own that may be opened; all others are refused before decoding.
DECODABLE = tuple(entry.pillow for entry in FORMATS.values() if entry.pillow)
BY_SUFFIX = {s: e.name for e in FORMATS.values() if e.by_suffix for s in e.suffixes.split()}
RAW_SUFFIXES = frozenset(RAW.split())
IMAGE_SUFFIXES = frozenset(
    one for entry in FORMATS.values() if not entry.by_suffix for one in entry.suffixes.split()
)
SIDECAR_SUFFIXES = frozenset(
    (".aae .caption .cropped .decision .exif .json .md .pp3 .thm .txt .xmp .yaml .yml").split()
)


def suffix(name: str) -> str:
    """Return the last suffix of a file name in lower case with its dot, or ''."""
    stem, dot, last = name.rpartition(".")
    return f".{last.lower()}" if dot and stem else ""


def stem(name: str) -> str:
    """Return a file name without its last suffix: `a_stage1.5_x.png` -> `a_stage1.5_x`."""
    head, dot, _ = name.rpartition(".")
    return head if dot and head else name


def content_format(head: bytes) -> str | None:
    """Return the image format that the first `HEAD_BYTES` bytes of a file declare, or None."""
    return next((name for name, entry in FORMATS.items() if entry.starts(head)), None)


def image_format(name: str, head: bytes, read: tiff.ReadAt | None = None) -> str | None:
    """Return the image format of a file, or None if it is not an image.

    The content decides. Camera raw files are also recognised by suffix, since most are TIFF inside;
    a TGA by suffix and a sound header, since it has no magic number.
    A file with an image suffix but other content counts as an unreadable image, so that it is
    listed and never taken for a companion.

    Parameters
    ----------
    name : str
        File name.
    head : bytes
        Its first `HEAD_BYTES` bytes.
    read : callable, optional
        Reads bytes at an offset. With it, a raw file is recognised whatever its name; without it,
        one by another name counts as TIFF.

    Returns
    -------
    str or None
        A name of `FORMATS`, `unknown` for an image suffix with foreign content, or None.
    """
    ending, declared = suffix(name), content_format(head)
    if ending in BY_SUFFIX and declared in (None, "RAW", "TIFF"):
        return BY_SUFFIX[ending]
    if declared is None and ending == TGA_SUFFIX and is_tga(head):
        return "TGA"
    if declared is None and ending in IMAGE_SUFFIXES:
        return "unknown"
    if declared == "TIFF" and read is not None and tiff.is_raw(read):
        return "RAW"
    return declared
