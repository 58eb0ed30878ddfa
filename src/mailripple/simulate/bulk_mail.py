"""The mail server of the bulk generator: sendmail 8.17 and the life of each message, as its log tells it.

A message has a connection, a `from=` line, one delivery record a destination, retries at the queue runs (every 30
minutes) until it is delivered or given up after a day, and the bounce that the server makes of a failure. Every look-up
that the server makes on the way is noted, for the query log.
"""

from __future__ import annotations

import heapq
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt

from mailripple.simulate.timeline import Timeline
from mailripple.simulate.world import (
    BUSY,
    DEAD,
    GREYLISTS,
    HOME,
    NO_HOST,
    OK,
    World,
    Zipf,
    client_name,
    relay_text,
    reverse_name,
)

QUEUE_RUN_MS = 1_800_000
WARN_MS = 4 * 3_600_000
RETURN_MS = 24 * 3_600_000

OUT, LOCAL, IN, ATTACK = range(4)
CLOSED, UNKNOWN = 10, 11
"""Two more fates beside the domains' own: closed for an hour or so; no such user there."""

_UNKNOWN_SHARE = {OUT: 0.02, ATTACK: 0.35}
_BASE60 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwx"
_TLS = "version=TLSv1.3, verify=NO, cipher=TLS_AES_256_GCM_SHA384, bits=256/256"

_Ints = npt.NDArray[np.int64]
_Part = tuple[int, int, int, float, float]
"""What is drawn for one destination: domain, recipients, local account, two random numbers."""


@dataclass(frozen=True, slots=True)
class Outage:
    """A big domain that answers 421 for a while: much deferred mail without a worm."""

    domain: int
    start_ms: int
    end_ms: int


@dataclass(slots=True)
class _Message:
    """What the queue file holds of a message from inside."""

    qid: str
    sender: str
    uid: int
    arrived_ms: int
    priority: int
    lag_ms: int
    """How far into a queue run its turn comes."""
    looked_up: bool
    """Whether its look-ups reach the name server; the others are answered by the mail server's own cache."""
    warned: bool = False
    expired: bool = False


@dataclass(slots=True)
class _Delivery:
    """The recipients of a message at one domain."""

    message: _Message
    to: str
    recipients: int
    domain: int
    fate: int
    opens_ms: float
    """From when on the domain takes it."""
    tries: int = 0


