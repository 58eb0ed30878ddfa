"""What kept mail from going out is told by what became of it."""

from __future__ import annotations

import numpy as np
import pytest

from mailripple.attempts import COLUMNS, KeptAttempts, Rows
from mailripple.models.outages import effective, find_outages
from mailripple.parse import layout as L

MINUTE = 60_000_000
START = 1_700_000_000_000_000
#: (minute, queue, client, domain, first, status)
Try = tuple[float, int, int, int, int, int]


def kept(tries: list[Try], policy: int = 0) -> KeptAttempts:
    """The tries as a report keeps them; `policy` why those to domain 5 are deferred."""
    rows = np.zeros((len(COLUMNS), len(tries)), np.int64)
    for i, (minute, queue, client, domain, first, status) in enumerate(sorted(tries)):
        rows[:, i] = (START + int(minute * MINUTE), 1, queue, client, 0, 9, domain, first, status, i + 1, policy * (domain == 5))
    deferred = rows[8] == L.DEFERRED
    return KeptAttempts(Rows(rows[:, deferred]), Rows(rows[:, ~deferred]))


def usual(domain: int, first: float = 0, last: float = 600, step: float = 7) -> list[Try]:
    """Mail of many that is taken at once."""
    times = np.arange(first, last, step).tolist()
    return [(t, 100_000 * domain + i, 10 + i % 12, domain, 1, L.SENT) for i, t in enumerate(times)]


def refused(domain: int, first: float, last: float, step: float = 6, clients: int = 12, again: float = 30) -> list[Try]:
    """Mail that is deferred at first, tried again every half hour, and taken once it is over."""
    out: list[Try] = []
    for i, t in enumerate(np.arange(first, last, step).tolist()):
        queue = 100_000 * domain + 50_000 + i
        out.append((t, queue, 10 + i % clients, domain, 1, L.DEFERRED))
        retry = t + again
        while retry < last:
            out.append((retry, queue, 10 + i % clients, domain, 0, L.DEFERRED))
            retry += again
        out.append((last + 1 + i / 60, queue, 10 + i % clients, domain, 0, L.SENT))
    return out


def test_a_remote_outage() -> None:
    """A destination of many senders that takes nothing for two hours is an outage, over, with its times and its lines."""
    (found,) = find_outages(kept([*usual(5, 0, 200), *refused(5, 200, 320), *usual(5, 330), *usual(6)]))
    assert (found.cause, found.domain, found.over) == ("remote-outage", 5, True)
    assert (found.start, found.first) == (START + 200 * MINUTE, 20)
    assert START + 310 * MINUTE <= found.end < START + 320 * MINUTE
    assert found.sources > 10
    assert len(found.lines) == 5


def test_an_outage_that_one_sender_meets() -> None:
    """What one sender alone meets is an outage if its mail is deferred again when who greylists would have taken it."""
    (found,) = find_outages(kept([*usual(5, 0, 200), *refused(5, 200, 320, clients=1), *usual(5, 330), *usual(6)]))
    assert (found.cause, found.over) == ("remote-outage", True)
    assert found.sources == pytest.approx(1)
    burst = [t for t in refused(5, 200, 225, step=2, clients=1) if t[4] == 1 or t[5] == L.SENT]
    assert find_outages(kept([*usual(5, 0, 200), *burst, *usual(5, 230), *usual(6)])) == []


def test_of_many_destinations_none_is_passed_over() -> None:
    """An outage of a few attempts is told beside 300 destinations at which more are deferred, one by one."""
    busy: list[Try] = []
    for domain in range(10, 310):
        busy += usual(domain, domain % 7)
        for i in range(12):
            at, queue = 40 * i + domain / 10, 100_000 * domain + 50_000 + i
            busy += [(at, queue, 10 + i, domain, 1, L.DEFERRED), (at + 3, queue, 10 + i, domain, 0, L.SENT)]
    tries = [*usual(5, 0, 200), *refused(5, 200, 260, step=8), *usual(5, 270), *busy]
    assert [o.domain for o in find_outages(kept(tries))] == [5]


def test_greylisting() -> None:
    """Whoever takes mail of strangers on the next try, and of others at once, greylists."""
    tries = usual(5)
    for i in range(40):
        tries += [(15 * i, i, 10 + i % 12, 5, 1, L.DEFERRED), (15 * i + 9, i, 10 + i % 12, 5, 0, L.SENT)]
    (found,) = find_outages(kept([*tries, *usual(6)]))
    assert (found.cause, found.domain) == ("greylisting", 5)


