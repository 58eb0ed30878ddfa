"""Stitch is the fold that it claims to be, for any cut of the stream, and forgets what is finished."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailripple.messages import LATENESS, InOrder
from mailripple.parse import layout as L
from tests.naive_fold import SECOND, Event, fold
from tests.streams import FLAGS, START, columns_of, hashed, key, new_stitcher, random_stream, said, stitched

SEEDS = st.integers(0, 1 << 32)


def reference(events: list[Event]) -> dict[int, tuple[int, int, int, int]]:
    """What the naive fold says, in the form of `said`."""
    found = {}
    for e in fold(events):
        mail = e.kind in ("mail.from", "mail.to")
        sender = hashed(e.mailer) if e.kind == "mail.to" and "late" in e.flags else hashed(e.sender)
        who = (key(e.client), key(e.account), sender) if mail else (0, 0, 0)
        found[e.line] = (*who, sum(FLAGS[f] for f in e.flags))
    return found


@settings(deadline=None, max_examples=150)
@given(SEEDS, st.integers(1, 60), st.integers(1, 12), st.integers(0, 200))
def test_the_fold_equals_the_naive_one_on_short_streams(seed: int, size: int, ids: int, jitter: int) -> None:
    """Flags, client, account and sender of every record are those of the plain dictionaries."""
    events = random_stream(seed, size, ids=ids, jitter=jitter)
    assert said(stitched(events)) == reference(events)


@settings(deadline=None, max_examples=15)
@given(SEEDS, st.sampled_from(((0, 0, 0, 0, 1), (0, 1, 3, 400, 901), (0, 0, 2, 90_000))))
def test_the_fold_equals_the_naive_one_when_tables_are_swept_and_grow(seed: int, gaps: tuple[int, ...]) -> None:
    """Tables of 256 slots, swept or grown again and again, forget nothing that is still known."""
    events = random_stream(seed, 1500, ids=700, gaps=gaps, jitter=5)
    assert said(stitched(events)) == reference(events)


@settings(deadline=None, max_examples=40)
@given(SEEDS, st.lists(st.integers(0, 400), max_size=8), st.sampled_from((256, 1 << 13)))
def test_cuts_do_not_matter(seed: int, cuts: list[int], slots: int) -> None:
    """Law 2: the stream cut into batches anywhere, over tables of any size, gives the same flags in the same order."""
    events = random_stream(seed, 400, ids=60, jitter=90)
    whole = stitched(events)
    pieces = stitched(events, cuts, slots)
    in_time = whole[L.COL["flags"]] != L.F_LATE
    assert said(whole) == said(pieces)
    assert (whole[:, in_time] == pieces[:, pieces[L.COL["flags"]] != L.F_LATE]).all()


@settings(deadline=None, max_examples=20)
@given(SEEDS, st.integers(0, 5), st.integers(1, 60))
def test_pieces_without_events_do_not_matter(seed: int, jitter: int, size: int) -> None:
    """Law 2: what waits outlasts pieces in which there is nothing, though the memory that it came in is used again."""
    events = random_stream(seed, 300, ids=60, jitter=jitter)
    cuts = [cut for cut in range(0, 300, size) for _ in range(3)]
    assert (stitched(events, cuts) == stitched(events)).all()


def test_lines_of_equal_time_keep_their_order_and_late_ones_are_told() -> None:
    """The order is (time, line); a line more than 120 s behind an earlier line is late, one just 120 s behind is not."""
    times = [0, 500, 380, 379, 500, 500]
    events = [Event("mail.to", START + t * SECOND, n, queue=f"q{n}", name="d.example") for n, t in enumerate(times)]
    ready = stitched(events)
    late = {line for line, what in said(ready).items() if what[3] == L.F_LATE}
    assert late == {3}
    in_time = ready[:, ready[L.COL["flags"]] != L.F_LATE]
    assert (in_time[L.COL["line"]] >> 32).tolist() == [0, 2, 1, 4, 5]


def test_undated_events_are_not_held_back() -> None:
    """A record without a time passes at once and is not late."""
    in_order = InOrder()
    dated = columns_of([Event("mail.to", START, 0, queue="q", name="d.example")])
    assert [late for _, late in in_order.take(dated)] == []
    undated = columns_of([Event("mail.to", None, 1, queue="q", name="d.example")])
    assert [(ready.shape[1], late) for ready, late in in_order.take(undated)] == [(1, False)]
    assert sum(ready.shape[1] for ready, _ in in_order.rest()) == 1


def test_memory_is_bounded_by_open_messages() -> None:
    """Forty thousand finished messages in a day leave no more than a quarter of an hour's worth in the tables."""
    stitcher = new_stitcher(slots=256)
    events = []
    for n in range(40_000):
        ts = START + n * 2 * SECOND
        events.append(Event("mail.from", ts, queue=f"q{n}", client="192.0.2.7", nrcpts=1, link=f"m{n}"))
        events.append(Event("mail.to", ts + SECOND, queue=f"q{n}", name=f"d{n % 50}.example", status="sent"))
    columns = columns_of(events)
    for at in range(0, columns.shape[1], 5000):
        stitcher.step(columns[:, at : at + 5000].copy())
        assert stitcher.remembered <= 4096


