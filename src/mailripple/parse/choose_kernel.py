"""Kernel of `parse.choose`: which events match a condition, and some columns of these."""

from __future__ import annotations

from mailripple.parse import layout as L
from mailripple.parse.native import entry, i64, part, put64

C_CODE, C_CLIENT, C_FLAGS = L.COL["code"], L.COL["client"], L.COL["flags"]
#: Words of a condition: bits of the kinds; mask and value of the code; a status that is not wanted; flags of which one
#: must be set (0: any); flags that must not be; whether a client must be known.
KINDS, MASK, VALUE, NOT_STATUS, SOME, NONE, CLIENT = range(0, 56, 8)


@part
def matches(
    col: int, stride: int, kinds: int, mask: int, value: int, no: int, some: int, none: int, client: int
) -> int:
    """1 if the event is wanted, else 0; without a branch, for what kinds follow each other nobody can foresee."""
    code = i64(col + C_CODE * stride)
    flags = i64(col + C_FLAGS * stride)
    good = (kinds >> (code & 63)) & ((code >> 28) & 3 != L.NO_TIME) & (code & mask == value)
    good &= ((code >> 8) & 0xFF != no) & (flags & none == 0) & ((some == 0) | (flags & some != 0))
    return good & (i64(col + client * stride) != 0)


@entry
def choose(cols: int, stride: int, n: int, among: int, condition: int, places: int) -> int:
    """Write the places of the wanted events among n, or among those at n places (0: all); how many they are."""
    kinds = i64(condition + KINDS)
    mask = i64(condition + MASK)
    value = i64(condition + VALUE)
    no = i64(condition + NOT_STATUS) if i64(condition + NOT_STATUS) != 0 else -1
    some = i64(condition + SOME)
    none = i64(condition + NONE)
    client = C_CLIENT if i64(condition + CLIENT) else C_CODE  # a code is never 0
    m = 0
    for k in range(n):
        at = i64(among + 8 * k) if among != 0 else k
        put64(places + 8 * m, at)
        m += matches(cols + 8 * at, stride, kinds, mask, value, no, some, none, client)
    return m


@entry
def take(cols: int, stride: int, places: int, m: int, wanted: int, count: int, out: int) -> int:
    """Copy `count` columns of the events at m places; rows of `out` are m long.

    `wanted`: for each its number, and how far it is shifted right before it is masked with what.
    """
    for c in range(count):
        column = cols + i64(wanted + 24 * c) * stride
        shift = i64(wanted + 24 * c + 8)
        mask = i64(wanted + 24 * c + 16)
        to = out + 8 * m * c
        for k in range(m):
            put64(to + 8 * k, (i64(column + 8 * i64(places + 8 * k)) >> shift) & mask)
    return m


@entry
def find_kind(code: int, n: int, kind: int) -> int:
    """True if one of n codes is of that kind."""
    found = 0
    for k in range(n):
        found += i64(code + 8 * k) & 0xFF == kind
    return found != 0


@entry
def ordered(ts: int, code: int, n: int, earliest: int) -> int:
    """True if all n events have a time that is not before the last one's, nor before `earliest`."""
    before = earliest
    wrong = 0
    for k in range(n):
        now = i64(ts + 8 * k)
        wrong += now < before or (i64(code + 8 * k) >> 28) & 3 == L.NO_TIME
        before = now
    return wrong == 0


@entry
def span(ts: int, code: int, n: int, ends: int) -> int:
    """Write first and last time of the events that have one; how many have."""
    low = (1 << 62) - 1
    high = -(1 << 62)
    dated = 0
    for k in range(n):
        has = (i64(code + 8 * k) >> 28) & 3 != L.NO_TIME
        low = min(low, i64(ts + 8 * k)) if has else low
        high = max(high, i64(ts + 8 * k)) if has else high
        dated += has
    put64(ends, low)
    put64(ends + 8, high)
    return dated
