"""Kernel: captures (pcap, pcapng) and dnstap files to lines of text, a line a record, in the order of the file.

    2024-10-27T01:17:13.622000Z ns1 dnspacket: query udp 192.0.2.7 192.0.2.53 www.example.com A
    2024-10-27T01:17:13.622000Z dnspacket: skip not-dns

From there they go the way of all lines: `formats/dns/packets.toml` says what they mean, so that events, skips, rejects
and `explain` are the same as for text.  A record that breaks the rules gives a line that no pattern knows.

`st` is a block of int64 words, see `parse.questions`.
"""

from __future__ import annotations

from mailripple.parse.frames import put_frame
from mailripple.parse.native import entry, i64, part, put64, u8, u16, u32
from mailripple.parse.questions import (
    BAD_BLOCK,
    BROKE,
    DAMAGE,
    INTERFACE,
    INTERFACES,
    KIND,
    LINK,
    MAX_INTERFACES,
    MAX_RECORD,
    OUT,
    OUT_END,
    PASS,
    PCAP,
    PCAPNG,
    ROOM,
    SWAPPED,
    TOO_LARGE,
    UNITS,
    be16,
    be32,
    finish_line,
    put_head,
    put_time,
    put_word,
)
from mailripple.parse.taps import dnstap_record


@part
def n16(st: int, p: int) -> int:
    return be16(p) if i64(st + SWAPPED) else u16(p)


@part
def n32(st: int, p: int) -> int:
    return be32(p) if i64(st + SWAPPED) else u32(p)


@part
def pcap_record(st: int, p: int, e: int) -> int:
    """One packet of a pcap file; the position behind it, p if it is not whole yet, -1 for damage."""
    if p + 16 > e:
        return p
    size = n32(st, p + 8)
    if size > MAX_RECORD:
        put64(st + DAMAGE, TOO_LARGE)
        return -1
    if p + 16 + size > e:
        return p
    fraction = n32(st, p + 4)
    micros = fraction // 1000 if i64(st + UNITS) == 9 else fraction
    out = put_time(i64(st + OUT), n32(st, p), micros)
    put_frame(st, i64(st + LINK), p + 16, p + 16 + size, n32(st, p + 12) > size, out)
    return p + 16 + size


@part
def block_time(out: int, units: int, offset: int, stamp: int) -> int:
    """Write the time of a pcapng packet: `stamp` in 10**-units s, or for units >= 128 in 2**-(units - 128) s."""
    if stamp < 0:
        return out
    if units >= 128:
        bits = units - 128
        if bits > 40:
            return out
        seconds = stamp >> bits
        return put_time(out, seconds + offset, ((stamp - (seconds << bits)) * 1_000_000) >> bits)
    if units > 18:
        return out
    scale = 1
    for _ in range(units):
        scale *= 10
    seconds = stamp // scale
    rest = stamp - seconds * scale
    micros = rest * (1_000_000 // scale) if units <= 6 else rest // (scale // 1_000_000)
    return put_time(out, seconds + offset, micros)


@part
def read_interface(st: int, p: int, e: int) -> int:
    """Keep what an interface block says of the packets that name it."""
    n = i64(st + INTERFACES)
    put64(st + INTERFACES, n + 1)
    if n >= MAX_INTERFACES or p + 8 > e:
        return 0
    at = i64(st + INTERFACE) + 32 * n
    put64(at, n16(st, p))
    put64(at + 8, 6)
    put64(at + 16, 0)
    put64(at + 24, n32(st, p + 4))
    p += 8
    while p + 4 <= e:
        code = n16(st, p)
        size = n16(st, p + 2)
        if code == 0 or p + 4 + size > e:
            break
        if code == 9 and size >= 1:
            put64(at + 8, u8(p + 4))
        if code == 14 and size >= 8:
            low = n32(st, p + 4)
            high = n32(st, p + 8)
            put64(at + 16, (low << 32) | high if i64(st + SWAPPED) else (high << 32) | low)
        p += 4 + (size + 3) // 4 * 4
    return 0


@part
def block_packet(st: int, kind: int, p: int, e: int) -> int:
    """Write the line of a packet block with the body [p, e)."""
    out = i64(st + OUT)
    head = 4 if kind == 3 else 20
    if p + head > e:
        return finish_line(st, put_word(put_head(out), BROKE))
    number = 0
    if kind != 3:
        number = n32(st, p) if kind == 6 else n16(st, p)
    if number >= i64(st + INTERFACES) or number >= MAX_INTERFACES:
        return finish_line(st, put_word(put_head(out), BROKE))
    at = i64(st + INTERFACE) + 32 * number
    whole = n32(st, p) if kind == 3 else n32(st, p + 16)
    size = n32(st, p + 12)
    if kind == 3:
        size = whole if i64(at + 24) == 0 else min(whole, i64(at + 24))
    else:
        out = block_time(out, i64(at + 8), i64(at + 16), (n32(st, p + 4) << 32) | n32(st, p + 8))
    size = min(size, e - p - head)
    return put_frame(st, i64(at), p + head, p + head + size, whole > size, out)


@part
def pcapng_record(st: int, p: int, e: int) -> int:
    """One block of a pcapng file, as `pcap_record`."""
    if p + 12 > e:
        return p
    if u32(p) == 0x0A0D0D0A:
        if u32(p + 8) != 0x1A2B3C4D and be32(p + 8) != 0x1A2B3C4D:
            put64(st + DAMAGE, BAD_BLOCK)
            return -1
        put64(st + SWAPPED, u32(p + 8) != 0x1A2B3C4D)
        put64(st + INTERFACES, 0)
    kind = n32(st, p)
    total = n32(st, p + 4)
    if total < 12 or total % 4 != 0:
        put64(st + DAMAGE, BAD_BLOCK)
        return -1
    if kind != 1 and kind != 2 and kind != 3 and kind != 6:
        put64(st + PASS, total)
        return p
    if total > MAX_RECORD:
        put64(st + DAMAGE, TOO_LARGE)
        return -1
    if p + total > e:
        return p
    if kind == 1:
        read_interface(st, p + 8, p + total - 4)
    else:
        block_packet(st, kind, p + 8, p + total - 4)
    return p + total


@entry
def packet_lines(st: int, p: int, e: int) -> int:
    """Lines of the records in [p, e) to `OUT`; position of the first record that is not whole, or finds no room.

    32 bytes behind e can be read.
    """
    while True:
        step = min(i64(st + PASS), e - p)
        p += step
        put64(st + PASS, i64(st + PASS) - step)
        if i64(st + OUT) + ROOM > i64(st + OUT_END) or i64(st + PASS) > 0:
            return p
        if i64(st + KIND) == PCAP:
            behind = pcap_record(st, p, e)
        elif i64(st + KIND) == PCAPNG:
            behind = pcapng_record(st, p, e)
        else:
            behind = dnstap_record(st, p, e)
        if behind < 0 or (behind == p and i64(st + PASS) == 0):
            return p
        p = behind
