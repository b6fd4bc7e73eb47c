"""A PNG's bytes -> its chunks and the texts stored in it, within bounds; never raises."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

HEAD = b"\x89PNG\r\n\x1a\n"
TEXTS = (b"tEXt", b"zTXt", b"iTXt")
MOST_CHUNKS = 100_000
MOST_TEXTS = 256
MOST_TOTAL_BYTES = 2**24  # of all texts of a picture together, inflated
KEYWORD_BYTES = 79


class Text(NamedTuple):
    """One text stored in a PNG.

    Attributes
    ----------
    keyword : str
        Its name, such as `parameters` or `prompt`.
    data : bytes
        Its bytes, inflated.
    latin : bool
        Whether the format says Latin-1; many programs write UTF-8 all the same.
    cut : bool
        Whether more followed.
    problem : str
        Why it cannot be read, or "".
    """

    keyword: str
    data: bytes
    latin: bool
    cut: bool = False
    problem: str = ""

    @property
    def text(self) -> str:
        """Its text: UTF-8 where it is that, or the encoding that the format says."""
        try:
            return self.data.decode("utf-8")
        except UnicodeDecodeError:
            return self.data.decode("latin-1" if self.latin else "utf-8", "replace")


def chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield (kind, start, stop) of the body of each chunk, to the end or to the first cut one."""
    at = len(HEAD)
    for _ in range(MOST_CHUNKS if data.startswith(HEAD) else 0):
        if at + 12 > len(data):
            return
        length, kind = struct.unpack_from(">I4s", data, at)
        if at + 12 + length > len(data):
            return
        yield kind, at + 8, at + 8 + length
        at += 12 + length
        if kind == b"IEND":
            return


def texts(data: bytes, most_bytes: int) -> Iterator[Text]:
    """Yield the texts of a PNG in order, each cut to a number of bytes."""
    number, left = 0, MOST_TOTAL_BYTES
    for kind, start, stop in chunks(data):
        if kind in TEXTS and number < MOST_TEXTS and left > 0:
            text = text_of(kind, data[start:stop], min(most_bytes, left))
            number, left = number + 1, left - len(text.data)
            yield text


def text_of(kind: bytes, body: bytes, most_bytes: int) -> Text:
    """Return the text in the body of one chunk, cut to a number of bytes."""
    name, separator, rest = body.partition(b"\0")
    keyword = name[:KEYWORD_BYTES].decode("latin-1")
    if not separator:
        return Text(keyword, b"", True, problem="it has no text")
    if kind == b"tEXt":
        return Text(keyword, rest[:most_bytes], True, len(rest) > most_bytes)
    if kind == b"zTXt":
        return _inflated(keyword, rest[1:], True, most_bytes)
    if rest.count(b"\0", 2) < 2:
        return Text(keyword, b"", False, problem="it has no text")
    text = rest[2:].partition(b"\0")[2].partition(b"\0")[2]  # after language and translated keyword
    if rest[:1] == b"\1":
        return _inflated(keyword, text, False, most_bytes)
    return Text(keyword, text[:most_bytes], False, len(text) > most_bytes)


def _inflated(keyword: str, data: bytes, latin: bool, most_bytes: int) -> Text:
    try:
        text = zlib.decompressobj().decompress(data, most_bytes + 1)
    except zlib.error as error:
        return Text(keyword, b"", latin, problem=str(error))
    return Text(keyword, text[:most_bytes], latin, len(text) > most_bytes)
