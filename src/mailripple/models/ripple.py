"""The retry ripple: deferred mail comes back with every queue run, and the runs grow if more is added than leaves.

statistics 3.1, D3.  Bursts of deferred records by the minute; a period by a Rayleigh test on the phases of the bursts
(one a burst, not one a record: records of a burst are no independent events); the growth by Mann and Kendall's test on
what each period holds.  If every run tries the whole backlog again, run k has S_0 + inflow * period * k records, so the
slope over the period is the inflow of undeliverable mail in messages a minute.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mailripple.models.findings import Burst, Estimate, Ripple, Span, Verdict
from mailripple.models.minutes import Minutes
from mailripple.models.trend import bend, rising, theil_sen

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]

#: Intervals of queue runs that are tried, minutes.
PERIODS = (5, 10, 15, 20, 30, 40, 45, 60, 90, 120, 240)
#: A period is claimed below the first level, growth below the second: on autoregressive nulls 0.8 % are below it.
PERIOD_LEVEL, GROWTH_LEVEL = 1e-3, 2e-3
FEWEST = 5
MERGE = 3
#: Minutes whose median and spread are the ground that a burst stands out from.
GROUND = 240
#: Bursts are compared with those so near, minutes.
NEIGHBOURS = 180
#: Periods that deferred mail may wait on a normal day: growth must stand out against each.
MEMORIES = (0, 2, 4, 8)
#: Stretches that are searched for growth, minutes: nobody's trouble is as long as a year of logs.
STRETCHES = (1440, 720, 360)


@dataclass(frozen=True, slots=True)
class Bursts:
    """Bursts: `start` minute of each, `at` its records' mean minute, `size` its records; all (b,)."""

    start: FloatArray
    at: FloatArray
    size: FloatArray

    def __len__(self) -> int:
        return len(self.start)


@dataclass(frozen=True, slots=True)
class Period:
    """Length in minutes with its 95 % interval, the phase (a minute at which a run was), and the test's p-value."""

    minutes: float
    low: float
    high: float
    phase: float
    p: float


@dataclass(frozen=True, slots=True)
class Growth:
    """A growth: the test's p-value, records more each period with interval, is it `steady`?

    `onset` and `end` in minutes; `end` is None where it went on to the end of the log.
    """

    p: float
    onset: float
    end: float | None
    slope: float
    low: float
    high: float
    steady: bool


