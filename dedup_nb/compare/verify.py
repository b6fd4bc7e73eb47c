"""Two pictures -> whether they are the same picture, how it was changed, and where they differ.

Works on pixels and features only. One picture is aligned to the other by its features, and the
area that both show is compared tile by tile; see `framing`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dedup_nb.compare import framing
from dedup_nb.compare.framing import Box, Floats, Framing, Mask
from dedup_nb.pictures import features
from dedup_nb.pictures.features import Alignment, Features

# The two numbers of a ramp are the values for no score and for the full score.
SAME = 0.85  # lowest score of two pictures that are the same
MARK, MARK_MARGIN = 0.02, 0.06  # largest area and distance from an edge of a watermark, as shares
LEAST_OVERLAP_PX = 256  # smallest number of canvas pixels that both must show
ALIKE_RAMP = (0.4, 0.8)  # correlation of the detail
MOTION_RAMP = (2.2, 0.7)  # pixels by which nine tenths of the detail moved at most
INSIDE_RAMP = (0.6, 0.92)  # share of the smaller picture's detail that lies inside the other
WHOLE = 0.97  # share of a picture's area from which on it is not cropped
BARE = 0.15  # relative to the slopes in the picture: a border has smaller slopes
BORDER_TONE, THIN_TONE, BORDER_STEP = 8, 12, 16  # grey levels: same tone (two), different tone
BORDER_EVEN, BORDER_WRITTEN = 0.9, 0.7  # share of one tone in a plain border, in a caption bar
BORDER_EDGE = 0.5  # share of the inner edge where the picture must have a different tone
BORDER_EDGE_PX = 9
ONE_WAY = ("cropped", "bordered")
OTHER_SIDE = {"": "", "a": "b", "b": "a", "ab": "ab"}
DOUBTFUL, CLEAR = 1e-9, 0.95  # scores between which the opposite way of aligning is tried too
BOTH_CROPPED = "ab"  # each shows a part that the other does not: frames of a panorama
NOTHING, BORDER, WRITTEN, PICTURE = "", "border", "caption", "picture"  # what lies around
MOVED_RAMP = (0.6, 0.35)  # share of a local edit that motion explains
LEAST_FLOW_PX, FLOW_PX = 32, 48  # smallest side for optical flow; to which smaller ones are padded
STILL = 0.25  # pixels; a smaller displacement is not motion
SHADE_PX = 64  # long side at which light and shade are compared
SHADE_BAND = 0.6, 3.0  # pixels at that size: finer is noise, coarser is light and tone
NO_SHADE = 0.07  # variance that noise alone causes at that size
SHADED = 0.5  # lowest correlation of a tile that agrees
LEAST_CENTRAL = 0.3  # smallest share of agreeing central tiles if the background may be empty
EMPTY, EVEN = 1.0, 4.0  # largest variance of an empty background; its largest difference, levels
AGREEING_RAMP = (0.5, 0.75)  # share of tiles that agree
SHADE_RAMP = (0.45, 0.7)  # correlation of light and shade, used where there is no detail
FIRM_PARTS, FIRM_RAMP = 4, (0.4, 0.65)  # parts on each side; share of parts where features agree
DETAILED = 0.4  # a picture with a smaller share of detailed tiles may be faint
TURNED, TONED, TINTED, RESIZED = 0.7, 12.0, 6.0, 0.02  # degrees, grey levels, grey levels, share
PLAIN_ASPECT, PLAIN_SCORE, PLAIN_TILE = 0.12, 0.95, 0.8

Size = tuple[int, int]


@dataclass(frozen=True)
class Verdict:
    """Whether two pictures are the same, and how it was changed.

    Attributes
    ----------
    score : float
        0 to 1; at `SAME` and above they are the same picture.
    kinds : tuple of str
        The changes: `mirrored`, `rotated`, `cropped`, `shifted`, `bordered`, `edited`,
        `recoloured`, `resized`, or only `re-encoded`; empty for different pictures.
    crop : str
        `a` or `b`: the picture that shows only a part of the other; `ab`: each shows a part of the
        scene that the other does not; empty for neither.
    border : str
        `a` or `b`: the picture that clearly has a border, or a bar with a caption, that the other
        does not have; empty for neither.
    overlap : float
        Share of the larger picture that both show.
    edited_area, largest_edit, worst_tile
        See `Framing`; shares of the area that both show.
    where, where_in_b : (left, top, right, bottom)
        Box around the largest edit, as shares of picture `a` and of picture `b`, as their files
        are upright; empty if there is none.
    scale, rotation : float
        Pixels of the second picture per pixel of the first, and its rotation in degrees; 1 and 0
        for different pictures.
    matrix : tuple of float
        Affine map from x, y of the first to x, y of the second at full size, row by row; whole
        numbers are pixel centres. Exact to about a pixel of the thumbnails; empty if none is known.
    """

    score: float
    kinds: tuple[str, ...] = ()
    crop: str = ""
    border: str = ""
    overlap: float = 0.0
    edited_area: float = 0.0
    largest_edit: float = 0.0
    worst_tile: float = 0.0
    where: Box = ()
    where_in_b: Box = ()
    scale: float = 1.0
    rotation: float = 0.0
    matrix: tuple[float, ...] = ()

    @property
    def same(self) -> bool:
        """Whether both are the same picture, possibly edited."""
        return self.score >= SAME

    @property
    def unedited(self) -> bool:
        """Whether there is at most a small mark near an edge, such as a watermark or a date.

        A small edit elsewhere may change what the picture shows: a smile, closed eyes.
        """
        if not self.edited_area:
            return True
        ends = [(*box[:2], 1 - box[2], 1 - box[3]) for box in (self.where, self.where_in_b) if box]
        return min(map(min, ends)) <= MARK_MARGIN and self.edited_area <= MARK

    def turned(self) -> Verdict:
        """Return the same verdict as seen from the other picture."""
        mirrored = "mirrored" in self.kinds
        return replace(
            self,
            crop=OTHER_SIDE[self.crop],
            border=OTHER_SIDE[self.border],
            where=self.where_in_b,
            where_in_b=self.where,
            scale=1 / self.scale,
            rotation=self.rotation if mirrored or abs(self.rotation) == 180 else -self.rotation,
            matrix=_inverted(self.matrix),
        )


def is_one_way(kinds: str) -> bool:
    """Return whether these kinds allow staging in one direction only, such as a crop."""
    return any(word in kinds for word in ONE_WAY)


def same_picture(a: Features, b: Features, sizes: tuple[Size, Size] | None = None) -> Verdict:
    """Align one picture to the other and compare the area that both show.

    Parameters
    ----------
    a, b : Features
        See `features.unpack`.
    sizes : pair of (width, height), optional
        Sizes of the two files in pixels; by default those of the features.
    """
    own = (a.size, b.size)
    sizes = sizes or own
    if _comes_first(b.pixels, a.pixels, sizes[::-1]):
        return same_picture(b, a, sizes[::-1]).turned()
    verdict = _judged(a, b, sizes)
    if DOUBTFUL <= verdict.score < CLEAR:
        other = _judged(b, a, sizes[::-1])
        if other.score > verdict.score:
            return other.turned()
    return verdict


def _comes_first(a: NDArray[np.uint8], b: NDArray[np.uint8], sizes: tuple[Size, Size]) -> bool:
    """Return whether the first of two pictures is the one that the other is compared with.

    Their order depends on their pixels alone, and never on how they are passed. So two pictures
    have one verdict, whatever their files are called.
    """
    keys = [
        (size[0] * size[1], size, picture.size, picture.shape)
        for size, picture in zip(sizes, (a, b), strict=True)
    ]
    if keys[0] != keys[1]:
        return keys[0] > keys[1]
    return a.tobytes() > b.tobytes()


def _judged(a: Features, b: Features, sizes: tuple[Size, Size]) -> Verdict:
    """Return the verdict by aligning `a` to `b`; the opposite way it may differ a little."""
    way = features.align(a, b)
    if way is None:
        return Verdict(0.0)
    view = _View.over(a.pixels, b.pixels, way.matrix)
    if view is None:
        return Verdict(0.0)
    inside = (_share_inside(a, b, way.matrix), _share_inside(b, a, _inverse(way.matrix)))
    crop = border = ""
    if min(view.shares) < WHOLE:  # the smaller share: has a border, or is the whole picture
        if view.shares[1] < view.shares[0]:
            sides, around = "ab", _around(b.pixels, a.pixels, way.matrix)
        else:
            sides, around = "ba", _around(a.pixels, b.pixels, _inverse(way.matrix))
        crop = sides[0] if around in (PICTURE, WRITTEN) else ""
        border = sides[1] if around in (BORDER, WRITTEN) else ""
        if crop and max(view.shares) < WHOLE and _shows_more(sides[0], a, b, way.matrix):
            crop = BOTH_CROPPED
    own = (a.size, b.size)
    difference = framing.Difference(*view.pixels, view.mask)
    verdict, _ = _verdict(difference, difference.judged(), view, way, inside, crop, sizes, own)
    return replace(verdict, border=border)


def _shows_more(which: str, a: Features, b: Features, matrix: Floats) -> bool:
    """Return whether `a` or `b` shows a part of the scene that the other does not."""
    if which == "a":
        return _around(a.pixels, b.pixels, _inverse(matrix)) == PICTURE
    return _around(b.pixels, a.pixels, matrix) == PICTURE


def plain_verdict(
    a: NDArray[np.uint8], b: NDArray[np.uint8], sizes: tuple[Size, Size] | None = None
) -> Verdict | None:
    """Return the verdict on two small RGB pictures if they clearly have one framing, else None.

    They agree except for local edits, and nothing moved; no features are needed.

    Parameters
    ----------
    a, b : ndarray of uint8, shape (height, width, 3)
        Small RGB pictures, which may differ in size.
    sizes : pair of (int, int), optional
        Width and height of the whole pictures, in pixels; those of `a` and `b` by default.
    """
    own = ((a.shape[1], a.shape[0]), (b.shape[1], b.shape[0]))
    sizes = sizes or own
    if _comes_first(b, a, sizes[::-1]):
        turned = plain_verdict(b, a, sizes[::-1])
        return turned and turned.turned()
    matrix = np.array([[own[1][0] / own[0][0], 0, 0], [0, own[1][1] / own[0][1], 0]], np.float64)
    matrix[:, 2] = (np.diag(matrix[:, :2]) - 1) / 2  # coordinates are at pixel centres
    aspects = [width / height for width, height in sizes]
    if abs(np.log(aspects[0] / aspects[1])) > PLAIN_ASPECT:
        return None
    view = _View.over(a, b, matrix)
    if view is None:
        return None
    difference = framing.Difference(*view.pixels, view.mask)
    if difference.alike < framing.ALIKE:
        return None  # most pairs with different framings end here
    differs = difference.judged()
    way = Alignment(matrix, np.zeros((0, 2)), False)
    verdict, moved = _verdict(difference, differs, view, way, (1.0, 1.0), "", sizes, own)
    plain = differs.worst_tile <= PLAIN_TILE and verdict.score >= PLAIN_SCORE
    return verdict if plain or moved <= STILL else None


def _inverted(matrix: tuple[float, ...]) -> tuple[float, ...]:
    if not matrix:
        return ()
    inverse = np.linalg.inv([matrix[:3], matrix[3:], (0, 0, 1)])
    return tuple(round(float(value), 6) for value in inverse[:2].ravel())


def _inverse(matrix: Floats) -> Floats:
    inverse: Floats = cv2.invertAffineTransform(matrix)
    return inverse


def _share_inside(one: Features, other: Features, matrix: Floats) -> float:
    """Return the share of one picture's features that lie inside the other."""
    if not len(one.places):
        return 1.0
    x, y = matrix[:, :2] @ one.places.T + matrix[:, 2:]
    width, height = other.size
    inside = (x >= -1) & (y >= -1) & (x <= width) & (y <= height)
    return float(np.count_nonzero(inside) / len(inside))


