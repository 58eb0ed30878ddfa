"""What the mail server makes of mail: a first attempt at once, then the queue runs; who does not answer, and when."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mailripple.simulate.columns import in_order
from mailripple.simulate.site.drafts import Draft
from mailripple.simulate.site.scene import Clock
from mailripple.simulate.site.tables import (
    BUSY,
    DEFERRED,
    EXPIRED,
    FAILED,
    GREYLISTED,
    LOCAL,
    NO_SERVER,
    POLICY,
    REFUSED,
    SENT,
    TIMED_OUT,
    Attempts,
    Bounces,
    Happening,
    Ints,
)

INTERVALS = (5, 15, 30, 60)
#: What a happening does to deliveries at its domain.
EFFECTS = {"remote-outage": TIMED_OUT, "remote-down": REFUSED, "closed-to-us": POLICY, "dns-outage": NO_SERVER}
#: sendmail, Postfix and Exim give up after about five days.
GIVE_UP_MS = 5 * 86_400_000
#: A server that greylists takes a message that comes again after five minutes.
GREY_MS = 300_000
#: A domain greylists if its number times the one, modulo the other, is below the share of those that do.
GREYLIST_BY, GREYLIST_OF = 48_271, 10_007
TIMEOUT_MS = 75_000
#: Postfix's least and longest time between two attempts.
BACKOFF_MS = (300_000, 4_000_000)


@dataclass(frozen=True, slots=True)
class Doors:
    """When recipients can be reached: `opens` (m,) ms from which a busy or greylisting host takes mail, and why not
    before (`why`); `closed` what happens at domains."""

    opens: Ints
    why: Ints
    closed: list[Happening]

    def reason(self, ms: Ints, domain: Ints, rows: Ints) -> Ints:
        """0, or why recipients `rows`, tried at `ms`, are deferred."""
        why = np.where(ms < self.opens[rows], self.why[rows], 0)
        for happening in self.closed:
            inside = (ms >= happening.start) & (ms < happening.end)
            inside &= (domain == happening.domain) if happening.domain >= 0 else (domain != LOCAL)
            why = np.where(inside, EFFECTS[happening.kind], why)
        return why


def doors_of(mail: Draft, happenings: list[Happening], values: dict[str, float], rng: np.random.Generator) -> Doors:
    """Draw who is busy and who greylists: the first message of a sender to an address there is told to come again."""
    domain, user = mail.recipients.domain, mail.recipients.user
    ms = mail.messages.ms[mail.recipients.message]
    m = len(domain)
    opens, why = np.zeros(m, np.int64), np.zeros(m, np.int64)
    busy = (rng.random(m) < values["busy"]) & (domain != LOCAL)
    opens[busy] = ms[busy] + rng.exponential(values["busy_minutes"] * 60_000, int(busy.sum())).astype(np.int64)
    why[busy] = BUSY
    greylists = (domain * GREYLIST_BY % GREYLIST_OF < values["greylists"] * GREYLIST_OF) & (domain != LOCAL) & ~busy
    rows = np.flatnonzero(greylists)
    triple = (mail.messages.sender[mail.recipients.message[rows]] * 70_000 + domain[rows]) * 32_768 + user[rows]
    _, first = np.unique(triple, return_index=True)
    opens[rows[first]] = ms[rows[first]] + GREY_MS
    why[rows[first]] = GREYLISTED
    return Doors(opens, why, [h for h in happenings if h.kind in EFFECTS])


def queue_runs(clock: Clock, values: dict[str, float], rng: np.random.Generator) -> Ints:
    """Start (ms, sorted) of each queue run of each runner."""
    interval = INTERVALS[int(values["queue_choice"]) % 4] * 60_000
    runners = int(values["runners"])
    phase = rng.random()
    starts = [
        np.arange(clock.start + (phase + k / runners) % 1 * interval, clock.end, interval) for k in range(runners)
    ]
    runs = np.concatenate(starts)
    return np.sort((runs + rng.uniform(-0.5, 0.5, len(runs)) * values["jitter"] * 60_000).astype(np.int64))


@dataclass(frozen=True, slots=True)
class Pace:
    """When the queue is run: `runs` (ms) of `spread_ms` each; `backs_off`: a message waits as long as it is old before
    it is tried again, as Postfix does (minimal_backoff_time, maximal_backoff_time)."""

    runs: Ints
    spread_ms: float
    backs_off: bool = False

    def waits(self, age: Ints) -> Ints:
        """How long (ms) a message that is so old, at its last attempt, is left alone."""
        found: Ints = np.clip(age, *BACKOFF_MS) if self.backs_off else np.full_like(age, 60_000)
        return found


def deliver(
    mail: Draft, doors: Doors, pace: Pace, end: int, rng: np.random.Generator
) -> tuple[Attempts, Bounces]:
    """All attempts before `end`, by time.  Recipients of one message at one destination share their attempts' times."""
    message, domain, fate = mail.recipients.message, mail.recipients.domain, mail.fate
    away = domain != LOCAL
    begun = mail.messages.ms[message]
    turn = rng.random(len(mail.messages.ms))[message]
    ms = begun + 300 + (turn * 900).astype(np.int64) + 400 * _place(message, domain) + np.where(away, 800, 0)
    rows = np.arange(len(ms))
    why = doors.reason(ms, domain, rows)
    slow = why == TIMED_OUT
    took = np.where(slow, TIMEOUT_MS, np.where(away, 600, 90))
    ms = ms + np.where(slow, TIMEOUT_MS, 0)
    status = np.where(why > 0, DEFERRED, np.where(fate > 0, FAILED, SENT))
    zero = np.zeros_like(rows)
    parts = [Attempts(ms, rows, zero, status, np.where(why > 0, why, fate), zero - 1, took)]
    waiting, last, tries = rows[why > 0], ms[why > 0], np.ones(int((why > 0).sum()), np.int64)
    for number, start in enumerate(pace.runs.tolist()):
        due = start + (turn[waiting] * pace.spread_ms).astype(np.int64)
        now = np.flatnonzero((last + pace.waits(last - begun[waiting]) < start) & (due < end))
        if not len(now):
            continue
        row, when = waiting[now], due[now]
        why = doors.reason(when, domain[row], row)
        old = when - begun[row] > GIVE_UP_MS
        status = np.where(why > 0, np.where(old, FAILED, DEFERRED), np.where(fate[row] > 0, FAILED, SENT))
        reason = np.where(why > 0, np.where(old, EXPIRED, why), fate[row])
        parts.append(
            Attempts(
                when, row, tries[now], status, reason, np.full_like(row, number), np.where(why == TIMED_OUT, 0, 500)
            )
        )
        last[now] = when
        tries[now] += 1
        keep = np.ones(len(waiting), bool)
        keep[now] = status == DEFERRED
        waiting, last, tries = waiting[keep], last[keep], tries[keep]
    attempts = in_order(parts)
    inside = attempts.ms < end
    attempts = Attempts(*(column[inside] for column in attempts))
    return attempts, _bounces(mail, attempts)


