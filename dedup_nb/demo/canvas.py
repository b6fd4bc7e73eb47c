"""Shapes and colours -> pixels: soft shapes, shaded balls, ridges, 1/f texture, light and shade.

Positions are in heights of the picture: y runs from 0 (top) to 1, x from 0 to the aspect ratio.
Colours are red, green and blue from 0 to 1.
"""

from __future__ import annotations

import colorsys
import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

Floats = NDArray[np.float32]
Colour = tuple[float, float, float]
Box = tuple[float, float, float, float]  # left, top, right, bottom


class Canvas:
    """An array of pixels to paint on, with values 0 to 1 and coordinates in heights."""

    def __init__(self, size: tuple[int, int]) -> None:
        self.width_px, self.height_px = size
        self.aspect = self.width_px / self.height_px
        self.pixels: Floats = np.zeros((self.height_px, self.width_px, 3), np.float32)
        unit = np.float32(1 / self.height_px)
        self.x: Floats = (
            np.arange(self.width_px, dtype=np.float32)[None, :] + np.float32(0.5)
        ) * unit
        self.y: Floats = (
            np.arange(self.height_px, dtype=np.float32)[:, None] + np.float32(0.5)
        ) * unit

    def window(self, box: Box) -> tuple[slice, slice]:
        """Return the rows and columns that cover a box, cut to the canvas."""
        left, top, right, bottom = (round(v * self.height_px) for v in box)
        rows = slice(min(max(top - 1, 0), self.height_px), max(min(bottom + 2, self.height_px), 0))
        columns = slice(min(max(left - 1, 0), self.width_px), max(min(right + 2, self.width_px), 0))
        return rows, columns

    def over(
        self, mask: Floats, colour: Colour | Floats, at: tuple[slice, slice] | None = None
    ) -> None:
        """Blend a colour over the canvas with a mask from 0 to 1."""
        under = self.pixels if at is None else self.pixels[at]
        under += mask[..., None] * (np.asarray(colour, np.float32) - under)

    def gradient(self, top: Colour, bottom: Colour, start: float = 0.0, end: float = 1.0) -> None:
        """Fill the whole canvas from one colour at `start` to another at `end`."""
        t = np.clip((self.y - start) / (end - start), 0, 1)[..., None]
        self.pixels[:] = np.asarray(top, np.float32) * (1 - t) + np.asarray(bottom, np.float32) * t

    def ellipse(
        self,
        x: float,
        y: float,
        rx: float,
        ry: float,
        colour: Colour,
        soft: float = 0.0,
        alpha: float = 1.0,
    ) -> None:
        """Lay a flat ellipse; `soft` is the share of its radius over which it fades."""
        at = self.window((x - rx, y - ry, x + rx, y + ry))
        r = np.hypot((self.x[:, at[1]] - x) / rx, (self.y[at[0]] - y) / ry)
        fade = max(soft, 1.0 / (min(rx, ry) * self.height_px + 1e-6))
        self.over(alpha * np.clip((1 - r) / fade, 0, 1), colour, at)

    def ball(
        self,
        x: float,
        y: float,
        rx: float,
        ry: float,
        colour: Colour,
        sun: Colour = (-0.5, -0.6, 0.6),
        gloss: float = 0.15,
    ) -> None:
        """Lay an ellipsoid lit from `sun`, a direction that points at the light."""
        at = self.window((x - rx, y - ry, x + rx, y + ry))
        u, v = (self.x[:, at[1]] - x) / rx, (self.y[at[0]] - y) / ry
        r2 = u * u + v * v
        facing = np.clip((u * sun[0] + v * sun[1] + np.sqrt(np.clip(1 - r2, 0, 1)) * sun[2]), 0, 1)
        shade = 0.35 + 0.8 * facing
        lit = np.asarray(colour, np.float32) * shade[..., None] + gloss * (facing**12)[..., None]
        mask = np.clip((1 - np.sqrt(r2)) * min(rx, ry) * self.height_px + 0.5, 0, 1)
        self.over(mask, np.clip(lit, 0, 1).astype(np.float32), at)

    def polygon(
        self,
        points: Sequence[tuple[float, float]],
        colour: Colour,
        low: Colour | None = None,
        alpha: float = 1.0,
        across: bool = False,
    ) -> None:
        """Lay a polygon, shaded from `colour` to `low` downwards or `across`."""
        xs, ys = [p[0] for p in points], [p[1] for p in points]
        rows, columns = self.window((min(xs), min(ys), max(xs), max(ys)))
        h, w = rows.stop - rows.start, columns.stop - columns.start
        if h <= 0 or w <= 0:
            return
        fine = Image.new("L", (2 * w, 2 * h))
        to_px = 2 * self.height_px
        outline = [(x * to_px - 2 * columns.start, y * to_px - 2 * rows.start) for x, y in points]
        ImageDraw.Draw(fine).polygon(outline, fill=255)
        mask = np.asarray(fine.reduce(2), np.float32) * (alpha / 255)
        if low is None:
            self.over(mask, colour, (rows, columns))
            return
        n = w if across else h
        t = np.linspace(0, 1, n, dtype=np.float32)[:, None]
        ramp = np.asarray(colour, np.float32) * (1 - t) + np.asarray(low, np.float32) * t
        self.over(mask, ramp[None] if across else ramp[:, None], (rows, columns))

    def rectangle(
        self, box: Box, colour: Colour, low: Colour | None = None, across: bool = False
    ) -> None:
        """Lay an upright rectangle."""
        left, top, right, bottom = box
        corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
        self.polygon(corners, colour, low, across=across)

    def ridge(self, skyline: Floats, colour: Colour, low: Colour, depth: float = 0.35) -> None:
        """Fill everything below a skyline (one height a column), darker to `low` below it."""
        below = (self.y - skyline[None, :]) * self.height_px
        t = np.clip((self.y - skyline[None, :]) / depth, 0, 1)[..., None]
        ramp = np.asarray(colour, np.float32) * (1 - t) + np.asarray(low, np.float32) * t
        self.over(np.clip(below + 0.5, 0, 1), ramp.astype(np.float32))

    def texture(
        self,
        rng: np.random.Generator,
        strength: float,
        rows: slice = slice(None),
        flat: float = 1.0,
    ) -> None:
        """Lighten and darken some rows by 1/f texture, stretched sideways `flat` times."""
        h = len(range(self.height_px)[rows])
        self.pixels[rows] *= 1 + strength * noise(rng, (self.width_px, h), flat)[..., None]

    def shade(self, rng: np.random.Generator, strength: float) -> None:
        """Lay broad light and shade over everything: sun from a side, and patches."""
        coarse = rng.standard_normal((4, 4)).astype(np.float32)
        patches = Image.fromarray(coarse).resize(
            (self.width_px, self.height_px), Image.Resampling.BICUBIC
        )
        angle = rng.uniform(0, 2 * math.pi)
        slope = (self.x / self.aspect - 0.5) * math.cos(angle) + (self.y - 0.5) * math.sin(angle)
        self.pixels *= np.exp(strength * (0.6 * np.asarray(patches) + 1.4 * slope))[..., None]


