"""Proves that a kernel function translated for one place means what it means elsewhere."""

from __future__ import annotations

import ctypes
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from llvmlite import ir

from mailripple.parse import build, elements, emit, machine
from mailripple.parse import layout as L
from mailripple.parse.native import KernelError, entry, i64, part, put64
from mailripple.parse.special import Host, Place, signed, uses_state
from mailripple.parse.straight import Known

ROWS = [[3, -7, 1 << 40, 5, 0, 2], [9, 1, 2, 3, 4, -1]]
NUMBERS = st.integers(-(1 << 63), (1 << 63) - 1)


@part
def from_row(ctx: int, row: int, p: int) -> int:
    """Arithmetic and decisions that are known, mixed with some that are not."""
    kind = i64(row)
    total = p
    if kind == 3 and i64(row + 40) >= 0:
        total += i64(row + 8) * 2 - (~i64(row + 16) >> 3)
    elif kind == 9 or p > 0:
        total ^= 1 << i64(row + 24)
    for k in range(i64(row + 24)):
        total += k if total & 1 else -k
        if k == 3:
            continue
        if k > 4:
            break
    return total if not (kind == 3 and p == 0) else min(p, kind) - max(p, kind)


@part
def kept(ctx: int, slot: int, p: int) -> int:
    """State of the line: a slot and what is had."""
    at = i64(ctx + L.SLOTS) + 16 * slot
    put64(at, p)
    put64(at + 8, p + 1)
    put64(ctx + L.HAVE, i64(ctx + L.HAVE) | (1 << slot))
    return i64(at) + i64(at + 8) + i64(ctx + L.HAVE)


@part
def any_slot(ctx: int, slot: int, p: int) -> int:
    """A slot that is not known."""
    return i64(i64(ctx + L.SLOTS) + 16 * (slot + p))


@part
def outside(at: int, p: int) -> int:
    """An address that leaves the function."""
    return at + p


@entry
def plain_row(rows: int, number: int, p: int) -> int:
    return from_row(0, rows + 48 * number, p)


def inlined(function: Callable[..., int], *known: Place | int) -> Callable[[int, int], int]:
    """The function with these arguments known, as a function of ctx and p."""
    module = ir.Module("test")
    word = ir.IntType(64)
    made = ir.Function(module, ir.FunctionType(word, [word] * 2), "made")
    host = Host(module, Known(module), made, ROWS)
    host.b.ret(host.call(function, *known, made.args[1]))
    machine_ = build.target_machine()
    engine = build.load_object(build.compile_text(str(module), machine_), machine_)
    return ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)(engine.get_function_address("made"))


@pytest.fixture(scope="module")
def pairs() -> list[tuple[Callable[[int], int], Callable[[int], int]]]:
    """(translated for a row, translated once for all rows), for each row."""
    code = build.compile_modules([__import__(__name__, fromlist=["x"])], build.target_machine())
    engine = build.load_object(code, build.target_machine())
    plain = ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_int64] * 3)(engine.get_function_address("plain_row"))
    table = np.array(ROWS, np.int64)
    found = []
    for n in range(len(ROWS)):
        one = inlined(from_row, Place("ctx", 0), Place("ops", 48 * n))
        found.append((lambda p, one=one: one(0, p), lambda p, n=n, table=table: plain(table.ctypes.data, n, p)))
    return found


@given(p=st.one_of(NUMBERS, st.integers(-3, 9)))
def test_known_rows_change_no_result(pairs: list[tuple[Callable[[int], int], Callable[[int], int]]], p: int) -> None:
    """With the numbers of its row as constants, a function gives what it gives when it reads them from memory."""
    for special, plain in pairs:
        assert special(p) == plain(p)


def test_the_lines_state_lives_in_no_memory() -> None:
    """What a function keeps in slots and in the words of the line's state touches no memory at all."""
    assert inlined(kept, Place("ctx", 0), 3)(0, 1000) == 1000 + 1001 + 8


def test_what_cannot_live_in_a_register_is_refused() -> None:
    """A slot whose number is not known, and the address of a word that is in a register, are errors."""
    for function, known in ((any_slot, (Place("ctx", 0), 3)), (outside, (Place("ctx", L.HAVE),))):
        with pytest.raises(KernelError):
            inlined(function, *known)


def test_who_uses_the_lines_state() -> None:
    """Functions that touch it, themselves or through others, are told from those that do not."""
    assert all(map(uses_state, (emit.set_slot, elements.read_addr, machine.dispatch, kept)))
    assert not any(map(uses_state, (emit.remember, emit.name_key, elements.skip_program, from_row)))


@given(a=NUMBERS, b=NUMBERS)
def test_numbers_wrap(a: int, b: int) -> None:
    """What is worked out while translating wraps at 64 bits."""
    assert signed(a) == a
    assert signed(a * b) == int(np.array([a * b & 0xFFFFFFFFFFFFFFFF], np.uint64).view(np.int64)[0])
