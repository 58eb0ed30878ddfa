"""A look at the head of a source: which kind of log it is, when it begins, and what its clock says.

The year of RFC 3164 stamps comes, in this order, from `--year`; sendmail's queue ids (they hold the date, in UTC);
another source of the run that tells its year; the file's time; the time of the run.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mailripple.config import ReadOptions
from mailripple.parse import layout as L
from mailripple.parse.events import Parser
from mailripple.parse.timemap import HALF_YEAR, TimeMap, guess_year, in_year, queue_id_time, resolve, year_and_offset
from mailripple.parse.zone import SECOND, Zone, year_of

_NAME_DATE = re.compile(r"(?<!\d)((?:19|20)\d\d)[-_.]?(0[1-9]|1[0-2])[-_.]?(0[1-9]|[12]\d|3[01])(?!\d)")


@dataclass(frozen=True, slots=True)
class Glimpse:
    """What the head of a source shows.

    `mail` whether it holds mail (else only DNS); `stamp` first stamp as the kernel gives it, and its kind; `offset`
    UTC offset that the queue ids tell (microseconds), None if they tell none; `id_year` the year that they tell.
    """

    mail: bool
    events: int
    stamp: int
    kind: int
    id_year: int | None = None
    offset: int | None = None


def glimpse(parser: Parser, text: bytes, not_after: int) -> Glimpse:
    """Look at the first bytes of a source; `parser` must be a wide one."""
    whole = text[: text.rfind(b"\n") + 1] or text + b"\n"
    buffer = np.frombuffer(bytes(64) + whole + bytes(64), np.uint8)
    count, stamp, kind, mail = 0, 0, L.NO_TIME, False
    found: tuple[int, int] | None = None
    parser.begin()
    for piece in parser.parse(buffer.ctypes.data + 64, len(whole)):
        events = piece.events
        dated = np.flatnonzero(events.ts_kind != L.NO_TIME)
        if kind == L.NO_TIME and len(dated):
            stamp, kind = int(events.column("ts")[dated[0]]), int(events.ts_kind[dated[0]])
        mail = mail or bool(np.any((events.kind >= L.KIND_FROM) & (events.kind != L.KIND_PACKET)))
        count += len(events)
        if found is None and events.wide is not None:
            found = _queue_id_evidence(
                events.column("ts"), events.kind, events.ts_kind, events.wide, whole, not_after, stamp
            )
    year, offset = found or (None, None)
    return Glimpse(mail, count, stamp, kind, year, offset)


def _queue_id_evidence(
    ts: np.ndarray,
    kind: np.ndarray,
    ts_kind: np.ndarray,
    wide: np.ndarray,
    text: bytes,
    not_after: int,
    stamp: int,
) -> tuple[int, int] | None:
    """Year of the first stamp, and offset, on which most of the first messages agree."""
    votes: dict[tuple[int, int], int] = {}
    chosen = np.flatnonzero((kind == L.KIND_FROM) & (ts_kind == L.CIVIL_NO_YEAR))[:50]
    for i in chosen.tolist():
        begin, length = (int(v) for v in wide[i, L.SLOT_QID])
        here = text[begin : begin + length] if min(begin, length) >= 0 else b""
        made = queue_id_time(here.decode("latin-1"), not_after)
        vote = year_and_offset(int(ts[i]), made) if made is not None else None
        if vote:
            vote = (vote[0] - (stamp - int(ts[i]) > HALF_YEAR), vote[1])  # the source begins in the year before
            votes[vote] = votes.get(vote, 0) + 1
    if not votes:
        return None
    best = max(votes, key=lambda v: votes[v])
    return best if 2 * votes[best] > len(chosen) else None


@dataclass(frozen=True, slots=True)
class Start:
    """Where a source begins: its time map, and what had to be assumed, in words ("" if nothing)."""

    map: TimeMap
    first: int | None
    assumed: str


def begin(
    look: Glimpse, name: str, mtime: float | None, options: ReadOptions, zone: Zone, dated: Sequence[int]
) -> Start:
    """The time map with which a source begins; `dated` first moments of the sources that tell their year."""
    assumed = ""
    year = year_of(options.now)
    if look.kind == L.CIVIL_NO_YEAR:
        year, why = _year(look, name, mtime, options, zone, dated)
        assumed = f"year {year} ({why})"
    if look.kind in (L.CIVIL, L.CIVIL_NO_YEAR):
        assumed += ("; " if assumed else "") + f"zone {zone.name}" + ("" if options.zone_given else " (this machine's)")
    if look.kind == L.NO_TIME:
        return Start(TimeMap(year), None, "no time stamps" if look.events else "")
    columns = np.zeros((len(L.COLUMNS), 1), np.int64)
    columns[L.COL["ts"], 0] = look.stamp
    columns[L.COL["code"], 0] = look.kind << 28
    known = TimeMap(year, _told(look, year, zone))
    resolve(known, columns, zone)
    return Start(known, int(columns[L.COL["ts"], 0]), assumed)


def _told(look: Glimpse, year: int, zone: Zone) -> int | None:
    """The first moment as the queue ids tell it, where the zone agrees: it says which of two like hours is meant."""
    if look.offset is None or look.kind != L.CIVIL_NO_YEAR:
        return None
    first = int(in_year(np.array([look.stamp], np.int64), year)[0]) - look.offset
    return first if zone.offset_at(first) == look.offset else None


def _year(
    look: Glimpse, name: str, mtime: float | None, options: ReadOptions, zone: Zone, dated: Sequence[int]
) -> tuple[int, str]:
    if options.year is not None:
        return options.year, "given"
    if look.id_year is not None:
        return look.id_year, "from the queue ids"
    stamp = np.array([look.stamp], np.int64)
    for moment in dated:
        for year in (year_of(moment), year_of(moment) - 1):
            if abs(int(in_year(stamp, year)[0]) - moment) < 45 * 86_400 * SECOND:
                return year, "as in the other logs"
    reference, why = options.now, "the latest possible"
    if mtime is not None and int(mtime * SECOND) < reference:
        reference, why = int(mtime * SECOND), "from the file's time"
    in_name = _NAME_DATE.search(name.rsplit("/", 1)[-1])
    if in_name:
        named = _noon(in_name)
        if named is not None and named < reference:
            reference, why = named, "from the file's name"
    return guess_year(look.stamp, reference, zone), why


def _noon(found: re.Match[str]) -> int | None:
    try:
        day = dt.datetime(int(found[1]), int(found[2]), int(found[3]), 23, 59, tzinfo=dt.UTC)
    except ValueError:
        return None
    return int(day.timestamp()) * SECOND


def zone_notice(look: Glimpse, start: Start, zone: Zone) -> str:
    """A warning where the queue ids tell another offset than the zone; "" if they agree or tell none."""
    if look.offset is None or start.first is None:
        return ""
    assumed = zone.offset_at(start.first)
    if assumed == look.offset:
        return ""
    return (
        f"the queue ids say that the clock is {offset_text(look.offset)}, "
        f"but {zone.name} means {offset_text(assumed)}: give the log's zone with --tz"
    )


def offset_text(offset: int) -> str:
    """`UTC+02:00`."""
    minutes = abs(offset) // (60 * SECOND)
    return f"UTC{'-' if offset < 0 else '+'}{minutes // 60:02d}:{minutes % 60:02d}"
