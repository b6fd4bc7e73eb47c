"""Containers: which pictures that show another one inside are told from crops, borders and marks.

    python benchmarks/bench_containers.py FOLDER [--only KIND]... [--photos N]

Draws containers (windows, phones, collages, pages, screens, ...), and crops, borders and marks that
are none, with every photograph of a folder. Prints for each kind how many pairs the thumbnails call
the same picture, how many of those are called contained, and the milliseconds a pair.
"""

from __future__ import annotations

import argparse
import io
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont, ImageOps

from dedup_nb.compare import containers, verify
from dedup_nb.compare.holding import aligning
from dedup_nb.compare.look_words import CONTAINED
from dedup_nb.pictures import features

THUMBNAIL_PX = 256  # where a real map comes from
SIDE_PX = 900
CONTAINER, PLAIN = "containers", "no containers"
WORDS = (
    "the of and a to in is you that it he was for on are as with his they I at be this have from "
    "or one had by word but not what all were we when your can said there use an each which she"
).split()


class Made(NamedTuple):
    """A picture that shows another one, and the map from the other one to it."""

    whole: Any
    matrix: Any
    part: Any = None  # what it shows, if that is not the photograph itself


Maker = Callable[[Any, Sequence[Any], Any], Made]
KINDS: dict[str, tuple[str, Maker]] = {}


def kind(name: str, group: str) -> Callable[[Maker], Maker]:
    """Register a way of showing a picture."""

    def add(make: Maker) -> Maker:
        KINDS[name] = group, make
        return make

    return add


def font(size: float) -> Any:
    return ImageFont.load_default(max(round(size), 6))


def words(rng: Any, count: int) -> str:
    return " ".join(WORDS[int(k)] for k in rng.integers(0, len(WORDS), count))


def paragraph(
    draw: Any, box: tuple[float, float, float, float], size: float, rng: Any, fill: Any
) -> None:
    """Fill a box with lines of text."""
    left, top, right, bottom = box
    y = top
    while y + size <= bottom:
        share = 1 if rng.random() < 0.8 else 0.55
        line = words(rng, 40)
        while line and draw.textlength(line, font(size)) > (right - left) * share:
            line = line[:-3]
        draw.text((left, y), line, fill=fill, font=font(size))
        y += size * 1.45


def put(
    page: Any, picture: Any, box: Sequence[float], rounded: int = 0, over: Any = None
) -> tuple[Any, Any]:
    """Put a picture into a box of a page; return the page and the map."""
    left, top, right, bottom = (round(v) for v in box)
    size = max(right - left, 8), max(bottom - top, 8)
    small = picture.resize(size, Image.Resampling.LANCZOS)
    mask = Image.new("L", size, 255)
    if rounded:
        mask = Image.new("L", size, 0)
        ImageDraw.Draw(mask).rounded_rectangle((0, 0, size[0] - 1, size[1] - 1), rounded, 255)
    page.paste(small, (left, top), mask)
    x, y = size[0] / picture.width, size[1] / picture.height
    matrix = np.array([[x, 0, left + (x - 1) / 2], [0, y, top + (y - 1) / 2]])
    return page, matrix


def fitted(picture: Any, box: Sequence[float]) -> tuple[float, float, float, float]:
    """Return the largest box of the picture's aspect in the middle of another box."""
    left, top, right, bottom = box
    scale = min((right - left) / picture.width, (bottom - top) / picture.height)
    w, h = picture.width * scale, picture.height * scale
    x, y = (left + right - w) / 2, (top + bottom - h) / 2
    return x, y, x + w, y + h


def saved(picture: Any, rng: Any) -> Any:
    """Return a picture as saved: PNG, or JPEG of some quality."""
    if rng.random() < 0.3:
        return picture
    data = io.BytesIO()
    picture.save(data, "JPEG", quality=int(rng.integers(55, 95)))
    return Image.open(data).convert("RGB")


def tone(rng: Any, low: int, high: int) -> tuple[int, int, int]:
    level = int(rng.integers(low, high))
    return tuple(int(np.clip(level + d, 0, 255)) for d in rng.integers(-8, 9, 3))  # type: ignore


def icons(draw: Any, y: float, height: float, left: float, right: float, n: int, fill: Any) -> None:
    for x in np.linspace(left + height, right - height, n):
        r = height * 0.28
        draw.ellipse(
            (x - r, y + height / 2 - r, x + r, y + height / 2 + r),
            outline=fill,
            width=max(int(height / 14), 1),
        )
        draw.line(
            (x - r / 2, y + height / 2, x + r / 2, y + height / 2),
            fill=fill,
            width=max(int(height / 14), 1),
        )


# -- containers ------------------------------------------------------------------------------------


