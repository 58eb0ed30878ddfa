"""The score of DNS clients is what its slow reference says."""

from __future__ import annotations

import bisect
import math
import random
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailripple.models.askers import Askers
from mailripple.models.gaps import (
    AGAIN,
    CELLS,
    FOLLOWED,
    IN_STEP,
    RESOLVE,
    RESOLVES,
    STEADY,
    STEADY_ELSE,
    STREAMS,
    edges,
    mailer_mass,
    step_mass,
)
from mailripple.models.logs import ONE
from mailripple.models.lookups import WINDOW, Lookups, LookupScore, servers_meanwhile
from mailripple.models.lookups_kernel import GUESS, X_AGAIN
from mailripple.models.senders_kernel import X_MID_MESSAGES, X_OFTEN
from mailripple.models.sums_kernel import X_ALARM_UNITS, X_REST, X_TOP
from mailripple.parse import layout as L
from mailripple.tables import QTYPES
from tests.models.test_gaps import chances, sorts_of
from tests.streams import key

START = 1_700_000_000_000_000
SECOND = 1_000_000
DAY = 86_400 * SECOND


@dataclass(frozen=True)
class Question:
    """A client asks for the exchangers of a name, or for what `qtype` says."""

    ts: int
    order: int
    client: str
    name: str
    qtype: str = "MX"


def questions(asked: list[Question]) -> npt.NDArray[np.int64]:
    """The questions as events (14, n)."""
    out = np.zeros((len(L.COLUMNS), len(asked)), np.int64)
    for n, q in enumerate(asked):
        out[L.COL["ts"], n] = q.ts
        out[L.COL["code"], n] = L.KIND_QUERY | QTYPES.index(q.qtype) << 16 | L.UTC << 28
        out[L.COL["line"], n] = q.order
        out[L.COL["client"], n] = key(q.client)
        out[L.COL["name"], n] = key(q.name)
    return out


def scored(asked: list[Question], *, cuts: int = 1, slots: int = 256) -> dict[int, LookupScore]:
    """The kernel's scores by client."""
    askers, lookups = Askers(), Lookups(slots=slots)
    for piece in np.array_split(questions(asked), cuts, axis=1):
        lookups.step(askers.questions(np.ascontiguousarray(piece)))
    return {s.key: s for s in lookups.scores()}


def test_guesses_at_the_server_of_one_domain_are_one_name() -> None:
    """Who asks for the addresses of `mx` and `mail` of twenty domains has asked for twenty names."""
    domains = [f"d{k // 2}.example" for k in range(40)]
    asked = [
        Question(START + 60 * k * SECOND, k + 1, "192.0.2.9", f"{('mx', 'mail')[k % 2]}.{domain}", "A")
        for k, domain in enumerate(domains)
    ]
    events = questions(asked)
    events[L.COL["code"]] |= L.GUESSED << 24
    events[L.COL["link"]] = [key(domain) for domain in domains]
    lookups = Lookups()
    lookups.step(Askers().questions(events))
    assert [(s.key, s.asked, s.names) for s in lookups.scores()] == [(key("192.0.2.9"), GUESS, 20)]


LOWS = [(edges(c)[0], c) for c in range(CELLS) if edges(c)[0] < edges(c)[1]]


def cell_of(gap: int) -> int:
    """The cell in which a gap lies, by search."""
    return LOWS[bisect.bisect_right(LOWS, (gap, CELLS)) - 1][1]


def mailer(stream: int, last: int, cell: int) -> float:
    """Chance of a cell for the mailer of a stream."""
    if stream < STREAMS - 1:
        return mailer_mass(cell, stream)
    alone = mailer_mass(cell, STEADY_ELSE)
    return STEADY * step_mass(cell, last) + (1 - STEADY) * alone if IN_STEP <= last < CELLS - 1 else alone


