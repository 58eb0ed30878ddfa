"""Stitch: each delivery attempt learns who handed its message in, and whether it is the first or a retry.

A fold over mail events in the order (time, source rank, line): `Stitcher.step(events)` fills the columns `client`,
`account`, `sender` of the delivery records and the column `flags` (see `parse.layout.F_*`).  The state is small: it
holds open queue ids only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from mailripple import attempts_kernel, slots_kernel
from mailripple import messages_kernel as kernel
from mailripple import messages_tables as tables
from mailripple.parse import layout as L
from mailripple.parse import text
from mailripple.parse.build import Kernels, once
from mailripple.parse.choose import in_order
from mailripple.slots import table_of, widened

#: Seconds that an event may come after a later one and still enter the fold (DESIGN, law 3).
LATENESS = 120
#: Mailers that deliver on the machine itself: no look-up of a destination, no other server to defer it.
LOCAL_MAILERS = (
    *(b"local", b"prog", b"*file*", b"*include*", b"discard", b"error"),
    *(b"retry", b"virtual", b"lmtp", b"pipe", b"procmail", b"cyrus", b"cyrusv2"),
)
_TABLES = (tables.MESSAGES, tables.ATTEMPTS, tables.HANDED, tables.SESSIONS)


@once
def kernels() -> Kernels:
    """The stitching kernels, compiled or loaded once a process."""
    return Kernels([text, slots_kernel, tables, attempts_kernel, kernel])


class Outlet(Protocol):
    """Where stitching puts what it hands on of delivery records.

    `block` says where, see `attempts_kernel`; `give` passes on what is there, where there is no more room.
    """

    block: npt.NDArray[np.int64]

    def give(self) -> None: ...


class Stitcher:
    """State of the fold for one or several servers.

    `relay_mailer` is the hash of the mailer name "relay" and `loopback` the key of ::1 (see `Parser.key`): sendmail's
    MSP hands mail to the MTA of its own machine with that mailer, and both halves are one message.  `local_mailers`
    are the hashes of LOCAL_MAILERS.
    """

    def __init__(
        self, relay_mailer: int, loopback: int, local_mailers: Sequence[int] = (), *, slots: int = 1 << 13
    ) -> None:
        self._kernels = kernels()
        self._state = np.zeros(tables.STATE_WORDS, np.int64)
        self._tables: dict[int, npt.NDArray[np.int64]] = {}
        for table in _TABLES:
            self._own(table, table_of(slots, tables.size_of(table) // 8))
        self._state[tables.RELAY_MAILER >> 3] = relay_mailer
        self._state[tables.LOOPBACK6 >> 3] = loopback
        self._state[tables.LOCAL >> 3 : (tables.LOCAL >> 3) + len(local_mailers)] = local_mailers

    def _own(self, table: int, array: npt.NDArray[np.int64]) -> None:
        self._tables[table] = array
        self._state[table >> 3] = array.ctypes.data
        self._state[(table >> 3) + 1] = len(array) - 1

    def step(self, columns: npt.NDArray[np.int64], outlet: Outlet | None = None) -> None:
        """Fold in events that are sorted by time; `columns` (14, n) int64, each row contiguous, changed in place."""
        n = columns.shape[1]
        stride = columns.strides[0]
        assert n <= 1 or columns.strides[1] == 8
        assert self._tables, "the fold is over"
        at, out = 0, 0 if outlet is None else outlet.block.ctypes.data
        while at < n:
            at = self._kernels.stitch(self._state.ctypes.data, columns.ctypes.data, stride, at, n, out)
            if at < n:
                self._sweep()
                if outlet is not None:
                    outlet.give()

    def _sweep(self) -> None:
        """Forget what is finished; make a table larger that is still more than three eighths full."""
        state = self._state.ctypes.data
        for table in _TABLES:
            slots = len(self._tables[table])
            if self._kernels.is_crowded(state, table) and 8 * self._kernels.sweep(state, table) > 3 * slots:
                self._own(table, widened(self._tables.pop(table), self._kernels))

    def close(self) -> None:
        """The fold is over: give the memory back."""
        self._tables.clear()
        self._state[:] = 0

    @property
    def remembered(self) -> int:
        """Queue ids in memory."""
        return int(self._state[(tables.MESSAGES >> 3) + 2])


@dataclass(frozen=True, slots=True)
class Attempts:
    """All delivery attempts of a piece, with who handed the message in: the columns of `tables.ATTEMPTS`.

    `columns` (12, n) int64, in the order of the fold.  The server's own bounces and hops inside a machine are left out.
    """

    columns: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return int(self.columns.shape[1])

    def copy(self) -> Attempts:
        """The same attempts in memory of their own."""
        return Attempts(self.columns.copy())


def together(parts: Sequence[Attempts]) -> Attempts:
    """The attempts of several pieces, in their order; of one at least."""
    return Attempts(np.ascontiguousarray(np.concatenate([part.columns for part in parts], axis=1)))


def order_lines(columns: npt.NDArray[np.int64], source: int, before: int) -> None:
    """Make the column `line` the place of the record in the whole input: source << 40 | line, counted from 1.

    `before` lines of the source came before this piece.
    """
    lines = columns[L.COL["line"]]
    lines >>= 32
    lines += before + 1 + (source << 40)


def sorted_by_time(columns: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The events in the order of their times, equal times in the order of their lines."""
    ts = columns[L.COL["ts"]]
    if np.all(ts[1:] >= ts[:-1]):
        return columns
    ordered: npt.NDArray[np.int64] = np.ascontiguousarray(columns[:, np.argsort(ts, kind="stable")])
    return ordered


