"""Proves what is known of time zones against Python's zoneinfo."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailripple.errors import ConfigError
from mailripple.parse.zone import DAY, SECOND, machine_zone, year_of, zone

HOUR = 3600 * SECOND
NAMES = ["UTC", "Europe/Berlin", "America/New_York", "Pacific/Auckland", "Australia/Lord_Howe", "Africa/Casablanca", "Pacific/Apia", "Africa/Monrovia"]
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def offset_of(name: str, utc: int) -> int:
    """UTC offset in microseconds, of zoneinfo."""
    found = (EPOCH + dt.timedelta(microseconds=utc)).astimezone(ZoneInfo(name)).utcoffset()
    assert found is not None
    return found // dt.timedelta(microseconds=1)


@given(name=st.sampled_from(NAMES), utc=st.integers(0, 130 * 365 * 86400).map(lambda s: s * SECOND))
def test_offsets(name: str, utc: int) -> None:
    """The offset at a moment is that of the zone's rules."""
    assert zone(name).offset_at(utc) == offset_of(name, utc)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("year", [1972, 2011, 2024, 2025, 2050])
def test_every_change_of_a_year(name: str, year: int) -> None:
    """Each change is listed once, to the second, with the offsets before and after it."""
    start = (dt.datetime(year, 1, 1, tzinfo=dt.UTC) - EPOCH) // dt.timedelta(microseconds=1)
    end = (dt.datetime(year + 1, 1, 1, tzinfo=dt.UTC) - EPOCH) // dt.timedelta(microseconds=1)
    hours = range(start, end + HOUR, HOUR)
    expected = [h for h in hours[1:] if offset_of(name, h - HOUR) != offset_of(name, h)]
    found = zone(name).changes(year)
    assert [-(-c.at // HOUR) * HOUR for c in found] == expected
    for c in found:
        assert (offset_of(name, c.at - SECOND), offset_of(name, c.at)) == (c.before, c.after)
        assert c.unsettled < c.settled == c.at + max(c.before, c.after)


def test_changes_between_civil_times() -> None:
    """All changes of the years that the times touch are there, for absurd times too, in order."""
    berlin = zone("Europe/Berlin")
    first, last = ((dt.datetime(y, 6, 1, tzinfo=dt.UTC) - EPOCH) // dt.timedelta(microseconds=1) for y in (2023, 2024))
    assert [c.at for c in berlin.between(first, last)] == [c.at for y in (2023, 2024) for c in berlin.changes(y)]
    everything = berlin.between(-(10**17), 10**18)
    assert [c.at for c in everything] == sorted({c.at for c in everything})
    assert len(everything) < 300
    assert zone("UTC").between(first, last) == []


def test_years_are_those_in_which_logs_are_written() -> None:
    """The year of a moment; what lies before 1970 or behind 2099 counts as the first or last."""
    assert year_of(0) == 1970
    assert year_of(365 * DAY) == 1971
    assert (year_of(-(10**18)), year_of(10**18)) == (1970, 2100)


@pytest.mark.parametrize("name", ["Nowhere/Town", "", "../../etc/passwd", "/etc/passwd", "Europe/Berlin\0", "Europe", "x" * 300])
def test_an_unknown_zone_is_a_setting_that_is_wrong(name: str) -> None:
    """The error names the option and says what to give."""
    with pytest.raises(ConfigError) as caught:
        zone(name)
    assert caught.value.where == "--tz"
    assert caught.value.todo


def test_the_machines_zone() -> None:
    """TZ wins if it names a zone; otherwise there is always one that exists."""
    assert machine_zone({"TZ": "Asia/Kolkata"}) == "Asia/Kolkata"
    assert machine_zone({"TZ": ":Europe/Berlin"}) == "Europe/Berlin"
    for odd in ({}, {"TZ": ""}, {"TZ": "CET-1CEST,M3.5.0,M10.5.0/3"}, {"TZ": "/etc/localtime"}, {"TZ": "No/Where"}):
        zone(machine_zone(odd))
