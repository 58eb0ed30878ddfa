"""From what the stamps say to UTC: a small fold over the parts of a source, in their order.

RFC 3164 stamps have no year and no zone, and when the clock is set back an hour occurs twice.  The map keeps the
latest time of the source and takes, of the moments that a stamp can mean, the one nearest to it.  `TimeMap` is all
that a part must be given so that it can be read apart from the others (law 2).
"""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from mailripple.parse import layout as L
from mailripple.parse.clock import NEVER
from mailripple.parse.events import kernels
from mailripple.parse.zone import DAY, SECOND, Change, Zone, year_of

IntArray = npt.NDArray[np.int64]
_Y2000 = 10957 * DAY
_MARCH = 60 * DAY
#: A stamp that lies that far back is taken for the next year's.
HALF_YEAR = 183 * DAY
#: Years that are believed: lines whose stamps jump to and fro could count up to any other.
YEARS = (1970, 2099)


@dataclass(frozen=True, slots=True)
class TimeMap:
    """What is known of a source's clock before a part.

    `year` of the last year-less stamp (of the first, before there was one); `latest` UTC microseconds, None before
    the first event; `civil` the last year-less stamp as the kernel gives it; `dated` the last stamp with a year, as
    long as there was none without.
    """

    year: int
    latest: int | None = None
    civil: int | None = None
    dated: int | None = None


def in_year(civil: IntArray, year: int) -> IntArray:
    """Year-less civil times (the kernel says 2000, a leap year) in a year; 29 February of a common year is 1 March."""
    year = min(max(year, YEARS[0]), YEARS[1])
    start = (dt.date(year, 1, 1) - dt.date(1970, 1, 1)).days * DAY
    since = civil - _Y2000
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    if leap:
        return start + since
    moved = np.where(since >= _MARCH, since - DAY, since)
    feb29 = (since >= _MARCH - DAY) & (since < _MARCH)
    return np.asarray(start + np.where(feb29, since, moved), np.int64)


def resolve(state: TimeMap, columns: IntArray, zone: Zone) -> TimeMap:
    """Make the column `ts` UTC, in place; returns the map for the next part.

    `columns` (14, n) int64.  The stamp kind in `code` becomes UTC where there is a time.
    """
    ts = columns[L.COL["ts"]]
    code = columns[L.COL["code"]]
    simple = _simple(state, ts, code, zone)
    if simple is not None:
        return simple
    kinds = (code >> 28) & 3
    if not np.any(kinds):
        return state
    if np.all(kinds):
        state = _resolve(state, ts, kinds, zone)
        code |= np.int64(3 << 28)
        return state
    timed = np.flatnonzero(kinds)
    part = ts[timed]
    state = _resolve(state, part, kinds[timed], zone)
    ts[timed] = part
    code[timed] |= np.int64(3 << 28)
    return state


def _simple(state: TimeMap, ts: IntArray, code: IntArray, zone: Zone) -> TimeMap | None:
    """`resolve` for nearly every piece: all stamps say alike, and one number makes all of them UTC.  Else None.

    Two passes instead of twenty: it halves what times cost.
    """
    if not len(ts):
        return state
    ends = np.zeros(2, np.int64)
    kind = kernels().survey(ts.ctypes.data, code.ctypes.data, len(ts), ends.ctypes.data)
    low, high = ends.tolist()
    last = int(ts[-1])
    by = 0
    if kind < 0:
        return None
    if kind == L.NO_TIME:
        return state
    if kind == L.CIVIL_NO_YEAR:
        if state.civil is None or max(state.civil, high) - min(state.civil, low) > HALF_YEAR:
            return None
        first, final = in_year(ends, state.year).tolist()
        if final - first != high - low or (low < _Y2000 + _MARCH <= high):
            return None
        by = first - low
        state = replace(state, civil=last, dated=None)
    elif state.civil is None:
        state = replace(state, dated=last)
    if kind != L.UTC:
        offset = _one_offset(low + by, high + by, zone)
        if offset is None:
            return None
        by -= offset
    kernels().shift(ts.ctypes.data, code.ctypes.data, len(ts), by)
    return replace(state, latest=high + by if state.latest is None else max(high + by, state.latest))


def _one_offset(first: int, last: int, zone: Zone) -> int | None:
    """The offset of all civil times from `first` to `last`; None where there is more than one."""
    changes = zone.between(first, last)
    settled = [c.settled for c in changes]
    at = bisect_right(settled, first)
    if any(_is_twice(c, first, last) for c in changes) or at != bisect_right(settled, last):
        return None
    return [changes[0].before if changes else zone.offset_at(first), *(c.after for c in changes)][at]


def _is_twice(change: Change, first: int, last: int) -> bool:
    """Does an hour that occurs twice touch the civil times from `first` to `last`?"""
    return change.after < change.before and change.unsettled <= last and first < change.settled


def _resolve(state: TimeMap, ts: IntArray, kinds: IntArray, zone: Zone) -> TimeMap:
    """Make `ts` UTC, in place; `kinds` what each stamp says."""
    yearless = kinds == L.CIVIL_NO_YEAR
    if np.any(yearless):
        state = _years(state, ts, yearless)
    elif state.civil is None:
        state = replace(state, dated=int(ts[-1]))
    civil = kinds != L.UTC
    if np.any(civil):
        _to_utc(state, ts, civil, zone)
    newest = int(ts.max())
    return replace(state, latest=newest if state.latest is None else max(newest, state.latest))


