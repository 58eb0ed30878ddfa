"""Kernel: keys for names, and the row of an event.

A key is an int64 that stands for a name in every table of a run: an IPv4 address is its own key, everything else is
a seeded hash whose text is kept once in the dictionary (a table of keys, which should stay in the cache, and one of
their places in the arena).
"""

from __future__ import annotations

from mailripple.parse import layout as L
from mailripple.parse.addresses import read_ipv4, read_ipv6
from mailripple.parse.native import eqmask, i64, inline, part, put32, put64, samemask, shr, u8, u32
from mailripple.parse.text import (
    HIGH,
    ONES,
    TEXT_KEY,
    V4_KEY,
    find_byte,
    find_last_byte,
    hash_lower,
    hash_text,
    is_digit,
    lower8,
    number,
    read_int,
    skip_digits,
)
from mailripple.tables import QTYPE_NUMBERS, QTYPES

C_TS, C_CODE, C_LINE, C_SERVER = L.COL["ts"], L.COL["code"], L.COL["line"], L.COL["server"]
C_CLIENT, C_NAME, C_LINK, C_ACCOUNT = L.COL["client"], L.COL["name"], L.COL["link"], L.COL["account"]
C_QUEUE, C_SENDER, C_COUNT, C_PID, C_RELAY = (L.COL[name] for name in ("queue", "sender", "count", "pid", "relay"))

MAX_NAME = 512
TYPE_WORD = int.from_bytes(b"TYPE", "little")
LOWER = 0x20202020
DOTS = 0x2E2E2E2E2E2E2E2E


@part
def slot_begin(ctx: int, slot: int) -> int:
    return i64(i64(ctx + L.SLOTS) + 16 * slot)


@part
def slot_end(ctx: int, slot: int) -> int:
    return i64(i64(ctx + L.SLOTS) + 16 * slot + 8)


@inline
def remember(ctx: int, key: int, p: int, n: int, lower: int) -> int:
    """Keep the text of `key` in the dictionary, once.  Long names are cut; a full dictionary keeps only the key."""
    table = i64(ctx + L.DICT)
    mask = i64(ctx + L.DICT_MASK)
    at = key & mask
    while True:
        found = i64(table + 8 * at)
        if found == key:
            return key
        if found == 0:
            break
        at = (at + 1) & mask
    n = min(n, MAX_NAME)
    used = i64(ctx + L.ARENA_N)
    if i64(ctx + L.DICT_FREE) <= 0:
        put64(ctx + L.DICT_FULL, 1)
        return key
    put64(table + 8 * at, key)
    put64(i64(ctx + L.DICT_PLACES) + 8 * at, (used << 16) | n)
    arena = i64(ctx + L.ARENA) + used
    for k in range(0, n, 8):
        word = i64(p + k)
        put64(arena + k, lower8(word) if lower != 0 else word)
    put64(ctx + L.ARENA_N, used + n)
    put64(ctx + L.DICT_N, i64(ctx + L.DICT_N) + 1)
    put64(ctx + L.DICT_FREE, i64(ctx + L.DICT_FREE) - 1)
    return key


@inline
def text_key(ctx: int, p: int, n: int) -> int:
    """Key of a name without regard to case."""
    return (hash_lower(p, n, i64(ctx + L.SEED)) & (TEXT_KEY - 1)) | TEXT_KEY


@inline
def name_key(ctx: int, p: int, n: int) -> int:
    """Key of a name without regard to case, remembered; 0 for the empty name."""
    if n <= 0:
        return 0
    return remember(ctx, text_key(ctx, p, n), p, n, 1)


@part
def address_key(ctx: int, p: int, e: int) -> int:
    """Key of the IP address in [p, e), v4-mapped addresses as their IPv4, IPv6 ones as their prefix; 0: none."""
    out = i64(ctx + L.SCRATCH)
    if p < e and eqmask(p, 58) & 31 == 0 and read_ipv4(p, e, out) == e:  # no dotted quad has a colon so early
        return V4_KEY + i64(out)
    if not read_ipv6(p, e, out):
        return 0
    if i64(out) == 0 and (i64(out + 8) & 0xFFFFFFFF) == 0xFFFF0000:
        return V4_KEY + (u8(out + 12) << 24 | u8(out + 13) << 16 | u8(out + 14) << 8 | u8(out + 15))
    put64(out, i64(out) & i64(ctx + L.V6_MASK_A))
    put64(out + 8, i64(out + 8) & i64(ctx + L.V6_MASK_B))
    key = (hash_text(out, 16, i64(ctx + L.SEED)) & (TEXT_KEY - 1)) | TEXT_KEY
    return remember(ctx, key, out, 16, 0)


