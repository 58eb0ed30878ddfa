"""What each kind of mail costs in DNS queries: a robust non-negative regression on counts, with honest intervals.

statistics 1.5: weights for counts (variance as the mean) times Huber's, a weak prior that steps in where the data
cannot tell columns apart, coefficients not below zero.  Intervals: the wider of Newey and West's (1987; Bartlett
weights, one hour) and of a jackknife over blocks of an hour.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

HUBER = 1.345
#: Scale of the standardised residuals, at least (1 is Poisson): with none at all, every bin would be an outlier.
LEAST_SCALE = 0.05
ROUNDS = 5
#: No cost is surer than that share of itself: a look-up and the record of its delivery may lie in different bins.
SYSTEMATIC = 0.01
REPLICATES = 400
#: Condition number of the scaled columns beyond which their coefficients cannot be told apart.
COLLINEAR = 50.0
#: The prior weighs as much as that share of a day's data: where they cannot, and else.
PRIOR_SHARE, NO_PRIOR = 1 / 25, 1e-6


@dataclass(frozen=True, slots=True)
class Fit:
    """A fit of y on the columns of X: `beta` (k,), its 95 % interval `low`, `high`; `replicates` (B, k).

    `fitted` (n,) is the prediction where it was asked for, `r2` the share of the variance that it explains, `condition`
    the condition number of the scaled columns, `bins` how many were used.
    """

    beta: FloatArray
    low: FloatArray
    high: FloatArray
    replicates: FloatArray
    fitted: FloatArray
    r2: float
    condition: float
    bins: int

    def wider(self, beta: FloatArray) -> Fit:
        """The same with intervals that hold the coefficients `beta` of another cut of the bins, too."""
        return replace(self, low=np.minimum(self.low, beta), high=np.maximum(self.high, beta))


def fit(y: FloatArray, x: FloatArray, used: BoolArray, prior: FloatArray, step: int) -> Fit | None:
    """Fit y (n,) on x (n, k) over the bins `used`; `step` minutes a bin.  None where there is too little.

    Bins that are not used stay in their place, so that neighbours in time are neighbours in the blocks.
    """
    beta = estimate(y, x, used, prior, step)
    if beta is None:
        return None
    bins = int(np.count_nonzero(used))
    ridge, condition = _ridge(x, used, step)
    weights, inner = _weights(y, x @ beta, used)
    fitted = x @ beta
    score = x * (weights * (y - fitted))[:, None]
    bread = (x * inner[:, None]).T @ x
    bread += np.diag(np.diag(bread) * ridge + 1e-9)
    replicates = _blocks(x, inner, score, bread, beta, max(1, round(60 / step)))
    spread = _newey_west(score, bread, max(1, round(60 / step)), bins)
    spread = np.maximum(spread, SYSTEMATIC * beta)
    low = np.minimum(beta - spread, np.quantile(replicates, 0.025, axis=0))
    high = np.maximum(beta + spread, np.quantile(replicates, 0.975, axis=0))
    return Fit(beta, np.maximum(low, 0.0), high, replicates, fitted, r_squared(y, fitted, used), condition, bins)


def estimate(y: FloatArray, x: FloatArray, used: BoolArray, prior: FloatArray, step: int) -> FloatArray | None:
    """The coefficients (k,) of `fit` alone."""
    if np.count_nonzero(used) < max(4 * x.shape[1], 12) or not y[used].any():
        return None
    share, _ = _ridge(x, used, step)
    beta = prior.astype(np.float64)
    for _ in range(ROUNDS):
        weights, _ = _weights(y, x @ beta, used)
        gram = (x * weights[:, None]).T @ x
        ridge = np.diag(gram) * share + 1e-9
        beta = solve((gram + np.diag(ridge))[None], (x.T @ (weights * y) + ridge * prior)[None])[0]
    return beta


def _ridge(x: FloatArray, used: BoolArray, step: int) -> tuple[float, float]:
    """How much the prior weighs against the data, and the condition number of the scaled columns."""
    scale = np.sqrt(np.maximum(np.sum(x[used] ** 2, axis=0), 1e-12))
    condition = float(np.linalg.cond(x[used] / scale))
    share = min(1.0, 1440 / step / max(int(np.count_nonzero(used)), 1))
    return share * (PRIOR_SHARE if condition > COLLINEAR else NO_PRIOR), condition


def _weights(y: FloatArray, fitted: FloatArray, used: BoolArray) -> tuple[FloatArray, FloatArray]:
    """1 / variance of a count times Huber's weight psi(z)/z of its residual; and times psi'(z), for the intervals."""
    base = used / np.maximum(fitted, max(1.0, float(np.median(fitted[used])) / 50))
    z = (y - fitted) * np.sqrt(base)
    bound = HUBER * max(1.4826 * float(np.median(np.abs(z[used] - np.median(z[used])))), LEAST_SCALE)
    return base * np.minimum(1.0, bound / np.maximum(np.abs(z), 1e-12)), base * (np.abs(z) <= bound)


def solve(grams: FloatArray, sides: FloatArray) -> FloatArray:
    """Non-negative least squares for many small problems (b, k, k), (b, k): min b'Gb/2 - s'b, b >= 0.

    Where the free solution has a negative entry, the best of all subsets of columns is taken: exact, and cheap for the
    six columns at most that we have.
    """
    k = sides.shape[1]
    out: FloatArray = np.linalg.solve(grams, sides[..., None])[..., 0].astype(np.float64)
    bad = np.flatnonzero((out < 0).any(axis=1))
    if not len(bad):
        return out
    best = np.full(len(bad), 0.0)
    out[bad] = 0.0
    for size in range(1, k + 1):
        for subset in itertools.combinations(range(k), size):
            chosen = np.array(subset)
            part: FloatArray = np.linalg.solve(
                grams[np.ix_(bad, chosen, chosen)], sides[np.ix_(bad, chosen)][..., None]
            )[..., 0].astype(np.float64)
            value = -0.5 * np.sum(part * sides[np.ix_(bad, chosen)], axis=1)
            better = (part >= 0).all(axis=1) & (value < best)
            best[better] = value[better]
            rows = bad[better]
            out[rows] = 0.0
            out[np.ix_(rows, chosen)] = part[better]
    return out


def _blocks(
    x: FloatArray, inner: FloatArray, score: FloatArray, bread: FloatArray, beta: FloatArray, length: int
) -> FloatArray:
    """REPLICATES draws of the coefficients with the covariance of a jackknife over blocks of `length` bins.

    A block is left out at a time (Kuensch 1989), which shows what the few hours with retries carry: resamples of
    scores alone do not.  4,000 blocks at most.
    """
    n, k = score.shape
    length = min(max(length, n // 4000 + 1), max(1, n // 4))
    starts = np.arange(0, n, length)
    products = (x[:, :, None] * x[:, None, :]).reshape(n, -1) * inner[:, None]
    curves = np.add.reduceat(products, starts, axis=0).reshape(-1, k, k)
    without = solve(bread - curves, bread @ beta - (curves @ beta) - np.add.reduceat(score, starts, axis=0))
    count = len(starts)
    spread = (without - without.mean(axis=0)) * np.sqrt((count - 1) / count)
    signs = np.random.default_rng(1).normal(size=(REPLICATES, count))
    found: FloatArray = np.maximum(beta + signs @ spread, 0.0)
    return found


def _newey_west(score: FloatArray, bread: FloatArray, lags: int, bins: int) -> FloatArray:
    """Half width of the 95 % interval (k,), robust to unequal variance and to correlation up to `lags` bins."""
    k = len(bread)
    meat = score.T @ score
    for lag in range(1, min(lags, len(score) - 1) + 1):
        cross = score[lag:].T @ score[:-lag]
        meat += (1 - lag / (lags + 1)) * (cross + cross.T)
    inverse = np.linalg.pinv(bread, hermitian=True)
    variance = np.diag(inverse @ meat @ inverse) * bins / max(bins - k, 1)
    # Student's t with a degree of freedom for each block of `lags` bins: few blocks, wide intervals
    freedom = max(bins / lags - k, 2.0)
    quantile = 1.96 + 2.37 / freedom + 2.82 / freedom**2 + 2.56 / freedom**3
    found: FloatArray = quantile * np.sqrt(np.maximum(variance, 0.0))
    return found


def r_squared(y: FloatArray, fitted: FloatArray, used: BoolArray) -> float:
    """Share of the variance of y that is explained, not below 0; NaN where y does not vary."""
    total = float(np.sum((y[used] - y[used].mean()) ** 2)) if used.any() else 0.0
    if total <= 0:
        return float("nan")
    return max(0.0, 1 - float(np.sum((y[used] - fitted[used]) ** 2)) / total)


def correlation(a: FloatArray, b: FloatArray, used: BoolArray) -> float:
    """Pearson's correlation over the bins used; NaN where one does not vary."""
    if np.count_nonzero(used) < 3:
        return float("nan")
    da, db = a[used] - a[used].mean(), b[used] - b[used].mean()
    norm = float(np.sqrt(np.sum(da**2) * np.sum(db**2)))
    return float(np.sum(da * db)) / norm if norm > 1e-12 else float("nan")
