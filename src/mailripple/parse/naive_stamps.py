"""The slow, obvious reference of time stamps: what `parse.clock` must give."""

from __future__ import annotations

import datetime as dt
import re

from mailripple.parse import layout as L

#: (position behind the stamp, microseconds, what the stamp tells: a kind of `layout`).
Stamp = tuple[int, int, int]

_MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_CLOCK = rb" (?P<H>\d\d?):(?P<M>\d\d):(?P<S>\d\d)(?: (?P<half>[AP])M)?"
_TIMES = {
    "rfc3164": re.compile(rb"(?P<b>[A-Z][a-z][a-z]) (?P<d> ?[0-9][0-9]?) (?P<H>\d\d):(?P<M>\d\d):(?P<S>\d\d)"),
    "dmy": re.compile(rb"(?P<d>\d\d)-(?P<b>...)-(?P<Y>\d{4}) (?P<H>\d\d):(?P<M>\d\d):(?P<S>\d\d)", re.DOTALL),
    "iso": re.compile(rb"(?P<Y>\d{4})-(?P<m>\d\d)-(?P<d>\d\d)[T ](?P<H>\d\d):(?P<M>\d\d):(?P<S>\d\d)"),
}
_WINDOWS = [
    re.compile(rb"(?P<Y>\d{4})(?P<m>\d\d)(?P<d>\d\d)" + _CLOCK),
    re.compile(rb"(?P<Y>\d{4})(?P<mark>[/.-])(?P<m>\d\d?)(?P=mark)(?P<d>\d\d?)" + _CLOCK),
    re.compile(rb"(?P<a>\d\d?)(?P<mark>[/.-])(?P<b>\d\d?)(?P=mark)(?P<Y>\d{4}|\d\d)" + _CLOCK),
]
_FRACTION = re.compile(rb"\.([0-9]+)")
_OFFSET = re.compile(rb"Z| ?([+-])(\d\d)(\d\d)(?= |\Z)|([+-])(\d\d):?(\d\d)")
_LONG = re.compile(rb"[MTWFS][0-9A-Za-z]{2} (?=\d)")
_ZONE = re.compile(rb" ([0-9A-Za-z]{1,5})(?![0-9A-Za-z])")
_SECONDS = re.compile(rb"[0-9]{1,12}(?![0-9])")
_TAI64N = re.compile(rb"@([0-7][0-9A-Fa-f]{15})([0-9A-Fa-f]{8})")
_LAST_SECOND = 253_402_300_799


def stamp(kind: str, text: bytes, at: int, order: int = L.DAY_UNKNOWN) -> Stamp | None:
    """The stamp at `at`; `order` of day and month, for the numbers of Windows."""
    if kind == "epoch":
        return _seconds(text, at)
    if kind == "tai64n":
        return _tai64n(text, at)
    if kind == "long":
        return _long(text, at)
    if kind == "win":
        return _windows(text, at, order)
    return _written(kind, text, at)


def _moment(year: int, month: int, day: int, hours: int, minutes: int, seconds: int) -> int | None:
    """Microseconds since 1970, or None where no calendar has that; a second 60 is the first of the next minute."""
    try:
        start = dt.datetime(year, month, day, hours, minutes, tzinfo=dt.UTC)
    except ValueError:
        return None
    return int((start - _EPOCH).total_seconds() + seconds) * 1_000_000 if seconds <= 60 else None


def _written(kind: str, text: bytes, at: int) -> Stamp | None:
    found = _TIMES[kind].match(text, at)
    if not found:
        return None
    part = {name: value.decode("latin-1") for name, value in found.groupdict().items()}
    name = part.get("b", "")
    if name and name not in _MONTHS:
        return None
    month = _MONTHS.index(name) + 1 if name else int(part["m"])
    day, clock = int(part["d"]), (int(part["H"]), int(part["M"]), int(part["S"]))
    ts = _moment(int(part.get("Y", 2000)), month, day, *clock)
    if ts is None:
        return None
    end, ts = _fraction(text, found.end(), ts)
    if kind == "iso":
        return _offset(text, end, ts)
    return end, ts, L.CIVIL if "Y" in part else L.CIVIL_NO_YEAR


def _fraction(text: bytes, at: int, ts: int) -> tuple[int, int]:
    found = _FRACTION.match(text, at)
    return (found.end(), ts + int(found[1][:6].ljust(6, b"0"))) if found else (at, ts)


def _offset(text: bytes, at: int, ts: int) -> Stamp:
    found = _OFFSET.match(text, at)
    if not found:
        return at, ts, L.CIVIL
    sign, hours, minutes = (a or b for a, b in zip(found.groups()[:3], found.groups()[3:], strict=True))
    if sign:
        shift = (int(hours) * 60 + int(minutes)) * 60_000_000
        ts -= shift if sign == b"+" else -shift
    return found.end(), ts, L.UTC


def _seconds(text: bytes, at: int) -> Stamp | None:
    found = _SECONDS.match(text, at)
    if not found or int(found[0]) > _LAST_SECOND:
        return None
    end, ts = _fraction(text, found.end(), int(found[0]) * 1_000_000)
    return end, ts, L.UTC


def _tai64n(text: bytes, at: int) -> Stamp | None:
    found = _TAI64N.match(text, at)
    if not found:
        return None
    seconds, nanos = int(found[1], 16) - (1 << 62) - 10, int(found[2], 16)
    if not (0 <= seconds <= _LAST_SECOND and nanos < 1_000_000_000):
        return None
    return found.end(), seconds * 1_000_000 + nanos // 1000, L.UTC


def _long(text: bytes, at: int) -> Stamp | None:
    begin = _LONG.match(text, at)
    inner = _written("iso", text, begin.end()) if begin else None
    zone = _ZONE.match(text, inner[0]) if inner else None
    if inner is None or zone is None:
        return None
    return zone.end(), inner[1], L.UTC if zone[1] in (b"UTC", b"GMT") else inner[2]


def _windows(text: bytes, at: int, order: int) -> Stamp | None:
    """See `clock.stamp_win` for which number is the month."""
    found = next((m for form in _WINDOWS if (m := form.match(text, at))), None)
    if not found:
        return None
    part = {name: value.decode() for name, value in found.groupdict().items() if value is not None}
    year, hours = int(part["Y"]), int(part["H"])
    month, day = int(part.get("m", part.get("b", ""))), int(part.get("d", part.get("a", "")))
    if len(part["Y"]) == 2:
        year += 2000
    end = found.end()
    if hours > 23:
        return None
    if "half" in part:
        if not 1 <= hours <= 12:
            return None
        hours = hours % 12 + (12 if part["half"] == "P" else 0)
        order = order or L.MONTH_FIRST
    if "a" in part and part["mark"] == "/" and ((order == L.MONTH_FIRST and day <= 12) or month > 12):
        month, day = day, month
    ts = _moment(year, month, day, hours, int(part["M"]), int(part["S"]))
    return None if ts is None else (end, ts, L.CIVIL)
