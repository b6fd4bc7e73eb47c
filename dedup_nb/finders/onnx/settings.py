"""The JSON beside an ONNX model -> how pictures are prepared for it and what its output means."""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dedup_nb.library.files import is_file, read_object
from dedup_nb.library.tables import short

MOST_BYTES = 2**20
LEAST_PX, MOST_PX = 8, 4_096
MOST_BATCH = 1_024
MOST_TEXT = 200
MOST_VALUE = 1e6  # of mean and std
LAYOUTS = ("NCHW", "NHWC")
RESIZE_MODES = ("shortest", "longest", "squash")
INTERPOLATIONS = ("bicubic", "bilinear")
COLOUR_ORDERS = ("RGB", "BGR")
RANGES = (1, 255)
POOLINGS = ("none", "first", "mean", "mean_rest")
EXAMPLE = (
    '{"name": "my model", "input_size": 224, "mean": [0.485, 0.456, 0.406], '
    '"std": [0.229, 0.224, 0.225], "min_cosine": 0.9}'
)
SPELLINGS = {  # other common names of a key
    "size": "input_size",
    "image_size": "input_size",
    "resize": "resize_mode",
    "color_order": "colour_order",
    "input": "input_name",
    "output": "output_name",
}
NEEDED = ("input_size", "mean", "std")
# these say what the vectors are called and compared with, and leave them as they are
NOT_OF_VECTORS = ("name", "min_cosine", "floor")

Three = tuple[float, float, float]


@dataclass(frozen=True)
class Settings:
    """How pictures are prepared for a model, and what its output means; keys of the JSON.

    Attributes
    ----------
    input_size : tuple of int
        Height and width of the input, in pixels.
    mean, std : tuple of float
        Subtracted from, then divided into, each of the three colours, on the scale of `range`.
    name : str
        Shown on screens and in reports; by default the name of the file.
    layout : str
        `NCHW` (colours first) or `NHWC`.
    range : int
        Largest value of a colour before `mean` and `std` are applied: 1 or 255.
    colour_order : str
        `RGB` or `BGR`.
    resize_mode : str
        `shortest` crops the longer side, `longest` pads the shorter one, `squash` stretches.
    crop : float
        Share of each side that remains after cutting out the middle, from 0.1 to 1.
    interpolation : str
        `bicubic` or `bilinear`.
    fill : int
        Grey level of the padding, 0 to 255.
    input_name, output_name : str
        Names in the model; needed only if it has several.
    pooling : str
        What becomes of a model that returns a vector for each token or place: `first` takes the
        first token (the class token), `mean` the mean of all, `mean_rest` the mean of all tokens
        but the first; `none` for one vector a picture.
    batch : int
        Number of pictures at once, for a model that refuses other numbers; 0 for the model's own.
    min_cosine, floor : float or None
        The model's own thresholds; see `embeddings.Embedder`.
    """

    input_size: tuple[int, int]
    mean: Three
    std: Three
    name: str = ""
    layout: str = "NCHW"
    range: int = 1
    colour_order: str = "RGB"
    resize_mode: str = "shortest"
    crop: float = 1.0
    interpolation: str = "bicubic"
    fill: int = 0
    input_name: str = ""
    output_name: str = ""
    pooling: str = "none"
    batch: int = 0
    min_cosine: float | None = None
    floor: float | None = None

    @property
    def key(self) -> str:
        """Digest of all that changes the vectors."""
        values = {name: v for name, v in asdict(self).items() if name not in NOT_OF_VECTORS}
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:12]


def beside(model: Path) -> Path:
    """Return the JSON of a model: `a.onnx.json` if it exists, else `a.json`."""
    whole = model.with_name(model.name + ".json")
    return whole if is_file(whole) else model.with_suffix(".json")


def read(model: Path) -> Settings:
    """Read the JSON beside a model.

    Raises
    ------
    ValueError
        One sentence, if there is none, or it has an unknown key or a wrong value.
    """
    path = beside(model)
    if not is_file(path):
        raise ValueError(
            f"{model} needs a JSON beside it that says how pictures are prepared: write "
            f"{path.name} such as {EXAMPLE} (docs/embedders.md has more)"
        )
    return of(read_object(path, MOST_BYTES), path, model.stem)


