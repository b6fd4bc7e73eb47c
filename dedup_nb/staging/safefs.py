"""Names in open folders -> files moved, copied and synced, without following or replacing.

Every system call that touches the tree calls `step` first, so that tests can kill the process or
make the call fail at each of them. Paths are relative to one open folder and are walked component
by component; after planning no string path reaches the system.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import hashlib
import os
import stat
import sys
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from dedup_nb.library.formats import HEAD_BYTES
from dedup_nb.library.tables import shown
from dedup_nb.staging.refusals import Refused

CHUNK_BYTES = 1 << 20
NAME_BYTES = 255  # longest name that common file systems store
TREE = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
CREATE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC

# Errors of file systems that do not support renaming without replacing, or hard links.
NO_RENAME = {errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP}
NO_LINK = {*NO_RENAME, errno.EPERM, errno.EMLINK}

Parts = tuple[str, ...]
Stop = Callable[[], bool]

watch: Callable[[str], None] | None = None  # set by tests, called before each step


def step(name: str) -> None:
    if watch is not None:
        watch(name)


class Interrupted(Exception):
    """An interrupt arrived while a long file was read."""


class NeedsCopy(OSError):
    """The destination is on another file system, or does not support links."""


class Swapped(Exception):
    """A file is not the one that was read before."""


class Spot(NamedTuple):
    """A name in an open folder."""

    fd: int
    name: str


class Seen(NamedTuple):
    """The identity and digest of a regular file when it was read."""

    dev: int
    ino: int
    size: int
    mtime_ns: int
    ctime_ns: int
    mode: int
    nlink: int
    sha256: str = ""
    head: bytes = b""

    @property
    def identity(self) -> tuple[int, int, int, int]:
        """Device, inode, size and mtime_ns; equal if the file was not replaced or changed."""
        return self[:4]

    @property
    def inode(self) -> tuple[int, int]:
        """Device and inode."""
        return self[:2]


class CopyTerms(NamedTuple):
    """How to copy a file that can be neither renamed nor linked."""

    temporary: str  # name of the partial copy, in the target's folder
    mode: int
    mtime_ns: int
    stop: Stop | None = None


class Moved(NamedTuple):
    """How a file was moved, and which of its metadata were lost."""

    how: str  # rename, link or copy
    lost: tuple[str, ...] = ()


# ---------------------------------------------------------------- paths and folders


def split_path(path: str) -> Parts:
    """Return the components of a relative path.

    Raises
    ------
    Refused
        With `bad_path`, if the path is empty or absolute, contains NUL or an empty, `.` or `..`
        component, has a component longer than 255 bytes, or cannot be encoded as a file name.
    """
    parts = tuple(path.split("/"))
    for part in parts:
        if part in ("", ".", "..") or "\0" in part:
            raise Refused("bad_path", f"{shown(path)!r} is not a path inside the library", path)
        try:
            length = len(os.fsencode(part))
        except UnicodeEncodeError:
            raise Refused("bad_path", f"{path!a} is not a file name", path) from None
        if length > NAME_BYTES:
            raise Refused("bad_path", f"{shown(part)!r} is longer than {NAME_BYTES} bytes", path)
    return parts


def open_folder(name: str, fd: int) -> int:
    """Open one folder in another without following a link."""
    step("open")
    return os.open(name, TREE, dir_fd=fd)


def walk(root_fd: int, parts: Parts) -> int:
    """Open a folder below `root_fd`, one component at a time; the caller closes it."""
    fd = os.dup(root_fd)
    try:
        for part in parts:
            above, fd = fd, open_folder(part, fd)
            os.close(above)
    except BaseException:
        os.close(fd)
        raise
    return fd


class Folders:
    """Folders below one root, each opened once and kept open until the block ends."""

    def __init__(self, root_fd: int) -> None:
        self.root_fd = root_fd
        self._open: dict[Parts, int] = {}

    def __enter__(self) -> Folders:
        return self

    def __exit__(self, *_: object) -> None:
        for fd in self._open.values():
            os.close(fd)
        self._open.clear()

    def fd(self, parts: Parts) -> int:
        """Return the open folder; OSError if a component is missing, a link or not a folder."""
        if parts not in self._open:
            self._open[parts] = walk(self.root_fd, parts)
        return self._open[parts]

    def spot(self, path: Parts) -> Spot:
        """Return the spot of a file: its open folder and its name."""
        return Spot(self.fd(path[:-1]), path[-1])

    def find(self, path: Parts) -> Spot | None:
        """Return the spot of a file, or None if its folder does not exist."""
        try:
            return self.spot(path)
        except FileNotFoundError:
            return None


def make_folders(root_fd: int, parts: Parts) -> None:
    """Make a folder and its missing parents, each synced into its parent folder."""
    fd = os.dup(root_fd)
    try:
        for part in parts:
            try:
                step("mkdir")
                os.mkdir(part, 0o777, dir_fd=fd)
                sync_folder(fd)
            except FileExistsError:
                pass
            above, fd = fd, open_folder(part, fd)
            os.close(above)
    finally:
        os.close(fd)


def missing_folders(root_fd: int, parts: Parts) -> list[Parts]:
    """Return the missing folders on the path to `parts`, parents first."""
    for depth in range(1, len(parts) + 1):
        try:
            os.close(walk(root_fd, parts[:depth]))
        except FileNotFoundError:
            return [parts[:n] for n in range(depth, len(parts) + 1)]
    return []


def remove_empty_folder(root_fd: int, parts: Parts) -> None:
    """Remove a folder if it exists and is empty; otherwise do nothing."""
    try:
        fd = walk(root_fd, parts[:-1])
    except (FileNotFoundError, NotADirectoryError):
        return
    try:
        step("rmdir")
        os.rmdir(parts[-1], dir_fd=fd)
        sync_folder(fd)
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
            raise
    finally:
        os.close(fd)


def list_names(fd: int) -> list[str]:
    """Return every name in an open folder."""
    step("list")
    return os.listdir(fd)


# ---------------------------------------------------------------- looking at files


def look(spot: Spot | None) -> os.stat_result | None:
    """Return the stat of a name without following links; None if it does not exist."""
    if spot is None:
        return None
    step("stat")
    try:
        return os.stat(spot.name, dir_fd=spot.fd, follow_symlinks=False)
    except FileNotFoundError:
        return None


def seen(status: os.stat_result, sha256: str = "", head: bytes = b"") -> Seen:
    """Return the parts of a stat that identify a file."""
    return Seen(
        status.st_dev,
        status.st_ino,
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
        stat.S_IMODE(status.st_mode),
        status.st_nlink,
        sha256,
        head,
    )


def kind(status: os.stat_result) -> str:
    """Return what kind of non-regular file this is, such as `a symlink`."""
    kinds = {
        stat.S_IFLNK: "a symlink",
        stat.S_IFDIR: "a folder",
        stat.S_IFIFO: "a FIFO",
        stat.S_IFSOCK: "a socket",
    }
    return kinds.get(stat.S_IFMT(status.st_mode), "a device")


def read_regular(spot: Spot, path: str, stop: Stop | None = None) -> Seen | None:
    """Read a regular file to its end and return its identity and digest; None if absent.

    Raises
    ------
    Refused
        `not_regular` for a link, a folder or a device; `stale` if it changed while it was read.
    OSError
        If it cannot be read.
    Interrupted
        If `stop` returns True between two chunks.
    """
    status = look(spot)
    if status is None:
        return None
    if not stat.S_ISREG(status.st_mode):
        raise Refused("not_regular", f"{shown(path)} is {kind(status)}", path)
    step("open")
    fd = os.open(spot.name, READ, dir_fd=spot.fd)
    try:
        before = os.fstat(fd)
        if not stat.S_ISREG(before.st_mode):
            raise Refused("not_regular", f"{shown(path)} is {kind(before)}", path)
        head, sha256 = _digest(fd, stop)
        after = os.fstat(fd)
    finally:
        os.close(fd)
    if seen(before) != seen(after) or seen(status).inode != seen(after).inode:
        raise Refused("stale", f"{shown(path)} changed while it was read", path)
    return seen(after, sha256, head)


def _digest(fd: int, stop: Stop | None = None) -> tuple[bytes, str]:
    digest = hashlib.sha256()
    head = b""
    for chunk in chunks(fd, stop):
        head = head or chunk[:HEAD_BYTES]
        digest.update(chunk)
    return head, digest.hexdigest()


# ---------------------------------------------------------------- syncing to disk


def sync_file(fd: int) -> None:
    """Sync a file to disk with `fsync`, on macOS with `F_FULLFSYNC` to flush the drive's cache."""
    step("fsync")
    full = getattr(fcntl, "F_FULLFSYNC", None)  # macOS; not run on Linux
    if full is not None:
        with contextlib.suppress(OSError):  # SMB shares refuse it and offer only fsync
            fcntl.fcntl(fd, full)
            return
    os.fsync(fd)


