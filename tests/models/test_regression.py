"""Costs are found, their intervals cover, and nothing is below zero."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailripple.models.regression import correlation, fit, r_squared, solve


@given(st.integers(0, 10_000), st.integers(1, 5))
def test_it_is_the_non_negative_optimum(seed: int, k: int) -> None:
    """No step from the solution that keeps it above zero makes the sum of squares smaller (Karush, Kuhn, Tucker)."""
    dice = np.random.default_rng(seed)
    x, y = dice.normal(size=(30, k)), dice.normal(size=30)
    beta = solve((x.T @ x)[None], (x.T @ y)[None])[0]
    slope = x.T @ x @ beta - x.T @ y
    assert (beta >= 0).all()
    assert (slope >= -1e-6).all()
    assert abs(slope @ beta) < 1e-6


def test_a_few_wild_bins_do_not_matter() -> None:
    """Five bins a hundred times too large leave the costs where they were."""
    dice = np.random.default_rng(1)
    x = dice.poisson(40, (288, 2)).astype(float)
    y = x @ np.array([2.0, 4.0])
    y[dice.integers(0, 288, 5)] *= 100
    found = fit(y, x, np.ones(288, np.bool_), np.array([2.0, 4.0]), 5)
    assert found is not None
    assert found.beta == pytest.approx([2, 4], rel=0.02)


def test_too_little_gives_nothing() -> None:
    """Fewer than twelve bins, or no query at all."""
    x = np.ones((11, 1))
    assert fit(np.ones(11), x, np.ones(11, np.bool_), np.ones(1), 5) is None
    assert fit(np.zeros(50), np.ones((50, 1)), np.ones(50, np.bool_), np.ones(1), 5) is None


@pytest.mark.slow
def test_the_intervals_cover() -> None:
    """Of 100 days with correlated noise, 95 % intervals cover the truth in 90 or more, for each cost."""
    covered = np.zeros(3)
    for seed in range(100):
        dice = np.random.default_rng(seed)
        taken = dice.poisson(120 * dice.gamma(8, 1 / 8, 288))
        x = np.column_stack([taken, dice.binomial(taken, 0.45) * 2 + dice.poisson(20, 288), dice.poisson(200, 288)]).astype(float)
        noise = np.zeros(288)
        for i in range(1, 288):
            noise[i] = 0.5 * noise[i - 1] + dice.normal(0, 25)
        found = fit(x @ np.array([2.5, 3.5, 1.0]) + noise, x, np.ones(288, np.bool_), np.array([2.0, 4.0, 1.0]), 5)
        assert found is not None
        covered += (found.low <= [2.5, 3.5, 1.0]) & (found.high >= [2.5, 3.5, 1.0])
    assert (covered >= 90).all(), covered


def test_shares_of_nothing_are_unknown() -> None:
    """A constant has no variance to explain."""
    ok = np.ones(5, np.bool_)
    assert np.isnan(r_squared(np.ones(5), np.zeros(5), ok))
    assert np.isnan(correlation(np.ones(5), np.arange(5.0), ok))
    assert correlation(np.arange(5.0), np.arange(5.0), ok) == pytest.approx(1)
