"""Counts: how many, of what, by whom, in which window.  Additive: parts counted apart merge into the same counts.

`Counter` counts the events of one part after another; `Counter.counts()` gives `Counts`; `merge` adds Counts up in
any order.  Servers are counted by the minute, all other entities by 10 minutes (DESIGN: exact roll-up from there).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mailripple import asked_kernel, counts_kernel
from mailripple import cells_kernel as kernel
from mailripple.cells import BUDGET, Cells, cells_of, kernels, merged
from mailripple.memory import zeros
from mailripple.slots import doubled, table_of
from mailripple.tables import QTYPES

IntArray = npt.NDArray[np.int64]

#: Metrics of a server, by their place in `Counts.values`.
METRIC_NAMES: tuple[str, ...] = (
    "dns.query",
    *(f"dns.query.{name}" for name in QTYPES),
    "dns.lookup",
    "dns.response",
    "dns.packet",
    "mail.from",
    "mail.to",
    "mail.sent",
    "mail.deferred",
    "mail.bounced",
    "mail.expired",
    "mail.rejected",
    "mail.other",
    "mail.rcpt",
    "mail.attempt.first",
    "mail.attempt.retry",
    "mail.dsn",
    "mail.dsn.to",
    "mail.reject",
    "mail.refused",
    "mail.internal",
    "pop.login",
    "pop.fail",
    "pop.logout",
    "pop.connect",
    "imap.login",
    "imap.fail",
    "imap.logout",
    "late",
    "mail.accepted",
    "mail.skipped",
    "mail.out",
)
METRIC = {name: i for i, name in enumerate(METRIC_NAMES)}
#: Counters of a mail entity (client_ip, account, rcpt_domain), by their place in a cell.
ENTITY_METRICS: tuple[str, ...] = (
    "mail.from",
    "mail.accepted",
    "mail.to",
    "mail.sent",
    "mail.deferred",
    "mail.failed",
    "mail.other",
    "mail.attempt.first",
    "mail.attempt.retry",
    "mail.reject",
    "pop.login",
    "pop.fail",
    "imap.login",
    "mail.refused",
    "mail.dsn",
    "mail.rcpt",
)
#: Counters of a DNS client: the ten minutes of its window, then these.
CLIENT_METRICS: tuple[str, ...] = (
    "dns.query.A",
    "dns.query.AAAA",
    "dns.query.MX",
    "dns.query.PTR",
    "dns.query.TXT",
    "dns.lookup",
)
DNS_CLIENT, CLIENT = counts_kernel.DNS_CLIENT, counts_kernel.CLIENT
ACCOUNT, DOMAIN = counts_kernel.ACCOUNT, counts_kernel.DOMAIN
ENTITY_KINDS = {DNS_CLIENT: "dns_client", CLIENT: "client_ip", ACCOUNT: "account", DOMAIN: "rcpt_domain"}
WINDOW_S, SERVER_WINDOW_S = 600, 60
UNDATED = -1

#: Questions that a counter has room for at first, and hashes for each: few share one with a question of late.
_QUESTIONS, _HASHES = 1 << 10, 2
#: Slots of a counter's index at first: as many as are needed stay in the processor's cache.
_INDEX_SLOTS = 1 << 12


@dataclass(frozen=True, slots=True)
class Counts:
    """Counts of a part or of a run.

    `server`, `minute` (n,) key of the server and minute since 1970 (UNDATED for lines without a time), sorted and
    unique; `values` (n, metrics) int64, see METRIC_NAMES; `cells` rows of `cells.CELL`, window and kind in `tag`
    (window << 8 | kind), which may repeat and add up; `pairs` (p, 3) client, name, 1 for MX and 2 for PTR, unique;
    `capped` increments lost because a window had more than WINDOW_CAP entities.
    """

    server: IntArray
    minute: IntArray
    values: IntArray
    cells: Cells
    pairs: IntArray
    capped: int

    def total(self, metric: str) -> int:
        """Sum of a metric over servers and windows; `mail.failed` is bounced, expired and rejected together."""
        if metric == "mail.failed":
            return sum(self.total(f"mail.{part}") for part in ("bounced", "expired", "rejected"))
        return int(self.values[:, METRIC[metric]].sum())


class Counter:
    """Counts events; the state of one source or of one lane of a run."""

    def __init__(self, *, cells: int = 1 << 17, rows: int = 1 << 12, budget: int = BUDGET) -> None:
        self._kernels = kernels()
        self._state = np.zeros(kernel.STATE_WORDS, np.int64)
        self._keep: dict[int, npt.NDArray[Any]] = {}
        self.cells = Cells(budget=budget)
        self._rows(rows)
        self._most_slots = max(2 * cells, _INDEX_SLOTS)
        self._index(_INDEX_SLOTS)
        self._out(cells_of(max(cells, 2 * kernel.ROOM)))
        self._state[kernel.ASKED_N >> 3] = self._state[kernel.ASKED_TAIL >> 3] = 1
        self._questions(_QUESTIONS)
        self._own(kernel.PAIRS, table_of(1 << 12, 2), (1 << 12) - 1)
        self._state[kernel.WINDOW >> 3] = -(1 << 40)
        self._state[kernel.LAST_MINUTE >> 3] = -2

    def _own(self, where: int, array: npt.NDArray[Any], size: int | None = None) -> None:
        """Put the array's address (and size or mask, in the next word) into the state, and keep the array alive."""
        self._keep[where] = array
        self._state[where >> 3] = array.ctypes.data
        if size is not None:
            self._state[(where >> 3) + 1] = size

    def _rows(self, capacity: int) -> None:
        """Room for more rows of server and minute."""
        new = np.zeros((capacity, 16 + 4 * kernel.METRICS), np.uint8)
        old = self._keep.get(kernel.ROWS)
        if old is not None:
            new[: len(old)] = old
        self._own(kernel.ROWS, new, capacity)
        table = np.zeros(4 << (capacity - 1).bit_length(), np.int64)  # a power of two, for its mask
        self._kernels.rebuild_servers(self._state.ctypes.data, table.ctypes.data, len(table) - 1)
        self._keep[kernel.SERVERS] = table

    def count(self, columns: IntArray) -> None:
        """Count events with UTC times; `columns` (14, n) int64, each row contiguous."""
        n = columns.shape[1]
        at = 0
        while at < n:
            at = self._kernels.count(self._state.ctypes.data, columns.ctypes.data, columns.strides[0], at, n)
            if at < n:
                self._make_room()

    def _word(self, where: int) -> int:
        return int(self._state[where >> 3])

    def _make_room(self) -> None:
        """Empty or enlarge what is full."""
        if self._word(kernel.OUT_N) + kernel.ROOM > self._word(kernel.OUT_CAP):
            self._take()
        if self._word(kernel.SERVERS_N) + kernel.BATCH + 2 >= self._word(kernel.ROWS_CAP):
            self._rows(4 * self._word(kernel.ROWS_CAP))
        if 2 * self._word(kernel.INDEX_N) > self._word(kernel.INDEX_MASK):
            self._index(min(4 * (self._word(kernel.INDEX_MASK) + 1), self._most_slots))
        if self._word(kernel.ASKED_N) - self._word(kernel.ASKED_TAIL) + kernel.BATCH > self._word(kernel.ASKED_MASK):
            self._questions(2 * (self._word(kernel.ASKED_MASK) + 1))
        if self._kernels.are_pairs_crowded(self._state.ctypes.data):
            self._grow_pairs()

    def _take(self) -> None:
        """Take the cells that the kernel made, and give it room for more."""
        made = self._keep[kernel.OUT]
        self.cells.append(made[: self._word(kernel.OUT_N)])
        self._out(made)

    def _index(self, slots: int) -> None:
        """An empty index; entities of the window that come again have a second cell."""
        if slots == self._word(kernel.INDEX_MASK) + 1:
            self._keep[kernel.INDEX].fill(0)
        else:
            self._own(kernel.INDEX, zeros(slots, np.uint32), slots - 1)
        self._state[kernel.INDEX_N >> 3] = 0
        self._state[kernel.FIRST >> 3] = 0

    def _out(self, room: npt.NDArray[Any]) -> None:
        """Room for cells (dtype PACKED); the index, which points into the room before, becomes empty."""
        self._own(kernel.OUT, room, len(room))
        self._state[kernel.OUT_N >> 3] = 0
        self._index(self._word(kernel.INDEX_MASK) + 1)

    def _questions(self, size: int) -> None:
        """Room for so many questions that may be repeated (a power of two), and the words that lead there."""
        ring, heads = table_of(size, asked_kernel.QUESTION // 8), zeros(_HASHES * size, np.uint32)
        where = ring.ctypes.data, size - 1, heads.ctypes.data, _HASHES * size - 1
        self._kernels.move_questions(self._state.ctypes.data, *where)
        self._keep[kernel.ASKED], self._keep[kernel.HEADS] = ring, heads

    def _grow_pairs(self) -> None:
        """Make the table of pairs larger; beyond 4 Mi slots no new ones are taken in."""
        pairs = self._keep.pop(kernel.PAIRS)
        slots = len(pairs)
        if slots >= 1 << 22:
            self._state[kernel.PAIRS_FULL >> 3] = 1
            self._own(kernel.PAIRS, pairs)
            return
        wider = doubled(pairs)
        self._kernels.widen_pairs(wider.ctypes.data, slots - 1)
        self._own(kernel.PAIRS, wider, 2 * slots - 1)

    def counts(self) -> Counts:
        """What was counted so far."""
        self._take()
        n = self._word(kernel.SERVERS_N)
        rows = self._keep[kernel.ROWS][1 : n + 1]
        keys = np.ascontiguousarray(rows[:, :16]).view(np.int64)
        values = np.ascontiguousarray(rows[:, 16:]).view(np.uint32)[:, : len(METRIC_NAMES)].astype(np.int64)
        table = self._keep[kernel.PAIRS]
        used = np.flatnonzero(table[:, 0])
        pairs = np.empty((len(used), 3), np.int64)
        pairs[:, 0], names = table[used, 0], table[used, 1]
        pairs[:, 1], pairs[:, 2] = np.abs(names), 1 + (names < 0)
        order = np.lexsort((keys[:, 1], keys[:, 0]))
        return Counts(keys[order, 0], keys[order, 1], values[order], self.cells, pairs, self._word(kernel.CAPPED))


def merge(parts: Sequence[Counts]) -> Counts:
    """Add counts up; the order of the parts does not matter (law 2)."""
    server = np.concatenate([p.server for p in parts])
    minute = np.concatenate([p.minute for p in parts])
    values = np.concatenate([p.values for p in parts])
    order = np.lexsort((minute, server))
    server, minute, values = server[order], minute[order], values[order]
    if len(server):
        new = np.concatenate([[True], (server[1:] != server[:-1]) | (minute[1:] != minute[:-1])])
        starts = np.flatnonzero(new)
        values = np.add.reduceat(values, starts, axis=0)
        server, minute = server[starts], minute[starts]
    pairs = _unique_rows([p.pairs for p in parts if len(p.pairs)])
    return Counts(server, minute, values, merged([p.cells for p in parts]), pairs, sum(p.capped for p in parts))


def _unique_rows(parts: Sequence[IntArray]) -> IntArray:
    """Rows (client, name, kind) of all parts, each once."""
    if not parts:
        return np.zeros((0, 3), np.int64)
    if len(parts) == 1:
        return parts[0]
    rows = np.concatenate(parts)
    rows = rows[np.lexsort((rows[:, 2], rows[:, 1], rows[:, 0]))]
    found: IntArray = rows[np.concatenate([[True], np.any(rows[1:] != rows[:-1], axis=1)])]
    return found
