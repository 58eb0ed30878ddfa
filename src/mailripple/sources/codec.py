"""Opens one source as a stream of plain bytes, whatever it is packed with.

The codec is told by the first bytes, never by the name.  Damage in an archive is no exception: all data before the
damage is delivered, then the stream ends and `damage` says what was found where.  Nothing here holds more than a few
MiB, however far an archive unpacks (zstd and xz windows are limited to 128 and 256 MiB).

Two limits.  A *corrupt* (not merely truncated) gz, xz or bz2 archive that comes through a pipe cannot be read again, so
what the last `PIPE_STEP` compressed bytes before the fault unpack to is lost there.  And what a flipped bit turns into
text that still unpacks is delivered: only the checksum at the end of the archive, member or block shows it.
"""

from __future__ import annotations

import bz2
import io
import lzma
import os
import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

import zstandard
from isal import igzip, igzip_lib

from mailripple.errors import InputError
from mailripple.sources.packets import LOOK, Unpacked, as_text
from mailripple.sources.raw import RawFile, RawStream, Stream, unreadable
from mailripple.sources.transcode import TextStream

if TYPE_CHECKING:
    from mailripple.sources.discover import Source

SNIFF = 10
"""Bytes that `sniff` looks at."""
FILE_STEP = 4096
"""Compressed bytes per call of a zlib/lzma/bz2 decoder; zlib unpacks them to 4 MiB at most."""
PIPE_STEP = 256
"""The same for a pipe: small, as one step is what is lost when the archive is corrupt."""
MAX_OUT = 1 << 20
"""Bytes that lzma and bz2 may unpack per call."""
XZ_MEMORY = 256 << 20
"""Dictionary memory that an xz header may ask for, bytes (xz -9 asks for 65 MiB)."""
ZSTD_BLOCK = 128 << 10
"""The most that a zstd block unpacks to, bytes (RFC 8878, 3.1.1.2.4)."""

_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_BZ2_BLOCKS = (b"\x31\x41\x59\x26\x53\x59", b"\x17\x72\x45\x38\x50\x90")
_NAMES = {"gz": "gzip", "zst": "zstd", "xz": "xz", "bz2": "bzip2"}


def sniff(head: bytes) -> str:
    """The codec that the first bytes tell: "gz", "zst", "xz", "bz2", or "plain" for anything else.

    Args:
        head: the first `SNIFF` bytes, or all there are.
    """
    if head.startswith(b"\x1f\x8b"):
        return "gz"
    # The second form is a skippable frame, with which pzstd and seekable archives begin.
    if head.startswith(_ZSTD_MAGIC) or (len(head) >= 4 and 0x50 <= head[0] <= 0x5F and head[1:4] == b"\x2a\x4d\x18"):
        return "zst"
    if head.startswith(b"\xfd7zXZ\x00"):
        return "xz"
    # "BZh1" alone could be the beginning of a text, so the block magic must agree as far as it is there.
    if head[:3] == b"BZh" and b"1" <= head[3:4] <= b"9" and any(m.startswith(head[4:10]) for m in _BZ2_BLOCKS):
        return "bz2"
    return "plain"


class _Unpacker:
    """What the streams that unpack have in common."""

    def __init__(self, raw: RawStream) -> None:
        self.damage: str | None = None
        self._raw = raw

    @property
    def bytes_in(self) -> int:
        """Compressed bytes read so far."""
        return self._raw.bytes_in

    def close(self) -> None:
        """Closes the file."""
        self._raw.close()