@dataclass(frozen=True)
class _View:
    """The area that two pictures both show, on one canvas at the coarser resolution."""

    pixels: tuple[NDArray[np.uint8], NDArray[np.uint8]]
    mask: Mask
    shares: tuple[float, float]  # of each picture's own area
    ways: tuple[Floats, Floats]  # from the canvas to each picture

    @classmethod
    def over(cls, a: NDArray[np.uint8], b: NDArray[np.uint8], matrix: Floats) -> _View | None:
        """Warp both to a canvas; None if they share too little."""
        scale = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
        if scale < 1:  # the canvas has the resolution of the coarser picture
            turned = cls.over(b, a, _inverse(matrix))
            return turned and cls(
                turned.pixels[::-1], turned.mask, turned.shares[::-1], turned.ways[::-1]
            )
        corners = _corners(b) @ _inverse(matrix)[:, :2].T + _inverse(matrix)[:, 2]
        area, polygon = cv2.intersectConvexConvex(
            _corners(a).astype(np.float32), cv2.convexHull(corners.astype(np.float32))[:, 0]
        )
        if area < LEAST_OVERLAP_PX:
            return None
        low, high = polygon.reshape(-1, 2).min(0), polygon.reshape(-1, 2).max(0)
        extent = high - low
        step = max(1.0, float(extent.max()) / framing.CANVAS_PX)
        size = (max(round(extent[0] / step), 16), max(round(extent[1] / step), 16))
        steps = extent / size
        if step == 1:  # keep the pixel grid of the coarser picture
            low, steps = np.round(low + 0.5) - 0.5, np.ones(2)
        to_a = np.array([[steps[0], 0, 0], [0, steps[1], 0]], np.float64)
        to_a[:, 2] = low + steps / 2
        to_b = np.column_stack([matrix[:, :2] @ to_a[:, :2], matrix @ [*to_a[:, 2], 1]])
        mask = _inside(to_a, size, a) & _inside(to_b, size, b)
        if np.count_nonzero(mask) < LEAST_OVERLAP_PX:
            return None
        pixels = (_warped(a, to_a, size, step), _warped(b, to_b, size, step * scale))
        shares = (area / _area(a), area * scale**2 / _area(b))
        return cls(pixels, mask, (min(shares[0], 1.0), min(shares[1], 1.0)), (to_a, to_b))

    def box(self, box: Box, which: int, own: tuple[Size, Size]) -> Box:
        """Return a box in shares of the canvas as one in shares of the first or second picture."""
        if not box:
            return ()
        height, width = self.mask.shape
        ends = np.array([(x * width - 0.5, y * height - 0.5) for x in box[::2] for y in box[1::2]])
        way = self.ways[which]
        there = (ends @ way[:, :2].T + way[:, 2] + 0.5) / own[which]
        low, high = np.clip([there.min(axis=0), there.max(axis=0)], 0, 1).round(4)
        return tuple(float(value) for value in (*low, *high))

    def firm(self, points: Floats) -> float:
        """Return the share of its 4x4 parts in which features of the first picture agree.

        The grain of two skies agrees nowhere; a caption that both share agrees only in its place.
        """
        if len(points) < features.SURE_POINTS:
            return 0.0
        to_canvas = _inverse(self.ways[0])
        places = points @ to_canvas[:, :2].T + to_canvas[:, 2] + 0.5
        parts = (places * FIRM_PARTS / self.mask.shape[::-1]).astype(int)
        parts = parts[((parts >= 0) & (parts < FIRM_PARTS)).all(axis=1)]
        agree = np.zeros((FIRM_PARTS, FIRM_PARTS), bool)
        agree[parts[:, 1], parts[:, 0]] = True
        inside = cv2.resize(self.mask.astype(np.float32), agree.shape, interpolation=cv2.INTER_AREA)
        return float(np.mean(agree[inside >= inside.max() / 2]))


