"""Counting is exact: it equals the naive reference, and parts counted apart add up to the whole (laws 2 and 4)."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailripple import cells_kernel as kernel
from mailripple import counts as counting
from mailripple.cells import entity_totals
from mailripple.counts import METRIC_NAMES, Counter, Counts, merge
from mailripple.parse import layout as L
from tests import naive_fold
from tests.naive_fold import SECOND, Event
from tests.streams import FLAGS, START, columns_of, key, keyed, plain, random_stream, stitched

SEEDS = st.integers(0, 1 << 32)
#: The smallest tables that a counter takes.
TINY = {"cells": 512, "rows": 96, "budget": 1280}


def counted(columns: npt.NDArray[np.int64], cuts: Sequence[int] = (), **sizes: int) -> Counts:
    """The counts of the columns, handed over in pieces."""
    counter = Counter(**sizes)
    bounds = [0, *sorted(min(c, columns.shape[1]) for c in cuts), columns.shape[1]]
    for a, b in zip(bounds, bounds[1:], strict=False):
        counter.count(np.ascontiguousarray(columns[:, a:b]))
    return counter.counts()


def expected(events: Sequence[Event]) -> tuple[Any, Any, Any]:
    return keyed(naive_fold.count(events).plain())


def in_order(events: list[Event]) -> list[Event]:
    """The stream as `streams.stitched` hands it on: late ones where they come."""
    by_line = {e.line: e for e in naive_fold.fold(events)}
    return [by_line[n >> 32] for n in stitched(events)[L.COL["line"]].tolist()]


@settings(deadline=None, max_examples=80)
@given(SEEDS, st.integers(1, 300), st.integers(0, 150), st.lists(st.integers(0, 300), max_size=5))
def test_counts_equal_the_naive_ones(seed: int, size: int, jitter: int, cuts: list[int]) -> None:
    """Each counter of each server and minute, of each entity and window, and each pair is that of the dictionaries."""
    events = random_stream(seed, size, jitter=jitter)
    assert plain(counted(stitched(events), cuts, **TINY)) == expected(in_order(events))


@settings(deadline=None, max_examples=8)
@given(SEEDS, st.sampled_from(((0, 0, 1), (3, 61, 400), (0, 3600, -1800))))
def test_counts_equal_the_naive_ones_when_tables_are_full(seed: int, gaps: tuple[int, ...]) -> None:
    """Tables far too small, windows that go back and forth, cells that go to disk: nothing is lost or counted twice."""
    dice = random.Random(seed)
    events = []
    now = START
    for n in range(3000):
        now += dice.choice(gaps) * SECOND
        host = f"198.51.{dice.randrange(8)}.{dice.randrange(250)}"
        kind = dice.choice(("mail.from", "mail.to", "pop.login", "dns.query"))
        domain = f"d{dice.randrange(500)}.example"
        events.append(
            Event(kind, now, n, server=f"mx{dice.randrange(3)}", client=host, account=f"u{dice.randrange(300)}",
                  name=domain if kind in ("mail.to", "dns.query") else "", qtype="MX" if kind == "dns.query" else "",
                  nrcpts=dice.choice((1, 65_535)), rcpts=dice.choice((1, 40_000)), status="sent" if kind == "mail.to" else "")
        )  # fmt: skip
    counts = counted(columns_of(events), range(0, 3000, 500), **TINY)
    assert counts.cells.light.spilled
    assert counts.cells.whole.spilled
    assert plain(counts) == expected(events)


def test_a_cell_counts_beyond_its_eight_bits() -> None:
    """Two hundred thousand records of one client in one window are two hundred thousand, in cells and in totals."""
    one = columns_of([Event("mail.to", START, queue="q", client="192.0.2.7", name="d.example", status="sent")])
    counts = counted(np.repeat(one, 200_001, axis=1))
    assert plain(counts)[1]["client_ip", key("192.0.2.7"), START // (600 * SECOND)]["mail.sent"] == 200_001
    totals = entity_totals(counts.cells)
    assert totals["n"][totals["tag"] == counting.DOMAIN, counting.ENTITY_METRICS.index("mail.to")].tolist() == [200_001]


@pytest.mark.parametrize("rcpts", [1, 3, 100, 127, 128, 200, 255, 256, 1000])
def test_no_counter_of_a_cell_runs_over_into_the_next(rcpts: int) -> None:
    """However many recipients a record has, and however near its counters are to their ends, all are counted."""
    events = [
        Event("mail.to", START, n, queue=f"q{n}", client="192.0.2.7", account="ann", name="d.example", status=status,
              rcpts=rcpts, flags=frozenset({"attempt", "first"} if n % 3 else {"attempt"}))
        for n, status in enumerate(("sent", "deferred", "bounced", "sent", "other") * 80)
    ]  # fmt: skip
    assert plain(counted(columns_of(events))) == expected(events)


def test_a_line_without_a_time_between_two_changes_nothing() -> None:
    """The events around it lie in their minute and window; it lies in none."""
    events = [
        Event("mail.from", ts, n, queue=f"q{n}", client="192.0.2.7", nrcpts=1)
        for n, ts in enumerate((START, None, START + SECOND, None, None, START + 2 * SECOND, START - SECOND))
    ]
    assert plain(counted(columns_of(events))) == expected(events)


@pytest.mark.parametrize("nrcpts", [254, 255, 256, 511, 65_535, 65_536, 200_000, (1 << 20)])
def test_a_message_to_very_many_counts_them_all(nrcpts: int) -> None:
    """The recipients of one message are the same for its client as for its server, however many they are."""
    event = Event("mail.from", START, queue="q", client="192.0.2.7", account="ann", nrcpts=nrcpts)
    counts = counted(columns_of([event] * 70), **TINY)
    assert plain(counts) == expected([event] * 70)
    totals = entity_totals(counts.cells)
    accepted = totals["n"][:, counting.ENTITY_METRICS.index("mail.accepted")].tolist()
    assert accepted == [70 * nrcpts] * 2


@settings(deadline=None, max_examples=30)
@given(SEEDS, st.lists(st.integers(0, 500), max_size=6), st.randoms(use_true_random=False))
def test_parts_in_any_order_merge_to_the_same_counts(seed: int, cuts: list[int], dice: random.Random) -> None:
    """Law 2: parts counted apart and merged in any order are the whole (but for look-ups across a cut, a fold of its own)."""
    columns = stitched(random_stream(seed, 500))
    bounds = [0, *sorted(cuts), 500]
    parts = [counted(columns[:, a:b].copy(), **TINY) for a, b in zip(bounds, bounds[1:], strict=False)]
    dice.shuffle(parts)

    def without_lookups(counts: Counts) -> Any:
        servers, entities, pairs = plain(counts)
        for table in (servers, entities):
            for metrics in table.values():
                metrics.pop("dns.lookup", None)
        return servers, entities, pairs

    assert without_lookups(merge(parts)) == without_lookups(counted(columns))


@settings(deadline=None, max_examples=30)
@given(SEEDS)
def test_the_balance_is_exact_in_every_window(seed: int) -> None:
    """N_to = N_SS + N_SD + N_SX + other + skipped for every server and minute; from and dsn together are all messages."""
    events = random_stream(seed, 400, jitter=60)
    counts = counted(stitched(events))
    value = {name: counts.values[:, i] for i, name in enumerate(METRIC_NAMES)}
    parts = sum(value[f"mail.{s}"] for s in ("sent", "deferred", "bounced", "expired", "rejected", "other", "skipped"))
    assert (value["mail.to"] == parts).all()
    assert counts.total("mail.to") + counts.total("mail.dsn.to") == sum(e.kind == "mail.to" for e in events)
    failed = sum(counts.total(f"mail.{s}") for s in ("bounced", "expired", "rejected"))
    assert counts.total("mail.failed") == failed


def test_repeated_questions_are_one_look_up() -> None:
    """The same client, name and type within 5 s of the last time is a repetition; another type, client or server is not."""
    ask = [(0, "A"), (5, "A"), (10, "A"), (16, "A"), (16, "AAAA")]
    events = [Event("dns.query", START + t * SECOND, client="192.0.2.9", name="a.example", qtype=q) for t, q in ask]
    events.append(Event("dns.query", START, client="192.0.2.8", name="a.example", qtype="A"))
    events.append(Event("dns.query", START, client="192.0.2.9", name="a.example", qtype="A", server="ns2"))
    counts = counted(columns_of(events))
    assert (counts.total("dns.query"), counts.total("dns.lookup")) == (7, 5)


def test_look_ups_are_remembered_when_their_table_is_swept() -> None:
    """Each of 80,000 questions comes twice, two seconds apart, in seven minutes: the second is never a look-up."""
    n = 80_000
    columns = np.repeat(columns_of([Event("dns.query", START, client="192.0.2.7", name="d.example")]), 2 * n, axis=1)
    columns[L.COL["name"]] = np.random.default_rng(1).permutation(n).repeat(2) * 2 + 1
    columns[L.COL["ts"]] = START + np.arange(n).repeat(2) * 5_000 + np.tile([0, 2 * SECOND], n)
    columns = np.ascontiguousarray(columns[:, np.argsort(columns[L.COL["ts"]], kind="stable")])
    assert counted(columns).total("dns.lookup") == n


def test_many_names_do_not_confuse_look_ups() -> None:
    """A flood of a hundred thousand names empties the table of questions again and again, and hides no repetition."""
    events = []
    for n in range(100_000):
        ts = START + n * SECOND // 500
        events.append(Event("dns.query", ts, client="192.0.2.9", name=f"x{n}.example", qtype="A"))
        if n % 1000 == 0:
            events.append(Event("dns.query", ts, client="192.0.2.8", name="a.example", qtype="MX"))
    counts = counted(columns_of(events))
    assert counts.total("dns.query") == 100_100
    assert counts.total("dns.lookup") == 100_001


def questions(names: npt.NDArray[np.int64], ts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Questions of one client, for these names at these times."""
    one = columns_of([Event("dns.query", START, client="192.0.2.7", name="d.example")])
    columns = np.ascontiguousarray(np.repeat(one, len(names), axis=1))
    columns[L.COL["name"]], columns[L.COL["ts"]] = 2 * names + 1, ts
    return columns