def of(given: Mapping[str, Any], path: Path, name: str) -> Settings:
    """Return the settings that a JSON object holds.

    Parameters
    ----------
    given : mapping
        The object.
    path : Path
        Where it comes from, for messages.
    name : str
        Name of the model if the object gives none.

    Raises
    ------
    ValueError
        One sentence.
    """
    values: dict[str, Any] = {}
    for word, value in given.items():
        key = SPELLINGS.get(word, word)
        if key not in CHECKS:
            raise ValueError(f"{path} has the key {short(word)}, which is not known{_near(word)}")
        if key in values:
            raise ValueError(f"{path} gives {key} twice, also as {short(word)}; remove one")
        try:
            values[key] = CHECKS[key](value)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{path} sets {short(word)} to {_said(value)}; {error}") from None
    if missing := [key for key in NEEDED if key not in values]:
        raise ValueError(f"{path} lacks {', '.join(missing)}; an example is {EXAMPLE}")
    near, loose = values.get("min_cosine"), values.get("floor")
    if near is not None and loose is not None and loose > near:
        raise ValueError(f"{path} sets floor {loose:g} above min_cosine {near:g}; lower floor")
    return Settings(**({"name": name} | values))


def _near(word: str) -> str:
    close = difflib.get_close_matches(word[:MOST_TEXT], CHECKS, n=1, cutoff=0.6)
    return f"; did you mean {close[0]}?" if close else f"; choose from {', '.join(CHECKS)}"


def _said(value: Any) -> str:
    return short(json.dumps(value, ensure_ascii=True))


# ---------------------------------------------------------------- values


def _number(low: float, high: float) -> Callable[[Any], float]:
    def check(value: Any) -> float:
        right = isinstance(value, int | float) and not isinstance(value, bool)
        if not right or not low <= value <= high:
            raise ValueError(f"it must be a number from {low:g} to {high:g}")
        return float(value)

    return check


def _whole(low: int, high: int) -> Callable[[Any], int]:
    def check(value: Any) -> int:
        right = isinstance(value, int | float) and not isinstance(value, bool)
        if not right or not low <= value <= high or value != int(value):
            raise ValueError(f"it must be a whole number from {low} to {high}")
        return int(value)

    return check


def _word(words: tuple[str, ...]) -> Callable[[Any], str]:
    def check(value: Any) -> str:
        for word in words:
            if isinstance(value, str) and value.casefold() == word.casefold():
                return word
        raise ValueError(f"choose one of {', '.join(words)}")

    return check


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.isprintable() or len(value) > MOST_TEXT:
        raise ValueError(f"it must be text on one line, at most {MOST_TEXT} characters")
    return value


def _size(value: Any) -> tuple[int, int]:
    sides = value if isinstance(value, list) else [value, value]
    check = _whole(LEAST_PX, MOST_PX)
    if len(sides) == 3 and 3 in (sides[0], sides[2]):  # as timm and others write it
        sides = sides[1:] if sides[0] == 3 else sides[:2]
    try:
        height, width = map(check, sides)
    except ValueError:
        raise ValueError(
            f"it must be a side in pixels or [height, width], each from {LEAST_PX} to {MOST_PX}"
        ) from None
    return height, width


def _colours(divisor: bool) -> Callable[[Any], Three]:
    def check(value: Any) -> Three:
        numbers = value if isinstance(value, list) else [value] * 3
        right = len(numbers) == 3 and all(
            isinstance(n, int | float) and not isinstance(n, bool) and abs(n) <= MOST_VALUE
            for n in numbers
        )
        if not right or (divisor and min(numbers) <= 0):
            above = " above 0" if divisor else ""
            raise ValueError(f"it must be three numbers{above}, one a colour, or one for all")
        return float(numbers[0]), float(numbers[1]), float(numbers[2])

    return check


def _range(value: Any) -> int:
    if isinstance(value, bool) or value not in RANGES:
        raise ValueError("it must be 1 or 255")
    return int(value)


CHECKS: Mapping[str, Callable[[Any], Any]] = {
    "input_size": _size,
    "mean": _colours(divisor=False),
    "std": _colours(divisor=True),
    "name": _text,
    "layout": _word(LAYOUTS),
    "range": _range,
    "colour_order": _word(COLOUR_ORDERS),
    "resize_mode": _word(RESIZE_MODES),
    "crop": _number(0.1, 1),
    "interpolation": _word(INTERPOLATIONS),
    "fill": _whole(0, 255),
    "input_name": _text,
    "output_name": _text,
    "pooling": _word(POOLINGS),
    "batch": _whole(0, MOST_BATCH),
    "min_cosine": _number(-1, 1),
    "floor": _number(-1, 1),
}