def reference(asked: list[Question]) -> dict[int, tuple[int, float]]:
    """New names and largest log e of each client, in floats."""
    top = math.log(1e12)
    seen: dict[tuple[str, str], int] = {}
    last: dict[str, int] = {}
    shares: dict[str, list[float]] = {}
    cells: dict[str, int] = {}
    latest: dict[str, str] = {}  # the last new name, while an address may follow
    found: dict[str, tuple[int, float, list[float]]] = {}

    def mark(client: str, follows: bool) -> None:
        """The second mark of the client's last name."""
        if latest.pop(client, None) is None:
            return
        names, most, sums = found[client]
        often = [p if follows else 1 - p for p in FOLLOWED]
        chance = sum(p * f for p, f in zip(shares[client], often, strict=True))
        shares[client] = [p * f / chance for p, f in zip(shares[client], often, strict=True)]
        log_e = math.log((RESOLVES if follows else 1 - RESOLVES) / chance)
        sums = [min(s + log_e, top) if RESOLVE <= j < STREAMS - 1 else s for j, s in enumerate(sums)]
        if follows:
            most = max(most, math.log(sum(math.exp(s) for s in sums) / len(sums)))
        found[client] = names, most, sums

    for q in asked:
        if q.qtype != "MX":
            if q.ts - last.get(q.client, -(10**18)) <= 2 * SECOND and latest.get(q.client, q.name) != q.name:
                mark(q.client, True)
            continue
        known = q.ts // 60_000_000 - seen.get((q.client, q.name), -(10**18)) // 60_000_000 <= 8 * 1440
        before = seen.get((q.client, q.name), 0)
        seen[q.client, q.name] = q.ts
        names, most, sums = found.get(q.client, (0, 0.0, [0.0] * STREAMS))
        if known:
            if names > 1 and q.ts // 60_000_000 - before // 60_000_000 >= 2:
                found[q.client] = names, most, [min(max(s, 0) + AGAIN / ONE, top) for s in sums]
            continue
        if names == 1 and q.ts // 60_000_000 - last[q.client] // 60_000_000 > 60 * 1440:
            names = 0  # a client of which but one name is known is forgotten after sixty days
        if names:
            mark(q.client, False)
            names, most, sums = found[q.client]
            cell = cell_of((q.ts - last[q.client]) // SECOND)
            before_it = cells.get(q.client, 0)
            cells[q.client] = cell
            chance, shares[q.client] = chances(shares[q.client], before_it, cell)
            ratios = [max(math.log(max(mailer(j, before_it, cell), 1e-300) / chance), -20) for j in range(STREAMS)]
            sums = [min(max(s, 0) + r, top) for s, r in zip(sums, ratios, strict=True)]
            most = max(most, math.log(sum(math.exp(s) for s in sums) / len(sums)))
            latest[q.client] = q.name
        else:
            shares[q.client] = [share for share, _, _ in sorts_of(0, 0)]
        last[q.client] = q.ts
        found[q.client] = (names + 1, most, sums)
    return {key(client): (names, most) for client, (names, most, _) in found.items() if names > 1}


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 1 << 32), st.integers(1, 300), st.integers(1, 5))
def test_the_kernel_equals_the_slow_reference(seed: int, size: int, cuts: int) -> None:
    """Names counted exactly, evidence to what fixed point can hold, wherever the stream is cut (laws 2 and 4)."""
    rng = random.Random(seed)
    ts, asked = START, []
    for n in range(size):
        ts += int(rng.choice((0, 1, 5, 61, 900, 40_000, 900_000)) * SECOND * rng.choice((1, rng.random())))
        client, name = f"192.0.2.{rng.randrange(3)}", f"d{rng.randrange(120)}.example"
        asked.append(Question(ts, 3 * n, client, name))
        if rng.random() < 0.4:
            other = rng.choice((name, f"mx.{name}"))
            asked.append(Question(ts + int(rng.choice((0, 1, 2, 2.1)) * SECOND), 3 * n + 1, client, other, "A"))
    asked.sort(key=lambda q: (q.ts, q.order))
    expected = reference(asked)
    found = scored(asked, cuts=cuts, slots=rng.choice((32, 4096)))
    assert {k: s.names for k, s in found.items()} == {k: n for k, (n, _) in expected.items()}
    for k, (_, most) in expected.items():
        assert found[k].log_most == pytest.approx(most, abs=size * 1e-4)


def test_a_subject_has_room_for_its_sums() -> None:
    """The words of a client, and those of a sender, end where those begin that both have."""
    assert max(X_AGAIN, X_MID_MESSAGES) + 8 <= X_REST
    assert X_ALARM_UNITS + 8 <= X_TOP
    assert X_OFTEN <= 5 * 64


def test_a_first_name_is_remembered_for_sixty_days() -> None:
    """A client that asked for one name only begins anew after that; until then the first name counts, to the second."""
    for days, names in ((59, 2), (61, 0)):
        later = START + days * 86_400 * SECOND + 17 * SECOND
        asked = [Question(START + 41 * SECOND, 0, "192.0.2.1", "a.example"), Question(later, 1, "192.0.2.1", "b.example")]
        found = scored(asked)
        assert [s.names for s in found.values()] == ([names] if names else [])
        assert all(s.first == START + 41 * SECOND for s in found.values())


#: Names a minute, names to the alarm with the exchanger's address, and without.
RATES = ((0.05, 3, 5), (0.1, 3, 5), (0.5, 3, 6), (1.0, 4, 9), (2.0, 5, 19), (10.0, 6, 17), (30.0, 6, 9))


