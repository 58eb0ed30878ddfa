"""Kernel: the machine that runs a compiled set of formats over the lines of a part.

A program is a table of rows [op, a, b, c, d, slot].  `execute` follows it along one line and never looks at a byte
of the line again except where an alternative begins anew at a place it has saved, so the time is linear in the line
times the number of alternatives.  `run` is what Python calls.
"""

from __future__ import annotations

from mailripple.parse import layout as L
from mailripple.parse.clock import stamp_dmy, stamp_inner, stamp_iso, stamp_rfc3164
from mailripple.parse.emit import (
    address_key,
    bracket_key,
    emit,
    keep_address,
    name_key,
    put_rcpt,
    set_slot,
    slot_begin,
    slot_end,
    text_key,
)
from mailripple.parse.native import entry, i64, part, put64, u8
from mailripple.parse.text import (
    V4_KEY,
    equal,
    find_byte,
    find_text,
    hash_text,
    hex_value,
    is_alnum,
    is_digit,
    read_ipv4,
    skip_addr,
    skip_address_text,
    skip_digits,
    skip_qid,
    skip_quoted,
    skip_word,
)

ROW_BYTES = 8 * L.ROW


@part
def keep(ctx: int, slot: int, p: int, e: int) -> int:
    """Keep a value if the pattern wants it (slot -1: it does not)."""
    if slot >= 0:
        set_slot(ctx, slot, p, e)


@part
def literal_at(ctx: int, row: int, p: int, e: int) -> int:
    """Position behind the row's literal if it stands at p, else -1.  a, b: 8 bytes and mask; c: length; d: rest."""
    n = i64(row + 24)
    if p + n > e or (i64(p) ^ i64(row + 8)) & i64(row + 16) != 0:
        return -1
    if n > 8 and not equal(p + 8, i64(ctx + L.LITS) + i64(row + 32), n - 8):
        return -1
    return p + n


@part
def read_address(ctx: int, slot: int, p: int, e: int) -> int:
    """Keep the IP address at p (`IPv6:` in front and a zone behind allowed); its end, or -1."""
    start = p
    if e - p > 5 and (i64(p) | 0x202020) & 0xFFFFFFFFFF == 0x3A36767069:
        start = p + 5
    out = i64(ctx + L.SCRATCH)
    stop = read_ipv4(start, e, out)
    key = V4_KEY + i64(out)
    if stop < 0 or is_address_byte(u8(stop)):
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
def read_peer(ctx: int, slot: int, ip_slot: int, p: int, e: int) -> int:
    """Keep `name [address]` and, apart, the last bracketed address."""
    keep(ctx, slot, p, e)
    bracket_key(ctx, p, e, ip_slot)
    return e


@part
def skip_program(p: int, e: int) -> int:
    """End of a program's name: letters, digits and `-_./@+`."""
    while p < e:
        c = u8(p)
        if not is_alnum(c) and c != 45 and c != 46 and c != 47 and c != 64 and c != 95 and c != 43:
            break
        p += 1
    return p


@part
def read_host(ctx: int, slot: int, p: int, e: int) -> int:
    """Keep the word at p as the host and go behind its space, unless the word is the program itself."""
    stop = skip_word(p, e)
    if stop == p:
        return -1
    if stop == e:
        return p
    bracket = find_byte(p, stop, 91)
    if u8(stop - 1) == 58 or bracket > p:
        return p
    keep(ctx, slot, p, stop)
    return stop + 1


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
    if which == L.T_INNER:
        return stamp_inner(ctx, p, e)
    return stamp_dmy(ctx, p, e)


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


@part
def set_status(ctx: int, row: int, p: int, e: int) -> int:
    """First rule that fits gives the status: a, b, c, d the literal, slot the field; d >> 32: status | exact << 8."""
    if i64(ctx + L.STATUS) != 0:
        return 0
    slot = i64(row + 40)
    rule = i64(row + 32) >> 32
    if slot >= 0:
        if i64(ctx + L.HAVE) & (1 << slot) == 0:
            return 0
        start = slot_begin(ctx, slot)
        stop = slot_end(ctx, slot)
        n = i64(row + 24)
        if start + n > stop or (i64(start) ^ i64(row + 8)) & i64(row + 16) != 0:
            return 0
        if n > 8 and not equal(start + 8, i64(ctx + L.LITS) + (i64(row + 32) & 0xFFFFFFFF), n - 8):
            return 0
        if rule & 256 and start + n != stop:
            return 0
    put64(ctx + L.STATUS, rule & 255)


