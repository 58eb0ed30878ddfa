"""Proves where the year and the zone of a log come from, and what is said about it."""

from __future__ import annotations

import datetime as dt
import time
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from mailripple.config import ReadOptions
from mailripple.formats.load import FormatSet
from mailripple.parse import layout as L
from mailripple.parse.compile import compile_formats
from mailripple.parse.events import Parser
from mailripple.parse.prescan import Glimpse, Start, begin, glimpse, offset_text, zone_notice
from mailripple.parse.timemap import resolve
from mailripple.parse.zone import zone
from tests.parse.compare import joined, pieces_of
from tests.parse.test_timemap import at, queue_id

BERLIN = "Europe/Berlin"
NOW = at(2025, 3, 1)
DAY_S = 86_400


@pytest.fixture(scope="module")
def parser(formats: FormatSet) -> Parser:
    """A wide parser, as the pre-scan wants it."""
    return Parser(compile_formats(formats), 1, wide=True)


def mail(civil: dt.datetime, identity: str, program: str = "sendmail[1]") -> bytes:
    """A line of a mail log with an RFC 3164 stamp."""
    return f"{civil:%b} {civil.day:2d} {civil:%H:%M:%S} mx {program}: {identity}: from=<a@b.example>, size=1, nrcpts=1, relay=x [192.0.2.1]".encode()


def log(moments: list[dt.datetime], where: str, *, ids: bool) -> bytes:
    """A mail log of these moments (UTC), written in a zone; its queue ids tell the moment, or nothing."""
    lines = []
    for i, utc in enumerate(moments):
        civil = utc.replace(tzinfo=dt.UTC).astimezone(ZoneInfo(where))
        lines.append(mail(civil, queue_id(utc) if ids else f"RAA{20000 + i}"))
    return joined(lines)


def look(parser: Parser, text: bytes) -> Glimpse:
    return glimpse(parser, text, 2026)


def start(seen: Glimpse, name: str = "mail.log", mtime: float | None = None, year: int | None = None, dated: tuple[int, ...] = ()) -> Start:
    options = ReadOptions(zone=BERLIN, now=NOW, zone_given=True, year=year)
    return begin(seen, name, mtime, options, zone(BERLIN), dated)


SOME = [dt.datetime(2021, 5, 7, 10, 0, s) for s in range(0, 50, 7)]


def test_queue_ids_tell_year_and_zone(parser: Parser) -> None:
    """sendmail's queue ids hold the date in UTC, so that the log of another year and zone is read right."""
    seen = look(parser, log(SOME, "Asia/Kolkata", ids=True))
    assert (seen.mail, seen.events, seen.kind) == (True, 8, L.CIVIL_NO_YEAR)
    assert (seen.id_year, seen.offset) == (2021, 19_800_000_000)
    found = start(seen)
    assert found.map.year == 2021
    assert found.assumed == "year 2021 (from the queue ids); zone Europe/Berlin"
    assert "UTC+05:30" in zone_notice(seen, found, zone(BERLIN))
    assert "UTC+02:00" in zone_notice(seen, found, zone(BERLIN))
    assert zone_notice(seen, found, zone("Asia/Kolkata")) == ""


def test_nothing_is_said_where_the_zone_is_right(parser: Parser) -> None:
    """No notice where the ids agree with the zone, or tell none."""
    seen = look(parser, log(SOME, BERLIN, ids=True))
    assert zone_notice(seen, start(seen), zone(BERLIN)) == ""
    assert start(seen).first == at(2021, 5, 7, 10, 0, 0)
    silent = look(parser, log(SOME, BERLIN, ids=False))
    assert silent.id_year is None
    assert zone_notice(silent, start(silent), zone(BERLIN)) == ""


def test_the_year_of_the_first_line_counts(parser: Parser) -> None:
    """A log that begins before New Year begins in the old year, also where the first ids are of the new one."""
    turn = [dt.datetime(2021, 12, 31, 22, 30), *(dt.datetime(2021, 12, 31, 23, 30) + dt.timedelta(minutes=m) for m in range(60))]
    text = log(turn, BERLIN, ids=True)
    seen = look(parser, text)
    assert seen.id_year == start(seen).map.year == 2021
    state = start(seen).map
    found: list[int] = []
    for piece in pieces_of(parser, text):
        columns = piece.events.columns.copy()
        state = resolve(state, columns, zone(BERLIN))
        found += columns[L.COL["ts"]].tolist()
    assert found == [at(*m.timetuple()[:6]) for m in turn]


def test_a_few_odd_ids_do_not_decide(parser: Parser) -> None:
    """What most of the first messages agree on counts; where they do not agree, nothing does."""
    honest, liar = log(SOME, BERLIN, ids=True), log([m.replace(year=2015) for m in SOME], BERLIN, ids=True)
    assert look(parser, honest * 2 + liar).id_year == 2021
    assert look(parser, honest + liar + log(SOME, BERLIN, ids=False)).id_year is None


def test_the_order_of_evidence(parser: Parser) -> None:
    """--year, queue ids, other logs, the file's name, the file's time, the latest possible: the first that there is."""
    with_ids, without = (look(parser, log(SOME, BERLIN, ids=ids)) for ids in (True, False))
    other, mtime = (at(2019, 5, 20),), at(2018, 6, 1) / 1e6
    name = "mail.log-20200601.gz"
    assert start(with_ids, name, mtime, 1999, other).map.year == 1999
    assert start(with_ids, name, mtime, None, other).map.year == 2021
    assert start(without, name, mtime, None, other).assumed.startswith("year 2019 (as in the other logs)")
    assert start(without, "mail.log", mtime).assumed.startswith("year 2018 (from the file's time)")
    assert start(without, name, at(2024, 6, 1) / 1e6).assumed.startswith("year 2020 (from the file's name)")
    assert start(without).assumed.startswith("year 2024 (the latest possible)")


