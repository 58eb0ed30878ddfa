"""Open hash tables of kernels that grow: see `slots_kernel`."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mailripple.memory import block_of, zeros
from mailripple.parse.build import Kernels


def table_of(slots: int, words: int) -> npt.NDArray[np.int64]:
    """An empty table (slots, words) that begins with a page: a slot of a cache line's size lies within one."""
    return zeros((slots, words), np.int64)


def doubled(table: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """A table (slots, words) of `table_of` with as many free slots behind it; the one given is gone, as is what pointed
    to it.  Its entries are still where they were: a kernel must move them."""
    slots, words = table.shape
    block = block_of(table)
    block.grow(16 * slots * words)
    return np.asarray(block).view(np.int64).reshape(2 * slots, words)


def widened(table: npt.NDArray[np.int64], kernels: Kernels) -> npt.NDArray[np.int64]:
    """`doubled`, and every entry where it belongs then.  `kernels` must have been built with `slots_kernel`."""
    slots, words = table.shape
    moved = doubled(table)
    kernels.widen(moved.ctypes.data, 8 * words, slots - 1)
    return moved