def find_bursts(values: FloatArray, used: BoolArray, least: float = 3.0) -> Bursts:
    """Minutes with x > med + 3 * 1.4826 max(MAD, sqrt(med)) and x > med + `least`, those within 3 minutes together."""
    n = len(values)
    above = np.zeros(n, np.bool_)
    for a in range(0, n, GROUND):
        near = slice(max(0, a - GROUND // 2), min(n, a + GROUND + GROUND // 2))
        ground = values[near][used[near]]
        if not len(ground):
            continue
        middle = float(np.median(ground))
        spread = 1.4826 * max(float(np.median(np.abs(ground - middle))), math.sqrt(middle))
        here = slice(a, min(n, a + GROUND))
        above[here] = used[here] & (values[here] > middle + 3 * spread) & (values[here] > middle + least)
    at = np.flatnonzero(above)
    if not len(at):
        return Bursts(np.zeros(0), np.zeros(0), np.zeros(0))
    firsts = np.concatenate([[0], np.flatnonzero(np.diff(at) > MERGE) + 1])
    starts, ends = at[firsts], at[np.concatenate([firsts[1:] - 1, [len(at) - 1]])]
    sums = np.concatenate([[0.0], np.cumsum(values)])
    moments = np.concatenate([[0.0], np.cumsum(values * np.arange(n))])
    size = sums[ends + 1] - sums[starts]
    return Bursts(starts.astype(np.float64), (moments[ends + 1] - moments[starts]) / size, size)


def large(bursts: Bursts) -> Bursts:
    """Those that have a fifth at least of the largest within three hours: by size alone, so the phases stay honest."""
    if not len(bursts):
        return bursts
    near = np.abs(bursts.at[:, None] - bursts.at[None, :]) <= NEIGHBOURS if len(bursts) <= 3000 else None
    if near is None:  # of a year of bursts, blocks of three hours do as well
        block = (bursts.at // NEIGHBOURS).astype(np.int64)
        tops = np.zeros(int(block[-1]) + 1)
        np.maximum.at(tops, block, bursts.size)
        top = tops[block]
    else:
        top = np.where(near, bursts.size[None, :], 0.0).max(axis=1)
    kept = bursts.size >= top / 5
    return Bursts(bursts.start[kept], bursts.at[kept], bursts.size[kept])


def find_period(at: FloatArray, span: float) -> Period | None:
    """The period of bursts at these minutes; None for fewer than FEWEST.

    Rayleigh's test for each of PERIODS that fits five times into the span, its p-value times their number.  Bursts
    every 30 minutes keep a period of 15 and 10 as well: the longest that is nearly as good as the best is taken.
    """
    tried = [t for t in PERIODS if t * FEWEST <= span + t]
    if len(at) < FEWEST or not tried:
        return None
    chances = [rayleigh(at, t) for t in tried]
    bound = min(chances) ** 0.7
    best, least = max((t, p) for t, p in zip(tried, chances, strict=True) if p <= bound)
    turn = np.angle(np.mean(np.exp(2j * np.pi * at / best))) / (2 * np.pi) * best
    runs = np.round((at - turn) / best)
    near = np.abs(at - turn - runs * best) <= best / 4
    line = theil_sen(runs[near], at[near]) if np.count_nonzero(near) >= FEWEST else None
    if line is None or abs(line.value - best) > 0.1 * best:
        return Period(float(best), float(best), float(best), float(turn), min(1.0, least * len(tried)))
    phase = float(np.median(at[near] - line.value * runs[near]))
    return Period(line.value, line.low, line.high, phase, min(1.0, least * len(tried)))


def rayleigh(at: FloatArray, period: float) -> float:
    """P-value of Rayleigh's test (Wilkie 1983) that phases of `at` are spread over the period without preference."""
    n = len(at)
    length = abs(complex(np.mean(np.exp(2j * np.pi * at / period))))
    return math.exp(min(0.0, math.sqrt(1 + 4 * n + 4 * n * n * (1 - length * length)) - (1 + 2 * n)))


def sums_by_period(values: FloatArray, used: BoolArray, period: float, phase: float) -> tuple[FloatArray, FloatArray]:
    """Middle minute and sum of each period around its run, those that are covered as a whole."""
    run = np.floor((np.arange(len(values)) - phase) / period + 0.5).astype(np.int64)
    if not len(run):
        return np.zeros(0), np.zeros(0)
    index = run - run[0]
    held = np.bincount(index, weights=used.astype(np.float64))
    length = np.bincount(index)
    sums = np.bincount(index, weights=values)
    kept = (held == length) & (length >= math.floor(period))
    return (np.arange(len(sums)) + run[0])[kept] * period + phase, sums[kept]


def find_growth(at: FloatArray, sizes: FloatArray, traffic: FloatArray, period: float) -> Growth | None:
    """The likeliest growth of `sizes` (one a period, at minutes `at`), beyond what the traffic explains.

    Tried over the whole and over stretches of a day, half and a quarter of one, each beginning at half of the one
    before; the p-value is times their number.  Onset and slope come from the longest stretch that is sure.
    """
    beyond = _beyond(sizes, traffic)
    tried = list(_stretches(at))
    if not tried:
        return None
    chances = []
    for a, b in tried:
        p = rising(sizes[a:b])
        for rest in beyond if p * len(tried) < GROWTH_LEVEL else ():
            p = max(p, rising(rest[a:b]))
        chances.append(p * len(tried))
    sure = [s for s, p in zip(tried, chances, strict=True) if p < GROWTH_LEVEL]
    a, b = max(sure, key=lambda s: s[1] - s[0]) if sure else tried[int(np.argmin(chances))]
    if sure:  # as much again to either side, so that the level before the growth is seen, and its end
        a, b = max(0, 2 * a - b), min(len(at), 2 * b - a)
    return _estimated(at[a:b], sizes[a:b], period, min(chances))


def _beyond(sizes: FloatArray, traffic: FloatArray) -> list[FloatArray]:
    """Standardised sizes against the traffic of so many periods before: in the morning all goes up.

    How long deferred mail usually waits is not known: a growth must stand out whichever of MEMORIES it is.
    """
    found = []
    for memory in MEMORIES:
        load = traffic.astype(np.float64)
        keep = memory / (1 + memory)
        for i in range(1, len(load)):
            load[i] = keep * load[i - 1] + (1 - keep) * load[i]
        some = load > 0
        expected = load * (float(np.median(sizes[some] / load[some])) if some.any() else 0.0)
        found.append((sizes - expected) / np.sqrt(expected + 1))
    return found


def _stretches(at: FloatArray) -> list[tuple[int, int]]:
    """Index ranges of the stretches; the whole only where it is not longer than a day and a half."""
    found = []
    if len(at) and at[-1] - at[0] <= STRETCHES[0] * 1.5:
        found.append((0, len(at)))
    for length in STRETCHES:
        for begin in np.arange(at[0], at[-1] - length * 0.75, length / 2) if len(at) else ():
            a, b = int(np.searchsorted(at, begin)), int(np.searchsorted(at, begin + length))
            if b - a >= FEWEST and (a, b) not in found:
                found.append((a, b))
    return [s for s in found if s[1] - s[0] >= FEWEST]


def _estimated(at: FloatArray, sizes: FloatArray, period: float, p: float) -> Growth:
    """Onset and slope: a level, then a rise up to the largest of the smoothed sizes."""
    smooth = np.array([np.median(sizes[max(0, i - 1) : i + 2]) for i in range(len(sizes))])
    last = int(np.argmax(smooth)) + 1
    last = len(sizes) if last >= len(sizes) - 2 else max(last, min(FEWEST, len(sizes)))
    runs = (at - at[0]) / period
    found = bend(runs[:last], sizes[:last])
    after = runs[:last] >= found.at
    line = theil_sen(runs[:last][after], sizes[:last][after])
    if line is None or line.value <= 0:
        return Growth(min(1.0, p), at[0], None, math.nan, math.nan, math.nan, steady=False)
    base = float(np.median(sizes[:last][~after][-8:])) if (~after).any() else float(sizes[0])
    onset = at[0] + _foot(runs[:last], sizes[:last], found.at) * period
    end = None if last == len(sizes) else float(at[last - 1])
    steady = _steady(sizes[:last], after, base)
    return Growth(min(1.0, p), onset, end, line.value, line.low, line.high, steady=steady)


def _foot(runs: FloatArray, sizes: FloatArray, at: float) -> float:
    """The run at which the growth began: where the line through its first runs meets the level of the last before.

    Looked for near the bend `at` of the whole, since the level changes with the hours.
    """
    near = (runs >= at - 8) & (runs <= at + 7)
    if np.count_nonzero(near) < FEWEST:
        return at
    x, y = runs[near], sizes[near]
    at = bend(x, y).at
    before, after = x <= at, x > at
    line = theil_sen(x[after][:6], y[after][:6])
    if line is None or line.value <= 0:
        return at
    foot = float(np.median(y[after][:6] - line.value * x[after][:6]))
    return float(np.clip((float(np.median(y[before][-4:])) - foot) / line.value, max(at - 2.0, 0.0), at + 1.0))


def _steady(sizes: FloatArray, after: BoolArray, base: float) -> bool:
    """True if from the onset on the runs grow by half of what they were, over four runs or more, nearly each time."""
    some = sizes[after]
    if len(some) < 4 or float(np.median(some[-3:])) < 1.5 * base + 5:
        return False
    signs = np.sign(some[None, :] - some[:, None])
    return float(np.sum(np.triu(signs, 1))) >= 0.5 * len(some) * (len(some) - 1) / 2


def find_ripple(
    minutes: Minutes, again: FloatArray | None, interval: float | None, clock: Callable[[int], str]
) -> tuple[Ripple, Growth | None, Period | None]:
    """The ripple of the deferred records.

    `again` (n,) deferred records by the minute of mail that was deferred before, and `interval` minutes between two
    tries of one message, where single records are known.
    """
    used = minutes.mail
    inside = np.flatnonzero(used)
    if not len(inside) or not minutes["mail.to"].any():
        return _unknown("no mail log was given, or it holds no delivery records", None), None, None
    span = Span(minutes.micros(int(inside[0])), minutes.micros(int(inside[-1]) + 1), 60, len(inside))
    exact = again is not None and bool(again.any())
    values = again if again is not None and exact else minutes["mail.deferred"]
    bursts = large(find_bursts(values, used, 1.0 if exact else 3.0))
    length = float(inside[-1] - inside[0] + 1)
    period = find_period(bursts.at, length)
    periodic: Verdict = "cannot tell"
    if period is not None and period.p < PERIOD_LEVEL:
        periodic = "holds"
    elif period is not None and len(bursts) >= 3 * FEWEST:
        periodic = "does not hold"
    kept = period if periodic == "holds" else None
    step = kept.minutes if kept is not None else usual(interval)
    runners = round(interval / step) if interval is not None and kept is not None and interval > 1.5 * step else 1
    whole, phase = step * runners, kept.phase if kept is not None else 0.0
    growth, judged = _growth(minutes, values if exact else minutes["mail.attempt.retry"], whole, phase)
    growing: Verdict = "cannot tell"
    if growth is not None and growth.p < GROWTH_LEVEL and growth.low > 0 and growth.steady:
        growing = "holds"
    elif judged >= 2 * FEWEST:
        growing = "does not hold"
    shown = tuple(Burst(minutes.micros(s), int(n)) for s, n in zip(bursts.start, bursts.size, strict=True))[-2000:]
    found = Ripple(
        periodic,
        growing,
        _answer(periodic, growing, period, growth, whole, bursts, minutes, clock),
        period.p if period is not None else math.nan,
        growth.p if growth is not None else math.nan,
        _estimates(kept, growth if growing == "holds" else None, whole),
        shown,
        runners if kept is not None else 0,
        span,
        _conditions(bursts, period, length, runners, interval, whole, exact),
    )
    return found, growth, period


def usual(interval: float | None) -> float:
    """The interval of queue runs that is nearest to that of the tries (which a run's length blurs); 30 if unknown."""
    if interval is None:
        return 30.0
    nearest = min(PERIODS, key=lambda t: abs(t - interval))
    return float(nearest) if abs(nearest - interval) <= 0.1 * nearest else interval


def _growth(minutes: Minutes, retries: FloatArray, whole: float, phase: float) -> tuple[Growth | None, int]:
    """The growth of the retries by the period, and how many periods are covered."""
    at, sizes = sums_by_period(retries, minutes.mail, whole, phase)
    traffic = sums_by_period(minutes["mail.from"], minutes.mail, whole, phase)[1]
    if len(at) < FEWEST:
        return None, len(at)
    return find_growth(at, sizes, traffic, whole), len(at)


def _unknown(why: str, span: Span | None) -> Ripple:
    return Ripple(
        "cannot tell", "cannot tell", f"Nothing can be said of retries: {why}.", math.nan, math.nan, span=span
    )


def _estimates(period: Period | None, growth: Growth | None, whole: float) -> tuple[Estimate, ...]:
    found = []
    if period is not None:
        found.append(
            Estimate("period", period.minutes, period.low, period.high, "min", "time from one queue run to the next")
        )
    if growth is not None:
        found.append(
            Estimate("growth", growth.slope, growth.low, growth.high, "records/run", "by how much each queue run grows")
        )
        value, low, high = (v / whole for v in (growth.slope, growth.low, growth.high))
        meaning = "mail that cannot be delivered and joins the queue"
        found.append(Estimate("inflow", value, low, high, "messages/min", meaning))
    return tuple(found)


def _answer(
    periodic: Verdict,
    growing: Verdict,
    period: Period | None,
    growth: Growth | None,
    whole: float,
    bursts: Bursts,
    minutes: Minutes,
    clock: Callable[[int], str],
) -> str:
    if periodic == "holds" and period is not None:
        first = f"Deferred mail comes back every {period.minutes:.1f} min"
    elif periodic == "does not hold":
        first = f"{len(bursts)} bursts of deferred mail keep no common interval"
    else:
        first = f"{len(bursts)} bursts of deferred mail are too few to see an interval"
    if growing == "holds" and growth is not None:
        rate = f"{growth.slope / whole:.2g} messages a minute pile{'' if growth.end is None else 'd'} up"
        bring = "brings" if growth.end is None else "brought"
        when = stretch(growth, minutes, clock)
        return f"{first}, and {when} each run {bring} {growth.slope:.0f} more: {rate}."
    if growing == "does not hold":
        return f"{first}; the backlog does not grow beyond what the day's traffic brings."
    return f"{first}; whether the backlog grows cannot be told."


def stretch(growth: Growth, minutes: Minutes, clock: Callable[[int], str]) -> str:
    """`since 17:00`, or `from 17:00 to 20:00` where it ended."""
    since = clock(minutes.micros(growth.onset))
    if growth.end is None:
        return f"since {since}"
    return f"from {since} to {clock(minutes.micros(growth.end))}"


def _conditions(
    bursts: Bursts,
    period: Period | None,
    length: float,
    runners: int,
    interval: float | None,
    whole: float,
    exact: bool,
) -> tuple[str, ...]:
    of = "deferred records of mail that waited already" if exact else "all deferred records: single ones are not known"
    found = [f"{len(bursts)} bursts in {length / 60:.1f} h, by the minute, of {of}"]
    if period is None:
        found.append(f"an interval needs at least {FEWEST} bursts")
    if runners > 1 and interval is not None:
        every = f"each message is tried every {interval:.0f} min, some run every {interval / runners:.0f}"
        found.append(f"{runners} queue runners: {every}")
    found.append(
        f"growth: sums over {whole:.0f} min that go up, also against the messages taken in up to 8 sums before"
    )
    return tuple(found)