@pytest.mark.parametrize("days", [1, 5])
def test_a_deferred_message_is_remembered_for_days(days: int) -> None:
    """Among thousands of finished messages an open one still knows its client days later, and that this is a retry."""
    dice = random.Random(1)
    events = [
        Event("mail.from", START, 0, queue="open", client="192.0.2.66", account="eve", nrcpts=1),
        Event("mail.to", START + SECOND, 1, queue="open", name="d.example", status="deferred", pid=1),
    ]
    for n in range(4000):
        ts = START + int((n + 1) * days * 86_400 / 4001) * SECOND
        events.append(Event("mail.from", ts, 2, queue=f"q{n}", client="192.0.2.7", nrcpts=1))
        events.append(Event("mail.to", ts, 3, queue=f"q{n}", name=f"d{dice.randrange(9)}.example", status="sent"))
    retry = Event("mail.to", START + days * 86_400 * SECOND, queue="open", name="d.example", status="sent", pid=9)
    events = [replace(e, line=n) for n, e in enumerate([*events, retry])]
    client, account, _, flags = said(stitched(events))[len(events) - 1]
    assert (client, account, flags) == (key("192.0.2.66"), key("eve"), L.F_ATTEMPT | L.F_FINAL)


def test_a_queue_id_used_again_is_a_new_message() -> None:
    """sendmail 8.8 names messages by hour and process: the same id on another day is another message, in a small log too."""
    day = 86_400 * SECOND
    events = [
        Event("mail.from", START, 0, queue="RAA20512", client="192.0.2.7", nrcpts=1),
        Event("mail.to", START, 1, queue="RAA20512", name="d.example", status="sent", pid=1),
        Event("mail.from", START + day, 2, queue="RAA20512", client="192.0.2.8", nrcpts=1),
        Event("mail.to", START + day, 3, queue="RAA20512", name="d.example", status="sent", pid=2),
    ]
    found = said(stitched(events, slots=1 << 13))
    assert found[2][3] == 0
    assert found[3][::3] == (key("192.0.2.8"), L.F_ATTEMPT | L.F_FIRST | L.F_FINAL)


def test_what_waited_in_a_message_does_not_count_in_the_next_of_its_queue_id() -> None:
    """An alias's second destination is deferred in two messages of one queue id: the later one still waits for its retry."""
    events = []
    for n, client in enumerate(("192.0.2.7", "192.0.2.8")):
        ts, pid = START + 60 * n * SECOND, n + 1
        events += [
            Event("mail.from", ts, 4 * n, queue="a", client=client, nrcpts=1),
            Event("mail.to", ts, 4 * n + 1, queue="a", name="d.example", status="sent", pid=pid),
            Event("mail.to", ts, 4 * n + 2, queue="a", name="e.example", status="deferred", pid=pid),
            Event("mail.done", ts, 4 * n + 3, queue="a"),
        ]
    events[-1] = Event("mail.to", START + 3600 * SECOND, 7, queue="a", name="e.example", status="sent", pid=3)
    found = said(stitched(events))
    assert found == reference(events)
    assert found[7][::3] == (key("192.0.2.8"), L.F_ATTEMPT | L.F_FINAL)