def test_greylisting_where_the_queue_runs_often() -> None:
    """A retry after five minutes comes too early for some: the one after ten counts; an outage there is told as well."""
    tries = usual(5)
    for i in range(60):
        at = 15 * i
        tries += [(at, i, 10 + i % 12, 5, 1, L.DEFERRED), (at + 5, i, 10 + i % 12, 5, 0, L.DEFERRED)]
        tries.append((at + 10, i, 10 + i % 12, 5, 0, L.SENT))
    (found,) = find_outages(kept([*tries, *usual(6, 0, 900)]))
    assert (found.cause, found.domain) == ("greylisting", 5)
    down = [t for t in tries if not 295 <= t[0] < 425] + refused(5, 300, 420)
    both = find_outages(kept([*down, *usual(6, 0, 900)]))
    assert [o.cause for o in both] == ["greylisting", "remote-outage"]


def test_an_outage_of_few_messages_where_all_are_deferred_at_first() -> None:
    """At a destination that greylists everybody's first attempts these say nothing, but what still waits after half an
    hour does: an outage of eight messages is told beside the greylisting."""
    grey: list[Try] = []
    for i in range(60):
        at, queue = 10.0 * i, 500_000 + i
        if not 200 <= at < 280:
            grey += [(at, queue, 10 + i % 12, 5, 1, L.DEFERRED), (at + 6, queue, 10 + i % 12, 5, 0, L.SENT)]
    known = usual(5, 0, 190, 40) + usual(5, 300, 600, 40)
    outage = refused(5, 200, 280, step=10, again=20)
    found = find_outages(kept([*grey, *known, *outage, *usual(6)]))
    assert [o.cause for o in found] == ["greylisting", "remote-outage"]
    assert START + 190 * MINUTE <= found[1].start <= START + 200 * MINUTE
    assert [o.cause for o in find_outages(kept([*grey, *known, *usual(6)]))] == ["greylisting"]


def test_a_door_that_is_closed_to_one_of_us() -> None:
    """Mail of one host that is not taken to the end of the log, while others have none there, is a closed door."""
    tries = [t for t in refused(5, 300, 900, clients=1) if t[0] < 600]
    (found,) = find_outages(kept([*usual(5, 0, 290), *tries, *usual(6)]))
    assert (found.cause, found.over) == ("closed-to-us", False)
    assert found.sources == pytest.approx(1)


def test_a_door_that_says_why_it_is_closed() -> None:
    """Where the other side says that it is policy, the door is closed to us, however many of us write there, or it opens again."""
    tries = [*usual(5, 0, 200), *refused(5, 200, 320), *usual(5, 330), *usual(6)]
    (found,) = find_outages(kept(tries, policy=1))
    assert (found.cause, found.over) == ("closed-to-us", True)
    assert found.sources > 10


def test_the_dns_fails() -> None:
    """First attempts that fail at all destinations at once are one story, of the server, not one of each destination."""
    tries = [t for d in range(5, 15) for t in [*usual(d, 0, 200), *refused(d, 200, 215, 3), *usual(d, 220)]]
    (found,) = find_outages(kept(tries))
    assert (found.cause, found.domain, found.over) == ("dns-outage", 0, True)
    assert START + 195 * MINUTE <= found.start <= START + 205 * MINUTE


def test_scattered_deferrals_are_nothing() -> None:
    """A host that is busy now and then, and one with few messages, are no story; nor is a log without deferrals."""
    busy = [(13.0 * i, 900_000 + i, 10 + i % 12, 5, 1, L.DEFERRED) for i in range(40)]
    assert find_outages(kept([*usual(5, step=2), *busy])) == []
    assert find_outages(kept([*usual(5), *refused(6, 100, 115)])) == []
    assert find_outages(kept(usual(5))) == []
    assert find_outages(KeptAttempts()) == []


def test_the_effective_number_of_sources() -> None:
    """Equal shares count whole, one host that sends nearly all counts little more than one."""
    rows = np.zeros((len(COLUMNS), 8), np.int64)
    rows[3] = [1, 1, 2, 2, 3, 3, 4, 4]
    assert effective(rows) == pytest.approx(4)
    rows[3] = [1, 1, 1, 1, 1, 1, 1, 2]
    assert 1 < effective(rows) < 1.6
