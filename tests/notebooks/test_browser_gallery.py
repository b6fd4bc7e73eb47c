"""The review widget in real JupyterLab and Chromium."""

import json
import os
import re
import signal
import time
from pathlib import Path

import nbformat
import pytest
from browser import Lab

pytestmark = pytest.mark.browser

HOSTILE = "<img src=x onerror=document.title='hacked'>.png"

# What a notebook has before its gallery: pictures, a cut for each threshold, thumbnails by path.
LIBRARY = '''
import io
from functools import lru_cache
from pathlib import Path

import ipywidgets
import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from dedup_nb.groups.decisions import Decisions
from dedup_nb.widgets.gallery import Gallery

HOSTILE = "<img src=x onerror=document.title='hacked'>.png"
SIZES = [(208, 304), (304, 208), (256, 256)]
HOURS = [((40, 60, 120), (250, 180, 120)), ((90, 150, 220), (230, 240, 245)), ((15, 20, 50), (90, 70, 110))]


def scene(seed, shift=0):
    """Draw a landscape: a sky, a sun, ridges, and grain; `shift` changes it a little."""
    rng = np.random.default_rng(seed)
    width, height = SIZES[seed % 3]
    high, low = (np.array(colour) + rng.integers(-15, 15, 3) for colour in HOURS[seed // 3 % 3])
    sky = high + (low - high) * np.linspace(0, 1, height)[:, None, None] ** 0.8
    picture = Image.fromarray(np.broadcast_to(sky, (height, width, 3)).clip(0, 255).astype(np.uint8))
    draw = ImageDraw.Draw(picture)
    x, y, r = rng.uniform(0.2, 0.8) * width + shift, rng.uniform(0.15, 0.4) * height, rng.uniform(12, 30)
    draw.ellipse([x - r, y - r, x + r, y + r], fill=(255, 240, 200))
    for layer in range(4):
        base, steps = height * (0.5 + 0.13 * layer), np.linspace(0, 1, 60)
        ridge = base + sum(rng.uniform(2, 22) * np.sin(rng.uniform(2, 14) * steps + rng.uniform(0, 6)) for _ in range(4))
        colour = tuple(int(c) for c in (low * (0.55 - 0.12 * layer) + rng.integers(0, 20, 3)))
        draw.polygon([(0, height), *zip(steps * width, ridge), (width, height)], fill=colour)
    picture = picture.filter(ImageFilter.GaussianBlur(0.7))
    grain = np.random.default_rng([seed, shift]).normal(0, 5, (height, width, 1))
    return Image.fromarray((np.asarray(picture) + grain).clip(0, 255).astype(np.uint8))


def jpeg(path, side=256):
    seed, shift = pictures[path]
    picture = scene(seed, shift)
    picture.thumbnail((side, side))
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=85)
    return out.getvalue()


pictures = {}


def member(g, k, n):
    name = f"202601{g % 28 + 1:02d}_{k:06d}_stage{3 - k % 3}.png" if (g, k) != (1, 1) else HOSTILE
    path = f"{'mojo1 crop selected'.split()[k % 3]}/{g:05d}/{name}"
    pictures[path] = (g % 60, 2 * k)
    role = "keeper" if k == 0 else "protected" if (g + k) % 11 == 0 else "review" if (g + k) % 7 == 0 else "stage"
    reasons = {"keeper": "best stage, most pixels", "stage": "same picture, fewer pixels", "protected": "in a curated root", "review": "flat picture: hash not trusted"}
    badges = {"keeper": [], "stage": ["Cropped"] if k % 3 == 1 else [], "protected": ["curated"], "review": ["hash not trusted"]}
    width, height = (size * (3 - k % 3) for size in SIZES[g % 60 % 3])
    return {"path": path, "sha256": f"{g:032d}{k:032d}", "role": role, "value": None if k == 0 else 2 * k % 9, "measure": "hamming_bits",
            "reason": reasons[role], "badges": badges[role], "root": path.split("/")[0], "stage": f"stage{3 - k % 3}",
            "width": width, "height": height, "bytes": width * height * 2, "mtime": "2026-01-02 03:04"}


class Groups:
    """A lazy cut: `n` groups, of which the threshold drops every `step`-th."""

    def __init__(self, n, step):
        self.ids = [g for g in range(n) if not step or g % step]

    def __len__(self):
        return len(self.ids)

    def __getitem__(self, k):
        g = self.ids[k]
        n = 40 if g == 3 else 2 + g * 7 % 6
        return {"id": f"g{g}", "title": f"2026-01-{g % 28 + 1:02d} · mojo1/{g:05d}", "members": [member(g, k, n) for k in range(n)]}

    def locate(self, group_id):
        import bisect
        return bisect.bisect_left(self.ids, int(group_id[1:]))
'''
GALLERY = """
decisions = Decisions(Path("decisions-NAME.jsonl"))
cut = Groups(N, 0)
totals = lambda: {"groups": len(cut), "images": 3 * len(cut) - len(decisions), "bytes": 4_321_000 * len(cut)}
gallery = Gallery(cut, thumbnail=lru_cache(2000)(jpeg), decisions=decisions, finder="10_phash", totals=totals)
slider = ipywidgets.IntSlider(value=0, min=0, max=9, description="drop")


def move(change):
    global cut
    cut = Groups(N, change.new)
    gallery.show(cut)


slider.observe(move, "value")
display(slider, gallery)
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    with Lab(tmp_path_factory.mktemp("lab")) as lab:
        yield lab


def write_notebook(folder, name, n):
    code = GALLERY.replace("NAME", name).replace("N)", f"{n})").replace("Groups(N,", f"Groups({n},")
    cells = [nbformat.v4.new_code_cell(source) for source in (LIBRARY, code)]
    python = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=python), folder / f"{name}.ipynb")


def open_gallery(lab, name, n=500):
    """Open a notebook of its own with a gallery of `n` groups, and put the keyboard on it."""
    write_notebook(lab.folder, name, n)
    lab.open(f"{name}.ipynb")
    lab.run_all()
    lab.page.locator(".dnb-tile").first.wait_for()
    lab.page.locator(".dnb-grid").focus()


def marks_on_disk(lab, name):
    path = Path(lab.folder) / f"decisions-{name}.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    return [json.loads(line) for line in lines]


def press(lab, *keys):
    """Press keys one after another; each choice is answered before the next key."""
    for key in keys:
        lab.page.keyboard.press(key)
        lab.settle()


def titles(lab):
    lab.settle()
    return lab.page.locator(".dnb-row .dnb-title").all_inner_texts()


def focused(lab):
    return lab.page.locator(".dnb-tile[aria-selected=true]")


def until(true):
    """Wait for what the page does not show."""
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.1)


def said(lab, text):
    lab.page.locator(".dnb-said", has_text=text).wait_for()
    lab.settle()


def test_ten_groups_are_reviewed_by_keyboard_alone_and_found_on_disk(lab):
    open_gallery(lab, "keyboard")
    for _ in range(5):
        press(lab, "ArrowRight", "k", "ArrowDown")  # the second image is kept as well
        press(lab, "Enter")  # accepted as it is; goes on by itself
    said(lab, "saved: reviewed")
    lines = marks_on_disk(lab, "keyboard")
    assert [line["what"] for line in lines] == ["mark", "reviewed"] * 5
    assert [line["group"] for line in lines] == [f"g{g}" for g in range(10)]
    assert {line.get("mark") for line in lines} == {"keep", None}
    assert all(line["path"].split("/")[2].startswith("2026") for line in lines[::2])
    assert lab.page.locator(".dnb-position").inner_text() == "11 / 500"


def test_every_choice_can_be_undone_from_the_keyboard(lab):
    open_gallery(lab, "undo")
    for key in ["ArrowRight", *"skxd", *["ArrowDown"] * 2]:
        lab.page.keyboard.press(key)  # faster than the answers come
    lab.page.locator(".dnb-position", has_text="4 / 500").wait_for()
    for what in (
        "undone: not duplicates",
        "undone: mark",
        "undone: mark",
        "undone: mark",
        "nothing to",
    ):
        press(lab, "u")
        said(lab, what)
    assert lab.page.locator(".dnb-position").inner_text() == "1 / 500"  # it went to what it undid
    lines = marks_on_disk(lab, "undo")
    assert [line.get("mark", line.get("answer")) for line in lines] == [
        "stage",
        "keep",
        None,
        True,
        False,
        "keep",
        "stage",
        None,
    ]
    assert lab.page.locator("[data-whose='your mark']").count() == 0


def test_an_answer_that_comes_twice_tells_nothing_new(lab):
    open_gallery(lab, "twice")
    press(lab, "s", "u")
    said(lab, "undone: mark")
    lab.kernel("first = next(iter(gallery._answers))")
    # the question was asked again while the kernel was busy, and is answered after the undoing
    lab.kernel("gallery.receive({'kind': 'decide', 'what': 'mark', 'request': first})")
    press(lab, "?")
    lab.page.locator(".dnb-help").wait_for()
    assert lab.page.locator(".dnb-said").inner_text().startswith("undone: mark")
    assert lab.page.locator("[data-whose='your mark']").count() == 0


def test_the_slider_shows_another_cut_and_the_group_in_focus_stays(lab):
    open_gallery(lab, "slider")
    press(lab, *["ArrowDown"] * 10)
    # a comm may change its thread in the kernel at first, and then the slider be heard before this
    until(lambda: lab.kernel("print(gallery.focus)") == "10\n")
    title = lab.page.locator(".dnb-current .dnb-title")
    before, place = title.inner_text(), title.bounding_box()["y"]
    lab.page.locator(".noUi-handle").focus()
    press(lab, "ArrowRight")
    lab.page.get_by_text("No groups at this threshold.").wait_for()
    press(lab, "ArrowRight", "ArrowRight")  # every third group is gone
    lab.page.locator(".dnb-sums b", has_text="333").wait_for()
    lab.page.locator(".dnb-position", has_text="7 / 333").wait_for()
    lab.settle()
    assert title.inner_text() == before
    assert abs(title.bounding_box()["y"] - place) < 2
    assert "mojo1/00009" not in " ".join(titles(lab))  # 9 is a third
    lab.page.locator(".dnb-grid").focus()
    press(lab, "ArrowRight", "k")
    said(lab, "saved: keep")
    assert marks_on_disk(lab, "slider")[-1]["group"] == "g10"


def test_a_choice_by_mouse_is_shown_once_it_is_on_disk(lab):
    open_gallery(lab, "mouse")
    name = re.compile(r"^Keep 20260101_000001_stage2\.png(?! instead)")
    keep = lab.page.get_by_role("button", name=name)
    assert keep.get_attribute("aria-pressed") == "false"
    keep.click()
    said(lab, "saved: keep")
    assert keep.get_attribute("aria-pressed") == "true"
    assert keep.get_attribute("aria-label").endswith("your mark")
    assert marks_on_disk(lab, "mouse")[-1]["mark"] == "keep"
    keep.click()  # a second click takes it back
    said(lab, "saved: no mark")
    assert marks_on_disk(lab, "mouse")[-1]["mark"] is None
    lab.page.get_by_role("button", name="Not duplicates").first.click()
    lab.page.locator(".dnb-row[data-state=answered]").wait_for()


@pytest.mark.parametrize("place", [".dnb-grid", ".dnb-gallery > .dnb-bar button:last-child"])
def test_keys_in_the_gallery_leave_the_cells_of_the_notebook_alone(lab, place):
    open_gallery(lab, "cells")
    before = lab.cells()
    lab.page.locator(place).focus()
    for key in "x d d b a v z m y 0 0 Shift+M".split():
        press(lab, key)
        assert lab.cells() == before, key
    lab.page.locator(".jp-InputPrompt").first.click()
    press(lab, "b")  # outside of the gallery the keys do what they did before
    assert lab.cells() == [*before, "code"]


def test_a_hostile_name_is_text_and_nothing_leaves_the_machine(lab):
    open_gallery(lab, "hostile")
    press(lab, "ArrowDown", "ArrowRight")
    tile = focused(lab)
    assert tile.locator(".dnb-name").inner_text().replace("\n", "") == HOSTILE
    assert HOSTILE in lab.page.locator(".dnb-detail").inner_text()
    press(lab, "s")
    said(lab, HOSTILE)
    assert marks_on_disk(lab, "hostile")[-1]["path"] == f"crop/00001/{HOSTILE}"
    assert "hacked" not in lab.page.title()
    assert lab.page.locator(".dnb-gallery img[src=x]").count() == 0
    assert lab.outside == []
    assert lab.complaints == []


@pytest.mark.parametrize("n", [5_000, 100_000])  # 100,000 rows are taller than a browser allows
def test_thousands_of_groups_scroll_with_few_nodes(lab, n):
    open_gallery(lab, f"many-{n}", n)
    nodes = lambda: lab.page.evaluate("() => document.querySelectorAll('.dnb-gallery *').length")  # noqa: E731
    press(lab, "End")
    lab.page.locator(".dnb-title", has_text=f"mojo1/{n - 1:05d}").wait_for()
    most = nodes()
    for part in range(20):
        lab.page.locator(".dnb-grid").evaluate(
            "(el, part) => { el.scrollTop = el.scrollHeight * part; }", part / 20
        )
        lab.settle()
        most = max(most, nodes())
    press(lab, "Home")
    lab.page.locator(".dnb-title", has_text="mojo1/00000").wait_for()
    lab.page.wait_for_function(
        "() => [...document.querySelectorAll('.dnb-current img')].every((img) => img.naturalWidth)"
    )
    assert most < 2_500
    kept = lab.page.evaluate("() => performance.memory?.usedJSHeapSize ?? 0")
    assert kept < 400e6


def test_scrolling_by_wheel_reaches_every_group_of_a_hundred_thousand(lab):
    open_gallery(lab, "wheel", 100_000)
    lab.page.locator(".dnb-grid").evaluate("(el) => { el.scrollTop = el.scrollHeight / 2; }")
    lab.page.locator(".dnb-grid").hover()
    seen = set()
    for _ in range(12):
        lab.page.mouse.wheel(0, 100)
        lab.settle()
        seen |= {
            int(text.replace(",", "")) for text in lab.page.locator(".dnb-place").all_inner_texts()
        }
    assert len(seen) > 5
    assert sorted(seen) == list(range(min(seen), max(seen) + 1))  # none was jumped over


def test_a_group_larger_than_the_window_is_walked_image_by_image(lab):
    open_gallery(lab, "large")
    press(lab, "ArrowDown", "ArrowDown", "ArrowDown", *["ArrowRight"] * 39)
    lab.page.locator(".dnb-current .dnb-span", has_text="40 of 40").wait_for()
    press(lab, "s")
    said(lab, "saved: stage")
    assert "_000039_" in marks_on_disk(lab, "large")[-1]["path"]
    assert (
        lab.page.locator(".dnb-current .dnb-tile").first.locator(".dnb-value").inner_text()
        == "keeper"
    )


def test_marks_are_there_again_after_the_kernel_was_killed(lab):
    open_gallery(lab, "killed")
    press(lab, "ArrowRight", "k")
    said(lab, "saved: keep")
    os.kill(int(lab.kernel("import os; print(os.getpid())")), signal.SIGKILL)
    open_gallery(lab, "killed")
    lab.page.locator("[data-whose='your mark']").wait_for()
    press(lab, "u")
    said(lab, "undone: mark")


def test_dark_light_narrow_and_zoomed_show_every_control(lab, tmp_path):
    open_gallery(lab, "looks")
    gallery = lab.page.locator(".dnb-gallery")
    for dark in (False, True):
        lab.theme(dark)
        for width in (1280, 640, 560):  # 640 is what 1280 leaves at 200 % zoom
            lab.page.set_viewport_size({"width": width, "height": 800})
            lab.settle()
            gallery.screenshot(path=tmp_path / f"{'dark' if dark else 'light'}-{width}.png")
            assert contrast(lab, ".dnb-tile .dnb-name") > 4.5
            assert contrast(lab, ".dnb-marks [aria-pressed=true]") > 4.5
            assert contrast(lab, ".dnb-meta") > 4.5
            assert lab.page.evaluate(CLIPPED) == []
    lab.theme(False)
    lab.page.set_viewport_size(lab.size)


def test_groups_lie_side_by_side_and_six_are_in_sight(lab):
    open_gallery(lab, "packed")
    lab.page.set_viewport_size({"width": 1400, "height": 1000})
    lab.settle()
    whole = """() => {
      const grid = document.querySelector(".dnb-grid").getBoundingClientRect();
      return [...document.querySelectorAll(".dnb-row")].map((row) => row.getBoundingClientRect())
        .filter(({ top, bottom }) => top >= grid.top - 1 && bottom <= grid.bottom + 1).length;
    }"""
    assert lab.page.evaluate(whole) >= 6
    lab.page.locator(".dnb-grid").focus()
    for key, place in (("ArrowDown", "2"), ("ArrowDown", "3"), ("ArrowDown", "4"), ("n", "5")):
        press(lab, key)
        assert lab.page.locator(".dnb-current .dnb-place").inner_text() == place
    assert lab.page.evaluate(CLIPPED) == []
    lab.page.set_viewport_size(lab.size)


# Controls that stick out of the gallery on a side.
CLIPPED = """() => {
  const root = document.querySelector(".dnb-gallery").getBoundingClientRect();
  return [...document.querySelectorAll(".dnb-gallery button, .dnb-gallery .dnb-tile")]
    .filter((el) => el.offsetParent)
    .filter((el) => { const box = el.getBoundingClientRect();
      return box.left < root.left - 1 || box.right > root.right + 1; })
    .map((el) => el.className);
}"""


def contrast(lab, selector):
    """Return the contrast of a text with what lies behind it, as WCAG 2 counts it."""
    return lab.page.locator(selector).first.evaluate(
        """(el) => {
          const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
          const paint = (colour) => { canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1); };
          const light = () => {
            const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].map((c) => c / 255)
              .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
            return 0.2126 * r + 0.7152 * g + 0.0722 * b;
          };
          const behind = [];
          for (let at = el; at; at = at.parentElement) behind.unshift(getComputedStyle(at).backgroundColor);
          behind.forEach(paint);
          const back = light();
          paint(getComputedStyle(el).color);
          const [low, high] = [back, light()].sort((a, b) => a - b);
          return (high + 0.05) / (low + 0.05);
        }"""
    )


def test_controls_have_names_and_the_grid_says_where_it_is(lab):
    open_gallery(lab, "names")
    unnamed = lab.page.evaluate(
        "() => [...document.querySelectorAll('.dnb-gallery button')].filter((el) => !el.getAttribute('aria-label')).length"
    )
    assert unnamed == 0
    grid = lab.page.get_by_role("grid")
    assert grid.get_attribute("aria-rowcount") == "500"
    press(lab, "ArrowDown", "ArrowRight")
    assert focused(lab).get_attribute("id") == grid.get_attribute("aria-activedescendant")
    assert focused(lab).get_attribute("aria-label").startswith(f"{HOSTILE}, stage, 2 bits, Cropped")


def test_tab_reaches_the_controls_of_what_is_on_top_only(lab):
    open_gallery(lab, "tab")
    press(lab, "ArrowRight", "c")
    reached = set()
    for _ in range(12):
        press(lab, "Tab")
        reached.add(
            lab.page.evaluate(
                "() => document.activeElement.closest('.dnb-compare') ? 'compare' : document.activeElement.closest('.dnb-gallery') ? 'behind' : 'outside'"
            )
        )
    assert "behind" not in reached
    assert "compare" in reached


def test_a_lost_answer_is_asked_for_again_and_nothing_is_decided_twice(lab):
    open_gallery(lab, "lost")
    lab.kernel(LOSE_FIRST)
    press(lab, "ArrowRight", "k", "End")
    said(lab, "saved: keep")
    lab.page.locator(".dnb-current .dnb-title", has_text="mojo1/00499").wait_for()
    lab.page.wait_for_function(
        "() => [...document.querySelectorAll('.dnb-current img')].every((img) => img.naturalWidth)"
    )
    lost = lab.kernel("print(sorted(lost))").strip()
    assert lost == "['decided', 'groups', 'thumbnails']"
    assert len(marks_on_disk(lab, "lost")) == 1


def test_a_choice_waits_until_the_one_before_is_answered(lab):
    open_gallery(lab, "order")
    lab.kernel(LOSE_FIRST + HEARD)
    for key in "sk":
        lab.page.keyboard.press(key)
    said(lab, "saved: keep")
    first, again, second = lab.kernel("print(*heard)").split()
    assert first == again != second  # asked again before the second one was asked
    assert [line["mark"] for line in marks_on_disk(lab, "order")] == ["stage", "keep"]


# Which choices the kernel hears, in what order.
HEARD = """
heard, receive = [], gallery.receive