def _place(message: Ints, domain: Ints) -> Ints:
    """Place of each recipient's destination among those of its message; rows are sorted by message, then domain."""
    new = np.ones(len(message), bool)
    new[1:] = (message[1:] != message[:-1]) | (domain[1:] != domain[:-1])
    group = np.cumsum(new) - 1
    first = np.ones(len(message), bool)
    first[1:] = message[1:] != message[:-1]
    begin = group[np.flatnonzero(first)]
    place: Ints = group - np.repeat(begin, np.diff(np.append(np.flatnonzero(first), len(message))))
    return place


def _bounces(mail: Draft, attempts: Attempts) -> Bounces:
    """One for each message and moment at which recipients failed for good; not for messages without a sender."""
    failed = np.flatnonzero(attempts.status == FAILED)
    recipient = attempts.recipient[failed]
    message = mail.recipients.message[recipient]
    sent_back = mail.messages.sender[message] >= 0
    failed, recipient, message = failed[sent_back], recipient[sent_back], message[sent_back]
    run = attempts.run[failed]
    order = np.lexsort((attempts.ms[failed], run, message))
    last = np.ones(len(order), bool)
    if len(order):
        same = (message[order][1:] == message[order][:-1]) & (run[order][1:] == run[order][:-1])
        last[:-1] = ~same
    rows = order[last]
    bounces = Bounces(attempts.ms[failed[rows]] + 150, message[rows], recipient[rows])
    by_time = np.argsort(bounces.ms, kind="stable")
    return Bounces(*(column[by_time] for column in bounces))
