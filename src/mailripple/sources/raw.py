"""The bytes of a file, pipe or standard input as they are, with every operating system error told as InputError."""

from __future__ import annotations

import errno
import select
from typing import Any, Protocol

from mailripple.errors import InputError


class RawFile(Protocol):
    """What a binary file must offer to be read from: `io.FileIO`, `io.BytesIO`, a test double."""

    def readinto(self, buffer: Any, /) -> int | None: ...
    def seekable(self) -> bool: ...
    def seek(self, offset: int, whence: int = 0, /) -> int: ...
    def tell(self) -> int: ...
    def close(self) -> None: ...


class Stream(Protocol):
    """Decompressed bytes of one source.

    `damage` is None, or after the end of the stream one sentence on what is wrong with the archive; `bytes_in` counts
    the bytes taken from the file so far (compressed, with read-ahead), for showing progress.
    """

    @property
    def damage(self) -> str | None:
        """What is wrong with the archive, None if nothing is; known at the end."""

    @property
    def bytes_in(self) -> int:
        """Bytes taken from the file so far."""

    def readinto(self, view: memoryview, /) -> int:
        """Puts at least one byte into `view`, or returns 0 at the end; raises InputError if reading fails."""

    def close(self) -> None:
        """Closes the file."""


def unreadable(name: str, error: OSError) -> InputError:
    """The InputError for an OSError met while looking at, opening or reading the source called `name`."""
    todo = {
        errno.ENOENT: "check the spelling and the directory you are in",
        errno.EACCES: "give read permission, or run as a user who has it",
        errno.EPERM: "give read permission, or run as a user who has it",
        errno.EMFILE: "raise the limit of open files (ulimit -n)",
    }.get(error.errno or 0, "check the file, its disk or its mount")
    return InputError("cannot read an input", why=error.strerror or str(error), where=name, todo=todo)


class RawStream:
    """The bytes of a file as they are; the stream of a plain source, and what the decoders read from."""

    def __init__(self, file: RawFile, name: str, *, owned: bool = True) -> None:
        """Takes `file` from its present position on, and closes it at the end if `owned`.

        Raises:
            InputError: the first bytes cannot be read.
        """
        self.damage: str | None = None
        self.position = 0
        self._file = file
        self._name = name
        self._owned = owned
        self._ahead = b""
        try:
            self.seekable = file.seekable()
            self._base = file.tell() if self.seekable else 0
        except OSError as error:
            raise unreadable(name, error) from error

    @property
    def bytes_in(self) -> int:
        """Bytes read so far."""
        return self.position

    def peek(self, size: int) -> bytes:
        """The first `size` bytes, fewer at the end of the file, without using them up; only before any read."""
        parts = b""
        while len(parts) < size and (more := self.read(size - len(parts))):
            parts += more
        self._ahead, self.position = parts, 0
        return parts

    def readinto(self, view: memoryview) -> int:
        """Reads at least one byte into `view`, or returns 0 at the end of the file.

        Raises:
            InputError: the operating system cannot read on (an I/O error, a directory).
        """
        if self._ahead:
            got = min(len(view), len(self._ahead))
            view[:got] = self._ahead[:got]
            self._ahead = self._ahead[got:]
        else:
            try:
                while (read := self._file.readinto(view)) is None:
                    waiting: list[Any] = [self._file]  # standard input that somebody set to non-blocking
                    select.select(waiting, [], [])
            except OSError as error:
                raise unreadable(self._name, error) from error
            got = read
        self.position += got
        return got

    def read(self, size: int) -> bytes:
        """Between 1 and `size` bytes, or b"" at the end of the file; raises as `readinto`."""
        room = bytearray(size)
        return bytes(room[: self.readinto(memoryview(room))])

    def seek(self, offset: int) -> None:
        """Goes to `offset` bytes after where the stream began; only if `seekable`."""
        try:
            self._file.seek(self._base + offset)
        except OSError as error:
            raise unreadable(self._name, error) from error
        self._ahead, self.position = b"", offset

    def close(self) -> None:
        """Closes the file, unless it was lent."""
        if self._owned:
            self._file.close()