@pytest.mark.parametrize(
    ("name", "year"),
    [("mail-20200601", 2020), ("mail.2020-06-01.gz", 2020), ("mail_2020_06_01", 2020), ("2020.06.01/mail.log", 2024), ("mail-20201301", 2024),
     ("mail-20200230", 2024), ("mail-120200601", 2024), ("mail-20990601", 2024), ("mail.log.1", 2024)],
)  # fmt: skip
def test_dates_in_names(parser: Parser, name: str, year: int) -> None:
    """A date in the file's own name tells the year, if it is one and not in the future."""
    assert start(look(parser, log(SOME, BERLIN, ids=False)), name).map.year == year


def test_a_file_that_was_touched_later(parser: Parser) -> None:
    """A file copied in the future, or before its first line, still gives a year in which it may have been written."""
    seen = look(parser, log(SOME, BERLIN, ids=False))
    assert start(seen, mtime=at(2030, 1, 1) / 1e6).assumed.startswith("year 2024 (the latest possible)")
    assert start(seen, mtime=at(2021, 5, 1) / 1e6).map.year == 2020
    december = look(parser, joined([mail(dt.datetime(2024, 12, 30), "RAA20000")]))
    assert start(december).map.year == 2024
    assert start(december, mtime=at(2024, 1, 2) / 1e6).map.year == 2023


def test_from_file_to_file_over_new_year(parser: Parser) -> None:
    """Rotated files find their years from the log that tells its own, each on its side of New Year."""
    dns = at(2023, 12, 31, 12)
    before, after = (look(parser, joined([mail(dt.datetime(2000, *d), "RAA20000")])) for d in ((12, 20, 1), (1, 3, 1)))
    assert start(before, dated=(dns,)).map.year == 2023
    assert start(after, dated=(at(2024, 1, 1, 5),)).map.year == 2024
    assert start(before, dated=(at(2024, 1, 1, 5),)).map.year == 2023


def test_logs_that_tell_everything(parser: Parser) -> None:
    """Stamps with an offset need nothing; stamps with a year need the zone; lines without time have no beginning."""
    full = look(parser, b"2021-05-07T10:00:00Z mx sendmail[1]: RAA20000: from=<a>, size=1\n")
    assert (start(full).assumed, start(full).first) == ("", at(2021, 5, 7, 10))
    civil = look(parser, b"07-May-2021 10:00:00.000 queries: info: client 192.0.2.1#5: query: a.example IN A +\n")
    assert (civil.mail, civil.kind) == (False, L.CIVIL)
    assert (start(civil).assumed, start(civil).first) == ("zone Europe/Berlin", at(2021, 5, 7, 8))
    machine = begin(civil, "x", None, ReadOptions(zone=BERLIN, now=NOW), zone(BERLIN), ())
    assert machine.assumed == "zone Europe/Berlin (this machine's)"
    none = look(parser, b"client 192.0.2.1#5: query: a.example IN A\n")
    assert (start(none).assumed, start(none).first) == ("no time stamps", None)
    assert start(look(parser, b"")).first is None
    assert start(look(parser, b"nothing of ours")).assumed == ""


def test_the_repeated_hour_at_the_begin_of_a_file(parser: Parser) -> None:
    """A file that begins in the hour that comes twice is placed by its queue ids."""
    for utc in (dt.datetime(2024, 10, 27, 0, 30), dt.datetime(2024, 10, 27, 1, 30)):
        seen = look(parser, log([utc + dt.timedelta(seconds=s) for s in range(9)], BERLIN, ids=True))
        assert start(seen).first == at(*utc.timetuple()[:6])


def test_a_head_without_end(parser: Parser) -> None:
    """The head of a source may end within a line, or hold no whole line."""
    text = log(SOME, BERLIN, ids=True)
    assert look(parser, text[:-30]).events == 7
    assert look(parser, text[:20]).events == 0
    assert look(parser, text.split(b"\n")[0]).events == 1


ABSURD = [
    b"0001-01-01T00:00:00Z mx sendmail[1]: RAA20000: from=<a>", b"9999-12-31T23:59:60-14:00 mx sendmail[1]: RAA20000: from=<a>",
    b"31-Dec-9999 23:59:60.999 queries: info: client 192.0.2.1#5: query: a IN A", b"01-Jan-0001 00:00:00 queries: info: client ::1#5: query: a IN A",
    b"Feb 29 23:59:60 mx sendmail[1]: xxxxxx000565: from=<a>", b"Feb 29 00:00:00 mx sendmail[1]: 000000000565: from=<a>",
]  # fmt: skip


@pytest.mark.parametrize("line", ABSURD)
def test_absurd_years_cost_nothing(parser: Parser, line: bytes) -> None:
    """A first line of the year 1 or 9999, or with an absurd queue id, gives a start, at once, and no crash."""
    begun = time.thread_time()
    seen = look(parser, joined([line, *log(SOME, BERLIN, ids=False).split(b"\n")[:3]]))
    found = start(seen)
    zone_notice(seen, found, zone(BERLIN))
    assert 1970 <= found.map.year <= 2100
    columns = np.zeros((len(L.COLUMNS), 1), np.int64)
    resolve(found.map, columns, zone(BERLIN))
    assert time.thread_time() - begun < 1


def test_offsets_are_told_in_hours() -> None:
    """Offsets read as UTC and hours."""
    assert [offset_text(q * 900_000_000) for q in (0, 8, 22, -14, 23)] == ["UTC+00:00", "UTC+02:00", "UTC+05:30", "UTC-03:30", "UTC+05:45"]
