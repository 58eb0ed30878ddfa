"""The masses of the gaps are masses, and the ratio of a mailer's to the null's is an e-value."""

from __future__ import annotations

import math
import random

import pytest

from mailripple.models.gaps import (
    AGAIN,
    AGAIN_MOST,
    AGAINS,
    BEGINS,
    CELLS,
    CLUMPS,
    ENDS,
    FOLLOWED,
    FOLLOWS,
    IN_STEP,
    LEAST,
    MONITOR_GOES_ON,
    MONITORS,
    OCTAVES,
    RESOLVED,
    RESOLVES,
    RESTS,
    ROUNDING,
    SORTS,
    STREAMS,
    clump_mass,
    edges,
    mailer_mass,
    rest_mass,
    step_mass,
)
from mailripple.models.logs import ONE, add_logs, fixed
from mailripple.models.lookups_kernel import goes_on, mails

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
    assert sum(share for share, *_ in CLUMPS) + MONITORS == pytest.approx(1)
    assert sum(rest_mass(c) for c in range(CELLS)) == pytest.approx(1)
    for sort in range(SORTS - 1):
        assert sum(clump_mass(c, sort) for c in range(CELLS)) == pytest.approx(1)
    for last in range(CELLS):
        assert sum(step_mass(c, last) for c in REAL) == pytest.approx(1)
    assert set(range(IN_STEP - 1, CELLS)) <= set(REAL)
    for stream in range(STREAMS - 1):
        assert sum(mailer_mass(c, stream) for c in range(CELLS)) == pytest.approx(1)
    assert all(rest_mass(c) > 0 for c in REAL)


def expected(clumps: list[int], last: int, cell: int) -> tuple[int, list[int]]:
    """The fixed-point step of the filter, as the kernel makes it: log chance of the cell, and the sorts after it."""
    ends = clumps[0] + ENDS[0]
    for k in range(1, SORTS):
        ends = add_logs(ends, clumps[k] + ENDS[k])
    ends += RESTS[cell]
    stays = [clumps[k] + goes_on(k, last, cell) for k in range(SORTS)]
    chance = ends
    for s in stays:
        chance = add_logs(chance, s)
    return chance, [add_logs(s, ends + BEGINS[k]) - chance for k, s in enumerate(stays)]


def sorts_of(last: int, cell: int) -> list[tuple[float, float, float]]:
    """Of each sort of clump: its share, how often it goes on, and then the chance of this cell."""
    typed = [(share, on, clump_mass(cell, k)) for k, (share, on, *_) in enumerate(CLUMPS)]
    return [*typed, (MONITORS, MONITOR_GOES_ON, step_mass(cell, last))]


def chances(shares: list[float], last: int, cell: int) -> tuple[float, list[float]]:
    """The null's exact chance of a cell, if the last name belongs to the sorts with these chances; and those after it."""
    sorts = sorts_of(last, cell)
    stays = [p * on * mass for p, (_, on, mass) in zip(shares, sorts, strict=True)]
    ends = sum(p * (1 - on) for p, (_, on, _) in zip(shares, sorts, strict=True)) * rest_mass(cell)
    chance = sum(stays) + ends
    return chance, [(s + ends * share) / chance for s, (share, _, _) in zip(stays, sorts, strict=True)]


@pytest.mark.parametrize("seed", range(20))
def test_the_exact_mean_under_the_null_is_at_most_one(seed: int) -> None:
    """E[e | the past] under the null over the whole support, with the kernel's tables, whatever was asked before."""
    rng, clumps, last = random.Random(seed), list(BEGINS), 0
    shares = [share for share, _, _ in sorts_of(0, 0)]
    for _ in range(60):
        null = [chances(shares, last, c)[0] for c in REAL]
        assert sum(null) == pytest.approx(1)
        logs = [expected(clumps, last, c)[0] + ROUNDING for c in REAL]
        for j in range(STREAMS):
            e = [math.exp(max(mails(j, last, c) - log, LEAST) / ONE) for c, log in zip(REAL, logs, strict=True)]
            assert sum(p * x for p, x in zip(null, e, strict=True)) <= 1 + 1e-7, j
        cell = last if rng.random() < 0.2 and last in REAL else rng.choices(REAL, null if rng.random() < 0.7 else None)[0]
        _, shares = chances(shares, last, cell)
        _, clumps = expected(clumps, last, cell)
        last = cell


def test_asking_again_is_never_evidence() -> None:
    """A name that is asked again lowers every stream, so that the mean stays at most 1 however often that is."""
    assert AGAIN < 0


@pytest.mark.parametrize("seed", range(20))
def test_the_exact_mean_of_the_second_mark_is_one(seed: int) -> None:
    """E[e | the past] of "an address follows": the chances of both marks sum to 1 under the null and the alternative."""
    rng = random.Random(seed)
    shares = [rng.random() for _ in range(SORTS)]
    null = sum(p * f for p, f in zip(shares, FOLLOWED, strict=True)) / sum(shares)
    assert len(FOLLOWED) == SORTS
    assert null * (RESOLVES / null) + (1 - null) * ((1 - RESOLVES) / (1 - null)) == pytest.approx(1)
    clumps = [fixed(math.log(share / sum(shares))) for share in shares]
    mean = 0.0
    for follows, chance in enumerate((1 - null, null)):  # as the kernel adds it up, with its tables
        log = clumps[0] + FOLLOWS[follows]
        for k in range(1, SORTS):
            log = add_logs(log, clumps[k] + FOLLOWS[2 * k + follows])
        mean += chance * math.exp((RESOLVED[follows] - log - ROUNDING) / ONE)
    assert 0.999 < mean <= 1 + 1e-7


@pytest.mark.parametrize("times", [1, 2, 7, 160, 400])
@pytest.mark.parametrize("before", [-3.0, 0.0, 0.05, 4.0, 20.0])
def test_many_names_asked_again_are_as_many_steps(times: int, before: float) -> None:
    """The sums that are told of them at once are those that each would have left."""
    s, r = fixed(before), fixed(before)
    for _ in range(times):
        s, r = max(s, 0) + AGAIN, add_logs(0, r) + AGAIN
    fall, kept = times * AGAIN, max(fixed(before), 0)
    assert max(kept + fall, AGAIN) == s
    assert add_logs(fixed(before) + fall, AGAINS[min(times, AGAIN_MOST)]) == pytest.approx(r, abs=fixed(1e-4))