@kind("browser window", CONTAINER)
def browser(p: Any, others: Sequence[Any], rng: Any) -> Made:
    w, h = 1440, int(rng.choice([810, 900, 960]))
    dark = rng.random() < 0.4
    paper, ink = (
        (tone(rng, 18, 45), (225, 225, 225)) if dark else (tone(rng, 240, 256), (40, 40, 40))
    )
    page = Image.new("RGB", (w, h), paper)
    draw = ImageDraw.Draw(page)
    draw.rectangle((0, 0, w, 38), fill=tone(rng, 60, 220))
    draw.rectangle((0, 38, w, 78), fill=tone(rng, 200, 245) if not dark else tone(rng, 40, 70))
    draw.rounded_rectangle((160, 44, w - 200, 72), 12, fill=paper)
    draw.text(
        (180, 48), "https://www." + words(rng, 1) + ".org/" + words(rng, 1), fill=ink, font=font(17)
    )
    icons(draw, 40, 34, 0, 150, 3, ink)
    draw.text((60, 8), words(rng, 4), fill=(30, 30, 30), font=font(17))
    left, wide = int(rng.integers(40, 260)), float(rng.uniform(0.45, 0.7)) * w
    box = fitted(p, (left, 130, left + wide, h - 90))
    page, m = put(page, p, box)
    draw.text((left, 92), words(rng, 6), fill=ink, font=font(26))
    paragraph(draw, (left, box[3] + 12, box[2], h - 8), 17, rng, ink)
    paragraph(draw, (box[2] + 40, 120, w - 40, h - 30), 17, rng, ink)
    return Made(page, m)


@kind("desktop", CONTAINER)
def desktop(p: Any, others: Sequence[Any], rng: Any) -> Made:
    w, h = 1440, 900
    page = (
        ImageOps.fit(others[0], (w, h))
        if rng.random() < 0.6
        else Image.new("RGB", (w, h), tone(rng, 20, 140))
    )
    draw = ImageDraw.Draw(page)
    draw.rectangle((0, h - 42, w, h), fill=tone(rng, 15, 60))
    icons(draw, h - 42, 42, 0, 460, 8, (240, 240, 240))
    for k in range(5):
        draw.rectangle((24, 30 + 110 * k, 74, 80 + 110 * k), fill=tone(rng, 80, 220))
        draw.text((18, 86 + 110 * k), words(rng, 1), fill="white", font=font(14))
    box = fitted(p, (150 + rng.integers(0, 120), 90, w - 60 - rng.integers(0, 200), h - 90))
    draw.rectangle((box[0] - 1, box[1] - 34, box[2], box[3] + 24), fill=tone(rng, 215, 250))
    draw.text((box[0] + 8, box[1] - 27), words(rng, 3) + ".jpg", fill=(30, 30, 30), font=font(16))
    draw.text((box[0] + 8, box[3] + 4), "768 x 512  100%", fill=(60, 60, 60), font=font(13))
    return Made(*put(page, p, box))


@kind("phone gallery", CONTAINER)
def phone(p: Any, others: Sequence[Any], rng: Any) -> Made:
    w, h = 720, int(rng.choice([1280, 1440, 1560]))
    dark = rng.random() < 0.6
    paper, ink = ((0, 0, 0), (235, 235, 235)) if dark else ((255, 255, 255), (30, 30, 30))
    page = Image.new("RGB", (w, h), paper)
    draw = ImageDraw.Draw(page)
    page, m = put(page, p, fitted(p, (0, 150, w, h - 150)))
    draw.text((30, 12), f"{rng.integers(0, 24)}:{rng.integers(10, 60)}", fill=ink, font=font(26))
    icons(draw, 6, 40, w - 190, w, 3, ink)
    draw.text((40, 72), words(rng, 2) + " 2024", fill=ink, font=font(30))
    icons(draw, h - 110, 80, 0, w, 5, ink)
    return Made(page, m)


@kind("phone strip", CONTAINER)
def strip(p: Any, others: Sequence[Any], rng: Any) -> Made:
    made = phone(p, others, rng)
    page = made.whole
    for k in range(9):  # the neighbours, small
        small = ImageOps.fit(others[k % len(others)], (76, 76))
        page.paste(small, (k * 80, page.height - 200))
    return made


@kind("social post", CONTAINER)
def post(p: Any, others: Sequence[Any], rng: Any) -> Made:
    w = 720
    tall = round(w * p.height / p.width)
    h = tall + int(rng.integers(380, 560))
    dark = rng.random() < 0.4
    paper, ink = ((10, 10, 12), (235, 235, 235)) if dark else ((255, 255, 255), (20, 20, 20))
    page = Image.new("RGB", (w, h), paper)
    draw = ImageDraw.Draw(page)
    top = 120
    inset = int(rng.choice([0, 0, 24]))
    page, m = put(
        page, p, (inset, top, w - inset, top + tall - 2 * inset * p.height / p.width), rounded=inset
    )
    draw.ellipse((24, 30, 94, 100), fill=tone(rng, 60, 200))
    draw.text((110, 34), words(rng, 2), fill=ink, font=font(28))
    draw.text((110, 70), "2 h", fill=(130, 130, 130), font=font(20))
    y = top + tall + 10
    icons(draw, y, 60, 0, 280, 3, ink)
    draw.text((24, y + 70), f"{rng.integers(2, 900)} likes", fill=ink, font=font(24))
    paragraph(draw, (24, y + 110, w - 24, h - 20), 24, rng, ink)
    return Made(page, m)


