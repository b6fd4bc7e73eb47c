"""The places of a scene, each drawn from a random generator and a mood.

A place returns where the feet of a subject belong, in heights from the top.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from dedup_nb.demo.canvas import Box, Canvas, Colour, Floats, dim, hsv, mix, noise


@dataclass(frozen=True)
class Mood:
    """The colours of a time of day and season."""

    sky: Colour
    haze: Colour
    sun: Colour
    far: Colour
    near: Colour
    ground: Colour
    accent: Colour
    night: bool = False


# Drawing is lists of coordinates; one to a line they would run to a thousand lines.
# fmt: off

def draw_mood(rng: np.random.Generator) -> Mood:
    """Draw a mood: dawn, noon, dusk, night, autumn, winter, all a little different each time."""
    d = rng.uniform(-0.03, 0.03)
    accent = hsv(rng.random(), 0.65, 0.85)
    moods = (
        Mood(  # dawn
            hsv(0.60 + d, 0.45, 0.62), hsv(0.07 + d, 0.45, 0.98), hsv(0.10, 0.3, 1.0),
            hsv(0.70 + d, 0.30, 0.62), hsv(0.75 + d, 0.40, 0.28),
            hsv(0.22 + d, 0.40, 0.32), accent),
        Mood(  # noon in summer
            hsv(0.58 + d, 0.62, 0.88), hsv(0.55 + d, 0.16, 0.98), hsv(0.14, 0.1, 1.0),
            hsv(0.52 + d, 0.30, 0.68), hsv(0.33 + d, 0.60, 0.36),
            hsv(0.26 + d, 0.58, 0.55), accent),
        Mood(  # dusk
            hsv(0.72 + d, 0.50, 0.42), hsv(0.03 + d, 0.62, 0.95), hsv(0.08, 0.5, 1.0),
            hsv(0.85 + d, 0.35, 0.48), hsv(0.80 + d, 0.45, 0.20),
            hsv(0.05 + d, 0.45, 0.28), accent),
        Mood(  # night
            hsv(0.64 + d, 0.70, 0.16), hsv(0.60 + d, 0.50, 0.38), hsv(0.15, 0.1, 0.95),
            hsv(0.62 + d, 0.45, 0.24), hsv(0.65 + d, 0.55, 0.10),
            hsv(0.60 + d, 0.40, 0.16), accent, night=True),
        Mood(  # autumn
            hsv(0.56 + d, 0.30, 0.80), hsv(0.11 + d, 0.25, 0.95), hsv(0.12, 0.2, 1.0),
            hsv(0.06 + d, 0.45, 0.62), hsv(0.05 + d, 0.75, 0.45),
            hsv(0.10 + d, 0.60, 0.55), accent),
        Mood(  # winter
            hsv(0.58 + d, 0.18, 0.78), hsv(0.58 + d, 0.05, 0.95), hsv(0.12, 0.05, 1.0),
            hsv(0.60 + d, 0.12, 0.75), hsv(0.58 + d, 0.20, 0.42),
            hsv(0.58 + d, 0.06, 0.92), accent),
    )
    return moods[rng.integers(len(moods))]


def _skyline(
    c: Canvas, rng: np.random.Generator, level: float, relief: float, rough: float = 1.0
) -> Floats:
    """Return one height a column: a few broad waves and ever finer ones."""
    x = c.x[0]
    line: Floats = np.full_like(x, level)
    for octave in range(1, 7):
        amplitude = relief * 0.55**octave * rough ** (octave - 1)
        line += amplitude * np.sin(x * 2.6 * 1.9**octave * rng.uniform(0.7, 1.3) + rng.uniform(0,
            6.3))
    return line


def _sky(c: Canvas, rng: np.random.Generator, mood: Mood, horizon: float) -> None:
    c.gradient(mood.sky, mood.haze, 0, max(horizon, 0.1))
    x, y = rng.uniform(0.1, 0.9) * c.aspect, rng.uniform(0.08, 0.8) * horizon
    if mood.night:
        for _ in range(70):
            r = rng.uniform(0.0012, 0.003)
            c.ellipse(rng.uniform(0, c.aspect), rng.uniform(0, horizon), r, r, (0.9, 0.9, 1),
                alpha=rng.uniform(0.3, 1))
    c.ellipse(x, y, 0.34, 0.34, mood.sun, soft=1.0, alpha=0.45)
    c.ellipse(x, y, 0.045, 0.045, mood.sun, soft=0.15)
    cover = rng.uniform(-0.9, 0.7)
    h = max(int(horizon * c.height_px * 1.1), 8)
    clouds = np.clip((noise(rng, (c.width_px, h), rng.uniform(1.2, 2.6)) + cover) * 0.8, 0, 0.85)
    tint = mix(mood.haze, (1, 1, 1) if not mood.night else mood.sky, 0.6)
    c.over(clouds[: c.height_px], tint, (slice(0, h), slice(None)))


def _conifer(c: Canvas, x: float, foot: float, height: float, colour: Colour) -> None:
    for i in range(4):
        top, wide = foot - height * (1 - 0.2 * i), height * (0.09 + 0.055 * i)
        c.polygon([(x, top), (x + wide, top + 0.38 * height), (x - wide, top + 0.38 * height)],
            colour, dim(colour, 0.55))


def _round_tree(
    c: Canvas, rng: np.random.Generator, x: float, foot: float, height: float, colour: Colour
) -> None:
    w = height * 0.035
    c.polygon([(x - w, foot), (x - w / 2, foot - height * 0.6), (x + w / 2, foot - height * 0.6),
        (x + w, foot)], (0.28, 0.2, 0.15), (0.16, 0.11, 0.09))
    for _ in range(9):
        r = height * rng.uniform(0.13, 0.22)
        c.ball(x + rng.normal(0, 0.15) * height, foot - height * rng.uniform(0.5, 0.95), r, r * 0.9,
            mix(colour, (0, 0, 0), rng.uniform(0, 0.3)), gloss=0.02)


def _house(
    c: Canvas, rng: np.random.Generator, x: float, foot: float, size: float, mood: Mood
) -> None:
    wall, roof = hsv(rng.uniform(0.05, 0.14), 0.15, 0.85), hsv(rng.uniform(-0.02, 0.06), 0.6, 0.45)
    if mood.night:
        wall, roof = dim(wall, 0.35), dim(roof, 0.4)
    c.rectangle((x, foot - size * 0.6, x + size, foot), wall, dim(wall, 0.7), across=True)
    c.polygon([(x - size * 0.08, foot - size * 0.58), (x + size * 0.5, foot - size * 1.05),
        (x + size * 1.08, foot - size * 0.58)], roof, dim(roof, 0.7))
    for i in (0.15, 0.6):
        c.rectangle((x + size * i, foot - size * 0.45, x + size * (i + 0.2), foot - size * 0.2),
            (1, 0.85, 0.5) if mood.night else (0.3, 0.36, 0.45))


def _hills(c: Canvas, rng: np.random.Generator, mood: Mood) -> float:
    horizon = rng.uniform(0.3, 0.72)
    _sky(c, rng, mood, horizon)
    layers = rng.integers(3, 6)
    for i in range(layers):
        t = i / (layers - 1)
        level = horizon - 0.1 + t * (0.96 - horizon) * 0.8
        colour = mix(mix(mood.haze, mood.far, 0.6), mood.near, t)
        c.ridge(_skyline(c, rng, level, rng.uniform(0.12, 0.5) * (1.1 - 0.7 * t)), colour,
            mix(colour, mood.ground, 0.6))
    if rng.random() < 0.4:
        _lake(c, rng, mood, rng.uniform(0.72, 0.85))
    foot = rng.uniform(0.85, 1.0)
    _trees(c, rng, mood, foot)
    if rng.random() < 0.4:
        _house(c, rng, rng.uniform(0.1, 0.75) * c.aspect, rng.uniform(0.72, 0.85),
            rng.uniform(0.08, 0.18), mood)
    return foot


def _trees(c: Canvas, rng: np.random.Generator, mood: Mood, foot: float) -> None:
    conifers, middle = rng.random() < 0.5, rng.uniform(0, c.aspect)
    for _ in range(rng.integers(0, 9)):
        x, height = rng.normal(middle, 0.22), rng.uniform(0.12, 0.45)
        if conifers:
            _conifer(c, x, foot, height * 1.3, mix(mood.near, (0.05, 0.12, 0.08), 0.4))
        else:
            _round_tree(c, rng, x, foot, height, mix(mood.ground, mood.near, rng.uniform(0.2, 0.8)))


def _lake(c: Canvas, rng: np.random.Generator, mood: Mood, level: float) -> None:
    start = int(level * c.height_px)
    n = c.height_px - start
    mirror = c.pixels[start - n : start][::-1].copy() if start >= n else c.pixels[:n][::-1].copy()
    water = 0.72 * mirror + 0.22 * np.asarray(mood.sky, np.float32)
    c.pixels[start:] = water * (1 + 0.10 * noise(rng, (c.width_px, n), 5)[..., None])


def _sea(c: Canvas, rng: np.random.Generator, mood: Mood) -> float:
    horizon = rng.uniform(0.25, 0.7)
    _sky(c, rng, mood, horizon)
    start = int(horizon * c.height_px)
    n = c.height_px - start
    t = np.linspace(0, 1, n, dtype=np.float32)[:, None, None]
    deep = mix(mood.sky, (0.02, 0.15, 0.25), 0.55)
    c.pixels[start:] = (np.asarray(mix(mood.haze, deep, 0.4),
        np.float32) * (1 - t) + np.asarray(dim(deep, 0.8), np.float32) * t)
    c.pixels[start:] *= 1 + 0.16 * noise(rng, (c.width_px, n), 6)[..., None]
    glitter = rng.uniform(0.15, 0.85) * c.aspect
    c.ellipse(glitter, horizon + 0.25, 0.09, 0.35, mood.sun, soft=1.0, alpha=0.45)
    c.pixels[: start + 1] = np.clip(c.pixels[: start + 1], 0, 1)
    if rng.random() < 0.6:  # a headland
        side = rng.random() < 0.5
        reach = rng.uniform(0.25, 0.8) * c.aspect
        x = c.x[0] if side else c.aspect - c.x[0]
        rise = rng.uniform(0.1, 0.35) * np.clip(1 - x / reach, 0, 1) ** 0.6
        line = horizon - rise + (0.02 * np.sin(25 * x + rng.uniform(0, 6)) * (rise > 0))
        mask_below = c.pixels[start:].copy()
        c.ridge(np.where(rise > 0, line, 2.0).astype(np.float32), mix(mood.far, mood.near, 0.5),
            dim(mood.near, 0.8))
        c.pixels[start:] = mask_below
    for _ in range(rng.integers(0, 4)):
        _boat(c, rng, rng.uniform(0.1, 0.9) * c.aspect, rng.uniform(horizon + 0.03, 0.9), mood)
    if rng.random() < 0.45:  # a beach
        level = rng.uniform(0.78, 0.9)
        sand = mix(hsv(0.11, 0.35, 0.85), mood.haze, 0.3) if not mood.night else (0.2, 0.2, 0.24)
        c.ridge(_skyline(c, rng, level, 0.08, 0.6), mix(sand, (1, 1, 1), 0.3), dim(sand, 0.85), 0.1)
    return rng.uniform(0.9, 1.0)


def _boat(c: Canvas, rng: np.random.Generator, x: float, y: float, mood: Mood) -> None:
    size = 0.04 + 0.25 * max(y - 0.4, 0)
    hull, sail = mix(mood.accent, (0, 0, 0), 0.3), mix((1, 1, 1), mood.haze, 0.3)
    if mood.night:
        hull, sail = dim(hull, 0.4), dim(sail, 0.5)
    c.polygon([(x - size * 0.6, y - size * 0.15), (x + size * 0.7, y - size * 0.15),
        (x + size * 0.45, y + size * 0.1), (x - size * 0.45, y + size * 0.1)], hull, dim(hull, 0.6))
    lean = rng.uniform(-0.06, 0.06) * size
    c.polygon([(x + lean, y - size * 1.25), (x + size * 0.6, y - size * 0.22),
        (x, y - size * 0.22)], sail, dim(sail, 0.75), across=True)
    c.polygon([(x + lean, y - size * 1.15), (x - 0.06 * size, y - size * 0.22),
        (x - size * 0.42, y - size * 0.22)], dim(sail, 0.85), dim(sail, 0.7))
    c.ellipse(x, y + size * 0.25, size * 0.6, size * 0.18, dim(hull, 0.5), soft=1.0, alpha=0.5)


def _city(c: Canvas, rng: np.random.Generator, mood: Mood) -> float:
    horizon = rng.uniform(0.55, 0.75)
    _sky(c, rng, mood, horizon)
    for depth in range(3):
        colour = mix(mix(mood.haze, mood.far, 0.5), mix(mood.near, (0.35, 0.3, 0.3), 0.5),
            depth / 2)
        x = rng.uniform(-0.15, 0)
        while x < c.aspect:
            w = rng.uniform(0.06, 0.16) * (1 + 0.5 * depth)
            if rng.random() < (0.95, 0.8, 0.55)[depth]:
                _building(c, rng, (x, horizon + 0.02 - rng.uniform(0.08, 0.62) * (1 - 0.08 * depth),
                    x + w, horizon + 0.04 * depth + 0.02), colour, depth, mood)
            x += w * rng.uniform(1.0, 1.25)
    street = mix((0.35, 0.35, 0.37), mood.ground, 0.3) if not mood.night else (0.1, 0.1, 0.14)
    c.rectangle((0, horizon + 0.04, c.aspect, 1), mix(street, mood.haze, 0.3), dim(street, 0.7))
    vanish = rng.uniform(0.2, 0.8) * c.aspect
    for side in (-1, 1):
        c.polygon([(vanish, horizon + 0.04), (vanish + side * 1.4, 1), (vanish + side * 0.9, 1)],
            mix(street, (1, 1, 1), 0.35), street)
    for i in range(5):
        y0, y1 = horizon + 0.06 + 0.05 * i**1.3, horizon + 0.075 + 0.058 * i**1.3
        c.polygon([(vanish - 0.02 * (y0 - horizon), y0), (vanish + 0.03 * (y0 - horizon), y0),
            (vanish + 0.03 * (y1 - horizon), y1), (vanish - 0.03 * (y1 - horizon), y1)],
            (0.9, 0.88, 0.8))
    for _ in range(rng.integers(0, 6)):
        _car(c, rng, vanish + rng.uniform(-0.7, 0.7), rng.uniform(horizon + 0.1, 0.95), horizon,
            mood)
    return rng.uniform(0.88, 1.0)


def _building(
    c: Canvas, rng: np.random.Generator, box: Box, colour: Colour, depth: int, mood: Mood
) -> None:
    left, top, right, bottom = box
    wall = mix(colour, hsv(rng.uniform(0, 0.15), 0.3, 0.8 if not mood.night else 0.2),
        0.35 * rng.random())
    c.rectangle(box, wall, dim(wall, 0.7), across=True)
    step = 0.022 + 0.008 * depth
    at = c.window((left + 0.008, top + 0.012, right - 0.008, bottom - 0.02))
    x, y = (c.x[:, at[1]] - left) / step, (c.y[at[0]] - top) / (step * 1.4)
    inside = ((x % 1 > 0.25) & (x % 1 < 0.75)).astype(np.float32) * ((y % 1 > 0.25) & (y % 1 < 0.8))
    lit = rng.random((80, 80)) < (0.45 if mood.night else 0.12)
    on = lit[np.clip(y.astype(int), 0, 79), np.clip(x.astype(int), 0, 79)]
    pane = np.where(on[..., None], np.asarray((1, 0.86, 0.55)), np.asarray(dim(wall, 0.45)))
    c.over((0.8 * inside).astype(np.float32), pane.astype(np.float32), at)


def _car(
    c: Canvas, rng: np.random.Generator, x: float, y: float, horizon: float, mood: Mood
) -> None:
    size = 0.35 * (y - horizon)
    paint = hsv(rng.random(), 0.6, 0.4 if mood.night else 0.75)
    c.ellipse(x, y, size * 0.65, size * 0.12, (0.05, 0.05, 0.05), soft=0.8, alpha=0.6)
    c.ball(x, y - size * 0.2, size * 0.58, size * 0.2, paint, gloss=0.3)
    c.ball(x - 0.02 * size, y - size * 0.36, size * 0.36, size * 0.2,
        mix(paint, (0.2, 0.25, 0.3), 0.6), gloss=0.4)
    for side in (-0.34, 0.34):
        c.ball(x + side * size, y - size * 0.08, size * 0.11, size * 0.11, (0.1, 0.1, 0.1))


def _forest(c: Canvas, rng: np.random.Generator, mood: Mood) -> float:
    fog = mix(mood.haze, mood.sun, 0.3)
    c.gradient(mix(mood.ground, fog, 0.5), mix(mood.ground, (0.1, 0.12, 0.05), 0.3))
    c.ellipse(rng.uniform(0, 1) * c.aspect, rng.uniform(0.1, 0.6), rng.uniform(0.25, 0.6),
        rng.uniform(0.25, 0.6), fog, soft=1.0, alpha=0.9)
    c.texture(rng, 0.16)
    floor = rng.uniform(0.65, 0.85)
    c.ridge(_skyline(c, rng, floor, 0.1), mood.ground, dim(mood.ground, 0.5))
    for depth in range(4):
        bark = mix(fog, mix((0.2, 0.14, 0.1), mood.near, 0.4), 0.3 + 0.23 * depth)
        for _ in range(rng.integers(1, 6 - depth)):
            x, w = (rng.uniform(-0.05, 1.05) * c.aspect, (0.012 + 0.018 * depth) * rng.uniform(0.6,
                1.8))
            lean, foot = rng.normal(0, 0.06), floor + 0.05 * depth + rng.uniform(0, 0.08)
            c.polygon([(x - w + lean, -0.02), (x + w + lean, -0.02), (x + w * 1.5, foot),
                (x - w * 1.5, foot)], mix(bark, fog, 0.3), dim(bark, 0.5), across=True)
            if depth < 3 and rng.random() < 0.7:
                r = rng.uniform(0.08, 0.2)
                c.ball(x + lean, rng.uniform(0, 0.3), r * 1.3, r,
                    mix(mood.near, fog, 0.55 - 0.15 * depth), gloss=0)
    for _ in range(rng.integers(4, 12)):
        r = rng.uniform(0.03, 0.1)
        c.ball(rng.uniform(0, c.aspect), rng.uniform(floor + 0.08, 1.02), r * 1.4, r * 0.8,
            mix(mood.ground, (0.12, 0.3, 0.1), rng.random()), gloss=0.02)
    return rng.uniform(0.88, 1.0)


def _meadow(c: Canvas, rng: np.random.Generator, mood: Mood) -> float:
    """Large flowers before a blurred garden."""
    back = mix(mood.ground, mood.near, 0.4)
    c.gradient(mix(back, mood.haze, rng.uniform(0, 0.7)), mix(back, (0, 0, 0), rng.uniform(0, 0.5)))
    _bokeh(c, rng, mood, 26)
    for _ in range(rng.integers(2, 8)):
        x, y, r = (rng.uniform(0.05, 0.95) * c.aspect, rng.uniform(0.12, 0.85),
            rng.uniform(0.06, 0.2))
        hue, petals = rng.random(), int(rng.integers(5, 13))
        root = x + rng.normal(0, 0.08)
        c.polygon([(x - 0.008, y), (x + 0.008, y), (root + 0.014, 1.02), (root - 0.014, 1.02)],
            (0.25, 0.42, 0.18), (0.1, 0.22, 0.08))
        turn = rng.uniform(0, 6.3)
        for ring, reach in ((0, 0.72), (1, 0.5)):
            for k in range(petals):
                a = turn + (k + 0.5 * ring) * 2 * math.pi / petals
                petal = hsv(hue + 0.02 * ring, 0.55 + 0.2 * ring, 0.95 - 0.12 * rng.random())
                c.ball(x + math.cos(a) * r * reach, y + math.sin(a) * r * reach * 0.85, r * 0.36,
                    r * 0.32, petal, gloss=0.05)
        c.ball(x, y, r * 0.3, r * 0.27, hsv(0.12, 0.75, 0.75))
    return 1.0


def _bokeh(c: Canvas, rng: np.random.Generator, mood: Mood, n: int) -> None:
    for _ in range(n):
        r = rng.uniform(0.04, 0.22)
        tint = mix(hsv(rng.random(), 0.4, 0.8), mood.haze if rng.random() < 0.6 else mood.near,
            rng.uniform(0.3, 0.9))
        c.ellipse(rng.uniform(0, c.aspect), rng.uniform(0, 1), r, r, tint,
            soft=rng.uniform(0.15, 0.9), alpha=rng.uniform(0.15, 0.6))


def _table(c: Canvas, rng: np.random.Generator, mood: Mood) -> float:
    """A still life."""
    level = rng.uniform(0.45, 0.7)
    wall, wood = (hsv(rng.random(), rng.uniform(0.1, 0.4), rng.uniform(0.25, 0.8)),
        hsv(rng.uniform(0.04, 0.1), 0.5, rng.uniform(0.3, 0.65)))
    c.gradient(wall, dim(wall, rng.uniform(0.5, 1.2)))
    lamp = rng.uniform(0, 1) * c.aspect
    c.ellipse(lamp, rng.uniform(0, level), 0.5, 0.45, mix(wall, (1, 0.95, 0.8), 0.7), soft=1.0,
        alpha=0.8)
    if rng.random() < 0.5:
        x, w = rng.uniform(0.05, 0.6) * c.aspect, rng.uniform(0.15, 0.3)
        _picture_frame(c, rng, (x, level - 0.42, x + w, level - 0.42 + w * 0.8))
    c.rectangle((0, level, c.aspect, 1), mix(wood, (1, 1, 1), 0.2), dim(wood, 0.6))
    start = int(level * c.height_px)
    c.texture(rng, 0.10, slice(start, None), 7)
    sun = (-0.7 if lamp < c.aspect / 2 else 0.7, -0.5, 0.5)
    things = sorted((rng.uniform(level + 0.08, 0.94),
        rng.uniform(0.08, 0.92) * c.aspect) for _ in range(rng.integers(4, 10)))
    for y, x in things:
        _thing(c, rng, x, y, rng.uniform(0.05, 0.12) * (0.6 + y), sun)
    return 1.0


def _picture_frame(c: Canvas, rng: np.random.Generator, box: Box) -> None:
    left, top, right, bottom = box
    c.rectangle((left - 0.015, top - 0.015, right + 0.015, bottom + 0.015), hsv(0.09, 0.5, 0.35),
        hsv(0.09, 0.5, 0.2))
    c.rectangle(box, hsv(rng.random(), 0.4, 0.8), hsv(rng.random(), 0.4, 0.4))
    c.ellipse((left + right) / 2, (top + bottom) / 2, (right - left) * 0.25, (bottom - top) * 0.3,
        hsv(rng.random(), 0.6, 0.7), soft=0.4)


def _thing(c: Canvas, rng: np.random.Generator, x: float, y: float, r: float, sun: Colour) -> None:
    c.ellipse(x - sun[0] * r * 0.9, y, r * 1.6, r * 0.35, (0.05, 0.03, 0.03), soft=1.0, alpha=0.7)
    what = rng.integers(4)
    if what == 0:  # fruit
        c.ball(x, y - r * 0.8, r, r * 0.95, hsv(rng.uniform(-0.03, 0.25), 0.75, 0.85), sun)
    elif what == 1:  # bottle
        glass = hsv(rng.uniform(0.1, 0.6), 0.5, 0.5)
        c.rectangle((x - r * 0.22, y - r * 3.4, x + r * 0.22, y - r * 2), glass, dim(glass, 0.5),
            across=True)
        c.ball(x, y - r * 1.1, r * 0.62, r * 1.3, glass, sun, gloss=0.5)
    elif what == 2:  # bowl with fruit
        for dx in (-0.6, 0.1, 0.7):
            c.ball(x + dx * r, y - r * 1.1, r * 0.55, r * 0.55,
                hsv(rng.uniform(-0.03, 0.3), 0.75, 0.8), sun)
        bowl = hsv(rng.random(), 0.3, 0.75)
        c.polygon([(x - r * 1.5, y - r * 0.9), (x + r * 1.5, y - r * 0.9), (x + r * 0.7, y),
            (x - r * 0.7, y)], bowl, dim(bowl, 0.5))
    else:  # vase with twigs
        vase = hsv(rng.random(), 0.45, 0.65)
        for _ in range(6):
            tip = (x + rng.normal(0, 1.1) * r, y - r * rng.uniform(2.6, 4.4))
            c.polygon([(x - 0.004, y - r * 1.4), (x + 0.004, y - r * 1.4), tip], (0.3, 0.35, 0.2))
            c.ball(tip[0], tip[1], r * 0.35, r * 0.3, hsv(rng.random(), 0.5, 0.9), sun)
        c.ball(x, y - r * 0.9, r * 0.75, r * 1.0, vase, sun, gloss=0.35)


def _room(c: Canvas, rng: np.random.Generator, mood: Mood) -> float:
    wall, floor = (hsv(rng.random(), rng.uniform(0.08, 0.4), rng.uniform(0.4, 0.85)),
        hsv(rng.uniform(0.04, 0.12), 0.45, rng.uniform(0.25, 0.6)))
    c.gradient(dim(wall, 1.05), dim(wall, 0.85))
    a = c.aspect
    left, right = rng.uniform(0.05, 0.35) * a, rng.uniform(0.65, 0.95) * a
    top, bottom = rng.uniform(0.04, 0.2), rng.uniform(0.55, 0.72)
    c.polygon([(0, -0.05), (left, top), (left, bottom), (0, 1.05)],
        dim(wall, rng.uniform(0.5, 0.75)), dim(wall, 0.6), across=True)
    c.polygon([(a, -0.05), (right, top), (right, bottom), (a, 1.05)], dim(wall, 0.9),
        dim(wall, rng.uniform(0.5, 0.8)), across=True)
    c.polygon([(0, 0), (a, 0), (right, top), (left, top)], mix(wall, (1, 1, 1), 0.5),
        dim(wall, 0.95))
    c.polygon([(left, bottom), (right, bottom), (a + 0.1, 1.05), (-0.1, 1.05)], floor,
        dim(floor, 0.65))
    c.texture(rng, 0.07, slice(int(bottom * c.height_px), None), 6)
    wide = right - left
    x = left + wide * rng.uniform(0.05, 0.5)
    w, h = wide * rng.uniform(0.25, 0.42), (bottom - top) * rng.uniform(0.45, 0.6)
    y = top + (bottom - top) * 0.14
    c.rectangle((x - 0.012, y - 0.012, x + w + 0.012, y + h + 0.012), (0.93, 0.92, 0.9))
    c.rectangle((x, y, x + w, y + h), mood.sky, mood.haze)
    c.rectangle((x + w * 0.48, y, x + w * 0.52, y + h), (0.93, 0.92, 0.9))
    c.polygon([(x, bottom + 0.04), (x + w, bottom + 0.04), (x + w + 0.25, 1), (x + 0.1, 1)],
        mood.sun, mood.sun, alpha=0.05 if mood.night else 0.28)
    for _ in range(rng.integers(1, 3)):
        fx, fw = left + wide * rng.uniform(0.6, 0.85), wide * rng.uniform(0.1, 0.16)
        _picture_frame(c, rng, (fx, y + rng.uniform(0, 0.1), fx + fw, y + 0.1 + fw))
    _sofa(c, rng, rng.uniform(0.15, 0.6) * a, bottom + rng.uniform(0.1, 0.24),
        rng.uniform(0.3, 0.5))
    if rng.random() < 0.6:
        _lamp(c, rng.uniform(0.1, 0.9) * a, bottom + 0.12)
    if rng.random() < 0.6:
        _plant(c, rng, rng.uniform(0.08, 0.92) * a, bottom + rng.uniform(0.1, 0.28))
    return rng.uniform(0.9, 1.0)


def _sofa(c: Canvas, rng: np.random.Generator, x: float, foot: float, wide: float) -> None:
    cloth = hsv(rng.random(), rng.uniform(0.25, 0.6), rng.uniform(0.3, 0.75))
    c.ellipse(x + wide / 2, foot, wide * 0.6, 0.04, (0.05, 0.04, 0.04), soft=1.0, alpha=0.7)
    c.rectangle((x, foot - wide * 0.5, x + wide, foot - wide * 0.1), mix(cloth, (1, 1, 1), 0.12),
        dim(cloth, 0.65))
    c.rectangle((x - 0.02, foot - wide * 0.25, x + wide + 0.02, foot), cloth, dim(cloth, 0.5))
    for side in (-0.03, wide - 0.03):
        c.ball(x + side + 0.03, foot - wide * 0.2, wide * 0.1, wide * 0.22, cloth, gloss=0.03)
    for i in (0.25, 0.72):
        c.ball(x + wide * i, foot - wide * 0.33, wide * 0.13, wide * 0.12,
            hsv(rng.random(), 0.5, 0.8), gloss=0.03)


def _lamp(c: Canvas, x: float, foot: float) -> None:
    c.rectangle((x - 0.005, foot - 0.42, x + 0.005, foot), (0.2, 0.18, 0.16))
    c.ellipse(x, foot - 0.45, 0.26, 0.26, (1, 0.9, 0.65), soft=1.0, alpha=0.5)
    c.polygon([(x - 0.04, foot - 0.52), (x + 0.04, foot - 0.52), (x + 0.075, foot - 0.4),
        (x - 0.075, foot - 0.4)], (1, 0.93, 0.75), (0.95, 0.75, 0.45))


def _plant(c: Canvas, rng: np.random.Generator, x: float, foot: float) -> None:
    for _ in range(11):
        a, reach = rng.uniform(-2.6, -0.5), rng.uniform(0.1, 0.24)
        tip = (x + math.cos(a) * reach, foot - 0.08 + math.sin(a) * reach)
        mid = (x + math.cos(a + 0.3) * reach * 0.55, foot - 0.08 + math.sin(a + 0.3) * reach * 0.55)
        green = hsv(rng.uniform(0.28, 0.38), 0.55, rng.uniform(0.3, 0.6))
        c.polygon([(x, foot - 0.08), mid, tip, (x + math.cos(a - 0.3) * reach * 0.55,
            foot - 0.08 + math.sin(a - 0.3) * reach * 0.55)], green, dim(green, 0.6))
    c.polygon([(x - 0.05, foot - 0.1), (x + 0.05, foot - 0.1), (x + 0.035, foot),
        (x - 0.035, foot)], (0.7, 0.4, 0.28), (0.4, 0.2, 0.15))


def _studio(c: Canvas, rng: np.random.Generator, mood: Mood) -> float:
    """A blurred background, for portraits."""
    c.gradient(mix(mood.sky, mood.far, rng.random()), mix(mood.ground, mood.haze, rng.random()))
    if rng.random() < 0.5:
        _bokeh(c, rng, mood, 30)
    for _ in range(rng.integers(1, 6)):
        x, w = rng.uniform(-0.1, 1) * c.aspect, rng.uniform(0.08, 0.35)
        t = np.clip(1 - np.abs(c.x[0] - x) / w, 0, 1)
        c.over(np.broadcast_to(0.6 * t[None], (c.height_px, c.width_px)),
            mix(mood.near, mood.haze, rng.random()))
    return 1.0


PLACES: dict[str, Callable[[Canvas, np.random.Generator, Mood], float]] = {
    "hills": _hills, "sea": _sea, "city": _city, "forest": _forest, "meadow": _meadow,
    "table": _table, "room": _room, "studio": _studio,
}
# fmt: on
