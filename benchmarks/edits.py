"""Pairs of pictures that differ by a small change that matters, and pairs that do not.

    python benchmarks/edits.py PHOTOGRAPHS FOLDER [--each N] [--amount SHARE] [--inside PX]
                               [--seed N]

Makes what people who generate or retouch pictures keep both of: another expression, pose or hand,
an object added or removed, a region generated again, steps of a walk between prompts, another seed,
another text, another colour, another background. `truth.csv` lists the pairs: `a, b, kind, answer,
base` with the answer `both` (keep both) or `duplicate` (the second is a worse or processed copy).
Expressions in portraits need faces.csv beside the photographs: `file`, then the places of both
eyes and of the mouth as shares of the picture (`left_x, left_y, right_x, right_y, mouth_x,
mouth_y`). The other kinds take any photograph. With `--amount .4` the changes are slight.
With `--inside 400` photographs keep their size, and the change lies in a square of 400 pixels.
"""

from __future__ import annotations

import argparse
import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import transforms
from made_library import photographs, read, seed_of
from PIL import Image, ImageDraw, ImageFilter, ImageOps

SIDE = 768  # long side of a pair, in pixels
# that leave the edges of what they change as they are
INSIDE = ("object removed", "object added", "soft inpainting", "part recoloured",
          "text changed on a sign")  # fmt: skip
COLUMNS = ("a", "b", "kind", "answer", "base")

Picture = Any
Pair = tuple[Picture, Picture] | None  # None: not possible with this photograph
EDITS: dict[str, Callable[..., Pair]] = {}
COPIES: dict[str, Callable[[Picture], Picture]] = {}


def edit(name: str) -> Callable[..., Any]:
    """Register a way of making a pair of which both are kept."""

    def add(make: Any) -> Any:
        EDITS[name] = make
        return make

    return add


def floats(picture: Picture) -> Any:
    return np.asarray(picture).astype(np.float32)


def picture_of(values: Any) -> Picture:
    return Image.fromarray(np.clip(np.round(values), 0, 255).astype(np.uint8))


def blended(a: Any, b: Any, mask: Any) -> Picture:
    """Return `a` where a mask (0..1) is 0 and `b` where it is 1."""
    return picture_of(a * (1 - mask[..., None]) + b * mask[..., None])


def clouds(rng: Any, shape: tuple[int, int], power: float = 1.6) -> Any:
    """Return noise with a falling spectrum, mean 0, deviation 1."""
    f = np.hypot(*np.meshgrid(np.fft.fftfreq(shape[1]), np.fft.fftfreq(shape[0])))
    f[0, 0] = 1
    values = np.fft.ifft2(np.fft.fft2(rng.normal(size=shape)) / f**power).real
    return ((values - values.mean()) / values.std()).astype(np.float32)


def spot(shape: tuple[int, int], rng: Any, share: float, soft: float = 0.35) -> Any:
    """Return a soft ellipse that covers a share of a picture, somewhere inside."""
    h, w = shape
    stretch = rng.uniform(0.75, 1.35)
    rx, ry = w * np.sqrt(share / np.pi) * stretch, h * np.sqrt(share / np.pi) / stretch
    cx, cy = rng.uniform(rx, w - rx), rng.uniform(ry, h - ry)
    y, x = np.mgrid[:h, :w].astype(np.float32)
    r = np.hypot((x - cx) / rx, (y - cy) / ry)
    return np.clip((1 + soft / 2 - r) / soft, 0, 1)


def busy_spot(picture: Picture, rng: Any, share: float, soft: float = 0.35) -> Any:
    """Return a spot over a part of a picture that has detail."""
    grey = cv2.cvtColor(np.asarray(picture), cv2.COLOR_RGB2GRAY).astype(np.float32)
    detail = np.abs(grey - cv2.GaussianBlur(grey, (0, 0), 4))
    spots = [spot(grey.shape, rng, share, soft) for _ in range(12)]
    return max(spots, key=lambda mask: float((detail * mask).sum() / mask.sum()))


