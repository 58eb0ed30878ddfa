"""From what the stamps say to UTC: a small fold over the parts of a source, in their order.

RFC 3164 stamps have no year and no zone, and when the clock is set back an hour occurs twice.  The map keeps the
latest time of the source and takes, of the moments that a stamp can mean, the one nearest to it.  `TimeMap` is all
that a part must be given so that it can be read apart from the others (law 2).
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from mailripple.parse import layout as L
from mailripple.parse.zone import DAY, SECOND, Change, Zone, year_of

IntArray = npt.NDArray[np.int64]
_Y2000 = 10957 * DAY
_MARCH = 60 * DAY
#: A stamp that lies that far back is taken for the next year's.
HALF_YEAR = 183 * DAY


@dataclass(frozen=True, slots=True)
class TimeMap:
    """What is known of a source's clock before a part: the year of its year-less stamps and the latest time.

    `latest` UTC microseconds, None before the first event; `year_end` the last year that was used.
    """

    year: int
    latest: int | None = None


def in_year(civil: IntArray, year: int) -> IntArray:
    """Year-less civil times (the kernel says 2000, a leap year) in a year; 29 February of a common year is 1 March."""
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
    kinds = (code >> 28) & 3
    if not len(ts):
        return state
    first_kind = int(kinds[0])
    if np.all(kinds == first_kind):
        state = _resolve_kind(state, ts, first_kind, zone)
    else:
        for kind in (L.UTC, L.CIVIL, L.CIVIL_NO_YEAR):
            chosen = np.flatnonzero(kinds == kind)
            if len(chosen):
                part = ts[chosen]
                state = _resolve_kind(state, part, kind, zone)
                ts[chosen] = part
    code |= np.where(kinds != L.NO_TIME, np.int64(3 << 28), np.int64(0))
    return state


def _resolve_kind(state: TimeMap, ts: IntArray, kind: int, zone: Zone) -> TimeMap:
    if kind == L.NO_TIME:
        return state
    if kind == L.CIVIL_NO_YEAR:
        state = _years(state, ts, zone)
    if kind != L.UTC:
        _to_utc(state, ts, zone)
    newest = int(ts.max())
    return replace(state, latest=newest if state.latest is None else max(newest, state.latest))


def _years(state: TimeMap, ts: IntArray, zone: Zone) -> TimeMap:
    """Put year-less times into their years, in place: each into the one nearest to the time before it."""
    year = state.year
    if state.latest is not None:
        latest = state.latest + zone.offset_at(state.latest)
        year = _nearest_year(int(ts[0]), latest)
    if int(ts.max()) - int(ts.min()) < HALF_YEAR:
        ts[:] = in_year(ts, year)
        return replace(state, year=year)
    step = np.diff(ts)
    turns = np.where(step < -HALF_YEAR, 1, np.where(step > HALF_YEAR, -1, 0))
    years = year + np.concatenate([[0], np.cumsum(turns)])
    for one in np.unique(years):
        chosen = years == one
        ts[chosen] = in_year(ts[chosen], int(one))
    return replace(state, year=int(years[-1]))


def _nearest_year(civil: int, latest: int) -> int:
    around = year_of(latest)
    stamp = np.array([civil], np.int64)
    return min((around - 1, around, around + 1), key=lambda y: abs(int(in_year(stamp, y)[0]) - latest))


def _to_utc(state: TimeMap, ts: IntArray, zone: Zone) -> None:
    """Civil times of the zone to UTC, in place."""
    first, last = int(ts.min()), int(ts.max())
    changes = zone.between(first, last)
    offset = np.full(len(ts), zone.base_offset(first), np.int64)
    if changes:
        offset[:] = changes[0].before
    for change in changes:
        offset[ts >= change.settled] = change.after
    for change in changes:
        if change.after < change.before:
            _twice(state, ts, offset, change)
    ts -= offset


def _twice(state: TimeMap, ts: IntArray, offset: IntArray, change: Change) -> None:
    """The hour that occurs twice: of the two moments take the one nearest to the latest time so far."""
    unsure = np.flatnonzero((ts >= change.unsettled) & (ts < change.settled))
    if not len(unsure):
        return
    utc = ts - offset
    before = utc[: int(unsure[0])]
    latest = state.latest
    if len(before):
        newest = int(before.max())
        latest = newest if latest is None else max(latest, newest)
    position = int(unsure[0])
    for i in unsure.tolist():
        if i > position:
            sure = int(utc[position:i].max())
            latest = sure if latest is None else max(latest, sure)
        early, late = int(ts[i]) - change.before, int(ts[i]) - change.after
        chosen = early if latest is None or abs(early - latest) <= abs(late - latest) else late
        offset[i] = int(ts[i]) - chosen
        latest = chosen if latest is None else max(latest, chosen)
        position = i + 1


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
