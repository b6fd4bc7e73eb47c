"""What of two pictures that show the same thing each holds in its pixels that the other lacks."""

import colorsys
import io
import os

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter, ImageFont, ImageOps

from dedup_nb.compare.holding import opening
from dedup_nb.compare.holding.judging import PLAIN, Holding, Saved, holding
from dedup_nb.compare.holding.words import BOTH, LACKS
from dedup_nb.pictures.engines import LOCAL
from dedup_nb.pictures.engines.tasks import Failure, Item

SIZE = (480, 360)


def scene(seed, size=SIZE, grain=4.0):
    """A picture with detail at every scale and the grain of a camera."""
    rng = np.random.default_rng(seed)
    width, height = size
    pixels = np.full((height, width, 3), 120.0)
    for cells, contrast in ((4, 60), (9, 45), (23, 32), (60, 24), (150, 16), (300, 12)):
        small = rng.normal(0, contrast, (max(cells * height // width, 2), cells, 3))
        pixels += cv2.resize(small, size, interpolation=cv2.INTER_CUBIC)
    picture = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
    draw = ImageDraw.Draw(picture)
    for _ in range(12):
        x, y, side = rng.integers(0, width), rng.integers(0, height), rng.integers(15, 90)
        colour = tuple(int(v) for v in rng.integers(20, 235, 3))
        draw.ellipse([x, y, x + side, y + side * 0.7], fill=colour)
    noisy = np.asarray(picture) + rng.normal(0, grain, (height, width, 1))
    return Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))


PHOTO = scene(3)


def saved(picture, form="JPEG", **options):
    data = io.BytesIO()
    picture.save(data, form, **options)
    return Image.open(io.BytesIO(data.getvalue())).convert("RGB")


def resized(picture, times, how=Image.Resampling.LANCZOS):
    return picture.resize(tuple(round(side * times) for side in picture.size), how)


def plain(a, b):
    """The map of two pictures of one framing."""
    x, y = b.width / a.width, b.height / a.height
    return np.array([[x, 0, (x - 1) / 2], [0, y, (y - 1) / 2]])


def held(a, b, matrix=None, files=(PLAIN, PLAIN)):
    """What `a` and `b` lack, by a map that is a little off, as one from thumbnails is."""
    matrix = plain(a, b) if matrix is None else np.array(matrix, float)
    rough = matrix + np.array([[0.0006, -0.0004, 0.4], [0.0003, -0.0005, -0.3]])
    return holding(np.asarray(a), np.asarray(b), rough, files)


def written(picture, text, place, fill="white", size=20):
    copy = picture.copy()
    ImageDraw.Draw(copy).text(place, text, fill=fill, font=ImageFont.load_default(size))
    return copy


def toned(picture, change):
    values = change(np.asarray(picture).astype(float))
    return Image.fromarray(np.clip(np.round(values), 0, 255).astype(np.uint8))


def turned_hue(picture, degrees):
    hsv = np.asarray(picture.convert("HSV")).copy()
    hsv[..., 0] = (hsv[..., 0].astype(int) + round(degrees * 256 / 360)) % 256
    return Image.fromarray(hsv, "HSV").convert("RGB")


PLAIN_COPIES = {
    "JPEG 95": (lambda p: saved(p, quality=95), None),
    "JPEG 85": (lambda p: saved(p, quality=85), None),
    "JPEG 75": (lambda p: saved(p, quality=75), None),
    "JPEG with whole chroma": (lambda p: saved(p, quality=90, subsampling=0), None),
    "WebP": (lambda p: saved(p, "WEBP", quality=85), None),
    "three quarters": (lambda p: resized(p, 0.75), None),
    "half": (lambda p: resized(p, 0.5), None),
    "half by averaging": (lambda p: resized(p, 0.5, Image.Resampling.BOX), None),
    "every other pixel": (lambda p: Image.fromarray(np.asarray(p)[::2, ::2]), None),
    "messenger": (lambda p: saved(resized(p, 0.6), quality=70), None),
    "mirrored": (lambda p: ImageOps.mirror(p), [[-1, 0, 479], [0, 1, 0]]),
    "turned": (
        lambda p: saved(p.transpose(Image.Transpose.ROTATE_90), quality=90),
        [[0, 1, 0], [-1, 0, 479]],
    ),
    "upside down, JPEG": (
        lambda p: saved(p.transpose(Image.Transpose.ROTATE_180), quality=90),
        [[-1, 0, 479], [0, -1, 359]],
    ),
    "cut by a pixel": (
        lambda p: saved(p.crop((1, 1, 479, 359)), quality=90),
        [[1, 0, -1], [0, 1, -1]],
    ),
    "bordered": (lambda p: ImageOps.expand(p, 20, "white"), [[1, 0, 20], [0, 1, 20]]),
    "watermark": (lambda p: written(p, "© Smith", (380, 335)), None),
}


@pytest.mark.parametrize("name", PLAIN_COPIES)
def test_a_source_lacks_nothing_of_a_plain_copy(name):
    make, matrix = PLAIN_COPIES[name]
    files = Saved(), Saved(smooth=name == "WebP")
    assert held(PHOTO, make(PHOTO), matrix, files).lacks("a") == ()


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (lambda p: resized(p, 0.5), "detail"),
        (lambda p: saved(resized(p, 0.6), quality=70), "detail"),
        (lambda p: resized(p, 0.25).resize(p.size, Image.Resampling.BICUBIC), "detail"),
        (lambda p: p.filter(ImageFilter.GaussianBlur(1.5)), "detail"),
        (lambda p: saved(p, quality=25), "coding"),
        (lambda p: saved(saved(p, quality=25), quality=95), "coding"),
        (lambda p: saved(p, quality=50), "coding"),
        (lambda p: saved(p, "GIF"), "depth"),
        (lambda p: p.convert("L").convert("RGB"), "colour"),
        (lambda p: ImageOps.colorize(p.convert("L"), "#100800", "#fff8f0"), "colour"),
        (lambda p: written(p, "© Smith", (380, 335)), "covered"),
    ],
)
def test_a_worse_copy_lacks_what_it_lost(make, word):
    found = held(PHOTO, make(PHOTO))
    assert word in found.b_lacks
    assert word not in found.a_lacks


