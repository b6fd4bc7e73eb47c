"""Comparing in real JupyterLab and Chromium: true pixels, aligned, nothing beside itself."""

import io
import time

import nbformat
import numpy as np
import pytest
from browser import Lab
from drawn import save, tree
from PIL import Image, ImageOps
from test_browser_gallery import CLIPPED, contrast
from test_holding import scene

pytestmark = pytest.mark.browser

PHOTO = scene(5, (900, 600))
LARGE = scene(6, (4200, 2800))
EDIT = (500, 250, 580, 320)
MOST_STEPS = 60  # of a walk through all groups

NOTEBOOK = """
from dedup_nb.finders import phash
from dedup_nb.session import workbench
from dedup_nb.widgets import tuning

values = dict(library="library", cache_dir="cache", run_dir="run-NAME", max_distance=10,
    hash="phash", hash_bits=64, ceiling=16, invariance="mirror")
run = workbench.start("10_phash", values)
hashes, rows = run.hashes("phash", 64, "mirror")
pairs, bound = phash.near_pairs(hashes, 16, 10**6, rows, twins=run.twins)
candidates = run.candidates(pairs)
run.verify(candidates, [10])
tuner = tuning.tune(run, candidates, "max_distance", high=bound)
gallery = tuner.gallery
asked, tiles = [], run.beside.tiles


def counted(path, level, wanted):
    asked.extend((path, level, *tile) for tile in wanted)
    return tiles(path, level, wanted)


run.beside.tiles = counted
"""


def edited():
    copy = PHOTO.copy()
    copy.paste((210, 30, 30), EDIT)
    return copy


def make_pictures(folder):
    save(PHOTO, folder / "a/one.png")
    save(PHOTO, folder / "a/one again.jpg", quality=95, subsampling=0)
    save(PHOTO.crop((3, 2, 897, 598)), folder / "a/one trimmed.png")
    save(PHOTO.resize((450, 300), Image.Resampling.LANCZOS), folder / "a/one half.png")
    save(ImageOps.mirror(PHOTO), folder / "a/one mirrored.jpg", quality=95, subsampling=0)
    save(edited(), folder / "a/one edited.png")
    save(LARGE, folder / "b/large.png")
    save(LARGE, folder / "b/large again.jpg", quality=93)
    for seed in range(20, 26):
        picture = scene(seed, (480, 360 + 20 * (seed % 3)))
        save(picture, folder / f"c/{seed}.png")
        save(picture, folder / f"c/{seed} again.jpg", quality=90)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lab")
    make_pictures(folder / "library")
    return folder


@pytest.fixture(scope="module")
def lab(folder):
    with Lab(folder, width=1400, height=1000) as lab:
        yield lab


def open_gallery(lab, name):
    """Open a notebook of its own with a gallery of the library, and put the keyboard on it."""
    cells = [nbformat.v4.new_code_cell(NOTEBOOK.replace("NAME", name))]
    python = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    notebook = nbformat.v4.new_notebook(cells=cells, metadata=python)
    nbformat.write(notebook, lab.folder / f"{name}.ipynb")
    lab.open(f"{name}.ipynb")
    lab.run_all()
    lab.page.locator(".dnb-tile").first.wait_for()
    lab.page.locator(".dnb-grid").focus()


def go_to(lab, name):
    """Bring an image into focus by walking through the groups, and compare it."""
    focused = lab.page.locator(".dnb-tile[aria-selected=true]")
    press(lab, "Home")
    label = before = None
    for _ in range(MOST_STEPS):
        if (label or "").startswith(f"{name}, "):
            break
        press(lab, "ArrowDown" if label is not None and label == before else "ArrowRight")
        before, label = label, focused.get_attribute("aria-label")
    else:
        raise AssertionError(f"{name} is in no group")
    press(lab, "c")
    captions(lab, name)


def press(lab, *keys):
    for key in keys:
        lab.page.keyboard.press(key)
        lab.settle()


def sharp(lab):
    """Wait until what is shown is as fine as it can be."""
    lab.page.wait_for_function(
        "() => document.querySelector('.dnb-compare').dataset.sharp === 'true'"
    )
    lab.page.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")


