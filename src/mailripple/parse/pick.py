"""Kernel: from the values of a record to the fields of an event."""

from __future__ import annotations

from mailripple.parse import layout as L
from mailripple.parse.clock import stamp_iso
from mailripple.parse.elements import read_addrs
from mailripple.parse.emit import address_key, keep_address, put_rcpt, set_slot
from mailripple.parse.native import i64, part, put8, put64, u8
from mailripple.parse.objects import VALUE_BYTES, bare_end, is_null, skip_blanks, string_end
from mailripple.parse.text import equal, find_byte, hex_value, is_digit, read_int, skip_digits

ROW_BYTES = 8 * L.ROW
SECOND = 1_000_000


@part
def value_of(ctx: int, number: int) -> int:
    """Address of the record's value, 0 if it has none, or an empty one."""
    v = i64(ctx + L.VALUES) + VALUE_BYTES * number
    if i64(v) != i64(ctx + L.RECORD_NO):
        return 0
    return v if i64(v + 24) > i64(v + 16) else 0


@part
def side(ctx: int) -> int:
    """Where the next text that does not stand in the line can be written: behind the record's values in any case."""
    return i64(ctx + L.SIDE) + max(i64(ctx + L.SIDE_N), i64(ctx + L.SIDE_KEPT))


@part
def fits(ctx: int, n: int) -> int:
    """True if n bytes more can be written there.  They always can, but for formats that unpack a line many times."""
    return max(i64(ctx + L.SIDE_N), i64(ctx + L.SIDE_KEPT)) + n + 64 <= i64(ctx + L.SIDE_CAP)


@part
def side_to(ctx: int, e: int) -> int:
    """The text beside the line ends at e."""
    put64(ctx + L.SIDE_N, e - i64(ctx + L.SIDE))
    return 0


@part
def copy(p: int, e: int, out: int) -> int:
    """Copy [p, e) to `out`, which has 8 bytes more than needed; its end."""
    n = e - p
    for k in range(0, n, 8):
        put64(out + k, i64(p + k))
    return out + n


@part
def put_utf8(out: int, c: int) -> int:
    """Write a code point, surrogates as they are; the position behind it."""
    if c < 0x80:
        put8(out, c)
        return out + 1
    if c < 0x800:
        put8(out, 0xC0 | (c >> 6))
        put8(out + 1, 0x80 | (c & 63))
        return out + 2
    if c < 0x10000:
        put8(out, 0xE0 | (c >> 12))
        put8(out + 1, 0x80 | ((c >> 6) & 63))
        put8(out + 2, 0x80 | (c & 63))
        return out + 3
    put8(out, 0xF0 | (c >> 18))
    put8(out + 1, 0x80 | ((c >> 12) & 63))
    put8(out + 2, 0x80 | ((c >> 6) & 63))
    put8(out + 3, 0x80 | (c & 63))
    return out + 4


@part
def four_hex(p: int, e: int) -> int:
    """Value of the `\\uXXXX` at p, or -1."""
    if p + 6 > e or u8(p) != 92 or u8(p + 1) != 117:
        return -1
    value = 0
    for k in range(4):
        digit = hex_value(u8(p + 2 + k))
        if digit < 0:
            return -1
        value = value * 16 + digit
    return value


@part
def plain_escape(c: int) -> int:
    """The byte that `\\c` stands for, or -1."""
    if c == 34 or c == 92 or c == 47:
        return c
    if c == 110:
        return 10
    if c == 116:
        return 9
    if c == 114:
        return 13
    if c == 98:
        return 8
    if c == 102:
        return 12
    return -1


@part
def unescape(p: int, e: int, out: int) -> int:
    """Write the JSON text [p, e) without its escapes; the end of what was written.  It never grows.

    An escape that JSON does not know stays as it is.
    """
    while p < e:
        at = find_byte(p, e, 92)
        if at < 0:
            return copy(p, e, out)
        out = copy(p, at, out)
        p = at
        code = four_hex(p, e)
        plain = plain_escape(u8(p + 1)) if p + 1 < e else -1
        if code >= 0:
            p += 6
            low = four_hex(p, e)
            if code >= 0xD800 and code < 0xDC00 and low >= 0xDC00 and low < 0xE000:
                code = 0x10000 + ((code - 0xD800) << 10) + low - 0xDC00
                p += 6
            out = put_utf8(out, code)
        elif plain >= 0:
            put8(out, plain)
            out += 1
            p += 2
        else:
            put8(out, 92)
            out += 1
            p += 1
    return out


