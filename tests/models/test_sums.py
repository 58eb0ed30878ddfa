"""The tables grow, and what a subject's heaviest lines are."""

from __future__ import annotations

import numpy as np

from mailripple.models import lookups_kernel, sums_kernel
from mailripple.models.sums import Subjects, Sums, kernels, lines_of
from mailripple.parse import layout as L


def test_tables_grow_with_their_subjects() -> None:
    """A thousand subjects and their pairs fit into tables that began with 16 slots, each once."""
    sums = Sums(lookups_kernel.STATE_WORDS, 16)
    events = np.zeros((len(L.COLUMNS), 3000), np.int64)
    events[L.COL["ts"]] = np.arange(3000) + 1
    events[L.COL["client"]] = np.arange(3000) % 1000 + 1
    events[L.COL["name"]] = np.arange(3000)
    events[L.COL["code"]] = lookups_kernel.MX << 16
    sums.run(kernels().fold_lookups, events)
    assert sorted(sums.subjects().word(sums_kernel.X_KEY).tolist()) == list(range(1, 1001))
    assert set(sums.subjects().word(lookups_kernel.X_NAMES).tolist()) == {3}
    for table in (sums_kernel.PAIRS, sums_kernel.SUBJECTS):  # what is said to be used is used
        used = np.count_nonzero(sums._tables[table][:, 0])
        assert used == sums.state[(table >> 3) + 2] >= 1000


def test_lines_are_told_heaviest_first() -> None:
    """Of equal weight the earlier; what weighs nothing is no evidence."""
    row = np.zeros(sums_kernel.SUBJECT // 8, np.int64)
    row[sums_kernel.X_TOP >> 3 :] = [5, 70, 9, 60, 5, 50, 0, 40, -3, 30]
    assert lines_of(Subjects(np.stack([row, 0 * row]), np.arange(2))) == [(60, 50, 70), ()]
