"""Open hash tables of kernels that grow: see `slots_kernel`."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mailripple.parse.build import Kernels

#: Bytes of a cache line.  A slot of a line's size that begins elsewhere costs two misses.
LINE = 64


def table_of(slots: int, words: int) -> npt.NDArray[np.int64]:
    """An empty table (slots, words) that begins with a cache line."""
    return _within(np.zeros(8 * slots * words + LINE, np.uint8), slots, words)


def _within(whole: npt.NDArray[np.uint8], slots: int, words: int) -> npt.NDArray[np.int64]:
    """The table in an array of bytes that is a line longer."""
    begin = -whole.ctypes.data % LINE
    return whole[begin : begin + 8 * slots * words].view(np.int64).reshape(slots, words)


def widened(table: npt.NDArray[np.int64], kernels: Kernels) -> npt.NDArray[np.int64]:
    """A table (slots, words) of `table_of` with twice as many slots; the one given is gone, as is what pointed to it.

    `kernels` must have been built with `slots_kernel`.
    """
    slots, words = table.shape
    whole = table.base
    assert isinstance(whole, np.ndarray)
    begin = -whole.ctypes.data % LINE
    whole.resize(16 * slots * words + LINE, refcheck=False)  # large blocks are mapped elsewhere, not copied
    moved = _within(whole, 2 * slots, words)
    if -whole.ctypes.data % LINE != begin:
        old = whole[begin : begin + 8 * slots * words].copy()
        whole[: begin + len(old)] = 0
        moved[:slots].view(np.uint8).reshape(-1)[:] = old
    kernels.widen(moved.ctypes.data, 8 * words, slots - 1)
    return moved
