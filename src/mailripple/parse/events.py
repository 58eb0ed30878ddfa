"""Drive the kernel: bytes of a part in, Events out.

`Events` are columns (see `layout.COLUMNS`); times are still what the stamps say, `parse.timemap` makes them UTC.
A `Parser` owns the buffers of one thread; its dictionary keeps the text of every key that it has given out.
"""

from __future__ import annotations

import ctypes
import enum
import os
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mailripple.formats.language import readings
from mailripple.memory import zeros
from mailripple.parse import hot, objects
from mailripple.parse import layout as L
from mailripple.parse.build import Kernels, once
from mailripple.parse.compile import PatternName, Program

IntArray = npt.NDArray[np.int64]
#: A table: its kind (see `layout.TSV`), and for each column the number of the value that it is, or -1.
Shape = tuple[int, tuple[int, ...]]

#: Names kept as text; beyond that many only their keys are counted, and the report says so.
MAX_NAMES = 1 << 22
_PADDING = 64
#: Events that one piece holds.  Not a power of two: columns a power of two apart share the same few cache sets.
CAPACITY = (1 << 18) + 40
#: ... and the first one: a small log need not touch memory for a large one.
FIRST_CAPACITY = (1 << 14) + 40
#: Bytes of parts that one piece takes in at most: places of lines have 32 bits.
MOST_BYTES = 1 << 28


class Wait(enum.Enum):
    """May what was read of a part wait for the next one, which follows it in the source?"""

    NO = enum.auto()
    #: Unless a line was not understood: its text is that of this part.
    WITHOUT_REJECTS = enum.auto()
    YES = enum.auto()


