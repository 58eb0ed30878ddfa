"""The delivery attempts of a run that the models look at one by one: what was deferred, and first attempts elsewhere.

Beside the counts, since some questions need the single record: is it a retry, and did the same sender try again?  The
table is bounded: it keeps the newest rows of each sort and says from when on it is complete (`since`).  Tables of parts
add up to the table of the whole, whatever the cuts (law 2).
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from mailripple import attempts_kernel as kernel
from mailripple.memory import Room
from mailripple.messages import Attempts, kernels

IntArray = npt.NDArray[np.int64]

#: Columns of a table of attempts, in this order (see `tables.KEPT_ATTEMPTS`).
COLUMNS = ("ts", "server", "queue", "client", "account", "sender", "domain", "first", "status", "order", "policy")
COL = {name: i for i, name in enumerate(COLUMNS)}
#: Rows kept: of deferred records, and of all other first attempts and ends of retries that leave the machine (88 bytes
#: each: 35 MB in all).  A quarter of a million deferred records are a day in which three a second are deferred.
KEEP_DEFERRED, KEEP_OTHER = 1 << 18, 1 << 17
#: Attempts that are handed on at once: the fewer, the likelier they are in the cache still; the more, the longer their
#: fold has the cache for its own tables.  And single records of a sort.
ATTEMPTS_AT_ONCE, RECORDS_AT_ONCE = 1 << 15, 1 << 13
_BEGINNING = -(1 << 62)
_NONE = np.zeros(0, np.int64)


@dataclass(frozen=True, slots=True)
class Rows:
    """Attempts `columns` (11, n) int64, see COLUMNS, sorted by time; complete for times above `since`."""

    columns: IntArray
    since: int = _BEGINNING

    def __len__(self) -> int:
        return int(self.columns.shape[1])

    def __getitem__(self, name: str) -> IntArray:
        found: IntArray = self.columns[COL[name]]
        return found

    @property
    def complete(self) -> bool:
        """True if nothing was dropped."""
        return self.since == _BEGINNING


def no_rows() -> Rows:
    return Rows(np.zeros((len(COLUMNS), 0), np.int64))


@dataclass(frozen=True, slots=True)
class KeptAttempts:
    """The newest attempts of a run, for the models; `messages.Attempts` are all of a piece, for the detectors.

    The `deferred` records (but of the server's own bounces), and the `other` attempts that left the machine.
    """

    deferred: Rows = field(default_factory=no_rows)
    other: Rows = field(default_factory=no_rows)

    def columns(self) -> Callable[[str], IntArray]:
        """The columns of all attempts since both tables are complete, by name, each made when it is asked for; in no
        order."""
        since = max(self.deferred.since, self.other.since)
        chosen = [(table, np.flatnonzero(table["ts"] > since)) for table in (self.deferred, self.other)]
        return lambda name: np.concatenate([table[name][places] for table, places in chosen])


def by_time(column: Callable[[str], IntArray]) -> IntArray:
    """(11, n) the table of the columns that a function gives by name, by time and order.

    Made column by column: whole tables, copied once more to be sorted, would be new memory.
    """
    order = np.lexsort((column("order"), column("ts")))
    rows = np.empty((len(COLUMNS), len(order)), np.int64)
    for name, row in zip(COLUMNS, rows, strict=True):
        row[:] = column(name)[order]
    return rows


def acting_as(kept: KeptAttempts) -> dict[int, int]:
    """Of the clients whose mail was all handed in as one and the same account, that account (keys)."""
    client, account = (np.concatenate([kept.deferred[name], kept.other[name]]) for name in ("client", "account"))
    client, account = client[client != 0], account[client != 0]
    if not len(client):
        return {}
    order = np.argsort(client)
    client, account = client[order], account[order]
    first = np.flatnonzero(np.concatenate([[True], client[1:] != client[:-1]]))
    one = np.minimum.reduceat(account, first)
    only = (one == np.maximum.reduceat(account, first)) & (one != 0)
    return dict(zip(client[first[only]].tolist(), one[only].tolist(), strict=True))


@dataclass(slots=True)
class Newest:
    """The newest `keep` rows of those taken; of a moment that does not fit whole, none.

    `rooms` is where the `parts` lie that lie in one of ours; those of parts that are gone are `spare`.
    """

    keep: int
    parts: deque[IntArray] = field(default_factory=deque)
    rooms: deque[Room | None] = field(default_factory=deque)
    spare: list[Room] = field(default_factory=list)
    held: int = 0
    since: int = _BEGINNING

    def room(self) -> Room:
        """Room for the rows that are given next, to be given with them."""
        return self.spare.pop() if self.spare else Room()

    def add(self, rows: IntArray, room: Room | None = None) -> None:
        """Take rows of any times in, which must stay as they are."""
        if not rows.shape[1]:
            self._free(room)
            return
        self.parts.append(rows)
        self.rooms.append(room)
        self.held += rows.shape[1]
        if self.held > 2 * self.keep:
            self._drop()

    def follow(self, rows: IntArray, room: Room | None = None) -> None:
        """`add` rows that are sorted by time, and none earlier than what came before them: old parts go whole."""
        self.add(rows, room)
        while self.parts and self.held - self.parts[0].shape[1] >= self.keep:
            oldest, last = self.parts[0].shape[1], int(self.parts[0][0].max())
            newer = self.held - oldest
            for part in itertools.islice(self.parts, 1, None):  # a moment goes whole
                if newer < self.keep or part[0, 0] > last:
                    break
                newer -= int(np.count_nonzero(part[0] <= last))
            if newer < self.keep:
                break
            self.parts.popleft()
            self._free(self.rooms.popleft())
            self.held -= oldest
            self.since = max(self.since, last)

    def _free(self, room: Room | None) -> None:
        if room is not None:
            self.spare.append(room)

    def _newest(self) -> list[IntArray]:
        """Of each part the places of the rows that are kept; `since` is set."""
        times = np.concatenate([_NONE, *(part[0] for part in self.parts)])
        times = times[times > self.since]
        if len(times) > self.keep:
            cut = len(times) - self.keep - 1
            self.since = max(self.since, int(np.partition(times, cut)[cut]))
        return [np.flatnonzero(part[0] > self.since) for part in self.parts]

    def _drop(self) -> IntArray:
        """Bring the rows together, and drop the oldest that are too many."""
        chosen = list(zip(self.parts, self._newest(), strict=True))
        rows = by_time(lambda name: np.concatenate([_NONE, *(part[COL[name], places] for part, places in chosen)]))
        while self.rooms:
            self._free(self.rooms.popleft())
        self.parts, self.held = deque([rows] if rows.shape[1] else []), rows.shape[1]
        self.rooms.extend([None] * len(self.parts))
        return rows

    def rows(self) -> Rows:
        """What is kept, by time and order, whatever the order in which it came."""
        found = self._drop()
        return Rows(found, self.since)


@dataclass(slots=True)
class AttemptLog:
    """Collects the attempts of the stitched events of one fold."""

    deferred: Newest = field(default_factory=lambda: Newest(KEEP_DEFERRED))
    other: Newest = field(default_factory=lambda: Newest(KEEP_OTHER))

    def attempts(self) -> KeptAttempts:
        return KeptAttempts(self.deferred.rows(), self.other.rows())


class HandedOn:
    """What stitching hands on (`messages.Outlet`): attempts to a fold, single records to a log; in the order of time.

    Those in [since, until) only; undated ones never.
    """

    def __init__(
        self,
        log: AttemptLog,
        fold: Callable[[Attempts], None],
        since: int | None = None,
        until: int | None = None,
        *,
        attempts: int = ATTEMPTS_AT_ONCE,
        records: int = RECORDS_AT_ONCE,
    ) -> None:
        self._fold = fold
        self._attempts = np.empty((attempts, kernel.ATTEMPT_WORDS), np.int64)
        self._records = records
        self._sorts = {kernel.DEFERRED: log.deferred, kernel.OTHER: log.other}
        self._written: dict[int, tuple[Room, IntArray]] = {}
        self.block = np.zeros(kernel.BLOCK_WORDS, np.int64)
        self.block[kernel.SINCE >> 3] = _BEGINNING if since is None else since
        self.block[kernel.UNTIL >> 3] = -_BEGINNING if until is None else until
        self._place(kernel.ATTEMPT, self._attempts)
        for sort in self._sorts:
            self._begin_records(sort)

    def _place(self, sort: int, rows: IntArray) -> None:
        """The kernel's next rows of the sort go there."""
        self.block[sort >> 3 : (sort >> 3) + 3] = rows.ctypes.data, len(rows), 0

    def _begin_records(self, sort: int) -> None:
        """Records of the sort go into another room of its log's."""
        room = self._sorts[sort].room()
        rows = room.array(self._records, kernel.RECORD_WORDS, kernel.RECORD_WORDS)
        self._written[sort] = room, rows
        self._place(sort, rows)

    def _rows(self, sort: int) -> tuple[int, int]:
        """How many rows of the sort there are, and for how many there is room."""
        room, used = self.block[(sort + kernel.ROOM) >> 3 :][:2].tolist()
        return used, room

    def take(self, columns: IntArray) -> None:
        """Hand on what there is of events with UTC times, (14, n), each row contiguous; of those that were not stitched
        that is what was deferred."""
        at, n = 0, columns.shape[1]
        while at < n:
            where = self.block.ctypes.data, columns.ctypes.data, columns.strides[0]
            at = kernels().hand_on_all(*where, at, n)
            if at < n:
                self.give()

    def give(self) -> None:
        """Give what has no more room."""
        for sort in (kernel.ATTEMPT, *self._sorts):
            used, room = self._rows(sort)
            if room - used >= kernel.BATCH:
                continue
            if sort == kernel.ATTEMPT:
                self._give_attempts()
            else:
                self._give_records(sort)

    def _give_attempts(self) -> None:
        """Give the attempts that are there to the fold, for which they hold until it returns."""
        used, _ = self._rows(kernel.ATTEMPT)
        if used:
            self._fold(Attempts(self._attempts[:used].T))
        self._place(kernel.ATTEMPT, self._attempts)

    def _give_records(self, sort: int) -> None:
        """Give the records of a sort to the log, with the room in which they lie."""
        room, rows = self._written[sort]
        self._sorts[sort].follow(rows[: self._rows(sort)[0]].T, room)
        self._begin_records(sort)

    def close(self) -> None:
        """Give all that is there."""
        self._give_attempts()
        for sort in self._sorts:
            self._give_records(sort)


def merge(parts: Sequence[KeptAttempts]) -> KeptAttempts:
    """The table of all parts; their order does not matter (law 2)."""
    some = [p for p in parts if len(p.deferred) + len(p.other) or not (p.deferred.complete and p.other.complete)]
    if len(some) == 1:
        return some[0]
    log = AttemptLog()
    for part in some:
        for rows, into in ((part.deferred, log.deferred), (part.other, log.other)):
            into.since = max(into.since, rows.since)
            into.add(rows.columns)
    return log.attempts()
