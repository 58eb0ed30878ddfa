"""Kernel: finding, comparing, hashing and reading text by address.

`p` is where reading begins, `e` the first address behind the text.  Positions are returned, -1 means "not there".
"""

from __future__ import annotations

import itertools
import platform
import struct

from mailripple.parse.native import (
    clz,
    ctz,
    eqmask,
    i64,
    inline,
    mulmix,
    part,
    position,
    put16,
    put64,
    quad,
    rangemask,
    shr,
    u8,
    u16,
)

K1, K2, K3 = -0x5F8950C0B0B5B1A5, 0x589965CC75374CC3, 0x1D8E4E27C47D124F
ONES = 0x0101010101010101
HIGH = -0x7F7F7F7F7F7F7F80
LOW = 0x7F7F7F7F7F7F7F7F
#: All bits of a mask of 32 bytes.
ALL = 0xFFFFFFFF
#: Keys: bit 62 marks a hashed text or IPv6 address; an IPv4 address is 2**32 + its value; 0 is none.
TEXT_KEY = 1 << 62
V4_KEY = 1 << 32


@part
def find_byte(p: int, e: int, byte: int) -> int:
    """First position of `byte` in [p, e), or -1."""
    while p < e:
        mask = eqmask(p, byte)
        if mask != 0:
            p = position(p + ctz(mask))
            return p if p < e else -1
        p += 32
    return -1


@part
def find_newline(p: int, e: int) -> int:
    """`find_byte` for the end of a line: 64 bytes at once, for lines are longer than words."""
    while p < e:
        mask = eqmask(p, 10) | (eqmask(p + 32, 10) << 32)
        if mask != 0:
            p = position(p + ctz(mask))
            return p if p < e else -1
        p += 64
    return -1


@part
def equal(a: int, b: int, n: int) -> int:
    """True if the n bytes at a and b are the same."""
    while n >= 8:
        if i64(a) != i64(b):
            return 0
        a += 8
        b += 8
        n -= 8
    if n == 0:
        return 1
    return (i64(a) ^ i64(b)) & ((1 << (8 * n)) - 1) == 0


@inline
def find_text(p: int, e: int, text: int, n: int) -> int:
    """First position of the n bytes at `text` in [p, e), or -1: first and last byte by vector, the rest by word."""
    first = u8(text)
    if n == 1:
        return find_byte(p, e, first)
    last = u8(text + n - 1)
    while p + n <= e:
        mask = eqmask(p, first) & eqmask(p + n - 1, last)
        while mask != 0:
            at = p + ctz(mask)
            if at + n > e:
                return -1
            if equal(at, text, n):
                return position(at)
            mask &= mask - 1
        p += 32
    return -1


@part
def lower8(word: int) -> int:
    """The eight bytes of `word` with A-Z made a-z, all other bytes kept."""
    seven = word & LOW
    upper = (seven + (0x80 - 65) * ONES) ^ (seven + (0x7F - 90) * ONES)
    return word | shr(upper & ~word & HIGH, 2)


@inline
def hash_text(p: int, n: int, seed: int) -> int:
    """64-bit hash of n bytes, seeded: an attacker who chooses names cannot choose collisions.

    Sixteen bytes at once, the last ones again where n is no multiple (after wyhash; both factors of each product hold
    what nobody outside knows).  Eight bytes at p must be readable.
    """
    h = seed ^ (n * K3)
    s = (seed ^ K2) * K1
    if n < 8:
        h = mulmix(h ^ (i64(p) & ((1 << (8 * n)) - 1)), s)
    else:
        e = p + n
        if n > 16:
            h = mulmix(h ^ i64(p), s ^ i64(p + 8))
            while p + 32 < e:
                p += 16
                h = mulmix(h ^ i64(p), s ^ i64(p + 8))
            p = e - 16
        h = mulmix(h ^ i64(p), s ^ i64(e - 8))
    return mulmix(h ^ K2, h ^ K3)