def names_needed(per_minute: float, address: str) -> float:
    """Median number of names to the alarm over 40 mailers that go on to this address, if any (`%` is the name)."""
    needed = []
    for seed in range(40):
        rng, ts, asked = random.Random(seed), float(START), []
        for n in range(120):
            ts += rng.expovariate(per_minute) * 60 * SECOND
            asked.append(Question(int(ts), 2 * n, "192.0.2.1", f"d{n}.example"))
            if address:
                asked.append(Question(int(ts) + 60_000, 2 * n + 1, "192.0.2.1", address.replace("%", f"d{n}.example"), "A"))
        (found,) = scored(sorted(asked, key=lambda q: q.ts)).values()
        needed.append(found.names_to_alarm or 999)
    return float(np.median(needed))


@pytest.mark.parametrize(("per_minute", "most", "alone"), RATES)
def test_a_mailer_is_named_in_few_names(per_minute: float, most: int, alone: int) -> None:
    """So many names if it goes on to the exchanger's address, and so many if it does not."""
    assert names_needed(per_minute, "mx.%") <= most
    assert names_needed(per_minute, "") <= alone


def test_the_name_itself_is_no_exchanger() -> None:
    """Where there is no exchanger, the name's own address is asked for (RFC 5321, 5.1), also by who only checks it."""
    assert names_needed(10.0, "%") == names_needed(10.0, "")


@pytest.mark.parametrize(("quick", "most"), [(0.02, 0), (0.2, 0), (0.4, 1)])
def test_programs_that_check_a_list_are_quiet(quick: float, most: int) -> None:
    """Of 40 scripts that check 400 names, one each `quick` seconds on average, not even a notice, or one."""
    noticed = 0
    for seed in range(40):
        rng, ts, asked = random.Random(seed), float(START), []
        for n in range(400):
            ts += rng.gammavariate(2, quick / 2) * SECOND
            asked.append(Question(int(ts), n, "192.0.2.1", f"d{n}.example"))
        (found,) = scored(asked).values()
        noticed += found.notice is not None
    assert noticed <= most


def test_a_monitor_in_step_is_quiet() -> None:
    """Ten names in turn, one each five minutes give or take two seconds: less than a warning."""
    for seed in range(20):
        rng, asked = random.Random(seed), []
        for n in range(200):
            ts = START + int((300 * n + rng.uniform(0, 2)) * SECOND)
            asked.append(Question(ts, n, "192.0.2.1", f"d{n % 10}.example"))
        (found,) = scored(asked).values()
        assert found.warning is None


def test_a_list_that_is_checked_each_night_is_new_once() -> None:
    """A program's names of the night before, and of the week before, are no new ones."""
    asked = [
        Question(START + night * DAY + 7 * n * SECOND, 100 * night + n, "192.0.2.1", f"d{n}.example")
        for night in (0, 1, 2, 9)
        for n in range(30)
    ]
    (found,) = scored(asked).values()
    assert found.names == 30


def test_people_who_type_are_seldom_accused() -> None:
    """Of 1,000 clients with a session of four names on average, 10 s apart, at most 1 %."""
    rng, asked = random.Random(10), []
    for host in range(1000):
        ts = float(START + host * 600 * SECOND)
        while True:
            ts += rng.expovariate(1 / 10) * SECOND
            asked.append(Question(int(ts), 0, f"h{host}.example", f"d{len(asked)}.example"))
            if rng.random() < 0.25:
                break
    found = scored(sorted(asked, key=lambda q: q.ts), slots=4096).values()
    assert sum(s.alarm is not None for s in found) <= 10


def test_who_was_always_curious_and_then_asks_for_exchangers_is_no_server() -> None:
    """Whether a client is like a server is told by what it asks from the onset to its last name, not over all time."""
    rng, ts, asked = random.Random(1), float(START + 10 * DAY), []
    for n in range(120):
        ts += rng.expovariate(0.5) * 60 * SECOND
        asked.append(Question(int(ts), n, "192.0.2.1", f"d{n}.example"))
    (score,) = scored(asked).values()
    assert score.onset is not None
    client, spans = score.key, []

    def quiet(asked: dict[int, tuple[int, int]]) -> npt.NDArray[np.int64]:
        assert list(asked) == [client]
        spans.append(asked[client])
        return np.array([[120, 15]])

    assert servers_meanwhile([[score]], frozenset({client}), quiet) == frozenset()
    assert spans == [(score.onset // WINDOW, score.last // WINDOW)]
    assert servers_meanwhile([[score]], frozenset({client}), lambda _: np.array([[120, 200]])) == {client}
    assert servers_meanwhile([[score]], frozenset(), quiet) == frozenset()
    assert len(spans) == 1
