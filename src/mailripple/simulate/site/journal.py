"""What every mail server would write of a Site, before it is any server's syntax: names, addresses, records, ends."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cached_property
from typing import NamedTuple

import numpy as np

from mailripple.simulate.columns import Ints
from mailripple.simulate.site.tables import DEFERRED, EXPIRED, FAILED, LOCAL, REFUSED, TIMED_OUT, Site

#: What servers say of a connection that does not come about.
UNREACHED = {REFUSED: "refused", TIMED_OUT: "timed out"}
_BOUNCE_MS = 400
_BASE = 1000


class Records(NamedTuple):
    """Delivery records: `first` and `size` places in `members`, rows of `Attempts`; the rest as of the first of them.

    `message` whose; `place` of the domain in `Journal.domains`.
    """

    ms: Ints
    message: Ints
    place: Ints
    tries: Ints
    status: Ints
    reason: Ints
    run: Ints
    took: Ints
    first: Ints
    size: Ints
    members: Ints


def unreached(records: Records) -> Ints:
    """Rows of the records of servers that could not be connected to: once for all recipients there in a queue run."""
    failed = np.flatnonzero(np.isin(records.reason, list(UNREACHED)))
    places = np.stack([records.message[failed], records.place[failed], records.run[failed]])
    rows: Ints = failed[np.unique(places, axis=1, return_index=True)[1]]
    return rows


class Journal:
    """Texts and tables that the writers share.  Lists are made once, when first asked for."""

    def __init__(self, site: Site) -> None:
        self.site = site
        name = site.hosts.names[site.mail_server]
        #: Short name of the mail server and the domain of the campus.
        self.host, _, self.home = name.partition(".") if name else ("mx", "", "campus.example")
        self.ip = site.hosts.ips[site.mail_server]
        #: Domains by place: the last one is the campus.
        self.domains = [*site.names.domains, self.home]
        self.exchangers = [*site.names.exchangers, ""]
        self.exchanger_ips = [*site.names.exchanger_ips, ""]

    @cached_property
    def senders(self) -> list[str]:
        """Envelope senders of messages by `Messages.sender`; the last one, -1, is the null sender."""
        return [*self.site.names.senders, ""]

    @cached_property
    def accounts(self) -> list[str]:
        """Log-in names; the last one, -1, is none."""
        return [*self.site.names.accounts, ""]

    @cached_property
    def places(self) -> Ints:
        """Of each recipient the place of the domain."""
        domain = self.site.recipients.domain
        return np.where(domain == LOCAL, len(self.domains) - 1, domain)

    @cached_property
    def addresses(self) -> list[str]:
        """Of each recipient the address."""
        users, domains = self.site.names.users, self.domains
        rows = zip(self.site.recipients.user.tolist(), self.places.tolist(), strict=True)
        return [f"{users[user]}@{domains[place]}" for user, place in rows]

    @cached_property
    def nrcpts(self) -> Ints:
        """Of each message the number of recipients."""
        return np.bincount(self.site.recipients.message, minlength=len(self.site.messages.ms)).astype(np.int64)

    @cached_property
    def message_ids(self) -> list[str]:
        """Of each message its Message-ID without <>: no two alike."""
        hosts = zip(self.site.hosts.names, self.site.hosts.ips, strict=True)
        names = [name.partition(".")[0] or f"[{ip}]" for name, ip in hosts]
        numbers = np.arange(len(self.site.messages.ms), dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        numbers += np.uint64(self.site.seed & 0xFFFF_FFFF)
        rows = zip(numbers.tolist(), self.site.messages.client.tolist(), strict=True)
        return [f"{number:016x}@{names[client]}" for number, client in rows]

    @cached_property
    def from_here(self) -> list[bool]:
        """Of each sender (by `Messages.sender`, the null sender last) whether it is one of the campus."""
        return [s.endswith("@" + self.home) for s in self.senders]

    def records(self, *, together: bool) -> Records:
        """Delivery records by time: `together` one for all recipients of a domain outside, else one a recipient."""
        a, r = self.site.attempts, self.site.recipients
        message, place = r.message[a.recipient], self.places[a.recipient]
        split = a.recipient if not together else np.where(r.domain[a.recipient] == LOCAL, a.recipient, -1)
        keys = (a.recipient, split, a.reason, a.run, a.tries, place, message, a.ms)
        order = np.lexsort(keys)
        part = self._long(order, keys[1:]) if together else np.zeros(len(order), np.int64)
        new = np.ones(len(order), bool)
        if len(order):
            same = [k[order][1:] == k[order][:-1] for k in keys[1:]] + [part[1:] == part[:-1]]
            new[1:] = ~np.logical_and.reduce(same) if together else True
        first = np.flatnonzero(new)
        rows = order[first]
        count = np.diff(np.append(first, len(order)))
        columns = (a.ms, message, place, a.tries, a.status, a.reason, a.run, a.took)
        ms, message, place, tries, status, reason, run, took = (c[rows] for c in columns)
        return Records(ms, message, place, tries, status, reason, run, took, first, count, order)

    def _long(self, order: Ints, keys: tuple[Ints, ...]) -> Ints:
        """Parts of records with many recipients: sendmail begins a new line where one would be too long for syslog."""
        if not len(order):
            return np.zeros(0, np.int64)
        lengths = np.array([len(a) + 3 for a in self.addresses], np.int64)[self.site.attempts.recipient[order]]
        before = np.cumsum(lengths) - lengths
        new = np.ones(len(order), bool)
        new[1:] = ~np.logical_and.reduce([k[order][1:] == k[order][:-1] for k in keys])
        part: Ints = (before - before[np.flatnonzero(new)][np.cumsum(new) - 1]) // 700
        return part

    @cached_property
    def ends(self) -> Ints:
        """Of each message when nothing is left of it, -1 if something is: every recipient had or lost it."""
        a, r = self.site.attempts, self.site.recipients
        over = np.zeros(len(r.message), np.int64)
        last = np.full(len(r.message), -1, np.int64)
        np.add.at(over, a.recipient, a.status != DEFERRED)
        np.maximum.at(last, a.recipient, a.ms)
        open_ = np.zeros(len(self.nrcpts), np.int64)
        np.add.at(open_, r.message, over == 0)
        ends = np.full(len(self.nrcpts), -1, np.int64)
        np.maximum.at(ends, r.message, last)
        bounced = np.full(len(self.nrcpts), -1, np.int64)
        np.maximum.at(bounced, self.site.bounces.message, self.site.bounces.ms)
        found: Ints = np.where((open_ > 0) | (self.nrcpts == 0), -1, np.maximum(ends, bounced))
        return found

    def _where_lost(self, column: Ints) -> Ints:
        """Of each recipient what a column of `Attempts` says where it failed for good, -1 if it did not."""
        a = self.site.attempts
        found = np.full(len(self.site.recipients.message), -1, np.int64)
        lost = a.status == FAILED
        found[a.recipient[lost]] = column[lost]
        return found

    @cached_property
    def reasons(self) -> Ints:
        """Of each recipient why it failed for good, -1 if it did not."""
        return self._where_lost(self.site.attempts.reason)

    @cached_property
    def lost_in_run(self) -> Ints:
        """Of each recipient the queue run in which it failed for good, -1 for none."""
        return self._where_lost(self.site.attempts.run)

    @cached_property
    def last_run(self) -> Ints:
        """Of each message the last queue run that tried it, -1 for none."""
        a = self.site.attempts
        found = np.full(len(self.nrcpts), -1, np.int64)
        np.maximum.at(found, self.site.recipients.message[a.recipient], a.run)
        return found

    @cached_property
    def expired(self) -> Ints:
        """Of each bounce whether the server gave up: the message was too old."""
        found: Ints = (self.reasons[self.site.bounces.recipient] == EXPIRED).astype(np.int64)
        return found

    @cached_property
    def bounce_places(self) -> Ints:
        """Of each bounce the place of the domain that it goes to, -1 for one that nobody knows."""
        known = {domain: i for i, domain in enumerate(self.domains)}
        places = np.array([known.get(s.rpartition("@")[2], -1) for s in self.senders], np.int64)
        found: Ints = places[self.site.messages.sender[self.site.bounces.message]]
        return found

    @cached_property
    def bounce_to(self) -> Ints:
        """Of each bounce the place of its recipient in `senders`."""
        return self.site.messages.sender[self.site.bounces.message] % len(self.senders)

    @cached_property
    def bounce_deliverable(self) -> Ints:
        """Of each bounce whether it finds a server: 1 or 0."""
        local = len(self.domains) - 1
        has = np.array([bool(x) for x in self.exchangers], bool)
        places = self.bounce_places
        found: Ints = ((places == local) | ((places >= 0) & has[places])).astype(np.int64)
        return found

    @cached_property
    def bounce_ends(self) -> Ints:
        """Of each bounce when it was delivered."""
        return self.site.bounces.ms + _BOUNCE_MS

    @cached_property
    def slots(self) -> tuple[Ints, Ints]:
        """Of each message and of each queue run its place among both, by time: process ids hang on it."""
        ms, runs = self.site.messages.ms, np.sort(self.site.runs)
        return (
            np.arange(len(ms)) + np.searchsorted(runs, ms, side="right"),
            np.arange(len(runs)) + np.searchsorted(ms, runs, side="left"),
        )

    def pids(self, slots: Ints, number: int) -> Ints:
        """Process ids: `number` 0 to 3, four for each slot."""
        return _BASE + (4 * slots + number) % 990_000

    def times(self, ms: Ints) -> list[datetime]:
        """UTC times to the second."""
        seconds, which = np.unique(ms // 1000, return_inverse=True)
        known = [datetime.fromtimestamp(s, UTC) for s in seconds.tolist()]
        return [known[w] for w in which.tolist()]
