"""Postfix 3.5 to 3.9 in syslog: sessions, queue ids, a line for each recipient and attempt."""

from __future__ import annotations

import numpy as np

from mailripple.parse import layout as L
from mailripple.simulate.columns import Ints
from mailripple.simulate.site import tables as T
from mailripple.simulate.site.journal import UNREACHED, Journal, unreached
from mailripple.simulate.site.sorts import ADDRESS, EXACT, NAME, SENDER, Named, Sort

_QMGR = 625
#: First process id of each daemon; they are replaced every quarter of an hour.
_PIDS = {"smtpd": 2_000, "cleanup": 100_000, "smtp": 200_000, "local": 400_000, "bounce": 600_000, "error": 700_000}
_INODE = 0x17000
Columns = dict[str, "Ints | int | Named"]
_RCPT = "(in reply to RCPT TO command)"
#: Result by reason: status, dsn, is there a connection, text; {a} recipient, {x} exchanger, {p} it and its address,
#: {d} domain.
RESULTS: dict[int, tuple[int, str, bool, str]] = {
    T.ACCEPTED: (L.SENT, "2.0.0", True, "sent (250 2.0.0 OK id={id:08x} queued)"),
    T.GREYLISTED: (
        *(L.DEFERRED, "4.7.1", True),
        f"deferred (host {{p}} said: 451 4.7.1 Greylisting in action, please come back in 00:05:00 {_RCPT})",
    ),
    T.TIMED_OUT: (L.DEFERRED, "4.4.1", False, "deferred (connect to {p}:25: Connection timed out)"),
    T.REFUSED: (L.DEFERRED, "4.4.1", False, "deferred (connect to {p}:25: Connection refused)"),
    T.POLICY: (
        *(L.DEFERRED, "4.7.0", True),
        f"deferred (host {{p}} said: 450 4.7.0 {{x}} too much mail from your address, try again later {_RCPT})",
    ),
    T.BUSY: (L.DEFERRED, "4.2.0", True, f"deferred (host {{p}} said: 450 4.2.0 <{{a}}>: mailbox busy {_RCPT})"),
    T.NO_SERVER: (
        *(L.DEFERRED, "4.4.3", False),
        "deferred (Host or domain name not found. Name service error for name={d} type=MX: Host not found, try again)",
    ),
    T.UNKNOWN_USER: (
        *(L.BOUNCED, "5.1.1", True),
        f"bounced (host {{p}} said: 550 5.1.1 <{{a}}>... User unknown {_RCPT})",
    ),
    T.UNKNOWN_HOST: (
        *(L.BOUNCED, "5.4.4", False),
        "bounced (Host or domain name not found. Name service error for name={d} type=A: Host not found)",
    ),
    T.REJECTED: (L.BOUNCED, "5.7.1", True, f"bounced (host {{p}} said: 554 5.7.1 <{{a}}>: Message rejected {_RCPT})"),
    T.EXPIRED: (L.DEFERRED, "4.4.1", False, "deferred (connect to {p}:25: Connection timed out)"),
}
_REFUSED = {
    T.UNKNOWN_USER: "550 5.1.1 <{a}>: Recipient address rejected: User unknown in local recipient table",
    T.GREYLISTED: "450 4.2.0 <{a}>: Recipient address rejected: Greylisted, see http://postgrey.example/help/{h}.html",
}
_NO_RELAY = "554 5.7.1 <{a}>: Relay access denied"