@settings(deadline=None, max_examples=30)
@given(SEEDS, st.integers(1, 400), st.sampled_from((1, 50, 2_000)), st.sampled_from((0, 4, 119, 500)))
def test_repeated_questions_are_told_whatever_was_forgotten(seed: int, names: int, gap_ms: int, late: int) -> None:
    """Questions by the thousand, also some that come late, are look-ups where a dictionary says so, however they are cut."""
    dice = np.random.default_rng(seed)
    name = dice.integers(0, names, 6000)
    ts = START + np.cumsum(dice.integers(0, 2000 * gap_ms, len(name))) - dice.integers(0, late * SECOND + 1, len(name))
    asked: dict[Any, int] = {}
    fresh = sum(naive_fold.is_fresh(asked, *one) for one in zip(name.tolist(), ts.tolist(), strict=True))
    assert counted(questions(name, ts), (500, 501, 4000)).total("dns.lookup") == fresh


@pytest.mark.parametrize("before", range(17))
def test_five_seconds_to_the_microsecond_are_a_repetition(before: int) -> None:
    """... and a microsecond more is none, wherever in the ring of questions the first one stands."""
    for wait, fresh in ((0, 1), (5 * SECOND, 1), (5 * SECOND + 1, 2)):
        others = np.arange(before) + 1
        names, ts = np.append(others, [0, 0]), np.append(START + others * 0, [START, START + wait])
        assert counted(questions(names, ts)).total("dns.lookup") == before + fresh