def test_mail_from_the_msp_is_one_message() -> None:
    """The MTA's half of a message that the MSP of its machine handed over is counted already, and its hop is internal."""
    events = [
        Event("mail.from", START, 0, queue="a", link="m1", nrcpts=1, sender="root@mx.example"),
        Event("mail.from", START, 1, queue="b", link="m1", nrcpts=1, client="127.0.0.1", sender="root@mx.example"),
        Event("mail.to", START, 2, queue="a", name="d.example", mailer="relay", relay="127.0.0.1", status="sent"),
        Event("mail.to", START, 3, queue="b", name="d.example", mailer="esmtp", relay="198.51.100.1", status="sent"),
    ]
    flags = [what[3] for _, what in sorted(said(stitched(events)).items())]
    delivered = L.F_ATTEMPT | L.F_FIRST | L.F_FINAL
    assert flags == [0, L.F_AGAIN, L.F_INTERNAL | delivered, delivered | L.F_OUT]


def test_a_delivery_leaves_unless_its_mailer_is_local() -> None:
    """Mailers that deliver on the machine are known by name; where none is logged, the other machine's address tells."""
    cases = [("esmtp", "", True), ("relay", "198.51.100.1", True), ("local", "198.51.100.1", False), ("*file*", "", False)]
    cases += [("", "198.51.100.1", True), ("", "127.0.0.1", False), ("", "", False), ("relay", "::1", False)]
    events = [Event("mail.to", START, n, queue=f"q{n}", mailer=m, relay=r, status="sent") for n, (m, r, _) in enumerate(cases)]
    assert [bool(what[3] & L.F_OUT) for _, what in sorted(said(stitched(events)).items())] == [c[2] for c in cases]


def test_lateness_is_that_of_the_design() -> None:
    """Law 3 says 120 seconds."""
    assert LATENESS == 120


def test_a_message_back_from_a_filter_is_one_message() -> None:
    """Postfix and amavis: the second queue id is the first once more, its client the outermost one, the hop internal."""
    events = [
        Event("mail.client", START, 0, queue="a", client="192.0.2.7", account="ann", pid=1),
        Event("mail.msgid", START, 1, queue="a", link="m1", pid=2),
        Event("mail.from", START, 2, queue="a", nrcpts=1, pid=3, sender="ann@x.example"),
        Event("mail.client", START, 3, queue="b", client="127.0.0.1", pid=4),
        Event("mail.msgid", START, 4, queue="b", link="m1", pid=2),
        Event("mail.from", START, 5, queue="b", nrcpts=1, pid=3, sender="ann@x.example"),
        Event("mail.to", START, 6, queue="a", name="d.example", relay="127.0.0.1", status="sent", pid=5),
        Event("mail.to", START, 7, queue="b", name="d.example", relay="198.51.100.1", status="sent", pid=6),
    ]
    found = said(stitched(events))
    assert (found[2][3], found[5][3]) == (0, L.F_AGAIN)
    outside = L.F_ATTEMPT | L.F_FIRST | L.F_OUT | L.F_FINAL
    assert (found[6][3] & L.F_INTERNAL, found[7][3]) == (L.F_INTERNAL, outside)
    assert found[7][:2] == (key("192.0.2.7"), key("ann"))


def test_a_list_that_sends_a_message_on_later_makes_a_new_one() -> None:
    """The same Message-ID from the machine itself, but the first message was finished: counted as its own."""
    events = [
        Event("mail.client", START, 0, queue="a", client="192.0.2.7"),
        Event("mail.msgid", START, 1, queue="a", link="m1"),
        Event("mail.from", START, 2, queue="a", nrcpts=1),
        Event("mail.to", START, 3, queue="a", name="d.example", status="sent"),
        Event("mail.done", START, 4, queue="a"),
        Event("mail.client", START, 5, queue="b", client="127.0.0.1"),
        Event("mail.msgid", START, 6, queue="b", link="m1"),
        Event("mail.from", START, 7, queue="b", nrcpts=9, sender="list@x.example"),
    ]
    assert said(stitched(events))[7][::3] == (key("127.0.0.1"), 0)


def test_a_remote_client_does_not_come_from_a_filter() -> None:
    """Whoever repeats the Message-ID of an open message from outside hands in a message of his own."""
    events = [
        Event("mail.client", START, 0, queue="a", client="192.0.2.7"),
        Event("mail.msgid", START, 1, queue="a", link="m1"),
        Event("mail.from", START, 2, queue="a", nrcpts=1),
        Event("mail.client", START, 3, queue="b", client="198.51.100.66"),
        Event("mail.msgid", START, 4, queue="b", link="m1"),
        Event("mail.from", START, 5, queue="b", nrcpts=1),
    ]
    assert said(stitched(events))[5][::3] == (key("198.51.100.66"), 0)


