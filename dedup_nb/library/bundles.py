"""The names in a folder -> the files that belong to an image and move with it.

Works on names only. A bundle is every name with the image's stem, every `name(image).*` and the
`._name(image)` of macOS, compared byte by byte.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cached_property

from dedup_nb.library.formats import stem

APPLE_DOUBLE = "._"


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


class FolderBundles:
    """An index of the names in one folder, which returns the bundle of each image.

    Parameters
    ----------
    names : iterable of str
        Every name in the folder, as the system gives it (`surrogateescape`).
    """

    def __init__(self, names: Iterable[str]) -> None:
        self.names = frozenset(names)
        self.present = self.names  # names that still exist, if a caller tracks them
        self._by_stem: defaultdict[str, list[str]] = defaultdict(list)
        self._by_prefix: defaultdict[str, list[str]] = defaultdict(list)  # other than the stem
        for name in self.names:
            self._by_stem[stem(name)].append(name)
            if name.count(".", 1) > 1:
                for prefix in list(dot_prefixes(name))[:-1]:
                    self._by_prefix[prefix].append(name)

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

    def members(self, image_name: str) -> list[str]:
        """Return the names that belong to an image: itself first, then the others sorted."""
        by_stem, by_prefix = self._by_stem.get, self._by_prefix.get
        members = {*by_stem(stem(image_name), ()), *by_stem(image_name, ())}
        members.update(by_prefix(image_name, ()))
        for name in (image_name, APPLE_DOUBLE + image_name):
            if name in self.names:
                members.add(name)
        if len(members) < 2:
            return [*members]
        return sorted(members, key=lambda name: (name != image_name, name))

    def ambiguous(self, image_name: str) -> list[str]:
        """Return the names that belong to an image only after NFC or case folding, sorted.

        A name that equals the image's own name after folding is included, member or not.
        """
        keys = (
            ("stem", stem(image_name)),
            ("prefix", image_name),
            ("name", image_name),
            ("name", APPLE_DOUBLE + image_name),
        )
        near = {n for kind, key in keys for n in self._folded.get((kind, folded(key)), ())}
        twins = {*self._folded.get(("name", folded(image_name)), ())} - {image_name}
        return sorted(near.difference(self.members(image_name)) | twins)

    def owners(self, name: str) -> list[str]:
        """Return the names whose bundle could contain `name`, by stem or by dot prefix."""
        names = {*self._by_stem.get(stem(name), ()), *(self.names & {*dot_prefixes(name)})}
        if name.startswith(APPLE_DOUBLE):
            names.update(self.names & {name.removeprefix(APPLE_DOUBLE)})
        return sorted(names - {name})


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
        Names with the image's stem, names that start with its whole name and a dot, and its macOS
        double (`._name`), sorted; the image itself comes first if it is in `names`. For many
        images of one folder, index the names once with `FolderBundles`.
    """
    return FolderBundles(names).members(image_name)


def is_apple_double(name: str, names: Iterable[str] | frozenset[str]) -> bool:
    """Return whether a name is the macOS double (`._name`) of another, which is never an image."""
    return name.startswith(APPLE_DOUBLE) and name.removeprefix(APPLE_DOUBLE) in names