@pytest.mark.parametrize(
    "how", [Image.Resampling.NEAREST, Image.Resampling.BILINEAR, Image.Resampling.BICUBIC]
)
@pytest.mark.parametrize("times", [1.5, 2, 3])
def test_an_enlargement_and_its_source_both_wait(how, times):
    found = held(PHOTO, saved(resized(PHOTO, times, how), quality=92))
    assert "enlarged" in found.both


def test_sharpening_an_enlargement_gives_it_no_detail():
    large = resized(PHOTO, 2, Image.Resampling.BICUBIC)
    found = held(PHOTO, saved(large.filter(ImageFilter.UnsharpMask(2, 150, 3)), quality=92))
    assert "enlarged" in found.both


def test_a_thumbnail_blown_up_beyond_its_source_is_never_the_richer_one():
    blown_up = saved(resized(resized(PHOTO, 0.25), 8), quality=90)
    assert "detail" in held(PHOTO, blown_up).b_lacks


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (lambda p: toned(p, lambda v: 40 + 0.75 * v), "tone"),
        (lambda p: toned(p, lambda v: v + 12), "tone"),
        (lambda p: toned(p, lambda v: v * [1.1, 1.0, 0.9]), "tone"),
        (lambda p: turned_hue(p, 20), "tone"),
        (lambda p: turned_hue(p, 120), "tone"),
        (lambda p: p.filter(ImageFilter.UnsharpMask(2, 100, 2)), "sharpness"),
        (
            lambda p: toned(p, lambda v: v + np.random.default_rng(1).normal(0, 9, v.shape)),
            "noise",
        ),
    ],
)
def test_who_is_the_richer_is_not_said_where_nobody_can(make, word):
    assert word in held(PHOTO, make(PHOTO)).both


