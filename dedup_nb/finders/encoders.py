"""What all models that encode pictures share: batches, threads, orientations, stored vectors.

`clip` and `onnx` each load a model; the rest of the package only knows `Weights` and `Encoder`.
Vectors computed on a CPU are the same bytes for any order, batch and number of threads, because a
chunk always has the same number of pictures. Vectors computed on a GPU are stored in half
precision, so that they can be recognised.
"""

from __future__ import annotations

import hashlib
import os
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from dedup_nb.pictures import orientations
from dedup_nb.pictures.images import ModelInput
from dedup_nb.pictures.orientations import ORIENTATIONS

CHUNK = 8  # pictures that one CPU thread embeds at once
GPU_BATCH = 256  # maximum batch size on a GPU
ACTIVATIONS = 40  # maximum number of values a model holds for each input value
SHARE = 0.5  # share of the free memory that activations may use
CHECKED = 4_096  # stored vectors checked at once
LENGTH_ERROR = 2e-3  # by which a stored vector may miss unit length
HALF, FULL = b"e", b"f"  # NumPy type codes of stored vectors: float16, float32
NOT_A_VECTOR = b""  # what is returned for a picture for which the model gives no vector

Turn = tuple[bool, bool, bool]  # transposed, columns reversed, rows reversed


class Weights(Protocol):
    """A model with weights on a device, as set by the parameters; loaded only when needed."""

    @property
    def key(self) -> str:
        """Identifies the vectors: everything that changes them, by content."""

    @property
    def says(self) -> str:
        """Description for screens and reports."""

    @property
    def thresholds(self) -> tuple[float | None, float | None]:
        """The model's own `min_cosine` and `floor`; None where it gives none."""

    @property
    def is_local(self) -> bool:
        """Whether the weights are a file of the user, rather than a name."""

    def loadable(self) -> None:
        """Raise ValueError, one sentence, unless the model can be loaded."""

    def load(self) -> Encoder:
        """Load the model; raises ValueError, one sentence, if it cannot be."""


