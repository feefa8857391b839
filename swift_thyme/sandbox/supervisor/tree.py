"""The files of one session: counting, remembering, restoring, removing. Works while the session's process stands still.

Nothing is followed: a session cannot make links (its filter refuses), and every open here says so again. Trees of
any depth are handled without recursion; the number of entries is bounded by the caller.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

_CLOCK_REALTIME_COARSE = 5
_RACY_NS = int((time.clock_getres(_CLOCK_REALTIME_COARSE) + 0.001) * 1e9)
"""A file changed this short before its process goes on may change again without a new time stamp: those of Linux's
file systems are of this clock."""


class TooManyFiles(Exception):
    """The tree has more entries than allowed."""


class Entry(NamedTuple):
    """One file or directory, as last seen."""

    is_dir: bool
    regular: bool
    inode: int
    size_bytes: int
    used_bytes: int
    """What counts towards the quota. A hole counts as if it were filled: the copy for rollback has none."""
    mtime_ns: int
    ctime_ns: int

    def same_as(self, other: Entry) -> bool:
        """Whether the content is certainly unchanged."""
        return self == other or (self.is_dir and other.is_dir)


def scan(root: str, most: int) -> dict[str, Entry]:
    """Every entry beneath `root` by relative path, parents before children.

    Raises:
        TooManyFiles: there are more than `most`.
    """
    found: dict[str, Entry] = {}
    stack: list[tuple[str, Iterator[os.DirEntry[str]], int]] = []
    fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    stack.append(('', os.scandir(fd), fd))
    try:
        while stack:
            prefix, entries, fd = stack[-1]
            entry = next(entries, None)
            if entry is None:
                stack.pop()
                entries.close()  # type: ignore[attr-defined]
                os.close(fd)
                continue
            try:
                seen = _look(entry.name, fd)
            except FileNotFoundError:
                continue
            found[prefix + entry.name] = seen
            if len(found) > most:
                raise TooManyFiles
            if seen.is_dir:
                child = _open_dir(entry.name, fd)
                stack.append((f'{prefix}{entry.name}/', os.scandir(child), child))
    finally:
        for _, entries, fd in stack:
            entries.close()  # type: ignore[attr-defined]
            os.close(fd)
    return found


def used_bytes(entries: Mapping[str, Entry]) -> int:
    """What files together count towards the quota."""
    return sum(entry.used_bytes for entry in entries.values())


def _look(name: str, parent_fd: int) -> Entry:
    info = os.stat(name, dir_fd=parent_fd, follow_symlinks=False)
    used = max(info.st_size, info.st_blocks * 512)
    kinds = stat.S_ISDIR(info.st_mode), stat.S_ISREG(info.st_mode)
    return Entry(*kinds, info.st_ino, info.st_size, used, info.st_mtime_ns, info.st_ctime_ns)


def _open_dir(name: str, parent_fd: int) -> int:
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        return os.open(name, flags, dir_fd=parent_fd)
    except PermissionError:
        os.chmod(name, 0o700, dir_fd=parent_fd)
        return os.open(name, flags, dir_fd=parent_fd)


@contextmanager
def _parent(root: str, relative: str) -> Iterator[tuple[int, str]]:
    """The open directory of a path beneath `root`, and the path's last name. Follows no link."""
    *parents, name = relative.split('/')
    fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for parent in parents:
            child = _open_dir(parent, fd)
            os.close(fd)
            fd = child
        yield fd, name
    finally:
        os.close(fd)


def open_beneath(root: str, relative: str, flags: int = os.O_RDONLY) -> int:
    """Opens a file by a path beneath `root` without following any link.

    Raises:
        OSError: it does not exist, or a link or non-directory is on the way.
    """
    flags |= os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    with _parent(root, relative) as (fd, name):
        try:
            return os.open(name, flags, 0o600, dir_fd=fd)
        except PermissionError:
            os.chmod(name, 0o600, dir_fd=fd)
            return os.open(name, flags, 0o600, dir_fd=fd)


def remove(root: str, *, keep_root: bool = False) -> None:
    """Removes a tree of any width and depth; nothing happens when it is not there."""
    try:
        top = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        token, moved = os.urandom(6).hex(), 0
        pending = _clear(top)
        while pending:
            name = pending.pop()
            fd = _open_dir(name, top)
            try:
                for child in _clear(fd):
                    moved += 1
                    lifted = f'.{token}-{moved}'
                    os.chmod(child, 0o700, dir_fd=fd)
                    os.rename(child, lifted, src_dir_fd=fd, dst_dir_fd=top)
                    pending.append(lifted)
            finally:
                os.close(fd)
            os.rmdir(name, dir_fd=top)
    finally:
        os.close(top)
    if not keep_root:
        os.rmdir(root)


