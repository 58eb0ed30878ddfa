"""The slow, obvious reference of stitch and count: plain dictionaries, one event at a time (law 4).

What it says is the definition (DESIGN, section 1; the docstrings of `messages_kernel` and `counts_kernel`):

- events enter the fold in the order (time, line); one that comes 120 s or more after a later one is late: it is
  counted, but does not enter the fold;
- a message is known while something of it waits, for 6 days after its last record, else for 15 minutes; an attempt
  likewise, but 30 minutes; what is no longer known was never there;
- a queue id that is used again after its message was finished is a new message;
- a message that the machine hands in itself with the Message-ID of one that still waits for delivery is that one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

SECOND = 1_000_000
LATENESS = 120 * SECOND
GRACE, OPEN_FOR, SAME_RUN, SAME_TIME, SESSION = 900 * SECOND, 6 * 86_400 * SECOND, 900 * SECOND, 300 * SECOND, 3600 * SECOND
LOCAL = ("local", "prog", "*file*", "*include*", "discard", "error", "retry", "virtual", "lmtp", "pipe", "procmail", "cyrus", "cyrusv2")
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
    run: int = 0
    use: int = 0
    marks: set[str] = field(default_factory=set)

    def known(self, now: int) -> bool:
        idle = now - self.last
        return idle < GRACE or (self.open() and idle < OPEN_FOR)

    def open(self) -> bool:
        """True while something of it waits for delivery."""
        return self.waiting > 0 or self.left > 0


@dataclass
class Attempt:
    """The last record of a queue id for a destination."""

    last: int
    pid: int
    waits: bool
    use: int
    run: int
    final: bool

    def known(self, now: int) -> bool:
        idle = now - self.last
        return idle < 2 * GRACE or (self.waits and idle < OPEN_FOR)


class NaiveFold:
    """Stitch, one event at a time."""

    def __init__(self) -> None:
        self.messages: dict[tuple[str, str], Message] = {}
        self.attempts: dict[tuple[str, str, str], Attempt] = {}
        self.handed: dict[tuple[str, str], tuple[str, Message, str]] = {}
        self.sessions: dict[tuple[str, int], tuple[str, str, int]] = {}
        self.deliveries: dict[tuple[str, str], tuple[Event, int]] = {}

    def step(self, e: Event) -> Event:
        """The event with its flags, and for deliveries and messages with who handed the message in."""
        now = e.ts or 0
        self.messages = {k: m for k, m in self.messages.items() if m.known(now)}
        self.attempts = {k: a for k, a in self.attempts.items() if a.known(now)}
        self.handed = {k: h for k, h in self.handed.items() if self.messages.get((k[0], h[0])) is h[1]}
        self.deliveries = {k: d for k, d in self.deliveries.items() if now - d[1] < SESSION}
        self.sessions = {k: s for k, s in self.sessions.items() if now - s[2] < SESSION}
        if e.kind in ("mail.dsn", "mail.clone"):
            self._announce(e, now)
        elif e.kind == "mail.client":
            self._client(e, now)
        elif e.kind == "mail.msgid":
            self._msgid(e, now)
        elif e.kind == "mail.start":
            self.deliveries[e.server, e.link] = (e, now)
        elif e.kind == "mail.from":
            return replace(e, flags=frozenset({"refused"})) if e.nrcpts == 0 else self._from(e, now)
        elif e.kind == "mail.to" and not e.queue and e.client:
            return replace(e, flags=frozenset({"attempt", "first"}))
        elif e.kind == "mail.to":
            return self._to(e, now)
        elif e.kind == "mail.done" and (e.server, e.queue) in self.messages:
            done = self.messages[e.server, e.queue]
            done.left, done.waiting = 0, 0
            done.marks.add("done")
        return e

    def _begun(self, e: Event, now: int) -> Message:
        """The message of a line that begins one: a new one, if that of the same queue id is finished."""
        m = self.messages.setdefault((e.server, e.queue), Message(now))
        if "done" in m.marks:
            m = self.messages[e.server, e.queue] = Message(now, use=m.use + 1)
        m.last = now
        return m

    def _inherit(self, m: Message, first: Message) -> None:
        m.client, m.account = first.client, first.account
        m.marks.add("seen")
        if "taken" in m.marks:
            first.marks.add("returned")

    def _client(self, e: Event, now: int) -> None:
        if e.queue:
            m = self._begun(e, now)
            m.marks.add("taken")
            m.client, m.account = e.client or m.client, e.account or m.account
            first = self.messages.get((e.server, e.link)) if e.link and e.link != e.queue else None
            if first and first.marks:
                self._inherit(m, first)
        if e.account:
            self.sessions[e.server, e.pid] = (e.client, e.account, now)

    def _is_open(self, m: Message) -> bool:
        return "done" not in m.marks if "managed" in m.marks else m.open()

    def _msgid(self, e: Event, now: int) -> None:
        m = self._begun(e, now)
        m.marks.add("managed")
        if not e.link:
            return
        queue, message, latest = self.handed.get((e.server, e.link), ("", None, ""))
        others = [self.messages.get((e.server, q)) for q in (latest, queue) if q and q != e.queue]
        waiting = [other for other in others if other is not None and self._is_open(other)]
        if not waiting:
            self.handed[e.server, e.link] = (e.queue, m, "")
            return
        assert message is not None
        if "seen" not in m.marks:
            if m.client and m.client not in LOOPBACK:
                return
            self._inherit(m, waiting[0])
        self.handed[e.server, e.link] = (queue, message, e.queue)

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
        m = self._begun(e, now)
        if not e.sender and not m.marks & {"seen", "taken"} and "managed" in m.marks:
            m.marks.add("dsn")
        origin = self.messages.get((e.server, e.link)) if e.link and e.link != e.queue and not e.client else None
        if origin and "taken" in origin.marks:
            m.client, m.account = origin.client, origin.account
        if origin and "dsn" in origin.marks:
            m.marks.add("dsn")
        flags = {"dsn"} if "dsn" in m.marks else {"again"} if "seen" in m.marks else set()
        client, account = e.client, e.account or m.account
        session = self.sessions.get((e.server, e.pid)) if e.pid else None
        if not account and session and session[0] == client:
            account = session[1]
        if e.link:
            before = self.handed.get((e.server, e.link))
            first = before[1] if before and before[0] != e.queue else None
            if first is not None and not (e.client in LOOPBACK and not first.client) and not self._is_open(first):
                first = None
            if not e.client or first is None:
                self.handed[e.server, e.link] = (e.queue, m, "")
            elif e.client in LOOPBACK:
                flags.add("again")
                client, account = first.client, first.account
                if first.client:
                    first.marks.add("returned")
        client = client or m.client
        m.run += {"seen", "managed"} <= m.marks
        m.client, m.account, m.sender = client, account, e.sender
        m.left = max(1 if e.nrcpts is None else e.nrcpts, 1)
        m.marks.add("seen")
        return replace(e, client=client, account=account, flags=frozenset(flags))

    def _to(self, e: Event, now: int) -> Event:
        in_line = e.queue
        if not in_line:
            begun = self.deliveries.get((e.server, e.link))
            if begun is None or not begun[0].queue:
                return e
            e = replace(e, queue=begun[0].queue, name=begun[0].name, rcpts=begun[0].rcpts)
        m = self.messages.setdefault((e.server, e.queue), Message(now))
        if not m.marks:
            m.marks.add("orphan")
        flags = {"dsn"} if "dsn" in m.marks else set()
        m.last = now
        e = replace(e, client=m.client, account=m.account, sender=m.sender)
        if e.status == "skipped":
            return replace(e, flags=frozenset(flags))
        here = e.mailer == "relay" and e.relay in LOOPBACK
        back = "returned" in m.marks and e.status == "sent" and e.relay in ("", *LOOPBACK)
        if here or back or (in_line and e.link):
            flags.add("internal")
        elif e.relay not in LOOPBACK and e.mailer not in LOCAL and (e.mailer or e.relay):
            flags.add("out")
        if e.rcpts == 0:
            return replace(e, flags=frozenset(flags))
        before = self.attempts.get((e.server, e.queue, e.name))
        if before is not None and before.use != m.use:
            before = None
        if before is None:
            flags |= {"attempt"} if "orphan" in m.marks else {"attempt", "first"}
        elif "managed" in m.marks:
            flags |= {"attempt"} if before.run != m.run else set()
        elif before.pid != e.pid or now - before.last > (SAME_RUN if e.pid else SAME_TIME):
            flags.add("attempt")
        waits = e.status == "deferred" or (e.status == "other" and e.dsn == 4)
        m.waiting = max(0, m.waiting + waits - (before is not None and before.waits))
        if not waits:
            m.left -= e.rcpts
        final = before is not None and before.final
        if e.status in ("sent", "bounced", "rejected") and not final:
            flags.add("final")
            final = True
        self.attempts[e.server, e.queue, e.name] = Attempt(now, e.pid, waits, m.use, m.run, final)
        return replace(e, flags=frozenset(flags))


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
    asked: dict[Any, int] = {}
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


def is_fresh(asked: dict[Any, int], question: Any, ts: int) -> bool:
    """Is the question a look-up, not a repetition?  What was asked 125 s before the newest question (`None`) is forgotten."""
    asked[None] = max(asked.get(None, ts), ts)
    before, since = asked.get(question), asked[None] - 125 * SECOND
    if before is not None and before >= since:
        asked[question] = max(before, ts)
        return abs(ts - before) > 5 * SECOND
    if ts >= since:
        asked[question] = ts
    return True


def _query(e: Event, row: dict[str, int], entity: Any, pairs: set[Any], asked: dict[Any, int]) -> None:
    assert e.ts is not None
    question = (e.server, e.client, e.name, e.qtype)
    fresh = is_fresh(asked, question, e.ts)
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
    if e.status == "skipped":
        row["mail.skipped"] += 1
        return
    row[DELIVERY.get(e.status, "mail.other")] += 1
    row["mail.rcpt"] += e.rcpts
    if "internal" in e.flags:
        row["mail.internal"] += 1
        return
    attempt = "mail.attempt.first" if "first" in e.flags else "mail.attempt.retry"
    row[attempt] += "attempt" in e.flags
    row["mail.out"] += {"first", "out"} <= e.flags
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