@lru_cache(maxsize=1)
def noise_bank() -> Floats:
    """Return four periodic fields of 1/f noise, mean 0, standard deviation 1."""
    n = 1024
    rng = np.random.default_rng(20250612)
    frequency = np.hypot(np.fft.fftfreq(n)[:, None], np.fft.rfftfreq(n)[None, :])
    frequency[0, 0] = np.inf
    spectrum = np.fft.rfft2(rng.standard_normal((4, n, n))) / np.maximum(frequency, 4 / n) ** 1.3
    fields = np.fft.irfft2(spectrum, s=(n, n))
    bank: Floats = (fields / fields.std(axis=(1, 2), keepdims=True)).astype(np.float32)
    return bank


def noise(rng: np.random.Generator, size: tuple[int, int], flat: float = 1.0) -> Floats:
    """Return (height, width) 1/f noise, mean about 0, standard deviation about 1.

    Parameters
    ----------
    rng : Generator
        Source of the noise.
    size : (int, int)
        Width and height, in pixels.
    flat : float
        At least 1: stretches the grain sideways and flattens it by this factor.
    """
    field = noise_bank()[rng.integers(4)]
    dy, dx = rng.integers(0, 1024, 2)
    w, h = size
    rows = (np.arange(h) * max(flat, 1.0) + dy).astype(int) % 1024
    columns = (np.arange(w) / max(flat, 1.0) + dx).astype(int) % 1024
    cut: Floats = field[np.ix_(rows, columns)]
    field_cut: Floats = np.ascontiguousarray(cut[:, ::-1] if rng.random() < 0.5 else cut)
    return field_cut


def hsv(hue: float, saturation: float, value: float) -> Colour:
    """Return a colour from hue (0 to 1, wrapping), saturation and value."""
    return colorsys.hsv_to_rgb(hue % 1.0, min(max(saturation, 0), 1), min(max(value, 0), 1))


def mix(a: Colour, b: Colour, t: float) -> Colour:
    """Return the colour a share `t` of the way from `a` to `b`."""
    return (a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t, a[2] + (b[2] - a[2]) * t)


def dim(colour: Colour, by: float) -> Colour:
    """Return the colour times `by`."""
    return (colour[0] * by, colour[1] * by, colour[2] * by)


def turned(colour: Colour, turn: float) -> Colour:
    """Return the colour turned round the colour circle at the same luma."""
    if turn == 0:
        return colour
    luma = 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]
    h, s, v = colorsys.rgb_to_hsv(*colour)
    r, g, b = colorsys.hsv_to_rgb((h + turn) % 1.0, s, v)
    scale = luma / max(0.299 * r + 0.587 * g + 0.114 * b, 1e-6)
    return (min(r * scale, 1), min(g * scale, 1), min(b * scale, 1))
