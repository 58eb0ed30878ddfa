"""The figures as SVG: every curve inside its plane, long ones with all their peaks."""

from __future__ import annotations

import re

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mailripple.models.findings import Burst
from mailripple.outputs.page.drawing import BOTTOM, COLUMNS, HEIGHT, LEFT, RIGHT, TOP, WIDTH, draw, gathered


def test_points_lie_inside_the_plane() -> None:
    """No curve leaves the axes, and the highest value is near the top."""
    drawn = draw({"to": np.array([0, 5, 10])}, ("to",), 0, 60, [(0, 0)], "min", (Burst(60_000_000, 3), Burst(10**12, 1)))
    points = [tuple(map(float, p.split(","))) for p in re.findall(r"[\d.]+,[\d.]+", drawn.lines[0].path)]
    assert len(points) == 3
    assert all(LEFT <= x <= WIDTH - RIGHT and TOP <= y <= HEIGHT - BOTTOM for x, y in points)
    assert points[0][1] == HEIGHT - BOTTOM
    assert points[2][1] == TOP
    assert len(drawn.bursts) == 1


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=3000))
def test_gathering_keeps_the_extremes(values: list[int]) -> None:
    """A long curve keeps its highest and lowest value, and has few points."""
    at, kept = gathered(np.array(values))
    assert len(at) == len(kept) <= 2 * COLUMNS
    assert kept.max() == max(values)
    assert kept.min() == min(values)
    assert np.all(np.diff(at) > 0)
