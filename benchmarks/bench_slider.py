"""Measure the time from a move of the threshold slider to the painted groups.

Runs JupyterLab in Chromium on notebooks of 1,000, 20,000 and 100,000 images with ten pairs per
image, up to a million pairs. Each move is a key press on the slider, or one step of its handle by
the mouse; the time is measured in the browser, from the key press or the move of the pointer to the
frame in which the new rows are painted. Requires Chromium.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path

import nbformat

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from browser import Lab

SIZES = (1_000, 20_000, 100_000)
PAIRS_AN_IMAGE = 10
MOVES = 60
STEPS = 64  # of the slider
REST_MS = 150  # between two moves

NOTEBOOK = """
import io, tempfile, types
from pathlib import Path
import numpy as np
import pandas as pd
from PIL import Image
from dedup_nb import groups
from dedup_nb.groups.decisions import Decisions
from dedup_nb.session import workbench
from dedup_nb.widgets import tuning

n, m, rng = {n}, {pairs}, np.random.default_rng(1)
paths = [f"mojo1/{{k // 500:04d}}/{{k:06d}}.png" for k in range(n)]
images = pd.DataFrame(
    dict(path=paths, root="mojo1", stage="", level=np.nan, series="", folder="mojo1", stem=paths)
).assign(
    sha256=[f"{{k:064d}}" for k in range(n)],
    bytes=rng.integers(10**5, 10**6, n),
    mtime_ns=10**18 + rng.integers(0, 10**15, n),
    width=832, height=1216, protected=False, cropped=False, doubt="", companions=1,
)
first = rng.integers(0, n, m)
ends = np.sort(np.stack([first, (first + rng.integers(1, 60, m)) % n]), axis=0)
pairs = pd.DataFrame({{"i": ends[0], "j": ends[1]}}).drop_duplicates()
pairs["hamming_bits"] = rng.integers(0, 65, len(pairs))
candidates = groups.Candidates(images, pairs)


def jpeg(seed):
    grains = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), np.uint8)
    out = io.BytesIO()
    Image.fromarray(grains).resize((256, 256)).save(out, "JPEG")
    return out.getvalue()


thumbnails = [jpeg(seed) for seed in range(40)]
run = types.SimpleNamespace(
    values={{"max_distance": 30, "profile": None}},
    notebook="bench",
    catalogue=images,
    answers=Path(tempfile.mkdtemp()),
    outputs=Path("bench"),
    folder=Path("bench/today"),
    live_decisions=Decisions(None),
    thumbnail=lambda path: thumbnails[hash(path) % 40],
    beside=None,
    facts_of=None,
    views=lambda made, cut: workbench.Views(made, cut, images),
)
tuner = tuning.tune(run, candidates, "max_distance", low=0, high={steps})
"""

# Press a key on the slider and return the milliseconds until the new cut is painted.
MOVE = """([step]) => new Promise((done) => {
  const gallery = document.querySelector(".dnb-gallery");
  const before = gallery.dataset.painted;
  const handle = document.querySelector(".noUi-handle");
  handle.focus();
  const begun = performance.now();
  const key = { key: step, bubbles: true, cancelable: true };
  handle.dispatchEvent(new KeyboardEvent("keydown", key));
  const tell = () => done(performance.now() - begun);
  const look = () => requestAnimationFrame(gallery.dataset.painted === before ? look : tell);
  requestAnimationFrame(look);
})"""

# Wait for the next move of the pointer, and note the milliseconds until the new cut is painted.
WATCH = """() => {
  const gallery = document.querySelector(".dnb-gallery");
  const before = gallery.dataset.painted;
  window.taken = new Promise((done) => {
    const moved = () => {
      const begun = performance.now();
      const tell = () => done(performance.now() - begun);
      const look = () => requestAnimationFrame(gallery.dataset.painted === before ? look : tell);
      requestAnimationFrame(look);
    };
    document.addEventListener("pointermove", moved, { capture: true, once: true });
  });
}"""


def measure(lab: Lab, n: int) -> tuple[list[float], list[float]]:
    """Return the milliseconds of `MOVES` moves by keys and by mouse, in a notebook of n images."""
    source = NOTEBOOK.format(n=n, pairs=n * PAIRS_AN_IMAGE, steps=STEPS)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    nbformat.write(notebook, lab.folder / f"bench-{n}.ipynb")
    lab.open(f"bench-{n}.ipynb")
    lab.run_all(timeout_s=300)
    lab.page.locator(".dnb-tile").first.wait_for()
    took = []
    for move in range(MOVES):
        step = "ArrowRight" if move // 6 % 2 == 0 else "ArrowLeft"
        took.append(lab.page.evaluate(MOVE, [step]))
        lab.page.wait_for_timeout(REST_MS)
    return took, drawn_by_mouse(lab)


def drawn_by_mouse(lab: Lab) -> list[float]:
    """Draw the handle of the slider to and fro, a step at a time."""
    handle = lab.page.locator(".noUi-handle").first.bounding_box()
    track = lab.page.locator(".noUi-base").first.bounding_box()
    x, y = handle["x"] + handle["width"] / 2, handle["y"] + handle["height"] / 2
    lab.page.mouse.move(x, y)
    lab.page.mouse.down()
    took = []
    for move in range(MOVES):
        x += track["width"] / STEPS * (1 if move // 6 % 2 == 0 else -1)
        lab.page.evaluate(WATCH)
        lab.page.mouse.move(x, y)
        took.append(lab.page.evaluate("() => window.taken"))
        lab.page.wait_for_timeout(REST_MS)
    lab.page.mouse.up()
    return took


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, Lab(folder, height=1000) as lab:
        for n in SIZES:
            for what, took in zip(("keys", "mouse"), measure(lab, n), strict=True):
                p50, p95 = statistics.median(took), statistics.quantiles(took, n=20)[-1]
                print(
                    f"{n:>7,} images, {n * PAIRS_AN_IMAGE:>9,} pairs, {what:>5}: "
                    f"p50 {p50:.0f} ms, p95 {p95:.0f} ms, first {took[0]:.0f} ms"
                )


if __name__ == "__main__":
    main()
