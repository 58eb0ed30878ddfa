"""Every DNS question that the logging resolver sees: what mail costs, what people browse, and what attackers ask."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mailripple.simulate.columns import chosen, in_order
from mailripple.simulate.site.attacks import Attack, moments
from mailripple.simulate.site.drafts import Draft
from mailripple.simulate.site.network import GUESSES, KNOWN, MAIL_SERVER, STRANGE, TARGETS, Network
from mailripple.simulate.site.scene import Clock
from mailripple.simulate.site.tables import LOCAL, Attempts, Ints, Logins, Queries
from mailripple.tables import QTYPES

A, AAAA, PTR, MX, TXT = (QTYPES.index(name) for name in ("A", "AAAA", "PTR", "MX", "TXT"))
NXDOMAIN = 3


def asked(ms: Ints, client: int | Ints, name: Ints, qtype: int, rcode: int | Ints = 0) -> Queries:
    """Questions of one type."""
    n = len(ms)
    who = np.full(n, client) if isinstance(client, int) else client
    return Queries(ms, who, name, np.full(n, qtype), np.full(n, rcode) if isinstance(rcode, int) else rcode)


def mail_queries(
    net: Network, mail: Draft, attempts: Attempts, logins: Logins, values: dict[str, float], rng: np.random.Generator
) -> list[Queries]:
    """What the mail server asks: who a client is (PTR, then A; for mail from outside lists of spammers and TXT), where
    a destination is (MX, then A and AAAA of its exchanger), who logs in."""
    ms, client = mail.messages.ms, mail.messages.client
    parts = [asked(ms - 180, MAIL_SERVER, net.questions("reverse", client), PTR)]
    more = rng.random(len(ms)) < values["dns_message"] - 1
    parts.append(asked(ms[more] - 120, MAIL_SERVER, net.questions("forward", client[more]), A))
    outside = np.isin(client, net.of["outside-server"])
    parts.append(asked(ms[outside] - 90, MAIL_SERVER, net.questions("list", client[outside]), A, NXDOMAIN))
    parts.append(asked(ms[outside] - 60, MAIL_SERVER, net.questions("forward", client[outside]), TXT))
    domain = mail.recipients.domain[attempts.recipient]
    group = mail.recipients.message[attempts.recipient] * 70_000 + domain
    away = np.flatnonzero(domain != LOCAL)
    _, one = np.unique(group[away] * 1_000 + np.minimum(attempts.run[away] + 1, 999), return_index=True)
    rows = away[np.sort(one)]
    first = attempts.run[rows] < 0
    when, where = attempts.ms[rows] - attempts.took[rows], domain[rows]
    parts.append(asked(when[first] - 200, MAIL_SERVER, net.questions("domain", where[first]), MX))
    extra = [(rng.random(len(rows)) < values["dns_host"] - 1 - k) & first for k in range(4)]
    for k, (some, qtype) in enumerate(zip(extra, (A, AAAA, A, TXT), strict=True)):
        kind = "exchanger" if k < 2 else "domain"
        parts.append(asked(when[some] - 150 + 30 * k, MAIL_SERVER, net.questions(kind, where[some]), qtype))
    two = (rng.random(len(rows)) < values["second_exchanger"]) & first & (where % 3 == 0)
    parts.append(asked(when[two] - 140, MAIL_SERVER, net.questions("second", where[two]), A))
    again = ~first & (rng.random(len(rows)) < values["dns_retry"])
    parts.append(asked(when[again] - 90, MAIL_SERVER, net.questions("exchanger", where[again]), A))
    told = rng.random(len(logins.ms)) < values["dns_login"]
    parts.append(asked(logins.ms[told] - 30, MAIL_SERVER, net.questions("reverse", logins.host[told]), PTR))
    kept = []
    for part in parts:
        kept.append(chosen(part, rng.random(len(part.ms)) >= values["dns_cached"]))
    return kept


def browsing(net: Network, clock: Clock, values: dict[str, float], rng: np.random.Generator) -> list[Queries]:
    """People's own look-ups, in clumps: web servers, now and then the name of an address; mail clients that look for
    their provider's servers; somebody who asks for exchangers by hand; monitors; programs that check a list."""
    inside = np.concatenate([net.of[kind] for kind in ("pc", "shared-pc", "gateway")])
    n = int(len(inside) * values["browsing"] * clock.days)
    pages = clock.moments(max(1, n // 4), rng, floor=0.03)
    page = np.sort(rng.integers(0, len(pages), n))
    ms = pages[page] + rng.exponential(700, n).astype(np.int64)
    client = rng.choice(inside, len(pages))[page]
    site = (rng.random(n) ** 3 * STRANGE[1]).astype(np.int64)
    curious = 0.02 * rng.lognormal(-0.5, 1.0, len(net.hosts.ips))  # some systems ask who an address is, most do not
    six, reverse = rng.random(n) < 0.35, rng.random(n) < curious[client]
    plain = ~six & ~reverse
    names = np.zeros(n, np.int64)
    names[~reverse] = net.questions("web", site[~reverse])
    web_mail = ~reverse & (site < 25) & (rng.random(n) < 0.05)
    names[web_mail] = np.array([net.question(f"mail.{net.names.domains[i]}") for i in range(25)])[site[web_mail]]
    parts = [
        asked(ms[plain], client[plain], names[plain], A),
        asked(ms[six & ~reverse], client[six & ~reverse], names[six & ~reverse], AAAA),
    ]
    parts.append(
        asked(ms[reverse], client[reverse], net.questions("reverse", rng.choice(inside, int(reverse.sum()))), PTR)
    )
    return [*parts, *_benign_exchangers(net, clock, inside, values, rng)]


def _benign_exchangers(
    net: Network, clock: Clock, inside: Ints, values: dict[str, float], rng: np.random.Generator
) -> list[Queries]:
    """MX questions of hosts that are no mailers."""
    parts = []
    thousands = len(inside) / 1000
    for host in inside[rng.random(len(inside)) < 0.1].tolist():  # a mail client sets itself up, or checks its domains
        own = rng.integers(*KNOWN, int(rng.integers(1, 4)))
        at = clock.moments(int(rng.integers(1, 4)), rng)
        where = rng.choice(own, len(at))
        parts.append(asked(at, host, net.questions("domain", where), MX))
        guessed = np.array([net.question(f"{g}.{net.names.domains[int(own[0])]}") for g in ("mail", "smtp", "imap")])
        parts.append(asked(at[:1].repeat(3) + np.arange(3) * 400, host, guessed, A, NXDOMAIN))
    for _ in range(int(rng.poisson(values["dig_sessions"] * thousands * clock.days))):
        n = int(rng.geometric(0.3))
        at = clock.office_time(rng) + np.cumsum(rng.exponential(15_000, n)).astype(np.int64)
        parts.append(asked(at, int(rng.choice(inside)), net.questions("domain", rng.integers(*STRANGE, n)), MX))
    for _ in range(int(rng.poisson(values["scripts"] * thousands * clock.days / 7))):
        n = int(rng.integers(20, 300))
        at = clock.office_time(rng) + np.sort(rng.integers(0, int(n * rng.uniform(30, 400)), n))
        parts.append(asked(at, int(rng.choice(inside)), net.questions("domain", rng.integers(*STRANGE, n)), MX))
    for host in net.of["monitor"].tolist():
        few = rng.integers(*KNOWN, int(rng.integers(2, 9)))
        at = np.arange(clock.start, clock.end, 300_000)
        parts.append(
            asked(
                at + int(rng.integers(0, 300_000)),
                host,
                net.questions("domain", few[np.arange(len(at)) % len(few)]),
                MX,
            )
        )
    return parts


def own_engine(net: Network, attack: Attack, host: int, clock: Clock, rng: np.random.Generator) -> Queries:
    """What a mailer with an engine of its own asks: the exchanger of each domain, or guesses of its name."""
    at = moments(attack, clock.start, clock.end, rng)
    n = len(at)
    domain = np.where(rng.random(n) < attack.novelty, rng.integers(*TARGETS, n), rng.integers(*KNOWN, n))
    if attack.path == "direct":
        parts = [asked(at, host, net.questions("domain", domain), MX)]
        found = rng.random(n) < 0.9
        parts.append(asked(at[found] + 60, host, net.questions("exchanger", domain[found]), A))
        return in_order(parts)
    places, when, codes = [], [], []
    for moment, d in zip(at.tolist(), domain.tolist(), strict=True):
        tries = int(rng.integers(1, len(GUESSES) + 1))
        for k in range(tries):
            places.append(net.question(f"{GUESSES[k]}.{net.names.domains[d]}"))
            when.append(moment + 150 * k)
            codes.append(0 if k == tries - 1 else NXDOMAIN)
    found_places = np.array(places, np.int64)
    return asked(np.array(when, np.int64), host, found_places, A, np.array(codes, np.int64))


def all_queries(parts: Sequence[Queries], start: int, end: int) -> Queries:
    """All questions between `start` and `end`, by time."""
    every = in_order(parts)
    return chosen(every, (every.ms >= start) & (every.ms < end))
