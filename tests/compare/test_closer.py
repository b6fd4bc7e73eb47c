"""A closer look at large pictures: small changes are found at full size, and copies still pass."""

import numpy as np
import pytest
from drawn import photo
from PIL import Image, ImageDraw, ImageFilter, ImageFont, ImageOps
from test_second_look import corners, hill, noisy, resized, saved, seen, warped

from dedup_nb.compare.second_look import closer

SHEET = Image.new("RGB", (2304, 1536))
for k in range(16):
    SHEET.paste(photo(40 + k, 576, 384), (k % 4 * 576, k // 4 * 384))
BOX = (0.40, 0.58, 0.416, 0.598)  # 37 by 28 px: a face, 8 px wide at 512 px


def _smiling(picture):
    """Something inside the box moved by up to 4 px."""
    bump = hill(picture, BOX)
    return warped(picture, 0 * bump, 4 * bump / bump.max())


def _replaced(picture):
    copy = picture.copy()
    left, top, right, bottom = corners(picture, BOX)
    other = photo(99, right - left, bottom - top)
    copy.paste(Image.blend(picture.crop((left, top, right, bottom)), other, 0.5), (left, top))
    return copy


def _written(picture):
    copy = picture.copy()
    left, top, _, bottom = corners(picture, BOX)
    ImageDraw.Draw(copy).text((left, (top + bottom) / 2), "B17", fill=(250, 240, 90))
    return copy


COPIES = {
    "JPEG of quality 60": lambda p: saved(p, quality=60),
    "halved": lambda p: saved(resized(p, 0.5), quality=88),
    "as a messenger sends it": lambda p: saved(resized(p, 0.7), quality=72),
    "noisy": lambda p: noisy(p, 5),
    "sharpened": lambda p: saved(p.filter(ImageFilter.UnsharpMask(1, 60)), quality=90),
    "blurred": lambda p: saved(p.filter(ImageFilter.GaussianBlur(5)), quality=90),
}
EDITS = {f.__name__[1:]: f for f in (_smiling, _replaced, _written)}


@pytest.mark.parametrize("make", COPIES.values(), ids=COPIES)
def test_copies_of_a_large_picture_pass(make):
    assert seen(SHEET, make(SHEET)).kind == ""


@pytest.mark.parametrize("after", [lambda p: saved(p, quality=85), ImageOps.mirror])
@pytest.mark.parametrize("name", EDITS)
def test_a_change_of_a_few_pixels_in_a_large_picture_is_found(name, after):
    turn = [[-1, 0, SHEET.width - 1], [0, 1, 0]] if after is ImageOps.mirror else None
    found = seen(SHEET, after(EDITS[name](SHEET)), turn)
    assert found.kind in ("edited", "moved") and found.area < 0.005
    left, top, right, bottom = found.where[0]
    assert left < BOX[2] and right > BOX[0] and top < BOX[3] and bottom > BOX[1]
    assert (right - left) * (bottom - top) < 0.01


def test_at_the_size_of_the_first_look_nothing_is_seen_of_it(monkeypatch):
    monkeypatch.setattr(closer, "canvases", lambda *known: iter(()))
    assert seen(SHEET, saved(_written(SHEET), quality=85)).kind == ""


@pytest.mark.parametrize(("change", "kind"), [(Image.Image.copy, ""), (_written, "edited")])
def test_a_mark_near_an_edge_is_no_edit_at_full_size_either(change, kind):
    dated = change(SHEET)
    font = ImageFont.load_default(40)
    ImageDraw.Draw(dated).text((1900, 1470), "2024 05 01 18:30", fill=(255, 160, 30), font=font)
    assert seen(SHEET, saved(dated, quality=90), covered=True).kind == kind


def test_a_picture_that_the_first_look_saw_nearly_whole_is_not_looked_at_again():
    small = SHEET.crop((0, 0, 700, 500))
    made = []

    def counted(*known):
        for one in whole(*known):
            made.append(one)
            yield one

    whole = closer.canvases
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(closer, "canvases", counted)
        seen(small, saved(small, quality=60))
    assert made == []


def test_few_places_are_looked_at_however_many_differ(monkeypatch):
    made = []
    whole = closer.canvases
    monkeypatch.setattr(
        closer, "canvases", lambda *known: [made.append(c) or c for c in whole(*known)]
    )
    monkeypatch.setattr("dedup_nb.compare.second_look.judging.CLOSER", (np.inf, 1))
    edited = SHEET.copy()
    for x in range(300, 2100, 500):
        for y in range(200, 1500, 400):
            edited.paste(photo(98, 40, 30), (x, y))
    monkeypatch.setattr("dedup_nb.compare.second_look.judging.FINE", (1.2, 1e6, 8.0))
    seen(SHEET, edited)
    assert len(made) <= closer.MOST
