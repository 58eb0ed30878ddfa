"""The ripple: bursts, period and growth are found, and hold their levels on nulls that only look like it."""

from __future__ import annotations

import numpy as np
import pytest

from mailripple.models.evidence import deferred_again, retry_interval
from mailripple.models.minutes import Minutes
from mailripple.models.ripple import find_bursts, find_period, find_ripple, rayleigh, sums_by_period
from tests.models.days import START, Day, clock, curve, quiet, simulate

ALL = np.ones(1440, np.bool_)


def test_a_burst_is_what_stands_out() -> None:
    """A queue run of three minutes is one burst with all its records; the ground is none."""
    values = np.random.default_rng(1).poisson(2.0, 1440).astype(float)
    values[600:603] = (30, 50, 20)
    found = find_bursts(values, ALL)
    at = np.flatnonzero(found.start == 600)
    assert found.size[at].tolist() == [100]
    assert len(found) <= 6
    assert len(find_bursts(np.zeros(100), np.ones(100, np.bool_))) == 0


@pytest.mark.parametrize("period", [10, 30, 60])
def test_the_period_is_found(period: int) -> None:
    """To the minute, not a half or a third of it."""
    at = np.arange(7.0, 1440, period) + np.random.default_rng(period).normal(0, 0.7, len(np.arange(7.0, 1440, period)))
    found = find_period(at, 1440)
    assert found is not None
    assert found.minutes == pytest.approx(period, abs=1)
    assert found.p < 1e-3


def test_no_period_in_bursts_without_one() -> None:
    """Of 3,000 days with bursts at random, at 1 % no more than 1.5 % are claimed."""
    dice = np.random.default_rng(3)
    claimed = 0
    for _ in range(3000):
        found = find_period(np.sort(dice.random(dice.integers(5, 60)) * 1440), 1440)
        claimed += found is not None and found.p < 0.01
    assert claimed <= 45
    assert find_period(np.arange(4.0), 1440) is None


def test_rayleigh_at_its_ends() -> None:
    """All phases alike: next to no chance; spread evenly: certain."""
    assert rayleigh(np.arange(20) * 30.0, 30) < 1e-8
    assert rayleigh(np.arange(30.0), 30) > 0.9


def test_sums_leave_out_what_is_not_covered() -> None:
    """A period with a missing minute is no sum, nor are the ends."""
    ok = ALL.copy()
    ok[700] = False
    at, sums = sums_by_period(np.ones(1440), ok, 30.0, 7.0)
    assert set(sums.tolist()) == {30.0}
    assert len(sums) == 1440 // 30 - 2
    assert not ((at > 685) & (at < 715)).any()


def null(kind: str, seed: int) -> Minutes:
    """A day without a ripple: Poisson with the hours, a level that wanders (AR(1)), or clumps at random times."""
    dice = np.random.default_rng(seed)
    hours = curve(1440)
    if kind == "poisson":
        deferred = dice.poisson(2 * hours)
    elif kind == "wandering":
        level = np.zeros(1440)
        for i in range(1, 1440):
            level[i] = 0.98 * level[i - 1] + dice.normal(0, 0.2)
        deferred = dice.poisson(1.5 * np.exp(level))
    else:
        deferred = dice.poisson(1, 1440)
        for at in dice.integers(0, 1436, 40):
            np.add.at(deferred, at + dice.integers(0, 4, int(dice.gamma(1, 30))), 1)
    columns = {"mail.from": dice.poisson(24 * hours * dice.gamma(8, 1 / 8, 1440)), "mail.to": np.ones(1440), "mail.deferred": deferred, "mail.attempt.retry": deferred}
    return Minutes(START, {k: v.astype(float) for k, v in columns.items()}, ALL, np.zeros(1440, np.bool_))


@pytest.mark.parametrize("kind", ["poisson", "wandering", "clumps"])
def test_nothing_is_claimed_where_nothing_is(kind: str) -> None:
    """On 150 days of each null at most one period and at most two growths are claimed (levels 0.1 % and 0.2 %)."""
    found = [find_ripple(null(kind, seed), None, None, clock)[0] for seed in range(150)]
    assert sum(r.periodic == "holds" for r in found) <= 1
    assert sum(r.growing == "holds" for r in found) <= 2


@pytest.mark.parametrize(
    ("day", "period"),
    [(Day(), 30), (Day(jitter=2), 30), (Day(runners=3), 10), (Day(runners=2), 15), (Day(period=15), 15), (Day(spread=10), 30), (Day(onset=600), 30)],
    ids=["plain", "jitter", "three runners", "two runners", "quarter hours", "long runs", "from ten o'clock"],
)
def test_the_ripple_is_read_right(day: Day, period: float) -> None:
    """Period within a minute, inflow within 15 %, runners that share the queue are counted, the onset is near."""
    for seed in range(3):
        material = simulate(day, seed)
        deferred = material.attempts.deferred
        again = deferred_again(material.minutes, deferred)
        found, growth, _ = find_ripple(material.minutes, again, retry_interval(deferred), clock)
        told = {e.name: e.value for e in found.estimates}
        assert told["period"] == pytest.approx(period, abs=1)
        assert told["inflow"] == pytest.approx(day.worm * day.share, rel=0.15)
        assert found.runners == day.runners
        assert growth is not None
        assert growth.onset == pytest.approx(day.onset, abs=35)
        assert growth.end is None


def test_a_quiet_day_does_not_grow() -> None:
    """Deferred mail that goes out at the next run follows the day's traffic: of 30 days no growth is claimed."""
    for seed in range(30):
        material = simulate(quiet(Day(greylist=0.1)), seed)
        again = deferred_again(material.minutes, material.attempts.deferred)
        assert find_ripple(material.minutes, again, None, clock)[0].growing == "does not hold"


def test_a_growth_that_ended_has_its_end() -> None:
    """The domain opens again after five hours and the backlog leaves: from, to, in the past tense."""
    minutes = simulate(Day(), 1).minutes
    again = np.zeros(1440)
    runs = np.arange(37, 1440, 30)
    again[runs] = [max(0, 10 * (t - 600) / 30) if t < 910 else 2 for t in runs]
    found, growth, _ = find_ripple(minutes, again, 30.0, clock)
    assert growth is not None
    assert growth.end is not None
    assert growth.onset == pytest.approx(600, abs=40)
    assert growth.end == pytest.approx(900, abs=40)
    assert "piled up" in found.answer
