"""The slow, obvious reference of stitch and count: plain dictionaries, one event at a time (law 4).

What it says is the definition (DESIGN, section 1; the docstrings of `messages_kernel` and `counts_kernel`):

- events enter the fold in the order (time, line); one that comes 120 s or more after a later one is late: it is
  counted, but does not enter the fold;
- a message is known while something of it waits, for 6 days after its last record, else for 15 minutes; an attempt
  likewise, but 30 minutes; what is no longer known was never there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

SECOND = 1_000_000
LATENESS = 120 * SECOND
GRACE, OPEN_FOR, SAME_RUN, SESSION = 900 * SECOND, 6 * 86_400 * SECOND, 900 * SECOND, 3600 * SECOND
LOOPBACK = ("127.0.0.1", "127.0.0.53", "::1")
DELIVERY = {"sent": "mail.sent", "deferred": "mail.deferred", "bounced": "mail.bounced", "expired": "mail.expired", "rejected": "mail.rejected"}
FAILED = ("bounced", "expired", "rejected")
DNS_TYPES = ("A", "AAAA", "MX", "PTR", "TXT")


@dataclass(frozen=True)
class Event:
    """One log record; "" and None are what the record does not say."""

    kind: str
    ts: int | None
    line: int = 0
    server: str = "mx"
    client: str = ""
    name: str = ""
    account: str = ""
    queue: str = ""
    link: str = ""
    sender: str = ""
    mailer: str = ""
    status: str = ""
    dsn: int = 0
    qtype: str = ""
    rcpts: int = 1
    nrcpts: int | None = None
    pid: int = 0
    relay: str = ""
    flags: frozenset[str] = frozenset()


@dataclass
class Message:
    """What is known of a queue id."""

    last: int
    client: str = ""
    account: str = ""
    sender: str = ""
    left: int = 0
    waiting: int = 0
    marks: set[str] = field(default_factory=set)

    def known(self, now: int) -> bool:
        idle = now - self.last
        return idle < GRACE or ((self.waiting > 0 or self.left > 0) and idle < OPEN_FOR)


@dataclass
class Attempt:
    """The last record of a queue id for a destination."""

    last: int
    pid: int
    waits: bool

    def known(self, now: int) -> bool:
        idle = now - self.last
        return idle < 2 * GRACE or (self.waits and idle < OPEN_FOR)


class NaiveFold:
    """Stitch, one event at a time."""

    def __init__(self) -> None:
        self.messages: dict[tuple[str, str], Message] = {}
        self.attempts: dict[tuple[str, str, str], Attempt] = {}
        self.handed: dict[tuple[str, str], str] = {}
        self.sessions: dict[tuple[str, int], tuple[str, str, int]] = {}

    def step(self, e: Event) -> Event:
        """The event with its flags, and for deliveries and messages with who handed the message in."""
        now = e.ts or 0
        self.messages = {k: m for k, m in self.messages.items() if m.known(now)}
        self.attempts = {k: a for k, a in self.attempts.items() if a.known(now)}
        self.handed = {k: q for k, q in self.handed.items() if (k[0], q) in self.messages}
        self.sessions = {k: s for k, s in self.sessions.items() if now - s[2] < SESSION}
        if e.kind in ("mail.dsn", "mail.clone"):
            self._announce(e, now)
        elif e.kind == "mail.client" and e.account:
            self.sessions[e.server, e.pid] = (e.client, e.account, now)
        elif e.kind == "mail.from":
            return replace(e, flags=frozenset({"refused"})) if e.nrcpts == 0 else self._from(e, now)
        elif e.kind == "mail.to":
            return self._to(e, now)
        elif e.kind == "mail.done" and (e.server, e.queue) in self.messages:
            done = self.messages[e.server, e.queue]
            done.left, done.waiting = 0, 0
        return e

    def _announce(self, e: Event, now: int) -> None:
        new = self.messages.setdefault((e.server, e.link), Message(now))
        new.last, new.left = now, max(new.left, 1)
        if e.kind == "mail.dsn":
            new.marks.add("dsn")
            return
        parent = self.messages.get((e.server, e.queue))
        new.marks.add("seen")
        if parent:
            new.client, new.account, new.sender = parent.client, parent.account, parent.sender

    def _from(self, e: Event, now: int) -> Event:
        m = self.messages.setdefault((e.server, e.queue), Message(now))
        flags = {"dsn"} if "dsn" in m.marks else {"again"} if "seen" in m.marks else set()
        client, account = e.client, e.account or m.account
        session = self.sessions.get((e.server, e.pid)) if e.pid else None
        if not account and session and session[0] == client:
            account = session[1]
        if e.link and not client:
            self.handed[e.server, e.link] = e.queue
        elif e.link and client in LOOPBACK:
            other = self.handed.get((e.server, e.link))
            first = self.messages.get((e.server, other)) if other is not None else None
            if first is not None and other != e.queue:
                flags.add("again")
                client, account = first.client, first.account
        m.client, m.account, m.sender, m.last = client, account, e.sender, now
        m.left = max(1 if e.nrcpts is None else e.nrcpts, 1)
        m.marks.add("seen")
        return replace(e, client=client, account=account, flags=frozenset(flags))

    def _to(self, e: Event, now: int) -> Event:
        m = self.messages.setdefault((e.server, e.queue), Message(now))
        if not m.marks:
            m.marks.add("orphan")
        flags = {"dsn"} if "dsn" in m.marks else set()
        if e.mailer == "relay" and e.relay in LOOPBACK:
            flags.add("internal")
        before = self.attempts.get((e.server, e.queue, e.name))
        if before is None:
            flags |= {"attempt"} if "orphan" in m.marks else {"attempt", "first"}
        elif before.pid != e.pid or now - before.last > SAME_RUN:
            flags.add("attempt")
        waits = e.status == "deferred" or (e.status == "other" and e.dsn == 4)
        m.waiting = max(0, m.waiting + waits - (before is not None and before.waits))
        if not waits:
            m.left -= max(e.rcpts, 1)
        self.attempts[e.server, e.queue, e.name] = Attempt(now, e.pid, waits)
        m.last = now
        return replace(e, client=m.client, account=m.account, sender=m.sender, flags=frozenset(flags))


def fold(events: Iterable[Event]) -> list[Event]:
    """The events in the order of the fold, with their flags; late ones behind all others."""
    newest = -(1 << 61)
    late, in_time = [], []
    for e in events:
        assert e.ts is not None
        if e.ts < newest - LATENESS:
            late.append(replace(e, flags=frozenset({"late"})))
        else:
            in_time.append(e)
        newest = max(newest, e.ts)
    stitch = NaiveFold()
    return [stitch.step(e) for e in sorted(in_time, key=lambda e: (e.ts, e.line))] + late


@dataclass
class NaiveCounts:
    """Counts in dictionaries: by (server, minute), by (entity kind, key, ten minutes), and the pairs."""

    servers: dict[tuple[str, int], dict[str, int]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(int)))
    entities: dict[tuple[str, str, int], dict[str, int]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(int)))
    pairs: set[tuple[str, str, str]] = field(default_factory=set)

    def plain(self) -> tuple[Any, Any, Any]:
        """Nonzero counts only, as what compares."""

        def kept(table: dict[Any, dict[str, int]]) -> dict[Any, dict[str, int]]:
            found = {k: {m: n for m, n in v.items() if n} for k, v in table.items()}
            return {k: v for k, v in found.items() if v}

        return kept(self.servers), kept(self.entities), self.pairs


def count(events: Sequence[Event]) -> NaiveCounts:
    """Count events that `fold` has seen."""
    counts = NaiveCounts()
    asked: dict[tuple[str, str, str, str], int] = {}
    for e in events:
        minute = -1 if e.ts is None else e.ts // (60 * SECOND)
        row = counts.servers[e.server, minute]
        window = minute // 10
        row["late"] += "late" in e.flags

        def entity(kind: str, key: str, metric: str, n: int = 1, window: int = window) -> None:
            if key and window >= 0:
                counts.entities[kind, key, window][metric] += n

        if e.kind == "dns.query":
            _query(e, row, entity, counts.pairs, asked)
        elif e.kind == "mail.to":
            _delivery(e, row, entity)
        elif e.kind == "mail.from":
            _message(e, row, entity)
        elif e.kind in ("mail.dsn", "mail.reject", "dns.response", "dns.packet") or e.kind.startswith(("pop.", "imap.")):
            row[e.kind] += 1
            if e.kind in ("mail.reject", "pop.login", "pop.fail", "imap.login"):
                entity("client_ip", e.client, e.kind)
                entity("account", e.account, e.kind)
    return counts


def _query(e: Event, row: dict[str, int], entity: Any, pairs: set[Any], asked: dict[Any, int]) -> None:
    assert e.ts is not None
    question = (e.server, e.client, e.name, e.qtype)
    fresh = question not in asked or abs(e.ts - asked[question]) > 5 * SECOND
    asked[question] = max(asked.get(question, e.ts), e.ts)
    row["dns.query"] += 1
    row[f"dns.query.{e.qtype}"] += 1
    row["dns.lookup"] += fresh
    entity("dns_client", e.client, f"minute {e.ts // (60 * SECOND) % 10}")
    entity("dns_client", e.client, "dns.lookup", int(fresh))
    if e.qtype in DNS_TYPES:
        entity("dns_client", e.client, f"dns.query.{e.qtype}")
    if e.qtype in ("MX", "PTR") and e.client:
        pairs.add((e.client, e.name, e.qtype))


def _delivery(e: Event, row: dict[str, int], entity: Any) -> None:
    if "dsn" in e.flags:
        row["mail.dsn.to"] += 1
        return
    row["mail.to"] += 1
    row[DELIVERY.get(e.status, "mail.other")] += 1
    row["mail.rcpt"] += e.rcpts
    if "internal" in e.flags:
        row["mail.internal"] += 1
        return
    attempt = "mail.attempt.first" if "first" in e.flags else "mail.attempt.retry"
    row[attempt] += "attempt" in e.flags
    result = "mail.failed" if e.status in FAILED else DELIVERY.get(e.status, "mail.other")
    for kind, key in (("client_ip", e.client), ("account", e.account), ("rcpt_domain", e.name)):
        entity(kind, key, "mail.to")
        entity(kind, key, result)
        entity(kind, key, "mail.rcpt", e.rcpts)
        entity(kind, key, attempt, int("attempt" in e.flags))


def _message(e: Event, row: dict[str, int], entity: Any) -> None:
    who = (("client_ip", e.client), ("account", e.account))
    if e.nrcpts == 0:
        row["mail.refused"] += 1
        for kind, key in who:
            entity(kind, key, "mail.refused")
    elif not e.flags & {"dsn", "again"}:
        row["mail.from"] += 1
        row["mail.accepted"] += e.nrcpts or 0
        for kind, key in who:
            entity(kind, key, "mail.from")
            entity(kind, key, "mail.accepted", e.nrcpts or 0)
