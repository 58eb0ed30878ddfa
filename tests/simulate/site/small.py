"""A small Site made by hand for the tests of the writers: every reason, both paths in, log-ins, bounces and refusals."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from mailripple.simulate.columns import in_order
from mailripple.simulate.site import tables as T

START = 1_780_000_000_000 // 60_000 * 60_000
RUN_MS = 1_800_000
HOURS = 8
#: Retries that are made before a message is given up.
_GIVE_UP = 6
TYPES = (1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 0)


def small_site(seed: int, *, messages: int = 300, zone: str = "Asia/Tokyo", ahead: int = 0) -> T.Site:
    """Random traffic of a few hours."""
    rng = np.random.default_rng(seed)
    names, hosts = _names(), _hosts()
    accounts, pcs, out = 12, 20, 8
    clients = np.concatenate([np.arange(2, 2 + pcs), np.arange(2 + pcs, 2 + pcs + out)])
    ms = np.sort(rng.integers(START + 1000, START + (HOURS - 1) * 3_600_000, messages)).astype(np.int64)
    client = rng.choice(clients, messages).astype(np.int64)
    outside = client >= 2 + pcs
    account = np.where(rng.random(messages) < 0.3, rng.integers(0, accounts, messages), -1)
    sender = np.where(outside, rng.integers(accounts, len(names.senders), messages), rng.integers(0, accounts, messages))
    sender = np.where(rng.random(messages) < 0.05, -1, sender)
    m = T.Messages(ms, client, account, sender, rng.integers(600, 90_000, messages), np.zeros(messages, np.int64))
    r = _recipients(rng, m, names)
    runs = np.arange(START + RUN_MS, START + HOURS * 3_600_000, RUN_MS, dtype=np.int64)
    attempts = _attempts(rng, m, r, runs, len(names.domains))
    end = START + HOURS * 3_600_000
    return T.Site(
        scenario="small", seed=seed, start=START, end=end, zone=ZoneInfo(zone), mail_server=0, resolver=1, values={},
        hosts=hosts, names=names, causes=[T.Cause("ordinary")], happenings=[], messages=m, recipients=r,
        attempts=attempts, bounces=_bounces(m, r, attempts), refusals=_refusals(rng, hosts, names),
        logins=_logins(rng), queries=_queries(rng, names, clients), runs=runs, dns_ahead_ms=ahead,
    )  # fmt: skip


def moved(site: T.Site, start: int) -> T.Site:
    """The same site at another time; `start` UTC ms."""
    by = start - site.start
    tables: dict[str, Any] = {}
    for name in ("messages", "attempts", "bounces", "refusals", "logins", "queries"):
        table = getattr(site, name)
        tables[name] = table._replace(ms=table.ms + by)
    return replace(site, start=start, end=site.end + by, runs=site.runs + by, **tables)


def _names() -> T.Names:
    names = T.Names(accounts=[f"u{i:03d}" for i in range(12)])
    names.senders = [f"u{i:03d}@campus.example" for i in range(12)]
    for i in range(9):
        dead = i == 8
        names.domains.append(f"Far{i}.example" if i == 3 else f"far{i}.example")
        names.exchangers.append("" if dead else f"mx1.far{i}.example")
        names.exchanger_ips.append("" if dead else f"2001:db8:f::{i + 1}" if i == 5 else f"198.18.1.{i + 1}")
        names.senders.append(f"Person{i}@far{i}.example")
    names.senders.append("news@nowhere.test")
    names.users = [f"u{i:03d}" for i in range(12)] + [f"x{i}" for i in range(30)]
    names.questions = [f"far{i}.example" for i in range(9)] + [f"mx1.far{i}.example" for i in range(9)]
    names.questions += [f"{i}.1.18.198.in-addr.arpa" for i in range(9)] + ["_sip._tcp.far1.example"]
    return names


def _hosts() -> T.Hosts:
    hosts = T.Hosts(["192.0.2.3", "192.0.2.2"], ["mx.campus.example", "dns.campus.example"], ["mail-server", "resolver"])
    for i in range(20):
        hosts.ips.append(f"2001:db8:1::{i + 20:x}" if i % 7 == 3 else f"192.0.2.{i + 20}")
        hosts.names.append("" if i % 5 == 4 else f"pc-{i + 20}.campus.example")
        hosts.kinds.append("pc")
    for i in range(8):
        hosts.ips.append(f"198.18.1.{i + 1}")
        hosts.names.append("" if i == 6 else f"mail.far{i}.example")
        hosts.kinds.append("outside-server")
    return hosts


def _recipients(rng: np.random.Generator, m: T.Messages, names: T.Names) -> T.Recipients:
    count = np.where(rng.random(len(m.ms)) < 0.05, 60, rng.integers(1, 6, len(m.ms)))
    message = np.repeat(np.arange(len(m.ms)), count)
    one = np.repeat(rng.integers(0, len(names.domains), len(m.ms)), count)
    domain = np.where(rng.random(len(message)) < 0.5, one, rng.integers(T.LOCAL, len(names.domains), len(message)))
    many = np.repeat(count == 60, count)
    domain = np.where(many & (one < 8), one, domain)
    user = np.where(domain == T.LOCAL, rng.integers(0, 12, len(message)), rng.integers(12, len(names.users), len(message)))
    return T.Recipients(message, domain.astype(np.int64), user.astype(np.int64))


def _attempts(rng: np.random.Generator, m: T.Messages, r: T.Recipients, runs: np.ndarray, domains: int) -> T.Attempts:
    """All recipients of a message in a domain fare alike, but some users are unknown."""
    rows = []
    pairs = {(int(k), int(d)) for k, d in zip(r.message, r.domain, strict=True)}
    members: dict[tuple[int, int], list[int]] = {}
    for i, pair in enumerate(zip(r.message.tolist(), r.domain.tolist(), strict=True)):
        members.setdefault(pair, []).append(i)
    for k, d in sorted(pairs):
        at, run, tries = int(m.ms[k]) + int(rng.integers(200, 30_000)), -1, 0
        left = members[k, d]
        while left:
            reason = _reason(rng, d, domains, tries)
            status = T.SENT if reason == 0 else T.DEFERRED if reason < T.UNKNOWN_USER else T.FAILED
            took = int(rng.integers(0, 4000))
            lost = [i for i in left if status == T.SENT and rng.random() < 0.1]
            for i in left:
                bad = i in lost
                rows.append((at, i, tries, T.FAILED if bad else status, T.UNKNOWN_USER if bad else reason, run, took))
            if status != T.DEFERRED:
                break
            run = int(np.searchsorted(runs, at + 600_000))
            tries += 1
            if run >= len(runs):
                break
            at = int(runs[run]) + 500 + int(rng.integers(0, 60_000))
    columns = np.array(rows, np.int64).T
    return in_order([T.Attempts(*columns)])


def _reason(rng: np.random.Generator, domain: int, domains: int, tries: int) -> int:
    if domain == T.LOCAL:
        return T.ACCEPTED
    if domain == domains - 1:
        return T.UNKNOWN_HOST
    if tries == _GIVE_UP:
        return T.EXPIRED
    if domain == 2:
        return T.TIMED_OUT
    if domain == 4 and tries < 2:
        return T.GREYLISTED
    return int(rng.choice([T.ACCEPTED, T.REFUSED, T.POLICY, T.BUSY, T.NO_SERVER, T.REJECTED], p=[0.75, 0.05, 0.05, 0.05, 0.05, 0.05]))


def _bounces(m: T.Messages, r: T.Recipients, a: T.Attempts) -> T.Bounces:
    """One for each message and moment in which recipients failed, unless it has no sender."""
    lost = np.flatnonzero(a.status == T.FAILED)
    keys = [(int(r.message[a.recipient[i]]), int(a.ms[i])) for i in lost]
    first = dict(zip(reversed(keys), reversed(lost.tolist()), strict=True))
    rows = [(ms + 5, k, int(a.recipient[first[k, ms]])) for k, ms in sorted(first) if m.sender[k] >= 0]
    return in_order([T.Bounces(*np.array(rows, np.int64).reshape(-1, 3).T)])


def _refusals(rng: np.random.Generator, hosts: T.Hosts, names: T.Names) -> T.Refusals:
    n = 60
    reason = rng.choice([T.REJECTED, T.UNKNOWN_USER, T.GREYLISTED], n).astype(np.int64)
    domain = np.where(reason == T.REJECTED, rng.integers(0, 8, n), T.LOCAL)
    ms = rng.integers(START, START + HOURS * 3_600_000 - 1000, n)
    client = rng.integers(22, len(hosts.ips), n)
    return in_order([T.Refusals(ms, client, rng.integers(12, len(names.senders), n), domain, rng.integers(12, 42, n), reason)])


def _logins(rng: np.random.Generator) -> T.Logins:
    n = 200
    ms = rng.integers(START, START + (HOURS - 1) * 3_600_000, n)
    ok = (rng.random(n) < 0.9).astype(np.int64)
    return in_order([T.Logins(ms, rng.integers(2, 22, n), rng.integers(0, 12, n), rng.integers(0, 2, n), ok, rng.integers(0, 5, n), rng.integers(100, 90_000, n))])


def _queries(rng: np.random.Generator, names: T.Names, clients: np.ndarray) -> T.Queries:
    n = 2000
    ms = rng.integers(START, START + HOURS * 3_600_000 - 1000, n)
    client = np.where(rng.random(n) < 0.5, 0, rng.choice(clients, n))
    return in_order([T.Queries(ms, client, rng.integers(0, len(names.questions), n), rng.choice(TYPES, n), rng.choice([0, 2, 3], n))])
