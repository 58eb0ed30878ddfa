"""Kernel: time stamps to microseconds of civil time or UTC.

What a stamp says is kept apart from what must be inferred: `TS_KIND` tells whether the year and the offset were
there.  `parse.timemap` adds what is missing.
"""

from __future__ import annotations

from mailripple.parse import layout as L
from mailripple.parse.native import entry, i64, part, put64, u8, u16, u32
from mailripple.parse.text import HIGH, hex_value, is_alnum, is_digit, number, read_int, skip_digits

SECOND = 1_000_000
DAY = 86_400
BACK = 4
TENS = (1, 10, 100, 1000, 10_000, 100_000, 1_000_000)
MONTHS = tuple(int.from_bytes(m.encode(), "little") for m in "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split())


#: The last second of the year 9999, and the TAI label of 1970-01-01 UTC.
LAST_SECOND = 253_402_300_799
TAI_ZERO = (1 << 62) + 10
UTC_WORD, GMT_WORD = (int.from_bytes(word, "little") for word in (b"UTC", b"GMT"))

#: An hour that occurs twice is the first one, if nothing came before.
NEVER = -(1 << 62)


@part
def days_from_civil(year: int, month: int, day: int) -> int:
    """Days since 1970-01-01 of a proleptic Gregorian date (H. Hinnant's algorithm)."""
    if month <= 2:
        year -= 1
    era = year // 400
    yoe = year - era * 400
    shifted = month - 3 if month > 2 else month + 9
    doy = (153 * shifted + 2) // 5 + day - 1
    return era * 146097 + yoe * 365 + yoe // 4 - yoe // 100 + doy - 719468


@part
def two(p: int) -> int:
    """Value of two digits at p, or -1."""
    digits = u16(p) - 0x3030
    if (digits | (digits + 0x7676)) & 0xFFFFFFFFFFFF8080 != 0:
        return -1
    return (digits & 0xFF) * 10 + (digits >> 8)


@part
def three(p: int) -> int:
    """Value of three digits at p, or -1."""
    digits = (u32(p) & 0xFFFFFF) - 0x303030
    if (digits | (digits + 0x767676)) & 0xFFFFFFFFFF808080 != 0:
        return -1
    pairs = digits * 10 + (digits >> 8)
    return (pairs & 0xFF) * 10 + (digits >> 16)


@part
def seconds_and_thousandths(p: int) -> int:
    """Microseconds of `SS.mmm` at p, with at most 60 seconds; or -1."""
    digits = (i64(p) & 0xFFFFFFFFFFFF) ^ 0x3030302E3030  # the dot becomes 0
    if (digits | (digits + 0x7676767F7676)) & HIGH != 0:
        return -1
    pairs = digits * 10 + (digits >> 8)
    seconds = pairs & 0xFF
    if seconds > 60:
        return -1
    return seconds * SECOND + ((pairs >> 24) & 0xFF) * 10_000 + (digits >> 40) * 1000


@part
def month_number(p: int) -> int:
    """1 to 12 from three letters (English, as all these servers write them), or 0."""
    word = u16(p) | (u8(p + 2) << 16)
    for k in range(12):
        if word == MONTHS[k]:
            return k + 1
    return 0


@part
def read_clock(p: int, e: int) -> int:
    """Seconds of the day of `HH:MM:SS` at p, or -1."""
    if p + 8 > e or u8(p + 2) != 58 or u8(p + 5) != 58:
        return -1
    h = two(p)
    m = two(p + 3)
    s = two(p + 6)
    if h < 0 or h > 23 or m < 0 or m > 59 or s < 0 or s > 60:
        return -1
    return h * 3600 + m * 60 + s


@part
def read_fraction(ctx: int, p: int, e: int) -> int:
    """Add the `.123456` at p to the stamp; the position behind it."""
    if p >= e or u8(p) != 46:
        return p
    thousandths = three(p + 1)
    if thousandths >= 0 and p + 4 <= e and not is_digit(u8(p + 4)):  # what most write
        put64(ctx + L.TS, i64(ctx + L.TS) + thousandths * 1000)
        return p + 4
    if p + 1 >= e or not is_digit(u8(p + 1)):
        return p
    stop = skip_digits(p + 1, e)
    digits = min(stop - p - 1, 6)
    put64(ctx + L.TS, i64(ctx + L.TS) + number(p + 1, p + 1 + digits, SECOND) * TENS[6 - digits])
    return stop


@part
def month_days(year: int, month: int) -> int:
    """Days of a month."""
    if month == 2:
        return 29 if (year % 4 == 0 and year % 100 != 0) or year % 400 == 0 else 28
    return 30 if month == 4 or month == 6 or month == 9 or month == 11 else 31


@part
def set_stamp(ctx: int, year: int, month: int, day: int, seconds: int, kind: int) -> int:
    """Store the stamp; False where no calendar has that day."""
    if year < 1 or month < 1 or month > 12 or day < 1 or day > month_days(year, month) or seconds < 0:
        return 0
    put64(ctx + L.TS, (days_from_civil(year, month, day) * DAY + seconds) * SECOND)
    put64(ctx + L.TS_KIND, kind)
    return 1


@part
def stamp_rfc3164(ctx: int, p: int, e: int) -> int:
    """`Oct 27 01:17:13`, day padded or not; the year 2000 (it has a 29 February) stands for the unknown one."""
    if p + 14 > e:
        return -1
    if p + 15 <= e and i64(p) == i64(ctx + L.SEEN) and u32(p + 8) == i64(ctx + L.SEEN_REST) and u8(p + 12) == 58:
        seconds = two(p + 13)
        if seconds >= 0 and seconds <= 60:
            put64(ctx + L.TS, i64(ctx + L.SEEN_MINUTE) + seconds * SECOND)
            put64(ctx + L.TS_KIND, L.CIVIL_NO_YEAR)
            return read_fraction(ctx, p + 15, e)
        return -1
    month = month_number(p)
    if month == 0 or u8(p + 3) != 32:
        return -1
    at = p + 4
    if u8(at) == 32:
        at += 1
    day = u8(at) - 48
    if day > 9:
        return -1
    at += 1
    if is_digit(u8(at)):
        day = day * 10 + u8(at) - 48
        at += 1
    if day < 1 or day > 31 or u8(at) != 32:
        return -1
    seconds = read_clock(at + 1, e)
    if seconds < 0 or not set_stamp(ctx, 2000, month, day, seconds, L.CIVIL_NO_YEAR):
        return -1
    if at == p + 6 and seconds % 60 < 60:
        put64(ctx + L.SEEN, i64(p))
        put64(ctx + L.SEEN_REST, u32(p + 8))
        put64(ctx + L.SEEN_MINUTE, i64(ctx + L.TS) - two(p + 13) * SECOND)
    return read_fraction(ctx, at + 9, e)


@part
def stamp_dmy(ctx: int, p: int, e: int) -> int:
    """`27-Oct-2024 01:17:13` with an optional fraction (BIND's own files)."""
    if p + 20 > e:
        return -1
    if i64(p) == i64(ctx + L.SEEN2) and i64(p + 8) == i64(ctx + L.SEEN2 + 8) and u16(p + 16) == i64(ctx + L.SEEN2_REST):
        micros = seconds_and_thousandths(p + 18)
        if micros >= 0 and p + 24 <= e and not is_digit(u8(p + 24)):
            put64(ctx + L.TS, i64(ctx + L.SEEN2_MINUTE) + micros)
            put64(ctx + L.TS_KIND, L.CIVIL)
            return p + 24
        seconds = two(p + 18)
        if seconds < 0 or seconds > 60:
            return -1
        put64(ctx + L.TS, i64(ctx + L.SEEN2_MINUTE) + seconds * SECOND)
        put64(ctx + L.TS_KIND, L.CIVIL)
        return read_fraction(ctx, p + 20, e)
    return slow_dmy(ctx, p, e)


@part
def slow_dmy(ctx: int, p: int, e: int) -> int:
    if u8(p + 2) != 45 or u8(p + 6) != 45 or u8(p + 11) != 32:
        return -1
    day = two(p)
    month = month_number(p + 3)
    high = two(p + 7)
    low = two(p + 9)
    seconds = read_clock(p + 12, e)
    if day < 0 or high < 0 or low < 0 or not set_stamp(ctx, high * 100 + low, month, day, seconds, L.CIVIL):
        return -1
    put64(ctx + L.SEEN2, i64(p))
    put64(ctx + L.SEEN2 + 8, i64(p + 8))
    put64(ctx + L.SEEN2_REST, u16(p + 16))
    put64(ctx + L.SEEN2_MINUTE, i64(ctx + L.TS) - two(p + 18) * SECOND)
    return read_fraction(ctx, p + 20, e)


@part
def stamp_inner(ctx: int, p: int, e: int) -> int:
    """Behind a `dmy` or `iso` stamp and a space if they stand at p; else p, and the stamp before stays."""
    if not is_digit(u8(p)) & ((u8(p + 2) == 45) | (u8(p + 4) == 45)):  # what is no stamp often begins like one
        return p
    before = i64(ctx + L.TS)
    kind = i64(ctx + L.TS_KIND)
    stop = stamp_iso(ctx, p, e) if u8(p + 4) == 45 else stamp_dmy(ctx, p, e)
    if stop > 0 and stop < e and u8(stop) == 32:
        return stop + 1
    put64(ctx + L.TS, before)
    put64(ctx + L.TS_KIND, kind)
    return p


@part
def stamp_iso(ctx: int, p: int, e: int) -> int:
    """`2024-10-27T01:17:13`, optional fraction, optional `Z`, `+02:00` or `+0200` (RFC 3339)."""
    if p + 19 > e or u8(p + 4) != 45 or u8(p + 7) != 45 or (u8(p + 10) != 84 and u8(p + 10) != 32):
        return -1
    if i64(p) == i64(ctx + L.SEEN3) and i64(p + 8) == i64(ctx + L.SEEN3 + 8) and u8(p + 16) == 58:
        seconds = two(p + 17)
        if seconds < 0 or seconds > 60:
            return -1
        put64(ctx + L.TS, i64(ctx + L.SEEN3_MINUTE) + seconds * SECOND)
        put64(ctx + L.TS_KIND, L.CIVIL)
    else:
        high = two(p)
        low = two(p + 2)
        seconds = read_clock(p + 11, e)
        if high < 0 or low < 0:
            return -1
        if not set_stamp(ctx, high * 100 + low, two(p + 5), two(p + 8), seconds, L.CIVIL):
            return -1
        put64(ctx + L.SEEN3, i64(p))
        put64(ctx + L.SEEN3 + 8, i64(p + 8))
        put64(ctx + L.SEEN3_MINUTE, i64(ctx + L.TS) - two(p + 17) * SECOND)
    return read_offset(ctx, read_fraction(ctx, p + 19, e), e)


@part
def read_offset(ctx: int, p: int, e: int) -> int:
    """Subtract the `+02:00`, `+0200`, ` +0200` or `Z` at p, if one stands there; the position behind it."""
    if p >= e:
        return p
    c = u8(p)
    if c == 32 and p + 6 <= e and two(p + 2) >= 0 and two(p + 4) >= 0 and (p + 6 == e or u8(p + 6) == 32):
        spaced = u8(p + 1)
        if spaced == 43 or spaced == 45:
            p += 1
            c = spaced
    if c == 90:
        put64(ctx + L.TS_KIND, L.UTC)
        return p + 1
    if (c != 43 and c != 45) or p + 5 > e:
        return p
    hours = two(p + 1)
    at = p + 4 if u8(p + 3) == 58 else p + 3
    minutes = two(at)
    if hours < 0 or minutes < 0 or at + 2 > e:
        return p
    offset = (hours * 60 + minutes) * 60 * SECOND
    put64(ctx + L.TS, i64(ctx + L.TS) - (offset if c == 43 else -offset))
    put64(ctx + L.TS_KIND, L.UTC)
    return at + 2


@part
def stamp_epoch(ctx: int, p: int, e: int) -> int:
    """`1730000000` seconds since 1970, UTC, with an optional fraction."""
    stop = skip_digits(p, e)
    if stop == p or stop - p > 12 or read_int(p, stop) > LAST_SECOND:
        return -1
    put64(ctx + L.TS, read_int(p, stop) * SECOND)
    put64(ctx + L.TS_KIND, L.UTC)
    return read_fraction(ctx, stop, e)


@part
def stamp_tai64n(ctx: int, p: int, e: int) -> int:
    """`@` and 24 hexadecimal digits: seconds of TAI from 2**62 on, and nanoseconds, as multilog writes them.

    UTC is ten seconds less: multilog's clock leaves leap seconds out.  https://cr.yp.to/libtai/tai64.html
    """
    if p + 25 > e or u8(p) != 64:
        return -1
    seconds = read_hex(p + 1, 16)
    nanos = read_hex(p + 17, 8)
    seconds -= TAI_ZERO
    if nanos < 0 or nanos > 999_999_999 or seconds < 0 or seconds > LAST_SECOND:
        return -1
    put64(ctx + L.TS, seconds * SECOND + nanos // 1000)
    put64(ctx + L.TS_KIND, L.UTC)
    return p + 25


@part
def read_hex(p: int, n: int) -> int:
    """Value of n hexadecimal digits at p, the first below 8 where n is 16; -1 where they are not there."""
    value = 0
    for k in range(n):
        digit = hex_value(u8(p + k))
        if digit < 0 or (n == 16 and k == 0 and digit > 7):
            return -1
        value = value << 4 | digit
    return value


@part
def stamp_long(ctx: int, p: int, e: int) -> int:
    """`Sun 2024-10-27 01:17:13 CEST`: a weekday, a date, a zone in letters, of which only UTC and GMT are known."""
    first = u8(p)
    if p + 4 > e or u8(p + 3) != 32:
        return -1
    if first != 77 and first != 84 and first != 87 and first != 70 and first != 83:
        return -1
    for k in range(1, 3):
        if not is_alnum(u8(p + k)):
            return -1
    stop = stamp_iso(ctx, p + 4, e)
    if stop < 0 or stop >= e or u8(stop) != 32:
        return -1
    zone = stop + 1
    stop = zone
    while stop < e and is_alnum(u8(stop)):
        stop += 1
    if stop == zone or stop - zone > 5:
        return -1
    word = u16(zone) | (u8(zone + 2) << 16)
    if stop - zone == 3 and (word == UTC_WORD or word == GMT_WORD):
        put64(ctx + L.TS_KIND, L.UTC)
    return stop


@part
def stamp_win(ctx: int, p: int, e: int) -> int:
    """A date and time as Windows writes it: `5/21/2015 1:51:18 PM`, `21.05.2015 13:51:18`, `20150521 13:51:18`.

    A year of four digits that stands first is followed by month and day; with dots and dashes the day comes first;
    with slashes what `DAY_ORDER` says, else the month where AM or PM follows, else the day.  Where that is no date the
    other order is taken.
    """
    stop = skip_digits(p, e)
    if stop - p == 8:
        value = read_int(p, stop)
        return win_time(ctx, stop, e, value // 10_000, value // 100 % 100, value % 100, 0)
    mark = u8(stop)
    second = stop + 1
    if stop - p > 4 or stop - p == 3 or stop == p or (mark != 47 and mark != 45 and mark != 46):
        return -1
    stop2 = skip_digits(second, e)
    stop3 = skip_digits(stop2 + 1, e)
    if stop2 == second or stop2 - second > 2 or stop2 >= e or u8(stop2) != mark:
        return -1
    if stop3 - stop2 != 3 and stop3 - stop2 != (2 if stop - p > 2 else 5):
        return -1
    a = read_int(p, stop)
    b = read_int(second, stop2)
    c = read_int(stop2 + 1, stop3)
    if stop - p > 2:
        return win_time(ctx, stop3, e, a, b, c, 0)
    if stop3 - stop2 == 3:
        c += 2000
    return win_time(ctx, stop3, e, c, b, a, mark == 47)


@part
def win_time(ctx: int, p: int, e: int, year: int, month: int, day: int, either: int) -> int:
    """The time behind a date; `either`: month and day may stand the other way round."""
    stop = skip_digits(p + 1, e)
    if p >= e or u8(p) != 32 or stop == p + 1 or stop - p > 3 or stop + 6 > e or u8(stop) != 58 or u8(stop + 3) != 58:
        return -1
    hours = read_int(p + 1, stop)
    minutes = two(stop + 1)
    seconds = two(stop + 4)
    if hours > 23 or minutes < 0 or minutes > 59 or seconds < 0 or seconds > 60:
        return -1
    stop += 6
    order = i64(ctx + L.DAY_ORDER)
    if stop + 3 <= e and u8(stop) == 32 and u8(stop + 2) == 77 and (u8(stop + 1) == 65 or u8(stop + 1) == 80):
        if hours < 1 or hours > 12:
            return -1
        hours = hours % 12 + (12 if u8(stop + 1) == 80 else 0)
        stop += 3
        if order == L.DAY_UNKNOWN:
            order = L.MONTH_FIRST
    if either and ((order == L.MONTH_FIRST and day <= 12) or month > 12):
        swapped = month
        month = day
        day = swapped
    if not set_stamp(ctx, year, month, day, hours * 3600 + minutes * 60 + seconds, L.CIVIL):
        return -1
    return stop


@entry
def settle(
    ts: int, offset: int, civil: int, n: int, unsettled: int, settled: int, before: int, after: int, latest: int
) -> int:
    """Choose, line by line, between the two moments of an hour that occurs twice: what follows on the latest so far.

    Time goes forward, and only some minutes back where lines overtake each other: a step back counts BACK times.
    """
    for i in range(n):
        t = i64(ts + 8 * i)
        if u8(civil + i) != 0 and t >= unsettled and t < settled:
            early = t - before
            late = t - after
            utc = late if latest != NEVER and late - latest < BACK * (latest - early) else early
            put64(offset + 8 * i, t - utc)
        else:
            utc = t - i64(offset + 8 * i)
        latest = max(latest, utc)
    return latest


@entry
def survey(ts: int, code: int, n: int, out: int) -> int:
    """Look over the stamps of a piece (n > 0): lowest and highest time into the words at `out`.

    Returns what all of them say (a stamp kind of `layout`), or -1 where they differ.
    """
    kind = (i64(code) >> 28) & 3
    differ = 0
    low = i64(ts)
    high = low
    for i in range(n):
        t = i64(ts + 8 * i)
        differ |= (i64(code + 8 * i) >> 28) ^ kind
        low = min(low, t)
        high = max(high, t)
    put64(out, low)
    put64(out + 8, high)
    return -1 if differ & 3 else kind


@entry
def shift(ts: int, code: int, n: int, by: int) -> int:
    """Move all times of a piece by as much, and say that they are UTC now."""
    for i in range(n):
        put64(ts + 8 * i, i64(ts + 8 * i) + by)
        put64(code + 8 * i, i64(code + 8 * i) | 3 << 28)
    return n
