"""A model in onnxruntime: pictures -> unit-length vectors, on a CPU or a CUDA GPU.

An ONNX model is data that native code reads. Libraries of custom operators are never registered,
so a model can only use the operators that onnxruntime itself brings.
"""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dedup_nb.finders import encoders
from dedup_nb.finders.encoders import CHUNK, Encoder
from dedup_nb.finders.onnx.settings import Settings, beside
from dedup_nb.library.tables import short
from dedup_nb.pictures.images import ModelInput

MISSING = (
    'embedder onnx needs onnxruntime, which is not installed; run pip install "dedup_nb[onnx]", '
    "or set embedder: dct, which needs no weights"
)
CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
INPUT_TYPES = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(uint8)": np.uint8,
}
OUTPUT_TYPES = ("tensor(float)", "tensor(float16)", "tensor(double)")
COLOURS = 3
MOST_NUMBERS = 65_536  # of a vector
PROBED = 2  # pictures that a new model embeds first
NO_MEMORY = ("failed to allocate", "out of memory", "cuda failure 2", "bad_alloc")
GPU_BYTES = 16 * 2**30  # assumed to be free; batches are halved where they do not fit
QUIET = 4  # only fatal messages of onnxruntime


def runtime() -> Any:
    """Import onnxruntime.

    Raises
    ------
    ValueError
        If it is not installed; the sentence names the extra.
    """
    try:
        found = importlib.import_module("onnxruntime")
    except ImportError as error:
        detail = "" if error.name == "onnxruntime" else f" ({error})"
        raise ValueError(MISSING + detail) from error
    found.set_default_logger_severity(QUIET)
    return found