def _places(mask: npt.NDArray[np.bool_]) -> IntArray | slice:
    return slice(None) if np.all(mask) else np.flatnonzero(mask)


def _years(state: TimeMap, ts: IntArray, yearless: npt.NDArray[np.bool_]) -> TimeMap:
    """Put year-less times into their years, in place: each into the one nearest to the year-less time before it."""
    places = _places(yearless)
    stamps = ts[places]
    last = int(stamps[-1])
    year, before = state.year, state.civil
    if before is None:
        before = int(stamps[0])
        first = int(np.argmax(yearless))
        dated = int(ts[first - 1]) if first else state.dated
        year = year if dated is None else _nearest_year(before, dated)
    if max(before, int(stamps.max())) - min(before, int(stamps.min())) <= HALF_YEAR:
        ts[places] = in_year(stamps, year)
        return replace(state, year=year, civil=last, dated=None)
    step = np.diff(stamps, prepend=before)
    years = year + np.cumsum(np.where(step < -HALF_YEAR, 1, np.where(step > HALF_YEAR, -1, 0)))
    out = np.empty_like(stamps)
    for one in np.unique(np.clip(years, *YEARS)):
        chosen = np.clip(years, *YEARS) == one
        out[chosen] = in_year(stamps[chosen], int(one))
    ts[places] = out
    return replace(state, year=int(years[-1]), civil=last, dated=None)


def _nearest_year(civil: int, moment: int) -> int:
    around = year_of(moment)
    stamp = np.array([civil], np.int64)
    return min((around - 1, around, around + 1), key=lambda y: abs(int(in_year(stamp, y)[0]) - moment))


def _to_utc(state: TimeMap, ts: IntArray, civil: npt.NDArray[np.bool_], zone: Zone) -> None:
    """Civil times of the zone to UTC, in place; the others are UTC already."""
    places = _places(civil)
    stamps = ts[places]
    first, last = int(stamps.min()), int(stamps.max())
    one = _one_offset(first, last, zone)
    if one is not None:
        ts[places] = stamps - one
        return
    changes = zone.between(first, last)
    offsets = [changes[0].before, *(c.after for c in changes)]
    settled = [c.settled for c in changes]
    twice = [c for c in changes if _is_twice(c, first, last)]
    offset = np.zeros(len(ts), np.int64)
    offset[places] = np.array(offsets, np.int64)[np.searchsorted(settled, stamps, side="right")]
    for change in twice:
        _settle(state, ts, offset, civil, change)
    ts -= offset


def _settle(state: TimeMap, ts: IntArray, offset: IntArray, civil: npt.NDArray[np.bool_], change: Change) -> None:
    """The hour that occurs twice: of the two moments take the one nearest to the latest time so far."""
    own = np.ascontiguousarray(ts)
    times = (change.unsettled, change.settled, change.before, change.after)
    latest = NEVER if state.latest is None else state.latest
    kernels().settle(own.ctypes.data, offset.ctypes.data, civil.ctypes.data, len(own), *times, latest)


_QID = {c: i for i, c in enumerate("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwx")}


def queue_id_time(queue_id: str, not_after: int) -> int | None:
    """UTC microseconds at which sendmail (8.10 and later) made a queue id, or None.

    The id begins with year - 1900 modulo 60, month, day, hour, minute and second as base-60 digits, in UTC: it tells
    the year that the stamp of the line leaves out, and the zone.  `not_after` the latest year that makes sense.
    """
    if len(queue_id) < 12 or any(c not in _QID for c in queue_id[:6]):
        return None
    digits = [_QID[c] for c in queue_id[:6]]
    year = 1900 + digits[0]
    while year + 60 <= not_after:
        year += 60
    try:
        made = dt.datetime(year, digits[1] + 1, digits[2], digits[3], digits[4], digits[5])
    except ValueError:
        return None
    return int((made - dt.datetime(1970, 1, 1)).total_seconds()) * SECOND


def year_and_offset(civil: int, made: int) -> tuple[int, int] | None:
    """Year and UTC offset (microseconds) of a year-less stamp on a line whose queue id was made at `made`."""
    stamp = np.array([civil], np.int64)
    for year in (year_of(made), year_of(made) - 1, year_of(made) + 1):
        difference = int(in_year(stamp, year)[0]) - made
        quarter = 900 * SECOND
        offset = (difference + quarter // 2) // quarter * quarter
        if abs(offset) <= 15 * 3600 * SECOND and -60 * SECOND <= difference - offset <= 420 * SECOND:
            return year, offset
    return None


def guess_year(civil: int, reference: int, zone: Zone) -> int:
    """Latest year in which a year-less stamp is not later than a day behind `reference` (UTC: file's time, now)."""
    stamp = np.array([civil], np.int64)
    year = year_of(reference)
    limit = reference + zone.offset_at(reference) + DAY
    return year if int(in_year(stamp, year)[0]) <= limit else year - 1
