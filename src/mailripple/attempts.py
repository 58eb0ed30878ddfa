"""The delivery attempts of a run that the models look at one by one: what was deferred, and first attempts elsewhere.

Beside the counts, since some questions need the single record: is it a retry, and did the same sender try again?  The
table is bounded: it keeps the newest rows of each sort and says from when on it is complete (`since`).  Tables of parts
add up to the table of the whole, whatever the cuts (law 2).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from mailripple.parse import layout as L

IntArray = npt.NDArray[np.int64]

#: Columns of a table of attempts, in this order (see `tables.KEPT_ATTEMPTS`).
COLUMNS = ("ts", "server", "queue", "client", "account", "sender", "domain", "first", "status")
COL = {name: i for i, name in enumerate(COLUMNS)}
#: Rows kept: of deferred records, and of all other first attempts and ends of retries that leave the machine (72 bytes
#: each: 57 MB in all).  Half a million deferred records are a day in which six a second are deferred.
KEEP_DEFERRED, KEEP_OTHER = 1 << 19, 1 << 18
_FROM = [L.COL[name] for name in ("ts", "server", "queue", "client", "account", "sender", "name")]
_BEGINNING = -(1 << 62)


@dataclass(frozen=True, slots=True)
class Rows:
    """Attempts `columns` (9, n) int64, see COLUMNS, sorted by time; complete for times above `since`."""

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
class Attempts:
    """The `deferred` records (but of the server's own bounces), and the `other` attempts that left the machine."""

    deferred: Rows = field(default_factory=no_rows)
    other: Rows = field(default_factory=no_rows)


@dataclass(slots=True)
class Newest:
    """The newest `keep` rows of those taken; of a moment that does not fit whole, none."""

    keep: int
    parts: list[IntArray] = field(default_factory=list)
    held: int = 0
    since: int = _BEGINNING

    def take(self, rows: IntArray) -> None:
        self.parts.append(rows)
        self.held += rows.shape[1]
        if self.held > self.keep + self.keep // 2:
            self._drop()

    def _drop(self) -> IntArray:
        """Bring the rows together, and drop the oldest that are too many."""
        rows = np.concatenate([np.zeros((len(COLUMNS), 0), np.int64), *self.parts], axis=1)
        rows = rows[:, rows[0] > self.since]
        if rows.shape[1] > self.keep:
            cut = rows.shape[1] - self.keep - 1
            self.since = max(self.since, int(np.partition(rows[0], cut)[cut]))
            rows = rows[:, rows[0] > self.since]
        self.parts, self.held = [rows], rows.shape[1]
        return rows

    def rows(self) -> Rows:
        """What is kept, in one order whatever the order in which it came."""
        found = self._drop()
        return Rows(np.ascontiguousarray(found[:, np.lexsort(found[::-1])]), self.since)


@dataclass(slots=True)
class AttemptLog:
    """Collects the attempts of the stitched events of one fold."""

    deferred: Newest = field(default_factory=lambda: Newest(KEEP_DEFERRED))
    other: Newest = field(default_factory=lambda: Newest(KEEP_OTHER))

    def take(self, columns: IntArray) -> None:
        """Take stitched events with UTC times, (14, n), in; all but deliveries in time are left out."""
        code = columns[L.COL["code"]]
        at = np.flatnonzero(code & 0xFF == L.KIND_TO)
        if not len(at):
            return
        code, flags = code[at], columns[L.COL["flags"]][at]
        status = (code >> 8) & 0xFF
        mine = ((code >> 28) & 3 != 0) & (flags & (L.F_DSN | L.F_INTERNAL | L.F_LATE) == 0)
        deferred = mine & (status == L.DEFERRED)
        other = mine & ~deferred & (flags & L.F_OUT != 0)
        for chosen, into in ((np.flatnonzero(deferred), self.deferred), (np.flatnonzero(other), self.other)):
            if len(chosen):
                rows = np.empty((len(COLUMNS), len(chosen)), np.int64)
                for i, column in enumerate(_FROM):
                    np.take(columns[column], at[chosen], out=rows[i])
                rows[7] = (flags[chosen] & L.F_FIRST) != 0
                rows[8] = status[chosen]
                into.take(rows)

    def attempts(self) -> Attempts:
        return Attempts(self.deferred.rows(), self.other.rows())


def merge(parts: Sequence[Attempts]) -> Attempts:
    """The table of all parts; their order does not matter (law 2)."""
    log = AttemptLog()
    for part in parts:
        for rows, into in ((part.deferred, log.deferred), (part.other, log.other)):
            into.since = max(into.since, rows.since)
            into.take(rows.columns)
    return log.attempts()
