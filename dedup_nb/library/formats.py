"""A file's first bytes and its name -> which image format it is, if any.

Standard library only: staging asks the same question as the catalogue and must start fast.
"""

from __future__ import annotations

HEAD_BYTES = 32  # enough of a file for `image_format`

# What Pillow is allowed to open; everything else is refused before a decoder sees it.
# EPS is left out for good: a PostScript file named .jpg would run Ghostscript.
DECODABLE = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "AVIF")

IMAGE_SUFFIXES = frozenset(
    (
        ".jpg .jpeg .jpe .jfif .png .apng .gif .webp .bmp .dib .tif .tiff .avif .heic "
        ".heif .jxl .jp2 .psd"
    ).split()
)
RAW_SUFFIXES = frozenset(
    (
        ".3fr .arw .cr2 .cr3 .crw .dcr .dng .erf .iiq .kdc .mef .mos .mrw .nef .nrw .orf "
        ".pef .raf .raw .rw2 .rwl .sr2 .srf .srw .x3f"
    ).split()
)
SIDECAR_SUFFIXES = frozenset(
    (".aae .caption .cropped .decision .exif .json .md .pp3 .thm .txt .xmp .yaml .yml").split()
)


BMP_HEADERS = (12, 16, 40, 52, 56, 64, 108, 124)  # sizes of the header that follows


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
    if head.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "WEBP"
    if head.startswith(b"BM") and len(head) >= 18 and head[14] in BMP_HEADERS:
        return "BMP"
    if head.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):
        return "TIFF"
    if head[4:8] == b"ftyp":
        brands = head[8:]
        if b"avif" in brands or b"avis" in brands:
            return "AVIF"
        if any(brand in brands for brand in (b"heic", b"heix", b"hevc", b"mif1", b"msf1")):
            return "HEIF"
    if head.startswith((b"\xff\x0a", b"\0\0\0\x0cJXL ")):
        return "JXL"
    if head.startswith((b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51")):
        return "JPEG2000"
    if head.startswith(b"8BPS"):
        return "PSD"
    return None


def image_format(name: str, head: bytes) -> str | None:
    """Name the image format of a file, or None if it is no image.

    The content decides. A camera raw file is known by its suffix, since most are TIFF inside, and
    a file that only calls itself an image (`.png` with other content) is an image that cannot be
    read, so that it is listed and never taken for a companion.

    Returns
    -------
    str or None
        One of `DECODABLE`, another format that is recognised but not decoded (`HEIF`, `JXL`,
        `JPEG2000`, `PSD`, `RAW`), `unknown` for an image suffix with foreign content, or None.
    """
    if suffix(name) in RAW_SUFFIXES:
        return "RAW"
    found = content_format(head)
    if found is None and suffix(name) in IMAGE_SUFFIXES:
        return "unknown"
    return found
