"""Is it the same picture, and where do two renders of it differ?"""

import io

import cv2
import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from dedup_nb import verify


def drawn(seed, size=(300, 200)):
    """Return a picture with soft shapes, hard edges and fine detail everywhere."""
    rng = np.random.default_rng(seed)
    width, height = size
    layers = [
        cv2.resize(
            rng.random((max(height // step, 1), max(width // step, 1), 3), np.float32),
            size,
            interpolation=cv2.INTER_CUBIC,
        )
        for step in (100, 30, 8, 3)
    ]
    pixels = sum(
        weight * layer for weight, layer in zip((0.4, 0.25, 0.2, 0.15), layers, strict=True)
    )
    picture = np.clip(pixels * 1.6 - 0.3, 0, 1) * 200 + 20
    for _ in range(25):
        centre = (int(rng.integers(width)), int(rng.integers(height)))
        colour = [int(v) for v in rng.integers(20, 220, 3)]
        cv2.circle(picture, centre, int(rng.integers(4, height // 6)), colour, -1, cv2.LINE_AA)
    return Image.fromarray(picture.astype(np.uint8))


def jpeg(picture, quality):
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")


def noisy(picture, sigma):
    grain = np.random.default_rng(5).normal(0, sigma, (picture.height, picture.width, 3))
    return Image.fromarray((np.asarray(picture) + grain).clip(0, 255).astype(np.uint8))


def edited(picture, share, what):
    """Return the picture with a share of its area swapped or blurred, off its middle."""
    copy, side = picture.copy(), round((picture.width * picture.height * share) ** 0.5)
    box = (picture.width // 6, picture.height // 5)
    box = (*box, box[0] + side, box[1] + side)
    if what == "swapped":
        part = picture.transpose(Image.Transpose.ROTATE_180).crop(box)
    else:
        part = picture.filter(ImageFilter.GaussianBlur(8)).crop(box)
    copy.paste(part, box[:2])
    return copy


def framing(a, b):
    return verify.same_framing(np.asarray(a), np.asarray(b))


@pytest.mark.parametrize(
    "alter",
    [
        lambda p: jpeg(p, 40),
        lambda p: noisy(p, 10),
        lambda p: p.resize((150, 100), Image.Resampling.LANCZOS),
        lambda p: p.resize((320, 200), Image.Resampling.BICUBIC),  # a stretch
        lambda p: p.filter(ImageFilter.GaussianBlur(1)),
        lambda p: p.filter(ImageFilter.UnsharpMask(2, 100)),
        lambda p: ImageEnhance.Brightness(p).enhance(1.2),
        lambda p: ImageEnhance.Color(p).enhance(0.5),
        lambda p: ImageOps.grayscale(p).convert("RGB"),
    ],
)
def test_two_renders_of_one_picture_have_no_tile_that_stands_out(alter):
    for seed in (1, 2):
        found = framing(drawn(seed), alter(drawn(seed)))
        assert found.same and found.edited_area == 0, found


@pytest.mark.parametrize("share", [0.02, 0.05])
@pytest.mark.parametrize("what", ["swapped", "blurred"])
def test_a_local_edit_stands_out_and_is_outlined(share, what):
    for seed in (1, 2, 3):
        found = framing(drawn(seed), jpeg(edited(drawn(seed), share, what), 90))
        assert found.worst_tile > 1 and not found.same
        assert 0.5 * share < found.largest_edit <= found.edited_area < 2 * share + 0.01
        left, top, right, bottom = found.where
        assert left < 1 / 6 + 0.05 and top < 1 / 5 + 0.05 and right > 1 / 6 and bottom > 1 / 5


def test_two_pictures_are_not_alike():
    assert framing(drawn(1), drawn(2)).alike < 0.2


def test_the_order_of_two_renders_does_not_matter():
    a, b = drawn(1), edited(drawn(1), 0.05, "swapped").resize((180, 120))
    assert framing(a, b) == framing(b, a)


def test_pictures_without_detail_cannot_be_told_to_be_the_same():
    flat = Image.new("RGB", (90, 60), (200, 120, 40))
    assert not framing(flat, flat).same


def test_what_is_no_rgb_picture_is_refused():
    with pytest.raises(ValueError, match=r"not an RGB picture of 8 bits: uint8 \(4, 4\)"):
        verify.same_framing(np.zeros((4, 4), np.uint8), np.zeros((4, 4), np.uint8))