def panes(lab):
    return lab.page.locator(".dnb-pane:not([hidden])")


def captions(lab, name=None):
    """Return role, name and state of each picture; wait for a name among them."""
    if name is not None:
        panes(lab).locator("bdi", has_text=name).first.wait_for()
    return [
        [figure.locator(part).inner_text() for part in ("b", "bdi", "figcaption span")]
        for figure in panes(lab).all()
    ]


def told(lab, text):
    """Wait for a text in the line below the pictures; return the line."""
    line = lab.page.locator(".dnb-told", has_text=text)
    line.wait_for()
    return line.inner_text()


def zooms(lab):
    return [state.rsplit(" · ", 1)[-1] for _, _, state in captions(lab)]


def screen(lab, pane=0):
    """Return what the screen shows in a frame, in its own pixels."""
    sharp(lab)
    data = panes(lab).nth(pane).locator(".dnb-frame").screenshot()
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)


def middle(picture, width, height):
    """Return the middle of a picture, as a frame of this size shows it at 100 %."""
    pixels = np.asarray(picture.convert("RGB")).astype(int)
    left, top = (
        -int(np.floor(side / 2 - whole / 2 + 0.5))
        for side, whole in ((width, picture.width), (height, picture.height))
    )
    return pixels[top : top + height, left : left + width]


# -- never an image beside itself ----------------------------------------------------------------


def test_moving_on_while_comparing_lands_on_the_first_proposed_image(lab):
    open_gallery(lab, "landing")
    press(lab, "c")
    titles = []
    for key in ("", "n", "r", "Enter", "PageDown", "PageUp", "p", "ArrowDown", "Home", "End"):
        if key:
            press(lab, key)
        sharp(lab)
        (role, name, _), (_, other, state) = captions(lab)
        assert role == "keeper" and name != other, key
        assert state.startswith("stage"), key
        titles.append(lab.page.locator(".dnb-compare .dnb-title").inner_text())
        assert other in lab.page.locator(".dnb-detail").inner_text()  # the footer is of the pair
        assert not told(lab, "aligned").startswith("the same content")
    assert len(set(titles)) > 3
    assert lab.complaints == []


def test_a_keeper_that_is_compared_is_never_beside_itself(lab):
    open_gallery(lab, "itself")
    lab.page.locator(".dnb-tile[data-standing=keep] .dnb-picture").first.click()
    press(lab, "c")
    for key in ("ArrowLeft", "s", "x", "k", "u", "l", "ArrowRight", "l", "ArrowLeft", "u"):
        press(lab, key)
        names = [name for _, name, _ in captions(lab)]
        assert len(set(names)) == 2, key


# -- true pixels ---------------------------------------------------------------------------------


def canvas_size(lab, pane=0):
    """Return how many pixels of the screen a frame has: width, height."""
    canvas = panes(lab).nth(pane).locator("canvas")
    return canvas.evaluate("(canvas) => [canvas.width, canvas.height]")


def shows(shown, wanted):
    """Return whether the screen shows exactly these pixels, but for the edge of the frame.

    A frame may begin within a pixel of the screen, and its picture in the next one.
    """
    inner = wanted[3:-3, 3:-3]
    height, width = inner.shape[:2]
    top, left = (
        (whole - part) // 2 for whole, part in zip(shown.shape[:2], inner.shape[:2], strict=True)
    )
    near = [(y, x) for y in range(top - 3, top + 4) for x in range(left - 3, left + 4)]
    return any(np.array_equal(shown[y : y + height, x : x + width], inner) for y, x in near)


def check_true_pixels(lab):
    go_to(lab, "large again.jpg")
    press(lab, "t", "1")
    again = Image.open(lab.folder / "library/b/large again.jpg")
    for pane, picture in enumerate((LARGE, again)):
        assert shows(screen(lab, pane), middle(picture, *canvas_size(lab, pane)))
    assert zooms(lab) == ["100 %"] * 2
    press(lab, "Escape")
    go_to(lab, "one half.png")
    press(lab, "1", "m")  # smaller than its frame
    half = Image.open(lab.folder / "library/a/one half.png")
    width, height = canvas_size(lab, 1)
    assert zooms(lab) == ["100 %"] * 2
    assert shows(screen(lab, 1), middle(half, min(width, 450), min(height, 300)))


