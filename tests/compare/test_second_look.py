"""A second look: copies pass, frames of a burst and small edits wait, and boxes show where."""

import io

import cv2
import numpy as np
import pytest
from drawn import photo
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageOps

from dedup_nb.compare.holding import aligning
from dedup_nb.compare.second_look import look, outlines

WIDTH, HEIGHT = 576, 384
PHOTO = photo(11, WIDTH, HEIGHT)
SMALL = photo(12, 150, 100)
BOX = (0.3, 0.35, 0.42, 0.5)  # where edits are drawn, as shares


def saved(picture, form="JPEG", **options):
    """A picture as it is after saving."""
    data = io.BytesIO()
    picture.save(data, form, **options)
    return Image.open(data).convert("RGB")


def resized(picture, factor, how=Image.Resampling.LANCZOS):
    size = round(picture.width * factor), round(picture.height * factor)
    return picture.resize(size, how)


def noisy(picture, sigma, seed=1):
    levels = np.asarray(picture, np.float32)
    levels = levels + np.random.default_rng(seed).normal(0, sigma, levels.shape)
    return Image.fromarray(np.clip(levels, 0, 255).astype(np.uint8))


def seen(a, b, matrix=None, covered=False):
    """What a second look tells; the rough map is that of two whole pictures by default."""
    if matrix is None:
        x, y = b.width / a.width, b.height / a.height
        matrix = [[x, 0, (x - 1) / 2], [0, y, (y - 1) / 2]]
    pixels = [np.asarray(picture) for picture in (a, b)]
    return look(aligning.align(*pixels, np.array(matrix, np.float64)), covered)


