"""Packet captures and dnstap files as streams of text: a line for each packet or frame (see `parse.packets`)."""

from __future__ import annotations

import functools

import numpy as np

from mailripple.errors import InputError
from mailripple.parse import frames, packets, questions, taps
from mailripple.parse.build import Kernels
from mailripple.parse.questions import DAMAGES, DNSTAP, PCAP, PCAPNG
from mailripple.sources.raw import Stream

LOOK = 36
"""Bytes of the beginning of a file that tell what it is."""
_ROOM = 2 << 20
_TEXT = 1 << 20
_PAD = 64
_MAGIC = {b"\xd4\xc3\xb2\xa1": (False, 6), b"\xa1\xb2\xc3\xd4": (True, 6)}
_MAGIC |= {b"\x4d\x3c\xb2\xa1": (False, 9), b"\xa1\xb2\x3c\x4d": (True, 9)}
_NAMES = {PCAP: "packet", PCAPNG: "block", DNSTAP: "frame"}


def kind_of(head: bytes) -> int:
    """What a file is by its first `LOOK` bytes: PCAP, PCAPNG, DNSTAP, or 0 for anything else."""
    if head[:4] in _MAGIC and len(head) >= 24:
        return PCAP
    if head[:4] == b"\x0a\x0d\x0d\x0a" and head[8:12] in (b"\x4d\x3c\x2b\x1a", b"\x1a\x2b\x3c\x4d"):
        return PCAPNG
    # A frame stream begins with a control frame, START or READY.
    if head[:4] == bytes(4) and head[4:6] == bytes(2) and head[8:12] in (b"\0\0\0\2", b"\0\0\0\4"):
        return DNSTAP
    return 0


@functools.cache
def _kernels() -> Kernels:
    return Kernels([questions, frames, taps, packets])


