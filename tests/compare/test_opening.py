"""A file opened at full size: colours in sRGB, and what the pixels were made of."""

import io
import os

import encoded
import numpy as np
import pytest
from drawn import photo
from encoded import saved
from PIL import Image, ImageCms

from dedup_nb.compare.holding import colours, opening
from dedup_nb.pictures.contents import items

PICTURE = photo(1)
GREY = np.asarray(PICTURE.convert("L")).astype(np.uint16)
FINE = Image.fromarray(GREY * 250 + np.arange(GREY.size, dtype=np.uint16).reshape(GREY.shape) % 97)


def opened(data, tmp_path, name="a.bin"):
    path = tmp_path / name
    path.write_bytes(data)
    return opening.opened(os.fsencode(path))


@pytest.mark.parametrize(
    ("data", "depth", "lossy"),
    [
        (encoded.heic(PICTURE), 8, True),
        (encoded.jxl(PICTURE), 8, True),
        (encoded.jxl(PICTURE, lossless=True), 8, False),
        (encoded.jxl(FINE, lossless=True), 16, False),
        (saved(PICTURE, "JPEG2000"), 8, False),
        (saved(FINE, "JPEG2000"), 16, False),
        (saved(PICTURE, "JPEG2000", irreversible=True), 8, True),
        (saved(FINE, "PPM"), 16, False),
        (saved(Image.fromarray(GREY * 257), "PPM"), 8, False),  # only 256 levels are used
        (encoded.psd(PICTURE), 8, False),
    ],
)
def test_depth_and_loss_of_each_format(data, depth, lossy, tmp_path):
    one = opened(data, tmp_path)
    assert (one.saved.depth, one.lossy) == (depth, lossy)


@pytest.mark.parametrize("preview", [(640, 427), None])
@pytest.mark.parametrize("orientation", [1, 6])
def test_the_preview_of_a_raw_file_is_shown_in_the_size_of_the_whole(
    preview, orientation, tmp_path
):
    whole = PICTURE.resize((960, 640))
    stored = whole if orientation == 1 else whole.transpose(Image.Transpose.ROTATE_90)
    inside = (
        saved(stored.resize(preview if orientation == 1 else preview[::-1]), "JPEG")
        if preview
        else b""
    )
    one = opened(encoded.raw(stored, inside, orientation), tmp_path, "a.dng")
    assert one.pixels.shape == (640, 960, 3)


def p3():
    return ImageCms.ImageCmsProfile(io.BytesIO(colours.profile(12, 13)))


def in_p3(picture):
    """A picture with the numbers of Display P3, and no profile that says so."""
    srgb = ImageCms.createProfile("sRGB")
    return Image.fromarray(
        np.asarray(ImageCms.profileToProfile(picture, srgb, p3(), outputMode="RGB"))
    )


def test_the_profile_of_display_p3_is_right():
    red = in_p3(Image.new("RGB", (1, 1), (255, 0, 0)))
    assert red.getpixel((0, 0)) == (234, 51, 35)  # as Apple's profile gives it


def test_colours_that_numbers_name_are_converted(tmp_path):
    wide = encoded.heic(
        in_p3(PICTURE), quality=100, chroma=444, color_primaries=12, transfer_characteristics=13
    )
    assert items.colours(wide) == (12, 13)
    off = np.abs(opened(wide, tmp_path).pixels.astype(int) - np.asarray(PICTURE)).mean()
    assert off < 3


@pytest.mark.parametrize(("primaries", "transfer"), [(1, 13), (9, 16), (12, 18), (2, 2)])
def test_colours_of_srgb_of_hdr_and_unknown_ones_are_left_as_they_are(primaries, transfer):
    assert colours.profile(primaries, transfer) == b""
