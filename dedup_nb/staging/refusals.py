"""Why something did not move: a code, what was found and where, and what to do about it."""

from __future__ import annotations

import errno
import os
from typing import NamedTuple

from dedup_nb.library.tables import shown

WRONG_INPUT, REFUSED, LOCKED = 2, 3, 4  # exit statuses

# What a person can do about each refusal, by code.
WHAT_TO_DO = {
    "ambiguous_name": "rename one of the two, then make the report again",
    "bad_dst": "dst must be _review_dupes/, delete_review/ or _clusters/ and then src; "
    "make the report again",
    "bad_path": "make the report again; do not edit paths in a manifest",
    "bad_row": "make the report again, or delete the whole bundle from the manifest",
    "conflict": "look at both files, move one of them away by hand, then restore again",
    "damaged_journal": "bring the files of this batch home by hand, then move its journal away",
    "dst_exists": "move away what lies in the staging folder, then stage again",
    "duplicate_row": "delete one of the two bundles from the manifest",
    "incomplete_bundle": "delete the whole bundle from the manifest, or make the report again",
    "io_error": "put right what the system complains about, then stage again",
    "is_keeper": "restore what it stands for first, or keep it",
    "keeper_changed": "make the report again",
    "lost": "look for the file in the trash and in backups, put it back, then recover again",
    "needs_copy": "allow copies (--allow-copy), or keep the staging folder on the same file system",
    "no_companions": "leave strict_companions off to move images that have no companion",
    "no_keeper": "make the report again; only _clusters/ takes rows without a keeper",
    "not_a_member": "make the report again",
    "not_attempted": "put right what stopped the batch, then stage again",
    "not_discarded": "it stays staged; put right what the trash complains about, or restore it",
    "not_regular": "only regular files are staged; move the other thing away by hand",
    "outside_roots": "add the folder to the roots, or make the report again",
    "rounded_mtime": "a spreadsheet rounds long numbers: make the report again, delete whole "
    "bundles in a text editor",
    "shared_stays": "stage every image that it covers in the same batch, or leave it",
    "short_digest": "a spreadsheet or an editor cut the digest: make the report again",
    "stale": "make the report again",
    "swapped": "something else is changing these files; wait until it is done, then stage again",
    "unsupported": "this file system can neither rename without replacing nor link: "
    "nothing is staged on it",
}


class Refusal(NamedTuple):
    """One bundle that did not move."""

    code: str
    bundle: str
    message: str
    todo: str
    path: str = ""


class StagingError(Exception):
    """Something that stops the whole command; `status` is its exit status (2, 3 or 4)."""

    def __init__(self, message: str, status: int = REFUSED) -> None:
        super().__init__(message)
        self.status = status


class Locked(StagingError):
    """Another batch is at work in this library."""

    def __init__(self, message: str) -> None:
        super().__init__(message, LOCKED)


class Refused(Exception):
    """One bundle cannot move; the next one goes on."""

    def __init__(self, code: str, message: str, path: str = "") -> None:
        super().__init__(message)
        self.code, self.message, self.path = code, message, path

    def of(self, bundle: str) -> Refusal:
        """Return it as the refusal of one bundle."""
        return Refusal(self.code, bundle, self.message, WHAT_TO_DO[self.code], self.path)


def by_errno(error: OSError, path: str) -> Refused:
    """Turn an error of the system into the refusal of the bundle that holds `path`."""
    name = errno.errorcode.get(error.errno or 0, "error")
    text = os.strerror(error.errno) if error.errno else str(error)
    return Refused("io_error", f"{shown(path)}: {name}, {text.lower()}", path)