@inline
def hash_lower(p: int, n: int, seed: int) -> int:
    """`hash_text` of the text in lower case; 32 bytes at p must be readable.  Most names are written so."""
    if n <= 32 and rangemask(p, 65, 90) & ((1 << n) - 1) == 0:
        return hash_text(p, n, seed)
    return hash_mixed(p, n, seed)


@part
def hash_mixed(p: int, n: int, seed: int) -> int:
    """`hash_lower` of a text that is long or has capitals."""
    h = seed ^ (n * K3)
    s = (seed ^ K2) * K1
    if n < 8:
        h = mulmix(h ^ (lower8(i64(p)) & ((1 << (8 * n)) - 1)), s)
    else:
        e = p + n
        if n > 16:
            while e - p > 16:
                h = mulmix(h ^ lower8(i64(p)), s ^ lower8(i64(p + 8)))
                p += 16
            p = e - 16
        h = mulmix(h ^ lower8(i64(p)), s ^ lower8(i64(e - 8)))
    return mulmix(h ^ K2, h ^ K3)


@part
def is_digit(c: int) -> int:
    return c >= 48 and c <= 57


@part
def is_alnum(c: int) -> int:
    return (c >= 48 and c <= 57) or (c >= 65 and c <= 90) or (c >= 97 and c <= 122)


@part
def hex_value(c: int) -> int:
    """Value of a hexadecimal digit, or -1."""
    if c >= 48 and c <= 57:
        return c - 48
    c |= 32
    if c >= 97 and c <= 102:
        return c - 87
    return -1


@part
def skip_word(p: int, e: int) -> int:
    """End of the run of bytes that are not a space."""
    at = find_byte(p, e, 32)
    return e if at < 0 else at


@part
def skip_digits(p: int, e: int) -> int:
    """End of the run of digits at p; by vector, for a loop over bytes ends where the processor does not expect it."""
    while p < e:
        others = rangemask(p, 48, 57) ^ ALL
        if others != 0:
            return min(p + ctz(others), e)
        p += 32
    return min(p, e)


@part
def read_int(p: int, e: int) -> int:
    """Value of the digits in [p, e); the caller bounds them to 18."""
    value = 0
    while p < e:
        value = value * 10 + (u8(p) - 48)
        p += 1
    return value


@inline
def number(p: int, e: int, limit: int) -> int:
    """Value of the digits in [p, e), at most `limit`; 0 where something else stands among them."""
    n = e - p
    if n > 0 and n <= 8:  # eight digits at once: pairs, then fours, then all
        word = (i64(p) << (64 - 8 * n)) | (0x3030303030303030 & ((1 << (64 - 8 * n)) - 1))
        digits = word - 0x3030303030303030
        if (digits | (digits + 0x7676767676767676)) & HIGH == 0:
            digits = (digits * 10) + shr(digits, 8)
            pairs = (digits & 0x000000FF000000FF) * 0x000F424000000064
            return min(shr(pairs + (shr(digits, 16) & 0x000000FF000000FF) * 0x0000271000000001, 32), limit)
    value = 0
    while p < e:
        c = u8(p)
        if not is_digit(c):
            return 0
        value = min(value * 10 + c - 48, limit)
        p += 1
    return value


@inline
def skip_qid(p: int, e: int) -> int:
    """End of a queue id (letters and digits, 5 to 24, at least one digit), or -1."""
    digits = rangemask(p, 48, 57)
    others = (digits | rangemask(p, 65, 90) | rangemask(p, 97, 122)) ^ ALL
    n = min(ctz(others | (1 << 32)), e - p)
    if n < 5 or n > 24 or digits & ((1 << n) - 1) == 0:
        return -1
    return p + n


#: Whether `quad` exists here.
HAS_SHUFFLE = int(platform.machine() in ("x86_64", "AMD64"))
#: Where the dots and the end of an address stand, as bits, times this: the upper 8 of 32 bits differ for all 81.
QUAD_HASH = 0x2014B419
QUAD_WORDS = 8


