"""The images that a plan removes -> the order in which they are drawn for its acceptance sample.

The order follows from the SHA-256 of the manifest and the paths alone. So nobody can draw again
until a sample fits: a sample is always the beginning of the one order that its manifest has, and to
answer more is to go on in it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from dedup_nb.library.formats import IMAGE_SUFFIXES, suffix


class Going(NamedTuple):
    """One image that a plan removes, and the image that is kept for it."""

    path: str
    sha256: str
    keeper: str
    keeper_sha256: str


def images_of(files: Sequence[Going], *, shared_only: bool = False) -> list[Going]:
    """Return the images among the files of one bundle, which are counted one by one.

    A file is an image by its suffix; camera raw files move only if the keeper has the same and are
    not counted. A bundle whose files are all called something else counts as one image, so that
    nothing goes uncounted. Sidecars that a whole series shares move only with its images.
    """
    images = [file for file in files if suffix(os.path.basename(file.path)) in IMAGE_SUFFIXES]
    if images or shared_only:
        return images
    return [min(files)] if files else []


def differs(image: Going, kept: Iterable[str]) -> bool:
    """Return whether an image is unlike every keeper of its bundle; equal bytes need no answer."""
    return image.sha256 not in kept


def place(manifest: str, path: str) -> str:
    """Return what an image is sorted by in the order of its manifest, whose SHA-256 is given."""
    text = f"{manifest}\n{path}".encode("utf-8", "surrogatepass")
    return hashlib.sha256(text).hexdigest()


def in_order(manifest: str, images: Iterable[Going]) -> list[Going]:
    """Return the images of a plan in the order in which they are drawn.

    Parameters
    ----------
    manifest : str
        SHA-256 of the manifest, 64 hex digits.
    images : iterable of Going
        Those that are asked about; see `differs`.
    """
    return sorted(images, key=lambda image: (place(manifest, image.path), image.path))