def stretched(picture, across, down=1.0):
    size = round(picture.width * across), round(picture.height * down)
    return saved(picture.resize(size, Image.Resampling.LANCZOS), quality=92)


@pytest.mark.parametrize(("across", "down"), [(1.1, 1), (1.04, 1), (1, 1.1), (1.05, 0.95)])
def test_of_two_proportions_neither_goes_for_the_other(across, down):
    found = held(PHOTO, stretched(PHOTO, across, down))
    assert "stretched" in found.both


@pytest.mark.parametrize("size", [(323, 242), (241, 180), (161, 121)])
def test_rounding_the_sides_to_whole_pixels_is_no_stretching(size):
    found = held(PHOTO, saved(PHOTO.resize(size, Image.Resampling.LANCZOS), quality=92))
    assert "stretched" not in found.both


def test_a_copy_enlarged_by_a_little_and_compressed_more_is_not_the_richer_one():
    source, copy = saved(PHOTO, quality=95), saved(resized(PHOTO, 1.06), quality=70)
    files = Saved(coarseness=0.1), Saved(coarseness=0.6)
    assert held(source, copy, files=files).b_lacks == ("coding",)


def shirt(hue):
    """A textured shape of 45 % of the area on a light ground."""
    sheet = Image.new("RGB", (400, 400), (245, 245, 245))
    mask = Image.new("L", sheet.size, 0)
    ImageDraw.Draw(mask).polygon([(90, 60), (310, 60), (310, 360), (90, 360)], fill=255)
    light = np.asarray(scene(5, (400, 400)).convert("L"), float) / 255
    colour = np.array(colorsys.hsv_to_rgb(hue, 0.85, 1.0))
    cloth = Image.fromarray(((0.45 + 0.55 * light)[..., None] * colour * 255).astype(np.uint8))
    sheet.paste(cloth, (0, 0), mask)
    return sheet


def recoloured(picture, box):
    other = turned_hue(picture, 150)
    copy = picture.copy()
    copy.paste(other.crop(box), box[:2])
    return copy


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (shirt(0.0), shirt(0.62)),
        (shirt(0.33), shirt(0.62)),
        (PHOTO, recoloured(PHOTO, (60, 60, 150, 140))),
    ],
)
def test_another_colour_is_another_thing(a, b):
    assert {"tone", "part"} & set(held(a, saved(b, quality=92)).both)


def ticket(text, picture=PHOTO):
    copy = picture.copy()
    ImageDraw.Draw(copy).rectangle([340, 325, 475, 355], fill="white")
    return written(copy, text, (346, 328), "black")


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (ticket("No. 0017"), ticket("No. 8423")),
        (ticket("No. 0017"), ticket("")),
        (ticket(""), ticket("No. 0017")),
        (written(PHOTO, "17", (20, 20), "orange"), written(PHOTO, "84", (20, 20), "orange")),
        (written(PHOTO, "3:1", (20, 20)), written(PHOTO, "0:2", (420, 20))),
    ],
)
def test_two_numbers_or_a_number_and_a_blank_are_two_pictures(a, b):
    assert held(a, saved(b, quality=92)).both == ("marks",)


def test_a_missing_end_is_lacked_by_the_damaged_one_alone():
    copy = PHOTO.copy()
    ImageDraw.Draw(copy).rectangle([0, 344, 480, 360], fill=(128, 128, 128))
    found = held(PHOTO, copy)
    assert found.a_lacks == () and (found.b_lacks or found.both)


def sticker(sign):
    """A ring with a white sign in it, on a transparent ground."""
    picture = scene(7, (300, 300)).convert("RGBA")
    ring = Image.new("L", picture.size, 0)
    draw = ImageDraw.Draw(ring)
    draw.ellipse([3, 3, 296, 296], fill=255)
    draw.ellipse([60, 60, 240, 240], fill=0)
    picture.putalpha(ring)
    ImageDraw.Draw(picture).text(
        (150, 150), sign, fill="white", font=ImageFont.load_default(110), anchor="mm"
    )
    return picture


def over_white(picture):
    return Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")


