"""The name of a stage -> its number, by which stages are ordered.

A stage is named by a number (`stage1.5_face_swapped`, `02_upscaled`, `step 3`) or by a word of the
trade (`upscaled`). Words have the numbers of the pipeline that they usually stand in.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

# Words that say what was done to a render; a folder or a name may be called so without a number.
STEPS: Mapping[str, float] = {
    **dict.fromkeys(("base", "generated", "first pass", "firstpass"), 1),
    **dict.fromkeys(("before highres fix", "before hires fix", "before hires"), 1),
    **dict.fromkeys(("before refiner", "before color correction", "before face restoration"), 1),
    **dict.fromkeys(("refined", "refiner", "second pass"), 1.3),
    **dict.fromkeys(("inpaint", "inpainted"), 1.4),
    **dict.fromkeys(("faceswap", "faceswapped", "face swap", "face swapped", "swapped"), 1.5),
    **dict.fromkeys(("facefix", "face fix", "face restored", "face detailer", "facedetailer"), 1.7),
    **dict.fromkeys(("detailer", "adetailer", "detailed"), 1.7),
    **dict.fromkeys(("hiresfix", "hires fix", "highres fix"), 2),
    **dict.fromkeys(("upscale", "upscaled", "upscaling"), 2),
    **dict.fromkeys(("enhance", "enhanced"), 3),
}
# Words that also name picks, copies and exports: they count only behind a number or in a template.
AMBIGUOUS: Mapping[str, float] = {
    **dict.fromkeys(("raw", "draft", "sketch", "original", "originals", "txt2img"), 1),
    **dict.fromkeys(("lowres", "low res"), 1),
    **dict.fromkeys(("img2img", "variation"), 1.2),
    **dict.fromkeys(("hires", "highres"), 2),
    **dict.fromkeys(("edit", "edited", "retouched", "sharpened", "graded", "color graded"), 3),
    **dict.fromkeys(("final", "finals", "finished", "done"), 4),
}
WORDS = {**AMBIGUOUS, **STEPS}
MOST_WORDS = 3  # in a name of a stage
LAST = "last step"  # stage of a render beside one that was saved before its last step
LAST_LEVEL = 9.0

NUMBERED = re.compile(
    r"(?:stage|step|pass)?[ _-]?(\d{1,2}(?:\.\d{1,2})?)(?:(?: - |[ ._-]{1,2}|(?<=\d)(?=[A-Za-z]))"
    r"([A-Za-z][A-Za-z0-9]{1,29}(?:[ _-][A-Za-z0-9]{1,30}){0,3}))?",
    re.ASCII | re.IGNORECASE,
)
SEPARATORS = re.compile(r"[ _.-]+")
DIGIT = re.compile("0?[0-9]")  # the number of a step
STARTS = re.compile("|".join(sorted({word[:4] for word in STEPS})), re.IGNORECASE)  # a quick check


def level(text: str) -> float | None:
    """Return the number of a stage by its name, or None if it is no name of a stage.

    Examples
    --------
    >>> level("02_upscaled"), level("step 3"), level("face-swapped"), level("holiday")
    (2.0, 3.0, 1.5, None)
    """
    if text == LAST:
        return LAST_LEVEL
    if match := NUMBERED.fullmatch(text):
        return float(match.group(1))
    return WORDS.get(plain(text))


@lru_cache(maxsize=65_536)
def of_folder(name: str) -> float | None:
    """Return the number of the stage that a folder is named after, or None.

    A number needs a word of a stage beside it: `01_base` is a stage, `01_January` is a month. A
    word without a number must say what was done: `upscaled`, not `final`.
    """
    match = NUMBERED.fullmatch(name)
    if match is None:
        return STEPS.get(plain(name))
    is_named = name.lower().startswith(("stage", "step", "pass"))
    word = plain(match.group(2) or "")
    known = word in WORDS or (is_named and not word) or _starts_with_step(word)
    return float(match.group(1)) if known else None


def _starts_with_step(text: str) -> bool:
    """Return whether the first words name a step: `upscaled 4x`."""
    words = text.split(" ")
    return any(" ".join(words[:n]) in STEPS for n in range(1, MOST_WORDS + 1))


def step(text: str) -> float | None:
    """Return the number of a stage by a word that says what was done, with a number or without."""
    match = NUMBERED.fullmatch(text)
    if match is None:
        return STEPS.get(plain(text))
    return float(match.group(1)) if plain(match.group(2) or "") in STEPS else None


def plain(text: str) -> str:
    """Return a text in lower case with single spaces between its words."""
    return SEPARATORS.sub(" ", text).strip().lower()


def without_step(stem: str, *, numbered: bool = False) -> tuple[str, str]:
    """Return a stem without the words that name a step, and these words; both "" if it has none.

    The last words that name a step are taken, and as many of them as possible.

    Parameters
    ----------
    stem : str
        A file name without its suffix.
    numbered : bool
        Take the number from 0 to 9 before the words, too; without one, there is no step.

    Examples
    --------
    >>> without_step("portrait_0007_face-swapped"), without_step("ComfyUI_upscaled_00042_")
    (('portrait_0007', 'face-swapped'), ('ComfyUI_00042_', 'upscaled'))
    >>> without_step("a_01_base_7", numbered=True)
    ('a_7', '01_base')
    """
    if not STARTS.search(stem):
        return "", ""
    words = [match.span() for match in re.finditer(r"[^ _.-]+", stem)]
    for start, stop in _windows(len(words)):
        begin, end = words[start][0], words[stop - 1][1]
        if plain(stem[begin:end]) not in STEPS:
            continue
        if not numbered:
            return _cut_out(stem, words, start, stop), stem[begin:end]
        if start and DIGIT.fullmatch(stem[slice(*words[start - 1])]):
            return _cut_out(stem, words, start - 1, stop), stem[words[start - 1][0] : end]
        break
    return "", ""


def _windows(n: int) -> Iterator[tuple[int, int]]:
    """Yield runs of up to `MOST_WORDS` words, those that end last first, longer ones first."""
    for stop in range(n, max(0, n - 12), -1):
        for size in range(min(MOST_WORDS, stop), 0, -1):
            yield stop - size, stop


def _cut_out(stem: str, words: Sequence[tuple[int, int]], start: int, stop: int) -> str:
    """Return a stem without some words and the separator before them, or after if they are first.

    Nothing is left of a stem that consists of these words alone.
    """
    if start:
        return stem[: words[start - 1][1]] + stem[words[stop - 1][1] :]
    return stem[words[stop][0] :] if stop < len(words) else ""