def _corners(picture: NDArray[np.uint8]) -> Floats:
    """Return the outer corners, in coordinates where pixel centres are whole numbers."""
    height, width = picture.shape[:2]
    right, bottom = width - 0.5, height - 0.5
    return np.array([[-0.5, -0.5], [right, -0.5], [right, bottom], [-0.5, bottom]])


def _area(picture: NDArray[np.uint8]) -> float:
    return float(picture.shape[0] * picture.shape[1])


def _inside(matrix: Floats, size: Size, picture: NDArray[np.uint8]) -> Mask:
    """Return where a canvas shows a picture, without the picture's edge."""
    x, y = np.arange(size[0], dtype=np.float32), np.arange(size[1], dtype=np.float32)[:, None]
    matrix = matrix.astype(np.float32)
    u = matrix[0, 0] * x + matrix[0, 1] * y + matrix[0, 2]
    v = matrix[1, 0] * x + matrix[1, 1] * y + matrix[1, 2]
    edge = np.sqrt(abs(np.linalg.det(matrix[:, :2])))
    height, width = picture.shape[:2]
    inside: Mask = (u >= edge) & (v >= edge) & (u <= width - 1 - edge) & (v <= height - 1 - edge)
    return inside


def _warped(
    picture: NDArray[np.uint8], matrix: Floats, size: Size, step: float
) -> NDArray[np.uint8]:
    """Return a picture warped to the canvas; `step` is its pixels per canvas pixel."""
    if size == picture.shape[1::-1] and np.allclose(matrix, np.eye(2, 3)):
        return picture
    if step > 1.05:
        picture = cv2.GaussianBlur(picture, (0, 0), 0.35 * float(np.sqrt(step**2 - 1)))
    how = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    warped: NDArray[np.uint8] = cv2.warpAffine(
        picture, matrix, size, flags=how, borderMode=cv2.BORDER_REPLICATE
    )
    return warped


