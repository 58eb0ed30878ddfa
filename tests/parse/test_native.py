"""Proves that compiled kernel functions mean what the same lines mean in Python, and say so where they cannot."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailripple.parse.build import Kernels
from mailripple.parse.native import KernelError, clz, entry, functions_of, part, translate, u8
from tests.parse import small

MIN, MAX = -(1 << 63), (1 << 63) - 1
EDGES = [0, 1, -1, 2, -2, 7, 63, 64, 255, 256, 1 << 31, 1 << 32, -(1 << 31), MIN, MIN + 1, MAX, MAX - 1]
NUMBERS = st.one_of(st.sampled_from(EDGES), st.integers(MIN, MAX), st.integers(-50, 50))

PLAIN = [
    "add", "sub", "mul", "both", "either", "xor", "left", "right", "negative", "inverse", "plus", "less", "less_equal",
    "more", "more_equal", "same", "different", "between", "smaller", "larger", "truth", "chosen", "element", "early", "nested",
]  # fmt: skip


@pytest.fixture(scope="module")
def kernels() -> Kernels:
    """The small kernels, compiled."""
    return Kernels([small])


def wrapped(value: int) -> int:
    """The value modulo 2**64 as a signed number."""
    return (int(value) - MIN) % (1 << 64) + MIN


@pytest.mark.parametrize("name", PLAIN)
@given(a=NUMBERS, b=NUMBERS)
def test_arithmetic_conditions_and_loops_mean_what_python_means(kernels: Kernels, name: str, a: int, b: int) -> None:
    """Each function gives what the interpreter gives for it, wrapped at 64 bits."""
    assert getattr(kernels, name)(a, b) == wrapped(getattr(small, name)(a, b))


@given(a=NUMBERS, b=NUMBERS.filter(lambda b: b != 0))
def test_division_floors(kernels: Kernels, a: int, b: int) -> None:
    """`//` and `%` floor as Python's do, for every sign (the one quotient that does not fit is left out)."""
    if (a, b) != (MIN, -1):
        assert kernels.floordiv(a, b) == a // b
        assert kernels.mod(a, b) == a % b


@given(a=st.integers(-(10**6), 10**6), b=st.integers(-(10**6), 10**6))
def test_assignments_in_place(kernels: Kernels, a: int, b: int) -> None:
    """Every augmented assignment does its operation."""
    assert kernels.in_turn(a, b) == small.in_turn(a, b)


@given(a=NUMBERS, b=NUMBERS)
def test_bits(kernels: Kernels, a: int, b: int) -> None:
    """shr shifts zeros in, ctz and clz count zeros at the ends, popcount ones; mulmix folds the 128-bit product."""
    mask = (1 << 64) - 1
    assert kernels.ones(a, 0) == (a & mask).bit_count()
    assert kernels.shifted(a, b) & mask == (a & mask) >> (b & 63)
    assert kernels.zeros(0, 0) == 64
    if a:
        assert kernels.zeros(a, 0) == ((a & mask) & -(a & mask)).bit_length() - 1
        assert kernels.leading(a, 0) == clz(a) == 64 - (a & mask).bit_length()
    product = (a & mask) * (b & mask)
    assert kernels.mixed(a, b) == wrapped((product & mask) ^ (product >> 64))


@given(data=st.binary(min_size=48, max_size=48), at=st.integers(0, 16), byte=st.integers(0, 255))
def test_loads_at_any_place(kernels: Kernels, data: bytes, at: int, byte: int) -> None:
    """Loads take little-endian words from unaligned places, without sign but for 64 bits; eqmask marks equal bytes."""
    buffer = np.frombuffer(data, np.uint8)
    address = buffer.ctypes.data
    for width, load in ((1, kernels.load8), (2, kernels.load16), (4, kernels.load32)):
        assert load(address, at) == int.from_bytes(data[at : at + width], "little")
    assert kernels.load64(address, at) == int.from_bytes(data[at : at + 8], "little", signed=True)
    assert kernels.mask(address + at, byte) == sum(1 << i for i in range(32) if data[at + i] == byte)


@given(text=st.binary(min_size=40, max_size=40), changes=st.lists(st.integers(0, 39)), at=st.integers(0, 8))
def test_equal_bytes(kernels: Kernels, text: bytes, changes: list[int], at: int) -> None:
    """samemask marks the bytes that are the same at two places."""
    other = bytes(b ^ (i in changes) for i, b in enumerate(text))
    left, right = np.frombuffer(text, np.uint8), np.frombuffer(other, np.uint8)
    found = kernels.alike(left.ctypes.data + at, right.ctypes.data + at)
    assert found == sum(1 << i for i in range(32) if at + i not in changes)


@given(a=st.integers(0, 6), b=st.integers(0, 6))
def test_tests_joined_by_bits(kernels: Kernels, a: int, b: int) -> None:
    """`&` and `|` of tests mean what they mean in Python."""
    assert kernels.all_at_once(a, b) == small.all_at_once(a, b)


@given(data=st.binary(min_size=32, max_size=32), low=st.integers(0, 255), high=st.integers(0, 255))
def test_ranges_of_bytes(kernels: Kernels, data: bytes, low: int, high: int) -> None:
    """rangemask marks the bytes from low to high, both included; at least low is one of them."""
    low, high = sorted((low, high))
    place = np.frombuffer(data, np.uint8).ctypes.data
    assert kernels.between_bytes(place, low, high) == sum(1 << i for i in range(32) if low <= data[i] <= high)