@part
def bracket_key(ctx: int, p: int, e: int, slot: int) -> int:
    """Key of the address in the last brackets of `name [address] ...`; its place goes to `slot`.  0 if none."""
    close = find_last_byte(p, e, 93)
    if close < 0:
        return 0
    start = find_last_byte(p, close, 91)
    if start < 0:
        return 0
    start += 1
    if close - start > 5 and (i64(start) | 0x202020) & 0xFFFFFFFFFF == 0x3A36767069:
        start += 5
    key = address_key(ctx, start, close)
    if key != 0:
        keep_address(ctx, slot, start, close, key)
    return key


@part
def set_slot(ctx: int, slot: int, p: int, e: int) -> int:
    """Keep [p, e) as the slot's text."""
    at = i64(ctx + L.SLOTS) + 16 * slot
    put64(at, p)
    put64(at + 8, e)
    put64(ctx + L.HAVE, i64(ctx + L.HAVE) | (1 << slot))


@part
def keep_address(ctx: int, slot: int, p: int, e: int, key: int) -> int:
    """Keep [p, e) as the text of an address slot, and its key."""
    set_slot(ctx, slot, p, e)
    put64(ctx + (L.CLIENT_KEY if slot == L.SLOT_CLIENT else L.RELAY_KEY), key)
    return 0


@part
def put_rcpt(ctx: int, p: int, e: int) -> int:
    """Add the recipient in [p, e) to the side table: the key of what follows the last `@`, 0 for a local name."""
    at = find_last_byte(p, e, 64)
    key = 0
    if at >= 0:
        at += 1
        if e > at and u8(e - 1) == 62:
            e -= 1
        if e > at and u8(e - 1) == 46:
            e -= 1
        key = name_key(ctx, at, e - at)
    n = i64(ctx + L.NRCPT)
    put64(i64(ctx + L.RCPTS) + 8 * n, key)
    put64(ctx + L.NRCPT, n + 1)


@inline
def qtype_code(p: int, e: int) -> int:
    """Index into QTYPES; 0 for a type that is not counted by itself.  `TYPE65` (RFC 3597), `type=65`: by number.

    By one look into a table: types follow each other without an order that a processor could guess.
    """
    n = e - p
    if n < 1 or n > 10:
        return 0
    word = i64(p) & ((1 << (8 * min(n, 6))) - 1) | n << 56
    at = shr(word * QTYPE_HASH, 59)
    if QTYPE_WORDS[at] == word:
        return QTYPE_CODES[at]
    return numbered_qtype(p, e)


@part
def numbered_qtype(p: int, e: int) -> int:
    """`qtype_code` of `TYPE65` or `type=65`, at most ten bytes long."""
    if e - p > 4 and (u32(p) == TYPE_WORD or (u32(p) == TYPE_WORD | LOWER and u8(p + 4) == 61)):
        p += 4 if u32(p) == TYPE_WORD else 5
        if p < e and skip_digits(p, e) == e:
            number = read_int(p, e)
            for k in range(1, QTYPE_COUNT):
                if number == QTYPE_NUMBERS[k]:
                    return k
    return 0


@part
def server_key(ctx: int) -> int:
    """Key of the host that wrote the line; the last one is kept at hand, for most logs have one."""
    slot = L.SLOT_HOST
    if i64(ctx + L.HAVE) & (1 << slot) == 0:
        return i64(ctx + L.BASE)
    p = slot_begin(ctx, slot)
    n = slot_end(ctx, slot) - p
    if is_host_at_hand(ctx, p, n):
        return i64(ctx + L.HOST_KEY)
    key = name_key(ctx, p, n)
    if n < 32:
        for k in range(0, 32, 8):
            put64(ctx + L.HOST_TEXT + k, i64(p + k))
        put64(ctx + L.HOST_LEN, n)
        put64(ctx + L.HOST_KEY, key)
        put64(ctx + L.HOST_MASK, -1)
    return key