@part
def dispatch(ctx: int) -> int:
    """Row of the format of the line's program, or -1; the line then counts under the program's name."""
    p = slot_begin(ctx, L.SLOT_PROGRAM)
    n = slot_end(ctx, L.SLOT_PROGRAM) - p
    key = hash_text(p, n, 0) | 1
    mask = i64(ctx + L.PROGRAM_MASK)
    at = key & mask
    while True:
        found = i64(i64(ctx + L.PROGRAMS) + 16 * at)
        if found == key:
            return i64(i64(ctx + L.PROGRAMS) + 16 * at + 8)
        if found == 0:
            break
        at = (at + 1) & mask
    count_other(ctx, name_key(ctx, p, min(n, 64)))
    return -1


@part
def count_other(ctx: int, key: int) -> int:
    """Count a line of a program that no format is for; a crowded table counts under key 1, "(more)"."""
    mask = i64(ctx + L.OTHER_MASK)
    at = key & mask
    for k in range(64):
        found = i64(i64(ctx + L.OTHER) + 16 * at)
        if found == key or found == 0:
            put64(i64(ctx + L.OTHER) + 16 * at, key)
            put64(i64(ctx + L.OTHER) + 16 * at + 8, i64(i64(ctx + L.OTHER) + 16 * at + 8) + 1)
            return 0
        at = (at + 1) & mask
    put64(ctx + L.OTHER_LINES, i64(ctx + L.OTHER_LINES) + 1)


@part
def count_pattern(ctx: int, pattern: int) -> int:
    at = i64(ctx + L.PCOUNT) + 8 * pattern
    put64(at, i64(at) + 1)


@part
def reject(ctx: int, reason: int, p: int) -> int:
    """Count a line that was not understood; its place is kept."""
    n = i64(ctx + L.NREJECT)
    put64(i64(ctx + L.REJECTS) + 8 * n, (i64(ctx + L.LINES) << 32) | (reason << 24) | 0)
    put64(i64(ctx + L.REJECTS) + 8 * (i64(ctx + L.REJECT_CAP) + n), p - i64(ctx + L.TEXT))
    put64(ctx + L.NREJECT, n + 1)


@part
def step_typed(ctx: int, op: int, row: int, p: int, e: int) -> int:
    """The elements that read a value of their own shape; the position behind it, or -1."""
    slot = i64(row + 40)
    if op == L.WORD_OP:
        stop = skip_word(p, e)
    elif op == L.INT:
        stop = skip_digits(p, e)
        if stop - p > 18:
            return -1
    elif op == L.QID:
        stop = skip_qid(p, e)
    elif op == L.IP:
        return then(row, read_address(ctx, slot, p, e), e)
    elif op == L.ADDR:
        put64(ctx + L.UNCLOSED, 0)
        return then(row, read_addr(ctx, slot, p, e), e)
    elif op == L.ADDRS:
        return then(row, read_addrs(ctx, slot, p, e), e)
    elif op == L.PROGRAM:
        stop = skip_program(p, e)
    else:
        return step_rare(ctx, op, row, p, e)
    if stop <= p:
        return -1
    keep(ctx, slot, p, stop)
    return then(row, stop, e)


@part
def then(row: int, p: int, e: int) -> int:
    """Position behind the short literal that the compiler joined to an element, if it stands at p; else -1."""
    n = i64(row + 24)
    if p < 0 or p + n > e or (i64(p) ^ i64(row + 8)) & i64(row + 16) != 0:
        return -1
    return p + n


@part
def skip_zone(p: int, e: int) -> int:
    """Behind the `%eth0` of a scoped IPv6 address."""
    p += 1
    while p < e and (is_digit(u8(p)) or (u8(p) | 32 >= 97 and u8(p) | 32 <= 122)):
        p += 1
    return p


@part
def step_rare(ctx: int, op: int, row: int, p: int, e: int) -> int:
    """Elements that stand once in a line at most."""
    slot = i64(row + 40)
    if op == L.TIME:
        return then(row, read_time(ctx, i64(row + 32), p, e), e)
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
    keep(ctx, slot, p, at)
    return at + n if op == L.UNTIL else at


@part
def save(ctx: int, depth: int, pc: int, p: int) -> int:
    at = i64(ctx + L.STACK) + 48 * depth
    put64(at, pc)
    put64(at + 8, p)
    put64(at + 16, i64(ctx + L.HAVE))
    put64(at + 24, i64(ctx + L.NRCPT))
    put64(at + 32, i64(ctx + L.TS))
    put64(at + 40, i64(ctx + L.TS_KIND))


@part
def restore(ctx: int, depth: int) -> int:
    at = i64(ctx + L.STACK) + 48 * depth
    put64(ctx + L.HAVE, i64(at + 16))
    put64(ctx + L.NRCPT, i64(at + 24))
    put64(ctx + L.TS, i64(at + 32))
    put64(ctx + L.TS_KIND, i64(at + 40))
    put64(ctx + L.STATUS, 0)
    return at


