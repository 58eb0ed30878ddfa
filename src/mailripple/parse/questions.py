"""Kernel: what a DNS message asks, written as a line of text; and the numbers, times and addresses of such lines.

Nothing in a packet is trusted: every read is bounded, a name ends after 255 bytes, a compression pointer must point
before the place where it was met.
"""

from __future__ import annotations

from mailripple.parse.native import i64, part, put8, put64, shr, u8

#: Words of the block: scratch; kind of the file; other byte order; link type and fractions a second of a pcap file;
#: where text goes, and where its room ends; what is wrong (DAMAGES); bytes to pass over; records so far; number of
#: interfaces, and the table of them: link type, resolution, offset in seconds, snap length.
(NOTE, KIND, SWAPPED, LINK, UNITS, OUT, OUT_END, DAMAGE, PASS, RECORDS, INTERFACES, INTERFACE, WORDS) = range(0, 104, 8)
PCAP, PCAPNG, DNSTAP = 1, 2, 3
MAX_INTERFACES = 1024
MAX_RECORD = 1 << 20
ROOM = 4096
#: Why reading stopped.
TOO_LARGE, BAD_BLOCK, BAD_CONTROL = 1, 2, 3
DAMAGES = ("", "a record is larger than any can be", "a block is broken", "a control frame is broken")
#: Why there is no question: the packet breaks the rules; it ends too early; reasons to skip it.
BROKEN, CUT = -1, -2
SKIPS = tuple("not-ip fragment not-dns empty segment opcode no-question no-message other-type cut".split())
NOT_IP, FRAGMENT, NOT_DNS, EMPTY, SEGMENT, OPCODE, NO_QUESTION, NO_MESSAGE, OTHER_TYPE = range(1, 10)
HEAD = tuple(int.from_bytes(b"dnspacket: "[k : k + 8], "little") for k in (0, 8))
SKIP_WORDS = tuple(int.from_bytes(s.encode()[k : k + 8], "little") for s in SKIPS for k in (0, 8))
_PROTOCOLS = (b"other", b"udp", b"tcp", b"dot", b"doh", b"dnscrypt", b"dnscrypt", b"doq")
PROTOCOLS = tuple(int.from_bytes(name, "little") for name in _PROTOCOLS)
TEXTS = {"skip": b"skip ", "broken": b"broken", "link": b"link ", "query": b"query ", "answer": b"response"}
SKIP, BROKE, LINKS, QUERY, RESPONSE = (int.from_bytes(t, "little") for t in TEXTS.values())
LAST_SECOND = 253_402_300_799
MAX_NAME = 255

_TYPES = {1: "A", 2: "NS", 5: "CNAME", 6: "SOA", 12: "PTR", 13: "HINFO", 15: "MX", 16: "TXT", 28: "AAAA", 29: "LOC"}
_TYPES |= {33: "SRV", 35: "NAPTR", 39: "DNAME", 43: "DS", 44: "SSHFP", 46: "RRSIG", 47: "NSEC", 48: "DNSKEY"}
_TYPES |= {50: "NSEC3", 52: "TLSA", 59: "CDS", 60: "CDNSKEY", 64: "SVCB", 65: "HTTPS", 99: "SPF", 251: "IXFR"}
_TYPES |= {252: "AXFR", 255: "ANY", 256: "URI", 257: "CAA"}
#: Names of types, 8 bytes each, by number; 0 for one that is written TYPE123.
TYPE_WORDS = tuple(int.from_bytes(_TYPES.get(n, "").encode(), "little") for n in range(258))


@part
def be16(p: int) -> int:
    return (u8(p) << 8) | u8(p + 1)


@part
def be32(p: int) -> int:
    return (be16(p) << 16) | be16(p + 2)


@part
def put_word(out: int, word: int) -> int:
    """Write a word's bytes up to the first zero; the position behind them."""
    while word != 0:
        put8(out, word & 0xFF)
        word = shr(word, 8)
        out += 1
    return out


@part
def finish_line(st: int, out: int) -> int:
    """End the record's line."""
    put8(out, 10)
    put64(st + OUT, out + 1)
    put64(st + RECORDS, i64(st + RECORDS) + 1)
    return 0


@part
def put_head(out: int) -> int:
    return put_word(put_word(out, HEAD[0]), HEAD[1])


@part
def put_why(out: int, why: int, cut: int) -> int:
    """Write why there is no question, for a record that was (not) captured whole."""
    if why <= -16:
        out = put_word(out, SKIP)
        return put_word(put_word(out, SKIP_WORDS[2 * (-why - 17)]), SKIP_WORDS[2 * (-why - 17) + 1])
    if why == CUT and cut:
        return put_word(put_word(out, SKIP), SKIP_WORDS[18])
    return put_word(out, BROKE)


@part
def put_digits(out: int, value: int, n: int) -> int:
    """Write n digits."""
    for k in range(n):
        put8(out + n - 1 - k, 48 + value % 10)
        value = value // 10
    return out + n


@part
def put_number(out: int, value: int) -> int:
    """Write a number from 0 to 99999."""
    n = 1
    limit = 10
    while value >= limit and n < 5:
        n += 1
        limit *= 10
    return put_digits(out, value, n)