class Encoder(ABC):
    """A loaded model, ready to embed pictures.

    Attributes
    ----------
    input : ModelInput
        How pictures are prepared for the model; see `images.measure`.
    batch : int
        Number of pictures embedded at once, limited by memory.
    chunk : int
        Number of pictures that one CPU thread embeds at once.
    threads : int
        Number of CPU threads, each embedding one chunk on one core.
    on_gpu : bool
        Whether whole batches are embedded on a GPU.
    half : bool
        Whether vectors are stored in half precision.
    says : str
        Model, device and batch size, for the screen.
    """

    input: ModelInput
    batch: int
    chunk: int = CHUNK
    threads: int = 1
    on_gpu: bool = False
    half: bool = False
    says: str

    @abstractmethod
    def _forward(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Embed pictures, shape (n, height, width, 3).

        Returns
        -------
        ndarray of float32, shape (n, d)
            Rows of unit length; a row of NaN where the model gives no vector.
        """

    def _out_of_memory(self, error: Exception) -> bool:
        """Return whether an error of `_forward` means that a smaller batch may work."""
        return False

    def _start_thread(self) -> Callable[[], Any]:
        """Return what each CPU thread does first."""
        return lambda: None

    def size_batches(self, free_bytes: float, value_bytes: int) -> None:
        """Set `batch` and `threads` to what fits into half of the free memory."""
        picture_bytes = self.input.height * self.input.width * 3 * value_bytes * ACTIVATIONS
        fit = max(1, int(SHARE * free_bytes / picture_bytes))
        if self.on_gpu:
            self.batch = min(GPU_BATCH, 1 << (fit.bit_length() - 1))
        else:
            self.threads = max(1, min(os.cpu_count() or 1, fit // self.chunk))
            self.batch = self.chunk * self.threads

    def encode(self, pictures: Sequence[bytes], turn: Turn) -> list[bytes]:
        """Embed pictures and return the vectors as stored bytes; see `unpack`.

        Parameters
        ----------
        pictures : sequence of bytes
            Rasters prepared for `input`.
        turn : tuple of bool (transposed, columns reversed, rows reversed)
            Orientation in which the pictures are embedded.

        Returns
        -------
        list of bytes
            `NOT_A_VECTOR` for a picture for which the model returns NaN, infinity or zero.
        """
        height, width = self.input.height, self.input.width
        shape = (len(pictures), height, width, 3)
        shown = turned(np.frombuffer(b"".join(pictures), np.uint8).reshape(shape), *turn)
        vectors = self._at_once(shown) if self.on_gpu else self._in_chunks(shown)
        kind = HALF if self.half else FULL
        return [
            kind + vector.astype(f"<{kind.decode()}").tobytes()
            if np.isfinite(vector).all()
            else NOT_A_VECTOR
            for vector in vectors
        ]

    def check_turns(self, invariance: str) -> None:
        """Refuse quarter turns for a model whose input is not square.

        Raises
        ------
        ValueError
            One sentence.
        """
        quarter = any(turn[0] for turn in ORIENTATIONS[: orientations.count(invariance)])
        if quarter and self.input.height != self.input.width:
            raise ValueError(
                f"invariance {invariance} turns pictures by a quarter, but the model takes "
                f"{self.input.width}x{self.input.height} pixels, which is not square; set "
                "invariance: mirror or none"
            )

    def _in_chunks(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Embed on a CPU, one thread for each chunk; the last chunk is padded."""
        n = len(pictures)
        filled = padded(pictures, self.chunk)
        chunks = np.split(filled, len(filled) // self.chunk)
        vectors = list(self._pool.map(self._forward, chunks))
        return np.concatenate(vectors)[:n]

    def _at_once(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Embed on a GPU; split the batch in half when memory runs out."""
        try:
            return self._forward(pictures)
        except Exception as error:
            if len(pictures) == 1 or not self._out_of_memory(error):
                raise
        middle = len(pictures) // 2
        self.batch = max(1, min(self.batch, middle))
        return np.concatenate([self._at_once(pictures[:middle]), self._at_once(pictures[middle:])])

    @property
    def _pool(self) -> ThreadPoolExecutor:
        """Threads that each embed one chunk on one core, so that none waits for another."""
        if not hasattr(self, "_threads"):
            start = self._start_thread()
            self._threads = ThreadPoolExecutor(self.threads, "encoder", initializer=start)
        return self._threads


def padded(pictures: NDArray[np.uint8], count: int) -> NDArray[np.uint8]:
    """Repeat the last picture until their number is a multiple of `count`."""
    missing = -len(pictures) % count
    return np.concatenate([pictures, np.repeat(pictures[-1:], missing, axis=0)])


def turned(
    pictures: NDArray[np.uint8], transposed: bool, columns: bool, rows: bool
) -> NDArray[np.uint8]:
    """Return pictures, shape (n, height, width, 3), in another orientation."""
    pictures = pictures.swapaxes(1, 2) if transposed else pictures
    pictures = pictures[:, :, ::-1] if columns else pictures
    return pictures[:, ::-1] if rows else pictures


def free_bytes() -> float:
    """Return how much memory of this machine is free."""
    table = Path("/proc/meminfo")
    if table.is_file():
        lines = dict(line.split(":", 1) for line in table.read_text().splitlines() if ":" in line)
        if "MemAvailable" in lines:
            return 1024 * float(lines["MemAvailable"].split()[0])
    # macOS does not report free memory
    return 0.25 * os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def digest(path: Path, ways_out: str) -> str:
    """Return the sha256 of a file of a model, cached while the file is unchanged.

    Raises
    ------
    ValueError
        If the file cannot be read; the message ends with `ways_out`.
    """
    try:
        status = path.stat()
        return _digest_of(path, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    except OSError as error:
        reason = "does not exist" if isinstance(error, FileNotFoundError) else error.strerror
        raise ValueError(f"{path} of the model {reason}; {ways_out}") from error


@cache
def _digest_of(path: Path, *unchanged: int) -> str:
    """Digest a file once: a gigabyte takes half a second."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


# ---------------------------------------------------------------- stored vectors


def unpack(stored: Sequence[bytes]) -> NDArray[np.float32]:
    """Return stored vectors as an array of unit-length rows.

    Returns
    -------
    ndarray of float32, shape (n, d)

    Raises
    ------
    ValueError
        If the vectors come from different models.
    """
    vectors: list[NDArray[Any]] = [
        np.frombuffer(value, f"<{value[:1].decode()}", offset=1) for value in stored
    ]
    if len({len(vector) for vector in vectors}) > 1:
        raise ValueError("these vectors come from different models; embed again")
    d = len(vectors[0]) if vectors else 0
    array = np.array(vectors, np.float32).reshape(len(vectors), d)
    if in_half_precision(stored):
        array /= np.linalg.norm(array, axis=1, keepdims=True)
    return array


def sound(values: Sequence[bytes]) -> NDArray[np.bool_]:
    """Return which stored vectors have finite numbers, unit length and the usual dimension.

    Returns
    -------
    ndarray of bool, shape (n,)
    """
    shapes = [_dimension(value) for value in values]
    usual = Counter(shapes).most_common(1)[0][0] if shapes else 0
    right = np.array([shape == usual > 0 for shape in shapes], bool)
    for code in (HALF, FULL):
        places = [k for k in np.flatnonzero(right).tolist() if values[k][:1] == code]
        for start in range(0, len(places), CHECKED):
            part = places[start : start + CHECKED]
            numbers = b"".join(values[k][1:] for k in part)
            with np.errstate(over="ignore", invalid="ignore"):
                vectors = np.frombuffer(numbers, f"<{code.decode()}").astype(np.float64)
                lengths = np.sqrt(np.square(vectors.reshape(-1, usual)).sum(axis=1))
            right[part] = np.abs(lengths - 1) < LENGTH_ERROR
    return right


def _dimension(value: bytes) -> int:
    """Return how many numbers a stored vector has; 0 if it is not a vector."""
    size = {HALF: 2, FULL: 4}.get(value[:1], 0)
    return (len(value) - 1) // size if size and (len(value) - 1) % size == 0 else 0


def in_half_precision(stored: Sequence[bytes]) -> int:
    """Count the stored vectors that were computed in half precision, on a GPU."""
    return sum(value[:1] == HALF for value in stored)
