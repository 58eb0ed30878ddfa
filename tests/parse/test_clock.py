"""Proves that stamps are read as the reference reads them, and that dates nobody has are refused."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailripple.parse import clock, naive
from mailripple.parse import layout as L
from mailripple.parse.build import Kernels
from tests.parse.compare import Place
from tests.parse.damage import changed

EPOCH = dt.date(1970, 1, 1)
MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()

NUMBER = st.one_of(st.integers(0, 99), st.sampled_from([0, 1, 12, 13, 23, 24, 28, 29, 30, 31, 32, 59, 60, 61]))
FRACTION = st.sampled_from(["", ".", ".0", ".5", ".25", ".123", ".007", ".12x", ".1 3", ".1234", ".999", ".123456", ".1234567890123456789", ".x", ".9 "])
OFFSET = st.sampled_from(["", "Z", "z", "+02:00", "-0330", "+0200", "+02", "+2:00", "-00:00", "+99:99", "+02:0x", "Z+02:00", "+02:"])
YEAR = st.one_of(st.integers(0, 9999), st.sampled_from([0, 1, 4, 100, 400, 1900, 1969, 1970, 2000, 2023, 2024, 2100, 9999]))
MONTH_NAME = st.sampled_from([*MONTHS, "jan", "JAN", "Foo", "Ma\u00f6", "   "])


@st.composite
def stamps(draw: st.DrawFn) -> tuple[str, bytes]:
    """A kind and a stamp of that kind, right or a little wrong, with something behind it."""
    kind = draw(st.sampled_from(["rfc3164", "iso", "dmy"]))
    time = ":".join(f"{draw(NUMBER):02d}" for _ in range(3)) + draw(FRACTION)
    day, month = draw(NUMBER), draw(NUMBER)
    if kind == "rfc3164":
        text = f"{draw(MONTH_NAME)} {draw(st.sampled_from(['{:02d}', '{:2d}', '{}', ' {}']))}".format(day) + f" {time}"
    elif kind == "iso":
        text = f"{draw(YEAR):04d}-{month:02d}-{day:02d}{draw(st.sampled_from('T t_'))}{time}{draw(OFFSET)}"
    else:
        text = f"{day:02d}-{draw(MONTH_NAME)}-{draw(YEAR):04d} {time}"
    return kind, (text + draw(st.sampled_from(["", " ", " mx", ":", "7"]))).encode()


def read(probes: Kernels, ctx: np.ndarray, kind: str, text: bytes) -> tuple[int, int, int]:
    """(position behind the stamp, time, what it says) of the kernel."""
    ctx[L.TS >> 3] = ctx[L.TS_KIND >> 3] = 0
    place = Place(text)
    reader = {"rfc3164": probes.try_rfc3164, "iso": probes.try_iso, "dmy": probes.try_dmy}[kind]
    end = place.at(reader(ctx.ctypes.data, place.p, place.e))
    return end, int(ctx[L.TS >> 3]), int(ctx[L.TS_KIND >> 3])


def expected(kind: str, text: bytes) -> tuple[int, int, int]:
    """The same of the reference."""
    line = naive.Line(text)
    return naive.read_time(kind, line, 0), line.ts, line.ts_kind


def new_context() -> np.ndarray:
    ctx = np.zeros(L.CTX_WORDS, np.int64)
    ctx[L.SEEN_REST >> 3] = -1
    return ctx


def agree(ours: tuple[int, int, int], theirs: tuple[int, int, int]) -> bool:
    """A stamp that is not there has no time."""
    return ours == theirs if theirs[0] >= 0 else ours[0] == -1


@given(stamp=stamps())
def test_stamps(probes: Kernels, stamp: tuple[str, bytes]) -> None:
    """Every stamp, right or wrong, is read or refused as the reference does."""
    kind, text = stamp
    assert agree(read(probes, new_context(), kind, text), expected(kind, text))


@given(many=st.lists(stamps(), min_size=2, max_size=12), twice=st.lists(st.integers(0, 11), max_size=12))
def test_what_was_read_before_does_not_matter(probes: Kernels, many: list[tuple[str, bytes]], twice: list[int]) -> None:
    """The last minute is kept at hand; stamps that repeat it, or nearly, are read as by themselves."""
    ctx = new_context()
    for kind, text in many + [many[i % len(many)] for i in twice]:
        assert agree(read(probes, ctx, kind, text), expected(kind, text))


def similar(rng: random.Random) -> Iterator[tuple[str, bytes]]:
    """Stamps of the same few minutes, some with a byte changed."""
    while True:
        kind, text = rng.choice((
            ("rfc3164", b"Oct 27 01:17:%02d"), ("rfc3164", b"Oct  7 01:17:%02d.5"), ("rfc3164", b"Oct 7 01:17:%02d"),
            ("iso", b"2024-10-27T01:17:%02d.25+02:00"), ("iso", b"2024-10-27 01:17:%02dZ"), ("dmy", b"27-Oct-2024 01:17:%02d.622"),
        ))  # fmt: skip
        text = text % rng.randrange(64)
        yield kind, changed(rng, text, [text]) if rng.random() < 0.5 else text


def test_nearly_the_same_minute(probes: Kernels) -> None:
    """Twenty thousand stamps that differ in a byte or two from the one before are read as by themselves."""
    ctx, stream = new_context(), similar(random.Random(5))
    for _ in range(20_000):
        kind, text = next(stream)
        assert agree(read(probes, ctx, kind, text), expected(kind, text)), (kind, text)


@pytest.mark.parametrize("text", [b"\0" * 12 + b":05 mx", b"\xff" * 12 + b":05 mx", b"\0" * 40])
def test_an_empty_memory_is_no_stamp(probes: Kernels, text: bytes) -> None:
    """Bytes that look like a cache without content are no time."""
    for kind in ("rfc3164", "iso", "dmy"):
        assert read(probes, new_context(), kind, text)[0] == -1


def test_every_day_has_its_number(probes: Kernels) -> None:
    """Days since 1970 and days of a month are those of Python's calendar, from the year 1 to 9999."""
    for year in (*range(1, 10), *range(96, 105), *range(396, 405), *range(1890, 2110), 9998, 9999):
        for month in range(1, 13):
            last = probes.try_month_days(year, month)
            for day in (1, 15, last):
                assert probes.try_days(year, month, day) == (dt.date(year, month, day) - EPOCH).days
            with pytest.raises(ValueError, match="day"):
                dt.date(year, month, last + 1)


