"""Messages between the kernel and its workers: JSON and blocks of bytes, never pickles.

A worker may have been taken over by the picture that it decoded. What it sends is therefore plain
data with bounds: it cannot run code in the kernel or make it allocate more than a task allows.

A message is the length of its head (4 bytes, little-endian), the head as JSON, `[facts, [lengths of
the blocks]]`, and the blocks.
"""

from __future__ import annotations

import json
import math
import socket
import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, NoReturn

LENGTH = struct.Struct("<I")
MOST_HEAD_BYTES = 2**20
MOST_BLOCKS = 4096
CHUNK_BYTES = 2**18


class Message(NamedTuple):
    """Facts that JSON can hold, and blocks of bytes."""

    facts: dict[str, Any]
    blocks: list[bytes]


class Malformed(ValueError):
    """What was received is not a message, or is larger than allowed."""


def packed(facts: Mapping[str, Any], blocks: Sequence[bytes] = ()) -> bytes:
    """Return a message as bytes.

    Raises
    ------
    ValueError
        If the facts are not JSON, or longer than `MOST_HEAD_BYTES`.
    """
    head = json.dumps([facts, [len(block) for block in blocks]]).encode()
    if len(head) > MOST_HEAD_BYTES or len(blocks) > MOST_BLOCKS:
        raise ValueError(f"a message of {len(head):,} bytes and {len(blocks):,} blocks is too long")
    return b"".join([LENGTH.pack(len(head)), head, *blocks])


class Inbox:
    """Bytes as they arrive -> messages.

    Parameters
    ----------
    most_bytes : int
        Largest sum of the blocks of a message.
    """

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self._bytes = bytearray()
        self._head: tuple[dict[str, Any], list[int]] | None = None

    def feed(self, data: bytes) -> Iterator[Message]:
        """Take the next bytes; yield the messages that are complete.

        Raises
        ------
        Malformed
            If they are no message, or a message that is too large.
        """
        self._bytes += data
        while (message := self._next()) is not None:
            yield message

    def _next(self) -> Message | None:
        if self._head is None:
            head = self._taken_head()
            if head is None:
                return None
            self._head = _checked_head(head, self.most_bytes)
        facts, lengths = self._head
        if len(self._bytes) < sum(lengths):
            return None
        self._head = None
        return Message(facts, [self._taken(length) for length in lengths])

    def _taken_head(self) -> bytes | None:
        if len(self._bytes) < LENGTH.size:
            return None
        (length,) = LENGTH.unpack_from(self._bytes)
        if length > MOST_HEAD_BYTES:
            raise Malformed(f"a head of {length:,} bytes")
        if len(self._bytes) < LENGTH.size + length:
            return None
        self._taken(LENGTH.size)
        return self._taken(length)

    def _taken(self, length: int) -> bytes:
        part = bytes(memoryview(self._bytes)[:length])
        del self._bytes[:length]
        return part


def _checked_head(head: bytes, most_bytes: int) -> tuple[dict[str, Any], list[int]]:
    try:
        value = json.loads(head, parse_constant=_refuse, parse_float=_finite)
    except (ValueError, RecursionError) as error:  # too deep, not UTF-8, too many digits
        raise Malformed(f"a head that is not JSON: {error}") from None
    if type(value) is not list or len(value) != 2:
        raise Malformed("a head without facts and lengths")
    facts, lengths = value
    if type(facts) is not dict or type(lengths) is not list or len(lengths) > MOST_BLOCKS:
        raise Malformed("facts or lengths of the wrong type")
    if any(type(length) is not int or length < 0 for length in lengths):
        raise Malformed("a block of no length")
    if sum(lengths) > most_bytes:
        raise Malformed(f"blocks of {sum(lengths):,} bytes; at most {most_bytes:,} were expected")
    return facts, lengths


def _refuse(word: str) -> NoReturn:
    raise ValueError(f"{word} is not a number")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:20]} is too large")
    return value


class Line:
    """The worker's end of the connection: sends and receives whole messages, blocking."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection

    def send(self, facts: Mapping[str, Any], blocks: Sequence[bytes] = ()) -> None:
        """Send a message."""
        self.connection.sendall(packed(facts, blocks))

    def receive(self) -> Message | None:
        """Return the next message of the kernel, which is trusted; None once it is gone."""
        head = self._exactly(LENGTH.size)
        if head is None:
            return None
        head = self._exactly(*LENGTH.unpack(head))
        if head is None:
            return None
        facts, lengths = json.loads(head)
        blocks = [self._exactly(length) for length in lengths]
        return Message(facts, [block for block in blocks if block is not None])

    def _exactly(self, length: int) -> bytes | None:
        part = bytearray()
        while len(part) < length:
            data = self.connection.recv(min(length - len(part), CHUNK_BYTES))
            if not data:
                return None
            part += data
        return bytes(part)
