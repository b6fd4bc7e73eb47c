"""A scene's description -> a photo-like picture, the same for the same description.

Everything is drawn under a broad light and shade and with 1/f texture, so that a perceptual hash
behaves on these pictures as it does on photographs. A scene is a place, a seed for its composition
and perhaps a subject; to move the subject, change its face or its clothes, change the description
and draw again: the rest stays as it was.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from dedup_nb.demo.canvas import Canvas, Colour, dim, hsv, mix, noise, turned
from dedup_nb.demo.places import PLACES, draw_mood


@dataclass(frozen=True)
class Scene:
    """The description of a picture, sufficient to draw it again."""

    place: str  # a key of PLACES
    seed: int  # composition, palette and light
    who: str = "nobody"  # nobody, person, portrait, cat, balloon
    look: int = 0  # seed of the subject: hair, clothes, fur
    face: int = 0  # seed of the face alone
    move: tuple[float, float] = (0.0, 0.0)  # the subject's shift from its place, in heights
    stride: float = 0.0  # pose of a walking person, -1 to 1
    smile: float = 0.3  # -1 to 1
    hue: float = 0.0  # turn of the subject's colours round the colour circle, 0 to 1
    light: int = 0  # another number is another time of day


# Drawing is lists of coordinates; one to a line they would run to many hundred lines.
# fmt: off


@dataclass(frozen=True)
class Looks:
    """What a person looks like, from a seed."""

    hair: Colour
    coat: Colour
    trousers: Colour
    long_hair: bool
    hat: bool
    stripes: bool


def _looks(scene: Scene) -> Looks:
    rng = np.random.default_rng([scene.look, 11])
    coat = turned(hsv(rng.random(), rng.uniform(0.45, 0.8), rng.uniform(0.45, 0.85)), scene.hue)
    hair = hsv(rng.uniform(0.02, 0.12), rng.uniform(0.3, 0.7), rng.uniform(0.1, 0.75))
    trousers = turned(hsv(rng.random(), 0.35, rng.uniform(0.2, 0.6)), scene.hue)
    return Looks(hair, coat, trousers, rng.random() < 0.5, rng.random() < 0.3, rng.random() < 0.4)


def _head(c: Canvas, scene: Scene, x: float, y: float, r: float, features: bool = True) -> None:
    """Draw a head of radius `r`: hair by `look`, everything in the face by `face`."""
    looks = _looks(scene)
    rng = np.random.default_rng([scene.face, 23])
    skin = hsv(rng.uniform(0.05, 0.085), rng.uniform(0.25, 0.55), rng.uniform(0.62, 0.98))
    wide, brow = rng.uniform(0.70, 0.82), rng.uniform(-0.04, 0.06)
    if looks.long_hair:
        c.ball(x, y + r * 0.25, r * 1.08, r * 1.35, dim(looks.hair, 0.85), gloss=0.05)
    c.ball(x, y - r * 0.18, r * 0.98, r * 1.0, looks.hair, gloss=0.12)
    c.ball(x, y + r * 0.12, r * wide, r * 0.98, skin, (-0.45, -0.35, 0.8), gloss=0.06)
    if features:
        eye, gap, lip = (hsv(rng.uniform(0.05, 0.65), 0.55, 0.4), rng.uniform(0.28, 0.34),
            hsv(rng.uniform(-0.03, 0.02), rng.uniform(0.4, 0.65), 0.68))
        size = rng.uniform(0.12, 0.16)
        for side in (-1, 1):
            ex, ey = x + side * gap * r, y + r * 0.05
            c.ellipse(ex, ey, r * size * 1.5, r * size * 1.15, dim(skin, 0.7), soft=0.8, alpha=0.7)
            c.ellipse(ex, ey, r * size, r * size * 0.62, (0.97, 0.96, 0.94))
            c.ellipse(ex + r * 0.012, ey, r * size * 0.52, r * size * 0.56, eye)
            c.ellipse(ex + r * 0.012, ey, r * size * 0.25, r * size * 0.28, (0.04, 0.04, 0.05))
            c.ellipse(ex + r * 0.04, ey - r * 0.03, r * 0.022, r * 0.022, (1, 1, 1))
            c.polygon([(ex - side * r * 0.17, ey - r * (0.2 + brow)),
                (ex + side * r * 0.17, ey - r * 0.19), (ex + side * r * 0.16, ey - r * 0.14),
                (ex - side * r * 0.16, ey - r * (0.14 + brow))], dim(looks.hair, 0.6))
            c.ellipse(x + side * 0.4 * r, y + r * 0.42, r * 0.17, r * 0.13, (0.9, 0.45, 0.42),
                soft=1.0, alpha=0.35)
        c.ellipse(x + r * 0.03, y + r * 0.3, r * rng.uniform(0.08, 0.13), r * 0.2, dim(skin, 0.72),
            soft=1.0, alpha=0.7)
        _mouth(c, x, y + r * 0.66, r * rng.uniform(0.2, 0.3), r, scene.smile, lip)
    fringe = [(x - r * 0.86, y + r * 0.05), (x - r * 0.7, y - r * 0.75), (x, y - r * 1.1),
        (x + r * 0.7, y - r * 0.75), (x + r * 0.86, y + r * 0.05), (x + r * 0.55, y - r * 0.42),
        (x - r * 0.1, y - r * 0.52), (x - r * 0.6, y - r * 0.36)]
    c.polygon(fringe, mix(looks.hair, (1, 1, 1), 0.08), dim(looks.hair, 0.8))
    if looks.hat:
        c.ball(x, y - r * 0.85, r * 0.85, r * 0.6, looks.coat, gloss=0.05)
        c.ball(x, y - r * 0.55, r * 1.35, r * 0.18, dim(looks.coat, 0.8), gloss=0.02)


def _mouth(c: Canvas, x: float, y: float, wide: float, r: float, smile: float, lip: Colour) -> None:
    t = np.linspace(-1, 1, 13)
    curve = smile * 0.14 * r * (1 - t * t)
    upper = [(x + wide * u, y + v - 0.03 * r * (1 - abs(u))) for u, v in zip(t, curve, strict=True)]
    lower = [(x + wide * u, y + v * 1.5 + 0.07 * r * (1 - u * u)) for u,
        v in zip(t[::-1], curve[::-1], strict=True)]
    c.polygon(upper + lower, dim(lip, 0.85), lip)


def _portrait(c: Canvas, scene: Scene, foot: float) -> None:
    rng = np.random.default_rng([scene.seed, 5])
    looks = _looks(scene)
    r = rng.uniform(0.15, 0.24)
    x, y = rng.uniform(0.3, 0.7) * c.aspect + scene.move[0], rng.uniform(0.3, 0.5) + scene.move[1]
    skin_rng = np.random.default_rng([scene.face, 23])
    skin = hsv(skin_rng.uniform(0.05, 0.085), skin_rng.uniform(0.25, 0.55),
        skin_rng.uniform(0.62, 0.98))
    lean = rng.uniform(-0.08, 0.08)
    c.ball(x + lean, 1.02, r * 2.1, 1.0 - y - r * 1.15, looks.coat, gloss=0.03)
    if looks.stripes:
        for i in range(4):
            c.ellipse(x + lean, y + r * (1.9 + 0.55 * i), r * (1.3 + 0.25 * i), r * 0.08,
                mix(looks.coat, (1, 1, 1), 0.6), alpha=0.8)
    c.polygon([(x - r * 0.36, y + r * 0.6), (x + r * 0.36, y + r * 0.6),
        (x + r * 0.5, y + r * 1.55), (x, y + r * 1.85), (x - r * 0.5, y + r * 1.55)],
        dim(skin, 0.7), dim(skin, 0.9))
    _head(c, scene, x, y, r)


def _person(c: Canvas, scene: Scene, foot: float) -> None:
    rng = np.random.default_rng([scene.seed, 5])
    looks = _looks(scene)
    height = rng.uniform(0.5, 0.74)
    x, y = rng.uniform(0.25, 0.75) * c.aspect + scene.move[0], min(foot, 0.97) + scene.move[1]
    h, s = height, scene.stride
    c.ellipse(x + h * 0.12, y, h * 0.28, h * 0.035, (0.03, 0.03, 0.04), soft=1.0, alpha=0.6)
    for side in (-1, 1):
        step = side * (0.05 + 0.09 * s) * h
        c.polygon([(x + side * h * 0.06 - h * 0.05, y - h * 0.48),
            (x + side * h * 0.06 + h * 0.05, y - h * 0.48), (x + step + h * 0.04, y),
            (x + step - h * 0.03, y)], looks.trousers, dim(looks.trousers, 0.6))
        reach = side * (0.15 - 0.05 * s * side) * h
        c.polygon([(x + side * h * 0.09, y - h * 0.8), (x + side * h * 0.13, y - h * 0.77),
            (x + reach + side * 0.03 * h, y - h * (0.44 + 0.08 * abs(s))),
            (x + reach - side * 0.02 * h, y - h * (0.43 + 0.08 * abs(s)))], dim(looks.coat, 0.85),
            dim(looks.coat, 0.6))
    c.polygon([(x - h * 0.10, y - h * 0.82), (x + h * 0.10, y - h * 0.82),
        (x + h * 0.13, y - h * 0.40), (x - h * 0.13, y - h * 0.40)], looks.coat,
        dim(looks.coat, 0.6), across=True)
    if looks.stripes:
        for i in range(4):
            c.rectangle((x - h * 0.105, y - h * (0.76 - 0.09 * i), x + h * 0.105,
                y - h * (0.735 - 0.09 * i)), mix(looks.coat, (1, 1, 1), 0.6))
    _head(c, scene, x, y - h * 0.91, h * 0.095)


def _cat(c: Canvas, scene: Scene, foot: float) -> None:
    rng = np.random.default_rng([scene.seed, 5])
    fur_rng = np.random.default_rng([scene.look, 31])
    fur = turned(hsv(fur_rng.uniform(0.04, 0.12), fur_rng.uniform(0.05, 0.7),
        fur_rng.uniform(0.25, 0.9)), scene.hue)
    r = rng.uniform(0.1, 0.18)
    x, y = rng.uniform(0.25, 0.75) * c.aspect + scene.move[0], min(foot, 0.95) + scene.move[1]
    side = -1 if rng.random() < 0.5 else 1
    c.ellipse(x, y, r * 1.9, r * 0.3, (0.03, 0.03, 0.03), soft=1.0, alpha=0.6)
    for i in range(9):
        t = i / 8
        c.ball(x + side * r * (1.0 + 0.9 * math.sin(t * 2.4)), y - r * (0.2 + 1.5 * t), r * 0.2,
            r * 0.2, dim(fur, 0.9 - 0.2 * (i % 2)), gloss=0)
    c.ball(x, y - r * 0.95, r * 1.05, r * 1.05, fur, gloss=0.02)
    for dx in (-0.45, 0.45):
        c.ball(x + dx * r, y - r * 0.2, r * 0.3, r * 0.28, mix(fur, (1, 1, 1), 0.3), gloss=0.02)
    hx, hy = x - side * r * 0.25, y - r * 2.0
    for ear in (-1, 1):
        c.polygon([(hx + ear * r * 0.2, hy - r * 0.5), (hx + ear * r * 0.62, hy - r * 1.05),
            (hx + ear * r * 0.72, hy - r * 0.2)], fur, dim(fur, 0.7))
    c.ball(hx, hy, r * 0.8, r * 0.7, mix(fur, (1, 1, 1), 0.06), gloss=0.02)
    for eye in (-1, 1):
        c.ellipse(hx + eye * r * 0.3, hy - r * 0.08, r * 0.16, r * 0.14,
            hsv(fur_rng.uniform(0.14, 0.4), 0.7, 0.85))
        c.ellipse(hx + eye * r * 0.3, hy - r * 0.08, r * 0.05, r * 0.13, (0.03, 0.03, 0.03))
    c.ellipse(hx, hy + r * 0.3, r * 0.32, r * 0.2, mix(fur, (1, 1, 1), 0.55), soft=0.5)
    c.ellipse(hx, hy + r * 0.2, r * 0.09, r * 0.06, (0.75, 0.4, 0.42))


def _balloon(c: Canvas, scene: Scene, foot: float) -> None:
    rng = np.random.default_rng([scene.seed, 5])
    own = np.random.default_rng([scene.look, 41])
    r = rng.uniform(0.13, 0.2)
    x, y = (rng.uniform(0.25, 0.75) * c.aspect + scene.move[0],
        rng.uniform(0.25, 0.4) + scene.move[1])
    first, second = (turned(hsv(own.random(), 0.75, 0.85), scene.hue),
        turned(hsv(own.random(), 0.4, 0.95), scene.hue))
    for side in (-1, 1):
        c.polygon([(x + side * r * 0.55, y + r * 0.75), (x + side * r * 0.57, y + r * 0.75),
            (x + side * r * 0.17, y + r * 1.7), (x + side * r * 0.15, y + r * 1.7)],
            (0.25, 0.2, 0.15))
    c.polygon([(x - r * 0.75, y + r * 0.6), (x + r * 0.75, y + r * 0.6),
        (x + r * 0.22, y + r * 1.35), (x - r * 0.22, y + r * 1.35)], first, dim(first, 0.5))
    c.ball(x, y, r, r * 1.05, first, gloss=0.1)
    for k, wide in enumerate((0.72, 0.3)):
        c.ball(x, y, r * wide, r * 1.05, second if k == 0 else first, gloss=0.08)
    c.rectangle((x - r * 0.18, y + r * 1.65, x + r * 0.18, y + r * 1.95), (0.5, 0.33, 0.18),
        (0.3, 0.2, 0.1))


SUBJECTS: dict[str, Callable[[Canvas, Scene, float], None]] = {"portrait": _portrait,
    "person": _person, "cat": _cat, "balloon": _balloon}
# fmt: on


def draw(scene: Scene, size: tuple[int, int]) -> Image.Image:
    """Draw a scene as an RGB picture of `size` (width, height in pixels)."""
    canvas = Canvas(size)
    rng = np.random.default_rng([scene.seed, 1])
    mood = draw_mood(np.random.default_rng([scene.seed, 2, scene.light]))
    foot = PLACES[scene.place](canvas, rng, mood)
    if scene.who in SUBJECTS:
        SUBJECTS[scene.who](canvas, scene, foot)
    finish = np.random.default_rng([scene.seed, 3, scene.light])
    canvas.shade(finish, 0.28)
    canvas.texture(finish, 0.035)
    canvas.pixels[:] = np.clip(canvas.pixels, 0, 1)
    return Image.fromarray((canvas.pixels * 255 + 0.5).astype(np.uint8))


def flat(colour: tuple[int, int, int], seed: int, size: tuple[int, int]) -> Image.Image:
    """Return a picture of nearly one colour with faint texture, as a failed render leaves it."""
    rng = np.random.default_rng([seed, 7])
    texture = 0.8 * noise(rng, size)[..., None]
    pixels = np.clip(np.asarray(colour, np.float32) + texture, 0, 255)
    return Image.fromarray((pixels + 0.5).astype(np.uint8))


def ramp(
    start: tuple[int, int, int], end: tuple[int, int, int], angle: float, size: tuple[int, int]
) -> Image.Image:
    """Return a straight colour ramp at an angle in degrees."""
    c = Canvas(size)
    a = math.radians(angle)
    t = (c.x / c.aspect - 0.5) * math.cos(a) + (c.y - 0.5) * math.sin(a)
    t = ((t - t.min()) / (t.max() - t.min()))[..., None]
    pixels = np.asarray(start, np.float32) * (1 - t) + np.asarray(end, np.float32) * t
    return Image.fromarray((pixels + 0.5).astype(np.uint8))


_WORDS = (
    "the light of a late harbour falls on slow water and every window keeps a little of it while "
    "boats come home with salt on their ropes and nobody counts them because the evening is long "
    "old maps show a road that is no longer there still people walk it when the fog is kind"
).split()


def page(seed: int, size: tuple[int, int]) -> Image.Image:
    """Return a page of text; pages of other seeds differ in their words alone."""
    rng = np.random.default_rng([seed, 9])
    w, h = size
    image = Image.new("RGB", size, (250, 249, 245))
    pen = ImageDraw.Draw(image)
    font = ImageFont.load_default(max(h / 34, 7.0))
    y = h * 0.07
    while y < h * 0.9:
        line = ""
        while pen.textlength(line, font) < w * 0.74:
            line += f"{_WORDS[rng.integers(len(_WORDS))]} "
        pen.text((w * 0.09, y), line.strip(), (40, 38, 36), font)
        y += h / 24
    return image


def logo(seed: int, size: tuple[int, int]) -> Image.Image:
    """Return a round sign on a plain ground; seeds change its letter and small parts of it."""
    rng = np.random.default_rng([seed, 13])
    c = Canvas(size)
    c.pixels[:] = 0.96
    x, r = c.aspect / 2, 0.33 * min(c.aspect, 1)
    colour = hsv(0.6, 0.7, 0.5)
    c.ellipse(x, 0.5, r, r, colour)
    c.ellipse(x, 0.5, r * 0.86, r * 0.86, (0.96, 0.96, 0.96))
    c.ellipse(x, 0.5, r * 0.8, r * 0.8, colour)
    for k in range(int(rng.integers(3, 9))):
        a = k * 0.7 + rng.uniform(0, 6)
        c.ellipse(
            x + math.cos(a) * r * 0.65,
            0.5 + math.sin(a) * r * 0.65,
            r * 0.06,
            r * 0.06,
            (0.96, 0.96, 0.96),
        )
    image = Image.fromarray((c.pixels * 255 + 0.5).astype(np.uint8))
    font = ImageFont.load_default(r * size[1] * 0.9)
    letter = "ABDEGHKMNPRS"[rng.integers(12)]
    ImageDraw.Draw(image).text(
        (size[0] / 2, size[1] / 2), letter, (245, 245, 245), font, anchor="mm"
    )
    return image