@pytest.mark.parametrize(
    ("b", "a_lacks", "b_lacks"),
    [
        (sticker("B"), True, True),
        (over_white(sticker("A")), False, True),
        (resized(sticker("A"), 0.5), False, False),
    ],
)
def test_transparency_is_compared_over_white_and_over_black(b, a_lacks, b_lacks):
    found = held(sticker("A"), b)
    assert ("transparency" in found.a_lacks, "transparency" in found.b_lacks) == (a_lacks, b_lacks)


def test_a_drawing_of_few_colours_is_not_poorer_than_its_jpeg():
    drawing = Image.new("RGB", SIZE, "white")
    draw = ImageDraw.Draw(drawing)
    for k in range(40):
        draw.ellipse(
            [k * 11, k * 7 % 300, k * 11 + 50, k * 7 % 300 + 50], fill=f"hsl({k * 9},70%,50%)"
        )
        draw.line([0, k * 9, 480, 360 - k * 9], fill="black", width=2)
    assert held(drawing, saved(drawing, quality=92)).lacks("a") == ()


def test_the_order_of_two_pictures_only_exchanges_what_they_lack():
    copy = saved(resized(PHOTO, 0.5), quality=80)
    found, turned = held(PHOTO, copy), held(copy, PHOTO)
    assert (found.a_lacks, found.b_lacks, found.both) == (
        turned.b_lacks,
        turned.a_lacks,
        turned.both,
    )


def test_equal_pixels_lack_nothing_and_deeper_ones_are_richer():
    pixels = np.asarray(PHOTO)
    same = np.eye(2, 3)
    assert holding(pixels, pixels, same) == Holding()
    assert holding(pixels, pixels, same, (Saved(16), Saved())) == Holding(b_lacks=("depth",))


def test_tiny_pictures_are_not_judged():
    assert held(resized(PHOTO, 0.04), resized(PHOTO, 0.05)).both == ("unknown",)


def test_a_holding_is_plain_data_and_gives_its_reasons():
    found = Holding(("colour",), ("detail",), ("enlarged",))
    assert Holding.from_dict(found.as_dict()) == found
    assert found.lacks("a") == ("colour", "enlarged")
    assert found.reason("a") == (
        "the keeper has no colour; one is enlarged: it has more pixels but no more detail"
    )


def test_every_word_has_a_help_sentence_and_a_reason():
    assert all(lack.help and lack.reason for lack in LACKS.values())
    assert set(LACKS) > BOTH


# -- files ----------------------------------------------------------------------------------------


def profile(primaries, gamma):
    """The bytes of an ICC profile: columns of its matrix to XYZ under D50, and its gamma."""

    def fixed(*values):
        return b"".join(round(v * 65536).to_bytes(4, "big", signed=True) for v in values)

    def curve():
        return b"curv" + bytes(4) + (1).to_bytes(4, "big") + round(gamma * 256).to_bytes(2, "big")

    name = b"wide\0"
    tags = {b"desc": b"desc" + bytes(4) + len(name).to_bytes(4, "big") + name + bytes(78)}
    tags |= {b"cprt": b"text" + bytes(4) + name, b"wtpt": b"XYZ " + bytes(4) + fixed(*D50)}
    for colour, column in zip(b"rgb", primaries, strict=True):
        tags[bytes([colour]) + b"XYZ"] = b"XYZ " + bytes(4) + fixed(*column)
        tags[bytes([colour]) + b"TRC"] = curve()
    table, data = b"", b""
    start = 128 + 4 + 12 * len(tags)
    for tag, value in tags.items():
        table += tag + (start + len(data)).to_bytes(4, "big") + len(value).to_bytes(4, "big")
        data += value + bytes(-len(value) % 4)
    head = b"\0\0\0\0" + b"\x02\x10\0\0" + b"mntrRGB XYZ " + bytes(12) + b"acsp" + bytes(28)
    head += fixed(*D50) + bytes(48)
    return (
        (start + len(data)).to_bytes(4, "big") + head + len(tags).to_bytes(4, "big") + table + data
    )


D50 = 0.9642, 1.0, 0.8249
ADOBE = (0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457)