@part
def put_time(out: int, seconds: int, micros: int) -> int:
    """Write `2024-10-27T01:17:13.622000Z ` if the year has four digits, else nothing."""
    if seconds < 0 or seconds > LAST_SECOND or micros < 0 or micros > 999_999:
        return out
    days = seconds // 86_400
    rest = seconds - days * 86_400
    shifted = days + 719_468  # days since 0000-03-01 (H. Hinnant's algorithm)
    era = shifted // 146_097
    doe = shifted - era * 146_097
    yoe = (doe - doe // 1460 + doe // 36_524 - doe // 146_096) // 365
    doy = doe - (365 * yoe + yoe // 4 - yoe // 100)
    mp = (5 * doy + 2) // 153
    month = mp + 3 if mp < 10 else mp - 9
    out = put_digits(out, yoe + era * 400 + (1 if month <= 2 else 0), 4)
    put8(out, 45)
    out = put_digits(out + 1, month, 2)
    put8(out, 45)
    out = put_digits(out + 1, doy - (153 * mp + 2) // 5 + 1, 2)
    put8(out, 84)
    out = put_digits(out + 1, rest // 3600, 2)
    put8(out, 58)
    out = put_digits(out + 1, rest // 60 % 60, 2)
    put8(out, 58)
    out = put_digits(out + 1, rest % 60, 2)
    put8(out, 46)
    out = put_digits(out + 1, micros, 6)
    put8(out, 90)
    put8(out + 1, 32)
    return out + 2


@part
def put_hex(out: int, value: int) -> int:
    """Write 16 bits in hexadecimal, without leading zeros."""
    started = 0
    for k in range(4):
        digit = (value >> (12 - 4 * k)) & 15
        if digit != 0 or started or k == 3:
            put8(out, digit + (48 if digit < 10 else 87))
            out += 1
            started = 1
    return out


@part
def put_address(out: int, p: int, n: int) -> int:
    """Write the address of n bytes at p (4 or 16, else `-`) and a space."""
    if n == 4:
        for k in range(4):
            out = put_number(out, u8(p + k))
            put8(out, 46 if k < 3 else 32)
            out += 1
        return out
    if n == 16:
        for k in range(8):
            out = put_hex(out, be16(p + 2 * k))
            put8(out, 58 if k < 7 else 32)
            out += 1
        return out
    put8(out, 45)
    put8(out + 1, 32)
    return out + 2


@part
def put_letter(out: int, c: int) -> int:
    """Write a byte of a name as BIND does: lower case; special signs behind `\\`, what does not print as `\\DDD`."""
    if c >= 65 and c <= 90:
        c += 32
    if c <= 32 or c >= 127:
        put8(out, 92)
        return put_digits(out + 1, c, 3)
    if c == 46 or c == 92 or c == 34 or c == 59 or c == 64 or c == 36 or c == 40 or c == 41:
        put8(out, 92)
        out += 1
    put8(out, c)
    return out + 1


@part
def put_name(st: int, message: int, p: int, e: int, out: int) -> int:
    """Write the name at p of the message; position behind it in the message, or BROKEN or CUT.  st[0]: end of the text.

    At most 255 bytes and their pointers are followed: each must point before the labels that were just read.
    """
    behind = 0
    limit = p
    total = 1
    begin = out
    while True:
        if p >= e:
            return CUT
        n = u8(p)
        if n >= 192:
            if p + 2 > e:
                return CUT
            if behind == 0:
                behind = p + 2
            target = message + (((n & 63) << 8) | u8(p + 1))
            if target >= limit or target < message + 12:
                return BROKEN
            limit = target
            p = target
            continue
        if n >= 64:
            return BROKEN
        if n == 0:
            break
        total += n + 1
        if total > MAX_NAME:
            return BROKEN
        if p + 1 + n > e:
            return CUT
        if out > begin:
            put8(out, 46)
            out += 1
        for k in range(n):
            out = put_letter(out, u8(p + 1 + k))
        p += n + 1
    if out == begin:
        put8(out, 46)
        out += 1
    put64(st, out)
    return behind if behind != 0 else p + 1


@part
def put_type(out: int, number: int) -> int:
    """Write the name of a query type."""
    word = TYPE_WORDS[number] if number < 258 else 0
    if word != 0:
        return put_word(out, word)
    put8(out, 84)
    put8(out + 1, 89)
    put8(out + 2, 80)
    put8(out + 3, 69)
    return put_number(out + 4, number)


@part
def put_question(st: int, p: int, e: int, out: int) -> int:
    """Write `NAME TYPE` of the question of the message [p, e); the end, or BROKEN, CUT, or minus 16 minus a skip."""
    if p + 12 > e:
        return CUT
    if (u8(p + 2) >> 3) & 15 != 0:
        return -16 - OPCODE
    if be16(p + 4) == 0:
        return -16 - NO_QUESTION
    behind = put_name(st, p, p + 12, e, out)
    if behind < 0:
        return behind
    if behind + 4 > e:
        return CUT
    out = i64(st)
    put8(out, 32)
    return put_type(out + 1, be16(behind))


@part
def put_message(st: int, p: int, e: int, addresses: int, n: int, protocol: int, out: int) -> int:
    """Write `query udp CLIENT SERVER NAME TYPE` for the DNS message [p, e)."""
    if p + 12 > e:
        return CUT
    answer = u8(p + 2) >= 128
    out = put_word(out, RESPONSE if answer else QUERY)
    if answer:
        put8(out, 32)
        out += 1
    out = put_word(out, PROTOCOLS[protocol])
    put8(out, 32)
    out = put_address(out + 1, addresses + (n if answer else 0), n)
    out = put_address(out, addresses + (0 if answer else n), n)
    return put_question(st, p, e, out)
