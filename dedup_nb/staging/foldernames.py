"""Folders, listed once for each group of bundles -> which names belong together. Writes nothing."""

from __future__ import annotations

from dedup_nb.library.bundles import FolderBundles, is_apple_double, looks_like_image
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
        self._folders: Folders | None = None  # open while one bundle is examined

    def new_group(self) -> None:
        """Look at every folder again from here on."""
        self._fresh.clear()

    def names(self, folders: Folders, folder: Parts) -> FolderBundles:
        """Return the current names in a folder, indexed again only if names were added."""
        self._folders = folders
        if folder in self._fresh:
            return self._fresh[folder]
        names = frozenset(safefs.list_names(folders.fd(folder)))
        known = self._indexed.get(folder)
        if known is None or not names <= known.names or len(names) < len(known.names) // 2:
            known = FolderBundles(names, lambda name: self._shows_image(folder, name))
        known.now(names)
        if len(self._indexed) >= FOLDERS_KEPT:
            self._indexed.clear()
        self._indexed[folder] = self._fresh[folder] = known
        return known

    def _shows_image(self, folder: Parts, name: str) -> bool:
        """Return whether a file is an image by its content, or by its name if it cannot be read."""
        if name.startswith(".") or self._folders is None:
            return False
        try:
            head = safefs.read_head(Spot(self._folders.fd(folder), name))
        except OSError:
            return looks_like_image(name)
        return bool(head) and image_format(name, head) is not None

    def is_image(self, folders: Folders, row: Row, seen: Seen) -> bool:
        """Tell whether a planned file is an image, by its content."""
        folder, name = split_path(row.src)[:-1], split_path(row.src)[-1]
        bundles = self.names(folders, folder)
        double = is_apple_double(name, bundles.names)
        shows = not double and image_format(name, seen.head) is not None
        bundles.know(name, shows)
        return shows

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
        return ["/".join((*folder, name)) for name in bundles.owners(split_path(path)[-1])]

    def come(self, folders: Folders, folder: Parts) -> frozenset[str]:
        """Return the names added to a folder since the group was examined."""
        now = frozenset(safefs.list_names(folders.fd(folder)))
        return now - self.names(folders, folder).present
