"""Kernel: the layers of a captured frame, down to the DNS message: link, IP, UDP or TCP."""

from __future__ import annotations

from mailripple.parse.native import part, u8
from mailripple.parse.questions import (
    BROKEN,
    CUT,
    EMPTY,
    FRAGMENT,
    LINKS,
    NOT_DNS,
    NOT_IP,
    SEGMENT,
    be16,
    finish_line,
    put_head,
    put_message,
    put_number,
    put_why,
    put_word,
)

UNKNOWN_LINK = -3


@part
def ip_header(link: int, p: int, e: int) -> int:
    """Position of the IP header of the frame [p, e), or minus 16 minus a skip, CUT, or UNKNOWN_LINK."""
    kind = 0
    if link == 1:
        kind = 12
        size = 14
    elif link == 113:
        kind = 14
        size = 16
    elif link == 276:
        size = 20
    elif link == 0 or link == 108:
        return p + 4 if p + 4 < e else CUT
    elif link == 12 or link == 14 or link == 101 or link == 228 or link == 229:
        return p
    else:
        return UNKNOWN_LINK
    if p + size > e:
        return CUT
    ether = be16(p + kind)
    p += size
    for _ in range(4):
        if ether == 0x8100 or ether == 0x88A8 or ether == 0x9100:
            if p + 4 > e:
                return CUT
            ether = be16(p + 2)
            p += 4
    if ether == 0x8864:
        if p + 8 > e:
            return CUT
        inner = be16(p + 6)
        ether = 0x0800 if inner == 0x21 else (0x86DD if inner == 0x57 else 0)
        p += 8
    return p if ether == 0x0800 or ether == 0x86DD else -16 - NOT_IP


@part
def put_ip(st: int, p: int, e: int, out: int) -> int:
    """Write what the IP packet [p, e) asks; the end of the text, or a reason as `put_question`."""
    if p >= e:
        return CUT
    version = u8(p) >> 4
    if version == 4:
        if p + 20 > e:
            return CUT
        size = (u8(p) & 15) * 4
        total = be16(p + 2)
        if size < 20:
            return BROKEN
        if be16(p + 6) & 0x3FFF != 0:
            return -16 - FRAGMENT
        stop = p + total if total >= size and p + total < e else e
        return put_transport(st, u8(p + 9), p + size, stop, p + 12, 4, out)
    if version != 6:
        return -16 - NOT_IP
    if p + 40 > e:
        return CUT
    total = 40 + be16(p + 4)
    stop = p + total if total > 40 and p + total < e else e
    return put_ip6(st, p, stop, out)


@part
def put_ip6(st: int, p: int, e: int, out: int) -> int:
    """The same for IPv6, behind its extension headers."""
    following = u8(p + 6)
    at = p + 40
    for _ in range(8):
        if following != 0 and following != 43 and following != 44 and following != 51 and following != 60:
            return put_transport(st, following, at, e, p + 8, 16, out)
        if at + 8 > e:
            return CUT
        if following == 44:
            if be16(at + 2) & 0xFFF9 != 0:
                return -16 - FRAGMENT
            size = 8
        elif following == 51:
            size = (u8(at + 1) + 2) * 4
        else:
            size = (u8(at + 1) + 1) * 8
        following = u8(at)
        at += size
    return -16 - NOT_DNS


@part
def put_transport(st: int, protocol: int, p: int, e: int, addresses: int, n: int, out: int) -> int:
    """The same for what stands behind the IP header; the two addresses of n bytes stand at `addresses`."""
    if protocol != 17 and protocol != 6:
        return -16 - NOT_DNS
    if p + (8 if protocol == 17 else 20) > e:
        return CUT
    if be16(p) != 53 and be16(p + 2) != 53:
        return -16 - NOT_DNS
    if protocol == 17:
        data = p + 8
        if data == e:
            return -16 - EMPTY
        return put_message(st, data, e, addresses, n, 1, out)
    size = (u8(p + 12) >> 4) * 4
    data = p + size
    if size < 20:
        return BROKEN
    if data > e:
        return CUT
    if data == e:
        return -16 - EMPTY
    length = be16(data) if data + 2 <= e else 0
    if length < 12 or data + 14 > e:
        return -16 - SEGMENT
    stop = data + 2 + length
    if stop > e:
        stop = e
        if u8(data + 4) >= 128 or be16(data + 6) != 1 or be16(data + 8) != 0:
            return -16 - SEGMENT
    made = put_message(st, data + 2, stop, addresses, n, 2, out)
    return -16 - SEGMENT if made == BROKEN or made == CUT else made


@part
def put_frame(st: int, link: int, p: int, e: int, cut: int, out: int) -> int:
    """Write the line of a captured frame whose time stands in front of `out`."""
    begin = put_head(out)
    at = ip_header(link, p, e)
    if at == UNKNOWN_LINK:
        return finish_line(st, put_number(put_word(begin, LINKS), min(link, 99_999)))
    made = put_ip(st, at, e, begin) if at >= 0 else at
    return finish_line(st, made if made >= 0 else put_why(begin, made, cut))
