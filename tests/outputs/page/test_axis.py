"""Marks of an axis: round, in the log's own time, also on the days when the clock is set."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailripple.outputs.page.axis import civil, number_text, offsets, round_marks, time_marks
from mailripple.parse.zone import zone

BERLIN = zone("Europe/Berlin")


def moment(*when: int) -> int:
    return int(dt.datetime(*when, tzinfo=dt.UTC).timestamp())  # type: ignore[misc]


def test_hours_of_a_day_stand_at_local_hours() -> None:
    """A day in Tokyo begins at its own midnight, and the date stands once."""
    start = moment(2002, 7, 14, 15)
    table = offsets(zone("Asia/Tokyo"), start, start + 86_400)
    marks = time_marks(start, start + 86_400, table, 12)
    assert [text for _, text, _ in marks][:3] == ["00:00", "02:00", "04:00"]
    assert [below for *_, below in marks if below] == ["15 Jul 2002", "16 Jul 2002"]


def test_the_hour_that_occurs_twice() -> None:
    """On the night when summer time ends the offset changes once, and marks go forward."""
    start, end = moment(2024, 10, 26, 22), moment(2024, 10, 27, 6)
    table = offsets(BERLIN, start, end)
    assert [offset for _, offset in table] == [7200, 3600]
    marks = time_marks(start, end, table, 12)
    times = [t for t, _, _ in marks]
    assert times == sorted(set(times))
    assert [text for _, text, _ in marks][:4] == ["00:00", "01:00", "02:00", "03:00"]


def test_a_year_has_months() -> None:
    """Long logs are marked by months."""
    start = moment(2024, 1, 1)
    marks = time_marks(start, start + 366 * 86_400, offsets(BERLIN, start, start + 366 * 86_400), 12)
    assert [text for _, text, _ in marks][:3] in (["Jan", "Feb", "Mar"], ["Feb", "Mar", "Apr"])


@given(st.integers(0, 2_000_000_000), st.integers(60, 40 * 366 * 86_400), st.integers(2, 12))
def test_marks_are_few_ordered_and_inside(start: int, length: int, most: int) -> None:
    """However long the log, the axis is readable."""
    table = offsets(BERLIN, start, start + length)
    times = [t for t, _, _ in time_marks(start, start + length, table, most)]
    assert times == sorted(set(times))
    assert all(start <= t <= start + length for t in times)
    assert len(times) <= most + 3


@given(st.floats(1e-6, 1e9))
def test_round_marks_reach_the_top(top: float) -> None:
    """The highest mark is not below the highest value, and not far above it."""
    marks = round_marks(top)
    assert marks[0] == 0
    assert top * (1 - 1e-9) <= marks[-1] <= 2.5 * top
    assert 2 <= len(marks) <= 8


@pytest.mark.parametrize(("value", "text"), [(0.05, "0.05"), (2.5, "2.5"), (12_000.0, "12,000"), (0.0, "0")])
def test_numbers_of_marks(value: float, text: str) -> None:
    """Numbers are short."""
    assert number_text(value) == text
    assert round_marks(0) == [0.0, 1.0]
    assert civil(0, [(0, 3600)]) == dt.datetime(1970, 1, 1, 1)
