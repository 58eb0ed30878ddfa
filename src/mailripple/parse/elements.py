"""Kernel: the elements of the format language, each read where it stands (see `formats.language`)."""

from __future__ import annotations

from mailripple.parse import layout as L
from mailripple.parse.addresses import read_ipv4, skip_address_text, slow_ipv4
from mailripple.parse.clock import (
    stamp_dmy,
    stamp_epoch,
    stamp_inner,
    stamp_iso,
    stamp_long,
    stamp_rfc3164,
    stamp_tai64n,
    stamp_win,
)
from mailripple.parse.emit import (
    address_key,
    bracket_key,
    is_host_at_hand,
    keep_address,
    put_rcpt,
    set_slot,
    slot_begin,
    slot_end,
)
from mailripple.parse.native import ctz, eqmask, i64, inline, part, position, put8, put64, rangemask, samemask, u8
from mailripple.parse.objects import read_record
from mailripple.parse.rows import read_columns
from mailripple.parse.text import (
    ALL,
    V4_KEY,
    equal,
    find_byte,
    find_last_byte,
    find_text,
    hex_value,
    is_digit,
    read_int,
    scan_path,
    skip_addr,
    skip_digits,
    skip_qid,
    skip_quoted,
    skip_word,
)

#: No name that the DNS allows is written longer than that.
MAX_LABELS = 1200


@part
def keep(ctx: int, slot: int, p: int, e: int) -> int:
    """Keep a value if the pattern wants it (slot -1: it does not)."""
    if slot >= 0:
        set_slot(ctx, slot, p, e)


@inline
def crosses(ctx: int, row: int, stop: int, e: int) -> int:
    """True if the row's literal (a, c: as in `literal_at`), which would end at `stop`, may reach over the end.

    Where a line ends a newline, CR or space stands: a literal that ends with neither cannot reach beyond, and where it
    is known that a line is read, not a value (WHOLE_LINE), this need not be asked.
    """
    n = i64(row + 24)
    return (i64(ctx + L.WHOLE_LINE) == 0 or n > 8 or (i64(row + 8) >> (8 * n - 8)) & 255 <= 32) and stop > e


@part
def literal_at(ctx: int, row: int, p: int, e: int) -> int:
    """Position behind the row's literal if it stands at p, else -1.  a, b: 8 bytes and mask; c: length; d: rest."""
    n = i64(row + 24)
    stop = position(p + n)
    if crosses(ctx, row, stop, e) or (i64(p) ^ i64(row + 8)) & i64(row + 16) != 0:
        return -1
    if n > 8 and not equal(p + 8, i64(ctx + L.LITS) + i64(row + 32), n - 8):
        return -1
    return stop


@part
def read_address(ctx: int, slot: int, p: int, e: int) -> int:
    """Keep the IP address at p (`IPv6:` in front, a zone or an IPv4's `:port` behind allowed); its end, or -1."""
    start = p
    out = i64(ctx + L.SCRATCH)
    stop = read_ipv4(p, e, out)
    if stop < 0 and e - p > 5 and (i64(p) | 0x202020) & 0xFFFFFFFFFF == 0x3A36767069:
        start = p + 5
        stop = slow_ipv4(start, e, out)
    key = V4_KEY + i64(out)
    if stop < 0 or (u8(stop) > 45 and u8(stop) != 58 and is_address_byte(u8(stop))):
        stop = skip_address_text(start, e)
        if stop - start < 2:
            return -1
        key = address_key(ctx, start, stop)
        if key == 0:
            return -1
    if slot >= 0:
        keep_address(ctx, slot, start, stop, key)
    return skip_zone(stop, e) if stop < e and u8(stop) == 37 else stop


@part
def is_address_byte(c: int) -> int:
    return c == 46 or c == 58 or hex_value(c) >= 0