class InOrder:
    """Bring the events of a lane into the order (time, line) before the fold, as far as that can be waited for.

    Events wait until `lateness` seconds later ones have come; one that comes later still is late: it counts, but does
    not enter the fold, just as in a live run (law 3).
    """

    def __init__(self, lateness: int = LATENESS) -> None:
        self._lateness = lateness * 1_000_000
        self._waiting: npt.NDArray[np.int64] | None = None
        self._newest = -(1 << 61)

    def take(self, columns: npt.NDArray[np.int64]) -> Iterator[tuple[npt.NDArray[np.int64], bool]]:
        """Events in; (events, late?) out, the events of each array sorted by time."""
        if in_order(columns, self._newest - self._lateness):
            if columns.shape[1]:
                self._newest = max(self._newest, int(columns[L.COL["ts"], -1]))
                yield from self._ready(columns)
            return
        undated = columns[L.COL["code"]] >> 28 & 3 == L.NO_TIME
        if undated.any():
            if undated.all():
                yield columns, False
                return
            yield np.ascontiguousarray(columns[:, undated]), False
            columns = np.ascontiguousarray(columns[:, ~undated])
        newest = np.maximum.accumulate(np.concatenate([[self._newest], columns[L.COL["ts"]]]))
        late = columns[L.COL["ts"]] < newest[:-1] - self._lateness
        self._newest = int(newest[-1])
        if late.any():
            passed = np.ascontiguousarray(columns[:, late])
            passed[L.COL["flags"]] = L.F_LATE
            yield passed, True
            columns = np.ascontiguousarray(columns[:, ~late])
        if columns.shape[1]:
            yield from self._ready(sorted_by_time(columns))

    def _ready(self, columns: npt.NDArray[np.int64]) -> Iterator[tuple[npt.NDArray[np.int64], bool]]:
        """Of what waited and of `columns`, sorted by time, what nothing can overtake any more."""
        for batch in self._batches(columns):
            cut = int(np.searchsorted(batch[L.COL["ts"]], self._newest - self._lateness))
            if cut:
                yield batch[:, :cut], False
            if cut < batch.shape[1]:
                rest = batch[:, cut:]
                kept = [rest.copy()] if self._waiting is None else [self._waiting, rest]
                self._waiting = kept[0] if len(kept) == 1 else np.concatenate(kept, axis=1)

    def _batches(self, columns: npt.NDArray[np.int64]) -> list[npt.NDArray[np.int64]]:
        """What waited and what came, sorted; apart if they do not overlap, which saves a copy."""
        waiting, self._waiting = self._waiting, None
        if waiting is None:
            return [columns]
        if waiting[L.COL["ts"], -1] <= columns[L.COL["ts"], 0]:
            return [waiting, columns]
        return [sorted_by_time(np.concatenate([waiting, columns], axis=1))]

    def rest(self) -> Iterator[tuple[npt.NDArray[np.int64], bool]]:
        """What still waits, at the end of the input."""
        if self._waiting is not None and self._waiting.shape[1]:
            yield self._waiting, False
        self._waiting = None
