"""Exim 4.96 to 4.98: its main log, with `log_selector = +pid`, else two queue runs close together look like one.

A line for each recipient; of several at one server the first is `=>`, the others are `->`.  Where a queue run finds
that a host is not due, Exim says `retry time not reached` and tries nothing.
"""

from __future__ import annotations

from datetime import datetime
from functools import cached_property

import numpy as np

from mailripple.parse import layout as L
from mailripple.simulate.columns import Ints
from mailripple.simulate.site import tables as T
from mailripple.simulate.site.journal import UNREACHED, Journal, Records, unreached
from mailripple.simulate.site.sorts import ADDRESS, EXACT, NAME, SENDER, Named, Sort

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_PIDS = 990_000
Columns = dict[str, "Ints | int | Named"]
_TLS = "X=TLS1.3:ECDHE_X25519__RSA_PSS_RSAE_SHA256__AES_256_GCM:256 CV=no"
_ROUTED = "R=dnslookup T=remote_smtp"
_SAID = "SMTP error from remote mail server after RCPT TO:<{a}>:"
#: Result by reason: status, sign, text; {a} recipient, {h} `H=name [address]`, {d} domain, {id} its id.
RESULTS: dict[int, tuple[int, str, str]] = {
    T.ACCEPTED: (L.SENT, "=>", f'{_ROUTED} {{h}} C="250 2.0.0 OK id={{id:08x}} queued"'),
    T.GREYLISTED: (
        *(L.DEFERRED, "=="),
        f"{_ROUTED} defer (-44) {{h}}: {_SAID} 451 4.7.1 Greylisting in action, please come back in 00:05:00",
    ),
    T.TIMED_OUT: (L.DEFERRED, "==", f"{_ROUTED} defer (110): Connection timed out {{h}}"),
    T.REFUSED: (L.DEFERRED, "==", f"{_ROUTED} defer (111): Connection refused {{h}}"),
    T.POLICY: (
        *(L.DEFERRED, "=="),
        f"{_ROUTED} defer (-44) {{h}}: {_SAID} 450 4.7.0 too much mail from your address, try again later",
    ),
    T.BUSY: (L.DEFERRED, "==", f"{_ROUTED} defer (-44) {{h}}: {_SAID} 450 4.2.0 <{{a}}>: mailbox busy"),
    T.NO_SERVER: (L.DEFERRED, "==", "R=dnslookup defer (-1): host lookup did not complete"),
    T.UNKNOWN_USER: (L.BOUNCED, "**", f"{_ROUTED} {{h}}: {_SAID} 550 5.1.1 <{{a}}>... User unknown"),
    T.UNKNOWN_HOST: (L.BOUNCED, "**", "Unrouteable address"),
    T.REJECTED: (L.BOUNCED, "**", f"{_ROUTED} {{h}}: {_SAID} 554 5.7.1 <{{a}}>: Message rejected"),
    T.EXPIRED: (L.EXPIRED, "**", "retry timeout exceeded"),
}
#: Reasons whose line names the server in a way that is read as the other side of the connection.
_NAMED = (T.ACCEPTED, T.UNKNOWN_USER, T.REJECTED)
_REFUSED = {T.UNKNOWN_USER: "Unrouteable address", T.GREYLISTED: "greylisted, please come back in 00:05:00"}


def spaced(t: datetime) -> str:
    """`2024-12-31 23:22:00`."""
    return f"{t:%Y-%m-%d %H:%M:%S}"


