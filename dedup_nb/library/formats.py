"""A file's first bytes and its name -> its image format, if any.

Camera raw files are often TIFF inside, whose first picture is a small preview; `image_format` looks
further into a TIFF if it may read more than the first bytes.

Standard library only, because staging uses it too and must start fast.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from dedup_nb.library import tiff

HEAD_BYTES = 32  # bytes that `image_format` needs

HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"mif1", b"msf1")
BMP_HEADERS = (12, 16, 40, 52, 56, 64, 108, 124)  # valid sizes of the second header
NOT_DECODED = "{name} is recognised but not decoded here"


@dataclass(frozen=True)
class Format:
    """One image format.

    Attributes
    ----------
    name : str
        Value of the catalogue's column `format`.
    help : str
        A short description.
    suffixes : str
        File suffixes with their dots, separated by spaces.
    starts : callable
        Whether the first `HEAD_BYTES` bytes of a file declare this format.
    pillow : str
        The only Pillow format that may open it; "" if it is not decoded.
    packages : tuple of str
        Packages that decode it; files they could not read are tried again when they change.
    not_decoded : str
        Error in the catalogue if it is not decoded.
    by_suffix : bool
        Recognised by suffix before content, because most raw files are TIFF inside.
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


def _is_raw(head: bytes) -> bool:
    """Whether the first bytes are those of a raw file; of many, only its directories tell."""
    if head.startswith(TIFF_HEADS):
        return head[8:10] == b"CR" or head[8:12] in (b"IIII", b"MMMM")  # Canon; Phase One
    return head.startswith(RAW_HEADS) or head[4:12] == b"ftypcrx " or head[6:14] == b"HEAPCCDR"


PILLOW = ("pillow",)
TIFF_HEADS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
# Olympus, Panasonic, Fujifilm, Sigma, Minolta
RAW_HEADS = (b"IIRO", b"IIRS", b"MMOR", b"IIU\0", b"FUJIFILMCCD-RAW", b"FOVb", b"\0MRM")
RAW = (
    ".3fr .arw .cr2 .cr3 .crw .dcr .dng .erf .fff .gpr .iiq .kdc .mef .mos .mrw .nef .nrw .orf "
    ".ori .pef .raf .raw .rw2 .rwl .sr2 .srf .srw .x3f"
)

# In the order in which the first bytes are compared. To add a format, add an entry; if Pillow needs
# a plugin for it, import it in `pictures/images.py`. EPS is excluded on purpose: a PostScript file
# named .jpg would run Ghostscript.
FORMATS: Mapping[str, Format] = {
    entry.name: entry
    for entry in (
        Format(
            "JPEG", "JPEG", ".jpg .jpeg .jpe .jfif", _with(b"\xff\xd8\xff"), "JPEG",
            ("pillow", "simplejpeg"),
        ),
        Format(
            "PNG", "PNG, animated or not", ".png .apng", _with(b"\x89PNG\r\n\x1a\n"), "PNG",
            ("pillow", "kornia-rs"),
        ),
        Format("GIF", "GIF", ".gif", _with(b"GIF87a", b"GIF89a"), "GIF", PILLOW),
        Format("WEBP", "WebP", ".webp", _is_webp, "WEBP", PILLOW),
        Format("BMP", "Windows bitmap", ".bmp .dib", _is_bmp, "BMP", PILLOW),
        Format(
            "RAW", "camera raw", RAW, _is_raw,
            not_decoded="camera raw files are listed, not compared", by_suffix=True,
        ),
        Format("TIFF", "TIFF", ".tif .tiff", _with(*TIFF_HEADS), "TIFF", PILLOW),
        Format("AVIF", "AVIF", ".avif", _brands(b"avif", b"avis"), "AVIF", PILLOW),
        Format("HEIF", "HEIC and HEIF", ".heic .heif", _brands(*HEIF_BRANDS)),
        Format("JXL", "JPEG XL", ".jxl", _with(b"\xff\x0a", b"\0\0\0\x0cJXL ")),
        Format(
            "JPEG2000", "JPEG 2000", ".jp2", _with(b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51")
        ),
        Format("PSD", "Photoshop", ".psd", _with(b"8BPS")),
    )
}  # fmt: skip

# The formats that Pillow may open; all others are refused before decoding.
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

    The content decides. Camera raw files are also recognised by suffix, since most are TIFF inside.
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
    ending = suffix(name)
    if ending in BY_SUFFIX:
        return BY_SUFFIX[ending]
    declared = content_format(head)
    if declared is None and ending in IMAGE_SUFFIXES:
        return "unknown"
    if declared == "TIFF" and read is not None and tiff.is_raw(read):
        return "RAW"
    return declared
