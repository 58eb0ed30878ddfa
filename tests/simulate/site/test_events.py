"""The events of a site are those that its tables say."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest

from mailripple.formats.load import load_formats
from mailripple.messages import LOCAL_MAILERS, InOrder, Stitcher
from mailripple.parse import layout as L
from mailripple.parse.compile import compile_formats
from mailripple.parse.events import Parser
from mailripple.simulate.site.events import NULL_SENDER, attempts_of, logins_of, questions_of
from mailripple.simulate.site.generate import make_site
from mailripple.simulate.site.logged import mail_events
from mailripple.simulate.site.scene import site_scene
from mailripple.simulate.site.tables import DEFERRED, EXPIRED
from mailripple.tables import QTYPES
from tests.simulate.site.test_generate import small
from tests.streams import attempts_in


def test_attempts_are_first_and_final_records() -> None:
    """One row for each (message, domain, run), by a slow count, and one final row for each that came to an end."""
    site = small(1)
    columns = attempts_of(site).columns
    a, r = site.attempts, site.recipients
    attempts, final = set(), {}
    for k in np.lexsort((a.recipient, a.ms)).tolist():
        place = int(r.message[a.recipient[k]]), int(r.domain[a.recipient[k]])
        attempts.add((*place, int(a.run[k])))
        if a.status[k] != DEFERRED and a.reason[k] != EXPIRED:
            final.setdefault(place, int(a.ms[k]) * 1000)
    assert columns.shape[1] >= len(attempts)
    rows = {(q - 1, d - 2): ts for ts, q, d, f in columns[[0, 3, 7, 11]].T.tolist() if f}
    assert rows == final
    assert np.all(np.diff(columns[0]) >= 0)
    assert (columns[6] == NULL_SENDER).sum() > 0


def test_questions_and_logins() -> None:
    """All questions for exchangers, those for guessed ones by their domains, and the log-ins whose password was right."""
    site = small(1)
    mx = questions_of(site)
    guessed = (mx[L.COL["code"]] >> 24) & 15 == L.GUESSED
    exchangers = (mx[L.COL["code"]] >> 16) & 0xFF == QTYPES.index("MX")
    assert int(exchangers.sum()) == int((site.queries.qtype == QTYPES.index("MX")).sum())
    assert 0 < int((~exchangers & ~guessed).sum()) < int((site.queries.qtype == QTYPES.index("A")).sum())
    (host,) = [c.host for c in site.causes if c.kind == "guessed"]
    mine = guessed & (mx[L.COL["client"]] == host + 1)
    assert 0 < len(np.unique(mx[L.COL["link"]][mine])) <= int(mine.sum())
    assert np.all(np.diff(mx[L.COL["ts"]]) >= 0)
    assert logins_of(site).shape[1] == int(site.logins.ok.sum())


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_they_are_what_the_pipeline_makes_of_the_log(seed: int) -> None:
    """The attempts that the evaluation reads are those that stitching makes of the events of sendmail's log.

    The log may end between an attempt and its line, and a record for several recipients has one outcome: a thousandth
    may differ.
    """
    site = make_site(site_scene("campus"), seed, days=2, clients=50)
    key = Parser(compile_formats(load_formats()), 5).key
    stitcher = Stitcher(key(b"relay", 2), key(b"::1", 1), [key(mailer, 2) for mailer in LOCAL_MAILERS])
    in_order, found = InOrder(), []
    for batch, _ in itertools.chain(in_order.take(mail_events(site, "sendmail", key)), in_order.rest()):
        ready = np.ascontiguousarray(batch)
        stitcher.step(ready)
        found.append(attempts_in(ready).columns)
    told, made = np.concatenate(found, axis=1), attempts_of(site).columns

    def rows(columns: np.ndarray, client: dict[int, int], account: dict[int, int]) -> Counter[tuple[int, ...]]:
        some = (columns[0] // 1_000_000, columns[4], columns[5], columns[8], columns[9], columns[11])
        return Counter((t, client[c], account[a], *rest) for t, c, a, *rest in zip(*(x.tolist() for x in some), strict=True))

    hosts = {key(ip.encode(), 1): i for i, ip in enumerate(site.hosts.ips)} | {0: -1}
    accounts = {key(name.encode()): i for i, name in enumerate(site.names.accounts)} | {0: -1}
    plain = {i + 1: i for i in range(-1, len(site.hosts.ips) + len(site.names.accounts))}
    one, two = rows(told, hosts, accounts), rows(made, plain, plain)
    assert ((one - two).total() + (two - one).total()) <= made.shape[1] / 1000
