"""Proves that civil times become the right moments, over every trick that calendars and clocks play, for any cut."""

from __future__ import annotations

import datetime as dt
import random
import time
from collections.abc import Sequence
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailripple.parse import layout as L
from mailripple.parse.timemap import HALF_YEAR, TimeMap, guess_year, in_year, queue_id_time, resolve, year_and_offset
from mailripple.parse.zone import DAY, SECOND, zone

EPOCH = dt.datetime(1970, 1, 1)
ZONES = [
    "UTC", "Europe/Berlin", "America/New_York", "Pacific/Auckland", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kolkata",
    "Antarctica/Troll", "Africa/Casablanca", "Asia/Kathmandu",
]  # fmt: skip
DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwx"
#: (stamp as the kernel gives it, what it says)
Stamp = tuple[int, int]


def micros(moment: dt.datetime) -> int:
    """Microseconds from 1970 of a civil time."""
    return (moment.replace(tzinfo=None) - EPOCH) // dt.timedelta(microseconds=1)


def at(*parts: int) -> int:
    return micros(dt.datetime(*parts))  # type: ignore[arg-type]


def moment(value: int) -> dt.datetime:
    return EPOCH + dt.timedelta(microseconds=value)


def stamp_of(utc: int, where: ZoneInfo, kind: int) -> Stamp:
    """What a server in that zone writes at that moment."""
    if kind == L.UTC:
        return utc, kind
    civil = moment(utc).replace(tzinfo=dt.UTC).astimezone(where).replace(tzinfo=None)
    if kind == L.CIVIL_NO_YEAR:
        civil = civil.replace(year=2000)
    return micros(civil), kind


def resolved(state: TimeMap, stamps: Sequence[Stamp], name: str) -> tuple[list[int], TimeMap]:
    """UTC of each stamp, and the map for what follows."""
    columns = np.zeros((len(L.COLUMNS), len(stamps)), np.int64)
    columns[L.COL["ts"]] = [s for s, _ in stamps]
    columns[L.COL["code"]] = [5 | kind << 28 | 7 << 32 for _, kind in stamps]
    state = resolve(state, columns, zone(name))
    wanted = [5 | (L.UTC if kind else 0) << 28 | 7 << 32 for _, kind in stamps]
    assert columns[L.COL["code"]].tolist() == wanted
    return columns[L.COL["ts"]].tolist(), state


def in_parts(state: TimeMap, stamps: Sequence[Stamp], name: str, cuts: Sequence[int]) -> tuple[list[int], TimeMap]:
    """The same, part by part."""
    bounds = [0, *sorted(c % (len(stamps) + 1) for c in cuts), len(stamps)]
    out: list[int] = []
    for a, b in zip(bounds, bounds[1:], strict=False):
        found, state = resolved(state, stamps[a:b], name)
        out += found
    return out, state


def by_hand(state: TimeMap, stamps: Sequence[Stamp], name: str) -> list[int]:
    """The rule, written down plainly, a line at a time."""
    where, year, civil, dated, latest = ZoneInfo(name), state.year, state.civil, state.dated, state.latest
    out = []
    for stamp, kind in stamps:
        if kind == L.NO_TIME:
            out.append(stamp)
            continue
        value = stamp
        if kind == L.CIVIL_NO_YEAR:
            if civil is not None:
                year += (stamp - civil < -HALF_YEAR) - (stamp - civil > HALF_YEAR)
            elif dated is not None:
                around = moment(dated).year
                year = min((around - 1, around, around + 1), key=lambda y: abs(put_into(stamp, y) - dated))
            civil, value = stamp, put_into(stamp, year)
        elif civil is None:
            dated = stamp
        if kind != L.UTC:
            here = moment(value).replace(tzinfo=where)
            early, late = (value - micros_of(here.replace(fold=f).utcoffset()) for f in (0, 1))
            value = late if early < late and latest is not None and far(late, latest) < far(early, latest) else early
        latest = value if latest is None else max(latest, value)
        out.append(value)
    return out


def far(candidate: int, latest: int) -> int:
    """How far a moment is from the latest time so far: lines overtake each other by minutes, so a step back counts four times."""
    return candidate - latest if candidate >= latest else 4 * (latest - candidate)


def micros_of(offset: dt.timedelta | None) -> int:
    assert offset is not None
    return offset // dt.timedelta(microseconds=1)


def put_into(stamp: int, year: int) -> int:
    """A year-less stamp in a year; 29 February of a common year is 1 March."""
    civil = moment(stamp)
    try:
        return micros(civil.replace(year=year))
    except ValueError:
        return micros(civil.replace(year=year, month=3, day=1))