def sync_folder(fd: int) -> None:
    """Sync a folder to disk; some network file systems do not support it (EINVAL)."""
    step("fsync")
    try:
        os.fsync(fd)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP):
            raise


def write_all(fd: int, data: bytes) -> None:
    """Write all of `data`."""
    view = memoryview(data)
    while view:
        step("write")
        view = view[os.write(fd, view) :]


def create(spot: Spot, mode: int = 0o666) -> int:
    """Create a new file and return it open; FileExistsError if it exists."""
    step("create")
    return os.open(spot.name, CREATE, mode, dir_fd=spot.fd)


def unlink(spot: Spot) -> None:
    """Remove one name."""
    step("unlink")
    os.unlink(spot.name, dir_fd=spot.fd)


# ---------------------------------------------------------------- moving without replacing

_LIBC = ctypes.CDLL(None, use_errno=True)
_RENAME_NOREPLACE = 1  # Linux
_RENAME_EXCL = 4  # macOS


def _exclusive_rename() -> Callable[[int, bytes, int, bytes], int] | None:
    """Return the system's rename without replacing, or None where there is none."""
    name, flag = (
        ("renameatx_np", _RENAME_EXCL)  # not run on Linux
        if sys.platform == "darwin"
        else ("renameat2", _RENAME_NOREPLACE)
    )
    function: Any = getattr(_LIBC, name, None)
    if function is None:
        return None
    function.argtypes = [
        ctypes.c_int,
        ctypes.c_char_p,
        ctypes.c_int,
        ctypes.c_char_p,
        ctypes.c_uint,
    ]
    return lambda *where: int(function(*where, flag))


