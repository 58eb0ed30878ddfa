"""A site as the detectors would see it after parsing and stitching: delivery attempts, questions, log-ins.

The evaluation reads these at once; that the log text of the same site gives the same is a test.  Keys are plain: a
host, account or question is its number + 1; a sender number + 2, the null sender 1; a domain number + 2, the campus 1.
"""

from __future__ import annotations

import numpy as np

from mailripple.messages import Attempts as Stitched
from mailripple.models.askers import Askers
from mailripple.parse import layout as L
from mailripple.parse.emit import GUESSES
from mailripple.parse.naive_addresses import sender_of
from mailripple.simulate.columns import Ints
from mailripple.simulate.site.tables import DEFERRED, EXPIRED, FAILED, GREYLISTED, POLICY, SENT, Site
from mailripple.tables import ATTEMPTS, QTYPES

NULL_SENDER = 1
#: Key of the campus' own domain.
LOCAL_KEY = 1
#: The one mail server.
SERVER = 1
_STATUS = {SENT: L.SENT, DEFERRED: L.DEFERRED, FAILED: L.BOUNCED}
_DSN_CLASS = {SENT: 2, DEFERRED: 4, FAILED: 5}


def attempts_of(site: Site) -> Stitched:
    """All delivery attempts, (12, n) as `messages.Attempts`, in the order of the fold; order numbers count from 1.

    One row for the first record of each attempt at a destination, and for the first that is final.
    """
    a = site.attempts
    rows = np.lexsort((a.recipient, a.status, a.ms))
    recipient, run = a.recipient[rows], a.run[rows]
    message, domain = site.recipients.message[recipient], site.recipients.domain[recipient]
    place = message * 100_000 + domain + 1
    expired = a.reason[rows] == EXPIRED
    final = (a.status[rows] != DEFERRED) & ~expired
    first_final = np.zeros(len(rows), bool)
    first_final[_first(place, final)] = True
    begins = np.zeros(len(rows), bool)
    _, once = np.unique(np.stack([place, run]), axis=1, return_index=True)
    begins[once] = True
    kept = np.flatnonzero(begins | first_final)
    status = np.choose(a.status[rows], [_STATUS[k] for k in (SENT, DEFERRED, FAILED)])
    status = np.where(expired, L.EXPIRED, status)
    out = np.empty((len(ATTEMPTS), len(kept)), np.int64)
    message = message[kept]
    out[0] = a.ms[rows][kept] * 1000
    out[1] = kept + 1
    out[2] = SERVER
    out[3] = message + 1
    out[4] = site.messages.client[message] + 1
    out[5] = site.messages.account[message] + 1
    out[6] = _senders(site.names.senders)[site.messages.sender[message] + 1]
    out[7] = domain[kept] + 2
    out[8] = (a.run[rows] < 0)[kept]
    out[9] = status[kept]
    out[10] = np.choose(a.status[rows][kept], [_DSN_CLASS[k] for k in (SENT, DEFERRED, FAILED)])
    out[10] |= np.isin(a.reason[rows][kept], (GREYLISTED, POLICY)) * 8
    out[11] = first_final[kept]
    return Stitched(out)


def _senders(addresses: list[str]) -> Ints:
    """Keys of the null sender and of all addresses; those that differ only in what SRS, VERP or BATV add have one."""
    first: dict[bytes, int] = {}
    keys = [first.setdefault(sender_of(address.encode()), i + 2) for i, address in enumerate(addresses)]
    return np.array([NULL_SENDER, *keys], np.int64)


def _first(place: Ints, where: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Ints:
    """Rows that are the first of their place among those `where`."""
    rows = np.flatnonzero(where)
    _, once = np.unique(place[rows], return_index=True)
    found: Ints = rows[once]
    return found


def questions_of(site: Site) -> Ints:
    """The questions that may tell a mailer, as `models.askers` chooses them, by time."""
    q = site.queries
    domain = _guessed(site.names.questions)
    mx = q.qtype == QTYPES.index("MX")
    address = np.isin(q.qtype, (QTYPES.index("A"), QTYPES.index("AAAA")))
    guessed = address & (domain[q.name] > 0)
    asks = np.zeros(len(site.hosts.ips), np.bool_)
    asks[q.client[mx]] = True
    rows = np.flatnonzero(mx | guessed | (address & asks[q.client]))
    out = np.zeros((len(L.COLUMNS), len(rows)), np.int64)
    out[L.COL["ts"]] = q.ms[rows] * 1000
    out[L.COL["code"]] = L.KIND_QUERY | q.qtype[rows] << 16 | (guessed[rows] * L.GUESSED) << 24 | L.UTC << 28
    out[L.COL["line"]] = (1 << 40) + rows + 1
    out[L.COL["client"]] = q.client[rows] + 1
    out[L.COL["name"]] = q.name[rows] + 1
    out[L.COL["link"]] = domain[q.name[rows]]
    return Askers().questions(out)


def _guessed(questions: list[str]) -> Ints:
    """For each name the key of the domain whose mail server it guesses; 0 where it does not."""
    labels = tuple(label.decode() for label in GUESSES)
    domains: dict[str, int] = {}
    found = np.zeros(len(questions), np.int64)
    for i, name in enumerate(questions):
        if name.startswith(labels):
            found[i] = domains.setdefault(name.split(".", 1)[1], (1 << 40) + len(domains))
    return found


def logins_of(site: Site) -> Ints:
    """The log-ins that succeeded as events (14, n), by time."""
    rows = np.flatnonzero(site.logins.ok == 1)
    out = np.zeros((len(L.COLUMNS), len(rows)), np.int64)
    out[L.COL["ts"]] = site.logins.ms[rows] * 1000
    out[L.COL["code"]] = np.where(site.logins.service[rows] == 1, L.KIND_IMAP_LOGIN, L.KIND_POP_LOGIN) | L.UTC << 28
    out[L.COL["client"]] = site.logins.host[rows] + 1
    out[L.COL["account"]] = site.logins.account[rows] + 1
    return out
