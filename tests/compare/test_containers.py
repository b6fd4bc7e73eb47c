"""Screenshots, collages and pages that show a picture, and borders and crops, which are none."""

import numpy as np
import pytest
from drawn import photo
from PIL import Image, ImageDraw, ImageFilter, ImageFont, ImageOps

from dedup_nb.compare import containers
from dedup_nb.compare.holding.geometry import Aligned, Picture
from dedup_nb.compare.look_words import CONTAINED

PHOTO = photo(3, 480, 320)
TEXT = "and so it was that they had come by one of the many ways, which nobody could say "


def on_page(size, box, colour="white", picture=PHOTO):
    """A page with the picture in a box, and the map from the picture to it."""
    page = Image.new("RGB", size, colour)
    return placed(page, box, picture)


def placed(page, box, picture=PHOTO):
    left, top, right, bottom = box
    page.paste(picture.resize((right - left, bottom - top), Image.Resampling.LANCZOS), (left, top))
    x, y = (right - left) / picture.width, (bottom - top) / picture.height
    return page, np.array([[x, 0, left + (x - 1) / 2], [0, y, top + (y - 1) / 2]])


def write(page, place, lines=1, size=18, fill=(30, 30, 30)):
    text = "\n".join(TEXT[k : k + 24] for k in range(lines))
    ImageDraw.Draw(page).text(place, text, fill=fill, font=ImageFont.load_default(size))


def browser():
    page, matrix = on_page((900, 700), (60, 140, 600, 500))
    ImageDraw.Draw(page).rectangle((0, 0, 900, 60), fill=(70, 90, 120))
    write(page, (20, 20), fill="white")
    write(page, (60, 520), lines=6)
    write(page, (640, 140), lines=12)
    return page, matrix


def phone():
    page, matrix = on_page((480, 1000), (0, 340, 480, 660), "black")
    write(page, (20, 10), fill="white")
    for x in (60, 180, 300, 420):
        ImageDraw.Draw(page).ellipse((x - 18, 930, x + 18, 966), outline="white", width=3)
    return page, matrix


def lightbox():
    page, matrix = on_page((900, 560), (120, 60, 780, 500), (24, 24, 28))
    write(page, (860, 10), size=30, fill="white")
    return page, matrix


def slide():
    page, matrix = on_page((960, 540), (440, 120, 920, 440))
    write(page, (40, 30), size=40)
    write(page, (40, 160), lines=5, size=24)
    return page, matrix


def text_page():
    page, matrix = on_page((700, 990), (110, 300, 590, 620))
    write(page, (110, 60), lines=9)
    write(page, (110, 650), lines=12)
    return page, matrix


def chat():
    page, matrix = on_page((540, 960), (80, 300, 520, 593), (225, 235, 220))
    for y in (120, 200, 640, 720):
        ImageDraw.Draw(page).rounded_rectangle((20, y, 340, y + 56), 16, fill="white")
        write(page, (36, y + 16))
    return page, matrix


def post():
    page, matrix = on_page((480, 760), (0, 100, 480, 420))
    ImageDraw.Draw(page).ellipse((16, 20, 76, 80), fill=(90, 120, 160))
    write(page, (96, 34), size=22)
    write(page, (16, 480), lines=8)
    return page, matrix


def two(across=True):
    size, at = ((960, 320), (480, 0)) if across else ((480, 640), (0, 320))
    page, matrix = on_page(size, (0, 0, 480, 320))
    page.paste(photo(8, 480, 320), at)
    return page, matrix


def four(gap=8):
    page = Image.new("RGB", (960 + gap, 640 + gap), "white")
    for k in range(4):
        page.paste(photo(20 + k, 480, 320), (k % 2 * (480 + gap), k // 2 * (320 + gap)))
    return placed(page, (480 + gap, 0, 960 + gap, 320))


def contact_sheet():
    page = Image.new("RGB", (960, 780), "white")
    for k in range(9):
        x, y = k % 3 * 320, k // 3 * 260
        page.paste(photo(30 + k, 288, 192), (x + 16, y + 16))
        write(page, (x + 20, y + 220))
    return placed(page, (336, 276, 624, 468))


def blurred_frame():
    wide = PHOTO.resize((800, 800)).filter(ImageFilter.GaussianBlur(20))
    return placed(wide, (0, 133, 800, 666))


def inset():
    return placed(photo(9, 900, 600), (400, 260, 880, 580))


CONTAINERS = {
    "browser": browser(),
    "phone": phone(),
    "lightbox": lightbox(),
    "slide": slide(),
    "page": text_page(),
    "chat": chat(),
    "post": post(),
    "two beside each other": two(),
    "two above each other": two(across=False),
    "four": four(),
    "four without gaps": four(0),
    "contact sheet": contact_sheet(),
    "blurred frame": blurred_frame(),
    "picture in picture": inset(),
}


def around(edges, colour):
    left, top, right, bottom = edges
    size = (480 + left + right, 320 + top + bottom)
    return on_page(size, (left, top, 480 + left, 320 + top), colour)


def double():
    inner = ImageOps.expand(PHOTO, 14, (40, 60, 90))
    return placed(ImageOps.expand(inner, 30, (235, 230, 220)), (44, 44, 524, 364))


def rounded():
    page = Image.new("RGB", (560, 400), "white")
    mask = Image.new("L", PHOTO.size)
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, 479, 319), 30, 255)
    page.paste(PHOTO, (40, 40), mask)
    return page, np.array([[1.0, 0, 40], [0, 1, 40]])


