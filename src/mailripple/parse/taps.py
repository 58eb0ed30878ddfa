"""Kernel: dnstap: frame streams of protobuf messages (https://dnstap.info)."""

from __future__ import annotations

from mailripple.parse.native import i64, part, put8, put64, shr, u8, u32
from mailripple.parse.questions import (
    BAD_CONTROL,
    BROKE,
    DAMAGE,
    INTERFACE,
    MAX_RECORD,
    NO_MESSAGE,
    NOTE,
    OTHER_TYPE,
    OUT,
    PROTOCOLS,
    QUERY,
    RESPONSE,
    TOO_LARGE,
    be32,
    finish_line,
    put_address,
    put_head,
    put_question,
    put_time,
    put_why,
    put_word,
)

_KINDS = ("auth", "resolver", "client", "forward", "stub", "tool", "update")
KIND_WORDS = (0, *(int.from_bytes(k.encode(), "little") for k in _KINDS for _ in (0, 1)))
#: Where a field stands in the table of a message's fields: those of bytes behind the numbers.
TEXT, TABLE_BYTES = 256, 512
#: Fields of the messages Dnstap and Message.
IDENTITY, MESSAGE = TEXT + 16, TEXT + 16 * 14
TYPE, PROTOCOL, QUERY_SECONDS, RESPONSE_SECONDS = 16, 48, 128, 192
QUERY_ADDRESS, RESPONSE_ADDRESS, QUERY_MESSAGE, RESPONSE_MESSAGE = (TEXT + 16 * n for n in (4, 5, 10, 14))


@part
def read_varint(st: int, p: int, e: int) -> int:
    """Position behind the varint at p, its value in the note; -1 where there is none of at most 10 bytes."""
    value = 0
    for k in range(10):
        if p >= e:
            return -1
        c = u8(p)
        p += 1
        if k < 9:
            value |= (c & 127) << (7 * k)
        else:
            value |= c << 63
        if c < 128:
            put64(st + NOTE, value)
            return p
    return -1


@part
def field_end(st: int, wire: int, p: int, e: int) -> int:
    """Position behind a protobuf field's value: its number in the note (of bytes for text); -1 where it is broken."""
    if wire == 0:
        return read_varint(st, p, e)
    if wire == 5:
        put64(st + NOTE, u32(p) if p + 4 <= e else 0)
        return p + 4 if p + 4 <= e else -1
    if wire == 1:
        put64(st + NOTE, 0)
        return p + 8 if p + 8 <= e else -1
    if wire != 2:
        return -1
    p = read_varint(st, p, e)
    n = i64(st + NOTE)
    return p + n if p >= 0 and n >= 0 and n <= e - p else -1


@part
def read_fields(st: int, table: int, p: int, e: int) -> int:
    """Keep the fields 1 to 15 of the protobuf message [p, e): [end or 0, number or length].  False: it is broken.

    The last one counts, as protobuf says.  A field of the wrong sort stands where nobody looks for it.
    """
    for k in range(64):
        put64(table + 8 * k, 0)
    while p < e:
        p = read_varint(st, p, e)
        if p < 0:
            return 0
        key = i64(st + NOTE)
        p = field_end(st, key & 7, p, e)
        if p < 0:
            return 0
        field = shr(key, 3)
        if field > 0 and field < 16:
            at = table + 16 * field + (TEXT if key & 7 == 2 else 0)
            put64(at, p)
            put64(at + 8, i64(st + NOTE))
    return 1


@part
def put_host(out: int, p: int, n: int) -> int:
    """Write the server's identity and a space, if it is a plain word that can be a host's name."""
    if n < 1 or n > 64:
        return out
    for k in range(n):
        c = u8(p + k)
        letter = (c | 32) >= 97 and (c | 32) <= 122
        if not letter and not (c >= 48 and c <= 57) and c != 45 and c != 46 and c != 95:
            return out
    for k in range(n):
        put8(out + k, u8(p + k))
    put8(out + n, 32)
    return out + n + 1


@part
def put_tap(st: int, fields: int, out: int) -> int:
    """Write `client query udp CLIENT SERVER NAME TYPE` for a message whose fields are known, or a reason."""
    kind = i64(fields + TYPE + 8) if i64(fields + TYPE) else 0
    if kind < 1 or kind > 14:
        return -16 - OTHER_TYPE
    answer = kind % 2 == 0
    message = fields + (RESPONSE_MESSAGE if answer else QUERY_MESSAGE)
    if i64(message) == 0:
        message = fields + (QUERY_MESSAGE if answer else RESPONSE_MESSAGE)
    stop = i64(message)
    if stop == 0:
        return -16 - NO_MESSAGE
    out = put_word(out, KIND_WORDS[kind])
    put8(out, 32)
    out = put_word(out + 1, RESPONSE if answer else QUERY)
    if answer:
        put8(out, 32)
        out += 1
    protocol = i64(fields + PROTOCOL + 8)
    out = put_word(out, PROTOCOLS[protocol] if protocol > 0 and protocol < 8 else PROTOCOLS[0])
    put8(out, 32)
    out = put_bytes_address(out + 1, fields + QUERY_ADDRESS)
    out = put_bytes_address(out, fields + RESPONSE_ADDRESS)
    return put_question(st, stop - i64(message + 8), stop, out)


@part
def put_bytes_address(out: int, field: int) -> int:
    return put_address(out, i64(field) - i64(field + 8), i64(field + 8))


@part
def put_stamp(out: int, fields: int) -> int:
    """Write the time of the message: of an answer, the answer's, where there is one."""
    answer = i64(fields + TYPE + 8) % 2 == 0
    at = fields + (RESPONSE_SECONDS if answer else QUERY_SECONDS)
    if i64(at) == 0:
        at = fields + (QUERY_SECONDS if answer else RESPONSE_SECONDS)
    return put_time(out, i64(at + 8), i64(at + 24) // 1000) if i64(at) else out


@part
def put_frame_of_tap(st: int, p: int, e: int) -> int:
    """Write the line of a dnstap frame."""
    out = i64(st + OUT)
    outer = i64(st + INTERFACE)
    fields = outer + TABLE_BYTES
    message = outer + MESSAGE
    if not read_fields(st, outer, p, e):
        return finish_line(st, put_word(put_head(out), BROKE))
    if i64(message) == 0 or not read_fields(st, fields, i64(message) - i64(message + 8), i64(message)):
        return finish_line(st, put_word(put_head(out), BROKE))
    out = put_stamp(out, fields)
    identity = outer + IDENTITY
    out = put_host(out, i64(identity) - i64(identity + 8), i64(identity + 8))
    begin = put_head(out)
    made = put_tap(st, fields, begin)
    return finish_line(st, made if made >= 0 else put_why(begin, made, 0))


@part
def dnstap_record(st: int, p: int, e: int) -> int:
    """One frame of a frame stream, as `pcap_record`; a control frame has the length 0, then its own."""
    if p + 4 > e:
        return p
    size = be32(p)
    if size == 0:
        if p + 8 > e:
            return p
        if be32(p + 4) > 512:
            put64(st + DAMAGE, BAD_CONTROL)
            return -1
        return p + 8 + be32(p + 4) if p + 8 + be32(p + 4) <= e else p
    if size > MAX_RECORD:
        put64(st + DAMAGE, TOO_LARGE)
        return -1
    if p + 4 + size > e:
        return p
    put_frame_of_tap(st, p + 4, p + 4 + size)
    return p + 4 + size
