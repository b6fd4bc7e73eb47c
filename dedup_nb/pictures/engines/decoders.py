"""Watched decoder processes: a hang or a crash on a stranger's file costs that one image.

Each worker is a fresh interpreter (spawned, never forked, so numeric libraries cannot deadlock),
reused for many files, with a memory limit. The parent gives each file a time limit.
"""

from __future__ import annotations

import math
import os
import resource
import socket
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Generator, Sequence
from itertools import zip_longest
from multiprocessing.connection import Connection, wait

from PIL import Image

from dedup_nb.library import files
from dedup_nb.pictures import images

SECONDS_PER_IMAGE = 60.0
START_SECONDS = 120.0  # a worker may take to begin, on a busy machine
MEMORY_BYTES = 6 * 2**30
WORTH_SECONDS = 0.5  # of decoding that has to be left for each worker: to begin takes one a third
PACE_FILES, PACE_SECONDS = 8, 0.25  # after so many, or so long, it is told how much is left

# One thread each; and glibc keeps freed memory for the next picture, which saves a tenth.
WORKER_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "RAYON_NUM_THREADS": "1",
    "OPENCV_FOR_THREADS_NUM": "1",
    "MALLOC_MMAP_THRESHOLD_": str(2**30),
    "MALLOC_TRIM_THRESHOLD_": str(2**30),
    "MALLOC_TOP_PAD_": str(2**25),
}

READY = "ready"  # a worker's greeting; the clock of its first file starts then

Raster = images.Raster
Content = tuple[int, int, int, str]  # bytes, mtime_ns, ctime_ns, sha256 when it was last read


def measure_all(
    paths: Sequence[bytes],
    sizes: Sequence[Raster],
    *,
    contents: Sequence[Content] = (),
    known: Callable[[str], bool] = lambda sha256: False,
    workers: int | None = None,
    max_pixels: float = images.MAX_PIXELS,
    seconds: float = SECONDS_PER_IMAGE,
) -> Generator[tuple[int, images.Measured | str], None, None]:
    """Measure files in watched processes; results come in the order in which they are ready.

    Parameters
    ----------
    paths : sequence of bytes
        Absolute paths.
    sizes : sequence of (width, height)
        Grey rasters to make of each picture.
    contents : sequence of Content, optional
        What each path held before; a file that is the same still is neither digested nor `known`.
    known : callable
        Told the sha256 of a file's content; if it returns True the file is not decoded.
    workers : int, optional
        Number of processes at most, one a core by default; fewer where little is to be done.
    max_pixels, seconds : float
        Limits for one picture.

    Yields
    ------
    (int, Measured or str)
        Position in `paths`, and what was measured; only the sha256 where it was `known`.
    """
    count = min(len(paths), workers or os.cpu_count() or 1)
    job = (tuple(sizes), max_pixels)
    pool: list[_Worker] = []
    waiting = iter(enumerate(zip_longest(paths, contents)))
    done, spent = 0, 0.0
    try:
        busy: set[_Worker] = set()
        while True:
            left = len(paths) - done - len(busy)  # nobody has them
            known_pace = done >= PACE_FILES or spent >= PACE_SECONDS  # the first one is slow
            worth = math.ceil(left * spent / done / WORTH_SECONDS) if known_pace else min(left, 1)
            for _ in range(min(count, worth) - len(pool)):
                pool.append(_Worker())
                if pool[-1].start(next(waiting, None), job):
                    busy.add(pool[-1])
            if not busy:
                return
            ready = set(wait([worker.link for worker in busy], timeout=0.5))
            for worker in [w for w in busy if w.link in ready or w.late(seconds)]:
                result = worker.answer(known, worker.link in ready, seconds)
                if result is None:  # it said what the file is and now decodes
                    continue
                done, spent = done + 1, spent + time.monotonic() - worker.started
                yield worker.position, result
                if not worker.start(next(waiting, None), job):
                    busy.discard(worker)
    finally:
        for worker in pool:
            worker.end()


class _Worker:
    """One decoder process, seen from the parent; it is replaced when it dies."""

    def __init__(self) -> None:
        self.position = -1
        self.started = 0.0
        self.sha256 = ""
        self._spawn()

    def _spawn(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "dedup_nb.pictures.engines.decoders", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=os.environ | WORKER_ENVIRONMENT,
            )
        self.link: Connection = Connection(ours.detach())
        self.ready = False

    def start(
        self,
        numbered: tuple[int, tuple[bytes, Content | None]] | None,
        job: tuple[tuple[Raster, ...], float],
    ) -> bool:
        """Hand over the next file; False when there is none left."""
        if numbered is None:
            return False
        self.position, file = numbered
        self.started, self.sha256 = time.monotonic(), ""
        try:
            self.link.send((*file, *job))
        except OSError:  # it died between two files
            self._respawn()
            self.link.send((*file, *job))
        return True

    def late(self, seconds: float) -> bool:
        limit = seconds if self.ready else seconds + START_SECONDS
        return time.monotonic() - self.started > limit

    def answer(
        self, known: Callable[[str], bool], ready: bool, seconds: float
    ) -> images.Measured | str | None:
        """Return the result, or None while the worker still decodes."""
        try:
            if not ready:
                raise TimeoutError(f"took longer than {seconds:g} s to decode")
            message: images.Measured | str = self.link.recv()
            if isinstance(message, images.Measured):
                return message
            if message == READY:
                self.ready, self.started = True, time.monotonic()
                return None
            self.sha256 = message
            have = known(message)
            self.link.send(not have)
            return message if have else None
        except (EOFError, OSError) as error:  # TimeoutError is an OSError
            reason = str(error) if isinstance(error, TimeoutError) else self._last_words()
            self._respawn()
            return images.Measured("unreadable", reason, self.sha256)

    def _last_words(self) -> str:
        code = self.process.wait(5)
        return f"the decoder crashed ({f'signal {-code}' if code < 0 else f'exit status {code}'})"

    def _respawn(self) -> None:
        self.end()
        self._spawn()

    def end(self) -> None:
        self.link.close()
        self.process.kill()
        self.process.wait()


def _serve(link: Connection) -> None:
    """Answer one file after the other until the parent goes away."""
    warnings.simplefilter("ignore")
    Image.MAX_IMAGE_PIXELS = None  # `max_pixels` is checked instead, before decoding
    Image.preinit()  # else it counted as decoding of the first picture
    link.send(READY)
    while True:
        try:
            path, content, sizes, max_pixels = link.recv()
        except EOFError:
            return
        try:
            data = files.read_file(path)
            same = content is not None and _unchanged(path, content)
        except ValueError as error:
            link.send(images.Measured("too_large", str(error)))
            continue
        except OSError as error:
            link.send(images.Measured("unreadable", f"cannot be read: {error.strerror or error}"))
            continue
        digest = content[-1] if same else files.sha256(data)
        if not same:
            link.send(digest)
        if same or link.recv():
            name = os.fsdecode(os.path.basename(path))
            link.send(images.measure(data, name, sizes, max_pixels, digest))


def _unchanged(path: bytes, content: Content) -> bool:
    """Tell whether a file that was just read is the one that was read before."""
    status = os.lstat(path)
    return content[:-1] == (status.st_size, status.st_mtime_ns, status.st_ctime_ns)


if __name__ == "__main__":
    with_limit = getattr(resource, "RLIMIT_AS", None)
    if with_limit is not None:
        resource.setrlimit(with_limit, (MEMORY_BYTES, resource.getrlimit(with_limit)[1]))
    _serve(Connection(int(sys.argv[1])))
