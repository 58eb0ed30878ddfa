"""The masses of the gaps are masses, and the ratio of a mailer's to the null's is an e-value."""

from __future__ import annotations

import math
import random

import pytest

from mailripple.models.gaps import (
    AGAIN,
    BEGINS,
    CELLS,
    CLUMPS,
    ENDS,
    GOES_ON,
    LEAST,
    MAILS,
    OCTAVES,
    RESTS,
    ROUNDING,
    SORTS,
    STREAMS,
    clump_mass,
    edges,
    mailer_mass,
    rest_mass,
)
from mailripple.models.logs import ONE, add_logs

REAL = [c for c in range(CELLS) if edges(c)[0] < edges(c)[1]]


def test_cells_cover_all_gaps_once() -> None:
    """Each whole second lies in one cell, in order, without a hole."""
    full = [edges(c) for c in REAL]
    assert full[0][0] == 0
    assert math.isinf(full[-1][1])
    assert all(high == low for (_, high), (low, _) in zip(full, full[1:], strict=False))
    assert len(full) > 3 * OCTAVES


def test_masses_sum_to_one() -> None:
    """Null and alternatives are distributions; only cells without a whole second have no mass."""
    assert sum(share for share, *_ in CLUMPS) == pytest.approx(1)
    assert sum(rest_mass(c) for c in range(CELLS)) == pytest.approx(1)
    for sort in range(SORTS):
        assert sum(clump_mass(c, sort) for c in range(CELLS)) == pytest.approx(1)
    for stream in range(STREAMS):
        assert sum(mailer_mass(c, stream) for c in range(CELLS)) == pytest.approx(1)
    assert all(rest_mass(c) > 0 for c in REAL)


def expected(clumps: list[int], cell: int) -> tuple[int, list[int]]:
    """The fixed-point step of the filter, as the kernel makes it: log chance of the cell, and the sorts after it."""
    ends = clumps[0] + ENDS[0]
    for k in range(1, SORTS):
        ends = add_logs(ends, clumps[k] + ENDS[k])
    ends += RESTS[cell]
    stays = [clumps[k] + GOES_ON[CELLS * k + cell] for k in range(SORTS)]
    chance = ends
    for s in stays:
        chance = add_logs(chance, s)
    return chance, [add_logs(s, ends + BEGINS[k]) - chance for k, s in enumerate(stays)]


def chance_of(shares: list[float], cell: int) -> float:
    """The null's exact chance of a cell, if the last name belongs to the sorts with these chances."""
    total = 0.0
    for k, (_, goes_on, *_) in enumerate(CLUMPS):
        total += shares[k] * (goes_on * clump_mass(cell, k) + (1 - goes_on) * rest_mass(cell))
    return total


@pytest.mark.parametrize("seed", range(20))
def test_the_exact_mean_under_the_null_is_at_most_one(seed: int) -> None:
    """E[e | the past] under the null over the whole support, with the kernel's tables, whatever was asked before."""
    rng, clumps = random.Random(seed), list(BEGINS)
    shares = [share for share, *_ in CLUMPS]
    for _ in range(60):
        chances = [chance_of(shares, c) for c in REAL]
        for j in range(STREAMS):
            e = [math.exp(max(MAILS[CELLS * j + c] - expected(clumps, c)[0] - ROUNDING, LEAST) / ONE) for c in REAL]
            assert sum(p * x for p, x in zip(chances, e, strict=True)) <= 1 + 1e-7, j
        cell = rng.choices(REAL, chances if rng.random() < 0.7 else None)[0]
        goes_on = [shares[k] * CLUMPS[k][1] * clump_mass(cell, k) for k in range(SORTS)]
        ends = sum(shares[k] * (1 - CLUMPS[k][1]) for k in range(SORTS)) * rest_mass(cell)
        shares = [(s + ends * CLUMPS[k][0]) / (sum(goes_on) + ends) for k, s in enumerate(goes_on)]
        _, clumps = expected(clumps, cell)


def test_asking_again_is_never_evidence() -> None:
    """A name that is asked again lowers every stream, so that the mean stays at most 1 however often that is."""
    assert AGAIN < 0
