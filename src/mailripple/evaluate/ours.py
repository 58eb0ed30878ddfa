"""mailripple's own detectors, on the events of a site: the same folds and decisions as in a report."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from mailripple.detectors import Alarm, Scores, decide_all
from mailripple.evaluate.week import Raised, Subject, Week
from mailripple.incidents import mean_evidence
from mailripple.models.lookups import Lookups, Spans, servers_meanwhile
from mailripple.models.senders import Senders
from mailripple.simulate.site.events import NULL_SENDER
from mailripple.simulate.site.tables import Ints


def scores_of(week: Week) -> Scores:
    """Fold and score."""
    senders, lookups = Senders(NULL_SENDER), Lookups()
    senders.step(week.attempts)
    senders.logins(week.logins)
    lookups.step(week.exchangers)
    found = (tuple(lookups.scores()),)

    def asked(spans: Spans) -> Ints:
        client, window, pointer = week.asked
        of_each = [pointer[(client == k) & (window >= a) & (window <= b)] for k, (a, b) in spans.items()]
        return np.stack([np.bincount(p, minlength=2) for p in of_each])

    servers = servers_meanwhile(found, week.reverse - week.servers, asked)
    return Scores((tuple(senders.scores()),), found, week.servers, servers)


def ours(week: Week, _threshold: float = 0.0) -> list[Raised]:
    """What mailripple says of each subject: the earliest moment of each level."""
    return said_of(decide_all(scores_of(week)))


def said_of(alarms: Iterable[Alarm]) -> list[Raised]:
    """Of each subject the earliest moment of each level."""
    found: dict[Subject, Raised] = {}
    for alarm in alarms:
        subject = (alarm.account, alarm.key)
        level = {"alarm": 3, "warning": 2, "notice": 1}[alarm.level]
        at = [alarm.at if level >= k else None for k in (3, 2, 1)]
        if level >= 2 and alarm.warned is not None:
            at[1] = min(alarm.at, alarm.warned)
        new = Raised(subject, at[0], at[1], at[2], alarm.onset, alarm.evidence)
        old = found.get(subject)
        found[subject] = new if old is None else _both(old, new)
    return list(found.values())


def _both(a: Raised, b: Raised) -> Raised:
    """The earliest of each level."""

    def first(x: int | None, y: int | None) -> int | None:
        return min((t for t in (x, y) if t is not None), default=None)

    stronger = a if a.alarm is not None or b.alarm is None else b
    return Raised(
        a.subject,
        first(a.alarm, b.alarm),
        first(a.warning, b.warning),
        first(a.notice, b.notice),
        stronger.onset,
        mean_evidence([a.evidence, b.evidence]),
    )
