"""From what the operator names to the list of sources: files, directories, globs, pipes, standard input.

Nothing is read but the first bytes of each regular file.
"""

# Names stay strings, as the operator gave them: Path turns "./a" into "a" and "" into ".".
# ruff: noqa: PTH112, PTH116, PTH118, PTH123, PTH207, PTH208

from __future__ import annotations

import errno
import glob
import os
import re
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mailripple.errors import InputError, Notice
from mailripple.sources.codec import SNIFF, sniff
from mailripple.sources.raw import unreadable

STDIN = "-"


@dataclass(frozen=True, slots=True)
class Source:
    """One input, found but not yet opened.

    `name` is the path as given or as the glob or directory gave it, "-" for standard input; `path` is None for
    standard input; `size` is in bytes on disk, 0 for a pipe; `mtime` is in seconds since the epoch, None for a pipe;
    `codec` is "plain", "gz", "zst", "xz" or "bz2" by magic number, "plain" for a pipe, which is looked at when opened.
    """

    name: str
    path: Path | None
    size: int
    mtime: float | None
    codec: str


def discover(arguments: Sequence[str]) -> tuple[list[Source], list[Notice]]:
    """Finds the sources that the arguments name.

    An argument is a file, a named pipe, "-", a directory (its regular files and those of its direct subdirectories,
    sorted, hidden ones left out), or a glob pattern.  A file named twice is kept once, an empty one not at all; a
    notice tells of both.

    Returns:
        The sources, in the order of the arguments, and the notices.

    Raises:
        InputError: an argument names nothing, or something that cannot be read.
    """
    found = _Found()
    for argument in arguments:
        try:
            if argument == STDIN:
                found.add_stdin()
            elif not os.path.lexists(argument) and any(sign in argument for sign in "*?["):
                _add_glob(found, argument)
            elif os.path.isdir(argument):
                _add_directory(found, argument)
            else:
                found.add(argument)
        except OSError as error:
            raise unreadable(argument, error) from error
    return found.sources, found.notices


class _Found:
    """What was found so far, and under which name each file was first met."""

    def __init__(self) -> None:
        self.sources: list[Source] = []
        self.notices: list[Notice] = []
        self._names: dict[tuple[int, int], str] = {}

    def note(self, name: str, text: str, level: str = "note") -> None:
        """Adds a notice."""
        self.notices.append(Notice(level, name, text))

    def add_stdin(self) -> None:
        """Adds standard input, once."""
        if self._first((-1, -1), STDIN):
            self.sources.append(Source(STDIN, None, 0, None, "plain"))

    def add(self, name: str) -> None:
        """Adds a file, or a pipe or device, as a plain stream.

        Raises:
            OSError: it does not exist or cannot be read.
        """
        status = os.stat(name)
        key = (status.st_dev, status.st_ino)
        if not stat.S_ISREG(status.st_mode):
            # Opening a pipe waits for its writer, so ask for the permission only.
            if not os.access(name, os.R_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), name)
            if self._first(key, name):
                self.sources.append(Source(name, Path(name), 0, None, "plain"))
            return
        with open(name, "rb", buffering=0) as file:
            head = file.read(SNIFF)
        if not self._first(key, name):
            return
        if head:
            self.sources.append(Source(name, Path(name), status.st_size, status.st_mtime, sniff(head)))
        else:
            self.note(name, "empty")

    def try_add(self, name: str) -> None:
        """Adds a file that was not named itself: if it cannot be read that is a warning."""
        try:
            self.add(name)
        except OSError as error:
            self.warn(name, error)

    def warn(self, name: str, error: OSError) -> None:
        """Tells that something not named itself cannot be read."""
        self.note(name, f"cannot be read, left out: {error.strerror or error}", "warning")

    def _first(self, key: tuple[int, int], name: str) -> bool:
        """Whether the file (device, inode) was not met before; if it was, notes under which name."""
        if key in self._names:
            self.note(name, f"given twice (also as {self._names[key]}): read once")
            return False
        self._names[key] = name
        return True


def _add_glob(found: _Found, pattern: str) -> None:
    """Adds what a pattern matches.

    Raises:
        InputError: nothing matches.
    """
    names = sorted(glob.glob(pattern, recursive=True))
    if not names:
        raise InputError(
            "no such input",
            why="the pattern matches no file",
            where=pattern,
            todo="check the spelling and the directory you are in",
        )
    for name in names:
        if os.path.isdir(name):
            try:
                _add_directory(found, name)
            except OSError as error:
                found.warn(name, error)
        elif _is_file(name):
            found.try_add(name)


def _add_directory(found: _Found, top: str) -> None:
    """Adds the regular files of a directory and of its direct subdirectories.

    Raises:
        OSError: the directory itself cannot be listed.
    """
    files, folders = _list(top)
    deeper = 0
    for folder in folders:
        try:
            inner, below = _list(folder)
        except OSError as error:
            found.warn(folder, error)
            continue
        files += inner
        deeper += len(below)
    for name in sorted(files):
        found.try_add(name)
    if not files:
        found.note(top, "no files in this directory")
    if deeper:
        found.note(top, f"directories more than one level down left out: {deeper}")


def _list(folder: str) -> tuple[list[str], list[str]]:
    """Names of the files and of the subdirectories of a directory, hidden ones left out; raises OSError."""
    files, folders = [], []
    for entry in sorted(os.listdir(folder)):
        name = os.path.join(folder, entry)
        if entry.startswith("."):
            continue
        if os.path.isdir(name):
            folders.append(name)
        elif _is_file(name):
            files.append(name)
    return files, folders


def _is_file(name: str) -> bool:
    """Whether it is a regular file, or cannot be looked at (so that the attempt to read it tells why)."""
    try:
        return stat.S_ISREG(os.stat(name).st_mode)
    except OSError:
        return True


_ROTATED = re.compile(r"(?:[.-](?P<day>\d{8}(?:[T-]?\d{4,6})?)|\.(?P<number>\d{1,4}))?(?:\.(?:gz|zst|zstd|xz|bz2))?$")


def server_name(name: str) -> str:
    """What to call the server whose log names no host: the file's name without the marks of rotation and packing."""
    return _ROTATED.sub("", Path(name).name) or name


def rotation(name: str) -> tuple[int, int]:
    """Sorts the rotated files of a log, the oldest first, by name: dates go up, numbers go down, none is last."""
    found = _ROTATED.search(name)
    if found and found["day"]:
        return 0, int(re.sub(r"\D", "", found["day"])[:14].ljust(14, "0"))
    return (0, -int(found["number"])) if found and found["number"] else (1, 0)