class Exim:
    """The lines of one Site's mail server."""

    def __init__(self, journal: Journal) -> None:
        self.j = journal
        hosts, m = journal.site.hosts, journal.site.messages
        names = [name and f"{name} " for name in hosts.names]
        helos = [f"({name.partition('.')[0] or 'localhost'}) " for name in hosts.names]
        rows = zip(names, helos, hosts.ips, hosts.kinds, strict=True)
        # A server says its full name, and where that is the name of its address it is written once.
        self._clients = [f"H={n}{'' if n and kind == 'outside-server' else h}[{ip}]" for n, h, ip, kind in rows]
        self._peers = [f"H={x} [{ip}]" for x, ip in zip(journal.exchangers, journal.exchanger_ips, strict=True)]
        self._peers.append("")  # of no one
        self._session = journal.pids(journal.slots[0], 0)
        self._ids = self._message_ids(m.ms, self._session)
        self._to = journal.records(together=False)

    def sorts(self) -> list[Sort]:
        """All lines, in the order in which they come at equal times."""
        b = self.j.site.bounces
        pids = self._delivering(b.message, self.j.lost_in_run[b.recipient]) + 2
        return [
            *self._runs(), self._from(), *self._refusals(), self._skipped(), *self._deliveries(), *self._bounces(pids),
            self._completed(),
        ]

    def _message_ids(self, ms: Ints, pids: Ints) -> list[str]:
        """Seconds, process and fraction of a second (half a millisecond), each to the base of 62."""
        rows = zip((ms // 1000).tolist(), pids.tolist(), (ms % 1000 * 2).tolist(), strict=True)
        return [f"{_base62(s, 6)}-{_base62(pid, 6)}-{_base62(part, 2)}" for s, pid, part in rows]

    def _delivering(self, message: Ints, run: Ints) -> Ints:
        """The process that delivers: one for each message in each queue run."""
        forked: Ints = 1000 + (4 * self.j.slots[0][message] + 1 + (run + 1) * 7921) % _PIDS
        return forked

    def _runs(self) -> list[Sort]:
        runs = np.sort(self.j.site.runs)
        pids = self.j.pids(self.j.slots[1], 3)

        def said(what: str, at: Ints) -> list[str]:
            return [f" [{p}] {what} queue run: pid={p}" for p in pids[at].tolist()]

        return [Sort(runs, lambda at: said("Start", at)), Sort(runs + 900, lambda at: said("End", at))]

    def _from(self) -> Sort:
        m, j = self.j.site.messages, self.j

        def texts(at: Ints) -> list[str]:
            columns = (at, self._session[at], m.client[at], m.account[at], m.sender[at], m.size[at])
            found = []
            for i, p, c, a, s, size in zip(*(column.tolist() for column in columns), strict=True):
                how = f"P=esmtpsa {_TLS} A=plain_server:{j.accounts[a]}" if a >= 0 else "P=esmtp"
                head = f" [{p}] {self._ids[i]} <= {j.senders[s] or '<>'} {self._clients[c]}"
                found.append(f"{head} {how} S={size} id={j.message_ids[i]}")
            return found

        columns: Columns = {
            "client": Named(j.site.hosts.ips, ADDRESS, m.client), "account": Named(j.accounts, NAME, m.account),
            "queue": Named(self._ids, EXACT), "link": Named(j.message_ids, EXACT), "pid": self._session,
            "sender": Named(j.senders, SENDER, m.sender),
        }
        return Sort(m.ms, texts, L.KIND_FROM, columns)

    def _refusals(self) -> list[Sort]:
        f, j = self.j.site.refusals, self.j
        places = np.where(f.domain == T.LOCAL, len(j.domains) - 1, f.domain)
        pids = 1000 + (f.ms // 500 * 4 + 2) % _PIDS

        def texts(at: Ints) -> list[str]:
            columns = (pids[at], f.client[at], f.sender[at], f.user[at], places[at], f.reason[at])
            found = []
            for p, c, s, u, place, reason in zip(*(column.tolist() for column in columns), strict=True):
                to = f"{j.site.names.users[u]}@{j.domains[place]}"
                verb = "temporarily rejected" if reason == T.GREYLISTED else "rejected"
                why = _REFUSED.get(reason, "relay not permitted")
                found.append(f" [{p}] {self._clients[c]} F=<{j.senders[s]}> {verb} RCPT <{to}>: {why}")
            return found

        who: Columns = {"client": Named(j.site.hosts.ips, ADDRESS, f.client), "pid": pids}
        return [Sort(f.ms, texts, L.KIND_REJECT, who)]

    def _deliveries(self) -> list[Sort]:
        r, j = self._to, self.j
        local = r.place == len(j.domains) - 1
        pids = self._delivering(r.message, r.run)
        statuses = np.array([RESULTS[k][0] for k in sorted(RESULTS)], np.int64)
        connected = np.isin(r.reason, _NAMED) & ~local
        known = (statuses[r.reason] == L.DEFERRED) & (r.reason != T.NO_SERVER) & ~local
        columns: Columns = {
            "status": statuses[r.reason], "name": Named(j.domains, NAME, r.place), "recipients": 1, "pid": pids,
            "queue": Named(self._ids, EXACT, r.message),
            "qtype": L.POLICY * (np.isin(r.reason, (T.GREYLISTED, T.POLICY)) & ~local),
            "relay": Named(j.exchanger_ips, ADDRESS, np.where(connected, r.place, len(j.exchanger_ips))),
            "sender": Named(["smtp"], SENDER, 1 - known.astype(np.int64)),
        }
        return [self._unconnected(pids), Sort(r.ms, lambda at: self._texts(at, pids), L.KIND_TO, columns)]

    def _unconnected(self, pids: Ints) -> Sort:
        """What Exim says of a server that cannot be reached, once for all recipients there."""
        r = self._to
        rows = unreached(r)

        def texts(at: Ints) -> list[str]:
            i = rows[at]
            columns = (pids[i], r.message[i], r.place[i], r.reason[i])
            found = zip(*(c.tolist() for c in columns), strict=True)
            return [f" [{p}] {self._ids[k]} {self._peers[x]} Connection {UNREACHED[why]}" for p, k, x, why in found]

        return Sort(r.ms[rows], texts)

    def _texts(self, at: Ints, pids: Ints) -> list[str]:
        r, j = self._to, self.j
        here, member = len(j.domains) - 1, j.site.attempts.recipient[r.members]
        columns = (pids[at], r.message[at], member[r.first[at]], r.place[at], r.reason[at], self._also[at])
        texts = []
        for pid, k, whom, place, reason, also in zip(*(c.tolist() for c in columns), strict=True):
            to = j.addresses[whom]
            _, sign, text = RESULTS[reason]
            if place == here:
                texts.append(f" [{pid}] {self._ids[k]} {_at_home(reason, to)}")
                continue
            answer = (k * 0x9E3779B1 + place) & 0xFFFFFFFF
            text = text.format(a=to, h=self._peers[place], d=j.domains[place], id=answer)
            gap = ": " if reason in (T.UNKNOWN_HOST, T.EXPIRED) else " "
            texts.append(f" [{pid}] {self._ids[k]} {'->' if also else sign} {to}{gap}{text}")
        return texts

    @cached_property
    def _also(self) -> Ints:
        """1 for a recipient whose copy went in the same transaction as that of the record before."""
        r = self._to
        found = np.zeros(len(r.ms), np.int64)
        same = [c[1:] == c[:-1] for c in (r.ms, r.message, r.place, r.reason)]
        found[1:] = np.logical_and.reduce(same) & (r.reason[1:] == T.ACCEPTED)
        return found

    def _skipped(self) -> Sort:
        """Queue runs that leave a recipient alone."""
        r, j, runs = self._to, self.j, np.sort(self.j.site.runs)
        row, run = skipped_runs(r, j, runs)
        pids = self._delivering(r.message[row], run)
        member = j.site.attempts.recipient[r.members[r.first[row]]]

        def texts(at: Ints) -> list[str]:
            columns = (pids[at], r.message[row[at]], member[at], r.place[row[at]])
            return [
                f" [{p}] {self._ids[k]} == {j.addresses[whom]} {_ROUTED} defer (-54): retry time not reached for any "
                f"host for '{j.domains[place]}'"
                for p, k, whom, place in zip(*(c.tolist() for c in columns), strict=True)
            ]

        columns: Columns = {
            "status": L.SKIPPED, "name": Named(j.domains, NAME, r.place[row]), "recipients": 1, "pid": pids,
            "queue": Named(self._ids, EXACT, r.message[row]), "sender": Named(["smtp"], SENDER),
        }
        return Sort(runs[run] + 100 if len(run) else run, texts, L.KIND_TO, columns)

    def _bounces(self, pids: Ints) -> list[Sort]:
        """What the server sends back, from its id to its end."""
        j, b = self.j, self.j.site.bounces
        local = j.bounce_places == len(j.domains) - 1
        well = j.bounce_deliverable == 1
        ids = self._message_ids(b.ms + 1, pids)
        places = np.where(well & ~local, j.bounce_places, len(j.exchanger_ips))
        size = j.site.messages.size[b.message] + 2100

        def told(at: Ints) -> list[str]:
            columns = (at, pids[at], b.message[at], size[at])
            return [
                f" [{p}] {ids[i]} <= <> R={self._ids[k]} U=Debian-exim P=local S={s}"
                for i, p, k, s in zip(*(c.tolist() for c in columns), strict=True)
            ]

        def sent(at: Ints) -> list[str]:
            columns = (at, pids[at], j.bounce_to[at], places[at], local[at], well[at])
            texts = []
            for i, p, s, place, here, good in zip(*(c.tolist() for c in columns), strict=True):
                to, text = j.senders[s], RESULTS[T.ACCEPTED][2].format(h=self._peers[place], id=i)
                text = f"=> {to} {text}" if good else f"** {to}: Unrouteable address"
                text = _at_home(T.ACCEPTED, to) if here else text
                texts.append(f" [{p}] {ids[i]} {text}")
            return texts

        def done(at: Ints) -> list[str]:
            return [f" [{p}] {ids[i]} Completed" for i, p in zip(at.tolist(), pids[at].tolist(), strict=True)]

        queue = Named(ids, EXACT)
        to: Columns = {
            "status": np.where(well, L.SENT, L.BOUNCED), "recipients": 1, "queue": queue, "pid": pids,
            "name": Named([s.rpartition("@")[2] for s in j.senders], NAME, j.bounce_to),
            "relay": Named(j.exchanger_ips, ADDRESS, places),
        }
        notice: Columns = {"queue": Named(self._ids, EXACT, b.message), "link": queue, "pid": pids}
        return [
            Sort(b.ms, told, L.KIND_DSN, notice),
            Sort(j.bounce_ends, sent, L.KIND_TO, to),
            Sort(j.bounce_ends, done, L.KIND_DONE, {"queue": queue, "pid": pids}),
        ]

    def _completed(self) -> Sort:
        j = self.j
        rows = np.flatnonzero(j.ends >= 0)
        pids = self._delivering(rows, j.last_run[rows])

        def texts(at: Ints) -> list[str]:
            found = zip(pids[at].tolist(), rows[at].tolist(), strict=True)
            return [f" [{p}] {self._ids[k]} Completed" for p, k in found]

        return Sort(j.ends[rows], texts, L.KIND_DONE, {"queue": Named(self._ids, EXACT, rows), "pid": pids})


def skipped_runs(r: Records, j: Journal, runs: Ints) -> tuple[Ints, Ints]:
    """Of each deferred record (row) the later queue runs in which nothing was tried for its recipient: rows, runs."""
    recipient = j.site.attempts.recipient[r.members[r.first]]
    order = np.lexsort((r.ms, recipient))
    following = np.full(len(order), len(runs), np.int64)
    same = recipient[order][1:] == recipient[order][:-1]
    following[:-1][same] = r.run[order][1:][same]
    waits = r.status[order] == T.DEFERRED
    begin = np.maximum(np.searchsorted(runs, r.ms[order], side="right"), r.run[order] + 1)
    count = np.where(waits, np.maximum(following - begin, 0), 0)
    rows = np.repeat(order, count)
    first = np.repeat(np.cumsum(count) - count, count)
    return rows, np.repeat(begin, count) + np.arange(len(rows)) - first


def _at_home(reason: int, to: str) -> str:
    """The local delivery, from its sign on."""
    if reason == T.ACCEPTED:
        return f"=> {to.partition('@')[0]} <{to}> R=localuser T=local_delivery"
    if reason < T.UNKNOWN_USER:
        return f"== {to} R=localuser T=local_delivery defer (-1): mailbox is locked"
    if reason == T.EXPIRED:
        return f"** {to}: retry timeout exceeded"
    return f"** {to}: Unrouteable address"


def _base62(number: int, width: int) -> str:
    text = ""
    for _ in range(width):
        number, digit = divmod(number, 62)
        text = _DIGITS[digit] + text
    return text