CUTS = st.lists(st.integers(0, 10_000), max_size=8)
KINDS = st.sampled_from([L.UTC, L.CIVIL, L.CIVIL_NO_YEAR])


def changes_of(name: str) -> list[int]:
    """Moments around which a log may be cut to pieces: changes of the clock, New Year, the leap day."""
    found = [c.at for year in (2023, 2024) for c in zone(name).changes(year)]
    return [*found, at(2024, 1, 1), at(2024, 2, 29), at(2023, 3, 1), at(2024, 12, 31), at(2024, 7, 1)]


@pytest.mark.parametrize("name", ZONES)
def test_a_log_tells_when_it_was_written(name: str) -> None:
    """Stamps written every few minutes, days before and after each change of clock or year, become their moments again."""
    rng, where = random.Random(name), ZoneInfo(name)
    for change in changes_of(name):
        for kinds in ((L.CIVIL_NO_YEAR,), (L.CIVIL,), (L.CIVIL, L.CIVIL_NO_YEAR, L.UTC)):
            true, now = [], change - 2 * DAY - 7 * SECOND
            while now < change + 2 * DAY:
                true.append(now)
                now += rng.randrange(1, 900) * SECOND
            jitter = sorted(range(len(true)), key=lambda i: true[i] + rng.randrange(-5, 6) * SECOND)
            true = [true[i] for i in jitter]
            stamps = [stamp_of(t, where, rng.choice(kinds)) for t in true]
            begin = TimeMap(moment(true[0]).replace(tzinfo=dt.UTC).astimezone(where).year)
            assert resolved(begin, stamps, name)[0] == true
            assert in_parts(begin, stamps, name, [rng.randrange(len(true)) for _ in range(9)])[0] == true
            assert in_parts(begin, stamps, name, range(0, len(true), 7))[0] == true


def test_the_repeated_hour_in_berlin() -> None:
    """On 27 October 2024 an hour occurs twice in Berlin: 02:10 comes at 00:10 UTC, and after 02:50 again at 01:10."""
    stamps = [(at(2000, 10, 27, h, m), L.CIVIL_NO_YEAR) for h, m in ((1, 59), (2, 10), (2, 30), (2, 50), (2, 10), (2, 30), (2, 50), (3, 1))]
    utc = [at(2024, 10, 26, 23, 59), *(at(2024, 10, 27, h, m) for h, m in ((0, 10), (0, 30), (0, 50), (1, 10), (1, 30), (1, 50), (2, 1)))]
    for cuts in ([], [3], [4], [5], range(9)):
        assert in_parts(TimeMap(2024), stamps, "Europe/Berlin", cuts)[0] == utc
    assert resolved(TimeMap(2024), stamps[1:2], "Europe/Berlin")[0] == utc[1:2]
    assert resolved(TimeMap(2024, latest=utc[4]), stamps[1:2], "Europe/Berlin")[0] == utc[4:5]


def test_the_days_after_a_change() -> None:
    """A part that begins on any hour of the week after a change of the clock has the new offset."""
    for name, day in (("Europe/Berlin", at(2024, 10, 27)), ("America/New_York", at(2024, 11, 3)), ("Europe/Berlin", at(2024, 3, 31))):
        for hour in range(-50, 170):
            civil = day + hour * 3600 * SECOND
            stamps = [(civil, L.CIVIL), (civil + 60 * SECOND, L.CIVIL)]
            assert resolved(TimeMap(2024), stamps, name)[0] == by_hand(TimeMap(2024), stamps, name), (name, hour)


def test_new_year_in_one_file_and_from_one_to_the_next() -> None:
    """December is followed by the next year's January, and a late line of December stays in December."""
    lines = [(12, 31, 23, 59), (1, 1, 0, 0), (12, 31, 23, 58), (1, 1, 0, 1), (6, 30, 0, 0), (12, 1, 0, 0), (1, 2, 0, 0)]
    years = [2023, 2024, 2023, 2024, 2024, 2024, 2025]
    stamps = [(at(2000, *line), L.CIVIL_NO_YEAR) for line in lines]
    utc = [at(y, *line) for y, line in zip(years, lines, strict=True)]
    for cuts in ([], [1], [2], [3], range(8)):
        assert in_parts(TimeMap(2023), stamps, "UTC", cuts)[0] == utc


