"""Pictures and poorer copies of them, and pictures that only look like copies.

Each poorer copy lacks something that its source has, and most are newer, larger or heavier, so that
a careless program keeps them. Other parts of the demo library are in `parts`.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageFont, ImageOps
from PIL.PngImagePlugin import PngInfo

from dedup_nb.demo import copies, pictures
from dedup_nb.demo.copies import jpeg, png
from dedup_nb.demo.library import Entry, Library

SOURCES, COPIES = "mojo1/sources", "mojo1/sources/other versions"
DAY, LATER = datetime(2025, 7, 27, 9), datetime(2025, 9, 1, 9)
LARGE_PX = 640  # long side of a source, so that enlargements have room below
FILM = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + b"\0\0\x10\x08mdat" + bytes(4096)

Make = Callable[[Image.Image], bytes]


def _again(data: bytes) -> Image.Image:
    with Image.open(io.BytesIO(data)) as image:
        return image.convert("RGB")


def _resized(image: Image.Image, by: float) -> Image.Image:
    size = (max(round(image.width * by), 8), max(round(image.height * by), 8))
    return image.resize(size, Image.Resampling.LANCZOS)


def _enlarged(image: Image.Image) -> Image.Image:
    return _resized(_again(jpeg(_resized(image, 0.4), 88)), 5)


def _sharpened(image: Image.Image) -> Image.Image:
    return _enlarged(image).filter(ImageFilter.UnsharpMask(3, 160, 0))


def _half_missing(image: Image.Image) -> Image.Image:
    damaged = image.copy()
    damaged.paste((128, 128, 128), (0, round(image.height * 0.7), image.width, image.height))
    return damaged


def _faded(image: Image.Image) -> Image.Image:
    return ImageEnhance.Contrast(ImageEnhance.Color(image).enhance(0.5)).enhance(0.6)


def _hue_turned(image: Image.Image) -> Image.Image:
    hue, saturation, value = image.convert("HSV").split()
    hue = hue.point([(v + 40) % 256 for v in range(256)])
    return Image.merge("HSV", (hue, saturation, value)).convert("RGB")


def _few_colours(image: Image.Image) -> bytes:
    return copies.encode(image.quantize(64, dither=Image.Dither.FLOYDSTEINBERG), "GIF")


# kind -> the copy and its suffix; the source is a JPEG without further content
OF_PIXELS: Mapping[str, tuple[Make, str]] = {
    "grey": (lambda image: png(ImageOps.grayscale(image).convert("RGB")), ".png"),
    "thumbnail_enlarged": (lambda image: jpeg(_enlarged(image), 95), ".jpg"),
    "thumbnail_sharpened": (lambda image: png(_sharpened(image)), ".png"),
    "jpeg_low_as_png": (lambda image: png(_again(jpeg(image, 20))), ".png"),
    "half_missing": (lambda image: png(_half_missing(image)), ".png"),
    "faded": (lambda image: png(_faded(image)), ".png"),
    "hue_turned": (lambda image: png(_hue_turned(image)), ".png"),
    "few_colours": (_few_colours, ".gif"),
}


def _prompt_lost(image: Image.Image) -> tuple[bytes, bytes]:
    info = PngInfo()
    info.add_text("parameters", "a lighthouse\nSteps: 20, Sampler: Euler a, Seed: 1")
    return copies.encode(image, "PNG", pnginfo=info, compress_level=9), png(image, level=0)


def _transparency_lost(image: Image.Image) -> tuple[bytes, bytes]:
    cut_out = _cut_out(image)
    white = Image.new("RGBA", image.size, "white")
    return copies.encode(cut_out, "PNG"), png(Image.alpha_composite(white, cut_out).convert("RGB"))


# kind -> a source and the copy, which shows the same pixels
OF_CONTENT: Mapping[str, Callable[[Image.Image], tuple[bytes, bytes]]] = {
    "prompt_lost": _prompt_lost,
    "camera_data_lost": lambda image: (jpeg(image, 90, exif=_camera_exif(DAY)), png(image)),
    "transparency_lost": _transparency_lost,
    "film_lost": lambda image: (jpeg(image, 92) + FILM, png(image)),
}


def _suffix(data: bytes) -> str:
    return ".png" if data.startswith(b"\x89PNG") else ".jpg"


def poorer(library: Library, rng: np.random.Generator) -> None:
    """Sources beside copies that lack something of them."""
    for kind, (make, suffix) in OF_PIXELS.items():
        for _ in range(library.some(2)):
            image = _large(library, rng)
            files = library.later(jpeg, image), library.later(make, image)
            _pair(library, kind, files[0], ".jpg", files[1], suffix)
    of_content = [
        (kind, library.later(versions, _large(library, rng)))
        for kind, versions in OF_CONTENT.items()
        for _ in range(library.some(2))
    ]
    for kind, both in of_content:
        source, copy = both.result()
        place, _ = _pair(library, kind, source, _suffix(source), copy, _suffix(copy))
        if kind == "camera_data_lost":
            library.exposed[place] = DAY
    _with_companions(library, rng)
    _look_alikes(library, rng)


def _large(library: Library, rng: np.random.Generator) -> Future[Image.Image]:
    _, scene = library.new_scene(rng)
    by = LARGE_PX * max(library.scale, 0.4) / max(library.size(scene, 2))
    return library.later(_resized, library.drawn(scene), by)


def _pair(
    library: Library,
    kind: str,
    source: bytes | Future[bytes],
    suffix: str,
    copy: bytes | Future[bytes],
    copy_suffix: str,
) -> tuple[str, str]:
    """Write a source and its poorer, newer copy; return their paths."""
    name = f"kept{len(library.images):04}"
    place = library.image(f"{SOURCES}/{name}{suffix}", source, Entry(name, name), DAY)
    entry = Entry(name, name, kind=kind, of=place, hard=True)
    other = library.image(f"{COPIES}/{name}{copy_suffix}", copy, entry, LATER)
    library.richer[place, other] = kind
    return place, other


def _camera_exif(taken: datetime, **more: Any) -> Image.Exif:
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = "Lumen", "L-20"
    details = exif.get_ifd(0x8769)
    details[0x9003] = f"{taken:%Y:%m:%d %H:%M:%S}"
    for tag, value in more.items():
        details[int(tag[1:], 16)] = value
    places = exif.get_ifd(0x8825)
    places[1], places[2], places[3], places[4] = "N", (52.0, 31.0, 12.0), "E", (13.0, 24.0, 36.0)
    return exif


def _cut_out(image: Image.Image) -> Image.Image:
    mask = Image.new("L", image.size, 0)
    inset = (image.width // 6, image.height // 6)
    box = (*inset, image.width - inset[0], image.height - inset[1])
    ImageDraw.Draw(mask).ellipse(box, fill=255)
    cut_out = image.convert("RGBA")
    cut_out.putalpha(mask)
    return cut_out


def _with_companions(library: Library, rng: np.random.Generator) -> None:
    """Equal files, of which one has a companion; models and films with one cover picture."""
    for suffix, text in ((".xmp", "<x:xmpmeta xmlns:x='adobe:ns:meta/'/>"), (".txt", "a harbour")):
        image = _large(library, rng)
        data = library.later(partial(jpeg, quality=90), image)
        place, _ = _pair(library, "companion_lost", data, ".jpg", data, ".jpg")
        library.companion(place.removesuffix(".jpg") + suffix, text, DAY)
    cover = library.later(partial(png, level=6), _large(library, rng))
    names = [f"mojo1/models/style_v{n}" for n in (1, 2)]
    for n, name in enumerate(names):
        entry = Entry("cover", f"cover{n}", kind="cover")
        library.image(f"{name}.png", cover, entry, DAY)
        library.companion(f"{name}.safetensors", f"weights {n}", DAY)
    library.never(["cover0", "cover1"], "cover")


def _look_alikes(library: Library, rng: np.random.Generator) -> None:
    """Pictures of one shape that are several things, and frames that are all kept."""
    page = pictures.page(11 * library.seed, (600, 300))
    _several(library, "ticket", [_ticket(page, number) for number in (17, 8423)], ".png")
    base = library.drawn(library.new_scene(rng)[1]).result()
    _several(library, "colour_variant", [_shirt(base, hue) for hue in (0, 85, 160)], ".png")
    _several(library, "sign", [_sign(letter) for letter in "ABC"], ".png")
    scene = _large(library, rng).result()
    frames = []
    for n, bias in enumerate((0.0, -2.0, 2.0)):
        exposed = ImageEnhance.Brightness(scene).enhance(2 ** (bias / 3))
        exif = _camera_exif(DAY + timedelta(seconds=n), xA402=2, x9204=bias)
        frames.append(library.later(partial(jpeg, exif=exif), exposed))
    paths = _several(library, "bracket", frames, ".jpg")
    for n, path in enumerate(paths):
        library.exposed[path] = DAY + timedelta(seconds=n)
        library.exif_times[path] = library.exposed[path].isoformat()


def _several(
    library: Library, kind: str, files: Sequence[bytes | Future[bytes]], suffix: str
) -> list[str]:
    pictures_of = [f"{kind}{n}" for n in range(len(files))]
    library.never(pictures_of, kind)
    return [
        library.image(f"{SOURCES}/{name}{suffix}", data, Entry(kind, name, kind), DAY)
        for name, data in zip(pictures_of, files, strict=True)
    ]


def _ticket(page: Image.Image, number: int) -> bytes:
    ticket = page.copy()
    draw = ImageDraw.Draw(ticket)
    draw.rectangle([470, 262, 590, 292], fill="white")
    draw.text((478, 266), f"No. {number:05}", "black", ImageFont.load_default(20))
    return png(ticket)


def _shirt(texture: Image.Image, hue: int) -> bytes:
    size = (400, 400)
    shade = texture.convert("L").resize(size).point([110 + v // 2 for v in range(256)])
    full = Image.new("L", size, 216)
    coloured = Image.merge("HSV", (Image.new("L", size, hue), full, shade)).convert("RGB")
    mask = Image.new("L", size, 0)
    outline = [(110, 70), (290, 70), (380, 150), (335, 190), (305, 165), (305, 365), (95, 365)]
    ImageDraw.Draw(mask).polygon([*outline, (95, 165), (65, 190), (20, 150)], fill=255)
    return png(Image.composite(coloured, Image.new("RGB", size, (245, 245, 245)), mask))


def _sign(letter: str) -> bytes:
    sign = Image.new("RGBA", (320, 320), (255, 255, 255, 0))
    draw = ImageDraw.Draw(sign)
    draw.ellipse([12, 12, 308, 308], outline=(20, 90, 200, 255), width=14)
    draw.text((160, 160), letter, (255, 255, 255, 255), ImageFont.load_default(150), anchor="mm")
    return copies.encode(sign, "PNG")
