"""Kernel: open hash tables that are cleaned and enlarged where they stand.

A slot begins with its key, 0 where it is free, and is free in all its words then.  A key belongs at `home`; it is
found by going on from there until a free slot.  Nothing is copied to a second table: memory that is touched for the
first time costs more than all the rest.
"""

from __future__ import annotations

from mailripple.parse.native import entry, i64, part, put64, shr


@part
def home(key: int, mask: int) -> int:
    """Number of the slot where a key belongs, in a table of mask + 1 slots (a power of two)."""
    return shr(key, 1) & mask


@part
def place_of(state: int, table: int, size: int, key: int) -> int:
    """Address of the slot where the key belongs, in a table whose address and mask are words of a state block."""
    return i64(state + table) + size * home(key, i64(state + table + 8))


@part
def find(base: int, size: int, mask: int, key: int) -> int:
    """Address of the key's slot, or of the free slot where it would stand; slots of `size` bytes."""
    at = home(key, mask)
    while i64(base + size * at) != 0 and i64(base + size * at) != key:
        at = (at + 1) & mask
    return base + size * at


@part
def empty(slot: int, size: int) -> int:
    """Free a slot: who looks for a key that is not there reads zeros."""
    for w in range(0, size, 8):
        put64(slot + w, 0)
    return 0


@part
def first_free(base: int, size: int) -> int:
    """Number of the first free slot; there must be one."""
    at = 0
    while i64(base + size * at) != 0:
        at += 1
    return at


@part
def settle(base: int, size: int, mask: int, here: int) -> int:
    """Move the entry of slot `here` to the first free slot from where it belongs on, if one comes before.

    Done for all entries in the order of the slots, from a free one on, this puts a table in order of which entries
    were removed: what was passed is in order by then.
    """
    slot = base + size * here
    at = home(i64(slot), mask)
    while at != here and i64(base + size * at) != 0:
        at = (at + 1) & mask
    if at != here:
        for w in range(0, size, 8):
            put64(base + size * at + w, i64(slot + w))
        empty(slot, size)
    return 0


@part
def forget_before(base: int, size: int, mask: int, moment: int) -> int:
    """Free the slots whose second word, a time, is before the moment; how many are left.  At least one slot must be
    empty."""
    first = first_free(base, size)
    kept = 0
    for k in range(first + 1, first + mask + 1):
        slot = base + size * (k & mask)
        if i64(slot) == 0:
            continue
        if i64(slot + 8) < moment:
            empty(slot, size)
        else:
            settle(base, size, mask, k & mask)
            kept += 1
    return kept


@entry
def widen(base: int, size: int, mask: int) -> int:
    """Make a table of mask + 1 slots twice as large; as many free slots must follow behind it.

    An entry belongs where it did or a table's length further on, and is never further from there than before: those in
    its way were in its way already.  So none passes one that is still to be moved, not even over the end.
    """
    first = first_free(base, size)
    for k in range(first + 1, first + mask + 1):
        if i64(base + size * (k & mask)) != 0:
            settle(base, size, 2 * mask + 1, k & mask)
    return 0