def test_month_names(probes: Kernels) -> None:
    """The twelve English names, in that spelling only."""
    for i, name in enumerate(MONTHS):
        for text, number in ((name, i + 1), (name.upper(), 0), (name.lower(), 0), (name[:2] + "x", 0)):
            place = Place(text.encode())
            assert probes.try_month_number(place.p) == number


@given(stamp=stamps(), before=st.sampled_from(["rfc3164", "iso"]))
def test_a_stamp_inside_counts_or_leaves_all_as_it_was(probes: Kernels, stamp: tuple[str, bytes], before: str) -> None:
    """A dmy or iso stamp and a space replace the stamp before; anything else changes nothing."""
    kind, text = stamp
    outer = {"rfc3164": b"Oct 27 01:17:13", "iso": b"2024-10-27T01:17:13Z"}[before]
    ctx, place = new_context(), Place(text)
    _, ts, ts_kind = read(probes, ctx, before, outer)
    end = place.at(probes.try_inner(ctx.ctypes.data, place.p, place.e))
    inner = expected("iso" if kind == "iso" else "dmy", text)
    found = (end, int(ctx[L.TS >> 3]), int(ctx[L.TS_KIND >> 3]))
    if inner[0] >= 0 and text[inner[0] : inner[0] + 1] == b" ":
        assert found == (inner[0] + 1, *inner[1:])
    else:
        assert found == (0, ts, ts_kind)


@given(st.one_of(st.integers(0, 999).map(lambda n: f"{n:03d}".encode()), st.binary(min_size=3, max_size=3)))
def test_three_digits(probes: Kernels, text: bytes) -> None:
    """Three digits are their value, whatever follows; anything else among them is none."""
    place = Place(text, after=b"9")
    assert probes.try_three(place.p) == (int(text) if text.isascii() and text.decode().isdigit() else -1)


def test_powers_of_ten() -> None:
    """The table by which fractions are scaled holds what its name says."""
    assert [10**i for i in range(7)] == list(clock.TENS)
