"""The names in a folder -> the files that belong to an image and move with it.

The report and `stage` both use this code, so a plan never proposes what `stage` always refuses.
docs/companions.md has the table of who belongs to whom.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property

from dedup_nb.library import takeout
from dedup_nb.library.formats import IMAGE_SUFFIXES, RAW_SUFFIXES, stem, suffix
from dedup_nb.library.takeout import Claim

APPLE_DOUBLE = "._"
# files that systems and programs keep in every folder; they belong to no image
OF_FOLDERS = frozenset(
    (
        ".ds_store .nomedia .picasa.ini desktop.ini ehthumbs.db ehthumbs_vista.db "
        "icon\r picasa.ini thumbs.db thumbs.db:encryptable .directory .hidden .bridgesort "
        ".bridgelabelsandratings zbthumbnail.info"
    ).split(" ")
)


def folded(name: str) -> str:
    """Return a name as compared by file systems that ignore case or normalise Unicode."""
    if name.isascii():
        return name.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def dot_prefixes(name: str) -> Iterator[str]:
    """Yield the part before each dot of a name: `a.png.xmp` -> `a`, `a.png`."""
    dot = name.find(".", 1)
    while dot > 0:
        yield name[:dot]
        dot = name.find(".", dot + 1)


def looks_like_image(name: str) -> bool:
    """Return whether a name has the suffix of an image; for callers that read no contents."""
    return suffix(name) in IMAGE_SUFFIXES or suffix(name) in RAW_SUFFIXES


class FolderBundles:
    """An index of the names in one folder, which returns the bundle of each image.

    Parameters
    ----------
    names : iterable of str
        Every name in the folder, as the system gives it (`surrogateescape`).
    is_image : callable
        Whether a name is an image, by its content. It is called only for names that compete for a
        file; by default the suffix decides.
    """

    def __init__(
        self, names: Iterable[str], is_image: Callable[[str], bool] = looks_like_image
    ) -> None:
        self.names = frozenset(names)
        self.present = self.names  # names that still exist, if a caller tracks them
        self._is_image = is_image
        self._images: dict[str, bool] = {}
        self._by_stem: defaultdict[str, list[str]] = defaultdict(list)
        self._by_prefix: defaultdict[str, list[str]] = defaultdict(list)  # other than the stem
        self._by_claim: defaultdict[Claim, list[str]] = defaultdict(list)  # forms of other programs
        self._long: defaultdict[str, list[str]] = defaultdict(list)  # names that Google cuts
        self._edits: defaultdict[str, list[str]] = defaultdict(list)  # originals -> edited copies
        for name in self.names:
            self._by_stem[stem(name)].append(name)
            if name.count(".", 1) > 1:
                for prefix in list(dot_prefixes(name))[:-1]:
                    self._by_prefix[prefix].append(name)
            for claim in takeout.claims(name)[0]:
                self._by_claim[claim].append(name)
            for text in takeout.cut_names(name):
                self._long[text].append(name)
            if "-" in name and (original := takeout.original(name)):
                self._edits[original].append(name)

    @cached_property
    def _folded(self) -> defaultdict[tuple[str, str], list[str]]:
        """The same index by folded names, used only by `ambiguous`."""
        index: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
        for name in self.names:
            index["stem", folded(stem(name))].append(name)
            index["name", folded(name)].append(name)
            for prefix in dot_prefixes(name):
                index["prefix", folded(prefix)].append(name)
        return index

    def now(self, names: frozenset[str]) -> None:
        """Note which names still exist; contents are looked at again."""
        self.present = names
        self._images.clear()

    def know(self, name: str, is_image: bool) -> None:
        """Note whether a name is an image, so that its contents are not looked at again."""
        self._images[name] = is_image

    def is_image(self, name: str) -> bool:
        """Return whether a name that exists is an image, asking only once."""
        if name not in self.present:
            return False
        if name not in self._images:
            double = is_apple_double(name, self.names)
            self._images[name] = not double and self._is_image(name)
        return self._images[name]

    def of_stem(self, text: str) -> list[str]:
        """Return the names with this stem, sorted."""
        return sorted(self._by_stem.get(text, ()))

    # -- who belongs to whom ---------------------------------------------------------------------

    def members(self, image_name: str) -> list[str]:
        """Return the names that belong to an image: itself first, then the others sorted.

        Images of the same stem are among them. A file that belongs to several images is a member of
        each of them; see `owners`.
        """
        members = [name for name in self._near(image_name) if self._belongs(name, image_name)]
        return [*({image_name} & self.names), *sorted(members)]

    def owners(self, name: str) -> list[str]:
        """Return the images that a file belongs to, sorted; none for an image.

        Several images own a file that matches them alike: `a.txt` belongs to `a.jpg` and `a.png`.
        """
        return sorted(self._owners(name))

    def _near(self, image_name: str) -> set[str]:
        """Return the other names that may belong to an image."""
        own_stem = stem(image_name)
        near = {*self._by_stem.get(own_stem, ()), *self._by_stem.get(image_name, ())}
        near.update(self._by_prefix.get(image_name, ()))
        near.update(self._by_claim.get(Claim("name", image_name), ()))
        near.update(self._by_claim.get(Claim("stem", own_stem), ()))
        for text in takeout.cut_names(image_name):
            near.update(self._by_claim.get(Claim("cut", text), ()))
        if "-" in image_name and (original := takeout.original(image_name)):
            near.update(name for name in self._near(original) if suffix(name) == ".json")
        near.update({APPLE_DOUBLE + image_name} & self.names)
        near.discard(image_name)
        return near

    def _belongs(self, name: str, image_name: str) -> bool:
        if stem(name) == stem(image_name) and self.is_image(name):
            return True
        return image_name in self._owners(name, image_name)

    def _owners(self, name: str, asked: str = "") -> set[str]:
        """Return the images that own a file; `asked` counts as an image."""
        if folded(name) in OF_FOLDERS or self.is_image(name):
            return set()
        for names in self._matched(name):
            if own := {other for other in names if other == asked or self.is_image(other)}:
                return own | self._edited(name, own)
        return set()

    def _matched(self, name: str) -> Iterator[Iterable[str]]:
        """Yield the names that a file matches, those it matches best first."""
        if name.startswith(APPLE_DOUBLE):
            yield {name.removeprefix(APPLE_DOUBLE)} & self.names
        claims, only = takeout.claims(name)
        own_stem = stem(name)
        for claim in claims if only else ():
            yield self._claimed(claim)
        if not only:
            yield () if own_stem == name else {own_stem} & self.names
        yield [other for other in self._by_stem.get(own_stem, ()) if other != name]
        if only:
            return
        for prefix in reversed([*dot_prefixes(name)][:-1]):
            yield {prefix} & self.names
        for claim in claims:
            yield self._claimed(claim)

    def _claimed(self, claim: Claim) -> Iterable[str]:
        if claim.what == "name":
            return {claim.text} & self.names
        index = self._by_stem if claim.what == "stem" else self._long
        return index.get(claim.text, ())

    def _edited(self, name: str, owners: set[str]) -> set[str]:
        """Return the edited copies that share the JSON of their original, having none."""
        if suffix(name) != ".json" or not self._edits:
            return set()
        copies = {copy for owner in owners for copy in self._edits.get(owner, ())}
        return {copy for copy in copies if self.is_image(copy) and not self._has_json(copy)}

    def _has_json(self, image_name: str) -> bool:
        near = [
            *self._by_stem.get(stem(image_name), ()),
            *self._by_stem.get(image_name, ()),
            *self._by_prefix.get(image_name, ()),
            *self._by_claim.get(Claim("name", image_name), ()),
        ]
        return any(suffix(name) == ".json" for name in near)

    # -- what blocks a bundle --------------------------------------------------------------------

    def ambiguous(self, image_name: str) -> list[str]:
        """Return the names that belong to an image only after NFC or case folding, sorted.

        A name that equals the image's own name after folding is included, member or not. An image
        is included only if it has the same stem or the same name: it belongs to no other image by
        the beginning of its name.
        """
        keys = (
            ("stem", stem(image_name)),
            ("prefix", image_name),
            ("name", image_name),
            ("name", APPLE_DOUBLE + image_name),
        )
        near = {n for kind, key in keys for n in self._folded.get((kind, folded(key)), ())}
        twins = {*self._folded.get(("name", folded(image_name)), ())} - {image_name}
        odd = {name for name in near if not self._is_spelled_alike(name, image_name)} - twins
        own_stem = folded(stem(image_name))
        return sorted(
            {n for n in odd if folded(stem(n)) == own_stem or not self.is_image(n)} | twins
        )

    def _is_spelled_alike(self, name: str, image_name: str) -> bool:
        """Return whether a name matches an image byte by byte."""
        starts = (f"{image_name}.", APPLE_DOUBLE + image_name)
        return name == image_name or stem(name) == stem(image_name) or name.startswith(starts)


def kind_of(name: str, image_name: str) -> str:
    """Return what kind of companion a file is: its name after the stem or whole name, lower case.

    Examples
    --------
    >>> kind_of("IMG_1.jpg.xmp", "IMG_1.jpg"), kind_of("IMG_1.XMP", "IMG_1.jpg")
    ('.xmp', '.xmp')
    >>> kind_of("IMG_1.jpg.supplemental-metadata(1).json", "IMG_1(1).jpg")
    '.json'
    """
    ending = suffix(name)
    if ending in (".json", ".aae"):
        return ending
    for start in (image_name, stem(image_name)):
        if name.startswith(f"{start}."):
            rest = name[len(start) :].lower()
            return ".yaml" if rest == ".yml" else rest
    return ending or name


def bundle_members(names: Iterable[str], image_name: str) -> list[str]:
    """Return the names that belong to an image among the names of its folder.

    Parameters
    ----------
    names : iterable of str
        Every name in the folder.
    image_name : str
        Name of the image, without its folder.

    Returns
    -------
    list of str
        Names with the image's stem, names that start with its whole name and a dot, its macOS
        double (`._name`) and the forms of other programs (docs/companions.md), unless they belong
        to another image; sorted, the image itself first. Images are told by their suffix. For many
        images of one folder, index the names once with `FolderBundles`.
    """
    return FolderBundles(names).members(image_name)


def is_apple_double(name: str, names: Iterable[str] | frozenset[str]) -> bool:
    """Return whether a name is the macOS double (`._name`) of another, which is never an image."""
    return name.startswith(APPLE_DOUBLE) and name.removeprefix(APPLE_DOUBLE) in names
