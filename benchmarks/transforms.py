"""Ways in which people's pictures are copied, and what the right answer to each is.

Each transform has a name, is `old` (what finders of near-duplicates are usually measured by) or
`new` (what arrives from phones, messengers and editors), and an answer:

- `copy`: the copy adds nothing; it may be staged for its source.
- `changed`: recognisably the source, with a change that somebody may have wanted; it may be staged
  or wait for review, and the source is never staged for it.
- `review`: a container of the source or a recolouring; it is never staged for the source, nor the
  source for it.

All of them are deterministic: the same picture, seed and other pictures give the same copy.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import bench_embedders as plain
import bench_verify as further
import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageFont, ImageOps

OLD, NEW = "old", "new"
COPY, CHANGED, REVIEW = "copy", "changed", "review"
QUALITY = 92  # of a JPEG file whose transform does not set its own
SUFFIXES = {"JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp"}

Picture = Any
Make = Callable[[Picture, Any, Sequence[Picture]], Picture]


@dataclass(frozen=True)
class Transform:
    """A way of making a copy of a picture.

    Attributes
    ----------
    name, group, answer : str
        See the module.
    make : callable
        From a picture (PIL, RGB), a random generator and other pictures to the copy.
    form : str
        File format of the copy.
    quality : int
        Of the file, where the format has one.
    """

    name: str
    group: str
    answer: str
    make: Make
    form: str = "JPEG"
    quality: int = QUALITY

    def data(self, picture: Picture, seed: int, others: Sequence[Picture]) -> bytes:
        """Return the file of the copy."""
        copy = self.make(picture, np.random.default_rng(seed), others)
        return encoded(copy, self.form, self.quality)


def encoded(picture: Picture, form: str = "JPEG", quality: int = QUALITY) -> bytes:
    buffer = io.BytesIO()
    options = {} if form == "PNG" else {"quality": quality}
    picture.save(buffer, form, **options)
    return buffer.getvalue()


TRANSFORMS: dict[str, Transform] = {}


def add(name: str, group: str, answer: str, make: Make, **file: Any) -> None:
    TRANSFORMS[name] = Transform(name, group, answer, make, **file)


def alone(change: Callable[[Picture], Picture]) -> Make:
    """Return a transform that needs neither chance nor other pictures."""
    return lambda picture, rng, others: change(picture)


def named(name: str) -> Callable[[Picture], Picture]:
    """Return a change of the benchmarks of embedders or of `verify` by its name."""
    change: Callable[[Picture], Picture] = further.KINDS[name]
    return change


# -- old: 38 -------------------------------------------------------------------------------------

same = alone(lambda picture: picture)
for quality in (75, 40, 15):
    add(f"jpeg {quality}", OLD, COPY, same, quality=quality)
add("webp 60", OLD, COPY, same, form="WEBP", quality=60)
add("png", OLD, COPY, same, form="PNG")
for name in ("half size", "quarter size", "upscaled", "wider by a tenth"):
    add(name, OLD, COPY, alone(named(name)))
for name in ("cropped 2 %", "cropped 5 %", "cropped 10 %", "cut off 5 %", "cropped 25 %"):
    add(name, OLD, COPY, alone(named(name)))
for name in ("frame white", "frame black", "letterbox", "caption bar", "framed, jpeg 50"):
    add(name, OLD, COPY, alone(named(name)))
for name in ("caption", "patch 4 %"):
    add(name, OLD, CHANGED, alone(named(name)))
for name in (
    "brighter",
    "darker",
    "contrast",
    "saturation",
    "grey",
    "gamma 1.5",
    "warmer",
    "sepia",
):
    add(name, OLD, CHANGED, alone(named(name)))
add("blurred", OLD, COPY, alone(named("blurred")))
add("sharpened", OLD, CHANGED, alone(named("sharpened")))
add("noise", OLD, CHANGED, alone(named("noise")))
add("mirrored", OLD, COPY, alone(ImageOps.mirror))
add("mirrored, cropped", OLD, COPY, alone(named("mirrored, cropped")))


def rotated(picture: Picture, rng: Any, others: Sequence[Picture]) -> Picture:
    """Return one of the seven other orientations."""
    ways = list(Image.Transpose)
    return picture.transpose(ways[int(rng.integers(len(ways)))])


def watermarked(picture: Picture, rng: Any, others: Sequence[Picture]) -> Picture:
    marked, side = picture.copy(), max(picture.width // 22, 12)
    place = (
        picture.width - side * 8 - rng.integers(side),
        picture.height - side * 2 - rng.integers(side),
    )
    ImageDraw.Draw(marked).text(place, "© J. Smith", "white", font=font(side))
    return Image.blend(picture, marked, 0.6)


def font(size: float) -> Any:
    return ImageFont.load_default(max(float(size), 8.0))


add("one of the eight orientations", OLD, COPY, rotated)
add("watermark", OLD, CHANGED, watermarked)
add(
    "half size, darker, jpeg 50",
    OLD,
    CHANGED,
    alone(lambda p: plain.gamma(plain.scaled(p, 0.5), 1.3)),
    quality=50,
)
add(
    "cropped, darker, jpeg 40",
    OLD,
    CHANGED,
    alone(lambda p: plain.gamma(plain.cropped(p, 0.1), 1.3)),
    quality=40,
)


# -- new: 21 -------------------------------------------------------------------------------------


def fitted(picture: Picture, width: float, height: float) -> Picture:
    """Return a picture scaled to fit into a box."""
    scale = min(width / picture.width, height / picture.height)
    size = (max(round(picture.width * scale), 1), max(round(picture.height * scale), 1))
    return picture.resize(size, Image.Resampling.LANCZOS)


def filled(picture: Picture, width: int, height: int) -> Picture:
    return ImageOps.fit(picture, (width, height), Image.Resampling.LANCZOS)


def lines(draw: Any, box: Sequence[float], size: float, rng: Any, ink: Any) -> None:
    """Write lines of words into a box."""
    left, top, right, bottom = box
    letters = "etaoinshrdlu"
    while top + size < bottom:
        words = [
            "".join(letters[k] for k in rng.integers(len(letters), size=int(rng.integers(2, 9))))
            for _ in range(int((right - left) / size / 3))
        ]
        draw.text((left, top), " ".join(words)[: int((right - left) / size * 1.8)], ink,
                  font=font(size))  # fmt: skip
        top += size * 1.6


def phone_screenshot(picture: Picture, rng: Any, others: Sequence[Picture]) -> Picture:
    """Return the picture as a post in an application on a phone."""
    width = 1080
    light = rng.random() < 0.5
    paper, ink = ((250, 250, 250), "black") if light else ((18, 18, 20), "white")
    post = fitted(picture, width, 1500)
    sheet = Image.new("RGB", (width, 2160), paper)
    draw = ImageDraw.Draw(sheet)
    draw.text((40, 20), f"{rng.integers(24):02d}:{rng.integers(60):02d}", ink, font=font(36))
    draw.rectangle((width - 90, 26, width - 40, 50), outline=ink)
    draw.ellipse((40, 110, 130, 200), fill=tuple(map(int, rng.integers(60, 220, 3))))
    lines(draw, (150, 130, 700, 170), 36, rng, ink)
    top = 240
    sheet.paste(post, ((width - post.width) // 2, top))
    for k in range(4):
        draw.ellipse((40 + 110 * k, top + post.height + 30, 100 + 110 * k, top + post.height + 90),
                     outline=ink, width=6)  # fmt: skip
    lines(draw, (40, top + post.height + 120, width - 40, 2040), 36, rng, ink)
    draw.rounded_rectangle((360, 2120, 720, 2130), 5, fill=ink)
    return sheet


def desktop_screenshot(picture: Picture, rng: Any, others: Sequence[Picture]) -> Picture:
    """Return the picture in a viewer or a page on a desktop."""
    sheet = Image.new("RGB", (1920, 1080), (236, 238, 241))
    draw = ImageDraw.Draw(sheet)
    draw.rectangle((0, 0, 1920, 70), fill=(52, 58, 70))
    for k in range(3):
        draw.rounded_rectangle((20 + 260 * k, 16, 260 + 260 * k, 70), 10, fill=(88, 96, 110))
    draw.rounded_rectangle((160, 84, 1500, 124), 18, fill="white")
    lines(draw, (180, 92, 900, 122), 22, rng, (60, 60, 60))
    shown = fitted(picture, 1250, 830)
    left = 330 + int(rng.integers(0, 60))
    sheet.paste(shown, (left, 160))
    lines(draw, (24, 170, 300, 1000), 22, rng, (70, 74, 80))
    for k, other in enumerate(others[:3]):
        sheet.paste(filled(other, 230, 160), (1660, 170 + 190 * k))
    draw.rectangle((0, 1030, 1920, 1080), fill=(30, 34, 42))
    return sheet


def collage(picture: Picture, rng: Any, others: Sequence[Picture]) -> Picture:
    """Return the picture beside three others."""
    parts = [picture, *others[:3]]
    while len(parts) < 4:
        parts.append(ImageOps.mirror(picture.rotate(90, expand=True)))
    order = rng.permutation(4)
    sheet = Image.new("RGB", (1640, 1240), (255, 255, 255))
    for place, k in enumerate(order):
        tile = fitted(parts[k], 800, 600) if k == 0 else filled(parts[k], 800, 600)
        x, y = 20 + 820 * (place % 2) - 10, 20 + 620 * (place // 2) - 10
        sheet.paste(tile, (x + (800 - tile.width) // 2, y + (600 - tile.height) // 2))
    return sheet


def slide(picture: Picture, rng: Any, others: Sequence[Picture]) -> Picture:
    """Return the picture on a slide with a title and points."""
    sheet = Image.new("RGB", (1600, 900), tuple(map(int, rng.integers(225, 256, 3))))
    draw = ImageDraw.Draw(sheet)
    lines(draw, (80, 60, 1300, 130), 56, rng, (20, 40, 80))
    shown = fitted(picture, 800, 620)
    sheet.paste(shown, (1540 - shown.width, 190))
    lines(draw, (80, 220, 1500 - shown.width, 820), 34, rng, (40, 40, 40))
    draw.text((1500, 850), str(rng.integers(2, 60)), (90, 90, 90), font=font(24))
    return sheet


def page(picture: Picture, rng: Any, others: Sequence[Picture]) -> Picture:
    """Return the picture on a page of text."""
    sheet = Image.new("RGB", (1240, 1754), (252, 252, 248))
    draw = ImageDraw.Draw(sheet)
    shown = fitted(picture, 1000, 760)
    top = int(rng.integers(380, 640))
    lines(draw, (120, 120, 1120, top - 30), 28, rng, (25, 25, 25))
    sheet.paste(shown, ((1240 - shown.width) // 2, top))
    lines(draw, (120, top + shown.height + 60, 1120, 1650), 28, rng, (25, 25, 25))
    return sheet


def blurred_frame(picture: Picture, rng: Any, others: Sequence[Picture]) -> Picture:
    """Return the picture on a blurred enlargement of itself in another shape."""
    tall = picture.width >= picture.height
    size = (1080, 1920) if tall else (1920, 1080)
    sheet = filled(picture, *size).filter(ImageFilter.GaussianBlur(40))
    sheet = ImageEnhance.Brightness(sheet).enhance(0.8)
    shown = fitted(picture, *size)
    if max(shown.width / size[0], shown.height / size[1]) > 0.97:
        shown = fitted(picture, size[0] * 0.94, size[1] * 0.94)
    sheet.paste(shown, ((size[0] - shown.width) // 2, (size[1] - shown.height) // 2))
    return sheet


def moved(picture: Picture, corners: Any, size: tuple[int, int], ground: Any = 0) -> Picture:
    """Return a picture whose corners (shares, clockwise from top left) are moved."""
    w, h = picture.size
    before = np.array([[0, 0], [w, 0], [w, h], [0, h]], np.float32)
    after = (np.asarray(corners) * size).astype(np.float32)
    matrix = cv2.getPerspectiveTransform(before, after)
    values = np.asarray(picture)
    shrunk = size[0] / w
    if shrunk < 0.7:
        values = cv2.GaussianBlur(values, (0, 0), 0.4 / shrunk)
    out = cv2.warpPerspective(values, matrix, size, flags=cv2.INTER_CUBIC,
                              borderMode=cv2.BORDER_CONSTANT, borderValue=ground)  # fmt: skip
    return Image.fromarray(out)


def photo_of_screen(picture: Picture, rng: Any, others: Sequence[Picture]) -> Picture:
    """Return the picture photographed from a screen: a bezel, moire, a tint and a slant."""
    long = 1600
    shown = fitted(picture, long * 0.94, long * 0.94)
    bezel = ImageOps.expand(shown, round(long * 0.02), (14, 14, 16))
    size = (round(bezel.width * 1.06), round(bezel.height * 1.06))
    corners = np.array([[0.03, 0.03], [0.97, 0.03], [0.97, 0.97], [0.03, 0.97]])
    corners += rng.uniform(-0.025, 0.025, (4, 2))
    photo = moved(bezel, corners, size, (52, 48, 46))
    values = np.asarray(photo).astype(np.float32)
    y, x = np.mgrid[: size[1], : size[0]].astype(np.float32)
    wave = np.sin(x * rng.uniform(0.9, 1.6) + y * 0.11) * np.sin(y * rng.uniform(0.9, 1.6))
    values *= 1 + 0.05 * wave[..., None]
    values = values * [0.93, 1.0, 1.06] * 0.92 + 10
    values += rng.normal(0, 3, values.shape)
    return clipped(values).filter(ImageFilter.GaussianBlur(0.8))


def clipped(values: Any) -> Picture:
    return Image.fromarray(np.clip(values, 0, 255).astype(np.uint8))


def social(picture: Picture, rng: Any, others: Sequence[Picture]) -> Picture:
    """Return the picture after three services have resized and saved it."""
    for side, quality in ((1440, 82), (1080, 71), (960, 60)):
        if max(picture.size) > side:
            picture = fitted(picture, side, side)
        picture = picture.filter(ImageFilter.UnsharpMask(0.6, 30, 2))
        picture = plain.jpeg(picture, quality)
    return picture


def meme(picture: Picture, rng: Any, others: Sequence[Picture]) -> Picture:
    """Return the picture with bars of text above and below it, and words on it."""
    w, h = picture.size
    tall = round(h * rng.uniform(0.12, 0.2))
    white = rng.random() < 0.5
    sheet = Image.new("RGB", (w, h + tall * (2 if rng.random() < 0.5 else 1)),
                      "white" if white else "black")  # fmt: skip
    sheet.paste(picture, (0, tall))
    draw, ink = ImageDraw.Draw(sheet), "black" if white else "white"
    draw.text(
        (w * 0.08, tall * 0.2), "WHEN THE BUILD IS GREEN", ink, font=font(min(tall, w / 9) * 0.6)
    )
    draw.text(
        (w * 0.2, tall + h * 0.86),
        "ON A FRIDAY",
        "white",
        stroke_width=2,
        stroke_fill="black",
        font=font(min(h * 0.09, w / 9)),
    )
    return sheet


def perspective(picture: Picture, rng: Any, others: Sequence[Picture]) -> Picture:
    corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) + rng.uniform(-0.07, 0.07, (4, 2))
    corners -= corners.mean(0) - 0.5
    return moved(picture, corners, picture.size)


def turned_and_cut(picture: Picture, rng: Any, others: Sequence[Picture]) -> Picture:
    """Return the picture turned by 3 to 12 degrees, without its empty corners."""
    degrees = rng.uniform(3, 12) * rng.choice([-1, 1])
    turned = picture.rotate(degrees, Image.Resampling.BICUBIC)
    w, h = picture.size
    s, c = np.sin(np.radians(abs(degrees))), np.cos(np.radians(degrees))
    scale = min(w / (w * c + h * s), h / (w * s + h * c))
    dx, dy = w * (1 - scale) / 2, h * (1 - scale) / 2
    return turned.crop((round(dx) + 1, round(dy) + 1, round(w - dx) - 1, round(h - dy) - 1))


def deep_crop(picture: Picture, rng: Any, others: Sequence[Picture]) -> Picture:
    """Return 20 to 45 % of the picture."""
    share = rng.uniform(0.2, 0.45)
    wide = np.clip(np.sqrt(share) * rng.uniform(0.85, 1.18), 0.3, 0.95)
    high = share / wide
    left, top = rng.uniform(0, 1 - wide), rng.uniform(0, max(1 - high, 0))
    return further.part(picture, left, top, left + wide, min(top + high, 1))


def film(picture: Picture, rng: Any, others: Sequence[Picture]) -> Picture:
    """Return the picture with lifted blacks, split tones and grain."""
    values = np.asarray(picture).astype(np.float32) / 255
    values = 0.07 + 0.88 * (values * values * (3 - 2 * values) * 0.6 + values * 0.4)
    light = values.mean(-1, keepdims=True)
    values = values + light * [0.04, 0.01, -0.05] + (1 - light) * [-0.02, 0.01, 0.04]
    values = light + 0.85 * (values - light)
    grain = cv2.GaussianBlur(rng.normal(0, 1, picture.size[::-1]), (0, 0), 0.8)[..., None]
    return clipped(255 * (values + 0.05 * grain))


def vignette(picture: Picture, rng: Any, others: Sequence[Picture]) -> Picture:
    y, x = np.mgrid[-1 : 1 : picture.height * 1j, -1 : 1 : picture.width * 1j]
    fall = 1 - rng.uniform(0.5, 0.7) * np.clip(np.hypot(x, y) - 0.35, 0, 1) ** 1.5
    return clipped(np.asarray(picture) * fall[..., None])


def stickers(picture: Picture, rng: Any, others: Sequence[Picture]) -> Picture:
    """Return the picture with a few coloured faces and stars on it."""
    copy = picture.copy()
    draw = ImageDraw.Draw(copy)
    for _ in range(int(rng.integers(2, 5))):
        r = min(picture.size) * rng.uniform(0.06, 0.11)
        x, y = rng.uniform(0.1, 0.9) * picture.width, rng.uniform(0.1, 0.9) * picture.height
        fill = tuple(map(int, rng.integers(120, 256, 3)))
        draw.ellipse((x - r, y - r, x + r, y + r), fill=fill, outline="white", width=int(r / 8) + 1)
        for side in (-1, 1):
            draw.ellipse((x + side * r * 0.4 - r / 8, y - r / 3, x + side * r * 0.4 + r / 8, y),
                         fill="black")  # fmt: skip
        draw.arc((x - r / 2, y - r / 4, x + r / 2, y + r * 0.6), 20, 160, "black", int(r / 10) + 1)
    return copy


def electronic_paper(picture: Picture, rng: Any, others: Sequence[Picture]) -> Picture:
    """Return the picture as a reader shows it: 16 greys, dithered, on a paper tone."""
    grey = fitted(picture, 1072, 1072).convert("L")
    palette = Image.new("P", (1, 1))
    palette.putpalette([v for k in range(16) for v in (k * 17,) * 3] * 16)
    few = grey.convert("RGB").quantize(16, palette=palette, dither=Image.Dither.FLOYDSTEINBERG)
    values = np.asarray(few.convert("L")).astype(np.float32)
    return clipped((40 + values * 0.75)[..., None] * [1.0, 0.99, 0.95])


def scan_of_print(picture: Picture, rng: Any, others: Sequence[Picture]) -> Picture:
    """Return a scan of a print: margins, a slant of up to 2 degrees, yellowing and dust."""
    shown = fitted(picture, 1500, 1500)
    sheet = ImageOps.expand(shown, round(max(shown.size) * 0.05), (246, 243, 234))
    sheet = sheet.rotate(rng.uniform(-2, 2), Image.Resampling.BICUBIC, fillcolor=(232, 232, 230))
    values = np.asarray(sheet).astype(np.float32) * [0.98, 0.94, 0.84] * 0.92 + 16
    values += rng.normal(0, 4, values.shape[:2])[..., None]
    scan = clipped(values).filter(ImageFilter.GaussianBlur(0.9))
    draw = ImageDraw.Draw(scan)
    for x, y in rng.uniform(0, 1, (40, 2)) * scan.size:
        draw.ellipse((x, y, x + 2, y + 2), fill=(225, 225, 220))
    return scan


def story(picture: Picture, rng: Any, others: Sequence[Picture]) -> Picture:
    """Return the picture cropped to 4:5 or 5:4 with a label on it."""
    size = (1080, 1350) if rng.random() < 0.5 else (1350, 1080)
    copy = filled(picture, *size)
    draw = ImageDraw.Draw(copy)
    top = rng.uniform(0.1, 0.8) * size[1]
    draw.rounded_rectangle((90, top, 700, top + 90), 20, fill=(0, 0, 0))
    draw.text((120, top + 18), "@somebody, yesterday", "white", font=font(44))
    return copy


def hue_turned(picture: Picture, degrees: float) -> Picture:
    hsv = np.asarray(picture.convert("HSV")).copy()
    hsv[..., 0] = (hsv[..., 0].astype(int) + round(degrees * 256 / 360)) % 256
    return Image.fromarray(hsv, "HSV").convert("RGB")


def hue(picture: Picture, rng: Any, others: Sequence[Picture]) -> Picture:
    return hue_turned(picture, rng.uniform(25, 150) * rng.choice([-1, 1]))


def most_colourful(picture: Picture, share: float, rng: Any) -> Any:
    """Return a soft ellipse, float in 0..1, over the most colourful of twenty places."""
    values = np.asarray(picture).astype(np.float32)
    h, w = values.shape[:2]
    ry, rx = (side * np.sqrt(share / np.pi) for side in (h, w))
    y, x = np.mgrid[:h, :w]
    chroma = cv2.blur(np.ptp(values, axis=-1), (max(int(rx), 1), max(int(ry), 1)))
    places = [
        (int(a * (h - 1)), int(b * (w - 1))) for a, b in rng.uniform(0.2, 0.8, (20, 2)).tolist()
    ]
    cy, cx = max(places, key=lambda place: chroma[place])
    mask = np.clip((1.15 - np.hypot((y - cy) / ry, (x - cx) / rx)) / 0.3, 0, 1)
    return mask.astype(np.float32)


def recoloured(picture: Picture, rng: Any, others: Sequence[Picture]) -> Picture:
    """Return the picture with the hue of a colourful part of 3 to 8 % turned."""
    mask = most_colourful(picture, rng.uniform(0.03, 0.08), rng)[..., None]
    turned = hue_turned(picture, rng.uniform(70, 180))
    return clipped(np.asarray(picture) * (1 - mask) + np.asarray(turned) * mask)


add("phone screenshot", NEW, REVIEW, phone_screenshot)
add("desktop screenshot", NEW, REVIEW, desktop_screenshot, form="PNG")
add("collage", NEW, REVIEW, collage)
add("slide", NEW, REVIEW, slide)
add("page", NEW, REVIEW, page)
add("blurred frame", NEW, REVIEW, blurred_frame)
add("photo of a screen", NEW, CHANGED, photo_of_screen, quality=85)
add("social chain", NEW, COPY, social, quality=60)
add("meme with bars", NEW, CHANGED, meme, quality=80)
add("perspective", NEW, CHANGED, perspective)
add("turned and cut", NEW, COPY, turned_and_cut)
add("deep crop", NEW, COPY, deep_crop)
add("film look", NEW, CHANGED, film)
add("vignette", NEW, CHANGED, vignette)
add("stickers", NEW, CHANGED, stickers)
add("electronic paper", NEW, CHANGED, electronic_paper)
add("scan of a print", NEW, CHANGED, scan_of_print, quality=85)
add("story with a label", NEW, CHANGED, story, quality=80)
add("mirrored, bars, half size", NEW, COPY, alone(
    lambda p: further.barred(plain.scaled(ImageOps.mirror(p), 0.5))), quality=80)  # fmt: skip
add("hue turned", NEW, REVIEW, hue)
add("recoloured part", NEW, REVIEW, recoloured)

CONTAINERS = (
    "phone screenshot", "desktop screenshot", "collage", "slide", "page", "blurred frame"
)  # fmt: skip


def made(group: str) -> list[Transform]:
    """Return the transforms of a group."""
    return [one for one in TRANSFORMS.values() if one.group == group]
