"""Pictures -> unit-length embeddings from a CLIP model of open_clip.

torch is imported only when a model is needed. Vectors computed on a CPU are the same bytes for any
order, batch and number of threads, because a chunk always has `CHUNK` pictures. Vectors computed
in half precision on a GPU are stored in half precision, so that they can be recognised.
"""

from __future__ import annotations

import difflib
import hashlib
import importlib
import logging
import os
import socket
import sys
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from dedup_nb.library.files import read_object
from dedup_nb.pictures.images import ModelInput

MODEL, PRETRAINED = "ViT-B-32", "laion2b_s34b_b79k"
VERSION = 2  # version of the preprocessing; vectors of another version are computed again
CONFIGURATION = ".json"
CHECKPOINTS = (".safetensors", ".pt", ".pth", ".bin", ".ckpt")
WITHOUT = "or set embedder: dct, which needs no weights"
WAYS_OUT = f"set pretrained to a local checkpoint, run this once on a connected machine, {WITHOUT}"
MISSING_OPERATORS = "operator torchvision::"  # raised by a torchvision built for another torch
OPERATORS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
CONNECT_S = 10

CHUNK = 8  # pictures that one CPU thread embeds at once
GPU_BATCH = 256  # maximum batch size on a GPU
ACTIVATIONS = 40  # maximum number of values a model holds for each input value
SHARE = 0.5  # share of the free memory that activations may use
CHECKED = 4_096  # stored vectors checked at once
LENGTH_ERROR = 2e-3  # by which a stored vector may miss unit length
HALF, FULL = b"e", b"f"  # NumPy type codes of stored vectors: float16, float32


@dataclass(frozen=True)
class Weights:
    """The model, its weights and the device, as set by the parameters.

    Attributes
    ----------
    model : str
        Name of an open_clip architecture, or the path of your own configuration (`.json`).
    pretrained : str
        A pretrained tag of open_clip, or the path of a checkpoint.
    device : str
        `auto`, `cpu`, `mps`, `cuda` or `cuda:1`.
    """

    model: str = MODEL
    pretrained: str = PRETRAINED
    device: str = "auto"

    @property
    def is_local(self) -> bool:
        """Whether `pretrained` is a file rather than a tag."""
        return os.sep in self.pretrained or self.pretrained.lower().endswith(CHECKPOINTS)

    @property
    def key(self) -> str:
        """Identifies these vectors: the model, and the tag or the digest of the checkpoint.

        Raises
        ------
        ValueError
            If the file cannot be read.
        """
        name, tag = self.name, self.pretrained
        if self.name != self.model:
            name = f"{name}:{_digest(Path(self.model))[:8]}"
        if self.is_local:
            tag = f"sha256:{_digest(Path(self.pretrained))[:16]}"
        return f"clip-v{VERSION} {name} {tag}"

    @property
    def name(self) -> str:
        """The model's name for open_clip."""
        return Path(self.model).stem if self.model.endswith(CONFIGURATION) else self.model

    @property
    def says(self) -> str:
        """Description for screens and reports."""
        tag = Path(self.pretrained).name if self.is_local else self.pretrained
        return f"open_clip {self.name} ({tag})"


