"""Tables as named tuples of columns of equal length: choose rows, put tables together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Table = TypeVar("Table", bound=tuple[Any, ...])


def chosen(table: Table, rows: npt.NDArray[Any]) -> Table:
    """The `rows` (places, or a mask) of a table."""
    make: Any = type(table)
    result: Table = make(*(column[rows] for column in table))
    return result


def joined(tables: Sequence[Table]) -> Table:
    """One table behind the other; at least one is given."""
    make: Any = type(tables[0])
    result: Table = make(*(np.concatenate(columns) for columns in zip(*tables, strict=True)))
    return result


def in_order(tables: Sequence[Table]) -> Table:
    """One table behind the other, then sorted by the first column, time; equal times keep their order."""
    table = joined(tables)
    return chosen(table, np.argsort(table[0], kind="stable"))