@inline
def is_host_at_hand(ctx: int, p: int, n: int) -> int:
    """True if the n bytes at p are the host that is kept at hand, which has 31 at most."""
    same = (1 << n) - 1
    return n == i64(ctx + L.HOST_LEN) and samemask(p, ctx + L.HOST_TEXT) & same == same


@part
def slot_hash(ctx: int, slot: int) -> int:
    """Hash of a slot's text as it stands; 0 where the slot is empty."""
    if i64(ctx + L.HAVE) & (1 << slot) == 0:
        return 0
    p = slot_begin(ctx, slot)
    n = slot_end(ctx, slot) - p
    return hash_text(p, n, i64(ctx + L.SEED)) | 1 if n > 0 else 0


@part
def slot_lower_hash(ctx: int, slot: int) -> int:
    """Hash of a slot's text in lower case; 0 where the slot is empty."""
    if i64(ctx + L.HAVE) & (1 << slot) == 0:
        return 0
    p = slot_begin(ctx, slot)
    n = slot_end(ctx, slot) - p
    return hash_lower(p, n, i64(ctx + L.SEED)) | 1 if n > 0 else 0


@part
def sender_hash(ctx: int, slot: int) -> int:
    """Hash of an envelope sender in lower case, without what changes from message to message; 0 where it is empty.

    Rewriting (SRS), tags of lists and of bounces (VERP, BATV) put `=` into the local part: `SRS0=...=domain=user`,
    `list-bounces+reader=domain`, `prvs=tag=user`.  What stands before the first `+` or `=` tells the sender, of BATV
    what stands behind the tag.
    """
    if i64(ctx + L.HAVE) & (1 << slot) == 0:
        return 0
    p = slot_begin(ctx, slot)
    e = slot_end(ctx, slot)
    if e <= p:
        return 0
    equal = find_byte(p, e, 61)
    if equal > p and equal < find_last_byte(p, e, 64):
        if i64(p) & 0xFFFFFFFFFF | 0x20202020 == 0x3D73767270:  # prvs=
            tag = find_byte(equal + 1, e, 61)
            if tag > 0 and tag + 1 < e:
                p = tag + 1
        else:
            plus = find_byte(p, equal, 43)
            e = plus if plus > p else equal
    return hash_lower(p, e - p, i64(ctx + L.SEED)) | 1


@part
def slot_number(ctx: int, slot: int, limit: int) -> int:
    """Value of a slot of digits, at most `limit`."""
    if i64(ctx + L.HAVE) & (1 << slot) == 0:
        return 0
    return number(slot_begin(ctx, slot), slot_end(ctx, slot), limit)


@part
def slot_name(ctx: int, slot: int) -> int:
    """Key of a slot's name, remembered."""
    if i64(ctx + L.HAVE) & (1 << slot) == 0:
        return 0
    p = slot_begin(ctx, slot)
    return name_key(ctx, p, slot_end(ctx, slot) - p)


@inline
def guess(p: int) -> int:
    """Length, dot included, of the first label of a name if it is what a mailer calls an exchanger that it guesses."""
    word = i64(p) | LOWER << 32 | LOWER
    off = word ^ DOTS
    dot = (off - ONES) & (off ^ -1) & HIGH | 1 << 63  # the lowest bit marks the first dot, if there is one
    label = word & (dot ^ (dot - 1))
    at = shr(label * GUESS_HASH, 60)
    if GUESS_WORDS[at] != label or lower8(i64(p)) & (dot ^ (dot - 1)) != label:
        return 0
    return GUESS_LENGTHS[at]


