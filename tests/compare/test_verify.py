"""Is it the same picture, and where do two renders of it differ?"""

import io
from dataclasses import asdict

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageOps

from dedup_nb.compare import framing, verify
from dedup_nb.compare.verdicts import judge
from dedup_nb.pictures import features


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


def compared(a, b):
    return framing.same_framing(np.asarray(a), np.asarray(b))


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
        found = compared(drawn(seed), alter(drawn(seed)))
        assert found.same and found.edited_area == 0, found


@pytest.mark.parametrize("share", [0.02, 0.05])
@pytest.mark.parametrize("what", ["swapped", "blurred"])
def test_a_local_edit_stands_out_and_is_outlined(share, what):
    for seed in (1, 2, 3):
        found = compared(drawn(seed), jpeg(edited(drawn(seed), share, what), 90))
        assert found.worst_tile > 1 and not found.same
        assert 0.5 * share < found.largest_edit <= found.edited_area < 2 * share + 0.01
        left, top, right, bottom = found.where
        assert left < 1 / 6 + 0.05 and top < 1 / 5 + 0.05 and right > 1 / 6 and bottom > 1 / 5


def test_two_pictures_are_not_alike():
    assert compared(drawn(1), drawn(2)).alike < 0.2


def test_the_order_of_two_renders_does_not_matter():
    a, b = drawn(1), edited(drawn(1), 0.05, "swapped").resize((180, 120))
    assert compared(a, b) == compared(b, a)


def test_pictures_without_detail_cannot_be_told_to_be_the_same():
    flat = Image.new("RGB", (90, 60), (200, 120, 40))
    assert not compared(flat, flat).same


def test_what_is_no_rgb_picture_is_refused():
    with pytest.raises(ValueError, match=r"not an 8-bit RGB picture: uint8 \(4, 4\)"):
        framing.same_framing(np.zeros((4, 4), np.uint8), np.zeros((4, 4), np.uint8))


def features_of(picture):
    picture = picture.copy()
    picture.thumbnail((256, 256), Image.Resampling.LANCZOS)
    pixels = np.asarray(picture)
    return features.unpack(features.extract(pixels), pixels)


def verdict(a, b):
    return verify.same_picture(features_of(a), features_of(b), (a.size, b.size))


@pytest.mark.parametrize(
    ("alter", "kinds"),
    [
        (lambda p: jpeg(p, 50), {"re-encoded"}),
        (lambda p: p.resize((250, 170), Image.Resampling.LANCZOS), {"resized"}),
        (lambda p: p.crop((60, 40, 440, 300)), {"cropped"}),
        (lambda p: ImageOps.expand(p, 20, "white"), {"bordered"}),
        (ImageOps.mirror, {"mirrored"}),
        (lambda p: p.transpose(Image.Transpose.ROTATE_90), {"rotated"}),
        (lambda p: ImageOps.grayscale(p).convert("RGB"), {"recoloured"}),
        (lambda p: edited(p, 0.06, "swapped"), {"edited"}),
        (lambda p: ImageOps.mirror(p).crop((40, 30, 460, 310)), {"mirrored", "cropped"}),
    ],
)
def test_what_was_done_to_a_picture_is_told(alter, kinds):
    whole = drawn(1, (500, 340))
    found = verdict(whole, alter(whole))
    assert found.same and set(found.kinds) == kinds, found