def hearing(content):
    if content["kind"] == "decide":
        heard.append(content["request"])
    receive(content)


gallery.receive = hearing
"""


# The first answer of each kind never arrives.
LOSE_FIRST = """
lost, send = set(), gallery.send


def lossy(content, buffers=None):
    if content["kind"] in lost:
        send(content, buffers)
    lost.add(content["kind"])


gallery.send = lossy
"""


def test_a_kernel_that_does_not_answer_is_said_so_and_answers_later(lab):
    open_gallery(lab, "busy")
    kernel = int(lab.kernel("import os; print(os.getpid())"))
    os.kill(kernel, signal.SIGSTOP)
    for key in ("ArrowRight", "s"):
        lab.page.keyboard.press(key)
    problem = lab.page.get_by_role("alert").filter(has_text="may not be saved")
    problem.wait_for()
    assert marks_on_disk(lab, "busy") == []
    os.kill(kernel, signal.SIGCONT)
    said(lab, "saved: stage")
    problem.wait_for(state="hidden")
    assert len(marks_on_disk(lab, "busy")) == 1  # asked three times, decided once


def test_the_gallery_answers_while_a_cell_computes(lab):
    open_gallery(lab, "computes")
    press(lab, "ArrowRight", "k")
    said(lab, "saved: keep")  # by now JupyterLab has a thread for the messages of widgets
    lab.page.evaluate(
        """(code) => {
          const { done } = panel.sessionContext.session.kernel.requestExecute({ code });
          window.computed = false;
          done.then(() => { window.computed = true; });
        }""",
        "import time; time.sleep(10)",
    )
    press(lab, "End")
    lab.page.locator(".dnb-current .dnb-title", has_text="mojo1/00499").wait_for()
    press(lab, "s")
    said(lab, "saved: stage")
    assert lab.page.evaluate("() => window.computed") is False


def test_a_page_that_is_loaded_again_begins_where_the_person_was(lab):
    open_gallery(lab, "again")
    press(lab, *["ArrowDown"] * 40, "ArrowRight", "+", "c", "h")
    until(lambda: "'mode': 'heat'" in lab.kernel("print(gallery.view)"))
    place = lab.kernel("print(gallery.view)")
    lab.kernel("again = Gallery(cut, thumbnail=lru_cache(2000)(jpeg), view=gallery.view)")
    lab.page.evaluate(
        """() => { const code = "display(again)";
          panel.content.widgets[1].model.sharedModel.setSource(code); }"""
    )
    lab.command("notebook:run-cell")
    lab.page.wait_for_function("() => document.querySelectorAll('.dnb-compare').length === 1")
    lab.page.locator(".dnb-compare .dnb-title", has_text="2 of").wait_for()
    assert lab.page.evaluate("() => !document.activeElement.closest('.dnb-gallery')")
    until(lambda: lab.kernel("print(again.view)") == place)
    press(lab, "Escape")
    assert lab.page.locator(".dnb-position").inner_text() == "41 / 500"


BADGES = """
words = ["Cropped", "protected", "hash not trusted", "tone changed", "re-encoded", "+3 files", "hard link: frees nothing"]
many = lambda g, k: member(g, k, 3) | {"role": "review" if k else "keeper", "measure": "matches", "value": 24,
    "badges": ["mojo1", *words[: 2 * k + g]], "lacks": ["prompt", ".xmp"] if k else [], "mtime": f"2026-01-0{k + 1} 03:04:05"}
