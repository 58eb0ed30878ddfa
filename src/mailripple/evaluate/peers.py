"""Rules in use elsewhere, on the same events: each takes one number that can be tuned.

They are given what they need and no more: addresses of the campus are told from others, and the mail server is known.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mailripple.evaluate.grid import HISTORY
from mailripple.evaluate.week import Raised, Rule, Week
from mailripple.evaluate.windows import (
    HOUR,
    MINUTE,
    Bools,
    first_times,
    in_buckets,
    in_window,
    new_ones,
    subject_of,
    units,
)
from mailripple.parse import layout as L
from mailripple.simulate.site.tables import Ints
from mailripple.tables import QTYPES


@dataclass(frozen=True, slots=True)
class Peer:
    """A rule: its name in a sentence, its source, its usual number and those that tuning may choose from."""

    name: str
    source: str
    rule: Rule
    usual: float
    choices: tuple[float, ...]
    path: str = "mail"


def messages_an_hour(week: Week, limit: float) -> list[Raised]:
    """More than `limit` destinations in an hour: the rate limits of mail servers (Postfix anvil, Exim)."""
    who, ts, _ = units(week, week.column("first") == 1)
    return first_times(who, ts, in_window(who, ts, HOUR) > limit)


def failures(week: Week, limit: float) -> list[Raised]:
    """`limit` failures in ten minutes: fail2ban's maxretry and findtime."""
    who, ts, _ = units(week, _failed(week))
    return first_times(who, ts, in_window(who, ts, 10 * MINUTE) >= limit)


def new_domains(week: Week, limit: float) -> list[Raised]:
    """More than `limit` domains in an hour to which the subject never wrote (in the style of Lin and others 2012)."""
    who, ts, row = units(week, week.column("first") == 1)
    new = new_ones(who, week.column("rcpt_domain")[row])
    who, ts = who[new], ts[new]
    return first_times(who, ts, in_window(who, ts, HOUR) > limit)


def ewma(week: Week, limit: float) -> list[Raised]:
    """An hour's count more than `limit` deviations above an exponential mean (weight .1, from ten hours on)."""
    who, ts, _ = units(week, week.column("first") == 1)
    subject, hour, count, last = in_buckets(who, ts, HOUR, week.start)
    raised = []
    for begin, end in _runs(subject):
        mean = square = 0.0
        at = 0
        for k in range(begin, end):
            idle = int(hour[k]) - at
            mean, square = mean * 0.9**idle, square * 0.9**idle
            x = int(count[k])
            deviation = math.sqrt(max(square - mean * mean, 0.0))
            if at and int(hour[k]) >= 10 and x > mean + limit * max(deviation, 1.0):
                raised.append(Raised(subject_of(int(subject[k])), int(last[k])))
                break
            mean, square, at = 0.9 * mean + 0.1 * x, 0.9 * square + 0.1 * x * x, int(hour[k]) + 1
    return raised


def negative_binomial(week: Week, limit: float) -> list[Raised]:
    """A quarter of an hour whose count has a chance below 10**-limit under a negative binomial fitted to the subject's
    past quarters (in the style of Elastic's high_count)."""
    who, ts, _ = units(week, week.column("first") == 1)
    subject, quarter, count, last = in_buckets(who, ts, 15 * MINUTE, week.start)
    raised = []
    for begin, end in _runs(subject):
        total = squares = 0.0
        for k in range(begin, end):
            past, x = int(quarter[k]), int(count[k])
            if past >= 96 and total and x > 3:
                mean = (total + 1) / past
                spread = max(squares / past - mean * mean - mean, 0.05 * mean)
                if _upper_tail(x, mean, mean * mean / spread) < 10.0**-limit:
                    raised.append(Raised(subject_of(int(subject[k])), int(last[k])))
                    break
            total, squares = total + x, squares + x * x
    return raised


def any_exchanger(week: Week, limit: float) -> list[Raised]:
    """`limit` distinct exchanger questions ever by a host that is no mail server (Whyte and others 2005)."""
    who, ts = _askers(week)
    rank = _rank(who)
    return first_times(who, ts, rank >= limit)


def exchangers_at_once(week: Week, limit: float) -> list[Raised]:
    """`limit` distinct exchanger questions within ten minutes by a host that is no mail server."""
    who, ts = _askers(week)
    return first_times(who, ts, in_window(who, ts, 10 * MINUTE) >= limit)


def sprt(week: Week, limit: float) -> list[Raised]:
    """Duan and others (SPOT, 2012): a sequential test of .9 against .2 on failures; alarm at `limit`, begun anew at
    -4.6 (alpha and beta .01 are 4.6)."""
    return _sprt(week, _failed(week), limit)


def sprt_oracle(week: Week, limit: float) -> list[Raised]:
    """The same with a content filter that knows nine tenths of the mailers' mail, and errs in 2 % of the rest."""
    return _sprt(week, week.oracle, limit)


def share_failed(week: Week, limit: float) -> list[Raised]:
    """cPanel: `limit` per cent of an hour's messages failed or were deferred, of five at least."""
    who, ts, row = units(week, week.column("first") == 1)
    status = week.column("status")
    bad = (status[row] != L.SENT).astype(np.int64)
    all_, worse = in_window(who, ts, HOUR), _sum_window(who, ts, bad, HOUR)
    return first_times(who, ts, (all_ >= 5) & (100 * worse >= limit * all_))


