"""Rank statistics of trends: Mann and Kendall's test, Theil and Sen's slope, the bend at which a growth begins."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

#: Points that a slope is taken from, at most (their pairs are formed); a longer series is thinned out.
MAX_POINTS = 1500


@dataclass(frozen=True, slots=True)
class Slope:
    """A slope a unit of x with its 95 % interval."""

    value: float
    low: float
    high: float


def normal_tail(z: float) -> float:
    """P(Z >= z)."""
    return 0.5 * math.erfc(z / math.sqrt(2))


def rising(values: FloatArray) -> float:
    """One-sided p-value of Mann and Kendall's test that the values go up; 1 for fewer than 5.

    Ties and positive correlation of neighbours (Hamed and Rao 1998, one lag, after a linear trend is taken off) widen
    the null distribution.
    """
    n = len(values)
    if n < 5 or float(np.ptp(values)) == 0.0:
        return 1.0
    above = np.sign(values[None, :] - values[:, None])
    score = float(np.sum(np.triu(above, 1)))
    ties = np.unique(values, return_counts=True)[1].astype(np.float64)
    variance = (n * (n - 1) * (2 * n + 5) - float(np.sum(ties * (ties - 1) * (2 * ties + 5)))) / 18
    variance *= _inflation(values)
    return normal_tail((score - 1) / math.sqrt(variance)) if score > 0 and variance > 0 else 1.0


def _inflation(values: FloatArray) -> float:
    """(1 + r) / (1 - r) for the correlation r of neighbours' ranks about their bend, corrected for its bias."""
    n = len(values)
    ranks = np.argsort(np.argsort(values, kind="stable"), kind="stable").astype(np.float64)
    rest = ranks - bend(np.arange(n, dtype=np.float64), ranks).fitted
    total = float(np.sum(rest**2))
    if total <= 1e-9:
        return 1.0
    r = float(np.sum(rest[1:] * rest[:-1])) / total
    r = float(np.clip(r + (1 + 3 * max(r, 0.0)) / n, 0.0, 0.9))
    return (1 + r) / (1 - r)


def theil_sen(x: FloatArray, y: FloatArray) -> Slope | None:
    """Median slope of all pairs, with Sen's (1968) interval; None with fewer than 3 points or no spread of x."""
    if len(x) > MAX_POINTS:
        chosen = np.linspace(0, len(x) - 1, MAX_POINTS).astype(np.int64)
        x, y = x[chosen], y[chosen]
    n = len(x)
    if n < 3:
        return None
    i, j = np.triu_indices(n, 1)
    apart = x[j] != x[i]
    if not apart.any():
        return None
    slopes = np.sort((y[j] - y[i])[apart] / (x[j] - x[i])[apart])
    half = 1.96 * math.sqrt(n * (n - 1) * (2 * n + 5) / 18)
    low = max(int((len(slopes) - half) / 2), 0)
    high = min(int((len(slopes) + half) / 2) + 1, len(slopes) - 1)
    return Slope(float(np.median(slopes)), float(slopes[low]), float(slopes[high]))


@dataclass(frozen=True, slots=True)
class Bend:
    """A level up to `at`, then a straight line: y = `level` + `slope` max(0, x - at); `fitted` (n,)."""

    at: float
    level: float
    slope: float
    fitted: FloatArray


def bend(x: FloatArray, y: FloatArray) -> Bend:
    """The best bend by least squares, tried at every point but the last two."""
    flat = Bend(float(x[-1]), float(y.mean()), 0.0, np.full(len(y), y.mean()))
    best, least = flat, float(np.sum((y - y.mean()) ** 2))
    for at in x[: max(1, len(x) - 2)]:
        up = np.maximum(x - at, 0.0)
        centred = up - up.mean()
        norm = float(centred @ centred)
        if norm <= 0:
            continue
        slope = float(centred @ y) / norm
        fitted = y.mean() + slope * centred
        error = float(np.sum((y - fitted) ** 2))
        if error < least - 1e-9:
            best, least = Bend(float(at), float(fitted[0]), slope, fitted), error
    return best
