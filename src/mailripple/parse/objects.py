"""Kernel: one walk over a JSON object, which finds the values that formats want.

A wanted place is known by a hash: that of its key, seeded with the hash of the place around it.  `PATHS` is a table of
these hashes; an object that leads nowhere is walked without hashing.  `VALUES` holds what was found: the first value
of each place counts, so that nothing that is appended to a record can change it.
"""

from __future__ import annotations

from mailripple.parse import layout as L
from mailripple.parse.native import ctz, entry, eqmask, i64, mulmix, part, put64, shr, u8
from mailripple.parse.text import K1, K2, hash_text, is_alnum

#: The place of the outermost object; no place that is wanted.
ROOT, NOWHERE = 1, 0
VALUE_BYTES = 32


@part
def place(key: int, n: int, around: int) -> int:
    """Hash of the place that the n bytes at `key` name in the object at `around`; never 0."""
    return hash_text(key, n, around) | 1


@part
def element(around: int) -> int:
    """Hash of the place of an array's elements."""
    return mulmix(around ^ K1, K2) | 1


@part
def number_of(ctx: int, at: int) -> int:
    """Number of the place in PATHS, MAX_PATHS for one on the way to a wanted place, -1 for any other."""
    mask = i64(ctx + L.PATHS_MASK)
    k = at & mask
    while True:
        found = i64(i64(ctx + L.PATHS) + 16 * k)
        if found == at:
            return i64(i64(ctx + L.PATHS) + 16 * k + 8)
        if found == 0:
            return -1
        k = (k + 1) & mask


@part
def found_value(ctx: int, number: int, kind: int, p: int, e: int) -> int:
    """Keep a value, if it is the record's first of that place."""
    if number < 0 or number >= L.MAX_PATHS:
        return 0
    v = i64(ctx + L.VALUES) + VALUE_BYTES * number
    if i64(v) == i64(ctx + L.RECORD_NO):
        return 0
    put64(v, i64(ctx + L.RECORD_NO))
    put64(v + 8, kind)
    put64(v + 16, p)
    put64(v + 24, e)
    return 0


@part
def skip_blanks(p: int, e: int) -> int:
    while p < e and (u8(p) == 32 or (u8(p) >= 9 and u8(p) <= 13)):
        p += 1
    return p


@part
def string_end(p: int, e: int) -> int:
    """Position of the quote that ends the JSON string whose text begins at p, or -1."""
    while p < e:
        quotes = eqmask(p, 34)
        both = quotes | eqmask(p, 92)
        if both == 0:
            p += 32
            continue
        at = ctz(both)
        if shr(quotes, at) & 1:
            return p + at if p + at < e else -1
        p += at + 2
    return -1


@part
def bare_end(p: int, e: int) -> int:
    """Behind the number or word at p: letters, digits, `+`, `-`, `.`."""
    while p < e and (is_alnum(u8(p)) or u8(p) == 43 or u8(p) == 45 or u8(p) == 46):
        p += 1
    return p


@part
def is_null(p: int, n: int) -> int:
    return n == 4 and i64(p) & 0xFFFFFFFF == 0x6C6C756E


@part
def key_at(nest: int, around: int, p: int, e: int) -> int:
    """Position of the value whose key stands at p, or -1; the value's place goes to the word at `nest`."""
    if p >= e or u8(p) != 34:
        return -1
    stop = string_end(p + 1, e)
    if stop < 0:
        return -1
    put64(nest, place(p + 1, stop - p - 1, around) if around != NOWHERE else NOWHERE)
    p = skip_blanks(stop + 1, e)
    if p >= e or u8(p) != 58:
        return -1
    return skip_blanks(p + 1, e)


@part
def walk(ctx: int, p: int, e: int) -> int:
    """Position behind the JSON object at p, its wanted values found; -1 where there is no whole object.

    Every byte is looked at once.  What stands between quotes, and numbers, are not checked further.
    """
    if p >= e or u8(p) != 123:
        return -1
    put64(ctx + L.RECORD_NO, i64(ctx + L.RECORD_NO) + 1)
    nest = i64(ctx + L.NESTING)
    around = ROOT
    array = 0
    depth = 0
    first = 1
    p += 1
    while True:
        p = skip_blanks(p, e)
        if p >= e:
            return -1
        if u8(p) == (93 if array else 125):
            p += 1
            if depth == 0:
                return p
            around = i64(nest + 16 * depth)
            array = i64(nest + 16 * depth + 8)
            depth -= 1
            first = 0
            continue
        if first == 0:
            if u8(p) != 44:
                return -1
            p = skip_blanks(p + 1, e)
        first = 0
        here = element(around) if array and around != NOWHERE else NOWHERE
        if not array:
            p = key_at(nest, around, p, e)
            here = i64(nest)
        if p < 0 or p >= e:
            return -1
        number = number_of(ctx, here) if here != NOWHERE else -1
        c = u8(p)
        if c == 123 or c == 91:
            found_value(ctx, number, L.V_ARRAY if c == 91 else L.V_OBJECT, p, e)
            if depth == L.MAX_DEPTH:
                return -1
            depth += 1
            put64(nest + 16 * depth, around)
            put64(nest + 16 * depth + 8, array)
            around = here if number >= 0 else NOWHERE
            array = c == 91
            first = 1
            p += 1
            continue
        p = plain_value(ctx, number, p, e)
        if p < 0:
            return -1


@part
def plain_value(ctx: int, number: int, p: int, e: int) -> int:
    """Behind the string, number or word at p, which is kept if it is wanted; -1 where there is none."""
    if u8(p) == 34:
        stop = string_end(p + 1, e)
        if stop < 0:
            return -1
        found_value(ctx, number, L.V_ESCAPED, p + 1, stop)
        return stop + 1
    stop = bare_end(p, e)
    if stop == p:
        return -1
    if not is_null(p, stop - p):
        found_value(ctx, number, L.V_BARE, p, stop)
    return stop


@part
def begin_record(ctx: int) -> int:
    """A line's record begins: what was unpacked before is not needed any more, but for what people are shown."""
    if i64(ctx + L.WIDE) == 0 and i64(ctx + L.NESTED) == 0:
        put64(ctx + L.SIDE_N, 0)
    put64(ctx + L.SIDE_KEPT, i64(ctx + L.SIDE_N))
    return 0


@part
def read_record(ctx: int, p: int, e: int) -> int:
    """`{record}`: behind the JSON object at p, or behind the row of a table that was read already."""
    if i64(ctx + L.ROW_READY) == 0:
        if i64(ctx + L.UNPACKED) == 0:
            begin_record(ctx)
        p = walk(ctx, p, e)
        if p < 0:
            return -1
    else:
        p = e
    put64(ctx + L.KNOWN, 3)
    return p


@entry
def place_of(key: int, n: int, around: int) -> int:
    """`place`, for the table of wanted places; n -1: `element`."""
    return element(around) if n < 0 else place(key, n, around)
