"""Kernel: what stitching hands on of a delivery record, while its columns are at hand.

Rows, one behind the other: the attempts that the detectors read (`messages.Attempts`), and the single records that the
models look at (`attempts.Rows`): what was deferred, and what else left the machine.  To pick them out of the columns
of a piece later costs a line of memory for each column of each record.
"""

from __future__ import annotations

from mailripple.parse import layout as L
from mailripple.parse.native import entry, i64, part, put64

#: The block that says where: rows of times in [SINCE, UNTIL) only; of each sort the address of its rows, how many have
#: room, and how many there are.
SINCE, UNTIL, ATTEMPT, DEFERRED, OTHER = 0, 8, 16, 40, 64
AT, ROOM, USED, SORT = 0, 8, 16, 24
BLOCK_WORDS = 11
#: Words of a row: of an attempt; of a single record.
ATTEMPT_WORDS, RECORD_WORDS = 12, 11
#: Records between two looks at whether there is room.
BATCH = 64

C_TS, C_CODE, C_LINE, C_SERVER, C_CLIENT = (L.COL[n] for n in ("ts", "code", "line", "server", "client"))
C_ACCOUNT, C_QUEUE, C_SENDER, C_NAME, C_FLAGS = (L.COL[n] for n in ("account", "queue", "sender", "name", "flags"))


@part
def no_room(out: int) -> int:
    """True if one of the sorts has no room for another batch."""
    for sort in range(ATTEMPT, OTHER + 1, SORT):
        if i64(out + sort + ROOM) - i64(out + sort + USED) < BATCH:
            return 1
    return 0


@part
def next_row(out: int, sort: int, words: int) -> int:
    """Address of a new row of the sort."""
    n = i64(out + sort + USED)
    put64(out + sort + USED, n + 1)
    return i64(out + sort + AT) + 8 * words * n


@part
def put_attempt(to: int, col: int, stride: int, code: int, flags: int) -> int:
    """A row of `messages.Attempts`."""
    put64(to, i64(col + C_TS * stride))
    put64(to + 8, i64(col + C_LINE * stride))
    put64(to + 16, i64(col + C_SERVER * stride))
    put64(to + 24, i64(col + C_QUEUE * stride))
    put64(to + 32, i64(col + C_CLIENT * stride))
    put64(to + 40, i64(col + C_ACCOUNT * stride))
    put64(to + 48, i64(col + C_SENDER * stride))
    put64(to + 56, i64(col + C_NAME * stride))
    put64(to + 64, flags & L.F_FIRST != 0)
    put64(to + 72, (code >> 8) & 0xFF)
    put64(to + 80, (code >> 24) & 15 | ((code >> 16) & 1) << 3)
    return put64(to + 88, flags & L.F_FINAL != 0)


@part
def put_record(to: int, col: int, stride: int, code: int, flags: int) -> int:
    """A row of `attempts.Rows`."""
    put64(to, i64(col + C_TS * stride))
    put64(to + 8, i64(col + C_SERVER * stride))
    put64(to + 16, i64(col + C_QUEUE * stride))
    put64(to + 24, i64(col + C_CLIENT * stride))
    put64(to + 32, i64(col + C_ACCOUNT * stride))
    put64(to + 40, i64(col + C_SENDER * stride))
    put64(to + 48, i64(col + C_NAME * stride))
    put64(to + 56, flags & L.F_FIRST != 0)
    put64(to + 64, (code >> 8) & 0xFF)
    put64(to + 72, i64(col + C_LINE * stride))
    return put64(to + 80, (code >> 16) & 1)


@part
def hand_on(out: int, col: int, stride: int, flags: int) -> int:
    """A delivery record with a time; the server's own bounces, hops inside a machine and what came late are none."""
    code = i64(col + C_CODE * stride)
    ts = i64(col + C_TS * stride)
    if flags & (L.F_DSN | L.F_INTERNAL | L.F_LATE) or (code >> 28) & 3 == L.NO_TIME:
        return 0
    if ts < i64(out + SINCE) or ts >= i64(out + UNTIL):
        return 0
    if flags & (L.F_ATTEMPT | L.F_FINAL):
        put_attempt(next_row(out, ATTEMPT, ATTEMPT_WORDS), col, stride, code, flags)
    if (code >> 8) & 0xFF == L.DEFERRED:
        return put_record(next_row(out, DEFERRED, RECORD_WORDS), col, stride, code, flags)
    if flags & L.F_OUT:
        return put_record(next_row(out, OTHER, RECORD_WORDS), col, stride, code, flags)
    return 0


@entry
def hand_on_all(out: int, cols: int, stride: int, begin: int, end: int) -> int:
    """`hand_on` for the delivery records among the events [begin, end), as their flags say; the number of the first one
    for which there is no room."""
    for n in range(begin, end):
        if (n == begin or n & (BATCH - 1) == 0) and no_room(out):
            return n
        col = cols + 8 * n
        if i64(col + C_CODE * stride) & 0xFF == L.KIND_TO:
            hand_on(out, col, stride, i64(col + C_FLAGS * stride))
    return end
