"""Rank statistics: the level of the test, the slope, the bend."""

from __future__ import annotations

import numpy as np
import pytest

from mailripple.models.trend import bend, normal_tail, rising, theil_sen


def test_a_rise_is_told_from_chance() -> None:
    """A steady rise is sure, noise is not, a fall is never a rise; few or constant values say nothing."""
    assert rising(np.arange(12.0)) < 1e-4
    assert rising(-np.arange(12.0)) == 1.0
    assert rising(np.array([1.0, 2, 3, 4])) == rising(np.ones(50)) == 1.0


@pytest.mark.parametrize("r", [0.0, 0.4, 0.7])
def test_the_level_holds_when_neighbours_are_alike(r: float) -> None:
    """At 1 % no more than 3 of 100 are claimed on autoregressive series without a trend (1,000 of 48 values)."""
    dice = np.random.default_rng(int(r * 10))
    claimed = 0
    for _ in range(1000):
        x = np.zeros(60)
        for i in range(1, 60):
            x[i] = r * x[i - 1] + dice.normal()
        claimed += rising(x[12:]) < 0.01
    assert claimed <= 30


def test_the_slope_does_not_mind_outliers() -> None:
    """A quarter of wild values leaves it where it was, inside its interval."""
    x = np.arange(40.0)
    y = 3 * x + np.random.default_rng(1).normal(0, 2, 40)
    y[::4] += 500 * np.random.default_rng(2).random(10)
    found = theil_sen(x, y)
    assert found is not None
    assert found.value == pytest.approx(3, rel=0.15)
    assert found.low < 3 < found.high
    assert theil_sen(x[:2], y[:2]) is None
    assert theil_sen(np.ones(9), y[:9]) is None


def test_the_bend_is_where_it_was_put() -> None:
    """A level of 5 until 20, then 2 a step."""
    x = np.arange(40.0)
    found = bend(x, 5 + 2 * np.maximum(x - 20, 0))
    assert (found.at, found.level, found.slope) == pytest.approx((20, 5, 2))


def test_the_normal_tail() -> None:
    """P(Z >= 1.96) is 2.5 %."""
    assert normal_tail(1.959964) == pytest.approx(0.025, abs=1e-6)