@part
def read_addr(ctx: int, slot: int, p: int, e: int) -> int:
    """Keep the address at p without its angle brackets; its end."""
    stop = skip_addr(p, e, ctx + L.UNCLOSED)
    if slot >= 0:
        if stop - p >= 2 and u8(p) == 60 and u8(stop - 1) == 62:
            set_slot(ctx, slot, p + 1, stop - 1)
        else:
            set_slot(ctx, slot, p, stop)
    return stop


@part
def read_addrs(ctx: int, slot: int, p: int, e: int) -> int:
    """Keep the list of addresses at p and add each to the recipients; its end."""
    start = p
    put64(ctx + L.UNCLOSED, 0)
    while True:
        stop = skip_addr(p, e, ctx + L.UNCLOSED)
        if stop > p:
            put_rcpt(ctx, p, stop)
        if stop + 1 < e and u8(stop) == 44 and u8(stop + 1) != 32:
            p = stop + 1
            continue
        break
    keep(ctx, slot, start, stop)
    return stop


@part
def read_path(ctx: int, slot: int, angle: int, p: int, e: int) -> int:
    """Keep the one address at p without its angle brackets, which it must have if `angle`; its end, or -1."""
    bracket = p < e and u8(p) == 60
    stop = scan_path(p, e, 1)
    if stop < 0:
        stop = scan_path(p, e, 0)
    if stop <= p or (angle and not bracket):
        return -1
    if slot == L.SLOT_RCPT:
        put_rcpt(ctx, p, stop)
    keep(ctx, slot, p + bracket, stop - bracket)
    return stop


@part
def read_peer(ctx: int, slot: int, ip_slot: int, p: int, e: int) -> int:
    """Keep `name [address]` and, apart, the last bracketed address."""
    keep(ctx, slot, p, e)
    bracket_key(ctx, p, e, ip_slot)
    return e


@part
def skip_program(p: int, e: int) -> int:
    """End of a program's name: letters, digits and `-_./@+`."""
    while p < e:
        mask = rangemask(p, 97, 122) | rangemask(p, 45, 57) | rangemask(p, 64, 90)
        others = (mask | eqmask(p, 95) | eqmask(p, 43)) ^ ALL
        if others != 0:
            return min(p + ctz(others), e)
        p += 32
    return min(p, e)


@part
def read_host(ctx: int, slot: int, p: int, e: int) -> int:
    """Keep the word at p as the host and go behind its space, unless the word is the program itself.

    HOST_MASK: the bytes of the host at hand and the space behind it, if it was read here before; else -1.
    """
    usual = i64(ctx + L.HOST_MASK)
    stop = p + i64(ctx + L.HOST_LEN)
    if slot == L.SLOT_HOST and samemask(p, ctx + L.HOST_TEXT) & usual == usual and stop < e:
        keep(ctx, slot, p, stop)
        return position(stop + 1)
    stop = skip_word(p, e)
    if stop == p or u8(p) == 60:
        return -1
    if stop == e:
        return p
    if u8(stop - 1) == 58 or has_bracket(p, stop):
        return p
    keep(ctx, slot, p, stop)
    if slot == L.SLOT_HOST and is_host_at_hand(ctx, p, stop - p):
        put64(ctx + L.HOST_MASK, (2 << (stop - p)) - 1)
        put8(ctx + L.HOST_TEXT + stop - p, 32)
    return position(stop + 1)


@inline
def has_bracket(p: int, e: int) -> int:
    """True if there is a `[` in [p, e), and the first one is not its first byte."""
    if e - p > 32:
        return find_byte(p, e, 91) > p
    brackets = eqmask(p, 91) & ((1 << (e - p)) - 1)
    return brackets != 0 and brackets & 1 == 0


