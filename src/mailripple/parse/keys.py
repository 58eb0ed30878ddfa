"""Kernel: lists of `key=value`, as sendmail and others write them."""

from __future__ import annotations

from mailripple.parse import layout as L
from mailripple.parse.elements import keep, read_addr, read_peer
from mailripple.parse.emit import address_key, keep_address
from mailripple.parse.native import i64, part, put64, u8
from mailripple.parse.text import equal, find_byte, find_text, skip_digits

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
        word = i64(p)
        tried = 0
        while tried < count:
            if (word ^ i64(k + 8)) & i64(k + 16) == 0 and literal_name(ctx, k, p, e):
                break
            k += ROW_BYTES
            if k == last:
                k = first
            tried += 1
        if tried == count:
            p = behind(ctx, 0, 0, p, e)
            continue
        p = read_key(ctx, k, p + i64(k + 24), e)
        k += ROW_BYTES
        if k == last:
            k = first
    return p


@part
def literal_name(ctx: int, k: int, p: int, e: int) -> int:
    n = i64(k + 24)
    return p + n <= e and (n <= 8 or equal(p + 8, i64(ctx + L.LITS) + (i64(k + 32) & 0xFFFFF), n - 8))


@part
def behind(ctx: int, ends: int, n: int, p: int, e: int) -> int:
    """Start of the next key: behind the `, ` at or after p with which the terminator begins.  n 0: plain `, `."""
    if n <= 2:
        while True:
            at = find_byte(p, e, 44)
            if at < 0 or at + 1 >= e:
                return e
            if u8(at + 1) == 32:
                return at + 2
            p = at + 1
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
    spec = i64(k + 32)
    n = (spec >> 40) & 0x3FF
    kind = spec >> 50
    slot = i64(k + 40)
    taken = slot >= 0 and i64(ctx + L.HAVE) & (1 << slot) != 0
    if taken:
        slot = -1
    if kind == L.ADDR:
        return behind(ctx, (spec >> 20) & 0xFFFFF, n, read_addr(ctx, slot, p, e), e)
    if kind == L.INT:
        stop = skip_digits(p, e)
        if stop > p and stop - p <= 18:
            keep(ctx, slot, p, stop)
        return behind(ctx, (spec >> 20) & 0xFFFFF, n, stop, e)
    if kind >= L.LAST_PEER:
        kind -= L.LAST_PEER - L.PEER
        p = behind_last(p, e, i64(ctx + L.LITS) + ((spec >> 20) & 0xFFFFF), n)
        n = 0
    following = e if n == 0 else behind(ctx, (spec >> 20) & 0xFFFFF, n, p, e)
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
