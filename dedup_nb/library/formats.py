"""A file's first bytes and its name -> which image format it is, if any.

Standard library only: staging asks the same question as the catalogue and must start fast.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

HEAD_BYTES = 32  # enough of a file for `image_format`

HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"mif1", b"msf1")
BMP_HEADERS = (12, 16, 40, 52, 56, 64, 108, 124)  # sizes of the header that follows
NOT_DECODED = "{name} is recognised but not decoded here"


@dataclass(frozen=True)
class Format:
    """One image format.

    Attributes
    ----------
    name : str
        As the catalogue's column `format` has it.
    help : str
        What it is, in a few words.
    suffixes : str
        Suffixes of its files, separated by spaces, each with its dot.
    starts : callable
        Whether a file's first `HEAD_BYTES` bytes declare it.
    pillow : str
        The only name under which Pillow may open it; "" where it is not decoded.
    packages : tuple of str
        Packages that decode it; what they could not read is tried again when they change.
    not_decoded : str
        What the catalogue says where it is not decoded.
    by_suffix : bool
        Known by its suffix before its content: raw files are mostly TIFF inside.
    """

    name: str
    help: str
    suffixes: str
    starts: Callable[[bytes], bool]
    pillow: str = ""
    packages: tuple[str, ...] = ()
    not_decoded: str = NOT_DECODED
    by_suffix: bool = False


def _with(*starts: bytes) -> Callable[[bytes], bool]:
    return lambda head: head.startswith(starts)


def _brands(*brands: bytes) -> Callable[[bytes], bool]:
    return lambda head: head[4:8] == b"ftyp" and any(brand in head[8:] for brand in brands)


def _is_bmp(head: bytes) -> bool:
    return head.startswith(b"BM") and len(head) >= 18 and head[14] in BMP_HEADERS


def _is_webp(head: bytes) -> bool:
    return head.startswith(b"RIFF") and head[8:12] == b"WEBP"


PILLOW = ("pillow",)
RAW = (
    ".3fr .arw .cr2 .cr3 .crw .dcr .dng .erf .iiq .kdc .mef .mos .mrw .nef .nrw .orf "
    ".pef .raf .raw .rw2 .rwl .sr2 .srf .srw .x3f"
)

# In the order in which a file's first bytes are compared. To add a format, add an entry; where
# Pillow needs a plugin for it, `pictures/images.py` imports it. EPS is left out for good: a
# PostScript file named .jpg would run Ghostscript.
FORMATS: Mapping[str, Format] = {
    entry.name: entry
    for entry in (
        Format(
            "JPEG", "JPEG", ".jpg .jpeg .jpe .jfif", _with(b"\xff\xd8\xff"), "JPEG", PILLOW
        ),
        Format(
            "PNG", "PNG, animated or not", ".png .apng", _with(b"\x89PNG\r\n\x1a\n"), "PNG",
            ("pillow", "kornia-rs"),
        ),
        Format("GIF", "GIF", ".gif", _with(b"GIF87a", b"GIF89a"), "GIF", PILLOW),
        Format("WEBP", "WebP", ".webp", _is_webp, "WEBP", PILLOW),
        Format("BMP", "Windows bitmap", ".bmp .dib", _is_bmp, "BMP", PILLOW),
        Format(
            "TIFF", "TIFF", ".tif .tiff", _with(b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
            "TIFF", PILLOW,
        ),
        Format("AVIF", "AVIF", ".avif", _brands(b"avif", b"avis"), "AVIF", PILLOW),
        Format("HEIF", "HEIC and HEIF", ".heic .heif", _brands(*HEIF_BRANDS)),
        Format("JXL", "JPEG XL", ".jxl", _with(b"\xff\x0a", b"\0\0\0\x0cJXL ")),
        Format(
            "JPEG2000", "JPEG 2000", ".jp2", _with(b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51")
        ),
        Format("PSD", "Photoshop", ".psd", _with(b"8BPS")),
        Format(
            "RAW", "camera raw", RAW, lambda head: False,
            not_decoded="camera raw files are listed, not compared", by_suffix=True,
        ),
    )
}  # fmt: skip

# What Pillow is allowed to open; everything else is refused before a decoder sees it.
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
    """Return the last suffix of a file name in lower case, with its dot; '' if there is none."""
    stem, dot, last = name.rpartition(".")
    return f".{last.lower()}" if dot and stem else ""


def stem(name: str) -> str:
    """Return a file name without its last suffix: `a_stage1.5_x.png` -> `a_stage1.5_x`."""
    head, dot, _ = name.rpartition(".")
    return head if dot and head else name


def content_format(head: bytes) -> str | None:
    """Name the image format that a file's first `HEAD_BYTES` bytes declare, or None."""
    return next((name for name, entry in FORMATS.items() if entry.starts(head)), None)


def image_format(name: str, head: bytes) -> str | None:
    """Name the image format of a file, or None if it is not an image.

    The content decides. A camera raw file is known by its suffix, since most are TIFF inside, and
    a file that only calls itself an image (`.png` with other content) is an image that cannot be
    read, so that it is listed and never taken for a companion.

    Returns
    -------
    str or None
        A name of `FORMATS`, `unknown` for an image suffix with foreign content, or None.
    """
    ending = suffix(name)
    if ending in BY_SUFFIX:
        return BY_SUFFIX[ending]
    found = content_format(head)
    if found is None and ending in IMAGE_SUFFIXES:
        return "unknown"
    return found