@kind("chat", CONTAINER)
def chat(p: Any, others: Sequence[Any], rng: Any) -> Made:
    w, h = 720, 1400
    page = Image.new(
        "RGB", (w, h), tone(rng, 190, 240) if rng.random() < 0.6 else tone(rng, 10, 40)
    )
    draw = ImageDraw.Draw(page)
    draw.rectangle((0, 0, w, 110), fill=tone(rng, 30, 120))
    draw.text((120, 40), words(rng, 2), fill="white", font=font(30))
    mine = bool(rng.random() < 0.5)
    wide = int(rng.integers(430, 560))
    left = w - wide - 24 if mine else 24
    tall = round(wide * p.height / p.width)
    top = int(rng.integers(300, max(320, h - tall - 320)))
    bubble = tone(rng, 200, 250)
    draw.rounded_rectangle((left - 8, top - 8, left + wide + 8, top + tall + 44), 18, fill=bubble)
    page, m = put(page, p, (left, top, left + wide, top + tall), rounded=14)
    draw.text((left + wide - 80, top + tall + 12), "12:31", fill=(100, 100, 100), font=font(18))
    for y in (140, 220, top + tall + 80, top + tall + 180):
        x = 24 if rng.random() < 0.5 else 240
        if y < h - 150 and not top - 80 < y < top + tall + 50:
            draw.rounded_rectangle((x, y, x + 430, y + 66), 18, fill=bubble)
            draw.text((x + 16, y + 18), words(rng, 5), fill=(30, 30, 30), font=font(22))
    draw.rounded_rectangle((20, h - 90, w - 100, h - 24), 30, fill="white")
    return Made(page, m)


@kind("lightbox", CONTAINER)
def lightbox(p: Any, others: Sequence[Any], rng: Any) -> Made:
    w, h = 1440, 900
    page = Image.new("RGB", (w, h), tone(rng, 8, 50))
    draw = ImageDraw.Draw(page)
    page, m = put(page, p, fitted(p, (110, 60, w - 110, h - 60)))
    draw.text((w - 50, 14), "x", fill=(220, 220, 220), font=font(34))
    draw.text((30, h / 2), "<", fill=(220, 220, 220), font=font(44))
    draw.text((w - 56, h / 2), ">", fill=(220, 220, 220), font=font(44))
    draw.text((30, 16), f"{rng.integers(1, 9)} / 12", fill=(220, 220, 220), font=font(20))
    return Made(page, m)


@kind("collage of two", CONTAINER)
def two(p: Any, others: Sequence[Any], rng: Any) -> Made:
    gap = int(rng.choice([0, 0, 6, 16]))
    o = ImageOps.fit(others[0], p.size)
    across = bool(rng.random() < 0.5)
    size = (p.width * 2 + gap, p.height) if across else (p.width, p.height * 2 + gap)
    page = Image.new("RGB", size, "white")
    at = (p.width + gap, 0) if across else (0, p.height + gap)
    first = bool(rng.random() < 0.5)
    page.paste(o, at if first else (0, 0))
    x, y = (0, 0) if first else at
    return Made(*put(page, p, (x, y, x + p.width, y + p.height)))