def _verdict(
    difference: framing.Difference,
    differs: Framing,
    view: _View,
    way: Alignment,
    inside: tuple[float, float],
    crop: str,
    sizes: tuple[Size, Size],
    own: tuple[Size, Size],
) -> tuple[Verdict, float]:
    """Return the verdict, and by how many canvas pixels the detail moved."""
    # skies, fog, pictures out of focus
    faint = difference.detailed < DETAILED and difference.alike < ALIKE_RAMP[1]
    moved, explained = _motion(difference, faint=faint)
    shade, agreeing = _shading(difference)
    alike = _ramp(differs.alike, *ALIKE_RAMP)
    if faint:
        firm = view.firm(way.points)
        alike = max(alike, _ramp(shade, *SHADE_RAMP), _ramp(firm, *FIRM_RAMP))
        agreeing = max(agreeing, firm)
    agreeing *= max(view.shares)
    score = (
        alike
        * _ramp(agreeing, *AGREEING_RAMP)
        * _ramp(moved, *MOTION_RAMP)
        * _ramp(explained, *MOVED_RAMP)
        * _ramp(max(inside), *INSIDE_RAMP)
    )
    zooms = [real[0] / small[0] for real, small in zip(sizes, own, strict=True)]
    scale = way.scale * zooms[1] / zooms[0]
    kinds = _kinds(view, way, differs, crop, scale)
    verdict = Verdict(
        score=round(score, 4),
        kinds=kinds if score >= SAME else (),
        crop=crop,
        overlap=round(min(view.shares), 4),
        edited_area=differs.edited_area,
        largest_edit=differs.largest_edit,
        worst_tile=differs.worst_tile,
        where=view.box(differs.where, 0, own),
        where_in_b=view.box(differs.where, 1, own),
        scale=round(scale, 4) if score >= SAME else 1.0,
        rotation=round(way.turn, 1) if score >= SAME else 0.0,
        matrix=_full_size(way.matrix, own, sizes) if score >= SAME else (),
    )
    return verdict, moved