@part
def execute(ctx: int, pc: int, start: int, e: int) -> int:
    """Follow the program along one line: an event, a skip counted by pattern, or a reject."""
    ops = i64(ctx + L.OPS)
    following = ops + pc * ROW_BYTES
    p = start
    depth = 0
    rcpt0 = i64(ctx + L.NRCPT)
    while True:
        row = following
        op = i64(row)
        following += ROW_BYTES
        if op == L.LIT:
            p = literal_at(ctx, row, p, e)
        elif op == L.ALT:
            save(ctx, depth, i64(row + 32), p)
            depth += 1
            continue
        elif op == L.OPT:
            at = literal_at(ctx, row, p, e)
            if at < 0:
                following = ops + i64(row + 40) * ROW_BYTES
            else:
                p = at
            continue
        elif op == L.UNTIL or op == L.UPTO or op == L.REST:
            p = step_search(ctx, op, row, p, e)
        elif op == L.KEYS:
            p = run_keys(ctx, row, p, e)
            following += i64(row + 8) * ROW_BYTES
        elif op == L.JUMP:
            following = ops + i64(row + 32) * ROW_BYTES
            continue
        elif op == L.STATUS_OP:
            set_status(ctx, row, p, e)
            continue
        elif op == L.DISPATCH:
            pc = dispatch(ctx)
            if pc < 0:
                return 0
            following = ops + pc * ROW_BYTES
            depth = 0
            put64(ctx + L.KNOWN, 1)
            continue
        elif op == L.EMIT:
            if p == e:
                count_pattern(ctx, i64(row + 8))
                emit(ctx, i64(row + 8), i64(row + 16), rcpt0)
                return 0
            p = -1
        elif op == L.SKIP:
            if p == e:
                count_pattern(ctx, i64(row + 8))
                return 0
            p = -1
        elif op == L.FAIL:
            p = -1
        else:
            p = step_typed(ctx, op, row, p, e)
        if p < 0:
            if depth == 0:
                reject(ctx, L.NO_PATTERN if i64(ctx + L.KNOWN) else L.NO_ENVELOPE, start)
                return 0
            depth -= 1
            at = restore(ctx, depth)
            following = ops + i64(at) * ROW_BYTES
            p = i64(at + 8)


@part
def has_room(ctx: int, n: int) -> int:
    """True if one more line of n bytes fits into every table."""
    if i64(ctx + L.N) >= i64(ctx + L.CAP) or i64(ctx + L.NREJECT) >= i64(ctx + L.REJECT_CAP):
        return 0
    if i64(ctx + L.NRCPT) + n > i64(ctx + L.RCPT_CAP):
        return 0
    if i64(ctx + L.DICT_FULL) != 0:
        return 1
    return i64(ctx + L.DICT_FREE) > n // 2 + 8 and i64(ctx + L.ARENA_N) + 3 * n + 4096 < i64(ctx + L.ARENA_CAP)


@entry
def run(ctx: int, p: int, end: int) -> int:
    """Parse the lines in [p, end), each ended by a newline; the address of the first line that found no room."""
    while p < end:
        stop = find_byte(p, end, 10)
        if stop < 0:
            break
        e = stop
        while e > p and (u8(e - 1) == 13 or u8(e - 1) == 32):
            e -= 1
        if not has_room(ctx, min(e - p, L.MAX_LINE)):
            break
        if e == p:
            put64(ctx + L.BLANK, i64(ctx + L.BLANK) + 1)
        elif e - p > L.MAX_LINE:
            reject(ctx, L.TOO_LONG, p)
        else:
            put64(ctx + L.LINE_START, p)
            put64(ctx + L.HAVE, 0)
            put64(ctx + L.STATUS, 0)
            put64(ctx + L.KNOWN, 0)
            put64(ctx + L.TS_KIND, 0)
            put64(ctx + L.TS, 0)
            execute(ctx, i64(i64(ctx + L.SWITCH) + 8 * u8(p)), p, e)
        put64(ctx + L.LINES, i64(ctx + L.LINES) + 1)
        p = stop + 1
    return p


@entry
def grow_dictionary(old: int, slots: int, new: int, mask: int, unused: int) -> int:
    """Copy the dictionary's slots into an empty table of mask + 1 slots."""
    n = 0
    for k in range(slots):
        key = i64(old + 16 * k)
        if key == 0:
            continue
        at = key & mask
        while i64(new + 16 * at) != 0:
            at = (at + 1) & mask
        put64(new + 16 * at, key)
        put64(new + 16 * at + 8, i64(old + 16 * k + 8))
        n += 1
    return n


@entry
def program_hash(p: int, n: int) -> int:
    """The key under which `dispatch` looks for a program's name."""
    return hash_text(p, n, 0) | 1


@entry
def key_of(ctx: int, p: int, n: int, kind: int) -> int:
    """Key of a text computed outside of the kernel: kind 0 a name, 1 an address, 2 a queue id (exact hash)."""
    if kind == 1:
        return address_key(ctx, p, p + n)
    if kind == 2:
        return hash_text(p, n, i64(ctx + L.SEED)) | 1
    return text_key(ctx, p, n)