def test_the_leap_day() -> None:
    """29 February is read in a leap year; in a common year it must be somebody's 1 March."""
    stamps = [(at(2000, *d), L.CIVIL_NO_YEAR) for d in ((2, 28), (2, 29), (3, 1))]
    assert resolved(TimeMap(2024), stamps, "UTC")[0] == [at(2024, 2, 28), at(2024, 2, 29), at(2024, 3, 1)]
    assert resolved(TimeMap(2023), stamps, "UTC")[0] == [at(2023, 2, 28), at(2023, 3, 1), at(2023, 3, 1)]
    for year in (1970, 1999, 2000, 2023, 2024, 2099):
        days = [at(2000, 1, 1) + d * DAY for d in range(366)]
        assert in_year(np.array(days, np.int64), year).tolist() == [put_into(d, year) for d in days]


def test_year_less_lines_among_dated_ones() -> None:
    """The first year-less line goes into the year nearest to the dated line before it, whatever was assumed."""
    stamps = [(at(2019, 12, 30), L.UTC), (at(2000, 1, 2), L.CIVIL_NO_YEAR), (at(2000, 1, 3), L.CIVIL_NO_YEAR)]
    for cuts in ([], [1], [2]):
        assert in_parts(TimeMap(2024), stamps, "UTC", cuts)[0][1:] == [at(2020, 1, 2), at(2020, 1, 3)]


@st.composite
def files(draw: st.DrawFn) -> tuple[str, list[Stamp]]:
    """A zone and stamps in any order, many of them where the clock is changed."""
    name = draw(st.sampled_from(ZONES))
    around = st.sampled_from([*changes_of(name), at(2024, 5, 5)])
    steps = st.one_of(st.integers(-9000, 9000), st.integers(-300 * 86400, 300 * 86400))
    kinds = draw(st.sampled_from([[L.CIVIL_NO_YEAR], [L.CIVIL], [L.UTC], [L.NO_TIME, L.UTC, L.CIVIL, L.CIVIL_NO_YEAR]]))
    out = []
    for centre, step, kind in draw(st.lists(st.tuples(around, steps, st.sampled_from(kinds)), max_size=25)):
        utc = centre + step * SECOND
        out.append(stamp_of(utc, ZoneInfo(name), kind) if kind else (0, kind))
    return name, out


@given(file=files(), cuts=CUTS, year=st.integers(2022, 2025))
def test_the_rule_and_the_cuts(file: tuple[str, list[Stamp]], cuts: list[int], year: int) -> None:
    """Any file, in any order, is read by the rule written down plainly, whole and cut at any lines."""
    name, stamps = file
    whole, end = resolved(TimeMap(year), stamps, name)
    assert whole == by_hand(TimeMap(year), stamps, name)
    assert in_parts(TimeMap(year), stamps, name, cuts) == (whole, end)


@pytest.mark.parametrize(("back", "repeated"), [(719, False), (721, True)])
def test_how_far_back_is_the_hour_again(back: int, repeated: bool) -> None:
    """A step back of up to 12 minutes is a late line (48 min ahead count as 12 back); a longer one begins the hour again."""
    begin = at(2024, 10, 27, 2, 0, 0)
    stamps = [(begin + back * SECOND, L.CIVIL), (begin, L.CIVIL)]
    utc = resolved(TimeMap(2024), stamps, "Europe/Berlin")[0]
    assert utc == by_hand(TimeMap(2024), stamps, "Europe/Berlin")
    assert (utc[1] > utc[0]) == repeated


ABSURD = st.sampled_from([at(1, 1, 1), at(1, 1, 1) - DAY, at(9999, 12, 31), at(9999, 12, 31) + 3 * DAY, at(1969, 1, 1), at(2300, 1, 1)])


@given(file=files(), cuts=CUTS, absurd=st.lists(st.tuples(st.integers(0, 25), ABSURD, st.sampled_from([L.UTC, L.CIVIL])), max_size=4))
def test_absurd_years(file: tuple[str, list[Stamp]], cuts: list[int], absurd: list[tuple[int, int, int]]) -> None:
    """Lines that claim the year 1 or 9999 break nothing, and cuts still do not matter."""
    name, stamps = file
    for place, stamp, kind in absurd:
        stamps.insert(place, (stamp, kind))
    assert in_parts(TimeMap(2024), stamps, name, cuts) == resolved(TimeMap(2024), stamps, name)


