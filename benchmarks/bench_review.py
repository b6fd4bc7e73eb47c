"""Measure a review of 100 groups by keyboard: keys, and milliseconds of the machine, a group.

Runs JupyterLab in Chromium. Each group is accepted with Enter, or its second image is kept first.
The time of a key ends when its choice is on disk and the next group is painted. Requires Chromium.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / "tests" / part) for part in ("", "notebooks")]

from browser import Lab  # noqa: E402
from test_browser_gallery import open_gallery  # noqa: E402

GROUPS = 100


def measure(lab: Lab, keys: tuple[str, ...]) -> list[float]:
    """Return the milliseconds that each of `GROUPS` groups takes."""
    took = []
    for _ in range(GROUPS):
        begun = time.monotonic()
        for key in keys:
            lab.page.keyboard.press(key)
        lab.settle()
        took.append(1000 * (time.monotonic() - begun))
    return took


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, Lab(folder, height=1000) as lab:
        for name, keys in (("accepted", ("Enter",)), ("keeper", ("ArrowRight", "i", "Enter"))):
            open_gallery(lab, name)
            took = measure(lab, keys)
            p50, p95 = statistics.median(took), statistics.quantiles(took, n=20)[-1]
            print(f"{name}: {len(keys)} keys a group, p50 {p50:.0f} ms, p95 {p95:.0f} ms")
        open_gallery(lab, "sweep")
        begun = time.monotonic()
        lab.page.keyboard.press("a")
        lab.page.wait_for_function(
            "() => /^Accept [0-9]+ groups$/.test(document.activeElement.textContent)"
        )
        lab.page.keyboard.press("Enter")
        lab.page.locator(".dnb-said", has_text="accepted").wait_for()
        took = 1000 * (time.monotonic() - begun)
        print(f"all 500 groups at once, with a sample: 2 keys, {took:.0f} ms")


if __name__ == "__main__":
    main()
