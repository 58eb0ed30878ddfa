"""Blocks of memory: zero at first, kept where they grow, whatever the system can do."""

from __future__ import annotations

import gc
import mmap

import numpy as np
import pytest

from mailripple.memory import LARGE, Block, Room, block_of, zeros


@pytest.mark.parametrize("size", [1, 4096, 5000, LARGE, LARGE + 1])
def test_what_was_written_is_kept_when_a_block_grows_and_the_rest_is_zero(size: int) -> None:
    """A block of any size, of one page or several large ones, holds after growing what it held, and zeros behind it."""
    block = Block(size)
    array = np.asarray(block)
    assert len(array) == size
    assert not array.any()
    array[:] = 7
    block.grow(3 * size)
    grown = np.asarray(block)
    assert len(grown) == 3 * size
    assert (grown[:size] == 7).all()
    assert not grown[size:].any()


def test_the_last_byte_of_a_kind_is_found_within_its_bounds() -> None:
    """Of the newlines of a block the last before the end is told, none that lies at the end or before the beginning."""
    block = Block(5000)
    np.asarray(block)[[0, 70, 4999]] = 10
    assert block.last(b"\n", 0, 5000) == 4999
    assert block.last(b"\n", 0, 4999) == 70
    assert block.last(b"\n", 70, 71) == 70
    assert block.last(b"\n", 71, 4999) == -1
    assert block.last(b"\n", 0, 0) == -1


def test_an_array_keeps_its_block_alive() -> None:
    """Whoever holds a view of a view of an array of `zeros` holds the memory, though nobody holds the block."""
    view = zeros((1 << 10, 8), np.int64)[1:].T
    gc.collect()
    view[:] = 3
    assert int(view.sum()) == 3 * view.size
    assert len(block_of(view)) == 1 << 16


def test_an_array_begins_with_a_page() -> None:
    """Slots of a cache line's size lie within one."""
    assert all(zeros(n, np.uint32).ctypes.data % mmap.PAGESIZE == 0 for n in (1, 100, 1 << 20))


class Rigid(mmap.mmap):
    """Memory of a system that can neither move it nor has large pages."""

    def resize(self, newsize: int) -> None:
        raise SystemError("mmap: resizing not available--no mremap()")

    def madvise(self, option: int, start: int = 0, length: int = 0) -> None:
        raise OSError(22, "Invalid argument")


def test_a_system_without_large_pages_or_moving_is_served_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """There the block is copied, and pages are small."""
    monkeypatch.setattr(mmap, "mmap", Rigid)
    block = Block(LARGE)
    np.asarray(block)[:] = 5
    block.grow(2 * LARGE)
    grown = np.asarray(block)
    assert (grown[:LARGE] == 5).all()
    assert not grown[LARGE:].any()


def test_room_is_made_once_for_many_rows_and_small_for_few() -> None:
    """A piece that is used whole has room for the largest one; one of which little is taken has little room."""
    many, few = Room(), Room()
    where = many.array(3, 900, 1000).ctypes.data
    assert many.array(3, 1000, 1000).ctypes.data == where
    few.array(3, 10, 1000)
    assert len(few._words) < 100
    assert few.array(3, 11, 1000).shape == (3, 11)