def _digest(path: Path) -> str:
    try:
        status = path.stat()
        return _digest_of(path, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    except OSError as error:
        reason = "does not exist" if isinstance(error, FileNotFoundError) else error.strerror
        raise ValueError(f"{path} of the model {reason}; {WAYS_OUT}") from error


@cache
def _digest_of(path: Path, *unchanged: int) -> str:
    """Digest a checkpoint, cached while the file is unchanged: a gigabyte takes half a second."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


# ---------------------------------------------------------------- finding the weights


def library() -> Any:
    """Import open_clip, even if the installed torchvision does not fit torch."""
    # waiting threads must not take a core from the decoders; torch reads this when it is loaded
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    with _quiet():
        try:
            return importlib.import_module("open_clip")
        except RuntimeError as error:
            if MISSING_OPERATORS not in str(error):
                raise
        _define_operators()
        return importlib.import_module("open_clip")


def _define_operators() -> None:
    """Define the operators that torchvision lacks; open_clip uses only its transforms."""
    import torch

    for name in [n for n in sys.modules if n.partition(".")[0] in ("torchvision", "open_clip")]:
        del sys.modules[name]  # half imported
    fragment = torch.library.Library("torchvision", "FRAGMENT")
    for operator in OPERATORS:
        fragment.define(operator)
    _kept.append(fragment)


_kept: list[Any] = []  # keeps the library fragment alive


@contextmanager
def _quiet() -> Iterator[None]:
    """Suppress log messages and warnings of open_clip and the hub."""
    before = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def check(weights: Weights) -> Path:
    """Return the path of the checkpoint, downloading it if needed.

    Raises
    ------
    ValueError
        One sentence, if the model, the weights or the device are not available.
    """
    if weights.is_local:
        path = Path(weights.pretrained)
        if not path.is_file():
            what = "is not a file" if path.exists() else "does not exist"
            raise ValueError(f"pretrained names the checkpoint {path}, which {what}; {WAYS_OUT}")
    open_clip = library()
    if weights.name != weights.model and Path(weights.model).is_file():
        open_clip.add_model_config(weights.model)
    if weights.name not in open_clip.list_models():
        raise ValueError(
            f"open_clip does not know the model {weights.model}"
            f"{_nearest(weights.name, open_clip.list_models())}"
        )
    _device(weights.device)
    return path if weights.is_local else _of_tag(open_clip, weights)


def loadable(weights: Weights) -> None:
    """Check the weights as `check` does, and that a local checkpoint fits the model.

    Raises
    ------
    ValueError
        One sentence.
    """
    if check(weights) and weights.is_local:
        Model(weights)


def _nearest(word: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f"; did you mean {close[0]}?" if close else f"; choose one of {', '.join(known)}"


def _of_tag(open_clip: Any, weights: Weights) -> Path:
    """Return the checkpoint of a tag, from the hub's cache or else from the hub."""
    settings = open_clip.get_pretrained_cfg(weights.name, weights.pretrained)
    if not settings:
        tags = open_clip.list_pretrained_tags_by_model(weights.name)
        raise ValueError(
            f"open_clip has no weights {weights.pretrained} for {weights.name}"
            f"{_nearest(weights.pretrained, tags) if tags else ''}; "
            "for a local checkpoint, pass its path"
        )
    if (cached := _cached(settings)) is not None:
        return cached
    try:
        _refuse_unconnected(settings)
        print(f"downloading weights {weights.pretrained} for {weights.name} ...", flush=True)
        with _quiet():
            return Path(open_clip.download_pretrained(settings))
    except Exception as error:  # the hub, a proxy or the disk may raise anything
        reason = str(error).strip().splitlines()[0][:200] if str(error).strip() else repr(error)
        raise ValueError(
            f"the weights {weights.pretrained} for {weights.name} are not on this machine and "
            f"cannot be downloaded ({reason}); {WAYS_OUT}"
        ) from error


def _cached(settings: Mapping[str, Any]) -> Path | None:
    """Return weights downloaded earlier, without contacting the hub."""
    from huggingface_hub import try_to_load_from_cache
    from open_clip import constants

    repository, _, name = settings.get("hf_hub", "").rpartition("/")
    names = [name] if name else [constants.HF_SAFE_WEIGHTS_NAME, constants.HF_WEIGHTS_NAME]
    for name in names if repository else []:
        if isinstance(path := try_to_load_from_cache(repository, name), str):
            return Path(path)
    return None


def _refuse_unconnected(settings: Mapping[str, Any]) -> None:
    """Fail at once if the hub is unreachable; its own retries take most of a minute."""
    from huggingface_hub import constants

    if any(os.environ.get(name) for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY")):
        return
    address = constants.ENDPOINT if settings.get("hf_hub") else settings.get("url", "")
    parts = urlsplit(address)
    port = parts.port or (80 if parts.scheme == "http" else 443)
    socket.create_connection((parts.hostname or "", port), timeout=CONNECT_S).close()


# ---------------------------------------------------------------- the model


class Model:
    """A loaded vision model, ready to embed pictures.

    Parameters
    ----------
    weights : Weights
        Model, weights and device to load.
    half : bool, optional
        Whether to use half precision; by default only on a GPU.

    Attributes
    ----------
    input : ModelInput
        How pictures are prepared for the model; see `images.measure`.
    batch : int
        Number of pictures embedded at once, limited by memory.
    says : str
        Model, device and batch size, for the screen.

    Raises
    ------
    ValueError
        One sentence, if the weights are not available or do not fit the model.
    """

    def __init__(self, weights: Weights, half: bool | None = None) -> None:
        path = check(weights)
        open_clip = library()
        import torch

        self.torch, self.device = torch, _device(weights.device)
        self.half = self.device.type != "cpu" if half is None else half
        settings = _settings(open_clip, weights, path)
        self.net = self._loaded(open_clip, weights, path, settings)
        shown = self.net.visual.preprocess_cfg
        side = shown["size"]
        height, width = (side, side) if isinstance(side, int) else side
        self.input = ModelInput(
            height, width, shown["resize_mode"], shown["interpolation"], shown["fill_color"]
        )
        self.mean, self.std = (self._constant(shown[name]) for name in ("mean", "std"))
        free = SHARE * _free_bytes(torch, self.device)
        fit = max(1, int(free / (height * width * 3 * (2 if self.half else 4) * ACTIVATIONS)))
        self.threads = 1
        if self.device.type == "cpu":
            self.threads = max(1, min(os.cpu_count() or 1, fit // CHUNK))
            self.batch = CHUNK * self.threads
        else:
            self.batch = min(GPU_BATCH, 1 << (fit.bit_length() - 1))
        precision = "half precision" if self.half else "float32"
        self.says = (
            f"{weights.says} on {self.device}, {precision}, {self.batch} pictures per batch, "
            f"input {width}x{height} pixels ({self.input.resize_mode})"
        )

    def _loaded(self, open_clip: Any, weights: Weights, path: Path, settings: Any) -> Any:
        try:
            with _quiet():
                net = open_clip.create_model(
                    weights.name,
                    pretrained=str(path),
                    precision="fp16" if self.half else "fp32",
                    device=self.device,
                    force_quick_gelu=bool(settings.get("quick_gelu")),
                    force_preprocess_cfg=settings,
                    require_pretrained=True,
                    weights_only=True,
                )
        except Exception as error:  # pickle, JSON and torch each raise their own errors
            reason = str(error).strip().partition("\n")[0][:200]
            raise ValueError(
                f"the checkpoint {path} cannot be loaded as weights for {weights.name} "
                f"({type(error).__name__}: {reason}); {WAYS_OUT}"
            ) from error
        return net.eval()

    def _constant(self, values: Sequence[float]) -> Any:
        return self.torch.tensor(values, device=self.device).view(1, 3, 1, 1)

    def encode(self, pictures: Sequence[bytes], turn: tuple[bool, bool, bool]) -> list[bytes]:
        """Embed pictures and return the vectors as stored bytes; see `unpack`.

        Parameters
        ----------
        pictures : sequence of bytes
            Rasters prepared for `input`.
        turn : tuple of bool (transposed, columns reversed, rows reversed)
            Orientation in which the pictures are embedded.
        """
        height, width = self.input.height, self.input.width
        shape = (len(pictures), height, width, 3)
        shown = np.frombuffer(b"".join(pictures), np.uint8).reshape(shape)
        shown = _turned(shown, *turn)
        vectors = self._in_chunks(shown) if self.device.type == "cpu" else self._at_once(shown)
        kind = HALF if self.half else FULL
        return [kind + vector.astype(f"<{kind.decode()}").tobytes() for vector in vectors]

    def _in_chunks(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Embed on a CPU, one thread for each chunk; the last chunk is padded."""
        n = len(pictures)
        missing = -n % CHUNK
        filled = np.concatenate([pictures, np.repeat(pictures[-1:], missing, axis=0)])
        chunks = np.split(filled, len(filled) // CHUNK)
        vectors = list(self._pool.map(self._forward, chunks))
        return np.concatenate(vectors)[:n]

    def _at_once(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Embed on a GPU; split the batch in half when memory runs out."""
        try:
            return self._forward(pictures)
        except self.torch.OutOfMemoryError:
            if len(pictures) == 1:
                raise
        middle = len(pictures) // 2
        self.batch = max(1, min(self.batch, middle))
        return np.concatenate([self._at_once(pictures[:middle]), self._at_once(pictures[middle:])])

    def _forward(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        torch = self.torch
        with torch.inference_mode():
            shown = torch.from_numpy(np.array(pictures, order="C")).to(self.device)
            shown = shown.permute(0, 3, 1, 2).contiguous().float().div_(255)
            shown = shown.sub_(self.mean).div_(self.std)
            vectors = self.net.encode_image(shown.half() if self.half else shown).float()
            vectors = torch.nn.functional.normalize(vectors, dim=-1)
            array: NDArray[np.float32] = vectors.cpu().numpy()
        if not np.isfinite(array).all():
            raise ValueError(
                "the model returns NaN or infinity; set device: cpu, which computes in "
                "float32" if self.half else "the model returns NaN or infinity: its weights "
                "are broken"
            )  # fmt: skip
        return array

    @property
    def _pool(self) -> ThreadPoolExecutor:
        """Threads that each embed one chunk on one core, so that none waits for another."""
        if not hasattr(self, "_threads"):
            self._threads = ThreadPoolExecutor(
                self.threads, "clip", initializer=self.torch.set_num_threads, initargs=(1,)
            )
        return self._threads


def _device(name: str) -> Any:
    """Return a torch device; `auto` is the best one available."""
    import torch

    there = ["cpu"]
    if torch.backends.mps.is_available():
        there.insert(0, "mps")
    if torch.cuda.is_available():
        there[:0] = ["cuda", *(f"cuda:{k}" for k in range(torch.cuda.device_count()))]
    if name != "auto" and name not in there:
        raise ValueError(f"device {name} is not available; choose one of {', '.join(there)}")
    return torch.device(there[0] if name == "auto" else name)


def _free_bytes(torch: Any, device: Any) -> float:
    if device.type == "cuda":
        return float(torch.cuda.mem_get_info(device)[0])
    table = Path("/proc/meminfo")
    if table.is_file():
        lines = dict(line.split(":", 1) for line in table.read_text().splitlines() if ":" in line)
        if "MemAvailable" in lines:
            return 1024 * float(lines["MemAvailable"].split()[0])
    # macOS does not report free memory
    return 0.25 * os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _settings(open_clip: Any, weights: Weights, path: Path) -> dict[str, Any]:
    """Return the preprocessing of these weights: picture size, mean, interpolation.

    A tag comes with its preprocessing. A local checkpoint has it in an `open_clip_config.json`
    beside it; otherwise it is what all of open_clip's weights for the model agree on.
    """
    if not weights.is_local:
        return dict(open_clip.get_pretrained_cfg(weights.name, weights.pretrained))
    beside = path.parent / "open_clip_config.json"
    if beside.is_file():
        try:
            return dict(read_object(beside)["preprocess_cfg"])
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(
                f"{beside} has no valid preprocess_cfg ({error!r}); correct it, or move it away "
                "from the checkpoint"
            ) from error
    names = ("mean", "std", "interpolation", "resize_mode")
    tags = open_clip.list_pretrained_tags_by_model(weights.name)
    known = [open_clip.get_pretrained_cfg(weights.model, tag) for tag in tags]
    return {
        name: known[0][name]
        for name in names
        if known and all(one.get(name) == known[0].get(name) for one in known) and name in known[0]
    }


def _turned(
    pictures: NDArray[np.uint8], transposed: bool, columns: bool, rows: bool
) -> NDArray[np.uint8]:
    pictures = pictures.swapaxes(1, 2) if transposed else pictures
    pictures = pictures[:, :, ::-1] if columns else pictures
    return pictures[:, ::-1] if rows else pictures


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
