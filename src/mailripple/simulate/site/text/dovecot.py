"""Dovecot 2.3 in syslog: POP3 and IMAP sessions."""

from __future__ import annotations

from base64 import b64encode
from ipaddress import ip_address

import numpy as np

from mailripple.parse import layout as L
from mailripple.simulate.columns import Ints
from mailripple.simulate.site.journal import Journal
from mailripple.simulate.site.sorts import ADDRESS, NAME, Named, Sort
from mailripple.simulate.site.tables import POP

_PIDS, _FIRST_PID = 990_000, 1003
_SERVICES = ("pop3", "imap")
_LOGIN = (L.KIND_POP_LOGIN, L.KIND_IMAP_LOGIN)
_LOGOUT = (L.KIND_POP_LOGOUT, L.KIND_IMAP_LOGOUT)
_FAIL = (L.KIND_POP_FAIL, L.KIND_IMAP_FAIL)


def dovecot_sorts(journal: Journal) -> list[Sort]:
    """Log-ins, log-outs and failures of both services."""
    s, sessions = journal.site.logins, _Sessions(journal)
    sorts = []
    for service in range(len(_SERVICES)):
        good = np.flatnonzero((s.service == service) & (s.ok == 1))
        bad = np.flatnonzero((s.service == service) & (s.ok != 1))
        sorts += [
            _login(journal, service, good, sessions),
            _logout(journal, service, good, sessions),
            _fail(journal, service, bad, sessions),
        ]
    return sorts


def _columns(journal: Journal, rows: Ints) -> dict[str, Ints | int | Named]:
    s = journal.site.logins
    return {
        "client": Named(journal.site.hosts.ips, ADDRESS, s.host[rows]),
        "account": Named(journal.accounts, NAME, s.account[rows]),
    }


def _login(journal: Journal, service: int, rows: Ints, sessions: _Sessions) -> Sort:
    s, name = journal.site.logins, _SERVICES[service]

    def texts(at: Ints) -> list[str]:
        which = rows[at]
        columns = (which, s.ms[which], s.host[which], s.account[which])
        return [
            f" {journal.host} dovecot: {name}-login: Login: user=<{journal.accounts[a]}>, method=PLAIN, "
            f"rip={journal.site.hosts.ips[h]}, lip={journal.ip}, mpid={_pid(i)}, session=<{sessions(i, ms, h)}>"
            for i, ms, h, a in zip(*(c.tolist() for c in columns), strict=True)
        ]

    return Sort(s.ms[rows], texts, _LOGIN[service], _columns(journal, rows))


def _logout(journal: Journal, service: int, rows: Ints, sessions: _Sessions) -> Sort:
    s, name = journal.site.logins, _SERVICES[service]

    def texts(at: Ints) -> list[str]:
        which = rows[at]
        columns = (which, s.ms[which], s.host[which], s.account[which], s.mails[which])
        return [
            f" {journal.host} dovecot: {name}({journal.accounts[a]})<{_pid(i)}><{sessions(i, ms, h)}>: "
            f"Disconnected: Logged out {_fetched(service, n)}"
            for i, ms, h, a, n in zip(*(c.tolist() for c in columns), strict=True)
        ]

    return Sort(s.ms[rows] + s.took[rows], texts, _LOGOUT[service], {"account": _columns(journal, rows)["account"]})


def _fail(journal: Journal, service: int, rows: Ints, sessions: _Sessions) -> Sort:
    s, name = journal.site.logins, _SERVICES[service]

    def texts(at: Ints) -> list[str]:
        which = rows[at]
        columns = (which, s.ms[which], s.host[which], s.account[which])
        return [
            f" {journal.host} dovecot: {name}-login: Disconnected: Aborted login by logging out "
            f"(auth failed, 1 attempts in 2 secs): user=<{journal.accounts[a]}>, method=PLAIN, "
            f"rip={journal.site.hosts.ips[h]}, lip={journal.ip}, session=<{sessions(i, ms, h)}>"
            for i, ms, h, a in zip(*(c.tolist() for c in columns), strict=True)
        ]

    return Sort(s.ms[rows], texts, _FAIL[service], _columns(journal, rows))


def _pid(row: int) -> int:
    return _FIRST_PID + 4 * row % _PIDS


def _fetched(service: int, mails: int) -> str:
    if service == POP:
        return f"top=0/0, retr={mails}/{mails * 4231}, del={mails}/{mails}, size={mails * 4127}"
    body = mails * 4127
    return (
        f"in={26 + 41 * mails} out={817 + body} deleted=0 expunged=0 trashed=0 hdr_count={mails} "
        f"hdr_bytes={mails * 612} body_count={mails} body_bytes={body}"
    )


class _Sessions:
    """Names of sessions: microseconds, port and address of the client, to the base of 64."""

    def __init__(self, journal: Journal) -> None:
        self._ips = [ip_address(ip).packed for ip in journal.site.hosts.ips]

    def __call__(self, row: int, ms: int, host: int) -> str:
        port = 32768 + row * 7919 % 28_000
        clock = (ms * 1000 + row % 1000) & 0xFFFF_FFFF_FFFF
        name = clock.to_bytes(6, "little") + port.to_bytes(2, "little") + self._ips[host]
        return b64encode(name).decode().rstrip("=")