def test_at_100_percent_the_screen_shows_the_pixels_of_the_file(lab):
    open_gallery(lab, "true")
    check_true_pixels(lab)


def test_at_100_percent_a_fine_screen_shows_the_pixels_of_the_file(lab, folder):
    fine = Lab(folder, width=1000, height=900, scale=2)
    fine.playwright = lab.playwright
    with fine:
        open_gallery(fine, "fine")
        check_true_pixels(fine)


def test_only_what_is_in_sight_of_a_large_picture_is_made(lab):
    open_gallery(lab, "squares")
    go_to(lab, "large again.jpg")
    sharp(lab)
    press(lab, "1")
    sharp(lab)
    full = lab.kernel(
        "print(len({one for one in asked if one[1] == 0 and one[0] == 'b/large.png'}))"
    )
    assert 0 < int(full) < 16  # of 54
    press(lab, *["Shift+ArrowRight"] * 8)
    shown = screen(lab)
    assert shown.std() > 10  # not blank
    more = lab.kernel(
        "print(len({one for one in asked if one[1] == 0 and one[0] == 'b/large.png'}))"
    )
    assert int(full) <= int(more) < 30


def test_zoom_and_place_are_locked_by_place_or_by_pixels(lab):
    open_gallery(lab, "locked")
    go_to(lab, "one half.png")
    told(lab, "scaled by 0.5")
    press(lab, "1")
    assert zooms(lab) == ["100 %", "200 %"]
    place = screen(lab)
    assert np.abs(place - screen(lab, 1)).mean() < 8  # the same place at the same size
    lab.page.get_by_role("button", name="same pixels").click()
    assert zooms(lab) == ["100 %", "100 %"]
    press(lab, "m")
    assert zooms(lab) == ["100 %", "200 %"]
    press(lab, "+", "+", "Shift+ArrowRight")
    assert zooms(lab) == ["225 %", "450 %"]
    moved = screen(lab)
    assert np.abs(moved - screen(lab, 1)).mean() < 8
    frame = panes(lab).nth(1).locator(".dnb-frame").bounding_box()
    lab.page.mouse.move(frame["x"] + 150, frame["y"] + 150)
    lab.page.mouse.down()
    lab.page.mouse.move(frame["x"] + 110, frame["y"] + 120, steps=4)
    lab.page.mouse.up()
    assert np.abs(screen(lab) - moved).mean() > 3
    assert np.abs(screen(lab) - screen(lab, 1)).mean() < 8
    lab.page.mouse.wheel(0, -200)
    assert zooms(lab)[0] > "225 %"
    press(lab, "0")
    panes(lab).nth(0).locator(".dnb-frame").dblclick()
    assert zooms(lab)[0] == "100 %"


def test_an_image_of_another_group_is_shown_whole_again(lab):
    open_gallery(lab, "again")
    press(lab, "c")
    sharp(lab)
    whole = zooms(lab)
    press(lab, "1", "ArrowRight")
    assert zooms(lab)[0] == "100 %"  # of one group: the same place
    press(lab, "n", "p")
    sharp(lab)
    assert zooms(lab)[0] == whole[0]


# -- aligned -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("one trimmed.png", "aligned: shifted by 3 px across and 2 px down"),
        ("one mirrored.jpg", "aligned: mirrored"),
        ("one again.jpg", "aligned: pixel by pixel"),
    ],
)
def test_flicker_and_difference_are_aligned_and_say_so(lab, name, text):
    open_gallery(lab, f"aligned-{name[4:7]}")
    go_to(lab, name)
    line = told(lab, text)
    share = line.split(" · ")[1]
    assert share.endswith("of the pixels differ")
    assert share.startswith(("0 %", "less than", "0.0"))
    press(lab, "1", " ")
    assert len(captions(lab)) == 1
    second = screen(lab)
    press(lab, " ")
    first = screen(lab)
    assert captions(lab)[0][0] == "keeper"
    inner = (slice(20, -20), slice(20, -20))
    assert np.abs(first - second)[inner].mean() < 3
    press(lab, "h")
    assert captions(lab)[0][0] == "difference"
    heat = screen(lab)
    colour = np.ptp(heat, axis=2)
    assert np.median(colour) < 12  # grey where nothing differs
    assert told(lab, text)


