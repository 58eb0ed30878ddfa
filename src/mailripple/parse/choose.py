"""Choose events: the rows of `Events.columns` that a stage asks for, in one pass of machine code.

A stage sees a few columns of a few events; numpy would walk over all events once for each condition.
"""

from __future__ import annotations

import threading
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


class Choice:
    """Chooses events of some kinds, with a time and (if `client`) with a client, and takes some columns of them.

    What it gives holds until the same thread asks it again.
    """

    def __init__(self, kinds: tuple[int, ...], columns: tuple[str, ...], *, client: bool = False) -> None:
        self._kinds = sum(1 << kind for kind in set(kinds))
        self._client = client
        self._columns = numbers_of(columns)
        self._rooms = Rooms()

    def of(self, columns: IntArray) -> IntArray:
        """(columns, m): what is taken of the chosen ones of the events (14, n), each row contiguous."""
        n = columns.shape[1]
        assert n <= 1 or columns.strides[1] == 8
        found: IntArray = self._rooms.places.array(1, n, n)[0]
        where = columns.ctypes.data, columns.strides[0], n
        m = kernels().choose(*where, self._kinds, self._client, found.ctypes.data)
        return taken(columns, found[:m], self._rooms.rows, self._columns)


def numbers_of(columns: tuple[str, ...]) -> IntArray:
    """(len(columns),) the numbers of columns, as the kernel reads them."""
    return np.array([L.COL[name] for name in columns], np.int64)


def taken(columns: IntArray, places: IntArray, room: Room, numbers: IntArray) -> IntArray:
    """(len(numbers), m): of the events (14, n) those at m places, and some columns of them (see `numbers_of`)."""
    m = len(places)
    out = room.array(len(numbers), m, columns.shape[1])
    if m:
        base, stride = columns.ctypes.data, columns.strides[0]
        kernels().take(base, stride, places.ctypes.data, m, numbers.ctypes.data, len(numbers), out.ctypes.data)
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
