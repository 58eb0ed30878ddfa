"""The score of senders is what its slow reference says, and means what it claims."""

from __future__ import annotations

import math
import random
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailripple.messages import Attempts
from mailripple.models import logs, senders_kernel
from mailripple.models.senders import COLD_RATE, DAY, Senders, SenderScore
from mailripple.models.sums_kernel import HOURS
from mailripple.tables import STATUSES
from tests.naive_senders import Subject, Unit, score
from tests.streams import hashed, key

START = 1_700_000_000_000_000
SECOND = 1_000_000


def attempts(units: list[Unit]) -> Attempts:
    """The units as columns."""
    out = np.zeros((12, len(units)), np.int64)
    for n, u in enumerate(units):
        status = STATUSES.index("bounced" if u.failed else "sent") if u.final else STATUSES.index("deferred")
        out[:, n] = (
            u.ts, u.order, 1, hashed(u.queue), key(u.client), key(u.account), hashed(u.sender), key(u.domain), u.first,
            status, 5 if u.failed else 2, u.final,
        )  # fmt: skip
    return Attempts(out)


def scored(units: list[Unit], *, cuts: int = 1, slots: int = 256) -> dict[tuple[bool, int], SenderScore]:
    """The kernel's scores by (account?, key); the stream in `cuts` pieces."""
    senders = Senders(hashed(""), slots=slots)
    for piece in np.array_split(attempts(units).columns, cuts, axis=1):
        senders.step(Attempts(piece))
    return {(s.account, s.key): s for s in senders.scores()}


def test_mailings_of_days_ago_take_no_memory() -> None:
    """A host that mails with a new sender address each minute, for six weeks, has room for those of some hours."""
    units = [
        Unit(START + 60 * k * SECOND, k + 1, f"q{k}", "192.0.2.9", "", f"s{k}@x.test", "d.example", True, False, True)
        for k in range(60_000)
    ]
    senders = Senders(hashed(""), slots=256)
    senders.step(attempts(units))
    assert len(senders._sums._tables[HOURS]) <= 1024


@pytest.mark.parametrize(("minutes", "new"), [(1, 1), (60 * 1440 - 1, 1), (60 * 1440, 1), (60 * 1440 + 1, 2)])
def test_who_was_written_to_is_remembered_for_sixty_days(minutes: int, new: int) -> None:
    """To the minute, destinations and sender addresses alike; the second within it makes no difference."""
    for second in (0, 59):
        times = START // (60 * SECOND) * 60 * SECOND, (START // (60 * SECOND) + minutes) * 60 * SECOND + second * SECOND
        units = [
            Unit(ts, n, f"q{n}", "192.0.2.9", "", "a@x.test", "d.example", True, False, True)
            for n, ts in enumerate(times)
        ]
        found = scored(units)[False, key("192.0.2.9")]
        assert (found.new, found.senders) == (new, new)


def draw(seed: int, size: int, *, worm: float = 0.1, hosts: int = 4, gap: int = 600) -> list[Unit]:
    """Mail of a few hosts, one of them now and then like a worm's; equal times and all outcomes occur."""
    rng = random.Random(seed)
    ts, units = START, []
    for n in range(size):
        ts += rng.choice((0, 0, 1, 7, gap, 40 * gap)) * SECOND
        host = rng.randrange(hosts)
        wild = rng.random() < worm
        sender = f"s{rng.randrange(500)}@x.test" if wild else rng.choice(("", f"u{host}@campus.example"))
        domain = f"d{rng.randrange(900)}.example" if wild else f"k{rng.randrange(9)}.example"
        account = f"a{host}" if host % 2 else ""
        units.append(
            Unit(ts, n + 1, f"q{n // 2}", f"192.0.2.{host}", account, sender, domain, rng.random() < 0.9,
                 rng.random() < (0.4 if wild else 0.04), rng.random() < 0.9)
        )  # fmt: skip
    return units


def said(subject: Subject) -> tuple[object, ...]:
    """What the reference says, as the score says it."""
    times = (subject.onset, subject.notice, subject.warning, subject.alarm)
    sums = (subject.most, subject.clustered, subject.plain.s, subject.sender.s, subject.sure)
    return (
        subject.units, subject.fails, subject.new, subject.senders, subject.deferred, *(s / logs.ONE for s in sums),
        *(t or None for t in times), subject.alarm_units, tuple(order for weight, order in subject.top if weight > 0),
    )  # fmt: skip