def test_two_images_of_a_group_are_compared_without_the_keeper(lab):
    open_gallery(lab, "held")
    go_to(lab, "one trimmed.png")
    press(lab, "l")
    assert captions(lab)[0][1] == "one trimmed.png"
    reached = set()
    for _ in range(6):
        reached.add(captions(lab)[1][1])
        press(lab, "ArrowRight")
    for _ in range(6):
        reached.add(captions(lab)[1][1])
        press(lab, "ArrowLeft")
    assert len(reached) == 5 and "one trimmed.png" not in reached
    go_to_held = lab.page.get_by_role("button", name="compare the others with this image")
    assert go_to_held.get_attribute("aria-pressed") == "true"
    assert told(lab, "aligned:")
    press(lab, "l")
    assert captions(lab)[0][0] == "keeper"


def test_a_survey_shows_all_images_of_a_group_with_one_zoom(lab):
    open_gallery(lab, "survey")
    go_to(lab, "one trimmed.png")
    press(lab, "g")
    sharp(lab)
    assert len(captions(lab)) == 6
    current = lab.page.locator(".dnb-pane[aria-current=true] bdi")
    assert current.inner_text() == "one trimmed.png"
    press(lab, "1")
    sharp(lab)
    assert sorted(zooms(lab)) == ["100 %"] * 5 + ["200 %"]
    panes(lab).locator("bdi", has_text="one edited.png").click()
    assert current.inner_text() == "one edited.png"
    press(lab, "s")
    lab.page.locator(".dnb-said", has_text="saved: stage · one edited.png").wait_for()
    press(lab, "ArrowRight", "b")
    assert len(captions(lab)) == 2


# -- the whole window ----------------------------------------------------------------------------


def test_gallery_and_comparison_fill_the_window_and_escape_goes_back(lab):
    open_gallery(lab, "full")
    gallery = lab.page.locator(".dnb-gallery")
    before = gallery.bounding_box()
    press(lab, "w")
    assert gallery.bounding_box() == {"x": 0, "y": 0, "width": 1400, "height": 1000}
    on_top = "([x, y]) => Boolean(document.elementFromPoint(x, y).closest('.dnb-gallery'))"
    corners = [[3, 3], [1396, 3], [3, 996], [1396, 996]]
    assert all(lab.page.evaluate(on_top, corner) for corner in corners)
    press(lab, "ArrowDown", "c")
    sharp(lab)
    frame = panes(lab).first.bounding_box()
    assert frame["height"] > 500
    for _ in range(40):
        press(lab, "Tab")
        inside = "() => Boolean(document.activeElement.closest('.dnb-compare'))"
        assert lab.page.evaluate(inside)
    lab.page.locator(".dnb-compare").focus()
    press(lab, "Escape")
    assert lab.page.locator(".dnb-compare").is_hidden()
    assert gallery.bounding_box()["width"] == 1400
    press(lab, "Escape")
    after = gallery.bounding_box()
    assert (after["width"], after["height"]) == (before["width"], before["height"])
    assert lab.page.evaluate("() => document.activeElement.className") == "dnb-grid"
    assert lab.complaints == []


def test_a_dialog_of_jupyterlab_is_not_hidden_by_the_full_window(lab):
    open_gallery(lab, "dialog")
    press(lab, "w")
    lab.page.evaluate("() => { jupyterapp.commands.execute('help:about'); }")
    lab.page.locator(".jp-Dialog").wait_for()
    lab.page.wait_for_function("() => !document.querySelector('.dnb-full')")
    lab.page.keyboard.press("Escape")


# -- where they differ ---------------------------------------------------------------------------


