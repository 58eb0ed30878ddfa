"""The score of hosts and accounts in plain dictionaries: the truth that `senders_kernel` is tested against.

Written from docs/detectors.md, not from the kernel; it shares only the constants and the fixed-point logarithms, which
have a test of their own.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from mailripple.models.logs import ONE, add_logs, log_of
from mailripple.models.senders_kernel import (
    ALARM,
    ALT_FAILS,
    BAD,
    BAD_OF,
    CEILING,
    CHANGING,
    CLUSTER,
    FEW_SENDERS,
    FLOOR,
    GATE,
    HISTORY,
    HOUR,
    LARGE,
    LARGE_FAILS,
    LEAD,
    MAILING,
    MASS,
    MORE,
    NEW_LEAST,
    NEW_MORE,
    NEW_MOST,
    NOTICE,
    OWN_LEAST,
    OWN_SHRINK,
    SENDER_ALT,
    SENDER_FLOOR,
    STEADY,
    THETA_MOST,
    THETAS,
    WARNING,
)  # fmt: skip
from mailripple.models.sums_kernel import FOR_LONG, KEEPS, LIMIT, MINUTE, TOP, WEEK

LN2, LN3 = log_of(2), log_of(3)


def share(p: int, hit: bool) -> int:
    """log p or log(1 - p)."""
    return log_of(p if hit else ONE - p)


@dataclass(frozen=True)
class Unit:
    """A first final outcome of a message at a destination, or a deferral (`final` false)."""

    ts: int
    order: int
    queue: str
    client: str
    account: str
    sender: str
    domain: str
    final: bool
    failed: bool
    first: bool = True


@dataclass
class Stream:
    """A CUSUM, a Shiryaev-Roberts sum, and where it may have begun."""

    s: int = 0
    r: int = 0
    since: int = 0
    units: int = 0

    def add(self, log_e: int, first: bool) -> bool:
        """A unit's evidence; True where the sum begins with it."""
        begins = self.s <= ONE
        self.s = min(max(self.s, 0) + log_e, LIMIT)
        self.r = min((0 if first else add_logs(0, self.r)) + log_e, LIMIT)
        return begins

    def mark(self, begins: bool, ts: int) -> None:
        """Note the beginning, and count units from there."""
        if begins:
            self.since, self.units = ts, 0
        self.units += 1