def told(score: SenderScore) -> tuple[object, ...]:
    """The score in the same order."""
    return (
        score.units, score.failed, score.new, score.senders, score.deferred, score.log_most, score.log_clustered,
        score.log_plain, score.log_senders, score.evidence, score.onset, score.notice, score.warning, score.alarm,
        score.units_to_alarm, score.lines,
    )  # fmt: skip


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 1 << 32), st.integers(1, 300), st.floats(0, 1), st.integers(1, 7))
def test_the_kernel_equals_the_slow_reference(seed: int, size: int, worm: float, cuts: int) -> None:
    """Law 4, and law 2: every number of every subject, bit for bit, wherever the stream is cut."""
    units = draw(seed, size, worm=worm)
    expected = {(k == "account", key(name)): said(s) for (k, name), s in score(units, logs.fixed(COLD_RATE)).items()}
    assert {k: told(s) for k, s in scored(units, cuts=cuts).items()} == expected


@pytest.mark.parametrize("weeks", [0, 1, 2, 5])
def test_units_of_the_last_week_count_those_of_earlier_ones_do_not(weeks: int) -> None:
    """Law 4, for a host that sends a hundred messages, is silent for so many weeks, and sends as many again."""
    units = draw(5, 400, worm=0.5, hosts=2, gap=1)
    units = [replace(u, ts=u.ts + (n >= 200) * weeks * 7 * 86_400 * SECOND) for n, u in enumerate(units)]
    expected = {(k == "account", key(name)): said(s) for (k, name), s in score(units, logs.fixed(COLD_RATE)).items()}
    assert {k: told(s) for k, s in scored(units, cuts=3).items()} == expected


def test_small_tables_grow_and_are_swept_without_a_difference() -> None:
    """Tables of 32 slots give the scores that large ones give, over months."""
    units = draw(3, 4000, worm=0.4, hosts=60, gap=7200)
    assert scored(units, slots=32) == scored(units, slots=1 << 14)


def quiet(rng: random.Random, host: int, ts: int, n: int) -> list[Unit]:
    """n messages of an ordinary host: known partners mostly, 3 % failures."""
    found = []
    for i in range(n):
        ts += rng.randrange(60, 7200) * SECOND
        domain = f"k{min(int(rng.paretovariate(0.8)), 400)}.example"
        found.append(
            Unit(ts, i + 1, f"q{host}.{i}", f"192.0.2.{host}", "", f"u{host}@campus.example", domain, True, rng.random() < 0.03)
        )
    return found


def test_ordinary_hosts_raise_no_alarm() -> None:
    """100 hosts with 300 messages each, 3 % failures: no alarm, no warning."""
    rng = random.Random(7)
    found = [s for host in range(100) for s in scored(quiet(rng, host, START, 300)).values()]
    assert [s.log_most for s in found if s.warning] == []


def worm(rng: random.Random, ts: int, n: int, *, senders: int, fails: float = 0.25) -> list[Unit]:
    """A mass mailer's messages, one a minute."""
    return [
        Unit(
            ts + i * 60 * SECOND, 10_000 + i, f"w{i}", "192.0.2.1", "", f"s{rng.randrange(senders)}@x.test",
            f"d{rng.randrange(2000)}.example", True, rng.random() < fails,
        )
        for i in range(n)
    ]  # fmt: skip


