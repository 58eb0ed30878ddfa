"""Kernel: natural logarithms and sums of evidence in fixed point, units of 2**-24.

Evidence is kept as a logarithm.  Integers give the same bits on every machine, whatever its mathematical library
rounds (law 5), and the functions run as plain Python too.  Both tables are interpolated linearly: `log_of` errs by
less than 3e-7, `add_logs` by less than 8e-6 (an alarm needs 11.5).
"""

from __future__ import annotations

import math

from mailripple.parse.native import clz, part

#: One, and log 2, as fixed point.
BITS = 24
ONE = 1 << BITS
LN2 = round(math.log(2) * ONE)
#: log(1 + i/1024), and log(1 + exp(-i/64)) up to 16, where it is less than a unit of an alarm's last digit.
LOGS = tuple(round(math.log(1 + i / 1024) * ONE) for i in range(1026))
SOFT = tuple(round(math.log1p(math.exp(-i / 64)) * ONE) for i in range(1026))


def fixed(value: float) -> int:
    """A number as fixed point."""
    return round(value * ONE)


@part
def log_of(x: int) -> int:
    """Natural logarithm of an integer in 1..2**62, fixed point."""
    n = 63 - clz(x)
    rest = (x << (62 - n)) - (1 << 62)
    i = rest >> 52
    low = (rest >> 22) & ((1 << 30) - 1)
    return n * LN2 + LOGS[i] + (((LOGS[i + 1] - LOGS[i]) * low) >> 30)


@part
def add_logs(a: int, b: int) -> int:
    """log(exp(a) + exp(b)), all fixed point."""
    d = a - b if a > b else b - a
    top = max(a, b)
    if d >= 16 * ONE:
        return top
    i = d >> 18
    low = d & ((1 << 18) - 1)
    return top + SOFT[i] + (((SOFT[i + 1] - SOFT[i]) * low) >> 18)