@part
def skip_structured_data(p: int, e: int) -> int:
    """Behind the structured data of RFC 5424: `-`, or `[...]` once or more with quoted values."""
    if p < e and u8(p) == 45:
        return p + 1
    if p >= e or u8(p) != 91:
        return -1
    while p < e and u8(p) == 91:
        while p < e and u8(p) != 93:
            if u8(p) == 34:
                p = skip_quoted(p, e)
                if p < 0:
                    return -1
            else:
                p += 1
        if p >= e:
            return -1
        p += 1
    return p


@part
def read_time(ctx: int, which: int, p: int, e: int) -> int:
    if which == L.T_RFC3164:
        return stamp_rfc3164(ctx, p, e)
    if which == L.T_ISO:
        return stamp_iso(ctx, p, e)
    if which == L.T_SPACED:
        return stamp_iso(ctx, p, e) if p + 10 < e and u8(p + 10) == 32 else -1
    if which == L.T_INNER:
        return stamp_inner(ctx, p, e)
    if which >= L.T_EPOCH:
        return read_other_time(ctx, which, p, e)
    return stamp_dmy(ctx, p, e)


@part
def read_other_time(ctx: int, which: int, p: int, e: int) -> int:
    if which == L.T_EPOCH:
        return stamp_epoch(ctx, p, e)
    if which == L.T_TAI64N:
        return stamp_tai64n(ctx, p, e)
    if which == L.T_LONG:
        return stamp_long(ctx, p, e)
    return stamp_win(ctx, p, e)


@part
def skip_dname(p: int, e: int) -> int:
    """End of the name at p: the first space that has no backslash before it."""
    while p < e and u8(p) != 32:
        p += 2 if u8(p) == 92 else 1
    return min(p, e)


@part
def skip_pad(p: int, e: int) -> int:
    """Behind the spaces and tabs at p."""
    while p < e and (u8(p) == 32 or u8(p) == 9):
        p += 1
    return p


@part
def read_labels(ctx: int, slot: int, p: int, e: int) -> int:
    """Keep the name `(3)www(7)example(3)com(0)` at p as `www.example.com.`, beside the text; its end, or -1.

    The number is believed where it leads to the next one: a label may hold brackets.  Where bytes were escaped the
    label is longer than it says and goes on to the next bracket.
    """
    begin = i64(ctx + L.SIDE) + max(i64(ctx + L.SIDE_N), i64(ctx + L.SIDE_KEPT))
    out = begin
    start = p
    while p < e and u8(p) == 40:
        stop = skip_digits(p + 1, e)
        if stop == p + 1 or stop - p > 3 or stop >= e or u8(stop) != 41:
            return -1
        n = read_int(p + 1, stop)
        p = stop + 1
        if n == 0:
            if out == begin:
                put8(out, 46)
                out += 1
            keep(ctx, slot, begin, out)
            put64(ctx + L.SIDE_N, out - i64(ctx + L.SIDE))
            return p
        stop = p + n
        if stop >= e or u8(stop) != 40:
            stop = find_byte(p, e, 40)
        if stop <= p or stop - start > MAX_LABELS:
            return -1
        for k in range(stop - p):
            put8(out + k, u8(p + k))
        out += stop - p
        put8(out, 46)
        out += 1
        p = stop
    return -1


@part
def step_typed(ctx: int, op: int, row: int, p: int, e: int) -> int:
    """The elements that read a value of their own shape; the position behind it, or -1."""
    slot = i64(row + 40)
    if op == L.WORD_OP:
        if i64(row + 24) == 1 and i64(row + 8) & 0xFF == 32:  # where it ends the space stands that is wanted
            stop = find_byte(p, e, 32)
            if stop <= p:
                return -1
            keep(ctx, slot, p, stop)
            return position(stop + 1)
        stop = skip_word(p, e)
    elif op == L.INT:
        stop = skip_digits(p, e)
        if stop - p > 18:
            return -1
    elif op == L.QID:
        stop = skip_qid(p, e)
    elif op == L.IP:
        return then(ctx, row, read_address(ctx, slot, p, e), e)
    elif op == L.ADDR:
        put64(ctx + L.UNCLOSED, 0)
        return then(ctx, row, read_addr(ctx, slot, p, e), e)
    elif op == L.ADDRS:
        return then(ctx, row, read_addrs(ctx, slot, p, e), e)
    elif op == L.PATH:
        return then(ctx, row, read_path(ctx, slot, i64(row + 32), p, e), e)
    elif op == L.PROGRAM:
        stop = skip_program(p, e)
    elif op == L.DNAME:
        stop = skip_dname(p, e)
    else:
        return step_rare(ctx, op, row, p, e)
    if stop <= p:
        return -1
    keep(ctx, slot, p, stop)
    return then(ctx, row, stop, e)