@dataclass
class Subject:
    """A host or account."""

    units: int = 0
    spoke: int = 0
    low: int = 0
    large: bool = False
    hour: int = 0
    fails: int = 0
    new: int = 0
    curve: int = 0
    messages: int = 0
    senders: int = 0
    deferred: int = 0
    queue: str | None = None
    days: tuple[int, tuple[int, int, int], tuple[int, int, int]] = (0, (0, 0, 0), (0, 0, 0))
    b: list[Stream] = field(default_factory=lambda: [Stream(), Stream(), Stream()])
    v: Stream = field(default_factory=Stream)
    sender: Stream = field(default_factory=Stream)
    plain: Stream = field(default_factory=Stream)
    weeks: dict[int, int] = field(default_factory=dict)
    mailings: dict[tuple[str, int], list[int]] = field(default_factory=dict)
    failed_there: dict[str, bool] = field(default_factory=dict)
    seen: dict[str, int] = field(default_factory=dict)
    known_senders: dict[str, int] = field(default_factory=dict)
    top: list[tuple[int, int]] = field(default_factory=list)
    most: int = 0
    clustered: int = 0
    sure: int = 0
    onset: int = 0
    notice: int = 0
    warning: int = 0
    alarm: int = 0
    alarm_units: int = 0

    def take(self, u: Unit, theta: int) -> None:
        """One unit."""
        if not u.final:
            self.deferred += 1
            return
        self.turn_day(u.ts // (24 * HOUR))
        self.units += 1
        self.fails += u.failed
        self.weeks[u.ts // WEEK] = self.weeks.get(u.ts // WEEK, 0) + 1
        if u.ts // MINUTE - self.seen.get(u.domain, u.ts) // MINUTE > KEEPS[FOR_LONG]:  # forgotten
            del self.seen[u.domain]
            del self.failed_there[u.domain]
        chance, self.large = None, False
        if not self.failed_there.get(u.domain):
            cell = self.mailings.setdefault((u.sender, u.ts // MAILING), [0, 0])
            chance, most = ((CLUSTER * mean + cell[1] * ONE) // (CLUSTER + cell[0]) for mean in (self.rate(theta), THETA_MOST))
            cell[0] += 1
            cell[1] += u.failed
            self.large = cell[1] >= LARGE_FAILS and BAD_OF * cell[1] >= BAD * cell[0]
            self.large |= cell[0] >= LARGE and 8 * cell[1] >= cell[0]
            self.failures(u, theta, chance, most)
        self.failed_there[u.domain] = u.failed
        weight = self.contacts(u, theta, chance) + self.senders_of(u)
        self.keep(weight, u.order)
        self.judge(u.ts, u.first)

    def turn_day(self, day: int) -> None:
        """What was known two midnights ago is the past."""
        if day != self.days[0]:
            self.days = (day, (self.senders, self.messages, self.fails), self.days[1])

    def rate(self, site: int) -> int:
        """The site's rate, or the subject's own by its day-old past, if that is less; 2 % at least."""
        _, messages, fails = self.days[2]
        return min(site, max((fails * ONE + OWN_SHRINK * site) // (messages + OWN_SHRINK), OWN_LEAST))

    def failures(self, u: Unit, theta: int, chance: int, most: int) -> None:
        """Streams B and P: under the null, and under the alternative that learns as the null does."""
        others = (*THETAS, most)
        begins = [b.add(share(t, u.failed) - share(chance, u.failed), self.units == 1) for b, t in zip(self.b, others, strict=True)]
        self.b[0].mark(all(begins), u.ts)
        self.plain.mark(self.plain.add(share(THETAS[1], u.failed) - share(theta, u.failed), self.units == 1), u.ts)

    def contacts(self, u: Unit, theta: int, chance: int | None) -> int:
        """Stream V."""
        k = self.units - 1
        seen = min(self.new * ONE, 2 * self.curve + 2 * ONE)
        q = min(CEILING, 3 * (2 * ONE + seen // 2) // (2 * (2 + k)) + FLOOR)
        self.curve += (2 * ONE + self.curve // 2) // (2 + k)
        new = u.domain not in self.seen
        self.seen[u.domain] = u.ts
        self.new += new
        log_e = share(min(NEW_MOST, max(NEW_LEAST, q + NEW_MORE)), new) - share(q, new)
        if chance is not None:
            chance = min(3 * chance // 2, CEILING) if new else chance
            log_e += share(max(ALT_FAILS, min(3 * theta, CEILING)), u.failed) - share(chance, u.failed)
        begins = self.v.add(log_e, self.units == 1)
        if begins and not self.notice:
            self.top = []
        self.v.mark(begins, u.ts)
        return log_e

    def senders_of(self, u: Unit) -> int:
        """Stream S, once a message."""
        if u.queue == self.queue:
            return 0
        self.queue = u.queue
        old = self.days[2][0] * ONE // (1 + self.days[2][1]) if self.days[2][0] > 1 else 0
        q = min(CEILING, max((10 * ONE + 2 * self.senders * ONE) // (5 * (2 + self.messages)), old) + SENDER_FLOOR)
        self.messages += 1
        new = u.sender not in self.known_senders or u.ts // MINUTE - self.known_senders[u.sender] // MINUTE > KEEPS[FOR_LONG]
        self.known_senders[u.sender] = u.ts
        self.senders += new
        log_e = share(SENDER_ALT, new) - share(q, new)
        self.sender.mark(self.sender.add(log_e, self.messages == 1), u.ts)
        return log_e

    def keep(self, weight: int, order: int) -> None:
        """The five heaviest records, of equals the earlier."""
        self.top = sorted([*self.top, (weight, order)], key=lambda t: (-t[0], t[1]))[:TOP]

    def gate(self, steps: int) -> int:
        """What failures must say for an alarm."""
        return (CHANGING if self.sender.s >= GATE else STEADY) + log_of(max(50, steps)) - log_of(50)

    def judge(self, ts: int, first: bool) -> None:
        """The mean of the streams, and the levels; nothing where no stream says more than e."""
        if ts // MAILING != self.hour:
            self.hour, self.low = ts // MAILING, LIMIT
        if max(self.v.s, *(b.s for b in self.b)) <= ONE:
            self.low = self.spoke = 0
            return
        steps = self.weeks[ts // WEEK] + self.weeks.get(ts // WEEK - 1, 0)
        often = add_logs(self.b[1].s, self.b[2].s) - LN2
        self.low = min(self.low, often)
        if often >= GATE and not self.spoke:
            self.spoke = ts
        clustered = add_logs(add_logs(self.b[0].s, self.b[1].s), self.b[2].s) - LN3
        gate = clustered >= GATE
        most = clustered + LEAD if self.days[2][1] < HISTORY else LIMIT
        failing = add_logs(self.b[1].r, self.b[2].r) - LN2
        lead = failing + LEAD
        two, two_r = add_logs(clustered, min(self.v.s, most)), add_logs(failing, min(self.v.r, lead))
        total = add_logs(two, min(self.sender.s, most)) - LN3 if gate else two - LN2
        sure = add_logs(two_r, min(self.sender.r, lead)) - LN3 if gate else two_r - LN2
        sure -= log_of(max(50, steps))
        self.sure = max(self.sure, sure)
        self.most, self.clustered = max(self.most, total), max(self.clustered, clustered)
        begun = self.b[0] if clustered > self.v.s else self.v
        most = max(clustered, self.v.s)
        if gate and self.sender.s > most:
            begun, most = self.sender, self.sender.s
        if gate and self.plain.s > most:
            begun = self.plain
        if total >= NOTICE and not self.notice:
            self.notice, self.onset = ts, begun.since
        if total >= WARNING and not self.warning:
            self.warning = ts
        more = LN2 if self.senders - self.days[2][0] >= FEW_SENDERS else MORE
        again = first and self.spoke and ts - self.spoke >= MAILING and often >= self.low + more
        mailing = self.sender.s < GATE and not again and not self.large
        mass = self.messages - self.days[2][1] >= MASS
        if mass and total >= ALARM and often >= self.gate(steps) and not mailing and not self.alarm:
            self.alarm, self.onset, self.alarm_units = ts, begun.since, begun.units


def score(units: list[Unit], theta: int) -> dict[tuple[str, str], Subject]:
    """All subjects: ("ip", address) and ("account", name); the rate `theta` (fixed point) is not learnt here."""
    found: dict[tuple[str, str], Subject] = {}
    for u in units:
        if not u.sender:
            continue
        for kind, name in (("ip", u.client), ("account", u.account)):
            if name:
                mine = replace(u, sender=f"{u.sender} {u.client}") if kind == "account" else u
                found.setdefault((kind, name), Subject()).take(mine, theta)
    return found