@part
def unquote(p: int, e: int, out: int) -> int:
    """Write the text [p, e) of a quoted CSV value, in which quotes are doubled."""
    while p < e:
        c = u8(p)
        put8(out, c)
        out += 1
        p += 2 if c == 34 else 1
    return out


@part
def make_plain(ctx: int, v: int) -> int:
    """Make the value plain text, beside the line if it must be changed; False for an array or object."""
    kind = i64(v + 8)
    if kind == L.V_ARRAY or kind == L.V_OBJECT:
        return 0
    p = i64(v + 16)
    e = i64(v + 24)
    mark = 92 if kind == L.V_ESCAPED else 34
    if (kind == L.V_ESCAPED or kind == L.V_QUOTED) and find_byte(p, e, mark) >= 0:
        if not fits(ctx, e - p):
            return 0
        out = side(ctx)
        stop = unescape(p, e, out) if kind == L.V_ESCAPED else unquote(p, e, out)
        side_to(ctx, stop)
        put64(ctx + L.SIDE_KEPT, stop - i64(ctx + L.SIDE))  # the value stays, also if this pattern does not fit
        put64(v + 16, out)
        put64(v + 24, stop)
    put64(v + 8, L.V_TEXT)
    return 1


@part
def texts_of(ctx: int, slot: int, p: int, e: int) -> int:
    """The strings of the JSON array at p: recipients, joined by commas beside the line."""
    if not fits(ctx, e - p):
        return 0
    out = side(ctx)
    begin = out
    n = 0
    p += 1
    while True:
        p = skip_blanks(p, e)
        if p < e and u8(p) == 44:
            p = skip_blanks(p + 1, e)
        quoted = p < e and u8(p) == 34
        p += quoted
        stop = string_end(p, e) if quoted else bare_end(p, e)
        if not quoted and (stop == p or is_null(p, stop - p)):
            break
        if n > 0:
            put8(out, 44)
            out += 1
        end = unescape(p, stop, out)
        if end > out:
            put_rcpt(ctx, out, end)
        out = end
        n += 1
        p = stop + quoted
    side_to(ctx, out)
    if n > 0:
        set_slot(ctx, slot, begin, out)
    return 0


@part
def bytes_of(ctx: int, p: int, e: int) -> int:
    """The bytes that the JSON array of numbers at p lists, as the message; False where it is none."""
    if not fits(ctx, e - p):
        return 0
    out = side(ctx)
    begin = out
    p += 1
    while True:
        p = skip_blanks(p, e)
        if p < e and u8(p) == 44:
            p = skip_blanks(p + 1, e)
        if p >= e or u8(p) == 93:
            break
        stop = bare_end(p, e)
        if stop == p or stop - p > 3 or skip_digits(p, stop) != stop or read_int(p, stop) > 255:
            return 0
        put8(out, read_int(p, stop))
        out += 1
        p = stop
    side_to(ctx, out)
    return set_inner(ctx, begin, out)


@part
def set_inner(ctx: int, p: int, e: int) -> int:
    """Keep the record's message, without the line end and spaces behind it."""
    while e > p and (u8(e - 1) == 10 or u8(e - 1) == 13 or u8(e - 1) == 32):
        e -= 1
    put64(ctx + L.INNER, p)
    put64(ctx + L.INNER_END, e)
    return 1


@part
def list_of(ctx: int, slot: int, p: int, e: int) -> int:
    """The recipients of a table's value: parted by `;` in CSV (they are kept with commas), else by commas."""
    if i64(ctx + L.ROW_READY) == 0 or i64(ctx + L.TABLE) != L.CSV:
        read_addrs(ctx, slot, p, e)
        return 0
    if not fits(ctx, e - p):
        return 0
    out = side(ctx)
    begin = out
    n = 0
    while p <= e:
        stop = find_byte(p, e, 59)
        if stop < 0:
            stop = e
        if n > 0:
            put8(out, 44)
            out += 1
        end = copy(p, stop, out)
        if end > out:
            put_rcpt(ctx, out, end)
        out = end
        n += 1
        p = stop + 1
    side_to(ctx, out)
    set_slot(ctx, slot, begin, out)
    return 0


@part
def stamp_number(ctx: int, p: int, e: int, unit: int) -> int:
    """Time as a number of units of `unit` ns since 1970, with a fraction if the unit is a second."""
    stop = skip_digits(p, e)
    if stop == p or stop - p > 18:
        return 0
    value = read_int(p, stop)
    if unit == 1_000_000_000:
        if stop - p > 11:
            return 0
        micros = value * SECOND
        scale = SECOND
        if stop < e and u8(stop) == 46:
            stop += 1
            while stop < e and is_digit(u8(stop)):
                scale = scale // 10
                micros += (u8(stop) - 48) * scale
                stop += 1
    else:
        micros = value // 1000 if unit == 1 else (value if unit == 1000 else value * 1000)
        if unit == 1_000_000 and stop - p > 14:
            return 0
    if stop != e:
        return 0
    put64(ctx + L.TS, micros)
    put64(ctx + L.TS_KIND, L.UTC)
    return 1