def test_a_repetition_that_comes_two_minutes_late_is_one() -> None:
    """Of 40,000 questions each has a twin two seconds younger, whose record comes when 119 s more have been logged."""
    n = 40_000
    asked = START + np.arange(n) * 10_000
    names, ts, came = np.tile(np.arange(n), 2), np.append(asked, asked + 2 * SECOND), np.append(asked, asked + 121 * SECOND)
    order = np.argsort(came, kind="stable")
    assert counted(questions(names[order], ts[order])).total("dns.lookup") == n


def test_one_question_again_and_again_takes_no_memory() -> None:
    """Half a million times the same few questions, in eight minutes: room for a thousand is enough."""
    n = 500_000
    counter = Counter()
    counter.count(questions(np.arange(n) % 7, START + np.arange(n) * 1_000))
    assert len(counter._keep[kernel.ASKED]) == 1 << 10
    assert counter.counts().total("dns.lookup") == 7


def test_a_question_asked_all_the_time_does_not_keep_the_others() -> None:
    """Half an hour of a hundred questions a second, every other one the same: there is room for the others of 125 s."""
    n = 180_000
    names = np.where(np.arange(n) % 2, np.arange(n), 0)
    counter = Counter()
    counter.count(questions(names, START + np.arange(n) * 10_000))
    assert len(counter._keep[kernel.ASKED]) == 1 << 13
    assert counter.counts().total("dns.lookup") == 1 + n // 2


