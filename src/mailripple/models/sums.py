"""The tables of an online fold over subjects, and the kernels that work on them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mailripple import messages_tables, slots_kernel
from mailripple.models import askers_kernel, logs, lookups_kernel, senders_kernel, sums_kernel
from mailripple.models import sums_kernel as kernel
from mailripple.parse import text
from mailripple.parse.build import Kernels, once
from mailripple.slots import table_of, widened

_SIZES = {kernel.SUBJECTS: kernel.SUBJECT // 8, kernel.PAIRS: kernel.PAIR // 8, kernel.HOURS: kernel.PAIR // 8}


@once
def kernels() -> Kernels:
    """The kernels of the scores, compiled or loaded once a process."""
    return Kernels(
        [text, slots_kernel, logs, messages_tables, sums_kernel, senders_kernel, lookups_kernel, askers_kernel]
    )


class Sums:
    """A state block of `words` words, and the tables that it points to, which grow as they are needed."""

    def __init__(self, words: int, slots: int) -> None:
        self.state = np.zeros(words, np.int64)
        self._tables: dict[int, npt.NDArray[np.int64]] = {}
        for table, size in _SIZES.items():
            self._own(table, table_of(slots, size))

    def _own(self, table: int, array: npt.NDArray[np.int64]) -> None:
        self._tables[table] = array
        self.state[table >> 3] = array.ctypes.data
        self.state[(table >> 3) + 1] = len(array) - 1

    def run(
        self, fold: Callable[..., int], columns: npt.NDArray[np.int64], stopped: Callable[[int], None] | None = None
    ) -> None:
        """Fold all rows in; where the kernel stops, `stopped` is told the row, and tables that are too full grow."""
        n, at = columns.shape[1], 0
        while at < n:
            at = fold(self.state.ctypes.data, columns.ctypes.data, *columns.strides, at, n)
            if at < n:
                if stopped is not None:
                    stopped(at)
                self._grow()

    def _grow(self) -> None:
        """Forget what is no longer needed of a table that is too full, and enlarge it until there is room again."""
        state = self.state.ctypes.data
        for table in _SIZES:
            if not kernels().is_full(state, table, 8):
                continue
            if table != kernel.SUBJECTS:
                kernels().forget_pairs(state, table)
            needed = int(self.state[(table >> 3) + 2])
            parts = 3 if table == kernel.SUBJECTS else 4
            while 2 * len(self._tables[table]) < parts * needed + 64:  # room for the next rows in small tables too
                self._own(table, widened(self._tables.pop(table), kernels()))

    def subjects(self) -> Subjects:
        """All subjects; they hold until the next rows are folded in."""
        table = self._tables[kernel.SUBJECTS]
        return Subjects(table, np.flatnonzero(table[:, 0]))


@dataclass(frozen=True, slots=True)
class Subjects:
    """Those at some `places` of a table of subjects (slots, words).

    Their words are read one by one: a copy of whole subjects would be much new memory, for a few words of each.
    """

    table: npt.NDArray[np.int64]
    places: npt.NDArray[np.int64]

    def word(self, where: int) -> npt.NDArray[np.int64]:
        """A word (byte offset) of each."""
        found: npt.NDArray[np.int64] = self.table[self.places, where >> 3]
        return found

    def at(self, which: npt.NDArray[Any]) -> Subjects:
        """Some of them, by number or by a mask."""
        return Subjects(self.table, self.places[which])


#: A field of a score: the word (byte offset) that it is read from, and how a column of them is read.
Field = tuple[int, Callable[[npt.NDArray[np.int64]], list[Any]]]


def whole(column: npt.NDArray[np.int64]) -> list[Any]:
    """Numbers and times as they are."""
    return list(column.tolist())


def nats(column: npt.NDArray[np.int64]) -> list[Any]:
    """Logarithms in fixed point."""
    return list((column / logs.ONE).tolist())


def moment(column: npt.NDArray[np.int64]) -> list[Any]:
    """Times, None where it never came to that."""
    return [value or None for value in column.tolist()]


def told(subjects: Subjects, fields: Sequence[Field]) -> Iterator[tuple[Any, ...]]:
    """The fields of each subject, in the order of kinds and keys, and the orders of its heaviest records (`lines_of`).

    Column by column: a million words at once are cheap, one by one they are not.
    """
    subjects = subjects.at(np.lexsort((subjects.word(kernel.X_KEY), subjects.word(kernel.X_KIND))))
    return zip(*(read(subjects.word(word)) for word, read in fields), lines_of(subjects), strict=True)


def lines_of(subjects: Subjects) -> list[tuple[int, ...]]:
    """For each subject, orders of the records that weigh most for it, heaviest first."""
    first = kernel.X_TOP >> 3
    tops = subjects.table[subjects.places, first : first + 2 * kernel.TOP].reshape(-1, kernel.TOP, 2)
    weights, orders = tops[:, :, 0], tops[:, :, 1]
    ranked = np.lexsort((orders, -weights), axis=-1)
    counts = (weights > 0).sum(axis=1).tolist()
    found = np.take_along_axis(orders, ranked, axis=1).tolist()
    return [tuple(mine[:n]) for mine, n in zip(found, counts, strict=True)]