badged = [{"id": f"g{g}", "title": f"group {g}", "members": [many(g, k) for k in range(2 + g % 2)]} for g in range(6)]
gallery = Gallery(badged, thumbnail=lru_cache(2000)(jpeg))
display(gallery)
"""
# Texts of tiles that lie over others or outside of their tile, and pictures that something covers.
COVERED = """() => [...document.querySelectorAll(".dnb-tile")].flatMap((tile) => {
  const chips = [...tile.querySelectorAll(".dnb-chips span, .dnb-name, .dnb-meta, .dnb-picture, .dnb-marks")];
  const boxes = chips.map((el) => el.getBoundingClientRect());
  const over = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 0.5
    && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 0.5;
  const chipsBox = tile.querySelector(".dnb-chips").getBoundingClientRect();
  return chips.filter((el, k) => boxes.some((box, other) => other !== k && over(box, boxes[k]))
    || (el.matches(".dnb-chips span") && boxes[k].bottom > chipsBox.bottom + 0.5))
    .map((el) => el.textContent);
})"""


def test_many_badges_stand_below_the_picture_and_none_is_lost(lab):
    write_notebook(lab.folder, "badges", 1)
    book = nbformat.read(lab.folder / "badges.ipynb", 4)
    book.cells[1].source = BADGES
    nbformat.write(book, lab.folder / "badges.ipynb")
    lab.open("badges.ipynb")
    lab.run_all()
    lab.page.locator(".dnb-tile").first.wait_for()
    for width in (1400, 700, 560):
        lab.page.set_viewport_size({"width": width, "height": 900})
        lab.settle()
        assert lab.page.evaluate(COVERED) == []
        assert lab.page.evaluate(CLIPPED) == []
    lab.page.set_viewport_size({"width": 1400, "height": 1000})
    lab.page.locator(".dnb-grid").focus()
    press(lab, *["ArrowDown"] * 3, "ArrowRight")
    tile = focused(lab)
    chips = tile.locator(".dnb-chips span").all_inner_texts()
    assert {"review", "keeper lacks prompt, .xmp"} <= set(chips)
    assert chips[-1].startswith("+") and "mojo1" not in chips
    assert lab.page.locator(".dnb-current .dnb-common").inner_text().startswith("mojo1")
    rest = ["Cropped", "protected", "hash not trusted", "tone changed", "re-encoded"]
    for place in (lab.page.locator(".dnb-why").inner_text(), tile.get_attribute("title")):
        assert [badge for badge in rest if badge not in place] == []
    keeper = lab.page.locator(".dnb-current .dnb-tile").first  # its date is bold where it differs
    assert keeper.locator(".dnb-meta, .dnb-chips", has_text="2026-01-01").count() == 1
    assert contrast(lab, ".dnb-lack") > 4.5
    lab.page.set_viewport_size(lab.size)
