"""The presets of `names:`: how programs and cameras name pictures; one entry each.

To add a source, add its names as templates to a preset, or a preset to `PRESETS`, with a link to
where the names are described, and a row to the tables of `tests/library/test_naming.py`. In a
preset, the first template that fits reads a name; among presets, the first of `PRESETS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from dedup_nb.library.naming.templates import Template, of_preset

LOCAL, UTC = "local", "UTC"


@dataclass(frozen=True)
class Shape:
    """One form of names of a preset.

    Attributes
    ----------
    text : str
        The template.
    clock : str
        `local` or `UTC`: what the time in it is. Times of two clocks are never compared.
    burst : bool
        Whether frames that differ in `{sequence}` alone are one burst.
    """

    text: str
    clock: str = LOCAL
    burst: bool = False

    @cached_property
    def template(self) -> Template:
        """The compiled template."""
        return of_preset(self.text)


@dataclass(frozen=True)
class Preset:
    """How one kind of source names its pictures.

    Attributes
    ----------
    name, help : str
        For profiles, and what it reads, for people.
    shapes : tuple of Shape
        The forms of its names, in the order in which they are tried.
    sources : str
        Where the names are described.
    """

    name: str
    help: str
    shapes: tuple[Shape, ...] = ()
    sources: str = ""


def _shapes(*texts: str, clock: str = LOCAL, burst: bool = False) -> tuple[Shape, ...]:
    return tuple(Shape(text, clock, burst) for text in texts)


STAGES = "stages"
PRESETS: Mapping[str, Preset] = {
    preset.name: preset
    for preset in (
        Preset(
            STAGES,
            "stages by number, word or folder; 20250705_215218 anywhere in the name",
        ),  # read by `library.names` and `naming.series`, not by templates
        Preset(
            "camera",
            "counters of cameras: DSC01234, IMG_1234, _MG_1234, DSCN0001, P1010001; no time",
            (
                *_shapes("DJI_{date}{time}_{four}{shooting}", "DJI_{date}{time}_{four}_D"),
                *_shapes("DSC_{sequence}_BURST{date}{time}{cover}", burst=True),
                *_shapes("{dcf}{four}{edits}", "{maker}{four}{edits}"),
            ),
            "DCF (JEITA CP-3461): four characters and four digits; Nikon "
            "onlinemanual.nikonimglib.com/z7_z6/en/09_menu_guide_03_03.html (DSC_0001, _DSC0001), "
            "Coolpix manuals (DSCN, RSCN, SSCN, FSCN); Canon learn.usa.canon.com filenames blog "
            "(IMG_4238); Samsung (SAM_####); Sony Xperia github.com/simulot/immich-go/issues/345",
        ),
        Preset(
            "phone",
            "phones and messengers: PXL_20210101_120000123 (UTC), 20200101_120000_001, "
            "IMG-20200301-WA0001 (no time)",
            (
                *_shapes("PXL_{date}_{time}{modes}", clock=UTC),
                *_shapes(
                    "{kind}_{date}_{time}_BURST{sequence}{cover}",
                    "{date}_{time}_BURST{sequence}{cover}",
                    "{number}{nexus}_{sequence}_BURST{date}{time}{cover}",
                    "{date}_{time}_{sequence}",
                    burst=True,
                ),
                *_shapes("{number}{nexus}_{sequence}_BURST{epoch}{cover}", clock=UTC, burst=True),
                *_shapes(
                    "{kind}_{date}_{time}{shooting}",
                    "{kind}{date}{time}{shooting}",
                    "{date}_{time}{shooting}",
                    "WP_{date}_{time}{shooting}",
                    "{date} {time}",
                    "{date} {time}-{sequence}",
                    "IMG-{date}-WA{sequence}",
                    "WhatsApp Image {date} at {time}",
                    "signal-{date}-{time}",
                    "photo_{date}_{time}",
                ),
                *_shapes("FB_IMG_{epoch}", "mmexport{epoch}", "wx_camera_{epoch}", clock=UTC),
            ),
            "Pixel: linuxreviews.org/Google_Pixel_Motion_Photo (.MP, MVIMG), "
            "github.com/simulot/immich-go/issues/94 (.RAW-01.MP.COVER), "
            "github.com/immich-app/immich/pull/1894 (UTC); Samsung: "
            "github.com/simulot/immich-go/issues/99 (_001); Honor, Motorola: "
            "github.com/deckerst/aves/issues/1780, github.com/simulot/immich-go/issues/1259 "
            "(_BURST001_COVER); Nexus: github.com/simulot/immich-go/issues/100, "
            "kaytat/exiftool-scripts-for-takeout/issues/1; WhatsApp: forensicfocus.com, media file "
            "naming convention; Dropbox camera uploads: 2020-03-01 12.00.00",
        ),
        Preset(
            "screenshots",
            "Screenshot_20200101-120000, Screenshot 2020-03-01 at 12.00.00, Screenshot (12)",
            (
                *_shapes(
                    "{shot}_{date}-{time}{app}",
                    "{shot}_{date}_{time}{app}",
                    "{shot}-{date}-{time}{app}",
                    "{shot} {date}{at} {time}{app}",
                    "{shot}{date} {time}{app}",
                    "{shot} from {date} {time}{app}",
                    "{shot} ({sequence})",
                    "{shot}",
                ),
                *_shapes("{date}{time}_{sequence}"),  # Steam
            ),
            "Android, MIUI: Screenshot_2020-05-01-12-00-00-123_com.android.chrome; macOS: "
            "Screenshot 2024-07-02 at 10.42.12 AM, Screen Shot before 10.14; GNOME: "
            "Screenshot from 2020-03-01 12-00-00; Windows: Screenshot (12)",
        ),
        Preset(
            "comfyui",
            "ComfyUI_00042_ and any prefix with the counter of SaveImage; no time",
            _shapes("{prefix}_{five}_", "ComfyUI_{sequence}"),
            "get_save_image_path in folder_paths.py of comfyanonymous/ComfyUI and SaveImage: "
            "prefix, counter of five digits, underscore; docs.comfy.org/built-in-nodes/SaveImage",
        ),
        Preset(
            "a1111",
            "00012-3141592653 and grid-0001 of stable-diffusion-webui and Forge; no time",
            (
                *_shapes(
                    "{date}{time}-{seed}{prompt}",
                    "{five}-{seed}{prompt}",
                    "grid-{sequence}",
                    "grid-{sequence}-{seed}",
                ),
                *_shapes("xyz_grid-{sequence}-{seed}{prompt}", "tmp{sequence}"),
            ),
            "wiki of stable-diffusion-webui, Custom Images Filename Name and Subdirectory: "
            "[number]-[seed] or [number]-[seed]-[prompt_spaces]; -before-highres-fix: "
            "modules/processing.py",
        ),
        Preset(
            "invokeai",
            "018347b7-4e6b-4523-b666-6f8a5cca4053, 000012.3141592653; no time",
            _shapes("{uuid}", "{sequence}.{seed}"),
            "github.com/invoke-ai/InvokeAI/issues/7755 (a UUID), issues/1010 (number.seed)",
        ),
        Preset(
            "midjourney",
            "user_words_of_a_prompt_ and a UUID, with the number of a picture; no time",
            _shapes(
                "{words}_{uuid}_{sequence}",
                "{words}_{uuid}",
                "{uuid}_{sequence}",
                "{uuid}_grid_{sequence}",
            ),
            "names of downloads from midjourney.com and its bot; "
            "github.com/George-iam/Midjourney_api/issues/5 (the prompt with _ for spaces)",
        ),
        Preset(
            "scanner",
            "scan0001, Scan_20200301, 20200301120000, img20200301_12000001",
            (
                *_shapes(
                    "{date}{time}",
                    "img{date}_{time}{hundredths}",
                    "{scan}{gap}{date}{at} {time}",
                    "{scan}{gap}{date}_{time}",
                    "{scan}{gap}{date}_{sequence}",
                    "{scan}{gap}{date}",
                    "CCI{date}_{sequence}",
                    "Scan-{short}-{sequence}",
                    "{scan}{gap}{sequence}",
                ),
            ),
            "Fujitsu ScanSnap www.fujitsu.com/global/support, file names (20030727190050); "
            "VueScan (Scan-200301-0001); Windows Fax and Scan, Epson Scan (img001), Canon IJ Scan "
            "(IMG_20200301_0001)",
        ),
    )
}