@pytest.mark.parametrize(
    ("alter", "there"),
    [
        (lambda p: p, lambda x, y: (x, y)),
        (lambda p: p.crop((60, 40, 500, 340)), lambda x, y: ((x * 500 - 60) / 440, (y * 340 - 40) / 300)),
        (ImageOps.mirror, lambda x, y: (1 - x, y)),
        (lambda p: p.transpose(Image.Transpose.ROTATE_90), lambda x, y: (y, 1 - x)),
        (lambda p: p.resize((250, 170)), lambda x, y: (x, y)),
    ],
)  # fmt: skip
def test_the_box_around_an_edit_lies_in_each_picture_where_the_edit_is(alter, there):
    whole = drawn(1, (500, 340))
    found = verdict(whole, alter(edited(whole, 0.06, "swapped")))
    opposite = found.turned()
    assert (opposite.where, opposite.where_in_b) == (found.where_in_b, found.where)
    side = (500 * 340 * 0.06) ** 0.5
    middle = (500 // 6 + side / 2) / 500, (340 // 5 + side / 2) / 340
    for box, (x, y) in ((found.where, middle), (found.where_in_b, there(*middle))):
        left, top, right, bottom = box
        assert (left + right) / 2 == pytest.approx(x, abs=0.06)
        assert (top + bottom) / 2 == pytest.approx(y, abs=0.06)


ALTERED = {
    "re-encoded": lambda p: jpeg(p, 30),
    "blurred": lambda p: p.filter(ImageFilter.GaussianBlur(4)),
    "cropped": lambda p: jpeg(p.crop((60, 40, 440, 300)), 40),
    "bordered": lambda p: ImageOps.expand(p, 20, "white"),
    "captioned": lambda p: captioned(p, bar=True),
    "turned and cropped": lambda p: noisy(p.rotate(9).crop((70, 60, 400, 280)), 25),
    "mirrored, a quarter turn": lambda p: ImageOps.mirror(p).transpose(Image.Transpose.ROTATE_90),
    "quarter size": lambda p: p.resize((p.width // 4, p.height // 4)),
    "sheared": lambda p: p.transform(p.size, Image.Transform.AFFINE, (1, 0.09, -15, 0, 1, 0)),
    "shown as a part": lambda p: ImageOps.expand(p.resize((130, 90)), 110, "grey"),
    "bent": lambda p: p.transform(
        p.size, Image.Transform.QUAD, (0, 0, 9, 340, 490, 325, 500, 14), Image.Resampling.BICUBIC
    ),
    "edited": lambda p: edited(p, 0.06, "swapped"),
    "another picture": lambda p: drawn(9, p.size),
}


@pytest.mark.parametrize("alter", ALTERED.values(), ids=ALTERED.keys())
@pytest.mark.parametrize("seed", [1, 2])
def test_two_pictures_have_one_verdict_whichever_comes_first(alter, seed):
    whole = drawn(seed, (500, 340))
    other = alter(whole)
    small = [features_of(picture).pixels for picture in (whole, other)]
    sizes = whole.size, other.size

    one, opposite = verdict(whole, other), verdict(other, whole)
    plain = verify.plain_verdict(*small, sizes)
    turned = verify.plain_verdict(*small[::-1], sizes[::-1])

    assert (plain is None) == (turned is None)
    for first, second in [(one, opposite), (plain or one, turned or opposite)]:
        facts, expected = asdict(first), asdict(second.turned())
        for name in ("scale", "rotation"):
            assert facts.pop(name) == pytest.approx(expected.pop(name), abs=1e-9)
        assert facts.pop("matrix") == pytest.approx(expected.pop("matrix"), abs=1e-4)
        assert facts == expected
        for member_first in (True, False):
            assert judge(first, member_first=member_first) == judge(
                second, member_first=not member_first
            )


def test_the_verdict_from_the_other_side_swaps_what_belongs_to_each():
    found = verify.Verdict(
        1.0,
        ("rotated", "cropped"),
        "a",
        "b",
        scale=0.5,
        rotation=90.0,
        matrix=(0, -0.5, 9, 0.5, 0, 4),
    )
    turned = found.turned()
    assert (turned.crop, turned.border, turned.scale, turned.rotation) == ("b", "a", 2.0, -90.0)
    assert turned.matrix == pytest.approx((0, 2, -8, -2, 0, 18))
    assert turned.kinds == found.kinds


@pytest.mark.parametrize("left", [25, 50, 75])  # overlaps of 95, 90 and 84 %
def test_frames_of_a_panorama_each_show_a_part_that_the_other_does_not(left):
    scene = drawn(1, (500 + left, 340))
    one, other = scene.crop((0, 0, 500, 340)), scene.crop((left, 0, 500 + left, 340))

    found = verdict(one, other)

    assert (found.crop, found.kinds) == ("ab", ("shifted",))
    accepted = [judge(found, member_first=first).accepted for first in (True, False)]
    assert accepted == [False, False]


def test_a_crop_is_told_from_its_whole_with_how_much_it_shows():
    whole = drawn(1, (500, 340))
    part = whole.crop((50, 34, 450, 306))  # four fifths of each side
    assert verdict(whole, part).crop == "b" and verdict(part, whole).crop == "a"
    assert verdict(whole, part).overlap == pytest.approx(0.64, abs=0.02)


def test_a_turned_picture_tells_its_angle_and_scale():
    whole = drawn(1, (500, 340))
    found = verdict(whole, whole.resize((250, 170)).transpose(Image.Transpose.ROTATE_270))
    assert abs(found.rotation) == pytest.approx(90, abs=0.5)
    assert found.scale == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize(
    ("alter", "corner"),
    [
        (lambda p: p.resize((150, 100), Image.Resampling.LANCZOS), (999.5, 666.5)),
        (ImageOps.mirror, (-0.5, 1332.5)),
        (lambda p: p.transpose(Image.Transpose.ROTATE_90), (1332.5, -0.5)),
    ],
)
def test_the_map_between_whole_pictures_takes_a_corner_to_its_place(alter, corner):
    picture = drawn(6)
    other = alter(picture)
    times = 2000 / picture.width
    whole = [tuple(round(side * times) for side in p.size) for p in (picture, other)]
    found = verify.same_picture(features_of(picture), features_of(other), tuple(whole))
    place = np.reshape(found.matrix, (2, 3)) @ [1999.5, 1332.5, 1]
    assert np.abs(place - corner).max() < 8


def test_two_pictures_and_frames_in_which_all_moves_a_little_are_not_the_same():
    assert not verdict(drawn(1, (500, 340)), drawn(2, (500, 340))).same
    first = np.asarray(drawn(1, (500, 340)))
    y, x = np.mgrid[:340, :500].astype(np.float32)
    waves = 4 * np.sin(y / 40), 4 * np.cos(x / 60)
    moved = cv2.remap(first, x + waves[0].astype(np.float32), y + waves[1].astype(np.float32), 1)
    assert not verdict(Image.fromarray(first), Image.fromarray(moved)).same


def test_pictures_of_one_framing_need_no_features_and_others_do():
    whole = drawn(2, (256, 174))
    look = lambda other: verify.plain_verdict(np.asarray(whole), np.asarray(other))  # noqa: E731
    assert look(jpeg(whole, 80)).kinds == ("re-encoded",)
    assert look(edited(whole, 0.06, "blurred")).kinds == ("edited",)
    assert look(whole.crop((4, 3, 252, 171))) is None
    assert look(ImageOps.mirror(whole)) is None
    assert look(drawn(1, (256, 174))) is None


def test_a_picture_without_detail_gives_no_features_and_no_verdict():
    flat = Image.new("RGB", (90, 60), (200, 120, 40))
    assert len(features_of(flat).places) == 0
    assert verdict(flat, flat).score == 0


def sky(seed, amount=8, size=(512, 384)):
    """Return soft clouds, `amount` grey levels of them; no feature is found in it as it is."""
    width, height = size
    rng = np.random.default_rng(seed)
    far = np.hypot(
        *np.meshgrid(np.fft.fftfreq(width, 1 / width), np.fft.fftfreq(height, 1 / height))
    )
    clouds = np.fft.ifft2(np.fft.fft2(rng.normal(size=far.shape)) / np.maximum(far, 1) ** 1.8).real
    shade = amount * (clouds - clouds.mean()) / clouds.std()
    pixels = shade[..., None] + rng.uniform((90, 130, 180), (150, 190, 220))
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def gradient(seed, size=(512, 384)):
    rng = np.random.default_rng(seed)
    v, u = np.mgrid[-1 : 1 : size[1] * 1j, -1 : 1 : size[0] * 1j]
    shade = rng.uniform(-40, 40) * u + rng.uniform(-40, 40) * v + rng.uniform(-20, 20) * u * v
    pixels = shade[..., None] + rng.uniform(80, 180, 3)
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def captioned(picture, bar):
    """Return the picture with a text: on a bar below it, or across its lower part."""
    tall = picture.height // 7
    sheet = Image.new("RGB", (picture.width, picture.height + bar * tall), (245, 245, 245))
    sheet.paste(picture, (0, 0))
    ImageDraw.Draw(sheet).text(
        (picture.width * 0.2, sheet.height - tall * 0.8), "one evening in june",
        "black" if bar else "white", font_size=tall * 0.5,
    )  # fmt: skip
    return sheet


@pytest.mark.parametrize(
    "alter",
    [
        lambda p: jpeg(p, 40),
        lambda p: ImageOps.mirror(p).resize((300, 225)),
        lambda p: p.crop((30, 30, 480, 360)),
        lambda p: ImageEnhance.Brightness(p).enhance(0.8),
        lambda p: p.transpose(Image.Transpose.ROTATE_90),
    ],
)
def test_a_sky_is_told_by_its_clouds(alter):
    assert len(features_of(sky(1)).places) < features.LEAST_POINTS
    found = verdict(sky(1), alter(sky(1)))
    assert found.same and found.unedited, found


def test_skies_and_gradients_are_not_the_same_nor_is_a_gradient_known_again():
    pictures = [*map(sky, range(1, 5)), *map(gradient, range(4))]
    for k, picture in enumerate(pictures):
        assert not any(verdict(picture, other).same for other in pictures[:k])
    assert not any(verdict(gradient(k), jpeg(gradient(k), 60)).same for k in range(4))


def test_a_sky_that_drifted_out_of_shape_is_another_frame():
    first = np.asarray(sky(2))
    y, x = np.mgrid[:384, :512].astype(np.float32)
    waves = 12 * np.sin(y / 40), 12 * np.cos(x / 50)
    moved = cv2.remap(first, x + waves[0].astype(np.float32), y + waves[1].astype(np.float32), 1)
    assert not verdict(Image.fromarray(first), Image.fromarray(moved)).same


@pytest.mark.parametrize("bar", [True, False])
def test_one_caption_over_two_pictures_does_not_make_them_the_same(bar):
    empty = [gradient(1), gradient(2), sky(1), sky(2), sky(3, 3)]
    made = [captioned(picture, bar) for picture in empty]
    for k, picture in enumerate(made):
        assert not any(verdict(picture, other).same for other in made[:k])
    assert verdict(made[2], jpeg(made[2], 60)).same


def test_what_lies_in_the_middle_of_an_empty_ground_is_known_again():
    def shot(seed, level):
        ground = Image.new("RGB", (640, 480), (level,) * 3)
        ground.paste(drawn(seed, (210, 160)), (215, 160))
        return ground

    for level in (255, 190, 0):
        assert verdict(shot(1, level), jpeg(shot(1, level), 50)).same
        assert not verdict(shot(1, level), shot(2, level)).same
    assert (
        not verdict(shot(1, 190), shot(1, 120)).unedited
        or not verdict(shot(1, 190), shot(1, 120)).same
    )


def test_a_caption_is_an_edit_though_moving_what_is_beside_it_would_undo_it():
    smooth = drawn(3, (500, 340)).filter(ImageFilter.GaussianBlur(3))
    found = verdict(smooth, captioned(smooth, bar=False))
    assert found.same and "edited" in found.kinds, found
    y, x = np.mgrid[:340, :500].astype(np.float32)
    bulge = 14 * np.exp(-((np.hypot(x - 250, y - 170) / 90) ** 2))
    moved = cv2.remap(np.asarray(smooth), x + bulge.astype(np.float32), y, cv2.INTER_LINEAR)
    assert not verdict(smooth, Image.fromarray(moved)).same  # a thing that moved


def grained(seed, size=(256, 256)):
    """Return one and the same empty sky, with the grain of another shot for each seed."""
    grain = cv2.GaussianBlur(np.random.default_rng(seed).normal(0, 2.5, size), (0, 0), 0.9)
    down = np.linspace(-15, 15, size[0])[:, None]
    pixels = (grain + down)[..., None] + np.array([110, 150, 205])
    return jpeg(Image.fromarray(pixels.clip(0, 255).astype(np.uint8)), 92)


@pytest.mark.parametrize(
    "alter",
    [
        lambda p: jpeg(p, 85),
        lambda p: p.crop((12, 12, 244, 244)),
        lambda p: ImageEnhance.Brightness(p).enhance(1.15),
        lambda p: ImageOps.mirror(p),
        lambda p: p.rotate(1, Image.Resampling.BICUBIC, fillcolor=(110, 150, 205)),
    ],
)
def test_an_empty_sky_is_told_by_its_grain(alter):
    assert verdict(grained(1), alter(grained(1))).same


def test_the_next_shot_of_an_empty_sky_has_another_grain():
    shots = [grained(k) for k in range(6)]
    shots += [captioned(shot, bar=True) for shot in shots[:3]]
    for k, shot in enumerate(shots):
        found = [verdict(shot, other).same for other in shots[:k]]
        assert found == [k == n + 6 for n in range(k)]  # that under the bar is the same as without


@pytest.mark.parametrize("share", [0.012, 0.02, 0.08])
def test_a_thin_cut_is_no_border_and_a_thin_border_no_cut(share):
    whole = drawn(1, (500, 340))
    edge = round(share * 500)
    cut = verdict(whole, whole.crop((edge, edge, 500 - edge, 340 - edge)))
    assert (cut.kinds, cut.crop, cut.border) == (("cropped",), "b", "")
    framed = verdict(whole, jpeg(ImageOps.expand(whole, 2 * edge, "black"), 70))
    assert (framed.kinds, framed.crop, framed.border) == (("bordered",), "", "b")


def test_a_caption_bar_is_no_part_of_the_picture_and_a_plain_sky_is():
    whole = drawn(1, (500, 340))
    below = verdict(whole, captioned(whole, bar=True))
    assert (below.crop, below.border) == ("a", "b")
    pixels = np.asarray(whole).copy()
    pixels[:120] = (140, 170, 210)
    outdoors = Image.fromarray(pixels)
    cut = verdict(outdoors, outdoors.crop((0, 60, 500, 340)))
    assert (cut.crop, cut.border) == ("b", "")
