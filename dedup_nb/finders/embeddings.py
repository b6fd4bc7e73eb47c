"""Pixels -> unit-length embeddings that are close together for pictures that look alike.

`dct` is strict: the low frequencies of the picture inside its borders. `mix` adds edge directions
(histograms of gradients; Dalal and Triggs, 2005) and colours, and matches more loosely. Neither
needs weights. A mirror image or a quarter turn only permutes their values and flips signs, so all
eight orientations follow from one stored vector. `clip` is a model of open_clip and `onnx` an image
encoder in a file (see `clip` and `onnx`); they embed each orientation separately. `local` has no
vectors: it counts features that match (see `local`), and stands here because the same parameter
chooses it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dedup_nb.finders import clip, onnx
from dedup_nb.finders.encoders import Weights
from dedup_nb.pictures import orientations
from dedup_nb.pictures.images import CHROMA_PX, LUMA_PX, TRIMMED_CHROMA, TRIMMED_LUMA, Raster
from dedup_nb.pictures.measures import Kind, Rasters

Vector = NDArray[np.float64]
Moves = tuple[NDArray[np.int64], NDArray[np.float32]]  # source position of each value, its sign

DIRECTIONS = 8  # edge directions in a full turn
WINDOWS = 6  # windows on each side of the grid
WINDOW_SIGMA_PX = LUMA_PX / WINDOWS * 1.25
CHROMA_SIDE = 4  # Cb and Cr keep CHROMA_SIDE x CHROMA_SIDE low frequencies
COSINE, MATCHES = "cosine", "matches"  # what embedders measure
MOST_MATCHES = 24  # that are counted
LENGTH_ERROR = 2e-3  # by which a stored vector may miss unit length
ROOM = 0.1  # floor below min_cosine where a model gives none of its own
COLOURLESS = 0.02  # constant that outweighs the colour noise of a grey picture


@dataclass(frozen=True)
class Embedder:
    """A kind of embedding, with its own range of cosine similarities.

    Attributes
    ----------
    name : str
        Value of the parameter `embedder`.
    min_cosine : float or None
        Default threshold for near-duplicates, inclusive; None if only the model's own file or the
        profile gives one.
    floor : float or None
        Lowest cosine similarity of the pairs that are kept, so that the slider has room; `ROOM`
        below `min_cosine` if None.
    says : str
        Description for screens and reports.
    parts : callable, optional
        Returns the `Part` that computes the vector; None if a model does.
    model : callable, optional
        Returns its weights for the parameters `model`, `pretrained` and `device`.
    weights : Weights, optional
        The model, if it needs one.
    measure : str
        What it measures of a pair; `min_cosine` and `floor` are in its unit.
    """

    name: str
    min_cosine: float | None
    floor: float | None
    says: str
    parts: Callable[[], Part] | None = None
    model: Callable[[str, str, str], Weights] | None = None
    weights: Weights | None = None
    measure: str = COSINE

    @property
    def has_vectors(self) -> bool:
        """Whether it has vectors, whose cosines can be compared."""
        return self.measure == COSINE

    @property
    def bound(self) -> str:
        """Name of the parameter with its threshold: `min_cosine` or `min_matches`."""
        return f"min_{self.measure}"

    def steps(self, bound: float) -> list[float]:
        """Return about twenty thresholds to compare, from a bound up to the largest."""
        return steps(bound) if self.has_vectors else list(range(int(bound), MOST_MATCHES + 1))

    def slider(self, bound: float) -> dict[str, float]:
        """Return `low`, `high` and `step` of a slider of its threshold, from a bound on."""
        if self.has_vectors:
            return {"low": bound, "high": 1, "step": 0.005}
        return {"low": int(bound), "high": MOST_MATCHES, "step": 1}

    @property
    def kind(self) -> Kind:
        """How to compute it from a picture, for `measures.measure_files`; without weights only."""
        parts = _parts_of(self)
        d = len(parts.turned(False, False, False)[0])
        encode = partial(_encoded, self.name)
        return Kind(f"{self.name}-v1", parts.needs, encode, lambda values: sound(values, d))

    def thresholds(self, min_cosine: float | None, floor: float | None) -> tuple[float, float]:
        """Return (min_cosine, floor), with the embedder's defaults for None; see `Embedder`.

        Raises
        ------
        ValueError
            If `floor` is above `min_cosine`, or nothing gives `min_cosine`.
        """
        near = self.min_cosine if min_cosine is None else min_cosine
        if near is None:
            raise ValueError(
                f"nothing gives min_cosine for {self.says}, and each model has a threshold of its "
                "own; set min_cosine in the JSON beside the model or in the profile: "
                "docs/embedders.md lists known ones, and for others start at 0.9 and read the "
                "histogram"
            )
        own = max(-1.0, round(near - ROOM, 4)) if self.floor is None else self.floor
        loose = min(own, near) if floor is None else floor
        if loose > near:
            raise ValueError(
                f"floor {loose:g} is above min_cosine {near:g}; lower floor, the bound down to "
                "which pairs are computed"
            )
        return near, loose


def _encoded(name: str, pictures: Sequence[Rasters]) -> list[bytes]:
    parts = _parts_of(EMBEDDERS[name])
    return [parts.vector(picture).astype(np.float32).tobytes() for picture in pictures]


def bounds(chosen: Embedder, values: Mapping[str, Any]) -> tuple[float, float]:
    """Return the threshold and the loosest bound that parameters set for an embedder.

    Parameters
    ----------
    chosen : Embedder
        The embedder.
    values : mapping
        Parameters, among them `min_cosine`, and `min_matches` and `floor` where there are any.

    Raises
    ------
    ValueError
        If one of them is for other embedders, or `floor` is above `min_cosine`.
    """
    if chosen.has_vectors:
        if values.get("min_matches") is not None:
            raise ValueError(
                f"min_matches is for embedder: local; embedder {chosen.name} measures cosines: "
                "set min_cosine, or embedder: local"
            )
        return chosen.thresholds(values["min_cosine"], values.get("floor"))
    for name in ("min_cosine", "floor"):
        if values.get(name) is not None:
            raise ValueError(
                f"{name} {values[name]:g} is a cosine, but embedder {chosen.name} counts matches: "
                f"set min_matches, or an embedder with cosines ({', '.join(with_vectors())})"
            )
    given = values.get("min_matches")
    return chosen.thresholds(given, None)


def with_vectors() -> list[str]:
    """Return the names of the embedders that have vectors."""
    return [name for name, entry in EMBEDDERS.items() if entry.has_vectors]


def check_vectors(name: str, what: str) -> None:
    """Refuse an embedder that has no vectors where they are needed.

    Parameters
    ----------
    name : str
        The embedder.
    what : str
        What needs the vectors, such as the name of a notebook.

    Raises
    ------
    ValueError
        If it has none.
    """
    if name in EMBEDDERS and not EMBEDDERS[name].has_vectors:
        raise ValueError(
            f"{what} compares embeddings, which embedder {name} does not have; set its embedder to "
            f"one of {', '.join(with_vectors())}"
        )


def steps(bound: float) -> list[float]:
    """Return about twenty thresholds to compare, from a bound up to 1."""
    step = max(0.005, round((1 - bound) / 20, 2))
    count = int((1 - bound) / step + 1e-9)
    return [round(1 - n * step, 4) for n in range(count, -1, -1)]


def sound(values: Sequence[bytes], d: int) -> NDArray[np.bool_]:
    """Return which stored vectors have d finite numbers and unit length, or length zero.

    Returns
    -------
    ndarray of bool, shape (n,)
    """
    right = np.array([len(value) == 4 * d for value in values], bool)
    kept = b"".join(value for value in values if len(value) == 4 * d)
    with np.errstate(over="ignore", invalid="ignore"):
        vectors = np.frombuffer(kept, np.float32).reshape(-1, d).astype(np.float64)
        lengths = np.sqrt(np.square(vectors).sum(axis=1))
    right[right] = (np.abs(lengths - 1) < LENGTH_ERROR) | (lengths == 0)
    return right


def unpack(name: str, stored: Sequence[bytes], invariance: str = "none") -> NDArray[np.float32]:
    """Return stored vectors as an array, one row for each orientation that counts.

    Parameters
    ----------
    name : str
        The embedder that made them, `dct` or `mix`.
    stored : sequence of bytes
        Values of its `Kind`.
    invariance : str
        `none`, `mirror` or `rotate`: one, two or eight orientations.

    Returns
    -------
    ndarray of float32, shape (n, n_orientations, d)
        Unit-length vectors; all zero for a picture of one tone, which has no near neighbours.

    Raises
    ------
    ValueError
        If `invariance` is unknown, or the vectors come from another embedder.
    """
    turns = _turns(name)[: orientations.count(invariance)]
    d = len(turns[0][0])
    if any(len(value) != 4 * d for value in stored):
        raise ValueError(
            f"these vectors do not come from {name}, which has {d} dimensions; embed again"
        )
    upright = np.frombuffer(b"".join(stored), np.float32).reshape(len(stored), d)
    turned = np.empty((len(stored), len(turns), d), np.float32)
    for k, (places, signs) in enumerate(turns):
        np.multiply(upright[:, places], signs, out=turned[:, k])
    return turned


@cache
def _turns(name: str) -> list[Moves]:
    """Return for each orientation which value moves to each position, and with which sign."""
    parts = _parts_of(EMBEDDERS[name])
    return [parts.turned(*orientation) for orientation in orientations.ORIENTATIONS]


class Part(ABC):
    """One kind of values computed from a picture, and how orientations permute them."""

    needs: tuple[Raster, ...] = (TRIMMED_LUMA,)

    @abstractmethod
    def vector(self, picture: Rasters) -> Vector:
        """Return the unit-length vector of a picture."""

    @abstractmethod
    def turned(self, transposed: bool, columns: bool, rows: bool) -> Moves:
        """Return which value moves to each position when a picture is turned, with its sign."""


def _unit(values: Vector) -> Vector:
    length = float(np.sqrt(np.square(values).sum()))
    return values / length if length > 1e-9 else np.zeros_like(values)


def _frequencies(
    u: NDArray[np.int64], v: NDArray[np.int64], transposed: bool, columns: bool, rows: bool
) -> Moves:
    """Return how an orientation permutes DCT coefficients, and with which signs."""
    index = {pair: place for place, pair in enumerate(zip(u.tolist(), v.tolist(), strict=True))}
    pairs = zip(v.tolist(), u.tolist(), strict=True) if transposed else index
    signs = np.where(columns, (-1.0) ** v, 1.0) * np.where(rows, (-1.0) ** u, 1.0)
    return np.array([index[pair] for pair in pairs]), signs.astype(np.float32)


class _Dct(Part):
    """Low frequencies of the luma inside the borders, up to a radius around the constant."""

    def __init__(self, radius: float = 12) -> None:
        side = int(np.ceil(radius))
        u, v = np.mgrid[:side, :side]
        distance = np.hypot(u, v)
        self.u, self.v = (axis[(distance > 0) & (distance < radius)] for axis in (u, v))
        self.weights = np.hypot(self.u, self.v) ** 0.7

    def vector(self, picture: Rasters) -> Vector:
        import scipy.fft

        spectrum = scipy.fft.dctn(_luma(picture), norm="ortho")
        weighted = spectrum[self.u, self.v] * self.weights
        return _unit(np.sign(weighted) * np.abs(weighted) ** 0.6)

    def turned(self, transposed: bool, columns: bool, rows: bool) -> Moves:
        return _frequencies(self.u, self.v, transposed, columns, rows)


class _Edges(Part):
    """Histograms of luma gradients in 6x6 soft windows and eight soft directions.

    A signed variant of HOG (Dalal and Triggs, 2005).
    """

    def vector(self, picture: Rasters) -> Vector:
        down, across = np.gradient(_luma(picture))
        size = np.hypot(across, down)
        along = self.axes[:, :1, None] * across + self.axes[:, 1:, None] * down
        soft = np.exp(4 * (along / np.maximum(size, 1e-9) - 1))  # the cosine to each direction
        binned = soft * (np.sqrt(size) / soft.sum(axis=0))
        cells = self.windows @ binned @ self.windows.T  # (direction, window row, window column)
        root = np.sqrt(_unit(cells.ravel()))
        return _unit(root - root.mean())

    @cached_property
    def axes(self) -> Vector:
        angles = 2 * np.pi * np.arange(DIRECTIONS) / DIRECTIONS
        return np.stack([np.cos(angles), np.sin(angles)], axis=1)

    @cached_property
    def windows(self) -> Vector:
        centres = (np.arange(WINDOWS) + 0.5) * LUMA_PX / WINDOWS - 0.5
        away = np.arange(LUMA_PX) - centres[:, None]
        return np.exp(-0.5 * (away / WINDOW_SIGMA_PX) ** 2)

    def turned(self, transposed: bool, columns: bool, rows: bool) -> Moves:
        places = np.arange(DIRECTIONS * WINDOWS**2).reshape(DIRECTIONS, WINDOWS, WINDOWS)
        turn = np.arange(DIRECTIONS)
        if transposed:  # x and y swap: an angle a becomes a quarter turn minus a
            places = places[(DIRECTIONS // 4 - turn) % DIRECTIONS].swapaxes(1, 2)
        if columns:  # an angle a becomes a half turn minus a
            places = places[(DIRECTIONS // 2 - turn) % DIRECTIONS][:, :, ::-1]
        if rows:
            places = places[-turn % DIRECTIONS][:, ::-1]
        flat = places.ravel()
        return flat, np.ones(len(flat), np.float32)


class _Colours(Part):
    """Low frequencies of Cb and Cr, plus a constant that outweighs them in grey pictures."""

    def __init__(self) -> None:
        u, v = np.mgrid[:CHROMA_SIDE, :CHROMA_SIDE]
        self.u, self.v = u.ravel(), v.ravel()
        self.weights = np.maximum(np.hypot(self.u, self.v), 1.0) ** 0.5

    def vector(self, picture: Rasters) -> Vector:
        import scipy.fft

        planes = np.frombuffer(picture[TRIMMED_CHROMA], np.uint8).reshape(2, CHROMA_PX, CHROMA_PX)
        low = [
            scipy.fft.dctn(plane / 255 - 128 / 255, norm="ortho")[self.u, self.v] * self.weights
            for plane in planes
        ]
        return _unit(np.concatenate([*low, [COLOURLESS * CHROMA_PX]]))

    def turned(self, transposed: bool, columns: bool, rows: bool) -> Moves:
        places, signs = _frequencies(self.u, self.v, transposed, columns, rows)
        n = len(places)
        every = np.concatenate([places, places + n, [2 * n]])
        return every, np.concatenate([signs, signs, [1.0]]).astype(np.float32)


class _Mix(Part):
    """`dct` with a wider radius, edges and colours, combined with weights .45, .45 and .1."""

    needs = (TRIMMED_LUMA, TRIMMED_CHROMA)

    def __init__(self) -> None:
        self.parts: list[tuple[Part, float]] = [
            (_Dct(16), 0.45),
            (_Edges(), 0.45),
            (_Colours(), 0.1),
        ]

    def vector(self, picture: Rasters) -> Vector:
        if np.ptp(_luma(picture)) == 0:  # one tone: colour alone would match unrelated pictures
            return np.zeros(sum(len(part.turned(False, False, False)[0]) for part, _ in self.parts))
        return _unit(
            np.concatenate([np.sqrt(weight) * part.vector(picture) for part, weight in self.parts])
        )

    def turned(self, transposed: bool, columns: bool, rows: bool) -> Moves:
        turned = [part.turned(transposed, columns, rows) for part, _ in self.parts]
        starts = np.cumsum([0, *(len(places) for places, _ in turned)])
        places = [places + start for (places, _), start in zip(turned, starts, strict=False)]
        return np.concatenate(places), np.concatenate([signs for _, signs in turned])


def _luma(picture: Rasters) -> Vector:
    raster = np.frombuffer(picture[TRIMMED_LUMA], np.uint8)
    return raster.reshape(LUMA_PX, LUMA_PX).astype(np.float64)


def _parts_of(embedder: Embedder) -> Part:
    if embedder.parts is None:
        raise ValueError(f"embedder {embedder.name} computes its vectors with a model")
    return embedder.parts()


# To add an embedder, add an entry with its parts, or None for a model. Each embedder has its own
# range of cosines. For clip, generated pictures of one style are at .7 to .85; only near-duplicates
# are above that.
EMBEDDERS: Mapping[str, Embedder] = {
    entry.name: entry
    for entry in (
        Embedder(
            "local",
            4,
            4,
            "local features that agree, however turned, mirrored or cropped; without weights",
            measure=MATCHES,
        ),
        Embedder(
            "dct", 0.85, 0.5, "low frequencies inside the borders; strict, without weights", _Dct
        ),
        Embedder(
            "mix",
            0.9,
            0.6,
            "low frequencies, edges and colours; loose, without weights",
            _Mix,
        ),
        Embedder("clip", 0.92, 0.85, "embeddings of a vision model", model=clip.Weights),
        Embedder("onnx", None, None, "embeddings of your own model", model=onnx.Weights.of),
    )
}


def embedder(
    name: str,
    model: str = clip.MODEL,
    pretrained: str = clip.PRETRAINED,
    device: str = "auto",
) -> Embedder:
    """Return an embedder by name; the other parameters apply to embedders with weights.

    Raises
    ------
    ValueError
        If there is no embedder of this name, or its model has no usable description.
    """
    if name not in EMBEDDERS:
        raise ValueError(f"embedder {name} is not known; choose one of {', '.join(EMBEDDERS)}")
    chosen = EMBEDDERS[name]
    if chosen.model is None:
        return chosen
    weights = chosen.model(model, pretrained, device)
    near, loose = weights.thresholds
    return replace(
        chosen,
        min_cosine=chosen.min_cosine if near is None else near,
        floor=chosen.floor if loose is None else loose,
        says=f"{weights.says}; {chosen.says}",
        weights=weights,
    )
