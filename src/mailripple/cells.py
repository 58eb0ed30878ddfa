"""Cells: what is counted by entity and ten minutes, kept until the end in as few bytes as will do.

A log of a day has millions of cells, most of which count one or two things: a half or a quarter of their bytes of new
memory, which is dearer than what is done to them.  Beyond a budget they go to temporary files.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from mailripple import asked_kernel, counts_kernel, slots_kernel
from mailripple import cells_kernel as kernel
from mailripple.memory import Room, zeros
from mailripple.parse import text
from mailripple.parse.build import Kernels, once
from mailripple.slots import table_of

Array = npt.NDArray[Any]

#: A cell as it is read: window and kind in `tag` (window << 8 | kind).
CELL = np.dtype([("key", "<i8"), ("tag", "<i8"), ("n", "<u2", (16,))])
#: A cell as it is made: 8-bit counters, and in `tag` a bit that says by how much they count (`cells_kernel`).
MADE = np.dtype([("key", "<i8"), ("tag", "<i8"), ("n", "u1", (16,))])
#: A cell in which nothing counts beyond 3, as it is kept: tag << 32, and 16 counters of 2 bits.
LIGHT = np.dtype([("key", "<i8"), ("rest", "<i8")])
#: Such a cell of an IPv4 address: its 32 bits, and the counters; or, where these are 0, the tag of those that follow.
BRIEF = np.dtype("<i8")
#: A cell of totals: 32-bit counters.
TOTAL = np.dtype([("key", "<i8"), ("tag", "<i8"), ("n", "<u4", (16,))])
#: Bytes of cells in memory before they go to temporary files.
BUDGET = 16 << 20


@once
def kernels() -> Kernels:
    """The counting kernels, compiled or loaded once a process."""
    return Kernels([text, slots_kernel, kernel, asked_kernel, counts_kernel])


class Spill:
    """A temporary file that nobody else can open; gone with the last table that has it."""

    def __init__(self) -> None:
        self.file = tempfile.TemporaryFile(prefix="mailripple-")  # noqa: SIM115 (closed below)

    def __del__(self) -> None:
        self.file.close()


@dataclass(slots=True)
class Kept:
    """Rows of one dtype: in memory, and in temporary files."""

    dtype: np.dtype[Any]
    memory: list[Array] = field(default_factory=list)
    spilled: list[Spill] = field(default_factory=list)

    def write(self, rows: Array) -> None:
        """Append the rows to this table's own file."""
        if not self.spilled:
            self.spilled.append(Spill())
        self.spilled[0].file.write(np.ascontiguousarray(rows).view(np.uint8).data)

    def pieces(self, size: int) -> Iterator[Array]:
        """All rows, at most `size` at a time; those that were read from a file hold until the next are asked for."""
        room = np.empty(size if self.spilled else 0, self.dtype)
        view = room.view(np.uint8).data
        for spill in self.spilled:
            spill.file.flush()
            spill.file.seek(0)
            while got := spill.file.readinto(view):
                yield room[: got // self.dtype.itemsize]
            spill.file.seek(0, 2)
        for rows in self.memory:
            yield from (rows[at : at + size] for at in range(0, len(rows), size))


@dataclass(slots=True)
class Cells:
    """Cells of a run: in memory, and beyond a budget of bytes in temporary files that nobody else can open."""

    brief: Kept = field(default_factory=lambda: Kept(BRIEF))
    light: Kept = field(default_factory=lambda: Kept(LIGHT))
    whole: Kept = field(default_factory=lambda: Kept(MADE))
    rows: int = 0
    budget: int = BUDGET
    held: int = 0
    totals: Array | None = None
    chosen: tuple[frozenset[int], Array] | None = None
    rooms: tuple[Room, Room] = field(default_factory=lambda: (Room(), Room()))

    def append(self, made: Array) -> None:
        """Take cells (dtype MADE) in; what they were made in may be used again, it no longer holds them."""
        n = len(made)
        self.rows += n
        self.totals = self.chosen = None
        light, brief = (room.array(2, n, n).reshape(-1) for room in self.rooms)
        found = np.zeros(3, np.int64)
        kernels().part_cells(made.ctypes.data, n, light.ctypes.data, brief.ctypes.data, found.ctypes.data)
        words, lights, wholes = found.tolist()
        sorts = (brief[:words], self.brief), (light.view(LIGHT)[:lights], self.light), (made[:wholes], self.whole)
        for rows, kept in sorts:
            if self.held + rows.nbytes > self.budget:
                kept.write(rows)
            elif len(rows):
                kept.memory.append(rows.copy())
                self.held += rows.nbytes

    def made(self, size: int = 1 << 15) -> Iterator[Array]:
        """All cells (dtype MADE), at most `size` at a time; they hold until the next are asked for."""
        room, tag = np.empty(size, MADE), np.zeros(1, np.int64)
        for words in self.brief.pieces(size):
            yield room[: kernels().unfold_brief(words.ctypes.data, len(words), tag.ctypes.data, room.ctypes.data)]
        for rows in self.light.pieces(size):
            kernels().unfold_cells(rows.ctypes.data, len(rows), room.ctypes.data)
            yield room[: len(rows)]
        yield from self.whole.pieces(size)

    def parts(self) -> Iterator[Array]:
        """All cells (dtype CELL), in pieces."""
        return map(_read, self.made())

    def of(self, keys: Sequence[int]) -> Array:
        """The cells of some keys (dtype CELL); what was last asked for is kept."""
        if self.chosen is None or self.chosen[0] != frozenset(keys):
            wanted = np.array(sorted(keys), np.int64)
            found = [_read(rows[np.isin(rows["key"], wanted)]) for rows in self.made()]
            self.chosen = frozenset(keys), np.concatenate(found) if found else np.zeros(0, CELL)
        return self.chosen[1]

    def __len__(self) -> int:
        return self.rows


def _read(rows: Array) -> Array:
    """Cells as they are made, as rows of dtype CELL."""
    found = np.empty(len(rows), CELL)
    heavy = (rows["tag"] & kernel.HEAVY) != 0
    found["key"], found["tag"] = rows["key"], rows["tag"] & ~kernel.HEAVY
    found["n"] = rows["n"]
    found["n"][heavy] <<= kernel.HEAVY_BITS
    return found


def merged(parts: Sequence[Cells]) -> Cells:
    """The cells of several tables as one, without a copy; the parts must not be added to any more."""
    found = Cells(rows=sum(p.rows for p in parts), held=sum(p.held for p in parts))
    for part in parts:
        sorts = (found.brief, part.brief), (found.light, part.light), (found.whole, part.whole)
        for mine, theirs in sorts:
            mine.memory += theirs.memory
            mine.spilled += theirs.spilled
    return found


def cells_of(size: int) -> Array:
    """Room for `size` cells (dtype MADE); each lies within one cache line."""
    return table_of(size, MADE.itemsize // 8).view(MADE).reshape(size)


def entity_totals(cells: Cells) -> Array:
    """Totals of every entity over all windows; dtype TOTAL with the kind alone in `tag`, in no particular order.

    They are added up once; the table must not be changed.
    """
    if cells.totals is not None:
        return cells.totals
    table = zeros(1 << min(max(len(cells).bit_length(), 10), 16), TOTAL)  # growing costs as much as room untouched
    used = np.zeros(1, np.int64)
    for rows in cells.made():
        table = _add_up(table, used, rows)
    found: Array = table[table["key"] != 0]
    found.flags.writeable = False
    cells.totals = found
    return found


def _add_up(table: Array, used: npt.NDArray[np.int64], rows: Array) -> Array:
    """Add cells (dtype MADE) to a table of totals; gives the table, or a larger one."""
    at = 0
    while at < len(rows):
        at = kernels().add_up(table.ctypes.data, len(table) - 1, used.ctypes.data, rows.ctypes.data, at, len(rows))
        if at < len(rows):
            larger = zeros(2 * len(table), TOTAL)
            kernels().move_totals(table.ctypes.data, len(table), larger.ctypes.data, len(larger) - 1)
            table = larger
    return table
