"""Cuts a source into chunks of whole lines, in buffers that are used again and again."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from mailripple.errors import InputError
from mailripple.memory import Block, block_of, zeros
from mailripple.parse.events import kernels
from mailripple.sources.codec import open_stream
from mailripple.sources.discover import Source
from mailripple.sources.raw import RawFile, Stream

PAD = 64
"""Readable bytes before and after the text of a chunk, so that vector loads may overrun."""
CHUNK = 2 << 20
"""Bytes of new text that a chunk takes in: they stay in the processor's cache until they are parsed."""
MAX_LINE = 65536
"""Longest line that is delivered whole, bytes without its newline."""

_BUFFER = PAD + CHUNK + MAX_LINE + 2 + PAD
_NEWLINE = 10
_ZEROS = bytes(PAD)
# Where there is no newline so far, at least so much is read before it is looked for again.
_NEAR = 4096


class BufferPool:
    """Buffers for chunks, uint8 arrays of shape (PAD + CHUNK + MAX_LINE + 2 + PAD,); safe to use from threads."""

    def __init__(self) -> None:
        self._free: list[NDArray[np.uint8]] = []
        self._lock = threading.Lock()

    def take(self) -> NDArray[np.uint8]:
        """A free buffer, a new one if there is none; its first PAD bytes are zero, the rest may be stale."""
        with self._lock:
            if self._free:
                return self._free.pop()
        return zeros(_BUFFER, np.uint8)

    def give(self, buffer: NDArray[np.uint8]) -> None:
        """Takes a buffer back; the giver must not use it any more."""
        with self._lock:
            self._free.append(buffer)


@dataclass(slots=True)
class Chunk:
    """Whole lines of one source: `buffer[start : start + length]`, which ends in a newline.

    `source` is the number of the source; `offset` the place of the first byte in the decompressed stream (and
    `offset + i` that of byte i, except for an added last newline); `index` counts 0, 1, 2 within the source.  PAD
    bytes before and after the text are readable and zero.
    """

    source: int
    offset: int
    buffer: NDArray[np.uint8]
    start: int
    length: int
    index: int
    pool: BufferPool | None = field(default=None, repr=False, compare=False)

    def release(self) -> None:
        """Gives the buffer back; the chunk must not be used afterwards.  A second call does nothing."""
        pool, self.pool = self.pool, None
        if pool is not None:
            pool.give(self.buffer)

    def text(self) -> bytes:
        """A copy of the text."""
        return self.buffer[self.start : self.start + self.length].tobytes()


