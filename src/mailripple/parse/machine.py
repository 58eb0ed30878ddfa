"""Kernel: the machine that runs a compiled set of formats over the lines of a part.

A program is a table of rows [op, a, b, c, d, slot].  `execute` follows it along one line and never looks at a byte
of the line again except where an alternative begins anew at a place it has saved, so the time is linear in the line
times the number of alternatives.  `run` is what Python calls.
"""

from __future__ import annotations

from mailripple.parse import layout as L
from mailripple.parse.elements import literal_at, step_search, step_typed
from mailripple.parse.emit import address_key, emit, name_key, slot_begin, slot_end, text_key
from mailripple.parse.keys import run_keys
from mailripple.parse.native import entry, i64, inline, part, put64, u8
from mailripple.parse.pick import pick
from mailripple.parse.rows import row_start
from mailripple.parse.text import equal, find_last_byte, find_newline, hash_text

ROW_BYTES = 8 * L.ROW
#: What a line takes of the tables beside what its bytes take: one event; 8 names, which are half as much (`has_room`);
#: and no more than so many bytes of the arena for each byte of the line and of this.
LINE_COST = 64


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
    """Row of the format of the line's program, or -1; the line then counts under the program's name.

    A name that is not known may be by its end, from the last slash on: `postfix-in/submission/smtpd` by `/smtpd`.
    """
    p = slot_begin(ctx, L.SLOT_PROGRAM)
    e = slot_end(ctx, L.SLOT_PROGRAM)
    found = program_row(ctx, p, e)
    if found < 0:
        slash = find_last_byte(p, e, 47)
        if slash >= 0:
            found = program_row(ctx, slash, e)
    if found < 0:
        count_other(ctx, name_key(ctx, p, min(e - p, 64)))
    put64(ctx + L.KNOWN, 1)
    return found


@part
def nest(ctx: int, p: int) -> int:
    """Row at which the line that begins at p, in another, is tried; once only."""
    put64(ctx + L.NESTED, 1)
    put64(ctx + L.KNOWN, 0)
    return i64(i64(ctx + L.SWITCH) + 8 * u8(p))


@inline
def program_row(ctx: int, p: int, e: int) -> int:
    """Row of the format for the program's name, or the end of a name, in [p, e); or -1."""
    key = hash_text(p, e - p, 0) | 1
    mask = i64(ctx + L.PROGRAM_MASK)
    at = key & mask
    while True:
        found = i64(i64(ctx + L.PROGRAMS) + 16 * at)
        if found == key:
            return i64(i64(ctx + L.PROGRAMS) + 16 * at + 8)
        if found == 0:
            break
        at = (at + 1) & mask
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
def save(ctx: int, depth: int, pc: int, p: int) -> int:
    at = i64(ctx + L.STACK) + 56 * depth
    put64(at, pc)
    put64(at + 8, p)
    put64(at + 16, i64(ctx + L.HAVE))
    put64(at + 24, i64(ctx + L.NRCPT))
    put64(at + 32, i64(ctx + L.TS))
    put64(at + 40, i64(ctx + L.TS_KIND))
    put64(at + 48, i64(ctx + L.SIDE_N))


@part
def restore(ctx: int, depth: int) -> int:
    at = i64(ctx + L.STACK) + 56 * depth
    put64(ctx + L.HAVE, i64(at + 16))
    put64(ctx + L.NRCPT, i64(at + 24))
    put64(ctx + L.TS, i64(at + 32))
    put64(ctx + L.TS_KIND, i64(at + 40))
    put64(ctx + L.SIDE_N, max(i64(at + 48), i64(ctx + L.SIDE_KEPT)))
    put64(ctx + L.STATUS, 0)
    return at


@part
def hit(ctx: int, row: int) -> int:
    """Count that the program came by this row, for `hot` to see what is often used; the row."""
    at = i64(ctx + L.HITS) + (row - i64(ctx + L.OPS)) // L.ROW
    put64(at, i64(at) + 1)
    return row


@part
def begins_at(ctx: int, op: int, row: int, p: int) -> int:
    """Row at which the message of the line's program begins, or the line that begins at p, in another; or -1."""
    hit(ctx, row)
    return dispatch(ctx) if op == L.DISPATCH else nest(ctx, p)


