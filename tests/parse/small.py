"""A small set of kernel functions: one of everything that `parse.native` understands."""

from __future__ import annotations

from mailripple.parse import layout as L
from mailripple.parse.native import (
    add8,
    clz,
    ctz,
    entry,
    eqmask,
    i64,
    inline,
    mulmix,
    part,
    popcount,
    position,
    prefetch,
    put8,
    put16,
    put32,
    put64,
    rangemask,
    samemask,
    shr,
    u8,
    u16,
    u32,
)

TABLE = (7, -3, 1 << 40, 0)
LIMIT = 1000
OTHER = 5


@entry
def add(a: int, b: int) -> int:
    return a + b


@entry
def sub(a: int, b: int) -> int:
    return a - b


@entry
def mul(a: int, b: int) -> int:
    return a * b


@entry
def floordiv(a: int, b: int) -> int:
    return a // b


@entry
def mod(a: int, b: int) -> int:
    return a % b


@entry
def both(a: int, b: int) -> int:
    return a & b


@entry
def either(a: int, b: int) -> int:
    return a | b


@entry
def xor(a: int, b: int) -> int:
    return a ^ b


@entry
def left(a: int, b: int) -> int:
    return a << (b & 63)


@entry
def right(a: int, b: int) -> int:
    return a >> (b & 63)


@entry
def negative(a: int, b: int) -> int:
    return -a


@entry
def inverse(a: int, b: int) -> int:
    return ~a


@entry
def plus(a: int, b: int) -> int:
    return +a


@entry
def less(a: int, b: int) -> int:
    return a < b


@entry
def less_equal(a: int, b: int) -> int:
    return a <= b


@entry
def more(a: int, b: int) -> int:
    return a > b


@entry
def more_equal(a: int, b: int) -> int:
    return a >= b


@entry
def same(a: int, b: int) -> int:
    return a == b


@entry
def different(a: int, b: int) -> int:
    return a != b


@entry
def between(a: int, b: int) -> int:
    return -LIMIT < a <= b < LIMIT


@entry
def smaller(a: int, b: int) -> int:
    return min(a, b)


@entry
def larger(a: int, b: int) -> int:
    return max(a, b)


@entry
def truth(a: int, b: int) -> int:
    return 1 if (a > 0 and b > 0) or not (a < b or b == 3) else 0


@entry
def chosen(a: int, b: int) -> int:
    return (a - b if a > b else b - a) & 0xFF


@entry
def in_turn(a: int, b: int) -> int:
    """An assignment in every shape that is understood."""
    a += b
    a -= 3
    a *= 5
    a ^= b
    a |= 1
    a &= LIMIT * L.ROW
    a <<= 2
    a >>= 1
    a //= 3
    a %= 17
    return a


@entry
def element(a: int, b: int) -> int:
    return TABLE[a & 3]


@entry
def nothing(a: int, b: int) -> int:
    """No return: 0."""
    a = b


@entry
def early(a: int, b: int) -> int:
    if a > b:
        if a > 100:
            return 1
        if b > 0:
            return 2
    elif a == b:
        return 3
    else:
        a = b
        if a < 0:
            return 4
    return 5


@part
def square(x: int) -> int:
    return x * x


@entry
def nested(a: int, b: int) -> int:
    """Loops in loops with every way to leave them; calls; a loop that may not run at all."""
    total = 0
    for i in range(a & 15):
        if i == 3:
            continue
        for j in range(i, 12, 2):
            if j > (b & 15):
                break
            k = j
            while k > 0:
                k -= 1
                if k & 1:
                    continue
                if k == 4:
                    break
                total += square(k) + i
            if total > 5000:
                return total
        else_ = i
        total ^= else_
    while True:
        total += 1
        if total % 7 == 0:
            break
    for i in range(b & 7, 2):
        total += i
    return total


@entry
def chain(a: int, b: int) -> int:
    """The right side of `and` and `or` is not looked at where the left decides: the load would crash."""
    if a != 0 and u8(a) == 7:
        return 1
    if b == 0 or u8(b) == 9:
        return 2
    return 3


@entry
def shifted(a: int, b: int) -> int:
    return shr(a, b & 63)


@entry
def zeros(a: int, b: int) -> int:
    return ctz(a)


@entry
def mixed(a: int, b: int) -> int:
    return mulmix(a, b)


@entry
def mask(a: int, b: int) -> int:
    return eqmask(a, b)


@entry
def between_bytes(a: int, low: int, high: int) -> int:
    return rangemask(a, low, high)


@entry
def leading(a: int, b: int) -> int:
    return clz(a)


@entry
def ones(a: int, b: int) -> int:
    return popcount(a)


@entry
def alike(a: int, b: int) -> int:
    return samemask(a, b)


@entry
def all_at_once(a: int, b: int) -> int:
    """Tests joined by `&` and `|`, in a branch."""
    if (a > 3) & ((b == 1) | (b == a)):
        return 1
    return 0


@entry
def sixteen(a: int, b: int, by: int) -> int:
    add8(a, b, by)


@entry
def load8(a: int, b: int) -> int:
    return u8(a + b)


@entry
def load16(a: int, b: int) -> int:
    return u16(a + b)


@entry
def load32(a: int, b: int) -> int:
    return u32(a + b)


@entry
def load64(a: int, b: int) -> int:
    return i64(a + b)


@entry
def store8(a: int, b: int) -> int:
    put8(a, b)


@entry
def store16(a: int, b: int) -> int:
    put16(a, b)


@entry
def store32(a: int, b: int) -> int:
    put32(a, b)


@entry
def store64(a: int, b: int) -> int:
    put64(a, b)


@entry
def fetch(a: int, b: int) -> int:
    prefetch(a)
    return b


@entry
def deep(a: int, b: int) -> int:
    """A million turns with a choice in each: variables of inner blocks must not eat the stack."""
    total = 0
    for i in range(1_000_000):
        for j in range(2):
            total += (1 if (i & 1 and j) or a else b) + (i > j)
    return total


@entry
def from_place(a: int, b: int) -> int:
    """`a` is no negative number: the test of its sign is decided, and its value stays."""
    at = position(a)
    return b if at < 0 else at


@inline
def cube(a: int) -> int:
    return a * a * a


@entry
def cubes(a: int, b: int) -> int:
    return cube(a) + cube(b)