@part
def then(ctx: int, row: int, p: int, e: int) -> int:
    """Position behind the short literal that the compiler joined to an element, if it stands at p; else -1."""
    if p < 0 or i64(row + 24) == 0:
        return p
    stop = position(p + i64(row + 24))
    if crosses(ctx, row, stop, e) or (i64(p) ^ i64(row + 8)) & i64(row + 16) != 0:
        return -1
    return stop


@part
def skip_zone(p: int, e: int) -> int:
    """Behind the `%eth0` of a scoped IPv6 address."""
    p += 1
    while p < e and (is_digit(u8(p)) or (u8(p) | 32 >= 97 and u8(p) | 32 <= 122)):
        p += 1
    return p


@part
def keep_daemon(ctx: int, slot: int) -> int:
    """Keep the last part of the program's name, if the line names its program."""
    if i64(ctx + L.HAVE) & (1 << L.SLOT_PROGRAM):
        name = slot_begin(ctx, L.SLOT_PROGRAM)
        stop = slot_end(ctx, L.SLOT_PROGRAM)
        slash = find_last_byte(name, stop, 47)
        keep(ctx, slot, name if slash < 0 else slash + 1, stop)
    return 0


@part
def step_rare(ctx: int, op: int, row: int, p: int, e: int) -> int:
    """Elements that stand once in a line at most."""
    slot = i64(row + 40)
    if op == L.PAD_OP:
        return then(ctx, row, skip_pad(p, e), e)
    if op == L.DAEMON:
        keep_daemon(ctx, slot)
        return then(ctx, row, p, e)
    if op == L.LABELS:
        return then(ctx, row, read_labels(ctx, slot, p, e), e)
    if op == L.TIME:
        return then(ctx, row, read_time(ctx, i64(row + 32), p, e), e)
    if op == L.HOST:
        return read_host(ctx, slot, p, e)
    if op == L.SD:
        return skip_structured_data(p, e)
    if op == L.PEER:
        return read_peer(ctx, slot, i64(row + 8), p, e)
    if op == L.ADDRESS:
        start = slot_begin(ctx, slot)
        stop = slot_end(ctx, slot)
        keep_address(ctx, slot, start, stop, address_key(ctx, start, stop))
        return p
    if op == L.RECORD:
        return read_record(ctx, p, e)
    if op == L.COLUMNS_OP:
        return read_columns(ctx, i64(row + 32), p, e)
    return -1


@part
def step_search(ctx: int, op: int, row: int, p: int, e: int) -> int:
    """`{field}`: up to the literal (UNTIL goes behind it, UPTO stays before it), or the rest."""
    slot = i64(row + 40)
    if op == L.REST:
        keep(ctx, slot, p, e)
        return e
    n = i64(row + 24)
    at = find_text(p, e, i64(ctx + L.LITS) + i64(row + 32), n)
    if at < 0:
        return -1
    if op == L.UPTO_LAST:
        following = at
        while following >= 0:
            at = following
            following = find_text(at + 1, e, i64(ctx + L.LITS) + i64(row + 32), n)
    keep(ctx, slot, p, at)
    if op == L.UNTIL:
        return position(at + n)
    return at
