"""sendmail 8.17 and 8.18 as `sm-mta` at LogLevel 9, the default.

Process ids: a session, the delivery that it forks, a queue run each have one.  Of a message with many recipients at
one server a delivery is one line, unless that is too long for syslog (`[more]`).
"""

from __future__ import annotations

import numpy as np

from mailripple.parse import layout as L
from mailripple.simulate.columns import Ints
from mailripple.simulate.site import tables as T
from mailripple.simulate.site.journal import Journal, Records
from mailripple.simulate.site.sorts import ADDRESS, EXACT, NAME, SENDER, Named, Sort
from mailripple.simulate.text_sendmail import duration

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwx"
_CIPHER = "version=TLSv1.3, verify=NO, cipher=TLS_AES_256_GCM_SHA384, bits=256/256"
_UID, _GID = 3000, 8
#: Result by reason: status, dsn, what stands behind `relay=`; {a} recipient, {x} exchanger, {d} domain, {id} its id.
_RESULTS: dict[int, tuple[int, str, str]] = {
    T.ACCEPTED: (L.SENT, "2.0.0", "stat=Sent (2.0.0 OK id={id:08x} queued)"),
    T.GREYLISTED: (L.DEFERRED, "4.3.0", "451 4.7.1 Greylisting in action, please come back in 00:05:00"),
    T.TIMED_OUT: (L.DEFERRED, "4.4.1", "stat=Deferred: Connection timed out with {x}."),
    T.REFUSED: (L.DEFERRED, "4.4.1", "stat=Deferred: Connection refused by {x}."),
    T.POLICY: (L.DEFERRED, "4.7.0", "450 4.7.0 {x} too much mail from your address, try again later"),
    T.BUSY: (L.DEFERRED, "4.2.0", "450 4.2.0 <{a}>: mailbox busy"),
    T.NO_SERVER: (L.DEFERRED, "4.4.3", "stat=Deferred: Name server: {d}: host name lookup failure"),
    T.UNKNOWN_USER: (L.BOUNCED, "5.1.1", "reply=550 5.1.1 <{a}>... User unknown, stat=User unknown"),
    T.UNKNOWN_HOST: (L.BOUNCED, "5.1.2", "stat=Host unknown (Name server: {d}: host not found)"),
    T.REJECTED: (L.BOUNCED, "5.7.1", "reply=554 5.7.1 <{a}>: Message rejected, stat=Service unavailable"),
    # Of a message that is too old the last attempt is logged like any other; that it was given up says its notice.
    T.EXPIRED: (L.DEFERRED, "4.4.1", "stat=Deferred: Connection timed out with {x}."),
}
_NOTICES = {
    T.UNKNOWN_HOST: "DSN: Host unknown (Name server: {d}: host not found)",
    T.REJECTED: "DSN: Service unavailable",
    T.EXPIRED: "sender notify: Cannot send message for 5 days",
}


