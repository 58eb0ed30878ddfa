"""Exact intervals are those of the tables."""

from __future__ import annotations

import math

import pytest

from mailripple.evaluate.intervals import clustering, poisson, share


@pytest.mark.parametrize(("count", "low", "high"), [(0, 0.0, 3.6889), (1, 0.0253, 5.5716), (10, 4.7954, 18.3904), (100, 81.3637, 121.6272)])
def test_poisson(count: int, low: float, high: float) -> None:
    """Garwood's limits of a Poisson count, as published."""
    rate, a, b = poisson(count, 1.0)
    assert (rate, round(a, 3), round(b, 3)) == (count, pytest.approx(low, abs=1e-3), pytest.approx(high, abs=1e-3))


@pytest.mark.parametrize(("hits", "n", "low", "high"), [(0, 10, 0.0, 0.3085), (10, 10, 0.6915, 1.0), (4, 10, 0.1216, 0.7376), (40, 40, 0.9119, 1.0)])
def test_share(hits: int, n: int, low: float, high: float) -> None:
    """Clopper's and Pearson's limits of a share, as published."""
    _, a, b = share(hits, n)
    assert a == pytest.approx(low, abs=1e-3)
    assert b == pytest.approx(high, abs=1e-3)


def test_clustering() -> None:
    """Events that come all at once are told from events that come apart; without events there is nothing to tell."""
    assert clustering([2, 2, 2, 2]) == 0
    assert clustering([0, 0, 0, 8]) == 8
    assert math.isnan(clustering([0, 0]))
    assert math.isnan(share(0, 0)[0])
