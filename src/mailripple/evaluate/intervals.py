"""Exact 95 % intervals: Garwood (1936) for a Poisson count, Clopper and Pearson (1934) for a share.

A bootstrap of no events would give an interval of no width; these do not.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

ALPHA = 0.05


def _where(f: Callable[[float], float], low: float, high: float) -> float:
    """Where the falling function is 0."""
    for _ in range(200):
        middle = (low + high) / 2
        if f(middle) > 0:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _poisson_below(k: int, mean: float) -> float:
    """P(X <= k) of a Poisson variable."""
    if k < 0:
        return 0.0
    logs = [i * math.log(mean) - math.lgamma(i + 1) - mean for i in range(k + 1)] if mean > 0 else [0.0]
    top = max(logs)
    return math.exp(top) * sum(math.exp(x - top) for x in logs)


def _binomial_below(k: int, n: int, p: float) -> float:
    """P(X <= k) of a binomial variable."""
    if k < 0:
        return 0.0
    if k >= n or p <= 0:
        return 1.0
    if p >= 1:
        return 0.0
    logs = [
        math.lgamma(n + 1) - math.lgamma(i + 1) - math.lgamma(n - i + 1) + i * math.log(p) + (n - i) * math.log1p(-p)
        for i in range(k + 1)
    ]
    top = max(logs)
    return math.exp(top) * sum(math.exp(x - top) for x in logs)


def poisson(count: int, exposure: float) -> tuple[float, float, float]:
    """(rate, low, high) of `count` events in `exposure` units."""
    most = count + 10 * math.sqrt(count + 4) + 20
    low = _where(lambda m: ALPHA / 2 - (1 - _poisson_below(count - 1, m)), 0.0, most) if count else 0.0
    high = _where(lambda m: _poisson_below(count, m) - ALPHA / 2, 0.0, most)
    return count / exposure, low / exposure, high / exposure


def share(hits: int, n: int) -> tuple[float, float, float]:
    """(share, low, high) of `hits` among n; nan of none."""
    if n == 0:
        return math.nan, 0.0, 1.0
    low = _where(lambda p: ALPHA / 2 - (1 - _binomial_below(hits - 1, n, p)), 0.0, 1.0) if hits else 0.0
    high = _where(lambda p: _binomial_below(hits, n, p) - ALPHA / 2, 0.0, 1.0) if hits < n else 1.0
    return hits / n, low, high


def clustering(counts: Sequence[int]) -> float:
    """Variance over mean of the counts of equal units: about 1 if events come apart from each other; nan of none."""
    n = len(counts)
    mean = sum(counts) / n if n else 0.0
    if n < 2 or mean == 0:
        return math.nan
    return sum((c - mean) ** 2 for c in counts) / (n - 1) / mean