class Sendmail:
    """The lines of one Site's mail server."""

    def __init__(self, journal: Journal) -> None:
        self.j = journal
        hosts = journal.site.hosts
        bracketed = [f"[IPv6:{ip}]" if ":" in ip else f"[{ip}]" for ip in hosts.ips]
        self._relays = [f"{name} {ip}" if name else ip for name, ip in zip(hosts.names, bracketed, strict=True)]
        self._daemons = [("MTA-v6", "MSP-v6") if ":" in ip else ("MTA-v4", "MSP-v4") for ip in hosts.ips]
        peers = zip(journal.exchangers, journal.exchanger_ips, strict=True)
        self._peers = [f"{x}. [IPv6:{ip}]" if ":" in ip else f"{x}. [{ip}]" for x, ip in peers]
        self._session, self._forked = journal.pids(journal.slots[0], 0), journal.pids(journal.slots[0], 1)
        numbers = np.arange(len(self._session)) * 7 + 100
        self._ids = self._queue_ids(journal.site.messages.ms, numbers, self._session)
        self._to = journal.records(together=True)
        self._to_pids = self._delivering(self._to.message, self._to.run)

    def sorts(self) -> list[Sort]:
        """All lines, in the order in which they come at equal times."""
        return [*self._logins(), self._from(), *self._refusals(), self._deliveries(), *self._bounces()]

    def _delivering(self, message: Ints, run: Ints) -> Ints:
        """The process that delivers: forked by the session, or that of the queue run."""
        runs = self.j.pids(self.j.slots[1], 3)
        in_run = run >= 0
        pids = self._forked[message]
        if len(runs):
            pids = np.where(in_run, runs[np.minimum(run, len(runs) - 1)], pids)
        return pids

    def _queue_ids(self, ms: Ints, numbers: Ints, pids: Ints) -> list[str]:
        """Year, month, day, hour, minute, second to the base of 60 (UTC), two digits that count, the process."""
        d = _DIGITS
        rows = zip(self.j.times(ms), numbers.tolist(), pids.tolist(), strict=True)
        return [
            f"{d[t.year % 100 % 60 if t.year < 2000 else (t.year - 1900) % 60]}{d[t.month - 1]}{d[t.day]}{d[t.hour]}"
            f"{d[t.minute]}{d[t.second]}{d[n // 60 % 60]}{d[n % 60]}{pid:06d}"
            for t, n, pid in rows
        ]

    def _head(self, pid: int) -> str:
        return f" {self.j.host} sm-mta[{pid}]: "

    def _logins(self) -> list[Sort]:
        """Who authenticates: over TLS, on the port for submissions."""
        m = self.j.site.messages
        rows = np.flatnonzero(m.account >= 0)
        ms, client, account, pids = m.ms[rows], m.client[rows], m.account[rows], self._session[rows]

        def tls(at: Ints) -> list[str]:
            found = zip(pids[at].tolist(), client[at].tolist(), strict=True)
            return [f"{self._head(p)}STARTTLS=server, relay={self._relays[c]}, {_CIPHER}" for p, c in found]

        def auth(at: Ints) -> list[str]:
            found = zip(pids[at].tolist(), client[at].tolist(), account[at].tolist(), strict=True)
            return [
                f"{self._head(p)}AUTH=server, relay={self._relays[c]}, authid={self.j.accounts[a]}, mech=PLAIN, bits=0"
                for p, c, a in found
            ]

        columns: dict[str, Ints | int | Named] = {
            "client": self._client(client),
            "account": Named(self.j.accounts, NAME, account),
            "pid": pids,
        }
        return [Sort(ms, tls), Sort(ms, auth, L.KIND_CLIENT, columns)]

    def _client(self, hosts: Ints) -> Named:
        return Named(self.j.site.hosts.ips, ADDRESS, hosts)

    def _from(self) -> Sort:
        m, j = self.j.site.messages, self.j

        def texts(at: Ints) -> list[str]:
            columns = (at, self._session[at], m.client[at], m.account[at], m.sender[at], m.size[at], j.nrcpts[at])
            return [
                f"{self._head(p)}{self._ids[i]}: from=<{j.senders[s]}>, size={size}, class=0, nrcpts={n}, "
                f"msgid=<{j.message_ids[i]}>, proto={'ESMTP' if a < 0 else 'ESMTPSA'}, "
                f"daemon={self._daemons[c][a >= 0]}, relay={self._relays[c]}"
                for i, p, c, a, s, size, n in zip(*(column.tolist() for column in columns), strict=True)
            ]

        return Sort(
            m.ms,
            texts,
            L.KIND_FROM,
            {
                "client": self._client(m.client),
                "queue": Named(self._ids, EXACT),
                "link": Named(j.message_ids, EXACT),
                "sender": Named(j.senders, SENDER, m.sender),
                "recipients": j.nrcpts,
                "pid": self._session,
            },
        )

    def _refusals(self) -> list[Sort]:
        """Refused recipients, and the session that ends without a message."""
        f, j = self.j.site.refusals, self.j
        pids = j.pids(np.searchsorted(j.site.messages.ms, f.ms) + np.searchsorted(np.sort(j.site.runs), f.ms), 2)
        ids = self._queue_ids(f.ms, np.arange(len(f.ms)) * 7, pids)
        places = np.where(f.domain == T.LOCAL, len(j.domains) - 1, f.domain)
        to = [f"{j.site.names.users[u]}@{j.domains[p]}" for u, p in zip(f.user.tolist(), places.tolist(), strict=True)]

        def texts(at: Ints) -> list[str]:
            found = []
            columns = (at, pids[at], f.client[at], f.reason[at])
            for i, p, c, reason in zip(*(column.tolist() for column in columns), strict=True):
                head = f"{self._head(p)}{ids[i]}: "
                if reason == T.UNKNOWN_USER:
                    found.append(f"{head}<{to[i]}>... User unknown")
                elif reason == T.GREYLISTED:
                    found.append(f"{head}Milter: to=<{to[i]}>, reject={_RESULTS[reason][2]}")
                else:
                    reply = f"reject=550 5.7.1 <{to[i]}>... Relaying denied"
                    found.append(f"{head}ruleset=check_rcpt, arg1=<{to[i]}>, relay={self._relays[c]}, {reply}")
            return found

        def ends(at: Ints) -> list[str]:
            columns = (at, pids[at], f.client[at], f.sender[at])
            return [
                f"{self._head(p)}{ids[i]}: from=<{j.senders[s]}>, size=0, class=0, nrcpts=0, proto=ESMTP, "
                f"daemon={self._daemons[c][0]}, relay={self._relays[c]}"
                for i, p, c, s in zip(*(column.tolist() for column in columns), strict=True)
            ]

        named = (f.reason != T.UNKNOWN_USER) & (f.reason != T.GREYLISTED)
        queue = Named(ids, EXACT)
        reject: dict[str, Ints | int | Named] = {
            "client": self._client(np.where(named, f.client, len(j.site.hosts.ips))), "queue": queue, "pid": pids
        }
        end: dict[str, Ints | int | Named] = {
            "client": self._client(f.client), "queue": queue, "pid": pids, "recipients": 0,
            "sender": Named(j.senders, SENDER, f.sender),
        }
        return [Sort(f.ms, texts, L.KIND_REJECT, reject), Sort(f.ms + 30, ends, L.KIND_FROM, end)]

    def _deliveries(self) -> Sort:
        r, j = self._to, self.j
        local = r.place == len(j.domains) - 1
        results = np.array([(_RESULTS[k][0], int(_RESULTS[k][1][0])) for k in sorted(_RESULTS)], np.int64)
        silent = local | np.isin(r.reason, (T.NO_SERVER, T.UNKNOWN_HOST))
        return Sort(
            r.ms,
            self._delivery_texts,
            L.KIND_TO,
            {
                "status": results[r.reason, 0],
                "dsn": results[r.reason, 1],
                "qtype": L.POLICY * ((r.reason == T.POLICY) | ((r.reason == T.GREYLISTED) & ~local)),
                "name": Named(j.domains, NAME, r.place),
                "queue": Named(self._ids, EXACT, r.message),
                "sender": Named(["local", "esmtp"], SENDER, 1 - local.astype(np.int64)),
                "recipients": r.size,
                "pid": self._to_pids,
                "relay": Named(j.exchanger_ips, ADDRESS, np.where(silent, len(j.exchanger_ips), r.place)),
            },
        )

    def _delivery_texts(self, at: Ints) -> list[str]:
        r, j = self._to, self.j
        m = j.site.messages
        message = r.message[at]
        sender = m.sender[message]
        pri = m.size[message] + 30_000 * j.nrcpts[message] + 90_000 * r.tries[at]
        delay = r.ms[at] - m.ms[message]
        columns = (at, self._to_pids[at], message, sender, r.place[at], r.reason[at], delay, r.took[at], pri)
        ids, to, by, here = self._ids, self._recipients(r, at), j.from_here, len(j.domains) - 1
        texts = []
        for (i, pid, k, s, place, reason, late, took, p), whom in zip(
            zip(*(c.tolist() for c in columns), strict=True), to, strict=True
        ):
            owner = f"ctladdr=<{j.senders[s]}> ({_UID + s % 1000}/{_GID}), " if by[s] else ""
            times = f"delay={duration(late)}, xdelay={duration(took)}"
            head = f"{self._head(pid)}{ids[k]}: to={whom}, {owner}{times}, mailer="
            if place == here:
                texts.append(f"{head}local, pri={p}, {self._local(reason)}")
            else:
                texts.append(f"{head}esmtp, pri={p}, {self._result(i, place, reason)}")
        return texts

    def _recipients(self, r: Records, at: Ints) -> list[str]:
        """The `to=` of these records, the tail of one that continues in a further line included."""
        addresses, member = self.j.addresses, self.j.site.attempts.recipient[r.members]
        following = np.append(at + 1, 0)[:-1] % max(len(r.ms), 1)
        more = (following > at) & (r.message[following] == r.message[at]) & (r.place[following] == r.place[at])
        more &= (r.ms[following] == r.ms[at]) & (r.reason[following] == r.reason[at]) & (r.size[at] > 1)
        texts = []
        for first, n, tail in zip(r.first[at].tolist(), r.size[at].tolist(), more.tolist(), strict=True):
            if n == 1:
                texts.append(f"<{addresses[member[first]]}>")
            else:
                whom = ",".join([f"<{addresses[k]}>" for k in member[first : first + n].tolist()])
                texts.append(whom + ", [more]" if tail else whom)
        return texts

    @staticmethod
    def _local(reason: int) -> str:
        if reason == T.ACCEPTED:
            return "dsn=2.0.0, stat=Sent"
        if reason == T.UNKNOWN_USER:
            return "dsn=5.1.1, stat=User unknown"
        if T.UNKNOWN_USER < reason < T.EXPIRED:
            return f"dsn={_RESULTS[reason][1]}, stat=Service unavailable"
        return f"dsn={_RESULTS[reason][1]}, stat=Deferred: local mailer (/usr/bin/procmail) exited with EX_TEMPFAIL"

    def _result(self, row: int, place: int, reason: int) -> str:
        _, dsn, text = _RESULTS[reason]
        j = self.j
        peer = self._peers[place]
        if reason in (T.NO_SERVER, T.UNKNOWN_HOST):
            peer = j.domains[place]
        if reason == T.ACCEPTED:
            answer = (row * 0x9E3779B1 + place) & 0xFFFFFFFF
            return f"relay={peer}, dsn={dsn}, stat=Sent (2.0.0 OK id={answer:08x} queued)"
        whom = j.addresses[int(j.site.attempts.recipient[self._to.members[self._to.first[row]]])]
        text = text.format(a=whom, x=j.exchangers[place], d=j.domains[place])
        if not text.startswith(("stat=", "reply=")):
            text = f"reply={text}, stat=Deferred: {text}"
        return f"relay={peer}, dsn={dsn}, {text}"

    def _bounces(self) -> list[Sort]:
        """What the server sends back: the line that announces it, and its own delivery."""
        j, b = self.j, self.j.site.bounces
        reason = j.reasons[b.recipient]
        pids = self._delivering(b.message, self.j.lost_in_run[b.recipient])
        ids = self._queue_ids(b.ms, np.arange(len(b.ms)) * 7 + 3, pids)
        local = j.bounce_places == len(j.domains) - 1
        well = j.bounce_deliverable == 1

        def told(at: Ints) -> list[str]:
            columns = (at, pids[at], b.message[at], reason[at], j.places[b.recipient[at]])
            return [
                f"{self._head(p)}{self._ids[k]}: {ids[i]}: "
                + _NOTICES.get(why, "DSN: User unknown").format(d=j.domains[place])
                for i, p, k, why, place in zip(*(c.tolist() for c in columns), strict=True)
            ]

        def sent(at: Ints) -> list[str]:
            columns = (at, pids[at], j.bounce_to[at], j.bounce_places[at], local[at], well[at])
            texts = []
            for i, p, s, place, here, good in zip(*(c.tolist() for c in columns), strict=True):
                result = "local, pri=30000, dsn=2.0.0, stat=Sent"
                domain = j.senders[s].rpartition("@")[2]
                if not good:
                    why = f"Host unknown (Name server: {domain}: host not found)"
                    result = f"esmtp, pri=30000, relay={domain}, dsn=5.1.2, stat={why}"
                elif not here:
                    answer = f"Sent (2.0.0 OK id={i:08x} queued)"
                    result = f"esmtp, pri=30000, relay={self._peers[place]}, dsn=2.0.0, stat={answer}"
                head = f"{self._head(p)}{ids[i]}: to=<{j.senders[s]}>, delay=00:00:00, xdelay=00:00:00"
                texts.append(f"{head}, mailer={result}")
            return texts

        new, old = Named(ids, EXACT), Named(self._ids, EXACT, b.message)
        status = j.expired * L.EXPIRED
        notice: dict[str, Ints | int | Named] = {"queue": old, "link": new, "pid": pids, "status": status}
        domains = [s.rpartition("@")[2] for s in j.senders]
        to: dict[str, Ints | int | Named] = {
            "status": np.where(well, L.SENT, L.BOUNCED), "dsn": np.where(well, 2, 5), "queue": new, "recipients": 1,
            "name": Named(domains, NAME, j.bounce_to), "pid": pids,
            "sender": Named(["local", "esmtp"], SENDER, 1 - local.astype(np.int64)),
            "relay": Named(j.exchanger_ips, ADDRESS, np.where(well & ~local, j.bounce_places, len(j.exchanger_ips))),
        }
        return [Sort(b.ms, told, L.KIND_DSN, notice), Sort(j.bounce_ends, sent, L.KIND_TO, to)]
