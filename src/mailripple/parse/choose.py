"""Choose events: the rows of `Events.columns` that a stage asks for, in one pass of machine code.

A stage sees a few columns of a few events; numpy would walk over all events once for each condition.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from types import ModuleType

import numpy as np
import numpy.typing as npt

from mailripple.memory import Room
from mailripple.parse import choose_kernel, text
from mailripple.parse import layout as L
from mailripple.parse.build import Kernels, once

IntArray = npt.NDArray[np.int64]
_MODULES: tuple[ModuleType, ...] = (text, choose_kernel)


@once
def kernels() -> Kernels:
    """The choosing kernels, compiled or loaded once a process."""
    return Kernels(_MODULES)


class Rooms(threading.local):
    """Room for places and for rows, a thread's own."""

    def __init__(self) -> None:
        self.places, self.rows = Room(), Room()


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an event must be; only events with a time are ever chosen.

    One of `kinds`; of that `status`, `qtype` or class `dsn` (0: any), not of `not_status`; with one of the flags `some`
    (0: any), without all of `none`; with a client, if `client`.
    """

    kinds: tuple[int, ...]
    status: int = 0
    qtype: int = 0
    dsn: int = 0
    not_status: int = 0
    some: int = 0
    none: int = 0
    client: bool = False

    @property
    def condition(self) -> IntArray:
        """The condition as the kernel reads it (see `choose_kernel`)."""
        mask = (0xFF << 8 if self.status else 0) | (0xFF << 16 if self.qtype else 0)
        mask |= 15 << 24 if self.dsn else 0
        value = self.status << 8 | self.qtype << 16 | self.dsn << 24
        kinds = sum(1 << kind for kind in set(self.kinds))
        return np.array([kinds, mask, value, self.not_status, self.some, self.none, self.client], np.int64)


@dataclass(frozen=True, slots=True)
class Bits:
    """A number that stands in some bits of a column: `column >> shift & mask`."""

    column: str
    shift: int
    mask: int


def wanted_of(columns: tuple[str | Bits, ...]) -> IntArray:
    """(len(columns), 3): number of the column, shift and mask, as the kernel reads them."""
    every = [c if isinstance(c, Bits) else Bits(c, 0, -1) for c in columns]
    return np.array([(L.COL[c.column], c.shift, c.mask) for c in every], np.int64)


class Choice:
    """Chooses events, and takes some columns of them; `columns` in the order of the rows that come out.

    What it gives holds until the same thread asks it again.
    """

    def __init__(self, wanted: Wanted, columns: tuple[str | Bits, ...] = ()) -> None:
        self._condition = wanted.condition
        self._columns = wanted_of(columns)
        self._rooms = Rooms()

    def places(self, columns: IntArray, among: IntArray | None = None) -> IntArray:
        """(m,) places of the chosen ones of the events (14, n), each row contiguous; of those `among`, if given."""
        n = columns.shape[1] if among is None else len(among)
        assert columns.shape[1] <= 1 or columns.strides[1] == 8
        found: IntArray = self._rooms.places.array(1, n, n)[0]
        given = 0 if among is None else among.ctypes.data
        base, stride, condition = columns.ctypes.data, columns.strides[0], self._condition.ctypes.data
        return found[: kernels().choose(base, stride, n, given, condition, found.ctypes.data)]

    def of(self, columns: IntArray, among: IntArray | None = None, room: Room | None = None) -> IntArray:
        """(len(columns), m): what is taken of the chosen ones of the events (14, n); of those `among`, if given.

        With a `room` it holds as long as that is not used again.
        """
        into = self._rooms.rows if room is None else room
        return taken(columns, self.places(columns, among), into, self._columns)


def taken(columns: IntArray, places: IntArray, room: Room, wanted: IntArray) -> IntArray:
    """(len(wanted), m): of the events (14, n) those at m places, and what is wanted of them (see `wanted_of`)."""
    m = len(places)
    out = room.array(len(wanted), m, columns.shape[1])
    if m:
        base, stride = columns.ctypes.data, columns.strides[0]
        kernels().take(base, stride, places.ctypes.data, m, wanted.ctypes.data, len(wanted), out.ctypes.data)
    return out


def has_kind(columns: IntArray, kind: int) -> bool:
    """True if one of the events (14, n) is of that kind."""
    return bool(kernels().find_kind(columns[L.COL["code"]].ctypes.data, columns.shape[1], kind))


def in_order(columns: IntArray, earliest: int) -> bool:
    """True if all events (14, n) have a time, none before `earliest`, each no earlier than the one before it."""
    ts, code = columns[L.COL["ts"]], columns[L.COL["code"]]
    return bool(kernels().ordered(ts.ctypes.data, code.ctypes.data, columns.shape[1], earliest))


def time_span(columns: IntArray) -> tuple[int, int] | None:
    """First and last time of the events (14, n) that have one; None if none has."""
    ts, code = columns[L.COL["ts"]], columns[L.COL["code"]]
    ends = np.zeros(2, np.int64)
    dated = kernels().span(ts.ctypes.data, code.ctypes.data, columns.shape[1], ends.ctypes.data)
    return (int(ends[0]), int(ends[1])) if dated else None
