"""The events of a site are those that its tables say."""

from __future__ import annotations

import numpy as np

from mailripple.parse import layout as L
from mailripple.simulate.site.events import NULL_SENDER, attempts_of, logins_of, questions_of
from mailripple.simulate.site.tables import DEFERRED, EXPIRED
from mailripple.tables import QTYPES
from tests.simulate.site.test_generate import small


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
    """All questions of the type, and the log-ins whose password was right, by time."""
    site = small(1)
    mx = questions_of(site, QTYPES.index("MX"))
    assert mx.shape[1] == int((site.queries.qtype == QTYPES.index("MX")).sum())
    assert np.all(np.diff(mx[L.COL["ts"]]) >= 0)
    assert logins_of(site).shape[1] == int(site.logins.ok.sum())