def test_each_run_of_a_queue_is_an_attempt() -> None:
    """Postfix says from= at each run: one message, and a new attempt for each run, whichever processes deliver."""
    events = [
        Event("mail.client", START, 0, queue="a", client="192.0.2.7"),
        Event("mail.msgid", START, 1, queue="a", link="m1"),
        Event("mail.from", START, 2, queue="a", nrcpts=2, sender="ann@x.example"),
        Event("mail.to", START, 3, queue="a", name="d.example", status="deferred", pid=1),
        Event("mail.to", START, 4, queue="a", name="d.example", status="deferred", pid=2),
        Event("mail.from", START + 300 * SECOND, 5, queue="a", nrcpts=2),
        Event("mail.to", START + 300 * SECOND, 6, queue="a", name="d.example", status="sent", pid=2),
    ]
    flags = [what[3] for _, what in sorted(said(stitched(events)).items())][2:]
    assert flags == [0, L.F_ATTEMPT | L.F_FIRST, 0, L.F_AGAIN, L.F_ATTEMPT | L.F_FINAL]


def test_a_delivery_knows_its_message_by_its_number() -> None:
    """qmail: the result names the delivery only; a queue id that is used again at once is another message."""
    events = []
    for n, client in enumerate(("192.0.2.7", "192.0.2.8")):
        events += [
            Event("mail.from", START, 4 * n, queue="93869", client=client),
            Event("mail.start", START, 4 * n + 1, queue="93869", link=str(n), name="d.example"),
            Event("mail.to", START, 4 * n + 2, link=str(n), status="sent"),
            Event("mail.done", START, 4 * n + 3, queue="93869"),
        ]
    found = said(stitched(events))
    assert [found[4 * n][3] for n in (0, 1)] == [0, 0]
    assert [found[4 * n + 2][::3] for n in (0, 1)] == [(key(c), L.F_ATTEMPT | L.F_FIRST | L.F_FINAL) for c in ("192.0.2.7", "192.0.2.8")]


def test_a_bounce_is_known_before_its_line() -> None:
    """Postfix's queue manager may take a bounce up before the line that announces it: no client and no sender tell it."""
    events = [
        Event("mail.msgid", START, 0, queue="b", link="m2"),
        Event("mail.from", START, 1, queue="b", nrcpts=1),
        Event("mail.dsn", START, 2, queue="a", link="b"),
        Event("mail.to", START, 3, queue="b", name="d.example", status="sent"),
    ]
    found = said(stitched(events))
    assert (found[1][3], found[3][3] & L.F_DSN) == (L.F_DSN, L.F_DSN)


def test_exim_behind_a_filter_is_one_message() -> None:
    """The whole of a message stands in one from= record: what loopback hands in while the first waits is that one."""
    events = [
        Event("mail.from", START, 0, queue="a", client="192.0.2.7", account="ann", link="m1", sender="ann@x.example"),
        Event("mail.from", START, 1, queue="b", client="127.0.0.1", link="m1", sender="ann@x.example"),
        Event("mail.to", START, 2, queue="a", name="d.example", relay="127.0.0.1", status="sent"),
        Event("mail.to", START, 3, queue="b", name="d.example", relay="198.51.100.1", status="sent"),
        Event("mail.from", START, 4, queue="c", client="127.0.0.1", link="m1", sender="list@x.example"),
        Event("mail.from", START, 5, queue="d", client="198.51.100.66", link="m1", sender="eve@x.example"),
    ]
    found = said(stitched(events))
    assert [found[n][3] & (L.F_AGAIN | L.F_INTERNAL) for n in range(6)] == [0, L.F_AGAIN, L.F_INTERNAL, 0, 0, 0]
    assert found[1][:2] == found[3][:2] == (key("192.0.2.7"), key("ann"))
    assert found[4][0] == key("127.0.0.1")
    assert found[5][0] == key("198.51.100.66")


def test_one_event_may_lie_in_memory_as_it_likes() -> None:
    """A batch of one event that numpy left in columns is folded like any other."""
    columns = columns_of(random_stream(1, 3))
    plain = np.ascontiguousarray(columns[:, 1:2])
    other = np.ascontiguousarray(columns[:, np.array([False, True, False])])
    for batch in (plain, other):
        new_stitcher().step(batch)
    assert plain.tolist() == other.tolist()