def _full_size(
    matrix: Floats, own: tuple[Size, Size], sizes: tuple[Size, Size]
) -> tuple[float, ...]:
    """Return the map between the whole pictures, from that between their thumbnails."""
    to_small, to_full = (
        np.array([[x, 0, (x - 1) / 2], [0, y, (y - 1) / 2], [0, 0, 1]])
        for x, y in (
            np.divide(own[0], sizes[0]),
            np.divide(sizes[1], own[1]),
        )
    )
    full = to_full @ np.vstack([matrix, [0, 0, 1]]) @ to_small
    return tuple(round(float(value), 6) for value in full[:2].ravel())


def _kinds(
    view: _View, way: Alignment, differs: Framing, crop: str, scale: float
) -> tuple[str, ...]:
    happened = {
        "mirrored": way.mirrored,
        "rotated": abs(way.turn) > TURNED,
        "cropped": crop in ("a", "b"),
        "shifted": crop == BOTH_CROPPED,
        "bordered": not crop and min(view.shares) < WHOLE,
        "edited": differs.worst_tile > 1 and differs.edited_area > 0,
        "recoloured": differs.toned > TONED or differs.tinted > TINTED,
        "resized": abs(scale - 1) > RESIZED,
    }
    return tuple(kind for kind, did in happened.items() if did) or ("re-encoded",)


def _ramp(value: float, none: float, full: float) -> float:
    return float(np.clip((value - none) / (full - none), 0, 1))


