"""The table of single attempts: what it keeps, and that cuts don't matter."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailripple import attempts_kernel
from mailripple.attempts import COLUMNS, AttemptLog, HandedOn, KeptAttempts, Newest, Rows, by_time, merge
from mailripple.messages import Attempts
from mailripple.parse import layout as L
from mailripple.tables import KEPT_ATTEMPTS
from tests.naive_fold import SECOND, Event, fold
from tests.streams import attempts_in, columns_of, hashed, key, new_stitcher, random_stream, stitched


def log_of(columns: np.ndarray) -> AttemptLog:
    log = AttemptLog()
    handed = HandedOn(log, lambda attempts: None)
    handed.take(columns)
    handed.close()
    return log


def test_the_columns_are_those_of_the_contract() -> None:
    """tables.py says what the columns mean."""
    assert tuple(c.name for c in KEPT_ATTEMPTS) == COLUMNS


@pytest.mark.parametrize("seed", range(5))
def test_it_holds_what_was_deferred(seed: int) -> None:
    """Every deferred record in time, not of the server's own bounces; first or retry, sender and queue as stitched."""
    events = random_stream(seed, 600, jitter=400)
    found = log_of(stitched(events)).attempts()
    wanted = [e for e in fold(events) if e.kind == "mail.to" and not e.flags & {"dsn", "internal", "late"}]
    deferred = [e for e in wanted if e.status == "deferred"]
    rows = sorted((e.ts, key(e.server), hashed(e.queue), key(e.client), key(e.account), hashed(e.sender), key(e.name), int("first" in e.flags), 2, e.line << 32, 0) for e in deferred)
    assert sorted(map(tuple, found.deferred.columns.T.tolist())) == rows
    assert len(found.other) == sum(e.status != "deferred" and "out" in e.flags for e in wanted)


@given(st.lists(st.integers(0, 30), max_size=80), st.lists(st.integers(0, 80), max_size=4), st.integers(1, 20))
def test_cuts_do_not_matter(times: list[int], cuts: list[int], keep: int) -> None:
    """Law 2: parts cut anywhere and merged in any order keep the same rows, and know since when they are complete."""
    table = np.zeros((len(COLUMNS), len(times)), np.int64)
    table[0], table[COLUMNS.index("order")] = times, np.arange(len(times))

    def kept(parts: list[np.ndarray], since: list[int]) -> Rows:
        newest = Newest(keep)
        for part, bound in zip(parts, since, strict=True):
            newest.since = max(newest.since, bound)
            newest.add(part)
        return newest.rows()

    whole = kept([table], [-1])
    bounds = [0, *sorted(min(c, len(times)) for c in cuts), len(times)]
    pieces = [kept([table[:, a:b]], [-1]) for a, b in zip(bounds, bounds[1:], strict=False)]
    for order in (pieces, pieces[::-1]):
        merged = kept([p.columns for p in order], [p.since for p in order])
        assert merged.since == whole.since
        assert merged.columns.tolist() == whole.columns.tolist()
    assert len(whole) <= keep
    assert whole["ts"].tolist() == sorted(t for t in times if t > whole.since)
    followed, at = Newest(keep), np.argsort(times, kind="stable")
    for a, b in zip(bounds, bounds[1:], strict=False):
        followed.since = max(followed.since, -1)
        followed.follow(table[:, at[a:b]])
    assert followed.rows().since == whole.since
    assert sorted(followed.rows().columns.T.tolist()) == sorted(whole.columns.T.tolist())


def test_room_of_rows_that_are_gone_is_used_again() -> None:
    """A log that keeps few rows holds the newest of many pieces, in no more than a few rooms."""
    events = stitched(random_stream(4, 3000, jitter=0))
    log = AttemptLog(Newest(20), Newest(30))
    handed = HandedOn(log, lambda attempts: None, records=attempts_kernel.BATCH)
    handed.take(events)
    handed.close()
    whole = log_of(events).attempts()
    for name, keep in (("deferred", 20), ("other", 30)):
        mine, every = getattr(log.attempts(), name), getattr(whole, name)
        assert 0 < len(mine) <= keep
        assert mine.columns.tolist() == every.columns[:, every["ts"] > mine.since].tolist()
        newest = getattr(log, name)
        assert len(newest.spare) + len(newest.rooms) <= keep // 2


