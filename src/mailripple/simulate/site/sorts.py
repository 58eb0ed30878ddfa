"""Sorts of log lines: when each is written, how it reads, and the event that a parser must find in it.

A writer describes a log as a list of `Sort`s.  `log_text` makes the log of them, `log_events` the Events that the
parser would give, without any text: one description, so the two cannot drift apart unseen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np

from mailripple.parse import layout as L
from mailripple.simulate.columns import Ints

#: Kinds of keys, as `Parser.key` knows them; SENDER is an exact hash of the text in lower case.
NAME, ADDRESS, EXACT, SENDER = range(4)
#: A key function: `Parser.key`, or what gives the same numbers.
Key = Callable[[bytes, int], int]
#: Lines that are made at a time: what bounds the memory.
_LINES = 1 << 16


class Named(NamedTuple):
    """A column of keys: that of `texts[place]`, 0 where `place` is -1; `place` None: a text a row."""

    texts: list[str]
    kind: int
    place: Ints | None = None


@dataclass(frozen=True, slots=True)
class Sort:
    """Lines of one sort.

    `ms` (n,) UTC milliseconds; `texts` gives what stands behind the stamp, for rows in any order; `kind` L.KIND_*, or
    0: no event; `columns` those of the event by their name in `layout.COLUMNS`, and `status`, `dsn`, `qtype`,
    `recipients`.
    """

    ms: Ints
    texts: Callable[[Ints], list[str]]
    kind: int = 0
    columns: dict[str, Ints | int | Named] = field(default_factory=dict)


class Stamp(NamedTuple):
    """How a log tells the time: `text` of a local second, and how many ms its smallest step is."""

    text: Callable[[datetime], str]
    step: int


def in_order(sorts: Sequence[Sort]) -> tuple[Ints, Ints]:
    """Of each line, by time, its sort and its row; at equal times sorts keep their order, and rows theirs."""
    which = np.repeat(np.arange(len(sorts)), [len(s.ms) for s in sorts])
    rows = np.concatenate([np.zeros(0, np.int64), *(np.arange(len(s.ms)) for s in sorts)])
    order = np.argsort(np.concatenate([np.zeros(0, np.int64), *(s.ms for s in sorts)]), kind="stable")
    return which[order], rows[order]


def log_text(
    sorts: Sequence[Sort], stamp: Stamp, zone: ZoneInfo, stretches: Sequence[tuple[int, int]]
) -> Iterator[bytes]:
    """The log, piece by piece: the lines of each stretch [from, to), UTC ms."""
    which, rows = in_order(sorts)
    ms = np.concatenate([np.zeros(0, np.int64), *(s.ms for s in sorts)])
    ms.sort()
    cuts = [slice(*np.searchsorted(ms, stretch).tolist()) for stretch in stretches]
    for cut in (slice(b, min(b + _LINES, c.stop)) for c in cuts for b in range(c.start, c.stop, _LINES)):
        texts = [""] * (cut.stop - cut.start)
        for k, one in enumerate(sorts):
            places = np.flatnonzero(which[cut] == k)
            if len(places):
                for at, text in zip(places.tolist(), one.texts(rows[cut][places]), strict=True):
                    texts[at] = text
        seconds, second = np.unique(ms[cut] // 1000, return_inverse=True)
        stamps = [stamp.text(datetime.fromtimestamp(s, UTC).astimezone(zone)) for s in seconds.tolist()]
        lines = [stamps[s] + text + "\n" for s, text in zip(second.tolist(), texts, strict=True)]
        yield "".join(lines).encode("ascii")


def log_events(
    sorts: Sequence[Sort],
    stamp: Stamp,
    server: int,
    key: Key,
    stretches: Sequence[tuple[int, int]],
    *,
    source: int = 0,
) -> Ints:
    """(14, n) Events of the lines of `stretches`, times in UTC; `server` the key of the host, `source` the log's rank.

    The columns are those of `parse.layout.COLUMNS`; the number of the pattern in `code` and the place of the
    recipients in `count` are 0.
    """
    which, rows = in_order(sorts)
    place = np.empty(len(which), np.int64)
    starts = np.concatenate([[0], np.cumsum([len(s.ms) for s in sorts])])
    place[starts[which] + rows] = np.arange(len(which))
    events = np.zeros((len(L.COLUMNS), len(which)), np.int64)
    keys = Keys(key)
    for k, one in enumerate(sorts):
        if one.kind and len(one.ms):
            events[:, place[starts[k] : starts[k + 1]]] = _rows(one, stamp, keys)
    ms = np.concatenate([np.zeros(0, np.int64), *(s.ms for s in sorts)])
    ms.sort()
    logged = np.zeros(len(ms), bool)
    for begin, end in stretches:
        logged |= (ms >= begin) & (ms < end)
    events[L.COL["server"]] = server
    events[L.COL["line"]] = np.cumsum(logged) + (source << 40)
    return np.ascontiguousarray(events[:, logged & (events[L.COL["code"]] != 0)])


def _rows(one: Sort, stamp: Stamp, keys: Keys) -> Ints:
    """(14, n) the events of one sort, in the order of its rows."""
    found = np.zeros((len(L.COLUMNS), len(one.ms)), np.int64)
    found[L.COL["ts"]] = one.ms // stamp.step * stamp.step * 1000
    found[L.COL["code"]] = one.kind | L.UTC << 28
    if one.kind not in (L.KIND_QUERY, L.KIND_TO):
        found[L.COL["count"]] = -1
    for name, values in one.columns.items():
        numbers = keys.of(values) if isinstance(values, Named) else np.asarray(values, np.int64)
        if name in ("status", "qtype", "dsn"):
            found[L.COL["code"]] |= numbers << {"status": 8, "qtype": 16, "dsn": 24}[name]
        elif name == "recipients":
            found[L.COL["count"]] = numbers << 40
        else:
            found[L.COL[name]] = numbers
    return found


class Keys:
    """Keys of texts, each list of texts looked at once."""

    def __init__(self, key: Key) -> None:
        self._key = key
        self._known: dict[tuple[int, int], tuple[list[str], Ints]] = {}

    def of(self, column: Named) -> Ints:
        """(n,) the keys of a column."""
        found = self._known.get((id(column.texts), column.kind))
        if found is None:
            found = column.texts, np.array([*(self._one(t, column.kind) for t in column.texts), 0], np.int64)
            self._known[id(column.texts), column.kind] = found
        return found[1][:-1] if column.place is None else found[1][column.place]

    def _one(self, text: str, kind: int) -> int:
        if not text:
            return 0
        if kind == SENDER:
            return self._key(text.lower().encode("ascii"), EXACT)
        return self._key(text.encode("ascii"), kind)
