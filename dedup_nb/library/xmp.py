"""XMP packets -> their properties, and the kinds of words that they hold.

The packets are untrusted: a document type declaration, and thus every entity, ends the reading, and
the number of values is limited. Malformed packets give what was read before the error.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from xml.parsers import expat

MOST_BYTES = 4 * 2**20
MOST_VALUES = 20_000
MOST_TEXT = 4_000  # characters of one value

Properties = dict[tuple[str, str], list[str]]  # (prefix, name) -> values

META, XML = "adobe:ns:meta/", "http://www.w3.org/XML/1998/namespace"
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
# Namespaces by a part of their address that does not change with versions.
PREFIXES = {
    "http://purl.org/dc/elements/1.1/": "dc",
    "http://ns.adobe.com/xap/1.0/": "xmp",
    "http://ns.adobe.com/xap/1.0/rights/": "xmpRights",
    "http://ns.adobe.com/exif/1.0/": "exif",
    "http://ns.adobe.com/tiff/1.0/": "tiff",
    "http://ns.adobe.com/exif/1.0/aux/": "aux",
    "http://ns.adobe.com/photoshop/1.0/": "photoshop",
    "http://ns.adobe.com/camera-raw-settings/1.0/": "crs",
    "http://ns.adobe.com/lightroom/1.0/": "lr",
    "http://darktable.sf.net/": "darktable",
    "http://www.digikam.org/ns/1.0/": "digiKam",
    "http://ns.microsoft.com/photo/1.0": "MicrosoftPhoto",
    "http://ns.microsoft.com/photo/1.0/": "MicrosoftPhoto",
    "http://ns.microsoft.com/photo/1.2/": "MP",
    "http://ns.microsoft.com/photo/1.2/t/Region#": "MPReg",
    "http://ns.microsoft.com/photo/1.2/t/RegionInfo#": "MPRI",
    "http://www.metadataworkinggroup.com/schemas/regions/": "mwg-rs",
    "http://www.metadataworkinggroup.com/schemas/keywords/": "mwg-kw",
    "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/": "Iptc4xmpCore",
    "http://iptc.org/std/Iptc4xmpExt/2008-02-29/": "Iptc4xmpExt",
    "http://ns.acdsee.com/iptc/1.0/": "acdsee",
    "http://ns.iview-multimedia.com/mediapro/1.0/": "mediapro",
    "http://ns.google.com/photos/1.0/panorama/": "GPano",
    "http://ns.google.com/photos/1.0/image/": "GImage",
    "http://ns.google.com/photos/1.0/audio/": "GAudio",
    "http://ns.google.com/photos/1.0/depthmap/": "GDepth",
    "http://ns.google.com/photos/1.0/camera/": "GCamera",
    "http://ns.google.com/photos/1.0/container/": "Container",
    "http://ns.google.com/photos/1.0/container/item/": "Item",
    "http://ns.adobe.com/hdr-gain-map/1.0/": "hdrgm",
    "http://ns.apple.com/HDRGainMap/1.0/": "HDRGainMap",
}

# Kind of words -> the properties that hold it.
KIND_OF = {
    (prefix, name): kind
    for kind, names in {
        "caption": "dc:description exif:UserComment acdsee:caption acdsee:notes",
        "title": "dc:title photoshop:Headline Iptc4xmpCore:AltTextAccessibility",
        "keywords": "dc:subject lr:hierarchicalSubject digiKam:TagsList mwg-kw:Keyword "
        "acdsee:keywords acdsee:categories "
        "MicrosoftPhoto:LastKeywordXMP MicrosoftPhoto:LastKeywordIPTC "
        "mediapro:CatalogSets photoshop:SupplementalCategories Iptc4xmpCore:Scene",
        "people": "Iptc4xmpExt:PersonInImage mwg-rs:Name MPReg:PersonDisplayName mediapro:People",
        "place": "exif:GPSLatitude photoshop:City photoshop:State photoshop:Country "
        "Iptc4xmpCore:Location Iptc4xmpExt:City Iptc4xmpExt:Sublocation "
        "Iptc4xmpExt:LocationName mediapro:Location",
        "time": "exif:DateTimeOriginal photoshop:DateCreated",
        "camera": "tiff:Model",
        "exposure": "exif:ExposureTime exif:FNumber exif:ISOSpeedRatings exif:FocalLength",
        "author": "dc:creator photoshop:AuthorsPosition Iptc4xmpCore:CiEmailWork",
        "copyright": "dc:rights xmpRights:UsageTerms photoshop:Credit photoshop:Source",
        "edits": "darktable:operation darktable:history_end",
        "panorama": "GPano:ProjectionType",
    }.items()
    for prefix, name in (word.split(":") for word in names.split())
}  # fmt: skip
RATINGS = {("xmp", "Rating"), ("MicrosoftPhoto", "Rating"), ("acdsee", "rating"),
           ("digiKam", "PickLabel"), ("digiKam", "ColorLabel")}  # fmt: skip
# Develop settings that only describe the file, or say that there are none.
NO_EDITS = {"Version", "ProcessVersion", "RawFileName", "HasSettings", "HasCrop", "AlreadyApplied",
            "CompatibleVersion"}  # fmt: skip
# Properties that programs write by themselves and that say nothing about the picture.
TECHNICAL = {
    "xmp", "xmpRights", "exif", "tiff", "photoshop", "dc", "crs", "lr", "darktable", "digiKam",
    "MicrosoftPhoto", "MP", "MPReg", "MPRI", "mwg-rs", "mwg-kw", "acdsee", "mediapro", "GPano",
    "GImage", "GAudio", "GDepth", "GCamera", "Container", "aux", "Item", "hdrgm", "HDRGainMap",
    "Iptc4xmpCore", "Iptc4xmpExt",
}  # fmt: skip
TECHNICAL_ADDRESSES = re.compile(
    r"ns\.adobe\.com/(xap/1\.0/(mm|sType|g|t|bj)|xmp/(note|1\.0/(Dynamic|Track))|exif/1\.0/aux"
    r"|pdf|illustrator|creatorAtom|camera-raw|album|lightroom|bwf|ix|xmp/1\.0/DynamicMedia)"
    r"|cipa\.jp|ns\.apple\.com|ns\.google\.com|ns\.useplus\.org|adobe:ns:meta|w3\.org/"
    r"|gimp\.org|getpaint\.net|ns\.adobe\.com/(DataWorkflow|xmp/)|ns\.camerabits\.com"
    r"|ns\.attribution\.com|xiaomi|samsung|huawei|c2pa|dji\.com|ns\.nikon|ns\.extensis"
)
EDITORS = re.compile(
    r"adobe|gimp|affinity|photoshop|illustrator|canva|picasa|paint|inkscape|krita|figma|sketch",
    re.I,
)


def properties(packet: bytes) -> Properties:
    """Return the properties of an XMP packet, whether written as attributes or as elements.

    The values of lists are in one list; structures are not nested, so that `mwg-rs:Name` has the
    name of every region.

    Parameters
    ----------
    packet : bytes
        UTF-8 or UTF-16 XML.
    """
    reader = _Reader()
    # what was read before an error counts
    with contextlib.suppress(expat.ExpatError, _Enough, ValueError, LookupError):
        reader.parser.Parse(packet[:MOST_BYTES].strip(b"\0 \r\n\t"), True)
    return reader.values


class _Enough(Exception):
    """The packet holds a document type declaration, or too much."""


class _Reader:
    def __init__(self) -> None:
        self.values: Properties = {}
        self.count = 0
        self.open: list[tuple[str, str]] = []
        self.text = ""
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.end
        self.parser.CharacterDataHandler = self.characters
        self.parser.StartDoctypeDeclHandler = self.refuse

    def refuse(self, *declaration: object) -> None:
        raise _Enough

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        self.text = ""
        address, _, local = name.rpartition(" ")
        if address not in (RDF, META):
            self.open.append((_prefix(address), local))
        for key, value in attributes.items():
            address, _, local = key.rpartition(" ")
            if address == RDF and local == "resource" and self.open:
                self.add(self.open[-1], value)
            elif address and address not in (RDF, XML, META):
                self.add((_prefix(address), local), value)

    def characters(self, text: str) -> None:
        if len(self.text) < MOST_TEXT:
            self.text += text[:MOST_TEXT]

    def end(self, name: str) -> None:
        if self.open:
            self.add(self.open[-1], self.text)
        self.text = ""
        if self.open and name.rpartition(" ")[0] not in (RDF, META):
            self.open.pop()

    def add(self, key: tuple[str, str], value: str) -> None:
        if value := value.strip()[:MOST_TEXT]:
            self.count += 1
            if self.count > MOST_VALUES:
                raise _Enough
            self.values.setdefault(key, []).append(value)


def _prefix(address: str) -> str:
    return PREFIXES.get(address, address)


def words(found: Properties) -> dict[str, str]:
    """Return the kinds of words that some properties hold, each with a text of that kind.

    Returns
    -------
    dict of str -> str
        Kinds as in `words.KINDS`; empty and default values do not count.
    """
    held: dict[str, str] = {}
    for key, values in found.items():
        if kind := _kind(key, values):
            held.setdefault(kind, "; ".join(values[:20]))
    created = found.get(("xmp", "CreateDate"), [""])[0]
    if created and not EDITORS.search(" ".join(found.get(("xmp", "CreatorTool"), [""]))):
        held.setdefault("time", created)
    return held


def _kind(key: tuple[str, str], values: list[str]) -> str:
    prefix, name = key
    if key in KIND_OF:
        zero = key == ("darktable", "history_end") and values == ["0"]
        return "" if zero else KIND_OF[key]
    if key in RATINGS:
        return "rating" if any(_positive(value) for value in values) else ""
    if key == ("xmp", "Label"):
        return "rating"
    if prefix == "crs":
        return "" if name in NO_EDITS else "edits"
    if prefix in TECHNICAL or TECHNICAL_ADDRESSES.search(prefix):
        return ""
    return "other metadata" if prefix else ""


def _positive(text: str) -> bool:
    try:
        return float(text) > 0
    except ValueError:
        return False