class _Decoder(Protocol):
    """The shape that `lzma.LZMADecompressor` and `bz2.BZ2Decompressor` share."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    @property
    def needs_input(self) -> bool: ...
    def decompress(self, data: bytes, /, max_length: int = -1) -> bytes: ...


class _Inflate:
    """`zlib.decompressobj` in that shape; gives all output at once, which `FILE_STEP` keeps small."""

    needs_input = True

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(31)

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        return self._inner.decompress(data)


_DECODERS: dict[str, Callable[[], _Decoder]] = {
    "gz": _Inflate,
    "xz": lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=XZ_MEMORY),
    "bz2": bz2.BZ2Decompressor,
}
_ISAL_ERROR: type[Exception] = igzip_lib.IsalError  # type: ignore[assignment]  # its stub gives an instance
# bz2 reports corrupt data as OSError; reading the file cannot raise that here, `RawStream` makes it an InputError.
_DECODE_ERRORS = (zlib.error, lzma.LZMAError, OSError, ValueError, EOFError)


class StepStream(_Unpacker):
    """Unpacks gz, xz or bz2 in small steps, so that the place of damage is found to the byte.

    A decoder that fails in a step throws away what it unpacked before in the same step.  So the archive member is then
    read again from its start and the failing step fed byte by byte.
    """

    def __init__(self, raw: RawStream, codec: str, *, skip: int = 0) -> None:
        """Unpacks `raw` from its present position, and leaves out the first `skip` decompressed bytes."""
        super().__init__(raw)
        self._codec = codec
        self._step = FILE_STEP if raw.seekable else PIPE_STEP
        self._decoder: _Decoder | None = None  # None between two members
        self._input = b""
        self._input_at = raw.position  # compressed offset of the first byte of _input
        self._member = (raw.position, 0)  # compressed and decompressed offset where the current member began
        self._fine = range(0)  # compressed offsets that are fed byte by byte
        self._piece = range(0)  # compressed offsets that the decoder was fed last
        self._unpacked = 0  # decompressed offset of the decoder
        self._given = skip  # decompressed bytes that the reader has, or does not want
        self._out = memoryview(b"")
        self._ended = False

    def readinto(self, view: memoryview) -> int:
        """Unpacks at least one byte into `view`, or returns 0 at the end; raises InputError as `RawStream`."""
        while not self._out:
            if self._ended:
                return 0
            out = self._advance()
            fresh = max(0, min(len(out), self._given - self._unpacked))
            self._unpacked += len(out)
            self._given = max(self._given, self._unpacked)
            self._out = memoryview(out)[fresh:]
        got = min(len(view), len(self._out))
        view[:got] = self._out[:got]
        self._out = self._out[got:]
        return got

    def _advance(self) -> bytes:
        """Feeds the decoder once; what came out, often nothing."""
        decoder = self._decoder or self._begin()
        if decoder is None:
            return b""
        if not self._input and decoder.needs_input and not self._fill():
            self._end("truncated", self._raw.position)
            return b""
        data, self._input = self._input, b""
        if data:
            self._piece = range(self._input_at, self._input_at + len(data))
            self._input_at += len(data)
        try:
            out = decoder.decompress(data, MAX_OUT)
        except _DECODE_ERRORS as error:
            self._fail(str(error))
            return b""
        if decoder.eof:
            self._input = decoder.unused_data
            self._input_at -= len(self._input)
            self._decoder = None
        return out

    def _begin(self) -> _Decoder | None:
        """The decoder for the next member; None if none follows: the stream then has ended."""
        while True:
            # Zeros between and after members are padding (tapes, xz stream padding), as for gzip itself.
            rest = self._input.lstrip(b"\0")
            self._input_at += len(self._input) - len(rest)
            self._input = rest
            if len(rest) >= SNIFF or not self._fill():
                break
        if not self._input:
            self._ended = True
            return None
        if sniff(self._input[:SNIFF]) != self._codec:
            # What is left may be the first bytes of a member that was cut off: too few to tell, so not called so.
            self._end("trailing garbage after the", self._input_at)
            return None
        self._member = (self._input_at, self._unpacked)
        self._decoder = _DECODERS[self._codec]()
        return self._decoder

    def _fill(self) -> bool:
        """Reads on, one step or within `_fine` one byte; False at the end of the file."""
        at = self._raw.position
        size = 1 if at in self._fine else self._step
        if at < self._fine.start:
            size = min(size, self._fine.start - at)
        more = self._raw.read(size)
        self._input += more
        return bool(more)

    def _fail(self, reason: str) -> None:
        """After a decoder error: reads the member again up to the piece fed last, or ends the stream."""
        piece = self._piece
        if len(piece) > 1 and self._raw.seekable and piece.start not in self._fine:
            self._fine = piece
            self._input, (self._input_at, self._unpacked) = b"", self._member
            self._raw.seek(self._input_at)
            self._decoder = _DECODERS[self._codec]()
        else:
            self._end("corrupt", piece.start, f" (decompressed offset {self._unpacked}): {reason}")

    def _end(self, what: str, offset: int, more: str = "") -> None:
        self.damage = f"{what} {_NAMES[self._codec]} archive at compressed offset {offset}{more}"
        self._ended = True


class GzipStream(_Unpacker):
    """Unpacks gz at the speed of ISA-L, and anew with `StepStream` if that finds an error.

    ISA-L throws away what it unpacked in the call that fails, and calls trailing garbage a truncation.
    """

    def __init__(self, raw: RawStream) -> None:
        """Unpacks `raw`, which must be seekable."""
        super().__init__(raw)
        self._file = igzip.open(raw)  # type: ignore[no-untyped-call]
        self._given = 0
        self._careful: StepStream | None = None

    def readinto(self, view: memoryview) -> int:
        """As `StepStream.readinto`."""
        if self._careful is None:
            try:
                got: int = self._file.readinto(view)
                self._given += got
                return got
            except (EOFError, OSError, _ISAL_ERROR, InputError):
                # A disk error too: the careful way gives all before it, and then raises it again.
                self._raw.seek(0)
                self._careful = StepStream(self._raw, "gz", skip=self._given)
        got = self._careful.readinto(view)
        self.damage = self._careful.damage
        return got


class _ZstdPieces:
    """Hands a zstd archive to the decoder in its own parts: a frame header, one block, a checksum.

    The decoder library does not tell truncated from complete, and throws away what it unpacked in a call that fails.
    With one block a call nothing can be lost, and where the archive ends is known here.
    """

    def __init__(self, raw: RawStream) -> None:
        self.fault = ""
        self.began = 0  # compressed offset of the part handed out last
        self._raw = raw
        self._have = b""
        self._at = 0
        self._next = "frame"
        self._checksum = False

    @property
    def offset(self) -> int:
        """Compressed offset of the next part."""
        return self._raw.position - len(self._have) + self._at

    def read(self, _size: int = -1) -> bytes:
        """The next part, whole unless the file ends in it; b"" at the end of the archive."""
        if self.fault:
            return b""
        if self._next == "frame":
            length = self._frame()
        elif self._next == "block":
            length = self._block()
        else:
            length, self._next = 4, "frame"
        if not self._want(length):
            self.fault = "truncated"
        part = self._have[self._at : self._at + length]
        self.began = self.offset
        self._at += len(part)
        return part

    def _want(self, size: int) -> bool:
        """Reads until `size` bytes lie ready (a block has 2 MiB at most); False if the file ends before."""
        while len(self._have) - self._at < size:
            more = self._raw.read(1 << 17)
            if not more:
                return False
            self._have = self._have[self._at :] + more
            self._at = 0
        return True

    def _frame(self) -> int:
        """Length of the frame header that follows, after skippable frames; 0 at the end (RFC 8878, 3.1.1)."""
        while self._want(1):
            known = self._want(5)
            magic = self._have[self._at : self._at + 4]
            if sniff(magic) != "zst":
                self.fault = "trailing garbage after the"
                return 0
            if not known:
                return 5
            if magic == _ZSTD_MAGIC:
                flags = self._have[self._at + 4]
                single = flags >> 5 & 1
                self._checksum = bool(flags & 4)
                self._next = "block"
                return 6 - single + (0, 1, 2, 4)[flags & 3] + (single, 2, 4, 8)[flags >> 6]
            if not self._skip():
                return 1
        return 0

    def _skip(self) -> bool:
        """Passes over a skippable frame, which may be up to 4 GiB; False if the file ends in it."""
        if not self._want(8):
            self._at = len(self._have)
            return False
        left = 8 + int.from_bytes(self._have[self._at + 4 : self._at + 8], "little")
        while left:
            if not self._want(1):
                return False
            step = min(left, len(self._have) - self._at)
            self._at += step
            left -= step
        return True

    def _block(self) -> int:
        """Length of the block that follows, with its header."""
        if not self._want(3):
            return 3
        header = int.from_bytes(self._have[self._at : self._at + 3], "little")
        if header & 1:
            self._next = "checksum" if self._checksum else "frame"
        return 4 if header >> 1 & 3 == 1 else 3 + (header >> 3)


class ZstdStream(_Unpacker):
    """Unpacks zst, any number of frames."""

    def __init__(self, raw: RawStream) -> None:
        super().__init__(raw)
        self._pieces = _ZstdPieces(raw)
        source: Any = self._pieces  # of a file, the decoder needs `read` only
        self._reader = zstandard.ZstdDecompressor().stream_reader(source, read_across_frames=True)
        self._block = bytearray(ZSTD_BLOCK)
        self._rest = memoryview(b"")  # of _block, not yet delivered
        self._given = 0
        self._ended = False

    def readinto(self, view: memoryview) -> int:
        """As `StepStream.readinto`."""
        if not self._rest:
            if len(view) >= ZSTD_BLOCK:
                return self._unpack(view)
            # What does not fit would stay in the decoder, and be lost if the next block is corrupt.
            self._rest = memoryview(self._block)[: self._unpack(self._block)]
        got = min(len(view), len(self._rest))
        view[:got] = self._rest[:got]
        self._rest = self._rest[got:]
        return got

    def _unpack(self, room: memoryview | bytearray) -> int:
        """Unpacks one block into `room`, of `ZSTD_BLOCK` bytes or more; its size, 0 at the end."""
        if self._ended:
            return 0
        try:
            # readinto1 returns after the first block, where readinto would go on into one that may fail.
            got: int = self._reader.readinto1(room)
        except zstandard.ZstdError as error:
            self._ended = True
            self.damage = (
                f"corrupt zstd archive at compressed offset {self._pieces.began} "
                f"(decompressed offset {self._given}): {error}"
            )
            return 0
        if not got:
            self._ended = True
            if self._pieces.fault:
                self.damage = f"{self._pieces.fault} zstd archive at compressed offset {self._pieces.offset}"
        self._given += got
        return got


def open_stream(source: Source, stream: RawFile | None = None) -> TextStream:
    """Opens a source for reading, as UTF-8; a pipe or standard input is sniffed here, and so waits for its first bytes.

    Args:
        source: what to open.  Its codec is looked at anew, as log rotation may have packed the file since.
        stream: read this instead of the path or standard input; it is not closed.

    Raises:
        InputError: the source cannot be opened, or its first bytes cannot be read.
    """
    try:
        if stream is not None:
            raw = RawStream(stream, source.name, owned=False)
        elif source.path is None:
            raw = RawStream(io.FileIO(0, "rb", closefd=False), source.name, owned=False)
        else:
            raw = RawStream(io.FileIO(os.fspath(source.path), "rb"), source.name)
    except OSError as error:
        raise unreadable(source.name, error) from error
    try:
        head = raw.peek(max(SNIFF, LOOK))
        codec = sniff(head)
        if raw.seekable:
            raw.seek(0)
    except InputError:
        raw.close()
        raise
    return TextStream(as_text(raw, head) if codec == "plain" else Unpacked(_unpacked(raw, codec)))


def _unpacked(raw: RawStream, codec: str) -> Stream:
    """What unpacks the codec."""
    if codec == "zst":
        return ZstdStream(raw)
    if codec == "gz" and raw.seekable:
        return GzipStream(raw)
    return StepStream(raw, codec)
