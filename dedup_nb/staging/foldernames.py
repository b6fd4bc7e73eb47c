"""Folders, listed once for each group of bundles -> which names belong together. Writes nothing."""

from __future__ import annotations

from dedup_nb.library.bundles import FolderBundles, is_apple_double
from dedup_nb.library.formats import image_format
from dedup_nb.library.tables import shown
from dedup_nb.staging import safefs
from dedup_nb.staging.plans import Row
from dedup_nb.staging.refusals import Refused
from dedup_nb.staging.safefs import Folders, Parts, Seen, Spot, split_path

FOLDERS_KEPT = 256


class FolderNames:
    """The names in folders, indexed once and looked at again for each group of bundles."""

    def __init__(self) -> None:
        self._fresh: dict[Parts, FolderBundles] = {}
        self._indexed: dict[Parts, FolderBundles] = {}

    def new_group(self) -> None:
        """Look at every folder again from here on."""
        self._fresh.clear()

    def names(self, folders: Folders, folder: Parts) -> FolderBundles:
        """Return the current names in a folder, indexed again only if names were added."""
        if folder in self._fresh:
            return self._fresh[folder]
        names = frozenset(safefs.list_names(folders.fd(folder)))
        known = self._indexed.get(folder)
        if known is None or not names <= known.names or len(names) < len(known.names) // 2:
            known = FolderBundles(names)
        known.present = names
        if len(self._indexed) >= FOLDERS_KEPT:
            self._indexed.clear()
        self._indexed[folder] = self._fresh[folder] = known
        return known

    def is_image(self, folders: Folders, row: Row, seen: Seen) -> bool:
        """Tell whether a planned file is an image, by its content."""
        folder, name = split_path(row.src)[:-1], split_path(row.src)[-1]
        if is_apple_double(name, self.names(folders, folder).names):
            return False
        return image_format(name, seen.head) is not None

    def members(self, folders: Folders, image: str) -> set[str]:
        """Return the paths of an image's bundle; Refused where names differ only in case."""
        folder, _, name = image.rpartition("/")
        bundles = self.names(folders, split_path(image)[:-1])
        for twin in bundles.ambiguous(name):
            if twin in bundles.present:
                what = f"{shown(image)} and {shown(twin)} differ only in case or Unicode form"
                raise Refused("ambiguous_name", what, image)
        above = f"{folder}/" if folder else ""
        return {above + member for member in bundles.members(name) if member in bundles.present}

    def owners(self, folders: Folders, path: str) -> list[str]:
        """Return the images at home that own this file as a companion."""
        folder = split_path(path)[:-1]
        bundles = self.names(folders, folder)
        fd = folders.fd(folder)
        return [
            "/".join((*folder, name))
            for name in bundles.owners(split_path(path)[-1])
            if name in bundles.present
            and not is_apple_double(name, bundles.names)
            and image_format(name, safefs.read_head(Spot(fd, name))) is not None
        ]

    def come(self, folders: Folders, folder: Parts) -> frozenset[str]:
        """Return the names added to a folder since the group was examined."""
        now = frozenset(safefs.list_names(folders.fd(folder)))
        return now - self.names(folders, folder).present
