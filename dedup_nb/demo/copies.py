"""A picture -> the kinds of copies that people make of it, as the bytes of a file.

`COPIES` look the same to people and to most perceptual hashes. `HARD_COPIES` show the same picture,
but rotated, mirrored, cropped or recoloured so much that a plain hash may miss them.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageFont, ImageOps
from PIL.PngImagePlugin import PngInfo

Made = tuple[Callable[[], bytes], str]  # makes a file's bytes, and the suffix that fits them
Copy = Callable[[Image.Image, np.random.Generator], Made]

# The stored picture for each EXIF orientation that shows the upright one again.
ORIENTATIONS = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def encode(image: Image.Image, kind: str, **options: Any) -> bytes:
    """Return an image as the bytes of a file of that Pillow format."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def png(image: Image.Image, parameters: str = "", level: int = 1) -> bytes:
    """Return an image as PNG, with a prompt in its text if there is one."""
    info = PngInfo()
    if parameters:
        info.add_text("parameters", parameters)
    return encode(image, "PNG", compress_level=level, pnginfo=info)


def jpeg(image: Image.Image, quality: int = 92, **options: Any) -> bytes:
    """Return an image as JPEG."""
    return encode(image, "JPEG", quality=quality, **options)


def oriented(image: Image.Image, orientation: int) -> bytes:
    """Return a JPEG that stores the image rotated, with the matching EXIF orientation."""
    transpose = ORIENTATIONS[orientation]
    stored = image if transpose is None else image.transpose(transpose)
    exif = Image.Exif()
    exif[0x0112] = orientation
    return jpeg(stored, 92, exif=exif)


def _either(image: Image.Image, rng: np.random.Generator) -> Made:
    """Save a changed picture as people do: mostly PNG, sometimes JPEG."""
    return (
        (partial(png, image), ".png")
        if rng.random() < 0.6
        else (partial(jpeg, image, int(rng.integers(85, 96))), ".jpg")
    )


def _jpeg(low: int, high: int) -> Copy:
    return lambda image, rng: (partial(jpeg, image, int(rng.integers(low, high))), ".jpg")


def _resized(low: float, high: float) -> Copy:
    def copy(image: Image.Image, rng: np.random.Generator) -> Made:
        by = rng.uniform(low, high)
        size = (max(round(image.width * by), 8), max(round(image.height * by), 8))
        return _either(image.resize(size, Image.Resampling.LANCZOS), rng)

    return copy


def _enhanced(enhancer: type[Any], low: float, high: float) -> Copy:
    return lambda image, rng: _either(enhancer(image).enhance(rng.uniform(low, high)), rng)


def _gamma(image: Image.Image, rng: np.random.Generator) -> Made:
    power = rng.choice([rng.uniform(0.75, 0.9), rng.uniform(1.1, 1.3)])
    table = [round(255 * (v / 255) ** power) for v in range(256)]
    return _either(image.point(table * 3), rng)


def _blurred(image: Image.Image, rng: np.random.Generator) -> Made:
    return _either(image.filter(ImageFilter.GaussianBlur(rng.uniform(0.6, 1.4))), rng)


def _sharpened(image: Image.Image, rng: np.random.Generator) -> Made:
    return _either(image.filter(ImageFilter.UnsharpMask(2, int(rng.integers(60, 140)), 2)), rng)


def _noisy(image: Image.Image, rng: np.random.Generator) -> Made:
    grain = rng.normal(0, rng.uniform(3, 9), (image.height, image.width, 1))
    pixels = np.clip(np.asarray(image, np.float32) + grain, 0, 255).astype(np.uint8)
    return partial(jpeg, Image.fromarray(pixels), 90), ".jpg"


def _bordered(image: Image.Image, rng: np.random.Generator) -> Made:
    wide = max(round(min(image.size) * rng.uniform(0.01, 0.04)), 1)
    colour = [(0, 0, 0), (255, 255, 255), (235, 230, 220)][rng.integers(3)]
    return _either(ImageOps.expand(image, wide, colour), rng)