def records_a_message(week: Week, limit: float) -> tuple[int, int, int]:
    """The paper read as a rule: hours in which N_to / N_from is above `limit`.

    It accuses nobody, only the day.  (Hours of 20 messages or more, those above before any attack, all before it): an
    evaluation begins its attacks after `grid.HISTORY` days.
    """
    ts, queue = week.column("ts"), week.column("queue_hash")
    hour = (ts - week.start) // HOUR
    first = np.unique(queue, return_index=True)[1]
    n_to = np.bincount(hour)
    n_from = np.bincount(hour[first], minlength=len(n_to))
    busy = n_from >= 20
    above = busy & (n_to > limit * n_from)
    quiet = np.arange(len(n_to)) < 24 * HISTORY
    return int(busy.sum()), int((above & quiet).sum()), int((busy & quiet).sum())


_SPOT = (4.6, 7, 10, 15, 20, 30, 50, 100)
_DUAN, _WHYTE = "Duan and others 2012", "Whyte and others 2005"
PEERS = (
    Peer("messages an hour", "rate limits of servers", messages_an_hour, 100, (20, 40, 60, 100, 150, 250, 500, 1000)),
    Peer("failures in 10 minutes", "fail2ban", failures, 5, (2, 3, 5, 8, 12, 20, 40, 80)),
    Peer("new domains an hour", "Lin and others 2012", new_domains, 20, (5, 10, 20, 40, 80, 150, 300, 600)),
    Peer("hourly count, EWMA", "textbook", ewma, 3, (3, 5, 8, 12, 20, 40, 80, 160)),
    Peer("quarter-hours, NB", "like Elastic's high_count", negative_binomial, 4, (4, 6, 8, 12, 16, 24, 40, 80)),
    Peer("SPRT on failures", _DUAN, sprt, 4.6, _SPOT),
    Peer("SPRT with a content filter", _DUAN, sprt_oracle, 4.6, _SPOT),
    Peer("share failed or deferred", "cPanel", share_failed, 60, (20, 30, 45, 60, 75, 90, 95, 100)),
    Peer("any exchanger asked for", _WHYTE, any_exchanger, 1, (1, 2, 4, 8, 16, 32, 64, 128), "dns"),
    Peer("exchangers in 10 minutes", _WHYTE, exchangers_at_once, 5, (3, 5, 8, 12, 20, 40, 80, 160), "dns"),
)  # fmt: skip


def _failed(week: Week) -> Bools:
    found: Bools = (week.column("final") == 1) & (week.column("status") != L.SENT)
    return found


def _askers(week: Week) -> tuple[Ints, Ints]:
    """(subject, time) of each first question of a host of the campus for an exchanger."""
    client, name, ts, code = (week.exchangers[L.COL[c]] for c in ("client", "name", "ts", "code"))
    asked = (code >> 16) & 0xFF == QTYPES.index("MX")
    rows = np.flatnonzero(asked & np.isin(client, np.fromiter(week.inside - week.servers, np.int64)))
    rows = rows[np.lexsort((ts[rows], client[rows]))]
    rows = rows[new_ones(client[rows], name[rows])]
    return 2 * client[rows], ts[rows]


def _rank(who: Ints) -> Ints:
    """Place of each row among those of its subject, from 1."""
    starts = np.flatnonzero(np.diff(who, prepend=who[:1] - 1))
    found: Ints = np.arange(len(who)) - np.repeat(starts, np.diff(np.append(starts, len(who)))) + 1
    return found


def _runs(subject: Ints) -> list[tuple[int, int]]:
    starts = np.flatnonzero(np.diff(subject, prepend=-1)).tolist()
    return list(zip(starts, [*starts[1:], len(subject)], strict=True))


def _sum_window(who: Ints, ts: Ints, value: Ints, length: int) -> Ints:
    """As `in_window`, but the sum of a value."""
    total = np.concatenate([[0], np.cumsum(value)])
    many = in_window(who, ts, length)
    at = np.arange(1, len(ts) + 1)
    found: Ints = total[at] - total[at - many]
    return found


def _sprt(week: Week, marked: Bools, limit: float) -> list[Raised]:
    who, ts, row = units(week, week.column("final") == 1)
    steps = np.where(marked[row], math.log(0.9 / 0.2), math.log(0.1 / 0.8)).tolist()
    raised, before, total, done = [], -1, 0.0, False
    for k, (subject, step) in enumerate(zip(who.tolist(), steps, strict=True)):
        if subject != before:
            before, total, done = subject, 0.0, False
        if done:
            continue
        total += step
        if total <= -4.6:
            total = 0.0
        elif total >= limit:
            done = True
            raised.append(Raised(subject_of(subject), int(ts[k])))
    return raised


def _upper_tail(x: int, mean: float, size: float) -> float:
    """P(X >= x) of a negative binomial with this mean and size."""
    p = size / (size + mean)
    term = math.pow(p, size)
    below = 0.0
    for k in range(x):
        below += term
        term *= (size + k) / (k + 1) * (1 - p)
    return max(1.0 - below, term)