def captioned(edges, places, size=26):
    page, matrix = around(edges, "white")
    for place in places:
        write(page, place, size=size)
    return page, matrix


BORDERS = {
    "white": around((30, 30, 30, 30), "white"),
    "coloured": around((50, 50, 50, 50), (120, 60, 40)),
    "uneven": around((10, 20, 60, 90), "white"),
    "double": double(),
    "rounded": rounded(),
    "letterbox": around((0, 90, 0, 90), "black"),
    "pillarbox": around((120, 0, 120, 0), "black"),
    "polaroid": captioned((26, 26, 26, 100), [(120, 370)]),
    "caption below": captioned((0, 0, 0, 60), [(20, 336)]),
    "meme": captioned((0, 60, 0, 60), [(20, 14), (20, 394)], 30),
}

WHOLE = photo(5, 720, 480)
CROPS = {
    "middle": (90, 60, 630, 420),
    "one side": (0, 0, 520, 480),
    "corner": (240, 160, 720, 480),
    "slight": (20, 14, 706, 470),
    "tight": (250, 150, 480, 330),
    "strip": (0, 150, 720, 330),
}


def looked_at(part, page, matrix, swapped=False):
    pictures = [Picture(np.asarray(picture)) for picture in (part, page)]
    return containers.shown(Aligned(*pictures, matrix, swapped))


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_picture_inside_a_screenshot_collage_or_page_is_contained(name):
    look = looked_at(PHOTO, *CONTAINERS[name])
    assert (look.kind, look.whole) == (CONTAINED, "b")


@pytest.mark.parametrize("name", BORDERS)
def test_a_plain_border_or_a_bar_with_a_caption_is_no_container(name):
    assert looked_at(PHOTO, *BORDERS[name]).kind == ""


@pytest.mark.parametrize("name", CROPS)
def test_the_whole_of_a_crop_is_no_container(name):
    left, top, *_ = CROPS[name]
    part, matrix = WHOLE.crop(CROPS[name]), np.array([[1.0, 0, left], [0, 1, top]])
    assert looked_at(part, WHOLE, matrix).kind == ""


def test_a_picture_with_a_date_is_no_container_of_its_crop():
    stamped = WHOLE.copy()
    write(stamped, (560, 440), size=24, fill=(255, 140, 20))
    part, matrix = stamped.crop((60, 40, 720, 480)), np.array([[1.0, 0, 60], [0, 1, 40]])
    assert looked_at(part, stamped, matrix).kind == ""


def test_a_vignette_makes_no_container_of_the_whole():
    far = np.hypot(*np.meshgrid(np.linspace(-1, 1, 720), np.linspace(-1, 1, 480)))
    dark = (np.asarray(WHOLE) * (1 - 0.3 * far**2)[..., None]).clip(0, 255).astype(np.uint8)
    part, matrix = dark[40:440, 60:660], np.array([[1.0, 0, 60], [0, 1, 40]])
    assert looked_at(part, dark, matrix).kind == ""


def test_copies_of_one_framing_contain_nothing():
    assert (
        looked_at(PHOTO, PHOTO.resize((240, 160)), np.array([[0.5, 0, 0], [0, 0.5, 0]])).kind == ""
    )


def test_the_place_of_the_picture_is_told_if_the_first_one_is_the_container():
    look = looked_at(PHOTO, *inset(), swapped=True)
    assert (look.whole, look.where) == ("a", ((0.4444, 0.4333, 0.9778, 0.9667),))


def test_a_turned_container_is_still_one():
    page, matrix = browser()
    matrix = np.array([[0, -1, page.height - 1], [1, 0, 0]]) @ np.vstack([matrix, [0, 0, 1]])
    page = page.transpose(Image.Transpose.ROTATE_270)
    assert looked_at(PHOTO, page, matrix).whole == "b"