def _stretched(image: Image.Image, rng: np.random.Generator) -> Made:
    wide = max(round(image.width * rng.uniform(0.9, 1.1)), 8)
    return _either(image.resize((wide, image.height), Image.Resampling.LANCZOS), rng)


def _vignetted(image: Image.Image, rng: np.random.Generator) -> Made:
    v, u = np.mgrid[-1 : 1 : image.height * 1j, -1 : 1 : image.width * 1j]
    fall = 1 - rng.uniform(0.2, 0.45) * np.clip((u * u + v * v) / 2, 0, 1)
    return _either(Image.fromarray((np.asarray(image) * fall[..., None]).astype(np.uint8)), rng)


def _watermarked(image: Image.Image, rng: np.random.Generator) -> Made:
    marked = image.copy()
    font = ImageFont.load_default(max(image.height * 0.045, 6.0))
    corner = (image.width * 0.96, image.height * rng.choice([0.08, 0.95]))
    ImageDraw.Draw(marked).text(corner, "© studio nine", (255, 255, 255), font, anchor="rm")
    return _either(marked, rng)


def cropped(image: Image.Image, rng: np.random.Generator, low: float, high: float) -> Image.Image:
    """Cut away a share between `low` and `high` of the picture's width and height, unevenly."""
    left, top = rng.random(2)
    across, down = rng.uniform(low, high, 2)
    x, y = left * across * image.width, top * down * image.height
    box = (
        round(x),
        round(y),
        round(x + (1 - across) * image.width),
        round(y + (1 - down) * image.height),
    )
    return image.crop(box)


def _retagged(image: Image.Image, rng: np.random.Generator) -> Made:
    if rng.random() < 0.5:
        info = PngInfo()
        info.add_text("Software", "Viewer 2.1")
        info.add_text("Comment", f"rating {rng.integers(1, 6)}")
        return partial(encode, image, "PNG", compress_level=1, pnginfo=info), ".png"
    exif = Image.Exif()
    exif[0x010E], exif[0x0131] = "a keeper", "Viewer 2.1"
    return partial(jpeg, image, 95, exif=exif), ".jpg"


COPIES: dict[str, Copy] = {
    "png_resave": lambda image, rng: (partial(png, image, level=4), ".png"),
    "jpeg_high": _jpeg(88, 98),
    "jpeg_middle": _jpeg(68, 82),
    "jpeg_low": _jpeg(25, 45),
    "webp": lambda image, rng: (
        partial(encode, image, "WEBP", quality=int(rng.integers(70, 92)), method=2),
        ".webp",
    ),
    "smaller": _resized(0.4, 0.8),
    "blur": _blurred,
    "border": _bordered,
    "crop_small": lambda image, rng: _either(cropped(image, rng, 0.02, 0.04), rng),
    "crop_medium": lambda image, rng: _either(cropped(image, rng, 0.05, 0.09), rng),
    "watermark": _watermarked,
    "metadata": _retagged,
}

# Something of the source is lost in these: the source is never staged for such a copy.
LOSSY = frozenset(
    "jpeg_middle jpeg_low webp smaller blur crop_small crop_medium crop_large watermark "
    "caption_bar".split()
)


def _caption_bar(image: Image.Image, rng: np.random.Generator) -> Made:
    tall = round(image.height * rng.uniform(0.12, 0.18))
    framed = Image.new("RGB", (image.width, image.height + tall), (245, 245, 245))
    framed.paste(image, (0, 0))
    font = ImageFont.load_default(max(tall * 0.4, 6.0))
    middle = (image.width / 2, image.height + tall / 2)
    ImageDraw.Draw(framed).text(middle, "one evening in june", (30, 30, 30), font, anchor="mm")
    return _either(framed, rng)


