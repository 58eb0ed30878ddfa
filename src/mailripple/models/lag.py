"""Do the clocks of the two logs agree?  The lag at which the DNS log follows the mail log best (statistics 1.5).

Both series are made white with one autoregression (Box and Jenkins), or their daily curve alone would correlate them
at every lag; the level of the test comes from all circular shifts of one against the other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

#: Lags that are tried, minutes to either side: more than an hour, since a wrong zone is the commonest wrong clock.
REACH = 75
ORDER = 10
REPLICATES = 200


@dataclass(frozen=True, slots=True)
class Lag:
    """`minutes` that the DNS log's clock is ahead of the mail log's, with its 95 % interval, r there and at 0, p."""

    minutes: float
    low: float
    high: float
    r: float
    r_at_zero: float
    p: float


def find_lag(dns: FloatArray, mail: FloatArray, used: BoolArray) -> Lag | None:
    """The lag of `dns` (n,) behind `mail` (n,), both by the minute, over minutes `used`; None with too little data."""
    n = len(dns)
    if np.count_nonzero(used) < 4 * REACH:
        return None
    a, b = _white(np.sqrt(np.maximum(dns, 0.0)), np.sqrt(np.maximum(mail, 0.0)), used)
    norm = float(np.sqrt(np.sum(a * a) * np.sum(b * b)))
    if norm < 1e-9:
        return None
    size = 1 << (2 * n - 1).bit_length()
    cross = np.fft.irfft(np.fft.rfft(a, size) * np.conj(np.fft.rfft(b, size)), size) / norm
    lags = np.arange(-REACH, REACH + 1)
    r = cross[lags]
    best = int(np.argmax(r))
    low, high = _interval(a, b, best)
    return Lag(
        float(lags[best]) + _between(r, best), low, high, float(r[best]), float(cross[0]), _level(a, b, norm, r[best])
    )


def _level(a: FloatArray, b: FloatArray, norm: float, found: float) -> float:
    """Share of circular shifts, in windows as wide as the scan, that correlate as well by chance."""
    n = len(a)
    circular = np.fft.irfft(np.fft.rfft(a) * np.conj(np.fft.rfft(b)), n) / norm
    width = 2 * REACH + 1
    far = circular[2 * REACH : n - 2 * REACH]
    windows = len(far) // width
    if windows < 1:
        return 1.0
    tops = far[: windows * width].reshape(windows, width).max(axis=1)
    empirical = (1 + int(np.count_nonzero(tops >= found))) / (1 + windows)
    # few windows cannot give a small p: a normal tail from the spread of all shifts, for the widest of `width` lags
    spread = float(np.std(far))
    z = found / spread if spread > 0 else 0.0
    normal = min(1.0, width * 0.5 * float(np.exp(-0.5 * z * z))) if z > 1 else 1.0
    return max(normal, empirical) if found < tops.max() else normal


def _between(r: FloatArray, best: int) -> float:
    """The top of the parabola through the best lag and its neighbours, as a part of a minute."""
    if not 0 < best < len(r) - 1:
        return 0.0
    left, top, right = r[best - 1 : best + 2]
    curve = left - 2 * top + right
    return float(np.clip(0.5 * (left - right) / curve, -0.5, 0.5)) if curve < 0 else 0.0


def _interval(a: FloatArray, b: FloatArray, best: int) -> tuple[float, float]:
    """95 % interval of the lag, from resampled blocks of two hours; at least half a minute wide to either side."""
    centre = best - REACH
    near = np.arange(max(-REACH, centre - 5), min(REACH, centre + 5) + 1)
    edges = np.arange(0, len(a) + 1, 120)
    if len(edges) < 3:
        edges = np.array([0, len(a) // 2, len(a)])
    blocks = np.stack([np.add.reduceat(a * np.roll(b, lag), edges[:-1]) for lag in near], axis=1)
    draws = np.random.default_rng(2).integers(0, len(blocks), (REPLICATES, len(blocks)))
    tops = near[np.argmax(np.stack([blocks[d].sum(axis=0) for d in draws]), axis=1)]
    return float(np.quantile(tops, 0.025)) - 0.5, float(np.quantile(tops, 0.975)) + 0.5


def _white(dns: FloatArray, mail: FloatArray, used: BoolArray) -> tuple[FloatArray, FloatArray]:
    """What is left of both behind one autoregression, fitted to the mail log; 0 where a minute is not covered."""
    a, b = (np.where(used, v - v[used].mean(), 0.0) for v in (dns, mail))
    n = len(b)
    size = 1 << (2 * n - 1).bit_length()
    power = np.abs(np.fft.rfft(b, size)) ** 2
    auto = np.fft.irfft(power, size)[: ORDER + 1]
    total = float(np.count_nonzero(used))
    best = float("inf")
    chosen: FloatArray = np.zeros(0)
    for order in range(ORDER + 1):
        weights: FloatArray = np.zeros(0)
        if order:
            matrix = auto[np.abs(np.subtract.outer(np.arange(order), np.arange(order)))]
            weights = np.linalg.lstsq(matrix, auto[1 : order + 1], rcond=None)[0].astype(np.float64)
        left = max(float(auto[0] - weights @ auto[1 : order + 1]), 1e-12)
        score = total * np.log(left / total) + order * np.log(total)
        if score < best - 1e-9:
            best, chosen = score, weights
    return _left(a, chosen) * used, _left(b, chosen) * used


def _left(values: FloatArray, weights: FloatArray) -> FloatArray:
    out = values.copy()
    for i, weight in enumerate(weights, start=1):
        out[i:] -= weight * values[:-i]
    return out