class Postfix:
    """The lines of one Site's mail server."""

    def __init__(self, journal: Journal) -> None:
        self.j = journal
        hosts, m = journal.site.hosts, journal.site.messages
        self._clients = [f"{name or 'unknown'}[{ip}]" for name, ip in zip(hosts.names, hosts.ips, strict=True)]
        self._peers = [f"{x}[{ip}]" for x, ip in zip(journal.exchangers, journal.exchanger_ips, strict=True)]
        self._ids = _queue_ids(m.ms, _INODE + 2 * np.arange(len(m.ms)))
        self._bounce_ids = _queue_ids(journal.site.bounces.ms, _INODE + 1 + 2 * np.arange(len(journal.site.bounces.ms)))
        self._smtpd = _pids("smtpd", m.ms, np.arange(len(m.ms)))
        self._cleanup = _pids("cleanup", m.ms, np.arange(len(m.ms)))
        self._to = journal.records(together=False)
        self._queue = Named(self._ids, EXACT)

    def sorts(self) -> list[Sort]:
        """All lines, in the order in which they come at equal times."""
        return [*self._entry(), *self._refusals(), *self._deliveries(), *self._bounces(), self._removed()]

    def _head(self, daemon: str, pid: int) -> str:
        return f" {self.j.host} postfix/{daemon}[{pid}]: "

    def _entry(self) -> list[Sort]:
        """From the connection to the queue."""
        j, m, ids = self.j, self.j.site.messages, self._ids
        daemons = ("smtpd", "submission/smtpd")

        def session(at: Ints) -> list[tuple[str, int, int, int]]:
            columns = (at, self._smtpd[at], m.client[at], m.account[at])
            rows = zip(*(c.tolist() for c in columns), strict=True)
            return [(self._head(daemons[a >= 0], p), i, c, a) for i, p, c, a in rows]

        def connect(at: Ints) -> list[str]:
            return [f"{head}connect from {self._clients[c]}" for head, _, c, _ in session(at)]

        def client(at: Ints) -> list[str]:
            return [
                f"{head}{ids[i]}: client={self._clients[c]}"
                + (f", sasl_method=PLAIN, sasl_username={j.accounts[a]}" if a >= 0 else "")
                for head, i, c, a in session(at)
            ]

        def disconnect(at: Ints) -> list[str]:
            texts = []
            for (head, _, c, a), n in zip(session(at), j.nrcpts[at].tolist(), strict=True):
                login = "starttls=1 auth=1 " if a >= 0 else ""
                verbs = f"ehlo={2 if a >= 0 else 1} {login}mail=1 rcpt={n} data=1 quit=1"
                texts.append(f"{head}disconnect from {self._clients[c]} {verbs} commands={n + (7 if a >= 0 else 4)}")
            return texts

        def message_id(at: Ints) -> list[str]:
            rows = zip(at.tolist(), self._cleanup[at].tolist(), strict=True)
            return [f"{self._head('cleanup', p)}{ids[i]}: message-id=<{j.message_ids[i]}>" for i, p in rows]

        who: Columns = {
            "client": Named(j.site.hosts.ips, ADDRESS, m.client), "account": Named(j.accounts, NAME, m.account),
            "queue": self._queue, "pid": self._smtpd,
        }
        named: Columns = {"queue": self._queue, "link": Named(j.message_ids, EXACT), "pid": self._cleanup}
        return [
            Sort(m.ms - 250, connect),
            Sort(m.ms, client, L.KIND_CLIENT, who),
            Sort(m.ms, message_id, L.KIND_MSGID, named),
            self._active(),
            Sort(m.ms + 20, disconnect),
        ]

    def _active(self) -> Sort:
        """The queue manager's `from=`: when a message comes in, and in each queue run that takes it up again."""
        j, m, r = self.j, self.j.site.messages, self._to
        again = np.flatnonzero(r.run >= 0)
        _, one = np.unique(r.message[again] * (int(r.run.max(initial=0)) + 1) + r.run[again], return_index=True)
        rows = again[one]
        which = np.concatenate([np.arange(len(m.ms)), r.message[rows]])
        ms = np.concatenate([m.ms, r.ms[rows]])

        def texts(at: Ints) -> list[str]:
            i = which[at]
            head = self._head("qmgr", _QMGR)
            columns = (i, m.sender[i], m.size[i], j.nrcpts[i])
            return [
                f"{head}{self._ids[k]}: from=<{j.senders[s]}>, size={size}, nrcpt={n} (queue active)"
                for k, s, size, n in zip(*(c.tolist() for c in columns), strict=True)
            ]

        columns: Columns = {
            "queue": Named(self._ids, EXACT, which), "sender": Named(j.senders, SENDER, m.sender[which]),
            "recipients": j.nrcpts[which], "pid": _QMGR,
        }
        return Sort(ms, texts, L.KIND_FROM, columns)

    def _refusals(self) -> list[Sort]:
        f, j = self.j.site.refusals, self.j
        pids = _pids("smtpd", f.ms, np.arange(len(f.ms)) + 7)
        places = np.where(f.domain == T.LOCAL, len(j.domains) - 1, f.domain)

        def rows(at: Ints) -> list[tuple[str, str, int]]:
            pairs = zip(pids[at].tolist(), f.client[at].tolist(), at.tolist(), strict=True)
            return [(self._head("smtpd", p), self._clients[c], i) for p, c, i in pairs]

        def connect(at: Ints) -> list[str]:
            return [f"{head}connect from {client}" for head, client, _ in rows(at)]

        def reject(at: Ints) -> list[str]:
            texts = []
            for head, client, i in rows(at):
                to = f"{j.site.names.users[int(f.user[i])]}@{j.domains[int(places[i])]}"
                why = _REFUSED.get(int(f.reason[i]), _NO_RELAY).format(a=to, h=j.home)
                sender, helo = j.senders[int(f.sender[i])], j.site.hosts.names[int(f.client[i])] or "localhost"
                claims = f"from=<{sender}> to=<{to}> proto=ESMTP helo=<{helo}>"
                texts.append(f"{head}NOQUEUE: reject: RCPT from {client}: {why}; {claims}")
            return texts

        def leave(at: Ints) -> list[str]:
            verbs = "ehlo=1 mail=1 rcpt=0/1 rset=1 quit=1 commands=4/5"
            return [f"{head}disconnect from {client} {verbs}" for head, client, _ in rows(at)]

        who: Columns = {"client": Named(j.site.hosts.ips, ADDRESS, f.client), "pid": pids}
        return [Sort(f.ms - 90, connect), Sort(f.ms, reject, L.KIND_REJECT, who), Sort(f.ms + 30, leave)]

    def _deliveries(self) -> list[Sort]:
        r, j = self._to, self.j
        local = r.place == len(j.domains) - 1
        pids = np.where(local, _pids("local", r.ms, r.message), _pids("smtp", r.ms, r.message * 7 + r.place))
        table = np.array([(RESULTS[k][0], int(RESULTS[k][1][0]), RESULTS[k][2]) for k in sorted(RESULTS)], np.int64)
        connected = (table[r.reason, 2] == 1) & ~local
        columns: Columns = {
            "status": table[r.reason, 0], "dsn": table[r.reason, 1], "name": Named(j.domains, NAME, r.place),
            "qtype": L.POLICY * np.isin(r.reason, (T.GREYLISTED, T.POLICY)),
            "queue": Named(self._ids, EXACT, r.message), "recipients": 1, "pid": pids,
            "relay": Named(j.exchanger_ips, ADDRESS, np.where(connected, r.place, len(j.exchanger_ips))),
            "sender": Named(["local", "smtp"], SENDER, 1 - local.astype(np.int64)),
        }
        to = Sort(r.ms, lambda at: self._to_texts(at, pids), L.KIND_TO, columns)
        return [self._unconnected(pids), to, self._expired()]

    def _unconnected(self, pids: Ints) -> Sort:
        """What the client of SMTP says of a server that cannot be reached, once for all recipients there."""
        r = self._to
        rows = unreached(r)

        def texts(at: Ints) -> list[str]:
            i = rows[at]
            found = zip(pids[i].tolist(), r.place[i].tolist(), r.reason[i].tolist(), strict=True)
            said = [(self._head("smtp", p), self._peers[x], UNREACHED[k]) for p, x, k in found]
            return [f"{head}connect to {peer}:25: Connection {why}" for head, peer, why in said]

        return Sort(r.ms[rows], texts)

    def _to_texts(self, at: Ints, pids: Ints) -> list[str]:
        r, j = self._to, self.j
        here, member = len(j.domains) - 1, j.site.attempts.recipient[r.members]
        late = np.maximum(r.ms[at] - j.site.messages.ms[r.message[at]], r.took[at])
        columns = (at, pids[at], r.message[at], member[r.first[at]], r.place[at], r.reason[at], late, r.took[at])
        texts = []
        for i, pid, k, whom, place, reason, delay, took in zip(*(c.tolist() for c in columns), strict=True):
            to = j.addresses[whom]
            _, dsn, connected, text = RESULTS[reason]
            if place == here:
                daemon, relay, text = "local", "local", _at_home(reason, to)
            else:
                daemon, peer = "smtp", self._peers[place]
                relay = f"{peer}:25" if connected else "none"
                answer = (i * 0x9E3779B1) & 0xFFFFFFFF
                text = text.format(a=to, x=j.exchangers[place], p=peer, d=j.domains[place], id=answer)
            before, connecting = delay - took, took * 3 // 5
            parts = (max(before - 60, 0), min(before, 60), connecting, took - connecting)
            delays = "/".join([_delay(part) for part in parts])
            head = f"{self._head(daemon, pid)}{self._ids[k]}: to=<{to}>, relay={relay}"
            texts.append(f"{head}, delay={_delay(delay)}, delays={delays}, dsn={dsn}, status={text}")
        return texts

    def _expired(self) -> Sort:
        """The queue manager gives a message up that has been there for too long."""
        r, j = self._to, self.j
        old = np.flatnonzero(r.reason == T.EXPIRED)[::-1]
        _, one = np.unique(r.message[old] * (int(r.run.max(initial=0)) + 2) + r.run[old] + 1, return_index=True)
        rows = np.sort(old[one])
        message = r.message[rows]

        def texts(at: Ints) -> list[str]:
            found = zip(message[at].tolist(), j.site.messages.sender[message[at]].tolist(), strict=True)
            head, what = self._head("qmgr", _QMGR), "status=expired, returned to sender"
            return [f"{head}{self._ids[k]}: from=<{j.senders[s]}>, {what}" for k, s in found]

        columns: Columns = {"queue": Named(self._ids, EXACT, message), "status": L.EXPIRED, "pid": _QMGR}
        return Sort(r.ms[rows], texts, L.KIND_TO, columns)

    def _bounces(self) -> list[Sort]:
        """What the server sends back, from its queue id to its delivery."""
        j, b, ids = self.j, self.j.site.bounces, self._bounce_ids
        local = j.bounce_places == len(j.domains) - 1
        well = j.bounce_deliverable == 1
        cleanup, bounce = _pids("cleanup", b.ms, b.message), _pids("bounce", b.ms, b.message)
        pids = np.where(local, _pids("local", b.ms, b.message), _pids("smtp", b.ms, b.message))
        places = np.where(well & ~local, j.bounce_places, len(j.exchanger_ips))
        stamps = [f"{t:%Y%m%d%H%M%S}" for t in j.times(b.ms)]
        message_ids = [f"{s}.{i}@{j.host}.{j.home}" for s, i in zip(stamps, ids, strict=True)]
        size = j.site.messages.size[b.message] + 2100
        queue = Named(ids, EXACT)

        def named(at: Ints) -> list[str]:
            rows = zip(cleanup[at].tolist(), at.tolist(), strict=True)
            return [f"{self._head('cleanup', p)}{ids[i]}: message-id=<{message_ids[i]}>" for p, i in rows]

        def told(at: Ints) -> list[str]:
            rows = zip(bounce[at].tolist(), b.message[at].tolist(), at.tolist(), strict=True)
            what = "sender non-delivery notification"
            return [f"{self._head('bounce', p)}{self._ids[k]}: {what}: {ids[i]}" for p, k, i in rows]

        def active(at: Ints) -> list[str]:
            head = self._head("qmgr", _QMGR)
            return [f"{head}{ids[i]}: from=<>, size={size[i]}, nrcpt=1 (queue active)" for i in at.tolist()]

        def sent(at: Ints) -> list[str]:
            columns = (at, pids[at], j.bounce_to[at], places[at], local[at], well[at])
            texts = []
            for i, p, s, place, here, good in zip(*(c.tolist() for c in columns), strict=True):
                text, dsn = RESULTS[T.ACCEPTED][3].format(id=i), "2.0.0"
                if not good:
                    text, dsn = RESULTS[T.UNKNOWN_HOST][3].format(d=j.senders[s].rpartition("@")[2]), "5.4.4"
                relay = "local" if here else f"{self._peers[place]}:25" if good else "none"
                text = _at_home(T.ACCEPTED, "") if here else text
                head = f"{self._head('local' if here else 'smtp', p)}{ids[i]}: to=<{j.senders[s]}>, relay={relay}"
                texts.append(f"{head}, delay=0.07, delays=0.04/0.02/0/0.01, dsn={dsn}, status={text}")
            return texts

        def removed(at: Ints) -> list[str]:
            return [f"{self._head('qmgr', _QMGR)}{ids[i]}: removed" for i in at.tolist()]

        to: Columns = {
            "status": np.where(well, L.SENT, L.BOUNCED), "dsn": np.where(well, 2, 5), "recipients": 1, "queue": queue,
            "name": Named([s.rpartition("@")[2] for s in j.senders], NAME, j.bounce_to), "pid": pids,
            "relay": Named(j.exchanger_ips, ADDRESS, places),
            "sender": Named(["local", "smtp"], SENDER, 1 - local.astype(np.int64)),
        }
        old = Named(self._ids, EXACT, b.message)
        return [
            Sort(b.ms, named, L.KIND_MSGID, {"queue": queue, "link": Named(message_ids, EXACT), "pid": cleanup}),
            Sort(b.ms, told, L.KIND_DSN, {"queue": old, "link": queue, "pid": bounce}),
            Sort(b.ms, active, L.KIND_FROM, {"queue": queue, "recipients": 1, "pid": _QMGR}),
            Sort(j.bounce_ends, sent, L.KIND_TO, to),
            Sort(j.bounce_ends, removed, L.KIND_DONE, {"queue": queue, "pid": _QMGR}),
        ]

    def _removed(self) -> Sort:
        rows = np.flatnonzero(self.j.ends >= 0)

        def texts(at: Ints) -> list[str]:
            return [f"{self._head('qmgr', _QMGR)}{self._ids[k]}: removed" for k in rows[at].tolist()]

        columns: Columns = {"queue": Named(self._ids, EXACT, rows), "pid": _QMGR}
        return Sort(self.j.ends[rows], texts, L.KIND_DONE, columns)


def _at_home(reason: int, to: str) -> str:
    """Result of the local delivery."""
    if reason == T.ACCEPTED:
        return "sent (delivered to mailbox)"
    if reason < T.UNKNOWN_USER or reason == T.EXPIRED:
        return "deferred (temporary failure)"
    return f'bounced (unknown user: "{to.partition("@")[0]}")'


def _pids(daemon: str, ms: Ints, which: Ints) -> Ints:
    found: Ints = _PIDS[daemon] + (ms // 900_000 * 41 + which % 23) % 90_000
    return found


def _queue_ids(ms: Ints, inodes: Ints) -> list[str]:
    """Short queue ids: the microseconds, and the number of the file, which no two messages of a log share."""
    micros = ms % 1000 * 1000 + inodes * 37 % 1000
    return [f"{micro:05X}{inode:X}" for micro, inode in zip(micros.tolist(), inodes.tolist(), strict=True)]


def _delay(ms: int) -> str:
    """Seconds with at most two digits behind the point, as many as the number deserves."""
    if ms >= 10_000:
        return str(ms // 1000)
    text = f"{ms / 1000:.1f}" if ms >= 1000 else f"{ms / 1000:.2f}"
    return text.rstrip("0").rstrip(".")
