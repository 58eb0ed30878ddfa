"""A clock that is off is found to the minute, and none is claimed without reason."""

from __future__ import annotations

import numpy as np
import pytest

from mailripple.models.lag import REACH, find_lag

ALL = np.ones(1440, np.bool_)


def day(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Queries and mail of a day whose level wanders."""
    dice = np.random.default_rng(seed)
    level = np.exp(np.cumsum(dice.normal(0, 0.03, 1440)) + np.sin(np.arange(1440) / 229))
    mail = dice.poisson(20 * level).astype(float)
    return 6 * mail + dice.poisson(20, 1440), mail


@pytest.mark.parametrize("offset", [-60, -7, 0, 3, 10, 60])
def test_an_offset_is_found(offset: int) -> None:
    """Within a minute, with an interval that holds it, beyond chance."""
    dns, mail = day(offset + 100)
    found = find_lag(np.roll(dns, offset), mail, ALL)
    assert found is not None
    assert found.minutes == pytest.approx(offset, abs=1)
    assert found.low <= offset <= found.high
    assert found.p < 1e-3


def test_series_that_only_share_their_curve_have_no_lag() -> None:
    """Of 100 pairs of days that have nothing but the hours in common, at most two are taken for related at 1 %."""
    claimed = 0
    for seed in range(100):
        found = find_lag(day(seed)[0], day(seed + 1000)[1], ALL)
        claimed += found is not None and found.p < 0.01
    assert claimed <= 2


def test_little_data_has_no_lag() -> None:
    """Less than four times the reach, and series that do not vary."""
    assert find_lag(np.ones(4 * REACH - 1), np.ones(4 * REACH - 1), np.ones(4 * REACH - 1, np.bool_)) is None
    assert find_lag(np.ones(1440), np.ones(1440), ALL) is None