@part
def stamp_of(ctx: int, kind: int, p: int, e: int) -> int:
    """The time that a value says; False where it says none."""
    if kind == L.P_TIME:
        if p + 5 <= e and u8(p + 4) == 45:
            return stamp_iso(ctx, p, e) == e
        return stamp_number(ctx, p, e, 1_000_000_000)
    return stamp_number(ctx, p, e, 1 if kind == L.P_NS else (1000 if kind == L.P_US else 1_000_000))


@part
def asked(ctx: int, row: int) -> int:
    """True if the record's value is what the row asks for."""
    flags = i64(row + 32) >> 48
    v = value_of(ctx, (i64(row + 32) >> 32) & 0xFFFF)
    if v == 0:
        return 0
    if flags & 2:
        return 1
    if not make_plain(ctx, v):
        return 0
    p = i64(v + 16)
    n = i64(row + 24)
    if i64(v + 24) - p != n:
        return 0
    if (i64(p) ^ i64(row + 8)) & i64(row + 16) != 0:
        return 0
    return n <= 8 or equal(p + 8, i64(ctx + L.LITS) + (i64(row + 32) & 0xFFFFFFFF), n - 8)


@part
def pick_one(ctx: int, kind: int, v: int, slot: int) -> int:
    """Fill a field with the value at v; False if it cannot be read so."""
    p = i64(v + 16)
    e = i64(v + 24)
    if i64(v + 8) == L.V_ARRAY:
        if kind == L.P_MESSAGE:
            return bytes_of(ctx, p, e)
        if kind == L.P_ADDRS:
            texts_of(ctx, slot, p, e)
        return 1
    if not make_plain(ctx, v):
        return 1
    p = i64(v + 16)
    e = i64(v + 24)
    if kind == L.P_TEXT:
        set_slot(ctx, slot, p, e)
    elif kind == L.P_IP:
        zone = find_byte(p, e, 37)
        e = e if zone < 0 else zone
        keep_address(ctx, slot, p, e, address_key(ctx, p, e))
    elif kind == L.P_ADDR:
        inside = e - p >= 2 and u8(p) == 60 and u8(e - 1) == 62
        set_slot(ctx, slot, p + inside, e - inside)
    elif kind == L.P_ADDRS:
        list_of(ctx, slot, p, e)
    elif kind == L.P_MESSAGE:
        set_inner(ctx, p, e)
    else:
        return stamp_of(ctx, kind, p, e)
    return 1


@part
def give(ctx: int, slot: int, text: int, n: int) -> int:
    """Fill a field with a text of the format's own."""
    if not fits(ctx, n):
        return 0
    begin = side(ctx)
    side_to(ctx, copy(text, text + n, begin))
    set_slot(ctx, slot, begin, side(ctx))
    return 0


@part
def pick(ctx: int, row: int, p: int) -> int:
    """p if the record is what the pattern asks for, its fields then filled; else -1.

    a: number of rows behind this one, of which the first b ask: a text as in a literal; d >> 32: number of the path;
    d >> 48: 1 the last text for this path, 2 any text.  The others want: a: how the value is read; b: number of the
    path; slot (-1: time and message).  The first value that there is fills a field.
    """
    tests = i64(row + 16)
    wanted = i64(row + 8) - tests
    fits = 0
    for k in range(tests):
        row += ROW_BYTES
        if fits == 0:
            fits = asked(ctx, row)
        if (i64(row + 32) >> 48) & 1:
            if fits == 0:
                return -1
            fits = 0
    put64(ctx + L.INNER, 0)
    for k in range(wanted):
        row += ROW_BYTES
        slot = i64(row + 40)
        kind = i64(row + 8)
        if slot >= 0:
            if i64(ctx + L.HAVE) & (1 << slot):
                continue
        elif i64(ctx + (L.INNER if kind == L.P_MESSAGE else L.TS_KIND)) != 0:
            continue
        if kind == L.P_GIVEN:
            give(ctx, slot, i64(ctx + L.LITS) + i64(row + 16), i64(row + 24))
            continue
        v = value_of(ctx, i64(row + 16))
        if v != 0 and not pick_one(ctx, kind, v, slot):
            return -1
    return p