@kind("collage of four", CONTAINER)
def four(p: Any, others: Sequence[Any], rng: Any) -> Made:
    gap, edge = int(rng.choice([0, 0, 8, 20])), int(rng.choice([0, 20]))
    w, h = (n * 2 // 3 for n in p.size)
    page = Image.new("RGB", (2 * w + gap + 2 * edge, 2 * h + gap + 2 * edge), tone(rng, 0, 256))
    slots = [(edge + x * (w + gap), edge + y * (h + gap)) for y in (0, 1) for x in (0, 1)]
    own = int(rng.integers(0, 4))
    for k, slot in enumerate(slots):
        page.paste(ImageOps.fit(others[k % len(others)], (w, h)), slot)
    x, y = slots[own]
    return Made(*put(page, p, (x, y, x + w, y + h)))


@kind("collage, one large", CONTAINER)
def one_large(p: Any, others: Sequence[Any], rng: Any) -> Made:
    gap = int(rng.choice([0, 6, 12]))
    side = p.height // 3
    page = Image.new("RGB", (p.width + gap + side, p.height), "white")
    for k in range(3):
        page.paste(
            ImageOps.fit(others[k % len(others)], (side, side - gap)), (p.width + gap, k * side)
        )
    return Made(*put(page, p, (0, 0, p.width, p.height)))


@kind("contact sheet", CONTAINER)
def sheet(p: Any, others: Sequence[Any], rng: Any) -> Made:
    columns, rows = int(rng.integers(2, 4)), int(rng.integers(2, 4))
    w, h = 420, 330
    page = Image.new(
        "RGB",
        (columns * w, rows * h),
        tone(rng, 230, 256) if rng.random() < 0.6 else tone(rng, 10, 50),
    )
    draw = ImageDraw.Draw(page)
    ink = (120, 120, 120)
    own, matrix = int(rng.integers(0, columns * rows)), None
    for k in range(columns * rows):
        x, y = k % columns * w, k // columns * h
        shown = p if k == own else others[k % len(others)]
        page, m = put(page, shown, fitted(shown, (x + 15, y + 15, x + w - 15, y + h - 40)))
        matrix = m if k == own else matrix
        draw.text(
            (x + 20, y + h - 32), f"IMG_{rng.integers(1000, 9999)}.JPG", fill=ink, font=font(16)
        )
    return Made(page, matrix)


@kind("blurred frame", CONTAINER)
def blurred(p: Any, others: Sequence[Any], rng: Any) -> Made:
    aspect = float(rng.choice([1.0, 9 / 16, 16 / 9, 4 / 5]))
    if abs(np.log(aspect / (p.width / p.height))) < 0.25:
        aspect = 1 / aspect if aspect != 1 else 16 / 9
    w = 1080
    h = round(w / aspect)
    page = ImageOps.fit(p, (w, h)).filter(ImageFilter.GaussianBlur(float(rng.choice([12, 25, 40]))))
    if rng.random() < 0.4:
        page = page.point(lambda v: int(v * 0.65))
    return Made(*put(page, p, fitted(p, (0, 0, w, h))))


@kind("blurred frame all around", CONTAINER)
def blurred_around(p: Any, others: Sequence[Any], rng: Any) -> Made:
    w, h = round(p.width * 1.25), round(p.height * 1.25)
    page = p.resize((w, h)).filter(ImageFilter.GaussianBlur(float(rng.choice([10, 20, 30]))))
    return Made(*put(page, p, fitted(p, (w * 0.1, h * 0.1, w * 0.9, h * 0.9))))


@kind("slide", CONTAINER)
def slide(p: Any, others: Sequence[Any], rng: Any) -> Made:
    w, h = 1280, 720
    dark = rng.random() < 0.3
    paper, ink = (
        (tone(rng, 20, 60), (240, 240, 240)) if dark else (tone(rng, 235, 256), (30, 30, 60))
    )
    page = Image.new("RGB", (w, h), paper)
    draw = ImageDraw.Draw(page)
    draw.text((60, 40), words(rng, 4).title(), fill=ink, font=font(46))
    left = bool(rng.random() < 0.5)
    box = fitted(p, (60, 140, 760, 660) if left else (520, 140, 1220, 660))
    page, m = put(page, p, box)
    x = 800 if left else 60
    for k in range(4):
        draw.text((x, 180 + 90 * k), "- " + words(rng, 4), fill=ink, font=font(26))
    draw.text((w - 70, h - 40), str(rng.integers(2, 60)), fill=ink, font=font(18))
    return Made(page, m)


@kind("page", CONTAINER)
def page_of_text(p: Any, others: Sequence[Any], rng: Any) -> Made:
    w, h = 1000, 1414
    page = Image.new("RGB", (w, h), tone(rng, 238, 256))
    draw = ImageDraw.Draw(page)
    tall = round(800 * p.height / p.width)
    wide = 800 if tall < 800 else round(800 * 800 / tall)
    tall = min(tall, 800)
    top = int(rng.integers(180, 460))
    page, m = put(page, p, (100, top, 100 + wide, top + tall))
    paragraph(draw, (100, 90, 900, top - 20), 18, rng, (30, 30, 30))
    if wide < 700:
        paragraph(draw, (120 + wide, top, 900, top + tall), 18, rng, (30, 30, 30))
    paragraph(draw, (100, top + tall + 20, 900, 1330), 18, rng, (30, 30, 30))
    return Made(page, m)


@kind("magazine", CONTAINER)
def magazine(p: Any, others: Sequence[Any], rng: Any) -> Made:
    w, h = p.width, round(p.height * 1.5)
    top = int(rng.choice([0, round(p.height * 0.5)]))
    page = Image.new("RGB", (w, h), tone(rng, 20, 250))
    draw = ImageDraw.Draw(page)
    page, m = put(page, p, (0, top, w, top + p.height))
    y = p.height if not top else 0
    ink = "white" if sum(page.getpixel((1, y + 2))) < 380 else "black"
    draw.text((20, y + 12), words(rng, 3).upper(), fill=ink, font=font(48))
    paragraph(draw, (20, y + 80, w * 0.48, y + p.height * 0.5 - 10), 15, rng, ink)
    paragraph(draw, (w * 0.52, y + 80, w - 20, y + p.height * 0.5 - 10), 15, rng, ink)
    return Made(page, m)


def _seen(page: Any, m: Any, rng: Any, tilt: float) -> Made:
    """Photograph a page from a little aside."""
    w, h = page.size
    to = np.array([[0, 0], [w, 0], [w, h], [0, h]], np.float32)
    to += rng.uniform(-tilt, tilt, (4, 2)).astype(np.float32) * w
    shot = cv2.warpPerspective(
        np.asarray(page),
        cv2.getPerspectiveTransform(np.float32([[0, 0], [w, 0], [w, h], [0, h]]), to),
        (w, h),
        borderMode=cv2.BORDER_REPLICATE,
    )
    map_ = cv2.getPerspectiveTransform(np.float32([[0, 0], [w, 0], [w, h], [0, h]]), to)
    x, y = (m[0, 2], m[1, 2])
    shot = cv2.GaussianBlur(shot, (0, 0), float(rng.uniform(0.5, 1.0)))
    noise = rng.normal(0, float(rng.uniform(2, 6)), shot.shape)
    shade = np.linspace(rng.uniform(0.8, 1.0), rng.uniform(0.8, 1.05), w)[None, :, None]
    shot = np.clip(shot * shade + noise, 0, 255).astype(np.uint8)
    grid = np.float32(
        [
            [[x, y]],
            [[x + m[0, 0] * 500, y]],
            [[x, y + m[1, 1] * 500]],
            [[x + m[0, 0] * 500, y + m[1, 1] * 500]],
        ]
    )
    there = cv2.perspectiveTransform(grid, map_)[:, 0]
    here = np.array([[0, 0, 1], [500, 0, 1], [0, 500, 1], [500, 500, 1]])
    affine = np.linalg.lstsq(here, there, rcond=None)[0].T
    return Made(Image.fromarray(shot), affine)


@kind("photo of a screen", CONTAINER)
def screen(p: Any, others: Sequence[Any], rng: Any) -> Made:
    w, h = 1200, 900
    page = ImageOps.fit(others[0], (w, h)).filter(ImageFilter.GaussianBlur(6))
    draw = ImageDraw.Draw(page)
    box = fitted(p, (150, 110, w - 150, h - 190))
    draw.rounded_rectangle(
        (box[0] - 26, box[1] - 26, box[2] + 26, box[3] + 34), 8, fill=tone(rng, 8, 40)
    )
    page, m = put(page, p, box)
    draw.rectangle((w / 2 - 40, box[3] + 34, w / 2 + 40, h), fill=tone(rng, 30, 80))
    return _seen(page, m, rng, 0.008)


@kind("photo of a print", CONTAINER)
def printed(p: Any, others: Sequence[Any], rng: Any) -> Made:
    w, h = 1200, 900
    page = ImageOps.fit(others[0], (w, h))
    draw = ImageDraw.Draw(page)
    box = fitted(p, (170, 120, w - 170, h - 120))
    edge = int(rng.choice([0, 24, 40]))
    draw.rectangle(
        (box[0] - edge, box[1] - edge, box[2] + edge, box[3] + edge), fill=tone(rng, 225, 252)
    )
    page, m = put(page, p, box)
    return _seen(page, m, rng, 0.008)


@kind("picture in picture", CONTAINER)
def inset(p: Any, others: Sequence[Any], rng: Any) -> Made:
    w, h = 1280, 720
    page = ImageOps.fit(others[0], (w, h))
    wide = int(rng.integers(480, 760))
    tall = round(wide * p.height / p.width)
    if tall > h - 60:
        tall, wide = h - 60, round((h - 60) * p.width / p.height)
    x, y = (
        (30 if rng.random() < 0.5 else w - wide - 30),
        (30 if rng.random() < 0.5 else h - tall - 30),
    )
    edge = int(rng.choice([0, 4]))
    ImageDraw.Draw(page).rectangle(
        (x - edge, y - edge, x + wide + edge - 1, y + tall + edge - 1), fill="white"
    )
    return Made(*put(page, p, (x, y, x + wide, y + tall)))


@kind("meme of two", CONTAINER)
def meme_of_two(p: Any, others: Sequence[Any], rng: Any) -> Made:
    bar = p.height // 5
    page = Image.new("RGB", (p.width, 2 * p.height + 2 * bar), "white")
    draw = ImageDraw.Draw(page)
    other = ImageOps.fit(others[0], p.size)
    first = bool(rng.random() < 0.5)
    for k in (0, 1):
        top = k * (p.height + bar)
        draw.text((20, top + bar // 4), words(rng, 5), fill="black", font=font(bar * 0.45))
        if (k == 0) != first:
            page.paste(other, (0, top + bar))
    top = bar if first else p.height + 2 * bar
    return Made(*put(page, p, (0, top, p.width, top + p.height)))


@kind("video player", CONTAINER)
def player(p: Any, others: Sequence[Any], rng: Any) -> Made:
    w, h = 1280, 860
    page = Image.new("RGB", (w, h), (248, 248, 248))
    draw = ImageDraw.Draw(page)
    draw.rectangle((20, 70, 860, 543), fill="black")
    page, m = put(page, p, fitted(p, (20, 70, 860, 543)))
    draw.rectangle((0, 0, w, 54), fill=(255, 255, 255))
    draw.text((20, 14), words(rng, 1).title(), fill=(200, 20, 20), font=font(26))
    draw.text((20, 560), words(rng, 7), fill=(20, 20, 20), font=font(26))
    paragraph(draw, (20, 610, 860, 850), 18, rng, (80, 80, 80))
    for k in range(6):
        page.paste(ImageOps.fit(others[k % len(others)], (168, 94)), (890, 70 + 110 * k))
        paragraph(draw, (1070, 74 + 110 * k, 1260, 150 + 110 * k), 15, rng, (40, 40, 40))
    return Made(page, m)


@kind("editor", CONTAINER)
def editor(p: Any, others: Sequence[Any], rng: Any) -> Made:
    w, h = 1440, 900
    page = Image.new("RGB", (w, h), tone(rng, 35, 75))
    draw = ImageDraw.Draw(page)
    draw.rectangle((0, 0, w, 30), fill=tone(rng, 60, 90))
    draw.text(
        (12, 6),
        "File  Edit  Image  Layer  Select  Filter  View",
        fill=(220, 220, 220),
        font=font(15),
    )
    for k in range(14):
        draw.rectangle((8, 50 + 36 * k, 36, 78 + 36 * k), outline=(180, 180, 180), width=2)
    draw.rectangle((w - 260, 30, w, h), fill=tone(rng, 60, 80))
    paragraph(draw, (w - 240, 60, w - 20, h - 20), 14, rng, (200, 200, 200))
    return Made(*put(page, p, fitted(p, (90, 70, w - 300, h - 50))))


@kind("a crop of what it shows", CONTAINER)
def crop_shown(p: Any, others: Sequence[Any], rng: Any) -> Made:
    makers = [browser, phone, slide, two, blurred, editor]
    made = makers[int(rng.integers(0, len(makers)))](p, others, rng)
    x, y, part = _crop(p, rng, 0.7, 0.92)
    return Made(made.whole, _chained(x, y, made.matrix), part)


def _chained(x: float, y: float, m: Any) -> Any:
    return np.column_stack([m[:, :2], m[:, :2] @ [x, y] + m[:, 2]])


# -- no containers ---------------------------------------------------------------------------------


def _crop(p: Any, rng: Any, low: float, high: float, same: bool = False) -> tuple[int, int, Any]:
    a = float(rng.uniform(low, high))
    b = a if same else float(rng.uniform(low, high))
    w, h = round(p.width * a), round(p.height * b)
    x, y = int(rng.integers(0, p.width - w + 1)), int(rng.integers(0, p.height - h + 1))
    return x, y, p.crop((x, y, x + w, y + h))


def _of_crop(p: Any, x: float, y: float, part: Any, rng: Any) -> Made:
    factor = float(rng.choice([1.0, 1.0, 0.6, 1.4]))
    if factor != 1:
        size = round(part.width * factor), round(part.height * factor)
        fx, fy = part.width / size[0], part.height / size[1]
        part = part.resize(size, Image.Resampling.LANCZOS)
    else:
        fx = fy = 1.0
    return Made(
        p, np.array([[fx, 0, x + (fx - 1) / 2], [0, fy, y + (fy - 1) / 2]]), saved(part, rng)
    )


@kind("crop", PLAIN)
def crop(p: Any, others: Sequence[Any], rng: Any) -> Made:
    return _of_crop(p, *_crop(p, rng, 0.5, 0.95), rng)


@kind("crop, slight", PLAIN)
def slight(p: Any, others: Sequence[Any], rng: Any) -> Made:
    return _of_crop(p, *_crop(p, rng, 0.85, 0.98), rng)


@kind("crop, tight", PLAIN)
def tight(p: Any, others: Sequence[Any], rng: Any) -> Made:
    return _of_crop(p, *_crop(p, rng, 0.35, 0.6), rng)


@kind("crop of one side", PLAIN)
def one_side(p: Any, others: Sequence[Any], rng: Any) -> Made:
    share = float(rng.uniform(0.05, 0.4))
    w, h = p.size
    boxes = [
        (0, 0, w, h * (1 - share)),
        (0, h * share, w, h),
        (0, 0, w * (1 - share), h),
        (w * share, 0, w, h),
    ]
    box = tuple(round(v) for v in boxes[int(rng.integers(0, 4))])
    return _of_crop(p, box[0], box[1], p.crop(box), rng)


@kind("crop to a square", PLAIN)
def square(p: Any, others: Sequence[Any], rng: Any) -> Made:
    side = min(p.size)
    x, y = (p.width - side) // 2, (p.height - side) // 2
    return _of_crop(p, x, y, p.crop((x, y, x + side, y + side)), rng)


def _bordered(p: Any, edges: Sequence[int], fill: Any) -> Made:
    left, top, right, bottom = edges
    page = Image.new("RGB", (p.width + left + right, p.height + top + bottom), fill)
    return Made(*put(page, p, (left, top, left + p.width, top + p.height)))


@kind("border", PLAIN)
def border(p: Any, others: Sequence[Any], rng: Any) -> Made:
    edge = int(rng.integers(12, 120))
    return _bordered(
        p, [edge] * 4, [(255, 255, 255), (0, 0, 0), tone(rng, 20, 240)][int(rng.integers(0, 3))]
    )


@kind("border, double", PLAIN)
def double(p: Any, others: Sequence[Any], rng: Any) -> Made:
    a, b = int(rng.integers(6, 40)), int(rng.integers(10, 60))
    page = ImageOps.expand(ImageOps.expand(p, a, tone(rng, 0, 256)), b, tone(rng, 0, 256))
    return Made(page, np.array([[1.0, 0, a + b], [0, 1, a + b]]))


@kind("border, rounded", PLAIN)
def rounded(p: Any, others: Sequence[Any], rng: Any) -> Made:
    edge = int(rng.integers(14, 80))
    page = Image.new(
        "RGB", (p.width + 2 * edge, p.height + 2 * edge), "white" if rng.random() < 0.5 else "black"
    )
    return Made(
        *put(
            page,
            p,
            (edge, edge, edge + p.width, edge + p.height),
            rounded=int(rng.integers(20, 60)),
        )
    )


@kind("border with a shadow", PLAIN)
def shadow(p: Any, others: Sequence[Any], rng: Any) -> Made:
    edge = int(rng.integers(30, 80))
    page = Image.new("RGB", (p.width + 2 * edge, p.height + 2 * edge), "white")
    ImageDraw.Draw(page).rectangle(
        (edge + 6, edge + 6, edge + p.width + 8, edge + p.height + 8), fill=(120, 120, 120)
    )
    page = page.filter(ImageFilter.GaussianBlur(6))
    return Made(*put(page, p, (edge, edge, edge + p.width, edge + p.height)))


@kind("polaroid", PLAIN)
def polaroid(p: Any, others: Sequence[Any], rng: Any) -> Made:
    edge = p.width // 18
    made = _bordered(p, (edge, edge, edge, 4 * edge), tone(rng, 235, 256))
    if rng.random() < 0.5:
        ImageDraw.Draw(made.whole).text(
            (edge * 3, p.height + 2 * edge), words(rng, 3), fill=(40, 40, 80), font=font(edge)
        )
    return made


@kind("letterbox", PLAIN)
def letterbox(p: Any, others: Sequence[Any], rng: Any) -> Made:
    edge = int(p.height * rng.uniform(0.05, 0.45))
    return _bordered(p, (0, edge, 0, edge), (0, 0, 0) if rng.random() < 0.7 else (255, 255, 255))


@kind("pillarbox", PLAIN)
def pillarbox(p: Any, others: Sequence[Any], rng: Any) -> Made:
    edge = int(p.width * rng.uniform(0.05, 0.45))
    return _bordered(p, (edge, 0, edge, 0), (0, 0, 0) if rng.random() < 0.7 else (255, 255, 255))


@kind("caption bar", PLAIN)
def caption(p: Any, others: Sequence[Any], rng: Any) -> Made:
    bar = int(p.height * rng.uniform(0.08, 0.2))
    above = bool(rng.random() < 0.5)
    dark = bool(rng.random() < 0.4)
    made = _bordered(p, (0, bar, 0, 0) if above else (0, 0, 0, bar), "black" if dark else "white")
    y = 0 if above else p.height
    ImageDraw.Draw(made.whole).text(
        (20, y + bar * 0.2), words(rng, 6), fill="white" if dark else "black", font=font(bar * 0.5)
    )
    return made


@kind("meme bars", PLAIN)
def meme(p: Any, others: Sequence[Any], rng: Any) -> Made:
    bar = p.height // 6
    made = _bordered(p, (0, bar, 0, bar), "black" if rng.random() < 0.5 else "white")
    ink = "white" if made.whole.getpixel((1, 1)) == (0, 0, 0) else "black"
    draw = ImageDraw.Draw(made.whole)
    for y in (0, bar + p.height):
        draw.text((20, y + bar * 0.2), words(rng, 4).upper(), fill=ink, font=font(bar * 0.5))
    return made


@kind("date stamp, cropped", PLAIN)
def stamp(p: Any, others: Sequence[Any], rng: Any) -> Made:
    x, y, part = _crop(p, rng, 0.8, 0.95)
    ImageDraw.Draw(part).text(
        (part.width - 150, part.height - 36), "12 05 '04", fill=(255, 140, 20), font=font(24)
    )
    return _of_crop(p, x, y, part, rng)


@kind("vignette, cropped", PLAIN)
def vignette(p: Any, others: Sequence[Any], rng: Any) -> Made:
    v, u = np.meshgrid(np.linspace(-1, 1, p.height), np.linspace(-1, 1, p.width), indexing="ij")
    dark = 1 - 0.35 * np.clip(u * u + v * v - 0.3, 0, 2)
    page = Image.fromarray((np.asarray(p) * dark[..., None]).clip(0, 255).astype(np.uint8))
    x, y, part = _crop(p, rng, 0.7, 0.95)
    return _of_crop(page, x, y, part, rng)


@kind("turned a little", PLAIN)
def turned(p: Any, others: Sequence[Any], rng: Any) -> Made:
    angle = float(rng.uniform(1, 5)) * (1 if rng.random() < 0.5 else -1)
    w, h = round(p.width * 0.85), round(p.height * 0.85)
    m = cv2.getRotationMatrix2D((w / 2, h / 2), angle, 1.0)
    m[:, 2] += (p.width - w) / 2, (p.height - h) / 2
    part = cv2.warpAffine(np.asarray(p), m, (w, h), flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP)
    return Made(p, m, Image.fromarray(part))


@kind("perspective", PLAIN)
def perspective(p: Any, others: Sequence[Any], rng: Any) -> Made:
    w, h = round(p.width * 0.85), round(p.height * 0.85)
    x, y = (p.width - w) / 2, (p.height - h) / 2
    corners = np.float32([[x, y], [x + w, y], [x + w, y + h], [x, y + h]])
    corners += rng.uniform(-0.015, 0.015, (4, 2)).astype(np.float32) * p.width
    m = cv2.getPerspectiveTransform(np.float32([[0, 0], [w, 0], [w, h], [0, h]]), corners)
    part = cv2.warpPerspective(
        np.asarray(p), m, (w, h), flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    )
    there = cv2.perspectiveTransform(np.float32([[[0, 0]], [[w, 0]], [[0, h]], [[w, h]]]), m)[:, 0]
    here = np.array([[0, 0, 1], [w, 0, 1], [0, h, 1], [w, h, 1]])
    return Made(p, np.linalg.lstsq(here, there, rcond=None)[0].T, Image.fromarray(part))


@kind("outpainted", PLAIN)
def outpainted(p: Any, others: Sequence[Any], rng: Any) -> Made:
    """The edge of a picture continued by its own mirror, as a drawn continuation does."""
    p = ImageOps.crop(p, 8)  # without the dark edge of a scan
    pad = int(rng.uniform(0.08, 0.3) * min(p.size))
    wide = cv2.copyMakeBorder(np.asarray(p), pad, pad, pad, pad, cv2.BORDER_REFLECT_101)
    page = saved(Image.fromarray(wide), rng)
    return Made(page, np.array([[1.0, 0, pad], [0, 1, pad]]), p)


# -- measuring -------------------------------------------------------------------------------------


def photographs(folder: Path, most: int) -> list[Any]:
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in (".jpg", ".jpeg", ".png"))
    pictures = []
    for path in paths[:: max(len(paths) // most, 1)][:most]:
        picture = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
        picture.thumbnail((SIDE_PX, SIDE_PX), Image.Resampling.LANCZOS)
        if min(picture.size) >= 200:
            pictures.append(picture)
    return pictures


def cases(pictures: Sequence[Any], only: Sequence[str]) -> Iterator[tuple[str, Any, Any]]:
    """Yield kinds, with a picture and what shows it."""
    for name, (_, make) in KINDS.items():
        for k, picture in enumerate(pictures if not only or name in only else ()):
            rng = np.random.default_rng(zlib.crc32(f"{name} {k} 0".encode()))
            others = [pictures[int(n)] for n in rng.permutation(len(pictures)) if n != k][:9]
            made = make(picture, others, rng)
            yield name, made.part or picture, saved(made.whole, rng)


def by_thumbnails(part: Any, whole: Any) -> verify.Verdict:
    """Return the verdict on two pictures as in a run."""
    small = []
    for picture in (part, whole):
        copy = picture.copy()
        copy.thumbnail((THUMBNAIL_PX, THUMBNAIL_PX), Image.Resampling.LANCZOS)
        pixels = np.asarray(copy)
        small.append(features.unpack(features.extract(pixels), pixels))
    return verify.same_picture(small[0], small[1], (part.size, whole.size))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--photos", type=int, default=40)
    args = parser.parse_args()
    counts: dict[str, list[float]] = {}
    for name, part, whole in cases(photographs(args.folder, args.photos), args.only):
        row = counts.setdefault(name, [0, 0, 0, 0.0])
        row[0] += 1
        verdict = by_thumbnails(part, whole)
        if verdict.same:
            matrix = np.reshape(verdict.matrix, (2, 3))
            aligned = aligning.align(np.asarray(part), np.asarray(whole), matrix)
            began = time.process_time()
            row[2] += containers.shown(aligned).kind == CONTAINED
            row[3] += time.process_time() - began
            row[1] += 1
    for name, (every, same, contained, seconds) in counts.items():
        print(
            f"{name:28} {every:4.0f} same by thumbnails {same / every:4.0%}"
            f"  contained {contained / max(same, 1):5.1%}  {1000 * seconds / max(same, 1):5.1f} ms"
        )


if __name__ == "__main__":
    main()