class MailServer:
    """Writes what sendmail logs into `timeline`, notes its look-ups, and counts in `truth` what it wrote."""

    def __init__(
        self, world: World, timeline: Timeline, rng: np.random.Generator, outage: Outage, cached: float
    ) -> None:
        self.timeline = timeline
        self.rng = rng
        self.truth: Counter[str] = Counter()
        self._world = world
        self._outage = outage
        self._cached = cached
        self._accounts = Zipf(len(world.accounts), 0.8)
        self._domains = Zipf(len(world.domains), 1.0)
        self._queue: list[tuple[int, int, _Delivery]] = []
        self._lookups: tuple[list[int], list[str], list[str]] = ([], [], [])
        self._serial = 0
        self._second = -1
        self._id_head = ""

    def receive(self, times: _Ints) -> None:
        """A message at each of `times`: from inside out, inside, or from outside in."""
        kinds = self.rng.choice(3, size=len(times), p=(0.35, 0.2, 0.45))
        accounts = self._accounts.pick(self.rng, len(times))
        self._messages(times, kinds, accounts, accounts)

    def attack(self, times: _Ints, client: int) -> None:
        """Computer `client` sends a message to a made-up recipient at each of `times`, each in another's name."""
        kinds = np.full(len(times), ATTACK)
        names = self.rng.integers(len(self._world.accounts), size=len(times))
        self._messages(times, kinds, names, np.full(len(times), client))
        self.truth["attack_messages"] += len(times)

    def run_queue(self, until: int) -> None:
        """All retries that fall due before `until`."""
        while self._queue and self._queue[0][0] < until:
            due, _, delivery = heapq.heappop(self._queue)
            pid = 300 + due // QUEUE_RUN_MS * 613 % 30_000
            ms = due + 100  # the look-ups come first
            self._attempt(delivery, ms, pid)
            if ms < delivery.opens_ms and not self._notify_sender(delivery.message, ms, pid):
                self._wait(delivery, ms)

    def take_lookups(self) -> tuple[list[int], list[str], list[str]]:
        """The look-ups since the last call: times, names, types."""
        lookups, self._lookups = self._lookups, ([], [], [])
        return lookups

    def _messages(self, times: _Ints, kinds: _Ints, accounts: _Ints, clients: _Ints) -> None:
        rng, n = self.rng, len(times)
        parts = np.where(kinds == ATTACK, 1, rng.choice((1, 2, 3), size=n, p=(0.84, 0.11, 0.05)))
        hit = np.repeat(kinds == ATTACK, parts)
        total = len(hit)
        domains = self._domains.pick(rng, total)
        domains = np.where(hit, rng.integers(len(self._world.domains), size=total), domains)
        recipients = np.where(hit, 1, rng.choice((1, 2, 3, 4), size=total, p=(0.86, 0.08, 0.04, 0.02)))
        drawn = rng.random((2, total))
        details: Iterator[_Part] = zip(
            domains.tolist(),
            recipients.tolist(),
            self._accounts.pick(rng, total).tolist(),
            drawn[0].tolist(),
            drawn[1].tolist(),
            strict=True,
        )
        sizes = (300 + np.exp(rng.normal(8.0, 1.2, size=n))).astype(np.int64)
        luck = rng.random((n, 4)).tolist()
        columns = (times.tolist(), kinds.tolist(), accounts.tolist(), clients.tolist(), parts.tolist(), sizes.tolist())
        for ms, kind, account, client, count, size, u in zip(*columns, luck, strict=True):
            wanted = [next(details) for _ in range(count)]
            if kind == IN:
                self._from_outside(ms, wanted, size, u)
            else:
                self._from_inside(ms, kind, account, client, wanted, size, u)

    def _from_outside(self, ms: int, wanted: list[_Part], size: int, u: list[float]) -> None:
        world, (domain, _, _, _, odd) = self._world, wanted[0]
        pid, qid = self._open(ms)
        name, ip = f"mail.{world.domains[domain]}", world.exchanger_ips[domain]
        relay = relay_text(name, ip) + (" (may be forged)" if odd < 0.02 else "")
        if u[0] >= self._cached:
            self._look_up(ms, (reverse_name(ip), "PTR"), (name, "A"), (world.domains[domain], "MX"))
        sender = "" if odd > 0.97 else f"{self._word()}@{world.domains[domain]}"
        if u[1] < 0.04:
            self._log(ms + 240, f"sendmail[{pid}]: {qid}: <nosuch{size % 97}@{HOME}>... User unknown")
            self._from(ms + 250, pid, f"{qid}: from=<{sender}>, size=0, class=0, nrcpts=0,", "v4", relay, u[2] < 0.3)
            self.truth["refused_sessions"] += 1
            return
        head = f"{qid}: from=<{sender}>, size={size}, class=0, nrcpts={len(wanted)}, msgid=<{self._hex()}@{name}>,"
        self._from(ms + 250, pid, head, "v4", relay, u[2] < 0.5)
        self.truth["messages"] += 1
        for i, part in enumerate(wanted):
            self._to_mailbox(ms + 400 + int(900 * u[3]) + 30 * i, pid + 1, qid, "", part[2], ms, 30_000 + size)

    def _from_inside(
        self, ms: int, kind: int, account: int, client: int, wanted: list[_Part], size: int, u: list[float]
    ) -> None:
        world = self._world
        pid, qid = self._open(ms)
        relay, ip = world.relays[client], world.ips[client]
        looked_up = u[0] >= self._cached
        if looked_up:
            self._look_up(ms, (reverse_name(ip), "PTR"), *([] if relay[0] == "[" else [(client_name(client), "A")]))
        count = sum(part[1] for part in wanted) if kind != LOCAL else len(wanted)
        sender = world.accounts[account]
        msgid = f"<{self._hex()}{self._hex()}@pc{client}>"
        head = f"{qid}: from=<{sender}@{HOME}>, size={size}, class=0, nrcpts={count}, msgid={msgid},"
        self._from(ms + 200, pid, head, "v6" if ":" in ip else "v4", relay, kind != ATTACK and u[2] < 0.5)
        self.truth["messages"] += 1
        when, priority = ms + 300 + int(1800 * u[3]), 30_000 * count + size
        ctladdr = f"ctladdr=<{sender}@{HOME}> ({2000 + account}/100), "
        if kind == LOCAL:
            for i, part in enumerate(wanted):
                self._to_mailbox(when + 30 * i, pid + 1, qid, ctladdr, part[2], ms, priority)
            return
        lag = min(int(-90_000 * math.log(1.0 - u[1])), 1_200_000)
        message = _Message(qid, sender, 2000 + account, ms, priority, lag, looked_up)
        failure = ""
        for i, part in enumerate(wanted):
            delivery, now = self._delivery(message, kind, part), when + 100 * i
            failure = self._attempt(delivery, now, pid + 1) or failure
            if now < delivery.opens_ms:
                self._wait(delivery, now)
        if failure:
            self._bounce(message, when + 100 * len(wanted), pid + 1, f"DSN: {failure}")

    def _from(self, ms: int, pid: int, head: str, ip_version: str, relay: str, tls: bool) -> None:
        if tls:
            self._log(ms - 90, f"sendmail[{pid}]: STARTTLS=server, relay={relay}, {_TLS}")
            self.truth["noise_lines"] += 1
        proto = "ESMTPS" if tls else "ESMTP"
        self._log(ms, f"sendmail[{pid}]: {head} proto={proto}, daemon=MTA-{ip_version}, relay={relay}")
        self.truth["from_lines"] += 1

    def _to_mailbox(self, ms: int, pid: int, qid: str, ctladdr: str, account: int, since: int, priority: int) -> None:
        to = f"to=<{self._world.accounts[account]}@{HOME}>, {ctladdr}delay={_duration(ms - since)}, xdelay=00:00:00"
        self._log(ms, f"sendmail[{pid}]: {qid}: {to}, mailer=local, pri={priority}, dsn=2.0.0, stat=Sent")
        self.truth.update(("to_lines", "sent", "recipients", "first_attempts"))

    def _delivery(self, message: _Message, kind: int, part: _Part) -> _Delivery:
        domain, recipients, _, u, v = part
        name, ms, fate = self._world.domains[domain], message.arrived_ms, self._world.fates[domain]
        to = ",".join([f"<{self._word()}@{name}>" for _ in range(recipients)])
        opens: float = 0
        if fate == DEAD:
            opens = math.inf
        elif domain == self._outage.domain and self._outage.start_ms <= ms < self._outage.end_ms:
            fate, opens = CLOSED, self._outage.end_ms
        elif fate == GREYLISTS and u < 0.6:
            opens = ms + 300_000
        elif fate == BUSY and u < 0.5:
            opens = ms + v * 4 * 3_600_000
        elif fate != NO_HOST:
            fate = UNKNOWN if u > 1.0 - _UNKNOWN_SHARE[kind] else OK
        return _Delivery(message, to, recipients, domain, fate, opens)

    def _attempt(self, delivery: _Delivery, ms: int, pid: int) -> str:
        """Try once: the look-ups and the delivery record. Says why it failed for good, if it did."""
        message, name = delivery.message, self._world.domains[delivery.domain]
        mx, ip = self._world.exchangers[delivery.domain], self._world.exchanger_ips[delivery.domain]
        if message.looked_up:
            hosts = name if delivery.fate == NO_HOST else mx
            self._look_up(ms - 60, (name, "MX"), (hosts, "A"), (hosts, "AAAA"))
        relay, failure, first = f"{mx}. [{ip}]", "", delivery.to.partition(",")[0]
        if ms < delivery.opens_ms:
            state = "deferred"
            relay, result = _deferral(delivery.fate, relay, first, mx)
        elif delivery.fate == NO_HOST:
            state, relay, failure = "failed", name, f"Host unknown (Name server: {name}: host not found)"
            result = f"dsn=5.1.2, stat={failure}"
        elif delivery.fate == UNKNOWN:
            state, failure = "failed", "User unknown"
            result = f"dsn=5.1.1, reply=550 5.1.1 {first}... User unknown, stat={failure}"
        else:
            state, result = "sent", f"dsn=2.0.0, stat=Sent (2.0.0 {self._hex()} accepted for delivery)"
        age = ms - message.arrived_ms
        text = (
            f"sendmail[{pid}]: {message.qid}: to={delivery.to}, ctladdr=<{message.sender}@{HOME}> ({message.uid}/100), "
            f"delay={_duration(age)}, xdelay=00:00:0{min(ms % 3, age // 1000)}, mailer=esmtp, "
            f"pri={message.priority + 90_000 * delivery.tries}, relay={relay}, {result}"
        )
        self._log(ms, text)
        self.truth["recipients"] += delivery.recipients
        self.truth.update(("to_lines", state, "retries" if delivery.tries else "first_attempts"))
        delivery.tries += 1
        return failure

    def _wait(self, delivery: _Delivery, ms: int) -> None:
        due = (ms // QUEUE_RUN_MS + 1) * QUEUE_RUN_MS + delivery.message.lag_ms
        heapq.heappush(self._queue, (due, self._next(), delivery))

    def _notify_sender(self, message: _Message, ms: int, pid: int) -> bool:
        """The warning after four hours; after a day the message is given up (true)."""
        age = ms - message.arrived_ms
        if age >= RETURN_MS and not message.expired:
            message.expired = True
            self.truth["expired"] += 1
            self._bounce(message, ms + 20, pid, "sender notify: Cannot send message for 1 day")
        elif age >= WARN_MS and not message.warned:
            message.warned = True
            self._bounce(message, ms + 20, pid, "sender notify: Warning: could not send message for past 4 hours")
        return age >= RETURN_MS

    def _bounce(self, message: _Message, ms: int, pid: int, why: str) -> None:
        """A message of the server's own to the sender, and its delivery."""
        qid = self._queue_id(ms, pid)
        self._log(ms, f"sendmail[{pid}]: {message.qid}: {qid}: {why}")
        to = f"to=<{message.sender}@{HOME}>, delay=00:00:00, xdelay=00:00:00"
        self._log(ms + 30, f"sendmail[{pid}]: {qid}: {to}, mailer=local, pri=30000, dsn=2.0.0, stat=Sent")
        self.truth.update(("dsn_messages", "dsn_to_lines"))

    def _open(self, ms: int) -> tuple[int, str]:
        """A connection's process, and the queue id it gives."""
        pid = 31_000 + self._next() * 3 % 900_000
        return pid, self._queue_id(ms, pid)

    def _queue_id(self, ms: int, pid: int) -> str:
        """sendmail's 14 characters: year, month, day, hour, minute, second (UTC), two that go round, the process."""
        second = ms // 1000
        if second != self._second:
            self._second, t = second, datetime.fromtimestamp(second, UTC)
            digits = ((t.year - 1900) % 60, t.month - 1, t.day, t.hour, t.minute, t.second)
            self._id_head = "".join([_BASE60[digit] for digit in digits])
        turn = self._next() % 3600
        return f"{self._id_head}{_BASE60[turn // 60]}{_BASE60[turn % 60]}{pid:06d}"

    def _look_up(self, ms: int, *questions: tuple[str, str]) -> None:
        times, names, types = self._lookups
        for i, (name, qtype) in enumerate(questions):
            times.append(ms + 15 * i)
            names.append(name)
            types.append(qtype)

    def _log(self, ms: int, text: str) -> None:
        self.timeline.add(ms, text + "\n")

    def _next(self) -> int:
        self._serial += 1
        return self._serial

    def _hex(self) -> str:
        return f"{self._next() * 0x9E3779B1 & 0xFFFFFFFF:08x}"

    def _word(self) -> str:
        """A local part outside: a different one nearly each time."""
        number = self._next() * 0x9E3779B1 >> 7 & 0xFFFFF
        return f"{_BASE60[10 + number % 26].lower()}{number:x}"


def _deferral(fate: int, relay: str, to: str, mx: str) -> tuple[str, str]:
    """The relay and the rest of a delivery record that says: later."""
    if fate == DEAD:
        return f"{mx}.", f"dsn=4.0.0, stat=Deferred: Connection timed out with {mx}."
    if fate == CLOSED:
        dsn, reply = "4.7.0", f"421 4.7.0 {mx} too many connections, try again later"
    elif fate == GREYLISTS:
        dsn, reply = "4.3.0", f"451 4.7.1 {to}: greylisted, please try again in 300 seconds"
    else:
        dsn, reply = "4.2.0", f"450 4.2.0 {to}: mailbox is locked"
    return relay, f"dsn={dsn}, reply={reply}, stat=Deferred: {reply}"


def _duration(ms: int) -> str:
    """As sendmail writes a delay: `02:03:04`, from a day on `1+02:03:04`."""
    minutes, seconds = divmod(ms // 1000, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    text = f"{hours:02d}:{minutes:02d}:{seconds:02d}"
    return f"{days}+{text}" if days else text