def _shading(difference: framing.Difference) -> tuple[float, float]:
    """Compare light and shade, coarser than noise; return the correlation and its coverage.

    A caption bar, a frame or a logo that two different pictures share has far more detail than a
    sky and agrees fully. The same picture therefore must agree nearly everywhere; only a subject
    in the middle may have an empty background.

    Returns
    -------
    alike : float
        Correlation of the median tile, -1 to 1.
    agreeing : float
        Share of tiles that correlate, 0 to 1.
    """
    height, width = difference.mask.shape
    step = max(max(height, width) / SHADE_PX, 1.0)
    size = (max(round(width / step), 4), max(round(height / step), 4))

    def small(plane: Floats) -> Floats:
        reduced: Floats = cv2.resize(plane, size, interpolation=cv2.INTER_AREA)
        return reduced

    mask = small(difference.mask.astype(np.float32)) > 0.5
    tiles = framing.Tiles(mask if mask.any() else ~mask)
    planes = [small(canvas.luma) for canvas in (difference.a, difference.b)]
    fine, coarse = SHADE_BAND
    x, y = (framing.blurred(plane, fine) - framing.blurred(plane, coarse) for plane in planes)
    of_x, of_y = (np.maximum(tiles.means(plane * plane), 0) + NO_SHADE for plane in (x, y))
    correlation = tiles.means(x * y) / np.sqrt(of_x * of_y)
    agreeing, alike = correlation >= SHADED, float(np.median(correlation))
    if np.mean(agreeing) < 1 and np.mean(agreeing[tiles.central()]) >= LEAST_CENTRAL:
        apart = [planes[0] - planes[1]]
        apart += [
            small(p - q) for p, q in zip(difference.a.chroma, difference.b.chroma, strict=True)
        ]
        even = np.max([np.abs(tiles.means(plane)) for plane in apart], axis=0) <= EVEN
        agreeing = agreeing[~even | (np.maximum(of_x, of_y) > EMPTY) | agreeing]
    return alike, float(np.mean(agreeing))


def _motion(difference: framing.Difference, *, faint: bool) -> tuple[float, float]:
    """Return how far detail moved where both agree, and how much of an edit motion explains.

    The frames of a burst differ by small motions everywhere, or by what moved. In a copy nothing
    moves, and an edit did not move in from nearby. Motion must explain the difference in both
    directions: a caption can be covered by moving its surroundings over it, but not created so.
    The motion is DIS optical flow (Kroeger et al., 2016).

    Returns
    -------
    moved : float
        Pixels by which nine tenths of the detail moved at most, or half of a faint picture.
    explained : float
        Share of the difference in the edited part that moving pixels explains both ways, up to 1.
    """
    edited = difference.edited
    if not edited.any() and not faint and difference.step <= STILL:
        return difference.step, 0.0  # the remaining difference is too small for motion
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    x, y = (
        np.clip(plane * difference.mask, 0, 255).astype(np.uint8)
        for plane in (difference.luma, difference.fitted)
    )
    shift = _flow(flow, x, y)
    if faint:
        far = _drift(difference, flow)
    else:
        agreeing = (difference.mask & ~edited).astype(np.uint8)
        detail = difference.slope * cv2.erode(agreeing, np.ones((9, 9), np.uint8))
        detail, moved = detail[::2, ::2], np.linalg.norm(shift[::2, ::2], axis=-1)
        far = framing.quantile(moved[detail > 2], detail[detail > 2], 0.9)
    if not edited.any():
        return far, 0.0
    left = [
        _unexplained(difference.luma, difference.fitted, shift, edited),
        _unexplained(difference.fitted, difference.luma, _flow(flow, y, x), edited),
    ]
    return far, 1 - max(left) / max(float((difference.left[edited] ** 2).sum()), 1e-6)


def _flow(flow: Any, x: NDArray[np.uint8], y: NDArray[np.uint8]) -> Floats:
    """Return the optical flow from x to y; OpenCV crashes on canvases lower than its patches."""
    height, width = x.shape
    lacking = [max(FLOW_PX - side, 0) if min(x.shape) < LEAST_FLOW_PX else 0 for side in x.shape]
    if any(lacking):
        x, y = (
            cv2.copyMakeBorder(plane, 0, lacking[0], 0, lacking[1], cv2.BORDER_REPLICATE)
            for plane in (x, y)
        )
    moved: Floats = flow.calc(x, y, None)[:height, :width]
    return moved


