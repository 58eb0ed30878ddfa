"""Kernel: tables, whose header says what stands in which column, and whose rows are records like JSON objects."""

from __future__ import annotations

from mailripple.parse import layout as L
from mailripple.parse.native import ctz, eqmask, i64, part, put64, u8, u32
from mailripple.parse.objects import ROOT, begin_record, found_value, number_of, place
from mailripple.parse.text import find_byte


@part
def column_end(p: int, e: int, table: int) -> int:
    """End of the name or value at p: its separator, or e."""
    at = find_byte(p, e, 9 if table == L.TSV else 44)
    return e if at < 0 else at


@part
def read_columns(ctx: int, table: int, p: int, e: int) -> int:
    """`{columns}`: the names of the columns from p to e; rows of this table follow.  -1 if there are too many."""
    n = 0
    while p <= e:
        if n == L.MAX_COLUMNS:
            return -1
        stop = column_end(p, e, table)
        number = number_of(ctx, place(p, stop - p, ROOT))
        put64(i64(ctx + L.COLUMN_OF) + 8 * n, number if number < L.MAX_PATHS else -1)
        n += 1
        p = stop + 1
    put64(ctx + L.NCOLUMNS, n)
    put64(ctx + L.TABLE, table)
    return e


@part
def is_unset(p: int, e: int) -> int:
    """True for Zeek's `-` and `(empty)`."""
    if e - p == 1:
        return u8(p) == 45
    return e - p == 7 and u32(p) == 0x706D6528 and u32(p + 3) == 0x29797470


@part
def quoted_end(p: int, e: int) -> int:
    """Position of the quote that ends the CSV text at p, in which quotes are doubled; -1 if it stays open."""
    while True:
        at = find_byte(p, e, 34)
        if at < 0:
            return -1
        if at + 1 >= e or u8(at + 1) != 34:
            return at
        p = at + 2


@part
def read_row(ctx: int, p: int, e: int) -> int:
    """True if the line is a row of the table: it has as many values as there are columns.  They are found values.

    `mask` are the separators in the 32 bytes at `block` that are not used up yet.
    """
    table = i64(ctx + L.TABLE)
    columns = i64(ctx + L.NCOLUMNS)
    byte = 9 if table == L.TSV else 44
    put64(ctx + L.RECORD_NO, i64(ctx + L.RECORD_NO) + 1)
    block = p
    mask = eqmask(p, byte)
    for n in range(columns):
        number = i64(i64(ctx + L.COLUMN_OF) + 8 * n)
        if table == L.CSV and p < e and u8(p) == 34:
            stop = quoted_end(p + 1, e)
            if stop < 0 or (stop + 1 < e and u8(stop + 1) != 44):
                return 0
            found_value(ctx, number, L.V_QUOTED, p + 1, stop)
            stop += 1
            block = stop + 1
            mask = eqmask(block, byte)
        else:
            while mask == 0 and block + 32 < e:
                block += 32
                mask = eqmask(block, byte)
            stop = block + ctz(mask) if mask != 0 else e
            mask &= mask - 1
            if number >= 0 and not (table == L.TSV and is_unset(p, min(stop, e))):
                found_value(ctx, number, L.V_TEXT, p, min(stop, e))
        if stop >= e:
            return n + 1 == columns
        p = stop + 1
    return 0


@part
def row_start(ctx: int, p: int, e: int, otherwise: int) -> int:
    """Where the program begins for a line below a header: at the rows if it is a row, else where any line begins."""
    put64(ctx + L.ROW_READY, 0)
    if u8(p) == 35 or not read_row(ctx, p, e):
        return otherwise
    begin_record(ctx)
    put64(ctx + L.ROW_READY, 1)
    return i64(ctx + L.ROWS)
