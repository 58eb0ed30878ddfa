"""Memory for large tables: zero at first, in large pages where the system has them, and grown without a copy.

A table that is looked up at random costs two misses with pages of 4 KiB, one for the page's place and one for what
lies there; and the first touch of a page costs as much as reading ten lines of a log.  Pages of 2 MiB spare most of
both.  What cannot be had (another system, large pages switched off) is done without.
"""

from __future__ import annotations

import contextlib
import ctypes
import mmap
from typing import Any

import numpy as np
import numpy.typing as npt

#: Large pages on Linux and x86-64 and most others; smaller blocks are left alone.
LARGE = 2 << 20


def _mapped(size: int) -> mmap.mmap:
    return mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)


class Block:
    """`size` bytes of zeros that begin with a page; `grow` makes it larger, and what pointed to it is gone then."""

    def __init__(self, size: int) -> None:
        self._map = _mapped(size)
        self._advise()

    def __len__(self) -> int:
        return len(self._map)

    @property
    def __array_interface__(self) -> dict[str, Any]:
        """The bytes as numpy sees them: an array keeps the block alive, but does not hinder it from growing."""
        return {"shape": (len(self._map),), "typestr": "|u1", "data": (self.address, False), "version": 3}

    @property
    def address(self) -> int:
        """Where the bytes lie, until they grow."""
        return ctypes.addressof(ctypes.c_char.from_buffer(self._map))

    def _advise(self) -> None:
        if len(self._map) >= LARGE and hasattr(mmap, "MADV_HUGEPAGE"):
            with contextlib.suppress(OSError):  # a kernel without large pages
                self._map.madvise(mmap.MADV_HUGEPAGE)

    def last(self, byte: bytes, begin: int, end: int) -> int:
        """Index of the last such byte in [begin, end), -1 if there is none; nothing is copied to look for it."""
        return self._map.rfind(byte, begin, end)

    def grow(self, size: int) -> None:
        """More bytes; the new ones are zeros."""
        old = self._map
        try:
            old.resize(size)
        except SystemError:  # a system that cannot move memory
            self._map = _mapped(size)
            self._map[: len(old)] = old[:]
        self._advise()


def zeros(shape: int | tuple[int, ...], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """`numpy.zeros` in a block of its own, which begins with a page."""
    kind = np.dtype(dtype)
    size = kind.itemsize * int(np.prod(shape))
    return np.asarray(Block(size)).view(kind).reshape(shape)


def block_of(array: npt.NDArray[Any]) -> Block:
    """The block in which an array of `zeros` lies."""
    base: object = array
    while isinstance(base, np.ndarray):
        base = base.base
    assert isinstance(base, Block)
    return base


class Room:
    """Memory for what is taken of one piece after the other: new arrays would be new pages each time, which cost more
    than what is written there."""

    def __init__(self) -> None:
        self._words = np.zeros(0, np.int64)

    def array(self, rows: int, n: int, most: int) -> npt.NDArray[np.int64]:
        """(rows, n) with anything in it; the one given before is gone.  `most`: how large n may be in such a piece.

        Where much of that is used, there is room for all of it at once; where little, for a little more than n: large
        pages would be mostly empty.
        """
        if rows * n > len(self._words):
            self._words = zeros(rows * (most if 8 * n > most else n + n // 4), np.int64)
        return self._words[: rows * n].reshape(rows, n)