class PacketStream:
    """The records of a capture or dnstap file, each as a line of text.

    What can be read is read: a file that ends within a record, or whose framing is broken, gives the records before,
    and `damage` tells where it ended.
    """

    def __init__(self, inner: Stream, kind: int) -> None:
        """Takes `inner` from its beginning; `kind` as `kind_of` tells."""
        self._inner = inner
        self._kind = kind
        self._damage: str | None = None
        self._room = np.zeros(_ROOM + _PAD, np.uint8)
        self._text = np.zeros(_TEXT + _PAD, np.uint8)
        self._interfaces = np.zeros((questions.MAX_INTERFACES, 4), np.int64)
        self._st = np.zeros(questions.WORDS // 8, np.int64)
        self._begin = self._end = 0  # of what is read and not yet used, in _room
        self._from = self._to = 0  # of the text that is made and not yet given
        self._read = 0
        self._ended = False
        self._set(questions.KIND, kind)
        self._set(questions.INTERFACE, self._interfaces.ctypes.data)
        self._set(questions.OUT_END, self._text.ctypes.data + _TEXT)

    @property
    def damage(self) -> str | None:
        """What is wrong with the file or its packing, after its end; None if nothing is."""
        return self._inner.damage or self._damage

    @property
    def bytes_in(self) -> int:
        """Bytes taken from the file so far."""
        return self._inner.bytes_in

    def close(self) -> None:
        """Closes the file."""
        self._inner.close()

    def readinto(self, view: memoryview, /) -> int:
        """As `Stream.readinto`: text of whole lines, cut anywhere."""
        while self._from == self._to:
            if not self._more():
                return 0
        got = min(len(view), self._to - self._from)
        view[:got] = self._text.data[self._from : self._from + got]
        self._from += got
        return got

    def _get(self, where: int) -> int:
        return int(self._st[where >> 3])

    def _set(self, where: int, value: int) -> None:
        self._st[where >> 3] = value

    def _more(self) -> bool:
        """Makes more text, reading more of the file if need be; False at its end."""
        if self._get(questions.DAMAGE):
            return False
        if self._read == 0 and self._kind == PCAP:
            self._header()
        address = int(self._room.ctypes.data)
        self._set(questions.OUT, self._text.ctypes.data)
        used = _kernels().packet_lines(self._st.ctypes.data, address + self._begin, address + self._end) - address
        self._from, self._to = 0, self._get(questions.OUT) - int(self._text.ctypes.data)
        progress, self._begin = used > self._begin, used
        if self._get(questions.DAMAGE):
            self._tell(DAMAGES[self._get(questions.DAMAGE)])
        elif self._to == 0 and not progress and not self._fill():
            if self._begin < self._end or self._get(questions.PASS):
                self._tell("the file ends")
            return False
        return True

    def _tell(self, what: str) -> None:
        at = self._read - (self._end - self._begin)
        records = self._get(questions.RECORDS)
        self._damage = f"{what} at byte {at}, behind {_NAMES[self._kind]} {records}: what comes before it was read"

    def _fill(self) -> bool:
        """Reads on, behind what is not yet used; False at the end of the file."""
        if self._begin:
            rest = self._room[self._begin : self._end].copy()
            self._room[: len(rest)] = rest
            self._begin, self._end = 0, len(rest)
        got = 0
        while not self._ended and self._end < _ROOM:
            one = self._inner.readinto(self._room.data[self._end : _ROOM])
            self._ended = not one
            self._end += one
            got += one
        self._read += got
        return got > 0

    def _header(self) -> None:
        """Reads the header of a pcap file."""
        self._fill()
        head = self._room[:24].tobytes()
        if len(head) < 24 or head[:4] not in _MAGIC or self._end < 24:
            self._begin = self._end
            return
        swapped, units = _MAGIC[head[:4]]
        link = int.from_bytes(head[20:24], "big" if swapped else "little") & 0xFFFF
        self._set(questions.SWAPPED, int(swapped))
        self._set(questions.UNITS, units)
        self._set(questions.LINK, link)
        self._begin = 24


class Unpacked:
    """What an archive unpacks to, as text: what it holds is seen with the first read, not before."""

    def __init__(self, inner: Stream) -> None:
        self._inner = inner
        self._text: Stream | None = None

    @property
    def damage(self) -> str | None:
        """What is wrong with the archive, or with what it holds."""
        return (self._text or self._inner).damage

    @property
    def bytes_in(self) -> int:
        """Bytes taken from the file so far."""
        return self._inner.bytes_in

    def readinto(self, view: memoryview, /) -> int:
        """As `Stream.readinto`."""
        if self._text is None:
            peeked = _Peeked(self._inner)
            self._text = as_text(peeked, peeked.head)
        return self._text.readinto(view)

    def close(self) -> None:
        """Closes the stream."""
        self._inner.close()


class _Peeked:
    """A stream whose first `LOOK` bytes were looked at; a failure behind some of them is told when its turn comes."""

    def __init__(self, inner: Stream) -> None:
        self._inner = inner
        self._failure: InputError | None = None
        room = memoryview(bytearray(LOOK))
        have = 0
        try:
            while have < LOOK and (got := inner.readinto(room[have:])):
                have += got
        except InputError as error:
            self._failure = error
        self.head = self._rest = bytes(room[:have])

    @property
    def damage(self) -> str | None:
        return self._inner.damage

    @property
    def bytes_in(self) -> int:
        return self._inner.bytes_in

    def readinto(self, view: memoryview, /) -> int:
        if self._rest:
            got = min(len(view), len(self._rest))
            view[:got] = self._rest[:got]
            self._rest = self._rest[got:]
            return got
        if self._failure is not None:
            raise self._failure
        return self._inner.readinto(view)

    def close(self) -> None:
        self._inner.close()


def as_text(inner: Stream, head: bytes) -> Stream:
    """The stream itself, or the text of what it holds if its first bytes are those of a capture or dnstap file."""
    kind = kind_of(head)
    return PacketStream(inner, kind) if kind else inner