@dataclass(frozen=True, slots=True)
class Events:
    """Events of a part, in the order of its lines.

    `columns` (13, n) int64, see `layout.COLUMNS`; `rcpts` (m,) keys of the recipients' domains, to which
    `columns["count"]` points; `wide` (n, slots, 2) int32 places of the fields in the text, or None; `beside` text
    that is not in the part as it stands, to which places below zero point (see `field`).
    """

    columns: IntArray
    rcpts: IntArray
    wide: npt.NDArray[np.int32] | None
    beside: bytes = b""

    def field(self, text: bytes, at: int, n: int) -> bytes:
        """The field at place `at`, n bytes long, of the part `text`."""
        return text[at : at + n] if at >= 0 else self.beside[-1 - at : -1 - at + n]

    def __len__(self) -> int:
        return int(self.columns.shape[1])

    def column(self, name: str) -> IntArray:
        found: IntArray = self.columns[L.COL[name]]
        return found

    @property
    def kind(self) -> IntArray:
        return self.column("code") & 0xFF

    @property
    def ts_kind(self) -> IntArray:
        return (self.column("code") >> 28) & 3


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of the lines of a part (law 1): they add up to `lines`.

    `patterns` (number of patterns,) lines by pattern, events and skips alike; `other` lines of programs that no
    format is for, by the key of the program (0: more programs than are kept apart); `rejects` (2, m) what the kernel
    keeps of lines that it did not understand.
    """

    lines: int
    blank: int
    patterns: IntArray
    other: dict[int, int]
    rejects: IntArray

    @property
    def rejected(self) -> int:
        return int(self.rejects.shape[1])

    def reject_places(self, first: int, last: int | None = None) -> list[tuple[int, int, int]]:
        """(line index, reason, offset of its first byte in the part) of rejects `first` to `last`."""
        chosen = self.rejects[:, first:last].tolist()
        return [(a >> 32, (a >> 24) & 0xFF, b) for a, b in zip(*chosen, strict=True)]


@dataclass(frozen=True, slots=True)
class Parsed:
    """Events and tally of one piece: of some lines of a part, or of several parts up to there (see `Parser.parse`).

    `origin` is the place in the source from which the places of lines count.
    """

    events: Events
    tally: Tally
    origin: int


@once
def kernels() -> Kernels:
    """The parsing kernels, compiled or loaded once a process."""
    return Kernels(hot.MODULES)


class Parser:
    """Run a compiled program over parts of text.  Not for use by two threads at once."""

    def __init__(
        self, program: Program, seed: int, *, wide: bool = False, capacity: int = CAPACITY, ipv6_prefix: int = 128
    ) -> None:
        self.program = program
        self._kernels = kernels()
        self.patterns: tuple[PatternName, ...] = program.patterns
        self.seed = seed & 0x7FFF_FFFF_FFFF_FFFF
        self._capacity = capacity
        self._wide = wide
        self._ctx = np.zeros(L.CTX_WORDS, np.int64)
        self._keep: dict[int, npt.NDArray[np.generic]] = {}
        self._slots = 1 << 14
        self._run: hot.Run = self._kernels.run
        self._watch = None if wide else hot.Watch(program)  # straight code does not know where each field stands
        self._origin = 0
        self._waits = False  # lines of the parts before are in the buffers
        mask = (((1 << ipv6_prefix) - 1) << (128 - ipv6_prefix)).to_bytes(16, "big")
        self._ctx[L.V6_MASK_A >> 3], self._ctx[L.V6_MASK_B >> 3] = np.frombuffer(mask, np.int64)
        self._set(L.V6_CUT, L.arpa6_cut(ipv6_prefix))
        self._build()

    def _set(self, where: int, value: int) -> None:
        self._ctx[where >> 3] = value

    def _get(self, where: int) -> int:
        return int(self._ctx[where >> 3])

    def _own(self, where: int, array: npt.NDArray[np.generic]) -> None:
        """Put the array's address into the kernel's block and keep the array alive."""
        self._keep[where] = array
        self._set(where, array.ctypes.data)

    def _build(self) -> None:
        literals = np.frombuffer(self.program.literals + bytes(_PADDING), np.uint8).copy()
        self._own(L.OPS, np.ascontiguousarray(self.program.ops))
        self._own(L.LITS, literals)
        self._own(L.SWITCH, self.program.switch)
        self._own(L.SLOTS, np.zeros(2 * L.NSLOTS, np.int64))
        self._own(L.STACK, np.zeros(7 * L.STACK_DEPTH, np.int64))
        self._own(L.SCRATCH, np.zeros(8, np.int64))
        self._set(L.INTERPRET, self._kernels.address("interpret"))
        self._set(L.GO_ON, self._kernels.address("go_on"))
        self._own(L.HITS, np.zeros(len(self.program.ops), np.int64))
        self._own(L.PCOUNT, np.zeros(len(self.patterns) + 1, np.int64))
        self._own(L.RCPTS, np.zeros(4 * L.MAX_LINE, np.int64))
        self._own(L.OTHER, np.zeros((4096, 2), np.int64))
        self._set(L.RCPT_CAP, 4 * L.MAX_LINE)
        self._set(L.OTHER_MASK, 4095)
        self._set(L.SEED, self.seed)
        self._set(L.SEEN_REST, -1)  # no stamp was seen: four bytes are never -1
        self._set(L.HOST_MASK, -1)
        self._set(L.HOST_LEN, -1)
        self._columns(min(FIRST_CAPACITY, self._capacity))
        self._own(L.VALUES, np.zeros((L.MAX_PATHS, 4), np.int64))
        self._own(L.NESTING, np.zeros((L.MAX_DEPTH + 1, 2), np.int64))
        self._own(L.COLUMN_OF, np.zeros(L.MAX_COLUMNS, np.int64))
        self._beside(4 * L.MAX_LINE)
        self._set(L.ROWS, self.program.rows)
        self._paths()
        self._programs()
        self._dictionary(zeros(self._slots, np.int64), zeros(self._slots, np.int64))
        self._arena(1 << 20)

    def _columns(self, capacity: int) -> None:
        """Room for so many events and rejects."""
        self._own(L.COLS, zeros((len(L.COLUMNS), capacity), np.int64))
        self._own(L.REJECTS, np.zeros((2, capacity), np.int64))
        self._set(L.CAP, capacity)
        self._set(L.REJECT_CAP, capacity)
        if self._wide:
            self._own(L.WIDE, np.zeros((capacity, L.NSLOTS, 2), np.int32))

    def _programs(self) -> None:
        found: dict[int, int] = {}
        for program, row in self.program.programs.items():
            name = program.removeprefix("*").encode()  # "*/smtp" stands under its end, see `machine.dispatch`
            text = np.frombuffer(name + bytes(_PADDING), np.uint8)
            found[self._kernels.program_hash(text.ctypes.data, len(name))] = row
        self._hashed(L.PROGRAMS, L.PROGRAM_MASK, found)

    def _beside(self, size: int) -> None:
        """Room for text that is not in the part as it stands: of a line, or in a wide parser of a part."""
        self._own(L.SIDE, np.zeros(size + _PADDING, np.uint8))
        self._set(L.SIDE_CAP, size)

    def _paths(self) -> None:
        """The table of the places that the formats want: [hash, number]; places on the way have MAX_PATHS."""
        found: dict[int, int] = {}
        for number, path in enumerate(self.program.paths):
            for reading in readings(path):
                places = [self._place(reading[: k + 1]) for k in range(len(reading))]
                found |= {at: L.MAX_PATHS for at in places[:-1] if at not in found}
                found[places[-1]] = number
        self._hashed(L.PATHS, L.PATHS_MASK, found)

    def _place(self, path: tuple[bytes, ...]) -> int:
        """Hash of a place in a record, as the kernel finds it."""
        at = objects.ROOT
        for key in path:
            text = np.frombuffer(key + bytes(_PADDING), np.uint8)
            at = int(self._kernels.place_of(text.ctypes.data, -1 if key == b"[]" else len(key), at))
        return at

    def _hashed(self, where: int, mask: int, found: dict[int, int]) -> None:
        """A table of [key, number] that the kernel can search."""
        size = 256
        while size < 4 * len(found):
            size *= 2
        table = np.zeros((size, 2), np.int64)
        for key, number in found.items():
            at = key & (size - 1)
            while table[at, 0]:
                at = (at + 1) & (size - 1)
            table[at] = (key, number)
        self._own(where, table)
        self._set(mask, size - 1)

    def _arena(self, size: int) -> None:
        new = zeros(size + _PADDING, np.uint8)
        old = self._keep.get(L.ARENA)
        if old is not None:
            used = self._get(L.ARENA_N)
            new[:used] = old[:used]
        self._own(L.ARENA, new)
        self._set(L.ARENA_CAP, size)

    def _grow(self) -> None:
        """Make room for the names of one more line, up to MAX_NAMES; beyond that only keys are kept.

        Room for text first; if there is enough of that, it is the dictionary that is full.
        """
        if self._get(L.ARENA_N) + 4 * L.MAX_LINE >= self._get(L.ARENA_CAP):
            self._arena(2 * self._get(L.ARENA_CAP))
            return
        if self._slots // 2 >= MAX_NAMES:
            self._set(L.DICT_FULL, 1)
            self._set(L.DICT_FREE, 0)
            return
        slots = 2 * self._slots
        keys, places = zeros(slots, np.int64), zeros(slots, np.int64)
        old = self._get(L.DICT), self._get(L.DICT_PLACES), self._slots
        self._kernels.grow_dictionary(*old, keys.ctypes.data, places.ctypes.data, slots - 1)
        self._slots = slots
        self._dictionary(keys, places)

    def _dictionary(self, keys: IntArray, places: IntArray) -> None:
        """Keys of names, half of which may be used, and their places in the arena, which are read when names are."""
        self._own(L.DICT, keys)
        self._own(L.DICT_PLACES, places)
        self._set(L.DICT_MASK, len(keys) - 1)
        self._set(L.DICT_FREE, len(keys) // 2 - self._get(L.DICT_N))

    def use(self, run: hot.Run) -> None:
        """Parse by this code from now on: the interpreter, or straight code of the same program (see `hot`)."""
        self._run = run

    @property
    def hits(self) -> IntArray:
        """(rows,) how often the interpreter came by each row; 0 for rows that end nothing."""
        return np.asarray(self._keep[L.HITS], np.int64)

    def key(self, text: bytes, kind: int = 0) -> int:
        """The key that the kernel gives to `text`: kind 0 a name, 1 an address, 2 a queue id."""
        buffer = np.frombuffer(text + bytes(_PADDING), np.uint8)
        return int(self._kernels.key_of(self._ctx.ctypes.data, buffer.ctypes.data, len(text), kind))

    def base(self, name: str) -> int:
        """Begin a source: the server of its lines that name no host.  Gives that server's key."""
        self.begin()
        key = self.key(name.encode())
        self._set(L.BASE, key)
        return key

    def dates(self, order: int) -> None:
        """Set how day and month stand in the Windows dates of the source that follows (`layout.DAY_FIRST`, ...)."""
        self._set(L.DAY_ORDER, order)

    def begin(self, header: Shape | None = None) -> None:
        """Begin a source, or a later part of one: `header` the table in whose midst it begins."""
        assert not self._waits, "the source before has not been read to its end"
        table, columns = header or (L.NO_TABLE, ())
        self._set(L.TABLE, table)
        self._set(L.ROW_READY, 0)
        self._set(L.NCOLUMNS, len(columns))
        self._keep[L.COLUMN_OF][: len(columns)] = columns

    def shape(self) -> Shape:
        """The table in whose midst the last part ended: what `begin` must be given for the next part (law 2)."""
        columns = self._keep[L.COLUMN_OF][: self._get(L.NCOLUMNS)].tolist()
        return self._get(L.TABLE), tuple(columns)

    def parse(self, address: int, length: int, *, at: int = 0, wait: Wait = Wait.NO) -> Iterator[Parsed]:
        """Parse `length` bytes at `address` (whole lines; see `sources.Chunk` for the padding), piece by piece.

        The part begins `at` so many bytes of its source; places of lines count from the first part of their piece.
        With `wait` the last piece goes on in the next part if there is room: then `rest` must be asked for at the
        source's end.  Parts may be small so, which keeps their text in the processor's cache, and pieces large.  The
        arrays of a piece are views into this parser's buffers: they hold until the next piece is asked for.
        """
        position, end = address, address + length
        if length and ctypes.string_at(end - 1, 1) != b"\n":
            raise ValueError("a part must end in a newline")
        if self._waits:
            self._set(L.TEXT, address - (at - self._origin))
        if self._wide and self._get(L.SIDE_CAP) < 3 * length + 4 * L.MAX_LINE:
            self._beside(3 * length + 4 * L.MAX_LINE)
        while position < end:
            if not self._waits:
                self._begin_piece(address, at)
            lines = self._get(L.LINES)
            stop = int(self._run(self._ctx.ctypes.data, position, end))
            if stop == position and not self._waits:
                self._grow()
                continue
            if self._watch is not None:
                faster = self._watch.seen(self._get(L.LINES) - lines, stop - position, self.hits)
                if faster is not None:
                    self.use(faster)
            position = stop
            self._waits = stop == end and at + length - self._origin < MOST_BYTES and self._may_wait(wait)
            if not self._waits:
                yield self._parsed()

    def rest(self) -> Iterator[Parsed]:
        """The piece that waits for more, if there is one: the source has ended."""
        if self._waits:
            self._waits = False
            yield self._parsed()

    def _begin_piece(self, address: int, at: int) -> None:
        if max(self._get(L.N), self._get(L.NREJECT)) == self._get(L.CAP) < self._capacity:
            self._columns(self._capacity)
        self._set(L.TEXT, address)
        self._origin = at
        for where in (L.N, L.NREJECT, L.NRCPT, L.LINES, L.BLANK, L.OTHER_LINES, L.SIDE_N):
            self._set(where, 0)
        self._keep[L.PCOUNT].fill(0)
        self._keep[L.OTHER].fill(0)

    def _may_wait(self, wait: Wait) -> bool:
        if self._wide:  # fields are text of the part
            return False
        return wait is Wait.YES or (wait is Wait.WITHOUT_REJECTS and not self._get(L.NREJECT))

    def _parsed(self) -> Parsed:
        return Parsed(self._events(), self._tally(), self._origin)

    def _events(self) -> Events:
        n = self._get(L.N)
        wide = np.asarray(self._keep[L.WIDE], np.int32)[:n] if self._wide else None
        columns = np.asarray(self._keep[L.COLS], np.int64)[:, :n]
        beside = self._keep[L.SIDE][: self._get(L.SIDE_N)].tobytes() if self._wide else b""
        return Events(columns, np.asarray(self._keep[L.RCPTS], np.int64)[: self._get(L.NRCPT)], wide, beside)

    def _tally(self) -> Tally:
        table = self._keep[L.OTHER]
        used = np.flatnonzero(table[:, 0])
        other = {int(table[i, 0]): int(table[i, 1]) for i in used}
        if self._get(L.OTHER_LINES):
            other[0] = self._get(L.OTHER_LINES)
        rejects = np.asarray(self._keep[L.REJECTS], np.int64)[:, : self._get(L.NREJECT)]
        patterns = np.array(self._keep[L.PCOUNT], np.int64)
        return Tally(self._get(L.LINES), self._get(L.BLANK), patterns, other, rejects)

    def names(self) -> dict[int, bytes]:
        """Text of every key given out so far: names as bytes, IPv6 addresses as 16 bytes."""
        arena = self._keep[L.ARENA].tobytes()
        keys, places = self._keep[L.DICT], self._keep[L.DICT_PLACES]
        used = np.flatnonzero(keys)
        return {
            int(k): arena[v >> 16 : (v >> 16) + (v & 0xFFFF)]
            for k, v in zip(keys[used], places[used].tolist(), strict=True)
        }

    @property
    def names_full(self) -> bool:
        """True if more names came than are kept as text."""
        return bool(self._get(L.DICT_FULL))


def random_seed() -> int:
    """A seed for the keys that nobody outside can know."""
    return int.from_bytes(os.urandom(8), "little") >> 1
