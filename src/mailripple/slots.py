"""Open hash tables of kernels that grow: see `slots_kernel`."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mailripple.parse.build import Kernels


def widened(table: npt.NDArray[np.int64], kernels: Kernels) -> npt.NDArray[np.int64]:
    """The table (slots, words), with twice as many slots; the array given is gone, as is what pointed to its memory.

    `kernels` must have been built with `slots_kernel`.
    """
    slots, words = table.shape
    table.resize((2 * slots, words), refcheck=False)  # large blocks are mapped elsewhere, not copied
    kernels.widen(table.ctypes.data, 8 * words, slots - 1)
    return table