# -- photographs ---------------------------------------------------------------------------------


@edit("object removed")
def removed(picture: Picture, rng: Any, other: Picture, amount: float = 1) -> Pair:
    mask = busy_spot(picture, rng, amount * rng.uniform(0.008, 0.03), 0.1) > 0.5
    # fill from a rough version first, so that it is smooth as by a retouching brush
    out = cv2.inpaint(np.asarray(picture), mask.astype(np.uint8) * 255, 6, cv2.INPAINT_TELEA)
    grain = clouds(rng, mask.shape, 0.6)[..., None] * 3
    values = out + grain * cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 2)[..., None]
    return picture, picture_of(values)


@edit("object added")
def added(picture: Picture, rng: Any, other: Picture, amount: float = 1) -> Pair:
    side = int(min(picture.size) * rng.uniform(0.12, 0.22) * np.sqrt(amount))
    part = transforms.filled(other, side * 2, side * 2).crop((side // 2, side // 2, side * 3 // 2,
                                                              side * 3 // 2))  # fmt: skip
    mask = Image.new("L", (side, side), 0)
    ImageDraw.Draw(mask).ellipse((2, 2, side - 3, side - 3), fill=255)
    x = int(rng.uniform(0.15, 0.85) * (picture.width - side))
    y = int(rng.uniform(0.15, 0.85) * (picture.height - side))
    copy = picture.copy()
    copy.paste(part, (x, y), mask.filter(ImageFilter.GaussianBlur(side / 40)))
    return picture, copy


@edit("soft inpainting")
def generated_again(picture: Picture, rng: Any, other: Picture, amount: float = 1) -> Pair:
    """Replace the detail of a region by other detail of the same strength."""
    mask = busy_spot(picture, rng, amount * rng.uniform(0.03, 0.08), 0.5)
    values = floats(picture)
    low = cv2.GaussianBlur(values, (0, 0), 7)
    detail = values - low
    moved = np.roll(detail, tuple(rng.integers(20, 60, 2) * rng.choice([-1, 1], 2)), (0, 1))
    strength = np.sqrt(cv2.GaussianBlur(detail**2, (0, 0), 9) + 1)
    moved *= strength / np.sqrt(cv2.GaussianBlur(moved**2, (0, 0), 9) + 1)
    return picture, blended(values, low + moved, mask * amount**0.5)


def flow(rng: Any, shape: tuple[int, int], pixels: float, scale: float) -> Any:
    """Return a smooth displacement of at most about some pixels, float (h, w, 2)."""
    small = rng.normal(size=(*(max(int(side / scale), 3) for side in shape), 2))
    field = cv2.resize(small.astype(np.float32), shape[::-1], interpolation=cv2.INTER_CUBIC)
    return pixels * field / max(float(np.abs(field).max()), 1e-6)


def displaced(values: Any, by: Any) -> Any:
    y, x = np.mgrid[: values.shape[0], : values.shape[1]].astype(np.float32)
    return cv2.remap(values, x + by[..., 0], y + by[..., 1], cv2.INTER_CUBIC,
                     borderMode=cv2.BORDER_REFLECT_101)  # fmt: skip


@edit("prompt walk")
def walked(picture: Picture, rng: Any, other: Picture, amount: float = 1) -> Pair:
    """Deform everything a little and generate the detail of some regions again."""
    values = floats(picture)
    values = displaced(values, flow(rng, values.shape[:2], amount * rng.uniform(2, 6), 160))
    for _ in range(max(round(3 * amount), 1)):
        again = generated_again(picture_of(values), rng, other, amount)
        values = floats(again[1]) if again else values
        mask = busy_spot(picture, rng, 0.03, 0.6)
        values = values + mask[..., None] * amount * rng.uniform(-14, 14, 3)
    return picture, picture_of(values)


def pull(by: Any, x: float, y: float, radius: float, dx: float, dy: float) -> None:
    """Add a local displacement of the content around a point."""
    v, u = np.mgrid[: by.shape[0], : by.shape[1]].astype(np.float32)
    fall = np.exp(-((u - x) ** 2 + (v - y) ** 2) / (2 * (radius / 2) ** 2))
    by[..., 0] -= dx * fall
    by[..., 1] -= dy * fall


@edit("expression in a portrait")
def another_expression(picture: Picture, rng: Any, other: Picture, amount: float = 1) -> Pair:
    """Pull the corners of the mouth, the brows and the lids of a photographed face."""
    face = picture.info.get("face")
    if face is None:
        return None
    points = np.array(face).reshape(3, 2) * picture.size
    eyes, mouth = points[:2], points[2]
    apart = float(np.hypot(*(eyes[1] - eyes[0])))
    by = np.zeros((picture.height, picture.width, 2), np.float32)
    smile = amount * rng.uniform(0.1, 0.18) * apart * rng.choice([-1, 1])
    for side, eye in zip((-1, 1), eyes, strict=True):
        x, y = np.add(mouth, (side * 0.42 * apart, 0))
        pull(by, x, y, apart * 0.38, side * abs(smile) * 0.6, -smile)
        if rng.random() < 0.7:  # a brow goes up or down
            pull(by, eye[0], eye[1] - 0.3 * apart, apart * 0.36, 0, smile * 0.7)
    pull(by, mouth[0], mouth[1] + 0.1 * apart, apart * 0.4, 0, abs(smile) * 0.5)
    if rng.random() < 0.5:  # half closed eyes
        for x, y in eyes:
            pull(by, x, y - 0.1 * apart, apart * 0.22, 0, amount * 0.08 * apart)
    return picture, picture_of(displaced(floats(picture), by))


@edit("part recoloured")
def part_recoloured(picture: Picture, rng: Any, other: Picture, amount: float = 1) -> Pair:
    mask = transforms.most_colourful(picture, amount * rng.uniform(0.02, 0.08), rng)
    turned = transforms.hue_turned(picture, rng.uniform(60, 180))
    return _if_visible(picture, blended(floats(picture), floats(turned), mask))


@edit("hue turned")
def all_turned(picture: Picture, rng: Any, other: Picture, amount: float = 1) -> Pair:
    degrees = (25 + amount * rng.uniform(0, 95)) * rng.choice([-1, 1])
    return _if_visible(picture, transforms.hue_turned(picture, degrees))


def _if_visible(picture: Picture, copy: Picture) -> Pair:
    change = np.abs(floats(picture) - floats(copy)).max(-1)
    return (picture, copy) if np.percentile(cv2.blur(change, (9, 9)), 99) > 25 else None


@edit("background replaced")
def other_background(picture: Picture, rng: Any, other: Picture, amount: float = 1) -> Pair:
    """Keep the middle; blend the rest into another, soft picture."""
    h, w = picture.height, picture.width
    y, x = np.mgrid[-1 : 1 : h * 1j, -1 : 1 : w * 1j].astype(np.float32)
    wobble = 0.08 * clouds(rng, (h, w), 2.2)
    mask = np.clip((np.hypot(x / 0.62, y / 0.75) + wobble - 0.9) / 0.3, 0, 1)
    ground = transforms.filled(other, w, h).filter(ImageFilter.GaussianBlur(max(w, h) / 60))
    share = amount * rng.uniform(0.5, 0.9)
    values = floats(picture)
    return picture, blended(values, values * (1 - share) + floats(ground) * share, mask)


@edit("text changed on a sign")
def other_text(picture: Picture, rng: Any, other: Picture, amount: float = 1) -> Pair:
    words = "OPEN CLOSED SALE 2024 2025 No.17 No.71 EXIT ENTER LEFT RIGHT CAFE BANK".split()
    first, second = (words[k] for k in rng.choice(len(words), 2, replace=False))
    wide = int(picture.width * rng.uniform(0.16, 0.26) * amount**0.5)
    tall = int(wide * 0.36)
    x = int(rng.uniform(0.05, 0.9) * (picture.width - wide))
    y = int(rng.uniform(0.05, 0.9) * (picture.height - tall))
    fill = tuple(map(int, rng.integers(150, 256, 3)))

    def signed(text: str) -> Picture:
        copy = picture.copy()
        draw = ImageDraw.Draw(copy)
        draw.rectangle((x, y, x + wide, y + tall), fill=fill, outline=(40, 40, 40), width=3)
        draw.text((x + wide / 2, y + tall / 2), text, (30, 30, 30), anchor="mm",
                  font=transforms.font(tall * 0.55))  # fmt: skip
        return copy.filter(ImageFilter.GaussianBlur(0.5))

    return signed(first), signed(second)


# -- drawn scenes --------------------------------------------------------------------------------


class Scene:
    """A painted landscape with a figure; everything that may vary is an attribute.

    Parameters
    ----------
    seed : int
        Of the scene. `other_seed` draws the details of the same scene differently.
    near : bool
        A bust instead of a whole figure.
    """

    def __init__(self, seed: int, near: bool = False, other_seed: int | None = None) -> None:
        self.plan = np.random.default_rng(seed)
        self.detail = np.random.default_rng(seed + 1 if other_seed is None else other_seed)
        self.jitter = np.random.default_rng(other_seed) if other_seed is not None else None
        self.near = near
        self.arms, self.legs = (0.5, -0.4), (0.2, -0.2)
        self.mouth, self.brow, self.lid, self.gaze = 0.3, 0.0, 1.0, 0.0
        self.fingers: tuple[float, ...] = (1.0, 1.0, 1.0, 1.0, 0.8)

    def drawn(self) -> Picture:
        """Return the picture, `SIDE` square, painted at twice its size."""
        n = SIDE * 3 // 2
        plan, detail = self.plan, self.detail
        sky, land = plan.uniform(90, 230, 3), plan.uniform(40, 170, 3)
        y = np.linspace(0, 1, n, dtype=np.float32)[:, None, None]
        values = sky * (1.1 - 0.5 * y) + 16 * clouds(detail, (n, n), 1.9)[..., None]
        hill = 0.55 + 0.1 * np.interp(np.arange(n), np.linspace(0, n, 9), plan.uniform(-1, 1, 9))
        below = (np.arange(n)[:, None] > hill * n)[..., None]
        ground = land * (1.2 - 0.4 * y) + 18 * clouds(detail, (n, n), 1.2)[..., None]
        sheet = picture_of(np.where(below, ground, values))
        draw = ImageDraw.Draw(sheet)
        self._trees(draw, n, hill)
        self._figure(draw, n)
        values = floats(sheet)
        values += 5 * clouds(np.random.default_rng(3), (n, n), 0.7)[..., None]  # canvas
        values = cv2.GaussianBlur(values, (0, 0), 0.8)
        return picture_of(cv2.resize(values, (SIDE, SIDE), interpolation=cv2.INTER_AREA))

    def _off(self, size: float) -> float:
        return float(self.jitter.normal(0, size)) if self.jitter is not None else 0.0

    def _trees(self, draw: Any, n: int, hill: Any) -> None:
        for _ in range(9):
            x = int(np.clip((self.plan.uniform(0, 1) + self._off(0.02)) * n, 0, n - 1))
            top, r = hill[x] * n, self.plan.uniform(0.03, 0.08) * n
            shade = self.plan.uniform(30, 110, 3) + self._off(6)
            draw.rectangle((x - r / 8, top - r, x + r / 8, top + r), fill=(70, 50, 36))
            for _ in range(30):
                dx, dy = self.detail.normal(0, r / 2, 2)
                leaf = tuple(int(v) for v in np.clip(shade + self.detail.normal(0, 14), 0, 255))
                draw.ellipse((x + dx - r / 4, top - r * 1.4 + dy - r / 4, x + dx + r / 4,
                              top - r * 1.4 + dy + r / 4), fill=leaf)  # fmt: skip

    def _figure(self, draw: Any, n: int) -> None:
        plan = self.plan
        size = n * (0.17 if self.near else 0.075)  # radius of the head
        x = n * plan.uniform(0.4, 0.6) + self._off(0.004) * n
        y = n * (plan.uniform(0.3, 0.38) if self.near else plan.uniform(0.32, 0.42))
        skin = np.array([224, 178, 148]) * plan.uniform(0.6, 1.05)
        coat = plan.uniform(30, 220, 3)
        dark = tuple(int(v) for v in coat * 0.7)
        coat_fill, skin_fill = tuple(map(int, coat)), tuple(map(int, skin))
        hip, shoulder = y + size * 4.2, y + size * 1.5
        limb = int(size * 0.55)
        for k, angle in enumerate(self.legs):
            at = np.array([x + (k - 0.5) * size * 0.9, hip])
            knee = at + size * 2 * np.array([np.sin(angle), np.cos(angle)])
            foot = knee + size * 1.9 * np.array([np.sin(angle * 0.4), np.cos(angle * 0.4)])
            draw.line([*at, *knee, *foot], fill=dark, width=limb, joint="curve")
        draw.polygon([x - size * 1.3, shoulder, x + size * 1.3, shoulder, x + size, hip,
                      x - size, hip], fill=coat_fill)  # fmt: skip
        for k, angle in enumerate(self.arms):
            side = 1 if k else -1
            at = np.array([x + side * size * 1.25, shoulder + size * 0.25])
            elbow = at + size * 1.4 * np.array([np.sin(angle) + 0.25 * side, np.cos(angle)])
            hand = elbow + size * 1.2 * np.array([np.sin(angle * 1.8), np.cos(angle * 1.8)])
            draw.line([*at, *elbow, *hand], fill=dark, width=limb, joint="curve")
            self._hand(draw, hand, size * 0.4, angle, skin_fill, side)
        draw.rectangle(
            (x - size * 0.3, y + size * 0.7, x + size * 0.3, shoulder + 4), fill=skin_fill
        )
        self._head(draw, x, y, size, skin)

    def _hand(self, draw: Any, at: Any, r: float, angle: float, fill: Any, side: int) -> None:
        draw.ellipse((at[0] - r, at[1] - r, at[0] + r, at[1] + r), fill=fill)
        for k, length in enumerate(self.fingers):
            turn = angle * 1.8 + (k - 2) * 0.42 * side
            end = at + r * (0.8 + 1.5 * length) * np.array([np.sin(turn), np.cos(turn)])
            draw.line([*at, *end], fill=fill, width=max(int(r * 0.42), 2))

    def _head(self, draw: Any, x: float, y: float, r: float, skin: Any) -> None:
        hair = tuple(int(v) for v in self.plan.uniform(20, 140, 3))
        draw.ellipse((x - r * 1.12, y - r * 1.3, x + r * 1.12, y + r * 0.9), fill=hair)
        for k in range(14, 0, -1):  # shaded, lighter towards the upper left
            tone = tuple(int(v) for v in np.clip(skin * (0.82 + 0.018 * (14 - k)), 0, 255))
            s = r * k / 14
            draw.ellipse((x - s * 0.9 - (14 - k), y - s * 1.05 - (14 - k), x + s * 0.9 - (14 - k),
                          y + s * 1.1 - (14 - k)), fill=tone)  # fmt: skip
        line = max(int(r * 0.07), 2)
        for side in (-1, 1):
            ex, ey, er = x + side * r * 0.38, y - r * 0.1, r * 0.16
            draw.ellipse((ex - er, ey - er * self.lid, ex + er, ey + er * self.lid), fill="white")
            gaze = ex + self.gaze * er * 0.5
            draw.ellipse((gaze - er * 0.5, ey - er * 0.5 * self.lid, gaze + er * 0.5,
                          ey + er * 0.5 * self.lid), fill=(40, 30, 30))  # fmt: skip
            tilt = self.brow * r * 0.16 * side
            draw.line((ex - er * 1.3, ey - er * 2 - tilt, ex + er * 1.3, ey - er * 2 + tilt),
                      fill=hair, width=line)  # fmt: skip
        points = [
            (
                x + u * r * 0.4,
                y + r * 0.55 + self.mouth * r * 0.25 * (1 - u * u) - self.mouth * r * 0.1,
            )
            for u in np.linspace(-1, 1, 13)
        ]
        draw.line(points, fill=(150, 50, 50), width=line * 2, joint="curve")


@edit("expression of a drawn face")
def drawn_expression(picture: Picture, rng: Any, other: Picture, amount: float = 1) -> Pair:
    seed, near = int(rng.integers(10**6)), rng.random() < 0.3
    first, second = Scene(seed, near), Scene(seed, near)
    first.mouth, second.mouth = rng.uniform(0.4, 1), rng.uniform(-1, -0.2)
    second.mouth = first.mouth + amount * (second.mouth - first.mouth)
    second.brow = amount * rng.uniform(-1, 1)
    second.lid, second.gaze = 1 - amount * rng.uniform(0, 0.75), amount * rng.uniform(-1, 1)
    return first.drawn(), second.drawn()


@edit("pose of a drawn figure")
def drawn_pose(picture: Picture, rng: Any, other: Picture, amount: float = 1) -> Pair:
    seed = int(rng.integers(10**6))
    first, second = Scene(seed), Scene(seed)
    first.arms, first.legs = tuple(rng.uniform(-0.6, 0.6, 2)), tuple(rng.uniform(-0.3, 0.3, 2))
    turn = amount**2 * rng.uniform(0.35, 1.2, 2) * rng.choice([-1, 1], 2)
    second.arms = (first.arms[0] + turn[0], first.arms[1] + (turn[1] if rng.random() < 0.5 else 0))
    second.legs = first.legs if rng.random() < 0.5 else tuple(np.add(first.legs, turn * 0.4))
    return first.drawn(), second.drawn()


@edit("hand or fingers")
def drawn_hand(picture: Picture, rng: Any, other: Picture, amount: float = 1) -> Pair:
    seed, near = int(rng.integers(10**6)), rng.random() < 0.6
    first, second = Scene(seed, near), Scene(seed, near)
    first.arms = second.arms = tuple(rng.uniform(-0.5, 0.5, 2) if not near else (-2.1, 2.2))
    if amount == 1 and rng.random() < 0.5:
        second.fingers = (1.0, 1.0, 1.0, 1.0, 0.8, 0.9)
    else:
        second.fingers = (1.0, 1 - 0.8 * amount, 1.0, 1 - 0.9 * amount, 0.8)
    return first.drawn(), second.drawn()


@edit("another seed of a drawn scene")
def drawn_seed(picture: Picture, rng: Any, other: Picture, amount: float = 1) -> Pair:
    seed = int(rng.integers(10**6))
    return Scene(seed).drawn(), Scene(seed, other_seed=int(rng.integers(10**6))).drawn()


# -- duplicates ----------------------------------------------------------------------------------

COPIES |= {
    "enlarged": lambda p: p.resize((p.width * 2, p.height * 2), Image.Resampling.LANCZOS),
    "saved at 70": lambda p: Image.open(_file(p, 70)).convert("RGB"),
    "denoised": lambda p: Image.fromarray(cv2.bilateralFilter(np.asarray(p), 7, 18, 3)),
    "sharpened": lambda p: p.filter(ImageFilter.UnsharpMask(1.5, 60, 2)),
    "messenger": lambda p: Image.open(_file(transforms.fitted(p, 512, 512), 72)).convert("RGB"),
}


def _file(picture: Picture, quality: int) -> Any:
    return io.BytesIO(transforms.encoded(picture, quality=quality))


def faces_in(folder: Path) -> dict[str, list[float]]:
    """Return where eyes and mouth are, by file name."""
    try:
        with (folder / "faces.csv").open(newline="") as file:
            return {row[0]: [float(v) for v in row[1:]] for row in list(csv.reader(file))[1:]}
    except FileNotFoundError:
        return {}


def sized(path: Path) -> Picture:
    """Return a photograph at most `SIDE` long."""
    picture = read(path)
    return transforms.fitted(picture, SIDE, SIDE) if max(picture.size) > SIDE else picture


def within(make: Callable[..., Pair], picture: Picture, rng: Any, other: Picture,
           amount: float, side: int) -> Pair:  # fmt: skip
    """Make a change in a square of a photograph, somewhere."""
    side = min(side, *picture.size)
    place = [int(rng.uniform(0, length - side)) for length in picture.size]
    pair = make(picture.crop((*place, place[0] + side, place[1] + side)), rng, other, amount)
    if pair is None:
        return None
    both = picture.copy(), picture.copy()
    for one, part in zip(both, pair, strict=True):
        one.paste(part, tuple(place))
    return both


def whole(path: Path) -> Picture:
    """Return a photograph upright, in its own size."""
    return ImageOps.exif_transpose(Image.open(path)).convert("RGB")


def write(
    folder: Path,
    bases: list[Path],
    each: int,
    seed: int,
    amount: float = 1,
    inside: int | None = None,
) -> None:
    """Write `each` pairs of each kind, and as many duplicates."""
    folder.mkdir(parents=True)
    rows = []
    faces = faces_in(bases[0].parent)
    kinds = [*EDITS.items(), *(COPIES.items() if amount == 1 and not inside else ())]
    for name, make in kinds:
        if inside and name not in INSIDE:
            continue
        answer, done = ("both" if name in EDITS else "duplicate"), 0
        order = np.random.default_rng(seed_of(seed, name)).permutation(len(bases))
        for k in order:
            rng = np.random.default_rng(seed_of(seed, name, bases[k].name))
            picture = whole(bases[k]) if inside else sized(bases[k])
            picture.info["face"] = faces.get(bases[k].name)
            if name in COPIES:
                pair: Pair = (picture, COPIES[name](picture))
            else:
                other = sized(bases[(k + 1) % len(bases)])
                if inside:
                    pair = within(make, picture, rng, other, amount, inside)
                else:
                    pair = make(picture, rng, other, amount)
            if pair is None:
                continue
            rows.append((*_saved(folder, name, done, pair, rng), name, answer, bases[k].name))
            done += 1
            if done == each:
                break
        print(f"{name}: {done} pairs", flush=True)
    with (folder / "truth.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(COLUMNS)
        table.writerows(rows)


def _saved(folder: Path, name: str, number: int, pair: Any, rng: Any) -> tuple[str, str]:
    """Save a pair as PNG, JPEG 95 or JPEG 88; every third edit has noise of its own."""
    form, quality = (("PNG", 0), ("JPEG", 95), ("JPEG", 88))[number % 3]
    first, second = pair
    if name in EDITS and number % 3 == 1:
        second = picture_of(floats(second) + rng.normal(0, 2, floats(second).shape))
    if name in COPIES:
        form, quality = ("JPEG", 92)
    stem = f"{name.replace(' ', '_')}_{number:03d}"
    names = tuple(f"{stem}_{letter}{transforms.SUFFIXES[form]}" for letter in "ab")
    for file, picture in zip(names, (first, second), strict=True):
        (folder / file).write_bytes(transforms.encoded(picture, form, quality))
    return names[0], names[1]


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("photographs", type=Path)
    asked.add_argument("folder", type=Path)
    asked.add_argument("--each", type=int, default=12)
    asked.add_argument("--amount", type=float, default=1, help="of the change, 0 to 1")
    asked.add_argument("--inside", type=int, help="side in pixels of a square that is changed")
    asked.add_argument("--seed", type=int, default=18)
    given = asked.parse_args()
    bases = photographs(given.photographs)
    if not bases:
        asked.error(f"{given.photographs} contains no photographs; name a folder that does")
    write(given.folder, bases, given.each, given.seed, given.amount, given.inside)


if __name__ == "__main__":
    cv2.setNumThreads(1)
    main()
