"""A look at the head of a source: which kind of log it is, when it begins, and what its clock says.

The year of RFC 3164 stamps comes, in this order, from `--year`; sendmail's queue ids (they hold the date, in UTC);
another source of the run that tells its year; the file's time; the time of the run.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from mailripple.config import ReadOptions
from mailripple.parse import layout as L
from mailripple.parse.events import Parsed, Parser
from mailripple.parse.timemap import HALF_YEAR, TimeMap, guess_year, in_year, queue_id_time, resolve, year_and_offset
from mailripple.parse.zone import SECOND, Zone, year_of

_NAME_DATE = re.compile(r"(?<!\d)((?:19|20)\d\d)[-_.]?(0[1-9]|1[0-2])[-_.]?(0[1-9]|[12]\d|3[01])(?!\d)")


_NO_MAIL = (L.KIND_PACKET, L.KIND_REPEAT)
_SLASHED = re.compile(rb"^(\d\d?)/(\d\d?)/(\d{4}|\d\d) \d\d?:\d\d:\d\d", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Glimpse:
    """What the head of a source shows.

    `mail` whether it holds mail (else only DNS); `stamp` first stamp as the kernel gives it, and its kind; `offset`
    UTC offset that the queue ids tell (microseconds), None if they tell none; `id_year` the year that they tell;
    `asks` and `answers` the formats of its DNS queries and of the responses that name a client; `dates` how day and
    month stand in its Windows dates.
    """

    mail: bool
    events: int
    stamp: int
    kind: int
    id_year: int | None = None
    offset: int | None = None
    asks: frozenset[str] = frozenset()
    answers: frozenset[str] = frozenset()
    dates: int = L.DAY_UNKNOWN


def glimpse(parser: Parser, text: bytes, not_after: int, mtime: float | None = None) -> Glimpse:
    """Look at the first bytes of a source; `parser` must be a wide one, `mtime` is the file's time."""
    whole = text[: text.rfind(b"\n") + 1] or text + b"\n"
    buffer = np.frombuffer(bytes(64) + whole + bytes(64), np.uint8)
    count, stamp, kind, mail = 0, 0, L.NO_TIME, False
    found: tuple[int, int] | None = None
    asks: set[str] = set()
    answers: set[str] = set()
    dates = day_order(whole, mtime)
    parser.dates(dates)
    parser.begin()
    for piece in parser.parse(buffer.ctypes.data + 64, len(whole)):
        events = piece.events
        dated = np.flatnonzero(events.ts_kind != L.NO_TIME)
        if kind == L.NO_TIME and len(dated):
            stamp, kind = int(events.column("ts")[dated[0]]), int(events.ts_kind[dated[0]])
        mail = mail or bool(np.any((events.kind >= L.KIND_FROM) & ~np.isin(events.kind, _NO_MAIL)))
        count += len(events)
        asks |= _formats(parser, piece, events.kind == L.KIND_QUERY)
        answers |= _formats(parser, piece, (events.kind == L.KIND_RESPONSE) & (events.column("client") != 0))
        if found is None and events.wide is not None:
            found = _queue_id_evidence(
                events.column("ts"), events.kind, events.ts_kind, events.wide, whole, not_after, stamp
            )
    year, offset = found or (None, None)
    return Glimpse(mail, count, stamp, kind, year, offset, frozenset(asks), frozenset(answers), dates)


def _formats(parser: Parser, piece: Parsed, chosen: npt.NDArray[np.bool_]) -> set[str]:
    """Ids of the formats of the chosen events."""
    numbers = np.unique(piece.events.column("code")[chosen] >> 32).tolist()
    return {parser.patterns[n].format for n in numbers}


def day_order(text: bytes, mtime: float | None) -> int:
    """How day and month stand in the Windows dates with slashes of a log's head; DAY_UNKNOWN where nothing tells.

    A number above 12 tells it; else the number that moves on by one; else the order in which the last date is not
    after the file's time and less than 45 days before it.
    """
    found = list(dict.fromkeys(_SLASHED.findall(text)))
    dates = [(int(a), int(b), int(year) if len(year) == 4 else 2000 + int(year)) for a, b, year in found]
    first, second = {a for a, _, _ in dates}, {b for _, b, _ in dates}
    if max(first, default=0) > 12 or max(second, default=0) > 12:
        return L.DAY_FIRST if max(first) > 12 else L.MONTH_FIRST
    for (a, b, _), (c, d, _) in pairwise(dates):
        if b == d and c - a == 1:
            return L.DAY_FIRST
        if a == c and d - b == 1:
            return L.MONTH_FIRST
    if not dates or mtime is None or dates[-1][0] == dates[-1][1]:
        return L.DAY_UNKNOWN
    a, b, year = dates[-1]
    near = {order: mtime - _seconds(year, m, d) for order, m, d in ((L.DAY_FIRST, b, a), (L.MONTH_FIRST, a, b))}
    possible = [order for order, ago in near.items() if -86_400 < ago < 45 * 86_400]
    return min(possible, key=lambda order: near[order], default=L.DAY_UNKNOWN)


def _seconds(year: int, month: int, day: int) -> float:
    try:
        return dt.datetime(year, month, day, tzinfo=dt.UTC).timestamp()
    except ValueError:
        return float("-inf")


def replies_stand_for_queries(looks: Sequence[Glimpse]) -> list[bool]:
    """For each source whether its responses are to count as queries: no source of the run has queries of that format.

    A server that logs both, in one file or in two, must not be counted twice; a property of the sources, whatever
    order they are read in.
    """
    asked = {name for look in looks for name in look.asks}
    return [not look.asks and bool(look.answers) and not look.answers & asked for look in looks]


def take_replies(columns: npt.NDArray[np.int64]) -> None:
    """Make the responses that name a client queries, in place; `columns` as `Events.columns`."""
    code = columns[L.COL["code"]]
    chosen = ((code & 0xFF) == L.KIND_RESPONSE) & (columns[L.COL["client"]] != 0)
    code[chosen] += L.KIND_QUERY - L.KIND_RESPONSE


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
    replies: bool = False


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
    if look.dates:
        assumed += f"; dates begin with the {'day' if look.dates == L.DAY_FIRST else 'month'}"
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