@given(data=st.binary(min_size=80, max_size=80), by=st.sampled_from((0, 8)))
def test_sixteen_counters_at_once(kernels: Kernels, data: bytes, by: int) -> None:
    """add8 adds 8-bit counters to 32-bit ones, each to its own, shifted, and none to its neighbour."""
    totals, counters = np.frombuffer(data[:64], np.uint32).copy(), np.frombuffer(data[64:], np.uint8).copy()
    expected = (totals.astype(np.uint64) + (counters.astype(np.uint64) << by)) & 0xFFFFFFFF
    kernels.sixteen(totals.ctypes.data, counters.ctypes.data, by)
    assert totals.tolist() == expected.tolist()


@given(value=NUMBERS, at=st.integers(0, 16))
def test_stores_touch_only_their_bytes(kernels: Kernels, value: int, at: int) -> None:
    """A store writes the low bytes of its value and nothing beside them."""
    for width, store in ((1, kernels.store8), (2, kernels.store16), (4, kernels.store32), (8, kernels.store64)):
        buffer = np.full(32, 0xAA, np.uint8)
        store(buffer.ctypes.data + at, value)
        expected = bytearray(b"\xaa" * 32)
        expected[at : at + width] = (value & ((1 << 8 * width) - 1)).to_bytes(width, "little")
        assert buffer.tobytes() == bytes(expected)


def test_and_or_stop_early(kernels: Kernels) -> None:
    """`and` and `or` do not look at what they need not: address 0 is never read."""
    seven, nine = np.array([7], np.uint8), np.array([9], np.uint8)
    assert kernels.chain(0, 0) == 2
    assert kernels.chain(seven.ctypes.data, 0) == 1
    assert kernels.chain(nine.ctypes.data, nine.ctypes.data) == 2
    assert kernels.chain(0, seven.ctypes.data) == 3


def test_prefetch_and_missing_return_are_harmless(kernels: Kernels) -> None:
    """Any address may be prefetched; a function without `return` gives 0."""
    assert kernels.fetch(0, 5) == 5
    assert kernels.fetch(-1, 6) == 6
    assert kernels.nothing(3, 4) == 0


@given(a=st.integers(0, MAX), b=NUMBERS)
def test_what_is_known_and_what_is_put_in_place_changes_no_value(kernels: Kernels, a: int, b: int) -> None:
    """A place is the number it was, and a block that is put where it is used gives what a call would give."""
    assert kernels.from_place(a, b) == a
    assert kernels.cubes(a, b) == wrapped(a**3 + b**3)


def test_inner_variables_do_not_grow_the_stack(kernels: Kernels) -> None:
    """Two million choices in a loop need no more stack than one."""
    assert kernels.deep(1, 0) > 2_000_000


def test_only_entries_are_attributes(kernels: Kernels) -> None:
    """Building blocks are compiled in, but cannot be called; what is not there is an AttributeError."""
    assert small.square in functions_of([small])
    for name in ("square", "missing"):
        with pytest.raises(AttributeError, match=name):
            getattr(kernels, name)


def test_operations_exist_only_in_compiled_code() -> None:
    """The interpreter refuses a load by address."""
    with pytest.raises(KernelError, match="u8 exists only in compiled kernels"):
        u8(0)


# What is not understood.  Each function below is wrong in one place, marked by a comment.


@part
def _power(a: int) -> int:
    return a**2  # here


@part
def _fraction(a: int) -> int:
    return a + 1.5  # type: ignore[return-value]  # here


@part
def _huge(a: int) -> int:
    return a + 0x1FFFFFFFFFFFFFFFF  # here


@part
def _unknown(a: int) -> int:
    a += 1
    return nowhere + a  # type: ignore[name-defined]  # noqa: F821  # here


@part
def _foreign(a: int) -> int:
    return abs(a)  # here


@part
def _keyword(a: int) -> int:
    return small.square(x=a)  # here


@part
def _too_few(a: int) -> int:
    return u8()  # here


@part
def _pair(a: int) -> int:
    b, c = a, a  # here
    return b + c


@part
def _loop_else(a: int) -> int:
    while a > 0:  # here
        a -= 1
    else:  # noqa: PLW0120
        a = 9
    return a


@part
def _over_list(a: int) -> int:
    for i in (1, 2):  # here
        a += i
    return a


@part
def _backwards(a: int) -> int:
    for i in range(a, 0, -1):  # here
        a += i
    return a


@part
def _inside(a: int) -> int:
    return a in (1, 2)  # here


@part
def _resource(a: int) -> int:
    with open("x"):  # type: ignore[call-overload]  # noqa: PTH123  # here
        return a


@part
def _table(a: int) -> int:
    return [1, 2][a]  # here


@part
def _default(a: int, b: int = 3) -> int:  # here
    return a + b


@pytest.mark.parametrize(
    "function",
    [
        _power, _fraction, _huge, _unknown, _foreign, _keyword, _too_few, _pair, _loop_else, _over_list, _backwards,
        _inside, _resource, _table, _default,
    ],
)  # fmt: skip
def test_an_error_names_module_and_line(function: Callable[..., Any]) -> None:
    """What cannot be compiled is a KernelError with the place of the offending line, never other code."""
    lines, first = inspect.getsourcelines(function)
    (wanted,) = [first + i for i, line in enumerate(lines) if line.rstrip().endswith("# here")]
    with pytest.raises(KernelError) as caught:
        translate([function])
    found = str(caught.value)
    assert found.startswith(f"{__name__}:")
    assert int(found.removeprefix(f"{__name__}:").split(":")[0]) == wanted
    assert function.__name__ in found


@entry
def _first_table(a: int) -> int:
    return TABLE[a]


TABLE = (1, 2, 3)


def test_tables_of_the_same_name_are_kept_apart() -> None:
    """Two modules may each have a TABLE."""
    text = translate([_first_table, small.element])
    assert text.count("[i64 1, i64 2, i64 3]") == 1
    assert text.count("[i64 7, i64 -3") == 1
