"""What changes beside the mail: addresses of computers from day to day, and stretches that the log does not hold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import IPv6Address
from typing import NamedTuple

import numpy as np

from mailripple.simulate.site.drafts import Draft
from mailripple.simulate.site.network import Network
from mailripple.simulate.site.scene import Clock, LogHabits
from mailripple.simulate.site.tables import LOG_GAP, Happening, Ints, Logins

DAY, MINUTE = 86_400_000, 60_000


class Leases(NamedTuple):
    """Which address (a host) a computer has on which day: `of` (hosts, days); `start` ms of the first day."""

    of: Ints
    start: int

    def at(self, ms: Ints, host: Ints) -> Ints:
        """The addresses that the computers have at these moments."""
        day = np.clip((ms - self.start) // DAY, 0, self.of.shape[1] - 1)
        found: Ints = self.of[host, day]
        return found

    def used(self, mail: Draft, logins: Logins) -> tuple[Draft, Logins]:
        """Mail and log-ins from the addresses that the computers have then."""
        messages = mail.messages._replace(client=self.at(mail.messages.ms, mail.messages.client))
        return mail._replace(messages=messages), logins._replace(host=self.at(logins.ms, logins.host))


def leases_of(
    net: Network, clock: Clock, spared: Iterable[int], values: dict[str, float], rng: np.random.Generator
) -> Leases:
    """Some computers get another address each day, from a pool in which each is used by one at a time (DHCP); some
    take a new IPv6 address in their own /64 each day (RFC 8981).  Those that are `spared` keep theirs, and half of all:
    it is among these that attacks happen, so that the truth of an attack is one address.
    """
    days = max(1, round(clock.days))
    pcs = net.of["pc"][net.steady :]
    pcs = pcs[~np.isin(pcs, np.array(sorted(spared), np.int64))]
    six = np.array([":" in net.hosts.ips[host] for host in pcs.tolist()], bool)
    churning = pcs[~six & (rng.random(len(pcs)) < values["dhcp"])]
    private = pcs[six & (rng.random(len(pcs)) < values["privacy"])]
    own = len(net.hosts.ips)
    columns = [np.arange(own)]
    temporary = np.zeros((days, len(private)), np.int64)
    for day in range(1, days):
        for k, host in enumerate(private.tolist()):
            network = int(IPv6Address(net.hosts.ips[host])) >> 64 << 64
            ip = IPv6Address(network | int(rng.integers(1 << 62)) | 1 << 62)
            temporary[day, k] = net.add_host("temporary", str(ip), "")
    for day in range(1, days):
        column = np.arange(own)
        column[churning] = np.roll(churning, day)
        column[private] = temporary[day]
        columns.append(column)
    return Leases(np.stack(columns, axis=1), clock.start)


def gaps_of(clock: Clock, habits: LogHabits, lines: Sequence[Ints], rng: np.random.Generator) -> list[Happening]:
    """Nights in which the mail server's log was not written for a while, from one quiet moment to another: then no
    message has one line before and one behind the edge within seconds.  `lines` when something is logged (ms)."""
    busy = np.sort(np.concatenate(lines))
    found: list[Happening] = []
    for _ in range(int(rng.poisson(habits.gaps * clock.days / 7))):
        night = int(clock.start + rng.integers(0, max(1, int(clock.days))) * DAY + rng.uniform(1, 4) * 3_600_000)
        begin = _quiet(busy, night)
        end = _quiet(busy, begin + round(rng.uniform(*habits.gap_minutes) * MINUTE))
        if clock.start < begin < end < clock.end and all(end < h.start or begin > h.end for h in found):
            found.append(Happening(LOG_GAP, begin, end))
    return found


def _quiet(busy: Ints, ms: int) -> int:
    """The middle of the longest stretch without anything within a quarter of an hour of that moment."""
    near = busy[(busy >= ms - 15 * MINUTE) & (busy < ms + 15 * MINUTE)]
    edges = np.concatenate([[ms - 15 * MINUTE], near, [ms + 15 * MINUTE]])
    at = int(np.argmax(np.diff(edges)))
    return int((edges[at] + edges[at + 1]) // 2)
