"""Kernel: finding, comparing, hashing and reading text by address.

`p` is where reading begins, `e` the first address behind the text.  Positions are returned, -1 means "not there".
"""

from __future__ import annotations

from mailripple.parse.native import (
    clz,
    ctz,
    eqmask,
    i64,
    inline,
    mulmix,
    part,
    position,
    put64,
    rangemask,
    shr,
    u8,
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
    """`find_byte` for the end of a line: 256 bytes at once, for a processor does not guess how long a line is."""
    while p + 256 <= e:
        n = ctz(newlines(p))
        n += ctz(newlines(p + 64)) & -(n >> 6)  # only if there is none before
        n += ctz(newlines(p + 128)) & -(n >> 7)
        n += ctz(newlines(p + 192)) & -(n >= 192)
        p = position(p + n)
        if n < 256:
            return p
    while p < e:
        mask = newlines(p)
        if mask != 0:
            p = position(p + ctz(mask))
            return p if p < e else -1
        p += 64
    return -1


@inline
def newlines(p: int) -> int:
    """Bit i is set where the byte at p + i is a newline, i in 0..63."""
    return eqmask(p, 10) | (eqmask(p + 32, 10) << 32)


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

    Sixteen bytes at once (after wyhash; both factors of each product hold what nobody outside knows).  What is left, 8
    to 32 bytes, is read as four words from both ends, some of them twice: no length needs a way of its own, for
    processors do not guess lengths.  Eight bytes at p must be readable.
    """
    h = seed ^ (n * K3)
    s = (seed ^ K2) * K1
    if n < 8:
        h = mulmix(h ^ (i64(p) & ((1 << (8 * n)) - 1)), s)
    else:
        e = p + n
        while e - p > 32:
            h = mulmix(h ^ i64(p), s ^ i64(p + 8))
            p += 16
        h = mulmix(h ^ i64(p), s ^ i64(min(p + 8, e - 8)))
        h = mulmix(h ^ i64(max(p, e - 16)), s ^ i64(e - 8))
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
        while e - p > 32:
            h = mulmix(h ^ lower8(i64(p)), s ^ lower8(i64(p + 8)))
            p += 16
        h = mulmix(h ^ lower8(i64(p)), s ^ lower8(i64(min(p + 8, e - 8))))
        h = mulmix(h ^ lower8(i64(max(p, e - 16))), s ^ lower8(i64(e - 8)))
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