_RENAME = _exclusive_rename()


def rename_exclusive(source: Spot, target: Spot) -> None:
    """Rename a file to a name that is free.

    Raises
    ------
    OSError
        FileExistsError if the name is taken in any form; EXDEV across file systems; one of
        `NO_RENAME` where the system or the file system does not support it.
    """
    step("rename")
    if _RENAME is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    where = source.fd, os.fsencode(source.name), target.fd, os.fsencode(target.name)
    if _RENAME(*where) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), source.name)


def link(source: Spot, target: Spot) -> None:
    """Hard-link a file to a name that is free."""
    step("link")
    os.link(
        source.name,
        target.name,
        src_dir_fd=source.fd,
        dst_dir_fd=target.fd,
        follow_symlinks=False,
    )


def _is(spot: Spot, inode: tuple[int, int]) -> bool:
    status = look(spot)
    return status is not None and seen(status).inode == inode


def unlink_same(spot: Spot, inode: tuple[int, int]) -> None:
    """Remove a name if it still refers to this inode; raise `Swapped` if not."""
    if not _is(spot, inode):
        raise Swapped
    unlink(spot)


@contextlib.contextmanager
def held(spot: Spot, expected: Seen, stop: Stop | None = None) -> Iterator[None]:
    """Check that a file is the one that was read, and hold it open so its inode is not reused.

    Raises
    ------
    Swapped
        If the name refers to another file, or the file has changed since.
    """
    step("open")
    try:
        fd = os.open(spot.name, READ, dir_fd=spot.fd)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ELOOP, errno.ENXIO):
            raise Swapped from error
        raise
    try:
        status = os.fstat(fd)
        now = seen(status)
        if not stat.S_ISREG(status.st_mode) or now.identity != expected.identity:
            raise Swapped
        # Rewritten with its old mtime, or only linked or renamed: the content decides.
        if now.ctime_ns != expected.ctime_ns and _digest(fd, stop)[1] != expected.sha256:
            raise Swapped
        yield
    finally:
        os.close(fd)