@part
def finish(ctx: int, row: int, op: int, rcpt0: int) -> int:
    """The line is understood: count its pattern, and write the event if it is one; or refuse it for its reason."""
    if op == L.REFUSE:
        return reject(ctx, i64(row + 8), i64(ctx + L.LINE_START))
    count_pattern(ctx, i64(row + 8))
    if op == L.EMIT:
        if i64(ctx + L.UNPACKED) and i64(ctx + L.OUTER) != 0 and i64(ctx + L.TS_KIND) != L.UTC:
            put64(ctx + L.TS, i64(ctx + L.OUTER))  # the record knows the moment, its message only what a clock showed
            put64(ctx + L.TS_KIND, L.UTC)
        emit(ctx, i64(row + 8), i64(row + 16), rcpt0)
    return 0


@part
def enter(ctx: int, row: int, following: int) -> int:
    """1: the record's message is to be read, from the row `following` on, or as a line (row: a); 0: it is blank.

    -1 where a line in a record holds a record with a line again: nothing is unpacked twice.  Row: b: the record must
    have named the program.
    """
    p = i64(ctx + L.INNER)
    if p == 0 or i64(ctx + L.UNPACKED):
        return -1
    if i64(row + 16) and i64(ctx + L.HAVE) & (1 << L.SLOT_PROGRAM) == 0:
        return -1
    put64(ctx + L.KNOWN, 0)
    put64(ctx + L.ROW_READY, 0)
    if p == i64(ctx + L.INNER_END):
        put64(ctx + L.BLANK, i64(ctx + L.BLANK) + 1)
        return 0
    put64(ctx + L.UNPACKED, 1)
    put64(ctx + L.OUTER, i64(ctx + L.TS) if i64(ctx + L.TS_KIND) == L.UTC else 0)
    put64(ctx + L.INNER_ROW, (following - i64(ctx + L.OPS)) // ROW_BYTES)
    if i64(row + 8):
        put64(ctx + L.INNER_ROW, i64(i64(ctx + L.SWITCH) + 8 * u8(p)))
    return 1


@part
def execute(ctx: int, pc: int, p: int, e: int) -> int:
    """Follow the program along one line: an event, a skip counted by pattern, or a reject.  1: the record's message."""
    ops = i64(ctx + L.OPS)
    following = ops + pc * ROW_BYTES
    depth = 0
    rcpt0 = i64(ctx + L.NRCPT)
    while True:
        row = following
        op = i64(row)
        following += ROW_BYTES
        if op == L.LIT:
            p = literal_at(ctx, row, p, e)
        elif op == L.ALT:
            if i64(following) == L.LIT and literal_at(ctx, following, p, e) < 0:  # no need to come back here
                following = ops + i64(row + 32) * ROW_BYTES
                continue
            save(ctx, depth, i64(row + 32), p)
            depth += 1
            continue
        elif op == L.OPT:
            at = literal_at(ctx, row, p, e)
            following = ops + i64(row + 40) * ROW_BYTES if at < 0 else following
            p = max(p, at)
            continue
        elif op >= L.UNTIL and op <= L.UPTO_LAST:
            p = step_search(ctx, op, row, p, e)
        elif op == L.KEYS or op == L.PICK:
            p = run_keys(ctx, row, p, e) if op == L.KEYS else pick(ctx, row, p)
            following += i64(row + 8) * ROW_BYTES
        elif op == L.JUMP:
            following = ops + i64(hit(ctx, row) + 32) * ROW_BYTES
            continue
        elif op == L.STATUS_OP:
            set_status(ctx, row, p, e)
            continue
        elif op == L.DISPATCH or (op == L.NEST and i64(ctx + L.NESTED) == 0):
            pc = begins_at(ctx, op, row, p)
            if pc < 0:
                return 0
            following = ops + pc * ROW_BYTES
            depth = 0
            continue
        elif op == L.EMIT or op == L.SKIP or op == L.REFUSE or op == L.FAIL or op == L.NEST:
            if p == e and op != L.FAIL and op != L.NEST:
                return finish(ctx, hit(ctx, row), op, rcpt0)
            p = -1
        elif op == L.ENTER:
            p = enter(ctx, row, following)
            if p >= 0:
                return p
        else:
            p = step_typed(ctx, op, row, p, e)
        if p < 0:
            if depth == 0:
                reject(ctx, L.NO_ENVELOPE + i64(ctx + L.KNOWN), i64(ctx + L.LINE_START))
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


@part
def room(ctx: int) -> int:
    """How much may be read before `has_room` must be asked again, where a line counts its bytes and LINE_COST more."""
    most = LINE_COST * min(i64(ctx + L.CAP) - i64(ctx + L.N), i64(ctx + L.REJECT_CAP) - i64(ctx + L.NREJECT))
    most = min(most, i64(ctx + L.RCPT_CAP) - i64(ctx + L.NRCPT))
    if i64(ctx + L.DICT_FULL) != 0:
        return most
    most = min(most, 2 * i64(ctx + L.DICT_FREE) - 1)
    return min(most, (i64(ctx + L.ARENA_CAP) - i64(ctx + L.ARENA_N) - 1) // LINE_COST)


@part
def begin_line(ctx: int) -> int:
    """Nothing is known of the line yet."""
    put64(ctx + L.HAVE, 0)
    put64(ctx + L.STATUS, 0)
    put64(ctx + L.KNOWN, 0)
    put64(ctx + L.NESTED, 0)
    if i64(ctx + L.WIDE) == 0:
        put64(ctx + L.SIDE_N, 0)
    put64(ctx + L.SIDE_KEPT, i64(ctx + L.SIDE_N))
    put64(ctx + L.TS_KIND, 0)
    put64(ctx + L.TS, 0)


@part
def understand(ctx: int, pc: int, p: int, e: int) -> int:
    """`execute` for a line of its own.  Straight code stands in its place where there is some."""
    begin_line(ctx)
    return execute(ctx, pc, p, e)


@part
def read_line(ctx: int, p: int, e: int) -> int:
    """An event, a skip, or a reject of the line in [p, e), and of the message in it if it is a record with one."""
    pc = i64(i64(ctx + L.SWITCH) + 8 * u8(p))
    put64(ctx + L.LINE_START, p)
    if i64(ctx + L.TABLE) == 0:
        more = understand(ctx, pc, p, e)
    else:
        begin_line(ctx)
        more = execute(ctx, row_start(ctx, p, e, pc), p, e)
    if more:
        execute(ctx, i64(ctx + L.INNER_ROW), i64(ctx + L.INNER), i64(ctx + L.INNER_END))
        put64(ctx + L.UNPACKED, 0)
    return 0


@entry
def run(ctx: int, p: int, end: int) -> int:
    """Parse the lines in [p, end), each ended by a newline; the address of the first line that found no room."""
    left = 0
    while p < end:
        stop = find_newline(p, end)
        if stop < 0:
            break
        e = stop
        while e > p and (u8(e - 1) == 13 or u8(e - 1) == 32):
            e -= 1
        left -= e - p + LINE_COST
        if left < 0:
            if not has_room(ctx, min(e - p, L.MAX_LINE)):
                break
            left = room(ctx) - (e - p + LINE_COST)
        if e == p:
            put64(ctx + L.BLANK, i64(ctx + L.BLANK) + 1)
        elif e - p > L.MAX_LINE:
            reject(ctx, L.TOO_LONG, p)
        else:
            read_line(ctx, p, e)
        put64(ctx + L.LINES, i64(ctx + L.LINES) + 1)
        p = stop + 1
    return p


@entry
def pass_lines(p: int, end: int, span: int) -> int:
    """Address of the first line in [p, end) that has no newline among its first `span` bytes; or, if less than `span`
    bytes follow it, of a line before which there is none.

    From window to window, not line to line: that a newline lies in every `span` bytes is all there is to know.
    """
    while end - p >= span:
        newline = find_last_byte(p, p + span, 10)
        if newline < 0:
            return p
        p = newline + 1
    return p


@entry
def interpret(ctx: int, pc: int, start: int, e: int) -> int:
    """`understand`, to be called by code that was compiled for the usual lines when it meets an unusual one."""
    return understand(ctx, pc, start, e)


@entry
def go_on(ctx: int, pc: int, start: int, e: int) -> int:
    """`execute`, to be called by such code for what is no line of its own."""
    return execute(ctx, pc, start, e)


@entry
def grow_dictionary(old: int, old_places: int, slots: int, new: int, places: int, mask: int) -> int:
    """Copy the dictionary's keys and places into empty tables of mask + 1 slots."""
    n = 0
    for k in range(slots):
        key = i64(old + 8 * k)
        if key == 0:
            continue
        at = key & mask
        while i64(new + 8 * at) != 0:
            at = (at + 1) & mask
        put64(new + 8 * at, key)
        put64(places + 8 * at, i64(old_places + 8 * k))
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
