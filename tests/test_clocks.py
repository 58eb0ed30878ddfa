"""Proves that every line of whole logs gets the moment at which it was written, however its clock writes it."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path
from tempfile import TemporaryDirectory
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailripple.config import ReadOptions
from mailripple.errors import Notice
from mailripple.records import read_records

BERLIN = ZoneInfo("Europe/Berlin")
NOW = dt.datetime(2025, 6, 1, tzinfo=dt.UTC)
MESSAGE = "ns named[5]: client 192.0.2.7#5: query: a.example IN A"

#: Days on which something happens to the clock: both changes of summer time, the leap day, New Year, and none.
DAYS = [dt.datetime(2024, 3, 30, 22), dt.datetime(2024, 10, 26, 22), dt.datetime(2024, 2, 28, 20), dt.datetime(2024, 12, 31, 20), dt.datetime(2025, 5, 7)]


def written(moment: dt.datetime, style: str) -> str:
    """A line as a server in Berlin writes it."""
    local = moment.astimezone(BERLIN)
    stamps = {
        "padded": f"{local:%b} {local.day:2} {local:%H:%M:%S}",
        "zero": f"{local:%b %d %H:%M:%S}",
        "bare": f"{local:%b} {local.day} {local:%H:%M:%S}",
        "precise": f"{local:%b %d %H:%M:%S.%f}",
        "iso": local.isoformat(timespec="microseconds"),
        "utc": f"{moment:%Y-%m-%dT%H:%M:%SZ}",
        "5424": local.isoformat(timespec="seconds"),
        "unix": f"{moment.timestamp():.6f}",
    }
    if style == "5424":
        return f"<30>1 {stamps[style]} ns named 5 - - {MESSAGE.split(': ', 1)[1]}"
    return f"{stamps[style]} {MESSAGE}"


def times(*paths: Path) -> list[str | None]:
    """Times of the records, in their order."""
    options = ReadOptions(zone="Europe/Berlin", zone_given=True, now=int(NOW.timestamp()) * 1_000_000, seed=1)
    return [r["ts"] for r in read_records([str(p) for p in paths], options) if not isinstance(r, Notice)]


def log(path: Path, moments: list[dt.datetime], styles: list[str]) -> Path:
    """A log that was written to the last of the moments."""
    path.write_text("".join(written(m, styles[i % len(styles)]) + "\n" for i, m in enumerate(moments)))
    os.utime(path, (moments[-1].timestamp(), moments[-1].timestamp()))
    return path


def text(moment: dt.datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


STYLES = ["padded", "zero", "bare", "precise", "iso", "utc", "5424", "unix"]


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=15)
@given(styles=st.lists(st.sampled_from(STYLES), min_size=1, max_size=6), day=st.sampled_from(DAYS), step=st.integers(200, 1500))
def test_styles_mixed_in_one_file(styles: list[str], day: dt.datetime, step: int) -> None:
    """Lines in any mixture of styles, over a change of the clock, the leap day or New Year, keep their moments."""
    start = day.replace(tzinfo=dt.UTC)
    moments = [start + dt.timedelta(seconds=step * i) for i in range(60)]
    with TemporaryDirectory() as folder:
        assert times(log(Path(folder) / "ns.log", moments, styles)) == [text(m) for m in moments]


@pytest.mark.parametrize("style", ["padded", "bare"])
def test_a_year_of_rotated_files_from_several_years(tmp_path: Path, style: str) -> None:
    """Monthly files of two and a half years, without a year in any stamp, are each put into their own year."""
    start = dt.datetime(2022, 11, 3, 12, tzinfo=dt.UTC)
    moments = [start + dt.timedelta(hours=13 * i) for i in range(1700)]
    months: dict[str, list[dt.datetime]] = {}
    for moment in moments:
        months.setdefault(f"{moment:%Y%m}", []).append(moment)
    files = [log(tmp_path / f"ns.log.{n}", month, [style]) for n, month in enumerate(reversed(months.values()), 1)]
    assert len(files) == 31
    assert times(*files) == [text(m) for m in moments]


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=15)
@given(backs=st.lists(st.tuples(st.integers(1, 59), st.integers(1, 600)), max_size=4), day=st.sampled_from(DAYS[2:]))
def test_a_clock_that_is_set_back(backs: list[tuple[int, int]], day: dt.datetime) -> None:
    """Lines behind a step back of some minutes have the time that they say, and no other year."""
    start = day.replace(tzinfo=dt.UTC)
    moments = [start + dt.timedelta(seconds=60 * i) for i in range(60)]
    for place, seconds in backs:
        moments[place:] = [m - dt.timedelta(seconds=seconds) for m in moments[place:]]
    with TemporaryDirectory() as folder:
        assert times(log(Path(folder) / "ns.log", moments, ["padded"])) == [text(m) for m in moments]