def _quads() -> tuple[int, ...]:
    """For each hash: the places of dots and end, and the last four arguments of `quad`; QUAD_WORDS words."""
    table = [0] * (QUAD_WORDS << 8)
    for lengths in itertools.product((1, 2, 3), repeat=4):
        key, begin, places, least = 0, 0, [128] * 16, [0, 0, 0, 0]
        for k, n in enumerate(lengths):
            for digit in range(n):
                places[4 * k + digit] = begin + n - 1 - digit
            least[k] = (0, 1 << 8, 1 << 16)[n - 1]
            begin += n + 1
            key |= 1 << (begin - 1)
        words = struct.pack("<16B4i", *places, *least)
        at = QUAD_WORDS * ((key * QUAD_HASH & 0xFFFFFFFF) >> 24)
        table[at : at + 5] = [key, *struct.unpack("<4q", words)]
    return tuple(table)


QUADS = _quads()


@inline
def read_ipv4(p: int, e: int, out: int) -> int:
    """End of the dotted quad at p, its value written at `out`; -1 where there is none.

    Four parts, 0 to 255, no leading zeros; what follows may be anything.  Nearly all are read at once, by the places of
    their dots (after D. Lemire and W. Mula, "Parsing IPv4 addresses quickly"); the rest byte by byte.
    """
    if HAS_SHUFFLE:
        dots = eqmask(p, 46)
        n = ctz((rangemask(p, 48, 57) | dots) ^ ALL | (1 << 32))
        key = (dots & ((1 << n) - 1)) | (1 << n)
        at = QUAD_WORDS * (((key * QUAD_HASH) & ALL) >> 24)
        if QUADS[at] == key and p + n <= e:
            value = quad(p, QUADS[at + 1], QUADS[at + 2], QUADS[at + 3], QUADS[at + 4])
            if value >= 0:
                put64(out, value)
                return p + n
    return slow_ipv4(p, e, out)


@part
def slow_ipv4(p: int, e: int, out: int) -> int:
    """`read_ipv4` byte by byte."""
    value = 0
    for k in range(4):
        if k > 0:
            if u8(p) != 46:
                return -1
            p += 1
        octet = u8(p) - 48
        if octet < 0 or octet > 9:
            return -1
        p += 1
        if octet > 0:
            c = u8(p) - 48
            if c >= 0 and c <= 9:
                octet = octet * 10 + c
                p += 1
                c = u8(p) - 48
                if c >= 0 and c <= 9:
                    octet = octet * 10 + c
                    p += 1
        if octet > 255 or p > e:
            return -1
        value = (value << 8) | octet
    put64(out, value)
    return p


@part
def skip_address_text(p: int, e: int) -> int:
    """End of the run of bytes that addresses are made of: hexadecimal digits, colons and dots."""
    while p < e:
        others = (rangemask(p, 48, 58) | rangemask(p, 97, 102) | rangemask(p, 65, 70) | eqmask(p, 46)) ^ ALL
        if others != 0:
            return min(p + ctz(others), e)
        p += 32
    return min(p, e)


@part
def read_ipv6(p: int, e: int, out: int) -> int:
    """Write the 16 bytes of the IPv6 address in [p, e) at `out`, network order.  False where it is none."""
    put64(out, 0)
    put64(out + 8, 0)
    groups = 0
    gap = -1
    at = p
    dotted = find_byte(p, e, 46) >= 0
    if at + 1 < e and u8(at) == 58 and u8(at + 1) == 58:
        gap = 0
        at += 2
    while at < e:
        if groups == 8:
            return 0
        if dotted and groups <= 6 and read_ipv4(at, e, out + 16) == e:
            value = i64(out + 16)
            put_group(out, groups, value >> 16)
            put_group(out, groups + 1, value & 0xFFFF)
            groups += 2
            at = e
            break
        start = at
        value = 0
        digit = hex_value(u8(at))
        while at < e and at - start < 4 and digit >= 0:
            value = value * 16 + digit
            at += 1
            digit = hex_value(u8(at))
        if at == start:
            return 0
        put_group(out, groups, value)
        groups += 1
        if at == e:
            break
        if u8(at) != 58 or at + 1 == e:
            return 0
        at += 1
        if u8(at) == 58:
            if gap >= 0:
                return 0
            gap = groups
            at += 1
    return spread(out, groups, gap)


