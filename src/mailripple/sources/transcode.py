"""Text in UTF-16, and marks of the byte order, made plain UTF-8 before anything else looks at it.

Windows writes logs so.  Offsets and line numbers are those of the UTF-8 text; every line stays a line.  All other
text passes as it is, whatever code page it is in: nothing in a log line that counts is outside of ASCII.
"""

from __future__ import annotations

import codecs
from typing import Any

from mailripple.sources.raw import RawStream

#: Bytes that are looked at.
LOOK = 64
#: Bytes that are decoded at a time.
_STEP = 1 << 16


def encoding_of(head: bytes) -> tuple[str, int]:
    """("utf-16-le", "utf-16-be" or "", bytes of the mark in front), by the first `LOOK` bytes of a text.

    Without a mark UTF-16 is believed where every second of at least 16 bytes is zero and no other: ASCII text.
    """
    for mark, name in ((codecs.BOM_UTF8, ""), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")):
        if head.startswith(mark):
            return name, len(mark)
    for name, zeros, others in (("utf-16-le", head[1::2], head[::2]), ("utf-16-be", head[::2], head[1::2])):
        if len(head) >= 16 and not any(zeros) and all(others):
            return name, 0
    return "", 0


class TextStream:
    """The bytes of another stream, as UTF-8; shaped like `codec.Stream`."""

    def __init__(self, inner: Any) -> None:
        """Takes over `inner`, a `codec.Stream` from which nothing was read."""
        self.damage: str | None = inner.damage
        self._inner = inner
        self._decoder: codecs.IncrementalDecoder | None = None
        self._looked = False
        self._mark = 0
        self._ahead = memoryview(b"")

    @property
    def bytes_in(self) -> int:
        """Bytes taken from the file so far."""
        got: int = self._inner.bytes_in
        return got

    def readinto(self, view: memoryview, /) -> int:
        """Puts at least one byte into `view`, or returns 0 at the end; raises InputError if reading fails."""
        if not self._looked:
            self._look()
        while not self._ahead:
            if self._decoder is None:
                got: int = self._inner.readinto(view)
                self.damage = self._inner.damage
                return got
            raw = self._read(_STEP)
            self._ahead = memoryview(self._decoder.decode(raw, final=not raw).encode())
            if not raw and not self._ahead:
                return 0
        got = min(len(view), len(self._ahead))
        view[:got] = self._ahead[:got]
        self._ahead = self._ahead[got:]
        return got

    def fill(self, view: memoryview) -> int:
        """Puts bytes into `view` until it is full or the stream is at its end; how many.  Raises as `readinto`."""
        have = 0
        while have < len(view) and (got := self.readinto(view[have:])):
            have += got
        return have

    def go_to(self, offset: int) -> bool:
        """Goes to that byte of the text where the file holds the text as it stands; False where it does not."""
        if not self._looked:
            self._look()
        if self._decoder is not None or not isinstance(self._inner, RawStream) or not self._inner.seekable:
            return False
        self._inner.seek(self._mark + offset)
        self._ahead = memoryview(b"")
        return True

    def close(self) -> None:
        """Closes the file."""
        self._inner.close()

    def _read(self, size: int) -> bytes:
        room = memoryview(bytearray(size))
        got: int = self._inner.readinto(room)
        self.damage = self._inner.damage
        return bytes(room[:got])

    def _look(self) -> None:
        self._looked = True
        head = b""
        while len(head) < LOOK and (more := self._read(LOOK - len(head))):
            head += more
        name, skip = encoding_of(head)
        head, self._mark = head[skip:], skip
        if name:
            self._decoder = codecs.getincrementaldecoder(name)(errors="replace")
            head = self._decoder.decode(head).encode()
        self._ahead = memoryview(head)
