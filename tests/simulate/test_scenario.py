"""Scenario files load, draw their parameters, and know a local day."""

from __future__ import annotations

import numpy as np
import pytest

from mailripple.errors import UsageError
from mailripple.simulate.scenario import Variant, close_time, day_span, scenario, scenarios

HOUR = 3_600_000


def test_each_scenario_has_ranges_the_right_way_round() -> None:
    """Every scenario can be found by its name, its rhythm spans the day, and no range is empty or reversed."""
    for scene in scenarios():
        assert scenario(scene.id) == scene
        hours = [hour for hour, _ in scene.rhythm]
        assert hours == sorted(hours)
        assert (hours[0], hours[-1]) == (0.0, 24.0)
        assert all(low <= high for low, high in scene.draw.values())


def test_parameters_lie_in_their_ranges() -> None:
    """A draw gives a value of each range; another stream gives others."""
    scene = scenario("paper-day")
    first, second = (scene.parameters(np.random.default_rng(seed)) for seed in (1, 2))
    assert first.keys() == scene.draw.keys()
    assert first != second
    assert all(scene.draw[name][0] <= value <= scene.draw[name][1] for name, value in first.items())


@pytest.mark.parametrize(("date", "hours"), [("2002-10-27", 25), ("2002-03-31", 23), ("2002-07-15", 24)])
def test_a_local_day_is_as_long_as_its_clock_says(date: str, hours: int) -> None:
    """The day on which the clock goes back has 25 hours, the other 23; domain A closes when it shows 17:00."""
    span = day_span(scenario("paper-day"), Variant(date=date, zone="Europe/Berlin"))
    assert span.end - span.start == hours * HOUR == len(span.hours) * 60_000
    assert close_time(scenario("paper-day"), span) == span.end - 7 * HOUR


def test_stretches_are_of_the_local_clock() -> None:
    """`8` is from midnight to eight, `14:00-18:30` what it says."""
    span = day_span(scenario("paper-day"), Variant())
    assert span.stretch("8", "") == (span.start, span.start + 8 * HOUR)
    assert span.stretch("14:00-18:30", "") == (span.start + 14 * HOUR, span.start + 18 * HOUR + HOUR // 2)
    assert span.stretch("0-24", "") == span.stretch(None, "") == (span.start, span.end)


@pytest.mark.parametrize("text", ["", "0", "25", "18-14", "a-b", "-3", "8:70", "1-2-3", "\u0661"])
def test_a_stretch_that_is_none_is_refused(text: str) -> None:
    """What is no stretch of a day is an error of use."""
    with pytest.raises(UsageError):
        day_span(scenario("paper-day"), Variant()).stretch(text, "--hours")


@pytest.mark.parametrize("bad", [{"zone": "Mars/Base"}, {"zone": "../etc"}, {"date": "2002-02-30"}, {"date": "0001-01-01"}])
def test_no_such_day(bad: dict[str, str]) -> None:
    """A zone or a date that does not exist is an error of use; so is a scenario."""
    with pytest.raises(UsageError):
        day_span(scenario("paper-day"), Variant(**bad))  # type: ignore[arg-type]
    with pytest.raises(UsageError):
        scenario("nowhere")
