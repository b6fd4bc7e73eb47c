"""A problem with a bundle -> a refusal: its code, the problem, and what to do about it."""

from __future__ import annotations

import errno
import os
from typing import NamedTuple

from dedup_nb.library.tables import shown

WRONG_INPUT, REFUSED, LOCKED = 2, 3, 4  # exit statuses

# What you can do about each refusal, by code.
WHAT_TO_DO = {
    "ambiguous_name": "rename one of the two, then run the report again",
    "bad_dst": "dst must be _review_dupes/, delete_review/ or _clusters/ followed by src; "
    "run the report again",
    "bad_path": "run the report again; do not edit paths in a manifest",
    "bad_row": "run the report again, or delete the whole bundle from the manifest",
    "conflict": "compare the two files, move one of them away by hand, then restore again",
    "damaged_journal": "move the files of this batch home by hand, then move its journal away",
    "dst_exists": "move the existing file out of the staging folder, then stage again",
    "duplicate_row": "delete one of the two bundles from the manifest",
    "holds_a_work": "keep the image, or put the sha256 of that file in a column named confirmed",
    "incomplete_bundle": "delete the whole bundle from the manifest, or run the report again",
    "io_error": "fix the system error, then stage again",
    "is_keeper": "restore the files that it is the keeper of first, or keep it",
    "keeper_changed": "run the report again",
    "lost": "look for the file in the trash and in backups, put it back, then recover again",
    "needs_copy": "allow copies (--allow-copy), or keep the staging folder on the same file system",
    "no_companions": "leave strict_companions off to move images that have no companion",
    "no_keeper": "run the report again; only _clusters/ takes rows without a keeper",
    "not_a_member": "run the report again",
    "not_attempted": "fix what stopped the batch, then stage again",
    "not_discarded": "it stays staged; fix the trash error, or restore it",
    "not_regular": "only regular files can be staged; move it away by hand",
    "outside_roots": "add the folder to the roots, or run the report again",
    "rounded_mtime": "a spreadsheet rounded the number: run the report again, and delete bundles "
    "in a text editor",
    "shared_stays": "stage every image that it covers in the same batch, or leave it in place",
    "short_digest": "a spreadsheet or an editor cut the digest: run the report again",
    "stale": "run the report again",
    "swapped": "another program is changing these files; wait until it is done, then stage again",
    "unsupported": "this file system supports neither renaming without replacing nor hard links, "
    "so nothing can be staged on it",
}


class Refusal(NamedTuple):
    """One bundle that did not move."""

    code: str
    bundle: str
    message: str
    todo: str
    path: str = ""


class StagingError(Exception):
    """An error that stops the whole command; `status` is its exit status (2, 3 or 4)."""

    def __init__(self, message: str, status: int = REFUSED) -> None:
        super().__init__(message)
        self.status = status


class Locked(StagingError):
    """Another batch is running in this library."""

    def __init__(self, message: str) -> None:
        super().__init__(message, LOCKED)


class Refused(Exception):
    """One bundle cannot move; the command continues with the next one."""

    def __init__(self, code: str, message: str, path: str = "") -> None:
        super().__init__(message)
        self.code, self.message, self.path = code, message, path

    def of(self, bundle: str) -> Refusal:
        """Return the refusal of one bundle for this reason."""
        return Refusal(self.code, bundle, self.message, WHAT_TO_DO[self.code], self.path)


def by_errno(error: OSError, path: str) -> Refused:
    """Turn a system error into the refusal of the bundle that holds `path`."""
    name = errno.errorcode.get(error.errno or 0, "error")
    text = os.strerror(error.errno) if error.errno else str(error)
    return Refused("io_error", f"{shown(path)}: {name}, {text.lower()}", path)