def test_the_area_that_held_a_pair_back_is_outlined_in_both_pictures(lab):
    open_gallery(lab, "outlined")
    go_to(lab, "one edited.png")
    line = told(lab, "outlined:")
    assert line.endswith("of the area differs")
    sharp(lab)
    for pane in range(2):
        box = outline(lab, pane)
        edit = np.array(EDIT) / (900, 600, 900, 600)
        assert box[0] < edit[0] and box[1] < edit[1] and box[2] > edit[2] and box[3] > edit[3]
        assert (box[2] - box[0]) * (box[3] - box[1]) < 0.1
    press(lab, "o")
    assert lab.page.locator(".dnb-over").count() == 0
    assert told(lab, "(o outlines it)")
    press(lab, "o", "h")
    assert lab.page.locator(".dnb-pane:not([hidden]) .dnb-over").count() == 1


def outline(lab, pane):
    """Return an outline as shares of its whole picture, which is fitted to its frame."""
    return lab.page.evaluate(
        """([k, width, height]) => {
          const pane = [...document.querySelectorAll(".dnb-pane")].filter((el) => !el.hidden)[k];
          const frame = pane.querySelector(".dnb-frame").getBoundingClientRect();
          const scale = Math.min(frame.width / width, frame.height / height);
          const [left, top] = [(frame.width - scale * width) / 2, (frame.height - scale * height) / 2];
          const points = [...pane.querySelector(".dnb-over").points];
          const xs = points.map(({ x }) => (x - left) / scale / width);
          const ys = points.map(({ y }) => (y - top) / scale / height);
          return [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
        }""",
        [pane, 900, 600],
    )


# -- for everybody -------------------------------------------------------------------------------


def test_every_control_has_a_name_and_fits_dark_light_and_narrow(lab, tmp_path):
    open_gallery(lab, "names")
    go_to(lab, "one edited.png")
    unnamed = "() => [...document.querySelectorAll('.dnb-gallery button, .dnb-gallery canvas')].filter((el) => !el.getAttribute('aria-label') && el.getClientRects().length).length"
    assert lab.page.evaluate(unnamed) == 0
    pictures = (
        panes(lab)
        .locator("canvas")
        .evaluate_all("(all) => all.map((el) => el.getAttribute('aria-label'))")
    )
    assert pictures[0].startswith("keeper, one") and "one edited.png" in pictures[1]
    for dark in (False, True):
        lab.theme(dark)
        for width in (1400, 640, 560):
            lab.page.set_viewport_size({"width": width, "height": 900})
            press(lab, "b")
            sharp(lab)
            lab.page.screenshot(path=tmp_path / f"{'dark' if dark else 'light'}-{width}.png")
            assert lab.page.evaluate(CLIPPED) == []
            assert contrast(lab, ".dnb-told") > 4.5
            assert contrast(lab, ".dnb-pane figcaption span") > 4.5
            assert panes(lab).first.locator(".dnb-frame").bounding_box()["height"] > 100
    lab.theme(False)
    lab.page.set_viewport_size(lab.size)


def test_the_list_of_keys_opens_at_its_first_line_with_those_of_comparing(lab):
    open_gallery(lab, "keys")
    press(lab, "c", "?")
    help_ = lab.page.locator(".dnb-help")
    assert help_.evaluate("(el) => el.scrollTop") == 0
    assert help_.locator("b").first.inner_text() == "While comparing"
    assert "100 %: one pixel" in help_.inner_text()
    press(lab, "Escape")
    assert help_.is_hidden()
    assert lab.page.locator(".dnb-compare").is_visible()


def test_what_cannot_be_shown_says_why_in_its_place(lab):
    open_gallery(lab, "gone")
    path = lab.folder / "library/c/20 again.jpg"
    data = path.read_bytes()
    path.unlink()
    try:
        go_to(lab, "20 again.jpg")
        lab.page.locator(".dnb-whynot", has_text="cannot be read: No such file").wait_for()
        assert told(lab, "No such file")
    finally:
        path.write_bytes(data)


def test_comparing_leaves_every_file_of_the_library_as_it_is(lab):
    before = tree(lab.folder / "library")
    open_gallery(lab, "bytes")
    press(lab, "c", "1", "h", "g", " ", "w")
    time.sleep(1)
    assert tree(lab.folder / "library") == before
    assert lab.outside == []
