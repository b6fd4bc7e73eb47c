"""Pictures -> unit-length embeddings from a CLIP model of open_clip.

torch is imported only when a model is needed.
"""

from __future__ import annotations

import difflib
import importlib
import logging
import os
import socket
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from dedup_nb.finders import encoders
from dedup_nb.finders.encoders import Encoder
from dedup_nb.library.files import read_object
from dedup_nb.pictures.images import ModelInput

MODEL, PRETRAINED = "ViT-B-32", "laion2b_s34b_b79k"
VERSION = 2  # version of the preprocessing; vectors of another version are computed again
CONFIGURATION = ".json"
CHECKPOINTS = (".safetensors", ".pt", ".pth", ".bin", ".ckpt")
ONNX = ".onnx"  # a model of the embedder `onnx`
WITHOUT = "or set embedder: dct, which needs no weights"
WAYS_OUT = f"set pretrained to a local checkpoint, run this once on a connected machine, {WITHOUT}"
MISSING_OPERATORS = "operator torchvision::"  # raised by a torchvision built for another torch
OPERATORS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
CONNECT_S = 10


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
        return os.sep in self.pretrained or self.pretrained.lower().endswith((*CHECKPOINTS, ONNX))

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
            name = f"{name}:{encoders.digest(Path(self.model), WAYS_OUT)[:8]}"
        if self.is_local:
            tag = f"sha256:{encoders.digest(Path(self.pretrained), WAYS_OUT)[:16]}"
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

    @property
    def thresholds(self) -> tuple[float | None, float | None]:
        """None: all models of open_clip share the defaults of the embedder `clip`."""
        return None, None

    def loadable(self) -> None:
        """Raise ValueError, one sentence, unless the model can be loaded."""
        loadable(self)

    def load(self) -> Model:
        """Load the model; raises ValueError, one sentence, if it cannot be."""
        return Model(self)


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
        if path.suffix.lower() == ONNX:
            raise ValueError(f"pretrained names {path}, an ONNX model; set embedder: onnx")
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


class Model(Encoder):
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
        self.on_gpu = self.device.type != "cpu"
        self.size_batches(_free_bytes(torch, self.device), 2 if self.half else 4)
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

    def _out_of_memory(self, error: Exception) -> bool:
        return isinstance(error, self.torch.OutOfMemoryError)

    def _start_thread(self) -> Callable[[], Any]:
        return partial(self.torch.set_num_threads, 1)


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
    return encoders.free_bytes()


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
