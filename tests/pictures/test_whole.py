"""Whole pictures are decoded in watched processes: upright, within limits, one sentence if not."""

import io
import os

import numpy as np
import pytest
from drawn import photo, save
from PIL import Image

from dedup_nb.pictures import images, whole


@pytest.mark.parametrize(
    ("picture", "suffix", "mode"),
    [
        (photo(1), "png", "RGB"),
        (photo(1).convert("L"), "png", "RGB"),
        (photo(1).convert("LA"), "png", "RGBA"),
        (photo(1).convert("RGBA"), "png", "RGBA"),
        (photo(1).convert("P"), "gif", "RGB"),
        (photo(1).convert("CMYK"), "jpg", "RGB"),
        (photo(1).convert("1"), "png", "RGB"),
        (Image.fromarray(np.arange(60_000, dtype=np.uint16).reshape(200, 300)), "png", "RGB"),
        (Image.fromarray(np.linspace(0, 1, 60, dtype=np.float32).reshape(6, 10)), "tif", "RGB"),
    ],
)
def test_every_mode_opens_in_full_size_with_8_bits(tmp_path, picture, suffix, mode):
    path = save(picture, tmp_path / f"a.{suffix}")
    opened = whole.full_size(os.fsencode(path))
    assert (opened.mode, opened.size) == (mode, picture.size)
    assert np.asarray(opened).dtype == np.uint8


def test_a_full_picture_keeps_its_colour_profile_and_is_upright(tmp_path):
    exif = Image.Exif()
    exif[images.ORIENTATION_TAG] = 8
    for suffix in ("jpg", "png"):
        path = save(photo(1, 60, 20), tmp_path / f"a.{suffix}", exif=exif, icc_profile=b"a profile")
        opened = whole.full_size(os.fsencode(path))
        assert (opened.size, opened.info["icc_profile"]) == ((20, 60), b"a profile")


def test_a_full_picture_beyond_the_limit_is_refused(tmp_path):
    path = save(photo(1), tmp_path / "a.png")
    with pytest.raises(ValueError, match="192x128 pixels; max_pixels allows 24,575"):
        whole.full_size(os.fsencode(path), max_pixels=192 * 128 - 1)


@pytest.mark.parametrize("broken", ["first", "length", "size", "progressive", "late", "large"])
def test_only_small_baseline_jpegs_are_taken_for_thumbnails(broken):
    def jpeg(picture, **more):
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=82, **more)
        return buffer.getvalue()

    good = jpeg(photo(1))
    assert images.is_thumbnail(good)
    changed = {
        "first": b"x" + good[1:],
        "length": good[:-1],
        "size": jpeg(photo(1, 257, 20)),
        "progressive": jpeg(photo(1), progressive=True),
        "late": good[:30] + good[60:],
        "large": good[:-2] + b"x" * images.MOST_THUMBNAIL_BYTES + good[-2:],
    }
    assert not images.is_thumbnail(changed[broken])
