"""The contract that all detectors pass."""

from __future__ import annotations

import random
from dataclasses import replace
from types import ModuleType

import pytest

from mailripple.detectors import DETECTORS
from mailripple.detectors.contract import LEVELS, Scores
from tests.detectors.family import infected, numbered, quiet_hosts, scores_of

EACH = pytest.mark.parametrize("detector", DETECTORS, ids=lambda d: d.NAME)


@EACH
def test_quiet_streams_give_no_alarm(detector: ModuleType) -> None:
    """Null calibration, coarse: ten sites of 40 ordinary hosts, no alarm and no warning."""
    levels = [a.level for seed in range(10) for a in detector.decide(scores_of(quiet_hosts(seed)))]
    assert [level for level in levels if level != "notice"] == []


@EACH
def test_cuts_do_not_matter(detector: ModuleType) -> None:
    """The same alarms wherever the stream is cut (law 2)."""
    units = infected(1)
    assert detector.decide(scores_of(units)) == detector.decide(scores_of(units, cuts=13))


@EACH
def test_the_order_of_scores_does_not_matter(detector: ModuleType) -> None:
    """A detector is a pure function of the set of scores."""
    scores = scores_of(infected(2))
    mixed = random.Random(4)
    again = Scores(
        tuple(tuple(mixed.sample(fold, len(fold))) for fold in scores.senders),
        tuple(tuple(mixed.sample(fold, len(fold))) for fold in scores.lookups),
    )
    assert detector.decide(scores) == detector.decide(again) == detector.decide(scores)


@EACH
def test_other_hosts_at_the_same_moment_change_nothing(detector: ModuleType) -> None:
    """Events of equal time but different hosts may come in any order."""
    units = infected(3)
    first = [replace(u, ts=u.ts // 60_000_000 * 60_000_000) for u in units]
    other = sorted(first, key=lambda u: (u.ts, u.client, u.order))
    a, b = (detector.decide(scores_of(numbered(u))) for u in (first, other))
    assert [replace(x, lines=()) for x in a] == [replace(x, lines=()) for x in b]


@EACH
def test_alarms_rest_on_lines_that_exist(detector: ModuleType) -> None:
    """Each alarm names lines of the input, a known level, and times in order (law 6)."""
    units = infected(5)
    orders = {u.order for u in units}
    for alarm in detector.decide(scores_of(units)):
        assert alarm.lines
        assert set(alarm.lines) <= orders
        assert alarm.level in LEVELS
        assert alarm.onset <= alarm.at <= alarm.last
        assert alarm.detector == detector.NAME
