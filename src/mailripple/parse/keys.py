"""Kernel: lists of `key=value`, as sendmail and others write them."""

from __future__ import annotations

from mailripple.parse import layout as L
from mailripple.parse.elements import crosses, keep, read_addr, read_peer
from mailripple.parse.emit import address_key, keep_address
from mailripple.parse.native import ctz, eqmask, i64, inline, part, put64, u8
from mailripple.parse.text import equal, find_text, skip_digits

ROW_BYTES = 8 * L.ROW


@part
def run_keys(ctx: int, row: int, p: int, e: int) -> int:
    """`key=value, key=value, ...` up to e; rows behind `row` are the keys.  First value wins; unknown keys are passed.

    Servers write their keys in a fixed order, so the search begins behind the last key found.

    Key rows: a, b: name with its `=` (8 bytes and mask); c: length; d: place of the rest of the name, and of the
    terminator, in the literals (rest | terminator << 20 | its length << 40 | type << 50); slot.
    """
    count = i64(row + 8)
    first = row + ROW_BYTES
    last = first + ROW_BYTES * count
    k = first
    put64(ctx + L.UNCLOSED, 0)
    while p < e:
        tried = 0
        while tried < count and not key_stands(ctx, k, p, e):
            k += ROW_BYTES
            if k == last:
                k = first
            tried += 1
        if tried == count:
            p = skip_key(ctx, p, e)
            continue
        p = take_key(ctx, k, p, e)
        k += ROW_BYTES
        if k == last:
            k = first
    return p


@part
def key_stands(ctx: int, k: int, p: int, e: int) -> int:
    """True if the name of key k stands at p."""
    if (i64(p) ^ i64(k + 8)) & i64(k + 16) != 0:
        return 0
    n = i64(k + 24)
    if crosses(ctx, k, p + n, e):
        return 0
    return n <= 8 or equal(p + 8, i64(ctx + L.LITS) + (i64(k + 32) & 0xFFFFF), n - 8)


@part
def skip_key(ctx: int, p: int, e: int) -> int:
    """Behind a key that is not wanted."""
    return behind(ctx, 0, 0, p, e)


@part
def take_key(ctx: int, k: int, p: int, e: int) -> int:
    """Behind the value of key k, whose name stands at p."""
    return read_key(ctx, k, p + i64(k + 24), e)


@inline
def behind(ctx: int, ends: int, n: int, p: int, e: int) -> int:
    """Start of the next key: behind the `, ` at or after p with which the terminator begins.  n 0: plain `, `."""
    if n <= 2:
        while p + 1 < e:
            mask = eqmask(p, 44) & eqmask(p + 1, 32)
            if mask != 0:
                p += ctz(mask)
                return p + 2 if p + 1 < e else e
            p += 32
        return e
    at = find_text(p, e, i64(ctx + L.LITS) + ends, n)
    return e if at < 0 else at + 2


@part
def behind_last(p: int, e: int, text: int, n: int) -> int:
    """Behind the last place of the text in [p, e), or p: what stands before it may be a client's claim."""
    while True:
        at = find_text(p, e, text, n)
        if at < 0:
            return p
        p = at + n


@part
def read_key(ctx: int, k: int, p: int, e: int) -> int:
    """Read one value and go to the next key."""
    slot = i64(k + 40)
    if slot >= 0 and i64(ctx + L.HAVE) & (1 << slot) != 0:
        return read_value(ctx, k, -1, 1, p, e)
    return read_value(ctx, k, slot, 0, p, e)


@part
def read_value(ctx: int, k: int, slot: int, taken: int, p: int, e: int) -> int:
    """Read the value of key k at p into the slot (-1: nowhere; `taken`: it came before) and go to the next key."""
    spec = i64(k + 32)
    n = (spec >> 40) & 0x3FF
    ends = (spec >> 20) & 0xFFFFF
    kind = spec >> 50
    if kind == L.ADDR:
        return behind(ctx, ends, n, read_addr(ctx, slot, p, e), e)
    if kind == L.INT:
        stop = skip_digits(p, e)
        if stop > p and stop - p <= 18:
            keep(ctx, slot, p, stop)
        return behind(ctx, ends, n, stop, e)
    if kind >= L.LAST_PEER:
        p = behind_last(p, e, i64(ctx + L.LITS) + ends, n)
        return read_text(ctx, kind - (L.LAST_PEER - L.PEER), slot, taken, p, e, e)
    return read_text(ctx, kind, slot, taken, p, e if n == 0 else behind(ctx, ends, n, p, e), e)


@part
def read_text(ctx: int, kind: int, slot: int, taken: int, p: int, following: int, e: int) -> int:
    """Keep the text from p to the comma before `following`, and the address in it if it is one's."""
    stop = following
    if following < e or (e - p >= 2 and u8(e - 2) == 44 and u8(e - 1) == 32):
        stop = following - 2
    if kind >= L.PEER and not taken and i64(ctx + L.HAVE) & (1 << (kind - L.PEER)) == 0:
        read_peer(ctx, slot, kind - L.PEER, p, stop)
    elif kind == L.IP and slot >= 0:
        keep_address(ctx, slot, p, stop, address_key(ctx, p, stop))
    else:
        keep(ctx, slot, p, stop)
    return following
