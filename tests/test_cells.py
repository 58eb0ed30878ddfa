"""Cells that are kept in few bytes are the cells that were made."""

from __future__ import annotations

from collections import Counter as Bag
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailripple.cells import LIGHT, MADE, Cells, cells_of, entity_totals, merged
from mailripple.parse.text import V4_KEY

COUNTS = st.one_of(st.integers(0, 3), st.integers(0, 255))
ROWS = st.lists(
    st.tuples(
        st.one_of(st.integers(-(1 << 63), (1 << 63) - 1), st.integers(1 << 32, (1 << 33) - 1)),
        st.one_of(st.integers(0, 3), st.integers(0, (1 << 32) - 1), st.integers(-(1 << 40), 1 << 40)),
        st.one_of(st.lists(st.integers(0, 3), min_size=16, max_size=16), st.lists(COUNTS, min_size=16, max_size=16)),
    ),
    max_size=40,
)


def made_of(rows: list[Any]) -> np.ndarray:
    """Cells as the counting kernel leaves them."""
    found = cells_of(max(len(rows), 1))[: len(rows)]
    for i, (key, tag, n) in enumerate(rows):
        found[i] = key, tag, n
    return found


def plain(cells: Cells) -> Bag[tuple[int, int, tuple[int, ...]]]:
    """What comes out, however often."""
    return Bag((int(r["key"]), int(r["tag"]), tuple(r["n"].tolist())) for rows in cells.made(7) for r in rows.copy())


@given(st.lists(ROWS, max_size=4), st.sampled_from([0, 100, 10_000]))
def test_what_is_kept_is_what_was_made(parts: list[list[Any]], budget: int) -> None:
    """Any cells come back as they were, whether they are light or not, and wherever they are kept."""
    cells = Cells(budget=budget)
    for rows in parts:
        cells.append(made_of(rows))
    assert plain(cells) == Bag((key, tag, tuple(n)) for rows in parts for key, tag, n in rows)
    assert len(cells) == sum(map(len, parts))
    assert plain(merged([cells, Cells()])) == plain(cells)


@pytest.mark.parametrize("n", [0, 1, 2, 3, 4, 8, 128, 255])
def test_what_counts_little_is_light(n: int) -> None:
    """A cell takes 16 bytes if none of its counters, wherever it stands, is beyond 3."""
    for place in range(16):
        cells = Cells()
        counts = [3] * 16
        counts[place] = n
        cells.append(made_of([(5, 0xFFFF_FF01, counts)]))
        assert [len(cells.light.memory), len(cells.whole.memory)] == ([1, 0] if n <= 3 else [0, 1])
    assert (LIGHT.itemsize, MADE.itemsize) == (16, 32)


def test_an_address_that_counts_little_is_brief() -> None:
    """A light cell of an IPv4 address takes 8 bytes, and so does each window that follows another."""
    cells = Cells()
    rows = [(V4_KEY | n, window << 8 | 1, [0] * 15 + [1 + n % 3]) for window in (7, 8, 1 << 23) for n in (0, 5, 0xFFFFFFFF)]
    cells.append(made_of(rows))
    assert [len(kept.memory) for kept in (cells.brief, cells.light, cells.whole)] == [1, 0, 0]
    assert cells.brief.memory[0].nbytes == 8 * (len(rows) + 3)
    assert plain(cells) == Bag((key, tag, tuple(n)) for key, tag, n in rows)


@pytest.mark.parametrize("row", [(V4_KEY - 1, 257, [1] * 16), (2 * V4_KEY, 257, [1] * 16), (V4_KEY, 257, [0] * 16)])
def test_what_is_no_address_or_counts_nothing_is_not_brief(row: tuple[int, int, list[int]]) -> None:
    """Names, and cells without a count, which would look like the tag of those that follow, take 16 bytes."""
    cells = Cells()
    cells.append(made_of([row, (V4_KEY, 258, [1] * 16)]))
    assert [len(kept.memory[0]) for kept in (cells.brief, cells.light)] == [2, 1]
    assert plain(cells) == Bag([(row[0], row[1], tuple(row[2])), (V4_KEY, 258, (1,) * 16)])


def test_a_window_that_does_not_fit_is_kept_whole() -> None:
    """Windows beyond the year 2288, and those before 1970, are the same when they come back."""
    rows = [(1, tag, [1] * 16) for tag in ((1 << 32) + 1, -255, 1 << 32, (1 << 32) - 1)]
    cells = Cells()
    cells.append(made_of(rows))
    assert plain(cells) == Bag((key, tag, tuple(n)) for key, tag, n in rows)
    assert len(cells.light.memory[0]) == 1


def test_room_is_used_again() -> None:
    """What a table was given may be overwritten at once."""
    cells = Cells()
    made = made_of([(1, 2, [1] * 16), (3, 2, [9] * 16)])
    cells.append(made)
    made[:] = 0
    cells.append(made[:0])
    assert sorted(key for key, _, _ in plain(cells)) == [1, 3]


def test_totals_are_of_all_cells() -> None:
    """Light ones and others of the same entity add up."""
    cells = Cells(budget=0)
    cells.append(made_of([(7, 256 | 2, [1] * 16), (7, 512 | 2, [200] * 16), (7, 512 | 3, [2] * 16)]))
    totals = entity_totals(cells)
    assert sorted((int(t["tag"]), t["n"].tolist()) for t in totals) == [(2, [201] * 16), (3, [2] * 16)]
