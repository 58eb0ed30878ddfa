"""What the relations are judged by, made once: bins of both logs on one clock, the cost of mail, the ripple."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mailripple.attempts import Attempts, Rows
from mailripple.models.findings import Estimate, Ripple, Span
from mailripple.models.lag import Lag, find_lag
from mailripple.models.minutes import BoolArray, FloatArray, Minutes, rolled, whole
from mailripple.models.regression import Fit, estimate, fit
from mailripple.models.ripple import Growth, Period, find_ripple

IntArray = npt.NDArray[np.int64]

#: Bin of the regressions, minutes.
STEP = 5
#: Other bins that the costs must not depend on: their estimates widen the intervals.
OTHER_STEPS = (10, 15)
#: A clock offset is told below this level.
LAG_LEVEL = 1e-3
#: What a message, a first attempt elsewhere, a POP3 log-in, a retry and a refused session cost by the paper.
PRIOR = {"intercept": 0.0, "mail.from": 2.0, "mail.out": 4.0, "pop.login": 1.0, "retry": 0.0, "refused": 2.0}


@dataclass(frozen=True, slots=True)
class DomainA:
    """The destination with the most deferred records: its key, how many, and how many all destinations have."""

    key: int
    deferred: int
    all_deferred: int


@dataclass(frozen=True, slots=True)
class Material:
    """What a study is made of; `name` gives the text of a domain's key, `clock` that of a moment (us, UTC)."""

    minutes: Minutes
    attempts: Attempts
    domain_a: DomainA | None
    name: Callable[[int], str]
    clock: Callable[[int], str]
    dq_note: str = ""