def test_a_lie_moves_no_other_line() -> None:
    """One line from the year 9999 does not put the year-less lines behind it into another year."""
    honest = [(at(2000, 5, 5, 0, 0, s), L.CIVIL_NO_YEAR) for s in range(4)]
    stamps = [*honest[:2], (at(9999, 12, 31), L.UTC), (at(1, 1, 1), L.CIVIL), *honest[2:]]
    for cuts in ([], [3], range(7)):
        found, _ = in_parts(TimeMap(2024), stamps, "Europe/Berlin", cuts)
        assert [found[i] for i in (0, 1, 4, 5)] == [at(2024, 5, 4, 22, 0, s) for s in range(4)]


def test_stamps_that_run_through_the_years_cost_nothing() -> None:
    """A file whose stamps count the years up, or lie in every year at once, is read in milliseconds and ends in 2099."""
    seasons = [(at(2000, month, 1), L.CIVIL_NO_YEAR) for month in (2, 6, 10)] * 10_000
    begin = time.thread_time()
    found, state = resolved(TimeMap(2024), seasons, "Europe/Berlin")
    assert moment(found[-1]).year == 2099
    assert state.year > 9999
    assert in_parts(TimeMap(2024), seasons, "Europe/Berlin", [5000, 20_000])[0] == found
    every = [(at(year, 7, 1), L.CIVIL) for year in range(1, 9999)] * 3
    resolved(TimeMap(2024), every, "Europe/Berlin")
    assert time.thread_time() - begin < 2


def test_no_line_and_no_time() -> None:
    """A part without events, or without stamps, leaves the map as it is."""
    state = TimeMap(2024, 5, 6, 7)
    assert resolved(state, [], "UTC") == ([], state)
    assert resolved(state, [(0, L.NO_TIME)] * 3, "UTC") == ([0, 0, 0], state)


# Queue ids


def queue_id(made: dt.datetime) -> str:
    """A queue id as sendmail makes it at a moment (UTC)."""
    parts = ((made.year - 1900) % 60, made.month - 1, made.day, made.hour, made.minute, made.second)
    return "".join(DIGITS[p] for p in parts) + "000565"


MOMENTS = st.datetimes(dt.datetime(1990, 1, 1), dt.datetime(2047, 12, 31)).map(lambda m: m.replace(microsecond=0))


@given(made=MOMENTS)
def test_a_queue_id_tells_its_moment(made: dt.datetime) -> None:
    """The id tells year, month, day and time, in UTC, for sixty years back."""
    assert queue_id_time(queue_id(made), made.year) == micros(made)
    assert queue_id_time(queue_id(made), made.year + 59) == micros(made)
    assert queue_id_time("49QNVLZB000565", 2025) == at(2024, 10, 26, 23, 31, 21)


@pytest.mark.parametrize("text", ["", "RAA20512", "49QNVLZB", "4XcBqT3k2Yz1y", "zzzzzz000000", "4C0000000000", "49?NVLZB000565", "49QzVLZB000565"])
def test_other_ids_tell_nothing(text: str) -> None:
    """Ids of old sendmails and of other servers, and dates that do not exist, are no evidence."""
    assert queue_id_time(text, 2025) is None


@given(made=MOMENTS, quarters=st.integers(-48, 56), wait=st.integers(-50, 400))
def test_year_and_offset_of_a_line(made: dt.datetime, quarters: int, wait: int) -> None:
    """A line written a few minutes after its queue id was made tells the year and the zone of its clock."""
    offset = quarters * 900 * SECOND
    logged = moment(micros(made) + offset + wait * SECOND)
    if not (logged.month == 2 and logged.day == 29):
        found = year_and_offset(micros(logged.replace(year=2000)), micros(made))
        assert found == (logged.year, offset)


def test_a_line_long_after_its_id_tells_nothing() -> None:
    """A line days after its message came in, as at a retry, is no evidence of the zone."""
    assert year_and_offset(at(2000, 10, 29), at(2024, 10, 26)) is None


@pytest.mark.parametrize(
    ("stamp", "reference", "year"),
    [((12, 31), (2024, 1, 1), 2023), ((1, 1), (2024, 1, 1), 2024), ((1, 2, 23), (2024, 1, 2), 2024), ((1, 4), (2024, 1, 2), 2023),
     ((2, 29), (2024, 3, 1), 2024), ((6, 1), (2024, 5, 30), 2023)],
)  # fmt: skip
def test_guessed_year(stamp: tuple[int, ...], reference: tuple[int, int, int], year: int) -> None:
    """The latest year in which the stamp is not more than a day behind the reference."""
    assert guess_year(at(2000, *stamp), at(*reference), zone("Europe/Berlin")) == year