def in_adobe_rgb(picture):
    """The numbers that show a picture in Adobe RGB."""
    values = np.asarray(picture).astype(float) / 255
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    srgb = np.array(
        [[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]]
    )
    wide = linear @ srgb.T @ np.linalg.inv(np.array(ADOBE).T).T
    return Image.fromarray((np.clip(wide, 0, 1) ** (1 / 2.2) * 255).round().astype(np.uint8))


def compared(*paths):
    """What the task in a watched process answers."""
    item = Item({"matrix": [1, 0, 0, 0, 1, 0]}, [os.fsencode(path) for path in paths])
    (answer,) = LOCAL.judge("hold", [item], 1)
    return answer


def test_a_picture_in_wider_primaries_has_its_own_tone_only_without_its_profile(tmp_path):
    wide = in_adobe_rgb(PHOTO)
    PHOTO.save(tmp_path / "a.png")
    wide.save(tmp_path / "named.png", icc_profile=profile(ADOBE, 2.2))
    wide.save(tmp_path / "bare.png")
    found = [compared(tmp_path / "a.png", tmp_path / b) for b in ("named.png", "bare.png")]
    assert [answer.facts["both"] for answer in found] == [[], ["tone"]]


def test_two_files_are_compared_at_full_size_with_their_real_depth(tmp_path):
    deep = cv2.GaussianBlur(np.asarray(PHOTO).astype(np.uint16) * 257, (0, 0), 0.5)
    cv2.imwrite(str(tmp_path / "deep.png"), deep[..., ::-1])
    Image.fromarray((deep >> 8).astype(np.uint8)).save(tmp_path / "copy.jpg", quality=90)
    found = compared(tmp_path / "deep.png", tmp_path / "copy.jpg")
    lacking = {name: found.facts[name] for name in ("a_lacks", "b_lacks", "both")}
    assert lacking == {"a_lacks": [], "b_lacks": ["depth"], "both": []}


@pytest.mark.parametrize(
    ("values", "depth"),
    [
        (np.asarray(PHOTO).astype(np.uint16) * 257, 8),  # eight bits in a file of sixteen
        (cv2.GaussianBlur(np.asarray(PHOTO).astype(np.uint16) * 257, (0, 0), 0.5), 16),
        (np.asarray(PHOTO), 8),
    ],
)
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_the_real_depth_is_that_of_the_values(values, depth, suffix, tmp_path):
    path = tmp_path / f"picture{suffix}"
    cv2.imwrite(str(path), values[..., ::-1])
    assert opening.opened(os.fsencode(path)).saved.depth == depth


@pytest.mark.parametrize(
    ("form", "options", "smooth"),
    [
        ("WEBP", {"quality": 80}, True),
        ("WEBP", {"lossless": True}, False),
        ("AVIF", {}, True),
        ("JPEG", {}, False),
        ("PNG", {}, False),
    ],
)
def test_codecs_without_a_grid_of_blocks_are_known(form, options, smooth, tmp_path):
    PHOTO.save(tmp_path / "picture", form, **options)
    assert opening.opened(os.fsencode(tmp_path / "picture")).saved.smooth == smooth


@pytest.mark.parametrize(("quality", "coarseness"), [(50, 1.0), (75, 0.5), (90, 0.2)])
def test_the_table_of_a_jpeg_tells_how_coarse_it_is(quality, coarseness, tmp_path):
    PHOTO.save(tmp_path / "picture", "JPEG", quality=quality)
    found = opening.opened(os.fsencode(tmp_path / "picture")).saved.coarseness
    assert found == pytest.approx(coarseness, abs=0.01)


def test_a_file_that_cannot_be_compared_fails_alone(tmp_path):
    path = os.fsencode(tmp_path) + b"/br\xffken.jpg"
    with open(path, "wb") as file:
        file.write(b"\xff\xd8\xff\xe0 broken")
    PHOTO.save(tmp_path / "a.png")
    assert compared(tmp_path / "a.png", path) == Failure("damaged JPEG: Truncated File Read")
