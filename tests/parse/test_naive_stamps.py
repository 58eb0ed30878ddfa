"""Proves the reference of stamps against Python's own calendar, and the kernel against the reference."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailripple.parse import layout as L
from mailripple.parse.build import Kernels
from mailripple.parse.naive_stamps import stamp
from tests.parse.compare import Place
from tests.parse.test_clock import new_context

MOMENT = st.datetimes(dt.datetime(1970, 1, 1), dt.datetime(2099, 12, 31), timezones=st.just(dt.UTC))
WINDOWS = {
    "{0.month}/{0.day}/{0.year} {0:%I:%M:%S %p}": L.MONTH_FIRST, "{0.day}/{0.month}/{0.year} {0.hour}:{0:%M:%S}": L.DAY_FIRST,
    "{0:%d.%m.%Y %H:%M:%S}": L.DAY_UNKNOWN, "{0:%Y-%m-%d %H:%M:%S}": L.DAY_UNKNOWN, "{0:%Y/%m/%d %H:%M:%S}": L.DAY_UNKNOWN,
    "{0:%Y%m%d %H:%M:%S}": L.DAY_UNKNOWN, "{0:%d-%m-%Y %H:%M:%S}": L.DAY_UNKNOWN, "{0.day}.{0.month}.{0.year} {0.hour}:{0:%M:%S}": L.DAY_UNKNOWN,
}  # fmt: skip
DIGITS = st.text("0123456789/.-: APM", max_size=24)
HEX = st.text("0123456789abcdefA", min_size=24, max_size=24)


def micros(moment: dt.datetime) -> int:
    return (moment - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(microseconds=1)


@given(moment=MOMENT)
@pytest.mark.parametrize("form", WINDOWS)
@pytest.mark.parametrize("order", [L.DAY_UNKNOWN, L.DAY_FIRST, L.MONTH_FIRST])
def test_windows_dates(form: str, order: int, moment: dt.datetime) -> None:
    """A date of any country is read back, where nothing says that day and month stand the other way round."""
    text = form.format(moment).encode()
    plain = moment.replace(microsecond=0)
    if WINDOWS[form] in (L.DAY_UNKNOWN, order) or order == L.DAY_UNKNOWN or moment.day == moment.month or moment.day > 12:
        assert stamp("win", text, 0, order) == (len(text), micros(plain), L.CIVIL)
    else:
        assert stamp("win", text, 0, order) == (len(text), micros(plain.replace(month=moment.day, day=moment.month)), L.CIVIL)


@given(moment=MOMENT)
def test_seconds_and_tai(moment: dt.datetime) -> None:
    """Seconds since 1970 and TAI64N labels are the moment that was written."""
    seconds = micros(moment) // 1_000_000
    text = f"{seconds}.{moment.microsecond:06d}".encode()
    assert stamp("epoch", text, 0) == (len(text), micros(moment), L.UTC)
    label = f"@{seconds + (1 << 62) + 10:016x}{moment.microsecond * 1000 + 999:08x}".encode()
    assert stamp("tai64n", label, 0) == (25, micros(moment), L.UTC)


@pytest.mark.parametrize(("zone", "tells"), [("UTC", L.UTC), ("GMT", L.UTC), ("CEST", L.CIVIL), ("EST", L.CIVIL), ("03", L.CIVIL)])
def test_journalctl_full(zone: str, tells: int) -> None:
    """Only UTC and GMT are known among the letters of zones."""
    text = f"Sun 2024-10-27 01:17:13.5 {zone} mx".encode()
    assert stamp("long", text, 0) == (len(text) - 3, micros(dt.datetime(2024, 10, 27, 1, 17, 13, 500_000, tzinfo=dt.UTC)), tells)


@pytest.mark.parametrize("text", ["31/31/2024 1:00:00", "1/2/2024 13:00:00 PM", "1/2/2024 0:00:00 AM", "1-2/2024 1:00:00", "1/2/202 1:00:00", "30.02.2024 1:00:00"])
def test_dates_that_are_none(text: str) -> None:
    """What no calendar or clock has is refused."""
    assert stamp("win", text.encode(), 0) is None


@given(text=st.one_of(DIGITS, HEX.map(lambda h: "@4" + h[1:]), st.builds("{}/{}/{} {}:{}:{}{}".format, *[st.integers(0, 32)] * 2, st.sampled_from([4, 24, 2024, 20240]), st.integers(0, 24), st.sampled_from(["00", "59", "60", "1"]), st.sampled_from(["00", "60", "61"]), st.sampled_from(["", " AM", " PM", "AM", " XM"]))))
@pytest.mark.parametrize("kind", ["epoch", "tai64n", "win", "long"])
@pytest.mark.parametrize("order", [L.DAY_UNKNOWN, L.DAY_FIRST, L.MONTH_FIRST])
def test_the_kernel_reads_the_same(probes: Kernels, kind: str, order: int, text: str) -> None:
    """Kernel and reference agree on stamps and on what only looks like one."""
    ctx: np.ndarray = new_context()
    ctx[L.DAY_ORDER >> 3] = order
    place = Place(text.encode())
    reader = {"epoch": probes.try_epoch, "tai64n": probes.try_tai64n, "win": probes.try_win, "long": probes.try_long}[kind]
    end = place.at(reader(ctx.ctypes.data, place.p, place.e))
    found = stamp(kind, text.encode(), 0, order)
    if found is None:
        assert end == -1
    else:
        assert (end, int(ctx[L.TS >> 3]), int(ctx[L.TS_KIND >> 3])) == found