def move(source: Spot, target: Spot, expected: Seen, copy: CopyTerms | None = None) -> Moved:
    """Move a file to a free name: by rename, else by link, else by verified copy.

    Parameters
    ----------
    expected : Seen
        The file as it was verified; a copy also needs its digest.
    copy : CopyTerms or None
        How to copy if neither rename nor link works; None forbids it.

    Raises
    ------
    Swapped
        If another file arrived; it was moved back.
    NeedsCopy
        If the file can only be copied and `copy` is None.
    OSError
        FileExistsError if the target's name is taken; any other system error as raised.
    """
    with held(source, expected, copy.stop if copy else None):
        return _move_held(source, target, expected, copy)


def _move_held(source: Spot, target: Spot, expected: Seen, copy: CopyTerms | None) -> Moved:
    try:
        rename_exclusive(source, target)
    except OSError as error:
        if error.errno == errno.EXDEV:
            return _copy_if_allowed(source, target, expected, copy, error)
        if error.errno not in NO_RENAME:
            raise
        return _move_by_link(source, target, expected, copy)
    if not _is(target, expected.inode):
        rename_exclusive(target, source)
        raise Swapped
    return Moved("rename")


def _move_by_link(source: Spot, target: Spot, expected: Seen, copy: CopyTerms | None) -> Moved:
    try:
        link(source, target)
    except OSError as error:
        if error.errno != errno.EXDEV and error.errno not in NO_LINK:
            raise
        return _copy_if_allowed(source, target, expected, copy, error)
    if not _is(target, expected.inode):
        unlink(target)  # a second link to another file, which keeps its own name
        raise Swapped
    sync_folder(target.fd)
    unlink_same(source, expected.inode)
    sync_folder(source.fd)
    return Moved("link")


def _copy_if_allowed(
    source: Spot, target: Spot, expected: Seen, copy: CopyTerms | None, why: OSError
) -> Moved:
    if copy is None:
        raise NeedsCopy(why.errno, why.strerror, source.name)
    return move_by_copy(source, target, expected, copy)


# ---------------------------------------------------------------- the verified copy


def move_by_copy(source: Spot, target: Spot, expected: Seen, terms: CopyTerms) -> Moved:
    """Copy a file, verify the copy, publish it, and only then remove the source."""
    if look(target) is not None:
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), target.name)
    work = Spot(target.fd, terms.temporary)
    lost = _copy_to(source, work, expected, terms)
    try:
        publish(work, target)
    except OSError:
        with contextlib.suppress(OSError):  # recovery knows its name and removes it
            unlink(work)
        raise
    sync_folder(target.fd)
    unlink_same(source, expected.inode)
    sync_folder(source.fd)
    return Moved("copy", lost)