@part
def for_policy(ctx: int, slot: int) -> int:
    """True if a field holds an enhanced status code X.7.X: the other side does not want this, for reasons of policy."""
    if i64(ctx + L.HAVE) & (1 << slot) == 0:
        return 0
    p = slot_begin(ctx, slot)
    e = slot_end(ctx, slot)
    begin = p
    while p + 2 < e:
        p = find_byte(p, e - 2, 46)
        if p < 0:
            return 0
        before = u8(p - 1)
        if p > begin and (before == 52 or before == 53) and u8(p + 1) == 55 and u8(p + 2) == 46:
            return 1
        p += 1
    return 0


@part
def policy(ctx: int) -> int:
    """`layout.POLICY` for a delivery that was deferred for a reason of policy, as its fields say; else 0."""
    if i64(ctx + L.STATUS) != L.DEFERRED:
        return 0
    said = for_policy(ctx, L.SLOT_DSN) | for_policy(ctx, L.SLOT_STAT) | for_policy(ctx, L.SLOT_REPLY)
    return L.POLICY if said else 0


@part
def emit(ctx: int, pattern: int, kind: int, rcpt0: int) -> int:
    """Write the row of an event: the columns of `layout.COLUMNS`, and in wide mode the place of each field."""
    have = i64(ctx + L.HAVE)
    n = i64(ctx + L.N)
    stride = 8 * i64(ctx + L.CAP)
    col = i64(ctx + L.COLS) + 8 * n
    dsn = 0
    if have & (1 << L.SLOT_DSN):
        p = slot_begin(ctx, L.SLOT_DSN)
        if p < slot_end(ctx, L.SLOT_DSN) and is_digit(u8(p)):
            dsn = u8(p) - 48
    qtype = 0
    name = 0
    count = 0
    if have & (1 << L.SLOT_QNAME):
        p = slot_begin(ctx, L.SLOT_QNAME)
        m = slot_end(ctx, L.SLOT_QNAME) - p
        if m > 1 and u8(p + m - 1) == 46:
            m -= 1
        name = text_key(ctx, p, m)
        if have & (1 << L.SLOT_QTYPE):
            qtype = qtype_code(slot_begin(ctx, L.SLOT_QTYPE), slot_end(ctx, L.SLOT_QTYPE))
        if kind == L.KIND_QUERY:
            label = guess(p)
            cut = i64(ctx + L.V6_CUT)
            if label > 0 and label < m and (qtype == ADDRESS4 or qtype == ADDRESS6):
                dsn = L.GUESSED
                put64(col + C_LINK * stride, text_key(ctx, p + label, m - label))
            elif cut > 0 and qtype == POINTER and m == ARPA6_LENGTH and lower8(i64(p + m - 8)) == ARPA6:
                dsn = L.GROUPED
                put64(col + C_LINK * stride, text_key(ctx, p + cut, m - cut))
    elif kind == L.KIND_TO or kind == L.KIND_START:
        rcpts = i64(ctx + L.NRCPT) - rcpt0
        count = (rcpts << 40) | rcpt0
        if rcpts > 0:
            name = i64(i64(ctx + L.RCPTS) + 8 * rcpt0)
        qtype = policy(ctx)
    elif kind == L.KIND_REPEAT:
        count = slot_number(ctx, L.SLOT_REPEAT, 1 << 40)
    else:
        count = slot_number(ctx, L.SLOT_NRCPTS, 1 << 20) << 40
        if have & (1 << L.SLOT_NRCPTS) == 0:
            count = -1
    status = i64(ctx + L.STATUS)
    put64(col + C_TS * stride, i64(ctx + L.TS))
    put64(
        col + C_CODE * stride,
        kind | (status << 8) | (qtype << 16) | (dsn << 24) | (i64(ctx + L.TS_KIND) << 28) | (pattern << 32),
    )
    put64(col + C_LINE * stride, i64(ctx + L.LINES) << 32 | (i64(ctx + L.LINE_START) - i64(ctx + L.TEXT)))
    put64(col + C_SERVER * stride, server_key(ctx))
    put64(col + C_CLIENT * stride, i64(ctx + L.CLIENT_KEY) if have & (1 << L.SLOT_CLIENT) else 0)
    put64(col + C_NAME * stride, name)
    if kind >= L.KIND_FROM:
        emit_mail(ctx, col, stride, count, kind)
    if i64(ctx + L.WIDE) != 0:
        emit_wide(ctx, n)
    put64(ctx + L.N, n + 1)