def test_a_worm_with_changing_senders_is_found_in_few_messages_and_dated() -> None:
    """After 200 ordinary messages: the median worm of 20 is named within 30 messages, its onset within 5 minutes."""
    delays, errors = [], []
    for seed in range(20):
        rng = random.Random(seed)
        before = quiet(rng, 1, START, 200)
        begin = before[-1].ts + 60 * SECOND
        found = scored(before + worm(rng, begin, 120, senders=500))[False, key("192.0.2.1")]
        assert found.alarm is not None
        assert found.onset is not None
        delays.append((found.alarm - begin) // (60 * SECOND) + 1)
        errors.append(abs(found.onset - begin) / (60 * SECOND))
    assert np.median(delays) <= 30
    assert np.median(errors) <= 5


def test_one_mailing_is_not_many_witnesses() -> None:
    """A newsletter of 700 recipients with 10 % dead addresses: plain failures scream, the clustered ones stay silent."""
    rng = random.Random(1)
    units = [
        Unit(START + i * SECOND, i, f"q{i}", "192.0.2.10", "", "news@campus.example", f"d{i % 300}.example", True, rng.random() < 0.1)
        for i in range(700)
    ]
    found = scored(units)[False, key("192.0.2.10")]
    assert found.log_plain > 6
    assert found.alarm is None


def steady(per_minute: float, minutes: float, dead: float, seed: int) -> SenderScore:
    """The score of a host with one sender that writes to a new domain each time."""
    rng, units, ts = random.Random(seed), [], float(START // (3600 * SECOND) * 3600 * SECOND + 50 * 60 * SECOND)
    end = ts + minutes * 60 * SECOND
    while (ts := ts + rng.expovariate(per_minute) * 60 * SECOND) < end:
        n = len(units)
        units.append(Unit(int(ts), n + 1, f"q{n}", "192.0.2.1", "", "me@campus.example", f"d{n}.example", True, rng.random() < dead, True))
    (found,) = scored(units).values()
    return found


def test_a_fast_mailer_with_one_sender_of_whose_mail_half_fails_is_named_within_minutes() -> None:
    """At 100 a minute: after some 150 messages, though the null learns the failures of the mailing."""
    found = [steady(100, 30, 0.5, seed) for seed in range(10)]
    assert all(f.alarm is not None for f in found)
    assert np.median([f.units_to_alarm for f in found]) < 250


def test_a_mailing_that_goes_on_over_the_full_hour_is_not_two() -> None:
    """A list of 300 with a quarter dead, sent in 20 minutes on both sides of the full hour, is no more than a warning."""
    assert all(steady(15, 20, 0.25, seed).alarm is None for seed in range(10))


def test_a_slow_mailer_with_one_sender_is_named_an_hour_after_it_was_first_heard() -> None:
    """At 2 a minute, a third fails: not within the first hour, and then soon."""
    found = [steady(2, 240, 0.33, seed) for seed in range(10)]
    assert all(f.alarm is not None and f.alarm - f.first > 3600 * SECOND for f in found)
    assert np.median([(f.alarm or 0) - f.first for f in found]) < 2.5 * 3600 * SECOND


def test_a_job_that_writes_to_a_dead_address_each_hour_is_no_worm() -> None:
    """The same failure again and again says nothing new."""
    units = [
        Unit(START + i * 3600 * SECOND, i, f"q{i}", "192.0.2.3", "", "cron@campus.example", "dead.example", True, True)
        for i in range(500)
    ]
    found = scored(units)[False, key("192.0.2.3")]
    assert found.notice is None


def test_deferrals_and_bounces_convict_nobody() -> None:
    """Messages that wait, and those of the null sender, are no evidence."""
    units = [
        Unit(START + i * SECOND, i, f"q{i}", "192.0.2.4", "", "" if i % 2 else "u@x.test", f"d{i}.example", i % 2 == 1, True)
        for i in range(400)
    ]
    found = scored(units)[False, key("192.0.2.4")]
    assert (found.units, found.deferred, found.log_most) == (0, 200, 0.0)


def rows(senders: Senders) -> npt.NDArray[np.float64]:
    """The learnt rate."""
    return np.array([senders.rate])


@pytest.mark.parametrize(("fails", "low", "high"), [(0.0, 0.03, 0.03), (0.06, 0.06, 0.1)])
def test_the_site_teaches_its_failure_rate_after_a_day_in_quarantine(fails: float, low: float, high: float) -> None:
    """The rate is learnt at the second midnight, not before, is an upper quantile of the hosts', and at least 3 %."""
    rng = random.Random(5)
    midnight = START // DAY * DAY + DAY
    first = [
        Unit(midnight + i * 20 * SECOND, i, f"q{i}", f"192.0.2.{i % 20}", "", f"u{i % 20}@campus.example", f"k{rng.randrange(80)}.example", True, rng.random() < fails)
        for i in range(2000)
    ]  # fmt: skip
    senders = Senders(hashed(""))
    senders.step(attempts(first))
    later = [Unit(midnight + d * DAY, 9000 + d, f"p{d}", "192.0.2.1", "", "u1@campus.example", "k1.example", True, False) for d in (1, 2)]
    senders.step(attempts(later[:1]))
    assert senders.rate == pytest.approx(COLD_RATE)
    senders.step(attempts(later[1:]))
    assert low - 1e-6 <= senders.rate <= high + 1e-6


def past(fails: float, seed: int) -> list[Unit]:
    """Five days of a host with one sender and twenty partners, an hour apart; that share of its mail fails."""
    rng = random.Random(seed)
    return [
        Unit(
            START + n * 3600 * SECOND, n + 1, f"p{n}", "192.0.2.1", "", "me@campus.example",
            f"k{rng.randrange(20)}.example", True, rng.random() < fails,
        )
        for n in range(120)
    ]  # fmt: skip


def test_a_host_whose_mail_never_failed_is_judged_by_its_own_past() -> None:
    """Failures of such a host say more: the same worm has the larger evidence of them after a clean past, a day old, than
    where nothing is known of the host."""
    for seed in range(10):
        begin = START + 121 * 3600 * SECOND
        attack = worm(random.Random(seed), begin, 20, senders=1)
        known, unknown = (
            scored(units)[False, key("192.0.2.1")].log_clustered for units in ([*past(0.0, seed), *attack], attack)
        )
        assert known > unknown + 0.5


def test_little_mail_is_no_mass_mail() -> None:
    """Two messages a day, of which half fail, are worth a notice or a warning after weeks, but no alarm."""
    units = [
        Unit(START + n * 12 * 3600 * SECOND, n + 1, f"q{n}", "192.0.2.1", "", "me@campus.example", f"d{n}.example", True, n % 2 == 0)
        for n in range(80)
    ]
    (found,) = scored(units).values()
    assert found.warning is not None
    assert found.alarm is None


def test_a_few_messages_a_day_are_no_mass_mail_whoever_sends_them() -> None:
    """Five messages a day, each with a sender of its own, of which half fail: a warning; twelve a day: an alarm."""

    def sent(a_day: int) -> SenderScore:
        rng = random.Random(1)
        units = [
            Unit(START // DAY * DAY + (n // a_day) * DAY + (600 + n % a_day) * 60 * SECOND, n + 1, f"q{n}", "192.0.2.1", "",
                 f"s{n}@x.test", f"d{n}.example", True, rng.random() < 0.5)
            for n in range(40 * a_day)
        ]  # fmt: skip
        (found,) = scored(units).values()
        return found

    assert sent(5).warning is not None
    assert sent(5).alarm is None
    assert sent(12).alarm is not None


def test_a_second_mailing_must_say_more_where_the_sender_is_the_same() -> None:
    """Two mailings two hours apart, a quarter fails: with three new senders named sooner in six cases of ten, and never later."""

    def alarm(senders: tuple[str, ...], seed: int) -> float:
        rng = random.Random(seed)
        units = [
            Unit(START // DAY * DAY + (36_000 + i * 6 + 7200 * (i >= 150)) * SECOND, i + 1, f"q{i}", "192.0.2.1", "",
                 senders[i] if i < len(senders) else "me@campus.example", f"d{i}.example", True, rng.random() < 0.25)
            for i in range(270)
        ]  # fmt: skip
        (found,) = scored(units).values()
        return float("inf") if found.alarm is None else found.alarm

    few = [alarm(("a@x.test", "b@x.test", "c@x.test"), seed) for seed in range(10)]
    one = [alarm((), seed) for seed in range(10)]
    assert all(a <= b for a, b in zip(few, one, strict=True))
    assert sum(a < b for a, b in zip(few, one, strict=True)) >= 6


@pytest.mark.parametrize(("theta", "contact"), [(0.005, 0.2), (0.05, 0.2), (0.1, 0.3), (0.25, 0.75), (0.4, 0.9)])
def test_a_mass_mailers_first_contacts_fail_three_times_as_often(theta: float, contact: float) -> None:
    """... as the site's mail, but one in five at least, and no more than nine in ten; the words hold the logarithms."""
    words = senders_kernel.rate_words(logs.fixed(theta))
    assert words[0] == logs.fixed(theta)
    wanted = [math.log(p) for rate in (theta, contact) for p in (1 - rate, rate)]
    assert [(word - logs.log_of(logs.ONE)) / logs.ONE for word in words[1:]] == pytest.approx(wanted, abs=1e-5)
