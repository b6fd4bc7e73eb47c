"""Files -> measured pictures, in watched decoder processes.

A hang or a crash costs only one image. Each worker is a new interpreter (spawned, never forked, so
numeric libraries cannot deadlock) with a memory limit, reused for many files. The parent enforces
a time limit for each file.
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
START_SECONDS = 120.0  # time limit for starting a worker, long enough for a busy machine
MEMORY_BYTES = 6 * 2**30
WORTH_SECONDS = 0.5  # remaining decoding that justifies one more worker; starting one takes 0.3 s
PACE_FILES, PACE_SECONDS = 8, 0.25  # files or seconds after which the pace is known

# One thread each; glibc keeps freed memory for the next picture, which saves a tenth of the time.
WORKER_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "RAYON_NUM_THREADS": "1",
    "OPENCV_FOR_THREADS_NUM": "1",
    "MALLOC_MMAP_THRESHOLD_": str(2**30),
    "MALLOC_TRIM_THRESHOLD_": str(2**30),
    "MALLOC_TOP_PAD_": str(2**25),
}

READY = "ready"  # first message of a worker; starts the clock of its first file

Raster = images.Raster
Content = tuple[int, int, int, str]  # bytes, mtime_ns, ctime_ns, sha256 at the last reading


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
    """Measure files in watched processes; results come as soon as they are ready.

    Parameters
    ----------
    paths : sequence of bytes
        Absolute paths.
    sizes : sequence of (width, height)
        Grey rasters to compute for each picture.
    contents : sequence of Content, optional
        Previous content of each path; an unchanged file is not digested and `known` is not called.
    known : callable
        Called with the sha256 of a file; if it returns True, the file is not decoded.
    workers : int, optional
        Largest number of processes, one per core by default; fewer if there is little to do.
    max_pixels, seconds : float
        Limits for one picture.

    Yields
    ------
    (int, Measured or str)
        Position in `paths` and the result; only the sha256 if the file was `known`.
    """
    count = min(len(paths), workers or os.cpu_count() or 1)
    job = (tuple(sizes), max_pixels)
    pool: list[_Worker] = []
    waiting = iter(enumerate(zip_longest(paths, contents)))
    done, spent = 0, 0.0
    try:
        busy: set[_Worker] = set()
        while True:
            left = len(paths) - done - len(busy)  # not yet assigned
            known_pace = done >= PACE_FILES or spent >= PACE_SECONDS  # the first file is slow
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
                if result is None:  # it reported the digest and is still decoding
                    continue
                done, spent = done + 1, spent + time.monotonic() - worker.started
                yield worker.position, result
                if not worker.start(next(waiting, None), job):
                    busy.discard(worker)
    finally:
        for worker in pool:
            worker.end()


class _Worker:
    """One decoder process, as seen by the parent; replaced when it dies."""

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
        """Start on the next file; False if none is left."""
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
        """Return the result, or None while the worker is still decoding."""
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
    """Process one file after another until the parent closes the connection."""
    warnings.simplefilter("ignore")
    Image.MAX_IMAGE_PIXELS = None  # `max_pixels` is checked instead, before decoding
    Image.preinit()  # otherwise it would count as decoding time of the first picture
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
    """Return whether a file that was just read is unchanged since the last reading."""
    status = os.lstat(path)
    return content[:-1] == (status.st_size, status.st_mtime_ns, status.st_ctime_ns)


if __name__ == "__main__":
    with_limit = getattr(resource, "RLIMIT_AS", None)
    if with_limit is not None:
        resource.setrlimit(with_limit, (MEMORY_BYTES, resource.getrlimit(with_limit)[1]))
    _serve(Connection(int(sys.argv[1])))