@part
def emit_mail(ctx: int, col: int, stride: int, count: int, kind: int) -> int:
    """The columns that only mail and POP3/IMAP events have; DNS events leave them as they are."""
    have = i64(ctx + L.HAVE)
    if kind == L.KIND_MSGID or (kind == L.KIND_FROM and have & (1 << L.SLOT_NEW_QID) == 0):
        link = slot_hash(ctx, L.SLOT_MSGID)
    else:
        link = slot_hash(ctx, L.SLOT_NEW_QID)
    sensed = have & (1 << L.SLOT_QID) == 0 and have & (1 << L.SLOT_CLIENT) != 0
    if kind == L.KIND_TO and not sensed:
        sender = slot_lower_hash(ctx, L.SLOT_MAILER)
    else:
        sender = sender_hash(ctx, L.SLOT_FROM)
    sasl = have & (1 << L.SLOT_SASL)
    put64(col + C_ACCOUNT * stride, slot_name(ctx, L.SLOT_SASL) if sasl else slot_name(ctx, L.SLOT_USER))
    put64(col + C_QUEUE * stride, slot_hash(ctx, L.SLOT_QID))
    put64(col + C_LINK * stride, link)
    put64(col + C_SENDER * stride, sender)
    put64(col + C_COUNT * stride, count)
    put64(col + C_PID * stride, slot_number(ctx, L.SLOT_PID, 1 << 40))
    put64(col + C_RELAY * stride, i64(ctx + L.RELAY_KEY) if have & (1 << L.SLOT_RELAY_IP) else 0)


@part
def emit_wide(ctx: int, n: int) -> int:
    """Keep where each field stands in the text: int32 pairs (begin, length), length -1 for an absent field.

    Text that stands beside the lines has a begin below zero: -1 its first byte, -2 the one behind it.
    """
    have = i64(ctx + L.HAVE)
    beside = i64(ctx + L.SIDE)
    behind = beside + i64(ctx + L.SIDE_N)
    row = i64(ctx + L.WIDE) + 8 * L.NSLOTS * n
    for slot in range(L.NSLOTS):
        if have & (1 << slot):
            p = slot_begin(ctx, slot)
            put32(row + 8 * slot, beside - p - 1 if p >= beside and p <= behind else p - i64(ctx + L.TEXT))
            put32(row + 8 * slot + 4, slot_end(ctx, slot) - p)
        else:
            put32(row + 8 * slot + 4, -1)


def _placed(values: dict[int, int], multiplier: int, bits: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Words and their values at the places that the upper `bits` of each word times the multiplier give, else 0."""
    words, found = [0] * (1 << bits), [0] * (1 << bits)
    for word, value in values.items():
        at = (word * multiplier & (1 << 64) - 1) >> (64 - bits)
        words[at], found[at] = word, value
    return tuple(words), tuple(found)


def _word(text: bytes) -> int:
    return int.from_bytes(text, "little")


#: Types of questions as words, their length in the last byte.
QTYPE_HASH, GUESS_HASH = 0x110B8F507204E52D, 0x184B9DA5A6CECC1B
QTYPE_COUNT = len(QTYPES)
QTYPE_WORDS, QTYPE_CODES = _placed(
    {_word(name.encode()) | len(name) << 56: code for code, name in enumerate(QTYPES) if code}, QTYPE_HASH, 5
)
#: First labels of the names that Mytob and its like make of a domain, with their dots.
GUESSES = (b"mx.", b"mail.", b"smtp.", b"mxs.", b"mail1.", b"relay.", b"ns.", b"gate.")
GUESS_WORDS, GUESS_LENGTHS = _placed({_word(label): len(label) for label in GUESSES}, GUESS_HASH, 4)
ADDRESS4, ADDRESS6, POINTER = QTYPES.index("A"), QTYPES.index("AAAA"), QTYPES.index("PTR")
#: The end of the name that a PTR question for an IPv6 address asks for, and its length: 32 digits and dots before it.
ARPA6, ARPA6_LENGTH = int.from_bytes(b"ip6.arpa", "little"), 72