def _clear(fd: int) -> list[str]:
    """Unlinks every file of one directory; returns the names of its directories."""
    directories = []
    with os.scandir(fd) as entries:
        listing = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    for name, is_dir in listing:
        if is_dir:
            directories.append(name)
        else:
            os.unlink(name, dir_fd=fd)
    return directories


class Memory:
    """A copy of a session's files as they were before a snippet, kept out of its reach and brought up to date cheaply.

    Only files that changed since the last time are copied again.
    """

    def __init__(self, live: str, kept: str, most: int) -> None:
        """
        Args:
            live: the directory the session writes to.
            kept: a directory for the copies; made when first needed.
            most: number of entries expected at most.
        """
        self._live, self._kept, self._most = live, kept, most
        self._entries: dict[str, Entry] = {}
        self._copies: dict[str, str] = {}
        self._doubtful: set[str] = set()
        self._serial = 0

    def remember(self, now: dict[str, Entry] | None = None, *, stamps_tell: bool = True) -> None:
        """Takes the present state as the one to return to. The session's process goes on right afterwards.

        Args:
            now: the entries, where they were looked at since the process stood still.
            stamps_tell: every change of a file will show in its time stamps.

        Raises:
            TooManyFiles: more entries than expected.
        """
        now = scan(self._live, self._most) if now is None else now
        if now:
            os.makedirs(self._kept, mode=0o700, exist_ok=True)
        for path in [p for p in self._copies if p not in now]:
            os.unlink(self._copies.pop(path))
        for path, entry in now.items():
            old = self._entries.get(path)
            known = path in self._copies and path not in self._doubtful
            if entry.regular and not (known and old is not None and old.same_as(entry)):
                self._copy_out(path)
        limit = time.time_ns() - _RACY_NS if stamps_tell else 0
        self._doubtful = {path for path, entry in now.items() if entry.ctime_ns > limit}
        self._entries = now

    def restore(self) -> None:
        """Makes the files what they were at the last `remember` (nothing, when there was none)."""
        try:
            now = scan(self._live, self._most)
        except TooManyFiles:
            now = {}
            remove(self._live, keep_root=True)
        for path in sorted(now, key=len, reverse=True):
            old = self._entries.get(path)
            if old is None or old.is_dir != now[path].is_dir or old.regular != now[path].regular:
                self._remove_one(path, now[path])
                now.pop(path)
        for path, entry in self._entries.items():
            seen = now.get(path)
            if entry.is_dir:
                if seen is None:
                    self._make_dir(path)
            elif entry.regular and (seen is None or not seen.same_as(entry) or path in self._doubtful):
                self._copy_back(path, entry)
        self._entries = scan(self._live, self._most)
        self._doubtful = set(self._entries)

    def forget(self) -> None:
        """Takes an empty directory as the state to return to."""
        self._entries, self._doubtful = {}, set()
        self._copies.clear()
        remove(self._kept)

    def _copy_out(self, path: str) -> None:
        if path not in self._copies:
            self._serial += 1
            self._copies[path] = os.path.join(self._kept, str(self._serial))
        with open(open_beneath(self._live, path), 'rb') as source, open(self._copies[path], 'wb') as target:
            copy(source.fileno(), target.fileno())

    def _copy_back(self, path: str, entry: Entry) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        with open(self._copies[path], 'rb') as source, open(open_beneath(self._live, path, flags), 'wb') as target:
            copy(source.fileno(), target.fileno())
            self._hand_over(target.fileno())
            os.utime(target.fileno(), ns=(entry.mtime_ns, entry.mtime_ns))

    def _remove_one(self, path: str, entry: Entry) -> None:
        with _parent(self._live, path) as (fd, name):
            if entry.is_dir:
                os.rmdir(name, dir_fd=fd)
            else:
                os.unlink(name, dir_fd=fd)

    def _make_dir(self, path: str) -> None:
        with _parent(self._live, path) as (fd, name):
            os.mkdir(name, 0o700, dir_fd=fd)
            made = _open_dir(name, fd)
            self._hand_over(made)
            os.close(made)

    def _hand_over(self, fd: int) -> None:
        """Gives what was made anew to the session's user, where that is another (tier B)."""
        info = os.stat(self._live)
        if info.st_uid != os.geteuid():
            os.fchown(fd, info.st_uid, info.st_gid)


def copy(source: int, target: int) -> None:
    """Copies the rest of one open file into another, within the kernel."""
    while os.sendfile(target, source, None, 1 << 22):
        continue
