"""Score: when does the mail server as a whole do more than its mail explains?  Nobody is named by it.

Two relations of the paper are held against what they were until a day ago: the DNS questions of the mail servers
against the work that explains them (eq. 1: D_q = m_S N_S + m_P N_P and what a retry and a refusal cost), and first
attempts against messages (eq. 6: n destinations a message).  Each is fitted anew every day on windows that are older
than a day and were not out of order (24 h quarantine), so that nothing is learnt from what is judged; until there is
half a day of such windows nothing is said.

A window's count is negative binomial around the fit, raised by how much whole hours wander (one robust standard
deviation); the evidence for a surge is the likelihood ratio of 1.25, 1.5, 2 and 4 times as much, averaged, and added up
by a CUSUM.  Under the null it comes to c within N windows with chance N/c (Ville, for each start).
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from mailripple.models import evidence
from mailripple.models.evidence import PRIOR, Bins
from mailripple.models.findings import Surge
from mailripple.models.minutes import BoolArray, FloatArray
from mailripple.models.outages import LIMIT
from mailripple.models.regression import estimate

#: Bins of a window, its minutes, and windows of a day.
BINS = 3
STEP = BINS * evidence.STEP
DAY = 24 * 60 // STEP
#: Windows that are learnt from, newest ones of at most so many; fewer than half a day of them teach nothing.
MOST, FEWEST = 14 * DAY, DAY // 2
#: So many times as much: what a surge is held to be.
TIMES = np.array([1.25, 1.5, 2.0, 4.0])
#: Evidence (log) from which a surge is told, and from which windows are no longer learnt from.
TOLD, DOUBTFUL = math.log(100_000), math.log(100)
#: Windows without evidence that end a surge.
CALM = 4
#: The most that hours are held to wander, and the least spread of a count around its mean (1/r).
WANDER, SPREAD = 0.5, 1e-3
_TERMS = ("mail.from", "mail.out", "pop.login", "retry", "refused")


def find_surges(bins: Bins) -> list[Surge]:
    """The surges of both relations, by their start."""
    ones = np.ones(len(bins.mail))
    questions = np.column_stack([ones, *(bins[name] for name in _TERMS)])
    prior = np.array([PRIOR["intercept"], *(PRIOR[name] for name in _TERMS)])
    found = list(_surges("lookups", bins["D_q"], questions, bins.both, prior, bins.start))
    found += _surges("destinations", bins["first"], bins["mail.from"][:, None], bins.mail, np.ones(1), bins.start)
    return sorted(found, key=lambda s: (s.start, s.what))


def _surges(
    what: str, y: FloatArray, x: FloatArray, used: BoolArray, prior: FloatArray, start: int
) -> Iterator[Surge]:
    """The surges of y (n,) over what x (n, k) explains; `start` minutes since 1970 of the first bin."""
    y, x, used = _windows(y), _windows(x), _windows(used.astype(np.float64)) == BINS
    n, final = len(y), int(np.flatnonzero(used)[-1]) if used.any() else -1
    clean = used.copy()
    expected = np.zeros(n)
    fitted: tuple[FloatArray, float, float, int] | None = None
    total, begin, calm, told = 0.0, 0, 0, -1
    best = 0.0
    for t in range(n):
        if t % DAY == 0:
            known = slice(max(t - DAY - MOST, 0), max(t - DAY, 0))
            fitted = _learn(y[known], x[known], clean[known], prior)
        if not used[t] or fitted is None:
            continue
        beta, wander, spread, learnt = fitted
        expected[t] = float(x[t] @ beta)
        log_e = _evidence(y[t], expected[t] * math.exp(wander), spread)
        if total <= 0:
            begin, best = t, 0.0
        total = max(total + log_e, 0.0)
        best = max(best, total)
        calm = 0 if log_e > 0 else calm + 1
        clean[t] = total < DOUBTFUL
        told = t if told < 0 and total >= TOLD else told
        over = calm >= CALM or total <= 0 or t == final
        if over and told >= 0:
            last = t - calm + 1
            first, at, end = ((start + STEP * k) * 60_000_000 for k in (begin, told + 1, last))
            counts = float(expected[begin:last].sum()), float((y * used)[begin:last].sum())
            yield Surge(what, first, at, end, *counts, min(best, LIMIT), learnt * STEP / 60)
        if over and (told >= 0 or total <= 0):
            total, told, calm = 0.0, -1, 0


def _windows(bins: FloatArray) -> FloatArray:
    """Sums over `BINS` bins; a part of a window at the end is left out."""
    whole = len(bins) // BINS
    found: FloatArray = bins[: whole * BINS].reshape(whole, BINS, *bins.shape[1:]).sum(axis=1)
    return found


def _learn(
    y: FloatArray, x: FloatArray, clean: BoolArray, prior: FloatArray
) -> tuple[FloatArray, float, float, int] | None:
    """(coefficients, how much hours wander, spread of a count, windows) of what is known; None: that is too little."""
    if np.count_nonzero(clean) < FEWEST:
        return None
    beta = estimate(y, x, clean, prior, STEP)
    if beta is None:
        return None
    mu = x @ beta
    busy = clean & (mu >= 1)
    if np.count_nonzero(busy) < FEWEST // 2:
        return None
    spread = float(np.sum((y[busy] - mu[busy]) ** 2 - mu[busy]) / np.sum(mu[busy] ** 2))
    hours = len(y) // 4 * 4
    kept = clean[:hours].astype(np.float64)
    a, b = ((v[:hours] * kept).reshape(-1, 4).sum(axis=1) for v in (y, mu))
    ratio = np.log((a + 0.5) / (b + 0.5))[b >= 10]
    wander = 1.4826 * float(np.median(np.abs(ratio - np.median(ratio)))) if len(ratio) >= 4 else WANDER
    return beta, min(wander, WANDER), max(spread, SPREAD), int(np.count_nonzero(clean))


def _evidence(count: float, mu: float, spread: float) -> float:
    """log of the mean likelihood ratio of `TIMES` as much against mu; negative binomial with variance mu + spread mu^2.

    The ratio needs no gamma functions: x log(k (r + mu) / (r + k mu)) - r log((r + k mu) / (r + mu)).
    """
    mu, r = max(mu, 0.5), 1 / spread
    grown = np.log((r + TIMES * mu) / (r + mu))
    logs = count * (np.log(TIMES) - grown) - r * grown
    top = float(logs.max())
    return top + math.log(float(np.mean(np.exp(logs - top))))
