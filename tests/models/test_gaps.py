"""The masses of the gaps are masses, and their ratio is an e-value."""

from __future__ import annotations

import math

import pytest

from mailripple.models.gaps import (
    AGAIN,
    CELLS,
    GOES_ON,
    OCTAVES,
    RATES,
    RATIOS,
    REPEATS,
    STREAMS,
    edges,
    mailer_mass,
    null_mass,
)
from mailripple.models.logs import ONE


def test_cells_cover_all_gaps_once() -> None:
    """Each whole second lies in one cell, in order, without a hole."""
    cells = [edges(c) for c in range(CELLS)]
    full = [(low, high) for low, high in cells if low < high]
    assert full[0][0] == 0
    assert math.isinf(full[-1][1])
    assert all(high == low for (_, high), (low, _) in zip(full, full[1:], strict=False))
    assert len(full) > 3 * OCTAVES


def test_masses_sum_to_one() -> None:
    """Null and alternatives are distributions."""
    assert sum(null_mass(c) for c in range(CELLS)) == pytest.approx(1)
    for rate in RATES:
        assert sum(mailer_mass(c, rate) for c in range(CELLS)) == pytest.approx(1)


@pytest.mark.parametrize("j", range(STREAMS))
def test_the_exact_mean_under_the_null_is_at_most_one(j: int) -> None:
    """E[e] under the null over the whole support, with the fixed-point tables that the kernel uses."""
    new = sum(null_mass(c) * math.exp(RATIOS[CELLS * j + c] / ONE) for c in range(CELLS))
    again = math.exp(AGAIN / ONE) if j < STREAMS - 1 else 1.0
    assert REPEATS * again + (1 - REPEATS) * new <= 1 + 1e-6


def test_a_list_that_is_checked_is_no_evidence_on_average() -> None:
    """Under a program that goes on with its chance, new name after new name at once, the mean of every stream is at most 1."""
    at_once = [c for c in range(CELLS) if edges(c)[0] == 0 < edges(c)[1]]
    for j in range(STREAMS):
        (ratio,) = (math.exp(RATIOS[CELLS * j + c] / ONE) for c in at_once)
        stops = max(math.exp(RATIOS[CELLS * j + c] / ONE) for c in range(CELLS) if edges(c)[0] > 3600)
        assert GOES_ON * ratio + (1 - GOES_ON) * min(stops, 1.0) <= 1 + 1e-6, j
