"""Choose the DNS questions that may tell a mailer: for exchangers, for guessed ones, and for an address after one.

Of the questions for addresses, which are most of a log, only those matter that follow the same client's question for
an exchanger within two seconds.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mailripple.models import askers_kernel as kernel
from mailripple.models.sums import kernels
from mailripple.parse import layout as L
from mailripple.parse.choose import Rooms, numbers_of, taken
from mailripple.slots import table_of, widened

IntArray = npt.NDArray[np.int64]
_ROOMS = Rooms()
_COLUMNS = numbers_of(L.COLUMNS[: L.QUESTION_COLUMNS])


class Askers:
    """Who asked for an exchanger of late; a state that goes from piece to piece of a log."""

    def __init__(self, *, slots: int = 1 << 10) -> None:
        self._kernels = kernels()
        self._state = np.zeros(kernel.STATE_WORDS, np.int64)
        self._own(table_of(max(slots, 4 * kernel.BATCH), kernel.CLIENT // 8))

    def _own(self, table: IntArray) -> None:
        self._table = table
        self._state[kernel.CLIENTS >> 3] = table.ctypes.data
        self._state[kernel.CLIENTS_MASK >> 3] = len(table) - 1

    def questions(self, columns: IntArray) -> IntArray:
        """Those of the events (14, n), in the order of the log, that are wanted: (L.QUESTION_COLUMNS, m).

        Questions for MX; for the address of a guessed mail server; and for any address at most two seconds after the
        last question for MX of the same client.  Only those with a time and a client.  They hold until the same thread
        asks again.
        """
        n, at = columns.shape[1], 0
        assert n <= 1 or columns.strides[1] == 8
        places = _ROOMS.places.array(1, n + 1, n + 1)[0]  # how many there are, and then their places
        places[0] = 0
        while at < n:
            at = self._kernels.choose_questions(
                self._state.ctypes.data, columns.ctypes.data, columns.strides[0], at, n, places.ctypes.data
            )
            if at < n:
                self._make_room()
        return taken(columns, places[1 : 1 + places[0]], _ROOMS.rows, _COLUMNS)

    def _make_room(self) -> None:
        self._kernels.forget_clients(self._state.ctypes.data)
        if 4 * (int(self._state[kernel.CLIENTS_N >> 3]) + kernel.BATCH) > len(self._table):
            self._own(widened(self._table, self._kernels))
