"""Proves that surges of the mail server as a whole are found against a day-old past, and that nothing else is said."""

from __future__ import annotations

import functools
import math
from dataclasses import replace

import numpy as np
import pytest

from mailripple.models.evidence import Bins
from mailripple.models.surges import DAY, STEP, TOLD, _evidence, find_surges

BIN, PER_DAY, START = 5, 288, 28_000_000
COST = {"mail.from": 2.0, "mail.out": 4.0, "pop.login": 1.0, "retry": 0.5, "refused": 2.0}


@functools.cache
def server(seed: int, days: int = 6) -> Bins:
    """A mail server with the rhythm of days, whose hours wander, on each of which its relations hold."""
    rng = np.random.default_rng(seed)
    n = days * PER_DAY
    level = (1.1 - np.cos(2 * np.pi * np.arange(n) / PER_DAY)) * np.exp(np.repeat(rng.normal(0, 0.1, n // 12), 12))
    names = {"mail.from": 20.0, "mail.out": 12.0, "pop.login": 15.0, "retry": 2.0, "refused": 3.0}
    columns = {name: rng.poisson(mean * level).astype(float) for name, mean in names.items()}
    columns["first"] = rng.poisson(1.6 * columns["mail.from"]).astype(float)
    cost = sum(c * columns[name] for name, c in COST.items())
    columns["D_q"] = rng.poisson(cost * rng.gamma(60, 1 / 60, n)).astype(float)
    return Bins(START, columns, np.ones(n, bool), np.ones(n, bool))


def raised(bins: Bins, name: str, times: float, begin: int, end: int) -> Bins:
    """The same with so many times as much of something from one bin to another."""
    column = bins[name].copy()
    column[begin:end] = np.round(column[begin:end] * times)
    return replace(bins, columns=bins.columns | {name: column})


@pytest.mark.parametrize("seed", range(12))
def test_quiet_servers_give_none(seed: int) -> None:
    """Null calibration, coarse: six days of each of twelve servers."""
    assert find_surges(server(seed)) == []


@pytest.mark.parametrize(("name", "what"), [("D_q", "lookups"), ("first", "destinations")])
@pytest.mark.parametrize("times", [1.6, 3.0])
def test_a_surge_is_told_with_its_begin_and_end(name: str, what: str, times: float) -> None:
    """Six hours of more than is explained are one surge, told within two hours, its edges within an hour."""
    begin, end = 4 * PER_DAY + 120, 4 * PER_DAY + 192
    (found,) = find_surges(raised(server(3), name, times, begin, end))
    minutes = [(START + BIN * k) * 60_000_000 for k in (begin, end)]
    assert found.what == what
    assert abs(found.start - minutes[0]) <= 3_600_000_000
    assert abs(found.end - minutes[1]) <= 3_600_000_000
    assert found.start < found.at <= minutes[0] + 2 * 3_600_000_000
    assert found.observed / found.expected == pytest.approx(times, rel=0.2)
    assert found.evidence >= TOLD


def test_nothing_is_learnt_under_alarm() -> None:
    """A surge of three days stays one: it does not become what is expected."""
    begin = 3 * PER_DAY
    found = find_surges(raised(server(5), "first", 2.0, begin, 6 * PER_DAY))
    assert len(found) == 1
    assert found[0].end - found[0].start > 2.5 * 86_400_000_000
    assert found[0].expected * 2 == pytest.approx(found[0].observed, rel=0.1)


def test_a_surge_that_outlasts_its_past_is_not_learnt() -> None:
    """Three ordinary days and then nine of twice as much: what is expected stays that of the three days."""
    begin = 3 * PER_DAY
    (found,) = find_surges(raised(server(5, 12), "first", 2.0, begin, 12 * PER_DAY))
    assert found.end - found.start > 8.5 * 86_400_000_000
    assert found.expected * 2 == pytest.approx(found.observed, rel=0.1)


def test_the_last_day_is_not_learnt_yet() -> None:
    """What is expected on a day rests on nothing of the 24 hours before that day (quarantine)."""
    surge = raised(server(7), "first", 3.0, 5 * PER_DAY + 100, 5 * PER_DAY + 160)
    changed = raised(surge, "first", 1.1, 4 * PER_DAY, 5 * PER_DAY)
    (one,), (two,) = (
        [s for s in find_surges(bins) if s.start >= (START + BIN * (5 * PER_DAY + 90)) * 60_000_000]
        for bins in (surge, changed)
    )
    assert one.expected == two.expected


def test_no_past_no_word() -> None:
    """Within the first day, and half of another, nothing is told, whatever happens."""
    assert find_surges(raised(server(1), "D_q", 5.0, 100, PER_DAY)) == []
    short = server(1, 1)
    assert find_surges(short) == []
    nothing = np.zeros(0, bool)
    assert find_surges(Bins(START, {name: np.zeros(0) for name in short.columns}, nothing, nothing)) == []


def test_what_follows_changes_nothing() -> None:
    """What is said of a moment rests on what came before it (law 3): a surge that is over is the same in a longer log."""
    whole = raised(server(4), "D_q", 2.0, 3 * PER_DAY, 3 * PER_DAY + 60)
    n = 4 * PER_DAY
    part = Bins(START, {k: v[:n] for k, v in whole.columns.items()}, whole.mail[:n], whole.both[:n])
    assert find_surges(part) == find_surges(whole)
    assert len(find_surges(whole)) == 1


def test_a_gap_is_no_surge_and_teaches_nothing() -> None:
    """Windows that a log does not cover are passed over."""
    bins = server(6)
    covered = bins.mail.copy()
    covered[2 * PER_DAY : 2 * PER_DAY + 100] = False
    columns = {k: np.where(covered, v, 0.0) for k, v in bins.columns.items()}
    assert find_surges(Bins(START, columns, covered, covered)) == []


def test_a_surge_that_goes_on_where_the_log_ends_is_told() -> None:
    """A log ends within a window, which is then not covered: a surge that was told before it is not lost."""
    begin = 5 * PER_DAY + 60
    bins = raised(server(3), "D_q", 3.0, begin, 6 * PER_DAY)
    covered = bins.mail.copy()
    covered[-2:] = False
    (found,) = find_surges(Bins(START, bins.columns, covered, covered))
    assert found.end == (START + BIN * (6 * PER_DAY - 3)) * 60_000_000


@pytest.mark.parametrize(("mu", "spread"), [(5.0, 0.001), (40.0, 0.05), (300.0, 0.2)])
def test_the_evidence_is_an_e_value(mu: float, spread: float) -> None:
    """Under the negative binomial null its mean is one."""
    r = 1 / spread
    counts = np.arange(0, int(mu * 40) + 200)
    logs = np.array([math.lgamma(r + x) - math.lgamma(r) - math.lgamma(x + 1) for x in counts.tolist()])
    logs += r * math.log(r / (r + mu)) + counts * math.log(mu / (r + mu))
    values = np.array([_evidence(float(x), mu, spread) for x in counts.tolist()])
    assert float(np.sum(np.exp(logs + values))) == pytest.approx(1.0, abs=0.02)
    assert DAY * STEP == 1440