def _drift(difference: framing.Difference, flow: Any) -> float:
    """Return the median motion of a faint picture in pixels, such as clouds in a sky."""
    x, y = (features.stretch(canvas.luma) for canvas in (difference.a, difference.b))
    moved = np.linalg.norm(_flow(flow, x, y), axis=-1)
    mask = cv2.resize(
        difference.mask.astype(np.uint8), x.shape[::-1], interpolation=cv2.INTER_NEAREST
    )
    return float(np.median(moved[mask > 0]) * difference.mask.shape[1] / x.shape[1])


def _unexplained(to: Floats, by: Floats, shift: Floats, where: Mask) -> float:
    """Return the squared difference left in `where` after moving one plane onto another."""
    x, y = np.meshgrid(*(np.arange(n, dtype=np.float32) for n in where.shape[::-1]))
    moved = cv2.remap(by, x + shift[..., 0], y + shift[..., 1], cv2.INTER_LINEAR)
    return float(((to - moved)[where] ** 2).sum())


def _median(values: NDArray[np.uint8]) -> tuple[float, float, float, float]:
    """Return the median of grey levels, as OpenCV takes a number to subtract."""
    upto = np.cumsum(np.bincount(values, minlength=256))
    low, high = np.searchsorted(upto, [(upto[-1] - 1) // 2, upto[-1] // 2], side="right")
    return (float(low + high) / 2, 0.0, 0.0, 0.0)


def _around(outer: NDArray[np.uint8], inner: NDArray[np.uint8], matrix: Floats) -> str:
    """Return what surrounds the shared area: more of the picture, a border, or a caption bar.

    A border changes little along the edge it lies at, and much across it, where the picture
    begins. A sky that was cut off is as even, but continues inside, so it is part of the picture.

    Parameters
    ----------
    outer, inner : ndarray of uint8, shape (height, width, 3)
        The picture that shows more, and the other one.
    matrix : ndarray of float64, shape (2, 3)
        Affine map from the inner picture to the outer one.
    """
    corners = _corners(inner) @ matrix[:, :2].T + matrix[:, 2]
    both = np.zeros(outer.shape[:2], np.uint8)
    cv2.fillConvexPoly(both, np.round(corners).astype(np.int32), 1)
    grey = cv2.cvtColor(outer, cv2.COLOR_RGB2GRAY).astype(np.float32)
    height, width = outer.shape[:2]
    across, down = np.arange(width), np.arange(height)[:, None]
    upright = np.minimum(across, width - 1 - across) < np.minimum(down, height - 1 - down)
    slopes = [cv2.Sobel(grey, cv2.CV_32F, *along, ksize=1) for along in ((0, 1), (1, 0))]
    slope = np.abs(np.where(upright, slopes[0], slopes[1]))
    outside = cv2.dilate(both, np.ones((3, 3), np.uint8)) == 0
    inside = cv2.erode(both, np.ones((3, 3), np.uint8)) > 0
    if not outside.any() or not inside.any():
        return NOTHING
    bare = float(slope[outside].mean()) < BARE * float(slope[inside].mean())
    channels = cv2.split(outer)
    each = [cv2.absdiff(c.astype(np.float32), _median(c[outside])) for c in channels]
    off = cv2.max(cv2.max(each[0], each[1]), each[2])
    reach = np.ones((BORDER_EDGE_PX, BORDER_EDGE_PX), np.uint8)
    edge = inside & (cv2.dilate(outside.astype(np.uint8), reach) > 0)
    if not (edge.any() and float(np.mean(off[edge] > BORDER_STEP)) >= BORDER_EDGE):
        return PICTURE
    # without the blended line between both
    clear = cv2.dilate(both, np.ones((5, 5), np.uint8)) == 0
    if not clear.any():  # only a line or two: too thin for a caption
        return BORDER if float(np.mean(off[outside] <= THIN_TONE)) >= BORDER_EVEN else PICTURE
    even = float(np.mean(off[clear] <= BORDER_TONE))
    if even < (BORDER_EVEN if bare else BORDER_WRITTEN):
        return PICTURE
    return BORDER if bare else WRITTEN
