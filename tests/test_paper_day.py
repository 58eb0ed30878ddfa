"""The paper's day, from log text to answers: simulated, read as any log is, and compared with what is true of it.

`python benchmarks/paper_day.py` asks the same of many seeds and prints a table.
"""

from __future__ import annotations

from functools import cache

import pytest
from benchmarks.paper_day import VARIANTS, Case, answers, study_day

from mailripple.simulate.scenario import Variant
from tests.models.test_study import sound

pytestmark = pytest.mark.slow


@cache
def day(name: str, seed: int) -> Case:
    return study_day(VARIANTS[name], seed)


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("name", ["retries free", "retry costs 4", "clock -10", "quiet"])
def test_the_answers_are_right(name: str, seed: int) -> None:
    """Costs, period, inflow, domain A, clocks and the verdict on equation 8; whether intervals cover is asked of many."""
    wrong = [question for question, right in answers(day(name, seed)) if not right and "covered" not in question]
    assert wrong == []
    sound(day(name, seed).found)


def test_most_intervals_cover() -> None:
    """Of 60 intervals of 12 days at least 54."""
    told = [right for n in ("retries free", "retry costs 4", "clock -10", "quiet") for s in (1, 2, 3) for q, right in answers(day(n, s)) if "covered" in q]
    assert len(told) == 60
    assert sum(told) >= 54


@pytest.mark.parametrize("hours", ["2", "14:00-16:00"])
def test_two_hours_are_told_as_two_hours(hours: str) -> None:
    """What needs more is not told: no period, no growth, no ratio of the hours; what is told is right."""
    case = study_day(Variant(hours=hours), 1)
    sound(case.found)
    assert {case.verdict(k) for k in ("eq2", "eq3", "eq5", "eq6", "K3", "K4", "K5", "K6", "K8", "K12")} == {"cannot tell"}
    assert "too short" in case.found.headline
    for name, true in (("a", 2), ("b", 4), ("c", 1)):
        found = case.estimate("eq1", name)
        assert found is not None
        assert found.low <= true <= found.high


@pytest.mark.parametrize("gap", ["11:00-12:30", "18:00-19:30"])
def test_a_gap_is_left_out(gap: str) -> None:
    """The gap is named; costs, period and inflow are what they are without it."""
    case = study_day(Variant(gap=gap, retry_lookups=4), 1)
    conditions = next(r.conditions for r in case.found.relations if r.id == "eq1")
    assert any(c.startswith("no line in the mail log") for c in conditions)
    wrong = [question for question, right in answers(case) if not right and "covered" not in question]
    assert [w for w in wrong if not w.startswith(("q ", "n "))] == []


@pytest.mark.parametrize(("date", "quiet"), [("2002-10-27", False), ("2002-10-27", True), ("2002-03-31", False)])
def test_an_hour_that_occurs_twice_or_not_at_all(date: str, quiet: bool) -> None:
    """Both days of a change of the clock: the same answers, and no gap or burst where the hour repeats."""
    case = study_day(Variant(date=date, zone="Europe/Berlin", quiet=quiet, retry_lookups=4), 1)
    assert [question for question, right in answers(case) if not right and "covered" not in question] == []
    assert not any("no line in" in c for r in case.found.relations for c in r.conditions)
