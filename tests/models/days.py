"""Days of a mail server by the minute, made of counts alone, with a truth that is known (statistics, experiment E1).

Messages come in with a daily curve; 55 % stay, the others go to a geometric number of hosts; a worm sends from `onset`
on, a third of it to domain A, which is closed from then on; a queue run every `period` minutes tries all that waits.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from mailripple.attempts import COLUMNS, KeptAttempts, Rows
from mailripple.models.evidence import DomainA, Material
from mailripple.models.minutes import Minutes

FloatArray = npt.NDArray[np.float64]
START = 17_089_920  # Sunday, 30 June 2002, 00:00 UTC, in minutes; a multiple of a day


@dataclass(frozen=True)
class Day:
    """What is simulated; rates a minute, costs in queries."""

    minutes: int = 1440
    rate: float = 24.0
    worm: float = 6.0
    onset: int = 1020
    share: float = 0.35
    period: float = 30.0
    runners: int = 1
    jitter: float = 0.0
    spread: int = 4
    costs: tuple[float, float, float] = (2.0, 4.0, 1.0)
    retry_cost: float = 0.0
    offset: int = 0
    greylist: float = 0.04
    pop: float = 40.0


def curve(minutes: int) -> FloatArray:
    """A working day: little at night, most before and after noon; mean about 1."""
    hour = np.arange(minutes) / 60 % 24
    return 0.25 + 1.4 * np.exp(-(((hour - 10.5) / 3) ** 2)) + 1.2 * np.exp(-(((hour - 16) / 3.5) ** 2))


def run_minutes(day: Day, dice: np.random.Generator) -> list[float]:
    """When the queue runs begin."""
    step = day.period / day.runners
    return [t + dice.normal(0, day.jitter) for t in np.arange(7.0, day.minutes, step)]


def simulate(day: Day, seed: int) -> Material:
    """Minutes and deferred records of such a day."""
    dice = np.random.default_rng(seed)
    n = day.minutes
    normal = dice.poisson(day.rate * curve(n) * dice.gamma(8, 1 / 8, n))
    since = np.arange(n) - day.onset
    rate = np.where(since >= 0, day.worm * (2 / (1 + np.exp(-np.clip(since, 0, None) / 8.0)) - 1), 0.0)
    worm = dice.poisson(rate)
    leaving = dice.binomial(normal, 0.45)
    hosts = leaving + np.array([dice.negative_binomial(k, 1 / 3.5) if k else 0 for k in leaving])
    to_a = dice.binomial(worm, day.share)
    grey = dice.binomial(hosts, day.greylist)
    first = (normal - leaving) + hosts + worm
    retries, sent_again, deferred_again, rows = _queue(day, dice, to_a, grey)
    deferred = to_a + grey + deferred_again
    pop = dice.poisson(day.pop * curve(n))
    costs = day.costs
    asked = costs[0] * (normal + worm) + costs[1] * (hosts + worm) + costs[2] * pop + day.retry_cost * retries
    columns = {
        "mail.from": normal + worm, "mail.to": first + retries, "mail.sent": first - to_a - grey + sent_again,
        "mail.deferred": deferred, "mail.out": hosts + worm, "mail.attempt.first": first,
        "mail.attempt.retry": retries, "pop.login": pop, "D_q": np.roll(asked, day.offset), "dns.query": asked,
    }  # fmt: skip
    ok = np.ones(n, np.bool_)
    ok[[0, -1]] = False
    minutes = Minutes(START, {k: v.astype(np.float64) for k, v in columns.items()}, ok, ok & (np.roll(ok, day.offset)))
    top = DomainA(7, int(np.count_nonzero(rows[6] == 7)), int(rows.shape[1])) if rows.shape[1] else None
    attempts = KeptAttempts(Rows(rows[:, np.lexsort(rows[::-1])]), Rows(np.zeros((len(COLUMNS), 0), np.int64)))
    return Material(minutes, attempts, top, "domain{}.example".format, clock)


def _queue(day: Day, dice: np.random.Generator, to_a: Any, grey: Any) -> tuple[Any, Any, Any, npt.NDArray[np.int64]]:
    """Retries by the minute, those that succeed, those deferred again, and all deferred records as rows."""
    n = day.minutes
    retries, sent, again = (np.zeros(n, np.int64) for _ in range(3))
    rows: list[tuple[int, ...]] = []
    queue: list[tuple[int, int]] = []
    runs = sorted(run_minutes(day, dice))
    at, number = 0, 0
    for run in [*runs, float(n)]:
        while at < min(run, n):
            for domain, count in ((7, int(to_a[at])), (8, int(grey[at]))):
                for _ in range(count):
                    number += 1
                    queue.append((number, domain))
                    rows.append(_row(at, number, domain, 1))
            at += 1
        if run >= n:
            break
        kept = []
        turn = runs.index(run) % day.runners
        for message, domain in queue:
            if message % day.runners != turn:  # each message lies in the queue of one runner
                kept.append((message, domain))
                continue
            minute = int(max(run, 0) + dice.random() * day.spread)
            if minute < n:
                retries[minute] += 1
                if domain == 7:
                    again[minute] += 1
                    rows.append(_row(minute, message, domain, 0))
                else:
                    sent[minute] += 1
            if domain == 7:
                kept.append((message, domain))
        queue = kept
    return retries, sent, again, np.array(rows, np.int64).reshape(-1, len(COLUMNS)).T


def _row(minute: int, message: int, domain: int, first: int) -> tuple[int, ...]:
    return ((START + minute) * 60_000_000, 1, message, 100 + message % 5, 0, 1 + message % 97, domain, first, 2, 1, 0)


def clock(moment: int) -> str:
    """The time of day."""
    minute = moment // 60_000_000 % 1440
    return f"{minute // 60:02d}:{minute % 60:02d}"


def quiet(day: Day) -> Day:
    return replace(day, worm=0.0)
