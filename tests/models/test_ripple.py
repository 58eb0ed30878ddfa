"""The ripple: bursts, period and growth are found, and hold their levels on nulls that only look like it."""

from __future__ import annotations

import numpy as np
import pytest

from mailripple.models.ripple import find_bursts, find_period, rayleigh, sums_by_period

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
