"""What the mail server tries, and when: the first attempt of each delivery, then the queue runs.

A run takes up the whole backlog, each message at its turn within the run's spread. Nothing is given up: the default of
sendmail is five days.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mailripple.simulate.campus import A
from mailripple.simulate.columns import Ints, in_order
from mailripple.simulate.day import LOCAL, UNKNOWN_HOST, UNKNOWN_USER, Deliveries, Messages
from mailripple.simulate.scenario import Span, Variant

SENT, DEFERRED, FAILED = range(3)
TIMEOUT_MS = 75_000
"""How long a connection to a silent host takes to fail."""


class Attempts(NamedTuple):
    """Delivery attempts: time of the log line, row of `Deliveries`, number of earlier tries, SENT, DEFERRED or FAILED,
    and the queue run (-1: the first attempt)."""

    ms: Ints
    delivery: Ints
    tries: Ints
    status: Ints
    run: Ints
    took: Ints


class Bounces(NamedTuple):
    """Messages that the server sends back itself: time, message, and the failed delivery that the line names."""

    ms: Ints
    message: Ints
    delivery: Ints


def queue_runs(span: Span, variant: Variant, phase: float, rng: np.random.Generator) -> Ints:
    """Start (ms, sorted) of each queue run of each runner; `phase` (0 to 1) of the interval is the first one's."""
    interval = variant.queue_interval * 60_000
    starts = []
    for runner in range(variant.queue_runners):
        shift = (phase + runner / variant.queue_runners) % 1.0 * interval
        starts.append(np.arange(span.start + shift, span.end, interval))
    runs = np.concatenate(starts)
    jitter = variant.queue_jitter * 60_000
    return np.sort((runs + rng.uniform(-0.5, 0.5, size=len(runs)) * jitter).astype(np.int64))


def silent(deliveries: Deliveries) -> npt.NDArray[np.bool_]:
    """Which hosts do not answer at all when they cannot take mail; the others refuse."""
    return deliveries.turn * 997 % 1 < 0.4


def attempt_all(
    messages: Messages, deliveries: Deliveries, runs: Ints, spread_ms: float, close: int | None, end: int
) -> tuple[Attempts, Bounces]:
    """All attempts before `end`, in order of time; domain A takes nothing from `close` on."""
    closing = end if close is None else close
    away = deliveries.domain != LOCAL
    to_a = (deliveries.domain == A) & (deliveries.fate != UNKNOWN_HOST)
    ms = messages.ms[deliveries.message] + 400 + 350 * deliveries.place + np.where(away, 900, 0)
    shut = (ms < deliveries.opens) | (to_a & (ms >= closing))
    failed = np.isin(deliveries.fate, (UNKNOWN_USER, UNKNOWN_HOST)) & ~shut
    slow = shut & silent(deliveries)
    took = np.where(slow, TIMEOUT_MS, np.where(away, 500, 100))
    ms = ms + np.where(slow, TIMEOUT_MS, 0)
    status = np.where(shut, DEFERRED, np.where(failed, FAILED, SENT))
    rows = np.arange(len(ms))
    parts = [Attempts(ms, rows, np.zeros_like(rows), status, np.full_like(rows, -1), took)]
    waiting, last, tries = rows[shut], ms[shut], np.zeros(int(shut.sum()), dtype=np.int64)
    for number, start in enumerate(runs.tolist()):
        due = start + (deliveries.turn[waiting] * spread_ms).astype(np.int64) + 100 * deliveries.place[waiting]
        now = (last < start) & (due < end)
        row, when = waiting[now], due[now]
        tries[now] += 1
        open_ = (when >= deliveries.opens[row]) & ~(to_a[row] & (when >= closing))
        bad = np.isin(deliveries.fate[row], (UNKNOWN_USER, UNKNOWN_HOST))
        state = np.where(~open_, DEFERRED, np.where(bad, FAILED, SENT))
        parts.append(Attempts(when, row, tries[now], state, np.full_like(row, number), np.full_like(row, 0)))
        last[now] = when
        keep = np.ones(len(waiting), dtype=bool)
        keep[now] = ~open_
        waiting, last, tries = waiting[keep], last[keep], tries[keep]
    return in_order(parts), _bounces(deliveries, parts[0])


def _bounces(deliveries: Deliveries, first: Attempts) -> Bounces:
    """One for each message with failures, after the last of them."""
    failed = np.flatnonzero(first.status == FAILED)
    message = deliveries.message[failed]
    final = np.flatnonzero(np.diff(message, append=-1))
    rows = failed[final]
    return Bounces(first.ms[rows] + 200, message[final], rows)