def warped(picture, across, down):
    """A picture whose pixels are taken from some pixels away."""
    pixels = np.asarray(picture)
    x, y = np.meshgrid(*(np.arange(n, dtype=np.float32) for n in picture.size))
    x, y = (x + across).astype(np.float32), (y + down).astype(np.float32)
    taken = cv2.remap(pixels, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
    return Image.fromarray(taken)


def hill(picture, box=BOX):
    """1 inside a box, smoothly 0 outside, shape (height, width)."""
    mask = np.zeros((picture.height, picture.width), np.float32)
    left, top, right, bottom = corners(picture, box)
    mask[top:bottom, left:right] = 1
    return cv2.GaussianBlur(mask, (0, 0), 0.008 * picture.width)


def corners(picture, box=BOX):
    sides = (picture.width, picture.height) * 2
    return [round(share * side) for share, side in zip(box, sides, strict=True)]


def mixed(picture, other, mask):
    mask = mask[..., None]
    levels = np.asarray(picture) * (1 - mask) + np.asarray(other) * mask
    return Image.fromarray(np.clip(np.round(levels), 0, 255).astype(np.uint8))


# -- copies -----------------------------------------------------------------------------------------

COPIES = {
    "JPEG of quality 90": lambda p: saved(p, quality=90),
    "JPEG of quality 75": lambda p: saved(p, quality=75),
    "JPEG of quality 50": lambda p: saved(p, quality=50),
    "JPEG of quality 25": lambda p: saved(p, quality=25),
    "JPEG without chroma subsampling": lambda p: saved(p, quality=85, subsampling=0),
    "WebP": lambda p: saved(p, "WEBP", quality=60),
    "AVIF": lambda p: saved(p, "AVIF", quality=60),
    "half the size": lambda p: saved(resized(p, 0.5), quality=85),
    "half the size, bilinear": lambda p: saved(resized(p, 0.5, Image.Resampling.BILINEAR)),
    "a quarter of the size": lambda p: saved(resized(p, 0.25), quality=90),
    "through a messenger": lambda p: saved(resized(p, 0.77, Image.Resampling.BICUBIC), quality=70),
    "enlarged": lambda p: saved(resized(p, 1.5, Image.Resampling.BICUBIC), quality=90),
    "saved twice": lambda p: saved(resized(saved(resized(p, 0.7), quality=60), 1.2), quality=60),
    "sharpened": lambda p: saved(p.filter(ImageFilter.UnsharpMask(1, 40, 0)), quality=90),
    "softened": lambda p: saved(p.filter(ImageFilter.GaussianBlur(1)), quality=90),
    "denoised": lambda p: saved(Image.fromarray(cv2.bilateralFilter(np.asarray(p), 7, 25, 3))),
    "noise": lambda p: saved(noisy(p, 4), quality=90),
    "much noise": lambda p: saved(noisy(p, 10), quality=90),
    "grey": lambda p: saved(p.convert("L")),
    "faded": lambda p: saved(ImageEnhance.Contrast(p).enhance(0.8), quality=90),
}


@pytest.mark.parametrize("name", COPIES)
@pytest.mark.parametrize("picture", [PHOTO, SMALL], ids=["large", "small"])
def test_a_copy_passes_in_both_directions(picture, name):
    copy = COPIES[name](picture)
    found = seen(picture, copy), seen(copy, picture)
    assert [(one.kind, one.where) for one in found] == [("", ())] * 2


@pytest.mark.parametrize(
    ("levels", "coarseness", "kind"),
    [(5, 0.5, "edited"), (5, 1.67, ""), (14, 1.67, "edited"), (30, 3.3, "edited")],
)
def test_a_faint_tint_is_an_edit_unless_a_coarse_file_may_have_dropped_it(levels, coarseness, kind):
    soft = PHOTO.filter(ImageFilter.GaussianBlur(3))
    tint = hill(soft)[..., None] * levels * np.array([0.6, -0.5, 1.2])
    tinted = Image.fromarray(np.clip(np.round(np.asarray(soft) + tint), 0, 255).astype(np.uint8))
    aligned = aligning.align(np.asarray(soft), np.asarray(tinted), np.eye(2, 3))
    assert look(aligned, coarseness=(0.1, coarseness)).kind == kind


def _rotated():
    turned = PHOTO.rotate(1.2, Image.Resampling.BICUBIC).crop((30, 30, WIDTH - 30, HEIGHT - 30))
    cos, sin = np.cos(np.radians(1.2)), np.sin(np.radians(1.2))
    way = np.array([[cos, sin], [-sin, cos]])
    middle = np.array([(WIDTH - 1) / 2, (HEIGHT - 1) / 2])
    return turned, np.column_stack([way, middle - way @ middle - 30])


def _perspective():
    far = [[0, 0], [WIDTH, 0], [WIDTH, HEIGHT], [0, HEIGHT]]
    near = [[4, 2], [WIDTH - 4, 0], [WIDTH, HEIGHT], [0, HEIGHT - 3]]
    way = cv2.getPerspectiveTransform(np.float32(near), np.float32(far))
    pixels = cv2.warpPerspective(np.asarray(PHOTO), way, PHOTO.size, flags=cv2.INTER_CUBIC)
    return Image.fromarray(pixels), None


FORMS = {
    "mirrored": lambda: (ImageOps.mirror(PHOTO), [[-1, 0, WIDTH - 1], [0, 1, 0]]),
    "on its side": lambda: (PHOTO.transpose(Image.Transpose.ROTATE_90), [[0, 1, 0], [-1, 0, 575]]),
    "cropped by a few pixels": lambda: (PHOTO.crop((3, 5, 572, 382)), [[1, 0, -3], [0, 1, -5]]),
    "cropped": lambda: (PHOTO.crop((60, 40, 500, 380)), [[1, 0, -60], [0, 1, -40]]),
    "stretched": lambda: (PHOTO.resize((WIDTH, 392), Image.Resampling.LANCZOS), None),
    "turned a little": _rotated,
    "perspective": _perspective,
}


@pytest.mark.parametrize("name", FORMS)
def test_a_copy_in_another_frame_passes(name):
    copy, matrix = FORMS[name]()
    assert seen(PHOTO, saved(copy, quality=88), matrix).kind == ""


# -- frames of a burst -------------------------------------------------------------------------------


def _swayed(picture, pixels):
    return warped(picture, hill(picture, (0.2, 0.2, 0.6, 0.7)) * pixels, 0)


@pytest.mark.parametrize("pixels", [0.4, 0.7, 3])
@pytest.mark.parametrize("noise", [0, 3])
def test_a_part_that_moved_by_less_than_a_pixel_or_by_a_few_is_motion(pixels, noise):
    frame = saved(noisy(_swayed(PHOTO, pixels), noise), quality=92)
    found = seen(PHOTO, frame)
    assert found.kind == "moved" and "frames of a burst" in found.reason


def test_a_part_of_a_small_picture_that_moved_is_motion():
    assert seen(SMALL, saved(_swayed(SMALL, 0.6), quality=92)).kind == "moved"


def test_a_scene_that_moved_everywhere_by_itself_is_motion():
    rng = np.random.default_rng(3)
    wave = cv2.resize(rng.normal(0, 1, (8, 12, 2)).astype(np.float32), PHOTO.size)
    frame = warped(PHOTO, wave[..., 0] * 0.7, wave[..., 1] * 0.7)
    assert seen(PHOTO, saved(frame, quality=90)).kind == "moved"


def test_what_moved_is_outlined():
    (box,) = seen(PHOTO, saved(_swayed(PHOTO, 0.4), quality=92)).where
    assert box == pytest.approx((0.2, 0.2, 0.6, 0.7), abs=0.08)


# -- small edits ------------------------------------------------------------------------------------


def _closed(picture):
    """A small part is smoothed away, like an eye that is closed."""
    soft = picture.filter(ImageFilter.GaussianBlur(0.03 * picture.width))
    return mixed(picture, soft, hill(picture))


def _replaced(picture):
    return mixed(picture, ImageOps.mirror(picture), hill(picture))


def _lighter(picture):
    return mixed(picture, ImageEnhance.Brightness(picture).enhance(1.25), hill(picture))


def _recoloured(picture):
    hue, saturation, value = picture.convert("HSV").split()
    turned = Image.merge("HSV", (hue.point(lambda v: (v + 100) % 256), saturation, value))
    return mixed(picture, turned.convert("RGB"), hill(picture))


def _written(picture):
    written = picture.copy()
    left, top, right, bottom = corners(picture)
    ImageDraw.Draw(written).line([left, top, right, bottom], fill=(250, 40, 40), width=3)
    return written


EDITS = {f.__name__[1:]: f for f in (_closed, _replaced, _lighter, _recoloured, _written)}
AFTER = {
    "kept": lambda p: p,
    "saved": lambda p: saved(p, quality=80),
    "halved": lambda p: saved(resized(p, 0.5), quality=88),
    "noisy": lambda p: saved(noisy(p, 6), quality=90),
}


@pytest.mark.parametrize("name", EDITS)
@pytest.mark.parametrize("after", AFTER)
def test_a_small_edit_is_found_and_its_box_holds_it(name, after):
    edited = AFTER[after](EDITS[name](PHOTO))
    found = seen(PHOTO, edited), seen(edited, PHOTO)
    for one in found:
        assert one.kind == "edited" and one.reason.endswith("(outlined in compare)")
        left, top, right, bottom = one.where[0]
        middle = (BOX[0] + BOX[2]) / 2, (BOX[1] + BOX[3]) / 2
        assert left < middle[0] < right and top < middle[1] < bottom
        assert left > BOX[0] - 0.06 and right < BOX[2] + 0.06
        assert top > BOX[1] - 0.08 and bottom < BOX[3] + 0.08
        assert 0.001 < one.area < 0.06


@pytest.mark.parametrize("name", ["closed", "replaced", "written"])
def test_an_edit_of_a_small_picture_is_found(name):
    assert seen(SMALL, saved(EDITS[name](SMALL), quality=92)).kind == "edited"


def test_boxes_are_shares_of_the_first_picture_though_the_second_is_mirrored_or_turned():
    edited = _replaced(PHOTO)
    plain = seen(PHOTO, edited).where[0]
    mirrored = seen(PHOTO, ImageOps.mirror(edited), [[-1, 0, WIDTH - 1], [0, 1, 0]]).where[0]
    on_side = edited.transpose(Image.Transpose.ROTATE_90)
    turned = seen(PHOTO, on_side, [[0, 1, 0], [-1, 0, WIDTH - 1]]).where[0]
    assert mirrored == pytest.approx(plain, abs=0.01) and turned == pytest.approx(plain, abs=0.01)
    first = seen(ImageOps.mirror(PHOTO), edited, [[-1, 0, WIDTH - 1], [0, 1, 0]]).where[0]
    assert first == pytest.approx((1 - plain[2], plain[1], 1 - plain[0], plain[3]), abs=0.01)


def test_boxes_are_shares_of_the_whole_picture_where_the_other_is_a_crop():
    edited = _replaced(PHOTO)
    crop = edited.crop((60, 40, 500, 380))
    plain = seen(PHOTO, edited).where[0]
    assert seen(PHOTO, crop, [[1, 0, -60], [0, 1, -40]]).where[0] == pytest.approx(plain, abs=0.04)
    left, top, right, bottom = seen(crop, PHOTO, [[1, 0, 60], [0, 1, 40]]).where[0]
    back = [(left * 440 + 60) / WIDTH, (top * 340 + 40) / HEIGHT]
    back += [(right * 440 + 60) / WIDTH, (bottom * 340 + 40) / HEIGHT]
    assert back == pytest.approx(plain, abs=0.04)


def test_a_date_near_an_edge_is_no_edit_if_it_covers_the_other_and_elsewhere_it_is():
    for place, kind in (((430, 366), ""), ((250, 180), "edited")):
        dated = PHOTO.copy()
        ImageDraw.Draw(dated).text(place, "2024 05 01 18:30", fill=(255, 160, 30))
        dated = saved(dated, quality=90)
        assert seen(PHOTO, dated, covered=True).kind == kind
        assert seen(dated, PHOTO, covered=True).kind == kind
        assert seen(PHOTO, dated).kind == "edited"


def test_what_is_smoothed_away_near_an_edge_is_an_edit_though_it_covers_the_other():
    soft = PHOTO.filter(ImageFilter.GaussianBlur(20))
    removed = saved(mixed(PHOTO, soft, hill(PHOTO, (0.6, 0.9, 0.72, 0.97))), quality=90)
    assert seen(PHOTO, removed, covered=True).kind == "edited"


def test_the_largest_areas_come_first_and_at_most_eight():
    where = np.zeros((100, 200), bool)
    for k in range(10):
        where[10 : 20 + 5 * k, 20 * k : 20 * k + 8] = True
    boxes = outlines.boxes(where, np.eye(2, 3), (200, 100))
    assert boxes[0] == (0.9, 0.1, 0.94, 0.65) and boxes[-1] == (0.2, 0.1, 0.24, 0.3)
    assert len(boxes) == 8