class ChunkReader:
    """Iterates over the chunks of one source, once; closes it at the end.

    A last line without newline gets one.  A line longer than `max_line` is delivered as its first `max_line + 1`
    bytes and a newline, the rest is dropped; it then is the last line of its chunk, so that offsets stay true.  The
    same bytes come out for every `size`.  No buffer is in use besides those that the caller holds, and one that is
    given back is the next to be filled: it may still be in the processor's cache.

    Attributes:
        damage: after the end, what is wrong with the archive, or None.
        dropped: bytes of over-long lines left out so far.
        bytes_read: decompressed bytes read so far (ahead of the chunks delivered).
    """

    def __init__(
        self,
        source: Source,
        number: int,
        pool: BufferPool,
        *,
        size: int = CHUNK,
        max_line: int = MAX_LINE,
        stream: RawFile | None = None,
    ) -> None:
        """Prepares to read; nothing is opened before the first chunk is asked for.

        Args:
            source: what to read.
            number: its number, for `Chunk.source`.
            pool: where buffers come from.
            size: bytes of new text per chunk, 1 to CHUNK.
            max_line: longest line in bytes, 1 to MAX_LINE.
            stream: read this binary file instead of the path or standard input; it is not closed.

        Raises:
            ValueError: `size` or `max_line` is out of its range.
        """
        if not (1 <= size <= CHUNK and 1 <= max_line <= MAX_LINE):
            raise ValueError(f"size {size} or max_line {max_line} out of range")
        self.dropped = 0
        self.bytes_read = 0
        self._source = source
        self._number = number
        self._pool = pool
        self._size = size
        # A window of this many bytes from the start of a line holds its newline, or the line is too long.
        self._span = max_line + 1
        self._room = size + self._span  # text bytes a buffer takes, besides one newline added
        self._given_stream = stream
        self._stream: Stream | None = None
        self._bytes_in = 0
        self._damage: str | None = None
        self._failure: InputError | None = None
        self._eof = False
        self._offset = 0  # of the first byte of _carry
        self._carry = b""  # read, but not delivered
        self._dropping = False  # within the rest of an over-long line
        self._index = 0

    @property
    def damage(self) -> str | None:
        """What is wrong with the archive; known after the last chunk."""
        return self._stream.damage if self._stream else self._damage

    @property
    def bytes_in(self) -> int:
        """Bytes taken from the file so far, compressed, with read-ahead."""
        return self._stream.bytes_in if self._stream else self._bytes_in

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[Chunk]:
        """The chunks in order.

        Raises:
            InputError: the source cannot be opened, or cannot be read on; then after all chunks that could be read.
        """
        if self._stream is None and not self._eof:
            self._stream = open_stream(self._source, self._given_stream)
        try:
            while (chunk := self._cut()) is not None:
                yield chunk
        finally:
            self.close()
        if self._failure is not None:
            raise self._failure

    def close(self) -> None:
        """Closes the source; a second call does nothing."""
        self._eof = True
        if self._stream is not None:
            self._damage = self._stream.damage
            self._bytes_in = self._stream.bytes_in
            self._stream.close()
            self._stream = None

    def _cut(self) -> Chunk | None:
        """The next chunk; None at the end."""
        buffer = self._pool.take()
        view, block = buffer.data, block_of(buffer)
        if self._dropping:
            self._drop(view)
        have = self._fill(view, block)
        if not have:
            self._pool.give(buffer)
            return None
        offset = self._offset
        end = self._lines(view, block, PAD + have)
        view[end : end + PAD] = _ZEROS
        chunk = Chunk(self._number, offset, buffer, PAD, end - PAD, index=self._index, pool=self._pool)
        self._index += 1
        return chunk

    def _read(self, view: memoryview, begin: int, end: int) -> int:
        """Reads into `view[begin:end]` until that is full or the stream ends; the index after the last byte."""
        stream = self._stream
        try:
            while begin < end and stream is not None and not self._eof:
                got = stream.readinto(view[begin:end])
                self._eof = not got
                self.bytes_read += got
                begin += got
        except InputError as error:  # told after what was read before it
            self._failure, self._eof = error, True
        return begin

    def _fill(self, view: memoryview, block: Block) -> int:
        """Puts the carried bytes and new ones into `view` from PAD on, at least one line; how many there are.

        `block` is where the bytes of `view` lie.
        """
        have = len(self._carry)
        end = PAD + have
        view[PAD:end] = self._carry
        limit = PAD + self._room
        goal = min(limit, end + self._size)
        while True:
            end = self._read(view, end, goal)
            if self._eof or goal == limit or block.last(b"\n", PAD, end) >= 0:
                return end - PAD
            goal = min(limit, goal + max(self._size, _NEAR))

    def _lines(self, view: memoryview, block: Block, end: int) -> int:
        """Decides where the chunk in `view[PAD:end]` ends and keeps the rest; the index after the final newline."""
        begin = block.address
        line = kernels().pass_lines(begin + PAD, begin + end, self._span) - begin
        if end - line >= self._span:
            return self._shorten(view, line, end)
        stop = block.last(b"\n", line, end) + 1 or line
        if self._eof and stop < end:
            view[end] = _NEWLINE
            stop = end + 1
        self._carry = bytes(view[stop:end])
        self._offset += stop - PAD
        return stop

    def _shorten(self, view: memoryview, line: int, end: int) -> int:
        """Ends the chunk with the over-long line that begins at `line`; the index after the newline put there."""
        cut = line + self._span
        rest = bytes(view[cut:end])
        newline = rest.find(b"\n")
        self._dropping = newline < 0
        gone = len(rest) if newline < 0 else newline
        self.dropped += gone
        self._carry = rest[gone + 1 :]
        self._offset += end - PAD - len(self._carry)
        view[cut] = _NEWLINE
        return cut + 1

    def _drop(self, view: memoryview) -> None:
        """Reads over the rest of an over-long line, with `view` as scratch; what follows it is carried."""
        while self._dropping and not self._eof:
            end = self._read(view, PAD, PAD + self._room)
            part = bytes(view[PAD:end])
            newline = part.find(b"\n")
            gone = len(part) if newline < 0 else newline
            self._dropping = newline < 0
            self.dropped += gone
            self._carry = part[gone + 1 :]
            self._offset += len(part) - len(self._carry)


def head(source: Source, size: int = 65536) -> bytes:
    """The first `size` decompressed bytes of a regular file, fewer if it is shorter; b"" for a pipe or standard input.

    Raises:
        InputError: the file cannot be opened or read.
    """
    if source.path is None or not source.path.is_file():
        return b""
    stream = open_stream(source)
    try:
        room = memoryview(bytearray(size))
        return bytes(room[: stream.fill(room)])
    finally:
        stream.close()