def test_columns_begin_where_both_tables_are_complete() -> None:
    """What is asked of both is asked of the time that both know all of."""
    table = np.tile(np.arange(10), (len(COLUMNS), 1))
    for since in ((3, 6), (6, 3), (-1, -1)):
        kept = KeptAttempts(*(Rows(table[:, table[0] > s], s) for s in since))
        assert sorted(kept.columns()("ts").tolist()) == sorted(2 * list(range(max(since) + 1, 10)))
    assert by_time(lambda name: -table[COLUMNS.index(name)])[0].tolist() == list(range(-9, 1))


def test_parts_merge_into_the_whole() -> None:
    """Two servers' tables add up to that of both."""
    a, b = (log_of(stitched(random_stream(seed, 300))).attempts() for seed in (1, 2))
    both = merge([a, b])
    for name in (f.name for f in fields(both)):
        assert len(getattr(both, name)) == len(getattr(a, name)) + len(getattr(b, name))


def handed_on(
    columns: np.ndarray, since: int | None = None, until: int | None = None, room: int = attempts_kernel.BATCH
) -> tuple[np.ndarray, KeptAttempts]:
    """Attempts and records that stitching hands on, of events in order that come in pieces."""
    found: list[Attempts] = [Attempts(np.zeros((12, 0), np.int64))]
    log, stitcher = AttemptLog(), new_stitcher(64)
    handed = HandedOn(log, lambda attempts: found.append(attempts.copy()), since, until, attempts=room, records=room + 3)
    for at in range(0, columns.shape[1], 250):
        stitcher.step(columns[:, at : at + 250], handed)
    handed.close()
    return np.concatenate([a.columns for a in found], axis=1), log.attempts()


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("bounds", [(None, None), (1, 3)])
def test_what_is_handed_on_is_what_would_be_chosen(seed: int, bounds: tuple[int | None, int | None]) -> None:
    """Attempts and records that stitching hands on, in pieces and with little room, are those that are chosen of the
    stitched events: in the same order, in time, not of the server's own bounces, in the bounds."""
    columns = columns_of(sorted(random_stream(seed, 900, jitter=0), key=lambda e: e.ts or 0))
    times = columns[0][(columns[1] & 0xFF == L.KIND_TO) & (columns[0] > 0)]
    since, until = (None if b is None else int(times[len(times) * b // 4]) for b in bounds)
    attempts, mine = handed_on(columns, since, until, attempts_kernel.BATCH + seed)
    inside = columns[0] >= (1 if since is None else since)
    inside &= columns[0] < (1 << 62 if until is None else until)
    wanted = np.ascontiguousarray(columns[:, inside])
    assert attempts.shape[1] > 3
    assert attempts.tolist() == attempts_in(wanted).columns.tolist()
    chosen = log_of(wanted).attempts()
    for one, other in ((mine.deferred, chosen.deferred), (mine.other, chosen.other)):
        assert len(one) > 3
        assert one.columns.tolist() == other.columns.tolist()


def test_what_is_handed_on_of_one_message() -> None:
    """A deferral for reasons of policy, what then becomes of the message in the same run, which is no new attempt, and
    nothing of records without a time or outside the bounds."""
    said = {"queue": "q1", "name": "dest.example", "mailer": "esmtp", "relay": "192.0.2.9", "pid": 7}
    events = [
        Event("mail.from", 100 * SECOND, 1, client="192.0.2.1", sender="ann@here.example", queue="q1", nrcpts=1),
        Event("mail.to", 101 * SECOND, 2, status="deferred", dsn=4, **said),
        Event("mail.to", 110 * SECOND, 3, status="sent", dsn=2, **said),
        Event("mail.to", None, 4, status="sent", dsn=2, **said),
    ]
    for bounds, lines in (((None, None), [2, 3]), ((101 * SECOND, 110 * SECOND), [2]), ((101 * SECOND + 1, None), [3])):
        columns = columns_of(events)
        columns[L.COL["code"], 1] |= L.POLICY << 16
        attempts, kept = handed_on(columns, *bounds)
        first = [line == 2 for line in lines]
        assert (attempts[1] >> 32).tolist() == lines
        assert attempts[8].tolist() == first
        assert attempts[11].tolist() == [not f for f in first]
        assert attempts[10].tolist() == [4 | 8 if f else 2 for f in first]
        assert (kept.deferred["order"] >> 32).tolist() == [line for line in lines if line == 2]
        assert (kept.other["order"] >> 32).tolist() == [line for line in lines if line == 3]
        assert kept.deferred["policy"].tolist() == [1] * (2 in lines)
