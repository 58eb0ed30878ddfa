"""Read some lines of a source again, to show them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from mailripple.errors import InputError
from mailripple.sources.chunks import MAX_LINE
from mailripple.sources.codec import open_stream
from mailripple.sources.discover import Source
from mailripple.sources.transcode import TextStream

IntArray = npt.NDArray[np.int64]

#: One event in so many is a landmark: 16 bytes each, so 50 KiB of a log cost one of them.
EVERY = 256
_BLOCK = 1 << 16


@dataclass(slots=True)
class Landmarks:
    """Where some lines of a source begin: line numbers (from 1) and offsets in its text, both rising."""

    lines: list[IntArray] = field(default_factory=list)
    offsets: list[IntArray] = field(default_factory=list)

    def add(self, places: IntArray, before: int, offset: int) -> None:
        """Take in some events of a part: `places` index of the line << 32 | offset of its first byte, in the part.

        `before` lines of the source came before the part, which begins at `offset`.
        """
        some = places[::EVERY]
        self.lines.append((some >> 32) + (before + 1))
        self.offsets.append((some & 0xFFFF_FFFF) + offset)

    def pairs(self) -> tuple[list[int], list[int]]:
        """All lines and their offsets, and the beginning of the text."""
        lines, offsets = (np.concatenate([np.zeros(1, np.int64), *parts]) for parts in (self.lines, self.offsets))
        lines[0] = 1
        return lines.tolist(), offsets.tolist()


def lines_again(source: Source, numbers: Collection[int], marks: Landmarks | None = None) -> dict[int, bytes]:
    """The lines of those numbers (from 1), without their ends; none of what can be read only once or has gone."""
    if source.path is None or not source.path.is_file():
        return {}
    lines, offsets = (marks or Landmarks()).pairs()
    found: dict[int, bytes] = {}
    try:
        stream = open_stream(source)
    except InputError:
        return found
    try:
        cursor = _Cursor(stream)
        for number in sorted(set(numbers)):
            at = bisect_right(lines, number) - 1
            if at >= 0:
                cursor.go_to(lines[at], offsets[at])
            text = cursor.line(number)
            if text is None:
                break
            found[number] = text.rstrip(b"\r")
    except InputError:
        return found
    finally:
        stream.close()
    return found


class _Cursor:
    """A place in a text that only goes forward: `_next` the number of the line with which `_text` begins."""

    def __init__(self, stream: TextStream) -> None:
        self._stream = stream
        self._next = 1
        self._text = b""
        self._read = 0  # bytes of the text, up to the end of `_text`
        self._room = bytearray(_BLOCK)

    def _more(self) -> bytes:
        got = self._stream.readinto(memoryview(self._room))
        self._read += got
        return bytes(self._room[:got])

    def go_to(self, line: int, offset: int) -> None:
        """Go on to the line that begins at `offset`, unless it is behind or its text is here."""
        if line <= self._next or offset < self._read:
            return
        if self._stream.go_to(offset):
            self._text, self._read = b"", offset
        while self._read <= offset:
            more = self._more()
            if not more:
                return
            self._text = more
        self._text = self._text[len(self._text) - (self._read - offset) :]
        self._next = line

    def line(self, number: int) -> bytes | None:
        """The line of that number, which is not behind; None where the text ends before it."""
        while True:
            ahead = number - self._next
            lines = self._text.split(b"\n", ahead + 1)
            if len(lines) > ahead + 1:
                self._text, self._next = lines[-1], number + 1
                return lines[ahead]
            more = self._more()
            if not more:
                self._text = b""
                return lines[ahead] or None if len(lines) > ahead else None
            # The rest of a line longer than any that is read is nothing to keep.
            self._text, self._next = lines[-1][: MAX_LINE + 1] + more, self._next + len(lines) - 1
