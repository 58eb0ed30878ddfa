"""Doors to the kernel's building blocks, so that each can be tried by itself."""

from __future__ import annotations

from mailripple.parse.addresses import read_ipv4, read_ipv6, skip_address_text, slow_ipv4
from mailripple.parse.clock import (
    days_from_civil,
    month_days,
    month_number,
    stamp_dmy,
    stamp_epoch,
    stamp_inner,
    stamp_iso,
    stamp_long,
    stamp_rfc3164,
    stamp_tai64n,
    stamp_win,
    three,
)
from mailripple.parse.elements import skip_program, skip_structured_data
from mailripple.parse.emit import qtype_code
from mailripple.parse.machine import has_room, room
from mailripple.parse.native import entry
from mailripple.parse.text import (
    equal,
    find_byte,
    find_last_byte,
    find_newline,
    find_text,
    hash_lower,
    hash_text,
    hex_value,
    is_alnum,
    lower8,
    read_int,
    scan_addr,
    skip_addr,
    skip_digits,
    skip_qid,
    skip_quoted,
    skip_word,
)


@entry
def try_find_byte(p: int, e: int, byte: int) -> int:
    return find_byte(p, e, byte)


@entry
def try_find_last_byte(p: int, e: int, byte: int) -> int:
    return find_last_byte(p, e, byte)


@entry
def try_find_text(p: int, e: int, text: int, n: int) -> int:
    return find_text(p, e, text, n)


@entry
def try_equal(a: int, b: int, n: int) -> int:
    return equal(a, b, n)


@entry
def try_lower8(word: int) -> int:
    return lower8(word)


@entry
def try_hash_text(p: int, n: int, seed: int) -> int:
    return hash_text(p, n, seed)


@entry
def try_hash_lower(p: int, n: int, seed: int) -> int:
    return hash_lower(p, n, seed)


@entry
def try_skip_word(p: int, e: int) -> int:
    return skip_word(p, e)


@entry
def try_skip_digits(p: int, e: int) -> int:
    return skip_digits(p, e)


@entry
def try_read_int(p: int, e: int) -> int:
    return read_int(p, e)


@entry
def try_skip_qid(p: int, e: int) -> int:
    return skip_qid(p, e)


@entry
def try_skip_address_text(p: int, e: int) -> int:
    return skip_address_text(p, e)


@entry
def try_skip_quoted(p: int, e: int) -> int:
    return skip_quoted(p, e)


@entry
def try_skip_program(p: int, e: int) -> int:
    return skip_program(p, e)


@entry
def try_structured_data(p: int, e: int) -> int:
    return skip_structured_data(p, e)


@entry
def try_read_ipv4(p: int, e: int, out: int) -> int:
    return read_ipv4(p, e, out)


@entry
def try_slow_ipv4(p: int, e: int, out: int) -> int:
    return slow_ipv4(p, e, out)


@entry
def try_three(p: int) -> int:
    return three(p)


@entry
def try_find_newline(p: int, e: int) -> int:
    return find_newline(p, e)


@entry
def try_room(ctx: int) -> int:
    return room(ctx)


@entry
def try_has_room(ctx: int, n: int) -> int:
    return has_room(ctx, n)


@entry
def try_read_ipv6(p: int, e: int, out: int) -> int:
    return read_ipv6(p, e, out)


@entry
def try_scan_addr(p: int, e: int, quotes: int) -> int:
    return scan_addr(p, e, quotes)


@entry
def try_skip_addr(p: int, e: int, unclosed: int) -> int:
    return skip_addr(p, e, unclosed)


@entry
def try_character(c: int) -> int:
    """Whether letter or digit, and the value as hexadecimal digit."""
    return is_alnum(c) * 100 + hex_value(c)


@entry
def try_qtype(p: int, e: int) -> int:
    return qtype_code(p, e)


@entry
def try_days(year: int, month: int, day: int) -> int:
    return days_from_civil(year, month, day)


@entry
def try_month_days(year: int, month: int) -> int:
    return month_days(year, month)


@entry
def try_month_number(p: int) -> int:
    return month_number(p)


@entry
def try_rfc3164(ctx: int, p: int, e: int) -> int:
    return stamp_rfc3164(ctx, p, e)


@entry
def try_iso(ctx: int, p: int, e: int) -> int:
    return stamp_iso(ctx, p, e)


@entry
def try_dmy(ctx: int, p: int, e: int) -> int:
    return stamp_dmy(ctx, p, e)


@entry
def try_inner(ctx: int, p: int, e: int) -> int:
    return stamp_inner(ctx, p, e)


@entry
def try_epoch(ctx: int, p: int, e: int) -> int:
    return stamp_epoch(ctx, p, e)


@entry
def try_tai64n(ctx: int, p: int, e: int) -> int:
    return stamp_tai64n(ctx, p, e)


@entry
def try_long(ctx: int, p: int, e: int) -> int:
    return stamp_long(ctx, p, e)


@entry
def try_win(ctx: int, p: int, e: int) -> int:
    return stamp_win(ctx, p, e)
