"""`last message repeated 3 times`: the line before it, that often again.  A small fold over the parts of a source.

syslogd keeps the first of several like lines and then counts.  So such a line stands for copies of the event of the
line right before it, where that was written by the same host; if that line was no event, it stands for nothing.
Several such lines in a row all mean the same line.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mailripple.parse import layout as L
from mailripple.parse.choose import has_kind
from mailripple.parse.events import Parsed

IntArray = npt.NDArray[np.int64]

#: Copies that are always made; beyond that, as many as the source has lines so far: a few forged lines must not
#: make a run long.
ALWAYS = 10_000


@dataclass(frozen=True, slots=True)
class Before:
    """What came before a part: `row` the event of its last line, None if that was none.

    A row is one column of `Events.columns`.  `lines` of the source so far; `copies` made; `left_out` those not made.
    """

    row: tuple[int, ...] | None = None
    lines: int = 0
    copies: int = 0
    left_out: int = 0


def expand(before: Before, piece: Parsed) -> tuple[IntArray, Before]:
    """(the events of a piece with the repeated ones in place of `repeat`, what the next piece must be given).

    The columns are those of the piece itself where nothing is repeated.  A copy has the time of the line that counts.
    """
    columns, lines = piece.events.columns, piece.tally.lines
    n = columns.shape[1]
    if not has_kind(columns, L.KIND_REPEAT):
        last = n and int(columns[L.COL["line"], -1]) >> 32 == lines - 1
        row = tuple(columns[:, -1].tolist()) if last else None
        return columns, Before(row, before.lines + lines, before.copies, before.left_out)
    repeats = np.flatnonzero(piece.events.kind == L.KIND_REPEAT)
    line = columns[L.COL["line"]] >> 32
    known = np.zeros((columns.shape[0], 1), np.int64)
    if before.row is not None:
        known[:, 0] = before.row
    every = np.concatenate([columns, known], axis=1)
    source = _sources(columns, every, line, repeats, before.row is not None)
    weight = np.ones(n, np.int64)
    copies, left_out = _weigh(weight, columns, line, repeats, source, before)
    out = every[:, source]
    for name in ("ts", "line"):
        out[L.COL[name]] = columns[L.COL[name]]
    stamp = np.int64(3 << 28)
    out[L.COL["code"]] = (out[L.COL["code"]] & ~stamp) | (columns[L.COL["code"]] & stamp)
    last = int(line[-1]) == lines - 1 and int(out[L.COL["code"], -1] & 0xFF) != L.KIND_REPEAT
    row = tuple(out[:, -1].tolist()) if last else None
    return np.ascontiguousarray(np.repeat(out, weight, axis=1)), Before(row, before.lines + lines, copies, left_out)


def _sources(columns: IntArray, every: IntArray, line: IntArray, repeats: IntArray, known: bool) -> IntArray:
    """For each event the column of `every` that it is; of a repeat that repeats nothing its own."""
    n = columns.shape[1]
    index = np.arange(n)
    first = index.copy()
    first[repeats] = -1
    first = np.maximum.accumulate(first)
    origin = np.where(first >= 0, first, n)
    distance = np.where(first >= 0, line - line[first], line + 1)
    follows = distance == np.where(first >= 0, index - first, index + 1)
    server = every[L.COL["server"]]
    good = follows & (server[origin] == server[:n]) & ((first >= 0) | known)
    broken = np.full(n, -1)
    broken[repeats] = np.where(good, -1, index)[repeats]
    good &= np.maximum.accumulate(broken) <= first  # what follows one that means nothing means nothing
    source = index.copy()
    source[repeats] = np.where(good, origin, index)[repeats]
    return source


def _weigh(
    weight: IntArray, columns: IntArray, line: IntArray, repeats: IntArray, source: IntArray, before: Before
) -> tuple[int, int]:
    """Set how often each repeat counts; (copies made, copies left out) of the source so far."""
    copies, left_out = before.copies, before.left_out
    times = columns[L.COL["count"]]
    for i in repeats.tolist():
        wanted = int(times[i]) if source[i] != i else 0
        given = max(0, min(wanted, max(ALWAYS, before.lines + int(line[i])) - copies))
        weight[i] = given
        copies += given
        left_out += wanted - given
    return copies, left_out
