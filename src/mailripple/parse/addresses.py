"""Kernel: IP addresses, each read where it stands: at once where most are alike, and else byte by byte.

`p` is where reading begins, `e` the first address behind the text; as in `text`, 64 bytes behind it must be readable.
"""

from __future__ import annotations

import itertools
import struct

from mailripple.parse.native import (
    ON_X86,
    ctz,
    eqmask,
    i64,
    inline,
    part,
    popcount,
    put16,
    put64,
    quad,
    rangemask,
    shr,
    u8,
    u32,
)
from mailripple.parse.text import ALL, find_last_byte

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
    if ON_X86:  # there is `quad`
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


@inline
def address_mask(p: int) -> int:
    """Which of the 32 bytes at p are hexadecimal digits or colons."""
    return rangemask(p, 48, 58) | rangemask(p, 97, 102) | rangemask(p, 65, 70)


@part
def skip_address_text(p: int, e: int) -> int:
    """End of the run of bytes that addresses are made of: hexadecimal digits, colons and dots."""
    while p < e:
        others = (address_mask(p) | eqmask(p, 46)) ^ ALL
        if others != 0:
            return min(p + ctz(others), e)
        p += 32
    return min(p, e)


@part
def read_ipv6(p: int, e: int, out: int) -> int:
    """Write the 16 bytes of the IPv6 address in [p, e) at `out`, network order.  False where it is none."""
    n = e - p
    if n <= 39 and all_groups(p, n):
        return read_groups(p, n, 8, out)
    return read_mixed_ipv6(p, e, out)


@part
def read_mixed_ipv6(p: int, e: int, out: int) -> int:
    """`read_ipv6` of an address whose last two groups are a dotted quad (RFC 4291, 2.2)."""
    if e - p > 45:
        return 0
    colon = find_last_byte(p, e, 58)
    if colon < 0 or not all_groups(p, colon - p) or read_ipv4(colon + 1, e, out + 16) != e:
        return 0
    tail = i64(out + 16)
    if colon > p and u8(colon - 1) == 58:  # the gap ends there
        colon += 1
    if not read_groups(p, colon - p, 6, out):
        return 0
    put_group(out, 6, tail >> 16)
    put_group(out, 7, tail & 0xFFFF)
    return 1


@inline
def all_groups(p: int, n: int) -> int:
    """True if the n bytes at p, fewer than 64, are hexadecimal digits and colons."""
    keep = (1 << n) - 1
    return (address_mask(p) | address_mask(p + 32) << 32) & keep == keep


@inline
def read_groups(p: int, n: int, most: int, out: int) -> int:
    """Write the first groups of an address, `most` of them, from its n bytes at p: hexadecimal digits and colons.

    Group by group, from colon to colon.  False where there are more or less, or bytes that do not fit.
    """
    ends = (eqmask(p, 58) | eqmask(p + 32, 58) << 32) & ((1 << n) - 1)
    if n < 1 or ends & 3 == 1 or (n > 1 and shr(ends, n - 2) == 2):  # one colon at an end
        return 0
    at = 1 if ends & 3 == 3 else 0  # of two colons at the begin the second stands for the gap
    ends = (ends ^ at) | (1 << n)
    first = 0
    second = 0
    groups = 0
    gap = 0
    while at < n:
        if shr(ends, at) & 1:
            ends &= ends - 1
            at += 1
            left = popcount(ends) if at < n else 0
            if gap or groups + left >= most:
                return 0
            gap = 1
            groups = most - left
            continue
        stop = ctz(ends)
        if groups == most or stop == at or stop - at > 4:
            return 0
        group = read_group(p + at, stop - at) << (16 * (groups & 3))
        first |= group if groups < 4 else 0
        second |= group if groups >= 4 else 0
        groups += 1
        ends &= ends - 1
        at = stop + 1
    put64(out, first)
    put64(out + 8, second)
    return groups == most


@inline
def read_group(p: int, n: int) -> int:
    """Value of the n hexadecimal digits at p, one to four, as 16 bits in network order."""
    word = (u32(p) << (32 - 8 * n)) & ALL
    digits = (word & 0x0F0F0F0F) + 9 * ((word >> 6) & 0x01010101)
    pairs = (digits << 4) | (digits >> 8)
    return (pairs & 0xFF) | ((pairs >> 8) & 0xFF00)


@part
def put_group(out: int, index: int, value: int) -> int:
    """Store a 16-bit group in network order."""
    put16(out + 2 * index, ((value & 0xFF) << 8) | (value >> 8))