def _copy_to(source: Spot, work: Spot, expected: Seen, terms: CopyTerms) -> tuple[str, ...]:
    step("open")
    from_fd = os.open(source.name, READ, dir_fd=source.fd)
    try:
        to_fd = _create_anew(work)
        try:
            lost = _fill(from_fd, to_fd, expected, terms)
        except BaseException:
            with contextlib.suppress(OSError):
                unlink(work)
            raise
        finally:
            os.close(to_fd)
    finally:
        os.close(from_fd)
    return lost


def _create_anew(work: Spot) -> int:
    """Create a temporary file, replacing one of the same name that a killed copy left."""
    try:
        return create(work, 0o600)
    except FileExistsError:
        unlink(work)
        return create(work, 0o600)


def _fill(from_fd: int, to_fd: int, expected: Seen, terms: CopyTerms) -> tuple[str, ...]:
    for chunk in chunks(from_fd, terms.stop):
        write_all(to_fd, chunk)
    lost = _copy_metadata(from_fd, to_fd, terms)
    sync_file(to_fd)
    os.lseek(to_fd, 0, os.SEEK_SET)
    _, sha256 = _digest(to_fd, terms.stop)
    if sha256 != expected.sha256 or seen(os.fstat(from_fd)).identity != expected.identity:
        raise Swapped
    return lost


def read_head(spot: Spot) -> bytes:
    """Return the first bytes of a regular file, or no bytes for anything else."""
    status = look(spot)
    if status is None or not stat.S_ISREG(status.st_mode):
        return b""
    step("open")
    fd = os.open(spot.name, READ, dir_fd=spot.fd)
    try:
        return os.read(fd, HEAD_BYTES)
    finally:
        os.close(fd)


def chunks(fd: int, stop: Stop | None = None) -> Iterator[bytes]:
    """Yield the rest of an open file in chunks; raise `Interrupted` if `stop` returns True."""
    while True:
        step("read")
        chunk = os.read(fd, CHUNK_BYTES)
        if not chunk:
            return
        yield chunk
        if stop is not None and stop():
            raise Interrupted


def _copy_metadata(from_fd: int, to_fd: int, terms: CopyTerms) -> tuple[str, ...]:
    """Copy attributes, owner, mode and times; return the names of what was lost."""
    lost = _copy_attributes(from_fd, to_fd)
    owner = os.fstat(from_fd)
    try:
        step("chown")
        os.fchown(to_fd, owner.st_uid, owner.st_gid)
    except OSError:
        lost.append("owner")
    step("chmod")
    os.fchmod(to_fd, terms.mode)
    step("utime")
    os.utime(to_fd, ns=(owner.st_atime_ns, terms.mtime_ns))
    copied = seen(os.fstat(to_fd))
    lost += [] if copied.mtime_ns == terms.mtime_ns else ["mtime_ns"]
    lost += [] if copied.mode == terms.mode else ["mode"]
    return tuple(lost)


def _copy_attributes(from_fd: int, to_fd: int) -> list[str]:
    """Copy extended attributes; return the names of those that the target rejects."""
    if sys.platform == "darwin":
        return _copy_attributes_macos(from_fd, to_fd)
    lost = []
    try:
        names = os.listxattr(from_fd)
    except OSError:
        return []  # the source's file system has none
    for name in names:
        try:
            step("setxattr")
            os.setxattr(to_fd, name, os.getxattr(from_fd, name))
        except OSError:
            lost.append(name)
    return lost


def _copy_attributes_macos(from_fd: int, to_fd: int) -> list[str]:
    """Copy attributes and access lists with the system's own copyfile; not run on Linux."""
    acl_and_xattr = 1 << 0 | 1 << 2
    return [] if _LIBC.fcopyfile(from_fd, to_fd, None, acl_and_xattr) == 0 else ["xattr"]


def publish(work: Spot, target: Spot) -> None:
    """Rename a finished temporary file within its folder, without replacing."""
    try:
        rename_exclusive(work, target)
    except OSError as error:
        if error.errno not in NO_RENAME and error.errno != errno.EXDEV:
            raise
        link(work, target)
        unlink(work)
