"""Tables grow where they stand: nothing is lost, and every key is found from where it belongs."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from hypothesis import given
from hypothesis import strategies as st

from mailripple import slots_kernel
from mailripple.parse import text
from mailripple.parse.build import Kernels
from mailripple.slots import table_of, widened

#: Bytes of a cache line.
LINE = 64
KERNELS = Kernels([text, slots_kernel])


def put(table: npt.NDArray[np.int64], key: int, value: int) -> None:
    at = found(table, key)
    table[at] = (key, value)


def found(table: npt.NDArray[np.int64], key: int) -> int:
    """Number of the key's slot, or of the free one where the search for it ends."""
    at = (key >> 1) & (len(table) - 1)
    while table[at, 0] not in (0, key):
        at = (at + 1) & (len(table) - 1)
    return at


@given(st.sets(st.integers(0, 63).map(lambda place: 2 * place + 1), max_size=15), st.integers(0, 2**40))
def test_a_table_grows_in_place(keys: set[int], more: int) -> None:
    """Of any full table of 16 slots, also one whose entries run over its end, all keys are found in the wide one."""
    table = table_of(16, 2)
    for key in keys:
        put(table, key, key + more)
    wide = widened(table, KERNELS)
    assert wide.shape == (32, 2)
    assert sorted(wide[wide[:, 0] != 0, 0].tolist()) == sorted(keys)
    for key in keys:
        assert wide[found(wide, key)].tolist() == [key, key + more]


def test_entries_that_run_over_the_end_of_a_wide_table_are_found() -> None:
    """A dozen keys that all belong at the last slot of the wide table go on at its beginning, among others there."""
    keys = [2 * (31 + 32 * k) + 1 for k in range(10)] + [2 * k + 1 for k in range(5)]
    for turn in range(len(keys)):
        table = table_of(16, 2)
        for key in keys[turn:] + keys[:turn]:
            put(table, key, 7)
        wide = widened(table, KERNELS)
        assert [wide[found(wide, key), 1] for key in keys] == [7] * len(keys)


@given(st.lists(st.integers(1, 2**40), min_size=1, max_size=12, unique=True), st.integers(1, 12))
def test_slots_of_a_cache_line_stay_in_one(keys: list[int], turns: int) -> None:
    """However often a table grows, from a small block of memory to a mapped one: it begins with a line, nothing is lost."""
    table = table_of(16, 8)
    for key in keys:
        at = (key >> 1) & 15
        while table[at, 0]:
            at = (at + 1) & 15
        table[at] = key
    for _ in range(turns):
        table = widened(table, KERNELS)
        assert table.ctypes.data % LINE == 0
    assert sorted(table[table[:, 0] != 0].tolist()) == [[key] * 8 for key in sorted(keys)]
    assert not table[table[:, 0] == 0].any()
