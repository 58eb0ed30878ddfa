"""The simulated day has the paper's shape, and what its parameters say is so."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from mailripple.errors import UsageError
from mailripple.simulate.attempts import DEFERRED, SENT, queue_runs
from mailripple.simulate.campus import A
from mailripple.simulate.day import LOCAL, OK
from mailripple.simulate.lookups import MAIL_SERVER
from mailripple.simulate.records import Day, make_day
from mailripple.simulate.scenario import Variant, day_span, scenario

HOUR = 3_600_000
SCENE = scenario("paper-day")


@pytest.fixture(scope="module")
def day() -> Day:
    return make_day(SCENE, 11, Variant(retry_lookups=4))


@pytest.fixture(scope="module")
def quiet() -> Day:
    return make_day(SCENE, 11, Variant(quiet=True))


def per_minute(day: Day, hour: float, width: float = 0.5, ms: np.ndarray | None = None) -> float:  # type: ignore[type-arg]
    """Messages a minute around a local hour."""
    times = day.messages.ms if ms is None else ms
    low, high = (day.span.start + (hour + side * width / 2) * HOUR for side in (-1, 1))
    return float(np.sum((times >= low) & (times < high)) / width / 60)


def test_figure_1s_shape() -> None:
    """Over eight quiet days: peaks at 10, 14 and 17:30, a dip at noon, a steep rise from 8 to 9, quiet nights, 20 to 28 a minute at the peaks."""
    days = [make_day(SCENE, seed, Variant(quiet=True)) for seed in range(8)]
    rate = {hour: np.mean([per_minute(d, hour) for d in days]) for hour in (3, 8, 9, 10, 12, 14, 16.5, 17.5, 19, 23)}
    assert rate[10] > rate[12] < rate[14]
    assert rate[16.5] < rate[17.5] > rate[19]
    assert rate[9] > 2 * rate[8]
    assert rate[3] < 0.1 * rate[14]
    assert rate[23] < 0.3 * rate[14]
    assert 20 < rate[10] < 28
    assert 20 < rate[14] < 28


def test_the_mix_is_that_of_the_parameters(quiet: Day) -> None:
    """The share of local messages is q, the mean number of hosts of the others n, within four standard errors; no host comes twice in a message."""
    d, count = quiet.deliveries, len(quiet.messages.ms)
    hosts = np.bincount(d.message[d.domain != LOCAL], minlength=count)
    q, n = quiet.values["q"], quiet.values["n"]
    sent = hosts[hosts > 0]
    assert abs(np.mean(hosts == 0) - q) < 4 * math.sqrt(q * (1 - q) / count)
    assert abs(sent.mean() - n) < 4 * sent.std() / math.sqrt(len(sent))
    assert len(np.unique(d.message * 10_000 + d.domain)) == len(d.message)


def test_look_ups_are_those_of_equation_1(day: Day) -> None:
    """D_q = 2 messages + 4 first attempts elsewhere + 4 retries + 1 POP session, on average: within four standard errors, and the last seconds of the day."""
    away = day.deliveries.domain[day.attempts_all.delivery] != LOCAL
    first = int(np.sum(away & (day.attempts_all.tries == 0)))
    again = int(np.sum(day.attempts_all.tries > 0))
    asked = int(np.sum(day.queries.client == MAIL_SERVER))
    expected = 2 * len(day.messages.ms) + 4 * first + 4 * again + len(day.pop.ms)
    assert abs(asked - expected) <= 4 * math.sqrt(2 * day.values["dns_repeats"] * expected) + 40
    assert asked != expected


def test_retries_cost_what_is_asked(day: Day) -> None:
    """Without look-ups of retries, the same day has four fewer for each retry."""
    cached = make_day(SCENE, 11, Variant(retry_lookups=0))
    assert np.array_equal(cached.attempts.ms, day.attempts.ms)
    again = int(np.sum(day.attempts.tries > 0))
    asked = len(day.queries.ms) - len(cached.queries.ms)
    assert abs(asked - 4 * again) <= 4 * math.sqrt(4 * day.values["dns_repeats"] * len(day.queries.ms))


def test_a_closes_and_its_mail_piles_up(day: Day) -> None:
    """From 17:00 nothing reaches A; each queue run tries all that waits there, so that bursts only grow."""
    at_a = (day.deliveries.domain[day.attempts.delivery] == A) & (day.attempts.ms >= day.close)
    # A delivery already under way at 17:00 may log within the second.
    late = at_a & (day.attempts.ms >= (day.close or 0) + 2000)
    assert not np.any(day.attempts.status[late] == SENT)
    whole = day.runs < day.span.end - 60_000 * (day.values["queue_spread"] + 1)  # midnight cuts the last one off
    retries = late & (day.attempts.tries > 0) & whole[day.attempts.run]
    bursts = np.unique(day.attempts.run[retries], return_counts=True)[1]
    assert len(bursts) in {13, 14}
    assert np.all(np.diff(bursts) > 0)
    assert len(np.unique(day.attempts.delivery[retries])) >= bursts[-1]


def test_retries_come_within_the_runs(day: Day) -> None:
    """Each retry lies in its queue run, at most the spread and some seconds after its start."""
    again = day.attempts.tries > 0
    since = day.attempts.ms[again] - day.runs[day.attempts.run[again]]
    assert since.min() >= 0
    assert since.max() <= day.values["queue_spread"] * 60_000 + 10_000
    assert np.all(np.diff(day.runs) == 30 * 60_000)


def test_worms_mail_one_stranger_each_from_their_start(day: Day) -> None:
    """Each infected PC mails only after its start, one recipient a message, a third of it to A; they start in the afternoon."""
    assert day.worm is not None
    rows = np.flatnonzero(day.messages.worm >= 0)
    who = day.messages.worm[rows]
    assert np.all(day.messages.ms[rows] >= day.worm.starts[who])
    assert np.all(day.messages.client[rows] == day.worm.hosts[who])
    mine = np.isin(day.deliveries.message, rows)
    assert mine.sum() == len(rows)
    assert np.all(day.deliveries.recipients[mine] == 1)
    assert abs(np.mean(day.deliveries.domain[mine & (day.deliveries.fate == OK)] == A) - day.values["worm_share_a"]) < 0.05
    hours = (day.worm.starts - day.span.start) / HOUR
    assert hours.min() > 13
    assert hours.max() < 20


def test_the_quiet_variant_is_the_same_day_without_the_worm(day: Day, quiet: Day) -> None:
    """Its messages are exactly the others' that no worm sent; some are deferred, so that it ripples, but less than a third as many."""
    assert np.array_equal(quiet.messages.ms, day.messages.ms[day.messages.worm < 0])
    assert quiet.worm is None
    deferred, more = (int(np.sum(d.attempts.status == DEFERRED)) for d in (quiet, day))
    assert 100 < deferred < more / 3


def test_runners_and_jitter() -> None:
    """Three runners run three times as often, a third of the interval apart; jitter moves a run by half of it at most."""
    span = day_span(SCENE, Variant())
    even = queue_runs(span, Variant(queue_runners=3), 0.1, np.random.default_rng(1))
    assert np.all(np.abs(np.diff(even) - 600_000) <= 1)
    assert len(even) == 3 * 48
    moved = queue_runs(span, Variant(queue_runners=3, queue_jitter=4), 0.1, np.random.default_rng(1))
    assert 0 < np.abs(moved - even).max() <= 120_000


@pytest.mark.parametrize(
    "bad",
    [
        {"retry_lookups": 9}, {"retry_lookups": -1}, {"queue_interval": 0.0}, {"queue_interval": math.nan}, {"queue_runners": 0},
        {"queue_spread": -1.0}, {"queue_jitter": math.inf}, {"clock_offset": 1e9},
    ],
)  # fmt: skip
def test_numbers_that_make_no_sense_are_refused(bad: dict[str, float]) -> None:
    """A number out of its range, or none at all, is an error of use."""
    with pytest.raises(UsageError):
        make_day(SCENE, 1, dataclasses.replace(Variant(), **bad))
