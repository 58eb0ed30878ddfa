"""Minutes without holes, and which of them a log covers."""

from __future__ import annotations

import numpy as np

from mailripple import counts as counting
from mailripple.cells import Cells
from mailripple.counts import Counts
from mailripple.models.minutes import MAX_MINUTES, covered, gaps, minutes_of, rolled, whole


def counts_at(minutes: list[int], metric: str = "mail.from") -> Counts:
    values = np.zeros((len(minutes), len(counting.METRIC_NAMES)), np.int64)
    values[:, counting.METRIC[metric]] = 3
    return Counts(np.full(len(minutes), 5), np.array(minutes, np.int64), values, Cells(), np.zeros((0, 3), np.int64), 0)


def test_minutes_have_no_holes() -> None:
    """From the first minute to the last, zeros between; lines without a time are in none; servers are summed."""
    found = minutes_of(counts_at([-1, 100, 103, 103]), [])
    assert (found.start, found["mail.from"].tolist()) == (100, [3, 0, 0, 6])
    assert found["mail.sent"].tolist() == [0, 0, 0, 0]
    assert found.mail.tolist() == [False, True, True, False]
    assert not found.dns.any()
    assert found.micros(2) == 102 * 60_000_000


def test_a_stray_stamp_does_not_make_a_century() -> None:
    """Of a log with one line of another age, the stretch around its middle is looked at."""
    found = minutes_of(counts_at([0, *range(28_000_000, 28_000_100)]), [])
    assert len(found) <= MAX_MINUTES
    assert found["mail.from"].sum() == 300


def test_a_silence_is_a_gap_only_if_it_is_rare() -> None:
    """Three hours without a line on a busy server are a gap; on one with three lines an hour they are not."""
    dice = np.random.default_rng(1)
    for rate, gap in ((20.0, True), (0.05, False)):
        activity = dice.poisson(rate, 3000).astype(float)
        activity[[0, -1]] = 1
        activity[1000:1180] = 0
        found = covered(activity)
        assert bool(found[1010:1170].any()) is not gap
        assert found[200:900].all()
        if gap:
            assert gaps(found) == [(1000, 1180)]


def test_bins_are_aligned_and_whole() -> None:
    """Bins begin at multiples of their length; one with an uncovered minute is not whole."""
    assert rolled(np.arange(12.0), 3, 5).tolist() == [2 + 3 + 4 + 5 + 6, 7 + 8 + 9 + 10 + 11]
    ok = np.ones(12, np.bool_)
    ok[8] = False
    assert whole(ok, 3, 5).tolist() == [True, False]
    assert rolled(np.zeros(3), 1, 5).tolist() == []
