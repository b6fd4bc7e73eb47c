"""A folder name -> why it is never scanned, if it is not the person's: bins, packages, thumbnails.

To add one, add an entry to `SKIPPED`. The parameter `skip_folders` adds names for one profile.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from dedup_nb.library import layout
from dedup_nb.library.bundles import folded

HIDDEN = "hidden folder, not looked into"


@dataclass(frozen=True)
class Skipped:
    """Folders of one kind.

    Attributes
    ----------
    reason : str
        Why they are skipped, for `not_images.csv`.
    names : tuple of str
        Their names in lower case; `*` stands for any characters. Compared without case, since the
        systems that make these folders ignore it.
    """

    reason: str
    names: tuple[str, ...]


BIN = "recycle bin"
PACKAGE = "package of another program"
THUMBNAILS = "thumbnails of another program"
CACHE = "cache of another program"
SYSTEM = "folder of the file system"
VERSIONS = "old versions kept by another program"

SKIPPED = (
    Skipped(
        BIN,
        (
            "$recycle.bin",  # Windows
            "recycler",
            "recycled",
            ".trash",  # macOS and Linux
            ".trash-*",
            ".trashes",
            "#recycle",  # Synology
            "@recycle",  # QNAP
            "@recycled",
            "network trash folder",  # Netatalk and QNAP
            "trashbox",  # Buffalo
            ".recycle",  # Samba's vfs_recycle: Unraid, TrueNAS, OpenMediaVault
            ".recycle.bin",
            ".recycler",
            ".bin@recycle",
            ".wastebasket",
            ".dtrash",  # digiKam
            ".trashed-*",  # Android
            ".globaltrash",
            ".stversions-trash",
            "files_trashbin",  # Nextcloud
        ),
    ),
    Skipped(
        PACKAGE,
        (
            "*.photoslibrary",  # Apple Photos
            "*.photolibrary",  # iPhoto
            "*.migratedphotolibrary",
            "*.aplibrary",  # Aperture
            "*.migratedaplibrary",
            "*.aplibrary-packages",
            "*.photoboothlibrary",
            "photo booth library",
            "*.lrlibrary",  # Lightroom
            "*.lrcat-data",
            "*.cocatalog",  # Capture One
            "*.cosessiondb",
            "*.imovielibrary",
            "*.fcpbundle",  # Final Cut Pro
            "*.tvlibrary",
            "*.musiclibrary",
            "*.app",  # programs of macOS
            "*.bundle",
            "*.rtfd",  # documents of macOS that are folders
            "*.pages",
            "*.numbers",
            "*.key",
        ),
    ),
    Skipped(
        THUMBNAILS,
        (
            "@eadir",  # Synology
            "*.lrdata",  # Lightroom
            ".@__thumb",  # QNAP
            "@__thumb",
            ".thumbnails",  # Android, Linux
            ".thumbcache",
            ".thumb",
            ".thumbs",
            ".xvpics",
            ".pics",
            "zbthumbnail.info",
            ".ds_thumbnails",
            ".picasa2thumbs",
            ".comments",  # Netatalk, gThumb
            "captureone",  # previews and settings beside the pictures
        ),
    ),
    Skipped(
        CACHE,
        (
            "__pycache__",
            "node_modules",
            ".ipynb_checkpoints",
            ".cache",
            ".git",
            ".idea",
            ".darktable",
            ".stfolder",  # Syncthing
            ".dropbox.cache",
            ".tmp.drivedownload",  # Google Drive
            ".tmp.driveupload",
            "@tmp",  # Synology
            "@sharebin",
            "@database",
            "@sharesnap",
            "@sh.lock",
            ".appledouble",  # Netatalk: forks of the files beside it
            ".apdisk",
        ),
    ),
    Skipped(
        VERSIONS,
        (
            ".stversions",  # Syncthing
            "#snapshot",  # Synology
            ".snapshot",
            ".snapshots",
            ".zfs",
            "@snapshot",
            "@recently-snapshot",  # QNAP
            "~snapshot",  # NetApp
            "files_versions",  # Nextcloud
            "$windows.~bt",
            "$winreagent",
            "windows.old",
        ),
    ),
    Skipped(
        SYSTEM,
        (
            "lost+found",
            "found.[0-9][0-9][0-9]",  # chkdsk
            "system volume information",
            ".spotlight-v100",
            ".fseventsd",
            ".documentrevisions-v100",
            ".temporaryitems",
            "temporary items",
            "$extend",
        ),
    ),
)
_EXACT = {
    name: entry.reason for entry in SKIPPED for name in entry.names if not {"*", "["} & {*name}
}
_PATTERNS = [
    (name, entry.reason) for entry in SKIPPED for name in entry.names if {"*", "["} & {*name}
]


def _reason(low: str) -> str:
    return _EXACT.get(low) or next((why for name, why in _PATTERNS if fnmatchcase(low, name)), "")


def why_not(name: str, skip_folders: Sequence[str] = ()) -> str:
    """Return why a folder of this name is never scanned, or "".

    Parameters
    ----------
    name : str
        Name of one folder.
    skip_folders : sequence of str
        More names that are skipped, compared without case; `*` stands for any characters.
    """
    low = folded(name)
    if low in layout.OURS:
        return "staging folder, never scanned"
    reason = _reason(low)
    if reason and (reason == BIN or not name.startswith(".")):
        return f"{reason}, never scanned"
    if any(fnmatchcase(low, folded(pattern)) for pattern in skip_folders):
        return "in skip_folders, never scanned"
    return HIDDEN if name.startswith(".") else ""


def not_theirs(parts: Iterable[str], kinds: Sequence[str] = ()) -> str:
    """Return the first folder of a path that is not the person's, with the reason, or "".

    Parameters
    ----------
    parts : iterable of str
        Names of the folders of a path, the topmost first.
    kinds : sequence of str
        Only these reasons; all if empty.

    Returns
    -------
    str
        `#recycle (recycle bin)`. Other hidden folders and the folders of this program do not count.
    """
    for name in parts:
        reason = _reason(folded(name))
        if reason and (not kinds or reason in kinds):
            return f"{name} ({reason})"
    return ""
