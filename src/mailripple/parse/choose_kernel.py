"""Kernel of `parse.choose`: which events match a condition, and some columns of these."""

from __future__ import annotations

from mailripple.parse import layout as L
from mailripple.parse.native import entry, i64, put64

C_CODE, C_CLIENT = L.COL["code"], L.COL["client"]


@entry
def choose(cols: int, stride: int, n: int, kinds: int, client: int, places: int) -> int:
    """Write the places of those of n events that have a time, are of one of the kinds (bits), and have a client, if
    `client`; how many they are.

    Without a branch, for what kinds follow each other nobody can foresee.
    """
    needed = C_CLIENT if client else C_CODE  # a code is never 0
    m = 0
    for k in range(n):
        code = i64(cols + C_CODE * stride + 8 * k)
        put64(places + 8 * m, k)
        m += (kinds >> (code & 63)) & ((code >> 28) & 3 != L.NO_TIME) & (i64(cols + needed * stride + 8 * k) != 0)
    return m


@entry
def take(cols: int, stride: int, places: int, m: int, numbers: int, count: int, out: int) -> int:
    """Copy `count` columns (their numbers) of the events at m places; rows of `out` are m long."""
    for c in range(count):
        column = cols + i64(numbers + 8 * c) * stride
        to = out + 8 * m * c
        for k in range(m):
            put64(to + 8 * k, i64(column + 8 * i64(places + 8 * k)))
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
