"""Each rule accuses whom it should by its own words, on events made by hand."""

from __future__ import annotations

import numpy as np
import pytest

from mailripple.evaluate.peers import PEERS, Peer, records_a_message
from mailripple.evaluate.week import Week
from mailripple.evaluate.windows import in_window, new_ones
from mailripple.messages import Attempts
from mailripple.parse import layout as L
from mailripple.tables import QTYPES

MINUTE = 60_000_000
HOST, FRIEND = 7, 8


def week(rows: list[tuple[int, int, int, int]], asked: list[tuple[int, int, int]] = []) -> Week:  # noqa: B006
    """Attempts (minute, client, domain, failed), and questions (minute, client, name)."""
    columns = np.zeros((12, len(rows)), np.int64)
    for i, (minute, client, domain, failed) in enumerate(rows):
        columns[:, i] = (minute * MINUTE, i, 1, i + 1, client, 0, 5, domain, 1, L.BOUNCED if failed else L.SENT, 5, 1)
    questions = np.zeros((len(L.COLUMNS), len(asked)), np.int64)
    for i, (minute, client, name) in enumerate(asked):
        questions[L.COL["ts"], i], questions[L.COL["client"], i], questions[L.COL["name"], i] = minute * MINUTE, client, name
    questions[L.COL["code"]] = L.KIND_QUERY | QTYPES.index("MX") << 16 | L.UTC << 28
    none = np.zeros((len(L.COLUMNS), 0), np.int64)
    spam = np.array([bool(failed) for *_, failed in rows])
    return Week(Attempts(columns), questions, none, frozenset([HOST, FRIEND, 1]), frozenset([1]), frozenset(), none[:3], 0, 10**13, spam)


#: A week of one message an hour by both, then one of them writes to strangers, twice a minute, and everything fails.
STEADY = [(60 * k, client, 50, 0) for k in range(100) for client in (HOST, FRIEND)]
BURST = [(6_000 + k // 2, HOST, 100 + k, 1) for k in range(400)]
ASKED = [(6_000 + k // 2, HOST, k) for k in range(50)] + [(10, 1, k) for k in range(50)]


@pytest.mark.parametrize("peer", PEERS, ids=lambda p: p.name)
def test_a_burst_is_seen_and_steady_mail_is_not(peer: Peer) -> None:
    """Every rule accuses the host that bursts, not before it does, and nobody else: not its friend, not the mail server."""
    found = peer.rule(week(STEADY + BURST, sorted(ASKED)), peer.usual)
    assert [r.subject for r in found] == [(False, HOST)]
    assert found[0].alarm is not None
    assert found[0].alarm >= 6_000 * MINUTE
    assert peer.rule(week(STEADY), peer.usual) == []


@pytest.mark.parametrize("peer", PEERS, ids=lambda p: p.name)
def test_a_higher_number_accuses_no_more(peer: Peer) -> None:
    """The number of each rule makes it stricter, over all choices that tuning has."""
    events = week(STEADY + BURST, sorted(ASKED))
    counts = [len(peer.rule(events, choice)) for choice in peer.choices]
    assert counts == sorted(counts, reverse=True)
    assert peer.usual in peer.choices


def test_windows() -> None:
    """Rows of the last ten units, of the same subject only; what is new is new once."""
    who, ts = np.array([1, 1, 1, 2, 2]), np.array([0, 5, 20, 21, 31])
    assert in_window(who, ts, 10).tolist() == [1, 2, 1, 1, 1]
    assert new_ones(who, np.array([4, 4, 5, 4, 4])).tolist() == [True, False, True, True, False]


def test_the_papers_sign_counts_hours() -> None:
    """Hours with more than 1.5 records a message, of those with 20 messages or more, before the attacks begin."""
    tries = [(k // 2, HOST, 50, 0) for k in range(60)]
    again = [(90 + k // 2, HOST, 50, 0) for k in range(60)]
    events = week([*tries, *again])
    events.attempts.columns[3, 60:] = np.repeat(np.arange(100, 130), 2)
    assert records_a_message(events, 1.5) == (2, 1, 2)
    assert records_a_message(events, 2.5) == (2, 0, 2)
