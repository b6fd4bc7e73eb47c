"""What the named parts of a template match: one entry each, bounded, without regular expressions
of users.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Part:
    """One named part of a template.

    Attributes
    ----------
    name : str
        As written in braces.
    help : str
        What it is, for documentation and messages.
    pattern : str
        What it matches: an expression of bounded length without nested repetition of one text.
    kind : str
        `digits`, `text` or `mark`; two parts of `digits` or of `text` cannot touch, since nothing
        would say where one ends.
    """

    name: str
    help: str
    pattern: str
    kind: str


DATE = r"(?:18|19|20)\d\d(?:\d{4}|-\d\d-\d\d|_\d\d_\d\d|\.\d\d\.\d\d)"
TIME = (
    r"(?:\d{6}(?:\d{3})?"
    r"|\d{1,2}(?P<mark>[-_.:])\d\d(?P=mark)\d\d(?:[-.,]\d{3})?(?:[ \u202f]?[AP]M)?"
    r"|\d{4}|\d\d[-.:]\d\d)"
)
STAGE = (
    r"(?:(?:stage|step|pass)?[ _-]?\d{1,2}(?:\.\d{1,2})?(?:[ _-][A-Za-z][A-Za-z0-9]{0,29}){0,3}"
    r"|[A-Za-z][A-Za-z0-9]{1,29}(?:[ _-][A-Za-z][A-Za-z0-9]{0,29}){0,2})"
)
COPY = r"(?:[ _-]?\(\d{1,3}\)|[ _-]?copy(?:[ _-]?\d{1,3})?|~\d{1,3}|\d{1,3})"

PARTS: Mapping[str, Part] = {
    part.name: part
    for part in (
        Part("date", "the day: 20250705, 2025-07-05, 2025_07_05 or 2025.07.05", DATE, "digits"),
        Part("time", "215218, 215218123, 21-52-18, 21.52.18 or 9.52.18 PM", TIME, "digits"),
        Part("stage", "a step of a render, by number or word: 2, 02_upscaled, base", STAGE, "text"),
        Part("series", "what the stages of one picture have in common", r"[^/]{1,200}?", "text"),
        Part("sequence", "the number of a counter, up to 10 digits", r"\d{1,10}", "digits"),
        Part("copy", "the number of a copy, such as (1); it may be missing", COPY, "text"),
    )
}
# What a source writes in its names, from which nothing is read; only presets use these parts.
SHOTS = (
    "Screenshot|Screen Shot|Bildschirmfoto|Capture d[’']écran|Captura de pantalla|Schermata"
    "|Captura de tela|Schermafbeelding|Skärmavbild|Skjermbilde|Zrzut ekranu|Снимок экрана"
    "|Ekran Resmi|スクリーンショット|截屏|屏幕截图|屏幕快照|스크린샷"
)
SCANS = "scan|scanned|scanned document|numérisation|escaneo|img|epson"
MODES = (
    r"HDR|PANO|Pro|Smart|Rich(?:tone)?(?:\(HDR\))?|Bokeh|Portrait|Night|MP|LL|Effects|Animation"
    r"|Collage|Edited|\d{1,3}"
)
MAKERS = r"IMG_E?|_?DSC[_0FN]?|_MG_|PICT|CIMG|SAM_|GOPR|DJI_|IMGP|DCP_"
AT = "at|um|à|a las|alle|om|kl\\.|o|в|from"
MARKS: Mapping[str, Part] = {
    part.name: part
    for part in (
        Part("cover", "the chosen frame of a burst", r"(?:_COVER)?", "mark"),
        Part(
            "shooting",
            "modes of phones",
            f"(?:[_-](?:{MODES})){{0,2}}",
            "mark",
        ),
        Part("modes", "modes of a Pixel", r"(?:\.[A-Z]{2,20}(?:-\d{1,2})?){0,5}", "mark"),
        Part("kind", "kinds of pictures", "(?:IMG|MVIMG|PANO|PORTRAIT|BURST|IMGP)", "mark"),
        Part("number", "a number that is told again", r"\d{1,5}", "mark"),
        Part("nexus", "kinds of frames", "[a-z]?(?:IMG|PORTRAIT)", "mark"),
        Part("epoch", "milliseconds since 1970", r"1\d{12}", "digits"),
        Part("shot", "screenshot, in several languages", f"(?:{SHOTS})", "mark"),
        Part("at", "at, in several languages", f"(?: (?:{AT}))?", "mark"),
        Part("app", "the program that was shown", r"(?:[ _-][^/]{1,100})?", "mark"),
        Part("seed", "a seed", r"\d{1,20}", "mark"),
        Part("prompt", "words of a prompt", r"(?:-[^/]{1,230})?", "mark"),
        Part("words", "a user and the words of a prompt", r"[^/]{1,200}", "mark"),
        Part("prefix", "a prefix of the user", r"[^/]{1,200}?", "mark"),
        Part("uuid", "a random id", r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", "mark"),
        Part("four", "a counter of four digits", r"(?P<sequence>\d{4})", "mark"),
        Part("five", "a counter of five digits or more", r"(?P<sequence>\d{5,8})", "mark"),
        Part("dcf", "four characters of DCF", r"(?-i:(?![0-9]{4})[A-Z0-9_]{4})", "mark"),
        Part("maker", "makers' other prefixes", f"(?:{MAKERS})", "mark"),
        Part("edits", "what editors add", r"(?:[-_](?:edit|edited|hdr|pano|\d{1,2}))?", "mark"),
        Part("short", "a day with a short year", r"\d{6}", "mark"),
        Part("scan", "scan, in several languages", f"(?:{SCANS})", "mark"),
        Part("gap", "a space, or nothing", "[ _-]?", "mark"),
        Part("hundredths", "hundredths of a second", r"\d{2}", "mark"),
    )
}