@pytest.mark.parametrize("qtype", ["MX", "PTR"])
def test_pairs_are_kept_while_their_table_grows(qtype: str) -> None:
    """Of thirty thousand questions, each asked twice, every pair of client and name comes out once."""
    n = 30_000
    one = columns_of([Event("dns.query", START, client="192.0.2.7", name="d.example", qtype=qtype)])
    columns = np.ascontiguousarray(np.repeat(one, 2 * n, axis=1))
    columns[L.COL["client"]], columns[L.COL["name"]] = 1 + np.arange(2 * n) % n // 3, 1 + np.arange(2 * n) % n
    pairs = counted(columns, (1000,)).pairs
    kind = 1 if qtype == "MX" else 2
    assert sorted(pairs.tolist()) == sorted([1 + k // 3, 1 + k, kind] for k in range(n))


def test_records_without_a_time_are_counted_apart() -> None:
    """What has no time counts in the totals and in no window."""
    counts = counted(columns_of([Event("pop.login", None, client="192.0.2.9", account="ann")] * 3))
    assert plain(counts) == ({(key("mx"), -1): {"pop.login": 3}}, {}, set())


def test_a_late_refused_session_is_no_message() -> None:
    """A `from=` record without an accepted recipient is refused, whether or not it entered the fold."""
    event = Event("mail.from", START, queue="q", client="192.0.2.9", nrcpts=0, flags=frozenset({"late"}))
    columns = columns_of([event])
    assert columns[L.COL["flags"], 0] == FLAGS["late"]
    assert counted(columns).total("mail.from") == 0
    assert counted(columns).total("mail.refused") == 1


def test_a_year_of_minutes_has_room() -> None:
    """The table of servers and minutes grows from any size, one row at a time."""
    for rows in (70, 96, 128, 1 << 12):
        events = [Event("pop.login", START + n * 60 * SECOND, server=f"mx{n % 3}") for n in range(5000)]
        counts = counted(columns_of(events), cells=512, rows=rows)
        assert len(counts.minute) == counts.total("pop.login") == 5000


def test_a_flood_of_made_up_clients_is_capped_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the cap of a window new entities are no longer kept apart, the report knows it, and totals stay exact."""
    n = counting.kernel.WINDOW_CAP + 1000
    columns = np.repeat(columns_of([Event("pop.login", START, client="192.0.2.1")]), n, axis=1)
    columns[L.COL["client"]] = (1 << 32) + np.arange(n)
    counts = counted(columns)
    assert counts.total("pop.login") == n
    assert counts.capped == 1000
    assert len(entity_totals(counts.cells)) == counting.kernel.WINDOW_CAP