class Model(Encoder):
    """A loaded ONNX model, ready to embed pictures; see `Encoder`.

    Parameters
    ----------
    path : Path
        The `.onnx` file.
    settings : Settings
        What the JSON beside it says.
    device : str
        `auto`, `cpu`, `cuda` or `cuda:1`.

    Raises
    ------
    ValueError
        One sentence, if onnxruntime, the device or the model cannot be used.
    """

    def __init__(self, path: Path, settings: Settings, device: str) -> None:
        self.path, self.settings = path, settings
        self._session, self.device = self._opened(runtime(), device)
        self.on_gpu = self.half = self.device != "cpu"
        self._input = self._chosen(self._session.get_inputs(), "input", self.settings.input_name)
        self._output = self._chosen(
            self._session.get_outputs(), "output", self.settings.output_name
        ).name
        self._type = self._input_type()
        self._fixed = self._check_shape()
        self.chunk = self._fixed or CHUNK
        self._mean, self._std = (np.array(v, np.float32) for v in self._scale())
        self.input = self._model_input()
        self.size_batches(GPU_BYTES if self.on_gpu else encoders.free_bytes(), 4)
        if self.on_gpu and self._fixed:
            self.batch = self._fixed
        self._probe()
        height, width = settings.input_size
        self.says = (
            f"{settings.name} ({path.name}) on {self.device}, {self.batch} pictures per batch, "
            f"input {width}x{height} pixels ({settings.resize_mode}), {self._d} numbers a picture"
        )

    # ------------------------------------------------------------ loading

    def _opened(self, ort: Any, device: str) -> tuple[Any, str]:
        """Return a session and its device; `auto` is a CUDA GPU that works, else the CPU."""
        there = ["cpu", *(["cuda"] if CUDA in ort.get_available_providers() else [])]
        name, _, number = device.partition(":")
        if name not in ("auto", *there):
            raise ValueError(
                f"device {device} is not available for embedder onnx; choose one of auto, "
                f"{', '.join(there)}"
                + ("" if "cuda" in there else " (cuda needs pip install onnxruntime-gpu)")
            )
        if name != "cpu" and "cuda" in there:
            options = {"device_id": number or "0", "use_tf32": "0"}
            options["cudnn_conv_algo_search"] = "HEURISTIC"  # each new batch size is searched again
            try:
                session = self._session_of(ort, [(CUDA, options), CPU])
            except ValueError:
                session = None  # onnxruntime may raise, or go on with the CPU alone
            if session is not None and CUDA in session.get_providers():
                return session, device if number else "cuda"
            if name == "cuda":
                raise ValueError(
                    f"device {device} cannot be used by onnxruntime: no such GPU, or its CUDA and "
                    "cuDNN are not those that this onnxruntime-gpu needs; set device: auto or cpu"
                )
        return self._session_of(ort, [CPU]), "cpu"

    def _session_of(self, ort: Any, providers: list[Any]) -> Any:
        options = ort.SessionOptions()
        # one thread for each chunk, as with open_clip; waiting threads must not take a core
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
        options.use_deterministic_compute = True
        options.log_severity_level = QUIET
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            return ort.InferenceSession(str(self.path), options, providers=providers)
        except Exception as error:  # onnxruntime and protobuf each raise their own errors
            raise ValueError(
                f"{self.path} cannot be loaded as an ONNX model ({_reason(error)}); export it "
                "again, for the standard operators, with an onnxruntime of this version or older"
            ) from error

    def _chosen(self, nodes: list[Any], what: str, wanted: str) -> Any:
        """Return an input or output by its name, or the only one."""
        names = [node.name for node in nodes]
        every = ", ".join(map(short, names))
        if wanted and wanted not in names:
            raise ValueError(
                f"{beside(self.path)} sets {what}_name to {wanted}, but the model has {every}"
            )
        if what == "input" and len(nodes) != 1:
            raise ValueError(
                f"{self.path} has {len(nodes)} inputs ({every}), but only pictures are given to "
                "it; export the image encoder alone"
            )
        if not wanted and len(nodes) != 1:
            raise ValueError(
                f"{self.path} has {len(nodes)} outputs ({every}); set output_name in "
                f"{beside(self.path)} to the one that holds the vectors"
            )
        return nodes[names.index(wanted) if wanted else 0]

    def _input_type(self) -> Any:
        kind = self._input.type
        if kind not in INPUT_TYPES:
            raise ValueError(
                f"{self.path} takes {kind} as its input {self._input.name}, not pictures; export "
                "the image encoder alone, for float32"
            )
        return INPUT_TYPES[kind]

    def _check_shape(self) -> int:
        """Compare the model's input with the settings; return its batch, 0 if any is right."""
        shape, layout = list(self._input.shape), self.settings.layout
        height, width = self.settings.input_size
        wanted = [COLOURS, height, width] if layout == "NCHW" else [height, width, COLOURS]
        said = f"{self.path} takes {_shape(shape)} as its input {self._input.name}"
        if len(shape) != len(wanted) + 1:
            raise ValueError(
                f"{said}, which is not a batch of pictures (4 axes, {layout}); export the image "
                "encoder alone"
            )
        for axis, number in zip(shape[1:], wanted, strict=True):
            if isinstance(axis, int) and axis > 0 and axis != number:
                raise ValueError(
                    f"{said}, but {beside(self.path)} says {layout} of {_shape(['N', *wanted])}; "
                    "correct input_size or layout there"
                )
        own = shape[0] if isinstance(shape[0], int) and shape[0] > 0 else 0
        given = self.settings.batch
        if own and given and own != given:
            raise ValueError(
                f"{said}, but {beside(self.path)} sets batch to {given}; remove batch there"
            )
        return own or given

    def _scale(self) -> tuple[Any, Any]:
        """Return what is subtracted and divided by, on the scale 0 to 255 of a picture."""
        s = self.settings
        scale = 255 / s.range
        mean, std = np.array(s.mean) * scale, np.array(s.std) * scale
        if self._type is np.uint8 and (mean.any() or not np.allclose(std, 1)):
            raise ValueError(
                f"{self.path} takes whole numbers from 0 to 255; set mean 0, std 1 and range 255 "
                f"in {beside(self.path)}"
            )
        return mean, std

    def _model_input(self) -> ModelInput:
        """Return what decoders prepare: the input, with a margin for the crop on all sides."""
        s = self.settings
        height, width = (side + 2 * round((side / s.crop - side) / 2) for side in s.input_size)
        return ModelInput(height, width, s.resize_mode, s.interpolation, s.fill)

    def _probe(self) -> None:
        """Embed pictures of noise, so that a model of no use is refused before anything starts."""
        shape = (self._fixed or PROBED, self.input.height, self.input.width, COLOURS)
        noise = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
        vectors = self._forward(noise)
        self._d = vectors.shape[1]
        if not np.isfinite(vectors).all():
            raise ValueError(
                f"{self.path} returns NaN, infinity or only zeros for a picture; check mean, std "
                f"and range in {beside(self.path)}, or export the model again in float32"
            )

    # ------------------------------------------------------------ embedding

    def _forward(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        n = len(pictures)
        shown = self._prepared(encoders.padded(pictures, self._fixed or 1))
        parts = np.split(shown, len(shown) // self._fixed) if self._fixed else [shown]
        values = np.concatenate([self._vectors_of(part) for part in parts])[:n]
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            lengths = np.sqrt(np.square(values).sum(axis=1, keepdims=True))
            unit = values / lengths  # NaN where the length is 0, NaN or infinite
        unit[~np.isfinite(lengths[:, 0])] = np.nan
        vectors: NDArray[np.float32] = unit.astype(np.float32)
        return vectors

    def _prepared(self, pictures: NDArray[np.uint8]) -> NDArray[Any]:
        """Return the input of the model: cropped, its colours in order, scaled, in its layout."""
        s = self.settings
        height, width = s.input_size
        top, left = (pictures.shape[1] - height) // 2, (pictures.shape[2] - width) // 2
        shown = pictures[:, top : top + height, left : left + width]
        if s.colour_order == "BGR":
            shown = shown[..., ::-1]
        if self._type is not np.uint8:
            shown = ((shown.astype(np.float32) - self._mean) / self._std).astype(self._type)
        if s.layout == "NCHW":
            shown = shown.transpose(0, 3, 1, 2)
        return np.ascontiguousarray(shown)

    def _vectors_of(self, shown: NDArray[Any]) -> NDArray[np.float64]:
        try:
            (values,) = self._session.run([self._output], {self._input.name: shown})
        except Exception as error:
            if self._out_of_memory(error) or self._fixed:
                raise ValueError(f"{self.path} failed ({_reason(error)})") from error
            raise ValueError(
                f"{self.path} failed with {len(shown)} pictures at once ({_reason(error)}); if it "
                f'was exported for one picture, set "batch": 1 in {beside(self.path)}, else '
                "export it again with a dynamic batch axis"
            ) from error
        return self._pooled(np.asarray(values), len(shown))

    def _pooled(self, values: NDArray[Any], n: int) -> NDArray[np.float64]:
        """Return one vector for each picture, shape (n, d)."""
        said = f"{self.path} returns {_shape(values.shape)} for {n} pictures"
        if values.dtype.kind != "f":
            raise ValueError(f"{said}, of {values.dtype}, not vectors; {self._ways_out()}")
        pooling = self.settings.pooling
        if values.ndim not in (2, 3, 4) or values.shape[0] != n or 0 in values.shape:
            raise ValueError(f"{said}, not one vector a picture; {self._ways_out()}")
        numbers = values.astype(np.float64)
        places = (2, 3) if self.settings.layout == "NCHW" else (1, 2)  # of 4 axes
        if numbers.ndim == 4 and (pooling == "mean" or {numbers.shape[k] for k in places} == {1}):
            numbers = numbers.mean(axis=places)
        elif numbers.ndim == 3 and (pooling == "first" or numbers.shape[1] == 1):
            numbers = numbers[:, 0]
        elif numbers.ndim == 3 and pooling != "none":
            numbers = numbers[:, 1 if pooling == "mean_rest" else 0 :].mean(axis=1)
        if numbers.ndim != 2 or not 2 <= numbers.shape[1] <= MOST_NUMBERS:
            raise ValueError(f"{said}, not one vector a picture; {self._ways_out()}")
        return numbers

    def _ways_out(self) -> str:
        return (
            f"in {beside(self.path)}, set output_name to its vectors, or pooling to first or mean "
            "for a model that returns a vector for each token"
        )

    def _out_of_memory(self, error: Exception) -> bool:
        reason = str(error.__cause__ or error).casefold()
        return any(sign in reason for sign in NO_MEMORY)


def _shape(axes: Any) -> str:
    return f"[{', '.join(str(axis) if axis else '?' for axis in axes)}]"


def _reason(error: Exception) -> str:
    """Return what onnxruntime complains of, on one line, without its codes and places in C++."""
    text = " ".join(str(error).split())
    text = re.sub(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ", "", text)
    text = re.sub(r"^Load model from .* failed: ?", "", text)
    text = re.sub(r"/\S+\.(cc|h):\d+ ", "", text)
    return short(text or type(error).__name__, 200)