def _recoloured(image: Image.Image, rng: np.random.Generator) -> Made:
    grey = ImageOps.grayscale(image)
    if rng.random() < 0.5:
        return _either(ImageOps.colorize(grey, (20, 10, 0), (255, 235, 190), (150, 105, 70)), rng)
    h, s, v = image.convert("HSV").split()
    turned = h.point([(value + 90) % 256 for value in range(256)])
    curve = v.point([round(255 * (value / 255) ** 1.5) for value in range(256)])
    return _either(Image.merge("HSV", (turned, s, curve)).convert("RGB"), rng)


def _tilted(image: Image.Image, rng: np.random.Generator) -> Made:
    angle = rng.uniform(2, 5) * rng.choice([-1, 1])
    turned = image.rotate(angle, Image.Resampling.BICUBIC)
    return _either(cropped(turned, rng, 0.09, 0.1), rng)


# Kinds that nobody expects a finder to propose: turned, cut, or changed in tone or sharpness, which
# waits for your review.
HARD_COPIES: dict[str, Copy] = {
    "larger": _resized(1.2, 1.4),
    "brightness": _enhanced(ImageEnhance.Brightness, 0.85, 1.18),
    "contrast": _enhanced(ImageEnhance.Contrast, 0.82, 1.2),
    "saturation": _enhanced(ImageEnhance.Color, 0.6, 1.5),
    "gamma": _gamma,
    "sharpen": _sharpened,
    "noise": _noisy,
    "stretched": _stretched,
    "vignette": _vignetted,
    "mirrored": lambda image, rng: _either(ImageOps.mirror(image), rng),
    "rotated_90": lambda image, rng: _either(image.transpose(Image.Transpose.ROTATE_90), rng),
    "rotated_180": lambda image, rng: _either(image.transpose(Image.Transpose.ROTATE_180), rng),
    "tilted": _tilted,
    "crop_large": lambda image, rng: _either(cropped(image, rng, 0.15, 0.25), rng),
    "caption_bar": _caption_bar,
    "recoloured": _recoloured,
}


def edited(
    image: Image.Image, rng: np.random.Generator, low: float = 0.05, high: float = 0.08
) -> Image.Image:
    """Return the picture with 5 to 8 % of its area replaced: a look-alike, not a copy.

    An ellipse is filled with another part of the picture in another tone, with a new object, or
    painted over.
    """
    share = rng.uniform(low, high)
    stretch = rng.uniform(0.7, 1.4)
    ry = (share * image.width * image.height / (np.pi * stretch)) ** 0.5
    rx = ry * stretch
    x, y = rng.uniform(rx, image.width - rx), rng.uniform(ry, image.height - ry)
    fine = Image.new("L", image.size)
    ImageDraw.Draw(fine).ellipse((x - rx, y - ry, x + rx, y + ry), fill=255)
    mask = fine.filter(ImageFilter.GaussianBlur(max(rx * 0.03, 0.5)))
    way = rng.integers(3)
    if way == 0:
        filling = ImageEnhance.Brightness(ImageOps.flip(ImageOps.mirror(image))).enhance(
            rng.uniform(0.7, 1.4)
        )
    elif way == 1:
        filling = _object(image.size, (x, y), (rx, ry), rng)
    else:
        mean = image.resize((1, 1), Image.Resampling.BOX, (x - rx, y - ry, x + rx, y + ry))
        filling = ImageEnhance.Brightness(mean.resize(image.size)).enhance(rng.uniform(0.6, 1.5))
    return Image.composite(filling, image, mask)


def _object(
    size: tuple[int, int],
    centre: tuple[float, float],
    radii: tuple[float, float],
    rng: np.random.Generator,
) -> Image.Image:
    """Return a picture with a shaded ball in it."""
    v, u = np.mgrid[: size[1], : size[0]].astype(np.float32)
    u, v = (u - centre[0]) / radii[0], (v - centre[1]) / radii[1]
    facing = np.clip(-0.5 * u - 0.6 * v + 0.6 * np.sqrt(np.clip(1 - u * u - v * v, 0, 1)), 0, 1)
    pixels = rng.uniform(60, 230, 3) * (0.35 + 0.8 * facing[..., None])
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
