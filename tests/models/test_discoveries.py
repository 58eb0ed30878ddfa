"""Multiplicity: the share of false discoveries among all that is named."""

from __future__ import annotations

import numpy as np
import pytest

from mailripple.models.discoveries import discoveries


@pytest.mark.parametrize("shared", [0.0, 0.9])
def test_false_discoveries_stay_below_delta(shared: float) -> None:
    """Over 2,000 simulated weeks at most 5 % of what is rejected is ordinary, also when hosts share most of their noise."""
    rng = np.random.default_rng(7)
    infected, hosts, shift = 10, 500, 4.0
    share, found = [], 0
    for _ in range(2000):
        noise = shared**0.5 * rng.normal() + (1.0 - shared) ** 0.5 * rng.normal(size=hosts)
        noise[:infected] += shift
        named = discoveries(shift * noise - shift * shift / 2.0, hosts)
        share.append(named[infected:].sum() / max(1, int(named.sum())))
        found += int(named[:infected].sum())
    assert np.mean(share) <= 0.05
    assert found > 0.3 * infected * 2000


def test_worked_example() -> None:
    """Of e = 100, 40, 10 among 4 subjects the first two are rejected: 100 >= 80, 40 >= 40, 10 < 26.7; order is kept."""
    # A hair above 40, so that rounding of the logarithm does not decide the example.
    assert discoveries(np.log([10.0, 100.0, 40.0001]), 4).tolist() == [False, True, True]


def test_subjects_without_evidence_count() -> None:
    """The same e-value is rejected among 4 subjects and kept among 400: those that show nothing were looked at too."""
    assert discoveries(np.log([100.0]), 4).all()
    assert not discoveries(np.log([100.0]), 400).any()


def test_nothing_and_nonsense() -> None:
    """No candidates give an empty answer; impossible arguments are errors that say which."""
    assert discoveries(np.zeros(0), 0).tolist() == []
    with pytest.raises(ValueError, match="candidates among"):
        discoveries(np.zeros(2), 1)
    with pytest.raises(ValueError, match="delta"):
        discoveries(np.zeros(1), 1, 0.0)
    with pytest.raises(ValueError, match="not a number"):
        discoveries(np.array([np.nan]), 1)