@part
def put_group(out: int, index: int, value: int) -> int:
    """Store a 16-bit group in network order."""
    put16(out + 2 * index, ((value & 0xFF) << 8) | (value >> 8))


@part
def spread(out: int, groups: int, gap: int) -> int:
    """Move the groups behind a `::` to the end of the address."""
    if gap < 0:
        return groups == 8
    if groups == 8:
        return 0
    moved = groups - gap
    for k in range(moved):
        at = out + 2 * (groups - 1 - k)
        put16(out + 2 * (7 - k), u16(at))
        if groups - 1 - k != 7 - k:
            put16(at, 0)
    return 1


@part
def skip_quoted(p: int, e: int) -> int:
    """End of the quoted string that begins at p, or -1 if it is not closed."""
    at = p + 1
    while at < e:
        c = u8(at)
        if c == 92:
            at += 2
            continue
        if c == 34:
            return at + 1
        at += 1
    return -1


@part
def scan_addr(p: int, e: int, quotes: int) -> int:
    """End of the envelope address at p: behind `>` of `<...>`, else at the first comma or `e`.

    Inside quotes neither `>` nor `,` ends it.  -1 where a quote or a bracket stays open.
    """
    angle = p < e and u8(p) == 60
    at = p
    while at < e:
        c = u8(at)
        if c == 34 and quotes != 0:
            at = skip_quoted(at, e)
            if at < 0:
                return -1
            continue
        if angle and c == 62:
            return at + 1
        if not angle and c == 44:
            return at
        at += 1
    return -1 if angle else e


@part
def skip_addr(p: int, e: int, unclosed: int) -> int:
    """End of the envelope address at p, whatever is wrong with it (open quote, open bracket).

    The word at `unclosed` remembers for the list that a quote (1) or a bracket (2) stays open to the end of the line:
    none is looked for again, or a line of open brackets would take the square of its length.
    """
    end = 62 if u8(p) == 60 else 44
    at = p
    while at < e:
        mask = eqmask(at, end)
        quotes = eqmask(at, 34)
        if mask != 0 and (mask ^ (mask - 1)) & quotes == 0:
            at += ctz(mask)
            if at < e:
                return at + 1 if end == 62 else at
        if mask | quotes | i64(unclosed) != 0:
            break
        at += 32
    state = i64(unclosed)
    at = -1
    if state & 1 == 0:
        at = scan_addr(p, e, 1)
        if at >= 0:
            return at
        state |= 1
    if state & 2 == 0:
        at = scan_addr(p, e, 0)
        if at < 0:
            state |= 2
    put64(unclosed, state)
    if at < 0:
        at = find_byte(p, e, 44)
    return e if at < 0 else at


@part
def scan_path(p: int, e: int, quotes: int) -> int:
    """End of the address at p: behind `>` of `<...>`, else at the first space or `e`, or a colon before it.

    Quotes as in `scan_addr`.
    """
    angle = p < e and u8(p) == 60
    at = p
    while at < e:
        c = u8(at)
        if c == 34 and quotes != 0:
            at = skip_quoted(at, e)
            if at < 0:
                return -1
            continue
        if angle and c == 62:
            return at + 1
        if not angle and c == 32:
            break
        at += 1
    if angle:
        return -1
    return at - 1 if at > p + 1 and u8(at - 1) == 58 else at


@part
def find_last_byte(p: int, e: int, byte: int) -> int:
    """Last position of `byte` in [p, e), or -1; 32 bytes at once, from the end."""
    while e > p:
        at = max(e - 32, p)
        mask = eqmask(at, byte) & ((1 << (e - at)) - 1)
        if mask != 0:
            return at + 63 - clz(mask)
        e = at
    return -1