@dataclass(frozen=True, slots=True)
class Bins:
    """Five-minute sums on the mail log's clock: `start` minutes since 1970, `columns` (n,) by name, `used` (n,)."""

    start: int
    columns: dict[str, FloatArray]
    mail: BoolArray
    both: BoolArray

    def __getitem__(self, name: str) -> FloatArray:
        return self.columns[name]

    def span(self, used: BoolArray) -> Span | None:
        """From the first bin used to the end of the last."""
        at = np.flatnonzero(used)
        if not len(at):
            return None
        begin, end = ((self.start + STEP * int(i)) * 60_000_000 for i in (at[0], at[-1] + 1))
        return Span(begin, end, STEP * 60, len(at))

    def minute(self) -> FloatArray:
        """Middle of each bin, minutes since 1970."""
        found: FloatArray = (self.start + STEP * (np.arange(len(self.mail)) + 0.5)).astype(np.float64)
        return found


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that the relations look at; `onset` minutes since 1970 at which the build-up began, None without one.

    `terms` names of the columns of the `cost` fit; `why` there is none.
    """

    material: Material
    bins: Bins
    lag: Lag | None
    cost: Fit | None
    terms: tuple[str, ...]
    why: str
    ripple: Ripple
    period: Period | None
    growth: Growth | None
    onset: float | None
    interval: float | None

    @property
    def shift(self) -> int:
        """Minutes by which the DNS log was moved."""
        return shift_of(self.lag)

    def term(self, name: str) -> Estimate | None:
        """The coefficient of a column with its interval, without words."""
        if self.cost is None or name not in self.terms:
            return None
        i = self.terms.index(name)
        return Estimate(name, float(self.cost.beta[i]), float(self.cost.low[i]), float(self.cost.high[i]))

    def after_onset(self) -> BoolArray:
        """Bins of the build-up; all false without one."""
        if self.onset is None:
            return np.zeros(len(self.bins.mail), np.bool_)
        end = self.growth.end if self.growth is not None else None
        minute = self.bins.minute()
        until = np.inf if end is None else self.material.minutes.start + end + 30.0
        found: BoolArray = (minute >= self.onset) & (minute <= until)
        return found


def shift_of(lag: Lag | None) -> int:
    """Minutes by which the DNS log must be moved; 0 unless the lag is beyond chance."""
    if lag is None or lag.p >= LAG_LEVEL:
        return 0
    return round(lag.minutes)


def gather(material: Material) -> Evidence:
    """Make the bins, find the lag, fit the cost, look for the ripple."""
    minutes = material.minutes
    lag = None
    if "D_q" in minutes.columns:
        base = 2 * minutes["mail.from"] + 4 * minutes["mail.out"] + minutes["pop.login"]
        lag = find_lag(minutes["D_q"], base, minutes.mail & minutes.dns)
    bins = bins_of(minutes, shift_of(lag))
    cost, terms, why = _cost(material, bins)
    interval = retry_interval(material.attempts.deferred)
    again = deferred_again(minutes, material.attempts.deferred)
    ripple, growth, period = find_ripple(minutes, again, interval, material.clock)
    onset = None
    if growth is not None and ripple.growing == "holds":
        onset = minutes.start + growth.onset
    return Evidence(material, bins, lag, cost, terms, why, ripple, period, growth, onset, interval)


def bins_of(minutes: Minutes, shift: int) -> Bins:
    """The minutes rolled up, with the DNS log moved back by `shift` minutes."""
    names = ("mail.from", "mail.to", "mail.sent", "mail.deferred", "mail.other", "mail.out", "pop.login")
    columns = {name: rolled(minutes[name], minutes.start, STEP) for name in names}
    columns["retry"] = rolled(minutes["mail.attempt.retry"], minutes.start, STEP)
    columns["first"] = rolled(minutes["mail.attempt.first"], minutes.start, STEP)
    columns["refused"] = rolled(minutes["mail.refused"] + minutes["mail.reject"], minutes.start, STEP)
    columns["failed"] = rolled(minutes.failed, minutes.start, STEP)
    columns["D_q"] = rolled(moved(minutes["D_q"], shift), minutes.start, STEP)
    dns = whole(moved(minutes.dns.astype(np.float64), shift) > 0, minutes.start, STEP)
    mail = whole(minutes.mail, minutes.start, STEP)
    start = minutes.start + -minutes.start % STEP
    return Bins(start, columns, mail, mail & dns & ("D_q" in minutes.columns))


def moved(values: FloatArray, shift: int) -> FloatArray:
    """values[t + shift] at t; 0 where there is none."""
    out = np.zeros_like(values)
    if abs(shift) >= len(values):
        return out
    if shift >= 0:
        out[: len(values) - shift] = values[shift:]
    else:
        out[-shift:] = values[:shift]
    return out


def _cost(material: Material, bins: Bins) -> tuple[Fit | None, tuple[str, ...], str]:
    """Queries a message, a first attempt elsewhere, a log-in, a retry and a refused session cost."""
    if "D_q" not in material.minutes.columns:
        return None, (), material.dq_note or "it is not known which DNS clients are the mail servers"
    if not bins["mail.from"][bins.both].any():
        return None, (), "no hour is covered by both the mail log and the DNS log"
    terms = ("intercept", *(t for t in PRIOR if t != "intercept" and np.count_nonzero(bins[t][bins.both]) >= 3))
    x = np.column_stack([np.ones(len(bins.mail)) if t == "intercept" else bins[t] for t in terms])
    prior = np.array([PRIOR[t] for t in terms])
    found = fit(bins["D_q"], x, bins.both, prior, STEP)
    for step in OTHER_STEPS if found is not None else ():
        other = estimate(*coarser((bins["D_q"], x, bins.both), bins.start, step), prior, step)
        found = found.wider(other) if found is not None and other is not None else found
    return found, terms, "" if found is not None else "both logs together cover too little time"


def deferred_again(minutes: Minutes, deferred: Rows) -> FloatArray | None:
    """Deferred records by the minute of mail that was deferred before; None where not all records are known."""
    if not deferred.complete or not len(deferred):
        return None
    at = deferred["ts"] // 60_000_000 - minutes.start
    inside = (at >= 0) & (at < len(minutes)) & (deferred["first"] == 0)
    return np.bincount(at[inside], minlength=len(minutes)).astype(np.float64)


def coarser(
    some: tuple[FloatArray, FloatArray, BoolArray], start: int, step: int
) -> tuple[FloatArray, FloatArray, BoolArray]:
    """y, X and the bins used, in bins of `step` minutes; a bin is used if all its parts are."""
    y, x, used = some
    skip, factor = (-start % step) // STEP, step // STEP
    size = (len(y) - skip) // factor
    kept = slice(skip, skip + size * factor)
    whole_bins: BoolArray = used[kept].reshape(size, factor).sum(axis=1) == factor
    return y[kept].reshape(size, factor).sum(axis=1), x[kept].reshape(size, factor, -1).sum(axis=1), whole_bins


def retry_interval(deferred: Rows) -> float | None:
    """Minutes from one try of a message to the next: the median over messages tried again; None with fewer than 20."""
    if len(deferred) < 2:
        return None
    order = np.lexsort((deferred["ts"], deferred["domain"], deferred["queue"], deferred["server"]))
    keys = np.stack([deferred[name][order] for name in ("server", "queue", "domain")])
    again = (keys[:, 1:] == keys[:, :-1]).all(axis=0)
    waits = np.diff(deferred["ts"][order])[again] / 60e6
    waits = waits[waits > 1]
    return float(np.median(waits)) if len(waits) >= 20 else None


def ratio(above: FloatArray, below: FloatArray, used: BoolArray) -> Estimate | None:
    """Median of hourly ratios with an interval from resampled hours; None with fewer than 3 hours of 5 or more."""
    a, b = hourly(above, used), hourly(below, used)
    good = b >= 5
    if np.count_nonzero(good) < 3:
        return None
    values = a[good] / b[good]
    middle = float(np.median(values))
    if len(values) < 6:
        return Estimate("", middle, float(values.min()), float(values.max()))
    draws = np.random.default_rng(3).integers(0, len(values), (400, len(values)))
    medians = np.median(values[draws], axis=1)
    return Estimate("", middle, float(np.quantile(medians, 0.025)), float(np.quantile(medians, 0.975)))


def hourly(values: FloatArray, used: BoolArray) -> FloatArray:
    """Sums of each twelve used bins in a row; a rest at the end counts if it is half an hour."""
    some = values[used]
    size = 60 // STEP
    rest = len(some) % size
    cut = len(some) - rest
    sums = some[:cut].reshape(-1, size).sum(axis=1)
    return np.append(sums, some[cut:].sum() * size / rest) if rest >= size // 2 else sums


def share(part: float, total: float) -> Estimate:
    """part / total with Wilson's (1927) 95 % interval."""
    if total <= 0:
        return Estimate("", math.nan, math.nan, math.nan)
    p, z2 = min(part / total, 1.0), 1.96**2
    middle = (p + z2 / (2 * total)) / (1 + z2 / total)
    half = 1.96 * math.sqrt(max(p * (1 - p), 0.0) / total + z2 / (4 * total * total)) / (1 + z2 / total)
    return Estimate("", p, max(0.0, middle - half), min(1.0, middle + half))
