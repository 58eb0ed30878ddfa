"""What must be counted in the logs of a Site: from its tables, by the definitions of the counts, not from any text.

Some counts hang on the software: sendmail writes one delivery record for all recipients at a destination, Postfix
and Exim one for each.  Of a message that is too old Exim says that each recipient failed, Postfix that the message
did, sendmail sends its notice only.  Exim says which queue runs left a recipient alone.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mailripple.simulate.columns import Ints
from mailripple.simulate.site import tables as T
from mailripple.simulate.site.journal import Journal
from mailripple.simulate.site.text.exim import skipped_runs

Bools = npt.NDArray[np.bool_]


def counts_of(site: T.Site, mta: str) -> dict[str, int]:
    """Totals by their names in `truth.json`: of what is logged between the Site's start and its end."""
    journal = Journal(site)
    a, m, f = site.attempts, site.messages, site.refusals
    shown = _within(site, a.ms)
    records = journal.records(together=mta == "sendmail")
    told = _within(site, records.ms)
    status, reason = records.status[told], records.reason[told]
    expired = reason == T.EXPIRED
    taken = _within(site, m.ms)
    if mta == "postfix":  # its queue manager names the sender again at each queue run
        taken[site.recipients.message[a.recipient[shown]]] = True
    first, retry, away = _attempts(site, np.flatnonzero(shown), taken)
    counts = {
        "N_from": int(taken.sum()),
        "N_to": len(status),
        "N_SS": int(np.sum(status == T.SENT)),
        "N_SD": int(np.sum(status == T.DEFERRED)),
        "N_SX": int(np.sum(status == T.FAILED)),
        "N_to1": first,
        "N_ret": retry,
        "N_out1": away,
        "recipients": int(shown.sum()),
        "skipped": 0,
        "N_dsn": int(_within(site, site.bounces.ms).sum()),
        "N_dsn_to": int(_within(site, journal.bounce_ends).sum()),
        "rejects": int(_within(site, f.ms).sum()),
        "refused": int(_within(site, f.ms + REFUSED_MS).sum()) if mta == "sendmail" else 0,
        **_sessions(site),
        **_questions(site),
    }
    if mta != "exim":  # the last attempt is deferred like those before
        counts["N_SD"] += int(expired.sum())
        counts["N_SX"] -= int(expired.sum())
    if mta == "postfix":
        old = np.stack([records.message[told][expired], records.run[told][expired]])
        given_up = np.unique(old, axis=1).shape[1]
        counts["N_SX"] += given_up
        counts["N_to"] += given_up
    if mta == "exim":
        runs = np.sort(site.runs)
        skipped = int(_within(site, runs[skipped_runs(records, journal, runs)[1]]).sum())
        counts["skipped"] = skipped
        counts["N_to"] += skipped
    return counts


#: A refused session ends so long after the refusal.
REFUSED_MS = 30


def _spanned(site: T.Site, ms: Ints) -> Bools:
    found: Bools = (ms >= site.start) & (ms < site.end)
    return found


def _within(site: T.Site, ms: Ints) -> Bools:
    """Is it logged by the mail server?"""
    found = _spanned(site, ms)
    for gap in (h for h in site.happenings if h.kind == T.LOG_GAP):
        found &= (ms < gap.start) | (ms >= gap.end)
    return found


def _attempts(site: T.Site, rows: Ints, taken: Bools) -> tuple[int, int, int]:
    """Attempts (message, destination, queue run): first ones, retries, and first ones that leave the campus.

    Of a message whose beginning is not in the log (`taken`) no attempt can be told to be the first.
    """
    a, r = site.attempts, site.recipients
    message, domain = r.message[a.recipient[rows]], r.domain[a.recipient[rows]]
    pairs = np.unique(np.stack([message, domain, a.run[rows]]), axis=1)
    places = np.unique(pairs[:2], axis=1)
    places = places[:, taken[places[0]]]
    return places.shape[1], pairs.shape[1] - places.shape[1], int(np.sum(places[1] != T.LOCAL))


def _sessions(site: T.Site) -> dict[str, int]:
    s = site.logins
    counts = {}
    for name, service in (("N_P", T.POP), ("imap", T.IMAP)):
        mine = (s.service == service) & _within(site, s.ms)
        counts[name] = int(np.sum(mine & (s.ok == 1)))
        counts[f"{name}_failed"] = int(np.sum(mine & (s.ok != 1)))
    return counts


def _questions(site: T.Site) -> dict[str, int]:
    """Of the name server's log; its window moves with its clock."""
    shown = _spanned(site, site.queries.ms)
    return {"D_q": int(np.sum(shown & (site.queries.client == site.mail_server))), "queries": int(shown.sum())}
