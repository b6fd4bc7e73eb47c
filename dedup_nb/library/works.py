"""A file's name and first bytes -> what kind of work of its own it is, if any.

A work is a file that somebody would miss: a film, a model, a drawing. It never moves only because a
picture of its name does. To add a kind, add an entry to `WORKS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from dedup_nb.library import formats
from dedup_nb.library.formats import HEIF_BRANDS, suffix

IMAGE_WORKS = {"RAW": "raw", "PSD": "drawing"}  # formats of images that are works of their own
STILL_BRANDS = (*HEIF_BRANDS, b"avif", b"avis", b"crx ")  # `ftyp` files that are not films
QUICKTIME = (b"moov", b"mdat", b"wide", b"pnot")  # QuickTime files without `ftyp`
BRANDS_OF_AUDIO = (b"M4A ", b"M4B ", b"M4P ")
TEXTS = (b"%PDF-", b"{\\rtf", b"<svg", b"%!PS-")  # works that may start with readable characters
CACHES = frozenset((".npy", ".npz"))  # latents that trainers keep beside each picture


@dataclass(frozen=True)
class Work:
    """One kind of work.

    Attributes
    ----------
    name : str
        The word shown in reasons: `film`.
    help : str
        What belongs to it, in a few words.
    suffixes : frozenset of str
        In lower case, with their dots.
    starts : callable
        Whether the first `formats.HEAD_BYTES` bytes of a file show this kind, whatever its suffix.
    """

    name: str
    help: str
    suffixes: frozenset[str]
    starts: Callable[[bytes], bool]


def _work(name: str, help: str, suffixes: str, starts: Callable[[bytes], bool]) -> Work:
    return Work(name, help, frozenset(suffixes.split()), starts)


def _with(*starts: bytes) -> Callable[[bytes], bool]:
    return lambda head: head.startswith(starts)


def _is_film(head: bytes) -> bool:
    if head[4:8] == b"ftyp":
        brands = head[8:]
        return not any(brand in brands for brand in STILL_BRANDS) and (
            head[8:12] not in BRANDS_OF_AUDIO
        )
    starts = (
        b"\x1a\x45\xdf\xa3",
        b"FLV\x01",
        b"\0\0\1\xba",
        b"\0\0\1\xb3",
        b"0&\xb2u\x8ef\xcf\x11",
    )
    riff = head[:4] == b"RIFF" and head[8:11] == b"AVI"
    return riff or head[4:8] in QUICKTIME or head.startswith(starts)


def _is_audio(head: bytes) -> bool:
    if head[4:8] == b"ftyp":
        return head[8:12] in BRANDS_OF_AUDIO
    wave = head[:4] in (b"RIFF", b"RF64") and head[8:12] == b"WAVE"
    aiff = head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC")
    return wave or aiff or head.startswith((b"ID3", b"fLaC", b"OggS", b"MThd", b"caff"))


def _is_weights(head: bytes) -> bool:
    # a safetensors file starts with the length of its JSON header in eight bytes
    safetensors = len(head) > 9 and head[5:8] == b"\0\0\0" and head[8:9] == b"{"
    torch = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19"  # the magic number of torch.save
    return safetensors or head.startswith((b"GGUF", b"ggml", b"ggjt", b"\x89HDF\r\n\x1a\n", torch))


def _is_drawing(head: bytes) -> bool:
    corel = head[:4] == b"RIFF" and head[8:11] == b"CDR"
    starts = (b"8BPS", b"gimp xcf", b"CSFCHUNK", b"<svg", b"%!PS-", b"\0\xffKA", b"BLENDER")
    return corel or head.startswith(starts)


def _is_document(head: bytes) -> bool:
    return head.startswith((b"%PDF-", b"{\\rtf", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"))


WORKS: Mapping[str, Work] = {
    entry.name: entry
    for entry in (
        _work(
            "film",
            "films, the moving part of a live photo among them",
            ".3g2 .3gp .asf .avi .divx .dv .f4v .flv .insv .lrv .m2ts .m2v .m4v .mjpeg .mjpg .mkv "
            ".mov .mp4 .mpeg .mpg .mpv .mts .mxf .ogm .ogv .qt .rm .rmvb .ts .vob .webm .wmv",
            _is_film,
        ),
        _work(
            "model weights",
            "models, LoRAs and embeddings of image generators",
            ".bin .caffemodel .ckpt .ggml .gguf .h5 .keras .mlmodel .model .onnx .pb "
            ".pickle .pkl .pt .pth .safetensors .tflite",
            _is_weights,
        ),
        _work(
            "drawing",
            "layered and vector drawings, scenes and projects",
            ".afdesign .afphoto .afpub .ai .aseprite .blend .c4d .cdr .clip .csp .drawio .dwg .dxf "
            ".eps .fbx .fig .glb .gltf .graffle .indd .kra .lip .ma .max .mb .mdp .obj .ora .pdn "
            ".procreate .ps .psb .psd .psdt .pspimage .sai .sai2 .sketch .skp .spp .stl .svg .svgz "
            ".vsd .vsdx .wmf .xcf .xd",
            _is_drawing,
        ),
        _work("raw", "camera raw", f"{formats.RAW} .braw .fff .gpr .r3d", lambda head: False),
        _work(
            "audio",
            "sound and music",
            ".aac .aif .aifc .aiff .amr .ape .au .caf .flac .m4a .m4b .mid .midi .mka .mp2 .mp3 "
            ".oga .ogg .opus .ra .wav .wma .wv",
            _is_audio,
        ),
        _work(
            "document",
            "texts to read, tables, slides, books, web pages, mail",
            ".azw3 .djvu .doc .docm .docx .eml .epub .fb2 .htm .html .ipynb .key .mht .mhtml .mobi "
            ".msg .numbers .odg .odp .ods .odt .one .pages .pdf .pps .ppt .pptx .pub .rtf .tex "
            ".xls .xlsb .xlsm .xlsx .xps",
            _is_document,
        ),
        _work(
            "database",
            "databases and catalogues",
            ".accdb .cocatalog .db .db3 .dbf .duckdb .feather .h5ad .hdf5 .lrcat .mdb .parquet "
            ".sqlite .sqlite3",
            _with(b"SQLite format 3\0", b"PAR1"),
        ),
        _work(
            "archive",
            "archives, disk images and programs",
            ".7z .apk .bz2 .cab .cb7 .cbr .cbz .deb .dmg .exe .gz .img .iso .jar .lz .lz4 .lzma "
            ".msi .pkg .rar .rpm .tar .tbz2 .tgz .txz .vhd .vmdk .xz .z .zip .zst",
            _with(
                b"PK\3\4", b"PK\5\6", b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07", b"\x1f\x8b\x08",
                b"BZh", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd", b"MSCF", b"\x7fELF",
            ),
        ),
    )
}  # fmt: skip
BY_SUFFIX = {one: entry.name for entry in WORKS.values() for one in entry.suffixes}


def work(name: str, head: bytes) -> str:
    """Return which kind of work a file is, or "" if it is a picture or a sidecar.

    Parameters
    ----------
    name : str
        Name of the file.
    head : bytes
        Its first `formats.HEAD_BYTES` bytes; empty if it could not be read.

    Returns
    -------
    str
        A name of `WORKS`, or "". The suffix decides first, then the contents; a file of another
        suffix and other contents is a sidecar.
    """
    image = formats.image_format(name, head)
    if image not in (None, "unknown"):
        return IMAGE_WORKS.get(str(image), "")
    ending = suffix(name)
    if ending in BY_SUFFIX:
        return BY_SUFFIX[ending]
    if image or ending in CACHES or (_is_readable(head) and not head.startswith(TEXTS)):
        return ""
    return next((entry.name for entry in WORKS.values() if entry.starts(head)), "")


def _is_readable(head: bytes) -> bool:
    """Return whether first bytes are text: a caption may begin with any word."""
    return all(byte >= 32 or byte in b"\t\n\f\r" for byte in head)
