"""The bytes of a picture file -> what it holds besides its pixels.

Frames, pages, films and further pictures; prompts, captions, times, places and other words; bit
depth; missing data. Nothing is decoded, every reader is bounded, and malformed data gives fewer
facts, never an error.
"""

from __future__ import annotations

import contextlib
import json
import struct
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field

from dedup_nb.library import words
from dedup_nb.pictures.contents import chunks, items, jpeg, jxl, layers, plain, raw
from dedup_nb.pictures.contents.parts import Parts

Reader = Callable[[bytes, Parts], None]
READERS: Mapping[str, Reader] = {
    "JPEG": jpeg.read,
    "PNG": chunks.read_png,
    "WEBP": chunks.read_webp,
    "GIF": chunks.read_gif,
    "BMP": chunks.read_bmp,
    "TIFF": chunks.read_tiff,
    "AVIF": items.read,
    "HEIF": items.read,
    "JXL": jxl.read,
    "JPEG2000": plain.read_jpeg2000,
    "PSD": layers.read,
    "DDS": plain.read_dds,
    "QOI": plain.read_qoi,
    "PPM": plain.read_ppm,
    "ICO": plain.read_ico,
    "TGA": plain.read_tga,
    "RAW": raw.read,
}
MALFORMED = (ValueError, LookupError, ArithmeticError, struct.error, MemoryError, RecursionError)
INTACT = "intact data"  # what a content without damage holds


@dataclass(frozen=True)
class Contents:
    """What one content holds besides its pixels.

    Attributes
    ----------
    words : dict of str -> str
        Kinds of words that it holds (`library.words.KINDS`), each with the beginning of a text.
    further : tuple of str
        Further contents: `12 frames`, `3 pages`, `2 pictures`, `7 layers`, `animation`, `film`,
        `second picture`, `gain map`, `depth map`, `matte`, `auxiliary picture`, `raw data`,
        `audio`, `appended file`, `compressed metadata`.
    shot : tuple of str
        How a photograph was taken, from EXIF, or empty: time with its fraction of a second,
        camera, exposure mode, exposure bias in steps, exposure time in s, f-number, ISO, focal
        length in mm, subject distance in m, custom rendering; a missing value is "".
    frame : tuple of str
        What tells the frames of a burst apart, each as `name=value`, sorted; empty without a
        camera: `camera` (make and model), `serial`, `time` with its fraction of a second, `offset`
        from UTC, `source` (`scanner`), `burst`, and numbers of the picture (`number`, `counter`,
        `sequence`, `unique`).
    depth : int
        Declared bits of a channel.
    lossless, alpha, palette : bool
        Whether the format is lossless, an alpha channel is declared, colours are in a palette.
    damage : str
        What is damaged or missing in a content that still decodes, or "".
    """

    words: Mapping[str, str] = field(default_factory=dict)
    further: tuple[str, ...] = ()
    shot: tuple[str, ...] = ()
    frame: tuple[str, ...] = ()
    depth: int = 8
    lossless: bool = False
    alpha: bool = False
    palette: bool = False
    damage: str = ""

    @property
    def holds(self) -> tuple[str, ...]:
        """What it holds, in words: further contents, kinds of words, and `intact data`."""
        kinds = (kind for kind in words.KINDS if kind in self.words)
        return (*self.further, *kinds, *(() if self.damage else (INTACT,)))

    def to_bytes(self) -> bytes:
        """Return the facts as JSON, without those that have their default value."""
        plain = Contents()
        facts = {name: value for name, value in asdict(self).items() if value != _of(plain, name)}
        return json.dumps(facts, ensure_ascii=True, separators=(",", ":")).encode()

    @staticmethod
    def of_bytes(data: bytes) -> Contents:
        """Return the facts from the result of `to_bytes`.

        Raises
        ------
        ValueError
            If they are damaged.
        """
        facts = json.loads(data)
        if not isinstance(facts, dict):
            raise ValueError("the facts are not a mapping")
        for name in ("further", "shot", "frame"):
            facts[name] = tuple(facts.get(name, ()))
        try:
            return Contents(**facts)
        except TypeError as error:
            raise ValueError(str(error)) from error


def _of(plain: Contents, name: str) -> object:
    value = getattr(plain, name)
    return dict(value) if isinstance(value, Mapping) else value


def contents_of(data: bytes, image_format: str) -> Contents:
    """Return what a picture file holds besides its pixels; never raises.

    Parameters
    ----------
    data : bytes
        Content of the file.
    image_format : str
        A name of `formats.FORMATS`; a format without a reader holds nothing that is known.
    """
    parts = Parts()
    reader = READERS.get(image_format)
    if reader is not None:
        with contextlib.suppress(*MALFORMED):  # what was read before an error counts
            reader(data, parts)
    return Contents(
        words={kind: parts.words[kind] for kind in words.KINDS if kind in parts.words},
        further=tuple(sorted(parts.further)),
        shot=tuple(parts.shot),
        frame=tuple(sorted(f"{name}={value}" for name, value in parts.frame.items()))
        if "camera" in parts.frame
        else (),
        depth=parts.depth,
        lossless=parts.lossless,
        alpha=parts.alpha,
        palette=parts.palette,
        damage=parts.damage,
    )
